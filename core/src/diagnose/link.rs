//! Judges the way to the media servers: UDP, relays, router, tunnel, regions.

use super::facts::{Facts, NatKind, RegionFacts, RelayFacts, StunFacts};
use super::finding::{Cause, Evidence, Line, Remedy, Verdict};
use super::limits::Limits;
use super::words::{count, ms};
use crate::media::TurnTransport;

/// The line of one of these checks; `None`: not one of ours.
pub fn line(check: &str, facts: &Facts, limits: &Limits) -> Option<Line> {
    Some(match check {
        "N5" => stun(check, facts, limits),
        "N6" => nat(check, facts),
        "N7u" => relay(check, facts, TurnTransport::Udp, limits),
        "N7t" => relay(check, facts, TurnTransport::Tcp, limits),
        "N7s" => relay(check, facts, TurnTransport::Tls, limits),
        "N9" => region(check, facts, limits),
        "N12" => memory(check, facts, limits),
        "N18" => tunnel(check, facts),
        _ => return None,
    })
}

fn stun(check: &str, facts: &Facts, limits: &Limits) -> Line {
    if facts.stun.is_empty() {
        return Line::new(check, Verdict::Skipped, "No media server is known");
    }
    let best = facts.stun.iter().filter_map(|stun| stun.round_trip_ms).reduce(f64::min);
    let limit = format!("≤ {}", ms(limits.round_trip_ms.0));
    match best {
        // Calls that have another way are slower, and work.
        None if facts.relays.iter().any(|relay| relay.allocate_ms.is_some()) => {
            Line::new(check, Verdict::Warn, "No answer over UDP; a relay over TCP or TLS works")
        }
        None => Line::new(check, Verdict::Fail, "No answer over UDP"),
        Some(time) if time > limits.round_trip_ms.1 => {
            Line::new(check, Verdict::Fail, "Far too slow").value(ms(time)).limit(limit)
        }
        Some(time) if time > limits.round_trip_ms.0 => {
            Line::new(check, Verdict::Warn, "Slow").value(ms(time)).limit(limit)
        }
        Some(time) => {
            let translated = facts.stun.iter().any(|stun| stun.translated == Some(true));
            let words = if translated { "Answers, through a router" } else { "Answers" };
            Line::new(check, Verdict::Pass, words).value(ms(time)).limit(limit)
        }
    }
}

fn nat(check: &str, facts: &Facts) -> Line {
    let Some(nat) = &facts.nat else {
        return Line::new(check, Verdict::Skipped, "No media server tells (RFC 5780)");
    };
    let words = match (nat.mapping, nat.filtering) {
        (NatKind::None, _) => "No router translates",
        (NatKind::EndpointIndependent, NatKind::EndpointIndependent) => "Open: direct calls work",
        (NatKind::EndpointIndependent, NatKind::Unknown) => "One outside address for all: direct calls work",
        (NatKind::EndpointIndependent, _) => "Direct calls work with most others",
        (NatKind::AddressDependent | NatKind::AddressAndPortDependent, _) => {
            "Another outside address for everybody: calls need a relay"
        }
        (NatKind::Unknown, _) => "Not known",
    };
    Line::new(check, Verdict::Pass, words)
}

/// The tries over one transport.
fn over(facts: &Facts, transport: TurnTransport) -> impl Iterator<Item = &RelayFacts> {
    facts.relays.iter().filter(move |relay| relay.transport == transport)
}

fn relay(check: &str, facts: &Facts, transport: TurnTransport, limits: &Limits) -> Line {
    let tried = over(facts, transport).count();
    if tried == 0 {
        let words = if facts.relays.is_empty() { "No relay is known" } else { "The service names none" };
        return Line::new(check, Verdict::Skipped, words);
    }
    let best = over(facts, transport)
        .filter(|relay| relay.allocate_ms.is_some())
        .min_by(|a, b| a.round_trip_ms.unwrap_or(f64::MAX).total_cmp(&b.round_trip_ms.unwrap_or(f64::MAX)));
    let Some(best) = best else {
        let why = over(facts, transport).find_map(|relay| relay.failed.clone());
        // Another transport may do; whether calls suffer is for the causes to say.
        let verdict =
            if facts.relays.iter().any(|relay| relay.allocate_ms.is_some()) { Verdict::Warn } else { Verdict::Fail };
        return Line::new(check, verdict, why.unwrap_or_else(|| "No answer".to_owned()));
    };
    let region = best.region.clone().unwrap_or_else(|| best.host.clone());
    let time = best.round_trip_ms.or(best.allocate_ms).unwrap_or_default();
    let verdict = if time > limits.round_trip_ms.0 { Verdict::Warn } else { Verdict::Pass };
    let words = if verdict == Verdict::Warn { format!("Slow: {region}") } else { region };
    Line::new(check, verdict, words).value(ms(time)).limit(format!("≤ {}", ms(limits.round_trip_ms.0)))
}

