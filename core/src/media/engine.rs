//! [`MediaEngine`]: all sessions of one program.

use std::net::IpAddr;
use std::time::Instant;

use super::types::{Codec, EngineOutput, LegAddresses, LegError, MediaError, MediaStats, SessionConfig};
use crate::ids::{LegId, SessionId};

/// Sessions, legs and allocations. See the module's contract.
#[derive(Debug, Default)]
pub struct MediaEngine {}

impl MediaEngine {
    pub fn new() -> Self {
        Self::default()
    }

    /// The addresses of this computer that host candidates may use; call again when they change.
    pub fn set_local_addresses(&mut self, _now: Instant, _addresses: &[IpAddr]) {}

    /// Chooses a TURN server by measured round trip and keeps one allocation ready (cold TURN costs 100 ms).
    pub fn prepare(&mut self, _now: Instant, _config: &SessionConfig) {}

    /// Starts a session as the offering side; the offer comes as a `Description` event.
    pub fn create_offer(
        &mut self,
        _now: Instant,
        _session: SessionId,
        _config: &SessionConfig,
    ) -> Result<(), MediaError> {
        Ok(())
    }

    /// Starts a session from a remote offer, or renegotiates one that lives; the answer comes as an event.
    pub fn accept_offer(
        &mut self,
        _now: Instant,
        _session: SessionId,
        _offer: &str,
        _config: &SessionConfig,
    ) -> Result<(), MediaError> {
        Ok(())
    }

    /// The remote answer to [`create_offer`](Self::create_offer) or [`restart_ice`](Self::restart_ice).
    pub fn accept_answer(&mut self, _now: Instant, _session: SessionId, _answer: &str) -> Result<(), MediaError> {
        Ok(())
    }

    /// One `candidate:…` line of the far end, without `a=`. What cannot be read or used is ignored.
    pub fn add_remote_candidate(&mut self, _now: Instant, _session: SessionId, _candidate: &str) {}

    /// New ICE credentials and candidates on a living session; the offer comes as an event.
    pub fn restart_ice(&mut self, _now: Instant, _session: SessionId) -> Result<(), MediaError> {
        Ok(())
    }

    /// Sends one encoded packet that stands for `samples` ticks of the codec's RTP clock. Silently dropped while
    /// the session is not up or the direction does not allow it.
    pub fn send_audio(&mut self, _now: Instant, _session: SessionId, _payload: &[u8], _samples: u32) {}

    /// The codec that was negotiated and whether media may be sent now.
    pub fn sending(&self, _session: SessionId) -> Option<Codec> {
        None
    }

    /// Queues digits as telephone-events (RFC 4733), 100 ms each with 70 ms between.
    pub fn send_digits(&mut self, _now: Instant, _session: SessionId, _digits: &str) {}

    pub fn stats(&self, _session: SessionId) -> Option<MediaStats> {
        None
    }

    pub fn close(&mut self, _now: Instant, _session: SessionId) {}

    /// A leg that was asked for is open.
    pub fn leg_opened(&mut self, _now: Instant, _leg: LegId, _addresses: LegAddresses) {}

    /// A leg could not be opened, or is gone.
    pub fn leg_failed(&mut self, _now: Instant, _leg: LegId, _error: &LegError) {}

    /// Bytes from a leg: one datagram, or any piece of a stream (the engine assembles).
    pub fn receive(&mut self, _now: Instant, _leg: LegId, _from: std::net::SocketAddr, _bytes: &[u8]) {}

    /// The next thing to do; drain until `None` after every input.
    pub fn poll(&mut self) -> Option<EngineOutput> {
        None
    }

    /// When [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    pub fn tick(&mut self, _now: Instant) {}
}
