//! Sound devices on the simulated clock: a microphone that says what it is told to, a speaker that remembers.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use phone_audio::FRAME_SAMPLES;
use phone_audio::sound::{
    Because, CaptureStream, Class, DeviceInfo, PlaybackStream, Role, Sound, SoundError, SoundNews, SoundRequest,
    StreamHealth,
};

use crate::signal::RATE_HZ;

/// Samples a ring between device and phone holds: 100 ms.
const RING: usize = 4_800;

/// What the microphone says.
#[derive(Clone, Debug, PartialEq)]
pub enum Voice {
    Silence,
    /// A sine of this many hertz at −20 dBFS.
    Tone(f64),
    /// Once, then silence.
    Samples(Arc<Vec<f32>>),
}

#[derive(Default)]
struct State {
    news: VecDeque<SoundNews>,
    microphone: Option<(rtrb::Producer<f32>, Arc<StreamHealth>)>,
    speaker: Option<(rtrb::Consumer<f32>, Arc<StreamHealth>)>,
    ringer: Option<(rtrb::Consumer<f32>, Arc<StreamHealth>)>,
    broken: BTreeSet<Role>,
    voice: Option<Voice>,
    said: u64,
    heard: Vec<f32>,
    rang: bool,
    microphone_opened: u32,
}

/// The test's end of the devices.
#[derive(Clone, Default)]
pub struct Devices(Arc<Mutex<State>>);

/// The phone's end.
struct End(Arc<Mutex<State>>);

impl Devices {
    /// The sound system to give to the phone.
    pub fn sound(&self) -> Box<dyn Sound> {
        self.0.lock().unwrap().news.push_back(SoundNews::Devices(vec![
            info(Role::Microphone),
            info(Role::Speaker),
            info(Role::Ringer),
        ]));
        Box::new(End(Arc::clone(&self.0)))
    }

    pub fn say(&self, voice: Voice) {
        let mut state = self.0.lock().unwrap();
        state.voice = Some(voice);
        state.said = 0;
    }

    /// The role's device cannot be opened any more, and an open one is gone.
    pub fn break_device(&self, role: Role) {
        let mut state = self.0.lock().unwrap();
        state.broken.insert(role);
        let open = match role {
            Role::Microphone => state.microphone.take().is_some(),
            Role::Speaker => state.speaker.take().is_some(),
            Role::Ringer | Role::AlsoRinger(_) => state.ringer.take().is_some(),
        };
        if open {
            state.news.push_back(SoundNews::Failed { role, error: SoundError::NoDevice });
        }
    }

    /// All that the speaker played so far; grows while it is open.
    pub fn heard(&self) -> Vec<f32> {
        self.0.lock().unwrap().heard.clone()
    }

    pub fn microphone_open(&self) -> bool {
        self.0.lock().unwrap().microphone.is_some()
    }

    pub fn any_open(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.microphone.is_some() || state.speaker.is_some() || state.ringer.is_some()
    }

    /// How often the microphone was opened.
    pub fn microphone_opened(&self) -> u32 {
        self.0.lock().unwrap().microphone_opened
    }

    /// Whether the ringer made a sound since the last question.
    pub fn rang(&self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap().rang)
    }

    /// Ten milliseconds pass for every device that is open.
    pub fn tick(&self) {
        let state = &mut *self.0.lock().unwrap();
        if state.microphone.as_ref().is_some_and(|(ring, _)| ring.is_abandoned()) {
            state.microphone = None;
        }
        for end in [&mut state.speaker, &mut state.ringer] {
            // What is still in the ring of a closed device is not played.
            if end.as_ref().is_some_and(|(ring, _)| ring.is_abandoned()) {
                *end = None;
            }
        }
        if let Some((ring, health)) = &mut state.microphone {
            let start = state.said;
            for i in 0..FRAME_SAMPLES as u64 {
                if ring.push(sample(state.voice.as_ref(), start + i)).is_err() {
                    health.overrun.fetch_add(1, Ordering::Relaxed);
                }
            }
            health.callbacks.fetch_add(1, Ordering::Relaxed);
            health.samples.fetch_add(FRAME_SAMPLES as u64, Ordering::Relaxed);
            state.said += FRAME_SAMPLES as u64;
        }
        if let Some((ring, health)) = &mut state.speaker {
            let frame = take(ring, health);
            state.heard.extend(frame);
        }
        if let Some((ring, health)) = &mut state.ringer {
            state.rang |= take(ring, health).iter().any(|sample| sample.abs() > 0.001);
        }
    }
}

