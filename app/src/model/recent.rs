//! The calls of this session, newest first.

use std::time::{Duration, Instant};

use phone_core::event::{CallDirection, EndReason};
use phone_core::snapshot::{RecentCall, Snapshot};

use super::calls::first_of;
use super::since;
use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    In,
    Out,
    Missed,
    /// Went to somebody else.
    Elsewhere,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub kind: Kind,
    pub name: String,
    /// In front of the detail, in the colour of a problem.
    pub missed: bool,
    pub detail: String,
    pub when: String,
    /// What a press puts into the dial field; `None` for a hidden number.
    pub dial: Option<String>,
}

pub fn rows(snapshot: &Snapshot, now: Instant) -> Vec<Row> {
    snapshot.recent.iter().map(|call| row(call, now)).collect()
}

/// When the oldest "min ago" changes next, if there is any row.
pub fn redraw(snapshot: &Snapshot, now: Instant) -> Option<Duration> {
    snapshot
        .recent
        .iter()
        .map(|call| Duration::from_mins(1).saturating_sub(Duration::from_secs(since(now, call.ended).as_secs() % 60)))
        .min()
}

fn row(call: &RecentCall, now: Instant) -> Row {
    let answered = call.connected_s.is_some();
    let missed = !answered && call.reason != EndReason::Declined;
    let kind = match (call.direction, call.reason) {
        (_, EndReason::AnsweredElsewhere | EndReason::Transferred) => Kind::Elsewhere,
        (CallDirection::In, _) if missed => Kind::Missed,
        (CallDirection::In, _) => Kind::In,
        (CallDirection::Out, _) => Kind::Out,
    };
    let mut parts: Vec<String> = call.queue.iter().cloned().collect();
    parts.extend(call.connected_s.map(text::span));
    if kind != Kind::Missed {
        parts.extend(text::end_reason(call.reason).map(str::to_owned));
    }
    if parts.is_empty() && kind != Kind::Missed {
        parts.push(if call.direction == CallDirection::In { "In" } else { "Out" }.to_owned());
    }
    let (name, address) = (call.peer_name.reveal(), call.peer_address.reveal());
    Row {
        kind,
        name: first_of(name, address),
        missed: kind == Kind::Missed,
        detail: parts.join(" · "),
        when: text::ago(since(now, call.ended)),
        dial: [address, name].into_iter().map(|s| s.trim()).find(|s| !s.is_empty()).map(str::to_owned),
    }
}

/// What "redial" calls: the last number dialled.
pub fn redial(snapshot: &Snapshot) -> Option<String> {
    snapshot
        .recent
        .iter()
        .find(|call| call.direction == CallDirection::Out)
        .map(|call| call.peer_address.reveal().trim().to_owned())
        .filter(|address| !address.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::made_up::snapshot;

    fn recent(direction: CallDirection, connected_s: Option<u64>, reason: EndReason, ended: Instant) -> RecentCall {
        RecentCall {
            peer_name: "Priya Shah".into(),
            peer_address: "+44 20 7946 0958".into(),
            direction,
            queue: Some("Billing".into()),
            ended,
            connected_s,
            reason,
            warm: false,
            setup_ms: None,
        }
    }

    #[test]
    fn rows_tell_what_happened() {
        let ended = Instant::now();
        let now = ended + Duration::from_mins(5);
        let mut picture = snapshot(vec![]);
        picture.recent = vec![
            recent(CallDirection::In, Some(372), EndReason::Hangup, ended),
            recent(CallDirection::In, None, EndReason::Cancelled, ended),
            recent(CallDirection::Out, None, EndReason::Busy, ended),
            recent(CallDirection::In, None, EndReason::AnsweredElsewhere, ended),
        ];
        let told: Vec<_> = rows(&picture, now).into_iter().map(|row| (row.kind, row.detail, row.when)).collect();
        let when = "5 min ago".to_owned();
        assert_eq!(
            told,
            [
                (Kind::In, "Billing · 6 min 12 s".to_owned(), when.clone()),
                (Kind::Missed, "Billing".to_owned(), when.clone()),
                (Kind::Out, "Billing · busy".to_owned(), when.clone()),
                (Kind::Elsewhere, "Billing · answered by a colleague".to_owned(), when),
            ]
        );
    }

    #[test]
    fn redial_takes_the_last_number_dialled() {
        let now = Instant::now();
        let mut picture = snapshot(vec![]);
        assert_eq!(redial(&picture), None);
        picture.recent = vec![
            recent(CallDirection::In, Some(1), EndReason::Hangup, now),
            recent(CallDirection::Out, Some(1), EndReason::Hangup, now),
        ];
        assert_eq!(redial(&picture).as_deref(), Some("+44 20 7946 0958"));
    }
}
