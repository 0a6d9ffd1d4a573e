//! What is in force: policies, the settings file, the command line and what was chosen in the window, decided by one
//! engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use phone_audio::sound::Choice;
use phone_core::policy::{Effective, Finding, Layer, Layers, Setting, Source, Trouble, Value, read, resolve};
use phone_io::policy::{Places, ReadSettings};

use super::args::Common;
use super::exit::Failure;
use super::values::{input, output};

/// Larger is not ours.
const FILE_LIMIT: u64 = 64 * 1024;
/// Lines that are taken off the end of a broken file at most.
const SALVAGE_LINES: usize = 64;

/// What is in force.
#[derive(Clone, Default)]
pub struct Settings {
    pub demo: bool,
    pub exchange: Option<String>,
    pub account: String,
    pub log: Option<String>,
    pub microphone: Option<Choice>,
    pub speaker: Option<Choice>,
    pub ringer: Option<Choice>,
    /// Everything, decided.
    pub effective: Effective,
    /// All layers but what was chosen in the window.
    pub layers: Layers,
    /// What was ignored, and why.
    pub findings: Vec<Finding>,
    /// Policies and files that were read.
    pub sources: Vec<String>,
    pub reader: Reader,
}

/// Folders of this user; `None` where the system has no home folder.
pub fn folders() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "offhook")
}

/// Where the phone keeps devices, volumes and the selected station.
pub fn data_dir() -> Option<PathBuf> {
    folders().map(|folders| folders.data_dir().to_owned())
}

/// Reads all there is to read, at the start and whenever something may have changed.
#[derive(Clone, Default)]
pub struct Reader {
    common: Common,
    file: Option<PathBuf>,
    /// `None`: no policies (tests).
    places: Option<Places>,
}

/// What a [`Reader`] found.
#[derive(Default)]
struct Found {
    layers: Layers,
    findings: Vec<Finding>,
    sources: Vec<String>,
}

impl Reader {
    fn read(&self) -> Found {
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
        found
    }

    fn command_line(&self, layers: &mut Layers) {
        let common = &self.common;
        let texts =
            [(Setting::Exchange, &common.exchange), (Setting::Account, &common.account), (Setting::Log, &common.log)];
        let texts = texts.into_iter().filter_map(|(setting, text)| Some((setting, Value::Text(text.clone()?))));
        let relay = common.force_relay.then_some((Setting::ForceRelay, Value::Bool(true)));
        for (setting, value) in texts.chain(relay) {
            // What does not fit is told where it is used, with the words of the option.
            if let Ok(value) = setting.entry().accept(value) {
                layers.set(setting, value, Source::new(Layer::CommandLine, ""));
            }
        }
    }

    /// For the phone, which looks now and then whether something changed.
    pub fn again(&self) -> ReadSettings {
        let reader = self.clone();
        Arc::new(move || reader.read().layers)
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
        };
        // Practice starts afresh each time, as its window does.
        let chosen = data_dir().filter(|_| !common.demo).map(|folder| phone_io::chosen(&folder)).unwrap_or_default();
        Ok(Self::decide(reader, &chosen))
    }

    fn decide(reader: Reader, chosen: &Layers) -> Self {
        let Found { layers, mut findings, sources } = reader.read();
        let mut all = layers.clone();
        all.merge(chosen);
        let effective = resolve(&all);
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
        let demo = reader.common.demo;
        let mut sound = |setting: Setting, read: fn(&str) -> Result<Choice, String>| {
            let resolved = effective.get(setting)?;
            match read(resolved.value.as_ref()?.as_text()?) {
                Ok(choice) => Some(choice),
                Err(why) => {
                    let key = setting.entry().key;
                    let text = format!("{why}; it was ignored");
                    findings.push(Finding::new(&resolved.origin.to_string(), key, Trouble::BadValue, text));
                    None
                }
            }
        };
        let text = |setting| effective.text(setting).map(str::to_owned);
        Self {
            demo,
            // --demo means the exchange inside, whatever else is said.
            exchange: text(Setting::Exchange).filter(|_| !demo),
            account: text(Setting::Account).unwrap_or_else(|| "ana".to_owned()),
            log: text(Setting::Log),
            microphone: sound(Setting::SoundMicrophone, input),
            speaker: sound(Setting::SoundSpeaker, output),
            ringer: sound(Setting::SoundRinger, output),
            layers,
            findings,
            sources,
            effective,
            reader,
        }
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
                values.extend(below.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)))
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
    use super::*;

    /// From a file with this text, a command line and choices of the window.
    struct Try(PathBuf);

    impl Try {
        fn new(name: &str, text: &str) -> Self {
            let path = std::env::temp_dir().join(format!("offhook-config-{}-{name}.toml", std::process::id()));
            std::fs::write(&path, text).expect("the temporary folder can be written");
            Self(path)
        }

        fn settings(&self, common: &Common, chosen: &Layers) -> Settings {
            Settings::decide(Reader { common: common.clone(), file: Some(self.0.clone()), places: None }, chosen)
        }
    }

    impl Drop for Try {
        fn drop(&mut self) {
            std::fs::remove_file(&self.0).ok();
        }
    }

    fn from_text(name: &str, text: &str) -> Settings {
        Try::new(name, text).settings(&Common::default(), &Layers::default())
    }

    fn told(settings: &Settings) -> String {
        settings.findings.iter().map(|finding| format!("{finding}\n")).collect()
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
    fn without_a_file_the_user_is_ana() {
        let settings = from_text("empty", "");
        assert_eq!((settings.account.as_str(), settings.exchange, settings.findings.len()), ("ana", None, 0));
    }

    #[test]
    fn values_that_do_not_fit_are_told_and_the_rest_counts() {
        for (index, text) in
            ["account = 7", "dscp = 64", "dscp = 4711", "force_relay = 'maybe'", "sound.microphone = 'null'"]
                .iter()
                .enumerate()
        {
            let settings = from_text(&format!("bad-{index}"), &format!("log = 'warn'\n{text}"));
            assert_eq!(settings.log.as_deref(), Some("warn"), "{text}");
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

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let common = Common { config: Some("/no/such/offhook.toml".into()), ..Common::default() };
        let failure = Settings::load(&common).err().expect("it is not there");
        assert!(failure.notice.text.contains("/no/such/offhook.toml"), "{failure:?}");
    }
}
