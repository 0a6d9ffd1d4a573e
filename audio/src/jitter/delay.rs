//! How late packets come, and how much delay hides nearly all of it.
//!
//! The delay of a packet is counted from the fastest one of the last two seconds, so the clocks of both ends need not
//! agree, and slow drift between them cancels out. The worst packet of each tenth of a second goes into a histogram
//! with a forget factor; the delay to aim at is its 95 % quantile. Taking the worst of a short interval lets rare
//! spikes weigh little, while real jitter, which is there in every interval, is covered almost completely.

use std::time::{Duration, Instant};

use crate::SAMPLE_RATE_HZ;

/// 5 ms buckets up to 1 s.
const BUCKET: i64 = SAMPLE_RATE_HZ as i64 / 200;
const BUCKETS: usize = 200;
const QUANTILE: f32 = 0.95;
/// Per interval: half is forgotten after 7 s.
const FORGET: f32 = 0.99;
const INTERVAL: i64 = SAMPLE_RATE_HZ as i64 / 10;
/// The window of the fastest packet: 8 steps of 250 ms.
const STEP: i64 = SAMPLE_RATE_HZ as i64 / 4;
const STEPS: usize = 8;

pub(super) struct DelayEstimator {
    epoch: Option<Instant>,
    /// The least transit of each step; `i64::MAX` where no packet came.
    fastest: [i64; STEPS],
    step: i64,
    histogram: [f32; BUCKETS],
    updates: u16,
    interval_start: i64,
    interval_worst: Option<i64>,
    last: Option<(i64, i64)>,
    /// RFC 3550 §6.4.1, in samples.
    jitter: f64,
}

impl DelayEstimator {
    /// `start` is the delay to aim at while nothing is known.
    pub(super) fn new(start: Duration) -> Self {
        let mut histogram = [0.0; BUCKETS];
        if let Some(bucket) = histogram.get_mut(bucket_of(samples(start) - 1)) {
            *bucket = 1.0;
        }
        Self {
            epoch: None,
            fastest: [i64::MAX; STEPS],
            step: 0,
            histogram,
            updates: 0,
            interval_start: 0,
            interval_worst: None,
            last: None,
            jitter: 0.0,
        }
    }

    /// Another stream: its timestamps mean nothing here, but what was learnt of the network stays.
    pub(super) fn restart(&mut self) {
        self.fastest = [i64::MAX; STEPS];
        self.last = None;
        self.interval_worst = None;
    }

    /// A packet arrived; `timestamp` in samples.
    pub(super) fn arrived(&mut self, timestamp: i64, now: Instant) {
        let at = self.at(now);
        let transit = at - timestamp;
        if let Some((last_at, last_timestamp)) = self.last {
            let difference = (at - last_at) - (timestamp - last_timestamp);
            self.jitter += (difference.unsigned_abs() as f64 - self.jitter) / 16.0;
        }
        self.last = Some((at, timestamp));

        self.move_window(at);
        if let Some(fastest) = self.fastest.get_mut(slot(self.step)) {
            *fastest = transit.min(*fastest);
        }
        let delay = transit - self.base();

        if at - self.interval_start >= INTERVAL {
            if let Some(worst) = self.interval_worst.take() {
                self.learn(worst);
            }
            self.interval_start = at;
        }
        self.interval_worst = Some(self.interval_worst.map_or(delay, |worst| worst.max(delay)));
    }

    /// How much later than the fastest packet sound with this timestamp is played, if played at `now`.
    pub(super) fn delay_of(&mut self, timestamp: i64, now: Instant) -> i64 {
        let at = self.at(now);
        self.move_window(at);
        if self.fastest.iter().all(|fastest| *fastest == i64::MAX) {
            return 0;
        }
        at - timestamp - self.base()
    }

    /// Whether a packet came within the window.
    pub(super) fn is_fresh(&self) -> bool {
        self.fastest.iter().any(|fastest| *fastest != i64::MAX)
    }

    /// The quantile, in samples.
    pub(super) fn target(&self) -> i64 {
        let mut left = 1.0 - QUANTILE;
        for (index, share) in self.histogram.iter().enumerate().rev() {
            left -= share;
            if left < 0.0 {
                return (index as i64 + 1) * BUCKET;
            }
        }
        BUCKET
    }

