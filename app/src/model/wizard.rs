//! The sound check step by step: what was found so far, and what its page shows.

use std::time::{Duration, Instant};

use phone_core::diagnose::finding::Verdict;
use phone_core::diagnose::{Facts, Limits, Line, Report, judge};
use phone_core::event::Quality;

use super::findings::Row;
use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Devices,
    Sentence,
    Sides,
    Echo,
    Buttons,
    Call,
    Summary,
}

impl Step {
    pub const ALL: [Self; 7] =
        [Self::Devices, Self::Sentence, Self::Sides, Self::Echo, Self::Buttons, Self::Call, Self::Summary];

    /// From 1.
    pub const fn number(self) -> usize {
        self as usize + 1
    }

    pub fn next(self) -> Option<Self> {
        Self::ALL.get(self as usize + 1).copied()
    }

    pub fn previous(self) -> Option<Self> {
        Self::ALL.get((self as usize).checked_sub(1)?).copied()
    }

    /// The checks that it answers.
    pub const fn checks(self) -> &'static [&'static str] {
        match self {
            Self::Devices => &["A14"],
            Self::Sentence => &["A2", "A3", "A4", "A4b", "A4c", "A10", "A13", "A5"],
            Self::Sides => &["A6", "A7"],
            Self::Echo => &["A8"],
            Self::Buttons => &["A11"],
            Self::Call => &["N10", "N15"],
            Self::Summary => &[],
        }
    }
}

/// All checks of the seven steps.
pub fn all_checks() -> impl Iterator<Item = &'static str> {
    Step::ALL.into_iter().flat_map(|step| step.checks().iter().copied())
}

/// What can be listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    Left,
    Right,
    Ring,
}

impl Try {
    pub const ALL: [Self; 3] = [Self::Left, Self::Right, Self::Ring];
}

/// What goes on in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// The devices are being opened.
    Opening,
    Recording,
    /// The recording is played.
    Playing,
    Trying(Try),
    Measuring,
    Judging,
    Calling,
}

/// How a step stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Act {
    #[default]
    Idle,
    Busy {
        doing: Doing,
        since: Instant,
        /// How long it takes, where that is known.
        length: Duration,
    },
    /// Why it did not work, and what to do.
    Failed(String),
}

/// One walk through the steps.
#[derive(Clone, Debug)]
pub struct Walk {
    pub step: Step,
    pub act: Act,
    pub facts: Facts,
    /// Level of the recording, a value every [`WAVE_STEP`], in dBFS.
    pub wave: Vec<f32>,
    /// There is a recording that can be heard again.
    pub recorded: bool,
    /// What was played, and waits for an answer or has one.
    pub played: [bool; 3],
    /// Of the test call.
    pub seconds: Vec<Quality>,
    /// Steps that the user passed over.
    pub skipped: [bool; 7],
    /// There with the summary.
    pub report: Option<Report>,
    /// The last result with this headset that was kept as good.
    pub baseline: Option<Report>,
    /// This result was kept as the new one.
    pub kept: bool,
}

/// Between two values of a wave.
pub const WAVE_STEP: Duration = Duration::from_millis(50);

impl Walk {
    pub fn new(facts: Facts) -> Self {
        Self {
            step: Step::Devices,
            act: Act::Idle,
            facts,
            wave: Vec::new(),
            recorded: false,
            played: [false; 3],
            seconds: Vec::new(),
            skipped: [false; 7],
            report: None,
            baseline: None,
            kept: false,
        }
    }

    pub fn busy(&self) -> Option<Doing> {
        match self.act {
            Act::Busy { doing, .. } => Some(doing),
            Act::Idle | Act::Failed(_) => None,
        }
    }

    /// How much of what goes on is over, 0–1.
    pub fn share(&self, now: Instant) -> f32 {
        match self.act {
            Act::Busy { since, length, .. } if !length.is_zero() => {
                (now.saturating_duration_since(since).as_secs_f32() / length.as_secs_f32()).min(1.0)
            }
            _ => 0.0,
        }
    }

    /// What the user said about a tone; `None`: nothing yet.
    pub fn heard(&self, what: Try) -> Option<bool> {
        match what {
            Try::Left => self.facts.speaker.as_ref()?.heard_left,
            Try::Right => self.facts.speaker.as_ref()?.heard_right,
            Try::Ring => self.facts.ringer.as_ref()?.heard_left,
        }
    }

    pub fn was_played(&self, what: Try) -> bool {
        self.played.get(what as usize).copied().unwrap_or_default()
    }

    /// Why the step cannot be left as done; it can always be skipped.
    pub fn unfinished(&self) -> Option<&'static str> {
        if self.busy().is_some() {
            return Some(text::WIZARD_BUSY);
        }
        match self.step {
            Step::Sentence if self.facts.microphone.is_none() => Some(text::WIZARD_RECORD_FIRST),
            Step::Sides if Try::ALL.iter().all(|what| self.heard(*what).is_none()) => Some(text::WIZARD_LISTEN_FIRST),
            Step::Echo if self.facts.echo.is_none() => Some(text::WIZARD_MEASURE_FIRST),
            Step::Call if self.facts.call.is_none() => Some(text::WIZARD_CALL_FIRST),
            _ => None,
        }
    }

    /// The lines of a step that say something.
    pub fn lines(&self, step: Step) -> Vec<Line> {
        let limits = Limits::default();
        let lines = step.checks().iter().map(|check| judge::line(check, &self.facts, &limits));
        lines.filter(|line| line.verdict != Verdict::Skipped).collect()
    }

    /// Anything was measured or answered.
    pub fn has_results(&self) -> bool {
        Step::ALL.into_iter().skip(1).any(|step| !self.lines(step).is_empty())
    }

    pub fn rows(&self, step: Step) -> Vec<Row> {
        self.lines(step).into_iter().map(row).collect()
    }
}

pub fn row(line: Line) -> Row {
    Row {
        id: line.check.clone(),
        shape: line.verdict.into(),
        name: line.name().to_owned(),
        words: line.words,
        value: line.value,
        limit: line.limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_always_seven_steps_in_one_order() {
        let mut step = Step::Devices;
        let mut seen = vec![step];
        while let Some(next) = step.next() {
            assert_eq!(next.previous(), Some(step));
            step = next;
            seen.push(step);
        }
        assert_eq!(seen, Step::ALL);
        assert_eq!((Step::Devices.previous(), step.number()), (None, 7));
    }

    #[test]
    fn every_check_of_the_steps_is_in_the_catalogue_once() {
        let mut ids: Vec<&str> = all_checks().collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(ids.iter().all(|id| phone_core::diagnose::catalogue::check(id).is_some()), "{ids:?}");
    }

    #[test]
    fn nothing_is_done_before_it_was_measured() {
        let mut walk = Walk::new(Facts::default());
        for (step, done) in Step::ALL.into_iter().zip([true, false, false, false, true, false, true]) {
            walk.step = step;
            assert_eq!(walk.unfinished().is_none(), done, "{step:?}");
        }
        assert!(!walk.has_results());
    }
}
