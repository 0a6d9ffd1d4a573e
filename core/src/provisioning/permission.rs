//! What an administrator must be allowed to do, in the words of the service: `Telephony > Plugin > All`.

use std::fmt;
use std::str::FromStr;

/// Domain, entity and action, such as `Telephony > Plugin > All` (on the wire `telephony:plugin:all`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    parts: [String; 3],
}

/// What an action needs: all of the sets, and of each set any one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    all_of: Vec<Vec<Permission>>,
}

/// Phones, base settings, sites and trunks.
pub const ADMINISTRATION: &str = "Telephony > Plugin > All";

impl Permission {
    /// Whether who has this may also do that: `*` and, of entity and action, `all` stand for everything there.
    pub fn covers(&self, wanted: &Self) -> bool {
        let [domain, entity, action] = &self.parts;
        let [domain_wanted, entity_wanted, action_wanted] = &wanted.parts;
        let any = |word: &str| word == "*";
        (domain == domain_wanted || any(domain))
            && (entity == entity_wanted || any(entity))
            && (action == action_wanted || any(action) || action == "all")
    }

    /// The form of the wire.
    pub fn wire(&self) -> String {
        self.parts.join(":")
    }
}

impl FromStr for Permission {
    type Err = &'static str;

    /// Both forms are taken: with `>` and with `:`. `Billing > All Permissions` is everything of its domain.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let separator = if text.contains('>') { '>' } else { ':' };
        let words: Vec<String> = text.split(separator).map(|word| word.trim().to_lowercase()).collect();
        let valid = |word: &String| !word.is_empty() && word.len() <= 64 && !word.chars().any(char::is_control);
        if !words.iter().all(valid) {
            return Err("a permission is written Domain > Entity > Action");
        }
        match words.as_slice() {
            [domain, all] if all == "all permissions" || all == "*" => {
                Ok(Self { parts: [domain.clone(), "*".to_owned(), "*".to_owned()] })
            }
            [domain, entity, action] => Ok(Self { parts: [domain.clone(), entity.clone(), action.clone()] }),
            _ => Err("a permission is written Domain > Entity > Action"),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [domain, entity, _] = &self.parts
            && entity == "*"
        {
            return write!(f, "{} > All Permissions", capital(domain));
        }
        f.write_str(&self.parts.iter().map(|word| capital(word)).collect::<Vec<_>>().join(" > "))
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

impl Required {
    /// `A and any of (B, C)`: each inner list is one set. What is no permission is left out by nobody's mistake but
    /// ours, so it refuses everything.
    pub fn new(sets: &[&[&str]]) -> Self {
        let set = |words: &&[&str]| words.iter().filter_map(|word| word.parse().ok()).collect();
        Self { all_of: sets.iter().map(set).collect() }
    }

    /// To edit phones, base settings and sites.
    pub fn administration() -> Self {
        Self::new(&[&[ADMINISTRATION]])
    }

    /// The first set of which none is there, in words; `None`: it may be done.
    pub fn missing(&self, granted: &[Permission]) -> Option<String> {
        let has = |wanted: &Permission| granted.iter().any(|granted| granted.covers(wanted));
        let set = self.all_of.iter().find(|set| !set.iter().any(has))?;
        Some(set.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(words: &[&str]) -> Vec<Permission> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn row_9_without_telephony_plugin_all_the_missing_permission_is_named() {
        let required = Required::administration();
        assert_eq!(required.missing(&granted(&["telephony:plugin:all"])), None);
        assert_eq!(required.missing(&granted(&["Telephony > Plugin > All"])), None);
        assert_eq!(required.missing(&granted(&["telephony:*:*"])), None);
        let other = granted(&["telephony:phone:assign", "routing:plugin:all"]);
        assert_eq!(required.missing(&other).as_deref(), Some("Telephony > Plugin > All"));
        assert_eq!(required.missing(&[]).as_deref(), Some("Telephony > Plugin > All"));
    }

    #[test]
    fn row_10_telephony_and_any_of_the_billing_permissions() {
        let required = Required::new(&[
            &[ADMINISTRATION],
            &["Billing > All Permissions", "Billing > Subscription > Add", "Billing > Subscription > View"],
        ]);
        for billing in ["billing:*:*", "billing:subscription:add", "billing:subscription:view"] {
            assert_eq!(required.missing(&granted(&["telephony:plugin:all", billing])), None, "{billing}");
        }
        assert!(required.missing(&granted(&["billing:subscription:add"])).unwrap().starts_with("Telephony"));
        assert_eq!(
            required.missing(&granted(&["telephony:plugin:all", "billing:invoice:view"])).unwrap(),
            "Billing > All Permissions or Billing > Subscription > Add or Billing > Subscription > View"
        );
    }

    #[test]
    fn both_forms_are_one_permission_and_nonsense_is_none() {
        let one: Permission = "Telephony > Plugin > All".parse().unwrap();
        assert_eq!(one.wire(), "telephony:plugin:all");
        assert_eq!(one, "telephony:plugin:all".parse().unwrap());
        for nonsense in ["", "telephony", "a:b", "a:b:c:d", "a > > c"] {
            assert!(nonsense.parse::<Permission>().is_err(), "{nonsense}");
        }
    }
}
