//! The residual echo suppressor: takes away what the linear canceller leaves, and keeps the near end.
//!
//! Per bin the residual's power is modelled as a sum of four features with learned weights: leakage of the echo
//! estimate, its reverberation, its spread over the band (distortion), and the far end itself (for when the filter is
//! wrong). The weights are the maximum-likelihood ones of a sum of variances (Itakura–Saito), found online. What stands
//! above the model is near end; a Wiener gain, gentle while there is near end and hard while there is none, does the
//! rest, and comfort noise fills the holes. 16 kHz, 10 ms of delay, nothing allocates after construction.

use super::bands::LOW_SAMPLES;
use super::linear::Cancelled;
use super::spectrum::{Analysis, BIN_HZ, BINS, Bins, Complex, NO_BINS, NO_SPECTRUM, Spectrum, Synthesis};

/// How much later sound comes out, in samples at 16 kHz.
pub(crate) const DELAY: usize = LOW_SAMPLES;

/// Bins of 200 Hz to 4 kHz.
const SPEECH: std::ops::RangeInclusive<usize> = 4..=80;
/// Bins of 4 to 7 kHz: their gain is taken for what lies above 8 kHz.
const UPPER: std::ops::RangeInclusive<usize> = 80..=140;
const FEATURES: usize = 4;
const FIRST_WEIGHTS: [f32; FEATURES] = [0.3, 0.05, 1e-3, 0.02];
/// Hops of the far end that are remembered: longer than the canceller's search.
const HISTORY: usize = 80;
/// Power in the speech band (of the window's spectrum) below which the far end is silent.
const FAR_ACTIVE: f32 = 1e-3;

const LATE_DECAY: f32 = 0.72;
const COUPLING_DECAY: f32 = 0.86;
/// Forgetting of the statistics behind the weights, per hop.
const LEARN_MEMORY: f32 = 0.99;
/// Step of the weights, as an exponent.
const LEARN_STEP: f32 = 0.12;
/// How far above the model, in dB, near end is as likely as not; and how sharp that is.
const PRESENCE_DB: f32 = 5.0;
const PRESENCE_WIDTH_DB: f32 = 1.2;
/// Hops that presence stays after it was sure.
const HOLD: u32 = 8;
const RELEASE: f32 = 0.75;
/// Over-subtraction, gain floor and exponent without near end and with it.
const OVER_SINGLE: f32 = 8.0;
const OVER_DOUBLE: f32 = 2.5;
const OVER_HEADSET: f32 = 2.0;
const FLOOR_SINGLE_DB: f32 = -45.0;
const FLOOR_DOUBLE_DB: f32 = -25.0;
const POWER_SINGLE: f32 = 1.6;
const SMOOTH_SINGLE: f32 = 0.6;
const SMOOTH_DOUBLE: f32 = 0.9;
/// Comfort noise above the tracked floor, 1 dB; the synthesis window takes 3.
const COMFORT: f32 = 1.2589;
/// Echo return loss in dB above which the far end is as good as not heard by the microphone (a headset), and below
/// which it is again.
const HEADSET_DB: f32 = 30.0;
const HEADSET_LEAVE_DB: f32 = 27.0;
/// The same for no processing at all.
const BYPASS_DB: f32 = 45.0;
const BYPASS_LEAVE_DB: f32 = 40.0;
/// Hops before the return loss is believed.
const TRUST: u32 = 300;

/// What the suppressor knows, for meters and diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EchoState {
    /// How much weaker the far end comes back into the microphone, in dB.
    pub return_loss_db: f32,
    /// How right the linear filter is, 0–1.
    pub health: f32,
    /// How sure it is that somebody speaks here, 0–1.
    pub near_end: f32,
    /// The far end is hardly heard by the microphone.
    pub headset: bool,
    /// Sound passes as it is, because there is no echo to take away.
    pub bypassed: bool,
    /// Where the echo was found, in milliseconds after it was played.
    pub delay_ms: f32,
    /// Correction of the far end's clock, in parts per million.
    pub drift_ppm: f32,
}

