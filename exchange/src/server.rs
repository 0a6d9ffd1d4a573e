//! The shell: HTTP and WebSockets around the machine, the media thread and the TURN thread beside it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method as HttpMethod, StatusCode};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt as _;
use phone_core::Private;
use phone_core::output::Method;
use tokio::sync::{mpsc, oneshot};

use crate::machine::{Exchange, HttpReply, HttpRequest, Input, Output, RequestId, SocketId, Surroundings};
use crate::media_thread::{self, MediaLink};
use crate::turn::{self, TurnError, TurnLink};
use crate::xml::LONGEST;
use crate::{ExchangeError, ExchangeOptions, ExternalTurn, Fault, TurnChoice};

const TURN_USER: &str = "practice";
/// Longest REST body taken, in bytes.
const LONGEST_BODY: usize = 64 * 1024;
/// Inputs on their way to the machine. Full-policy: whoever sends waits, faults excepted.
const MOST_EVENTS: usize = 1024;
/// Texts on their way to one WebSocket. Full-policy: the WebSocket is cut, since its client does not read.
const MOST_TEXTS: usize = 512;

/// What reaches the machine from outside.
pub enum Event {
    Input(Input),
    Request {
        http: HttpRequest,
        answer: oneshot::Sender<HttpReply>,
    },
    /// May this channel be opened?
    Upgrade {
        channel: String,
        answer: oneshot::Sender<Option<u16>>,
    },
    Socket {
        channel: String,
        texts: mpsc::Sender<ToSocket>,
        id: oneshot::Sender<SocketId>,
    },
}

/// What one WebSocket is told.
pub enum ToSocket {
    Text(String),
    Close,
    Cut,
}

/// Everything that stops when it is dropped.
pub struct Server {
    pub origin: String,
    events: mpsc::Sender<Event>,
    violations: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn start(options: ExchangeOptions) -> Result<Self, ExchangeError> {
        let listen = |source| ExchangeError::Listen { address: options.listen, source };
        let listener = std::net::TcpListener::bind(options.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let host = reachable_host(address);
        let origin = format!("http://{}", SocketAddr::new(host, address.port()));

        // It answers STUN in every case: clients take an empty STUN list for "relays only".
        let password = secret()?;
        let embedded = turn::start(host, TURN_USER, &password).map_err(|source| match source {
            TurnError::Listen(source) => ExchangeError::Listen { address: SocketAddr::new(host, 0), source },
            TurnError::Thread(source) => ExchangeError::Thread(source),
        })?;
        let stun = vec![(host.to_string(), embedded.udp.port())];
        let turn = match &options.turn {
            TurnChoice::None => Vec::new(),
            TurnChoice::External(list) => list.clone(),
            TurnChoice::Embedded => told_turn(&embedded, &password),
        };
        let around = Surroundings { key: key()?, wall: SystemTime::now(), host: host.to_string(), turn, stun };

        let (events, inbox) = mpsc::channel(MOST_EVENTS);
        let report = {
            let events = events.clone();
            // The media thread is no async context, so it may wait for room.
            move |event| drop(events.blocking_send(Event::Input(Input::Media(event))))
        };
        let addresses = media_addresses(host, &options);
        let (media, media_thread) = media_thread::start(addresses, report).map_err(ExchangeError::Thread)?;

        let violations = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let driver = Driver {
            exchange: Exchange::new(Instant::now(), options, around),
            media,
            turn: embedded,
            inbox,
            answers: BTreeMap::new(),
            sockets: BTreeMap::new(),
            last_id: 0,
            violations: Arc::clone(&violations),
            told: 0,
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ExchangeError::Thread)?;
        let gate = Gate { events: events.clone() };
        let server = std::thread::Builder::new()
            .name("exchange".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, gate, driver, stopped));
                // Connections that linger end here.
                runtime.shutdown_timeout(Duration::from_millis(100));
            })
            .map_err(ExchangeError::Thread)?;
        tracing::info!(origin, "the practice exchange is open");
        Ok(Self { origin, events, violations, stop: Some(stop), threads: vec![server, media_thread] })
    }

    pub fn inject(&self, fault: Fault) {
        if self.events.try_send(Event::Input(Input::Fault(fault))).is_err() {
            tracing::error!("the exchange is too busy for a fault");
        }
    }

    pub fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            stop.send(()).ok();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the exchange panicked");
            }
        }
    }
}

