//! A line: one account on one service. Each protocol is a machine behind the same five verbs; what crosses here
//! knows calls, sessions and links, and no word of any protocol.

pub mod genesys;

use std::time::{Duration, Instant};

use crate::command::{SignIn, SpeakWith};
use crate::event::{CallDirection, EndReason, EndedBy, Notice};
use crate::ids::{CallId, LinkId, RequestId, SessionId};
use crate::input::{BrowserEvent, HttpError, HttpResponse, LinkClosed};
use crate::media::IceServer;
use crate::output::{BrowserCommand, HttpRequest, SecretCommand};
use crate::redact::Private;
use crate::snapshot::{ConsultView, PhoneMissing, PhoneView, SettingChange, SignInStep};

/// Asked of a line. Requests, not facts: the truth comes back as [`LineEvent`]s.
#[derive(Clone, Debug, PartialEq)]
pub enum LineCommand {
    /// Sign in, or try again now.
    Connect,
    /// End sessions and the sign-in; [`LineEvent::SignedOut`] follows. `forget`: the service shall forget the token
    /// too; without, it is good for the next start of the program.
    SignOut {
        forget: bool,
    },
    OpenSignInPage,
    /// Sign in anew and take over what changed; calls have ended.
    Renew,
    /// Addresses of this computer changed: what looks connected may be dead.
    NetworkChanged,
    /// Answered by [`CallNews::Started`] at once.
    Dial {
        to: Private<String>,
    },
    CallMe,
    Answer {
        call: CallId,
    },
    Decline {
        call: CallId,
    },
    HangUp {
        call: CallId,
    },
    Hold {
        call: CallId,
        held: bool,
    },
    /// Tells the service what the local gate does, so that others see it.
    Mute {
        call: CallId,
        muted: bool,
    },
    Digits {
        call: CallId,
        digits: String,
    },
    Transfer {
        call: CallId,
        to: Private<String>,
    },
    Consult {
        call: CallId,
        to: Private<String>,
    },
    Speak {
        call: CallId,
        with: SpeakWith,
    },
    CompleteTransfer {
        call: CallId,
    },
    CancelTransfer {
        call: CallId,
    },
    WrapUp {
        call: CallId,
        code: String,
        notes: Private<String>,
    },
    SelectPhone {
        id: String,
    },
    ReleasePhone,
    /// The local description that answers an offer.
    Answered {
        session: SessionId,
        sdp: String,
    },
    LocalCandidate {
        session: SessionId,
        mid: String,
        candidate: String,
    },
    EndOfCandidates {
        session: SessionId,
    },
    SessionUp {
        session: SessionId,
    },
    /// Tell the far side that this session is over.
    EndSession {
        session: SessionId,
        why: SessionEnd,
    },
    /// Make the service forget a session of which only it knows.
    EndForgottenSession,
    /// Ask for the truth about all calls.
    Resync,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    NotNeeded,
    MediaFailed,
    /// A new session is in its place.
    Replaced,
}

/// What the world tells a line.
#[derive(Clone, Debug)]
pub enum LineInput {
    LinkOpened { link: LinkId },
    LinkReceived { link: LinkId, text: String },
    LinkClosed { link: LinkId, why: LinkClosed },
    HttpDone { request: RequestId, result: Result<HttpResponse, HttpError> },
    Browser(BrowserEvent),
}

/// What a line wants done, or has to tell.
#[derive(Clone, Debug)]
pub enum LineOutput {
    OpenLink {
        link: LinkId,
        url: String,
        subprotocol: &'static str,
    },
    CloseLink {
        link: LinkId,
    },
    SendText {
        link: LinkId,
        text: Private<String>,
    },
    Http(HttpRequest),
    Browser(BrowserCommand),
    Secret(SecretCommand),
    /// See [`Output::KeepSessions`](crate::Output::KeepSessions).
    KeepSessions(Private<String>),
    Event(LineEvent),
}

