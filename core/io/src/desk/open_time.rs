//! How long the microphone was open, and how much of it without need.

use std::time::{Duration, Instant};

/// The device counts as open from the news of its opening to the news of its closing, whatever was asked for when.
#[derive(Debug, Default)]
pub(super) struct OpenTime {
    open: Stretch,
    idle: Stretch,
    needed: bool,
}

/// Time that passes in stretches.
#[derive(Debug, Default)]
struct Stretch {
    since: Option<Instant>,
    before: Duration,
}

impl Stretch {
    fn set(&mut self, now: Instant, running: bool) {
        match self.since {
            Some(since) if !running => {
                self.before += now.saturating_duration_since(since);
                self.since = None;
            }
            None if running => self.since = Some(now),
            _ => {}
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        let running = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        u64::try_from((self.before + running).as_millis()).unwrap_or(u64::MAX)
    }
}

impl OpenTime {
    /// A call wants the microphone, or none does any more.
    pub(super) fn set_needed(&mut self, now: Instant, needed: bool) {
        self.needed = needed;
        self.set_open(now, self.is_open());
    }

    pub(super) fn set_open(&mut self, now: Instant, open: bool) {
        self.open.set(now, open);
        self.idle.set(now, open && !self.needed);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.since.is_some()
    }

    /// Milliseconds open, and of those without need, since the start of the program.
    pub(super) fn totals(&self, now: Instant) -> (u64, u64) {
        (self.open.millis(now), self.idle.millis(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_the_end_of_need_and_the_close_is_idle() {
        let start = crate::clock::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut time = OpenTime::default();
        time.set_needed(at(0), true);
        time.set_open(at(50), true);
        assert_eq!(time.totals(at(1050)), (1000, 0));
        time.set_needed(at(2050), false);
        time.set_open(at(2080), false);
        assert_eq!(time.totals(at(9000)), (2030, 30));
        time.set_needed(at(9000), true);
        time.set_open(at(9010), true);
        time.set_open(at(9110), false);
        assert_eq!(time.totals(at(9999)), (2130, 30));
    }
}
