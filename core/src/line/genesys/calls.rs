//! Calls: what the events say, and what the user asks for by REST.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ended::Ended;
use super::rest::{self, Purpose, Reply};
use super::transfer::Consult;
use super::{GenesysLine, Timer, notice, wire};
use crate::event::{CallDirection, EndReason, EndedBy};
use crate::ids::{CallId, SessionId};
use crate::line::{CallNews, LineEvent, Request, SessionEnd};
use crate::output::{HttpBody, Method};
use crate::redact::Private;

/// Calls at once; more are let ring elsewhere.
pub const MAX_CALLS: usize = 16;
/// Time for a session to be offered after an answer.
const SESSION_LIMIT: Duration = Duration::from_secs(5);
/// Requests that wait until we know under which name the service has us in the call; more are refused.
const MAX_DEFERRED: usize = 8;
/// A hang-up that failed is tried once more.
const HANG_UP_TRIES: u32 = 2;
/// Wait before calls are asked for again.
const RESYNC_AGAIN: Duration = Duration::from_secs(5);

/// Conversations remembered after their end; the oldest goes.
const MAX_ENDED: usize = 16;
/// How long a message may be on its way after the end of its call.
const STRAY_LIMIT: Duration = Duration::from_secs(10);

/// How a call was answered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    No,
    /// Pressed, and nothing to take yet.
    Waiting,
    /// By `proceed`.
    Proceeded,
    /// By REST, on a session that lives.
    Rest,
}

#[derive(Clone, Debug)]
enum Deferred {
    Patch(Request, Value),
    Digits(String),
    Voicemail,
}

/// One conversation in which the user has a leg.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the wire")]
#[derive(Clone, Debug)]
pub struct LineCall {
    pub call: CallId,
    /// `None` while a dialled number has no answer yet.
    pub conversation: Option<String>,
    pub participant: Option<String>,
    pub communication: Option<String>,
    /// The participant the user talks to.
    pub customer: Option<String>,
    pub consult: Option<Consult>,
    /// Our leaving hands the call to the target of a transfer.
    pub handed_over: bool,
    purpose: String,
    state: String,
    held: bool,
    muted: bool,
    peer: (String, String, Option<String>),
    pub session: Option<SessionId>,
    pub answer: Answer,
    pub connected: bool,
    pub declined: bool,
    pub hang_up: bool,
    deferred: Vec<Deferred>,
}

impl GenesysLine {
    pub(super) fn call(&self, call: CallId) -> Option<&LineCall> {
        self.calls.iter().find(|known| known.call == call)
    }

    pub(super) fn call_mut(&mut self, call: CallId) -> Option<&mut LineCall> {
        self.calls.iter_mut().find(|known| known.call == call)
    }

    pub(super) fn call_of(&self, conversation: &str) -> Option<CallId> {
        self.calls.iter().find(|call| call.conversation.as_deref() == Some(conversation)).map(|call| call.call)
    }

    pub(super) fn news(&mut self, call: CallId, news: CallNews) {
        self.emit(LineEvent::Call { call, news });
    }

    fn add_call(&mut self, conversation: Option<String>) -> CallId {
        let call = CallId(self.call_ids.next());
        self.calls.push(LineCall {
            call,
            conversation,
            participant: None,
            communication: None,
            customer: None,
            consult: None,
            handed_over: false,
            purpose: String::new(),
            state: String::new(),
            held: false,
            muted: false,
            peer: (String::new(), String::new(), None),
            session: None,
            answer: Answer::No,
            connected: false,
            declined: false,
            hang_up: false,
            deferred: Vec::new(),
        });
        call
    }

    pub(super) fn start_call(
        &mut self,
        _now: Instant,
        conversation: &str,
        direction: CallDirection,
        answered: bool,
    ) -> CallId {
        let call = self.add_call(Some(conversation.to_owned()));
        if answered && let Some(known) = self.call_mut(call) {
            known.answer = Answer::Proceeded;
        }
        self.news(call, CallNews::Started { direction, answered });
        call
    }

    /// By a rule of the service, nobody pressed anything.
    pub(super) fn answered_by_rule(&mut self, call: CallId) {
        let Some(known) = self.call_mut(call) else { return };
        if known.answer == Answer::No {
            known.answer = Answer::Proceeded;
            self.news(call, CallNews::AutoAnswered);
        }
    }

