//! The only place that reads time. Everything else gets it passed in.

#![allow(clippy::disallowed_methods, reason = "this is the place")]

use std::time::{Duration, Instant, SystemTime};

/// Now, on the loop's clock.
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970, for what has to be true after a restart too.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Seconds since 1970-01-01 UTC with their fractions, for holding the wall clock against another's.
pub fn wall_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Tells sleep from waking by looking at two clocks: the loop's own, which some systems stop during sleep, and the
/// wall clock, which never stops.
#[derive(Debug)]
pub struct Watch {
    seen: Instant,
    seen_wall: SystemTime,
}

impl Default for Watch {
    fn default() -> Self {
        Self { seen: Instant::now(), seen_wall: SystemTime::now() }
    }
}

impl Watch {
    /// How much longer than `expected` passed on either clock since the last look.
    pub fn overdue(&mut self, expected: Duration) -> Duration {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let passed = now.saturating_duration_since(self.seen);
        // A wall clock that was set back says nothing.
        let passed_wall = wall.duration_since(self.seen_wall).unwrap_or_default();
        *self = Self { seen: now, seen_wall: wall };
        passed.max(passed_wall).saturating_sub(expected)
    }
}
