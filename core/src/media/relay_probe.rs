//! One allocation on a TURN server, for measuring the way there without a call.
//!
//! The contract of the loop, as everywhere: hand in bytes and the time, drain [`RelayProbe::poll_transmit`] and
//! [`RelayProbe::poll_event`], wait until [`RelayProbe::deadline`]. Bytes go to the server as they come out: a
//! datagram each over UDP, whole frames on a stream.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::turn::Allocation;
pub use super::turn::AllocationEvent as RelayProbeEvent;
use super::types::TurnTransport;
use crate::redact::Private;

#[derive(Debug)]
pub struct RelayProbe {
    allocation: Allocation,
}

impl RelayProbe {
    /// `local` and `server`: the addresses of the connected socket.
    pub fn new(
        now: Instant,
        (local, server): (SocketAddr, SocketAddr),
        transport: TurnTransport,
        username: &Private<String>,
        password: &Private<String>,
    ) -> Self {
        let allocation = Allocation::new(now, (local, server), transport, username.reveal(), password.reveal());
        Self { allocation }
    }

    /// A datagram of the server, or a piece of its stream.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.allocation.receive(now, bytes);
    }

    pub fn tick(&mut self, now: Instant) {
        self.allocation.tick(now);
    }

    /// Lets this peer send to us.
    pub fn permit(&mut self, now: Instant, peer: IpAddr) {
        self.allocation.permit(now, peer);
    }

    /// Relays one datagram; what comes before its permission waits, the newest only.
    pub fn send(&mut self, now: Instant, to: SocketAddr, bytes: Vec<u8>) {
        self.allocation.send(now, to, bytes);
    }

    /// Gives the allocation back.
    pub fn release(&mut self, now: Instant) {
        self.allocation.release(now);
    }

    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.allocation.poll_transmit()
    }

    pub fn poll_event(&mut self) -> Option<RelayProbeEvent> {
        self.allocation.poll_event()
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.allocation.deadline()
    }

    /// From the first request to its answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.allocation.round_trip()
    }
}
