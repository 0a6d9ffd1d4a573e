//! Takes steady and sudden noise out of the microphone's sound. The only file that names `nnnoiseless`, a port of `RNNoise`:
//! a small recurrent network that finds a gain per band. Nothing allocates after construction.
//!
//! Known limit: the network takes loud white noise for speech. At −39 dBFS it goes down by 3 dB only, at −59 dBFS by 20 and
//! more; noise that falls with frequency, as of fans and rooms, by 40 and more.

use nnnoiseless::DenoiseState;

use crate::{FRAME_SAMPLES, Frame};

/// How much later sound comes out.
pub const DELAY_MS: u32 = 10;
/// The network was taught with 16 bit sound.
const FULL_SCALE: f32 = 32_767.0;
/// What is left of the sound as it was: it keeps weak consonants that the network takes for noise, and the place from
/// sounding dead. 16 dB down.
const DRY_NORMAL: f32 = 0.16;

/// How hard noise is suppressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoisePreset {
    Off,
    /// Noise at most 16 dB down, speech as natural as can be.
    #[default]
    Normal,
    /// As much as the network can.
    Strong,
}

/// See the module.
pub struct NoiseSuppressor {
    network: Box<DenoiseState<'static>>,
    before: [f32; FRAME_SAMPLES],
    dry: f32,
    /// Whether somebody speaks, 0–1, as the network thinks.
    speech: f32,
}

impl Default for NoiseSuppressor {
    fn default() -> Self {
        Self::new()
    }
}

impl NoiseSuppressor {
    pub fn new() -> Self {
        // The crate makes its tables for the Fourier transform when the first sound passes.
        DenoiseState::new().process_frame(&mut [0.0; FRAME_SAMPLES], &[0.0; FRAME_SAMPLES]);
        Self { network: DenoiseState::new(), before: [0.0; FRAME_SAMPLES], dry: DRY_NORMAL, speech: 0.0 }
    }

    /// 10 ms. [`NoisePreset::Off`] counts as normal here: who wants it off does not call.
    pub fn process(&mut self, frame: &mut Frame, preset: NoisePreset) {
        let goal = if preset == NoisePreset::Strong { 0.0 } else { DRY_NORMAL };
        let input = frame.0.map(|x| if x.is_finite() { x.clamp(-1.0, 1.0) * FULL_SCALE } else { 0.0 });
        let mut clean = [0.0; FRAME_SAMPLES];
        self.speech = self.network.process_frame(&mut clean, &input);
        let step = (goal - self.dry) / FRAME_SAMPLES as f32;
        let both = self.before.iter_mut().zip(&input).zip(&clean);
        for (out, ((before, input), clean)) in frame.0.iter_mut().zip(both) {
            self.dry += step;
            let dry = std::mem::replace(before, *input);
            let mixed = clean * (1.0 - self.dry) + dry * self.dry;
            *out = if mixed.is_finite() { mixed / FULL_SCALE } else { 0.0 };
        }
        self.dry = goal;
    }

    /// How sure the network is that there was speech in the last frame, 0–1.
    pub fn speech(&self) -> f32 {
        self.speech
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Noise;
    use crate::level::rms_dbfs;

    /// How much lower noise comes out, in dB.
    fn noise_through(preset: NoisePreset) -> f32 {
        let (mut noise, mut suppressor) = (Noise::new(3), NoiseSuppressor::new());
        let (mut heard, mut out, mut level) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..300 {
            // Like a fan: each octave weaker than the one below.
            let mut frame = Frame(std::array::from_fn(|_| {
                level += 0.05 * (noise.next() * 0.1 - level);
                level
            }));
            heard.extend_from_slice(&frame.0);
            suppressor.process(&mut frame, preset);
            out.extend_from_slice(&frame.0);
        }
        rms_dbfs(&heard[96_000..]) - rms_dbfs(&out[96_000..])
    }

    #[test]
    fn noise_goes_down_by_sixteen_db_normally_and_more_if_strong() {
        let normal = noise_through(NoisePreset::Normal);
        let strong = noise_through(NoisePreset::Strong);
        assert!((12.0..18.0).contains(&normal), "{normal}");
        assert!(strong > normal + 6.0, "{strong}");
    }

    #[test]
    fn bad_samples_do_not_stay() {
        let mut suppressor = NoiseSuppressor::new();
        for n in 0..100 {
            let mut frame = Frame([if n == 3 { f32::NAN } else { 0.01 }; FRAME_SAMPLES]);
            suppressor.process(&mut frame, NoisePreset::Strong);
            assert!(frame.0.iter().all(|x| x.is_finite()));
        }
    }
}
