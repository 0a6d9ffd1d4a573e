//! Bodies of the fuzz targets: whatever bytes come, nothing panics.

use std::time::{Duration, Instant};

use super::{GenesysLine, stanza, wire};
use crate::command::SignIn;
use crate::entropy::Entropy;
use crate::ids::{LineId, LinkId, RequestId};
use crate::input::{HttpResponse, LinkClosed};
use crate::line::{Line, LineCommand, LineInput, LineOutput};

/// One message of the stream.
pub fn stanza(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        drop(stanza::parse(text));
        drop(stanza::parse_rtc(text));
    }
}

/// The JSON of a notification.
pub fn notification(data: &[u8]) {
    if let Some(event) = wire::parse::<wire::Notification<wire::Conversation>>(data) {
        let body = event.event_body;
        for user in body.participants.iter().map(|participant| participant.user().to_owned()) {
            if let Some(mine) = body.mine(&user) {
                drop((mine.call(), body.other(mine).and_then(wire::Participant::call), body.queue(mine)));
            }
        }
    }
    drop(wire::parse::<wire::Notification<wire::StationEvent>>(data));
    drop(wire::parse::<wire::Notification<wire::PersistentEvent>>(data));
}

/// The body of any answer.
pub fn http_body(data: &[u8]) {
    drop(wire::parse::<wire::TokenReply>(data));
    drop(wire::parse::<wire::Organisation>(data));
    drop(wire::parse::<wire::Me>(data));
    drop(wire::parse::<wire::Channel>(data));
    drop(wire::parse::<wire::Station>(data));
    drop(wire::parse::<wire::Page<wire::Station>>(data));
    drop(wire::parse::<wire::Page<wire::Conversation>>(data));
    drop(wire::parse::<wire::Created>(data));
    drop(wire::parse::<wire::Failure>(data));
    drop(wire::parse::<wire::Page<wire::AdminPhone>>(data));
    drop(wire::parse::<wire::Page<wire::Subscription>>(data));
    drop(wire::parse::<wire::OneOrMany<wire::WrapUpCode>>(data));
    drop(wire::parse::<wire::ConsultStarted>(data));
}

/// What the browser brings back.
pub fn sign_in_answer(data: &[u8]) {
    super::signin::fuzz_answer(data);
}

/// A whole line that signs in and is told nonsense: each piece of the data, cut at line feeds, answers whatever it
/// asked last, or arrives on the stream.
pub fn line(now: Instant, data: &[u8]) {
    let sign_in = SignIn::Token { environment: "example.com".into(), token: "t".into() };
    let mut line =
        GenesysLine::new(LineId(1), sign_in, Entropy::from_secret([1; 32]), 1, super::LineOptions::default());
    let mut now = now;
    line.command(now, LineCommand::Connect);
    let (mut request, mut link) = (RequestId(0), LinkId(0));
    for piece in data.split(|byte| *byte == b'\n').take(200) {
        while let Some(output) = line.poll() {
            match output {
                LineOutput::Http(http) => request = http.request,
                LineOutput::OpenLink { link: opened, .. } => {
                    link = opened;
                    line.receive(now, LineInput::LinkOpened { link });
                }
                _ => {}
            }
        }
        let (kind, rest) = piece.split_first().map_or((0, piece), |(kind, rest)| (*kind, rest));
        match kind % 4 {
            0 => {
                let response = HttpResponse { status: 200, retry_after_s: None, location: None, body: rest.to_vec() };
                line.receive(now, LineInput::HttpDone { request, result: Ok(response) });
            }
            1 => {
                let text = String::from_utf8_lossy(rest).into_owned();
                line.receive(now, LineInput::LinkReceived { link, text });
            }
            2 => line.receive(now, LineInput::LinkClosed { link, why: LinkClosed::ByServer }),
            _ => {
                now += Duration::from_secs(u64::from(kind));
                line.tick(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_anything_panic(data: Vec<u8>) {
            stanza(&data);
            notification(&data);
            http_body(&data);
            sign_in_answer(&data);
            line(crate::media::testing::epoch(), &data);
        }
    }
}
