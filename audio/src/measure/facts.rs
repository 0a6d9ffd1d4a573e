//! What a measurement says, as plain data. Whether it is good is judged elsewhere.
//!
//! Levels are in dBFS, where a full-scale sine reads 0 and [`SILENCE_DBFS`](crate::level::SILENCE_DBFS) stands for
//! digital silence.

use std::time::Duration;

/// What a recording of a microphone says; [`listen`](super::listen) finds it.
#[derive(Clone, Debug, PartialEq)]
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
    /// Share of the samples that lie on a flat top, 0–1.
    pub clipped_share: f32,
    /// Constant offset, −1 to 1.
    pub offset: f32,
    /// Holes of exact zeros, 5 ms or longer, within sound.
    pub holes: u32,
    pub holes_length: Duration,
    /// Highest frequency that comes through, if the sound shows it.
    pub bandwidth_hz: Option<u32>,
}

/// What kind of silence a microphone gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    None,
    /// Sound, but nothing that stands out and all below −50 dBFS.
    Quiet,
    /// Nothing but the last bits of a converter, below −78 dBFS.
    Hardware,
    /// Exact zeros.
    Digital,
}

/// What came back of a swept sine; [`echo`](super::echo::analyse) finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct EchoFacts {
    /// Level of the sweep as it was played.
    pub played_dbfs: f32,
    /// Level of the room before.
    pub noise_dbfs: f32,
    /// `None`: nothing that stands out of the noise.
    pub found: Option<EchoFound>,
    /// The greatest loss that could have been seen, in dB.
    pub loss_at_least_db: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EchoFound {
    /// Echo return loss in dB: how much quieter the sweep comes back, over the frequencies that were played.
    pub loss_db: f32,
    /// From the beginning of the sweep as it was played to its first arrival.
    pub delay: Duration,
    /// From the first arrival until all but 1/300 (−25 dB) of the echo's energy has arrived.
    pub tail: Duration,
}

/// How well a device kept time; [`StreamWatch`](super::StreamWatch) finds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StreamFacts {
    /// How long it was watched, without its start.
    pub length: Duration,
    pub callbacks: u64,
    /// Mean time between two callbacks.
    pub callback: Duration,
    /// The longest time without any, as exact as it was looked at.
    pub longest_pause: Duration,
    /// How much faster its clock is than the computer's, in parts per million; `None` before 5 s.
    pub drift_ppm: Option<f32>,
    /// One standard error of the drift.
    pub drift_error_ppm: f32,
    /// Sound that the clock says there should have been and was not.
    pub lost: Duration,
    pub overrun: Duration,
    pub underrun: Duration,
}
