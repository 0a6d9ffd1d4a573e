//! [`LegSockets`]: the transports a [`MediaEngine`](phone_core::media::MediaEngine) asks for, as sockets under mio.
//!
//! Hand in what the engine puts out ([`open`](LegSockets::open), [`transmit`](LegSockets::transmit),
//! [`close`](LegSockets::close)), every mio event whose token [`owns`](LegSockets::owns) says yes to, and call
//! [`progress`](LegSockets::progress) after every wait. What happened comes to the `sink` at once.
//!
//! The relay fence stands here, in front of the socket and independent of the engine: a leg to a TURN server sends to
//! and takes from that server's address only, and a fenced host leg nothing at all. What it stops of ours is counted as a breach, what strangers send as theirs.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token, Waker};
use phone_core::ids::LegId;
use phone_core::media::{LegAddresses, LegError, LegKind, TurnTransport};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::cause::{certificate_in_words, io_in_words};
use super::resolve::{Resolved, Resolver};
use super::tcp_stream::{Sent, Stage, Stream, StreamError};
use super::tls::Trust;
use super::udp;

/// Tokens below this one belong to the owner of the poll.
pub const FIRST_TOKEN: usize = 64;
/// Name, connection and TLS together.
const OPEN_LIMIT: Duration = Duration::from_secs(5);
/// One address of several, so that a dead one leaves time for the next.
const ADDRESS_LIMIT: Duration = Duration::from_secs(2);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// Datagrams taken at once, so that a flood cannot keep the media thread from its tick.
const DATAGRAMS: usize = 128;

