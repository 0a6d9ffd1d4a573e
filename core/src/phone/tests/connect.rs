//! Sign-in, and every way it can fail.

use super::*;

#[test]
fn sign_in_reaches_ready_and_knows_who_and_where() {
    let mut sim = Sim::new();
    sim.sign_in();
    let snapshot = sim.phone.snapshot();
    assert_eq!(snapshot.standing, Standing::Ready);
    let account = snapshot.account.unwrap();
    assert_eq!((account.user.reveal().as_str(), account.organisation.reveal().as_str()), ("Ana", "Test Org"));
    assert!(account.practice && !snapshot.relay_forced);
    assert_eq!(snapshot.phones.len(), 1);
    assert!(snapshot.phones[0].selected && snapshot.phones[0].refused.is_none());
    insta::assert_snapshot!(sim.transcript, @"    0.0  Registered { again: false }");
}

#[test]
fn the_steps_of_a_sign_in_are_shown() {
    let mut sim = Sim::new();
    let mut steps = Vec::new();
    let mut inputs = VecDeque::from([Input::Command(Command::SignIn(SignIn::Practice {
        origin: "http://service.test:1".into(),
        user: "ana".into(),
    }))]);
    while let Some(input) = inputs.pop_front() {
        sim.phone.handle(sim.now, input);
        let word = sim.standing_word();
        if steps.last() != Some(&word) {
            steps.push(word);
        }
        while let Some(output) = sim.phone.poll() {
            sim.output(output, &mut inputs);
        }
    }
    assert_eq!(
        steps,
        [
            "signing in: Contacting",
            "signing in: Authorising",
            "signing in: Identity",
            "signing in: Connecting",
            "signing in: Subscribing",
            "Ready"
        ]
    );
}

#[test]
fn only_turn_servers_mean_that_a_relay_is_forced() {
    let sim = Sim::ready(PhoneConfig::default(), Service::new().with(|service| service.stun = false));
    assert!(sim.phone.snapshot().relay_forced);
    let forced = PhoneConfig { relay: RelayPolicy::ForceRelay, ..PhoneConfig::default() };
    assert!(Sim::ready(forced, Service::new()).phone.snapshot().relay_forced);
}

/// Signs in to a service with something wrong; says where that ends after `secs`, and what was told.
fn check(break_it: impl FnOnce(&mut Sim), secs: u64, standing: &str, problems: &[&str]) -> Sim {
    let mut sim = Sim::new();
    break_it(&mut sim);
    sim.sign_in();
    sim.advance(Duration::from_secs(secs));
    assert_eq!(sim.standing_word(), standing, "{}", sim.transcript);
    let told: Vec<_> = sim.transcript.lines().filter_map(|line| line.split("problem ").nth(1)).collect();
    assert_eq!(told, problems, "{}", sim.transcript);
    sim
}

#[test]
fn what_may_heal_is_tried_again_and_told_once() {
    let waits = "reconnecting, waits true";
    check(|sim| sim.offline = true, 100, waits, &["exchange-unreachable"]);
    check(|sim| sim.service.silent = true, 100, waits, &["exchange-silent"]);
    for path in ["users/me", "notifications/channels?", "stations/", "subscriptions", "oauth/token"] {
        check(
            |sim| {
                sim.service.refuse.insert(path, 500);
            },
            100,
            waits,
            &["exchange-failing"],
        );
    }
    for path in ["users/me", "organizations", "notifications/channels?", "stations/", "oauth/token"] {
        check(
            |sim| {
                sim.service.garbage.insert(path, "<html>");
            },
            100,
            waits,
            &["server-garbage"],
        );
    }
    check(|sim| sim.service.no_services = true, 16, waits, &["exchange-silent"]);
    check(|sim| sim.service.sasl_refused = Some("temporary-auth-failure"), 100, waits, &["stream-refused"]);
}

#[test]
fn what_the_user_has_to_solve_is_not_tried_again() {
    let refused = |id| format!("problem {id}");
    for (status, path) in [(400, "oauth/authorize"), (401, "oauth/token"), (403, "oauth/authorize")] {
        let break_it = |sim: &mut Sim| {
            sim.service.refuse.insert(path, status);
        };
        check(break_it, 300, &refused("sign-in-refused"), &["sign-in-refused"]);
    }
    check(|sim| sim.service.forge_state(), 300, &refused("sign-in-forged"), &["sign-in-forged"]);
    check(|sim| sim.service.token_good = false, 300, &refused("token-refused"), &["token-refused"]);
    check(|sim| sim.service.sasl_refused = Some("not-authorized"), 300, &refused("token-refused"), &["token-refused"]);
    let forbid = |sim: &mut Sim| {
        sim.service.refuse.insert("notifications/channels", 403);
    };
    check(forbid, 300, &refused("not-permitted"), &["not-permitted"]);
    check(|sim| sim.service.stations = 0, 300, &refused("no-phone"), &[]);
}

