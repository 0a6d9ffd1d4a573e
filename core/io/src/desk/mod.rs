//! [`Desk`]: devices, chains and the audio of every session, in ticks of 10 ms.
//!
//! Tell it what the phone asks and what arrives, call [`Desk::run`] at [`Desk::deadline`] or earlier, and take what it
//! tells with [`Desk::poll`]. It ticks only while there is something to hear or to say: with no call and no tone it
//! looks for news of the sound system twice a second and is otherwise asleep.
//!
//! Pace. The microphone is encoded as fast as it delivers and sound for the speaker is made as fast as the speaker
//! takes it, so no ring grows however far clocks drift. The tick gives the pace only where there is no device: silence
//! is sent until the microphone is there, and a session without a speaker is emptied into nothing.

mod measure;
mod open_time;
mod session;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use phone_audio::Frame;
use phone_audio::capture::CaptureChain;
use phone_audio::playout::SpeakerChain;
use phone_audio::ring::{CaptureReader, PlaybackWriter};
use phone_audio::sound::{ALSO_RINGERS, Choice, DeviceInfo, Ears, Role, Sound, SoundError, SoundNews, SoundRequest};
use phone_core::Input;
use phone_core::event::AudioStats;
use phone_core::ids::SessionId;
use phone_core::measurement::{Measured, Measurement, MeasurementId, MeasurementPhase, NotMeasured};
use phone_core::media::{AudioPacket, Codec};
use phone_core::sound::{Processing, SoundCommand, SoundEvent, SoundRole, Tone};

use crate::handle::Meters;
pub use measure::Recording;
use measure::{End, Measuring};
use open_time::OpenTime;
use session::DeskSession;

const TICK: Duration = Duration::from_millis(10);
/// Later than this the ticks in between are left out: what they would have played is past.
const STALL: Duration = Duration::from_millis(60);
/// A microphone that delivers nothing for this long is taken for dead, and silence is sent in its place.
const MICROPHONE_PAUSE: Duration = Duration::from_millis(60);
/// The speaker stays open this long after it was last needed: the busy tone after a call needs no second opening.
const SPEAKER_LINGER: Duration = Duration::from_secs(2);
const RINGER_LINGER: Duration = Duration::from_millis(300);
/// How often the sound system is asked for news while asleep.
const NEWS: Duration = Duration::from_millis(500);
/// The same just after the start, for the first list of devices, and until a microphone reports that it is closed.
const NEWS_SOON: Duration = Duration::from_millis(30);
const START: Duration = Duration::from_secs(2);
/// Frames a speaker takes in one tick at most; more is a device that misbehaves.
const FRAMES_A_TICK: u32 = 12;

/// Hands a finished payload of a session on, with the ticks of the RTP clock that it stands for.
pub type SendAudio<'a> = &'a mut dyn FnMut(SessionId, &[u8], u32);

/// See the module's contract. Public so that simulations run the same desk on their own clock.
pub struct Desk {
    sound: Box<dyn Sound>,
    meters: Arc<Meters>,
    sessions: BTreeMap<SessionId, DeskSession>,
    microphone: Microphone,
    speaker: Player,
    ringer: Player,
    /// Devices that ring together with the ringer.
    also: Vec<Player>,
    scratch: Frame,
    /// `None` while asleep.
    next_tick: Option<Instant>,
    look_at: Instant,
    start_until: Instant,
    inputs: VecDeque<Input>,
    /// What is to be done to the microphone's sound.
    processing: Processing,
    measuring: Option<Measuring>,
    /// What was recorded last to be heard, for as long as it may be asked for again.
    recorded: Option<Vec<f32>>,
    ring_percent: u8,
    /// Measured, and not looked at yet.
    recording: Option<Box<Recording>>,
}

struct Microphone {
    chain: CaptureChain,
    reader: Option<CaptureReader>,
    device: Option<DeviceInfo>,
    wanted: bool,
    /// When it last delivered.
    delivered: Option<Instant>,
    time: OpenTime,
}

struct Player {
    role: Role,
    chain: SpeakerChain,
    writer: Option<PlaybackWriter>,
    device: Option<DeviceInfo>,
    /// A tone was asked for that sounds until it is stopped.
    tone: bool,
    /// Asked of the sound system.
    wanted: bool,
    /// How long it stays open unneeded.
    linger: Duration,
    needed_until: Option<Instant>,
}

