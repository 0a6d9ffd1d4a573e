//! Judges a line: settings, phones and routes of the service, and calls that failed.

use super::facts::{
    Broke, CallFlowFacts, Direction, Facts, FailureFacts, Origin, RoutingFacts, SessionFacts, Unanswered,
};
use super::finding::{Cause, Evidence, Line, Remedy, Verdict};
use super::limits::Limits;
use super::words::{count, ms};
use crate::snapshot::PhoneMissing;

/// The line of one of these checks; `None`: not one of ours.
pub fn line(check: &str, facts: &Facts, limits: &Limits) -> Option<Line> {
    Some(match check {
        "S4" => settings(check, facts, limits),
        "S5" => calls(check, facts, limits),
        _ => return None,
    })
}

/// Middle one of these times.
fn median(times: &[f64]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

/// Answering is slow, or came too late; over enough calls to say so.
fn answers_late(session: &SessionFacts, limits: &Limits) -> bool {
    let slow = session.answer_ms.len() >= limits.answered_calls
        && median(&session.answer_ms).is_some_and(|time| time > limits.answer_ms);
    slow || session.missed > 0
}

fn settings(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let Some(session) = &facts.session else { return Line::new(check, Verdict::Skipped, "Not signed in") };
    if let Some((name, used, new)) = session.changed.first() {
        return Line::new(check, Verdict::Warn, format!("{name}: this sign-in still uses {used}")).value(new.clone());
    }
    match session.persistent {
        Some(false) if answers_late(session, limits) => {
            Line::new(check, Verdict::Warn, "The persistent connection is off")
                .value(median(&session.answer_ms).map(ms).unwrap_or_default())
        }
        Some(true) if session.persistent_used == Some(false) => {
            Line::new(check, Verdict::Warn, "The persistent connection is on, and not used yet")
        }
        _ => Line::new(check, Verdict::Pass, "This sign-in uses the settings of the service"),
    }
}

fn calls(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let causes = failed(facts, limits);
    match causes.first() {
        Some(cause) => Line::new(check, Verdict::Warn, cause.verdict().to_owned()).value(if causes.len() > 1 {
            count(causes.len(), "cause")
        } else {
            String::new()
        }),
        None if facts.failures.is_empty() && facts.flow.is_none() => {
            Line::new(check, Verdict::Skipped, "No call failed since the start")
        }
        None => Line::new(check, Verdict::Pass, "None that a rule explains"),
    }
}

/// Everything these facts speak for, in no order.
pub fn causes(facts: &Facts, limits: &Limits) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(session) = &facts.session {
        of_session(session, limits, &mut causes);
    }
    if let Some(missing) = facts.service.as_ref().and_then(|service| service.missing.as_ref()) {
        causes.push(of_phone(missing));
    }
    causes.extend(failed(facts, limits));
    causes
}

fn of_session(session: &SessionFacts, limits: &Limits, causes: &mut Vec<Cause>) {
    let stale = session.persistent == Some(true) && session.persistent_used == Some(false);
    if stale {
        causes.push(
            Cause::new("DX-01b", 0.92, false, Remedy::SignInAgain)
                .because(Evidence::good("Persistent connection in the service", "on"))
                .because(Evidence::bad("In this sign-in", "off")),
        );
    }
    if session.persistent == Some(false) && answers_late(session, limits) {
        let mut cause = Cause::new("DX-01a", 0.75, false, Remedy::CopyForIt)
            .because(Evidence::bad("Persistent connection in the service", "off"));
        if let Some(time) = median(&session.answer_ms) {
            let calls = count(session.answer_ms.len(), "call");
            cause = cause.because(Evidence::bad(format!("From answer to sound, in {calls}"), ms(time)));
        }
        if session.missed > 0 {
            cause = cause.because(Evidence::bad("Calls missed", session.missed.to_string()));
        }
        causes.push(cause);
    }
    if !session.changed.is_empty() {
        // The persistent connection has a rule of its own that says the same.
        let confidence = if stale { 0.6 } else { 0.93 };
        let mut cause = Cause::new("DX-06", confidence, false, Remedy::SignInAgain);
        for (name, used, new) in session.changed.iter().take(5) {
            cause = cause.because(Evidence::bad(format!("{name} in this sign-in"), used.clone()));
            cause = cause.because(Evidence::good(format!("{name} in the service"), new.clone()));
        }
        causes.push(cause);
    }
}

