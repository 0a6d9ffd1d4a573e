//! The schema file, read and checked: a mistake in it is told when it is made, not when an administrator meets it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    pub vendor: String,
    pub product: String,
    /// Below HKLM and HKCU.
    pub registry: String,
    /// The preferences domain on macOS is the bundle's id there, which packaging/app.toml says.
    #[serde(skip)]
    pub macos_domain: String,
    pub version: u32,
    #[serde(rename = "group")]
    pub groups: Vec<Group>,
    #[serde(rename = "setting")]
    pub settings: Vec<Setting>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub id: String,
    pub title: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    pub key: String,
    pub policy: String,
    pub group: String,
    pub title: String,
    pub text: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub default: Option<toml::Value>,
    #[serde(default)]
    pub unit: String,
    pub min: Option<i64>,
    pub max: Option<i64>,
    #[serde(default)]
    pub choices: Vec<String>,
    pub example: Option<String>,
    pub format: Option<Format>,
    #[serde(default = "both_levels")]
    pub level: Vec<Level>,
    #[serde(default)]
    pub provision: Vec<Object>,
    pub user: User,
    pub option: Option<String>,
    pub change: Change,
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default = "every_platform")]
    pub platforms: Vec<Platform>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Boolean,
    Integer,
    Choice,
    Text,
    List,
}

/// What a text has to look like, or each item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Origin,
    Socket,
    Environment,
    Port,
    Https,
    Hours,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Mandatory,
    Recommended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Object {
    Global,
    Site,
    Base,
    Phone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum User {
    Any,
    UnlessProvisioned,
    OnlyOn,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Nothing,
    NextCall,
    NewSession,
    SignIn,
    Restart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    Windows,
    Macos,
    Linux,
}

fn both_levels() -> Vec<Level> {
    vec![Level::Mandatory, Level::Recommended]
}

fn every_platform() -> Vec<Platform> {
    vec![Platform::Windows, Platform::Macos, Platform::Linux]
}

impl Schema {
    /// `application` is the description that all packages are made from.
    pub fn parse(text: &str, application: &str) -> Result<Self> {
        let mut schema: Self = toml::from_str(text).context("the policy schema is not well formed")?;
        let application: toml::Table = toml::from_str(application).context("packaging/app.toml is not well formed")?;
        let id = application.get("app").and_then(|app| app.get("id")).and_then(toml::Value::as_str);
        id.context("packaging/app.toml has no app.id")?.clone_into(&mut schema.macos_domain);
        let mut names = BTreeSet::new();
        for setting in &schema.settings {
            setting.check().with_context(|| format!("setting `{}`", setting.key))?;
            ensure!(schema.groups.iter().any(|g| g.id == setting.group), "`{}`: no such group", setting.key);
            ensure!(names.insert(setting.key.clone()), "`{}` stands there twice", setting.key);
            ensure!(names.insert(setting.policy.clone()), "policy `{}` stands there twice", setting.policy);
        }
        Ok(schema)
    }

    /// The settings of a group, in the order of the file.
    pub fn of_group<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Setting> {
        self.settings.iter().filter(|setting| setting.group == group.id)
    }
}

impl Format {
    pub fn words(self) -> &'static str {
        match self {
            Self::Origin => "http://HOST or https://HOST, with :PORT where needed",
            Self::Socket => "ws://HOST or wss://HOST, with :PORT where needed",
            Self::Environment => "a host name such as mypurecloud.de, or https://HOST",
            Self::Port => "a port from 1 to 65535",
            Self::Https => "an address that begins with https://",
            Self::Hours => "a time of the day from and until, as 0800-1700",
        }
    }

    /// For tools that check with patterns.
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Origin => "^https?://[^/?#@\\s]+/?$",
            Self::Socket => "^wss?://[^/?#@\\s]+/?$",
            Self::Environment => "^(https?://)?[^/?#@\\s]+/?$",
            Self::Port => "^[0-9]{1,5}$",
            Self::Https => "^(https://|http://(127\\.0\\.0\\.1|localhost)[:/])[^\\s]+$",
            Self::Hours => "^([01][0-9]|2[0-3])[0-5][0-9]-([01][0-9]|2[0-3])[0-5][0-9]$",
        }
    }
}

