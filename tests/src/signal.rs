//! Test signals, and the measures that say what was heard: frequency, level, likeness.
//!
//! Everything is mono f32 at 48 kHz. Levels of tones are relative to a full-scale sine: amplitude 0.1 is −20 dBFS.

use std::f64::consts::TAU;
use std::path::Path;
use std::time::Duration;

use crate::random::Random;

/// Samples a second of every signal here.
pub const RATE_HZ: u32 = 48_000;

fn count(length: Duration) -> usize {
    (length.as_secs_f64() * f64::from(RATE_HZ)).round() as usize
}

/// Power as a level; −200 for nothing at all.
fn decibels(power: f64) -> f64 {
    if power <= 1e-20 { -200.0 } else { 10.0 * power.log10() }
}

/// A sine of `hz` hertz whose amplitude is `level_dbfs`.
pub fn tone(hz: f64, level_dbfs: f64, length: Duration) -> Vec<f32> {
    let amplitude = 10_f64.powf(level_dbfs / 20.0);
    (0..count(length)).map(|i| (amplitude * (TAU * hz * i as f64 / f64::from(RATE_HZ)).sin()) as f32).collect()
}

pub fn silence(length: Duration) -> Vec<f32> {
    vec![0.0; count(length)]
}

/// Something that codecs, gates and noise suppression treat as speech: voiced syllables with a wandering pitch,
/// three formants and natural pauses, at about −26 dBFS. The same for the same seed.
pub fn speech(seed: u64, length: Duration) -> Vec<f32> {
    const VOWELS: [[f64; 3]; 5] = [
        [730.0, 1090.0, 2440.0],
        [530.0, 1840.0, 2480.0],
        [270.0, 2290.0, 3010.0],
        [570.0, 840.0, 2410.0],
        [300.0, 870.0, 2240.0],
    ];
    let rate = f64::from(RATE_HZ);
    let total = count(length);
    let mut random = Random::new(seed);
    let mut out = Vec::with_capacity(total);
    let (mut phase, mut tilt) = (0.0_f64, 0.0_f64);
    let mut formants = [Resonator::default(); 3];
    while out.len() < total {
        let vowel = VOWELS[random.below(5) as usize];
        let syllable = count(Duration::from_millis(130 + random.below(140)));
        let pitch = 95.0 + 50.0 * random.unit();
        let glide = -10.0 + 30.0 * random.unit();
        for (formant, hz) in formants.iter_mut().zip(vowel) {
            formant.tune(hz, 60.0 + hz * 0.04);
        }
        for i in 0..syllable {
            let along = i as f64 / syllable as f64;
            phase += (pitch + glide * along) / rate;
            let mut pulse = 0.01 * (random.unit() - 0.5);
            if phase >= 1.0 {
                phase -= 1.0;
                pulse += 1.0;
            }
            tilt = 0.9 * tilt + pulse;
            let voiced = formants.iter_mut().map(|formant| formant.run(tilt)).sum::<f64>();
            out.push((voiced * (std::f64::consts::PI * along).sin().sqrt()) as f32);
        }
        // A word ends after every third syllable or so.
        let pause = if random.chance(0.3) { 120 + random.below(200) } else { 15 };
        out.extend(silence(Duration::from_millis(pause)));
    }
    out.truncate(total);
    let gain = 10_f64.powf((-26.0 - level_dbfs(&out)) / 20.0) as f32;
    for sample in &mut out {
        *sample = (*sample * gain).clamp(-0.9, 0.9);
    }
    out
}

#[derive(Clone, Copy, Default)]
struct Resonator {
    a1: f64,
    a2: f64,
    y1: f64,
    y2: f64,
}

impl Resonator {
    fn tune(&mut self, hz: f64, width_hz: f64) {
        let radius = (-std::f64::consts::PI * width_hz / f64::from(RATE_HZ)).exp();
        self.a1 = 2.0 * radius * (TAU * hz / f64::from(RATE_HZ)).cos();
        self.a2 = -radius * radius;
    }

    fn run(&mut self, x: f64) -> f64 {
        let y = (1.0 - self.a1 - self.a2) * x + self.a1 * self.y1 + self.a2 * self.y2;
        (self.y2, self.y1) = (self.y1, y);
        y
    }
}

/// Root mean square of everything, in dB relative to a square wave of full scale.
pub fn level_dbfs(samples: &[f32]) -> f64 {
    let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
    decibels(power)
}

/// The part of the signal that is a sine of exactly `hz`, relative to a full-scale sine (Goertzel with a Hann
/// window, so that a neighbour some ten hertz away does not leak in).
pub fn tone_dbfs(samples: &[f32], hz: f64) -> f64 {
    let n = samples.len().max(1) as f64;
    let (mut re, mut im, mut sum) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (i, sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * i as f64 / n).cos();
        let angle = TAU * hz * i as f64 / f64::from(RATE_HZ);
        re += window * f64::from(*sample) * angle.cos();
        im += window * f64::from(*sample) * angle.sin();
        sum += window;
    }
    decibels((re * re + im * im) * 4.0 / (sum * sum).max(1e-12))
}

