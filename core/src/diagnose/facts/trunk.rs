//! What calls, registrations and certificates of a line showed, and what its settings are. No names, no numbers.
//!
//! The same code means different things by direction, so each failure says who asked and who answered.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The other side.
    In,
    /// This phone.
    Out,
}

/// Who said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    This,
    Other,
}

/// One request that was refused, or that got nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureFacts {
    /// For instance `INVITE` or `REGISTER`.
    pub method: String,
    pub direction: Direction,
    pub origin: Origin,
    /// Status of the answer (RFC 3261 §21); `None`: there was none.
    #[serde(default)]
    pub status: Option<u16>,
    /// Why there was none.
    #[serde(default)]
    pub unanswered: Option<Unanswered>,
    /// Host and port that were asked, or that asked.
    pub server: String,
    #[serde(default)]
    pub retry_after_s: Option<u32>,
    /// How the other side sees us.
    #[serde(default)]
    pub our_address: Option<IpAddr>,
    #[serde(default)]
    pub challenge: Option<ChallengeFacts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unanswered {
    NameNotFound,
    /// The port answered with a reset, or with an ICMP message.
    Refused,
    TimedOut,
}

/// A digest challenge (RFC 8760) that could not be answered to the other side's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeFacts {
    pub realm: String,
    /// There is an account for this realm.
    pub realm_known: bool,
    pub algorithm: String,
    /// We can compute it.
    pub algorithm_known: bool,
    /// The answer was refused again with the same nonce: it was not merely stale.
    pub refused_again: bool,
}

/// Where a number would go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoutingFacts {
    pub site: String,
    /// The site has a number plan and a trunk.
    pub site_has_route: bool,
    /// The rule of the number plan that fits; `None`: none does.
    pub plan: Option<String>,
    pub trunk: Option<String>,
    pub trunk_in_service: bool,
}

/// The settings of this sign-in against those of the service, and what they cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionFacts {
    /// As the service has it now.
    pub persistent: Option<bool>,
    /// As this sign-in uses it.
    pub persistent_used: Option<bool>,
    /// Name, value in use, value of the service.
    pub changed: Vec<(String, String, String)>,
    /// From each answer to the first sound, in milliseconds.
    pub answer_ms: Vec<f64>,
    /// Calls that rang here and were not answered in time.
    pub missed: u32,
}

/// A SIP trunk: its settings and its state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrunkFacts {
    pub name: String,
    pub port: u16,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Ports of the platform that it leads to; empty: not known.
    pub platform_ports: Vec<u16>,
    pub srtp: bool,
    /// `None`: it does not register.
    pub registered: Option<bool>,
    /// OPTIONS that were sent and not answered (RFC 3261 §11).
    pub probes_sent: u32,
    pub probes_lost: u32,
    /// REGISTER requests that wait for their turn, and how many may go a second.
    pub register_waiting: u32,
    pub register_rate: f64,
    /// How long a registration lasts.
    pub expires_s: u32,
    /// Refused with 429 or 503 right after several at once.
    pub register_throttled: u32,
    pub tls: Option<TlsFacts>,
    /// Headers that break a rule.
    pub headers: Vec<HeaderFacts>,
}

/// What a server showed in its TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFacts {
    pub subject: String,
    pub issuer: String,
    pub fault: TlsFault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsFault {
    None,
    UnknownRoot,
    MissingIntermediate,
    Expired,
    WrongName,
    WeakKey,
    /// Signed by itself, or by none of the issuers that are expected.
    Intercepted,
}

/// A header of a message that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderFacts {
    /// For instance `INVITE` or `200 OK`.
    pub message: String,
    pub header: String,
    pub problem: String,
    /// For instance `RFC 3261 §8.1.1.8`.
    pub section: String,
    pub origin: Origin,
}

/// One call as its packets and messages went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFlowFacts {
    /// After the answer.
    pub seconds: f64,
    pub sent: u64,
    pub received: u64,
    /// By the other side's reports (RFC 3550 §6.4); `None`: it sends none.
    pub other_received: Option<u64>,
    /// Codecs of the offer and of the answer; both empty: not looked at.
    pub codecs_ours: Vec<String>,
    pub codecs_theirs: Vec<String>,
    /// Where the session description says that media goes, and where packets come from.
    pub advertised: Option<IpAddr>,
    pub source: Option<IpAddr>,
    pub port: u16,
    pub broke: Option<Broke>,
}

/// Why a call ended that nobody ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broke {
    /// A re-INVITE or UPDATE within the call was not answered.
    RequestUnanswered,
    /// Our 200 was repeated until 64·T1 without an ACK (RFC 3261 §13.3.1.4).
    NoAck,
    /// The session timer ran out (RFC 4028 §10).
    TimerExpired,
}
