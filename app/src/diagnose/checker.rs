//! One run from the first check to the report. Whoever drives it hands in the phone's picture and its events, sends
//! the commands it asks for, and looks at its lines whenever it likes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use phone_core::diagnose::catalogue::{self, Check};
use phone_core::diagnose::{Facts, Limits, Line, Plan, Report, Symptom, Verdict, judge};
use phone_core::line::{ServiceAddresses, service_addresses};
use phone_core::measurement::{Measured, Measurement, MeasurementId, Side};
use phone_core::snapshot::{Snapshot, Standing};
use phone_core::sound::SoundRole;
use phone_core::{Command, Event, SignIn};
use phone_device::mixer::{Mixer, mixer};
use phone_io::Meters;
use phone_io::probe::Load;
use tokio::sync::watch;

use super::facts;
use super::probes::{self, Depth, Outbox, Patch};
use super::rivals;

/// How long the microphone is listened to; with the others it stays under the three seconds that are promised.
const LISTEN: Duration = Duration::from_millis(1_900);
const STREAMS: Duration = Duration::from_secs(10);
/// A sign-in that takes longer is a finding.
const SIGN_IN: Duration = Duration::from_secs(10);
/// The phone tells its devices within this time.
const DEVICES: Duration = Duration::from_secs(3);
/// For one measurement of sound, whatever happens.
const MEASUREMENT: Duration = Duration::from_secs(8);
/// The processor is watched for so long.
const LOAD: Duration = Duration::from_millis(1_500);
/// Patches on their way.
const PATCHES: usize = 32;

/// What is to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Plan(Plan),
    /// Only what can prove or refute a cause of it.
    Symptom(Symptom),
}

impl Scope {
    pub fn checks(self) -> Vec<&'static Check> {
        match self {
            Self::Plan(plan) => catalogue::checks_of(plan),
            Self::Symptom(symptom) => catalogue::checks_for(symptom),
        }
    }

    pub const fn plan(self) -> Plan {
        match self {
            Self::Plan(plan) => plan,
            Self::Symptom(_) => Plan::Quick,
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::Plan(plan) => plan.title(),
            Self::Symptom(symptom) => symptom.words(),
        }
    }
}

/// What the network checks are about.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// How to sign in; `None`: no service is set.
    pub sign_in: Option<SignIn>,
}

impl Targets {
    fn addresses(&self) -> Option<ServiceAddresses> {
        self.sign_in.as_ref().and_then(service_addresses)
    }
}

/// Where one check is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Waiting,
    Running,
    Done(Line),
}

/// One check of the run and where it is.
#[derive(Clone, Debug)]
pub struct Progress {
    pub check: &'static Check,
    pub state: State,
}

/// A step of the sound checks; they share the devices, so they come one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Listen,
    Rivals,
    Speaker,
    Ringer,
    Echo,
    Streams,
}

impl Step {
    const fn checks(self) -> &'static [&'static str] {
        match self {
            Self::Listen => &["A2", "A3", "A4", "A4b", "A4c", "A10", "A13"],
            // Its result belongs to the lines of listening, which wait for it.
            Self::Rivals => &[],
            Self::Speaker => &["A6"],
            Self::Ringer => &["A7"],
            Self::Echo => &["A8"],
            Self::Streams => &["A9"],
        }
    }

    const fn measurement(self) -> Option<Measurement> {
        match self {
            Self::Listen => Some(Measurement::Listen { length: LISTEN }),
            Self::Rivals => None,
            Self::Speaker => Some(Measurement::Tone { role: SoundRole::Speaker, side: Side::Both }),
            Self::Ringer => Some(Measurement::Tone { role: SoundRole::Ringer, side: Side::Both }),
            Self::Echo => Some(Measurement::Echo),
            Self::Streams => Some(Measurement::Streams { length: STREAMS }),
        }
    }
}

/// What is under way.
struct Running {
    step: Step,
    id: MeasurementId,
    until: Instant,
    before: Option<Mixer>,
}

pub struct Checker {
    pub scope: Scope,
    progress: Vec<Progress>,
    facts: Facts,
    limits: Limits,
    targets: Targets,
    began: Instant,
    began_s: u64,
    patches: Receiver<Patch>,
    outbox: Outbox,
    stop: watch::Sender<bool>,
    /// Steps of sound still to come, the next one last.
    steps: Vec<Step>,
    running: Option<Running>,
    measured: Option<Box<Measured>>,
    media_started: bool,
    next_id: u64,
    report: Option<Report>,
    meters: Option<Arc<Meters>>,
    late_before: u64,
}

