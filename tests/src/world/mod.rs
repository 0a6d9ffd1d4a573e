//! The simulated world: whole phones, the practice exchange, a TURN server and the network between them, on a clock
//! that moves only when told to and with luck that depends on a seed.
//!
//! Addresses: phones at 10.0.0.1, 10.0.0.2 …; the exchange at 192.0.2.10; the TURN server at 192.0.2.20:3478.

mod admin;
mod legs;
mod phone;
mod sound;
mod turn;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use phone_core::event::{CallReport, Event, Notice};
use phone_core::ids::{CallId, LinkId};
use phone_core::input::{HttpError, HttpResponse, LinkClosed};
use phone_core::media::{EngineOutput, MediaEvent, TurnTransport};
use phone_core::output::{HttpBody, HttpRequest};
use phone_core::snapshot::{CallState, CallView, Snapshot, Standing};
use phone_core::{Command, Input, Output, PhoneConfig, SignIn};
use phone_exchange as ex;
use phone_exchange::{EdgeMedia, Exchange, ExchangeOptions, ExternalTurn, Fault, SocketId, Surroundings};

use crate::net::{Arrival, Net, Path};
use crate::signal;
use phone::PhoneSide;
pub use sound::{Devices, Voice};
use turn::Turn;

pub const EXCHANGE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));
pub const TURN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 20));
const TURN_PORT: u16 = 3_478;
const ORIGIN: &str = "http://192.0.2.10:8080";
/// How long a connection attempt to a host that is cut off takes to fail.
const UNREACHABLE: Duration = Duration::from_secs(3);

/// How a world is made.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub seed: u64,
    pub path: Path,
    pub exchange: ExchangeOptions,
    pub phone: PhoneConfig,
    /// How the TURN server is offered; `None`: there is none.
    pub turn: Option<TurnTransport>,
    /// Until a nonce of the TURN server is stale.
    pub nonce: Duration,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 1,
            path: Path::GOOD,
            exchange: ExchangeOptions::default(),
            phone: PhoneConfig::default(),
            turn: Some(TurnTransport::Udp),
            nonce: Duration::from_mins(10),
        }
    }
}

/// Which phone.
pub type Who = usize;

/// What travels on WebSockets and in HTTP: in order, never lost, delayed, and stuck while a host is cut off.
enum Signal {
    ToExchange(ex::Input),
    Open {
        who: Who,
        link: LinkId,
        channel: String,
    },
    Opened {
        who: Who,
        link: LinkId,
    },
    ToPhone {
        who: Who,
        input: Input,
    },
    /// Nobody answered in time.
    TimedOut {
        who: Who,
        input: Input,
    },
}

impl Signal {
    fn who(&self) -> Option<Who> {
        match self {
            Self::ToExchange(_) => None,
            Self::Open { who, .. }
            | Self::Opened { who, .. }
            | Self::ToPhone { who, .. }
            | Self::TimedOut { who, .. } => Some(*who),
        }
    }
}

/// See the module's documentation.
pub struct World {
    pub start: Instant,
    pub now: Instant,
    pub net: Net,
    recipe: Recipe,
    phones: Vec<PhoneSide>,
    exchange: Exchange,
    edge: EdgeMedia,
    edge_legs: legs::Legs,
    turn: Turn,
    signals: BTreeMap<(Instant, u64), (Option<Who>, Signal)>,
    order: u64,
    sockets: BTreeMap<SocketId, (Who, LinkId)>,
    requests: BTreeMap<ex::RequestId, (Who, phone_core::ids::RequestId)>,
    next_id: u64,
    cut: Vec<IpAddr>,
    /// Events of each phone that [`wait`](Self::wait) has passed.
    read: Vec<usize>,
    far_digits: String,
    admin_token: Option<String>,
    /// Print everything on stderr as it happens: `WORLD_LOG=1 cargo test -p phone_tests --test sim NAME`.
    log: bool,
}

