//! XML as far as XMPP over WebSocket needs it: a parser with limits, and escaping.

use minidom::Element;

/// Longest message taken, in bytes. An offer with all candidates is near 10 kB.
const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting taken. The tree is freed by recursion, so depth is stack.
const MAX_DEPTH: usize = 32;

/// Why a message is not XML that we take.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    #[error("the message is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("the message nests deeper than {MAX_DEPTH} elements")]
    TooDeep,
    #[error("the message is not well-formed XML")]
    Malformed(#[source] minidom::Error),
}

/// One framed element (RFC 7395 §3.3). What carries no namespace of its own is `jabber:client`.
pub fn parse(text: &str) -> Result<Element, XmlError> {
    if text.len() > MAX_BYTES {
        return Err(XmlError::TooLong);
    }
    if !depth_is_fine(text) {
        return Err(XmlError::TooDeep);
    }
    Element::from_reader_with_prefixes(text.as_bytes(), "jabber:client".to_owned()).map_err(XmlError::Malformed)
}

/// Counts open elements without building anything. What is no XML may be counted wrongly; the parser refuses it.
fn depth_is_fine(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'<' {
            continue;
        }
        let closing = bytes.peek() == Some(&b'/');
        let mut quote = None;
        let mut last = b'<';
        for byte in bytes.by_ref() {
            match quote {
                Some(open) if byte == open => quote = None,
                None if byte == b'"' || byte == b'\'' => quote = Some(byte),
                None if byte == b'>' => break,
                Some(_) | None => {}
            }
            last = byte;
        }
        if closing {
            depth = depth.saturating_sub(1);
        } else if last != b'/' {
            depth += 1;
            if depth > MAX_DEPTH {
                return false;
            }
        }
    }
    true
}

/// For text and for attribute values in double quotes. Characters that XML cannot carry are left out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c if c < ' ' || ('\u{fffe}'..='\u{ffff}').contains(&c) => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(text in "[ -~äß€\r\n\t]{0,200}") {
            let xml = format!("<a b=\"{0}\">{0}</a>", escape(&text));
            let element = parse(&xml).unwrap();
            prop_assert_eq!(element.text(), text.clone());
            prop_assert_eq!(element.attr("b").unwrap_or_default(), text);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _unused = parse(&text);
        }
    }

    #[test]
    fn long_text_arrives_whole() {
        let sdp = "a=candidate:1 1 udp 2122194687 127.0.0.1 39739 typ host\r\n".repeat(600);
        let element = parse(&format!("<iq>{}</iq>", escape(&sdp))).unwrap();
        assert_eq!(element.text(), sdp);
    }

    #[test]
    fn a_tower_of_elements_is_refused_before_it_is_built() {
        for open in ["<a>", "<a b='/'>", "<a b='/>'>"] {
            assert!(matches!(parse(&open.repeat(60_000)), Err(XmlError::TooLong | XmlError::TooDeep)));
            assert!(matches!(parse(&open.repeat(40)), Err(XmlError::TooDeep)));
        }
        assert!(parse("<a><b/><b/><b/><c></c></a>").is_ok());
    }
}
