//! One measurement at the desk: what it plays, what it records, when it is over.
//!
//! The desk hands over each frame of the microphone before processing and asks for sound to play; nothing here opens
//! a device or looks at samples. That is done afterwards by [`Recording::judge`], which takes a good part of a second
//! and so runs anywhere but on the media thread.

use std::time::{Duration, Instant};

use phone_audio::measure::{StreamCounts, StreamWatch, echo, listen};
use phone_audio::ring::{CaptureReader, PlaybackWriter};
use phone_audio::sound::{DeviceInfo, Ears, Role, SoundError};
use phone_audio::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};
use phone_core::Input;
use phone_core::measurement::{
    Measured, Measurement, MeasurementId, MeasurementPhase, NotMeasured, Side, SoundFacts, StreamFacts,
};
use phone_core::sound::{SoundEvent, SoundRole};

use super::words;

/// Devices that are not open after this long are stuck.
const OPENING_LIMIT: Duration = Duration::from_secs(6);
/// What may be missing at the end of the planned time.
const PATIENCE: Duration = Duration::from_secs(2);
/// Left out after a microphone opens: the first moments are often zeros and a click.
const SETTLE: Duration = Duration::from_millis(200);
/// After the last sample of a tone or a recording was written: the device has it in its buffers.
const PLAYED_OUT: Duration = Duration::from_millis(250);
const RING: Duration = Duration::from_secs(4);

/// What runs now.
pub(super) struct Measuring {
    id: MeasurementId,
    what: Measurement,
    phase: MeasurementPhase,
    since: Instant,
    microphone: Option<Watched>,
    player: Option<Watched>,
    /// Of the microphone, raw: from the end of [`SETTLE`] on.
    near: Vec<f32>,
    settled: usize,
    /// The same after processing, for [`Measurement::HearMyself`].
    processed: Vec<f32>,
    /// What is to be played, and how much of it has been.
    source: Vec<f32>,
    position: usize,
    /// What the speaker was given, after volume.
    played: Vec<f32>,
    /// How much of `near` there was when the first of `source` was written.
    mark: Option<usize>,
    played_out: Option<Instant>,
}

struct Watched {
    device: DeviceInfo,
    rate_hz: u32,
    watch: StreamWatch,
}

/// How a measurement ended.
pub(super) enum End {
    Facts(Box<Recording>),
    Without(Box<Measured>),
}

/// What was recorded, not looked at yet.
pub struct Recording(Measuring);

impl Measuring {
    pub(super) fn new(now: Instant, id: MeasurementId, what: Measurement) -> Self {
        let what = within_limits(what);
        let source = match what {
            Measurement::Echo => echo::sweep(),
            Measurement::Tone { role: SoundRole::Ringer, .. } => vec![0.0; samples(RING)],
            Measurement::Tone { .. } => phone_audio::measure::test_tone(),
            _ => Vec::new(),
        };
        let mut measuring = Self {
            id,
            what,
            phase: MeasurementPhase::Opening,
            since: now,
            microphone: None,
            player: None,
            near: Vec::new(),
            settled: 0,
            processed: Vec::new(),
            source,
            position: 0,
            played: Vec::new(),
            mark: None,
            played_out: None,
        };
        // Reserved now, so that the ticks do not allocate; a frame more than is wanted.
        let wanted = measuring.wanted() + FRAME_SAMPLES;
        measuring.near.reserve(wanted);
        if matches!(what, Measurement::HearMyself { .. }) {
            measuring.processed.reserve(wanted);
        }
        measuring.played.reserve(measuring.source.len() + FRAME_SAMPLES);
        measuring
    }

    pub(super) fn id(&self) -> MeasurementId {
        self.id
    }

    pub(super) fn phase(&self) -> MeasurementPhase {
        self.phase
    }

    pub(super) fn needs_microphone(&self) -> bool {
        !matches!(self.what, Measurement::Tone { .. } | Measurement::HearAgain)
            && self.phase != MeasurementPhase::Playing
    }

    /// The role it plays on.
    pub(super) fn plays_on(&self) -> Option<Role> {
        match self.what {
            Measurement::Listen { .. } => None,
            Measurement::Tone { role: SoundRole::Ringer, .. } => Some(Role::Ringer),
            _ => Some(Role::Speaker),
        }
    }

    pub(super) fn rings(&self) -> bool {
        self.plays_on() == Some(Role::Ringer)
    }

    /// Cannot go on beside a call.
    pub(super) fn needs_quiet(what: Measurement) -> bool {
        matches!(what, Measurement::Echo | Measurement::HearMyself { .. } | Measurement::HearAgain)
    }

    pub(super) fn is_disturbed_by_a_call(&self) -> bool {
        Self::needs_quiet(self.what) || self.rings()
    }

    pub(super) fn ears_of(&self, role: Role) -> Ears {
        match self.what {
            Measurement::Tone { side: Side::Left, .. } if self.plays_on() == Some(role) => Ears::Left,
            Measurement::Tone { side: Side::Right, .. } if self.plays_on() == Some(role) => Ears::Right,
            _ => Ears::Both,
        }
    }

