//! The classic way of media signalling: Jingle (XEP-0166, 0167, 0176, 0293, 0320, 0339), for organisations whose
//! edges do not speak SDP over XMPP. What arrives becomes an SDP offer of ours; our SDP answer becomes Jingle.

use std::fmt::Write as _;

use minidom::Element;

use super::xml::escape;

pub const NS_JINGLE: &str = "urn:xmpp:jingle:1";
const NS_RTP: &str = "urn:xmpp:jingle:apps:rtp:1";
const NS_RTP_INFO: &str = "urn:xmpp:jingle:apps:rtp:info:1";
const NS_ICE: &str = "urn:xmpp:jingle:transports:ice-udp:1";
const NS_DTLS: &str = "urn:xmpp:jingle:apps:dtls:0";
const NS_SOURCES: &str = "urn:xmpp:jingle:apps:rtp:ssma:0";
const NS_GROUP: &str = "urn:xmpp:jingle:apps:grouping:0";

/// Payload types, candidates and parameters read of one description.
const MAX_ITEMS: usize = 64;

/// One Jingle action.
#[derive(Clone, Debug, PartialEq)]
pub struct Jingle {
    pub session: String,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// As an SDP offer; `None` when what is there makes no audio session.
    Initiate {
        offer: Option<String>,
    },
    /// Texts that begin with `candidate:`.
    Candidates(Vec<String>),
    Terminate {
        reason: Option<String>,
    },
    /// Acknowledged, and nothing else.
    Other,
}

pub fn parse(element: &Element) -> Jingle {
    let session = element.attr("sid").unwrap_or_default().to_owned();
    let action = match element.attr("action") {
        Some("session-initiate") => Action::Initiate { offer: offer(element) },
        Some("transport-info") => Action::Candidates(
            element
                .children()
                .filter(|child| child.name() == "content")
                .filter_map(|content| content.get_child("transport", NS_ICE))
                .flat_map(candidates)
                .take(MAX_ITEMS)
                .collect(),
        ),
        Some("session-terminate") => Action::Terminate {
            reason: element
                .get_child("reason", NS_JINGLE)
                .and_then(|reason| reason.children().find(|child| child.name() != "text"))
                .map(|reason| reason.name().to_owned()),
        },
        _ => Action::Other,
    };
    Jingle { session, action }
}

/// A value that stands on an SDP line: nothing in it can end the line or the word. `None` when it would.
fn word(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()))
}

fn number(value: Option<&str>) -> Option<u32> {
    value?.parse().ok()
}

/// The first audio content as SDP (the shape of RFC 8866; the far end offers, so `actpass` is usual).
fn offer(jingle: &Element) -> Option<String> {
    let audio = |content: &&Element| {
        content.name() == "content"
            && content.get_child("description", NS_RTP).is_some_and(|d| d.attr("media") == Some("audio"))
    };
    let content = jingle.children().find(audio)?;
    let description = content.get_child("description", NS_RTP)?;
    let transport = content.get_child("transport", NS_ICE)?;
    let mid = word(content.attr("name"))?;
    let payloads: Vec<(u32, &Element)> = description
        .children()
        .filter(|child| child.name() == "payload-type")
        .filter_map(|payload| Some((number(payload.attr("id")).filter(|id| *id < 128)?, payload)))
        .take(MAX_ITEMS)
        .collect();
    let mut sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned();
    let line = |sdp: &mut String, text: std::fmt::Arguments<'_>| {
        let _infallible = write!(sdp, "{text}\r\n");
    };
    line(&mut sdp, format_args!("a=group:BUNDLE {mid}"));
    let list = payloads.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(" ");
    line(&mut sdp, format_args!("m=audio 9 UDP/TLS/RTP/SAVPF {list}"));
    line(&mut sdp, format_args!("c=IN IP4 0.0.0.0"));
    line(&mut sdp, format_args!("a=mid:{mid}"));
    line(&mut sdp, format_args!("a=ice-ufrag:{}", word(transport.attr("ufrag"))?));
    line(&mut sdp, format_args!("a=ice-pwd:{}", word(transport.attr("pwd"))?));
    let fingerprint = transport.get_child("fingerprint", NS_DTLS)?;
    let print = fingerprint.text();
    line(&mut sdp, format_args!("a=fingerprint:{} {}", word(fingerprint.attr("hash"))?, word(Some(print.trim()))?));
    line(&mut sdp, format_args!("a=setup:{}", word(fingerprint.attr("setup")).unwrap_or("actpass")));
    let direction = match content.attr("senders") {
        Some("initiator") => "sendonly",
        Some("responder") => "recvonly",
        Some("none") => "inactive",
        _ => "sendrecv",
    };
    line(&mut sdp, format_args!("a={direction}"));
    line(&mut sdp, format_args!("a=rtcp-mux"));
    // More candidates follow as transport-info.
    line(&mut sdp, format_args!("a=ice-options:trickle"));
    for (id, payload) in payloads {
        let (Some(name), Some(clock)) = (word(payload.attr("name")), number(payload.attr("clockrate"))) else {
            continue;
        };
        let channels = number(payload.attr("channels")).filter(|channels| *channels > 1);
        let channels = channels.map(|channels| format!("/{channels}")).unwrap_or_default();
        line(&mut sdp, format_args!("a=rtpmap:{id} {name}/{clock}{channels}"));
        let parameters: Vec<String> = payload
            .children()
            .filter(|child| child.name() == "parameter")
            .take(MAX_ITEMS)
            .filter_map(|parameter| {
                let name = word(parameter.attr("name"))?;
                Some(match word(parameter.attr("value")) {
                    Some(value) => format!("{name}={value}"),
                    None => name.to_owned(),
                })
            })
            .collect();
        if !parameters.is_empty() {
            line(&mut sdp, format_args!("a=fmtp:{id} {}", parameters.join(";")));
        }
    }
    for candidate in candidates(transport) {
        line(&mut sdp, format_args!("a={candidate}"));
    }
    Some(sdp)
}

