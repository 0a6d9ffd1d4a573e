//! Tones the phone makes itself: ring, ringback, busy, call waiting, digits. No file, no clock, no click.

use std::f64::consts::TAU;

use crate::{Frame, SAMPLE_RATE_HZ};

/// A tone that repeats until it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A soft chord that rises twice, then rests: 4 s.
    Ring,
    /// 425 Hz, 1 s on, 4 s off (ITU-T E.180 §4: 0.67–1.5 s on, 3–5 s off).
    Ringback,
    /// 425 Hz, 0.5 s on, 0.5 s off (ITU-T E.180 §5: 0.1–0.66 s each).
    Busy,
    /// 425 Hz, 0.3 s on, 9 s off, softer than the others (ITU-T E.180 §9: 0.3–0.5 s on, 8–10 s off).
    CallWaiting,
}

/// One note of a tone; times are in milliseconds from the start of the period.
struct Note {
    start_ms: u32,
    length_ms: u32,
    hz: [f32; 2],
    /// Amplitude of each of the two frequencies.
    amplitude: f32,
    /// Falls to 37 % in this time; 0: stays.
    decay_ms: u32,
}

/// Rise and fall of every note, in samples: 5 ms is too slow to click and too fast to be heard.
const RAMP: u32 = SAMPLE_RATE_HZ / 200;
/// How long a digit sounds, in samples: 100 ms, as it is sent.
const DIGIT: u32 = SAMPLE_RATE_HZ / 10;
/// Each of the two frequencies of a digit in the user's ear: −20 dBFS.
const DIGIT_AMPLITUDE: f32 = 0.1;
/// Amplitude of call progress tones: −18 dBFS, comfortable beside speech.
const PROGRESS_AMPLITUDE: f32 = 0.126;

const fn steady(start_ms: u32, length_ms: u32, amplitude: f32) -> Note {
    Note { start_ms, length_ms, hz: [425.0, 0.0], amplitude, decay_ms: 0 }
}

const fn chime(start_ms: u32, hz: f32) -> Note {
    // The octave above, as a bar of wood has it.
    Note { start_ms, length_ms: 900, hz: [hz, 2.0 * hz], amplitude: 0.16, decay_ms: 220 }
}

static RING: [Note; 6] = [
    chime(0, 523.25),
    chime(160, 659.25),
    chime(320, 783.99),
    chime(900, 523.25),
    chime(1060, 659.25),
    chime(1220, 783.99),
];
static RINGBACK: [Note; 1] = [steady(0, 1000, PROGRESS_AMPLITUDE)];
static BUSY: [Note; 1] = [steady(0, 500, PROGRESS_AMPLITUDE)];
static CALL_WAITING: [Note; 1] = [steady(0, 300, PROGRESS_AMPLITUDE / 2.0)];

impl Tone {
    fn notes(self) -> &'static [Note] {
        match self {
            Self::Ring => &RING,
            Self::Ringback => &RINGBACK,
            Self::Busy => &BUSY,
            Self::CallWaiting => &CALL_WAITING,
        }
    }

    /// After this many samples it starts again.
    pub fn period(self) -> u32 {
        let ms = match self {
            Self::Ring => 4000,
            Self::Ringback => 5000,
            Self::Busy => 1000,
            Self::CallWaiting => 9300,
        };
        samples(ms)
    }

    /// The sample at a position since the start.
    fn sample(self, position: u64) -> f32 {
        let at = (position % u64::from(self.period())) as u32;
        self.notes().iter().map(|note| note.sample(at)).sum()
    }
}

impl Note {
    fn sample(&self, at: u32) -> f32 {
        let (start, length) = (samples(self.start_ms), samples(self.length_ms));
        let Some(since) = at.checked_sub(start).filter(|since| *since < length) else { return 0.0 };
        let decay = match self.decay_ms {
            0 => 1.0,
            ms => (-(since as f32) / samples(ms) as f32).exp(),
        };
        self.amplitude * decay * edges(since, length) * two_sines(self.hz, since)
    }
}

const fn samples(ms: u32) -> u32 {
    ms * (SAMPLE_RATE_HZ / 1000)
}

/// 0 at both ends, 1 between.
fn edges(since: u32, length: u32) -> f32 {
    let distance = since.min(length - since);
    (distance as f32 / RAMP as f32).min(1.0)
}

fn two_sines(hz: [f32; 2], since: u32) -> f32 {
    let sine = |hz: f32| (TAU * f64::from(hz) * f64::from(since) / f64::from(SAMPLE_RATE_HZ)).sin() as f32;
    let [low, high] = hz;
    sine(low) + if high > 0.0 { sine(high) } else { 0.0 }
}

/// The two frequencies of a digit in Hz (ITU-T Q.23).
pub fn digit_hz(digit: char) -> Option<[f32; 2]> {
    let row = ["123A", "456B", "789C", "*0#D"].iter().position(|row| row.contains(digit.to_ascii_uppercase()))?;
    let column =
        ["147*", "2580", "369#", "ABCD"].iter().position(|column| column.contains(digit.to_ascii_uppercase()))?;
    Some([*[697.0, 770.0, 852.0, 941.0].get(row)?, *[1209.0, 1336.0, 1477.0, 1633.0].get(column)?])
}

/// Plays one repeating tone and one digit at a time.
#[derive(Debug, Default)]
pub struct TonePlayer {
    playing: Option<Playing>,
    /// The tone before, while it fades: a change does not click.
    leaving: Option<Leaving>,
    digit: Option<Digit>,
}

