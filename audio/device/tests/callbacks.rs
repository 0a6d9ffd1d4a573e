//! The device callbacks copy and count, and never ask the allocator for anything.
#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, reset_violation_count, violation_count};
use phone_audio::sound::StreamHealth;
use phone_device::callback::{CaptureEnd, PlaybackEnd};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

fn allocations(work: impl FnOnce()) -> u32 {
    reset_violation_count();
    assert_no_alloc(work);
    violation_count()
}

#[test]
fn an_allocation_would_be_noticed() {
    assert!(allocations(|| drop(std::hint::black_box(String::from("x")))) >= 2);
}

#[test]
fn the_microphone_callback_keeps_the_first_channel_and_counts_what_is_lost() {
    let health = Arc::<StreamHealth>::default();
    let (producer, mut consumer) = rtrb::RingBuffer::new(100);
    let mut end = CaptureEnd::new(producer, Arc::clone(&health));
    let stereo: Vec<f32> = (0..240).map(|n| if n % 2 == 0 { n as f32 / 240.0 } else { -1.0 }).collect();
    let integers = [i16::MAX, i16::MIN, 0];
    let count = allocations(|| {
        end.push(&stereo, 2);
        end.push::<f32>(&[], 0);
    });
    assert_eq!(count, 0);
    assert_eq!((health.callbacks.load(Relaxed), health.samples.load(Relaxed)), (2, 120));
    assert_eq!(health.overrun.load(Relaxed), 20);
    let mut heard = [0.0; 100];
    consumer.pop_entire_slice(&mut heard).unwrap();
    assert!(heard.iter().enumerate().all(|(n, x)| (x - n as f32 / 120.0).abs() < 1e-6));
    assert_eq!(allocations(|| end.push(&integers, 1)), 0);
    assert!(consumer.pop().unwrap() > 0.99 && consumer.pop().unwrap() < -0.99);
}

#[test]
fn the_speaker_callback_fills_every_channel_and_fades_when_the_ring_is_dry() {
    let health = Arc::<StreamHealth>::default();
    let (mut producer, consumer) = rtrb::RingBuffer::new(100);
    let mut end = PlaybackEnd::new(consumer, Arc::clone(&health));
    let mut stereo = [1.0_f32; 96];
    assert_eq!(allocations(|| end.fill(&mut stereo, 2)), 0);
    assert!(stereo.iter().all(|x| *x == 0.0));
    assert_eq!(health.underrun.load(Relaxed), 0, "nothing was missed before the first sample");

    producer.push_entire_slice(&[0.5; 24]).unwrap();
    assert_eq!(allocations(|| end.fill(&mut stereo, 2)), 0);
    assert!(stereo[..48].iter().all(|x| (*x - 0.5).abs() < f32::EPSILON));
    assert!(stereo[48..].windows(4).all(|w| w[0] > w[3] - 1e-9 && w[0] - w[3] < 0.02), "it fades without a step");
    assert_eq!(health.underrun.load(Relaxed), 24);
    let mut integers = [0_i16; 4];
    assert_eq!(allocations(|| end.fill(&mut integers, 1)), 0);
}
