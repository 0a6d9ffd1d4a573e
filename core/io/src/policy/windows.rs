//! Policies in the registry of Windows: below `HKLM` for the machine, below `HKCU` for the user. Both keys belong to
//! the administrators; ordinary users cannot write them.

use phone_core::policy::keys::REGISTRY;
use phone_core::policy::read::policy_values;
use phone_core::policy::{Finding, Kind, Layer, Platform, Setting, Source, Trouble};
use serde_json::Value;
use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE, Type};

use super::Policies;

/// Where the installer writes what it was told.
const DEPLOYMENT: &str = r"SOFTWARE\Offhook\Offhook\Deployment";
/// Most values of a key.
const VALUES_LIMIT: usize = 256;

pub(super) fn read(into: &mut Policies) {
    let recommended = format!(r"{REGISTRY}\Recommended");
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
