//! The last things that happened, for support: what came in and what went out, with times, and nothing private.
//!
//! With the same secret ([`Phone::with_secret`](crate::Phone::with_secret)) and the same inputs a phone does the same
//! again, so a journal names what to feed in; contents of messages are left out on purpose.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use crate::input::Input;
use crate::media::MediaEvent;
use crate::output::{MediaCommand, Output};

/// Entries kept; the oldest goes.
const MAX_ENTRIES: usize = 2_000;
/// Longest text of one entry, in characters.
const MAX_TEXT: usize = 240;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Since the phone was made.
    pub at: Duration,
    pub way: Way,
    pub text: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.way == Way::In { '>' } else { '<' };
        write!(f, "{:>10.3} {way} {}", self.at.as_secs_f64(), self.text)
    }
}

#[derive(Clone, Debug)]
pub struct Journal {
    start: Instant,
    last: Instant,
    entries: VecDeque<Entry>,
    dropped: u64,
}

impl Journal {
    pub fn new(start: Instant) -> Self {
        Self { start, last: start, entries: VecDeque::new(), dropped: 0 }
    }

    /// The time of the last input.
    pub fn last(&self) -> Instant {
        self.last
    }

    /// Oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Entries that had to go.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn input(&mut self, now: Instant, input: &Input) {
        self.last = now;
        let text = match input {
            // Once a second each, or at every deadline: they would push out what matters.
            Input::Tick
            | Input::AudioStats { .. }
            | Input::Media(MediaEvent::Counted { .. } | MediaEvent::Stats { .. }) => return,
            // Digits may be a PIN.
            Input::Command(crate::Command::SendDigits { call, digits }) => {
                format!("command send {} digits in call {call}", digits.chars().count())
            }
            Input::Media(MediaEvent::Digit { session, .. }) => format!("media digit of session {session}"),
            Input::Media(MediaEvent::DigitSent { session, .. }) => format!("media digit sent of session {session}"),
            Input::Command(command) => format!("command {command:?}"),
            Input::LinkReceived { link, text } => format!("link {link} received {}", outline(text)),
            Input::HttpDone { request, result: Ok(response) } => {
                format!("http {request} status {} with {} bytes", response.status, response.body.len())
            }
            Input::HttpDone { request, result: Err(error) } => format!("http {request} failed: {error}"),
            Input::Media(MediaEvent::Description { session, kind, sdp }) => {
                format!("media description {kind:?} of session {session}, {} bytes", sdp.len())
            }
            Input::Media(MediaEvent::LocalCandidate { session, candidate, .. }) => {
                format!("media candidate of session {session}: {}", candidate_kind(candidate))
            }
            Input::Media(event) => format!("media {event:?}"),
            other => format!("{other:?}"),
        };
        self.push(now, Way::In, text);
    }

    pub(crate) fn output(&mut self, now: Instant, output: &Output) {
        let text = match output {
            Output::SendText { link, text } => format!("link {link} send {}", outline(text.reveal())),
            Output::Http(request) => {
                let path = request.url.split(['?', '#']).next().unwrap_or_default();
                let path = path.split_once("://").map_or(path, |(_, rest)| rest.trim_start_matches(|c| c != '/'));
                format!("http {} {:?} {path}", request.request, request.method)
            }
            Output::OpenLink { link, .. } => format!("link {link} open"),
            Output::Media(MediaCommand::AcceptOffer { session, offer, config }) => {
                format!("media accept offer of session {session}, {} bytes, {:?}", offer.len(), config.relay)
            }
            Output::Media(MediaCommand::AddRemoteCandidate { session, candidate }) => {
                format!("media remote candidate of session {session}: {}", candidate_kind(candidate))
            }
            Output::Media(MediaCommand::Prepare { config }) => {
                format!("media prepare {:?} with {} servers", config.relay, config.servers.len())
            }
            Output::Event(crate::Event::Quality { .. }) | Output::Media(MediaCommand::Count { .. }) => return,
            Output::Event(crate::Event::DigitSent { call, .. }) => format!("event digit sent in call {call}"),
            Output::Event(crate::Event::DigitReceived { call, .. }) => format!("event digit received in call {call}"),
            Output::Sound(crate::sound::SoundCommand::DigitTone(_)) => "sound tone of a digit".to_owned(),
            Output::Media(MediaCommand::SendDigits { session, digits }) => {
                format!("media send {} digits in session {session}", digits.chars().count())
            }
            Output::Event(crate::Event::Ended { call, report }) => {
                format!("event ended call {call}: {:?} by {:?}, {:?}", report.end_reason, report.ended_by, report.code)
            }
            Output::Event(crate::Event::Measured(measured)) => {
                let done = if measured.result.is_ok() { "done" } else { "not done" };
                format!("event measurement {} {done}: {:?}", measured.id.0, measured.what)
            }
            Output::Event(event) => format!("event {event:?}"),
            other => format!("{other:?}"),
        };
        self.push(now, Way::Out, text);
    }

    fn push(&mut self, now: Instant, way: Way, mut text: String) {
        if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
            text.truncate(end);
        }
        tracing::debug!(target: "phone_core::journal", "{} {text}", if way == Way::In { '>' } else { '<' });
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
            self.dropped += 1;
        }
        let at = now.saturating_duration_since(self.start);
        self.entries.push_back(Entry { at, way, text });
    }
}

