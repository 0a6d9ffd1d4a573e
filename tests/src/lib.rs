//! Harnesses for whole phones: a simulated world, private sound servers, real TURN servers, a real browser, and
//! the measures that say whether somebody was *heard*.
//!
//! Simulated: [`world`] on the emulated network [`net`]. Real: [`pulse`], [`coturn`], [`capture`], [`chromium`],
//! [`offhook`]; each starts a private process and ends it when dropped. A missing program fails the test with a
//! sentence that names its package (`cargo xtask test` installs them); nothing is skipped silently.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a harness fails the test that uses it, and the panic's text is the report"
)]

pub mod capture;
pub mod chromium;
pub mod coturn;
pub mod net;
pub mod offhook;
pub mod peer;
pub mod phone;
pub mod process;
pub mod pulse;
pub mod random;
pub mod sdk;
pub mod signal;
pub mod world;
