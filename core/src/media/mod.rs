//! The media engine: ICE, DTLS-SRTP, RTP and TURN as a pure machine.
//!
//! Feed [`MediaEngine`] one input with its time, drain [`MediaEngine::poll`] until `None`, then wait until
//! [`MediaEngine::deadline`] or the next input. It opens no socket: it asks for *legs* (a UDP socket, a stream to
//! a TURN server), is told their addresses and what arrived on them, and says what to transmit on them.
//!
//! Rooms: `engine` routes between sessions and legs; `session` is one call's media from offer to close;
//! `webrtc` wraps the ICE, DTLS and SRTP crate and `turn` the TURN crate; `relays` finds, keeps and replaces TURN
//! allocations; `gather` makes candidates and holds the relay fence; `mobility` follows a far end that moved; `rtp`, `dtmf` and `stats` are what their names say.

mod dtmf;
mod engine;
mod flight;
mod fuzz;
mod gather;
mod hosts;
mod mobility;
mod outputs;
mod relay_probe;
mod relays;
mod rtp;
mod session;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod simulated_relay;
mod stats;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod turn;
mod types;
mod webrtc;

pub use engine::MediaEngine;
pub use fuzz::fuzz_receive;
pub use relay_probe::{RelayProbe, RelayProbeEvent};
pub use stats::mos_estimate;
pub use types::*;
