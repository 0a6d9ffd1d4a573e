//! What an administrator of phones keeps at the service: sites, trunk base settings, phone base settings and phones,
//! and what they decide for a station.
//!
//! Property keys are those of the platform's phone administration. Two are not published there, so a client must not
//! rely on their spelling: Force TURN, and how many calls a station shows.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::ExchangeOptions;
use crate::chance::stable_uuid;

pub const WEBRTC_PHONE: &str = "inin_webrtc_softphone.json";
const WEBRTC_LINE: &str = "inin_webrtc_softphone_line.json";
const WEBRTC_TRUNK: &str = "phone_connections_webrtc.json";

/// Objects of each kind; more are refused.
pub const MOST_OBJECTS: usize = 500;
/// Characters of a name.
const LONGEST_NAME: usize = 100;
/// Media regions of a site.
const MOST_REGIONS: usize = 32;

/// The kinds of objects, as their path segment names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    Sites,
    Trunks,
    Bases,
    Phones,
}

impl Shelf {
    pub fn of_segment(segment: &str) -> Option<Self> {
        Some(match segment {
            "sites" => Self::Sites,
            "trunkbasesettings" => Self::Trunks,
            "phonebasesettings" => Self::Bases,
            "phones" => Self::Phones,
            _ => return None,
        })
    }

    pub const fn segment(self) -> &'static str {
        match self {
            Self::Sites => "sites",
            Self::Trunks => "trunkbasesettings",
            Self::Bases => "phonebasesettings",
            Self::Phones => "phones",
        }
    }
}

/// Where a property stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Phone,
    Line,
}

/// What a property may be.
#[derive(Clone, Copy, Debug)]
enum Form {
    Flag(bool),
    /// Least, most, default.
    Number(i64, i64, i64),
    Text(&'static str),
    /// A list of texts with this one entry as default.
    List(&'static str),
}

pub const FORCE_TURN: &str = "phone_media_force_turn";
pub const MEDIA_DSCP: &str = "phone_media_dscp";
pub const APPEARANCES: &str = "phone_maxLineKeys";
pub const PERSISTENT: &str = "station_persistent_webrtc_enabled";
pub const TIMEOUT: &str = "station_persistent_timeout";

const PROPERTIES: [(&str, Place, Form); 9] = [
    ("phone_label", Place::Phone, Form::Text("PureCloud WebRTC Phone")),
    (APPEARANCES, Place::Phone, Form::Number(1, 100, 1)),
    ("phone_media_codecs", Place::Phone, Form::List("audio/opus")),
    (MEDIA_DSCP, Place::Phone, Form::Number(0, 63, 46)),
    ("phone_sip_dscp", Place::Phone, Form::Number(0, 63, 24)),
    (FORCE_TURN, Place::Phone, Form::Flag(false)),
    ("station_persistent_enabled", Place::Line, Form::Flag(false)),
    (PERSISTENT, Place::Line, Form::Flag(false)),
    (TIMEOUT, Place::Line, Form::Number(1, 86_400, 600)),
];

/// What holds for a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    pub persistent: bool,
    /// How long a session is kept without a call.
    pub timeout: Duration,
    pub force_turn: bool,
    pub dscp: u8,
    /// Calls that a station shows at once.
    pub appearances: u32,
}

/// Why an object is refused: HTTP status, code, message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub u16, pub &'static str, pub String);

fn bad(message: impl Into<String>) -> Refusal {
    Refusal(400, "bad.request", message.into())
}

/// Everything that is administered, each kind in the order of creation.
#[derive(Debug, Default)]
pub struct Directory {
    sites: Vec<Map<String, Value>>,
    trunks: Vec<Map<String, Value>>,
    bases: Vec<Map<String, Value>>,
    phones: Vec<Map<String, Value>>,
}

impl Directory {
    /// The practice organisation: two sites, a trunk, and base settings for the office and for home.
    pub fn practice(options: &ExchangeOptions) -> Self {
        let mut directory = Self::default();
        for (name, regions) in [("Madrid", vec!["eu-west-1", "eu-central-1"]), ("Lisboa", vec!["eu-west-2"])] {
            let body = json!({ "name": name, "mediaRegions": regions, "mediaRegionsUseLatencyBased": false,
                "mediaModel": "Cloud" });
            drop(directory.put(Shelf::Sites, &stable_uuid("site", name), &body, true));
        }
        let trunk = json!({ "name": "WebRTC Phones", "trunkMetabase": { "id": WEBRTC_TRUNK }, "inService": true });
        drop(directory.put(Shelf::Trunks, &stable_uuid("trunk", "webrtc"), &trunk, true));
        for (name, persistent) in
            [("Office_WebRTC_Standard", options.persistent), ("Home_WebRTC_Standard", None::<Duration>)]
        {
            let mut line = Map::new();
            line.insert(PERSISTENT.to_owned(), instance(persistent.is_some()));
            if let Some(timeout) = persistent {
                // Parts of a second, which no administrator may choose, make tests short.
                let whole = Value::from(timeout.as_secs());
                let timeout = if timeout.subsec_nanos() == 0 { whole } else { timeout.as_secs_f64().into() };
                line.insert(TIMEOUT.to_owned(), instance(timeout));
            }
            let body = json!({ "name": name, "phoneMetaBase": { "id": WEBRTC_PHONE },
                "properties": { FORCE_TURN: instance(options.force_turn), APPEARANCES: instance(options.call_appearances) },
                "lines": [{ "properties": line }] });
            drop(directory.put(Shelf::Bases, &stable_uuid("base", name), &body, true));
        }
        directory
    }

