//! Comfort noise (RFC 3389): a level and the shape of the background, to be heard while the far end says nothing.

/// Reflection coefficients that are used; a payload may carry more, which nobody hears.
const ORDER: usize = 12;
/// The level moves to a new value with this time constant, in samples per millisecond of rate: no step is heard.
const GLIDE_MS: f32 = 20.0;

/// What one payload says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NoiseModel {
    /// Root of the mean square, 0–1; 1 is the overload point (dBov 0).
    level: f32,
    /// Within ±1.
    reflection: [f32; ORDER],
}

impl NoiseModel {
    /// `None`: there is not even a level.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&level, shape) = payload.split_first()?;
        let mut reflection = [0.0; ORDER];
        for (reflection, code) in reflection.iter_mut().zip(shape) {
            // RFC 3389 §3.2: 8 bits with 127 in the middle; 255 is not used.
            *reflection = if *code == 255 { 0.0 } else { 258.0 * (f32::from(*code) - 127.0) / 32_768.0 };
        }
        // RFC 3389 §3.1: the upper bit is reserved, the rest is −dBov.
        Some(Self { level: 10_f32.powf(-f32::from(level & 0x7f) / 20.0), reflection })
    }

    /// The model of a stretch of background noise, written as a payload; the bytes used, at most 13.
    pub fn write(sound: &[f32], payload: &mut [u8]) -> Option<usize> {
        let room = payload.get_mut(..=ORDER)?;
        let mean = sound.iter().map(|x| x * x).sum::<f32>() / sound.len().max(1) as f32;
        let dbov = -10.0 * mean.max(1e-13).log10();
        let (level, shape) = room.split_first_mut()?;
        *level = dbov.round().clamp(0.0, 127.0) as u8;
        let mut correlation = [0.0_f32; ORDER + 1];
        for (lag, sum) in correlation.iter_mut().enumerate() {
            *sum = sound.iter().zip(sound.iter().skip(lag)).map(|(a, b)| a * b).sum();
        }
        // A little white noise keeps the recursion in range.
        correlation[0] = correlation[0] * 1.0001 + 1e-9;
        for (code, k) in shape.iter_mut().zip(reflections(&correlation)) {
            *code = (127.0 + k * 32_768.0 / 258.0).round().clamp(0.0, 254.0) as u8;
        }
        Some(ORDER + 1)
    }
}

/// Levinson and Durbin: autocorrelation to reflection coefficients.
fn reflections(correlation: &[f32; ORDER + 1]) -> [f32; ORDER] {
    let mut predictor = [0.0_f32; ORDER];
    let mut out = [0.0; ORDER];
    let mut error = correlation[0];
    for (order, out) in out.iter_mut().enumerate() {
        let mut sum = correlation.get(order + 1).copied().unwrap_or(0.0);
        for (a, r) in predictor.iter().take(order).zip(correlation.iter().take(order + 1).skip(1).rev()) {
            sum -= a * r;
        }
        let k = (sum / error).clamp(-0.99, 0.99);
        let before = predictor;
        for (a, mirror) in predictor.iter_mut().take(order).zip(before.iter().take(order).rev()) {
            *a -= k * mirror;
        }
        if let Some(a) = predictor.get_mut(order) {
            *a = k;
        }
        error *= 1.0 - k * k;
        // The sign of RFC 3389 is that of the lattice in the generator below.
        *out = -k;
    }
    out
}

/// Makes noise after a model.
pub(super) struct NoiseGenerator {
    model: NoiseModel,
    /// What the level has reached.
    level: f32,
    glide: f32,
    lattice: [f32; ORDER],
    seed: u32,
}

impl NoiseGenerator {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self {
            model: NoiseModel::default(),
            level: 0.0,
            glide: 1.0 / (GLIDE_MS * rate_hz as f32 / 1000.0),
            lattice: [0.0; ORDER],
            seed: 1,
        }
    }

    /// The noise to make from now on. `afresh`: it starts; otherwise it glides from what sounds.
    pub(super) fn set(&mut self, model: NoiseModel, afresh: bool) {
        if afresh {
            self.lattice = [0.0; ORDER];
            self.level = model.level;
        }
        self.model = model;
    }

    pub(super) fn fill(&mut self, out: &mut [f32]) {
        // What the lattice adds to the power of white noise is taken back.
        let shrink = self.model.reflection.iter().map(|k| 1.0 - k * k).product::<f32>().max(0.0).sqrt();
        for out in out {
            self.level += (self.model.level - self.level) * self.glide;
            // Numerical Recipes' generator; even distribution of variance 1.
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = (self.seed >> 8) as f32 / 8_388_608.0 - 1.0;
            let mut forward = white * 3.0_f32.sqrt() * shrink * self.level;
            // The all-pole lattice, highest stage first; `lattice[i]` is the backward path of stage i.
            let mut above: Option<usize> = None;
            for index in (0..ORDER).rev() {
                let (k, backward) = (self.model.reflection[index], self.lattice[index]);
                forward -= k * backward;
                if let Some(slot) = above.and_then(|above| self.lattice.get_mut(above)) {
                    *slot = backward + k * forward;
                }
                above = Some(index);
            }
            self.lattice[0] = forward;
            *out = if forward.is_finite() { forward.clamp(-1.0, 1.0) } else { 0.0 };
        }
        if !self.lattice.iter().all(|x| x.is_finite()) {
            self.lattice = [0.0; ORDER];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;

    fn noise(payload: &[u8]) -> Vec<f32> {
        let mut generator = NoiseGenerator::new(8_000);
        generator.set(NoiseModel::parse(payload).unwrap(), true);
        let mut out = vec![0.0; 80_000];
        generator.fill(&mut out);
        out
    }

    #[test]
    fn the_level_is_the_one_in_the_payload_whatever_the_shape() {
        for payload in [&[40_u8][..], &[50, 200], &[60, 60, 160], &[45, 30, 220, 110, 140], &[0x80 | 0x1e, 127]] {
            // dBFS counts from a sine, dBov from a square.
            let level = rms_dbfs(&noise(payload)) - 3.01;
            let told = -f32::from(payload[0] & 0x7f);
            assert!((level - told).abs() < 1.0, "{payload:?}: {level}");
        }
        assert!(rms_dbfs(&noise(&[127])) < -90.0);
    }

    #[test]
    fn what_is_measured_is_what_is_heard() {
        // Low-passed noise: neighbours are alike.
        let mut rumble = noise(&[30, 127]);
        let mut last = 0.0;
        for sample in &mut rumble {
            last = 0.9 * last + 0.3 * *sample;
            *sample = last;
        }
        let mut payload = [0; 20];
        let length = NoiseModel::write(&rumble, &mut payload).unwrap();
        let heard = noise(&payload[..length]);
        let alike = |sound: &[f32]| {
            let sum: f32 = sound.iter().zip(&sound[1..]).map(|(a, b)| a * b).sum();
            sum / sound.iter().map(|x| x * x).sum::<f32>()
        };
        assert!((alike(&heard) - alike(&rumble)).abs() < 0.05, "{} {}", alike(&heard), alike(&rumble));
        assert!((rms_dbfs(&heard) - rms_dbfs(&rumble)).abs() < 1.0);
    }

    #[test]
    fn a_payload_without_a_level_is_refused() {
        assert_eq!(NoiseModel::parse(&[]), None);
        assert!(NoiseModel::parse(&[255; 200]).is_some());
    }
}
