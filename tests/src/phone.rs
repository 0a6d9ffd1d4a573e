//! A whole phone with its real threads and sockets, in this process: what loopback tests hold.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use phone_audio::sound::{Choice, Role, Sound};
use phone_core::event::{CallReport, Event, Notice};
use phone_core::ids::CallId;
use phone_core::media::{MediaPath, RelayPolicy};
use phone_core::snapshot::{CallState, CallView, Snapshot, Standing};
use phone_core::{Command, PhoneConfig, SignIn};
use phone_exchange::RunningExchange;
use phone_io::handle::{PhoneHandle, StartOptions};

use crate::process::{Scratch, wait_for};

/// Longer than any step takes on a slow and busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How a [`TestPhone`] starts.
#[derive(Clone, Debug)]
pub struct Setup {
    pub microphone: Choice,
    pub relay: RelayPolicy,
    pub auto_answer: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { microphone: Choice::Tone(440.0), relay: RelayPolicy::All, auto_answer: false }
    }
}

/// A running phone whose speaker is a WAV file.
pub struct TestPhone {
    handle: PhoneHandle,
    events: Vec<Event>,
    /// How many of `events` were already waited for.
    read: usize,
    speaker: PathBuf,
    _scratch: Scratch,
}

impl TestPhone {
    #[expect(clippy::needless_pass_by_value, reason = "tests write it in place")]
    pub fn start(setup: Setup) -> Self {
        let scratch = Scratch::new("phone");
        let speaker = scratch.file("heard.wav");
        let sound = phone_device::start(&[
            (Role::Microphone, setup.microphone.clone()),
            (Role::Speaker, Choice::WavFile(speaker.clone())),
            (Role::Ringer, Choice::Null),
        ]);
        Self::with_sound(&setup, sound, scratch, speaker)
    }

    fn with_sound(setup: &Setup, sound: Box<dyn Sound>, scratch: Scratch, speaker: PathBuf) -> Self {
        let phone = PhoneConfig { relay: setup.relay, auto_answer: setup.auto_answer, ..PhoneConfig::default() };
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(|| {});
        let options = StartOptions {
            phone,
            sound,
            wake,
            data_dir: None,
            read_settings: None,
            allow_loopback: true,
            open_browser: Arc::new(|_| false),
            extra_ca: None,
        };
        let handle = phone_io::handle::start(options).unwrap();
        Self { handle, events: Vec::new(), read: 0, speaker, _scratch: scratch }
    }

    /// A phone that is signed in to this exchange.
    #[track_caller]
    pub fn signed_in(exchange: &RunningExchange, user: &str, setup: Setup) -> Self {
        let mut phone = Self::start(setup);
        phone.sign_in(exchange.origin(), user);
        phone.wait("registered", |event| matches!(event, Event::Registered { .. }));
        phone
    }

    pub fn sign_in(&self, origin: &str, user: &str) {
        self.send(Command::SignIn(SignIn::Practice { origin: origin.to_owned(), user: user.into() }));
    }

    #[track_caller]
    pub fn send(&self, command: Command) {
        assert!(self.handle.send(command), "the phone takes no commands any more");
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.handle.snapshot()
    }

    fn collect(&mut self, limit: Duration) -> bool {
        let event = self.handle.wait_event(limit);
        let some = event.is_some();
        self.events.extend(event);
        some
    }

