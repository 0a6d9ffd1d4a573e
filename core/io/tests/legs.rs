//! Legs over real sockets on loopback, against small servers of our own.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run in real time and fail by panic")]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use phone_core::ids::LegId;
use phone_core::media::{LegAddresses, LegError, LegKind, TurnTransport};
use phone_io::net::legs::{LegCounters, LegEvent, LegSockets};
use phone_io::net::tls::Trust;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Generous: only a defect takes this long.
const LIMIT: Duration = Duration::from_secs(20);
const LEG: LegId = LegId(7);
const EXPEDITED: u8 = 46;

#[derive(Debug, PartialEq)]
enum Happened {
    Opened(LegId, LegAddresses),
    Failed(LegId, LegError),
    Received(LegId, SocketAddr, Vec<u8>),
}

/// A poll and its legs.
struct World {
    poll: Poll,
    legs: LegSockets,
    happened: VecDeque<Happened>,
}

impl World {
    fn new(trust: Trust) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let legs = LegSockets::new(poll.registry().try_clone().unwrap(), waker, trust);
        Self { poll, legs, happened: VecDeque::new() }
    }

    fn open(&mut self, kind: LegKind, fence: bool) {
        let happened = &mut self.happened;
        self.legs.open(Instant::now(), LEG, kind, EXPEDITED, fence, &mut |event| happened.push_back(owned(event)));
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        let happened = &mut self.happened;
        self.legs.transmit(Instant::now(), LEG, to, bytes, &mut |event| happened.push_back(owned(event)));
    }

    /// One wait, at most 50 ms.
    fn step(&mut self) {
        let now = Instant::now();
        let most = Duration::from_millis(50);
        let wait = self.legs.deadline(now).map_or(most, |at| at.saturating_duration_since(now).min(most));
        let mut events = Events::with_capacity(16);
        self.poll.poll(&mut events, Some(wait)).unwrap();
        let (now, happened) = (Instant::now(), &mut self.happened);
        for event in events.iter().filter(|event| LegSockets::owns(event.token())) {
            self.legs.ready(now, event, &mut |event| happened.push_back(owned(event)));
        }
        self.legs.progress(now, &mut |event| happened.push_back(owned(event)));
    }

    fn wait_for(&mut self, what: impl Fn(&Self) -> bool) {
        let until = Instant::now() + LIMIT;
        while !what(self) {
            assert!(Instant::now() < until, "nothing came but {:?}", self.happened);
            self.step();
        }
    }

    fn next(&mut self) -> Happened {
        self.wait_for(|world| !world.happened.is_empty());
        self.happened.pop_front().unwrap()
    }

    fn opened(&mut self) -> LegAddresses {
        match self.next() {
            Happened::Opened(LEG, addresses) => addresses,
            other => panic!("{other:?}"),
        }
    }

    fn failed(&mut self) -> LegError {
        match self.next() {
            Happened::Failed(LEG, error) => error,
            other => panic!("{other:?}"),
        }
    }

    /// Bytes of a stream, however they were cut.
    fn received(&mut self, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < count {
            match self.next() {
                Happened::Received(LEG, _, bytes) => all.extend_from_slice(&bytes),
                other => panic!("{other:?}"),
            }
        }
        all
    }

    fn counters(&self) -> LegCounters {
        self.legs.counters()
    }
}

fn owned(event: LegEvent<'_>) -> Happened {
    match event {
        LegEvent::Opened { leg, addresses } => Happened::Opened(leg, addresses),
        LegEvent::Failed { leg, error } => Happened::Failed(leg, error),
        LegEvent::Received { leg, from, bytes } => Happened::Received(leg, from, bytes.to_vec()),
    }
}

fn turn(host: &str, port: u16, transport: TurnTransport) -> LegKind {
    LegKind::Turn { host: host.to_owned(), port, transport }
}

fn udp_server() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn tcp_server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Accepts one connection and gives back all it reads.
fn echo_once(listener: TcpListener) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..count]).unwrap();
        }
    })
}

