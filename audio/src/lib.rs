//! Samples in, samples out: codecs, jitter buffer, chains, tones, levels. No device, no thread, no clock.
//!
//! Sound is one unit inside: a [`Frame`] of 480 samples of f32, mono, 48 kHz, 10 ms. Time is passed in. What runs
//! once per frame does not allocate after construction, so it may run on the media thread.
//!
//! Sound out: microphone ring, [`ring::CaptureReader`], [`capture::CaptureChain`], [`session::SessionAudio::push_capture`].
//! Sound in: [`session::SessionAudio::insert`], [`session::SessionAudio::pull`], [`playout::SpeakerChain`],
//! [`ring::PlaybackWriter`], speaker ring.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests take the start of their simulated time from the clock")
)]
#![allow(clippy::cast_possible_wrap, reason = "counts of samples and packets stay far below 2^63")]

pub mod align;
pub mod capture;
pub mod codec;
pub mod echo;
pub mod filter;
pub mod frame;
pub mod fuzz;
pub mod gain;
pub mod jitter;
pub mod level;
pub mod measure;
pub mod noise;
pub mod playout;
pub mod resample;
pub mod ring;
pub mod session;
pub mod sound;
pub mod tone;

pub use frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};