impl Desk {
    pub fn new(sound: Box<dyn Sound>, meters: Arc<Meters>, now: Instant) -> Self {
        Self {
            sound,
            meters,
            sessions: BTreeMap::new(),
            microphone: Microphone {
                chain: CaptureChain::new(),
                reader: None,
                device: None,
                wanted: false,
                delivered: None,
                time: OpenTime::default(),
            },
            speaker: Player::new(Role::Speaker, SPEAKER_LINGER),
            ringer: Player::new(Role::Ringer, RINGER_LINGER),
            also: Vec::new(),
            scratch: Frame::SILENCE,
            next_tick: None,
            look_at: now,
            start_until: now + START,
            inputs: VecDeque::new(),
            processing: Processing::default(),
            measuring: None,
            recorded: None,
            ring_percent: 100,
            recording: None,
        }
    }

    /// When [`run`](Self::run) is due.
    pub fn deadline(&self) -> Option<Instant> {
        let warm = self.sessions.values().filter_map(DeskSession::deadline).min();
        [Some(self.next_tick.unwrap_or(self.look_at)), warm].into_iter().flatten().min()
    }

    /// A finished measurement: call [`Recording::judge`] where it may take its time, and give the phone the answer.
    pub fn take_recording(&mut self) -> Option<Box<Recording>> {
        self.recording.take()
    }

    /// What there is to tell the phone.
    pub fn poll(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }

    pub fn command(&mut self, now: Instant, command: SoundCommand) {
        match command {
            SoundCommand::Choose { role, choice } => {
                self.sound.request(SoundRequest::Choose { role: words::role(role), choice: words::choice(choice) });
                // The answer should not wait for the next look.
                self.look_at = now;
            }
            SoundCommand::Volume { role: SoundRole::Microphone, percent } => {
                // The same curve as of a speaker: 50 % is −12 dB.
                let share = f32::from(percent.clamp(1, 100)) / 100.0;
                self.microphone.chain.set_gain_db(40.0 * share.log10());
            }
            SoundCommand::Volume { role: SoundRole::Speaker, percent } => self.speaker.chain.set_volume(percent),
            SoundCommand::Volume { role: SoundRole::Ringer, percent } => {
                self.ring_percent = percent;
                for player in std::iter::once(&mut self.ringer).chain(&mut self.also) {
                    player.chain.set_volume(percent);
                }
            }
            SoundCommand::AlsoRing(devices) => self.also_ring(devices),
            SoundCommand::Mute { muted } => self.microphone.chain.set_muted(muted),
            SoundCommand::Tone(tone) => {
                for player in std::iter::once(&mut self.ringer).chain(&mut self.also) {
                    player.play(now, tone.filter(|tone| *tone == Tone::Ring));
                }
                self.speaker.play(now, tone.filter(|tone| *tone != Tone::Ring));
            }
            SoundCommand::Process(processing) => {
                self.processing = processing;
                self.process_as_wanted();
            }
            SoundCommand::Measure { id, what } => self.measure(now, id, what),
            SoundCommand::CancelMeasurement(id) => {
                self.recorded = None;
                if self.measuring.as_ref().is_some_and(|measuring| measuring.id() == id) {
                    self.end_measurement(Err(NotMeasured::Cancelled));
                }
            }
            SoundCommand::DigitTone(digit) => {
                self.speaker.chain.play_digit(digit);
                self.speaker.need(now);
            }
        }
        self.arrange(now);
    }

    /// The microphone's sound goes to this session, or silence does.
    pub fn microphone(&mut self, now: Instant, session: SessionId, open: bool) {
        self.session(session).set_microphone(now, open);
        self.arrange(now);
    }

    /// What arrives on this session is heard, or not.
    pub fn hear(&mut self, now: Instant, session: SessionId, heard: bool) {
        self.session(session).set_heard(now, heard);
        self.arrange(now);
    }

    /// Media of this session is up.
    pub fn up(&mut self, now: Instant, session: SessionId, codec: Codec) {
        self.session(session).up(now, codec);
        self.arrange(now);
    }

    /// The share of our packets that the far end misses, if known.
    pub fn loss(&mut self, session: SessionId, share: Option<f64>) {
        if let (Some(session), Some(share)) = (self.sessions.get_mut(&session), share) {
            session.set_loss(share);
        }
    }

