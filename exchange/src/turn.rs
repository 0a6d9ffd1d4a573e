//! The embedded TURN server (RFC 8656) over UDP and TCP: sockets around `turn-server-proto`.
//!
//! The protocol machine sees TCP clients as UDP clients of a second listening address: the stream is cut into
//! messages here. Its own stream mode neither pads `ChannelData` nor skips padding (RFC 8656 §12.5).

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use stun_proto::Instant as TurnInstant;
use stun_proto::types::attribute::XorMappedAddress;
use stun_proto::types::message::{BINDING, Message, MessageClass, MessageWriteVec};
use stun_proto::types::prelude::{MessageWrite, MessageWriteExt};
use turn_server_proto::api::{SocketAllocateError, Transmit, TurnServerApi as _, TurnServerPollRet};
use turn_server_proto::server::TurnServer;
use turn_server_proto::types::{AddressFamily, TransportType};

const WAKE: Token = Token(0);
const UDP: Token = Token(1);
const TCP: Token = Token(2);
/// Tokens from here on belong to streams and relayed sockets.
const FIRST_TOKEN: usize = 16;
const REALM: &str = "practice.invalid";
/// Clients over TCP, and relayed sockets; more are refused.
const MOST_STREAMS: usize = 128;
const MOST_RELAYED: usize = 256;
/// Bytes that wait for a slow TCP client. Full-policy: the frame is dropped, as a datagram would be.
const MOST_WAITING: usize = 256 * 1024;
/// Datagrams taken from one socket at a time, so that no socket starves the others.
const DATAGRAMS: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    #[error("the TURN server cannot listen")]
    Listen(#[source] io::Error),
    #[error("the TURN server's thread could not be started")]
    Thread(#[source] io::Error),
}

/// A running TURN server; dropping it stops it.
pub struct TurnLink {
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
    commands: SyncSender<bool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl TurnLink {
    /// Stops serving, or starts again on the same ports with no allocation left.
    pub fn stop(&self, stop: bool) {
        // Full only when the thread hangs, and then the command is of no use.
        self.commands.try_send(stop).ok();
        self.wake();
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "the TURN thread cannot be woken");
        }
    }
}

impl Drop for TurnLink {
    fn drop(&mut self) {
        // The channel closes; the thread must look to see it.
        let (commands, _) = sync_channel(1);
        self.commands = commands;
        self.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the TURN thread panicked");
        }
    }
}

/// Listens on free ports of `host`, the same number for UDP and TCP where that is possible.
pub fn start(host: IpAddr, username: &str, password: &str) -> Result<TurnLink, TurnError> {
    let listeners = Listeners::bind(host).map_err(TurnError::Listen)?;
    let (udp, tcp) = (listeners.udp_address, listeners.tcp_address);
    let poll = Poll::new().map_err(TurnError::Thread)?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(TurnError::Thread)?);
    let (commands, inbox) = sync_channel(16);
    let credentials = (username.to_owned(), password.to_owned());
    let thread = std::thread::Builder::new()
        .name("exchange-turn".to_owned())
        .spawn(move || run(poll, &inbox, listeners, &credentials))
        .map_err(TurnError::Thread)?;
    Ok(TurnLink { udp, tcp, commands, waker, thread: Some(thread) })
}

struct Listeners {
    udp: UdpSocket,
    tcp: TcpListener,
    udp_address: SocketAddr,
    tcp_address: SocketAddr,
}

impl Listeners {
    fn bind(host: IpAddr) -> io::Result<Self> {
        let any = SocketAddr::new(host, 0);
        // One number for both, as clients of real servers are used to; a few tries find one.
        for _ in 0..8 {
            let tcp = TcpListener::bind(any)?;
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr()?) {
                return Self::new(udp, tcp);
            }
        }
        Self::new(UdpSocket::bind(any)?, TcpListener::bind(any)?)
    }

    fn bind_again(udp: SocketAddr, tcp: SocketAddr) -> io::Result<Self> {
        Self::new(UdpSocket::bind(udp)?, TcpListener::bind(tcp)?)
    }

    fn new(udp: UdpSocket, tcp: TcpListener) -> io::Result<Self> {
        Ok(Self { udp_address: udp.local_addr()?, tcp_address: tcp.local_addr()?, udp, tcp })
    }
}

