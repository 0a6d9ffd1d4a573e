//! Named timers in a table: set one by name, ask which is due next, take those that are.
//!
//! A name is set at most once; setting it again moves it. Nothing here waits by itself.

use std::collections::BTreeMap;
use std::time::Instant;

/// Timers of one machine; `K` is usually a small enum, sometimes with an id inside.
#[derive(Clone, Debug)]
pub struct Timers<K>(BTreeMap<K, Instant>);

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Timers<K> {
    pub fn set(&mut self, name: K, due: Instant) {
        self.0.insert(name, due);
    }

    pub fn cancel(&mut self, name: &K) {
        self.0.remove(name);
    }

    pub fn cancel_all(&mut self) {
        self.0.clear();
    }

    pub fn due(&self, name: &K) -> Option<Instant> {
        self.0.get(name).copied()
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Takes the earliest timer that is due at `now`; of several due at once the least name first.
    pub fn expired(&mut self, now: Instant) -> Option<K> {
        let (_, name) = self.0.iter().filter(|(_, due)| **due <= now).map(|(name, due)| (*due, name)).min()?;
        let name = name.clone();
        self.0.remove(&name);
        Some(name)
    }
}

/// The earlier of two deadlines.
pub fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_come_out_in_order_of_time_and_once() {
        let start = crate::media::testing::epoch();
        let at = |secs| start + Duration::from_secs(secs);
        let mut timers = Timers::default();
        timers.set("late", at(3));
        timers.set("early", at(1));
        timers.set("moved", at(9));
        timers.set("moved", at(2));
        timers.set("cancelled", at(1));
        timers.cancel(&"cancelled");

        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.expired(at(0)), None);
        let order: Vec<_> = std::iter::from_fn(|| timers.expired(at(3))).collect();
        assert_eq!(order, ["early", "moved", "late"]);
        assert_eq!(timers.next(), None);
    }
}
