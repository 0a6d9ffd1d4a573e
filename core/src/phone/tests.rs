//! Whole calls against a scripted service, in simulated time, told as transcripts.

mod calls;
mod connect;
mod edges;
mod foreign;
mod held;
mod orders;
mod service;
mod settings;
mod sign_in;
mod sound;
mod transcripts;
mod transfer;
mod week;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use self::service::Service;
use super::*;
use crate::command::KeptToken;
use crate::input::{BrowserEvent, LinkClosed};
use crate::media::{Codec, DescriptionKind, Dscp, MediaEvent, MediaPath};
use crate::output::{BrowserCommand, HttpBody, HttpRequest, KeptAccount, SecretCommand};
use crate::redact::Private;

/// A [`Phone`] and a [`Service`] on a clock that moves only when told to. Messages take no time.
struct Sim {
    phone: Phone,
    service: Service,
    start: Instant,
    now: Instant,
    transcript: String,
    link: Option<crate::ids::LinkId>,
    /// The network is cut: nothing can be opened.
    offline: bool,
    microphones: BTreeMap<SessionId, bool>,
    /// Sessions the media side has.
    media: Vec<SessionId>,
    /// Sign-in and keep-alive are left out of the transcript until then.
    quiet: bool,
    /// The page that the browser shows.
    browser: Option<(crate::ids::RequestId, String)>,
    kept: Option<(Box<KeptAccount>, KeptToken)>,
    /// What a program that dies now would find again.
    left: String,
    /// Where the counters of every session stand.
    counters: MediaStats,
    /// The media side answers when it is asked to count.
    counts: bool,
    connected: Vec<CallId>,
    reports: Vec<crate::event::CallReport>,
}

impl Sim {
    fn new() -> Self {
        Self::with(PhoneConfig::default(), Service::new())
    }