impl World {
    pub fn new(recipe: Recipe) -> Self {
        let now = Instant::now();
        let mut net = Net::new(recipe.seed);
        net.set_usual(recipe.path);
        let turn: Vec<ExternalTurn> = recipe
            .turn
            .map(|transport| ExternalTurn {
                host: TURN.to_string(),
                port: TURN_PORT,
                transport,
                username: turn::USER.to_owned(),
                password: turn::PASSWORD.to_owned(),
            })
            .into_iter()
            .collect();
        let mut key = [0x5A; 32];
        key[..8].copy_from_slice(&recipe.seed.to_be_bytes());
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        // The TURN server answers STUN as well. A list without any would mean that the site forces TURN.
        let stun = vec![(TURN.to_string(), TURN_PORT)];
        let around = Surroundings { key, wall, host: EXCHANGE.to_string(), turn, stun };
        Self {
            start: now,
            now,
            net,
            phones: Vec::new(),
            exchange: Exchange::new(now, recipe.exchange.clone(), around),
            edge: EdgeMedia::new(now, &[EXCHANGE]),
            edge_legs: legs::Legs::new(EXCHANGE),
            turn: Turn::new(now, TURN, TURN_PORT, recipe.nonce),
            signals: BTreeMap::new(),
            order: 0,
            sockets: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_id: 0,
            cut: Vec::new(),
            read: Vec::new(),
            far_digits: String::new(),
            admin_token: None,
            log: std::env::var_os("WORLD_LOG").is_some(),
            recipe,
        }
    }

    /// A good world with one phone, signed in as ana, that says a tone of 440 Hz.
    #[track_caller]
    pub fn with_ana(recipe: Recipe) -> Self {
        let mut world = Self::new(recipe);
        world.sign_in("ana", Voice::Tone(440.0));
        world
    }

    /// One more phone, signed in.
    #[track_caller]
    pub fn sign_in(&mut self, user: &str, voice: Voice) -> Who {
        let who = self.add_phone(voice);
        self.command(who, SignIn::Practice { origin: ORIGIN.to_owned(), user: user.into() });
        self.wait(who, "registered", |event| matches!(event, Event::Registered { .. }));
        who
    }

    /// One more phone, not signed in.
    pub fn add_phone(&mut self, voice: Voice) -> Who {
        let who = self.phones.len();
        let host = IpAddr::V4(Ipv4Addr::new(10, 0, 0, who as u8 + 1));
        let config = PhoneConfig { seed: self.recipe.seed + who as u64, ..self.recipe.phone.clone() };
        let side = PhoneSide::new(self.now, config, host);
        side.devices.say(voice);
        self.phones.push(side);
        self.read.push(0);
        who
    }

    pub fn command(&mut self, who: Who, command: impl Into<Asked>) {
        let Asked(command) = command.into();
        self.input(who, Input::Command(command));
    }

    /// Hands any input to a phone, as the outside might.
    pub fn input(&mut self, who: Who, input: Input) {
        let outputs = self.phones[who].handle(self.now, &mut self.net, input);
        self.outputs(who, outputs);
        self.advance(Duration::ZERO);
    }

    pub fn inject(&mut self, fault: Fault) {
        if let Fault::StopTurn(stop) = fault {
            self.turn.stopped = stop;
        } else {
            self.exchange.handle(self.now, ex::Input::Fault(fault));
            self.exchange_outputs();
        }
        self.advance(Duration::ZERO);
    }

    /// Cuts a host off, signalling and media, or lets it back. What was sent on streams meanwhile comes then.
    pub fn cut(&mut self, host: IpAddr, cut: bool) {
        self.net.cut(host, cut);
        self.cut.retain(|known| *known != host);
        if cut {
            self.cut.push(host);
        }
    }