    /// Samples of the microphone that are wanted.
    fn wanted(&self) -> usize {
        match self.what {
            Measurement::Listen { length } | Measurement::Streams { length } | Measurement::HearMyself { length } => {
                samples(length)
            }
            Measurement::Echo => samples(echo::BEFORE + echo::AFTER),
            Measurement::Tone { .. } | Measurement::HearAgain => 0,
        }
    }

    /// What is to be played again.
    pub(super) fn plays_again(&mut self, recording: Vec<f32>) {
        self.source = recording;
    }

    /// What was recorded to be heard, once it was played whole.
    pub(super) fn recorded(&self) -> Option<Vec<f32>> {
        let heard = matches!(self.what, Measurement::HearMyself { .. } | Measurement::HearAgain);
        heard.then(|| self.source.clone())
    }

    /// A microphone is open, now or from before.
    pub(super) fn microphone_is(&mut self, device: &DeviceInfo, reader: &CaptureReader) -> Option<NotMeasured> {
        Self::watch(&mut self.microphone, device, reader.rate_hz())
    }

    pub(super) fn player_is(
        &mut self,
        role: Role,
        device: &DeviceInfo,
        writer: &PlaybackWriter,
    ) -> Option<NotMeasured> {
        if self.plays_on() == Some(role) { Self::watch(&mut self.player, device, writer.rate_hz()) } else { None }
    }

    fn watch(slot: &mut Option<Watched>, device: &DeviceInfo, rate_hz: u32) -> Option<NotMeasured> {
        if slot.is_some() {
            return Some(NotMeasured::DeviceChanged);
        }
        *slot = Some(Watched { device: device.clone(), rate_hz, watch: StreamWatch::new(rate_hz) });
        None
    }

    /// A role cannot be opened.
    pub(super) fn failed(&self, role: Role, error: &SoundError) -> Option<NotMeasured> {
        let matters = if role == Role::Microphone { self.needs_microphone() } else { self.plays_on() == Some(role) };
        matters.then(|| NotMeasured::NoDevice { role: words::role_of(role), problem: words::problem_of(error.clone()) })
    }

    /// A frame of the microphone before and after processing.
    pub(super) fn heard(&mut self, raw: &Frame, processed: &Frame) {
        if self.phase != MeasurementPhase::Running || !self.needs_microphone() {
            return;
        }
        if self.settled < samples(SETTLE) {
            self.settled += FRAME_SAMPLES;
            return;
        }
        if self.near.len() >= self.wanted() {
            return;
        }
        self.near.extend_from_slice(&raw.0);
        if matches!(self.what, Measurement::HearMyself { .. }) {
            self.processed.extend_from_slice(&processed.0);
        }
    }

    /// Adds what it plays to a frame for this role. `waiting` is the sound in the microphone's ring.
    pub(super) fn fill(&mut self, role: Role, frame: &mut Frame, waiting: Duration) {
        if self.plays_on() != Some(role) || !self.plays_now() {
            return;
        }
        let Some(rest) = self.source.get(self.position..).filter(|rest| !rest.is_empty()) else { return };
        self.mark.get_or_insert(self.near.len() + samples(waiting));
        let mut count = 0;
        for (sum, sample) in frame.0.iter_mut().zip(rest) {
            *sum += sample;
            count += 1;
        }
        self.position += count;
    }

    fn plays_now(&self) -> bool {
        match self.what {
            Measurement::Echo => self.near.len() >= samples(echo::BEFORE),
            Measurement::Tone { .. } | Measurement::HearAgain => self.phase == MeasurementPhase::Running,
            Measurement::HearMyself { .. } => self.phase == MeasurementPhase::Playing,
            Measurement::Listen { .. } | Measurement::Streams { .. } => false,
        }
    }

    /// What the device of this role gets.
    pub(super) fn plays(&mut self, role: Role, frame: &Frame) {
        let wanted = self.what == Measurement::Echo && self.plays_on() == Some(role) && self.mark.is_some();
        if wanted && self.played.len() < self.source.len() {
            self.played.extend_from_slice(&frame.0);
        }
    }

