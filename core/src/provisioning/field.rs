//! The schema: which kind of object has which field, what it may be, and what holds without it.

use super::naming;
use super::region::RelayMode;
use crate::policy::{Layer, Setting};

/// Kinds of objects, in the order in which they can be made: each needs only what comes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Global Telephony Settings: there is one.
    Global,
    Trunk,
    Site,
    BaseSettings,
    User,
    Phone,
}

impl Kind {
    pub const ALL: [Self; 6] = [Self::Global, Self::Trunk, Self::Site, Self::BaseSettings, Self::User, Self::Phone];

    /// In files and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Trunk => "trunk",
            Self::Site => "site",
            Self::BaseSettings => "base-settings",
            Self::User => "user",
            Self::Phone => "phone",
        }
    }

    /// The list of them, in a file.
    pub const fn list_key(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Trunk => "trunks",
            Self::Site => "sites",
            Self::BaseSettings => "base_settings",
            Self::User => "users",
            Self::Phone => "phones",
        }
    }

    /// For sentences.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Global => "global settings",
            Self::BaseSettings => "base settings",
            other => other.word(),
        }
    }

    /// Where an administrator finds them, in the words of the service's administration.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Global => "Admin > Telephony > Global Telephony Settings",
            Self::Trunk => "Admin > Telephony > Trunks",
            Self::Site => "Admin > Telephony > Sites > [Site] > General",
            Self::BaseSettings => "Admin > Telephony > Phone Management > Base Settings",
            Self::User => "Admin > People",
            Self::Phone => "Admin > Telephony > Phone Management > Phones",
        }
    }

    /// Any of the names people use.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase().replace(['_', ' '], "-");
        Self::ALL.into_iter().find(|kind| {
            kind.word() == word
                || kind.list_key().replace('_', "-") == word
                || *kind == Self::BaseSettings && matches!(word.as_str(), "base" | "profile" | "base-setting")
        })
    }

    /// The layer its settings stand in; `None`: it has none.
    pub const fn layer(self) -> Option<Layer> {
        match self {
            Self::Global => Some(Layer::Global),
            Self::Site => Some(Layer::Site),
            Self::BaseSettings => Some(Layer::BaseSettings),
            Self::Phone => Some(Layer::Phone),
            Self::Trunk | Self::User => None,
        }
    }

    /// Settings of the phone that this kind of object may set.
    pub fn settings(self) -> impl Iterator<Item = Setting> {
        let layer = self.layer();
        // These follow from the media regions of a site and from its relay behaviour.
        let derived = |s: &Setting| matches!(s, Setting::RelayServers | Setting::RelayChoice);
        let own = move |s: &Setting| layer.is_some_and(|layer| s.entry().provision.contains(&layer));
        Setting::ALL.into_iter().filter(move |s| own(s) && !derived(s))
    }

    /// Fields of this kind, in the order of the form.
    pub fn fields(self) -> impl Iterator<Item = &'static Entry> {
        SCHEMA.iter().filter(move |entry| entry.on.contains(&self))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Name,
    ServiceId,
    Model,
    Site,
    BaseSettings,
    User,
    Enabled,
    MediaRegions,
    Relay,
    NumberPlans,
    Trunks,
    Verified,
    InService,
    Login,
    Permissions,
    BaseSettingsPattern,
    PhonePattern,
    BusinessHours,
    Support,
}

/// What a field may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 1 to so many characters, none of them a control character.
    Text(usize),
    Choice(&'static [&'static str]),
    Flag,
    Day,
    /// The name of an object of this kind.
    Reference(Kind),
    References(Kind),
    /// Up to 64 texts.
    List,
    Pattern,
    /// `09:00-18:00`.
    Hours,
    Regions,
    Plans,
}

/// What the schema says of one field.
#[derive(Debug)]
pub struct Entry {
    pub field: Field,
    /// In files and on the command line.
    pub key: &'static str,
    pub title: &'static str,
    pub text: &'static str,
    /// The section of the form.
    pub section: &'static str,
    pub form: Form,
    pub on: &'static [Kind],
    pub required: bool,
    /// As it would be written; empty: nothing.
    pub default: &'static str,
}

/// Make and model: the first is the service's own, word for word.
pub const MODELS: [&str; 3] =
    ["Genesys Cloud WebRTC Phone", "Generic WebRTC phone (SIP over WebSocket)", "Generic SIP phone"];

const GENERAL: &str = "General";

