//! Handing a call on, at once or after asking; conference; and classifying it once it has ended.

use std::time::Duration;

use serde_json::{Value, json};

use super::calls::LineCall;
use super::rest::{self, Purpose, Reply};
use super::{GenesysLine, calls, notice, wire};
use crate::command::SpeakWith;
use crate::ids::CallId;
use crate::line::{CallNews, LineEvent, Request, WrapUpNews};
use crate::output::{HttpBody, Method};
use crate::redact::Private;
use crate::snapshot::ConsultView;

/// Calls that wait to be classified; the oldest is left to the service.
const MAX_WRAP_UPS: usize = 8;
/// Codes shown of one queue.
const MAX_CODES: usize = 200;

/// What a request of a transfer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Blind,
    Start,
    Speak(SpeakWith),
    Cancel,
}

/// A transfer that is being talked over, as far as we know.
#[derive(Clone, Debug)]
pub struct Consult {
    /// Its participant, once the service said so.
    participant: Option<String>,
    view: ConsultView,
    /// The target was seen in the call.
    seen: bool,
    /// We let go of the target ourselves.
    cancelled: bool,
}

/// A call that waits to be classified.
#[derive(Clone, Debug)]
pub struct WrapUp {
    call: CallId,
    conversation: String,
    participant: String,
    communication: String,
}

impl GenesysLine {
    /// `POST …/participants/{own}/replace`.
    pub(super) fn transfer(&mut self, call: CallId, to: &Private<String>) {
        let Some((path, _)) = self.call(call).and_then(own_path) else { return self.transfer_not_possible(call) };
        let body = rest::json(&target(to));
        let purpose = Purpose::Transfer { call, step: Step::Blind };
        self.send_body(purpose, Method::Post, format!("{path}/replace"), body);
    }

    /// `POST …/participants/{customer}/consult`.
    pub(super) fn consult(&mut self, call: CallId, to: &Private<String>) {
        let Some(path) = self.call(call).and_then(consult_path) else { return self.transfer_not_possible(call) };
        let Some(known) = self.call_mut(call) else { return };
        if known.consult.is_some() {
            return;
        }
        let view = ConsultView { target: to.clone(), answered: false, with: SpeakWith::Target };
        known.consult = Some(Consult { participant: None, view: view.clone(), seen: false, cancelled: false });
        self.news(call, CallNews::Consult(Some(view)));
        let body = rest::json(&json!({ "speakTo": "DESTINATION", "destination": target(to) }));
        self.send_body(Purpose::Transfer { call, step: Step::Start }, Method::Post, path, body);
    }

    /// `PATCH …/consult`.
    pub(super) fn speak(&mut self, call: CallId, with: SpeakWith) {
        let Some(known) = self.call(call).filter(|known| known.consult.is_some()) else { return };
        let Some(path) = consult_path(known) else { return };
        let word = match with {
            SpeakWith::Target => "DESTINATION",
            SpeakWith::Waiting => "OBJECT",
            SpeakWith::All => "CONFERENCE",
        };
        let body = rest::json(&json!({ "speakTo": word }));
        self.send_body(Purpose::Transfer { call, step: Step::Speak(with) }, Method::Patch, path, body);
    }

    /// `DELETE …/consult`.
    pub(super) fn cancel_transfer(&mut self, call: CallId) {
        let Some(known) = self.call_mut(call) else { return };
        let Some(consult) = known.consult.as_mut() else { return };
        consult.cancelled = true;
        let Some(path) = consult_path(known) else { return };
        let purpose = Purpose::Transfer { call, step: Step::Cancel };
        self.send_body(purpose, Method::Delete, path, HttpBody::Empty);
    }

    /// Leaving the call while the target is in it hands the call over.
    pub(super) fn complete_transfer(&mut self, call: CallId) {
        let Some(known) = self.call_mut(call) else { return };
        if known.consult.as_ref().is_some_and(|consult| consult.view.answered) {
            known.handed_over = true;
            self.hang_up(call);
        }
    }

    fn transfer_not_possible(&mut self, call: CallId) {
        let notice = notice::request_failed("transfer the call", "the other side is not known yet");
        self.news(call, CallNews::Refused { request: Request::Transfer, notice });
    }