    pub(super) fn end_call(
        &mut self,
        now: Instant,
        call: CallId,
        by: EndedBy,
        reason: EndReason,
        code: Option<String>,
    ) {
        let Some(index) = self.calls.iter().position(|known| known.call == call) else { return };
        let LineCall { conversation, .. } = self.calls.remove(index);
        if let Some(conversation) = &conversation {
            if self.ended.len() == MAX_ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back((now, conversation.clone()));
        }
        self.timers.cancel(&Timer::NoSession(call));
        // A proposal stays as long as its session, which may serve other calls.
        let used: Vec<_> = self.sessions.iter().map(|session| session.key.clone()).collect();
        self.proposals.retain(|p| Some(&p.conversation) != conversation.as_ref() || used.contains(&p.id));
        self.news(call, CallNews::Ended { by, reason, code });
    }

    /// The call is over, or being ended here: no session is taken for it.
    pub(super) fn is_ending(&self, call: CallId) -> bool {
        self.call(call).is_none_or(|call| call.hang_up || call.declined)
    }

    /// A call of this conversation ended a moment ago.
    pub(super) fn ended_lately(&self, now: Instant, conversation: &str) -> bool {
        let fits =
            |(at, ended): &(Instant, String)| ended == conversation && now.saturating_duration_since(*at) < STRAY_LIMIT;
        self.ended.iter().any(fits)
    }

    // Events.

    /// The whole state of one conversation, by event or on request.
    pub(super) fn conversation(&mut self, now: Instant, body: &wire::Conversation) {
        let Some(user) = self.identity.as_ref().map(|identity| identity.user.clone()) else { return };
        let Some(mine) = body.mine(&user) else { return };
        self.wrap_up_news(body, mine);
        let Some(leg) = mine.call() else { return };
        let Some(call) = self.call_of(&body.id).or_else(|| self.new_call(now, &body.id, &leg)) else { return };
        let Some(known) = self.call_mut(call) else { return };
        known.participant = Some(mine.id.clone()).filter(|id| !id.is_empty());
        known.communication = Some(leg.id.clone()).filter(|id| !id.is_empty());
        known.purpose.clone_from(&mine.purpose);
        self.peer_news(call, body, mine, &leg);
        self.flush_deferred(call);
        self.consult_news(call, body, mine);

        let Some(known) = self.call_mut(call) else { return };
        let (was_held, was_muted) = (known.held, known.muted);
        let changed = known.state != leg.state;
        known.state.clone_from(&leg.state);
        known.held = leg.held;
        known.muted = leg.muted;
        if changed {
            self.state_changed(now, call, body, mine, &leg);
        }
        if self.call(call).is_none() {
            return;
        }
        if was_held != leg.held {
            self.news(call, CallNews::Held(leg.held));
        }
        if was_muted != leg.muted {
            self.news(call, CallNews::Muted(leg.muted));
        }
    }

    /// A conversation that was not known: ours only while it begins.
    fn new_call(&mut self, now: Instant, conversation: &str, leg: &wire::Call) -> Option<CallId> {
        if !matches!(leg.state.as_str(), "alerting" | "contacting" | "dialing" | "offering") {
            return None;
        }
        let outbound = leg.direction == "outbound";
        if outbound && let Some(dialled) = self.calls.iter_mut().find(|call| call.conversation.is_none()) {
            dialled.conversation = Some(conversation.to_owned());
            return Some(dialled.call);
        }
        if self.calls.len() >= MAX_CALLS {
            return None;
        }
        let direction = if outbound { CallDirection::Out } else { CallDirection::In };
        let proposal = self.proposals.iter().find(|proposal| proposal.conversation == conversation);
        let by_rule = proposal.filter(|proposal| proposal.auto_answer).map(|p| (p.id.clone(), p.proceeded));
        let call = self.start_call(now, conversation, direction, outbound || by_rule.is_some());
        if let Some((id, false)) = by_rule {
            self.proceed(&id);
        }
        Some(call)
    }

    fn peer_news(&mut self, call: CallId, body: &wire::Conversation, mine: &wire::Participant, leg: &wire::Call) {
        let other = body.other(mine);
        let party = leg.other.clone().unwrap_or_default();
        let first = |words: [&str; 3]| words.into_iter().find(|word| !word.is_empty()).unwrap_or("").to_owned();
        let name = first([other.map_or("", |other| &other.name), &party.name, ""]);
        let address = first([
            other.map_or("", |other| wire::plain_address(&other.address)),
            &party.address_displayable,
            wire::plain_address(&party.address_normalized),
        ]);
        let queue = body.queue(mine);
        let Some(known) = self.call_mut(call) else { return };
        let peer = (name, address, queue);
        if known.peer != peer && (!peer.0.is_empty() || !peer.1.is_empty()) {
            known.peer = peer.clone();
            let (name, address, queue) = peer;
            self.news(call, CallNews::Peer { name: name.into(), address: address.into(), queue });
        }
    }

