//! A sender, a network and a speaker in simulated time, for tests and the bench: what a jitter buffer makes of loss,
//! jitter, stalls and clocks that drift apart.
//!
//! Nothing here depends on how fast the computer is; the same seed gives the same figures everywhere.

use std::time::Duration;

use super::{AdaptiveBuffer, JitterBuffer, JitterStatistics, Packet};
use crate::codec::{CodecError, Coding, MAX_PAYLOAD_BYTES};
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// Numbers by chance, the same for the same seed (Marsaglia 2003, Xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// Evenly between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normally distributed: mean 0, deviation 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Like a voice to a codec and to a pitch search: gliding pitch, syllables, hisses, pauses.
pub fn voice(seconds: f64) -> Vec<f32> {
    let mut random = Random::new(99);
    let (mut phase, mut hiss) = (0.0_f64, 0.0_f64);
    (0..(seconds * f64::from(SAMPLE_RATE_HZ)) as usize)
        .map(|n| {
            let t = n as f64 / f64::from(SAMPLE_RATE_HZ);
            let pitch = 130.0 + 25.0 * (t * 1.7).sin() + 15.0 * (t * 5.1).sin();
            phase += pitch / f64::from(SAMPLE_RATE_HZ);
            let syllable = ((t * 3.1).sin() * 0.5 + (t * 7.3).sin() * 0.5).max(0.0);
            let talking = if (t * 0.31).fract() < 0.8 { 1.0 } else { 0.0 };
            let buzz: f64 = (1..=20)
                .map(|h| {
                    let at = f64::from(h) * pitch;
                    let formant = |centre: f64, width: f64| 1.0 / (1.0 + ((at - centre) / width).powi(2));
                    let shape = formant(550.0 + 200.0 * (t * 2.3).sin(), 120.0)
                        + 0.5 * formant(1500.0 + 400.0 * (t * 1.9).cos(), 200.0);
                    shape * (std::f64::consts::TAU * phase * f64::from(h)).sin()
                })
                .sum();
            hiss = 0.4 * hiss + random.unit() - 0.5;
            let fricative = (-(t * 4.7).sin()).max(0.0).powi(6) * hiss * 0.15;
            ((buzz * 0.12 * syllable + fricative) * talking + 1e-4 * hiss) as f32
        })
        .collect()
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// Milliseconds under way.
    Delay(f64),
    Lost,
}

/// What a network does to packets of 20 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Network {
    /// Share of packets that are lost, 0 to 1, and how many of them in a row on average (Gilbert 1960; below 2 each for
    /// itself).
    pub loss: f64,
    pub burst: f64,
    /// Deviation of the delay in milliseconds. A packet is never faster than the fastest: the half of a normal
    /// distribution, as queues make it.
    pub jitter_ms: f64,
    /// For this long, at [`Network::STALL_AT`], nothing comes; then all of it at once.
    pub stall_ms: f64,
}

impl Network {
    /// Milliseconds under way on the fastest path.
    pub const BASE_MS: f64 = 40.0;
    /// The packet that a stall begins with: the one of the ninth second.
    pub const STALL_AT: u32 = 400;

    /// Decides about one packet after the other.
    pub fn fates(self, seed: u64) -> impl FnMut(u32) -> Fate {
        let mut random = Random::new(seed);
        let mut bursting = false;
        move |n| {
            let lost = if self.burst >= 2.0 {
                let begin = self.loss / (self.burst * (1.0 - self.loss));
                bursting = random.unit() < if bursting { 1.0 - 1.0 / self.burst } else { begin };
                bursting
            } else {
                random.unit() < self.loss
            };
            let jitter = self.jitter_ms * random.normal().abs();
            let since_stall = f64::from(n) * 20.0 - f64::from(Self::STALL_AT) * 20.0;
            let stalled = if (0.0..self.stall_ms).contains(&since_stall) { self.stall_ms - since_stall } else { 0.0 };
            if lost { Fate::Lost } else { Fate::Delay(Self::BASE_MS + jitter + stalled) }
        }
    }
}

/// A sender, a network and a speaker.
pub struct Emulation {
    pub source: Vec<f32>,
    /// The share of lost packets that the encoder was told, 0 to 1.
    pub loss_told: f32,
    /// How much faster the sender's clock runs than ours, in millionths.
    pub ppm: f64,
    /// Source, sequence number and timestamp of the n-th packet, for senders that jump.
    pub header: Box<dyn Fn(u32) -> (u32, u16, u32)>,
}

impl Emulation {
    pub fn new(source: Vec<f32>) -> Self {
        Self {
            source,
            loss_told: 0.0,
            ppm: 0.0,
            // Both numbers wrap soon.
            header: Box::new(|n| (0x1234, 65_500_u16.wrapping_add(n as u16), 4_294_900_000_u32.wrapping_add(n * 960))),
        }
    }

