//! How fast the echo moves against the far end, in parts per million: the sign that two clocks differ.
//!
//! For each stretch of far-end speech the cross-spectrum of microphone and far end is summed. Between two stretches the
//! room is the same and only its delay has changed, so one sum times the other's conjugate has the phase of a pure shift
//! whatever the room, and its inverse transform peaks there. The near end is not alike in both and falls out.
//!
//! Each stretch is held against one from before, the anchor, until the echo has moved far enough to be believed: a small
//! difference of the clocks takes longer and is then known as well as a large one.

use super::bands::LOW_SAMPLES;
use super::spectrum::{BINS, Bins, Complex, NO_BINS, NO_SPECTRUM, Spectrum, Synthesis, WINDOW};

/// Hops of far-end speech in a stretch.
const STRETCH: u32 = 60;
/// Hops of the far end that are remembered.
const HISTORY: usize = 80;
/// Share of the correlation in its peak below which two stretches are not alike.
const ALIKE: f32 = 0.35;
/// A shift from the anchor that is no noise of the measurement, in samples.
const LEAST_SHIFT: f32 = 0.25;
/// Two measurements in a row that differ by no more, in parts per million or as a share, say the same. One alone may have
/// taken a vowel's own period for a shift.
const SAME_PPM: f32 = 20.0;
const SAME_SHARE: f32 = 0.2;
/// After so many stretches that are not like the anchor, the path has changed.
const UNLIKE: u32 = 3;
/// More between two stretches is a jump, not a drift; in samples.
const MOST_SHIFT: usize = 12;
const FAR_ACTIVE: f32 = 1e-3;
/// Of what was measured, this share is corrected at once.
const TRUST: f32 = 0.8;

struct Stretch {
    cross: Spectrum,
    near: Bins,
    far: Bins,
    count: u32,
    /// Sum of the hops' numbers, for the middle.
    hops: f64,
}

impl Stretch {
    const EMPTY: Self = Self { cross: NO_SPECTRUM, near: NO_BINS, far: NO_BINS, count: 0, hops: 0.0 };

    /// Coherence with its phase.
    fn coherence(&self, k: usize) -> Complex {
        self.cross[k] / ((self.near[k] * self.far[k]).sqrt() + 1e-12)
    }
}

pub(crate) struct DriftMeter {
    /// The last [`HISTORY`] hops, in a ring.
    far: Vec<Spectrum>,
    at: usize,
    lag: usize,
    hop: u32,
    now: Stretch,
    anchor: Stretch,
    /// Stretches in a row that were not like it.
    unlike: u32,
    /// What the last stretch said, in parts per million.
    said: Option<f32>,
    inverse: Synthesis,
}

impl DriftMeter {
    pub(crate) fn new() -> Self {
        Self {
            far: vec![NO_SPECTRUM; HISTORY],
            at: 0,
            lag: 0,
            hop: 0,
            now: Stretch::EMPTY,
            anchor: Stretch::EMPTY,
            unlike: 0,
            said: None,
            inverse: Synthesis::new(),
        }
    }

    /// Both spectra of a hop, and where the echo was found. Now and then there is a figure: how much the echo falls
    /// behind, in parts per million.
    pub(crate) fn push(&mut self, near: &Spectrum, far: &Spectrum, delay_ms: f32) -> Option<f32> {
        self.hop = self.hop.wrapping_add(1);
        self.at = (self.at + 1) % HISTORY;
        self.far[self.at] = *far;
        let lag = ((delay_ms / 10.0).round() as usize).min(HISTORY - 1);
        if lag != self.lag {
            self.lag = lag;
            self.forget();
        }
        let far = &self.far[(self.at + HISTORY - lag) % HISTORY];
        if far.iter().map(Complex::norm_sqr).sum::<f32>() < FAR_ACTIVE {
            return None;
        }
        let stretch = &mut self.now;
        for k in 0..BINS {
            stretch.cross[k] += near[k] * far[k].conj();
            stretch.near[k] += near[k].norm_sqr();
            stretch.far[k] += far[k].norm_sqr();
        }
        stretch.count += 1;
        stretch.hops += f64::from(self.hop);
        if stretch.count < STRETCH {
            return None;
        }
        let found = if let Some((samples, apart)) = self.compare() {
            self.weigh(samples, 1e6 * samples / apart)
        } else {
            self.said = None;
            self.unlike += 1;
            None
        };
        if found.is_some() {
            // What comes next is measured with another correction.
            self.forget();
        } else if self.anchor.count == 0 || self.unlike == UNLIKE {
            self.forget_all_but_now();
        } else {
            self.now = Stretch::EMPTY;
        }
        found.map(|ppm| ppm * TRUST)
    }