    fn state_changed(
        &mut self,
        now: Instant,
        call: CallId,
        body: &wire::Conversation,
        mine: &wire::Participant,
        leg: &wire::Call,
    ) {
        match leg.state.as_str() {
            "alerting" | "offering" | "contacting" => {
                self.attach(call);
                if let Some(limit) = mine.alerting_timeout_ms {
                    self.news(call, CallNews::GivesUp { after: Duration::from_millis(limit) });
                }
                self.take_answered_proposal(call);
            }
            "dialing" => {
                self.attach(call);
                self.take_answered_proposal(call);
                self.news(call, CallNews::Ringing);
            }
            "connected" => self.call_connected(now, call),
            "disconnected" | "terminated" => {
                let (by, reason, code) = self.ending(call, body, mine, leg);
                self.wrap_up_due(call, mine);
                self.end_call(now, call, by, reason, code);
            }
            _ => {}
        }
    }

    fn call_connected(&mut self, now: Instant, call: CallId) {
        self.attach(call);
        let Some(known) = self.call(call) else { return };
        let proceeded =
            self.proposals.iter().any(|p| known.conversation.as_deref() == Some(&p.conversation) && p.proceeded);
        // Nothing of ours carries it: another client of this user took it.
        if known.session.is_none() && known.answer == Answer::No && !proceeded {
            return self.end_call(now, call, EndedBy::System, EndReason::AnsweredElsewhere, None);
        }
        let (conversation, communication) = (known.conversation.clone(), known.communication.clone());
        self.timers.cancel(&Timer::NoSession(call));
        if let Some(known) = self.call_mut(call) {
            known.connected = true;
        }
        self.news(call, CallNews::Connected);
        if let (Some(conversation), Some(communication)) = (conversation, communication) {
            let path = format!(
                "/api/v2/conversations/calls/{}/communications/{}/metadata",
                rest::segment(&conversation),
                rest::segment(&communication)
            );
            self.send_body(Purpose::Ignored, Method::Post, path, HttpBody::Empty);
        }
    }

    /// Gives the call a session that exists already, where the station's rules allow it.
    fn attach(&mut self, call: CallId) {
        let Some(known) = self.call(call) else { return };
        if known.session.is_some() {
            return;
        }
        let own = self.sessions.iter().find(|s| !s.eager && known.conversation.as_deref() == Some(&s.conversation));
        let Some(session) = own.map(|session| session.id).or_else(|| self.active_session()) else { return };
        if let Some(known) = self.call_mut(call) {
            known.session = Some(session);
        }
        self.news(call, CallNews::Attached { session });
    }

    /// A call answered before its proposal was known.
    fn take_answered_proposal(&mut self, call: CallId) {
        let Some(known) = self.call(call) else { return };
        let proposal = self.proposals.iter().find(|p| known.conversation.as_deref() == Some(&p.conversation));
        let Some((id, proceeded)) = proposal.map(|proposal| (proposal.id.clone(), proposal.proceeded)) else { return };
        if known.answer != Answer::No && !proceeded && !self.is_ending(call) {
            self.proceed(&id);
        }
    }

    fn ending(
        &self,
        call: CallId,
        body: &wire::Conversation,
        mine: &wire::Participant,
        leg: &wire::Call,
    ) -> (EndedBy, EndReason, Option<String>) {
        let Some(known) = self.call(call) else { return (EndedBy::System, EndReason::Hangup, None) };
        let far = body.other(mine).and_then(wire::Participant::call);
        let ended = Ended {
            connected: known.connected,
            local: known.hang_up || known.declined,
            handed_over: known.handed_over,
            declined: known.declined,
            inbound: leg.direction != "outbound",
        };
        ended.reason(leg, far.as_ref())
    }

    // What the user asks for.

    pub(super) fn dial(&mut self, _now: Instant, to: &Private<String>) {
        let call = self.add_call(None);
        if let Some(known) = self.call_mut(call) {
            known.answer = Answer::Proceeded;
        }
        self.news(call, CallNews::Started { direction: CallDirection::Out, answered: true });
        let address = to.reveal().trim().to_owned();
        let (name, address) = (String::new(), address);
        self.news(call, CallNews::Peer { name: name.into(), address: address.clone().into(), queue: None });
        let body = rest::json(&json!({ "phoneNumber": address }));
        self.send_body(Purpose::Dial { call }, Method::Post, "/api/v2/conversations/calls".into(), body);
    }

