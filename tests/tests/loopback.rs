//! Real threads, sockets and rings on 127.0.0.1, without hardware: do the parts fit together?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "loopback/bad_luck.rs"]
mod bad_luck;
#[path = "loopback/calls.rs"]
mod calls;
#[path = "loopback/harness.rs"]
mod harness;
#[path = "loopback/relay.rs"]
mod relay;
