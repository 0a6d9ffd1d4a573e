//! The manual of the checks, written from the catalogue: `docs/diagnosis.md`.

use std::fmt::Write as _;

use super::catalogue::{CHECKS, Group, Plan, RULES, Symptom};

/// The whole page. `cargo xtask docs` writes it; a test holds the file against it.
pub fn markdown() -> String {
    let mut out = String::with_capacity(32 * 1024);
    // Writing to a text cannot fail.
    write(&mut out).unwrap_or_default();
    out
}

fn write(out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "# Diagnosis\n\n\
         Written by `cargo xtask docs` from the catalogue in `core/src/diagnose/catalogue`; do not edit by hand.\n\n\
         `offhook diagnose [quick|audio|network|full]` runs the checks without a window; the Diagnostics screen runs the \
         same. Every check measures, rules judge what was measured, and the likeliest cause comes first.\n\n\
         ## Symptoms\n\n\
         | You notice | Causes that are looked for |\n|---|---|"
    )?;
    for symptom in Symptom::ALL {
        let causes: Vec<&str> =
            RULES.iter().filter(|rule| rule.symptoms.contains(&symptom)).map(|rule| rule.id).collect();
        writeln!(out, "| {} | {} |", symptom.words(), causes.join(", "))?;
    }
    writeln!(out, "\n## Causes\n")?;
    for rule in RULES {
        writeln!(
            out,
            "### {} {}\n\n{}\n\n- Proof: {}\n- Remedy: {}\n- {}.\n- Source: {}; verified {}.\n",
            rule.id,
            rule.cause,
            rule.verdict,
            rule.evidence,
            rule.remedy,
            rule.owner.words(),
            rule.source,
            rule.verified
        )?;
    }
    writeln!(out, "## Checks")?;
    for group in Group::ALL {
        writeln!(
            out,
            "\n### {}\n\n| Id | Check | Measures | Can prove | Runs in |\n|---|---|---|---|---|",
            group.words()
        )?;
        for check in CHECKS.iter().filter(|check| check.group == group) {
            let plans: Vec<&str> =
                [(Plan::Quick, "quick"), (Plan::Audio, "audio"), (Plan::Network, "network"), (Plan::Full, "full")]
                    .into_iter()
                    .filter(|(plan, _)| check.is_in(*plan))
                    .map(|(_, word)| word)
                    .collect();
            let alone = if ["A5", "A11"].contains(&check.id) { "step by step" } else { "none yet" };
            let plans = if plans.is_empty() { alone.to_owned() } else { plans.join(", ") };
            writeln!(
                out,
                "| {} | {} | {} | {} | {plans} |",
                check.id,
                check.name,
                check.measures,
                check.rules.join(", ")
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_in_the_repository_is_the_catalogue_s() {
        assert!(
            include_str!("../../../docs/diagnosis.md") == super::markdown(),
            "docs/diagnosis.md is not current: cargo xtask docs"
        );
    }
}