    /// The computer of this phone is on another network now, with another address; connections are gone.
    pub fn move_phone(&mut self, who: Who, host: IpAddr) {
        let side = &mut self.phones[who];
        side.host = host;
        side.legs.move_to(host);
        side.engine.set_local_addresses(self.now, &[host]);
        self.input(who, Input::NetworkChanged);
    }

    pub fn host(&self, who: Who) -> IpAddr {
        self.phones[who].host
    }

    pub fn devices(&self, who: Who) -> &Devices {
        &self.phones[who].devices
    }

    pub fn snapshot(&self, who: Who) -> Snapshot {
        self.phones[who].phone.snapshot()
    }

    pub fn view(&self, who: Who, call: CallId) -> Option<CallView> {
        self.snapshot(who).calls.into_iter().find(|view| view.id == call)
    }

    pub fn state(&self, who: Who, call: CallId) -> Option<CallState> {
        self.view(who, call).map(|view| view.state)
    }

    pub fn is_ready(&self, who: Who) -> bool {
        self.snapshot(who).standing == Standing::Ready
    }

    pub fn events(&self, who: Who) -> impl Iterator<Item = &Event> {
        self.phones[who].events.iter().map(|(_, event)| event)
    }

    /// When an event first happened, since the start.
    pub fn when(&self, who: Who, fits: impl Fn(&Event) -> bool) -> Option<Duration> {
        self.phones[who].events.iter().find(|(_, event)| fits(event)).map(|(at, _)| *at - self.start)
    }

    pub fn violations(&self) -> Vec<String> {
        self.exchange.violations()
    }

    pub fn stale_nonces(&self) -> u32 {
        self.turn.stale_nonces
    }

