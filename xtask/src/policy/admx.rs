//! Administrative templates for Windows group policy (and Intune, which takes the same files).

use std::fmt::Write as _;

use super::schema::{Kind, Platform, Schema, Setting};
use super::xml;

/// Machine and user; mandatory under the policy key itself, recommended in a key below.
const RECOMMENDED: &str = "Recommended";

fn on_windows(schema: &Schema) -> impl Iterator<Item = &Setting> {
    schema.settings.iter().filter(|setting| setting.platforms.contains(&Platform::Windows))
}

pub fn admx(schema: &Schema) -> String {
    let product = &schema.product;
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
        <!-- Made from schema.toml by `cargo xtask policy`; do not edit. -->\n\
        <policyDefinitions revision=\"1.{}\" schemaVersion=\"1.0\" \
        xmlns=\"http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions\">\n\
        \x20 <policyNamespaces>\n\
        \x20   <target prefix=\"offhook\" namespace=\"{}.Policies.{product}\" />\n\
        \x20   <using prefix=\"windows\" namespace=\"Microsoft.Policies.Windows\" />\n\
        \x20 </policyNamespaces>\n\
        \x20 <resources minRequiredRevision=\"1.{}\" />\n\
        \x20 <supportedOn>\n    <definitions>\n\
        \x20     <definition name=\"AnyVersion\" displayName=\"$(string.AnyVersion)\" />\n\
        \x20   </definitions>\n  </supportedOn>\n\
        \x20 <categories>\n\
        \x20   <category name=\"Offhook\" displayName=\"$(string.Offhook)\" />\n\
        \x20   <category name=\"OffhookRecommended\" displayName=\"$(string.OffhookRecommended)\" />\n",
        schema.version, schema.vendor, schema.version,
    );
    for (parent, suffix) in [("Offhook", ""), ("OffhookRecommended", RECOMMENDED)] {
        for group in &schema.groups {
            let name = category(&group.id, suffix);
            _ = writeln!(out, "    <category name=\"{name}\" displayName=\"$(string.{name})\">");
            _ = writeln!(out, "      <parentCategory ref=\"{parent}\" />\n    </category>");
        }
    }
    out.push_str("  </categories>\n  <policies>\n");
    for setting in on_windows(schema) {
        if setting.mandatory() {
            policy(&mut out, setting, &schema.registry, "");
        }
        if setting.recommended() {
            policy(&mut out, setting, &format!("{}\\{RECOMMENDED}", schema.registry), RECOMMENDED);
        }
    }
    out.push_str("  </policies>\n</policyDefinitions>\n");
    out
}

fn category(group: &str, suffix: &str) -> String {
    let first = group.get(..1).unwrap_or_default().to_uppercase();
    format!("{first}{}{suffix}", group.get(1..).unwrap_or_default())
}

fn policy(out: &mut String, setting: &Setting, key: &str, suffix: &str) {
    let name = format!("{}{suffix}", setting.policy);
    let value =
        if setting.kind == Kind::Boolean { format!(" valueName=\"{}\"", setting.policy) } else { String::new() };
    let presentation = match setting.kind {
        Kind::Boolean => String::new(),
        _ => format!(" presentation=\"$(presentation.{name})\""),
    };
    let place = if setting.kind == Kind::List { format!("{key}\\{}", setting.policy) } else { key.to_owned() };
    _ = writeln!(
        out,
        "    <policy name=\"{name}\" class=\"Both\" displayName=\"$(string.{name})\" \
        explainText=\"$(string.{name}_Explain)\"{presentation} key=\"{}\"{value}>",
        xml(&place)
    );
    _ = writeln!(out, "      <parentCategory ref=\"{}\" />", category(&setting.group, suffix));
    _ = writeln!(out, "      <supportedOn ref=\"AnyVersion\" />");
    match setting.kind {
        Kind::Boolean => {
            _ = writeln!(out, "      <enabledValue><decimal value=\"1\" /></enabledValue>");
            _ = writeln!(out, "      <disabledValue><decimal value=\"0\" /></disabledValue>");
        }
        Kind::Integer => {
            let (min, max) = (setting.min.unwrap_or_default(), setting.max.unwrap_or_default());
            _ = writeln!(
                out,
                "      <elements>\n        <decimal id=\"{0}\" valueName=\"{0}\" required=\"true\" minValue=\"{min}\" \
                maxValue=\"{max}\" />\n      </elements>",
                setting.policy
            );
        }
        Kind::Text => {
            _ = writeln!(
                out,
                "      <elements>\n        <text id=\"{0}\" valueName=\"{0}\" required=\"true\" maxLength=\"1024\" />\n      \
                </elements>",
                setting.policy
            );
        }
        Kind::List => {
            _ = writeln!(
                out,
                "      <elements>\n        <list id=\"{0}\" key=\"{1}\" valuePrefix=\"\" />\n      </elements>",
                setting.policy,
                xml(&place)
            );
        }
        Kind::Choice => {
            _ = writeln!(
                out,
                "      <elements>\n        <enum id=\"{0}\" valueName=\"{0}\" required=\"true\">",
                setting.policy
            );
            for choice in &setting.choices {
                let string = choice_string(setting, choice);
                _ = writeln!(
                    out,
                    "          <item displayName=\"$(string.{string})\"><value><string>{}</string></value></item>",
                    xml(choice)
                );
            }
            _ = writeln!(out, "        </enum>\n      </elements>");
        }
    }
    out.push_str("    </policy>\n");
}

