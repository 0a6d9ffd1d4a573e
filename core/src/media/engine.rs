//! [`MediaEngine`]: all sessions of one program, and the way between them and their legs.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::gather;
use super::hosts::{HostEvent, Hosts};
use super::outputs::Outputs;
use super::relays::{Owner, RelayEvent, Relays};
use super::session::{Session, SessionEvent};
use super::types::{
    Codec, Direction, Dscp, EngineOutput, IceServer, LegAddresses, LegError, MediaError, MediaEvent, MediaPath,
    MediaStats, MediaUp, RelayPolicy, SessionConfig,
};
use super::webrtc::{PeerTransmit, SelectedPair};
use crate::event::millis;
use crate::ids::{IdSource, LegId, SessionId};

/// Sessions at once; one more is refused. A phone has one or two, the practice exchange some dozens.
const MAX_SESSIONS: usize = 256;
/// Rounds of one drain. A round without work ends it; the limit only stops an engine defect from hanging a thread.
const MAX_ROUNDS: usize = 64;
/// Local candidates that come later are sent, but the far end is told that all are there.
const GATHER_LIMIT: Duration = Duration::from_secs(3);

/// A session and what the engine knows beside it.
#[derive(Debug)]
struct Entry {
    session: Session,
    /// Sockets and relays were asked for, so that their absence means that there are none.
    gathering: bool,
    gather_until: Instant,
    /// Something was handed to it since the last drain.
    touched: bool,
    deadline: Option<Instant>,
    /// The local address that media leaves from although another one was nominated.
    moved_to: Option<SocketAddr>,
}

/// Sessions, legs and allocations. See the module's contract.
#[derive(Debug, Default)]
pub struct MediaEngine {
    sessions: BTreeMap<SessionId, Entry>,
    hosts: Hosts,
    relays: Relays,
    prepared: Option<SessionConfig>,
    ids: IdSource,
    addresses: Vec<IpAddr>,
    out: Outputs,
    deadline: Option<Instant>,
}

impl MediaEngine {
    pub fn new() -> Self {
        Self::default()
    }

