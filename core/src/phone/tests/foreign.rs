//! Messages of strangers, forged and broken ones: refused with a finding, and no call is touched.

use super::*;
use crate::snapshot::CallState;

const STRANGER: &str = "0123456789abcdef0123ffff@org1.orgspan.com/evil";
const EDGE: &str = "edge1@gjoll.test/r";

/// In a call; says this, and checks that nothing came of it but a finding.
fn refused(text: &str) {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.says(text.to_owned());
    sim.advance(Duration::from_secs(2));
    let call = sim.phone.snapshot().calls.remove(0);
    assert_eq!(call.state, CallState::Connected, "{text}");
    assert_eq!((sim.phone.snapshot().calls.len(), sim.media.len()), (1, 1), "{text}\n{}", sim.transcript);
    assert_eq!(sim.standing_word(), "Ready", "{text}");
    let told = sim.transcript.contains("problem foreign-message") || sim.transcript.contains("problem server-garbage");
    assert!(told, "no finding for {text}\n{}", sim.transcript);
}

fn rpc(from: &str, method: &str, params: &str) -> String {
    format!(
        r#"<iq type="set" id="i" from="{from}"><genesys-webrtc xmlns="genesys">{{"jsonrpc":"2.0","id":"x","method":"{method}","params":{params}}}</genesys-webrtc></iq>"#
    )
}

#[test]
fn a_stranger_cannot_end_renegotiate_or_steer_a_session() {
    for from in [STRANGER, "evil@gjoll.other.example/r"] {
        refused(&rpc(from, "terminate", r#"{"sessionId":"S1"}"#));
        refused(&rpc(from, "offer", r#"{"sessionId":"S1","sdp":"v=0\r\na=ice-ufrag:z\r\na=ice-pwd:z\r\n"}"#));
        refused(&rpc(
            from,
            "iceCandidate",
            r#"{"sessionId":"S1","sdp":"m=0\r\na=candidate:1 1 udp 2 192.0.2.66 5 typ host\r\n"}"#,
        ));
        let jingle = r#"<jingle xmlns="urn:xmpp:jingle:1" action="session-terminate" sid="S1"><reason><success/></reason></jingle>"#;
        refused(&format!(r#"<iq type="set" id="i" from="{from}">{jingle}</iq>"#));
    }
}

#[test]
fn a_stranger_cannot_announce_withdraw_or_take_a_call() {
    let message = |from: &str, body: &str| format!(r#"<message from="{from}">{body}</message>"#);
    let jm = "urn:xmpp:jingle-message:0";
    refused(&message(STRANGER, &format!(r#"<propose xmlns="{jm}" id="S9" inin-cid="C9" inin-autoanswer="true"/>"#)));
    refused(&message(STRANGER, &format!(r#"<retract xmlns="{jm}" id="S1"/>"#)));
    refused(&message(STRANGER, &format!(r#"<accept xmlns="{jm}" id="S1"/>"#)));
    refused(&message("other@gjoll.x/r", &format!(r#"<propose xmlns="{jm}" id="S1" inin-cid="C1"/>"#)));
}

#[test]
fn nobody_speaks_in_the_name_of_the_service() {
    let event = |from: &str, user: &str| {
        format!(
            r#"<message from="{from}"><event xmlns="http://jabber.org/protocol/pubsub#event"><items node="v2.users.{user}.conversations"><item id="1"><json xmlns="urn:xmpp:json:0">{{"eventBody":{{"id":"C1","participants":[{{"id":"P-C1","userId":"U1","calls":[{{"id":"K","state":"terminated"}}]}}]}}}}</json></item></items></event></message>"#
        )
    };
    refused(&event(STRANGER, "U1"));
    refused(&event("notifications.test", "U2"));
    refused(&format!(r#"<iq type="set" id="x" from="{STRANGER}"><query xmlns="urn:xmpp:cxfr"/></iq>"#));
    refused(&format!(
        r#"<iq type="set" id="x" from="{STRANGER}"><services xmlns="urn:xmpp:extdisco:1"><service type="turn" host="evil.example"/></services></iq>"#
    ));
}

#[test]
fn what_is_no_xml_is_garbage_also_with_entities_and_towers() {
    let bombs =
        r#"<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><message>&b;</message>"#;
    let outside = r#"<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><message from="a">&x;</message>"#;
    for text in [bombs, outside, "<?xml version='1.0'?><?php x?><message/>", &"<a>".repeat(5_000), &"x".repeat(300_000)]
    {
        refused(text);
    }
}

#[test]
fn an_offer_for_a_session_nobody_announced_is_ended() {
    for (name, reinvite) in [("S9", "false"), ("S9", "true")] {
        let mut sim = Sim::ready(PhoneConfig::default(), persistent());
        let sdp = r"v=0\r\na=ice-ufrag:z\r\na=ice-pwd:z\r\n";
        let params = format!(r#"{{"sessionId":"{name}","conversationId":"C9","sdp":"{sdp}","reinvite":{reinvite}}}"#);
        sim.says(rpc(EDGE, "offer", &params));
        assert_eq!((sim.media.len(), sim.phone.snapshot().calls.len()), (0, 0), "{}", sim.transcript);
        assert!(sim.transcript.contains("send terminate S9 gone"), "{}", sim.transcript);
    }
}

#[test]
fn a_session_that_was_ended_cannot_be_replayed() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.event("C1", "disconnected", "inbound");
    let end = sim.service.terminate("S1", "success");
    sim.says(end);
    assert!(sim.media.is_empty());
    sim.offer("S1", "C1");
    assert!(sim.media.is_empty() && sim.phone.snapshot().calls.is_empty(), "{}", sim.transcript);
}

#[test]
fn one_stranger_makes_one_finding_however_often() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    for _ in 0..1_000 {
        sim.says(rpc(STRANGER, "terminate", r#"{"sessionId":"S1"}"#));
    }
    assert_eq!(sim.transcript.matches("problem foreign-message").count(), 1);
}

#[test]
fn calls_announced_without_end_stay_few() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    for n in 0..500 {
        sim.propose(&format!("S{n}"), &format!("C{n}"), "");
    }
    assert!(sim.phone.snapshot().calls.len() <= 16);
}