    /// Lets time pass, stopping at everything that is due on the way.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        self.run(end, |_| false);
    }

    /// Lets time pass until this is so, at most `limit`; whether it came true.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        self.run(end, done)
    }

    /// Waits for the next event that fits.
    #[track_caller]
    pub fn wait(&mut self, who: Who, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        let limit = Duration::from_mins(2);
        let from = self.read[who];
        let found = |world: &Self| world.phones[who].events[from..].iter().position(|(_, event)| fits(event));
        self.run_until(limit, |world| found(world).is_some());
        let Some(index) = found(self) else { panic!("`{what}` did not happen within {limit:?}\n{}", self.story(who)) };
        self.read[who] = from + index + 1;
        self.phones[who].events[from + index].1.clone()
    }

    /// Dials and waits for the first packet.
    #[track_caller]
    pub fn call(&mut self, who: Who, to: &str) -> CallId {
        // What happened to earlier calls is not about this one.
        self.read[who] = self.phones[who].events.len();
        self.command(who, Command::Dial { to: to.into() });
        let Event::Dialling { call } = self.wait(who, "dialling", |e| matches!(e, Event::Dialling { .. })) else {
            unreachable!("only this event fits")
        };
        let fits = |event: &Event| match event {
            Event::Media { call: of } | Event::Ended { call: of, .. } => *of == call,
            _ => false,
        };
        match self.wait(who, "media", fits) {
            Event::Media { .. } => call,
            other => panic!("the call to {to} ended: {other:?}\n{}", self.story(who)),
        }
    }

    #[track_caller]
    pub fn hang_up(&mut self, who: Who, call: CallId) -> CallReport {
        self.command(who, Command::HangUp(call));
        self.ended(who, call)
    }

    #[track_caller]
    pub fn ended(&mut self, who: Who, call: CallId) -> CallReport {
        let fits = |event: &Event| matches!(event, Event::Ended { call: ended, .. } if *ended == call);
        match self.wait(who, "ended", fits) {
            Event::Ended { report, .. } => *report,
            _ => unreachable!("only this event fits"),
        }
    }

    #[track_caller]
    pub fn problem(&mut self, who: Who) -> Notice {
        match self.wait(who, "a problem", |event| matches!(event, Event::Problem(_))) {
            Event::Problem(notice) => notice,
            _ => unreachable!("only this event fits"),
        }
    }

    /// Lets time pass; what this phone's speaker played meanwhile.
    pub fn hear(&mut self, who: Who, length: Duration) -> Vec<f32> {
        let from = self.phones[who].devices.heard().len();
        self.advance(length);
        self.phones[who].devices.heard().split_off(from)
    }

    /// Fails unless this phone hears this tone within the next second and a half.
    #[track_caller]
    pub fn assert_hears(&mut self, who: Who, hz: f64) {
        let sound = self.hear(who, Duration::from_millis(1_500));
        let last = &sound[sound.len().saturating_sub(24_000)..];
        let found = signal::loudest_hz(last);
        assert!(
            found.is_some_and(|found| (found - hz).abs() < 4.0),
            "phone {who} hears {found:?} Hz in place of {hz} Hz; seed {}\n{}",
            self.recipe.seed,
            self.story(who)
        );
    }

    /// The loudest tenth of a second of what is heard in this time.
    pub fn loudest(&mut self, who: Who, length: Duration) -> f64 {
        let sound = self.hear(who, length);
        sound.chunks(4_800).map(signal::level_dbfs).fold(-200.0, f64::max)
    }

    /// What happened to this phone, for a failed test.
    pub fn story(&self, who: Who) -> String {
        use std::fmt::Write as _;
        let mut text = format!("seed {}\n", self.recipe.seed);
        for (at, event) in &self.phones[who].events {
            if !matches!(event, Event::Quality { .. }) {
                writeln!(text, "{:9.3} s  {event:?}", (*at - self.start).as_secs_f64()).unwrap();
            }
        }
        writeln!(text, "{:9.3} s  now", (self.now - self.start).as_secs_f64()).unwrap();
        write!(text, "violations: {:?}\nsnapshot: {:#?}", self.violations(), self.snapshot(who)).unwrap();
        text
    }

    fn tell(&self, what: &str, value: &dyn std::fmt::Debug) {
        if self.log {
            let text = format!("{value:?}").replace("\\\"", "'").replace("\\\\r\\\\n", "\n        ");
            let text = text.replace("\\r\\n", "\n        ");
            eprintln!("{:9.3} {what:9} {text}", (self.now - self.start).as_secs_f64());
        }
    }

    fn run(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> bool {
        let mut turns_at_once = 0;
        loop {
            self.due();
            if done(self) {
                return true;
            }
            let next = self.deadline().map_or(end, |next| next.max(self.now));
            if next > end || (next == end && self.now == end) {
                self.now = end;
                return done(self);
            }
            turns_at_once = if next == self.now { turns_at_once + 1 } else { 0 };
            assert!(turns_at_once < 10_000, "the world turns without time passing");
            self.now = next;
        }
    }

    fn deadline(&mut self) -> Option<Instant> {
        let phones = self.phones.iter().filter_map(PhoneSide::deadline).min();
        let signals = self.signals.keys().next().map(|(due, _)| *due);
        [
            phones,
            signals,
            self.net.next_arrival(),
            self.exchange.deadline(),
            self.edge.deadline(),
            self.edge_legs.deadline(),
            self.turn.deadline(self.now),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Everything that is due now.
    fn due(&mut self) {
        while let Some(arrival) = self.net.deliver(self.now) {
            self.arrival(arrival);
        }
        while let Some(entry) = self.signals.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (host, signal) = entry.remove();
            self.signal(host, signal);
        }
        if self.exchange.deadline().is_some_and(|due| due <= self.now) {
            self.exchange.handle(self.now, ex::Input::Tick);
        }
        if self.edge.deadline().is_some_and(|due| due <= self.now) {
            self.edge.tick(self.now);
        }
        self.turn.tick(self.now, &mut self.net);
        self.exchange_outputs();
        for who in 0..self.phones.len() {
            if self.phones[who].deadline().is_some_and(|due| due <= self.now) {
                let outputs = self.phones[who].due(self.now, &mut self.net);
                self.outputs(who, outputs);
            }
        }
    }

    fn arrival(&mut self, arrival: Arrival) {
        let now = self.now;
        let (from, to, bytes, stream) = match arrival {
            Arrival::Datagram { from, to, bytes } => (from, to, Some(bytes), false),
            Arrival::Stream { from, to, bytes } => (from, to, bytes, true),
        };
        match (to.ip(), bytes) {
            (TURN, bytes) if stream => self.turn.stream(now, &mut self.net, from, to, bytes),
            (TURN, Some(bytes)) => self.turn.datagram(now, &mut self.net, from, to, &bytes),
            (EXCHANGE, Some(bytes)) => {
                if let Some(leg) = self.edge_legs.owner(to) {
                    self.edge.receive(now, leg, from, &bytes);
                    self.exchange_outputs();
                }
            }
            (host, Some(bytes)) => {
                if let Some(who) = self.phones.iter().position(|side| side.host == host) {
                    let outputs = self.phones[who].receive(now, &mut self.net, from, to, &bytes);
                    self.outputs(who, outputs);
                }
            }
            (_, None) => {}
        }
    }

    /// Sends a signal that arrives after the usual delay, behind all earlier ones.
    fn post(&mut self, who: Option<Who>, after: Duration, signal: Signal) {
        self.order += 1;
        self.signals.insert((self.now + after, self.order), (who, signal));
    }

    fn delay(&self) -> Duration {
        self.recipe.path.delay
    }

    fn is_cut(&self, who: Who) -> bool {
        self.cut.contains(&self.phones[who].host) || self.cut.contains(&EXCHANGE)
    }

    fn outputs(&mut self, who: Who, outputs: Vec<Output>) {
        for output in outputs {
            match &output {
                Output::SendText { text, .. } => self.tell("phone", text.reveal()),
                other => self.tell("phone", other),
            }
            match output {
                Output::OpenLink { link, url, .. } => self.open_link(who, link, &url),
                Output::CloseLink { link } => {
                    if let Some(socket) = self.socket_of(who, link) {
                        self.sockets.remove(&socket);
                        let signal = Signal::ToExchange(ex::Input::SocketClosed { socket });
                        self.post(Some(who), self.delay(), signal);
                    }
                }
                Output::SendText { link, text } => {
                    if let Some(socket) = self.socket_of(who, link) {
                        let text = text.into_inner();
                        let signal = Signal::ToExchange(ex::Input::SocketText { socket, text });
                        self.post(Some(who), self.delay(), signal);
                    }
                }
                Output::Http(request) => self.http(who, request),
                // Nobody here has a browser or a key store.
                Output::Browser(_) | Output::Secret(_) | Output::KeepSessions(_) => {}
                Output::Media(_) | Output::Sound(_) | Output::Event(_) => unreachable!("done by the phone's side"),
            }
        }
    }

    fn socket_of(&self, who: Who, link: LinkId) -> Option<SocketId> {
        self.sockets.iter().find(|(_, owner)| **owner == (who, link)).map(|(socket, _)| *socket)
    }

    fn open_link(&mut self, who: Who, link: LinkId, url: &str) {
        let channel = url::Url::parse(url).ok().and_then(|url| {
            let mut segments = url.path_segments()?;
            (segments.next() == Some("stream") && segments.next() == Some("channels")).then_some(())?;
            segments.next().map(str::to_owned)
        });
        if self.is_cut(who) {
            let why = LinkClosed::Unreachable { host: EXCHANGE.to_string(), why: "no route".to_owned() };
            let input = Input::LinkClosed { link, why };
            self.post(None, UNREACHABLE, Signal::TimedOut { who, input });
            return;
        }
        let channel = channel.unwrap_or_default();
        // Connection and upgrade: two round trips.
        self.post(Some(who), 3 * self.delay(), Signal::Open { who, link, channel });
    }

    fn http(&mut self, who: Who, request: HttpRequest) {
        let phone_request = request.request;
        if self.is_cut(who) {
            let error = HttpError::Unreachable { host: EXCHANGE.to_string(), why: "no route".to_owned() };
            let input = Input::HttpDone { request: phone_request, result: Err(error) };
            let after = UNREACHABLE.min(Duration::from_secs(request.limit_s));
            self.post(None, after, Signal::TimedOut { who, input });
            return;
        }
        self.next_id += 1;
        let id = ex::RequestId(self.next_id);
        self.requests.insert(id, (who, phone_request));
        let error = HttpError::Silent { host: EXCHANGE.to_string(), seconds: request.limit_s };
        let silent = Input::HttpDone { request: phone_request, result: Err(error) };
        self.post(None, Duration::from_secs(request.limit_s), Signal::TimedOut { who, input: silent });
        let url = url::Url::parse(&request.url).unwrap_or_else(|e| panic!("{}: {e}", request.url));
        let body = match request.body {
            HttpBody::Empty => Vec::new(),
            HttpBody::Json(text) => text.into_inner().into_bytes(),
            HttpBody::Form(pairs) => url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs.iter().map(|(key, value)| (*key, value.reveal().as_str())))
                .finish()
                .into_bytes(),
        };
        let http = ex::HttpRequest {
            method: request.method,
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            authorization: request.bearer.is_some(),
            bearer: request.bearer,
            body,
        };
        // An open connection is kept: one way there.
        self.post(Some(who), self.delay(), Signal::ToExchange(ex::Input::Http { request: id, http }));
    }

    fn signal(&mut self, who: Option<Who>, signal: Signal) {
        let timed_out = matches!(signal, Signal::TimedOut { .. });
        if !timed_out && who.or(signal.who()).is_some_and(|who| self.is_cut(who)) {
            // TCP tries again until the way is free.
            self.post(who, Duration::from_millis(200), signal);
            return;
        }
        match signal {
            Signal::ToExchange(input) => {
                self.exchange.handle(self.now, input);
                self.exchange_outputs();
            }
            Signal::Open { who, link, channel } => {
                if let Some(code) = self.exchange.refuses_channel(&channel) {
                    let why = LinkClosed::Refused { code, retry_after_s: None };
                    let input = Input::LinkClosed { link, why };
                    self.post(Some(who), self.delay(), Signal::ToPhone { who, input });
                    return;
                }
                self.next_id += 1;
                let socket = SocketId(self.next_id);
                self.sockets.insert(socket, (who, link));
                self.post(Some(who), self.delay(), Signal::Opened { who, link });
                self.exchange.handle(self.now, ex::Input::SocketOpened { socket, channel });
                self.exchange_outputs();
            }
            Signal::Opened { who, link } => self.give(who, Input::LinkOpened { link }),
            Signal::ToPhone { who, input } => self.give(who, input),
            Signal::TimedOut { who, input } => {
                if let Input::HttpDone { request, .. } = &input {
                    let waiting = self.requests.iter().find(|(_, owner)| **owner == (who, *request)).map(|(id, _)| *id);
                    // An answer that came in time has taken it off the list; so has a cut that was told at once.
                    let refused = matches!(&input, Input::HttpDone { result: Err(HttpError::Unreachable { .. }), .. });
                    if waiting.is_none() && !refused {
                        return;
                    }
                    self.requests.retain(|_, owner| *owner != (who, *request));
                }
                self.give(who, input);
            }
        }
    }

    fn give(&mut self, who: Who, input: Input) {
        let outputs = self.phones[who].handle(self.now, &mut self.net, input);
        self.outputs(who, outputs);
    }

    /// Does everything the exchange and its media side want, until both are quiet.
    fn exchange_outputs(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.exchange.poll() {
                quiet = false;
                self.exchange_output(output);
            }
            while let Some(output) = self.edge.poll() {
                quiet = false;
                self.edge_output(output);
            }
            for (leg, result) in self.edge_legs.progress(self.now) {
                quiet = false;
                match result {
                    Ok(addresses) => self.edge.leg_opened(self.now, leg, addresses),
                    Err(error) => self.edge.leg_failed(self.now, leg, &error),
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn exchange_output(&mut self, output: ex::Output) {
        self.tell("exchange", &output);
        match output {
            ex::Output::Http { request, reply } => {
                let Some((who, request)) = self.requests.remove(&request) else { return };
                let response = HttpResponse {
                    status: reply.status,
                    retry_after_s: reply.retry_after_s,
                    location: reply.location,
                    body: reply.body.into_bytes(),
                };
                let input = Input::HttpDone { request, result: Ok(response) };
                self.post(Some(who), self.delay(), Signal::ToPhone { who, input });
            }
            ex::Output::SocketText { socket, text } => {
                if let Some((who, link)) = self.sockets.get(&socket).copied() {
                    let input = Input::LinkReceived { link, text };
                    self.post(Some(who), self.delay(), Signal::ToPhone { who, input });
                }
            }
            ex::Output::CloseSocket { socket } => self.end_socket(socket, LinkClosed::ByServer),
            ex::Output::CutSocket { socket } => self.end_socket(socket, LinkClosed::Lost("reset".to_owned())),
            ex::Output::Edge(command) => self.edge.handle(self.now, command),
            ex::Output::StopTurn(stop) => self.turn.stopped = stop,
        }
    }

    fn end_socket(&mut self, socket: SocketId, why: LinkClosed) {
        if let Some((who, link)) = self.sockets.remove(&socket) {
            let input = Input::LinkClosed { link, why };
            self.post(Some(who), self.delay(), Signal::ToPhone { who, input });
        }
    }

    fn edge_output(&mut self, output: EngineOutput) {
        let now = self.now;
        match output {
            EngineOutput::OpenLeg { leg, kind, dscp, .. } => self.edge_legs.open(now, leg, &kind, dscp),
            EngineOutput::CloseLeg { leg } => self.edge_legs.close(now, &mut self.net, leg),
            EngineOutput::Transmit { leg, to, bytes } => self.edge_legs.transmit(now, &mut self.net, leg, to, bytes),
            EngineOutput::Event(event) => {
                self.tell("edge", &event);
                self.note(&event);
                self.exchange.handle(now, ex::Input::Media(event));
            }
            EngineOutput::Audio { .. } => {}
        }
    }

    fn note(&mut self, event: &MediaEvent) {
        // Digits go to the far end by the service's own request, which then plays them there.
        if let MediaEvent::Digit { digit, .. } | MediaEvent::DigitSent { digit, .. } = event {
            self.far_digits.push(*digit);
        }
    }

    /// Digits that reached the exchange, whichever way, and were played to the far end.
    pub fn far_digits(&self) -> &str {
        &self.far_digits
    }

    /// Datagrams and bytes that this host sent to anybody but this address.
    pub fn sent_elsewhere(&self, host: IpAddr, server: SocketAddr) -> usize {
        self.net.sent().iter().filter(|sent| sent.from.ip() == host && sent.to != server).count()
    }

    pub const fn turn_address(&self) -> SocketAddr {
        SocketAddr::new(TURN, TURN_PORT)
    }

    /// New TCP connections to the TURN server do not come up any more.
    pub fn block_turn_streams(&mut self, who: Who) {
        self.phones[who].legs.dead = Some(TURN);
    }
}

/// A command, or a way to sign in.
pub struct Asked(Command);

impl From<Command> for Asked {
    fn from(command: Command) -> Self {
        Self(command)
    }
}

impl From<SignIn> for Asked {
    fn from(sign_in: SignIn) -> Self {
        Self(Command::SignIn(sign_in))
    }
}

/// Where phones sign in.
pub const fn origin() -> &'static str {
    ORIGIN
}