    /// The addresses of this computer that host candidates may use; call again when they change.
    pub fn set_local_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        self.addresses = gather::host_addresses(addresses);
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in sessions {
            self.gather_hosts(now, session);
        }
        if !addresses.is_empty() {
            self.relays.addresses_changed(now, addresses, &mut self.out);
        }
        self.drain(now);
    }

    /// Chooses a TURN server by measured round trip and keeps one allocation ready (cold TURN costs 100 ms).
    pub fn prepare(&mut self, now: Instant, config: &SessionConfig) {
        self.relays.prepare(now, config, &mut self.ids, &mut self.out);
        self.prepared = Some(config.clone());
        self.drain(now);
    }

    /// Starts a session as the offering side; the offer comes as a `Description` event.
    pub fn create_offer(&mut self, now: Instant, session: SessionId, config: &SessionConfig) -> Result<(), MediaError> {
        self.check_start(session, config)?;
        let made = Session::offering(now, session, config)?;
        self.start(now, made);
        Ok(())
    }

    /// Starts a session from a remote offer, or renegotiates one that lives; the answer comes as an event.
    pub fn accept_offer(
        &mut self,
        now: Instant,
        session: SessionId,
        offer: &str,
        config: &SessionConfig,
    ) -> Result<(), MediaError> {
        if let Some(known) = self.touch(session) {
            let result = known.accept_offer(now, offer, config);
            self.drain(now);
            return result;
        }
        self.check_start(session, config)?;
        let made = Session::answering(now, session, offer, config)?;
        self.start(now, made);
        Ok(())
    }

    /// The remote answer to [`create_offer`](Self::create_offer), [`restart_ice`](Self::restart_ice) or
    /// [`set_direction`](Self::set_direction).
    pub fn accept_answer(&mut self, now: Instant, session: SessionId, answer: &str) -> Result<(), MediaError> {
        let known = self.touch(session).ok_or_else(unknown_session)?;
        let result = known.accept_answer(now, answer);
        self.drain(now);
        result
    }

    /// One `candidate:…` line of the far end, without `a=`. What cannot be read or used is ignored.
    pub fn add_remote_candidate(&mut self, now: Instant, session: SessionId, candidate: &str) {
        if let Some(known) = self.touch(session) {
            known.add_remote_candidate(candidate);
            self.drain(now);
        }
    }

    /// New ICE credentials and candidates on a living session; the offer comes as an event.
    pub fn restart_ice(&mut self, now: Instant, session: SessionId) -> Result<(), MediaError> {
        let known = self.touch(session).ok_or_else(unknown_session)?;
        let result = known.restart_ice(now);
        self.drain(now);
        result
    }

    /// Offers another direction on a living session, as for hold; the offer comes as an event.
    pub fn set_direction(&mut self, now: Instant, session: SessionId, direction: Direction) -> Result<(), MediaError> {
        let known = self.touch(session).ok_or_else(unknown_session)?;
        let result = known.set_direction(direction);
        self.drain(now);
        result
    }

    /// Sends one encoded packet that stands for `samples` ticks of the codec's RTP clock. Silently dropped while
    /// the session is not up or the direction does not allow it.
    pub fn send_audio(&mut self, now: Instant, session: SessionId, payload: &[u8], samples: u32) {
        if let Some(known) = self.touch(session) {
            known.send_audio(now, payload, samples);
            self.drain(now);
        }
    }

    /// The codec that was negotiated and whether media may be sent now.
    pub fn sending(&self, session: SessionId) -> Option<Codec> {
        self.sessions.get(&session)?.session.sending()
    }

    /// Queues digits as telephone-events (RFC 4733), 100 ms each with 70 ms between.
    pub fn send_digits(&mut self, now: Instant, session: SessionId, digits: &str) {
        if let Some(known) = self.touch(session) {
            known.send_digits(digits);
            self.drain(now);
        }
    }

    pub fn stats(&self, session: SessionId) -> Option<MediaStats> {
        self.sessions.get(&session).map(|known| known.session.stats())
    }

    pub fn close(&mut self, now: Instant, session: SessionId) {
        self.end(now, session);
        self.drain(now);
    }

    /// A leg that was asked for is open.
    pub fn leg_opened(&mut self, now: Instant, leg: LegId, addresses: LegAddresses) {
        if self.relays.owns(leg) {
            if addresses.server.is_some() {
                self.relays.opened(now, leg, addresses);
            } else {
                self.relays.failed(now, leg, &LegError::Io("the leg has no server".to_owned()));
            }
        } else {
            self.hosts.opened(now, leg, addresses, &mut self.out);
        }
        self.drain(now);
    }

    /// A leg could not be opened, or is gone.
    pub fn leg_failed(&mut self, now: Instant, leg: LegId, error: &LegError) {
        if self.relays.owns(leg) {
            self.relays.failed(now, leg, error);
        } else {
            self.hosts.failed(leg);
        }
        self.drain(now);
    }

    /// Bytes from a leg: one datagram, or any piece of a stream (the engine assembles).
    pub fn receive(&mut self, now: Instant, leg: LegId, from: SocketAddr, bytes: &[u8]) {
        if self.relays.owns(leg) {
            self.relays.receive(now, leg, from, bytes);
        } else if let Some((session, local)) = self.hosts.receive(leg, bytes)
            && let Some(known) = self.touch(session)
            && !known.fence.up()
        {
            known.receive(now, local, from, bytes);
        }
        self.drain(now);
    }

    /// The next thing to do; drain until `None` after every input.
    pub fn poll(&mut self) -> Option<EngineOutput> {
        self.out.poll()
    }

    /// When [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub fn tick(&mut self, now: Instant) {
        self.drain(now);
    }

    /// The session, marked for the next drain.
    fn touch(&mut self, session: SessionId) -> Option<&mut Session> {
        let known = self.sessions.get_mut(&session)?;
        known.touched = true;
        Some(&mut known.session)
    }

    fn check_start(&self, session: SessionId, config: &SessionConfig) -> Result<(), MediaError> {
        if self.sessions.contains_key(&session) {
            return Err(MediaError::Engine("the session exists already".to_owned()));
        }
        if self.sessions.len() >= MAX_SESSIONS {
            return Err(MediaError::Engine(format!("more than {MAX_SESSIONS} sessions")));
        }
        let turn = config.servers.iter().any(|server| matches!(server, IceServer::Turn { .. }));
        if config.relay == RelayPolicy::ForceRelay && !turn {
            return Err(MediaError::NoTurnServer);
        }
        Ok(())
    }

    fn start(&mut self, now: Instant, session: Session) {
        let id = session.id;
        let config = session.config.clone();
        self.sessions.insert(
            id,
            Entry {
                session,
                gathering: false,
                gather_until: now + GATHER_LIMIT,
                touched: true,
                deadline: None,
                moved_to: None,
            },
        );
        // The description first: the far end can start to work while our sockets open.
        self.drain(now);
        self.gather_hosts(now, id);
        if let Some(known) = self.sessions.get_mut(&id) {
            known.gathering = true;
        }
        self.relays.begin(now, id, &config, &mut self.ids, &mut self.out);
        self.drain(now);
    }

    fn gather_hosts(&mut self, now: Instant, id: SessionId) {
        let Some(known) = self.sessions.get(&id) else { return };
        let config = &known.session.config;
        if config.relay == RelayPolicy::All {
            self.hosts.gather(now, id, config, &self.addresses, &mut self.ids, &mut self.out);
        }
    }

    /// Runs everything that is due until nothing moves any more.
    fn drain(&mut self, now: Instant) {
        for _ in 0..MAX_ROUNDS {
            let mut busy = self.hosts.drain(now, &mut self.out);
            busy |= self.relays.drain(now, &mut self.ids, &mut self.out);
            busy |= self.drain_candidates(now);
            busy |= self.drain_sessions(now);
            if !busy {
                break;
            }
        }
        if let Some(config) = self.prepared.as_ref().filter(|_| !self.relays.has_standby())
            && self.sessions.values().all(|known| known.session.is_up())
        {
            // The one that was ready went to a session, which is up by now and needs no bandwidth for it.
            self.relays.prepare(now, config, &mut self.ids, &mut self.out);
        }
        let sessions = self.sessions.values().filter_map(|known| known.deadline);
        let next = sessions.chain(self.relays.deadline()).chain(self.hosts.deadline()).min();
        // Whatever an engine asks for, the rounds above have done all that is possible now.
        self.deadline = next.map(|next| next.max(now + Duration::from_millis(1)));
    }

    /// Hands candidates and relayed datagrams to their sessions.
    fn drain_candidates(&mut self, now: Instant) -> bool {
        let mut busy = false;
        while let Some(event) = self.hosts.poll_event() {
            busy = true;
            match event {
                HostEvent::Candidate { session, candidate } => {
                    if let Some(known) = self.touch(session) {
                        known.add_local_candidate(candidate);
                    }
                }
                HostEvent::Gone { session, local } => {
                    if let Some(known) = self.touch(session) {
                        known.forget_local_candidates(local);
                    }
                }
            }
        }
        while let Some(event) = self.relays.poll_event() {
            busy = true;
            match event {
                RelayEvent::Found { session, relayed, transport, order } => {
                    if let Some(known) = self.touch(session) {
                        known.add_local_candidate(gather::relay(order, relayed, transport));
                    }
                }
                RelayEvent::Data { session, relayed, from, bytes } => {
                    if let Some(known) = self.touch(session) {
                        known.receive(now, relayed, from, &bytes);
                    }
                }
                RelayEvent::Lost { session, relayed } => {
                    if let Some(known) = self.touch(session) {
                        known.forget_local_candidates(relayed);
                    }
                }
                RelayEvent::Failed { session, error } => {
                    let Some(known) = self.sessions.get(&session) else { continue };
                    match (known.session.fence.up(), known.session.is_up()) {
                        (true, false) => {
                            self.end(now, session);
                            self.out.push(EngineOutput::Event(MediaEvent::Failed { session, error }));
                        }
                        // It has what it needs; no use in knocking every minute.
                        (false, true) => self.relays.rest(now, session),
                        _ => {}
                    }
                }
            }
        }
        busy
    }

    fn drain_sessions(&mut self, now: Instant) -> bool {
        let mut busy = false;
        let mut failed = Vec::new();
        for (id, known) in &mut self.sessions {
            if !known.touched && known.deadline.is_none_or(|due| due > now) {
                continue;
            }
            known.touched = false;
            busy |= known.session.drain(now);
            self.relays.permit(now, *id, known.session.peers());
            while let Some(transmit) = known.session.poll_transmit(now) {
                busy = true;
                route(now, *id, known, transmit, &self.hosts, &mut self.relays, &mut self.out);
            }
            while let Some(event) = known.session.poll_event() {
                busy = true;
                match event {
                    SessionEvent::Output(output) => self.out.push(output),
                    SessionEvent::Up { pair, ice, dtls, security, codec } => {
                        if let Some(pair) = pair.filter(|pair| pair.relayed) {
                            self.relays.bind(now, *id, pair.remote);
                        }
                        let times = (ice, dtls);
                        let facts = facts(&known.session, &self.hosts, &self.relays, pair, times, security, codec);
                        let facts = Box::new(facts);
                        self.out.push(EngineOutput::Event(MediaEvent::Up { session: *id, facts }));
                    }
                    SessionEvent::Quiet => self.relays.probe(now, *id),
                    SessionEvent::Failed(error) => failed.push((*id, error)),
                }
            }
            let waiting = self.hosts.searching(*id) || self.relays.searching(*id);
            let done = known.gathering && (!waiting || now >= known.gather_until);
            if !known.session.candidates_ended() && done {
                known.session.end_candidates();
                busy = true;
            }
            // Whatever it says now, another round sees to it.
            known.touched = busy;
            let gathering = (!known.session.candidates_ended()).then_some(known.gather_until);
            known.deadline = known.session.deadline(now).into_iter().chain(gathering).min();
        }
        for (id, error) in failed {
            self.end(now, id);
            self.out.push(EngineOutput::Event(MediaEvent::Failed { session: id, error }));
        }
        busy
    }

    /// Ends a session and lets go of all it holds.
    fn end(&mut self, now: Instant, id: SessionId) {
        let Some(mut known) = self.sessions.remove(&id) else { return };
        known.session.close(now);
        while let Some(transmit) = known.session.poll_transmit(now) {
            route(now, id, &mut known, transmit, &self.hosts, &mut self.relays, &mut self.out);
        }
        self.hosts.drop_session(id, &mut self.out);
        self.relays.drop_owner(now, Owner::Session(id), &mut self.out);
    }
}

