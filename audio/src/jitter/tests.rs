//! The jitter buffer on emulated networks, in simulated time.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::FRAME_SAMPLES;
use crate::codec::{Coding, MAX_PAYLOAD_BYTES};
use crate::level::rms_dbfs;
use crate::measure::{lag, sine, speech_heard, tone_in};

/// A small, seeded generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// 20 s, made once.
fn voice() -> Vec<f32> {
    static VOICE: OnceLock<Vec<f32>> = OnceLock::new();
    VOICE.get_or_init(|| talk(20.0)).clone()
}

/// Like a voice to a codec and to a pitch search: gliding pitch, syllables, hisses, pauses.
fn talk(seconds: f64) -> Vec<f32> {
    let mut random = Random(99);
    let (mut phase, mut hiss) = (0.0_f64, 0.0_f64);
    (0..(seconds * 48_000.0) as usize)
        .map(|n| {
            let t = n as f64 / 48_000.0;
            let pitch = 130.0 + 25.0 * (t * 1.7).sin() + 15.0 * (t * 5.1).sin();
            phase += pitch / 48_000.0;
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
            hiss = 0.4 * hiss + random.next() - 0.5;
            let fricative = (-(t * 4.7).sin()).max(0.0).powi(6) * hiss * 0.15;
            ((buzz * 0.12 * syllable + fricative) * talking + 1e-4 * hiss) as f32
        })
        .collect()
}

/// What became of a packet.
#[derive(Clone, Copy)]
enum Fate {
    /// Milliseconds under way.
    Delay(f64),
    Lost,
}

struct Outcome {
    sound: Vec<f32>,
    statistics: JitterStatistics,
    /// Wait and target in milliseconds, every second.
    delays: Vec<(f64, f64)>,
}

impl Outcome {
    fn concealed_percent(&self) -> f64 {
        100.0 * self.statistics.concealed_samples as f64 / self.statistics.total_samples_received.max(1) as f64
    }

    fn mean_wait_ms(&self) -> f64 {
        1e3 * self.statistics.jitter_buffer_delay_s / self.statistics.jitter_buffer_emitted_count.max(1) as f64
    }
}

/// A sender, a network and a speaker.
struct Sim {
    source: Vec<f32>,
    loss_told: f32,
    /// The sender's clock against ours.
    ppm: f64,
    /// The timestamp and sequence number of the n-th packet, for senders that jump.
    header: Box<dyn Fn(u32) -> (u32, u16, u32)>,
}

impl Sim {
    fn new(source: Vec<f32>) -> Self {
        Self {
            source,
            loss_told: 0.0,
            ppm: 0.0,
            header: Box::new(|n| (0x1234, 65_500_u16.wrapping_add(n as u16), 4_294_900_000_u32.wrapping_add(n * 960))),
        }
    }

    fn run(&self, mut fate: impl FnMut(u32) -> Fate) -> Outcome {
        let mut encoder = Coding::Opus.encoder().unwrap();
        encoder.set_loss(self.loss_told).unwrap();
        let mut payload = vec![0; MAX_PAYLOAD_BYTES];
        let mut arrivals: Vec<(f64, u32, Vec<u8>)> = Vec::new();
        let mut count = 0;
        for (n, chunk) in self.source.chunks_exact(FRAME_SAMPLES).enumerate() {
            let frame = Frame(chunk.try_into().unwrap());
            if let Some(length) = encoder.push(&frame, &mut payload).unwrap() {
                let sent = (n + 1) as f64 * 10.0 * (1.0 - self.ppm / 1e6);
                if let Fate::Delay(delay) = fate(count) {
                    arrivals.push((sent + delay, count, payload[..length].to_vec()));
                }
                count += 1;
            }
        }
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));

        let mut buffer = AdaptiveBuffer::new(Coding::Opus.decoder().unwrap());
        let start = crate::fuzz::epoch();
        let at = |ms: f64| start + Duration::from_secs_f64(ms / 1e3);
        let mut sound = Vec::new();
        let mut delays = Vec::new();
        let mut arrivals = arrivals.into_iter().peekable();
        for tick in 0..self.source.len() / FRAME_SAMPLES {
            // The speaker's ticks fall between the sender's.
            let now = tick as f64 * 10.0 + 3.7;
            while let Some((arrival, n, payload)) = arrivals.next_if(|(arrival, ..)| *arrival <= now) {
                let (ssrc, sequence, timestamp) = (self.header)(n);
                buffer.insert(
                    Packet { payload: &payload, sequence, timestamp, marker: n == 0, ssrc, noise: false },
                    at(arrival),
                );
            }
            let mut frame = Frame::SILENCE;
            buffer.pull(at(now), &mut frame);
            sound.extend_from_slice(&frame.0);
            if tick % 100 == 99 {
                let statistics = buffer.statistics();
                let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
                delays.push((ms(statistics.current_delay), ms(statistics.target_delay)));
            }
        }
        Outcome { sound, statistics: buffer.statistics(), delays }
    }
}

