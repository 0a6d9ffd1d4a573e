//! The jitter buffer on emulated networks, in simulated time.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;

use super::emulation::{Emulation, Fate, Network, Outcome, Random, drift};
use super::*;
use crate::codec::Coding;
use crate::level::rms_dbfs;
use crate::measure::{lag, sine, speech_heard, tone_in};

/// 20 s, made once.
fn voice() -> Vec<f32> {
    static VOICE: OnceLock<Vec<f32>> = OnceLock::new();
    VOICE.get_or_init(|| emulation::voice(20.0)).clone()
}

/// Runs a network on 20 s of voice and prints its figures.
fn network(name: &str, loss_told: f32, fate: impl FnMut(u32) -> Fate) -> Outcome {
    let outcome = Emulation { loss_told, ..Emulation::new(voice()) }.run(fate).unwrap();
    let s = &outcome.statistics;
    println!(
        "{name:10} wait {:5.1} ms (p95 {:5.1}), concealed {:5.2} %, recovered {:4} ms, inserted {:4} ms, removed {:4} ms, lost {:3}, \
         late {:3}, wait/target {}",
        outcome.mean_wait_ms(),
        outcome.p95_wait_ms(),
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
        let outcome = Emulation { ppm, ..Emulation::new(voice()) }.run(|_| Fate::Delay(40.0)).unwrap();
        assert_eq!(outcome.statistics.concealed_samples, 0, "{ppm}");
        assert!(outcome.delays.last().unwrap().0 < 35.0, "{ppm}: {:?}", outcome.delays);
    }
}

#[test]
fn what_is_concealed_is_about_what_was_lost() {
    let mut random = Random::new(2);
    let outcome = network("loss5", 0.0, |_| if random.unit() < 0.05 { Fate::Lost } else { Fate::Delay(40.0) });
    let lost = 100.0 * outcome.statistics.packets_lost as f64 / 1000.0;
    assert!((3.0..8.0).contains(&lost));
    assert!((outcome.concealed_percent() - lost).abs() < 0.7, "{} against {lost}", outcome.concealed_percent());
}

#[test]
fn redundancy_brings_back_most_of_what_was_lost() {
    for (loss, most) in [(0.02, 0.6), (0.05, 0.5), (0.1, 0.5)] {
        let mut random = Random::new(2);
        let outcome =
            network("redundant", loss as f32, |_| if random.unit() < loss { Fate::Lost } else { Fate::Delay(40.0) });
        let share = outcome.concealed_percent() / (outcome.statistics.packets_lost as f64 / 10.0);
        assert!(share < most, "{loss}: {share}");
        assert!(outcome.mean_wait_ms() < 60.0);
    }
}

#[test]
fn jitter_is_covered_with_little_concealment_and_bounded_delay() {
    let mut missed = Vec::new();
    for (deviation, concealed, wait) in [(10.0, 0.8, 50.0), (30.0, 1.0, 92.0), (60.0, 1.5, 170.0)] {
        let mut random = Random::new(5);
        let outcome = network(&format!("jitter{deviation}"), 0.0, |_| {
            Fate::Delay(3.0 * deviation + 20.0 + deviation * random.normal().clamp(-3.0, 3.0))
        });
        let (percent, mean) = (outcome.concealed_percent(), outcome.mean_wait_ms());
        if percent > concealed || mean > wait {
            missed.push(format!("{deviation}: {percent} %, {mean} ms"));
        }
    }
    assert_eq!(missed, Vec::<String>::new());
}

