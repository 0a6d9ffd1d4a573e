//! The immutable picture of the phone, for the screens, the command line and support.

use std::time::Instant;

use serde::Serialize;

use crate::event::{CallDirection, EndReason, Notice, Quality};
use crate::ids::CallId;
use crate::media::MediaUp;
use crate::redact::Private;
use crate::sound::{DeviceChoice, SoundDevice, SoundProblem};

/// Replaced as a whole whenever anything in it changed.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub standing: Standing,
    pub account: Option<AccountView>,
    pub phones: Vec<PhoneView>,
    /// Why the phone cannot be changed now; `None` when it can.
    pub phone_change_refused: Option<&'static str>,
    pub persistent: PersistentView,
    /// Oldest first.
    pub calls: Vec<CallView>,
    pub muted: bool,
    pub sound: SoundView,
    /// Newest first, at most 50.
    pub recent: Vec<RecentCall>,
    /// Force relay is in force, and why.
    pub relay_forced: bool,
    /// Changes whenever the snapshot does.
    pub revision: u64,
}

/// Can a call be taken?
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Standing {
    #[default]
    SignedOut,
    /// With the step it is at, for the progress line.
    SigningIn {
        since: Instant,
        step: SignInStep,
    },
    Ready,
    Reconnecting {
        since: Instant,
        next_try: Option<Instant>,
    },
    /// The user has to act; nothing is tried until then, unless `retry_at` says so.
    Problem {
        notice: Notice,
        retry_at: Option<Instant>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInStep {
    Contacting,
    Authorising,
    Identity,
    Connecting,
    Subscribing,
}

#[derive(Clone, Debug)]
pub struct AccountView {
    pub user: Private<String>,
    pub organisation: Private<String>,
    /// The practice exchange, where "Echo test" and "Call me" exist.
    pub practice: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PhoneView {
    pub id: String,
    pub name: String,
    pub site: String,
    pub selected: bool,
    /// Why it cannot be used; `None` when it can.
    pub refused: Option<String>,
    pub webrtc: bool,
}

/// The persistent connection (warm media session) as shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PersistentView {
    /// Policy says no.
    #[default]
    Off,
    Closed,
    Opening,
    /// Warm; ends by itself at `until` unless a call comes.
    Warm {
        until: Option<Instant>,
    },
    InCall,
    Recovering {
        since: Instant,
    },
}

#[derive(Clone, Debug)]
pub struct CallView {
    pub id: CallId,
    pub direction: CallDirection,
    pub peer_name: Private<String>,
    pub peer_address: Private<String>,
    pub queue: Option<String>,
    pub state: CallState,
    pub muted: bool,
    /// What was asked and is not confirmed yet.
    pub pending: Option<PendingRequest>,
    /// Why hold is greyed out; `None` when it is allowed.
    pub hold_refused: Option<&'static str>,
    pub started: Instant,
    pub connected: Option<Instant>,
    pub quality: Option<Quality>,
    pub media: Option<MediaUp>,
    /// Packets from the far end within the last 5 s report that they hear us.
    pub far_hears: Option<bool>,
    /// Digits sent in this call, for the keypad line.
    pub digits: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CallState {
    /// Rings here, until `gives_up` if known.
    Alerting {
        gives_up: Option<Instant>,
    },
    Dialling,
    /// Rings there.
    Ringing,
    Connected,
    Held {
        since: Instant,
    },
    /// Media is lost and being rebuilt; the call stays on screen.
    Recovering {
        since: Instant,
    },
    Ended {
        reason: EndReason,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingRequest {
    Answer,
    Decline,
    HangUp,
    Hold,
    Resume,
}

#[derive(Clone, Debug, Default)]
pub struct SoundView {
    pub devices: Vec<SoundDevice>,
    pub microphone: RoleView,
    pub speaker: RoleView,
    pub ringer: RoleView,
    /// How long the microphone was open, as the sound side last told; `None` before it told anything.
    pub microphone_time: Option<MicrophoneTime>,
}

/// From [`SoundEvent::MicrophoneTime`](crate::sound::SoundEvent::MicrophoneTime): since the start of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MicrophoneTime {
    pub open_ms: u64,
    /// Of that, while no call was connected; anything much over a second is a bug worth a report.
    pub open_while_idle_ms: u64,
}

#[derive(Clone, Debug)]
pub struct RoleView {
    pub choice: DeviceChoice,
    /// Id and name of the device in use, or that will be used.
    pub device: Option<(String, String)>,
    pub open: bool,
    pub problem: Option<SoundProblem>,
    pub volume_percent: u8,
}

impl Default for RoleView {
    fn default() -> Self {
        Self { choice: DeviceChoice::FollowSystem, device: None, open: false, problem: None, volume_percent: 100 }
    }
}

#[derive(Clone, Debug)]
pub struct RecentCall {
    pub peer_name: Private<String>,
    pub peer_address: Private<String>,
    pub direction: CallDirection,
    pub queue: Option<String>,
    /// When it ended, on the loop's clock; screens turn it into a time of day.
    pub ended: Instant,
    pub connected_s: Option<u64>,
    pub reason: EndReason,
}
