//! The linear echo canceller: an adaptive filter that learns the way from speaker to microphone, with its search for
//! the delay. The only file that names `aec3`.
//!
//! Only the linear part of the crate is used; its suppressor, which damages speech of both sides at once, is left
//! unused and skipped. It works at 16 kHz in blocks of 64 samples. It allocates while it runs (about a hundred small
//! pieces per frame), so it belongs on the media thread and never in a device callback.

use aec3::api::config::EchoCanceller3Config;
use aec3::audio_processing::aec3::block::Block;
use aec3::audio_processing::aec3::block_processor::BlockProcessor;

use super::bands::LOW_SAMPLES;

/// Samples of a block at 16 kHz: 4 ms.
const BLOCK: usize = 64;
/// What 160 samples leave of a block at most, and so how much later sound comes out: 2 ms.
pub(crate) const BLOCK_DELAY: usize = 32;
/// The crate counts in units of 16 bit sound.
const FULL_SCALE: f32 = 32_768.0;
const RATE_HZ: i32 = 16_000;

/// Filter of 120 ms, and the search for a delay of up to 600 ms (Bluetooth).
fn profile() -> EchoCanceller3Config {
    let mut config = EchoCanceller3Config::default();
    config.delay.num_filters = 7;
    config.filter.main.length_blocks = 30;
    config.filter.shadow.length_blocks = 30;
    // The fast shadow filter follows the near end in double talk, and the main filter must not.
    config.filter.enable_shadow_filter_output_usage = false;
    config.filter.main.leakage_converged = 5e-5;
    config.filter.main.leakage_diverged = 5e-4;
    config.filter.main.error_floor = 5e-4;
    config.filter.export_linear_aec_output = true;
    config
}

/// Cuts frames of 160 samples into blocks of 64 and back.
struct Blocks {
    waiting: [f32; BLOCK_DELAY + LOW_SAMPLES],
    held: usize,
}

impl Blocks {
    fn new() -> Self {
        Self { waiting: [0.0; BLOCK_DELAY + LOW_SAMPLES], held: 0 }
    }

    fn push(&mut self, samples: &[f32]) {
        if let Some(room) = self.waiting.get_mut(self.held..self.held + samples.len()) {
            room.copy_from_slice(samples);
            self.held += samples.len();
        }
    }

    fn pop(&mut self, out: &mut [f32]) -> bool {
        if self.held < out.len() {
            return false;
        }
        out.copy_from_slice(&self.waiting[..out.len()]);
        self.waiting.copy_within(out.len()..self.held, 0);
        self.held -= out.len();
        true
    }
}

/// What the filter made of a frame, both [`BLOCK_DELAY`] late.
pub(crate) struct Cancelled {
    /// The microphone without the echo that the filter knows.
    pub(crate) error: [f32; LOW_SAMPLES],
    /// The microphone.
    pub(crate) near: [f32; LOW_SAMPLES],
}

/// See the module.
pub(crate) struct LinearCanceller {
    inner: BlockProcessor,
    far: Blocks,
    near: Blocks,
    error_out: Blocks,
    near_out: Blocks,
    far_block: Block,
    near_block: Block,
    error_block: Block,
}

impl LinearCanceller {
    pub(crate) fn new() -> Self {
        let (mut error_out, mut near_out) = (Blocks::new(), Blocks::new());
        error_out.push(&[0.0; BLOCK_DELAY]);
        near_out.push(&[0.0; BLOCK_DELAY]);
        Self {
            inner: fresh(),
            far: Blocks::new(),
            near: Blocks::new(),
            error_out,
            near_out,
            far_block: Block::new(1, 1),
            near_block: Block::new(1, 1),
            error_block: Block::new(1, 1),
        }
    }

    /// 10 ms at 16 kHz of both sides; sound between −1 and 1.
    pub(crate) fn process(&mut self, near: &[f32; LOW_SAMPLES], far: &[f32; LOW_SAMPLES]) -> Cancelled {
        self.far.push(far);
        self.near.push(near);
        let (mut far_block, mut near_block) = ([0.0; BLOCK], [0.0; BLOCK]);
        while self.near.pop(&mut near_block) && self.far.pop(&mut far_block) {
            *self.far_block.view_mut(0, 0) = far_block.map(scaled);
            let near = near_block.map(scaled);
            *self.near_block.view_mut(0, 0) = near;
            // Left as it is until the crate has seen both sides.
            *self.error_block.view_mut(0, 0) = near;
            let saturated = near.iter().any(|x| x.abs() >= 32_700.0);
            self.inner.buffer_render(&self.far_block);
            self.inner.process_capture(false, saturated, Some(&mut self.error_block), &mut self.near_block);
            self.error_out.push(&self.error_block.view(0, 0).map(|x| x / FULL_SCALE));
            self.near_out.push(&near_block);
        }
        let mut out = Cancelled { error: [0.0; LOW_SAMPLES], near: [0.0; LOW_SAMPLES] };
        self.error_out.pop(&mut out.error);
        self.near_out.pop(&mut out.near);
        if !out.error.iter().all(|x| x.is_finite()) {
            // A filter that has left the numbers never comes back by itself.
            self.inner = fresh();
            out.error = out.near;
        }
        out
    }

    /// Where the search found the echo: how much later than the far end, in milliseconds. In steps of 4.
    pub(crate) fn delay_ms(&self) -> f32 {
        self.inner.get_metrics().delay_ms.max(0) as f32
    }
}

fn fresh() -> BlockProcessor {
    let mut inner = BlockProcessor::new(profile(), RATE_HZ, 1, 1);
    inner.set_capture_output_usage(false);
    inner
}

fn scaled(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) * FULL_SCALE } else { 0.0 }
}
