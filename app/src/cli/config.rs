//! What is in force: policies, the settings file, the command line and what was chosen in the window, decided by one
//! engine.

use std::io::{BufRead, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use phone_audio::sound::Choice;
use phone_core::Private;
use phone_core::command::{HostOverrides, Service};
use phone_core::policy::{Effective, Finding, Layer, Layers, Resolved, Setting, Source, Trouble, read, resolve};
use phone_core::provisioning::Day;
use phone_core::provisioning::effective::{EffectivePhone, Missing, layers, of_phone, phone_of_user};
use phone_io::net::tls::Trust;
use phone_io::policy::{Places, ReadSettings};
use phone_io::provisioning::Folder;

use super::args::Common;
use super::exit::Failure;
use super::values::{input, output};
use crate::app::Report;

/// Larger is not ours.
const FILE_LIMIT: u64 = 64 * 1024;
/// Longest token that is read, in bytes.
const TOKEN_LIMIT: u64 = 16 * 1024;
/// Lines that are taken off the end of a broken file at most.
const SALVAGE_LINES: usize = 64;

/// What is in force.
#[derive(Clone, Default)]
pub struct Settings {
    pub demo: bool,
    pub exchange: Option<String>,
    pub account: String,
    /// A live service, if one is named.
    pub service: Option<Service>,
    pub token: Option<Private<String>>,
    /// Certificates that are trusted beside the system's.
    pub ca: Option<PathBuf>,
    pub log: Option<String>,
    pub microphone: Option<Choice>,
    pub speaker: Option<Choice>,
    pub ringer: Option<Choice>,
    /// Everything, decided.
    pub effective: Effective,
    /// All layers but what was chosen in the window.
    pub layers: Layers,
    /// What was chosen in the window.
    pub chosen: Layers,
    /// The phone of this user among the objects of the provisioning folder.
    pub phone: Option<EffectivePhone>,
    /// What was ignored, and why.
    pub findings: Vec<Finding>,
    /// Policies and files that were read.
    pub sources: Vec<String>,
    pub reader: Reader,
}

/// The day at this computer, UTC.
pub fn today() -> Day {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Day::of_unix(seconds)
}

/// The log-in name at this computer.
pub fn user_of_computer() -> Option<String> {
    let name = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).ok();
    name.filter(|name| !name.is_empty())
}

/// Folders of this user; `None` where the system has no home folder.
pub fn folders() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "offhook")
}

/// Where the phone keeps devices, volumes and the selected station.
pub fn data_dir() -> Option<PathBuf> {
    folders().map(|folders| folders.data_dir().to_owned())
}

/// The folder of `offhook phones` where none is named.
pub fn provisioning_folder() -> Option<PathBuf> {
    data_dir().map(|folder| folder.join("provisioning"))
}

/// Reads all there is to read, at the start and whenever something may have changed.
#[derive(Clone, Default)]
pub struct Reader {
    common: Common,
    file: Option<PathBuf>,
    /// `None`: no policies (tests).
    places: Option<Places>,
    /// The usual one; a setting may name another.
    provisioning: Option<PathBuf>,
    /// Where the phone that was selected last is kept.
    data: Option<PathBuf>,
    /// What was ignored when all was read last.
    told: Report,
}

/// What a [`Reader`] found.
#[derive(Default)]
struct Found {
    layers: Layers,
    phone: Option<EffectivePhone>,
    findings: Vec<Finding>,
    sources: Vec<String>,
}

impl Reader {
    fn read(&self, chosen: &Layers) -> Found {
        let mut found = Found::default();
        if let Some(places) = &self.places {
            let policies = phone_io::policy::read(places);
            found.layers = policies.layers;
            found.findings = policies.findings;
            found.sources = policies.sources;
        }
        if let Some(path) = &self.file {
            let place = path.display().to_string();
            match read_file(path) {
                Ok(text) => {
                    found.sources.push(place.clone());
                    file_layer(&text, &place, &mut found);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let text = format!("it cannot be read ({error}); it was ignored");
                    found.findings.push(Finding::new(&place, "", Trouble::Unreadable, text));
                }
            }
        }
        self.command_line(&mut found.layers);
        // Practice has its own objects.
        if !self.common.demo {
            self.provisioned(chosen, &mut found);
        }
        found
    }

