//! The end of a call, and its record, which waits a moment for the last figures of its media.
//!
//! Figures come once a second, so a short call would end without any and a long one without its last second. The media
//! side is therefore asked to count ([`MediaCommand::Count`]) when a call is connected and when it ends.

use std::time::{Duration, Instant};

use super::{BUSY_TONE, MAX_RECENT, Phone, Timer, view};
use crate::call::Call;
use crate::event::{AudioStats, CallDirection, EndReason, EndedBy, Event};
use crate::hold;
use crate::ids::{CallId, SessionId};
use crate::line::{LineCommand, SessionEnd};
use crate::media::MediaStats;
use crate::output::MediaCommand;
use crate::snapshot::RecentCall;

/// How long a record waits for its last figures. The media side answers with its next tick; this is for one that does
/// not answer at all.
const COUNT_LIMIT: Duration = Duration::from_secs(2);

/// A call that is over, and whose record waits for its last figures.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    call: Call,
    at: Instant,
    by: EndedBy,
    reason: EndReason,
    code: Option<String>,
}

/// Which figures were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Where the counters stood when the call was connected.
    Start,
    /// The last ones.
    End,
}

impl Phone {
    /// Nobody confirmed the hang-up: the end of its session tells the far side.
    pub(super) fn give_up(&mut self, now: Instant, call: CallId) {
        let session = self.call_mut(call).and_then(|call| call.session);
        self.finish(now, call, EndedBy::Local, EndReason::Hangup, Some("unconfirmed".into()));
        self.settle_hold(now);
        let Some(session) = session else { return };
        if self.calls.iter().any(|call| call.session == Some(session)) {
            return;
        }
        if self.held == Some(session) {
            self.hold.handle(now, hold::Input::SignOut);
        } else {
            self.end_session(session, SessionEnd::NotNeeded);
        }
    }

    /// The call cannot go on for want of media: tell the service, and do not wait for it.
    pub(super) fn fail_call(&mut self, now: Instant, call: CallId, code: &str) {
        self.tell_line(now, LineCommand::HangUp { call });
        self.finish(now, call, EndedBy::System, EndReason::MediaFailed, Some(code.to_owned()));
    }

    /// Takes a call that is over off the screen, and writes its record.
    pub(super) fn finish(&mut self, now: Instant, call: CallId, by: EndedBy, reason: EndReason, code: Option<String>) {
        let Some(index) = self.call_index(call) else { return };
        let call = self.calls.remove(index);
        self.changed();
        self.timers.cancel(&Timer::Recover(call.id));
        if reason == EndReason::Busy && call.direction == CallDirection::Out {
            self.timers.set(Timer::BusyTone, now + BUSY_TONE);
        }
        self.recent.truncate(MAX_RECENT - 1);
        self.recent.push_front(RecentCall {
            peer_name: call.peer_name.clone(),
            peer_address: call.peer_address.clone(),
            direction: call.direction,
            queue: call.queue.clone(),
            ended: now,
            connected_s: call.connected.map(|at| now.saturating_duration_since(at).as_secs()),
            reason,
            warm: call.warm,
            setup_ms: call.setup().total,
        });
        if let Some(session) = call.session.filter(|_| call.connected.is_some()) {
            self.count(session, call.id, Count::End);
        }
        let ending = Ending { call, at: now, by, reason, code };
        if self.counting.iter().any(|(_, call, count)| *call == ending.call.id && *count == Count::End) {
            self.timers.set(Timer::Counted(ending.call.id), now + COUNT_LIMIT);
            // As many as there were calls, each for a moment.
            self.endings.push(ending);
        } else {
            self.tell_end(&ending);
        }
    }

    fn tell_end(&mut self, ending: &Ending) {
        let Ending { call, at, by, reason, code } = ending;
        let report = view::report(*at, call, *by, *reason, code.clone());
        self.event(Event::Ended { call: call.id, report: Box::new(report) });
    }

    /// The record waits no longer.
    pub(super) fn stop_waiting(&mut self, call: CallId) {
        self.timers.cancel(&Timer::Counted(call));
        self.counting.retain(|(_, waiting, _)| *waiting != call);
        if let Some(index) = self.endings.iter().position(|ending| ending.call.id == call) {
            let ending = self.endings.remove(index);
            self.tell_end(&ending);
        }
    }

    pub(super) fn stop_waiting_for_all(&mut self) {
        while let Some(call) = self.endings.first().map(|ending| ending.call.id) {
            self.stop_waiting(call);
        }
        self.counting.clear();
    }

    /// Asks where the counters of the session stand.
    pub(super) fn count(&mut self, session: SessionId, call: CallId, what: Count) {
        if self.session_mut(session).is_some_and(|session| session.up.is_some()) {
            self.counting.push((session, call, what));
            self.media(MediaCommand::Count { session, call });
        }
    }

    /// Asks for the last figures of a session that goes, for the calls on it.
    pub(super) fn count_last(&mut self, session: SessionId) {
        let on_it = |call: &&Call| call.session == Some(session) && call.connected.is_some();
        let calls: Vec<CallId> = self.calls.iter().filter(on_it).map(|call| call.id).collect();
        for call in calls {
            self.count(session, call, Count::End);
        }
    }

    pub(super) fn counted(
        &mut self,
        session: SessionId,
        call: CallId,
        stats: Option<MediaStats>,
        audio: Option<AudioStats>,
    ) {
        // Questions are answered in their order.
        let asked = self.counting.iter().position(|(of, by, _)| *of == session && *by == call);
        let Some((_, _, what)) = asked.map(|index| self.counting.remove(index)) else { return };
        let waiting = self.endings.iter_mut().find(|ending| ending.call.id == call).map(|ending| &mut ending.call);
        let over = waiting.is_some();
        let known = waiting.or_else(|| self.calls.iter_mut().find(|known| known.id == call));
        if let (Some(known), Some(stats)) = (known, stats) {
            match what {
                Count::Start if known.session.is_none_or(|now| now == session) => {
                    known.measures.start_was(stats, audio);
                }
                Count::End if known.session.is_none_or(|now| now == session) => known.measures.finish(stats, audio),
                // Another session carries the call by now, with counters of its own.
                Count::Start | Count::End => {}
            }
        }
        if over && what == Count::End {
            self.stop_waiting(call);
        }
    }
}
