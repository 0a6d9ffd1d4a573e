//! Phone administration by REST: sites, trunks, base settings, people and phones of the service as objects of
//! [`crate::provisioning`], read as a whole and changed one at a time.
//!
//! Requests go out through an [`Asker`], one after the other; nothing else here has an effect. An object is read again
//! right before it is changed, and a change by somebody else in between is refused, not overwritten.

mod notice;
mod objects;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value as Json;
use url::Url;

use self::notice::{elsewhere, garbage, lost, no_token, not_permitted, not_possible, refused, token_ended};
use self::objects::{amend, blank, keeps, keeps_setting, region_kinds, segment, station_to_file, text, to_file};
use super::hosts::Hosts;
use super::rest::{self, CONTROL_LIMIT_S};
use super::signin::{Answer, PRACTICE_CLIENT, PRACTICE_REDIRECT, authorise_query};
use super::wire;
use crate::command::SignIn;
use crate::entropy::Entropy;
use crate::event::Notice;
use crate::ids::{IdSource, RequestId};
use crate::output::{Asker, HttpBody, HttpRequest, Method};
use crate::provisioning::permission::Required;
use crate::provisioning::{Field, Finding, Kind, Object, Objects, Permission, Severity, read};
use crate::redact::Private;

const EDGES: &str = "/api/v2/telephony/providers/edges";
/// Objects of a page, as many as the service gives.
const PAGE: usize = 100;
/// Pages of a list; more is no telephony of one organisation.
const MOST_PAGES: usize = 200;
/// How often a request that the service puts off is sent.
const TRIES: u32 = 3;
/// Longest wait that the service may ask for; longer is told instead.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Wait where the service asks for patience and does not say for how long.
const USUAL_PAUSE: Duration = Duration::from_secs(2);

/// A token that ends sooner is not begun with.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// Administration of phones at one service, for one user.
#[derive(Debug)]
pub struct Administration<A> {
    http: A,
    hosts: Hosts,
    token: Private<String>,
    requests: IdSource,
    me: (String, String),
    missing: Option<String>,
}

/// All objects as the service has them.
#[derive(Debug, Default)]
pub struct Inventory {
    pub objects: Objects,
    /// What could not be read, or means nothing here.
    pub findings: Vec<Finding>,
}

impl<A: Asker> Administration<A> {
    /// Signs in where that needs no browser, and sees who this is and what is permitted.
    pub fn open(http: A, sign_in: &SignIn, mut entropy: Entropy) -> Result<Self, Notice> {
        let hosts = Hosts::of(sign_in).ok_or_else(super::notice::bad_environment)?;
        let mut this = Self {
            http,
            hosts,
            token: Private::default(),
            requests: IdSource::starting_after(0),
            me: <(String, String)>::default(),
            missing: None,
        };
        this.token = match sign_in {
            SignIn::Token { token, .. } => token.clone(),
            SignIn::Practice { user, .. } => this.practice_token(user.reveal(), &mut entropy)?,
            SignIn::Service(service) => {
                let kept = service.kept.as_ref().ok_or_else(|| no_token(&this.hosts.name))?;
                // Renewing it is the phone's: a refresh token is good once.
                if kept.life.is_some_and(|life| life < SHORTEST_LIFE) {
                    return Err(token_ended(&this.hosts.name));
                }
                kept.token.clone()
            }
        };
        let me = this.get("who this is cannot be read", "/api/v2/users/me?expand=authorization")?;
        this.me = (text(&me, "id").to_owned(), text(&me, "name").to_owned());
        let granted = me.get("authorization").and_then(|found| found.get("permissions")).and_then(Json::as_array);
        if let Some(granted) = granted {
            let words = granted.iter().filter_map(Json::as_str);
            let granted: Vec<Permission> = words.filter_map(|word| word.parse().ok()).collect();
            this.missing = Required::administration().missing(&granted);
        }
        Ok(this)
    }

    /// The user's name at the service.
    pub fn who(&self) -> &str {
        &self.me.1
    }

    /// The service, for sentences.
    pub fn place(&self) -> &str {
        &self.hosts.name
    }

