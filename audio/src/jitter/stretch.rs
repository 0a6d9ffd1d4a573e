//! Makes sound shorter or longer by whole pitch periods, so that the pitch stays and no seam is heard (WSOLA).

use crate::SAMPLE_RATE_HZ;

/// 2.5 to 15 ms: pitch of 400 down to 67 Hz.
pub(super) const LAG_MIN: usize = SAMPLE_RATE_HZ as usize / 400;
pub(super) const LAG_MAX: usize = SAMPLE_RATE_HZ as usize * 15 / 1000;
/// Stretch of sound that is compared: 10 ms.
const WINDOW: usize = SAMPLE_RATE_HZ as usize / 100;
/// Late sound is faded into made-up sound over 5 ms.
pub(super) const FADE: usize = SAMPLE_RATE_HZ as usize / 200;
/// So much less alike is good enough for what is earlier.
const NEARLY: f32 = 0.05;
/// The search for the period runs on every fourth sample of a smoothed signal first.
const COARSE: usize = 4;
/// Mean square under which no seam is heard: −55 dBFS.
const QUIET: f32 = 1.6e-6;

/// How well two periods must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// Only where nobody can hear it.
    Fine,
    /// The delay is far off: a slight roughness is better than the delay.
    Fast,
    /// The delay is unbearable: whatever fits best.
    Any,
}

impl Care {
    fn correlation(self) -> f32 {
        match self {
            Self::Fine => 0.9,
            Self::Fast => 0.6,
            Self::Any => -1.0,
        }
    }
}

/// Removes one pitch period of at most `limit` samples at the start of `sound`. The result stays at the end of
/// `sound`; returns how many samples at the start are to be thrown away.
pub(super) fn shorten(sound: &mut [f32], limit: usize, care: Care) -> Option<usize> {
    let limit = limit.min(LAG_MAX).min(sound.len() / 2).min(sound.len().checked_sub(WINDOW)?);
    let head = sound.get(..WINDOW)?;
    let lag = period(head, limit, care, |lag| sound.get(lag..lag + WINDOW))?;
    for n in 0..lag {
        let mix = (n as f32 + 0.5) / lag as f32;
        let (early, late) = (sound[n], sound[n + lag]);
        sound[n + lag] = early * (1.0 - mix) + late * mix;
    }
    Some(lag)
}

/// Prepares one more pitch period of at most `limit` samples to be played before `sound[head..]`: writes it to `extra`
/// and returns its length. What was played last is `sound[..head]`.
pub(super) fn lengthen(sound: &[f32], head: usize, limit: usize, care: Care, extra: &mut [f32]) -> Option<usize> {
    let future = sound.get(head..)?;
    let limit = limit.min(LAG_MAX).min(head).min(future.len()).min(extra.len());
    let start = future.get(..WINDOW)?;
    let lag = period(start, limit, care, |lag| sound.get(head.checked_sub(lag)?..head - lag + WINDOW))?;
    for (n, out) in extra.iter_mut().take(lag).enumerate() {
        let mix = (n as f32 + 0.5) / lag as f32;
        *out = sound[head + n] * (1.0 - mix) + sound[head + n - lag] * mix;
    }
    Some(lag)
}

/// Where in `tail` sound that goes on elsewhere is to begin: the earliest place whose wave is nearly as like the start
/// of `sound` as the best one's. `None` when either is shorter than [`FADE`].
pub(super) fn place(tail: &[f32], sound: &[f32]) -> Option<usize> {
    let head = sound.get(..FADE)?;
    let last = tail.len().checked_sub(FADE)?;
    if mean_square(head) < QUIET && mean_square(tail) < QUIET {
        return Some(0);
    }
    let likeness =
        |place: usize, step: usize| tail.get(place..place + FADE).map_or(-1.0, |there| correlation(head, there, step));
    let coarse = || (0..=last).step_by(COARSE).map(|place| (place, likeness(place, COARSE)));
    let best = coarse().map(|(_, likeness)| likeness).fold(-1.0, f32::max);
    let (coarse, _) = coarse().find(|(_, likeness)| *likeness >= best - NEARLY)?;
    (coarse.saturating_sub(COARSE - 1)..=(coarse + COARSE - 1).min(last))
        .max_by(|a, b| likeness(*a, 1).total_cmp(&likeness(*b, 1)))
}

