//! By which interface media leaves, and whether IPv6 works.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use phone_core::diagnose::facts::{Ipv6Facts, RouteFacts};

/// Names of interfaces that are tunnels, by how systems and VPN programs call them.
const TUNNELS: [&str; 10] = ["tun", "tap", "wg", "utun", "ppp", "ipsec", "gpd", "cscotun", "zt", "tailscale"];

/// The address that leads there. Connecting a datagram socket sends nothing.
pub(super) fn source_towards(server: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(server).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

/// The interface that leads to this address; `None`: there is no way, or the system does not tell.
pub fn route(server: SocketAddr) -> Option<RouteFacts> {
    let source = source_towards(server)?;
    let interface = if_addrs::get_if_addrs().ok()?.into_iter().find(|interface| interface.ip() == source)?;
    let tunnel = is_tunnel(&interface.name);
    Some(RouteFacts { interface: interface.name, tunnel })
}

fn is_tunnel(name: &str) -> bool {
    let name = name.to_lowercase();
    TUNNELS.iter().any(|tunnel| name.starts_with(tunnel)) || name.contains("vpn") || name.contains("wireguard")
}

/// Whether IPv6 has an address that leads anywhere, and a route to the world.
pub fn ipv6() -> Ipv6Facts {
    let address = if_addrs::get_if_addrs().unwrap_or_default().iter().any(|interface| match interface.ip() {
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unique_local(),
        IpAddr::V4(_) => false,
    });
    // An address of the documentation range has the route that every outside address has.
    let outside: IpAddr = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into();
    Ipv6Facts { address, route: source_towards(SocketAddr::new(outside, 3478)).is_some() }
}

/// The default gateway of IPv4, where the system tells it by file.
pub(super) fn gateway() -> Option<IpAddr> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    gateway_in(&std::fs::read_to_string("/proc/net/route").ok()?)
}

/// `/proc/net/route` of Linux: addresses are hexadecimal, in the byte order of the machine.
fn gateway_in(text: &str) -> Option<IpAddr> {
    text.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (destination, gateway) = (fields.next()?, fields.next()?);
        let gateway = u32::from_str_radix(gateway, 16).ok()?;
        (destination == "00000000" && gateway != 0).then(|| IpAddr::V4(Ipv4Addr::from(gateway.to_ne_bytes())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_known_by_their_names() {
        for (name, tunnel) in
            [("tun0", true), ("wg-corp", true), ("utun4", true), ("Corp VPN", true), ("eth0", false), ("wlp3s0", false)]
        {
            assert_eq!(is_tunnel(name), tunnel, "{name}");
        }
    }

    #[test]
    fn the_gateway_is_the_default_route_s() {
        let text =
            "Iface\tDestination\tGateway\tFlags\neth0\t0000A8C0\t00000000\t0001\neth0\t00000000\t0101A8C0\t0003\n";
        let expected = if cfg!(target_endian = "little") { [192, 168, 1, 1] } else { [1, 1, 168, 192] };
        assert_eq!(gateway_in(text), Some(IpAddr::from(expected)));
        assert_eq!(gateway_in("nonsense"), None);
    }

    #[test]
    fn loopback_leads_to_loopback() {
        let facts = route("127.0.0.1:3478".parse().unwrap());
        assert!(facts.is_some_and(|facts| !facts.tunnel));
    }
}
