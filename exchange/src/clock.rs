//! Wall-clock time from the machine's own clock: the machine is given one pair of both at its start.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    /// Since 1970-01-01 UTC, at `start`.
    unix: Duration,
}

impl Clock {
    pub fn new(start: Instant, wall: SystemTime) -> Self {
        Self { start, unix: wall.duration_since(UNIX_EPOCH).unwrap_or_default() }
    }

    /// RFC 3339 in UTC with milliseconds, as the platform writes times.
    pub fn rfc3339(&self, now: Instant) -> String {
        let since = self.unix + now.saturating_duration_since(self.start);
        let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let (year, month, day) = civil(days);
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            second / 3600,
            second / 60 % 60,
            second % 60,
            since.subsec_millis()
        )
    }
}

/// Date of a day counted from 1970-01-01 in the Gregorian calendar. Years are taken to begin in March, so that the
/// leap day comes last and months have a regular length.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let start = Instant::now();
        for (unix, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_767_225_600, "2026-01-01T00:00:00.000Z"),
        ] {
            let clock = Clock::new(start, UNIX_EPOCH + Duration::from_secs(unix));
            assert_eq!(clock.rfc3339(start), expected);
        }
    }
}
