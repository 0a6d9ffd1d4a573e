//! UDP sockets of the sessions: host candidates, and what STUN servers see of them.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::gather;
use super::outputs::Outputs;
use super::rtp::random_u32;
use super::types::{EngineOutput, IceServer, LegAddresses, LegKind, SessionConfig, TurnTransport};
use crate::ids::{IdSource, LegId, SessionId};

/// STUN servers asked per session; more would tell nothing new.
const MAX_SERVERS: usize = 2;
/// An unanswered question is repeated after this long, doubled each time.
const REPEAT: Duration = Duration::from_millis(200);
/// Questions to one server from one socket; the last is given up 1.6 s after it.
const MAX_QUESTIONS: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    Host {
        order: u16,
        bind: IpAddr,
    },
    /// Opened only to have the driver resolve a STUN server's name.
    Resolver,
}

#[derive(Debug)]
struct Leg {
    session: SessionId,
    used: Use,
    addresses: Option<LegAddresses>,
}

/// One STUN server asked from one socket.
#[derive(Debug)]
struct Question {
    leg: LegId,
    server: SocketAddr,
    transaction: [u8; 12],
    asked: u32,
    next: Instant,
}

#[derive(Debug)]
pub(super) enum HostEvent {
    Candidate { session: SessionId, candidate: String },
    Gone { session: SessionId, local: SocketAddr },
}

#[derive(Debug, Default)]
pub(super) struct Hosts {
    legs: BTreeMap<LegId, Leg>,
    /// STUN servers known by address.
    servers: BTreeMap<SessionId, Vec<SocketAddr>>,
    questions: Vec<Question>,
    events: VecDeque<HostEvent>,
}

impl Hosts {
    /// Opens a leg for every address that has none yet, and gives up those whose address is gone.
    pub fn gather(
        &mut self,
        now: Instant,
        session: SessionId,
        config: &SessionConfig,
        addresses: &[IpAddr],
        ids: &mut IdSource,
        out: &mut Outputs,
    ) {
        let stranded = self.legs.iter().filter(|(_, leg)| {
            leg.session == session && matches!(leg.used, Use::Host { bind, .. } if !addresses.contains(&bind))
        });
        let stranded: Vec<LegId> = stranded.map(|(leg, _)| *leg).collect();
        for leg in stranded {
            self.failed(leg);
            out.push(EngineOutput::CloseLeg { leg });
        }
        for (order, address) in addresses.iter().enumerate() {
            let has =
                |leg: &Leg| leg.session == session && matches!(leg.used, Use::Host { bind, .. } if bind == *address);
            if self.legs.values().any(has) {
                continue;
            }
            let leg = LegId(ids.next());
            let used = Use::Host { order: order as u16, bind: *address };
            self.legs.insert(leg, Leg { session, used, addresses: None });
            let kind = LegKind::Host { bind: *address };
            out.push(EngineOutput::OpenLeg { leg, kind, dscp: config.dscp, fence: false });
        }
        if self.servers.contains_key(&session) {
            return;
        }
        self.servers.insert(session, Vec::new());
        // The loopback sees itself without asking.
        if addresses.iter().all(IpAddr::is_loopback) {
            return;
        }
        // A TURN server over UDP answers STUN as well; it is asked when no plain STUN server is named.
        let plain = config.servers.iter().filter_map(|server| match server {
            IceServer::Stun { host, port } => Some((host, *port)),
            IceServer::Turn { .. } => None,
        });
        let turn = config.servers.iter().filter_map(|server| match server {
            IceServer::Turn { host, port, transport: TurnTransport::Udp, .. } => Some((host, *port)),
            _ => None,
        });
        for (host, port) in plain.chain(turn).take(MAX_SERVERS) {
            if let Ok(ip) = host.parse::<IpAddr>() {
                self.add_server(now, session, SocketAddr::new(ip, port));
                continue;
            }
            let leg = LegId(ids.next());
            self.legs.insert(leg, Leg { session, used: Use::Resolver, addresses: None });
            let kind = LegKind::Turn { host: host.clone(), port, transport: TurnTransport::Udp };
            out.push(EngineOutput::OpenLeg { leg, kind, dscp: config.dscp, fence: false });
        }
    }

    fn add_server(&mut self, now: Instant, session: SessionId, server: SocketAddr) {
        let Some(servers) = self.servers.get_mut(&session) else { return };
        if servers.contains(&server) || servers.len() >= MAX_SERVERS {
            return;
        }
        servers.push(server);
        let open = self.legs.iter().filter(|(_, leg)| leg.session == session && leg.addresses.is_some());
        let open: Vec<LegId> = open.map(|(leg, _)| *leg).collect();
        for leg in open {
            self.ask(now, leg, server);
        }
    }

    fn ask(&mut self, now: Instant, leg: LegId, server: SocketAddr) {
        let Some(Leg { used: Use::Host { .. }, addresses: Some(addresses), .. }) = self.legs.get(&leg) else { return };
        let local = addresses.local;
        if local.is_ipv4() != server.is_ipv4() || local.ip().is_loopback() {
            return;
        }
        let mut transaction = [0; 12];
        for chunk in transaction.chunks_mut(4) {
            chunk.copy_from_slice(&random_u32().to_be_bytes());
        }
        self.questions.push(Question { leg, server, transaction, asked: 0, next: now });
    }

