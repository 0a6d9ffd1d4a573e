//! Datagrams, streams to TURN servers, and what is broken.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Dice;
use super::turn::{ServerOutput, SimTurn, TurnOptions};
use crate::ids::LegId;
use crate::media::{EngineOutput, LegAddresses, LegError, LegKind, MediaEngine, TurnTransport};

/// How datagrams travel; the same for all paths.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// One way.
    pub delay: Duration,
    /// Up to so much more, drawn for each datagram; more than their distance reorders them.
    pub jitter: Duration,
    /// Share of datagrams lost, 0–1.
    pub loss: f64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { delay: Duration::from_millis(10), jitter: Duration::ZERO, loss: 0.0 }
    }
}

/// A home router: one public address for one private one, any port reachable once the inside has sent from it
/// (endpoint-independent mapping), and by whom the inside has sent to (address-dependent filtering).
#[derive(Debug)]
struct Nat {
    public: IpAddr,
    /// Public port and private socket.
    ports: BTreeMap<u16, SocketAddr>,
    /// Whom each public port has sent to.
    known: BTreeSet<(u16, IpAddr)>,
}

impl Nat {
    fn outward(&mut self, from: SocketAddr, to: SocketAddr) -> SocketAddr {
        let known = self.ports.iter().find(|(_, inside)| **inside == from).map(|(port, _)| *port);
        let port = known.unwrap_or(50_000 + self.ports.len() as u16);
        self.ports.insert(port, from);
        self.known.insert((port, to.ip()));
        SocketAddr::new(self.public, port)
    }

    fn inward(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        self.ports.get(&to.port()).copied().filter(|_| self.known.contains(&(to.port(), from.ip())))
    }
}

/// One computer in the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// Something under way.
#[derive(Debug)]
enum Transit {
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    ToServer { client: SocketAddr, server: usize, bytes: Vec<u8> },
    Closed { client: SocketAddr, server: usize },
    ToClient { client: SocketAddr, server: usize, bytes: Vec<u8> },
    Opened { node: NodeId, leg: LegId, addresses: LegAddresses },
    Failed { node: NodeId, leg: LegId, error: LegError },
}

/// Something that reached a node.
#[derive(Debug)]
pub struct Delivery {
    pub node: NodeId,
    pub leg: LegId,
    pub arrival: Arrival,
}

#[derive(Debug)]
pub enum Arrival {
    Bytes { from: SocketAddr, bytes: Vec<u8> },
    Opened(LegAddresses),
    Failed(LegError),
}

