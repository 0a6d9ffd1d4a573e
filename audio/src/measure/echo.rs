//! The way from the speaker to the microphone, by a swept sine: how much comes back, how late, for how long.
//!
//! An exponential sweep (A. Farina, AES preprint 5093, 2000) is played and what the microphone heard meanwhile is
//! divided by it in the frequency domain. That gathers 1.5 s of sweep into one short impulse response, so an echo is
//! found far below the noise of the room, and distortion of the speaker lands before the response, where it does not
//! count.

use std::time::Duration;

use super::facts::{EchoFacts, EchoFound};
use super::fft::{self, Complex};
use crate::SAMPLE_RATE_HZ;
use crate::level::{SILENCE_DBFS, from_db, rms_dbfs};

/// What is played.
pub const SWEEP: Duration = Duration::from_millis(1500);
/// Frequencies of the sweep in Hz: what speech needs and small speakers can do.
const LOW_HZ: f64 = 150.0;
const HIGH_HZ: f64 = 7000.0;
/// Level of the sweep before volume: as loud as lively speech.
const SWEEP_DBFS: f32 = -16.0;
/// Rise and fall at its ends: 20 ms.
const EDGE: usize = SAMPLE_RATE_HZ as usize / 50;
/// An echo comes at most this much later (Bluetooth and back), and rings no longer than that.
pub const LATEST: Duration = Duration::from_millis(700);
const LONGEST_TAIL: Duration = Duration::from_millis(400);
/// The response's peak has to stand this far out of its noise; the highest of 30 000 values of noise alone stands
/// 13 dB above their mean. A ratio of powers: 18 dB.
const STANDS_OUT: f64 = 63.1;
/// Half a millisecond.
const ENVELOPE: usize = 24;
/// What of the peak's energy counts as the first arrival.
const FIRST_ARRIVAL: f64 = 0.1;
/// The rest of the echo's energy after the tail: −25 dB.
const TAIL_REST: f64 = 0.003_162;

/// The sweep, at 48 kHz.
pub fn sweep() -> Vec<f32> {
    let length = samples(SWEEP);
    let seconds = SWEEP.as_secs_f64();
    let ratio = (HIGH_HZ / LOW_HZ).ln();
    (0..length)
        .map(|n| {
            let t = n as f64 / f64::from(SAMPLE_RATE_HZ);
            let phase = std::f64::consts::TAU * LOW_HZ * seconds / ratio * ((t / seconds * ratio).exp() - 1.0);
            let edge = (n.min(length - 1 - n) as f64 / EDGE as f64).min(1.0);
            let fade = 0.5 - 0.5 * (std::f64::consts::PI * edge).cos();
            (f64::from(from_db(SWEEP_DBFS)) * fade * phase.sin()) as f32
        })
        .collect()
}

/// How much of the microphone is to be recorded before the sweep, for the noise, and from its beginning on.
pub const BEFORE: Duration = Duration::from_millis(400);
pub const AFTER: Duration = Duration::from_millis(2600);

/// Compares what was played (the sweep after volume and limiter) with what was heard from the moment it began, both at
/// 48 kHz; `quiet` is what was heard before.
pub fn analyse(quiet: &[f32], played: &[f32], heard: &[f32]) -> EchoFacts {
    let played_dbfs = rms_dbfs(played);
    let noise_dbfs = if quiet.is_empty() { SILENCE_DBFS } else { rms_dbfs(&without_offset(quiet)) };
    let response = Response::of(played, &without_offset(heard));
    let Some(response) = response else {
        return EchoFacts { played_dbfs, noise_dbfs, found: None, loss_at_least_db: 0.0 };
    };
    // The best half millisecond of a response holds at least a third of its energy.
    let just_found = response.noise * STANDS_OUT * ENVELOPE as f64 * 3.0;
    let loss_at_least_db = response.loss_db(just_found).clamp(0.0, 150.0) as f32;
    EchoFacts { played_dbfs, noise_dbfs, found: response.found(), loss_at_least_db }
}

fn samples(time: Duration) -> usize {
    (time.as_secs_f64() * f64::from(SAMPLE_RATE_HZ)) as usize
}

fn without_offset(samples: &[f32]) -> Vec<f32> {
    let finite = samples.iter().map(|x| if x.is_finite() { *x } else { 0.0 });
    let mean = finite.clone().map(f64::from).sum::<f64>() / samples.len().max(1) as f64;
    finite.map(|x| x - mean as f32).collect()
}

/// An impulse response over the band of the sweep.
struct Response {
    /// Squared, from delay 0 to [`LATEST`] and [`LONGEST_TAIL`] after it.
    power: Vec<f64>,
    /// Mean power of its noise per sample.
    noise: f64,
    /// Energy of the response of a wire: what came in, scaled alike.
    wire: f64,
}

