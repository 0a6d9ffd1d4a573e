//! How long a persistent connection should be kept, from how calls really came.

/// Range of the setting, in seconds.
const SHORTEST: u64 = 30;
const LONGEST: u64 = 86_400;
/// Fewer gaps say nothing.
const FEWEST: usize = 5;

/// A suggestion and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Seconds, within the range of the setting.
    pub seconds: u64,
    /// The gaps between calls in classes, shortest first: up to so many seconds, how many.
    pub histogram: Vec<(u64, usize)>,
    /// Share of gaps that the suggestion bridges, in whole percent.
    pub bridged_percent: usize,
}

/// Upper ends of the classes, in seconds.
const CLASSES: [u64; 7] = [30, 60, 120, 300, 600, 1_800, LONGEST];

/// The 90th percentile of the gaps between calls (seconds, of one agent or of many), up to the next class. `None` with
/// too few of them. Gaps over a day are nights and count for nothing.
pub fn suggest(gaps_s: &[u64]) -> Option<Suggestion> {
    let mut gaps: Vec<u64> = gaps_s.iter().copied().filter(|gap| *gap <= LONGEST).collect();
    if gaps.len() < FEWEST {
        return None;
    }
    gaps.sort_unstable();
    let rank = (gaps.len() * 9).div_ceil(10).saturating_sub(1);
    let p90 = gaps.get(rank).copied()?;
    let seconds = CLASSES.into_iter().find(|class| p90 <= *class).unwrap_or(LONGEST).clamp(SHORTEST, LONGEST);
    let mut below = 0;
    let histogram = CLASSES
        .into_iter()
        .map(|class| {
            let until = gaps.partition_point(|gap| *gap <= class);
            let count = until - below;
            below = until;
            (class, count)
        })
        .collect();
    let bridged = gaps.partition_point(|gap| *gap <= seconds);
    Some(Suggestion { seconds, histogram, bridged_percent: bridged * 100 / gaps.len() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn row_17_and_140_the_suggestion_follows_from_the_history_and_is_explained() {
        let gaps = [20, 40, 45, 50, 70, 80, 90, 100, 240, 3_000, 200_000];
        let suggestion = suggest(&gaps).unwrap();
        assert_eq!(suggestion.seconds, 300, "nine of ten gaps are at most 240 s");
        assert_eq!(suggestion.bridged_percent, 90);
        assert_eq!(suggestion.histogram, [(30, 1), (60, 3), (120, 4), (300, 1), (600, 0), (1_800, 0), (86_400, 1)]);
        assert_eq!(suggest(&gaps), Some(suggestion), "the same history gives the same");
        assert_eq!(suggest(&[10, 20]), None);
    }

    proptest! {
        #[test]
        fn row_17_a_suggestion_is_always_in_range_and_bridges_nine_of_ten(gaps: Vec<u64>) {
            if let Some(suggestion) = suggest(&gaps) {
                prop_assert!((SHORTEST..=LONGEST).contains(&suggestion.seconds));
                prop_assert!(suggestion.bridged_percent >= 90);
            }
        }
    }
}
