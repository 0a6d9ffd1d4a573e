//! What the app holds: send a command, read the picture, take events.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use phone_audio::sound::Sound;
use phone_core::{Command, Event, PhoneConfig, Snapshot};
use tokio::sync::mpsc;

use crate::clock;
use crate::desk::Desk;
use crate::engine::{COMMANDS, Engine, INPUTS, Parts};
use crate::mailbox::Mailbox;
use crate::media_loop::MediaLoop;
use crate::net::tls::Trust;
use crate::policy::ReadSettings;
use crate::secrets::Secrets;
use crate::store::Store;
use crate::watch::NetworkWatch;

/// For a handle that is dropped without being shut down.
const DROP_LIMIT: Duration = Duration::from_secs(3);

/// How to start the phone's threads.
pub struct StartOptions {
    pub phone: PhoneConfig,
    pub sound: Box<dyn Sound>,
    /// Called from other threads whenever there is something new to draw; must return at once.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// Where settings are kept; `None`: nothing is kept (demo, tests).
    pub data_dir: Option<PathBuf>,
    /// Reads policies and files anew; called every few seconds on a thread that may wait. `None`: nothing changes.
    pub read_settings: Option<ReadSettings>,
    /// Lets 127.0.0.1 be a media address, for the practice exchange on this computer.
    pub allow_loopback: bool,
    /// Opens the sign-in page; whether that worked. Called on a thread of its own.
    pub open_browser: OpenBrowser,
    /// Certificates (PEM) that are trusted beside the system's, for networks that look into TLS.
    pub extra_ca: Option<PathBuf>,
}

/// Opens a page in a browser; `false`: there is none.
pub type OpenBrowser = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The browser of the system.
pub fn system_browser() -> OpenBrowser {
    Arc::new(|url| match open::that_detached(url) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "no browser could be opened");
            false
        }
    })
}

/// The phone's threads could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
    #[error("the network of this computer cannot be used")]
    Network(#[source] std::io::Error),
    #[error("the certificates in {path} cannot be read: {why}")]
    Certificates { path: PathBuf, why: String },
}

/// Levels of the last 10 ms, for the meters; read at any rate from any thread. In dBFS, −100 and below is silence.
#[derive(Debug)]
pub struct Meters {
    microphone: AtomicU32,
    speaker: AtomicU32,
    ringer: AtomicU32,
    late_ticks: AtomicU64,
}

/// What a meter shows when nothing is open.
const SILENCE_DBFS: f32 = -100.0;

impl Default for Meters {
    fn default() -> Self {
        let silence = || AtomicU32::new(SILENCE_DBFS.to_bits());
        Self { microphone: silence(), speaker: silence(), ringer: silence(), late_ticks: AtomicU64::new(0) }
    }
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

    /// How often the media thread came more than 10 ms late since the start: a busy computer.
    pub fn late_ticks(&self) -> u64 {
        self.late_ticks.load(Ordering::Relaxed)
    }

    pub(crate) fn count_late(&self, ticks: u64) {
        self.late_ticks.fetch_add(ticks, Ordering::Relaxed);
    }

    /// `None`: the device is closed.
    pub(crate) fn set(&self, microphone: Option<f32>, speaker: Option<f32>, ringer: Option<f32>) {
        for (meter, level) in [(&self.microphone, microphone), (&self.speaker, speaker), (&self.ringer, ringer)] {
            meter.store(level.unwrap_or(SILENCE_DBFS).to_bits(), Ordering::Relaxed);
        }
    }
}

/// A running phone. Dropping it ends sessions cleanly and stops the threads.
pub struct PhoneHandle {
    commands: mpsc::Sender<Command>,
    mailbox: Arc<Mailbox>,
    meters: Arc<Meters>,
    stop: mpsc::Sender<Duration>,
    /// In the order they end.
    threads: Vec<Thread>,
}

struct Thread {
    handle: JoinHandle<()>,
    /// Disconnected when the thread has ended: a plain join cannot be given a limit.
    ended: Receiver<()>,
}

