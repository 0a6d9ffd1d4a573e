//! The media engine: ICE, DTLS-SRTP, RTP and TURN as a pure machine.
//!
//! Feed [`MediaEngine`] one input with its time, drain [`MediaEngine::poll`] until `None`, then wait until
//! [`MediaEngine::deadline`] or the next input. It opens no socket: it asks for *legs* (a UDP socket, a stream to
//! a TURN server), is told their addresses and what arrived on them, and says what to transmit on them.

mod engine;
mod types;

pub use engine::MediaEngine;
pub use types::*;
