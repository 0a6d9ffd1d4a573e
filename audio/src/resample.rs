//! Between a device's rate and 48 kHz. The only file that names `rubato`.
//!
//! Both directions have the 10 ms frame on the inner side, so the outer side varies by a sample from call to call. The
//! filter is a windowed sinc of 64 points: 0.7 ms of delay at 48 kHz, and aliases below −100 dB. Nothing allocates after
//! construction.

use std::time::Duration;

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// Rates of devices and files that are taken, in Hz.
pub const RATES_HZ: std::ops::RangeInclusive<u32> = 6_000..=384_000;
/// Largest correction for drifting clocks, in parts per million.
pub const MAX_PPM: f64 = 1_000.0;

const SINC_POINTS: usize = 64;

/// A rate cannot be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    #[error("a sample rate of {0} Hz is not supported")]
    Rate(u32),
}

/// Any rate in, frames out.
pub struct IntoFrames {
    inner: Async<f32>,
    rate_hz: u32,
}

impl IntoFrames {
    pub fn new(rate_hz: u32) -> Result<Self, ResampleError> {
        Ok(Self { inner: resampler(rate_hz, SAMPLE_RATE_HZ, FixedAsync::Output, rate_hz)?, rate_hz })
    }

    /// How many samples the next frame takes.
    pub fn needed(&self) -> usize {
        self.inner.input_frames_next()
    }

    /// The most samples a frame may take.
    pub fn needed_at_most(&self) -> usize {
        self.inner.input_frames_max()
    }

    /// Makes one frame of [`needed`](Self::needed) samples; missing ones count as silence.
    pub fn process(&mut self, samples: &[f32], frame: &mut Frame) {
        let done = {
            let (Ok(input), Ok(mut output)) = (
                InterleavedSlice::new(samples, 1, samples.len()),
                InterleavedSlice::new_mut(frame.0.as_mut_slice(), 1, FRAME_SAMPLES),
            ) else {
                return;
            };
            let indexing = rubato::Indexing::new().partial_len(samples.len());
            let indexing = (samples.len() < self.inner.input_frames_next()).then_some(&indexing);
            self.inner.process_into_buffer(&input, &mut output, indexing)
        };
        if done.is_err() {
            *frame = Frame::SILENCE;
        }
    }

    /// Corrects a clock: positive gives more frames of the same samples. Within ±[`MAX_PPM`]; the change is ramped.
    pub fn set_ppm(&mut self, ppm: f64) {
        set_ppm(&mut self.inner, ppm);
    }

    /// How much later sound comes out.
    pub fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.inner.output_delay() as f64 / f64::from(SAMPLE_RATE_HZ))
    }

    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }
}

/// Frames in, any rate out.
pub struct FromFrames {
    inner: Async<f32>,
    out: Vec<f32>,
    rate_hz: u32,
}

impl FromFrames {
    pub fn new(rate_hz: u32) -> Result<Self, ResampleError> {
        let inner = resampler(SAMPLE_RATE_HZ, rate_hz, FixedAsync::Input, rate_hz)?;
        let out = vec![0.0; inner.output_frames_max()];
        Ok(Self { inner, out, rate_hz })
    }

    /// The frame at the outer rate.
    pub fn process(&mut self, frame: &Frame) -> &[f32] {
        let room = self.out.len();
        let written = {
            let (Ok(input), Ok(mut output)) = (
                InterleavedSlice::new(frame.0.as_slice(), 1, FRAME_SAMPLES),
                InterleavedSlice::new_mut(self.out.as_mut_slice(), 1, room),
            ) else {
                return &[];
            };
            self.inner.process_into_buffer(&input, &mut output, None).map_or(0, |(_, written)| written)
        };
        self.out.get(..written).unwrap_or_default()
    }

    /// Corrects a clock: positive gives more samples of the same frames. Within ±[`MAX_PPM`]; the change is ramped.
    pub fn set_ppm(&mut self, ppm: f64) {
        set_ppm(&mut self.inner, ppm);
    }

    /// How much later sound comes out.
    pub fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.inner.output_delay() as f64 / f64::from(self.rate_hz))
    }
}

fn resampler(from_hz: u32, to_hz: u32, fixed: FixedAsync, outer_hz: u32) -> Result<Async<f32>, ResampleError> {
    if !RATES_HZ.contains(&outer_hz) {
        return Err(ResampleError::Rate(outer_hz));
    }
    let parameters = SincInterpolationParameters::new(SINC_POINTS, WindowFunction::BlackmanHarris2)
        .interpolation(SincInterpolationType::Linear)
        .oversampling_factor(256);
    let ratio = f64::from(to_hz) / f64::from(from_hz);
    Async::new_sinc(ratio, 1.0 + 2.0 * MAX_PPM / 1e6, &parameters, FRAME_SAMPLES, 1, fixed)
        .map_err(|_| ResampleError::Rate(outer_hz))
}

