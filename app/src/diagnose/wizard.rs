//! The sound check step by step: asks the phone to record, to play and to measure, hears what the user says, and
//! gathers the same facts as the other checks. Whoever drives it hands in the phone's picture and its events.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use phone_core::diagnose::facts::{ButtonFacts, CallFacts, MarkFacts};
use phone_core::diagnose::{Facts, Limits, Line, Plan, Report, Verdict, judge};
use phone_core::event::Quality;
use phone_core::measurement::{Measured, Measurement, MeasurementId, MeasurementPhase, Side};
use phone_core::media::{IceServer, TurnTransport};
use phone_core::snapshot::Snapshot;
use phone_core::sound::SoundRole;
use phone_core::{Command, Event};
use phone_device::mixer::Mixer;
use phone_io::Meters;
use phone_io::net::tls::Trust;
use phone_io::probe;
use tokio::sync::watch;

use super::baseline::Baselines;
use super::checker::read_mixer;
use super::facts;
use super::probes::on_thread;
use crate::model::wizard::{Act, Doing, Step, Try, WAVE_STEP, Walk, all_checks};
use crate::text;

/// Long enough for the sentence.
const SENTENCE: Duration = Duration::from_secs(5);
/// With the quiet before.
const ECHO: Duration = Duration::from_secs(3);
const TONE: Duration = Duration::from_millis(1_200);
const RING: Duration = Duration::from_secs(4);
const CALL: Duration = Duration::from_secs(15);
/// No answer of the phone takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// News of the test call on their way. Full-policy: the call waits; it is looked at in every frame.
const PIECES: usize = 32;

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Begin at the first step.
    Start,
    Back,
    Skip,
    /// The main button at the foot: this step is done.
    Done,
    Record,
    HearAgain,
    Play(Try),
    Heard(Try, bool),
    MeasureEcho,
    TestCall,
    /// Keep the result as the good one of this headset.
    Keep,
    Leave,
}

enum Piece {
    Second(CallFacts),
    Over(Box<CallFacts>, Option<MarkFacts>),
}

struct Running {
    id: MeasurementId,
    doing: Doing,
    before: Option<Mixer>,
    until: Instant,
}

/// Muted and volume of the devices in use, as the system has them.
type Switches = Vec<(String, Option<bool>, Option<u16>)>;

pub struct Wizard {
    walk: Walk,
    began: Instant,
    began_s: u64,
    next_id: u64,
    running: Option<Running>,
    meters: Option<Arc<Meters>>,
    baselines: Baselines,
    switches: Switches,
    pieces: Receiver<Piece>,
    outbox: SyncSender<Piece>,
    wake: Arc<dyn Fn() + Send + Sync>,
    /// Ends the test call that runs.
    stop: watch::Sender<bool>,
    calling: bool,
}

impl Wizard {
    /// `wake` is called from other threads when something new is there.
    pub fn start(
        snapshot: &Snapshot,
        meters: Option<Arc<Meters>>,
        baselines: Baselines,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let (outbox, pieces) = sync_channel(PIECES);
        let (stop, _) = watch::channel(false);
        let facts = Facts { sound: Some(facts::sound(snapshot)), ..Facts::default() };
        Self {
            walk: Walk::new(facts),
            began: Instant::now(),
            began_s: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            // Other measurements of this program start elsewhere.
            next_id: 0x0717_a2d0,
            running: None,
            meters,
            baselines,
            switches: Switches::new(),
            pieces,
            outbox,
            wake,
            stop,
            calling: false,
        }
    }

    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// Does what the user asked for; what the phone is asked to do comes back.
    pub fn ask(&mut self, ask: Ask, now: Instant, snapshot: &Snapshot) -> Vec<Command> {
        match ask {
            Ask::Start | Ask::Leave | Ask::Keep => Vec::new(),
            Ask::Back => self.walk.step.previous().map_or_else(Vec::new, |step| self.go(step, snapshot)),
            Ask::Skip | Ask::Done => {
                let here = self.walk.step;
                if ask == Ask::Done {
                    match here {
                        Step::Sentence => self.walk.facts.sounds_right = Some(true),
                        // The user was asked to press, and says that they did.
                        Step::Buttons => {
                            self.walk.facts.buttons.get_or_insert_default();
                        }
                        _ => {}
                    }
                }
                if let Some(skipped) = self.walk.skipped.get_mut(here as usize) {
                    *skipped = ask == Ask::Skip;
                }
                here.next().map_or_else(Vec::new, |step| self.go(step, snapshot))
            }
            Ask::Record => {
                self.walk.facts.sounds_right = None;
                self.walk.wave.clear();
                self.walk.recorded = false;
                self.measure(now, snapshot, Measurement::HearMyself { length: SENTENCE }, Doing::Recording)
            }
            Ask::HearAgain => self.measure(now, snapshot, Measurement::HearAgain, Doing::Playing),
            Ask::Play(what) => {
                let (role, side) = match what {
                    Try::Left => (SoundRole::Speaker, Side::Left),
                    Try::Right => (SoundRole::Speaker, Side::Right),
                    Try::Ring => (SoundRole::Ringer, Side::Both),
                };
                self.measure(now, snapshot, Measurement::Tone { role, side }, Doing::Trying(what))
            }
            Ask::Heard(what, heard) => {
                self.heard(what, heard);
                Vec::new()
            }
            Ask::MeasureEcho => self.measure(now, snapshot, Measurement::Echo, Doing::Measuring),
            Ask::TestCall => self.call(now, snapshot),
        }
    }

