//! The sound of one media session: frames to packets, packets to frames, and figures about both.
//!
//! Once per 10 ms call [`SessionAudio::push_capture`] with a frame that went through the
//! [`CaptureChain`](crate::capture::CaptureChain), and [`SessionAudio::pull`], whose frame then goes through the
//! [`SpeakerChain`](crate::playout::SpeakerChain). Packets may be inserted at any time between. The two chains belong to
//! the microphone and the speaker, not to the session, so that muting and filters outlive it.

use std::time::{Duration, Instant};

use crate::FRAME_SAMPLES;
use crate::codec::{CodecError, Coding, Encoder, MAX_PAYLOAD_BYTES};
use crate::jitter::{JitterStatistics, Packet, Pulled};
use crate::level::MeanLevel;
use crate::playout::Playout;
use crate::{Frame, SAMPLE_RATE_HZ};

/// Encoder, jitter buffer and decoder of one session.
pub struct SessionAudio {
    encoder: Box<dyn Encoder>,
    decoding: Coding,
    payload: Box<[u8; MAX_PAYLOAD_BYTES]>,
    playout: Playout,
    sent: MeanLevel,
    heard: MeanLevel,
    encode_failures: u64,
}

/// Figures of one session since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SessionStats {
    /// Sound that was made up because its packet was lost or late, in milliseconds.
    pub concealed_ms: f64,
    /// Sound that was inserted or removed to change the delay, in milliseconds.
    pub stretched_ms: f64,
    /// How long sound waits in the jitter buffer now, in milliseconds; smoothed over about a second.
    pub buffer_ms: f64,
    /// Inter-arrival jitter (RFC 3550 §6.4.1) in milliseconds.
    pub jitter_ms: f64,
    /// Packets that arrived after their turn.
    pub late_packets: u64,
    /// Packets that never arrived.
    pub lost_packets: u64,
    /// How long all frames above −60 dBFS that were encoded are together, in milliseconds.
    pub spoken_ms: f64,
    /// Energy mean of all frames above −60 dBFS that were encoded; `None`: there was none.
    pub level_in_dbfs: Option<f32>,
    /// Energy mean of all frames above −60 dBFS that were heard; `None`: there was none.
    pub level_out_dbfs: Option<f32>,
    /// Frames the encoder refused, and which were therefore not sent.
    pub encode_failures: u64,
    /// Everything the jitter buffer counts.
    pub jitter_buffer: JitterStatistics,
}

impl SessionAudio {
    pub fn new(coding: Coding) -> Result<Self, CodecError> {
        Ok(Self {
            encoder: coding.encoder()?,
            decoding: coding,
            payload: Box::new([0; MAX_PAYLOAD_BYTES]),
            playout: Playout::new(coding)?,
            sent: MeanLevel::default(),
            heard: MeanLevel::default(),
            encode_failures: 0,
        })
    }

    /// Takes 10 ms that went through the capture chain. Every second time there is a payload to send, which stands for
    /// [`packet_ticks`](Self::packet_ticks) of the RTP clock.
    pub fn push_capture(&mut self, frame: &Frame) -> Option<&[u8]> {
        self.sent.push(frame);
        let Ok(length) = self.encoder.push(frame, self.payload.as_mut_slice()) else {
            self.encode_failures += 1;
            return None;
        };
        self.payload.get(..length?)
    }

    /// How many ticks of the RTP clock one packet stands for.
    pub fn packet_ticks(&self) -> u32 {
        self.encoder.packet_ticks()
    }

    /// Tells the share of packets (0–1) the far end reports lost, so that the encoder adds redundancy.
    pub fn set_loss(&mut self, share: f32) {
        // A refused setting leaves the last one in force; there is nothing better to do.
        self.encoder.set_loss(share).ok();
    }

    /// Bits a second of the encoder, without RTP and lower layers.
    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        self.encoder.set_bitrate(bits_per_second).ok();
    }

    /// An audio packet from the network. `now` is when it was read from the socket.
    pub fn insert(&mut self, payload: &[u8], sequence: u16, timestamp: u32, marker: bool, ssrc: u32, now: Instant) {
        self.playout.insert(Packet { payload, sequence, timestamp, marker, ssrc, noise: false }, now);
    }

    /// A comfort noise packet (RFC 3389): the far end is silent, and this is how its background sounds.
    pub fn insert_noise(&mut self, payload: &[u8], sequence: u16, timestamp: u32, ssrc: u32, now: Instant) {
        self.playout.insert(Packet { payload, sequence, timestamp, marker: false, ssrc, noise: true }, now);
    }

    /// What arrives from now on is of this codec. Changes nothing if it was before; else it starts to listen afresh.
    pub fn set_decoding(&mut self, coding: Coding) -> Result<(), CodecError> {
        if self.decoding != coding {
            self.playout.set_coding(coding)?;
            self.decoding = coding;
        }
        Ok(())
    }

    /// Whether to send next to nothing while nobody speaks, where the codec can.
    pub fn set_dtx(&mut self, on: bool) {
        // As with loss: a refused setting leaves the last one in force.
        self.encoder.set_dtx(on).ok();
    }

    /// The next 10 ms to be heard; silence while nothing came yet.
    pub fn pull(&mut self, now: Instant, frame: &mut Frame) -> Pulled {
        let pulled = self.playout.pull(now, frame);
        self.heard.push(frame);
        pulled
    }

    /// Whether any packet was played yet.
    pub fn heard_anything(&self) -> bool {
        self.playout.statistics().jitter_buffer_emitted_count > 0
    }

    pub fn stats(&self) -> SessionStats {
        let jitter_buffer = self.playout.statistics();
        let stretched =
            jitter_buffer.inserted_samples_for_deceleration + jitter_buffer.removed_samples_for_acceleration;
        SessionStats {
            concealed_ms: millis(jitter_buffer.concealed_samples),
            stretched_ms: millis(stretched),
            buffer_ms: jitter_buffer.current_delay.as_secs_f64() * 1e3,
            jitter_ms: jitter_buffer.jitter.as_secs_f64() * 1e3,
            late_packets: jitter_buffer.packets_late,
            lost_packets: jitter_buffer.packets_lost,
            spoken_ms: millis(self.sent.frames() * FRAME_SAMPLES as u64),
            level_in_dbfs: self.sent.dbfs(),
            level_out_dbfs: self.heard.dbfs(),
            encode_failures: self.encode_failures,
            jitter_buffer,
        }
    }

    /// The delay the jitter buffer aims at.
    pub fn target_delay(&self) -> Duration {
        self.playout.statistics().target_delay
    }
}

