//! What changed from one result to another, told by the checks that ended differently.

use serde::Serialize;

use super::Report;
use crate::diagnose::finding::{Line, Verdict};

/// One check that both results have, and that ended differently; or a bad one that only one has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub check: String,
    pub name: String,
    pub before: Option<Line>,
    pub after: Option<Line>,
    /// Worse now than before.
    pub worse: bool,
}

/// The changes from `before` to `after`: what got worse first, then what got better, then figures that moved.
pub fn compare(before: &Report, after: &Report) -> Vec<Change> {
    let find = |report: &Report, check: &str| report.lines.iter().find(|line| line.check == check).cloned();
    let mut checks: Vec<&str> = before.lines.iter().chain(&after.lines).map(|line| line.check.as_str()).collect();
    checks.sort_unstable();
    checks.dedup();
    let mut changes: Vec<Change> = checks
        .into_iter()
        .filter_map(|check| {
            let (old, new) = (find(before, check), find(after, check));
            let verdict = |line: &Option<Line>| line.as_ref().map_or(Verdict::Skipped, |line| line.verdict);
            let (then, now) = (verdict(&old), verdict(&new));
            let moved = match (&old, &new) {
                (Some(old), Some(new)) if then.min(now) > Verdict::Skipped => {
                    then != now || moved(&old.value, &new.value)
                }
                // That something fine was not checked the other time is no news.
                _ => then.max(now) > Verdict::Pass,
            };
            let name = new.as_ref().or(old.as_ref()).map_or(check, Line::name).to_owned();
            moved.then(|| Change {
                check: check.to_owned(),
                name,
                worse: now > then && now > Verdict::Pass,
                before: old,
                after: new,
            })
        })
        .collect();
    let rank = |change: &Change| {
        let verdict = |line: &Option<Line>| line.as_ref().map_or(Verdict::Skipped, |line| line.verdict);
        match (change.worse, verdict(&change.before) == verdict(&change.after)) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        }
    };
    changes.sort_by_key(|change| (rank(change), change.check.clone()));
    changes
}

/// Whether two figures with the same unit differ by more than a third: less is the weather.
fn moved(old: &str, new: &str) -> bool {
    let number = |text: &str| {
        let digits: String =
            text.replace('−', "-").chars().take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | '+')).collect();
        digits.parse::<f64>().ok().map(|number| (number, text.trim_start_matches(|c| c != ' ').to_owned()))
    };
    match (number(old), number(new)) {
        (Some((old, unit)), Some((new, other))) if unit == other => {
            // Levels are logarithms already.
            let least = if unit.contains("dB") { 6.0 } else { 0.33 * old.abs().max(new.abs()).max(3.0) };
            (old - new).abs() > least
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_hardly_moved_are_no_news() {
        for (old, new, expected) in [
            ("14 ms", "16 ms", false),
            ("14 ms", "90 ms", true),
            ("0.4 ms", "1.2 ms", false),
            ("−22 dB", "−25 dB", false),
            ("−22 dB", "−41 dB", true),
            ("EF", "none", false),
            ("14 ms", "14 %", false),
        ] {
            assert_eq!(moved(old, new), expected, "{old} → {new}");
        }
    }
}
