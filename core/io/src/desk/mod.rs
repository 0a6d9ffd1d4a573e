//! [`Desk`]: devices, chains and the audio of every session, in ticks of 10 ms.
//!
//! Tell it what the phone asks and what arrives, call [`Desk::run`] at [`Desk::deadline`] or earlier, and take what it
//! tells with [`Desk::poll`]. It ticks only while there is something to hear or to say: with no call and no tone it
//! looks for news of the sound system twice a second and is otherwise asleep.
//!
//! Pace. The microphone is encoded as fast as it delivers and sound for the speaker is made as fast as the speaker
//! takes it, so no ring grows however far clocks drift. The tick gives the pace only where there is no device: silence
//! is sent until the microphone is there, and a session without a speaker is emptied into nothing.

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
use phone_audio::sound::{Role, Sound, SoundError, SoundNews, SoundRequest};
use phone_core::Input;
use phone_core::ids::SessionId;
use phone_core::media::{AudioPacket, Codec};
use phone_core::sound::{SoundCommand, SoundEvent, SoundRole, Tone};

use crate::handle::Meters;
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
/// Frames of what was played that are kept for the echo canceller.
const PLAYED: usize = 16;

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
    /// What the speaker was given and has not played yet, oldest first.
    played: VecDeque<Frame>,
    scratch: Frame,
    /// `None` while asleep.
    next_tick: Option<Instant>,
    look_at: Instant,
    start_until: Instant,
    inputs: VecDeque<Input>,
}

struct Microphone {
    chain: CaptureChain,
    reader: Option<CaptureReader>,
    wanted: bool,
    /// When it last delivered.
    delivered: Option<Instant>,
    time: OpenTime,
}

struct Player {
    role: Role,
    chain: SpeakerChain,
    writer: Option<PlaybackWriter>,
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
                wanted: false,
                delivered: None,
                time: OpenTime::default(),
            },
            speaker: Player::new(Role::Speaker, SPEAKER_LINGER),
            ringer: Player::new(Role::Ringer, RINGER_LINGER),
            played: VecDeque::with_capacity(PLAYED),
            scratch: Frame::SILENCE,
            next_tick: None,
            look_at: now,
            start_until: now + START,
            inputs: VecDeque::new(),
        }
    }

    /// When [`run`](Self::run) is due.
    pub fn deadline(&self) -> Option<Instant> {
        let warm = self.sessions.values().filter_map(DeskSession::deadline).min();
        [Some(self.next_tick.unwrap_or(self.look_at)), warm].into_iter().flatten().min()
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
            SoundCommand::Volume { role: SoundRole::Ringer, percent } => self.ringer.chain.set_volume(percent),
            SoundCommand::Mute { muted } => self.microphone.chain.set_muted(muted),
            SoundCommand::Tone(tone) => {
                self.ringer.play(now, tone.filter(|tone| *tone == Tone::Ring));
                self.speaker.play(now, tone.filter(|tone| *tone != Tone::Ring));
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
        self.sessions.entry(session).or_insert_with(DeskSession::new)
    }

    /// Opens and closes devices, starts and stops the tick, as calls and tones need it.
    fn arrange(&mut self, now: Instant) {
        let wanted = self.sessions.values().any(DeskSession::microphone);
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
        let in_call = self.sessions.values().any(DeskSession::in_call);
        self.speaker.arrange(now, in_call, self.sound.as_mut());
        self.ringer.arrange(now, false, self.sound.as_mut());
        if !self.speaker.wanted {
            self.played.clear();
        }
        let awake = wanted || self.speaker.wanted || self.ringer.wanted;
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

    fn report_microphone(&mut self, now: Instant) {
        let (open_ms, open_while_idle_ms) = self.microphone.time.totals(now);
        self.inputs.push_back(Input::Sound(SoundEvent::MicrophoneTime { open_ms, open_while_idle_ms }));
    }

    fn tick(&mut self, now: Instant, send: SendAudio<'_>) {
        self.look(now);
        self.capture(now, send);
        self.play(now);
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
        loop {
            let Some(reader) = &mut self.microphone.reader else { break };
            if !reader.read(&mut frame) {
                break;
            }
            self.microphone.delivered = Some(now);
            let far = self.played_meanwhile();
            self.microphone.chain.process(&mut frame, &far);
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

    /// What the speaker played while the microphone took 10 ms: what was written as long ago as the ring is full.
    fn played_meanwhile(&mut self) -> Frame {
        let Some(writer) = &self.speaker.writer else { return Frame::SILENCE };
        let waiting = (writer.delay().as_millis() / TICK.as_millis()) as usize;
        // A stall of either side leaves too many; the present ones count.
        while self.played.len() > waiting + 3 {
            self.played.pop_front();
        }
        if self.played.len() > waiting { self.played.pop_front().unwrap_or_default() } else { Frame::SILENCE }
    }

    /// From the jitter buffers to the speaker, and tones to speaker and ringer.
    fn play(&mut self, now: Instant) {
        let Self { speaker, ringer, sessions, scratch, played, .. } = self;
        speaker.tick(
            |frame| {
                for session in sessions.values_mut() {
                    session.mix_into(now, frame, scratch);
                }
            },
            |frame| {
                if played.len() >= PLAYED {
                    played.pop_front();
                }
                played.push_back(frame.clone());
            },
        );
        ringer.tick(|_| {}, |_| {});
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
                            self.microphone.reader = Some(reader);
                            self.microphone.time.set_open(now, true);
                            words::opened(SoundRole::Microphone, info, because)
                        }
                        Err(error) => words::failed(Role::Microphone, SoundError::Failed(error.to_string())),
                    }
                }
                SoundNews::Playback { role, info, because, stream } => {
                    let player = if role == Role::Ringer { &mut self.ringer } else { &mut self.speaker };
                    if !player.wanted {
                        continue;
                    }
                    match PlaybackWriter::new(stream) {
                        Ok(writer) => {
                            player.writer = Some(writer);
                            words::opened(words::role_of(role), info, because)
                        }
                        Err(error) => words::failed(role, SoundError::Failed(error.to_string())),
                    }
                }
                SoundNews::Closed { role } => {
                    self.gone(now, role);
                    SoundEvent::Closed { role: words::role_of(role) }
                }
                SoundNews::Failed { role, error } => {
                    self.gone(now, role);
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
        }
    }
}