impl Setting {
    fn check(&self) -> Result<()> {
        ensure!(!self.title.is_empty() && self.text.ends_with('.'), "it needs a title, and a text that is a sentence");
        ensure!((self.kind == Kind::Choice) != self.choices.is_empty(), "choices belong to the type choice");
        let ranged = self.min.is_some() && self.max.is_some();
        ensure!((self.kind == Kind::Integer) == ranged, "an integer, and nothing else, has min and max");
        ensure!(!self.level.is_empty(), "no level");
        let fits = match (&self.default, self.kind) {
            (None, Kind::Text | Kind::List) | (Some(toml::Value::Boolean(_)), Kind::Boolean) => true,
            (Some(toml::Value::Integer(n)), Kind::Integer) => (self.min..=self.max).contains(&Some(*n)),
            (Some(toml::Value::String(word)), Kind::Choice) => self.choices.contains(word),
            _ => false,
        };
        ensure!(fits, "the default does not fit the type");
        ensure!(
            self.format.is_none() || matches!(self.kind, Kind::Text | Kind::List),
            "a format belongs to a text or a list"
        );
        if self.kind == Kind::Text && self.example.is_none() {
            bail!("a text needs an example");
        }
        Ok(())
    }

    /// The Rust name: `sound.microphone` is `SoundMicrophone`.
    pub fn variant(&self) -> String {
        let words = self.key.split(['.', '_']);
        words.map(|word| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default()).collect()
    }

    /// The default in words.
    pub fn default_words(&self) -> String {
        match &self.default {
            None if self.kind == Kind::List => "empty".to_owned(),
            None => "not set".to_owned(),
            Some(toml::Value::Boolean(on)) => if *on { "on" } else { "off" }.to_owned(),
            Some(toml::Value::String(word)) => word.clone(),
            Some(other) => other.to_string(),
        }
    }

    pub fn mandatory(&self) -> bool {
        self.level.contains(&Level::Mandatory)
    }

    pub fn recommended(&self) -> bool {
        self.level.contains(&Level::Recommended)
    }

    /// What it may be, in words.
    pub fn values_words(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        match self.kind {
            Kind::Boolean => "on or off".to_owned(),
            Kind::Integer => {
                format!("{} to {}{unit}", self.min.unwrap_or_default(), self.max.unwrap_or_default())
            }
            Kind::Choice => format!("{}{unit}", self.choices.join(", ")),
            Kind::Text => self.format.map_or("text", Format::words).to_owned(),
            Kind::List => match self.format {
                Some(format) => format!("list of items, each {}", format.words()),
                None => "list of texts".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "vendor='a'\nproduct='b'\nregistry='c'\nversion=1\n[[group]]\nid='g'\ntitle='G'\n";

    fn setting(lines: &str) -> Result<Schema> {
        let common = "[[setting]]\nkey='a.b_c'\npolicy='A'\ngroup='g'\ntitle='T'\nuser='any'\nchange='nothing'\n";
        Schema::parse(&format!("{HEAD}{common}{lines}"), "[app]\nid='org.example.phone'")
    }

    #[test]
    fn mistakes_in_the_schema_are_told() {
        assert!(setting("text='S.'\ntype='boolean'\ndefault=true").is_ok());
        for wrong in [
            "text='S'\ntype='boolean'\ndefault=true",
            "text='S.'\ntype='boolean'",
            "text='S.'\ntype='integer'\ndefault=7\nmin=1\nmax=5",
            "text='S.'\ntype='integer'\ndefault=7",
            "text='S.'\ntype='choice'\ndefault='x'\nchoices=['y']",
            "text='S.'\ntype='text'",
            "text='S.'\ntype='boolean'\ndefault=true\ncolour='red'",
        ] {
            assert!(setting(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_become_rust_names() {
        let schema = setting("text='S.'\ntype='boolean'\ndefault=true").expect("it is sound");
        assert_eq!(schema.settings.first().map(Setting::variant).as_deref(), Some("ABC"));
        assert_eq!(schema.macos_domain, "org.example.phone");
    }
}
