//! A run of checks: asks the phone to measure sound, runs the probes of the network beside it, and gathers the facts
//! that the core judges. Window and command line drive the same [`Checker`].

mod checker;
mod facts;
mod probes;
mod rivals;

pub use checker::{Checker, Progress, Scope, State, Targets};
