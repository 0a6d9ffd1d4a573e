//! What probes saw. Facts only: nothing here says whether something is good or bad.
//!
//! All of it can be written to a report and read again, so that an old result can be judged and compared later.
//! `None` always means: not measured. Times are in milliseconds, levels in dBFS (0 is a full-scale sine), shares 0–1.

mod trunk;

use serde::{Deserialize, Serialize};

pub use trunk::{
    Broke, CallFlowFacts, ChallengeFacts, Direction, FailureFacts, HeaderFacts, Origin, RoutingFacts, SessionFacts,
    TlsFacts, TlsFault, TrunkFacts, Unanswered,
};

use super::catalogue::Symptom;
use crate::media::TurnTransport;
use crate::snapshot::PhoneMissing;
use crate::sound::{DeviceClass, SoundProblem};

/// Everything that was measured in one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub symptom: Option<Symptom>,
    pub sound: Option<SoundFacts>,
    pub microphone: Option<MicrophoneFacts>,
    /// Other microphones, listened to because the one in use was silent.
    pub rivals: Vec<RivalFacts>,
    /// What the user said of their own recording: that it sounds right; `None`: not asked.
    pub sounds_right: Option<bool>,
    pub speaker: Option<OutputFacts>,
    pub ringer: Option<OutputFacts>,
    pub buttons: Option<ButtonFacts>,
    pub echo: Option<EchoFacts>,
    pub path: Option<PathFacts>,
    pub computer: Option<ComputerFacts>,
    pub names: Option<NameFacts>,
    pub proxy: Option<ProxyFacts>,
    pub reach: Vec<ReachFacts>,
    pub ipv6: Option<Ipv6Facts>,
    pub stun: Vec<StunFacts>,
    pub nat: Option<NatFacts>,
    pub relays: Vec<RelayFacts>,
    pub regions: Vec<RegionFacts>,
    pub call: Option<CallFacts>,
    pub mark: Option<MarkFacts>,
    pub binding: Option<BindingFacts>,
    pub route: Option<RouteFacts>,
    pub service: Option<ServiceFacts>,
    pub policy: Option<PolicyFacts>,
    pub session: Option<SessionFacts>,
    pub routing: Option<RoutingFacts>,
    pub failures: Vec<FailureFacts>,
    pub trunk: Option<TrunkFacts>,
    /// The last call, where its messages are known.
    pub flow: Option<CallFlowFacts>,
}

/// The devices of this computer and which of them are used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SoundFacts {
    /// `None`: there is one.
    pub no_service: bool,
    pub permission: Permission,
    pub microphones: Vec<DeviceFacts>,
    pub speakers: Vec<DeviceFacts>,
    /// Ids of the devices in use, or that a call would use.
    pub microphone: Option<String>,
    pub speaker: Option<String>,
    /// The user chose the microphone; else it follows the system.
    pub microphone_chosen: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    Allowed,
    Denied,
    /// The system has no such permission, or does not tell.
    #[default]
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceFacts {
    pub id: String,
    pub name: String,
    pub class: DeviceClass,
    pub default: bool,
    /// Place in the user's order of preference, from 1.
    #[serde(default)]
    pub rank: Option<u32>,
}

/// What a microphone delivered while it was open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MicrophoneFacts {
    pub id: String,
    pub name: String,
    pub class: DeviceClass,
    /// Why it could not be opened.
    #[serde(default)]
    pub problem: Option<SoundProblem>,
    #[serde(default)]
    pub rate_hz: Option<u32>,
    #[serde(default)]
    pub channels: Option<u16>,
    #[serde(default)]
    pub listened_ms: u64,
    /// All microphones together, by the clock on the wall.
    #[serde(default)]
    pub open_ms: u64,
    /// Level of the louder moments; of a voice, where there was one.
    #[serde(default)]
    pub level_dbfs: Option<f32>,
    /// Level of the quietest moments.
    #[serde(default)]
    pub noise_dbfs: Option<f32>,
    #[serde(default)]
    pub peak_dbfs: Option<f32>,
    /// Share of samples at the rail.
    #[serde(default)]
    pub clipped: Option<f32>,
    /// Every sample was exactly zero.
    #[serde(default)]
    pub all_zero: bool,
    #[serde(default)]
    pub system_muted: Option<bool>,
    /// The system's input volume before and after, in percent.
    #[serde(default)]
    pub volume_before: Option<f32>,
    #[serde(default)]
    pub volume_after: Option<f32>,
    /// The headset says that its own switch is on mute.
    #[serde(default)]
    pub headset_muted: Option<bool>,
    #[serde(default)]
    pub lost_samples: u64,
    /// Upper end of what the device really delivers, where that was measured.
    #[serde(default)]
    pub bandwidth_hz: Option<f32>,
}