fn millis(samples: u64) -> f64 {
    samples as f64 * 1e3 / f64::from(SAMPLE_RATE_HZ)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_SAMPLES;
    use crate::level::rms_dbfs;
    use crate::measure::{sine, tone_in};

    #[test]
    fn a_far_end_may_change_its_codec_and_make_noise_in_its_pauses() {
        let mut there = SessionAudio::new(Coding::Opus).unwrap();
        let start = crate::fuzz::epoch();
        let mut frame = Frame::SILENCE;
        let mut heard = Vec::new();
        let mut here = SessionAudio::new(Coding::Pcma).unwrap();
        for (n, chunk) in sine(600.0, -26.0, 48_000 * 4).chunks_exact(FRAME_SAMPLES).enumerate() {
            let now = start + Duration::from_millis(10) * n as u32;
            let timestamp = n as u32 / 2 * 160;
            if let Some(payload) = here.push_capture(&Frame(chunk.try_into().unwrap())) {
                there.set_decoding(Coding::Pcma).unwrap();
                // A second of speech, then one of noise, and the same again.
                match (n / 100 % 2, n / 2 % 50) {
                    (0, _) => there.insert(payload, n as u16 / 2, timestamp, n % 200 < 2, 7, now),
                    // The sequence counts packets, of which there is only one in a pause.
                    (_, 0) => there.insert_noise(&[50, 127], n as u16 / 2, timestamp, 7, now),
                    _ => {}
                }
            }
            there.pull(now, &mut frame);
            heard.extend_from_slice(&frame.0);
        }
        let tone = tone_in(&heard[24_000..43_200]).unwrap();
        assert!((tone.hz - 600.0).abs() < 1.0 && (tone.dbfs + 26.0).abs() < 0.5, "{tone:?}");
        let noise = rms_dbfs(&heard[60_000..90_000]);
        assert!((noise + 47.0).abs() < 2.0, "{noise} dBFS");
        assert_eq!(there.stats().jitter_buffer.packets_damaged, 0);
    }

    #[test]
    fn what_one_session_sends_the_other_hears() {
        let (mut here, mut there) =
            (SessionAudio::new(Coding::Opus).unwrap(), SessionAudio::new(Coding::Opus).unwrap());
        let start = crate::fuzz::epoch();
        let mut heard = Vec::new();
        let mut frame = Frame::SILENCE;
        let (mut sequence, mut timestamp) = (0_u16, 0_u32);
        assert!(!there.heard_anything());
        for (n, chunk) in sine(600.0, -26.0, 48_000 * 3).chunks_exact(FRAME_SAMPLES).enumerate() {
            let now = start + Duration::from_millis(10) * n as u32;
            if let Some(payload) = here.push_capture(&Frame(chunk.try_into().unwrap())) {
                there.insert(payload, sequence, timestamp, sequence == 0, 99, now);
                sequence += 1;
                timestamp += here.packet_ticks();
            }
            there.pull(now, &mut frame);
            heard.extend_from_slice(&frame.0);
        }
        assert_eq!((sequence, here.packet_ticks()), (150, 960));
        assert!(there.heard_anything());
        let tone = tone_in(&heard[48_000..]).unwrap();
        assert!((tone.hz - 600.0).abs() < 0.5 && (tone.dbfs + 26.0).abs() < 0.5, "{tone:?}");
        assert!((here.stats().level_in_dbfs.unwrap() + 26.0).abs() < 0.2);
        let stats = there.stats();
        assert!((stats.level_out_dbfs.unwrap() + 26.0).abs() < 0.5, "{stats:?}");
        assert!(stats.concealed_ms == 0.0 && (5.0..60.0).contains(&stats.buffer_ms), "{stats:?}");
        assert_eq!((stats.late_packets, stats.lost_packets, stats.encode_failures), (0, 0, 0));
    }
}