/// Runs a network on 20 s of voice and prints its figures.
fn network(name: &str, loss_told: f32, fate: impl FnMut(u32) -> Fate) -> Outcome {
    let outcome = Sim { loss_told, ..Sim::new(voice()) }.run(fate);
    let s = &outcome.statistics;
    println!(
        "{name:10} wait {:5.1} ms, concealed {:5.2} %, recovered {:4} ms, inserted {:4} ms, removed {:4} ms, lost {:3}, \
         late {:3}, wait/target {}",
        outcome.mean_wait_ms(),
        outcome.concealed_percent(),
        s.recovered_samples / 48,
        s.inserted_samples_for_deceleration / 48,
        s.removed_samples_for_acceleration / 48,
        s.packets_lost,
        s.packets_late,
        outcome.delays.iter().map(|(a, b)| format!("{a:.0}/{b:.0}")).collect::<Vec<_>>().join(" "),
    );
    outcome
}

#[test]
fn a_clean_network_costs_little_delay_and_conceals_nothing() {
    let outcome = network("clean", 0.0, |_| Fate::Delay(40.0));
    assert_eq!(outcome.statistics.concealed_samples, 0);
    assert!(outcome.mean_wait_ms() < 35.0);
    let settled = outcome.delays.last().unwrap().0;
    assert!(settled < 30.0, "{settled} ms");
    let source = voice();
    let heard = speech_heard(&source[..480_000], &outcome.sound, Duration::from_millis(300)).unwrap();
    // 40 ms network, 20 ms packet, 6.5 ms codec, and the buffer.
    assert!(heard.recognised > 0.8 && heard.delay < Duration::from_millis(100), "{heard:?}");
}

#[test]
fn drifting_clocks_conceal_nothing_and_change_no_delay() {
    for ppm in [-200.0, 200.0] {
        let outcome = Sim { ppm, ..Sim::new(voice()) }.run(|_| Fate::Delay(40.0));
        assert_eq!(outcome.statistics.concealed_samples, 0, "{ppm}");
        assert!(outcome.delays.last().unwrap().0 < 35.0, "{ppm}: {:?}", outcome.delays);
    }
}

#[test]
fn what_is_concealed_is_about_what_was_lost() {
    let mut random = Random(2);
    let outcome = network("loss5", 0.0, |_| if random.next() < 0.05 { Fate::Lost } else { Fate::Delay(40.0) });
    let lost = 100.0 * outcome.statistics.packets_lost as f64 / 1000.0;
    assert!((3.0..8.0).contains(&lost));
    assert!((outcome.concealed_percent() - lost).abs() < 0.7, "{} against {lost}", outcome.concealed_percent());
}

#[test]
fn redundancy_brings_back_most_of_what_was_lost() {
    for (loss, most) in [(0.02, 0.6), (0.05, 0.5), (0.1, 0.5)] {
        let mut random = Random(2);
        let outcome =
            network("redundant", loss as f32, |_| if random.next() < loss { Fate::Lost } else { Fate::Delay(40.0) });
        let share = outcome.concealed_percent() / (outcome.statistics.packets_lost as f64 / 10.0);
        assert!(share < most, "{loss}: {share}");
        assert!(outcome.mean_wait_ms() < 60.0);
    }
}