/// The candidates of a transport, in the words of RFC 8839 §5.1.
fn candidates(transport: &Element) -> Vec<String> {
    let one = |candidate: &Element| {
        let attribute = |name| word(candidate.attr(name));
        let mut text = format!(
            "candidate:{} {} {} {} {} {} typ {}",
            attribute("foundation")?,
            number(candidate.attr("component"))?,
            attribute("protocol")?,
            number(candidate.attr("priority"))?,
            attribute("ip")?,
            number(candidate.attr("port"))?,
            attribute("type")?
        );
        if let (Some(address), Some(port)) = (attribute("rel-addr"), number(candidate.attr("rel-port"))) {
            let _infallible = write!(text, " raddr {address} rport {port}");
        }
        if let Some(kind) = attribute("tcptype") {
            let _infallible = write!(text, " tcptype {kind}");
        }
        Some(text)
    };
    transport.children().filter(|child| child.name() == "candidate").take(MAX_ITEMS).filter_map(one).collect()
}

/// What of our answer every later action of the session needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ours {
    pub mid: String,
    pub ufrag: String,
}

/// `session-accept` for an SDP answer of ours.
pub fn accept(session: &str, answer: &str) -> (String, Ours) {
    let values = |name: &'static str| {
        answer.lines().filter_map(move |line| line.trim_end().strip_prefix("a=")?.strip_prefix(name))
    };
    let value = |name| values(name).next().unwrap_or_default();
    let ours = Ours { mid: value("mid:").to_owned(), ufrag: value("ice-ufrag:").to_owned() };
    let audio = answer.lines().find_map(|line| line.trim_end().strip_prefix("m=audio ")).unwrap_or_default();
    let mut payloads = String::new();
    for id in audio.split_ascii_whitespace().skip(2) {
        let Some(map) = values("rtpmap:").find_map(|map| map.strip_prefix(id)?.strip_prefix(' ')) else { continue };
        let mut parts = map.split('/');
        let (name, clock) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let channels = parts.next().unwrap_or("1");
        let parameters: String = values("fmtp:")
            .find_map(|fmtp| fmtp.strip_prefix(id)?.strip_prefix(' '))
            .unwrap_or_default()
            .split(';')
            .filter_map(|parameter| {
                let parameter = parameter.trim();
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                (!name.is_empty()).then(|| format!(r#"<parameter name="{}" value="{}"/>"#, escape(name), escape(value)))
            })
            .collect();
        let _infallible = write!(
            payloads,
            r#"<payload-type id="{}" name="{}" clockrate="{}" channels="{}">{parameters}</payload-type>"#,
            escape(id),
            escape(name),
            escape(clock),
            escape(channels)
        );
    }
    let source = values("ssrc:").find_map(|text| {
        let (ssrc, rest) = text.split_once(' ')?;
        Some((ssrc, rest.strip_prefix("cname:")?))
    });
    let (ssrc, source) = match source {
        Some((ssrc, cname)) => (
            format!(r#" ssrc="{}""#, escape(ssrc)),
            format!(
                r#"<source xmlns="{NS_SOURCES}" ssrc="{}"><parameter name="cname" value="{}"/></source>"#,
                escape(ssrc),
                escape(cname)
            ),
        ),
        None => (String::new(), String::new()),
    };
    let (hash, print) = value("fingerprint:").split_once(' ').unwrap_or_default();
    let (mid, ufrag, pwd) = (escape(&ours.mid), escape(&ours.ufrag), escape(value("ice-pwd:")));
    let (setup, hash, print) = (escape(value("setup:")), escape(hash), escape(print));
    let senders = if answer.contains("a=inactive") {
        r#" senders="none""#
    } else if answer.contains("a=recvonly") {
        r#" senders="initiator""#
    } else if answer.contains("a=sendonly") {
        r#" senders="responder""#
    } else {
        ""
    };
    let candidates: String =
        values("candidate:").filter_map(|text| candidate_element(&format!("candidate:{text}"))).collect();
    let body = format!(
        r#"<content creator="initiator" name="{mid}"{senders}><description xmlns="{NS_RTP}" media="audio"{ssrc}><rtcp-mux/>{payloads}{source}</description><transport xmlns="{NS_ICE}" ufrag="{ufrag}" pwd="{pwd}"><fingerprint xmlns="{NS_DTLS}" hash="{hash}" setup="{setup}">{print}</fingerprint>{candidates}</transport></content><group xmlns="{NS_GROUP}" semantics="BUNDLE"><content name="{mid}"/></group>"#
    );
    (action(session, "session-accept", &body), ours)
}

/// One candidate of ours (`candidate:…`); `None` when it is no candidate.
pub fn candidate(session: &str, ours: &Ours, candidate: &str) -> Option<String> {
    Some(transport(session, ours, &candidate_element(candidate)?))
}

fn candidate_element(candidate: &str) -> Option<String> {
    let words: Vec<&str> = candidate.strip_prefix("candidate:")?.split_ascii_whitespace().collect();
    let [foundation, component, protocol, priority, ip, port, "typ", kind, rest @ ..] = words.as_slice() else {
        return None;
    };
    let attribute = |name: &str, value: &str| format!(r#" {name}="{}""#, escape(value));
    let mut extra = String::new();
    for pair in rest.chunks_exact(2) {
        match pair {
            ["raddr", value] => extra.push_str(&attribute("rel-addr", value)),
            ["rport", value] => extra.push_str(&attribute("rel-port", value)),
            _ => {}
        }
    }
    Some(format!(
        "<candidate{}{}{}{}{}{}{}{extra}/>",
        attribute("foundation", foundation),
        attribute("component", component),
        attribute("protocol", protocol),
        attribute("priority", priority),
        attribute("ip", ip),
        attribute("port", port),
        attribute("type", kind)
    ))
}

pub fn end_of_candidates(session: &str, ours: &Ours) -> String {
    transport(session, ours, "<gathering-complete/>")
}

fn transport(session: &str, ours: &Ours, inside: &str) -> String {
    let (mid, ufrag) = (escape(&ours.mid), escape(&ours.ufrag));
    let body = format!(
        r#"<content creator="initiator" name="{mid}"><transport xmlns="{NS_ICE}" ufrag="{ufrag}">{inside}</transport></content>"#
    );
    action(session, "transport-info", &body)
}

/// ICE is connected.
pub fn active(session: &str) -> String {
    action(session, "session-info", &format!(r#"<active xmlns="{NS_RTP_INFO}"/>"#))
}

/// `reason` is a word of XEP-0166 §7.4.
pub fn terminate(session: &str, reason: &str) -> String {
    action(session, "session-terminate", &format!("<reason><{reason}/></reason>"))
}

fn action(session: &str, name: &str, body: &str) -> String {
    format!(r#"<jingle xmlns="{NS_JINGLE}" action="{name}" sid="{}">{body}</jingle>"#, escape(session))
}

#[cfg(test)]
mod tests {
    use super::super::xml;
    use super::*;
    use crate::media::Codec;
    use crate::sdp::Remote;

    const INITIATE: &str = r#"<jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" sid="S" initiator="e@gjoll.x/r"><content creator="initiator" name="0"><description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio" ssrc="1"><rtcp-mux/><payload-type id="111" name="opus" clockrate="48000" channels="2"><parameter name="minptime" value="10"/><parameter name="useinbandfec" value="1"/></payload-type><payload-type id="0" name="PCMU" clockrate="8000"/></description><transport xmlns="urn:xmpp:jingle:transports:ice-udp:1" ufrag="U" pwd="0123456789012345678901"><fingerprint xmlns="urn:xmpp:jingle:apps:dtls:0" hash="sha-256" setup="actpass">AA:BB</fingerprint><candidate component="1" foundation="1" ip="192.0.2.10" port="54949" priority="2122063615" protocol="udp" type="srflx" rel-addr="10.0.0.1" rel-port="9"/></transport></content></jingle>"#;

    fn initiate(text: &str) -> Option<String> {
        match parse(&xml::parse(text).unwrap()).action {
            Action::Initiate { offer } => offer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_session_initiate_becomes_an_offer_that_can_be_answered() {
        let remote = Remote::parse(&initiate(INITIATE).unwrap()).unwrap();
        assert_eq!((remote.ice.ufrag.as_str(), remote.mid.as_str()), ("U", "0"));
        assert_eq!(remote.fingerprint.value, "AA:BB");
        assert_eq!(remote.agree(&[Codec::Opus]).unwrap().codecs, [(Codec::Opus, 111)]);
        let expected = "1 1 udp 2122063615 192.0.2.10 54949 typ srflx raddr 10.0.0.1 rport 9";
        assert_eq!(remote.candidates, [expected]);
    }

    #[test]
    fn a_value_cannot_add_a_line_to_the_offer() {
        let forged = INITIATE.replace("useinbandfec\" value=\"1", "useinbandfec\" value=\"1&#13;&#10;a=ice-lite");
        assert!(!initiate(&forged).unwrap().contains("ice-lite"));
        assert_eq!(initiate(&INITIATE.replace("ufrag=\"U\"", "ufrag=\"U&#10;a=x\"")), None);
    }

    #[test]
    fn without_transport_or_fingerprint_there_is_no_offer() {
        for (from, to) in [("transports:ice-udp:1", "transports:raw"), ("apps:dtls:0", "x"), ("\"audio\"", "\"video\"")]
        {
            assert_eq!(initiate(&INITIATE.replace(from, to)), None, "{from}");
        }
    }

    #[test]
    fn our_answer_becomes_a_session_accept() {
        let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:mine\r\na=ice-pwd:secret\r\n\
            a=fingerprint:sha-256 CC:DD\r\na=setup:active\r\na=rtpmap:111 opus/48000/2\r\n\
            a=fmtp:111 minptime=10;useinbandfec=1\r\na=ssrc:77 cname:c\r\na=sendrecv\r\n";
        let (text, ours) = accept("S", answer);
        assert_eq!(ours, Ours { mid: "0".into(), ufrag: "mine".into() });
        let element = xml::parse(&text).unwrap();
        let content = element.children().next().unwrap();
        let description = content.get_child("description", NS_RTP).unwrap();
        assert_eq!((description.attr("ssrc"), content.attr("senders")), (Some("77"), None));
        let payload = description.children().find(|child| child.name() == "payload-type").unwrap();
        assert_eq!(
            (payload.attr("id"), payload.attr("channels"), payload.children().count()),
            (Some("111"), Some("2"), 2)
        );
        let print = content.get_child("transport", NS_ICE).unwrap().get_child("fingerprint", NS_DTLS).unwrap();
        assert_eq!((print.text().as_str(), print.attr("setup")), ("CC:DD", Some("active")));

        let text = candidate("S", &ours, "candidate:1 1 udp 5 192.0.2.1 7 typ relay raddr 0.0.0.0 rport 0").unwrap();
        let Action::Candidates(back) = parse(&xml::parse(&text).unwrap()).action else { panic!() };
        assert_eq!(back, ["candidate:1 1 udp 5 192.0.2.1 7 typ relay raddr 0.0.0.0 rport 0"]);
        assert_eq!(candidate("S", &ours, "nonsense"), None);
    }

    #[test]
    fn the_reason_of_an_end_is_read() {
        let xml = xml::parse(&terminate("S", "busy")).unwrap();
        let expected = Jingle { session: "S".into(), action: Action::Terminate { reason: Some("busy".into()) } };
        assert_eq!(parse(&xml), expected);
    }
}