impl Player {
    fn new(role: Role, linger: Duration) -> Self {
        Self { role, chain: SpeakerChain::new(), writer: None, tone: false, wanted: false, linger, needed_until: None }
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
mod tests {
    use std::sync::Mutex;

    use phone_audio::codec::Coding;
    use phone_audio::measure::sine;
    use phone_audio::session::SessionAudio;
    use phone_audio::sound::{Because, CaptureStream, Class, DeviceInfo, PlaybackStream};
    use phone_core::event::AudioStats;

    use super::*;

    const SESSION: SessionId = SessionId(1);

    /// A sound system that opens nothing by itself: the test does.
    #[derive(Clone, Default)]
    struct FakeSound(Arc<Mutex<(Vec<SoundRequest>, VecDeque<SoundNews>)>>);

    impl FakeSound {
        fn tell(&self, news: SoundNews) {
            self.0.lock().unwrap().1.push_back(news);
        }

        fn requests(&self) -> Vec<SoundRequest> {
            std::mem::take(&mut self.0.lock().unwrap().0)
        }

        fn open_microphone(&self) -> rtrb::Producer<f32> {
            let (device, samples) = rtrb::RingBuffer::new(24_000);
            let stream = CaptureStream { samples, rate_hz: 48_000, health: Arc::default(), keep: Box::new(()) };
            self.tell(SoundNews::Capture { info: info(true), because: Because::Asked, stream });
            device
        }

        fn open_player(&self, role: Role) -> rtrb::Consumer<f32> {
            let (samples, device) = rtrb::RingBuffer::new(24_000);
            let stream = PlaybackStream { samples, rate_hz: 48_000, health: Arc::default(), keep: Box::new(()) };
            self.tell(SoundNews::Playback { role, info: info(false), because: Because::Asked, stream });
            device
        }
    }

    impl Sound for FakeSound {
        fn request(&mut self, request: SoundRequest) {
            self.0.lock().unwrap().0.push(request);
        }

        fn poll(&mut self) -> Option<SoundNews> {
            self.0.lock().unwrap().1.pop_front()
        }
    }

    fn info(input: bool) -> DeviceInfo {
        let (id, name) = ("fake:1".to_owned(), "Fake".to_owned());
        DeviceInfo { id, name, input, class: Class::Virtual, default: true, rate_hz: Some(48_000), channels: Some(1) }
    }

    /// A desk on a clock that moves only when told to.
    struct Bench {
        desk: Desk,
        sound: FakeSound,
        now: Instant,
        runs: u32,
        sent: Vec<Vec<u8>>,
        told: Vec<Input>,
        /// What devices deliver and take 480 samples of every 10 ms.
        microphone: Option<(rtrb::Producer<f32>, Vec<f32>)>,
        speaker: Option<(rtrb::Consumer<f32>, Vec<f32>)>,
    }

    impl Bench {
        fn new() -> Self {
            let (sound, now) = (FakeSound::default(), crate::clock::now());
            let desk = Desk::new(Box::new(sound.clone()), Arc::default(), now);
            let (sent, told) = (Vec::new(), Vec::new());
            Self { desk, sound, now, runs: 0, sent, told, microphone: None, speaker: None }
        }

        /// With a session that is up and in a call.
        fn in_call() -> Self {
            let mut bench = Self::new();
            bench.desk.up(bench.now, SESSION, Codec::Opus);
            bench.desk.microphone(bench.now, SESSION, true);
            bench.desk.hear(bench.now, SESSION, true);
            bench
        }

        fn advance(&mut self, by: Duration) {
            let end = self.now + by;
            let mut device = self.now;
            loop {
                let due = self.desk.deadline().unwrap_or(end).max(self.now);
                if device <= due && device < end && (self.microphone.is_some() || self.speaker.is_some()) {
                    self.devices();
                    device += TICK;
                    continue;
                }
                if due >= end {
                    break;
                }
                self.now = due;
                self.run();
            }
            self.now = end;
        }

        fn run(&mut self) {
            self.runs += 1;
            let sent = &mut self.sent;
            self.desk.run(self.now, &mut |_, payload, ticks| {
                assert_eq!(ticks, 960);
                sent.push(payload.to_vec());
            });
            self.told.extend(std::iter::from_fn(|| self.desk.poll()));
        }

        fn devices(&mut self) {
            if let Some((ring, sound)) = &mut self.microphone {
                let bite: Vec<f32> = sound.drain(..480.min(sound.len())).collect();
                assert!(ring.push_entire_slice(&bite).is_ok());
            }
            if let Some((ring, heard)) = &mut self.speaker {
                heard.extend((0..480).map(|_| ring.pop().unwrap_or_default()));
            }
        }

        /// What was sent, as the far end hears it; the first 200 ms are left out.
        fn far_level(&mut self) -> f32 {
            let mut far = SessionAudio::new(Coding::Opus).unwrap();
            let mut heard = Vec::new();
            for (n, payload) in self.sent.iter().enumerate() {
                let at = self.now + Duration::from_millis(20 * n as u64);
                far.insert(payload, n as u16, 960 * n as u32, n == 0, 1, at);
                for half in 0..2 {
                    let mut frame = Frame::SILENCE;
                    far.pull(at + half * TICK, &mut frame);
                    heard.extend_from_slice(&frame.0);
                }
            }
            phone_audio::level::rms_dbfs(heard.get(9_600..).unwrap_or_default())
        }

        fn told_of(&self, what: impl Fn(&SoundEvent) -> bool) -> usize {
            self.told.iter().filter(|input| matches!(input, Input::Sound(event) if what(event))).count()
        }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const OPEN: SoundRequest = SoundRequest::Open { role: Role::Microphone };
    const CLOSE: SoundRequest = SoundRequest::Close { role: Role::Microphone };

    #[test]
    fn a_desk_without_calls_wakes_twice_a_second_only() {
        let mut bench = Bench::new();
        bench.advance(START);
        bench.runs = 0;
        bench.advance(Duration::from_mins(1));
        assert!(bench.runs <= 121, "{}", bench.runs);
        assert!(bench.sound.requests().is_empty() && bench.sent.is_empty());
    }

    #[test]
    fn a_warm_session_sends_a_packet_now_and_then_with_every_device_closed() {
        let mut bench = Bench::new();
        bench.advance(START);
        bench.desk.up(bench.now, SESSION, Codec::Opus);
        bench.runs = 0;
        bench.advance(Duration::from_mins(1));
        assert!((149..=150).contains(&bench.sent.len()), "{}", bench.sent.len());
        assert!(bench.runs <= 271, "{}", bench.runs);
        assert!(bench.sound.requests().is_empty());
    }

    #[test]
    fn silence_is_sent_until_the_microphone_is_there() {
        let mut bench = Bench::in_call();
        assert!(bench.sound.requests().contains(&OPEN));
        bench.advance(Duration::from_secs(1));
        assert!((49..=51).contains(&bench.sent.len()), "{}", bench.sent.len());
        assert!(bench.far_level() < -90.0);

        bench.sent.clear();
        bench.microphone = Some((bench.sound.open_microphone(), sine(440.0, -20.0, 96_000)));
        bench.advance(Duration::from_secs(1));
        assert!((49..=52).contains(&bench.sent.len()), "{}", bench.sent.len());
        let level = bench.far_level();
        assert!((-23.0..-17.0).contains(&level), "{level}");
    }

    #[test]
    fn a_microphone_that_stops_delivering_leaves_silence_and_no_gap() {
        let mut bench = Bench::in_call();
        bench.microphone = Some((bench.sound.open_microphone(), sine(440.0, -20.0, 24_000)));
        bench.advance(Duration::from_secs(2));
        assert!((95..=102).contains(&bench.sent.len()), "{}", bench.sent.len());
    }

    #[test]
    fn the_microphone_is_let_go_the_moment_no_call_needs_it() {
        let mut bench = Bench::in_call();
        bench.microphone = Some((bench.sound.open_microphone(), sine(440.0, -20.0, 480_000)));
        bench.advance(Duration::from_secs(1));
        bench.sound.requests();
        bench.desk.microphone(bench.now, SESSION, false);
        assert!(bench.sound.requests().contains(&CLOSE));
        assert!(bench.microphone.as_ref().unwrap().0.is_abandoned(), "the device is still held");
        bench.microphone = None;
        bench.advance(ms(40));
        bench.sound.tell(SoundNews::Closed { role: Role::Microphone });
        bench.advance(ms(100));
        let Some(Input::Sound(SoundEvent::MicrophoneTime { open_ms, open_while_idle_ms })) =
            bench.told.iter().rfind(|input| matches!(input, Input::Sound(SoundEvent::MicrophoneTime { .. })))
        else {
            panic!("nothing was reported: {:?}", bench.told)
        };
        assert!((1_000..=1_100).contains(open_ms), "{open_ms}");
        assert!((30..=60).contains(open_while_idle_ms), "{open_while_idle_ms}");
    }

    #[test]
    fn a_microphone_that_opens_too_late_is_closed_again() {
        let mut bench = Bench::in_call();
        bench.desk.microphone(bench.now, SESSION, false);
        let device = bench.sound.open_microphone();
        bench.advance(ms(50));
        assert!(device.is_abandoned());
        assert_eq!(bench.told_of(|event| matches!(event, SoundEvent::Opened { .. })), 0);
    }

    #[test]
    fn a_muted_microphone_sends_silence() {
        let mut bench = Bench::in_call();
        bench.desk.command(bench.now, SoundCommand::Mute { muted: true });
        bench.microphone = Some((bench.sound.open_microphone(), sine(440.0, -20.0, 96_000)));
        bench.advance(Duration::from_secs(1));
        assert!(bench.sent.len() > 45 && bench.far_level() < -90.0);
        assert!(bench.desk.meters.microphone_dbfs() > -30.0, "the meter still moves");
    }

    /// The far end speaks for `frames` frames at the pace of the clock.
    fn far_speaks(bench: &mut Bench, frames: u32) {
        let mut far = SessionAudio::new(Coding::Opus).unwrap();
        let (mut sequence, mut timestamp) = (0, 0);
        for chunk in sine(500.0, -20.0, 480 * frames as usize).chunks_exact(480) {
            if let Some(payload) = far.push_capture(&Frame(chunk.try_into().unwrap())) {
                let payload = payload.to_vec();
                let packet = AudioPacket { codec: Codec::Opus, sequence, timestamp, marker: false, ssrc: 9, payload };
                bench.desk.insert(bench.now, SESSION, &packet);
                (sequence, timestamp) = (sequence + 1, timestamp + 960);
            }
            bench.advance(TICK);
        }
    }

    #[test]
    fn what_arrives_is_heard() {
        let mut bench = Bench::in_call();
        bench.speaker = Some((bench.sound.open_player(Role::Speaker), Vec::new()));
        far_speaks(&mut bench, 200);
        let heard = &bench.speaker.as_ref().unwrap().1;
        let level = phone_audio::level::rms_dbfs(&heard[heard.len() / 2..]);
        assert!((-21.0..-19.0).contains(&level), "{level}");
        let figures: Vec<&AudioStats> = bench
            .told
            .iter()
            .filter_map(|input| match input {
                Input::AudioStats { session: SESSION, stats } => Some(stats),
                _ => None,
            })
            .collect();
        assert_eq!(figures.len(), 2 - 1, "one a second");
        assert!(figures[0].buffer_ms > 0.0 && figures[0].concealed_ms < 100.0, "{figures:?}");
    }

    #[test]
    fn without_a_speaker_the_jitter_buffer_is_emptied_all_the_same() {
        let mut bench = Bench::in_call();
        far_speaks(&mut bench, 250);
        let Some(Input::AudioStats { stats, .. }) =
            bench.told.iter().rfind(|input| matches!(input, Input::AudioStats { .. }))
        else {
            panic!("no figures: {:?}", bench.told)
        };
        assert!(stats.buffer_ms < 100.0, "{stats:?}");
    }

    #[test]
    fn the_first_packet_counts_again_when_a_call_begins() {
        let mut bench = Bench::new();
        let payload = vec![0xf8, 0xff, 0xfe];
        let packet = AudioPacket { codec: Codec::Opus, sequence: 1, timestamp: 0, marker: true, ssrc: 9, payload };
        bench.desk.up(bench.now, SESSION, Codec::Opus);
        let first = |bench: &mut Bench| bench.desk.insert(bench.now, SESSION, &packet);
        assert!(first(&mut bench));
        assert!(!first(&mut bench));
        bench.desk.hear(bench.now, SESSION, true);
        assert!(first(&mut bench));
        bench.desk.hear(bench.now, SESSION, true);
        assert!(!first(&mut bench));
    }

    #[test]
    fn the_ring_goes_to_the_ringer_and_other_tones_to_the_speaker() {
        let mut bench = Bench::new();
        bench.desk.command(bench.now, SoundCommand::Tone(Some(Tone::Ring)));
        assert_eq!(bench.sound.requests(), [SoundRequest::Open { role: Role::Ringer }]);
        let mut ringer = bench.sound.open_player(Role::Ringer);
        bench.advance(ms(100));
        assert!(ringer.pop().is_ok());
        bench.desk.command(bench.now, SoundCommand::Tone(Some(Tone::Busy)));
        bench.advance(ms(1_000));
        assert_eq!(
            bench.sound.requests(),
            [SoundRequest::Open { role: Role::Speaker }, SoundRequest::Close { role: Role::Ringer }]
        );
        assert!(ringer.is_abandoned());
        bench.desk.command(bench.now, SoundCommand::Tone(None));
        bench.advance(Duration::from_secs(5));
        assert_eq!(bench.sound.requests(), [SoundRequest::Close { role: Role::Speaker }]);
        bench.runs = 0;
        bench.advance(Duration::from_secs(10));
        assert!(bench.runs <= 21, "asleep again: {}", bench.runs);
    }

    #[test]
    fn a_stalled_thread_counts_late_ticks_and_goes_on_in_the_present() {
        let mut bench = Bench::in_call();
        bench.advance(Duration::from_secs(1));
        let sent = bench.sent.len();
        assert_eq!(bench.desk.meters.late_ticks(), 0);
        bench.now += Duration::from_secs(1);
        bench.run();
        assert!((95..=101).contains(&bench.desk.meters.late_ticks()), "{}", bench.desk.meters.late_ticks());
        assert!(bench.sent.len() <= sent + 1, "the past is not sent");
        bench.advance(Duration::from_secs(1));
        assert!((49..=51).contains(&(bench.sent.len() - sent)));
    }

    #[test]
    fn device_news_reach_the_phone() {
        let mut bench = Bench::in_call();
        bench.sound.tell(SoundNews::Devices(vec![info(true)]));
        bench.sound.tell(SoundNews::Failed { role: Role::Microphone, error: SoundError::NoPermission });
        bench.advance(ms(20));
        assert_eq!(bench.told_of(|event| matches!(event, SoundEvent::Devices(list) if list.len() == 1)), 1);
        assert_eq!(bench.told_of(|event| matches!(event, SoundEvent::Failed { .. })), 1);
    }
}
