//! `packaging/app.toml`, read strictly: a word it does not know is a mistake of ours.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    pub app: App,
    pub linux: Linux,
    pub macos: Macos,
    pub windows: Windows,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    pub name: String,
    /// The program's file name, and the package's.
    pub program: String,
    /// Reverse domain name.
    pub id: String,
    pub summary: String,
    /// Paragraphs, an empty line between them.
    pub description: String,
    pub vendor: String,
    /// `Name <address>`.
    pub contact: String,
    pub homepage: String,
    /// SPDX expression.
    pub licence: String,
    pub link_schemes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linux {
    pub desktop_id: String,
    /// Of the Desktop Menu Specification.
    pub categories: Vec<String>,
    /// Debian packages that are loaded at run time.
    pub loaded: Vec<String>,
    /// The same as RPM capabilities.
    pub loaded_rpm: Vec<String>,
    pub recommended: Vec<String>,
    /// Relative to the file system's root.
    pub policy_folders: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Macos {
    pub minimum_system: String,
    pub category: String,
    /// `NSMicrophoneUsageDescription`.
    pub microphone: String,
    /// `NSLocalNetworkUsageDescription`.
    pub local_network: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    pub namespace: uuid::Uuid,
    pub registry: String,
    pub link_class: String,
    /// Installer property, policy's name.
    pub values: Vec<(String, String)>,
    /// Names of DLLs in lower case.
    pub libraries: Vec<String>,
}

impl Description {
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let description: Self = toml::from_str(&text).with_context(|| format!("{} is wrong", file.display()))?;
        let id = &description.app.id;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
        ensure!(id.chars().all(plain) && id.contains('.'), "app.id `{id}` is no lower case reverse domain name");
        ensure!(
            description.linux.loaded.len() == description.linux.loaded_rpm.len(),
            "linux.loaded and linux.loaded_rpm name the same libraries, so they are as long as each other"
        );
        Ok(description)
    }

    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        self.app.description.split("\n\n").map(str::trim).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn ours() -> Description {
        Description::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("app.toml")).expect("it is in the repository")
    }

    #[test]
    fn our_description_is_whole() {
        let description = ours();
        assert_eq!(description.app.program, "offhook");
        assert!(description.paragraphs().count() >= 2);
        assert!(description.macos.microphone.len() >= 20, "macOS shows this sentence to the user");
    }
}
