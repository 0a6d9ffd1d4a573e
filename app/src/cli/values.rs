//! The small languages inside options: lengths of time, sounds, TURN URLs, faults.

use std::path::PathBuf;
use std::time::Duration;

use phone_audio::sound::{Choice, Wish};
use phone_core::media::{Codec, TurnTransport};
use phone_exchange::Fault;

/// Longest time anybody may ask for; keeps sums of times away from overflow.
const LONGEST: Duration = Duration::from_hours(24 * 365);
/// What a tone may be, in Hz: what the narrowest codec carries at most, and what can be heard at least.
const TONE_HZ: std::ops::RangeInclusive<f32> = 20.0..=20_000.0;

/// `10s`, `500ms`, `2m`, `1h`, `1.5s`; a bare number means seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write for instance 500ms, 10s, 2m or 1h");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1_000.0,
        "" | "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return Err(wrong()),
    };
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if duration > LONGEST { Err(format!("`{text}` is more than a year")) } else { Ok(duration) }
}

/// What the other side hears.
pub fn input(text: &str) -> Result<Choice, String> {
    if let Some(hz) = text.strip_prefix("tone:") {
        return match hz.parse() {
            Ok(hz) if TONE_HZ.contains(&hz) => Ok(Choice::Tone(hz)),
            _ => Err(format!("`{hz}` is no frequency between 20 and 20000 Hz; write for instance tone:440")),
        };
    }
    match text {
        "silence" => Ok(Choice::Silence),
        "null" => Err("null is an output; for an input write silence".to_owned()),
        _ => device_or_file(text, "device:ID, tone:HZ, silence"),
    }
}

/// Where what is heard goes.
pub fn output(text: &str) -> Result<Choice, String> {
    match text {
        "null" => Ok(Choice::Null),
        "silence" => Err("silence is an input; for an output write null".to_owned()),
        _ if text.starts_with("tone:") => Err("a tone is an input; for an output write FILE.wav or null".to_owned()),
        _ => device_or_file(text, "device:ID, null"),
    }
}

fn device_or_file(text: &str, others: &str) -> Result<Choice, String> {
    match text.split_once(':') {
        _ if text == "default" => Ok(Choice::FollowSystem),
        Some(("device", "")) => Err("a device's id is missing; `offhook devices` lists them".to_owned()),
        Some(("device", id)) => Ok(Choice::Device(id.to_owned())),
        Some(("prefer", names)) => ranked(names),
        // An id without its prefix is the likeliest slip.
        _ if !is_wav(text) => {
            Err(format!("`{text}` is neither a .wav file nor one of {others}, default (`offhook devices` lists ids)"))
        }
        _ => Ok(Choice::WavFile(PathBuf::from(text))),
    }
}

/// `prefer:Jabra*,*USB*,default`: names in the order they are preferred; `*` stands for anything.
fn ranked(names: &str) -> Result<Choice, String> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    if names.iter().any(|name| name.is_empty()) {
        return Err("a name is missing; write prefer:Jabra*,*USB*,default".to_owned());
    }
    let wish = |name: &str| if name == "default" { Wish::System } else { Wish::Named(name.to_owned()) };
    Ok(Choice::Ranked(names.into_iter().map(wish).collect()))
}

fn is_wav(text: &str) -> bool {
    std::path::Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case("wav"))
}

/// A TURN server as RFC 7065 writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnUrl {
    pub host: String,
    pub port: u16,
    pub transport: TurnTransport,
}

/// `turn:host[:port][?transport=udp|tcp]` or `turns:host[:port]` (RFC 7065 §3.1).
pub fn turn_url(text: &str) -> Result<TurnUrl, String> {
    let wrong = |why: &str| format!("{why}; write turn:HOST:PORT?transport=udp (or tcp), or turns:HOST:PORT");
    let (scheme, rest) = text.split_once(':').ok_or_else(|| wrong("this is no TURN URL"))?;
    let (server, query) = rest.split_once('?').unwrap_or((rest, ""));
    let transport = match (scheme, query) {
        ("turn", "" | "transport=udp") => TurnTransport::Udp,
        ("turn", "transport=tcp") => TurnTransport::Tcp,
        ("turns", "" | "transport=tcp") => TurnTransport::Tls,
        ("turn" | "turns", _) => return Err(wrong("this transport is not known")),
        _ => return Err(wrong("this is no TURN URL")),
    };
    let standard = if transport == TurnTransport::Tls { 5349 } else { 3478 };
    let (host, port) = match server.rsplit_once(':') {
        // An IPv6 address in brackets has colons of its own.
        Some((host, port)) if !port.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("the port is no number"))?)
        }
        _ => (server, standard),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(wrong("the host is missing"));
    }
    Ok(TurnUrl { host: host.to_owned(), port, transport })
}

/// A fault, and how long after the start it happens.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultAt {
    pub after: Duration,
    pub fault: Fault,
    /// As it was written.
    pub text: String,
}

/// The name without the clock; empty for what nobody can speak with.
fn short_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::G722 => "g722",
        Codec::Pcmu => "pcmu",
        Codec::Pcma => "pcma",
        Codec::ComfortNoise => "",
    }
}

