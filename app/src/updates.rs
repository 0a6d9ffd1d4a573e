//! Newer versions: looks for them where a policy or the user wants that, and remembers what was put off. Nothing is
//! downloaded or installed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use chrono::Timelike as _;
use phone_core::Snapshot;
use phone_core::entropy::Entropy;
use phone_core::event::Notice;
use phone_core::policy::{Effective, Platform, Setting};
use phone_core::update::{self, Channel, Here, Hours, Offer, Source, UpdateError};
use phone_io::administration::BlockingHttp;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::cli::config::today;
use crate::os::preferences::keep_in_background;

/// After the start, when the phone has long been ready.
const FIRST: Duration = Duration::from_mins(1);
const EVERY: Duration = Duration::from_hours(24);
/// A start of the computer finds no network at times.
const AGAIN: Duration = Duration::from_hours(1);

/// What runs. A build carries what is a version, or the tests fail.
pub fn own_version() -> Version {
    env!("CARGO_PKG_VERSION").parse().unwrap_or(Version::new(0, 0, 0))
}

/// Where to look; `None`: the settings name no feed or no key.
pub fn source(rules: &Effective) -> Option<Source> {
    let text = |setting| rules.text(setting).map(str::to_owned);
    Some(Source { feed: text(Setting::UpdateFeed)?, key: text(Setting::UpdateKey)? })
}

/// Why no newer version could be looked for, for people.
pub fn in_words(error: &UpdateError) -> Notice {
    let remedy = match error {
        UpdateError::NotHttps => "Set update.feed to an address that begins with https://.",
        UpdateError::BadKey => "Set update.key to the second line of the .pub file that minisign wrote.",
        UpdateError::Http(_) | UpdateError::Status { .. } => "Check the address in update.feed and the network.",
        UpdateError::Forged => {
            "Install nothing from there. Tell your IT; the key in update.key may have been replaced."
        }
        UpdateError::Malformed(_) => "Tell whoever publishes the feed.",
        UpdateError::Expired(_) => "Tell whoever publishes the feed, or check the date of this computer.",
    };
    Notice { id: "no-update-feed", text: format!("Newer versions are unknown: {error}."), remedy: remedy.to_owned() }
}

/// Fetches the feed, and says what it has for this computer. Takes as long as the network does.
pub fn look(rules: &Effective, source: &Source, lot: Option<u8>) -> Result<Option<Offer>, Notice> {
    let mut http = BlockingHttp::new(rules.text(Setting::Ca).map(Path::new))?;
    let feed = update::fetch(&mut http, source, today()).map_err(|error| in_words(&error))?;
    let channel = rules.text(Setting::UpdateChannel).and_then(Channel::of).unwrap_or_default();
    Ok(update::offer(&feed, &Here { version: own_version(), platform: Platform::HERE, channel, lot }))
}

/// What is kept between starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Which hundredth of all computers this one belongs to.
    lot: Option<u8>,
    put_off: Option<String>,
}

type Wake = Arc<dyn Fn() + Send + Sync>;
type Found = Result<Option<Offer>, Notice>;

/// The looking of a window.
pub struct Updates {
    /// `None`: nothing is kept (tests).
    file: Option<PathBuf>,
    kept: Kept,
    due: Instant,
    /// What was asked last.
    asked: Option<Source>,
    running: Option<Receiver<Found>>,
    offer: Option<Offer>,
}

impl Updates {
    pub fn start(file: Option<PathBuf>, now: Instant) -> Self {
        let text = file.as_deref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let kept = toml::from_str(&text).unwrap_or_default();
        Self { file, kept, due: now + FIRST, asked: None, running: None, offer: None }
    }

