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
