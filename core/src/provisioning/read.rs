//! Objects from JSON and back. What does not fit becomes a finding; what is not known is kept.
//!
//! A file is one object with a list for each kind (`sites`, `base_settings`, `phones` …; `global` is no list), or one
//! list of objects that each say their `kind`, in any order.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::check::{Finding, Severity};
use super::day::Day;
use super::field::{Entry, Field, Form, Kind, SCHEMA, elsewhere};
use super::number_plan::{self, NumberPlan};
use super::object::{Object, Objects, Stated};
use super::region::{self, Pooled, Region, RegionKind};
use super::{naming, permission};
use crate::policy::{Setting, Value};

/// Version of the file that is written. A newer one is read as far as it is understood, and that is told.
pub const VERSION: u64 = 1;
/// Objects of one file; more are left out, and that is told.
const MOST_OBJECTS: usize = 20_000;
/// Findings kept of one file.
const MOST_FINDINGS: usize = 1_000;
/// Items of a list.
const MOST_ITEMS: usize = 64;

/// A whole file.
pub fn text(text: &str) -> (Objects, Vec<Finding>) {
    let mut reader = Reader::default();
    let text = text.trim_start_matches('\u{feff}');
    match serde_json::from_str::<Json>(text) {
        Ok(json) => reader.document(json),
        Err(error) => {
            let why = format!("it is no JSON (line {}, column {})", error.line(), error.column());
            reader.find(Severity::Error, "the file", "", why);
        }
    }
    reader.end()
}

/// One object of a kind, as it stands in a list of the file.
pub fn object(kind: Kind, json: Json) -> (Option<Object>, Vec<Finding>) {
    let mut reader = Reader::default();
    reader.object(kind, json);
    let (objects, findings) = reader.end();
    (objects.iter().next().cloned(), findings)
}

#[derive(Default)]
struct Reader {
    objects: Objects,
    count: usize,
    findings: Vec<Finding>,
}

impl Reader {
    fn end(self) -> (Objects, Vec<Finding>) {
        (self.objects, self.findings)
    }

