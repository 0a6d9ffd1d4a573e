//! What arrives on the stream, as our own types; everything unknown has a place, nothing panics.

use minidom::Element;
use serde::Deserialize;

use super::jingle::{self, Jingle, NS_JINGLE};
use super::xml::{self, XmlError};
use crate::media::{IceServer, TurnTransport};
use crate::redact::Private;

pub const NS_FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
pub const NS_SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
pub const NS_BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
pub const NS_STREAMS: &str = "http://etherx.jabber.org/streams";
pub const NS_EXTDISCO: &str = "urn:xmpp:extdisco:1";
pub const NS_PUBSUB: &str = "http://jabber.org/protocol/pubsub";
pub const NS_PING: &str = "urn:xmpp:ping";
pub const NS_JINGLE_MESSAGE: &str = "urn:xmpp:jingle-message:0";
const NS_PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
const NS_JSON: &str = "urn:xmpp:json:0";
const NS_TRANSFER: &str = "urn:xmpp:cxfr";
const NS_STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// The service's own namespace; not a URI.
pub const NS_GENESYS: &str = "genesys";

/// One element of the stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Stanza {
    Open,
    Features { mechanisms: Vec<String>, bind: bool },
    SaslSuccess,
    SaslFailure { condition: String },
    StreamError { condition: String },
    Close,
    Iq(Iq),
    Message(Message),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IqKind {
    Get,
    Set,
    Result,
    Error,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Iq {
    pub kind: IqKind,
    pub id: String,
    pub from: Option<String>,
    pub payload: IqPayload,
}

#[derive(Clone, Debug, PartialEq)]
pub enum IqPayload {
    /// The full address the server bound us to.
    Bound(String),
    Services(Vec<IceServer>),
    Ping,
    /// The server is about to close and asks to connect elsewhere (XEP-0051).
    Transfer,
    Rtc(RtcCall),
    Jingle(Jingle),
    /// The condition of an error.
    Error(String),
    Nothing,
    Unknown,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub from: Option<String>,
    pub payload: MessagePayload,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MessagePayload {
    Propose(Propose),
    Accept { id: String },
    Reject { id: String },
    Retract { id: String },
    Notification { node: String, json: String },
    Unknown,
}

/// A media session is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Propose {
    pub id: String,
    pub conversation: String,
    pub auto_answer: bool,
    pub sdp_over_xmpp: bool,
    /// A session to be kept warm, without a call (`inin-priv-answer-mode="Auto"`).
    pub eager: bool,
}

/// JSON-RPC inside an iq.
#[derive(Clone, Debug, PartialEq)]
pub struct RtcCall {
    pub id: Option<String>,
    pub method: RtcMethod,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RtcMethod {
    Offer {
        session: String,
        conversation: Option<String>,
        sdp: String,
        reinvite: bool,
    },
    /// The `candidate:…` text without `a=`; empty for the end of candidates.
    Candidate {
        session: String,
        candidate: String,
    },
    Terminate {
        session: String,
        reason: Option<String>,
    },
    Unknown(String),
}

impl RtcMethod {
    /// The session it is about.
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Offer { session, .. } | Self::Candidate { session, .. } | Self::Terminate { session, .. } => {
                Some(session)
            }
            Self::Unknown(_) => None,
        }
    }
}

/// Reads one message of the stream.
pub fn parse(text: &str) -> Result<Stanza, XmlError> {
    let element = xml::parse(text)?;
    let ns = element.ns();
    Ok(match (element.name(), ns.as_str()) {
        ("open", NS_FRAMING) => Stanza::Open,
        ("close", NS_FRAMING) => Stanza::Close,
        ("features", NS_STREAMS) => Stanza::Features {
            mechanisms: element
                .get_child("mechanisms", NS_SASL)
                .map(|list| list.children().filter(|m| m.name() == "mechanism").map(Element::text).collect())
                .unwrap_or_default(),
            bind: element.has_child("bind", NS_BIND),
        },
        ("success", NS_SASL) => Stanza::SaslSuccess,
        ("failure", NS_SASL) => Stanza::SaslFailure { condition: first_child_name(&element) },
        ("error", NS_STREAMS) => Stanza::StreamError { condition: first_child_name(&element) },
        ("iq", _) => Stanza::Iq(parse_iq(&element)),
        ("message", _) => Stanza::Message(parse_message(&element)),
        _ => Stanza::Unknown,
    })
}

fn first_child_name(element: &Element) -> String {
    element.children().next().map(|child| child.name().to_owned()).unwrap_or_default()
}

fn attribute(element: &Element, name: &str) -> String {
    element.attr(name).unwrap_or_default().to_owned()
}

