//! What we send on the stream, as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::stanza::{NS_BIND, NS_EXTDISCO, NS_FRAMING, NS_GENESYS, NS_JINGLE_MESSAGE, NS_PING, NS_PUBSUB, NS_SASL};
use super::xml::escape;

pub fn open(domain: &str) -> String {
    format!(r#"<open xmlns="{NS_FRAMING}" xml:lang="en" to="{}" version="1.0"/>"#, escape(domain))
}

pub fn close() -> String {
    format!(r#"<close xmlns="{NS_FRAMING}"/>"#)
}

/// SASL PLAIN (RFC 4616) with an empty authorisation identity; the user name is the whole bare address.
pub fn auth(bare: &str, token: &str) -> String {
    let plain = format!("\0{bare}\0authKey:{token}");
    format!(r#"<auth xmlns="{NS_SASL}" mechanism="PLAIN">{}</auth>"#, STANDARD.encode(plain))
}

pub fn bind(id: &str, resource: &str) -> String {
    let bind = format!(r#"<bind xmlns="{NS_BIND}"><resource>{}</resource></bind>"#, escape(resource));
    iq("set", id, None, None, &bind)
}

/// `kind` is `turn` or `stun` (XEP-0215).
pub fn services(id: &str, domain: &str, kind: &str) -> String {
    iq("get", id, Some(domain), None, &format!(r#"<services xmlns="{NS_EXTDISCO}" type="{kind}"/>"#))
}

pub fn subscribe(id: &str, service: &str, node: &str, bare: &str) -> String {
    let (node, bare) = (escape(node), escape(bare));
    let body = format!(r#"<pubsub xmlns="{NS_PUBSUB}"><subscribe node="{node}" jid="{bare}"/></pubsub>"#);
    iq("set", id, Some(service), None, &body)
}

pub fn ping(id: &str) -> String {
    iq("get", id, None, None, &format!(r#"<ping xmlns="{NS_PING}"/>"#))
}

pub fn result(id: &str, to: Option<&str>) -> String {
    iq("result", id, to, None, "")
}

pub fn not_understood(id: &str, to: Option<&str>) -> String {
    let body = r#"<error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>"#;
    iq("error", id, to, None, body)
}

/// A session that we do not have (XEP-0166 §10).
pub fn unknown_session(id: &str, to: Option<&str>) -> String {
    let body = r#"<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><unknown-session xmlns="urn:xmpp:jingle:errors:1"/></error>"#;
    iq("error", id, to, None, body)
}

/// `body` is a whole Jingle element.
pub fn jingle(id: &str, to: &str, body: &str) -> String {
    iq("set", id, Some(to), None, body)
}

/// `proceed` goes to the proposer, `accept` to our own bare address.
pub fn session_message(to: &str, verb: &str, id: &str) -> String {
    format!(
        r#"<message xmlns="jabber:client" to="{}"><{verb} xmlns="{NS_JINGLE_MESSAGE}" id="{}"/></message>"#,
        escape(to),
        escape(id)
    )
}

/// JSON-RPC to the peer of a session. `rpc_id` is correlated with nothing.
pub fn rtc(id: &str, from: &str, to: &str, rpc_id: &str, method: &str, params: &Value) -> String {
    let json = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": rpc_id}).to_string();
    let body = format!(r#"<genesys-webrtc xmlns="{NS_GENESYS}">{}</genesys-webrtc>"#, escape(&json));
    iq("set", id, Some(to), Some(from), &body)
}

fn iq(kind: &str, id: &str, to: Option<&str>, from: Option<&str>, body: &str) -> String {
    let attribute = |name: &str, value: Option<&str>| {
        value.map(|value| format!(r#" {name}="{}""#, escape(value))).unwrap_or_default()
    };
    let (id, from, to) = (escape(id), attribute("from", from), attribute("to", to));
    if body.is_empty() {
        format!(r#"<iq xmlns="jabber:client" type="{kind}" id="{id}"{from}{to}/>"#)
    } else {
        format!(r#"<iq xmlns="jabber:client" type="{kind}" id="{id}"{from}{to}>{body}</iq>"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::genesys::stanza::{self, IqPayload, RtcMethod, Stanza};

    #[test]
    fn the_login_is_the_one_recorded() {
        assert_eq!(
            auth("aabbccddeeff001122334455@simorg0000000000000000.orgspan.com", "SIM_ACCESS_TOKEN"),
            "<auth xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\" mechanism=\"PLAIN\">AGFhYmJjY2RkZWVmZjAwMTEyMjMzNDQ1NUBzaW1vcmcwMDAwMDAwMDAwMDAwMDAwLm9yZ3NwYW4uY29tAGF1dGhLZXk6U0lNX0FDQ0VTU19UT0tFTg==</auth>"
        );
    }

    #[test]
    fn json_rpc_survives_the_envelope() {
        let sdp = "v=0\r\na=x:\"<&>'\r\n";
        let xml = rtc("1", "me@o/r", "edge@gjoll/r", "2", "offer", &json!({"sessionId": "S", "sdp": sdp}));
        let Stanza::Iq(iq) = stanza::parse(&xml).unwrap() else { panic!() };
        let IqPayload::Rtc(call) = iq.payload else { panic!() };
        assert_eq!(
            call.method,
            RtcMethod::Offer { session: "S".into(), conversation: None, sdp: sdp.into(), reinvite: false }
        );
    }
}