/// The names of the elements of a message, and its size: what it is, without what it says.
fn outline(text: &str) -> String {
    let names: Vec<&str> = text
        .split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with('/'))
        .filter_map(|tag| tag.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '-')).next())
        .filter(|name| !name.is_empty())
        .take(4)
        .collect();
    format!("{} ({} bytes)", names.join("/"), text.len())
}

/// `typ host` and the transport; the address is private.
fn candidate_kind(candidate: &str) -> String {
    let words: Vec<&str> = candidate.split_ascii_whitespace().collect();
    let kind = words.iter().position(|word| *word == "typ").and_then(|at| words.get(at + 1)).unwrap_or(&"?");
    format!("{kind} over {}", words.get(2).unwrap_or(&"?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LinkId;
    use crate::{Command, SignIn};

    #[test]
    fn nothing_private_is_written() {
        let start = crate::media::testing::epoch();
        let mut journal = Journal::new(start);
        let token = SignIn::Token { environment: "mypurecloud.de".into(), token: "SECRET".into() };
        journal.input(start, &Input::Command(Command::SignIn(token)));
        journal.input(start, &Input::Command(Command::Dial { to: "+49301234".into() }));
        let text = "<message from=\"+49301234@x\"><propose id=\"S\"/></message>".to_owned();
        journal.input(start + Duration::from_millis(1500), &Input::LinkReceived { link: LinkId(1), text });
        let pin = Command::SendDigits { call: crate::ids::CallId(1), digits: "8315".into() };
        journal.input(start, &Input::Command(pin));
        let digits = MediaCommand::SendDigits { session: crate::ids::SessionId(1), digits: "8315".into() };
        journal.output(start, &Output::Media(digits));
        let text = journal.entries().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(!text.contains("8315"), "a PIN is in the journal: {text}");
        assert!(!text.contains("SECRET") && !text.contains("+4930"), "{text}");
        assert!(text.contains("1.500 > link 1 received message/propose (55 bytes)"), "{text}");
    }

    #[test]
    fn the_journal_keeps_the_newest() {
        let start = crate::media::testing::epoch();
        let mut journal = Journal::new(start);
        for link in 0..2_100 {
            journal.input(start, &Input::LinkOpened { link: LinkId(link) });
        }
        assert_eq!((journal.entries().count(), journal.dropped()), (MAX_ENTRIES, 100));
        assert!(journal.entries().last().unwrap().text.contains("2099"));
    }
}
