//! Facts about recorded sound, for tests, benches and diagnostics: which tone, how loud, how late, how alike.
//!
//! Offline: these functions allocate and take as long as they need. [`StreamWatch`] does not, and runs beside the sound.

pub mod echo;
pub mod facts;
mod fft;
mod listen;
mod spectrum;
mod stream_watch;
#[cfg(test)]
mod testing;

use std::f32::consts::TAU;
use std::time::Duration;

use crate::SAMPLE_RATE_HZ;
use crate::level::{from_db, rms_dbfs};
use fft::Complex;

pub use listen::listen;
pub use stream_watch::{StreamCounts, StreamWatch};

/// A tone that stands out of a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeardTone {
    pub hz: f32,
    /// Level of the tone alone.
    pub dbfs: f32,
    /// Share of the recording's energy that is in the tone, 0–1.
    pub purity: f32,
}

/// How one signal is contained in another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// How much later, in samples; negative: earlier.
    pub samples: i64,
    /// Normalised correlation at that lag, −1 to 1.
    pub correlation: f32,
}

/// How well speech came through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechHeard {
    /// Median delay of the stretches that were recognised.
    pub delay: Duration,
    /// Share of the spoken stretches (half a second each) that were recognised, 0–1.
    pub recognised: f32,
    /// Level heard minus level sent over the recognised stretches, in dB.
    pub gain_db: f32,
}

/// A sine at 48 kHz that starts at phase 0.
pub fn sine(hz: f32, dbfs: f32, samples: usize) -> Vec<f32> {
    let amplitude = from_db(dbfs);
    let step = f64::from(hz) / f64::from(SAMPLE_RATE_HZ);
    (0..samples).map(|n| amplitude * (TAU * (n as f64 * step).fract() as f32).sin()).collect()
}

/// A tone for the ears of somebody who checks a speaker: 880 Hz, 1.2 s, three soft strokes at −18 dBFS.
pub fn test_tone() -> Vec<f32> {
    const STROKE: usize = SAMPLE_RATE_HZ as usize * 4 / 10;
    let mut tone = sine(880.0, -18.0, 3 * STROKE);
    for stroke in tone.chunks_mut(STROKE) {
        for (n, sample) in stroke.iter_mut().enumerate() {
            let rise = (n as f32 / 480.0).min(1.0);
            let fall = ((STROKE - n) as f32 / (STROKE as f32 * 0.6)).min(1.0);
            *sample *= rise * fall * fall;
        }
    }
    tone
}

/// The strongest tone in up to the first 1.4 s; `None` when the recording is silent or shorter than 20 ms.
pub fn tone_in(samples: &[f32]) -> Option<HeardTone> {
    let size = (1 << samples.len().checked_ilog2()?).min(65_536);
    if size < 1024 {
        return None;
    }
    let part = samples.get(..size)?;
    let energy: f64 = part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / size as f64;
    if energy < 1e-10 {
        return None;
    }
    let mut bins: Vec<Complex> = part
        .iter()
        .enumerate()
        // Hann: its main lobe is a parabola in dB near enough to interpolate.
        .map(|(n, x)| Complex::real(f64::from(*x) * (0.5 - 0.5 * (f64::from(TAU) * n as f64 / size as f64).cos())))
        .collect();
    fft::forward(&mut bins);
    let power: Vec<f64> = bins[..size / 2].iter().map(|bin| bin.norm()).collect();
    let peak = (2..size / 2 - 2).max_by(|a, b| power[*a].total_cmp(&power[*b]))?;
    let log = |index: usize| power[index].max(1e-30).ln();
    let (left, middle, right) = (log(peak - 1), log(peak), log(peak + 1));
    let bend = left - 2.0 * middle + right;
    let offset = if bend.abs() > 1e-12 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    let hz = ((peak as f64 + offset) * f64::from(SAMPLE_RATE_HZ) / size as f64) as f32;
    // All of the main lobe; the window's mean square is 3/8, and half the energy is at negative frequencies.
    let lobe: f64 = power[peak - 2..=peak + 2].iter().sum();
    let in_tone = 2.0 * lobe / (size as f64 * size as f64) / 0.375;
    Some(HeardTone { hz, dbfs: (10.0 * (2.0 * in_tone).log10()) as f32, purity: ((in_tone / energy) as f32).min(1.0) })
}

