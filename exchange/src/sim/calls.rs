//! Calls: dialling, ringing, the persistent connection, two users, hold, faults.

use phone_core::media::MediaError;

use super::*;

fn persistent() -> Sim {
    Sim::new(ExchangeOptions::default())
}

fn plain() -> Sim {
    Sim::new(ExchangeOptions { persistent: None, ..ExchangeOptions::default() })
}

#[test]
fn the_first_echo_call_sets_media_up_and_the_second_needs_only_events() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    assert_eq!(sim.dial(ana, "echo"), 202);
    assert_eq!(sim.log(ana), ["contacting", "propose auto", "offer", "accept", "ACTIVE_CALL", "connected"]);
    assert_eq!(sim.route(), Some(Route::Echo));
    let offer = sim.clients[ana].offers[0]["params"]["sdp"].as_str().unwrap().to_owned();
    assert!(offer.contains("a=candidate:1 1 udp"), "candidates travel in the offer: {offer}");
    assert_eq!(sim.patch(ana, json!({ "state": "disconnected" })), 202);
    assert_eq!(sim.log(ana), ["disconnected client", "terminated", "PERSISTED"]);
    assert_eq!(sim.route(), Some(Route::Silence));

    assert_eq!(sim.dial(ana, "echo"), 202);
    assert_eq!(sim.log(ana), ["contacting", "ACTIVE_CALL", "connected"]);
    assert_eq!(sim.route(), Some(Route::Echo));
    sim.patch(ana, json!({ "state": "disconnected" }));
    sim.log(ana);
    sim.live(Duration::from_secs(599));
    assert_eq!(sim.log(ana), Vec::<String>::new());
    sim.live(Duration::from_secs(2));
    assert_eq!(sim.log(ana), ["DISCONNECTED", "terminate success"]);
    assert!(sim.routes.is_empty());
    sim.assert_no_violations();
}

#[test]
fn the_offer_is_made_while_the_client_is_still_asked() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.clients[ana].takes = false;
    sim.dial(ana, "echo");
    assert!(matches!(sim.edge.as_slice(), [EdgeCommand::Offer { .. }]), "{:?}", sim.edge);
    assert_eq!(sim.log(ana), ["contacting", "propose auto"]);
    sim.proceed(ana);
    assert_eq!(sim.log(ana), ["offer"]);
}

#[test]
fn without_a_persistent_station_the_edge_ends_media_with_the_call() {
    let mut sim = plain();
    let ana = sim.client("ana");
    sim.dial(ana, "music");
    assert_eq!(sim.log(ana), ["contacting", "propose auto", "offer", "accept", "connected"]);
    assert_eq!(sim.route(), Some(Route::Music));
    sim.patch(ana, json!({ "state": "disconnected" }));
    assert_eq!(sim.log(ana), ["disconnected client", "terminated", "terminate success"]);
    sim.assert_no_violations();
}

#[test]
fn a_speaking_caller_rings_is_answered_and_heard() {
    let mut sim = plain();
    let ana = sim.client("ana");
    assert_eq!(sim.rest(ana, Method::Post, "/practice/callme", Value::Null).0, 202);
    assert_eq!(sim.log(ana), ["alerting", "propose"]);
    sim.advance(5 * SECOND);
    sim.proceed(ana);
    assert_eq!(sim.log(ana), ["offer", "iceCandidate", "accept", "connected"]);
    assert_eq!(sim.route(), Some(Route::Speech));
    let (conversation, _) = sim.clients[ana].leg.clone();
    let (_, body) = sim.rest(ana, Method::Get, &format!("/api/v2/conversations/{conversation}"), Value::Null);
    let names: Vec<&str> =
        body["participants"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Maria Lopez", "Billing", "Ana Kovacs"]);
    let call = body["participants"][2]["calls"][0]["id"].as_str().unwrap();
    let metadata = format!("/api/v2/conversations/calls/{conversation}/communications/{call}/metadata");
    assert_eq!(sim.rest(ana, Method::Post, &metadata, Value::Null).0, 202);
    sim.assert_no_violations();
}

#[test]
fn a_ringing_call_that_is_declined_or_not_answered_is_retracted() {
    let mut sim = plain();
    let ana = sim.client("ana");
    sim.rest(ana, Method::Post, "/practice/callme", Value::Null);
    sim.log(ana);
    sim.patch(ana, json!({ "state": "disconnected" }));
    assert_eq!(sim.log(ana), ["disconnected client", "terminated", "retract"]);
    sim.rest(ana, Method::Post, "/practice/callme", Value::Null);
    sim.log(ana);
    sim.live(21 * SECOND);
    assert_eq!(sim.log(ana), ["disconnected timeout 480", "terminated", "retract"]);
    sim.assert_no_violations();
}

#[test]
fn on_a_live_session_an_incoming_call_is_answered_by_rest_alone() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    sim.patch(ana, json!({ "state": "disconnected" }));
    sim.log(ana);
    sim.rest(ana, Method::Post, "/practice/callme", Value::Null);
    assert_eq!(sim.log(ana), ["alerting"]);
    assert_eq!(sim.patch(ana, json!({ "state": "connected" })), 202);
    assert_eq!(sim.log(ana), ["ACTIVE_CALL", "connected"]);
    assert_eq!(sim.route(), Some(Route::Speech));
    sim.assert_no_violations();
}

