//! Whether objects hold together: required fields, unique names, references, pools, number plans, names.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::day::Day;
use super::field::{Field, Form, Kind, applies};
use super::naming;
use super::number_plan;
use super::object::{Object, Objects, Stated};
use super::permission::{Permission, Required};
use super::region::RelayMode;
use crate::policy::Setting;

/// Older verifications of a site's media say little.
const STALE_MONTHS: u32 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth a look; nothing is refused.
    Warning,
    /// Cannot be activated.
    Error,
}

/// One thing that is wrong, or odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// `phone AnaK_WebRTC`.
    pub object: String,
    /// The key; empty: the object as a whole.
    pub field: String,
    /// One clause.
    pub text: String,
}

impl Finding {
    pub fn new(severity: Severity, object: &str, field: &str, text: impl Into<String>) -> Self {
        Self { severity, object: object.to_owned(), field: field.to_owned(), text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.object)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.text)
    }
}

/// Why it cannot be activated, if it cannot.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// Everything there is to say, objects in their order.
pub fn all(objects: &Objects, today: Day) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names = BTreeSet::new();
    let global = objects.global();
    for object in objects.iter() {
        if !names.insert((object.kind, object.name.to_lowercase())) {
            let text = if object.kind == Kind::Global { "they are there twice" } else { "the name is taken" };
            findings.push(Finding::new(Severity::Error, &object.title(), "name", text));
        }
        required(object, &mut findings);
        references(objects, object, &mut findings);
        match object.kind {
            Kind::Site => site(objects, object, today, &mut findings),
            Kind::BaseSettings => {
                base_settings(object, &mut findings);
                named(object, global.text(Field::BaseSettingsPattern), &mut findings);
            }
            Kind::Phone => named(object, global.text(Field::PhonePattern), &mut findings),
            Kind::Global | Kind::Trunk | Kind::User => {}
        }
    }
    findings
}

fn required(object: &Object, findings: &mut Vec<Finding>) {
    for entry in object.kind.fields().filter(|entry| entry.required && entry.default.is_empty()) {
        let there = if entry.field == Field::Name {
            !object.name.trim().is_empty()
        } else {
            object.fields.contains_key(&entry.field)
        };
        if !there {
            let text = format!("{} is missing", entry.title);
            findings.push(Finding::new(Severity::Error, &object.title(), entry.key, text));
        }
    }
}

fn references(objects: &Objects, object: &Object, findings: &mut Vec<Finding>) {
    for (field, stated) in &object.fields {
        let (kind, names): (Kind, &[String]) = match (field.entry().form, stated) {
            (Form::Reference(kind), Stated::Text(name)) => (kind, std::slice::from_ref(name)),
            (Form::References(kind), Stated::List(names)) => (kind, names),
            _ => continue,
        };
        for name in names {
            if objects.get(kind, name).is_none() {
                let key = field.entry().key;
                let text = format!("there is no {} called {name}", kind.noun());
                findings.push(Finding::new(Severity::Error, &object.title(), key, text));
            }
        }
    }
}

fn site(objects: &Objects, site: &Object, today: Day, findings: &mut Vec<Finding>) {
    let mut warn =
        |field: &str, text: String| findings.push(Finding::new(Severity::Warning, &site.title(), field, text));
    let regions = site.regions();
    let mut seen = BTreeSet::new();
    for region in regions {
        if !seen.insert(region.name.to_lowercase()) {
            warn("media_regions", format!("{} is there twice", region.name));
        }
        if region.servers.is_empty() && site.relay() == RelayMode::LowestLatency && regions.len() > 1 {
            warn("media_regions", format!("{} has no servers, so its latency cannot be measured", region.name));
        }
    }
    for plan in site.plans().iter().filter(|plan| !plan.trunk.is_empty()) {
        match objects.get(Kind::Trunk, &plan.trunk) {
            None => {
                let text = format!("rule {} leaves by trunk {}, which does not exist", plan.name, plan.trunk);
                findings.push(Finding::new(Severity::Error, &site.title(), "number_plans", text));
            }
            Some(trunk) if !trunk.is_on(Field::InService) => {
                let text = format!("rule {} leaves by trunk {}, which is out of service", plan.name, plan.trunk);
                findings.push(Finding::new(Severity::Warning, &site.title(), "number_plans", text));
            }
            Some(_) => {}
        }
    }
    // Only sites that phones belong to.
    if !objects.phones_with(Field::Site, &site.name).is_empty() {
        let text = match site.verified() {
            None => Some("media of this site was never verified".to_owned()),
            Some(day) if day.months_until(today) >= STALE_MONTHS => Some(format!("media was last verified on {day}")),
            Some(_) => None,
        };
        if let Some(text) = text {
            findings.push(Finding::new(Severity::Warning, &site.title(), "verified", text));
        }
    }
}