    pub(super) fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter / f64::from(SAMPLE_RATE_HZ))
    }

    fn learn(&mut self, worst: i64) {
        // At first every interval counts the same; later the old ones fade.
        let keep = (1.0 - 1.0 / (f32::from(self.updates) + 2.0)).min(FORGET);
        self.updates = self.updates.saturating_add(1);
        for share in &mut self.histogram {
            *share *= keep;
        }
        if let Some(share) = self.histogram.get_mut(bucket_of(worst)) {
            *share += 1.0 - keep;
        }
    }

    /// Samples since the first packet.
    fn at(&mut self, now: Instant) -> i64 {
        let epoch = *self.epoch.get_or_insert(now);
        samples(now.saturating_duration_since(epoch))
    }

    fn base(&self) -> i64 {
        self.fastest.iter().copied().min().unwrap_or(0)
    }

    fn move_window(&mut self, at: i64) {
        let step = at / STEP;
        if step <= self.step {
            return;
        }
        // Without packets the old base stays: better an old clock than none.
        let lone = self.base();
        let mut any = false;
        for passed in self.step + 1..=step.min(self.step + STEPS as i64) {
            if let Some(fastest) = self.fastest.get_mut(slot(passed)) {
                *fastest = i64::MAX;
            }
        }
        any |= self.is_fresh();
        self.step = step;
        if !any && let Some(fastest) = self.fastest.get_mut(slot(step)) {
            *fastest = lone;
        }
    }
}

fn slot(step: i64) -> usize {
    step.rem_euclid(STEPS as i64) as usize
}

fn bucket_of(delay: i64) -> usize {
    ((delay.max(0) / BUCKET) as usize).min(BUCKETS - 1)
}

/// A duration in samples at 48 kHz.
pub(super) fn samples(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos() * u128::from(SAMPLE_RATE_HZ) / 1_000_000_000).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 48;

    struct Sim {
        estimator: DelayEstimator,
        start: Instant,
        sent: i64,
    }

    impl Sim {
        fn new() -> Self {
            let mut estimator = DelayEstimator::new(Duration::from_millis(40));
            let start = crate::fuzz::epoch();
            estimator.at(start);
            Self { estimator, start, sent: 0 }
        }

        /// `count` packets of 20 ms, each `delay(n)` milliseconds under way.
        fn packets(&mut self, count: i64, delay: impl Fn(i64) -> f64) {
            for n in 0..count {
                let arrival = self.sent as f64 * 20.0 + delay(n);
                let now = self.start + Duration::from_secs_f64(arrival / 1e3);
                self.estimator.arrived(self.sent * 20 * MS, now);
                self.sent += 1;
            }
        }

        fn target_ms(&self) -> i64 {
            self.estimator.target() / MS
        }
    }

    #[test]
    fn starts_at_the_given_target_and_falls_on_a_clean_network() {
        let mut sim = Sim::new();
        assert_eq!(sim.target_ms(), 40);
        sim.packets(150, |_| 30.0);
        assert_eq!(sim.target_ms(), 5);
    }

    #[test]
    fn covers_jitter_within_a_second_and_forgets_it_within_half_a_minute() {
        let mut sim = Sim::new();
        sim.packets(250, |_| 30.0);
        sim.packets(50, |n| 30.0 + (n * 7 % 5) as f64 * 10.0);
        assert!((40..=50).contains(&sim.target_ms()), "{}", sim.target_ms());
        sim.packets(1500, |_| 30.0);
        assert_eq!(sim.target_ms(), 5);
    }

    #[test]
    fn one_spike_does_not_raise_the_target() {
        let mut sim = Sim::new();
        sim.packets(250, |_| 30.0);
        sim.packets(15, |n| 330.0 - n as f64 * 20.0);
        sim.packets(5, |_| 30.0);
        assert_eq!(sim.target_ms(), 5);
    }

    #[test]
    fn clock_drift_is_not_taken_for_delay() {
        let mut sim = Sim::new();
        // 500 ppm: ten minutes bring 300 ms.
        sim.packets(30_000, |n| 30.0 + n as f64 * 0.01);
        assert_eq!(sim.target_ms(), 5);
    }

    #[test]
    fn jitter_follows_the_formula_of_rfc_3550() {
        let mut sim = Sim::new();
        sim.packets(400, |n| 30.0 + (n % 2) as f64 * 8.0);
        assert!((sim.estimator.jitter().as_secs_f64() - 0.008).abs() < 0.000_2);
    }
}
