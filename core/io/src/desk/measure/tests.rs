//! Measurements in a simulated room.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use phone_audio::measure::{sine, tone_in};
use phone_audio::sound::{Because, CaptureStream, Class, PlaybackStream, Sound, SoundNews, SoundRequest, StreamHealth};
use phone_core::ids::SessionId;
use phone_core::measurement::Silence;
use phone_core::media::Codec;
use phone_core::sound::SoundCommand;

use super::super::Desk;
use super::*;

type Microphone = (rtrb::Producer<f32>, Arc<StreamHealth>);
type Speaker = (rtrb::Consumer<f32>, Arc<StreamHealth>);

/// A room with a speaker and a microphone: what is played comes back later and softer, beside what is said.
#[derive(Default)]
struct Room {
    news: VecDeque<SoundNews>,
    microphone: Option<Microphone>,
    speaker: Option<Speaker>,
    /// Echo delay in samples and gain.
    echo: (usize, f32),
    air: VecDeque<f32>,
    said: VecDeque<f32>,
    heard: Vec<f32>,
    ears: Vec<Ears>,
    broken: bool,
    dead: bool,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Room>>);

impl Sound for Shared {
    fn request(&mut self, request: SoundRequest) {
        let room = &mut *self.0.lock().unwrap();
        let SoundRequest::Open { role } = request else { return };
        if room.broken {
            room.news.push_back(SoundNews::Failed { role, error: SoundError::Busy("usb".to_owned()) });
            return;
        }
        let health = Arc::<StreamHealth>::default();
        let device = Arc::clone(&health);
        let (producer, consumer) = rtrb::RingBuffer::new(12_000);
        let keep = Box::new(());
        room.news.push_back(if role == Role::Microphone {
            room.microphone = Some((producer, device));
            let stream = CaptureStream { samples: consumer, rate_hz: 48_000, health, keep };
            SoundNews::Capture { info: info("mic", true), because: Because::Asked, stream }
        } else {
            room.speaker = Some((consumer, device));
            let stream = PlaybackStream { samples: producer, rate_hz: 48_000, health, keep };
            SoundNews::Playback { role, info: info("spk", false), because: Because::Asked, stream }
        });
    }

    fn poll(&mut self) -> Option<SoundNews> {
        self.0.lock().unwrap().news.pop_front()
    }
}

fn info(id: &str, input: bool) -> DeviceInfo {
    let id = id.to_owned();
    DeviceInfo { name: id.clone(), id, input, class: Class::BuiltIn, default: true, ..DeviceInfo::default() }
}

struct Sim {
    desk: Desk,
    room: Shared,
    now: Instant,
    device: Instant,
    phases: Vec<MeasurementPhase>,
}

impl Sim {
    fn new() -> Self {
        let room = Shared(Arc::default());
        room.0.lock().unwrap().echo = (2_400, 0.0);
        let now = crate::clock::now();
        let desk = Desk::new(Box::new(room.clone()), Arc::default(), now);
        Self { desk, room, now, device: now, phases: Vec::new() }
    }

    fn ask(&mut self, what: Measurement) {
        self.desk.command(self.now, SoundCommand::Measure { id: MeasurementId(7), what });
    }

    /// The first answer within this time.
    fn wait(&mut self, limit: Duration) -> Option<Measured> {
        let end = self.now + limit;
        while self.now < end {
            while self.device <= self.now {
                self.device += Duration::from_millis(10);
                self.room.0.lock().unwrap().tick();
            }
            self.desk.run(self.now, &mut |_, _, _| {});
            let judged = self.desk.take_recording().map(|recording| recording.judge());
            for input in std::iter::from_fn(|| self.desk.poll()).collect::<Vec<_>>().into_iter().chain(judged) {
                match input {
                    Input::Sound(SoundEvent::Measured(measured)) => return Some(*measured),
                    Input::Sound(SoundEvent::Measuring { phase, .. }) => self.phases.push(phase),
                    _ => {}
                }
            }
            self.now += Duration::from_millis(5);
        }
        None
    }

    fn facts(&mut self, what: Measurement) -> SoundFacts {
        self.ask(what);
        let measured = self.wait(Duration::from_secs(80)).expect("an answer");
        assert_eq!((measured.id, measured.what), (MeasurementId(7), what));
        measured.result.expect("facts")
    }

    fn refusal(&mut self, what: Measurement) -> NotMeasured {
        self.ask(what);
        self.wait(Duration::from_secs(80)).expect("an answer").result.expect_err("a refusal")
    }

    fn call(&mut self) {
        self.desk.up(self.now, SessionId(1), Codec::Opus);
        self.desk.hear(self.now, SessionId(1), true);
    }
}

