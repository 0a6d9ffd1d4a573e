//! Everything that runs once per frame runs under an allocator that notices each call.
#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, reset_violation_count, violation_count};
use phone_audio::align::Reference;
use phone_audio::capture::{CaptureChain, CaptureSettings};
use phone_audio::codec::Coding;
use phone_audio::filter::{Gain, HighPass, Limiter};
use phone_audio::fuzz::Noise;
use phone_audio::gain::AutomaticGain;
use phone_audio::level::{MeanLevel, Meter};
use phone_audio::measure::sine;
use phone_audio::noise::{NoisePreset, NoiseSuppressor};
use phone_audio::playout::SpeakerChain;
use phone_audio::resample::{FromFrames, IntoFrames};
use phone_audio::ring::{CaptureReader, PlaybackWriter};
use phone_audio::session::SessionAudio;
use phone_audio::sound::{CaptureStream, PlaybackStream};
use phone_audio::tone::{Tone, TonePlayer};
use phone_audio::{FRAME_SAMPLES, Frame};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// Runs `work` and returns how often it asked the allocator for anything.
fn allocations(work: impl FnOnce()) -> u32 {
    reset_violation_count();
    assert_no_alloc(work);
    violation_count()
}

#[test]
fn an_allocation_would_be_noticed() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1_u8; 100]))) >= 2);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn ten_seconds_of_a_call_on_a_bad_network_do_not_allocate() {
    let mut capture = CaptureChain::new();
    let mut speaker = SpeakerChain::new();
    let mut session = SessionAudio::new(Coding::Opus).unwrap();
    let sound = sine(300.0, -20.0, 480_000);
    let start = phone_audio::fuzz::epoch();
    let count = allocations(|| {
        let (mut sequence, mut timestamp) = (0_u16, 0_u32);
        let mut payload = [0_u8; 1500];
        let mut held_back: Option<(usize, u16, u32)> = None;
        for (n, chunk) in sound.chunks_exact(FRAME_SAMPLES).enumerate() {
            let now = start + Duration::from_millis(10) * n as u32;
            let mut frame = Frame::SILENCE;
            frame.0.copy_from_slice(chunk);
            capture.set_muted(n % 200 > 180);
            capture.process(&mut frame);
            session.set_loss(0.05);
            if let Some(packet) = session.push_capture(&frame) {
                let length = packet.len();
                payload[..length].copy_from_slice(packet);
                let ssrc = u32::from(n > 700);
                match sequence % 23 {
                    // Lost.
                    3 => {}
                    // Late, behind its successor.
                    7 => held_back = Some((length, sequence, timestamp)),
                    // Twice.
                    11 => {
                        session.insert(&payload[..length], sequence, timestamp, false, ssrc, now);
                        session.insert(&payload[..length], sequence, timestamp, false, ssrc, now);
                    }
                    _ => session.insert(&payload[..length], sequence, timestamp, false, ssrc, now),
                }
                if sequence % 23 == 9
                    && let Some((length, sequence, timestamp)) = held_back.take()
                {
                    session.insert(&payload[..length], sequence, timestamp, false, ssrc, now);
                }
                sequence = sequence.wrapping_add(1);
                timestamp = timestamp.wrapping_add(session.packet_ticks());
            }
            // A stall, and a hurry to catch up.
            if !(300..340).contains(&n) {
                session.pull(now, &mut frame);
            }
            speaker.play((n % 100 > 50).then_some(Tone::Ring));
            if n % 30 == 0 {
                speaker.play_digit('5');
            }
            speaker.set_volume((n % 100) as u8);
            speaker.process(&mut frame);
            std::hint::black_box(session.stats());
        }
    });
    assert_eq!(count, 0);
    let stats = session.stats();
    assert!(stats.concealed_ms > 0.0 && stats.stretched_ms > 0.0, "the paths were taken: {stats:?}");
}

/// A part of a chain: its name, and what it does with the n-th frame.
type Stage<'a> = (&'a str, &'a mut dyn FnMut(usize, &mut Frame));

/// Seconds of speech-like steps between a tone, noise and silence through one stage.
fn through(stage: &mut dyn FnMut(usize, &mut Frame)) -> u32 {
    let (tone, mut noise) = (sine(300.0, -20.0, FRAME_SAMPLES), Noise::new(1));
    allocations(|| {
        for n in 0..500 {
            let mut frame = Frame::SILENCE;
            for (sample, tone) in frame.0.iter_mut().zip(&tone) {
                *sample = match n / 20 % 3 {
                    0 => tone + 1e-3 * noise.next(),
                    1 => 1.4 * noise.next(),
                    _ => 0.0,
                };
            }
            stage(n, &mut frame);
            std::hint::black_box(&frame);
        }
    })
}