impl Delivery {
    pub fn hand_to(&self, engine: &mut MediaEngine, now: Instant) {
        match &self.arrival {
            Arrival::Bytes { from, bytes } => engine.receive(now, self.leg, *from, bytes),
            Arrival::Opened(addresses) => engine.leg_opened(now, self.leg, *addresses),
            Arrival::Failed(error) => engine.leg_failed(now, self.leg, error),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Socket {
    node: NodeId,
    leg: LegId,
    /// The index of the TURN server that this is a stream to.
    stream: Option<usize>,
}

/// The network between nodes. Its owner hands it every output of an engine and takes deliveries out when due.
#[derive(Debug)]
pub struct SimNet {
    pub weather: Weather,
    dice: Dice,
    under_way: BTreeMap<(Instant, u64), Transit>,
    order: u64,
    sockets: BTreeMap<SocketAddr, Socket>,
    next_port: u16,
    /// Where new sockets of a node are bound when no address is given: TURN legs.
    homes: BTreeMap<NodeId, IpAddr>,
    /// Routers by the private address behind them.
    nats: BTreeMap<IpAddr, Nat>,
    cut: Vec<IpAddr>,
    walls: Vec<(IpAddr, IpAddr)>,
    /// How much longer datagrams to and from an address travel, one way.
    far: BTreeMap<IpAddr, Duration>,
    servers: Vec<SimTurn>,
    /// Nothing on a stream overtakes anything.
    stream_order: BTreeMap<(SocketAddr, bool), Instant>,
    /// Every datagram and piece of stream that left a node, while `record` is set: node, from, to, length.
    pub sent: Vec<(NodeId, SocketAddr, SocketAddr, usize)>,
    pub record: bool,
}

impl SimNet {
    pub fn new(seed: u64) -> Self {
        Self {
            weather: Weather::default(),
            dice: Dice::new(seed),
            under_way: BTreeMap::new(),
            order: 0,
            sockets: BTreeMap::new(),
            next_port: 10_000,
            homes: BTreeMap::new(),
            nats: BTreeMap::new(),
            cut: Vec::new(),
            walls: Vec::new(),
            far: BTreeMap::new(),
            servers: Vec::new(),
            stream_order: BTreeMap::new(),
            sent: Vec::new(),
            record: false,
        }
    }

    /// The address that TURN legs of a node are bound to.
    pub fn set_home(&mut self, node: NodeId, address: IpAddr) {
        self.homes.insert(node, address);
    }

    /// Nothing reaches or leaves this address any more (`false`: it works again).
    pub fn cut(&mut self, address: IpAddr, is_cut: bool) {
        self.cut.retain(|known| *known != address);
        if is_cut {
            self.cut.push(address);
        }
    }

    /// Nothing passes between these two addresses directly.
    pub fn wall(&mut self, one: IpAddr, other: IpAddr) {
        self.walls.push((one, other));
    }

    /// Datagrams to and from this address travel so much longer, one way.
    pub fn move_away(&mut self, address: IpAddr, by: Duration) {
        self.far.insert(address, by);
    }

    /// Puts a private address behind a router with this public one.
    pub fn put_behind_nat(&mut self, private: IpAddr, public: IpAddr) {
        self.nats.insert(private, Nat { public, ports: BTreeMap::new(), known: BTreeSet::new() });
    }

    /// Starts a TURN server; `turnN` is its name, N its number from 0.
    pub fn add_turn(&mut self, options: TurnOptions) -> usize {
        let server = SimTurn::new(self.servers.len(), options);
        self.servers.push(server);
        self.servers.len() - 1
    }

    /// The server forgets everything; its streams break.
    pub fn restart_turn(&mut self, now: Instant, index: usize) {
        if let Some(server) = self.servers.get_mut(index) {
            server.restart();
        }
        let broken: Vec<(SocketAddr, Socket)> = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.stream == Some(index))
            .map(|(local, socket)| (*local, *socket))
            .collect();
        for (local, Socket { node, leg, .. }) in broken {
            self.sockets.remove(&local);
            self.post(now, Duration::ZERO, Transit::Failed { node, leg, error: LegError::Closed });
        }
    }

    /// Sockets that are open.
    pub fn open_sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Allocations that live on all servers.
    pub fn allocations(&self) -> usize {
        self.servers.iter().map(SimTurn::allocations).sum()
    }

    /// Takes all outputs of an engine, does what concerns the network, and gives the rest back.
    pub fn pump(&mut self, now: Instant, node: NodeId, engine: &mut MediaEngine) -> Vec<EngineOutput> {
        let mut rest = Vec::new();
        while let Some(output) = engine.poll() {
            match output {
                EngineOutput::OpenLeg { leg, kind: LegKind::Host { bind }, dscp, .. } => {
                    let local = self.socket(bind, Socket { node, leg, stream: None });
                    engine.leg_opened(now, leg, LegAddresses { local, server: None, dscp: Some(dscp) });
                }
                EngineOutput::OpenLeg { leg, kind: LegKind::Turn { host, transport, .. }, dscp, .. } => {
                    self.open_turn(now, node, leg, (host, transport), dscp);
                }
                EngineOutput::CloseLeg { leg } => self.close(now, node, leg),
                EngineOutput::Transmit { leg, to, bytes } => self.transmit(now, node, leg, to, bytes),
                other => rest.push(other),
            }
        }
        rest
    }

    fn open_turn(
        &mut self,
        now: Instant,
        node: NodeId,
        leg: LegId,
        (host, transport): (String, TurnTransport),
        dscp: u8,
    ) {
        let found = self.servers.iter().position(|server| server.name() == host && server.speaks(transport));
        let Some(index) = found else {
            let error = LegError::Unresolved { host };
            self.post(now, Duration::from_millis(1), Transit::Failed { node, leg, error });
            return;
        };
        let Some(server) = self.servers.get(index).map(SimTurn::listen) else { return };
        let home = self.homes.get(&node).copied().unwrap_or(IpAddr::from([10, 0, node.0 as u8, 1]));
        let stream = (transport != TurnTransport::Udp).then_some(index);
        let local = self.socket(home, Socket { node, leg, stream });
        let addresses = LegAddresses { local, server: Some(server), dscp: Some(dscp) };
        // One round trip for TCP, one more for TLS 1.3.
        let trips = match transport {
            TurnTransport::Udp => 0,
            TurnTransport::Tcp => 2,
            TurnTransport::Tls => 4,
        };
        let reachable = trips == 0 || self.passes(home, server.ip());
        if reachable {
            self.post(now, self.weather.delay * trips, Transit::Opened { node, leg, addresses });
        } else {
            self.sockets.remove(&local);
            let waited = Duration::from_secs(5);
            self.post(now, waited, Transit::Failed { node, leg, error: LegError::Silent { server, waited } });
        }
    }

    fn close(&mut self, now: Instant, node: NodeId, leg: LegId) {
        let owned = self.sockets.iter().find(|(_, socket)| (socket.node, socket.leg) == (node, leg));
        let Some((client, stream)) = owned.map(|(local, socket)| (*local, socket.stream)) else { return };
        self.sockets.remove(&client);
        if let Some(server) = stream {
            let wait = self.in_order(now, (client, true));
            self.post(now, wait, Transit::Closed { client, server });
        }
    }

    fn socket(&mut self, bind: IpAddr, socket: Socket) -> SocketAddr {
        self.next_port += 1;
        let local = SocketAddr::new(bind, self.next_port);
        self.sockets.insert(local, socket);
        local
    }

    fn passes(&self, one: IpAddr, other: IpAddr) -> bool {
        let walled = self.walls.iter().any(|wall| *wall == (one, other) || *wall == (other, one));
        !walled && !self.cut.contains(&one) && !self.cut.contains(&other)
    }

    fn transmit(&mut self, now: Instant, node: NodeId, leg: LegId, to: SocketAddr, bytes: Vec<u8>) {
        let owned = self.sockets.iter().find(|(_, socket)| (socket.node, socket.leg) == (node, leg));
        let Some((from, stream)) = owned.map(|(local, socket)| (*local, socket.stream)) else { return };
        if self.record {
            self.sent.push((node, from, to, bytes.len()));
        }
        let Some(server) = stream else {
            self.datagram(now, from, to, bytes);
            return;
        };
        if !self.passes(from.ip(), to.ip()) {
            return;
        }
        // A stream arrives in pieces that have nothing to do with how it was written.
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + self.dice.below(400) as usize).min(rest.len()));
            let wait = self.in_order(now, (from, true));
            self.post(now, wait, Transit::ToServer { client: from, server, bytes: piece.to_vec() });
            rest = after;
        }
    }

    fn in_order(&mut self, now: Instant, stream: (SocketAddr, bool)) -> Duration {
        let due = now + self.weather.delay;
        let last = self.stream_order.entry(stream).or_insert(due);
        *last = due.max(*last);
        last.saturating_duration_since(now)
    }

    fn datagram(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        // A private address means nothing outside its own network.
        if self.nats.contains_key(&to.ip()) {
            return;
        }
        let from = self.nats.get_mut(&from.ip()).map_or(from, |nat| nat.outward(from, to));
        if !self.passes(from.ip(), to.ip()) || self.dice.share() < self.weather.loss {
            return;
        }
        let extra = Duration::from_nanos(self.dice.below(self.weather.jitter.as_nanos() as u64));
        let far: Duration = [from.ip(), to.ip()].iter().filter_map(|ip| self.far.get(ip)).sum();
        self.post(now, self.weather.delay + far + extra, Transit::Datagram { from, to, bytes });
    }

    fn post(&mut self, now: Instant, wait: Duration, transit: Transit) {
        self.order += 1;
        self.under_way.insert((now + wait, self.order), transit);
    }

    /// When the next thing arrives.
    pub fn due(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(due, _)| *due)
    }

    /// The next thing that has reached a node by `now`.
    pub fn deliver(&mut self, now: Instant) -> Option<Delivery> {
        loop {
            let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
            match entry.remove() {
                Transit::Opened { node, leg, addresses } => {
                    return Some(Delivery { node, leg, arrival: Arrival::Opened(addresses) });
                }
                Transit::Failed { node, leg, error } => {
                    return Some(Delivery { node, leg, arrival: Arrival::Failed(error) });
                }
                Transit::ToServer { client, server, bytes } => {
                    if let Some(turn) = self.servers.get_mut(server) {
                        let outputs = turn.stream(now, client, &bytes);
                        self.serve(now, server, outputs);
                    }
                }
                Transit::Closed { client, server } => {
                    if let Some(turn) = self.servers.get_mut(server) {
                        turn.closed(client);
                    }
                }
                Transit::ToClient { client, server, bytes } => {
                    let from = self.servers.get(server).map(SimTurn::listen);
                    if let (Some(Socket { node, leg, .. }), Some(from)) = (self.sockets.get(&client), from) {
                        return Some(Delivery { node: *node, leg: *leg, arrival: Arrival::Bytes { from, bytes } });
                    }
                }
                Transit::Datagram { from, to, bytes } => {
                    if self.cut.contains(&to.ip()) {
                        continue;
                    }
                    let to = match self.nats.values().find(|nat| nat.public == to.ip()) {
                        Some(nat) => match nat.inward(from, to) {
                            Some(inside) => inside,
                            None => continue,
                        },
                        None => to,
                    };
                    if let Some(server) = self.servers.iter().position(|server| server.ip() == to.ip()) {
                        if let Some(turn) = self.servers.get_mut(server) {
                            let outputs = turn.datagram(now, from, to, &bytes);
                            self.serve(now, server, outputs);
                        }
                    } else if let Some(Socket { node, leg, .. }) = self.sockets.get(&to) {
                        return Some(Delivery { node: *node, leg: *leg, arrival: Arrival::Bytes { from, bytes } });
                    }
                }
            }
        }
    }

    fn serve(&mut self, now: Instant, server: usize, outputs: Vec<ServerOutput>) {
        for output in outputs {
            match output {
                ServerOutput::Datagram { from, to, bytes } => self.datagram(now, from, to, bytes),
                ServerOutput::Stream { client, bytes } => {
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let (piece, after) = rest.split_at((1 + self.dice.below(400) as usize).min(rest.len()));
                        let wait = self.in_order(now, (client, false));
                        self.post(now, wait, Transit::ToClient { client, server, bytes: piece.to_vec() });
                        rest = after;
                    }
                }
            }
        }
    }
}
