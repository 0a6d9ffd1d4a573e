//! HTTP requests: one task each, one answer each, no redirects.

use std::sync::OnceLock;
use std::time::Duration;

use phone_core::Private;
use phone_core::input::{HttpError, HttpResponse};
use phone_core::output::{HttpBody, HttpRequest, Method};
use reqwest::Client;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};

use super::cause::Cause;
use super::tls::{Trust, trusting_nobody};

/// Longest body that is taken.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// No server needs longer to accept a connection; the request's own limit is usually shorter.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Connections kept between requests. Proxies come from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
/// `NO_PROXY`), except towards this computer itself, which no proxy can reach.
pub(crate) struct HttpClient {
    trust: Trust,
    /// All are built when first used: the system's certificates take a while to read, and practice needs none.
    outside: OnceLock<Result<Client, String>>,
    local: OnceLock<Result<Client, String>>,
    local_plain: OnceLock<Result<Client, String>>,
}

impl HttpClient {
    pub(crate) fn new(trust: Trust) -> Self {
        Self { trust, outside: OnceLock::new(), local: OnceLock::new(), local_plain: OnceLock::new() }
    }

    pub(crate) async fn run(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = host_of(&request.url);
        let seconds = request.limit_s;
        match tokio::time::timeout(Duration::from_secs(seconds), self.exchange(request, &host)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(HttpError::Silent { host, seconds }),
        }
    }

