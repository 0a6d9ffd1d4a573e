//! The whole machine in simulated time, with scripted clients and a media peer that always succeeds.

mod calls;
mod signin;
mod streams;

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::time::{Duration, Instant, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use minidom::Element;
use phone_core::Private;
use phone_core::ids::SessionId;
use phone_core::media::{Codec, DescriptionKind, Dscp, MediaEvent, MediaPath, MediaUp, TurnTransport};
use phone_core::output::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bots::Route;
use crate::machine::{EdgeCommand, Exchange, HttpReply, HttpRequest, Input, Output, RequestId, SocketId, Surroundings};
use crate::users::DOMAIN;
use crate::xml;
use crate::{ExchangeOptions, ExternalTurn, Fault};

const SECOND: Duration = Duration::from_secs(1);
const REDIRECT: &str = "http://127.0.0.1:9/callback";
const EDGE: &str = "edge1@gjoll.127.0.0.1/practice";
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=setup:actpass\r\n\
                     a=rtpmap:111 opus/48000/2\r\n";
const ANSWER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=setup:active\r\na=fingerprint:sha-256 AA\r\na=rtcp-mux\r\n\
                      a=ice-ufrag:u\r\na=ice-pwd:p\r\na=rtpmap:111 opus/48000/2\r\n";

/// What a client does next.
type Reaction = (ClientIx, fn(&mut Sim, ClientIx));
/// Index of a client in [`Sim::clients`].
type ClientIx = usize;

/// One signed-in program of a user.
struct Client {
    token: String,
    user: String,
    bare: String,
    full: String,
    channel: String,
    socket: SocketId,
    /// Everything that came, in short words, until it is asked for.
    log: Vec<String>,
    /// The session of the newest propose or offer.
    sid: String,
    /// The newest own participant, as conversation and participant id.
    leg: (String, String),
    offers: Vec<Value>,
    /// Answers `propose` and `offer` by itself, as a phone with auto-answer does.
    takes: bool,
}

struct Sim {
    now: Instant,
    exchange: Exchange,
    clients: Vec<Client>,
    next: u64,
    replies: Vec<HttpReply>,
    /// What sessions hear now.
    routes: Vec<(SessionId, Route)>,
    edge: Vec<EdgeCommand>,
    /// Media comes up when the answer is there.
    media_works: bool,
    inputs: VecDeque<Input>,
    /// What clients do next, once all outputs are taken.
    reactions: VecDeque<Reaction>,
    reacting: bool,
    closed: Vec<SocketId>,
}

impl Sim {
    fn new(options: ExchangeOptions) -> Self {
        let now = Instant::now();
        let turn = ExternalTurn {
            host: "127.0.0.1".to_owned(),
            port: 3478,
            transport: TurnTransport::Udp,
            username: "u".to_owned(),
            password: "p".to_owned(),
        };
        let around = Surroundings {
            key: [1; 32],
            wall: UNIX_EPOCH + Duration::from_hours(500_000),
            host: "127.0.0.1".to_owned(),
            turn: vec![turn],
            stun: vec![("127.0.0.1".to_owned(), 3478)],
        };
        Self {
            now,
            exchange: Exchange::new(now, options, around),
            clients: Vec::new(),
            next: 0,
            replies: Vec::new(),
            routes: Vec::new(),
            edge: Vec::new(),
            media_works: true,
            inputs: VecDeque::new(),
            reactions: VecDeque::new(),
            reacting: false,
            closed: Vec::new(),
        }
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn input(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            self.exchange.handle(self.now, input);
            while let Some(output) = self.exchange.poll() {
                self.output(output);
            }
        }
        if self.reacting {
            return;
        }
        self.reacting = true;
        for _ in 0..1000 {
            let Some((client, react)) = self.reactions.pop_front() else { break };
            react(self, client);
        }
        assert!(self.reactions.is_empty(), "clients and exchange answer each other for ever");
        self.reacting = false;
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Http { reply, .. } => self.replies.push(reply),
            Output::SocketText { socket, text } => {
                if let Some(client) = self.clients.iter().position(|client| client.socket == socket) {
                    self.told(client, &text);
                }
            }
            Output::CloseSocket { socket } | Output::CutSocket { socket } => {
                self.closed.push(socket);
                if let Some(client) = self.clients.iter_mut().find(|client| client.socket == socket) {
                    client.log.push("closed".to_owned());
                }
            }
            Output::Edge(command) => {
                match &command {
                    EdgeCommand::Offer { session, .. } => {
                        let (session, kind, sdp) = (*session, DescriptionKind::Offer, OFFER.to_owned());
                        self.inputs.push_back(Input::Media(MediaEvent::Description { session, kind, sdp }));
                        let candidate = "candidate:1 1 udp 1 127.0.0.1 4000 typ host".to_owned();
                        let mid = "0".to_owned();
                        self.inputs.push_back(Input::Media(MediaEvent::LocalCandidate { session, mid, candidate }));
                    }
                    EdgeCommand::Answer { session, .. } if self.media_works => {
                        self.inputs.push_back(Input::Media(up(*session)));
                    }
                    EdgeCommand::Route { session, route } => {
                        self.routes.retain(|(id, _)| id != session);
                        self.routes.push((*session, *route));
                    }
                    EdgeCommand::Close { session } => self.routes.retain(|(id, _)| id != session),
                    _ => {}
                }
                self.edge.push(command);
            }
            Output::StopTurn(_) => {}
        }
    }

    /// Lets time pass, stopping at every deadline on the way.
    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        for _ in 0..10_000 {
            let Some(due) = self.exchange.deadline().filter(|due| *due <= end) else { break };
            assert!(due >= self.now || self.exchange.deadline().is_some(), "a deadline may be due, never lost");
            self.now = self.now.max(due);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// Like [`advance`](Self::advance), with every client pinging as it must.
    fn live(&mut self, by: Duration) {
        let end = self.now + by;
        while self.now < end {
            let step = (end - self.now).min(14 * SECOND);
            self.advance(step);
            for client in 0..self.clients.len() {
                self.say(client, "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
            }
        }
        for client in &mut self.clients {
            client.log.retain(|line| line != "result p");
        }
    }

    fn request(&mut self, method: Method, path: &str, token: Option<&str>, body: &str) -> HttpReply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let http = HttpRequest {
            method,
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            bearer: token.map(Private::from),
            authorization: token.is_some(),
            body: body.as_bytes().to_vec(),
        };
        let request = RequestId(self.id());
        self.input(Input::Http { request, http });
        self.replies.pop().expect("every request is answered at once")
    }

    fn rest(&mut self, client: ClientIx, method: Method, path: &str, body: impl Borrow<Value>) -> (u16, Value) {
        let token = self.clients[client].token.clone();
        let body = body.borrow();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = self.request(method, path, Some(&token), &body);
        (reply.status, serde_json::from_str(&reply.body).unwrap_or_default())
    }

    /// OAuth code grant with PKCE; gives the token.
    fn sign_in(&mut self, login: &str) -> String {
        let verifier = "v".repeat(43);
        let reply = self.request(Method::Get, &authorize(login, &verifier), None, "");
        assert_eq!(reply.status, 302);
        let code = query_of(&reply.location.unwrap(), "code").expect("a code is granted");
        let reply = self.request(Method::Post, "/oauth/token", None, &token_form(&code, &verifier));
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A client that is signed in, connected and subscribed.
    fn client(&mut self, login: &str) -> ClientIx {
        let token = self.sign_in(login);
        let me: Value =
            serde_json::from_str(&self.request(Method::Get, "/api/v2/users/me?expand=station", Some(&token), "").body)
                .unwrap();
        let reply =
            self.request(Method::Post, "/api/v2/notifications/channels?connectionType=streaming", Some(&token), "");
        let channel: Value = serde_json::from_str(&reply.body).unwrap();
        let bare = me["chat"]["jabberId"].as_str().unwrap().to_owned();
        let number = self.id();
        self.clients.push(Client {
            token,
            user: me["id"].as_str().unwrap().to_owned(),
            full: format!("{bare}/r{number}"),
            bare,
            channel: channel["id"].as_str().unwrap().to_owned(),
            socket: SocketId(0),
            log: Vec::new(),
            sid: String::new(),
            leg: (String::new(), String::new()),
            offers: Vec::new(),
            takes: true,
        });
        let client = self.clients.len() - 1;
        self.connect(client);
        for topic in ["conversations", "station", "persistentconnection"] {
            self.subscribe(client, topic);
        }
        self.clients[client].log.clear();
        client
    }

    /// Opens a WebSocket on the client's channel and binds its resource.
    fn connect(&mut self, client: ClientIx) {
        let socket = SocketId(self.id());
        self.clients[client].socket = socket;
        let channel = self.clients[client].channel.clone();
        assert_eq!(self.exchange.refuses_channel(&channel), None);
        self.input(Input::SocketOpened { socket, channel });
        let open = format!("<open xmlns='{}' to='{DOMAIN}' version='1.0'/>", xml::FRAMING);
        let secret = format!("\0{}\0authKey:{}", self.clients[client].bare, self.clients[client].token);
        let auth = format!("<auth xmlns='{}' mechanism='PLAIN'>{}</auth>", xml::SASL, STANDARD.encode(secret));
        let resource = self.clients[client].full.rsplit('/').next().unwrap().to_owned();
        let bind = format!(
            "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='{}'><resource>{resource}</resource></bind></iq>",
            xml::BIND
        );
        for text in [open.clone(), auth, open, bind] {
            self.say(client, &text);
        }
    }

    fn subscribe(&mut self, client: ClientIx, topic: &str) {
        let (user, bare) = (self.clients[client].user.clone(), self.clients[client].bare.clone());
        self.say(
            client,
            &format!(
                "<iq xmlns='jabber:client' type='set' to='notifications.x' id='s'><pubsub xmlns='{}'>\
                 <subscribe node='v2.users.{user}.{topic}' jid='{bare}'/></pubsub></iq>",
                xml::PUBSUB
            ),
        );
    }

    fn say(&mut self, client: ClientIx, text: &str) {
        let socket = self.clients[client].socket;
        self.input(Input::SocketText { socket, text: text.to_owned() });
    }

    fn rpc(&mut self, client: ClientIx, method: &str, params: impl Borrow<Value>) {
        let from = self.clients[client].full.clone();
        let json = json!({ "jsonrpc": "2.0", "id": "1", "method": method, "params": params.borrow() }).to_string();
        let json = xml::escape(&json);
        self.say(
            client,
            &format!(
                "<iq xmlns='jabber:client' type='set' id='r' from='{from}' to='{EDGE}'>\
                 <genesys-webrtc xmlns='genesys'>{json}</genesys-webrtc></iq>"
            ),
        );
    }

    fn session_message(&mut self, client: ClientIx, name: &str, to: &str, sid: &str) {
        self.say(
            client,
            &format!(
                "<message xmlns='jabber:client' to='{to}'><{name} xmlns='{}' id='{sid}'/></message>",
                xml::JINGLE_MESSAGE
            ),
        );
    }

    fn proceed(&mut self, client: ClientIx) {
        let sid = self.clients[client].sid.clone();
        self.session_message(client, "proceed", EDGE, &sid);
    }

    fn answer(&mut self, client: ClientIx) {
        let (sid, bare) = (self.clients[client].sid.clone(), self.clients[client].bare.clone());
        self.session_message(client, "accept", &bare, &sid);
        self.rpc(client, "answer", json!({ "sessionId": sid, "sdp": ANSWER }));
    }

    /// Notes what a client was told, and answers as a phone does.
    fn told(&mut self, client: ClientIx, text: &str) {
        let element = xml::parse(text).expect("the exchange sends well-formed XML");
        let word = self.describe(client, &element);
        if let Some(word) = word {
            self.clients[client].log.push(word.clone());
            if !self.clients[client].takes {
                return;
            }
            if word == "propose auto" || word == "propose eager" {
                self.reactions.push_back((client, Self::proceed));
            } else if word.starts_with("offer") {
                self.reactions.push_back((client, Self::answer));
            }
        }
    }

    fn describe(&mut self, client: ClientIx, element: &Element) -> Option<String> {
        let state = &mut self.clients[client];
        match element.name() {
            "iq" if element.attr("type") == Some("set") => {
                let Some(rpc) = element.get_child("genesys-webrtc", xml::GENESYS) else {
                    return Some("iq set".to_owned());
                };
                let rpc: Value = serde_json::from_str(&rpc.text()).unwrap();
                let params = &rpc["params"];
                Some(match rpc["method"].as_str().unwrap() {
                    "offer" => {
                        params["sessionId"].as_str().unwrap().clone_into(&mut state.sid);
                        state.offers.push(rpc.clone());
                        if params["reinvite"] == true { "offer again".to_owned() } else { "offer".to_owned() }
                    }
                    "terminate" => format!("terminate {}", params["reason"].as_str().unwrap()),
                    method => method.to_owned(),
                })
            }
            "iq" if element.attr("type") == Some("get") => Some("server ping".to_owned()),
            "iq" => {
                let id = element.attr("id").unwrap_or_default();
                // Results of what every test sends are noise.
                (!matches!(id, "r" | "s" | "b")).then(|| format!("{} {id}", element.attr("type").unwrap()))
            }
            "message" => {
                if let Some(event) = element.children().find(|child| child.name() == "event") {
                    let items = event.children().next().unwrap();
                    let node = items.attr("node").unwrap().to_owned();
                    let text = items.children().next().unwrap().children().next().unwrap().text();
                    let json: Value = serde_json::from_str(&text).unwrap();
                    return Some(state.event(&node, &json));
                }
                let child = element.children().next().unwrap();
                let id = child.attr("id").unwrap_or_default();
                Some(match child.name() {
                    "propose" => {
                        id.clone_into(&mut state.sid);
                        match (child.attr("inin-autoanswer"), child.attr("inin-priv-answer-mode")) {
                            (_, Some("Auto")) => "propose eager".to_owned(),
                            (Some("true"), _) => "propose auto".to_owned(),
                            _ => "propose".to_owned(),
                        }
                    }
                    name => name.to_owned(),
                })
            }
            _ => None,
        }
    }

    /// What was told since the last time.
    fn log(&mut self, client: ClientIx) -> Vec<String> {
        std::mem::take(&mut self.clients[client].log)
    }

    fn dial(&mut self, client: ClientIx, to: &str) -> u16 {
        self.rest(client, Method::Post, "/api/v2/conversations/calls", json!({ "phoneNumber": to })).0
    }

    fn patch(&mut self, client: ClientIx, body: Value) -> u16 {
        let (conversation, participant) = self.clients[client].leg.clone();
        let path = format!("/api/v2/conversations/calls/{conversation}/participants/{participant}");
        self.rest(client, Method::Patch, &path, body).0
    }

    /// What the only session of a lone client hears.
    fn route(&self) -> Option<Route> {
        self.routes.last().map(|(_, route)| *route)
    }

    fn assert_no_violations(&self) {
        assert_eq!(self.exchange.violations(), Vec::<String>::new());
    }
}

impl Client {
    fn event(&mut self, node: &str, json: &Value) -> String {
        let body = &json["eventBody"];
        let topic = node.rsplit('.').next().unwrap();
        match topic {
            "conversations" => {
                let participants = body["participants"].as_array().unwrap();
                let own = participants.iter().find(|p| p["userId"] == self.user.as_str()).unwrap();
                self.leg = (body["id"].as_str().unwrap().to_owned(), own["id"].as_str().unwrap().to_owned());
                let call = &own["calls"][0];
                let mut words = call["state"].as_str().unwrap().to_owned();
                for flag in ["held", "muted"] {
                    if call[flag] == true {
                        words = format!("{words} {flag}");
                    }
                }
                if words == "disconnected" {
                    words = format!("{words} {}", call["disconnectType"].as_str().unwrap());
                    if let Some(code) = call["disconnectReasons"][0]["code"].as_u64() {
                        words = format!("{words} {code}");
                    }
                }
                words
            }
            "persistentconnection" => body["persistentState"].as_str().unwrap().to_owned(),
            "station" => json["metadata"]["action"].as_str().unwrap().to_owned(),
            _ => node.to_owned(),
        }
    }
}

fn up(session: SessionId) -> MediaEvent {
    let facts = MediaUp {
        ice_ms: 1.0,
        dtls_ms: 1.0,
        path: MediaPath::Direct,
        relay: None,
        codec: Codec::Opus,
        security: "dtls-srtp".to_owned(),
        dscp: Dscp { configured: 46, effective: None },
    };
    MediaEvent::Up { session, facts: Box::new(facts) }
}

fn authorize(login: &str, verifier: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    format!(
        "/oauth/authorize?response_type=code&client_id=offhook&redirect_uri={REDIRECT}&code_challenge={challenge}\
         &code_challenge_method=S256&state=s1&login_hint={login}"
    )
}

fn token_form(code: &str, verifier: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("code_verifier", verifier)
        .append_pair("client_id", "offhook")
        .append_pair("redirect_uri", REDIRECT)
        .finish()
}

fn query_of(location: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
