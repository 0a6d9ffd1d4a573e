//! The media thread: sockets, [`MediaEngine`] and the audio chain, in one loop that waits in one place.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use phone_core::Input;
use phone_core::ids::SessionId;
use phone_core::media::{EngineOutput, MediaEngine, MediaError, MediaEvent};
use phone_core::output::MediaCommand;
use phone_core::sound::SoundCommand;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::clock;
use crate::desk::{Desk, Recording};
use crate::net::legs::{LegEvent, LegSockets};
use crate::net::tls::Trust;

/// Requests of the engine thread that wait. Full-policy: the engine waits, for the media thread empties it with
/// every wake-up and never waits for the engine itself.
const REQUESTS: usize = 256;
/// Inputs kept back while the engine's queue is full. Full-policy: figures of this second are dropped first (the next
/// second brings newer ones), then the oldest.
const BACKLOG: usize = 1024;
/// How soon a backlog is tried again.
const BACKLOG_RETRY: Duration = Duration::from_millis(10);
/// The least wait after one that was none and brought nothing.
const BREATH: Duration = Duration::from_millis(1);
const WAKE: Token = Token(0);

/// What the media thread is asked.
pub(crate) enum ToMedia {
    Command(MediaCommand),
    Sound(SoundCommand),
    LocalAddresses(Vec<IpAddr>),
    /// Close everything and end.
    Stop,
}

/// The engine thread's end.
pub(crate) struct MediaLink {
    requests: SyncSender<ToMedia>,
    waker: Arc<Waker>,
}

impl MediaLink {
    pub(crate) fn send(&self, request: ToMedia) {
        if self.requests.send(request).is_err() {
            tracing::error!("the media thread has ended");
            return;
        }
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "the media thread cannot be woken");
        }
    }
}

/// Inputs on their way to the engine thread; never waits.
struct Outbox {
    inputs: mpsc::Sender<Input>,
    backlog: VecDeque<Input>,
}

impl Outbox {
    fn push(&mut self, input: Input) {
        self.flush();
        let figures = matches!(input, Input::Media(MediaEvent::Stats { .. }) | Input::AudioStats { .. });
        if !self.backlog.is_empty() {
            if figures {
                return;
            }
            if self.backlog.len() >= BACKLOG {
                self.backlog.pop_front();
            }
            self.backlog.push_back(input);
        } else if let Err(TrySendError::Full(input)) = self.inputs.try_send(input)
            && !figures
        {
            self.backlog.push_back(input);
        }
    }

    fn flush(&mut self) {
        while let Some(input) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(input)) = self.inputs.try_send(input) {
                self.backlog.push_front(input);
                return;
            }
        }
    }
}

/// What the media thread owns.
pub(crate) struct MediaLoop {
    poll: Poll,
    requests: Receiver<ToMedia>,
    outbox: Outbox,
    legs: LegSockets,
    engine: MediaEngine,
    desk: Desk,
    /// What the fence had stopped when each session began.
    sessions: BTreeMap<SessionId, u64>,
}

