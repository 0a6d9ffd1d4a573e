//! JSON: a schema for editors and checks, and an example file for the policy folder.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::schema::{Kind, Platform, Schema, Setting};

pub fn json_schema(schema: &Schema) -> Result<String> {
    let properties: Map<String, Value> =
        schema.settings.iter().map(|setting| (setting.policy.clone(), property(setting))).collect();
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made from schema.toml by `cargo xtask policy`; do not edit.",
        "title": format!("Policies of {}", schema.product),
        "description": "One file of the folder policies/managed (mandatory) or policies/recommended.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

fn property(setting: &Setting) -> Value {
    let mut property = match setting.kind {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer => json!({ "type": "integer", "minimum": setting.min, "maximum": setting.max }),
        Kind::Choice => json!({ "type": "string", "enum": setting.choices }),
        Kind::Text => text(setting),
        Kind::List => json!({ "type": "array", "items": text(setting) }),
    };
    if let Some(fields) = property.as_object_mut() {
        fields.insert("title".to_owned(), json!(setting.title));
        fields.insert("description".to_owned(), json!(setting.text));
        if let Some(default) = &setting.default {
            fields.insert("default".to_owned(), json!(default));
        }
        if let Some(example) = &setting.example {
            let example = if setting.kind == Kind::List { json!([[example]]) } else { json!([example]) };
            fields.insert("examples".to_owned(), example);
        }
        if setting.platforms.len() < 3 {
            let names: Vec<String> = setting.platforms.iter().map(|p| name(*p).to_owned()).collect();
            fields.insert("$comment".to_owned(), json!(format!("Only on {}.", names.join(" and "))));
        }
    }
    property
}

fn text(setting: &Setting) -> Value {
    match setting.format {
        Some(format) => json!({ "type": "string", "minLength": 1, "maxLength": 1024, "pattern": format.pattern() }),
        None => json!({ "type": "string", "minLength": 1, "maxLength": 1024 }),
    }
}

fn name(platform: Platform) -> &'static str {
    match platform {
        Platform::Windows => "Windows",
        Platform::Macos => "macOS",
        Platform::Linux => "Linux",
    }
}

/// Every key that has a default, with that default: a file that changes nothing, to start from.
pub fn example(schema: &Schema) -> Result<String> {
    let values: Map<String, Value> = schema
        .settings
        .iter()
        .filter(|setting| setting.platforms.contains(&Platform::Linux) && setting.mandatory())
        .filter_map(|setting| Some((setting.policy.clone(), json!(setting.default.as_ref()?))))
        .collect();
    Ok(serde_json::to_string_pretty(&Value::Object(values))? + "\n")
}