    pub(super) fn dial_answered(&mut self, now: Instant, call: CallId, reply: &Reply) {
        let Reply::Good(body) = reply else { return self.dial_failed(now, call, reply) };
        let Some(created) = wire::parse::<wire::Created>(body).filter(|created| !created.id.is_empty()) else {
            let notice = notice::garbage(&self.host_name());
            self.problem(notice);
            return self.end_call(now, call, EndedBy::System, EndReason::ServiceFailed, None);
        };
        let conversation = created.id;
        if self.call_of(&conversation).is_some_and(|other| other != call) {
            // The event came first and was taken for somebody else's call; that one is it.
            return self.end_call(now, call, EndedBy::System, EndReason::Cancelled, None);
        }
        let Some(known) = self.call_mut(call) else { return };
        known.conversation = Some(conversation.clone());
        let hang_up = known.hang_up;
        self.take_answered_proposal(call);
        self.settle_proposals(now);
        if hang_up {
            self.hang_up(call);
        }
    }

    pub(super) fn dial_failed(&mut self, now: Instant, call: CallId, reply: &Reply) {
        if self.call(call).is_none() {
            return;
        }
        let why = reply.failure().unwrap_or_default();
        let (reason, code) = match reply {
            Reply::Refused { status, .. } if matches!(status, 400 | 404) => (EndReason::NotFound, Some(*status)),
            Reply::Refused { status, .. } => (EndReason::ServiceFailed, Some(*status)),
            _ => (EndReason::ServiceFailed, None),
        };
        self.problem(notice::request_failed("place the call", &why));
        self.end_call(now, call, EndedBy::System, reason, code.map(|code| format!("http-{code}")));
    }

    /// Proposals that might have been our dial and were not: now they may ring.
    fn settle_proposals(&mut self, now: Instant) {
        if self.calls.iter().any(|call| call.conversation.is_none()) {
            return;
        }
        let orphans: Vec<_> = self
            .proposals
            .iter()
            .filter(|p| !p.eager && !p.proceeded && self.call_of(&p.conversation).is_none())
            .filter(|p| !self.ended_lately(now, &p.conversation))
            .map(|p| (p.id.clone(), p.conversation.clone(), p.auto_answer))
            .collect();
        for (id, conversation, auto_answer) in orphans {
            self.start_call(now, &conversation, CallDirection::In, auto_answer);
            if auto_answer {
                self.proceed(&id);
            }
        }
    }

    pub(super) fn call_me(&mut self) {
        self.send_body(Purpose::CallMe, Method::Post, "/practice/callme".into(), HttpBody::Empty);
    }

    pub(super) fn call_me_answered(&mut self, reply: &Reply) {
        if let Some(why) = reply.failure() {
            self.problem(notice::request_failed("call back", &why));
        }
    }

    pub(super) fn answer(&mut self, now: Instant, call: CallId) {
        let Some(known) = self.call(call) else { return };
        if known.connected {
            return;
        }
        let proposal = self
            .proposals
            .iter()
            .find(|p| known.conversation.as_deref() == Some(&p.conversation))
            .map(|proposal| proposal.id.clone());
        // A second call on a station that shows many: most services share the one session that is kept.
        if proposal.is_none()
            && known.session.is_none()
            && self.persistent()
            && let Some(session) = self.sessions.first().map(|session| session.id)
        {
            if let Some(known) = self.call_mut(call) {
                known.session = Some(session);
            }
            self.news(call, CallNews::Attached { session });
        }
        let attached = self.call(call).is_some_and(|known| known.session.is_some());
        let answer = match proposal {
            Some(id) => {
                self.proceed(&id);
                Answer::Proceeded
            }
            None if attached => {
                self.patch(call, Request::Answer, json!({ "state": "connected" }));
                Answer::Rest
            }
            None => Answer::Waiting,
        };
        if let Some(known) = self.call_mut(call) {
            known.answer = answer;
        }
        if answer != Answer::Rest {
            self.timers.set(Timer::NoSession(call), now + SESSION_LIMIT);
        }
        self.hold_others(call);
    }

