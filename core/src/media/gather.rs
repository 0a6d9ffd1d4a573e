//! Which local candidates exist and which may be used. The relay fence lives here.

use std::net::{IpAddr, SocketAddr};

use super::types::{RelayPolicy, TurnTransport};

/// Host addresses used at once; each costs a socket and a round of checks.
pub(super) const MAX_HOSTS: usize = 4;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// The guarantee behind "force relay": nothing leaves to, or enters from, any address but a TURN server. It holds
/// whatever the ICE engine does, and counts what it had to stop of ours. What others send to it is dropped uncounted:
/// anybody can send to a port.
#[derive(Debug)]
pub(super) struct Fence {
    up: bool,
    blocked: u64,
}

impl Fence {
    pub fn new(policy: RelayPolicy) -> Self {
        Self { up: policy == RelayPolicy::ForceRelay, blocked: 0 }
    }

    pub fn up(&self) -> bool {
        self.up
    }

    /// Whether a datagram may leave that does not go through a relay.
    pub fn passes_out(&mut self) -> bool {
        if self.up {
            self.blocked += 1;
        }
        !self.up
    }

    pub fn blocked(&self) -> u64 {
        self.blocked
    }
}

/// The addresses that host candidates are made from: usable ones, the loopback only when there is nothing else,
/// IPv4 and IPv6 alike, at most [`MAX_HOSTS`].
pub(super) fn host_addresses(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut usable: Vec<IpAddr> = Vec::new();
    for address in addresses {
        let odd = address.is_unspecified() || address.is_multicast() || is_link_local(address);
        if !odd && !usable.contains(address) {
            usable.push(*address);
        }
    }
    let real = usable.iter().filter(|address| !address.is_loopback()).count();
    if real > 0 {
        usable.retain(|address| !address.is_loopback());
    }
    usable.truncate(MAX_HOSTS);
    usable
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        // IPv4 link-local is all that two directly connected machines have; IPv6 needs a scope we cannot signal.
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// RFC 8445 §5.1.2.1, for component 1.
const fn priority(type_preference: u32, local_preference: u16) -> u32 {
    (type_preference << 24) | ((local_preference as u32) << 8) | 255
}

/// The text after `candidate:` of a host candidate; `order` is its place in the list of addresses.
pub(super) fn host(order: u16, address: SocketAddr) -> String {
    let priority = priority(126, u16::MAX - order);
    format!("h{order} 1 udp {priority} {} {} typ host", address.ip(), address.port())
}

/// `base` is the true local address: media leaves from there.
pub(super) fn server_reflexive(order: u16, mapped: SocketAddr, base: SocketAddr) -> String {
    let priority = priority(100, u16::MAX - order);
    let (ip, port) = (mapped.ip(), mapped.port());
    format!("s{order} 1 udp {priority} {ip} {port} typ srflx raddr {} rport {}", base.ip(), base.port())
}

/// The related address says nothing, which hides the local one and keeps the engine from matching it.
pub(super) fn relay(order: u16, relayed: SocketAddr, transport: TurnTransport) -> String {
    // As browsers do: among relays UDP before TCP before TLS.
    let preference = match transport {
        TurnTransport::Udp => 2,
        TurnTransport::Tcp => 1,
        TurnTransport::Tls => 0,
    };
    let priority = priority(preference, u16::MAX - order);
    let any = if relayed.is_ipv4() { "0.0.0.0" } else { "::" };
    format!("r{order} 1 udp {priority} {} {} typ relay raddr {any} rport 9", relayed.ip(), relayed.port())
}

/// A STUN Binding request (RFC 8489 §2) with this transaction.
pub(super) fn binding_request(transaction: [u8; 12]) -> Vec<u8> {
    let mut request = Vec::with_capacity(20);
    request.extend(BINDING_REQUEST);
    request.extend([0, 0]);
    request.extend(MAGIC_COOKIE);
    request.extend(transaction);
    request
}

/// The address that a STUN server saw, if `bytes` is its answer to `transaction`.
pub(super) fn mapped_address(bytes: &[u8], transaction: [u8; 12]) -> Option<SocketAddr> {
    let header = bytes.first_chunk::<20>()?;
    let (kind, rest) = header.split_first_chunk::<2>()?;
    let (_, rest) = rest.split_first_chunk::<2>()?;
    let (cookie, id) = rest.split_first_chunk::<4>()?;
    if *kind != BINDING_SUCCESS || *cookie != MAGIC_COOKIE || id != transaction {
        return None;
    }
    let mut rest = bytes.get(20..)?;
    loop {
        let ([t0, t1, l0, l1], after) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let value = after.get(..length)?;
        if u16::from_be_bytes([*t0, *t1]) == XOR_MAPPED_ADDRESS {
            return unmask(value, transaction);
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
}

/// RFC 8489 §14.2: port and address are masked with the cookie, IPv6 with the transaction too.
fn unmask(value: &[u8], transaction: [u8; 12]) -> Option<SocketAddr> {
    let ([_, family, p0, p1], address) = value.split_first_chunk::<4>()?;
    let [c0, c1, _, _] = MAGIC_COOKIE;
    let port = u16::from_be_bytes([p0 ^ c0, p1 ^ c1]);
    let mask = MAGIC_COOKIE.iter().chain(&transaction);
    let clear: Vec<u8> = address.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    let ip = match family {
        1 => IpAddr::from(<[u8; 4]>::try_from(clear).ok()?),
        2 => IpAddr::from(<[u8; 16]>::try_from(clear).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_used_only_when_there_is_nothing_else() {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert_eq!(host_addresses(&ips(&["127.0.0.1", "10.0.0.1", "10.0.0.1"])), ips(&["10.0.0.1"]));
        assert_eq!(host_addresses(&ips(&["127.0.0.1", "::1"])), ips(&["127.0.0.1", "::1"]));
        assert_eq!(host_addresses(&ips(&["fe80::1", "0.0.0.0", "224.0.0.1"])), ips(&[]));
        assert_eq!(host_addresses(&ips(&["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5"])).len(), MAX_HOSTS);
    }

    #[test]
    fn candidates_are_preferred_host_reflexive_relay_udp_tcp_tls() {
        let address: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let lines = [
            host(0, address),
            host(1, address),
            server_reflexive(0, address, address),
            relay(0, address, TurnTransport::Udp),
            relay(1, address, TurnTransport::Tcp),
            relay(2, address, TurnTransport::Tls),
        ];
        let priorities: Vec<u32> = lines.iter().map(|line| line.split(' ').nth(3).unwrap().parse().unwrap()).collect();
        assert!(priorities.is_sorted_by(|a, b| a > b), "{priorities:?}");
        assert!(lines.iter().all(|line| crate::sdp::usable_candidate(line).as_deref() == Some(line)));
    }

    #[test]
    fn the_mapped_address_is_read_and_foreign_answers_are_not() {
        // RFC 5769 §2.2, sample IPv4 response: 192.0.2.1:32853.
        let id: [u8; 12] = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";
        let mut answer = vec![0x01, 0x01, 0x00, 0x0c, 0x21, 0x12, 0xa4, 0x42];
        answer.extend(id);
        answer.extend([0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(mapped_address(&answer, id), Some("192.0.2.1:32853".parse().unwrap()));
        assert_eq!(mapped_address(&answer, [0; 12]), None);
        for cut in 0..answer.len() {
            assert_eq!(mapped_address(&answer[..cut], id), None);
        }
        assert_eq!(binding_request(id).len(), 20);
    }
}