    /// Goes on as far as it can without waiting. What `wake` gives is called when there is something to draw.
    pub fn follow(&mut self, snapshot: &Snapshot, now: Instant, wake: impl FnOnce() -> Wake) {
        if let Some(running) = &self.running {
            match running.try_recv() {
                Ok(found) => self.take(found, now),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {}
            }
            self.running = None;
        }
        let rules = &snapshot.settings;
        let wanted = rules.text(Setting::UpdateMode) == Some("notify");
        if !wanted {
            self.offer = None;
            return;
        }
        // Another feed was never asked.
        if self.asked.is_some() && self.asked != source(rules) {
            (self.asked, self.offer, self.due) = (None, None, now);
        }
        if now < self.due || !snapshot.calls.is_empty() || !in_hours(rules) {
            return;
        }
        let Some(source) = source(rules) else { return };
        self.due = now + EVERY;
        self.asked = Some(source.clone());
        let (rules, lot, wake) = (Arc::clone(rules), self.lot(), wake());
        let (answer, running) = sync_channel(1);
        let spawned = std::thread::Builder::new().name("updates".to_owned()).spawn(move || {
            // Fails when the window is closed, and then nobody wants it.
            if answer.send(look(&rules, &source, Some(lot))).is_ok() {
                wake();
            }
        });
        match spawned {
            Ok(_) => self.running = Some(running),
            Err(error) => tracing::warn!(%error, "newer versions could not be looked for"),
        }
    }

    fn take(&mut self, found: Found, now: Instant) {
        match found {
            Ok(offer) => self.offer = offer,
            Err(notice) => {
                tracing::warn!(text = notice.text, "newer versions could not be looked for");
                self.due = now + AGAIN;
            }
        }
    }

    /// What to tell now: not in a call, not outside the hours, and not again what was put off unless it is required.
    pub fn offer(&self, snapshot: &Snapshot) -> Option<&Offer> {
        let offer = self.offer.as_ref()?;
        let put_off = self.kept.put_off.as_deref() == Some(offer.version.to_string().as_str());
        let quiet = snapshot.calls.is_empty() && in_hours(&snapshot.settings);
        (quiet && (offer.required || !put_off)).then_some(offer)
    }

    /// Not to be told of this version again.
    pub fn put_off(&mut self) {
        self.kept.put_off = self.offer.as_ref().map(|offer| offer.version.to_string());
        self.keep();
    }

    fn lot(&mut self) -> u8 {
        if let Some(lot) = self.kept.lot.filter(|lot| *lot < 100) {
            return lot;
        }
        // Without random numbers it is among the last to be told.
        let lot = Entropy::from_system().ok().and_then(|mut entropy| {
            let number = u32::from_str_radix(entropy.uuid().get(..8)?, 16).ok()?;
            u8::try_from(number % 100).ok()
        });
        let lot = lot.unwrap_or(99);
        self.kept.lot = Some(lot);
        self.keep();
        lot
    }

    fn keep(&self) {
        if let Some(file) = &self.file {
            keep_in_background(self.kept.clone(), file.clone());
        }
    }
}