    /// Where every call has its own session, the service leaves it to us to hold the others.
    fn hold_others(&mut self, call: CallId) {
        if !self.session_per_call() {
            return;
        }
        let others: Vec<_> = self
            .calls
            .iter()
            .filter(|other| other.call != call && other.connected && !other.held)
            .map(|other| other.call)
            .collect();
        for other in others {
            self.patch(other, Request::Hold, json!({ "held": true }));
        }
    }

    /// Answered, and no session was offered.
    pub(super) fn no_session_came(&mut self, call: CallId) {
        let Some(known) = self.call_mut(call) else { return };
        if known.session.is_some() {
            return;
        }
        known.answer = Answer::No;
        let notice = notice::no_session_for_answer();
        self.news(call, CallNews::Refused { request: Request::Answer, notice });
        if self.persistent() {
            self.emit(LineEvent::ServerHoldsSession);
        }
    }

    pub(super) fn decline(&mut self, call: CallId) {
        let Some(known) = self.call_mut(call) else { return };
        known.declined = true;
        // A plain user's own leg is handed to voicemail; an agent's ends and the service finds another agent.
        if known.purpose == "user" {
            self.defer_or_send(call, Deferred::Voicemail);
        } else {
            self.patch(call, Request::Decline, json!({ "state": "disconnected" }));
        }
    }

    pub(super) fn hang_up(&mut self, call: CallId) {
        let Some(known) = self.call_mut(call) else { return };
        known.hang_up = true;
        if known.conversation.is_some() {
            self.patch(call, Request::HangUp, json!({ "state": "disconnected" }));
        }
    }

    pub(super) fn hold_call(&mut self, call: CallId, held: bool) {
        self.patch(call, Request::Hold, json!({ "held": held }));
        if !held {
            self.hold_others(call);
        }
    }

    pub(super) fn mute(&mut self, call: CallId, muted: bool) {
        if self.call(call).is_some_and(|known| known.muted != muted) {
            self.patch(call, Request::Mute, json!({ "muted": muted }));
        }
    }

    pub(super) fn digits(&mut self, call: CallId, digits: String) {
        self.defer_or_send(call, Deferred::Digits(digits));
    }

    fn patch(&mut self, call: CallId, request: Request, body: Value) {
        self.defer_or_send(call, Deferred::Patch(request, body));
    }

    fn defer_or_send(&mut self, call: CallId, what: Deferred) {
        let Some(known) = self.call_mut(call) else { return };
        if known.deferred.len() < MAX_DEFERRED {
            known.deferred.push(what);
        }
        let (conversation, unknown) = (known.conversation.clone(), known.participant.is_none());
        if !unknown {
            return self.flush_deferred(call);
        }
        // No event told our name in this call yet.
        if let Some(conversation) = conversation {
            let lookup = Purpose::Lookup { call };
            if !self.pending.values().any(|pending| pending.purpose == lookup) {
                self.get(lookup, format!("/api/v2/conversations/{}", rest::segment(&conversation)));
            }
        }
    }

    pub(super) fn lookup_came(&mut self, now: Instant, call: CallId, reply: &Reply) {
        if let Reply::Good(body) = reply
            && let Some(body) = wire::parse::<wire::Conversation>(body)
        {
            self.conversation(now, &body);
        }
        let Some(known) = self.call_mut(call) else { return };
        if known.participant.is_some() {
            return;
        }
        for deferred in std::mem::take(&mut known.deferred) {
            match deferred {
                Deferred::Patch(request, _) => self.patch_answered(now, call, request, HANG_UP_TRIES, reply),
                Deferred::Digits(digits) => self.digits_answered(call, digits, reply),
                Deferred::Voicemail => self.patch_answered(now, call, Request::Decline, HANG_UP_TRIES, reply),
            }
        }
    }

    fn flush_deferred(&mut self, call: CallId) {
        let Some(known) = self.call_mut(call) else { return };
        let (Some(conversation), Some(participant)) = (&known.conversation, &known.participant) else { return };
        let (conversation, participant) = (rest::segment(conversation), rest::segment(participant));
        for deferred in std::mem::take(&mut known.deferred) {
            let own = format!("/api/v2/conversations/calls/{conversation}/participants/{participant}");
            match deferred {
                Deferred::Patch(request, body) => {
                    let purpose = Purpose::Patch { call, request, tries: 1 };
                    self.send_body(purpose, Method::Patch, own, rest::json(&body));
                }
                Deferred::Voicemail => {
                    let purpose = Purpose::Patch { call, request: Request::Decline, tries: 1 };
                    let body = rest::json(&json!({ "voicemail": true }));
                    self.send_body(purpose, Method::Post, format!("{own}/replace"), body);
                }
                Deferred::Digits(digits) => {
                    let path = format!("/api/v2/conversations/{conversation}/participants/{participant}/digits");
                    let body = rest::json(&json!({ "digits": digits }));
                    self.send_body(Purpose::Digits { call, digits }, Method::Post, path, body);
                }
            }
        }
    }

