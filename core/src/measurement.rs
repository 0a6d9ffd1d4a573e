//! Facts about sound, measured on request. Facts only: whether they are good is judged elsewhere.
//!
//! [`Command::Measure`](crate::Command::Measure) asks, [`Event::Measured`](crate::Event::Measured) answers exactly once,
//! also when it was cancelled or could not be done. One measurement runs at a time; a second one is refused. Levels
//! are in dBFS, where a full-scale sine reads 0; −100 stands for digital silence.

use std::time::Duration;

use serde::Serialize;

use crate::sound::{DeviceClass, SoundProblem, SoundRole};

/// Chosen by who asks, and given back with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MeasurementId(pub u64);

/// What is to be measured. Devices are the ones chosen for each role; they are opened for it and closed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Measurement {
    /// Listens to the microphone, 0.2–15 s: [`SoundFacts::input`] and [`SoundFacts::microphone`].
    Listen { length: Duration },
    /// Plays a swept sine of 1.5 s and listens to what comes back, 3 s in all: [`SoundFacts::echo`], and the streams.
    /// Refused in a call.
    Echo,
    /// Runs microphone and speaker for 1–60 s and compares their clocks with the computer's: the streams. The figure
    /// of drift needs 10 s to be of use.
    Streams { length: Duration },
    /// Plays on the speaker a tone (880 Hz, 1.2 s) on one side or both, on the ringer 4 s of the ring on each ringer
    /// device: [`SoundFacts::speaker`]. That it is heard only the user can say.
    Tone { role: SoundRole, side: Side },
    /// Records 1–15 s of the microphone and plays it on the speaker: [`SoundFacts::input`] and the streams.
    /// Refused in a call.
    HearMyself { length: Duration },
    /// Plays on the speaker what the last [`HearMyself`](Self::HearMyself) recorded. That stays in memory alone, and is
    /// erased by any other measurement, by a call, and by [`Command::CancelMeasurement`](crate::Command::CancelMeasurement).
    /// Refused in a call.
    HearAgain,
}

/// Which ear of a speaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    #[default]
    Both,
    Left,
    Right,
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeasurementPhase {
    /// The devices are being opened.
    Opening,
    /// The microphone is heard, and the speaker plays if the measurement wants it.
    Running,
    /// What was recorded is being played.
    Playing,
    /// The recording is being looked at.
    Judging,
}

/// The answer to one measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    pub id: MeasurementId,
    pub what: Measurement,
    pub result: Result<SoundFacts, NotMeasured>,
}

/// Why there are no facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "why", content = "detail")]
pub enum NotMeasured {
    #[error("another measurement is running")]
    Busy,
    #[error("a call is going on")]
    InCall,
    #[error("it was cancelled")]
    Cancelled,
    /// The device could not be opened, or went away and nothing took its place.
    #[error("the {role:?} cannot be used: {problem}")]
    NoDevice { role: SoundRole, problem: SoundProblem },
    /// The device was opened and delivered or took less than a tenth of the sound in the time it had.
    #[error("the {role:?} was opened, but no sound flows")]
    Stuck { role: SoundRole },
    /// Another device took over while it was measured.
    #[error("the device changed meanwhile")]
    DeviceChanged,
    /// What was to be played again is erased.
    #[error("there is no recording")]
    NoRecording,
    #[error("the sound could not be analysed: {0}")]
    Failed(String),
}

/// What was found; the parts that the measurement is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SoundFacts {
    pub input: Option<InputFacts>,
    pub echo: Option<EchoFacts>,
    pub microphone: Option<StreamFacts>,
    pub speaker: Option<StreamFacts>,
}

/// What a recording of the microphone, before any processing, says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputFacts {
    pub length: Duration,
    pub silence: Silence,
    /// RMS of all of it.
    pub level_dbfs: f32,
    pub peak_dbfs: f32,
    /// Energy mean of the parts that stand out of the noise by 9 dB; `None`: nothing does.
    pub speech_dbfs: Option<f32>,
    /// Share of the time that is such a part, 0–1.
    pub speech_share: f32,
    /// 10th percentile of the level in 100 ms.
    pub noise_dbfs: f32,
    /// Speech above noise, in dB.
    pub snr_db: Option<f32>,
    /// Share of the samples that lie on a flat top, 0–1; 0.001 is heard.
    pub clipped_share: f32,
    /// Constant offset, −1 to 1.
    pub offset: f32,
    /// Holes of exact zeros, 5 ms or longer, within sound that is no silence.
    pub holes: u32,
    pub holes_length: Duration,
    /// Highest frequency that comes through, if the sound shows it: about 4000 is a telephone's, 8000 wideband,
    /// 12000 and above full. `None`: too quiet to tell.
    pub bandwidth_hz: Option<u32>,
}

/// What kind of silence a microphone gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// There is sound.
    None,
    /// Sound, but nothing that stands out and all below −50 dBFS: nobody speaks, or far from the microphone.
    Quiet,
    /// Nothing but the last bits of a converter, below −78 dBFS: muted in the headset, or not connected inside.
    Hardware,
    /// Exact zeros: muted by the system, or a driver that delivers nothing.
    Digital,
}

/// What came back of the swept sine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EchoFacts {
    /// Level of the sweep as it was given to the speaker, after volume.
    pub played_dbfs: f32,
    /// Noise of the room in the quiet before.
    pub noise_dbfs: f32,
    /// What was found; `None`: nothing that stands out of the noise, so that the loss is at least
    /// [`loss_at_least_db`](Self::loss_at_least_db).
    pub found: Option<EchoFound>,
    /// The greatest echo return loss that this measurement could have seen, in dB.
    pub loss_at_least_db: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EchoFound {
    /// Echo return loss, in dB: how much quieter it comes back. May be negative.
    pub loss_db: f32,
    /// From writing to the speaker's ring to reading from the microphone's: the round trip through both devices.
    pub round_trip: Duration,
    /// From the first arrival until all but 1/300 (−25 dB) of the echo has arrived.
    pub tail: Duration,
}

/// How well a device kept time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamFacts {
    /// Id, name and class of the device.
    pub device: String,
    pub name: String,
    pub class: DeviceClass,
    pub rate_hz: u32,
    /// How long it was watched after its start.
    pub length: Duration,
    pub callbacks: u64,
    /// Mean time between two callbacks, in milliseconds.
    pub callback_ms: f32,
    /// The longest time without any, in milliseconds, to the next 10 ms.
    pub longest_pause_ms: f32,
    /// How much faster its clock is than the computer's, in parts per million; `None` before 5 s.
    pub drift_ppm: Option<f32>,
    /// One standard error of the drift.
    pub drift_error_ppm: f32,
    /// Sound that the clock says there should have been and was not, whatever the system reports.
    pub lost: Duration,
    /// Recorded sound that nobody fetched in time, and sound that was not ready for the speaker.
    pub overrun: Duration,
    pub underrun: Duration,
}
