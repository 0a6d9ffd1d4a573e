//! How well a device keeps time, seen from outside: its counters against a clock.
//!
//! Sound arrives in bites and is seen late, but never early, so the most that was delivered at any moment of a stretch
//! of time lies on a clean line; its slope is the drift of the device's clock, and a step down in it is sound that was
//! lost, whatever the system reports (null devices of PulseAudio and `PipeWire` report nothing at all).

use std::time::{Duration, Instant};

use super::facts::StreamFacts;

/// The first bites after the start come irregularly.
const START: Duration = Duration::from_millis(500);
/// Stretches of which the best moment counts.
const STRETCH: Duration = Duration::from_millis(500);
/// What clocks may differ by. More is loss.
const DRIFT_MOST: f64 = 500e-6;
/// A step down by more than this is loss; less is the rhythm of the bites. Seconds.
const STEP: f64 = 0.005;
const DRIFT_AFTER: Duration = Duration::from_secs(5);
/// Stretches kept for the slope: 10 minutes. Older ones leave.
const KEPT: usize = 1200;

/// What a stream's callbacks have counted up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounts {
    pub callbacks: u64,
    pub samples: u64,
    pub overrun: u64,
    pub underrun: u64,
}

impl StreamCounts {
    pub fn of(health: &crate::sound::StreamHealth) -> Self {
        use std::sync::atomic::Ordering::Relaxed;
        Self {
            callbacks: health.callbacks.load(Relaxed),
            samples: health.samples.load(Relaxed),
            overrun: health.overrun.load(Relaxed),
            underrun: health.underrun.load(Relaxed),
        }
    }
}

/// Watches one stream. [`see`](Self::see) it at least every 20 ms; it allocates only when it is made.
#[derive(Clone, Debug)]
pub struct StreamWatch {
    rate_hz: f64,
    opened: Option<Instant>,
    /// From here on it counts.
    start: Option<(Instant, StreamCounts)>,
    now: Option<(Instant, StreamCounts)>,
    last_callback: Option<Instant>,
    longest_pause: Duration,
    /// End of the running stretch, and the best moment in it: seconds since the start, seconds of sound ahead of it.
    stretch: Option<(Instant, (f64, f64))>,
    /// The best moments of past stretches, with what was lost put back in.
    moments: std::collections::VecDeque<(f64, f64)>,
    /// The line: where the best moment was when it was last reached.
    line: Option<(f64, f64)>,
    lost_s: f64,
}