/// The region in use, and a nearer one if there is one.
fn nearer<'a>(facts: &'a Facts, limits: &Limits) -> Option<(&'a RegionFacts, &'a RegionFacts)> {
    let used = facts.regions.iter().find(|region| region.in_use)?;
    let best = facts
        .regions
        .iter()
        .filter(|region| region.round_trip_ms.is_some())
        .min_by(|a, b| a.round_trip_ms.unwrap_or(f64::MAX).total_cmp(&b.round_trip_ms.unwrap_or(f64::MAX)))?;
    let slower = used.round_trip_ms? - best.round_trip_ms?;
    (slower >= limits.region_ms).then_some((used, best))
}

fn region(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let answered = facts.regions.iter().filter(|region| region.round_trip_ms.is_some()).count();
    if facts.regions.is_empty() {
        return Line::new(check, Verdict::Skipped, "No list of regions is known");
    }
    if answered == 0 {
        return Line::new(check, Verdict::Fail, "No region answers");
    }
    if let Some((used, best)) = nearer(facts, limits) {
        return Line::new(check, Verdict::Warn, format!("{} would be nearer than {}", best.name, used.name))
            .value(used.round_trip_ms.map(ms).unwrap_or_default())
            .limit(best.round_trip_ms.map(ms).unwrap_or_default());
    }
    let best = facts.regions.iter().filter_map(|r| r.round_trip_ms.map(|time| (r, time)));
    match best.min_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((best, time)) => Line::new(check, Verdict::Pass, best.name.clone()).value(ms(time)),
        None => Line::new(check, Verdict::Fail, "No region answers"),
    }
}

fn memory(check: &str, facts: &Facts, limits: &Limits) -> Line {
    match facts.binding {
        None => Line::new(check, Verdict::Skipped, "Not measured"),
        Some(binding) => {
            let value = format!("{} s", binding.quiet_s);
            let limit = format!("≥ {} s", limits.quiet_s);
            if binding.survived {
                Line::new(check, Verdict::Pass, "Remembers a quiet connection").value(value).limit(limit)
            } else {
                Line::new(check, Verdict::Warn, "Forgot a quiet connection").value(value).limit(limit)
            }
        }
    }
}

fn tunnel(check: &str, facts: &Facts) -> Line {
    match &facts.route {
        None => Line::new(check, Verdict::Skipped, "No media server is known"),
        Some(route) if route.tunnel => Line::new(check, Verdict::Warn, format!("Calls go through {}", route.interface)),
        Some(route) => Line::new(check, Verdict::Pass, "None on the way").value(route.interface.clone()),
    }
}

/// How to name a try for a firewall.
fn place(relay: &RelayFacts) -> String {
    let transport = match relay.transport {
        TurnTransport::Udp => "UDP",
        TurnTransport::Tcp => "TCP",
        TurnTransport::Tls => "TLS",
    };
    format!("{}:{} {transport}", relay.host, relay.port)
}

fn silent(stun: &StunFacts) -> bool {
    stun.sent > 0 && stun.answered == 0
}

