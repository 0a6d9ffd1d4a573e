//! Takes the far end out of the microphone: linear canceller, then residual echo suppressor, both below 8 kHz; what lies
//! above follows the suppressor's gain.
//!
//! Sound comes out [`DELAY_MS`] later. A canceller that is switched off is not called at all, and costs and delays
//! nothing.

#![allow(clippy::needless_range_loop, reason = "several spectra run in step, and the index is the band")]

mod bands;
mod drift;
mod linear;
mod residual;
mod spectrum;

use bands::{Delay, Down, Join, LOW_SAMPLES};
use drift::DriftMeter;
use linear::LinearCanceller;
use residual::Suppressor;

use crate::Frame;
use crate::align::Reference;

pub use residual::EchoState;

/// How much later sound comes out: 2 ms for the bands, 2 ms for blocks, 10 ms for the suppressor's windows.
pub const DELAY_MS: u32 = 14;

/// The echo canceller of one microphone.
pub struct EchoCanceller {
    near: Down,
    far: Down,
    linear: LinearCanceller,
    suppressor: Suppressor,
    drift: DriftMeter,
    /// The microphone's lower band until its changed twin comes out.
    original: Delay,
    join: Join,
    delay_ms: f32,
    ppm: f32,
}

impl Default for EchoCanceller {
    fn default() -> Self {
        Self::new()
    }
}

impl EchoCanceller {
    pub fn new() -> Self {
        Self {
            near: Down::new(),
            far: Down::new(),
            linear: LinearCanceller::new(),
            suppressor: Suppressor::new(),
            drift: DriftMeter::new(),
            original: Delay::new(linear::BLOCK_DELAY + residual::DELAY),
            join: Join::new(linear::BLOCK_DELAY + residual::DELAY),
            delay_ms: 0.0,
            ppm: 0.0,
        }
    }

    /// 10 ms from the microphone; `reference` is read, and its clock corrected.
    pub fn process(&mut self, frame: &mut Frame, reference: &mut Reference) {
        let mut played = Frame::SILENCE;
        reference.pull(&mut played);
        let (mut near, mut far) = ([0.0; LOW_SAMPLES], [0.0; LOW_SAMPLES]);
        self.near.process(&frame.0, &mut near);
        self.far.process(&played.0, &mut far);
        let cancelled = self.linear.process(&near, &far);
        self.delay_ms = self.linear.delay_ms();
        let mut clean = [0.0; LOW_SAMPLES];
        let high_gain = self.suppressor.process(&cancelled, &far, self.delay_ms, &mut clean);
        let (near_spectrum, far_spectrum) = self.suppressor.spectra();
        if let Some(ppm) = self.drift.push(near_spectrum, far_spectrum, self.delay_ms) {
            reference.correct(ppm);
        }
        self.ppm = reference.ppm();
        self.original.process(&mut near);
        self.join.process(frame, &near, &clean, high_gain);
    }

    pub fn state(&self) -> EchoState {
        EchoState { delay_ms: self.delay_ms, drift_ppm: self.ppm, ..self.suppressor.state() }
    }

    /// Starts afresh, for another microphone or speaker.
    pub fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use assert_no_alloc::{AllocDisabler, assert_no_alloc, reset_violation_count, violation_count};

    use super::linear::Cancelled;
    use super::*;
    use crate::fuzz::Noise;

    #[global_allocator]
    static ALLOCATOR: AllocDisabler = AllocDisabler;

    #[test]
    fn nothing_around_the_linear_canceller_allocates() {
        let (mut noise, mut reference) = (Noise::new(1), Reference::new());
        let (mut near_bands, mut far_bands) = (Down::new(), Down::new());
        let (mut suppressor, mut drift) = (Suppressor::new(), DriftMeter::new());
        let (mut original, mut join) = (Delay::new(residual::DELAY), Join::new(residual::DELAY));
        let mut before = Frame::SILENCE;
        reset_violation_count();
        assert_no_alloc(|| {
            for n in 0..1000 {
                // The far end speaks most of the time, and its echo comes a frame later.
                let mut played = Frame(std::array::from_fn(|_| if n % 100 < 80 { 0.1 * noise.next() } else { 0.0 }));
                let mut frame = Frame(before.0.map(|x| 0.3 * x));
                before = played.clone();
                reference.push(&played);
                reference.pull(&mut played);
                let (mut near, mut far) = ([0.0; LOW_SAMPLES], [0.0; LOW_SAMPLES]);
                near_bands.process(&frame.0, &mut near);
                far_bands.process(&played.0, &mut far);
                let cancelled = Cancelled { error: near.map(|x| 0.1 * x), near };
                let mut clean = [0.0; LOW_SAMPLES];
                let high_gain = suppressor.process(&cancelled, &far, 15.0, &mut clean);
                let (near_spectrum, far_spectrum) = suppressor.spectra();
                if let Some(ppm) = drift.push(near_spectrum, far_spectrum, 15.0) {
                    reference.correct(ppm);
                }
                original.process(&mut near);
                join.process(&mut frame, &near, &clean, high_gain);
                std::hint::black_box(&frame);
            }
        });
        assert_eq!(violation_count(), 0);
        // The canceller itself does: it is not for a device callback (see `linear`).
    }
}