/// Why there is no phone, on a line.
pub fn phone_words(missing: &PhoneMissing) -> String {
    match missing {
        PhoneMissing::NotCreated => "Nobody has created a phone for you".to_owned(),
        PhoneMissing::OtherUser { name } => format!("{name} belongs to somebody else"),
        PhoneMissing::Disabled { name } => format!("{name} is disabled"),
        PhoneMissing::NoBaseSettings { name } => format!("{name} has no base settings"),
    }
}

fn of_phone(missing: &PhoneMissing) -> Cause {
    let (rule, evidence) = match missing {
        PhoneMissing::NotCreated => ("DX-04a", Evidence::bad("Phones assigned to you", "0")),
        PhoneMissing::OtherUser { name } => ("DX-04b", Evidence::bad(name.clone(), "of somebody else")),
        PhoneMissing::Disabled { name } => ("DX-04c", Evidence::bad(name.clone(), "disabled")),
        PhoneMissing::NoBaseSettings { name } => ("DX-04d", Evidence::bad(name.clone(), "without base settings")),
    };
    // It explains why none is selected, and stands before that.
    Cause::new(rule, 0.97, true, Remedy::CopyForIt).because(evidence)
}

/// The causes of failed calls alone.
fn failed(facts: &Facts, limits: &Limits) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(routing) = &facts.routing {
        causes.extend(of_route(routing));
    }
    for failure in &facts.failures {
        causes.extend(of_failure(failure));
    }
    if let Some(flow) = &facts.flow {
        of_flow(flow, limits, &mut causes);
    }
    causes
}

fn of_route(routing: &RoutingFacts) -> Option<Cause> {
    let site = || Evidence::note("Site", routing.site.clone());
    if !routing.site_has_route {
        let cause = Cause::new("DX-05c", 0.93, true, Remedy::CopyForIt);
        return Some(cause.because(Evidence::bad("Number plans and trunks of the site", "none")).because(site()));
    }
    let Some(plan) = &routing.plan else {
        let cause = Cause::new("DX-05a", 0.93, false, Remedy::CopyForIt);
        return Some(cause.because(Evidence::bad("Number plans that fit", "none")).because(site()));
    };
    if routing.trunk_in_service {
        return None;
    }
    let trunk = routing.trunk.clone().unwrap_or_else(|| "none".to_owned());
    Some(
        Cause::new("DX-05b", 0.93, true, Remedy::CopyForIt)
            .because(Evidence::good(format!("Number plan {plan} fits"), ""))
            .because(Evidence::bad(format!("Trunk {trunk}"), "not in service")),
    )
}

/// The same code means different things by direction: 403 to us is their list, 403 from us is ours.
fn of_failure(failure: &FailureFacts) -> Option<Cause> {
    let asked = match failure.direction {
        Direction::Out => format!("Our {} to {}", failure.method, failure.server),
        Direction::In => format!("{} from {}", failure.method, failure.server),
    };
    if let Some(challenge) = failure.challenge.as_ref().filter(|_| matches!(failure.status, Some(401 | 407) | None)) {
        let realm = Evidence::note("Realm", challenge.realm.clone());
        let (rule, bad) = if !challenge.algorithm_known {
            ("DX-R7c", Evidence::bad("Algorithm", challenge.algorithm.clone()))
        } else if !challenge.realm_known {
            ("DX-R7b", Evidence::bad("Accounts for this realm", "none"))
        } else if challenge.refused_again {
            ("DX-R7a", Evidence::bad("Refused again, with the same nonce", asked.clone()))
        } else {
            // A first challenge is how it goes.
            return None;
        };
        return Some(Cause::new(rule, 0.93, true, Remedy::CopyForIt).because(bad).because(realm));
    }
    let code = failure.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let cause = |rule, confidence| {
        Cause::new(rule, confidence, true, Remedy::CopyForIt).because(Evidence::bad(asked.clone(), code.clone()))
    };
    match (failure.origin, failure.status, failure.unanswered) {
        (_, None, Some(Unanswered::NameNotFound)) => Some(cause("DX-R3a", 0.95)),
        (_, None, Some(Unanswered::Refused | Unanswered::TimedOut)) => Some(cause("DX-R3b", 0.9)),
        (Origin::Other, Some(403), _) => {
            let ours = failure.our_address.map_or_else(|| "not known".to_owned(), |address| address.to_string());
            Some(cause("DX-R1a", 0.88).because(Evidence::note("Our address as seen from there", ours)))
        }
        (Origin::This, Some(403), _) => Some(cause("DX-R1b", 0.93)),
        (Origin::Other, Some(404), _) => Some(cause("DX-R2a", 0.88)),
        (Origin::This, Some(404), _) => Some(cause("DX-R2b", 0.93)),
        (Origin::Other, Some(503), _) => {
            let wait = failure.retry_after_s.map_or_else(|| "not said".to_owned(), |wait| format!("{wait} s"));
            Some(cause("DX-R3c", 0.9).because(Evidence::note("To be tried again after", wait)))
        }
        (Origin::This, Some(503), _) => Some(cause("DX-R4", 0.85)),
        (_, Some(488 | 606), _) => Some(cause("DX-R5", 0.9)),
        _ => None,
    }
}

