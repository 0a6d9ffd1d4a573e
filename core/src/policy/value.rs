//! A value of a setting.

use std::fmt;

use serde::Serialize;

use super::schema::{Entry, Format, Kind};

/// Longest text.
const TEXT_LIMIT: usize = 1_024;
/// Most items of a list.
const ITEMS_LIMIT: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

impl Value {
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(on) = self { Some(*on) } else { None }
    }

    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub fn as_list(&self) -> Option<&[String]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// From JSON, before the schema is asked; `Err` says what it is instead.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, &'static str> {
        use serde_json::Value as Json;
        match json {
            Json::Bool(on) => Ok(Self::Bool(*on)),
            Json::Number(number) => number.as_i64().map(Self::Integer).ok_or("a number with a fraction, or too large"),
            Json::String(text) => Ok(Self::Text(text.clone())),
            Json::Array(items) => {
                // Numbers may stand in a list as they are: `redirect_ports = [21451]`.
                let text = |item: &Json| match item {
                    Json::String(text) => Some(text.clone()),
                    Json::Number(number) => Some(number.to_string()),
                    _ => None,
                };
                let texts: Option<Vec<String>> = items.iter().map(text).collect();
                texts.map(Self::List).ok_or("a list of something else than texts")
            }
            Json::Null => Err("nothing (null)"),
            Json::Object(_) => Err("a group of values"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => f.write_str(&items.join(", ")),
        }
    }
}

impl Format {
    /// `Err` says in words what is expected instead.
    fn check(self, text: &str) -> Result<(), String> {
        let host = |text: &str| {
            let host = text.strip_suffix('/').unwrap_or(text);
            !host.is_empty() && !host.contains(['/', '?', '#', '@', '\\']) && !host.contains(char::is_whitespace)
        };
        let after = |schemes: [&str; 2]| schemes.into_iter().find_map(|scheme| text.strip_prefix(scheme));
        let http = after(["http://", "https://"]);
        match self {
            Self::Free => Ok(()),
            Self::Origin if http.is_some_and(host) => Ok(()),
            Self::Origin => Err("it is an address such as https://HOST or http://HOST:PORT".to_owned()),
            Self::Socket if after(["ws://", "wss://"]).is_some_and(host) => Ok(()),
            Self::Socket => Err("it is an address such as wss://HOST".to_owned()),
            Self::Environment if host(http.unwrap_or(text)) => Ok(()),
            Self::Environment => Err("it is a host name such as mypurecloud.de, or https://HOST".to_owned()),
            Self::Port if text.parse::<u16>().is_ok_and(|port| port > 0) => Ok(()),
            Self::Port => Err("it is a port from 1 to 65535".to_owned()),
            Self::Https if crate::update::secure(text).is_some() => Ok(()),
            Self::Https => Err("it is an address that begins with https://".to_owned()),
            Self::Hours if crate::update::Hours::parse(text).is_some() => Ok(()),
            Self::Hours => Err("it is a time from and until, such as 0800-1700".to_owned()),
        }
    }
}

/// A text that may stand in a setting: something, not too long, and nothing that moves a cursor.
fn sound(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        Err("it is empty".to_owned())
    } else if text.chars().count() > TEXT_LIMIT {
        Err(format!("it is longer than {TEXT_LIMIT} characters"))
    } else if text.chars().any(char::is_control) {
        Err("it contains control characters".to_owned())
    } else {
        Ok(())
    }
}

impl Entry {
    /// The value as this setting takes it, or why not, in words. The registry knows no booleans, so 0 and 1 are taken
    /// for them; a choice may be given as a number where its words are numbers.
    pub fn accept(&self, value: Value) -> Result<Value, String> {
        match (self.kind, value) {
            (Kind::Boolean, value @ Value::Bool(_)) => Ok(value),
            (Kind::Boolean, Value::Integer(number @ 0..=1)) => Ok(Value::Bool(number == 1)),
            (Kind::Boolean, _) => Err("it is on or off (true or false)".to_owned()),
            (Kind::Integer { min, max }, Value::Integer(number)) if (min..=max).contains(&number) => {
                Ok(Value::Integer(number))
            }
            (Kind::Integer { min, max }, _) => {
                let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
                Err(format!("it is a whole number from {min} to {max}{unit}"))
            }
            (Kind::Choice(words), value @ (Value::Text(_) | Value::Integer(_))) => {
                let given = value.to_string();
                let found = words.iter().find(|word| word.eq_ignore_ascii_case(&given));
                found.map(|word| Value::Text((*word).to_owned())).ok_or(format!("it is one of {}", words.join(", ")))
            }
            (Kind::Choice(words), _) => Err(format!("it is one of {}", words.join(", "))),
            (Kind::Text, Value::Text(text)) => {
                sound(&text)?;
                self.format.check(&text)?;
                Ok(Value::Text(text))
            }
            (Kind::Text, _) => Err("it is a text".to_owned()),
            (Kind::List, Value::List(items)) if items.len() > ITEMS_LIMIT => {
                Err(format!("it has more than {ITEMS_LIMIT} items"))
            }
            (Kind::List, Value::List(items)) => {
                items.iter().try_for_each(|item| sound(item).and_then(|()| self.format.check(item)))?;
                Ok(Value::List(items))
            }
            (Kind::List, Value::Text(text)) => {
                // One item, as a person writes it, or several with commas.
                let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
                self.accept(Value::List(items))
            }
            (Kind::List, _) => Err("it is a list of texts".to_owned()),
        }
    }

