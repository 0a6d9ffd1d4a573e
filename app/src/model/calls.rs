//! Which call is in front, which wait, and what each of them shows.

use std::time::{Duration, Instant};

use phone_core::command::SpeakWith;
use phone_core::event::CallDirection;
use phone_core::ids::CallId;
use phone_core::snapshot::{CallState, CallView, PendingRequest, Snapshot};

use super::history::History;
use super::quality::Verdict;
use super::{State, next_second, next_second_down, seconds_left, since, sooner};
use crate::text;

/// The calls, sorted by what the user does with them.
#[derive(Clone, Debug, Default)]
pub struct Desk<'a> {
    /// The call that the card shows.
    pub main: Option<&'a CallView>,
    /// Ring here.
    pub alerting: Vec<&'a CallView>,
    /// On hold beside the main one.
    pub held: Vec<&'a CallView>,
}

/// Sorts the calls. A live call is in front, else the call held last; what rings stands above.
pub fn desk(calls: &[CallView]) -> Desk<'_> {
    let mut desk = Desk::default();
    for call in calls {
        match call.state {
            CallState::Alerting { .. } => desk.alerting.push(call),
            CallState::Held { .. } => desk.held.push(call),
            CallState::Dialling | CallState::Ringing | CallState::Connected | CallState::Recovering { .. } => {
                desk.main = Some(call);
            }
            CallState::Ended { .. } => {}
        }
    }
    if desk.main.is_none() {
        desk.main = desk.held.pop();
    }
    desk
}

/// Whether any call would be lost by leaving.
pub fn in_call(snapshot: &Snapshot) -> bool {
    desk(&snapshot.calls).main.is_some()
}

/// The name to show; the number when there is no name.
pub fn peer(call: &CallView) -> String {
    let (name, address) = (call.peer_name.reveal(), call.peer_address.reveal());
    first_of(name, address)
}

/// `name`, else `address`, else "Hidden number".
pub fn first_of(name: &str, address: &str) -> String {
    [name, address].into_iter().map(str::trim).find(|s| !s.is_empty()).unwrap_or(text::HIDDEN_NUMBER).to_owned()
}

/// The number as a second line; `None` when it is the first line already.
fn second_line(call: &CallView) -> Option<String> {
    let (name, address) = (call.peer_name.reveal().trim(), call.peer_address.reveal().trim());
    (!name.is_empty() && !address.is_empty() && name != address).then(|| address.to_owned())
}

/// A call that rings here.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    pub id: CallId,
    pub name: String,
    pub number: Option<String>,
    pub queue: Option<String>,
    /// Seconds left and in all.
    pub countdown: Option<Countdown>,
    pub answering: bool,
    pub declining: bool,
    /// Draw again after this.
    pub redraw: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Countdown {
    pub left: u64,
    pub total: u64,
    /// 0–1 of the time that is left.
    pub share: f32,
}

pub fn incoming(call: &CallView, now: Instant) -> Incoming {
    let gives_up = match call.state {
        CallState::Alerting { gives_up } => gives_up,
        _ => None,
    };
    let countdown = gives_up.map(|end| {
        let total = since(end, call.started);
        let left = since(end, now);
        Countdown {
            left: seconds_left(now, end),
            total: total.as_secs_f64().round() as u64,
            share: (left.as_secs_f32() / total.as_secs_f32().max(1.0)).clamp(0.0, 1.0),
        }
    });
    Incoming {
        id: call.id,
        name: peer(call),
        number: second_line(call),
        queue: call.queue.clone(),
        countdown,
        answering: call.pending == Some(PendingRequest::Answer),
        declining: call.pending == Some(PendingRequest::Decline),
        redraw: gives_up.map(|end| next_second_down(now, end)),
    }
}

/// A call on hold beside the main one.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub id: CallId,
    pub name: String,
    pub since: String,
    pub queue: Option<String>,
}

pub fn held(call: &CallView, now: Instant) -> Held {
    let lasted = match call.state {
        CallState::Held { since: then } => since(now, then),
        _ => Duration::ZERO,
    };
    Held { id: call.id, name: peer(call), since: text::on_hold_for(lasted), queue: call.queue.clone() }
}

/// A sentence in the middle of the card.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub state: State,
    pub kind: NoteKind,
    pub title: String,
    pub action: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    Talking,
    Hold,
    Repairing,
}

/// What stands on the Hold tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldTile {
    Hold,
    Holding,
    Resume,
    Resuming,
}