    fn find(&mut self, severity: Severity, object: &str, field: &str, text: impl Into<String>) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding::new(severity, object, field, text));
        }
    }

    fn document(&mut self, json: Json) {
        match json {
            Json::Array(list) => {
                for item in list {
                    let kind = item.get("kind").and_then(Json::as_str).and_then(Kind::parse);
                    match (kind, item) {
                        (Some(kind), Json::Object(mut map)) => {
                            map.remove("kind");
                            self.object(kind, Json::Object(map));
                        }
                        (_, item) => {
                            let name = item.get("name").and_then(Json::as_str).unwrap_or("an object");
                            let words: Vec<&str> = Kind::ALL.into_iter().map(Kind::word).collect();
                            let why = format!("its kind is missing or unknown; it is one of {}", words.join(", "));
                            self.find(Severity::Error, &shown(name), "kind", why);
                        }
                    }
                }
            }
            Json::Object(map) => {
                for (key, value) in map {
                    self.list(&key, value);
                }
            }
            _ => self.find(Severity::Error, "the file", "", "it is neither an object nor a list"),
        }
    }

    fn list(&mut self, key: &str, value: Json) {
        if key == "version" {
            if value.as_u64().is_none_or(|version| version > VERSION) {
                let why = format!("it is not {VERSION}; the file may say more than is understood here");
                self.find(Severity::Warning, "the file", key, why);
            }
            return;
        }
        if key.starts_with('$') {
            // A comment or the address of a schema.
            return;
        }
        match (Kind::ALL.into_iter().find(|kind| kind.list_key() == key), value) {
            (Some(kind), Json::Array(list)) => list.into_iter().for_each(|item| self.object(kind, item)),
            (Some(kind), item @ Json::Object(_)) if kind == Kind::Global => self.object(kind, item),
            (Some(_), _) => self.find(Severity::Error, "the file", key, "it is no list"),
            (None, _) => self.find(Severity::Warning, "the file", &shown(key), "there is no such list; it was ignored"),
        }
    }

    fn object(&mut self, kind: Kind, json: Json) {
        self.count += 1;
        if self.count > MOST_OBJECTS {
            if self.count == MOST_OBJECTS + 1 {
                self.find(Severity::Error, "the file", "", format!("it has more than {MOST_OBJECTS} objects"));
            }
            return;
        }
        let Json::Object(map) = json else {
            return self.find(Severity::Error, kind.noun(), "", "it is no object");
        };
        if kind == Kind::Global && self.objects.of(kind).next().is_some() {
            return self.find(Severity::Error, kind.noun(), "", "they are there twice");
        }
        let name = map.get("name").and_then(Json::as_str).map(str::to_owned).unwrap_or_default();
        let mut object = Object::new(kind, if kind == Kind::Global { String::new() } else { name });
        let title = shown(&object.title());
        for (key, value) in map {
            let field = kind.fields().find(|entry| entry.key == key);
            match (field, value) {
                (Some(entry), value) if entry.field == Field::Name => {
                    if let Err(why) = field_value(entry, &value) {
                        self.find(Severity::Error, &title, &key, why);
                    }
                }
                // Nothing said: inherited, or the default.
                (_, Json::Null) => {}
                (Some(entry), value) => match field_value(entry, &value) {
                    Ok(stated) => {
                        object.fields.insert(entry.field, stated);
                    }
                    Err(why) => self.find(Severity::Error, &title, &key, why),
                },
                (None, Json::Object(settings)) if key == "settings" => {
                    self.settings(&mut object, &title, settings);
                }
                (None, value) => {
                    // Many write settings beside the fields; that is understood as well.
                    if Setting::by_any_name(&key).is_some() {
                        self.settings(&mut object, &title, Map::from_iter([(key, value)]));
                    } else if let Some(where_it_belongs) = elsewhere(kind, &key) {
                        let why = format!("{} have no such field: {where_it_belongs}", plural(kind));
                        self.find(Severity::Error, &title, &key, why);
                    } else {
                        self.find(
                            Severity::Warning,
                            &title,
                            &shown(&key),
                            "there is no such field; it is kept and has no effect",
                        );
                        object.unknown.insert(key, value);
                    }
                }
            }
        }
        self.objects.add(object);
    }

    fn settings(&mut self, object: &mut Object, title: &str, settings: Map<String, Json>) {
        for (key, value) in settings {
            let inherited = value.is_null() || value.as_str().is_some_and(|word| word.eq_ignore_ascii_case("inherit"));
            if inherited {
                continue;
            }
            let Some(setting) = Setting::by_any_name(&key) else {
                if key == "settings" || SCHEMA.iter().any(|entry| entry.key == key) {
                    self.find(
                        Severity::Error,
                        title,
                        &shown(&key),
                        "it is no setting; a field stands beside `settings`",
                    );
                    continue;
                }
                let hint =
                    Setting::similar(&key).map(|entry| format!("; is `{}` meant?", entry.key)).unwrap_or_default();
                self.find(
                    Severity::Warning,
                    title,
                    &shown(&key),
                    format!("there is no such setting; it is kept and has no effect{hint}"),
                );
                object.unknown.insert(key, value);
                continue;
            };
            let entry = setting.entry();
            if !object.kind.settings().any(|found| found == setting) {
                let hint = elsewhere(object.kind, entry.key).unwrap_or_else(|| "it is no setting of phones".to_owned());
                self.find(
                    Severity::Error,
                    title,
                    entry.key,
                    format!("{} have no such field: {hint}", plural(object.kind)),
                );
                continue;
            }
            match Value::from_json(&value).map_err(str::to_owned).and_then(|value| entry.accept(value)) {
                Ok(value) => {
                    object.settings.insert(setting, value);
                }
                Err(why) => self.find(Severity::Error, title, entry.key, why),
            }
        }
    }
}

fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Global => "global settings",
        Kind::Trunk => "trunks",
        Kind::Site => "sites",
        Kind::BaseSettings => "base settings",
        Kind::User => "users",
        Kind::Phone => "phones",
    }
}

/// What goes to a terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

