//! Conversations as values: participants, their states, and the JSON of both.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use phone_core::ids::SessionId;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::users::{People, UserIx};

/// How long an outgoing call rings at a number that answers, at one that is busy, and at nobody.
const FAR_RINGS: Duration = Duration::from_secs(1);
const FAR_BUSY: Duration = Duration::from_millis(500);
const FAR_SILENT: Duration = Duration::from_secs(30);
/// Ended conversations that can still be read; when there are more, the oldest goes.
const MOST_ENDED: usize = 200;

/// Who is on the far side when it is no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bot {
    /// Sends back what it hears.
    Echo,
    Music,
    /// Says a few sentences, then listens.
    Speaker,
    /// Rings, then is busy.
    Busy,
    /// Rings for ever.
    NoAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    User(UserIx),
    Bot(Bot),
    /// A queue that already handed the call on.
    Queue,
}

/// Seen from the participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Inbound,
    Outbound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// A user who is not yet rung at and knows nothing.
    None,
    Contacting,
    Dialing,
    Alerting,
    Connected,
    Disconnected,
    Terminated,
}

impl CallState {
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Contacting => "contacting",
            Self::Dialing => "dialing",
            Self::Alerting => "alerting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Terminated => "terminated",
        }
    }

    pub const fn over(self) -> bool {
        matches!(self, Self::Disconnected | Self::Terminated)
    }
}

/// Why a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// `disconnectType` of the platform.
    pub kind: &'static str,
    /// SIP status and phrase, as in `disconnectReasons`.
    pub sip: Option<(u16, &'static str)>,
    /// `errorInfo.code` and its message.
    pub error: Option<(&'static str, &'static str)>,
}

impl Ending {
    pub const CLIENT: Self = Self { kind: "client", sip: None, error: None };
    pub const PEER: Self = Self { kind: "peer", sip: None, error: None };
    pub const TIMEOUT: Self = Self { kind: "timeout", sip: Some((480, "Temporarily Unavailable")), error: None };
    pub const BUSY: Self = Self { kind: "endpoint", sip: Some((486, "Busy Here")), error: None };
    pub const DECLINED: Self = Self { kind: "endpoint", sip: Some((603, "Decline")), error: None };
    pub const UNAVAILABLE: Self = Self { kind: "endpoint", sip: Some((480, "Temporarily Unavailable")), error: None };
    pub const NO_STATION: Self = Self {
        kind: "error",
        sip: None,
        error: Some(("error.ininedgecontrol.connection.timeout", "The station did not answer in time.")),
    };
    pub const TRANSFER: Self = Self { kind: "transfer", sip: None, error: None };
    pub const MEDIA_LOST: Self = Self {
        kind: "transport.failure",
        sip: None,
        error: Some((
            "error.ininedgecontrol.connection.webrtc.endpoint.mediaRecovery",
            "The media connection was lost.",
        )),
    };
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Debug)]
pub struct Participant {
    pub id: String,
    /// Communication id.
    pub call: String,
    pub party: Party,
    pub name: String,
    pub purpose: &'static str,
    pub address: String,
    pub queue: Option<&'static str>,
    pub direction: Direction,
    pub state: CallState,
    /// The user has heard of this call.
    pub told: bool,
    pub held: bool,
    pub muted: bool,
    pub connected_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub ending: Option<Ending>,
    /// The media session that carries this leg.
    pub session: Option<SessionId>,
    pub alert_limit_ms: Option<u64>,
    /// Called for a consultation about this participant.
    pub asked_for: Option<String>,
    /// The service waits for a wrap-up code after the call.
    pub wrap_up_required: bool,
    /// Code, its name, and notes.
    pub wrap_up: Option<(String, String, String)>,
}

impl Participant {
    /// In the call, or on the way into it.
    pub fn lives(&self) -> bool {
        self.party != Party::Queue && self.state != CallState::None && !self.state.over()
    }

