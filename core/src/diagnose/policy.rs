//! Judges whether relays, pool and fence agree with what the site demands.

use std::net::IpAddr;

use super::facts::{Facts, PolicyFacts, RelayFacts, RelayMode};
use super::finding::{Cause, Evidence, Line, Remedy, Verdict};
use super::limits::Limits;

/// Whether an address lies in `address/prefix`; a bare address is a range of one. `None`: it is no range.
pub fn in_range(address: IpAddr, range: &str) -> Option<bool> {
    let (base, prefix) = range.split_once('/').map_or((range, None), |(base, prefix)| (base, Some(prefix)));
    let base: IpAddr = base.trim().parse().ok()?;
    let bits = if base.is_ipv4() { 32_u32 } else { 128 };
    let prefix: u32 = prefix.map_or(Some(bits), |prefix| prefix.trim().parse().ok())?;
    if prefix > bits {
        return None;
    }
    let number = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    if address.is_ipv4() != base.is_ipv4() {
        return Some(false);
    }
    let mask = if prefix == 0 { 0 } else { (u128::MAX >> (128 - bits)) & (u128::MAX << (bits - prefix)) };
    Some(number(address) & mask == number(base) & mask)
}

/// Relays whose address is in no range of the pool. Without a pool there is nothing to be outside of.
fn outside<'a>(facts: &'a Facts, policy: &'a PolicyFacts) -> impl Iterator<Item = (&'a RelayFacts, IpAddr)> {
    let ranges = &policy.pool;
    facts.relays.iter().filter_map(|relay| Some((relay, relay.address?))).filter(move |(_, address)| {
        !ranges.is_empty() && !ranges.iter().any(|range| in_range(*address, range) == Some(true))
    })
}

/// A region in use that the site does not list.
fn not_listed(facts: &Facts, policy: &PolicyFacts) -> Option<String> {
    if !policy.relay_in_use || policy.unlisted_relay.is_some() {
        return policy.unlisted_relay.clone().filter(|_| policy.relay_in_use);
    }
    if policy.relay_mode != RelayMode::SiteList {
        return None;
    }
    let listed = facts.regions.iter().any(|region| region.allowed);
    facts.regions.iter().find(|region| listed && region.in_use && !region.allowed).map(|region| region.name.clone())
}

fn needless(policy: &PolicyFacts) -> bool {
    policy.relay_in_use && !policy.relay_forced && policy.direct_works == Some(true)
}

/// The line of one of these checks; `None`: not one of ours.
pub fn line(check: &str, facts: &Facts, _limits: &Limits) -> Option<Line> {
    if check != "S3" {
        return None;
    }
    let Some(policy) = &facts.policy else {
        return Some(Line::new(check, Verdict::Skipped, "Not signed in"));
    };
    Some(if policy.relay_forced && policy.stopped_by_fence > 0 {
        Line::new(check, Verdict::Fail, "Traffic outside the relay was stopped")
            .value(policy.stopped_by_fence.to_string())
    } else if let Some((relay, _)) = outside(facts, policy).next() {
        Line::new(check, Verdict::Fail, format!("{} is outside the pool", relay.host))
    } else if let Some(region) = not_listed(facts, policy) {
        Line::new(check, Verdict::Warn, format!("{region} is not in the site’s list"))
    } else if needless(policy) {
        Line::new(check, Verdict::Warn, "A relay is used without need")
    } else {
        Line::new(check, Verdict::Pass, if policy.relay_forced { "Relay only, as the site demands" } else { "Kept" })
    })
}