/// Sends a datagram of a session from the leg that has its local address. When that leg is gone, any other one
/// carries it on: the far end follows (or its own ICE does), and the call goes on.
fn route(
    now: Instant,
    id: SessionId,
    known: &mut Entry,
    transmit: PeerTransmit,
    hosts: &Hosts,
    relays: &mut Relays,
    out: &mut Outputs,
) {
    let PeerTransmit { from, to, bytes } = transmit;
    if relays.send(now, id, from, to, &bytes) {
        return;
    }
    let exact = hosts.leg(id, from);
    if exact.is_none()
        && let Some(relayed) = relays.current(id).filter(|_| hosts.any(id, to).is_none())
    {
        if known.moved_to != Some(relayed) {
            known.moved_to = Some(relayed);
            known.session.moved(now, relayed, true);
            relays.bind(now, id, to);
        }
        relays.send(now, id, relayed, to, &bytes);
        return;
    }
    // Without any leg there is no way for it, as when a relay is being replaced; that is no breach of the fence.
    let Some((leg, local)) = exact.map(|leg| (leg, from)).or_else(|| hosts.any(id, to)) else { return };
    if !known.session.fence.passes_out() {
        return;
    }
    if local != from && known.moved_to != Some(local) {
        known.moved_to = Some(local);
        known.session.moved(now, local, false);
    }
    out.push(EngineOutput::Transmit { leg, to, bytes });
}

fn unknown_session() -> MediaError {
    MediaError::Engine("there is no such session".to_owned())
}

fn facts(
    session: &Session,
    hosts: &Hosts,
    relays: &Relays,
    pair: Option<SelectedPair>,
    (ice, dtls): (Duration, Duration),
    security: String,
    codec: Codec,
) -> MediaUp {
    let relay = pair.filter(|pair| pair.relayed).and_then(|pair| relays.facts(session.id, pair.local));
    let path = match (session.config.relay, pair.is_some_and(|pair| pair.relayed)) {
        (RelayPolicy::ForceRelay, _) => MediaPath::RelayForced,
        (RelayPolicy::All, true) => MediaPath::RelayNeeded,
        (RelayPolicy::All, false) => MediaPath::Direct,
    };
    let effective = match (&relay, pair) {
        (Some((_, dscp)), _) => *dscp,
        (None, Some(pair)) => hosts.dscp(session.id, pair.local),
        (None, None) => None,
    };
    MediaUp {
        ice_ms: millis(ice),
        dtls_ms: millis(dtls),
        path,
        relay: relay.map(|(relay, _)| relay),
        codec,
        security,
        dscp: Dscp { configured: session.config.dscp, effective },
    }
}
