//! What a user, a headset button or the command line can ask of the phone.

use crate::ids::CallId;
use crate::measurement::{Measurement, MeasurementId};
use crate::redact::Private;
use crate::sound::{DeviceChoice, SoundRole};

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    SignIn(SignIn),
    /// Ends calls and sessions, then the sign-in.
    SignOut,
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
    /// Use this phone (station) from now on.
    SelectPhone {
        id: String,
    },
    /// End the warm media session between calls.
    StopPersistentConnection,
    ChooseDevice {
        role: SoundRole,
        choice: DeviceChoice,
    },
    SetVolume {
        role: SoundRole,
        percent: u8,
    },
    /// Measure something about sound; the answer is [`Event::Measured`](crate::Event::Measured).
    Measure {
        id: MeasurementId,
        what: Measurement,
    },
    /// End it early; it answers as cancelled.
    CancelMeasurement(MeasurementId),
    /// Try again now instead of at the next back-off.
    Reconnect,
    /// End sessions cleanly before the program goes (a forgotten session blocks the next call).
    Quit,
}

/// How to get in.
#[derive(Clone, Debug, PartialEq)]
pub enum SignIn {
    /// The practice exchange at this origin (`http://127.0.0.1:8443`), as this made-up user: OAuth code and PKCE
    /// as with the real service, except that the exchange grants it without asking anybody.
    Practice { origin: String, user: String },
    /// A token that is already there, for automation.
    Token { environment: String, token: Private<String> },
}