#[test]
fn a_session_lost_while_it_rings_is_proposed_late() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    sim.patch(ana, json!({ "state": "disconnected" }));
    sim.rest(ana, Method::Post, "/practice/callme", Value::Null);
    let session = sim.routes[0].0;
    sim.exchange.sessions.remove(&session);
    sim.log(ana);
    sim.patch(ana, json!({ "state": "connected" }));
    assert_eq!(sim.log(ana), ["propose"]);
    sim.proceed(ana);
    assert_eq!(sim.log(ana), ["offer", "iceCandidate", "accept", "ACTIVE_CALL", "connected"]);
}

#[test]
fn numbers_ring_and_answer_and_failures_are_told_apart() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "+34 915 550 100");
    assert_eq!(sim.log(ana), ["contacting", "propose auto", "offer", "accept", "dialing"]);
    assert_eq!(sim.route(), Some(Route::Ringback));
    sim.advance(SECOND);
    assert_eq!(sim.log(ana), ["ACTIVE_CALL", "connected"]);
    assert_eq!(sim.route(), Some(Route::Speech));
    sim.patch(ana, json!({ "state": "disconnected" }));
    sim.log(ana);
    for (address, seconds, expected) in
        [("busy", 1, "disconnected endpoint 486"), ("noanswer", 30, "disconnected timeout 480")]
    {
        sim.dial(ana, address);
        sim.live(Duration::from_secs(seconds));
        assert_eq!(sim.log(ana), ["contacting", "dialing", expected, "terminated", "PERSISTED"]);
    }
    assert_eq!(sim.dial(ana, "nobody"), 400);
    assert_eq!(sim.dial(ana, "ana"), 400);
    // Ben has no phone running.
    sim.dial(ana, "Ben Okafor");
    assert_eq!(sim.log(ana), ["contacting", "dialing", "disconnected endpoint 480", "terminated", "PERSISTED"]);
    sim.assert_no_violations();
}

#[test]
fn two_users_hear_each_other_and_hold_and_mute_are_heard_on_the_far_side() {
    let mut sim = persistent();
    let (ana, ben) = (sim.client("ana"), sim.client("ben"));
    sim.dial(ana, "sip:ben@anywhere.example");
    assert_eq!(sim.log(ana).last().map(String::as_str), Some("dialing"));
    assert_eq!(sim.log(ben), ["alerting", "propose"]);
    sim.proceed(ben);
    assert_eq!(sim.log(ben), ["offer", "iceCandidate", "accept", "ACTIVE_CALL", "connected"]);
    assert_eq!(sim.log(ana), ["ACTIVE_CALL", "connected"]);
    let (a, b) = (sim.routes[0].0.min(sim.routes[1].0), sim.routes[0].0.max(sim.routes[1].0));
    let hears = |sim: &Sim, id| sim.routes.iter().find(|(session, _)| *session == id).unwrap().1;
    assert_eq!((hears(&sim, a), hears(&sim, b)), (Route::Peer(b), Route::Peer(a)));

    sim.patch(ana, json!({ "muted": true }));
    assert_eq!((hears(&sim, a), hears(&sim, b)), (Route::Peer(b), Route::Silence));
    assert_eq!(sim.log(ben), ["connected"]);
    sim.patch(ana, json!({ "muted": false }));
    sim.patch(ben, json!({ "held": true }));
    assert_eq!((hears(&sim, a), hears(&sim, b)), (Route::Music, Route::Silence));
    sim.patch(ben, json!({ "held": false }));
    assert_eq!((hears(&sim, a), hears(&sim, b)), (Route::Peer(b), Route::Peer(a)));
    sim.log(ana);
    sim.log(ben);
    sim.patch(ben, json!({ "state": "disconnected" }));
    assert_eq!(sim.log(ana), ["disconnected peer", "terminated", "PERSISTED"]);
    assert_eq!(sim.log(ben), ["disconnected client", "terminated", "PERSISTED"]);
    sim.assert_no_violations();
}