impl Room {
    fn tick(&mut self) {
        if self.dead {
            return;
        }
        if let Some((ring, health)) = &mut self.speaker {
            self.ears.push(health.ears());
            for _ in 0..480 {
                let sample = ring.pop().unwrap_or_default();
                self.heard.push(sample);
                self.air.push_back(sample);
            }
            health.callbacks.fetch_add(1, Relaxed);
            health.samples.fetch_add(480, Relaxed);
        }
        if let Some((ring, health)) = &mut self.microphone {
            for n in 0..480 {
                let echo = if self.air.len() + n >= self.echo.0 + 480 { self.air.pop_front() } else { None };
                let said = self.said.pop_front().unwrap_or_default();
                // Noise of a room, so that it is no digital silence.
                let noise = ((self.heard.len() + n * 7919) % 13) as f32 * 4e-5 - 2.4e-4;
                // A full ring loses it, as a device does.
                ring.push(echo.unwrap_or_default() * self.echo.1 + said + noise).ok();
            }
            health.callbacks.fetch_add(1, Relaxed);
            health.samples.fetch_add(480, Relaxed);
        }
    }
}

const TWO_SECONDS: Duration = Duration::from_secs(2);
const LISTEN: Measurement = Measurement::Listen { length: TWO_SECONDS };

#[test]
fn listening_opens_the_microphone_only_for_as_long_as_asked() {
    let mut sim = Sim::new();
    sim.room.0.lock().unwrap().said = sine(300.0, -20.0, 48_000 * 5).into();
    let start = sim.now;
    let facts = sim.facts(LISTEN);
    assert!(sim.now - start < Duration::from_millis(2_400), "{:?}", sim.now - start);
    let input = facts.input.expect("the microphone was heard");
    assert_eq!((input.length, input.silence), (TWO_SECONDS, Silence::None));
    assert!((input.level_dbfs + 20.0).abs() < 0.5, "{input:?}");
    let stream = facts.microphone.expect("the microphone was watched");
    assert_eq!((stream.device.as_str(), stream.class), ("mic", phone_core::sound::DeviceClass::BuiltIn));
    assert!((stream.callback_ms - 10.0).abs() < 1.0, "{stream:?}");
    assert_eq!(sim.phases, [MeasurementPhase::Opening, MeasurementPhase::Running, MeasurementPhase::Judging]);
    assert_eq!(sim.wait(Duration::from_secs(1)), None);
    let room = sim.room.0.lock().unwrap();
    assert!(room.microphone.as_ref().is_some_and(|(ring, _)| ring.is_abandoned()), "it is closed again");
    assert!(room.speaker.is_none());
}

#[test]
fn the_echo_of_a_room_is_found_with_its_delay() {
    let mut sim = Sim::new();
    sim.room.0.lock().unwrap().echo = (48 * 40, 0.1);
    let facts = sim.facts(Measurement::Echo);
    let echo = facts.echo.expect("it was measured").found.expect("there is an echo");
    assert!((echo.loss_db - 20.0).abs() < 1.0, "{echo:?}");
    // 40 ms of air, and up to 25 ms of ring and device on the way out.
    assert!((40..=70).contains(&echo.round_trip.as_millis()), "{echo:?}");
    assert!(facts.speaker.is_some() && facts.microphone.is_some());
}

#[test]
fn a_headset_has_no_echo_that_could_be_found() {
    let echo = Sim::new().facts(Measurement::Echo).echo.expect("it was measured");
    assert_eq!(echo.found, None);
    assert!(echo.loss_at_least_db > 40.0, "{echo:?}");
}

#[test]
fn who_wants_to_hear_themselves_does() {
    let mut sim = Sim::new();
    sim.room.0.lock().unwrap().said = sine(500.0, -20.0, 48_000 * 10).into();
    let facts = sim.facts(Measurement::HearMyself { length: TWO_SECONDS });
    assert!(sim.phases.contains(&MeasurementPhase::Playing), "{:?}", sim.phases);
    assert!(facts.input.is_some());
    let room = sim.room.0.lock().unwrap();
    let start = room.heard.iter().position(|x| x.abs() > 0.01).expect("something was played");
    let tone = tone_in(&room.heard[start + 4_800..]).expect("a tone");
    assert!((tone.hz - 500.0).abs() < 1.0 && tone.purity > 0.9, "{tone:?}");
    let loud = room.heard.iter().filter(|x| x.abs() > 0.001).count();
    assert!(loud.abs_diff(96_000) < 4_000, "{loud} samples, once");
}

#[test]
fn what_was_recorded_is_heard_again_until_it_is_erased() {
    let mut sim = Sim::new();
    assert_eq!(sim.refusal(Measurement::HearAgain), NotMeasured::NoRecording);
    sim.room.0.lock().unwrap().said = sine(500.0, -20.0, 48_000 * 10).into();
    sim.facts(Measurement::HearMyself { length: TWO_SECONDS });
    for _ in 0..2 {
        sim.room.0.lock().unwrap().heard.clear();
        let facts = sim.facts(Measurement::HearAgain);
        assert!(facts.input.is_none() && facts.speaker.is_some());
        let room = sim.room.0.lock().unwrap();
        let loud = room.heard.iter().filter(|x| x.abs() > 0.001).count();
        assert!(loud.abs_diff(96_000) < 4_000, "{loud} samples, once");
    }
    // Leaving erases it, whatever runs.
    sim.desk.command(sim.now, SoundCommand::CancelMeasurement(MeasurementId(99)));
    assert_eq!(sim.refusal(Measurement::HearAgain), NotMeasured::NoRecording);
    sim.facts(Measurement::HearMyself { length: TWO_SECONDS });
    sim.facts(LISTEN);
    assert_eq!(sim.refusal(Measurement::HearAgain), NotMeasured::NoRecording, "another measurement erases it");
    sim.facts(Measurement::HearMyself { length: TWO_SECONDS });
    sim.call();
    sim.wait(Duration::from_millis(50));
    assert_eq!(sim.refusal(Measurement::HearAgain), NotMeasured::InCall);
}

