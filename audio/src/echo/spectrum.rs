//! Short-time spectra: windows of 20 ms, a new one each 10 ms, at 16 kHz. The only file that names `realfft`.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::bands::LOW_SAMPLES;

pub(crate) use realfft::num_complex::Complex32 as Complex;

/// Samples of a window.
pub(crate) const WINDOW: usize = 2 * LOW_SAMPLES;
/// Bins of 50 Hz, 0 to 8 kHz.
pub(crate) const BINS: usize = WINDOW / 2 + 1;
pub(crate) const BIN_HZ: f32 = 16_000.0 / WINDOW as f32;

/// One value per bin.
pub(crate) type Bins = [f32; BINS];
pub(crate) type Spectrum = [Complex; BINS];

pub(crate) const NO_BINS: Bins = [0.0; BINS];
pub(crate) const NO_SPECTRUM: Spectrum = [Complex { re: 0.0, im: 0.0 }; BINS];

/// Square root of a Hann window: twice applied, overlapping halves add up to one.
fn window() -> [f32; WINDOW] {
    let mut window = [0.0; WINDOW];
    for (n, value) in window.iter_mut().enumerate() {
        *value = (std::f64::consts::PI * n as f64 / WINDOW as f64).sin() as f32;
    }
    window
}

/// Sound to spectra.
pub(crate) struct Analysis {
    plan: Arc<dyn RealToComplex<f32>>,
    window: [f32; WINDOW],
    before: [f32; LOW_SAMPLES],
    input: Vec<f32>,
    output: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Analysis {
    pub(crate) fn new() -> Self {
        let plan = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
        let (input, output, scratch) = (plan.make_input_vec(), plan.make_output_vec(), plan.make_scratch_vec());
        Self { plan, window: window(), before: [0.0; LOW_SAMPLES], input, output, scratch }
    }

    /// The spectrum of the 10 ms before and these.
    pub(crate) fn process(&mut self, samples: &[f32; LOW_SAMPLES], spectrum: &mut Spectrum) {
        let both = self.before.iter().chain(samples);
        for ((slot, sample), weight) in self.input.iter_mut().zip(both).zip(&self.window) {
            *slot = sample * weight;
        }
        self.before = *samples;
        // Lengths are those of the plan, so it cannot fail.
        self.plan.process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch).ok();
        spectrum.copy_from_slice(&self.output);
    }
}

/// Spectra to sound.
pub(crate) struct Synthesis {
    plan: Arc<dyn ComplexToReal<f32>>,
    window: [f32; WINDOW],
    tail: [f32; LOW_SAMPLES],
    input: Vec<Complex32>,
    output: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl Synthesis {
    pub(crate) fn new() -> Self {
        let plan = RealFftPlanner::<f32>::new().plan_fft_inverse(WINDOW);
        let (input, output, scratch) = (plan.make_input_vec(), plan.make_output_vec(), plan.make_scratch_vec());
        Self { plan, window: window(), tail: [0.0; LOW_SAMPLES], input, output, scratch }
    }

    /// The 10 ms that this spectrum completes: those before the newest.
    pub(crate) fn process(&mut self, spectrum: &Spectrum, samples: &mut [f32; LOW_SAMPLES]) {
        self.inverse(spectrum);
        let (first, second) = self.output.split_at(LOW_SAMPLES);
        let (rise, fall) = self.window.split_at(LOW_SAMPLES);
        for (n, sample) in samples.iter_mut().enumerate() {
            *sample = self.tail[n] + first[n] * rise[n];
            self.tail[n] = second[n] * fall[n];
        }
    }

    /// The plain inverse transform, without window and overlap.
    pub(crate) fn inverse(&mut self, spectrum: &Spectrum) -> &[f32] {
        self.input.copy_from_slice(spectrum);
        // The ends of a real signal's spectrum are real.
        for end in [0, BINS - 1] {
            self.input[end].im = 0.0;
        }
        self.plan.process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch).ok();
        for sample in &mut self.output {
            *sample /= WINDOW as f32;
        }
        &self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sine;

    #[test]
    fn there_and_back_is_the_same_sound_ten_milliseconds_later() {
        let (mut analysis, mut synthesis) = (Analysis::new(), Synthesis::new());
        let input = sine(1_000.0, -10.0, 1600);
        let (mut output, mut spectrum) = (Vec::new(), NO_SPECTRUM);
        for chunk in input.chunks_exact(LOW_SAMPLES) {
            analysis.process(chunk.try_into().unwrap(), &mut spectrum);
            let mut samples = [0.0; LOW_SAMPLES];
            synthesis.process(&spectrum, &mut samples);
            output.extend_from_slice(&samples);
        }
        let worst = output[LOW_SAMPLES..].iter().zip(&input).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
    }
}
