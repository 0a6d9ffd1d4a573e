//! Streaming: login, topics, reconnects, pings, faults, garbage.

use proptest::prelude::*;

use super::*;

#[test]
fn a_client_connects_discovers_relays_and_subscribes_without_a_violation() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    for kind in ["turn", "stun"] {
        sim.say(
            ana,
            &format!("<iq xmlns='jabber:client' type='get' to='{DOMAIN}' id='{kind}'><services xmlns='urn:xmpp:extdisco:1' type='{kind}'/></iq>"),
        );
    }
    assert_eq!(sim.log(ana), ["result turn", "result stun"]);
    let (channel, user) = (sim.clients[ana].channel.clone(), sim.clients[ana].user.clone());
    let path = format!("/api/v2/notifications/channels/{channel}/subscriptions");
    let topic = json!([{ "id": format!("v2.users.{user}?conversations&station") }, { "id": "v2.users.other.station" }]);
    let (status, reply) = sim.rest(ana, Method::Put, &path, topic);
    assert_eq!(status, 200);
    assert_eq!(reply["entities"][0]["state"], "Permitted");
    assert_eq!(reply["entities"][1]["state"], "Rejected");
    let (_, kept) = sim.rest(ana, Method::Get, &path, Value::Null);
    assert_eq!(kept["entities"].as_array().unwrap().len(), 2);
    assert_eq!(sim.exchange.violations().len(), 1);
}

#[test]
fn an_empty_stun_answer_forces_relays_and_other_candidates_are_noted() {
    let mut sim = Sim::new(ExchangeOptions { force_turn: true, ..ExchangeOptions::default() });
    let ana = sim.client("ana");
    let socket = sim.clients[ana].socket;
    let text = format!(
        "<iq xmlns='jabber:client' type='get' to='{DOMAIN}' id='1'><services xmlns='urn:xmpp:extdisco:1' type='stun'/></iq>"
    );
    sim.exchange.handle(sim.now, Input::SocketText { socket, text });
    let Some(Output::SocketText { text, .. }) = sim.exchange.poll() else { panic!("an answer is due") };
    assert!(text.contains("type=\"stun\"></services>"), "{text}");
    sim.dial(ana, "echo");
    sim.assert_no_violations();
    let sid = sim.clients[ana].sid.clone();
    let candidate = |kind: &str| format!("m=0 9 RTP/AVP 0\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ {kind}\r\n");
    sim.rpc(ana, "iceCandidate", json!({ "sessionId": sid, "sdp": candidate("relay") }));
    sim.rpc(ana, "iceCandidate", json!({ "sessionId": sid, "sdp": "a=end-of-candidates\r\n" }));
    sim.assert_no_violations();
    sim.rpc(ana, "iceCandidate", json!({ "sessionId": sid, "sdp": candidate("host") }));
    assert_eq!(sim.exchange.violations().len(), 1);
}

#[test]
fn a_wrong_token_and_an_injected_refusal_fail_the_login() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    sim.input(Input::Fault(Fault::RefuseLogin(true)));
    sim.connect(ana);
    assert!(sim.exchange.bound(0).is_empty());
    sim.input(Input::Fault(Fault::RefuseLogin(false)));
    sim.connect(ana);
    assert_eq!(sim.exchange.bound(0).len(), 1);
    sim.clients[ana].token = "guess".to_owned();
    sim.connect(ana);
    assert!(sim.exchange.bound(0).is_empty());
}

#[test]
fn a_second_socket_on_a_channel_takes_over_and_keeps_the_subscriptions() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    let first = sim.clients[ana].socket;
    let other = sim.clients.len();
    // The same channel under another name, to see what the first socket is told.
    let (token, channel) = (sim.clients[ana].token.clone(), sim.clients[ana].channel.clone());
    let (user, bare, full) =
        (sim.clients[ana].user.clone(), sim.clients[ana].bare.clone(), sim.clients[ana].full.clone());
    sim.clients.push(Client {
        token,
        user,
        bare,
        full,
        channel,
        socket: SocketId(0),
        log: Vec::new(),
        sid: String::new(),
        leg: (String::new(), String::new()),
        offers: Vec::new(),
        takes: true,
    });
    sim.connect(other);
    let log = sim.log(ana);
    assert!(log[0].starts_with("v2.system.duplicate_id."), "{log:?}");
    assert_eq!(log[1], "closed");
    assert_eq!(sim.closed, [first]);
    sim.dial(other, "echo");
    assert!(sim.log(other).contains(&"connected".to_owned()));
    sim.assert_no_violations();
}