pub static SCHEMA: [Entry; 19] = [
    Entry {
        field: Field::Name,
        key: "name",
        title: "Name",
        text: "Unique among objects of its kind, and descriptive: Support_WebRTC_Standard.",
        section: GENERAL,
        form: Form::Text(80),
        on: &[Kind::Trunk, Kind::Site, Kind::BaseSettings, Kind::User, Kind::Phone],
        required: true,
        default: "",
    },
    Entry {
        field: Field::ServiceId,
        key: "id",
        title: "Id at the service",
        text: "What the service calls it. Empty for an object that is only here.",
        section: GENERAL,
        form: Form::Text(80),
        on: &[Kind::Trunk, Kind::Site, Kind::BaseSettings, Kind::User, Kind::Phone],
        required: false,
        default: "",
    },
    Entry {
        field: Field::Model,
        key: "model",
        title: "Phone Make and Model",
        text: "Decides which settings apply.",
        section: GENERAL,
        form: Form::Choice(&MODELS),
        on: &[Kind::BaseSettings],
        required: true,
        default: MODELS[0],
    },
    Entry {
        field: Field::Site,
        key: "site",
        title: "Site",
        text: "Where the phone belongs: it decides media regions, relays and number plans.",
        section: GENERAL,
        form: Form::Reference(Kind::Site),
        on: &[Kind::Phone],
        required: true,
        default: "",
    },
    Entry {
        field: Field::BaseSettings,
        key: "base_settings",
        title: "Base Settings",
        text: "The profile that the phone shares with others; the phone's own settings overrule it.",
        section: GENERAL,
        form: Form::Reference(Kind::BaseSettings),
        on: &[Kind::Phone],
        required: true,
        default: "",
    },
    Entry {
        field: Field::User,
        key: "user",
        title: "User",
        text: "Who uses it. A user may have several phones, a phone has one user.",
        section: GENERAL,
        form: Form::Reference(Kind::User),
        on: &[Kind::Phone],
        required: true,
        default: "",
    },
    Entry {
        field: Field::Enabled,
        key: "enabled",
        title: "Enabled",
        text: "A phone that is not cannot be selected.",
        section: GENERAL,
        form: Form::Flag,
        on: &[Kind::Phone],
        required: false,
        default: "on",
    },
    Entry {
        field: Field::MediaRegions,
        key: "media_regions",
        title: "Media Regions",
        text: "Where relays may be, the preferred one first: region, kind (home, core or satellite), servers, and the pool of addresses that a firewall has to let through.",
        section: GENERAL,
        form: Form::Regions,
        on: &[Kind::Site],
        required: false,
        default: "",
    },
    Entry {
        field: Field::Relay,
        key: "relay",
        title: "Relay/TURN Behavior",
        text: "Any media region set on this site, in their order and no other; or the lowest latency among them, measured.",
        section: GENERAL,
        form: Form::Choice(&RelayMode::WORDS),
        on: &[Kind::Site],
        required: false,
        default: RelayMode::WORDS[0],
    },
    Entry {
        field: Field::NumberPlans,
        key: "number_plans",
        title: "Number Plans",
        text: "Rules in order: a pattern, what the number becomes (E.164), and the trunk it leaves by.",
        section: "Number Plans",
        form: Form::Plans,
        on: &[Kind::Site],
        required: false,
        default: "",
    },
    Entry {
        field: Field::Trunks,
        key: "trunks",
        title: "Trunks",
        text: "Trunks that calls of this site leave by.",
        section: "Outbound Routes",
        form: Form::References(Kind::Trunk),
        on: &[Kind::Site],
        required: false,
        default: "",
    },
    Entry {
        field: Field::Verified,
        key: "verified",
        title: "Media verified on",
        text: "The day on which media of this site was last tested.",
        section: GENERAL,
        form: Form::Day,
        on: &[Kind::Site],
        required: false,
        default: "",
    },
    Entry {
        field: Field::InService,
        key: "in_service",
        title: "In-Service",
        text: "Calls leave by this trunk only while it is.",
        section: GENERAL,
        form: Form::Flag,
        on: &[Kind::Trunk],
        required: false,
        default: "on",
    },
    Entry {
        field: Field::Login,
        key: "login",
        title: "Sign-in name",
        text: "The account this person signs in with.",
        section: GENERAL,
        form: Form::Text(200),
        on: &[Kind::User],
        required: false,
        default: "",
    },
    Entry {
        field: Field::Permissions,
        key: "permissions",
        title: "Permissions",
        text: "What this person may administer in a local folder: Telephony > Plugin > All. Once anybody has one, nobody without it may change anything.",
        section: GENERAL,
        form: Form::List,
        on: &[Kind::User],
        required: false,
        default: "",
    },
    Entry {
        field: Field::BaseSettingsPattern,
        key: "base_settings_pattern",
        title: "Naming pattern of base settings",
        text: "Names that do not follow it are told, not refused.",
        section: "Naming",
        form: Form::Pattern,
        on: &[Kind::Global],
        required: false,
        default: naming::BASE_SETTINGS,
    },
    Entry {
        field: Field::PhonePattern,
        key: "phone_pattern",
        title: "Naming pattern of phones",
        text: "Names that do not follow it are told, not refused.",
        section: "Naming",
        form: Form::Pattern,
        on: &[Kind::Global],
        required: false,
        default: naming::PHONE,
    },
    Entry {
        field: Field::BusinessHours,
        key: "business_hours",
        title: "Business hours",
        text: "A change that makes agents sign in again is warned about between these times (UTC).",
        section: GENERAL,
        form: Form::Hours,
        on: &[Kind::Global],
        required: false,
        default: "",
    },
    Entry {
        field: Field::Support,
        key: "support",
        title: "Support contact",
        text: "Whom to turn to; shown with errors.",
        section: GENERAL,
        form: Form::Text(200),
        on: &[Kind::Global],
        required: false,
        default: "",
    },
];

