//! One signalling link: a WebSocket with a subprotocol, text both ways.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use phone_core::ids::LinkId;
use phone_core::input::LinkClosed;
use phone_core::{Input, Private};
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, UrlError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::{HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::cause::{Cause, io_in_words};
use super::proxy::Proxy;
use super::tls::Trust;
use super::udp::mark;

/// Longest message that is taken.
const MESSAGE_LIMIT: usize = 256 * 1024;
/// Name, TCP, TLS and upgrade together.
pub(crate) const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// One address of several, so that a dead one leaves time for the next.
const ADDRESS_LIMIT: Duration = Duration::from_secs(5);
/// For the server to answer our goodbye.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// For the network to take one text.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Texts that wait for a slow server. Full means that the server stopped reading: what comes then is dropped, and
/// [`SEND_LIMIT`] ends the link.
pub(crate) const TEXT_QUEUE: usize = 256;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a link asks for.
pub(crate) struct Target {
    pub(crate) link: LinkId,
    pub(crate) url: String,
    pub(crate) subprotocol: &'static str,
    /// Priority mark of its packets, 0–63.
    pub(crate) dscp: u8,
    /// Usually [`OPEN_LIMIT`].
    pub(crate) limit: Duration,
}

/// Runs the link until it ends, or until the sender of `texts` is dropped: then what is queued is still sent, and the
/// link says goodbye. Every input goes to `inputs`, the last one is always [`Input::LinkClosed`].
pub(crate) async fn run(
    target: Target,
    trust: Trust,
    mut texts: mpsc::Receiver<Private<String>>,
    inputs: mpsc::Sender<Input>,
) {
    let link = target.link;
    let opened = tokio::select! {
        opened = open(&target, trust) => opened,
        // Nobody wants it any more. Texts that came before it opened cannot be sent anyway.
        () = closed(&mut texts) => Err(LinkClosed::ByServer),
    };
    let why = match opened {
        Ok(socket) => {
            if inputs.send(Input::LinkOpened { link }).await.is_err() {
                return;
            }
            talk(link, socket, texts, &inputs).await
        }
        Err(why) => why,
    };
    // Fails only when the engine is gone.
    drop(inputs.send(Input::LinkClosed { link, why }).await);
}

async fn closed(texts: &mut mpsc::Receiver<Private<String>>) {
    while texts.recv().await.is_some() {}
}

async fn open(target: &Target, trust: Trust) -> Result<Socket, LinkClosed> {
    let unreachable = |host: &str, why: &str| LinkClosed::Unreachable { host: host.to_owned(), why: why.to_owned() };
    let Ok(mut request) = target.url.as_str().into_client_request() else {
        return Err(unreachable(&target.url, "its address is not valid"));
    };
    let Some(host) = request.uri().host().map(str::to_owned) else {
        return Err(unreachable(&target.url, "its address names no host"));
    };
    let headers = request.headers_mut();
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(target.subprotocol));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Offhook/", env!("CARGO_PKG_VERSION"))));
    match tokio::time::timeout(target.limit, connect(request, &host, trust, target.dscp)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(unreachable(&host, &format!("it did not answer within {} s", target.limit.as_secs()))),
    }
}

async fn connect(request: Request, host: &str, trust: Trust, dscp: u8) -> Result<Socket, LinkClosed> {
    let secure = request.uri().scheme_str() == Some("wss");
    let port = request.uri().port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = match Proxy::towards(host, secure) {
        None => reach(host, port, dscp).await?,
        Some(proxy) => {
            let mut stream = reach(&proxy.host, proxy.port, dscp).await?;
            match proxy.pass(&mut stream, host, port).await {
                Ok(()) => stream,
                Err(why) => return Err(LinkClosed::Unreachable { host: proxy.host, why }),
            }
        }
    };
    // Stanzas are small and someone waits for each.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the link may be slow");
    }
    let connector = if secure {
        // Reading the system's certificates takes tens of milliseconds the first time.
        let config = tokio::task::spawn_blocking(move || trust.config()).await;
        let Ok(config) = config else {
            return Err(LinkClosed::Lost("the system's certificates cannot be read".to_owned()));
        };
        Connector::Rustls(config)
    } else {
        Connector::Plain
    };
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MESSAGE_LIMIT);
    config.max_frame_size = Some(MESSAGE_LIMIT);
    // Buffers are allocated at once; stanzas are small.
    config.read_buffer_size = 16 * 1024;
    config.write_buffer_size = 0;
    config.max_write_buffer_size = 2 * MESSAGE_LIMIT;
    match client_async_tls_with_config(request, stream, Some(config), Some(connector)).await {
        Ok((socket, _response)) => Ok(socket),
        Err(error) => Err(refused(error, host)),
    }
}

