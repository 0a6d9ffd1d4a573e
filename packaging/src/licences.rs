//! The licences of everything that is linked, as one text.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;

use crate::sbom::Materials;

/// Files of a crate that say under which terms it comes.
fn is_licence(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"].iter().any(|word| name.starts_with(word))
}

/// Each text once, with the crates that carry it; then the crates that carry none, with their SPDX expression.
pub fn third_party(materials: &Materials, fonts: &[(&str, &str)]) -> Result<String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut bare = Vec::new();
    for package in materials.foreign() {
        let name = format!("{} {}", package.name, package.version);
        let mut found = false;
        if let Some(folder) = package.manifest_path.parent() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if is_licence(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_file() {
                    let text = String::from_utf8_lossy(&std::fs::read(entry.path())?).replace("\r\n", "\n");
                    texts.entry(text.trim().to_owned()).or_default().push(name.clone());
                    found = true;
                }
            }
        }
        if !found {
            bare.push(format!("{name}: {}", package.license.as_deref().unwrap_or("see its repository")));
        }
    }
    for (name, text) in fonts {
        texts.entry(text.trim().to_owned()).or_default().push((*name).to_owned());
    }
    let mut ordered: Vec<(Vec<String>, String)> = texts.into_iter().map(|(text, names)| (names, text)).collect();
    ordered.sort();
    let mut all = String::from("What Offhook is built from, and under which terms.\n");
    if !bare.is_empty() {
        writeln!(all, "\nThese name their licence and carry no text of it:\n\n  {}", bare.join("\n  "))?;
    }
    for (names, text) in ordered {
        writeln!(all, "\n{}\n{}\n\n{text}", "=".repeat(80), names.join(", "))?;
    }
    Ok(all)
}