    fn heard(&mut self, what: Try, heard: bool) {
        let facts = &mut self.walk.facts;
        match (what, &mut facts.speaker, &mut facts.ringer) {
            (Try::Left, Some(speaker), _) => speaker.heard_left = Some(heard),
            (Try::Right, Some(speaker), _) => speaker.heard_right = Some(heard),
            (Try::Ring, _, Some(ringer)) => ringer.heard_left = Some(heard),
            _ => {}
        }
    }

    /// To another step; what goes on here ends, and a recording is erased.
    fn go(&mut self, step: Step, snapshot: &Snapshot) -> Vec<Command> {
        let left_recording = self.walk.step == Step::Sentence;
        let mut commands = self.end_what_runs();
        if left_recording {
            self.walk.recorded = false;
            // Erases it also where nothing runs any more.
            commands.push(Command::CancelMeasurement(MeasurementId(self.next_id)));
        }
        self.walk.step = step;
        self.walk.act = Act::Idle;
        // Devices may have been chosen meanwhile.
        self.walk.facts.sound = Some(facts::sound(snapshot));
        match step {
            Step::Buttons => self.switches = switches(snapshot),
            Step::Summary => {
                self.walk.baseline = self.device(snapshot).and_then(|device| self.baselines.load(&device));
                self.walk.report = Some(self.report(true));
            }
            _ => {}
        }
        commands
    }

    fn end_what_runs(&mut self) -> Vec<Command> {
        self.stop.send_replace(true);
        self.calling = false;
        self.running.take().map(|running| Command::CancelMeasurement(running.id)).into_iter().collect()
    }

    fn measure(&mut self, now: Instant, snapshot: &Snapshot, what: Measurement, doing: Doing) -> Vec<Command> {
        if self.running.is_some() || self.calling {
            return Vec::new();
        }
        self.next_id += 1;
        let id = MeasurementId(self.next_id);
        let role = match doing {
            Doing::Trying(Try::Ring) => SoundRole::Ringer,
            Doing::Trying(_) | Doing::Playing => SoundRole::Speaker,
            _ => SoundRole::Microphone,
        };
        let before = read_mixer(snapshot, role);
        self.running = Some(Running { id, doing, before, until: now + PATIENCE });
        self.walk.act = Act::Busy { doing: Doing::Opening, since: now, length: Duration::ZERO };
        vec![Command::Measure { id, what }]
    }

    fn call(&mut self, now: Instant, snapshot: &Snapshot) -> Vec<Command> {
        if self.running.is_some() || self.calling {
            return Vec::new();
        }
        if !snapshot.calls.is_empty() {
            self.walk.act = Act::Failed(text::WIZARD_IN_CALL.to_owned());
            return Vec::new();
        }
        let of = |wanted: TurnTransport| {
            snapshot
                .media_servers
                .iter()
                .find(|server| matches!(server, IceServer::Turn { transport, .. } if *transport == wanted))
        };
        let best = [TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls].into_iter().find_map(of);
        let Some(server) = best.cloned() else {
            self.walk.act = Act::Failed(text::WIZARD_NO_RELAY.to_owned());
            return Vec::new();
        };
        self.walk.seconds.clear();
        self.walk.facts.call = None;
        self.calling = true;
        self.stop = watch::channel(false).0;
        self.walk.act = Act::Busy { doing: Doing::Calling, since: now, length: CALL };
        let (outbox, wake, dscp) = (self.outbox.clone(), Arc::clone(&self.wake), snapshot.dscp);
        on_thread("test-call", self.stop.subscribe(), async move {
            let trust = Trust::system();
            let told = |piece| {
                // Fails when the walk is over, and then nobody wants it.
                if outbox.send(piece).is_ok() {
                    wake();
                }
            };
            let (facts, mark) =
                probe::watched_call(&server, CALL, dscp, &trust, |second| told(Piece::Second(second))).await;
            told(Piece::Over(Box::new(facts), mark));
        });
        Vec::new()
    }