    /// A packet arrived; whether it is the first of the session or of a call on it.
    pub fn insert(&mut self, now: Instant, session: SessionId, packet: &AudioPacket) -> bool {
        self.session(session).insert(now, packet)
    }

    /// What was measured of this session so far; `None`: it had no sound.
    pub fn figures(&self, session: SessionId) -> Option<AudioStats> {
        self.sessions.get(&session).map(DeskSession::figures)
    }

    pub fn close(&mut self, now: Instant, session: SessionId) {
        self.sessions.remove(&session);
        self.arrange(now);
    }

    /// Does everything that is due.
    pub fn run(&mut self, now: Instant, send: SendAudio<'_>) {
        for (id, session) in &mut self.sessions {
            session.keep_warm(now, &mut |payload, ticks| send(*id, payload, ticks));
        }
        if let Some(mut due) = self.next_tick {
            if now > due + STALL {
                let missed = (now - due).as_millis() / TICK.as_millis();
                self.meters.count_late(u64::try_from(missed).unwrap_or(u64::MAX));
                due = now;
            }
            while due <= now {
                self.tick(now, send);
                due += TICK;
                if due <= now {
                    self.meters.count_late(1);
                }
            }
            self.next_tick = Some(due);
            // A tone may have ended, or a lingering speaker's time be up.
            self.arrange(now);
        } else if now >= self.look_at {
            self.look(now);
        }
    }

    fn session(&mut self, session: SessionId) -> &mut DeskSession {
        self.sessions.entry(session).or_default()
    }

    /// Opens and closes devices, starts and stops the tick, as calls and tones need it.
    fn arrange(&mut self, now: Instant) {
        let in_call = self.sessions.values().any(DeskSession::in_call);
        if in_call {
            self.recorded = None;
        }
        if in_call && self.measuring.as_ref().is_some_and(Measuring::is_disturbed_by_a_call) {
            self.end_measurement(Err(NotMeasured::InCall));
        }
        let measured = self.measuring.as_ref().is_some_and(Measuring::needs_microphone);
        let wanted = measured || self.sessions.values().any(DeskSession::microphone);
        if wanted != self.microphone.wanted {
            self.microphone.wanted = wanted;
            if wanted {
                self.microphone.time.set_needed(now, true);
                self.sound.request(SoundRequest::Open { role: Role::Microphone });
            } else {
                // The device is let go at once: a microphone that nobody needs is not open.
                self.microphone.reader = None;
                self.microphone.delivered = None;
                self.sound.request(SoundRequest::Close { role: Role::Microphone });
                self.microphone.time.set_needed(now, false);
            }
        }
        let plays_on = self.measuring.as_ref().and_then(Measuring::plays_on);
        self.speaker.arrange(now, in_call || plays_on == Some(Role::Speaker), self.sound.as_mut());
        for player in std::iter::once(&mut self.ringer).chain(&mut self.also) {
            player.arrange(now, plays_on == Some(Role::Ringer), self.sound.as_mut());
        }
        let awake = wanted || self.speaker.wanted || self.ringer.wanted || self.also.iter().any(|player| player.wanted);
        if awake != self.next_tick.is_some() {
            self.next_tick = awake.then_some(now);
            self.look_at = now + self.news_pause(now);
            if !awake {
                self.meters.set(None, None, None);
            }
        }
    }

    fn news_pause(&self, now: Instant) -> Duration {
        let closing = self.microphone.time.is_open() && !self.microphone.wanted;
        if closing || now < self.start_until { NEWS_SOON } else { NEWS }
    }

    fn process_as_wanted(&mut self) {
        self.microphone.chain.set(words::processing(self.processing, self.microphone.device.as_ref()));
    }

    fn report_microphone(&mut self, now: Instant) {
        let (open_ms, open_while_idle_ms) = self.microphone.time.totals(now);
        self.inputs.push_back(Input::Sound(SoundEvent::MicrophoneTime { open_ms, open_while_idle_ms }));
    }

