//! Media sessions: propose and proceed, offer and answer, candidates, end.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::calls::{Answer, MAX_CALLS};
use super::jingle::{self, Action, Jingle};
use super::stanza::{Propose, RtcCall, RtcMethod};
use super::{GenesysLine, Timer, write};
use crate::event::{EndReason, EndedBy};
use crate::ids::{CallId, SessionId};
use crate::line::{LineEvent, SessionEnd};

/// Proposals remembered; the oldest that was not taken goes first.
const MAX_PROPOSALS: usize = 16;
/// Sessions at once; an offer above it is refused.
const MAX_SESSIONS: usize = 8;
/// Candidates kept for offers that have not come; the oldest goes.
const MAX_EARLY: usize = 128;
const EARLY_LIFE: Duration = Duration::from_mins(1);
/// Offers remembered, because the gateway repeats them.
const MAX_SEEN_OFFERS: usize = 16;

/// A media session that was announced.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "attributes of the message, each on its own")]
pub struct Proposal {
    pub id: String,
    pub conversation: String,
    pub from: String,
    pub eager: bool,
    pub auto_answer: bool,
    /// The offer comes as JSON-RPC; a Jingle one of the same name is let pass.
    pub sdp_over_xmpp: bool,
    pub proceeded: bool,
}

/// How a session is signalled.
#[derive(Clone, Debug, PartialEq)]
enum Way {
    /// SDP in JSON-RPC.
    Rpc,
    /// With what our answer said, once it went out.
    Jingle(Option<jingle::Ours>),
}

/// A media session that was offered.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    /// The wire's name for it.
    pub key: String,
    pub conversation: String,
    pub peer: String,
    pub eager: bool,
    way: Way,
    /// ICE user and password of the offer: when they change, it is another session.
    ice: Option<(String, String)>,
    /// Ended towards the far side before our answer goes out.
    replaces: Option<(String, String)>,
}

/// Sessions of a program that died, as [`GenesysLine::keep_sessions`] writes them.
#[derive(Debug, Deserialize)]
pub struct Left {
    own: String,
    sessions: Vec<LeftSession>,
}

#[derive(Debug, Deserialize)]
struct LeftSession {
    key: String,
    peer: String,
    jingle: bool,
}

#[derive(Clone, Debug)]
pub struct EarlyCandidate {
    at: Instant,
    key: String,
    candidate: String,
}

impl GenesysLine {
    // Before the offer.

    pub(super) fn proposed(&mut self, now: Instant, from: String, propose: Propose) {
        let Propose { id, conversation, auto_answer, sdp_over_xmpp, eager } = propose;
        // Peers of softphone calls are told by this word alone.
        if !is_softphone(&from) {
            return self.foreign("a session was announced by something that is no telephone service");
        }
        if id.is_empty() || conversation.is_empty() {
            return;
        }
        if let Some(known) = self.proposals.iter().find(|proposal| proposal.id == id) {
            if known.from != from {
                self.foreign("a session was announced again by somebody else");
            } else if known.proceeded {
                self.send_proceed(&id);
            }
            return;
        }
        let full = self.calls.len() >= MAX_CALLS && self.call_of(&conversation).is_none();
        if full && !eager {
            // Let it ring elsewhere.
            return;
        }
        // The same call again under another name: the earlier session was lost on the way.
        let renamed = self.proposals.iter().any(|proposal| proposal.conversation == conversation);
        self.proposals.retain(|proposal| proposal.conversation != conversation);
        if self.proposals.len() >= MAX_PROPOSALS {
            let victim = self.proposals.iter().position(|proposal| !proposal.proceeded).unwrap_or(0);
            self.proposals.remove(victim);
        }
        self.proposals.push(Proposal {
            id: id.clone(),
            conversation: conversation.clone(),
            from,
            eager,
            auto_answer,
            sdp_over_xmpp,
            proceeded: false,
        });
        if eager {
            return self.proceed(&id);
        }
        let dialling = self.calls.iter().any(|call| call.conversation.is_none());
        let cancelling = self.calls.iter().any(|call| call.conversation.is_none() && call.hang_up);
        let call = self.call_of(&conversation);
        if call.is_some_and(|call| self.is_ending(call)) || call.is_none() && self.ended_lately(now, &conversation) {
            // It crossed our hang-up on the way. Should a call of this conversation come back, an event tells.
            return;
        }
        if auto_answer {
            if call.is_none() && cancelling {
                // Probably the call that was dialled and hung up at once; the answer to the dial will tell.
                return;
            }
            if let Some(call) = call {
                self.answered_by_rule(call);
            } else if !dialling {
                self.start_call(now, &conversation, crate::event::CallDirection::In, true);
            }
            return self.proceed(&id);
        }
        match call {
            Some(call) => {
                let answered = self.call(call).is_some_and(|call| call.answer != Answer::No);
                if answered || renamed && self.call(call).is_some_and(|call| call.connected) {
                    self.timers.cancel(&Timer::NoSession(call));
                    self.proceed(&id);
                }
            }
            // It may be the call we are dialling: the answer to that, or an event, will tell.
            None if dialling => {}
            None => {
                self.start_call(now, &conversation, crate::event::CallDirection::In, false);
            }
        }
    }

