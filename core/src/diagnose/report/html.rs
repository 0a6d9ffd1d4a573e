//! A result as one page: nothing to load, no script, readable in light and dark and on paper.

use std::fmt::Write as _;

use super::{Report, moment};
use crate::diagnose::catalogue::{Group, check, rule};
use crate::diagnose::finding::{Readiness, Sign, Verdict};

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.45 Inter,system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1rem;margin:1.6rem 0 .4rem}.muted{opacity:.75;font-size:.85rem}
.card{border:1px solid #8886;border-radius:12px;padding:.8rem 1rem;margin:.6rem 0;break-inside:avoid}
table{border-collapse:collapse;width:100%}td{padding:.25rem .4rem;border-top:1px solid #8884;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.s{width:4.2rem;font-weight:600}
.pass{color:#1a7f37}.warn{color:#8a5c00}.fail{color:#cf222e}.skipped{opacity:.6}
@media(prefers-color-scheme:dark){.pass{color:#56d364}.warn{color:#e3b341}.fail{color:#ff8a82}}";

/// Text that cannot become markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

pub fn page(report: &Report) -> String {
    let mut out = String::with_capacity(16 * 1024);
    // Writing to a text cannot fail.
    write(&mut out, report).unwrap_or_default();
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    let state = match report.readiness {
        Readiness::Ready => ("pass", "Ready"),
        Readiness::ReadyWithWarnings => ("warn", "Ready, with warnings"),
        Readiness::NotReady => ("fail", "Not ready"),
        Readiness::CouldNotRun => ("skipped", "Could not run"),
    };
    write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><p class=\"{class}\"><strong>{word}</strong></p><h1>{title}</h1>\
         <p class=\"muted\">Offhook {version} · {plan} · {when} · {seconds:.1} s</p>",
        title = escaped(&report.sentence),
        class = state.0,
        word = state.1,
        version = escaped(&report.version),
        plan = report.plan.title(),
        when = moment(report.began_s),
        seconds = report.took_ms as f64 / 1_000.0,
    )?;
    for (number, cause) in report.causes.iter().enumerate() {
        write!(
            out,
            "<div class=\"card\"><strong>{}. {}</strong> <span class=\"muted\">{} · {}</span><table>",
            number + 1,
            escaped(cause.title()),
            cause.likelihood(),
            cause.owner().words(),
        )?;
        for evidence in &cause.evidence {
            let (class, sign) = match evidence.sign {
                Sign::Bad => ("fail", "✗"),
                Sign::Good => ("pass", "✓"),
                Sign::Note => ("skipped", "·"),
            };
            write!(
                out,
                "<tr><td class=\"s {class}\">{sign}</td><td>{}</td><td class=\"n\">{}</td></tr>",
                escaped(&evidence.fact),
                escaped(&evidence.value)
            )?;
        }
        write!(out, "</table><p>{}</p><p class=\"muted\">{}", escaped(cause.advice()), escaped(&cause.rule))?;
        if let Some(rule) = rule(&cause.rule) {
            write!(out, " · {} · verified {}", escaped(rule.source), rule.verified)?;
        }
        out.push_str("</p></div>");
    }
    for group in Group::ALL {
        let mut lines =
            report.lines.iter().filter(|line| check(&line.check).map(|check| check.group) == Some(group)).peekable();
        if lines.peek().is_none() {
            continue;
        }
        write!(out, "<h2>{}</h2><table>", group.words())?;
        for line in lines {
            let (class, word) = match line.verdict {
                Verdict::Pass => ("pass", "Passed"),
                Verdict::Warn => ("warn", "Warning"),
                Verdict::Fail => ("fail", "Failed"),
                Verdict::Skipped => ("skipped", "Skipped"),
            };
            write!(
                out,
                "<tr><td class=\"s {class}\">{word}</td><td>{}<br><span class=\"muted\">{}</span></td>\
                 <td class=\"n\">{}<br><span class=\"muted\">{}</span></td><td class=\"n muted\">{}</td></tr>",
                escaped(line.name()),
                escaped(&line.words),
                escaped(&line.value),
                escaped(&line.limit),
                escaped(&line.check),
            )?;
        }
        out.push_str("</table>");
    }
    out.push_str("</html>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices_cannot_become_markup() {
        assert_eq!(escaped("<b>\"A&B\"</b>'"), "&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;&#39;");
    }
}
