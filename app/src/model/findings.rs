//! What the Diagnostics page shows, from a run and its report.

use std::time::{Duration, Instant};

use phone_core::diagnose::catalogue::Group;
use phone_core::diagnose::finding::{Remedy, Sign, Verdict};
use phone_core::diagnose::report::{Change, compare, moment};
use phone_core::diagnose::{Readiness, Report};

use crate::diagnose::older::Older;
use crate::diagnose::{Progress, Scope, State};
use crate::text;

/// What the window knows of checks; it owns the run itself.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    pub run: Option<RunView>,
    /// The sound check step by step, while it goes on.
    pub walk: Option<super::wizard::Walk>,
    /// The last result, and when it came.
    pub report: Option<(Report, Instant)>,
    /// The one to compare with.
    pub previous: Option<Report>,
    /// Others that could be compared with, while the user chooses.
    pub older: Option<Vec<Older>>,
    /// What the last run was about.
    pub scope: Option<Scope>,
}

/// A run under way.
#[derive(Clone, Debug)]
pub struct RunView {
    pub scope: Scope,
    pub progress: Vec<Progress>,
    pub began: Instant,
}

/// The shape at the left of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Passed,
    Warning,
    Failed,
    Skipped,
    Running,
    Waiting,
}

impl From<Verdict> for Shape {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Passed,
            Verdict::Warn => Self::Warning,
            Verdict::Fail => Self::Failed,
            Verdict::Skipped => Self::Skipped,
        }
    }
}

/// One line of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: String,
    pub shape: Shape,
    pub name: String,
    pub words: String,
    pub value: String,
    pub limit: String,
}

/// A head and its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    pub head: &'static str,
    /// `3 of 3`.
    pub count: String,
    pub rows: Vec<Row>,
}

/// The page while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    pub title: &'static str,
    pub doing: &'static str,
    /// `7 of 14 · 10 s left`.
    pub count: String,
    pub share: f32,
    pub sections: Vec<Section>,
}

/// What a whole run takes, for the time that is left.
fn expected(scope: Scope) -> Duration {
    use phone_core::diagnose::Plan;
    Duration::from_secs(match scope {
        Scope::Plan(Plan::Quick) => 12,
        Scope::Plan(Plan::Audio) => 28,
        Scope::Plan(Plan::Network) => 22,
        Scope::Plan(Plan::Full) => 45,
        Scope::Symptom(_) => 15,
    })
}

pub fn running(run: &RunView, now: Instant) -> Running {
    let done = |entry: &&Progress| matches!(entry.state, State::Done(_));
    let count = run.progress.iter().filter(done).count();
    let current = run.progress.iter().find(|entry| entry.state == State::Running);
    let doing = current.map_or(text::DIAG_STARTING, |entry| entry.check.group.doing());
    let left = expected(run.scope).saturating_sub(now.saturating_duration_since(run.began)).as_secs();
    let mut words = format!("{count} of {}", run.progress.len());
    if left > 0 {
        words = format!("{words} · {}", text::seconds_left(left));
    }
    let sections = Group::ALL
        .into_iter()
        .filter_map(|group| {
            let entries: Vec<&Progress> = run.progress.iter().filter(|entry| entry.check.group == group).collect();
            if entries.is_empty() {
                return None;
            }
            let finished = entries.iter().copied().filter(done).count();
            Some(Section {
                head: group.words(),
                count: format!("{finished} of {}", entries.len()),
                rows: entries.into_iter().map(row_of).collect(),
            })
        })
        .collect();
    Running {
        title: run.scope.title(),
        doing,
        count: words,
        share: count as f32 / run.progress.len().max(1) as f32,
        sections,
    }
}

fn row_of(entry: &Progress) -> Row {
    let plain = |shape, words: &str, value: &str| Row {
        id: entry.check.id.to_owned(),
        shape,
        name: entry.check.name.to_owned(),
        words: words.to_owned(),
        value: value.to_owned(),
        limit: String::new(),
    };
    match &entry.state {
        State::Waiting => plain(Shape::Waiting, "", text::DIAG_WAITING),
        State::Running => plain(Shape::Running, text::DIAG_MEASURING, ""),
        State::Done(line) => Row {
            id: line.check.clone(),
            shape: line.verdict.into(),
            name: line.name().to_owned(),
            words: line.words.clone(),
            value: line.value.clone(),
            limit: line.limit.clone(),
        },
    }
}

/// One cause as a card.
#[derive(Clone, Debug, PartialEq)]
pub struct CauseCard {
    pub rule: String,
    pub title: String,
    pub owner: &'static str,
    pub likelihood: &'static str,
    pub share: f32,
    pub evidence: Vec<(Sign, String, String)>,
    pub advice: String,
    pub remedy: Remedy,
}

/// The page of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub title: &'static str,
    pub shape: Shape,
    pub sentence: String,
    /// The word at the top: `Ready`, `Check sound`.
    pub state: &'static str,
    pub causes: Vec<CauseCard>,
    /// `11 other checks passed`.
    pub passed: String,
    pub sections: Vec<Section>,
    /// What it is compared with, and what changed since; worse ones marked.
    pub changes: Option<(String, Vec<(bool, String)>)>,
}

