//! What a microphone's recording says: how loud, how noisy, how silent, how wide.

use std::time::Duration;

use super::facts::{InputFacts, Silence};
use super::spectrum::bandwidth;
use crate::SAMPLE_RATE_HZ;
use crate::level::{SILENCE_DBFS, peak_dbfs, rms_dbfs};

/// Length of the parts whose level is looked at: 20 ms, a syllable has several.
const PART: usize = SAMPLE_RATE_HZ as usize / 50;
/// Length of the parts that tell the noise: 100 ms, every 20 ms.
const NOISE_PART: usize = SAMPLE_RATE_HZ as usize / 10;
/// Speech is at least this much above the noise.
const STANDS_OUT_DB: f32 = 9.0;
/// Below this nothing is taken for speech.
const QUIET_DBFS: f32 = -50.0;
/// ±4 steps of a 16 bit converter.
const LAST_BITS: f32 = 4.0 / 32768.0;
/// Two samples this near to each other are the same value of a 16 bit converter.
const SAME: f32 = 0.5 / 32768.0;
/// Samples in a row on the same extreme value are a flat top; the crest of a clean tone has fewer.
const FLAT_TOP: usize = 4;
/// A single flat top may be chance.
const FLAT_TOPS: usize = 3;
/// Holes are at least this long: 5 ms.
const HOLE: usize = SAMPLE_RATE_HZ as usize / 200;

/// Facts about a recording at 48 kHz, before any processing. Samples that are no numbers count as zero.
pub fn listen(samples: &[f32]) -> InputFacts {
    let samples: Vec<f32> = samples.iter().map(|x| if x.is_finite() { *x } else { 0.0 }).collect();
    let length = Duration::from_secs_f64(samples.len() as f64 / f64::from(SAMPLE_RATE_HZ));
    let offset = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / samples.len().max(1) as f64;
    // A constant is no sound: it is neither noise nor level.
    let moving: Vec<f32> = samples.iter().map(|x| x - offset as f32).collect();
    let silence_of_bits = silence_of_bits(&samples, &moving);
    let noise_dbfs = noise(&moving);
    let parts: Vec<f32> = moving.chunks_exact(PART).map(rms_dbfs).collect();
    let floor = (noise_dbfs + STANDS_OUT_DB).max(QUIET_DBFS);
    let loud: Vec<f32> = parts.iter().copied().filter(|level| *level > floor).collect();
    let speech_dbfs = (!loud.is_empty()).then(|| energy_mean(&loud));
    let speech_share = if parts.is_empty() { 0.0 } else { loud.len() as f32 / parts.len() as f32 };
    let level_dbfs = if silence_of_bits == Some(Silence::Digital) { SILENCE_DBFS } else { rms_dbfs(&moving) };
    let silence = silence_of_bits.unwrap_or(if speech_dbfs.is_none() && level_dbfs < QUIET_DBFS {
        Silence::Quiet
    } else {
        Silence::None
    });
    let (holes, holes_samples) = holes(&samples);
    InputFacts {
        length,
        silence,
        level_dbfs,
        peak_dbfs: peak_dbfs(&samples),
        speech_dbfs,
        speech_share,
        noise_dbfs,
        snr_db: speech_dbfs.map(|speech| speech - noise_dbfs),
        clipped_share: clipped_share(&samples),
        offset: offset as f32,
        holes,
        holes_length: Duration::from_secs_f64(holes_samples as f64 / f64::from(SAMPLE_RATE_HZ)),
        bandwidth_hz: if silence == Silence::None { bandwidth(&moving) } else { None },
    }
}

fn silence_of_bits(samples: &[f32], moving: &[f32]) -> Option<Silence> {
    if samples.iter().all(|x| x.to_bits() << 1 == 0) {
        return Some(Silence::Digital);
    }
    moving.iter().all(|x| x.abs() <= LAST_BITS).then_some(Silence::Hardware)
}

/// The 10th percentile of the level in 100 ms.
fn noise(samples: &[f32]) -> f32 {
    let mut levels: Vec<f32> =
        samples.windows(NOISE_PART.min(samples.len().max(1))).step_by(PART).map(rms_dbfs).collect();
    levels.sort_by(f32::total_cmp);
    levels.get(levels.len() / 10).copied().unwrap_or(SILENCE_DBFS)
}

fn energy_mean(levels: &[f32]) -> f32 {
    let mean = levels.iter().map(|level| 10.0_f64.powf(f64::from(*level) / 10.0)).sum::<f64>() / levels.len() as f64;
    (10.0 * mean.log10()) as f32
}

/// A converter that is driven too hard cuts every peak at the same value. The system may scale it afterwards, so the
/// value need not be full scale.
fn clipped_share(samples: &[f32]) -> f32 {
    let (low, high) = samples.iter().fold((0.0_f32, 0.0_f32), |(low, high), x| (low.min(*x), high.max(*x)));
    let on_top = |rail: f32| {
        if rail.abs() < LAST_BITS * 8.0 {
            return 0;
        }
        let (mut tops, mut clipped) = (0, 0);
        for run in samples.chunk_by(|a, b| ((a - rail).abs() <= SAME) == ((b - rail).abs() <= SAME)) {
            let at_rail = run.first().is_some_and(|x| (x - rail).abs() <= SAME);
            if at_rail && run.len() >= FLAT_TOP {
                tops += 1;
                clipped += run.len();
            }
        }
        if tops >= FLAT_TOPS { clipped } else { 0 }
    };
    (on_top(low) + on_top(high)) as f32 / samples.len().max(1) as f32
}

