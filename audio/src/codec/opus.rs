//! Opus: the only file that names the `opus` crate.

use ::opus::{Application, Bitrate, Channels, ErrorCode};

use super::{CodecError, Decoder, Encoder, MAX_PACKET_SAMPLES, opus_packet};
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// 20 ms: the packet length nearly every WebRTC peer uses, and the shortest for which SILK carries redundancy well.
const PACKET_SAMPLES: usize = 2 * FRAME_SAMPLES;
/// Speech is transparent from here on, and there is room for redundancy; at 24 kb/s libopus never adds any.
const DEFAULT_BITRATE: u32 = 32_000;
/// Full quality costs a third more CPU for a difference nobody hears in speech.
const COMPLEXITY: i32 = 5;
/// Shortest stretch the decoder can make up: 2.5 ms.
const CONCEAL_STEP: usize = 120;

/// 48 kHz mono speech in 20 ms packets, with in-band redundancy (FEC) as soon as loss is reported.
pub struct OpusEncoder {
    inner: ::opus::Encoder,
    pending: [f32; PACKET_SAMPLES],
    filled: usize,
}

impl OpusEncoder {
    pub fn new() -> Result<Self, CodecError> {
        let mut inner = ::opus::Encoder::new(SAMPLE_RATE_HZ, Channels::Mono, Application::Voip)
            .map_err(|error| CodecError::Create(words(error.code())))?;
        inner
            .set_complexity(COMPLEXITY)
            .and_then(|()| inner.set_inband_fec(true))
            .and_then(|()| inner.set_vbr(true))
            // Constrained: no burst grows far beyond the agreed rate (RFC 7587 §3.1.1).
            .and_then(|()| inner.set_vbr_constraint(true))
            .and_then(|()| inner.set_bitrate(bitrate(DEFAULT_BITRATE)))
            .map_err(|error| CodecError::Create(words(error.code())))?;
        Ok(Self { inner, pending: [0.0; PACKET_SAMPLES], filled: 0 })
    }

    /// The codec's look-ahead in samples: how much later the decoder gives what the encoder took.
    pub fn lookahead(&mut self) -> usize {
        self.inner.get_lookahead().ok().and_then(|samples| usize::try_from(samples).ok()).unwrap_or(0)
    }
}

impl Encoder for OpusEncoder {
    fn push(&mut self, frame: &Frame, payload: &mut [u8]) -> Result<Option<usize>, CodecError> {
        if let Some(room) = self.pending.get_mut(self.filled..self.filled + FRAME_SAMPLES) {
            room.copy_from_slice(&frame.0);
            self.filled += FRAME_SAMPLES;
        }
        if self.filled < PACKET_SAMPLES {
            return Ok(None);
        }
        self.filled = 0;
        match self.inner.encode_float(&self.pending, payload) {
            Ok(length) => Ok(Some(length)),
            Err(error) => Err(CodecError::Encode(words(error.code()))),
        }
    }

    fn packet_ticks(&self) -> u32 {
        960
    }

    /// libopus adds a coarse copy of the last packet to each packet when it is told of loss, and spends bits on it in
    /// proportion. Told too little it adds none at all, so a real loss is reported as at least 10 %.
    fn set_loss(&mut self, share: f32) -> Result<(), CodecError> {
        let percent = (share.clamp(0.0, 1.0) * 100.0).round() as i32;
        let told = if share < 0.005 { 0 } else { (percent + percent / 2).clamp(10, 30) };
        self.inner.set_packet_loss_perc(told).map_err(|error| CodecError::Setting(words(error.code())))
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError> {
        self.inner.set_bitrate(bitrate(bits_per_second)).map_err(|error| CodecError::Setting(words(error.code())))
    }

    fn set_dtx(&mut self, on: bool) -> Result<(), CodecError> {
        self.inner.set_dtx(on).map_err(|error| CodecError::Setting(words(error.code())))
    }

    fn reset(&mut self) -> Result<(), CodecError> {
        self.filled = 0;
        self.inner.reset_state().map_err(|error| CodecError::Setting(words(error.code())))
    }
}

/// 6 to 510 kb/s (RFC 6716 §2.1.1).
fn bitrate(bits_per_second: u32) -> Bitrate {
    Bitrate::Bits(i32::try_from(bits_per_second.clamp(6_000, 510_000)).unwrap_or(510_000))
}

/// Decodes mono and stereo packets of any Opus mode to 48 kHz mono.
pub struct OpusDecoder {
    inner: ::opus::Decoder,
}

impl OpusDecoder {
    pub fn new() -> Result<Self, CodecError> {
        ::opus::Decoder::new(SAMPLE_RATE_HZ, Channels::Mono)
            .map(|inner| Self { inner })
            .map_err(|error| CodecError::Create(words(error.code())))
    }
}

impl Decoder for OpusDecoder {
    fn clock_hz(&self) -> u32 {
        SAMPLE_RATE_HZ
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        opus_packet::parse(payload).map(|packet| packet.samples())
    }