#[test]
fn jitter_of_a_queue_costs_no_more_delay_and_sound_than_aimed_at() {
    const SEEDS: u64 = 4;
    let mut missed = Vec::new();
    for (jitter_ms, concealed, wait) in [(0.0, 0.0, 40.0), (10.0, 1.0, 50.0), (30.0, 1.0, 80.0), (60.0, 2.0, 150.0)] {
        let (mut percent, mut mean) = (0.0, 0.0);
        for seed in 1..=SEEDS {
            let fates = Network { jitter_ms, ..Network::default() }.fates(seed);
            let outcome = network(&format!("queue{jitter_ms}"), 0.0, fates);
            percent += outcome.concealed_percent() / SEEDS as f64;
            mean += outcome.mean_wait_ms() / SEEDS as f64;
        }
        if percent > concealed || mean > wait {
            missed.push(format!("{jitter_ms} ms: {percent} %, {mean} ms"));
        }
    }
    assert_eq!(missed, Vec::<String>::new());
}

/// Share of the tenths of a second in which a tone is nearly all there is, without a jump in its phase.
fn tone_present(samples: &[f32], hz: f64) -> f64 {
    let blocks = samples.as_chunks::<4800>().0;
    let present = blocks.iter().filter(|block| {
        let (mut real, mut imaginary, mut power) = (0.0, 0.0, 0.0);
        for (n, sample) in block.iter().enumerate() {
            let (sample, turn) = (f64::from(*sample), std::f64::consts::TAU * n as f64);
            let windowed = sample * (0.5 - 0.5 * (turn / 4800.0).cos());
            let angle = turn * hz / 48_000.0;
            real += windowed * angle.cos();
            imaginary += windowed * angle.sin();
            power += sample * sample / 4800.0;
        }
        // Half the square of its amplitude, of which the window leaves a half.
        let tone = (real.powi(2) + imaginary.powi(2)) * 8.0 / 4800.0_f64.powi(2);
        power > 1e-5 && tone > 0.7 * power
    });
    present.count() as f64 / blocks.len().max(1) as f64
}

#[test]
fn a_tone_on_a_bad_wifi_stays_a_tone_most_of_the_time() {
    const SEEDS: u64 = 24;
    let source = sine(440.0, -20.0, 48_000 * 14);
    let mut share = 0.0;
    for seed in 1..=SEEDS {
        let mut random = Random::new(seed * 77);
        let mut bursting = false;
        let outcome = Emulation::new(source.clone())
            .run(|_| {
                bursting = random.unit() < if bursting { 2.0 / 3.0 } else { 0.003 };
                let single = random.unit() < 0.02;
                let late = if random.unit() < 0.01 { 30.0 } else { 0.0 };
                if bursting || single { Fate::Lost } else { Fate::Delay(25.0 + 15.0 * random.unit() + late) }
            })
            .unwrap();
        share += tone_present(&outcome.sound[96_000..], 440.0) / SEEDS as f64;
    }
    println!("present {:.1} % of the time", 100.0 * share);
    assert!(share > 0.91, "{share}");
}

#[test]
fn five_seconds_after_a_stall_the_old_delay_is_back() {
    for stall_ms in [300.0, 1000.0] {
        let outcome = network(&format!("stall{stall_ms}"), 0.0, Network { stall_ms, ..Network::default() }.fates(1));
        // It ends before 10 s.
        let (before, after) = (outcome.delays[7].0, outcome.delays[13].0);
        assert!(after < before + 10.0, "{stall_ms}: {before} ms before, {after} ms five seconds after");
        assert!(outcome.statistics.concealment_events <= 2, "{:?}", outcome.statistics);
    }
}

/// Gives how many samples were made up.
fn hours_of_drift(ppm: f64, hours: u32) -> u64 {
    let outcome = drift(ppm, hours).unwrap();
    println!("{ppm} ppm, {hours} h: {outcome:?}");
    let (least, most, s) = (outcome.least_ms, outcome.most_ms, outcome.statistics);
    assert_eq!((s.packets_lost, s.packets_flushed, s.packets_late, s.restarts), (0, 0, 0, 0), "{ppm}");
    assert!(most - least <= 10.0, "within 5 ms of the middle: {least} to {most} ms");
    assert!(most < 40.0, "{most} ms");
    s.concealed_samples
}

