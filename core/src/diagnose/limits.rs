//! From where on a figure is weak, and from where on it is bad. Policy may change them.

/// Defaults follow the limits that Twilio and Operata publish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Share of packets lost: weak, bad.
    pub loss: (f64, f64),
    pub jitter_ms: (f64, f64),
    pub round_trip_ms: (f64, f64),
    /// Below the first: weak; below the second: bad.
    pub mos: (f64, f64),
    pub lookup_ms: (f64, f64),
    pub connect_ms: (f64, f64),
    /// Milliseconds that a relay may be slower than the best region.
    pub region_ms: f64,
    pub clock_s: f64,
    pub certificate_days: i64,
    /// A voice is in this range, in dBFS.
    pub level_dbfs: (f32, f32),
    /// Quieter than this is no voice and no room either.
    pub silent_dbfs: f32,
    /// A voice stands this far above the noise.
    pub voice_above_noise_db: f32,
    pub snr_db: f32,
    /// Noise that no voice stands out of.
    pub noise_dbfs: f32,
    pub clipped: f32,
    pub echo_return_loss_db: f32,
    pub echo_delay_ms: f32,
    pub cpu: f32,
    pub missed_deadlines: u32,
    pub free_memory_mb: u64,
    pub quiet_s: u32,
    /// Input volume that moved by this many percent did not move by itself.
    pub volume_percent: f32,
    /// From answer to sound; and calls it takes to say so.
    pub answer_ms: f64,
    pub answered_calls: usize,
    /// Seconds after the answer in which both directions have sound.
    pub one_way_s: f64,
    /// Share of OPTIONS that may stay unanswered.
    pub probes_lost: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            loss: (0.01, 0.025),
            jitter_ms: (30.0, 60.0),
            round_trip_ms: (250.0, 400.0),
            mos: (4.0, 3.5),
            lookup_ms: (200.0, 2_000.0),
            connect_ms: (500.0, 3_000.0),
            region_ms: 50.0,
            clock_s: 60.0,
            certificate_days: 14,
            level_dbfs: (-40.0, -6.0),
            silent_dbfs: -70.0,
            voice_above_noise_db: 8.0,
            snr_db: 15.0,
            noise_dbfs: -40.0,
            clipped: 0.005,
            echo_return_loss_db: 20.0,
            echo_delay_ms: 200.0,
            cpu: 0.8,
            missed_deadlines: 3,
            free_memory_mb: 256,
            quiet_s: 30,
            volume_percent: 2.0,
            answer_ms: 1_500.0,
            answered_calls: 5,
            one_way_s: 3.0,
            probes_lost: 0.2,
        }
    }
}
