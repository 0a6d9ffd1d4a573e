//! What happens to the microphone between its ring and the encoder.
//!
//! Order: high-pass, echo canceller, noise suppression, gain, limiter, meter, mute gate. Canceller and suppression are
//! [`Processor`]s that are put in when they exist; without them the sound passes. The gate comes last, so that the
//! canceller keeps adapting while muted, and nothing that is muted can leave.

use crate::Frame;
use crate::filter::{Gain, HighPass, Limiter};
use crate::level::{Meter, from_db};

/// Below the lowest male voice; above hum of 50 and 60 Hz.
const HIGH_PASS_HZ: f64 = 80.0;

/// A stage that cleans the microphone's sound, for instance an echo canceller.
pub trait Processor: Send {
    /// `far` is what the speaker played at the time `near` was captured.
    fn process(&mut self, near: &mut Frame, far: &Frame);
}

/// The chain of one microphone.
pub struct CaptureChain {
    high_pass: HighPass,
    /// In the order they run: echo canceller, noise suppression.
    processors: Vec<Box<dyn Processor>>,
    gain: Gain,
    limiter: Limiter,
    meter: Meter,
    gate: Gain,
    started: bool,
}

impl Default for CaptureChain {
    fn default() -> Self {
        Self::new()
    }
}

impl CaptureChain {
    /// Not muted, gain 0 dB.
    pub fn new() -> Self {
        Self {
            high_pass: HighPass::new(HIGH_PASS_HZ),
            processors: Vec::new(),
            gain: Gain::new(1.0),
            limiter: Limiter::default(),
            meter: Meter::default(),
            gate: Gain::new(1.0),
            started: false,
        }
    }

    /// Puts stages between high-pass and gain; the echo canceller comes first.
    #[must_use]
    pub fn with_processors(mut self, processors: Vec<Box<dyn Processor>>) -> Self {
        self.processors = processors;
        self
    }

    /// 10 ms from the microphone; `far` is what the speaker played meanwhile (silence, if nothing).
    pub fn process(&mut self, near: &mut Frame, far: &Frame) {
        self.started = true;
        self.high_pass.process(near);
        for processor in &mut self.processors {
            processor.process(near, far);
        }
        self.gain.process(near);
        self.limiter.process(near);
        self.meter.push(near);
        self.gate.process(near);
    }

    /// Closes or opens the gate within 10 ms. A closed gate gives exact zeros. Before the first frame it takes effect
    /// at once: a call that starts muted sends nothing.
    pub fn set_muted(&mut self, muted: bool) {
        let factor = if muted { 0.0 } else { 1.0 };
        if self.started {
            self.gate.set(factor);
        } else {
            self.gate.set_at_once(factor);
        }
    }

    pub fn muted(&self) -> bool {
        self.gate.goal() == 0.0
    }

    /// Amplification of the microphone in dB, −40 to +30.
    pub fn set_gain_db(&mut self, db: f32) {
        self.gain.set(from_db(db.clamp(-40.0, 30.0)));
    }

    /// What the microphone hears, also while muted.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::FRAME_SAMPLES;
    use crate::measure::sine;

    fn speech(n: usize) -> Frame {
        let samples = sine(300.0, -10.0, FRAME_SAMPLES * (n + 1));
        Frame(samples[FRAME_SAMPLES * n..].try_into().unwrap())
    }

    fn is_exact_silence(frame: &Frame) -> bool {
        frame.0.iter().all(|x| x.to_bits() == 0)
    }

    #[test]
    fn a_call_that_starts_muted_sends_nothing_at_all() {
        let mut chain = CaptureChain::new();
        chain.set_muted(true);
        let mut frame = speech(0);
        chain.process(&mut frame, &Frame::SILENCE);
        assert!(is_exact_silence(&frame));
        assert!(chain.meter().rms_dbfs() > -60.0, "the meter still shows what the microphone hears");
    }

    #[test]
    fn processors_see_the_far_end_and_run_before_the_gate() {
        struct Subtract;
        impl Processor for Subtract {
            fn process(&mut self, near: &mut Frame, far: &Frame) {
                for (near, far) in near.0.iter_mut().zip(&far.0) {
                    *near -= far;
                }
            }
        }
        let mut chain = CaptureChain::new().with_processors(vec![Box::new(Subtract)]);
        let mut frame = Frame::SILENCE;
        chain.process(&mut frame, &Frame([0.25; FRAME_SAMPLES]));
        assert!(frame.0.iter().all(|x| (x + 0.25).abs() < 1e-6));
    }

    proptest! {
        #[test]
        fn muted_sound_is_exactly_silence(
            steps in prop::collection::vec((any::<bool>(), prop::num::f32::ANY), 1..60)
        ) {
            let mut chain = CaptureChain::new();
            let mut muted_before = false;
            for (n, (muted, odd)) in steps.into_iter().enumerate() {
                chain.set_muted(muted);
                let mut frame = speech(n);
                frame.0[17] = odd;
                chain.process(&mut frame, &Frame::SILENCE);
                // The frame in which the gate closes fades; every later one is silence to the bit.
                if muted && (muted_before || n == 0) {
                    prop_assert!(is_exact_silence(&frame));
                }
                prop_assert!(frame.0.iter().all(|x| x.is_finite() && x.abs() <= 1.0));
                muted_before = muted;
            }
        }
    }
}