fn good_text(text: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > most {
        Err(format!("it has 1 to {most} characters"))
    } else if text.chars().any(char::is_control) {
        Err("it contains control characters".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// A field's value, or why it is none.
pub(super) fn field_value(entry: &Entry, json: &Json) -> Result<Stated, String> {
    let text = || json.as_str().ok_or_else(|| "it is a text".to_owned());
    match entry.form {
        Form::Text(most) => good_text(text()?, most).map(Stated::Text),
        Form::Reference(_) => good_text(text()?, 80).map(Stated::Text),
        Form::Pattern => {
            naming::check(text()?)?;
            Ok(Stated::Text(text()?.to_owned()))
        }
        Form::Hours => {
            hours(text()?).ok_or("times are written 09:00-18:00")?;
            Ok(Stated::Text(text()?.trim().to_owned()))
        }
        Form::Choice(words) => {
            let word = text()?.trim();
            let found = words.iter().find(|known| known.eq_ignore_ascii_case(word));
            found
                .map(|word| Stated::Text((*word).to_owned()))
                .ok_or_else(|| format!("it is one of: {}", words.join("; ")))
        }
        Form::Flag => json.as_bool().map(Stated::Flag).ok_or_else(|| "it is true or false".to_owned()),
        Form::Day => Ok(Stated::Day(text()?.parse::<Day>()?)),
        Form::List | Form::References(_) => {
            let items = texts(json)?;
            if entry.field == Field::Permissions {
                for item in &items {
                    item.parse::<permission::Permission>()?;
                }
            }
            Ok(Stated::List(items))
        }
        Form::Regions => {
            list(json, region::MOST)?.iter().map(region_value).collect::<Result<_, _>>().map(Stated::Regions)
        }
        Form::Plans => {
            list(json, number_plan::MOST)?.iter().map(plan_value).collect::<Result<_, _>>().map(Stated::Plans)
        }
    }
}

/// Minutes of the day from and until; `None` where it is no such thing.
pub(super) fn hours(text: &str) -> Option<(u16, u16)> {
    let minutes = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let two = |word: &str| (word.len() == 2).then(|| word.parse::<u16>().ok()).flatten();
        let (hour, minute) = (two(hour)?, two(minute)?);
        (hour < 24 && minute < 60 || (hour, minute) == (24, 0)).then_some(hour * 60 + minute)
    };
    let (from, until) = text.split_once('-')?;
    Some((minutes(from)?, minutes(until)?))
}

fn list(json: &Json, most: usize) -> Result<&[Json], String> {
    let list = json.as_array().ok_or("it is a list")?;
    if list.len() > most { Err(format!("it has more than {most} items")) } else { Ok(list) }
}

fn texts(json: &Json) -> Result<Vec<String>, String> {
    let item = |item: &Json| good_text(item.as_str().ok_or("it is a list of texts")?, 300);
    list(json, MOST_ITEMS)?.iter().map(item).collect()
}

fn known_keys(map: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("`{}` means nothing there; it has {}", shown(key), known.join(", "))),
        None => Ok(()),
    }
}

fn region_value(json: &Json) -> Result<Region, String> {
    if let Some(name) = json.as_str() {
        // The service lists them by name only.
        return Ok(Region::new(good_text(name, 40)?, RegionKind::Core));
    }
    let map = json.as_object().ok_or("a region is a name or an object")?;
    known_keys(map, &["region", "kind", "geo", "since", "servers", "pool"])?;
    let name = good_text(map.get("region").and_then(Json::as_str).ok_or("a region has no name (`region`)")?, 40)?;
    let in_region = |why: String| format!("region {name}: {why}");
    let day = |json: Option<&Json>| -> Result<Option<Day>, String> {
        match json {
            None | Some(Json::Null) => Ok(None),
            Some(json) => Ok(Some(json.as_str().ok_or("a day is a text")?.parse()?)),
        }
    };
    let kind = |json: &Json| -> Result<RegionKind, String> {
        json.as_str().and_then(RegionKind::parse).ok_or_else(|| "kind is home, core or satellite".to_owned())
    };
    let mut kinds = match map.get("kind") {
        None | Some(Json::Null) => vec![(None, RegionKind::Core)],
        Some(Json::Array(history)) if !history.is_empty() && history.len() <= MOST_ITEMS => {
            let step = |step: &Json| Ok((day(step.get("from"))?, kind(step.get("is").unwrap_or(&Json::Null))?));
            history.iter().map(step).collect::<Result<Vec<_>, String>>().map_err(in_region)?
        }
        Some(one) => vec![(None, kind(one).map_err(in_region)?)],
    };
    kinds.sort_by_key(|(from, _)| *from);
    let servers = map.get("servers").map(texts).transpose().map_err(in_region)?.unwrap_or_default();
    if let Some(wrong) = servers.iter().find(|url| !is_server(url)) {
        return Err(in_region(format!("`{wrong}` is no STUN or TURN server; write turn:HOST:3478?transport=udp")));
    }
    let pooled = |json: &Json| -> Result<Pooled, String> {
        let (range, from) = match json {
            Json::String(range) => (range.as_str(), None),
            other => (
                other.get("range").and_then(Json::as_str).ok_or("a range of the pool is missing")?,
                day(other.get("from"))?,
            ),
        };
        Ok(Pooled { range: range.parse().map_err(|why| format!("`{}`: {why}", shown(range)))?, from })
    };
    let pool = match map.get("pool") {
        None | Some(Json::Null) => Vec::new(),
        Some(pool) => list(pool, 500)?.iter().map(pooled).collect::<Result<_, _>>().map_err(in_region)?,
    };
    let geo = map.get("geo").and_then(Json::as_str).map(|geo| good_text(geo, 40)).transpose()?.unwrap_or_default();
    Ok(Region { since: day(map.get("since"))?, name, kinds, geo, servers, pool })
}

