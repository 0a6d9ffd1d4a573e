//! TURN allocations of all sessions: the race among servers, the one kept ready, and their replacement.
//!
//! Every server of a configuration is tried at once on its real transport. The first answer wins, because it is
//! the measure of what matters; a slower one may still win within a short grace when its transport is better. Where the
//! list says who comes first, those before the first answer get a longer grace.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::outputs::Outputs;
use super::turn::{Allocation, AllocationEvent};
use super::types::{
    EngineOutput, IceServer, LegAddresses, LegError, LegKind, MediaError, RelayInUse, RelayOrder, RelayPolicy,
    SessionConfig, TurnTransport,
};
use crate::ids::{IdSource, LegId, SessionId};
use crate::redact::Private;

/// Servers tried at once; more are left out.
const MAX_SERVERS: usize = 6;
/// Without any answer for so long a search has failed.
const SEARCH_LIMIT: Duration = Duration::from_secs(7);
/// How long a session waits for UDP once TCP or TLS has answered.
const GRACE_FOR_SESSION: Duration = Duration::from_millis(100);
/// How long the allocation kept ready waits for a better one: nobody waits for it.
const GRACE_FOR_STANDBY: Duration = Duration::from_millis(250);
/// How long either waits for a server that is listed before the ones that answered: a region that is far away still
/// counts as reachable, and a dead one delays a call no longer than this.
const GRACE_FOR_LISTED: Duration = Duration::from_secs(1);
/// RFC 8656 §18.8: there is an allocation for this socket already.
const ALLOCATION_MISMATCH: u16 = 437;
const MAX_MISMATCHES: u8 = 3;
/// How long the answer to an unwanted request over UDP is awaited.
const LINGER: Duration = Duration::from_secs(2);
/// A search that failed, or an allocation that broke, is followed by another after this long, doubled each time.
const RETRY: Duration = Duration::from_millis(250);
/// Between searches of a session that has a direct path.
const REST: Duration = Duration::from_mins(30);
const MAX_RETRY: Duration = Duration::from_mins(1);

/// Whom an allocation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Session(SessionId),
    Standby,
    /// Its request was under way when it was no longer wanted: what comes of it has to be given back.
    Nobody,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    host: String,
    port: u16,
    transport: TurnTransport,
    username: Private<String>,
    password: Private<String>,
}

impl Server {
    fn all(config: &SessionConfig) -> Vec<Self> {
        let turn = config.servers.iter().filter_map(|server| match server {
            IceServer::Turn { host, port, transport, username, password } => Some(Self {
                host: host.clone(),
                port: *port,
                transport: *transport,
                username: username.clone(),
                password: password.clone(),
            }),
            IceServer::Stun { .. } => None,
        });
        turn.take(MAX_SERVERS).collect()
    }

    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn silent(&self) -> MediaError {
        MediaError::TurnSilent { server: self.name(), transport: self.transport }
    }
}

/// One attempt at one server, and the allocation that came of it.
#[derive(Debug)]
struct Slot {
    server: Server,
    /// In the list of servers.
    place: usize,
    owner: Owner,
    addresses: Option<LegAddresses>,
    allocation: Option<Allocation>,
    ready: Option<SocketAddr>,
    dscp: u8,
    fence: bool,
    /// Attempts at this server before, given up because the answer to the first request was lost.
    mismatches: u8,
    /// When a slot of nobody is closed at the latest.
    leaves: Option<Instant>,
}

impl Slot {
    /// Lower is better: the round trip, and what a stream costs when a packet is lost.
    fn score(&self) -> Duration {
        let transport = match self.server.transport {
            TurnTransport::Udp => Duration::ZERO,
            TurnTransport::Tcp => Duration::from_millis(30),
            TurnTransport::Tls => Duration::from_millis(40),
        };
        let round_trip = self.allocation.as_ref().and_then(Allocation::round_trip);
        round_trip.unwrap_or(SEARCH_LIMIT) + transport
    }
}

