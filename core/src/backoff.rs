//! How long to wait before the next attempt: pure, from the number of the attempt and a seed.

use std::time::Duration;

/// Wait after the first failure.
const FIRST: Duration = Duration::from_secs(2);
/// Longest wait, jitter included.
pub const CAP: Duration = Duration::from_secs(90);

/// The wait before attempt `attempt` (0 is the first one after a failure): 2 s, doubled each time, plus up to a
/// tenth so that a thousand phones do not return in the same instant, never above [`CAP`].
pub fn delay(attempt: u32, seed: u64) -> Duration {
    let plain = FIRST.saturating_mul(1_u32.checked_shl(attempt.min(16)).unwrap_or(u32::MAX)).min(CAP);
    let tenth = plain / 10;
    // SplitMix64: enough to spread phones, and the same for the same seed.
    let mut mixed = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let share = f64::from((mixed >> 32) as u32) / f64::from(u32::MAX);
    (plain + tenth.mul_f64(share)).min(CAP)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_double_from_two_seconds_and_stay_below_the_cap(attempt in 0..200_u32, seed: u64) {
            let plain = Duration::from_secs(2_u64.saturating_mul(1 << attempt.min(16))).min(CAP);
            let wait = delay(attempt, seed);
            prop_assert!(wait >= plain.min(CAP) && wait <= (plain + plain / 10).min(CAP), "{wait:?}");
            prop_assert_eq!(wait, delay(attempt, seed));
        }
    }

    #[test]
    fn two_phones_do_not_return_in_the_same_instant() {
        assert_ne!(delay(3, 1), delay(3, 2));
    }
}