async fn serve(listener: std::net::TcpListener, gate: Gate, driver: Driver, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the exchange cannot listen");
            return;
        }
    };
    // Answers are small and wanted at once.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays slow");
        }
    });
    let router = Router::new().route("/stream/channels/{channel}", any(socket)).fallback(rest).with_state(gate);
    tokio::select! {
        result = axum::serve(listener, router).into_future() => {
            if let Err(error) = result {
                tracing::error!(%error, "the exchange stopped listening");
            }
        }
        () = driver.run() => {}
        _ = stopped => {}
    }
}

/// What the handlers hold.
#[derive(Clone)]
struct Gate {
    events: mpsc::Sender<Event>,
}

async fn rest(State(gate): State<Gate>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method == HttpMethod::OPTIONS {
        return with_cors(empty(StatusCode::NO_CONTENT), &parts.headers);
    }
    let method = match parts.method {
        HttpMethod::GET | HttpMethod::HEAD => Method::Get,
        HttpMethod::POST => Method::Post,
        HttpMethod::PUT => Method::Put,
        HttpMethod::PATCH => Method::Patch,
        HttpMethod::DELETE => Method::Delete,
        _ => return empty(StatusCode::METHOD_NOT_ALLOWED),
    };
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else { return empty(StatusCode::PAYLOAD_TOO_LARGE) };
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| Private::new(token.trim().to_owned()));
    let query = parts.uri.query().unwrap_or_default();
    let http = HttpRequest {
        method,
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        bearer,
        authorization: parts.headers.contains_key(header::AUTHORIZATION),
        body: body.to_vec(),
    };
    let (answer, reply) = oneshot::channel();
    if gate.events.send(Event::Request { http, answer }).await.is_err() {
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    }
    match reply.await {
        Ok(reply) => with_cors(response(reply), &parts.headers),
        Err(_) => empty(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn response(reply: HttpReply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(location) = reply.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(seconds) = reply.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The vendor's own client runs in a browser page of another origin.
fn with_cors(mut response: Response, request: &HeaderMap) -> Response {
    let origin = request.get(header::ORIGIN).cloned().unwrap_or(HeaderValue::from_static("*"));
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "authorization, content-type, inin-client-version, genesys-app, purecloud-sdk, x-requested-with",
        ),
    );
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("inin-correlation-id, retry-after"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    response
}

async fn socket(State(gate): State<Gate>, Path(channel): Path<String>, upgrade: WebSocketUpgrade) -> Response {
    let (answer, refused) = oneshot::channel();
    let asked = gate.events.send(Event::Upgrade { channel: channel.clone(), answer }).await.is_ok();
    match (asked, refused.await) {
        (true, Ok(None)) => {}
        (true, Ok(Some(status))) => return empty(StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND)),
        _ => return empty(StatusCode::SERVICE_UNAVAILABLE),
    }
    upgrade
        .protocols(["xmpp"])
        .max_message_size(LONGEST)
        .max_frame_size(LONGEST)
        .on_upgrade(move |socket| carry(gate, channel, socket))
}

/// Carries texts between one WebSocket and the machine until either ends it.
async fn carry(gate: Gate, channel: String, mut socket: WebSocket) {
    let (texts, mut inbox) = mpsc::channel(MOST_TEXTS);
    let (id, given) = oneshot::channel();
    if gate.events.send(Event::Socket { channel, texts, id }).await.is_err() {
        return;
    }
    let Ok(id) = given.await else { return };
    loop {
        tokio::select! {
            told = inbox.recv() => match told {
                Some(ToSocket::Text(text)) => {
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        break;
                    }
                }
                Some(ToSocket::Close) => {
                    // It may be gone already.
                    drop(socket.send(Message::Close(None)).await);
                    break;
                }
                Some(ToSocket::Cut) | None => break,
            },
            received = socket.recv() => {
                let input = match received {
                    Some(Ok(Message::Text(text))) => Input::SocketText { socket: id, text: text.to_string() },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    // XMPP is text (RFC 7395 §3.2).
                    Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => break,
                };
                if gate.events.send(Event::Input(input)).await.is_err() {
                    return;
                }
            }
        }
    }
    // When the machine is gone there is nobody to tell.
    drop(gate.events.send(Event::Input(Input::SocketClosed { socket: id })).await);
}

/// Owns the machine and its time.
struct Driver {
    exchange: Exchange,
    media: MediaLink,
    turn: TurnLink,
    inbox: mpsc::Receiver<Event>,
    answers: BTreeMap<RequestId, oneshot::Sender<HttpReply>>,
    sockets: BTreeMap<SocketId, mpsc::Sender<ToSocket>>,
    last_id: u64,
    violations: Arc<Mutex<Vec<String>>>,
    /// Violations already shown outside.
    told: u64,
}

