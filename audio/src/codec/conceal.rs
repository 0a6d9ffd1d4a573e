//! Makes up sound for lost packets out of the sound before them, by pitch (of the class of ITU-T G.711 Appendix I).
//!
//! For codecs that have no concealment of their own. The last pitch period is repeated, after 10 ms the last two and
//! after 20 ms the last three, so that it does not buzz; it fades to silence within 60 ms, where guessing ends. When sound
//! comes back, the made-up sound goes on beneath it for a few milliseconds. Unlike the Appendix it delays nothing: the
//! seam at the start is smoothed in the made-up sound alone.

/// Pitch from 200 down to 66 Hz, in half milliseconds.
const LAG_MIN_HALF_MS: usize = 10;
const LAG_MAX_HALF_MS: usize = 30;
/// Full volume, and fading to nothing, in milliseconds.
const HOLD_MS: usize = 10;
const FADE_MS: usize = 50;
/// Compared when looking for the pitch, in milliseconds.
const WINDOW_MS: usize = 20;
/// Below this correlation it is a hiss: the longest stretch repeats least audibly.
const VOICED: f32 = 0.5;

pub(super) struct Concealer {
    /// Samples per millisecond.
    ms: usize,
    /// What was heard last, oldest first; always full.
    history: Vec<f32>,
    /// The history as it was when the loss began.
    frozen: Vec<f32>,
    lag: usize,
    /// How many periods repeat, and how far into them we are.
    periods: usize,
    position: usize,
    /// While more periods come in: where the fewer would be, and how much of the cross-fade is left.
    leaving: Option<(usize, usize, usize)>,
    /// The step at the seam, taken back bit by bit.
    step: f32,
    /// Samples made up in this loss.
    made_up: usize,
}

impl Concealer {
    pub(super) fn new(rate_hz: u32) -> Self {
        let ms = rate_hz as usize / 1000;
        // Three of the longest periods and a quarter for the seam; and the window of the search.
        let length = (3 * LAG_MAX_HALF_MS / 2 + LAG_MAX_HALF_MS / 2 + WINDOW_MS) * ms;
        Self {
            ms,
            history: vec![0.0; length],
            frozen: vec![0.0; length],
            lag: LAG_MAX_HALF_MS * ms / 2,
            periods: 1,
            position: 0,
            leaving: None,
            step: 0.0,
            made_up: 0,
        }
    }

    pub(super) fn reset(&mut self) {
        self.history.fill(0.0);
        self.made_up = 0;
    }

    /// Decoded sound; changed at its start if it follows a loss.
    pub(super) fn decoded(&mut self, sound: &mut [f32]) {
        if self.made_up > 0 {
            // Appendix I: a quarter period, and 4 ms more for each 10 ms lost, up to 10 ms.
            let longer = 4 * self.ms * (self.made_up / (10 * self.ms)).saturating_sub(1);
            let overlap = (self.lag / 4 + longer).min(10 * self.ms).min(sound.len());
            for (n, sample) in sound.iter_mut().take(overlap).enumerate() {
                let mix = (n as f32 + 0.5) / overlap as f32;
                *sample = *sample * mix + self.next() * (1.0 - mix);
            }
            self.made_up = 0;
        }
        self.remember(sound);
    }

    /// Fills `out` with what might have been said.
    pub(super) fn conceal(&mut self, out: &mut [f32]) {
        if self.made_up == 0 {
            self.start();
        }
        for sample in out.iter_mut() {
            *sample = self.next();
        }
        self.remember(out);
    }

    fn remember(&mut self, sound: &[f32]) {
        let length = self.history.len();
        let sound = sound.get(sound.len().saturating_sub(length)..).unwrap_or_default();
        self.history.copy_within(sound.len().., 0);
        if let Some(end) = self.history.get_mut(length - sound.len()..) {
            end.copy_from_slice(sound);
        }
    }

    /// A loss begins.
    fn start(&mut self) {
        self.frozen.copy_from_slice(&self.history);
        let (lag, likeness) = self.pitch();
        self.lag = lag;
        self.periods = if likeness < VOICED { 3 } else { 1 };
        self.position = 0;
        self.leaving = None;
        let last = self.frozen.last().copied().unwrap_or(0.0);
        self.step = last - self.before(self.periods * lag + 1);
    }

    /// The sample this many before the loss.
    fn before(&self, back: usize) -> f32 {
        self.frozen.len().checked_sub(back).and_then(|index| self.frozen.get(index)).copied().unwrap_or(0.0)
    }