/// Everything these facts speak for, in no order.
pub fn causes(facts: &Facts, limits: &Limits) -> Vec<Cause> {
    let mut causes = Vec::new();
    let forced = facts.policy.as_ref().is_some_and(|policy| policy.relay_forced);
    let any_relay = facts.relays.iter().any(|relay| relay.allocate_ms.is_some());
    let asked_udp = !facts.stun.is_empty() || over(facts, TurnTransport::Udp).next().is_some();
    let udp_dead = asked_udp
        && facts.stun.iter().all(silent)
        && over(facts, TurnTransport::Udp).all(|relay| relay.allocate_ms.is_none() && relay.refused.is_none());
    let stream = facts.relays.iter().find(|relay| relay.transport != TurnTransport::Udp && relay.allocate_ms.is_some());

    if let Some(stream) = stream.filter(|_| udp_dead) {
        let mut cause = Cause::new("DX-N1", 0.94, false, Remedy::CopyForIt);
        for stun in facts.stun.iter().filter(|stun| silent(stun)).take(2) {
            cause = cause.because(Evidence::bad(
                format!("{} over UDP", stun.server),
                format!("{} unanswered", count(stun.sent as usize, "question")),
            ));
        }
        for relay in over(facts, TurnTransport::Udp).take(2) {
            cause = cause.because(Evidence::bad(place(relay), relay.failed.clone().unwrap_or_default()));
        }
        cause = cause.because(Evidence::good(place(stream), stream.allocate_ms.map(ms).unwrap_or_default()));
        causes.push(cause);
    }
    let tried: Vec<&RelayFacts> = facts.relays.iter().collect();
    if forced && !any_relay && facts.relays_were_looked_for() {
        let mut cause = Cause::new("DX-F3", 0.97, true, Remedy::CopyForIt);
        if tried.is_empty() {
            cause = cause.because(Evidence::bad("The service names no TURN server", ""));
        }
        for relay in tried.iter().take(5) {
            cause = cause.because(Evidence::bad(place(relay), relay.failed.clone().unwrap_or_default()));
        }
        causes.push(cause.because(Evidence::note("Relay is forced", "yes")));
    } else if !any_relay && udp_dead {
        let mut cause = Cause::new("DX-N9", 0.93, true, Remedy::CopyForIt);
        for stun in facts.stun.iter().filter(|stun| silent(stun)).take(2) {
            let why = stun.failed.clone().unwrap_or_else(|| "no answer".to_owned());
            cause = cause.because(Evidence::bad(format!("{} over UDP", stun.server), why));
        }
        for relay in tried.iter().take(4) {
            cause = cause.because(Evidence::bad(place(relay), relay.failed.clone().unwrap_or_default()));
        }
        causes.push(cause);
    } else if !any_relay && !tried.is_empty() {
        // UDP works, so calls do; behind some routers only a relay would.
        let mut cause = Cause::new("DX-N9", 0.6, false, Remedy::CopyForIt);
        for relay in tried.iter().take(4) {
            cause = cause.because(Evidence::bad(place(relay), relay.failed.clone().unwrap_or_default()));
        }
        causes.push(cause.because(Evidence::good("STUN over UDP answers", "")));
    }
    if let Some(route) = facts.route.as_ref().filter(|route| route.tunnel) {
        let mut cause = Cause::new("DX-N2", 0.7, false, Remedy::CopyForIt)
            .because(Evidence::bad("The way to the media server leaves by", route.interface.clone()));
        if let Some(time) = facts.stun.iter().filter_map(|stun| stun.round_trip_ms).reduce(f64::min) {
            cause = cause.because(Evidence::note("Round trip", ms(time)));
        }
        causes.push(cause);
    }
    if let Some(binding) = facts.binding.filter(|binding| !binding.survived && binding.quiet_s <= limits.quiet_s) {
        causes.push(
            Cause::new("DX-N3", 0.85, false, Remedy::CopyForIt)
                .because(Evidence::bad("A quiet UDP connection was gone after", format!("{} s", binding.quiet_s))),
        );
    }
    if let Some((used, best)) = nearer(facts, limits) {
        causes.push(
            Cause::new("DX-07b", 0.85, false, Remedy::CopyForIt)
                .because(Evidence::bad(
                    format!("Calls use {}", used.name),
                    used.round_trip_ms.map(ms).unwrap_or_default(),
                ))
                .because(Evidence::good(best.name.clone(), best.round_trip_ms.map(ms).unwrap_or_default())),
        );
    }
    causes
}

impl Facts {
    /// Somebody asked the service for relays, so that none is a finding.
    fn relays_were_looked_for(&self) -> bool {
        !self.relays.is_empty() || self.service.as_ref().is_some_and(|service| service.signed_in)
    }
}
