//! Samples in, samples out: codecs, jitter buffer, chains, tones, levels. No device, no thread, no clock.

pub mod frame;
pub mod sound;

pub use frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};
