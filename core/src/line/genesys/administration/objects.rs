//! Objects of phone administration: from the service's JSON to ours, and a change of ours into the service's JSON.
//!
//! The service's properties are read by their published keys. Two keys are not published: the one of Force TURN is
//! recognised by its words, and where no object has it, it cannot be set.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::policy::{Setting, Value};
use crate::provisioning::field::MODELS;
use crate::provisioning::{Field, Kind, Object, RelayMode, Stated};

/// Meta base of the service's WebRTC phone.
pub(super) const WEBRTC_PHONE: &str = "inin_webrtc_softphone.json";
const WEBRTC_TRUNK: &str = "phone_connections_webrtc.json";

const MEDIA_DSCP: &str = "phone_media_dscp";
const SIP_DSCP: &str = "phone_sip_dscp";
/// The switch for WebRTC phones, and the older one for all.
const PERSISTENT: [&str; 2] = ["station_persistent_webrtc_enabled", "station_persistent_enabled"];
const TIMEOUT: &str = "station_persistent_timeout";

/// The path segment of a kind; `None`: phone administration has no such objects.
pub(super) const fn segment(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Site => Some("sites"),
        Kind::Trunk => Some("trunkbasesettings"),
        Kind::BaseSettings => Some("phonebasesettings"),
        Kind::Phone => Some("phones"),
        Kind::Global | Kind::User => None,
    }
}

/// A text field; empty where it is none.
pub(super) fn text<'a>(object: &'a Json, key: &str) -> &'a str {
    object.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// The id of a referenced object.
pub(super) fn reference<'a>(object: &'a Json, key: &str) -> &'a str {
    object.get(key).map(|reference| text(reference, "id")).unwrap_or_default()
}

/// What kinds of regions there are, by name.
pub(super) fn region_kinds(reply: &Json) -> BTreeMap<String, &'static str> {
    let mut kinds = BTreeMap::new();
    for (key, kind) in [("awsSatelliteRegions", "satellite"), ("awsCoreRegions", "core")] {
        for name in reply.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            kinds.insert(name.to_owned(), kind);
        }
    }
    kinds.insert(text(reply, "awsHomeRegion").to_owned(), "home");
    kinds
}

/// An object of the service in the form of our files. `name_of` finds the name of a referenced object.
pub(super) fn to_file(
    kind: Kind,
    wire: &Json,
    regions: &BTreeMap<String, &'static str>,
    name_of: impl Fn(Kind, &str) -> String,
) -> Json {
    let mut file = Map::new();
    let mut put = |key: &str, value: Json| {
        if value.as_str() != Some("") {
            file.insert(key.to_owned(), value);
        }
    };
    put("name", text(wire, "name").into());
    put("id", text(wire, "id").into());
    match kind {
        Kind::Site => {
            let listed = wire.get("mediaRegions").and_then(Json::as_array).into_iter().flatten();
            let region = |name: &str| json!({ "region": name, "kind": regions.get(name).unwrap_or(&"core") });
            put("media_regions", listed.filter_map(Json::as_str).map(region).collect::<Vec<_>>().into());
            let latency = wire.get("mediaRegionsUseLatencyBased").and_then(Json::as_bool) == Some(true);
            let relay = if latency { RelayMode::LowestLatency } else { RelayMode::Listed };
            put("relay", relay.word().into());
        }
        Kind::Trunk => {
            put("in_service", wire.get("inService").and_then(Json::as_bool).unwrap_or(true).into());
        }
        Kind::BaseSettings => {
            let webrtc = reference(wire, "phoneMetaBase") == WEBRTC_PHONE;
            put("model", if webrtc { MODELS[0] } else { MODELS[2] }.into());
            put("settings", settings(wire, true).into());
        }
        Kind::User => {
            let login = [text(wire, "username"), text(wire, "email")].into_iter().find(|login| !login.is_empty());
            put("login", login.unwrap_or_default().into());
        }
        Kind::Phone => {
            let mut named = |key: &str, field: &str, kind: Kind| put(key, name_of(kind, reference(wire, field)).into());
            named("site", "site", Kind::Site);
            named("base_settings", "phoneBaseSettings", Kind::BaseSettings);
            named("user", "webRtcUser", Kind::User);
            put("enabled", (!matches!(text(wire, "state"), "inactive" | "deleted")).into());
            put("settings", settings(wire, false).into());
        }
        Kind::Global => {}
    }
    file.into()
}

