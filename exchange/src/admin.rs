//! REST of phone administration: who may, and what follows for stations and the clients on them.

use std::time::Instant;

use phone_core::output::Method;
use serde_json::{Map, Value, json};

use crate::directory::{Refusal, Shelf, WEBRTC_PHONE, first_line, reference, template, text};
use crate::machine::{Exchange, HttpReply, HttpRequest};
use crate::rules::Rule;
use crate::users::UserIx;

/// The permission without which one may only look at sites.
pub const PERMISSION: &str = "telephony:plugin:all";

/// Filters of lists that name a reference.
const FILTERS: [&str; 3] = ["site", "phoneBaseSettings", "webRtcUser"];

impl Exchange {
    /// `/api/v2/telephony/providers/edges/…`.
    pub(crate) fn edges_api(
        &mut self,
        now: Instant,
        user: UserIx,
        method: Method,
        rest: &[&str],
        request: &HttpRequest,
        body: &Value,
    ) -> HttpReply {
        let Some((shelf, rest)) = rest.split_first().and_then(|(first, rest)| Some((Shelf::of_segment(first)?, rest)))
        else {
            return self.unknown_path(user);
        };
        let open = method == Method::Get && shelf == Shelf::Sites;
        if !open && !self.people.is_administrator(user) {
            return missing_permission();
        }
        match (method, rest) {
            (Method::Get, []) => self.list_objects(shelf, request),
            (Method::Get, ["template"]) if shelf == Shelf::Bases => {
                if request.query("phoneMetabaseId").is_some_and(|meta| meta != WEBRTC_PHONE) {
                    return HttpReply::error(404, "not.found", "There is no such phone metabase here.");
                }
                HttpReply::json(200, &template())
            }
            (Method::Get, ["template"]) if shelf == Shelf::Phones => match request.query("phoneBaseSettingsId") {
                None => HttpReply::error(400, "bad.request", "phoneBaseSettingsId is required."),
                Some(base) => match self.people.directory.phone_template(base) {
                    Some(template) => HttpReply::json(200, &template),
                    None => HttpReply::error(404, "not.found", "The phone base settings were not found."),
                },
            },
            (Method::Get, [id]) => match self.people.directory.get(shelf, id) {
                Some(object) => HttpReply::json(200, &self.object_json(shelf, object)),
                None => HttpReply::error(404, "not.found", "The object was not found."),
            },
            (Method::Post, []) => {
                let id = self.chance.uuid();
                self.put_object(now, user, shelf, &id, body)
            }
            (Method::Put, [id]) if self.people.directory.get(shelf, id).is_some() => {
                self.put_object(now, user, shelf, id, body)
            }
            (Method::Put, [_]) => HttpReply::error(404, "not.found", "The object was not found."),
            (Method::Delete, [id]) => match self.people.directory.remove(shelf, id) {
                Ok(()) => {
                    self.settle_stations(now);
                    HttpReply::empty(204)
                }
                Err(refusal) => refused(&refusal),
            },
            _ => self.unknown_path(user),
        }
    }

    fn list_objects(&self, shelf: Shelf, request: &HttpRequest) -> HttpReply {
        let fits = |object: &Map<String, Value>| {
            request.query("name").is_none_or(|wanted| text(object, "name") == wanted)
                && FILTERS.iter().all(|field| {
                    request.query(&format!("{field}.id")).is_none_or(|wanted| reference(object, field) == wanted)
                })
        };
        let mut found: Vec<&Map<String, Value>> =
            self.people.directory.all(shelf).filter(|object| fits(object)).collect();
        found.sort_by_key(|object| text(object, "name").to_lowercase());
        page(request, found.into_iter().map(|object| self.object_json(shelf, object)).collect())
    }

    fn object_json(&self, shelf: Shelf, object: &Map<String, Value>) -> Value {
        let mut object = object.clone();
        if shelf == Shelf::Phones {
            for (field, shelf) in [("site", Shelf::Sites), ("phoneBaseSettings", Shelf::Bases)] {
                let id = reference(&object, field).to_owned();
                let name = self.people.directory.name(shelf, &id).to_owned();
                object.insert(field.to_owned(), json!({ "id": id, "name": name }));
            }
            let user = self.people.by_id(reference(&object, "webRtcUser")).and_then(|user| self.people.user(user));
            if let Some(user) = user {
                object.insert("webRtcUser".to_owned(), json!({ "id": user.id, "name": user.name }));
            }
            let station = first_line(&object).get("id").and_then(Value::as_str).unwrap_or_default();
            let used = self.people.station(station).is_some_and(|station| station.user.is_some());
            let status = if used { "OPERATIONAL" } else { "OFFLINE" };
            object.insert("status".to_owned(), json!({ "operationalStatus": status }));
        }
        Value::Object(object)
    }

    fn put_object(&mut self, now: Instant, user: UserIx, shelf: Shelf, id: &str, body: &Value) -> HttpReply {
        let owner = body.get("webRtcUser").and_then(|user| user.get("id")).and_then(Value::as_str);
        if shelf == Shelf::Phones && owner.is_some_and(|owner| self.people.by_id(owner).is_none()) {
            return HttpReply::error(400, "bad.request", "webRtcUser names no user.");
        }
        match self.people.directory.put(shelf, id, body, false).cloned() {
            Ok(object) => {
                self.settle_stations(now);
                HttpReply::json(200, &self.object_json(shelf, &object))
            }
            Err(refusal) => {
                if refusal.0 == 400 {
                    self.broke(user, Rule::RestBody, "an administered object does not fit");
                }
                refused(&refusal)
            }
        }
    }

    /// Stations follow the phones. Who loses one is told, and its idle session ends.
    fn settle_stations(&mut self, now: Instant) {
        for user in self.people.settle_stations() {
            self.end_idle_sessions(now, user, true);
            self.publish(user, "station", &json!({ "associatedStation": null }), Some("Disassociated"));
        }
    }

    /// `GET /api/v2/users`.
    pub(crate) fn list_users(&self, request: &HttpRequest) -> HttpReply {
        page(request, (0..self.people.users.len()).map(|user| self.people.user_json(user, false)).collect())
    }
}

fn refused(Refusal(status, code, message): &Refusal) -> HttpReply {
    HttpReply::error(*status, code, message)
}

fn missing_permission() -> HttpReply {
    let message =
        format!("Unable to perform the requested action. You are missing the following permission(s): {PERMISSION}");
    HttpReply::json(
        403,
        &json!({ "message": message, "code": "missing.any.permissions", "status": 403,
            "messageParams": { "permissions": PERMISSION }, "details": [], "errors": [] }),
    )
}

/// One page of a list, by `pageSize` and `pageNumber`.
pub fn page(request: &HttpRequest, found: Vec<Value>) -> HttpReply {
    let number = |key: &str, default: usize| request.query(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (size, page) = (number("pageSize", 25).clamp(1, 500), number("pageNumber", 1).max(1));
    let total = found.len();
    let entities: Vec<Value> = found.into_iter().skip(size.saturating_mul(page - 1)).take(size).collect();
    HttpReply::json(
        200,
        &json!({ "entities": entities, "pageSize": size, "pageNumber": page, "total": total,
            "pageCount": total.div_ceil(size) }),
    )
}