    /// A phone of the practice organisation. `station`: its id, which is the id of the phone's line.
    pub fn add_practice_phone(&mut self, name: &str, site: &str, base: &str, user: &str, station: &str) -> String {
        let id = stable_uuid("phone", station);
        let body = json!({ "name": name, "site": { "id": stable_uuid("site", site) },
            "phoneBaseSettings": { "id": stable_uuid("base", base) }, "webRtcUser": { "id": user },
            "lines": [{ "id": station }] });
        drop(self.put(Shelf::Phones, &id, &body, true));
        id
    }

    fn shelf(&self, shelf: Shelf) -> &Vec<Map<String, Value>> {
        match shelf {
            Shelf::Sites => &self.sites,
            Shelf::Trunks => &self.trunks,
            Shelf::Bases => &self.bases,
            Shelf::Phones => &self.phones,
        }
    }

    fn shelf_mut(&mut self, shelf: Shelf) -> &mut Vec<Map<String, Value>> {
        match shelf {
            Shelf::Sites => &mut self.sites,
            Shelf::Trunks => &mut self.trunks,
            Shelf::Bases => &mut self.bases,
            Shelf::Phones => &mut self.phones,
        }
    }

    pub fn all(&self, shelf: Shelf) -> impl Iterator<Item = &Map<String, Value>> {
        self.shelf(shelf).iter()
    }

    pub fn get(&self, shelf: Shelf, id: &str) -> Option<&Map<String, Value>> {
        self.all(shelf).find(|object| text(object, "id") == id)
    }

    /// The name of a referenced object; empty where it is not there.
    pub fn name(&self, shelf: Shelf, id: &str) -> &str {
        self.get(shelf, id).map_or("", |object| text(object, "name"))
    }

