//! Every recorded session of the official client, replayed: the service says and answers what it did then, the agent
//! presses what was pressed then, and what our phone says is compared with what the official client said.
//!
//! Compared are call control by REST, and on the stream everything about sessions, in order for each session; for the
//! set-up, that everything asked then is asked by us. Deviations, all deliberate:
//!
//! | The official client | Offhook | Why |
//! |---|---|---|
//! | asks `OPTIONS` first | does not | that is the browser's (CORS) |
//! | asks `users/me` twice more | does not | a check of the connection that blocks nothing |
//! | asks for ICE servers twice in each connect | once | the second answer replaces the first unread |
//! | puts `persistentconnection` into the bulk subscription after a hard reconnect only | always | one request fewer to depend on |
//! | of version 9.2.4 neither subscribes `persistentconnection` nor posts metadata | does | newer versions do |
//! | sends no result to JSON-RPC iqs | sends it | RFC 6120 §8.2.3 wants it, and it does no harm |
//! | `sessionType` in the body of a dial | left out | not in the definition of the request |
//! | after a propose of a new name for an answered call waits for a second press | takes it | the agent has answered; section 4.2 calls it a weakness |
//! | telemetry, log upload, alerting leader, headset messages | none | optional; telemetry is off in Offhook |
//! | at the end leaves calls and sessions to the service | ends them | section 6.5: a forgotten session blocks the next call |
//! | no request beside | lists stations and calls, looks at its station every 25 s | the selector, the truth after a reconnect, and settings that change |

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use serde_json::{Value, json};

use crate::command::{Command, SignIn};
use crate::ids::{CallId, LinkId, SessionId};
use crate::input::{HttpResponse, Input, LinkClosed};
use crate::media::{DescriptionKind, MediaEvent};
use crate::output::{HttpBody, HttpRequest, MediaCommand, Method, Output};
use crate::phone::{Phone, PhoneConfig};
use crate::snapshot::Standing;

const USER: &str = "11111111-1111-4111-8111-111111111111";
const BARE: &str = "aabbccddeeff001122334455@simorg0000000000000000.orgspan.com";
const ANSWER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:mine\r\na=ice-pwd:secret\r\n\
    a=fingerprint:sha-256 AA:BB\r\na=setup:active\r\na=rtpmap:111 opus/48000/2\r\na=sendrecv\r\n";

fn element(xml: &str) -> Element {
    Element::from_reader_with_prefixes(xml.as_bytes(), "jabber:client".to_owned()).expect("recorded XML")
}

/// What was said, in a few words that both clients share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    /// Of setting up.
    SetUp(String),
    /// Of a session: its name, and what.
    Session(String, String),
    /// Candidates come in any number.
    Candidates(String),
    /// Call control.
    Rest(String),
    /// Says nothing about calls.
    Boring,
}

/// `answered`: the payload of the server's iq that a result answers.
fn stanza(xml: &str, asked: &BTreeMap<String, String>) -> Said {
    let element = element(xml);
    let set_up = |text: &str| Said::SetUp(text.to_owned());
    let child = element.children().next();
    match (element.name(), child) {
        ("open", _) => set_up("open"),
        ("auth", _) => {
            let plain = String::from_utf8(STANDARD.decode(element.text()).expect("base64")).expect("text");
            set_up(&format!("auth {plain}"))
        }
        ("message", Some(child)) if child.ns() == "urn:xmpp:jingle-message:0" => {
            let to = if element.attr("to") == Some(BARE) { "own" } else { "edge" };
            let id = child.attr("id").expect("id").to_owned();
            Said::Session(id, format!("{} to {to}", child.name()))
        }
        ("iq", None) => match asked.get(element.attr("id").unwrap_or_default()).map(String::as_str) {
            Some("ping") => set_up("pong"),
            Some(jingle) if jingle.starts_with("jingle ") => {
                Said::Session(jingle["jingle ".len()..].to_owned(), "result".into())
            }
            _ => Said::Boring,
        },
        ("iq", Some(child)) => match child.name() {
            "bind" => set_up("bind"),
            "services" => set_up(&format!("services {}", child.attr("type").expect("type"))),
            "ping" => set_up("ping"),
            "pubsub" => set_up(&format!(
                "subscribe {}",
                child.children().next().and_then(|subscribe| subscribe.attr("node")).expect("node")
            )),
            "jingle" => {
                let id = child.attr("sid").expect("sid").to_owned();
                match child.attr("action").expect("action") {
                    "transport-info" => Said::Candidates(id),
                    action => Said::Session(id, action.to_owned()),
                }
            }
            "genesys-webrtc" => {
                let call: Value = serde_json::from_str(&child.text()).expect("json");
                let id = call["params"]["sessionId"].as_str().unwrap_or_default().to_owned();
                let detail = call["params"]["reason"].as_str().or(call["params"]["status"].as_str()).unwrap_or("");
                match call["method"].as_str().expect("method") {
                    "iceCandidate" => Said::Candidates(id),
                    "report-statistics" => Said::Boring,
                    method => Said::Session(id, format!("{method} {detail}")),
                }
            }
            _ => Said::Boring,
        },
        _ => Said::Boring,
    }
}