fn parse_iq(element: &Element) -> Iq {
    let kind = match element.attr("type") {
        Some("get") => IqKind::Get,
        Some("result") => IqKind::Result,
        Some("error") => IqKind::Error,
        // RFC 6120 §8.2.3 knows only these four; what is none is answered like a set.
        _ => IqKind::Set,
    };
    Iq {
        kind,
        id: attribute(element, "id"),
        from: element.attr("from").map(str::to_owned),
        payload: if kind == IqKind::Error { error_payload(element) } else { iq_payload(element) },
    }
}

fn error_payload(element: &Element) -> IqPayload {
    let condition = element
        .children()
        .find(|child| child.name() == "error")
        .and_then(|error| error.children().find(|child| child.has_ns(NS_STANZAS)))
        .map_or("undefined-condition", Element::name);
    IqPayload::Error(condition.to_owned())
}

fn iq_payload(element: &Element) -> IqPayload {
    let Some(child) = element.children().next() else { return IqPayload::Nothing };
    let ns = child.ns();
    match (child.name(), ns.as_str()) {
        ("bind", NS_BIND) => child
            .children()
            .find(|jid| jid.name() == "jid")
            .map_or(IqPayload::Unknown, |jid| IqPayload::Bound(jid.text().trim().to_owned())),
        ("services", NS_EXTDISCO) => IqPayload::Services(
            child.children().filter(|service| service.name() == "service").filter_map(parse_service).collect(),
        ),
        ("ping", NS_PING) => IqPayload::Ping,
        ("query", NS_TRANSFER) => IqPayload::Transfer,
        ("jingle", NS_JINGLE) => IqPayload::Jingle(jingle::parse(child)),
        ("genesys-webrtc", NS_GENESYS) => parse_rtc(&child.text()).map_or(IqPayload::Unknown, IqPayload::Rtc),
        _ => IqPayload::Unknown,
    }
}

/// One server of XEP-0215. `turns` is TURN over TLS; a service we cannot use is left out.
fn parse_service(service: &Element) -> Option<IceServer> {
    let kind = service.attr("type")?;
    let host = service.attr("host").filter(|host| !host.is_empty())?.to_owned();
    let port = match service.attr("port") {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        // RFC 8656 §3 and RFC 7065 §3.1.
        None if kind == "turns" => 5349,
        None => 3478,
    };
    let transport = match (kind, service.attr("transport").unwrap_or("udp")) {
        ("turns", "udp" | "tcp" | "tls") | ("turn", "tls") => TurnTransport::Tls,
        ("turn", "tcp") => TurnTransport::Tcp,
        ("turn", "udp") => TurnTransport::Udp,
        ("stun", "udp") => return Some(IceServer::Stun { host, port }),
        _ => return None,
    };
    Some(IceServer::Turn {
        host,
        port,
        transport,
        username: Private::new(attribute(service, "username")),
        password: Private::new(attribute(service, "password")),
    })
}

