//! What the user chose for the window itself. Kept in a small TOML file; a broken file means the defaults.

use std::path::{Path, PathBuf};

use phone_core::policy::{Effective, Lock, Resolved, Setting, Value};
use serde::{Deserialize, Serialize};

use crate::theme::ThemeChoice;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    pub theme: ThemeChoice,
    /// In percent: 100, 125, 150 or 200.
    pub text_size: u16,
    pub reduce_motion: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: ThemeChoice::System, text_size: 100, reduce_motion: false }
    }
}

impl Preferences {
    /// How much larger than designed everything is drawn.
    pub fn zoom(&self) -> f32 {
        f32::from(self.text_size.clamp(100, 200)) / 100.0
    }

    /// What an administrator recommends, or the settings file says, for somebody who has chosen nothing yet.
    pub fn recommended(rules: &Effective) -> Self {
        let mut preferences = Self::default();
        preferences.take(rules, |_| true);
        preferences
    }

    /// What a policy decides is so, whatever was chosen. Whether that changed anything.
    pub fn obey(&mut self, rules: &Effective) -> bool {
        let before = self.clone();
        self.take(rules, |resolved| matches!(resolved.lock, Some(Lock::Policy(_))));
        *self != before
    }

    fn take(&mut self, rules: &Effective, counts: impl Fn(&Resolved) -> bool) {
        let value = |setting| rules.get(setting).filter(|r| r.is_changed() && counts(r)).and_then(|r| r.value.as_ref());
        match value(Setting::WindowTheme).and_then(Value::as_text) {
            Some("light") => self.theme = ThemeChoice::Light,
            Some("dark") => self.theme = ThemeChoice::Dark,
            Some(_) => self.theme = ThemeChoice::System,
            None => {}
        }
        if let Some(percent) = value(Setting::WindowTextSize).and_then(Value::as_text).and_then(|t| t.parse().ok()) {
            self.text_size = percent;
        }
        if let Some(reduce) = value(Setting::WindowReduceMotion).and_then(Value::as_bool) {
            self.reduce_motion = reduce;
        }
    }

    /// From the file; the defaults when there is none or it cannot be read.
    pub fn load(file: &Path) -> Self {
        let Ok(text) = std::fs::read_to_string(file) else { return Self::default() };
        toml::from_str(&text).unwrap_or_else(|error| {
            tracing::warn!(%error, "the window's settings cannot be read; the defaults are used");
            Self::default()
        })
    }
}

/// Writes a small TOML file on a thread of its own: drawing never waits for a disk.
pub fn keep_in_background<T: Serialize + Send + 'static>(what: T, file: PathBuf) {
    let spawned = std::thread::Builder::new().name("save-settings".to_owned()).spawn(move || {
        if let Err(error) = keep(&what, &file) {
            tracing::warn!(%error, file = %file.display(), "what the window keeps could not be saved");
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "what the window keeps could not be saved");
    }
}

fn keep(what: &impl Serialize, file: &Path) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(phone_io::replace_file(file, &toml::to_string(what)?)?)
}

#[cfg(test)]
mod tests {
    use phone_core::policy::{Layer, Layers, Source, resolve};

    use super::*;

    #[test]
    fn a_mandatory_theme_withstands_every_choice_and_a_recommended_one_is_only_a_start() {
        let rules = |layer| {
            let mut layers = Layers::default();
            for (setting, word) in [(Setting::WindowTheme, "dark"), (Setting::WindowTextSize, "150")] {
                layers.set(setting, Value::Text(word.to_owned()), Source::new(layer, "p"));
            }
            layers.set(Setting::WindowReduceMotion, Value::Bool(true), Source::new(layer, "p"));
            resolve(&layers)
        };
        let policy = Preferences { theme: ThemeChoice::Dark, text_size: 150, reduce_motion: true };
        let mut chosen = Preferences { theme: ThemeChoice::Light, ..Preferences::default() };
        assert!(!chosen.obey(&rules(Layer::RecommendedMachine)));
        assert_eq!(Preferences::recommended(&rules(Layer::RecommendedMachine)), policy);
        assert!(chosen.obey(&rules(Layer::MandatoryMachine)));
        assert_eq!(chosen, policy);
        assert!(!chosen.obey(&rules(Layer::MandatoryMachine)), "once is enough");
    }

    #[test]
    fn choices_survive_a_restart() {
        let folder = std::env::temp_dir().join(format!("offhook-preferences-{}", std::process::id()));
        let file = folder.join("window.toml");
        let chosen = Preferences { theme: ThemeChoice::Dark, text_size: 150, reduce_motion: true };
        keep(&chosen, &file).expect("the folder can be written");
        assert_eq!(Preferences::load(&file), chosen);
        std::fs::write(&file, "theme = 7").expect("the folder can be written");
        assert_eq!(Preferences::load(&file), Preferences::default());
        std::fs::remove_dir_all(&folder).expect("the folder can be removed");
        assert_eq!(Preferences::load(&file), Preferences::default());
    }
}
