//! What clients did against the rules, one sentence each.

use std::collections::VecDeque;
use std::fmt;

/// Sentences kept; when there are more, the oldest goes.
const KEPT: usize = 500;

/// A rule that a client can break. The sentence says what is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    AuthorizeParameters,
    TokenParameters,
    TokenPlacement,
    OpenFirst,
    OpenDomain,
    SaslPlain,
    BindFirst,
    Framing,
    StanzaId,
    StanzaFrom,
    StanzaTo,
    KnownRequest,
    Topic,
    Ping,
    ProceedKnown,
    ProceedPeer,
    RejectByRest,
    AcceptToSelf,
    AnswerOnce,
    AnswerSdp,
    CandidateForm,
    CandidateTcp,
    CandidateRelayOnly,
    RpcMethod,
    RpcSession,
    InfoActive,
    PatchBody,
    PatchState,
    OwnParticipant,
    Digits,
    RestPath,
    RestBody,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthorizeParameters => {
                "authorize takes response_type=code, client_id, redirect_uri, code_challenge and code_challenge_method=S256"
            }
            Self::TokenParameters => {
                "the token request repeats client_id and redirect_uri and proves the challenge with a verifier of 43 to 128 characters"
            }
            Self::TokenPlacement => "a public client sends no Authorization header to the token endpoint",
            Self::OpenFirst => "a stream begins with <open/>",
            Self::OpenDomain => "<open/> is addressed to the domain of the user's JID",
            Self::SaslPlain => "SASL PLAIN carries NUL, the full bare JID, NUL and authKey:<access token>",
            Self::BindFirst => "no stanza is sent before the resource is bound",
            Self::Framing => "every WebSocket message is one well-formed element with its namespace",
            Self::StanzaId => "every iq has an id and is of type get, set, result or error",
            Self::StanzaFrom => "a stanza's from is the sender's own full JID, or is left out",
            Self::StanzaTo => "a request to the edge is addressed to the JID that proposed the session",
            Self::KnownRequest => "only requests that the service knows are sent",
            Self::Topic => "a client subscribes to its own user's topics",
            Self::Ping => "a client pings every 14 s, so that no silence is longer than 35 s",
            Self::ProceedKnown => "<proceed/> names a session that was proposed and is not over",
            Self::ProceedPeer => "<proceed/> goes to the JID that sent the propose",
            Self::RejectByRest => "a softphone call is declined by REST, not by <reject/>",
            Self::AcceptToSelf => "<accept/> goes to the user's own bare JID before the answer",
            Self::AnswerOnce => "an offer is answered once",
            Self::AnswerSdp => {
                "an answer to a softphone offer has one audio section, DTLS role active or passive, rtcp-mux and a fingerprint"
            }
            Self::CandidateForm => "a candidate is sent as m=<mid> and a=candidate: lines, the end as a=end-of-candidates",
            Self::CandidateTcp => "TCP candidates are never sent",
            Self::CandidateRelayOnly => "with Force TURN only relay candidates are sent",
            Self::RpcMethod => "only the documented JSON-RPC methods are sent to a softphone peer",
            Self::RpcSession => "a JSON-RPC request names a session that lives",
            Self::InfoActive => "info carries status active",
            Self::PatchBody => {
                "a participant patch carries state, muted, held, confined, recording, wrapup, wrapupSkipped or resumeTime"
            }
            Self::PatchState => "a patch asks for something that the participant's state allows",
            Self::OwnParticipant => "a user answers, mutes and holds only the own participant",
            Self::Digits => "digits are 0-9, A-D, * and #",
            Self::RestPath => "only documented REST paths are asked",
            Self::RestBody => "a REST body is the JSON that the operation takes",
        })
    }
}

/// The list of sentences.
#[derive(Debug, Default)]
pub struct Rules {
    kept: VecDeque<String>,
    /// Grows with every sentence, so that an observer sees that there is something new.
    pub count: u64,
}

impl Rules {
    /// `who` is a log-in name; `what` must hold nothing private.
    pub fn broke(&mut self, who: &str, rule: Rule, what: &str) {
        let sentence = format!("{who}: {what}; rule: {rule}.");
        tracing::warn!(rule = ?rule, "a client broke a rule: {sentence}");
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(sentence);
        self.count += 1;
    }

    /// Oldest first.
    pub fn sentences(&self) -> Vec<String> {
        self.kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_sentences_are_kept() {
        let mut rules = Rules::default();
        for n in 0..KEPT + 3 {
            rules.broke("ana", Rule::Digits, &format!("digit {n}"));
        }
        let sentences = rules.sentences();
        assert_eq!(sentences.len(), KEPT);
        assert_eq!(sentences.first().map(|s| s.starts_with("ana: digit 3;")), Some(true));
    }
}
