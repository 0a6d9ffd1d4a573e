//! The simulated world's TURN server, over datagrams and byte streams.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use turn_server_proto::api::{Transmit, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;
use turn_server_proto::types::stun::TransportType;

use crate::net::Net;

pub const USER: &str = "sim-user";
pub const PASSWORD: &str = "sim-turn-password";

/// One host that relays.
#[derive(Debug)]
pub struct Turn {
    host: IpAddr,
    start: Instant,
    servers: Vec<TurnServer>,
    /// Relayed addresses in use.
    relays: BTreeSet<SocketAddr>,
    next_port: u16,
    /// Bytes of streams that are no whole message yet.
    partial: BTreeMap<SocketAddr, Vec<u8>>,
    pub stopped: bool,
    /// How often a client was told that its nonce is stale (438, RFC 8489 §9.2.4).
    pub stale_nonces: u32,
}

impl Turn {
    pub fn new(now: Instant, host: IpAddr, port: u16, nonce: Duration) -> Self {
        let listen = SocketAddr::new(host, port);
        let servers = [TransportType::Udp, TransportType::Tcp].map(|transport| {
            let mut server = TurnServer::new(transport, listen, "sim".to_owned());
            server.add_user(USER.to_owned(), PASSWORD.to_owned());
            server.set_nonce_expiry_duration(nonce);
            server
        });
        Self {
            host,
            start: now,
            servers: servers.into(),
            relays: BTreeSet::new(),
            next_port: 50_000,
            partial: BTreeMap::new(),
            stopped: false,
            stale_nonces: 0,
        }
    }

    fn clock(&self, now: Instant) -> turn_server_proto::types::Instant {
        turn_server_proto::types::Instant::from_nanos((now - self.start).as_nanos() as i64)
    }

    pub fn datagram(&mut self, now: Instant, net: &mut Net, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if !self.stopped {
            self.take(now, net, TransportType::Udp, from, to, bytes);
        }
    }

    /// Bytes of a stream; `None` is its end.
    pub fn stream(&mut self, now: Instant, net: &mut Net, from: SocketAddr, to: SocketAddr, bytes: Option<Vec<u8>>) {
        if self.stopped {
            return;
        }
        let Some(bytes) = bytes else {
            self.partial.remove(&from);
            return;
        };
        let mut buffer = self.partial.remove(&from).unwrap_or_default();
        buffer.extend(bytes);
        // The library neither pads nor skips padding (RFC 8656 §12.5), so messages are cut here.
        while let Some((message, whole)) = first_message(&buffer) {
            let message = buffer[..message].to_vec();
            buffer.drain(..whole);
            self.take(now, net, TransportType::Tcp, from, to, &message);
        }
        self.partial.insert(from, buffer);
    }

    fn take(
        &mut self,
        now: Instant,
        net: &mut Net,
        transport: TransportType,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        let clock = self.clock(now);
        // What comes to a relayed address belongs to the server that allocated it; the others ignore it.
        let relayed = self.relays.contains(&to);
        for index in 0..self.servers.len() {
            if !relayed && Self::transport(index) != transport {
                continue;
            }
            let transmit = Transmit::new(bytes.to_vec(), transport, from, to);
            if let Some(reply) = self.servers[index].recv(transmit, clock) {
                let reply = reply.build();
                self.send(now, net, reply);
            }
        }
        self.drain(now, net);
    }

    fn transport(index: usize) -> TransportType {
        if index == 0 { TransportType::Udp } else { TransportType::Tcp }
    }

    fn drain(&mut self, now: Instant, net: &mut Net) {
        let clock = self.clock(now);
        for index in 0..self.servers.len() {
            // One more round than there can be clients asking: the library says `WaitUntil` when it is done.
            for _ in 0..64 {
                match self.servers[index].poll(clock) {
                    TurnServerPollRet::AllocateSocket {
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                    } => {
                        self.next_port += 1;
                        let address = SocketAddr::new(self.host, self.next_port);
                        self.relays.insert(address);
                        let server = &mut self.servers[index];
                        server.allocated_socket(
                            transport,
                            listen_addr,
                            client_addr,
                            allocation_transport,
                            family,
                            Ok(address),
                            clock,
                        );
                    }
                    TurnServerPollRet::SocketClose { listen_addr, .. } => {
                        self.relays.remove(&listen_addr);
                    }
                    TurnServerPollRet::WaitUntil(_) => break,
                    TurnServerPollRet::TcpConnect { .. } | TurnServerPollRet::TcpClose { .. } => {}
                }
            }
            while let Some(transmit) = self.servers[index].poll_transmit(clock) {
                self.send(now, net, transmit);
            }
        }
    }

    fn send(&mut self, now: Instant, net: &mut Net, transmit: Transmit<Vec<u8>>) {
        let bytes = transmit.data;
        if stun_error(&bytes) == Some(438) {
            self.stale_nonces += 1;
        }
        if transmit.transport == TransportType::Udp {
            net.send(now, transmit.from, transmit.to, bytes);
        } else {
            let mut bytes = bytes;
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            net.send_stream(now, transmit.from, transmit.to, Some(bytes));
        }
    }

    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let clock = self.clock(now);
        let start = self.start;
        let until = |server: &mut TurnServer| match server.poll(clock) {
            TurnServerPollRet::WaitUntil(at) => {
                let nanos = u64::try_from(at.as_nanos()).unwrap_or(0);
                Some(start + Duration::from_nanos(nanos)).filter(|at| *at > now)
            }
            _ => Some(now),
        };
        self.servers.iter_mut().filter_map(until).min()
    }

    pub fn tick(&mut self, now: Instant, net: &mut Net) {
        if !self.stopped {
            self.drain(now, net);
        }
    }
}

/// Length of the first message, without and with its padding.
fn first_message(buffer: &[u8]) -> Option<(usize, usize)> {
    let [kind, _, high, low, ..] = buffer else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let message = if kind & 0xC0 == 0x40 { 4 + length } else { 20 + length };
    let whole = message.next_multiple_of(4);
    (buffer.len() >= whole).then_some((message, whole))
}

/// The error code of a STUN error response (RFC 8489 §14.8).
fn stun_error(bytes: &[u8]) -> Option<u16> {
    let kind = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    if kind & 0x0110 != 0x0110 || kind & 0xC000 != 0 {
        return None;
    }
    let mut at = 20;
    while let Some([high, low, a, b]) = bytes.get(at..at + 4) {
        let length = usize::from(u16::from_be_bytes([*a, *b]));
        if (*high, *low) == (0, 9) {
            return Some(u16::from(*bytes.get(at + 6)? & 7) * 100 + u16::from(*bytes.get(at + 7)?));
        }
        at += 4 + length.next_multiple_of(4);
    }
    None
}