#[derive(Clone, Copy, Debug)]
struct Playing {
    tone: Tone,
    position: u64,
}

#[derive(Clone, Copy, Debug)]
struct Leaving {
    tone: Tone,
    position: u64,
    left: u32,
}

#[derive(Clone, Copy, Debug)]
struct Digit {
    hz: [f32; 2],
    since: u32,
}

impl TonePlayer {
    /// Starts a tone in place of the one that plays, or ends it. A tone that already plays goes on.
    pub fn play(&mut self, tone: Option<Tone>) {
        if self.playing.map(|playing| playing.tone) == tone {
            return;
        }
        if let Some(Playing { tone, position }) = self.playing {
            self.leaving = Some(Leaving { tone, position, left: RAMP });
        }
        self.playing = tone.map(|tone| Playing { tone, position: 0 });
    }

    /// Starts the tone of a digit; cuts off the one before.
    pub fn digit(&mut self, digit: char) {
        if let Some(hz) = digit_hz(digit) {
            self.digit = Some(Digit { hz, since: 0 });
        }
    }

    /// Whether anything sounds, pauses of a repeating tone included.
    pub fn sounding(&self) -> bool {
        self.playing.is_some() || self.leaving.is_some() || self.digit.is_some()
    }

    /// Adds 10 ms of the tones.
    pub fn mix(&mut self, frame: &mut Frame) {
        if !self.sounding() {
            return;
        }
        for sample in &mut frame.0 {
            *sample += self.next();
        }
    }

    fn next(&mut self) -> f32 {
        let mut sum = 0.0;
        if let Some(playing) = &mut self.playing {
            sum += playing.tone.sample(playing.position);
            playing.position += 1;
        }
        if let Some(leaving) = &mut self.leaving {
            sum += leaving.tone.sample(leaving.position) * leaving.left as f32 / RAMP as f32;
            leaving.position += 1;
            leaving.left -= 1;
            if leaving.left == 0 {
                self.leaving = None;
            }
        }
        if let Some(digit) = &mut self.digit {
            sum += DIGIT_AMPLITUDE * edges(digit.since, DIGIT) * two_sines(digit.hz, digit.since);
            digit.since += 1;
            if digit.since == DIGIT {
                self.digit = None;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;
    use crate::measure::{level_at, tone_in};

    fn render(player: &mut TonePlayer, ms: usize) -> Vec<f32> {
        let mut out = Vec::new();
        for _ in 0..ms / 10 {
            let mut frame = Frame::SILENCE;
            player.mix(&mut frame);
            out.extend_from_slice(&frame.0);
        }
        out
    }

    /// Milliseconds on and off, in turn, from the start.
    fn cadence(samples: &[f32]) -> Vec<usize> {
        let mut runs: Vec<(bool, usize)> = Vec::new();
        for chunk in samples.chunks_exact(480) {
            let on = rms_dbfs(chunk) > -60.0;
            match runs.last_mut() {
                Some((last, length)) if *last == on => *length += 10,
                _ => runs.push((on, 10)),
            }
        }
        runs.into_iter().map(|(_, length)| length).collect()
    }

    fn played(tone: Tone, ms: usize) -> Vec<f32> {
        let mut player = TonePlayer::default();
        player.play(Some(tone));
        render(&mut player, ms)
    }

    #[test]
    fn ringback_and_busy_keep_the_cadence_of_e180() {
        assert_eq!(cadence(&played(Tone::Ringback, 6000)), [1000, 4000, 1000]);
        assert_eq!(cadence(&played(Tone::Busy, 2000)), [500, 500, 500, 500]);
        assert_eq!(cadence(&played(Tone::CallWaiting, 9600)), [300, 9000, 300]);
        let tone = tone_in(&played(Tone::Ringback, 1000)).unwrap();
        assert!((tone.hz - 425.0).abs() < 1.0);
        assert!((tone.dbfs + 18.0).abs() < 0.3);
    }

    #[test]
    fn nothing_clicks_when_tones_start_change_and_stop() {
        let mut player = TonePlayer::default();
        let mut all = Vec::new();
        for tone in [Some(Tone::Busy), Some(Tone::Ring), None, Some(Tone::CallWaiting), Some(Tone::Ringback), None] {
            player.play(tone);
            all.extend(render(&mut player, 730));
        }
        // The steepest slope of the loudest tone: the sum of its sines at full amplitude.
        let steepest = all.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.08, "{steepest}");
        assert!(!player.sounding());
    }

    #[test]
    fn each_digit_has_its_two_frequencies() {
        for (digit, low, high) in
            [('1', 697.0, 1209.0), ('5', 770.0, 1336.0), ('#', 941.0, 1477.0), ('d', 941.0, 1633.0)]
        {
            let mut player = TonePlayer::default();
            player.digit(digit);
            let heard = render(&mut player, 200);
            assert!((level_at(&heard[480..4320], low) + 20.0).abs() < 1.0, "{digit}");
            assert!((level_at(&heard[480..4320], high) + 20.0).abs() < 1.0, "{digit}");
            assert_eq!(cadence(&heard), [100, 100]);
        }
        assert_eq!(digit_hz('x'), None);
    }

    #[test]
    fn the_ring_rests_before_it_repeats() {
        let ring = played(Tone::Ring, 4000);
        assert!(rms_dbfs(&ring[..48_000]) > -20.0);
        assert!(rms_dbfs(&ring[120_000..]) < -60.0);
    }
}
