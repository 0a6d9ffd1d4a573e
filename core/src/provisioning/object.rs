//! Objects as values.

use std::collections::BTreeMap;

use serde_json::Map;

use super::day::Day;
use super::field::{Field, Kind};
use super::number_plan::NumberPlan;
use super::region::{Region, RelayMode};
use crate::policy::{Setting, Value};

/// What a field of an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stated {
    Text(String),
    Flag(bool),
    Day(Day),
    List(Vec<String>),
    Regions(Vec<Region>),
    Plans(Vec<NumberPlan>),
}

/// One object. What is not stated is inherited or has the default of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub kind: Kind,
    /// Empty for the global settings.
    pub name: String,
    pub fields: BTreeMap<Field, Stated>,
    /// Settings of the phone that it decides; absent ones are inherited.
    pub settings: BTreeMap<Setting, Value>,
    /// What was read and is not understood: kept, told, and written again.
    pub unknown: Map<String, serde_json::Value>,
}

impl Object {
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), fields: BTreeMap::new(), settings: BTreeMap::new(), unknown: Map::new() }
    }

    /// For builders and tests.
    #[must_use]
    pub fn with(mut self, field: Field, stated: Stated) -> Self {
        self.fields.insert(field, stated);
        self
    }

    #[must_use]
    pub fn with_text(self, field: Field, text: impl Into<String>) -> Self {
        self.with(field, Stated::Text(text.into()))
    }

    #[must_use]
    pub fn with_setting(mut self, setting: Setting, value: Value) -> Self {
        self.settings.insert(setting, value);
        self
    }

    /// A text, or the schema's default.
    pub fn text(&self, field: Field) -> &str {
        match self.fields.get(&field) {
            Some(Stated::Text(text)) => text,
            _ => field.entry().default,
        }
    }

    pub fn is_on(&self, field: Field) -> bool {
        match self.fields.get(&field) {
            Some(Stated::Flag(on)) => *on,
            _ => field.entry().default == "on",
        }
    }

    pub fn list(&self, field: Field) -> &[String] {
        if let Some(Stated::List(items)) = self.fields.get(&field) { items } else { &[] }
    }

    pub fn regions(&self) -> &[Region] {
        if let Some(Stated::Regions(regions)) = self.fields.get(&Field::MediaRegions) { regions } else { &[] }
    }

    pub fn plans(&self) -> &[NumberPlan] {
        if let Some(Stated::Plans(plans)) = self.fields.get(&Field::NumberPlans) { plans } else { &[] }
    }

    pub fn relay(&self) -> RelayMode {
        RelayMode::parse(self.text(Field::Relay)).unwrap_or_default()
    }

    pub fn verified(&self) -> Option<Day> {
        if let Some(Stated::Day(day)) = self.fields.get(&Field::Verified) { Some(*day) } else { None }
    }

    /// For sentences: `phone AnaK_WebRTC`.
    pub fn title(&self) -> String {
        if self.kind == Kind::Global {
            self.kind.noun().to_owned()
        } else {
            format!("{} {}", self.kind.noun(), self.name)
        }
    }
}

/// Everything an administrator edits. Objects of a kind keep their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    all: Vec<Object>,
}

impl Objects {
    /// In the order of kinds, and within a kind as they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        self.all.iter()
    }

    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.all.iter().filter(move |object| object.kind == kind)
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn get(&self, kind: Kind, name: &str) -> Option<&Object> {
        self.of(kind).find(|object| object.name == name)
    }

    /// The global settings; an empty one where none are stated.
    pub fn global(&self) -> Object {
        self.of(Kind::Global).next().cloned().unwrap_or_else(|| Object::new(Kind::Global, ""))
    }

    /// Puts it in the place of the one of its kind and name, or behind the last of its kind.
    pub fn put(&mut self, object: Object) -> Option<Object> {
        if let Some(old) = self.all.iter_mut().find(|old| old.kind == object.kind && old.name == object.name) {
            return Some(std::mem::replace(old, object));
        }
        self.add(object);
        None
    }

    /// Adds it even where its name is taken: the check tells.
    pub fn add(&mut self, object: Object) {
        let at = self.all.partition_point(|old| old.kind <= object.kind);
        self.all.insert(at, object);
    }

    pub fn remove(&mut self, kind: Kind, name: &str) -> Option<Object> {
        let at = self.all.iter().position(|object| object.kind == kind && object.name == name)?;
        Some(self.all.remove(at))
    }

    /// The first of a kind that a text may mean: its name, else its name whatever the case, else its service id.
    pub fn find(&self, kind: Kind, text: &str) -> Option<&Object> {
        self.get(kind, text)
            .or_else(|| self.of(kind).find(|object| object.name.eq_ignore_ascii_case(text)))
            .or_else(|| self.of(kind).find(|object| !text.is_empty() && object.text(Field::ServiceId) == text))
    }

    /// Phones whose field names this object.
    pub fn phones_with(&self, field: Field, name: &str) -> Vec<&Object> {
        self.of(Kind::Phone).filter(|phone| phone.text(field) == name).collect()
    }
}
