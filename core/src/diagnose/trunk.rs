//! Judges a SIP trunk: its settings, its state, its certificate, its messages.

use super::facts::{Facts, Origin, TlsFault, TrunkFacts};
use super::finding::{Cause, Evidence, Line, Remedy, Verdict};
use super::limits::Limits;
use super::words::percent;

/// The line of one of these checks; `None`: not one of ours.
pub fn line(check: &str, facts: &Facts, limits: &Limits) -> Option<Line> {
    if check != "S6" {
        return None;
    }
    let Some(trunk) = &facts.trunk else { return Some(Line::new(check, Verdict::Skipped, "No SIP trunk is set up")) };
    Some(match causes(facts, limits).first() {
        Some(cause) => Line::new(check, Verdict::Warn, cause.verdict().to_owned()),
        None => Line::new(check, Verdict::Pass, format!("{}: in service", trunk.name)),
    })
}

/// Everything these facts speak for, in no order.
pub fn causes(facts: &Facts, limits: &Limits) -> Vec<Cause> {
    let Some(trunk) = &facts.trunk else { return Vec::new() };
    let mut causes = Vec::new();
    of_settings(trunk, &mut causes);
    of_state(trunk, limits, &mut causes);
    causes.extend(of_tls(trunk));
    for header in &trunk.headers {
        let author = if header.origin == Origin::This { "Offhook" } else { "the other side" };
        causes.push(
            Cause::new("DX-R6", 0.85, true, Remedy::CopyForIt)
                .because(Evidence::bad(format!("{} in {}", header.header, header.message), header.problem.clone()))
                .because(Evidence::note("Rule", header.section.clone()))
                .because(Evidence::note("Written by", author)),
        );
    }
    causes
}

fn of_settings(trunk: &TrunkFacts, causes: &mut Vec<Cause>) {
    let foreign = !trunk.platform_ports.is_empty() && !trunk.platform_ports.contains(&trunk.port);
    if foreign && matches!(trunk.port, 5060 | 5061) {
        let ports: Vec<String> = trunk.platform_ports.iter().map(u16::to_string).collect();
        causes.push(
            Cause::new("DX-R10", 0.96, true, Remedy::CopyForIt)
                .because(Evidence::bad(format!("Port of {}", trunk.name), trunk.port.to_string()))
                .because(Evidence::good("Ports of the platform", ports.join(", "))),
        );
    }
    if trunk.srtp && trunk.transport != "tls" {
        causes.push(
            Cause::new("DX-R11", 0.97, true, Remedy::CopyForIt)
                .because(Evidence::note("SRTP", "on"))
                .because(Evidence::bad("Transport", trunk.transport.to_ascii_uppercase())),
        );
    }
}

fn of_state(trunk: &TrunkFacts, limits: &Limits, causes: &mut Vec<Cause>) {
    // How long the last of those that wait has to wait.
    let wait_s = if trunk.register_rate > 0.0 { f64::from(trunk.register_waiting) / trunk.register_rate } else { 0.0 };
    let starved = trunk.expires_s > 0 && wait_s > f64::from(trunk.expires_s);
    if starved || trunk.register_throttled > 0 {
        let enough = f64::from(trunk.register_waiting + trunk.register_throttled) / f64::from(trunk.expires_s.max(1));
        let mut cause = Cause::new("DX-R15", 0.95, true, Remedy::CopyForIt)
            .because(Evidence::bad("Registrations waiting", trunk.register_waiting.to_string()))
            .because(Evidence::note("Registrations a second that are allowed", format!("{:.1}", trunk.register_rate)));
        if trunk.register_throttled > 0 {
            cause = cause.because(Evidence::bad("Refused for being too many", trunk.register_throttled.to_string()));
        }
        // Twice what is just enough: half of the time each registration lasts is the moment to renew it.
        let wanted = (2.0 * enough).ceil().max(trunk.register_rate.floor() + 1.0);
        causes.push(cause.because(Evidence::good("Raise the rate to at least", format!("{wanted:.0} a second"))));
    }
    let lost = f64::from(trunk.probes_lost) / f64::from(trunk.probes_sent.max(1));
    let degraded = trunk.probes_sent > 0 && lost > limits.probes_lost;
    if trunk.registered == Some(false) || degraded {
        let down = trunk.registered == Some(false) || trunk.probes_lost >= trunk.probes_sent && degraded;
        let mut cause = Cause::new("DX-R4", if starved { 0.5 } else { 0.85 }, down, Remedy::CopyForIt)
            .because(Evidence::bad(format!("Trunk {}", trunk.name), if down { "down" } else { "degraded" }));
        if trunk.registered == Some(false) {
            cause = cause.because(Evidence::bad("Registration", "lost"));
        }
        if degraded {
            cause = cause.because(Evidence::bad("OPTIONS without an answer", percent(lost)));
        }
        causes.push(cause);
    }
}

fn of_tls(trunk: &TrunkFacts) -> Option<Cause> {
    let tls = trunk.tls.as_ref()?;
    let (rule, fact) = match tls.fault {
        TlsFault::None => return None,
        TlsFault::UnknownRoot => ("DX-R12a", "Root to import"),
        TlsFault::MissingIntermediate => ("DX-R12b", "Intermediate to import"),
        TlsFault::Expired => ("DX-R12c", "Issuer"),
        TlsFault::WrongName => ("DX-R12d", "Issuer"),
        TlsFault::WeakKey => ("DX-R12e", "Issuer"),
        TlsFault::Intercepted => ("DX-R13", "Intercepted by"),
    };
    Some(
        Cause::new(rule, 0.96, true, Remedy::CopyForIt)
            .because(Evidence::bad("Certificate of", tls.subject.clone()))
            .because(Evidence::note(fact, tls.issuer.clone())),
    )
}
