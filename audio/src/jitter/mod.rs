//! The jitter buffer: packets in at any time and in any order, 10 ms of sound out whenever asked.
//!
//! [`JitterBuffer`] owns the decoder, because hiding a loss needs the codec's help and changing the delay needs decoded
//! sound. Time is passed in; nothing here waits. [`AdaptiveBuffer`] is the implementation calls use; its parts are the
//! packet slots, the delay estimator, and the stretcher that makes sound shorter or longer without changing its pitch.

mod adaptive;
mod delay;
pub mod emulation;
mod slots;
mod stretch;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::Frame;
use crate::codec::Decoder;

pub use adaptive::{AdaptiveBuffer, Limits};

/// One RTP packet of audio, without its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub payload: &'a [u8],
    pub sequence: u16,
    /// In ticks of the codec's RTP clock.
    pub timestamp: u32,
    /// First packet after a pause (RFC 3551 §4.1).
    pub marker: bool,
    pub ssrc: u32,
    /// Comfort noise (RFC 3389): it takes no time itself, and lasts until the next packet.
    pub noise: bool,
}

/// What a frame that was pulled is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// Silence: no stream yet, it is still filling, or it has been quiet for seconds.
    Nothing,
    /// Decoded sound only.
    Played,
    /// At least a part was made up, because a packet was lost or late.
    Concealed,
}

/// Packets to frames.
pub trait JitterBuffer: Send {
    /// Takes a packet that was read from the network at `now`. Bounded: what does not fit is dropped, oldest first.
    fn insert(&mut self, packet: Packet<'_>, now: Instant);

    /// Writes the next 10 ms, to be heard from `now` on. To be called as often as the speaker asks for sound, which
    /// paces the buffer.
    fn pull(&mut self, now: Instant, frame: &mut Frame) -> Pulled;

    /// From now on packets are of another codec. What waits is dropped.
    fn set_decoder(&mut self, decoder: Box<dyn Decoder>);

    fn statistics(&self) -> JitterStatistics;
}

/// Counts since the start, with the names and meanings of the W3C's "Identifiers for WebRTC's Statistics API" where it
/// has one. Sample counts are at 48 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JitterStatistics {
    pub packets_received: u64,
    /// Their turn passed without them. One that comes later moves from here to `packets_late`.
    pub packets_lost: u64,
    /// Came after their turn.
    pub packets_late: u64,
    pub packets_duplicate: u64,
    /// Not of this codec, or not of this stream.
    pub packets_damaged: u64,
    /// Dropped unplayed to get back to the present after a long stall.
    pub packets_flushed: u64,
    /// Whole restarts: another source, or its clock jumped.
    pub restarts: u64,

    pub concealed_samples: u64,
    /// The part of `concealed_samples` that is (nearly) silent.
    pub silent_concealed_samples: u64,
    pub concealment_events: u64,
    pub inserted_samples_for_deceleration: u64,
    pub removed_samples_for_acceleration: u64,
    /// Sound that came out of redundancy in a later packet.
    pub recovered_samples: u64,
    /// Packets that carried the packet before them.
    pub fec_packets_received: u64,
    /// Of those, how many were not needed.
    pub fec_packets_discarded: u64,

    /// Sum over all emitted samples of the time each waited here, in seconds.
    pub jitter_buffer_delay_s: f64,
    /// Sum over all emitted samples of the delay aimed at, in seconds.
    pub jitter_buffer_target_delay_s: f64,
    pub jitter_buffer_emitted_count: u64,
    /// All samples that were pulled while a stream was there.
    pub total_samples_received: u64,

    /// Mean wait of a sample, smoothed over about a second.
    pub current_delay: Duration,
    /// How much later than its fastest packet the stream is to be played.
    pub target_delay: Duration,
    /// Inter-arrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
}
