//! The settings file, and what comes of it and the command line together.

use std::io::{BufRead, Read as _};
use std::path::{Path, PathBuf};

use phone_audio::sound::Choice;
use phone_core::Private;
use phone_core::command::{HostOverrides, Service};
use phone_core::sound::SoundRole;
use serde::Deserialize;

use super::args::Common;
use super::exit::Failure;
use super::values::{input, output};

/// Larger is not ours.
const FILE_LIMIT: u64 = 64 * 1024;
const KEYS: [&str; 11] = [
    "exchange",
    "account",
    "region",
    "client_id",
    "redirect_ports",
    "hosts",
    "ca",
    "force_relay",
    "dscp",
    "log",
    "sound",
];
/// Longest token that is read, in bytes.
const TOKEN_LIMIT: u64 = 16 * 1024;
const SOUND_KEYS: [&str; 3] = ["microphone", "speaker", "ringer"];

/// The file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    exchange: Option<String>,
    account: Option<String>,
    region: Option<String>,
    client_id: Option<String>,
    redirect_ports: Vec<u16>,
    hosts: HostsTable,
    ca: Option<PathBuf>,
    force_relay: bool,
    dscp: Option<u8>,
    log: Option<String>,
    sound: SoundTable,
}

/// Hosts that do not follow from the region.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HostsTable {
    login: Option<String>,
    api: Option<String>,
    streaming: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SoundTable {
    microphone: Option<String>,
    speaker: Option<String>,
    ringer: Option<String>,
}

/// What is in force: the command line over the file over the defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub demo: bool,
    pub exchange: Option<String>,
    pub account: String,
    /// A live service, if one is named.
    pub service: Option<Service>,
    pub token: Option<Private<String>>,
    /// Certificates that are trusted beside the system's.
    pub ca: Option<PathBuf>,
    pub force_relay: bool,
    /// Overrides what the station asks for, 0–63.
    pub dscp: Option<u8>,
    pub log: Option<String>,
    pub microphone: Option<Choice>,
    pub speaker: Option<Choice>,
    pub ringer: Option<Choice>,
    /// Words in the file that mean nothing, to be told.
    pub unknown: Vec<String>,
}

/// Folders of this user; `None` where the system has no home folder.
pub fn folders() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "offhook")
}

impl Settings {
    /// Reads the file named on the command line, or the usual one if it is there.
    pub fn load(common: &Common) -> Result<Self, Failure> {
        let (path, must) = match &common.config {
            Some(path) => (Some(path.clone()), true),
            None => (folders().map(|folders| folders.config_dir().join("offhook.toml")), false),
        };
        let text = match path.as_deref().map(read) {
            Some(Err(error)) if must || error.kind() != std::io::ErrorKind::NotFound => {
                let path = path.unwrap_or_default();
                return Err(Failure::usage(
                    "config-unreadable",
                    format!("The settings file {} cannot be read: {error}.", path.display()),
                    "Check its path and who may read it, or leave --config out.",
                ));
            }
            Some(Ok(text)) => text,
            Some(Err(_)) | None => String::new(),
        };
        let mut settings = Self::from_text(&text, common).map_err(|why| {
            Failure::usage(
                "config-broken",
                format!("The settings file {} cannot be used: {why}.", path.unwrap_or_default().display()),
                "Mend that line, or use another file with --config.",
            )
        })?;
        settings.token = token(common, &mut std::io::stdin().lock())?;
        // Practice starts afresh each time, as its window does.
        if let Some(folder) = data_dir().filter(|_| !settings.demo) {
            settings.fall_back_on(phone_io::chosen_devices(&folder));
        }
        Ok(settings)
    }

    /// Devices that were chosen in the window, for roles that nothing else is said of.
    fn fall_back_on(&mut self, chosen: Vec<(SoundRole, String)>) {
        for (role, id) in chosen {
            let choice = match role {
                SoundRole::Microphone => &mut self.microphone,
                SoundRole::Speaker => &mut self.speaker,
                SoundRole::Ringer => &mut self.ringer,
            };
            choice.get_or_insert(Choice::Device(id));
        }
    }