impl Response {
    /// `None`: nothing was played, or nothing recorded.
    fn of(played: &[f32], heard: &[f32]) -> Option<Self> {
        let size = (played.len() + heard.len()).next_power_of_two();
        if played.len() < samples(SWEEP) / 2 || heard.len() < played.len() || rms_dbfs(played) <= SILENCE_DBFS {
            return None;
        }
        let played = spectrum(played, size);
        let heard = spectrum(heard, size);
        let bin_hz = f64::from(SAMPLE_RATE_HZ) / size as f64;
        let strongest = played.iter().map(|bin| bin.norm()).fold(0.0, f64::max);
        // Every frequency of the sweep counts as it was played: the response is that of a filter whose energy is the
        // energy that comes back of the sweep. White weighting would let the highest octave decide.
        let mut wire = 0.0;
        let mut product: Vec<Complex> = Vec::with_capacity(size);
        for (n, (x, y)) in played.iter().zip(&heard).enumerate() {
            let hz = n.min(size - n) as f64 * bin_hz;
            let weight = window(hz) / (x.norm().sqrt() + 1e-4 * strongest.sqrt());
            wire += x.norm().powi(2) * weight * weight;
            // Conjugated for the inverse transform.
            product.push((x.conjugate() * *y).conjugate().scale(weight));
        }
        fft::forward(&mut product);
        // Parseval: the sum over frequencies is `size` times the sum over time, and the transform back divides by it.
        let scale = 1.0 / size as f64;
        let wire = wire * scale;
        let at = |n: usize| product.get(n).map_or(0.0, |value| value.re().powi(2) * scale * scale);
        let wanted = samples(LATEST) + samples(LONGEST_TAIL);
        let power: Vec<f64> = (0..wanted.min(size / 2)).map(at).collect();
        // Before the beginning nothing can have come back: what is there is noise. Distortion comes before its cause
        // by up to a third of a second (second and third harmonic), which is left out.
        let noise_from = size - samples(Duration::from_millis(900)).min(size / 4);
        let noise_to = size - samples(Duration::from_millis(600)).min(size / 8);
        let noise = (noise_from..noise_to).map(at).sum::<f64>() / (noise_to - noise_from).max(1) as f64;
        // Somebody who talks meanwhile spreads over all delays, an echo does not: most delays have none.
        let mut spread: Vec<f64> = envelope(&power).into_iter().step_by(ENVELOPE / 2).collect();
        spread.sort_by(f64::total_cmp);
        let noise = spread.get(spread.len() / 2).copied().unwrap_or_default().max(noise);
        Some(Self { power, noise, wire })
    }

    fn loss_db(&self, energy: f64) -> f64 {
        10.0 * (self.wire / energy.max(1e-30)).log10()
    }

    fn found(&self) -> Option<EchoFound> {
        let peak = envelope(&self.power).into_iter().fold(0.0, f64::max);
        if peak < self.noise * STANDS_OUT || peak <= 0.0 {
            return None;
        }
        let strongest = self.power.iter().copied().fold(0.0, f64::max);
        let first = self.power.iter().position(|power| *power >= FIRST_ARRIVAL * strongest)?;
        // The band of the sweep makes the response of a wire ring for a millisecond around its place.
        let from = first.saturating_sub(samples(Duration::from_millis(3)));
        let to = (first + samples(LONGEST_TAIL)).min(self.power.len());
        let inside = self.power.get(from..to)?;
        let noise = self.noise * inside.len() as f64;
        let energy = (inside.iter().sum::<f64>() - noise).max(strongest);
        let mut rest = energy;
        let mut tail = to - first;
        for (n, power) in inside.iter().enumerate() {
            rest -= power - self.noise;
            if rest <= TAIL_REST * energy {
                tail = (from + n).saturating_sub(first);
                break;
            }
        }
        let seconds = |samples: usize| Duration::from_secs_f64(samples as f64 / f64::from(SAMPLE_RATE_HZ));
        Some(EchoFound { loss_db: self.loss_db(energy) as f32, delay: seconds(first), tail: seconds(tail) })
    }
}

/// Mean power around each moment: a single sample may lie on a zero of the wave.
fn envelope(power: &[f64]) -> Vec<f64> {
    power.windows(ENVELOPE).map(|part| part.iter().sum::<f64>() / ENVELOPE as f64).collect()
}

/// 1 within the band, falling softly to 0 at its ends, so that the response of a wire is short.
fn window(hz: f64) -> f64 {
    let rise = |from: f64, to: f64| {
        let share = ((hz - from) / (to - from)).clamp(0.0, 1.0);
        0.5 - 0.5 * (std::f64::consts::PI * share).cos()
    };
    rise(LOW_HZ, 2.5 * LOW_HZ) * rise(HIGH_HZ, 0.75 * HIGH_HZ)
}

fn spectrum(samples: &[f32], size: usize) -> Vec<Complex> {
    let mut data: Vec<Complex> = samples.iter().map(|x| Complex::real(f64::from(*x))).collect();
    data.resize(size.max(2), Complex::real(0.0));
    fft::forward(&mut data);
    data
}

