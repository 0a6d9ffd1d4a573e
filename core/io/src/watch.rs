//! Which addresses this computer has, and whether it slept.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use if_addrs::IfOperStatus;

use crate::clock;

/// How often addresses are looked at. One look takes well under a millisecond.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// A look that comes this much later than planned means that the computer slept.
const SLEPT: Duration = Duration::from_secs(10);
/// Addresses that media uses at most: every one multiplies the pairs that ICE has to check.
const ADDRESSES: usize = 6;

/// What changed since the last look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Addresses,
    /// It woke from sleep: whatever the addresses say, every connection is in doubt.
    Woke,
}

pub(crate) struct NetworkWatch {
    allow_loopback: bool,
    addresses: Vec<IpAddr>,
    clock: clock::Watch,
}

impl NetworkWatch {
    pub(crate) fn new(allow_loopback: bool) -> Self {
        Self { allow_loopback, addresses: local_addresses(allow_loopback), clock: clock::Watch::default() }
    }

    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    pub(crate) fn look(&mut self) -> Option<Change> {
        let slept = self.clock.overdue(INTERVAL) > SLEPT;
        let addresses = local_addresses(self.allow_loopback);
        let changed = addresses != self.addresses;
        self.addresses = addresses;
        if slept {
            return Some(Change::Woke);
        }
        changed.then_some(Change::Addresses)
    }
}

/// Addresses that host candidates may use: IPv4 of interfaces that are up. IPv6 is left out by default: few services
/// have it, and each address adds checks.
fn local_addresses(allow_loopback: bool) -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the network interfaces cannot be listed");
        Vec::new()
    });
    let up = interfaces.iter().filter(|interface| {
        // Tunnels report an unknown state although they work.
        !matches!(interface.oper_status, IfOperStatus::Down | IfOperStatus::NotPresent | IfOperStatus::LowerLayerDown)
    });
    let mut addresses: Vec<IpAddr> = up.map(if_addrs::Interface::ip).filter(usable).collect();
    addresses.dedup();
    addresses.truncate(ADDRESSES);
    if allow_loopback {
        addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    addresses
}

fn usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_loopback() || v4.is_unspecified() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_offered_only_when_it_is_allowed() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(!local_addresses(false).contains(&loopback));
        assert_eq!(local_addresses(true).iter().filter(|address| **address == loopback).count(), 1);
    }

    #[test]
    fn a_look_at_an_unchanged_network_says_nothing() {
        let mut watch = NetworkWatch::new(true);
        assert_eq!(watch.look(), None);
    }

    #[test]
    fn addresses_that_reach_nobody_are_left_out() {
        for address in ["127.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255", "2001:db8::1"] {
            assert!(!usable(&address.parse().unwrap()), "{address}");
        }
        assert!(usable(&"192.168.1.7".parse().unwrap()));
    }
}
