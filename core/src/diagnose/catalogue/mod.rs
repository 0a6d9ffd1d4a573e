//! The one list of what can be checked and what can be wrong. Screen, command line, report and documentation are
//! made from it, so that they never disagree.
//!
//! A [`Check`] is one line of a run; a [`Rule`] is one cause that checks can prove. Ids are stable: scripts and help
//! desks rely on them.

mod checks;
mod line_rules;
mod rules;

use serde::{Deserialize, Serialize};

pub use checks::CHECKS;
use line_rules::LINE_RULES;
use rules::MEASURED_RULES;

/// Every cause there is a rule for.
pub const RULES: &[Rule] = &ALL_RULES;
const ALL_RULES: [Rule; MEASURED_RULES.len() + LINE_RULES.len()] = joined(MEASURED_RULES, LINE_RULES);

#[expect(clippy::indexing_slicing, reason = "runs in the compiler, which refuses an index that is too large")]
const fn joined<const COUNT: usize>(first: &[Rule], second: &[Rule]) -> [Rule; COUNT] {
    let mut all = [first[0]; COUNT];
    let mut index = 0;
    while index < COUNT {
        all[index] = if index < first.len() { first[index] } else { second[index - first.len()] };
        index += 1;
    }
    all
}

/// What the user notices, in the user's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    NotHeard,
    NotHearing,
    Echo,
    Choppy,
    DidNotRing,
    CannotSignIn,
    CallsDrop,
    TransferFails,
    PhoneMissing,
}

impl Symptom {
    /// In the order of the diagnostics home.
    pub const ALL: [Self; 9] = [
        Self::NotHeard,
        Self::NotHearing,
        Self::Echo,
        Self::Choppy,
        Self::DidNotRing,
        Self::CannotSignIn,
        Self::CallsDrop,
        Self::TransferFails,
        Self::PhoneMissing,
    ];

    /// As on the chip.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotHeard => "They can’t hear me",
            Self::NotHearing => "I can’t hear them",
            Self::Echo => "Echo",
            Self::Choppy => "Choppy",
            Self::DidNotRing => "It did not ring",
            Self::CannotSignIn => "Cannot sign in",
            Self::CallsDrop => "Calls drop",
            Self::TransferFails => "Transfer fails",
            Self::PhoneMissing => "My phone is not in the list",
        }
    }
}

/// Who can put it right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    You,
    It,
    YouOrIt,
    ItOrProvider,
    /// The fault lies with the other side of the call.
    Nobody,
}

impl Owner {
    pub const fn words(self) -> &'static str {
        match self {
            Self::You => "You can fix this",
            Self::It => "Your IT can fix this",
            Self::YouOrIt => "You or your IT can fix this",
            Self::ItOrProvider => "Your IT or the provider can fix this",
            Self::Nobody => "Nothing to fix here",
        }
    }
}

/// One cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// For instance `DX-02d`.
    pub id: &'static str,
    /// A few words: the title of the cause.
    pub cause: &'static str,
    /// One sentence, for the head of a result.
    pub verdict: &'static str,
    /// What has to be measured for it to be raised.
    pub evidence: &'static str,
    /// What to do.
    pub remedy: &'static str,
    pub owner: Owner,
    pub symptoms: &'static [Symptom],
    /// Where the rule comes from.
    pub source: &'static str,
    /// The day somebody last compared the rule with its source, `YYYY-MM-DD`.
    pub verified: &'static str,
}

/// The heads of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    Sound,
    Computer,
    Network,
    Service,
}

impl Group {
    pub const ALL: [Self; 4] = [Self::Sound, Self::Computer, Self::Network, Self::Service];

    pub const fn words(self) -> &'static str {
        match self {
            Self::Sound => "Sound",
            Self::Computer => "This computer",
            Self::Network => "Network",
            Self::Service => "Service",
        }
    }

    /// While it runs.
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Sound => "Checking your sound",
            Self::Computer => "Checking this computer",
            Self::Network => "Checking the network",
            Self::Service => "Checking the service",
        }
    }
}

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// At most 20 s, the microphone open for at most 3 s.
    Quick,
    Audio,
    Network,
    Full,
}

impl Plan {
    pub const fn title(self) -> &'static str {
        match self {
            Self::Quick => "Quick check",
            Self::Audio => "Sound check",
            Self::Network => "Network check",
            Self::Full => "Full check",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Quick => 1,
            Self::Audio => 2,
            Self::Network => 4,
            Self::Full => 8,
        }
    }
}