#[cfg(test)]
mod tests {
    use super::super::testing::{add, noise};
    use super::*;

    /// What a microphone hears of the sweep: each arrival is (delay in samples, gain).
    fn room(arrivals: &[(usize, f32)], noise_dbfs: f32) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let played = sweep();
        let mut heard = vec![0.0; samples(AFTER)];
        for (delay, gain) in arrivals {
            for (out, x) in heard.iter_mut().skip(*delay).zip(&played) {
                *out += gain * x;
            }
        }
        let quiet = noise(samples(BEFORE), noise_dbfs, 5);
        let heard = add(&heard, &noise(heard.len(), noise_dbfs, 6));
        (quiet, played, heard)
    }

    fn found(arrivals: &[(usize, f32)], noise_dbfs: f32) -> EchoFound {
        let (quiet, played, heard) = room(arrivals, noise_dbfs);
        let facts = analyse(&quiet, &played, &heard);
        facts.found.unwrap_or_else(|| panic!("{facts:?}"))
    }

    #[test]
    fn loss_within_a_decibel_and_delay_within_a_millisecond() {
        for (delay_ms, loss_db) in [(20, 0.0), (60, 12.0), (250, 30.0), (650, 40.0), (1, -6.0)] {
            let echo = found(&[(delay_ms * 48, from_db(-loss_db))], -65.0);
            assert!((echo.loss_db - loss_db).abs() < 1.0, "{echo:?} for {loss_db} dB");
            let delay = Duration::from_millis(delay_ms as u64);
            assert!(echo.delay.abs_diff(delay) < Duration::from_millis(1), "{echo:?} for {delay:?}");
            assert!(echo.tail < Duration::from_millis(5), "{echo:?}");
        }
    }

    #[test]
    fn an_echo_below_the_noise_of_the_room_is_still_found() {
        // The sweep comes back at −56 dBFS in noise of −50.
        let echo = found(&[(3_000, 0.01)], -50.0);
        assert!((echo.loss_db - 40.0).abs() < 2.0, "{echo:?}");
    }

    #[test]
    fn a_room_that_rings_has_the_tail_it_was_given() {
        // Arrivals each 2 ms that fall by 60 dB in 0.3 s: −25 dB of the rest is reached after 125 ms.
        let arrivals: Vec<(usize, f32)> =
            (0..150).map(|n| (2_400 + n * 96, 0.2 * from_db(-60.0 * n as f32 * 2.0 / 300.0))).collect();
        let echo = found(&arrivals, -70.0);
        assert!((100..=150).contains(&(echo.tail.as_millis() as u64)), "{echo:?}");
        assert!(echo.delay.abs_diff(Duration::from_millis(50)) < Duration::from_millis(1), "{echo:?}");
        // 0.04 · 1/(1 − 10^(−0.04)) = 0.455: but neighbours interfere, so two decibels are allowed.
        assert!((echo.loss_db - 3.4).abs() < 2.0, "{echo:?}");
    }

    #[test]
    fn without_an_echo_nothing_is_found_and_the_bound_is_said() {
        for noise_dbfs in [-90.0, -60.0, -40.0] {
            let (quiet, played, heard) = room(&[], noise_dbfs);
            let facts = analyse(&quiet, &played, &heard);
            assert_eq!(facts.found, None, "{facts:?}");
            assert!((facts.noise_dbfs - noise_dbfs).abs() < 1.0);
            // The bound is honest: an echo a little louder than it is found.
            let louder = facts.loss_at_least_db - 6.0;
            assert!(louder > 35.0, "{facts:?}");
            let echo = found(&[(2_000, from_db(-louder))], noise_dbfs);
            assert!((echo.loss_db - louder).abs() < 3.0, "{echo:?} for {louder}");
        }
        let silent = analyse(&[], &sweep(), &vec![0.0; samples(AFTER)]);
        assert!(silent.found.is_none() && silent.loss_at_least_db > 60.0, "{silent:?}");
    }

    #[test]
    fn somebody_who_talks_meanwhile_is_no_echo() {
        let (quiet, played, mut heard) = room(&[], -60.0);
        for (n, x) in heard.iter_mut().enumerate() {
            let t = n as f32 / 48_000.0;
            *x += 0.1 * (std::f32::consts::TAU * 180.0 * t).sin() * (std::f32::consts::TAU * 3.0 * t).sin().max(0.0);
        }
        assert_eq!(analyse(&quiet, &played, &heard).found, None);
    }

    #[test]
    fn nothing_played_or_recorded_is_no_accident() {
        assert_eq!(analyse(&[], &[], &[]).found, None);
        assert_eq!(analyse(&[], &sweep(), &[]).found, None);
        assert_eq!(analyse(&[], &vec![0.0; 72_000], &vec![0.0; 144_000]).found, None);
        assert_eq!(analyse(&[f32::NAN], &sweep(), &vec![f32::NAN; 144_000]).found, None);
    }
}