/// The lag at which `other(lag)` is most like `here`, if it is alike enough or everything is quiet.
fn period<'a>(here: &[f32], limit: usize, care: Care, other: impl Fn(usize) -> Option<&'a [f32]>) -> Option<usize> {
    if limit < LAG_MIN {
        return None;
    }
    if mean_square(here) < QUIET && other(limit).is_some_and(|there| mean_square(there) < QUIET) {
        return Some(limit);
    }
    let best = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
        lags.filter_map(|lag| Some((lag, correlation(here, other(lag)?, step)))).max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (coarse, _) = best(&mut (LAG_MIN..=limit).step_by(COARSE), COARSE)?;
    let around = coarse.saturating_sub(COARSE - 1).max(LAG_MIN)..=(coarse + COARSE - 1).min(limit);
    let (lag, correlation) = best(&mut around.into_iter(), 1)?;
    (correlation > care.correlation()).then_some(lag)
}

fn mean_square(sound: &[f32]) -> f32 {
    sound.iter().map(|x| x * x).sum::<f32>() / sound.len().max(1) as f32
}

/// Normalised correlation, −1 to 1, of sums over `step` neighbours.
fn correlation(a: &[f32], b: &[f32], step: usize) -> f32 {
    let (mut ab, mut aa, mut bb) = (0.0_f32, 1e-9_f32, 1e-9_f32);
    for (a, b) in a.chunks_exact(step).zip(b.chunks_exact(step)) {
        let (a, b): (f32, f32) = (a.iter().sum(), b.iter().sum());
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    ab / (aa * bb).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{sine, tone_in};

    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_gets_shorter_without_a_seam_or_another_pitch() {
        let mut sound = sine(220.0, -12.0, 4800);
        let slope = steepest(&sound);
        let removed = shorten(&mut sound, LAG_MAX, Care::Fine).unwrap();
        // Whole periods of 218.2 samples.
        assert!((removed as f32 / 218.18 - (removed as f32 / 218.18).round()).abs() < 0.02, "{removed}");
        let rest = &sound[removed..];
        assert!(steepest(rest) < slope * 1.02);
        assert!((tone_in(rest).unwrap().hz - 220.0).abs() < 1.0);
    }

    #[test]
    fn a_tone_gets_longer_without_a_seam_or_another_pitch() {
        let sound = sine(150.0, -12.0, 4800);
        let mut extra = [0.0; LAG_MAX];
        let added = lengthen(&sound, 960, LAG_MAX, Care::Fine, &mut extra).unwrap();
        let mut longer = sound[..960].to_vec();
        longer.extend_from_slice(&extra[..added]);
        longer.extend_from_slice(&sound[960..]);
        assert!(steepest(&longer) < steepest(&sound) * 1.02);
        assert!((tone_in(&longer).unwrap().hz - 150.0).abs() < 1.0);
    }

    #[test]
    fn noise_is_left_alone_unless_the_delay_is_unbearable() {
        let mut seed = 1_u32;
        let mut noise: Vec<f32> = (0..4800)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        assert_eq!(shorten(&mut noise, LAG_MAX, Care::Fine), None);
        assert!(shorten(&mut noise, LAG_MAX, Care::Any).is_some());
    }

    #[test]
    fn silence_gives_as_much_as_asked_for() {
        let mut silence = vec![0.0; 1920];
        assert_eq!(shorten(&mut silence, 500, Care::Fine), Some(500));
        assert_eq!(lengthen(&silence, 720, 300, Care::Fine, &mut [0.0; LAG_MAX]), Some(300));
        assert_eq!(shorten(&mut silence, LAG_MIN - 1, Care::Any), None);
        assert_eq!(shorten(&mut [0.0; 100], LAG_MAX, Care::Any), None);
    }
}
