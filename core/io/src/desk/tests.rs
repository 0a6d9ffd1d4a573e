//! The desk against stalled devices and whole sessions, in simulated time.

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
    DeviceInfo { id, name, input, class: Class::Virtual, default: true, ..DeviceInfo::default() }
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

#[test]
fn row_54_the_ring_sounds_on_several_devices_at_once_and_never_twice_on_one() {
    let mut bench = Bench::new();
    bench.desk.command(bench.now, SoundCommand::AlsoRing(vec!["usb".to_owned(), "fake:1".to_owned()]));
    bench.desk.command(bench.now, SoundCommand::Tone(Some(Tone::Ring)));
    let opened = bench.sound.requests();
    for role in [Role::Ringer, Role::AlsoRinger(0), Role::AlsoRinger(1)] {
        assert!(opened.contains(&SoundRequest::Open { role }), "{opened:?}");
    }
    let ringer = bench.sound.open_player(Role::Ringer);
    let same = bench.sound.open_player(Role::AlsoRinger(1));
    let (samples, other) = rtrb::RingBuffer::new(24_000);
    let stream = PlaybackStream { samples, rate_hz: 48_000, health: Arc::default(), keep: Box::new(()) };
    let info = DeviceInfo { id: "usb".to_owned(), ..info(false) };
    bench.sound.tell(SoundNews::Playback { role: Role::AlsoRinger(0), info, because: Because::Asked, stream });
    let mut rings = [ringer, same, other];
    let mut heard = [(); 3].map(|()| Vec::new());
    for _ in 0..40 {
        bench.advance(ms(10));
        for (ring, heard) in rings.iter_mut().zip(&mut heard) {
            heard.extend(std::iter::from_fn(|| ring.pop().ok()));
        }
    }
    let levels = heard.map(|heard| phone_audio::level::rms_dbfs(heard.get(4_800..).unwrap_or_default()));
    assert!(levels[0] > -40.0 && levels[2] > -40.0, "{levels:?}");
    assert!(levels[1] < -60.0, "the same device rings once: {levels:?}");
    assert_eq!(bench.told_of(|event| matches!(event, SoundEvent::Opened { .. })), 1, "the phone knows of one ringer");
    bench.desk.command(bench.now, SoundCommand::Tone(None));
    bench.advance(Duration::from_secs(2));
    let closed = bench.sound.requests();
    for role in [Role::Ringer, Role::AlsoRinger(0), Role::AlsoRinger(1)] {
        assert!(closed.contains(&SoundRequest::Close { role }), "{closed:?}");
    }
}
