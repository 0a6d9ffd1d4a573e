//! Where the browser is sent back to after a sign-in: a door on 127.0.0.1 that is open while it is waited for
//! (RFC 8252 §7.3). It lets in one request: ours, told by its state. Everything else is refused and changes nothing,
//! so that a page in the browser can neither forge an answer nor end the waiting.

use std::time::Duration;

use phone_core::Input;
use phone_core::Private;
use phone_core::ids::RequestId;
use phone_core::input::{BrowserError, BrowserEvent};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// How long the user may take.
const WAIT_LIMIT: Duration = Duration::from_mins(5);
/// How long one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// Requests at once; a browser makes two or three. More wait.
const AT_ONCE: usize = 8;
/// Longest head of a request.
const HEAD_LIMIT: usize = 8 * 1024;
const PATH: &str = "/callback";

/// What is waited for.
pub(crate) struct Door {
    pub(crate) wait: RequestId,
    /// Tried in this order; empty: any free port.
    pub(crate) ports: Vec<u16>,
    pub(crate) state: Private<String>,
    pub(crate) limit: Duration,
}

impl Door {
    pub(crate) fn new(wait: RequestId, ports: Vec<u16>, state: Private<String>) -> Self {
        Self { wait, ports, state, limit: WAIT_LIMIT }
    }

    /// Waits until the browser came, time is up, or `stop` is dropped.
    pub(crate) async fn run(self, answers: mpsc::Sender<Input>, mut stop: oneshot::Receiver<()>) {
        let wait = self.wait;
        let tell = |event| async { drop(answers.send(Input::Browser(event)).await) };
        let Some(listener) = self.open().await else {
            return tell(BrowserEvent::Failed { wait, why: BrowserError::NoPort }).await;
        };
        let Ok(address) = listener.local_addr() else {
            return tell(BrowserEvent::Failed { wait, why: BrowserError::NoPort }).await;
        };
        let host = address.to_string();
        tell(BrowserEvent::Listening { wait, uri: format!("http://{host}{PATH}") }).await;
        let until = Instant::now() + self.limit;
        let mut requests = JoinSet::new();
        loop {
            tokio::select! {
                _ = &mut stop => return,
                accepted = timeout_at(until, listener.accept()), if requests.len() < AT_ONCE => match accepted {
                    Ok(Ok((stream, _))) => {
                        let (host, state) = (host.clone(), self.state.clone());
                        requests.spawn(async move { timeout(REQUEST_LIMIT, serve(stream, &host, &state)).await.ok()? });
                    }
                    Ok(Err(error)) => tracing::warn!(%error, "the browser could not be let in"),
                    Err(_elapsed) => return tell(BrowserEvent::Failed { wait, why: BrowserError::TimedOut }).await,
                },
                Some(done) = requests.join_next() => {
                    if let Ok(Some(query)) = done {
                        return tell(BrowserEvent::Came { wait, query }).await;
                    }
                }
            }
        }
    }

    async fn open(&self) -> Option<TcpListener> {
        let any = [0];
        let ports = if self.ports.is_empty() { &any[..] } else { &self.ports };
        for port in ports {
            match TcpListener::bind(("127.0.0.1", *port)).await {
                Ok(listener) => return Some(listener),
                Err(error) => tracing::info!(port, %error, "a port for the browser is not free"),
            }
        }
        None
    }
}

/// Answers one request; gives the query if it is the one that is waited for.
async fn serve(mut stream: TcpStream, host: &str, state: &Private<String>) -> Option<Private<String>> {
    let head = read_head(&mut stream).await;
    let verdict = head.as_deref().map_or(Verdict::NotOurs, |head| judge(head, host, state));
    let page = match &verdict {
        Verdict::Ours { refused: false, .. } => {
            page(200, "You are signed in", "You can close this page and go back to Offhook.")
        }
        Verdict::Ours { refused: true, .. } => {
            page(200, "The sign-in was not completed", "Go back to Offhook; it says why and what to do.")
        }
        Verdict::NotOurs => page(
            400,
            "This does not belong to a sign-in of Offhook",
            "Nothing was changed. If you were signing in, go back to the page before, or press Sign in in Offhook again.",
        ),
        Verdict::NotHere => page(404, "Nothing is here", "This address only takes the answer of a sign-in."),
    };
    // A browser that goes away before it read the page has still brought its answer.
    drop(stream.write_all(page.as_bytes()).await);
    drop(stream.shutdown().await);
    match verdict {
        Verdict::Ours { query, .. } => Some(query),
        Verdict::NotOurs => {
            tracing::warn!("a redirect that does not belong to our sign-in was refused");
            None
        }
        Verdict::NotHere => None,
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(chunk.get(..read)?);
        if head.len() > HEAD_LIMIT {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Ours {
        query: Private<String>,
        /// The service says no.
        refused: bool,
    },
    NotOurs,
    NotHere,
}

/// Whether a request is the answer to our question: the path, the name of this computer as we gave it (a name that
/// only resolves to it is a trick, RFC 8252 §8.3), and the state, once.
fn judge(head: &str, host: &str, state: &Private<String>) -> Verdict {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some("GET"), Some(target), Some("HTTP/1.1" | "HTTP/1.0")) = (words.next(), words.next(), words.next()) else {
        return Verdict::NotOurs;
    };
    let named: Vec<&str> = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, value)| value.trim())
        .collect();
    if named != [host] {
        return Verdict::NotOurs;
    }
    let Some(url) = target.starts_with('/').then(|| Url::parse(&format!("http://{host}{target}")).ok()).flatten()
    else {
        return Verdict::NotOurs;
    };
    if url.path() != PATH {
        return Verdict::NotHere;
    }
    let values =
        |name: &'static str| url.query_pairs().filter(move |(key, _)| key == name).map(|(_, v)| v.into_owned());
    let states: Vec<String> = values("state").collect();
    let (codes, errors) = (values("code").count(), values("error").count());
    if states.as_slice() != [state.reveal().clone()] || codes + errors != 1 {
        return Verdict::NotOurs;
    }
    Verdict::Ours { query: url.query().unwrap_or_default().into(), refused: errors == 1 }
}