    /// What the objects of the provisioning folder say about the phone of this user. Who that is, and which folder, is
    /// decided by what was read so far.
    fn provisioned(&self, chosen: &Layers, found: &mut Found) {
        let mut so_far = found.layers.clone();
        so_far.merge(chosen);
        let so_far = resolve(&so_far);
        let named = so_far.text(Setting::Provisioning).map(PathBuf::from);
        let Some(folder) = named.or_else(|| self.provisioning.clone()) else { return };
        let place = folder.join("active.json").display().to_string();
        let mut tell = |trouble, text: String| found.findings.push(Finding::new(&place, "", trouble, text));
        let (objects, damage) = match Folder::reading(folder).active() {
            Ok(read) => read,
            Err(error) => {
                let why = super::station::with_causes(&error);
                return tell(Trouble::Unreadable, format!("{why}; it was ignored"));
            }
        };
        for finding in damage {
            tell(Trouble::BadValue, format!("{finding}; it was ignored"));
        }
        if objects.is_empty() {
            return;
        }
        found.sources.push(place.clone());
        let login = so_far.text(Setting::Account).map(str::to_owned).or_else(|| {
            let practice = so_far.is_set(Setting::Exchange) && !so_far.is_set(Setting::Region);
            if practice { Some("ana".to_owned()) } else { user_of_computer() }
        });
        let wanted = self.data.as_deref().and_then(phone_io::selected_phone);
        match phone_of_user(&objects, login.as_deref().unwrap_or_default(), wanted.as_deref()) {
            Ok(phone) => {
                found.layers.merge(&layers(&objects, phone, Some(today())));
                found.phone = of_phone(&objects, &phone.name).ok();
            }
            // A folder may be kept for others.
            Err(Missing::NotCreated) => {}
            Err(missing) => {
                let why = missing.sentence();
                let text = format!("{}, so no phone of it counts here", why.trim_end_matches('.'));
                found.findings.push(Finding::new(&place, "", Trouble::NoPhone, text));
            }
        }
    }

    fn command_line(&self, layers: &mut Layers) {
        let common = &self.common;
        let texts = [
            (Setting::Exchange, &common.exchange),
            (Setting::Account, &common.account),
            (Setting::Region, &common.region),
            (Setting::ClientId, &common.client_id),
            (Setting::SoundCancelEcho, &common.cancel_echo),
            (Setting::SoundReduceNoise, &common.reduce_noise),
            (Setting::SoundEvenOut, &common.even_out),
            (Setting::Log, &common.log),
        ];
        let texts = texts.into_iter().filter_map(|(setting, text)| Some((setting, text.as_deref()?)));
        let relay = common.force_relay.then_some((Setting::ForceRelay, "on"));
        for (setting, text) in texts.chain(relay) {
            // What does not fit is told at the start: see `check_options`.
            if let Ok(value) = setting.entry().parse(text) {
                layers.set(setting, value, Source::new(Layer::CommandLine, ""));
            }
        }
    }

    /// For the phone, which looks now and then whether something changed: what was said elsewhere, with what the
    /// window chose before this start.
    pub fn again(&self, chosen: &Layers) -> ReadSettings {
        let (reader, chosen) = (self.clone(), chosen.clone());
        Arc::new(move || Settings::decide(reader.clone(), &chosen).of_phone())
    }

    /// For the window: what was ignored, as of the last time that all was read. What the phone decides anew, such as
    /// wishes that a policy overrules, the phone tells itself.
    pub fn report(&self) -> Report {
        Arc::clone(&self.told)
    }
}

impl Settings {
    /// Reads policies, the file named on the command line or the usual one, and what was chosen in the window.
    pub fn load(common: &Common) -> Result<Self, Failure> {
        let config = folders().map(|folders| folders.config_dir().to_owned());
        if let Some(path) = &common.config
            && let Err(error) = read_file(path)
        {
            return Err(Failure::usage(
                "config-unreadable",
                format!("The settings file {} cannot be read: {error}.", path.display()),
                "Check its path and who may read it, or leave --config out.",
            ));
        }
        let usual = config.as_ref().map(|folder| folder.join("offhook.toml"));
        let reader = Reader {
            common: common.clone(),
            file: common.config.clone().or(usual),
            places: Some(Places::of_system(config)),
            provisioning: provisioning_folder(),
            data: data_dir(),
            told: Report::default(),
        };
        check_options(common)?;
        let token = token(common, &mut std::io::stdin().lock())?;
        // Practice starts afresh each time, as its window does.
        let chosen = data_dir().filter(|_| !common.demo).map(|folder| phone_io::chosen(&folder)).unwrap_or_default();
        Ok(Self { token, ..Self::decide(reader, &chosen) })
    }

