//! A service of a few lines: what it is asked, what it answers, and what an administrator is told.

use std::collections::VecDeque;

use serde_json::json;

use super::*;
use crate::input::{HttpError, HttpResponse};
use crate::policy::{Setting, Value};
use crate::provisioning::field::MODELS;

/// Answers by path; what was asked stands in `asked`.
#[derive(Default)]
struct Service {
    replies: BTreeMap<String, VecDeque<Result<HttpResponse, HttpError>>>,
    asked: Vec<String>,
    paused: Vec<Duration>,
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside failures")]
fn answer(status: u16, body: &Json) -> Result<HttpResponse, HttpError> {
    Ok(HttpResponse { status, retry_after_s: None, location: None, body: body.to_string().into_bytes() })
}

impl Service {
    fn with(mut self, path: &str, reply: Result<HttpResponse, HttpError>) -> Self {
        self.replies.entry(path.to_owned()).or_default().push_back(reply);
        self
    }

    fn list(self, path: &str, entities: &Json) -> Self {
        self.with(path, answer(200, &json!({ "entities": entities, "pageCount": 1 })))
    }

    /// An administrator's: two base settings, a site, a phone.
    fn furnished() -> Self {
        let property = |value: Json| json!({ "value": { "default": value, "instance": value } });
        let base = json!({ "id": "B1", "name": "Support_WebRTC_Standard", "version": 3,
            "phoneMetaBase": { "id": "inin_webrtc_softphone.json" },
            "properties": { "phone_media_dscp": property(json!(46)), "phone_forceTurn_x": property(json!(false)) },
            "lines": [{ "id": "LB1", "properties": { "station_persistent_enabled": property(json!(true)) } }] });
        let phone = json!({ "id": "P1", "name": "AnaK_WebRTC", "version": 7, "state": "active", "site": { "id": "S1" },
            "phoneBaseSettings": { "id": "B1" }, "webRtcUser": { "id": "U1" }, "kept": "as it is",
            "properties": { "phone_media_dscp": { "value": { "instance": 34 } } }, "lines": [{ "id": "L1" }] });
        let site = json!({ "id": "S1", "name": "Madrid", "mediaRegions": ["eu-west-1", "eu-west-3"] });
        Self::me(&["telephony:plugin:all"])
            .with(
                "/api/v2/telephony/mediaregions",
                answer(200, &json!({ "awsHomeRegion": "eu-west-1", "awsSatelliteRegions": ["eu-west-3"] })),
            )
            .list("/sites", &json!([site]))
            .list("/trunkbasesettings", &json!([{ "id": "T1", "name": "PSTN", "inService": false }]))
            .list("/phonebasesettings", &json!([base]))
            .list("/users", &json!([{ "id": "U1", "name": "Ana Kovacs", "username": "ana@x.invalid" }]))
            .list("/phones", &json!([phone]))
            .with("/phones/P1", answer(200, &phone))
            .with("/phonebasesettings/B1", answer(200, &base))
    }

    fn me(permissions: &[&str]) -> Self {
        let me = json!({ "id": "U1", "name": "Ana Kovacs", "authorization": { "permissions": permissions } });
        Self::default().with("/api/v2/users/me", answer(200, &me))
    }
}

impl Asker for Service {
    fn ask(&mut self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let path = request.url.trim_start_matches("https://api.mypurecloud.de");
        let short = path.trim_start_matches(EDGES).replace("/api/v2/users?", "/users?");
        let body = match request.body {
            HttpBody::Json(body) => format!(" {}", body.reveal()),
            _ => String::new(),
        };
        self.asked.push(format!("{:?} {short}{body}", request.method));
        let key = short.split('?').next().unwrap_or_default();
        let replies = self.replies.get_mut(key).unwrap_or_else(|| panic!("nobody expected {short}"));
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() }
    }

    fn pause(&mut self, wait: Duration) {
        self.paused.push(wait);
    }
}

fn open(service: Service) -> Result<Administration<Service>, Notice> {
    let sign_in = SignIn::Token { environment: "mypurecloud.de".into(), token: "secret".into() };
    Administration::open(service, &sign_in, Entropy::from_secret([7; 32]))
}

fn furnished() -> (Administration<Service>, Inventory) {
    let mut administration = open(Service::furnished()).unwrap();
    let inventory = administration.read().unwrap();
    assert_eq!(inventory.findings, []);
    (administration, inventory)
}

#[test]
fn the_service_s_objects_are_the_ones_of_a_folder() {
    let (_, inventory) = furnished();
    let phone = inventory.objects.get(Kind::Phone, "AnaK_WebRTC").unwrap();
    assert_eq!(
        [Field::Site, Field::BaseSettings, Field::User].map(|field| phone.text(field)),
        ["Madrid", "Support_WebRTC_Standard", "Ana Kovacs"]
    );
    assert_eq!(phone.settings.get(&Setting::Dscp), Some(&Value::Integer(34)));
    let base = inventory.objects.get(Kind::BaseSettings, "Support_WebRTC_Standard").unwrap();
    assert_eq!(base.text(Field::Model), MODELS[0]);
    assert_eq!(base.settings.get(&Setting::PersistentConnection), Some(&Value::Bool(true)));
    assert_eq!(base.settings.get(&Setting::ForceRelay), Some(&Value::Bool(false)));
    let site = inventory.objects.get(Kind::Site, "Madrid").unwrap();
    assert_eq!(read::stated_words(&site.fields[&Field::MediaRegions]), "eu-west-1 (home), eu-west-3 (satellite)");
    assert!(!inventory.objects.get(Kind::Trunk, "PSTN").unwrap().is_on(Field::InService));
}