    pub fn user(&self) -> Option<UserIx> {
        match self.party {
            Party::User(user) => Some(user),
            Party::Bot(_) | Party::Queue => None,
        }
    }
}

/// What happens by itself when a conversation's time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    FarAnswers,
    FarBusy,
    FarSilent,
    AlertEnds,
}

impl Due {
    /// What a bot does that is called, and when.
    pub fn of_bot(now: Instant, bot: Bot) -> (Instant, Self) {
        match bot {
            Bot::Busy => (now + FAR_BUSY, Self::FarBusy),
            Bot::NoAnswer => (now + FAR_SILENT, Self::FarSilent),
            Bot::Echo | Bot::Music | Bot::Speaker => (now + FAR_RINGS, Self::FarAnswers),
        }
    }
}

/// Somebody is asked while another waits. All are participant ids.
#[derive(Clone, Debug)]
pub struct Consult {
    pub by: String,
    pub waiting: String,
    pub target: String,
    /// With whom the one who asks speaks now.
    pub with: Speaks,
}

/// With whom somebody who asks speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Target,
    Waiting,
    /// All three hear each other.
    All,
}

/// What a participant's line leads to.
#[derive(Clone, Copy, Debug)]
pub enum Partner<'a> {
    Nobody,
    /// Waits while others speak.
    Waits,
    /// Everybody else who is connected.
    All,
    Is(&'a Participant),
}

#[derive(Clone, Debug)]
pub struct Conversation {
    pub id: String,
    /// The caller's leg comes first.
    pub participants: Vec<Participant>,
    pub due: Option<(Instant, Due)>,
    pub consult: Option<Consult>,
    pub started: Instant,
}

impl Conversation {
    pub fn leg(&self, user: UserIx) -> Option<&Participant> {
        // A call may come back to somebody who had left it.
        let mut own = self.participants.iter().filter(|participant| participant.user() == Some(user));
        own.clone().find(|participant| !participant.state.over()).or_else(|| own.next_back())
    }

    pub fn leg_mut(&mut self, user: UserIx) -> Option<&mut Participant> {
        let id = self.leg(user)?.id.clone();
        self.participants.iter_mut().find(|participant| participant.id == id)
    }

    /// The other end, seen from this user: the first participant that is neither the user nor a queue; one that is not
    /// over comes first.
    pub fn far(&self, user: UserIx) -> Option<&Participant> {
        let mut others = self.participants.iter().filter(|p| p.user() != Some(user) && p.party != Party::Queue);
        others.clone().find(|p| !p.state.over()).or_else(|| others.next())
    }

    /// Whom this participant speaks with now.
    pub fn partner(&self, of: &Participant) -> Partner<'_> {
        let one = |id: &str| self.participants.iter().find(|p| p.id == id && p.lives());
        if self.consult.as_ref().is_some_and(|consult| consult.with == Speaks::All) {
            return Partner::All;
        }
        let in_turn = self.consult.as_ref().map(|consult| {
            let with_target = consult.with == Speaks::Target;
            if of.id == consult.by {
                one(if with_target { &consult.target } else { &consult.waiting })
            } else if of.id == consult.target {
                one(&consult.by).filter(|_| with_target)
            } else {
                one(&consult.by).filter(|_| !with_target)
            }
        });
        match in_turn {
            Some(Some(partner)) => Partner::Is(partner),
            Some(None) => Partner::Waits,
            None => {
                let other = |p: &&Participant| p.id != of.id && p.party != Party::Queue;
                let mut others = self.participants.iter().filter(other);
                let living = others.clone().find(|p| !p.state.over());
                living.or_else(|| others.next()).map_or(Partner::Nobody, Partner::Is)
            }
        }
    }

    /// Users with a leg that is not over.
    pub fn living_users(&self) -> Vec<UserIx> {
        self.participants.iter().filter(|p| !p.state.over()).filter_map(Participant::user).collect()
    }

    pub fn over(&self) -> bool {
        self.participants.iter().filter(|p| p.party != Party::Queue).all(|p| p.state.over())
    }

    pub fn json(&self, people: &People, clock: Clock) -> Value {
        let participants: Vec<Value> = self.participants.iter().map(|p| participant_json(p, people, clock)).collect();
        json!({
            "id": self.id,
            "startTime": clock.rfc3339(self.started),
            "maxParticipants": 10,
            "recordingState": "NONE",
            "participants": participants,
            "selfUri": format!("/api/v2/conversations/{}", self.id),
        })
    }
}