#[test]
fn an_hour_of_drifting_clocks_neither_starves_nor_overruns() {
    for ppm in [-200.0, 200.0] {
        assert_eq!(hours_of_drift(ppm, 1), 0, "{ppm}");
    }
}

#[test]
#[ignore = "takes a minute or more; cargo xtask ci --full runs it"]
fn eight_hours_of_drifting_clocks_neither_starve_nor_overrun() {
    for ppm in [-200.0, 200.0] {
        assert_eq!(hours_of_drift(ppm, 8), 0, "{ppm}");
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
    let mut sim = Emulation::new(voice());
    let outcome = sim.run(|n| Fate::Delay(if n % 20 == 7 { 65.0 } else { 40.0 })).unwrap();
    let percent = outcome.concealed_percent();
    assert!(percent < 0.2, "{percent}");
    // Every packet twice: the second one has the header of the first.
    sim.header = Box::new(|n| (7, (n / 2) as u16, n / 2 * 960));
    let outcome = sim.run(|_| Fate::Delay(40.0)).unwrap();
    // Those of the last 40 ms are still under way.
    assert_eq!(outcome.statistics.packets_duplicate, 498);
    assert_eq!(outcome.statistics.packets_lost, 0);
}

#[test]
fn another_source_is_heard_at_once() {
    let mut source = sine(400.0, -20.0, 48_000 * 3);
    source.extend(sine(700.0, -20.0, 48_000 * 3));
    let mut sim = Emulation::new(source);
    sim.header =
        Box::new(|n| if n < 150 { (1, n as u16, n * 960) } else { (2, (40_000 + n) as u16, n * 960 + 123_456_789) });
    let outcome = sim.run(|_| Fate::Delay(30.0)).unwrap();
    assert_eq!(outcome.statistics.restarts, 1);
    assert!(outcome.statistics.concealed_samples < 48 * 50, "{:?}", outcome.statistics);
    let second = tone_in(&outcome.sound[48_000 * 3 + 7200..]).unwrap();
    assert!((second.hz - 700.0).abs() < 1.0 && second.purity > 0.9, "{second:?}");
}

#[test]
fn a_timestamp_that_jumps_costs_no_more_than_a_blink() {
    for jump in [3 * 48_000, 1_000_000_000_u32, 0_u32.wrapping_sub(48_000 * 20)] {
        let mut sim = Emulation::new(sine(400.0, -20.0, 48_000 * 6));
        sim.header = Box::new(move |n| (1, n as u16, (n * 960).wrapping_add(if n < 150 { 0 } else { jump })));
        let outcome = sim.run(|_| Fate::Delay(30.0)).unwrap();
        assert_eq!(outcome.statistics.restarts, 1, "{jump}");
        let quiet = outcome.sound[48_000..].chunks_exact(480).filter(|chunk| rms_dbfs(chunk) < -40.0).count();
        assert!(quiet <= 6, "{jump}: {quiet} silent frames");
    }
}

#[test]
fn a_pause_of_the_sender_is_silence_and_no_loss() {
    let outcome =
        Emulation::new(voice()).run(|n| if (300..600).contains(&n) { Fate::Lost } else { Fate::Delay(40.0) }).unwrap();
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
        let sim = Emulation::new(voice()[..960 * fates.len()].to_vec());
        let outcome = sim.run(|n| match fates[n as usize] {
            (_, 0) => Fate::Lost,
            (delay, _) => Fate::Delay(f64::from(delay)),
        }).unwrap();
        let s = outcome.statistics;
        prop_assert!(outcome.sound.iter().all(|x| x.is_finite() && x.abs() < 4.0));
        prop_assert!(s.silent_concealed_samples <= s.concealed_samples);
        prop_assert!(s.concealed_samples <= s.total_samples_received + 48_000);
        prop_assert!(s.packets_late + s.packets_flushed <= s.packets_received);
    }
}
