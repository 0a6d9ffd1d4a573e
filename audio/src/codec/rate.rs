//! Between 48 kHz and a codec's 8 or 16 kHz: whole factors, so a polyphase filter without any rounding of lengths.

use crate::SAMPLE_RATE_HZ;

/// Input samples each output sample of the lower rate is made of, per unit of the factor: 3 ms at 8 kHz.
const REACH: usize = 24;
/// Shape of the window: 70 dB of stop band.
const KAISER: f64 = 6.8;

/// A low-pass just below half of the lower rate; its sum is 1.
fn prototype(factor: usize) -> Vec<f32> {
    let length = REACH * factor;
    // −6 dB at 95 % of half the lower rate: what folds back lies above the voice band.
    let cutoff = 0.95 / factor as f64;
    let middle = (length as f64 - 1.0) / 2.0;
    let taps: Vec<f64> = (0..length)
        .map(|n| {
            let t = n as f64 - middle;
            let angle = std::f64::consts::PI * cutoff * t;
            let sinc = if t == 0.0 { 1.0 } else { angle.sin() / angle };
            let edge = t / (middle + 0.5);
            sinc * bessel(KAISER * (1.0 - edge * edge).max(0.0).sqrt())
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}

/// The modified Bessel function of order 0.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

/// 48 kHz to a lower rate.
pub(super) struct Decimator {
    factor: usize,
    taps: Vec<f32>,
    /// The last samples before those to come.
    history: Vec<f32>,
}

impl Decimator {
    /// `rate_hz` divides 48 000.
    pub(super) fn new(rate_hz: u32) -> Self {
        let factor = (SAMPLE_RATE_HZ / rate_hz.max(1)).max(1) as usize;
        let taps = prototype(factor);
        let mut history = Vec::with_capacity(taps.len() + crate::FRAME_SAMPLES);
        history.resize(taps.len() - 1, 0.0);
        Self { factor, taps, history }
    }

    /// At most a frame of whole multiples of the factor; fills `out`, which is shorter by it.
    pub(super) fn process(&mut self, samples: &[f32], out: &mut [f32]) {
        let past = self.taps.len() - 1;
        self.history.extend(samples.iter().take(crate::FRAME_SAMPLES));
        for (n, out) in out.iter_mut().enumerate() {
            let end = n * self.factor + self.factor - 1;
            let window = self.history.get(end..end + past + 1).unwrap_or_default();
            *out = window.iter().zip(&self.taps).map(|(x, tap)| x * tap).sum();
        }
        let used = self.history.len() - past;
        self.history.copy_within(used.., 0);
        self.history.truncate(past);
    }

    pub(super) fn reset(&mut self) {
        self.history.fill(0.0);
    }
}

/// A lower rate to 48 kHz.
pub(super) struct Interpolator {
    factor: usize,
    /// By phase: each phase's taps, newest sample first.
    phases: Vec<[f32; REACH]>,
    /// Newest first.
    history: [f32; REACH],
}

impl Interpolator {
    pub(super) fn new(rate_hz: u32) -> Self {
        let factor = (SAMPLE_RATE_HZ / rate_hz.max(1)).max(1) as usize;
        let taps = prototype(factor);
        let phases = (0..factor)
            .map(|phase| std::array::from_fn(|k| taps.get(k * factor + phase).map_or(0.0, |tap| tap * factor as f32)))
            .collect();
        Self { factor, phases, history: [0.0; REACH] }
    }

    /// Fills `out`, which is longer than `samples` by the factor.
    pub(super) fn process(&mut self, samples: &[f32], out: &mut [f32]) {
        for (sample, outs) in samples.iter().zip(out.chunks_exact_mut(self.factor)) {
            self.history.copy_within(..REACH - 1, 1);
            self.history[0] = *sample;
            for (out, taps) in outs.iter_mut().zip(&self.phases) {
                *out = taps.iter().zip(&self.history).map(|(tap, x)| tap * x).sum();
            }
        }
    }

    pub(super) fn reset(&mut self) {
        self.history.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;
    use crate::measure::{sine, tone_in};

    /// Down and up again.
    fn there_and_back(rate_hz: u32, hz: f32) -> Vec<f32> {
        let (mut down, mut up) = (Decimator::new(rate_hz), Interpolator::new(rate_hz));
        let short = crate::FRAME_SAMPLES * rate_hz as usize / 48_000;
        let mut low = vec![0.0; short];
        let mut out = vec![0.0; crate::FRAME_SAMPLES];
        let mut heard = Vec::new();
        for frame in sine(hz, -10.0, 48_000).chunks_exact(crate::FRAME_SAMPLES) {
            down.process(frame, &mut low);
            up.process(&low, &mut out);
            heard.extend_from_slice(&out);
        }
        heard
    }

    #[test]
    fn the_voice_band_passes_unchanged() {
        for (rate_hz, hz) in [(8_000, 300.0), (8_000, 1000.0), (8_000, 3200.0), (16_000, 200.0), (16_000, 6500.0)] {
            let tone = tone_in(&there_and_back(rate_hz, hz)[4800..]).unwrap();
            assert!((tone.hz - hz).abs() < 0.5 && (tone.dbfs + 10.0).abs() < 0.4, "{rate_hz} {hz}: {tone:?}");
            assert!(tone.purity > 0.999, "{tone:?}");
        }
    }

    #[test]
    fn what_would_fold_into_the_voice_band_is_taken_away() {
        for (rate_hz, hz) in
            [(8_000, 5000.0), (8_000, 7000.0), (8_000, 12_000.0), (16_000, 10_000.0), (16_000, 15_000.0)]
        {
            let level = rms_dbfs(&there_and_back(rate_hz, hz)[4800..]);
            assert!(level < -65.0, "{rate_hz} {hz}: {level}");
        }
    }
}
