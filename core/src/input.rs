//! The closed list of all that can wake the phone.

use crate::command::Command;
use crate::event::AudioStats;
use crate::ids::{LinkId, RequestId, SessionId};
use crate::media::MediaEvent;
use crate::redact::Private;
use crate::sound::SoundEvent;

/// One thing that happened. Time comes beside it: [`Phone::handle`](crate::Phone::handle).
#[derive(Clone, Debug)]
pub enum Input {
    /// The user, a headset or a test asks for something.
    Command(Command),
    /// A WebSocket is open and spoke the subprotocol we asked for.
    LinkOpened {
        link: LinkId,
    },
    /// One whole text message.
    LinkReceived {
        link: LinkId,
        text: String,
    },
    LinkClosed {
        link: LinkId,
        why: LinkClosed,
    },
    HttpDone {
        request: RequestId,
        result: Result<HttpResponse, HttpError>,
    },
    Media(MediaEvent),
    /// Once a second while a session's audio runs: what the audio chain measured since the session's start.
    AudioStats {
        session: SessionId,
        stats: AudioStats,
    },
    Sound(SoundEvent),
    /// News of the browser that the user signs in with.
    Browser(BrowserEvent),
    /// Addresses of this computer changed, or it woke from sleep.
    NetworkChanged,
    /// A deadline has passed.
    Tick,
}

/// Why a link is no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkClosed {
    #[error("the name {host} could not be resolved")]
    Unresolved { host: String },
    #[error("{host} cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("the certificate of {host} is not trusted: {why}")]
    Untrusted { host: String, why: String },
    /// The HTTP answer to the upgrade was not 101.
    #[error("the server refused the connection with HTTP {code}")]
    Refused { code: u16, retry_after_s: Option<u32> },
    #[error("the connection was closed by the server")]
    ByServer,
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// A message was no text or larger than 256 KiB.
    #[error("the server sent something that is not XMPP")]
    Garbage,
}

/// An answer with any status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    /// The `Retry-After` header in seconds.
    pub retry_after_s: Option<u32>,
    /// The `Location` header, for the sign-in redirect.
    pub location: Option<String>,
    pub body: Vec<u8>,
}

/// No answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error("the name {host} could not be resolved")]
    Unresolved { host: String },
    #[error("{host} cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("the certificate of {host} is not trusted: {why}")]
    Untrusted { host: String, why: String },
    #[error("{host} did not answer within {seconds} s")]
    Silent { host: String, seconds: u64 },
    #[error("the answer of {host} is larger than 4 MiB")]
    TooLarge { host: String },
}

/// What comes of a [`BrowserCommand`](crate::output::BrowserCommand).
#[derive(Clone, Debug, PartialEq)]
pub enum BrowserEvent {
    /// The browser may be sent back to this address, for instance `http://127.0.0.1:21451/callback`.
    Listening {
        wait: RequestId,
        uri: String,
    },
    /// It came back, with this query and the state that was asked for.
    Came {
        wait: RequestId,
        query: Private<String>,
    },
    Failed {
        wait: RequestId,
        why: BrowserError,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    #[error("every port that the browser could be sent back to is in use")]
    NoPort,
    #[error("no browser could be opened")]
    NoBrowser,
    #[error("the sign-in page was not finished in time")]
    TimedOut,
}
