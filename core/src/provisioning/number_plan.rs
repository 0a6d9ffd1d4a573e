//! Number plans of a site: which numbers are dialled how, and by which trunk they leave.

use regex::bytes::{Regex, RegexBuilder};

/// Rules of a site.
pub const MOST: usize = 200;
/// Longest pattern, in characters.
const PATTERN_LIMIT: usize = 500;
/// Memory that a compiled pattern may take, in bytes.
const SIZE_LIMIT: usize = 64 * 1024;
/// Longest number or address that is tested.
const NUMBER_LIMIT: usize = 128;

/// One rule. The first one that matches decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberPlan {
    pub name: String,
    /// A regular expression over the whole number, without spaces and punctuation: `^0([1-9]\d{6,})$`.
    pub pattern: String,
    /// What becomes of it, with `$1` for the first group: `+34$1`.
    pub normalized: String,
    /// Name of the trunk; empty: inside, no trunk needed.
    pub trunk: String,
}

/// What a rule made of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled<'a> {
    pub rule: &'a NumberPlan,
    /// Position of the rule, from 1.
    pub position: usize,
    pub number: String,
}

impl NumberPlan {
    fn compiled(&self) -> Result<Regex, String> {
        if self.pattern.is_empty() || self.pattern.chars().count() > PATTERN_LIMIT {
            return Err(format!("a pattern has 1 to {PATTERN_LIMIT} characters"));
        }
        // Anchored even where the author left it out: half a number is no number.
        let whole = format!("^(?:{})$", self.pattern);
        // `\d` is 0–9, as in the service's own patterns: with all digits of Unicode a rule of 15 would be too large.
        let built = RegexBuilder::new(&whole).unicode(false).size_limit(SIZE_LIMIT).build();
        built.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            other => other.to_string().lines().last().unwrap_or("it is no pattern").to_owned(),
        })
    }

    /// Why it cannot be used.
    pub fn check(&self) -> Result<(), String> {
        let pattern = self.compiled()?;
        let groups = pattern.captures_len().saturating_sub(1);
        let asked = self.normalized.match_indices('$').filter_map(|(at, _)| {
            let digits: String = self
                .normalized
                .get(at + 1..)?
                .trim_start_matches('{')
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            digits.parse::<usize>().ok()
        });
        match asked.max() {
            Some(most) if most > groups => Err(format!("it asks for group {most}, and the pattern has {groups}")),
            _ => Ok(()),
        }
    }
}

/// A number as it is compared: without spaces, brackets, dots, dashes and slashes.
pub fn plain(number: &str) -> String {
    let number = number.trim();
    let number = number.strip_prefix("tel:").unwrap_or(number);
    number.chars().filter(|c| !" ()-./\u{a0}".contains(*c)).take(NUMBER_LIMIT).collect()
}

/// The rule that decides about a number, and what it makes of it. Rules that cannot be used are passed over.
pub fn dial<'a>(plans: &'a [NumberPlan], number: &str) -> Option<Dialled<'a>> {
    let number = plain(number);
    plans.iter().enumerate().find_map(|(index, rule)| {
        let pattern = rule.compiled().ok()?;
        let found = pattern.captures(number.as_bytes())?;
        let mut made = Vec::new();
        found.expand(braced(&rule.normalized).as_bytes(), &mut made);
        Some(Dialled { rule, position: index + 1, number: String::from_utf8_lossy(&made).into_owned() })
    })
}

/// `$1` as `${1}`, so that what follows it is not taken for a part of its name.
fn braced(normalized: &str) -> String {
    let mut text = String::new();
    let mut chars = normalized.chars().peekable();
    while let Some(c) = chars.next() {
        text.push(c);
        if c == '$' && chars.peek().is_some_and(char::is_ascii_digit) {
            text.push('{');
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                text.push(digit);
            }
            text.push('}');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(name: &str, pattern: &str, normalized: &str, trunk: &str) -> NumberPlan {
        let [name, pattern, normalized, trunk] = [name, pattern, normalized, trunk].map(str::to_owned);
        NumberPlan { name, pattern, normalized, trunk }
    }

    fn spain() -> Vec<NumberPlan> {
        vec![
            rule("Emergency", "112|091", "$0", "PSTN"),
            rule("Extension", r"[1-9]\d{3}", "$0", ""),
            rule("National", r"([6-9]\d{8})", "+34$1", "PSTN"),
            rule("International", r"00([1-9]\d{6,14})", "+$1", "PSTN"),
            rule("E.164", r"\+[1-9]\d{6,14}", "$0", "PSTN"),
        ]
    }

    #[test]
    fn row_65_ten_numbers_find_their_rule() {
        let plans = spain();
        for (number, rule, becomes) in [
            ("112", Some("Emergency"), "112"),
            ("091", Some("Emergency"), "091"),
            ("1234", Some("Extension"), "1234"),
            ("915 55 01 42", Some("National"), "+34915550142"),
            ("(612) 34-56-78", Some("National"), "+34612345678"),
            ("00 44 1632 960123", Some("International"), "+441632960123"),
            ("+1 213 777 1234", Some("E.164"), "+12137771234"),
            ("tel:+441632960123", Some("E.164"), "+441632960123"),
            ("0", None, ""),
            ("+0123456789", None, ""),
        ] {
            let found = dial(&plans, number);
            assert_eq!(found.as_ref().map(|found| found.rule.name.as_str()), rule, "{number}");
            assert_eq!(found.map(|found| found.number).unwrap_or_default(), becomes, "{number}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let plans = [rule("all", ".*", "$0", "A"), rule("never", "1", "$0", "B")];
        let found = dial(&plans, "1").unwrap();
        assert_eq!((found.position, found.rule.trunk.as_str()), (1, "A"));
    }

    #[test]
    fn a_pattern_that_cannot_be_used_says_why_and_is_passed_over() {
        for (pattern, normalized, why) in [
            ("(", "$0", "unclosed"),
            ("", "$0", "1 to 500"),
            (r"(\d+)", "+34$2", "group 2"),
            (r"(\w{1,500}){1,500}", "$0", "too large"),
        ] {
            let broken = rule("broken", pattern, normalized, "");
            let said = broken.check().unwrap_err();
            assert!(said.contains(why), "{pattern}: {said}");
        }
        assert!(dial(&[rule("broken", "(", "", "")], "1").is_none());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(pattern: String, normalized: String, number: String) {
            let rule = rule("r", &pattern, &normalized, "");
            drop(rule.check());
            drop(dial(&[rule], &number));
        }
    }
}