    fn decide(reader: Reader, chosen: &Layers) -> Self {
        let Found { layers, phone, mut findings, sources } = reader.read(chosen);
        let mut all = layers.clone();
        all.merge(chosen);
        let effective = resolve(&all);
        let demo = reader.common.demo;
        // Some values only their users can judge.
        let mut ignore = |resolved: &Resolved, why: &str| {
            let (place, key) = (resolved.origin.to_string(), resolved.setting.entry().key);
            findings.push(Finding::new(&place, key, Trouble::BadValue, format!("{why}; it was ignored")));
        };
        let of = |setting| Some((effective.get(setting)?, effective.text(setting)?));
        let log = of(Setting::Log).and_then(|(resolved, text)| match super::log_filter(text) {
            // Who types it gets an error instead, when the log is opened.
            Err(why) if resolved.origin.layer != Layer::CommandLine => {
                ignore(resolved, &why);
                None
            }
            _ => Some(text.to_owned()),
        });
        let ca = of(Setting::Ca).and_then(|(resolved, text)| match Trust::with_file(Path::new(text)) {
            Ok(_) => Some(PathBuf::from(text)),
            Err(why) => {
                ignore(resolved, &format!("{text} cannot be used ({why})"));
                None
            }
        });
        let mut usable = |setting, read: &dyn Fn(&str) -> Result<Choice, String>| {
            let (resolved, text) = of(setting)?;
            read(text).map_err(|why| ignore(resolved, &why)).ok()
        };
        let [microphone, speaker, ringer] = [
            usable(Setting::SoundMicrophone, &input),
            usable(Setting::SoundSpeaker, &output),
            usable(Setting::SoundRinger, &output),
        ];
        reader.told.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&findings);
        for resolved in effective.iter() {
            for given in resolved.overruled() {
                let why = match given.ignored {
                    Some(ignored) => ignored.words().to_owned(),
                    None => format!("{} says otherwise", resolved.origin),
                };
                let entry = resolved.setting.entry();
                let what = format!(
                    "{} is {}, not {}: {why}",
                    entry.title,
                    entry.words(resolved.value.as_ref()),
                    entry.words(Some(&given.value))
                );
                findings.push(Finding::new(&given.source.to_string(), entry.key, Trouble::Conflict, what));
            }
        }
        let text = |setting| effective.text(setting).map(str::to_owned);
        // Of a practice exchange and a live service the one counts that somebody stronger asked for.
        let strength = |setting| effective.get(setting).map(|resolved| resolved.origin.layer);
        let practice_is_stronger = strength(Setting::Exchange) > strength(Setting::Region);
        let service_is_stronger = strength(Setting::Region) > strength(Setting::Exchange);
        Self {
            demo,
            // --demo means the exchange inside, whatever else is said.
            exchange: text(Setting::Exchange).filter(|_| !demo && !service_is_stronger),
            account: text(Setting::Account).unwrap_or_else(|| "ana".to_owned()),
            service: service(&effective).filter(|_| !demo && !practice_is_stronger),
            token: None,
            ca,
            log,
            microphone,
            speaker,
            ringer,
            layers,
            chosen: chosen.clone(),
            phone,
            findings,
            sources,
            effective,
            reader,
        }
    }

    /// All layers that a phone starts with.
    pub fn of_phone(&self) -> Layers {
        let mut layers = self.layers.clone();
        layers.merge(&self.chosen);
        layers
    }

    /// What was asked for on the command line in vain: worth a word at once, not only in the report.
    pub fn in_vain(&self) -> impl Iterator<Item = String> {
        let given = self.effective.iter().flat_map(|resolved| resolved.overruled().map(move |given| (resolved, given)));
        given.filter(|(_, given)| given.source.layer == Layer::CommandLine).map(|(resolved, _)| {
            let entry = resolved.setting.entry();
            let option = entry.option.unwrap_or(entry.key);
            format!(
                "{option} has no effect: “{}” is {}, set by {}.",
                entry.title,
                entry.words(resolved.value.as_ref()),
                resolved.origin
            )
        })
    }
}

