//! The values that cross the border of the media engine.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::AudioStats;
use crate::ids::{CallId, LegId, SessionId};
use crate::redact::Private;

/// RTP clock of Opus and of our 48 kHz telephone-event, in Hz (RFC 7587 §4.1).
pub const RTP_CLOCK_HZ: u32 = 48_000;

/// How a TURN server is reached (RFC 8656 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TurnTransport {
    Udp,
    Tcp,
    Tls,
}

/// One STUN or TURN server as signalling names it. The driver resolves `host` when a leg is opened, at every
/// allocation: a TURN name may lead to another region on another network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IceServer {
    Stun { host: String, port: u16 },
    Turn { host: String, port: u16, transport: TurnTransport, username: Private<String>, password: Private<String> },
}

/// Which candidates may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelayPolicy {
    /// Host, server-reflexive and relay candidates.
    #[default]
    All,
    /// Force TURN: nothing is sent to, or taken from, any address but the TURN server.
    ForceRelay,
}

/// Which of several TURN servers that answer is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelayOrder {
    /// The nearest one, by measured round trip.
    #[default]
    Fastest,
    /// The first one of the list.
    Listed,
}

/// A codec on the wire, with its SDP name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Codec {
    #[serde(rename = "opus/48000/2")]
    Opus,
    #[serde(rename = "G722/8000")]
    G722,
    #[serde(rename = "PCMU/8000")]
    Pcmu,
    #[serde(rename = "PCMA/8000")]
    Pcma,
    /// Not a codec to speak with: how the background sounds while a peer with one of the telephone's codecs is silent
    /// (RFC 3389).
    #[serde(rename = "CN/8000")]
    ComfortNoise,
}

impl Codec {
    /// Everything this phone can hear and say, best first.
    pub const ALL: [Self; 5] = [Self::Opus, Self::G722, Self::Pcmu, Self::Pcma, Self::ComfortNoise];

    /// RTP clock rate in Hz. G.722 keeps 8000 for historical reasons (RFC 3551 §4.5.2).
    pub const fn clock_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 | Self::Pcmu | Self::Pcma | Self::ComfortNoise => 8_000,
        }
    }
}

impl std::fmt::Display for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Opus => "opus/48000/2",
            Self::G722 => "G722/8000",
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
            Self::ComfortNoise => "CN/8000",
        })
    }
}

/// How one session is to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    pub relay: RelayPolicy,
    pub servers: Vec<IceServer>,
    pub order: RelayOrder,
    /// Differentiated services code point for every media socket, 0–63; 46 is Expedited Forwarding (RFC 3246).
    pub dscp: u8,
    /// In order of preference; the first that the peer also has is used.
    pub codecs: Vec<Codec>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            relay: RelayPolicy::All,
            servers: Vec::new(),
            order: RelayOrder::Fastest,
            dscp: 46,
            codecs: Codec::ALL.to_vec(),
        }
    }
}

/// What may flow, seen from us (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// A transport address the engine asks its driver for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegKind {
    /// A UDP socket bound to this address, for host and server-reflexive candidates.
    Host { bind: IpAddr },
    /// A UDP socket, or a TCP or TLS stream, that talks to this TURN server and to nobody else.
    Turn { host: String, port: u16, transport: TurnTransport },
}

/// What the driver reached when it opened a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegAddresses {
    pub local: SocketAddr,
    /// The TURN server's resolved address; `None` on a host leg.
    pub server: Option<SocketAddr>,
    /// The DSCP the socket really carries, read back after it was set; `None` where the system does not tell.
    pub dscp: Option<u8>,
}

/// Why a leg could not be opened, or closed by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegError {
    #[error("the name {host} could not be resolved")]
    Unresolved { host: String },
    #[error("{server} refused the connection")]
    Refused { server: SocketAddr },
    #[error("no answer from {server} within {}s", waited.as_secs())]
    Silent { server: SocketAddr, waited: Duration },
    #[error("the certificate of {host} is not trusted: {why}")]
    Untrusted { host: String, why: String },
    #[error("the connection was closed by the server")]
    Closed,
    #[error("the socket failed: {0}")]
    Io(String),
}

/// What the engine wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineOutput {
    /// Open a transport; answer with [`leg_opened`](super::MediaEngine::leg_opened) or `leg_failed`.
    OpenLeg {
        leg: LegId,
        kind: LegKind,
        dscp: u8,
        fence: bool,
    },
    CloseLeg {
        leg: LegId,
    },
    /// A datagram, or bytes of a stream already cut and padded, to send at once.
    Transmit {
        leg: LegId,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// An audio packet that arrived, decrypted.
    Audio {
        session: SessionId,
        packet: AudioPacket,
    },
    Event(MediaEvent),
}

