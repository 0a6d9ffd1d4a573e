//! One-off happenings, for sounds, notices and the NDJSON of the command line. What *is* stands in the snapshot.

use std::time::Duration;

use serde::Serialize;

use crate::ids::CallId;
use crate::measurement::{Measured, MeasurementId, MeasurementPhase};
use crate::media::{Dscp, MediaPath, RelayInUse};
use crate::sound::{OpenedBecause, SoundRole};

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Signed in and able to take calls. `again`: after a reconnect.
    Registered {
        again: bool,
    },
    /// Not able to take calls any more; it tries again by itself unless the snapshot says otherwise.
    Unregistered,
    Dialling {
        call: CallId,
    },
    /// An incoming call rings here.
    Alerting {
        call: CallId,
    },
    /// Our outgoing call rings there.
    Ringing {
        call: CallId,
    },
    Connected {
        call: CallId,
    },
    /// The first packet of this call was heard. Never before `Connected`: what is heard while it rings (a ringback
    /// tone, an announcement) counts, and is told then.
    Media {
        call: CallId,
    },
    /// Once a second in a connected call.
    Quality {
        call: CallId,
        quality: Quality,
    },
    Held {
        call: CallId,
    },
    Resumed {
        call: CallId,
    },
    Muted {
        muted: bool,
    },
    DigitSent {
        call: CallId,
        digit: char,
    },
    DigitReceived {
        call: CallId,
        digit: char,
    },
    /// A device was opened or replaced; worth a sentence when it was not asked for.
    Device {
        role: SoundRole,
        name: String,
        why: OpenedBecause,
    },
    /// A measurement goes on.
    Measuring {
        id: MeasurementId,
        phase: MeasurementPhase,
    },
    /// A measurement is done.
    Measured(Box<Measured>),
    /// The last of a call. A moment after it left the snapshot, for its report holds the last figures of its media.
    Ended {
        call: CallId,
        report: Box<CallReport>,
    },
    /// Something failed that the user should read; the sentence says cause and remedy.
    Problem(Notice),
}

/// A sentence for the user: what happened, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Stable word for scripts, for instance `turn-silent`.
    pub id: &'static str,
    pub text: String,
    pub remedy: String,
}

/// What the last second was like.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Quality {
    pub rtt_ms: Option<f64>,
    pub jitter_ms: Option<f64>,
    /// Share of packets lost in this second, 0–1.
    pub loss: Option<f64>,
    pub buffer_ms: Option<f64>,
    pub level_in_dbfs: Option<f32>,
    pub level_out_dbfs: Option<f32>,
    pub mos: Option<f64>,
    pub far_mos: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallDirection {
    In,
    Out,
}

/// The record of one call; serialises to one element of `summary.calls`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallReport {
    pub id: String,
    pub direction: CallDirection,
    pub peer: String,
    /// It used a session that was already up.
    pub warm: bool,
    pub setup_ms: SetupTimes,
    pub path: Option<MediaPath>,
    pub relay: Option<RelayInUse>,
    pub codec: Option<String>,
    pub security: Option<String>,
    pub dscp: Option<Dscp>,
    pub packets: PacketCounts,
    pub audio: AudioFigures,
    pub network: NetworkFigures,
    pub mos: MosFigures,
    pub ended_by: EndedBy,
    pub end_reason: EndReason,
    /// The service's own code, kept as evidence.
    pub code: Option<String>,
    pub connected_ms: Option<f64>,
}

/// Milliseconds; `None` for a step that did not happen (a warm call has no ICE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SetupTimes {
    /// Dial or answer to the description being there.
    pub signalling: Option<f64>,
    pub ice: Option<f64>,
    pub dtls: Option<f64>,
    /// DTLS done (or call connected, when warm) to the first packet heard.
    pub first_media: Option<f64>,
    /// Dial or answer to the first packet heard.
    pub total: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PacketCounts {
    pub sent: u64,
    pub received: u64,
    pub lost: u64,
    /// Arrived after their turn.
    pub late: u64,
    /// Our packets that the relay fence stopped on their way out; anything but 0 is a bug worth a report.
    pub blocked_by_relay_fence: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AudioFigures {
    pub concealed_ms: Option<f64>,
    pub stretched_ms: Option<f64>,
    pub jitter_ms: Option<f64>,
    pub buffer_ms: Option<f64>,
    pub level_in_dbfs: Option<f32>,
    pub level_out_dbfs: Option<f32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NetworkFigures {
    pub rtt_ms: Option<f64>,
    /// Share of packets lost on the way to us, 0–1.
    pub loss: Option<f64>,
    pub jitter_ms: Option<f64>,
}

/// Estimates on the scale of ITU-T P.800.1 (1–4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MosFigures {
    /// What the user hears.
    pub listening: Option<f64>,
    /// What the other side hears.
    pub far: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    Local,
    Remote,
    System,
}

/// Why a call ended, in our words; each protocol maps its own codes to these once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    Hangup,
    Declined,
    Busy,
    NoAnswer,
    NotFound,
    Transferred,
    AnsweredElsewhere,
    Cancelled,
    /// No media path, or it broke for good.
    MediaFailed,
    ServiceFailed,
    SignedOut,
}

/// `duration` as milliseconds with fractions.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// What only the media thread can measure of the audio of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AudioStats {
    pub concealed_ms: f64,
    pub stretched_ms: f64,
    pub buffer_ms: f64,
    pub late_packets: u64,
    /// How much of what was sent was louder than a pause.
    pub spoken_ms: f64,
    pub level_in_dbfs: Option<f32>,
    pub level_out_dbfs: Option<f32>,
}