#[test]
fn each_stage_of_the_capture_chain_alone_does_not_allocate() {
    let mut reference = Reference::new();
    let mut high_pass = HighPass::new(80.0);
    let mut noise = NoiseSuppressor::new();
    let mut even_out = AutomaticGain::default();
    let (mut gain, mut limiter) = (Gain::new(1.0), Limiter::default());
    let (mut meter, mut mean) = (Meter::default(), MeanLevel::default());
    let mut chain = CaptureChain::new();
    chain.set(CaptureSettings { echo: false, noise: NoisePreset::Strong, even_out: true });
    let mut stages: [Stage<'_>; 8] = [
        ("reference on the microphone's clock", &mut |n, frame| {
            reference.push(frame);
            if n % 50 == 0 {
                reference.correct((n % 7) as f32 * 20.0 - 60.0);
            }
            // Now and then nobody reads, and it runs over.
            if n % 100 < 80 {
                reference.pull(frame);
            }
        }),
        ("high-pass", &mut |_, frame| high_pass.process(frame)),
        ("noise suppression", &mut |n, frame| {
            noise.process(frame, if n % 100 < 50 { NoisePreset::Normal } else { NoisePreset::Strong });
        }),
        ("automatic gain", &mut |_, frame| even_out.process(frame)),
        ("gain", &mut |n, frame| {
            gain.set((n % 4) as f32);
            gain.process(frame);
        }),
        ("limiter", &mut |_, frame| limiter.process(frame)),
        ("meters", &mut |_, frame| {
            meter.push(frame);
            mean.push(frame);
        }),
        ("the chain, which is muted now and then", &mut |n, frame| {
            chain.set_muted(n % 100 > 80);
            chain.process(frame);
        }),
    ];
    for (name, stage) in &mut stages {
        assert_eq!(through(*stage), 0, "{name}");
    }
}

#[test]
fn each_codec_sends_receives_and_conceals_without_allocating() {
    for coding in [Coding::Opus, Coding::G722, Coding::Pcmu, Coding::Pcma] {
        let mut session = SessionAudio::new(coding).unwrap();
        session.set_dtx(true);
        let start = phone_audio::fuzz::epoch();
        let mut payload = [0_u8; 1500];
        let (mut sequence, mut timestamp) = (0_u16, 0_u32);
        let count = through(&mut |n, frame| {
            let now = start + Duration::from_millis(10) * n as u32;
            if let Some(packet) = session.push_capture(frame) {
                let length = packet.len();
                payload[..length].copy_from_slice(packet);
                // Single losses, a gap, and comfort noise in place of sound (RFC 3389).
                match sequence {
                    150 => session.insert_noise(&[40, 120, 100], sequence, timestamp, 1, now),
                    100..110 | 151..160 => {}
                    _ if sequence % 11 == 3 => {}
                    _ => session.insert(&payload[..length], sequence, timestamp, false, 1, now),
                }
                sequence += 1;
                timestamp = timestamp.wrapping_add(session.packet_ticks());
            }
            session.pull(now, frame);
        });
        assert_eq!(count, 0, "{coding:?}");
        assert!(session.stats().concealed_ms > 100.0, "{coding:?}: {:?}", session.stats());
    }
}

#[test]
fn each_stage_of_the_playout_chain_alone_does_not_allocate() {
    let mut tones = TonePlayer::default();
    let mut speaker = SpeakerChain::new();
    let mut stages: [Stage<'_>; 2] = [
        ("tones", &mut |n, frame| {
            if n % 40 == 0 {
                tones.play((n % 80 == 0).then_some(Tone::Busy));
                tones.digit('#');
            }
            tones.mix(frame);
        }),
        ("volume, limiter and meter", &mut |n, frame| {
            speaker.set_volume((n % 100) as u8);
            speaker.process(frame);
        }),
    ];
    for (name, stage) in &mut stages {
        assert_eq!(through(*stage), 0, "{name}");
    }
}

#[test]
fn resampling_and_rings_do_not_allocate() {
    for rate_hz in [8_000, 44_100, 48_000, 96_000] {
        let (mut device_in, samples) = rtrb::RingBuffer::new(rate_hz as usize / 2);
        let stream = CaptureStream { samples, rate_hz, health: Arc::default(), keep: Box::new(()) };
        let mut reader = CaptureReader::new(stream).unwrap();
        let (samples, mut device_out) = rtrb::RingBuffer::new(rate_hz as usize / 4);
        let stream = PlaybackStream { samples, rate_hz, health: Arc::default(), keep: Box::new(()) };
        let mut writer = PlaybackWriter::new(stream).unwrap();
        let mut from = FromFrames::new(rate_hz).unwrap();
        let mut into = IntoFrames::new(rate_hz).unwrap();
        let mut bite = vec![0.1; rate_hz as usize / 100];
        let count = allocations(|| {
            let mut frame = Frame::SILENCE;
            for n in 0..500 {
                let _full = device_in.push_partial_slice(&bite);
                while reader.read(&mut frame) {}
                while writer.wants() {
                    writer.write(&frame);
                }
                let _short = device_out.pop_partial_slice(&mut bite);
                from.set_ppm(f64::from(n % 7) * 20.0);
                into.set_ppm(f64::from(n % 5) * -30.0);
                std::hint::black_box(from.process(&frame));
                into.process(&bite[..into.needed().min(bite.len())], &mut frame);
            }
        });
        assert_eq!(count, 0, "{rate_hz} Hz");
    }
}
