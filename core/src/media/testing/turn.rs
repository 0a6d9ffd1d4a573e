//! A TURN server in the simulated network, over UDP, TCP and TLS alike.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use stun_proto::types::TransportType;
use stun_proto::types::attribute::{AttributeType, XorMappedAddress};
use stun_proto::types::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageWriteVec,
};
use stun_proto::types::prelude::{Attribute, AttributeStaticType, MessageWrite, MessageWriteExt};
use turn_server_proto::api::{Transmit, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;
use turn_server_proto::types::attribute::Lifetime;
use turn_server_proto::types::message::{ALLOCATE, REFRESH};
use turn_server_proto::types::transmit::TransmitBuild;

use crate::media::{IceServer, TurnTransport};

const REALM: &str = "simulated.test";

/// How a server is set up.
#[derive(Clone, Copy, Debug)]
pub struct TurnOptions {
    /// Transports it is reached over.
    pub udp: bool,
    pub tcp: bool,
    pub nonce_life: Duration,
    /// Allocations live so long unless refreshed, as with coturn's `max-allocate-lifetime`, in seconds.
    pub lifetime: Option<u32>,
}

impl Default for TurnOptions {
    fn default() -> Self {
        Self { udp: true, tcp: true, nonce_life: Duration::from_mins(10), lifetime: None }
    }
}

/// What the server sends.
#[derive(Debug)]
pub(super) enum ServerOutput {
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    Stream { client: SocketAddr, bytes: Vec<u8> },
}

/// One TURN server; user `agent`, password `secret`.
#[derive(Debug)]
pub struct SimTurn {
    number: usize,
    options: TurnOptions,
    server: TurnServer,
    base: Instant,
    next_port: u16,
    /// Bytes of streams that are no whole frame yet.
    streams: BTreeMap<SocketAddr, Vec<u8>>,
    /// Relayed address and end of each client's allocation.
    allocations: BTreeMap<SocketAddr, (SocketAddr, Instant)>,
    relayed: BTreeSet<SocketAddr>,
}

impl SimTurn {
    pub(super) fn new(number: usize, options: TurnOptions) -> Self {
        Self {
            number,
            options,
            server: Self::fresh(number, options),
            base: super::epoch(),
            next_port: 40_000,
            streams: BTreeMap::new(),
            allocations: BTreeMap::new(),
            relayed: BTreeSet::new(),
        }
    }

    fn fresh(number: usize, options: TurnOptions) -> TurnServer {
        let mut server = TurnServer::new(TransportType::Udp, listen(number), REALM.to_owned());
        server.add_user("agent".to_owned(), "secret".to_owned());
        server.set_nonce_expiry_duration(options.nonce_life);
        server
    }

    /// How clients are told of it.
    pub fn as_ice_server(number: usize, transport: TurnTransport) -> IceServer {
        IceServer::Turn {
            host: format!("turn{number}"),
            port: listen(number).port(),
            transport,
            username: "agent".into(),
            password: "secret".into(),
        }
    }

    pub fn name(&self) -> String {
        format!("turn{}", self.number)
    }

    pub fn listen(&self) -> SocketAddr {
        listen(self.number)
    }

    pub fn ip(&self) -> IpAddr {
        self.listen().ip()
    }

    pub(super) fn speaks(&self, transport: TurnTransport) -> bool {
        if transport == TurnTransport::Udp { self.options.udp } else { self.options.tcp }
    }

    pub(super) fn restart(&mut self) {
        self.server = Self::fresh(self.number, self.options);
        self.streams.clear();
        self.allocations.clear();
        self.relayed.clear();
    }

    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// A client's stream is closed, and with it its allocation.
    pub(super) fn closed(&mut self, client: SocketAddr) {
        self.streams.remove(&client);
        if let Some((relayed, _)) = self.allocations.remove(&client) {
            self.relayed.remove(&relayed);
        }
    }

    /// A piece of a client's stream.
    pub(super) fn stream(&mut self, now: Instant, client: SocketAddr, bytes: &[u8]) -> Vec<ServerOutput> {
        let mut rest = self.streams.remove(&client).unwrap_or_default();
        rest.extend_from_slice(bytes);
        let mut outputs = Vec::new();
        // Known now, so that answers to the frames below are sent on the stream.
        self.streams.insert(client, Vec::new());
        while let Some([kind, _, high, low]) = rest.first_chunk::<4>().copied() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let frame = if kind < 0x40 { 20 + length } else { 4 + length };
            if rest.len() < frame.next_multiple_of(4) {
                break;
            }
            let after = rest.split_off(frame.next_multiple_of(4));
            rest.truncate(frame);
            outputs.extend(self.datagram(now, client, self.listen(), &rest));
            rest = after;
        }
        self.streams.insert(client, rest);
        outputs
    }

    /// A datagram from a client, or from a peer to a relayed address.
    pub(super) fn datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Vec<ServerOutput> {
        if to != self.listen() && !self.relayed.contains(&to) {
            return Vec::new();
        }
        if to == self.listen()
            && let Some(answer) = binding_answer(from, bytes)
        {
            return vec![ServerOutput::Datagram { from: to, to: from, bytes: answer }];
        }
        self.expire(now);
        let at = stun_proto::Instant::from_nanos(now.saturating_duration_since(self.base).as_nanos() as i64 + 1);
        let mut outputs = Vec::new();
        let sent = self.server.recv(Transmit::new(bytes.to_vec(), TransportType::Udp, from, to), at);
        if let Some(sent) = sent.map(TransmitBuild::build) {
            self.send(now, sent.from, sent.to, sent.data, &mut outputs);
        }
        for _ in 0..16 {
            let mut busy = false;
            if let TurnServerPollRet::AllocateSocket {
                transport,
                listen_addr,
                client_addr,
                allocation_transport,
                family,
            } = self.server.poll(at)
            {
                busy = true;
                self.next_port += 1;
                let relayed = SocketAddr::new(self.ip(), self.next_port);
                self.relayed.insert(relayed);
                self.allocations.insert(client_addr, (relayed, now + Duration::from_hours(1)));
                self.server.allocated_socket(
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                    Ok(relayed),
                    at,
                );
            }
            while let Some(sent) = self.server.poll_transmit(at) {
                busy = true;
                self.send(now, sent.from, sent.to, sent.data, &mut outputs);
            }
            if !busy {
                break;
            }
        }
        outputs
    }

    /// Allocations of limited life that were not refreshed are gone, as far as anybody can see.
    fn expire(&mut self, now: Instant) {
        let over: Vec<SocketAddr> =
            self.allocations.iter().filter(|(_, (_, end))| *end <= now).map(|(client, _)| *client).collect();
        for client in over {
            if let Some((relayed, _)) = self.allocations.remove(&client) {
                self.relayed.remove(&relayed);
            }
        }
    }

    fn send(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        outputs: &mut Vec<ServerOutput>,
    ) {
        if from != self.listen() {
            if self.relayed.contains(&from) {
                outputs.push(ServerOutput::Datagram { from, to, bytes });
            }
            return;
        }
        let bytes = self.limited(now, to, bytes);
        if self.streams.contains_key(&to) {
            let mut bytes = bytes;
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            outputs.push(ServerOutput::Stream { client: to, bytes });
        } else {
            outputs.push(ServerOutput::Datagram { from, to, bytes });
        }
    }

    /// Writes the configured lifetime into an answer, and keeps it.
    fn limited(&mut self, now: Instant, client: SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
        let Ok(message) = Message::from_bytes(&bytes) else { return bytes };
        let about_life = message.has_method(ALLOCATE) || message.has_method(REFRESH);
        let granted = message.attribute::<Lifetime>().map_or(0, |lifetime| lifetime.seconds());
        if !message.has_class(MessageClass::Success) || !about_life {
            return bytes;
        }
        if granted == 0 {
            if let Some((relayed, _)) = self.allocations.remove(&client) {
                self.relayed.remove(&relayed);
            }
            return bytes;
        }
        let Some(lifetime) = self.options.lifetime else { return bytes };
        if let Some((_, end)) = self.allocations.get_mut(&client) {
            *end = now + Duration::from_secs(lifetime.into());
        }
        let mut limited = Message::builder(message.get_type(), message.transaction_id(), MessageWriteVec::new());
        // MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT are computed anew.
        let sealed = [0x0008, 0x001c, 0x8028].map(AttributeType::new);
        for (_, attribute) in message.iter_attributes() {
            let kind = attribute.get_type();
            let written = if kind == Lifetime::TYPE {
                limited.add_attribute(&Lifetime::new(lifetime))
            } else if sealed.contains(&kind) {
                Ok(())
            } else {
                limited.add_attribute(&attribute)
            };
            assert!(written.is_ok(), "an attribute of an answer cannot be copied");
        }
        let key = LongTermKeyCredentials::new("agent".to_owned(), "secret".to_owned(), REALM.to_owned());
        let signed = limited.add_message_integrity(&key.into(), IntegrityAlgorithm::Sha1);
        assert!(signed.is_ok(), "an answer cannot be signed");
        limited.finish()
    }
}

/// The answer to a plain STUN Binding request; the server itself would send it to its own address.
fn binding_answer(from: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    let request = Message::from_bytes(bytes).ok()?;
    if !request.has_method(BINDING) || !request.has_class(MessageClass::Request) {
        return None;
    }
    let mut answer = Message::builder_success(&request, MessageWriteVec::new());
    answer.add_attribute(&XorMappedAddress::new(from, request.transaction_id())).ok()?;
    Some(answer.finish())
}

fn listen(number: usize) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, number as u8 + 1], 3_478))
}
