//! Policies in the registry of Windows: below `HKLM` for the machine, below `HKCU` for the user. Both keys belong to
//! the administrators; ordinary users cannot write them.

use phone_core::policy::keys::REGISTRY;
use phone_core::policy::read::policy_values;
use phone_core::policy::{self, Finding, Kind, Layer, Platform, Setting, Source, Trouble};
use serde_json::Value;
use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE, Type};

use super::Policies;

/// Where the installer writes what it was told: below `HKLM`, and the one for a single user below `HKCU`.
const DEPLOYMENT: &str = r"SOFTWARE\Offhook\Offhook\Deployment";
/// Most values of a key.
const VALUES_LIMIT: usize = 256;

pub(super) fn read(into: &mut Policies) {
    let recommended = format!(r"{REGISTRY}\Recommended");
    // The machine's comes last, so it counts.
    one(CURRENT_USER, "HKCU", DEPLOYMENT, Layer::Deployment, into);
    one(LOCAL_MACHINE, "HKLM", DEPLOYMENT, Layer::Deployment, into);
    one(CURRENT_USER, "HKCU", &recommended, Layer::RecommendedUser, into);
    one(LOCAL_MACHINE, "HKLM", &recommended, Layer::RecommendedMachine, into);
    one(CURRENT_USER, "HKCU", REGISTRY, Layer::MandatoryUser, into);
    one(LOCAL_MACHINE, "HKLM", REGISTRY, Layer::MandatoryMachine, into);
}

fn one(root: &Key, name: &str, path: &str, layer: Layer, into: &mut Policies) {
    // Not there is the usual case.
    let Ok(key) = root.open(path) else { return };
    let source = Source::new(layer, format!(r"{name}\{path}"));
    into.sources.push(source.place.clone());
    let mut values = Vec::new();
    match key.values() {
        Ok(all) => values.extend(all.take(VALUES_LIMIT).map(|(name, value)| {
            let json = match value.ty() {
                Type::U32 => u32::try_from(value).map_or(Value::Null, Value::from),
                Type::U64 => u64::try_from(value).map_or(Value::Null, Value::from),
                Type::String | Type::ExpandString => String::try_from(value).map_or(Value::Null, Value::from),
                Type::MultiString => Vec::<String>::try_from(value).map_or(Value::Null, Value::from),
                _ => Value::Null,
            };
            let json = if layer == Layer::Deployment { typed(&name, json) } else { json };
            (name, json)
        })),
        Err(error) => into.findings.push(Finding::new(
            &source.place,
            "",
            Trouble::Unreadable,
            format!("its values cannot be read ({error}); they were ignored"),
        )),
    }
    // A list is a key of its own with one value an item.
    for setting in Setting::ALL.into_iter().filter(|setting| setting.entry().kind == Kind::List) {
        let Ok(list) = key.open(setting.entry().policy) else { continue };
        let Ok(items) = list.values() else { continue };
        let mut items: Vec<(String, String)> =
            items.take(VALUES_LIMIT).filter_map(|(name, value)| Some((name, String::try_from(value).ok()?))).collect();
        items.sort_by_key(|(name, _)| (name.parse::<u32>().unwrap_or(u32::MAX), name.clone()));
        let items: Vec<String> = items.into_iter().map(|(_, item)| item).collect();
        values.push((setting.entry().policy.to_owned(), Value::from(items)));
    }
    policy_values(values, &source, Platform::Windows, &mut into.layers, &mut into.findings);
}

/// An installer's properties are texts, so its numbers and switches are written as texts too.
fn typed(name: &str, json: Value) -> Value {
    let Value::String(text) = &json else { return json };
    match Setting::by_policy(name).map(|setting| setting.entry().parse(text)) {
        Some(Ok(policy::Value::Bool(on))) => Value::from(on),
        Some(Ok(policy::Value::Integer(number))) => Value::from(number),
        _ => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_installer_wrote_gets_the_type_of_its_setting() {
        let text = |text: &str| Value::String(text.to_owned());
        assert_eq!(typed("ForceTurn", text("1")), Value::Bool(true));
        assert_eq!(typed("MediaDscp", text("34")), Value::from(34));
        assert_eq!(typed("Region", text("1")), text("1"));
        assert_eq!(typed("MediaDscp", text("many")), text("many"));
        assert_eq!(typed("NoSuchKey", text("1")), text("1"));
    }
}
