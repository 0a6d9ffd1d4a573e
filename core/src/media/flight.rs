//! Repeating DTLS flights that were lost (RFC 6347 §4.2.4).
//!
//! The engine's own repetition is not enough: its first is after a second, and it drops its timer with any
//! handshake message it receives, also with one that brings nothing new. A server whose answer was lost then waits
//! for its client, and the client for its server, until the call fails. So the datagrams of the last flight are
//! kept here and sent again until the handshake is done, as they were: a receiver that knows them already drops
//! them as replays (RFC 6347 §4.1.2.6).

use std::time::{Duration, Instant};

use super::webrtc::PeerTransmit;

/// The wait before the first repetition is twice the round trip, within these.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);
/// Datagrams of one flight; the longest has six.
const DATAGRAMS: usize = 16;
/// How often the last flight is repeated for a peer that shows it has not arrived.
const ECHOES: u8 = 10;

/// The last flight sent, and when it is sent again.
#[derive(Debug, Default)]
pub(super) struct LastFlight {
    datagrams: Vec<PeerTransmit>,
    /// The next datagram belongs to it; otherwise it begins another one.
    is_open: bool,
    due: Option<Instant>,
    wait: Duration,
    echoes: u8,
    is_done: bool,
}

/// Whether this datagram is part of a handshake: a handshake message or a change of cipher (RFC 6347 §4.1; no
/// other protocol of the same socket begins with these, RFC 7983 §7).
pub(super) fn is_handshake(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(20 | 22))
}

impl LastFlight {
    /// Something arrived or is due: what is sent next answers that.
    pub fn end(&mut self) {
        self.is_open = false;
    }

    /// A datagram of the handshake goes out. `round_trip` is that of the connectivity checks.
    pub fn note(&mut self, now: Instant, datagram: &PeerTransmit, round_trip: Option<Duration>) {
        if !self.is_open {
            self.datagrams.clear();
            self.is_open = true;
            self.wait = round_trip.unwrap_or(SHORTEST).saturating_mul(2).clamp(SHORTEST, LONGEST);
        }
        if self.datagrams.len() < DATAGRAMS {
            self.datagrams.push(datagram.clone());
        }
        self.due = (!self.is_done).then(|| now + self.wait);
    }

    /// The handshake is done: from now on only a peer that asks gets the flight again.
    pub fn done(&mut self) {
        self.is_done = true;
        self.due = None;
    }

    /// A datagram of the peer arrived after the handshake. What goes out again, because our last flight was lost.
    pub fn asked(&mut self, bytes: &[u8]) -> &[PeerTransmit] {
        if !self.is_done || !is_handshake(bytes) || self.echoes >= ECHOES {
            return &[];
        }
        self.echoes += 1;
        &self.datagrams
    }

    /// What goes out again by now.
    pub fn repeat(&mut self, now: Instant) -> &[PeerTransmit] {
        if self.due.is_none_or(|due| now < due) {
            return &[];
        }
        self.wait = self.wait.saturating_mul(2).min(LONGEST);
        self.due = Some(now + self.wait);
        &self.datagrams
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }
}
