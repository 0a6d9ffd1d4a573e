//! Links of other programs (`tel:`, `sip:`, `sips:`, `callto:`) as text for the dial field. They come from web pages, so
//! nothing is dialled by a link alone: the user presses Call.

/// Longer is no number and no address anybody means.
const LONGEST: usize = 256;

/// What the dial field shows for a link: the number of `tel:` (RFC 3966) and `callto:`, the whole address of `sip:` and
/// `sips:` (RFC 3261 §19.1) without parameters and headers.
pub fn dial_text(link: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("this link cannot be called: {why}"));
    let Some((scheme, rest)) = link.trim().split_once(':') else {
        return Err(format!(
            "`{link}` is no command of Offhook (--help lists them) and no link such as tel:+13175550100"
        ));
    };
    if link.len() > LONGEST {
        return wrong("it is too long");
    }
    let rest = rest.trim_start_matches('/');
    let end = rest.find([';', '?', '&']).unwrap_or(rest.len());
    let Some(plain) = percent_decoded(&rest[..end]) else { return wrong("its text is broken") };
    if plain.is_empty() || plain.chars().any(char::is_control) {
        return wrong("there is nobody in it");
    }
    match scheme.to_ascii_lowercase().as_str() {
        // RFC 3966 §3: visual separators say nothing.
        "tel" | "callto" => {
            let number: String = plain.chars().filter(|c| !['-', '.', '(', ')', ' '].contains(c)).collect();
            if number.is_empty() { wrong("there is no number in it") } else { Ok(number) }
        }
        secure @ ("sip" | "sips") => Ok(format!("{secure}:{plain}")),
        _ => wrong("Offhook opens tel:, sip:, sips: and callto:"),
    }
}

/// RFC 3986 §2.1; `None` when it is not UTF-8 or a `%` has no two digits.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(link: &str, expected: &str) {
        assert_eq!(dial_text(link).as_deref(), Ok(expected), "{link}");
    }

    #[test]
    fn numbers_lose_what_only_the_eye_needs() {
        check("tel:+1-317-555-0100", "+13175550100");
        check("TEL:(317)%20555.0100;phone-context=+1", "3175550100");
        check("callto://+491711234567", "+491711234567");
    }

    #[test]
    fn addresses_stay_addresses() {
        check("sip:ben@example.org;transport=tcp?subject=x", "sip:ben@example.org");
        check("sips:ben%2Bx@example.org", "sips:ben+x@example.org");
    }

    #[test]
    fn what_nobody_can_call_is_refused_with_the_reason() {
        assert!(dial_text("cal").is_err_and(|why| why.contains("no command")), "a mistyped command is told as one");
        for link in ["tel:", "tel:---", "http://example.org", "tel:%zz", "tel:%ff", "sip:a%0Ab"] {
            assert!(dial_text(link).is_err_and(|why| why.starts_with("this link cannot be called: ")), "{link}");
        }
        assert!(dial_text(&format!("tel:{}", "1".repeat(300))).is_err());
    }
}
