//! Signals with known answers.

use super::fft::{self, Complex};
use crate::level::{from_db, rms_dbfs};

/// White noise of this level; the same for the same seed.
pub(super) fn noise(samples: usize, dbfs: f32, mut seed: u32) -> Vec<f32> {
    let mut sound: Vec<f32> = (0..samples)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    let gain = from_db(dbfs - rms_dbfs(&sound));
    for x in &mut sound {
        *x *= gain;
    }
    sound
}

pub(super) fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// What a brick-wall low-pass lets through.
pub(super) fn band_limited(sound: &[f32], cut_hz: f64) -> Vec<f32> {
    let size = sound.len().next_power_of_two();
    let mut data: Vec<Complex> = sound.iter().map(|x| Complex::real(f64::from(*x))).collect();
    data.resize(size, Complex::real(0.0));
    fft::forward(&mut data);
    for (n, bin) in data.iter_mut().enumerate() {
        let hz = n.min(size - n) as f64 * 48_000.0 / size as f64;
        *bin = if hz > cut_hz { Complex::real(0.0) } else { bin.conjugate() };
    }
    fft::forward(&mut data);
    data.iter().take(sound.len()).map(|value| (value.re() / size as f64) as f32).collect()
}
