//! Diagnosis: what can be checked, what the facts mean, and what to do about it.
//!
//! Measure, judge and show are three rooms. Probes outside gather [`facts::Facts`]; [`judge::line`] and
//! [`judge::causes`] turn them into lines and ranked causes by pure functions over the one [`catalogue`]; screens,
//! command line and [`report::Report`] only show them.

pub mod catalogue;
pub mod facts;
pub mod finding;
pub mod in_call;
pub mod judge;
pub mod limits;
pub mod report;
pub mod stun;

mod audio;
mod docs;
mod line;
mod link;
mod media;
mod network;
mod policy;
#[cfg(test)]
mod tests;
mod trunk;
mod words;

pub use catalogue::{Check, Group, Owner, Plan, Rule, Symptom};
pub use docs::markdown;
pub use facts::Facts;
pub use finding::{Cause, Evidence, Line, Readiness, Remedy, RemedyRole, Sign, Verdict};
pub use limits::Limits;
pub use policy::in_range;
pub use report::Report;

/// The body of the fuzz target: answers of STUN servers, and results read from files.
pub fn fuzz(bytes: &[u8]) {
    stun::fuzz(bytes);
    Report::fuzz(bytes);
}
