//! Sound devices as the phone and its screens know them. The devices themselves live outside.

use serde::{Deserialize, Serialize};

use crate::measurement::{Measured, Measurement, MeasurementId, MeasurementPhase};
use crate::policy::{Effective, Setting, Value};

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
    /// The first of these that is plugged in; a better one is taken as soon as it comes.
    Ranked(Vec<DeviceWish>),
}

/// One entry of a list of preference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceWish {
    /// Whatever the system's default is.
    System,
    /// A device that was seen before: by its id, else by name and port, else by its name.
    Known {
        id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<String>,
        name: String,
    },
    /// Any device with such a name; `*` stands for anything, case does not matter.
    Named(String),
}

/// Devices that may ring beside the ringer.
pub const ALSO_RINGERS: usize = 4;

impl DeviceChoice {
    /// The device it means, of those that are plugged in; the system's where what was chosen is not there.
    pub fn pick<'a>(&self, role: SoundRole, devices: &'a [SoundDevice]) -> Option<&'a SoundDevice> {
        let of_role = || devices.iter().filter(|device| device.input == (role == SoundRole::Microphone));
        let system = || of_role().find(|device| device.default).or_else(|| of_role().next());
        let chosen = match self {
            Self::FollowSystem => None,
            Self::Device(id) => of_role().find(|device| device.id == *id),
            Self::Ranked(wishes) => wishes.iter().find_map(|wish| match wish {
                DeviceWish::System => system(),
                DeviceWish::Known { id, port, name } => of_role()
                    .find(|device| device.id == *id)
                    .or_else(|| of_role().find(|device| port.is_some() && device.port == *port && device.name == *name))
                    .or_else(|| of_role().find(|device| device.name == *name)),
                DeviceWish::Named(pattern) => of_role().find(|device| fits_pattern(pattern, &device.name)),
            }),
        };
        chosen.or_else(system)
    }
}

/// Whether a name fits a pattern in which `*` stands for anything; case does not matter.
fn fits_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    left.ends_with(last)
}

/// A device that is plugged in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SoundDevice {
    /// Stable over restarts.
    pub id: String,
    pub name: String,
    pub input: bool,
    pub class: DeviceClass,
    pub default: bool,
    /// Where it is plugged in, or its serial number.
    pub port: Option<String>,
    /// Muted in the settings of the system, where it tells.
    pub muted: Option<bool>,
    /// Its volume there in percent; may be above 100.
    pub system_volume_percent: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    Headset,
    BuiltIn,
    Speaker,
    BluetoothNarrowband,
    Virtual,
    #[default]
    Unknown,
}

/// What is done to the microphone's sound before it is sent. `None` leaves the choice to the phone: done, except on a
/// device without hardware, whose sound somebody else has made already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Processing {
    /// Take out what the speaker plays.
    pub cancel_echo: Option<bool>,
    pub reduce_noise: Option<NoiseReduction>,
    /// Bring quiet and loud voices to the same level. Never done unless asked for.
    pub even_out: bool,
}

/// The word of a setting that leaves the choice to the phone.
const AUTOMATIC: &str = "automatic";

impl Processing {
    /// What the settings in force say.
    pub fn of(settings: &Effective) -> Self {
        Self {
            cancel_echo: match settings.text(Setting::SoundCancelEcho) {
                Some("always") => Some(true),
                Some("never") => Some(false),
                _ => None,
            },
            reduce_noise: match settings.text(Setting::SoundReduceNoise) {
                Some("off") => Some(NoiseReduction::Off),
                Some("normal") => Some(NoiseReduction::Normal),
                Some("strong") => Some(NoiseReduction::Strong),
                _ => None,
            },
            even_out: settings.is_on(Setting::SoundEvenOut),
        }
    }

    /// The same as settings; [`of`](Self::of) reads them back.
    pub fn settings(self) -> [(Setting, Value); 3] {
        let echo = match self.cancel_echo {
            None => AUTOMATIC,
            Some(true) => "always",
            Some(false) => "never",
        };
        let noise = match self.reduce_noise {
            None => AUTOMATIC,
            Some(NoiseReduction::Off) => "off",
            Some(NoiseReduction::Normal) => "normal",
            Some(NoiseReduction::Strong) => "strong",
        };
        [
            (Setting::SoundCancelEcho, Value::Text(echo.to_owned())),
            (Setting::SoundReduceNoise, Value::Text(noise.to_owned())),
            (Setting::SoundEvenOut, Value::Bool(self.even_out)),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseReduction {
    Off,
    Normal,
    Strong,
}

/// What the phone asks of the sound system.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundCommand {
    Choose {
        role: SoundRole,
        choice: DeviceChoice,
    },
    /// Ring on these devices too, by id; at most four.
    AlsoRing(Vec<String>),
    /// 0–100 %; 100 is 0 dB.
    Volume {
        role: SoundRole,
        percent: u8,
    },
    /// What is done to the microphone's sound, from now on.
    Process(Processing),
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
    /// A device that is preferred to the one in use was plugged in.
    Preferred,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Layer, Layers, Source, resolve};

    #[test]
    fn every_kind_of_processing_can_be_said_in_settings() {
        assert_eq!(Processing::of(&Effective::default()), Processing::default(), "unless somebody says otherwise");
        let noises = [None, Some(NoiseReduction::Off), Some(NoiseReduction::Normal), Some(NoiseReduction::Strong)];
        for cancel_echo in [None, Some(true), Some(false)] {
            for reduce_noise in noises {
                for even_out in [false, true] {
                    let processing = Processing { cancel_echo, reduce_noise, even_out };
                    let mut layers = Layers::default();
                    for (setting, value) in processing.settings() {
                        let value = setting.entry().accept(value).expect("the schema has the word");
                        layers.set(setting, value, Source::new(Layer::Chosen, ""));
                    }
                    assert_eq!(Processing::of(&resolve(&layers)), processing);
                }
            }
        }
    }
}
