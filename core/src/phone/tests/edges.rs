//! Edges that the protocol documents, one test each; the numbers are sections of the protocol reference.

use serde_json::{Value, json};

use super::*;

const CHANNEL: &str = "POST /notifications/channels?connectionType=streaming";

/// A notification on a topic of the system, which is not under a user.
fn system(sim: &Sim, topic: &str) -> String {
    let text = sim.service.notification("TOPIC", &json!({}));
    text.replace("v2.users.U1.TOPIC", &format!("v2.system.{topic}.channel-1"))
}

fn reconnect(sim: &mut Sim) {
    sim.drop_link();
    sim.advance(Duration::from_mins(2));
    assert_eq!(sim.standing_word(), "Ready", "{}", sim.transcript);
}

#[test]
fn section_3_5_nine_soft_reconnects_keep_the_channel_and_the_tenth_takes_a_new_one() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    for round in 1..10 {
        reconnect(&mut sim);
        assert!(!sim.transcript.contains(CHANNEL), "round {round}\n{}", sim.transcript);
        assert!(!sim.transcript.contains("/subscriptions"), "the service keeps subscriptions\n{}", sim.transcript);
    }
    reconnect(&mut sim);
    assert_eq!(sim.transcript.matches(CHANNEL).count(), 1, "{}", sim.transcript);
    assert!(sim.transcript.contains("PUT /notifications/channels/channel-2/subscriptions"), "{}", sim.transcript);
}

#[test]
fn section_3_5_a_channel_that_is_no_longer_subscribed_is_replaced_with_all_its_topics() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let text = system(&sim, "no_longer_subscribed");
    sim.says(text);
    assert_eq!(sim.standing_word(), "Ready", "it goes on until the socket closes");
    reconnect(&mut sim);
    assert_eq!(sim.transcript.matches(CHANNEL).count(), 1, "{}", sim.transcript);
    assert!(sim.transcript.contains("conversations&station"), "{}", sim.transcript);
}

#[test]
fn section_3_4_subscriptions_that_expire_are_made_again_on_the_same_channel() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let text = system(&sim, "streaming-subscriptions-expiring");
    sim.says(text);
    assert!(sim.transcript.contains("PUT /notifications/channels/channel-1/subscriptions"), "{}", sim.transcript);
    assert!(!sim.transcript.contains(CHANNEL), "{}", sim.transcript);
}

#[test]
fn section_3_5_after_a_drop_the_first_attempt_comes_after_two_seconds_and_none_waits_over_ninety() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.drop_link();
    sim.advance(Duration::from_millis(1_900));
    assert_eq!(sim.standing_word(), "reconnecting, waits true");
    sim.offline = true;
    sim.advance(Duration::from_mins(30));
    sim.offline = false;
    sim.advance(Duration::from_secs(91));
    assert_eq!(sim.standing_word(), "Ready", "{}", sim.transcript);
}

#[test]
fn section_1_3_a_revoked_token_is_renewed_where_that_is_possible_and_the_call_goes_on() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.service.expire_tokens();
    let text = system(&sim, "token_revoked");
    sim.says(text);
    sim.advance(Duration::from_secs(5));
    assert_eq!(sim.standing_word(), "Ready", "{}", sim.transcript);
    assert_eq!(sim.phone.snapshot().calls.len(), 1);
}

#[test]
fn section_4_2_our_own_accept_that_comes_back_says_nothing_new() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    let full = sim.service.full().to_owned();
    let bare = full.split('/').next().unwrap_or_default().to_owned();
    sim.transcript.clear();
    sim.says(format!(
        r#"<message from="{full}" to="{bare}"><accept xmlns="urn:xmpp:jingle-message:0" id="S1"/></message>"#
    ));
    // So is a proposal that we seem to have made ourselves.
    sim.says(format!(
        r#"<message from="{full}" to="{bare}"><propose xmlns="urn:xmpp:jingle-message:0" id="S9" inin-cid="C9" inin-autoanswer="true"/></message>"#
    ));
    assert_eq!(sim.transcript, "");
    assert_eq!(sim.phone.snapshot().calls.iter().map(|call| call.id).collect::<Vec<_>>(), [call]);
}

#[test]
fn section_6_2_a_call_that_was_connected_before_we_heard_of_it_is_not_ours() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.event("C1", "connected", "inbound");
    assert!(sim.phone.snapshot().calls.is_empty(), "{}", sim.transcript);
    assert!(!sim.transcript.contains("microphone"), "{}", sim.transcript);
}

#[test]
fn section_6_2_an_event_that_changes_nothing_does_nothing() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    for _ in 0..5 {
        sim.event("C1", "connected", "inbound");
    }
    assert_eq!(sim.transcript, "");
}

#[test]
fn section_6_2_the_users_voicemail_in_a_conversation_is_not_the_users_leg() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.service.own = json!({ "purpose": "voicemail" });
    sim.event("C1", "alerting", "inbound");
    assert!(sim.phone.snapshot().calls.is_empty(), "{}", sim.transcript);
}

#[test]
fn section_6_2_a_call_that_the_service_answers_by_itself_is_heard_on_the_warm_session() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C0", "S1");
    sim.event("C0", "disconnected", "inbound");
    sim.advance(Duration::from_mins(1));
    sim.transcript.clear();
    sim.event("C1", "alerting", "inbound");
    sim.event("C1", "connected", "inbound");
    assert!(sim.transcript.contains("microphone 1 open"), "{}", sim.transcript);
    assert!(!sim.transcript.contains("PATCH"), "nothing is asked for\n{}", sim.transcript);
    assert!(!sim.transcript.contains("send proceed"), "{}", sim.transcript);
}

#[test]
fn section_6_2_the_end_of_a_call_is_told_once_however_often_it_is_said() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    for state in ["disconnected", "terminated", "terminated"] {
        sim.event("C1", state, "inbound");
    }
    assert_eq!(sim.transcript.matches("ended 1:").count(), 1, "{}", sim.transcript);
}

#[test]
fn section_6_3_a_failed_connection_is_told_with_its_reason_and_its_usual_end_is_not() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    let told = |sim: &mut Sim, code: &str| {
        let body: Value = json!({ "userId": "U1", "persistentState": "DISCONNECTED",
            "errorInfo": { "code": code, "text": "It is over", "userMessage": "" } });
        let text = sim.service.notification("persistentconnection", &body);
        sim.says(text);
        sim.transcript.matches("problem").count()
    };
    assert_eq!(told(&mut sim, "error.ininedgecontrol.connection.webrtc.endpoint.disconnect"), 0);
    assert_eq!(told(&mut sim, "error.ininedgecontrol.connection.webrtc.mediaHelperRequired"), 1);
}

#[test]
fn section_6_5_a_session_is_ended_when_the_program_ends() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C0", "S1");
    sim.event("C0", "disconnected", "inbound");
    sim.transcript.clear();
    sim.command(Command::SignOut);
    assert!(sim.transcript.contains("send terminate S1"), "{}", sim.transcript);
}
