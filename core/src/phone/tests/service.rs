//! A scripted service: it answers sign-in and control as the real one does, says what a test tells it to say, checks
//! what it receives, and can refuse, stall and fall silent.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use serde_json::{Value, json};

use crate::input::{HttpError, HttpResponse};
use crate::output::{HttpBody, HttpRequest, Method};

pub const USER: &str = "U1";
const BARE: &str = "0123456789abcdef01234567@org1.orgspan.com";
const EDGE: &str = "edge1@gjoll.test/r";

/// What a message from the phone was, in a word or two for the transcript; and what the service says to it.
#[derive(Debug, Default)]
pub struct Said {
    pub note: Option<String>,
    pub replies: Vec<String>,
}

#[expect(clippy::struct_excessive_bools, reason = "independent faults")]
#[derive(Debug)]
pub struct Service {
    token: u32,
    pub token_good: bool,
    pub persistent: bool,
    pub force_turn: bool,
    /// Gives refresh tokens.
    pub refreshes: bool,
    /// Seconds a token is good for.
    pub token_life: u64,
    /// What the browser has to bring back.
    pub browser_state: String,
    /// Phones of this user as administration tells; `None`: that is not for this user.
    pub admin_phones: Option<Value>,
    /// Of a station that is not this user's.
    pub station_user: &'static str,
    /// Participants beside the two of every conversation.
    pub more: Vec<Value>,
    /// Facts of the user's own participant.
    pub own: Value,
    pub last_station: bool,
    /// Pings that came from the phone.
    pub pings: u32,
    pub appearances: u32,
    pub stun: bool,
    pub stations: usize,
    /// Status for paths that contain this text.
    pub refuse: BTreeMap<&'static str, u16>,
    /// Body in place of the right one for paths that contain this text.
    pub garbage: BTreeMap<&'static str, &'static str>,
    /// No answer at all, to HTTP and on the stream.
    pub silent: bool,
    pub sasl_refused: Option<&'static str>,
    pub no_services: bool,
    /// Calls that `GET conversations/calls` tells of.
    pub living: BTreeMap<String, Value>,
    channels: u32,
    challenge: String,
    state: String,
    opened: u32,
    full: String,
    resource: Option<String>,
    iq_ids: BTreeSet<String>,
    accepted: BTreeSet<String>,
    offered: BTreeSet<String>,
    serial: u32,
}

impl Service {
    pub fn new() -> Self {
        Self {
            token: 0,
            token_good: true,
            persistent: false,
            force_turn: false,
            refreshes: false,
            token_life: 86_400,
            browser_state: String::new(),
            admin_phones: None,
            station_user: USER,
            more: Vec::new(),
            own: Value::Null,
            last_station: false,
            pings: 0,
            appearances: 1,
            stun: true,
            stations: 1,
            refuse: BTreeMap::new(),
            garbage: BTreeMap::new(),
            silent: false,
            sasl_refused: None,
            no_services: false,
            living: BTreeMap::new(),
            channels: 0,
            challenge: String::new(),
            state: String::new(),
            opened: 0,
            full: String::new(),
            resource: None,
            iq_ids: BTreeSet::new(),
            accepted: BTreeSet::new(),
            offered: BTreeSet::new(),
            serial: 0,
        }
    }

