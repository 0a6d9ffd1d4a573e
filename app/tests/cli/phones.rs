//! Phone administration at the service, seen from outside: what an administrator types, and what is refused.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use phone_exchange::{ExchangeOptions, Fault, RunningExchange};
use phone_tests::offhook::Outcome;
use serde_json::Value;

use crate::{LIMIT, exchange, offhook};

/// A home of its own, so that the audit log of one line is there for the next.
struct Desk {
    home: PathBuf,
    origin: String,
    as_who: &'static [&'static str],
}

impl Desk {
    fn new(name: &str, origin: &str) -> Self {
        let home = std::env::temp_dir().join(format!("offhook-service-{}-{name}", std::process::id()));
        fs::remove_dir_all(&home).ok();
        fs::create_dir_all(&home).unwrap();
        Self { home, origin: origin.to_owned(), as_who: &[] }
    }

    fn signed_in_with(mut self, options: &'static [&'static str]) -> Self {
        self.as_who = options;
        self
    }

    fn at(name: &str, exchange: &RunningExchange) -> Self {
        Self::new(name, exchange.origin())
    }

    fn run(&self, words: &[&str]) -> Outcome {
        let line = offhook().args(["phones", "--service", "--exchange", &self.origin]);
        let data = self.home.display().to_string();
        let line = line.args(self.as_who.iter().copied()).args(words.iter().copied());
        line.envs(vec![("XDG_DATA_HOME", data)]).finish(LIMIT)
    }

    #[track_caller]
    fn does(&self, words: &[&str]) -> String {
        let outcome = self.run(words);
        outcome.assert_code(0);
        outcome.stdout.join("\n")
    }

    /// The JSON document that this prints, whatever the exit code.
    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        let outcome = self.run(&[words, &["--json"]].concat());
        serde_json::from_str(&outcome.stdout.join("\n")).unwrap_or_else(|error| panic!("{error}\n{outcome}"))
    }

    #[track_caller]
    fn refuses(&self, words: &[&str], code: i32, id: &str, said: &str) {
        let outcome = self.run(&[words, &["--json"]].concat());
        outcome.assert_code(code);
        let error = outcome.event("error");
        assert_eq!(error["id"], id, "{error:#}");
        assert!(format!("{} {}", error["text"], error["remedy"]).contains(said), "{error:#}");
        assert!(error["remedy"].as_str().is_some_and(|remedy| remedy.len() > 10), "{error:#}");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.home).ok();
    }
}

#[track_caller]
fn setting(shown: &Value, key: &str) -> (Value, Value) {
    let all = shown["settings"].as_array().unwrap();
    let found = all.iter().find(|setting| setting["key"] == key);
    let found = found.unwrap_or_else(|| panic!("{key} is not in {shown:#}"));
    (found["value"].clone(), found["origin"].clone())
}

