//! The legs of a media engine on the emulated network.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use phone_core::ids::LegId;
use phone_core::media::{LegAddresses, LegError, LegKind, TurnTransport};

use crate::net::Net;

/// How long a stream takes to open, and a dead one to be given up, as in the real sockets.
const CONNECT: Duration = Duration::from_millis(10);
const SILENT: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Leg {
    local: SocketAddr,
    /// The TURN server, and whether it is reached by a stream.
    server: Option<(SocketAddr, bool)>,
}

/// All legs of one engine on one host.
#[derive(Debug)]
pub struct Legs {
    host: IpAddr,
    next_port: u16,
    open: BTreeMap<LegId, Leg>,
    opening: Vec<(Instant, LegId, Result<LegAddresses, LegError>)>,
    /// Streams to this host do not come up.
    pub dead: Option<IpAddr>,
}

impl Legs {
    pub fn new(host: IpAddr) -> Self {
        Self { host, next_port: 10_000, open: BTreeMap::new(), opening: Vec::new(), dead: None }
    }

    /// The host moved to another network: new legs have the new address, old ones are dead.
    pub fn move_to(&mut self, host: IpAddr) {
        self.host = host;
    }

    /// Opens a leg; what became of it comes from [`progress`](Self::progress), at once or later.
    pub fn open(&mut self, now: Instant, leg: LegId, kind: &LegKind, dscp: u8) {
        self.next_port += 1;
        let local = SocketAddr::new(self.host, self.next_port);
        let dscp = Some(dscp);
        let (due, result) = match kind {
            LegKind::Host { bind } if *bind != self.host => {
                (now, Err(LegError::Io("this computer has no such address".to_owned())))
            }
            LegKind::Host { .. } => {
                self.open.insert(leg, Leg { local, server: None });
                (now, Ok(LegAddresses { local, server: None, dscp }))
            }
            LegKind::Turn { host, port, transport } => match host.parse() {
                Err(_) => (now, Err(LegError::Unresolved { host: host.clone() })),
                Ok(ip) => {
                    let server = SocketAddr::new(ip, *port);
                    let stream = *transport != TurnTransport::Udp;
                    self.open.insert(leg, Leg { local, server: Some((server, stream)) });
                    if stream && self.dead == Some(ip) {
                        (now + SILENT, Err(LegError::Silent { server, waited: SILENT }))
                    } else {
                        let wait = if stream { CONNECT } else { Duration::ZERO };
                        (now + wait, Ok(LegAddresses { local, server: Some(server), dscp }))
                    }
                }
            },
        };
        self.opening.push((due, leg, result));
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.opening.iter().map(|(due, ..)| *due).min()
    }

    /// Legs that opened or failed by now.
    pub fn progress(&mut self, now: Instant) -> Vec<(LegId, Result<LegAddresses, LegError>)> {
        let mut done = Vec::new();
        let mut waiting = Vec::new();
        for (due, leg, result) in std::mem::take(&mut self.opening) {
            if due > now {
                waiting.push((due, leg, result));
            } else if result.is_err() {
                self.open.remove(&leg);
                done.push((leg, result));
            } else if self.open.contains_key(&leg) {
                done.push((leg, result));
            }
        }
        self.opening = waiting;
        done
    }

    pub fn close(&mut self, now: Instant, net: &mut Net, leg: LegId) {
        if let Some(Leg { local, server: Some((server, true)) }) = self.open.remove(&leg) {
            net.send_stream(now, local, server, None);
        }
    }

    pub fn transmit(&mut self, now: Instant, net: &mut Net, leg: LegId, to: SocketAddr, bytes: Vec<u8>) {
        match self.open.get(&leg) {
            Some(Leg { local, server: Some((server, true)) }) => net.send_stream(now, *local, *server, Some(bytes)),
            Some(Leg { local, .. }) => net.send(now, *local, to, bytes),
            None => {}
        }
    }

    /// The leg that owns this address.
    pub fn owner(&self, address: SocketAddr) -> Option<LegId> {
        self.open.iter().find(|(_, leg)| leg.local == address).map(|(id, _)| *id)
    }
}