/// A certificate for `localhost`, and a TLS server that echoes one connection.
fn tls_echo_once(listener: TcpListener) -> (CertificateDer<'static>, JoinHandle<()>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let server = std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..count]).unwrap();
        }
    });
    (certificate, server)
}

#[test]
fn a_host_leg_talks_to_anybody_and_carries_its_dscp() {
    let (peer, peer_address) = udp_server();
    let mut world = World::new(Trust::system());
    world.open(LegKind::Host { bind: LOCALHOST }, false);
    let addresses = world.opened();
    assert_eq!((addresses.local.ip(), addresses.server, addresses.dscp), (LOCALHOST, None, Some(EXPEDITED)));

    world.send(peer_address, b"hello");
    let mut buffer = [0; 64];
    let (count, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..count], from), (&b"hello"[..], addresses.local));
    peer.send_to(b"back", from).unwrap();
    assert_eq!(world.next(), Happened::Received(LEG, peer_address, b"back".to_vec()));
    assert_eq!(world.counters(), LegCounters::default());
}

#[test]
fn a_fenced_host_leg_sends_and_takes_nothing() {
    let (peer, peer_address) = udp_server();
    let mut world = World::new(Trust::system());
    world.open(LegKind::Host { bind: LOCALHOST }, true);
    let local = world.opened().local;
    world.send(peer_address, b"out");
    peer.send_to(b"in", local).unwrap();
    world.wait_for(|world| world.counters().strangers == 1);
    assert_eq!(world.counters().blocked, 1);
    assert!(world.happened.is_empty(), "{:?}", world.happened);
    peer.set_nonblocking(true).unwrap();
    assert!(peer.recv(&mut [0; 8]).is_err(), "something came through the fence");
}

#[test]
fn a_turn_leg_over_udp_talks_to_its_server_only() {
    let (server, server_address) = udp_server();
    let (stranger, stranger_address) = udp_server();
    let mut world = World::new(Trust::system());
    world.open(turn("127.0.0.1", server_address.port(), TurnTransport::Udp), true);
    let addresses = world.opened();
    assert_eq!((addresses.server, addresses.dscp), (Some(server_address), Some(EXPEDITED)));
    assert_eq!(addresses.local.ip(), LOCALHOST);

    world.send(stranger_address, b"leak");
    stranger.send_to(b"intrusion", addresses.local).unwrap();
    world.send(server_address, b"allocate");
    server.recv_from(&mut [0; 64]).unwrap();
    server.send_to(b"allocated", addresses.local).unwrap();
    assert_eq!(world.next(), Happened::Received(LEG, server_address, b"allocated".to_vec()));
    world.wait_for(|world| world.counters().strangers == 1);
    assert_eq!(world.counters(), LegCounters { blocked: 1, strangers: 1, ..LegCounters::default() });
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 8]).is_err(), "something came through the fence");
}

#[test]
fn strangers_on_an_unfenced_turn_leg_are_dropped_and_no_matter_of_the_fence() {
    let (_server, server_address) = udp_server();
    let (stranger, stranger_address) = udp_server();
    let mut world = World::new(Trust::system());
    world.open(turn("127.0.0.1", server_address.port(), TurnTransport::Udp), false);
    let local = world.opened().local;
    world.send(stranger_address, b"out");
    stranger.send_to(b"in", local).unwrap();
    world.wait_for(|world| world.counters().strangers == 2);
    assert_eq!(world.counters().blocked, 0);
    assert!(world.happened.is_empty(), "{:?}", world.happened);
}

#[test]
fn a_turn_leg_finds_its_server_by_name() {
    let (_server, server_address) = udp_server();
    let mut world = World::new(Trust::system());
    world.open(turn("localhost", server_address.port(), TurnTransport::Udp), true);
    assert_eq!(world.opened().server, Some(server_address));
}

#[test]
fn a_name_that_does_not_exist_is_said_so() {
    let mut world = World::new(Trust::system());
    world.open(turn("no-such-host.invalid", 3478, TurnTransport::Tcp), true);
    assert_eq!(world.failed(), LegError::Unresolved { host: "no-such-host.invalid".to_owned() });
    assert!(world.legs.is_empty());
}

