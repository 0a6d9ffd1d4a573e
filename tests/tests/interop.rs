//! Foreign peers that were written by others: do they agree with us?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "interop/chromium.rs"]
mod chromium;
#[path = "interop/sdk.rs"]
mod sdk;