fn participant_json(p: &Participant, people: &People, clock: Clock) -> Value {
    let time = |at: Option<Instant>| at.map(|at| clock.rfc3339(at));
    let mut call = json!({
        "id": p.call,
        "state": p.state.word(),
        "initialState": if p.direction == Direction::Inbound { "alerting" } else { "contacting" },
        "direction": if p.direction == Direction::Inbound { "inbound" } else { "outbound" },
        "held": p.held,
        "muted": p.muted,
        "confined": false,
        "recording": false,
        "recordingState": "none",
        "securePause": false,
        "provider": "Edge",
        "self": { "name": p.name, "addressNormalized": p.address },
        "connectedTime": time(p.connected_at),
        "disconnectedTime": time(p.ended_at),
    });
    if let (Some(ending), Some(map)) = (p.ending, call.as_object_mut()) {
        map.insert("disconnectType".to_owned(), ending.kind.into());
        if let Some((code, phrase)) = ending.sip {
            map.insert("disconnectReasons".to_owned(), json!([{ "type": "sip", "code": code, "phrase": phrase }]));
        }
        if let Some((code, message)) = ending.error {
            map.insert("errorInfo".to_owned(), json!({ "status": 400, "code": code, "message": message }));
        }
    }
    json!({
        "id": p.id,
        "name": p.name,
        "purpose": p.purpose,
        "address": p.address,
        "userId": p.user().and_then(|user| people.user(user)).map(|user| user.id.clone()),
        "queueId": p.queue.map(|queue| crate::chance::stable_uuid("queue", queue)),
        "queueName": p.queue,
        "connectedTime": time(p.connected_at),
        "endTime": time(p.ended_at),
        "alertingTimeoutMs": p.alert_limit_ms,
        "wrapupRequired": p.wrap_up_required,
        "wrapupPrompt": p.wrap_up_required.then_some("mandatory"),
        "wrapup": p.wrap_up.as_ref().map(|(code, name, notes)| json!({ "code": code, "name": name, "notes": notes })),
        "consultParticipantId": p.asked_for,
        "attributes": {},
        "calls": [call],
    })
}

/// All conversations, those that ended lately included.
#[derive(Debug, Default)]
pub struct Conversations {
    pub map: BTreeMap<String, Conversation>,
    ended: VecDeque<String>,
}

impl Conversations {
    pub fn get(&self, id: &str) -> Option<&Conversation> {
        self.map.get(id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Conversation> {
        self.map.get_mut(id)
    }

    /// Living conversations with a leg of this user that has begun and is not over.
    pub fn of(&self, user: UserIx) -> impl Iterator<Item = &Conversation> {
        let lives = |state: CallState| state != CallState::None && !state.over();
        self.map.values().filter(move |conversation| conversation.leg(user).is_some_and(|leg| lives(leg.state)))
    }

    pub fn note_ended(&mut self, id: &str) {
        if self.ended.len() == MOST_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.map.remove(&oldest);
        }
        self.ended.push_back(id.to_owned());
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.map.values().filter_map(|conversation| conversation.due.map(|(at, _)| at)).min()
    }

    pub fn due(&self, now: Instant) -> Vec<(String, Due)> {
        self.map
            .values()
            .filter_map(|conversation| {
                conversation.due.filter(|(at, _)| *at <= now).map(|(_, due)| (conversation.id.clone(), due))
            })
            .collect()
    }
}