    /// Makes or replaces an object; gives it as it is then. `internal` values may lie outside what an administrator
    /// may choose.
    pub fn put(
        &mut self,
        shelf: Shelf,
        id: &str,
        body: &Value,
        internal: bool,
    ) -> Result<&Map<String, Value>, Refusal> {
        let Some(body) = body.as_object() else { return Err(bad("The body must be an object.")) };
        let before = self.get(shelf, id).cloned();
        if before.is_none() && self.shelf(shelf).len() >= MOST_OBJECTS {
            return Err(Refusal(409, "limit.exceeded", "There are too many objects of this kind.".to_owned()));
        }
        if let Some(before) = &before
            && body.get("version") != before.get("version")
        {
            return Err(Refusal(
                409,
                "version.conflict",
                "The object was changed by somebody else; read it again.".to_owned(),
            ));
        }
        let name = body.get("name").and_then(Value::as_str).unwrap_or_default().trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(bad("A name of 1 to 100 characters is required."));
        }
        if self.all(shelf).any(|other| text(other, "name") == name && text(other, "id") != id) {
            return Err(Refusal(409, "name.exists", "An object of this kind has this name.".to_owned()));
        }
        let mut object = match shelf {
            Shelf::Sites => site(body)?,
            Shelf::Trunks => trunk(body)?,
            Shelf::Bases => base(body, id, internal)?,
            Shelf::Phones => self.phone(body, before.as_ref(), id, internal)?,
        };
        let version = before.as_ref().and_then(|before| before.get("version")).and_then(Value::as_u64).unwrap_or(0);
        object.insert("id".to_owned(), id.into());
        object.insert("name".to_owned(), name.into());
        object.insert("version".to_owned(), (version + 1).into());
        object
            .insert("selfUri".to_owned(), format!("/api/v2/telephony/providers/edges/{}/{id}", shelf.segment()).into());
        if let Some(description) = body.get("description").and_then(Value::as_str) {
            let description: String = description.chars().take(500).collect();
            object.insert("description".to_owned(), description.into());
        }
        object.entry("state").or_insert_with(|| "active".into());
        let list = self.shelf_mut(shelf);
        let known = list.iter().position(|object| text(object, "id") == id);
        let at = known.unwrap_or(list.len());
        if known.is_none() {
            list.push(Map::new());
        }
        let Some(slot) = list.get_mut(at) else { return Err(bad("There is no room.")) };
        *slot = object;
        Ok(slot)
    }

    pub fn remove(&mut self, shelf: Shelf, id: &str) -> Result<(), Refusal> {
        if self.get(shelf, id).is_none() {
            return Err(Refusal(404, "not.found", "The object was not found.".to_owned()));
        }
        let field = match shelf {
            Shelf::Sites => Some("site"),
            Shelf::Bases => Some("phoneBaseSettings"),
            Shelf::Trunks | Shelf::Phones => None,
        };
        let users = field.map_or(0, |field| self.phones.iter().filter(|phone| reference(phone, field) == id).count());
        if users > 0 {
            let message = format!("{users} phones use it; give them another first.");
            return Err(Refusal(409, "resource.in.use", message));
        }
        self.shelf_mut(shelf).retain(|object| text(object, "id") != id);
        Ok(())
    }

    fn phone(
        &self,
        body: &Map<String, Value>,
        before: Option<&Map<String, Value>>,
        id: &str,
        internal: bool,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut object = Map::new();
        for (field, shelf) in [("site", Shelf::Sites), ("phoneBaseSettings", Shelf::Bases)] {
            let id = reference(body, field);
            if self.get(shelf, id).is_none() {
                return Err(bad(format!("{field} names no object.")));
            }
            object.insert(field.to_owned(), json!({ "id": id }));
        }
        let user = reference(body, "webRtcUser");
        if !user.is_empty() {
            object.insert("webRtcUser".to_owned(), json!({ "id": user }));
        }
        let state = body.get("state").and_then(Value::as_str).unwrap_or("active");
        if !["active", "inactive"].contains(&state) {
            return Err(bad("The state is active or inactive."));
        }
        object.insert("state".to_owned(), state.into());
        object.insert("phoneMetaBase".to_owned(), json!({ "id": WEBRTC_PHONE }));
        object.insert("properties".to_owned(), properties(body.get("properties"), Place::Phone, false, internal)?);
        let line = body.get("lines").and_then(|lines| lines.get(0));
        let own = before.map_or_else(|| line.and_then(|line| line.get("id")), |before| first_line(before).get("id"));
        let own = own.and_then(Value::as_str).filter(|_| internal || before.is_some());
        let line_id = own.map_or_else(|| stable_uuid("station", id), str::to_owned);
        let line = properties(line.and_then(|line| line.get("properties")), Place::Line, false, internal)?;
        let line_base = json!({ "id": self.line_base(reference(body, "phoneBaseSettings")) });
        let given =
            [body.get("lineBaseSettings"), body.get("lines").and_then(|lines| lines.get(0)?.get("lineBaseSettings"))];
        if before.is_none()
            && given.into_iter().flatten().any(|given| given.get("id") != line_base.get("id") && !given.is_null())
        {
            return Err(bad("lineBaseSettings names no line of these base settings."));
        }
        object.insert("lineBaseSettings".to_owned(), line_base.clone());
        let line = json!({ "id": line_id, "lineBaseSettings": line_base, "properties": line });
        object.insert("lines".to_owned(), json!([line]));
        Ok(object)
    }

