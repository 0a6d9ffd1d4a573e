//! A result as plain text: short enough for a chat, whole enough for IT.

use std::fmt::Write as _;

use super::{Report, moment};
use crate::diagnose::catalogue::{Group, check};
use crate::diagnose::finding::{Sign, Verdict};

pub fn message(report: &Report) -> String {
    let mut out = String::new();
    write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) {
    // Writing to a text cannot fail.
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").unwrap_or_default();
    line(format_args!("{}", report.sentence));
    line(format_args!("Offhook {} · {} · {}", report.version, report.plan.title(), moment(report.began_s)));
    for (number, cause) in report.causes.iter().enumerate() {
        line(format_args!(""));
        line(format_args!(
            "{}. {} ({}, {}). {}.",
            number + 1,
            cause.title(),
            cause.rule,
            cause.likelihood().to_lowercase(),
            cause.owner().words()
        ));
        for evidence in &cause.evidence {
            let sign = match evidence.sign {
                Sign::Bad => '✗',
                Sign::Good => '✓',
                Sign::Note => '·',
            };
            let value = if evidence.value.is_empty() { String::new() } else { format!(": {}", evidence.value) };
            line(format_args!("   {sign} {}{value}", evidence.fact));
        }
        line(format_args!("   → {}", cause.advice()));
    }
    for group in Group::ALL {
        let mut lines =
            report.lines.iter().filter(|line| check(&line.check).map(|check| check.group) == Some(group)).peekable();
        if lines.peek().is_none() {
            continue;
        }
        line(format_args!(""));
        line(format_args!("{}", group.words()));
        for entry in lines {
            let word = match entry.verdict {
                Verdict::Pass => "ok  ",
                Verdict::Warn => "WARN",
                Verdict::Fail => "FAIL",
                Verdict::Skipped => "–   ",
            };
            let value = [&entry.value, &entry.limit]
                .into_iter()
                .zip(["", "limit "])
                .filter(|(text, _)| !text.is_empty())
                .map(|(text, label)| format!("{label}{text}"))
                .collect::<Vec<_>>()
                .join(", ");
            let value = if value.is_empty() { value } else { format!(" ({value})") };
            line(format_args!("  {word} {} {}: {}{value}", entry.check, entry.name(), entry.words));
        }
    }
}