/// A transfer that is being talked over.
#[derive(Clone, Debug, PartialEq)]
pub struct Consult {
    pub sentence: String,
    pub answered: bool,
    pub with: SpeakWith,
}

/// All that the card of the call in front shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    pub id: CallId,
    pub name: String,
    pub detail: String,
    /// What "Copy the number" copies.
    pub number: Option<String>,
    pub queue: Option<String>,
    /// Before the other side has answered: what happens.
    pub calling: Option<(&'static str, &'static str)>,
    pub note: Option<Note>,
    /// `None` before the call is connected.
    pub verdict: Option<Verdict>,
    pub muted: bool,
    pub held: bool,
    pub hold: HoldTile,
    /// Why hold or resume cannot be pressed.
    pub hold_refused: Option<&'static str>,
    pub keypad_refused: Option<&'static str>,
    pub transfer_refused: Option<&'static str>,
    /// A transfer that is being talked over.
    pub consult: Option<Consult>,
    pub ending: bool,
    pub digits: String,
    pub redraw: Option<Duration>,
}

/// `talking`: the microphone hears the user although the phone is muted.
pub fn card(call: &CallView, snapshot: &Snapshot, history: &History, talking: bool, now: Instant) -> Card {
    let connected = matches!(call.state, CallState::Connected | CallState::Held { .. } | CallState::Recovering { .. });
    let held_since = match call.state {
        CallState::Held { since } => Some(since),
        _ => None,
    };
    let held = held_since.is_some();
    let muted = snapshot.muted || call.muted;
    let name = peer(call);

    let how = match (held_since, call.direction) {
        (Some(_), _) => text::call_lasted(since(now, call.connected.unwrap_or(call.started))),
        (None, CallDirection::In) => text::CALLED_YOU.to_owned(),
        (None, CallDirection::Out) => text::YOU_CALLED.to_owned(),
    };
    let detail = match second_line(call) {
        Some(number) => format!("{number} · {how}"),
        None => how,
    };
    let number = Some(call.peer_address.reveal().trim()).filter(|n| !n.is_empty()).map(str::to_owned);

    let calling = match call.state {
        CallState::Dialling => Some((text::SETTING_UP, text::SETTING_UP_DETAIL)),
        CallState::Ringing => Some((text::RINGING_THERE, text::WAITING_FOR_ANSWER)),
        _ => None,
    };
    let note = match call.state {
        CallState::Recovering { .. } => Some(Note {
            state: State::Warn,
            kind: NoteKind::Repairing,
            title: text::REPAIR_NOTE.to_owned(),
            action: text::REPAIR_NOTE_ACTION,
        }),
        CallState::Held { .. } => Some(Note {
            state: State::Warn,
            kind: NoteKind::Hold,
            title: text::holds_note(&name),
            action: text::HOLD_NOTE_ACTION,
        }),
        CallState::Connected if muted && talking => Some(Note {
            state: State::Warn,
            kind: NoteKind::Talking,
            title: text::TALKING_WHILE_MUTED.to_owned(),
            action: text::PRESS_MUTE,
        }),
        _ => None,
    };
    let verdict = connected.then(|| {
        let mut verdict = history.verdict(call);
        if held && verdict.bars == 4 {
            "Line is clear, sound is paused".clone_into(&mut verdict.sentence);
        }
        verdict
    });
    let hold = match (call.pending, held) {
        (Some(PendingRequest::Hold), false) => HoldTile::Holding,
        (Some(PendingRequest::Resume), true) => HoldTile::Resuming,
        (_, true) => HoldTile::Resume,
        (_, false) => HoldTile::Hold,
    };

    Card {
        id: call.id,
        name,
        detail,
        number,
        queue: call.queue.clone(),
        calling,
        note,
        verdict,
        muted,
        held,
        hold,
        hold_refused: if connected { call.hold_refused } else { Some(text::NOT_CONNECTED_HOLD) },
        transfer_refused: call.transfer_refused,
        consult: call.consult.as_ref().map(|consult| {
            let target = first_of(consult.target.reveal(), "");
            let sentence = text::consulting(&target, &peer(call), consult.answered, consult.with);
            Consult { sentence, answered: consult.answered, with: consult.with }
        }),
        keypad_refused: match (connected, held) {
            (false, _) => Some(text::NOT_CONNECTED_KEYS),
            (_, true) => Some(text::HELD_KEYS),
            _ => None,
        },
        ending: call.pending == Some(PendingRequest::HangUp),
        digits: call.digits.clone(),
        redraw: held_since.map(|_| next_second(now, call.connected.unwrap_or(call.started))),
    }
}

