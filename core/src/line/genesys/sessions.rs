//! Media sessions: propose and proceed, offer and answer, candidates, end.

use std::time::{Duration, Instant};

use serde_json::json;

use super::calls::Answer;
use super::stanza::{Propose, RtcCall, RtcMethod};
use super::{GenesysLine, Timer, notice, write};
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
pub struct Proposal {
    pub id: String,
    pub conversation: String,
    pub from: String,
    pub eager: bool,
    pub auto_answer: bool,
    pub proceeded: bool,
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
    /// ICE user and password of the offer: when they change, it is another session.
    ice: Option<(String, String)>,
    /// Ended towards the far side before our answer goes out.
    replaces: Option<(String, String)>,
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
        let softphone = from.split_once('@').is_some_and(|(_, rest)| rest.to_ascii_lowercase().contains("gjoll"));
        if !softphone || id.is_empty() || conversation.is_empty() {
            return;
        }
        if !sdp_over_xmpp {
            self.tell_once(notice::old_signalling());
            return;
        }
        if let Some(known) = self.proposals.iter().find(|proposal| proposal.id == id) {
            if known.proceeded {
                self.send_proceed(&id);
            }
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
            proceeded: false,
        });
        if eager {
            return self.proceed(&id);
        }
        let dialling = self.calls.iter().any(|call| call.conversation.is_none());
        let call = self.call_of(&conversation);
        if auto_answer {
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
    pub(super) fn handled_elsewhere(&mut self, id: &str, refused: bool) {
        let Some(index) = self.proposals.iter().position(|p| p.id == id && !p.proceeded) else { return };
        let proposal = self.proposals.remove(index);
        if let Some(call) = self.call_of(&proposal.conversation) {
            let reason = if refused { EndReason::Declined } else { EndReason::AnsweredElsewhere };
            self.end_call(call, EndedBy::System, reason, None);
        }
    }

    pub(super) fn retracted(&mut self, id: &str) {
        let Some(index) = self.proposals.iter().position(|proposal| proposal.id == id) else { return };
        let proposal = self.proposals.remove(index);
        let Some(call) = self.call_of(&proposal.conversation) else { return };
        if self.call(call).is_some_and(|call| !call.connected && call.session.is_none()) {
            let declined = self.call(call).is_some_and(|call| call.declined);
            let (by, reason) =
                if declined { (EndedBy::Local, EndReason::Declined) } else { (EndedBy::Remote, EndReason::Cancelled) };
            self.end_call(call, by, reason, None);
        }
    }

    // The offer and after.

    pub(super) fn rtc_received(&mut self, now: Instant, from: Option<&str>, call: RtcCall) {
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
                self.offered(now, from.unwrap_or_default(), &session, conversation, sdp, reinvite);
            }
            RtcMethod::Candidate { session, candidate } => self.remote_candidate(now, session, candidate),
            RtcMethod::Terminate { session, reason } => self.terminated(&session, reason.as_deref()),
            RtcMethod::Unknown(method) => tracing::debug!(%method, "an unknown method is let pass"),
        }
    }

    fn offered(
        &mut self,
        now: Instant,
        from: &str,
        key: &str,
        conversation: Option<String>,
        offer: String,
        reinvite: bool,
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
        let proceeded = proposal.as_ref().is_some_and(|proposal| proposal.proceeded);
        if same_key.is_none() && !proceeded && !reinvite {
            // Of a session that we do not have, for instance from before a restart: it has to end, or it would
            // swallow the next call.
            return self.send_terminate(key, from, "gone");
        }
        if same_key.is_none() && self.sessions.len() >= MAX_SESSIONS {
            return self.send_terminate(key, from, "general-error");
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

    fn terminated(&mut self, key: &str, reason: Option<&str>) {
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
                self.end_call(call, by, reason, None);
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
        let key = known.key.clone();
        if let Some((old_key, old_peer)) = known.replaces.take() {
            self.send_terminate(&old_key, &old_peer, "alternative-session");
        }
        self.rpc(session, "answer", &json!({ "sdp": sdp, "sessionId": key }));
    }

    pub(super) fn send_candidate(&mut self, session: SessionId, mid: &str, candidate: &str) {
        if !may_be_sent(candidate) {
            return;
        }
        let Some(key) = self.session_key(session) else { return };
        let fragment = format!("m={mid} 9 RTP/AVP 0\r\na={candidate}\r\n");
        self.rpc(session, "iceCandidate", &json!({ "sessionId": key, "sdp": fragment }));
    }

    pub(super) fn send_end_of_candidates(&mut self, session: SessionId) {
        let Some(key) = self.session_key(session) else { return };
        self.rpc(session, "iceCandidate", &json!({ "sessionId": key, "sdp": "a=end-of-candidates\r\n" }));
    }

    pub(super) fn session_up(&mut self, session: SessionId) {
        let Some(key) = self.session_key(session) else { return };
        self.rpc(session, "info", &json!({ "sessionId": key, "status": "active" }));
    }

    pub(super) fn end_session(&mut self, session: SessionId, why: SessionEnd) {
        let Some(index) = self.sessions.iter().position(|known| known.id == session) else { return };
        let Session { key, peer, .. } = self.sessions.remove(index);
        self.proposals.retain(|proposal| proposal.id != key);
        for call in self.calls.iter_mut().filter(|call| call.session == Some(session)) {
            call.session = None;
        }
        let reason = match why {
            SessionEnd::NotNeeded => "success",
            SessionEnd::MediaFailed => "failed-transport",
            SessionEnd::Replaced => "alternative-session",
        };
        self.send_terminate(&key, &peer, reason);
    }

    fn session_key(&self, session: SessionId) -> Option<String> {
        self.sessions.iter().find(|known| known.id == session).map(|known| known.key.clone())
    }

    fn send_terminate(&mut self, key: &str, peer: &str, reason: &str) {
        self.rpc_to(peer, "terminate", &json!({ "sessionId": key, "reason": reason }));
    }

    fn rpc(&mut self, session: SessionId, method: &str, params: &serde_json::Value) {
        let Some(peer) = self.sessions.iter().find(|known| known.id == session).map(|known| known.peer.clone()) else {
            return;
        };
        self.rpc_to(&peer, method, params);
    }

    fn rpc_to(&mut self, peer: &str, method: &str, params: &serde_json::Value) {
        // While the link is down this is lost. Media does not need it, and calls are asked for after a reconnect.
        let Some(full) = self.stream.as_ref().filter(|s| s.is_bound()).map(|s| s.full().to_owned()) else { return };
        let (id, rpc_id) = (self.entropy.uuid(), self.entropy.uuid());
        self.send(write::rtc(&id, &full, peer, &rpc_id, method, params));
    }
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
