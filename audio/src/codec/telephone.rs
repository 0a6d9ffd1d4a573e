//! The codecs of the telephone network as calls use them: G.711 and G.722 between 48 kHz frames and 20 ms packets, with
//! concealment and comfort noise in the decoder.

use super::comfort_noise::{NoiseGenerator, NoiseModel};
use super::conceal::Concealer;
use super::g711::Law;
use super::g722::{G722Decoder, G722Encoder};
use super::rate::{Decimator, Interpolator};
use super::{CodecError, Decoder, Encoder, MAX_PACKET_SAMPLES};
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// 20 ms, the default of RFC 3551 §4.5 for all three; one byte each 125 µs.
const PACKET_BYTES: usize = 160;
/// All three count time in 8 kHz, G.722 for historical reasons (RFC 3551 §4.5.2).
const CLOCK_HZ: u32 = 8_000;
/// 48 kHz samples for each byte.
const SAMPLES_A_BYTE: usize = (SAMPLE_RATE_HZ / CLOCK_HZ) as usize;
/// Codec samples worked on at a time: 5 ms at 16 kHz. Bounds the buffers, whatever length is asked for.
const STEP: usize = 80;

/// Which codec, with the state of one direction.
enum Coder {
    G711(Law),
    G722 { encoder: Box<G722Encoder>, decoder: Box<G722Decoder> },
}

impl Coder {
    fn g722() -> Self {
        Self::G722 { encoder: Box::default(), decoder: Box::default() }
    }

    const fn rate_hz(&self) -> u32 {
        match self {
            Self::G711(_) => 8_000,
            Self::G722 { .. } => 16_000,
        }
    }

    fn reset(&mut self) {
        if let Self::G722 { encoder, decoder } = self {
            **encoder = G722Encoder::default();
            **decoder = G722Decoder::default();
        }
    }
}

/// Frames to packets of 160 bytes.
pub struct TelephoneEncoder {
    coder: Coder,
    down: Decimator,
    packet: [u8; PACKET_BYTES],
    filled: usize,
}

impl TelephoneEncoder {
    pub fn g711(law: Law) -> Self {
        Self::new(Coder::G711(law))
    }

    pub fn g722() -> Self {
        Self::new(Coder::g722())
    }

    fn new(coder: Coder) -> Self {
        let down = Decimator::new(coder.rate_hz());
        Self { coder, down, packet: [0; PACKET_BYTES], filled: 0 }
    }
}

impl Encoder for TelephoneEncoder {
    fn push(&mut self, frame: &Frame, payload: &mut [u8]) -> Result<Option<usize>, CodecError> {
        let mut low = [0.0; FRAME_SAMPLES / 3];
        let count = FRAME_SAMPLES * self.coder.rate_hz() as usize / SAMPLE_RATE_HZ as usize;
        let low = low.get_mut(..count).unwrap_or_default();
        self.down.process(&frame.0, low);
        let room = self.packet.get_mut(self.filled..self.filled + PACKET_BYTES / 2).unwrap_or_default();
        match &mut self.coder {
            Coder::G711(law) => {
                for (byte, sample) in room.iter_mut().zip(low.iter()) {
                    *byte = law.encode(to_i16(*sample));
                }
            }
            Coder::G722 { encoder, .. } => {
                for (byte, pair) in room.iter_mut().zip(low.chunks_exact(2)) {
                    *byte = encoder.encode(to_i16(pair[0]), to_i16(pair[1]));
                }
            }
        }
        self.filled += PACKET_BYTES / 2;
        if self.filled < PACKET_BYTES {
            return Ok(None);
        }
        self.filled = 0;
        let room = payload.get_mut(..PACKET_BYTES).ok_or(CodecError::Encode("the buffer is too small"))?;
        room.copy_from_slice(&self.packet);
        Ok(Some(PACKET_BYTES))
    }

    fn packet_ticks(&self) -> u32 {
        PACKET_BYTES as u32
    }

    /// There is no redundancy to add.
    fn set_loss(&mut self, _share: f32) -> Result<(), CodecError> {
        Ok(())
    }

    /// 64 kb/s, always.
    fn set_bitrate(&mut self, _bits_per_second: u32) -> Result<(), CodecError> {
        Ok(())
    }

