//! From facts to lines and ranked causes: pure functions, the same for every screen and report.

use super::catalogue::{self, Symptom};
use super::facts::Facts;
use super::finding::{Cause, Line, Verdict};
use super::limits::Limits;
use super::{audio, line as of_line, link, media, network, policy, trunk};

/// The line of one check, from what was measured so far.
pub fn line(check: &str, facts: &Facts, limits: &Limits) -> Line {
    audio::line(check, facts, limits)
        .or_else(|| network::line(check, facts, limits))
        .or_else(|| link::line(check, facts, limits))
        .or_else(|| media::line(check, facts, limits))
        .or_else(|| policy::line(check, facts, limits))
        .or_else(|| of_line::line(check, facts, limits))
        .or_else(|| trunk::line(check, facts, limits))
        .unwrap_or_else(|| Line::new(check, Verdict::Skipped, "This version has no such check"))
}

/// Whether a cause explains what the user noticed.
fn explains(cause: &Cause, symptom: Symptom) -> bool {
    catalogue::rule(&cause.rule).is_some_and(|rule| rule.symptoms.contains(&symptom))
}

/// All causes that the facts speak for, the likeliest first. What explains the user's symptom stands before what
/// does not; what hurts calls before what is only worth knowing.
pub fn causes(facts: &Facts, limits: &Limits) -> Vec<Cause> {
    let mut causes = audio::causes(facts, limits);
    causes.extend(network::causes(facts, limits));
    causes.extend(link::causes(facts, limits));
    causes.extend(media::causes(facts, limits));
    causes.extend(policy::causes(facts, limits));
    causes.extend(of_line::causes(facts, limits));
    causes.extend(trunk::causes(facts, limits));
    let mut best: Vec<Cause> = Vec::with_capacity(causes.len());
    for cause in causes {
        // Speaker and ringer may be the same device; one card for both.
        match best.iter_mut().find(|known| known.rule == cause.rule) {
            Some(known) if known.confidence >= cause.confidence => {}
            Some(known) => *known = cause,
            None => best.push(cause),
        }
    }
    let rank = |cause: &Cause| {
        let fits = facts.symptom.is_some_and(|symptom| explains(cause, symptom));
        (f32::from(u8::from(fits)) * 2.0) + cause.confidence + if cause.severe { 0.15 } else { 0.0 }
    };
    best.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then_with(|| a.rule.cmp(&b.rule)));
    best
}
