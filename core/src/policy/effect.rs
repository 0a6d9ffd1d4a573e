//! What a change of settings means for a phone that runs.

use super::keys::Setting;
use super::resolve::Effective;
use super::schema::Change;
use super::value::Value;

/// A setting whose value is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub setting: Setting,
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// What it takes until the new value holds.
    pub change: Change,
}

/// What differs between two decisions, in the order of the schema.
pub fn differences(before: &Effective, after: &Effective) -> Vec<Difference> {
    Setting::ALL
        .into_iter()
        .filter(|setting| before.value(*setting) != after.value(*setting))
        .map(|setting| Difference {
            setting,
            before: before.value(setting).cloned(),
            after: after.value(setting).cloned(),
            change: setting.entry().change,
        })
        .collect()
}

/// The dearest of them: what has to be done before all hold.
pub fn cost(differences: &[Difference]) -> Change {
    differences.iter().map(|difference| difference.change).max().unwrap_or(Change::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Layer, Layers, Source, resolve};

    #[test]
    fn differences_are_named_and_the_dearest_decides() {
        let mut layers = Layers::default();
        let before = resolve(&layers);
        let source = Source::new(Layer::BaseSettings, "Support_WebRTC_Standard");
        layers.set(Setting::Dscp, Value::Integer(34), source.clone());
        layers.set(Setting::PersistentConnection, Value::Bool(true), source.clone());
        // The same as built in: no difference.
        layers.set(Setting::TransportDscp, Value::Integer(24), source);
        let found = differences(&before, &resolve(&layers));
        let names: Vec<Setting> = found.iter().map(|difference| difference.setting).collect();
        assert_eq!(names, [Setting::PersistentConnection, Setting::Dscp]);
        assert_eq!(cost(&found), Change::SignIn);
        assert_eq!(cost(&[]), Change::Nothing);
    }
}