/// A station, for who may not see phones: what is known of the phone behind it.
pub(super) fn station_to_file(station: &Json, user: &str) -> Json {
    let mut settings = Map::new();
    for (key, wire) in [
        ("dscp", "webRtcMediaDscp"),
        ("persistent_connection", "webRtcPersistentEnabled"),
        ("force_relay", "webRtcForceTurn"),
    ] {
        if let Some(value) = station.get(wire).filter(|value| !value.is_null()) {
            settings.insert(key.to_owned(), value.clone());
        }
    }
    let mut file = json!({ "name": text(station, "name"), "id": text(station, "id"), "settings": settings });
    if let (false, Some(map)) = (user.is_empty(), file.as_object_mut()) {
        map.insert("user".to_owned(), user.into());
    }
    file
}

/// Where a setting stands: with the phone, or with its line.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Phone,
    Line,
}

fn properties(wire: &Json, place: Place) -> Option<&Map<String, Json>> {
    match place {
        Place::Phone => wire.get("properties"),
        Place::Line => wire.get("lines").and_then(|lines| lines.get(0)).and_then(|line| line.get("properties")),
    }
    .and_then(Json::as_object)
}

/// The key under which an object has a setting, or would have it where no other key is known.
fn key_of(wire: &Json, setting: Setting) -> Option<(Place, String)> {
    let here = |place, key: &str| properties(wire, place).is_some_and(|all| all.contains_key(key));
    Some(match setting {
        Setting::Dscp => (Place::Phone, MEDIA_DSCP.to_owned()),
        Setting::TransportDscp => (Place::Phone, SIP_DSCP.to_owned()),
        Setting::PersistentTimeout => (Place::Line, TIMEOUT.to_owned()),
        Setting::PersistentConnection => {
            (Place::Line, PERSISTENT.into_iter().find(|key| here(Place::Line, key))?.to_owned())
        }
        Setting::ForceRelay => {
            let is_it = |key: &&String| {
                let key = key.to_lowercase();
                key.contains("force") && key.contains("turn")
            };
            (Place::Phone, properties(wire, Place::Phone)?.keys().find(is_it)?.clone())
        }
        _ => return None,
    })
}

/// Whether the service keeps a field with its object of phone administration. The id and the model are its own.
pub(super) const fn keeps(field: Field) -> bool {
    matches!(
        field,
        Field::ServiceId
            | Field::Model
            | Field::Site
            | Field::BaseSettings
            | Field::User
            | Field::Enabled
            | Field::InService
            | Field::MediaRegions
            | Field::Relay
    )
}

/// Whether the service keeps a setting with objects of this kind.
pub(super) const fn keeps_setting(kind: Kind, setting: Setting) -> bool {
    matches!(kind, Kind::BaseSettings | Kind::Phone)
        && matches!(
            setting,
            Setting::Dscp
                | Setting::TransportDscp
                | Setting::PersistentTimeout
                | Setting::PersistentConnection
                | Setting::ForceRelay
        )
}

/// Settings that an object decides. With `whole` a default of the service counts as well.
fn settings(wire: &Json, whole: bool) -> Map<String, Json> {
    let mut found = Map::new();
    for setting in [
        Setting::Dscp,
        Setting::TransportDscp,
        Setting::PersistentTimeout,
        Setting::PersistentConnection,
        Setting::ForceRelay,
    ] {
        let Some((place, key)) = key_of(wire, setting) else { continue };
        let value = properties(wire, place).and_then(|all| all.get(&key)).and_then(|property| property.get("value"));
        let stated = |which: &str| value.and_then(|value| value.get(which)).filter(|value| !value.is_null());
        if let Some(value) = stated("instance").or_else(|| stated("default").filter(|_| whole)) {
            found.insert(setting.entry().key.to_owned(), value.clone());
        }
    }
    found
}

/// What a new object of the service starts as. `template`: what the service gives for it; of base settings.
pub(super) fn blank(kind: Kind, name: &str, template: &Json) -> Json {
    let mut wire = match kind {
        Kind::Site => json!({ "mediaRegions": [], "mediaRegionsUseLatencyBased": false, "mediaModel": "Cloud" }),
        Kind::Trunk => json!({ "trunkMetabase": { "id": WEBRTC_TRUNK }, "trunkType": "PHONE", "inService": true }),
        Kind::BaseSettings => template.clone(),
        _ => json!({ "state": "active", "phoneMetaBase": { "id": WEBRTC_PHONE } }),
    };
    if let Some(map) = wire.as_object_mut() {
        map.insert("name".to_owned(), name.into());
    }
    wire
}

