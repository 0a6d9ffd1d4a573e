//! Judges this computer, the way to the service, and the service itself.

use super::facts::{CertificateFacts, Facts, ReachFacts};
use super::finding::{Cause, Evidence, Line, Remedy, Verdict};
use super::limits::Limits;
use super::words::{count, ms, sentence};

/// The line of one of these checks; `None`: not one of ours.
pub fn line(check: &str, facts: &Facts, limits: &Limits) -> Option<Line> {
    Some(match check {
        "A15" => computer(check, facts, limits),
        "A12" => others(check, facts),
        "N22" => ipv6(check, facts),
        "N1" => names(check, facts, limits),
        "N4" => proxy(check, facts),
        "N2" => reach(check, facts, limits),
        "N3" => certificates(check, facts, limits),
        "N19" => clock(check, facts, limits),
        "S1" => signed_in(check, facts),
        "S2" => phone(check, facts),
        _ => return None,
    })
}

fn computer(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let Some(computer) = &facts.computer else { return Line::new(check, Verdict::Skipped, "Not measured") };
    let cpu = computer.cpu.map_or_else(String::new, |cpu| format!("{:.0} %", cpu * 100.0));
    let limit = format!("≤ {:.0} %", limits.cpu * 100.0);
    let missed = computer.missed_deadlines.unwrap_or(0);
    if missed >= limits.missed_deadlines {
        let words = format!("{} missed", count(missed as usize, "audio deadline"));
        return Line::new(check, Verdict::Warn, words).value(cpu).limit(limit);
    }
    if let Some(free) = computer.free_memory_mb.filter(|free| *free < limits.free_memory_mb) {
        return Line::new(check, Verdict::Warn, "Little memory is free").value(format!("{free} MB"));
    }
    if computer.cpu.is_some_and(|cpu| cpu >= limits.cpu) {
        let by = computer.busiest.as_ref().map_or_else(String::new, |name| format!(", most of it by {name}"));
        // Busy alone is no fault: sound still comes in time.
        return Line::new(check, Verdict::Pass, format!("Busy{by}; sound is in time")).value(cpu).limit(limit);
    }
    Line::new(check, Verdict::Pass, "Room to spare").value(cpu).limit(limit)
}

fn others(check: &str, facts: &Facts) -> Line {
    match facts.computer.as_ref().map(|computer| computer.other_phones.as_slice()) {
        None => Line::new(check, Verdict::Skipped, "Not looked at"),
        Some([]) => Line::new(check, Verdict::Pass, "No other softphone runs"),
        Some(phones) => Line::new(check, Verdict::Pass, format!("Also running: {}", phones.join(", "))),
    }
}

fn ipv6(check: &str, facts: &Facts) -> Line {
    match facts.ipv6 {
        None => Line::new(check, Verdict::Skipped, "Not measured"),
        Some(ipv6) if ipv6.address && ipv6.route => Line::new(check, Verdict::Pass, "Works"),
        Some(ipv6) if ipv6.address => Line::new(check, Verdict::Pass, "An address, and no way out; IPv4 is used"),
        Some(_) => Line::new(check, Verdict::Pass, "Not here; IPv4 is used"),
    }
}

fn names(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let Some(names) = &facts.names else { return Line::new(check, Verdict::Skipped, "No service to look up") };
    if let Some(missing) = names.lookups.iter().find(|lookup| lookup.failed.is_some()) {
        return Line::new(check, Verdict::Fail, format!("{} is not found", missing.host));
    }
    let slowest = names.lookups.iter().map(|lookup| lookup.ms).fold(0.0_f64, f64::max);
    let limit = format!("≤ {}", ms(limits.lookup_ms.0));
    let verdict = if slowest > limits.lookup_ms.1 {
        Verdict::Fail
    } else if slowest > limits.lookup_ms.0 {
        Verdict::Warn
    } else {
        Verdict::Pass
    };
    let answering = names.servers.iter().filter(|server| server.ms.is_some()).count();
    let words = match (verdict, names.servers.len()) {
        (Verdict::Fail | Verdict::Warn, _) => "Slow".to_owned(),
        (_, 0) => "Found".to_owned(),
        (_, all) if answering == all => format!("{} answer", count(all, "name server")),
        (_, all) => format!("{answering} of {all} name servers answer"),
    };
    let words = if answering == 1 && names.servers.len() == 1 { "1 name server answers".to_owned() } else { words };
    Line::new(check, verdict, words).value(ms(slowest)).limit(limit)
}