    /// These send silence like sound.
    fn set_dtx(&mut self, _on: bool) -> Result<(), CodecError> {
        Ok(())
    }

    fn reset(&mut self) -> Result<(), CodecError> {
        self.coder.reset();
        self.down.reset();
        self.filled = 0;
        Ok(())
    }
}

/// Packets of any length up to 120 ms to 48 kHz.
pub struct TelephoneDecoder {
    coder: Coder,
    up: Interpolator,
    concealer: Concealer,
    noise: NoiseGenerator,
    /// The far end is silent and its background is made here.
    in_noise: bool,
}

impl TelephoneDecoder {
    pub fn g711(law: Law) -> Self {
        Self::new(Coder::G711(law))
    }

    pub fn g722() -> Self {
        Self::new(Coder::g722())
    }

    fn new(coder: Coder) -> Self {
        let rate_hz = coder.rate_hz();
        Self {
            coder,
            up: Interpolator::new(rate_hz),
            concealer: Concealer::new(rate_hz),
            noise: NoiseGenerator::new(rate_hz),
            in_noise: false,
        }
    }

    fn factor(&self) -> usize {
        (SAMPLE_RATE_HZ / self.coder.rate_hz()) as usize
    }
}

impl Decoder for TelephoneDecoder {
    fn clock_hz(&self) -> u32 {
        CLOCK_HZ
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        let samples = payload.len() * SAMPLES_A_BYTE;
        (1..=MAX_PACKET_SAMPLES).contains(&samples).then_some(samples)
    }

    fn decode(&mut self, payload: &[u8], out: &mut [f32]) -> Result<usize, CodecError> {
        let samples = self.samples_in(payload).ok_or(CodecError::BadPayload("its length is none of this codec"))?;
        let out = out.get_mut(..samples).ok_or(CodecError::BadPayload("it is longer than the buffer"))?;
        let bytes_a_step = STEP * CLOCK_HZ as usize / self.coder.rate_hz() as usize;
        for (bytes, out) in payload.chunks(bytes_a_step).zip(out.chunks_mut(bytes_a_step * SAMPLES_A_BYTE)) {
            let mut low = [0.0; STEP];
            let count = out.len() / self.factor();
            let low = low.get_mut(..count).unwrap_or_default();
            match &mut self.coder {
                Coder::G711(law) => {
                    for (sample, byte) in low.iter_mut().zip(bytes) {
                        *sample = from_i16(law.decode(*byte));
                    }
                }
                Coder::G722 { decoder, .. } => {
                    for (pair, byte) in low.chunks_exact_mut(2).zip(bytes) {
                        pair.copy_from_slice(&decoder.decode(*byte).map(from_i16));
                    }
                }
            }
            if std::mem::take(&mut self.in_noise) {
                // The first word rises out of the noise in 5 ms.
                let mut noise = [0.0; STEP];
                self.noise.fill(noise.get_mut(..count).unwrap_or_default());
                for (n, (sample, noise)) in low.iter_mut().zip(&noise).enumerate() {
                    let mix = (n as f32 + 0.5) / count as f32;
                    *sample = *sample * mix + noise * (1.0 - mix);
                }
            }
            self.concealer.decoded(low);
            self.up.process(low, out);
        }
        Ok(samples)
    }

    fn conceal(&mut self, out: &mut [f32]) {
        let factor = self.factor();
        for out in out.chunks_mut(STEP * factor) {
            let mut low = [0.0; STEP];
            let low = low.get_mut(..out.len() / factor).unwrap_or_default();
            if self.in_noise {
                self.noise.fill(low);
            } else {
                self.concealer.conceal(low);
            }
            let (whole, rest) = out.split_at_mut(low.len() * factor);
            self.up.process(low, whole);
            rest.fill(0.0);
        }
    }

    fn carries_previous(&self, _payload: &[u8]) -> bool {
        false
    }

    fn recover(&mut self, _next: &[u8], _out: &mut [f32]) -> Result<(), CodecError> {
        Err(CodecError::BadPayload("this codec carries no redundancy"))
    }