    /// The permission without which nothing can be changed, where it is missing.
    pub fn missing_permission(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    /// Why nothing can be changed, if that is so.
    pub fn refused(&self) -> Option<Notice> {
        let missing = self.missing.as_deref()?;
        Some(not_permitted(&self.hosts.name, &format!("{} may look and not change anything", self.who()), missing))
    }

    /// Everything, kinds in their order. Without the permission: sites, and phones as far as stations tell of them.
    pub fn read(&mut self) -> Result<Inventory, Notice> {
        let mut inventory = Inventory::default();
        let regions = self.get("the media regions cannot be read", "/api/v2/telephony/mediaregions");
        let regions = match regions {
            Ok(reply) => region_kinds(&reply),
            Err(notice) => {
                inventory.find("sites", &notice.text);
                BTreeMap::new()
            }
        };
        let mut names: BTreeMap<(Kind, String), String> = BTreeMap::new();
        let may = self.missing.is_none();
        let kinds: &[Kind] = if may { &Kind::ALL } else { &[Kind::Site] };
        for kind in kinds.iter().copied() {
            let wires = match (kind, segment(kind)) {
                (Kind::User, _) => self.people(&mut inventory),
                (_, Some(segment)) => {
                    self.list(&format!("the {} cannot be listed", plural(kind)), &format!("{EDGES}/{segment}"))?
                }
                (_, None) => continue,
            };
            for wire in wires.iter().filter(|wire| text(wire, "state") != "deleted") {
                names.insert((kind, text(wire, "id").to_owned()), text(wire, "name").to_owned());
                // A person who may not be listed is still named by the phone.
                let file = to_file(kind, wire, &regions, |kind, id| {
                    let known = names.get(&(kind, id.to_owned())).cloned();
                    known.unwrap_or_else(|| {
                        let field = if kind == Kind::User { "webRtcUser" } else { "" };
                        let named = wire.get(field).map(|named| text(named, "name")).unwrap_or_default();
                        if named.is_empty() { id.to_owned() } else { named.to_owned() }
                    })
                });
                inventory.add(kind, file);
            }
        }
        if !may {
            let path = "/api/v2/stations";
            for station in self.list("the phones cannot be listed", path)? {
                if text(&station, "type") == "inin_webrtc_softphone" {
                    let mine = text(&station, "webRtcUserId") == self.me.0;
                    inventory.add(Kind::Phone, station_to_file(&station, if mine { self.who() } else { "" }));
                }
            }
        }
        Ok(inventory)
    }

    /// People cannot always be listed; phones can be looked at without.
    fn people(&mut self, inventory: &mut Inventory) -> Vec<Json> {
        match self.list("the people cannot be listed", "/api/v2/users") {
            Ok(people) => people,
            Err(notice) => {
                inventory.find("users", &notice.text);
                Vec::new()
            }
        }
    }

    /// Makes an object, or changes the one of its kind and name. The inventory has it then.
    pub fn put(&mut self, inventory: &mut Inventory, object: &Object) -> Result<(), Notice> {
        if let Some(refused) = self.refused() {
            return Err(refused);
        }
        let title = object.title();
        let Some(segment) = segment(object.kind) else { return Err(elsewhere(object.kind)) };
        let before = inventory.objects.get(object.kind, &object.name);
        let id = before.map(|before| before.text(Field::ServiceId).to_owned());
        let create = id.is_none();
        let (method, path) = match &id {
            Some(id) => (Method::Put, format!("{EDGES}/{segment}/{}", rest::segment(id))),
            None => (Method::Post, format!("{EDGES}/{segment}")),
        };
        let mut wire = match (&id, object.kind) {
            (Some(_), _) => self.get(&format!("{title} cannot be read"), &path)?,
            (None, Kind::BaseSettings) => {
                let template = format!("{path}/template?phoneMetabaseId={}", objects::WEBRTC_PHONE);
                blank(object.kind, &object.name, &self.get("new base settings cannot be begun", &template)?)
            }
            (None, kind) => blank(kind, &object.name, &Json::Null),
        };
        let base = self.base_of(inventory, object)?;
        let blank_object = Object::new(object.kind, object.name.clone());
        let id_of = |kind: Kind, name: &str| inventory.id_of(kind, name);
        amend(&mut wire, before.unwrap_or(&blank_object), object, base.as_ref(), id_of)
            .map_err(|why| not_possible(&title, &why))?;
        if let (Kind::Phone, Some(base), Some(map)) = (object.kind, &base, wire.as_object_mut()) {
            line_base(map, base);
        }
        let doing = format!("{title} cannot be {}", if create { "created" } else { "changed" });
        let reply = self.call(&doing, method, &path, Some(&wire))?;
        let id = id.unwrap_or_else(|| text(&reply, "id").to_owned());
        if id.is_empty() {
            return Err(garbage(&self.hosts.name, &doing));
        }
        inventory.objects.put(object.clone().with_text(Field::ServiceId, id));
        Ok(())
    }

    /// The service's form of the base settings of a phone.
    fn base_of(&mut self, inventory: &Inventory, object: &Object) -> Result<Option<Json>, Notice> {
        let name = object.text(Field::BaseSettings);
        if object.kind != Kind::Phone || name.is_empty() {
            return Ok(None);
        }
        let id = inventory.id_of(Kind::BaseSettings, name).map_err(|why| not_possible(&object.title(), &why))?;
        let path = format!("{EDGES}/phonebasesettings/{}", rest::segment(&id));
        self.get(&format!("base settings {name} cannot be read"), &path).map(Some)
    }

    pub fn remove(&mut self, object: &Object) -> Result<(), Notice> {
        if let Some(refused) = self.refused() {
            return Err(refused);
        }
        let Some(segment) = segment(object.kind) else { return Err(elsewhere(object.kind)) };
        let id = object.text(Field::ServiceId);
        let path = format!("{EDGES}/{segment}/{}", rest::segment(id));
        self.call(&format!("{} cannot be removed", object.title()), Method::Delete, &path, None).map(drop)
    }

    /// All pages of a list.
    fn list(&mut self, doing: &str, path: &str) -> Result<Vec<Json>, Notice> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let mut reply = self.get(doing, &format!("{path}?pageSize={PAGE}&pageNumber={page}"))?;
            let Some(entities) = reply.get_mut("entities").and_then(Json::as_array_mut).map(std::mem::take) else {
                return Err(garbage(&self.hosts.name, doing));
            };
            let last = entities.is_empty()
                || reply.get("pageCount").and_then(Json::as_u64).is_none_or(|count| page as u64 >= count);
            all.extend(entities);
            if last {
                break;
            }
        }
        Ok(all)
    }

    fn get(&mut self, doing: &str, path: &str) -> Result<Json, Notice> {
        self.call(doing, Method::Get, path, None)
    }

    /// One request, repeated where the service puts it off. `doing` is what is not done when it fails.
    fn call(&mut self, doing: &str, method: Method, path: &str, body: Option<&Json>) -> Result<Json, Notice> {
        let mut tries = 0;
        loop {
            tries += 1;
            let request = HttpRequest {
                request: RequestId(self.requests.next()),
                method,
                url: format!("{}{path}", self.hosts.api),
                bearer: Some(self.token.clone()),
                body: body.map_or(HttpBody::Empty, rest::json),
                limit_s: CONTROL_LIMIT_S,
            };
            let answer = match self.http.ask(request) {
                Ok(answer) => answer,
                Err(error) => return Err(lost(&self.hosts.name, doing, &error, method != Method::Get)),
            };
            match answer.status {
                200..300 if answer.body.is_empty() => return Ok(Json::Null),
                200..300 => {
                    return serde_json::from_slice(&answer.body).map_err(|_| garbage(&self.hosts.name, doing));
                }
                429 | 503 => {
                    let wait = answer.retry_after_s.map_or(USUAL_PAUSE, |s| Duration::from_secs(u64::from(s)));
                    if tries >= TRIES || wait > LONGEST_PAUSE {
                        return Err(refused(&self.hosts.name, doing, &answer));
                    }
                    self.http.pause(wait);
                }
                _ => return Err(refused(&self.hosts.name, doing, &answer)),
            }
        }
    }

    /// The practice exchange grants without asking anybody, so its redirect is read from the answer.
    fn practice_token(&mut self, user: &str, entropy: &mut Entropy) -> Result<Private<String>, Notice> {
        let (verifier, state) = (entropy.url_safe(), entropy.url_safe());
        let query = authorise_query(PRACTICE_CLIENT, PRACTICE_REDIRECT, &verifier, &state)
            .append_pair("login_hint", user)
            .finish();
        let doing = "signing in is not possible";
        let mut send = |path: &str, method: Method, body: HttpBody| {
            let request = HttpRequest {
                request: RequestId(self.requests.next()),
                method,
                url: format!("{}{path}", self.hosts.login),
                bearer: None,
                body,
                limit_s: CONTROL_LIMIT_S,
            };
            self.http.ask(request).map_err(|error| lost(&self.hosts.name, doing, &error, false))
        };
        let answer = send(&format!("/oauth/authorize?{query}"), Method::Get, HttpBody::Empty)?;
        let location = answer.location.as_deref().and_then(|location| Url::parse(location).ok());
        let Some(location) = location.filter(|_| (300..400).contains(&answer.status)) else {
            return Err(super::notice::sign_in_refused(&format!("the service answered with HTTP {}", answer.status)));
        };
        let redirected = Answer::read(location.query().unwrap_or_default());
        if redirected.state.as_ref().map(Private::reveal) != Some(&state) {
            return Err(super::notice::sign_in_forged());
        }
        let form = vec![
            ("grant_type", "authorization_code".into()),
            ("code", redirected.code.unwrap_or_default()),
            ("code_verifier", verifier.into()),
            ("client_id", PRACTICE_CLIENT.into()),
            ("redirect_uri", PRACTICE_REDIRECT.into()),
        ];
        let answer = send("/oauth/token", Method::Post, HttpBody::Form(form))?;
        let reply = wire::parse::<wire::TokenReply>(&answer.body).filter(|_| answer.status == 200);
        reply
            .map(|reply| reply.access_token.into())
            .ok_or_else(|| super::notice::sign_in_refused(&format!("the service answered with HTTP {}", answer.status)))
    }
}

