//! One run with calls and without a window: tells every event, keeps what the summary needs, ends cleanly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use phone_core::event::{CallReport, Notice};
use phone_core::ids::CallId;
use phone_core::snapshot::{CallState, Standing};
use phone_core::{Command, Event, Private};

use super::config::Settings;
use super::exit::{Exit, Failure, Marks, verdict};
use super::interrupt::Interrupt;
use super::lines::{Line, Registration, Summary};
use super::sound::Devices;
use super::station::{Station, stopped};
use super::voice::Voice;

/// How often Ctrl+C and the moving line are looked after while nothing happens.
const SLICE: Duration = Duration::from_millis(100);
/// The exchange has to answer the first sign-in within this time.
const SIGN_IN_LIMIT: Duration = Duration::from_secs(30);
/// A little longer than the page is waited for.
const BROWSER_LIMIT: Duration = Duration::from_secs(330);
/// A connection that was lost has to be back within this time before the next call.
const RECONNECT_LIMIT: Duration = Duration::from_mins(2);
/// Calls that were hung up have to be over within this time.
pub const HANG_UP_LIMIT: Duration = Duration::from_secs(8);
/// The last reading of the microphone's clock comes up to a second after its device closed.
const LAST_READING: Duration = Duration::from_millis(1_200);
/// Waits that end at once, in a row, before the phone counts as gone.
const EARLY_WAITS: u32 = 20;

/// Why a run goes no further.
#[derive(Debug)]
pub enum Stop {
    /// Ctrl+C, or nobody reads stdout any more.
    Asked,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

pub struct Run<'a> {
    station: Station,
    devices: Devices,
    voice: &'a mut Voice,
    interrupt: &'a Interrupt,
    marks: Marks,
    pub reports: Vec<CallReport>,
    reconnects: u32,
    connected: BTreeMap<CallId, Instant>,
    /// Calls whose end was not told yet.
    open: BTreeSet<CallId>,
    /// Problems that were told and still stand.
    told: Vec<Notice>,
    early_waits: u32,
    /// Whom the call being dialled goes to, as the user wrote it.
    dialled: String,
}

impl<'a> Run<'a> {
    /// Starts the phone and waits until it can take calls.
    pub fn start(
        settings: &Settings,
        devices: Devices,
        auto_answer: bool,
        voice: &'a mut Voice,
        interrupt: &'a Interrupt,
    ) -> Result<Self, Failure> {
        if let Some(text) = &devices.note {
            voice.say(&Line::Note { text: text.clone() });
        }
        let station = Station::start(settings, &devices.choices, auto_answer)?;
        if station.is_demo() {
            voice.say(&Line::Exchange { origin: station.origin.clone(), users: station.users.clone() });
        }
        Ok(Self {
            station,
            devices,
            voice,
            interrupt,
            marks: Marks::default(),
            reports: Vec::new(),
            reconnects: 0,
            connected: BTreeMap::new(),
            open: BTreeSet::new(),
            told: Vec::new(),
            early_waits: 0,
            dialled: String::new(),
        })
    }

    pub fn origin(&self) -> &str {
        &self.station.origin
    }

    pub fn account(&self) -> &str {
        &self.station.account
    }

    pub fn voice(&mut self) -> &mut Voice {
        self.voice
    }

    /// A call was asked for, and nothing came of it that could be reported.
    pub fn note_missing_call(&mut self) {
        self.marks.missing = true;
    }

    pub fn dial(&mut self, to: &str) -> Result<(), Stop> {
        to.clone_into(&mut self.dialled);
        self.send(Command::Dial { to: Private::new(to.to_owned()) })
    }

    pub fn send(&self, command: Command) -> Result<(), Stop> {
        if self.station.handle.send(command) { Ok(()) } else { Err(stopped().into()) }
    }

