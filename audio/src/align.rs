//! The far end on the microphone's clock: what the speaker was given, resampled by a few parts per million, read 10 ms
//! for each 10 ms of the microphone.
//!
//! Frames are pushed as they are written for the speaker, so on the speaker's clock, and always a little before they are
//! heard. How much the clocks differ is told from outside ([`Reference::correct`]); it is measured where the echo
//! arrives, because the counters of two devices show a difference only every few minutes, in steps of a whole callback.

use crate::resample::FromFrames;
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// Largest difference of two clocks that is followed, in parts per million.
pub const MAX_DRIFT_PPM: f32 = 300.0;
/// Room for frames that were written and not read. What the speaker's ring holds at most, and a stall.
const ROOM: usize = SAMPLE_RATE_HZ as usize / 4;
/// More than this waits only after a stall, or when the clocks differ and nothing was heard of it: then the oldest are
/// dropped.
const MOST: usize = SAMPLE_RATE_HZ as usize * 120 / 1000;
/// What is kept then.
const KEEP: usize = SAMPLE_RATE_HZ as usize * 30 / 1000;
/// Silence before the first frame, so that a clock that runs fast has something to take from: 5 ms.
const AHEAD: usize = SAMPLE_RATE_HZ as usize * 5 / 1000;

/// See the module.
pub struct Reference {
    /// `None` only if the resampler cannot be made, and then the clocks are taken for the same.
    resampler: Option<FromFrames>,
    ring: Vec<f32>,
    read: usize,
    waiting: usize,
    ppm: f32,
    slips: u64,
}

impl Default for Reference {
    fn default() -> Self {
        Self::new()
    }
}

impl Reference {
    pub fn new() -> Self {
        Self {
            resampler: FromFrames::new(SAMPLE_RATE_HZ).ok(),
            ring: vec![0.0; ROOM],
            read: 0,
            waiting: AHEAD,
            ppm: 0.0,
            slips: 0,
        }
    }

    /// 10 ms that were written for the speaker.
    pub fn push(&mut self, frame: &Frame) {
        let samples = match &mut self.resampler {
            Some(resampler) => resampler.process(frame),
            None => &frame.0,
        };
        for sample in samples {
            let at = (self.read + self.waiting) % ROOM;
            if self.waiting == ROOM {
                self.read = (self.read + 1) % ROOM;
            } else {
                self.waiting += 1;
            }
            if let Some(slot) = self.ring.get_mut(at) {
                *slot = if sample.is_finite() { *sample } else { 0.0 };
            }
        }
    }

    /// The next 10 ms; what is missing is silence.
    pub fn pull(&mut self, frame: &mut Frame) {
        if self.waiting > MOST {
            let old = self.waiting - KEEP;
            self.read = (self.read + old) % ROOM;
            self.waiting = KEEP;
            self.slips += 1;
        }
        let there = self.waiting.min(FRAME_SAMPLES);
        for (n, sample) in frame.0.iter_mut().enumerate() {
            *sample = if n < there { self.ring.get((self.read + n) % ROOM).copied().unwrap_or_default() } else { 0.0 };
        }
        if there < FRAME_SAMPLES && there > 0 {
            self.slips += 1;
        }
        self.read = (self.read + there) % ROOM;
        self.waiting -= there;
    }

    /// Adds to the correction: `ppm` is how much the echo was seen to fall behind, in millionths.
    pub fn correct(&mut self, ppm: f32) {
        if ppm.is_finite() {
            self.ppm = (self.ppm + ppm).clamp(-MAX_DRIFT_PPM, MAX_DRIFT_PPM);
            if let Some(resampler) = &mut self.resampler {
                resampler.set_ppm(f64::from(self.ppm));
            }
        }
    }

    /// The correction in force.
    pub fn ppm(&self) -> f32 {
        self.ppm
    }

    /// How often both sides shifted against each other, because frames were missing or too many.
    pub fn slips(&self) -> u64 {
        self.slips
    }

    /// The speaker was closed, or opened anew: nothing of it waits any more.
    pub fn reset(&mut self) {
        self.ring.fill(0.0);
        (self.read, self.waiting) = (0, AHEAD);
        self.ppm = 0.0;
        if let Some(resampler) = &mut self.resampler {
            resampler.set_ppm(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{sine, tone_in};

    #[test]
    fn what_is_pushed_comes_out_six_milliseconds_later() {
        let mut reference = Reference::new();
        let mut noise = crate::fuzz::Noise::new(4);
        let raw: Vec<f32> = (0..48_256).map(|_| noise.next() * 0.1).collect();
        // Noise has one lag only; smoothed, so that it lies within the resampler's band.
        let input: Vec<f32> = raw.windows(257).map(|all| all.iter().sum::<f32>() / 257.0).collect();
        let mut output = Vec::new();
        for chunk in input.chunks_exact(FRAME_SAMPLES) {
            reference.push(&Frame(chunk.try_into().unwrap()));
            let mut frame = Frame::SILENCE;
            reference.pull(&mut frame);
            output.extend_from_slice(&frame.0);
        }
        let lag = crate::measure::lag(&input[..24_000], &output).unwrap();
        assert!((240..290).contains(&lag.samples) && lag.correlation > 0.999, "{lag:?}");
        assert_eq!(reference.slips(), 0);
    }

    #[test]
    fn a_correction_changes_the_pitch_by_as_much() {
        let mut reference = Reference::new();
        reference.correct(200.0);
        let mut output = Vec::new();
        let mut frame = Frame::SILENCE;
        for chunk in sine(5_000.0, -20.0, 96_000).chunks_exact(FRAME_SAMPLES) {
            reference.push(&Frame(chunk.try_into().unwrap()));
            reference.pull(&mut frame);
            output.extend_from_slice(&frame.0);
        }
        let tone = tone_in(&output[20_000..]).unwrap();
        assert!((tone.hz - 4_999.0).abs() < 0.15, "{tone:?}");
        reference.correct(1e9);
        assert!((reference.ppm() - MAX_DRIFT_PPM).abs() < f32::EPSILON);
        reference.correct(f32::NAN);
        assert!((reference.ppm() - MAX_DRIFT_PPM).abs() < f32::EPSILON);
    }

    #[test]
    fn after_a_stall_the_oldest_are_dropped_and_a_dry_reference_is_silence() {
        let mut reference = Reference::new();
        let frame = Frame([0.5; FRAME_SAMPLES]);
        for _ in 0..100 {
            reference.push(&frame);
        }
        let mut out = Frame::SILENCE;
        reference.pull(&mut out);
        assert_eq!(reference.slips(), 1);
        for _ in 0..4 {
            reference.pull(&mut out);
        }
        assert!(out.0.iter().all(|x| x.to_bits() == 0), "30 ms were kept");
    }
}