impl Inventory {
    fn find(&mut self, object: &str, text: &str) {
        self.findings.push(Finding::new(Severity::Warning, object, "", text.trim_end_matches('.')));
    }

    fn add(&mut self, kind: Kind, file: Json) {
        let (object, findings) = read::object(kind, file);
        self.findings.extend(findings);
        if let Some(object) = object {
            self.objects.add(object);
        }
    }

    /// An object from elsewhere as the service can keep it, under the id that it has there, and what is left out of it.
    /// `None`: nothing of it is kept here.
    pub fn fitted(&self, object: &Object) -> (Option<Object>, Vec<Finding>) {
        let mut findings = Vec::new();
        let title = object.title();
        let known = self.objects.get(object.kind, &object.name);
        if segment(object.kind).is_none() {
            let there = known.is_some() && object.kind == Kind::User;
            if !there {
                let text = format!("it is left out; {} is the place for it", object.kind.path());
                findings.push(Finding::new(Severity::Warning, &title, "", text));
            }
            return (None, findings);
        }
        let mut fitted = object.clone();
        fitted.fields.remove(&Field::ServiceId);
        if let Some(id) = known.and_then(|known| known.fields.get(&Field::ServiceId)) {
            fitted.fields.insert(Field::ServiceId, id.clone());
        }
        let mut leave = |key: &str| {
            findings.push(Finding::new(
                Severity::Warning,
                &title,
                key,
                "it is left out; the service does not keep it here",
            ));
        };
        fitted.fields.retain(|field, _| {
            keeps(*field) || {
                leave(field.entry().key);
                false
            }
        });
        fitted.settings.retain(|setting, _| {
            keeps_setting(object.kind, *setting) || {
                leave(setting.entry().key);
                false
            }
        });
        fitted.unknown.clear();
        (Some(fitted), findings)
    }

