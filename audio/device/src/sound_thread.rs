//! The sound thread: owns the connection to the sound service and every open stream.
//!
//! Whoever asks never waits: requests go in and news come out through bounded channels. Opening a device may take
//! seconds, so each opening has its own short-lived thread, and its result is checked against what is wanted by then.
//! Streams tell nothing of plugging and of new defaults on some systems (on PulseAudio an unplugged sink does not even
//! end its stream), so the list is compared whenever the watcher saw something, and twice a second without a watcher.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use phone_audio::SAMPLE_RATE_HZ;
use phone_audio::sound::{
    ALSO_RINGERS, Because, CaptureStream, Choice, DeviceInfo, PlaybackStream, Role, SoundError, SoundNews,
    SoundRequest, StreamHealth,
};

use crate::catalog::{self, Past, Step};
use crate::host::{Handle, Listed, System};
use crate::stream::{self, End};
use crate::virtual_device;
use crate::watch::Watcher;

/// How often the list is compared without a watcher.
const LOOK: Duration = Duration::from_millis(500);
/// How often with one: for what it cannot see, such as stalled streams.
const LOOK_WATCHED: Duration = Duration::from_secs(2);
/// One plugging makes several events; they are looked at together.
const LOOKS_APART: Duration = Duration::from_millis(30);
/// A volume that is being dragged changes all the time.
const GLANCES_APART: Duration = Duration::from_millis(250);
/// How often a service that is not there is asked for, and a device that failed is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// An open device without a callback for this long is opened anew.
const STALLED: Duration = Duration::from_secs(4);

/// What wakes the sound thread.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "elsewhere no watcher sends them"))]
pub enum Message {
    Request(SoundRequest),
    /// The handle is gone.
    Stop,
    /// The list may have changed.
    Look,
    /// Volume, muting or a port of a device may have changed: nothing that hurries.
    Glance,
    Opened {
        role: Role,
        generation: u64,
        result: Result<stream::OpenDevice, SoundError>,
    },
    /// The reader or writer has dropped its stream.
    Released {
        role: Role,
        generation: u64,
    },
    /// The service reported an error of the stream.
    Broken {
        role: Role,
        generation: u64,
    },
}

/// Held by the reader or writer of a stream: when it goes, the device is closed.
struct Keep {
    role: Role,
    generation: u64,
    released: Arc<AtomicBool>,
    wake: SyncSender<Message>,
}

impl Drop for Keep {
    fn drop(&mut self) {
        self.released.store(true, Relaxed);
        // If the queue is full, the flag is seen at the next look.
        self.wake.try_send(Message::Released { role: self.role, generation: self.generation }).ok();
    }
}

/// What holds the device open; closes it when dropped.
type Holder = Box<dyn Any + Send>;

enum State {
    Closed,
    Opening {
        info: DeviceInfo,
        because: Because,
    },
    Open {
        _holder: Holder,
        released: Arc<AtomicBool>,
        health: Arc<StreamHealth>,
        seen: (u64, Instant),
    },
    /// Wanted, but nothing could be opened.
    Failed {
        error: SoundError,
        retry: Instant,
    },
}

struct RoleState {
    choice: Choice,
    wanted: bool,
    past: Past,
    generation: u64,
    state: State,
}

impl RoleState {
    fn new(choice: Choice) -> Self {
        Self { choice, wanted: false, past: Past::default(), generation: 0, state: State::Closed }
    }
}

pub struct SoundThread {
    inbox: Receiver<Message>,
    wake: SyncSender<Message>,
    news: SyncSender<SoundNews>,
    roles: BTreeMap<Role, RoleState>,
    system: Option<System>,
    watcher: Option<Watcher>,
    last_look: Instant,
    next_look: Instant,
    devices: Vec<Listed>,
    /// The list as it was last told.
    told: Option<Vec<DeviceInfo>>,
    /// Nobody takes news any more.
    finished: bool,
}

impl SoundThread {
    pub fn new(
        choices: &[(Role, Choice)],
        inbox: Receiver<Message>,
        wake: SyncSender<Message>,
        news: SyncSender<SoundNews>,
    ) -> Self {
        let mut roles: BTreeMap<Role, RoleState> =
            roles().map(|role| (role, RoleState::new(Choice::FollowSystem))).collect();
        for (role, choice) in choices {
            roles.insert(*role, RoleState::new(plain(choice.clone())));
        }
        Self {
            inbox,
            wake,
            news,
            roles,
            system: None,
            watcher: None,
            last_look: Instant::now(),
            next_look: Instant::now(),
            devices: Vec::new(),
            told: None,
            finished: false,
        }
    }