impl PhoneHandle {
    /// Queues a command; `false` when the queue (64) is full or the phone has stopped.
    pub fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.mailbox.snapshot()
    }

    /// The next event, or `None` when there is none now.
    pub fn try_event(&self) -> Option<Event> {
        self.mailbox.try_event()
    }

    /// Waits for the next event, at most this long.
    pub fn wait_event(&self, limit: Duration) -> Option<Event> {
        self.mailbox.wait_event(limit)
    }

    pub fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }

    /// Ends calls and sessions cleanly and stops the threads; at most `limit`.
    pub fn shut_down(mut self, limit: Duration) {
        self.end(limit);
    }

    fn end(&mut self, limit: Duration) {
        if self.stop.try_send(limit).is_err() {
            tracing::debug!("the engine thread has ended already");
        }
        let until = clock::now() + limit;
        for thread in self.threads.drain(..) {
            let left = until.saturating_duration_since(clock::now());
            match thread.ended.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => tracing::warn!(?limit, "a thread did not end in time"),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    if thread.handle.join().is_err() {
                        tracing::error!("a thread had failed");
                    }
                }
            }
        }
    }
}

impl Drop for PhoneHandle {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.end(DROP_LIMIT);
        }
    }
}

/// Starts the engine thread and the media thread.
pub fn start(options: StartOptions) -> Result<PhoneHandle, StartError> {
    let StartOptions { mut phone, sound, wake, data_dir, read_settings, allow_loopback, open_browser, extra_ca } =
        options;
    let settings = read_settings.map(|read| (read, phone.settings.clone()));
    let (mut kept, mut notices) = (None, Vec::new());
    if let Some(folder) = data_dir {
        let store = Store::new(&folder);
        let (found, notice) = store.load();
        notices.extend(notice);
        phone.settings.merge(&found.chosen());
        phone.left_sessions = store.left_sessions();
        kept = Some((store, found));
    }
    let mailbox = Arc::new(Mailbox::new(wake));
    let meters = Arc::new(Meters::default());
    let trust = match extra_ca {
        None => Trust::system(),
        Some(path) => Trust::with_file(&path).map_err(|why| StartError::Certificates { path, why })?,
    };
    let network = NetworkWatch::new(allow_loopback);
    let (commands, command_queue) = mpsc::channel(COMMANDS);
    let (answers, inputs) = mpsc::channel(INPUTS);
    let (stop, stop_queue) = mpsc::channel(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Network)?;

    let desk = Desk::new(sound, Arc::clone(&meters), clock::now());
    let (media_loop, media) =
        MediaLoop::new(desk, answers.clone(), network.addresses(), trust.clone()).map_err(StartError::Network)?;
    let media_thread = spawn("offhook-media", move || media_loop.run())?;

    let parts = Parts {
        config: phone,
        mailbox: Arc::clone(&mailbox),
        media,
        network,
        secrets: Arc::new(Secrets::new(kept.as_ref().and_then(|(store, _)| store.folder()))),
        open_browser,
        kept,
        notices,
        settings,
        trust,
        commands: command_queue,
        inputs,
        answers,
        stop: stop_queue,
    };
    // Should this fail, dropping `parts` ends the media thread.
    let engine_thread = spawn("offhook-engine", move || {
        // Whoever waits for events must not wait for a thread that failed.
        let _close = CloseOnDrop(Arc::clone(&parts.mailbox));
        runtime.block_on(Engine::run(parts));
        // A name look-up that hangs must not hold up the end.
        runtime.shutdown_background();
    })?;
    Ok(PhoneHandle { commands, mailbox, meters, stop, threads: vec![engine_thread, media_thread] })
}

struct CloseOnDrop(Arc<Mailbox>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<Thread, StartError> {
    let (ends, ended) = sync_channel::<()>(0);
    let handle = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            work();
            drop(ends);
        })
        .map_err(StartError::Thread)?;
    Ok(Thread { handle, ended })
}
