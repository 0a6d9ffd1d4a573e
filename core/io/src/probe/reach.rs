//! The way to the service: TCP, TLS with its certificate, HTTP with its clock, and the upgrade to a WebSocket.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phone_core::diagnose::facts::{CertificateFacts, ProxyFacts, ReachFacts};
use reqwest::Url;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{limited, ms_since, resolve, words};
use crate::clock;
use crate::net::cause::certificate_in_words;
use crate::net::proxy::Proxy;
use crate::net::tls::Trust;

/// For each step.
const STEP: Duration = Duration::from_secs(5);
/// Longest head of an answer.
const HEAD: usize = 16 * 1024;

/// Asks one URL. `subprotocol`: it is a WebSocket.
pub async fn reach(url: &str, subprotocol: Option<&str>, trust: &Trust) -> ReachFacts {
    let parsed = Url::parse(url).ok();
    let host = parsed.as_ref().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| url.to_owned());
    let secure = parsed.as_ref().is_some_and(|url| matches!(url.scheme(), "https" | "wss"));
    let port = parsed.as_ref().and_then(Url::port).unwrap_or(if secure { 443 } else { 80 });
    let mut facts = ReachFacts {
        host: format!("{host}:{port}"),
        websocket: subprotocol.is_some(),
        tcp_ms: None,
        tls_ms: None,
        status: None,
        failed: None,
        certificate: None,
        clock_s: None,
    };
    let path = parsed.as_ref().map_or("/", Url::path).to_owned();
    if let Err(why) = walk(&mut facts, (&host, port, secure), &path, subprotocol, trust).await {
        facts.failed = Some(why);
    }
    facts
}

async fn walk(
    facts: &mut ReachFacts,
    (host, port, secure): (&str, u16, bool),
    path: &str,
    subprotocol: Option<&str>,
    trust: &Trust,
) -> Result<(), String> {
    let start = clock::now();
    let stream = match Proxy::towards(host, secure) {
        None => connect(host, port).await?,
        Some(proxy) => {
            let mut stream = connect(&proxy.host, proxy.port).await?;
            limited(STEP, proxy.pass(&mut stream, host, port)).await.unwrap_or_else(|| Err(late("the proxy")))?;
            stream
        }
    };
    facts.tcp_ms = Some(ms_since(start));
    let request = request(host, port, secure, path, subprotocol);
    let (head, asked) = if secure {
        let start = clock::now();
        let (config, seen) = watched(trust).await?;
        let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned())
            .map_err(|_| "its name is not valid".to_owned())?;
        let tls = limited(STEP, TlsConnector::from(config).connect(name, stream)).await;
        let certificate = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let trusted = certificate.as_ref().is_none_or(|certificate| certificate.trusted);
        facts.certificate = certificate;
        let mut tls = match tls {
            None => return Err(late("the secure connection")),
            Some(Err(error)) if trusted => return Err(words(&error)),
            Some(Err(_)) => return Err("its certificate is not trusted".to_owned()),
            Some(Ok(tls)) => tls,
        };
        facts.tls_ms = Some(ms_since(start));
        let asked = clock::wall_seconds();
        (exchange(&mut tls, &request).await?, asked)
    } else {
        let mut stream = stream;
        let asked = clock::wall_seconds();
        (exchange(&mut stream, &request).await?, asked)
    };
    let answered = clock::wall_seconds();
    let head = Head::parse(&head).ok_or("it does not speak HTTP")?;
    facts.status = Some(head.status);
    // The service's second began at most one second before it was written; the answer took a while.
    facts.clock_s = head.date_s.map(|date| date as f64 + 0.5 - f64::midpoint(asked, answered));
    Ok(())
}

