//! The line to Genesys Cloud and to the practice exchange: REST for control, XMPP over WebSocket for news and
//! media signalling.
//!
//! Signalling rules that shape this machine: the edge always offers and we always answer; call control is REST
//! and its result arrives as a notification, which alone is the truth; one media session may serve many calls, so
//! everything is keyed by conversation. Sessions are signalled as SDP in JSON-RPC or as classic Jingle, whichever the
//! propose asks for.

mod administration;
mod calls;
mod connect;
mod ended;
pub mod fuzz;
mod hosts;
mod jingle;
mod notice;
mod regions;
mod rest;
mod sessions;
mod signin;
mod stanza;
mod station;
mod stream;
mod transfer;
mod wire;
mod write;
mod xml;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

pub use self::administration::{Administration, Inventory};
use self::calls::LineCall;
use self::connect::Identity;
use self::hosts::Hosts;
pub use self::regions::{REGIONS, Region};
use self::rest::Purpose;
use self::sessions::{Proposal, Session};
use self::signin::SignInState;
use self::stream::Stream;
use self::transfer::WrapUp;
use super::{Can, Capabilities, Line, LineCommand, LineEvent, LineInput, LineOutput, LineSettings, LineStanding};
use crate::command::SignIn;
use crate::entropy::Entropy;
use crate::event::Notice;
use crate::ids::{CallId, IdSource, LineId, RequestId, SessionId};
use crate::link::{self, Link};
use crate::media::IceServer;
use crate::redact::Private;
use crate::snapshot::{PhoneMissing, SettingChange, SignInStep};
use crate::timers::{Timers, earliest};

/// What a timer of this line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Keep-alive on the stream.
    Ping,
    /// Nothing was heard for too long, where the server pings.
    Silence,
    /// See whether the phone's settings changed.
    StationCheck,
    /// TURN credentials age.
    IceRefresh,
    TokenRenew,
    /// Ask for the truth about calls once more.
    Resync,
    /// An answered call for which no session was offered.
    NoSession(CallId),
    /// Clean end: whatever is outstanding by then is left.
    SignedOut,
}

/// One account. See the module's contract and [`Line`].
#[expect(clippy::struct_excessive_bools, reason = "independent facts; what excludes each other is in `link`")]
#[derive(Debug)]
pub struct GenesysLine {
    sign_in: SignIn,
    hosts: Option<Hosts>,
    entropy: Entropy,
    requests: IdSource,
    links: IdSource,
    call_ids: IdSource,
    session_ids: IdSource,
    timers: Timers<Timer>,
    link: Link,
    /// Drained after each input; a few entries an input.
    out: VecDeque<LineOutput>,
    /// Requests on their way. Each ends with an answer or with its limit, so their number follows from what the
    /// user does; above [`rest::MAX_REQUESTS`] new ones fail at once.
    pending: BTreeMap<RequestId, rest::Pending>,

    options: LineOptions,
    token: Option<Private<String>>,
    /// Gets the next token in silence.
    refresh: Option<Private<String>>,
    token_life: Option<std::time::Duration>,
    /// The key store has it.
    token_kept: bool,
    /// The token was good once, so a refusal means that it aged.
    token_proved: bool,
    signing_in: SignInState,
    /// Requests that met an aged token and are sent again with a new one; at most [`rest::MAX_AGAIN`], more fail.
    again: Vec<(Purpose, rest::Ask)>,
    identity: Option<Identity>,
    organisation: Option<String>,
    channel: Option<String>,
    /// The channel our subscriptions are on.
    subscribed: Option<String>,
    /// The next connect needs a new channel.
    hard: bool,
    streams_on_channel: u32,
    /// Made once and kept over reconnects: re-invites are addressed to it.
    resource: String,
    stream: Option<Stream>,
    been_ready: bool,
    /// The step of signing in that is under way.
    step: SignInStep,
    /// Why nothing is tried, or why trying is unlikely to help.
    blocked: Option<Notice>,
    standing: Option<LineStanding>,
    /// Told since the last success, so that each outage is told once.
    told: Option<&'static str>,
    /// A message that was not for us was told.
    foreign_told: bool,

