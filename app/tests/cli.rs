//! The built program as a black box: what a user or a script sees, with real sound servers, real TURN servers and
//! an eye on what really goes over the wire.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "cli/calls.rs"]
mod calls;
#[path = "cli/devices.rs"]
mod devices;
#[path = "cli/diagnose.rs"]
mod diagnose;
#[path = "cli/phones.rs"]
mod phones;
#[cfg(unix)]
#[path = "cli/policy.rs"]
mod policy;
#[path = "cli/relay.rs"]
mod relay;
#[path = "cli/trouble.rs"]
mod trouble;
#[path = "cli/update.rs"]
mod update;

use std::time::Duration;

use phone_exchange::{ExchangeOptions, RunningExchange};
use phone_tests::offhook::Offhook;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than any of these runs takes on a slow and busy machine.
const LIMIT: Duration = Duration::from_secs(90);

fn offhook() -> Offhook {
    Offhook::new(env!("CARGO_BIN_EXE_offhook"))
}

fn exchange(options: ExchangeOptions) -> RunningExchange {
    phone_exchange::start(options).unwrap()
}

/// `offhook call TO` at this exchange, JSON on stdout.
fn call(exchange: &RunningExchange, to: &str) -> Offhook {
    offhook().args(["call", to, "--json", "--exchange", exchange.origin()])
}
