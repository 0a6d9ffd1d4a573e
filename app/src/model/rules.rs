//! The page of settings in force: what holds, who decided it, what was ignored and why.

use phone_core::policy::{Effective, Finding, Lock, Resolved, Setting, Trouble};
use phone_core::snapshot::Snapshot;

use crate::text;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub setting: Setting,
    pub name: &'static str,
    pub value: String,
    /// Who decided it; of a locked one, that it is managed and by what.
    pub from: String,
    /// The user cannot change it.
    pub locked: bool,
    /// What was asked for in vain, and what waits for a new sign-in or the end of the call.
    pub notes: Vec<String>,
}

impl Row {
    /// All of it in one line, for a screen reader and for IT.
    pub fn line(&self) -> String {
        let mut line = format!("{}: {}. {}", self.name, self.value, self.from);
        for note in &self.notes {
            line.push_str(". ");
            line.push_str(note);
        }
        line
    }
}

/// The whole page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Changed policies that wait for the end of the call.
    pub waiting: bool,
    /// In policies and files: not understood, refused, or broken.
    pub ignored: Vec<String>,
    pub groups: Vec<(&'static str, Vec<Row>)>,
}

pub fn rules(snapshot: &Snapshot, findings: &[Finding]) -> Rules {
    let mut groups: Vec<(&'static str, Vec<Row>)> = Vec::new();
    for resolved in snapshot.settings.iter() {
        let row = row(resolved, snapshot.session_settings.as_deref());
        let title = resolved.setting.entry().group;
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((title, vec![row])),
        }
    }
    Rules { waiting: snapshot.settings_wait, ignored: findings.iter().map(ToString::to_string).collect(), groups }
}

fn row(resolved: &Resolved, session: Option<&Effective>) -> Row {
    let entry = resolved.setting.entry();
    let locked = matches!(resolved.lock, Some(Lock::Policy(_) | Lock::Provisioned(_)));
    let from = match &resolved.lock {
        Some(lock) if locked => text::lock_sentence(lock),
        _ => text::comes_from(&resolved.origin),
    };
    let mut notes: Vec<String> = resolved
        .overruled()
        .map(|given| {
            let wish = entry.words(Some(&given.value));
            text::overruled(&given.source, &wish, given.ignored.map(phone_core::policy::Ignored::words))
        })
        .collect();
    if let Some(session) = session
        && entry.change == phone_core::policy::Change::SignIn
        && session.value(resolved.setting) != resolved.value.as_ref()
    {
        notes.push(text::RULES_AFTER_SIGN_IN.to_owned());
    }
    let value = entry.words(resolved.value.as_ref());
    Row { setting: resolved.setting, name: entry.title, value, from, locked, notes }
}

/// One line for the Settings page.
pub fn summary(settings: &Effective, findings: &[Finding]) -> String {
    let managed = settings.iter().filter(|r| matches!(r.lock, Some(Lock::Policy(_) | Lock::Provisioned(_)))).count();
    let ignored = findings.iter().filter(|finding| finding.trouble != Trouble::Conflict).count();
    text::rules_summary(managed, ignored)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use phone_core::policy::{Layer, Layers, Source, Value, resolve};

    use super::*;

    fn page(values: &[(Setting, Layer, Value)], findings: &[Finding]) -> Rules {
        let mut layers = Layers::default();
        for (setting, layer, value) in values {
            layers.set(*setting, value.clone(), Source::new(*layer, "10.json"));
        }
        let snapshot = Snapshot { settings: Arc::new(resolve(&layers)), ..Snapshot::default() };
        rules(&snapshot, findings)
    }

    fn find(page: &Rules, setting: Setting) -> &Row {
        page.groups.iter().flat_map(|(_, rows)| rows).find(|row| row.setting == setting).expect("all are there")
    }

    #[test]
    fn every_setting_is_listed_once_under_its_group() {
        let page = page(&[], &[]);
        let all: Vec<Setting> = page.groups.iter().flat_map(|(_, rows)| rows).map(|row| row.setting).collect();
        assert_eq!(all, Setting::ALL);
    }

    #[test]
    fn a_managed_row_names_its_policy_and_the_wish_it_overruled() {
        let page = page(
            &[
                (Setting::ForceRelay, Layer::MandatoryMachine, Value::Bool(true)),
                (Setting::ForceRelay, Layer::Chosen, Value::Bool(false)),
            ],
            &[],
        );
        let row = find(&page, Setting::ForceRelay);
        assert!(row.locked);
        assert_eq!(row.from, "Managed by your organisation: policy for this computer 10.json");
        assert_eq!(row.line().matches("Off").count(), 1, "{}", row.line());
        assert!(!find(&page, Setting::Dscp).locked);
    }

    #[test]
    fn what_was_ignored_stands_on_the_page() {
        let finding = Finding::new("20.json", "Elephant", Trouble::UnknownKey, "there is no such setting");
        let page = page(&[], &[finding]);
        assert_eq!(page.ignored, ["20.json: Elephant: there is no such setting"]);
    }

    #[test]
    fn a_value_that_waits_for_a_new_sign_in_says_so() {
        let mut layers = Layers::default();
        layers.set(Setting::ForceRelay, Value::Bool(true), Source::new(Layer::MandatoryMachine, "p"));
        let snapshot = Snapshot {
            settings: Arc::new(resolve(&layers)),
            session_settings: Some(Arc::new(Effective::default())),
            ..Snapshot::default()
        };
        let page = rules(&snapshot, &[]);
        assert_eq!(find(&page, Setting::ForceRelay).notes, [text::RULES_AFTER_SIGN_IN]);
    }
}
