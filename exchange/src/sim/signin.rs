//! Sign-in, identity, stations.

use super::*;

#[test]
fn a_user_signs_in_with_pkce_and_is_known_by_the_token() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let reply = sim.request(Method::Get, &authorize("ben", &"v".repeat(43)), None, "");
    let location = reply.location.unwrap();
    assert!(location.starts_with(REDIRECT));
    assert_eq!(query_of(&location, "state").as_deref(), Some("s1"));
    let token = sim.sign_in("ben");
    let me = sim.request(Method::Get, "/api/v2/users/me?expand=station", Some(&token), "");
    let me: Value = serde_json::from_str(&me.body).unwrap();
    assert_eq!(me["name"], "Ben Okafor");
    assert!(me["station"]["effectiveStation"]["id"].is_string());
    sim.assert_no_violations();
}

#[test]
fn a_wrong_verifier_a_used_code_and_an_unknown_user_are_refused() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let verifier = "v".repeat(43);
    let reply = sim.request(Method::Get, &authorize("ana", &verifier), None, "");
    let code = query_of(&reply.location.unwrap(), "code").unwrap();
    let wrong = sim.request(Method::Post, "/oauth/token", None, &token_form(&code, &"w".repeat(43)));
    assert_eq!((wrong.status, wrong.body.contains("invalid_grant")), (400, true));
    let again = sim.request(Method::Post, "/oauth/token", None, &token_form(&code, &verifier));
    assert_eq!(again.status, 400);
    let unknown = sim.request(Method::Get, &authorize("nobody", &verifier), None, "");
    assert_eq!(query_of(&unknown.location.unwrap(), "error").as_deref(), Some("access_denied"));
    assert_eq!(sim.exchange.violations().len(), 1);
}

#[test]
fn nobody_is_redirected_to_another_computer() {
    let mut sim = Sim::new(ExchangeOptions::default());
    for redirect in ["https://evil.example/", "javascript:alert(1)", "//evil.example", "http://127.0.0.1.evil.example/"]
    {
        let path = authorize("ana", "v").replace(REDIRECT, redirect);
        assert_eq!(sim.request(Method::Get, &path, None, "").status, 400, "{redirect}");
    }
}

#[test]
fn a_code_and_a_token_hold_as_long_as_they_say() {
    let mut sim = Sim::new(ExchangeOptions { token_life: 300 * SECOND, ..ExchangeOptions::default() });
    let verifier = "v".repeat(43);
    let reply = sim.request(Method::Get, &authorize("ana", &verifier), None, "");
    let code = query_of(&reply.location.unwrap(), "code").unwrap();
    sim.advance(61 * SECOND);
    assert_eq!(sim.request(Method::Post, "/oauth/token", None, &token_form(&code, &verifier)).status, 400);
    let token = sim.sign_in("ana");
    sim.advance(299 * SECOND);
    assert_eq!(sim.request(Method::Get, "/api/v2/users/me", Some(&token), "").status, 200);
    sim.advance(2 * SECOND);
    assert_eq!(sim.request(Method::Get, "/api/v2/users/me", Some(&token), "").status, 401);
}

#[test]
fn a_token_can_be_given_back() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    assert_eq!(sim.rest(ana, Method::Delete, "/api/v2/tokens/me", Value::Null).0, 200);
    assert_eq!(sim.rest(ana, Method::Get, "/api/v2/users/me", Value::Null).0, 401);
}

#[test]
fn the_phone_selector_has_a_phone_to_choose_and_one_that_cannot_be() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    let user = sim.clients[ana].user.clone();
    let (_, list) = sim.rest(ana, Method::Get, &format!("/api/v2/stations?webRtcUserId={user}"), Value::Null);
    let stations = list["entities"].as_array().unwrap().clone();
    let id = |name: &str| stations.iter().find(|s| s["name"] == name).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(stations.len(), 3);
    let associate = |id: &str| format!("/api/v2/users/stations/me/associatedstation/{id}");
    let (home, desk) = (id("AnaK_WebRTC_Home"), id("AnaK_Desk"));
    assert_eq!(sim.rest(ana, Method::Put, &associate(&desk), Value::Null).0, 409);
    assert_eq!(sim.rest(ana, Method::Put, &associate(&home), Value::Null).0, 202);
    let (_, station) = sim.rest(ana, Method::Get, &format!("/api/v2/stations/{home}"), Value::Null);
    assert_eq!((&station["status"], &station["webRtcPersistentEnabled"]), (&json!("ASSOCIATED"), &json!(false)));
    let leave = "/api/v2/users/stations/me/associatedstation";
    assert_eq!(sim.rest(ana, Method::Delete, leave, Value::Null).0, 202);
    assert_eq!(sim.log(ana), ["Associated", "Disassociated"]);
    assert_eq!(sim.dial(ana, "echo"), 400);
    sim.assert_no_violations();
}

#[test]
fn rest_answers_with_the_injected_status_and_heals() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    let token = sim.clients[ana].token.clone();
    sim.input(Input::Fault(Fault::RestStatus(Some(429))));
    let reply = sim.request(Method::Get, "/api/v2/users/me", Some(&token), "");
    assert_eq!((reply.status, reply.retry_after_s), (429, Some(2)));
    sim.input(Input::Fault(Fault::RestStatus(None)));
    assert_eq!(sim.rest(ana, Method::Get, "/api/v2/users/me", Value::Null).0, 200);
    sim.input(Input::Fault(Fault::ExpireTokens));
    assert_eq!(sim.rest(ana, Method::Get, "/api/v2/users/me", Value::Null).0, 401);
}

#[test]
fn odd_requests_get_an_error_and_are_noted() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    for (method, path, body) in [
        (Method::Get, "/api/v2/nothing", Value::Null),
        (Method::Post, "/api/v2/conversations/calls", json!({})),
        (Method::Post, "/api/v2/conversations/calls", json!("text")),
        (Method::Patch, "/api/v2/conversations/calls/x/participants/y", json!({ "state": "connected" })),
        (Method::Put, "/api/v2/notifications/channels/x/subscriptions", json!([])),
        (Method::Get, "/", Value::Null),
        (Method::Get, "//////", Value::Null),
    ] {
        let status = sim.rest(ana, method, path, body).0;
        assert!(status == 200 || (400..500).contains(&status), "{path}: {status}");
    }
    let token = sim.clients[ana].token.clone();
    assert_eq!(sim.request(Method::Post, "/api/v2/conversations/calls", Some(&token), "{").status, 400);
    assert_eq!(sim.exchange.violations().len(), 4);
}