#[derive(Clone, Debug, PartialEq)]
pub enum LineEvent {
    Standing(LineStanding),
    Account {
        user: Private<String>,
        organisation: Private<String>,
    },
    Phones(Vec<PhoneView>),
    PhoneMissing(Option<PhoneMissing>),
    /// What this session does not use yet; empty: it uses everything.
    SettingsChanged(Vec<SettingChange>),
    /// The page the browser was sent to, while it is waited for.
    SignInPage(Option<Private<String>>),
    WrapUp {
        call: CallId,
        news: WrapUpNews,
    },
    Settings(LineSettings),
    Call {
        call: CallId,
        news: CallNews,
    },
    /// The far side offers media. `call` is `None` for a session that is only kept warm.
    SessionOffered {
        session: SessionId,
        call: Option<CallId>,
        offer: String,
        /// The session it takes the place of, already ended towards the far side.
        replaces: Option<SessionId>,
    },
    /// A new offer for a session that lives.
    SessionRenegotiated {
        session: SessionId,
        offer: String,
    },
    RemoteCandidate {
        session: SessionId,
        candidate: String,
    },
    /// The far side ended the session.
    SessionEnded {
        session: SessionId,
    },
    /// The service believes in a session kept warm, and we hold none.
    ServerHoldsSession,
    Problem(Notice),
    SignedOut,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LineStanding {
    SigningIn(SignInStep),
    Ready {
        /// After the link was lost, not after a new sign-in.
        again: bool,
    },
    Reconnecting {
        next_try: Option<Instant>,
    },
    /// The user has to act; nothing is tried until then, unless `retry_at` says so.
    Problem {
        notice: Notice,
        retry_at: Option<Instant>,
    },
}

/// What the service decides about media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineSettings {
    pub held_session: bool,
    pub relay_forced: bool,
    /// Differentiated services code point, 0–63.
    pub dscp: Option<u8>,
    pub servers: Vec<IceServer>,
}

/// News of one call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallNews {
    /// A call that was not known before. `answered`: by rule, nobody needs to press anything.
    Started {
        direction: CallDirection,
        answered: bool,
    },
    Peer {
        name: Private<String>,
        address: Private<String>,
        queue: Option<String>,
    },
    /// It rings here and gives up after this time from now.
    GivesUp {
        after: Duration,
    },
    /// The service answers it for us, or another rule did.
    AutoAnswered,
    /// It will use this session, which exists already.
    Attached {
        session: SessionId,
    },
    /// Our outgoing call rings there.
    Ringing,
    Connected,
    Held(bool),
    Muted(bool),
    /// A transfer is being talked over, or is not any more.
    Consult(Option<ConsultView>),
    DigitsSent {
        digits: String,
    },
    /// The service would not take the digits.
    DigitsRefused {
        digits: String,
    },
    /// A request for this call failed; the call is as it was.
    Refused {
        request: Request,
        notice: Notice,
    },
    Ended {
        by: EndedBy,
        reason: EndReason,
        code: Option<String>,
    },
}

/// News of a call that has ended and waits to be classified.
#[derive(Clone, Debug, PartialEq)]
pub enum WrapUpNews {
    Due {
        required: bool,
        /// The service does it by itself after this time.
        within: Option<Duration>,
    },
    /// Id and name of each code.
    Codes(Vec<(String, String)>),
    /// What was sent was not taken.
    Refused,
    Done,
}

/// Which request a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Answer,
    Decline,
    HangUp,
    Hold,
    Mute,
    Transfer,
}

/// Whether a line can do something, with the reason when it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Can {
    Yes,
    No(&'static str),
}

impl Can {
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Yes => None,
            Self::No(reason) => Some(reason),
        }
    }
}

/// What a line can do, as data: screens grey out and explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub dial: Can,
    pub call_me: Can,
    pub hold: Can,
    pub digits: Can,
    pub transfer: Can,
    pub choose_phone: Can,
    pub held_session: Can,
    pub ice_restart: Can,
}

/// Where a service is reached, for checks of the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAddresses {
    /// URLs that are asked over HTTP.
    pub requests: Vec<String>,
    /// URL of the WebSocket. A server may refuse this one for want of a channel; that it answers is what counts.
    pub websocket: String,
    pub subprotocol: &'static str,
}

/// The addresses that signing in this way leads to; `None`: it names none.
pub fn service_addresses(sign_in: &SignIn) -> Option<ServiceAddresses> {
    genesys::service_addresses(sign_in)
}

/// One protocol machine.
pub trait Line: std::fmt::Debug + Send {
    fn command(&mut self, now: Instant, command: LineCommand);

    fn receive(&mut self, now: Instant, input: LineInput);

    /// A deadline has passed.
    fn tick(&mut self, now: Instant);

    /// The next thing to do or to know; drain until `None` after every input.
    fn poll(&mut self) -> Option<LineOutput>;

    fn deadline(&self) -> Option<Instant>;

    fn capabilities(&self) -> Capabilities;
}
