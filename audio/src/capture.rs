//! What happens to the microphone between its ring and the encoder.
//!
//! Order: high-pass, echo canceller, noise suppression, automatic gain, the user's gain, limiter, meter, mute gate. The
//! gate comes last, so that the canceller keeps adapting while muted, and nothing that is muted can leave. With all three
//! of [`CaptureSettings`] off the sound passes bit by bit, as long as it stays below the limiter.
//!
//! The canceller needs to know what the speaker plays: hand each frame that is written for it to
//! [`CaptureChain::played`], after volume and limiter.

use crate::Frame;
use crate::align::Reference;
use crate::echo::{self, EchoCanceller, EchoState};
use crate::filter::{Gain, HighPass, Limiter};
use crate::gain::AutomaticGain;
use crate::level::{Meter, from_db};
use crate::noise::{self, NoisePreset, NoiseSuppressor};

/// Below the lowest male voice; above hum of 50 and 60 Hz.
const HIGH_PASS_HZ: f64 = 80.0;

/// What is done to the microphone's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureSettings {
    /// Take the far end out of the microphone.
    pub echo: bool,
    pub noise: NoisePreset,
    /// Bring quiet and loud voices to the same level; digital, the system's slider stays.
    pub even_out: bool,
}

impl CaptureSettings {
    /// Nothing is done.
    pub const OFF: Self = Self { echo: false, noise: NoisePreset::Off, even_out: false };
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self { echo: true, noise: NoisePreset::Normal, even_out: false }
    }
}

/// The chain of one microphone.
pub struct CaptureChain {
    settings: CaptureSettings,
    high_pass: HighPass,
    reference: Reference,
    echo: Option<Box<EchoCanceller>>,
    noise: NoiseSuppressor,
    even_out: AutomaticGain,
    gain: Gain,
    limiter: Limiter,
    meter: Meter,
    gate: Gain,
    /// From silence to full after a change of settings, so that the jump in delay is not heard.
    fade: Gain,
    started: bool,
}

impl Default for CaptureChain {
    fn default() -> Self {
        Self::new()
    }
}

impl CaptureChain {
    /// Nothing is done, not muted, gain 0 dB.
    pub fn new() -> Self {
        Self {
            settings: CaptureSettings::OFF,
            high_pass: HighPass::new(HIGH_PASS_HZ),
            reference: Reference::new(),
            echo: None,
            noise: NoiseSuppressor::new(),
            even_out: AutomaticGain::default(),
            gain: Gain::new(1.0),
            limiter: Limiter::default(),
            meter: Meter::default(),
            gate: Gain::new(1.0),
            fade: Gain::new(1.0),
            started: false,
        }
    }

    /// Does this from the next frame on. What is switched on learns afresh, which allocates.
    pub fn set(&mut self, settings: CaptureSettings) {
        if settings == self.settings {
            return;
        }
        if settings.echo != self.settings.echo {
            self.echo = settings.echo.then(|| Box::new(EchoCanceller::new()));
        }
        if settings.even_out && !self.settings.even_out {
            self.even_out = AutomaticGain::default();
        }
        self.settings = settings;
        if self.started {
            self.fade.set_at_once(0.0);
            self.fade.set(1.0);
        }
    }

    pub fn settings(&self) -> CaptureSettings {
        self.settings
    }

    /// 10 ms that were written for the speaker, after volume and limiter.
    pub fn played(&mut self, frame: &Frame) {
        if self.echo.is_some() {
            self.reference.push(frame);
        }
    }

    /// Another microphone or speaker: what was learned of the way between them is wrong.
    pub fn path_changed(&mut self) {
        self.reference.reset();
        if let Some(echo) = &mut self.echo {
            echo.reset();
        }
    }

    /// 10 ms from the microphone.
    pub fn process(&mut self, near: &mut Frame) {
        self.started = true;
        if self.settings != CaptureSettings::OFF {
            self.high_pass.process(near);
        }
        if let Some(echo) = &mut self.echo {
            echo.process(near, &mut self.reference);
        }
        if self.settings.noise != NoisePreset::Off {
            self.noise.process(near, self.settings.noise);
        }
        if self.settings.even_out {
            self.even_out.process(near);
        }
        self.gain.process(near);
        self.fade.process(near);
        self.limiter.process(near);
        self.meter.push(near);
        self.gate.process(near);
    }

    /// How much later sound comes out, in milliseconds.
    pub fn delay_ms(&self) -> u32 {
        let echo = if self.echo.is_some() { echo::DELAY_MS } else { 0 };
        let noise = if self.settings.noise == NoisePreset::Off { 0 } else { noise::DELAY_MS };
        echo + noise
    }

    /// What the canceller knows; `None` while it is off.
    pub fn echo_state(&self) -> Option<EchoState> {
        self.echo.as_ref().map(|echo| echo.state())
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
    use crate::jitter::emulation::voice;
    use crate::level::rms_dbfs;
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
        chain.process(&mut frame);
        assert!(is_exact_silence(&frame));
        assert!(chain.meter().rms_dbfs() > -60.0, "the meter still shows what the microphone hears");
    }

    #[test]
    fn with_everything_off_sound_passes_bit_by_bit() {
        let mut chain = CaptureChain::new();
        for n in 0..20 {
            let mut frame = speech(n);
            chain.played(&speech(n + 3));
            chain.process(&mut frame);
            assert_eq!(frame, speech(n));
        }
        assert_eq!((chain.delay_ms(), chain.echo_state()), (0, None));
    }

    #[test]
    fn a_muted_chain_is_silent_with_everything_on_and_goes_on_learning() {
        let mut chain = CaptureChain::new();
        chain.set(CaptureSettings { even_out: true, ..CaptureSettings::default() });
        chain.set_muted(true);
        for n in 0..50 {
            let mut frame = speech(n);
            chain.played(&speech(n + 3));
            chain.process(&mut frame);
            assert!(is_exact_silence(&frame));
        }
        assert!(chain.echo_state().is_some());
        assert_eq!(chain.delay_ms(), 24);
    }

    /// As between a speaker and a microphone beside it: at full level, and 60 ms later.
    #[test]
    fn two_seconds_on_an_echo_is_forty_db_down() {
        const LATER: usize = 60 * 48;
        let far = voice(12.0);
        let mut heard = vec![0.0; LATER];
        heard.extend_from_slice(&far);
        let mut chain = CaptureChain::new();
        chain.set(CaptureSettings { echo: true, ..CaptureSettings::OFF });
        let (mut echo, mut back) = (Vec::new(), Vec::new());
        for (far, near) in far.as_chunks::<FRAME_SAMPLES>().0.iter().zip(heard.as_chunks::<FRAME_SAMPLES>().0) {
            let mut frame = Frame(*near);
            echo.extend_from_slice(near);
            chain.played(&Frame(*far));
            chain.process(&mut frame);
            back.extend_from_slice(&frame.0);
        }
        let seconds: Vec<(f32, f32)> =
            echo.chunks(48_000).zip(back.chunks(48_000)).map(|(echo, back)| (rms_dbfs(echo), rms_dbfs(back))).collect();
        println!("echo and what is left of it, each second: {seconds:.0?}");
        let (echo, back) = (rms_dbfs(&echo[96_000..]), rms_dbfs(&back[96_000..]));
        assert!(echo > -40.0 && back < echo - 40.0, "of {echo} dBFS {back} are left");
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
                chain.process(&mut frame);
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