    /// A value typed by a person.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let value = match self.kind {
            Kind::Boolean => match text.to_ascii_lowercase().as_str() {
                "on" | "true" | "yes" | "1" => Value::Bool(true),
                "off" | "false" | "no" | "0" => Value::Bool(false),
                _ => Value::Text(text.to_owned()),
            },
            Kind::Integer { .. } => {
                // Not the unit of another scale: "600 s" is read, "10 min" is not.
                let number = text.strip_suffix(self.unit).unwrap_or(text).trim();
                number.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Integer)
            }
            _ => Value::Text(text.to_owned()),
        };
        self.accept(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::Setting;
    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "it reads better in a table")]
    fn check(setting: Setting, text: &str, expected: Option<Value>) {
        assert_eq!(setting.entry().parse(text).ok(), expected, "{setting:?} {text}");
    }

    #[test]
    fn typed_values_are_read_with_their_units() {
        check(Setting::ForceRelay, "On", Some(Value::Bool(true)));
        check(Setting::ForceRelay, "maybe", None);
        check(Setting::Dscp, "46", Some(Value::Integer(46)));
        check(Setting::Dscp, "64", None);
        check(Setting::Dscp, "-1", None);
        check(Setting::PersistentTimeout, "600 s", Some(Value::Integer(600)));
        check(Setting::PersistentTimeout, "10 min", None);
        check(Setting::PersistentTimeout, "29", None);
        check(Setting::WindowTheme, "DARK", Some(Value::Text("dark".to_owned())));
        check(Setting::WindowTheme, "pink", None);
        check(Setting::Exchange, " ", None);
        check(Setting::Account, "a\u{7}b", None);
    }

    #[test]
    fn addresses_and_ports_are_checked_before_anybody_uses_them() {
        let origin = |text: &str| Some(Value::Text(text.to_owned()));
        check(Setting::Exchange, "http://127.0.0.1:8443", origin("http://127.0.0.1:8443"));
        check(Setting::Exchange, "https://h/", origin("https://h/"));
        for text in ["", "h:1", "ftp://h", "http://", "http://h/path", "http://user@h", "http://a b", "https://h?x"] {
            check(Setting::Exchange, text, None);
        }
        check(Setting::Region, "mypurecloud.de", origin("mypurecloud.de"));
        check(Setting::Region, "http://127.0.0.1:1", origin("http://127.0.0.1:1"));
        check(Setting::Region, "my cloud", None);
        check(Setting::HostsStreaming, "wss://h", origin("wss://h"));
        check(Setting::HostsStreaming, "https://h", None);
        check(Setting::RedirectPorts, "21451, 21452", Some(Value::List(vec!["21451".into(), "21452".into()])));
        check(Setting::RedirectPorts, "0", None);
        check(Setting::RedirectPorts, "65536", None);
        let numbers = Value::from_json(&serde_json::json!([21451]));
        assert_eq!(numbers, Ok(Value::List(vec!["21451".to_owned()])));
    }

    #[test]
    fn the_registry_s_numbers_are_taken_for_switches_and_choices() {
        assert_eq!(Setting::ForceRelay.entry().accept(Value::Integer(1)), Ok(Value::Bool(true)));
        assert!(Setting::ForceRelay.entry().accept(Value::Integer(2)).is_err());
        assert_eq!(Setting::WindowTextSize.entry().accept(Value::Integer(150)), Ok(Value::Text("150".to_owned())));
    }
}
