//! Handing a call on: at once, or after asking the target; and classifying it afterwards.
//!
//! A consultation has two sides that are talked to in turn, or all three talk together.

use std::time::Instant;

use phone_core::output::Method;
use serde_json::{Value, json};

use crate::calls::Target;
use crate::chance::stable_uuid;
use crate::conversations::{CallState, Consult, Direction, Due, Ending, Party, Speaks};
use crate::machine::{Exchange, HttpReply};
use crate::rules::Rule;
use crate::users::UserIx;

/// Codes of the practice queue.
const CODES: [&str; 3] = ["Resolved", "Callback agreed", "Wrong number"];
const LONGEST_NOTES: usize = 2_000;

fn not_found() -> HttpReply {
    HttpReply::error(404, "conversation.not.found", "The conversation was not found.")
}

fn not_connected() -> HttpReply {
    HttpReply::error(409, "conflict", "The call is not connected.")
}

impl Exchange {
    /// `POST …/participants/{own}/replace` without `voicemail`: the target takes the place of the user.
    pub(crate) fn replace(
        &mut self,
        now: Instant,
        user: UserIx,
        id: &str,
        participant: &str,
        body: &Value,
    ) -> HttpReply {
        let Some(leg) = self.conversations.get(id).and_then(|conversation| conversation.leg(user)) else {
            return not_found();
        };
        if leg.id != participant {
            self.broke(user, Rule::OwnParticipant, "another participant was to be replaced");
            return HttpReply::error(403, "not.authorized", "Only the own participant can be replaced.");
        }
        if leg.state != CallState::Connected {
            return not_connected();
        }
        let own = leg.id.clone();
        let target = match self.target(user, id, body) {
            Ok(target) => target,
            Err(reply) => return reply,
        };
        // A target that was asked before makes way.
        if let Some(asked) = self.conversations.get(id).and_then(|c| c.consult.as_ref()).map(|c| c.target.clone()) {
            self.leave(now, id, &asked, Ending::CLIENT, Ending::PEER);
        }
        let added = self.add_target(id, &target, None);
        self.leave(now, id, &own, Ending::TRANSFER, Ending::PEER);
        self.call_target(now, id, user, &added, &target);
        HttpReply::empty(202)
    }

    /// `…/participants/{waiting}/consult`: ask the target while the other party waits.
    pub(crate) fn consult_api(
        &mut self,
        now: Instant,
        user: UserIx,
        method: Method,
        (id, waiting): (&str, &str),
        body: &Value,
    ) -> HttpReply {
        let Some(conversation) = self.conversations.get(id) else { return not_found() };
        let Some(leg) = conversation.leg(user) else { return not_found() };
        if leg.state != CallState::Connected {
            return not_connected();
        }
        let own = leg.id.clone();
        let begun = conversation.consult.clone().filter(|consult| consult.by == own && consult.waiting == waiting);
        let speak_to = match body.get("speakTo").and_then(Value::as_str).unwrap_or("DESTINATION") {
            "DESTINATION" => Speaks::Target,
            "OBJECT" => Speaks::Waiting,
            "BOTH" | "CONFERENCE" => Speaks::All,
            _ => {
                self.broke(user, Rule::RestBody, "speakTo is another word");
                return HttpReply::error(400, "bad.request", "speakTo is not valid.");
            }
        };
        match (method, begun) {
            (Method::Post, _) if speak_to == Speaks::All => {
                HttpReply::error(409, "conflict", "The target is not connected.")
            }
            (Method::Post, _) => {
                let waits = |p: &crate::conversations::Participant| p.id == waiting && p.id != own;
                let connected = |p: &crate::conversations::Participant| p.state == CallState::Connected;
                if !conversation.participants.iter().any(|p| waits(p) && connected(p)) {
                    return HttpReply::error(404, "participant.not.found", "The participant was not found.");
                }
                if conversation.consult.is_some() {
                    return HttpReply::error(409, "conflict", "Somebody is being asked already.");
                }
                let target = match self.target(user, id, body.get("destination").unwrap_or(&Value::Null)) {
                    Ok(target) => target,
                    Err(reply) => return reply,
                };
                let added = self.add_target(id, &target, Some(waiting));
                if let Some(conversation) = self.conversations.get_mut(id) {
                    let (waiting, target) = (waiting.to_owned(), added.clone());
                    conversation.consult = Some(Consult { by: own, waiting, target, with: speak_to });
                }
                self.call_target(now, id, user, &added, &target);
                HttpReply::json(202, &json!({ "destinationParticipantId": added }))
            }
            (Method::Patch, Some(consult)) => {
                let connected =
                    |p: &crate::conversations::Participant| p.id == consult.target && p.state == CallState::Connected;
                if speak_to == Speaks::All && !conversation.participants.iter().any(connected) {
                    return HttpReply::error(409, "conflict", "The target is not connected.");
                }
                let consult = self.conversations.get_mut(id).and_then(|conversation| conversation.consult.as_mut());
                if let Some(consult) = consult {
                    consult.with = speak_to;
                }
                HttpReply::empty(202)
            }
            (Method::Delete, Some(consult)) => {
                self.leave(now, id, &consult.target, Ending::PEER, Ending::CLIENT);
                HttpReply::empty(202)
            }
            (Method::Patch | Method::Delete, None) => HttpReply::error(404, "not.found", "Nobody is being asked."),
            _ => self.unknown_path(user),
        }
    }