#[test]
fn a_second_call_puts_the_first_on_hold_and_resuming_swaps_them() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    let first = sim.clients[ana].leg.clone();
    sim.log(ana);
    sim.dial(ana, "music");
    assert_eq!(sim.log(ana), ["contacting", "connected held", "ACTIVE_CALL", "connected"]);
    assert_eq!(sim.route(), Some(Route::Music));
    sim.clients[ana].leg = first;
    sim.patch(ana, json!({ "held": false }));
    assert_eq!(sim.log(ana), ["connected held", "connected"]);
    assert_eq!(sim.route(), Some(Route::Echo));
    sim.patch(ana, json!({ "state": "disconnected" }));
    assert_eq!(sim.log(ana), ["disconnected client", "terminated"]);
    assert_eq!(sim.route(), Some(Route::Silence));
    sim.assert_no_violations();
}

#[test]
fn several_appearances_give_every_call_its_own_session() {
    let mut sim = Sim::new(ExchangeOptions { persistent: None, call_appearances: 4, ..ExchangeOptions::default() });
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    sim.dial(ana, "music");
    let proposes = sim.log(ana).iter().filter(|line| *line == "propose auto").count();
    assert_eq!((proposes, sim.routes.len()), (2, 2));
}

#[test]
fn the_first_client_takes_the_call_and_the_other_stops_ringing() {
    let mut sim = plain();
    let (one, two) = (sim.client("ana"), sim.client("ana"));
    sim.rest(one, Method::Post, "/practice/callme", Value::Null);
    assert_eq!(sim.log(one), ["alerting", "propose"]);
    assert_eq!(sim.log(two), ["alerting", "propose"]);
    sim.proceed(one);
    assert_eq!(sim.log(one), ["offer", "iceCandidate", "accept", "connected"]);
    // The winner's accept is reflected to both.
    assert_eq!(sim.log(two), ["accept", "connected"]);
    sim.proceed(two);
    assert_eq!(sim.log(two), ["retract"]);
    sim.assert_no_violations();
}

#[test]
fn a_call_without_a_client_fails_after_a_minute_and_a_late_client_still_gets_it() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.input(Input::Fault(Fault::DropSockets));
    sim.dial(ana, "echo");
    sim.connect(ana);
    assert!(sim.log(ana).contains(&"connected".to_owned()));
    sim.patch(ana, json!({ "state": "disconnected" }));
    sim.live(601 * SECOND);
    sim.log(ana);

    sim.clients[ana].takes = false;
    sim.dial(ana, "echo");
    sim.live(61 * SECOND);
    assert_eq!(sim.log(ana), ["contacting", "propose auto", "disconnected error", "terminated", "retract"]);
}

#[test]
fn media_that_never_comes_or_breaks_ends_the_call_with_its_cause() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.media_works = false;
    sim.dial(ana, "echo");
    sim.live(31 * SECOND);
    let log = sim.log(ana);
    assert_eq!(log[log.len() - 3..], ["disconnected error", "terminated", "terminate timeout"]);
    sim.media_works = true;
    sim.dial(ana, "echo");
    sim.log(ana);
    let session = sim.routes[0].0;
    sim.input(Input::Media(MediaEvent::Failed { session, error: MediaError::ConsentLost }));
    let log = sim.log(ana);
    assert_eq!(log, ["disconnected transport.failure", "terminated", "DISCONNECTED", "terminate failed-transport"]);
    sim.assert_no_violations();
}