impl Field {
    pub fn entry(self) -> &'static Entry {
        SCHEMA.iter().find(|entry| entry.field == self).unwrap_or(&SCHEMA[0])
    }
}

/// The section of the form in which a setting stands.
pub const fn section_of(setting: Setting) -> &'static str {
    match setting {
        Setting::ForceRelay | Setting::Dscp => "Media",
        Setting::TransportDscp => "Transport",
        Setting::PersistentConnection | Setting::PersistentTimeout => "Persistent Connection",
        _ => GENERAL,
    }
}

/// Why an object of this kind has no such field, where a person could well expect it.
pub fn elsewhere(kind: Kind, key: &str) -> Option<String> {
    let field = SCHEMA.iter().find(|entry| entry.key == key);
    let by_field = field.map(|entry| entry.on).and_then(|on| on.first().copied());
    let by_setting = || {
        let setting = Setting::by_any_name(key)?;
        Kind::ALL.into_iter().rev().find(|other| other.settings().any(|found| found == setting))
    };
    let owner = by_field.or_else(by_setting).filter(|owner| *owner != kind)?;
    Some(match owner {
        Kind::Site => "set it on the Site".to_owned(),
        Kind::Phone => "set it on the phone or on its base settings".to_owned(),
        other => format!("it belongs to the {}", other.noun()),
    })
}

/// Whether a setting means something for this make and model.
pub fn applies(model: &str, setting: Setting) -> bool {
    // A plain SIP phone has neither a session to keep nor ICE.
    let sip = model == MODELS[2];
    !(sip
        && matches!(
            setting,
            Setting::PersistentConnection | Setting::PersistentTimeout | Setting::ForceRelay | Setting::RelayRegion
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_stands_once_and_every_kind_has_a_name_but_the_global_settings() {
        for entry in &SCHEMA {
            assert_eq!(entry.field.entry().key, entry.key);
            assert_eq!(SCHEMA.iter().filter(|other| other.key == entry.key).count(), 1);
            assert!(entry.text.ends_with('.'), "{}", entry.key);
        }
        for kind in Kind::ALL {
            assert_eq!(kind.fields().any(|entry| entry.field == Field::Name), kind != Kind::Global);
            assert_eq!(Kind::parse(kind.word()), Some(kind));
            assert_eq!(Kind::parse(kind.list_key()), Some(kind));
        }
    }

    #[test]
    fn row_5_every_kind_has_the_place_that_the_guide_names() {
        assert_eq!(Kind::BaseSettings.path(), "Admin > Telephony > Phone Management > Base Settings");
        assert_eq!(Kind::Phone.path(), "Admin > Telephony > Phone Management > Phones");
        assert_eq!(Kind::Site.path(), "Admin > Telephony > Sites > [Site] > General");
        assert_eq!(Kind::Global.path(), "Admin > Telephony > Global Telephony Settings");
    }

    #[test]
    fn row_15_the_make_and_model_of_the_guide_is_taken_word_for_word_and_hides_what_does_not_apply() {
        assert_eq!(MODELS[0], "Genesys Cloud WebRTC Phone");
        assert!(Kind::BaseSettings.settings().all(|setting| applies(MODELS[0], setting)));
        assert!(!applies(MODELS[2], Setting::ForceRelay) && applies(MODELS[2], Setting::Dscp));
    }

    #[test]
    fn row_16_18_and_19_base_settings_have_persistence_and_both_marks_with_unit_range_and_default() {
        let of = |setting: Setting| Kind::BaseSettings.settings().find(|s| *s == setting).unwrap().entry();
        let built_in = |setting: Setting| of(setting).words(of(setting).built_in().as_ref());
        assert_eq!(built_in(Setting::PersistentConnection), "Off");
        assert_eq!(built_in(Setting::PersistentTimeout), "600 s");
        assert!(
            of(Setting::PersistentTimeout).parse("29").is_err() && of(Setting::PersistentTimeout).parse("30").is_ok()
        );
        assert_eq!(built_in(Setting::TransportDscp), "24");
        assert_eq!(built_in(Setting::Dscp), "46");
        assert!(of(Setting::Dscp).parse("64").is_err());
    }

    #[test]
    fn row_22_force_turn_stands_under_media_on_base_settings_and_on_the_phone() {
        for kind in [Kind::BaseSettings, Kind::Phone] {
            assert!(kind.settings().any(|setting| setting == Setting::ForceRelay), "{kind:?}");
        }
        assert_eq!(section_of(Setting::ForceRelay), "Media");
        assert!(!Kind::Site.settings().any(|setting| setting == Setting::ForceRelay));
    }
}