    /// Whom a body with `userId`, `address` or `queueId` names, if that party can be called now.
    fn target(&mut self, user: UserIx, id: &str, body: &Value) -> Result<Target, HttpReply> {
        let named = ["userId", "address"].iter().find_map(|key| body.get(key).and_then(Value::as_str));
        let Some(named) = named else {
            self.broke(user, Rule::RestBody, "a target was not named by userId or address");
            return Err(HttpReply::error(400, "bad.request", "userId or address is required."));
        };
        let target = self.resolve(named).ok_or_else(|| {
            HttpReply::error(400, "invalid.address", "The address is no number, no user and no service here.")
        })?;
        if let Party::User(callee) = target.party {
            let inside = self.conversations.get(id).and_then(|c| c.leg(callee)).is_some_and(|leg| !leg.state.over());
            if inside {
                return Err(HttpReply::error(400, "invalid.address", "The target is in the call already."));
            }
            if !self.can_ring(callee) {
                return Err(HttpReply::error(409, "target.unavailable", "The target has no phone that answers now."));
            }
        }
        Ok(target)
    }

    fn add_target(&mut self, id: &str, target: &Target, asked_for: Option<&str>) -> String {
        let inside = matches!(target.party, Party::User(_));
        let (purpose, direction) =
            if inside { ("user", Direction::Inbound) } else { ("external", Direction::Outbound) };
        let mut far = self.participant(target.party, &target.name, purpose, &target.address, direction);
        far.state = if inside { CallState::Contacting } else { CallState::Dialing };
        far.asked_for = asked_for.map(str::to_owned);
        let added = far.id.clone();
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.participants.push(far);
        }
        added
    }

    fn call_target(&mut self, now: Instant, id: &str, user: UserIx, added: &str, target: &Target) {
        // Services that were left alone have ended.
        if self.conversations.get(id).is_none_or(crate::conversations::Conversation::over) {
            return;
        }
        match target.party {
            Party::User(callee) => self.reach(now, id, user, callee),
            Party::Bot(bot) => {
                if let Some(conversation) = self.conversations.get_mut(id) {
                    conversation.due = Some(Due::of_bot(now, bot));
                }
                self.publish_conversation(id);
            }
            Party::Queue => self.leave(now, id, added, Ending::UNAVAILABLE, Ending::UNAVAILABLE),
        }
    }

    /// `GET …/wrapupcodes`.
    pub(crate) fn wrap_up_codes(&self, user: UserIx, id: &str) -> HttpReply {
        if self.conversations.get(id).is_none_or(|conversation| conversation.leg(user).is_none()) {
            return not_found();
        }
        let codes: Vec<Value> =
            CODES.iter().map(|name| json!({ "id": stable_uuid("wrap-up", name), "name": name })).collect();
        HttpReply::json(200, &json!(codes))
    }

    /// `POST …/communications/{id}/wrapup`.
    pub(crate) fn wrap_up(&mut self, user: UserIx, id: &str, communication: &str, body: &Value) -> HttpReply {
        let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
        let Some(name) = CODES.iter().find(|name| stable_uuid("wrap-up", name) == code) else {
            return HttpReply::error(400, "bad.request", "The wrap-up code does not exist.");
        };
        let notes: String =
            body.get("notes").and_then(Value::as_str).unwrap_or_default().chars().take(LONGEST_NOTES).collect();
        let leg = self.conversations.get_mut(id).and_then(|conversation| {
            conversation.participants.iter_mut().find(|p| p.user() == Some(user) && p.call == communication)
        });
        let Some(leg) = leg else { return not_found() };
        leg.wrap_up = Some((code.to_owned(), (*name).to_owned(), notes));
        if let Some(conversation) = self.conversations.get(id) {
            let body = conversation.json(&self.people, self.clock);
            self.publish(user, "conversations", &body, None);
        }
        HttpReply::empty(202)
    }
}
