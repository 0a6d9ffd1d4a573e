//! One number for how a call sounds, from whatever was measured of it.

use std::time::Duration;

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

/// Reports of the far end come every few seconds (RFC 3550 §6.2: 5 s, halved or half as much again by chance).
const REPORTS_DUE: Duration = Duration::from_secs(6);
/// A report that is older proves nothing any more.
const REPORT_LASTS: Duration = Duration::from_secs(10);
/// People pause for this long while the other side talks.
const VOICE_LASTS: Duration = Duration::from_secs(10);

/// What is known of the way from our microphone to the far end's ear.
#[derive(Clone, Copy, Debug, Default)]
pub struct WayThere {
    /// Packets left in the last second.
    pub leaves: bool,
    /// Since the call was connected.
    pub lasted: Duration,
    /// Since the far end last reported about what we send; `None`: it never did.
    pub reported: Option<Duration>,
    /// Share of our packets that it misses, 0–1.
    pub loss: Option<f64>,
    /// Since something louder than a pause was among what we sent; `None`: it never was.
    pub spoke: Option<Duration>,
}

/// Whether the far end hears us. `Some(true)` needs both: our voice leaves, and reports say that packets arrive.
/// `Some(false)`: packets do not arrive, or nobody says that they do. `None`: there is nothing to tell by, as while the
/// microphone gives silence.
pub fn far_hears(way: WayThere) -> Option<bool> {
    let WayThere { leaves, lasted, reported, loss, spoke } = way;
    match (reported, loss) {
        (Some(ago), Some(loss)) if !leaves || loss >= 1.0 || ago > REPORT_LASTS => Some(false),
        (Some(_), Some(_)) => spoke.is_some_and(|ago| ago <= VOICE_LASTS).then_some(true),
        _ => (lasted >= REPORTS_DUE).then_some(false),
    }
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

    #[test]
    fn they_hear_you_needs_a_voice_that_leaves_and_a_report_that_it_arrives() {
        let second = Duration::from_secs;
        let good = WayThere {
            leaves: true,
            lasted: second(20),
            reported: Some(second(2)),
            loss: Some(0.01),
            spoke: Some(second(1)),
        };
        assert_eq!(far_hears(good), Some(true));
        assert_eq!(far_hears(WayThere { spoke: None, ..good }), None, "a silent microphone proves nothing");
        assert_eq!(far_hears(WayThere { spoke: Some(second(11)), ..good }), None, "nothing was said for long");
        assert_eq!(far_hears(WayThere { leaves: false, ..good }), Some(false));
        assert_eq!(far_hears(WayThere { loss: Some(1.0), ..good }), Some(false));
        assert_eq!(far_hears(WayThere { reported: Some(second(11)), ..good }), Some(false), "reports ceased");
        let unreported = WayThere { reported: None, loss: None, ..good };
        assert_eq!(far_hears(unreported), Some(false), "it never said a word about us");
        assert_eq!(far_hears(WayThere { lasted: second(3), ..unreported }), None, "too soon to tell");
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