/// RFC 7064 and RFC 7065, loosely: the media engine reads it for good.
fn is_server(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else { return false };
    let host = rest.split('?').next().unwrap_or_default();
    ["stun", "stuns", "turn", "turns"].contains(&scheme.to_ascii_lowercase().as_str())
        && !host.is_empty()
        && !host.starts_with("//")
        && !host.contains(['@', ' ', '/'])
}

fn plan_value(json: &Json) -> Result<NumberPlan, String> {
    let map = json.as_object().ok_or("a rule is an object")?;
    known_keys(map, &["name", "pattern", "normalized", "trunk"])?;
    let text = |key: &str, default: &str, most: usize| match map.get(key) {
        None | Some(Json::Null) => Ok(default.to_owned()),
        Some(json) => good_text(json.as_str().ok_or_else(|| format!("{key} is a text"))?, most)
            .map_err(|why| format!("{key}: {why}")),
    };
    let plan = NumberPlan {
        name: text("name", "rule", 80)?,
        pattern: text("pattern", "", 500)?,
        normalized: text("normalized", "$0", 200)?,
        trunk: match map.get("trunk") {
            Some(Json::String(empty)) if empty.is_empty() => String::new(),
            _ => text("trunk", "", 80)?,
        },
    };
    plan.check().map_err(|why| format!("rule {}: {why}", plan.name))?;
    Ok(plan)
}

fn region_json(region: &Region) -> Json {
    let mut map = Map::new();
    map.insert("region".into(), region.name.clone().into());
    let kind = match region.kinds.as_slice() {
        [(None, only)] => only.word().into(),
        history => history
            .iter()
            .map(|(from, kind)| match from {
                Some(from) => json!({ "is": kind.word(), "from": from.to_string() }),
                None => json!({ "is": kind.word() }),
            })
            .collect::<Vec<_>>()
            .into(),
    };
    map.insert("kind".into(), kind);
    if !region.geo.is_empty() {
        map.insert("geo".into(), region.geo.clone().into());
    }
    if let Some(since) = region.since {
        map.insert("since".into(), since.to_string().into());
    }
    if !region.servers.is_empty() {
        map.insert("servers".into(), region.servers.clone().into());
    }
    if !region.pool.is_empty() {
        let pooled = |pooled: &Pooled| match pooled.from {
            Some(from) => json!({ "range": pooled.range.to_string(), "from": from.to_string() }),
            None => pooled.range.to_string().into(),
        };
        map.insert("pool".into(), region.pool.iter().map(pooled).collect::<Vec<_>>().into());
    }
    Json::Object(map)
}

/// A field's value for files.
pub fn stated_json(stated: &Stated) -> Json {
    match stated {
        Stated::Text(text) => text.clone().into(),
        Stated::Flag(on) => (*on).into(),
        Stated::Day(day) => day.to_string().into(),
        Stated::List(items) => items.clone().into(),
        Stated::Regions(regions) => regions.iter().map(region_json).collect::<Vec<_>>().into(),
        Stated::Plans(plans) => plans
            .iter()
            .map(|plan| json!({ "name": plan.name, "pattern": plan.pattern, "normalized": plan.normalized, "trunk": plan.trunk }))
            .collect::<Vec<_>>()
            .into(),
    }
}