/// The strongest frequency between 80 and 4 000 Hz, to within 1 Hz for half a second or more. `None` for silence.
pub fn loudest_hz(samples: &[f32]) -> Option<f64> {
    if level_dbfs(samples) < -70.0 {
        return None;
    }
    // A quarter of a second is enough to find the neighbourhood, the whole signal settles it.
    let part = &samples[..samples.len().min(count(Duration::from_millis(250)))];
    let scan = |samples: &[f32], from: f64, to: f64, step: f64| {
        let steps = ((to - from) / step) as usize;
        (0..=steps)
            .map(|i| from + step * i as f64)
            .map(|hz| (hz, tone_dbfs(samples, hz)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(hz, _)| hz)
    };
    let coarse = scan(part, 80.0, 4_000.0, 4.0)?;
    scan(samples, coarse - 5.0, coarse + 5.0, 0.5)
}

/// How much of what is heard is that tone: 1 for a pure one, 0 for none of it.
pub fn tone_share(samples: &[f32], hz: f64) -> f64 {
    let tone = 10_f64.powf(tone_dbfs(samples, hz) / 10.0) / 2.0;
    let all = 10_f64.powf(level_dbfs(samples) / 10.0);
    if all <= 1e-12 { 0.0 } else { (tone / all).min(1.0) }
}

/// How alike two signals are, wherever in time the second begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// Median over the spoken half-seconds of the best normalised cross-correlation: 1 is the same waveform.
    pub waveform: f64,
    /// Share of the spoken half-seconds that were found at all (correlation over 0.5).
    pub found: f64,
    /// How much later the second signal has it: median.
    pub delay: Duration,
}

/// Looks for each spoken half-second of `sent` in `heard`, up to `within` later. Works at 8 kHz; jitter buffers
/// may shift and stretch, so each piece may have moved on its own.
pub fn likeness(sent: &[f32], heard: &[f32], within: Duration) -> Likeness {
    const LOW_HZ: usize = 8_000;
    let (sent, heard) = (to_8k(sent), to_8k(heard));
    let piece = LOW_HZ / 2;
    let reach = (within.as_secs_f64() * LOW_HZ as f64) as usize;
    let loud = level_dbfs(&sent) - 10.0;
    let mut found = Vec::new();
    for start in (0..sent.len().saturating_sub(piece)).step_by(piece) {
        let reference = &sent[start..start + piece];
        if level_dbfs(reference) < loud {
            continue;
        }
        let energy = energy(reference);
        let mut best = (0.0_f64, 0_usize);
        let mut lag = 0;
        while lag <= reach && start + lag + piece <= heard.len() {
            let candidate = &heard[start + lag..start + lag + piece];
            let product: f64 = reference.iter().zip(candidate).map(|(a, b)| f64::from(a * b)).sum();
            let scale = (energy * self::energy(candidate)).sqrt().max(1e-9);
            // Codecs and devices may turn the polarity; ears do not mind.
            if (product / scale).abs() > best.0 {
                best = ((product / scale).abs(), lag);
            }
            lag += 1;
        }
        found.push(best);
    }
    if found.is_empty() {
        return Likeness { waveform: 0.0, found: 0.0, delay: Duration::ZERO };
    }
    let share = found.iter().filter(|(value, _)| *value > 0.5).count() as f64 / found.len() as f64;
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let waveform = found[found.len() / 2].0;
    found.sort_by_key(|(_, lag)| *lag);
    let delay = Duration::from_secs_f64(found[found.len() / 2].1 as f64 / LOW_HZ as f64);
    Likeness { waveform, found: share, delay }
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|s| f64::from(*s).powi(2)).sum()
}