    /// The id of an object by its name or id; two of one name are told apart by their ids alone.
    fn id_of(&self, kind: Kind, name: &str) -> Result<String, String> {
        let field = Field::ServiceId;
        let ids: BTreeSet<&str> = self
            .objects
            .of(kind)
            .filter(|object| object.name == name || object.text(field) == name)
            .map(|object| object.text(field))
            .collect();
        let mut ids = ids.into_iter();
        match (ids.next(), ids.next()) {
            (Some(id), None) => Ok(id.to_owned()),
            (None, _) => Err(format!("there is no {} called {name}", kind.noun())),
            (Some(_), Some(_)) => Err(format!("more than one {} is called {name}; write the id", kind.noun())),
        }
    }
}

/// A phone names the line of its base settings beside them.
fn line_base(phone: &mut serde_json::Map<String, Json>, base: &Json) {
    let line = base.get("lines").and_then(|lines| lines.get(0)).map(|line| text(line, "id")).unwrap_or_default();
    let named = phone.get("lineBaseSettings").map(|line| text(line, "id")).unwrap_or_default();
    let same_base = phone.get("phoneBaseSettings").is_some_and(|own| text(own, "id") == text(base, "id"));
    if line.is_empty() || named == line || !same_base {
        return;
    }
    let reference = serde_json::json!({ "id": line });
    phone.insert("lineBaseSettings".to_owned(), reference.clone());
    let lines = phone.entry("lines").or_insert_with(|| serde_json::json!([{}]));
    if let Some(first) = lines.as_array_mut().and_then(|lines| lines.first_mut()).and_then(Json::as_object_mut) {
        first.insert("lineBaseSettings".to_owned(), reference);
    }
}

const fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Site => "sites",
        Kind::Trunk => "trunks",
        Kind::User => "people",
        Kind::Phone => "phones",
        Kind::BaseSettings | Kind::Global => kind.noun(),
    }
}