#[test]
fn a_call_lives_on_while_the_socket_is_away() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    sim.input(Input::Fault(Fault::DropSockets));
    assert_eq!(sim.route(), Some(Route::Echo));
    sim.connect(ana);
    sim.log(ana);
    assert_eq!(sim.patch(ana, json!({ "muted": true })), 202);
    assert_eq!(sim.log(ana), ["connected muted"]);
    sim.assert_no_violations();
}

#[test]
fn dead_channels_are_announced_and_refused() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    let channel = sim.clients[ana].channel.clone();
    sim.input(Input::Fault(Fault::LoseChannels));
    let log = sim.log(ana);
    assert!(log[0].starts_with("v2.system.no_longer_subscribed"), "{log:?}");
    assert_eq!(sim.exchange.refuses_channel(&channel), Some(404));
}

#[test]
fn silence_is_noted_once_and_then_ends_the_socket() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    sim.live(300 * SECOND);
    sim.assert_no_violations();
    sim.advance(40 * SECOND);
    assert_eq!(sim.exchange.violations().len(), 1);
    sim.advance(60 * SECOND);
    assert_eq!(sim.exchange.violations().len(), 1);
    assert_eq!(sim.log(ana), ["closed"]);
    assert_eq!(sim.exchange.deadline(), None);
}

#[test]
fn the_server_pings_who_asks_for_it_and_moves_clients_on_demand() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    sim.say(
        ana,
        "<iq xmlns='jabber:client' type='set' to='notifications.x' id='e'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <subscribe node='enable.server.side.pings'/></pubsub></iq>",
    );
    sim.advance(31 * SECOND);
    assert_eq!(sim.log(ana), ["result e", "server ping", "server ping"]);
    sim.input(Input::Fault(Fault::AskReconnect));
    assert_eq!(sim.log(ana), ["iq set"]);
}

#[test]
fn a_stalled_exchange_neither_answers_nor_closes() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    sim.input(Input::Fault(Fault::Stall(true)));
    sim.live(60 * SECOND);
    assert_eq!(sim.log(ana), Vec::<String>::new());
    sim.input(Input::Fault(Fault::Stall(false)));
    sim.say(ana, "<iq xmlns='jabber:client' type='get' id='x'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!(sim.log(ana), ["result x"]);
}

#[test]
fn every_request_is_answered_and_wrong_ones_are_noted() {
    let mut sim = Sim::new(ExchangeOptions::default());
    let ana = sim.client("ana");
    sim.say(ana, "<iq xmlns='jabber:client' type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>");
    sim.say(ana, "<iq xmlns='jabber:client' type='get' id='2' from='x@y/z'><ping xmlns='urn:xmpp:ping'/></iq>");
    sim.session_message(ana, "reject", EDGE, "1");
    sim.session_message(ana, "proceed", EDGE, "unknown");
    sim.rpc(ana, "answer", json!({ "sessionId": "unknown", "sdp": ANSWER }));
    assert_eq!(sim.log(ana), ["error 1", "result 2"]);
    assert_eq!(sim.exchange.violations().len(), 5);
    assert!(sim.exchange.violations()[0].starts_with("ana: an unknown iq came; rule: only requests"));
}

