//! Everything that decides: lines, calls, sessions, the media engine. Nothing here reads a clock, opens a
//! socket, starts a thread or touches a file.
//!
//! The contract of the loop: [`Phone::handle`] one input with the time it happened, drain [`Phone::poll`] until
//! `None`, then wait until [`Phone::deadline`] or the next input. [`media::MediaEngine`] keeps the same contract.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests take the start of their simulated time from the clock")
)]

pub mod backoff;
pub mod call;
pub mod command;
pub mod diagnose;
pub mod entropy;
pub mod event;
pub mod hold;
pub mod ids;
pub mod input;
pub mod journal;
pub mod line;
pub mod link;
pub mod measurement;
pub mod media;
pub mod output;
pub mod phone;
pub mod policy;
pub mod provisioning;
pub mod quality;
pub mod redact;
pub mod sdp;
pub mod snapshot;
pub mod sound;
pub mod timers;
pub mod update;

pub use command::{Command, SignIn};
pub use event::Event;
pub use input::Input;
pub use output::Output;
pub use phone::{Phone, PhoneConfig};
pub use redact::Private;
pub use snapshot::Snapshot;