    /// Waits until calls can be made. A first sign-in that fails ends the run, because a script that waits for ever
    /// helps nobody; a connection that was there once is waited for.
    pub fn ready(&mut self) -> Result<(), Stop> {
        let since = Instant::now();
        let first = self.reconnects == 0 && self.reports.is_empty();
        loop {
            let snapshot = self.station.handle.snapshot();
            match &snapshot.standing {
                Standing::Ready => {
                    // The event that says so is on its way, and is to be told before anything else happens.
                    self.pass_events();
                    return Ok(());
                }
                Standing::Problem { notice, .. } if first => {
                    self.pass_events();
                    return Err(Failure { exit: Exit::CouldNotRun, notice: notice.clone() }.into());
                }
                // It waits for its next try, so the first one failed; what it told last is why.
                Standing::Reconnecting { .. } if first => {
                    self.pass_events();
                    if let Some(notice) = self.told.last() {
                        return Err(Failure { exit: Exit::CouldNotRun, notice: notice.clone() }.into());
                    }
                }
                _ => {}
            }
            let limit = match (first, self.station.asks_browser) {
                (true, true) => BROWSER_LIMIT,
                (true, false) => SIGN_IN_LIMIT,
                (false, _) => RECONNECT_LIMIT,
            };
            if since.elapsed() > limit {
                return Err(Failure::usage(
                    "sign-in-silent",
                    format!("{} did not let this phone in within {} s.", self.station.origin, limit.as_secs()),
                    "Check that the exchange runs and that nothing on the way holds its answers back.",
                )
                .into());
            }
            self.voice.waiting(if first { "Signing in" } else { "Reconnecting" }, since);
            if matches!(self.step(SLICE)?, Some(Event::Registered { .. })) {
                return Ok(());
            }
        }
    }

    /// Tells what has happened already, without waiting.
    fn pass_events(&mut self) {
        while let Some(event) = self.station.handle.try_event() {
            self.tell(&event);
        }
    }

    /// Waits for the next event, at most `limit` and not for long, and tells it.
    pub fn step(&mut self, limit: Duration) -> Result<Option<Event>, Stop> {
        if self.interrupt.came() {
            self.marks.interrupted = true;
        }
        if self.marks.interrupted || self.voice.is_closed() {
            return Err(Stop::Asked);
        }
        let event = self.wait(limit)?;
        if let Some(event) = &event {
            self.tell(event);
        }
        self.tell_standing();
        Ok(event)
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<Event>, Stop> {
        let (slice, start) = (limit.min(SLICE), Instant::now());
        let event = self.station.handle.wait_event(slice);
        // A phone that has stopped answers at once.
        if event.is_none() && start.elapsed() < slice / 2 {
            self.early_waits += 1;
            if self.early_waits > EARLY_WAITS {
                return Err(stopped().into());
            }
            std::thread::sleep(slice);
        } else {
            self.early_waits = 0;
        }
        Ok(event)
    }

    /// How long this call has been connected.
    fn lasted(&self, call: CallId) -> Duration {
        self.connected.get(&call).map(Instant::elapsed).unwrap_or_default()
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Dialling { call } | Event::Alerting { call } => drop(self.open.insert(*call)),
            Event::Ended { call, .. } => drop(self.open.remove(call)),
            _ => {}
        }
        let line = match event {
            Event::Registered { again } => {
                self.reconnects += u32::from(*again);
                self.told.clear();
                Line::Registered { account: self.station.account.clone(), again: *again }
            }
            Event::Unregistered => Line::Unregistered,
            Event::Dialling { call } => Line::Dialling { call: call.0, peer: self.dialled.clone() },
            Event::Alerting { call } => Line::Alerting { call: call.0, peer: self.peer(*call) },
            Event::Ringing { call } => Line::Ringing { call: call.0 },
            Event::Connected { call } => {
                self.connected.insert(*call, Instant::now());
                Line::Connected { call: call.0 }
            }
            Event::Media { call } => Line::Media { call: call.0 },
            Event::Quality { call, quality } => {
                let lasted = self.lasted(*call);
                self.voice.quality(quality, lasted);
                Line::Quality { call: call.0, quality: quality.clone() }
            }
            Event::Held { call } => Line::Held { call: call.0 },
            Event::Resumed { call } => Line::Resumed { call: call.0 },
            Event::Muted { muted } => Line::Muted { muted: *muted },
            Event::DigitSent { call, digit } => Line::Digit { call: call.0, digit: *digit, received: false },
            Event::DigitReceived { call, digit } => Line::Digit { call: call.0, digit: *digit, received: true },
            Event::Device { role, name, why } => Line::Device { role: *role, name: name.clone(), why: *why },
            Event::Ended { call, report } => {
                self.connected.remove(call);
                self.reports.push((**report).clone());
                Line::Ended { call: call.0, report: report.clone() }
            }
            Event::Problem(notice) => {
                self.problem(notice);
                return;
            }
            // Only `offhook diagnose` asks for these.
            Event::Measuring { .. } | Event::Measured(_) => return,
        };
        self.voice.say(&line);
    }