fn choice_string(setting: &Setting, choice: &str) -> String {
    let word: String = choice.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{}_{word}", setting.policy)
}

pub fn adml(schema: &Schema) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
        <!-- Made from schema.toml by `cargo xtask policy`; do not edit. -->\n\
        <policyDefinitionResources revision=\"1.{}\" schemaVersion=\"1.0\" \
        xmlns=\"http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions\">\n\
        \x20 <displayName>{product}</displayName>\n  <description>Policies of {product}</description>\n\
        \x20 <resources>\n    <stringTable>\n\
        \x20     <string id=\"AnyVersion\">Any version of {product}</string>\n\
        \x20     <string id=\"Offhook\">{product}</string>\n\
        \x20     <string id=\"OffhookRecommended\">{product}, defaults that users may change</string>\n",
        schema.version,
        product = xml(&schema.product),
    );
    let string = |out: &mut String, id: &str, text: &str| {
        _ = writeln!(out, "      <string id=\"{id}\">{}</string>", xml(text));
    };
    for suffix in ["", RECOMMENDED] {
        for group in &schema.groups {
            string(&mut out, &category(&group.id, suffix), &group.title);
        }
    }
    for setting in on_windows(schema) {
        for suffix in suffixes(setting) {
            let name = format!("{}{suffix}", setting.policy);
            string(&mut out, &name, &setting.title);
            let who = if suffix.is_empty() { "Users cannot change it." } else { "Users may change it." };
            let values = setting.values_words();
            let words = format!("{} Values: {values}. Default: {}. {who}", setting.text, setting.default_words());
            string(&mut out, &format!("{name}_Explain"), &words);
        }
        for choice in &setting.choices {
            string(&mut out, &choice_string(setting, choice), choice);
        }
    }
    out.push_str("    </stringTable>\n    <presentationTable>\n");
    for setting in on_windows(schema).filter(|setting| setting.kind != Kind::Boolean) {
        for suffix in suffixes(setting) {
            _ = writeln!(out, "      <presentation id=\"{}{suffix}\">", setting.policy);
            let (id, title) = (&setting.policy, xml(&setting.title));
            let unit = if setting.unit.is_empty() { String::new() } else { format!(" ({})", setting.unit) };
            _ = match setting.kind {
                Kind::Integer => {
                    let default = setting.default_words();
                    writeln!(
                        out,
                        "        <decimalTextBox refId=\"{id}\" defaultValue=\"{default}\">{title}{unit}</decimalTextBox>"
                    )
                }
                Kind::List => writeln!(out, "        <listBox refId=\"{id}\">{title}</listBox>"),
                Kind::Choice => writeln!(out, "        <dropdownList refId=\"{id}\">{title}{unit}</dropdownList>"),
                Kind::Text | Kind::Boolean => {
                    writeln!(out, "        <textBox refId=\"{id}\"><label>{title}</label></textBox>")
                }
            };
            out.push_str("      </presentation>\n");
        }
    }
    out.push_str("    </presentationTable>\n  </resources>\n</policyDefinitionResources>\n");
    out
}

fn suffixes(setting: &Setting) -> Vec<&'static str> {
    let mut suffixes = Vec::new();
    if setting.mandatory() {
        suffixes.push("");
    }
    if setting.recommended() {
        suffixes.push(RECOMMENDED);
    }
    suffixes
}