    fn from_text(text: &str, common: &Common) -> Result<Self, String> {
        let wrong = |error: toml::de::Error| error.message().replace('\n', " ");
        let table: toml::Table = toml::from_str(text).map_err(wrong)?;
        let unknown = unknown_words(&table);
        let file: File = toml::from_str(text).map_err(wrong)?;
        if file.dscp.is_some_and(|dscp| dscp > 63) {
            return Err("dscp is a number from 0 to 63".to_owned());
        }
        let sound = |text: &Option<String>, read: fn(&str) -> Result<Choice, String>| match text {
            Some(text) => read(text).map(Some),
            None => Ok(None),
        };
        Ok(Self {
            demo: common.demo,
            // --demo means the exchange inside, whatever the file says.
            exchange: common.exchange.clone().or(file.exchange).filter(|_| !common.demo),
            account: common.account.clone().or(file.account).unwrap_or_else(|| "ana".to_owned()),
            service: common.region.clone().or(file.region).filter(|_| !common.demo && common.exchange.is_none()).map(
                |environment| Service {
                    environment,
                    client_id: common.client_id.clone().or(file.client_id).unwrap_or_default(),
                    hosts: HostOverrides {
                        login: file.hosts.login,
                        api: file.hosts.api,
                        streaming: file.hosts.streaming,
                    },
                    redirect_ports: file.redirect_ports,
                    ..Service::default()
                },
            ),
            token: None,
            ca: file.ca,
            force_relay: common.force_relay || file.force_relay,
            dscp: file.dscp,
            log: common.log.clone().or(file.log),
            microphone: sound(&file.sound.microphone, input)?,
            speaker: sound(&file.sound.speaker, output)?,
            ringer: sound(&file.sound.ringer, output)?,
            unknown,
        })
    }
}

/// The token of the command line, of stdin where it says so, or of the environment.
fn token(common: &Common, stdin: &mut impl BufRead) -> Result<Option<Private<String>>, Failure> {
    let given = match common.token.as_deref() {
        Some("-") => {
            let mut line = String::new();
            stdin.by_ref().take(TOKEN_LIMIT).read_line(&mut line).map_err(|error| no_token(&error.to_string()))?;
            Some(line)
        }
        Some(token) => Some(token.to_owned()),
        None if common.demo => None,
        None => std::env::var("OFFHOOK_TOKEN").ok(),
    };
    let Some(token) = given.map(|token| token.trim().to_owned()) else { return Ok(None) };
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(no_token("there is none in it"));
    }
    Ok(Some(token.into()))
}

fn no_token(why: &str) -> Failure {
    Failure::usage(
        "no-token",
        format!("The access token cannot be read: {why}."),
        "Give it with --token, in the first line of stdin with `--token -`, or in OFFHOOK_TOKEN.",
    )
}

fn read(path: &Path) -> std::io::Result<String> {
    let facts = std::fs::metadata(path)?;
    if !facts.is_file() || facts.len() > FILE_LIMIT {
        return Err(std::io::Error::other("it is no settings file"));
    }
    std::fs::read_to_string(path)
}

fn unknown_words(table: &toml::Table) -> Vec<String> {
    let sound = table.get("sound").and_then(toml::Value::as_table);
    let top = table.keys().filter(|key| !KEYS.contains(&key.as_str())).cloned();
    let below = sound.into_iter().flat_map(toml::Table::keys).filter(|key| !SOUND_KEYS.contains(&key.as_str()));
    top.chain(below.map(|key| format!("sound.{key}"))).collect()
}