    async fn exchange(&self, request: HttpRequest, host: &str) -> Result<HttpResponse, HttpError> {
        let seconds = request.limit_s;
        let client = self.client(&request.url, host)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = client.request(method, &request.url).header(ACCEPT, "application/json");
        if let Some(token) = &request.bearer {
            builder = builder.bearer_auth(token.reveal());
        }
        builder = match request.body {
            HttpBody::Empty => builder,
            HttpBody::Json(text) => builder.header(CONTENT_TYPE, "application/json").body(text.into_inner()),
            HttpBody::Form(fields) => {
                let fields: Vec<(&str, String)> =
                    fields.into_iter().map(|(k, v)| (k, Private::into_inner(v))).collect();
                builder.form(&fields)
            }
        };
        let mut answer = builder.send().await.map_err(|error| in_words(&error, host, seconds))?;
        let too_large = || HttpError::TooLarge { host: host.to_owned() };
        if answer.content_length().is_some_and(|length| length > BODY_LIMIT as u64) {
            return Err(too_large());
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| in_words(&error, host, seconds))? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse { status, retry_after_s: retry_after(&headers), location: text(&headers, &LOCATION), body })
    }

    fn client(&self, url: &str, host: &str) -> Result<&Client, HttpError> {
        let trusting =
            || Client::builder().tls_backend_preconfigured(rustls::ClientConfig::clone(&self.trust.config()));
        let built = match (is_local(host), url.starts_with("https:")) {
            (false, _) => self.outside.get_or_init(|| build(trusting())),
            (true, true) => self.local.get_or_init(|| build(trusting().no_proxy())),
            (true, false) => self
                .local_plain
                .get_or_init(|| build(Client::builder().tls_backend_preconfigured(trusting_nobody()).no_proxy())),
        };
        built.as_ref().map_err(|why| HttpError::Unreachable { host: host.to_owned(), why: why.clone() })
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<Client, String> {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("Offhook/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_LIMIT)
        // Requests come in bursts (sign-in, a call); a connection kept much longer meets servers that closed it.
        .pool_idle_timeout(Duration::from_secs(45))
        .pool_max_idle_per_host(4)
        .build()
        .map_err(|error| error.to_string())
}

/// The host of a URL without port; the whole text when there is none.
pub(crate) fn host_of(url: &str) -> String {
    reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| url.to_owned())
}

/// Whether a host names this computer.
pub(crate) fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn text(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Seconds of `Retry-After`. The form with a date (RFC 9110 §10.2.3) is read as not given: no clock of ours agrees
/// with the server's, and the back-off serves as well.
fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn in_words(error: &reqwest::Error, host: &str, seconds: u64) -> HttpError {
    let host = host.to_owned();
    if error.is_dns() {
        return HttpError::Unresolved { host };
    }
    if error.is_timeout() {
        return HttpError::Silent { host, seconds: seconds.min(CONNECT_LIMIT.as_secs()) };
    }
    if error.is_builder() {
        return HttpError::Unreachable { host, why: "its address is not valid".to_owned() };
    }
    match Cause::of(error) {
        Cause::Untrusted(why) => HttpError::Untrusted { host, why },
        Cause::Unreachable(why) => HttpError::Unreachable { host, why },
    }
}

#[cfg(test)]
mod tests {
    use phone_core::ids::RequestId;

    use super::*;
    use crate::net::testing::{answer_once, closed_port, silent_port, tls_port};

    fn get(url: String, limit_s: u64) -> HttpRequest {
        HttpRequest { request: RequestId(1), method: Method::Get, url, bearer: None, body: HttpBody::Empty, limit_s }
    }

    fn run(request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(HttpClient::new(Trust::system()).run(request))
    }

    fn host() -> String {
        "127.0.0.1".to_owned()
    }

    #[test]
    fn an_answer_is_handed_on_whatever_its_status() {
        let port = answer_once("HTTP/1.1 429 Slow down\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nwait".into());
        let answer = run(get(format!("http://127.0.0.1:{port}/x"), 5)).unwrap();
        assert_eq!((answer.status, answer.retry_after_s, answer.body.as_slice()), (429, Some(17), &b"wait"[..]));
    }

    #[test]
    fn a_redirect_is_told_and_not_followed() {
        let location = "http://127.0.0.1:1/callback?code=abc";
        let port = answer_once(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"));
        let answer = run(get(format!("http://127.0.0.1:{port}/"), 5)).unwrap();
        assert_eq!((answer.status, answer.location.as_deref()), (302, Some(location)));
    }

    #[test]
    fn a_closed_port_is_unreachable() {
        let error = run(get(format!("http://127.0.0.1:{}/", closed_port()), 5)).unwrap_err();
        assert_eq!(error, HttpError::Unreachable { host: host(), why: "it refused the connection".to_owned() });
    }

    #[test]
    fn a_server_that_never_answers_is_silent() {
        let (_listener, port) = silent_port();
        let error = run(get(format!("http://127.0.0.1:{port}/"), 1)).unwrap_err();
        assert_eq!(error, HttpError::Silent { host: host(), seconds: 1 });
    }

    #[test]
    fn garbage_is_no_answer() {
        let port = answer_once("220 mail.example ESMTP\r\n".into());
        let error = run(get(format!("http://127.0.0.1:{port}/"), 5)).unwrap_err();
        assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    }

    #[test]
    fn a_body_without_end_is_cut_at_four_megabytes() {
        let mut endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
        endless.push_str(&"x".repeat(BODY_LIMIT + 1));
        let error = run(get(format!("http://127.0.0.1:{}/", answer_once(endless)), 20)).unwrap_err();
        assert_eq!(error, HttpError::TooLarge { host: host() });
        let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", BODY_LIMIT + 1);
        let error = run(get(format!("http://127.0.0.1:{}/", answer_once(announced)), 20)).unwrap_err();
        assert_eq!(error, HttpError::TooLarge { host: host() });
    }

    #[test]
    fn a_name_that_does_not_exist_is_unresolved() {
        let error = run(get("http://no-such-host.invalid/".to_owned(), 20)).unwrap_err();
        assert_eq!(error, HttpError::Unresolved { host: "no-such-host.invalid".to_owned() });
    }

    #[test]
    fn an_unknown_certificate_is_not_trusted() {
        let (_certificate, port) = tls_port();
        let error = run(get(format!("https://localhost:{port}/"), 5)).unwrap_err();
        assert!(matches!(&error, HttpError::Untrusted { host, .. } if host == "localhost"), "{error:?}");
    }

    #[test]
    fn an_address_that_is_none_is_unreachable() {
        let error = run(get("not an address".to_owned(), 5)).unwrap_err();
        assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    }

    #[test]
    fn this_computer_is_known_by_all_its_names() {
        for local in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.8.8.8"] {
            assert!(is_local(local), "{local}");
        }
        assert!(!is_local("example.com") && !is_local("10.0.0.1"));
    }
}