fn set_ppm(inner: &mut Async<f32>, ppm: f64) {
    let ppm = if ppm.is_finite() { ppm.clamp(-MAX_PPM, MAX_PPM) } else { 0.0 };
    // Within the bounds given at construction, so it cannot be refused.
    inner.set_resample_ratio_relative(1.0 + ppm / 1e6, true).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::tone_in;

    fn sine_at(rate_hz: u32, hz: f64, seconds: f64) -> Vec<f32> {
        (0..(f64::from(rate_hz) * seconds) as usize)
            .map(|n| (0.5 * (std::f64::consts::TAU * hz * n as f64 / f64::from(rate_hz)).sin()) as f32)
            .collect()
    }

    fn to_48k(rate_hz: u32, input: &[f32]) -> Vec<f32> {
        let mut resampler = IntoFrames::new(rate_hz).unwrap();
        let (mut out, mut rest) = (Vec::new(), input);
        let mut frame = Frame::SILENCE;
        while rest.len() >= resampler.needed() {
            let (now, later) = rest.split_at(resampler.needed());
            resampler.process(now, &mut frame);
            out.extend_from_slice(&frame.0);
            rest = later;
        }
        out
    }

    /// The sine of this frequency to everything else, in dB.
    fn signal_to_rest_db(samples: &[f32], hz: f64) -> f64 {
        let wave = |n: usize| (std::f64::consts::TAU * hz * n as f64 / 48_000.0).sin_cos();
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, x) in samples.iter().enumerate() {
            let (s, c) = wave(n);
            sine += f64::from(*x) * s * 2.0 / samples.len() as f64;
            cosine += f64::from(*x) * c * 2.0 / samples.len() as f64;
        }
        let (mut signal, mut rest) = (0.0, 0.0);
        for (n, x) in samples.iter().enumerate() {
            let (s, c) = wave(n);
            let fit = sine * s + cosine * c;
            signal += fit * fit;
            rest += (f64::from(*x) - fit).powi(2);
        }
        10.0 * (signal / rest).log10()
    }

    #[test]
    fn a_tone_comes_through_clean_from_every_common_rate() {
        for rate_hz in [8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000] {
            let out = to_48k(rate_hz, &sine_at(rate_hz, 997.0, 1.5));
            let tone = tone_in(&out[4800..]).unwrap();
            assert!((tone.hz - 997.0).abs() < 0.2, "{rate_hz}: {tone:?}");
            assert!((tone.dbfs + 6.02).abs() < 0.1, "{rate_hz}: {tone:?}");
            // Whole periods of 1000 Hz, so that the fit is exact.
            let out_of_1000 = to_48k(rate_hz, &sine_at(rate_hz, 1000.0, 1.5));
            let snr = signal_to_rest_db(&out_of_1000[4800..52_800], 1000.0);
            assert!(snr > 100.0, "{rate_hz}: {snr} dB");
            // As much comes out as goes in, but for one frame and the filter.
            assert!((out.len() as f64 / 72_000.0 - 1.0).abs() < 0.02, "{rate_hz}: {}", out.len());
        }
    }

    #[test]
    fn what_a_device_of_44100_gets_is_the_same_tone() {
        let mut resampler = FromFrames::new(44_100).unwrap();
        let mut out = Vec::new();
        for chunk in sine_at(48_000, 441.0, 2.0).chunks_exact(FRAME_SAMPLES) {
            out.extend_from_slice(resampler.process(&Frame(chunk.try_into().unwrap())));
        }
        assert!(out.len().abs_diff(88_200) < 500, "{}", out.len());
        // 441 Hz at 44.1 kHz repeats every 100 samples.
        let worst = (4410..80_000).map(|n| (out[n] - out[n + 100]).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-4, "{worst}");
    }

    #[test]
    fn ppm_changes_how_much_comes_out() {
        let input = sine_at(48_000, 500.0, 20.0);
        let count = |ppm: f64| {
            let mut resampler = FromFrames::new(48_000).unwrap();
            resampler.set_ppm(ppm);
            input
                .chunks_exact(FRAME_SAMPLES)
                .map(|chunk| resampler.process(&Frame(chunk.try_into().unwrap())).len())
                .sum::<usize>() as f64
        };
        let plain = count(0.0);
        assert!(((count(500.0) / plain - 1.0) * 1e6 - 500.0).abs() < 5.0);
        assert!(((count(-500.0) / plain - 1.0) * 1e6 + 500.0).abs() < 5.0);
        assert!((count(f64::NAN) - plain).abs() < f64::EPSILON);
    }

    #[test]
    fn the_delay_is_under_a_millisecond_at_48_khz() {
        assert!(FromFrames::new(48_000).unwrap().delay() < Duration::from_millis(1));
        assert_eq!(IntoFrames::new(100).err(), Some(ResampleError::Rate(100)));
    }
}
