//! The immutable picture of the phone, for the screens, the command line and support.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::command::SpeakWith;
use crate::event::{CallDirection, EndReason, Notice, Quality};
use crate::ids::CallId;
use crate::media::{IceServer, MediaUp};
use crate::policy::Effective;
use crate::redact::Private;
use crate::sound::{DeviceChoice, Processing, SoundDevice, SoundProblem};

/// Replaced as a whole whenever anything in it changed.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub standing: Standing,
    pub account: Option<AccountView>,
    pub phones: Vec<PhoneView>,
    /// Why no phone can be used; `None` when one is, or when that is not known.
    pub phone_missing: Option<PhoneMissing>,
    /// Settings that changed on the service and that this session does not use yet.
    pub settings_changed: Option<SettingsChanged>,
    /// Calls that wait to be classified, oldest first.
    pub wrap_ups: Vec<WrapUpView>,
    /// The sign-in page that is waited for.
    pub sign_in_page: Option<Private<String>>,
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
    /// STUN and TURN servers that the service names, and the mark for media (0–63): for diagnosis.
    pub media_servers: Vec<IceServer>,
    pub dscp: u8,
    /// What holds, and who decided it.
    pub settings: Arc<Effective>,
    /// What held when this sign-in began to work; `None` while signed out.
    pub session_settings: Option<Arc<Effective>>,
    /// New policies or files wait for the end of the call.
    pub settings_wait: bool,
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
    /// The user signs in with the browser.
    Browser,
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
    /// Why transfer is greyed out; `None` when it is allowed.
    pub transfer_refused: Option<&'static str>,
    /// A transfer that is being talked over.
    pub consult: Option<ConsultView>,
    pub started: Instant,
    pub connected: Option<Instant>,
    pub quality: Option<Quality>,
    pub media: Option<MediaUp>,
    /// Whether the far end hears us, as its own reports and our voice tell (`quality::far_hears`).
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

/// A transfer that is being talked over.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsultView {
    /// Name or number of the target.
    pub target: Private<String>,
    /// The target took the call.
    pub answered: bool,
    pub with: SpeakWith,
}

/// Why a user has no phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum PhoneMissing {
    /// There is no phone object for this user.
    NotCreated,
    /// The phone of last time belongs to somebody else now.
    OtherUser {
        name: String,
    },
    Disabled {
        name: String,
    },
    /// Its base settings are gone.
    NoBaseSettings {
        name: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsChanged {
    pub changes: Vec<SettingChange>,
    /// Asked for, and waits for the end of the call.
    pub after_call: bool,
}

/// One setting of the service that this session does not use yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingChange {
    pub name: &'static str,
    /// What this session uses.
    pub used: String,
    /// What the service says now.
    pub new: String,
}

/// A call that waits to be classified.
#[derive(Clone, Debug, PartialEq)]
pub struct WrapUpView {
    pub call: CallId,
    pub peer_name: Private<String>,
    pub queue: Option<String>,
    /// No next call comes before it is done.
    pub required: bool,
    /// When the service does it by itself.
    pub until: Option<Instant>,
    /// Id and name of each code; empty while they are fetched.
    pub codes: Vec<(String, String)>,
    /// Sent, and not confirmed yet.
    pub sent: bool,
}

#[derive(Clone, Debug, Default)]
pub struct SoundView {
    pub devices: Vec<SoundDevice>,
    pub microphone: RoleView,
    pub speaker: RoleView,
    pub ringer: RoleView,
    /// Ids of devices that ring together with the ringer.
    pub also_ring: Vec<String>,
    pub processing: Processing,
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
    /// In force now.
    pub volume_percent: u8,
    /// By device id; under the empty id for devices that have none of their own.
    pub volumes: BTreeMap<String, u8>,
}

impl Default for RoleView {
    fn default() -> Self {
        Self {
            choice: DeviceChoice::FollowSystem,
            device: None,
            open: false,
            problem: None,
            volume_percent: 100,
            volumes: BTreeMap::new(),
        }
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
    /// It used a session that was already up.
    pub warm: bool,
    /// Milliseconds from dialling or answering to the first packet heard; `None`: nothing was heard.
    pub setup_ms: Option<f64>,
}