fn base_settings(object: &Object, findings: &mut Vec<Finding>) {
    let model = object.text(Field::Model);
    for setting in object.settings.keys().filter(|setting| !applies(model, **setting)) {
        let text = format!("it means nothing for a {model}");
        findings.push(Finding::new(Severity::Warning, &object.title(), setting.entry().key, text));
    }
    let persistent = object.settings.get(&Setting::PersistentConnection).and_then(crate::policy::Value::as_bool);
    if object.settings.contains_key(&Setting::PersistentTimeout) && persistent == Some(false) {
        let text = "it has no effect while the persistent connection is off";
        findings.push(Finding::new(Severity::Warning, &object.title(), Setting::PersistentTimeout.entry().key, text));
    }
}

fn named(object: &Object, pattern: &str, findings: &mut Vec<Finding>) {
    if !object.name.is_empty() && !naming::fits(pattern, &object.name) {
        findings.push(Finding::new(
            Severity::Warning,
            &object.title(),
            "name",
            format!("it does not follow {pattern}"),
        ));
    }
}

/// What a test of a number says: the rule it meets, or why it goes nowhere.
pub fn test_number(objects: &Objects, site: &Object, number: &str) -> Result<String, String> {
    let Some(found) = number_plan::dial(site.plans(), number) else {
        return Err(format!("no number plan of {} matches {}", site.title(), number_plan::plain(number)));
    };
    let rule = format!("rule {} ({})", found.position, found.rule.name);
    if found.rule.trunk.is_empty() {
        return Ok(format!("{rule}: {} stays inside", found.number));
    }
    match objects.get(Kind::Trunk, &found.rule.trunk) {
        Some(trunk) if trunk.is_on(Field::InService) => {
            Ok(format!("{rule}: {} leaves by trunk {}", found.number, trunk.name))
        }
        Some(trunk) => Err(format!("{rule}: trunk {} is out of service", trunk.name)),
        None => Err(format!("{rule}: there is no trunk called {}", found.rule.trunk)),
    }
}

