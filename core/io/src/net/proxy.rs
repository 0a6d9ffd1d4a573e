//! The way of a WebSocket through an HTTP proxy (RFC 9110 §9.3.6), chosen by the same environment variables that
//! requests obey: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, each also in small letters.
//!
//! Proxies that are themselves spoken to over TLS, SOCKS proxies, and networks (`10.0.0.0/8`) in `NO_PROXY` are left
//! to requests: a link then goes straight.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use phone_core::Private;
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::cause::io_in_words;
use super::http::is_local;

/// Longest answer to CONNECT.
const HEAD_LIMIT: usize = 8 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<Private<String>>,
}

impl Proxy {
    /// The proxy towards `host`, by the environment of this process.
    pub(crate) fn towards(host: &str, secure: bool) -> Option<Self> {
        Self::choose(host, secure, |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(port: u16) -> Self {
        Self { host: "127.0.0.1".to_owned(), port, authorization: None }
    }

    fn choose(host: &str, secure: bool, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let either = |name: &str| variable(&name.to_lowercase()).or_else(|| variable(name));
        if is_local(host) || either("NO_PROXY").is_some_and(|list| is_excepted(host, &list)) {
            return None;
        }
        let address = either(if secure { "HTTPS_PROXY" } else { "HTTP_PROXY" }).or_else(|| either("ALL_PROXY"))?;
        let address = address.trim();
        let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let url = Url::parse(&address).ok().filter(|url| url.scheme() == "http")?;
        let authorization = (!url.username().is_empty()).then(|| {
            let [user, password] = [url.username(), url.password().unwrap_or_default()].map(decoded);
            let pair = [user.as_slice(), b":", password.as_slice()].concat();
            Private::new(format!("Basic {}", BASE64_STANDARD.encode(pair)))
        });
        Some(Self { host: url.host_str()?.to_owned(), port: url.port_or_known_default()?, authorization })
    }

    /// Asks for a way through to `host`, on a connection to the proxy; says in words why there is none.
    pub(crate) async fn pass(&self, stream: &mut TcpStream, host: &str, port: u16) -> Result<(), String> {
        let authorization = self
            .authorization
            .as_ref()
            .map(|value| format!("Proxy-Authorization: {}\r\n", value.reveal()))
            .unwrap_or_default();
        let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| io_in_words(&error))?;
        let mut head = Vec::new();
        // Byte by byte: what follows the head belongs to the server behind.
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.map_err(|error| io_in_words(&error))?);
            if head.len() > HEAD_LIMIT {
                return Err("it is no proxy".to_owned());
            }
        }
        match status(&head) {
            Some(200..=299) => Ok(()),
            Some(407) => Err("the proxy asks for a name and password".to_owned()),
            Some(code) => Err(format!("the proxy refused with HTTP {code}")),
            None => Err("it is no proxy".to_owned()),
        }
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.strip_prefix(b"HTTP/1.")?;
    std::str::from_utf8(line.get(2..5)?).ok()?.parse().ok()
}

/// `%41` is `A`; anything else stands for itself.
fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let value = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *byte == b'%');
        out.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    out
}

fn is_excepted(host: &str, list: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    list.split(',')
        .map(|entry| entry.trim().trim_start_matches('.').to_lowercase())
        .any(|entry| entry == "*" || (!entry.is_empty() && (host == entry || host.ends_with(&format!(".{entry}")))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(host: &str, secure: bool, environment: &[(&str, &str)]) -> Option<(String, u16, Option<String>)> {
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let proxy = Proxy::choose(host, secure, variable)?;
        Some((proxy.host, proxy.port, proxy.authorization.map(Private::into_inner)))
    }

    fn plain(host: &str, port: u16) -> (String, u16, Option<String>) {
        (host.to_owned(), port, None)
    }

    #[test]
    fn the_variable_of_the_scheme_counts_and_then_the_one_for_all() {
        let environment = [("HTTPS_PROXY", "http://secure:3128"), ("all_proxy", "any:8080")];
        assert_eq!(choose("example.com", true, &environment), Some(plain("secure", 3128)));
        assert_eq!(choose("example.com", false, &environment), Some(plain("any", 8080)));
        assert_eq!(choose("example.com", true, &[]), None);
        assert_eq!(choose("example.com", true, &[("HTTPS_PROXY", "socks5://x:1080")]), None);
    }

    #[test]
    fn exceptions_and_this_computer_go_straight() {
        let environment = [("ALL_PROXY", "p:1"), ("NO_PROXY", "corp.example, .other.example,10.1.1.1")];
        for host in ["corp.example", "a.corp.example", "x.other.example", "10.1.1.1", "127.0.0.1", "localhost"] {
            assert_eq!(choose(host, true, &environment), None, "{host}");
        }
        assert_eq!(choose("notcorp.example", true, &environment), Some(plain("p", 1)));
        assert_eq!(choose("any.example", true, &[("ALL_PROXY", "p:1"), ("no_proxy", "*")]), None);
    }

    #[test]
    fn name_and_password_are_sent_as_they_were_meant() {
        let (_, _, authorization) =
            choose("example.com", true, &[("HTTPS_PROXY", "http://ana:p%40ss%@proxy:3128")]).unwrap();
        assert_eq!(authorization.as_deref(), Some("Basic YW5hOnBAc3Ml"));
    }

    #[test]
    fn only_a_status_line_has_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407 x\r\n\r\n"), Some(407));
        for junk in [&b""[..], b"HTTP/1.1", b"HTTP/1.1 2", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n"] {
            assert_eq!(status(junk), None);
        }
    }
}
