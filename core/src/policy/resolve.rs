//! Finds what holds: for each setting the strongest layer that may speak.

use std::collections::BTreeMap;
use std::fmt;

use super::keys::Setting;
use super::layers::{Layers, Source};
use super::schema::{Layer, UserRight};
use super::value::Value;

/// What a layer said, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub source: Source,
    pub value: Value,
    /// Why it counts for nothing; `None`: it holds, or a stronger layer has the last word.
    pub ignored: Option<Ignored>,
}

/// Why a layer may not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The user may not choose this at all.
    NotTheUsers,
    /// The user may choose it only where no object sets it.
    Provisioned,
    /// The user may switch it on, not off.
    OnlyOn,
    /// This object has no such field.
    WrongObject,
    /// The schema knows no policy of this level for it.
    WrongLevel,
}

impl Ignored {
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotTheUsers => "users may not change it",
            Self::Provisioned => "users may change it only where no phone, base settings or site sets it",
            Self::OnlyOn => "users may switch it on, but not off",
            Self::WrongObject => "this object has no such field",
            Self::WrongLevel => "there is no such policy at this level",
        }
    }
}

/// Why the user cannot change a value now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Mandatory policy.
    Policy(Source),
    /// An object of provisioning, and the user may not overrule it.
    Provisioned(Source),
    /// Nobody but the organisation sets it, and nobody did.
    Organisation,
    /// This start was told so on the command line; the next one may be told otherwise.
    CommandLine,
}

/// One setting, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub setting: Setting,
    /// `None`: a text that nobody set.
    pub value: Option<Value>,
    pub origin: Source,
    pub lock: Option<Lock>,
    /// All who spoke, weakest first.
    pub given: Vec<Given>,
}

impl Resolved {
    /// Whether somebody else than the schema decided it.
    pub fn is_changed(&self) -> bool {
        self.origin.layer != Layer::BuiltIn
    }

    /// What the user asked for in vain, with who has the last word or why it does not count.
    pub fn overruled(&self) -> impl Iterator<Item = &Given> {
        let value = self.value.as_ref();
        self.given
            .iter()
            .filter(move |given| given.source.layer.is_user() && Some(&given.value) != value)
            .filter(|given| given.ignored.is_some() || given.source.layer < self.origin.layer)
    }
}

/// Everything, decided.
#[derive(Clone, PartialEq, Eq)]
pub struct Effective {
    all: BTreeMap<Setting, Resolved>,
}

impl Effective {
    /// In the order of the schema.
    pub fn iter(&self) -> impl Iterator<Item = &Resolved> {
        self.all.values()
    }

    pub fn get(&self, setting: Setting) -> Option<&Resolved> {
        self.all.get(&setting)
    }

    pub fn value(&self, setting: Setting) -> Option<&Value> {
        self.all.get(&setting).and_then(|resolved| resolved.value.as_ref())
    }

    /// A switch; off where it is none.
    pub fn is_on(&self, setting: Setting) -> bool {
        self.value(setting).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn integer(&self, setting: Setting) -> Option<i64> {
        self.value(setting).and_then(Value::as_integer)
    }

    pub fn text(&self, setting: Setting) -> Option<&str> {
        self.value(setting).and_then(Value::as_text)
    }

    pub fn list(&self, setting: Setting) -> &[String] {
        self.value(setting).and_then(Value::as_list).unwrap_or_default()
    }

    /// Whether anybody but the schema decided it.
    pub fn is_set(&self, setting: Setting) -> bool {
        self.get(setting).is_some_and(Resolved::is_changed)
    }

    /// Why the user cannot change it now.
    pub fn lock(&self, setting: Setting) -> Option<&Lock> {
        self.get(setting).and_then(|resolved| resolved.lock.as_ref())
    }
}

impl fmt::Debug for Effective {
    /// Names and layers only: a value may be an account or an address, and this may reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.iter().filter(|resolved| resolved.is_changed());
        let names = set.map(|resolved| format!("{}@{}", resolved.setting.entry().key, resolved.origin.layer.word()));
        f.debug_list().entries(names).finish()
    }
}