impl Checker {
    /// Starts the probes at once. `wake` is called from other threads when something new is there.
    pub fn start(
        scope: Scope,
        targets: Targets,
        snapshot: &Snapshot,
        meters: Option<Arc<Meters>>,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let (patches, inbox) = sync_channel(PATCHES);
        let outbox = Outbox { patches, wake };
        let (stop, _) = watch::channel(false);
        let progress: Vec<Progress> =
            scope.checks().into_iter().map(|check| Progress { check, state: State::Waiting }).collect();
        let wants = |ids: &[&str]| progress.iter().any(|entry| ids.contains(&entry.check.id));
        let in_call = !snapshot.calls.is_empty();
        let mut steps: Vec<Step> = [Step::Listen, Step::Rivals, Step::Speaker, Step::Ringer, Step::Echo, Step::Streams]
            .into_iter()
            .filter(|step| wants(step.checks()) || *step == Step::Rivals && wants(Step::Listen.checks()))
            // A ring into a call, or a sweep, is nothing that a customer should hear.
            .filter(|step| !in_call || matches!(step, Step::Listen | Step::Streams))
            .collect();
        steps.reverse();
        let symptom = match scope {
            Scope::Symptom(symptom) => Some(symptom),
            Scope::Plan(_) => None,
        };
        let late_before = meters.as_ref().map_or(0, |meters| meters.late_ticks());
        let checker = Self {
            scope,
            progress,
            facts: Facts { symptom, ..Facts::default() },
            limits: Limits::default(),
            targets,
            began: Instant::now(),
            began_s: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            patches: inbox,
            outbox,
            stop,
            steps,
            running: None,
            measured: None,
            media_started: false,
            // Other measurements of this program start at 1.
            next_id: 0x0c4e_c000,
            report: None,
            meters,
            late_before,
        };
        checker.start_computer();
        checker.start_service(snapshot);
        checker
    }

    fn start_computer(&self) {
        let out = self.outbox.clone();
        probes::on_thread("check-computer", self.stop.subscribe(), async move {
            let mut load = Load::default();
            tokio::time::sleep(LOAD).await;
            let computer = load.look();
            out.send(&["A15", "A12"], move |facts| facts.computer = Some(computer));
        });
    }

    fn start_service(&self, snapshot: &Snapshot) {
        let out = self.outbox.clone();
        let hosts = media_hosts(snapshot);
        probes::on_thread(
            "check-service",
            self.stop.subscribe(),
            probes::service(self.targets.addresses(), hosts, out),
        );
    }