/// Whether both lists share a codec; names are compared without rate and case.
fn shares_codec(flow: &CallFlowFacts) -> bool {
    let name = |codec: &String| codec.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let theirs: Vec<String> = flow.codecs_theirs.iter().map(name).collect();
    // A list of events is no codec.
    flow.codecs_ours.iter().map(name).any(|codec| codec != "telephone-event" && theirs.contains(&codec))
}

fn of_flow(flow: &CallFlowFacts, limits: &Limits, causes: &mut Vec<Cause>) {
    if let Some(broke) = flow.broke {
        let (rule, fact) = match broke {
            Broke::RequestUnanswered => ("DX-R14a", "A request within the call was not answered"),
            Broke::NoAck => ("DX-R14b", "Our 200 was repeated without an ACK"),
            Broke::TimerExpired => ("DX-R14c", "The session timer expired"),
        };
        let after = format!("after {:.0} s", flow.seconds);
        causes.push(Cause::new(rule, 0.93, true, Remedy::CopyForIt).because(Evidence::bad(fact, after)));
    }
    let looked_at = !flow.codecs_ours.is_empty() || !flow.codecs_theirs.is_empty();
    if looked_at && !shares_codec(flow) {
        let list = |codecs: &[String]| if codecs.is_empty() { "none".to_owned() } else { codecs.join(", ") };
        causes.push(
            Cause::new("DX-R5", 0.95, true, Remedy::CopyForIt)
                .because(Evidence::bad("Our codecs", list(&flow.codecs_ours)))
                .because(Evidence::bad("Their codecs", list(&flow.codecs_theirs))),
        );
        return;
    }
    let translated = match (flow.advertised, flow.source) {
        (Some(told), Some(seen)) => (is_private(told) && !is_private(seen)) || told != seen,
        _ => false,
    };
    if translated {
        let address = |address: Option<std::net::IpAddr>| address.map(|a| a.to_string()).unwrap_or_default();
        causes.push(
            Cause::new("DX-R8", 0.92, true, Remedy::CopyForIt)
                .because(Evidence::bad("Address in the session description", address(flow.advertised)))
                .because(Evidence::note("Address that packets come from", address(flow.source))),
        );
    }
    if flow.seconds < limits.one_way_s {
        return;
    }
    let place = Evidence::note("Our port for sound", format!("UDP {}", flow.port));
    let dead_out = flow.other_received == Some(0) || flow.sent == 0;
    // Behind a translated address the silence is its consequence.
    let confidence = if translated { 0.5 } else { 0.88 };
    if flow.received == 0 {
        causes.push(
            Cause::new("DX-R9a", confidence, true, Remedy::CopyForIt)
                .because(Evidence::bad("Packets received", "0"))
                .because(Evidence::note("Packets sent", flow.sent.to_string()))
                .because(place.clone()),
        );
    }
    if dead_out {
        let confidence = if flow.received == 0 { 0.6_f32.min(confidence) } else { confidence };
        causes.push(
            Cause::new("DX-R9b", confidence, true, Remedy::CopyForIt)
                .because(Evidence::bad(
                    "Packets that arrived there",
                    flow.other_received.map_or_else(|| "not reported".to_owned(), |count| count.to_string()),
                ))
                .because(Evidence::note("Packets sent", flow.sent.to_string()))
                .because(place),
        );
    }
}

/// RFC 1918, RFC 6598, RFC 4193 and link-local addresses: of no use to the other side.
fn is_private(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || v4.is_loopback() || (a == 100 && (64..128).contains(&b))
        }
        std::net::IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