/// `NAME[=VALUE][@TIME]`.
pub fn fault(text: &str) -> Result<FaultAt, String> {
    let (what, after) = match text.rsplit_once('@') {
        Some((what, time)) => (what, duration(time)?),
        None => (text, Duration::ZERO),
    };
    let (name, value) = what.split_once('=').map_or((what, None), |(name, value)| (name, Some(value)));
    let fault = match (name, value) {
        ("drop-sockets", None) => Fault::DropSockets,
        ("rest-status", Some("ok")) => Fault::RestStatus(None),
        ("rest-status", Some(status)) => match status.parse() {
            Ok(status @ 400..=599) => Fault::RestStatus(Some(status)),
            _ => return Err(format!("`{status}` is no HTTP error status between 400 and 599")),
        },
        ("refuse-login", None) => Fault::RefuseLogin(true),
        ("stall", None) => Fault::Stall(true),
        ("expire-tokens", None) => Fault::ExpireTokens,
        ("lose-media", Some(share)) => Fault::LoseMedia(share_of(share)?),
        ("garbage", Some(text)) => Fault::SendGarbage(text.to_owned()),
        ("unknown-codec", None) => Fault::OfferUnknownCodec(true),
        ("codec", Some(name)) => match Codec::ALL.iter().find(|codec| short_name(**codec).eq_ignore_ascii_case(name)) {
            Some(codec) => Fault::OfferOnly(vec![*codec, Codec::ComfortNoise]),
            None => return Err(format!("`{name}` is no codec of the practice exchange (opus, g722, pcmu or pcma)")),
        },
        ("stop-turn", None) => Fault::StopTurn(true),
        ("lose-channels", None) => Fault::LoseChannels,
        ("ask-reconnect", None) => Fault::AskReconnect,
        ("reinvite", None) => Fault::Reinvite,
        _ => {
            return Err(format!(
                "`{what}` is no fault of the practice exchange (`offhook exchange --help` lists them)"
            ));
        }
    };
    Ok(FaultAt { after, fault, text: text.to_owned() })
}

/// `5%` or `0.05`, as 0–1.
fn share_of(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    share
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("`{text}` is no share; write for instance 5% or 0.05"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_unit() {
        for (text, millis) in
            [("10s", 10_000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000), ("1.5s", 1_500), ("3", 3_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "soon", "-1s", "1d", "1.2.3s", "NaN", "inf", "9e999", "99999999h", "1 s"] {
            assert!(duration(text).is_err(), "{text} was understood");
        }
    }

    #[test]
    fn sounds_are_read() {
        assert_eq!(input("tone:440"), Ok(Choice::Tone(440.0)));
        assert_eq!(input("silence"), Ok(Choice::Silence));
        assert_eq!(input("default"), Ok(Choice::FollowSystem));
        let ranked = vec![Wish::Named("Jabra*".to_owned()), Wish::System];
        assert_eq!(input("prefer:Jabra*, default"), Ok(Choice::Ranked(ranked)));
        assert!(input("prefer:Jabra*,").is_err());
        assert_eq!(input("device:pulseaudio:mic"), Ok(Choice::Device("pulseaudio:mic".to_owned())));
        assert_eq!(input("a/b.WAV"), Ok(Choice::WavFile("a/b.WAV".into())));
        assert_eq!(output("null"), Ok(Choice::Null));
        assert_eq!(output("C:\\x\\heard.wav"), Ok(Choice::WavFile("C:\\x\\heard.wav".into())));
        for text in ["", "tone:", "tone:high", "tone:0", "tone:NaN", "device:", "speech.mp3", "pulseaudio:mic", "null"]
        {
            assert!(input(text).is_err(), "{text} was understood as an input");
        }
        for text in ["", "tone:440", "silence", "device:"] {
            assert!(output(text).is_err(), "{text} was understood as an output");
        }
    }

    #[test]
    fn turn_urls_are_read_as_the_rfc_writes_them() {
        let url = |host: &str, port, transport| Ok(TurnUrl { host: host.to_owned(), port, transport });
        assert_eq!(turn_url("turn:h:1"), url("h", 1, TurnTransport::Udp));
        assert_eq!(turn_url("turn:h"), url("h", 3478, TurnTransport::Udp));
        assert_eq!(turn_url("turn:h:1?transport=tcp"), url("h", 1, TurnTransport::Tcp));
        assert_eq!(turn_url("turns:h"), url("h", 5349, TurnTransport::Tls));
        assert_eq!(turn_url("turn:[::1]:7?transport=udp"), url("::1", 7, TurnTransport::Udp));
        assert_eq!(turn_url("turn:[::1]"), url("::1", 3478, TurnTransport::Udp));
        for text in
            ["", "turn", "turn:", "turn::1", "turn:h:0", "turn:h:x", "turn:h:1?transport=tls", "stun:h", "http://h"]
        {
            assert!(turn_url(text).is_err(), "{text} was understood");
        }
    }

    #[test]
    fn faults_are_read_with_their_time() {
        assert_eq!(
            fault("drop-sockets@30s").map(|f| (f.fault, f.after)),
            Ok((Fault::DropSockets, Duration::from_secs(30)))
        );
        assert_eq!(fault("rest-status=503").map(|f| f.fault), Ok(Fault::RestStatus(Some(503))));
        assert_eq!(fault("rest-status=ok@1m").map(|f| f.fault), Ok(Fault::RestStatus(None)));
        assert_eq!(fault("lose-media=0.1").map(|f| f.fault), Ok(Fault::LoseMedia(0.1)));
        assert_eq!(fault("garbage=<x").map(|f| f.fault), Ok(Fault::SendGarbage("<x".to_owned())));
        for text in ["", "rest-status", "rest-status=200", "lose-media=200%", "drop-sockets=1", "stall@soon", "x"] {
            assert!(fault(text).is_err(), "{text} was understood");
        }
    }
}
