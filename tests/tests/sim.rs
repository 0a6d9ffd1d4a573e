//! Whole phones, the practice exchange, a TURN server and the network between them, in simulated time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "sim/calls.rs"]
mod calls;
#[path = "sim/faults.rs"]
mod faults;
#[path = "sim/network.rs"]
mod network;
#[path = "sim/persistent.rs"]
mod persistent;
#[path = "sim/properties.rs"]
mod properties;
#[path = "sim/relay.rs"]
mod relay;
#[path = "sim/rows.rs"]
mod rows;
#[path = "sim/settings.rs"]
mod settings;
#[path = "sim/transfer.rs"]
mod transfer;