/// One RTP packet of audio, decrypted, as the jitter buffer wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioPacket {
    pub codec: Codec,
    pub sequence: u16,
    /// In units of the codec's RTP clock.
    pub timestamp: u32,
    pub marker: bool,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

/// How media reaches the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaPath {
    Direct,
    /// No direct pair worked, so a relay carries the call.
    RelayNeeded,
    /// Policy or the server demands a relay.
    RelayForced,
}

/// Which relay carries the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelayInUse {
    pub transport: TurnTransport,
    pub server: String,
}

/// Configured and effective DSCP of the sockets that carry the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Dscp {
    pub configured: u8,
    pub effective: Option<u8>,
}

/// Facts of a session that came up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MediaUp {
    /// From the description being applied to the nominated pair, in milliseconds.
    pub ice_ms: f64,
    /// From the nominated pair to the finished handshake, in milliseconds.
    pub dtls_ms: f64,
    pub path: MediaPath,
    pub relay: Option<RelayInUse>,
    pub codec: Codec,
    /// For instance `dtls-srtp AEAD_AES_256_GCM`.
    pub security: String,
    pub dscp: Dscp,
}

/// Why a session failed or ended by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "detail")]
pub enum MediaError {
    #[error("the other side's media description cannot be read: {0}")]
    BadDescription(String),
    #[error("the other side offers no codec that Offhook has (it offers {offered})")]
    NoCommonCodec { offered: String },
    #[error("a relay is required, and no TURN server is known")]
    NoTurnServer,
    #[error("the TURN server {server} does not answer over {transport:?}")]
    TurnSilent { server: String, transport: TurnTransport },
    #[error("the TURN server {server} refused: {code} {reason}")]
    TurnRefused { server: String, code: u16, reason: String },
    #[error("no path to the other side was found in {}s", waited.as_secs())]
    NoPath { waited: Duration },
    #[error("the secure handshake with the other side did not finish: {0}")]
    Handshake(String),
    #[error("the other side went silent")]
    ConsentLost,
    #[error("the media engine failed: {0}")]
    Engine(String),
}

/// What happened to a session.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEvent {
    /// The local description asked for, without candidates that came later (trickle ICE).
    Description {
        session: SessionId,
        kind: DescriptionKind,
        sdp: String,
    },
    /// One more local candidate: the `candidate:…` text without `a=`, and the mid it belongs to.
    LocalCandidate {
        session: SessionId,
        mid: String,
        candidate: String,
    },
    EndOfCandidates {
        session: SessionId,
    },
    /// ICE and DTLS are done. Again after an ICE restart.
    Up {
        session: SessionId,
        facts: Box<MediaUp>,
    },
    /// The first audio packet was decrypted. Again after `MediaCommand::Hear` turned on, for the next call.
    FirstMedia {
        session: SessionId,
    },
    /// Consent is overdue (RFC 7675); the engine goes on trying.
    Interrupted {
        session: SessionId,
    },
    /// The remote side changed what may flow (hold, resume).
    RemoteDirection {
        session: SessionId,
        direction: Direction,
    },
    /// A digit arrived as telephone-event (RFC 4733).
    Digit {
        session: SessionId,
        digit: char,
    },
    /// A digit we sent is complete on the wire.
    DigitSent {
        session: SessionId,
        digit: char,
    },
    /// Once a second while a session is up.
    Stats {
        session: SessionId,
        stats: Box<MediaStats>,
    },
    /// The answer to `MediaCommand::Count`: where the counters stand. `None`: the session is gone, or was never up.
    Counted {
        session: SessionId,
        call: CallId,
        stats: Option<Box<MediaStats>>,
        audio: Option<AudioStats>,
    },
    /// The session is over by itself and gone.
    Failed {
        session: SessionId,
        error: MediaError,
    },
}

/// Which half of offer/answer a description is (RFC 3264).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptionKind {
    Offer,
    Answer,
}

/// Counters and estimates of one session, from its start. `None`: not measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MediaStats {
    pub packets_sent: u64,
    pub packets_received: u64,
    /// By sequence number gaps (RFC 3550 §6.4.1).
    pub packets_lost: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Interarrival jitter of what we receive (RFC 3550 §6.4.1), in milliseconds.
    pub jitter_ms: Option<f64>,
    /// From RTCP receiver reports (RFC 3550 §6.4.1), else from ICE checks, in milliseconds.
    pub rtt_ms: Option<f64>,
    /// Share of our packets that did not arrive there, 0–1, as the far end reports it.
    pub far_loss: Option<f64>,
    pub far_jitter_ms: Option<f64>,
    /// Reports of the far end about what we send.
    pub far_reports: u64,
    /// Our packets that the relay fence stopped on their way out; anything but 0 is a bug worth a report.
    pub blocked_by_relay_fence: u64,
}