/// Holes of exact zeros between sound, and how many samples they take. What is silent at the beginning and at the end
/// is no hole.
fn holes(samples: &[f32]) -> (u32, usize) {
    let sounds = |x: &f32| x.abs() > LAST_BITS;
    let (Some(start), Some(end)) = (samples.iter().position(sounds), samples.iter().rposition(sounds)) else {
        return (0, 0);
    };
    let zero = |x: &f32| x.to_bits() << 1 == 0;
    let inside = samples.get(start..=end).unwrap_or_default();
    inside
        .chunk_by(|a, b| zero(a) == zero(b))
        .filter(|run| run.len() >= HOLE && run.first().is_some_and(zero))
        .fold((0, 0), |(holes, length), run| (holes + 1, length + run.len()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{add, band_limited, noise};
    use super::*;
    use crate::measure::sine;

    /// Half a second of tone, half a second of pause, and so on, with noise under it.
    fn talk(speech_dbfs: f32, noise_dbfs: f32, seconds: usize) -> Vec<f32> {
        let mut sound = sine(440.0, speech_dbfs, seconds * 48_000);
        for pause in sound.chunks_mut(24_000).skip(1).step_by(2) {
            pause.fill(0.0);
        }
        add(&sound, &noise(seconds * 48_000, noise_dbfs, 1))
    }

    #[test]
    fn level_noise_and_their_distance_are_found_within_a_decibel() {
        for (speech, floor) in [(-20.0, -60.0), (-30.0, -52.0), (-12.0, -70.0)] {
            let facts = listen(&talk(speech, floor, 3));
            assert!((facts.speech_dbfs.unwrap() - speech).abs() < 1.0, "{facts:?}");
            assert!((facts.noise_dbfs - floor).abs() < 1.0, "{facts:?}");
            assert!((facts.snr_db.unwrap() - (speech - floor)).abs() < 1.5, "{facts:?}");
            assert!((facts.speech_share - 0.5).abs() < 0.05, "{facts:?}");
            assert_eq!(facts.silence, Silence::None);
            assert!(facts.clipped_share == 0.0 && facts.holes == 0, "{facts:?}");
        }
    }

    #[test]
    fn zeros_a_muted_headset_and_a_quiet_room_are_told_apart() {
        assert_eq!(listen(&vec![0.0; 48_000]).silence, Silence::Digital);
        assert_eq!(listen(&vec![-0.0; 48_000]).silence, Silence::Digital);
        let dither: Vec<f32> = noise(48_000, -93.0, 3);
        assert_eq!(listen(&dither).silence, Silence::Hardware);
        // A muted converter may rest on a constant.
        assert_eq!(listen(&dither.iter().map(|x| x + 0.02).collect::<Vec<_>>()).silence, Silence::Hardware);
        let room = listen(&noise(48_000, -62.0, 3));
        assert_eq!((room.silence, room.speech_dbfs), (Silence::Quiet, None));
        assert_eq!(listen(&talk(-25.0, -62.0, 2)).silence, Silence::None);
        // A loud steady noise is no silence, whatever it is.
        assert_eq!(listen(&noise(48_000, -30.0, 3)).silence, Silence::None);
    }

    #[test]
    fn flat_tops_are_clipping_at_full_scale_and_below_and_a_clean_tone_is_not() {
        let clean = sine(200.0, -0.1, 48_000);
        assert!(listen(&clean).clipped_share == 0.0);
        let cut = |rail: f32| sine(200.0, 6.0, 48_000).iter().map(|x| x.clamp(-1.0, 1.0) * rail).collect::<Vec<_>>();
        // Twice too loud: two thirds of the time at the rail.
        for rail in [1.0, 0.3] {
            let facts = listen(&cut(rail));
            assert!((facts.clipped_share - 0.667).abs() < 0.03, "{facts:?}");
        }
    }

    #[test]
    fn holes_in_sound_are_counted_and_pauses_of_a_quiet_room_are_not() {
        let mut sound = add(&sine(300.0, -20.0, 96_000), &noise(96_000, -60.0, 9));
        for start in [20_000, 50_000] {
            sound[start..start + 480].fill(0.0);
        }
        let facts = listen(&sound);
        assert_eq!((facts.holes, facts.holes_length), (2, Duration::from_millis(20)));
        assert_eq!(listen(&talk(-20.0, -60.0, 2)).holes, 0);
    }

    #[test]
    fn a_telephone_band_is_told_from_a_wide_one() {
        for (cut, low, high) in [(3_400.0, 3_000, 4_200), (7_000.0, 6_500, 8_200)] {
            let sound = band_limited(&talk(-20.0, -55.0, 2), cut);
            let speech = add(&sound, &band_limited(&noise(96_000, -25.0, 4), cut));
            let found = listen(&speech).bandwidth_hz.unwrap();
            assert!((low..=high).contains(&found), "{found} for {cut}");
        }
        let full = listen(&add(&talk(-20.0, -55.0, 2), &noise(96_000, -30.0, 4))).bandwidth_hz.unwrap();
        assert!(full > 16_000, "{full}");
        assert_eq!(listen(&noise(48_000, -70.0, 4)).bandwidth_hz, None);
    }

    #[test]
    fn nothing_at_all_and_nonsense_are_no_accident() {
        assert_eq!(listen(&[]).length, Duration::ZERO);
        assert_eq!(listen(&[f32::NAN; 999]).silence, Silence::Digital);
        listen(&[f32::INFINITY, 1.0, -1.0]);
        listen(&vec![f32::MAX; 5000]);
    }
}
