//! Draft, active set and what was active before: save, validate, activate, roll back.

use super::check::{self, Finding};
use super::day::Day;
use super::effective::must_sign_in_again;
use super::field::{Field, Kind, SCHEMA};
use super::object::{Object, Objects};
use super::read::{hours, stated_words};

/// Sets kept to go back to; the oldest goes.
pub const MOST_HISTORY: usize = 20;

/// What holds, what is being worked on, and what held before (newest last).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    pub active: Objects,
    pub draft: Option<Objects>,
    pub history: Vec<Objects>,
}

/// One change between two sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `phone AnaK_WebRTC`.
    pub object: String,
    /// The key; empty: the object as a whole.
    pub field: String,
    /// In words; empty: not there.
    pub from: String,
    pub to: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { object, field, from, to } = self;
        match (field.is_empty(), from.is_empty(), to.is_empty()) {
            (true, true, _) => write!(f, "{object}: created"),
            (true, ..) => write!(f, "{object}: deleted"),
            (_, true, _) => write!(f, "{object}: {field} is set to {to}"),
            (_, _, true) => write!(f, "{object}: {field} is not set any more (was {from})"),
            _ => write!(f, "{object}: {field} changes from {from} to {to}"),
        }
    }
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    NoDraft,
    /// The findings among which are errors.
    Invalid(Vec<Finding>),
    NothingBefore,
}

/// What an activation or a rollback did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub differences: Vec<Difference>,
    /// Users who must sign in again.
    pub sign_in_again: Vec<String>,
    pub warnings: Vec<Finding>,
}

impl Store {
    /// What is worked on: the draft, or what is active where there is none.
    pub fn working(&self) -> &Objects {
        self.draft.as_ref().unwrap_or(&self.active)
    }

    /// Begins a draft where there is none.
    pub fn edit(&mut self) -> &mut Objects {
        self.draft.get_or_insert_with(|| self.active.clone())
    }

    /// What activating the draft would do.
    pub fn preview(&self, today: Day) -> Result<Done, Refused> {
        let draft = self.draft.as_ref().ok_or(Refused::NoDraft)?;
        let findings = check::all(draft, today);
        if check::has_errors(&findings) {
            return Err(Refused::Invalid(findings));
        }
        Ok(Done {
            differences: differences(&self.active, draft),
            sign_in_again: must_sign_in_again(&self.active, draft),
            warnings: findings,
        })
    }

    pub fn activate(&mut self, today: Day) -> Result<Done, Refused> {
        let done = self.preview(today)?;
        if let Some(draft) = self.draft.take() {
            let before = std::mem::replace(&mut self.active, draft);
            self.history.push(before);
            let extra = self.history.len().saturating_sub(MOST_HISTORY);
            self.history.drain(..extra);
        }
        Ok(done)
    }

    /// What was active before is active again. A draft stays as it is.
    pub fn roll_back(&mut self, today: Day) -> Result<Done, Refused> {
        let before = self.history.pop().ok_or(Refused::NothingBefore)?;
        let after = std::mem::replace(&mut self.active, before);
        Ok(Done {
            differences: differences(&after, &self.active),
            sign_in_again: must_sign_in_again(&after, &self.active),
            warnings: check::all(&self.active, today),
        })
    }
}

/// What changes from one set to another, in the order of kinds; deletions last.
pub fn differences(before: &Objects, after: &Objects) -> Vec<Difference> {
    let mut found = Vec::new();
    for new in after.iter() {
        match before.get(new.kind, &new.name) {
            Some(old) => of_object(old, new, &mut found),
            None if new.kind == Kind::Global => of_object(&Object::new(Kind::Global, ""), new, &mut found),
            None => found.push(whole(new, "", "created")),
        }
    }
    for old in before.iter().filter(|old| after.get(old.kind, &old.name).is_none()) {
        found.push(whole(old, "there", ""));
    }
    found
}

fn whole(object: &Object, from: &str, to: &str) -> Difference {
    Difference { object: object.title(), field: String::new(), from: from.to_owned(), to: to.to_owned() }
}