#[test]
fn row_23_an_administrator_works_at_the_service_as_in_a_folder() {
    let exchange = exchange(ExchangeOptions::default());
    let desk = Desk::at("work", &exchange);
    let list = desk.does(&["list"]);
    assert!(list.contains("AnaK_WebRTC") && list.contains("Office_WebRTC_Standard"), "{list}");
    let site = ["create", "site", "Porto", "media_regions=eu-west-2,eu-west-1", "relay=lowest latency via geo-lookup"];
    assert!(desk.does(&site).contains("is created"));
    desk.does(&["create", "base-settings", "Sales_WebRTC_Standard", "persistent_connection=on", "dscp=34"]);
    let user = desk.json(&["show", "phone", "BenO_WebRTC"])["user"].as_str().unwrap().to_owned();
    let user = format!("user={user}");
    desk.does(&["create", "phone", "BenO2_WebRTC", "site=Porto", "base_settings=Sales_WebRTC_Standard", &user]);

    let shown = desk.json(&["effective", "BenO2_WebRTC"]);
    assert_eq!(shown["media_regions"], serde_json::json!(["eu-west-2", "eu-west-1"]), "{shown:#}");
    let (dscp, origin) = setting(&shown, "dscp");
    assert_eq!((&dscp, &origin["layer"]), (&Value::from(34), &Value::from("base-settings")), "{shown:#}");
    desk.does(&["edit", "phone", "BenO2_WebRTC", "dscp=26"]);
    let (dscp, origin) = setting(&desk.json(&["effective", "BenO2_WebRTC"]), "dscp");
    assert_eq!((dscp, &origin["layer"]), (Value::from(26), &Value::from("phone")));
    desk.does(&["edit", "phone", "BenO2_WebRTC", "dscp=inherit", "enabled=off"]);
    let shown = desk.json(&["show", "phone", "BenO2_WebRTC"]);
    assert_eq!(shown["enabled"], false, "{shown:#}");
    assert!(shown["settings"]["dscp"].is_null(), "{shown:#}");

    desk.refuses(&["edit", "phone", "BenO2_WebRTC", "force_relay=on"], 2, "needs-consent", "resiliency");
    desk.does(&["edit", "base-settings", "Sales_WebRTC_Standard", "force_relay=on", "--yes"]);
    let log = fs::read_to_string(desk.home.join("offhook/provisioning/audit.jsonl")).unwrap();
    assert!(log.lines().last().is_some_and(|line| line.contains("resiliency")), "{log}");

    desk.refuses(&["delete", "base-settings", "Sales_WebRTC_Standard"], 2, "conflict", "phones use it");
    desk.does(&["delete", "phone", "BenO2_WebRTC"]);
    desk.does(&["delete", "base-settings", "Sales_WebRTC_Standard"]);
    desk.refuses(&["show", "phone", "BenO2_WebRTC"], 2, "no-such-object", "AnaK_WebRTC");
    desk.refuses(&["activate"], 3, "no-draft-there", "no drafts");
    desk.refuses(&["edit", "site", "Porto", "verified=2026-01-01"], 2, "not-possible", "nothing was sent");
    assert_eq!(exchange.violations(), Vec::<String>::new());
}

#[test]
fn row_106_what_one_service_exports_another_imports_and_twice_changes_nothing() {
    let (from, to) = (exchange(ExchangeOptions::default()), exchange(ExchangeOptions::default()));
    let (old, new) = (Desk::at("export", &from), Desk::at("import", &to));
    old.does(&["create", "site", "Porto", "media_regions=eu-west-2"]);
    old.does(&["edit", "phone", "AnaK_WebRTC", "site=Porto", "dscp=34"]);
    let file = old.home.join("phones.json").display().to_string();
    old.does(&["export", &file]);
    let told = new.json(&["import", &file]);
    assert_eq!(told["objects"], serde_json::json!(["site Porto", "phone AnaK_WebRTC"]), "{told:#}");
    assert_eq!(new.json(&["show", "phone", "AnaK_WebRTC"])["site"], "Porto");
    assert!(new.does(&["import", &file]).contains("Nothing had to be changed"));
    new.refuses(&["import", &file, "--replace"], 3, "no-replace-there", "delete");

    // The same file is a folder's, and back; what only a folder keeps is left out and told.
    let folder = new.home.join("folder").display().to_string();
    let local =
        |words: &[&str]| offhook().args(["phones", "--folder", &folder]).args(words.iter().copied()).finish(LIMIT);
    local(&["import", &file]).assert_code(0);
    local(&["edit", "site", "Porto", "verified=2026-05-01"]).assert_code(0);
    local(&["edit", "phone", "AnaK_WebRTC", "dscp=26"]).assert_code(0);
    local(&["export", &file]).assert_code(0);
    let outcome = new.run(&["import", &file]);
    outcome.assert_code(1);
    assert!(format!("{outcome}").contains("site Porto: verified: it is left out"), "{outcome}");
    assert_eq!(new.json(&["show", "phone", "AnaK_WebRTC"])["settings"]["dscp"], 26);
}

#[test]
fn row_9_without_the_permission_the_service_is_read_only_and_the_permission_is_named() {
    let exchange = exchange(ExchangeOptions::default());
    let desk = Desk::at("ben", &exchange).signed_in_with(&["--account", "ben"]);
    let outcome = desk.run(&["list"]);
    outcome.assert_code(1);
    assert!(outcome.stdout.join("\n").contains("BenO_WebRTC"), "{outcome}");
    assert!(outcome.log.contains("Telephony > Plugin > All"), "{outcome}");
    assert_eq!(desk.json(&["list", "site"])["missing_permission"], "Telephony > Plugin > All");
    for line in [
        &["edit", "phone", "BenO_WebRTC", "dscp=34"][..],
        &["delete", "phone", "BenO_WebRTC"],
        &["create", "site", "Porto"],
        &["effective", "BenO_WebRTC"],
    ] {
        let id = if line[0] == "effective" { "phone-missing" } else { "no-permission" };
        desk.refuses(line, 2, id, "Telephony > Plugin > All");
    }
    assert_eq!(exchange.violations(), Vec::<String>::new(), "it did not even ask");
}

