//! What the schema says of a setting, and the layers that may set it.

use super::keys::Setting;
use super::table::TABLE;
use super::value::Value;

/// Longest name of a key that is repeated to anybody.
pub(super) const SCHEMA_NAMES_LIMIT: usize = 64;

/// Who sets a value; the order is the strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    BuiltIn,
    /// What the installer was told; the administrator's, but no policy.
    Deployment,
    RecommendedUser,
    RecommendedMachine,
    Global,
    Site,
    BaseSettings,
    Phone,
    /// What the service tells of the phone in use: the sum of its own layers.
    Service,
    /// In the settings file.
    File,
    /// In the window: what was chosen last counts.
    Chosen,
    CommandLine,
    MandatoryUser,
    MandatoryMachine,
}

impl Layer {
    pub const ALL: [Self; 14] = [
        Self::BuiltIn,
        Self::Deployment,
        Self::RecommendedUser,
        Self::RecommendedMachine,
        Self::Global,
        Self::Site,
        Self::BaseSettings,
        Self::Phone,
        Self::Service,
        Self::File,
        Self::Chosen,
        Self::CommandLine,
        Self::MandatoryUser,
        Self::MandatoryMachine,
    ];

    /// The word in JSON and in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Deployment => "deployment",
            Self::RecommendedUser => "recommended-user",
            Self::RecommendedMachine => "recommended-machine",
            Self::Global => "global",
            Self::Site => "site",
            Self::BaseSettings => "base-settings",
            Self::Phone => "phone",
            Self::Service => "service",
            Self::Chosen => "chosen",
            Self::File => "file",
            Self::CommandLine => "command-line",
            Self::MandatoryUser => "mandatory-user",
            Self::MandatoryMachine => "mandatory-machine",
        }
    }

    pub const fn is_mandatory(self) -> bool {
        matches!(self, Self::MandatoryUser | Self::MandatoryMachine)
    }

    pub const fn is_recommended(self) -> bool {
        matches!(self, Self::RecommendedUser | Self::RecommendedMachine)
    }

    /// Objects an administrator of phones edits.
    pub const fn is_provisioned(self) -> bool {
        matches!(self, Self::Global | Self::Site | Self::BaseSettings | Self::Phone | Self::Service)
    }

    /// The person at the phone.
    pub const fn is_user(self) -> bool {
        matches!(self, Self::Chosen | Self::File | Self::CommandLine)
    }
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    /// Both ends belong to it.
    Integer {
        min: i64,
        max: i64,
    },
    Choice(&'static [&'static str]),
    /// 1 to 1024 characters, none of them a control character.
    Text,
    /// Up to 64 such texts.
    List,
}

/// What a text has to look like, or each item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Free,
    /// `http://HOST` or `https://HOST`, with a port where needed.
    Origin,
    /// The same with `ws` and `wss`.
    Socket,
    /// A host name, or an origin.
    Environment,
    /// 1 to 65535.
    Port,
    /// A whole address that begins with `https://`, or with `http://` and this computer.
    Https,
    /// Hours of the day: `0800-1700`.
    Hours,
}

/// What holds when nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    Nothing,
    Boolean(bool),
    Integer(i64),
    Text(&'static str),
}

/// What the user may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRight {
    Any,
    /// Only what no provisioning object sets.
    UnlessProvisioned,
    /// A switch that the user may turn on, but not off where an object asks for it.
    OnlyOn,
    Never,
}

/// What a change of the value costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    Nothing,
    NextCall,
    NewSession,
    SignIn,
    Restart,
}

impl Change {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "at once",
            Self::NextCall => "with the next call",
            Self::NewSession => "with the next media session",
            Self::SignIn => "at the next sign-in",
            Self::Restart => "at the next start",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Windows,
    Macos,
    Linux,
}

impl Platform {
    pub const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::Macos
    } else {
        Self::Linux
    };
}

/// All about one setting.
#[derive(Debug)]
pub struct Entry {
    pub setting: Setting,
    /// Name in files: `sound.microphone`.
    pub key: &'static str,
    /// Name in policies: `InputDevice`.
    pub policy: &'static str,
    pub group: &'static str,
    pub title: &'static str,
    pub text: &'static str,
    /// Other names people search for.
    pub also: &'static [&'static str],
    pub kind: Kind,
    pub format: Format,
    pub default: Default,
    /// Empty: none.
    pub unit: &'static str,
    pub mandatory: bool,
    pub recommended: bool,
    /// Provisioning objects that may set it.
    pub provision: &'static [Layer],
    pub user: UserRight,
    /// The command-line option.
    pub option: Option<&'static str>,
    pub change: Change,
    pub platforms: &'static [Platform],
}