#[test]
fn a_turn_leg_over_tcp_carries_bytes_both_ways_and_its_dscp() {
    let (listener, server) = tcp_server();
    let echo = echo_once(listener);
    let mut world = World::new(Trust::system());
    world.open(turn("127.0.0.1", server.port(), TurnTransport::Tcp), true);
    let addresses = world.opened();
    assert_eq!((addresses.server, addresses.dscp), (Some(server), Some(EXPEDITED)));
    world.send(server, b"first");
    world.send(SocketAddr::from(([127, 0, 0, 1], 9)), b"leak");
    world.send(server, b"second");
    assert_eq!(world.received(11), b"firstsecond");
    assert_eq!(world.counters().blocked, 1);
    world.legs.close(Instant::now(), LEG);
    echo.join().unwrap();
}

#[test]
fn a_turn_leg_over_tls_carries_bytes_both_ways() {
    let (listener, server) = tcp_server();
    let (certificate, echo) = tls_echo_once(listener);
    let mut world = World::new(Trust::with_roots(vec![certificate]));
    world.open(turn("localhost", server.port(), TurnTransport::Tls), true);
    let addresses = world.opened();
    assert_eq!((addresses.server, addresses.dscp), (Some(server), Some(EXPEDITED)));
    let long: Vec<u8> = (0..3000_u32).map(|n| n as u8).collect();
    world.send(server, &long);
    assert_eq!(world.received(long.len()), long);
    world.legs.close(Instant::now(), LEG);
    echo.join().unwrap();
}

#[test]
fn an_unknown_issuer_is_not_trusted() {
    let (listener, server) = tcp_server();
    let (_certificate, echo) = tls_echo_once(listener);
    let mut world = World::new(Trust::system());
    world.open(turn("localhost", server.port(), TurnTransport::Tls), true);
    match world.failed() {
        LegError::Untrusted { host, .. } => assert_eq!(host, "localhost"),
        other => panic!("{other:?}"),
    }
    echo.join().unwrap();
}

#[test]
fn a_server_that_speaks_no_tls_fails_the_leg() {
    let (listener, server) = tcp_server();
    let echo = echo_once(listener);
    let mut world = World::new(Trust::system());
    world.open(turn("127.0.0.1", server.port(), TurnTransport::Tls), true);
    assert!(matches!(world.failed(), LegError::Io(_)), "an echoed client hello is no handshake");
    echo.join().unwrap();
}

#[test]
fn a_refused_connection_names_the_server() {
    let (listener, server) = tcp_server();
    drop(listener);
    let mut world = World::new(Trust::system());
    world.open(turn("127.0.0.1", server.port(), TurnTransport::Tcp), true);
    assert_eq!(world.failed(), LegError::Refused { server });
}

#[test]
fn a_server_that_hangs_up_ends_the_leg() {
    let (listener, server) = tcp_server();
    let mut world = World::new(Trust::system());
    world.open(turn("127.0.0.1", server.port(), TurnTransport::Tcp), true);
    world.opened();
    drop(listener.accept().unwrap());
    assert_eq!(world.failed(), LegError::Closed);
    assert!(world.legs.is_empty());
    // What was meant for it goes nowhere, quietly.
    world.send(server, b"late");
}

#[test]
fn a_silent_handshake_is_given_up_after_five_seconds() {
    let (listener, server) = tcp_server();
    listener.set_nonblocking(true).unwrap();
    let mut world = World::new(Trust::system());
    let start = Instant::now();
    world.open(turn("127.0.0.1", server.port(), TurnTransport::Tls), true);
    // Accepted, but never answered.
    let until = start + LIMIT;
    let mut accepted = listener.accept();
    while accepted.is_err() {
        assert!(Instant::now() < until, "no connection came");
        world.poll.poll(&mut Events::with_capacity(4), Some(Duration::from_millis(10))).unwrap();
        world.legs.progress(start, &mut |_| {});
        accepted = listener.accept();
    }
    // From here the clock of the legs is ours.
    let happened = &mut world.happened;
    world.legs.progress(start + Duration::from_millis(4_500), &mut |event| happened.push_back(owned(event)));
    assert!(happened.is_empty(), "{happened:?}");
    world.legs.progress(start + Duration::from_secs(6), &mut |event| happened.push_back(owned(event)));
    let waited = Duration::from_secs(5);
    assert_eq!(world.failed(), LegError::Silent { server, waited });
}

