//! Evens out how loud the speaker is: a slow, digital gain. The system's own slider is never touched.
//!
//! Speech is told from noise by its height above the tracked noise floor. The gain moves only while there is speech, a few
//! dB a second, so that pauses do not come up; it never lifts the noise floor above −50 dBFS.

use crate::Frame;
use crate::level::{SILENCE_DBFS, from_db, rms_dbfs};

/// Where speech is brought to, RMS of its frames.
const GOAL_DBFS: f32 = -23.0;
/// Speech this near the goal is left alone.
const LEAVE_DB: f32 = 1.5;
const MOST_UP_DB: f32 = 18.0;
const MOST_DOWN_DB: f32 = -12.0;
/// Per frame of speech.
const UP_DB: f32 = 0.04;
const DOWN_DB: f32 = 0.10;
/// A frame this much above the floor is speech.
const SPEECH_DB: f32 = 12.0;
/// Quieter is never speech.
const LEAST_DBFS: f32 = -55.0;
/// The noise floor is not lifted above this.
const NOISE_MOST_DBFS: f32 = -50.0;
/// Rise of the floor per frame; it falls at once.
const FLOOR_RISE_DB: f32 = 0.02;
/// Share of a new frame of speech in the level.
const LEVEL_SHARE: f32 = 0.02;

/// See the module.
#[derive(Clone, Debug)]
pub struct AutomaticGain {
    floor_dbfs: f32,
    level_dbfs: f32,
    gain_db: f32,
    factor: f32,
}

impl Default for AutomaticGain {
    fn default() -> Self {
        // The first sound is taken for noise until a pause shows how much of it is.
        Self { floor_dbfs: f32::INFINITY, level_dbfs: GOAL_DBFS, gain_db: 0.0, factor: 1.0 }
    }
}

impl AutomaticGain {
    pub fn process(&mut self, frame: &mut Frame) {
        let level = rms_dbfs(&frame.0);
        if level > SILENCE_DBFS {
            self.floor_dbfs = if level < self.floor_dbfs { level } else { self.floor_dbfs + FLOOR_RISE_DB }.max(-90.0);
        }
        if level > LEAST_DBFS && level > self.floor_dbfs + SPEECH_DB {
            self.level_dbfs += LEVEL_SHARE * (level - self.level_dbfs);
            let missing = GOAL_DBFS - (self.level_dbfs + self.gain_db);
            if missing.abs() > LEAVE_DB {
                let most = MOST_UP_DB.min((NOISE_MOST_DBFS - self.floor_dbfs).max(0.0));
                self.gain_db = (self.gain_db + missing.clamp(-DOWN_DB, UP_DB)).clamp(MOST_DOWN_DB, most);
            }
        }
        let goal = from_db(self.gain_db);
        let step = (goal - self.factor) / frame.0.len() as f32;
        for sample in &mut frame.0 {
            self.factor += step;
            *sample *= self.factor;
        }
        self.factor = goal;
    }

    /// The gain in force, in dB.
    pub fn gain_db(&self) -> f32 {
        self.gain_db
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_SAMPLES;
    use crate::fuzz::Noise;
    use crate::measure::sine;

    /// Half a second of tone and half a second of pause, over and over, in faint noise; the last stretch of tone's level.
    fn after(seconds: usize, dbfs: f32) -> (f32, AutomaticGain) {
        let (mut gain, mut noise) = (AutomaticGain::default(), Noise::new(7));
        let tone = sine(300.0, dbfs, 48_000 * seconds);
        let mut last = SILENCE_DBFS;
        for (n, chunk) in tone.chunks_exact(FRAME_SAMPLES).enumerate() {
            let speaks = n % 100 < 50;
            let mut frame = Frame(std::array::from_fn(|k| if speaks { chunk[k] } else { 0.0 } + noise.next() * 3e-4));
            gain.process(&mut frame);
            if speaks {
                last = rms_dbfs(&frame.0);
            }
        }
        (last, gain)
    }

    #[test]
    fn quiet_and_loud_speech_end_within_three_db_of_the_goal() {
        for dbfs in [-38.0, -30.0, -24.0, -14.0] {
            let (level, gain) = after(20, dbfs);
            assert!((level - GOAL_DBFS).abs() < 3.0, "{dbfs}: {level}, gain {}", gain.gain_db());
        }
    }

    #[test]
    fn it_moves_slowly_and_not_for_noise() {
        let (_, gain) = after(2, -40.0);
        assert!((0.5..5.0).contains(&gain.gain_db()), "{}", gain.gain_db());
        let (mut gain, mut noise) = (AutomaticGain::default(), Noise::new(9));
        for _ in 0..3_000 {
            let mut frame = Frame(std::array::from_fn(|_| noise.next() * 0.01));
            gain.process(&mut frame);
        }
        assert!(gain.gain_db().abs() < 1.0, "{}", gain.gain_db());
    }
}
