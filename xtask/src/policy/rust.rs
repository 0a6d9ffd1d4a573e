//! The Rust reader: a closed list of settings, and a table that says all about each.

use super::schema::{Change, Format, Kind, Object, Platform, Schema, Setting, User};

/// The list.
pub fn keys(schema: &Schema) -> String {
    let count = schema.settings.len();
    let settings = schema.settings.iter();
    let variants =
        settings.clone().map(|s| format!("/// {}\n{},\n", s.title, s.variant())).collect::<Vec<_>>().concat();
    let all = settings.map(|s| format!("Self::{},", s.variant())).collect::<Vec<_>>().concat();
    format!(
        "//! Every setting there is. Made from packaging/policy/schema.toml by `cargo xtask policy`; do not edit.\n\n\
        /// How many settings there are.\n\
        pub const COUNT: usize = {count};\n\n\
        /// The registry key below `HKEY_LOCAL_MACHINE` and `HKEY_CURRENT_USER`.\n\
        pub const REGISTRY: &str = {:?};\n\
        /// The preferences domain on macOS.\n\
        pub const MACOS_DOMAIN: &str = {:?};\n\n\
        /// One setting.\n\
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
        pub enum Setting {{\n{variants}}}\n\n\
        impl Setting {{\n\
        /// In the order of the schema.\n\
        pub const ALL: [Self; COUNT] = [{all}];\n}}\n",
        schema.registry, schema.macos_domain,
    )
}

/// The table.
pub fn table(schema: &Schema) -> String {
    let entries: String = schema.settings.iter().map(|s| entry(schema, s)).collect();
    format!(
        "//! All about each setting. Made from packaging/policy/schema.toml by `cargo xtask policy`; do not edit.\n\n\
        use super::keys::{{COUNT, Setting}};\n\
        use super::schema::{{Change, Default, Entry, Format, Kind, Layer, Platform, UserRight}};\n\n\
        /// In the order of [`Setting::ALL`].\n\
        pub static TABLE: [Entry; COUNT] = [{entries}];\n"
    )
}

fn entry(schema: &Schema, setting: &Setting) -> String {
    let group = schema.groups.iter().find(|group| group.id == setting.group).map_or("", |group| &group.title);
    let list = |words: &[String]| words.iter().map(|word| format!("{word:?},")).collect::<Vec<_>>().concat();
    let kind = match setting.kind {
        Kind::Boolean => "Kind::Boolean".to_owned(),
        Kind::Integer => format!(
            "Kind::Integer {{ min: {}, max: {} }}",
            number(setting.min.unwrap_or_default()),
            number(setting.max.unwrap_or_default())
        ),
        Kind::Choice => format!("Kind::Choice(&[{}])", list(&setting.choices)),
        Kind::Text => "Kind::Text".to_owned(),
        Kind::List => "Kind::List".to_owned(),
    };
    let default = match &setting.default {
        Some(toml::Value::Boolean(on)) => format!("Default::Boolean({on})"),
        Some(toml::Value::Integer(number_)) => format!("Default::Integer({})", number(*number_)),
        Some(toml::Value::String(word)) => format!("Default::Text({word:?})"),
        _ => "Default::Nothing".to_owned(),
    };
    let provision: String = setting
        .provision
        .iter()
        .map(|object| match object {
            Object::Global => "Layer::Global,",
            Object::Site => "Layer::Site,",
            Object::Base => "Layer::BaseSettings,",
            Object::Phone => "Layer::Phone,",
        })
        .collect();
    let user = match setting.user {
        User::Any => "Any",
        User::UnlessProvisioned => "UnlessProvisioned",
        User::OnlyOn => "OnlyOn",
        User::Never => "Never",
    };
    let format = match setting.format {
        None => "Free",
        Some(Format::Origin) => "Origin",
        Some(Format::Socket) => "Socket",
        Some(Format::Environment) => "Environment",
        Some(Format::Port) => "Port",
        Some(Format::Https) => "Https",
        Some(Format::Hours) => "Hours",
    };
    let change = match setting.change {
        Change::Nothing => "Nothing",
        Change::NextCall => "NextCall",
        Change::NewSession => "NewSession",
        Change::SignIn => "SignIn",
        Change::Restart => "Restart",
    };
    let platforms: String = setting
        .platforms
        .iter()
        .map(|platform| match platform {
            Platform::Windows => "Platform::Windows,",
            Platform::Macos => "Platform::Macos,",
            Platform::Linux => "Platform::Linux,",
        })
        .collect();
    let option = setting.option.as_ref().map_or_else(|| "None".to_owned(), |option| format!("Some({option:?})"));
    format!(
        "Entry {{ setting: Setting::{}, key: {:?}, policy: {:?}, group: {group:?}, title: {:?}, text: {:?}, \
        also: &[{}], kind: {kind}, format: Format::{format}, default: {default}, unit: {:?}, mandatory: {}, recommended: {}, \
        provision: &[{provision}], user: UserRight::{user}, option: {option}, change: Change::{change}, \
        platforms: &[{platforms}] }},",
        setting.variant(),
        setting.key,
        setting.policy,
        setting.title,
        setting.text,
        list(&setting.also),
        setting.unit,
        setting.mandatory(),
        setting.recommended(),
    )
}

/// With the separators that clippy asks for.
fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            out.push('_');
        }
        out.push(digit);
    }
    if value < 0 { format!("-{out}") } else { out }
}