    /// The id of the line that base settings have.
    fn line_base(&self, base: &str) -> &str {
        let line = self.get(Shelf::Bases, base).map(first_line);
        line.and_then(|line| line.get("id")).and_then(Value::as_str).unwrap_or_default()
    }

    /// What a phone of these base settings has before anybody said anything: all of it inherited. `None`: there are no
    /// such base settings.
    pub fn phone_template(&self, base: &str) -> Option<Value> {
        self.get(Shelf::Bases, base)?;
        let line = json!({ "id": self.line_base(base) });
        Some(json!({ "state": "active", "phoneBaseSettings": { "id": base }, "lineBaseSettings": line,
            "phoneMetaBase": { "id": WEBRTC_PHONE }, "properties": {},
            "lines": [{ "lineBaseSettings": line, "properties": {} }] }))
    }

    /// What holds for the station of a phone: the phone's own word, else that of its base settings.
    pub fn decided(&self, phone: &str) -> Decided {
        let none = Map::new();
        let phone = self.get(Shelf::Phones, phone).unwrap_or(&none);
        let base = self.get(Shelf::Bases, reference(phone, "phoneBaseSettings")).unwrap_or(&none);
        let of = |key: &str| {
            let property = |object: &Map<String, Value>| {
                let own = object.get("properties").and_then(|properties| properties.get(key)).and_then(stated);
                own.or_else(|| first_line(object).get("properties")?.get(key).and_then(stated)).cloned()
            };
            property(phone).or_else(|| property(base))
        };
        let number = |key: &str| of(key).and_then(|value| value.as_f64());
        let whole = |key: &str, default: u32| number(key).map_or(default, |number| number as u32);
        Decided {
            persistent: of(PERSISTENT).is_some_and(|value| value == true),
            timeout: number(TIMEOUT)
                .and_then(|s| Duration::try_from_secs_f64(s).ok())
                .unwrap_or(Duration::from_mins(10)),
            force_turn: of(FORCE_TURN).is_some_and(|value| value == true),
            dscp: u8::try_from(whole(MEDIA_DSCP, 46)).unwrap_or(46).min(63),
            appearances: whole(APPEARANCES, 1).max(1),
        }
    }
}

fn instance(value: impl Into<Value>) -> Value {
    json!({ "value": { "instance": value.into() } })
}

fn stated(property: &Value) -> Option<&Value> {
    property.get("value")?.get("instance").filter(|value| !value.is_null())
}

pub fn text<'a>(object: &'a Map<String, Value>, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The id in `field: {id}`; empty where there is none.
pub fn reference<'a>(object: &'a Map<String, Value>, field: &str) -> &'a str {
    object.get(field).and_then(|value| value.get("id")).and_then(Value::as_str).unwrap_or_default()
}

/// The first line; `null` where there is none.
pub fn first_line(object: &Map<String, Value>) -> &Value {
    object.get("lines").and_then(|lines| lines.get(0)).unwrap_or(&Value::Null)
}

fn site(body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut object = Map::new();
    let regions = match body.get("mediaRegions") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) if list.len() <= MOST_REGIONS && list.iter().all(Value::is_string) => list.clone(),
        Some(_) => return Err(bad("mediaRegions is a list of region names.")),
    };
    let unique: BTreeSet<&str> = regions.iter().filter_map(Value::as_str).collect();
    if unique.len() != regions.len() {
        return Err(bad("A media region stands twice."));
    }
    object.insert("mediaRegions".to_owned(), regions.into());
    let latency = match body.get("mediaRegionsUseLatencyBased") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(on)) => *on,
        Some(_) => return Err(bad("mediaRegionsUseLatencyBased is true or false.")),
    };
    object.insert("mediaRegionsUseLatencyBased".to_owned(), latency.into());
    let model = body.get("mediaModel").and_then(Value::as_str).unwrap_or("Cloud");
    if !["Cloud", "Premises"].contains(&model) {
        return Err(bad("mediaModel is Cloud or Premises."));
    }
    object.insert("mediaModel".to_owned(), model.into());
    Ok(object)
}