    pub fn progress(&self) -> &[Progress] {
        &self.progress
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Share of the checks that are done.
    pub fn done(&self) -> usize {
        self.progress.iter().filter(|entry| matches!(entry.state, State::Done(_))).count()
    }

    pub fn began(&self) -> Instant {
        self.began
    }

    /// There when the run is over.
    pub fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    pub fn into_report(mut self) -> Option<Report> {
        self.report.take()
    }

    /// An event of the phone; only answers to its own measurements matter.
    pub fn event(&mut self, event: &Event) {
        if let Event::Measured(measured) = event
            && self.running.as_ref().is_some_and(|running| running.id == measured.id)
        {
            self.measured = Some(measured.clone());
        }
    }

    /// Ends it here; what is done stays.
    pub fn stop(&mut self) -> Vec<Command> {
        let cancel = self.running.take().map(|running| Command::CancelMeasurement(running.id));
        self.finish();
        cancel.into_iter().collect()
    }

    /// Goes on as far as it can without waiting; what the phone is asked to do comes back.
    pub fn poll(&mut self, now: Instant, snapshot: &Snapshot) -> Vec<Command> {
        if self.report.is_some() {
            return Vec::new();
        }
        while let Ok(patch) = self.patches.try_recv() {
            self.apply(patch);
        }
        let mut commands = Vec::new();
        self.look_at_service(now, snapshot);
        self.sound(now, snapshot, &mut commands);
        if self.progress.iter().all(|entry| matches!(entry.state, State::Done(_))) {
            self.finish();
        }
        commands
    }

    fn apply(&mut self, patch: Patch) {
        (patch.apply)(&mut self.facts);
        if patch.done.contains(&"A15") {
            let late = self.meters.as_ref().map(|meters| meters.late_ticks().saturating_sub(self.late_before));
            if let Some(computer) = &mut self.facts.computer {
                computer.missed_deadlines = late.map(|late| u32::try_from(late).unwrap_or(u32::MAX));
            }
        }
        self.complete(patch.done);
    }

    fn complete(&mut self, done: &[&str]) {
        for entry in &mut self.progress {
            if done.contains(&entry.check.id) && !matches!(entry.state, State::Done(_)) {
                entry.state = State::Done(judge::line(entry.check.id, &self.facts, &self.limits));
            }
        }
    }

    fn run(&mut self, ids: &[&str]) {
        for entry in &mut self.progress {
            if ids.contains(&entry.check.id) && entry.state == State::Waiting {
                entry.state = State::Running;
            }
        }
    }

    /// The media probes need to know the servers, which come with the sign-in.
    fn look_at_service(&mut self, now: Instant, snapshot: &Snapshot) {
        if self.media_started {
            return;
        }
        let settled = match &snapshot.standing {
            Standing::Ready | Standing::Problem { .. } => true,
            Standing::SignedOut => self.targets.sign_in.is_none() || now - self.began > SIGN_IN,
            Standing::SigningIn { .. } | Standing::Reconnecting { .. } => now - self.began > SIGN_IN,
        };
        if !settled {
            self.run(&["S1"]);
            return;
        }
        self.media_started = true;
        if self.targets.sign_in.is_some() || snapshot.standing == Standing::Ready {
            self.facts.service = Some(facts::service(snapshot));
            if snapshot.standing == Standing::Ready {
                self.facts.policy = Some(facts::policy(snapshot));
                self.facts.session = Some(facts::session(snapshot));
            }
            self.facts.failures = facts::failures(snapshot);
        }
        self.complete(&["S1", "S2", "S4", "S5"]);
        self.run(&["N5", "N6", "N7u", "N7t", "N7s", "N9", "N10", "N15", "N12", "N18"]);
        let full = matches!(self.scope, Scope::Plan(Plan::Full | Plan::Network));
        let depth = Depth {
            call: Duration::from_secs(if full { 15 } else { 5 }),
            nat: full,
            binding: matches!(self.scope, Scope::Plan(Plan::Full)).then(|| Duration::from_secs(30)),
        };
        let out = self.outbox.clone();
        let wanted = self.progress.iter().any(|entry| entry.state == State::Running && entry.check.id.starts_with('N'));
        if wanted {
            let work = probes::media(snapshot.media_servers.clone(), snapshot.dscp, depth, out);
            let out = self.outbox.clone();
            probes::on_thread("check-media", self.stop.subscribe(), async move {
                // On the heap: it holds all probes.
                Box::pin(work).await;
                // Judged last, when the relays are known.
                out.send(&["S3"], |_| {});
            });
        } else {
            self.complete(&["S3"]);
        }
    }

    fn sound(&mut self, now: Instant, snapshot: &Snapshot, commands: &mut Vec<Command>) {
        if let Some(running) = &self.running {
            let over = now >= running.until;
            if let Some(measured) = self.measured.take() {
                self.take(snapshot, &measured);
            } else if over {
                commands.push(Command::CancelMeasurement(running.id));
                let step = running.step;
                self.running = None;
                self.complete(step.checks());
            } else {
                return;
            }
        }
        let told = !snapshot.sound.devices.is_empty() || snapshot.sound.microphone.problem.is_some();
        if !told && now - self.began < DEVICES {
            self.run(&["A1"]);
            return;
        }
        if self.facts.sound.is_none() {
            self.facts.sound = Some(facts::sound(snapshot));
            self.complete(&["A1", "A5", "A11"]);
        }
        while let Some(step) = self.steps.pop() {
            if step == Step::Rivals {
                self.start_rivals();
                continue;
            }
            let Some(what) = step.measurement() else { continue };
            self.next_id += 1;
            let id = MeasurementId(self.next_id);
            self.run(step.checks());
            let role = match step {
                Step::Speaker => SoundRole::Speaker,
                Step::Ringer => SoundRole::Ringer,
                _ => SoundRole::Microphone,
            };
            let before = read_mixer(snapshot, role);
            let length = match what {
                Measurement::Streams { length } => length,
                _ => Duration::ZERO,
            };
            self.running = Some(Running { step, id, until: now + MEASUREMENT + length, before });
            commands.push(Command::Measure { id, what });
            return;
        }
        // What could not be done here, for instance in a call.
        let left: Vec<&str> = self
            .progress
            .iter()
            .filter(|entry| entry.check.id.starts_with('A') && entry.state == State::Waiting)
            .map(|entry| entry.check.id)
            .filter(|id| !["A15", "A12"].contains(id))
            .collect();
        self.complete(&left);
    }

    /// A measurement was answered.
    fn take(&mut self, snapshot: &Snapshot, measured: &Measured) {
        let Some(running) = self.running.take() else { return };
        match running.step {
            Step::Listen => {
                let after = read_mixer(snapshot, SoundRole::Microphone);
                self.facts.microphone = facts::microphone(snapshot, measured, running.before, after);
                // The picture is of a moment ago; what opened meanwhile is known by now.
                self.facts.sound = Some(facts::sound(snapshot));
                if let (Some(sound), Some(microphone)) = (&mut self.facts.sound, &self.facts.microphone)
                    && !microphone.id.is_empty()
                {
                    sound.microphone = Some(microphone.id.clone());
                }
                self.complete(&["A14"]);
                if facts::is_silent(&self.facts) && self.steps.last() == Some(&Step::Rivals) {
                    // Their lines wait for what the others hear.
                    return;
                }
            }
            Step::Speaker => {
                self.facts.speaker = facts::output(snapshot, SoundRole::Speaker, measured, running.before);
            }
            Step::Ringer => self.facts.ringer = facts::output(snapshot, SoundRole::Ringer, measured, running.before),
            Step::Echo => self.facts.echo = facts::echo(measured),
            Step::Streams => self.facts.path = facts::path(measured, self.facts.echo.as_ref()),
            Step::Rivals => {}
        }
        self.complete(running.step.checks());
    }

    /// Asks the other microphones, if the one in use is silent.
    fn start_rivals(&mut self) {
        if !facts::is_silent(&self.facts) {
            return;
        }
        let used = self.facts.microphone.as_ref().map(|microphone| microphone.id.clone());
        let others: Vec<_> = self
            .facts
            .sound
            .iter()
            .flat_map(|sound| &sound.microphones)
            .filter(|device| Some(&device.id) != used.as_ref())
            .cloned()
            .collect();
        let out = self.outbox.clone();
        let spawned = std::thread::Builder::new().name("check-rivals".to_owned()).spawn(move || {
            let rivals = if others.is_empty() { Vec::new() } else { rivals::listen(&others) };
            out.send(Step::Listen.checks(), move |facts| {
                if let Some(microphone) = facts.microphone.as_mut().filter(|_| !rivals.is_empty()) {
                    microphone.open_ms += rivals::LENGTH.as_millis() as u64;
                }
                facts.rivals = rivals;
            });
        });
        if spawned.is_err() {
            self.complete(Step::Listen.checks());
        }
    }

    fn finish(&mut self) {
        // Nobody listens when all threads are done already.
        self.stop.send_replace(true);
        let lines: Vec<Line> = self
            .progress
            .iter()
            .filter_map(|entry| match &entry.state {
                // Judged again: a later fact may say more.
                State::Done(line) if line.verdict == Verdict::Skipped => Some(line.clone()),
                State::Done(line) => Some(judge::line(&line.check, &self.facts, &self.limits)),
                State::Waiting | State::Running => None,
            })
            .collect();
        let took = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let planned = self.progress.len();
        let facts = std::mem::take(&mut self.facts);
        self.report = Some(Report::new(self.scope.plan(), (self.began_s, took), lines, planned, facts, &self.limits));
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn media_hosts(snapshot: &Snapshot) -> Vec<String> {
    use phone_core::media::IceServer;
    let mut hosts: Vec<String> = snapshot
        .media_servers
        .iter()
        .map(|server| match server {
            IceServer::Stun { host, .. } | IceServer::Turn { host, .. } => host.clone(),
        })
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// A few milliseconds; a service that hangs shows in the measurement.
pub fn read_mixer(snapshot: &Snapshot, role: SoundRole) -> Option<Mixer> {
    let device = facts::device_of(snapshot, role)?;
    mixer(&device.id, role == SoundRole::Microphone)
}
