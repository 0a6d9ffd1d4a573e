//! Sound devices: cpal's, and WAV files, tones and silence as devices clocked in real time.
//!
//! [`start`] gives a [`Sound`] whose calls never block. Behind it the sound thread opens devices, keeps to the user's
//! choice or the system's default as devices come and go, and hands out rings. The callbacks only copy.

pub mod callback;
mod catalog;
mod host;
pub mod mixer;
#[cfg(target_os = "linux")]
mod pulse;
#[cfg(target_os = "linux")]
mod pulse_list;
mod sound_thread;
mod stream;
mod system;
mod virtual_device;
mod watch;
pub mod wav;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use phone_audio::sound::{Choice, DeviceInfo, Role, Sound, SoundError, SoundNews, SoundRequest};

use host::System;
use sound_thread::{Message, SoundThread};

pub use virtual_device::choice_of_id;

#[cfg(all(test, debug_assertions))]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;

/// Requests, results and wakes on their way to the sound thread. Full: requests are dropped and logged; it would mean
/// that the thread hangs in the sound service.
const INBOX: usize = 256;
/// News on their way out. Full: the sound thread waits, nobody else.
const NEWS: usize = 64;
/// How long the end waits for devices to close and files to be finished.
const STOP_LIMIT: Duration = Duration::from_millis(2500);

/// Starts the sound thread. The choices are remembered; nothing is opened yet.
pub fn start(choices: &[(Role, Choice)]) -> Box<dyn Sound> {
    let (inbox, messages) = sync_channel(INBOX);
    let (outbox, news) = sync_channel(NEWS);
    let (ended, end) = sync_channel::<()>(1);
    let thread = SoundThread::new(choices, messages, inbox.clone(), outbox);
    let spawned = std::thread::Builder::new().name("sound".to_owned()).spawn(move || {
        thread.run();
        // Tells the handle, which stopped waiting if this fails.
        ended.try_send(()).ok();
    });
    let failed = spawned.err().map(|error| {
        tracing::error!(%error, "the sound thread could not be started");
        SoundNews::Devices(Vec::new())
    });
    Box::new(Handle { inbox: Some(inbox), news: Some(news), end, failed })
}

/// All devices of this computer, now. Blocks, for two seconds when the sound service hangs.
pub fn list() -> Result<Vec<DeviceInfo>, SoundError> {
    Ok(System::connect()?.list()?.into_iter().map(|listed| listed.info).collect())
}

struct Handle {
    inbox: Option<SyncSender<Message>>,
    news: Option<Receiver<SoundNews>>,
    end: Receiver<()>,
    failed: Option<SoundNews>,
}

impl Sound for Handle {
    fn request(&mut self, request: SoundRequest) {
        if let Some(Err(_)) = self.inbox.as_ref().map(|inbox| inbox.try_send(Message::Request(request))) {
            tracing::error!("the sound thread does not take requests");
        }
    }

    fn poll(&mut self) -> Option<SoundNews> {
        self.failed.take().or_else(|| self.news.as_ref()?.try_recv().ok())
    }
}

impl Drop for Handle {
    /// Closes everything; returns when recordings are finished.
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.take() {
            inbox.try_send(Message::Stop).ok();
        }
        self.news = None;
        self.end.recv_timeout(STOP_LIMIT).ok();
    }
}
