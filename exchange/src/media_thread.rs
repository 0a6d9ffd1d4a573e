//! The thread of the media peer: sockets under mio, the clock, and nothing else that decides.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};
use phone_core::media::{EngineOutput, MediaEvent};
use phone_io::net::legs::{LegEvent, LegSockets};
use phone_io::net::tls::Trust;

use crate::machine::EdgeCommand;
use crate::media::EdgeMedia;

const WAKE: Token = Token(0);
/// Commands on their way. Full-policy: the command is dropped and logged; only a thread that hangs can get there.
const MOST_COMMANDS: usize = 4096;

/// The other threads' end.
pub struct MediaLink {
    commands: SyncSender<EdgeCommand>,
    waker: Arc<Waker>,
}

impl MediaLink {
    pub fn send(&self, command: EdgeCommand) {
        match self.commands.try_send(command) {
            Ok(()) => self.wake(),
            Err(TrySendError::Full(_)) => tracing::error!("the media thread hangs: a command was dropped"),
            Err(TrySendError::Disconnected(_)) => {}
        }
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "the media thread cannot be woken");
        }
    }
}

impl Drop for MediaLink {
    fn drop(&mut self) {
        // The channel closes with this link; the thread must look to see it.
        let (commands, _) = sync_channel(1);
        self.commands = commands;
        self.wake();
    }
}

/// Starts the thread. `report` is called on it for every media event and may block.
pub fn start(
    addresses: Vec<IpAddr>,
    report: impl FnMut(MediaEvent) + Send + 'static,
) -> io::Result<(MediaLink, JoinHandle<()>)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (commands, inbox) = sync_channel(MOST_COMMANDS);
    let legs = LegSockets::new(poll.registry().try_clone()?, Arc::clone(&waker), Trust::system());
    let kept = Arc::clone(&waker);
    let thread = std::thread::Builder::new().name("exchange-media".to_owned()).spawn(move || {
        let media = EdgeMedia::new(Instant::now(), &addresses);
        Runner { poll, _waker: kept, inbox, legs, media, report }.run();
    })?;
    Ok((MediaLink { commands, waker }, thread))
}

struct Runner<R> {
    poll: Poll,
    /// Kept here too: a waker that is closed takes its last call with it, and that one says that it is time to end.
    _waker: Arc<Waker>,
    inbox: Receiver<EdgeCommand>,
    legs: LegSockets,
    media: EdgeMedia,
    report: R,
}

impl<R: FnMut(MediaEvent)> Runner<R> {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            let now = Instant::now();
            let due = [self.media.deadline(), self.legs.deadline(now)].into_iter().flatten().min();
            let timeout = due.map(|due| due.saturating_duration_since(now));
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the media thread of the exchange cannot wait for its sockets");
                return;
            }
            let now = Instant::now();
            for event in events.iter().filter(|event| event.token() != WAKE) {
                let media = &mut self.media;
                self.legs.ready(now, event, &mut |event| feed(media, now, event));
            }
            let media = &mut self.media;
            self.legs.progress(now, &mut |event| feed(media, now, event));
            self.drain(now);
            loop {
                match self.inbox.try_recv() {
                    Ok(command) => {
                        self.media.handle(now, command);
                        self.drain(now);
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        self.legs.close_all(now);
                        return;
                    }
                }
            }
            if self.media.deadline().is_some_and(|due| due <= now) {
                self.media.tick(now);
                self.drain(now);
            }
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.media.poll() {
            let media = &mut self.media;
            let sink = &mut |event: LegEvent<'_>| feed(media, now, event);
            match output {
                EngineOutput::OpenLeg { leg, kind, dscp, fence } => self.legs.open(now, leg, kind, dscp, fence, sink),
                EngineOutput::CloseLeg { leg } => self.legs.close(now, leg),
                EngineOutput::Transmit { leg, to, bytes } => self.legs.transmit(now, leg, to, &bytes, sink),
                EngineOutput::Event(event) => (self.report)(event),
                // Stays inside the machine.
                EngineOutput::Audio { .. } => {}
            }
        }
    }
}

fn feed(media: &mut EdgeMedia, now: Instant, event: LegEvent<'_>) {
    match event {
        LegEvent::Opened { leg, addresses } => media.leg_opened(now, leg, addresses),
        LegEvent::Failed { leg, error } => media.leg_failed(now, leg, &error),
        LegEvent::Received { leg, from, bytes } => media.receive(now, leg, from, bytes),
    }
}