fn late(what: &str) -> String {
    format!("{what} did not answer within {} s", STEP.as_secs())
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses = resolve(host, port).await?;
    let mut why = "it has no address".to_owned();
    for address in addresses.into_iter().take(2) {
        match limited(STEP, TcpStream::connect(address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => why = words(&error),
            None => "it does not answer".clone_into(&mut why),
        }
    }
    Err(why)
}

fn request(host: &str, port: u16, secure: bool, path: &str, subprotocol: Option<&str>) -> String {
    let usual = port == if secure { 443 } else { 80 };
    let authority = if usual { host.to_owned() } else { format!("{host}:{port}") };
    let agent = concat!("Offhook/", env!("CARGO_PKG_VERSION"));
    match subprotocol {
        None => format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        ),
        // RFC 6455 §4.1; the key is the one of its example: nothing is sent afterwards.
        Some(subprotocol) => format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        ),
    }
}

/// Sends the request and takes the head of the answer.
async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> Result<Vec<u8>, String> {
    let work = async {
        stream.write_all(request.as_bytes()).await.map_err(|error| words(&error))?;
        let mut head = Vec::new();
        let mut buffer = [0; 2_048];
        while head.len() < HEAD && !head.windows(4).any(|four| four == b"\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(0) => break,
                Ok(count) => head.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(error) => return Err(words(&error)),
            }
        }
        if head.is_empty() { Err("it hung up".to_owned()) } else { Ok(head) }
    };
    limited(STEP, work).await.unwrap_or_else(|| Err("it accepts connections and answers nothing".to_owned()))
}

struct Head {
    status: u16,
    /// Of the `Date` field, in seconds since 1970.
    date_s: Option<i64>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        let date = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("date"))
            .and_then(|(_, value)| imf_date(value.trim()));
        Some(Self { status, date_s: date })
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn imf_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day: u32 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? + 1;
    let year: u32 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let days = phone_core::diagnose::catalogue::day_number(&format!("{year:04}-{month:02}-{day:02}"))?;
    let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    fits.then_some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The body of the fuzz target: any bytes are the head of an answer, a certificate, or neither.
pub fn fuzz(bytes: &[u8]) {
    std::hint::black_box((Head::parse(bytes).map(|head| head.status), issuer_and_days(bytes)));
}

/// Whether a proxy stands on the way, and whether it lets us through.
pub async fn proxy(url: &str) -> ProxyFacts {
    let Some((host, port, secure)) = Url::parse(url).ok().and_then(|url| {
        let secure = matches!(url.scheme(), "https" | "wss");
        Some((url.host_str()?.to_owned(), url.port().unwrap_or(if secure { 443 } else { 80 }), secure))
    }) else {
        return ProxyFacts::default();
    };
    let Some(proxy) = Proxy::towards(&host, secure) else { return ProxyFacts::default() };
    let passes = match connect(&proxy.host, proxy.port).await {
        Ok(mut stream) => {
            limited(STEP, proxy.pass(&mut stream, &host, port)).await.is_some_and(|result| result.is_ok())
        }
        Err(_) => false,
    };
    ProxyFacts { host: Some(format!("{}:{}", proxy.host, proxy.port)), passes: Some(passes) }
}

/// What the verifier saw.
type Seen = Arc<Mutex<Option<CertificateFacts>>>;

/// The usual trust, with a look at what it decides.
async fn watched(trust: &Trust) -> Result<(Arc<ClientConfig>, Seen), String> {
    let trust = trust.clone();
    // Reading the system's certificates takes tens of milliseconds.
    let built = tokio::task::spawn_blocking(move || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(trust.roots()), Arc::clone(&provider))
            .build()
            .map_err(|error| error.to_string())?;
        let seen = Seen::default();
        let watcher = Arc::new(Watcher { inner: verifier, seen: Arc::clone(&seen) });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(watcher)
            .with_no_client_auth();
        Ok((Arc::new(config), seen))
    });
    built.await.unwrap_or_else(|_| Err("the system's certificates cannot be read".to_owned()))
}

