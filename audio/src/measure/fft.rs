//! A plain radix-2 Fourier transform; offline measurements need no faster one.

use std::f64::consts::TAU;
use std::ops::{Add, Mul, Sub};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    pub(super) fn real(re: f64) -> Self {
        Self { re, im: 0.0 }
    }

    /// Squared magnitude.
    pub(super) fn norm(self) -> f64 {
        self.re * self.re + self.im * self.im
    }

    pub(super) fn re(self) -> f64 {
        self.re
    }

    pub(super) fn scale(self, factor: f64) -> Self {
        Self { re: self.re * factor, im: self.im * factor }
    }

    pub(super) fn conjugate(self) -> Self {
        Self { re: self.re, im: -self.im }
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

/// In place; the length is a power of two, at least 2.
pub(super) fn forward(data: &mut [Complex]) {
    let size = data.len();
    let shift = usize::BITS - size.trailing_zeros();
    for n in 0..size {
        let mirrored = n.reverse_bits() >> shift;
        if n < mirrored {
            data.swap(n, mirrored);
        }
    }
    let twiddles: Vec<Complex> = (0..size / 2)
        .map(|n| {
            let angle = -TAU * n as f64 / size as f64;
            Complex { re: angle.cos(), im: angle.sin() }
        })
        .collect();
    let mut half = 1;
    while half < size {
        let stride = size / (2 * half);
        for block in data.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for ((low, high), twiddle) in low.iter_mut().zip(high).zip(twiddles.iter().step_by(stride)) {
                let turned = *high * *twiddle;
                (*low, *high) = (*low + turned, *low - turned);
            }
        }
        half *= 2;
    }
}

/// Circular cross-correlation: element `n` is the sum over `pattern[k] · signal[k + n]`. `size` is a power of two that
/// holds both.
pub(super) fn correlate(pattern: &[f32], signal: &[f32], size: usize) -> Vec<f64> {
    let spectrum = |samples: &[f32]| {
        let mut data: Vec<Complex> = samples.iter().map(|x| Complex::real(f64::from(*x))).collect();
        data.resize(size.max(2), Complex::real(0.0));
        forward(&mut data);
        data
    };
    // The inverse transform is the forward one of the conjugate; the result is real.
    let mut product: Vec<Complex> =
        spectrum(pattern).into_iter().zip(spectrum(signal)).map(|(a, b)| (a.conjugate() * b).conjugate()).collect();
    forward(&mut product);
    let scale = 1.0 / product.len() as f64;
    product.into_iter().map(|value| value.re * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_has_a_flat_spectrum_and_a_constant_only_one_line() {
        let mut pulse = vec![Complex::real(0.0); 16];
        pulse[0] = Complex::real(1.0);
        forward(&mut pulse);
        assert!(pulse.iter().all(|bin| (bin.norm() - 1.0).abs() < 1e-12));
        let mut constant = vec![Complex::real(1.0); 16];
        forward(&mut constant);
        assert!((constant[0].norm() - 256.0).abs() < 1e-9);
        assert!(constant[1..].iter().all(|bin| bin.norm() < 1e-18));
    }

    #[test]
    fn correlation_peaks_at_the_shift() {
        let pattern = [1.0, -2.0, 3.0];
        let signal = [0.0, 0.0, 1.0, -2.0, 3.0, 0.0];
        let result = correlate(&pattern, &signal, 16);
        assert!((result[2] - 14.0).abs() < 1e-9);
    }
}