#[test]
fn a_change_sends_what_changed_and_keeps_the_rest() {
    let (mut administration, mut inventory) = furnished();
    let phone = inventory.objects.get(Kind::Phone, "AnaK_WebRTC").cloned().unwrap();
    let mut changed = phone.with_setting(Setting::PersistentConnection, Value::Bool(false));
    changed = changed.with_setting(Setting::ForceRelay, Value::Bool(true));
    changed.settings.remove(&Setting::Dscp);
    administration.http.replies.get_mut("/phones/P1").unwrap().push_back(answer(200, &json!({})));
    administration.put(&mut inventory, &changed).unwrap();
    let sent = administration.http.asked.last().unwrap().strip_prefix("Put /phones/P1 ").unwrap();
    let sent: Json = serde_json::from_str(sent).unwrap();
    assert_eq!((&sent["version"], &sent["kept"]), (&json!(7), &json!("as it is")));
    let off = json!({ "value": { "instance": false } });
    let line = json!([{ "id": "L1", "lineBaseSettings": { "id": "LB1" },
        "properties": { "station_persistent_enabled": off } }]);
    assert_eq!(sent["lines"], line, "the key of its base settings is used");
    assert_eq!(sent["properties"], json!({ "phone_forceTurn_x": { "value": { "instance": true } } }));
}

#[test]
fn what_the_service_does_not_keep_is_refused_before_anything_is_sent() {
    let (mut administration, mut inventory) = furnished();
    let phone = inventory.objects.get(Kind::Phone, "AnaK_WebRTC").cloned().unwrap();
    let mut refuses = |administration: &mut Administration<Service>, object: Object, words: &str| {
        let asked = administration.http.asked.iter().filter(|line| !line.starts_with("Get")).count();
        let notice = administration.put(&mut inventory, &object).unwrap_err();
        assert!(format!("{} {}", notice.text, notice.remedy).contains(words), "{notice:?}");
        let now = administration.http.asked.iter().filter(|line| !line.starts_with("Get")).count();
        assert_eq!(asked, now);
    };
    refuses(&mut administration, phone.clone().with_text(Field::User, "Nobody"), "no user called Nobody");
    refuses(&mut administration, phone.with_setting(Setting::AutoAnswer, Value::Bool(true)), "elsewhere");
    refuses(&mut administration, Object::new(Kind::User, "Eve"), "Admin > People");
    refuses(&mut administration, Object::new(Kind::Global, ""), "Global Telephony Settings");
}

#[test]
fn row_9_without_the_permission_there_are_sites_and_stations_and_the_permission_is_named() {
    let station = json!({ "id": "ST1", "name": "AnaK_WebRTC", "type": "inin_webrtc_softphone", "webRtcUserId": "U1",
        "webRtcForceTurn": true });
    let service = Service::me(&["conversation:call:add"])
        .with("/api/v2/telephony/mediaregions", answer(200, &json!({})))
        .list("/sites", &json!([{ "id": "S1", "name": "Madrid" }]))
        .list("/api/v2/stations", &json!([station, { "id": "D", "name": "Desk", "type": "inin_remote" }]));
    let mut administration = open(service).unwrap();
    assert_eq!(administration.missing_permission(), Some("Telephony > Plugin > All"));
    let mut inventory = administration.read().unwrap();
    let phones: Vec<&str> = inventory.objects.of(Kind::Phone).map(|phone| phone.name.as_str()).collect();
    assert_eq!(phones, ["AnaK_WebRTC"]);
    let phone = &inventory.objects.get(Kind::Phone, "AnaK_WebRTC").cloned().unwrap();
    assert_eq!(phone.settings.get(&Setting::ForceRelay), Some(&Value::Bool(true)));
    let notice = administration.put(&mut inventory, phone).unwrap_err();
    assert_eq!(notice.id, "no-permission");
    assert!(notice.text.contains("Ana Kovacs may look") && notice.text.contains("Telephony > Plugin > All"));
    assert_eq!(administration.remove(phone).unwrap_err().id, "no-permission");
}

