//! XML in and out: one element per WebSocket message (RFC 7395 §3.3.3).

use minidom::Element;

pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
pub const CLIENT: &str = "jabber:client";
pub const PING: &str = "urn:xmpp:ping";
pub const EXTDISCO: &str = "urn:xmpp:extdisco:1";
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
pub const JINGLE_MESSAGE: &str = "urn:xmpp:jingle-message:0";
pub const GENESYS: &str = "genesys";

/// Longest message taken, in bytes.
pub const LONGEST: usize = 256 * 1024;
/// Deepest nesting taken. An element tree is dropped recursively, so depth costs stack.
const DEEPEST: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    #[error("the message has more than {LONGEST} bytes")]
    TooLong,
    #[error("the message is nested more than {DEEPEST} deep")]
    TooDeep,
    #[error("the message is not well-formed XML")]
    Malformed,
}

/// Reads one element. A stanza without a namespace counts as `jabber:client`, which [`has_namespace`] tells apart.
pub fn parse(text: &str) -> Result<Element, XmlError> {
    if text.len() > LONGEST {
        return Err(XmlError::TooLong);
    }
    if depth(text) > DEEPEST {
        return Err(XmlError::TooDeep);
    }
    let prefixes = Some(CLIENT.to_owned());
    let element = Element::from_reader_with_prefixes(text.as_bytes(), prefixes).map_err(|_| XmlError::Malformed)?;
    // What follows the element would be lost silently.
    let end = text.trim_end();
    if end.ends_with('>') { Ok(element) } else { Err(XmlError::Malformed) }
}

/// Whether the outermost tag declares its default namespace, as RFC 7395 §3.3.3 wants.
pub fn has_namespace(text: &str) -> bool {
    text.find('>').and_then(|end| text.get(..end)).is_some_and(|tag| tag.contains("xmlns=") || tag.contains("xmlns:"))
}

/// Greatest number of tags open at once. Quoted `>` and `/` do not count.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0_usize);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'<' {
            continue;
        }
        let closing = match bytes.peek() {
            Some(b'/') => true,
            Some(b'?' | b'!') => continue,
            _ => false,
        };
        let (mut quote, mut last) = (None, b'<');
        for inner in bytes.by_ref() {
            match (quote, inner) {
                (None, b'>') => break,
                (None, b'"' | b'\'') => quote = Some(inner),
                (Some(open_quote), _) if open_quote == inner => quote = None,
                _ => {}
            }
            last = inner;
        }
        if closing {
            open = open.saturating_sub(1);
        } else if last != b'/' {
            open += 1;
            deepest = deepest.max(open);
        }
    }
    deepest
}

/// Makes text fit for element content and for a quoted attribute. What XML 1.0 cannot carry is left out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => out.push(c),
        }
    }
    out
}

/// `name="value"` with a leading blank, or nothing when there is no value.
pub fn attribute(name: &str, value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!(" {name}=\"{}\"", escape(value)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn deep_nesting_is_refused_before_it_is_built() {
        let deep = "<a xmlns=\"x\">".repeat(20_000);
        assert!(matches!(parse(&deep), Err(XmlError::TooDeep)));
        let quoted = "<a xmlns=\"x\" b=\"/>\">".repeat(40);
        assert!(matches!(parse(&quoted), Err(XmlError::TooDeep)));
        let flat = format!("<a xmlns=\"x\">{}</a>", "<b c=\">\"/>".repeat(2000));
        assert!(parse(&flat).is_ok());
    }

    #[test]
    fn a_stanza_without_namespace_is_read_as_client_stanza() {
        let iq = parse("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>").unwrap();
        assert!(iq.is("iq", CLIENT));
        assert!(!has_namespace("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>"));
    }

    proptest! {
        #[test]
        fn any_text_survives_escaping(text in "[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\u{fffe}\\u{ffff}]*") {
            let xml = format!("<a xmlns=\"x\" b=\"{0}\">{0}</a>", escape(&text));
            let element = parse(&xml).unwrap();
            prop_assert_eq!(element.text(), text.clone());
            prop_assert_eq!(element.attr("b"), Some(text.as_str()));
        }

        #[test]
        fn garbage_never_panics(text in ".{0,400}") {
            let _ignored = parse(&text).is_ok();
        }
    }
}