/// The first address of `host` that accepts a TCP connection.
async fn reach(host: &str, port: u16, dscp: u8) -> Result<TcpStream, LinkClosed> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host((name, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(_) => return Err(LinkClosed::Unresolved { host: host.to_owned() }),
    };
    let mut why = None;
    for address in addresses {
        match tokio::time::timeout(ADDRESS_LIMIT, marked(address, dscp)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = Some(io_in_words(&error)),
            Err(_elapsed) => why = Some("it does not answer".to_owned()),
        }
    }
    Err(match why {
        Some(why) => LinkClosed::Unreachable { host: host.to_owned(), why },
        None => LinkClosed::Unresolved { host: host.to_owned() },
    })
}

/// A connection whose packets carry the mark from the first one on.
async fn marked(address: SocketAddr, dscp: u8) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    mark(&SockRef::from(&socket), address, dscp);
    socket.connect(address).await
}

/// Why the upgrade failed.
fn refused(error: Error, host: &str) -> LinkClosed {
    let host = host.to_owned();
    match error {
        Error::Http(response) => LinkClosed::Refused {
            code: response.status().as_u16(),
            retry_after_s: response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.trim().parse().ok()),
        },
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
            LinkClosed::Unreachable { host, why: "it does not speak our subprotocol".to_owned() }
        }
        Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            LinkClosed::Unreachable { host, why: "it hung up".to_owned() }
        }
        Error::Protocol(_) | Error::Capacity(_) | Error::Utf8(_) | Error::AttackAttempt | Error::HttpFormat(_) => {
            LinkClosed::Unreachable { host, why: "it is no WebSocket server".to_owned() }
        }
        Error::Url(UrlError::UnsupportedUrlScheme | UrlError::NoPathOrQuery) => {
            LinkClosed::Unreachable { host, why: "its address is not valid".to_owned() }
        }
        other => match Cause::of(&other) {
            Cause::Untrusted(why) => LinkClosed::Untrusted { host, why },
            Cause::Unreachable(why) => LinkClosed::Unreachable { host, why },
        },
    }
}

/// Carries texts both ways until the link ends; says why it did.
async fn talk(
    link: LinkId,
    mut socket: Socket,
    mut texts: mpsc::Receiver<Private<String>>,
    inputs: &mpsc::Sender<Input>,
) -> LinkClosed {
    loop {
        tokio::select! {
            text = texts.recv() => {
                let Some(text) = text else {
                    say_goodbye(&mut socket).await;
                    return LinkClosed::ByServer;
                };
                // Nothing is read meanwhile, which only matters when the server does not read either.
                match tokio::time::timeout(SEND_LIMIT, socket.send(Message::text(text.into_inner()))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return lost(error),
                    Err(_elapsed) => return LinkClosed::Lost("the server does not take what we send".to_owned()),
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    // Waiting here is the full-policy of the engine's queue: the server is read no faster.
                    if inputs.send(Input::LinkReceived { link, text: text.as_str().to_owned() }).await.is_err() {
                        return LinkClosed::ByServer;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(_))) => {
                    say_goodbye(&mut socket).await;
                    return LinkClosed::Garbage;
                }
                Some(Ok(Message::Close(_))) | None => return LinkClosed::ByServer,
                Some(Err(error)) => return lost(error),
            },
        }
    }
}