    pub fn opened(&mut self, now: Instant, id: LegId, addresses: LegAddresses, out: &mut Outputs) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let session = leg.session;
        match leg.used {
            Use::Host { order, .. } => {
                leg.addresses = Some(addresses);
                let candidate = gather::host(order, addresses.local);
                self.events.push_back(HostEvent::Candidate { session, candidate });
                for server in self.servers.get(&session).cloned().unwrap_or_default() {
                    self.ask(now, id, server);
                }
            }
            Use::Resolver => {
                self.legs.remove(&id);
                out.push(EngineOutput::CloseLeg { leg: id });
                if let Some(server) = addresses.server {
                    self.add_server(now, session, server);
                }
            }
        }
    }

    /// The leg is gone.
    pub fn failed(&mut self, id: LegId) {
        self.questions.retain(|question| question.leg != id);
        if let Some(Leg { session, addresses: Some(addresses), .. }) = self.legs.remove(&id) {
            self.events.push_back(HostEvent::Gone { session, local: addresses.local });
        }
    }

    /// A datagram that arrived; gives the session and its local address unless it answers a question of ours.
    pub fn receive(&mut self, id: LegId, bytes: &[u8]) -> Option<(SessionId, SocketAddr)> {
        let Leg { session, used: Use::Host { order, .. }, addresses: Some(addresses) } = self.legs.get(&id)? else {
            return None;
        };
        let (session, order, local) = (*session, *order, addresses.local);
        let answered = self
            .questions
            .iter()
            .position(|question| question.leg == id && gather::mapped_address(bytes, question.transaction).is_some());
        let Some(answered) = answered else { return Some((session, local)) };
        let question = self.questions.swap_remove(answered);
        if let Some(mapped) = gather::mapped_address(bytes, question.transaction)
            && mapped != local
            && !mapped.ip().is_unspecified()
        {
            let candidate = gather::server_reflexive(order, mapped, local);
            self.events.push_back(HostEvent::Candidate { session, candidate });
        }
        None
    }

    /// Asks what is due; `true`: something was done.
    pub fn drain(&mut self, now: Instant, out: &mut Outputs) -> bool {
        let mut busy = false;
        self.questions.retain_mut(|question| {
            if now < question.next {
                return true;
            }
            busy = true;
            if question.asked >= MAX_QUESTIONS {
                return false;
            }
            question.next = now + REPEAT * 2_u32.pow(question.asked);
            question.asked += 1;
            let bytes = gather::binding_request(question.transaction);
            out.push(EngineOutput::Transmit { leg: question.leg, to: question.server, bytes });
            true
        });
        busy
    }

    pub fn poll_event(&mut self) -> Option<HostEvent> {
        self.events.pop_front()
    }

    /// Whether candidates may still come.
    pub fn searching(&self, session: SessionId) -> bool {
        let of_session = |leg: &Leg| leg.session == session;
        self.legs.values().any(|leg| of_session(leg) && leg.addresses.is_none())
            || self.questions.iter().any(|question| self.legs.get(&question.leg).is_some_and(of_session))
    }

    /// The leg whose local address this is.
    pub fn leg(&self, session: SessionId, local: SocketAddr) -> Option<LegId> {
        let is = |leg: &Leg| leg.session == session && leg.addresses.is_some_and(|known| known.local == local);
        self.legs.iter().find(|(_, leg)| is(leg)).map(|(id, _)| *id)
    }

    /// Some leg that can reach `to`.
    pub fn any(&self, session: SessionId, to: SocketAddr) -> Option<(LegId, SocketAddr)> {
        self.legs.iter().filter(|(_, leg)| leg.session == session).find_map(|(id, leg)| {
            let local = leg.addresses?.local;
            (matches!(leg.used, Use::Host { .. }) && local.is_ipv4() == to.is_ipv4()).then_some((*id, local))
        })
    }

    /// The effective DSCP of the leg behind a host or server-reflexive address.
    pub fn dscp(&self, session: SessionId, local: SocketAddr) -> Option<u8> {
        let mut open = self.legs.values().filter(|leg| leg.session == session).filter_map(|leg| leg.addresses);
        let exact = open.clone().find(|known| known.local == local);
        exact.or_else(|| open.next())?.dscp
    }

    pub fn drop_session(&mut self, session: SessionId, out: &mut Outputs) {
        self.servers.remove(&session);
        let legs = self.legs.iter().filter(|(_, leg)| leg.session == session);
        let legs: Vec<LegId> = legs.map(|(leg, _)| *leg).collect();
        for leg in legs {
            self.legs.remove(&leg);
            self.questions.retain(|question| question.leg != leg);
            out.push(EngineOutput::CloseLeg { leg });
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.questions.iter().map(|question| question.next).min()
    }
}