impl MicrophoneFacts {
    pub fn new(id: impl Into<String>, name: impl Into<String>, class: DeviceClass) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            class,
            problem: None,
            rate_hz: None,
            channels: None,
            listened_ms: 0,
            open_ms: 0,
            level_dbfs: None,
            noise_dbfs: None,
            peak_dbfs: None,
            clipped: None,
            all_zero: false,
            system_muted: None,
            volume_before: None,
            volume_after: None,
            headset_muted: None,
            lost_samples: 0,
            bandwidth_hz: None,
        }
    }
}

/// What another microphone heard meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RivalFacts {
    pub id: String,
    pub name: String,
    pub class: DeviceClass,
    pub level_dbfs: f32,
}

/// A speaker or ringer that a tone was played to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputFacts {
    pub id: String,
    pub name: String,
    pub class: DeviceClass,
    #[serde(default)]
    pub problem: Option<SoundProblem>,
    #[serde(default)]
    pub system_muted: Option<bool>,
    #[serde(default)]
    pub volume_percent: Option<f32>,
    /// The device took this much sound.
    #[serde(default)]
    pub played_ms: u64,
    /// Samples it wanted and did not get.
    #[serde(default)]
    pub lost_samples: u64,
    /// What the user said about the tone on the left, on the right; `None`: not asked.
    #[serde(default)]
    pub heard_left: Option<bool>,
    #[serde(default)]
    pub heard_right: Option<bool>,
}

impl OutputFacts {
    pub fn new(id: impl Into<String>, name: impl Into<String>, class: DeviceClass) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            class,
            problem: None,
            system_muted: None,
            volume_percent: None,
            played_ms: 0,
            lost_samples: 0,
            heard_left: None,
            heard_right: None,
        }
    }
}

/// Whether presses of the headset's buttons arrived while the user was asked to press them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ButtonFacts {
    /// The system's volume of the headset moved.
    pub volume: bool,
    /// The system muted or unmuted it.
    pub mute: bool,
}

/// What came back of a signal that was played.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EchoFacts {
    /// Played level minus level heard, in dB; `None`: nothing of it was found.
    pub return_loss_db: Option<f32>,
    /// From the sample's way out to its way in.
    pub delay_ms: Option<f32>,
    /// The weakest echo that would have been found: played level minus noise, in dB.
    pub visible_to_db: f32,
}

/// The whole way through the sound system.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathFacts {
    pub round_trip_ms: Option<f32>,
    pub lost_samples: u64,
    pub seconds: f32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComputerFacts {
    pub cpu: Option<f32>,
    /// The program that takes most of it.
    pub busiest: Option<String>,
    pub free_memory_mb: Option<u64>,
    pub cores: Option<u32>,
    /// Audio deadlines missed in the last ten seconds.
    pub missed_deadlines: Option<u32>,
    pub other_phones: Vec<String>,
}

