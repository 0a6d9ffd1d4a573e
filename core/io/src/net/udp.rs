//! UDP sockets that carry their DSCP before the first datagram leaves.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// A burst of a whole call's jitter fits, should the media thread be late.
const RECEIVE_BUFFER: usize = 256 * 1024;

/// A non-blocking socket on `address` with a free port, and the DSCP it really carries.
pub(super) fn bind(address: IpAddr, dscp: u8) -> io::Result<(UdpSocket, SocketAddr, Option<u8>)> {
    let bind = SocketAddr::new(address, 0);
    let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    let effective = mark(&SockRef::from(&socket), bind, dscp);
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::debug!(%error, "the system keeps its own receive buffer size");
    }
    socket.bind(&bind.into())?;
    let socket = UdpSocket::from_std(socket.into());
    let local = socket.local_addr()?;
    Ok((socket, local, effective))
}

/// The address of ours that the system would send from towards `server`. Nothing is sent.
pub(super) fn source_towards(server: SocketAddr) -> io::Result<IpAddr> {
    let any = if server.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let probe = std::net::UdpSocket::bind((any, 0))?;
    probe.connect(server)?;
    Ok(probe.local_addr()?.ip())
}

/// Sets the differentiated services code point and reads back what the system made of it; `None` where it does not
/// tell. A refusal is no reason not to make the call.
pub(crate) fn mark(socket: &SockRef<'_>, family: SocketAddr, dscp: u8) -> Option<u8> {
    // The upper six bits of the old TOS byte (RFC 2474 §3).
    let tos = u32::from(dscp.min(63)) << 2;
    let set = if family.is_ipv4() { socket.set_tos_v4(tos) } else { set_tclass(socket, tos) };
    if let Err(error) = set {
        tracing::warn!(%error, dscp, "the system does not mark packets");
    }
    // Windows takes the option and ignores it, so what it reads back says nothing.
    if cfg!(windows) {
        return None;
    }
    let read = if family.is_ipv4() { socket.tos_v4() } else { tclass(socket) };
    read.ok().and_then(|tos| u8::try_from(tos >> 2).ok())
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn set_tclass(socket: &SockRef<'_>, tos: u32) -> io::Result<()> {
    socket.set_tclass_v6(tos)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn tclass(socket: &SockRef<'_>) -> io::Result<u32> {
    socket.tclass_v6()
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn set_tclass(_socket: &SockRef<'_>, _tos: u32) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn tclass(_socket: &SockRef<'_>) -> io::Result<u32> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_carries_the_dscp_it_was_given() {
        let (socket, local, dscp) = bind(IpAddr::V4(Ipv4Addr::LOCALHOST), 46).unwrap();
        assert!(local.port() != 0);
        assert_eq!(dscp, Some(46));
        assert_eq!(SockRef::from(&socket).tos_v4().unwrap(), 46 << 2);
    }

    #[test]
    fn towards_loopback_the_source_is_loopback() {
        let source = source_towards("127.0.0.1:3478".parse().unwrap()).unwrap();
        assert_eq!(source, IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
}