    /// Sends all of the source as Opus and plays what comes, as long as the source lasts.
    ///
    /// # Errors
    ///
    /// When the codec cannot be made, or refuses a frame.
    pub fn run(&self, mut fate: impl FnMut(u32) -> Fate) -> Result<Outcome, CodecError> {
        let mut encoder = Coding::Opus.encoder()?;
        encoder.set_loss(self.loss_told)?;
        let mut payload = vec![0; MAX_PAYLOAD_BYTES];
        let mut arrivals: Vec<(f64, u32, Vec<u8>)> = Vec::new();
        let mut count = 0;
        for (n, chunk) in self.source.as_chunks::<FRAME_SAMPLES>().0.iter().enumerate() {
            if let Some(length) = encoder.push(&Frame(*chunk), &mut payload)? {
                let sent = (n + 1) as f64 * 10.0 * (1.0 - self.ppm / 1e6);
                if let Fate::Delay(delay) = fate(count) {
                    arrivals.push((sent + delay, count, payload.get(..length).unwrap_or_default().to_vec()));
                }
                count += 1;
            }
        }
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));

        let mut buffer = AdaptiveBuffer::new(Coding::Opus.decoder()?);
        let start = crate::fuzz::epoch();
        let at = |ms: f64| start + Duration::from_secs_f64(ms / 1e3);
        let mut outcome = Outcome::default();
        let mut arrivals = arrivals.into_iter().peekable();
        for tick in 0..self.source.len() / FRAME_SAMPLES {
            // The speaker's ticks fall between the sender's.
            let now = tick as f64 * 10.0 + 3.7;
            while let Some((arrival, n, payload)) = arrivals.next_if(|(arrival, ..)| *arrival <= now) {
                let (ssrc, sequence, timestamp) = (self.header)(n);
                let marker = n == 0;
                buffer
                    .insert(Packet { payload: &payload, sequence, timestamp, marker, ssrc, noise: false }, at(arrival));
            }
            let mut frame = Frame::SILENCE;
            buffer.pull(at(now), &mut frame);
            outcome.sound.extend_from_slice(&frame.0);
            outcome.note(buffer.statistics(), tick);
        }
        Ok(outcome)
    }
}

/// What was heard, and the figures of the buffer.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub sound: Vec<f32>,
    pub statistics: JitterStatistics,
    /// Wait and target in milliseconds, every second.
    pub delays: Vec<(f64, f64)>,
    /// How long the samples of each packet waited in the buffer on average, in milliseconds.
    pub waits: Vec<f64>,
}

impl Outcome {
    /// Share of what was heard that was made up, in percent.
    pub fn concealed_percent(&self) -> f64 {
        100.0 * self.statistics.concealed_samples as f64 / self.statistics.total_samples_received.max(1) as f64
    }

    /// What the buffer adds to the delay of a sample on average.
    pub fn mean_wait_ms(&self) -> f64 {
        1e3 * self.statistics.jitter_buffer_delay_s / self.statistics.jitter_buffer_emitted_count.max(1) as f64
    }

    /// The wait that 95 of 100 packets stay below.
    pub fn p95_wait_ms(&self) -> f64 {
        let mut waits = self.waits.clone();
        waits.sort_by(f64::total_cmp);
        waits.get(waits.len() * 95 / 100).copied().unwrap_or_default()
    }

    fn note(&mut self, statistics: JitterStatistics, tick: usize) {
        let before = std::mem::replace(&mut self.statistics, statistics);
        let emitted = statistics.jitter_buffer_emitted_count - before.jitter_buffer_emitted_count;
        if emitted > 0 {
            self.waits.push(1e3 * (statistics.jitter_buffer_delay_s - before.jitter_buffer_delay_s) / emitted as f64);
        }
        if tick % 100 == 99 {
            let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
            self.delays.push((ms(statistics.current_delay), ms(statistics.target_delay)));
        }
    }
}

/// What hours of clocks that drift apart do to the delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// The smallest and the largest delay in milliseconds, without the first minute.
    pub least_ms: f64,
    pub most_ms: f64,
    pub statistics: JitterStatistics,
}

/// A voice in PCMU whose sender's clock is `ppm` millionths faster than ours, on a network without jitter.
///
/// # Errors
///
/// When the codec cannot be made, or refuses a frame.
pub fn drift(ppm: f64, hours: u32) -> Result<Drift, CodecError> {
    let mut encoder = Coding::Pcmu.encoder()?;
    let mut payload = vec![0; MAX_PAYLOAD_BYTES];
    let mut payloads = Vec::new();
    for chunk in voice(20.0).as_chunks::<FRAME_SAMPLES>().0 {
        if let Some(length) = encoder.push(&Frame(*chunk), &mut payload)? {
            payloads.push(payload.get(..length).unwrap_or_default().to_vec());
        }
    }
    let mut frame = Frame::SILENCE;
    let mut payloads = payloads.iter().cycle();
    let mut buffer = AdaptiveBuffer::new(Coding::Pcmu.decoder()?);
    let start = crate::fuzz::epoch();
    let at = |ms: f64| start + Duration::from_secs_f64(ms / 1e3);
    let (mut sent, mut least_ms, mut most_ms) = (0_u32, f64::MAX, f64::MIN);
    for tick in 0..hours * 3600 * 100 {
        let now = f64::from(tick) * 10.0 + 3.7;
        loop {
            let arrival = f64::from(sent + 1) * 20.0 * (1.0 - ppm / 1e6) + Network::BASE_MS;
            if arrival > now {
                break;
            }
            let Some(payload) = payloads.next() else { break };
            let (sequence, timestamp) = (sent as u16, sent.wrapping_mul(160));
            let packet = Packet { payload, sequence, timestamp, marker: sent == 0, ssrc: 1, noise: false };
            buffer.insert(packet, at(arrival));
            sent += 1;
        }
        buffer.pull(at(now), &mut frame);
        if tick > 6_000 && tick % 100 == 0 {
            let delay = buffer.statistics().current_delay.as_secs_f64() * 1e3;
            (least_ms, most_ms) = (delay.min(least_ms), delay.max(most_ms));
        }
    }
    Ok(Drift { least_ms, most_ms, statistics: buffer.statistics() })
}