#[test]
fn a_service_that_comes_back_is_found_and_reconnect_does_not_wait() {
    let mut sim = check(|sim| sim.offline = true, 300, "reconnecting, waits true", &["exchange-unreachable"]);
    sim.offline = false;
    sim.command(Command::Reconnect);
    assert_eq!(sim.standing_word(), "Ready");

    let mut sim = check(|sim| sim.offline = true, 300, "reconnecting, waits true", &["exchange-unreachable"]);
    sim.offline = false;
    sim.advance(Duration::from_secs(91));
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn a_token_alone_is_enough_and_an_old_one_is_told() {
    let mut sim = Sim::new();
    let sign_in = SignIn::Token { environment: "http://service.test:1".into(), token: "TOKEN-0".into() };
    sim.command(Command::SignIn(sign_in));
    assert_eq!(sim.standing_word(), "Ready");
    sim.service.expire_tokens();
    sim.drop_link();
    sim.advance(Duration::from_secs(5));
    assert_eq!(sim.standing_word(), "problem token-refused");
    let nonsense = SignIn::Token { environment: "not an address".into(), token: "x".into() };
    sim.command(Command::SignIn(nonsense));
    assert_eq!(sim.standing_word(), "problem bad-address");
}

#[test]
fn a_practice_token_that_aged_is_renewed_and_the_request_repeated() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.service.expire_tokens();
    sim.command(Command::HangUp(call));
    let patches = sim.transcript.matches(r#"PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}"#);
    assert_eq!(patches.count(), 2, "{}", sim.transcript);
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn a_lost_link_comes_back_on_the_same_channel_and_the_call_goes_on() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.drop_link();
    assert_eq!(sim.standing_word(), "reconnecting, waits true");
    assert_eq!(sim.phone.snapshot().calls[0].state, crate::snapshot::CallState::Connected);
    sim.advance(Duration::from_secs(5));
    sim.command(Command::HangUp(call));
    sim.event("C1", "disconnected", "inbound");
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  Unregistered
        2.1  Registered { again: true }
        5.0  PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}
        5.0  microphone 1 closed
        5.0  ear 1 closed
        5.0  ended 1: Hangup by Local
    "#);
    sim.advance(Duration::from_secs(6));
    assert!(sim.media.is_empty(), "{}", sim.transcript);
}

#[test]
fn a_call_that_ended_while_the_link_was_away_ends_here_too() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.drop_link();
    sim.service.living.clear();
    sim.advance(Duration::from_secs(5));
    assert!(sim.phone.snapshot().calls.is_empty());
    assert!(sim.transcript.contains("ended 1: Hangup by Remote"), "{}", sim.transcript);
}

#[test]
fn a_stalled_stream_is_noticed_by_two_missed_pings() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.service.silent = true;
    sim.advance(Duration::from_secs(28));
    assert_eq!(sim.standing_word(), "Ready");
    sim.advance(Duration::from_secs(17));
    assert_eq!(sim.standing_word(), "reconnecting, waits true", "{}", sim.transcript);
    sim.service.silent = false;
    sim.advance(Duration::from_secs(91));
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn a_changed_network_is_probed_at_once() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.service.silent = true;
    sim.input(Input::NetworkChanged);
    sim.advance(Duration::from_secs(5));
    assert_eq!(sim.standing_word(), "reconnecting, waits true");
}

#[test]
fn garbage_on_the_stream_is_told_and_the_phone_stays_ready() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    for text in ["<oops", "\u{0}", "{}"] {
        sim.says(text.to_owned());
    }
    assert_eq!(sim.standing_word(), "Ready");
    assert_eq!(sim.transcript.matches("problem server-garbage").count(), 1);
    sim.says("<oops".to_owned());
    assert_eq!(sim.standing_word(), "reconnecting, waits true");
    sim.advance(Duration::from_secs(5));
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn a_server_that_moves_is_followed_without_a_wait() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.says(r#"<iq type="set" id="x"><query xmlns="urn:xmpp:cxfr"/></iq>"#.to_owned());
    assert_eq!(sim.standing_word(), "Ready");
    assert!(sim.transcript.contains("POST /notifications/channels"), "{}", sim.transcript);
}

#[test]
fn a_second_client_on_our_channel_is_told() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let text = sim.service.notification("duplicate_id", &serde_json::json!({}));
    sim.says(text);
    sim.drop_link();
    sim.advance(Duration::from_secs(5));
    assert!(sim.transcript.contains("problem duplicate-session"));
    assert!(sim.transcript.contains("POST /notifications/channels"), "a new channel\n{}", sim.transcript);
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn signing_out_ends_calls_and_sessions_and_says_good_bye() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.command(Command::Quit);
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  ended 1: SignedOut by Local
        0.0  media close 1
        0.0  Unregistered
        0.0  PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}
        0.0  send terminate S1 success
        0.0  send close
    "#);
    sim.advance(Duration::from_secs(5));
    assert_eq!(sim.phone.snapshot().standing, Standing::SignedOut);
    assert_eq!(sim.phone.deadline(), None);
    sim.sign_in();
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn the_only_phone_of_a_user_is_selected_by_itself() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let gone = serde_json::json!({"associatedStation": null});
    let text = sim
        .service
        .notification("station", &gone)
        .replace(r#""metadata":{}"#, r#""metadata":{"action":"Disassociated"}"#);
    sim.says(text);
    assert_eq!(sim.standing_word(), "problem no-phone");
    sim.command(Command::SelectPhone { id: "ST1".into() });
    assert_eq!(sim.standing_word(), "Ready", "{}", sim.transcript);
}
