//! What a user, a headset button or the command line can ask of the phone.

use std::time::Duration;

use crate::ids::CallId;
use crate::measurement::{Measurement, MeasurementId};
use crate::policy::{Layers, Setting, Value};
use crate::redact::Private;
use crate::sound::{DeviceChoice, Processing, SoundRole};

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    SignIn(SignIn),
    /// Ends calls and sessions, then the sign-in; the service forgets the token, and so do we.
    SignOut,
    /// Show the sign-in page once more, while it is waited for.
    OpenSignInPage,
    /// A number, a SIP or tel address, the name of a user, or a service of the practice exchange (`echo`, `music`).
    Dial {
        to: Private<String>,
    },
    /// Practice exchange only: it calls back with a speaking caller.
    CallMe,
    Answer(CallId),
    Decline(CallId),
    HangUp(CallId),
    Hold {
        call: CallId,
        held: bool,
    },
    /// The whole phone: nothing of the microphone leaves while muted.
    Mute {
        muted: bool,
    },
    SendDigits {
        call: CallId,
        digits: String,
    },
    /// Hand the call on at once, without asking. The target is a number, an address or a user's id.
    Transfer {
        call: CallId,
        to: Private<String>,
    },
    /// Ask the target first, while the other side waits.
    Consult {
        call: CallId,
        to: Private<String>,
    },
    /// During a consultation: who hears the user.
    Speak {
        call: CallId,
        with: SpeakWith,
    },
    /// During a consultation: hand the call over and leave it.
    CompleteTransfer(CallId),
    /// During a consultation: let go of the target and be back with the other side.
    CancelTransfer(CallId),
    /// Classify a call that has ended. `code` is one of the ids offered.
    WrapUp {
        call: CallId,
        code: String,
        notes: Private<String>,
    },
    /// Use this phone (station) from now on.
    SelectPhone {
        id: String,
    },
    /// Use no phone any more.
    ReleasePhone,
    /// Take over settings that changed on the service: signs in anew without touching the sound set-up; in a call,
    /// once it has ended.
    ApplySettings,
    /// End the warm media session between calls.
    StopPersistentConnection,
    ChooseDevice {
        role: SoundRole,
        choice: DeviceChoice,
    },
    /// Of the device that the role uses or would use; each device keeps its own.
    SetVolume {
        role: SoundRole,
        percent: u8,
    },
    /// Of a device by its id, plugged in or not.
    SetDeviceVolume {
        role: SoundRole,
        device: String,
        percent: u8,
    },
    /// Ring on these devices together with the ringer, by id; at most four.
    AlsoRing(Vec<String>),
    /// What is done to the microphone's sound, from now on, also in a call.
    SetProcessing(Processing),
    /// Measure something about sound; the answer is [`Event::Measured`](crate::Event::Measured).
    Measure {
        id: MeasurementId,
        what: Measurement,
    },
    /// End it early; it answers as cancelled.
    CancelMeasurement(MeasurementId),
    /// The user's choice of a setting; `None`: as if nothing had been chosen.
    ChooseSetting {
        setting: Setting,
        value: Private<Option<Value>>,
    },
    /// Policies, files or local provisioning changed: all layers but what was chosen in the window. Counts as soon as
    /// no call is up.
    ReplaceSettings(Box<Layers>),
    /// Try again now instead of at the next back-off.
    Reconnect,
    /// End sessions cleanly before the program goes (a forgotten session blocks the next call).
    Quit,
}

/// Who hears the user while a transfer is talked over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeakWith {
    /// The target of the transfer.
    Target,
    /// The party that waits.
    Waiting,
    /// Everybody hears everybody.
    All,
}

/// How to get in.
#[derive(Clone, Debug, PartialEq)]
pub enum SignIn {
    /// The practice exchange at this origin (`http://127.0.0.1:8443`), as this made-up user: OAuth code and PKCE
    /// as with the real service, except that the exchange grants it without asking anybody.
    Practice { origin: String, user: Private<String> },
    /// A live service: the user signs in with the browser of the system (RFC 8252).
    Service(Box<ServiceSignIn>),
    /// A token that is already there, for automation.
    Token { environment: String, token: Private<String> },
}

/// Sign-in with the browser.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceSignIn {
    pub service: Service,
    /// The key of an account that was kept; the driver turns it into `kept`.
    pub account: Option<String>,
    /// From an earlier sign-in; the browser is asked only when it does not do.
    pub kept: Option<KeptToken>,
    /// Sign in only if that works without the browser: at the start of the program nobody has asked for one.
    pub only_kept: bool,
    /// Ask for the password even where the browser remembers somebody.
    pub somebody_else: bool,
}

/// Where to sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// For instance `mypurecloud.de`, or an origin with everything on it (`http://127.0.0.1:8443`).
    pub environment: String,
    /// The OAuth client that the organisation registered for Offhook.
    pub client_id: String,
    pub hosts: HostOverrides,
    /// Ports of 127.0.0.1 that the browser may be sent back to, as registered with the client; the first free one is
    /// used. Empty: any port.
    pub redirect_ports: Vec<u16>,
    /// Goes straight to the sign-in page of this organisation, with `provider`.
    pub organisation: Option<String>,
    /// The identity provider of that organisation.
    pub provider: Option<String>,
}

/// Hosts that do not follow from the environment; origins such as `https://login.example.com`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostOverrides {
    pub login: Option<String>,
    pub api: Option<String>,
    /// `wss://` or `ws://`.
    pub streaming: Option<String>,
}

/// What the service gave for a sign-in.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptToken {
    pub token: Private<String>,
    /// Gets the next token without the browser, where the service gives one.
    pub refresh: Option<Private<String>>,
    /// How long the token is good from now on, where it is known.
    pub life: Option<Duration>,
}