#[test]
fn a_test_tone_sounds_on_one_side_and_the_call_has_both_again() {
    for (side, ears) in [(Side::Left, Ears::Left), (Side::Right, Ears::Right), (Side::Both, Ears::Both)] {
        let mut sim = Sim::new();
        let facts = sim.facts(Measurement::Tone { role: SoundRole::Speaker, side });
        assert!(facts.speaker.is_some() && facts.input.is_none());
        {
            let room = sim.room.0.lock().unwrap();
            assert!(room.microphone.is_none(), "the microphone stays closed");
            assert_eq!(room.ears[20], ears);
            assert!((tone_in(&room.heard[9_600..]).expect("a tone").hz - 880.0).abs() < 3.0);
        }
        sim.wait(Duration::from_millis(200));
        assert_eq!(sim.room.0.lock().unwrap().ears.last(), Some(&Ears::Both));
    }
}

#[test]
fn a_preview_of_the_ring_sounds_and_ends() {
    let mut sim = Sim::new();
    sim.facts(Measurement::Tone { role: SoundRole::Ringer, side: Side::Both });
    let heard = std::mem::take(&mut sim.room.0.lock().unwrap().heard);
    assert!(phone_audio::level::rms_dbfs(&heard) > -40.0);
    sim.wait(Duration::from_secs(1));
    let after = &sim.room.0.lock().unwrap().heard;
    assert!(after.iter().skip(4_800).all(|x| x.abs() < 1e-3));
}

#[test]
fn the_clocks_of_both_devices_are_compared() {
    let facts = Sim::new().facts(Measurement::Streams { length: Duration::from_secs(12) });
    for stream in [facts.microphone.expect("watched"), facts.speaker.expect("watched")] {
        assert!(stream.drift_ppm.is_some_and(|ppm| ppm.abs() < 60.0), "{stream:?}");
        assert_eq!((stream.lost, stream.overrun), (Duration::ZERO, Duration::ZERO));
    }
}

#[test]
fn in_a_call_nothing_is_played_that_the_far_end_would_hear() {
    let mut sim = Sim::new();
    sim.call();
    sim.wait(Duration::from_millis(50));
    assert_eq!(sim.refusal(Measurement::Echo), NotMeasured::InCall);
    assert_eq!(sim.refusal(Measurement::HearMyself { length: TWO_SECONDS }), NotMeasured::InCall);
    // Listening and a tone in the user's own ear do no harm.
    assert!(sim.facts(LISTEN).input.is_some());
    sim.facts(Measurement::Tone { role: SoundRole::Speaker, side: Side::Left });
}

#[test]
fn a_call_that_comes_ends_what_would_disturb_it() {
    let mut sim = Sim::new();
    sim.ask(Measurement::Echo);
    assert_eq!(sim.wait(Duration::from_millis(900)), None);
    sim.call();
    let measured = sim.wait(Duration::from_secs(1)).expect("an answer at once");
    assert_eq!(measured.result, Err(NotMeasured::InCall));
}

#[test]
fn one_measurement_runs_at_a_time_and_can_be_cancelled() {
    let mut sim = Sim::new();
    sim.ask(LISTEN);
    assert_eq!(sim.wait(Duration::from_millis(300)), None);
    assert_eq!(sim.refusal(LISTEN), NotMeasured::Busy);
    sim.desk.command(sim.now, SoundCommand::CancelMeasurement(MeasurementId(8)));
    assert_eq!(sim.wait(Duration::from_millis(100)), None, "that is another one");
    sim.desk.command(sim.now, SoundCommand::CancelMeasurement(MeasurementId(7)));
    let measured = sim.wait(Duration::from_millis(100)).expect("an answer at once");
    assert_eq!(measured.result, Err(NotMeasured::Cancelled));
    assert!(sim.facts(LISTEN).input.is_some(), "the next one runs");
}

#[test]
fn devices_that_fail_or_deliver_nothing_are_named() {
    let mut sim = Sim::new();
    sim.room.0.lock().unwrap().broken = true;
    let refusal = sim.refusal(LISTEN);
    let problem = phone_core::sound::SoundProblem::Busy("usb".to_owned());
    assert_eq!(refusal, NotMeasured::NoDevice { role: SoundRole::Microphone, problem });
    let mut sim = Sim::new();
    sim.room.0.lock().unwrap().dead = true;
    assert_eq!(sim.refusal(LISTEN), NotMeasured::Stuck { role: SoundRole::Microphone });
    let tone = Measurement::Tone { role: SoundRole::Speaker, side: Side::Both };
    assert_eq!(sim.refusal(tone), NotMeasured::Stuck { role: SoundRole::Speaker });
}
