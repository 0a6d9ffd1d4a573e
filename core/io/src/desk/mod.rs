//! [`Desk`]: devices, chains and the audio of every session.

mod words;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use phone_audio::sound::{Sound, SoundNews, SoundRequest};
use phone_core::Input;
use phone_core::ids::SessionId;
use phone_core::media::{AudioPacket, Codec};
use phone_core::sound::{SoundCommand, SoundEvent};

use crate::handle::Meters;

const NEWS: Duration = Duration::from_millis(500);

pub(crate) struct Desk {
    sound: Box<dyn Sound>,
    meters: Arc<Meters>,
    inputs: VecDeque<Input>,
    look: Instant,
}

impl Desk {
    pub(crate) fn new(sound: Box<dyn Sound>, meters: Arc<Meters>, now: Instant) -> Self {
        Self { sound, meters, inputs: VecDeque::new(), look: now }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        Some(self.look)
    }

    pub(crate) fn command(&mut self, _now: Instant, command: SoundCommand) {
        if let SoundCommand::Choose { role, choice } = command {
            self.sound.request(SoundRequest::Choose { role: words::role(role), choice: words::choice(choice) });
        }
    }

    pub(crate) fn microphone(&mut self, _now: Instant, _session: SessionId, _open: bool) {}
    pub(crate) fn hear(&mut self, _now: Instant, _session: SessionId, _heard: bool) {}
    pub(crate) fn close(&mut self, _now: Instant, _session: SessionId) {}
    pub(crate) fn up(&mut self, _now: Instant, _session: SessionId, _codec: Codec) {}
    pub(crate) fn loss(&mut self, _session: SessionId, _share: Option<f64>) {}
    pub(crate) fn insert(&mut self, _now: Instant, _session: SessionId, _packet: &AudioPacket) -> bool {
        false
    }

    pub(crate) fn run(&mut self, now: Instant, _send: &mut dyn FnMut(SessionId, &[u8], u32)) {
        self.meters.set(None, None, None);
        if now < self.look {
            return;
        }
        self.look = now + NEWS;
        while let Some(news) = self.sound.poll() {
            let event = match news {
                SoundNews::Devices(list) => SoundEvent::Devices(list.into_iter().map(words::device_of).collect()),
                SoundNews::Capture { info, because, .. } => SoundEvent::Opened {
                    role: phone_core::sound::SoundRole::Microphone,
                    id: info.id,
                    name: info.name,
                    why: words::because_of(because),
                },
                SoundNews::Playback { role, info, because, .. } => SoundEvent::Opened {
                    role: words::role_of(role),
                    id: info.id,
                    name: info.name,
                    why: words::because_of(because),
                },
                SoundNews::Closed { role } => SoundEvent::Closed { role: words::role_of(role) },
                SoundNews::Failed { role, error } => {
                    SoundEvent::Failed { role: words::role_of(role), problem: words::problem_of(error) }
                }
            };
            self.inputs.push_back(Input::Sound(event));
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }
}
