//! [`Phone`]: owns lines, calls and sessions; the one way in and out.

use std::time::{Duration, Instant};

use crate::input::Input;
use crate::media::RelayPolicy;
use crate::output::Output;
use crate::snapshot::Snapshot;

/// What is decided before the phone starts.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// Force relay by local policy; the server may force it too.
    pub relay: RelayPolicy,
    /// Overrides the DSCP that the station asks for, 0–63.
    pub dscp: Option<u8>,
    /// Answer incoming calls without asking (`offhook listen`).
    pub auto_answer: bool,
    /// Longest time a warm session is kept without a call; the server's own limit usually comes first.
    pub idle_limit: Duration,
    /// Seed of back-off jitter and of names that need no secrecy.
    pub seed: u64,
}

impl Default for PhoneConfig {
    fn default() -> Self {
        Self { relay: RelayPolicy::All, dscp: None, auto_answer: false, idle_limit: Duration::from_mins(11), seed: 1 }
    }
}

/// The whole phone without its sockets and devices.
#[derive(Debug)]
pub struct Phone {
    _config: PhoneConfig,
}

impl Phone {
    pub fn new(config: PhoneConfig, _now: Instant) -> Self {
        Self { _config: config }
    }

    /// Takes one input that happened at `now`. Drain [`poll`](Self::poll) afterwards.
    pub fn handle(&mut self, _now: Instant, _input: Input) {}

    pub fn poll(&mut self) -> Option<Output> {
        None
    }

    /// When to hand in [`Input::Tick`]; never in the past after a drain.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The picture as of the last input.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }
}