#[test]
fn a_reinvite_moves_the_call_to_a_new_session_and_is_repeated_until_answered() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    sim.log(ana);
    sim.clients[ana].takes = false;
    let before = sim.routes[0].0;
    let old = sim.clients[ana].sid.clone();
    sim.input(Input::Fault(Fault::Reinvite));
    sim.advance(3 * SECOND);
    assert_eq!(sim.log(ana), ["offer again", "iceCandidate", "offer again"]);
    let offers = &sim.clients[ana].offers;
    assert_eq!(offers[1]["id"], offers[2]["id"], "repeats carry the same id");
    assert_ne!(offers[1]["params"]["sessionId"], old.as_str());
    sim.rpc(ana, "terminate", json!({ "sessionId": old, "reason": "alternative-session" }));
    sim.answer(ana);
    assert_eq!(sim.log(ana), ["accept"]);
    assert_eq!(sim.route(), Some(Route::Echo));
    assert_ne!(sim.routes[0].0, before);
    sim.advance(10 * SECOND);
    assert_eq!(sim.log(ana), Vec::<String>::new());
    sim.patch(ana, json!({ "state": "disconnected" }));
    assert_eq!(sim.log(ana), ["disconnected client", "terminated", "PERSISTED"]);
    sim.assert_no_violations();
}

#[test]
fn a_reinvite_does_not_answer_a_second_call_that_rings() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    sim.rest(ana, Method::Post, "/practice/callme", Value::Null);
    sim.log(ana);
    sim.input(Input::Fault(Fault::Reinvite));
    let log = sim.log(ana);
    assert!(log.contains(&"offer again".to_owned()) && !log.contains(&"connected".to_owned()), "{log:?}");
    assert_eq!(sim.patch(ana, json!({ "state": "connected" })), 202);
    assert_eq!(sim.log(ana), ["connected held", "ACTIVE_CALL", "connected"]);
    assert_eq!(sim.route(), Some(Route::Speech));
}

#[test]
fn interrupted_media_heals_by_itself_or_is_offered_anew_after_a_while() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    let session = sim.routes[0].0;
    sim.log(ana);
    sim.input(Input::Media(MediaEvent::Interrupted { session }));
    sim.advance(7 * SECOND);
    sim.input(Input::Media(up(session)));
    sim.live(60 * SECOND);
    assert_eq!(sim.log(ana), Vec::<String>::new());
    sim.input(Input::Media(MediaEvent::Interrupted { session }));
    sim.advance(8 * SECOND);
    let log = sim.log(ana);
    assert!(log.contains(&"offer again".to_owned()), "{log:?}");
    assert_eq!(sim.route(), Some(Route::Echo));
    assert_ne!(sim.routes[0].0, session);
    sim.assert_no_violations();
}

#[test]
fn lost_media_is_offered_anew_as_soon_as_the_client_is_back() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    let session = sim.routes[0].0;
    sim.input(Input::Fault(Fault::DropSockets));
    sim.input(Input::Media(MediaEvent::Interrupted { session }));
    sim.log(ana);
    sim.connect(ana);
    let log = sim.log(ana);
    assert!(log.contains(&"offer again".to_owned()), "{log:?}");
    assert_eq!(sim.route(), Some(Route::Echo));
    assert_ne!(sim.routes[0].0, session);
}

#[test]
fn an_eager_station_is_connected_before_the_first_call() {
    let mut sim = Sim::new(ExchangeOptions { eager: true, ..ExchangeOptions::default() });
    let ana = sim.client("ana");
    assert_eq!(sim.routes.len(), 0);
    assert!(sim.exchange.live_session(0).is_some());
    sim.dial(ana, "echo");
    assert_eq!(sim.log(ana), ["contacting", "ACTIVE_CALL", "connected"]);
    sim.assert_no_violations();
}

#[test]
fn digits_are_passed_on_and_the_echo_gives_them_back() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    let (conversation, participant) = sim.clients[ana].leg.clone();
    let path = format!("/api/v2/conversations/{conversation}/participants/{participant}/digits");
    assert_eq!(sim.rest(ana, Method::Post, &path, json!({ "digits": "12#" })).0, 202);
    let session = sim.routes[0].0;
    assert_eq!(sim.edge.last(), Some(&EdgeCommand::Digits { session, digits: "12#".to_owned() }));
    sim.input(Input::Media(MediaEvent::Digit { session, digit: '7' }));
    assert_eq!(sim.edge.last(), Some(&EdgeCommand::Digits { session, digits: "7".to_owned() }));
    sim.assert_no_violations();
    assert_eq!(sim.rest(ana, Method::Post, &path, json!({ "digits": "hello" })).0, 400);
    assert_eq!(sim.exchange.violations().len(), 1);
}

