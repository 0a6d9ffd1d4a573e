//! The echo canceller with a voice, at many delays: what it takes for a drift of the clocks decides whether the echo is
//! heard.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use phone_audio::capture::{CaptureChain, CaptureSettings};
use phone_audio::{FRAME_SAMPLES, Frame};
use phone_tests::signal::{level_dbfs, speech};

/// What is left of an echo that comes this many samples later, and the drift that was believed in the end, in millionths.
fn echo_of(far: &[f32], delay: usize) -> (Vec<f32>, f32) {
    let near: Vec<f32> = std::iter::repeat_n(0.0, delay).chain(far.iter().copied()).collect();
    let mut chain = CaptureChain::new();
    chain.set(CaptureSettings { echo: true, ..CaptureSettings::OFF });
    let mut left = Vec::new();
    for (far, near) in far.as_chunks::<FRAME_SAMPLES>().0.iter().zip(near.as_chunks::<FRAME_SAMPLES>().0) {
        let mut frame = Frame(*near);
        chain.played(&Frame(*far));
        chain.process(&mut frame);
        left.extend_from_slice(&frame.0);
    }
    (left, chain.echo_state().expect("it runs").drift_ppm)
}

/// A vowel looks like itself one period later, and once that was taken for two clocks that differ: the echo was heard
/// for a second, at one delay in four.
#[test]
fn a_voice_and_equal_clocks_show_no_drift_at_any_delay() {
    let far = speech(3, Duration::from_secs(6));
    let mut wrong = Vec::new();
    for ms in 60..80 {
        let (left, ppm) = echo_of(&far, ms * 48);
        let back = level_dbfs(&left[2 * 48_000..]);
        if ppm != 0.0 || back > -66.0 {
            wrong.push(format!("{ms} ms: {ppm} ppm, {back:.0} dBFS come back"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