    /// An event of the phone; only answers to its own measurements matter.
    pub fn event(&mut self, event: &Event, now: Instant, snapshot: &Snapshot) {
        match event {
            Event::Measuring { id, phase } if self.is_mine(*id) => self.phase(*phase, now),
            Event::Measured(measured) if self.is_mine(measured.id) => self.take(measured, snapshot),
            _ => {}
        }
    }

    fn is_mine(&self, id: MeasurementId) -> bool {
        self.running.as_ref().is_some_and(|running| running.id == id)
    }

    fn phase(&mut self, phase: MeasurementPhase, now: Instant) {
        let Some(running) = &self.running else { return };
        let (doing, length) = match (phase, running.doing) {
            (MeasurementPhase::Opening, _) => (Doing::Opening, Duration::ZERO),
            (MeasurementPhase::Judging, _) => (Doing::Judging, Duration::ZERO),
            (MeasurementPhase::Playing, _) => (Doing::Playing, SENTENCE),
            (MeasurementPhase::Running, doing) => (
                doing,
                match doing {
                    Doing::Recording | Doing::Playing => SENTENCE,
                    Doing::Measuring => ECHO,
                    Doing::Trying(Try::Ring) => RING,
                    _ => TONE,
                },
            ),
        };
        self.walk.act = Act::Busy { doing, since: now, length };
    }

    /// A measurement was answered.
    fn take(&mut self, measured: &Measured, snapshot: &Snapshot) {
        let Some(running) = self.running.take() else { return };
        let facts = &mut self.walk.facts;
        match running.doing {
            Doing::Recording => {
                let after = read_mixer(snapshot, SoundRole::Microphone);
                facts.microphone = facts::microphone(snapshot, measured, running.before, after);
                self.walk.recorded = measured.result.is_ok();
            }
            Doing::Trying(what) => {
                let role = if what == Try::Ring { SoundRole::Ringer } else { SoundRole::Speaker };
                let mut found = facts::output(snapshot, role, measured, running.before);
                let place = if what == Try::Ring { &mut facts.ringer } else { &mut facts.speaker };
                if let (Some(found), Some(known)) = (&mut found, place.as_ref()) {
                    // What was said of the other side stays; this one was played anew.
                    found.heard_left = known.heard_left.filter(|_| what == Try::Right);
                    found.heard_right = known.heard_right.filter(|_| what == Try::Left);
                }
                *place = found.or_else(|| place.take());
                if let Some(played) = self.walk.played.get_mut(what as usize) {
                    *played = measured.result.is_ok();
                }
            }
            Doing::Measuring => facts.echo = facts::echo(measured),
            _ => {}
        }
        self.walk.act = match &measured.result {
            Ok(_) => Act::Idle,
            Err(why) => text::not_tried(why).map_or(Act::Idle, Act::Failed),
        };
        if running.doing == Doing::Recording && facts::is_silent(&self.walk.facts) {
            self.walk.act = Act::Failed(text::WIZARD_HEARD_NOTHING.to_owned());
        }
    }

    /// Goes on as far as it can without waiting; what the phone is asked to do comes back.
    pub fn poll(&mut self, now: Instant, snapshot: &Snapshot) -> Vec<Command> {
        if let (Act::Busy { doing: Doing::Recording, since, .. }, Some(meters)) = (&self.walk.act, &self.meters) {
            let due = now.saturating_duration_since(*since).min(SENTENCE).as_millis() / WAVE_STEP.as_millis();
            let level = meters.microphone_dbfs();
            // A late frame leaves no hole.
            while (self.walk.wave.len() as u128) < due {
                self.walk.wave.push(level);
            }
        }
        while let Ok(piece) = self.pieces.try_recv() {
            if self.calling {
                self.piece(piece);
            }
        }
        if self.walk.step == Step::Buttons {
            self.look_at_buttons(snapshot);
        }
        if self.running.as_ref().is_some_and(|running| now >= running.until) {
            self.walk.act = Act::Failed(text::PHONE_BUSY.to_owned());
            return self.end_what_runs();
        }
        Vec::new()
    }

    fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Second(second) => self.walk.seconds.push(Quality {
                mos: second.mos,
                rtt_ms: second.round_trip_ms,
                loss: second.loss,
                jitter_ms: second.jitter_ms,
                ..Quality::default()
            }),
            Piece::Over(call, mark) => {
                self.calling = false;
                self.walk.act = call.failed.clone().map_or(Act::Idle, |why| Act::Failed(text::no_test_call(&why)));
                self.walk.facts.call = Some(*call);
                self.walk.facts.mark = mark;
            }
        }
    }

    /// A press of the headset's buttons shows in what the system does with it.
    fn look_at_buttons(&mut self, snapshot: &Snapshot) {
        let now = switches(snapshot);
        let mut seen = ButtonFacts::default();
        for (id, muted, volume) in &now {
            let Some((_, was_muted, was_volume)) = self.switches.iter().find(|(known, ..)| known == id) else {
                continue;
            };
            seen.mute |= muted.is_some() && was_muted.is_some() && muted != was_muted;
            seen.volume |= volume.is_some() && was_volume.is_some() && volume != was_volume;
        }
        self.switches = now;
        if seen != ButtonFacts::default() {
            let buttons = self.walk.facts.buttons.get_or_insert_default();
            buttons.volume |= seen.volume;
            buttons.mute |= seen.mute;
        }
    }

    /// The microphone that this was about.
    fn device(&self, snapshot: &Snapshot) -> Option<String> {
        let measured = self.walk.facts.microphone.as_ref().map(|microphone| microphone.id.clone());
        measured.filter(|id| !id.is_empty()).or_else(|| Some(facts::device_of(snapshot, SoundRole::Microphone)?.id))
    }

    /// What it takes to keep the result as the baseline of this headset; `None`: nothing was measured with one.
    pub fn to_keep(&self, snapshot: &Snapshot) -> Option<(Baselines, String, Report)> {
        Some((self.baselines.clone(), self.device(snapshot)?, self.walk.report.clone()?))
    }

    /// The result was kept, or not.
    pub fn kept(&mut self, kept: bool) {
        self.walk.kept = kept;
        if kept {
            self.walk.baseline.clone_from(&self.walk.report);
        }
    }

    /// `whole`: steps that were passed over are part of it as skipped.
    fn report(&self, whole: bool) -> Report {
        let limits = Limits::default();
        let lines: Vec<Line> = all_checks()
            .map(|check| judge::line(check, &self.walk.facts, &limits))
            .filter(|line| whole || line.verdict != Verdict::Skipped)
            .collect();
        let planned = all_checks().count();
        let took = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Report::new(Plan::Audio, (self.began_s, took), lines, planned, self.walk.facts.clone(), &limits)
    }

    /// Ends it wherever it is. What was found stays: the result, unless there is none, and what it is compared with.
    pub fn leave(mut self) -> (Vec<Command>, Option<(Report, Option<Report>)>) {
        let mut commands = self.end_what_runs();
        commands.push(Command::CancelMeasurement(MeasurementId(self.next_id)));
        let whole = self.walk.step == Step::Summary;
        let report = self.walk.has_results().then(|| self.report(whole));
        // Just kept, it would be compared with itself.
        let baseline = self.walk.baseline.take().filter(|_| !self.walk.kept);
        (commands, report.map(|report| (report, baseline)))
    }
}

impl Drop for Wizard {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn switches(snapshot: &Snapshot) -> Switches {
    let used = [SoundRole::Microphone, SoundRole::Speaker].map(|role| facts::device_of(snapshot, role));
    let ids: Vec<String> = used.into_iter().flatten().map(|device| device.id).collect();
    let devices = snapshot.sound.devices.iter().filter(|device| ids.contains(&device.id));
    devices.map(|device| (device.id.clone(), device.muted, device.system_volume_percent)).collect()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod real;

#[cfg(test)]
mod tests {
    use phone_core::measurement::{InputFacts, NotMeasured, Silence, SoundFacts};

    use super::*;
    use crate::model::made_up::snapshot;