fn take(ring: &mut rtrb::Consumer<f32>, health: &StreamHealth) -> Vec<f32> {
    let frame = (0..FRAME_SAMPLES)
        .map(|_| {
            ring.pop().unwrap_or_else(|_| {
                health.underrun.fetch_add(1, Ordering::Relaxed);
                0.0
            })
        })
        .collect();
    health.callbacks.fetch_add(1, Ordering::Relaxed);
    health.samples.fetch_add(FRAME_SAMPLES as u64, Ordering::Relaxed);
    frame
}

fn sample(voice: Option<&Voice>, index: u64) -> f32 {
    match voice {
        None | Some(Voice::Silence) => 0.0,
        Some(Voice::Tone(hz)) => (0.1 * (std::f64::consts::TAU * hz * index as f64 / f64::from(RATE_HZ)).sin()) as f32,
        Some(Voice::Samples(samples)) => samples.get(index as usize).copied().unwrap_or(0.0),
    }
}

fn info(role: Role) -> DeviceInfo {
    let (id, name) = match role {
        Role::Microphone => ("sim:microphone", "Simulated microphone"),
        Role::Speaker => ("sim:speaker", "Simulated speaker"),
        Role::Ringer | Role::AlsoRinger(_) => ("sim:ringer", "Simulated ringer"),
    };
    DeviceInfo {
        id: id.to_owned(),
        name: name.to_owned(),
        input: role == Role::Microphone,
        class: Class::Virtual,
        default: role != Role::Ringer,
        rate_hz: Some(RATE_HZ),
        channels: Some(1),
        ..DeviceInfo::default()
    }
}

impl Sound for End {
    fn request(&mut self, request: SoundRequest) {
        let state = &mut *self.0.lock().unwrap();
        match request {
            SoundRequest::Choose { .. } => {}
            SoundRequest::Open { role } if state.broken.contains(&role) => {
                state.news.push_back(SoundNews::Failed { role, error: SoundError::NoDevice });
            }
            SoundRequest::Open { role } => {
                let (producer, consumer) = rtrb::RingBuffer::new(RING);
                let health = Arc::new(StreamHealth::default());
                let device = Arc::clone(&health);
                let (info, because) = (info(role), Because::Asked);
                let news = if role == Role::Microphone {
                    state.microphone = Some((producer, device));
                    state.microphone_opened += 1;
                    let stream = CaptureStream { samples: consumer, rate_hz: RATE_HZ, health, keep: Box::new(()) };
                    SoundNews::Capture { info, because, stream }
                } else {
                    let end = if role == Role::Speaker { &mut state.speaker } else { &mut state.ringer };
                    *end = Some((consumer, device));
                    let stream = PlaybackStream { samples: producer, rate_hz: RATE_HZ, health, keep: Box::new(()) };
                    SoundNews::Playback { role, info, because, stream }
                };
                state.news.push_back(news);
            }
            SoundRequest::Close { role } => {
                match role {
                    Role::Microphone => state.microphone = None,
                    Role::Speaker => state.speaker = None,
                    Role::Ringer | Role::AlsoRinger(_) => state.ringer = None,
                }
                state.news.push_back(SoundNews::Closed { role });
            }
        }
    }

    fn poll(&mut self) -> Option<SoundNews> {
        self.0.lock().unwrap().news.pop_front()
    }
}