impl MediaLoop {
    pub(crate) fn new(
        desk: Desk,
        inputs: mpsc::Sender<Input>,
        addresses: &[IpAddr],
        trust: Trust,
    ) -> io::Result<(Self, MediaLink)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (sender, requests) = sync_channel(REQUESTS);
        let legs = LegSockets::new(poll.registry().try_clone()?, Arc::clone(&waker), trust);
        let mut engine = MediaEngine::new();
        engine.set_local_addresses(clock::now(), addresses);
        let media = Self {
            poll,
            requests,
            outbox: Outbox { inputs, backlog: VecDeque::new() },
            legs,
            engine,
            desk,
            sessions: BTreeMap::new(),
        };
        Ok((media, MediaLink { requests: sender, waker }))
    }

    /// Runs until [`ToMedia::Stop`] or until the engine thread is gone.
    pub(crate) fn run(mut self) {
        crate::priority::raise();
        let mut events = Events::with_capacity(64);
        // Nothing came of the last wait, which was none.
        let mut idle = false;
        loop {
            let now = clock::now();
            let timeout = self.deadline(now).map(|deadline| deadline.saturating_duration_since(now));
            // A deadline that does not move must not spin, least of all with priority.
            let timeout = if idle { timeout.map(|timeout| timeout.max(BREATH)) } else { timeout };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the media thread cannot wait for its sockets");
                break;
            }
            idle = events.is_empty() && timeout.is_some_and(|timeout| timeout.is_zero());
            let now = clock::now();
            for event in events.iter().filter(|event| event.token() != WAKE) {
                let engine = &mut self.engine;
                self.legs.ready(now, event, &mut |event| feed(engine, now, event));
            }
            let engine = &mut self.engine;
            self.legs.progress(now, &mut |event| feed(engine, now, event));
            if self.engine.deadline().is_some_and(|deadline| deadline <= now) {
                self.engine.tick(now);
            }
            self.drain(now);
            if !self.take_requests(now) {
                break;
            }
            self.sound(now);
            self.outbox.flush();
        }
        self.end();
    }

    fn deadline(&self, now: Instant) -> Option<Instant> {
        let backlog = (!self.outbox.backlog.is_empty()).then(|| now + BACKLOG_RETRY);
        [self.engine.deadline(), self.legs.deadline(now), self.desk.deadline(), backlog].into_iter().flatten().min()
    }

    /// Takes what the engine thread asks; `false` when it is time to end.
    fn take_requests(&mut self, now: Instant) -> bool {
        loop {
            match self.requests.try_recv() {
                Ok(ToMedia::Command(command)) => self.command(now, command),
                Ok(ToMedia::Sound(command)) => self.desk.command(now, command),
                Ok(ToMedia::LocalAddresses(addresses)) => self.engine.set_local_addresses(now, &addresses),
                Ok(ToMedia::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
            self.drain(now);
        }
    }

    fn command(&mut self, now: Instant, command: MediaCommand) {
        match command {
            MediaCommand::Prepare { config } => self.engine.prepare(now, &config),
            MediaCommand::AcceptOffer { session, offer, config } => {
                let blocked = self.legs.counters().blocked;
                self.sessions.entry(session).or_insert(blocked);
                if let Err(error) = self.engine.accept_offer(now, session, &offer, &config) {
                    self.fail(now, session, error);
                }
            }
            MediaCommand::AddRemoteCandidate { session, candidate } => {
                self.engine.add_remote_candidate(now, session, &candidate);
            }
            // The engine tries as long as it may, so it has no use for this.
            MediaCommand::EndOfRemoteCandidates { .. } => {}
            MediaCommand::RestartIce { session } => {
                if let Err(error) = self.engine.restart_ice(now, session) {
                    self.fail(now, session, error);
                }
            }
            MediaCommand::Microphone { session, open } => self.desk.microphone(now, session, open),
            MediaCommand::Hear { session, heard } => self.desk.hear(now, session, heard),
            MediaCommand::SendDigits { session, digits } => self.engine.send_digits(now, session, &digits),
            MediaCommand::Count { session, call } => {
                let stats = self.engine.stats(session).map(|mut stats| {
                    stats.blocked_by_relay_fence += self.blocked(session);
                    Box::new(stats)
                });
                let audio = self.desk.figures(session);
                self.outbox.push(Input::Media(MediaEvent::Counted { session, call, stats, audio }));
            }
            MediaCommand::Close { session } => {
                self.engine.close(now, session);
                self.forget(now, session);
            }
        }
    }

    /// What the fence in front of the sockets has stopped since this session began.
    fn blocked(&self, session: SessionId) -> u64 {
        let before = self.sessions.get(&session).copied().unwrap_or_default();
        self.legs.counters().blocked.saturating_sub(before)
    }

    fn fail(&mut self, now: Instant, session: SessionId, error: MediaError) {
        self.engine.close(now, session);
        self.forget(now, session);
        self.outbox.push(Input::Media(MediaEvent::Failed { session, error }));
    }

    fn forget(&mut self, now: Instant, session: SessionId) {
        self.sessions.remove(&session);
        self.desk.close(now, session);
    }

    /// Does everything the engine wants done.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.engine.poll() {
            match output {
                EngineOutput::Transmit { leg, to, bytes } => {
                    let engine = &mut self.engine;
                    self.legs.transmit(now, leg, to, &bytes, &mut |event| feed(engine, now, event));
                }
                EngineOutput::Audio { session, packet } => {
                    if self.desk.insert(now, session, &packet) {
                        self.outbox.push(Input::Media(MediaEvent::FirstMedia { session }));
                    }
                }
                EngineOutput::OpenLeg { leg, kind, dscp, fence } => {
                    let engine = &mut self.engine;
                    self.legs.open(now, leg, kind, dscp, fence, &mut |event| feed(engine, now, event));
                }
                EngineOutput::CloseLeg { leg } => self.legs.close(now, leg),
                EngineOutput::Event(event) => self.event(now, event),
            }
        }
    }

    fn event(&mut self, now: Instant, mut event: MediaEvent) {
        match &mut event {
            MediaEvent::Up { session, facts } => self.desk.up(now, *session, facts.codec),
            MediaEvent::Failed { session, .. } => self.forget(now, *session),
            MediaEvent::Stats { session, stats } => {
                stats.blocked_by_relay_fence += self.blocked(*session);
                self.desk.loss(*session, stats.far_loss);
            }
            // The desk reports it, for it knows when a call begins on a warm session.
            MediaEvent::FirstMedia { .. } => return,
            _ => {}
        }
        self.outbox.push(Input::Media(event));
    }

    /// Everything about sound that is due.
    fn sound(&mut self, now: Instant) {
        let engine = &mut self.engine;
        self.desk.run(now, &mut |session, payload, ticks| engine.send_audio(now, session, payload, ticks));
        while let Some(input) = self.desk.poll() {
            self.outbox.push(input);
        }
        if let Some(recording) = self.desk.take_recording() {
            self.judge(*recording);
        }
        self.drain(now);
    }

    /// Looks at a measurement on a thread of its own: it takes longer than a tick.
    fn judge(&mut self, recording: Recording) {
        let unjudged = recording.unjudged("the computer has no thread for it");
        let inputs = self.outbox.inputs.clone();
        // Fails only when the engine thread has ended, and then nobody asks any more.
        let work = move || drop(inputs.blocking_send(recording.judge()));
        if std::thread::Builder::new().name("sound-judge".to_owned()).spawn(work).is_err() {
            self.outbox.push(unjudged);
        }
    }

    fn end(mut self) {
        let now = clock::now();
        for session in std::mem::take(&mut self.sessions).into_keys() {
            self.engine.close(now, session);
        }
        self.drain(now);
        self.legs.close_all(now);
    }
}

/// What a leg tells goes straight to the engine.
fn feed(engine: &mut MediaEngine, now: Instant, event: LegEvent<'_>) {
    match event {
        LegEvent::Opened { leg, addresses } => engine.leg_opened(now, leg, addresses),
        LegEvent::Failed { leg, error } => engine.leg_failed(now, leg, &error),
        LegEvent::Received { leg, from, bytes } => engine.receive(now, leg, from, bytes),
    }
}
