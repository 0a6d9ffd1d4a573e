//! 48 kHz to 16 kHz and back: the canceller works below 8 kHz, and what lies above goes around it.
//!
//! One linear-phase low-pass serves both directions. Down and up again take 96 samples (2 ms) together, so that the
//! upper band is simply the delayed sound minus its lower band, and the two add up to the sound itself.

use crate::{FRAME_SAMPLES, Frame};

/// Samples of a 10 ms frame at 16 kHz.
pub(crate) const LOW_SAMPLES: usize = FRAME_SAMPLES / FACTOR;
/// 48 kHz to 16 kHz.
const FACTOR: usize = 3;
/// Odd and symmetric: 48 samples of delay each way.
const TAPS: usize = 97;
/// Taps of one output phase on the way up.
const PHASE_TAPS: usize = TAPS.div_ceil(FACTOR);
/// Down and up again, in samples at 48 kHz.
pub(crate) const ROUND_TRIP: usize = TAPS - 1;
/// The filter is half down here; aliases and images below 7 kHz stay under −60 dB.
const CORNER_HZ: f64 = 7_900.0;
/// Shape of the Kaiser window for 60 dB.
const KAISER_BETA: f64 = 5.65;

/// Modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..40 {
        term *= (x / (2.0 * f64::from(n))).powi(2);
        sum += term;
    }
    sum
}