    turn: Option<Vec<IceServer>>,
    stun: Option<Vec<IceServer>>,
    settings: LineSettings,
    station: Option<wire::Station>,
    stations: Vec<wire::Station>,
    /// The phone the user had, or should have.
    last_station: Option<String>,
    phone_missing: Option<PhoneMissing>,
    /// What the service says that this session does not use.
    outdated: Vec<SettingChange>,
    /// The server pings, so we need not.
    server_pings: bool,

    calls: Vec<LineCall>,
    /// Conversations that ended here lately: what was on its way for them starts nothing any more.
    ended: VecDeque<(Instant, String)>,
    proposals: Vec<Proposal>,
    sessions: Vec<Session>,
    /// Candidates that came before their offer.
    early: VecDeque<sessions::EarlyCandidate>,
    /// JSON-RPC ids of the last offers: the gateway repeats them until they are answered.
    seen_offers: VecDeque<String>,
    leaving: bool,
    wrap_ups: Vec<WrapUp>,
    /// What was handed out to be kept last.
    kept_sessions: String,
}

/// How a line behaves where services allow more than one way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineOptions {
    /// Let the server do the keep-alive. Where it does not want to, we do.
    pub server_pings: bool,
    /// What [`LineOutput::KeepSessions`] put out before the program ended without saying good-bye.
    pub left_sessions: Option<Private<String>>,
}

/// See [`super::service_addresses`].
pub(super) fn service_addresses(sign_in: &SignIn) -> Option<super::ServiceAddresses> {
    let hosts = Hosts::of(sign_in)?;
    let mut requests = vec![hosts.login, hosts.api];
    requests.dedup();
    let websocket = format!("{}/stream/channels/diagnosis", hosts.streaming);
    Some(super::ServiceAddresses { requests, websocket, subprotocol: "xmpp" })
}

impl GenesysLine {
    /// A line that does nothing until [`LineCommand::Connect`]. Ids of different lines never meet.
    pub fn new(line: LineId, sign_in: SignIn, entropy: Entropy, seed: u64, options: LineOptions) -> Self {
        let mut entropy = entropy;
        let first = line.0.saturating_sub(1) << 32;
        let hosts = Hosts::of(&sign_in);
        Self {
            hosts,
            requests: IdSource::starting_after(first),
            links: IdSource::starting_after(first),
            call_ids: IdSource::starting_after(first),
            session_ids: IdSource::starting_after(first),
            timers: Timers::default(),
            link: Link::new(seed),
            out: VecDeque::new(),
            pending: BTreeMap::new(),
            options,
            token: None,
            refresh: None,
            token_life: None,
            token_kept: false,
            token_proved: false,
            signing_in: SignInState::Idle,
            again: Vec::new(),
            identity: None,
            organisation: None,
            channel: None,
            subscribed: None,
            hard: false,
            streams_on_channel: 0,
            resource: entropy.uuid(),
            stream: None,
            been_ready: false,
            step: SignInStep::Contacting,
            blocked: None,
            standing: None,
            told: None,
            foreign_told: false,
            turn: None,
            stun: None,
            settings: LineSettings::default(),
            station: None,
            stations: Vec::new(),
            last_station: None,
            phone_missing: None,
            outdated: Vec::new(),
            server_pings: false,
            calls: Vec::new(),
            ended: VecDeque::new(),
            proposals: Vec::new(),
            sessions: Vec::new(),
            early: VecDeque::new(),
            seen_offers: VecDeque::new(),
            leaving: false,
            wrap_ups: Vec::new(),
            kept_sessions: String::new(),
            sign_in,
            entropy,
        }
    }

    fn practice(&self) -> bool {
        matches!(self.sign_in, SignIn::Practice { .. })
    }

    fn host_name(&self) -> String {
        self.hosts.as_ref().map_or_else(|| "the service".to_owned(), |hosts| hosts.name.clone())
    }

    /// Sessions outlive calls on this station.
    fn persistent(&self) -> bool {
        self.station.as_ref().is_some_and(|station| station.is_webrtc() && station.web_rtc_persistent_enabled)
    }

    /// Every call has its own session.
    fn session_per_call(&self) -> bool {
        self.station.as_ref().and_then(|station| station.web_rtc_call_appearances).unwrap_or(1) > 1
    }

    fn emit(&mut self, event: LineEvent) {
        self.out.push_back(LineOutput::Event(event));
    }

