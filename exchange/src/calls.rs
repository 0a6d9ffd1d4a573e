//! Call control: dialling, ringing, answering, hanging up, hold, mute, digits.

use std::time::{Duration, Instant};

use phone_core::ids::SessionId;
use serde_json::Value;

use crate::conversations::{Bot, CallState, Conversation, Direction, Due, Ending, Participant, Partner, Party};
use crate::edge::Kind;
use crate::machine::{EdgeCommand, Exchange, HttpReply, Output};
use crate::rules::Rule;
use crate::users::UserIx;

/// How long an incoming call rings.
const ALERT_LIMIT: Duration = Duration::from_secs(20);
/// Living calls per user; more are refused.
const MOST_CALLS: usize = 16;
const MOST_DIGITS: usize = 64;
/// Keys of a participant patch (the platform's `MediaParticipantRequest`).
const PATCH_KEYS: [&str; 8] =
    ["state", "muted", "held", "confined", "recording", "wrapup", "wrapupSkipped", "resumeTime"];

/// Whom an address reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub party: Party,
    pub name: String,
    pub address: String,
}

impl Exchange {
    pub(crate) fn resolve(&self, address: &str) -> Option<Target> {
        let address = address.trim();
        let bare = address.strip_prefix("sip:").or_else(|| address.strip_prefix("tel:")).unwrap_or(address);
        let name = bare.split(['@', ';']).next().unwrap_or(bare).trim();
        let bot = match name.to_lowercase().as_str() {
            "echo" => Some((Bot::Echo, "Echo test")),
            "music" => Some((Bot::Music, "Music")),
            "busy" => Some((Bot::Busy, "Busy")),
            "noanswer" => Some((Bot::NoAnswer, "No answer")),
            _ => None,
        };
        if let Some((bot, title)) = bot {
            let address = format!("sip:{}@practice.invalid", name.to_lowercase());
            return Some(Target { party: Party::Bot(bot), name: title.to_owned(), address });
        }
        if let Some(user) = self.people.by_any_name(name).or_else(|| self.people.by_id(name)) {
            let entry = self.people.user(user)?;
            let address = format!("sip:{}@practice.invalid", entry.login);
            return Some(Target { party: Party::User(user), name: entry.name.clone(), address });
        }
        let digits: String = name.chars().filter(|c| !" ()-./".contains(*c)).collect();
        let number = digits.strip_prefix('+').unwrap_or(&digits);
        let valid = (2..=15).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit());
        valid.then(|| Target {
            party: Party::Bot(Bot::Speaker),
            name: digits.clone(),
            address: format!("tel:{digits}"),
        })
    }

    pub(crate) fn participant(
        &mut self,
        party: Party,
        name: &str,
        purpose: &'static str,
        address: &str,
        direction: Direction,
    ) -> Participant {
        Participant {
            id: self.chance.uuid(),
            call: self.chance.uuid(),
            party,
            name: name.to_owned(),
            purpose,
            address: address.to_owned(),
            queue: None,
            direction,
            state: CallState::Contacting,
            told: false,
            held: false,
            muted: false,
            connected_at: None,
            ended_at: None,
            ending: None,
            session: None,
            alert_limit_ms: None,
            asked_for: None,
            wrap_up_required: false,
            wrap_up: None,
        }
    }

    fn own_participant(&mut self, user: UserIx, purpose: &'static str, direction: Direction) -> Participant {
        let (name, address) = self
            .people
            .user(user)
            .map(|entry| (entry.name.clone(), format!("sip:{}@practice.invalid", entry.login)))
            .unwrap_or_default();
        self.participant(Party::User(user), &name, purpose, &address, direction)
    }

    /// Why the user cannot have one more call now.
    fn refuses_call(&self, user: UserIx) -> Option<HttpReply> {
        if self.people.webrtc_station(user).is_none() {
            return Some(HttpReply::error(
                400,
                "no.station",
                "You must select a phone before you can take or place calls.",
            ));
        }
        (self.conversations.of(user).count() >= MOST_CALLS)
            .then(|| HttpReply::error(429, "too.many.calls", "There are too many calls."))
    }

    /// `POST /api/v2/conversations/calls`.
    pub(crate) fn dial(&mut self, now: Instant, user: UserIx, address: &str) -> Result<String, HttpReply> {
        if let Some(reply) = self.refuses_call(user) {
            return Err(reply);
        }
        let target = self.resolve(address).filter(|target| target.party != Party::User(user)).ok_or_else(|| {
            HttpReply::error(
                400,
                "invalid.address",
                "The address is no number, no user and no service of this exchange.",
            )
        })?;
        let inside = matches!(target.party, Party::User(_));
        let (far_purpose, direction) =
            if inside { ("user", Direction::Inbound) } else { ("external", Direction::Outbound) };
        let mut far = self.participant(target.party, &target.name, far_purpose, &target.address, direction);
        far.state = if inside { CallState::None } else { CallState::Dialing };
        let own = self.own_participant(user, "user", Direction::Outbound);
        let id = self.chance.uuid();
        let conversation =
            Conversation { id: id.clone(), participants: vec![far, own], due: None, consult: None, started: now };
        self.conversations.map.insert(id.clone(), conversation);
        if let Some(session) = self.live_session(user) {
            self.attach(&id, user, session);
            self.publish_conversation(&id);
            self.leg_ready(now, &id, user);
        } else {
            self.publish_conversation(&id);
            let session = self.coming_session(user).or_else(|| self.propose(now, user, &id, Kind::Automatic));
            match session {
                Some(session) => self.attach(&id, user, session),
                None => self.end(now, &id, Ending::NO_STATION, Ending::NO_STATION, user),
            }
        }
        Ok(id)
    }

    /// `POST /practice/callme`: the speaking caller rings the user.
    pub(crate) fn call_me(&mut self, now: Instant, user: UserIx) -> Result<String, HttpReply> {
        if let Some(reply) = self.refuses_call(user) {
            return Err(reply);
        }
        let mut caller = self.participant(
            Party::Bot(Bot::Speaker),
            "Maria Lopez",
            "customer",
            "tel:+34915550142",
            Direction::Inbound,
        );
        caller.state = CallState::Connected;
        caller.connected_at = Some(now);
        let mut queue =
            self.participant(Party::Queue, "Billing", "acd", "sip:billing@practice.invalid", Direction::Inbound);
        queue.queue = Some("Billing");
        queue.state = CallState::Terminated;
        let mut own = self.own_participant(user, "agent", Direction::Inbound);
        own.queue = Some("Billing");
        own.wrap_up_required = self.options.wrap_up;
        let id = self.chance.uuid();
        let participants = vec![caller, queue, own];
        self.conversations
            .map
            .insert(id.clone(), Conversation { id: id.clone(), participants, due: None, consult: None, started: now });
        self.ring(now, &id, user);
        Ok(id)
    }

    fn attach(&mut self, id: &str, user: UserIx, session: SessionId) {
        if let Some(leg) = self.conversations.get_mut(id).and_then(|conversation| conversation.leg_mut(user)) {
            leg.session = Some(session);
        }
    }

    /// The conversation alerts at this user.
    fn ring(&mut self, now: Instant, id: &str, user: UserIx) {
        let limit_ms = u64::try_from(ALERT_LIMIT.as_millis()).ok();
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.due = Some((now + ALERT_LIMIT, Due::AlertEnds));
            if let Some(leg) = conversation.leg_mut(user) {
                leg.state = CallState::Alerting;
                leg.alert_limit_ms = limit_ms;
            }
        }
        let live = self.live_session(user);
        // The event goes first; clients take both orders.
        self.publish_conversation(id);
        match live.or_else(|| self.propose(now, user, id, Kind::Asked)) {
            Some(session) => self.attach(id, user, session),
            None => self.leave_as(now, id, user, Ending::NO_STATION, Ending::UNAVAILABLE),
        }
    }

    /// The user's own leg has media: the call goes on from here.
    pub(crate) fn leg_ready(&mut self, now: Instant, id: &str, user: UserIx) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        let far = conversation.far(user).map(|far| far.party);
        let Some(leg) = conversation.leg_mut(user) else { return };
        match (leg.state, far) {
            // An incoming call: media comes up because it was answered.
            (CallState::Contacting, Some(Party::Bot(Bot::Echo | Bot::Music))) | (CallState::Alerting, _) => {
                self.connect(now, id);
            }
            (CallState::Contacting, Some(far)) => {
                leg.state = CallState::Dialing;
                conversation.due = match far {
                    Party::Bot(bot) => Some(Due::of_bot(now, bot)),
                    Party::User(_) | Party::Queue => None,
                };
                match far {
                    Party::User(callee) => self.reach(now, id, user, callee),
                    Party::Bot(_) | Party::Queue => self.publish_conversation(id),
                }
            }
            _ => {}
        }
    }

    /// Rings at another user, if there is somebody to ring at.
    pub(crate) fn reach(&mut self, now: Instant, id: &str, caller: UserIx, callee: UserIx) {
        if self.can_ring(callee) {
            self.ring(now, id, callee);
        } else {
            self.publish_conversation(id);
            self.end(now, id, Ending::UNAVAILABLE, Ending::UNAVAILABLE, caller);
        }
    }

    pub(crate) fn can_ring(&self, callee: UserIx) -> bool {
        let free = self.conversations.of(callee).count() < MOST_CALLS;
        self.people.webrtc_station(callee).is_some() && !self.bound(callee).is_empty() && free
    }

    /// Everybody is connected.
    fn connect(&mut self, now: Instant, id: &str) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        conversation.due = None;
        for participant in conversation.participants.iter_mut().filter(|p| p.party != Party::Queue && !p.state.over()) {
            participant.state = CallState::Connected;
            participant.connected_at.get_or_insert(now);
        }
        let users = conversation.living_users();
        for user in &users {
            self.hold_others(id, *user);
            if let Some(session) = self.session_of_leg(id, *user) {
                self.session_busy(now, session);
            }
        }
        self.publish_conversation(id);
    }

    fn session_of_leg(&self, id: &str, user: UserIx) -> Option<SessionId> {
        self.conversations.get(id)?.leg(user)?.session
    }

    /// One appearance: the server holds the other calls of the user. With several the client does it.
    fn hold_others(&mut self, id: &str, user: UserIx) {
        if self.people.decided(user).is_some_and(|decided| decided.appearances > 1) {
            return;
        }
        let mut held = Vec::new();
        for conversation in self.conversations.map.values_mut().filter(|conversation| conversation.id != id) {
            if let Some(leg) = conversation.leg_mut(user)
                && leg.state == CallState::Connected
                && !leg.held
            {
                leg.held = true;
                held.push(conversation.id.clone());
            }
        }
        for conversation in held {
            self.publish_conversation(&conversation);
        }
    }

    pub(crate) fn publish_conversation(&mut self, id: &str) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        let mut users = Vec::new();
        for participant in &mut conversation.participants {
            participant.told |= participant.state != CallState::None && !participant.state.over();
            users.extend(participant.user().filter(|_| participant.told));
            // Who has left hears of it, and of nothing after.
            participant.told &= participant.state != CallState::Terminated;
        }
        users.sort_unstable();
        users.dedup();
        let body = conversation.json(&self.people, self.clock);
        for user in users {
            self.publish(user, "conversations", &body, None);
        }
    }

    /// Ends the whole conversation: `own` is the ending of `by`'s leg, `others` that of everybody else.
    pub(crate) fn end(&mut self, now: Instant, id: &str, own: Ending, others: Ending, by: UserIx) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        if conversation.over() {
            return;
        }
        conversation.due = None;
        conversation.consult = None;
        let users = conversation.living_users();
        for participant in conversation.participants.iter_mut().filter(|p| !p.state.over()) {
            participant.state = CallState::Disconnected;
            participant.ended_at = Some(now);
            participant.ending = Some(if participant.user() == Some(by) { own } else { others });
        }
        self.publish_conversation(id);
        if let Some(conversation) = self.conversations.get_mut(id) {
            for participant in &mut conversation.participants {
                participant.state = CallState::Terminated;
            }
        }
        self.publish_conversation(id);
        self.conversations.note_ended(id);
        for user in users {
            if let Some(session) = self.session_of_leg(id, user) {
                self.release(now, session);
            }
        }
    }

    /// One participant leaves. Two that stay go on; one alone does not, nor do services without any user. `own` is the ending of the leg that leaves,
    /// `others` that of the rest where the conversation ends with it.
    pub(crate) fn leave(&mut self, now: Instant, id: &str, participant: &str, own: Ending, others: Ending) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        let staying = conversation.participants.iter().filter(|p| p.lives() && p.id != participant).count();
        let Some(gone) = conversation.participants.iter().find(|p| p.id == participant && !p.state.over()) else {
            return;
        };
        let user = gone.user();
        let has_user = conversation.participants.iter().any(|p| p.lives() && p.id != participant && p.user().is_some());
        if staying < 2 || !has_user {
            return match (user, conversation.living_users().first().copied()) {
                (Some(user), _) => self.end(now, id, own, others, user),
                (None, Some(user)) => self.end(now, id, others, own, user),
                (None, None) => self.end(now, id, own, others, UserIx::MAX),
            };
        }
        if gone.state != CallState::Connected {
            conversation.due = None;
        }
        conversation.consult = None;
        if let Some(gone) = conversation.participants.iter_mut().find(|p| p.id == participant) {
            gone.state = CallState::Disconnected;
            gone.ended_at = Some(now);
            gone.ending = Some(own);
        }
        self.publish_conversation(id);
        let gone = self.conversations.get_mut(id).and_then(|c| c.participants.iter_mut().find(|p| p.id == participant));
        let session = gone.and_then(|gone| {
            gone.state = CallState::Terminated;
            gone.session
        });
        self.publish_conversation(id);
        if let Some(session) = session {
            self.release(now, session);
        }
    }

    /// The user's own leg leaves.
    fn leave_as(&mut self, now: Instant, id: &str, user: UserIx, own: Ending, others: Ending) {
        let leg = self.conversations.get(id).and_then(|conversation| conversation.leg(user)).map(|leg| leg.id.clone());
        if let Some(leg) = leg {
            self.leave(now, id, &leg, own, others);
        }
    }

    /// A call left the session: it ends, stays warm, or goes on with other calls.
    fn release(&mut self, now: Instant, session: SessionId) {
        let Some(user) = self.sessions.get(&session).map(|session| session.user) else { return };
        let used = self.conversations.of(user).any(|conversation| {
            conversation.leg(user).is_some_and(|leg| leg.session == Some(session) && leg.state != CallState::Alerting)
        });
        let awaited = self
            .conversations
            .of(user)
            .any(|conversation| conversation.leg(user).is_some_and(|leg| leg.session == Some(session)));
        if used {
            return;
        }
        if awaited && self.live_session(user) == Some(session) {
            // Rings on the live session: it must stay for the answer, warm or not.
            return;
        }
        self.session_idle(now, session);
    }

    /// Media of this session is gone: so are the calls on it.
    pub(crate) fn end_calls_on(&mut self, now: Instant, session: SessionId, ending: Ending) {
        let Some(user) = self.sessions.get(&session).map(|session| session.user) else { return };
        let lost: Vec<String> = self
            .conversations
            .of(user)
            .filter(|conversation| conversation.leg(user).is_some_and(|leg| leg.session == Some(session)))
            .map(|conversation| conversation.id.clone())
            .collect();
        for id in lost {
            if let Some(leg) = self.conversations.get_mut(&id).and_then(|conversation| conversation.leg_mut(user)) {
                leg.session = None;
            }
            self.leave_as(now, &id, user, ending, Ending::PEER);
        }
    }

    /// `PATCH …/participants/{id}`.
    pub(crate) fn patch(&mut self, now: Instant, user: UserIx, id: &str, participant: &str, body: &Value) -> HttpReply {
        let Some(conversation) = self.conversations.get(id).filter(|conversation| conversation.leg(user).is_some())
        else {
            return HttpReply::error(404, "conversation.not.found", "The conversation was not found.");
        };
        let Some(found) = conversation.participants.iter().find(|p| p.id == participant) else {
            return HttpReply::error(404, "participant.not.found", "The participant was not found.");
        };
        let (own, state) = (found.user() == Some(user), found.state);
        let Some(map) = body.as_object().filter(|map| map.keys().all(|key| PATCH_KEYS.contains(&key.as_str()))) else {
            self.broke(user, Rule::PatchBody, "a participant patch has another form");
            return HttpReply::error(400, "bad.request", "The body has unknown fields.");
        };
        let wanted = map.get("state").and_then(Value::as_str);
        let flags =
            [("muted", map.get("muted").and_then(Value::as_bool)), ("held", map.get("held").and_then(Value::as_bool))];
        if !own && wanted != Some("disconnected") && !map.is_empty() {
            self.broke(user, Rule::OwnParticipant, "a patch was for another participant");
            return HttpReply::error(403, "not.authorized", "Only the own participant can be changed.");
        }
        match wanted {
            None => {}
            Some("connected") => return self.answer_by_rest(now, user, id, state),
            Some("disconnected") => {
                let others = if state == CallState::Alerting { Ending::DECLINED } else { Ending::PEER };
                let handed_over = own && conversation.consult.as_ref().is_some_and(|consult| consult.by == participant);
                let ending = if handed_over { Ending::TRANSFER } else { Ending::CLIENT };
                let staying = conversation.participants.iter().filter(|p| p.lives() && p.id != participant).count();
                if staying >= 2 || handed_over {
                    self.leave(now, id, participant, ending, others);
                } else {
                    self.end(now, id, Ending::CLIENT, others, user);
                }
                return HttpReply::empty(202);
            }
            Some(_) => {
                self.broke(user, Rule::PatchState, "a patch asked for an unknown state");
                return HttpReply::error(400, "bad.request", "The state must be connected or disconnected.");
            }
        }
        if flags.iter().all(|(_, flag)| flag.is_none()) {
            return HttpReply::empty(202);
        }
        if state != CallState::Connected {
            // The call may have ended while the request was on its way, so this is no broken rule.
            return HttpReply::error(409, "conflict", "The participant is not connected.");
        }
        if let Some(leg) = self.conversations.get_mut(id).and_then(|conversation| conversation.leg_mut(user)) {
            for (name, flag) in flags {
                match (name, flag) {
                    ("muted", Some(flag)) => leg.muted = flag,
                    (_, Some(flag)) => leg.held = flag,
                    (_, None) => {}
                }
            }
            if leg.held {
                // Nothing more: the far side hears music as long as it lasts.
            } else if flags.iter().any(|(name, flag)| *name == "held" && *flag == Some(false)) {
                self.hold_others(id, user);
            }
        }
        self.publish_conversation(id);
        HttpReply::empty(202)
    }

    fn answer_by_rest(&mut self, now: Instant, user: UserIx, id: &str, state: CallState) -> HttpReply {
        match state {
            CallState::Alerting => {}
            CallState::Connected => return HttpReply::empty(202),
            _ => return HttpReply::error(409, "conflict", "The call does not ring."),
        }
        match (self.session_of_leg(id, user), self.live_session(user)) {
            (Some(session), Some(live)) if session == live => self.connect(now, id),
            // The session it rang on was just lost: a new one is proposed late, and the client proceeds by itself.
            (Some(session), _) if !self.sessions.contains_key(&session) => {
                if let Some(session) = self.propose(now, user, id, Kind::Asked) {
                    self.attach(id, user, session);
                }
            }
            _ => {}
        }
        HttpReply::empty(202)
    }

    /// `POST …/participants/{id}/replace`: only the voicemail form, which declines a call for a plain user.
    pub(crate) fn send_to_voicemail(&mut self, now: Instant, user: UserIx, id: &str) -> HttpReply {
        let state = self.conversations.get(id).and_then(|conversation| conversation.leg(user)).map(|leg| leg.state);
        match state {
            Some(CallState::Alerting) => {
                let voicemail = Ending { kind: "transfer.noanswer", sip: None, error: None };
                self.leave_as(now, id, user, voicemail, Ending::DECLINED);
                HttpReply::empty(202)
            }
            Some(_) => HttpReply::error(409, "conflict", "The call does not ring."),
            None => HttpReply::error(404, "conversation.not.found", "The conversation was not found."),
        }
    }

    /// `POST …/participants/{id}/digits`.
    pub(crate) fn digits(&mut self, user: UserIx, id: &str, body: &Value) -> HttpReply {
        let digits = body.get("digits").and_then(Value::as_str).unwrap_or_default().to_uppercase();
        let valid = digits.chars().all(|c| c.is_ascii_digit() || "ABCD*#,".contains(c));
        if digits.is_empty() || digits.len() > MOST_DIGITS || !valid {
            self.broke(user, Rule::Digits, "digits have another form");
            return HttpReply::error(400, "bad.request", "The digits are not valid.");
        }
        let Some(leg) = self.conversations.get(id).and_then(|conversation| conversation.leg(user)) else {
            return HttpReply::error(404, "conversation.not.found", "The conversation was not found.");
        };
        if leg.state != CallState::Connected {
            return HttpReply::error(409, "conflict", "The call is not connected.");
        }
        self.pass_digits(id, user, &digits);
        HttpReply::empty(202)
    }

    /// Digits that a phone sent inside its media.
    pub(crate) fn digits_from(&mut self, session: SessionId, digits: &str) {
        let Some(user) = self.sessions.get(&session).map(|session| session.user) else { return };
        let active = self
            .conversations
            .of(user)
            .find(|conversation| {
                conversation
                    .leg(user)
                    .is_some_and(|leg| leg.session == Some(session) && leg.state == CallState::Connected && !leg.held)
            })
            .map(|conversation| conversation.id.clone());
        if let Some(id) = active {
            self.pass_digits(&id, user, digits);
        }
    }

    fn pass_digits(&mut self, id: &str, user: UserIx, digits: &str) {
        let Some(conversation) = self.conversations.get(id) else { return };
        let far = conversation.leg(user).map(|leg| conversation.partner(leg));
        let far = if let Some(Partner::Is(far)) = far { Some(far) } else { None };
        let session = match far.map(|far| (far.party, far.session)) {
            // The echo gives digits back as well.
            Some((Party::Bot(Bot::Echo), _)) => conversation.leg(user).and_then(|leg| leg.session),
            Some((Party::User(_), session)) => session,
            _ => None,
        };
        let digits: String = digits.chars().filter(|c| *c != ',').collect();
        if let Some(session) = session {
            self.out.push_back(Output::Edge(EdgeCommand::Digits { session, digits }));
        }
    }

    pub(crate) fn expire_conversations(&mut self, now: Instant) {
        for (id, due) in self.conversations.due(now) {
            let Some(conversation) = self.conversations.get_mut(&id) else { continue };
            conversation.due = None;
            let of = |fits: fn(&Participant) -> bool| conversation.participants.iter().find(|p| fits(p));
            let ringing = of(|p| p.state == CallState::Alerting).map(|p| p.id.clone());
            let dialled = of(|p| p.state == CallState::Dialing && p.user().is_none()).map(|p| p.id.clone());
            let (who, ending) = match due {
                Due::FarAnswers => {
                    self.connect(now, &id);
                    continue;
                }
                Due::FarBusy => (dialled, Ending::BUSY),
                Due::FarSilent => (dialled, Ending::TIMEOUT),
                Due::AlertEnds => (ringing, Ending::TIMEOUT),
            };
            if let Some(who) = who {
                self.leave(now, &id, &who, ending, ending);
            }
        }
    }
}