/// Whether the hours that the settings name are now, at the clock of this computer.
fn in_hours(rules: &Effective) -> bool {
    let Some(hours) = rules.text(Setting::UpdateHours).and_then(Hours::parse) else { return true };
    let now = chrono::Local::now();
    hours.contain(u16::try_from(now.hour() * 60 + now.minute()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use phone_core::policy::{Layer, Layers, Source as From, resolve};
    use phone_core::snapshot::CallState;
    use phone_tests::process::Scratch;

    use super::*;
    use crate::model::made_up;

    fn snapshot(settings: &[(Setting, &str)]) -> Snapshot {
        let mut layers = Layers::default();
        for (setting, text) in settings {
            let value = setting.entry().parse(text).unwrap();
            layers.set(*setting, value, From::new(Layer::File, "offhook.toml"));
        }
        let mut picture = made_up::snapshot(Vec::new());
        picture.settings = Arc::new(resolve(&layers));
        picture
    }

    fn an_offer(version: &str, required: bool) -> Offer {
        Offer { version: version.parse().unwrap(), notes: None, required }
    }

    fn updates(file: Option<PathBuf>) -> Updates {
        let mut updates = Updates::start(file, Instant::now());
        updates.offer = Some(an_offer("9.0.0", false));
        updates
    }

    fn silent() -> Wake {
        Arc::new(|| {})
    }

    const NOTIFY: (Setting, &str) = (Setting::UpdateMode, "notify");

    #[test]
    fn this_build_has_a_version() {
        assert!(own_version() > Version::new(0, 0, 0));
    }

    #[test]
    fn a_new_version_is_told_until_it_is_put_off_and_the_next_one_is_told_again() {
        let scratch = Scratch::new("updates");
        let file = scratch.path().join("updates.toml");
        let picture = snapshot(&[NOTIFY]);
        let mut window = updates(Some(file.clone()));
        assert!(window.offer(&picture).is_some());
        window.put_off();
        assert!(window.offer(&picture).is_none());
        // The next start, when it was saved.
        let saved = phone_tests::process::wait_for(Duration::from_secs(10), || {
            let mut later = updates(Some(file.clone()));
            later.offer(&picture).is_none().then(|| {
                later.offer = Some(an_offer("9.0.1", false));
                later
            })
        });
        assert!(saved.expect("it was saved").offer(&picture).is_some());
        let mut required = updates(Some(file));
        required.offer = Some(an_offer("9.0.0", true));
        assert!(required.offer(&picture).is_some(), "what is required cannot be put off");
    }

    #[test]
    fn nothing_is_told_in_a_call_or_outside_the_hours_or_when_it_was_switched_off() {
        let mut window = updates(None);
        let mut busy = snapshot(&[NOTIFY]);
        busy.calls = vec![made_up::call(1, "Tom", CallState::Connected, Instant::now())];
        assert!(window.offer(&busy).is_none());
        let minute = |offset: i64| {
            let time = chrono::Local::now() + chrono::TimeDelta::minutes(offset);
            time.format("%H%M").to_string()
        };
        let now = format!("{}-{}", minute(-60), minute(60));
        let later = format!("{}-{}", minute(60), minute(120));
        assert!(window.offer(&snapshot(&[NOTIFY, (Setting::UpdateHours, &now)])).is_some());
        assert!(window.offer(&snapshot(&[NOTIFY, (Setting::UpdateHours, &later)])).is_none());
        window.follow(&snapshot(&[]), Instant::now(), silent);
        assert!(window.offer(&snapshot(&[])).is_none());
    }

    #[test]
    fn nothing_is_asked_before_its_time_or_in_a_call_or_without_a_feed() {
        let feed = [NOTIFY, (Setting::UpdateFeed, "http://127.0.0.1:9/feed"), (Setting::UpdateKey, "none")];
        let (begin, full, without) = (Instant::now(), snapshot(&feed), snapshot(&[NOTIFY]));
        let mut in_call = full.clone();
        in_call.calls = vec![made_up::call(1, "Tom", CallState::Connected, begin)];
        for (picture, passed, asks) in
            [(&full, 1, false), (&in_call, 61, false), (&without, 61, false), (&full, 61, true)]
        {
            let mut window = Updates::start(None, begin);
            window.follow(picture, begin + Duration::from_secs(passed), silent);
            assert_eq!(window.running.is_some(), asks, "{passed}");
        }
        // Another feed is asked at once, and what the old one said counts no more.
        let mut window = Updates::start(None, begin);
        window.follow(&full, begin + FIRST, silent);
        window.running = None;
        window.offer = Some(an_offer("9.0.0", false));
        window.follow(&full, begin + 2 * FIRST, silent);
        assert!(window.running.is_none() && window.offer.is_some());
        let other = [NOTIFY, (Setting::UpdateFeed, "http://127.0.0.1:9/other"), (Setting::UpdateKey, "none")];
        window.follow(&snapshot(&other), begin + 2 * FIRST, silent);
        assert!(window.running.is_some() && window.offer.is_none());
        // It was no key: told to the log, and tried again in an hour.
        let mut window = Updates::start(None, begin);
        window.take(Err(in_words(&UpdateError::BadKey)), begin);
        assert_eq!(window.due, begin + AGAIN);
    }

    #[test]
    fn a_lot_is_drawn_once() {
        let scratch = Scratch::new("lot");
        let file = scratch.path().join("updates.toml");
        let lot = Updates::start(Some(file.clone()), Instant::now()).lot();
        let kept = phone_tests::process::wait_for(Duration::from_secs(10), || {
            Updates::start(Some(file.clone()), Instant::now()).kept.lot
        });
        assert_eq!(kept, Some(lot));
    }
}
