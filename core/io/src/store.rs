//! What is kept from one start to the next: devices, volumes, the phone. A TOML file that only its owner can read,
//! always replaced as a whole. A file that cannot be read is kept aside and reported; the phone then starts with
//! defaults.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use phone_core::event::Notice;
use phone_core::snapshot::RoleView;
use phone_core::sound::{DeviceChoice, DeviceWish, SoundRole};
use phone_core::{Command, Private, Snapshot};
use serde::{Deserialize, Serialize};

const FILE: &str = "settings.toml";
/// Media sessions that the service believes in; gone after a clean end.
const SESSIONS: &str = "sessions.json";
/// Larger is not ours.
const FILE_LIMIT: u64 = 256 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// The id of the phone that was selected last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    /// Devices that ring together with the ringer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) also_ring: Vec<String>,
    pub(crate) microphone: RoleSettings,
    pub(crate) speaker: RoleSettings,
    pub(crate) ringer: RoleSettings,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RoleSettings {
    /// A device's id; without one the role follows the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volume_percent: Option<u8>,
    /// In the order they are preferred, instead of one device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) prefer: Vec<DeviceWish>,
    /// Volumes in percent of devices that have one of their own, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) volumes: BTreeMap<String, u8>,
}

impl Settings {
    /// What of the picture is to be kept. Without a selected phone the one before is kept: signing out is no wish for
    /// another phone.
    pub(crate) fn of(snapshot: &Snapshot, before: &Self) -> Self {
        // What the user never touched is not kept, so that better defaults of a later version are not overruled.
        let usual = RoleView::default().volume_percent;
        let role = |view: &RoleView| RoleSettings {
            device: match &view.choice {
                DeviceChoice::Device(id) => Some(id.clone()),
                DeviceChoice::FollowSystem | DeviceChoice::Ranked(_) => None,
            },
            prefer: match &view.choice {
                DeviceChoice::Ranked(wishes) => wishes.clone(),
                _ => Vec::new(),
            },
            volume_percent: view.volumes.get("").copied().filter(|percent| *percent != usual),
            volumes: view.volumes.iter().filter(|(id, _)| !id.is_empty()).map(|(id, p)| (id.clone(), *p)).collect(),
        };
        let selected = snapshot.phones.iter().find(|phone| phone.selected).map(|phone| phone.id.clone());
        Self {
            phone: selected.or_else(|| before.phone.clone()),
            microphone: role(&snapshot.sound.microphone),
            speaker: role(&snapshot.sound.speaker),
            ringer: role(&snapshot.sound.ringer),
            also_ring: snapshot.sound.also_ring.clone(),
        }
    }

    /// What to tell the phone at its start. The phone itself is selected later, when the account's phones are known.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let roles = [
            (SoundRole::Microphone, &self.microphone),
            (SoundRole::Speaker, &self.speaker),
            (SoundRole::Ringer, &self.ringer),
        ];
        let mut commands = Vec::new();
        for (role, settings) in roles {
            if let Some(id) = &settings.device {
                commands.push(Command::ChooseDevice { role, choice: DeviceChoice::Device(id.clone()) });
            }
            if !settings.prefer.is_empty() {
                commands.push(Command::ChooseDevice { role, choice: DeviceChoice::Ranked(settings.prefer.clone()) });
            }
            let usual = settings.volume_percent.map(|percent| (String::new(), percent));
            let own = settings.volumes.iter().map(|(id, percent)| (id.clone(), *percent));
            commands.extend(usual.into_iter().chain(own).map(|(device, percent)| Command::SetDeviceVolume {
                role,
                device,
                percent: percent.min(100),
            }));
        }
        if !self.also_ring.is_empty() {
            commands.push(Command::AlsoRing(self.also_ring.clone()));
        }
        commands
    }
}

/// The devices that the user chose the last time, by role; a role that follows the system is not there. A file that
/// cannot be read counts as none here: the phone reports it when it starts.
pub fn chosen_devices(data_dir: &Path) -> Vec<(SoundRole, String)> {
    let settings = Store::new(data_dir).read().unwrap_or_default();
    let roles = [
        (SoundRole::Microphone, settings.microphone),
        (SoundRole::Speaker, settings.speaker),
        (SoundRole::Ringer, settings.ringer),
    ];
    roles.into_iter().filter_map(|(role, settings)| Some((role, settings.device?))).collect()
}

/// Where settings are kept.
pub(crate) struct Store {
    path: PathBuf,
}