pub(crate) struct Suppressor {
    near: Analysis,
    error: Analysis,
    far: Analysis,
    out: Synthesis,
    /// Power of the far end, newest at `far_at`.
    far_power: Vec<Bins>,
    far_at: usize,
    hops: u32,
    noise: NoiseFloor,
    health: Health,
    weights: [Bins; FEATURES],
    numerator: [Bins; FEATURES],
    denominator: [Bins; FEATURES],
    features: [Bins; FEATURES],
    /// The microphone's power to the far end's, while only the far end speaks.
    coupling: (Bins, Bins),
    /// Hops of far end seen since the path last changed.
    seen: u32,
    bad_hops: u32,
    presence: f32,
    hold: u32,
    return_loss: (f32, f32),
    headset: bool,
    bypassed: bool,
    gain: Bins,
    power_before: Bins,
    high_gain: f32,
    seed: u32,
    /// Of the current hop. The first becomes what is to be heard.
    spectrum_error: Spectrum,
    spectrum_near: Spectrum,
    spectrum_far: Spectrum,
}

fn power(spectrum: &Spectrum) -> Bins {
    let mut bins = NO_BINS;
    for (out, bin) in bins.iter_mut().zip(spectrum) {
        *out = bin.norm_sqr();
    }
    bins
}

fn speech_sum(bins: &Bins) -> f32 {
    bins[SPEECH].iter().sum()
}

fn mean(bins: &[f32]) -> f32 {
    bins.iter().sum::<f32>() / bins.len().max(1) as f32
}

/// A factor between two others by powers: `share` 0 gives `a`, 1 gives `b`.
fn blend(a: f32, b: f32, share: f32) -> f32 {
    a * (1.0 - share) + b * share
}

impl Suppressor {
    pub(crate) fn new() -> Self {
        let mut weights = [NO_BINS; FEATURES];
        for (bins, first) in weights.iter_mut().zip(FIRST_WEIGHTS) {
            bins.fill(first);
        }
        Self {
            near: Analysis::new(),
            error: Analysis::new(),
            far: Analysis::new(),
            out: Synthesis::new(),
            far_power: vec![NO_BINS; HISTORY],
            far_at: 0,
            hops: 0,
            noise: NoiseFloor::new(),
            health: Health::new(),
            weights,
            numerator: [NO_BINS; FEATURES],
            denominator: [NO_BINS; FEATURES],
            features: [NO_BINS; FEATURES],
            coupling: ([1e-3; BINS], [1e-2; BINS]),
            seen: 0,
            bad_hops: 0,
            presence: 0.0,
            hold: 0,
            return_loss: (1e-9, 1e-9),
            headset: false,
            bypassed: false,
            gain: [1.0; BINS],
            power_before: [1e-9; BINS],
            high_gain: 1.0,
            seed: 1,
            spectrum_error: NO_SPECTRUM,
            spectrum_near: NO_SPECTRUM,
            spectrum_far: NO_SPECTRUM,
        }
    }

    /// 10 ms of what the canceller made and of the far end. Returns the gain for the band above 8 kHz; `out` and the
    /// gain belong to the 10 ms before.
    pub(crate) fn process(
        &mut self,
        cancelled: &Cancelled,
        far: &[f32; LOW_SAMPLES],
        delay_ms: f32,
        out: &mut [f32; LOW_SAMPLES],
    ) -> f32 {
        self.error.process(&cancelled.error, &mut self.spectrum_error);
        self.near.process(&cancelled.near, &mut self.spectrum_near);
        self.far.process(far, &mut self.spectrum_far);
        self.far_at = (self.far_at + 1) % HISTORY;
        self.far_power[self.far_at] = power(&self.spectrum_far);
        // Two hops early: reverberation of the features spreads forward in time, never back.
        let lag = ((delay_ms / 10.0).round() as usize).saturating_sub(2).min(HISTORY - 1);
        let far_power = self.far_power[(self.far_at + HISTORY - lag) % HISTORY];
        let high_gain = self.hop(&far_power);
        self.hops = self.hops.saturating_add(1);
        self.out.process(&self.spectrum_error, out);
        // The window's middle lies between two frames.
        let now = 0.5 * (self.high_gain + high_gain);
        self.high_gain = high_gain;
        now
    }

