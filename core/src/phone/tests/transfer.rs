//! Handing a call on, and classifying it.

use serde_json::{Value, json};

use super::*;
use crate::command::SpeakWith;
use crate::event::EndReason;

/// The target of a transfer, as the service shows it.
fn target(state: &str) -> Value {
    json!({"id": "T1", "purpose": "agent", "userId": "U2", "name": "Tom", "consultParticipantId": "X-C1",
        "calls": [{"id": "K-T", "state": state, "direction": "outbound"}]})
}

/// In a call, with the target in this state.
fn consulting() -> (Sim, CallId) {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.command(Command::Consult { call, to: "tom@example.com".into() });
    (sim, call)
}

fn target_is(sim: &mut Sim, state: &str) {
    sim.service.more = vec![target(state)];
    sim.event("C1", "connected", "inbound");
}

#[test]
fn a_blind_transfer_names_the_own_leg_and_ends_as_transferred() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.command(Command::Transfer { call, to: "+13175550199".into() });
    sim.event_with("C1", "disconnected", "inbound", &json!({"disconnectType": "transfer"}));
    assert!(
        sim.transcript.contains(r#"POST /conversations/calls/C1/participants/P-C1/replace {"address":"+13175550199"}"#),
        "{}",
        sim.transcript
    );
    assert!(sim.transcript.contains("ended 1: Transferred"), "{}", sim.transcript);
}

#[test]
fn a_users_id_goes_as_such() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.command(Command::Transfer { call, to: "55555555-5555-4555-8555-555555555555".into() });
    assert!(sim.transcript.contains(r#"{"userId":"55555555-5555-4555-8555-555555555555"}"#), "{}", sim.transcript);
}

#[test]
fn a_consultation_goes_from_asking_over_swapping_to_handing_over() {
    let (mut sim, call) = consulting();
    let view = |sim: &Sim| sim.phone.snapshot().calls[0].consult.clone();
    let first = view(&sim).unwrap();
    assert_eq!((first.answered, first.with), (false, SpeakWith::Target));
    target_is(&mut sim, "alerting");
    sim.command(Command::CompleteTransfer(call));
    assert_eq!(sim.phone.snapshot().calls[0].pending, None, "nobody is there to take it yet");
    target_is(&mut sim, "connected");
    let talking = view(&sim).unwrap();
    assert_eq!((talking.answered, talking.target.reveal().as_str()), (true, "Tom"));
    sim.command(Command::Speak { call, with: SpeakWith::Waiting });
    assert_eq!(view(&sim).unwrap().with, SpeakWith::Waiting);
    sim.command(Command::Speak { call, with: SpeakWith::All });
    sim.command(Command::CompleteTransfer(call));
    sim.event("C1", "disconnected", "inbound");
    let lines: Vec<_> = sim.transcript.lines().map(|line| line[9..].to_owned()).collect();
    assert_eq!(
        lines,
        [
            r#"POST /conversations/calls/C1/participants/X-C1/consult {"destination":{"address":"tom@example.com"},"speakTo":"DESTINATION"}"#,
            r#"PATCH /conversations/calls/C1/participants/X-C1/consult {"speakTo":"OBJECT"}"#,
            r#"PATCH /conversations/calls/C1/participants/X-C1/consult {"speakTo":"CONFERENCE"}"#,
            r#"PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}"#,
            "microphone 1 closed",
            "ear 1 closed",
            "ended 1: Transferred by Local",
        ]
    );
}

#[test]
fn a_target_that_does_not_answer_gives_the_call_back_with_a_sentence() {
    let (mut sim, _) = consulting();
    target_is(&mut sim, "alerting");
    target_is(&mut sim, "disconnected");
    assert_eq!(sim.phone.snapshot().calls[0].consult, None);
    assert!(sim.transcript.contains("problem transfer-not-answered"), "{}", sim.transcript);
    assert_eq!(sim.phone.snapshot().calls[0].state, crate::snapshot::CallState::Connected);
}

#[test]
fn going_back_to_the_customer_is_no_failure() {
    let (mut sim, call) = consulting();
    target_is(&mut sim, "alerting");
    sim.command(Command::CancelTransfer(call));
    target_is(&mut sim, "terminated");
    assert!(sim.transcript.contains("DELETE /conversations/calls/C1/participants/X-C1/consult"));
    assert!(!sim.transcript.contains("problem"), "{}", sim.transcript);
}

#[test]
fn a_refused_transfer_says_why_and_the_call_goes_on() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.service.refuse.insert("/consult", 403);
    sim.service.refuse.insert("/replace", 400);
    sim.command(Command::Consult { call, to: "tom".into() });
    sim.command(Command::Transfer { call, to: "tom".into() });
    assert_eq!(sim.transcript.matches("problem request-failed").count(), 2, "{}", sim.transcript);
    assert_eq!(sim.phone.snapshot().calls[0].consult, None);
    let ringing = Command::Transfer { call: CallId(99), to: "tom".into() };
    sim.command(ringing);
}

#[test]
fn who_is_asked_is_not_the_one_who_asks() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.service.own = json!({"consultParticipantId": "X-C1"});
    sim.service.more = vec![target("connected")];
    sim.connected("C1", "S1");
    assert_eq!(sim.phone.snapshot().calls[0].consult, None);
}

#[test]
fn a_call_that_has_to_be_classified_waits_until_it_is() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.service.own = json!({"wrapupRequired": true, "wrapupPrompt": "mandatory"});
    let call = sim.connected("C1", "S1");
    sim.command(Command::HangUp(call));
    sim.event("C1", "disconnected", "inbound");
    sim.event("C1", "terminated", "inbound");
    let due = sim.phone.snapshot().wrap_ups;
    assert_eq!(due.len(), 1);
    assert!(due[0].required && due[0].peer_name.reveal() == "Ben" && !due[0].sent);
    assert_eq!(due[0].codes, [("W1".into(), "Sale".into()), ("W2".into(), "No sale".into())]);
    sim.service.refuse.insert("/wrapup", 500);
    sim.command(Command::WrapUp { call, code: "W2".into(), notes: "n".into() });
    assert!(!sim.phone.snapshot().wrap_ups[0].sent, "refused, so it can be sent again");
    sim.service.refuse.clear();
    sim.command(Command::WrapUp { call, code: "W2".into(), notes: "n".into() });
    assert_eq!(sim.phone.snapshot().wrap_ups, []);
    let path = r#"POST /conversations/calls/C1/participants/P-C1/communications/K-C1/wrapup {"code":"W2","notes":"n"}"#;
    assert!(sim.transcript.contains(path), "{}", sim.transcript);
    assert_eq!(sim.phone.snapshot().recent[0].reason, EndReason::Hangup);
}

#[test]
fn a_call_classified_elsewhere_waits_no_more() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.service.own = json!({"wrapupRequired": true, "wrapupPrompt": "timeout", "wrapupTimeoutMs": 30_000});
    sim.connected("C1", "S1");
    sim.event("C1", "disconnected", "inbound");
    let due = sim.phone.snapshot().wrap_ups;
    assert!(!due[0].required && due[0].until.is_some());
    sim.service.own = json!({"wrapupRequired": true, "wrapup": {"code": "W1"}});
    sim.event("C1", "terminated", "inbound");
    assert_eq!(sim.phone.snapshot().wrap_ups, []);
}
