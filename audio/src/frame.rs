//! The one unit of sound inside: 480 samples of f32, mono, 48 kHz, 10 ms.

/// Samples a second inside the program.
pub const SAMPLE_RATE_HZ: u32 = 48_000;
/// Samples in one [`Frame`].
pub const FRAME_SAMPLES: usize = 480;

/// 10 ms of mono sound, nominally within ±1.0 (0 dBFS).
#[derive(Clone, Debug, PartialEq)]
pub struct Frame(pub [f32; FRAME_SAMPLES]);

impl Frame {
    pub const SILENCE: Self = Self([0.0; FRAME_SAMPLES]);
}

impl Default for Frame {
    fn default() -> Self {
        Self::SILENCE
    }
}