fn proxy(check: &str, facts: &Facts) -> Line {
    match &facts.proxy {
        None => Line::new(check, Verdict::Skipped, "No service to reach"),
        Some(proxy) => match (&proxy.host, proxy.passes) {
            (None, _) => Line::new(check, Verdict::Pass, "None; everything goes straight"),
            (Some(host), Some(false)) => Line::new(check, Verdict::Fail, format!("{host} lets nothing through")),
            (Some(host), _) => Line::new(check, Verdict::Pass, format!("Signalling through {host}, media straight")),
        },
    }
}

/// It answered over HTTP, whatever it said. A WebSocket has to be accepted, or refused by the service itself, for want
/// of a channel; what stands in between says other things.
fn works(reach: &ReachFacts) -> bool {
    reach.failed.is_none() && (!reach.websocket || matches!(reach.status, Some(101 | 401 | 404)))
}

fn reach(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let Some(slowest) = facts.reach.iter().map(|reach| reach.tcp_ms.unwrap_or(0.0)).reduce(f64::max) else {
        return Line::new(check, Verdict::Skipped, "No service is set");
    };
    let limit = format!("≤ {}", ms(limits.connect_ms.0));
    if let Some(bad) = facts.reach.iter().find(|reach| !works(reach)) {
        let what = if bad.websocket { "WebSocket to " } else { "" };
        return Line::new(check, Verdict::Fail, format!("{what}{}: {}", bad.host, why_not(bad)));
    }
    let verdict = if slowest > limits.connect_ms.0 { Verdict::Warn } else { Verdict::Pass };
    let words = if verdict == Verdict::Warn { "Slow to connect" } else { "HTTP and WebSocket answer" };
    Line::new(check, verdict, words).value(ms(slowest)).limit(limit)
}

fn why_not(reach: &ReachFacts) -> String {
    match (&reach.failed, reach.status) {
        (Some(why), _) => why.clone(),
        (None, Some(status)) => format!("answered HTTP {status}"),
        (None, None) => "no answer".to_owned(),
    }
}

fn untrusted(facts: &Facts) -> Option<(&ReachFacts, &CertificateFacts)> {
    facts
        .reach
        .iter()
        .filter_map(|reach| reach.certificate.as_ref().map(|certificate| (reach, certificate)))
        .find(|(_, certificate)| !certificate.trusted)
}

fn certificates(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let seen: Vec<&CertificateFacts> = facts.reach.iter().filter_map(|reach| reach.certificate.as_ref()).collect();
    if seen.is_empty() {
        let words = if facts.reach.is_empty() { "No service is set" } else { "No TLS on this way" };
        return Line::new(check, Verdict::Skipped, words);
    }
    if let Some((_, bad)) = untrusted(facts) {
        let why = bad.why.as_deref().unwrap_or("not trusted");
        return Line::new(check, Verdict::Fail, sentence(why)).value(bad.issuer.clone().unwrap_or_default());
    }
    let days = seen.iter().filter_map(|certificate| certificate.days_left).min();
    let issuer = seen.first().and_then(|certificate| certificate.issuer.clone()).unwrap_or_default();
    match days {
        Some(days) if days < limits.certificate_days => {
            Line::new(check, Verdict::Warn, format!("Ends in {}", count(days.max(0) as usize, "day")))
        }
        Some(days) => Line::new(check, Verdict::Pass, format!("Trusted, by {issuer}")).value(format!("{days} days")),
        None => Line::new(check, Verdict::Pass, format!("Trusted, by {issuer}")),
    }
}