/// Puts what changed from `before` to `after` into the service's form of the object; all else stays as it is there.
/// `id_of` finds a referenced object; `base` is the service's form of the base settings of a phone. Fails with one
/// clause.
pub(super) fn amend(
    wire: &mut Json,
    before: &Object,
    after: &Object,
    base: Option<&Json>,
    id_of: impl Fn(Kind, &str) -> Result<String, String>,
) -> Result<(), String> {
    for entry in after.kind.fields() {
        let (old, new) = (before.fields.get(&entry.field), after.fields.get(&entry.field));
        if old == new {
            continue;
        }
        let name = if let Some(Stated::Text(name)) = new { name.as_str() } else { "" };
        let refer = |kind: Kind| id_of(kind, name).map(|id| json!({ "id": id }));
        let (key, value) = match entry.field {
            Field::Site => ("site", refer(Kind::Site)?),
            Field::BaseSettings => ("phoneBaseSettings", refer(Kind::BaseSettings)?),
            Field::User if name.is_empty() => ("webRtcUser", Json::Null),
            Field::User => ("webRtcUser", refer(Kind::User)?),
            Field::Enabled => ("state", if after.is_on(Field::Enabled) { "active" } else { "inactive" }.into()),
            Field::InService => ("inService", after.is_on(Field::InService).into()),
            Field::MediaRegions => {
                let names: Vec<&str> = after.regions().iter().map(|region| region.name.as_str()).collect();
                ("mediaRegions", names.into())
            }
            Field::Relay => ("mediaRegionsUseLatencyBased", (after.relay() == RelayMode::LowestLatency).into()),
            Field::Model if after.text(Field::Model) != MODELS[0] => {
                return Err(format!("Offhook administers phones of the make and model “{}” only", MODELS[0]));
            }
            Field::Model => continue,
            Field::ServiceId => return Err("the service gives ids, nobody chooses them".to_owned()),
            _ => return Err(format!("{} is not kept by the service's phone administration", entry.key)),
        };
        let Some(map) = wire.as_object_mut() else { return Err("the service's object cannot be read".to_owned()) };
        map.insert(key.to_owned(), value);
    }
    for setting in after.kind.settings() {
        let (old, new) = (before.settings.get(&setting), after.settings.get(&setting));
        if old != new {
            set(wire, after.kind, setting, new, base)?;
        }
    }
    Ok(())
}

fn set(
    wire: &mut Json,
    kind: Kind,
    setting: Setting,
    value: Option<&Value>,
    base: Option<&Json>,
) -> Result<(), String> {
    let entry = setting.entry();
    if matches!(kind, Kind::Site | Kind::Global) {
        return Err(format!("the service has no {} for {}", entry.key, kind.noun()));
    }
    let found = key_of(wire, setting).or_else(|| base.and_then(|base| key_of(base, setting)));
    let newest = || (setting == Setting::PersistentConnection).then(|| (Place::Line, PERSISTENT[0].to_owned()));
    let found = found.or_else(newest);
    let Some((place, key)) = found else {
        return Err(match setting {
            Setting::ForceRelay => format!(
                "the service does not say under which name it keeps Force TURN; switch it in {}, section Media",
                kind.path()
            ),
            _ => format!("the service keeps {} elsewhere than with phones", entry.key),
        });
    };
    let unreadable = || "the service's object cannot be read".to_owned();
    let owner = match place {
        Place::Phone => wire.as_object_mut().ok_or_else(unreadable)?,
        Place::Line => {
            let lines = wire.as_object_mut().ok_or_else(unreadable)?.entry("lines").or_insert_with(|| json!([{}]));
            let lines = lines.as_array_mut().ok_or_else(unreadable)?;
            if lines.is_empty() {
                lines.push(json!({}));
            }
            lines.first_mut().and_then(Json::as_object_mut).ok_or_else(unreadable)?
        }
    };
    let all = owner.entry("properties").or_insert_with(|| json!({}));
    if all.is_null() {
        *all = json!({});
    }
    let all = all.as_object_mut().ok_or_else(unreadable)?;
    match value {
        Some(value) => {
            let instance = match value {
                Value::Bool(on) => Json::from(*on),
                Value::Integer(number) => (*number).into(),
                Value::Text(text) => text.clone().into(),
                Value::List(items) => items.clone().into(),
            };
            all.insert(key, json!({ "value": { "instance": instance } }));
        }
        // Base settings have every property; without a word of theirs the service's default holds.
        None => {
            all.remove(&key);
        }
    }
    Ok(())
}