    /// Believes what two stretches in a row say, once it is enough to be more than noise.
    fn weigh(&mut self, samples: f32, ppm: f32) -> Option<f32> {
        self.unlike = 0;
        let said = self.said.replace(ppm)?;
        let same = (ppm - said).abs() <= SAME_PPM.max(SAME_SHARE * ppm.abs().min(said.abs()));
        (same && samples.abs() >= LEAST_SHIFT).then_some(0.5 * (ppm + said))
    }

    fn forget_all_but_now(&mut self) {
        let now = std::mem::replace(&mut self.now, Stretch::EMPTY);
        self.forget();
        self.anchor = now;
    }

    /// What was measured belongs to another path.
    pub(crate) fn forget(&mut self) {
        self.now = Stretch::EMPTY;
        self.anchor = Stretch::EMPTY;
        self.unlike = 0;
        self.said = None;
    }

    /// How far the echo has moved since the anchor, and how much later that is, in samples. `None`: they are not alike.
    fn compare(&mut self) -> Option<(f32, f32)> {
        if self.anchor.count == 0 {
            return None;
        }
        let mut product = NO_SPECTRUM;
        let mut whole = 0.0;
        // From 150 Hz, below which there is hum.
        for k in 3..BINS - 1 {
            product[k] = self.now.coherence(k) * self.anchor.coherence(k).conj();
            whole += product[k].norm();
        }
        let correlation = self.inverse.inverse(&product);
        let value = |shift: isize| correlation[shift.rem_euclid(WINDOW as isize) as usize];
        let reach = MOST_SHIFT as isize;
        let peak = (-reach..=reach).max_by(|a, b| value(*a).total_cmp(&value(*b)))?;
        let (left, middle, right) = (value(peak - 1), value(peak), value(peak + 1));
        // Twice the real part of one side of the spectrum.
        let alike = middle * WINDOW as f32 / (2.0 * whole + 1e-9);
        if alike < ALIKE || peak.unsigned_abs() == MOST_SHIFT || whole < 2.0 {
            return None;
        }
        let bend = left - 2.0 * middle + right;
        let offset = if bend < -1e-9 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        let middle_of = |stretch: &Stretch| stretch.hops / f64::from(stretch.count);
        let apart = (middle_of(&self.now) - middle_of(&self.anchor)) as f32 * LOW_SAMPLES as f32;
        Some((peak as f32 + offset, apart))
    }
}

#[cfg(test)]
mod tests {
    use super::super::spectrum::Analysis;
    use super::*;
    use crate::fuzz::Noise;

    /// Noise and itself through a path of a few echoes that grows by `ppm`.
    fn measured(ppm: f64) -> Vec<f32> {
        let mut noise = Noise::new(5);
        // Between samples by a windowed sinc: a straight line would shift high tones more than low ones.
        let raw: Vec<f32> = (0..160_200).map(|_| noise.next()).collect();
        let far: Vec<f32> = raw.windows(6).map(|w| w.iter().sum::<f32>() / 6.0).collect();
        let at = |t: f64| -> f32 {
            let first = t.floor() as usize - 15;
            (first..first + 32)
                .map(|n| {
                    let x = (t - n as f64) * std::f64::consts::PI;
                    let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
                    far[n] * (sinc * (0.5 + 0.5 * (x / 16.0).cos())) as f32
                })
                .sum()
        };
        let near: Vec<f32> = (0..160_000)
            .map(|n| {
                let t = (f64::from(n) - 300.0) * (1.0 - ppm / 1e6);
                if t < 200.0 { 0.0 } else { 0.5 * at(t) - 0.3 * at(t - 37.0) + 0.2 * at(t - 90.0) }
            })
            .collect();
        let (mut meter, mut near_spectra, mut far_spectra) = (DriftMeter::new(), Analysis::new(), Analysis::new());
        let (mut one, mut two) = (NO_SPECTRUM, NO_SPECTRUM);
        let mut found = Vec::new();
        for (near, far) in near.chunks_exact(LOW_SAMPLES).zip(far.chunks_exact(LOW_SAMPLES)) {
            near_spectra.process(near.try_into().unwrap(), &mut one);
            far_spectra.process(far.try_into().unwrap(), &mut two);
            found.extend(meter.push(&one, &two, 20.0));
        }
        found
    }

    #[test]
    fn a_clock_that_differs_is_measured_to_a_few_millionths() {
        for ppm in [-200.0, -50.0, 20.0, 100.0] {
            let found = measured(ppm);
            assert!(found.len() >= 5, "{ppm}: {found:?}");
            for figure in found {
                assert!((f64::from(figure / TRUST) - ppm).abs() < 12.0, "{ppm}: {}", figure / TRUST);
            }
        }
    }

    #[test]
    fn equal_clocks_give_no_figure() {
        assert!(measured(0.0).is_empty());
    }
}