    fn decode(&mut self, payload: &[u8], out: &mut [f32]) -> Result<usize, CodecError> {
        // libopus takes an empty payload for "lost"; on the wire it is simply damaged.
        if payload.is_empty() {
            return Err(CodecError::BadPayload("it is empty"));
        }
        let limit = out.len().min(MAX_PACKET_SAMPLES);
        let Some(out) = out.get_mut(..limit) else { return Ok(0) };
        let written = self
            .inner
            .decode_float(payload, out, false)
            .map_err(|error| CodecError::BadPayload(words(error.code())))?;
        keep_finite(out.get_mut(..written).unwrap_or_default());
        Ok(written)
    }

    fn conceal(&mut self, out: &mut [f32]) {
        for part in out.chunks_mut(PACKET_SAMPLES) {
            let whole = part.len() / CONCEAL_STEP * CONCEAL_STEP;
            let (whole, rest) = part.split_at_mut(whole);
            if !whole.is_empty() && self.inner.decode_float(&[], whole, false).is_err() {
                whole.fill(0.0);
            }
            keep_finite(whole);
            rest.fill(0.0);
        }
    }

    fn carries_previous(&self, payload: &[u8]) -> bool {
        opus_packet::parse(payload).is_some_and(|packet| packet.carries_previous)
    }

    fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        if next.is_empty() {
            return Err(CodecError::BadPayload("it is empty"));
        }
        self.inner.decode_float(next, out, true).map_err(|error| CodecError::BadPayload(words(error.code())))?;
        keep_finite(out);
        Ok(())
    }

    fn comfort_noise(&mut self, _payload: &[u8]) -> Result<(), CodecError> {
        Err(CodecError::BadPayload("Opus has pauses of its own"))
    }

    fn reset(&mut self) {
        // Fails only for a destroyed decoder, which cannot be held.
        drop(self.inner.reset_state());
    }
}

/// A damaged packet that slips through must not poison filters further on.
fn keep_finite(samples: &mut [f32]) {
    for sample in samples {
        if !sample.is_finite() {
            *sample = 0.0;
        }
    }
}