/// Everything these facts speak for, in no order.
pub fn causes(facts: &Facts, _limits: &Limits) -> Vec<Cause> {
    let Some(policy) = &facts.policy else { return Vec::new() };
    let mut causes = Vec::new();
    let mut strangers = outside(facts, policy).peekable();
    if strangers.peek().is_some() {
        let mut cause = Cause::new("DX-F1", 0.9, policy.relay_forced, Remedy::CopyForIt);
        for (relay, address) in strangers.take(4) {
            cause = cause.because(Evidence::bad(relay.host.clone(), address.to_string()));
        }
        causes.push(cause.because(Evidence::note("Ranges in the pool", policy.pool.len().to_string())));
    }
    if policy.relay_forced && policy.stopped_by_fence > 0 {
        causes.push(
            Cause::new("DX-F2", 0.9, false, Remedy::CopyForIt)
                .because(Evidence::bad("Packets stopped by the fence", policy.stopped_by_fence.to_string()))
                .because(Evidence::note("Relay is forced", "yes")),
        );
    }
    if let Some(region) = not_listed(facts, policy) {
        let measured = facts.regions.iter().filter(|region| region.allowed).map(|region| region.name.as_str());
        let listed: Vec<&str> = if policy.listed_regions.is_empty() {
            measured.collect()
        } else {
            policy.listed_regions.iter().map(String::as_str).collect()
        };
        causes.push(
            Cause::new("DX-07a", 0.88, false, Remedy::CopyForIt)
                .because(Evidence::bad("Relay in use", region))
                .because(Evidence::note("Regions of the site", listed.join(", "))),
        );
    }
    if needless(policy) {
        causes.push(
            Cause::new("DX-07c", 0.8, false, Remedy::CopyForIt)
                .because(Evidence::bad("A relay carries the call", ""))
                .because(Evidence::good("The direct pair", "works"))
                .because(Evidence::note("Relay is forced", "no")),
        );
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_64_a_relay_outside_the_site_s_list_is_told_with_the_list_and_where_to_look() {
        let relay = "turn.elsewhere.example:3478";
        let policy = PolicyFacts {
            relay_mode: RelayMode::SiteList,
            relay_in_use: true,
            unlisted_relay: Some(relay.to_owned()),
            listed_regions: vec!["eu-west-1".to_owned(), "eu-central-1".to_owned()],
            ..PolicyFacts::default()
        };
        let facts = |policy: PolicyFacts| Facts { policy: Some(policy), ..Facts::default() };
        let found = causes(&facts(policy.clone()), &Limits::default());
        let cause = found.iter().find(|cause| cause.rule == "DX-07a").unwrap();
        let told = format!("{:?}", cause.evidence);
        assert!(told.contains(relay) && told.contains("eu-west-1, eu-central-1"), "{told}");
        let rule = crate::diagnose::catalogue::RULES.iter().find(|rule| rule.id == "DX-07a").unwrap();
        assert!(rule.remedy.contains("Sites, General"), "{}", rule.remedy);
        let line = line("S3", &facts(policy.clone()), &Limits::default()).unwrap();
        assert!(line.verdict == Verdict::Warn && line.words.contains(relay), "{line:?}");
        let direct = PolicyFacts { relay_in_use: false, ..policy.clone() };
        let listed = PolicyFacts { unlisted_relay: None, ..policy };
        for fine in [direct, listed] {
            assert_eq!(causes(&facts(fine), &Limits::default()), []);
        }
    }

    #[test]
    fn addresses_are_found_in_their_ranges() {
        for (address, range, expected) in [
            ("52.129.96.1", "52.129.96.0/20", Some(true)),
            ("52.129.112.1", "52.129.96.0/20", Some(false)),
            ("10.0.0.1", "10.0.0.1", Some(true)),
            ("10.0.0.2", "10.0.0.1/32", Some(false)),
            ("1.2.3.4", "0.0.0.0/0", Some(true)),
            ("2001:db8::5", "2001:db8::/32", Some(true)),
            ("2001:db9::5", "2001:db8::/32", Some(false)),
            ("1.2.3.4", "::/0", Some(false)),
            ("1.2.3.4", "1.2.3.4/33", None),
            ("1.2.3.4", "nonsense", None),
        ] {
            assert_eq!(in_range(address.parse().unwrap(), range), expected, "{address} in {range}");
        }
    }
}
