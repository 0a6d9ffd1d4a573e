//! Bodies of REST answers and notifications, as far as we use them. Unknown fields are let pass, missing ones have
//! a meaning, and a body that is no such thing is `None`: the caller says so to the user.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Participants looked at in one conversation.
const MAX_PARTICIPANTS: usize = 200;

pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// A JSON `null` where a list or a string is usual counts as absent.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Deserialize)]
pub struct TokenReply {
    pub access_token: String,
    /// Seconds.
    pub expires_in: Option<u64>,
    /// Not expected of a public client; kept where it comes.
    pub refresh_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Organisation {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub struct Me {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    pub chat: Chat,
    #[serde(default, deserialize_with = "or_default")]
    pub station: UserStations,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    pub jabber_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the words of the wire")]
pub struct UserStations {
    pub effective_station: Option<Reference>,
    pub associated_station: Option<Reference>,
    pub default_station: Option<Reference>,
    pub last_associated_station: Option<Reference>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Reference {
    #[serde(default, deserialize_with = "or_default")]
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub struct Channel {
    pub id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Station {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub status: String,
    #[serde(deserialize_with = "or_default")]
    pub user_id: String,
    #[serde(deserialize_with = "or_default")]
    pub web_rtc_user_id: String,
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    pub web_rtc_media_dscp: Option<u8>,
    #[serde(deserialize_with = "or_default")]
    pub web_rtc_persistent_enabled: bool,
    #[serde(deserialize_with = "or_default")]
    pub web_rtc_force_turn: bool,
    pub web_rtc_call_appearances: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    pub web_rtc_require_media_helper: bool,
    pub primary_edge: Option<Reference>,
    /// Not in the public definition; the practice exchange names its site here.
    pub site: Option<Reference>,
}

impl Station {
    /// The type of a phone such as this one.
    pub fn is_webrtc(&self) -> bool {
        self.kind == "inin_webrtc_softphone"
    }
}

/// A phone as administration has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AdminPhone {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// `active`, `inactive` or `deleted`.
    #[serde(deserialize_with = "or_default")]
    pub state: String,
    pub phone_base_settings: Option<Reference>,
    pub web_rtc_user: Option<Reference>,
}

/// One topic of a bulk subscription.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Subscription {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub state: String,
    #[serde(deserialize_with = "or_default")]
    pub rejection_reason: String,
}

/// A wrap-up code.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WrapUpCode {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
}

/// A list that comes bare, or as a page.
#[derive(Debug, Deserialize)]
#[serde(untagged, bound(deserialize = "T: Deserialize<'de>"))]
pub enum OneOrMany<T> {
    Bare(Vec<T>),
    Page(Page<T>),
}

impl<T> OneOrMany<T> {
    pub fn list(self) -> Vec<T> {
        match self {
            Self::Bare(list) => list,
            Self::Page(page) => page.entities,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConsultStarted {
    #[serde(deserialize_with = "or_default")]
    pub destination_participant_id: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Page<T> {
    #[serde(default = "Vec::new")]
    pub entities: Vec<T>,
}

#[derive(Debug, Deserialize)]
pub struct Created {
    #[serde(alias = "conversationId")]
    pub id: String,
}

/// The body of an error answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Failure {
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    #[serde(deserialize_with = "or_default")]
    pub code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification<T> {
    pub event_body: T,
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    #[serde(deserialize_with = "or_default")]
    pub action: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StationEvent {
    pub associated_station: Option<Reference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PersistentEvent {
    #[serde(deserialize_with = "or_default")]
    pub persistent_state: String,
    pub error_info: Option<ErrorInfo>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ErrorInfo {
    #[serde(deserialize_with = "or_default")]
    pub text: String,
    #[serde(deserialize_with = "or_default")]
    pub code: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    #[serde(deserialize_with = "or_default")]
    pub user_message: String,
}

#[derive(Debug, Deserialize)]
pub struct Conversation {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub participants: Vec<Participant>,
}

/// Both shapes: with `calls`, as events have it, and flattened, as `GET conversations/calls` may have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Participant {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub user_id: String,
    pub user: Option<Reference>,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub purpose: String,
    #[serde(deserialize_with = "or_default")]
    pub address: String,
    pub alerting_timeout_ms: Option<u64>,
    /// The participant whose transfer this one is asked about.
    #[serde(deserialize_with = "or_default")]
    pub consult_participant_id: String,
    #[serde(deserialize_with = "or_default")]
    pub wrapup_required: bool,
    #[serde(deserialize_with = "or_default")]
    pub wrapup_prompt: String,
    pub wrapup_timeout_ms: Option<u64>,
    /// Set once the call is classified.
    pub wrapup: Option<serde_json::Value>,
    /// Not in the public definition; where it is absent the queue's own participant has the name.
    pub queue_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub calls: Vec<Call>,
    #[serde(flatten)]
    flat: Call,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Call {
    /// Absent in the flattened shape, where `id` is the participant's.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub state: String,
    #[serde(deserialize_with = "or_default")]
    pub direction: String,
    #[serde(deserialize_with = "or_default")]
    pub held: bool,
    #[serde(deserialize_with = "or_default")]
    pub muted: bool,
    #[serde(deserialize_with = "or_default")]
    pub confined: bool,
    #[serde(deserialize_with = "or_default")]
    pub disconnect_type: String,
    #[serde(deserialize_with = "or_default")]
    pub disconnect_reasons: Vec<DisconnectReason>,
    pub error_info: Option<ErrorInfo>,
    pub other: Option<Party>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DisconnectReason {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// A number in the definition; some write it as text.
    pub code: Option<serde_json::Value>,
    #[serde(deserialize_with = "or_default")]
    pub phrase: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Party {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub address_displayable: String,
    #[serde(deserialize_with = "or_default")]
    pub address_normalized: String,
}

impl Call {
    /// The SIP status that ended it, if there is one.
    pub fn sip_code(&self) -> Option<u16> {
        let sip = self.disconnect_reasons.iter().find(|reason| reason.kind.eq_ignore_ascii_case("sip"))?;
        let code = sip.code.as_ref()?;
        code.as_u64().or_else(|| code.as_str()?.parse().ok()).and_then(|code| u16::try_from(code).ok())
    }
}

impl Participant {
    /// The id of the user, in whichever place it stands.
    pub fn user(&self) -> &str {
        match &self.user {
            Some(user) if self.user_id.is_empty() => &user.id,
            _ => &self.user_id,
        }
    }

    /// The call that counts: the only one, else the only one that has not ended, else the last.
    pub fn call(&self) -> Option<Call> {
        let live: Vec<&Call> = self.calls.iter().filter(|call| !is_over(&call.state)).collect();
        match (self.calls.as_slice(), live.as_slice()) {
            ([], _) if self.flat.state.is_empty() => None,
            ([], _) => Some(Call { id: String::new(), ..self.flat.clone() }),
            ([only], _) => Some(only.clone()),
            (_, [only]) => Some((*only).clone()),
            (all, _) => all.last().cloned(),
        }
    }
}

impl Conversation {
    /// The user's own participant: the only one, else the newest that has a call, else the newest.
    pub fn mine(&self, user: &str) -> Option<&Participant> {
        let own = || {
            self.participants
                .iter()
                .take(MAX_PARTICIPANTS)
                .filter(|participant| participant.user() == user && participant.purpose != "voicemail")
        };
        // The newest stands last.
        own().rfind(|participant| participant.call().is_some()).or_else(|| own().next_back())
    }

    /// Whom the user talks to: a customer or external party if there is one, else anybody else with a call.
    pub fn other(&self, mine: &Participant) -> Option<&Participant> {
        let others = || self.participants.iter().take(MAX_PARTICIPANTS).filter(|participant| participant.id != mine.id);
        // After a transfer those who left still stand in the list.
        let gone = |other: &&Participant| other.call().is_some_and(|call| is_over(&call.state));
        others()
            .find(|other| matches!(other.purpose.as_str(), "customer" | "external") && !gone(other))
            .or_else(|| others().find(|other| matches!(other.purpose.as_str(), "agent" | "user") && !gone(other)))
            .or_else(|| others().find(|other| matches!(other.purpose.as_str(), "customer" | "external")))
            .or_else(|| others().find(|other| matches!(other.purpose.as_str(), "agent" | "user")))
            .or_else(|| others().find(|other| !matches!(other.purpose.as_str(), "acd" | "ivr" | "workflow")))
    }

    /// The name of the queue that delivered the call.
    pub fn queue(&self, mine: &Participant) -> Option<String> {
        if let Some(name) = mine.queue_name.clone().filter(|name| !name.is_empty()) {
            return Some(name);
        }
        let acd = self.participants.iter().take(MAX_PARTICIPANTS).rfind(|p| p.purpose == "acd");
        acd.map(|queue| queue.name.clone()).filter(|name| !name.is_empty())
    }
}

pub fn is_over(state: &str) -> bool {
    matches!(state, "disconnected" | "terminated")
}

/// `tel:+13175550100` and `sip:ana@host` without their scheme.
pub fn plain_address(address: &str) -> &str {
    address.strip_prefix("tel:").or_else(|| address.strip_prefix("sip:")).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_a_participant_are_read() {
        let event = br#"{"id":"C","participants":[
            {"id":"P1","purpose":"external","name":"Ben","address":"tel:+1317","calls":[{"id":"K1","state":"connected","direction":"inbound"}]},
            {"id":"P2","purpose":"agent","userId":"U","calls":[{"id":"K2","state":"alerting","direction":"inbound","held":false,"muted":null}]}]}"#;
        let flat = br#"{"id":"C","participants":[
            {"id":"P1","purpose":"external","name":"Ben","address":"tel:+1317","state":"connected","direction":"inbound"},
            {"id":"P2","purpose":"agent","user":{"id":"U"},"state":"alerting","direction":"inbound","held":false}]}"#;
        for body in [event.as_slice(), flat.as_slice()] {
            let conversation: Conversation = parse(body).unwrap();
            let mine = conversation.mine("U").unwrap();
            assert_eq!((mine.id.as_str(), mine.call().unwrap().state.as_str()), ("P2", "alerting"));
            assert_eq!(conversation.other(mine).unwrap().name, "Ben");
        }
    }

    #[test]
    fn the_newest_own_participant_with_a_call_counts() {
        let body = br#"{"id":"C","participants":[
            {"id":"P1","userId":"U","purpose":"voicemail","calls":[{"id":"K0","state":"connected"}]},
            {"id":"P2","userId":"U","purpose":"agent","calls":[{"id":"K1","state":"terminated"}]},
            {"id":"P3","userId":"U","purpose":"agent","calls":[{"id":"K2","state":"terminated"},{"id":"K3","state":"connected"}]},
            {"id":"P4","userId":"U","purpose":"agent"}]}"#;
        let conversation: Conversation = parse(body).unwrap();
        let mine = conversation.mine("U").unwrap();
        assert_eq!((mine.id.as_str(), mine.call().unwrap().id.as_str()), ("P3", "K3"));
    }

    #[test]
    fn what_is_no_such_body_is_none() {
        assert!(parse::<Me>(b"<html>").is_none());
        assert!(parse::<Me>(br#"{"id":"U"}"#).is_none());
        assert!(parse::<Conversation>(b"[]").is_none());
        assert!(parse::<Page<Station>>(b"{}").unwrap().entities.is_empty());
    }
}