    fn tick(&mut self, now: Instant, send: SendAudio<'_>) {
        self.look(now);
        self.capture(now, send);
        self.play(now);
        self.measure_tick(now);
        let open = |player: &Player| player.writer.as_ref().map(|_| player.chain.meter().rms_dbfs());
        let microphone = self.microphone.reader.as_ref().map(|_| self.microphone.chain.meter().rms_dbfs());
        self.meters.set(microphone, open(&self.speaker), open(&self.ringer));
        let mut figures = false;
        for (id, session) in &mut self.sessions {
            if let Some(stats) = session.due_figures(now) {
                self.inputs.push_back(Input::AudioStats { session: *id, stats });
                figures = true;
            }
        }
        if figures && self.microphone.reader.is_some() {
            self.report_microphone(now);
        }
    }

    /// From the microphone to the encoders.
    fn capture(&mut self, now: Instant, send: SendAudio<'_>) {
        let mut frame = Frame::SILENCE;
        while self.microphone.reader.as_mut().is_some_and(|reader| reader.read(&mut frame)) {
            self.microphone.delivered = Some(now);
            let raw = self.measuring.is_some().then(|| frame.clone());
            self.microphone.chain.process(&mut frame);
            if let (Some(measuring), Some(raw)) = (&mut self.measuring, raw) {
                measuring.heard(&raw, &frame);
            }
            for (id, session) in self.sessions.iter_mut().filter(|(_, session)| session.microphone()) {
                session.push(&frame, &mut |payload, ticks| send(*id, payload, ticks));
            }
        }
        let alive = self.microphone.delivered.is_some_and(|at| now < at + MICROPHONE_PAUSE);
        for (id, session) in &mut self.sessions {
            if session.in_call() && !(session.microphone() && alive) {
                session.push(&Frame::SILENCE, &mut |payload, ticks| send(*id, payload, ticks));
            }
        }
    }

    /// From the jitter buffers to the speaker, and tones to speaker and ringer.
    fn play(&mut self, now: Instant) {
        let Self { speaker, ringer, also, sessions, scratch, measuring, microphone, ring_percent, .. } = self;
        let waiting = microphone.reader.as_ref().map_or(Duration::ZERO, CaptureReader::delay);
        // Lent to two closures that run one after the other.
        let measuring = std::cell::RefCell::new(measuring.as_mut());
        let fill = |role, frame: &mut Frame| {
            if let Some(measuring) = measuring.borrow_mut().as_mut() {
                measuring.fill(role, frame, waiting);
            }
        };
        speaker.tick(
            |frame| {
                for session in sessions.values_mut() {
                    session.mix_into(now, frame, scratch);
                }
                fill(Role::Speaker, frame);
            },
            |frame| {
                if let Some(measuring) = measuring.borrow_mut().as_mut() {
                    measuring.plays(Role::Speaker, frame);
                }
                microphone.chain.played(frame);
            },
        );
        ringer.tick(|frame| fill(Role::Ringer, frame), |_| {});
        let rings_on = ringer.device.as_ref().map(|device| device.id.as_str());
        for player in also {
            // Twice on one device would only be louder.
            let twice = player.device.as_ref().is_some_and(|device| Some(device.id.as_str()) == rings_on);
            player.tick(|_| {}, |_| {});
            player.chain.set_volume(if twice { 0 } else { *ring_percent });
        }
    }

    fn measure(&mut self, now: Instant, id: MeasurementId, what: Measurement) {
        let in_call = self.sessions.values().any(DeskSession::in_call);
        let rings = matches!(what, Measurement::Tone { role: SoundRole::Ringer, .. });
        let refused = if self.measuring.is_some() {
            Some(NotMeasured::Busy)
        } else if in_call && (rings || Measuring::needs_quiet(what)) || self.ringer.tone {
            Some(NotMeasured::InCall)
        } else if what == Measurement::HearAgain && self.recorded.is_none() {
            Some(NotMeasured::NoRecording)
        } else {
            None
        };
        if let Some(why) = refused {
            let measured = Measured { id, what, result: Err(why) };
            self.inputs.push_back(Input::Sound(SoundEvent::Measured(Box::new(measured))));
            return;
        }
        let mut measuring = Measuring::new(now, id, what);
        if let Some(recorded) = self.recorded.take().filter(|_| what == Measurement::HearAgain) {
            measuring.plays_again(recorded);
        }
        // What is open already serves; the slots are empty, so nothing can be refused.
        if let (Some(device), Some(reader)) = (&self.microphone.device, &self.microphone.reader)
            && measuring.needs_microphone()
        {
            measuring.microphone_is(device, reader);
        }
        for player in [&self.speaker, &self.ringer] {
            if let (Some(device), Some(writer)) = (&player.device, &player.writer) {
                writer.health().set_ears(measuring.ears_of(player.role));
                measuring.player_is(player.role, device, writer);
            }
        }
        if measuring.rings() {
            for player in std::iter::once(&mut self.ringer).chain(&mut self.also) {
                player.chain.play(Some(words::tone(Tone::Ring)));
            }
        }
        self.tell_phase(id, MeasurementPhase::Opening);
        self.measuring = Some(measuring);
    }