/// What a mad client may say, with holes for the session's name.
const CORPUS: [&str; 14] = [
    "<message xmlns='jabber:client' to='edge1@gjoll.127.0.0.1/practice'><proceed xmlns='urn:xmpp:jingle-message:0' id='SID'/></message>",
    "<message xmlns='jabber:client' to='BARE'><accept xmlns='urn:xmpp:jingle-message:0' id='SID'/></message>",
    "<message xmlns='jabber:client' to='BARE'><reject xmlns='urn:xmpp:jingle-message:0'/></message>",
    "<iq xmlns='jabber:client' type='set' to='edge1@gjoll.127.0.0.1/practice'><genesys-webrtc xmlns='genesys'>{\"method\":\"answer\",\"params\":{\"sessionId\":\"SID\",\"sdp\":\"m=audio\"}}</genesys-webrtc></iq>",
    "<iq xmlns='jabber:client' type='set' id='1'><genesys-webrtc xmlns='genesys'>{\"method\":\"iceCandidate\",\"params\":{\"sessionId\":\"SID\",\"sdp\":\"a=candidate:\"}}</genesys-webrtc></iq>",
    "<iq xmlns='jabber:client' type='set' id='1'><genesys-webrtc xmlns='genesys'>{\"method\":\"terminate\",\"params\":{\"sessionId\":\"SID\",\"reason\":\"alternative-session\"}}</genesys-webrtc></iq>",
    "<iq xmlns='jabber:client' type='set' id='1'><genesys-webrtc xmlns='genesys'>[[[[1]]]]</genesys-webrtc></iq>",
    "<iq xmlns='jabber:client' type='set' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='?&amp;&amp;'/></pubsub></iq>",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AAAA</auth>",
    "<presence xmlns='jabber:client'/>",
    "<a",
    "",
    "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_a_client_does_the_machine_lives_and_ends_all_sessions(
        steps in prop::collection::vec((0..44_usize, 0..30_u64), 1..60)
    ) {
        let mut sim = Sim::new(ExchangeOptions::default());
        let (ana, ben, _) = (sim.client("ana"), sim.client("ben"), sim.client("carla"));
        for (step, wait) in steps {
            let client = if wait % 5 == 0 { 2 } else { step % 2 };
            sim.clients[client].takes = step % 3 != 0;
            match step {
                0..14 => {
                    let (sid, bare) = (sim.clients[client].sid.clone(), sim.clients[client].bare.clone());
                    let text = CORPUS[step].replace("SID", &sid).replace("BARE", &bare);
                    sim.say(client, &text);
                }
                14..18 => drop(sim.dial(client, ["echo", "ben", "ana", "+4912345"][step - 14])),
                18 | 19 => drop(sim.rest(client, Method::Post, "/practice/callme", Value::Null)),
                20..26 => {
                    let body = [
                        json!({ "state": "connected" }), json!({ "state": "disconnected" }), json!({ "held": true }),
                        json!({ "held": false }), json!({ "muted": true }), json!({ "odd": 1 }),
                    ];
                    sim.patch(client, body[step - 20].clone());
                }
                26 | 27 => sim.proceed(client),
                28 | 29 => sim.answer(client),
                30 => sim.input(Input::Fault(Fault::DropSockets)),
                31 => sim.input(Input::Fault(Fault::Reinvite)),
                32..36 => {
                    if sim.exchange.refuses_channel(&sim.clients[client].channel).is_none() {
                        sim.connect(client);
                    }
                }
                36 => sim.input(Input::Fault(Fault::LoseChannels)),
                37 | 38 => {
                    if let Some((session, _)) = sim.routes.last().copied() {
                        let error = phone_core::media::MediaError::ConsentLost;
                        let event = if step == 37 { MediaEvent::Interrupted { session } } else { MediaEvent::Failed { session, error } };
                        sim.input(Input::Media(event));
                    }
                }
                39 => sim.media_works = !sim.media_works,
                _ => {
                    // Hands on, asks, swaps or takes back, whatever the state.
                    let (call, own) = sim.clients[client].leg.clone();
                    let (_, list) = sim.rest(client, Method::Get, &format!("/api/v2/conversations/calls/{call}"), Value::Null);
                    let other = list["participants"].as_array().into_iter().flatten()
                        .filter_map(|p| p["id"].as_str()).find(|id| *id != own).unwrap_or_default().to_owned();
                    let to = ["carla", "ben", "busy", "echo"][wait as usize % 4];
                    let path = format!("/api/v2/conversations/calls/{call}/participants");
                    let (method, path, body) = match step {
                        40 => (Method::Post, format!("{path}/{own}/replace"), json!({ "address": to })),
                        41 => (Method::Post, format!("{path}/{other}/consult"), json!({ "destination": { "address": to } })),
                        42 => (Method::Patch, format!("{path}/{other}/consult"), json!({ "speakTo": "OBJECT" })),
                        _ => (Method::Delete, format!("{path}/{other}/consult"), Value::Null),
                    };
                    sim.rest(client, method, &path, body);
                }
            }
            sim.advance(Duration::from_secs(wait));
        }
        for client in [ana, ben, 2] {
            for _ in 0..20 {
                let (_, list) = sim.rest(client, Method::Get, "/api/v2/conversations/calls", Value::Null);
                let Some(call) = list["entities"][0]["id"].as_str().map(str::to_owned) else { break };
                let own = list["entities"][0]["participants"].as_array().unwrap().iter()
                    .find(|p| p["userId"] == sim.clients[client].user.as_str()
                        && !matches!(p["calls"][0]["state"].as_str(), Some("disconnected" | "terminated"))).unwrap()["id"].as_str().unwrap().to_owned();
                let path = format!("/api/v2/conversations/calls/{call}/participants/{own}");
                prop_assert_eq!(sim.rest(client, Method::Patch, &path, json!({ "state": "disconnected" })).0, 202);
            }
        }
        sim.advance(Duration::from_hours(1));
        prop_assert!(sim.exchange.sessions.is_empty());
        prop_assert!(sim.exchange.conversations.map.values().all(crate::conversations::Conversation::over));
        prop_assert_eq!(sim.exchange.deadline(), None);
    }
}