/// Why nobody with this sign-in name may change these objects; `None`: they may. Where no user has a permission, whoever
/// may write the folder may change it.
pub fn refused(objects: &Objects, login: &str) -> Option<String> {
    let permissions = |user: &Object| -> Vec<Permission> {
        user.list(Field::Permissions).iter().filter_map(|text| text.parse().ok()).collect()
    };
    if objects.of(Kind::User).all(|user| permissions(user).is_empty()) {
        return None;
    }
    let user = objects.of(Kind::User).find(|user| user.text(Field::Login).eq_ignore_ascii_case(login));
    Required::administration().missing(&user.map(permissions).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::read::{self, tests::sample};
    use super::*;

    fn today() -> Day {
        Day::new(2026, 6, 1).unwrap()
    }

    fn said(objects: &Objects) -> Vec<String> {
        all(objects, today()).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn says(objects: &Objects, severity: Severity, words: &str) {
        let found = all(objects, today());
        let found = found.iter().find(|finding| finding.to_string().contains(words));
        let found = found.unwrap_or_else(|| panic!("`{words}` is not in {:#?}", said(objects)));
        assert_eq!(found.severity, severity, "{found}");
    }

    #[test]
    fn row_3_a_phone_without_its_base_settings_is_refused_with_both_names() {
        let mut objects = sample();
        objects.remove(Kind::BaseSettings, "Support_WebRTC_Standard");
        says(
            &objects,
            Severity::Error,
            "phone AnaK_WebRTC: base_settings: there is no base settings called Support_WebRTC_Standard",
        );
    }

    #[test]
    fn row_14_a_name_that_is_taken_is_refused_and_one_against_the_pattern_warns() {
        let mut objects = sample();
        objects.add(Object::new(Kind::BaseSettings, "support_webrtc_standard"));
        says(&objects, Severity::Error, "base settings support_webrtc_standard: name: the name is taken");
        objects.add(Object::new(Kind::BaseSettings, "foo"));
        says(
            &objects,
            Severity::Warning,
            "base settings foo: name: it does not follow <BusinessArea>_WebRTC_<Purpose>",
        );
    }

    #[test]
    fn row_23_a_phone_needs_name_site_base_settings_and_user() {
        let mut objects = Objects::default();
        objects.add(Object::new(Kind::Phone, ""));
        for title in ["Name", "Site", "Base Settings", "User"] {
            says(&objects, Severity::Error, &format!("{title} is missing"));
        }
    }

    #[test]
    fn row_26_the_pattern_can_be_another_one() {
        let mut objects = sample();
        objects.put(objects.global().with_text(Field::PhonePattern, "<Name>_Phone"));
        says(&objects, Severity::Warning, "phone AnaK_WebRTC: name: it does not follow <Name>_Phone");
    }

    #[test]
    fn row_65_a_number_is_tested_against_the_plans_of_a_site() {
        let mut objects = sample();
        let site = objects.get(Kind::Site, "Madrid").cloned().unwrap();
        assert_eq!(
            test_number(&objects, &site, "915 550 142"),
            Ok("rule 1 (National): +34915550142 leaves by trunk PSTN".to_owned())
        );
        assert_eq!(test_number(&objects, &site, "12"), Err("no number plan of site Madrid matches 12".to_owned()));
        let trunk = objects.get(Kind::Trunk, "PSTN").cloned().unwrap().with(Field::InService, Stated::Flag(false));
        objects.put(trunk);
        assert!(test_number(&objects, &site, "915550142").unwrap_err().contains("out of service"));
        says(&objects, Severity::Warning, "rule National leaves by trunk PSTN, which is out of service");
    }

    #[test]
    fn row_139_every_site_with_phones_says_whether_its_media_was_verified() {
        let objects = sample();
        let unverified: Vec<String> = said(&objects).into_iter().filter(|text| text.contains("verified")).collect();
        assert_eq!(unverified, ["site Lisboa: verified: media of this site was never verified"], "Leeds has no phones");
        let later = all(&objects, Day::new(2027, 5, 1).unwrap());
        assert!(later.iter().any(|finding| finding.text == "media was last verified on 2026-05-01"));
    }

    #[test]
    fn row_9_in_a_folder_permissions_count_once_anybody_has_one() {
        let mut objects = sample();
        assert_eq!(refused(&objects, "anybody"), None);
        let ana = objects.get(Kind::User, "Ana Kovacs").cloned().unwrap();
        objects.put(ana.with(Field::Permissions, Stated::List(vec!["Telephony > Plugin > All".to_owned()])));
        assert_eq!(refused(&objects, "ANA"), None);
        assert_eq!(refused(&objects, "ben").as_deref(), Some("Telephony > Plugin > All"));
    }

    #[test]
    fn settings_that_mean_nothing_are_told() {
        let (objects, findings) = read::text(
            r#"{"base_settings": [{"name": "A_WebRTC_B", "model": "Generic SIP phone", "settings": {"force_relay": true}},
                {"name": "C_WebRTC_D", "settings": {"persistent_connection": false, "persistent_timeout": 60}}]}"#,
        );
        assert_eq!(findings, []);
        says(&objects, Severity::Warning, "force_relay: it means nothing for a Generic SIP phone");
        says(&objects, Severity::Warning, "persistent_timeout: it has no effect");
    }

    #[test]
    fn the_sample_can_be_activated() {
        assert!(!has_errors(&all(&sample(), today())), "{:#?}", said(&sample()));
    }
}