#[test]
fn an_offer_with_an_unknown_codec_ends_when_the_client_refuses_it() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.clients[ana].takes = false;
    sim.input(Input::Fault(Fault::OfferUnknownCodec(true)));
    sim.dial(ana, "echo");
    sim.proceed(ana);
    let offer = sim.clients[ana].offers[0]["params"]["sdp"].as_str().unwrap().to_owned();
    assert!(offer.contains("telepathy") && !offer.contains("opus"));
    sim.log(ana);
    let sid = sim.clients[ana].sid.clone();
    sim.rpc(ana, "terminate", json!({ "sessionId": sid, "reason": "failed-transport" }));
    assert_eq!(sim.log(ana), ["disconnected transport.failure", "terminated"]);
    sim.assert_no_violations();
}

#[test]
fn others_cannot_touch_a_call_that_is_not_theirs() {
    let mut sim = persistent();
    let (ana, ben) = (sim.client("ana"), sim.client("ben"));
    sim.dial(ana, "echo");
    let leg = sim.clients[ana].leg.clone();
    sim.clients[ben].leg = leg;
    assert_eq!(sim.patch(ben, json!({ "state": "disconnected" })), 404);
    assert_eq!(sim.route(), Some(Route::Echo));
}

#[test]
fn a_session_that_a_dead_program_left_ends_when_its_station_is_taken_again() {
    let mut sim = persistent();
    let first = sim.client("ana");
    sim.dial(first, "echo");
    sim.patch(first, json!({ "state": "disconnected" }));
    let socket = sim.clients[first].socket;
    sim.input(Input::SocketClosed { socket });
    // The same user again, with another name on the stream.
    let second = sim.client("ana");
    let (_, me) = sim.rest(second, Method::Get, "/api/v2/users/me?expand=station", Value::Null);
    let station = me["station"]["effectiveStation"]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v2/users/stations/me/associatedstation/{station}");
    assert_eq!(sim.rest(second, Method::Put, &path, Value::Null).0, 202);
    assert!(sim.exchange.sessions.is_empty(), "the old session lives on");
    sim.rest(second, Method::Post, "/practice/callme", Value::Null);
    let log = sim.log(second);
    assert!(log.contains(&"propose".to_owned()), "the call needs a session of its own: {log:?}");
    sim.assert_no_violations();
}

#[test]
fn taking_the_station_again_leaves_a_living_session_alone_and_letting_go_ends_it() {
    let mut sim = persistent();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    let (_, me) = sim.rest(ana, Method::Get, "/api/v2/users/me?expand=station", Value::Null);
    let station = me["station"]["effectiveStation"]["id"].as_str().unwrap().to_owned();
    let own = "/api/v2/users/stations/me/associatedstation";
    assert_eq!(sim.rest(ana, Method::Delete, own, Value::Null).0, 202);
    assert_eq!(sim.exchange.sessions.len(), 1, "a call is on it");
    sim.rest(ana, Method::Put, &format!("{own}/{station}"), Value::Null);
    sim.patch(ana, json!({ "state": "disconnected" }));
    sim.rest(ana, Method::Put, &format!("{own}/{station}"), Value::Null);
    assert_eq!(sim.exchange.sessions.len(), 1, "its program lives");
    sim.rest(ana, Method::Delete, own, Value::Null);
    assert!(sim.exchange.sessions.is_empty());
    sim.assert_no_violations();
}

#[test]
fn an_answer_to_a_propose_that_crosses_its_end_breaks_no_rule_and_a_late_one_does() {
    let mut sim = plain();
    let ana = sim.client("ana");
    sim.rest(ana, Method::Post, "/practice/callme", Value::Null);
    sim.patch(ana, json!({ "state": "disconnected" }));
    sim.proceed(ana);
    sim.assert_no_violations();
    sim.live(10 * SECOND);
    sim.proceed(ana);
    assert_eq!(sim.exchange.violations().len(), 1, "{:?}", sim.exchange.violations());
}

#[test]
fn two_services_that_are_left_alone_end_their_call() {
    let mut sim = plain();
    let ana = sim.client("ana");
    sim.dial(ana, "echo");
    sim.log(ana);
    let (call, own) = sim.clients[ana].leg.clone();
    let path = format!("/api/v2/conversations/calls/{call}/participants/{own}/replace");
    assert_eq!(sim.rest(ana, Method::Post, &path, json!({ "address": "+4912345" })).0, 202);
    assert!(sim.log(ana).contains(&"disconnected transfer".to_owned()));
    sim.advance(60 * SECOND);
    assert!(sim.exchange.conversations.map.values().all(crate::conversations::Conversation::over));
}