/// One name and how long its look-up took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NameFacts {
    pub lookups: Vec<Lookup>,
    /// Answers of each name server that the system names, by itself.
    pub servers: Vec<NameServerFacts>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    pub host: String,
    pub v4: u32,
    pub v6: u32,
    pub ms: f64,
    /// Why there is none.
    #[serde(default)]
    pub failed: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NameServerFacts {
    pub server: String,
    /// Of the first name asked; `None`: no answer.
    pub ms: Option<f64>,
    /// Response code of RFC 1035 §4.1.1; 0 is fine, 3 means that there is no such name.
    #[serde(default)]
    pub code: Option<u8>,
    /// Answers to SRV and NAPTR questions.
    #[serde(default)]
    pub srv: u32,
    #[serde(default)]
    pub naptr: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyFacts {
    /// `None`: none is configured, or the service is excepted.
    pub host: Option<String>,
    /// Answered to CONNECT with success.
    pub passes: Option<bool>,
}

/// One address of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachFacts {
    /// Host and port, no path.
    pub host: String,
    pub websocket: bool,
    #[serde(default)]
    pub tcp_ms: Option<f64>,
    #[serde(default)]
    pub tls_ms: Option<f64>,
    /// HTTP status; 101 is a WebSocket.
    #[serde(default)]
    pub status: Option<u16>,
    /// Why it went no further.
    #[serde(default)]
    pub failed: Option<String>,
    #[serde(default)]
    pub certificate: Option<CertificateFacts>,
    /// The service's clock minus ours, in seconds.
    #[serde(default)]
    pub clock_s: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CertificateFacts {
    pub trusted: bool,
    /// Why not.
    pub why: Option<String>,
    pub issuer: Option<String>,
    pub days_left: Option<i64>,
    pub chain: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipv6Facts {
    pub address: bool,
    pub route: bool,
}

/// One STUN server asked over UDP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StunFacts {
    pub server: String,
    pub sent: u32,
    pub answered: u32,
    /// The shortest.
    #[serde(default)]
    pub round_trip_ms: Option<f64>,
    /// The address it saw is not ours: there is a router that translates.
    #[serde(default)]
    pub translated: Option<bool>,
    #[serde(default)]
    pub failed: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatKind {
    /// No translation.
    None,
    /// RFC 4787 §4.1, §5.
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatFacts {
    pub mapping: NatKind,
    pub filtering: NatKind,
}

/// One try of an allocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelayFacts {
    pub host: String,
    pub port: u16,
    pub transport: TurnTransport,
    #[serde(default)]
    pub region: Option<String>,
    /// Until the relayed address was there; `None`: never.
    #[serde(default)]
    pub allocate_ms: Option<f64>,
    /// From a request to its answer.
    #[serde(default)]
    pub round_trip_ms: Option<f64>,
    /// The server's resolved address, without port.
    #[serde(default)]
    pub address: Option<std::net::IpAddr>,
    #[serde(default)]
    pub failed: Option<String>,
    /// It answered, and said no.
    #[serde(default)]
    pub refused: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionFacts {
    pub name: String,
    pub round_trip_ms: Option<f64>,
    /// Calls use it.
    #[serde(default)]
    pub in_use: bool,
    /// The site's list contains it.
    #[serde(default)]
    pub allowed: bool,
}

/// The packets of a call, sent through the relay and back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFacts {
    pub transport: Option<TurnTransport>,
    pub seconds: f64,
    pub sent: u64,
    pub received: u64,
    pub reordered: u64,
    pub duplicates: u64,
    pub loss: Option<f64>,
    /// RFC 3550 §6.4.1.
    pub jitter_ms: Option<f64>,
    pub round_trip_ms: Option<f64>,
    pub mos: Option<f64>,
    /// Loss and delay of the way to the gateway at the same time; `None`: it does not answer.
    pub gateway_bad: Option<bool>,
    pub failed: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkFacts {
    pub configured: u8,
    /// Read back from the socket; `None`: the system does not tell.
    pub effective: Option<u8>,
    /// What an echo peer saw arrive; `None`: none reports it.
    #[serde(default)]
    pub echoed: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingFacts {
    pub quiet_s: u32,
    pub survived: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteFacts {
    /// The interface that leads to the media server.
    pub interface: String,
    pub tunnel: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceFacts {
    pub signed_in: bool,
    /// Cause and remedy, as the phone told them.
    pub problem: Option<String>,
    pub phones: u32,
    pub usable_phones: u32,
    pub phone_selected: bool,
    /// Why no phone can be used, where the service told.
    pub missing: Option<PhoneMissing>,
}

/// What the site demands, and what calls do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyFacts {
    pub relay_forced: bool,
    pub relay_mode: RelayMode,
    /// Ranges of the dedicated pool as `address/prefix`; empty: there is none.
    pub pool: Vec<String>,
    /// A relay carries the present or the last call.
    pub relay_in_use: bool,
    /// A direct pair is known to work; `None`: nobody tried.
    pub direct_works: Option<bool>,
    /// What the fence stopped.
    pub stopped_by_fence: u64,
    /// The relay that carries the call, where the site's list does not have it.
    pub unlisted_relay: Option<String>,
    /// Media regions of the site that name servers.
    pub listed_regions: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelayMode {
    /// The service decides.
    #[default]
    Service,
    /// Only regions of the site's list.
    SiteList,
    LowestLatency,
}
