//! Naming patterns: `<BusinessArea>_WebRTC_<Purpose>`. They warn and never block.

/// Base settings, as the service's guide recommends.
pub const BASE_SETTINGS: &str = "<BusinessArea>_WebRTC_<Purpose>";
/// Phones.
pub const PHONE: &str = "<AgentName>_WebRTC";

/// Longest pattern, and longest name that is compared.
const LIMIT: usize = 120;

/// One piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    /// One or more letters, digits or hyphens.
    Word(&'a str),
}

fn pieces(pattern: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    if pattern.chars().count() > LIMIT || pattern.chars().any(char::is_control) {
        return Err("a naming pattern has at most 120 characters");
    }
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some((literal, after)) = rest.split_once('<') {
        let Some((word, after)) = after.split_once('>') else { return Err("a `<` has no `>`") };
        if word.is_empty() || word.contains('<') {
            return Err("a placeholder is written <Word>");
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        } else if matches!(pieces.last(), Some(Piece::Word(_))) {
            return Err("two placeholders need something between them");
        }
        pieces.push(Piece::Word(word));
        rest = after;
    }
    if rest.contains('>') {
        return Err("a `>` has no `<`");
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    if pieces.is_empty() { Err("a naming pattern is not empty") } else { Ok(pieces) }
}

/// Why this is no pattern.
pub fn check(pattern: &str) -> Result<(), &'static str> {
    pieces(pattern).map(drop)
}

/// Whether a name follows the pattern. Nothing follows what is no pattern.
pub fn fits(pattern: &str, name: &str) -> bool {
    name.chars().count() <= LIMIT && pieces(pattern).is_ok_and(|pieces| matches(&pieces, name))
}

fn matches(pieces: &[Piece<'_>], name: &str) -> bool {
    match pieces {
        [] => name.is_empty(),
        [Piece::Literal(literal), rest @ ..] => name.strip_prefix(literal).is_some_and(|after| matches(rest, after)),
        [Piece::Word(_), rest @ ..] => {
            let ends = name.char_indices().take_while(|(_, c)| c.is_alphanumeric() || *c == '-');
            // Longest first; two words never meet, so this tries each place once a piece.
            let ends: Vec<usize> = ends.map(|(at, c)| at + c.len_utf8()).collect();
            ends.iter().rev().any(|end| name.get(*end..).is_some_and(|after| matches(rest, after)))
        }
    }
}

/// The name that the pattern gives: each placeholder becomes `word`, without what may not stand in one.
pub fn generate(pattern: &str, word: &str) -> Option<String> {
    let word: String = word.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
    if word.is_empty() {
        return None;
    }
    let pieces = pieces(pattern).ok()?;
    Some(pieces.iter().map(|piece| if let Piece::Literal(text) = piece { text } else { word.as_str() }).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn row_26_the_examples_of_the_guide_pass_and_foo_does_not() {
        assert!(fits(BASE_SETTINGS, "Support_WebRTC_Standard"));
        assert!(fits(BASE_SETTINGS, "Sales_WebRTC_Remote"));
        assert!(fits(PHONE, "AgentName_WebRTC"));
        for (pattern, name) in [
            (BASE_SETTINGS, "foo"),
            (PHONE, "foo"),
            (PHONE, "_WebRTC"),
            (PHONE, "Ana_WebRTC_2"),
            (BASE_SETTINGS, "Support_webrtc_Standard"),
        ] {
            assert!(!fits(pattern, name), "{name} follows {pattern}");
        }
    }

    #[test]
    fn row_26_names_are_made_from_a_list_of_users() {
        assert_eq!(generate(PHONE, "Ana Kovacs").as_deref(), Some("AnaKovacs_WebRTC"));
        assert_eq!(generate(PHONE, "Zoë O'Neil").as_deref(), Some("ZoëONeil_WebRTC"));
        assert_eq!(generate(PHONE, "…"), None);
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for pattern in ["", "<A", "A>", "<>", "<A><B>", "<<A>"] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
        check("Phone of <User>").unwrap();
    }

    proptest! {
        #[test]
        fn what_a_pattern_makes_follows_it(literal in "[A-Z_ ]{1,10}", word in "[a-z0-9-]{1,20}") {
            let pattern = format!("<Who>{literal}<What>");
            let name = generate(&pattern, &word).unwrap();
            prop_assert!(fits(&pattern, &name));
        }

        #[test]
        fn nothing_makes_it_panic(pattern: String, name: String) {
            fits(&pattern, &name);
        }
    }
}
