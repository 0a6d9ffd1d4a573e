//! Reads policies and settings files into layers. What does not fit becomes a finding; nothing stops the reading.

use std::fmt;

use serde::Serialize;

use super::keys::Setting;
use super::layers::{Layers, Source};
use super::schema::{Platform, SCHEMA_NAMES_LIMIT};
use super::value::Value;

/// Findings kept of one source; a file with more is no settings file.
const FINDINGS_LIMIT: usize = 100;

/// Something in a source that was ignored, with the reason: for the report, never a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: a file, a registry key.
    pub place: String,
    /// Which key; empty for the source as a whole.
    pub key: String,
    pub trouble: Trouble,
    /// One sentence: what is wrong, what was done about it.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    UnknownKey,
    BadValue,
    /// Two sources of one layer disagree, or a stronger layer overrules the user.
    Conflict,
    /// A policy for another system.
    OtherPlatform,
    /// A secret has no place in a policy.
    Secret,
    /// The source cannot be read, or is no policy at all.
    Unreadable,
    /// Others than an administrator may write it.
    Unsafe,
    /// The provisioning folder has a phone for this user, and it cannot be used.
    NoPhone,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.place.is_empty(), self.key.is_empty()) {
            (true, true) => f.write_str(&self.text),
            (true, false) => write!(f, "{}: {}", self.key, self.text),
            (false, true) => write!(f, "{}: {}", self.place, self.text),
            (false, false) => write!(f, "{}: {}: {}", self.place, self.key, self.text),
        }
    }
}

impl Finding {
    pub fn new(place: &str, key: &str, trouble: Trouble, text: impl Into<String>) -> Self {
        // A key comes from outside and goes to a terminal.
        let key: String = key.chars().filter(|c| !c.is_control()).take(SCHEMA_NAMES_LIMIT).collect();
        Self { place: place.to_owned(), key, trouble, text: text.into() }
    }
}

/// Words in a key that mean a secret.
const SECRETS: [&str; 4] = ["password", "secret", "token", "credential"];

/// One policy file: a JSON object whose keys are names of policies. Comments of editors (`$schema`, `$comment`) pass.
pub fn policy_text(text: &str, source: &Source, platform: Platform, into: &mut Layers, findings: &mut Vec<Finding>) {
    // Editors of Windows write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(values)) => {
            let values = values.into_iter().filter(|(name, _)| !name.starts_with('$'));
            policy_values(values, source, platform, into, findings);
        }
        Ok(_) => findings.push(Finding::new(
            &source.place,
            "",
            Trouble::Unreadable,
            "it is JSON, but no object of policies; it was ignored",
        )),
        Err(error) => {
            let why = format!("it is no JSON (line {}, column {}); it was ignored", error.line(), error.column());
            findings.push(Finding::new(&source.place, "", Trouble::Unreadable, why));
        }
    }
}

/// Policies by name, from whatever holds them: a file, the registry, a property list.
pub fn policy_values(
    values: impl IntoIterator<Item = (String, serde_json::Value)>,
    source: &Source,
    platform: Platform,
    into: &mut Layers,
    findings: &mut Vec<Finding>,
) {
    let before = findings.len();
    for (name, json) in values {
        if findings.len() - before >= FINDINGS_LIMIT {
            findings.push(Finding::new(
                &source.place,
                "",
                Trouble::Unreadable,
                "there is more wrong; the rest was ignored",
            ));
            return;
        }
        if let Err(finding) = one(&name, &json, Setting::by_policy(&name), source, Some(platform), into) {
            findings.push(finding);
        }
    }
}

/// Values of a settings file by key, `sound.microphone` style.
pub fn file_values(
    values: impl IntoIterator<Item = (String, serde_json::Value)>,
    source: &Source,
    into: &mut Layers,
    findings: &mut Vec<Finding>,
) {
    for (key, json) in values.into_iter().take(FINDINGS_LIMIT) {
        if let Err(finding) = one(&key, &json, Setting::by_key(&key), source, None, into) {
            findings.push(finding);
        }
    }
}