    /// Waits for the next event that fits; earlier ones are skipped but kept for [`events`](Self::events).
    pub fn try_wait(&mut self, limit: Duration, fits: impl Fn(&Event) -> bool) -> Option<Event> {
        let end = Instant::now() + limit;
        loop {
            while let Some(event) = self.events.get(self.read) {
                self.read += 1;
                if fits(event) {
                    return Some(event.clone());
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.collect(left.min(Duration::from_millis(100)));
        }
    }

    #[track_caller]
    pub fn wait(&mut self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        let found = self.try_wait(PATIENCE, fits);
        found.unwrap_or_else(|| panic!("`{what}` did not happen within {PATIENCE:?}; {}", self.story()))
    }

    /// Waits until the picture fits.
    #[track_caller]
    pub fn wait_snapshot(&self, what: &str, fits: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let found = wait_for(PATIENCE, || Some(self.snapshot()).filter(|snapshot| fits(snapshot)));
        found.unwrap_or_else(|| panic!("`{what}` did not come true within {PATIENCE:?}; {}", self.story()))
    }

    pub fn story(&self) -> String {
        format!("events: {:#?}\nsnapshot: {:#?}", self.events, self.snapshot())
    }

    /// Everything that happened and was waited through so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Dials and waits until the first packet is heard.
    #[track_caller]
    pub fn call(&mut self, to: &str) -> CallId {
        while self.collect(Duration::ZERO) {}
        // What happened to earlier calls is not about this one.
        self.read = self.events.len();
        self.send(Command::Dial { to: to.into() });
        let Event::Dialling { call } = self.wait("dialling", |event| matches!(event, Event::Dialling { .. })) else {
            unreachable!("only this event fits")
        };
        let fits = |event: &Event| match event {
            Event::Media { call: of } | Event::Ended { call: of, .. } => *of == call,
            _ => false,
        };
        match self.wait("media", fits) {
            Event::Media { .. } => call,
            other => panic!("the call to {to} ended: {other:?}; {}", self.story()),
        }
    }

    #[track_caller]
    pub fn hang_up(&mut self, call: CallId) -> CallReport {
        self.send(Command::HangUp(call));
        self.ended(call)
    }

    #[track_caller]
    pub fn ended(&mut self, call: CallId) -> CallReport {
        let fits = |event: &Event| matches!(event, Event::Ended { call: ended, .. } if *ended == call);
        match self.wait("ended", fits) {
            Event::Ended { report, .. } => *report,
            _ => unreachable!("only this event fits"),
        }
    }

    /// The next sentence for the user.
    #[track_caller]
    pub fn problem(&mut self, limit: Duration) -> Notice {
        match self.try_wait(limit, |event| matches!(event, Event::Problem(_))) {
            Some(Event::Problem(notice)) => notice,
            _ => panic!("no problem was told within {limit:?}; {}", self.story()),
        }
    }

    pub fn view(&self, call: CallId) -> Option<CallView> {
        self.snapshot().calls.iter().find(|view| view.id == call).cloned()
    }

    pub fn state(&self, call: CallId) -> Option<CallState> {
        self.view(call).map(|view| view.state)
    }

    pub fn is_ready(&self) -> bool {
        self.snapshot().standing == Standing::Ready
    }

    /// Lets a call last this long on the real clock: sound takes its time.
    pub fn listen(&mut self, length: Duration) {
        let end = Instant::now() + length;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.collect(left);
        }
    }

    /// Listens until the newest of what the speaker played fits. The file is brought up to date once a second.
    fn hears(&mut self, fits: impl Fn(&[f32]) -> bool) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..16 {
            self.listen(Duration::from_millis(500));
            // Not there before the first call.
            let written = hound::WavReader::open(&self.speaker).is_ok_and(|reader| reader.duration() > 0);
            let heard = if written { crate::signal::read_wav(&self.speaker) } else { Vec::new() };
            let newest = heard.get(heard.len().saturating_sub(24_000)..).unwrap_or_default();
            if newest.len() == 24_000 && fits(newest) {
                return Ok(());
            }
            let (hz, db) = (crate::signal::loudest_hz(newest), crate::signal::level_dbfs(newest));
            last = format!("{hz:?} Hz at {db:.1} dBFS in {} samples", newest.len());
        }
        Err(last)
    }

    /// Fails unless the loudest that the speaker plays becomes this tone, at about the level of a tone microphone.
    #[track_caller]
    pub fn assert_hears(&mut self, hz: f64) {
        let fits = |newest: &[f32]| {
            crate::signal::loudest_hz(newest).is_some_and(|found| (found - hz).abs() < 3.0)
                && (-26.0..-15.0).contains(&crate::signal::tone_dbfs(newest, hz))
        };
        if let Err(last) = self.hears(fits) {
            panic!("the phone hears {last} and not {hz} Hz; {}", self.story());
        }
    }

    /// Fails unless this tone vanishes from what the speaker plays.
    #[track_caller]
    pub fn assert_does_not_hear(&mut self, hz: f64) {
        if let Err(last) = self.hears(|newest| crate::signal::tone_dbfs(newest, hz) < -55.0) {
            panic!("the phone still hears {hz} Hz: {last}; {}", self.story());
        }
    }

    /// Ends the phone and gives what its speaker played.
    pub fn finish(self) -> Vec<f32> {
        self.handle.shut_down(Duration::from_secs(5));
        // The sound thread finishes the file after the phone has let go of it.
        let written = wait_for(Duration::from_secs(5), || {
            hound::WavReader::open(&self.speaker).is_ok_and(|reader| reader.duration() > 0).then_some(())
        });
        if written.is_some() { crate::signal::read_wav(&self.speaker) } else { Vec::new() }
    }
}

/// Fails unless this report tells of a complete, good call.
#[track_caller]
pub fn assert_good(report: &CallReport) {
    assert!(report.packets.sent > 20, "{report:#?}");
    assert!(report.packets.received > 20, "{report:#?}");
    assert_eq!(report.packets.blocked_by_relay_fence, 0, "{report:#?}");
    assert_eq!(report.codec.as_deref(), Some("opus/48000/2"), "{report:#?}");
    assert!(report.security.as_deref().is_some_and(|s| s.starts_with("dtls-srtp")), "{report:#?}");
    assert!(report.setup_ms.total.is_some_and(|ms| ms > 0.0), "{report:#?}");
    assert_eq!(report.warm, report.setup_ms.ice.is_none(), "a warm call sets nothing up: {report:#?}");
}

#[track_caller]
pub fn assert_relay_forced(report: &CallReport, server: u16) {
    assert_eq!(report.path, Some(MediaPath::RelayForced), "{report:#?}");
    let relay = report.relay.as_ref().unwrap_or_else(|| panic!("no relay: {report:#?}"));
    assert!(relay.server.ends_with(&format!(":{server}")), "another server: {relay:?}");
    assert_eq!(report.packets.blocked_by_relay_fence, 0, "{report:#?}");
}

/// Fails unless the sentence says what happened and what to do.
#[track_caller]
pub fn assert_helpful(notice: &Notice) {
    assert!(notice.text.len() > 15 && notice.text.contains(' '), "no cause: {notice:?}");
    assert!(notice.remedy.len() > 10 && notice.remedy.contains(' '), "no remedy: {notice:?}");
    assert!(!notice.id.is_empty() && notice.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{notice:?}");
}
