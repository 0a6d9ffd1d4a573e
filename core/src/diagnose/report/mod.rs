//! The result of one run, as a file that can be read again: JSON with a versioned schema, a page, plain text.

mod compare;
mod html;
mod text;

use serde::{Deserialize, Serialize};

pub use compare::{Change, compare};

use super::catalogue::Plan;
use super::facts::Facts;
use super::finding::{Cause, Line, Readiness, Verdict};
use super::judge;
use super::limits::Limits;

/// Written into every report; a reader refuses what it does not know. Fields may be added without a new one.
pub const SCHEMA: &str = "offhook-diagnosis/1";
/// Larger files are no reports.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub version: String,
    pub plan: Plan,
    /// When it began, in seconds since 1970-01-01 UTC.
    pub began_s: u64,
    pub took_ms: u64,
    /// It was stopped: what is missing was not checked.
    #[serde(default)]
    pub stopped: bool,
    pub readiness: Readiness,
    /// The head of the result.
    pub sentence: String,
    pub lines: Vec<Line>,
    pub causes: Vec<Cause>,
    pub facts: Facts,
}

/// Why a file is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("it is too large for a result of a check")]
    TooLarge,
    #[error("it is no result of a check")]
    NotAReport(#[source] serde_json::Error),
    #[error("it was written by another version ({0})")]
    OtherSchema(String),
}

impl Report {
    /// Judges what was measured. `planned`: how many checks there were to be.
    pub fn new(
        plan: Plan,
        (began_s, took_ms): (u64, u64),
        lines: Vec<Line>,
        planned: usize,
        facts: Facts,
        limits: &Limits,
    ) -> Self {
        let causes = judge::causes(&facts, limits);
        let readiness = Readiness::of(&lines, &causes);
        let stopped = lines.len() < planned;
        let sentence = sentence(readiness, &lines, &causes, stopped.then_some(planned), facts.symptom.is_some());
        Self {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plan,
            began_s,
            took_ms,
            stopped,
            readiness,
            sentence,
            lines,
            causes,
            facts,
        }
    }

    pub fn to_json(&self) -> String {
        // A map with keys that are no text is the only cause of a failure, and there is none.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote, also years later.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReportError> {
        if bytes.len() > MOST_BYTES {
            return Err(ReportError::TooLarge);
        }
        let head: Head = serde_json::from_slice(bytes).map_err(ReportError::NotAReport)?;
        if head.schema != SCHEMA {
            return Err(ReportError::OtherSchema(head.schema));
        }
        serde_json::from_slice(bytes).map_err(ReportError::NotAReport)
    }

    /// One page for a browser, without anything to load.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// For a chat with IT.
    pub fn to_text(&self) -> String {
        text::message(self)
    }

    /// Checks that ended well.
    pub fn passed(&self) -> usize {
        self.lines.iter().filter(|line| line.verdict == Verdict::Pass).count()
    }

    /// The body of the fuzz target: any file is a report or none, and every report can be shown.
    pub fn fuzz(bytes: &[u8]) {
        if let Ok(report) = Self::from_json(bytes) {
            std::hint::black_box((report.to_html(), report.to_text(), compare(&report, &report)));
            drop(judge::causes(&report.facts, &Limits::default()));
            for check in super::catalogue::CHECKS {
                drop(judge::line(check.id, &report.facts, &Limits::default()));
            }
        }
    }
}

#[derive(Deserialize)]
struct Head {
    schema: String,
}

fn sentence(
    readiness: Readiness,
    lines: &[Line],
    causes: &[Cause],
    stopped_of: Option<usize>,
    noticed: bool,
) -> String {
    let measured = lines.iter().filter(|line| line.verdict != Verdict::Skipped).count();
    let likely = causes.first().filter(|cause| cause.confidence >= 0.5);
    match (readiness, stopped_of, likely) {
        (_, Some(planned), None) => format!("Stopped. {} of {planned} checks done.", lines.len()),
        (Readiness::CouldNotRun, _, _) => "Nothing could be measured here.".to_owned(),
        (_, _, Some(cause)) => cause.verdict().to_owned(),
        (Readiness::Ready, _, None) if noticed => {
            "Nothing wrong found here. The other side may have the problem.".to_owned()
        }
        (Readiness::Ready, _, None) => match measured {
            1 => "Ready. The one check passed.".to_owned(),
            count => format!("Ready. All {count} checks passed."),
        },
        (_, _, None) => lines
            .iter()
            .max_by_key(|line| line.verdict)
            .map_or_else(String::new, |line| format!("{}: {}.", line.name(), line.words.trim_end_matches('.'))),
    }
}

/// Year, month, day, hour, minute of a moment, in UTC.
pub fn utc(seconds: u64) -> (i64, u32, u32, u32, u32) {
    let days = i64::try_from(seconds / 86_400).unwrap_or(0);
    let shifted = days + 719_468;
    // Howard Hinnant's civil_from_days; eras of 400 years.
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year,
        u32::try_from(month).unwrap_or(1),
        u32::try_from(day).unwrap_or(1),
        u32::try_from(seconds / 3_600 % 24).unwrap_or(0),
        u32::try_from(seconds / 60 % 60).unwrap_or(0),
    )
}

/// `2026-11-25 08:52 UTC`.
pub fn moment(seconds: u64) -> String {
    let (year, month, day, hour, minute) = utc(seconds);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}
