//! [`Exchange`]: the whole service as a pure machine.
//!
//! Feed [`Exchange::handle`] one input with its time, drain [`Exchange::poll`] until `None`, then wait until
//! [`Exchange::deadline`] or the next input. It opens no socket and reads no clock: HTTP requests and WebSocket
//! texts come in as values, media goes out as [`EdgeCommand`]s and comes back as [`MediaEvent`]s.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Instant, SystemTime};

use phone_core::Private;
use phone_core::ids::{IdSource, SessionId};
use phone_core::media::{MediaEvent, SessionConfig};
use phone_core::output::Method;
use serde_json::{Value, json};

use crate::bots::Route;
use crate::chance::Chance;
use crate::channels::Channel;
use crate::clock::Clock;
use crate::conversations::Conversations;
use crate::edge::Session;
use crate::faults::Faults;
use crate::oauth::Logins;
use crate::rules::Rules;
use crate::stream::Socket;
use crate::users::People;
use crate::{ExchangeOptions, ExternalTurn, Fault};

/// One WebSocket, from its upgrade to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// One HTTP request waiting for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

#[derive(Clone, Debug)]
pub enum Input {
    Http {
        request: RequestId,
        http: HttpRequest,
    },
    /// A WebSocket on `/stream/channels/{channel}` was opened.
    SocketOpened {
        socket: SocketId,
        channel: String,
    },
    SocketText {
        socket: SocketId,
        text: String,
    },
    SocketClosed {
        socket: SocketId,
    },
    Media(MediaEvent),
    Fault(Fault),
    /// A deadline has passed.
    Tick,
}

#[derive(Clone, Debug)]
pub enum Output {
    Http {
        request: RequestId,
        reply: HttpReply,
    },
    SocketText {
        socket: SocketId,
        text: String,
    },
    /// Close with a closing handshake.
    CloseSocket {
        socket: SocketId,
    },
    /// Close without one, as a broken network does.
    CutSocket {
        socket: SocketId,
    },
    Edge(EdgeCommand),
    StopTurn(bool),
}

/// What the media peer is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum EdgeCommand {
    /// Build a session and its offer; the offer comes back as `Description`.
    Offer {
        session: SessionId,
        config: SessionConfig,
    },
    Answer {
        session: SessionId,
        sdp: String,
    },
    Candidate {
        session: SessionId,
        candidate: String,
    },
    /// What this session hears from now on.
    Route {
        session: SessionId,
        route: Route,
    },
    /// Digits as telephone-events towards this session (RFC 4733).
    Digits {
        session: SessionId,
        digits: String,
    },
    Close {
        session: SessionId,
    },
    /// Lose this share of media packets in both directions, 0–1.
    Lose {
        share: f64,
    },
}

/// A request as the machine needs it.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    pub method: Method,
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    pub bearer: Option<Private<String>>,
    /// There was an `Authorization` header of any kind.
    pub authorization: bool,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
    pub location: Option<String>,
    pub retry_after_s: Option<u32>,
}

impl HttpReply {
    pub fn json(status: u16, value: &Value) -> Self {
        Self { content_type: "application/json", body: value.to_string(), ..Self::empty(status) }
    }

    pub fn text(status: u16, text: &str) -> Self {
        Self { body: text.to_owned(), ..Self::empty(status) }
    }

    pub const fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: String::new(),
            location: None,
            retry_after_s: None,
        }
    }

    pub fn redirect(to: &str) -> Self {
        Self { location: Some(to.to_owned()), ..Self::empty(302) }
    }

    /// An error body as the platform writes it.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({ "message": message, "code": code, "status": status, "messageParams": {}, "details": [],
            "errors": [] }),
        )
    }
}

/// Facts that only the shell knows when the machine starts.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Makes ids and secrets; random outside of simulations.
    pub key: [u8; 32],
    pub wall: SystemTime,
    /// Host name or address without port, for JIDs.
    pub host: String,
    /// TURN servers that clients are told of.
    pub turn: Vec<ExternalTurn>,
    /// STUN servers (host, port) that clients are told of, unless TURN is forced.
    pub stun: Vec<(String, u16)>,
}

/// The practice exchange's signalling side. See the module's contract.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) options: ExchangeOptions,
    pub(crate) around: Surroundings,
    pub(crate) chance: Chance,
    pub(crate) clock: Clock,
    pub(crate) people: People,
    pub(crate) logins: Logins,
    pub(crate) channels: BTreeMap<String, Channel>,
    pub(crate) sockets: BTreeMap<SocketId, Socket>,
    pub(crate) conversations: Conversations,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    /// Names of sessions that ended lately.
    pub(crate) over: VecDeque<(Instant, String)>,
    pub(crate) session_ids: IdSource,
    pub(crate) faults: Faults,
    pub(crate) rules: Rules,
    /// Drained after every input, so it holds what one input causes.
    pub(crate) out: VecDeque<Output>,
}

impl Exchange {
    pub fn new(now: Instant, options: ExchangeOptions, around: Surroundings) -> Self {
        Self {
            chance: Chance::new(around.key),
            clock: Clock::new(now, around.wall),
            people: People::new(&options),
            logins: Logins::default(),
            channels: BTreeMap::new(),
            sockets: BTreeMap::new(),
            conversations: Conversations::default(),
            sessions: BTreeMap::new(),
            over: VecDeque::new(),
            session_ids: IdSource::default(),
            faults: Faults::default(),
            rules: Rules::default(),
            out: VecDeque::new(),
            options,
            around,
        }
    }

    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Http { request, http } => {
                let reply = self.http(now, &http);
                // Before the events that the request causes: both are on their way when the client reads the first.
                self.out.push_front(Output::Http { request, reply });
            }
            Input::SocketOpened { socket, channel } => self.socket_opened(now, socket, &channel),
            Input::SocketText { socket, text } => self.socket_text(now, socket, &text),
            Input::SocketClosed { socket } => self.socket_closed(socket),
            Input::Media(event) => self.media(now, event),
            Input::Fault(fault) => self.inject(now, fault),
            Input::Tick => {}
        }
        self.expire(now);
        self.reroute();
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When the next [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let sockets = self.sockets.values().map(Socket::deadline).min();
        let sessions = self.sessions.values().filter_map(Session::deadline).min();
        [sockets, sessions, self.conversations.deadline()].into_iter().flatten().min()
    }

    fn expire(&mut self, now: Instant) {
        self.expire_sockets(now);
        self.expire_sessions(now);
        self.expire_conversations(now);
    }

    /// The HTTP status a WebSocket upgrade to this channel deserves, if it must be refused.
    pub fn refuses_channel(&self, channel: &str) -> Option<u16> {
        (!self.channels.contains_key(channel)).then_some(404)
    }

    /// Rules that clients broke so far, one sentence each, oldest first.
    pub fn violations(&self) -> Vec<String> {
        self.rules.sentences()
    }

    /// Grows with every broken rule.
    pub fn violation_count(&self) -> u64 {
        self.rules.count
    }
}