/// A page without script, without anything of the request in it, that no cache keeps.
fn page(status: u16, title: &str, text: &str) -> String {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title} – Offhook</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>body{{font:16px/1.5 system-ui,sans-serif;\
         max-width:28rem;margin:20vh auto;padding:0 1rem}}h1{{font-size:1.5rem}}</style>\
         <h1>{title}</h1><p>{text}</p></html>"
    );
    let reason = match status {
        200 => "OK",
        404 => "Not Found",
        _ => "Bad Request",
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    const HOST: &str = "127.0.0.1:21451";

    fn verdict(target: &str, host: &str) -> Verdict {
        judge(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"), HOST, &"right".into())
    }

    #[test]
    fn only_the_answer_to_our_question_is_let_in() {
        let ours = verdict("/callback?code=c&state=right", HOST);
        assert_eq!(ours, Verdict::Ours { query: "code=c&state=right".into(), refused: false });
        assert!(matches!(
            verdict("/callback?error=access_denied&state=right", HOST),
            Verdict::Ours { refused: true, .. }
        ));
        for hostile in [
            "/callback?code=c&state=wrong",
            "/callback?code=c",
            "/callback?state=right",
            "/callback?code=c&state=right&state=wrong",
            "/callback?code=c&code=d&state=right",
            "/callback?code=c&error=e&state=right",
            "http://evil.example/callback?code=c&state=right",
            "//evil.example/callback?code=c&state=right",
        ] {
            assert!(!matches!(verdict(hostile, HOST), Verdict::Ours { .. }), "{hostile}");
        }
        for host in ["evil.example", "localhost:21451", "127.0.0.1:80", "127.0.0.1:21451\r\nHost: evil.example"] {
            assert_eq!(verdict("/callback?code=c&state=right", host), Verdict::NotOurs, "{host}");
        }
        let post = judge(
            &format!("POST /callback?code=c&state=right HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
            HOST,
            &"right".into(),
        );
        assert_eq!((post, verdict("/favicon.ico", HOST)), (Verdict::NotOurs, Verdict::NotHere));
    }

    #[test]
    fn the_page_repeats_nothing_of_the_request_and_runs_no_script() {
        for status in [200, 400, 404] {
            let page = page(status, "t", "x");
            assert!(page.contains("default-src 'none'") && !page.contains("<script"), "{page}");
        }
    }

    fn get(port: u16, target: &str) -> String {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Runs a door and what a test does at it, on a thread of its own.
    fn at_the_door(ports: Vec<u16>, limit: Duration, visit: impl FnOnce(u16) + Send + 'static) -> Vec<BrowserEvent> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (answers, mut inputs) = mpsc::channel(8);
            let (_open, stop) = oneshot::channel();
            let door = Door { wait: RequestId(7), ports, state: "right".into(), limit };
            let task = tokio::spawn(door.run(answers, stop));
            let mut events = Vec::new();
            let mut visit = Some(visit);
            while let Some(Input::Browser(event)) = inputs.recv().await {
                if let BrowserEvent::Listening { uri, .. } = &event {
                    let port = Url::parse(uri).unwrap().port().unwrap();
                    let visit = visit.take().unwrap();
                    std::thread::Builder::new().spawn(move || visit(port)).unwrap();
                }
                events.push(event);
            }
            task.await.unwrap();
            events
        })
    }

    #[test]
    fn a_hostile_redirect_is_refused_and_the_real_one_still_counts() {
        let events = at_the_door(Vec::new(), Duration::from_secs(20), |port| {
            let hostile = get(port, "/callback?code=evil&state=guess");
            assert!(hostile.starts_with("HTTP/1.1 400") && hostile.contains("does not belong"), "{hostile}");
            assert!(get(port, "/favicon.ico").starts_with("HTTP/1.1 404"));
            let page = get(port, "/callback?code=good&state=right");
            assert!(page.starts_with("HTTP/1.1 200") && page.contains("You can close this page"), "{page}");
        });
        let came = BrowserEvent::Came { wait: RequestId(7), query: "code=good&state=right".into() };
        assert_eq!(events.last(), Some(&came));
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn a_port_in_use_is_passed_over_and_none_at_all_is_told() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let events = at_the_door(vec![port], Duration::from_secs(5), |_| {});
        assert_eq!(events, [BrowserEvent::Failed { wait: RequestId(7), why: BrowserError::NoPort }]);
    }

    #[test]
    fn who_never_comes_back_is_not_waited_for_without_end() {
        let events = at_the_door(Vec::new(), Duration::from_millis(30), |_| {});
        assert_eq!(events.last(), Some(&BrowserEvent::Failed { wait: RequestId(7), why: BrowserError::TimedOut }));
    }
}
