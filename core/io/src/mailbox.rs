//! What the engine thread leaves for the application: events, and the latest snapshot.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use phone_core::{Event, Snapshot};

use crate::clock;

/// Events that wait for an application that is busy. Full-policy: the oldest quality report goes first, since the
/// next second brings another; without one the oldest event goes, and the snapshot still says what is.
const CAPACITY: usize = 1024;

pub(crate) struct Mailbox {
    events: Mutex<Events>,
    arrived: Condvar,
    snapshot: ArcSwap<Snapshot>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Events {
    queue: VecDeque<Event>,
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { events: Mutex::default(), arrived: Condvar::new(), snapshot: ArcSwap::default(), wake }
    }

    pub(crate) fn push(&self, event: Event) {
        let mut events = self.lock();
        if events.queue.len() >= CAPACITY {
            let victim = events.queue.iter().position(|event| matches!(event, Event::Quality { .. })).unwrap_or(0);
            events.queue.remove(victim);
        }
        events.queue.push_back(event);
        drop(events);
        self.arrived.notify_one();
    }

    pub(crate) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Tells the application that there is something new.
    pub(crate) fn wake(&self) {
        (self.wake)();
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn try_event(&self) -> Option<Event> {
        self.lock().queue.pop_front()
    }

    /// Waits for an event, at most `limit`; not at all once the engine has stopped.
    pub(crate) fn wait_event(&self, limit: Duration) -> Option<Event> {
        // A limit beyond the clock's end means for ever, and a day is long enough before looking again.
        let until = clock::now() + limit.min(Duration::from_hours(24));
        let mut events = self.lock();
        loop {
            if let Some(event) = events.queue.pop_front() {
                return Some(event);
            }
            let left = until.saturating_duration_since(clock::now());
            if events.closed || left.is_zero() {
                return None;
            }
            events = self.arrived.wait_timeout(events, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// No more events will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
        self.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use phone_core::event::Quality;
    use phone_core::ids::CallId;

    use super::*;

    fn mailbox() -> Mailbox {
        Mailbox::new(Arc::new(|| {}))
    }

    #[test]
    fn a_full_mailbox_gives_up_quality_reports_before_anything_else() {
        let mailbox = mailbox();
        mailbox.push(Event::Unregistered);
        mailbox.push(Event::Quality { call: CallId(1), quality: Quality::default() });
        for _ in 0..CAPACITY - 1 {
            mailbox.push(Event::Muted { muted: true });
        }
        assert_eq!(mailbox.try_event(), Some(Event::Unregistered));
        let rest: Vec<Event> = std::iter::from_fn(|| mailbox.try_event()).collect();
        assert_eq!(rest.len(), CAPACITY - 1);
        assert!(rest.iter().all(|event| *event == Event::Muted { muted: true }));
    }

    #[test]
    fn a_closed_mailbox_gives_what_is_left_and_then_does_not_wait() {
        let mailbox = mailbox();
        mailbox.push(Event::Unregistered);
        mailbox.close();
        assert_eq!(mailbox.wait_event(Duration::from_hours(1)), Some(Event::Unregistered));
        assert_eq!(mailbox.wait_event(Duration::MAX), None);
    }
}