    fn with(config: PhoneConfig, service: Service) -> Self {
        let now = crate::media::testing::epoch();
        Self {
            phone: Phone::with_secret(config, now, [9; 32]),
            service,
            start: now,
            now,
            transcript: String::new(),
            link: None,
            offline: false,
            microphones: BTreeMap::new(),
            media: Vec::new(),
            quiet: true,
            browser: None,
            kept: None,
            left: String::new(),
            counters: MediaStats::default(),
            counts: true,
            connected: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Signed in, with an empty transcript.
    fn ready(config: PhoneConfig, service: Service) -> Self {
        let mut sim = Self::with(config, service);
        sim.sign_in();
        assert_eq!(sim.phone.snapshot().standing, Standing::Ready, "{}", sim.transcript);
        sim.transcript.clear();
        sim.quiet = false;
        sim
    }

    fn sign_in(&mut self) {
        self.service.new_client();
        let sign_in = SignIn::Practice { origin: "http://service.test:1".into(), user: "ana".into() };
        self.command(Command::SignIn(sign_in));
    }

    fn note(&mut self, text: &str) {
        let at = (self.now - self.start).as_secs_f64();
        writeln!(self.transcript, "{at:>7.1}  {text}").unwrap();
    }

    fn command(&mut self, command: Command) {
        self.input(Input::Command(command));
    }

    fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        // Whatever is said causes more to be said; a talk that does not end is a bug.
        for _ in 0..10_000 {
            let Some(input) = inputs.pop_front() else { return };
            self.phone.handle(self.now, input);
            while let Some(output) = self.phone.poll() {
                self.output(output, &mut inputs);
            }
            self.check();
        }
        panic!("phone and service talk without end:\n{}", self.transcript);
    }

    /// What holds after every single input.
    fn check(&self) {
        let due = self.phone.deadline();
        assert!(due.is_none_or(|due| due > self.now), "a deadline in the past\n{}", self.transcript);
        let snapshot = self.phone.snapshot();
        let connected = snapshot.calls.iter().any(|call| call.connected.is_some());
        let open = self.microphones.values().filter(|open| **open).count();
        assert!(open <= 1, "one microphone, one session\n{}", self.transcript);
        assert!(open == 0 || connected, "an open microphone without a call\n{}", self.transcript);
        assert!(self.media.len() <= 8 && snapshot.calls.len() <= 16);
    }

    fn output(&mut self, output: Output, inputs: &mut VecDeque<Input>) {
        match output {
            Output::OpenLink { link, .. } if self.offline => {
                let why = LinkClosed::Unreachable { host: "service.test".into(), why: "no route".into() };
                inputs.push_back(Input::LinkClosed { link, why });
            }
            Output::OpenLink { link, url, subprotocol, .. } => {
                assert!(url.starts_with("ws://service.test:1/stream/channels/channel-"), "{url}");
                assert_eq!(subprotocol, "xmpp");
                self.link = Some(link);
                self.service.opened();
                inputs.push_back(Input::LinkOpened { link });
            }
            Output::CloseLink { link } => {
                if self.link == Some(link) {
                    self.link = None;
                }
            }
            Output::SendText { link, text } => {
                if self.link != Some(link) {
                    return;
                }
                let said = self.service.received(text.reveal());
                if let Some(note) = said.note {
                    self.note(&note);
                }
                inputs.extend(said.replies.into_iter().map(|text| Input::LinkReceived { link, text }));
            }
            Output::Http(request) => self.http(&request, inputs),
            Output::Browser(BrowserCommand::Listen { wait, ports, state }) => {
                self.note(&format!("browser listen {ports:?}"));
                self.service.browser_state = state.into_inner();
                let uri = "http://127.0.0.1:21451/callback".to_owned();
                inputs.push_back(Input::Browser(BrowserEvent::Listening { wait, uri }));
            }
            Output::Browser(BrowserCommand::Open { wait, url }) => {
                self.note("browser open");
                self.browser = Some((wait, url.into_inner()));
            }
            Output::Browser(BrowserCommand::Stop { .. }) => self.note("browser stop"),
            Output::Secret(SecretCommand::Keep { account, token }) => {
                let life = token.life.map(|life| life.as_secs());
                let refresh = token.refresh.is_some();
                self.note(&format!("keep token of {} for {life:?} s, refresh {refresh}", account.key));
                self.kept = Some((account, token));
            }
            Output::Secret(SecretCommand::Forget { key }) => self.note(&format!("forget token of {key}")),
            Output::KeepSessions(text) => self.left = text.into_inner(),
            Output::Media(command) => self.media(command, inputs),
            Output::Sound(SoundCommand::Tone(tone)) => {
                let tone = tone.map_or("off".to_owned(), |tone| format!("{tone:?}"));
                self.note(&format!("tone {tone}"));
            }
            Output::Sound(command) => self.note(&format!("sound {command:?}")),
            Output::Event(event) => {
                match &event {
                    Event::Ended { report, .. } => self.reports.push((**report).clone()),
                    Event::Connected { call } => self.connected.push(*call),
                    // The order of events is a contract: see `Event::Media`.
                    Event::Media { call } => {
                        assert!(self.connected.contains(call), "media before connected\n{}", self.transcript);
                    }
                    _ => {}
                }
                let text = match event {
                    Event::Ended { call, report } => {
                        format!("ended {call}: {:?} by {:?}", report.end_reason, report.ended_by)
                    }
                    Event::Problem(notice) => format!("problem {}", notice.id),
                    Event::Quality { .. } => return,
                    Event::DigitSent { call, digit } => format!("DigitSent {call} {digit}"),
                    event => format!("{event:?}").replace(" { call: CallId(", " ").replace(") }", ""),
                };
                self.note(&text);
            }
        }
    }

    fn http(&mut self, request: &HttpRequest, inputs: &mut VecDeque<Input>) {
        let path = request.url.trim_start_matches("http://service.test:1").trim_start_matches("/api/v2");
        let boring = path.contains("/metadata")
            || path == "/conversations/calls" && request.method == crate::output::Method::Get
            || path.starts_with("/stations/") && request.method == crate::output::Method::Get;
        if !self.quiet && !boring {
            let body = match &request.body {
                HttpBody::Json(json) => json.reveal().clone(),
                _ => String::new(),
            };
            let method = format!("{:?}", request.method).to_uppercase();
            self.note(format!("{method} {path} {body}").trim_end());
        }
        let result = if self.offline {
            let error = crate::input::HttpError::Unreachable { host: "service.test".into(), why: "no route".into() };
            Err(error)
        } else {
            self.service.http(request)
        };
        inputs.push_back(Input::HttpDone { request: request.request, result });
    }

    fn media(&mut self, command: MediaCommand, inputs: &mut VecDeque<Input>) {
        match command {
            MediaCommand::AcceptOffer { session, .. } => {
                self.note(&format!("media accept {session}"));
                if !self.media.contains(&session) {
                    self.media.push(session);
                }
                let sdp = "v=0\r\n".to_owned();
                let answer = MediaEvent::Description { session, kind: DescriptionKind::Answer, sdp };
                inputs.push_back(Input::Media(answer));
            }
            MediaCommand::Microphone { session, open } => {
                self.note(&format!("microphone {session} {}", if open { "open" } else { "closed" }));
                assert!(self.media.contains(&session), "a microphone for a session that is not there");
                self.microphones.insert(session, open);
            }
            MediaCommand::Hear { session, heard } => {
                self.note(&format!("ear {session} {}", if heard { "open" } else { "closed" }));
            }
            MediaCommand::Count { .. } if !self.counts => {}
            MediaCommand::Count { session, call } => {
                let stats = self.media.contains(&session).then(|| Box::new(self.counters.clone()));
                inputs.push_back(Input::Media(MediaEvent::Counted { session, call, stats, audio: None }));
            }
            MediaCommand::Close { session } => {
                self.note(&format!("media close {session}"));
                self.media.retain(|known| *known != session);
                self.microphones.remove(&session);
            }
            MediaCommand::Prepare { .. } if self.quiet => {}
            MediaCommand::Prepare { config } => self.note(&format!("media prepare {:?}", config.relay)),
            MediaCommand::AddRemoteCandidate { session, .. } => self.note(&format!("media candidate {session}")),
            other => self.note(&format!("media {other:?}")),
        }
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(due) = self.phone.deadline().filter(|due| *due <= end) {
            self.now = due;
            self.input(Input::Tick);
        }
        self.now = end;
    }

    fn advance_ms(&mut self, ms: u64) {
        self.advance(Duration::from_millis(ms));
    }

    fn says(&mut self, text: String) {
        let link = self.link.expect("a stream");
        self.input(Input::LinkReceived { link, text });
    }

    fn event(&mut self, id: &str, state: &str, direction: &str) {
        self.event_with(id, state, direction, &serde_json::Value::Null);
    }

    fn event_with(&mut self, id: &str, state: &str, direction: &str, extra: &serde_json::Value) {
        let text = self.service.event(id, state, direction, extra);
        self.says(text);
    }

    fn propose(&mut self, id: &str, conversation: &str, extra: &str) {
        let text = self.service.propose(id, conversation, extra);
        self.says(text);
    }

    fn offer(&mut self, id: &str, conversation: &str) {
        let text = self.service.offer(id, conversation, id, false);
        self.says(text);
    }

    fn up(&mut self, session: u64) {
        let facts = Box::new(facts());
        self.input(Input::Media(MediaEvent::Up { session: SessionId(session), facts }));
    }

    fn drop_link(&mut self) {
        let link = self.link.take().expect("a stream");
        self.input(Input::LinkClosed { link, why: LinkClosed::Lost("reset".into()) });
    }

    /// An inbound call on a session of its own, connected.
    fn connected(&mut self, conversation: &str, session: &str) -> CallId {
        self.event(conversation, "alerting", "inbound");
        self.propose(session, conversation, "");
        let call = self.last_call();
        self.command(Command::Answer(call));
        self.offer(session, conversation);
        let id = self.media.last().expect("a session").0;
        self.up(id);
        self.event(conversation, "connected", "inbound");
        call
    }

    fn last_call(&self) -> CallId {
        self.phone.snapshot().calls.last().expect("a call").id
    }

    fn standing_word(&self) -> String {
        match self.phone.snapshot().standing {
            Standing::Problem { notice, retry_at } => {
                format!("problem {}{}", notice.id, if retry_at.is_some() { ", tries again" } else { "" })
            }
            Standing::Reconnecting { next_try, .. } => format!("reconnecting, waits {}", next_try.is_some()),
            Standing::SigningIn { step, .. } => format!("signing in: {step:?}"),
            other => format!("{other:?}"),
        }
    }
}

fn facts() -> MediaUp {
    MediaUp {
        ice_ms: 12.0,
        dtls_ms: 8.0,
        path: MediaPath::Direct,
        relay: None,
        codec: Codec::Opus,
        security: "dtls-srtp".into(),
        dscp: Dscp { configured: 34, effective: Some(34) },
    }
}

fn persistent() -> Service {
    Service::new().with(|service| service.persistent = true)
}

fn dial() -> Command {
    Command::Dial { to: Private::new("+13175550123".to_owned()) }
}