    fn start() -> Wizard {
        Wizard::start(&snapshot(vec![]), None, Baselines::default(), Arc::new(|| {}))
    }

    fn asked(commands: &[Command]) -> (MeasurementId, Measurement) {
        match commands {
            [Command::Measure { id, what }] => (*id, *what),
            other => panic!("{other:?}"),
        }
    }

    fn answer(wizard: &mut Wizard, commands: &[Command], result: Result<SoundFacts, NotMeasured>) {
        let (id, what) = asked(commands);
        let event = Event::Measured(Box::new(Measured { id, what, result }));
        wizard.event(&event, Instant::now(), &snapshot(vec![]));
    }

    fn voice() -> SoundFacts {
        let input = InputFacts {
            length: SENTENCE,
            silence: Silence::None,
            level_dbfs: -24.0,
            peak_dbfs: -8.0,
            speech_dbfs: Some(-21.0),
            speech_share: 0.6,
            noise_dbfs: -63.0,
            snr_db: Some(42.0),
            clipped_share: 0.0,
            offset: 0.0,
            holes: 0,
            holes_length: Duration::ZERO,
            bandwidth_hz: Some(16_000),
        };
        SoundFacts { input: Some(input), ..SoundFacts::default() }
    }

    #[test]
    fn a_sentence_is_recorded_judged_and_erased_on_leaving_the_step() {
        let (mut wizard, now, picture) = (start(), Instant::now(), snapshot(vec![]));
        wizard.ask(Ask::Done, now, &picture);
        let commands = wizard.ask(Ask::Record, now, &picture);
        assert!(wizard.ask(Ask::Record, now, &picture).is_empty(), "one at a time");
        answer(&mut wizard, &commands, Ok(voice()));
        assert!(wizard.walk().recorded && wizard.walk().unfinished().is_none());
        let again = wizard.ask(Ask::HearAgain, now, &picture);
        assert_eq!(asked(&again).1, Measurement::HearAgain);
        let left = wizard.ask(Ask::Done, now, &picture);
        assert!(left.iter().all(|command| matches!(command, Command::CancelMeasurement(_))) && !left.is_empty());
        assert_eq!(wizard.walk().facts.sounds_right, Some(true));
        let (_, found) = wizard.leave();
        let (report, _) = found.expect("what was found stays");
        assert!(report.stopped && report.lines.iter().any(|line| line.check == "A4"), "{report:?}");
    }

    #[test]
    fn what_the_user_did_not_hear_is_a_cause_and_a_refusal_says_why() {
        let (mut wizard, now, picture) = (start(), Instant::now(), snapshot(vec![]));
        wizard.ask(Ask::Skip, now, &picture);
        wizard.ask(Ask::Skip, now, &picture);
        for what in [Try::Left, Try::Right] {
            let commands = wizard.ask(Ask::Play(what), now, &picture);
            answer(&mut wizard, &commands, Ok(SoundFacts::default()));
            wizard.ask(Ask::Heard(what, false), now, &picture);
        }
        assert_eq!((wizard.walk().heard(Try::Left), wizard.walk().heard(Try::Right)), (Some(false), Some(false)));
        let commands = wizard.ask(Ask::Play(Try::Ring), now, &picture);
        answer(&mut wizard, &commands, Err(NotMeasured::InCall));
        assert!(matches!(wizard.walk().act, Act::Failed(_)), "{:?}", wizard.walk().act);
        let (report, _) = wizard.leave().1.expect("a result");
        assert_eq!(report.causes.first().map(|cause| cause.rule.as_str()), Some("DX-02e"), "{:?}", report.causes);
    }

    #[test]
    fn leaving_at_once_leaves_no_result_and_no_answer_ends_the_waiting() {
        let (mut wizard, now, picture) = (start(), Instant::now(), snapshot(vec![]));
        assert!(start().leave().1.is_none());
        wizard.ask(Ask::Record, now, &picture);
        let commands = wizard.poll(now + PATIENCE, &picture);
        assert!(matches!(commands.as_slice(), [Command::CancelMeasurement(_)]), "{commands:?}");
        assert!(matches!(wizard.walk().act, Act::Failed(_)));
        // Without a relay there is no test call, and it says so.
        wizard.ask(Ask::TestCall, now, &picture);
        assert_eq!(wizard.walk().act, Act::Failed(text::WIZARD_NO_RELAY.to_owned()));
    }
}
