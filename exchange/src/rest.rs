//! REST: which path does what, and who may.

use std::time::Instant;

use phone_core::output::Method;
use serde_json::{Value, json};

use crate::admin::page;
use crate::machine::{Exchange, HttpReply, HttpRequest};
use crate::rules::Rule;
use crate::users::{StationKind, UserIx, organisation_json};

impl Exchange {
    /// Every HTTP request that is no WebSocket upgrade.
    pub(crate) fn http(&mut self, now: Instant, request: &HttpRequest) -> HttpReply {
        let path = request.path.trim_end_matches('/');
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        match (request.method, segments.as_slice()) {
            (Method::Get, ["oauth", "authorize"]) => self.authorize(now, request),
            (Method::Post, ["oauth", "token"]) => self.token(now, request),
            (Method::Get, ["logout"]) => HttpReply::text(200, "Signed out."),
            (Method::Get, ["practice", "users"]) => self.practice_users(),
            (Method::Get, ["practice", "violations"]) => HttpReply::json(200, &json!(self.rules.sentences())),
            (_, ["practice" | "api", ..]) => self.api(now, request, &segments),
            (Method::Get, []) => HttpReply::text(200, "Offhook practice exchange. Not a server for production."),
            _ => HttpReply::error(404, "not.found", "There is nothing here."),
        }
    }

    fn practice_users(&self) -> HttpReply {
        let users: Vec<Value> = self
            .people
            .users
            .iter()
            .map(|user| json!({ "login": user.login, "name": user.name, "id": user.id }))
            .collect();
        HttpReply::json(200, &json!({ "users": users, "services": ["echo", "music", "busy", "noanswer"] }))
    }

