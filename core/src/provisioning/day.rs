//! A day of the calendar, for data with a date: when an address is in use from, when something was verified.

use std::fmt;
use std::str::FromStr;

/// Proleptic Gregorian; the order is the calendar's. The default is the earliest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::struct_field_names, reason = "the words of the calendar")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// `None` where there is no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=days).contains(&day).then_some(Self { year, month, day })
    }

    /// The day of a time given in seconds since 1970 (UTC).
    pub fn of_unix(seconds: u64) -> Self {
        // Howard Hinnant's civil_from_days: eras of 400 years, years that begin in March.
        let days = seconds / 86_400 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self { year: u16::try_from(year).unwrap_or(u16::MAX), month: month as u8, day: day as u8 }
    }

    /// Whole months from here to a later day; 0 where it is earlier.
    pub fn months_until(self, later: Self) -> u32 {
        let months = |day: Self| u32::from(day.year) * 12 + u32::from(day.month);
        let between = months(later).saturating_sub(months(self));
        if between > 0 && later.day < self.day { between - 1 } else { between }
    }
}

impl FromStr for Day {
    type Err = &'static str;

    /// `2026-03-31`; the time of an RFC 3339 stamp is let pass.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "a day is written YYYY-MM-DD";
        let date = text.trim().split('T').next().unwrap_or_default();
        let mut parts = date.split('-').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        });
        let (Some(Some(year)), Some(Some(month)), Some(Some(day)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(WHY);
        };
        let (Ok(month), Ok(day)) = (u8::try_from(month), u8::try_from(day)) else { return Err(WHY) };
        Self::new(year, month, day).ok_or("there is no such day")
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(text.parse::<Day>().ok().map(|day| day.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn days_are_read_and_what_is_none_is_refused() {
        check("2021-03-31", Some("2021-03-31"));
        check("2024-02-29T10:00:00Z", Some("2024-02-29"));
        for nonsense in
            ["2023-02-29", "2021-13-01", "2021-00-10", "1-2", "2021-3-1-1", "", "+2021-01-01", "２０２１-01-01"]
        {
            check(nonsense, None);
        }
    }

    #[test]
    fn a_time_has_its_day() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_617_148_800, "2021-03-31"),
            (4_107_542_399, "2100-02-28"),
        ] {
            assert_eq!(Day::of_unix(seconds).to_string(), day);
        }
        assert_eq!(Day::of_unix(4_107_542_400).to_string(), "2100-03-01", "2100 is no leap year");
    }

    #[test]
    fn months_are_counted_whole() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(day("2025-03-31").months_until(day("2026-03-30")), 11);
        assert_eq!(day("2025-03-31").months_until(day("2026-03-31")), 12);
        assert_eq!(day("2026-03-31").months_until(day("2025-03-31")), 0);
    }
}
