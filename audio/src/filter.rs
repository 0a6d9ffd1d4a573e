//! The small pieces chains are made of: high-pass, gain with ramp, limiter.

use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// Second-order Butterworth high-pass: takes away hum, rumble and offset below the voice.
#[derive(Clone, Debug)]
pub struct HighPass {
    b: [f64; 3],
    a: [f64; 2],
    // Direct form II transposed; f64, because at 80 Hz the poles sit close to the unit circle.
    state: [f64; 2],
}

impl HighPass {
    /// `corner_hz` is the −3 dB point.
    pub fn new(corner_hz: f64) -> Self {
        let k = (std::f64::consts::PI * corner_hz / f64::from(SAMPLE_RATE_HZ)).tan();
        let norm = 1.0 / (1.0 + std::f64::consts::SQRT_2 * k + k * k);
        Self {
            b: [norm, -2.0 * norm, norm],
            a: [2.0 * (k * k - 1.0) * norm, (1.0 - std::f64::consts::SQRT_2 * k + k * k) * norm],
            state: [0.0; 2],
        }
    }

    pub fn process(&mut self, frame: &mut Frame) {
        for sample in &mut frame.0 {
            let x = if sample.is_finite() { f64::from(*sample) } else { 0.0 };
            let y = self.b[0] * x + self.state[0];
            self.state[0] = self.b[1] * x - self.a[0] * y + self.state[1];
            self.state[1] = self.b[2] * x - self.a[1] * y;
            *sample = y as f32;
        }
        // Denormals would make silence expensive.
        for state in &mut self.state {
            if state.abs() < 1e-20 {
                *state = 0.0;
            }
        }
    }
}

/// A factor that moves to its goal in one frame (10 ms), so that no step is heard.
#[derive(Clone, Copy, Debug)]
pub struct Gain {
    current: f32,
    goal: f32,
}

impl Gain {
    pub fn new(factor: f32) -> Self {
        Self { current: factor, goal: factor }
    }

    /// The goal, reached at the end of the next frame.
    pub fn set(&mut self, factor: f32) {
        self.goal = factor;
    }

    /// The goal, in force from the next sample on.
    pub fn set_at_once(&mut self, factor: f32) {
        *self = Self::new(factor);
    }

    pub fn goal(&self) -> f32 {
        self.goal
    }

    pub fn process(&mut self, frame: &mut Frame) {
        if (self.current - self.goal).abs() > 0.0 {
            let step = (self.goal - self.current) / FRAME_SAMPLES as f32;
            for sample in &mut frame.0 {
                self.current += step;
                *sample *= self.current;
            }
            self.current = self.goal;
        } else if self.current == 0.0 {
            // Not by multiplication: 0 × NaN is NaN, and −x × 0 is −0.
            frame.0.fill(0.0);
        } else if (self.current - 1.0).abs() > 0.0 {
            for sample in &mut frame.0 {
                *sample *= self.current;
            }
        }
    }
}

/// Keeps samples below the rail: turns down at once when a peak comes and back up within about 100 ms. Without
/// look-ahead, so it adds no delay; below the ceiling it changes nothing.
#[derive(Clone, Debug)]
pub struct Limiter {
    gain: f32,
}

/// −1 dBFS: room for what resamplers and converters add between samples.
const CEILING: f32 = 0.891;
/// Way back up, as a share of the distance per sample: a time constant of 60 ms.
const RECOVERY: f32 = 1.0 / (0.060 * SAMPLE_RATE_HZ as f32);

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    pub fn process(&mut self, frame: &mut Frame) {
        for sample in &mut frame.0 {
            if !sample.is_finite() {
                *sample = 0.0;
            }
            self.gain += (1.0 - self.gain) * RECOVERY;
            let height = sample.abs();
            if height * self.gain > CEILING {
                self.gain = CEILING / height;
            }
            *sample *= self.gain;
        }
        if self.gain > 0.999_99 {
            self.gain = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{peak_dbfs, rms_dbfs};
    use crate::measure::sine;

    fn run(samples: &[f32], mut process: impl FnMut(&mut Frame)) -> Vec<f32> {
        let mut out = Vec::new();
        for chunk in samples.chunks_exact(FRAME_SAMPLES) {
            let mut frame = Frame(chunk.try_into().unwrap());
            process(&mut frame);
            out.extend_from_slice(&frame.0);
        }
        out
    }

    #[test]
    fn high_pass_takes_hum_and_offset_and_leaves_speech() {
        let mut filter = HighPass::new(80.0);
        let mut level = |hz: f32| {
            let input: Vec<f32> = sine(hz, -20.0, 48_000).iter().map(|x| x + 0.1).collect();
            let output = run(&input, |frame| filter.process(frame));
            rms_dbfs(&output[24_000..]) + 20.0
        };
        assert!((level(1000.0)).abs() < 0.1);
        assert!((level(80.0) + 3.0).abs() < 0.3);
        assert!(level(20.0) < -22.0);
    }

    #[test]
    fn gain_moves_without_a_step() {
        let mut gain = Gain::new(1.0);
        gain.set(0.0);
        let output = run(&vec![1.0; 960], |frame| gain.process(frame));
        assert!(output[..481].windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.01));
        assert!(output[480..].iter().all(|x| x.to_bits() == 0));
    }

    #[test]
    fn limiter_keeps_below_the_rail_and_leaves_the_rest() {
        let mut limiter = Limiter::default();
        let loud: Vec<f32> = sine(440.0, 12.0, 48_000);
        let output = run(&loud, |frame| limiter.process(frame));
        assert!(peak_dbfs(&output) <= -0.99);
        // Steady loudness becomes steady: not a clipped wave.
        assert!((rms_dbfs(&output[24_000..]) + 1.2).abs() < 0.5, "{}", rms_dbfs(&output[24_000..]));

        let mut limiter = Limiter::default();
        let soft = sine(440.0, -3.0, 4800);
        assert_eq!(run(&soft, |frame| limiter.process(frame)), soft);
    }
}
