//! macOS: a sample configuration profile, and the manifest from which MDM tools draw their forms.

use std::fmt::Write as _;

use super::schema::{Kind, Platform, Schema, Setting};
use super::xml;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<!-- Made from schema.toml by `cargo xtask policy`; do not edit. -->\n\
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
<plist version=\"1.0\">\n";

fn on_macos(schema: &Schema) -> impl Iterator<Item = &Setting> {
    schema.settings.iter().filter(|setting| setting.platforms.contains(&Platform::Macos))
}

/// A value as a plist says it; an example where there is no default.
fn value(setting: &Setting) -> String {
    let example = || setting.example.clone().unwrap_or_default();
    match (&setting.default, setting.kind) {
        (Some(toml::Value::Boolean(on)), _) => format!("<{on}/>"),
        (Some(toml::Value::Integer(number)), _) => format!("<integer>{number}</integer>"),
        (Some(toml::Value::String(word)), _) => format!("<string>{}</string>", xml(word)),
        (_, Kind::List) => format!("<array><string>{}</string></array>", xml(&example())),
        _ => format!("<string>{}</string>", xml(&example())),
    }
}

/// Every key with its default or an example: to be cut down to what is wanted.
pub fn mobileconfig(schema: &Schema) -> String {
    let domain = &schema.macos_domain;
    let mut out = format!(
        "{HEAD}<dict>\n\
        \x20 <key>PayloadDisplayName</key><string>{product} policy</string>\n\
        \x20 <key>PayloadIdentifier</key><string>{domain}.policy</string>\n\
        \x20 <key>PayloadOrganization</key><string>Your organisation</string>\n\
        \x20 <key>PayloadType</key><string>Configuration</string>\n\
        \x20 <key>PayloadUUID</key><string>{}</string>\n\
        \x20 <key>PayloadVersion</key><integer>1</integer>\n\
        \x20 <key>PayloadScope</key><string>System</string>\n\
        \x20 <key>PayloadContent</key>\n  <array>\n    <dict>\n\
        \x20     <key>PayloadDisplayName</key><string>{product}</string>\n\
        \x20     <key>PayloadIdentifier</key><string>{domain}.policy.settings</string>\n\
        \x20     <key>PayloadType</key><string>{domain}</string>\n\
        \x20     <key>PayloadUUID</key><string>{}</string>\n\
        \x20     <key>PayloadVersion</key><integer>1</integer>\n",
        "6E0F3A52-4B1D-4C39-9A77-0FF400C00001",
        "6E0F3A52-4B1D-4C39-9A77-0FF400C00002",
        product = xml(&schema.product),
    );
    for setting in on_macos(schema).filter(|setting| setting.mandatory()) {
        _ = writeln!(
            out,
            "      <!-- {} {}. -->",
            xml(&setting.text).replace("--", "- -"),
            xml(&setting.values_words())
        );
        _ = writeln!(out, "      <key>{}</key>{}", setting.policy, value(setting));
    }
    out.push_str("    </dict>\n  </array>\n</dict>\n</plist>\n");
    out
}

/// In the format of the project `ProfileManifests`.
pub fn manifest(schema: &Schema) -> String {
    let domain = &schema.macos_domain;
    let mut out = format!(
        "{HEAD}<dict>\n\
        \x20 <key>pfm_app_url</key><string>https://offhook.invalid/</string>\n\
        \x20 <key>pfm_description</key><string>Settings of {product}</string>\n\
        \x20 <key>pfm_domain</key><string>{domain}</string>\n\
        \x20 <key>pfm_format_version</key><integer>1</integer>\n\
        \x20 <key>pfm_platforms</key><array><string>macOS</string></array>\n\
        \x20 <key>pfm_targets</key><array><string>system-managed</string><string>user-managed</string></array>\n\
        \x20 <key>pfm_title</key><string>{product}</string>\n\
        \x20 <key>pfm_unique</key><true/>\n\
        \x20 <key>pfm_version</key><integer>{}</integer>\n\
        \x20 <key>pfm_subkeys</key>\n  <array>\n",
        schema.version,
        product = xml(&schema.product),
    );
    for setting in on_macos(schema) {
        let kind = match setting.kind {
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Choice | Kind::Text => "string",
            Kind::List => "array",
        };
        _ = write!(
            out,
            "    <dict>\n      <key>pfm_name</key><string>{}</string>\n      <key>pfm_title</key><string>{}</string>\n      \
            <key>pfm_description</key><string>{}</string>\n      <key>pfm_type</key><string>{kind}</string>\n",
            setting.policy,
            xml(&setting.title),
            xml(&setting.text)
        );
        if setting.default.is_some() {
            _ = writeln!(out, "      <key>pfm_default</key>{}", value(setting));
        }
        if let (Some(min), Some(max)) = (setting.min, setting.max) {
            _ = writeln!(out, "      <key>pfm_range_min</key><integer>{min}</integer>");
            _ = writeln!(out, "      <key>pfm_range_max</key><integer>{max}</integer>");
        }
        if !setting.choices.is_empty() {
            let list =
                setting.choices.iter().map(|c| format!("<string>{}</string>", xml(c))).collect::<Vec<_>>().concat();
            _ = writeln!(out, "      <key>pfm_range_list</key><array>{list}</array>");
        }
        if setting.kind == Kind::List {
            _ = writeln!(
                out,
                "      <key>pfm_subkeys</key><array><dict><key>pfm_type</key><string>string</string></dict></array>"
            );
        }
        out.push_str("    </dict>\n");
    }
    out.push_str("  </array>\n</dict>\n</plist>\n");
    out
}
