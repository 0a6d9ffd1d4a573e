//! A TCP or TLS stream to a TURN server that never waits and never grows: what cannot leave soon is dropped.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::udp::mark;

/// Bytes that may wait for the network when media comes: about 20 packets, 0.4 s. Older sound is worth nothing.
const MEDIA_LIMIT: usize = 4 * 1024;
/// Bytes that may wait when a TURN or STUN message comes; over a stream those are never sent again by themselves.
const CONTROL_LIMIT: usize = 16 * 1024;
/// What the system may hold back for us; its default would hide seconds of stale sound.
const SEND_BUFFER: usize = 16 * 1024;
/// Nothing left in this time although something waits: the server is gone.
const STUCK_LIMIT: Duration = Duration::from_secs(10);
/// Reads at once, so that a flood cannot keep the media thread from its tick.
const READS: usize = 64;

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Handshaking,
    Open,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// On its way, or waiting for its turn.
    Taken,
    /// Dropped: the network does not keep up.
    Congested,
}

/// Why a stream ended.
#[derive(Debug)]
pub(super) enum StreamError {
    Io(io::Error),
    Tls(rustls::Error),
    /// The server closed it.
    Closed,
    /// The server takes nothing any more.
    Stuck(Duration),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(super) struct Stream {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    stage: Stage,
    /// Bytes that wait for the network, from `sent` on; at most [`CONTROL_LIMIT`] and one frame.
    waiting: Vec<u8>,
    sent: usize,
    /// Since when nothing could leave.
    stuck_since: Option<Instant>,
}

impl Stream {
    /// Starts to connect; the socket carries its DSCP before the first packet. Returns the effective DSCP too.
    pub(super) fn connect(
        server: SocketAddr,
        dscp: u8,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> Result<(Self, Option<u8>), StreamError> {
        let tls = tls
            .map(|(config, name)| ClientConnection::new(config, name).map(Box::new))
            .transpose()
            .map_err(StreamError::Tls)?;
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Before the connection, so that the handshake carries it too.
        let dscp = mark(&SockRef::from(&socket), server, dscp);
        socket.set_tcp_nodelay(true)?;
        if let Err(error) = socket.set_send_buffer_size(SEND_BUFFER) {
            tracing::debug!(%error, "the system keeps its own send buffer size");
        }
        match socket.connect(&server.into()) {
            Ok(()) => {}
            Err(error) if in_progress(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = Self {
            socket: TcpStream::from_std(socket.into()),
            tls,
            stage: Stage::Connecting,
            waiting: Vec::new(),
            sent: 0,
            stuck_since: None,
        };
        Ok((stream, dscp))
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Goes on after the socket became ready. `received` gets what came in. Returns whether there is more to read.
    pub(super) fn progress(&mut self, now: Instant, received: &mut dyn FnMut(&[u8])) -> Result<bool, StreamError> {
        if self.stage == Stage::Connecting {
            if let Some(error) = self.socket.take_error()? {
                return Err(error.into());
            }
            match self.socket.peer_addr() {
                Ok(_) => self.stage = if self.tls.is_some() { Stage::Handshaking } else { Stage::Open },
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        let more = if self.tls.is_some() { self.read_tls(received)? } else { self.read_plain(received)? };
        self.flush(now)?;
        Ok(more)
    }

    fn read_plain(&mut self, received: &mut dyn FnMut(&[u8])) -> Result<bool, StreamError> {
        let mut buffer = [0; 8 * 1024];
        for _ in 0..READS {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(StreamError::Closed),
                Ok(count) => received(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    fn read_tls(&mut self, received: &mut dyn FnMut(&[u8])) -> Result<bool, StreamError> {
        let Some(tls) = self.tls.as_mut() else { return Ok(false) };
        let mut buffer = [0; 8 * 1024];
        for _ in 0..READS {
            match tls.read_tls(&mut self.socket) {
                Ok(0) => return Err(StreamError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if let Err(error) = tls.process_new_packets() {
                // The alert that tells the server why.
                if let Err(error) = tls.write_tls(&mut self.socket) {
                    tracing::trace!(%error, "an alert could not be sent");
                }
                return Err(StreamError::Tls(error));
            }
            if self.stage == Stage::Handshaking && !tls.is_handshaking() {
                self.stage = Stage::Open;
            }
            loop {
                match tls.reader().read(&mut buffer) {
                    Ok(0) => return Err(StreamError::Closed),
                    Ok(count) => received(buffer.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(true)
    }

    /// Queues one whole frame and sends what the network takes. A frame goes whole or not at all, so the stream's
    /// framing survives congestion.
    pub(super) fn send(&mut self, now: Instant, frame: &[u8]) -> Result<Sent, StreamError> {
        if self.stage != Stage::Open {
            return Ok(Sent::Congested);
        }
        // ChannelData starts with 0b01 (RFC 8656 §12.4), STUN with 0b00.
        let media = frame.first().is_some_and(|byte| byte >> 6 == 1);
        let limit = if media { MEDIA_LIMIT } else { CONTROL_LIMIT };
        if self.backlog() > limit {
            self.flush(now)?;
            if self.backlog() > limit {
                return Ok(Sent::Congested);
            }
        }
        match self.tls.as_mut() {
            Some(tls) => tls.writer().write_all(frame)?,
            None => self.waiting.extend_from_slice(frame),
        }
        self.flush(now)?;
        Ok(Sent::Taken)
    }

    fn backlog(&self) -> usize {
        self.waiting.len() - self.sent
    }

    fn flush(&mut self, now: Instant) -> Result<(), StreamError> {
        if let Some(tls) = self.tls.as_mut() {
            while tls.wants_write() {
                tls.write_tls(&mut self.waiting)?;
            }
        }
        // A stream that never quite empties would else keep all it ever sent.
        if self.sent > CONTROL_LIMIT {
            self.waiting.drain(..self.sent);
            self.sent = 0;
        }
        while let Some(rest) = self.waiting.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(0) => return Err(StreamError::Closed),
                Ok(count) => {
                    self.sent += count;
                    self.stuck_since = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stuck_since.get_or_insert(now);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.waiting.clear();
        self.sent = 0;
        self.stuck_since = None;
        Ok(())
    }

    /// When [`check`](Self::check) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.stuck_since.map(|since| since + STUCK_LIMIT)
    }

    pub(super) fn check(&self, now: Instant) -> Result<(), StreamError> {
        match self.stuck_since {
            Some(since) if now >= since + STUCK_LIMIT => Err(StreamError::Stuck(STUCK_LIMIT)),
            _ => Ok(()),
        }
    }

    /// Says goodbye as far as that is possible without waiting.
    pub(super) fn close(&mut self, now: Instant) {
        if let Some(tls) = self.tls.as_mut() {
            tls.send_close_notify();
        }
        if let Err(error) = self.flush(now) {
            tracing::trace!(?error, "a stream ended without a goodbye");
        }
    }
}

/// Whether a non-blocking connect is simply on its way.
fn in_progress(error: &io::Error) -> bool {
    // EINPROGRESS has no kind of its own in stable Rust: 115 on Linux, 36 on macOS.
    error.kind() == io::ErrorKind::WouldBlock || matches!(error.raw_os_error(), Some(115 | 36))
}