    /// Other devices ring with the ringer from now on, also in the middle of a ring.
    fn also_ring(&mut self, devices: Vec<String>) {
        let (tone, percent) = (self.ringer.tone, self.ring_percent);
        for player in self.also.drain(..) {
            if player.wanted {
                self.sound.request(SoundRequest::Close { role: player.role });
            }
        }
        for (index, id) in (0..ALSO_RINGERS).zip(devices) {
            let role = Role::AlsoRinger(index);
            self.sound.request(SoundRequest::Choose { role, choice: Choice::Device(id) });
            let mut player = Player::new(role, RINGER_LINGER);
            player.chain.set_volume(percent);
            player.tone = tone;
            player.chain.play(tone.then(|| words::tone(Tone::Ring)));
            self.also.push(player);
        }
    }

    fn tell_phase(&mut self, id: MeasurementId, phase: MeasurementPhase) {
        self.inputs.push_back(Input::Sound(SoundEvent::Measuring { id, phase }));
    }

    fn measure_tick(&mut self, now: Instant) {
        let Some(measuring) = &mut self.measuring else { return };
        let before = measuring.phase();
        let player = if measuring.rings() { &self.ringer } else { &self.speaker };
        let result = measuring.tick(now, self.microphone.reader.as_ref(), player.writer.as_ref());
        let (id, phase) = (measuring.id(), measuring.phase());
        if let Some(result) = result {
            self.end_measurement(result);
        } else if phase != before {
            self.tell_phase(id, phase);
        }
    }

    fn end_measurement(&mut self, result: Result<(), NotMeasured>) {
        let Some(measuring) = self.measuring.take() else { return };
        self.recorded = measuring.recorded().filter(|_| result.is_ok());
        for writer in [&self.speaker.writer, &self.ringer.writer].into_iter().flatten() {
            writer.health().set_ears(Ears::Both);
        }
        if measuring.rings() && !self.ringer.tone {
            for player in std::iter::once(&mut self.ringer).chain(&mut self.also) {
                player.chain.play(None);
            }
        }
        match measuring.end(result) {
            End::Facts(recording) => {
                self.tell_phase(recording.id(), MeasurementPhase::Judging);
                self.recording = Some(recording);
            }
            End::Without(measured) => {
                self.inputs.push_back(Input::Sound(SoundEvent::Measured(measured)));
            }
        }
    }

