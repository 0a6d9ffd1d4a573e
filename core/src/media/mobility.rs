//! Follows a far end whose address changed, without an ICE restart.
//!
//! ICE lets only the offering side start again, and the engine underneath never leaves a nominated pair. When the
//! far end's socket or allocation dies it goes on from another address at once; this notices packets from there
//! that are proven to be its own (they decrypted, or they were a check with the session's credentials) while the
//! nominated address is silent, and redirects the pair below ICE. Consent checks go to the new address too, so
//! RFC 7675 holds for it: without answers the session is interrupted as ever.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::webrtc::SelectedPair;

/// Silence of a talking far end after which it may have moved: fifteen packets.
const SILENT_WHEN_TALKING: Duration = Duration::from_millis(300);
/// The same between calls, when only consent checks come, one each 2 s; before the far end counts as
/// interrupted.
const SILENT_WHEN_IDLE: Duration = Duration::from_millis(4_500);
/// Silence of a talking far end after which our own relay is checked.
const QUIET: Duration = Duration::from_secs(1);
/// Packets without a gap that count as talking.
const TALKING: u32 = 10;
/// Packets from the nominated address that end a redirection: it lives after all.
const BACK: u32 = 3;
/// Addresses remembered; packets from more are not followed.
const MAX_HEARD: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Heard {
    last: Instant,
    /// Packets since the last gap.
    run: u32,
}

/// Where the far end proved to be.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    local: SocketAddr,
    remote: SocketAddr,
}

#[derive(Debug, Default)]
pub(super) struct Mobility {
    pair: Option<SelectedPair>,
    heard: BTreeMap<SocketAddr, Heard>,
    proven: Option<(Place, Instant)>,
    moved: Option<Place>,
    back: u32,
}

impl Mobility {
    /// A pair was nominated, or none is any more.
    pub fn set_pair(&mut self, pair: Option<SelectedPair>) {
        *self = Self { pair, ..Self::default() };
    }

    /// Notes a datagram that arrived, and says what the engine underneath is to believe of its way.
    pub fn inbound(&mut self, now: Instant, local: SocketAddr, from: SocketAddr) -> (SocketAddr, SocketAddr) {
        if self.heard.len() < MAX_HEARD || self.heard.contains_key(&from) {
            let heard = self.heard.entry(from).or_insert(Heard { last: now, run: 0 });
            let gap = now.saturating_duration_since(heard.last) > SILENT_WHEN_TALKING;
            *heard = Heard { last: now, run: if gap { 1 } else { heard.run.saturating_add(1) } };
        }
        let (Some(pair), Some(place)) = (self.pair, self.moved) else { return (local, from) };
        if from == pair.remote {
            self.back += 1;
            if self.back >= BACK {
                self.moved = None;
            }
        }
        if from == place.remote { (pair.local, pair.remote) } else { (local, from) }
    }

    /// Where a datagram of the engine underneath really goes.
    pub fn outbound(&self, from: SocketAddr, to: SocketAddr) -> (SocketAddr, SocketAddr) {
        match (self.pair, self.moved) {
            (Some(pair), Some(place)) if to == pair.remote => (place.local, place.remote),
            _ => (from, to),
        }
    }

    /// A packet from `remote` at `local` was the far end's own.
    pub fn prove(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) {
        if self.current().is_some_and(|current| current != remote) {
            self.proven = Some((Place { local, remote }, now));
        }
    }

    fn current(&self) -> Option<SocketAddr> {
        self.moved.map(|place| place.remote).or(self.pair.map(|pair| pair.remote))
    }

    /// When a far end that talked will have been silent for so long that something must be wrong.
    pub fn quiet_at(&self) -> Option<Instant> {
        let heard = self.heard.get(&self.current()?).filter(|heard| heard.run >= TALKING)?;
        Some(heard.last + QUIET)
    }

    /// When the present address has been silent long enough to follow the proven one.
    pub fn deadline(&self) -> Option<Instant> {
        let (_, at) = self.proven?;
        let heard = self.heard.get(&self.current()?);
        let limit = match heard {
            Some(heard) if heard.run >= TALKING => SILENT_WHEN_TALKING,
            _ => SILENT_WHEN_IDLE,
        };
        let last = heard.map_or(at, |heard| heard.last);
        // What was proven while the present address still spoke proves nothing.
        (at > last || heard.is_none()).then_some(last + limit)
    }

    /// Follows if it is time.
    pub fn settle(&mut self, now: Instant) {
        if let (Some(due), Some((place, _))) = (self.deadline(), self.proven)
            && due <= now
        {
            self.proven = None;
            self.back = 0;
            let home = self.pair.is_some_and(|pair| pair.remote == place.remote);
            self.moved = (!home).then_some(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn talking() -> (Mobility, Instant) {
        let mut now = super::super::testing::epoch();
        let mut mobility = Mobility::default();
        mobility.set_pair(Some(SelectedPair { relayed: false, local: address(1), remote: address(2) }));
        for _ in 0..20 {
            now += STEP;
            mobility.inbound(now, address(1), address(2));
        }
        (mobility, now)
    }

    #[test]
    fn a_proven_new_address_is_followed_once_the_old_one_is_silent() {
        let (mut mobility, mut now) = talking();
        let silent = now;
        while mobility.outbound(address(1), address(2)).1 == address(2) {
            now += STEP;
            assert_eq!(mobility.inbound(now, address(5), address(3)), (address(5), address(3)));
            mobility.prove(now, address(5), address(3));
            mobility.settle(now);
        }
        assert_eq!(now - silent, Duration::from_millis(300));
        assert_eq!(mobility.outbound(address(1), address(2)), (address(5), address(3)));
        assert_eq!(mobility.inbound(now, address(5), address(3)), (address(1), address(2)));
    }

    #[test]
    fn a_second_address_of_a_far_end_that_still_talks_is_not_followed() {
        let (mut mobility, mut now) = talking();
        for _ in 0..100 {
            now += STEP;
            mobility.prove(now, address(1), address(3));
            mobility.inbound(now, address(1), address(2));
            mobility.settle(now);
        }
        assert_eq!(mobility.outbound(address(1), address(2)), (address(1), address(2)));
    }

    #[test]
    fn an_unproven_address_is_never_followed() {
        let (mut mobility, mut now) = talking();
        for _ in 0..1_000 {
            now += STEP;
            mobility.inbound(now, address(1), address(3));
            mobility.settle(now);
        }
        assert_eq!(mobility.outbound(address(1), address(2)), (address(1), address(2)));
    }

    #[test]
    fn an_old_address_that_speaks_again_is_taken_back() {
        let (mut mobility, mut now) = talking();
        now += Duration::from_secs(1);
        mobility.prove(now, address(1), address(3));
        mobility.settle(now);
        assert_eq!(mobility.outbound(address(1), address(2)).1, address(3));
        for _ in 0..3 {
            mobility.inbound(now, address(1), address(2));
        }
        assert_eq!(mobility.outbound(address(1), address(2)).1, address(2));
    }
}
