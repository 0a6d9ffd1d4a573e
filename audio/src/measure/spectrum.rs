//! How wide a sound is: the frequency above which nothing comes through.

use std::f64::consts::TAU;

use super::fft::{self, Complex};
use crate::SAMPLE_RATE_HZ;

/// Points of one transform: 21 ms, bins of 47 Hz.
const SIZE: usize = 1024;
/// Bins are looked at in bands of 250 Hz.
const BANDS_PER_KHZ: usize = 4;
/// A codec or a resampler cuts at least this much within [`CLIFF_BANDS`]; speech itself falls by a few decibels.
const CLIFF_DB: f64 = 18.0;
const CLIFF_BANDS: usize = 4;
/// Mean power of a band below this is nothing, in dB re full scale: less than the last bit of 16.
const NOTHING_DB: f64 = -115.0;

/// The highest frequency in Hz that comes through, to the next 250; `None` when the sound is too short or too quiet.
pub(super) fn bandwidth(samples: &[f32]) -> Option<u32> {
    let bands = bands(samples)?;
    let level = |band: usize| bands.get(band).copied().unwrap_or(NOTHING_DB).max(NOTHING_DB);
    let mean = |from: usize, count: usize| (from..from + count).map(level).sum::<f64>() / count as f64;
    // From below: the first cliff after which nothing rises again.
    (8..bands.len().saturating_sub(CLIFF_BANDS + 2))
        .filter(|band| {
            let drop = mean(band - 4, 4) - mean(band + CLIFF_BANDS, 2);
            let above = (band + CLIFF_BANDS..bands.len()).map(level).fold(NOTHING_DB, f64::max);
            drop >= CLIFF_DB && above < mean(band - 4, 4) - CLIFF_DB / 2.0
        })
        .map(|band| {
            // Within the cliff, where half of the least drop is done.
            let half = mean(band - 4, 4) - CLIFF_DB / 2.0;
            (band..bands.len()).find(|at| level(*at) < half).unwrap_or(band)
        })
        .next()
        .map_or(Some(SAMPLE_RATE_HZ / 2), |band| Some((band * 1000 / BANDS_PER_KHZ) as u32))
        .filter(|_| mean(2, 8) > NOTHING_DB + CLIFF_DB + 10.0)
}

/// Mean power of each 250 Hz in the louder three quarters of the recording, in dB. The quiet rest is noise; much more
/// must not go, because the consonants that show the width of a voice are softer than its vowels.
fn bands(samples: &[f32]) -> Option<Vec<f64>> {
    let mut parts: Vec<(&[f32], f64)> = samples
        .chunks_exact(SIZE)
        .map(|part| (part, part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()))
        .collect();
    if parts.len() < 8 {
        return None;
    }
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    parts.truncate((parts.len() * 3).div_ceil(4));
    let mut power = vec![0.0_f64; SIZE / 2];
    for (part, _) in &parts {
        let mut bins: Vec<Complex> = part
            .iter()
            .enumerate()
            .map(|(n, x)| Complex::real(f64::from(*x) * blackman(n as f64 / SIZE as f64)))
            .collect();
        fft::forward(&mut bins);
        for (sum, bin) in power.iter_mut().zip(&bins) {
            *sum += bin.norm();
        }
    }
    let bin_hz = f64::from(SAMPLE_RATE_HZ) / SIZE as f64;
    let band_hz = 1000.0 / BANDS_PER_KHZ as f64;
    let count = (f64::from(SAMPLE_RATE_HZ) / 2.0 / band_hz) as usize;
    let mut bands = vec![(0.0_f64, 0_u32); count];
    for (n, sum) in power.iter().enumerate() {
        if let Some((total, bins)) = bands.get_mut((n as f64 * bin_hz / band_hz) as usize) {
            *total += sum / parts.len() as f64;
            *bins += 1;
        }
    }
    let scale = (SIZE as f64).powi(2);
    Some(
        bands.into_iter().map(|(sum, bins)| 10.0 * (sum / f64::from(bins.max(1)) / scale).max(1e-30).log10()).collect(),
    )
}

/// Side lobes below −90 dB (Blackman-Harris): what lies beyond a cliff must not be a shadow of what lies before it.
fn blackman(x: f64) -> f64 {
    0.358_75 - 0.488_29 * (TAU * x).cos() + 0.141_28 * (2.0 * TAU * x).cos() - 0.011_68 * (3.0 * TAU * x).cos()
}