    /// Until the handle is dropped.
    pub fn run(mut self) {
        self.look();
        while !self.finished {
            let wait = self.next_look.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(wait) {
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Request(SoundRequest::Choose { role, choice }) => self.choose(role, plain(choice)),
            Message::Request(SoundRequest::Open { role }) => {
                if let Some(state) = self.roles.get_mut(&role)
                    && !state.wanted
                {
                    state.wanted = true;
                    self.open(role, true);
                }
            }
            Message::Request(SoundRequest::Close { role }) => self.close(role),
            Message::Stop => self.finished = true,
            Message::Look => self.next_look = self.next_look.min(self.last_look + LOOKS_APART),
            Message::Glance => self.next_look = self.next_look.min(self.last_look + GLANCES_APART),
            Message::Opened { role, generation, result } => self.opened(role, generation, result),
            Message::Released { role, generation } => {
                if self.is_current(role, generation) {
                    self.close(role);
                }
            }
            Message::Broken { role, generation } => {
                if self.is_current(role, generation) {
                    // Mostly the device went away; the list knows.
                    self.look();
                    if self.is_current(role, generation) {
                        self.reopen(role);
                    }
                }
            }
        }
    }

    fn is_current(&self, role: Role, generation: u64) -> bool {
        self.roles
            .get(&role)
            .is_some_and(|state| state.generation == generation && matches!(state.state, State::Open { .. }))
    }

    fn choose(&mut self, role: Role, choice: Choice) {
        let Some(state) = self.roles.get_mut(&role) else { return };
        if state.choice == choice {
            return;
        }
        state.choice = choice;
        if state.wanted {
            self.open(role, true);
        }
        self.tell_devices();
    }

    fn close(&mut self, role: Role) {
        let Some(state) = self.roles.get_mut(&role) else { return };
        if !state.wanted {
            return;
        }
        state.wanted = false;
        state.generation += 1;
        state.state = State::Closed;
        state.past = Past::default();
        self.tell(SoundNews::Closed { role });
    }

    /// Opens what the role should use now, unless it is open already. `asked`: the user or a call wants it, so what
    /// happened before does not matter.
    fn open(&mut self, role: Role, asked: bool) {
        let devices: Vec<DeviceInfo> = self.devices.iter().map(|listed| listed.info.clone()).collect();
        let Some(state) = self.roles.get_mut(&role) else { return };
        if let Some(info) = virtual_device::info(&state.choice, role) {
            if asked || !matches!(state.state, State::Open { .. }) {
                self.open_virtual(role, info);
            }
            return;
        }
        let decide = if asked { catalog::first_step } else { catalog::next_step };
        match decide(role, &state.choice, &mut state.past, &devices) {
            Step::Keep => {}
            Step::Open { device, because } => self.start_opening(role, device, because),
            Step::Fail(error) => {
                let error = if self.system.is_none() { SoundError::NoServer } else { error };
                self.fail(role, error);
            }
        }
    }

    fn open_virtual(&mut self, role: Role, info: DeviceInfo) {
        let Some(state) = self.roles.get_mut(&role) else { return };
        state.generation += 1;
        // The old one first: it may be writing to the same file.
        state.state = State::Closed;
        match virtual_device::start(&state.choice, role) {
            Ok(started) => {
                let holder = Box::new(started.device);
                self.hand_out(role, info, Because::Asked, holder, (started.end, SAMPLE_RATE_HZ, started.health));
            }
            Err(error) => self.fail(role, error),
        }
    }

    /// Opens a real device on a thread of its own.
    fn start_opening(&mut self, role: Role, info: DeviceInfo, because: Because) {
        let Some(handle) = self.find(&info) else {
            self.fail(role, SoundError::Missing(info.id));
            return;
        };
        let Some(state) = self.roles.get_mut(&role) else { return };
        state.generation += 1;
        let generation = state.generation;
        let wanted = info.clone();
        tracing::debug!(?role, device = %info.id, ?because, "opening");
        // The old stream ends here: its device is gone or no longer wanted.
        state.state = State::Opening { info, because };
        let wake = self.wake.clone();
        let spawned = std::thread::Builder::new().name("sound-open".to_owned()).spawn(move || {
            let on_broken = {
                let wake = wake.clone();
                // A full queue means that the thread is about to look at everything anyway.
                move || drop(wake.try_send(Message::Broken { role, generation }))
            };
            let result = stream::open(&handle, &wanted, role, on_broken);
            // Fails only when the sound thread has ended; the stream is then closed here.
            drop(wake.send(Message::Opened { role, generation, result }));
        });
        if let Err(error) = spawned {
            self.fail(role, SoundError::Failed(format!("a thread could not be started: {error}")));
        }
    }

    fn opened(&mut self, role: Role, generation: u64, result: Result<stream::OpenDevice, SoundError>) {
        let Some(state) = self.roles.get_mut(&role) else { return };
        if state.generation != generation {
            // Closed or chosen anew meanwhile; the stream ends here.
            return;
        }
        let State::Opening { info, because } = std::mem::replace(&mut state.state, State::Closed) else { return };
        match result {
            Ok(open) => {
                self.hand_out(role, info, because, open.stream, (open.end, open.rate_hz, open.health));
            }
            Err(error) => {
                tracing::warn!(?role, device = %info.id, %error, "the device could not be opened");
                state.past.using = None;
                self.fail(role, error);
            }
        }
    }

    /// Gives the ring to the media thread and keeps the device.
    fn hand_out(
        &mut self,
        role: Role,
        info: DeviceInfo,
        because: Because,
        holder: Holder,
        (end, rate_hz, health): (End, u32, Arc<StreamHealth>),
    ) {
        let Some(state) = self.roles.get_mut(&role) else { return };
        let released = Arc::<AtomicBool>::default();
        let keep = Box::new(Keep {
            role,
            generation: state.generation,
            released: Arc::clone(&released),
            wake: self.wake.clone(),
        });
        state.state = State::Open { _holder: holder, released, health: Arc::clone(&health), seen: (0, Instant::now()) };
        let news = match end {
            End::Capture(samples) => {
                SoundNews::Capture { info, because, stream: CaptureStream { samples, rate_hz, health, keep } }
            }
            End::Playback(samples) => {
                SoundNews::Playback { role, info, because, stream: PlaybackStream { samples, rate_hz, health, keep } }
            }
        };
        self.tell(news);
    }

    /// Says so, unless it was said already, and tries again later.
    fn fail(&mut self, role: Role, error: SoundError) {
        let Some(state) = self.roles.get_mut(&role) else { return };
        let retry = Instant::now() + RETRY;
        let known = matches!(&state.state, State::Failed { error: before, .. } if *before == error);
        state.state = State::Failed { error: error.clone(), retry };
        if !known {
            self.tell(SoundNews::Failed { role, error });
        }
    }

    fn find(&self, info: &DeviceInfo) -> Option<Handle> {
        self.devices
            .iter()
            .find(|listed| listed.info.id == info.id && listed.info.input == info.input)
            .map(|listed| listed.handle.clone())
    }

    /// The same device again, after it stalled or reported an error.
    fn reopen(&mut self, role: Role) {
        let Some(state) = self.roles.get_mut(&role) else { return };
        let Some(id) = state.past.using.take() else { return };
        state.past.lost = Some(id);
        state.state = State::Closed;
        self.open(role, false);
    }

    /// Compares the list with the last one, and every open role with what it should be.
    fn look(&mut self) {
        self.last_look = Instant::now();
        let watched = self.watcher.as_ref().is_some_and(Watcher::is_alive);
        self.next_look = self.last_look + if watched { LOOK_WATCHED } else { LOOK };
        self.refresh();
        self.tell_devices();
        for role in roles() {
            self.look_at(role);
        }
    }

    fn refresh(&mut self) {
        if self.system.is_none() {
            match System::connect() {
                Ok(system) => {
                    self.system = Some(system);
                    self.watcher = Watcher::start(&self.wake);
                }
                Err(_) => self.next_look = Instant::now() + RETRY,
            }
        }
        self.devices = match self.system.as_ref().map(System::list) {
            Some(Ok(devices)) => devices,
            Some(Err(error)) => {
                tracing::warn!(%error, "the sound service is gone");
                self.system = None;
                self.watcher = None;
                Vec::new()
            }
            None => Vec::new(),
        };
    }

    fn look_at(&mut self, role: Role) {
        let now = Instant::now();
        let Some(state) = self.roles.get_mut(&role).filter(|state| state.wanted) else { return };
        match &mut state.state {
            State::Closed | State::Opening { .. } => {}
            State::Open { released, health, seen, .. } => {
                if released.load(Relaxed) {
                    self.close(role);
                    return;
                }
                let callbacks = health.callbacks.load(Relaxed);
                if callbacks != seen.0 {
                    *seen = (callbacks, now);
                } else if now - seen.1 > STALLED {
                    tracing::warn!(?role, "the device has stopped delivering");
                    self.reopen(role);
                    return;
                }
                self.open(role, false);
            }
            State::Failed { error, retry } => {
                let nothing_there =
                    matches!(error, SoundError::NoDevice | SoundError::NoServer | SoundError::Missing(_));
                if now >= *retry || (nothing_there && !self.devices.is_empty()) {
                    self.open(role, false);
                }
            }
        }
    }

    /// Tells the list if it is not as told before. Devices without hardware are in it while they are chosen.
    fn tell_devices(&mut self) {
        let chosen = self.roles.iter().filter_map(|(role, state)| virtual_device::info(&state.choice, *role));
        let mut list: Vec<DeviceInfo> = self.devices.iter().map(|listed| listed.info.clone()).collect();
        for device in chosen {
            if !list.contains(&device) {
                list.push(device);
            }
        }
        if self.told.as_ref() != Some(&list) {
            self.told = Some(list.clone());
            self.tell(SoundNews::Devices(list));
        }
    }

    /// Waits when the reader is 64 news behind: none may be lost, and nobody but this thread waits.
    fn tell(&mut self, news: SoundNews) {
        if self.news.send(news).is_err() {
            self.finished = true;
        }
    }
}

/// All roles there are.
fn roles() -> impl Iterator<Item = Role> {
    let further = (0..ALSO_RINGERS).map(Role::AlsoRinger);
    [Role::Microphone, Role::Speaker, Role::Ringer].into_iter().chain(further)
}

/// A device id that names a device without hardware, as that.
fn plain(choice: Choice) -> Choice {
    match choice {
        Choice::Device(id) => virtual_device::choice_of_id(&id),
        other => other,
    }
}
