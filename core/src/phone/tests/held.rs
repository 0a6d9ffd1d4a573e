//! Calls on a session that is kept between them.

use super::*;
use crate::snapshot::{CallState, PersistentView};

fn hang_up(sim: &mut Sim, conversation: &str) {
    let call = sim.last_call();
    sim.command(Command::HangUp(call));
    sim.event(conversation, "disconnected", "inbound");
    sim.event(conversation, "terminated", "inbound");
}

#[test]
fn ten_calls_use_one_session() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C0", "S1");
    hang_up(&mut sim, "C0");
    for n in 1..10 {
        sim.advance(Duration::from_mins(1));
        assert!(matches!(sim.phone.snapshot().persistent, PersistentView::Warm { until: Some(_) }));
        let id = format!("C{n}");
        sim.event(&id, "alerting", "inbound");
        let call = sim.last_call();
        sim.command(Command::Answer(call));
        sim.event(&id, "connected", "inbound");
        assert_eq!(sim.phone.snapshot().persistent, PersistentView::InCall);
        hang_up(&mut sim, &id);
    }
    assert_eq!(sim.transcript.matches("media accept").count(), 1);
    assert_eq!(sim.transcript.matches("microphone 1 open").count(), 10);
    assert_eq!(sim.transcript.matches("terminate").count(), 0);
}

#[test]
fn a_warm_call_is_answered_by_rest_and_hears_from_the_first_packet() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C0", "S1");
    hang_up(&mut sim, "C0");
    sim.transcript.clear();
    sim.event("C1", "alerting", "inbound");
    let call = sim.last_call();
    sim.advance_ms(500);
    sim.command(Command::Answer(call));
    sim.event("C1", "connected", "inbound");
    sim.input(Input::Media(MediaEvent::FirstMedia { session: SessionId(1) }));
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  Alerting 2
        0.0  tone Ring
        0.5  PATCH /conversations/calls/C1/participants/P-C1 {"state":"connected"}
        0.5  tone off
        0.5  Connected 2
        0.5  microphone 1 open
        0.5  ear 1 open
        0.5  Media 2
    "#);
}

#[test]
fn an_eager_session_opens_quietly() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.propose("S1", "fake", r#"inin-priv-answer-mode="Auto""#);
    sim.offer("S1", "fake");
    sim.up(1);
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  send proceed S1
        0.0  send accept S1
        0.0  media accept 1
        0.0  send answer S1
        0.0  send info S1 active
    ");
    assert!(sim.phone.snapshot().calls.is_empty());
    assert!(matches!(sim.phone.snapshot().persistent, PersistentView::Warm { .. }));
}

#[test]
fn an_idle_session_is_ended_by_the_service_or_at_last_by_us() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    hang_up(&mut sim, "C1");
    sim.transcript.clear();
    let gone = serde_json::json!({"persistentState": "DISCONNECTED", "errorInfo":
        {"code": "error.ininedgecontrol.connection.webrtc.endpoint.disconnect", "text": "idle"}});
    let text = sim.service.notification("persistentconnection", &gone);
    sim.says(text);
    let terminate = sim.service.terminate("S1", "success");
    sim.says(terminate);
    insta::assert_snapshot!(sim.transcript, @"    0.0  media close 1");
    assert_eq!(sim.phone.snapshot().persistent, PersistentView::Closed);

    sim.connected("C2", "S2");
    hang_up(&mut sim, "C2");
    sim.transcript.clear();
    sim.advance(Duration::from_mins(12));
    insta::assert_snapshot!(sim.transcript, @r"
      660.0  media close 2
      660.0  send terminate S2 success
    ");
}

#[test]
fn a_session_only_the_service_knows_is_ended_first() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    let held = serde_json::json!({"persistentState": "PERSISTED"});
    let text = sim.service.notification("persistentconnection", &held);
    sim.says(text.clone());
    sim.says(text);
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  DELETE /users/stations/me/associatedstation
        0.0  PUT /users/stations/me/associatedstation/ST1
    ");
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn our_own_session_is_not_taken_for_a_forgotten_one() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    hang_up(&mut sim, "C1");
    sim.transcript.clear();
    let held = serde_json::json!({"persistentState": "PERSISTED"});
    let text = sim.service.notification("persistentconnection", &held);
    sim.says(text);
    assert_eq!(sim.transcript, "");
}

#[test]
fn a_lost_link_does_not_touch_the_session() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.drop_link();
    assert_eq!(sim.phone.snapshot().persistent, PersistentView::InCall);
    sim.advance(Duration::from_secs(5));
    assert_eq!(sim.phone.snapshot().persistent, PersistentView::InCall);
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  Unregistered
        2.1  Registered { again: true }
    ");
}

#[test]
fn a_session_that_died_while_the_link_was_away_is_ended_when_it_is_back() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    hang_up(&mut sim, "C1");
    sim.transcript.clear();
    sim.drop_link();
    sim.input(Input::Media(MediaEvent::Interrupted { session: SessionId(1) }));
    sim.advance(Duration::from_secs(5));
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  Unregistered
        2.1  Registered { again: true }
        2.1  media close 1
        2.1  send terminate S1 failed-transport
    ");
}

#[test]
fn a_call_answered_on_a_session_the_service_lost_gets_a_new_one() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    hang_up(&mut sim, "C1");
    sim.event("C2", "alerting", "inbound");
    let call = sim.last_call();
    sim.command(Command::Answer(call));
    sim.transcript.clear();
    let terminate = sim.service.terminate("S1", "success");
    sim.says(terminate);
    sim.advance_ms(200);
    sim.propose("S2", "C2", "");
    sim.offer("S2", "C2");
    sim.up(2);
    sim.event("C2", "connected", "inbound");
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  media close 1
        0.2  send proceed S2
        0.2  send accept S2
        0.2  media accept 2
        0.2  send answer S2
        0.2  send info S2 active
        0.2  Connected 2
        0.2  microphone 2 open
        0.2  ear 2 open
    ");
    assert_eq!(sim.phone.snapshot().persistent, PersistentView::InCall);
}

#[test]
fn media_lost_in_a_call_comes_back_or_the_session_is_given_up() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    sim.input(Input::Media(MediaEvent::Interrupted { session: SessionId(1) }));
    assert!(matches!(sim.phone.snapshot().persistent, PersistentView::Recovering { .. }));
    assert!(matches!(sim.phone.snapshot().calls[0].state, CallState::Recovering { .. }));
    sim.up(1);
    assert_eq!(sim.phone.snapshot().persistent, PersistentView::InCall);
    sim.transcript.clear();
    sim.input(Input::Media(MediaEvent::Interrupted { session: SessionId(1) }));
    sim.advance(Duration::from_mins(2));
    assert!(sim.transcript.contains("send terminate S1 failed-transport"), "{}", sim.transcript);
    assert!(sim.transcript.contains("ended 1: MediaFailed by System"), "{}", sim.transcript);
    assert!(sim.phone.snapshot().calls.is_empty() && sim.media.is_empty());
}

#[test]
fn stopping_the_session_in_a_call_asks_first() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.command(Command::StopPersistentConnection);
    insta::assert_snapshot!(sim.transcript, @"    0.0  problem session-in-use");
    hang_up(&mut sim, "C1");
    sim.transcript.clear();
    sim.command(Command::StopPersistentConnection);
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  media close 1
        0.0  send terminate S1 success
    ");
}