    /// Changes `spectrum_error` into what is to be heard; returns the gain of the upper band.
    fn hop(&mut self, far_power: &Bins) -> f32 {
        let near_power = power(&self.spectrum_near);
        let mut error_power = power(&self.spectrum_error);
        let mut estimate = NO_SPECTRUM;
        for ((out, near), error) in estimate.iter_mut().zip(&self.spectrum_near).zip(&self.spectrum_error) {
            *out = near - error;
        }
        let estimate_power = power(&estimate);
        let far = speech_sum(far_power) > FAR_ACTIVE || speech_sum(&self.features[3]) > 2.0 * FAR_ACTIVE;

        let active = far && speech_sum(&estimate_power) > 4.0 * speech_sum(&self.noise.power);
        let (health, bad) = self.health.update(
            &HealthInput {
                near: &self.spectrum_near,
                estimate: &estimate,
                near_power: &near_power,
                error_power: &error_power,
                estimate_power: &estimate_power,
            },
            far,
            active,
            self.headset,
        );
        if bad {
            self.spectrum_error = self.spectrum_near;
            error_power = near_power;
            self.bad_hops += 1;
        } else {
            if self.bad_hops >= 25 {
                // The path has changed: learn fast again.
                self.seen = 0;
            }
            self.bad_hops = 0;
        }
        self.noise.update(&error_power, self.hops);

        let residual = self.residual(&estimate_power, far_power, health);
        let (likely, excess_db) = self.presence(&error_power, &residual, far);
        if far {
            self.learn(&error_power, &residual, likely);
            if likely < 0.1 && excess_db < 3.0 {
                self.learn_coupling(&near_power, far_power);
            }
        }
        self.decide_headset();
        self.apply(&error_power, &residual, far)
    }

    /// The modelled power of the residual echo.
    fn residual(&mut self, estimate: &Bins, far: &Bins, health: f32) -> Bins {
        let spread = mean(&estimate[SPEECH]);
        let [leakage, late, distortion, coupling] = &mut self.features;
        for k in 0..BINS {
            let left = if k > 0 { estimate[k - 1] } else { 0.0 };
            let right = if k + 1 < BINS { estimate[k + 1] } else { 0.0 };
            leakage[k] = (left + estimate[k] + right) / 3.0 + 1e-12;
            late[k] = LATE_DECAY * late[k] + estimate[k] + 1e-12;
            distortion[k] = spread + 1e-12;
            coupling[k] = COUPLING_DECAY * coupling[k] + far[k] + 1e-12;
        }
        let mut residual = NO_BINS;
        for (weights, feature) in self.weights.iter().zip(&self.features) {
            for k in 0..BINS {
                residual[k] += weights[k] * feature[k];
            }
        }
        if health < 0.8 {
            let share = ((0.8 - health) / 0.3).min(1.0);
            for (k, residual) in residual.iter_mut().enumerate() {
                *residual = residual.max(share * self.coupling.0[k] / self.coupling.1[k] * self.features[3][k]);
            }
        }
        residual
    }

    /// How likely there is near end, from the power above the model, whitened; and that excess in dB.
    fn presence(&mut self, error: &Bins, residual: &Bins, far: bool) -> (f32, f32) {
        let (mut ratios, mut observed, mut modelled) = (0.0, 0.0, 0.0);
        for k in SPEECH {
            let variance = residual[k] + self.noise.power[k];
            ratios += (error[k] / variance).min(100.0);
            observed += error[k];
            modelled += variance;
        }
        let bins = SPEECH.count() as f32;
        let excess_db = 10.0 * (0.5 * ratios / bins + 0.5 * observed / modelled + 1e-6).log10();
        let likely = if far { 1.0 / (1.0 + (-(excess_db - PRESENCE_DB) / PRESENCE_WIDTH_DB).exp()) } else { 1.0 };
        if likely > 0.6 {
            self.hold = HOLD;
        }
        if likely > self.presence {
            self.presence = if far { blend(self.presence, likely, 0.5) } else { 1.0 };
        } else if self.hold > 0 {
            self.hold -= 1;
        } else {
            self.presence = blend(likely, self.presence, RELEASE);
        }
        (likely, excess_db)
    }

