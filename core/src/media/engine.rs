//! [`MediaEngine`]: all sessions of one program.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::gather;
use super::session::{Session, SessionEvent};
use super::types::{
    Codec, Direction, Dscp, EngineOutput, LegAddresses, LegError, LegKind, MediaError, MediaEvent, MediaPath,
    MediaStats, MediaUp, RelayPolicy, SessionConfig,
};
use super::webrtc::SelectedPair;
use crate::event::millis;
use crate::ids::{IdSource, LegId, SessionId};

/// Sessions at once; one more is refused. A phone has one or two, the practice exchange some dozens.
const MAX_SESSIONS: usize = 256;
/// Outputs waiting at most; when full, transmits and audio are dropped (a driver that does not drain loses
/// packets, as on a network), everything else is kept because it is rare.
const MAX_OUTPUTS: usize = 4_096;
/// Rounds of one drain. A round without work ends it; the limit only stops an engine defect from hanging a thread.
const MAX_ROUNDS: usize = 64;

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum LegUse {
    Host { session: SessionId, order: u16, bind: IpAddr },
}

#[derive(Debug)]
struct Leg {
    used: LegUse,
    addresses: Option<LegAddresses>,
}

/// Sessions, legs and allocations. See the module's contract.
#[derive(Debug, Default)]
pub struct MediaEngine {
    sessions: BTreeMap<SessionId, Session>,
    legs: BTreeMap<LegId, Leg>,
    ids: IdSource,
    addresses: Vec<IpAddr>,
    out: VecDeque<EngineOutput>,
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
            self.gather_hosts(session);
        }
        self.drain(now);
    }

    /// Chooses a TURN server by measured round trip and keeps one allocation ready (cold TURN costs 100 ms).
    pub fn prepare(&mut self, _now: Instant, _config: &SessionConfig) {}

    /// Starts a session as the offering side; the offer comes as a `Description` event.
    pub fn create_offer(&mut self, now: Instant, session: SessionId, config: &SessionConfig) -> Result<(), MediaError> {
        self.check_room(session)?;
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
        if let Some(known) = self.sessions.get_mut(&session) {
            let result = known.accept_offer(now, offer, config);
            self.drain(now);
            return result;
        }
        self.check_room(session)?;
        let made = Session::answering(now, session, offer, config)?;
        self.start(now, made);
        Ok(())
    }

    /// The remote answer to [`create_offer`](Self::create_offer), [`restart_ice`](Self::restart_ice) or
    /// [`set_direction`](Self::set_direction).
    pub fn accept_answer(&mut self, now: Instant, session: SessionId, answer: &str) -> Result<(), MediaError> {
        let known = self.sessions.get_mut(&session).ok_or_else(unknown_session)?;
        let result = known.accept_answer(now, answer);
        self.drain(now);
        result
    }

    /// One `candidate:…` line of the far end, without `a=`. What cannot be read or used is ignored.
    pub fn add_remote_candidate(&mut self, now: Instant, session: SessionId, candidate: &str) {
        if let Some(known) = self.sessions.get_mut(&session) {
            known.add_remote_candidate(candidate);
            self.drain(now);
        }
    }

    /// New ICE credentials and candidates on a living session; the offer comes as an event.
    pub fn restart_ice(&mut self, now: Instant, session: SessionId) -> Result<(), MediaError> {
        let known = self.sessions.get_mut(&session).ok_or_else(unknown_session)?;
        let result = known.restart_ice(now);
        self.drain(now);
        result
    }

    /// Offers another direction on a living session, as for hold; the offer comes as an event.
    pub fn set_direction(&mut self, now: Instant, session: SessionId, direction: Direction) -> Result<(), MediaError> {
        let known = self.sessions.get_mut(&session).ok_or_else(unknown_session)?;
        let result = known.set_direction(direction);
        self.drain(now);
        result
    }

    /// Sends one encoded packet that stands for `samples` ticks of the codec's RTP clock. Silently dropped while
    /// the session is not up or the direction does not allow it.
    pub fn send_audio(&mut self, now: Instant, session: SessionId, payload: &[u8], samples: u32) {
        if let Some(known) = self.sessions.get_mut(&session) {
            known.send_audio(now, payload, samples);
            self.drain(now);
        }
    }

    /// The codec that was negotiated and whether media may be sent now.
    pub fn sending(&self, session: SessionId) -> Option<Codec> {
        self.sessions.get(&session)?.sending()
    }

    /// Queues digits as telephone-events (RFC 4733), 100 ms each with 70 ms between.
    pub fn send_digits(&mut self, now: Instant, session: SessionId, digits: &str) {
        if let Some(known) = self.sessions.get_mut(&session) {
            known.send_digits(digits);
            self.drain(now);
        }
    }

    pub fn stats(&self, session: SessionId) -> Option<MediaStats> {
        self.sessions.get(&session).map(Session::stats)
    }

    pub fn close(&mut self, now: Instant, session: SessionId) {
        self.end(now, session);
        self.drain(now);
    }

    /// A leg that was asked for is open.
    pub fn leg_opened(&mut self, now: Instant, leg: LegId, addresses: LegAddresses) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        known.addresses = Some(addresses);
        let LegUse::Host { session, order, .. } = known.used;
        if let Some(session) = self.sessions.get_mut(&session) {
            session.add_local_candidate(gather::host(order, addresses.local));
        }
        self.drain(now);
    }

    /// A leg could not be opened, or is gone.
    pub fn leg_failed(&mut self, now: Instant, leg: LegId, _error: &LegError) {
        let Some(gone) = self.legs.remove(&leg) else { return };
        let LegUse::Host { session, .. } = gone.used;
        if let (Some(session), Some(addresses)) = (self.sessions.get_mut(&session), gone.addresses) {
            session.forget_local_candidates(addresses.local);
        }
        self.drain(now);
    }

    /// Bytes from a leg: one datagram, or any piece of a stream (the engine assembles).
    pub fn receive(&mut self, now: Instant, leg: LegId, from: SocketAddr, bytes: &[u8]) {
        let Some(Leg { used, addresses: Some(addresses) }) = self.legs.get(&leg) else { return };
        let LegUse::Host { session, .. } = *used;
        if let Some(session) = self.sessions.get_mut(&session)
            && session.fence.passes_direct()
        {
            session.receive(now, addresses.local, from, bytes);
        }
        self.drain(now);
    }

    /// The next thing to do; drain until `None` after every input.
    pub fn poll(&mut self) -> Option<EngineOutput> {
        self.out.pop_front()
    }

    /// When [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub fn tick(&mut self, now: Instant) {
        self.drain(now);
    }

    fn check_room(&self, session: SessionId) -> Result<(), MediaError> {
        if self.sessions.contains_key(&session) {
            return Err(MediaError::Engine("the session exists already".to_owned()));
        }
        if self.sessions.len() >= MAX_SESSIONS {
            return Err(MediaError::Engine(format!("more than {MAX_SESSIONS} sessions")));
        }
        Ok(())
    }

    fn start(&mut self, now: Instant, session: Session) {
        let id = session.id;
        self.sessions.insert(id, session);
        // The description first: the far end can start to work while our sockets open.
        self.drain(now);
        self.gather_hosts(id);
        self.drain(now);
    }

    /// Opens a leg for every address that has none yet, and gives up those whose address is gone.
    fn gather_hosts(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.config.relay == RelayPolicy::ForceRelay {
            return;
        }
        let addresses = &self.addresses;
        let gone: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| {
                let LegUse::Host { session, bind, .. } = leg.used;
                session == id && !addresses.contains(&bind)
            })
            .map(|(leg, _)| *leg)
            .collect();
        for leg in gone {
            if let Some(Leg { addresses: Some(addresses), .. }) = self.legs.remove(&leg) {
                session.forget_local_candidates(addresses.local);
            }
            self.out.push_back(EngineOutput::CloseLeg { leg });
        }
        for (order, address) in self.addresses.iter().enumerate() {
            let has = |leg: &Leg| {
                let LegUse::Host { session, bind, .. } = leg.used;
                session == id && bind == *address
            };
            if self.legs.values().any(has) {
                continue;
            }
            let leg = LegId(self.ids.next());
            let used = LegUse::Host { session: id, order: order as u16, bind: *address };
            self.legs.insert(leg, Leg { used, addresses: None });
            self.out.push_back(EngineOutput::OpenLeg {
                leg,
                kind: LegKind::Host { bind: *address },
                dscp: session.config.dscp,
                fence: false,
            });
        }
    }

    /// Runs everything that is due until nothing moves any more.
    fn drain(&mut self, now: Instant) {
        let mut failed = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let mut busy = false;
            for (id, session) in &mut self.sessions {
                busy |= session.drain(now);
                while let Some(transmit) = session.poll_transmit() {
                    busy = true;
                    let leg = self.legs.iter().find(|(_, leg)| {
                        matches!(leg.used, LegUse::Host { session, .. } if session == *id)
                            && leg.addresses.is_some_and(|addresses| addresses.local == transmit.from)
                    });
                    if let Some((leg, _)) = leg
                        && session.fence.passes_direct()
                        && self.out.len() < MAX_OUTPUTS
                    {
                        self.out.push_back(EngineOutput::Transmit {
                            leg: *leg,
                            to: transmit.to,
                            bytes: transmit.bytes,
                        });
                    }
                }
                while let Some(event) = session.poll_event() {
                    busy = true;
                    match event {
                        SessionEvent::Output(EngineOutput::Audio { .. }) if self.out.len() >= MAX_OUTPUTS => {}
                        SessionEvent::Output(output) => self.out.push_back(output),
                        SessionEvent::Up { pair, ice, dtls, security, codec } => {
                            let facts = Box::new(facts(session, &self.legs, pair, (ice, dtls), security, codec));
                            self.out.push_back(EngineOutput::Event(MediaEvent::Up { session: *id, facts }));
                        }
                        SessionEvent::Failed(error) => failed.push((*id, error)),
                    }
                }
            }
            for (id, error) in failed.drain(..) {
                self.end(now, id);
                self.out.push_back(EngineOutput::Event(MediaEvent::Failed { session: id, error }));
            }
            if !busy {
                break;
            }
        }
        let next = self.sessions.values_mut().filter_map(|session| session.deadline(now)).min();
        // Whatever an engine asks for, the loop above has done all that is possible now.
        self.deadline = next.map(|next| next.max(now + Duration::from_millis(1)));
    }

    /// Ends a session and lets go of all it holds.
    fn end(&mut self, now: Instant, id: SessionId) {
        let Some(mut session) = self.sessions.remove(&id) else { return };
        session.close(now);
        while let Some(transmit) = session.poll_transmit() {
            let leg = self.legs.iter().find(|(_, leg)| {
                matches!(leg.used, LegUse::Host { session, .. } if session == id)
                    && leg.addresses.is_some_and(|addresses| addresses.local == transmit.from)
            });
            if let Some((leg, _)) = leg {
                self.out.push_back(EngineOutput::Transmit { leg: *leg, to: transmit.to, bytes: transmit.bytes });
            }
        }
        let legs: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| matches!(leg.used, LegUse::Host { session, .. } if session == id))
            .map(|(leg, _)| *leg)
            .collect();
        for leg in legs {
            self.legs.remove(&leg);
            self.out.push_back(EngineOutput::CloseLeg { leg });
        }
    }
}

fn unknown_session() -> MediaError {
    MediaError::Engine("there is no such session".to_owned())
}

fn facts(
    session: &Session,
    legs: &BTreeMap<LegId, Leg>,
    pair: Option<SelectedPair>,
    (ice, dtls): (Duration, Duration),
    security: String,
    codec: Codec,
) -> MediaUp {
    let effective = pair.and_then(|pair| {
        legs.values().filter_map(|leg| leg.addresses).find(|addresses| addresses.local == pair.local)?.dscp
    });
    MediaUp {
        ice_ms: millis(ice),
        dtls_ms: millis(dtls),
        path: MediaPath::Direct,
        relay: None,
        codec,
        security,
        dscp: Dscp { configured: session.config.dscp, effective },
    }
}