/// Every sixth sample behind a windowed-sinc low pass at 3.4 kHz, and a first-order high pass at 300 Hz behind that:
/// the high pass of a microphone chain turns the phase below, which no ear minds.
fn to_8k(samples: &[f32]) -> Vec<f32> {
    const HALF: i32 = 48;
    let taps: Vec<f64> = (-HALF..=HALF)
        .map(|i| {
            let x = f64::from(i) * 2.0 * 3_400.0 / f64::from(RATE_HZ);
            let sinc = if i == 0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
            sinc * (0.5 + 0.5 * (std::f64::consts::PI * f64::from(i) / f64::from(HALF + 1)).cos())
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    let (keep, mut before, mut out) = ((-TAU * 300.0 / 8_000.0).exp(), 0.0_f32, 0.0_f64);
    (0..samples.len())
        .step_by(6)
        .map(|centre| {
            let value: f64 = taps
                .iter()
                .enumerate()
                .map(|(k, tap)| {
                    let sample =
                        (centre + k).checked_sub(HALF as usize).and_then(|at| samples.get(at)).copied().unwrap_or(0.0);
                    tap * f64::from(sample)
                })
                .sum();
            (value / sum) as f32
        })
        .map(|sample| {
            out = keep * (out + f64::from(sample - before));
            before = sample;
            out as f32
        })
        .collect()
}

/// The sound from where it first stays above `threshold_dbfs` for 20 ms; empty when it never does.
pub fn after_onset(samples: &[f32], threshold_dbfs: f64) -> &[f32] {
    let block = count(Duration::from_millis(20));
    let start = samples.chunks_exact(block).position(|chunk| level_dbfs(chunk) > threshold_dbfs);
    start.map_or(&[], |blocks| &samples[blocks * block..])
}

/// The piece between two times.
pub fn between(samples: &[f32], from: Duration, to: Duration) -> &[f32] {
    let end = count(to).min(samples.len());
    &samples[count(from).min(end)..end]
}

/// 48 kHz mono 16 bit.
pub fn write_wav(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    for sample in samples {
        writer.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// Channel 0 of a 48 kHz WAV file.
pub fn read_wav(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let spec = reader.spec();
    assert_eq!(spec.sample_rate, RATE_HZ, "{} is not at 48 kHz", path.display());
    let channels = usize::from(spec.channels);
    match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().step_by(channels).map(Result::unwrap).collect(),
        hound::SampleFormat::Int => {
            let scale = 2_f32.powi(i32::from(spec.bits_per_sample) - 1);
            reader.samples::<i32>().step_by(channels).map(|s| s.unwrap() as f32 / scale).collect()
        }
    }
}

/// Share of the tenths of a second in which this tone is nearly all there is. Unlike [`tone_share`] it does not mind
/// when a jitter buffer stretches the sound between them.
pub fn tone_present(samples: &[f32], hz: f64) -> f64 {
    let blocks: Vec<&[f32]> = samples.chunks_exact(RATE_HZ as usize / 10).collect();
    let present = blocks.iter().filter(|block| level_dbfs(block) > -50.0 && tone_share(block, hz) > 0.7).count();
    present as f64 / blocks.len().max(1) as f64
}

/// Fails unless this tone, and nothing else of note, is heard at about this level.
#[track_caller]
pub fn assert_tone(what: &str, samples: &[f32], hz: f64, level_dbfs: std::ops::RangeInclusive<f64>) {
    let heard = loudest_hz(samples);
    assert!(heard.is_some(), "{what}: nothing heard in {} samples", samples.len());
    let heard = heard.unwrap_or_default();
    assert!((heard - hz).abs() < 3.0, "{what}: {heard} Hz heard in place of {hz} Hz");
    // Block by block, and the middle one: a jitter buffer may stretch the sound between two of them.
    let mut levels: Vec<f64> = samples.chunks_exact(RATE_HZ as usize / 10).map(|block| tone_dbfs(block, hz)).collect();
    levels.sort_by(f64::total_cmp);
    let level = levels.get(levels.len() / 2).copied().unwrap_or_else(|| tone_dbfs(samples, hz));
    assert!(level_dbfs.contains(&level), "{what}: {hz} Hz heard at {level:.1} dBFS, expected {level_dbfs:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_tone_is_measured_with_its_frequency_and_level() {
        let sound = tone(697.0, -20.0, SECOND);
        assert!((loudest_hz(&sound).unwrap() - 697.0).abs() <= 1.0);
        assert!((tone_dbfs(&sound, 697.0) + 20.0).abs() < 0.2);
        assert!(tone_dbfs(&sound, 770.0) < -60.0);
        assert!(tone_share(&sound, 697.0) > 0.98);
        assert_eq!(loudest_hz(&silence(SECOND)), None);
    }

    #[test]
    fn delayed_and_quieter_speech_is_found_again_and_other_speech_is_not() {
        let sent = speech(1, 3 * SECOND);
        let delay = Duration::from_millis(180);
        let mut heard = silence(delay);
        heard.extend(sent.iter().map(|s| s * 0.3));
        let same = likeness(&sent, &heard, SECOND / 2);
        assert!(same.waveform > 0.98 && same.found > 0.99, "{same:?}");
        assert!(same.delay.abs_diff(delay) < Duration::from_millis(2), "{same:?}");
        let other = likeness(&sent, &speech(2, 4 * SECOND), SECOND / 2);
        assert!(other.waveform < 0.45 && other.found < 0.3, "{other:?}");
    }

    #[test]
    fn speech_has_the_level_of_speech_and_pauses() {
        let sound = speech(5, 5 * SECOND);
        assert!((level_dbfs(&sound) + 26.0).abs() < 1.0, "{}", level_dbfs(&sound));
        let quiet = sound.chunks(960).filter(|chunk| level_dbfs(chunk) < -60.0).count();
        assert!(quiet > 10, "{quiet} quiet blocks");
    }
}
