//! One number for how a call sounds: a simplified E-model (ITU-T G.107) for Opus.

/// Buffering and coding in both ends, in milliseconds, which no measurement on the wire shows: 20 ms frame, look-ahead,
/// playout buffer and devices.
const FIXED_DELAY_MS: f64 = 80.0;
/// Robustness against loss (Bpl of G.107 §7.2). G.113 gives 25.1 for G.711 with concealment under random loss;
/// Opus with in-band FEC is in that region.
const LOSS_ROBUSTNESS: f64 = 25.0;

/// Estimated listening quality on the scale of P.800.1, 1 (bad) to 4.5.
///
/// `loss` is the share of packets lost, 0–1. What was not measured counts as perfect, except that nothing measured
/// at all gives `None`.
pub fn mos(rtt_ms: Option<f64>, jitter_ms: Option<f64>, loss: Option<f64>) -> Option<f64> {
    if rtt_ms.is_none() && jitter_ms.is_none() && loss.is_none() {
        return None;
    }
    let sane = |value: Option<f64>| value.filter(|v| v.is_finite()).unwrap_or(0.0).max(0.0);
    let delay = sane(rtt_ms) / 2.0 + 2.0 * sane(jitter_ms) + FIXED_DELAY_MS;
    let beyond = (delay - 177.3).max(0.0);
    let delay_impairment = 0.024 * delay + 0.11 * beyond;
    let percent = 100.0 * sane(loss).min(1.0);
    let loss_impairment = 95.0 * percent / (percent + LOSS_ROBUSTNESS);
    let r = (93.2 - delay_impairment - loss_impairment).clamp(0.0, 93.2);
    Some((1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)).clamp(1.0, 4.5))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clean_line_is_good_and_a_lossy_one_is_not() {
        let clean = mos(Some(10.0), Some(1.0), Some(0.0)).unwrap();
        let lossy = mos(Some(10.0), Some(1.0), Some(0.1)).unwrap();
        let far = mos(Some(900.0), Some(1.0), Some(0.0)).unwrap();
        assert!((4.3..=4.5).contains(&clean), "{clean}");
        assert!((2.0..=3.6).contains(&lossy), "{lossy}");
        assert!(far < 3.5, "{far}");
        assert_eq!(mos(None, None, None), None);
    }

    proptest! {
        #[test]
        fn more_loss_or_delay_never_sounds_better(
            rtt in 0.0..2_000.0_f64, jitter in 0.0..200.0_f64, loss in 0.0..1.0_f64, more in 0.0..0.5_f64
        ) {
            let base = mos(Some(rtt), Some(jitter), Some(loss)).unwrap();
            prop_assert!((1.0..=4.5).contains(&base));
            prop_assert!(mos(Some(rtt), Some(jitter), Some(loss + more)).unwrap() <= base + 1e-9);
            prop_assert!(mos(Some(rtt + 1_000.0 * more), Some(jitter), Some(loss)).unwrap() <= base + 1e-9);
        }
    }
}
