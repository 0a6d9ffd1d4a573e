//! What the window remembers between snapshots: a minute of quality per call, and the last ten events.

use std::collections::VecDeque;
use std::time::Instant;

use phone_core::event::{Event, Quality};
use phone_core::ids::CallId;
use phone_core::snapshot::CallView;

use super::quality::{self, Verdict};
use crate::text;

/// Seconds of quality kept for a call.
pub const SECONDS: usize = 60;
/// Seconds the verdict looks at, so that one bad packet does not flip the word.
const VERDICT_SECONDS: usize = 5;
/// Calls remembered; the oldest goes.
const CALLS: usize = 8;
/// Events remembered; the oldest goes.
const EVENTS: usize = 10;

#[derive(Debug, Default)]
pub struct History {
    /// Newest call last; at most [`CALLS`], at most [`SECONDS`] each.
    calls: VecDeque<(CallId, VecDeque<Quality>)>,
    /// Newest first; at most [`EVENTS`].
    events: VecDeque<(Instant, String)>,
}

impl History {
    /// Takes one event; true when the picture on screen may change by it.
    pub fn note(&mut self, now: Instant, event: &Event) -> bool {
        if let Event::Quality { call, quality } = event {
            self.add_quality(*call, quality.clone());
            return true;
        }
        let Some(line) = text::event(event) else { return false };
        self.events.push_front((now, line));
        self.events.truncate(EVENTS);
        true
    }

    fn add_quality(&mut self, call: CallId, quality: Quality) {
        let index = self.calls.iter().position(|(id, _)| *id == call).unwrap_or_else(|| {
            if self.calls.len() == CALLS {
                self.calls.pop_front();
            }
            self.calls.push_back((call, VecDeque::with_capacity(SECONDS)));
            self.calls.len() - 1
        });
        if let Some((_, seconds)) = self.calls.get_mut(index) {
            if seconds.len() == SECONDS {
                seconds.pop_front();
            }
            seconds.push_back(quality);
        }
    }

    /// Oldest first.
    pub fn seconds(&self, call: CallId) -> impl ExactSizeIterator<Item = &Quality> + DoubleEndedIterator + Clone {
        static EMPTY: VecDeque<Quality> = VecDeque::new();
        self.calls.iter().find(|(id, _)| *id == call).map_or(EMPTY.iter(), |(_, seconds)| seconds.iter())
    }

    /// How a call is; judged by its last minute, or by the present second while there is no other.
    pub fn verdict(&self, call: &CallView) -> Verdict {
        let seconds = self.seconds(call.id);
        if seconds.len() > 0 { quality::judge(seconds) } else { quality::judge_one(call.quality.as_ref()) }
    }

    /// The mean of the last seconds.
    pub fn recent(&self, call: CallId) -> Option<Quality> {
        let seconds = self.seconds(call);
        (seconds.len() > 0).then(|| quality::mean(&seconds.rev().take(VERDICT_SECONDS)))
    }

    /// Newest first.
    pub fn events(&self) -> impl Iterator<Item = (Instant, &str)> {
        self.events.iter().map(|(at, line)| (*at, line.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(mos: f64) -> Quality {
        Quality { mos: Some(mos), ..Quality::default() }
    }

    #[test]
    fn a_call_keeps_its_last_minute() {
        let mut history = History::default();
        for i in 0..100 {
            history.note(Instant::now(), &Event::Quality { call: CallId(1), quality: second(f64::from(i)) });
        }
        let kept: Vec<f64> = history.seconds(CallId(1)).filter_map(|q| q.mos).collect();
        assert_eq!((kept.len(), kept[0], kept[59]), (SECONDS, 40.0, 99.0));
        assert_eq!(history.recent(CallId(1)).and_then(|q| q.mos), Some(97.0));
        assert_eq!(history.recent(CallId(2)), None);
    }

    #[test]
    fn old_calls_and_events_give_way() {
        let mut history = History::default();
        for id in 0..20 {
            history.note(Instant::now(), &Event::Quality { call: CallId(id), quality: second(4.0) });
            history.note(Instant::now(), &Event::Connected { call: CallId(id) });
        }
        assert_eq!(history.seconds(CallId(0)).len(), 0);
        assert_eq!(history.seconds(CallId(19)).len(), 1);
        assert_eq!(history.events().count(), EVENTS);
    }
}
