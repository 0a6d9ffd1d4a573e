//! Judges the test media and the priority mark.

use super::facts::{CallFacts, Facts};
use super::finding::{Cause, Evidence, Line, Remedy, Verdict};
use super::limits::Limits;
use super::words::{ms, percent};

/// The line of one of these checks; `None`: not one of ours.
pub fn line(check: &str, facts: &Facts, limits: &Limits) -> Option<Line> {
    Some(match check {
        "N10" => call(check, facts, limits),
        "N15" => mark(check, facts),
        _ => return None,
    })
}

/// What of the call is beyond a limit: 0 nothing, 1 weak, 2 bad.
fn severity(call: &CallFacts, limits: &Limits) -> u8 {
    let grade = |value: Option<f64>, (weak, bad): (f64, f64)| match value {
        Some(value) if value >= bad => 2,
        Some(value) if value >= weak => 1,
        _ => 0,
    };
    grade(call.loss, limits.loss)
        .max(grade(call.jitter_ms, limits.jitter_ms))
        .max(grade(call.round_trip_ms, limits.round_trip_ms))
}

fn call(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let Some(call) = &facts.call else { return Line::new(check, Verdict::Skipped, "No relay to send it through") };
    if let Some(why) = &call.failed {
        return Line::new(check, Verdict::Fail, why.clone());
    }
    let (Some(loss), Some(time)) = (call.loss, call.round_trip_ms) else {
        return Line::new(check, Verdict::Fail, "Nothing came back");
    };
    let words = format!("{} lost, jitter {}", percent(loss), call.jitter_ms.map_or_else(|| "unknown".to_owned(), ms));
    let verdict = match severity(call, limits) {
        0 => Verdict::Pass,
        1 => Verdict::Warn,
        _ => Verdict::Fail,
    };
    Line::new(check, verdict, words).value(ms(time)).limit(format!("≤ {}", ms(limits.round_trip_ms.0)))
}

fn name(dscp: u8) -> String {
    match dscp {
        0 => "none".to_owned(),
        46 => "EF".to_owned(),
        value if value % 8 == 0 => format!("CS{}", value / 8),
        value if (10..=38).contains(&value) && value % 2 == 0 => format!("AF{}{}", value / 8, value % 8 / 2),
        value => format!("DSCP {value}"),
    }
}

fn mark(check: &str, facts: &Facts) -> Line {
    let Some(mark) = facts.mark else { return Line::new(check, Verdict::Skipped, "No media socket to look at") };
    let limit = name(mark.configured);
    match (mark.effective, mark.echoed) {
        (Some(effective), _) if effective != mark.configured => {
            Line::new(check, Verdict::Warn, "The system did not set it").value(name(effective)).limit(limit)
        }
        (_, Some(0)) if mark.configured != 0 => {
            Line::new(check, Verdict::Warn, "Cleared on the way").value(name(0)).limit(limit)
        }
        (_, Some(echoed)) if echoed != mark.configured => {
            Line::new(check, Verdict::Warn, "Rewritten on the way").value(name(echoed)).limit(limit)
        }
        (Some(effective), Some(_)) => Line::new(check, Verdict::Pass, "Set, and arrives").value(name(effective)),
        (Some(effective), None) => {
            Line::new(check, Verdict::Pass, "Set here; nobody reports what arrives").value(name(effective))
        }
        (None, _) => Line::new(check, Verdict::Skipped, "This system does not tell what it set").limit(limit),
    }
}

/// Everything these facts speak for, in no order.
pub fn causes(facts: &Facts, limits: &Limits) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(call) = &facts.call {
        path(call, limits, &mut causes);
    }
    if let Some(mark) = facts.mark {
        let seen = mark.effective.filter(|seen| *seen != mark.configured).map(|seen| (seen, true));
        let seen = seen.or(mark.echoed.filter(|seen| *seen != mark.configured).map(|seen| (seen, false)));
        if let Some((seen, here)) = seen {
            let place = if here { "On this computer’s socket" } else { "Where it arrived" };
            causes.push(
                Cause::new("DX-03a", if here { 0.9 } else { 0.85 }, false, Remedy::CopyForIt)
                    .because(Evidence::note("Priority mark wanted", name(mark.configured)))
                    .because(Evidence::bad(place, name(seen))),
            );
        }
    }
    causes
}

fn path(call: &CallFacts, limits: &Limits, causes: &mut Vec<Cause>) {
    let grade = severity(call, limits);
    let silent = call.sent > 0 && call.received == 0 && call.failed.is_none();
    if grade == 0 && !silent {
        return;
    }
    let rule = if call.gateway_bad == Some(true) { "DX-03b" } else { "DX-03c" };
    let confidence = match (grade, call.gateway_bad) {
        (1, _) => 0.55,
        (_, Some(_)) => 0.9,
        _ => 0.75,
    };
    let sign = |bad: bool, fact: &str, value: String| {
        if bad { Evidence::bad(fact, value) } else { Evidence::good(fact, value) }
    };
    let mut cause = Cause::new(rule, confidence, grade > 1 || silent, Remedy::CopyForIt);
    if let Some(loss) = call.loss {
        cause = cause.because(sign(loss >= limits.loss.0, "Packets lost", percent(loss)));
    }
    if let Some(jitter) = call.jitter_ms {
        cause = cause.because(sign(jitter >= limits.jitter_ms.0, "Jitter", ms(jitter)));
    }
    if let Some(time) = call.round_trip_ms {
        cause = cause.because(sign(time >= limits.round_trip_ms.0, "Round trip", ms(time)));
    }
    cause = cause.because(match call.gateway_bad {
        Some(true) => Evidence::bad("The gateway answers badly too", ""),
        Some(false) => Evidence::good("The way to the gateway is clean", ""),
        None => Evidence::note("The gateway does not answer, so it is not known on which side", ""),
    });
    causes.push(cause);
}

#[cfg(test)]
mod tests {
    use super::super::facts::MarkFacts;
    use super::*;

    #[test]
    fn row_20_the_mark_is_set_or_refused_here_cleared_or_rewritten_on_the_way_or_unknown() {
        for (effective, echoed, words, bad) in [
            (Some(46), Some(46), "Set, and arrives", false),
            (Some(46), None, "Set here; nobody reports what arrives", false),
            (Some(0), None, "The system did not set it", true),
            (Some(46), Some(0), "Cleared on the way", true),
            (Some(46), Some(10), "Rewritten on the way", true),
            (None, None, "This system does not tell what it set", false),
        ] {
            let facts = Facts { mark: Some(MarkFacts { configured: 46, effective, echoed }), ..Facts::default() };
            let line = mark("N15", &facts);
            assert_eq!((line.words.as_str(), line.verdict == Verdict::Warn), (words, bad));
            let told = causes(&facts, &Limits::default()).iter().any(|cause| cause.rule == "DX-03a");
            assert_eq!(told, bad, "{words}");
        }
    }
}