    fn api(&mut self, now: Instant, request: &HttpRequest, segments: &[&str]) -> HttpReply {
        if let Some(status) = self.faults.rest_status {
            let mut reply = HttpReply::error(status, "injected.fault", "The practice exchange was told to answer so.");
            reply.retry_after_s = matches!(status, 429 | 503).then_some(2);
            return reply;
        }
        let Some(token) = &request.bearer else {
            return HttpReply::error(
                401,
                "authentication.required",
                "No authentication bearer token specified in authorization header.",
            );
        };
        let Some(user) = self.logins.user(token.reveal(), now) else {
            return HttpReply::error(401, "bad.credentials", "Invalid login credentials.");
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if body.is_null() && !request.body.is_empty() {
            self.broke(user, Rule::RestBody, "a body is no JSON");
            return HttpReply::error(400, "bad.request", "The body is not JSON.");
        }
        match (request.method, segments) {
            (Method::Post, ["practice", "callme"]) => match self.call_me(now, user) {
                Ok(id) => HttpReply::json(202, &json!({ "id": id })),
                Err(reply) => reply,
            },
            (Method::Delete, ["api", "v2", "tokens", "me"]) => {
                self.logins.revoke(token.reveal());
                HttpReply::empty(200)
            }
            (_, ["api", "v2", "conversations", rest @ ..]) => {
                self.conversations_api(now, user, request.method, rest, &body)
            }
            (_, ["api", "v2", "notifications", "channels", rest @ ..]) => {
                self.channels_api(now, user, request.method, rest, &body)
            }
            (method, ["api", "v2", rest @ ..]) => self.identity_api(now, user, method, rest, request, &body),
            _ => self.unknown_path(user),
        }
    }

    pub(crate) fn unknown_path(&mut self, user: UserIx) -> HttpReply {
        self.broke(user, Rule::RestPath, "an unknown path or method was asked");
        HttpReply::error(404, "not.found", "The requested resource was not found.")
    }

    fn channels_api(&mut self, now: Instant, user: UserIx, method: Method, rest: &[&str], body: &Value) -> HttpReply {
        match (method, rest) {
            (Method::Post, []) => self.create_channel(now, user),
            (Method::Put | Method::Post, [channel, "subscriptions"]) => {
                let reply = self.subscribe_bulk(user, channel, body, method == Method::Put);
                self.open_eagerly(now, user);
                reply
            }
            (Method::Get, [channel, "subscriptions"]) => self.list_subscriptions(user, channel),
            (Method::Delete, [channel, "subscriptions"]) => self.subscribe_bulk(user, channel, &json!([]), true),
            _ => self.unknown_path(user),
        }
    }

    fn identity_api(
        &mut self,
        now: Instant,
        user: UserIx,
        method: Method,
        rest: &[&str],
        request: &HttpRequest,
        body: &Value,
    ) -> HttpReply {
        if let ["telephony", "providers", "edges", rest @ ..] = rest {
            return self.edges_api(now, user, method, rest, request, body);
        }
        let me = self.people.user(user).map(|user| user.id.clone()).unwrap_or_default();
        match (method, rest) {
            (Method::Get, ["organizations", "me"]) => HttpReply::json(200, &organisation_json()),
            (Method::Get, ["users", id]) if *id == "me" || *id == me => {
                let expand =
                    |part: &str| request.query("expand").is_some_and(|list| list.split(',').any(|w| w == part));
                let mut json = self.people.user_json(user, expand("station"));
                if let (true, Some(map)) = (expand("authorization"), json.as_object_mut()) {
                    map.insert("authorization".to_owned(), self.people.authorization_json(user));
                }
                HttpReply::json(200, &json)
            }
            (Method::Get, ["users"]) => self.list_users(request),
            (Method::Get, ["users", id]) => match self.people.by_id(id) {
                Some(other) => HttpReply::json(200, &self.people.user_json(other, false)),
                None => HttpReply::error(404, "not.found", "The user was not found."),
            },
            (Method::Get, ["stations"]) => self.stations(request),
            (Method::Get, ["stations", id]) => match self.people.station(id) {
                Some(station) => HttpReply::json(200, &self.people.station_json(station)),
                None => HttpReply::error(404, "not.found", "The station was not found."),
            },
            (Method::Get, ["users", "stations", "me"]) => HttpReply::json(200, &self.people.user_stations_json(user)),
            (Method::Get, ["users", id, "station"]) if *id == me => {
                HttpReply::json(200, &self.people.user_stations_json(user))
            }
            (Method::Put, ["users", "stations", "me", "associatedstation", station]) => {
                self.associate(now, user, Some(station))
            }
            (Method::Put, ["users", id, "station", "associatedstation", station]) if *id == me => {
                self.associate(now, user, Some(station))
            }
            (Method::Delete, ["users", "stations", "me", "associatedstation"]) => self.associate(now, user, None),
            (Method::Delete, ["users", id, "station", "associatedstation"]) if *id == me => {
                self.associate(now, user, None)
            }
            (Method::Get, ["users", id, "routingstatus"]) if *id == me => self.routing_status(user),
            (Method::Put, ["users", id, "routingstatus"]) if *id == me => {
                let wanted = body.get("status").and_then(Value::as_str).unwrap_or_default();
                if !["OFF_QUEUE", "IDLE", "ON_QUEUE"].contains(&wanted) {
                    return HttpReply::error(400, "bad.request", "The routing status is not valid.");
                }
                if let Some(entry) = self.people.users.get_mut(user) {
                    wanted.clone_into(&mut entry.routing_status);
                }
                self.routing_status(user)
            }
            (Method::Get, ["telephony", "mediaregions"]) => HttpReply::json(
                200,
                &json!({ "awsHomeRegion": "eu-west-1", "awsCoreRegions": ["eu-central-1", "eu-west-2"],
                    "awsSatelliteRegions": ["eu-west-3", "eu-south-1"] }),
            ),
            (Method::Get, ["telephony", "settings"]) => {
                HttpReply::json(200, &json!({ "persistentConnectionRequired": self.options.eager }))
            }
            (Method::Post, ["diagnostics", ..]) => HttpReply::empty(202),
            _ => self.unknown_path(user),
        }
    }

    fn routing_status(&self, user: UserIx) -> HttpReply {
        let entry = self.people.user(user);
        let (id, status) = entry.map(|entry| (entry.id.as_str(), entry.routing_status.as_str())).unwrap_or_default();
        HttpReply::json(200, &json!({ "userId": id, "status": status }))
    }

    fn stations(&self, request: &HttpRequest) -> HttpReply {
        let fits = |key: &str, value: &str| request.query(key).is_none_or(|wanted| wanted == value);
        let found: Vec<Value> = self
            .people
            .stations
            .iter()
            .filter(|station| fits("webRtcUserId", self.people.user(station.owner).map_or("", |user| user.id.as_str())))
            .filter(|station| fits("name", &station.name) && fits("id", &station.id))
            .filter(|station| {
                request.query("userSelectable") != Some("true") || matches!(station.kind, StationKind::WebRtc { .. })
            })
            .map(|station| self.people.station_json(station))
            .collect();
        page(request, found)
    }

    fn associate(&mut self, now: Instant, user: UserIx, station: Option<&str>) -> HttpReply {
        if let Some(id) = station {
            let Some(found) = self.people.station(id) else {
                return HttpReply::error(404, "not.found", "The station was not found.");
            };
            if found.kind == StationKind::Desk {
                return HttpReply::error(409, "station.unavailable", "The station is out of order.");
            }
            if found.owner != user || found.user.is_some_and(|other| other != user) {
                return HttpReply::error(409, "station.in.use", "The station belongs to another user.");
            }
        }
        self.end_idle_sessions(now, user, station.is_none());
        self.people.associate(user, station);
        let id = self.people.user(user).map(|user| user.id.clone()).unwrap_or_default();
        let (body, action) = match station {
            Some(station) => {
                let name = self.people.station(station).map(|station| station.name.clone());
                let entry = json!({ "id": station, "name": name, "associatedUser": { "id": id } });
                (json!({ "id": station, "associatedStation": entry }), "Associated")
            }
            None => (json!({ "associatedStation": null }), "Disassociated"),
        };
        self.publish(user, "station", &body, Some(action));
        HttpReply::empty(202)
    }

    fn conversations_api(
        &mut self,
        now: Instant,
        user: UserIx,
        method: Method,
        rest: &[&str],
        body: &Value,
    ) -> HttpReply {
        match (method, rest) {
            (Method::Post, ["calls"]) => {
                let Some(address) = body.get("phoneNumber").or_else(|| body.get("callUserId")).and_then(Value::as_str)
                else {
                    self.broke(user, Rule::RestBody, "a call was placed without phoneNumber");
                    return HttpReply::error(400, "bad.request", "phoneNumber is required.");
                };
                match self.dial(now, user, address) {
                    Ok(id) => {
                        let uri = format!("/api/v2/conversations/calls/{id}");
                        HttpReply::json(202, &json!({ "id": id, "selfUri": uri }))
                    }
                    Err(reply) => reply,
                }
            }
            (Method::Get, ["calls"]) => {
                let entities: Vec<Value> = self
                    .conversations
                    .of(user)
                    .map(|conversation| conversation.json(&self.people, self.clock))
                    .collect();
                HttpReply::json(200, &json!({ "entities": entities, "total": entities.len() }))
            }
            (Method::Get, ["calls", id] | [id]) => self.one_conversation(user, id),
            (Method::Patch, ["calls", id, "participants", participant] | [id, "participants", participant]) => {
                self.patch(now, user, id, participant, body)
            }
            (
                Method::Post,
                ["calls", id, "participants", participant, "replace"] | [id, "participants", participant, "replace"],
            ) => {
                if body.get("voicemail").and_then(Value::as_bool) == Some(true) {
                    self.send_to_voicemail(now, user, id)
                } else {
                    self.replace(now, user, id, participant, body)
                }
            }
            (Method::Post, ["calls", id, "participants", _, "digits"] | [id, "participants", _, "digits"]) => {
                self.digits(user, id, body)
            }
            (method, ["calls", id, "participants", waiting, "consult"]) => {
                self.consult_api(now, user, method, (id, waiting), body)
            }
            (Method::Get, ["calls", id, "participants", _, "wrapupcodes"]) => self.wrap_up_codes(user, id),
            (Method::Post, ["calls", id, "participants", _, "communications", call, "wrapup"]) => {
                self.wrap_up(user, id, call, body)
            }
            (Method::Post, ["calls", id, "communications", call, "metadata"]) => {
                let known = self
                    .conversations
                    .get(id)
                    .is_some_and(|conversation| conversation.leg(user).is_some_and(|leg| leg.call == *call));
                if known {
                    HttpReply::empty(202)
                } else {
                    HttpReply::error(404, "not.found", "The communication was not found.")
                }
            }
            _ => self.unknown_path(user),
        }
    }

    fn one_conversation(&self, user: UserIx, id: &str) -> HttpReply {
        match self.conversations.get(id).filter(|conversation| conversation.leg(user).is_some()) {
            Some(conversation) => HttpReply::json(200, &conversation.json(&self.people, self.clock)),
            None => HttpReply::error(404, "conversation.not.found", "The conversation was not found."),
        }
    }
}