    /// One step of the weights towards the most likely ones.
    fn learn(&mut self, error: &Bins, residual: &Bins, likely: f32) {
        self.seen = self.seen.saturating_add(1);
        let weight = ((1.0 - likely).powi(2) + if self.seen > 200 { 0.05 } else { 0.5 }).min(1.0);
        let hurry = if self.seen < 300 { 3.0 } else { 1.0 };
        let memory = 1.0 - (1.0 - LEARN_MEMORY) * weight * hurry;
        for i in 0..FEATURES {
            for k in 0..BINS {
                let variance = residual[k] + self.noise.power[k];
                let observed = error[k].min(12.0 * variance);
                let feature = self.features[i][k];
                let numerator = &mut self.numerator[i][k];
                let denominator = &mut self.denominator[i][k];
                *numerator = memory * *numerator + (1.0 - memory) * feature * observed / (variance * variance);
                *denominator = memory * *denominator + (1.0 - memory) * feature / variance;
                let step = ((*numerator + 1e-12) / (*denominator + 1e-12)).clamp(0.1, 8.0).powf(LEARN_STEP * weight);
                self.weights[i][k] = (self.weights[i][k] * step).clamp(1e-7, 4.0);
                // The statistics follow the step, else they wind up.
                *numerator /= step;
            }
        }
    }

    fn learn_coupling(&mut self, near: &Bins, far: &Bins) {
        self.return_loss.0 = blend(self.return_loss.0, speech_sum(near), 0.01);
        self.return_loss.1 = blend(self.return_loss.1, speech_sum(far), 0.01);
        for k in 0..BINS {
            self.coupling.0[k] = blend(self.coupling.0[k], near[k], 0.005);
            self.coupling.1[k] = blend(self.coupling.1[k], self.features[3][k], 0.005);
        }
    }

    fn return_loss_db(&self) -> f32 {
        10.0 * (self.return_loss.1 / self.return_loss.0).log10()
    }

    fn decide_headset(&mut self) {
        let loss = self.return_loss_db();
        let trusted = self.hops > TRUST;
        self.headset = trusted && loss > if self.headset { HEADSET_LEAVE_DB } else { HEADSET_DB };
        self.bypassed = trusted && loss > if self.bypassed { BYPASS_LEAVE_DB } else { BYPASS_DB };
    }

    /// Gains and comfort noise.
    fn apply(&mut self, error: &Bins, residual: &Bins, far: bool) -> f32 {
        let near_end = self.presence * self.presence * (3.0 - 2.0 * self.presence);
        let mut over = OVER_SINGLE.powf(1.0 - near_end) * OVER_DOUBLE.powf(near_end);
        if self.headset {
            over = over.min(OVER_HEADSET);
        }
        let smooth = blend(SMOOTH_SINGLE, SMOOTH_DOUBLE, near_end);
        let floor = 10.0_f32.powf(blend(FLOOR_SINGLE_DB, FLOOR_DOUBLE_DB, near_end) / 20.0);
        let exponent = blend(POWER_SINGLE, 1.0, near_end);
        let mut gain = NO_BINS;
        for k in 0..BINS {
            let echo = over * residual[k] + 1e-10;
            let ratio = smooth * self.gain[k] * self.gain[k] * self.power_before[k] / echo
                + (1.0 - smooth) * (error[k] / echo - 1.0).max(0.0);
            gain[k] = (ratio / (1.0 + ratio)).powf(exponent).max(floor);
        }
        if near_end < 0.9 {
            let whole = (2.0 * mean(&gain[SPEECH]) + 0.1).min(1.0);
            let factor = near_end + (1.0 - near_end) * whole;
            for gain in &mut gain {
                *gain = gain.min(1.0) * factor;
            }
        }
        if !far && speech_sum(residual) < 0.3 * speech_sum(&self.noise.power) {
            for gain in &mut gain {
                *gain = gain.max(0.98);
            }
        }
        if self.bypassed {
            gain.fill(1.0);
            self.spectrum_error = self.spectrum_near;
        }
        for k in 0..BINS {
            let kept = self.spectrum_error[k] * gain[k];
            let fill =
                if gain[k] < 0.7 { (self.noise.power[k] * COMFORT - kept.norm_sqr()).max(0.0).sqrt() } else { 0.0 };
            self.spectrum_error[k] = if fill > 0.0 { kept + self.random_phase() * fill } else { kept };
        }
        self.gain = gain;
        self.power_before = *error;
        mean(&gain[UPPER]).min(1.0)
    }

    fn random_phase(&mut self) -> Complex {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Complex::from_polar(1.0, self.seed as f32 * (std::f32::consts::TAU / u32::MAX as f32))
    }

    pub(crate) fn state(&self) -> EchoState {
        EchoState {
            return_loss_db: self.return_loss_db(),
            health: self.health.value(),
            near_end: self.presence,
            headset: self.headset,
            bypassed: self.bypassed,
            delay_ms: 0.0,
            drift_ppm: 0.0,
        }
    }