/// A dead server must not keep us: best effort within [`CLOSE_LIMIT`].
async fn say_goodbye(socket: &mut Socket) {
    let goodbye = async {
        if socket.close(None).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    if tokio::time::timeout(CLOSE_LIMIT, goodbye).await.is_err() {
        tracing::debug!("a server did not answer our goodbye");
    }
}

/// Why an open link ended.
fn lost(error: Error) -> LinkClosed {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => LinkClosed::ByServer,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            LinkClosed::Lost("the server hung up".to_owned())
        }
        Error::Io(error) => LinkClosed::Lost(io_in_words(&error)),
        Error::Capacity(_) | Error::Utf8(_) | Error::Protocol(_) | Error::AttackAttempt => LinkClosed::Garbage,
        other => LinkClosed::Lost(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_tungstenite::accept_hdr_async;
    use tokio_tungstenite::tungstenite::handshake::server;

    use super::*;
    use crate::net::testing::{answer_once, closed_port, silent_port, tls_port};

    type Server = WebSocketStream<TcpStream>;
    const LINK: LinkId = LinkId(3);

    /// Runs a link to `port` with whatever `server` does; gives the inputs. The link is closed after `after` inputs.
    fn inputs(url: &str, server: impl Future<Output = ()> + Send + 'static, after: usize) -> Vec<Input> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = url.to_owned();
        runtime.block_on(async move {
            let serving = tokio::spawn(server);
            let (texts, queue) = mpsc::channel(4);
            let (sender, mut inputs) = mpsc::channel(4);
            let target = Target { link: LINK, url, subprotocol: "xmpp", dscp: 24, limit: Duration::from_secs(1) };
            tokio::spawn(run(target, Trust::system(), queue, sender));
            let mut texts = Some(texts);
            let mut all = Vec::new();
            while let Some(input) = inputs.recv().await {
                if let (Input::LinkOpened { .. }, Some(texts)) = (&input, &texts) {
                    // Some servers are gone by then.
                    drop(texts.send("<open/>".into()).await);
                }
                all.push(input);
                if all.len() == after {
                    texts = None;
                }
            }
            drop(texts);
            serving.await.unwrap();
            all
        })
    }

    /// The same with a server that accepts the link and then does `what`.
    fn accepted<F: Future<Output = ()> + Send>(
        what: impl FnOnce(Server) -> F + Send + 'static,
        after: usize,
    ) -> Vec<Input> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("ws://127.0.0.1:{}/stream", listener.local_addr().unwrap().port());
        let server = async move {
            let (stream, _) = TcpListener::from_std(listener).unwrap().accept().await.unwrap();
            #[expect(clippy::result_large_err, reason = "the library's own type")]
            let choose = |request: &server::Request, mut response: server::Response| {
                let asked = request.headers().get(SEC_WEBSOCKET_PROTOCOL).unwrap().clone();
                response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, asked);
                Ok(response)
            };
            what(accept_hdr_async(stream, choose).await.unwrap()).await;
        };
        inputs(&url, server, after)
    }

    fn why(inputs: &[Input]) -> &LinkClosed {
        match inputs.last() {
            Some(Input::LinkClosed { link: LINK, why }) => why,
            other => panic!("{other:?}"),
        }
    }

    fn refused_by(port: u16) -> LinkClosed {
        why(&inputs(&format!("ws://127.0.0.1:{port}/"), async {}, 9)).clone()
    }

    fn unreachable(why: &str) -> LinkClosed {
        LinkClosed::Unreachable { host: "127.0.0.1".to_owned(), why: why.to_owned() }
    }

    #[test]
    fn texts_go_both_ways_and_closing_says_goodbye() {
        let (told, heard) = std::sync::mpsc::sync_channel(8);
        let serve = |mut socket: Server| async move {
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Text(text) = &message {
                    socket.send(Message::text(format!("echo {text}"))).await.unwrap();
                }
                told.send(message).unwrap();
            }
        };
        let inputs = accepted(serve, 2);
        assert!(matches!(inputs[0], Input::LinkOpened { link: LINK }));
        assert!(matches!(&inputs[1], Input::LinkReceived { link: LINK, text } if text == "echo <open/>"));
        assert!(matches!(heard.recv().unwrap(), Message::Text(_)));
        assert!(matches!(heard.recv().unwrap(), Message::Close(_)));
    }

    #[test]
    fn a_binary_message_is_garbage() {
        let serve = |mut socket: Server| async move {
            socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
            while let Some(Ok(_)) = socket.next().await {}
        };
        assert_eq!(*why(&accepted(serve, 9)), LinkClosed::Garbage);
    }

    #[test]
    fn a_message_that_is_too_large_is_garbage() {
        let serve = |mut socket: Server| async move {
            // The link hangs up in the middle of it.
            drop(socket.send(Message::text("x".repeat(MESSAGE_LIMIT + 1))).await);
        };
        assert_eq!(*why(&accepted(serve, 9)), LinkClosed::Garbage);
    }

    #[test]
    fn a_server_that_closes_and_one_that_vanishes_are_told_apart() {
        let polite = |mut socket: Server| async move { socket.close(None).await.unwrap() };
        assert_eq!(*why(&accepted(polite, 9)), LinkClosed::ByServer);
        let rude = |mut socket: Server| async move {
            // Read first: closing with unread bytes would be a reset.
            socket.next().await;
            drop(socket);
        };
        assert_eq!(*why(&accepted(rude, 9)), LinkClosed::Lost("the server hung up".to_owned()));
    }

    #[test]
    fn a_refused_upgrade_tells_status_and_pause() {
        let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(refused_by(answer_once(busy.to_owned())), LinkClosed::Refused { code: 503, retry_after_s: Some(7) });
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(refused_by(answer_once(plain.to_owned())), LinkClosed::Refused { code: 200, retry_after_s: None });
    }

    #[test]
    fn servers_of_another_kind_are_unreachable() {
        assert_eq!(refused_by(answer_once("SSH-2.0-x\r\n\r\n".to_owned())), unreachable("it is no WebSocket server"));
        assert_eq!(refused_by(closed_port()), unreachable("it refused the connection"));
        let (_listener, port) = silent_port();
        assert_eq!(refused_by(port), unreachable("it did not answer within 1 s"));
    }

    #[test]
    fn a_server_without_our_subprotocol_is_unreachable() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("ws://127.0.0.1:{}/", listener.local_addr().unwrap().port());
        let server = async move {
            let (stream, _) = TcpListener::from_std(listener).unwrap().accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            while let Some(Ok(_)) = socket.next().await {}
        };
        assert_eq!(*why(&inputs(&url, server, 9)), unreachable("it does not speak our subprotocol"));
    }

    #[test]
    fn an_unknown_certificate_is_not_trusted() {
        let (_certificate, port) = tls_port();
        let inputs = inputs(&format!("wss://localhost:{port}/"), async {}, 9);
        assert!(matches!(why(&inputs), LinkClosed::Untrusted { host, .. } if host == "localhost"), "{inputs:?}");
    }

    #[test]
    fn a_proxy_that_lets_us_through_and_one_that_does_not_are_told_apart() {
        let pass = |answer: &str| {
            let port = answer_once(answer.to_owned());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                Proxy::for_tests(port).pass(&mut stream, "example.com", 443).await
            })
        };
        assert_eq!(pass("HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"), Ok(()));
        assert_eq!(pass("HTTP/1.1 403 No\r\n\r\n"), Err("the proxy refused with HTTP 403".to_owned()));
        assert_eq!(pass("HTTP/1.1 407 Who\r\n\r\n"), Err("the proxy asks for a name and password".to_owned()));
        assert_eq!(pass("HTTP/1.1 2"), Err("it hung up".to_owned()));
        assert_eq!(pass(&"x".repeat(20_000)), Err("it is no proxy".to_owned()));
    }

    #[test]
    fn a_name_that_does_not_exist_is_unresolved() {
        let inputs = inputs("wss://no-such-host.invalid/", async {}, 9);
        assert_eq!(*why(&inputs), LinkClosed::Unresolved { host: "no-such-host.invalid".to_owned() });
    }

    #[test]
    fn a_link_that_is_closed_while_it_opens_ends_at_once() {
        let (_listener, port) = silent_port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let (texts, queue) = mpsc::channel(4);
            drop(texts);
            let (sender, mut inputs) = mpsc::channel(4);
            let url = format!("ws://127.0.0.1:{port}/");
            let limit = Duration::from_hours(1);
            run(Target { link: LINK, url, subprotocol: "xmpp", dscp: 24, limit }, Trust::system(), queue, sender).await;
            assert!(matches!(inputs.recv().await, Some(Input::LinkClosed { .. })));
        });
    }
}