    /// 10 ms have passed. `Some`: it is over.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        reader: Option<&CaptureReader>,
        writer: Option<&PlaybackWriter>,
    ) -> Option<Result<(), NotMeasured>> {
        if let (Some(watched), Some(reader)) = (&mut self.microphone, reader) {
            watched.watch.see(now, StreamCounts::of(reader.health()));
        }
        if let (Some(watched), Some(writer)) = (&mut self.player, writer) {
            watched.watch.see(now, StreamCounts::of(writer.health()));
        }
        let missing = self.missing_device();
        match self.phase {
            MeasurementPhase::Opening if missing.is_none() => self.enter(now, MeasurementPhase::Running),
            MeasurementPhase::Opening => {
                let late = now >= self.since + OPENING_LIMIT;
                return missing.filter(|_| late).map(|role| Err(NotMeasured::Stuck { role }));
            }
            _ => {}
        }
        let late = now >= self.since + self.planned() + PATIENCE;
        let recorded = self.near.len() >= self.wanted();
        let all_played = self.position >= self.source.len();
        match (self.phase, self.what) {
            (MeasurementPhase::Running, Measurement::HearMyself { .. }) if recorded => {
                self.source = std::mem::take(&mut self.processed);
                self.enter(now, MeasurementPhase::Playing);
                None
            }
            _ if recorded && all_played => {
                let end = *self.played_out.get_or_insert(now + PLAYED_OUT);
                let waits = self.position > 0 && self.wanted() == 0 || self.phase == MeasurementPhase::Playing;
                (!waits || now >= end).then_some(Ok(()))
            }
            _ if !late => None,
            // Enough to say how much was lost.
            (_, Measurement::Streams { .. }) if self.near.len() > self.wanted() / 10 => Some(Ok(())),
            _ if !recorded => Some(Err(NotMeasured::Stuck { role: SoundRole::Microphone })),
            _ => {
                let role = if self.rings() { SoundRole::Ringer } else { SoundRole::Speaker };
                Some(Err(NotMeasured::Stuck { role }))
            }
        }
    }

    fn enter(&mut self, now: Instant, phase: MeasurementPhase) {
        self.phase = phase;
        self.since = now;
    }

    /// How long the phase takes when all goes well.
    fn planned(&self) -> Duration {
        let frames = if self.phase == MeasurementPhase::Playing { self.source.len() } else { self.wanted() };
        let playing = if self.wanted() == 0 { self.source.len() } else { 0 };
        SETTLE + Duration::from_secs_f64(frames.max(playing) as f64 / f64::from(SAMPLE_RATE_HZ)) + PLAYED_OUT
    }

    fn missing_device(&self) -> Option<SoundRole> {
        if self.needs_microphone() && self.microphone.is_none() {
            return Some(SoundRole::Microphone);
        }
        self.plays_on().filter(|_| self.player.is_none()).map(words::role_of)
    }

    pub(super) fn end(mut self, result: Result<(), NotMeasured>) -> End {
        match result {
            Ok(()) => {
                self.phase = MeasurementPhase::Judging;
                End::Facts(Box::new(Recording(self)))
            }
            Err(why) => End::Without(Box::new(Measured { id: self.id, what: self.what, result: Err(why) })),
        }
    }
}

impl Recording {
    pub fn id(&self) -> MeasurementId {
        self.0.id
    }

    /// Finds the facts. Takes up to a second of computing; pure.
    pub fn judge(self) -> Input {
        let Measuring { id, what, microphone, player, near, played, mark, .. } = self.0;
        let mut facts = SoundFacts {
            microphone: microphone.as_ref().and_then(stream_facts),
            speaker: player.as_ref().and_then(stream_facts),
            ..SoundFacts::default()
        };
        match what {
            Measurement::Listen { .. } | Measurement::HearMyself { .. } | Measurement::Streams { .. } => {
                facts.input = Some(words::input_facts(&listen(&near)));
            }
            Measurement::Echo => {
                let (quiet, heard) = near.split_at_checked(mark.unwrap_or_default()).unwrap_or_default();
                facts.echo = Some(words::echo_facts(&echo::analyse(quiet, &played, heard)));
            }
            Measurement::Tone { .. } | Measurement::HearAgain => {}
        }
        Input::Sound(SoundEvent::Measured(Box::new(Measured { id, what, result: Ok(facts) })))
    }

    /// The answer when there is nobody to judge.
    pub fn unjudged(&self, why: &str) -> Input {
        let result = Err(NotMeasured::Failed(why.to_owned()));
        Input::Sound(SoundEvent::Measured(Box::new(Measured { id: self.0.id, what: self.0.what, result })))
    }
}

fn stream_facts(watched: &Watched) -> Option<StreamFacts> {
    let facts = watched.watch.facts()?;
    Some(words::stream_facts(&watched.device, watched.rate_hz, facts))
}

fn within_limits(what: Measurement) -> Measurement {
    let between = |length: Duration, least: u64, most: u64| {
        length.clamp(Duration::from_millis(least), Duration::from_millis(most))
    };
    match what {
        Measurement::Listen { length } => Measurement::Listen { length: between(length, 200, 15_000) },
        Measurement::Streams { length } => Measurement::Streams { length: between(length, 1_000, 60_000) },
        Measurement::HearMyself { length } => Measurement::HearMyself { length: between(length, 1_000, 15_000) },
        // A microphone plays nothing.
        Measurement::Tone { role: SoundRole::Microphone, side } => Measurement::Tone { role: SoundRole::Speaker, side },
        Measurement::Tone { .. } | Measurement::Echo | Measurement::HearAgain => what,
    }
}

fn samples(time: Duration) -> usize {
    (time.as_secs_f64() * f64::from(SAMPLE_RATE_HZ)) as usize
}

#[cfg(test)]
mod tests;