/// Without the crate's own text, which asks the C library each time.
fn words(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BadArg => "an argument is out of range",
        ErrorCode::BufferTooSmall => "the buffer is too small",
        ErrorCode::InvalidPacket => "the packet is damaged",
        ErrorCode::AllocFail => "out of memory",
        ErrorCode::Unimplemented => "it is not implemented",
        ErrorCode::InvalidState | ErrorCode::InternalError | ErrorCode::Unknown => "an internal error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;
    use crate::measure::{lag, sine, tone_in};

    fn packets(sound: &[f32], encoder: &mut OpusEncoder) -> Vec<Vec<u8>> {
        let mut payload = vec![0; super::super::MAX_PAYLOAD_BYTES];
        sound
            .chunks_exact(FRAME_SAMPLES)
            .filter_map(|chunk| {
                let length = encoder.push(&Frame(chunk.try_into().unwrap()), &mut payload).unwrap()?;
                Some(payload[..length].to_vec())
            })
            .collect()
    }

    #[test]
    fn a_tone_keeps_its_frequency_and_level_at_about_32_kilobits() {
        let sound = sine(997.0, -20.0, 48_000 * 3);
        let packets = packets(&sound, &mut OpusEncoder::new().unwrap());
        assert_eq!(packets.len(), 150);
        let bits: usize = packets.iter().map(|packet| packet.len() * 8).sum();
        assert!((60_000..120_000).contains(&bits), "{bits} bits in 3 s");
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = vec![0.0; MAX_PACKET_SAMPLES];
        let mut heard = Vec::new();
        for packet in &packets {
            assert_eq!(decoder.samples_in(packet), Some(960));
            assert_eq!(decoder.decode(packet, &mut out), Ok(960));
            heard.extend_from_slice(&out[..960]);
        }
        let tone = tone_in(&heard[9600..]).unwrap();
        assert!((tone.hz - 997.0).abs() < 0.5 && (tone.dbfs + 20.0).abs() < 0.5 && tone.purity > 0.97, "{tone:?}");
    }

    #[test]
    fn the_codec_delays_by_its_look_ahead() {
        let mut encoder = OpusEncoder::new().unwrap();
        assert_eq!(encoder.lookahead(), 312);
        let sound = crate::measure::chirp();
        let mut long = vec![0.0; 9600];
        long.extend_from_slice(&sound);
        long.resize(28_800, 0.0);
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = vec![0.0; MAX_PACKET_SAMPLES];
        let mut heard = Vec::new();
        for packet in packets(&long, &mut encoder) {
            decoder.decode(&packet, &mut out).unwrap();
            heard.extend_from_slice(&out[..960]);
        }
        let found = lag(&sound, &heard).unwrap();
        assert!(found.correlation > 0.8 && (9600 + 280..9600 + 350).contains(&found.samples), "{found:?}");
    }

    #[test]
    fn redundancy_comes_with_reported_loss_and_recovers_the_packet_before() {
        // Speech-like: SILK, which alone carries redundancy, is for voices.
        let sound: Vec<f32> = (0..48_000 * 3)
            .map(|n| {
                let t = n as f32 / 48_000.0;
                let voice: f32 = (1..12).map(|h| (std::f32::consts::TAU * 140.0 * h as f32 * t).sin() / h as f32).sum();
                0.1 * voice * (0.6 + 0.4 * (20.0 * t).sin())
            })
            .collect();
        let mut encoder = OpusEncoder::new().unwrap();
        let decoder = OpusDecoder::new().unwrap();
        let plain = packets(&sound, &mut encoder);
        assert!(plain.iter().all(|packet| !decoder.carries_previous(packet)));
        encoder.set_loss(0.05).unwrap();
        let redundant = packets(&sound, &mut encoder);
        let carrying = redundant.iter().filter(|packet| decoder.carries_previous(packet)).count();
        assert!(carrying > 75, "{carrying} of 150");

        let lost = (50..150).find(|n| decoder.carries_previous(&redundant[n + 1])).unwrap();
        let play = |recover: bool| {
            let mut decoder = OpusDecoder::new().unwrap();
            let mut out = vec![0.0; MAX_PACKET_SAMPLES];
            for packet in &redundant[..lost] {
                decoder.decode(packet, &mut out).unwrap();
            }
            if recover {
                decoder.recover(&redundant[lost + 1], &mut out[..960]).unwrap();
            } else {
                decoder.decode(&redundant[lost], &mut out).unwrap();
            }
            out[..960].to_vec()
        };
        let (true_sound, recovered) = (play(false), play(true));
        assert!(lag(&true_sound, &recovered).unwrap().correlation > 0.9);
    }

    #[test]
    fn concealment_carries_on_without_a_step() {
        let mut encoder = OpusEncoder::new().unwrap();
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = vec![0.0; MAX_PACKET_SAMPLES];
        for packet in packets(&sine(300.0, -20.0, 48_000), &mut encoder) {
            decoder.decode(&packet, &mut out).unwrap();
        }
        let last = out[959];
        let mut made_up = vec![0.0; 480];
        decoder.conceal(&mut made_up);
        assert!((made_up[0] - last).abs() < 0.02, "{last} {}", made_up[0]);
        assert!(rms_dbfs(&made_up) > -32.0, "{}", rms_dbfs(&made_up));
        // Any length is filled, in steps the codec can do.
        let mut odd = vec![f32::NAN; 1000];
        decoder.conceal(&mut odd);
        assert!(odd.iter().all(|x| x.is_finite()));
    }

    #[test]
    fn damage_is_an_error_and_the_decoder_lives_on() {
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = vec![0.0; MAX_PACKET_SAMPLES];
        assert!(decoder.decode(&[], &mut out).is_err());
        assert!(decoder.decode(&[0xff, 0xff, 0xff], &mut out).is_err());
        assert!(decoder.recover(&[], &mut out[..960]).is_err());
        decoder.reset();
        let packet = packets(&sine(300.0, -20.0, 960), &mut OpusEncoder::new().unwrap()).remove(0);
        assert_eq!(decoder.decode(&packet, &mut out), Ok(960));
    }

    #[test]
    fn settings_out_of_range_are_brought_into_it() {
        let mut encoder = OpusEncoder::new().unwrap();
        assert_eq!(encoder.set_bitrate(0), Ok(()));
        assert_eq!(encoder.set_bitrate(u32::MAX), Ok(()));
        assert_eq!(encoder.set_loss(f32::NAN), Ok(()));
        assert_eq!(encoder.set_loss(-1.0), Ok(()));
        assert_eq!(encoder.set_loss(7.0), Ok(()));
        assert_eq!(encoder.reset(), Ok(()));
    }
}