    /// Takes the session of a proposal.
    pub(super) fn proceed(&mut self, id: &str) {
        let Some(proposal) = self.proposals.iter_mut().find(|proposal| proposal.id == id) else { return };
        proposal.proceeded = true;
        self.send_proceed(id);
    }

    fn send_proceed(&mut self, id: &str) {
        if let Some(proposal) = self.proposals.iter().find(|proposal| proposal.id == id) {
            let text = write::session_message(&proposal.from, "proceed", id);
            self.send(text);
        }
    }

    /// Another client of the same user took or refused it.
    pub(super) fn handled_elsewhere(&mut self, now: Instant, from: &str, id: &str, refused: bool) {
        let own = self.identity.as_ref().map(|identity| identity.bare.reveal().as_str());
        if !from.is_empty() && Some(bare(from)) != own {
            return self.foreign("another user claims to have taken a call of this one");
        }
        let Some(index) = self.proposals.iter().position(|p| p.id == id && !p.proceeded) else { return };
        let proposal = self.proposals.remove(index);
        if let Some(call) = self.call_of(&proposal.conversation) {
            let reason = if refused { EndReason::Declined } else { EndReason::AnsweredElsewhere };
            self.end_call(now, call, EndedBy::System, reason, None);
        }
    }

    pub(super) fn retracted(&mut self, now: Instant, from: &str, id: &str) {
        if !is_softphone(from) {
            return self.foreign("a call was withdrawn by something that is no telephone service");
        }
        let Some(index) = self.proposals.iter().position(|proposal| proposal.id == id) else { return };
        let proposal = self.proposals.remove(index);
        let Some(call) = self.call_of(&proposal.conversation) else { return };
        if self.call(call).is_some_and(|call| !call.connected && call.session.is_none()) {
            let declined = self.call(call).is_some_and(|call| call.declined);
            let (by, reason) =
                if declined { (EndedBy::Local, EndReason::Declined) } else { (EndedBy::Remote, EndReason::Cancelled) };
            self.end_call(now, call, by, reason, None);
        }
    }

    // The offer and after.

    pub(super) fn rtc_received(&mut self, now: Instant, from: Option<&str>, call: RtcCall) {
        let peer = from.unwrap_or_default();
        let known = call.method.session().and_then(|key| self.sessions.iter().find(|session| session.key == key));
        if !is_softphone(peer) || known.is_some_and(|session| bare(&session.peer) != bare(peer)) {
            return self.foreign("somebody else than its far end tried to steer a session");
        }
        match call.method {
            RtcMethod::Offer { session, conversation, sdp, reinvite } => {
                if let Some(id) = call.id {
                    if self.seen_offers.contains(&id) {
                        return;
                    }
                    if self.seen_offers.len() == MAX_SEEN_OFFERS {
                        self.seen_offers.pop_front();
                    }
                    self.seen_offers.push_back(id);
                }
                self.offered(now, peer, &session, conversation, sdp, reinvite, Way::Rpc);
            }
            RtcMethod::Candidate { session, candidate } => self.remote_candidate(now, session, candidate),
            RtcMethod::Terminate { session, reason } => self.terminated(now, &session, reason.as_deref()),
            RtcMethod::Unknown(method) => tracing::debug!(%method, "an unknown method is let pass"),
        }
    }