/// A field's value in one line for people.
pub fn stated_words(stated: &Stated) -> String {
    match stated {
        Stated::Text(text) => text.clone(),
        Stated::Flag(on) => if *on { "on" } else { "off" }.to_owned(),
        Stated::Day(day) => day.to_string(),
        Stated::List(items) => items.join(", "),
        Stated::Regions(regions) => {
            let mut text = String::new();
            for region in regions {
                let comma = if text.is_empty() { "" } else { ", " };
                let kind = region.kinds.last().map_or("core", |(_, kind)| kind.word());
                // Writing to a string never fails.
                write!(text, "{comma}{} ({kind})", region.name).ok();
            }
            text
        }
        Stated::Plans(plans) => plans.iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// One object for files, without its kind.
pub fn object_json(object: &Object) -> Json {
    let mut map = Map::new();
    if object.kind != Kind::Global {
        map.insert("name".into(), object.name.clone().into());
    }
    for (field, stated) in &object.fields {
        map.insert(field.entry().key.into(), stated_json(stated));
    }
    if !object.settings.is_empty() {
        let settings = object.settings.iter().map(|(setting, value)| (setting.entry().key.to_owned(), json!(value)));
        map.insert("settings".into(), Json::Object(settings.collect()));
    }
    for (key, value) in &object.unknown {
        map.entry(key.clone()).or_insert_with(|| value.clone());
    }
    Json::Object(map)
}

/// Everything for files.
pub fn to_json(objects: &Objects) -> Json {
    let mut map = Map::new();
    map.insert("version".into(), VERSION.into());
    for kind in Kind::ALL {
        let list: Vec<Json> = objects.of(kind).map(object_json).collect();
        match (kind, list.is_empty()) {
            (Kind::Global, false) => {
                map.insert(kind.list_key().into(), list.into_iter().next().unwrap_or_default());
            }
            (_, true) => {}
            (_, false) => {
                map.insert(kind.list_key().into(), list.into());
            }
        }
    }
    Json::Object(map)
}

/// The text of a file, ending with a line break.
pub fn to_text(objects: &Objects) -> String {
    let mut text = serde_json::to_string_pretty(&to_json(objects)).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Three sites and all that belongs to them.
    pub const SAMPLE: &str = r#"{
        "version": 1,
        "global": {"business_hours": "09:00-18:00", "settings": {"dscp": 46}},
        "trunks": [{"name": "PSTN"}, {"name": "Old", "in_service": false}],
        "sites": [
            {"name": "Madrid", "trunks": ["PSTN"], "relay": "lowest latency via geo-lookup", "verified": "2026-05-01",
             "media_regions": [
                {"region": "eu-west-1", "kind": "home", "servers": ["turn:eu-west-1.example:3478"], "pool": ["192.0.2.0/24"]},
                {"region": "ap-south-1", "kind": [{"is": "satellite"}, {"is": "core", "from": "2021-03-31"}]}],
             "number_plans": [{"name": "National", "pattern": "([6-9]\\d{8})", "normalized": "+34$1", "trunk": "PSTN"}]},
            {"name": "Lisboa", "media_regions": ["eu-west-1"]},
            {"name": "Leeds"}],
        "base_settings": [
            {"name": "Support_WebRTC_Standard", "model": "Genesys Cloud WebRTC Phone",
             "settings": {"persistent_connection": true, "persistent_timeout": 600, "transport_dscp": 24, "dscp": 46, "force_relay": true}},
            {"name": "Sales_WebRTC_Remote"}],
        "users": [{"name": "Ana Kovacs", "login": "ana"}, {"name": "Ben Okafor", "login": "ben"}],
        "phones": [
            {"name": "AnaK_WebRTC", "site": "Madrid", "base_settings": "Support_WebRTC_Standard", "user": "Ana Kovacs",
             "settings": {"force_relay": false}},
            {"name": "BenO_WebRTC", "site": "Lisboa", "base_settings": "Support_WebRTC_Standard", "user": "Ben Okafor",
             "settings": {"force_relay": "inherit"}}]
    }"#;

    pub fn sample() -> Objects {
        let (objects, findings) = text(SAMPLE);
        assert_eq!(findings, []);
        objects
    }

    #[track_caller]
    fn finds(json: &str, words: &[&str]) {
        let (_, findings) = text(json);
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        for word in words {
            assert!(said.iter().any(|text| text.contains(word)), "`{word}` is not in {said:#?}");
        }
        assert_eq!(said.len(), words.len(), "{said:#?}");
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let objects = sample();
        assert_eq!(text(&to_text(&objects)), (objects, vec![]));
    }

    #[test]
    fn row_7_and_41_site_fields_in_base_settings_are_refused_with_where_they_belong() {
        finds(
            r#"{"base_settings": [{"name": "A", "media_regions": ["eu-west-1"]}, {"name": "B", "relay": "x"}],
                "sites": [{"name": "S", "settings": {"force_relay": true}}]}"#,
            &[
                "base settings A: media_regions: base settings have no such field: set it on the Site",
                "base settings B: relay: base settings have no such field: set it on the Site",
                "site S: force_relay: sites have no such field: set it on the phone or on its base settings",
            ],
        );
    }

    #[test]
    fn row_12_objects_in_any_order_are_sorted_into_the_order_in_which_they_can_be_made() {
        let (objects, findings) = text(
            r#"[{"kind": "phone", "name": "A_WebRTC", "site": "S", "base_settings": "B", "user": "U"},
                {"kind": "user", "name": "U"}, {"kind": "Base Settings", "name": "B"}, {"kind": "site", "name": "S"}]"#,
        );
        assert_eq!(findings, []);
        let kinds: Vec<Kind> = objects.iter().map(|object| object.kind).collect();
        assert_eq!(kinds, [Kind::Site, Kind::BaseSettings, Kind::User, Kind::Phone]);
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_range() {
        finds(
            r#"{"base_settings": [{"name": "A", "model": "Toaster",
                "settings": {"dscp": 64, "persistent_timeout": 29, "force_relay": "perhaps", "persistant_timeout": 60}}]}"#,
            &[
                "model: it is one of: Genesys Cloud WebRTC Phone",
                "dscp: it is a whole number from 0 to 63",
                "persistent_timeout: it is a whole number from 30 to 86400 s",
                "force_relay: it is on or off",
                "is `persistent_timeout` meant?",
            ],
        );
    }

    #[test]
    fn unknown_fields_are_kept_told_and_written_again() {
        let json = r#"{"phones": [{"name": "A", "colour": {"of": "case"}}]}"#;
        finds(json, &["phone A: colour: there is no such field; it is kept"]);
        assert!(to_text(&text(json).0).contains("\"colour\""));
    }

    #[test]
    fn what_could_not_be_written_again_as_it_was_is_refused() {
        finds(r#"{"global": [{}, {}]}"#, &["global settings: they are there twice"]);
        finds(r#"{"phones": [{"name": "A", "settings": {"site": "S", "odd": null}}]}"#, &["site: it is no setting"]);
        crate::provisioning::fuzz(br#"{"phones": [{"name": "A", "settings": {"odd": null, "other": 1}}]}"#);
    }

    #[test]
    fn what_is_no_file_of_objects_is_told() {
        finds("", &["it is no JSON (line 1"]);
        finds("3", &["neither an object nor a list"]);
        finds(r#"{"phones": {}, "elephants": []}"#, &["phones: it is no list", "elephants: there is no such list"]);
        finds(r#"[{"name": "A"}]"#, &["kind: its kind is missing"]);
        finds(
            r#"{"phones": [1, {"name": ""}, {"name": "a\u0007"}]}"#,
            &["it is no object", "1 to 80", "control characters"],
        );
        finds(
            r#"{"sites": [{"name": "S", "media_regions": [{"region": "x", "servers": ["http://a"]}]}]}"#,
            &["no STUN or TURN server"],
        );
        finds(
            r#"{"sites": [{"name": "S", "media_regions": [{"region": "x", "pool": ["1.2.3.4/8"]}]}]}"#,
            &["bits outside its prefix"],
        );
        finds(r#"{"sites": [{"name": "S", "number_plans": [{"pattern": "("}]}]}"#, &["rule rule: "]);
        finds(r#"{"global": {"business_hours": "9-18"}}"#, &["09:00-18:00"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_anything_panic(bytes: Vec<u8>) {
            crate::provisioning::fuzz(&bytes);
        }

        #[test]
        fn no_values_make_anything_panic(name: String, number: i64, text in "[a-z ]{0,10}", flag: bool) {
            for list in ["phones", "sites", "base_settings", "trunks", "users"] {
                let json = json!({ list: [{ "name": name, "site": text, "user": number, "enabled": flag, "verified": text,
                    "media_regions": [text, { "region": text, "pool": [name] }], "settings": { "dscp": number, "force_relay": flag } }],
                    "global": { "settings": { "dscp": number } } });
                crate::provisioning::fuzz(json.to_string().as_bytes());
            }
        }
    }
}