/// The search for a relay of one owner, and its result.
#[derive(Debug)]
struct Search {
    config: SessionConfig,
    begun: Instant,
    first_ready: Option<Instant>,
    chosen: Option<LegId>,
    error: Option<MediaError>,
    retry: Option<Instant>,
    pause: Duration,
    /// Counts relays found, for candidates of their own.
    found: u16,
    peers: Vec<IpAddr>,
}

impl Search {
    /// How long a better server than the one that answered is waited for.
    fn grace(&self, owner: Owner) -> Duration {
        match (self.config.order, owner) {
            (RelayOrder::Listed, _) => GRACE_FOR_LISTED,
            (RelayOrder::Fastest, Owner::Session(_)) => GRACE_FOR_SESSION,
            (RelayOrder::Fastest, Owner::Standby | Owner::Nobody) => GRACE_FOR_STANDBY,
        }
    }
}

/// What a session has to know.
#[derive(Debug)]
pub(super) enum RelayEvent {
    /// There is a relay candidate.
    Found {
        session: SessionId,
        relayed: SocketAddr,
        transport: TurnTransport,
        order: u16,
    },
    Data {
        session: SessionId,
        relayed: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Lost {
        session: SessionId,
        relayed: SocketAddr,
    },
    /// No server gave one.
    Failed {
        session: SessionId,
        error: MediaError,
    },
}

#[derive(Debug, Default)]
pub(super) struct Relays {
    slots: BTreeMap<LegId, Slot>,
    searches: BTreeMap<Owner, Search>,
    events: VecDeque<RelayEvent>,
}

impl Relays {
    /// Keeps one allocation ready for the next session with these servers.
    pub fn prepare(&mut self, now: Instant, config: &SessionConfig, ids: &mut IdSource, out: &mut Outputs) {
        let servers = Server::all(config);
        if let Some(search) = self.searches.get(&Owner::Standby) {
            if Server::all(&search.config) == servers
                && search.config.dscp == config.dscp
                && search.config.order == config.order
            {
                return;
            }
            self.drop_owner(now, Owner::Standby, out);
        }
        if !servers.is_empty() {
            self.search(now, Owner::Standby, config, ids, out);
        }
    }

    pub fn has_standby(&self) -> bool {
        self.searches.contains_key(&Owner::Standby)
    }

    /// A relay for a new session: the one kept ready if it fits, else a search from now on.
    pub fn begin(
        &mut self,
        now: Instant,
        session: SessionId,
        config: &SessionConfig,
        ids: &mut IdSource,
        out: &mut Outputs,
    ) {
        let servers = Server::all(config);
        if servers.is_empty() {
            return;
        }
        let fits = self.searches.get(&Owner::Standby).is_some_and(|search| {
            Server::all(&search.config) == servers
                && search.config.dscp == config.dscp
                && search.config.order == config.order
                && search.retry.is_none()
        });
        if !fits {
            self.search(now, Owner::Session(session), config, ids, out);
            return;
        }
        let Some(mut search) = self.searches.remove(&Owner::Standby) else { return };
        search.config = config.clone();
        search.begun = now;
        for slot in self.slots.values_mut().filter(|slot| slot.owner == Owner::Standby) {
            slot.owner = Owner::Session(session);
        }
        if let Some(slot) = search.chosen.and_then(|leg| self.slots.get(&leg))
            && let Some(relayed) = slot.ready
        {
            let (transport, order) = (slot.server.transport, search.found);
            self.events.push_back(RelayEvent::Found { session, relayed, transport, order });
        }
        self.searches.insert(Owner::Session(session), search);
    }