fn run(mut poll: Poll, inbox: &Receiver<bool>, listeners: Listeners, credentials: &(String, String)) {
    let addresses = (listeners.udp_address, listeners.tcp_address);
    let base = Instant::now();
    let mut relay = Relay::new(poll.registry(), base, listeners, credentials);
    let mut events = Events::with_capacity(256);
    loop {
        let now = Instant::now();
        let timeout = relay.as_ref().map(|relay| relay.wait(now));
        if let Err(error) = poll.poll(&mut events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "the TURN server cannot wait for its sockets");
            return;
        }
        let now = Instant::now();
        loop {
            match inbox.try_recv() {
                Ok(true) => relay = None,
                Ok(false) if relay.is_none() => match Listeners::bind_again(addresses.0, addresses.1) {
                    Ok(listeners) => relay = Relay::new(poll.registry(), base, listeners, credentials),
                    Err(error) => tracing::error!(%error, "the TURN server cannot listen again"),
                },
                Ok(false) => {}
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        if let Some(relay) = &mut relay {
            relay.unread.extend(events.iter().filter(|event| event.token() != WAKE).map(mio::event::Event::token));
            relay.step(poll.registry(), now);
        }
    }
}

/// Which protocol machine: the one of UDP clients or the one of TCP clients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Udp,
    Tcp,
}

struct Relayed {
    socket: UdpSocket,
    address: SocketAddr,
    side: Side,
    client: SocketAddr,
}

struct Stream {
    socket: TcpStream,
    client: SocketAddr,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
}

struct Relay {
    base: Instant,
    listeners: Listeners,
    servers: [TurnServer; 2],
    relayed: BTreeMap<Token, Relayed>,
    streams: BTreeMap<Token, Stream>,
    next_token: usize,
    /// Sockets with more to read or write: mio does not tell a second time.
    unread: std::collections::BTreeSet<Token>,
    due: Duration,
    buffer: Vec<u8>,
}

impl Relay {
    fn new(
        registry: &Registry,
        base: Instant,
        mut listeners: Listeners,
        (username, password): &(String, String),
    ) -> Option<Self> {
        let registered = registry
            .register(&mut listeners.udp, UDP, Interest::READABLE)
            .and_then(|()| registry.register(&mut listeners.tcp, TCP, Interest::READABLE));
        if let Err(error) = registered {
            tracing::error!(%error, "the TURN server cannot watch its sockets");
            return None;
        }
        let server = |address| {
            let mut server = TurnServer::new(TransportType::Udp, address, REALM.to_owned());
            server.add_user(username.clone(), password.clone());
            server
        };
        let servers = [server(listeners.udp_address), server(listeners.tcp_address)];
        Some(Self {
            base,
            listeners,
            servers,
            relayed: BTreeMap::new(),
            streams: BTreeMap::new(),
            next_token: FIRST_TOKEN,
            unread: std::collections::BTreeSet::new(),
            due: Duration::ZERO,
            buffer: vec![0; 64 * 1024],
        })
    }