#[test]
fn jitter_is_covered_with_little_concealment_and_bounded_delay() {
    for (deviation, concealed, wait) in [(10.0, 0.8, 50.0), (30.0, 1.3, 95.0), (60.0, 2.0, 180.0)] {
        let mut random = Random(5);
        let outcome = network(&format!("jitter{deviation}"), 0.0, |_| {
            Fate::Delay(3.0 * deviation + 20.0 + deviation * random.normal().clamp(-3.0, 3.0))
        });
        let (percent, mean) = (outcome.concealed_percent(), outcome.mean_wait_ms());
        assert!(percent < concealed && mean < wait, "{deviation}: {percent} %, {mean} ms");
    }
}

#[test]
fn after_a_spike_the_delay_returns_within_seconds() {
    let outcome = network("spike300", 0.0, |n| match n {
        // Everything of 300 ms arrives at once.
        400..415 => Fate::Delay(340.0 - f64::from(n - 400) * 20.0),
        _ => Fate::Delay(40.0),
    });
    let concealed_ms = outcome.statistics.concealed_samples / 48;
    assert!((250..=320).contains(&concealed_ms), "{concealed_ms} ms");
    assert_eq!(outcome.statistics.concealment_events, 1);
    let (before, after) = (outcome.delays[7].0, outcome.delays[12].0);
    assert!(after < before + 12.0, "{before} ms before, {after} ms four seconds after");
}

#[test]
fn packets_out_of_order_and_twice_are_put_right() {
    let mut sim = Sim::new(voice());
    let outcome = sim.run(|n| Fate::Delay(if n % 20 == 7 { 65.0 } else { 40.0 }));
    let percent = outcome.concealed_percent();
    assert!(percent < 0.2, "{percent}");
    // Every packet twice: the second one has the header of the first.
    sim.header = Box::new(|n| (7, (n / 2) as u16, n / 2 * 960));
    let outcome = sim.run(|_| Fate::Delay(40.0));
    // Those of the last 40 ms are still under way.
    assert_eq!(outcome.statistics.packets_duplicate, 498);
    assert_eq!(outcome.statistics.packets_lost, 0);
}

#[test]
fn another_source_is_heard_at_once() {
    let mut source = sine(400.0, -20.0, 48_000 * 3);
    source.extend(sine(700.0, -20.0, 48_000 * 3));
    let mut sim = Sim::new(source);
    sim.header =
        Box::new(|n| if n < 150 { (1, n as u16, n * 960) } else { (2, (40_000 + n) as u16, n * 960 + 123_456_789) });
    let outcome = sim.run(|_| Fate::Delay(30.0));
    assert_eq!(outcome.statistics.restarts, 1);
    assert!(outcome.statistics.concealed_samples < 48 * 50, "{:?}", outcome.statistics);
    let second = tone_in(&outcome.sound[48_000 * 3 + 7200..]).unwrap();
    assert!((second.hz - 700.0).abs() < 1.0 && second.purity > 0.9, "{second:?}");
}

#[test]
fn a_timestamp_that_jumps_costs_no_more_than_a_blink() {
    for jump in [3 * 48_000, 1_000_000_000_u32, 0_u32.wrapping_sub(48_000 * 20)] {
        let mut sim = Sim::new(sine(400.0, -20.0, 48_000 * 6));
        sim.header = Box::new(move |n| (1, n as u16, (n * 960).wrapping_add(if n < 150 { 0 } else { jump })));
        let outcome = sim.run(|_| Fate::Delay(30.0));
        assert_eq!(outcome.statistics.restarts, 1, "{jump}");
        let quiet = outcome.sound[48_000..].chunks_exact(480).filter(|chunk| rms_dbfs(chunk) < -40.0).count();
        assert!(quiet <= 6, "{jump}: {quiet} silent frames");
    }
}

