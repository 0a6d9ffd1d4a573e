//! A run of checks: asks the phone to measure sound, runs the probes of the network beside it, and gathers the facts
//! that the core judges. Window and command line drive the same [`Checker`].

pub mod baseline;
mod checker;
mod facts;
pub mod older;
mod probes;
mod rivals;
mod wizard;

pub use checker::{Checker, Progress, Scope, State, Targets};
pub use wizard::{Ask, Wizard};