pub fn outcome(report: &Report, scope: Option<Scope>, previous: Option<&Report>) -> Outcome {
    let shape = shape_of(report);
    let causes: Vec<CauseCard> = report
        .causes
        .iter()
        .take(5)
        .map(|cause| CauseCard {
            rule: cause.rule.clone(),
            title: cause.title().to_owned(),
            owner: cause.owner().words(),
            likelihood: cause.likelihood(),
            share: cause.confidence,
            evidence: cause
                .evidence
                .iter()
                .map(|evidence| (evidence.sign, evidence.fact.clone(), evidence.value.clone()))
                .collect(),
            advice: cause.advice().to_owned(),
            remedy: cause.remedy.clone(),
        })
        .collect();
    let sections = Group::ALL
        .into_iter()
        .filter_map(|group| {
            let rows: Vec<Row> = report
                .lines
                .iter()
                .filter(|line| phone_core::diagnose::catalogue::check(&line.check).map(|c| c.group) == Some(group))
                .map(|line| Row {
                    id: line.check.clone(),
                    shape: line.verdict.into(),
                    name: line.name().to_owned(),
                    words: line.words.clone(),
                    value: line.value.clone(),
                    limit: line.limit.clone(),
                })
                .collect();
            let fine = rows.iter().filter(|row| row.shape == Shape::Passed).count();
            (!rows.is_empty()).then(|| Section {
                head: group.words(),
                count: format!("{fine} of {}", rows.len()),
                rows,
            })
        })
        .collect();
    let changes = previous.map(|previous| (moment(previous.began_s), changes(previous, report)));
    let passed = report.passed();
    Outcome {
        title: scope.map_or(report.plan.title(), Scope::title),
        shape,
        sentence: report.sentence.clone(),
        state: state_word(report),
        passed: text::checks_passed(passed, causes.is_empty()),
        causes,
        sections,
        changes,
    }
}

fn changes(previous: &Report, report: &Report) -> Vec<(bool, String)> {
    let show = |line: &Option<phone_core::diagnose::Line>| {
        line.as_ref().map_or_else(
            || text::DIAG_NOT_CHECKED.to_owned(),
            |line| format!("{} {}", line.words, line.value).trim().to_owned(),
        )
    };
    let words =
        |change: Change| (change.worse, format!("{}: {} → {}", change.name, show(&change.before), show(&change.after)));
    compare(previous, report).into_iter().map(words).collect()
}

/// The list of results that can be compared with: what it is, when, and how it ended.
pub fn older_rows(older: &[Older]) -> Vec<(Shape, String, &'static str)> {
    let row = |older: &Older| {
        let kind = if older.baseline { text::DIAG_BASELINE } else { text::DIAG_SAVED };
        let words = format!("{} · {}", moment(older.report.began_s), older.report.plan.title());
        (shape_of(&older.report), words, kind)
    };
    older.iter().map(row).collect()
}

fn shape_of(report: &Report) -> Shape {
    match report.readiness {
        Readiness::Ready => Shape::Passed,
        Readiness::ReadyWithWarnings => Shape::Warning,
        Readiness::NotReady => Shape::Failed,
        Readiness::CouldNotRun => Shape::Skipped,
    }
}

/// While a cause is open the state never says Ready.
fn state_word(report: &Report) -> &'static str {
    match report.causes.first().filter(|cause| cause.confidence >= 0.5) {
        None if report.readiness == Readiness::Ready => text::READY,
        None => text::DIAG_CHECK,
        Some(cause) if cause.rule.starts_with("DX-02") || cause.rule.starts_with("DX-A") => text::DIAG_CHECK_SOUND,
        Some(cause) if cause.rule.starts_with("DX-N10") || cause.rule.starts_with("DX-N11") => text::DIAG_CHECK_SERVICE,
        Some(cause) if cause.rule == "DX-03e" => text::DIAG_CHECK_COMPUTER,
        Some(_) => text::DIAG_CHECK_NETWORK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::made_up::diagnosis;

    #[test]
    fn a_run_counts_what_is_done_and_names_what_goes_on() {
        let now = Instant::now();
        let run = diagnosis::half_done(now);
        let model = running(&run, now + Duration::from_secs(2));
        assert!(model.share > 0.2 && model.share < 0.9, "{}", model.share);
        assert!(model.count.contains(" of ") && model.count.contains("s left"), "{}", model.count);
        assert!(model.sections.iter().any(|section| section.rows.iter().any(|row| row.shape == Shape::Running)));
    }

    #[test]
    fn a_result_with_a_cause_never_says_ready() {
        let failed = diagnosis::wrong_microphone();
        let model = outcome(&failed, None, None);
        assert_eq!((model.state, model.shape), (text::DIAG_CHECK_SOUND, Shape::Failed));
        assert_eq!(model.causes[0].rule, "DX-02d");
        let model = outcome(&diagnosis::healthy(), None, Some(&failed));
        assert_eq!(model.state, text::READY);
        let (_, changes) = model.changes.expect("it is compared");
        assert!(model.causes.is_empty() && !changes.is_empty(), "{changes:?}");
    }
}