/// The live service that is named, if one is.
fn service(effective: &Effective) -> Option<Service> {
    let text = |setting| effective.text(setting).map(str::to_owned);
    Some(Service {
        environment: text(Setting::Region)?,
        client_id: text(Setting::ClientId).unwrap_or_default(),
        hosts: HostOverrides {
            login: text(Setting::HostsLogin),
            api: text(Setting::HostsApi),
            streaming: text(Setting::HostsStreaming),
        },
        // The schema let nothing through but ports.
        redirect_ports: effective.list(Setting::RedirectPorts).iter().filter_map(|port| port.parse().ok()).collect(),
        ..Service::default()
    })
}

/// A person who types an option waits for the answer, so what cannot be is an error here, and no finding.
fn check_options(common: &Common) -> Result<(), Failure> {
    common.exchange.as_deref().map(super::station::checked_origin).transpose()?;
    let options = [
        (Setting::Account, &common.account),
        (Setting::Region, &common.region),
        (Setting::ClientId, &common.client_id),
        (Setting::SoundCancelEcho, &common.cancel_echo),
        (Setting::SoundReduceNoise, &common.reduce_noise),
        (Setting::SoundEvenOut, &common.even_out),
    ];
    for (setting, text) in options {
        let Some(text) = text else { continue };
        let entry = setting.entry();
        if let Err(why) = entry.parse(text) {
            let option = entry.option.unwrap_or(entry.key);
            return Err(Failure::usage(
                "bad-option",
                format!("{option} cannot be `{text}`: {why}."),
                "Write it another way, or leave it out.",
            ));
        }
    }
    Ok(())
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

fn read_file(path: &Path) -> std::io::Result<String> {
    let facts = std::fs::metadata(path)?;
    if !facts.is_file() || facts.len() > FILE_LIMIT {
        return Err(std::io::Error::other("it is no settings file"));
    }
    std::fs::read_to_string(path)
}

/// A file that is broken at one place is read up to there.
fn file_layer(text: &str, place: &str, found: &mut Found) {
    let table = match toml::from_str::<toml::Table>(text) {
        Ok(table) => table,
        Err(error) => {
            let why = error.message().replace('\n', " ");
            let lines: Vec<&str> = text.lines().collect();
            let rest = (1..=lines.len().min(SALVAGE_LINES))
                .find_map(|less| toml::from_str(&lines.get(..lines.len() - less)?.join("\n")).ok());
            let read = if rest.is_some() { "only what stands before it counts" } else { "it was ignored" };
            found.findings.push(Finding::new(place, "", Trouble::Unreadable, format!("it is broken ({why}); {read}")));
            rest.unwrap_or_default()
        }
    };
    let mut values = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(below) => {
                values.extend(below.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            value => values.push((key, value)),
        }
    }
    let values = values.into_iter().map(|(key, value)| (key, serde_json::to_value(value).unwrap_or_default()));
    let source = Source::new(Layer::File, place);
    read::file_values(values, &source, &mut found.layers, &mut found.findings);
}

#[cfg(test)]
mod tests {
    use phone_core::policy::Value;
    use phone_core::sound::{NoiseReduction, Processing};
    use phone_tests::process::Scratch;

    use super::*;

    /// From a file with this text, a command line and choices of the window.
    struct Try(Scratch);

    impl Try {
        fn new(name: &str, text: &str) -> Self {
            let folder = Scratch::new(name);
            std::fs::write(folder.file("offhook.toml"), text).expect("the temporary folder can be written");
            Self(folder)
        }

        fn settings(&self, common: &Common, chosen: &Layers) -> Settings {
            Settings::decide(
                Reader { common: common.clone(), file: Some(self.0.file("offhook.toml")), ..Reader::default() },
                chosen,
            )
        }
    }

    fn from_text(name: &str, text: &str) -> Settings {
        Try::new(name, text).settings(&Common::default(), &Layers::default())
    }

    fn told(settings: &Settings) -> String {
        settings.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
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
        let settings = from_text("read", FILE);
        assert_eq!(settings.exchange.as_deref(), Some("http://127.0.0.1:8443"));
        assert_eq!(settings.account, "ben");
        assert!(settings.effective.is_on(Setting::ForceRelay));
        assert_eq!(settings.effective.integer(Setting::Dscp), Some(0));
        assert_eq!(settings.microphone, Some(Choice::Tone(440.0)));
        assert_eq!(settings.speaker, Some(Choice::Device("pulseaudio:spk".to_owned())));
        let told = told(&settings);
        assert!(told.contains("colour: there is no such setting") && told.contains("sound.horn: "), "{told}");
        assert_eq!(settings.findings.len(), 2);
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let common = Common { account: Some("zoe".to_owned()), demo: true, ..Common::default() };
        let settings = Try::new("wins", FILE).settings(&common, &Layers::default());
        assert_eq!(settings.account, "zoe");
        assert_eq!((settings.demo, settings.exchange), (true, None));
    }

    #[test]
    fn what_was_chosen_in_the_window_last_wins_over_the_file() {
        let mut chosen = Layers::default();
        let you = || Source::new(Layer::Chosen, "");
        chosen.set(Setting::SoundMicrophone, Value::Text("device:a".to_owned()), you());
        chosen.set(Setting::SoundRinger, Value::Text("device:b".to_owned()), you());
        let settings = Try::new("chosen", FILE).settings(&Common::default(), &chosen);
        let device = |id: &str| Some(Choice::Device(id.to_owned()));
        assert_eq!((settings.microphone, settings.ringer), (device("a"), device("b")));
    }

    #[test]
    fn row_58_processing_may_be_said_in_the_file_in_the_window_and_on_the_command_line() {
        let file = Try::new("voice", "[sound]\ncancel_echo = 'never'\nreduce_noise = 'strong'\neven_out = 'loudly'");
        let of = |common: &Common, chosen: &Layers| Processing::of(&file.settings(common, chosen).effective);
        let (usual, nothing) = (Common::default(), Layers::default());
        let (never, strong) = (Some(false), Some(NoiseReduction::Strong));
        let said = Processing { cancel_echo: never, reduce_noise: strong, even_out: false };
        assert_eq!(of(&usual, &nothing), said);
        assert!(told(&file.settings(&usual, &nothing)).contains("sound.even_out: the value does not fit"));
        let mut chosen = Layers::default();
        chosen.set(Setting::SoundReduceNoise, Value::Text("off".to_owned()), Source::new(Layer::Chosen, ""));
        assert_eq!(of(&usual, &chosen), Processing { reduce_noise: Some(NoiseReduction::Off), ..said });
        let common = Common {
            cancel_echo: Some("Always".to_owned()),
            reduce_noise: Some("automatic".to_owned()),
            even_out: Some("on".to_owned()),
            ..Common::default()
        };
        assert_eq!(
            of(&common, &chosen),
            Processing { cancel_echo: Some(true), reduce_noise: None, even_out: true },
            "this start's word is the last"
        );
    }

    #[test]
    fn without_a_file_the_user_is_ana() {
        let settings = from_text("empty", "");
        assert_eq!((settings.account.as_str(), settings.exchange, settings.findings.len()), ("ana", None, 0));
    }

    #[test]
    fn a_live_service_is_named_on_the_command_line_or_in_the_file() {
        let file = Try::new(
            "live",
            "region = 'mypurecloud.ie'\nclient_id = 'c'\nredirect_ports = [21451]\nca = 'x.pem'\n[hosts]\n\
            login = 'https://sso.x'",
        );
        let of = |common: Common| file.settings(&common, &Layers::default());
        let settings = of(Common::default());
        assert_eq!(settings.ca, None, "no such file");
        assert!(told(&settings).contains("ca: x.pem cannot be used"), "{}", told(&settings));
        let service = settings.service.expect("it is in the file");
        assert_eq!((service.environment.as_str(), service.client_id.as_str()), ("mypurecloud.ie", "c"));
        assert_eq!((service.redirect_ports, service.hosts.login.as_deref()), (vec![21451], Some("https://sso.x")));
        let region = of(Common { region: Some("mypurecloud.de".into()), ..Common::default() });
        assert_eq!(region.service.map(|service| service.environment).as_deref(), Some("mypurecloud.de"));
        let practice = of(Common { exchange: Some("http://127.0.0.1:1".into()), ..Common::default() });
        assert_eq!((practice.service, practice.exchange.as_deref()), (None, Some("http://127.0.0.1:1")));
        assert_eq!(of(Common { demo: true, ..Common::default() }).service, None);
    }

    #[test]
    fn a_service_that_the_organisation_names_cannot_be_left_for_another() {
        let file = Try::new("region", "region = 'mypurecloud.ie'");
        let mut policy = Layers::default();
        let source = || Source::new(Layer::MandatoryMachine, "p.json");
        policy.set(Setting::Region, Value::Text("mypurecloud.de".to_owned()), source());
        let common = Common { exchange: Some("http://127.0.0.1:1".into()), ..Common::default() };
        let settings = file.settings(&common, &policy);
        assert_eq!(settings.exchange, None);
        assert_eq!(settings.service.map(|service| service.environment).as_deref(), Some("mypurecloud.de"));
    }

    #[test]
    fn an_option_that_cannot_be_is_an_error_with_its_name() {
        for (common, option) in [
            (Common { region: Some("my cloud".into()), ..Common::default() }, "--region"),
            (Common { account: Some(String::new()), ..Common::default() }, "--account"),
            (Common { cancel_echo: Some("perhaps".into()), ..Common::default() }, "--cancel-echo"),
            (Common { reduce_noise: Some("loud".into()), ..Common::default() }, "--reduce-noise"),
            (Common { even_out: Some("7".into()), ..Common::default() }, "--even-out"),
        ] {
            let failure = check_options(&common).expect_err("it cannot be");
            assert!(failure.notice.text.contains(option), "{failure:?}");
        }
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
    fn values_that_do_not_fit_are_told_and_the_rest_counts() {
        for (index, text) in [
            "account = 7",
            "dscp = 64",
            "dscp = 4711",
            "force_relay = 'maybe'",
            "sound.microphone = 'null'",
            "log = 'phone_io=loud'",
            "exchange = 'the one upstairs'",
            "redirect_ports = [0]",
            "ca = '/no/such/file'",
        ]
        .iter()
        .enumerate()
        {
            let settings = from_text(&format!("bad-{index}"), &format!("client_id = 'c'\n{text}"));
            assert_eq!(settings.effective.text(Setting::ClientId), Some("c"), "{text}");
            assert_eq!((&settings.log, &settings.ca, &settings.exchange), (&None, &None, &None), "{text}");
            assert_eq!(settings.findings.len(), 1, "{text}: {}", told(&settings));
            assert!(!told(&settings).trim().contains('\n'), "{text}");
        }
    }

    #[test]
    fn a_file_cut_in_half_starts_the_phone_with_its_first_half() {
        for cut in 1..FILE.len() {
            let settings = from_text("half", &FILE[..cut]);
            if FILE[..cut].contains("account = \"ben\"\n") {
                assert_eq!(settings.account, "ben", "cut at {cut}");
            }
        }
        let settings = from_text("half", "account = 'ben'\nforce_relay = tr");
        assert!(told(&settings).contains("only what stands before it counts"), "{}", told(&settings));
        let settings = from_text("half", "\u{0}");
        assert_eq!((settings.account.as_str(), settings.findings.len()), ("ana", 1));
    }

    #[test]
    fn an_option_in_vain_is_told_with_who_decided() {
        let common = Common { account: Some("zoe".to_owned()), ..Common::default() };
        let mut policy = Layers::default();
        policy.set(Setting::Account, Value::Text("ben".to_owned()), Source::new(Layer::MandatoryMachine, "p.json"));
        let settings = Try::new("vain", "account = 'eve'").settings(&common, &policy);
        assert_eq!(settings.account, "ben");
        let told: Vec<String> = settings.in_vain().collect();
        assert_eq!(told, ["--account has no effect: “Account” is ben, set by policy for this computer p.json."]);
        assert_eq!(settings.findings.len(), 2, "the file's wish is in the report too");
    }

    /// A provisioning folder in force: objects as they are exported.
    fn provisioned(objects: &str, common: Common, chosen: &Layers) -> Settings {
        let folder = Scratch::new("provisioned");
        std::fs::write(folder.file("active.json"), objects).expect("it can be written");
        let provisioning = Some(folder.path().to_owned());
        Settings::decide(Reader { common, provisioning, ..Reader::default() }, chosen)
    }

    const OBJECTS: &str = r#"{
        "global": {"settings": {"auto_answer": true, "dscp": 40, "transport_dscp": 10}},
        "sites": [{"name": "Madrid", "media_regions": ["eu-west-1"]}],
        "base_settings": [{"name": "Support_WebRTC_Standard", "settings": {"dscp": 34, "persistent_timeout": 300}}],
        "users": [{"name": "Ana Kovacs", "login": "ana"}, {"name": "Ben Okafor", "login": "ben"}],
        "phones": [
            {"name": "AnaK_WebRTC", "site": "Madrid", "base_settings": "Support_WebRTC_Standard", "user": "Ana Kovacs",
             "settings": {"persistent_timeout": 120}},
            {"name": "BenO_WebRTC", "site": "Madrid", "base_settings": "Support_WebRTC_Standard", "user": "Ben Okafor",
             "enabled": false}]}"#;

    #[test]
    fn row_4_and_130_the_phone_of_the_folder_decides_and_every_value_names_its_layer() {
        let common =
            Common { account: Some("ana".into()), exchange: Some("http://127.0.0.1:1".into()), ..Common::default() };
        let mut chosen = Layers::default();
        chosen.set(Setting::TransportDscp, Value::Integer(26), Source::new(Layer::Chosen, ""));
        let settings = provisioned(OBJECTS, common, &chosen);
        let origin =
            |setting| settings.effective.get(setting).map(|found| found.origin.to_string()).unwrap_or_default();
        for (setting, value, layer) in [
            (Setting::AutoAnswer, Value::Bool(true), "global settings"),
            (Setting::Dscp, Value::Integer(34), "base settings Support_WebRTC_Standard"),
            (Setting::PersistentTimeout, Value::Integer(120), "phone AnaK_WebRTC"),
            (Setting::TransportDscp, Value::Integer(26), "you, in the window"),
            (Setting::ForceRelay, Value::Bool(false), "built in"),
        ] {
            assert_eq!(settings.effective.value(setting), Some(&value), "{setting:?}");
            assert_eq!(origin(setting), layer, "{setting:?}");
        }
        assert_eq!(settings.phone.as_ref().map(|phone| phone.site.as_str()), Some("Madrid"));
        assert!(settings.of_phone().get(Setting::AutoAnswer, Layer::Global).is_some(), "the phone is told");
        assert!(settings.sources.iter().any(|source| source.ends_with("active.json")), "{:?}", settings.sources);
    }

    #[test]
    fn row_27_a_phone_of_the_folder_that_cannot_be_used_is_told_and_decides_nothing() {
        let of = |account: &str, objects: &str| {
            let common = Common { account: Some(account.into()), ..Common::default() };
            provisioned(objects, common, &Layers::default())
        };
        let ben = of("ben", OBJECTS);
        assert!(told(&ben).contains("Phone BenO_WebRTC is disabled, so no phone of it counts here"), "{}", told(&ben));
        assert!(!ben.effective.is_on(Setting::AutoAnswer) && ben.phone.is_none());
        let stranger = of("carla", OBJECTS);
        assert_eq!((told(&stranger).as_str(), stranger.phone), ("", None), "a folder may be kept for others");
        let broken = of("dev", "{");
        assert!(told(&broken).contains("it is no JSON"), "{}", told(&broken));
        let practice = Common { demo: true, account: Some("ana".into()), ..Common::default() };
        let demo = provisioned(OBJECTS, practice, &Layers::default());
        assert_eq!(demo.phone, None, "practice has its own objects");
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let common = Common { config: Some("/no/such/offhook.toml".into()), ..Common::default() };
        let failure = Settings::load(&common).err().expect("it is not there");
        assert!(failure.notice.text.contains("/no/such/offhook.toml"), "{failure:?}");
    }
}
