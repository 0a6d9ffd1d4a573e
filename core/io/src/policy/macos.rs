//! Managed preferences of macOS. The system writes what a configuration profile forces into files that only it may
//! write; those are read, so no foreign call is needed.

use std::fs;
use std::io;
use std::path::Path;

use phone_core::policy::keys::MACOS_DOMAIN;
use phone_core::policy::read::policy_values;
use phone_core::policy::{Finding, Layer, Platform, Source, Trouble};
use serde_json::Value;

use super::Policies;

/// Longest file.
const FILE_LIMIT: u64 = 1024 * 1024;

/// `library`: `/Library`; `user`: the short name of who is logged in.
pub(super) fn read(library: &Path, user: Option<&str>, into: &mut Policies) {
    let file = format!("{MACOS_DOMAIN}.plist");
    let managed = library.join("Managed Preferences");
    one(&library.join("Preferences").join(&file), Layer::RecommendedMachine, into);
    if let Some(user) = user {
        one(&managed.join(user).join(&file), Layer::MandatoryUser, into);
    }
    one(&managed.join(&file), Layer::MandatoryMachine, into);
}

fn one(path: &Path, layer: Layer, into: &mut Policies) {
    let place = path.display().to_string();
    let mut tell = |text: String| into.findings.push(Finding::new(&place, "", Trouble::Unreadable, text));
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return tell(format!("it cannot be read ({error}); it was ignored")),
        Ok(facts) if !facts.is_file() || facts.len() > FILE_LIMIT => {
            return tell("it is no property list; it was ignored".to_owned());
        }
        Ok(_) => {}
    }
    match plist::Value::from_file(path) {
        Ok(plist::Value::Dictionary(values)) => {
            let source = Source::new(layer, place.clone());
            into.sources.push(place);
            // Keys of the profile itself, and of the system.
            let ours = values.into_iter().filter(|(name, _)| !name.starts_with("Payload") && !name.starts_with("NS"));
            let values = ours.map(|(name, value)| (name, to_json(value)));
            policy_values(values, &source, Platform::Macos, &mut into.layers, &mut into.findings);
        }
        Ok(_) => tell("it is a property list without keys; it was ignored".to_owned()),
        Err(error) => tell(format!("it is no property list ({error}); it was ignored")),
    }
}

/// What has no place in a policy becomes nothing, and the schema refuses that with the name of the key.
fn to_json(value: plist::Value) -> Value {
    match value {
        plist::Value::Boolean(on) => Value::Bool(on),
        plist::Value::Integer(number) => number.as_signed().map_or(Value::Null, Value::from),
        plist::Value::Real(number) => Value::from(number),
        plist::Value::String(text) => Value::String(text),
        plist::Value::Array(items) => Value::Array(items.into_iter().map(to_json).collect()),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use phone_core::policy::{Setting, resolve};

    use super::*;

    #[test]
    fn forced_values_are_mandatory_and_the_machine_comes_before_the_user() {
        let root = std::env::temp_dir().join(format!("offhook-managed-{}", std::process::id()));
        let write = |path: &str, body: &str| {
            let path = root.join(path).join(format!("{MACOS_DOMAIN}.plist"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text =
                format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict>{body}</dict></plist>");
            fs::write(path, text).unwrap();
        };
        write("Preferences", "<key>MediaDscp</key><integer>10</integer><key>Theme</key><string>dark</string>");
        write("Managed Preferences/ana", "<key>MediaDscp</key><integer>20</integer>");
        write(
            "Managed Preferences",
            "<key>MediaDscp</key><integer>30</integer><key>ForceTurn</key><true/><key>PayloadType</key><string>x</string>\
            <key>Account</key><data>AA==</data>",
        );
        let mut policies = Policies::default();
        read(&root, Some("ana"), &mut policies);
        let effective = resolve(&policies.layers);
        assert_eq!(effective.integer(Setting::Dscp), Some(30));
        assert!(effective.is_on(Setting::ForceRelay));
        assert_eq!(effective.text(Setting::WindowTheme), Some("dark"));
        let [finding] = policies.findings.as_slice() else { panic!("{:?}", policies.findings) };
        assert_eq!((finding.key.as_str(), finding.trouble), ("Account", Trouble::BadValue));

        fs::write(root.join("Preferences").join(format!("{MACOS_DOMAIN}.plist")), "half a fi").unwrap();
        let mut policies = Policies::default();
        read(&root, None, &mut policies);
        assert!(policies.findings.iter().any(|finding| finding.trouble == Trouble::Unreadable));
        assert!(resolve(&policies.layers).is_on(Setting::ForceRelay), "the other files count");
        fs::remove_dir_all(root).unwrap();
    }
}
