//! Sound devices as the phone and its screens know them. The devices themselves live outside.

use serde::{Deserialize, Serialize};

use crate::measurement::{Measured, Measurement, MeasurementId, MeasurementPhase};

/// What a device is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SoundRole {
    Microphone,
    Speaker,
    Ringer,
}

/// Which device a role uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "id")]
pub enum DeviceChoice {
    /// Whatever the system's default is, also when it changes.
    FollowSystem,
    /// A device by its stable id, for instance `pulseaudio:alsa_output.usb-Jabra`.
    Device(String),
}

/// A device that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SoundDevice {
    /// Stable over restarts.
    pub id: String,
    pub name: String,
    pub input: bool,
    pub class: DeviceClass,
    pub default: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    Headset,
    BuiltIn,
    Speaker,
    BluetoothNarrowband,
    Virtual,
    Unknown,
}

/// What the phone asks of the sound system.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundCommand {
    Choose {
        role: SoundRole,
        choice: DeviceChoice,
    },
    /// 0–100 %; 100 is 0 dB.
    Volume {
        role: SoundRole,
        percent: u8,
    },
    /// The user's own gate: after the canceller, before the encoder.
    Mute {
        muted: bool,
    },
    /// Start or stop a tone; the ring goes to the ringer, all others to the speaker.
    Tone(Option<Tone>),
    /// A short tone of a digit in the user's ear.
    DigitTone(char),
    /// Answered by [`SoundEvent::Measured`].
    Measure {
        id: MeasurementId,
        what: Measurement,
    },
    CancelMeasurement(MeasurementId),
}

/// Tones the phone makes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Ring,
    /// What the caller hears while the other side rings (ITU-T E.182).
    Ringback,
    Busy,
    /// A soft beep for a second call.
    CallWaiting,
}

/// What the sound system tells.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundEvent {
    /// The whole list, whenever anything in it changed.
    Devices(Vec<SoundDevice>),
    /// A role's device is open, or another one is in its place.
    Opened {
        role: SoundRole,
        id: String,
        name: String,
        why: OpenedBecause,
    },
    Closed {
        role: SoundRole,
    },
    /// No device could be opened for this role.
    Failed {
        role: SoundRole,
        problem: SoundProblem,
    },
    /// The microphone was open this long, and of that while no call was connected.
    MicrophoneTime {
        open_ms: u64,
        open_while_idle_ms: u64,
    },
    Measuring {
        id: MeasurementId,
        phase: MeasurementPhase,
    },
    Measured(Box<Measured>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenedBecause {
    Asked,
    /// The device in use went away.
    FellBack,
    /// The system's default changed and the role follows it.
    FollowedSystem,
    /// The chosen device is back.
    CameBack,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "detail")]
pub enum SoundProblem {
    #[error("this computer has no sound service")]
    NoSoundServer,
    #[error("no device is plugged in")]
    NoDevice,
    #[error("the device {0} is not plugged in")]
    Missing(String),
    #[error("another program holds the device {0}")]
    Busy(String),
    #[error("the system does not let Offhook use the microphone")]
    NoPermission,
    #[error("the device failed: {0}")]
    Failed(String),
}