    fn problem(&mut self, notice: Notice) {
        self.emit(LineEvent::Problem(notice));
    }

    fn new_session(&mut self) -> SessionId {
        SessionId(self.session_ids.next())
    }
}

impl Line for GenesysLine {
    fn command(&mut self, now: Instant, command: LineCommand) {
        match command {
            LineCommand::Connect => self.connect_now(now),
            LineCommand::SignOut { forget } => self.sign_out(now, forget),
            LineCommand::OpenSignInPage => self.open_sign_in_page(),
            LineCommand::Renew => self.renew(now),
            LineCommand::Transfer { call, to } => self.transfer(call, &to),
            LineCommand::Consult { call, to } => self.consult(call, &to),
            LineCommand::Speak { call, with } => self.speak(call, with),
            LineCommand::CompleteTransfer { call } => self.complete_transfer(call),
            LineCommand::CancelTransfer { call } => self.cancel_transfer(call),
            LineCommand::WrapUp { call, code, notes } => self.wrap_up(call, &code, &notes),
            LineCommand::ReleasePhone => self.release_phone(),
            LineCommand::NetworkChanged => self.network_changed(now),
            LineCommand::Dial { to } => self.dial(now, &to),
            LineCommand::CallMe => self.call_me(),
            LineCommand::Answer { call } => self.answer(now, call),
            LineCommand::Decline { call } => self.decline(call),
            LineCommand::HangUp { call } => self.hang_up(call),
            LineCommand::Hold { call, held } => self.hold_call(call, held),
            LineCommand::Mute { call, muted } => self.mute(call, muted),
            LineCommand::Digits { call, digits } => self.digits(call, digits),
            LineCommand::SelectPhone { id } => self.select_phone(&id),
            LineCommand::Answered { session, sdp } => self.send_answer(session, &sdp),
            LineCommand::LocalCandidate { session, mid, candidate } => self.send_candidate(session, &mid, &candidate),
            LineCommand::EndOfCandidates { session } => self.send_end_of_candidates(session),
            LineCommand::SessionUp { session } => self.session_up(session),
            LineCommand::EndSession { session, why } => self.end_session(session, why),
            LineCommand::EndForgottenSession => self.end_forgotten_session(),
            LineCommand::Resync => self.resync(),
        }
        self.settle(now);
    }

    fn receive(&mut self, now: Instant, input: LineInput) {
        match input {
            LineInput::LinkOpened { link } => self.link_opened(now, link),
            LineInput::LinkReceived { link, text } => self.link_received(now, link, &text),
            LineInput::LinkClosed { link, why } => self.link_closed(now, link, &why),
            LineInput::HttpDone { request, result } => self.http_done(now, request, result),
            LineInput::Browser(event) => self.browser_event(now, event),
        }
        self.settle(now);
    }

    fn tick(&mut self, now: Instant) {
        self.link.handle(now, link::Input::Tick);
        self.settle(now);
        self.iq_timeouts(now);
        while let Some(timer) = self.timers.expired(now) {
            match timer {
                Timer::Ping => self.ping_due(now),
                Timer::Silence => self.silent(now),
                Timer::StationCheck => self.check_station(now),
                Timer::IceRefresh => self.refresh_ice(now),
                Timer::TokenRenew => self.renew_token(now),
                Timer::Resync => self.resync(),
                Timer::NoSession(call) => self.no_session_came(call),
                Timer::SignedOut => self.signed_out(),
            }
        }
        self.settle(now);
    }

    fn poll(&mut self) -> Option<LineOutput> {
        self.out.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        let stream = self.stream.as_ref().and_then(Stream::deadline);
        earliest(earliest(self.link.deadline(), self.timers.next()), stream)
    }

    fn capabilities(&self) -> Capabilities {
        let up = matches!(self.link.state(), link::State::Up { .. });
        let when_up = if up { Can::Yes } else { Can::No("not connected to the service") };
        Capabilities {
            dial: when_up,
            call_me: if self.practice() { when_up } else { Can::No("only the practice exchange calls back") },
            // REST works while the stream is down.
            hold: Can::Yes,
            digits: Can::Yes,
            transfer: when_up,
            choose_phone: when_up,
            held_session: if self.persistent() { Can::Yes } else { Can::No("the phone's settings say no") },
            ice_restart: Can::No("the service makes all offers"),
        }
    }
}