    pub(super) fn patch_answered(&mut self, now: Instant, call: CallId, request: Request, tries: u32, reply: &Reply) {
        let Some(why) = reply.failure() else { return };
        let Some(known) = self.call(call) else { return };
        let path =
            known.conversation.as_deref().zip(known.participant.as_deref()).map(|(conversation, participant)| {
                let (conversation, participant) = (rest::segment(conversation), rest::segment(participant));
                format!("/api/v2/conversations/calls/{conversation}/participants/{participant}")
            });
        if matches!(request, Request::HangUp | Request::Decline) {
            // A decline that may not go to voicemail ends the leg instead.
            if tries < HANG_UP_TRIES
                && let Some(path) = path
            {
                let purpose = Purpose::Patch { call, request, tries: tries + 1 };
                let body = rest::json(&json!({ "state": "disconnected" }));
                return self.send_body(purpose, Method::Patch, path, body);
            }
            if request == Request::HangUp {
                // Whatever the service thinks, here the call is over: the session's end tells the far side.
                self.problem(notice::request_failed("end the call", &why));
                let reason = if self.call(call).is_some_and(|known| known.connected) {
                    EndReason::Hangup
                } else {
                    EndReason::Cancelled
                };
                self.end_session_of(call);
                return self.end_call(now, call, EndedBy::Local, reason, Some("unconfirmed".into()));
            }
        }
        if let Some(known) = self.call_mut(call) {
            match request {
                Request::Answer => known.answer = Answer::No,
                Request::Decline => known.declined = false,
                Request::HangUp => known.handed_over = false,
                Request::Hold | Request::Mute | Request::Transfer => {}
            }
        }
        let what = match request {
            Request::Answer => "answer the call",
            Request::Decline => "decline the call",
            Request::HangUp => "end the call",
            Request::Hold => "put the call on hold, or take it back",
            Request::Transfer => "transfer the call",
            Request::Mute => "show the call as muted, though nothing of you is heard",
        };
        let notice = notice::request_failed(what, &why);
        self.news(call, CallNews::Refused { request, notice });
    }

    /// Ends the call's session, unless other calls use it.
    fn end_session_of(&mut self, call: CallId) {
        let Some(session) = self.call(call).and_then(|known| known.session) else { return };
        if self.calls.iter().any(|other| other.call != call && other.session == Some(session)) {
            return;
        }
        self.end_session(session, SessionEnd::NotNeeded);
        self.emit(LineEvent::SessionEnded { session });
    }

    pub(super) fn digits_answered(&mut self, call: CallId, digits: String, reply: &Reply) {
        let news = if reply.failure().is_none() {
            CallNews::DigitsSent { digits }
        } else {
            CallNews::DigitsRefused { digits }
        };
        if self.call(call).is_some() {
            self.news(call, news);
        }
    }

    // The truth about all calls.

    pub(super) fn resync(&mut self) {
        let known = self.calls.iter().filter(|call| call.conversation.is_some()).map(|call| call.call).collect();
        self.get(Purpose::Resync { known }, "/api/v2/conversations/calls".into());
    }

    pub(super) fn resync_came(&mut self, now: Instant, known: &[CallId], reply: &Reply) {
        let page = match reply {
            Reply::Good(body) => wire::parse::<wire::Page<wire::Conversation>>(body),
            _ => None,
        };
        let Some(page) = page else {
            if !self.calls.is_empty() {
                self.timers.set(Timer::Resync, now + RESYNC_AGAIN);
            }
            return;
        };
        for call in known {
            let Some(conversation) = self.call(*call).and_then(|call| call.conversation.clone()) else { continue };
            if !page.entities.iter().any(|body| body.id == conversation) {
                let local = self.call(*call).is_some_and(|call| call.hang_up);
                let by = if local { EndedBy::Local } else { EndedBy::Remote };
                self.end_call(now, *call, by, EndReason::Hangup, Some("ended-while-away".into()));
            }
        }
        for body in &page.entities {
            self.conversation(now, body);
        }
    }
}

/// A text of the service as part of a sentence of ours: short, one line, no full stop.
pub fn sentence(text: &str) -> String {
    let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    one_line.trim().trim_end_matches('.').to_owned()
}