fn rest(method: &str, url: &str, body: &Value) -> Said {
    let path = url.trim_start_matches("https://api.mypurecloud.com");
    let mut body = body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("sessionType");
    }
    let body = if body.is_null() { String::new() } else { format!(" {body}") };
    let control = path.starts_with("/api/v2/conversations") && !matches!(method, "GET" | "OPTIONS");
    match method {
        _ if control => Said::Rest(format!("{method} {path}{body}")),
        "GET" if path == "/api/v2/users/me" => Said::Boring,
        "PUT" if path.contains("/subscriptions") => Said::SetUp("bulk subscription".into()),
        "OPTIONS" => Said::Boring,
        _ if path.contains("/diagnostics/") || path.contains("alertingleader") || path.contains("/apps/users/") => {
            Said::Boring
        }
        _ => Said::SetUp(format!("{method} {path}")),
    }
}

struct Replay {
    name: String,
    events: Vec<Value>,
    phone: Phone,
    now: Instant,
    start: Instant,
    link: Option<LinkId>,
    full: String,
    recorded_full: String,
    /// Open, features, success and failure, in the order recorded.
    handshake: VecDeque<String>,
    /// Answers to iqs, by what was asked.
    answers: BTreeMap<Said, VecDeque<String>>,
    responses: BTreeMap<String, VecDeque<(u16, Value)>>,
    /// The last state of each conversation.
    conversations: BTreeMap<String, Value>,
    /// What the server asked, by the id of its iq.
    asked: BTreeMap<String, String>,
    calls: BTreeMap<String, CallId>,
    seen_calls: BTreeSet<CallId>,
    up: BTreeSet<SessionId>,
    said: Vec<Said>,
    inputs: VecDeque<Input>,
}

impl Replay {
    fn of(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpora/genesys-sessions").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        let now = crate::media::testing::epoch();
        let server_pings = name.contains("server-ping");
        let config = PhoneConfig { server_pings, ..PhoneConfig::default() };
        let mut replay = Self {
            name: name.to_owned(),
            phone: Phone::with_secret(config, now, [5; 32]),
            now,
            start: now,
            link: None,
            full: String::new(),
            recorded_full: String::new(),
            handshake: VecDeque::new(),
            answers: BTreeMap::new(),
            responses: BTreeMap::new(),
            conversations: BTreeMap::new(),
            asked: BTreeMap::new(),
            calls: BTreeMap::new(),
            seen_calls: BTreeSet::new(),
            up: BTreeSet::new(),
            said: Vec::new(),
            inputs: VecDeque::new(),
            events,
        };
        replay.read_answers();
        replay
    }