    fn search(&mut self, now: Instant, owner: Owner, config: &SessionConfig, ids: &mut IdSource, out: &mut Outputs) {
        let known = self.searches.remove(&owner);
        let (pause, found, peers) =
            known.map_or((RETRY, 0, Vec::new()), |known| (known.pause, known.found, known.peers));
        let fence = config.relay == RelayPolicy::ForceRelay;
        for (place, server) in Server::all(config).into_iter().enumerate() {
            let leg = LegId(ids.next());
            let kind = LegKind::Turn { host: server.host.clone(), port: server.port, transport: server.transport };
            let slot = Slot {
                server,
                place,
                owner,
                addresses: None,
                allocation: None,
                ready: None,
                dscp: config.dscp,
                fence,
                mismatches: 0,
                leaves: None,
            };
            out.push(EngineOutput::OpenLeg { leg, kind, dscp: slot.dscp, fence: slot.fence });
            self.slots.insert(leg, slot);
        }
        let search = Search {
            config: config.clone(),
            begun: now,
            first_ready: None,
            chosen: None,
            error: None,
            retry: None,
            pause,
            found,
            peers,
        };
        self.searches.insert(owner, search);
    }

    /// Gives back all that an owner has.
    pub fn drop_owner(&mut self, now: Instant, owner: Owner, out: &mut Outputs) {
        self.searches.remove(&owner);
        let legs: Vec<LegId> = self.slots.iter().filter(|(_, slot)| slot.owner == owner).map(|(leg, _)| *leg).collect();
        for leg in legs {
            self.drop_slot(now, leg, out);
        }
    }

    fn drop_slot(&mut self, now: Instant, leg: LegId, out: &mut Outputs) {
        let Some(mut slot) = self.slots.remove(&leg) else { return };
        let answers = slot.allocation.as_ref().is_some_and(|allocation| allocation.round_trip().is_some());
        let under_way = slot.ready.is_none() && answers;
        if under_way && slot.server.transport == TurnTransport::Udp && slot.owner != Owner::Nobody {
            slot.owner = Owner::Nobody;
            slot.leaves = Some(now + LINGER);
            self.slots.insert(leg, slot);
            return;
        }
        if let Some(allocation) = &mut slot.allocation {
            allocation.release(now);
        }
        slot.flush(leg, out);
        out.push(EngineOutput::CloseLeg { leg });
    }

    pub fn owns(&self, leg: LegId) -> bool {
        self.slots.contains_key(&leg)
    }

    pub fn opened(&mut self, now: Instant, leg: LegId, addresses: LegAddresses) {
        let Some(slot) = self.slots.get_mut(&leg) else { return };
        let Some(server) = addresses.server else { return };
        let Server { transport, username, password, .. } = &slot.server;
        let mut allocation =
            Allocation::new(now, (addresses.local, server), *transport, username.reveal(), password.reveal());
        if let Some(search) = self.searches.get(&slot.owner) {
            for peer in &search.peers {
                allocation.permit(now, *peer);
            }
        }
        allocation.tick(now);
        slot.addresses = Some(addresses);
        slot.allocation = Some(allocation);
    }

    /// The leg could not be opened or broke.
    pub fn failed(&mut self, now: Instant, leg: LegId, error: &LegError) {
        let Some(slot) = self.slots.get(&leg) else { return };
        let error = match error {
            LegError::Untrusted { why, .. } => {
                MediaError::TurnRefused { server: slot.server.name(), code: 0, reason: why.clone() }
            }
            _ => slot.server.silent(),
        };
        self.give_up(now, leg, error);
    }

    /// An attempt failed, or an allocation is gone. Its leg is closed by whoever calls.
    fn give_up(&mut self, now: Instant, leg: LegId, error: MediaError) {
        let Some(slot) = self.slots.remove(&leg) else { return };
        let Some(search) = self.searches.get_mut(&slot.owner) else { return };
        if search.chosen == Some(leg) {
            if let (Owner::Session(session), Some(relayed)) = (slot.owner, slot.ready) {
                self.events.push_back(RelayEvent::Lost { session, relayed });
            }
            search.chosen = None;
            search.retry = Some(now);
        } else if !matches!(search.error, Some(MediaError::TurnRefused { .. })) {
            // A refusal says more than silence.
            search.error = Some(error);
        }
    }

