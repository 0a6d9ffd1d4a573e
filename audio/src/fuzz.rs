//! Bodies of the fuzz targets: any bytes, never a panic. Also the one place that tests take an `Instant` from.

use std::time::{Duration, Instant};

use crate::Frame;
use crate::codec::{Coding, MAX_PACKET_SAMPLES};
use crate::jitter::{AdaptiveBuffer, JitterBuffer, Packet};

/// Any instant: tests count from it and never ask again.
#[allow(clippy::disallowed_methods, reason = "the one door to a clock in tests")]
pub fn epoch() -> Instant {
    Instant::now()
}

/// White noise between −1 and 1, the same for the same seed.
pub struct Noise(u32);

impl Noise {
    pub fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(2_654_435_761) | 1)
    }

    #[allow(clippy::should_implement_trait, reason = "it never ends, so an iterator would only add unwrapping")]
    pub fn next(&mut self) -> f32 {
        // Xorshift (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (f64::from(self.0) / f64::from(u32::MAX) * 2.0 - 1.0) as f32
    }
}

/// Packets with any header, payload and time, and pulls between them.
///
/// # Panics
///
/// When what comes out is not finite, or the counts contradict each other: that is what the fuzzer looks for.
pub fn fuzz_jitter(bytes: &[u8]) {
    let coding = coding_of(bytes.len());
    let Ok(decoder) = coding.decoder() else { return };
    let mut buffer = AdaptiveBuffer::new(decoder);
    let mut now = epoch();
    let mut frame = Frame::SILENCE;
    let (mut sequence, mut timestamp) = (65_530_u16, u32::MAX - 960);
    let mut rest = bytes;
    while let [operation, value, tail @ ..] = rest {
        rest = tail;
        match operation % 8 {
            0..=2 => {
                buffer.pull(now, &mut frame);
                assert!(frame.0.iter().all(|x| x.is_finite()), "the speaker must never get NaN");
            }
            3 => now += Duration::from_millis(u64::from(*value)),
            4 => sequence = sequence.wrapping_add(u16::from(*value) << (operation >> 4)),
            5 => timestamp = timestamp.wrapping_add(u32::from(*value) << (operation >> 3)),
            _ => {
                let length = usize::from(*value).min(rest.len());
                let (payload, tail) = rest.split_at(length);
                rest = tail;
                let ssrc = u32::from(operation >> 6);
                buffer.insert(
                    Packet {
                        payload,
                        sequence,
                        timestamp,
                        marker: operation & 8 != 0,
                        ssrc,
                        noise: operation & 16 != 0,
                    },
                    now,
                );
                sequence = sequence.wrapping_add(1);
                timestamp = timestamp.wrapping_add(coding.clock_hz() / 50);
            }
        }
    }
    let statistics = buffer.statistics();
    assert!(statistics.silent_concealed_samples <= statistics.concealed_samples, "a part is not more than the whole");
}

/// By length, so that inputs stay what they are: mostly Opus.
fn coding_of(length: usize) -> Coding {
    match length % 6 {
        1 => Coding::Pcmu,
        3 => Coding::Pcma,
        5 => Coding::G722,
        _ => Coding::Opus,
    }
}

/// Any payload to the codecs of the telephone, as sound and as comfort noise, in turns with concealment.
///
/// # Panics
///
/// When what comes out is not finite or not within the rails, or not as long as was told.
pub fn fuzz_telephone(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let coding = [Coding::Pcmu, Coding::Pcma, Coding::G722][usize::from(choice % 3)];
    let Ok(mut decoder) = coding.decoder() else { return };
    let mut out = vec![0.0; MAX_PACKET_SAMPLES];
    for (n, payload) in rest.chunks(usize::from(choice / 3) * 12 + 1).enumerate() {
        if (n + usize::from(*choice)) % 3 == 0 {
            decoder.comfort_noise(payload).ok();
        } else if let Ok(written) = decoder.decode(payload, &mut out) {
            assert!(decoder.samples_in(payload) == Some(written), "{written} samples are not what was told");
        }
        let room = (payload.len() * 7).min(MAX_PACKET_SAMPLES);
        decoder.conceal(out.get_mut(..room).unwrap_or_default());
        assert!(out.iter().all(|x| x.abs() < 4.0), "the speaker must get neither NaN nor a bang");
    }
}

/// Any payload, decoded, looked into for redundancy, and followed by concealment.
///
/// # Panics
///
/// When what comes out is not finite, or not as long as the packet's head said.
pub fn fuzz_decode(bytes: &[u8]) {
    let Ok(mut decoder) = Coding::Opus.decoder() else { return };
    let mut out = vec![0.0; MAX_PACKET_SAMPLES];
    let told = decoder.samples_in(bytes);
    if decoder.carries_previous(bytes)
        && let Some(room) = out.get_mut(..960)
    {
        decoder.recover(bytes, room).ok();
    }
    if let Ok(written) = decoder.decode(bytes, &mut out) {
        assert!(told == Some(written), "the head of the packet said {told:?}, decoded were {written}");
    }
    decoder.conceal(&mut out);
    assert!(out.iter().all(|x| x.is_finite()), "the speaker must never get NaN");
}