/// The whole Calls panel while anything goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls {
    pub incoming: Vec<Incoming>,
    pub held: Vec<Held>,
    pub card: Option<Card>,
    pub redraw: Option<Duration>,
}

pub fn calls(snapshot: &Snapshot, history: &History, talking: bool, now: Instant) -> Calls {
    let desk = desk(&snapshot.calls);
    let incoming: Vec<_> = desk.alerting.iter().map(|call| incoming(call, now)).collect();
    let held_rows: Vec<_> = desk.held.iter().map(|call| held(call, now)).collect();
    let card = desk.main.map(|call| card(call, snapshot, history, talking, now));
    let redraw =
        incoming.iter().fold(card.as_ref().and_then(|card| card.redraw), |soonest, call| sooner(soonest, call.redraw));
    let redraw = desk.held.iter().fold(redraw, |soonest, call| match call.state {
        CallState::Held { since } => sooner(soonest, Some(next_second(now, since))),
        _ => soonest,
    });
    Calls { incoming, held: held_rows, card, redraw }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::made_up::{call, snapshot};

    fn names(calls: &[CallView]) -> (Option<String>, Vec<String>, Vec<String>) {
        let desk = desk(calls);
        let list = |calls: &[&CallView]| calls.iter().map(|call| peer(call)).collect();
        (desk.main.map(peer), list(&desk.alerting), list(&desk.held))
    }

    #[test]
    fn a_live_call_is_in_front_of_a_held_one() {
        let now = Instant::now();
        let calls = [
            call(1, "Held", CallState::Held { since: now }, now),
            call(2, "Live", CallState::Connected, now),
            call(3, "Rings", CallState::Alerting { gives_up: None }, now),
        ];
        assert_eq!(names(&calls), (Some("Live".into()), vec!["Rings".into()], vec!["Held".into()]));
    }

    #[test]
    fn without_a_live_call_the_last_held_one_is_in_front() {
        let now = Instant::now();
        let calls = [
            call(1, "First", CallState::Held { since: now }, now),
            call(2, "Second", CallState::Held { since: now }, now),
        ];
        assert_eq!(names(&calls), (Some("Second".into()), vec![], vec!["First".into()]));
    }

    #[test]
    fn an_ended_call_is_gone() {
        let now = Instant::now();
        let calls = [call(1, "Over", CallState::Ended { reason: phone_core::event::EndReason::Hangup }, now)];
        assert_eq!(names(&calls), (None, vec![], vec![]));
    }

    #[test]
    fn a_hidden_caller_is_called_so() {
        assert_eq!(first_of(" ", ""), "Hidden number");
        assert_eq!(first_of("", "+44 20"), "+44 20");
    }

    #[test]
    fn a_countdown_knows_how_much_is_left() {
        let now = Instant::now();
        let mut view = call(1, "Maria", CallState::Alerting { gives_up: Some(now + Duration::from_secs(9)) }, now);
        view.started = now.checked_sub(Duration::from_secs(3)).expect("a clock that has run for three seconds");
        let countdown = incoming(&view, now).countdown.expect("a countdown");
        assert_eq!((countdown.left, countdown.total), (9, 12));
        assert!((countdown.share - 0.75).abs() < 1e-3);
    }

    #[test]
    fn before_the_answer_hold_and_keypad_say_why_not() {
        let now = Instant::now();
        let view = call(1, "Tom", CallState::Dialling, now);
        let card = card(&view, &snapshot(vec![]), &History::default(), false, now);
        assert_eq!(card.hold_refused, Some(text::NOT_CONNECTED_HOLD));
        assert_eq!(card.keypad_refused, Some(text::NOT_CONNECTED_KEYS));
        assert_eq!(card.verdict, None);
    }

    #[test]
    fn talking_while_muted_is_told() {
        let now = Instant::now();
        let view = call(1, "Maria", CallState::Connected, now);
        let mut muted = snapshot(vec![view.clone()]);
        muted.muted = true;
        let kind = |talking| card(&view, &muted, &History::default(), talking, now).note.map(|note| note.kind);
        assert_eq!((kind(false), kind(true)), (None, Some(NoteKind::Talking)));
    }
}