/// Level of one frequency in dBFS (Goertzel over the whole recording).
pub fn level_at(samples: &[f32], hz: f32) -> f32 {
    let omega = f64::from(TAU) * f64::from(hz) / f64::from(SAMPLE_RATE_HZ);
    let (mut one, mut two) = (0.0_f64, 0.0_f64);
    for sample in samples {
        let now = f64::from(*sample) + 2.0 * omega.cos() * one - two;
        (two, one) = (one, now);
    }
    let power = one * one + two * two - 2.0 * omega.cos() * one * two;
    let amplitude = 2.0 * power.max(0.0).sqrt() / samples.len().max(1) as f64;
    ((20.0 * amplitude.log10()) as f32).max(crate::level::SILENCE_DBFS)
}

/// Where `sent` lies in `heard`. Both at 48 kHz. `None` when one of them is silent.
pub fn lag(sent: &[f32], heard: &[f32]) -> Option<Lag> {
    let size = (sent.len() + heard.len()).next_power_of_two();
    let energy = |samples: &[f32]| samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    let sent_energy = energy(sent);
    if sent_energy < 1e-9 || energy(heard) < 1e-9 {
        return None;
    }
    let correlation = fft::correlate(sent, heard, size);
    let (index, best) = correlation.iter().copied().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    let samples = if index > heard.len() { index as i64 - size as i64 } else { index as i64 };
    // Energy of the part of `heard` that lies under `sent`.
    let from = usize::try_from(samples).unwrap_or(0).min(heard.len());
    let to = usize::try_from(samples + sent.len() as i64).unwrap_or(0).clamp(from, heard.len());
    let norm = (sent_energy * energy(heard.get(from..to)?)).sqrt();
    Some(Lag { samples, correlation: if norm > 0.0 { (best / norm) as f32 } else { 0.0 } })
}

/// Compares speech that was sent with what was heard. Half-second stretches are looked for one by one, up to `latest`
/// later, so that a delay that changes (a jitter buffer at work) and single gaps do not spoil the result.
pub fn speech_heard(sent: &[f32], heard: &[f32], latest: Duration) -> Option<SpeechHeard> {
    const STRETCH: usize = SAMPLE_RATE_HZ as usize / 2;
    /// Codecs keep the wave of speech well; two different stretches of speech rarely reach half of this.
    const ALIKE: f32 = 0.6;
    let reach = (latest.as_secs_f64() * f64::from(SAMPLE_RATE_HZ)) as usize;
    let (mut spoken, mut delays, mut gains) = (0_u32, Vec::new(), Vec::new());
    for (n, stretch) in sent.chunks_exact(STRETCH).enumerate() {
        if rms_dbfs(stretch) < -50.0 {
            continue;
        }
        spoken += 1;
        let start = n * STRETCH;
        let Some(around) = heard.get(start..(start + STRETCH + reach).min(heard.len())) else { continue };
        let Some(found) = lag(stretch, around).filter(|found| found.correlation > ALIKE && found.samples >= 0) else {
            continue;
        };
        let from = found.samples as usize;
        let Some(there) = around.get(from..(from + STRETCH).min(around.len())) else { continue };
        delays.push(found.samples as u64);
        gains.push(rms_dbfs(there) - rms_dbfs(stretch));
    }
    if delays.is_empty() {
        return (spoken > 0).then_some(SpeechHeard { delay: Duration::ZERO, recognised: 0.0, gain_db: 0.0 });
    }
    delays.sort_unstable();
    let recognised = delays.len() as f32 / spoken as f32;
    let gain_db = gains.iter().sum::<f32>() / gains.len() as f32;
    let median = delays.get(delays.len() / 2).copied().unwrap_or(0);
    Some(SpeechHeard { delay: Duration::from_secs_f64(median as f64 / f64::from(SAMPLE_RATE_HZ)), recognised, gain_db })
}

/// A chirp for measuring delays: 300 to 6000 Hz in 80 ms at −10 dBFS, faded at both ends. Speech codecs pass it.
pub fn chirp() -> Vec<f32> {
    const LENGTH: usize = SAMPLE_RATE_HZ as usize * 80 / 1000;
    let (low, high, seconds) = (300.0_f64, 6000.0_f64, 0.080_f64);
    let rate = (high - low) / seconds;
    (0..LENGTH)
        .map(|n| {
            let t = n as f64 / f64::from(SAMPLE_RATE_HZ);
            let edge = (n.min(LENGTH - 1 - n) as f64 / 240.0).min(1.0);
            let phase = std::f64::consts::TAU * (low * t + 0.5 * rate * t * t);
            (f64::from(from_db(-10.0)) * edge * phase.sin()) as f32
        })
        .collect()
}