/// Where the phone keeps devices, volumes and the selected station.
pub fn data_dir() -> Option<PathBuf> {
    folders().map(|folders| folders.data_dir().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str, common: &Common) -> Result<Settings, String> {
        Settings::from_text(text, common)
    }

    const FILE: &str = r#"
        exchange = "http://127.0.0.1:8443"
        account = "ben"
        force_relay = true
        dscp = 0
        colour = "blue"
        [sound]
        microphone = "tone:440"
        speaker = "device:pulseaudio:spk"
        horn = "loud"
    "#;

    #[test]
    fn the_file_is_read_and_what_it_does_not_mean_is_told() {
        let settings = settings(FILE, &Common::default()).expect("it is well formed");
        assert_eq!(settings.exchange.as_deref(), Some("http://127.0.0.1:8443"));
        assert_eq!((settings.account.as_str(), settings.force_relay, settings.dscp), ("ben", true, Some(0)));
        assert_eq!(settings.microphone, Some(Choice::Tone(440.0)));
        assert_eq!(settings.speaker, Some(Choice::Device("pulseaudio:spk".to_owned())));
        assert_eq!(settings.unknown, ["colour", "sound.horn"]);
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let common = Common { account: Some("zoe".to_owned()), demo: true, ..Common::default() };
        let settings = settings(FILE, &common).expect("it is well formed");
        assert_eq!(settings.account, "zoe");
        assert_eq!((settings.demo, settings.exchange), (true, None));
    }

    #[test]
    fn devices_chosen_in_the_window_count_where_nothing_else_is_said() {
        let mut settings = settings(FILE, &Common::default()).expect("it is well formed");
        let device = |id: &str| Choice::Device(id.to_owned());
        settings.fall_back_on(vec![(SoundRole::Microphone, "a".to_owned()), (SoundRole::Ringer, "b".to_owned())]);
        assert_eq!((settings.microphone, settings.ringer), (Some(Choice::Tone(440.0)), Some(device("b"))));
    }

    #[test]
    fn without_a_file_the_user_is_ana() {
        let settings = settings("", &Common::default()).expect("nothing is needed");
        assert_eq!(settings, Settings { account: "ana".to_owned(), ..Settings::default() });
    }

    #[test]
    fn a_live_service_is_named_on_the_command_line_or_in_the_file() {
        let text = "region = 'mypurecloud.ie'\nclient_id = 'c'\nredirect_ports = [21451]\nca = 'x.pem'\n[hosts]\nlogin = 'https://sso.x'";
        let service = settings(text, &Common::default()).expect("it is well formed").service.expect("a service");
        assert_eq!((service.environment.as_str(), service.client_id.as_str()), ("mypurecloud.ie", "c"));
        assert_eq!((service.redirect_ports, service.hosts.login.as_deref()), (vec![21451], Some("https://sso.x")));
        let common = Common { region: Some("mypurecloud.de".into()), ..Common::default() };
        assert_eq!(
            settings(text, &common).expect("as before").service.expect("a service").environment,
            "mypurecloud.de"
        );
        let demo = Common { demo: true, ..Common::default() };
        assert_eq!(settings(text, &demo).expect("as before").service, None);
    }

    #[test]
    fn a_token_comes_from_stdin_without_standing_on_the_command_line() {
        let common = |token: &str| Common { token: Some(token.into()), ..Common::default() };
        let read = |token: &str, stdin: &str| token_of(&common(token), stdin);
        assert_eq!(read("-", "secret\nmore"), Some("secret".to_owned()));
        assert_eq!(read("plain", ""), Some("plain".to_owned()));
        for (token, stdin) in [("-", ""), ("-", "\n"), ("", ""), ("two words", "")] {
            assert_eq!(read(token, stdin), None, "{token}");
        }
        assert!(!format!("{:?}", token(&common("secret"), &mut "".as_bytes())).contains("secret"));
    }

    fn token_of(common: &Common, stdin: &str) -> Option<String> {
        token(common, &mut stdin.as_bytes()).ok().flatten().map(Private::into_inner)
    }

    #[test]
    fn a_broken_file_is_told_in_words() {
        for text in ["account", "account = 7", "dscp = 64", "dscp = 4711", "[sound]\nmicrophone = 'null'", "\u{0}"] {
            assert!(settings(text, &Common::default()).is_err_and(|why| !why.contains('\n')), "{text}");
        }
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let common = Common { config: Some("/no/such/offhook.toml".into()), ..Common::default() };
        let failure = Settings::load(&common).expect_err("it is not there");
        assert!(failure.notice.text.contains("/no/such/offhook.toml"), "{failure:?}");
    }
}