impl Store {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE) }
    }

    /// The settings, and what to tell the user if they could not be read.
    pub(crate) fn load(&self) -> (Settings, Option<Notice>) {
        match self.read() {
            Ok(settings) => (settings, None),
            Err(why) => {
                let aside = self.path.with_extension("toml.broken");
                let kept = match fs::rename(&self.path, &aside) {
                    Ok(()) => format!("The old file is kept as {}.", aside.display()),
                    Err(_) => format!("Check the file {}.", self.path.display()),
                };
                let text = format!("Your settings could not be read ({why}), so Offhook starts with its defaults.");
                (Settings::default(), Some(Notice { id: "settings-broken", text, remedy: kept }))
            }
        }
    }

    fn read(&self) -> Result<Settings, String> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Settings::default()),
            Err(error) => return Err(error.to_string()),
            Ok(facts) if !facts.is_file() || facts.len() > FILE_LIMIT => {
                return Err("it is no settings file".to_owned());
            }
            Ok(_) => {}
        }
        let text = fs::read_to_string(&self.path).map_err(|error| error.to_string())?;
        toml::from_str(&text).map_err(|error| error.message().to_owned())
    }

    pub(crate) fn save(&self, settings: &Settings) -> io::Result<()> {
        let text = toml::to_string(settings).map_err(io::Error::other)?;
        if let Some(folder) = self.path.parent() {
            private_folder(folder)?;
        }
        replace_private_file(&self.path, &text)
    }

    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.path.parent().map(Path::to_owned)
    }

    /// What a program that ended without saying good-bye left on the service.
    pub(crate) fn left_sessions(&self) -> Option<Private<String>> {
        let path = self.path.with_file_name(SESSIONS);
        let facts = fs::metadata(&path).ok().filter(|facts| facts.is_file() && facts.len() <= FILE_LIMIT)?;
        (facts.len() > 0).then(|| fs::read_to_string(&path).ok()).flatten().map(Private::new)
    }

    /// Empty: there is nothing to be ended any more. Not synced: what a power failure loses here is an idle time.
    pub(crate) fn keep_sessions(&self, text: &Private<String>) {
        let path = self.path.with_file_name(SESSIONS);
        let write = || -> io::Result<()> {
            if text.reveal().is_empty() {
                return fs::remove_file(&path);
            }
            if let Some(folder) = path.parent() {
                private_folder(folder)?;
            }
            private_file(&path)?.write_all(text.reveal().as_bytes())
        };
        if let Err(error) = write()
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "open sessions could not be noted");
        }
    }
}

/// Replaces a file as a whole: it is never half written, not even when the power fails.
pub(crate) fn replace_private_file(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = private_file(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, path)
}

#[cfg(unix)]
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    // The user's own application folder; its access list is inherited.
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // Also when it was there already with other rights.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<fs::File> {
    fs::File::create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own per test, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("offhook-store-{}-{name}", std::process::id()));
            fs::remove_dir_all(&path).ok();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn some_settings() -> Settings {
        Settings {
            phone: Some("phone-1".to_owned()),
            microphone: RoleSettings {
                device: Some("pulseaudio:mic \"x\"".to_owned()),
                volume_percent: Some(80),
                ..RoleSettings::default()
            },
            speaker: RoleSettings {
                prefer: vec![
                    DeviceWish::Known { id: "usb".to_owned(), port: Some("3.1".to_owned()), name: "Jabra".to_owned() },
                    DeviceWish::Named("*headset*".to_owned()),
                    DeviceWish::System,
                ],
                volumes: BTreeMap::from([("pulseaudio:a.b".to_owned(), 40)]),
                ..RoleSettings::default()
            },
            ringer: RoleSettings::default(),
            also_ring: vec!["tv".to_owned()],
        }
    }

    #[test]
    fn settings_survive_a_restart() {
        let folder = Folder::new("round-trip");
        let store = Store::new(&folder.0);
        assert_eq!(store.load(), (Settings::default(), None), "no file is no fault");
        store.save(&some_settings()).unwrap();
        assert_eq!(store.load(), (some_settings(), None));
        assert_eq!(chosen_devices(&folder.0), [(SoundRole::Microphone, "pulseaudio:mic \"x\"".to_owned())]);
        store.save(&Settings::default()).unwrap();
        assert_eq!(store.load(), (Settings::default(), None));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_settings() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("private");
        let store = Store::new(&folder.0);
        store.save(&some_settings()).unwrap();
        assert_eq!(fs::metadata(&folder.0).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(folder.0.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn open_sessions_are_noted_until_they_end() {
        let folder = Folder::new("sessions");
        let store = Store::new(&folder.0);
        assert_eq!(store.left_sessions(), None);
        store.keep_sessions(&"{}".into());
        assert_eq!(store.left_sessions(), Some("{}".into()));
        store.keep_sessions(&"".into());
        store.keep_sessions(&"".into());
        assert_eq!(store.left_sessions(), None);
    }

    #[test]
    fn a_broken_file_is_kept_aside_and_reported() {
        let folder = Folder::new("broken");
        let store = Store::new(&folder.0);
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join(FILE), b"speaker = 7 [\xff").unwrap();
        let (settings, notice) = store.load();
        assert_eq!(settings, Settings::default());
        assert_eq!(notice.unwrap().id, "settings-broken");
        assert_eq!(fs::read(folder.0.join("settings.toml.broken")).unwrap(), b"speaker = 7 [\xff");
        assert_eq!(store.load(), (Settings::default(), None), "the next start is clean");
    }

    #[test]
    fn what_nobody_touched_is_not_kept() {
        assert_eq!(Settings::of(&Snapshot::default(), &Settings::default()), Settings::default());
        let mut snapshot = Snapshot::default();
        snapshot.sound.speaker.volumes = BTreeMap::from([(String::new(), 40)]);
        snapshot.sound.ringer.choice = DeviceChoice::Device("d".to_owned());
        let before = Settings { phone: Some("p".to_owned()), ..Settings::default() };
        let kept = Settings::of(&snapshot, &before);
        assert_eq!((kept.speaker.volume_percent, kept.ringer.device.as_deref()), (Some(40), Some("d")));
        assert_eq!((kept.phone.as_deref(), kept.microphone), (Some("p"), RoleSettings::default()));
    }

    #[test]
    fn settings_become_commands_within_their_range() {
        let settings = Settings {
            ringer: RoleSettings { device: Some("d".to_owned()), volume_percent: Some(250), ..RoleSettings::default() },
            ..Settings::default()
        };
        let role = SoundRole::Ringer;
        assert_eq!(
            settings.commands(),
            [
                Command::ChooseDevice { role, choice: DeviceChoice::Device("d".to_owned()) },
                Command::SetDeviceVolume { role, device: String::new(), percent: 100 }
            ]
        );
    }
}
