//! What is kept from one start to the next: devices, volumes, the phone. A TOML file that only its owner can read,
//! always replaced as a whole. A file that cannot be read is kept aside and reported; the phone then starts with
//! defaults.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use phone_core::event::Notice;
use phone_core::policy::{Layer, Layers, Setting, Source, Value, read};
use phone_core::snapshot::RoleView;
use phone_core::sound::{DeviceChoice, DeviceWish, SoundRole};
use phone_core::{Command, Private, Snapshot};
use serde::{Deserialize, Serialize};

const FILE: &str = "settings.toml";
/// Media sessions that the service believes in; gone after a clean end.
const SESSIONS: &str = "sessions.json";
/// Larger is not ours.
const FILE_LIMIT: u64 = 256 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// The id of the phone that was selected last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    /// Its name, which is what an administrator's objects call it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone_name: Option<String>,
    /// Devices that ring together with the ringer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) also_ring: Vec<String>,
    pub(crate) microphone: RoleSettings,
    pub(crate) speaker: RoleSettings,
    pub(crate) ringer: RoleSettings,
    /// Chosen in the window, by key. Keys of a later version are kept as they are.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub(crate) chosen: toml::Table,
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
        let role = |view: &RoleView, setting: Setting, before: &RoleSettings| {
            let mut role = RoleSettings {
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
            // What a policy decides is no choice; the choice counts again when the policy goes.
            if snapshot.settings.lock(setting).is_some() {
                role.device.clone_from(&before.device);
                role.prefer.clone_from(&before.prefer);
            }
            role
        };
        let selected = snapshot.phones.iter().find(|phone| phone.selected);
        let (phone, phone_name) = match selected {
            Some(phone) => (Some(phone.id.clone()), Some(phone.name.clone())),
            None => (before.phone.clone(), before.phone_name.clone()),
        };
        Self {
            phone,
            phone_name,
            microphone: role(&snapshot.sound.microphone, Setting::SoundMicrophone, &before.microphone),
            speaker: role(&snapshot.sound.speaker, Setting::SoundSpeaker, &before.speaker),
            ringer: role(&snapshot.sound.ringer, Setting::SoundRinger, &before.ringer),
            also_ring: snapshot.sound.also_ring.clone(),
            chosen: chosen_values(snapshot, before),
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

    /// What was chosen in the window, as a layer.
    pub(crate) fn chosen(&self) -> Layers {
        let source = Source::new(Layer::Chosen, "");
        let mut layers = Layers::default();
        // What does not fit was written by another version; it is kept in the file and has no say here.
        let mut findings = Vec::new();
        let values =
            self.chosen.iter().filter_map(|(key, value)| Some((key.clone(), serde_json::to_value(value).ok()?)));
        read::file_values(values, &source, &mut layers, &mut findings);
        for finding in findings {
            tracing::info!(key = finding.key, "a kept setting has no meaning in this version");
        }
        let roles = [
            (Setting::SoundMicrophone, &self.microphone),
            (Setting::SoundSpeaker, &self.speaker),
            (Setting::SoundRinger, &self.ringer),
        ];
        for (setting, role) in roles {
            if let Some(id) = &role.device
                && let Ok(value) = setting.entry().accept(Value::Text(format!("device:{id}")))
            {
                layers.set(setting, value, source.clone());
            }
        }
        layers
    }
}

/// What was chosen besides devices. Also where a policy overrules it: the choice counts again when the policy goes.
fn chosen_values(snapshot: &Snapshot, before: &Settings) -> toml::Table {
    let unknown = before.chosen.iter().filter(|(key, _)| Setting::by_key(key).is_none());
    let mut chosen: toml::Table = unknown.map(owned).collect();
    for resolved in snapshot.settings.iter() {
        let device =
            matches!(resolved.setting, Setting::SoundMicrophone | Setting::SoundSpeaker | Setting::SoundRinger);
        let given = resolved.given.iter().find(|given| given.source.layer == Layer::Chosen);
        if let Some(given) = given.filter(|_| !device) {
            chosen.insert(resolved.setting.entry().key.to_owned(), to_toml(&given.value));
        }
    }
    chosen
}

fn owned((key, value): (&String, &toml::Value)) -> (String, toml::Value) {
    (key.clone(), value.clone())
}

fn to_toml(value: &Value) -> toml::Value {
    match value {
        Value::Bool(on) => toml::Value::Boolean(*on),
        Value::Integer(number) => toml::Value::Integer(*number),
        Value::Text(text) => toml::Value::String(text.clone()),
        Value::List(items) => items.iter().cloned().map(toml::Value::String).collect::<Vec<_>>().into(),
    }
}

/// What the user chose in the window the last time. A file that cannot be read counts as none here: the phone reports
/// it when it starts.
pub fn chosen(data_dir: &Path) -> Layers {
    Store::new(data_dir).read().unwrap_or_default().chosen()
}

/// The name of the phone that was selected last.
pub fn selected_phone(data_dir: &Path) -> Option<String> {
    Store::new(data_dir).read().unwrap_or_default().phone_name
}

/// Where settings are kept.
pub(crate) struct Store {
    path: PathBuf,
}

impl Store {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE) }
    }

    /// The settings, and what to tell the user if they could not be read. Of a file that was cut short, what stands
    /// before the cut still counts.
    pub(crate) fn load(&self) -> (Settings, Option<Notice>) {
        match self.read() {
            Ok(settings) => (settings, None),
            Err(why) => {
                let rest = fs::read_to_string(&self.path).ok().and_then(|text| salvage(&text));
                let text = match &rest {
                    Some(_) => format!("Part of your settings could not be read ({why}); the rest counts."),
                    None => format!("Your settings could not be read ({why}), so Offhook starts with its defaults."),
                };
                let remedy = match self.put_aside() {
                    Ok(aside) => format!("The old file is kept as {}.", aside.display()),
                    Err(_) => format!("Check the file {}.", self.path.display()),
                };
                (rest.unwrap_or_default(), Some(Notice { id: "settings-broken", text, remedy }))
            }
        }
    }

    /// Keeps a file that cannot be read, and every one kept before it.
    fn put_aside(&self) -> io::Result<PathBuf> {
        let name = |number: u32| match number {
            1 => self.path.with_extension("toml.broken"),
            number => self.path.with_extension(format!("toml.broken-{number}")),
        };
        let aside = (1..100).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(100));
        fs::rename(&self.path, &aside)?;
        Ok(aside)
    }

    /// What to tell the user when a save failed.
    pub(crate) fn not_saved(&self, error: &io::Error) -> Notice {
        let why = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "it may not be written".to_owned(),
            _ => error.to_string(),
        };
        Notice {
            id: "settings-not-saved",
            text: format!("What you changed could not be saved: {why}."),
            remedy: format!("It holds until Offhook ends, and is tried again. Check {}.", self.path.display()),
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
    replace(path, text, private_file)
}