    fn turn_now(&self, now: Instant) -> TurnInstant {
        let nanos = now.saturating_duration_since(self.base).as_nanos();
        TurnInstant::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    fn wait(&self, now: Instant) -> Duration {
        if !self.unread.is_empty() {
            return Duration::ZERO;
        }
        // The machine may name a time that has just passed; a millisecond keeps that from spinning.
        self.due.saturating_sub(now.saturating_duration_since(self.base)).max(Duration::from_millis(1))
    }

    fn server(&mut self, side: Side) -> &mut TurnServer {
        let [udp, tcp] = &mut self.servers;
        match side {
            Side::Udp => udp,
            Side::Tcp => tcp,
        }
    }

    fn step(&mut self, registry: &Registry, now: Instant) {
        for token in std::mem::take(&mut self.unread) {
            match token {
                UDP => self.read_clients(now),
                TCP => self.accept(registry),
                _ if self.relayed.contains_key(&token) => self.read_relayed(now, token),
                _ => self.read_stream(registry, now, token),
            }
        }
        self.drive(registry, now);
    }

    fn read_clients(&mut self, now: Instant) {
        for _ in 0..DATAGRAMS {
            match self.listeners.udp.recv_from(&mut self.buffer) {
                Ok((length, from)) => {
                    let bytes = self.buffer.get(..length).unwrap_or_default().to_vec();
                    let to = self.listeners.udp_address;
                    self.receive(now, Side::Udp, from, to, bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An earlier answer could not be delivered (ICMP): the socket is none the worse for it.
                Err(_) => {}
            }
        }
        self.unread.insert(UDP);
    }

    fn read_relayed(&mut self, now: Instant, token: Token) {
        for _ in 0..DATAGRAMS {
            let Some(relayed) = self.relayed.get(&token) else { return };
            let (address, side) = (relayed.address, relayed.side);
            match relayed.socket.recv_from(&mut self.buffer) {
                Ok((length, from)) => {
                    let bytes = self.buffer.get(..length).unwrap_or_default().to_vec();
                    self.receive(now, side, from, address, bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
        self.unread.insert(token);
    }

    fn accept(&mut self, registry: &Registry) {
        loop {
            match self.listeners.tcp.accept() {
                Ok((mut socket, client)) => {
                    if self.streams.len() >= MOST_STREAMS {
                        continue;
                    }
                    let token = self.token();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    if socket.set_nodelay(true).is_ok() && registry.register(&mut socket, token, interest).is_ok() {
                        self.streams.insert(token, Stream { socket, client, inbox: Vec::new(), outbox: Vec::new() });
                        self.unread.insert(token);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::debug!(%error, "a TURN client could not be accepted");
                    return;
                }
            }
        }
    }

    fn token(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }

    fn read_stream(&mut self, registry: &Registry, now: Instant, token: Token) {
        let Some(stream) = self.streams.get_mut(&token) else { return };
        let client = stream.client;
        let mut open = flush(stream);
        loop {
            match stream.socket.read(&mut self.buffer) {
                Ok(0) => open = false,
                Ok(length) => {
                    stream.inbox.extend_from_slice(self.buffer.get(..length).unwrap_or_default());
                    // Two of the longest frames; the rest is read in the next turn.
                    if stream.inbox.len() < 128 * 1024 {
                        continue;
                    }
                    self.unread.insert(token);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => open = false,
            }
            break;
        }
        let (frames, valid) = cut(&mut stream.inbox);
        let to = self.listeners.tcp_address;
        for frame in frames {
            self.receive(now, Side::Tcp, client, to, frame);
        }
        if !open || !valid {
            self.close_stream(registry, token);
        }
    }

    /// The client is gone, and with it what was relayed for it. The machine's own entry ages out.
    fn close_stream(&mut self, registry: &Registry, token: Token) {
        self.unread.remove(&token);
        let Some(mut stream) = self.streams.remove(&token) else { return };
        // Fails only for a socket that is closed already.
        drop(registry.deregister(&mut stream.socket));
        let of_client = |relayed: &Relayed| relayed.side == Side::Tcp && relayed.client == stream.client;
        let gone: Vec<Token> = self.relayed.iter().filter(|(_, r)| of_client(r)).map(|(token, _)| *token).collect();
        for token in gone {
            self.close_relayed(registry, token);
        }
    }

    fn close_relayed(&mut self, registry: &Registry, token: Token) {
        self.unread.remove(&token);
        if let Some(mut relayed) = self.relayed.remove(&token) {
            drop(registry.deregister(&mut relayed.socket));
        }
    }

    /// Hands one datagram or frame to the machine and sends what it answers.
    fn receive(&mut self, now: Instant, side: Side, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let own = match side {
            Side::Udp => self.listeners.udp_address,
            Side::Tcp => self.listeners.tcp_address,
        };
        // A request to a relayed address is a connectivity check of the far end, and the client's to answer.
        if to == own
            && let Some(answer) = answer_to_binding(&bytes, from)
        {
            self.transmit(side, to, from, &answer);
            return;
        }
        let now = self.turn_now(now);
        let answer = self.server(side).recv(Transmit::new(bytes, TransportType::Udp, from, to), now);
        if let Some(answer) = answer {
            let answer = answer.build();
            self.transmit(side, answer.from, answer.to, &answer.data);
        }
    }

    /// Sends from one of the addresses of a machine. UDP and TCP clients are served on the same port number, so the
    /// address alone does not tell them apart.
    fn transmit(&mut self, side: Side, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let listening = match side {
            Side::Udp => self.listeners.udp_address,
            Side::Tcp => self.listeners.tcp_address,
        };
        // Datagrams that the network does not take are lost, as everywhere.
        if let Some(relayed) = self.relayed.values().find(|relayed| relayed.address == from) {
            drop(relayed.socket.send_to(bytes, to));
            return;
        }
        if from != listening {
            return;
        }
        if side == Side::Udp {
            drop(self.listeners.udp.send_to(bytes, to));
        } else if let Some(stream) = self.streams.values_mut().find(|stream| stream.client == to)
            && stream.outbox.len() + bytes.len() <= MOST_WAITING
        {
            stream.outbox.extend_from_slice(bytes);
            // RFC 8656 §12.5: over a stream everything is padded to four bytes, and the length does not tell.
            let padding = bytes.len().wrapping_neg() % 4;
            stream.outbox.extend_from_slice([0; 3].get(..padding).unwrap_or_default());
            // A broken stream shows when it is read.
            flush(stream);
        }
    }

    /// Does what the machines ask until they only wait.
    fn drive(&mut self, registry: &Registry, now: Instant) {
        let turn_now = self.turn_now(now);
        self.due = Duration::MAX;
        for side in [Side::Udp, Side::Tcp] {
            loop {
                while let Some(transmit) = self.server(side).poll_transmit(turn_now) {
                    self.transmit(side, transmit.from, transmit.to, &transmit.data);
                }
                match self.server(side).poll(turn_now) {
                    TurnServerPollRet::WaitUntil(until) => {
                        let nanos = u64::try_from(until.as_nanos()).unwrap_or_default();
                        self.due = self.due.min(Duration::from_nanos(nanos));
                        break;
                    }
                    TurnServerPollRet::AllocateSocket {
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                    } => {
                        let allocated = if allocation_transport == TransportType::Udp {
                            self.allocate(registry, side, client_addr, family)
                        } else {
                            Err(SocketAllocateError::InsufficientCapacity)
                        };
                        self.server(side).allocated_socket(
                            transport,
                            listen_addr,
                            client_addr,
                            allocation_transport,
                            family,
                            allocated,
                            turn_now,
                        );
                    }
                    TurnServerPollRet::SocketClose { listen_addr, .. } => {
                        let token =
                            self.relayed.iter().find(|(_, r)| r.address == listen_addr).map(|(token, _)| *token);
                        if let Some(token) = token {
                            self.close_relayed(registry, token);
                        }
                    }
                    // TCP towards peers (RFC 6062) is refused above, so these do not come.
                    TurnServerPollRet::TcpConnect { .. } | TurnServerPollRet::TcpClose { .. } => {}
                }
            }
        }
    }

    fn allocate(
        &mut self,
        registry: &Registry,
        side: Side,
        client: SocketAddr,
        family: AddressFamily,
    ) -> Result<SocketAddr, SocketAllocateError> {
        let host = self.listeners.udp_address.ip();
        if host.is_ipv4() != (family == AddressFamily::IPV4) {
            return Err(SocketAllocateError::AddressFamilyNotSupported);
        }
        if self.relayed.len() >= MOST_RELAYED {
            return Err(SocketAllocateError::InsufficientCapacity);
        }
        let token = self.token();
        let bound = UdpSocket::bind(SocketAddr::new(host, 0)).and_then(|mut socket| {
            registry.register(&mut socket, token, Interest::READABLE)?;
            Ok((socket.local_addr()?, socket))
        });
        let (address, socket) = bound.map_err(|_| SocketAllocateError::InsufficientCapacity)?;
        self.relayed.insert(token, Relayed { socket, address, side, client });
        Ok(address)
    }
}

/// The answer to a STUN Binding request (RFC 8489 §6): the machine would send it to its own address.
fn answer_to_binding(bytes: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let request = Message::from_bytes(bytes).ok()?;
    if !request.has_class(MessageClass::Request) || !request.has_method(BINDING) {
        return None;
    }
    let mut response = Message::builder_success(&request, MessageWriteVec::new());
    response.add_attribute(&XorMappedAddress::new(from, request.transaction_id())).ok()?;
    response.add_fingerprint().ok()?;
    Some(response.finish())
}

/// Writes what waits; `false` when the stream is broken.
fn flush(stream: &mut Stream) -> bool {
    while !stream.outbox.is_empty() {
        match stream.socket.write(&stream.outbox) {
            Ok(0) => return false,
            Ok(length) => drop(stream.outbox.drain(..length)),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
    true
}

/// Takes whole frames, without their padding, off the front; `false` when the stream is no TURN stream.
fn cut(inbox: &mut Vec<u8>) -> (Vec<Vec<u8>>, bool) {
    let (mut frames, mut start) = (Vec::new(), 0);
    let valid = loop {
        let Some([first, _, high, low]) = inbox.get(start..).and_then(|rest| rest.first_chunk::<4>()).copied() else {
            break true;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // RFC 7983 §7: 0-3 STUN, 64-79 ChannelData.
        let (length, padded) = match first {
            0..4 => (20 + length, 20 + length),
            64..80 => (4 + length, 4 + length.next_multiple_of(4)),
            _ => break false,
        };
        let Some(frame) = inbox.get(start..start + padded).and_then(|frame| frame.get(..length)) else { break true };
        frames.push(frame.to_vec());
        start += padded;
    };
    inbox.drain(..start);
    (frames, valid)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpStream as StdStream, UdpSocket as StdSocket};

    use proptest::prelude::*;
    use turn_client_proto::api::{TurnClientApi as _, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
    use turn_client_proto::types::TurnCredentials;
    use turn_client_proto::udp::TurnClientUdp;

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    /// An odd length, so that padding matters.
    const PAYLOAD: &[u8] = b"through the relay";

    /// The client's way to the server.
    enum Wire {
        Udp(StdSocket),
        Tcp { stream: StdStream, inbox: Vec<u8> },
    }

    impl Wire {
        fn to(link: &TurnLink, tcp: bool) -> Self {
            let patience = Some(Duration::from_millis(20));
            if tcp {
                let stream = StdStream::connect(link.tcp).unwrap();
                stream.set_read_timeout(patience).unwrap();
                return Self::Tcp { stream, inbox: Vec::new() };
            }
            let socket = StdSocket::bind(SocketAddr::new(LOOPBACK, 0)).unwrap();
            socket.connect(link.udp).unwrap();
            socket.set_read_timeout(patience).unwrap();
            Self::Udp(socket)
        }

        fn addresses(&self) -> (SocketAddr, SocketAddr) {
            match self {
                Self::Udp(socket) => (socket.local_addr().unwrap(), socket.peer_addr().unwrap()),
                Self::Tcp { stream, .. } => (stream.local_addr().unwrap(), stream.peer_addr().unwrap()),
            }
        }

        fn send(&mut self, bytes: &[u8]) {
            match self {
                Self::Udp(socket) => drop(socket.send(bytes).unwrap()),
                Self::Tcp { stream, .. } => {
                    let mut padded = bytes.to_vec();
                    padded.resize(bytes.len().next_multiple_of(4), 0);
                    stream.write_all(&padded).unwrap();
                }
            }
        }

        fn receive(&mut self) -> Vec<Vec<u8>> {
            let mut buffer = [0; 2000];
            match self {
                Self::Udp(socket) => {
                    socket.recv(&mut buffer).map(|length| vec![buffer[..length].to_vec()]).unwrap_or_default()
                }
                Self::Tcp { stream, inbox } => {
                    let length = stream.read(&mut buffer).unwrap_or_default();
                    inbox.extend_from_slice(&buffer[..length]);
                    cut(inbox).0
                }
            }
        }
    }

    /// Allocates, binds a channel and sends to a peer that sends back; what came back, or nothing in two seconds.
    fn round_trip(link: &TurnLink, tcp: bool, password: &str) -> Option<Vec<u8>> {
        let peer = StdSocket::bind(SocketAddr::new(LOOPBACK, 0)).unwrap();
        peer.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let peer_address = peer.local_addr().unwrap();
        let mut wire = Wire::to(link, tcp);
        let (local, server) = wire.addresses();
        let mut client =
            TurnClientUdp::allocate(local, server, TurnConfig::new(TurnCredentials::new("practice", password)));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            let now = TurnInstant::from_nanos(i64::try_from(start.elapsed().as_nanos()).unwrap());
            if matches!(client.poll(now), TurnPollRet::Closed) {
                return None;
            }
            while let Some(event) = client.poll_event() {
                match event {
                    TurnEvent::AllocationCreated(..) => {
                        client.bind_channel(TransportType::Udp, peer_address, now).unwrap();
                    }
                    TurnEvent::ChannelCreated(..) => {
                        if let Some(out) = client.send_to(TransportType::Udp, peer_address, PAYLOAD, now).unwrap() {
                            wire.send(&out.build().data);
                        }
                    }
                    TurnEvent::AllocationCreateFailed(_) => return None,
                    _ => {}
                }
            }
            while let Some(transmit) = client.poll_transmit(now) {
                wire.send(&transmit.data);
            }
            let mut buffer = [0; 2000];
            if let Ok((length, from)) = peer.recv_from(&mut buffer) {
                peer.send_to(&buffer[..length], from).unwrap();
            }
            for bytes in wire.receive() {
                let transmit = turn_client_proto::api::Transmit::new(bytes, TransportType::Udp, server, local);
                if let TurnRecvRet::PeerData(data) = client.recv(transmit, now) {
                    return Some(data.data().to_vec());
                }
            }
        }
        None
    }

    #[test]
    fn datagrams_are_relayed_for_clients_over_udp_and_tcp() {
        let link = start(LOOPBACK, "practice", "secret").unwrap();
        for tcp in [false, true] {
            assert_eq!(round_trip(&link, tcp, "secret").as_deref(), Some(PAYLOAD), "tcp: {tcp}");
        }
    }

    #[test]
    fn a_binding_request_is_answered_with_the_address_it_came_from() {
        let link = start(LOOPBACK, "user", "secret").unwrap();
        let socket = StdSocket::bind(SocketAddr::new(LOOPBACK, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let (request, transaction) = phone_core::diagnose::stun::request(phone_core::diagnose::stun::AnswerFrom::Here);
        socket.send_to(&request, link.udp).unwrap();
        let mut buffer = [0; 500];
        let (length, _) = socket.recv_from(&mut buffer).unwrap();
        let reply = phone_core::diagnose::stun::reply(&buffer[..length], transaction).unwrap();
        assert_eq!(reply.mapped, socket.local_addr().unwrap());
    }

    #[test]
    fn a_wrong_password_gets_no_relay() {
        let link = start(LOOPBACK, "practice", "secret").unwrap();
        assert_eq!(round_trip(&link, false, "guess"), None);
    }

    #[test]
    fn a_stopped_server_is_silent_and_serves_again_on_the_same_port() {
        let link = start(LOOPBACK, "practice", "secret").unwrap();
        link.stop(true);
        // The port is free when the server has let it go.
        let until = Instant::now() + Duration::from_secs(5);
        while StdSocket::bind(link.udp).is_err() {
            assert!(Instant::now() < until, "the port is still taken");
            std::thread::yield_now();
        }
        link.stop(false);
        let until = Instant::now() + Duration::from_secs(5);
        while StdStream::connect(link.tcp).is_err() {
            assert!(Instant::now() < until, "the server did not come back");
            std::thread::yield_now();
        }
        assert_eq!(round_trip(&link, true, "secret").as_deref(), Some(PAYLOAD));
    }

    #[test]
    fn garbage_from_a_client_closes_its_stream_and_nothing_else() {
        let link = start(LOOPBACK, "practice", "secret").unwrap();
        let mut stream = StdStream::connect(link.tcp).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(&[0xff; 100]).unwrap();
        let mut buffer = [0; 10];
        assert!(matches!(stream.read(&mut buffer), Ok(0)) || stream.read(&mut buffer).is_err());
        let udp = StdSocket::bind(SocketAddr::new(LOOPBACK, 0)).unwrap();
        udp.send_to(&[0; 3], link.udp).unwrap();
        udp.send_to(&[0x40; 1500], link.udp).unwrap();
        assert_eq!(round_trip(&link, false, "secret").as_deref(), Some(PAYLOAD));
    }

    fn channel_data(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x40, 0x01];
        frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend(payload);
        frame.resize(frame.len().next_multiple_of(4), 0);
        frame
    }

    proptest! {
        #[test]
        fn frames_are_the_same_however_the_stream_is_cut(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8),
            pieces in prop::collection::vec(1_usize..50, 1..60),
        ) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|payload| channel_data(payload)).collect();
            let (mut inbox, mut frames, mut rest) = (Vec::new(), Vec::new(), bytes.as_slice());
            for piece in pieces.iter().cycle() {
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                inbox.extend_from_slice(now);
                let (cut, valid) = cut(&mut inbox);
                prop_assert!(valid);
                frames.extend(cut);
                rest = later;
                if rest.is_empty() { break; }
            }
            let payload = |frame: &Vec<u8>| frame.get(4..).unwrap().to_vec();
            prop_assert_eq!(frames.iter().map(payload).collect::<Vec<_>>(), payloads);
        }

        #[test]
        fn garbage_is_no_panic_and_leaves_nothing_growing(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut inbox = bytes;
            let before = inbox.len();
            let (frames, _) = cut(&mut inbox);
            prop_assert!(inbox.len() + frames.iter().map(Vec::len).sum::<usize>() <= before);
        }
    }
}