    fn problem(&mut self, notice: &Notice) {
        self.marks.warned = true;
        if !self.told.contains(notice) {
            self.told.push(notice.clone());
            self.voice.say(&Line::Error(notice.clone()));
        }
    }

    /// A problem that stands is told once, whether an event told it or not.
    fn tell_standing(&mut self) {
        if let Standing::Problem { notice, .. } = &self.station.handle.snapshot().standing {
            let notice = notice.clone();
            self.problem(&notice);
        }
    }

    /// The other side's name. The picture with a new call in it follows the event within a moment.
    fn peer(&self, call: CallId) -> String {
        for _ in 0..10 {
            let snapshot = self.station.handle.snapshot();
            if let Some(view) = snapshot.calls.iter().find(|view| view.id == call) {
                let (name, address) = (view.peer_name.reveal(), view.peer_address.reveal());
                return if name.is_empty() { address } else { name }.clone();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        "somebody".to_owned()
    }

    /// Ends what still runs, then tells the recording and the summary.
    pub fn finish(mut self, result: Result<(), Stop>) -> Exit {
        self.voice.wipe();
        let early = match result {
            Ok(()) | Err(Stop::Asked) => None,
            Err(Stop::Failed(failure)) => {
                let exit = failure.exit;
                self.problem(&failure.notice);
                Some(exit)
            }
        };
        self.hang_up_all();
        let microphone = self.last_microphone_time();
        let Self { station, devices, voice, marks, reports, reconnects, .. } = self;
        station.stop();
        let exit = early.filter(|_| !marks.interrupted).unwrap_or_else(|| verdict(&reports, marks));
        if let Some(heard) = devices.compare() {
            voice.say(&Line::Heard(heard));
        }
        let registration = Registration { reconnects };
        voice.say(&Line::Summary(Summary { calls: reports, registration, microphone, exit: exit as u8 }));
        exit
    }

    /// Hangs up whatever is still there and waits until it is over.
    fn hang_up_all(&mut self) {
        let since = Instant::now();
        let mut asked: Vec<CallId> = Vec::new();
        loop {
            let snapshot = self.station.handle.snapshot();
            let open = snapshot.calls.iter().filter(|call| !matches!(call.state, CallState::Ended { .. }));
            let open: Vec<CallId> = open.map(|call| call.id).collect();
            for call in &open {
                if !asked.contains(call) && self.send(Command::HangUp(*call)).is_ok() {
                    asked.push(*call);
                }
            }
            self.pass_events();
            // A call's report comes a moment after the call is gone from the picture.
            if open.is_empty() && self.open.is_empty() || since.elapsed() > HANG_UP_LIMIT {
                return;
            }
            self.voice.waiting("Hanging up", since);
            match self.wait(SLICE) {
                Ok(Some(event)) => self.tell(&event),
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }

    /// The microphone's time after its device has closed; none when it was never used.
    fn last_microphone_time(&mut self) -> super::lines::Microphone {
        let since = Instant::now();
        loop {
            let snapshot = self.station.handle.snapshot();
            if !snapshot.sound.microphone.open || since.elapsed() > LAST_READING {
                return snapshot.sound.microphone_time.into();
            }
            match self.wait(SLICE / 4) {
                Ok(Some(event)) => self.tell(&event),
                Ok(None) => {}
                Err(_) => return snapshot.sound.microphone_time.into(),
            }
        }
    }
}