/// The same for a file with the rights that the user's files have.
pub fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text, |path| fs::File::create(path))
}

fn replace(path: &Path, text: &str, create: impl Fn(&Path) -> io::Result<fs::File>) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = create(&new)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // On a full disk half a file would only take more room. The old file is as it was.
        fs::remove_file(&new).ok();
    }
    written
}

/// Most lines that are taken off the end of a broken file.
const SALVAGE_LINES: usize = 64;

/// What stands before the place where a file was cut.
fn salvage(text: &str) -> Option<Settings> {
    let lines: Vec<&str> = text.lines().collect();
    (1..=lines.len().min(SALVAGE_LINES)).find_map(|less| {
        let kept = lines.get(..lines.len() - less).filter(|kept| !kept.is_empty())?;
        toml::from_str(&kept.join("\n")).ok()
    })
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
    if file.metadata()?.is_file() {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<fs::File> {
    fs::File::create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use phone_core::snapshot::PhoneView;
    use phone_core::sound::{NoiseReduction, Processing};
    use phone_core::{Input, Phone, PhoneConfig};

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
            phone_name: Some("AnaK_WebRTC".to_owned()),
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
            chosen: toml::toml! { "window.theme" = "dark"
            from_the_future = 7 },
        }
    }

    #[test]
    fn processing_that_was_chosen_is_so_at_the_next_start() {
        let now = crate::clock::now();
        let wanted =
            Processing { cancel_echo: Some(false), reduce_noise: Some(NoiseReduction::Strong), even_out: true };
        let mut phone = Phone::new(PhoneConfig::default(), now);
        assert_eq!(Settings::of(&phone.snapshot(), &Settings::default()).chosen, toml::Table::new());
        phone.handle(now, Input::Command(Command::SetProcessing(wanted)));
        let kept = Settings::of(&phone.snapshot(), &Settings::default());
        let config = PhoneConfig { settings: kept.chosen(), ..PhoneConfig::default() };
        assert_eq!(Phone::new(config, now).snapshot().sound.processing, wanted);
    }

    #[test]
    fn settings_survive_a_restart() {
        let folder = Folder::new("round-trip");
        let store = Store::new(&folder.0);
        assert_eq!(store.load(), (Settings::default(), None), "no file is no fault");
        store.save(&some_settings()).unwrap();
        assert_eq!(store.load(), (some_settings(), None));
        let kept = chosen(&folder.0);
        let text = |setting| kept.get(setting, Layer::Chosen).and_then(|(value, _)| value.as_text());
        assert_eq!(text(Setting::SoundMicrophone), Some("device:pulseaudio:mic \"x\""));
        assert_eq!(text(Setting::WindowTheme), Some("dark"));
        assert_eq!(kept.iter().count(), 2);
        store.save(&Settings::default()).unwrap();
        assert_eq!(store.load(), (Settings::default(), None));
    }

    #[test]
    fn row_8_the_selected_phone_is_kept_for_the_next_start_and_signing_out_forgets_it_not() {
        let folder = Folder::new("phone");
        let store = Store::new(&folder.0);
        assert_eq!(selected_phone(&folder.0), None);
        let phone = |id: &str, name: &str, selected| PhoneView {
            id: id.to_owned(),
            name: name.to_owned(),
            site: "Madrid".to_owned(),
            selected,
            refused: None,
            webrtc: true,
        };
        let nothing = Phone::new(PhoneConfig::default(), crate::clock::now()).snapshot();
        let mut chosen = Snapshot::clone(&nothing);
        chosen.phones = vec![phone("p1", "AnaK_WebRTC", false), phone("p2", "AnaKHome_WebRTC", true)];
        let kept = Settings::of(&chosen, &Settings::default());
        store.save(&Settings::of(&nothing, &kept)).unwrap();
        assert_eq!(store.load().0.phone.as_deref(), Some("p2"));
        assert_eq!(selected_phone(&folder.0).as_deref(), Some("AnaKHome_WebRTC"));
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
    fn of_a_file_cut_in_half_the_first_half_counts_and_nothing_is_lost() {
        let folder = Folder::new("half");
        let store = Store::new(&folder.0);
        store.save(&some_settings()).unwrap();
        let whole = fs::read(folder.0.join(FILE)).unwrap();
        for cut in 0..whole.len() {
            fs::write(folder.0.join(FILE), &whole[..cut]).unwrap();
            let (settings, notice) = store.load();
            if notice.is_some() {
                let mut last = (1..100).map(|n| {
                    if n == 1 { "settings.toml.broken".to_owned() } else { format!("settings.toml.broken-{n}") }
                });
                let newest = last.rfind(|name| folder.0.join(name).exists()).unwrap();
                assert_eq!(fs::read(folder.0.join(&newest)).unwrap(), &whole[..cut], "{newest}");
                fs::remove_file(folder.0.join(newest)).unwrap();
            }
            let text = String::from_utf8_lossy(&whole[..cut]).into_owned();
            if text.lines().count() > 1 {
                assert_eq!(settings.phone.as_deref(), Some("phone-1"), "{text}");
            }
        }
    }

    #[test]
    fn a_second_broken_file_does_not_take_the_place_of_the_first() {
        let folder = Folder::new("twice");
        let store = Store::new(&folder.0);
        fs::create_dir_all(&folder.0).unwrap();
        for text in ["first [", "second ["] {
            fs::write(folder.0.join(FILE), text).unwrap();
            assert!(store.load().1.is_some());
        }
        assert_eq!(fs::read(folder.0.join("settings.toml.broken")).unwrap(), b"first [");
        assert_eq!(fs::read(folder.0.join("settings.toml.broken-2")).unwrap(), b"second [");
    }

    /// `/dev/full` takes nothing: what a full disk does to a write.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_the_old_file_whole_and_is_told() {
        let folder = Folder::new("full");
        let store = Store::new(&folder.0);
        store.save(&some_settings()).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.0.join("settings.toml.new")).unwrap();
        let error = store.save(&Settings::default()).unwrap_err();
        assert_eq!(store.load(), (some_settings(), None));
        let notice = store.not_saved(&error);
        assert!(notice.text.contains("the disk is full"), "{notice:?}");
        store.save(&Settings::default()).unwrap();
        assert_eq!(store.load(), (Settings::default(), None), "with room again it is saved");
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