impl Driver {
    async fn run(mut self) {
        loop {
            let deadline = self.exchange.deadline();
            let due = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.inbox.recv() => match event {
                    Some(event) => self.take(event),
                    None => return,
                },
                () = due => self.input(Input::Tick),
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Input(input) => {
                if let Input::SocketClosed { socket } = &input {
                    self.sockets.remove(socket);
                }
                self.input(input);
            }
            Event::Request { http, answer } => {
                self.last_id += 1;
                let request = RequestId(self.last_id);
                self.answers.insert(request, answer);
                self.input(Input::Http { request, http });
            }
            // Nobody waits any more when the client has gone.
            Event::Upgrade { channel, answer } => drop(answer.send(self.exchange.refuses_channel(&channel))),
            Event::Socket { channel, texts, id } => {
                self.last_id += 1;
                let socket = SocketId(self.last_id);
                if id.send(socket).is_ok() {
                    self.sockets.insert(socket, texts);
                    self.input(Input::SocketOpened { socket, channel });
                }
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.exchange.handle(Instant::now(), input);
        while let Some(output) = self.exchange.poll() {
            self.output(output);
        }
        if self.exchange.violation_count() != self.told {
            self.told = self.exchange.violation_count();
            *self.violations.lock().unwrap_or_else(PoisonError::into_inner) = self.exchange.violations();
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Http { request, reply } => {
                if let Some(answer) = self.answers.remove(&request) {
                    // The client may have gone.
                    drop(answer.send(reply));
                }
            }
            Output::SocketText { socket, text } => self.tell(socket, ToSocket::Text(text)),
            Output::CloseSocket { socket } => {
                self.tell(socket, ToSocket::Close);
                self.sockets.remove(&socket);
            }
            Output::CutSocket { socket } => {
                self.tell(socket, ToSocket::Cut);
                self.sockets.remove(&socket);
            }
            Output::Edge(command) => self.media.send(command),
            Output::StopTurn(stop) => self.turn.stop(stop),
        }
    }

    fn tell(&mut self, socket: SocketId, what: ToSocket) {
        if let Some(texts) = self.sockets.get(&socket)
            && texts.try_send(what).is_err()
        {
            // Full or gone: without its sender the WebSocket ends.
            self.sockets.remove(&socket);
        }
    }
}

fn told_turn(link: &TurnLink, password: &str) -> Vec<ExternalTurn> {
    use phone_core::media::TurnTransport;
    [(TurnTransport::Udp, link.udp), (TurnTransport::Tcp, link.tcp)]
        .map(|(transport, address)| ExternalTurn {
            host: address.ip().to_string(),
            port: address.port(),
            transport,
            username: TURN_USER.to_owned(),
            password: password.to_owned(),
        })
        .to_vec()
}

fn key() -> Result<[u8; 32], ExchangeError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| ExchangeError::Thread(std::io::Error::other(error.to_string())))?;
    Ok(key)
}

fn secret() -> Result<String, ExchangeError> {
    Ok(crate::chance::Chance::new(key()?).secret())
}

/// The address that clients reach us at: the one we listen on, or this computer's first when that is any.
fn reachable_host(listen: SocketAddr) -> IpAddr {
    if !listen.ip().is_unspecified() {
        return listen.ip();
    }
    interface_addresses().into_iter().next().unwrap_or(IpAddr::from([127, 0, 0, 1]))
}

/// IPv4 addresses of this computer, loopback excepted.
fn interface_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().map(if_addrs::Interface::ip).filter(|ip| ip.is_ipv4() && !ip.is_loopback()).collect()
}