    /// Takes the news of the sound system.
    fn look(&mut self, now: Instant) {
        self.look_at = now + self.news_pause(now);
        while let Some(news) = self.sound.poll() {
            let event = match news {
                SoundNews::Devices(list) => SoundEvent::Devices(list.into_iter().map(words::device_of).collect()),
                SoundNews::Capture { info, because, stream } => {
                    // Nobody wants it any more; dropping it closes it.
                    if !self.microphone.wanted {
                        continue;
                    }
                    match CaptureReader::new(stream) {
                        Ok(reader) => {
                            let measuring = self.measuring.as_mut();
                            let stopped = measuring.and_then(|measuring| measuring.microphone_is(&info, &reader));
                            self.microphone.device = Some(info.clone());
                            self.process_as_wanted();
                            self.microphone.chain.path_changed();
                            self.microphone.reader = Some(reader);
                            self.microphone.time.set_open(now, true);
                            if let Some(why) = stopped {
                                self.end_measurement(Err(why));
                            }
                            words::opened(SoundRole::Microphone, info, because)
                        }
                        Err(error) => words::failed(Role::Microphone, SoundError::Failed(error.to_string())),
                    }
                }
                SoundNews::Playback { role, info, because, stream } => {
                    let player = match role {
                        Role::Ringer => &mut self.ringer,
                        Role::AlsoRinger(index) => match self.also.get_mut(usize::from(index)) {
                            Some(player) => player,
                            None => continue,
                        },
                        Role::Speaker | Role::Microphone => &mut self.speaker,
                    };
                    if !player.wanted {
                        continue;
                    }
                    match PlaybackWriter::new(stream) {
                        Ok(writer) => {
                            let measuring = self.measuring.as_mut();
                            let stopped = measuring.and_then(|measuring| {
                                writer.health().set_ears(measuring.ears_of(role));
                                measuring.player_is(role, &info, &writer)
                            });
                            player.device = Some(info.clone());
                            if role == Role::Speaker {
                                self.microphone.chain.path_changed();
                            }
                            player.writer = Some(writer);
                            if let Some(why) = stopped {
                                self.end_measurement(Err(why));
                            }
                            if matches!(role, Role::AlsoRinger(_)) {
                                continue;
                            }
                            words::opened(words::role_of(role), info, because)
                        }
                        Err(error) => words::failed(role, SoundError::Failed(error.to_string())),
                    }
                }
                // The ringer stands for all that ring; the others are a courtesy.
                SoundNews::Closed { role: role @ Role::AlsoRinger(_) } => {
                    self.gone(now, role);
                    continue;
                }
                SoundNews::Failed { role: role @ Role::AlsoRinger(_), error } => {
                    tracing::info!(%error, "a further ringer does not ring");
                    self.gone(now, role);
                    continue;
                }
                SoundNews::Closed { role } => {
                    self.gone(now, role);
                    SoundEvent::Closed { role: words::role_of(role) }
                }
                SoundNews::Failed { role, error } => {
                    self.gone(now, role);
                    let stopped = self.measuring.as_ref().and_then(|measuring| measuring.failed(role, &error));
                    if let Some(why) = stopped {
                        self.end_measurement(Err(why));
                    }
                    words::failed(role, error)
                }
            };
            self.inputs.push_back(Input::Sound(event));
        }
    }

    /// A device is closed, whoever did it.
    fn gone(&mut self, now: Instant, role: Role) {
        match role {
            Role::Microphone => {
                self.microphone.reader = None;
                self.microphone.time.set_open(now, false);
                self.report_microphone(now);
            }
            Role::Speaker => self.speaker.writer = None,
            Role::Ringer => self.ringer.writer = None,
            Role::AlsoRinger(index) => {
                if let Some(player) = self.also.get_mut(usize::from(index)) {
                    player.writer = None;
                }
            }
        }
    }
}

impl Player {
    fn new(role: Role, linger: Duration) -> Self {
        Self {
            role,
            chain: SpeakerChain::new(),
            writer: None,
            device: None,
            tone: false,
            wanted: false,
            linger,
            needed_until: None,
        }
    }

    fn play(&mut self, now: Instant, tone: Option<Tone>) {
        if self.tone {
            // The last note fades out.
            self.need(now);
        }
        self.tone = tone.is_some();
        self.chain.play(tone.map(words::tone));
    }

    /// The device is needed now, and for a while.
    fn need(&mut self, now: Instant) {
        self.needed_until = Some(now + self.linger);
    }

    fn arrange(&mut self, now: Instant, needed: bool, sound: &mut dyn Sound) {
        if needed || self.tone {
            self.need(now);
        }
        let wanted = self.needed_until.is_some_and(|until| now < until);
        if wanted == self.wanted {
            return;
        }
        self.wanted = wanted;
        if !wanted {
            self.writer = None;
        }
        let role = self.role;
        sound.request(if wanted { SoundRequest::Open { role } } else { SoundRequest::Close { role } });
    }

    /// Makes as much sound as the device wants, or 10 ms for nobody while there is none. `fill` adds to a silent frame;
    /// `played` sees what the device gets.
    fn tick(&mut self, mut fill: impl FnMut(&mut Frame), mut played: impl FnMut(&Frame)) {
        let mut frame = Frame::SILENCE;
        let Some(writer) = &mut self.writer else {
            if self.wanted {
                fill(&mut frame);
                self.chain.process(&mut frame);
            }
            return;
        };
        for _ in 0..FRAMES_A_TICK {
            if !writer.wants() {
                break;
            }
            frame = Frame::SILENCE;
            fill(&mut frame);
            self.chain.process(&mut frame);
            writer.write(&frame);
            played(&frame);
        }
    }
}

#[cfg(test)]
mod tests;
