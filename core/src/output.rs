//! Everything the phone asks the outside to do.

use std::time::Duration;

use crate::command::{KeptToken, Service};
use crate::event::Event;
use crate::ids::{CallId, LinkId, RequestId, SessionId};
use crate::input::{HttpError, HttpResponse};
use crate::media::SessionConfig;
use crate::redact::Private;
use crate::sound::SoundCommand;

/// One thing to do. Outputs are values; no callback anywhere.
#[derive(Clone, Debug)]
pub enum Output {
    /// `dscp`: the priority mark of its packets, 0–63.
    OpenLink {
        link: LinkId,
        url: String,
        subprotocol: &'static str,
        dscp: u8,
    },
    CloseLink {
        link: LinkId,
    },
    SendText {
        link: LinkId,
        text: Private<String>,
    },
    Http(HttpRequest),
    Media(MediaCommand),
    Sound(SoundCommand),
    Browser(BrowserCommand),
    Secret(SecretCommand),
    /// Media sessions that the service believes in, to be handed back after a crash
    /// ([`PhoneConfig::left_sessions`](crate::PhoneConfig)); empty: none.
    KeepSessions(Private<String>),
    Event(Event),
}

/// Sign-in with the browser of the system. Answers are [`BrowserEvent`](crate::input::BrowserEvent)s.
#[derive(Clone, Debug, PartialEq)]
pub enum BrowserCommand {
    /// Listen on 127.0.0.1 for the browser to come back with this state (RFC 8252 §7.3), on the first free one of
    /// these ports, or any.
    Listen {
        wait: RequestId,
        ports: Vec<u16>,
        state: Private<String>,
    },
    Open {
        wait: RequestId,
        url: Private<String>,
    },
    /// Listen no more.
    Stop {
        wait: RequestId,
    },
}

/// For the key store of the system.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretCommand {
    Keep { account: Box<KeptAccount>, token: KeptToken },
    Forget { key: String },
}

/// An account that was signed in to.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptAccount {
    /// Stable and different for each user of each service.
    pub key: String,
    pub service: Service,
    pub user: Private<String>,
    pub organisation: Private<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// A request; its answer comes back as [`Input::HttpDone`](crate::Input::HttpDone). Redirects are not followed.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    pub request: RequestId,
    pub method: Method,
    pub url: String,
    pub bearer: Option<Private<String>>,
    pub body: HttpBody,
    /// Seconds until it counts as silent.
    pub limit_s: u64,
}

#[derive(Clone, Debug)]
pub enum HttpBody {
    Empty,
    Json(Private<String>),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(&'static str, Private<String>)>),
}

/// Does requests one after the other, for what is no phone that runs.
pub trait Asker {
    /// Sends a request and waits for its answer.
    fn ask(&mut self, request: HttpRequest) -> Result<HttpResponse, HttpError>;
    fn pause(&mut self, wait: Duration);
}

/// What the media thread is asked. Answers are [`MediaEvent`](crate::media::MediaEvent)s.
#[derive(Clone, Debug)]
pub enum MediaCommand {
    /// Choose a TURN server by measured round trip and keep one allocation ready for the next session.
    Prepare {
        config: SessionConfig,
    },
    /// Build a session from the remote offer; the answer comes as `Description`. On a session that lives,
    /// a renegotiation.
    AcceptOffer {
        session: SessionId,
        offer: String,
        config: SessionConfig,
    },
    AddRemoteCandidate {
        session: SessionId,
        candidate: String,
    },
    EndOfRemoteCandidates {
        session: SessionId,
    },
    RestartIce {
        session: SessionId,
    },
    /// The microphone's sound goes to this session, or silence does and the device is let go (`false`).
    Microphone {
        session: SessionId,
        open: bool,
    },
    /// What arrives on this session is heard, or not (while on hold, and between calls). Off until asked for.
    /// Each time it turns on, the next packet is reported as `FirstMedia` once more: a call on a warm session
    /// times its first packet with it.
    Hear {
        session: SessionId,
        heard: bool,
    },
    SendDigits {
        session: SessionId,
        digits: String,
    },
    /// Say at once where the counters of the session stand, for this call; the answer is `Counted`, always.
    Count {
        session: SessionId,
        call: CallId,
    },
    Close {
        session: SessionId,
    },
}