/// Decides as the usual verifier does, and notes why.
#[derive(Debug)]
struct Watcher {
    inner: Arc<WebPkiServerVerifier>,
    seen: Seen,
}

impl ServerCertVerifier for Watcher {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let (issuer, not_after) = issuer_and_days(end_entity).unzip();
        let today = i64::try_from(now.as_secs() / 86_400).unwrap_or(0);
        let why = result.as_ref().err().map(|error| match error {
            rustls::Error::InvalidCertificate(why) => certificate_in_words(why),
            other => other.to_string(),
        });
        let facts = CertificateFacts {
            trusted: result.is_ok(),
            why,
            issuer,
            days_left: not_after.map(|day: i64| day - today),
            chain: u32::try_from(intermediates.len() + 1).unwrap_or(u32::MAX),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Who signed a certificate, and on which day since 1970 it ends.
fn issuer_and_days(der: &[u8]) -> Option<(String, i64)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let issuer = certificate.issuer();
    let name = issuer
        .iter_common_name()
        .chain(issuer.iter_organization())
        .find_map(|part| part.as_str().ok().map(str::to_owned))
        .unwrap_or_else(|| issuer.to_string());
    Some((name, certificate.validity().not_after.timestamp().div_euclid(86_400)))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::net::testing::tls_port;

    #[test]
    fn the_example_date_of_the_rfc_is_read() {
        assert_eq!(imf_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for junk in ["", "Sun", "Sun, 06 Non 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, x"] {
            assert_eq!(imf_date(junk), None, "{junk}");
        }
    }

    #[test]
    fn heads_are_read_and_other_protocols_are_told() {
        let head = Head::parse(b"HTTP/1.1 101 Switching\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n").unwrap();
        assert_eq!((head.status, head.date_s), (101, Some(784_111_777)));
        for junk in [&b""[..], b"SSH-2.0-x\r\n", b"HTTP/1.1", b"HTTP/1.1 x y\r\n\r\n"] {
            assert!(Head::parse(junk).is_none());
            fuzz(junk);
        }
    }

    /// A server that says this to whoever connects.
    async fn server(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 1_024];
                let _read = stream.read(&mut buffer).await;
                stream.write_all(answer).await.ok();
            }
        });
        port
    }

    #[tokio::test]
    async fn a_service_that_answers_is_reached_and_its_clock_is_read() {
        let port = server(b"HTTP/1.1 401 No\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n").await;
        let facts = reach(&format!("http://127.0.0.1:{port}/x"), None, &Trust::system()).await;
        assert_eq!((facts.status, facts.failed.as_deref()), (Some(401), None));
        assert!(facts.clock_s.unwrap() < -900_000_000.0, "{facts:?}");
        let silent = server(b"").await;
        let facts = reach(&format!("ws://127.0.0.1:{silent}/x"), Some("xmpp"), &Trust::system()).await;
        assert_eq!(facts.failed.as_deref(), Some("it hung up"));
    }

    #[tokio::test]
    async fn a_closed_port_is_said_in_words() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let facts = reach(&format!("http://127.0.0.1:{port}/"), None, &Trust::system()).await;
        assert_eq!(facts.failed.as_deref(), Some("it refused the connection"));
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_trusts_is_looked_at_all_the_same() {
        let (_, port) = tls_port();
        let facts = reach(&format!("https://localhost:{port}/"), None, &Trust::with_roots(Vec::new())).await;
        let seen = facts.certificate.expect("it was shown");
        assert!(!seen.trusted && seen.issuer.is_some() && facts.failed.is_some(), "{seen:?}");
        let (certificate, port) = tls_port();
        let trust = Trust::with_roots(vec![certificate]);
        let facts = reach(&format!("https://localhost:{port}/"), None, &trust).await;
        let seen = facts.certificate.clone().expect("it was shown");
        assert!(seen.trusted && facts.tls_ms.is_some(), "{facts:?}");
    }
}