impl Default for Effective {
    fn default() -> Self {
        resolve(&Layers::default())
    }
}

/// Decides every setting.
pub fn resolve(layers: &Layers) -> Effective {
    Effective { all: Setting::ALL.into_iter().map(|setting| (setting, decide(setting, layers))).collect() }
}

fn decide(setting: Setting, layers: &Layers) -> Resolved {
    let entry = setting.entry();
    let told = || layers.of(setting).filter(|(_, source)| source.layer != Layer::BuiltIn);
    let provisioned = told()
        .rev()
        .find(|(_, source)| may_provision(setting, source.layer))
        .map(|(value, source)| (value.clone(), source.clone()));
    let given: Vec<Given> = told()
        .map(|(value, source)| Given {
            source: source.clone(),
            value: value.clone(),
            ignored: ignored(setting, value, source.layer, provisioned.as_ref().map(|(value, _)| value)),
        })
        .collect();
    let winner = given.iter().rev().find(|given| given.ignored.is_none());
    let (value, origin) = match winner {
        Some(given) => (Some(given.value.clone()), given.source.clone()),
        None => (entry.built_in(), Source::new(Layer::BuiltIn, "")),
    };
    let lock = if origin.layer.is_mandatory() {
        Some(Lock::Policy(origin.clone()))
    } else if origin.layer == Layer::CommandLine {
        Some(Lock::CommandLine)
    } else {
        match (entry.user, provisioned) {
            (UserRight::Any, _) | (UserRight::UnlessProvisioned | UserRight::OnlyOn, None) => None,
            (UserRight::OnlyOn, Some((on, _))) if on != Value::Bool(true) => None,
            (_, Some((_, source))) => Some(Lock::Provisioned(source)),
            (UserRight::Never, None) => Some(Lock::Organisation),
        }
    };
    Resolved { setting, value, origin, lock, given }
}

fn may_provision(setting: Setting, layer: Layer) -> bool {
    // What the service tells of a phone is the sum of its objects, so it may carry what any of them may.
    layer == Layer::Service && !setting.entry().provision.is_empty() || setting.entry().provision.contains(&layer)
}

