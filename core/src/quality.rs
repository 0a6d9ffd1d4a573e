//! One number for how a call sounds, from whatever was measured of it.

use crate::media::mos_estimate;

/// Buffering and coding in both ends, in milliseconds, which no measurement on the wire shows: 20 ms frame,
/// look-ahead, the least of a playout buffer, devices.
const FIXED_DELAY_MS: f64 = 60.0;

/// Estimated listening quality on the scale of P.800.1, 1 (bad) to 4.5, by the E-model.
///
/// `loss` is the share of packets lost, 0–1. A delay that was not measured counts as none; without a measured loss
/// there is no estimate.
pub fn mos(rtt_ms: Option<f64>, jitter_ms: Option<f64>, loss: Option<f64>) -> Option<f64> {
    let sane = |value: f64| if value.is_finite() { value.max(0.0) } else { 0.0 };
    let (rtt, jitter) = (sane(rtt_ms.unwrap_or(0.0)), sane(jitter_ms.unwrap_or(0.0)));
    loss.map(|loss| mos_estimate(rtt, 2.0 * jitter + FIXED_DELAY_MS, sane(loss)))
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