    /// The lag at which the last 20 ms are most like what was before them, first on every second sample.
    fn pitch(&self) -> (usize, f32) {
        let (least, most) = (LAG_MIN_HALF_MS * self.ms / 2, LAG_MAX_HALF_MS * self.ms / 2);
        let window = WINDOW_MS * self.ms;
        let end = self.frozen.len();
        let now = self.frozen.get(end - window..).unwrap_or_default();
        let likeness = |lag: usize| {
            let then = self.frozen.get(end - window - lag..end - lag).unwrap_or_default();
            let (mut ab, mut aa, mut bb) = (0.0, 1e-9, 1e-9);
            for (a, b) in now.iter().zip(then).step_by(2) {
                ab += a * b;
                aa += a * a;
                bb += b * b;
            }
            ab / f32::sqrt(aa * bb)
        };
        let best = |lags: std::ops::RangeInclusive<usize>, step: usize| {
            lags.step_by(step).map(|lag| (lag, likeness(lag))).max_by(|a, b| a.1.total_cmp(&b.1))
        };
        let (coarse, _) = best(least..=most, 2).unwrap_or((most, 0.0));
        let around = coarse.saturating_sub(1).max(least)..=(coarse + 1).min(most);
        let (lag, likeness) = best(around, 1).unwrap_or((coarse, 0.0));
        if likeness < VOICED { (most, likeness) } else { (lag, likeness) }
    }

    /// One sample of a loop over the last periods, whose end runs smoothly into its start.
    fn looped(&self, periods: usize, position: usize) -> f32 {
        let length = periods * self.lag;
        let seam = self.lag / 4;
        let sample = self.before(length - position.min(length - 1));
        let Some(into) = (position + seam).checked_sub(length) else { return sample };
        let mix = (into as f32 + 0.5) / seam.max(1) as f32;
        sample * (1.0 - mix) + self.before(2 * length - position) * mix
    }

    fn next(&mut self) -> f32 {
        // One period more at 10 ms and at 20 ms.
        let due = 1 + self.made_up / (HOLD_MS * self.ms);
        if self.periods < due.min(3) {
            let seam = self.lag / 4;
            self.leaving = Some((self.periods, self.position, seam));
            self.position %= self.lag;
            self.periods += 1;
        }
        let mut sample = self.looped(self.periods, self.position);
        self.position = (self.position + 1) % (self.periods * self.lag);
        if let Some((periods, position, left)) = self.leaving {
            let share = left as f32 / (self.lag / 4).max(1) as f32;
            sample = sample * (1.0 - share) + self.looped(periods, position) * share;
            self.leaving = (left > 1).then_some((periods, (position + 1) % (periods * self.lag), left - 1));
        }
        sample += self.step;
        // The step is gone after about 2 ms.
        self.step *= 1.0 - 1.0 / (0.7 * self.ms as f32);
        let fading = self.made_up.saturating_sub(HOLD_MS * self.ms);
        self.made_up += 1;
        sample * (1.0 - fading as f32 / (FADE_MS * self.ms) as f32).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;

    fn buzz(rate_hz: u32, hz: f32, count: usize) -> Vec<f32> {
        (0..count)
            .map(|n| {
                let t = n as f32 / rate_hz as f32;
                (1..8).map(|h| (std::f32::consts::TAU * hz * h as f32 * t).sin() * 0.1 / h as f32).sum()
            })
            .collect()
    }

    #[test]
    fn a_short_loss_in_a_voice_is_hardly_there() {
        for rate_hz in [8_000, 16_000] {
            let sound = buzz(rate_hz, 130.0, rate_hz as usize);
            let mut concealer = Concealer::new(rate_hz);
            let ms = rate_hz as usize / 1000;
            let mut heard = Vec::new();
            for (n, packet) in sound.chunks_exact(10 * ms).enumerate() {
                let mut packet = packet.to_vec();
                if n % 10 == 7 {
                    concealer.conceal(&mut packet);
                } else {
                    concealer.decoded(&mut packet);
                }
                heard.extend_from_slice(&packet);
            }
            let error: Vec<f32> = heard.iter().zip(&sound).skip(200 * ms).map(|(a, b)| a - b).collect();
            let below = rms_dbfs(&sound) - rms_dbfs(&error);
            assert!(below > 15.0, "{rate_hz}: the error is {below} dB below the voice");
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence_and_nothing_clicks() {
        let sound = buzz(8_000, 110.0, 8_000);
        let slope = sound.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
        let mut concealer = Concealer::new(8_000);
        let mut heard = sound[..4_000].to_vec();
        concealer.decoded(&mut heard);
        let mut made_up = vec![0.0; 800];
        concealer.conceal(&mut made_up);
        assert!(rms_dbfs(&made_up[..80]) > rms_dbfs(&sound) - 2.0);
        assert!(made_up[481..].iter().all(|x| *x == 0.0), "silent after 60 ms");
        heard.extend(made_up);
        let mut after = sound[4_800..].to_vec();
        concealer.decoded(&mut after);
        heard.extend(after);
        let steepest = heard.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
        assert!(steepest < 1.5 * slope, "{steepest} against {slope}");
    }

    #[test]
    fn silence_stays_silence() {
        let mut concealer = Concealer::new(16_000);
        let mut out = vec![1.0; 320];
        concealer.conceal(&mut out);
        assert!(out.iter().all(|x| *x == 0.0));
    }
}