#[test]
fn what_the_service_refuses_ends_with_its_cause_and_a_remedy() {
    let exchange = exchange(ExchangeOptions::default());
    let stranger = Desk::at("stranger", &exchange).signed_in_with(&["--token", "made-up"]);
    stranger.refuses(&["list"], 2, "token-refused", "--token");
    let desk = Desk::at("refused", &exchange);
    for (status, id, said) in [
        (404, "not-there", "was told to answer so"),
        (429, "too-many-requests", "for 2 s"),
        (502, "service-failing", "HTTP 502"),
    ] {
        exchange.inject(Fault::RestStatus(Some(status)));
        desk.refuses(&["list"], 2, id, said);
    }
    exchange.inject(Fault::RestStatus(None));
    desk.does(&["list"]);
    let nobody = Desk::new("nobody", &format!("http://127.0.0.1:{}", phone_tests::process::dead_port()));
    nobody.refuses(&["list"], 3, "service-unreachable", "refused the connection");
    let outcome = offhook().args(["phones", "--service", "list", "--json"]).finish(LIMIT);
    outcome.assert_code(3);
    assert_eq!(outcome.event("error")["id"], "no-service", "{outcome}");
}

/// Answers each request by the first line that its own begins with; ends with the test.
fn scripted(replies: &'static [(&'static str, u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            reader.read_line(&mut head).ok();
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap_or(0);
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok();
            let reply = replies
                .iter()
                .find(|(start, ..)| head.replace("/api/v2/telephony/providers/edges", "").starts_with(start));
            let (_, status, body) = reply.unwrap_or(&("", 404, "{}"));
            let answer =
                format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            reader.get_mut().write_all(answer.as_bytes()).ok();
        }
    });
    origin
}

const ME: (&str, u16, &str) = (
    "GET /api/v2/users/me",
    200,
    r#"{"id":"U1","name":"Ana","authorization":{"permissions":["telephony:plugin:all"]}}"#,
);
const NONE: &str = r#"{"entities":[],"pageCount":1}"#;

#[test]
fn a_change_by_somebody_else_in_between_is_not_overwritten_and_garbage_is_told_as_that() {
    const BASE: &str = r#"{"id":"B1","name":"A_WebRTC_B","version":2,"phoneMetaBase":{"id":"inin_webrtc_softphone.json"},
        "properties":{"phone_media_dscp":{"value":{"instance":46}}}}"#;
    const BASES: &str = r#"{"entities":[{"id":"B1","name":"A_WebRTC_B","version":1,"phoneMetaBase":
        {"id":"inin_webrtc_softphone.json"},"properties":{"phone_media_dscp":{"value":{"instance":46}}}}],"pageCount":1}"#;
    let token: &[&str] = &["--token", "t"];
    let origin = scripted(&[
        ME,
        ("GET /api/v2/telephony/mediaregions", 200, "{}"),
        ("GET /phonebasesettings/B1", 200, BASE),
        (
            "PUT /phonebasesettings/B1",
            409,
            r#"{"message":"The object was changed by somebody else.","code":"version.conflict"}"#,
        ),
        ("GET /phonebasesettings", 200, BASES),
        ("GET /", 200, NONE),
    ]);
    let desk = Desk::new("conflict", &origin).signed_in_with(token);
    let line = ["edit", "base-settings", "A_WebRTC_B", "dscp=34"];
    desk.refuses(&line, 2, "conflict", "changed by somebody else");

    for page in [
        &[("GET /", 200, "<html>Please sign in to this network</html>")][..],
        &[ME, ("GET /", 200, r#"{"entities": 7}"#)],
        &[ME, ("GET /", 200, "[[[[")],
    ] {
        let desk = Desk::new("garbage", &scripted(page)).signed_in_with(token);
        desk.refuses(&["list"], 3, "server-garbage", "not one of the service");
    }
}