    pub(super) fn transfer_answered(&mut self, call: CallId, step: Step, reply: &Reply) {
        let Some(known) = self.call_mut(call) else { return };
        if let Some(why) = reply.failure() {
            let what = match step {
                Step::Blind => "transfer the call",
                Step::Start => {
                    known.consult = None;
                    self.news(call, CallNews::Consult(None));
                    "call the target of the transfer"
                }
                Step::Speak(_) => "switch between the two",
                Step::Cancel => {
                    if let Some(consult) = known.consult.as_mut() {
                        consult.cancelled = false;
                    }
                    "take the call back"
                }
            };
            let notice = notice::request_failed(what, &why);
            return self.news(call, CallNews::Refused { request: Request::Transfer, notice });
        }
        let Some(consult) = known.consult.as_mut() else { return };
        match (step, reply) {
            (Step::Start, Reply::Good(body)) => {
                consult.participant = wire::parse::<wire::ConsultStarted>(body)
                    .map(|started| started.destination_participant_id)
                    .filter(|id| !id.is_empty());
            }
            (Step::Speak(with), _) => {
                consult.view.with = with;
                let view = consult.view.clone();
                self.news(call, CallNews::Consult(Some(view)));
            }
            // The events tell the rest.
            _ => {}
        }
    }

    /// What the state of the conversation says about a transfer.
    pub(super) fn consult_news(&mut self, call: CallId, body: &wire::Conversation, mine: &wire::Participant) {
        let Some(known) = self.call_mut(call) else { return };
        if let Some(waiting) = body.other(mine) {
            // A target that was asked is no customer, even where it comes first.
            let asked = known.consult.as_ref().and_then(|consult| consult.participant.as_ref());
            if asked != Some(&waiting.id) && waiting.consult_participant_id.is_empty() {
                known.customer = Some(waiting.id.clone()).filter(|id| !id.is_empty());
            }
        }
        let Some(customer) = known.customer.clone() else { return };
        let asked = known.consult.as_ref().and_then(|consult| consult.participant.clone());
        let target = body.participants.iter().rev().find(|other| {
            other.id != mine.id
                && (asked.as_ref() == Some(&other.id) || asked.is_none() && other.consult_participant_id == customer)
        });
        // We may be the one who is asked.
        let target = target.filter(|_| mine.consult_participant_id.is_empty());
        let leg = target.and_then(wire::Participant::call);
        let name = target.map(|target| if target.name.is_empty() { &target.address } else { &target.name });
        match (known.consult.as_mut(), leg) {
            (Some(consult), Some(leg)) if !wire::is_over(&leg.state) => {
                let before = consult.view.clone();
                consult.seen = true;
                consult.participant = target.map(|target| target.id.clone());
                consult.view.answered = leg.state == "connected";
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    consult.view.target = wire::plain_address(name).into();
                }
                if consult.view != before {
                    let view = consult.view.clone();
                    self.news(call, CallNews::Consult(Some(view)));
                }
            }
            // It was there, and is not any more.
            (Some(consult), _) if consult.seen => {
                let failed = !consult.view.answered && !consult.cancelled;
                let name = consult.view.target.clone();
                known.consult = None;
                self.news(call, CallNews::Consult(None));
                if failed {
                    let notice = notice::target_did_not_answer(name.reveal());
                    self.news(call, CallNews::Refused { request: Request::Transfer, notice });
                }
            }
            // Begun by another client of this user.
            (None, Some(leg)) if !wire::is_over(&leg.state) && known.connected => {
                let answered = leg.state == "connected";
                let target_name = wire::plain_address(name.map_or("", String::as_str)).into();
                let view = ConsultView { target: target_name, answered, with: SpeakWith::Target };
                let participant = target.map(|target| target.id.clone());
                known.consult = Some(Consult { participant, view: view.clone(), seen: true, cancelled: false });
                self.news(call, CallNews::Consult(Some(view)));
            }
            _ => {}
        }
    }

    // After the call.

    /// The call ends; says so if it has to be classified.
    pub(super) fn wrap_up_due(&mut self, call: CallId, mine: &wire::Participant) {
        let Some(known) = self.call(call).filter(|known| known.connected) else { return };
        if !mine.wrapup_required || mine.wrapup.is_some() || self.wrap_ups.iter().any(|due| due.call == call) {
            return;
        }
        let (Some(conversation), Some(participant), Some(communication)) =
            (known.conversation.clone(), known.participant.clone(), known.communication.clone())
        else {
            return;
        };
        if self.wrap_ups.len() == MAX_WRAP_UPS {
            let oldest = self.wrap_ups.remove(0).call;
            self.emit(LineEvent::WrapUp { call: oldest, news: WrapUpNews::Done });
        }
        let required = matches!(mine.wrapup_prompt.as_str(), "mandatory" | "forcedTimeout" | "");
        let timed = matches!(mine.wrapup_prompt.as_str(), "timeout" | "forcedTimeout");
        let within = mine.wrapup_timeout_ms.filter(|_| timed).map(Duration::from_millis);
        self.emit(LineEvent::WrapUp { call, news: WrapUpNews::Due { required, within } });
        let path = format!(
            "/api/v2/conversations/calls/{}/participants/{}/wrapupcodes",
            rest::segment(&conversation),
            rest::segment(&participant)
        );
        self.wrap_ups.push(WrapUp { call, conversation, participant, communication });
        self.get(Purpose::WrapUpCodes { call }, path);
    }

    /// Somebody classified a call: we, another client, or the service when time was up.
    pub(super) fn wrap_up_news(&mut self, body: &wire::Conversation, mine: &wire::Participant) {
        let done = self.wrap_ups.iter().position(|due| due.conversation == body.id && due.participant == mine.id);
        if let Some(index) = done.filter(|_| mine.wrapup.is_some()) {
            let call = self.wrap_ups.remove(index).call;
            self.emit(LineEvent::WrapUp { call, news: WrapUpNews::Done });
        }
    }

    pub(super) fn wrap_up_codes_came(&mut self, call: CallId, reply: &Reply) {
        if !self.wrap_ups.iter().any(|due| due.call == call) {
            return;
        }
        let codes = match reply {
            Reply::Good(body) => wire::parse::<wire::OneOrMany<wire::WrapUpCode>>(body),
            _ => None,
        };
        let Some(codes) = codes else {
            let why = reply.failure().unwrap_or_else(|| "it sent something else".into());
            return self.problem(notice::request_failed("tell the wrap-up codes", &why));
        };
        let codes = codes.list().into_iter().filter(|code| !code.id.is_empty()).take(MAX_CODES);
        let codes = codes.map(|code| (code.id, calls::sentence(&code.name))).collect();
        self.emit(LineEvent::WrapUp { call, news: WrapUpNews::Codes(codes) });
    }

    /// `POST …/communications/{id}/wrapup`.
    pub(super) fn wrap_up(&mut self, call: CallId, code: &str, notes: &Private<String>) {
        let Some(due) = self.wrap_ups.iter().find(|due| due.call == call) else { return };
        let path = format!(
            "/api/v2/conversations/calls/{}/participants/{}/communications/{}/wrapup",
            rest::segment(&due.conversation),
            rest::segment(&due.participant),
            rest::segment(&due.communication)
        );
        let body = rest::json(&json!({ "code": code, "notes": notes.reveal() }));
        self.send_body(Purpose::WrapUp { call }, Method::Post, path, body);
    }

    pub(super) fn wrap_up_answered(&mut self, call: CallId, reply: &Reply) {
        let Some(index) = self.wrap_ups.iter().position(|due| due.call == call) else { return };
        if let Some(why) = reply.failure() {
            self.problem(notice::request_failed("take the wrap-up code", &why));
            return self.emit(LineEvent::WrapUp { call, news: WrapUpNews::Refused });
        }
        self.wrap_ups.remove(index);
        self.emit(LineEvent::WrapUp { call, news: WrapUpNews::Done });
    }
}

/// The user's own leg, and its conversation.
fn own_path(call: &LineCall) -> Option<(String, String)> {
    let conversation = rest::segment(call.conversation.as_deref()?);
    let participant = rest::segment(call.participant.as_deref()?);
    Some((format!("/api/v2/conversations/calls/{conversation}/participants/{participant}"), conversation))
}

/// Where a consultation is steered: at the party that waits.
fn consult_path(call: &LineCall) -> Option<String> {
    let (_, conversation) = own_path(call)?;
    let customer = rest::segment(call.customer.as_deref()?);
    Some(format!("/api/v2/conversations/calls/{conversation}/participants/{customer}/consult"))
}

/// A user's id goes as such, all else as an address.
fn target(to: &Private<String>) -> Value {
    let to = to.reveal().trim();
    if uuid::Uuid::try_parse(to).is_ok() { json!({ "userId": to }) } else { json!({ "address": to }) }
}
