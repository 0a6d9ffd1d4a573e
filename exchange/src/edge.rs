//! The edge's half of media signalling: it proposes sessions, always offers, and ends them.
//!
//! | Stage | Leaves on | To |
//! |---|---|---|
//! | Proposed | `proceed` of one client | Proceeded; the others are sent `retract` |
//! | Proceeded | the offer is ready | Offered |
//! | Offered | `answer` | Answered |
//! | Answered | media is up | Up |
//! | any | `terminate`, call over, idle limit, media lost, time is up | gone |

use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use phone_core::ids::SessionId;
use phone_core::media::{DescriptionKind, MediaEvent, SessionConfig};
use serde_json::{Value, json};

use crate::bots::Route;
use crate::conversations::{Bot, CallState, Conversation, Ending, Participant, Partner, Party};
use crate::machine::{EdgeCommand, Exchange, Output, SocketId};
use crate::mixer::{Guests, Seat};
use crate::rules::Rule;
use crate::sdp;
use crate::users::UserIx;
use crate::xml::{GENESYS, JINGLE_MESSAGE, escape};

/// From a propose that answers itself to `proceed`.
const PROCEED_LIMIT: Duration = Duration::from_mins(1);
/// From `proceed` to media.
const SETUP_LIMIT: Duration = Duration::from_secs(30);
/// From overdue consent to a re-invite: short outages heal by themselves, and consent expires 30 s after it was due.
const RECOVERY_WAIT: Duration = Duration::from_secs(8);
/// Between repeats of a re-invite that is not answered.
const REPEAT: Duration = Duration::from_secs(2);
/// Sessions in all; a call beyond is refused.
const MOST_SESSIONS: usize = 128;
/// How long a client's message may be on its way after its session ended.
const CROSSING: Duration = Duration::from_secs(2);
/// Ended sessions remembered; the oldest goes.
const MOST_OVER: usize = 64;
/// Candidates kept for a session that is not ready for them; more are dropped.
const MOST_WAITING: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Proposed,
    Proceeded,
    Offered,
    Answered,
    Up,
}

/// How a session came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For an incoming call: the user decides.
    Asked,
    /// For an outgoing call: the client takes it by itself.
    Automatic,
    /// For no call: opens the persistent connection.
    Eager,
    /// Takes over from another session of the same client.
    Reinvite,
}

/// One media session with one client.
#[derive(Debug)]
pub struct Session {
    /// The name on the wire.
    pub sid: String,
    pub user: UserIx,
    /// The conversation it was proposed for.
    pub conversation: String,
    pub stage: Stage,
    pub persistent: bool,
    /// How long it is kept without a call, as its station said when it was proposed.
    keep: Option<Duration>,
    /// Consent is overdue: not for new calls.
    pub interrupted: bool,
    kind: Kind,
    /// Full JID of the client that took it.
    peer: Option<String>,
    /// The session that this one takes over from.
    replaces: Option<SessionId>,
    offer: Option<String>,
    /// JSON-RPC id of the offer; repeats carry the same.
    offer_id: String,
    repeat_at: Option<Instant>,
    /// The client's candidates that came before its answer.
    waiting: Vec<String>,
    accepted: bool,
    gives_up: Option<Instant>,
    idle_at: Option<Instant>,
    /// When media that is interrupted gets a re-invite.
    recover_at: Option<Instant>,
    route: Route,
}

impl Session {
    pub fn deadline(&self) -> Option<Instant> {
        [self.gives_up, self.idle_at, self.repeat_at, self.recover_at].into_iter().flatten().min()
    }
}

impl Exchange {
    pub(crate) fn edge_jid(&self) -> String {
        format!("edge1@gjoll.{}/practice", self.around.host)
    }

    fn session_by_sid(&self, user: UserIx, sid: &str) -> Option<SessionId> {
        self.sessions.iter().find(|(_, session)| session.user == user && session.sid == sid).map(|(id, _)| *id)
    }

    /// What a client says of this session may have crossed its end on the way.
    fn ended_just_now(&self, now: Instant, sid: &str) -> bool {
        self.over.iter().any(|(at, known)| known == sid && now < *at + CROSSING)
    }

    /// Whether this user's calls share one session.
    fn shares_session(&self, user: UserIx) -> bool {
        self.people.decided(user).is_none_or(|decided| decided.appearances <= 1 || decided.persistent)
    }