fn one(
    name: &str,
    json: &serde_json::Value,
    setting: Option<Setting>,
    source: &Source,
    platform: Option<Platform>,
    into: &mut Layers,
) -> Result<(), Finding> {
    let finding = |trouble, text: String| Finding::new(&source.place, name, trouble, text);
    let lower = name.to_lowercase();
    let Some(setting) = setting else {
        if SECRETS.iter().any(|word| lower.contains(word)) {
            let text = "a secret has no place in a policy or a settings file; it was ignored".to_owned();
            return Err(finding(Trouble::Secret, text));
        }
        let hint = match Setting::similar(name) {
            Some(entry) => format!(" Is `{}` meant?", if platform.is_some() { entry.policy } else { entry.key }),
            None => String::new(),
        };
        return Err(finding(Trouble::UnknownKey, format!("there is no such setting; it was ignored.{hint}")));
    };
    let entry = setting.entry();
    if platform.is_some_and(|platform| !entry.platforms.contains(&platform)) {
        return Err(finding(Trouble::OtherPlatform, "it has no meaning on this system; it was ignored".to_owned()));
    }
    let value = Value::from_json(json)
        .map_err(|what| format!("{what} was given"))
        .and_then(|value| entry.accept(value))
        .map_err(|why| finding(Trouble::BadValue, format!("the value does not fit ({why}); it was ignored")))?;
    if let Some((_, old)) = into.set(setting, value, source.clone()) {
        let text = format!("{} says otherwise; this one counts", old.place);
        return Err(finding(Trouble::Conflict, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::Layer;

    fn read(text: &str) -> (Layers, Vec<Finding>) {
        let source = Source::new(Layer::MandatoryMachine, "a.json");
        let (mut layers, mut findings) = (Layers::default(), Vec::new());
        policy_text(text, &source, Platform::Linux, &mut layers, &mut findings);
        (layers, findings)
    }

    #[track_caller]
    fn check(text: &str, expected: &[(Trouble, &str)]) {
        let (_, findings) = read(text);
        let found: Vec<Trouble> = findings.iter().map(|finding| finding.trouble).collect();
        assert_eq!(found, expected.iter().map(|(trouble, _)| *trouble).collect::<Vec<_>>(), "{text}: {findings:?}");
        for (finding, (_, words)) in findings.iter().zip(expected) {
            assert!(finding.to_string().contains(words), "{finding}");
        }
    }

    #[test]
    fn what_fits_is_taken_and_the_rest_is_told() {
        let text = r#"{"$comment": "x", "ForceTurn": true, "MediaDscp": 99, "ForceTurm": true, "TurnPassword": "x",
            "Theme": ["dark"], "Elephant": 1}"#;
        let (layers, _) = read(text);
        assert_eq!(layers.iter().count(), 1);
        check(
            text,
            &[
                (Trouble::UnknownKey, "no such setting; it was ignored"),
                (Trouble::UnknownKey, "Is `ForceTurn` meant?"),
                (Trouble::BadValue, "from 0 to 63"),
                (Trouble::BadValue, "one of system, light, dark"),
                (Trouble::Secret, "secret"),
            ],
        );
    }

    #[test]
    fn what_is_no_policy_file_is_told_with_its_place() {
        check("", &[(Trouble::Unreadable, "a.json: it is no JSON (line 1")]);
        check("[1]", &[(Trouble::Unreadable, "no object")]);
        check("{\"ForceTurn\": tr", &[(Trouble::Unreadable, "line 1, column 16")]);
        check("\u{feff}{\"ForceTurn\": 1}", &[]);
    }

    #[test]
    fn two_files_of_one_level_that_disagree_are_told_and_the_later_counts() {
        let mut layers = Layers::default();
        let mut findings = Vec::new();
        for (place, value) in [("10.json", 34), ("20.json", 40), ("30.json", 40)] {
            let source = Source::new(Layer::MandatoryMachine, place);
            let text = format!("{{\"MediaDscp\": {value}}}");
            policy_text(&text, &source, Platform::Linux, &mut layers, &mut findings);
        }
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().contains("20.json: MediaDscp: 10.json says otherwise"), "{}", findings[0]);
        let (value, source) = layers.get(Setting::Dscp, Layer::MandatoryMachine).expect("it was set");
        assert_eq!((value, source.place.as_str()), (&Value::Integer(40), "30.json"));
    }

    #[test]
    fn a_key_with_control_characters_cannot_reach_a_terminal() {
        let (_, findings) = read("{\"a\\u001b[2Jb\": 1}");
        assert_eq!(findings[0].key, "a[2Jb");
    }

    proptest! {
        #[test]
        fn no_bytes_make_anything_panic(bytes: Vec<u8>) {
            crate::policy::fuzz(&bytes);
        }

        #[test]
        fn no_json_makes_anything_panic(name in "[A-Za-z.]{0,20}", number: i64, text: String) {
            let value = serde_json::json!({ name.clone(): number, "ForceTurn": text, "MediaDscp": number, "Account": [text, number] });
            crate::policy::fuzz(value.to_string().as_bytes());
        }
    }
}