impl Setting {
    pub fn entry(self) -> &'static Entry {
        // The table is made in the order of the list; a test holds it to that.
        TABLE.get(self as usize).unwrap_or(&TABLE[0])
    }

    /// By its name in files.
    pub fn by_key(key: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.key == key).map(|entry| entry.setting)
    }

    /// By its name in policies. Windows treats those names alike whatever their case.
    pub fn by_policy(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.policy.eq_ignore_ascii_case(name)).map(|entry| entry.setting)
    }

    /// By any name a person may use: key, policy name, title.
    pub fn by_any_name(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::by_key(name)
            .or_else(|| Self::by_policy(name))
            .or_else(|| TABLE.iter().find(|entry| entry.title.eq_ignore_ascii_case(name)).map(|entry| entry.setting))
    }

    /// Whether a search for these words finds it: in its names, its other names or its text.
    pub fn matches(self, words: &str) -> bool {
        let entry = self.entry();
        let all = std::iter::once(&entry.title).chain([&entry.key, &entry.policy, &entry.group, &entry.text]);
        let text: String = all.chain(entry.also).flat_map(|part| [part, "\n"]).collect::<String>().to_lowercase();
        words.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    /// The key most like a word that is none, for "did you mean".
    pub fn similar(word: &str) -> Option<&'static Entry> {
        let word = word.to_lowercase();
        let names = TABLE.iter().flat_map(|entry| [(entry, entry.key), (entry, entry.policy)]);
        let best = names.map(|(entry, name)| (distance(&word, &name.to_lowercase()), entry)).min_by_key(|best| best.0);
        best.filter(|(distance, _)| *distance <= 2.max(word.len() / 4)).map(|(_, entry)| entry)
    }
}

/// Edits between two short words (Levenshtein); long ones are cut, they are no keys.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().take(40).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = i;
        let mut next = vec![i + 1];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let last = next.last().copied().unwrap_or_default();
            next.push((before + usize::from(x != y)).min(above + 1).min(last + 1));
            before = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

impl Entry {
    /// What holds when nobody says anything; a text that is not set has none.
    pub fn built_in(&self) -> Option<Value> {
        match self.default {
            Default::Nothing if self.kind == Kind::List => Some(Value::List(Vec::new())),
            Default::Nothing => None,
            Default::Boolean(on) => Some(Value::Bool(on)),
            Default::Integer(number) => Some(Value::Integer(number)),
            Default::Text(word) => Some(Value::Text(word.to_owned())),
        }
    }

    /// A value for people, with its unit: "On", "600 s", "–" for none.
    pub fn words(&self, value: Option<&Value>) -> String {
        match value {
            None => "–".to_owned(),
            Some(Value::List(items)) if items.is_empty() => "–".to_owned(),
            Some(Value::Bool(on)) => if *on { "On" } else { "Off" }.to_owned(),
            Some(value) if self.unit.is_empty() => value.to_string(),
            Some(value) => format!("{value} {}", self.unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_list() {
        for (index, setting) in Setting::ALL.into_iter().enumerate() {
            assert_eq!(setting as usize, index);
            assert_eq!(setting.entry().setting, setting);
        }
    }

    #[test]
    fn layers_are_listed_from_weak_to_strong() {
        assert!(Layer::ALL.is_sorted());
    }

    #[test]
    fn the_default_of_every_setting_fits_it() {
        for setting in Setting::ALL {
            if let Some(value) = setting.entry().built_in() {
                assert_eq!(setting.entry().accept(value.clone()), Ok(value));
            }
        }
    }

    /// Rows 52 and 15 of the seeds: the vendor's old and new name of the same switch.
    #[test]
    fn row_52_force_turn_is_found_under_both_of_its_names() {
        assert!(Setting::ForceRelay.matches("Force TURN"));
        assert!(Setting::ForceRelay.matches("relay/turn behavior"));
        assert!(!Setting::ForceRelay.matches("ringtone"));
    }

    #[test]
    fn a_mistyped_key_is_guessed_and_nonsense_is_not() {
        assert_eq!(Setting::similar("force_rely").map(|entry| entry.key), Some("force_relay"));
        assert_eq!(Setting::similar("forceturns").map(|entry| entry.key), Some("force_relay"));
        assert!(Setting::similar("elephants").is_none());
    }

    #[test]
    fn names_of_all_kinds_lead_to_the_setting() {
        for name in ["force_relay", "ForceTurn", "forceturn", "Force TURN"] {
            assert_eq!(Setting::by_any_name(name), Some(Setting::ForceRelay), "{name}");
        }
        assert_eq!(Setting::by_any_name("nothing"), None);
    }
}