/// The low-pass with a sum of one.
fn low_pass() -> [f32; TAPS] {
    let middle = (TAPS / 2) as f64;
    let cut = CORNER_HZ / 24_000.0;
    let mut taps = [0.0_f64; TAPS];
    for (n, tap) in taps.iter_mut().enumerate() {
        let t = n as f64 - middle;
        let sinc = if t == 0.0 { cut } else { (std::f64::consts::PI * cut * t).sin() / (std::f64::consts::PI * t) };
        *tap = sinc * bessel(KAISER_BETA * (1.0 - (t / middle).powi(2)).max(0.0).sqrt()) / bessel(KAISER_BETA);
    }
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

/// 48 kHz in, 16 kHz out.
#[derive(Clone)]
pub(crate) struct Down {
    taps: [f32; TAPS],
    /// The last samples of the frame before, and the frame.
    line: [f32; TAPS - 1 + FRAME_SAMPLES],
}

impl Down {
    pub(crate) fn new() -> Self {
        Self { taps: low_pass(), line: [0.0; TAPS - 1 + FRAME_SAMPLES] }
    }

    pub(crate) fn process(&mut self, frame: &[f32; FRAME_SAMPLES], low: &mut [f32; LOW_SAMPLES]) {
        self.line.copy_within(FRAME_SAMPLES.., 0);
        self.line[TAPS - 1..].copy_from_slice(frame);
        for (out, window) in low.iter_mut().zip(self.line.windows(TAPS).step_by(FACTOR)) {
            *out = window.iter().zip(&self.taps).map(|(x, tap)| x * tap).sum();
        }
    }
}

/// 16 kHz in, 48 kHz out.
#[derive(Clone)]
pub(crate) struct Up {
    /// Per output phase, newest sample last.
    phases: [[f32; PHASE_TAPS]; FACTOR],
    line: [f32; PHASE_TAPS - 1 + LOW_SAMPLES],
}

impl Up {
    pub(crate) fn new() -> Self {
        let taps = low_pass();
        let mut phases = [[0.0; PHASE_TAPS]; FACTOR];
        for (n, tap) in taps.iter().enumerate() {
            // Zeros between the samples took two thirds of the level.
            phases[n % FACTOR][PHASE_TAPS - 1 - n / FACTOR] = tap * FACTOR as f32;
        }
        Self { phases, line: [0.0; PHASE_TAPS - 1 + LOW_SAMPLES] }
    }

    pub(crate) fn process(&mut self, low: &[f32; LOW_SAMPLES], frame: &mut [f32; FRAME_SAMPLES]) {
        self.line.copy_within(LOW_SAMPLES.., 0);
        self.line[PHASE_TAPS - 1..].copy_from_slice(low);
        for (out, window) in frame.chunks_exact_mut(FACTOR).zip(self.line.windows(PHASE_TAPS)) {
            for (out, phase) in out.iter_mut().zip(&self.phases) {
                *out = window.iter().zip(phase).map(|(x, tap)| x * tap).sum();
            }
        }
    }
}

/// A delay of a fixed number of samples.
#[derive(Clone)]
pub(crate) struct Delay {
    line: Vec<f32>,
    at: usize,
}

impl Delay {
    pub(crate) fn new(samples: usize) -> Self {
        Self { line: vec![0.0; samples], at: 0 }
    }

    pub(crate) fn process(&mut self, samples: &mut [f32]) {
        for sample in samples {
            let Some(slot) = self.line.get_mut(self.at) else { return };
            std::mem::swap(slot, sample);
            self.at += 1;
            if self.at == self.line.len() {
                self.at = 0;
            }
        }
    }
}

/// Puts a changed lower band under the upper band of the original sound.
pub(crate) struct Join {
    low: Up,
    original: Up,
    delay: Delay,
    /// Factor of the upper band at the end of the last frame.
    high_gain: f32,
}

impl Join {
    /// `extra` is how many samples at 16 kHz the change of the lower band takes.
    pub(crate) fn new(extra: usize) -> Self {
        let delay = Delay::new(ROUND_TRIP + extra * FACTOR);
        Self { low: Up::new(), original: Up::new(), delay, high_gain: 1.0 }
    }

    /// `frame` is the sound as it was split; `original` its lower band, delayed as much as `low`. The upper band fades
    /// to `high_gain` within the frame.
    pub(crate) fn process(
        &mut self,
        frame: &mut Frame,
        original: &[f32; LOW_SAMPLES],
        low: &[f32; LOW_SAMPLES],
        high_gain: f32,
    ) {
        let (mut lower, mut plain) = ([0.0; FRAME_SAMPLES], [0.0; FRAME_SAMPLES]);
        self.low.process(low, &mut lower);
        self.original.process(original, &mut plain);
        self.delay.process(&mut frame.0);
        let step = (high_gain - self.high_gain) / FRAME_SAMPLES as f32;
        for ((sample, lower), plain) in frame.0.iter_mut().zip(&lower).zip(&plain) {
            self.high_gain += step;
            *sample = lower + (*sample - plain) * self.high_gain;
        }
        self.high_gain = high_gain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;
    use crate::measure::sine;

    fn through(input: &[f32], low_factor: f32, high_gain: f32) -> Vec<f32> {
        let (mut down, mut join) = (Down::new(), Join::new(0));
        let mut out = Vec::new();
        for chunk in input.chunks_exact(FRAME_SAMPLES) {
            let mut frame = Frame(chunk.try_into().unwrap());
            let mut low = [0.0; LOW_SAMPLES];
            down.process(&frame.0, &mut low);
            join.process(&mut frame, &low, &low.map(|x| x * low_factor), high_gain);
            out.extend_from_slice(&frame.0);
        }
        out
    }

    #[test]
    fn both_bands_together_are_the_sound_itself_two_milliseconds_later() {
        let input: Vec<f32> =
            sine(500.0, -10.0, 9600).iter().zip(sine(11_000.0, -20.0, 9600)).map(|(a, b)| a + b).collect();
        let output = through(&input, 1.0, 1.0);
        let worst =
            output[ROUND_TRIP..].iter().zip(&input).map(|(out, sample)| (out - sample).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
    }

    #[test]
    fn each_band_follows_its_own_gain() {
        let level = |hz, low, high| rms_dbfs(&through(&sine(hz, -10.0, 48_000), low, high)[24_000..]);
        assert!(level(1_000.0, 0.0, 1.0) < -70.0);
        assert!((level(1_000.0, 1.0, 0.0) + 10.0).abs() < 0.1);
        assert!((level(12_000.0, 0.0, 1.0) + 10.0).abs() < 0.1);
        assert!(level(12_000.0, 1.0, 0.0) < -68.0);
    }
}