/// Where chirps start in a recording, in samples, found by a matched filter. Two are at least 200 ms apart.
pub fn chirps_in(heard: &[f32]) -> Vec<usize> {
    const APART: usize = SAMPLE_RATE_HZ as usize / 5;
    let pattern = chirp();
    if heard.len() < pattern.len() {
        return Vec::new();
    }
    let size = (pattern.len() + heard.len()).next_power_of_two();
    let matched = fft::correlate(&pattern, heard, size);
    let pattern_energy: f64 = pattern.iter().map(|x| f64::from(*x).powi(2)).sum();
    // Running energy under the pattern, so that the result is a correlation whatever the level.
    let mut sums = Vec::with_capacity(heard.len() + 1);
    sums.push(0.0_f64);
    let mut sum = 0.0;
    for sample in heard {
        sum += f64::from(*sample).powi(2);
        sums.push(sum);
    }
    let score = |n: usize| {
        let energy = sums[(n + pattern.len()).min(heard.len())] - sums[n];
        if energy < 1e-6 { 0.0 } else { matched[n].abs() / (energy * pattern_energy).sqrt() }
    };
    let mut found: Vec<(usize, f64)> = Vec::new();
    for n in 0..heard.len() {
        let score = score(n);
        if score < 0.5 {
            continue;
        }
        match found.last_mut() {
            Some((at, best)) if n - *at < APART => {
                if score > *best {
                    (*at, *best) = (n, score);
                }
            }
            _ => found.push((n, score)),
        }
    }
    found.into_iter().map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(samples: usize, amplitude: f32, mut seed: u32) -> Vec<f32> {
        (0..samples)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed as f32 / u32::MAX as f32 - 0.5) * 2.0 * amplitude
            })
            .collect()
    }

    #[test]
    fn frequency_and_level_of_a_tone_are_found() {
        for (hz, dbfs) in [(997.0, -20.0), (425.0, -18.0), (3400.5, -40.0), (120.0, -3.0)] {
            let tone = tone_in(&sine(hz, dbfs, 20_000)).unwrap();
            assert!((tone.hz - hz).abs() < 0.5, "{tone:?}");
            assert!((tone.dbfs - dbfs).abs() < 0.2, "{tone:?}");
            assert!(tone.purity > 0.98, "{tone:?}");
        }
        assert_eq!(tone_in(&[0.0; 4096]), None);
        assert_eq!(tone_in(&[]), None);
    }

    #[test]
    fn a_tone_in_noise_is_less_pure() {
        let mixed: Vec<f32> =
            sine(440.0, -20.0, 32_768).iter().zip(noise(32_768, 0.173, 5)).map(|(a, b)| a + b).collect();
        let tone = tone_in(&mixed).unwrap();
        assert!((tone.hz - 440.0).abs() < 0.5);
        assert!((0.25..0.45).contains(&tone.purity), "{tone:?}");
        assert!((level_at(&mixed, 440.0) + 20.0).abs() < 0.5);
    }

    #[test]
    fn lag_is_found_in_both_directions_and_the_sign_of_the_wave_is_told() {
        let sent = noise(20_000, 0.3, 7);
        let mut heard = vec![0.0; 1234];
        heard.extend(sent.iter().map(|x| x * -0.5));
        let found = lag(&sent, &heard).unwrap();
        assert_eq!(found.samples, 1234);
        assert!(found.correlation < -0.99);
        let found = lag(&sent, &sent[500..]).unwrap();
        assert_eq!(found.samples, -500);
        assert_eq!(lag(&sent, &[0.0; 100]), None);
    }

    #[test]
    fn speech_is_recognised_though_its_delay_changes() {
        let sent = noise(48_000 * 4, 0.2, 11);
        let mut heard = vec![0.0; 4800];
        heard.extend_from_slice(&sent[..96_000]);
        heard.extend_from_slice(&[0.0; 960]);
        heard.extend(sent[96_000..].iter().map(|x| x * 0.5));
        let result = speech_heard(&sent, &heard, Duration::from_millis(500)).unwrap();
        assert!(result.recognised > 0.99);
        assert!((100..=120).contains(&result.delay.as_millis()));
        assert!((result.gain_db + 3.0).abs() < 0.5, "{result:?}");
        let other = noise(48_000 * 4, 0.2, 12);
        assert!(speech_heard(&sent, &other, Duration::from_millis(500)).unwrap().recognised < 0.01);
    }

    #[test]
    fn chirps_are_found_to_the_sample_in_noise() {
        let mut recording = noise(96_000, 0.02, 3);
        for start in [5000, 30_000, 70_123] {
            for (out, chirp) in recording[start..].iter_mut().zip(chirp()) {
                *out += 0.3 * chirp;
            }
        }
        let found = chirps_in(&recording);
        assert_eq!(found.len(), 3, "{found:?}");
        for (found, start) in found.iter().zip([5000_usize, 30_000, 70_123]) {
            assert!(found.abs_diff(start) <= 1, "{found}");
        }
    }
}