    /// Sorts out what answers the client: that is said when our phone asks.
    fn read_answers(&mut self) {
        let mut questions: BTreeMap<String, Said> = BTreeMap::new();
        for event in &self.events {
            let xml = event["xml"].as_str().unwrap_or_default();
            match event["dir"].as_str().expect("dir") {
                "c2s" => {
                    if let Some(id) = element(xml).attr("id") {
                        questions.insert(id.to_owned(), stanza(xml, &BTreeMap::new()));
                    }
                }
                "s2c" if !unsolicited(xml) => {
                    let stanza = element(xml);
                    match (stanza.name(), stanza.attr("id").and_then(|id| questions.get(id))) {
                        ("iq", Some(question)) => {
                            if let Some(jid) = stanza.children().next().filter(|child| child.name() == "bind") {
                                self.recorded_full = jid.children().next().expect("jid").text();
                            }
                            self.answers.entry(question.clone()).or_default().push_back(xml.to_owned());
                        }
                        ("open" | "features" | "success" | "failure", _) => self.handshake.push_back(xml.to_owned()),
                        _ => {}
                    }
                }
                "rest-response" => {
                    let status = event["status"].as_u64().expect("status") as u16;
                    let key = event["for"].as_str().expect("for").to_owned();
                    self.responses.entry(key).or_default().push_back((status, event["body"].clone()));
                }
                _ => {}
            }
        }
    }

    fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
        for _ in 0..10_000 {
            let Some(input) = self.inputs.pop_front() else { return };
            self.phone.handle(self.now, input);
            while let Some(output) = self.phone.poll() {
                self.output(output);
            }
        }
        panic!("{}: no end", self.name);
    }

    fn advance_to(&mut self, to: Instant) {
        while let Some(due) = self.phone.deadline().filter(|due| *due <= to) {
            self.now = due;
            self.feed(Input::Tick);
        }
        self.now = to.max(self.now);
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::OpenLink { link, url, .. } => {
                self.said.push(Said::SetUp(format!("socket {url}")));
                self.link = Some(link);
                self.inputs.push_back(Input::LinkOpened { link });
            }
            Output::CloseLink { link } if self.link == Some(link) => self.link = None,
            Output::SendText { link, text } if self.link == Some(link) => self.text(link, text.reveal()),
            Output::Http(request) => self.http(&request),
            Output::Media(MediaCommand::AcceptOffer { session, .. }) => {
                let kind = DescriptionKind::Answer;
                let media = |event| Input::Media(event);
                self.inputs.push_back(media(MediaEvent::Description { session, kind, sdp: ANSWER.into() }));
                if self.up.insert(session) {
                    let candidate = "candidate:1 1 udp 2122063615 192.0.2.10 50662 typ host".to_owned();
                    self.inputs.push_back(media(MediaEvent::LocalCandidate { session, mid: "0".into(), candidate }));
                    self.inputs.push_back(media(MediaEvent::Up { session, facts: Box::new(super::facts()) }));
                    self.inputs.push_back(media(MediaEvent::EndOfCandidates { session }));
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, link: LinkId, text: &str) {
        let said = stanza(text, &self.asked);
        self.said.push(said.clone());
        let element = element(text);
        let mut replies = Vec::new();
        match element.name() {
            "open" => {
                while let Some(xml) = self.handshake.pop_front() {
                    let last = xml.contains("features");
                    replies.push(xml);
                    if last {
                        break;
                    }
                }
            }
            "auth" => replies.extend(self.handshake.pop_front()),
            "iq" if matches!(element.attr("type"), Some("get" | "set")) => {
                let id = element.attr("id").expect("id");
                let child = element.children().next().expect("payload");
                if child.name() == "bind" {
                    self.full = format!("{BARE}/{}", child.children().next().expect("resource").text());
                }
                let recorded = self.answers.get_mut(&said).and_then(|answers| match answers.len() {
                    0 => None,
                    1 => answers.front().cloned(),
                    _ => answers.pop_front(),
                });
                let recorded = recorded.map(|xml| {
                    let old = self::element(&xml).attr("id").expect("id").to_owned();
                    xml.replace(&old, id).replace(&self.recorded_full, &self.full)
                });
                replies.push(recorded.unwrap_or_else(|| format!(r#"<iq type="result" id="{id}"/>"#)));
            }
            // What goes to the bare address comes back to all clients of the user.
            "message" if element.attr("to") == Some(BARE) => {
                replies.push(text.replacen("<message ", &format!("<message from=\"{}\" ", self.full), 1));
            }
            _ => {}
        }
        self.inputs.extend(replies.into_iter().map(|text| Input::LinkReceived { link, text }));
    }

    fn http(&mut self, request: &HttpRequest) {
        let method = format!("{:?}", request.method).to_uppercase();
        let path = request.url.trim_start_matches("https://api.mypurecloud.com");
        let body = match &request.body {
            HttpBody::Json(json) => serde_json::from_str(json.reveal()).expect("json"),
            _ => Value::Null,
        };
        self.said.push(rest(&method, path, &body));
        let key = format!("{method} {path}");
        let recorded = self.responses.get_mut(&key).and_then(|list| match list.len() {
            0 => None,
            1 => list.front().cloned(),
            _ => list.pop_front(),
        });
        let living: Vec<&Value> = self.conversations.values().filter(|body| lives(body)).collect();
        let (status, body) = match recorded {
            Some(recorded) => recorded,
            None if key == "GET /api/v2/conversations/calls" => (200, json!({ "entities": living })),
            None if request.method == Method::Get => (200, json!({ "entities": [] })),
            None => (202, Value::Null),
        };
        if key == "POST /api/v2/conversations/calls"
            && let Some(id) = body["id"].as_str()
            && let Some(call) = self.phone.snapshot().calls.last()
        {
            self.calls.insert(id.to_owned(), call.id);
            self.seen_calls.insert(call.id);
        }
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let response = HttpResponse { status, retry_after_s: None, location: None, body };
        self.inputs.push_back(Input::HttpDone { request: request.request, result: Ok(response) });
    }

    /// Calls that began with this message belong to this conversation.
    fn learn(&mut self, conversation: &str) {
        for call in self.phone.snapshot().calls {
            if self.seen_calls.insert(call.id) {
                self.calls.insert(conversation.to_owned(), call.id);
            }
        }
    }

    fn server_says(&mut self, xml: &str) {
        let Some(link) = self.link else { return };
        let text = xml.replace(&self.recorded_full, &self.full);
        let element = element(xml);
        let mut conversation = String::new();
        if let Some(child) = element.children().next() {
            let id = element.attr("id").unwrap_or_default().to_owned();
            match child.name() {
                "jingle" => drop(self.asked.insert(id, format!("jingle {}", child.attr("sid").unwrap_or_default()))),
                "propose" => conversation = child.attr("inin-cid").unwrap_or_default().to_owned(),
                "event" => {
                    let items = child.children().next().expect("items");
                    let item = items.children().next().expect("item");
                    let text = item.children().next().expect("json").text();
                    let json: Value = serde_json::from_str(&text).expect("json");
                    if items.attr("node").is_some_and(|node| node.ends_with(".conversations")) {
                        conversation = json["eventBody"]["id"].as_str().expect("id").to_owned();
                        self.conversations.insert(conversation.clone(), json["eventBody"].clone());
                    }
                }
                "ping" => drop(self.asked.insert(id, "ping".into())),
                _ => {}
            }
        }
        self.feed(Input::LinkReceived { link, text });
        self.learn(&conversation);
    }

    /// What the agent pressed. `None`: that ends the replay.
    fn pressed(&mut self, call: &str, args: &Value) -> Option<Command> {
        let of = || self.calls.get(args[0].as_str().unwrap_or_default()).copied();
        Some(match call {
            text if text.contains("disconnect()") => return None,
            text if text.contains("acceptPendingSession") => Command::Answer(of()?),
            text if text.contains("rejectPendingSession") => Command::Decline(of()?),
            text if text.contains("endSession") => Command::HangUp(of()?),
            text if text.contains("setAudioMute") => Command::Mute { muted: text.contains("mute: true") },
            text if text.contains("setConversationHeld") => {
                Command::Hold { call: of()?, held: text.contains("held: true") }
            }
            text if text.contains("startSoftphoneSession") => Command::Dial { to: "+13175550123".into() },
            _ => Command::SetVolume { role: crate::sound::SoundRole::Ringer, percent: 50 },
        })
    }

    /// What the official client said until it was told to stop, and what ours did.
    fn run(mut self) -> (Vec<Said>, Self) {
        let events = std::mem::take(&mut self.events);
        let mut recorded = Vec::new();
        let first = events.first().and_then(|event| event["t_ms"].as_u64()).unwrap_or_default();
        let mut asked = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            let at = event["t_ms"].as_u64().unwrap_or_default() - first;
            self.advance_to(self.start + Duration::from_millis(at));
            let xml = event["xml"].as_str().unwrap_or_default();
            match event["dir"].as_str().expect("dir") {
                "sdk-call" if index == 0 => {
                    let sign_in =
                        SignIn::Token { environment: "mypurecloud.com".into(), token: "SIM_ACCESS_TOKEN".into() };
                    self.feed(Input::Command(Command::SignIn(sign_in)));
                }
                "sdk-call" => match self.pressed(event["call"].as_str().expect("call"), &event["args"]) {
                    Some(command) => self.feed(Input::Command(command)),
                    None if event["call"].as_str().is_some_and(|call| call.contains("disconnect()")) => break,
                    None => {}
                },
                "c2s" => recorded.push(stanza(xml, &asked)),
                "s2c" if unsolicited(xml) => {
                    let element = element(xml);
                    if let (Some(id), Some(child)) = (element.attr("id"), element.children().next()) {
                        match child.name() {
                            "jingle" => drop(
                                asked
                                    .insert(id.to_owned(), format!("jingle {}", child.attr("sid").unwrap_or_default())),
                            ),
                            "ping" => drop(asked.insert(id.to_owned(), "ping".into())),
                            _ => {}
                        }
                    }
                    self.server_says(xml);
                }
                "rest-request" => {
                    let (method, url) =
                        (event["method"].as_str().expect("method"), event["url"].as_str().expect("url"));
                    let body = match &event["body"] {
                        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
                        other => other.clone(),
                    };
                    recorded.push(rest(method, url, &body));
                }
                "ws-upgrade" => {
                    let url = event["url"].as_str().expect("url");
                    recorded.push(Said::SetUp(format!("socket wss://streaming.mypurecloud.com{url}")));
                }
                "ws-close" if event["code"] == 1006 => {
                    if let Some(link) = self.link.take() {
                        self.feed(Input::LinkClosed { link, why: LinkClosed::Lost("reset".into()) });
                    }
                }
                _ => {}
            }
        }
        (recorded, self)
    }
}

/// Said by the server on its own account.
fn unsolicited(xml: &str) -> bool {
    let stanza = element(xml);
    match stanza.name() {
        "iq" => matches!(stanza.attr("type"), Some("get" | "set")),
        // The reflection of the client's own messages.
        "message" => {
            !(stanza.attr("to") == Some(BARE) && stanza.children().any(|child| child.name() == "accept"))
                || !xml.contains("xmlns=\"jabber:client\"") && xml.contains("other")
        }
        _ => false,
    }
}

fn lives(conversation: &Value) -> bool {
    let own = conversation["participants"].as_array().into_iter().flatten().rfind(|p| p["userId"] == USER);
    own.is_some_and(|own| {
        own["calls"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|c| !matches!(c["state"].as_str(), Some("disconnected" | "terminated")))
    })
}

/// What is compared: set-up as a set, control as a list without order, each session's words in order.
#[derive(Debug, Default, PartialEq)]
struct Essence {
    set_up: BTreeSet<String>,
    rest: Vec<String>,
    sessions: BTreeMap<String, Vec<String>>,
    candidates: BTreeSet<String>,
}

fn essence(said: Vec<Said>) -> Essence {
    let mut essence = Essence::default();
    for said in said {
        match said {
            Said::SetUp(text) => drop(essence.set_up.insert(text)),
            Said::Rest(text) => essence.rest.push(text),
            Said::Session(id, text) => essence.sessions.entry(id).or_default().push(text),
            Said::Candidates(id) => drop(essence.candidates.insert(id)),
            Said::Boring => {}
        }
    }
    essence.rest.sort();
    essence
}

fn check(name: &str) -> Replay {
    let (recorded, replay) = Replay::of(name).run();
    let (mut theirs, mut ours) = (essence(recorded), essence(replay.said.clone()));
    // Ours beside: see the table above.
    ours.set_up.retain(|text| !text.starts_with("GET /api/v2/stations?") && text != "GET /api/v2/conversations/calls");
    if name.starts_with("v9") {
        ours.set_up.retain(|text| !text.ends_with(".persistentconnection"));
        ours.rest.retain(|text| !text.ends_with("/metadata"));
    }
    // Pings follow from time, not from what is said.
    for set_up in [&mut theirs.set_up, &mut ours.set_up] {
        set_up.retain(|text| text != "ping");
    }
    let extra: Vec<_> = ours.set_up.difference(&theirs.set_up).cloned().collect();
    let missing: Vec<_> =
        theirs.set_up.difference(&ours.set_up).filter(|text| !text.contains("alertingleader")).collect();
    assert_eq!((extra.len(), missing.len()), (0, 0), "{name}: ours alone {extra:?}, theirs alone {missing:?}");
    assert_eq!(ours.rest, theirs.rest, "{name}");
    assert_eq!(ours.sessions, theirs.sessions, "{name}");
    assert_eq!(ours.candidates, theirs.candidates, "{name}");
    let open = replay.phone.snapshot().calls.len();
    assert!(replay.phone.snapshot().wrap_ups.is_empty() && open <= 2, "{name}");
    replay
}

#[test]
fn connecting_is_what_the_official_client_does() {
    for name in ["v14-initialize", "v14-client-ping", "v14-alerting-leader", "v14-headset-broadcast"] {
        let replay = check(&format!("{name}.jsonl"));
        assert_eq!(replay.phone.snapshot().standing, Standing::Ready, "{name}");
    }
}

#[test]
fn force_turn_follows_from_the_answer() {
    let replay = check("v14-force-turn.jsonl");
    assert!(replay.phone.snapshot().relay_forced);
}

#[test]
fn calls_in_both_ways_of_signalling() {
    for name in ["v14-inbound-call-sdp-over-xmpp", "v14-inbound-call-jingle", "v9.2.4-npm-inbound-call-sdp-over-xmpp"] {
        let replay = check(&format!("{name}.jsonl"));
        assert_eq!(replay.phone.snapshot().recent.len(), 1, "{name}");
    }
}

#[test]
fn outbound_and_persistent_calls() {
    for (name, calls) in [
        ("v14-outbound-call", 1),
        ("v14-persistent-connection", 4),
        ("v14-eager-persistent-connection", 1),
        ("v14-persistent-late-propose", 2),
        ("v14-telemetry", 1),
    ] {
        let replay = check(&format!("{name}.jsonl"));
        assert_eq!(replay.phone.snapshot().recent.len(), calls, "{name}");
    }
}

#[test]
fn several_calls_at_once() {
    check("v14-second-call-one-line-appearance.jsonl");
    check("v14-two-calls-many-line-appearances.jsonl");
}

#[test]
fn calls_that_are_refused_withdrawn_or_taken_elsewhere_and_odd_proposals() {
    let replay = check("v14-reject-retract-other-client.jsonl");
    assert_eq!((replay.phone.snapshot().calls.len(), replay.phone.snapshot().recent.len()), (0, 3));
    check("v14-propose-edge-cases.jsonl");
}

#[test]
fn the_station_comes_and_goes() {
    check("v14-station-events.jsonl");
}

#[test]
fn links_that_are_lost_or_moved() {
    let replay = check("v14-websocket-drop-and-channel-loss.jsonl");
    assert_eq!(replay.phone.snapshot().recent.len(), 1);
    check("v14-server-ping-and-connection-transfer.jsonl");
}

#[test]
fn a_sign_in_that_is_refused_is_not_repeated() {
    for name in ["v14-sasl-failure.jsonl", "v14-rest-401.jsonl"] {
        let (_, mut replay) = Replay::of(name).run();
        let before = replay.said.len();
        replay.advance_to(replay.now + Duration::from_mins(10));
        let Standing::Problem { notice, retry_at: None } = replay.phone.snapshot().standing else { panic!("{name}") };
        assert_eq!((notice.id, replay.said.len()), ("token-refused", before), "{name}");
    }
}

#[test]
fn nothing_is_sent_to_where_telemetry_goes() {
    let (_, replay) = Replay::of("v14-telemetry.jsonl").run();
    let texts: Vec<String> = replay.said.iter().map(|said| format!("{said:?}")).collect();
    assert!(!texts.iter().any(|text| text.contains("diagnostics") || text.contains("statistics")), "{texts:?}");
}