/// What happened on a leg. `Failed` is the last of a leg; it needs no `close`.
#[derive(Debug, PartialEq)]
pub enum LegEvent<'a> {
    Opened { leg: LegId, addresses: LegAddresses },
    Failed { leg: LegId, error: LegError },
    Received { leg: LegId, from: SocketAddr, bytes: &'a [u8] },
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegCounters {
    /// Ours, stopped on fenced legs on the way out. Anything but 0 is worth a report.
    pub blocked: u64,
    /// Dropped otherwise: from somebody who is not the server, on any leg that talks to a server only or to nobody, or
    /// to such a one on a TURN leg that is not fenced. Anybody can send to a port.
    pub strangers: u64,
    /// Dropped because the network did not keep up.
    pub congested: u64,
    /// Refused by the system, for instance without a route.
    pub send_errors: u64,
}

impl LegCounters {
    fn stop(&mut self, fence: bool) {
        *(if fence { &mut self.blocked } else { &mut self.strangers }) += 1;
    }
}

/// All legs of one program. See the module's contract.
pub struct LegSockets {
    registry: Registry,
    trust: Trust,
    resolver: Resolver,
    legs: BTreeMap<LegId, Leg>,
    /// Sockets that had more to read when their turn ended: mio does not tell a second time.
    unread: Vec<LegId>,
    buffer: Vec<u8>,
    counters: LegCounters,
}

struct Leg {
    dscp: u8,
    fence: bool,
    state: State,
}

enum State {
    Resolving {
        host: String,
        transport: TurnTransport,
        until: Instant,
    },
    Connecting {
        stream: Box<Stream>,
        attempt: Attempt,
        /// When this address is given up.
        until: Instant,
    },
    Udp {
        socket: UdpSocket,
        /// `None` on a host leg.
        server: Option<SocketAddr>,
    },
    Stream {
        stream: Box<Stream>,
        server: SocketAddr,
    },
}

/// Where a stream is being connected to, and where else it could be.
struct Attempt {
    host: String,
    server: SocketAddr,
    others: Vec<SocketAddr>,
    tls: Option<Arc<ClientConfig>>,
    dscp: Option<u8>,
    /// When the whole leg is given up.
    until: Instant,
}

type Sink<'a> = &'a mut dyn FnMut(LegEvent<'_>);

impl LegSockets {
    /// The sockets are registered with `registry` under tokens from [`FIRST_TOKEN`] up; `waker` ends the wait when a
    /// name was resolved.
    pub fn new(registry: Registry, waker: Arc<Waker>, trust: Trust) -> Self {
        Self {
            registry,
            trust,
            resolver: Resolver::new(waker),
            legs: BTreeMap::new(),
            unread: Vec::new(),
            buffer: vec![0; 64 * 1024],
            counters: LegCounters::default(),
        }
    }

    pub fn owns(token: Token) -> bool {
        token.0 >= FIRST_TOKEN
    }

    pub fn counters(&self) -> LegCounters {
        self.counters
    }

    /// No leg is open or opening.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// Starts to open a leg. The answer may come at once.
    pub fn open(&mut self, now: Instant, leg: LegId, kind: LegKind, dscp: u8, fence: bool, sink: Sink<'_>) {
        match kind {
            LegKind::Host { bind } => match udp::bind(bind, dscp) {
                Ok(bound) => self.opened_udp(leg, bound, None, fence, sink),
                Err(error) => sink(LegEvent::Failed { leg, error: LegError::Io(io_in_words(&error)) }),
            },
            LegKind::Turn { host, port, transport } => {
                let until = now + OPEN_LIMIT;
                let tls = (transport == TurnTransport::Tls).then(|| self.trust.clone());
                let literal = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
                let literal = literal.map(|ip| SocketAddr::new(ip, port));
                let resolving = State::Resolving { host: host.clone(), transport, until };
                self.legs.insert(leg, Leg { dscp, fence, state: resolving });
                match (literal, tls) {
                    (Some(address), None) => {
                        self.resolved(now, Resolved { leg, addresses: vec![address], tls: None }, sink);
                    }
                    (_, tls) => {
                        if !self.resolver.start(leg, &host, port, tls) {
                            self.failed(leg, LegError::Unresolved { host }, sink);
                        }
                    }
                }
            }
        }
    }

    /// Closes a leg, open or not. Nothing more comes from it.
    pub fn close(&mut self, now: Instant, leg: LegId) {
        if let Some(mut leg) = self.legs.remove(&leg) {
            if let State::Stream { stream, .. } = &mut leg.state {
                stream.close(now);
            }
            deregister(&self.registry, &mut leg.state);
        }
    }

    /// Closes all.
    pub fn close_all(&mut self, now: Instant) {
        while let Some(leg) = self.legs.keys().next().copied() {
            self.close(now, leg);
        }
    }

    /// Sends one datagram, or one whole frame of a stream. Full-policy: dropped and counted; media is of no use late.
    pub fn transmit(&mut self, now: Instant, leg: LegId, to: SocketAddr, bytes: &[u8], sink: Sink<'_>) {
        let Some(open) = self.legs.get_mut(&leg) else { return };
        match &mut open.state {
            State::Udp { socket, server } => {
                if !allowed(open.fence, *server, to) {
                    self.counters.stop(open.fence);
                    return;
                }
                match socket.send_to(bytes, to) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.counters.congested += 1,
                    Err(error) => {
                        self.counters.send_errors += 1;
                        tracing::trace!(%error, leg = leg.0, "a datagram was not sent");
                    }
                }
            }
            State::Stream { stream, server } => {
                if *server != to {
                    self.counters.stop(open.fence);
                    return;
                }
                match stream.send(now, bytes) {
                    Ok(Sent::Taken) => {}
                    Ok(Sent::Congested) => self.counters.congested += 1,
                    Err(error) => {
                        let error = ended(&error, *server, "");
                        self.failed(leg, error, sink);
                    }
                }
            }
            State::Resolving { .. } | State::Connecting { .. } => self.counters.congested += 1,
        }
    }

    /// A socket became ready.
    pub fn ready(&mut self, now: Instant, event: &Event, sink: Sink<'_>) {
        let Some(number) = event.token().0.checked_sub(FIRST_TOKEN) else { return };
        self.read(now, LegId(number as u64), sink);
    }

    /// Takes resolved names, goes on reading where there was more, and gives up what took too long. Call it after
    /// every wait.
    pub fn progress(&mut self, now: Instant, sink: Sink<'_>) {
        while let Some(resolved) = self.resolver.poll() {
            self.resolved(now, resolved, sink);
        }
        for leg in std::mem::take(&mut self.unread) {
            self.read(now, leg, sink);
        }
        let overdue: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| leg.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(leg, _)| *leg)
            .collect();
        for leg in overdue {
            self.timed_out(now, leg, sink);
        }
    }

    /// When [`progress`](Self::progress) is due at the latest.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if !self.unread.is_empty() {
            return Some(now);
        }
        self.legs.values().filter_map(Leg::deadline).min()
    }

    fn timed_out(&mut self, now: Instant, id: LegId, sink: Sink<'_>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match &mut leg.state {
            State::Resolving { host, .. } => {
                let error = LegError::Unresolved { host: std::mem::take(host) };
                self.failed(id, error, sink);
            }
            State::Connecting { attempt, .. } => {
                let error = LegError::Silent { server: attempt.server, waited: OPEN_LIMIT };
                self.next_address(now, id, error, sink);
            }
            State::Stream { stream, server } => {
                if let Err(error) = stream.check(now) {
                    let error = ended(&error, *server, "");
                    self.failed(id, error, sink);
                }
            }
            State::Udp { .. } => {}
        }
    }

    fn resolved(&mut self, now: Instant, resolved: Resolved, sink: Sink<'_>) {
        let Resolved { leg: id, addresses, tls } = resolved;
        // Closed, or given up, in the meantime.
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let State::Resolving { host, transport, until } = &mut leg.state else { return };
        let (host, transport, until, dscp, fence) = (std::mem::take(host), *transport, *until, leg.dscp, leg.fence);
        let mut others: Vec<SocketAddr> = addresses.into_iter().take(ADDRESSES).collect();
        if others.is_empty() {
            return self.failed(id, LegError::Unresolved { host }, sink);
        }
        if transport == TurnTransport::Udp {
            // UDP does not tell whether someone is there, so the first address that has a route is it.
            let bound = others.iter().map(|server| {
                udp::source_towards(*server).and_then(|ip| udp::bind(ip, dscp)).map(|bound| (bound, *server))
            });
            let mut failure = None;
            for attempt in bound {
                match attempt {
                    Ok((bound, server)) => return self.opened_udp(id, bound, Some(server), fence, sink),
                    Err(error) => failure = Some(io_in_words(&error)),
                }
            }
            return self.failed(id, LegError::Io(failure.unwrap_or_default()), sink);
        }
        let server = others.remove(0);
        self.connect(now, id, Attempt { host, server, others, tls, dscp: None, until }, sink);
    }

    /// Connects to the attempt's address, or to one of the others if the system refuses at once.
    fn connect(&mut self, now: Instant, id: LegId, mut attempt: Attempt, sink: Sink<'_>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        loop {
            let server = attempt.server;
            let connected = secure(&attempt).and_then(|tls| {
                let (mut stream, dscp) = Stream::connect(server, leg.dscp, tls)?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.registry.register(stream.socket(), token(id), interest)?;
                Ok((stream, dscp))
            });
            match connected {
                Ok((stream, dscp)) => {
                    attempt.dscp = dscp;
                    let until = if attempt.others.is_empty() { attempt.until } else { now + ADDRESS_LIMIT };
                    let until = until.min(attempt.until);
                    leg.state = State::Connecting { stream: Box::new(stream), attempt, until };
                    return;
                }
                Err(_) if !attempt.others.is_empty() => attempt.server = attempt.others.remove(0),
                Err(error) => {
                    let error = ended(&error, server, &attempt.host);
                    return self.failed(id, error, sink);
                }
            }
        }
    }

    /// Gives the present address up for the next one, or the leg when there is none.
    fn next_address(&mut self, now: Instant, id: LegId, error: LegError, sink: Sink<'_>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        deregister(&self.registry, &mut leg.state);
        let parked = State::Resolving { host: String::new(), transport: TurnTransport::Tcp, until: now + OPEN_LIMIT };
        match std::mem::replace(&mut leg.state, parked) {
            State::Connecting { mut attempt, .. } if !attempt.others.is_empty() && now < attempt.until => {
                attempt.server = attempt.others.remove(0);
                self.connect(now, id, attempt, sink);
            }
            _ => self.failed(id, error, sink),
        }
    }

    fn opened_udp(
        &mut self,
        leg: LegId,
        (mut socket, local, dscp): (UdpSocket, SocketAddr, Option<u8>),
        server: Option<SocketAddr>,
        fence: bool,
        sink: Sink<'_>,
    ) {
        if let Err(error) = self.registry.register(&mut socket, token(leg), Interest::READABLE) {
            return self.failed(leg, LegError::Io(io_in_words(&error)), sink);
        }
        self.legs.insert(leg, Leg { dscp: dscp.unwrap_or_default(), fence, state: State::Udp { socket, server } });
        sink(LegEvent::Opened { leg, addresses: LegAddresses { local, server, dscp } });
    }

    fn failed(&mut self, leg: LegId, error: LegError, sink: Sink<'_>) {
        if let Some(mut leg) = self.legs.remove(&leg) {
            deregister(&self.registry, &mut leg.state);
        }
        sink(LegEvent::Failed { leg, error });
    }

    fn read(&mut self, now: Instant, id: LegId, sink: Sink<'_>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match &mut leg.state {
            State::Udp { socket, server } => {
                for _ in 0..DATAGRAMS {
                    match socket.recv_from(&mut self.buffer) {
                        Ok((count, from)) if allowed(leg.fence, *server, from) => {
                            let bytes = self.buffer.get(..count).unwrap_or_default();
                            sink(LegEvent::Received { leg: id, from, bytes });
                        }
                        Ok(_) => self.counters.strangers += 1,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                        // Windows reports here that an earlier datagram met a closed port.
                        Err(error) => tracing::trace!(%error, leg = id.0, "a datagram was not received"),
                    }
                }
                self.unread.push(id);
            }
            State::Stream { stream, server } => {
                let from = *server;
                let result = stream.progress(now, &mut |bytes| sink(LegEvent::Received { leg: id, from, bytes }));
                match result {
                    Ok(true) => self.unread.push(id),
                    Ok(false) => {}
                    Err(error) => {
                        let error = ended(&error, from, "");
                        self.failed(id, error, sink);
                    }
                }
            }
            State::Connecting { stream, attempt, .. } => {
                let mut early: Vec<u8> = Vec::new();
                let result = stream.progress(now, &mut |bytes| early.extend_from_slice(bytes));
                let server = attempt.server;
                match result {
                    Ok(more) if stream.stage() == Stage::Open => {
                        if more {
                            self.unread.push(id);
                        }
                        self.connected(id, sink);
                        if !early.is_empty() {
                            sink(LegEvent::Received { leg: id, from: server, bytes: &early });
                        }
                    }
                    Ok(true) => self.unread.push(id),
                    Ok(false) => {}
                    Err(error) => {
                        let error = ended(&error, server, &attempt.host);
                        self.next_address(now, id, error, sink);
                    }
                }
            }
            State::Resolving { .. } => {}
        }
    }

    /// A stream is open: tells so.
    fn connected(&mut self, id: LegId, sink: Sink<'_>) {
        let Some(mut leg) = self.legs.remove(&id) else { return };
        let State::Connecting { stream, attempt, .. } = leg.state else { return };
        match stream.local() {
            Ok(local) => {
                let Attempt { server, dscp, .. } = attempt;
                leg.state = State::Stream { stream, server };
                self.legs.insert(id, leg);
                sink(LegEvent::Opened { leg: id, addresses: LegAddresses { local, server: Some(server), dscp } });
            }
            Err(error) => sink(LegEvent::Failed { leg: id, error: LegError::Io(io_in_words(&error)) }),
        }
    }
}