impl StreamWatch {
    /// Of a stream whose device runs at this many samples a second.
    pub fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz: f64::from(rate_hz.max(1)),
            opened: None,
            start: None,
            now: None,
            last_callback: None,
            longest_pause: Duration::ZERO,
            stretch: None,
            moments: std::collections::VecDeque::with_capacity(KEPT),
            line: None,
            lost_s: 0.0,
        }
    }

    pub fn see(&mut self, now: Instant, counts: StreamCounts) {
        let opened = *self.opened.get_or_insert(now);
        if now < opened + START || counts.callbacks == 0 {
            return;
        }
        let (start, first) = *self.start.get_or_insert((now, counts));
        let grown = self.now.is_none_or(|(_, before)| counts.callbacks != before.callbacks);
        self.now = Some((now, counts));
        if grown {
            self.last_callback = Some(now);
        } else if let Some(last) = self.last_callback {
            self.longest_pause = self.longest_pause.max(now.saturating_duration_since(last));
        }
        let at = now.saturating_duration_since(start).as_secs_f64();
        let ahead = counts.samples.saturating_sub(first.samples) as f64 / self.rate_hz - at;
        match &mut self.stretch {
            Some((end, best)) if now < *end => {
                if ahead > best.1 {
                    *best = (at, ahead);
                }
            }
            stretch => {
                let done = stretch.replace((now + STRETCH, (at, ahead)));
                if let Some((_, best)) = done {
                    self.close_stretch(best);
                }
            }
        }
    }

    fn close_stretch(&mut self, (at, ahead): (f64, f64)) {
        let (line_at, line) = *self.line.get_or_insert((at, ahead));
        let missing = line - ahead - DRIFT_MOST * (at - line_at);
        if missing > STEP {
            self.lost_s += line - ahead;
            self.line = Some((at, ahead));
        } else if ahead >= line - DRIFT_MOST * (at - line_at) {
            self.line = Some((at, ahead));
        }
        if self.moments.len() >= KEPT {
            self.moments.pop_front();
        }
        self.moments.push_back((at, ahead + self.lost_s));
    }

    /// What was seen so far; `None` before anything counted.
    pub fn facts(&self) -> Option<StreamFacts> {
        let ((start, first), (now, last)) = (self.start?, self.now?);
        let length = now.saturating_duration_since(start);
        let callbacks = last.callbacks - first.callbacks;
        let sound = |samples: u64| Duration::from_secs_f64(samples as f64 / self.rate_hz);
        let (drift, error) = self.drift().unzip();
        Some(StreamFacts {
            length,
            callbacks,
            callback: length.checked_div(u32::try_from(callbacks).unwrap_or(u32::MAX)).unwrap_or_default(),
            longest_pause: self.longest_pause,
            drift_ppm: drift.filter(|_| length >= DRIFT_AFTER),
            drift_error_ppm: error.unwrap_or(f32::INFINITY).min(1e6),
            lost: Duration::from_secs_f64(self.lost_s.max(0.0)),
            overrun: sound(last.overrun - first.overrun),
            underrun: sound(last.underrun - first.underrun),
        })
    }

    /// Slope of the best moments by least squares, and its standard error, in ppm.
    fn drift(&self) -> Option<(f32, f32)> {
        let n = self.moments.len() as f64;
        if n < 4.0 {
            return None;
        }
        let mean = |of: fn(&(f64, f64)) -> f64| self.moments.iter().map(of).sum::<f64>() / n;
        let (mean_t, mean_a) = (mean(|m| m.0), mean(|m| m.1));
        let (mut tt, mut ta) = (0.0, 0.0);
        for (t, a) in &self.moments {
            tt += (t - mean_t).powi(2);
            ta += (t - mean_t) * (a - mean_a);
        }
        if tt <= 0.0 {
            return None;
        }
        let slope = ta / tt;
        let rest: f64 = self.moments.iter().map(|(t, a)| (a - mean_a - slope * (t - mean_t)).powi(2)).sum();
        let error = (rest / (n - 2.0) / tt).sqrt();
        Some(((slope * 1e6) as f32, (error * 1e6) as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that delivers `bite_ms` at a time with its own clock, seen every 10 ms, up to 9 ms late.
    struct Sim {
        watch: StreamWatch,
        epoch: Instant,
        seed: u32,
        counts: StreamCounts,
    }

    impl Sim {
        fn run(ppm: f64, bite_ms: f64, seconds: f64, mut lose: impl FnMut(f64) -> bool) -> StreamFacts {
            let mut sim = Self {
                watch: StreamWatch::new(48_000),
                epoch: Instant::now(),
                seed: 7,
                counts: StreamCounts::default(),
            };
            let mut due = 0.0;
            let mut bites = 0.0;
            for tick in 0..(seconds * 100.0) as u32 {
                sim.seed = sim.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = f64::from(tick) * 0.010 + f64::from(sim.seed >> 8) / f64::from(1 << 24) * 0.009;
                while due <= at {
                    if !lose(due) {
                        sim.counts.callbacks += 1;
                        sim.counts.samples += (48.0 * bite_ms) as u64;
                    }
                    bites += 1.0;
                    due = bites * bite_ms / 1e3 / (1.0 + ppm / 1e6);
                }
                let now = sim.epoch + Duration::from_secs_f64(at);
                sim.watch.see(now, sim.counts);
            }
            sim.watch.facts().unwrap()
        }
    }

    #[test]
    fn drift_is_found_within_its_error_and_nothing_counts_as_lost() {
        for ppm in [-200.0, -30.0, 0.0, 50.0, 300.0] {
            let facts = Sim::run(ppm, 10.0, 60.0, |_| false);
            let off = (f64::from(facts.drift_ppm.unwrap()) - ppm).abs();
            assert!(off < 15.0 && off < 5.0 * f64::from(facts.drift_error_ppm) + 3.0, "{ppm}: {facts:?}");
            assert_eq!(facts.lost, Duration::ZERO, "{ppm}: {facts:?}");
        }
    }

    #[test]
    fn a_hole_in_what_is_delivered_is_measured_to_a_few_milliseconds() {
        let facts = Sim::run(40.0, 10.0, 30.0, |at| (12.0..12.2).contains(&at));
        assert!(facts.lost.abs_diff(Duration::from_millis(200)) < Duration::from_millis(8), "{facts:?}");
        assert!(facts.longest_pause >= Duration::from_millis(180), "{facts:?}");
        // The slope is that of the clock, not of the loss.
        assert!((facts.drift_ppm.unwrap() - 40.0).abs() < 120.0, "{facts:?}");
    }

    #[test]
    fn steady_small_losses_add_up() {
        // Every 40th bite of 5 ms: 2.5 %.
        let mut n = 0;
        let facts = Sim::run(0.0, 5.0, 20.0, |_| {
            n += 1;
            n % 40 == 0
        });
        assert!((420..=500).contains(&facts.lost.as_millis()), "{facts:?}");
    }

    #[test]
    fn a_late_but_complete_delivery_is_a_pause_and_no_loss() {
        let mut watch = StreamWatch::new(48_000);
        let epoch = Instant::now();
        let mut counts = StreamCounts::default();
        for tick in 0..1000_u64 {
            // For 100 ms nothing, then all of it at once.
            if !(500..510).contains(&tick) {
                let waiting = if tick == 510 { 11 } else { 1 };
                counts.callbacks += waiting;
                counts.samples += 480 * waiting;
            }
            watch.see(epoch + Duration::from_millis(10 * tick), counts);
        }
        let facts = watch.facts().unwrap();
        assert_eq!(facts.lost, Duration::ZERO);
        assert!(facts.longest_pause >= Duration::from_millis(90), "{facts:?}");
        assert!(facts.callback.abs_diff(Duration::from_millis(10)) < Duration::from_millis(1));
    }

    #[test]
    fn a_stream_that_never_starts_has_no_facts() {
        let mut watch = StreamWatch::new(0);
        assert_eq!(watch.facts(), None);
        for second in 0..10 {
            watch.see(Instant::now() + Duration::from_secs(second), StreamCounts::default());
        }
        assert_eq!(watch.facts(), None);
    }
}
