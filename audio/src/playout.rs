//! From packets to the speaker: [`Playout`] makes a frame of what arrived, [`SpeakerChain`] makes it fit to be heard.

use std::time::Instant;

use crate::Frame;
use crate::codec::{CodecError, Coding};
use crate::filter::{Gain, Limiter};
use crate::jitter::{AdaptiveBuffer, JitterBuffer, JitterStatistics, Packet, Pulled};
use crate::level::Meter;
use crate::tone::{Tone, TonePlayer};

/// Jitter buffer and decoder of one session.
pub struct Playout {
    buffer: Box<dyn JitterBuffer>,
}

impl Playout {
    pub fn new(coding: Coding) -> Result<Self, CodecError> {
        Ok(Self { buffer: Box::new(AdaptiveBuffer::new(coding.decoder()?)) })
    }

    /// Starts afresh with another codec; what was counted goes on.
    pub fn set_coding(&mut self, coding: Coding) -> Result<(), CodecError> {
        self.buffer.set_decoder(coding.decoder()?);
        Ok(())
    }

    /// With another jitter buffer, for comparisons.
    pub fn with_buffer(buffer: Box<dyn JitterBuffer>) -> Self {
        Self { buffer }
    }

    pub fn insert(&mut self, packet: Packet<'_>, now: Instant) {
        self.buffer.insert(packet, now);
    }

    pub fn pull(&mut self, now: Instant, frame: &mut Frame) -> Pulled {
        self.buffer.pull(now, frame)
    }

    pub fn statistics(&self) -> JitterStatistics {
        self.buffer.statistics()
    }
}

/// The chain of one speaker or ringer: tones are mixed in, then volume, limiter and meter.
///
/// The frame that leaves is the echo canceller's reference: keep it, and hand it to
/// [`CaptureChain::process`](crate::capture::CaptureChain::process) when the device has played it.
pub struct SpeakerChain {
    tones: TonePlayer,
    volume: Gain,
    limiter: Limiter,
    meter: Meter,
}

impl Default for SpeakerChain {
    fn default() -> Self {
        Self::new()
    }
}

impl SpeakerChain {
    /// Volume 100 %.
    pub fn new() -> Self {
        Self {
            tones: TonePlayer::default(),
            volume: Gain::new(1.0),
            limiter: Limiter::default(),
            meter: Meter::default(),
        }
    }

    /// Changes a frame that is about to be played.
    pub fn process(&mut self, frame: &mut Frame) {
        self.tones.mix(frame);
        self.volume.process(frame);
        self.limiter.process(frame);
        self.meter.push(frame);
    }

    /// 0–100 %: 100 is 0 dB, 50 is −12 dB, 0 is silence. Reached within 10 ms.
    pub fn set_volume(&mut self, percent: u8) {
        let share = f32::from(percent.min(100)) / 100.0;
        self.volume.set(share * share);
    }

    /// Starts a tone, in place of the one that plays, or ends it.
    pub fn play(&mut self, tone: Option<Tone>) {
        self.tones.play(tone);
    }

    /// A short tone of a digit (0–9, *, #, A–D); others are ignored.
    pub fn play_digit(&mut self, digit: char) {
        self.tones.digit(digit);
    }

    /// Whether tones still sound, so that the device must stay open.
    pub fn sounding(&self) -> bool {
        self.tones.sounding()
    }

    /// What the user hears, after volume.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_SAMPLES;
    use crate::level::rms_dbfs;
    use crate::measure::sine;

    #[test]
    fn half_volume_is_twelve_db_less_and_zero_is_silence() {
        let mut chain = SpeakerChain::new();
        let mut level = |percent| {
            chain.set_volume(percent);
            let mut last = 0.0;
            for chunk in sine(500.0, -20.0, 4800).chunks_exact(FRAME_SAMPLES) {
                let mut frame = Frame(chunk.try_into().unwrap());
                chain.process(&mut frame);
                last = rms_dbfs(&frame.0);
            }
            last
        };
        assert!((level(100) + 20.0).abs() < 0.2);
        assert!((level(50) + 32.0).abs() < 0.2);
        assert!(level(0) <= -100.0);
    }

    #[test]
    fn speech_and_tone_together_do_not_clip() {
        let mut chain = SpeakerChain::new();
        chain.play(Some(Tone::Busy));
        for chunk in sine(500.0, 0.0, 48_000).chunks_exact(FRAME_SAMPLES) {
            let mut frame = Frame(chunk.try_into().unwrap());
            chain.process(&mut frame);
            assert!(frame.0.iter().all(|x| x.abs() < 0.9));
        }
    }
}
