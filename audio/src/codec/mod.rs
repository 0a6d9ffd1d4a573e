//! What turns frames into payloads and payloads into samples.
//!
//! [`Encoder`] takes 10 ms frames and gives a payload whenever one is full; [`Decoder`] gives samples at 48 kHz,
//! also for packets that did not come. Both keep state from packet to packet and allocate only when made.

mod comfort_noise;
mod conceal;
mod g711;
mod g722;
mod opus;
mod opus_packet;
mod rate;
mod telephone;

use crate::Frame;

pub use comfort_noise::NoiseModel;
pub use g711::Law;
pub use g722::{G722Decoder, G722Encoder};
pub use opus::{OpusDecoder, OpusEncoder};
pub use opus_packet::{OpusPacket, parse as parse_opus};
pub use telephone::{TelephoneDecoder, TelephoneEncoder};

/// The longest payload an encoder writes, in bytes (RFC 6716 §3.4: one Opus frame holds at most 1275).
pub const MAX_PAYLOAD_BYTES: usize = 1275;
/// The longest stretch one payload may stand for: 120 ms at 48 kHz (RFC 6716 §3.2.5).
pub const MAX_PACKET_SAMPLES: usize = 5760;

/// The codecs this crate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 6716 and RFC 7587.
    Opus,
    /// ITU-T G.722 at 64 kb/s, RFC 3551 §4.5.2.
    G722,
    /// ITU-T G.711 µ-law, RFC 3551 §4.5.14.
    Pcmu,
    /// ITU-T G.711 A-law, RFC 3551 §4.5.14.
    Pcma,
}

impl Coding {
    /// RTP clock in Hz.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 | Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    pub fn encoder(self) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(match self {
            Self::Opus => Box::new(OpusEncoder::new()?),
            Self::G722 => Box::new(TelephoneEncoder::g722()),
            Self::Pcmu => Box::new(TelephoneEncoder::g711(Law::Mu)),
            Self::Pcma => Box::new(TelephoneEncoder::g711(Law::A)),
        })
    }

    pub fn decoder(self) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(match self {
            Self::Opus => Box::new(OpusDecoder::new()?),
            Self::G722 => Box::new(TelephoneDecoder::g722()),
            Self::Pcmu => Box::new(TelephoneDecoder::g711(Law::Mu)),
            Self::Pcma => Box::new(TelephoneDecoder::g711(Law::A)),
        })
    }
}

/// A codec could not be made, or refused its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("the codec could not be created: {0}")]
    Create(&'static str),
    #[error("the codec cannot encode: {0}")]
    Encode(&'static str),
    /// The payload is not of this codec, or was damaged on the way.
    #[error("the payload cannot be decoded: {0}")]
    BadPayload(&'static str),
    #[error("the codec refuses the setting: {0}")]
    Setting(&'static str),
}

/// Frames in, payloads out.
pub trait Encoder: Send {
    /// Takes 10 ms. When a packet is full, writes it to the start of `payload` (at least [`MAX_PAYLOAD_BYTES`]) and
    /// returns its length.
    fn push(&mut self, frame: &Frame, payload: &mut [u8]) -> Result<Option<usize>, CodecError>;

    /// How many ticks of the RTP clock one packet stands for.
    fn packet_ticks(&self) -> u32;

    /// Tells the share of packets (0–1) that the far end reports lost, so that redundancy fits.
    fn set_loss(&mut self, share: f32) -> Result<(), CodecError>;

    /// In bits a second, without RTP and lower layers. Codecs of one rate ignore it.
    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError>;

    /// Whether to send next to nothing while nobody speaks. Codecs that cannot ignore it.
    fn set_dtx(&mut self, on: bool) -> Result<(), CodecError>;

    /// Forgets the past: the next packet starts a new stream.
    fn reset(&mut self) -> Result<(), CodecError>;
}

/// Payloads in, samples at 48 kHz out.
pub trait Decoder: Send {
    /// RTP clock in Hz.
    fn clock_hz(&self) -> u32;

    /// How many samples at 48 kHz the payload stands for, without decoding it. `None`: it is not of this codec.
    fn samples_in(&self, payload: &[u8]) -> Option<usize>;

    /// Decodes the next packet to the start of `out` (at least [`MAX_PACKET_SAMPLES`]); returns the samples written.
    fn decode(&mut self, payload: &[u8], out: &mut [f32]) -> Result<usize, CodecError>;

    /// Makes up `out.len()` samples for a packet that is not there. The length is a multiple of 2.5 ms.
    fn conceal(&mut self, out: &mut [f32]);

    /// Whether `payload` also carries the packet before it.
    fn carries_previous(&self, payload: &[u8]) -> bool;

    /// Recovers the packet *before* `next` from the redundancy in `next`; `out` is as long as that packet.
    fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), CodecError>;

    /// Takes a comfort noise payload (RFC 3389): until the next packet is decoded, [`conceal`](Self::conceal) makes the
    /// noise it describes. Codecs with pauses of their own refuse it.
    fn comfort_noise(&mut self, payload: &[u8]) -> Result<(), CodecError>;

    /// Forgets the past.
    fn reset(&mut self);
}
