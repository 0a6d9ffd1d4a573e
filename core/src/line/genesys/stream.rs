//! XMPP over WebSocket: opening, login, keep-alive, and who gets what arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::rest::{self, Purpose};
use super::stanza::{self, Iq, IqKind, IqPayload, Message, MessagePayload, Stanza};
use super::{GenesysLine, Timer, notice, wire, write};
use crate::ids::LinkId;
use crate::input::LinkClosed;
use crate::line::{LineEvent, LineOutput};
use crate::link;
use crate::media::IceServer;
use crate::output::Method;
use crate::snapshot::SignInStep;

const IQ_LIMIT: Duration = Duration::from_secs(15);
const PING_EVERY: Duration = Duration::from_secs(14);
/// One missed ping is let pass, a second in a row is a dead stream.
const MISSES_ALLOWED: u32 = 1;
/// Without a word for this long a stream on which the server pings is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(35);
/// Asking for it makes the server ping.
const SERVER_PINGS: &str = "enable.server.side.pings";
/// A ping sent because something is wrong is answered quickly or not at all.
const PROBE_LIMIT: Duration = Duration::from_secs(4);
const ICE_REFRESH: Duration = Duration::from_hours(6);
const ICE_AGAIN: Duration = Duration::from_mins(1);
/// Messages that are no XMPP, let pass on one stream. WebSocket keeps messages apart, so one bad message does not
/// spoil the next.
const GARBAGE_ALLOWED: u32 = 3;
/// Iqs waiting for an answer; above it new ones are not followed.
const MAX_IQS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The WebSocket is not there yet.
    Dialling,
    Opening,
    Authenticating,
    Reopening,
    Binding,
    Ice,
    Setup,
    Ready,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IqUse {
    Bind,
    Turn,
    Stun,
    Conversations,
    Persistent,
    ServerPings,
    Ping,
}

/// What is asked for once per channel before we are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setup {
    Conversations,
    Persistent,
    Station,
    Bulk,
}

/// One stream, from its WebSocket to its end.
#[derive(Debug)]
pub struct Stream {
    pub link: LinkId,
    phase: Phase,
    /// Our full address, as the server bound it.
    full: String,
    iqs: BTreeMap<String, (IqUse, Instant)>,
    setup: BTreeSet<Setup>,
    missed: u32,
    garbage: u32,
}

impl Stream {
    pub fn new(link: LinkId) -> Self {
        Self {
            link,
            phase: Phase::Dialling,
            full: String::new(),
            iqs: BTreeMap::new(),
            setup: BTreeSet::new(),
            missed: 0,
            garbage: 0,
        }
    }

    pub fn is_open(&self) -> bool {
        self.phase != Phase::Dialling
    }

    /// Bound: stanzas may be sent.
    pub fn is_bound(&self) -> bool {
        matches!(self.phase, Phase::Ice | Phase::Setup | Phase::Ready)
    }

    pub fn full(&self) -> &str {
        &self.full
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.iqs.values().map(|(_, until)| *until).min()
    }
}