#[test]
fn a_pause_of_the_sender_is_silence_and_no_loss() {
    let outcome = Sim::new(voice()).run(|n| if (300..600).contains(&n) { Fate::Lost } else { Fate::Delay(40.0) });
    // The network took six seconds; after one of them nothing is made up any more, and after two the stream is paused.
    assert!(outcome.statistics.concealed_samples <= 48_000 * 5 / 2);
    let silence = &outcome.sound[48_000 * 15 / 2..48_000 * 11];
    assert!(rms_dbfs(silence) < -90.0);
    let after =
        speech_heard(&voice()[48_000 * 13..48_000 * 18], &outcome.sound[48_000 * 13..], Duration::from_millis(300));
    assert!(after.unwrap().recognised > 0.7, "{after:?}");
}

#[test]
fn a_stall_of_seconds_ends_in_the_present() {
    // Everything of four seconds arrives at once, as after a change of network.
    let outcome = network("stall4000", 0.0, |n| match n {
        400..600 => Fate::Delay(4040.0 - f64::from(n - 400) * 20.0),
        _ => Fate::Delay(40.0),
    });
    let after = outcome.delays.last().unwrap().0;
    assert!(after < 40.0, "{after} ms");
    assert!(outcome.statistics.packets_flushed + outcome.statistics.packets_late > 100, "{:?}", outcome.statistics);
}

#[test]
fn silence_of_a_sender_with_dtx_is_not_counted_as_concealment() {
    let mut buffer = AdaptiveBuffer::new(Coding::Opus.decoder().unwrap());
    let start = crate::fuzz::epoch();
    let mut frame = Frame::SILENCE;
    let mut sequence = 0;
    for tick in 0..500_u32 {
        let now = start + Duration::from_millis(u64::from(tick) * 10);
        // One byte every 400 ms, as RFC 6716 §2.1.9 has it.
        if tick % 40 == 0 {
            let packet =
                Packet { payload: &[0x48], sequence, timestamp: tick * 480, marker: false, ssrc: 1, noise: false };
            buffer.insert(packet, now);
            sequence += 1;
        }
        buffer.pull(now, &mut frame);
    }
    let statistics = buffer.statistics();
    assert_eq!((statistics.packets_lost, statistics.concealed_samples), (0, 0));
}

#[test]
fn stretching_keeps_the_voice() {
    // A delay that doubles and falls back makes the buffer stretch in both directions.
    let outcome = network("breathing", 0.0, |n| Fate::Delay(if n / 100 % 2 == 0 { 30.0 } else { 60.0 }));
    let source = voice();
    let heard = speech_heard(&source, &outcome.sound, Duration::from_millis(400)).unwrap();
    assert!(heard.recognised > 0.7, "{heard:?}");
    assert!(lag(&source[..480_000], &outcome.sound[..500_000]).unwrap().samples > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_a_network_does_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        crate::fuzz::fuzz_jitter(&bytes);
    }

    #[test]
    fn nothing_in_a_payload_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        crate::fuzz::fuzz_decode(&bytes);
    }

    #[test]
    fn any_order_delay_and_loss_of_real_packets_is_survived(
        fates in prop::collection::vec((0..1500_u32, 0..10_u8), 50..150)
    ) {
        let sim = Sim::new(voice()[..960 * fates.len()].to_vec());
        let outcome = sim.run(|n| match fates[n as usize] {
            (_, 0) => Fate::Lost,
            (delay, _) => Fate::Delay(f64::from(delay)),
        });
        let s = outcome.statistics;
        prop_assert!(outcome.sound.iter().all(|x| x.is_finite() && x.abs() < 4.0));
        prop_assert!(s.silent_concealed_samples <= s.concealed_samples);
        prop_assert!(s.concealed_samples <= s.total_samples_received + 48_000);
        prop_assert!(s.packets_late + s.packets_flushed <= s.packets_received);
    }
}
