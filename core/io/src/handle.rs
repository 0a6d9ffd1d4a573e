//! What the app holds: send a command, read the picture, take events.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use phone_audio::sound::Sound;
use phone_core::{Command, Event, PhoneConfig, Snapshot};

/// How to start the phone's threads.
pub struct StartOptions {
    pub phone: PhoneConfig,
    pub sound: Box<dyn Sound>,
    /// Called from other threads whenever there is something new to draw; must return at once.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// Where settings are kept; `None`: nothing is kept (demo, tests).
    pub data_dir: Option<PathBuf>,
    /// Lets 127.0.0.1 be a media address, for the practice exchange on this computer.
    pub allow_loopback: bool,
}

/// The phone's threads could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
    #[error("the network of this computer cannot be used")]
    Network(#[source] std::io::Error),
}

/// Levels of the last 10 ms, for the meters; read at any rate from any thread. In dBFS, −100 and below is silence.
#[derive(Debug, Default)]
pub struct Meters {
    microphone: AtomicU32,
    speaker: AtomicU32,
    ringer: AtomicU32,
}

impl Meters {
    pub fn microphone_dbfs(&self) -> f32 {
        f32::from_bits(self.microphone.load(Ordering::Relaxed))
    }

    pub fn speaker_dbfs(&self) -> f32 {
        f32::from_bits(self.speaker.load(Ordering::Relaxed))
    }

    pub fn ringer_dbfs(&self) -> f32 {
        f32::from_bits(self.ringer.load(Ordering::Relaxed))
    }
}

/// A running phone. Dropping it ends sessions cleanly and stops the threads.
pub struct PhoneHandle {
    _private: (),
}

impl PhoneHandle {
    /// Queues a command; `false` when the queue (64) is full or the phone has stopped.
    pub fn send(&self, _command: Command) -> bool {
        false
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::default()
    }

    /// The next event, or `None` when there is none now.
    pub fn try_event(&self) -> Option<Event> {
        None
    }

    /// Waits for the next event, at most this long.
    pub fn wait_event(&self, _limit: Duration) -> Option<Event> {
        None
    }

    pub fn meters(&self) -> Arc<Meters> {
        Arc::default()
    }

    /// Ends calls and sessions cleanly and stops the threads; at most `limit`.
    pub fn shut_down(self, _limit: Duration) {}
}

/// Starts the engine thread and the media thread.
pub fn start(_options: StartOptions) -> Result<PhoneHandle, StartError> {
    Ok(PhoneHandle { _private: () })
}