impl GenesysLine {
    pub(super) fn link_opened(&mut self, now: Instant, link: LinkId) {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.link == link) else { return };
        stream.phase = Phase::Opening;
        self.link.handle(now, link::Input::Progress);
        self.send_open();
    }

    pub(super) fn link_closed(&mut self, now: Instant, link: LinkId, why: &LinkClosed) {
        // Not ours: closed by ourselves, and another one is in its place.
        let Some(stream) = self.stream.take_if(|stream| stream.link == link) else { return };
        let mut stay_away = None;
        if let LinkClosed::Refused { code, retry_after_s } = why {
            stay_away = retry_after_s.map(|s| Duration::from_secs(u64::from(s)));
            if matches!(code, 401 | 403) {
                if !self.can_renew() {
                    return self.token_refused(now);
                }
                self.token = None;
                self.token_proved = false;
            }
        }
        // A channel on which no stream comes up is given up.
        if stream.phase != Phase::Ready {
            self.hard = true;
        }
        let notice = notice::of_link(&self.host_name(), why);
        self.fail(now, notice, stay_away);
    }

    pub(super) fn link_received(&mut self, now: Instant, link: LinkId, text: &str) {
        if self.stream.as_ref().is_none_or(|stream| stream.link != link) {
            return;
        }
        if self.timers.due(&Timer::Silence).is_some() {
            self.timers.set(Timer::Silence, now + SILENCE_LIMIT);
        }
        match stanza::parse(text) {
            Ok(stanza) => self.received(now, stanza),
            Err(error) => self.garbage(now, &error),
        }
    }

    fn garbage(&mut self, now: Instant, error: &super::xml::XmlError) {
        tracing::warn!(%error, "a message of the stream cannot be read");
        let notice = notice::garbage(&self.host_name());
        let Some(stream) = self.stream.as_mut() else { return };
        stream.garbage += 1;
        if stream.phase != Phase::Ready || stream.garbage > GARBAGE_ALLOWED {
            self.hard = true;
            return self.fail(now, Some(notice), None);
        }
        if stream.garbage == 1 {
            self.problem(notice);
        }
    }

    fn received(&mut self, now: Instant, stanza: Stanza) {
        let Some(phase) = self.stream.as_ref().map(|stream| stream.phase) else { return };
        match (stanza, phase) {
            (Stanza::Features { mechanisms, .. }, Phase::Opening) => {
                if !mechanisms.iter().any(|mechanism| mechanism == "PLAIN") {
                    let notice = notice::stream_refused("it offers no login that Offhook knows");
                    return self.fail(now, Some(notice), None);
                }
                self.enter(now, Phase::Authenticating);
                self.send_auth();
            }
            (Stanza::SaslSuccess, Phase::Authenticating) => {
                self.enter(now, Phase::Reopening);
                self.send_open();
            }
            (Stanza::SaslFailure { condition }, _) => self.login_refused(now, &condition),
            (Stanza::Features { bind: true, .. }, Phase::Reopening) => {
                self.enter(now, Phase::Binding);
                let resource = self.resource.clone();
                self.iq(now, IqUse::Bind, IQ_LIMIT, |id| write::bind(id, &resource));
            }
            (Stanza::StreamError { condition }, _) => {
                if condition == "conflict" {
                    self.hard = true;
                    self.tell_once(notice::duplicate_session());
                }
                self.fail(now, Some(notice::stream_refused(&condition)), None);
            }
            (Stanza::Close, _) => {
                self.send(write::close());
                self.fail(now, None, None);
            }
            (Stanza::Iq(iq), _) => self.iq_received(now, iq),
            (Stanza::Message(message), _) => self.message_received(now, message),
            (Stanza::Open | Stanza::Features { .. } | Stanza::SaslSuccess | Stanza::Unknown, _) => {}
        }
    }

    fn enter(&mut self, now: Instant, phase: Phase) {
        if let Some(stream) = self.stream.as_mut() {
            stream.phase = phase;
        }
        self.link.handle(now, link::Input::Progress);
    }

    /// RFC 6120 §6.5 knows failures of the moment; all others mean that the token is no good.
    fn login_refused(&mut self, now: Instant, condition: &str) {
        let of_the_moment = [
            "encryption-required",
            "incorrect-encoding",
            "invalid-mechanism",
            "malformed-request",
            "mechanism-too-weak",
            "temporary-auth-failure",
        ];
        if of_the_moment.contains(&condition) {
            self.hard = true;
            return self.fail(now, Some(notice::stream_refused(condition)), None);
        }
        if self.can_renew() {
            self.token = None;
            self.token_proved = false;
            self.link.handle(now, link::Input::Restart);
        } else {
            self.token_refused(now);
        }
    }

    fn iq_received(&mut self, now: Instant, iq: Iq) {
        match iq.kind {
            IqKind::Result | IqKind::Error => {
                let Some(stream) = self.stream.as_mut() else { return };
                let Some((purpose, _)) = stream.iqs.remove(&iq.id) else { return };
                self.iq_answered(now, purpose, iq.payload);
            }
            IqKind::Get | IqKind::Set => {
                let from = iq.from.as_deref();
                match iq.payload {
                    IqPayload::Rtc(call) => {
                        // The official client sends none; it is correct XMPP, and harmless.
                        self.send(write::result(&iq.id, from));
                        self.rtc_received(now, from, call);
                    }
                    IqPayload::Jingle(jingle) => self.jingle_received(now, &iq.id, from, jingle),
                    IqPayload::Ping => self.send(write::result(&iq.id, from)),
                    IqPayload::Services(_) if from.is_some_and(|from| from.contains('@')) => {
                        self.foreign("a user tried to name media servers");
                    }
                    IqPayload::Services(servers) => {
                        // Pushed unasked, as servers did years ago.
                        self.send(write::result(&iq.id, from));
                        self.servers_pushed(servers);
                    }
                    IqPayload::Transfer if from.is_some_and(|from| from.contains('@')) => {
                        self.foreign("a user tried to move the connection");
                    }
                    IqPayload::Transfer => {
                        self.hard = true;
                        self.link.handle(now, link::Input::Restart);
                    }
                    _ => self.send(write::not_understood(&iq.id, from)),
                }
            }
        }
    }

    fn iq_answered(&mut self, now: Instant, purpose: IqUse, payload: IqPayload) {
        match (purpose, payload) {
            (IqUse::Bind, IqPayload::Bound(full)) => {
                if let Some(stream) = self.stream.as_mut() {
                    stream.full = full;
                }
                self.enter(now, Phase::Ice);
                self.turn = None;
                self.stun = None;
                self.ask_for_servers(now);
            }
            (IqUse::Turn, IqPayload::Services(servers)) => {
                self.turn = Some(servers);
                self.servers_came(now);
            }
            (IqUse::Stun, IqPayload::Services(servers)) => {
                self.stun = Some(servers);
                self.servers_came(now);
            }
            // An empty result is an empty list.
            (IqUse::Turn | IqUse::Stun, IqPayload::Nothing) => {
                if purpose == IqUse::Turn {
                    self.turn = Some(Vec::new());
                } else {
                    self.stun = Some(Vec::new());
                }
                self.servers_came(now);
            }
            (IqUse::Turn | IqUse::Stun, _) => self.servers_missing(now),
            (IqUse::Conversations, IqPayload::Error(condition)) => {
                self.fail(now, Some(notice::stream_refused(&condition)), None);
            }
            (IqUse::Bind, IqPayload::Error(condition)) => {
                if condition == "conflict" {
                    self.tell_once(notice::duplicate_session());
                    self.resource = self.entropy.uuid();
                }
                self.fail(now, Some(notice::stream_refused(&condition)), None);
            }
            (IqUse::Bind, _) => {
                let notice = notice::garbage(&self.host_name());
                self.fail(now, Some(notice), None);
            }
            (IqUse::Conversations, _) => self.setup_done(now, Setup::Conversations),
            // Then we ping.
            (IqUse::ServerPings, IqPayload::Error(_)) => {}
            (IqUse::ServerPings, _) => {
                self.server_pings = true;
                self.timers.cancel(&Timer::Ping);
                self.timers.set(Timer::Silence, now + SILENCE_LIMIT);
            }
            // Older services do not know this topic.
            (IqUse::Persistent, _) => self.setup_done(now, Setup::Persistent),
            // Any answer proves that the other side lives.
            (IqUse::Ping, _) => {
                if let Some(stream) = self.stream.as_mut() {
                    stream.missed = 0;
                }
            }
        }
    }

    pub(super) fn iq_timeouts(&mut self, now: Instant) {
        loop {
            let Some(stream) = self.stream.as_mut() else { return };
            let Some(id) = stream.iqs.iter().find(|(_, (_, until))| *until <= now).map(|(id, _)| id.clone()) else {
                return;
            };
            let Some((purpose, _)) = stream.iqs.remove(&id) else { return };
            match purpose {
                IqUse::Ping => {
                    stream.missed += 1;
                    if stream.missed > MISSES_ALLOWED {
                        let notice = notice::silent(&self.host_name());
                        self.fail(now, Some(notice), None);
                    }
                }
                IqUse::Turn | IqUse::Stun if stream.phase == Phase::Ready => self.servers_missing(now),
                _ if stream.phase != Phase::Ready => {
                    let notice = notice::silent(&self.host_name());
                    self.fail(now, Some(notice), None);
                }
                _ => {}
            }
            self.settle(now);
        }
    }

    pub(super) fn silent(&mut self, now: Instant) {
        let notice = notice::silent(&self.host_name());
        self.fail(now, Some(notice), None);
    }

    pub(super) fn ping_due(&mut self, now: Instant) {
        self.iq(now, IqUse::Ping, IQ_LIMIT, write::ping);
        self.timers.set(Timer::Ping, now + PING_EVERY);
    }

    /// Finds out quickly whether the stream still lives.
    pub(super) fn probe(&mut self, now: Instant) {
        if let Some(stream) = self.stream.as_mut() {
            stream.missed = MISSES_ALLOWED;
        }
        self.iq(now, IqUse::Ping, PROBE_LIMIT, write::ping);
    }

    // ICE servers.

    fn ask_for_servers(&mut self, now: Instant) {
        let domain = self.identity.as_ref().map(|identity| identity.domain().to_owned()).unwrap_or_default();
        self.iq(now, IqUse::Turn, IQ_LIMIT, |id| write::services(id, &domain, "turn"));
        self.iq(now, IqUse::Stun, IQ_LIMIT, |id| write::services(id, &domain, "stun"));
    }

    pub(super) fn refresh_ice(&mut self, now: Instant) {
        self.ask_for_servers(now);
    }

    fn servers_came(&mut self, now: Instant) {
        if self.turn.is_none() || self.stun.is_none() {
            return;
        }
        self.timers.set(Timer::IceRefresh, now + ICE_REFRESH);
        self.settings_changed();
        if self.stream.as_ref().is_some_and(|stream| stream.phase == Phase::Ice) {
            self.set_up(now);
        }
    }

    /// While connecting this fails the attempt; later the servers we have must do until the next try.
    fn servers_missing(&mut self, now: Instant) {
        if self.stream.as_ref().is_some_and(|stream| stream.phase == Phase::Ready) {
            self.timers.set(Timer::IceRefresh, now + ICE_AGAIN);
        } else {
            let notice = notice::stream_refused("it does not name its media servers");
            self.fail(now, Some(notice), None);
        }
    }

    fn servers_pushed(&mut self, servers: Vec<IceServer>) {
        let (stun, turn) = servers.into_iter().partition(|server| matches!(server, IceServer::Stun { .. }));
        self.stun = Some(stun);
        self.turn = Some(turn);
        self.settings_changed();
    }

    // Subscriptions.

    fn set_up(&mut self, now: Instant) {
        self.enter(now, Phase::Setup);
        self.step = SignInStep::Subscribing;
        if self.subscribed.is_some() && self.subscribed == self.channel {
            // The same channel: the server kept our subscriptions.
            return self.ready(now);
        }
        let Some(identity) = self.identity.clone() else { return };
        let Some(service) = self.hosts.as_ref().map(|hosts| hosts.notifications.clone()) else { return };
        let (user, bare) = (identity.user, identity.bare.into_inner());
        if let Some(stream) = self.stream.as_mut() {
            stream.setup = BTreeSet::from([Setup::Conversations, Setup::Persistent, Setup::Bulk]);
            if identity.station.is_some() {
                stream.setup.insert(Setup::Station);
            }
        }
        let node = format!("v2.users.{user}.conversations");
        self.iq(now, IqUse::Conversations, IQ_LIMIT, |id| write::subscribe(id, &service, &node, &bare));
        if let Some(station) = identity.station {
            self.get(Purpose::Station, format!("/api/v2/stations/{}", rest::segment(&station)));
        }
        if let Some(channel) = self.channel.clone() {
            let path = format!("/api/v2/notifications/channels/{}/subscriptions", rest::segment(&channel));
            let topics = format!("v2.users.{user}?conversations&station&persistentconnection");
            let body = rest::json(&serde_json::json!([{ "id": topics }]));
            self.send_body(Purpose::Bulk, Method::Put, path, body);
        }
        let node = format!("v2.users.{user}.persistentconnection");
        self.iq(now, IqUse::Persistent, IQ_LIMIT, |id| write::subscribe(id, &service, &node, &bare));
        if self.options.server_pings {
            self.iq(now, IqUse::ServerPings, IQ_LIMIT, |id| write::subscribe(id, &service, SERVER_PINGS, &bare));
        }
        self.list_stations();
    }

    /// Topics that the user may not have: without calls there is no phone, the rest is comfort.
    pub(super) fn subscriptions_came(&mut self, body: &[u8]) {
        let Some(page) = wire::parse::<wire::Page<wire::Subscription>>(body) else { return };
        for topic in page.entities.iter().filter(|topic| topic.state.eq_ignore_ascii_case("rejected")) {
            let what = if topic.id.contains("conversations") { "calls" } else { "the phone" };
            let why = super::calls::sentence(&topic.rejection_reason);
            let why = if why.is_empty() { "a permission is missing".to_owned() } else { why };
            self.tell_once(notice::topic_rejected(what, &why));
        }
    }

    pub(super) fn setup_done(&mut self, now: Instant, step: Setup) {
        let Some(stream) = self.stream.as_mut() else { return };
        stream.setup.remove(&step);
        self.link.handle(now, link::Input::Progress);
        if self.stream.as_ref().is_some_and(|s| s.phase == Phase::Setup && s.setup.is_empty()) {
            self.ready(now);
        }
    }

    fn ready(&mut self, now: Instant) {
        if let Some(stream) = self.stream.as_mut() {
            stream.phase = Phase::Ready;
        }
        self.token_proved = true;
        self.told = None;
        self.blocked = None;
        self.link.handle(now, link::Input::Ready);
        if self.server_pings {
            self.timers.set(Timer::Silence, now + SILENCE_LIMIT);
        } else {
            self.timers.set(Timer::Ping, now + PING_EVERY);
        }
        self.watch_station(now);
        self.end_left_sessions();
        self.resync();
    }

    // Messages.

    fn message_received(&mut self, now: Instant, message: Message) {
        let from = message.from.unwrap_or_default();
        let own = self.stream.as_ref().is_some_and(|stream| stream.full == from);
        match message.payload {
            MessagePayload::Propose(propose) if !own => self.proposed(now, from, propose),
            MessagePayload::Accept { id } if !own => self.handled_elsewhere(now, &from, &id, false),
            MessagePayload::Reject { id } if !own => self.handled_elsewhere(now, &from, &id, true),
            MessagePayload::Retract { id } => self.retracted(now, &from, &id),
            // Notifications come from a service, never from a user.
            MessagePayload::Notification { .. } if from.contains('@') => {
                self.foreign("a user tried to send news in the name of the service");
            }
            MessagePayload::Notification { node, json } => self.notified(now, &node, json.as_bytes()),
            // Our own messages come back to us; they say nothing new.
            _ => {}
        }
    }

    fn notified(&mut self, now: Instant, node: &str, json: &[u8]) {
        let user = self.identity.as_ref().map_or("", |identity| identity.user.as_str());
        if node.strip_prefix("v2.users.").is_some_and(|rest| rest.split('.').next() != Some(user)) {
            return self.foreign("news of another user arrived");
        }
        if node.contains("duplicate_id") {
            self.hard = true;
            self.tell_once(notice::duplicate_session());
        } else if node.contains("no_longer_subscribed") {
            self.hard = true;
        } else if node.contains("token_revoked") {
            self.token_revoked(now);
        } else if node.contains("streaming-subscriptions-expiring") {
            self.subscribe_again();
        } else if node.ends_with(".conversations") {
            match wire::parse::<wire::Notification<wire::Conversation>>(json) {
                Some(event) => self.conversation(now, &event.event_body),
                None => self.unreadable(node),
            }
        } else if node.ends_with(".station") {
            match wire::parse::<wire::Notification<wire::StationEvent>>(json) {
                Some(event) => self.station_event(&event.metadata.action, event.event_body),
                None => self.unreadable(node),
            }
        } else if node.ends_with(".persistentconnection") {
            match wire::parse::<wire::Notification<wire::PersistentEvent>>(json) {
                Some(event) => self.persistent_event(event.event_body),
                None => self.unreadable(node),
            }
        }
    }

    /// Something that does not belong to us, or to whom it claims: refused, and told once per sign-in.
    pub(super) fn foreign(&mut self, what: &'static str) {
        tracing::warn!(what, "a message was refused");
        if !std::mem::replace(&mut self.foreign_told, true) {
            self.problem(notice::foreign(what));
        }
    }

    fn unreadable(&mut self, node: &str) {
        tracing::warn!(topic = node.rsplit('.').next(), "a notification cannot be read");
        let notice = notice::garbage(&self.host_name());
        self.tell_once(notice);
    }

    fn token_revoked(&mut self, now: Instant) {
        if self.can_renew() {
            self.token_proved = false;
            self.authorise();
        } else {
            self.token_refused(now);
        }
    }

    fn subscribe_again(&mut self) {
        let (Some(channel), Some(identity)) = (self.channel.clone(), self.identity.clone()) else { return };
        let path = format!("/api/v2/notifications/channels/{}/subscriptions", rest::segment(&channel));
        let topics = format!("v2.users.{}?conversations&station&persistentconnection", identity.user);
        let body = rest::json(&serde_json::json!([{ "id": topics }]));
        self.send_body(Purpose::Ignored, Method::Put, path, body);
    }

    fn persistent_event(&mut self, event: wire::PersistentEvent) {
        /// Part of life: the idle limit, the user's own sign-out.
        const EXPECTED: &str = "error.ininedgecontrol.connection.webrtc.endpoint.disconnect";
        if let Some(error) = event.error_info.filter(|error| !error.code.is_empty() && error.code != EXPECTED) {
            let text = if error.user_message.is_empty() { error.text } else { error.user_message };
            let text = super::calls::sentence(&text);
            self.problem(notice::held_session_failed(&text));
        }
        match event.persistent_state.as_str() {
            "PERSISTED" | "ACTIVE_CALL" if self.sessions.is_empty() && !self.proposals.iter().any(|p| p.proceeded) => {
                self.emit(LineEvent::ServerHoldsSession);
            }
            "DISCONNECTED" | "FAILED" => self.idle_sessions_gone(),
            _ => {}
        }
    }

    // Sending.

    pub(super) fn send(&mut self, text: String) {
        if let Some(stream) = self.stream.as_ref().filter(|stream| stream.is_open()) {
            let link = stream.link;
            self.out.push_back(LineOutput::SendText { link, text: text.into() });
        }
    }

    fn send_open(&mut self) {
        let domain = self.identity.as_ref().map(|identity| identity.domain().to_owned()).unwrap_or_default();
        self.send(write::open(&domain));
    }

    fn send_auth(&mut self) {
        if let (Some(identity), Some(token)) = (&self.identity, &self.token) {
            let auth = write::auth(identity.bare.reveal(), token.reveal());
            self.send(auth);
        }
    }

    fn iq(&mut self, now: Instant, purpose: IqUse, limit: Duration, text: impl FnOnce(&str) -> String) {
        let id = self.entropy.uuid();
        let Some(stream) = self.stream.as_mut() else { return };
        if stream.iqs.len() < MAX_IQS {
            stream.iqs.insert(id.clone(), (purpose, now + limit));
        }
        let text = text(&id);
        self.send(text);
    }
}