impl Leg {
    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Resolving { until, .. } | State::Connecting { until, .. } => Some(*until),
            State::Stream { stream, .. } => stream.deadline(),
            State::Udp { .. } => None,
        }
    }
}

/// The fence. A TURN leg talks to its server and to nobody else, whatever the policy; a host leg is free unless fenced.
fn allowed(fence: bool, server: Option<SocketAddr>, peer: SocketAddr) -> bool {
    match server {
        Some(server) => server == peer,
        None => !fence,
    }
}

fn token(leg: LegId) -> Token {
    // Numbers are handed out from 1; a program that opened 2⁶⁴ legs has other troubles.
    Token(FIRST_TOKEN.wrapping_add(leg.0 as usize))
}

fn deregister(registry: &Registry, state: &mut State) {
    let result = match state {
        State::Udp { socket, .. } => registry.deregister(socket),
        State::Stream { stream, .. } | State::Connecting { stream, .. } => registry.deregister(stream.socket()),
        State::Resolving { .. } => Ok(()),
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a socket was not registered");
    }
}

fn secure(attempt: &Attempt) -> Result<Option<(Arc<ClientConfig>, ServerName<'static>)>, StreamError> {
    let Some(config) = &attempt.tls else { return Ok(None) };
    let host = attempt.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host)
        .map_err(|_| StreamError::Io(io::Error::new(io::ErrorKind::InvalidInput, "it is no name for a certificate")))?;
    Ok(Some((Arc::clone(config), name)))
}

/// A stream's end in the engine's words.
fn ended(error: &StreamError, server: SocketAddr, host: &str) -> LegError {
    let host = || if host.is_empty() { server.ip().to_string() } else { host.to_owned() };
    match error {
        StreamError::Closed => LegError::Closed,
        StreamError::Stuck(waited) => LegError::Silent { server, waited: *waited },
        StreamError::Tls(rustls::Error::InvalidCertificate(why)) => {
            LegError::Untrusted { host: host(), why: certificate_in_words(why) }
        }
        StreamError::Tls(why) => LegError::Io(format!("no secure connection: {why}")),
        StreamError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => LegError::Refused { server },
        StreamError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            LegError::Silent { server, waited: OPEN_LIMIT }
        }
        StreamError::Io(error)
            if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) =>
        {
            LegError::Closed
        }
        StreamError::Io(error) => LegError::Io(io_in_words(error)),
    }
}
