//! What everybody said, before it is decided what holds.

use std::collections::BTreeMap;
use std::fmt;

use super::keys::Setting;
use super::schema::Layer;
use super::value::Value;

/// Who said it: the layer, and where exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub layer: Layer,
    /// A file, a registry key, the name of an object; empty where the layer says it all.
    pub place: String,
}

impl Source {
    pub fn new(layer: Layer, place: impl Into<String>) -> Self {
        Self { layer, place: place.into() }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.layer {
            Layer::BuiltIn => return f.write_str("built in"),
            Layer::Deployment => "installer",
            Layer::RecommendedUser | Layer::RecommendedMachine => "recommended policy",
            Layer::Global => return f.write_str("global settings"),
            Layer::Site => "site",
            Layer::BaseSettings => "base settings",
            Layer::Phone => "phone",
            Layer::Service => "the service, for phone",
            Layer::Chosen => return f.write_str("you, in the window"),
            Layer::File => "settings file",
            Layer::CommandLine => return f.write_str("command line"),
            Layer::MandatoryUser => "policy for this user",
            Layer::MandatoryMachine => "policy for this computer",
        };
        f.write_str(what)?;
        if self.place.is_empty() { Ok(()) } else { write!(f, " {}", self.place) }
    }
}

/// At most one value a setting and layer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Layers {
    values: BTreeMap<(Setting, Layer), (Value, Source)>,
}

impl Layers {
    /// The value of a layer. Gives the value it takes the place of, if that was another one.
    pub fn set(&mut self, setting: Setting, value: Value, source: Source) -> Option<(Value, Source)> {
        let new = value.clone();
        self.values.insert((setting, source.layer), (value, source)).filter(|(old, _)| *old != new)
    }

    pub fn get(&self, setting: Setting, layer: Layer) -> Option<&(Value, Source)> {
        self.values.get(&(setting, layer))
    }

    pub fn unset(&mut self, setting: Setting, layer: Layer) {
        self.values.remove(&(setting, layer));
    }

    /// Of one setting, weakest first.
    pub fn of(&self, setting: Setting) -> impl DoubleEndedIterator<Item = (&Value, &Source)> {
        let range = (setting, Layer::BuiltIn)..=(setting, Layer::MandatoryMachine);
        self.values.range(range).map(|(_, (value, source))| (value, source))
    }

    /// Takes the values of other layers in; theirs win where both have one.
    pub fn merge(&mut self, other: &Self) {
        for (key, value) in &other.values {
            self.values.insert(*key, value.clone());
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Setting, &Value, &Source)> {
        self.values.iter().map(|((setting, _), (value, source))| (*setting, value, source))
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl fmt::Debug for Layers {
    /// Names and places only: a value may be an account or an address, and this may reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values.keys().map(|(setting, layer)| format!("{}@{}", setting.entry().key, layer.word()));
        f.debug_list().entries(names).finish()
    }
}
