//! The signalling link: when to connect, when to give up an attempt, when to try again.
//!
//! Feed [`Link::handle`] one input and the time it happened, drain [`Link::poll`], then wait until
//! [`Link::deadline`] or the next input. What connecting means is the line's business; it tells each step with
//! [`Input::Progress`], and no step may take longer than [`STEP_LIMIT`].
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | Down | Connect | Connecting | Connect |
//! | Connecting | Progress | Connecting, limit renewed | – |
//! | Connecting | Ready | Up | – |
//! | Connecting | Failed, time is up | Waiting | Abandon |
//! | Up | Failed | Waiting | Abandon |
//! | Up, Connecting | Restart | Connecting | Abandon, Connect |
//! | Waiting | time is up, Connect, Restart | Connecting | Connect |
//! | Waiting | Stop | Down | – |
//! | Connecting, Up | Stop | Down | Abandon |

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::backoff;

/// Longest time one step of connecting may take.
pub const STEP_LIMIT: Duration = Duration::from_secs(15);
/// A level of back-off is forgotten after this many times its own wait without a failure.
const DECAY: u32 = 5;
/// After this long without a failure all is forgotten.
const FORGOTTEN: Duration = Duration::from_hours(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Connect now, also when it is waiting.
    Connect,
    /// A step of connecting is done.
    Progress,
    /// Connected in every respect.
    Ready,
    /// The attempt or the connection is lost; the server may have said how long to stay away.
    Failed {
        stay_away: Option<Duration>,
    },
    /// Start over without waiting (the server asked for it).
    Restart,
    Stop,
    Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Connect,
    /// Let go of everything of this attempt or connection.
    Abandon {
        timed_out: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Down,
    Connecting { until: Instant },
    Up { since: Instant },
    Waiting { until: Instant },
}

#[derive(Clone, Debug)]
pub struct Link {
    state: State,
    /// Level of back-off: grows with each failure and decays with time, so that a link that comes and goes does not
    /// begin from the shortest wait each time.
    attempt: u32,
    failed: Option<Instant>,
    seed: u64,
    /// A few commands an input, drained after each.
    out: VecDeque<Command>,
}

impl Link {
    pub fn new(seed: u64) -> Self {
        Self { state: State::Down, attempt: 0, failed: None, seed, out: VecDeque::new() }
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn handle(&mut self, now: Instant, input: Input) {
        use State::{Connecting, Down, Up, Waiting};
        self.state = match (self.state, input) {
            (Down | Waiting { .. }, Input::Connect) | (Waiting { .. }, Input::Restart) => self.connect(now),
            (Waiting { until }, Input::Tick) if until <= now => self.connect(now),
            (Connecting { .. }, Input::Progress) => Connecting { until: now + STEP_LIMIT },
            (Connecting { .. }, Input::Ready) => Up { since: now },
            (Connecting { until }, Input::Tick) if until <= now => self.wait(now, None, true),
            (Connecting { .. }, Input::Failed { stay_away }) => self.wait(now, stay_away, false),
            (Up { .. }, Input::Failed { stay_away }) => {
                self.decay(now);
                self.wait(now, stay_away, false)
            }
            (Up { .. } | Connecting { .. }, Input::Restart) => {
                self.out.push_back(Command::Abandon { timed_out: false });
                self.connect(now)
            }
            (Down, _) | (Waiting { .. }, Input::Stop) => {
                self.attempt = 0;
                Down
            }
            (_, Input::Stop) => {
                self.attempt = 0;
                self.out.push_back(Command::Abandon { timed_out: false });
                Down
            }
            // Late and repeated inputs change nothing.
            (state, _) => state,
        };
    }

    pub fn poll(&mut self) -> Option<Command> {
        self.out.pop_front()
    }

    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { until } | State::Waiting { until } => Some(until),
            State::Down | State::Up { .. } => None,
        }
    }

    fn connect(&mut self, now: Instant) -> State {
        self.out.push_back(Command::Connect);
        State::Connecting { until: now + STEP_LIMIT }
    }

    /// Lowers the level by the time that went well.
    fn decay(&mut self, now: Instant) {
        let Some(failed) = self.failed else { return };
        let mut good = now.saturating_duration_since(failed);
        if good >= FORGOTTEN {
            self.attempt = 0;
        }
        while let Some(below) = self.attempt.checked_sub(1) {
            let life = backoff::delay(below, self.seed).saturating_mul(DECAY);
            if good < life {
                return;
            }
            good -= life;
            self.attempt = below;
        }
    }

    fn wait(&mut self, now: Instant, stay_away: Option<Duration>, timed_out: bool) -> State {
        self.out.push_back(Command::Abandon { timed_out });
        let delay = backoff::delay(self.attempt, self.seed).max(stay_away.unwrap_or_default());
        self.attempt = self.attempt.saturating_add(1);
        self.failed = Some(now);
        State::Waiting { until: now + delay }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    struct Sim {
        link: Link,
        start: Instant,
        now: Instant,
        transcript: String,
        /// Connects minus abandons.
        open: i32,
    }

    impl Sim {
        fn new() -> Self {
            let now = crate::media::testing::epoch();
            Self { link: Link::new(1), start: now, now, transcript: String::new(), open: 0 }
        }

        fn input(&mut self, input: Input) {
            self.link.handle(self.now, input);
            while let Some(command) = self.link.poll() {
                let at = (self.now - self.start).as_secs();
                writeln!(self.transcript, "{at:>4} s  {command:?}").unwrap();
                self.open += if command == Command::Connect { 1 } else { -1 };
            }
        }

        fn advance(&mut self, by: Duration) {
            let end = self.now + by;
            while let Some(due) = self.link.deadline().filter(|due| *due <= end) {
                self.now = due;
                self.input(Input::Tick);
            }
            self.now = end;
        }
    }

    #[test]
    fn a_silent_server_is_given_up_and_tried_again() {
        let mut sim = Sim::new();
        sim.input(Input::Connect);
        sim.advance(Duration::from_secs(40));
        insta::assert_snapshot!(sim.transcript, @r"
           0 s  Connect
          15 s  Abandon { timed_out: true }
          17 s  Connect
          32 s  Abandon { timed_out: true }
          36 s  Connect
        ");
    }

    #[test]
    fn back_off_decays_with_the_time_that_went_well() {
        let mut sim = Sim::new();
        sim.input(Input::Connect);
        for _ in 0..5 {
            sim.input(Input::Failed { stay_away: None });
            sim.input(Input::Connect);
        }
        sim.input(Input::Ready);
        // Five levels: 2, 4, 8, 16 and 32 s, each forgotten after five times its length.
        let waits = |sim: &mut Sim, good: u64| {
            sim.advance(Duration::from_secs(good));
            sim.input(Input::Failed { stay_away: None });
            let wait = (sim.link.deadline().unwrap() - sim.now).as_secs();
            sim.advance(Duration::from_secs(wait + 1));
            sim.input(Input::Ready);
            wait
        };
        assert!((64..80).contains(&waits(&mut sim, 60)));
        assert!((84..=90).contains(&waits(&mut sim, 200)), "the level of 64 s lives for 320 s");
        assert!((2..3).contains(&waits(&mut sim, 1_200)));
        assert!((2..3).contains(&waits(&mut sim, 4_000)), "an hour forgets everything");
    }

    #[test]
    fn the_server_may_ask_to_stay_away_longer() {
        let mut sim = Sim::new();
        sim.input(Input::Connect);
        sim.input(Input::Failed { stay_away: Some(Duration::from_mins(1)) });
        assert_eq!(sim.link.deadline(), Some(sim.now + Duration::from_mins(1)));
    }

    const INPUTS: [Input; 7] = [
        Input::Connect,
        Input::Progress,
        Input::Ready,
        Input::Failed { stay_away: None },
        Input::Failed { stay_away: Some(Duration::from_mins(2)) },
        Input::Restart,
        Input::Stop,
    ];

    proptest! {
        #[test]
        fn there_is_never_more_than_one_attempt(
            steps in prop::collection::vec((0..INPUTS.len(), 0..100_u64), 0..60)
        ) {
            let mut sim = Sim::new();
            for (i, secs) in steps {
                sim.advance(Duration::from_secs(secs));
                sim.input(INPUTS[i]);
                let alive = matches!(sim.link.state(), State::Connecting { .. } | State::Up { .. });
                prop_assert_eq!(sim.open, i32::from(alive), "{}", sim.transcript);
                prop_assert!(sim.link.deadline().is_none_or(|due| due > sim.now));
            }
        }
    }
}