fn parse_message(element: &Element) -> Message {
    let from = element.attr("from").map(str::to_owned);
    let payload = element
        .children()
        .find_map(|child| {
            let ns = child.ns();
            match (child.name(), ns.as_str()) {
                ("propose", NS_JINGLE_MESSAGE) => Some(MessagePayload::Propose(Propose {
                    id: attribute(child, "id"),
                    conversation: attribute(child, "inin-cid"),
                    auto_answer: child.attr("inin-autoanswer") == Some("true"),
                    sdp_over_xmpp: child.attr("inin-sdp-over-xmpp") == Some("true"),
                    eager: child.attr("inin-priv-answer-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("auto")),
                })),
                ("accept", NS_JINGLE_MESSAGE) => Some(MessagePayload::Accept { id: attribute(child, "id") }),
                ("reject", NS_JINGLE_MESSAGE) => Some(MessagePayload::Reject { id: attribute(child, "id") }),
                ("retract", NS_JINGLE_MESSAGE) => Some(MessagePayload::Retract { id: attribute(child, "id") }),
                ("event", NS_PUBSUB_EVENT) => parse_notification(child),
                _ => None,
            }
        })
        .unwrap_or(MessagePayload::Unknown);
    Message { from, payload }
}

fn parse_notification(event: &Element) -> Option<MessagePayload> {
    let items = event.get_child("items", NS_PUBSUB_EVENT)?;
    let item = items.get_child("item", NS_PUBSUB_EVENT)?;
    let json = item.get_child("json", NS_JSON).map(Element::text).unwrap_or_default();
    Some(MessagePayload::Notification { node: attribute(items, "node"), json })
}

/// The JSON-RPC text of a `genesys-webrtc` element.
pub fn parse_rtc(json: &str) -> Option<RtcCall> {
    #[derive(Deserialize)]
    struct Wire {
        id: Option<String>,
        method: String,
        #[serde(default)]
        params: Params,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Params {
        session_id: String,
        conversation_id: Option<String>,
        sdp: String,
        reinvite: bool,
        reason: Option<String>,
    }

    let Wire { id, method, params } = serde_json::from_str(json).ok()?;
    let session = params.session_id;
    let method = match method.as_str() {
        "offer" => RtcMethod::Offer {
            session,
            conversation: params.conversation_id.filter(|id| !id.is_empty()),
            sdp: params.sdp,
            reinvite: params.reinvite,
        },
        "iceCandidate" => RtcMethod::Candidate { session, candidate: candidate_of_fragment(&params.sdp) },
        "terminate" => RtcMethod::Terminate { session, reason: params.reason },
        _ => RtcMethod::Unknown(method),
    };
    Some(RtcCall { id, method })
}

/// `m=<mid> …\r\na=candidate:…` gives `candidate:…`; an end of candidates gives nothing.
fn candidate_of_fragment(fragment: &str) -> String {
    fragment
        .lines()
        .filter_map(|line| line.trim().strip_prefix("a="))
        .find(|line| line.starts_with("candidate:"))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(xml: &str) -> MessagePayload {
        match parse(xml).unwrap() {
            Stanza::Message(message) => message.payload,
            other => panic!("{other:?}"),
        }
    }

    fn iq(xml: &str) -> IqPayload {
        match parse(xml).unwrap() {
            Stanza::Iq(iq) => iq.payload,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_stream_opens_as_recorded() {
        assert_eq!(
            parse(r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" from="o" id="s" version="1.0"/>"#).unwrap(),
            Stanza::Open
        );
        let features = r#"<stream:features xmlns:stream="http://etherx.jabber.org/streams"><mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>"#;
        let mechanisms = vec!["PLAIN".to_owned(), "ANONYMOUS".to_owned()];
        assert_eq!(parse(features).unwrap(), Stanza::Features { mechanisms, bind: false });
        let failure = r#"<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure>"#;
        assert_eq!(parse(failure).unwrap(), Stanza::SaslFailure { condition: "not-authorized".into() });
    }

    #[test]
    fn a_propose_carries_its_flags() {
        let xml = r#"<message from="edge1@gjoll.x/r" to="u@o/r"><propose xmlns="urn:xmpp:jingle-message:0" id="S" inin-cid="C" inin-sdp-over-xmpp="true" inin-autoanswer="false" inin-priv-answer-mode="Auto"><description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"/></propose></message>"#;
        let expected =
            Propose { id: "S".into(), conversation: "C".into(), auto_answer: false, sdp_over_xmpp: true, eager: true };
        assert_eq!(message(xml), MessagePayload::Propose(expected));
    }

    #[test]
    fn servers_that_cannot_be_used_are_left_out() {
        let xml = r#"<iq type="result" id="3"><services xmlns="urn:xmpp:extdisco:1" type="turn">
            <service type="turn" host="t" port="3478" transport="udp" username="u" password="p"/>
            <service type="turns" host="t"/><service type="turn" host="t" transport="sctp"/>
            <service type="turn" port="3478"/><service type="turn" host="t" port="99999"/>
            <service type="stun" host="s"/></services></iq>"#;
        let IqPayload::Services(servers) = iq(xml) else { panic!() };
        let short: Vec<_> = servers
            .iter()
            .map(|server| match server {
                IceServer::Stun { host, port } => format!("stun {host} {port}"),
                IceServer::Turn { host, port, transport, .. } => format!("{transport:?} {host} {port}"),
            })
            .collect();
        assert_eq!(short, ["Udp t 3478", "Tls t 5349", "stun s 3478"]);
    }

    #[test]
    fn json_rpc_comes_out_of_its_envelope() {
        let xml = r#"<iq type="set" id="u1" from="e@gjoll.x/r"><genesys-webrtc xmlns="genesys">{"jsonrpc":"2.0","id":"u2","method":"iceCandidate","params":{"sessionId":"S","sdp":"m=0 9 RTP/AVP 0\r\na=candidate:1 1 udp 2 127.0.0.1 5 typ host\r\n"}}</genesys-webrtc></iq>"#;
        let method =
            RtcMethod::Candidate { session: "S".into(), candidate: "candidate:1 1 udp 2 127.0.0.1 5 typ host".into() };
        assert_eq!(iq(xml), IqPayload::Rtc(RtcCall { id: Some("u2".into()), method }));
        assert_eq!(
            iq("<iq type='set' id='1'><genesys-webrtc xmlns='genesys'>{</genesys-webrtc></iq>"),
            IqPayload::Unknown
        );
        let error = r#"<iq type="error" id="1"><pubsub xmlns="http://jabber.org/protocol/pubsub"/><error type="cancel"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>"#;
        assert_eq!(iq(error), IqPayload::Error("forbidden".into()));
    }

    proptest! {
        #[test]
        fn no_json_makes_the_parser_panic(json: String) {
            let _unused = parse_rtc(&json);
        }
    }
}