/// The service's clock minus ours, where it is furthest off.
fn skew(facts: &Facts) -> Option<f64> {
    facts.reach.iter().filter_map(|reach| reach.clock_s).max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

fn clock(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let Some(skew) = skew(facts) else {
        return Line::new(check, Verdict::Skipped, "The service did not tell its time");
    };
    let verdict = if skew.abs() > limits.clock_s { Verdict::Fail } else { Verdict::Pass };
    let words = if verdict == Verdict::Fail { "Wrong" } else { "Right" };
    let off = format!("{:+.0} s", -skew).replace('-', "−");
    Line::new(check, verdict, words)
        .value(if skew.abs() < 1.5 { "± 1 s".to_owned() } else { off })
        .limit(format!("≤ {:.0} s", limits.clock_s))
}

fn signed_in(check: &str, facts: &Facts) -> Line {
    match &facts.service {
        None => Line::new(check, Verdict::Skipped, "No service is set"),
        Some(service) if service.signed_in => Line::new(check, Verdict::Pass, "Able to take calls"),
        Some(service) => {
            Line::new(check, Verdict::Fail, service.problem.clone().unwrap_or_else(|| "Not signed in".to_owned()))
        }
    }
}

fn phone(check: &str, facts: &Facts) -> Line {
    match &facts.service {
        Some(service) if service.signed_in => {
            if let Some(missing) = &service.missing {
                Line::new(check, Verdict::Fail, super::line::phone_words(missing))
            } else if service.phone_selected {
                Line::new(check, Verdict::Pass, "Yes").value(count(service.usable_phones as usize, "phone"))
            } else if service.usable_phones == 0 {
                Line::new(check, Verdict::Fail, "No phone is assigned to you")
            } else {
                Line::new(check, Verdict::Fail, "None is selected")
            }
        }
        _ => Line::new(check, Verdict::Skipped, "Not signed in"),
    }
}

/// Everything these facts speak for, in no order.
pub fn causes(facts: &Facts, limits: &Limits) -> Vec<Cause> {
    let mut causes = Vec::new();
    overload(facts, limits, &mut causes);
    service(facts, limits, &mut causes);
    causes
}

fn overload(facts: &Facts, limits: &Limits, causes: &mut Vec<Cause>) {
    let Some(computer) = &facts.computer else { return };
    let missed = computer.missed_deadlines.unwrap_or(0);
    let lost = facts.path.as_ref().map_or(0, |path| path.lost_samples)
        + facts.microphone.as_ref().map_or(0, |microphone| microphone.lost_samples);
    let busy = computer.cpu.is_some_and(|cpu| cpu >= limits.cpu);
    let late = missed >= limits.missed_deadlines;
    if !(late || lost > 480) {
        return;
    }
    let confidence = match (late, busy) {
        (true, true) => 0.92,
        (_, true) => 0.8,
        (true, false) => 0.6,
        (false, false) => 0.4,
    };
    let mut cause = Cause::new("DX-03e", confidence, false, Remedy::CheckAgain);
    if late {
        cause = cause.because(Evidence::bad("Audio deadlines missed in 10 s", missed.to_string()));
    }
    if lost > 0 {
        cause = cause.because(Evidence::bad("Sound lost on the way", ms(lost as f64 / 48.0)));
    }
    if let Some(cpu) = computer.cpu {
        let value = format!("{:.0} %", cpu * 100.0);
        cause =
            cause.because(if busy { Evidence::bad("Processor", value) } else { Evidence::good("Processor", value) });
    }
    if let Some(name) = computer.busiest.as_ref().filter(|_| busy) {
        cause = cause.because(Evidence::note("Most of it by", name.clone()));
    }
    causes.push(cause);
}

fn service(facts: &Facts, limits: &Limits, causes: &mut Vec<Cause>) {
    let lookups = facts.names.as_ref().map(|names| names.lookups.as_slice()).unwrap_or_default();
    let missing: Vec<_> = lookups.iter().filter(|lookup| lookup.failed.is_some()).collect();
    let slow = lookups.iter().filter(|lookup| lookup.ms > limits.lookup_ms.1).count();
    if !missing.is_empty() || slow > 0 {
        let confidence = if missing.is_empty() { 0.6 } else { 0.95 };
        let mut cause = Cause::new("DX-N6", confidence, !missing.is_empty(), Remedy::CopyForIt);
        for lookup in lookups.iter().filter(|lookup| lookup.failed.is_some() || lookup.ms > limits.lookup_ms.1).take(3)
        {
            cause = cause
                .because(Evidence::bad(lookup.host.clone(), lookup.failed.clone().unwrap_or_else(|| ms(lookup.ms))));
        }
        for server in facts.names.iter().flat_map(|names| &names.servers) {
            cause = cause.because(match server.ms {
                Some(time) => Evidence::good(format!("Name server {}", server.server), ms(time)),
                None => Evidence::bad(format!("Name server {}", server.server), "silent"),
            });
        }
        causes.push(cause);
    }
    if let Some((reach, certificate)) = untrusted(facts) {
        let mut cause = Cause::new("DX-N8", 0.95, true, Remedy::CopyForIt).because(Evidence::bad(
            format!("Certificate of {}", reach.host),
            certificate.why.clone().unwrap_or_default(),
        ));
        if let Some(issuer) = &certificate.issuer {
            cause = cause.because(Evidence::note("Signed by", issuer.clone()));
        }
        if let Some(skew) = skew(facts).filter(|skew| skew.abs() > limits.clock_s) {
            cause = cause.because(Evidence::note("This computer’s clock is off by", format!("{:.0} s", skew.abs())));
        }
        causes.push(cause);
    }
    // A name that is not found, and a certificate nobody trusts, explain themselves.
    let unreachable: Vec<&ReachFacts> = facts
        .reach
        .iter()
        .filter(|reach| !works(reach))
        .filter(|reach| !missing.iter().any(|lookup| reach.host.starts_with(&lookup.host)))
        .filter(|reach| reach.certificate.as_ref().is_none_or(|certificate| certificate.trusted))
        .collect();
    if !unreachable.is_empty() {
        let mut cause = Cause::new("DX-N7", 0.93, true, Remedy::SignInAgain);
        for reach in unreachable.iter().take(3) {
            let what = if reach.websocket { "WebSocket to " } else { "" };
            cause = cause.because(Evidence::bad(format!("{what}{}", reach.host), why_not(reach)));
        }
        if facts.proxy.as_ref().is_some_and(|proxy| proxy.passes == Some(false)) {
            cause = cause.because(Evidence::bad("The proxy lets nothing through", ""));
        }
        causes.push(cause);
    }
    if let Some(skew) = skew(facts).filter(|skew| skew.abs() > limits.clock_s) {
        causes.push(
            Cause::new("DX-N5", 0.95, true, Remedy::CopyForIt)
                .because(Evidence::bad("This computer’s clock is off by", format!("{:.0} s", skew.abs()))),
        );
    }
    let Some(service) = &facts.service else { return };
    if !service.signed_in {
        // When the way is blocked, the missing sign-in is its consequence.
        let explained = causes.iter().any(|cause| ["DX-N6", "DX-N7", "DX-N8", "DX-N5"].contains(&cause.rule.as_str()));
        let mut cause = Cause::new("DX-N10", if explained { 0.3 } else { 0.9 }, true, Remedy::SignInAgain);
        cause = cause.because(Evidence::bad(
            service.problem.clone().unwrap_or_else(|| "The sign-in did not finish".to_owned()),
            "",
        ));
        causes.push(cause);
    } else if !service.phone_selected {
        causes.push(
            Cause::new("DX-N11", 0.95, true, Remedy::CopyForIt)
                .because(Evidence::bad("Phones assigned to you", service.phones.to_string()))
                .because(Evidence::note("Of them usable", service.usable_phones.to_string())),
        );
    }
}