fn trunk(body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut object = Map::new();
    let meta = reference(body, "trunkMetabase");
    object.insert("trunkMetabase".to_owned(), json!({ "id": if meta.is_empty() { WEBRTC_TRUNK } else { meta } }));
    object.insert("trunkType".to_owned(), "PHONE".into());
    match body.get("inService") {
        None | Some(Value::Null) => object.insert("inService".to_owned(), true.into()),
        Some(Value::Bool(on)) => object.insert("inService".to_owned(), (*on).into()),
        Some(_) => return Err(bad("inService is true or false.")),
    };
    Ok(object)
}

fn base(body: &Map<String, Value>, id: &str, internal: bool) -> Result<Map<String, Value>, Refusal> {
    if reference(body, "phoneMetaBase") != WEBRTC_PHONE {
        return Err(bad(format!("phoneMetaBase must be {WEBRTC_PHONE} here.")));
    }
    let mut object = Map::new();
    object.insert("phoneMetaBase".to_owned(), json!({ "id": WEBRTC_PHONE, "name": "Genesys Cloud WebRTC Phone" }));
    object.insert("properties".to_owned(), properties(body.get("properties"), Place::Phone, true, internal)?);
    let line = body.get("lines").and_then(|lines| lines.get(0)).and_then(|line| line.get("properties"));
    let line = properties(line, Place::Line, true, internal)?;
    let line_id = stable_uuid("line-base", id);
    object.insert(
        "lines".to_owned(),
        json!([{ "id": line_id, "lineMetaBase": { "id": WEBRTC_LINE }, "properties": line }]),
    );
    Ok(object)
}

/// What a new object has before anybody said anything.
pub fn template() -> Value {
    let properties =
        |place: Place| properties(None, place, true, true).unwrap_or_else(|_| Value::Object(Map::default()));
    json!({ "phoneMetaBase": { "id": WEBRTC_PHONE, "name": "Genesys Cloud WebRTC Phone" },
        "properties": properties(Place::Phone),
        "lines": [{ "lineMetaBase": { "id": WEBRTC_LINE }, "properties": properties(Place::Line) }] })
}