    fn comfort_noise(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        let model = NoiseModel::parse(payload).ok_or(CodecError::BadPayload("it is empty"))?;
        self.noise.set(model, !self.in_noise);
        if !std::mem::replace(&mut self.in_noise, true) {
            self.concealer.reset();
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.coder.reset();
        self.up.reset();
        self.concealer.reset();
        self.in_noise = false;
    }
}

fn to_i16(sample: f32) -> i16 {
    // The cast saturates, and makes 0 of NaN.
    (sample * 32_768.0).round() as i16
}

fn from_i16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::super::Coding;
    use super::*;
    use crate::level::rms_dbfs;
    use crate::measure::{sine, tone_in};

    const ALL: [Coding; 3] = [Coding::Pcmu, Coding::Pcma, Coding::G722];

    fn packets(coding: Coding, sound: &[f32]) -> Vec<Vec<u8>> {
        let mut encoder = coding.encoder().unwrap();
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
    fn a_tone_keeps_its_frequency_and_level_through_each() {
        for coding in ALL {
            let mut decoder = coding.decoder().unwrap();
            let mut out = vec![0.0; MAX_PACKET_SAMPLES];
            let mut heard = Vec::new();
            for packet in packets(coding, &sine(997.0, -20.0, 48_000 * 2)) {
                assert_eq!((packet.len(), decoder.samples_in(&packet)), (160, Some(960)));
                assert_eq!(decoder.decode(&packet, &mut out), Ok(960));
                heard.extend_from_slice(&out[..960]);
            }
            assert_eq!(heard.len(), 96_000);
            let tone = tone_in(&heard[9600..]).unwrap();
            assert!((tone.hz - 997.0).abs() < 0.5 && (tone.dbfs + 20.0).abs() < 0.3, "{coding:?} {tone:?}");
            assert!(tone.purity > 0.99, "{coding:?} {tone:?}");
        }
    }

    #[test]
    fn g722_carries_what_g711_cannot() {
        let level = |coding: Coding| {
            let mut decoder = coding.decoder().unwrap();
            let mut out = vec![0.0; MAX_PACKET_SAMPLES];
            for packet in packets(coding, &sine(6000.0, -20.0, 48_000)) {
                decoder.decode(&packet, &mut out).unwrap();
            }
            rms_dbfs(&out[..960])
        };
        assert!((level(Coding::G722) + 20.0).abs() < 1.0);
        assert!(level(Coding::Pcma) < -60.0);
    }

    #[test]
    fn a_lost_packet_is_filled_and_every_length_is_kept() {
        for coding in ALL {
            let mut decoder = coding.decoder().unwrap();
            let mut out = vec![0.0; MAX_PACKET_SAMPLES];
            for packet in packets(coding, &sine(200.0, -20.0, 48_000)) {
                decoder.decode(&packet, &mut out).unwrap();
            }
            let mut made_up = vec![f32::NAN; 960];
            decoder.conceal(&mut made_up);
            assert!(rms_dbfs(&made_up[..480]) > -22.0, "{coding:?}");
            let mut odd = vec![f32::NAN; 1003];
            decoder.conceal(&mut odd);
            assert!(odd.iter().all(|x| x.is_finite()));
            assert_eq!(decoder.decode(&[], &mut out).ok(), None);
            assert_eq!(decoder.decode(&[0; 961], &mut out).ok(), None);
            assert_eq!(decoder.decode(&[0x55; 7], &mut out), Ok(42));
        }
    }

    #[test]
    fn comfort_noise_sounds_until_the_next_word() {
        for coding in ALL {
            let mut decoder = coding.decoder().unwrap();
            let mut out = vec![0.0; 48_000];
            decoder.comfort_noise(&[45, 120]).unwrap();
            decoder.conceal(&mut out);
            assert!((rms_dbfs(&out) + 42.0).abs() < 1.5, "{coding:?}: {}", rms_dbfs(&out));
            let packet = packets(coding, &sine(500.0, -20.0, 960)).remove(0);
            decoder.decode(&packet, &mut out).unwrap();
            assert!(decoder.comfort_noise(&[]).is_err());
            // Now it would be a loss, not a pause.
            decoder.conceal(&mut out);
            assert!(out[24_000..].iter().all(|x| x.abs() < 1e-9));
        }
    }
}