/// A frame as media is (`ChannelData`), and one that looks like STUN.
fn media() -> Vec<u8> {
    let mut frame = vec![0x40, 0x01, 0x04, 0x00];
    frame.resize(4 + 1024, 7);
    frame
}

fn control() -> Vec<u8> {
    let mut frame = vec![0x00, 0x04, 0x00, 0x00];
    frame.resize(108, 9);
    frame
}

#[test]
fn a_congested_stream_drops_whole_media_frames_and_keeps_control() {
    let (listener, server) = tcp_server();
    let mut world = World::new(Trust::system());
    world.open(turn("127.0.0.1", server.port(), TurnTransport::Tcp), true);
    world.opened();
    let (mut reader, _) = listener.accept().unwrap();
    // Nobody reads: everything between us fills up, and then media is dropped.
    let mut sent = 0;
    while world.counters().congested == 0 {
        world.send(server, &media());
        sent += 1;
        assert!(sent < 100_000, "a stream that nobody reads took everything");
    }
    world.send(server, &control());
    assert_eq!(world.counters().congested, 1, "control has room of its own");
    for _ in 0..1_000 {
        world.send(server, &media());
    }
    assert_eq!(world.counters().congested, 1_001);

    // What does arrive is whole frames only.
    let expected = (sent - 1) * media().len() + control().len();
    let counting = std::thread::spawn(move || {
        let mut all = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while all.len() < expected {
            match reader.read(&mut buffer) {
                Ok(count @ 1..) => all.extend_from_slice(&buffer[..count]),
                other => panic!("{other:?}"),
            }
        }
        all
    });
    world.wait_for(|_| counting.is_finished());
    let all = counting.join().unwrap();
    let (media_part, control_part) = all.split_at((sent - 1) * media().len());
    assert!(media_part.chunks_exact(media().len()).all(|frame| frame == media()));
    assert_eq!(control_part, control());
}

#[test]
fn a_server_that_takes_nothing_for_ten_seconds_is_gone() {
    let (listener, server) = tcp_server();
    let mut world = World::new(Trust::system());
    world.open(turn("127.0.0.1", server.port(), TurnTransport::Tcp), true);
    world.opened();
    let _reader = listener.accept().unwrap();
    let start = Instant::now();
    while world.counters().congested == 0 {
        let happened = &mut world.happened;
        world.legs.transmit(start, LEG, server, &media(), &mut |event| happened.push_back(owned(event)));
    }
    assert_eq!(world.legs.deadline(start), Some(start + Duration::from_secs(10)));
    let happened = &mut world.happened;
    world.legs.progress(start + Duration::from_secs(11), &mut |event| happened.push_back(owned(event)));
    assert_eq!(world.failed(), LegError::Silent { server, waited: Duration::from_secs(10) });
}

#[test]
fn a_flood_of_datagrams_is_taken_in_turns() {
    let (peer, _) = udp_server();
    let mut world = World::new(Trust::system());
    world.open(LegKind::Host { bind: LOCALHOST }, false);
    let local = world.opened().local;
    for _ in 0..300 {
        peer.send_to(b"flood", local).unwrap();
    }
    let mut events = Events::with_capacity(4);
    world.poll.poll(&mut events, Some(LIMIT)).unwrap();
    let happened = &mut world.happened;
    for event in &events {
        world.legs.ready(Instant::now(), event, &mut |event| happened.push_back(owned(event)));
    }
    let first = world.happened.len();
    assert!(first < 300, "one turn took everything");
    let now = Instant::now();
    assert_eq!(world.legs.deadline(now), Some(now), "there is more");
    world.wait_for(|world| world.happened.len() == 300);
}
