//! UDP sockets of the media peer under mio. It has no other legs: its SDP names no TURN server.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use mio::event::Event;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use phone_core::ids::LegId;
use phone_core::media::{LegAddresses, LegError, LegKind};

const FIRST_TOKEN: usize = 64;
/// Datagrams taken from one socket at a time.
const DATAGRAMS: usize = 128;

pub enum LegEvent<'a> {
    Opened { leg: LegId, addresses: LegAddresses },
    Failed { leg: LegId, error: LegError },
    Received { leg: LegId, from: SocketAddr, bytes: &'a [u8] },
}

pub struct LegSockets {
    registry: Registry,
    legs: BTreeMap<LegId, UdpSocket>,
    unread: Vec<LegId>,
    buffer: Vec<u8>,
}

type Sink<'a> = &'a mut dyn FnMut(LegEvent<'_>);

impl LegSockets {
    pub fn new(registry: Registry) -> Self {
        Self { registry, legs: BTreeMap::new(), unread: Vec::new(), buffer: vec![0; 64 * 1024] }
    }

    pub fn open(&mut self, leg: LegId, kind: &LegKind, sink: Sink<'_>) {
        let opened = match kind {
            LegKind::Host { bind } => UdpSocket::bind(SocketAddr::new(*bind, 0)).and_then(|mut socket| {
                self.registry.register(&mut socket, Token(FIRST_TOKEN + leg.0 as usize), Interest::READABLE)?;
                Ok((socket.local_addr()?, socket))
            }),
            LegKind::Turn { .. } => Err(io::Error::other("the media peer uses no relay")),
        };
        match opened {
            Ok((local, socket)) => {
                self.legs.insert(leg, socket);
                sink(LegEvent::Opened { leg, addresses: LegAddresses { local, server: None, dscp: None } });
            }
            Err(error) => sink(LegEvent::Failed { leg, error: LegError::Io(error.to_string()) }),
        }
    }

    pub fn close(&mut self, leg: LegId) {
        if let Some(mut socket) = self.legs.remove(&leg) {
            drop(self.registry.deregister(&mut socket));
        }
    }

    pub fn transmit(&self, leg: LegId, to: SocketAddr, bytes: &[u8]) {
        if let Some(socket) = self.legs.get(&leg) {
            drop(socket.send_to(bytes, to));
        }
    }

    pub fn ready(&mut self, event: &Event, sink: Sink<'_>) {
        if let Some(number) = event.token().0.checked_sub(FIRST_TOKEN) {
            self.read(LegId(number as u64), sink);
        }
    }

    pub fn progress(&mut self, sink: Sink<'_>) {
        for leg in std::mem::take(&mut self.unread) {
            self.read(leg, sink);
        }
    }

    pub fn busy(&self) -> bool {
        !self.unread.is_empty()
    }

    fn read(&mut self, leg: LegId, sink: Sink<'_>) {
        let Some(socket) = self.legs.get(&leg) else { return };
        for _ in 0..DATAGRAMS {
            match socket.recv_from(&mut self.buffer) {
                Ok((length, from)) => {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    sink(LegEvent::Received { leg, from, bytes });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
        self.unread.push(leg);
    }
}