fn of_object(old: &Object, new: &Object, found: &mut Vec<Difference>) {
    let mut push = |key: &str, from: String, to: String| {
        found.push(Difference { object: new.title(), field: key.to_owned(), from, to });
    };
    for entry in &SCHEMA {
        let (from, to) = (old.fields.get(&entry.field), new.fields.get(&entry.field));
        if from != to {
            let words = |stated: Option<_>| stated.map(stated_words).unwrap_or_default();
            push(entry.key, words(from), words(to));
        }
    }
    for setting in new.kind.settings() {
        let (from, to) = (old.settings.get(&setting), new.settings.get(&setting));
        if from != to {
            let entry = setting.entry();
            let words = |value: Option<_>| if value.is_some() { entry.words(value) } else { String::new() };
            push(entry.key, words(from), words(to));
        }
    }
}

/// Whether a minute of the day (0–1439) is within the business hours, if there are any.
pub fn in_business_hours(objects: &Objects, minute: u16) -> bool {
    let Some((from, until)) = hours(objects.global().text(Field::BusinessHours)) else { return false };
    if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

#[cfg(test)]
mod tests {
    use super::super::read::tests::sample;
    use super::*;
    use crate::policy::{Setting, Value};

    fn today() -> Day {
        Day::new(2026, 6, 1).unwrap()
    }

    fn store() -> Store {
        Store { active: sample(), ..Store::default() }
    }

    #[test]
    fn row_21_and_144_a_draft_is_shown_validated_activated_and_rolled_back() {
        let mut store = store();
        let base = store.active.get(Kind::BaseSettings, "Support_WebRTC_Standard").cloned().unwrap();
        store.edit().put(
            base.with_setting(Setting::PersistentTimeout, Value::Integer(300))
                .with_setting(Setting::Dscp, Value::Integer(34)),
        );
        assert_ne!(store.working(), &store.active, "a draft changes nothing yet");

        let done = store.activate(today()).unwrap();
        let said: Vec<String> = done.differences.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "base settings Support_WebRTC_Standard: persistent_timeout changes from 600 s to 300 s",
                "base settings Support_WebRTC_Standard: dscp changes from 46 to 34",
            ]
        );
        assert_eq!(done.sign_in_again, ["Ana Kovacs", "Ben Okafor"]);
        assert_eq!((store.draft.is_none(), store.history.len()), (true, 1));

        let back = store.roll_back(today()).unwrap();
        assert_eq!(back.differences.len(), 2);
        assert_eq!(store.active, sample());
        assert_eq!(store.roll_back(today()), Err(Refused::NothingBefore));
    }

    #[test]
    fn row_144_what_is_not_valid_is_not_activated() {
        let mut store = store();
        assert_eq!(store.activate(today()), Err(Refused::NoDraft));
        store.edit().remove(Kind::Site, "Madrid");
        let Err(Refused::Invalid(findings)) = store.activate(today()) else { panic!("it was activated") };
        assert!(findings.iter().any(|f| f.to_string() == "phone AnaK_WebRTC: site: there is no site called Madrid"));
        assert_eq!(store.active, sample());
    }

    #[test]
    fn objects_that_come_and_go_are_told() {
        let before = sample();
        let mut after = before.clone();
        after.remove(Kind::Phone, "BenO_WebRTC");
        after.add(Object::new(Kind::Site, "Porto"));
        let said: Vec<String> = differences(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(said, ["site Porto: created", "phone BenO_WebRTC: deleted"]);
    }

    #[test]
    fn row_31_nine_in_the_morning_is_within_business_hours_and_ten_at_night_is_not() {
        let mut objects = sample();
        assert!(in_business_hours(&objects, 9 * 60));
        assert!(!in_business_hours(&objects, 22 * 60));
        objects.put(objects.global().with_text(Field::BusinessHours, "22:00-06:00"));
        assert!(
            in_business_hours(&objects, 23 * 60)
                && in_business_hours(&objects, 60)
                && !in_business_hours(&objects, 12 * 60)
        );
        assert!(!in_business_hours(&Objects::default(), 12 * 60));
    }

    #[test]
    fn history_is_bounded() {
        let mut store = store();
        for number in 0..MOST_HISTORY + 5 {
            store.edit().add(Object::new(Kind::Site, format!("S{number}")));
            store.activate(today()).unwrap();
        }
        assert_eq!(store.history.len(), MOST_HISTORY);
    }
}