#[test]
fn every_refusal_has_a_cause_and_a_remedy() {
    for (status, body, id, words) in [
        (401, json!({}), "token-refused", "--token"),
        (403, json!({ "messageParams": { "permissions": "telephony:plugin:all" } }), "no-permission", "Plugin > All"),
        (403, json!({}), "no-permission", "Telephony > Plugin > All"),
        (404, json!({ "message": "The object was not found." }), "not-there", "was not found"),
        (409, json!({ "message": "Changed by somebody else." }), "conflict", "show"),
        (400, json!({ "message": "A name is required." }), "refused-by-service", "A name is required."),
        (502, json!({}), "service-failing", "HTTP 502"),
    ] {
        let service = Service::default().with("/api/v2/users/me", answer(status, &body));
        let notice = open(service).map(drop).unwrap_err();
        let said = format!("{} {}", notice.text, notice.remedy);
        assert!(notice.id == id && said.contains(words) && !said.contains(".."), "{status}: {notice:?}");
    }
}

#[test]
fn a_service_that_asks_for_patience_gets_it_within_reason() {
    let slow = |seconds: u32| {
        let answer = answer(429, &json!({})).unwrap();
        Ok(HttpResponse { retry_after_s: Some(seconds), ..answer })
    };
    let once = Service::default().with("/api/v2/users/me", slow(5));
    let administration = open(once.with("/api/v2/users/me", answer(200, &json!({ "id": "U1" })))).unwrap();
    assert_eq!(administration.http.paused, [Duration::from_secs(5)]);
    assert_eq!(administration.missing_permission(), None, "where the service does not tell, it decides by itself");
    let told = |seconds: u32| open(Service::default().with("/api/v2/users/me", slow(seconds))).map(drop).unwrap_err();
    assert_eq!((told(1).id, told(600).id), ("too-many-requests", "too-many-requests"));
    assert!(told(600).text.contains("for 600 s"));
}

#[test]
fn after_a_silence_it_is_not_known_whether_a_change_arrived() {
    let (mut administration, inventory) = furnished();
    let silent = Err(HttpError::Silent { host: "api".into(), seconds: 10 });
    administration.http.replies.insert("/phones/P1".into(), [silent].into());
    let phone = inventory.objects.get(Kind::Phone, "AnaK_WebRTC").unwrap();
    let notice = administration.remove(phone).unwrap_err();
    assert!(notice.id == "service-silent" && notice.remedy.contains("not known whether"), "{notice:?}");
}

#[test]
fn what_is_no_answer_of_the_service_is_told_as_that() {
    let page = Ok(HttpResponse { status: 200, retry_after_s: None, location: None, body: b"<html>".to_vec() });
    assert_eq!(open(Service::default().with("/api/v2/users/me", page)).map(drop).unwrap_err().id, "server-garbage");
    let service = Service::me(&["telephony:plugin:all"])
        .with("/api/v2/telephony/mediaregions", answer(200, &json!([])))
        .list("/trunkbasesettings", &json!([]))
        .with("/sites", answer(200, &json!({ "entities": "none" })));
    assert_eq!(open(service).unwrap().read().map(drop).unwrap_err().id, "server-garbage");
}

#[test]
fn a_folder_s_objects_are_fitted_to_what_the_service_keeps_and_the_rest_is_told() {
    let (_, inventory) = furnished();
    let (objects, _) = read::text(
        r#"{"global": {"settings": {"dscp": 40}}, "users": [{"name": "Ana Kovacs"}, {"name": "Ben"}],
            "base_settings": [{"name": "Support_WebRTC_Standard", "id": "elsewhere", "settings": {"dscp": 34, "auto_answer": true}}],
            "sites": [{"name": "Madrid", "verified": "2026-05-01", "media_regions": ["eu-west-1"]}]}"#,
    );
    let mut left = Vec::new();
    let mut kept = Vec::new();
    for object in objects.iter() {
        let (fitted, findings) = inventory.fitted(object);
        kept.extend(fitted);
        left.extend(findings.into_iter().map(|finding| format!("{} {}", finding.object, finding.field)));
    }
    left.sort();
    let expected =
        ["base settings Support_WebRTC_Standard auto_answer", "global settings ", "site Madrid verified", "user Ben "];
    assert_eq!(left, expected);
    let ids: Vec<&str> = kept.iter().map(|object| object.text(Field::ServiceId)).collect();
    assert_eq!(ids, ["S1", "B1"], "each has the service's own id");
}

#[test]
fn an_object_that_was_made_can_be_referred_to_at_once() {
    let (mut administration, mut inventory) = furnished();
    let made = answer(200, &json!({ "id": "S9", "name": "Porto" }));
    administration.http.replies.get_mut("/sites").unwrap().push_front(made);
    administration.put(&mut inventory, &Object::new(Kind::Site, "Porto")).unwrap();
    let phone = inventory.objects.get(Kind::Phone, "AnaK_WebRTC").cloned().unwrap();
    administration.put(&mut inventory, &phone.with_text(Field::Site, "Porto")).unwrap();
    assert!(administration.http.asked.last().unwrap().contains(r#""site":{"id":"S9"}"#));
    let nothing = administration.http.replies.get_mut("/sites").unwrap();
    nothing.push_front(answer(200, &Json::Null));
    let notice = administration.put(&mut inventory, &Object::new(Kind::Site, "Faro")).unwrap_err();
    assert_eq!(notice.id, "server-garbage");
}