/// Properties as they are kept. With `whole` what is not stated has its default; without, it is inherited.
fn properties(stated_by: Option<&Value>, place: Place, whole: bool, internal: bool) -> Result<Value, Refusal> {
    let none = Map::new();
    let given = match stated_by {
        None | Some(Value::Null) => &none,
        Some(Value::Object(map)) => map,
        Some(_) => return Err(bad("properties is an object.")),
    };
    if let Some(unknown) = given.keys().find(|key| !PROPERTIES.iter().any(|(k, at, _)| k == key && *at == place)) {
        let unknown: String = unknown.chars().take(60).collect();
        return Err(bad(format!("The property {unknown} does not exist here.")));
    }
    let mut kept = Map::new();
    for (key, _, form) in PROPERTIES.iter().filter(|(_, at, _)| *at == place) {
        let default = match form {
            Form::Flag(on) => Value::Bool(*on),
            Form::Number(_, _, default) => (*default).into(),
            Form::Text(text) => (*text).into(),
            Form::List(one) => json!([one]),
        };
        match given.get(*key).and_then(stated) {
            Some(value) => {
                let fits = match form {
                    Form::Flag(_) => value.is_boolean(),
                    Form::Number(least, most, _) => {
                        value.as_i64().is_some_and(|n| (*least..=*most).contains(&n)) || internal && value.is_number()
                    }
                    Form::Text(_) => value.as_str().is_some_and(|text| text.chars().count() <= LONGEST_NAME),
                    Form::List(_) => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
                };
                if !fits {
                    return Err(bad(format!("The property {key} cannot have this value.")));
                }
                kept.insert((*key).to_owned(), json!({ "value": { "default": default, "instance": value } }));
            }
            None if whole => {
                kept.insert((*key).to_owned(), json!({ "value": { "default": default, "instance": default } }));
            }
            None => {}
        }
    }
    Ok(kept.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (Directory, String) {
        let mut directory = Directory::practice(&ExchangeOptions::default());
        let phone = directory.add_practice_phone("AnaK_WebRTC", "Madrid", "Office_WebRTC_Standard", "U1", "S1");
        (directory, phone)
    }

    #[test]
    fn a_phone_overrules_its_base_settings_property_by_property() {
        let (mut directory, phone) = directory();
        let before = directory.decided(&phone);
        assert_eq!((before.persistent, before.force_turn, before.dscp), (true, false, 46));
        let mut body = Value::Object(directory.get(Shelf::Phones, &phone).unwrap().clone());
        body["properties"] = json!({ MEDIA_DSCP: instance(34) });
        body["lines"][0]["properties"] = json!({ PERSISTENT: instance(false) });
        directory.put(Shelf::Phones, &phone, &body, false).unwrap();
        let after = directory.decided(&phone);
        assert_eq!(after, Decided { dscp: 34, persistent: false, ..before });
    }

    #[test]
    fn a_phone_begins_as_its_base_settings_say_and_names_their_line() {
        let (mut directory, phone) = directory();
        let base = stable_uuid("base", "Home_WebRTC_Standard");
        let mut body = directory.phone_template(&base).unwrap();
        let line = directory.get(Shelf::Bases, &base).unwrap()["lines"][0]["id"].clone();
        assert_eq!(body["lines"][0]["lineBaseSettings"]["id"], line);
        let office = directory.get(Shelf::Phones, &phone).unwrap();
        assert_ne!(office["lineBaseSettings"]["id"], line);
        assert_eq!(office["lineBaseSettings"], office["lines"][0]["lineBaseSettings"]);
        body["name"] = "Ana_Home".into();
        body["site"] = json!({ "id": stable_uuid("site", "Madrid") });
        let made = directory.put(Shelf::Phones, "P2", &body, false).unwrap();
        assert_eq!((&made["lineBaseSettings"]["id"], &made["phoneBaseSettings"]["id"]), (&line, &base.clone().into()));
        body["name"] = "Ana_Odd".into();
        body["lineBaseSettings"] = json!({ "id": "elsewhere" });
        assert_eq!(directory.put(Shelf::Phones, "P3", &body, false).unwrap_err().0, 400);
        assert_eq!(directory.phone_template("nowhere"), None);
    }

    #[test]
    fn an_object_that_somebody_else_changed_is_not_overwritten() {
        let (mut directory, _) = directory();
        let id = stable_uuid("site", "Madrid");
        let body = Value::Object(directory.get(Shelf::Sites, &id).unwrap().clone());
        directory.put(Shelf::Sites, &id, &body, false).unwrap();
        assert_eq!(directory.put(Shelf::Sites, &id, &body, false).unwrap_err().0, 409);
    }

    #[test]
    fn what_is_in_use_is_not_removed_and_what_does_not_fit_is_refused() {
        let (mut directory, phone) = directory();
        let base = stable_uuid("base", "Office_WebRTC_Standard");
        assert_eq!(directory.remove(Shelf::Bases, &base).unwrap_err().1, "resource.in.use");
        directory.remove(Shelf::Phones, &phone).unwrap();
        directory.remove(Shelf::Bases, &base).unwrap();
        let new = |directory: &mut Directory, properties: Value| {
            let body = json!({ "name": "X", "phoneMetaBase": { "id": WEBRTC_PHONE }, "properties": properties });
            directory.put(Shelf::Bases, "B", &body, false).map(drop)
        };
        for wrong in [json!({ MEDIA_DSCP: instance(64) }), json!({ "phone_persistent": instance(true) }), json!([])] {
            assert_eq!(new(&mut directory, wrong).unwrap_err().0, 400);
        }
        new(&mut directory, json!({ MEDIA_DSCP: instance(0) })).unwrap();
    }
}
