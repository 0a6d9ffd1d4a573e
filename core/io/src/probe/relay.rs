//! An allocation on a TURN server, over UDP, TCP or TLS.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use phone_core::diagnose::facts::RelayFacts;
use phone_core::media::{IceServer, RelayProbe, RelayProbeEvent, TurnTransport};
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::route::source_towards;
use super::{limited, ms_since, resolve, words};
use crate::clock;
use crate::net::tls::Trust;
use crate::net::udp::mark;

/// Name, connection and allocation together.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest wait between two looks at the machine's clock.
const PAUSE: Duration = Duration::from_millis(250);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

enum Wire {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>),
}

/// An open allocation.
pub(super) struct Relay {
    wire: Wire,
    probe: RelayProbe,
    buffer: Vec<u8>,
    pub(super) relayed: SocketAddr,
    pub(super) server: SocketAddr,
    /// What the socket really carries.
    pub(super) dscp: Option<u8>,
}

/// Why there is none.
pub(super) struct NoRelay {
    why: String,
    refused: Option<u16>,
    address: Option<IpAddr>,
}

impl NoRelay {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: None, address: None }
    }
}

/// Tries an allocation and gives it back. `None`: it is a STUN server.
pub async fn relay(server: &IceServer, trust: &Trust) -> Option<RelayFacts> {
    let IceServer::Turn { host, port, transport, .. } = server else { return None };
    let mut facts = RelayFacts {
        host: host.clone(),
        port: *port,
        transport: *transport,
        region: None,
        allocate_ms: None,
        round_trip_ms: None,
        address: None,
        failed: None,
        refused: None,
    };
    let start = clock::now();
    match Relay::open(server, 46, trust).await {
        Ok(mut relay) => {
            facts.allocate_ms = Some(ms_since(start));
            facts.round_trip_ms = relay.probe.round_trip().map(|time| time.as_secs_f64() * 1_000.0);
            facts.address = Some(relay.server.ip());
            relay.close().await;
        }
        Err(NoRelay { why, refused, address }) => {
            facts.failed = Some(why);
            facts.refused = refused;
            facts.address = address;
        }
    }
    Some(facts)
}

impl Relay {
    pub(super) async fn open(server: &IceServer, dscp: u8, trust: &Trust) -> Result<Self, NoRelay> {
        let late = || NoRelay::new(format!("no answer within {} s", LIMIT.as_secs()));
        limited(LIMIT, Self::connect(server, dscp, trust)).await.ok_or_else(late)?
    }

    async fn connect(server: &IceServer, dscp: u8, trust: &Trust) -> Result<Self, NoRelay> {
        let IceServer::Turn { host, port, transport, username, password } = server else {
            return Err(NoRelay::new("it is no TURN server"));
        };
        let address = *resolve(host, *port)
            .await
            .map_err(NoRelay::new)?
            .first()
            .ok_or_else(|| NoRelay::new("its name is not found"))?;
        let failed = |error: &std::io::Error| NoRelay { address: Some(address.ip()), ..NoRelay::new(words(error)) };
        let (wire, local, effective) = match transport {
            TurnTransport::Udp => {
                let source =
                    source_towards(address).ok_or_else(|| NoRelay::new("there is no way to it from this network"))?;
                let socket = UdpSocket::bind((source, 0)).await.map_err(|error| failed(&error))?;
                let effective = mark(&SockRef::from(&socket), address, dscp);
                socket.connect(address).await.map_err(|error| failed(&error))?;
                let local = socket.local_addr().map_err(|error| failed(&error))?;
                (Wire::Udp(socket), local, effective)
            }
            TurnTransport::Tcp | TurnTransport::Tls => {
                let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
                let effective = mark(&SockRef::from(&stream), address, dscp);
                stream.set_nodelay(true).ok();
                let local = stream.local_addr().map_err(|error| failed(&error))?;
                let stream: Box<dyn Stream> = if *transport == TurnTransport::Tls {
                    let trust = trust.clone();
                    let config = tokio::task::spawn_blocking(move || trust.config())
                        .await
                        .map_err(|_| NoRelay::new("the system's certificates cannot be read"))?;
                    let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned())
                        .map_err(|_| NoRelay::new("its name is not valid"))?;
                    let connected = TlsConnector::from(config).connect(name, stream).await;
                    Box::new(connected.map_err(|error| NoRelay {
                        address: Some(address.ip()),
                        ..NoRelay::new(crate::net::cause::in_words(&error))
                    })?)
                } else {
                    Box::new(stream)
                };
                (Wire::Stream(stream), local, effective)
            }
        };
        let probe = RelayProbe::new(clock::now(), (local, address), *transport, username, password);
        let mut relay =
            Self { wire, probe, buffer: vec![0; 16 * 1024], relayed: address, server: address, dscp: effective };
        loop {
            match relay.next().await.map_err(|why| NoRelay { address: Some(address.ip()), ..NoRelay::new(why) })? {
                RelayProbeEvent::Ready(relayed) => {
                    relay.relayed = relayed;
                    return Ok(relay);
                }
                RelayProbeEvent::Refused { code, reason } => {
                    let why = if code == 401 || code == 403 {
                        format!("it refused the credentials ({code})")
                    } else {
                        format!("it refused: {code} {reason}")
                    };
                    return Err(NoRelay { why, refused: Some(code), address: Some(address.ip()) });
                }
                RelayProbeEvent::Lost => {
                    return Err(NoRelay { address: Some(address.ip()), ..NoRelay::new("no answer") });
                }
                RelayProbeEvent::Data { .. } => {}
            }
        }
    }

    pub(super) fn permit(&mut self, peer: IpAddr) {
        self.probe.permit(clock::now(), peer);
    }

    /// Relays one datagram.
    pub(super) async fn send(&mut self, to: SocketAddr, bytes: Vec<u8>) -> Result<(), String> {
        self.probe.send(clock::now(), to, bytes);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), String> {
        while let Some(bytes) = self.probe.poll_transmit() {
            match &mut self.wire {
                Wire::Udp(socket) => {
                    socket.send(&bytes).await.map_err(|error| words(&error))?;
                }
                Wire::Stream(stream) => stream.write_all(&bytes).await.map_err(|error| words(&error))?,
            }
        }
        Ok(())
    }

    /// Waits for the next event. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Result<RelayProbeEvent, String> {
        loop {
            self.flush().await?;
            if let Some(event) = self.probe.poll_event() {
                return Ok(event);
            }
            let now = clock::now();
            let wait = self.probe.deadline().map_or(PAUSE, |due| due.saturating_duration_since(now).min(PAUSE));
            let received = {
                let buffer = &mut self.buffer;
                let wire = &mut self.wire;
                limited(wait.max(Duration::from_millis(1)), async {
                    match wire {
                        Wire::Udp(socket) => socket.recv(buffer).await,
                        Wire::Stream(stream) => stream.read(buffer).await,
                    }
                })
                .await
            };
            match received {
                None => self.probe.tick(clock::now()),
                Some(Ok(0)) if matches!(self.wire, Wire::Stream(_)) => return Err("it hung up".to_owned()),
                Some(Ok(count)) => {
                    if let Some(bytes) = self.buffer.get(..count) {
                        self.probe.receive(clock::now(), bytes);
                    }
                }
                Some(Err(error)) => return Err(words(&error)),
            }
        }
    }

    /// Gives the allocation back, so that no server keeps it for nobody.
    pub(super) async fn close(&mut self) {
        self.probe.release(clock::now());
        limited(PAUSE, self.flush()).await;
    }
}