    /// Spectra of the microphone and of the far end in this hop.
    pub(crate) fn spectra(&self) -> (&Spectrum, &Spectrum) {
        (&self.spectrum_near, &self.spectrum_far)
    }
}

/// The noise floor: the least smoothed power of four seconds, times a bias.
struct NoiseFloor {
    power: Bins,
    smoothed: Bins,
    least_now: Bins,
    least: [Bins; 8],
    filled: usize,
    at: usize,
}

impl NoiseFloor {
    fn new() -> Self {
        Self { power: [1e-9; BINS], smoothed: NO_BINS, least_now: [1e9; BINS], least: [NO_BINS; 8], filled: 0, at: 0 }
    }

    fn update(&mut self, power: &Bins, hops: u32) {
        for k in 0..BINS {
            self.smoothed[k] = 0.8 * self.smoothed[k] + 0.2 * power[k];
            self.least_now[k] = self.least_now[k].min(self.smoothed[k]);
        }
        let first = self.filled == 0;
        if hops % 50 == 49 {
            self.least[self.at] = self.least_now;
            self.at = (self.at + 1) % self.least.len();
            self.filled = (self.filled + 1).min(self.least.len());
            self.least_now = self.smoothed;
        }
        if self.filled == 0 {
            if hops < 30 {
                for (power, smoothed) in self.power.iter_mut().zip(&self.smoothed) {
                    *power = smoothed.clamp(1e-9, 1e-6);
                }
            }
            return;
        }
        for k in 0..BINS {
            let least = self.least[..self.filled].iter().map(|bins| bins[k]).fold(f32::MAX, f32::min);
            let goal = 2.0 * least + 1e-12;
            // Rises 1.5 dB a second at most.
            self.power[k] = if first { goal } else { (0.95 * self.power[k] + 0.05 * goal).min(self.power[k] * 1.0035) };
        }
    }
}

/// Whether the linear filter is right: the projection of the microphone on the echo estimate. The near end does not bias
/// it, and bins where the near end is strong weigh little.
struct Health {
    projection: f32,
    norm: f32,
    added: f32,
    estimate: f32,
    near: f32,
    bad: bool,
}

struct HealthInput<'a> {
    near: &'a Spectrum,
    estimate: &'a Spectrum,
    near_power: &'a Bins,
    error_power: &'a Bins,
    estimate_power: &'a Bins,
}

impl Health {
    fn new() -> Self {
        Self { projection: 1.0, norm: 1.0, added: 1e-9, estimate: 1e-9, near: 1e-9, bad: false }
    }

    fn value(&self) -> f32 {
        (self.projection / (self.norm + 1e-9)).clamp(0.0, 1.0)
    }

    fn update(&mut self, input: &HealthInput<'_>, far: bool, active: bool, headset: bool) -> (f32, bool) {
        if active {
            let floor = 1e-3 * input.estimate_power[SPEECH].iter().fold(0.0_f32, |most, x| most.max(*x));
            let (mut projection, mut norm) = (0.0, 0.0);
            for k in SPEECH {
                let weight = 1.0 / (input.estimate_power[k] + input.error_power[k] + floor + 1e-20);
                projection += (input.near[k] * input.estimate[k].conj()).re * weight;
                norm += input.estimate_power[k] * weight;
            }
            let bins = SPEECH.count() as f32;
            self.projection = blend(self.projection, projection / bins, 0.03);
            self.norm = blend(self.norm, norm / bins, 0.03);
        }
        let mut health = if headset { 1.0 } else { self.value() };
        self.bad = health < if self.bad { 0.65 } else { 0.5 };
        let added = speech_sum(input.error_power) - speech_sum(input.near_power);
        self.added = blend(self.added, added, 0.12);
        self.estimate = blend(self.estimate, speech_sum(input.estimate_power), 0.12);
        self.near = blend(self.near, speech_sum(input.near_power), 0.12);
        if far && !headset && self.added > 0.5 * self.estimate && self.estimate > 0.3 * self.near {
            // The filter adds energy.
            self.projection *= 0.85;
            health = health.min(0.3);
            self.bad = true;
        }
        (health, self.bad)
    }
}

/// Width of a bin, so that the ranges above can be checked.
const _: () = assert!(BIN_HZ as usize == 50, "ranges of bins are written for 50 Hz");
