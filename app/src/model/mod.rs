//! From the phone's snapshot to what a panel shows. Pure: no drawing, no clock, no phone.

pub mod calls;
pub mod findings;
pub mod history;
pub mod made_up;
pub mod phones;
pub mod quality;
pub mod recent;
pub mod rules;
pub mod sound;
pub mod strip;
pub mod wizard;

use std::time::{Duration, Instant};

/// How a state is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Success,
    Warn,
    Danger,
    Info,
}

/// Levels of microphone, speaker and ringer in dBFS; −100 and below is silence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    pub microphone: f32,
    pub speaker: f32,
    pub ringer: f32,
}

impl Levels {
    pub const SILENCE: Self = Self { microphone: -100.0, speaker: -100.0, ringer: -100.0 };
}

/// Time since `then`; zero if `then` is still to come.
pub fn since(now: Instant, then: Instant) -> Duration {
    now.saturating_duration_since(then)
}

/// Whole seconds until `then`, rounded up, as a countdown shows them.
pub fn seconds_left(now: Instant, then: Instant) -> u64 {
    let left = then.saturating_duration_since(now);
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// When a count of seconds since `then` changes next.
pub fn next_second(now: Instant, then: Instant) -> Duration {
    let fraction = Duration::from_nanos(u64::from(since(now, then).subsec_nanos()));
    Duration::from_secs(1).saturating_sub(fraction)
}

/// When a countdown to `then` changes next.
pub fn next_second_down(now: Instant, then: Instant) -> Duration {
    let fraction = u64::from(then.saturating_duration_since(now).subsec_nanos());
    Duration::from_nanos(if fraction == 0 { 1_000_000_000 } else { fraction })
}

/// The earlier of two moments to draw again.
pub fn sooner(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_change_on_whole_seconds() {
        let start = Instant::now();
        let now = start + Duration::from_millis(2_300);
        assert_eq!(next_second(now, start), Duration::from_millis(700));
        let end = now + Duration::from_millis(8_200);
        assert_eq!(seconds_left(now, end), 9);
        assert_eq!(next_second_down(now, end), Duration::from_millis(200));
        assert_eq!(seconds_left(end, end), 0);
    }
}
