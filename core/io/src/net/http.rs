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
    /// Built when first used: the system's certificates take a while to read, and practice needs none.
    outside: OnceLock<Result<Client, String>>,
    local: OnceLock<Result<Client, String>>,
}

impl HttpClient {
    pub(crate) fn new(trust: Trust) -> Self {
        Self { trust, outside: OnceLock::new(), local: OnceLock::new() }
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
        let client = self.client(host)?;
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

    fn client(&self, host: &str) -> Result<&Client, HttpError> {
        let built = if is_local(host) {
            self.local.get_or_init(|| build(Client::builder().no_proxy().tls_backend_preconfigured(trusting_nobody())))
        } else {
            self.outside.get_or_init(|| {
                build(Client::builder().tls_backend_preconfigured(rustls::ClientConfig::clone(&self.trust.config())))
            })
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