    pub fn receive(&mut self, now: Instant, leg: LegId, from: SocketAddr, bytes: &[u8]) {
        let Some(slot) = self.slots.get_mut(&leg) else { return };
        let server = slot.addresses.and_then(|addresses| addresses.server);
        if slot.server.transport == TurnTransport::Udp && server != Some(from) {
            return;
        }
        if let Some(allocation) = &mut slot.allocation {
            allocation.receive(now, bytes);
        }
    }

    /// The addresses that may want to reach this session through a relay.
    pub fn permit(&mut self, now: Instant, session: SessionId, peers: &[IpAddr]) {
        let owner = Owner::Session(session);
        let Some(search) = self.searches.get_mut(&owner) else { return };
        if search.peers == peers {
            return;
        }
        search.peers = peers.to_vec();
        for allocation in
            self.slots.values_mut().filter(|slot| slot.owner == owner).filter_map(|slot| slot.allocation.as_mut())
        {
            for peer in peers {
                allocation.permit(now, *peer);
            }
            allocation.tick(now);
        }
    }

    /// Sends through the relay whose address is `relayed`; `false`: there is none (any more).
    pub fn send(
        &mut self,
        now: Instant,
        session: SessionId,
        relayed: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> bool {
        let owner = Owner::Session(session);
        let slot = self.slots.values_mut().find(|slot| slot.owner == owner && slot.ready == Some(relayed));
        let Some(allocation) = slot.and_then(|slot| slot.allocation.as_mut()) else { return false };
        allocation.send(now, to, bytes.to_vec());
        true
    }

    /// The relay that this session has now.
    pub fn current(&self, session: SessionId) -> Option<SocketAddr> {
        let leg = self.searches.get(&Owner::Session(session))?.chosen?;
        self.slots.get(&leg)?.ready
    }

    /// Shorter packets to the peer that was nominated.
    pub fn bind(&mut self, now: Instant, session: SessionId, peer: SocketAddr) {
        let leg = self.searches.get(&Owner::Session(session)).and_then(|search| search.chosen);
        if let Some(allocation) = leg.and_then(|leg| self.slots.get_mut(&leg)).and_then(|slot| slot.allocation.as_mut())
        {
            allocation.bind(now, peer);
        }
    }

    /// The session does well without a relay: the next search can wait until the network changes.
    pub fn rest(&mut self, now: Instant, session: SessionId) {
        if let Some(search) = self.searches.get_mut(&Owner::Session(session)) {
            search.retry = Some(now + REST);
        }
    }

    /// Checks that the relay of this session still lives.
    pub fn probe(&mut self, now: Instant, session: SessionId) {
        let leg = self.searches.get(&Owner::Session(session)).and_then(|search| search.chosen);
        if let Some(allocation) = leg.and_then(|leg| self.slots.get_mut(&leg)).and_then(|slot| slot.allocation.as_mut())
        {
            allocation.probe(now);
        }
    }

    /// Name, transport and effective DSCP of the relay at `relayed`.
    pub fn facts(&self, session: SessionId, relayed: SocketAddr) -> Option<(RelayInUse, Option<u8>)> {
        let slot =
            self.slots.values().find(|slot| slot.owner == Owner::Session(session) && slot.ready == Some(relayed))?;
        let relay = RelayInUse { transport: slot.server.transport, server: slot.server.name() };
        Some((relay, slot.addresses.and_then(|addresses| addresses.dscp)))
    }

    /// Whether relay candidates may still come.
    pub fn searching(&self, session: SessionId) -> bool {
        self.searches
            .get(&Owner::Session(session))
            .is_some_and(|search| search.chosen.is_none() && search.retry.is_none())
    }

    /// The local addresses of the computer changed: relays reached from one that is gone are gone too.
    pub fn addresses_changed(&mut self, now: Instant, addresses: &[IpAddr], out: &mut Outputs) {
        for search in self.searches.values_mut() {
            search.retry = search.retry.map(|retry| retry.min(now));
        }
        let stranded: Vec<LegId> = self
            .slots
            .iter()
            .filter(|(_, slot)| {
                slot.addresses.is_some_and(|known| {
                    let ip = known.local.ip();
                    !ip.is_unspecified() && !ip.is_loopback() && !addresses.contains(&ip)
                })
            })
            .map(|(leg, _)| *leg)
            .collect();
        for leg in stranded {
            let error = self.slots.get(&leg).map(|slot| slot.server.silent());
            if let Some(error) = error {
                self.give_up(now, leg, error);
                out.push(EngineOutput::CloseLeg { leg });
            }
        }
    }

    /// Runs what is due; `true`: something happened.
    pub fn drain(&mut self, now: Instant, ids: &mut IdSource, out: &mut Outputs) -> bool {
        let mut busy = false;
        let legs: Vec<LegId> = self.slots.keys().copied().collect();
        for leg in legs {
            busy |= self.drain_slot(now, leg, ids, out);
        }
        let owners: Vec<Owner> = self.searches.keys().copied().collect();
        for owner in owners {
            busy |= self.settle(now, owner, ids, out);
        }
        busy
    }

    fn drain_slot(&mut self, now: Instant, leg: LegId, ids: &mut IdSource, out: &mut Outputs) -> bool {
        let Some(slot) = self.slots.get_mut(&leg) else { return false };
        let Some(allocation) = &mut slot.allocation else { return false };
        if allocation.deadline().is_some_and(|due| due <= now) {
            allocation.tick(now);
        }
        let mut busy = false;
        let mut over = None;
        while let Some(event) = allocation.poll_event() {
            busy = true;
            match event {
                AllocationEvent::Ready(relayed) => {
                    slot.ready = Some(relayed);
                    if let Some(search) = self.searches.get_mut(&slot.owner) {
                        search.first_ready.get_or_insert(now);
                    }
                }
                AllocationEvent::Data { from, bytes } => {
                    if let (Owner::Session(session), Some(relayed)) = (slot.owner, slot.ready) {
                        self.events.push_back(RelayEvent::Data { session, relayed, from, bytes });
                    }
                }
                AllocationEvent::Refused { code, reason } => {
                    over = Some(MediaError::TurnRefused { server: slot.server.name(), code, reason });
                }
                AllocationEvent::Lost => over = Some(slot.server.silent()),
            }
        }
        busy |= slot.flush(leg, out);
        if slot.owner == Owner::Nobody
            && (slot.ready.is_some() || over.is_some() || slot.leaves.is_some_and(|leaves| leaves <= now))
        {
            self.drop_slot(now, leg, out);
            return true;
        }
        if let Some(error) = over {
            let again = matches!(error, MediaError::TurnRefused { code: ALLOCATION_MISMATCH, .. });
            if again && slot.mismatches < MAX_MISMATCHES {
                self.try_again(leg, ids, out);
            } else {
                self.give_up(now, leg, error);
            }
            out.push(EngineOutput::CloseLeg { leg });
        }
        busy
    }

    /// The server has an allocation for this socket already: the answer that said so was lost. Another socket is
    /// the way out (RFC 8656 §7.4).
    fn try_again(&mut self, leg: LegId, ids: &mut IdSource, out: &mut Outputs) {
        let Some(slot) = self.slots.remove(&leg) else { return };
        let slot = Slot { addresses: None, allocation: None, mismatches: slot.mismatches + 1, ..slot };
        let Server { host, port, transport, .. } = slot.server.clone();
        let leg = LegId(ids.next());
        let kind = LegKind::Turn { host, port, transport };
        out.push(EngineOutput::OpenLeg { leg, kind, dscp: slot.dscp, fence: slot.fence });
        self.slots.insert(leg, slot);
    }

    /// Chooses among the attempts of one owner.
    fn settle(&mut self, now: Instant, owner: Owner, ids: &mut IdSource, out: &mut Outputs) -> bool {
        let Some(search) = self.searches.get_mut(&owner) else { return false };
        if search.chosen.is_some() {
            return false;
        }
        if let Some(retry) = search.retry {
            if now < retry {
                return false;
            }
            let config = search.config.clone();
            self.search(now, owner, &config, ids, out);
            return true;
        }
        let slots = || self.slots.iter().filter(|(_, slot)| slot.owner == owner);
        let listed = search.config.order == RelayOrder::Listed;
        let ready = slots().filter(|(_, slot)| slot.ready.is_some());
        let best = ready.min_by_key(|(_, slot)| (if listed { slot.place } else { 0 }, slot.score()));
        let mut pending = slots().filter(|(_, slot)| slot.ready.is_none());
        let timed_out = now >= search.begun + SEARCH_LIMIT;
        let Some((leg, slot)) = best else {
            if !timed_out && pending.next().is_some() {
                return false;
            }
            let silent = slots().next().map(|(_, slot)| slot.server.silent());
            let error = search.error.clone().or(silent);
            let legs: Vec<LegId> = slots().map(|(leg, _)| *leg).collect();
            search.retry = Some(now + search.pause);
            search.pause = (search.pause * 2).min(MAX_RETRY);
            if let (Owner::Session(session), Some(error)) = (owner, error) {
                self.events.push_back(RelayEvent::Failed { session, error });
            }
            for leg in legs {
                self.drop_slot(now, leg, out);
            }
            return true;
        };
        let better = match owner {
            _ if listed => pending.any(|(_, other)| other.place < slot.place),
            // A session is in a hurry: only UDP is worth waiting for, and nothing is when we have it.
            Owner::Session(_) => {
                slot.server.transport != TurnTransport::Udp
                    && pending.any(|(_, slot)| slot.server.transport == TurnTransport::Udp)
            }
            Owner::Standby | Owner::Nobody => pending.next().is_some(),
        };
        let grace = search.grace(owner);
        let waited = search.first_ready.is_some_and(|ready| now >= ready + grace);
        if better && !waited && !timed_out {
            return false;
        }
        let (leg, relayed, transport) = (*leg, slot.ready, slot.server.transport);
        let others: Vec<LegId> = slots().map(|(leg, _)| *leg).filter(|other| *other != leg).collect();
        search.chosen = Some(leg);
        search.found += 1;
        search.pause = RETRY;
        let order = search.found;
        for other in others {
            self.drop_slot(now, other, out);
        }
        if let (Owner::Session(session), Some(relayed)) = (owner, relayed) {
            self.events.push_back(RelayEvent::Found { session, relayed, transport, order });
        }
        true
    }

    pub fn poll_event(&mut self) -> Option<RelayEvent> {
        self.events.pop_front()
    }

    pub fn deadline(&self) -> Option<Instant> {
        let slots = self.slots.values().filter_map(|slot| {
            slot.allocation.as_ref().and_then(Allocation::deadline).into_iter().chain(slot.leaves).min()
        });
        let searches = self.searches.iter().filter(|(_, search)| search.chosen.is_none()).map(|(owner, search)| {
            let limit = search.begun + SEARCH_LIMIT;
            let settled = search.first_ready.map_or(limit, |ready| (ready + search.grace(*owner)).min(limit));
            search.retry.unwrap_or(settled)
        });
        slots.chain(searches).min()
    }
}

impl Slot {
    fn flush(&mut self, leg: LegId, out: &mut Outputs) -> bool {
        let (Some(allocation), Some(to)) = (&mut self.allocation, self.addresses.and_then(|known| known.server)) else {
            return false;
        };
        let mut busy = false;
        while let Some(bytes) = allocation.poll_transmit() {
            busy = true;
            out.push(EngineOutput::Transmit { leg, to, bytes });
        }
        busy
    }
}