    /// A session that can carry one more call of the user at once.
    pub(crate) fn live_session(&self, user: UserIx) -> Option<SessionId> {
        if !self.shares_session(user) {
            return None;
        }
        let live = |session: &Session| {
            session.user == user
                && session.stage == Stage::Up
                && !session.interrupted
                && session.peer.as_deref().is_some_and(|peer| self.socket_of(peer).is_some())
        };
        self.sessions.iter().rev().find(|(_, session)| live(session)).map(|(id, _)| *id)
    }

    /// A session on its way up that can carry one more outgoing call.
    pub(crate) fn coming_session(&self, user: UserIx) -> Option<SessionId> {
        if !self.shares_session(user) {
            return None;
        }
        let coming =
            |s: &Session| s.user == user && s.stage < Stage::Up && (s.kind != Kind::Asked || s.stage > Stage::Proposed);
        self.sessions.iter().rev().find(|(_, session)| coming(session)).map(|(id, _)| *id)
    }

    /// Proposes a session to all clients of the user; `None` when there are too many sessions.
    pub(crate) fn propose(&mut self, now: Instant, user: UserIx, conversation: &str, kind: Kind) -> Option<SessionId> {
        let id = self.new_session(user, conversation, kind)?;
        let keep = self.people.decided(user).filter(|decided| decided.persistent).map(|decided| decided.timeout);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.persistent = keep.is_some();
            session.keep = keep;
            session.gives_up = (kind != Kind::Asked).then(|| now + PROCEED_LIMIT);
        }
        for (socket, jid) in self.bound(user) {
            self.send_propose(socket, &jid, id);
        }
        if kind != Kind::Asked {
            // It will be taken at once, so the offer is made while the client's answer travels.
            self.make_offer(id);
        }
        Some(id)
    }

    /// Opens the persistent connection before the first call, once a client of the user listens.
    pub(crate) fn open_eagerly(&mut self, now: Instant, user: UserIx) {
        let node = self.people.user(user).map(|user| format!("v2.users.{}.conversations", user.id)).unwrap_or_default();
        let listens = self.channels.values().any(|c| c.user == user && c.socket.is_some() && c.topics.contains(&node));
        let persistent = self.people.decided(user).is_some_and(|decided| decided.persistent);
        let has = self.sessions.values().any(|session| session.user == user);
        if self.options.eager && listens && persistent && !has && !self.bound(user).is_empty() {
            let conversation = self.chance.uuid();
            // With too many sessions the first call opens it.
            self.propose(now, user, &conversation, Kind::Eager);
        }
    }

    fn new_session(&mut self, user: UserIx, conversation: &str, kind: Kind) -> Option<SessionId> {
        if self.sessions.len() >= MOST_SESSIONS {
            return None;
        }
        let id = SessionId(self.session_ids.next());
        let session = Session {
            sid: self.chance.uuid(),
            user,
            conversation: conversation.to_owned(),
            stage: Stage::Proposed,
            persistent: false,
            keep: None,
            interrupted: false,
            kind,
            peer: None,
            replaces: None,
            offer: None,
            offer_id: self.chance.uuid(),
            repeat_at: None,
            waiting: Vec::new(),
            accepted: false,
            gives_up: None,
            idle_at: None,
            recover_at: None,
            route: Route::Silence,
        };
        self.sessions.insert(id, session);
        Some(id)
    }

    fn make_offer(&mut self, session: SessionId) {
        let mut config = SessionConfig::default();
        if !self.faults.only_codecs.is_empty() {
            config.codecs.clone_from(&self.faults.only_codecs);
        }
        self.out.push_back(Output::Edge(EdgeCommand::Offer { session, config }));
    }

    fn send_propose(&mut self, socket: SocketId, jid: &str, id: SessionId) {
        let message = self.chance.uuid();
        let Some(session) = self.sessions.get(&id) else { return };
        let eager = if session.kind == Kind::Eager { " inin-priv-answer-mode=\"Auto\"" } else { "" };
        let text = format!(
            "<message xmlns=\"jabber:client\" from=\"{}\" to=\"{}\" id=\"{message}\"><propose xmlns=\"{JINGLE_MESSAGE}\" id=\"{}\" \
             inin-cid=\"{}\" inin-sdp-over-xmpp=\"true\" inin-autoanswer=\"{}\"{eager}>\
             <description xmlns=\"urn:xmpp:jingle:apps:rtp:1\" media=\"audio\"/></propose></message>",
            escape(&self.edge_jid()),
            escape(jid),
            session.sid,
            session.conversation,
            session.kind == Kind::Automatic,
        );
        self.send(socket, text);
    }

    /// A client of the user came (back): it learns of what still waits for somebody, and gets its re-invites.
    pub(crate) fn propose_again(&mut self, now: Instant, user: UserIx, socket: SocketId, jid: &str) {
        let own: Vec<SessionId> = self.sessions.iter().filter(|(_, s)| s.user == user).map(|(id, _)| *id).collect();
        for id in own {
            let Some(session) = self.sessions.get(&id) else { continue };
            if session.stage == Stage::Proposed {
                self.send_propose(socket, jid, id);
            } else if session.peer.as_deref() == Some(jid) && session.stage == Stage::Up && session.interrupted {
                self.reinvite(now, id);
            }
        }
    }

    /// `<proceed/>` from a client.
    pub(crate) fn proceed(&mut self, now: Instant, user: UserIx, from: &str, to: &str, sid: &str) {
        if to != self.edge_jid() {
            self.broke(user, Rule::ProceedPeer, "proceed was sent elsewhere");
            return;
        }
        let Some(id) = self.session_by_sid(user, sid) else {
            // It was on its way when the session ended, as after a call that is hung up at once.
            if self.ended_just_now(now, sid) {
                return;
            }
            self.broke(user, Rule::ProceedKnown, "proceed named an unknown session");
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.stage != Stage::Proposed {
            // The first client wins; the winner may repeat itself.
            if session.peer.as_deref() != Some(from)
                && let Some(socket) = self.socket_of(from)
            {
                self.retract(socket, from, sid);
            }
            return;
        }
        session.stage = Stage::Proceeded;
        session.peer = Some(from.to_owned());
        session.gives_up = Some(now + SETUP_LIMIT);
        let conversation = session.conversation.clone();
        let prepared = session.kind != Kind::Asked;
        // It is being answered, so it no longer rings out.
        if let Some(conversation) = self.conversations.get_mut(&conversation)
            && conversation.leg(user).is_some_and(|leg| leg.state == CallState::Alerting)
        {
            conversation.due = None;
        }
        if !prepared {
            self.make_offer(id);
        }
        self.send_offer(now, id);
    }

    /// `<accept/>` to the own bare JID.
    pub(crate) fn accepted(&mut self, user: UserIx, sid: &str) {
        if let Some(id) = self.session_by_sid(user, sid)
            && let Some(session) = self.sessions.get_mut(&id)
        {
            session.accepted = true;
        }
    }

    /// Sends the offer when both the client and the offer are ready.
    fn send_offer(&mut self, now: Instant, id: SessionId) {
        let unknown_codec = self.faults.unknown_codec;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (Stage::Proceeded | Stage::Offered, Some(offer), Some(peer)) =
            (session.stage, session.offer.clone(), session.peer.clone())
        else {
            return;
        };
        session.stage = Stage::Offered;
        let offer = if unknown_codec { sdp::with_unknown_codec(&offer) } else { offer };
        let mut params = json!({ "sessionId": session.sid, "conversationId": session.conversation, "sdp": offer });
        if session.kind == Kind::Reinvite {
            session.repeat_at = Some(now + REPEAT);
            if let Some(map) = params.as_object_mut() {
                map.insert("reinvite".to_owned(), true.into());
            }
        }
        let rpc = session.offer_id.clone();
        self.send_rpc(&peer, &rpc, "offer", &params);
    }

    fn send_rpc(&mut self, peer: &str, rpc: &str, method: &str, params: &Value) {
        let Some(socket) = self.socket_of(peer) else { return };
        let id = self.chance.uuid();
        let json = json!({ "jsonrpc": "2.0", "id": rpc, "method": method, "params": params }).to_string();
        let text = format!(
            "<iq xmlns=\"jabber:client\" type=\"set\" id=\"{id}\" from=\"{}\" to=\"{}\"><genesys-webrtc xmlns=\"{GENESYS}\">{}</genesys-webrtc></iq>",
            escape(&self.edge_jid()),
            escape(peer),
            escape(&json)
        );
        self.send(socket, text);
    }

    fn retract(&mut self, socket: SocketId, jid: &str, sid: &str) {
        let text = format!(
            "<message xmlns=\"jabber:client\" from=\"{}\" to=\"{}\"><retract xmlns=\"{JINGLE_MESSAGE}\" id=\"{}\"/></message>",
            escape(&self.edge_jid()),
            escape(jid),
            escape(sid)
        );
        self.send(socket, text);
    }

    /// One JSON-RPC request of a client.
    pub(crate) fn rpc(&mut self, now: Instant, user: UserIx, from: &str, to: &str, text: &str) {
        if to != self.edge_jid() {
            self.broke(user, Rule::StanzaTo, "a request was sent elsewhere");
        }
        let request: Value = serde_json::from_str(text).unwrap_or_default();
        let params = request.get("params").cloned().unwrap_or_default();
        let word = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or_default();
        let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
        let id = self.session_by_sid(user, word("sessionId"));
        let id = id.filter(|id| self.sessions.get(id).is_some_and(|session| session.peer.as_deref() == Some(from)));
        let Some(id) = id else {
            // Both sides may end a session at the same time.
            let crossed = self.ended_just_now(now, word("sessionId"));
            if !crossed && !matches!(method, "terminate" | "iceCandidate" | "info") {
                self.broke(user, Rule::RpcSession, "a request named an unknown session");
            }
            return;
        };
        match method {
            "answer" => self.answer(user, id, word("sdp")),
            "iceCandidate" => self.candidate(user, id, word("sdp")),
            "info" if word("status") == "active" => {}
            "info" => self.broke(user, Rule::InfoActive, "info carried another status"),
            "terminate" => self.terminated(now, id, word("reason")),
            "report-statistics" => {}
            _ => self.broke(user, Rule::RpcMethod, "an unknown method was called"),
        }
    }

    fn answer(&mut self, user: UserIx, id: SessionId, answer: &str) {
        let forced = self.relay_only(id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.stage != Stage::Offered {
            self.broke(user, Rule::AnswerOnce, "an answer came that no offer asked for");
            return;
        }
        session.stage = Stage::Answered;
        session.repeat_at = None;
        let (accepted, waiting) = (session.accepted, std::mem::take(&mut session.waiting));
        if !accepted {
            self.broke(user, Rule::AcceptToSelf, "the answer came without accept before it");
        }
        if let Err(what) = sdp::check_answer(answer) {
            self.broke(user, Rule::AnswerSdp, what);
        }
        for line in sdp::candidates(answer) {
            self.check_candidate(user, line, forced);
        }
        self.out.push_back(Output::Edge(EdgeCommand::Answer { session: id, sdp: answer.to_owned() }));
        for candidate in waiting {
            self.out.push_back(Output::Edge(EdgeCommand::Candidate { session: id, candidate }));
        }
    }

    fn candidate(&mut self, user: UserIx, id: SessionId, fragment: &str) {
        let lines: Vec<&str> = sdp::candidates(fragment).collect();
        let ends = fragment.lines().any(|line| line.trim() == "a=end-of-candidates");
        if (lines.is_empty() && !ends) || (!lines.is_empty() && !fragment.starts_with("m=")) {
            self.broke(user, Rule::CandidateForm, "a candidate came in another form");
        }
        let forced = self.relay_only(id);
        for line in lines {
            self.check_candidate(user, line, forced);
            let Some(session) = self.sessions.get_mut(&id) else { return };
            if session.stage >= Stage::Answered {
                let candidate = line.to_owned();
                self.out.push_back(Output::Edge(EdgeCommand::Candidate { session: id, candidate }));
            } else if session.waiting.len() < MOST_WAITING {
                session.waiting.push(line.to_owned());
            }
        }
    }

    /// Whether the client of this session was told to use relays only.
    fn relay_only(&self, id: SessionId) -> bool {
        let peer = self.sessions.get(&id).and_then(|session| session.peer.as_deref());
        let socket = peer.and_then(|peer| self.socket_of(peer)).and_then(|socket| self.sockets.get(&socket));
        socket.is_some_and(|socket| socket.relay_only)
    }

    fn check_candidate(&mut self, user: UserIx, line: &str, forced: bool) {
        let mut words = line.split_ascii_whitespace().skip(2);
        if words.next().is_some_and(|transport| transport.eq_ignore_ascii_case("tcp")) {
            self.broke(user, Rule::CandidateTcp, "a TCP candidate was sent");
        }
        if forced && !line.contains(" typ relay") {
            self.broke(user, Rule::CandidateRelayOnly, "a candidate that is no relay was sent");
        }
    }

    /// The client ended the session.
    fn terminated(&mut self, now: Instant, id: SessionId, reason: &str) {
        let heir = self.sessions.iter().find(|(_, session)| session.replaces == Some(id)).map(|(heir, _)| *heir);
        match heir {
            Some(heir) if reason == "alternative-session" => self.hand_over(id, heir),
            _ => {
                let ending = if reason == "failed-transport" { Ending::MEDIA_LOST } else { Ending::CLIENT };
                self.end_calls_on(now, id, ending);
                self.close_session(now, id, None);
            }
        }
    }

    /// What the media engine reports.
    pub(crate) fn media(&mut self, now: Instant, event: MediaEvent) {
        match event {
            MediaEvent::Description { session, kind: DescriptionKind::Offer, sdp } => {
                if let Some(entry) = self.sessions.get_mut(&session) {
                    entry.offer = Some(sdp);
                    self.send_offer(now, session);
                }
            }
            MediaEvent::LocalCandidate { session, mid, candidate } => {
                let Some(entry) = self.sessions.get_mut(&session) else { return };
                if entry.stage < Stage::Offered {
                    // It travels inside the offer, one message less.
                    if let Some(offer) = &mut entry.offer {
                        sdp::add_candidate(offer, &candidate);
                    }
                } else if let Some(peer) = entry.peer.clone() {
                    let fragment = format!("m={mid} 9 RTP/AVP 0\r\na={candidate}\r\n");
                    let params = json!({ "sessionId": entry.sid, "sdp": fragment });
                    let rpc = self.chance.uuid();
                    self.send_rpc(&peer, &rpc, "iceCandidate", &params);
                }
            }
            MediaEvent::Up { session, .. } => self.session_up(now, session),
            MediaEvent::Interrupted { session } => {
                if let Some(entry) = self.sessions.get_mut(&session) {
                    entry.interrupted = true;
                    entry.recover_at = Some(now + RECOVERY_WAIT);
                }
            }
            MediaEvent::Failed { session, error } => {
                tracing::info!(%session, %error, "a media session failed");
                // What takes over from it may still succeed.
                if let Some(heir) = self.sessions.iter().find(|(_, s)| s.replaces == Some(session)).map(|(id, _)| *id) {
                    self.hand_over(session, heir);
                    return;
                }
                let up = self.sessions.get(&session).is_some_and(|session| session.stage == Stage::Up);
                self.end_calls_on(now, session, if up { Ending::MEDIA_LOST } else { Ending::NO_STATION });
                self.close_session(now, session, Some("failed-transport"));
            }
            MediaEvent::Digit { session, digit } => self.digits_from(session, &digit.to_string()),
            MediaEvent::Description { .. }
            | MediaEvent::EndOfCandidates { .. }
            | MediaEvent::FirstMedia { .. }
            | MediaEvent::RemoteDirection { .. }
            | MediaEvent::DigitSent { .. }
            | MediaEvent::Counted { .. }
            | MediaEvent::Stats { .. } => {}
        }
    }

    fn session_up(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.interrupted = false;
        session.recover_at = None;
        if session.stage == Stage::Up {
            return;
        }
        session.stage = Stage::Up;
        session.gives_up = None;
        session.repeat_at = None;
        let (user, before, kind) = (session.user, session.replaces.take(), session.kind);
        if let Some(before) = before.filter(|before| self.sessions.contains_key(before)) {
            self.move_legs(before, id);
            self.close_session(now, before, Some("alternative-session"));
        }
        let waiting: Vec<String> = self
            .conversations
            .of(user)
            .filter(|conversation| conversation.leg(user).is_some_and(|leg| leg.session == Some(id)))
            .map(|conversation| conversation.id.clone())
            .collect();
        for conversation in &waiting {
            let rings = self.conversations.get(conversation).and_then(|conversation| conversation.leg(user));
            // Media answers a ringing call only if it came up for that call.
            if kind == Kind::Asked || rings.is_some_and(|leg| leg.state != CallState::Alerting) {
                self.leg_ready(now, conversation, user);
            }
        }
        if waiting.is_empty() {
            self.session_idle(now, id);
        }
    }

    /// The old session's calls ride on the new one from now on; the old one is gone on the client's side.
    fn hand_over(&mut self, before: SessionId, heir: SessionId) {
        self.move_legs(before, heir);
        if let Some(session) = self.sessions.get_mut(&heir) {
            session.replaces = None;
        }
        self.sessions.remove(&before);
        self.out.push_back(Output::Edge(EdgeCommand::Close { session: before }));
    }

    fn move_legs(&mut self, before: SessionId, heir: SessionId) {
        for conversation in self.conversations.map.values_mut() {
            for participant in &mut conversation.participants {
                if participant.session == Some(before) {
                    participant.session = Some(heir);
                }
            }
        }
    }

    /// Nothing uses the session now: kept warm on a persistent station, else ended.
    pub(crate) fn session_idle(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.keep.filter(|_| session.persistent && session.stage == Stage::Up) {
            Some(limit) => {
                session.idle_at = Some(now + limit);
                let user = session.user;
                self.persistent_event(now, user, "PERSISTED", None);
            }
            None => self.close_session(now, id, Some("success")),
        }
    }

    /// The user lets go of the station, or takes it. A session that no call uses ends with the station (`all`); one
    /// that a program left which died ends at the latest when the station is taken again, or it would swallow calls.
    pub(crate) fn end_idle_sessions(&mut self, now: Instant, user: UserIx, all: bool) {
        let idle = self.sessions.iter().filter(|(_, session)| session.user == user && session.idle_at.is_some());
        let forgotten = idle
            .filter(|(_, session)| all || session.peer.as_deref().is_none_or(|peer| self.socket_of(peer).is_none()));
        let forgotten: Vec<SessionId> = forgotten.map(|(id, _)| *id).collect();
        for id in forgotten {
            self.close_session(now, id, Some("success"));
        }
    }

    /// A call uses the session.
    pub(crate) fn session_busy(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.idle_at = None;
        if session.persistent {
            let user = session.user;
            self.persistent_event(now, user, "ACTIVE_CALL", None);
        }
    }

    pub(crate) fn persistent_event(&mut self, now: Instant, user: UserIx, state: &str, error: Option<(&str, &str)>) {
        let Some(id) = self.people.user(user).map(|user| user.id.clone()) else { return };
        let station = self.people.user(user).and_then(|user| user.station.clone());
        let mut body = json!({ "userId": id, "stationId": station, "persistentState": state, "eventTime": self.clock.rfc3339(now) });
        if let (Some((code, text)), Some(map)) = (error, body.as_object_mut()) {
            map.insert(
                "errorInfo".to_owned(),
                json!({ "text": text, "code": code, "userMessage": text, "userParams": [] }),
            );
        }
        self.publish(user, "persistentconnection", &body, None);
    }

    /// Ends a session. `tell`: the reason for the client, unless the client knows already.
    pub(crate) fn close_session(&mut self, now: Instant, id: SessionId, tell: Option<&str>) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if self.over.len() == MOST_OVER {
            self.over.pop_front();
        }
        self.over.push_back((now, session.sid.clone()));
        self.out.push_back(Output::Edge(EdgeCommand::Close { session: id }));
        if session.persistent && session.stage == Stage::Up {
            let code = "error.ininedgecontrol.connection.webrtc.endpoint.disconnect";
            self.persistent_event(now, session.user, "DISCONNECTED", Some((code, "The connection was ended.")));
        }
        let Some(reason) = tell else { return };
        match (session.stage, session.peer) {
            (Stage::Proposed, _) => {
                for (socket, jid) in self.bound(session.user) {
                    self.retract(socket, &jid, &session.sid);
                }
            }
            (_, Some(peer)) => {
                let rpc = self.chance.uuid();
                self.send_rpc(&peer, &rpc, "terminate", &json!({ "sessionId": session.sid, "reason": reason }));
                // A client that waits for an offer has no session yet to terminate.
                if session.stage == Stage::Proceeded
                    && let Some(socket) = self.socket_of(&peer)
                {
                    self.retract(socket, &peer, &session.sid);
                }
            }
            (_, None) => {}
        }
    }

    pub(crate) fn expire_sessions(&mut self, now: Instant) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if session.recover_at.is_some_and(|at| at <= now) {
                session.recover_at = None;
                self.reinvite(now, id);
            } else if session.gives_up.is_some_and(|at| at <= now) {
                self.end_calls_on(now, id, Ending::NO_STATION);
                self.close_session(now, id, Some("timeout"));
            } else if session.idle_at.is_some_and(|at| at <= now) {
                self.close_session(now, id, Some("success"));
            } else if session.repeat_at.is_some_and(|at| at <= now) {
                self.send_offer(now, id);
            }
        }
    }

    /// Offers a new session for the calls of this one, which goes on until the new one is up.
    fn reinvite(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let (user, peer, persistent, keep) = (session.user, session.peer.clone(), session.persistent, session.keep);
        let carried = self
            .conversations
            .of(user)
            .find(|conversation| {
                conversation.leg(user).is_some_and(|leg| leg.session == Some(id) && leg.state == CallState::Connected)
            })
            .map(|conversation| conversation.id.clone());
        let replaced = self.sessions.values().any(|other| other.replaces == Some(id));
        let reachable = peer.as_deref().is_some_and(|peer| self.socket_of(peer).is_some());
        let (Some(conversation), false, true) = (carried, replaced, reachable) else { return };
        let Some(heir) = self.new_session(user, &conversation, Kind::Reinvite) else { return };
        if let Some(session) = self.sessions.get_mut(&heir) {
            session.stage = Stage::Proceeded;
            session.peer = peer;
            session.persistent = persistent;
            session.keep = keep;
            session.replaces = Some(id);
            session.gives_up = Some(now + SETUP_LIMIT);
        }
        self.make_offer(heir);
    }

    /// Fault: every session in a call is offered anew.
    pub(crate) fn reinvite_all(&mut self, now: Instant) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.reinvite(now, id);
        }
    }

    /// Tells the media peer what every session hears, where that changed.
    pub(crate) fn reroute(&mut self) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            let route = self.route_of(id);
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if session.route != route {
                session.route = route;
                self.out.push_back(Output::Edge(EdgeCommand::Route { session: id, route }));
            }
        }
    }

    fn route_of(&self, id: SessionId) -> Route {
        let Some(session) = self.sessions.get(&id).filter(|session| session.stage == Stage::Up) else {
            return Route::Silence;
        };
        let user = session.user;
        let mine = |conversation: &&crate::conversations::Conversation| {
            conversation.leg(user).is_some_and(|leg| {
                leg.session == Some(id) && !leg.held && matches!(leg.state, CallState::Connected | CallState::Dialing)
            })
        };
        // At most one is neither held nor over; while a second one is dialled, the newest is heard.
        let Some(conversation) =
            self.conversations.of(user).filter(mine).max_by_key(|conversation| conversation.started)
        else {
            return Route::Silence;
        };
        let Some(leg) = conversation.leg(user) else { return Route::Silence };
        if leg.state == CallState::Dialing {
            return Route::Ringback;
        }
        let far = match conversation.partner(leg) {
            Partner::Is(far) => far,
            Partner::Waits => return Route::Music,
            Partner::All => return Route::Room(seat(conversation, leg)),
            Partner::Nobody => return Route::Silence,
        };
        match far.party {
            _ if matches!(far.state, CallState::Contacting | CallState::Dialing | CallState::Alerting) => {
                Route::Ringback
            }
            _ if far.held => Route::Music,
            Party::Bot(Bot::Echo) if leg.muted => Route::Silence,
            Party::Bot(Bot::Echo) => Route::Echo,
            Party::Bot(Bot::Music) => Route::Music,
            Party::Bot(Bot::Speaker) => Route::Speech,
            Party::Bot(Bot::Busy | Bot::NoAnswer) | Party::Queue => Route::Silence,
            Party::User(_) if far.muted || far.state != CallState::Connected => Route::Silence,
            Party::User(_) => far.session.map_or(Route::Silence, Route::Peer),
        }
    }
}

/// The place of a participant in the room of its conversation.
fn seat(conversation: &Conversation, leg: &Participant) -> Seat {
    let guest = |bot: Bot| {
        let here = |p: &Participant| p.party == Party::Bot(bot) && p.state == CallState::Connected;
        conversation.participants.iter().any(here)
    };
    let guests = Guests { music: guest(Bot::Music), speech: guest(Bot::Speaker), echo: guest(Bot::Echo) };
    let mut hasher = std::hash::DefaultHasher::new();
    conversation.id.hash(&mut hasher);
    Seat { room: hasher.finish(), speaks: !leg.muted, guests }
}