/// Where the media peer can be reached. An outside TURN server may refuse loopback peers, so it gets the others too.
fn media_addresses(host: IpAddr, options: &ExchangeOptions) -> Vec<IpAddr> {
    let mut addresses = vec![host];
    let outside = matches!(options.turn, TurnChoice::External(_));
    if !host.is_loopback() || outside {
        addresses.extend(interface_addresses());
        addresses.push(IpAddr::from([127, 0, 0, 1]));
    }
    addresses.sort();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use futures_util::{SinkExt as _, StreamExt as _};
    use serde_json::Value;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    use tokio_tungstenite::tungstenite::{Error, Message as WsMessage};

    use super::*;

    /// One request on its own connection: status, headers and body.
    fn http(origin: &str, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, String) {
        let host = origin.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    fn sign_in(origin: &str, login: &str) -> String {
        use base64::Engine as _;
        use sha2::Digest as _;
        let verifier = "x".repeat(64);
        let challenge =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier.as_bytes()));
        let redirect = "http%3A%2F%2F127.0.0.1%3A1%2Fcb";
        let path = format!(
            "/oauth/authorize?response_type=code&client_id=c&redirect_uri={redirect}&code_challenge={challenge}\
             &code_challenge_method=S256&state=s&login_hint={login}"
        );
        let (status, head, _) = http(origin, "GET", &path, "", "");
        assert_eq!(status, 302);
        let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
        let code = location.split("code=").nth(1).unwrap().split('&').next().unwrap();
        let form = format!(
            "grant_type=authorization_code&code={code}&code_verifier={verifier}&client_id=c&redirect_uri={redirect}"
        );
        let (status, _, body) =
            http(origin, "POST", "/oauth/token", "content-type: application/x-www-form-urlencoded\r\n", &form);
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    fn channel(origin: &str, token: &str) -> String {
        let bearer = format!("authorization: Bearer {token}\r\n");
        let (status, _, body) =
            http(origin, "POST", "/api/v2/notifications/channels?connectionType=streaming", &bearer, "");
        assert_eq!(status, 200);
        serde_json::from_str::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_browser_page_of_another_origin_may_ask() {
        let server = Server::start(ExchangeOptions::default()).unwrap();
        let (status, head, _) =
            http(&server.origin, "OPTIONS", "/api/v2/users/me", "origin: https://app.example\r\n", "");
        assert_eq!(status, 204);
        assert!(head.contains("access-control-allow-origin: https://app.example"), "{head}");
        assert!(head.contains("PATCH") && head.contains("authorization, content-type"), "{head}");
        let (status, head, body) = http(&server.origin, "GET", "/api/v2/users/me", "", "");
        assert_eq!(status, 401, "{body}");
        assert!(head.contains("access-control-expose-headers: inin-correlation-id, retry-after"), "{head}");
    }

    #[test]
    fn signing_in_and_streaming_work_over_real_sockets() {
        let server = Server::start(ExchangeOptions::default()).unwrap();
        let token = sign_in(&server.origin, "ana");
        let bearer = format!("authorization: Bearer {token}\r\n");
        let (status, _, body) = http(&server.origin, "GET", "/api/v2/users/me?expand=station", &bearer, "");
        assert_eq!((status, body.contains("Ana Kovacs")), (200, true), "{body}");
        let channel = channel(&server.origin, &token);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = format!("{}/stream/channels/{channel}", server.origin.replace("http", "ws"));
            let mut request = url.into_client_request().unwrap();
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("xmpp"));
            let (mut socket, response) = tokio_tungstenite::connect_async(request).await.unwrap();
            assert_eq!(response.headers()["sec-websocket-protocol"], "xmpp");
            let open = format!("<open xmlns='{}' to='{}' version='1.0'/>", crate::xml::FRAMING, crate::users::DOMAIN);
            socket.send(WsMessage::text(open)).await.unwrap();
            let first = socket.next().await.unwrap().unwrap().into_text().unwrap();
            assert!(first.starts_with("<open "), "{first}");
            let features = socket.next().await.unwrap().unwrap().into_text().unwrap();
            assert!(features.contains("<mechanism>PLAIN</mechanism>"), "{features}");
            server.inject(Fault::DropSockets);
            let end = socket.next().await;
            assert!(matches!(end, Some(Err(Error::Protocol(_) | Error::Io(_))) | None), "{end:?}");
        });
        assert_eq!(server.violations(), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_channel_and_an_endless_body_are_refused() {
        let server = Server::start(ExchangeOptions::default()).unwrap();
        let upgrade =
            "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let host = server.origin.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET /stream/channels/none HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\n{upgrade}\r\n")
            .unwrap();
        let mut reply = [0; 12];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"HTTP/1.1 404");
        let (status, _, _) = http(&server.origin, "POST", "/oauth/token", "", &"x".repeat(LONGEST_BODY + 1));
        assert_eq!(status, 413);
    }

    #[test]
    fn a_stopped_exchange_frees_its_port() {
        let server = Server::start(ExchangeOptions::default()).unwrap();
        let address: SocketAddr = server.origin.strip_prefix("http://").unwrap().parse().unwrap();
        drop(server);
        let again = Server::start(ExchangeOptions { listen: address, ..ExchangeOptions::default() }).unwrap();
        assert!(again.origin.ends_with(&address.port().to_string()));
        let taken = Server::start(ExchangeOptions { listen: address, ..ExchangeOptions::default() });
        assert!(matches!(taken, Err(ExchangeError::Listen { .. })));
    }
}