    /// The same service with something set.
    pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }

    fn current_token(&self) -> String {
        format!("TOKEN-{}", self.token)
    }

    /// Every token so far is refused from now on.
    pub fn expire_tokens(&mut self) {
        self.token += 100;
    }

    pub fn http(&mut self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        if self.silent {
            let error = HttpError::Silent { host: "service.test".into(), seconds: request.limit_s };
            return Err(error);
        }
        let path = request.url.strip_prefix("http://service.test:1").expect("one origin").to_owned();
        let reply = |status: u16, body: &Value| HttpResponse {
            status,
            retry_after_s: None,
            location: None,
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        if let Some((_, status)) = self.refuse.iter().find(|(text, _)| path.contains(**text)) {
            return Ok(reply(*status, &json!({"message": "Not today.", "code": "refused"})));
        }
        if let Some((_, body)) = self.garbage.iter().find(|(text, _)| path.contains(**text)) {
            return Ok(HttpResponse { body: body.as_bytes().to_vec(), ..reply(200, &Value::Null) });
        }
        if path.starts_with("/oauth/authorize") {
            return Ok(self.authorize(&path));
        }
        if path == "/oauth/token" {
            return Ok(self.grant(request));
        }
        let bearer = request.bearer.as_ref().map(|token| token.reveal().clone()).unwrap_or_default();
        if bearer != self.current_token() || !self.token_good {
            return Ok(reply(401, &json!({"code": "bad.credentials", "message": "Invalid login credentials."})));
        }
        let body = match path.as_str() {
            "/api/v2/organizations/me" => json!({"id": "O", "name": "Test Org"}),
            "/api/v2/users/me?expand=station" => {
                let station = (self.stations == 1).then(|| json!({"id": "ST1"}));
                let last = self.last_station.then(|| json!({"id": "ST9"}));
                json!({"id": USER, "name": "Ana", "chat": {"jabberId": BARE},
                    "station": {"effectiveStation": station, "lastAssociatedStation": last}})
            }
            "/api/v2/notifications/channels?connectionType=streaming" => {
                self.channels += 1;
                json!({"id": format!("channel-{}", self.channels)})
            }
            path if path.starts_with("/api/v2/stations?") => {
                json!({"entities": (1..=self.stations).map(|n| self.station(n)).collect::<Vec<_>>()})
            }
            path if path.starts_with("/api/v2/stations/") => self.station(1),
            "/api/v2/conversations/calls" if request.method == Method::Post => json!({"id": "C-dialled"}),
            "/api/v2/conversations/calls" => {
                json!({"entities": self.living.values().cloned().collect::<Vec<_>>()})
            }
            path if path.starts_with("/api/v2/telephony/providers/edges/phones?") => match &self.admin_phones {
                Some(phones) => phones.clone(),
                None => return Ok(reply(403, &json!({"message": "Missing permission telephony:plugin:all"}))),
            },
            path if path.ends_with("/consult") && request.method == Method::Post => {
                json!({"destinationParticipantId": "T1"})
            }
            path if path.ends_with("/wrapupcodes") => {
                json!([{"id": "W1", "name": "Sale"}, {"id": "W2", "name": "No sale."}])
            }
            path if path.contains("/subscriptions") => json!({"entities": []}),
            path if path.starts_with("/api/v2/conversations/") && request.method == Method::Get => {
                let id = path.trim_start_matches("/api/v2/conversations/");
                self.living.get(id).cloned().unwrap_or(Value::Null)
            }
            _ => Value::Null,
        };
        let status = if request.method == Method::Get { 200 } else { 202 };
        Ok(reply(status, &body))
    }

    fn station(&self, number: usize) -> Value {
        let user = self.station_user;
        json!({"id": format!("ST{number}"), "name": format!("Phone {number}"), "status": "ASSOCIATED", "userId": user,
            "webRtcUserId": user, "type": "inin_webrtc_softphone", "webRtcPersistentEnabled": self.persistent,
            "webRtcForceTurn": self.force_turn,
            "webRtcCallAppearances": self.appearances, "webRtcMediaDscp": 34})
    }

    fn authorize(&mut self, path: &str) -> HttpResponse {
        let url = url::Url::parse(&format!("http://x{path}")).expect("a url");
        let field = |name: &str| {
            url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        assert_eq!((field("response_type"), field("code_challenge_method")), ("code".into(), "S256".into()));
        assert_eq!(field("login_hint"), "ana");
        self.challenge = field("code_challenge");
        if self.state != "forge" {
            self.state = field("state");
        }
        let location = format!("{}?code=CODE&state={}", field("redirect_uri"), self.state);
        HttpResponse { status: 302, retry_after_s: None, location: Some(location), body: Vec::new() }
    }

    /// The user signed in on this page: the query that the browser comes back with.
    pub fn page(&mut self, url: &str) -> String {
        let url = url::Url::parse(url).expect("a url");
        let field = |name: &str| {
            url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        assert_eq!((field("client_id").as_str(), field("code_challenge_method").as_str()), ("client-1", "S256"));
        assert_eq!(field("redirect_uri"), "http://127.0.0.1:21451/callback");
        assert_eq!(field("state"), self.browser_state);
        self.challenge = field("code_challenge");
        format!("code=CODE&state={}", self.browser_state)
    }

    pub fn forge_state(&mut self) {
        self.state = "forge".into();
    }

    fn grant(&mut self, request: &HttpRequest) -> HttpResponse {
        let HttpBody::Form(form) = &request.body else { panic!("the token request is a form") };
        let form: BTreeMap<_, _> = form.iter().map(|(key, value)| (*key, value.reveal().as_str())).collect();
        assert!(request.bearer.is_none(), "a public client has no credentials");
        if form["grant_type"] == "refresh_token" {
            assert_eq!(form["refresh_token"], format!("REFRESH-{}", self.token));
        } else {
            assert_eq!((form["grant_type"], form["code"]), ("authorization_code", "CODE"));
            assert_eq!(crate::entropy::pkce_challenge(form["code_verifier"]), self.challenge);
        }
        self.token += 1;
        let refresh = self.refreshes.then(|| format!("REFRESH-{}", self.token));
        let body = json!({"access_token": self.current_token(), "token_type": "bearer", "expires_in": self.token_life,
            "refresh_token": refresh});
        HttpResponse { status: 200, retry_after_s: None, location: None, body: body.to_string().into_bytes() }
    }

    /// Each sign-in is a client of its own.
    pub fn new_client(&mut self) {
        self.resource = None;
    }

    /// A new WebSocket: the stream begins anew.
    pub fn opened(&mut self) {
        self.opened = 0;
        self.iq_ids.clear();
    }

    /// One message from the phone.
    pub fn received(&mut self, text: &str) -> Said {
        let mut said = self.read(text);
        if self.silent {
            said.replies.clear();
        }
        said
    }

    fn read(&mut self, text: &str) -> Said {
        let element =
            Element::from_reader_with_prefixes(text.as_bytes(), "none".to_owned()).expect("well-formed from us");
        assert_ne!(element.ns(), "none", "every message says its namespace: {text}");
        match element.name() {
            "open" => {
                assert_eq!(element.attr("to"), Some("org1.orgspan.com"));
                self.opened += 1;
                let features = if self.opened == 1 {
                    r#"<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms>"#
                } else {
                    r#"<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>"#
                };
                let open = r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" id="s1" version="1.0"/>"#.to_owned();
                let features = format!(
                    r#"<stream:features xmlns:stream="http://etherx.jabber.org/streams">{features}</stream:features>"#
                );
                Said { note: None, replies: vec![open, features] }
            }
            "auth" => {
                let plain = String::from_utf8(STANDARD.decode(element.text()).expect("base64")).expect("text");
                let good = plain == format!("\0{BARE}\0authKey:{}", self.current_token()) && self.token_good;
                let reply = match self.sasl_refused {
                    Some(condition) => {
                        format!(r#"<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><{condition}/></failure>"#)
                    }
                    None if good => r#"<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>"#.into(),
                    None => r#"<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure>"#.into(),
                };
                Said { note: None, replies: vec![reply] }
            }
            "close" => Said { note: Some("send close".into()), replies: vec![] },
            "message" => self.message(&element),
            "iq" => self.iq(&element),
            other => panic!("{other} is no stanza"),
        }
    }

    fn message(&mut self, element: &Element) -> Said {
        let to = element.attr("to").expect("to");
        let child = element.children().next().expect("a payload");
        let id = child.attr("id").expect("id").to_owned();
        let mut replies = Vec::new();
        match child.name() {
            "proceed" => assert_eq!(to, EDGE),
            "accept" => {
                assert_eq!(to, BARE);
                assert!(self.offered.contains(&id), "accept follows the offer");
                self.accepted.insert(id.clone());
                // Messages to the bare address come back to every client, the sender too.
                replies.push(format!(
                    r#"<message from="{}" to="{BARE}"><accept xmlns="urn:xmpp:jingle-message:0" id="{id}"/></message>"#,
                    self.full
                ));
            }
            other => panic!("the phone sends no {other}"),
        }
        Said { note: Some(format!("send {} {id}", child.name())), replies }
    }

    fn iq(&mut self, element: &Element) -> Said {
        let id = element.attr("id").expect("id").to_owned();
        let kind = element.attr("type").expect("type");
        if matches!(kind, "result" | "error") {
            return Said::default();
        }
        assert!(self.iq_ids.insert(id.clone()), "an id is used once");
        let child = element.children().next().expect("a payload");
        let result = |body: &str| format!(r#"<iq type="result" id="{id}">{body}</iq>"#);
        match child.name() {
            "bind" => {
                let resource = child.children().next().expect("resource").text();
                let kept = self.resource.get_or_insert_with(|| resource.clone());
                assert_eq!(*kept, resource, "the resource stays over reconnects");
                self.full = format!("{BARE}/{resource}");
                let body = format!(r#"<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>{}</jid></bind>"#, self.full);
                Said { note: None, replies: vec![result(&body)] }
            }
            "services" if self.no_services => Said::default(),
            "services" => {
                let service = match child.attr("type") {
                    Some("turn") => {
                        r#"<service type="turn" host="turn.test" port="3478" transport="udp" username="u" password="p"/>"#
                    }
                    _ if self.stun => r#"<service type="stun" host="stun.test" port="3478"/>"#,
                    _ => "",
                };
                let body = format!(r#"<services xmlns="urn:xmpp:extdisco:1">{service}</services>"#);
                Said { note: None, replies: vec![result(&body)] }
            }
            "ping" => {
                self.pings += 1;
                Said { note: None, replies: vec![result("")] }
            }
            "pubsub" => {
                assert_eq!(element.attr("to"), Some("notifications.service.test:1"));
                Said { note: None, replies: vec![result("")] }
            }
            "genesys-webrtc" => {
                assert_eq!((element.attr("to"), element.attr("from")), (Some(EDGE), Some(self.full.as_str())));
                let call: Value = serde_json::from_str(&child.text()).expect("json");
                let session = call["params"]["sessionId"].as_str().expect("session").to_owned();
                let method = call["method"].as_str().expect("method");
                if method == "answer" {
                    assert!(self.accepted.contains(&session), "accept comes before the answer");
                }
                let detail = call["params"]["reason"].as_str().or(call["params"]["status"].as_str()).unwrap_or("");
                let note = format!("send {method} {session} {detail}").trim_end().to_owned();
                Said { note: Some(note), replies: vec![result("")] }
            }
            other => panic!("the phone asks for no {other}"),
        }
    }

    // What tests let the service say.

    pub fn propose(&self, id: &str, conversation: &str, extra: &str) -> String {
        format!(
            r#"<message from="{EDGE}" to="{}"><propose xmlns="urn:xmpp:jingle-message:0" id="{id}" inin-cid="{conversation}" inin-sdp-over-xmpp="true" {extra}/></message>"#,
            self.full
        )
    }

    pub fn retract(&self, id: &str) -> String {
        let to = &self.full;
        format!(r#"<message from="{EDGE}" to="{to}"><retract xmlns="urn:xmpp:jingle-message:0" id="{id}"/></message>"#)
    }

    pub fn accept_by_other(id: &str) -> String {
        format!(
            r#"<message from="{BARE}/browser" to="{BARE}"><accept xmlns="urn:xmpp:jingle-message:0" id="{id}"/></message>"#
        )
    }

    pub fn offer(&mut self, id: &str, conversation: &str, ice: &str, reinvite: bool) -> String {
        self.offered.insert(id.to_owned());
        let sdp = format!("v=0\r\na=ice-ufrag:{ice}\r\na=ice-pwd:{ice}\r\n");
        self.rpc("offer", &json!({"sessionId": id, "conversationId": conversation, "sdp": sdp, "reinvite": reinvite}))
    }

    pub fn terminate(&mut self, id: &str, reason: &str) -> String {
        self.rpc("terminate", &json!({"sessionId": id, "reason": reason}))
    }

    pub fn candidate(&mut self, id: &str) -> String {
        let sdp = "m=0 9 RTP/AVP 0\r\na=candidate:1 1 udp 2 192.0.2.1 5000 typ host\r\n";
        self.rpc("iceCandidate", &json!({"sessionId": id, "sdp": sdp}))
    }

    fn rpc(&mut self, method: &str, params: &Value) -> String {
        self.serial += 1;
        let json = json!({"jsonrpc": "2.0", "id": format!("rpc-{}", self.serial), "method": method, "params": params});
        let text = json.to_string().replace('&', "&amp;").replace('<', "&lt;");
        format!(
            r#"<iq type="set" id="edge-{}" from="{EDGE}" to="{}"><genesys-webrtc xmlns="genesys">{text}</genesys-webrtc></iq>"#,
            self.serial, self.full
        )
    }

    /// A conversation with the user's leg in this state. `extra` goes into the user's call.
    pub fn event(&mut self, id: &str, state: &str, direction: &str, extra: &Value) -> String {
        let mut own = json!({"id": format!("K-{id}"), "state": state, "direction": direction, "held": false,
            "muted": false});
        for (key, value) in extra.as_object().into_iter().flatten() {
            own[key] = value.clone();
        }
        let mut mine = json!({"id": format!("P-{id}"), "purpose": "agent", "userId": USER, "calls": [own]});
        for (key, value) in self.own.as_object().into_iter().flatten() {
            mine[key] = value.clone();
        }
        let mut participants = vec![
            json!({"id": format!("X-{id}"), "purpose": "external", "name": "Ben", "address": "tel:+13175550100",
                "calls": [{"id": "far", "state": "connected", "direction": direction}]}),
            mine,
        ];
        participants.extend(self.more.iter().cloned());
        let body = json!({"id": id, "participants": participants});
        if matches!(state, "disconnected" | "terminated") {
            self.living.remove(id);
        } else {
            self.living.insert(id.to_owned(), body.clone());
        }
        self.notification("conversations", &body)
    }

    /// The phone's full JID.
    pub fn full(&self) -> &str {
        &self.full
    }

    pub fn notification(&self, topic: &str, body: &Value) -> String {
        let json = json!({"topicName": topic, "eventBody": body, "metadata": {}}).to_string();
        let json = json.replace('&', "&amp;").replace('<', "&lt;");
        format!(
            r#"<message from="notifications.test" to="{}"><event xmlns="http://jabber.org/protocol/pubsub#event"><items node="v2.users.{USER}.{topic}"><item id="1"><json xmlns="urn:xmpp:json:0">{json}</json></item></items></event></message>"#,
            self.full
        )
    }
}
