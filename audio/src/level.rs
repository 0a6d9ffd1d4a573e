//! How loud: dBFS, meters with attack and release, and the mean level of a call.
//!
//! 0 dBFS is a sine that just reaches ±1.0 (AES17), so peak and RMS of a sine read the same.

use std::time::Duration;

use crate::{FRAME_SAMPLES, Frame};

/// What is shown and reported for digital silence, in dBFS.
pub const SILENCE_DBFS: f32 = -100.0;

/// Time one frame lasts, in seconds.
const FRAME_S: f32 = 0.010;
const ATTACK_S: f32 = 0.010;
const RELEASE_S: f32 = 0.300;
/// The peak mark stands still this long, then falls.
const PEAK_HOLD: Duration = Duration::from_millis(1500);
const PEAK_FALL_DB_PER_S: f32 = 12.0;
/// Quieter frames are pauses and do not count into the mean.
const SPEECH_FLOOR_DBFS: f32 = -60.0;

/// RMS of the samples in dBFS, at least [`SILENCE_DBFS`].
pub fn rms_dbfs(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBFS;
    }
    mean_square_dbfs(samples.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / samples.len() as f64)
}

/// Highest absolute sample in dBFS, at least [`SILENCE_DBFS`].
pub fn peak_dbfs(samples: &[f32]) -> f32 {
    let peak = samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    (20.0 * peak.log10()).max(SILENCE_DBFS)
}

/// A mean square as dBFS: the mean square of a full-scale sine is ½.
fn mean_square_dbfs(mean_square: f64) -> f32 {
    ((10.0 * (2.0 * mean_square).log10()) as f32).max(SILENCE_DBFS)
}

/// Factor of an amplitude for a gain in dB.
pub fn from_db(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}

/// A level meter: attack 10 ms, release 300 ms, peak held 1.5 s and then falling 12 dB/s. One push per 10 ms.
#[derive(Clone, Debug)]
pub struct Meter {
    rms: f32,
    peak: f32,
    held_frames: u32,
    clipped: bool,
}

impl Default for Meter {
    fn default() -> Self {
        Self { rms: SILENCE_DBFS, peak: SILENCE_DBFS, held_frames: 0, clipped: false }
    }
}

impl Meter {
    pub fn push(&mut self, frame: &Frame) {
        let rms = rms_dbfs(&frame.0);
        let time = if rms > self.rms { ATTACK_S } else { RELEASE_S };
        self.rms += (rms - self.rms) * (1.0 - (-FRAME_S / time).exp());
        let peak = peak_dbfs(&frame.0);
        if peak >= self.peak {
            (self.peak, self.held_frames) = (peak, 0);
        } else {
            self.held_frames = self.held_frames.saturating_add(1);
            if Duration::from_millis(10) * self.held_frames > PEAK_HOLD {
                self.peak = (self.peak - PEAK_FALL_DB_PER_S * FRAME_S).max(peak);
            }
        }
        // Three samples at the rail in a row are clipping; one may be chance.
        self.clipped = frame.0.windows(3).any(|three| three.iter().all(|x| x.abs() >= 0.999));
    }

    /// The bar, in dBFS.
    pub fn rms_dbfs(&self) -> f32 {
        self.rms
    }

    /// The mark, in dBFS.
    pub fn peak_dbfs(&self) -> f32 {
        self.peak
    }

    /// Whether the last frame touched the rail.
    pub fn clipped(&self) -> bool {
        self.clipped
    }
}

/// Energy mean over all frames that are louder than a pause.
#[derive(Clone, Debug, Default)]
pub struct MeanLevel {
    energy: f64,
    frames: u64,
}

impl MeanLevel {
    pub fn push(&mut self, frame: &Frame) {
        let energy = frame.0.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / FRAME_SAMPLES as f64;
        if energy.is_finite() && mean_square_dbfs(energy) > SPEECH_FLOOR_DBFS {
            self.energy += energy;
            self.frames += 1;
        }
    }

    /// Frames that were loud enough.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// `None` while nothing was loud enough.
    pub fn dbfs(&self) -> Option<f32> {
        (self.frames > 0).then(|| mean_square_dbfs(self.energy / self.frames as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sine;

    fn frames(hz: f32, dbfs: f32, count: usize) -> Vec<Frame> {
        sine(hz, dbfs, count * FRAME_SAMPLES)
            .chunks_exact(FRAME_SAMPLES)
            .map(|chunk| Frame(chunk.try_into().unwrap()))
            .collect()
    }

    #[test]
    fn a_sine_reads_the_same_as_peak_and_rms() {
        let samples = sine(1000.0, -20.0, 4800);
        assert!((rms_dbfs(&samples) + 20.0).abs() < 0.05);
        assert!((peak_dbfs(&samples) + 20.0).abs() < 0.05);
        assert!((rms_dbfs(&[]) - SILENCE_DBFS).abs() < f32::EPSILON);
    }

    #[test]
    fn the_bar_rises_at_once_and_falls_slowly() {
        let mut meter = Meter::default();
        for frame in frames(1000.0, -20.0, 10) {
            meter.push(&frame);
        }
        assert!((meter.rms_dbfs() + 20.0).abs() < 1.0, "{}", meter.rms_dbfs());
        for _ in 0..30 {
            meter.push(&Frame::SILENCE);
        }
        // After one release time 63 % of the way to silence.
        assert!((meter.rms_dbfs() + 70.6).abs() < 2.0, "{}", meter.rms_dbfs());
    }

    #[test]
    fn the_peak_is_held_and_then_falls_twelve_db_a_second() {
        let mut meter = Meter::default();
        for frame in frames(1000.0, -6.0, 2) {
            meter.push(&frame);
        }
        for _ in 0..150 {
            meter.push(&Frame::SILENCE);
        }
        assert!((meter.peak_dbfs() + 6.0).abs() < 0.2, "{}", meter.peak_dbfs());
        for _ in 0..100 {
            meter.push(&Frame::SILENCE);
        }
        assert!((meter.peak_dbfs() + 18.0).abs() < 0.3, "{}", meter.peak_dbfs());
    }

    #[test]
    fn pauses_do_not_lower_the_mean() {
        let mut mean = MeanLevel::default();
        assert_eq!(mean.dbfs(), None);
        for frame in frames(500.0, -26.0, 20) {
            mean.push(&frame);
            mean.push(&Frame::SILENCE);
        }
        assert!((mean.dbfs().unwrap() + 26.0).abs() < 0.1);
    }

    #[test]
    fn three_samples_at_the_rail_are_clipping() {
        let mut meter = Meter::default();
        let mut frame = Frame::SILENCE;
        frame.0[7] = 1.0;
        meter.push(&frame);
        assert!(!meter.clipped());
        frame.0[7..10].fill(-1.0);
        meter.push(&frame);
        assert!(meter.clipped());
    }
}
