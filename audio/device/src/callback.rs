//! What runs on the device's own thread, and nothing else.
//!
//! Real-time: bounded work, no allocation, no lock, no log, no clock.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use cpal::FromSample;
use phone_audio::sound::{Ears, StreamHealth};

/// The capture end of the ring, owned by the device callback.
pub struct CaptureEnd {
    ring: rtrb::Producer<f32>,
    health: Arc<StreamHealth>,
}

impl CaptureEnd {
    pub fn new(ring: rtrb::Producer<f32>, health: Arc<StreamHealth>) -> Self {
        Self { ring, health }
    }

    /// Takes one device buffer: `channels` samples per frame, of which the first is kept. What finds the ring full is
    /// lost and counted: a gap shifts the near signal against the far one, and the reader must know.
    pub fn push<T: Copy>(&mut self, interleaved: &[T], channels: usize)
    where
        f32: FromSample<T>,
    {
        let (mut samples, mut lost) = (0, 0);
        for frame in interleaved.chunks_exact(channels.max(1)) {
            let Some(first) = frame.first() else { continue };
            samples += 1;
            if self.ring.push(f32::from_sample_(*first)).is_err() {
                lost += 1;
            }
        }
        self.health.callbacks.fetch_add(1, Relaxed);
        self.health.samples.fetch_add(samples, Relaxed);
        if lost > 0 {
            self.health.overrun.fetch_add(lost, Relaxed);
        }
    }
}

/// The playback end of the ring, owned by the device callback.
pub struct PlaybackEnd {
    ring: rtrb::Consumer<f32>,
    health: Arc<StreamHealth>,
    last: f32,
    primed: bool,
}

/// How fast the last sample fades when the ring is dry, per sample: a step to zero would click.
const FADE: f32 = 0.99;

impl PlaybackEnd {
    pub fn new(ring: rtrb::Consumer<f32>, health: Arc<StreamHealth>) -> Self {
        Self { ring, health, last: 0.0, primed: false }
    }

    /// Fills one device buffer, the same in each of `channels`, or in one of the first two only. A dry ring gives silence; it counts as an underrun once
    /// the first sample was there.
    pub fn fill<T: Copy + FromSample<f32>>(&mut self, interleaved: &mut [T], channels: usize) {
        let (mut samples, mut missing) = (0, 0);
        let deaf = match self.health.ears() {
            Ears::Both => None,
            Ears::Left => Some(1),
            Ears::Right => Some(0),
        };
        for frame in interleaved.chunks_exact_mut(channels.max(1)) {
            samples += 1;
            if let Ok(sample) = self.ring.pop() {
                self.last = sample;
                self.primed = true;
            } else {
                self.last = if self.last.abs() < 1e-5 { 0.0 } else { self.last * FADE };
                missing += 1;
            }
            frame.fill(T::from_sample_(self.last));
            // A device with one channel has one side for both.
            if let Some(silent) = deaf.filter(|_| channels > 1).and_then(|side| frame.get_mut(side)) {
                *silent = T::from_sample_(0.0);
            }
        }
        self.health.callbacks.fetch_add(1, Relaxed);
        self.health.samples.fetch_add(samples, Relaxed);
        if missing > 0 && self.primed {
            self.health.underrun.fetch_add(missing, Relaxed);
        }
    }
}