    /// A Jingle action. It is acknowledged first, as XEP-0166 §5 has it, except where the official client stays
    /// silent: a Jingle offer beside one by JSON-RPC.
    pub(super) fn jingle_received(&mut self, now: Instant, id: &str, from: Option<&str>, jingle: Jingle) {
        let Jingle { session: key, action } = jingle;
        let peer = from.unwrap_or_default().to_owned();
        let known = self.sessions.iter().find(|session| session.key == key);
        if !is_softphone(&peer) || known.is_some_and(|session| bare(&session.peer) != bare(&peer)) {
            self.send(write::unknown_session(id, from));
            return self.foreign("somebody else than its far end tried to steer a session");
        }
        let known = known.is_some();
        match action {
            Action::Initiate { offer } => {
                let proposal = self.proposals.iter().find(|proposal| proposal.id == key);
                if known || proposal.is_some_and(|proposal| proposal.sdp_over_xmpp) {
                    return;
                }
                self.send(write::result(id, from));
                match offer {
                    Some(offer) => self.offered(now, &peer, &key, None, offer, false, Way::Jingle(None)),
                    None => self.send_terminate(&key, &peer, "failed-application", true),
                }
            }
            _ if !known => self.send(write::unknown_session(id, from)),
            Action::Candidates(candidates) => {
                self.send(write::result(id, from));
                for candidate in candidates {
                    self.remote_candidate(now, key.clone(), candidate);
                }
            }
            Action::Terminate { reason } => {
                self.send(write::result(id, from));
                self.terminated(now, &key, reason.as_deref());
            }
            Action::Other => self.send(write::result(id, from)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that an offer says, in either way of signalling")]
    fn offered(
        &mut self,
        now: Instant,
        from: &str,
        key: &str,
        conversation: Option<String>,
        offer: String,
        reinvite: bool,
        way: Way,
    ) {
        let ice = ice_credentials(&offer);
        let known = self.sessions.iter_mut().find(|session| session.key == key);
        if let Some(session) = known {
            if let Some(conversation) = conversation.clone() {
                session.conversation = conversation;
            }
            if session.ice == ice {
                let session = session.id;
                return self.emit(LineEvent::SessionRenegotiated { session, offer });
            }
        }
        let proposal = self.proposals.iter().find(|proposal| proposal.id == key).cloned();
        let same_key = self.sessions.iter().position(|session| session.key == key);
        let proceeded =
            proposal.as_ref().is_some_and(|proposal| proposal.proceeded && bare(&proposal.from) == bare(from));
        let ours = |conversation: &String| {
            self.call_of(conversation).is_some() || self.sessions.iter().any(|s| s.conversation == *conversation)
        };
        let reinvite = reinvite && conversation.as_ref().is_some_and(ours);
        let jingle = matches!(way, Way::Jingle(_));
        if same_key.is_none() && !proceeded && !reinvite {
            // Of a session that we do not have, for instance from before a restart: it has to end, or it would
            // swallow the next call.
            return self.send_terminate(key, from, "gone", jingle);
        }
        if same_key.is_none() && self.sessions.len() >= MAX_SESSIONS {
            return self.send_terminate(key, from, "general-error", jingle);
        }
        let conversation =
            conversation.or_else(|| proposal.as_ref().map(|p| p.conversation.clone())).unwrap_or_default();
        let eager = proposal.as_ref().is_some_and(|proposal| proposal.eager);
        let session = self.new_session();
        // Under the same name an end would hit the new session, so the old one only goes here.
        let old = same_key.map(|index| self.sessions.remove(index)).map(|old| (old, false)).or_else(|| {
            let index = self.sessions.iter().position(|session| reinvite && session.conversation == conversation)?;
            Some((self.sessions.remove(index), true))
        });
        let replaces = old.as_ref().map(|(old, _)| old.id);
        let own = self.identity.as_ref().map(|identity| identity.bare.reveal().clone()).unwrap_or_default();
        self.send(write::session_message(&own, "accept", key));
        self.sessions.push(Session {
            id: session,
            key: key.to_owned(),
            conversation: conversation.clone(),
            peer: from.to_owned(),
            eager,
            way,
            ice,
            replaces: old.filter(|(_, terminate)| *terminate).map(|(old, _)| (old.key, old.peer)),
        });
        let call = if eager { None } else { self.call_for_session(now, &conversation) };
        for line_call in &mut self.calls {
            if Some(line_call.call) == call || line_call.session.is_some() && line_call.session == replaces {
                line_call.session = Some(session);
            }
        }
        if let Some(call) = call {
            self.timers.cancel(&Timer::NoSession(call));
        }
        self.emit(LineEvent::SessionOffered { session, call, offer, replaces });
        self.early_candidates(now, key, session);
    }

    fn early_candidates(&mut self, now: Instant, key: &str, session: SessionId) {
        let early = std::mem::take(&mut self.early);
        for candidate in early {
            if now.saturating_duration_since(candidate.at) > EARLY_LIFE {
                continue;
            }
            if candidate.key == key {
                self.emit(LineEvent::RemoteCandidate { session, candidate: candidate.candidate });
            } else {
                self.early.push_back(candidate);
            }
        }
    }

    fn remote_candidate(&mut self, now: Instant, key: String, candidate: String) {
        if candidate.is_empty() {
            return;
        }
        if let Some(session) = self.sessions.iter().find(|session| session.key == key) {
            let session = session.id;
            return self.emit(LineEvent::RemoteCandidate { session, candidate });
        }
        if self.early.len() == MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(EarlyCandidate { at: now, key, candidate });
    }

    fn terminated(&mut self, now: Instant, key: &str, reason: Option<&str>) {
        self.proposals.retain(|proposal| proposal.id != key);
        let Some(index) = self.sessions.iter().position(|session| session.key == key) else { return };
        let session = self.sessions.remove(index).id;
        let mut ended = Vec::new();
        for call in self.calls.iter_mut().filter(|call| call.session == Some(session)) {
            call.session = None;
            ended.push((call.call, call.hang_up));
        }
        self.emit(LineEvent::SessionEnded { session });
        // Where every call has its session this may be all we hear; where sessions are kept, another one follows
        // or the event that ends the call.
        if !self.persistent() && matches!(reason, None | Some("success" | "cancel" | "decline" | "busy")) {
            for (call, local) in ended {
                let by = if local { EndedBy::Local } else { EndedBy::Remote };
                let reason = if reason == Some("busy") { EndReason::Busy } else { EndReason::Hangup };
                self.end_call(now, call, by, reason, None);
            }
        }
    }

    /// The server let go of the session it kept for us.
    pub(super) fn idle_sessions_gone(&mut self) {
        let used: Vec<_> = self.calls.iter().filter_map(|call| call.session).collect();
        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sessions).into_iter().partition(|session| used.contains(&session.id));
        self.sessions = kept;
        for session in gone {
            self.proposals.retain(|proposal| proposal.id != session.key);
            self.emit(LineEvent::SessionEnded { session: session.id });
        }
    }

    /// The session that later calls may use.
    pub(super) fn active_session(&self) -> Option<SessionId> {
        if self.session_per_call() && !self.persistent() {
            return None;
        }
        let unused = |session: &&Session| {
            !self.session_per_call() || !self.calls.iter().any(|call| call.session == Some(session.id))
        };
        self.sessions.iter().find(unused).map(|session| session.id)
    }

    fn call_for_session(&mut self, now: Instant, conversation: &str) -> Option<CallId> {
        if let Some(call) = self.call_of(conversation) {
            return Some(call);
        }
        // Our own dial whose answer is still on its way.
        if let Some(dialled) = self.calls.iter_mut().find(|call| call.conversation.is_none()) {
            dialled.conversation = Some(conversation.to_owned());
            return Some(dialled.call);
        }
        if conversation.is_empty() {
            return None;
        }
        Some(self.start_call(now, conversation, crate::event::CallDirection::In, true))
    }

    // What we say.

    pub(super) fn send_answer(&mut self, session: SessionId, sdp: &str) {
        let Some(known) = self.sessions.iter_mut().find(|known| known.id == session) else { return };
        let (key, peer) = (known.key.clone(), known.peer.clone());
        if let Some((old_key, old_peer)) = known.replaces.take() {
            self.send_terminate(&old_key, &old_peer, "alternative-session", false);
        }
        let Some(known) = self.sessions.iter_mut().find(|known| known.id == session) else { return };
        if let Way::Jingle(ours) = &mut known.way {
            let (accept, said) = jingle::accept(&key, sdp);
            *ours = Some(said);
            return self.jingle_to(&peer, &accept);
        }
        self.rpc_to(&peer, "answer", &json!({ "sdp": sdp, "sessionId": key }));
    }

    pub(super) fn send_candidate(&mut self, session: SessionId, mid: &str, candidate: &str) {
        if !may_be_sent(candidate) {
            return;
        }
        let Some(Session { key, peer, way, .. }) = self.session(session) else { return };
        match way {
            Way::Rpc => {
                let fragment = format!("m={mid} 9 RTP/AVP 0\r\na={candidate}\r\n");
                self.rpc_to(&peer, "iceCandidate", &json!({ "sessionId": key, "sdp": fragment }));
            }
            Way::Jingle(ours) => {
                if let Some(text) = jingle::candidate(&key, &ours.unwrap_or_default(), candidate) {
                    self.jingle_to(&peer, &text);
                }
            }
        }
    }

    pub(super) fn send_end_of_candidates(&mut self, session: SessionId) {
        let Some(Session { key, peer, way, .. }) = self.session(session) else { return };
        match way {
            Way::Rpc => {
                let params = json!({ "sessionId": key, "sdp": "a=end-of-candidates\r\n" });
                self.rpc_to(&peer, "iceCandidate", &params);
            }
            Way::Jingle(ours) => self.jingle_to(&peer, &jingle::end_of_candidates(&key, &ours.unwrap_or_default())),
        }
    }

    pub(super) fn session_up(&mut self, session: SessionId) {
        let Some(Session { key, peer, way, .. }) = self.session(session) else { return };
        match way {
            Way::Rpc => self.rpc_to(&peer, "info", &json!({ "sessionId": key, "status": "active" })),
            Way::Jingle(_) => self.jingle_to(&peer, &jingle::active(&key)),
        }
    }

    pub(super) fn end_session(&mut self, session: SessionId, why: SessionEnd) {
        let Some(index) = self.sessions.iter().position(|known| known.id == session) else { return };
        let Session { key, peer, way, .. } = self.sessions.remove(index);
        self.proposals.retain(|proposal| proposal.id != key);
        for call in self.calls.iter_mut().filter(|call| call.session == Some(session)) {
            call.session = None;
        }
        let reason = match why {
            SessionEnd::NotNeeded => "success",
            SessionEnd::MediaFailed => "failed-transport",
            SessionEnd::Replaced => "alternative-session",
        };
        self.send_terminate(&key, &peer, reason, matches!(way, Way::Jingle(_)));
    }

    fn session(&self, session: SessionId) -> Option<Session> {
        self.sessions.iter().find(|known| known.id == session).cloned()
    }

    pub(super) fn send_terminate(&mut self, key: &str, peer: &str, reason: &str, jingle: bool) {
        if jingle {
            // XEP-0166 knows no "alternative-session" without the name of the other one.
            let reason = if reason == "alternative-session" { "gone" } else { reason };
            return self.jingle_to(peer, &jingle::terminate(key, reason));
        }
        self.rpc_to(peer, "terminate", &json!({ "sessionId": key, "reason": reason }));
    }

    fn rpc_to(&mut self, peer: &str, method: &str, params: &serde_json::Value) {
        // While the link is down this is lost. Media does not need it, and calls are asked for after a reconnect.
        let Some(full) = self.stream.as_ref().filter(|s| s.is_bound()).map(|s| s.full().to_owned()) else { return };
        let (id, rpc_id) = (self.entropy.uuid(), self.entropy.uuid());
        self.send(write::rtc(&id, &full, peer, &rpc_id, method, params));
    }

    // Over the end of the program.

    /// Hands out what the service believes in, whenever that changes: should this program die, the next one can end
    /// it ([`Self::end_left_sessions`]). Without, calls would go to a session that nobody has until the service's
    /// idle time is over.
    pub(super) fn keep_sessions(&mut self) {
        let Some(own) = self.identity.as_ref().map(|identity| identity.bare.reveal().clone()) else { return };
        let kept: Vec<_> = self
            .sessions
            .iter()
            .map(|s| json!({ "key": s.key, "peer": s.peer, "jingle": matches!(s.way, Way::Jingle(_)) }))
            .collect();
        let text = if kept.is_empty() { String::new() } else { json!({ "own": own, "sessions": kept }).to_string() };
        if text != self.kept_sessions {
            self.kept_sessions.clone_from(&text);
            self.out.push_back(super::LineOutput::KeepSessions(text.into()));
        }
    }

    /// Ends what a program that died left on the service.
    pub(super) fn end_left_sessions(&mut self) {
        let Some(left) = self.options.left_sessions.take() else { return };
        let Some(left) = super::wire::parse::<Left>(left.reveal().as_bytes()) else { return };
        if self.identity.as_ref().is_none_or(|identity| *identity.bare.reveal() != left.own) {
            return;
        }
        for LeftSession { key, peer, jingle } in left.sessions.into_iter().take(MAX_SESSIONS) {
            let ours = self.sessions.iter().any(|session| session.key == key);
            if !ours && is_softphone(&peer) {
                self.send_terminate(&key, &peer, "gone", jingle);
            }
        }
    }

    fn jingle_to(&mut self, peer: &str, body: &str) {
        if self.stream.as_ref().is_some_and(super::Stream::is_bound) {
            let id = self.entropy.uuid();
            self.send(write::jingle(&id, peer, body));
        }
    }
}

/// Far ends of softphone calls are told by one word of their address alone.
pub fn is_softphone(from: &str) -> bool {
    from.split_once('@').is_some_and(|(_, rest)| rest.to_ascii_lowercase().contains("gjoll"))
}

/// An address without its resource.
pub fn bare(address: &str) -> &str {
    address.split_once('/').map_or(address, |(bare, _)| bare)
}

/// ICE user name and password of an offer (RFC 8839 §5.4).
fn ice_credentials(offer: &str) -> Option<(String, String)> {
    let value = |name: &str| {
        offer.lines().find_map(|line| line.trim_end().strip_prefix("a=")?.strip_prefix(name)).map(str::to_owned)
    };
    Some((value("ice-ufrag:")?, value("ice-pwd:")?))
}

/// As the official client filters: no TCP candidates, no IPv6 host candidates, no mDNS names.
fn may_be_sent(candidate: &str) -> bool {
    let mut words = candidate.split_ascii_whitespace();
    let transport = words.nth(2).unwrap_or_default();
    let address = words.nth(1).unwrap_or_default();
    let kind = words.nth(2).unwrap_or_default();
    transport.eq_ignore_ascii_case("udp")
        && !address.to_ascii_lowercase().ends_with(".local")
        && !(kind == "host" && address.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_filtered_as_the_official_client_does() {
        for (candidate, sent) in [
            ("candidate:1 1 udp 2122194687 192.0.2.10 50662 typ host", true),
            ("candidate:1 1 UDP 1 203.0.113.5 50662 typ relay raddr 0.0.0.0 rport 0", true),
            ("candidate:1 1 udp 1 2001:db8::2 50662 typ srflx raddr :: rport 0", true),
            ("candidate:1 1 tcp 1 192.0.2.10 9 typ host tcptype active", false),
            ("candidate:1 1 udp 1 2001:db8::2 50662 typ host", false),
            ("candidate:1 1 udp 1 4c1f.local 50662 typ host", false),
            ("nonsense", false),
        ] {
            assert_eq!(may_be_sent(candidate), sent, "{candidate}");
        }
    }

    #[test]
    fn credentials_tell_a_new_session_from_a_renegotiation() {
        let offer = "v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n";
        assert_eq!(ice_credentials(offer), Some(("u".into(), "p".into())));
        assert_eq!(ice_credentials("v=0\r\na=ice-ufrag:u\r\n"), None);
    }
}