fn ignored(setting: Setting, value: &Value, layer: Layer, provisioned: Option<&Value>) -> Option<Ignored> {
    let entry = setting.entry();
    if layer.is_mandatory() {
        return (!entry.mandatory).then_some(Ignored::WrongLevel);
    }
    if layer.is_recommended() {
        return (!entry.recommended).then_some(Ignored::WrongLevel);
    }
    if layer.is_provisioned() {
        return (!may_provision(setting, layer)).then_some(Ignored::WrongObject);
    }
    if !layer.is_user() {
        return None;
    }
    match (entry.user, provisioned) {
        (UserRight::Never, _) => Some(Ignored::NotTheUsers),
        (UserRight::UnlessProvisioned, Some(_)) => Some(Ignored::Provisioned),
        (UserRight::OnlyOn, Some(Value::Bool(true))) if value != &Value::Bool(true) => Some(Ignored::OnlyOn),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::schema::{Format, Kind};

    /// Two different values that fit a setting.
    fn two_values(setting: Setting) -> [Value; 2] {
        match setting.entry().kind {
            Kind::Boolean => [Value::Bool(true), Value::Bool(false)],
            Kind::Integer { min, max } => [Value::Integer(min), Value::Integer(max)],
            Kind::Choice(words) => [words[0], words[1]].map(|word| Value::Text(word.to_owned())),
            Kind::Text => words(setting).map(|word| Value::Text(word.to_owned())),
            Kind::List => words(setting).map(|word| Value::List(vec![word.to_owned()])),
        }
    }

    fn words(setting: Setting) -> [&'static str; 2] {
        match setting.entry().format {
            Format::Free => ["one", "two"],
            Format::Origin => ["http://one", "https://two"],
            Format::Socket => ["ws://one", "wss://two"],
            Format::Environment => ["one", "http://two"],
            Format::Port => ["1", "2"],
            Format::Https => ["https://one/feed.json", "https://two/feed.json"],
            Format::Hours => ["0800-1700", "2200-0500"],
        }
    }

    fn allowed(setting: Setting, layer: Layer) -> bool {
        let entry = setting.entry();
        match layer {
            Layer::BuiltIn => false,
            Layer::Deployment => true,
            Layer::RecommendedUser | Layer::RecommendedMachine => entry.recommended,
            Layer::MandatoryUser | Layer::MandatoryMachine => entry.mandatory,
            Layer::Service => !entry.provision.is_empty(),
            Layer::Global | Layer::Site | Layer::BaseSettings | Layer::Phone => entry.provision.contains(&layer),
            Layer::Chosen | Layer::File | Layer::CommandLine => entry.user != UserRight::Never,
        }
    }

    fn layers(values: &[(Setting, Layer, Value)]) -> Layers {
        let mut layers = Layers::default();
        for (setting, layer, value) in values {
            layers.set(*setting, value.clone(), Source::new(*layer, layer.word()));
        }
        layers
    }

    /// The table of the issue: every key at every level, effective value and origin.
    #[test]
    fn every_key_set_at_every_level_holds_there_and_names_its_origin() {
        for setting in Setting::ALL {
            for layer in Layer::ALL.into_iter().skip(1) {
                for value in two_values(setting) {
                    assert_eq!(setting.entry().accept(value.clone()).as_ref(), Ok(&value), "{setting:?}");
                    let effective = resolve(&layers(&[(setting, layer, value.clone())]));
                    let found = effective.get(setting).expect("all are there");
                    if allowed(setting, layer) {
                        assert_eq!(found.value.as_ref(), Some(&value), "{setting:?} at {layer:?}");
                        assert_eq!(found.origin, Source::new(layer, layer.word()), "{setting:?} at {layer:?}");
                    } else {
                        assert_eq!(found.value, setting.entry().built_in(), "{setting:?} at {layer:?}");
                        assert_eq!(found.origin.layer, Layer::BuiltIn);
                        assert!(found.given.iter().any(|given| given.ignored.is_some()));
                    }
                }
            }
        }
    }

    /// Every pair of levels: the stronger one holds, whatever the weaker says.
    #[test]
    fn of_any_two_levels_the_stronger_one_holds() {
        for setting in Setting::ALL {
            let [one, two] = two_values(setting);
            for weak in Layer::ALL.into_iter().skip(1) {
                for strong in Layer::ALL.into_iter().skip(1).filter(|strong| *strong > weak) {
                    if !allowed(setting, weak) || !allowed(setting, strong) {
                        continue;
                    }
                    let effective = resolve(&layers(&[(setting, weak, one.clone()), (setting, strong, two.clone())]));
                    let found = effective.get(setting).expect("all are there");
                    let user_yields = strong.is_user() && weak.is_provisioned();
                    let expected = match setting.entry().user {
                        UserRight::UnlessProvisioned if user_yields => &one,
                        UserRight::OnlyOn if user_yields => &Value::Bool(true),
                        _ => &two,
                    };
                    assert_eq!(found.value.as_ref(), Some(expected), "{setting:?}: {weak:?} below {strong:?}");
                }
            }
        }
    }

    #[test]
    fn a_mandatory_value_withstands_window_file_and_command_line_together() {
        for setting in Setting::ALL.into_iter().filter(|setting| setting.entry().mandatory) {
            let [policy, wish] = two_values(setting);
            for layer in [Layer::MandatoryUser, Layer::MandatoryMachine] {
                let effective = resolve(&layers(&[
                    (setting, layer, policy.clone()),
                    (setting, Layer::Chosen, wish.clone()),
                    (setting, Layer::File, wish.clone()),
                    (setting, Layer::CommandLine, wish.clone()),
                ]));
                let found = effective.get(setting).expect("all are there");
                assert_eq!(found.value.as_ref(), Some(&policy), "{setting:?}");
                assert_eq!(found.lock, Some(Lock::Policy(Source::new(layer, layer.word()))));
                assert_eq!(found.overruled().count(), 3, "all three wishes are told");
            }
        }
    }

    #[test]
    fn machine_comes_before_user() {
        for (weak, strong) in
            [(Layer::MandatoryUser, Layer::MandatoryMachine), (Layer::RecommendedUser, Layer::RecommendedMachine)]
        {
            let [one, two] = two_values(Setting::Dscp);
            let effective = resolve(&layers(&[(Setting::Dscp, strong, two.clone()), (Setting::Dscp, weak, one)]));
            assert_eq!(effective.value(Setting::Dscp), Some(&two));
        }
    }

    /// Row 4: phone overrides, then base settings, then built-in, and every value shows its origin.
    #[test]
    fn row_4_a_phone_s_own_value_beats_its_base_settings_and_both_are_shown() {
        let effective = resolve(&layers(&[
            (Setting::Dscp, Layer::BaseSettings, Value::Integer(34)),
            (Setting::Dscp, Layer::Phone, Value::Integer(40)),
        ]));
        let found = effective.get(Setting::Dscp).expect("all are there");
        assert_eq!((found.value.clone(), found.origin.layer), (Some(Value::Integer(40)), Layer::Phone));
        let shown: Vec<Layer> = found.given.iter().map(|given| given.source.layer).collect();
        assert_eq!(shown, [Layer::BaseSettings, Layer::Phone]);
        assert_eq!(effective.iter().count(), Setting::ALL.len(), "the view lists every key");
    }

    /// Row 130: two scopes, one engine.
    #[test]
    fn row_130_the_whole_chain_is_decided_by_one_engine() {
        let mut said = Vec::new();
        let mut expected = Value::Integer(46);
        assert_eq!(Effective::default().value(Setting::Dscp), Some(&expected));
        for (index, layer) in Layer::ALL.into_iter().enumerate().skip(1).filter(|(_, l)| allowed(Setting::Dscp, *l)) {
            expected = Value::Integer(i64::try_from(index).expect("a handful"));
            said.push((Setting::Dscp, layer, expected.clone()));
            assert_eq!(resolve(&layers(&said)).value(Setting::Dscp), Some(&expected), "{layer:?}");
        }
    }

    /// Row 7 in part: what an object has no field for counts for nothing there.
    #[test]
    fn row_7_a_value_in_the_wrong_object_counts_for_nothing_and_is_told() {
        let effective = resolve(&layers(&[(Setting::ForceRelay, Layer::Site, Value::Bool(true))]));
        let found = effective.get(Setting::ForceRelay).expect("all are there");
        assert_eq!(found.value, Some(Value::Bool(false)));
        assert_eq!(found.given[0].ignored, Some(Ignored::WrongObject));
    }

    #[test]
    fn a_user_may_add_force_relay_and_never_take_it_away() {
        let on_base = |user| {
            resolve(&layers(&[
                (Setting::ForceRelay, Layer::BaseSettings, Value::Bool(true)),
                (Setting::ForceRelay, Layer::File, Value::Bool(user)),
            ]))
        };
        assert!(on_base(false).is_on(Setting::ForceRelay));
        let off_base = resolve(&layers(&[
            (Setting::ForceRelay, Layer::BaseSettings, Value::Bool(false)),
            (Setting::ForceRelay, Layer::File, Value::Bool(true)),
        ]));
        assert!(off_base.is_on(Setting::ForceRelay) && off_base.lock(Setting::ForceRelay).is_none());
        assert!(matches!(on_base(true).lock(Setting::ForceRelay), Some(Lock::Provisioned(_))));
    }

    #[test]
    fn what_users_may_never_set_is_locked_even_when_nobody_set_it() {
        assert_eq!(Effective::default().lock(Setting::PersistentConnection), Some(&Lock::Organisation));
        assert_eq!(Effective::default().lock(Setting::WindowTheme), None);
    }
}