/// One line of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// For instance `A4`. Checks that measure several things have a letter behind it.
    pub id: &'static str,
    pub name: &'static str,
    pub group: Group,
    /// What is done.
    pub measures: &'static str,
    /// Causes it can prove, or refute.
    pub rules: &'static [&'static str],
    /// Bits of [`Plan`].
    plans: u8,
    pub source: &'static str,
    pub verified: &'static str,
}

impl Check {
    pub const fn is_in(&self, plan: Plan) -> bool {
        self.plans & plan.bit() != 0
    }
}

pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

pub fn check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

/// The checks of a plan, in the order they run.
pub fn checks_of(plan: Plan) -> Vec<&'static Check> {
    CHECKS.iter().filter(|check| check.is_in(plan)).collect()
}

/// Only those that can prove or refute a cause of the symptom, in the order they run.
pub fn checks_for(symptom: Symptom) -> Vec<&'static Check> {
    let causes: Vec<&str> = RULES.iter().filter(|rule| rule.symptoms.contains(&symptom)).map(|rule| rule.id).collect();
    CHECKS
        .iter()
        .filter(|check| check.is_in(Plan::Quick) || check.is_in(Plan::Audio))
        .filter(|check| check.rules.iter().any(|id| causes.contains(id)))
        .collect()
}

/// Days since 1970-01-01 of a `YYYY-MM-DD`; `None`: it is no date.
pub fn day_number(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    // Howard Hinnant's days_from_civil: years start in March, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let (era, year_of_era) = (year / 400, year % 400);
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// A rule that nobody compared with its source for over a year is worth a second look.
pub fn is_stale(verified: &str, today: &str) -> bool {
    match (day_number(verified), day_number(today)) {
        (Some(then), Some(now)) => now - then > 366,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_every_entry_is_whole() {
        let mut ids = BTreeSet::new();
        for rule in RULES {
            assert!(ids.insert(rule.id), "{} twice", rule.id);
            for text in [rule.cause, rule.verdict, rule.evidence, rule.remedy, rule.source] {
                assert!(!text.trim().is_empty(), "{}", rule.id);
            }
            assert!(rule.verdict.ends_with('.') && rule.remedy.ends_with('.'), "{}", rule.id);
            assert!(!rule.symptoms.is_empty(), "{} is found by no symptom", rule.id);
        }
        for check in CHECKS {
            assert!(ids.insert(check.id), "{} twice", check.id);
            assert!(!check.measures.is_empty() && !check.source.is_empty(), "{}", check.id);
        }
    }

    #[test]
    fn row_13_every_rule_and_check_has_a_source_and_a_day_it_was_verified() {
        let dates = RULES.iter().map(|r| (r.id, r.source, r.verified));
        for (id, source, verified) in dates.chain(CHECKS.iter().map(|c| (c.id, c.source, c.verified))) {
            assert!(!source.is_empty(), "{id}");
            assert!(day_number(verified).is_some(), "{id}: {verified}");
        }
        assert!(!is_stale("2026-01-31", "2026-12-01"));
        assert!(is_stale("2025-01-31", "2026-12-01"));
        assert!(is_stale("yesterday", "2026-12-01"));
    }

    #[test]
    fn row_131_every_rule_is_proved_by_a_check_and_every_check_names_rules_that_exist() {
        for rule in RULES {
            let by_call = ["DX-A5", "DX-03f", "DX-03g"].contains(&rule.id);
            assert!(by_call || CHECKS.iter().any(|check| check.rules.contains(&rule.id)), "{}", rule.id);
        }
        for check in CHECKS {
            for id in check.rules {
                assert!(super::rule(id).is_some(), "{} names {id}", check.id);
            }
        }
    }

    #[test]
    fn row_150_a_symptom_runs_only_checks_that_can_prove_its_causes() {
        for symptom in Symptom::ALL {
            let checks = checks_for(symptom);
            assert!(!checks.is_empty(), "{symptom:?} runs nothing");
            assert!(checks.len() < CHECKS.len() / 2 + 6, "{symptom:?} runs nearly everything");
        }
        let echo: Vec<&str> = checks_for(Symptom::Echo).iter().map(|check| check.id).collect();
        assert!(echo.contains(&"A8") && !echo.contains(&"N1"), "{echo:?}");
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        assert_eq!(day_number("1970-01-01"), Some(0));
        assert_eq!(day_number("2024-03-01"), Some(19_783));
        for junk in ["", "2026", "2026-13-01", "2026-01-32", "a-b-c"] {
            assert_eq!(day_number(junk), None, "{junk}");
        }
    }
}
