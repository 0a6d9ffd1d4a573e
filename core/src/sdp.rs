//! Offers and answers as values (RFC 8866, RFC 3264, RFC 8839): what one audio session needs, read from whatever
//! the far end writes, and written in one shape of our own.
//!
//! [`Remote::parse`] forgives what real servers leave out (`a=mid`, BUNDLE, `a=rtcp-mux`, direction) and refuses
//! only what makes a call impossible. Nothing here panics on any input.

use std::fmt;
use std::fmt::Write as _;

use crate::media::{Codec, Direction};

/// Longest description that is read, in bytes; browsers write about 3 kB for one audio section.
const MAX_LENGTH: usize = 64 * 1024;
/// Media sections that are read and mirrored in an answer; an offer with more is refused.
const MAX_SECTIONS: usize = 8;
/// Formats of one section that are looked at.
const MAX_FORMATS: usize = 64;
/// Remote candidates that are used; more would mean 20 ms rounds of hundreds of checks.
pub const MAX_CANDIDATES: usize = 12;

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    #[error("it is not SDP")]
    NotSdp,
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("it has more than {MAX_SECTIONS} media sections")]
    TooManySections,
    #[error("it has no audio section")]
    NoAudio,
    #[error("it lacks {0}")]
    Missing(&'static str),
    #[error("it uses {0}, which is not supported")]
    Unsupported(String),
}

/// RFC 8839 §5.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCredentials {
    pub ufrag: String,
    pub pwd: String,
}

/// RFC 8122 §5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Lower case, for instance `sha-256`.
    pub algorithm: String,
    pub value: String,
}

/// Who opens the DTLS connection (RFC 8842 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    Active,
    Passive,
    ActPass,
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        })
    }
}

/// One payload type with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pub payload_type: u8,
    pub name: String,
    pub clock_hz: u32,
    pub fmtp: String,
}

/// A media section as an answer has to mirror it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    media: String,
    protocol: String,
    formats: String,
    mid: String,
}

/// What a remote description says about the one audio session.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the text; none depends on another")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub ice: IceCredentials,
    pub ice_lite: bool,
    pub fingerprint: Fingerprint,
    pub setup: Setup,
    pub mid: String,
    /// As written, so seen from the far end.
    pub direction: Direction,
    /// In the order of the media line.
    pub formats: Vec<Format>,
    /// The text after `candidate:`; only UDP, component 1, with an address of digits, at most [`MAX_CANDIDATES`].
    pub candidates: Vec<String>,
    pub end_of_candidates: bool,
    /// Milliseconds of sound per packet that the far end wants.
    pub ptime_ms: Option<u32>,
    sections: Vec<Section>,
    audio: usize,
    bundled: bool,
    /// The far end wrote `a=mid` itself.
    named: bool,
}

/// What both sides have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// In our order of preference; the first is sent, any may arrive.
    pub codecs: Vec<(Codec, u8)>,
    /// telephone-event payload types with their clocks in Hz.
    pub events: Vec<(u8, u32)>,
}

impl Agreed {
    /// What an offer of ours proposes.
    pub fn proposal(codecs: &[Codec]) -> Self {
        let mut events = Vec::new();
        if codecs.contains(&Codec::Opus) {
            events.push((110, 48_000));
        }
        events.push((126, 8_000));
        Self { codecs: codecs.iter().map(|codec| (*codec, codec_facts(*codec).payload_type)).collect(), events }
    }

    /// The codec to send with its payload type.
    pub fn sending(&self) -> Option<(Codec, u8)> {
        self.codecs.iter().copied().find(|(codec, _)| *codec != Codec::ComfortNoise)
    }

    pub fn codec_of(&self, payload_type: u8) -> Option<Codec> {
        self.codecs.iter().find(|(_, candidate)| *candidate == payload_type).map(|(codec, _)| *codec)
    }

    /// The clock of a telephone-event payload type in Hz; `None`: it is none.
    pub fn event_clock(&self, payload_type: u8) -> Option<u32> {
        self.events.iter().find(|(candidate, _)| *candidate == payload_type).map(|(_, clock)| *clock)
    }

    /// The payload type for digits: with the clock of the codec in use (RFC 4733 §2.1), else 8000 as browsers do.
    pub fn event_for(&self, clock_hz: u32) -> Option<(u8, u32)> {
        let with = |wanted: u32| self.events.iter().copied().find(|(_, clock)| *clock == wanted);
        with(clock_hz).or_else(|| with(8_000))
    }
}

struct CodecFacts {
    name: &'static str,
    payload_type: u8,
    /// As `a=rtpmap` writes it.
    rtpmap: &'static str,
    fmtp: &'static str,
}

const fn codec_facts(codec: Codec) -> CodecFacts {
    match codec {
        Codec::Opus => {
            CodecFacts { name: "opus", payload_type: 111, rtpmap: "opus/48000/2", fmtp: "minptime=10;useinbandfec=1" }
        }
        Codec::G722 => CodecFacts { name: "G722", payload_type: 9, rtpmap: "G722/8000", fmtp: "" },
        Codec::Pcmu => CodecFacts { name: "PCMU", payload_type: 0, rtpmap: "PCMU/8000", fmtp: "" },
        Codec::Pcma => CodecFacts { name: "PCMA", payload_type: 8, rtpmap: "PCMA/8000", fmtp: "" },
        Codec::ComfortNoise => CodecFacts { name: "CN", payload_type: 13, rtpmap: "CN/8000", fmtp: "" },
    }
}

/// `direction` as the other side would say it.
pub const fn mirrored(direction: Direction) -> Direction {
    match direction {
        Direction::SendOnly => Direction::RecvOnly,
        Direction::RecvOnly => Direction::SendOnly,
        same => same,
    }
}

pub const fn may_send(direction: Direction) -> bool {
    matches!(direction, Direction::SendRecv | Direction::SendOnly)
}

pub const fn may_receive(direction: Direction) -> bool {
    matches!(direction, Direction::SendRecv | Direction::RecvOnly)
}

/// What both sides allow.
pub const fn narrowed(one: Direction, other: Direction) -> Direction {
    match (may_send(one) && may_send(other), may_receive(one) && may_receive(other)) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}

const fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

fn direction_of(attribute: &str) -> Option<Direction> {
    Some(match attribute {
        "sendrecv" => Direction::SendRecv,
        "sendonly" => Direction::SendOnly,
        "recvonly" => Direction::RecvOnly,
        "inactive" => Direction::Inactive,
        _ => return None,
    })
}

/// Attributes of one level, session or media section.
#[derive(Default)]
struct Level<'a> {
    lines: Vec<&'a str>,
}

impl<'a> Level<'a> {
    /// The value of `a=name:value`.
    fn value(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter_map(move |line| {
            let value = line.strip_prefix(name)?.strip_prefix(':')?.trim();
            (!value.is_empty()).then_some(value)
        })
    }

    fn flag(&self, name: &str) -> bool {
        self.lines.contains(&name)
    }

    fn direction(&self) -> Option<Direction> {
        self.lines.iter().find_map(|line| direction_of(line))
    }
}

impl Remote {
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_LENGTH {
            return Err(SdpError::TooLong);
        }
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        if lines.next() != Some("v=0") {
            return Err(SdpError::NotSdp);
        }
        let mut session = Level::default();
        let mut media: Vec<(&str, Level)> = Vec::new();
        for line in lines {
            if let Some(section) = line.strip_prefix("m=") {
                if media.len() == MAX_SECTIONS {
                    return Err(SdpError::TooManySections);
                }
                media.push((section, Level::default()));
            } else if let Some(attribute) = line.strip_prefix("a=") {
                media.last_mut().map_or(&mut session, |(_, level)| level).lines.push(attribute);
            }
        }
        let sections: Vec<Section> =
            media.iter().enumerate().filter_map(|(index, (line, level))| read_section(index, line, level)).collect();
        if sections.len() != media.len() {
            return Err(SdpError::NotSdp);
        }
        // Port 0 means rejected, unless the section only rides on another one's transport (RFC 8843 §6).
        let audio = media
            .iter()
            .zip(&sections)
            .position(|((line, level), section)| {
                section.media == "audio" && (line.split(' ').nth(1) != Some("0") || level.flag("bundle-only"))
            })
            .ok_or(SdpError::NoAudio)?;
        let (Some((line, level)), Some(section)) = (media.get(audio), sections.get(audio)) else {
            return Err(SdpError::NoAudio);
        };
        // Old servers leave out `UDP/TLS/`; the fingerprint says that it is DTLS all the same.
        if !section.protocol.contains("RTP/SAVP") {
            return Err(SdpError::Unsupported(section.protocol.clone()));
        }
        let either = |name: &'static str| level.value(name).or_else(|| session.value(name));
        let required = |name: &'static str| either(name).ok_or(SdpError::Missing(name));
        let ice = IceCredentials { ufrag: token(required("ice-ufrag")?)?, pwd: token(required("ice-pwd")?)? };
        let setup = match either("setup").unwrap_or("actpass") {
            "active" => Setup::Active,
            "passive" => Setup::Passive,
            "actpass" => Setup::ActPass,
            other => return Err(SdpError::Unsupported(format!("a=setup:{}", shortened(other)))),
        };
        let mut end_of_candidates = level.flag("end-of-candidates") || session.flag("end-of-candidates");
        let candidates: Vec<String> = level
            .values("candidate")
            .chain(session.values("candidate"))
            .filter_map(usable_candidate)
            .take(MAX_CANDIDATES)
            .collect();
        // Who does not trickle has said all it has (RFC 8838 §4.1).
        let trickles = level.values("ice-options").chain(session.values("ice-options")).any(|o| o.contains("trickle"));
        end_of_candidates |= !trickles;
        Ok(Self {
            ice,
            ice_lite: session.flag("ice-lite"),
            fingerprint: read_fingerprint(level, &session)?,
            setup,
            mid: section.mid.clone(),
            direction: level.direction().or_else(|| session.direction()).unwrap_or(Direction::SendRecv),
            formats: read_formats(line, level),
            candidates,
            end_of_candidates,
            ptime_ms: level.value("ptime").and_then(|value| value.parse().ok()).filter(|ms| (1..=200).contains(ms)),
            bundled: session.values("group").any(|group| group.starts_with("BUNDLE")),
            named: level.value("mid").is_some(),
            sections,
            audio,
        })
    }

    /// What the far end and we both have; `None` without a common codec.
    pub fn agree(&self, codecs: &[Codec]) -> Option<Agreed> {
        let common: Vec<(Codec, u8)> = codecs
            .iter()
            .filter_map(|codec| {
                let facts = codec_facts(*codec);
                let format = self.formats.iter().find(|format| {
                    format.name.eq_ignore_ascii_case(facts.name) && format.clock_hz == codec.clock_hz()
                })?;
                Some((*codec, format.payload_type))
            })
            .collect();
        let events = self
            .formats
            .iter()
            .filter(|format| format.name.eq_ignore_ascii_case("telephone-event"))
            .map(|format| (format.payload_type, format.clock_hz))
            .collect();
        // Noise alone is no conversation.
        common.iter().any(|(codec, _)| *codec != Codec::ComfortNoise).then_some(Agreed { codecs: common, events })
    }

    /// The names of what the far end has, for the message that there is nothing in common.
    pub fn offered(&self) -> String {
        let names: Vec<String> =
            self.formats.iter().map(|format| format!("{}/{}", format.name, format.clock_hz)).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }
}

fn read_section(index: usize, line: &str, level: &Level) -> Option<Section> {
    let mut words = line.splitn(4, ' ');
    let (media, _port, protocol) = (words.next()?, words.next()?, words.next()?);
    let mid = level.value("mid").and_then(|mid| token(mid).ok());
    Some(Section {
        media: media.to_owned(),
        protocol: protocol.to_owned(),
        formats: words.next().unwrap_or("0").trim().to_owned(),
        mid: mid.unwrap_or_else(|| index.to_string()),
    })
}

/// A value that goes back on a wire: printable, without spaces, not endless.
fn token(value: &str) -> Result<String, SdpError> {
    let fine = value.len() <= 256 && value.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { Ok(value.to_owned()) } else { Err(SdpError::Unsupported(shortened(value))) }
}

fn shortened(value: &str) -> String {
    value.chars().take(40).collect()
}

fn read_fingerprint(level: &Level, session: &Level) -> Result<Fingerprint, SdpError> {
    let mut other = None;
    for value in level.values("fingerprint").chain(session.values("fingerprint")) {
        let Some((algorithm, value)) = value.split_once(' ') else { continue };
        let algorithm = algorithm.to_ascii_lowercase();
        if algorithm == "sha-256" {
            return Ok(Fingerprint { algorithm, value: token(value.trim())? });
        }
        other = Some(algorithm);
    }
    Err(match other {
        Some(algorithm) => SdpError::Unsupported(format!("the fingerprint {}", shortened(&algorithm))),
        None => SdpError::Missing("fingerprint"),
    })
}

fn read_formats(line: &str, level: &Level) -> Vec<Format> {
    let numbers = line.split(' ').skip(3).take(MAX_FORMATS).filter_map(|word| word.trim().parse::<u8>().ok());
    numbers
        .filter_map(|payload_type| {
            let of = |name: &'static str| {
                level.values(name).find_map(|value| {
                    let (number, rest) = value.split_once(' ')?;
                    (number.parse() == Ok(payload_type)).then(|| rest.trim())
                })
            };
            let fmtp = of("fmtp").unwrap_or_default().to_owned();
            let Some(map) = of("rtpmap") else {
                // Static payload types need no map (RFC 3551 §6).
                let (name, clock_hz) = match payload_type {
                    0 => ("PCMU", 8_000),
                    8 => ("PCMA", 8_000),
                    9 => ("G722", 8_000),
                    13 => ("CN", 8_000),
                    _ => return None,
                };
                return Some(Format { payload_type, name: name.to_owned(), clock_hz, fmtp });
            };
            let mut parts = map.split('/');
            let name = token(parts.next()?).ok()?;
            let clock_hz = parts.next()?.trim().parse().ok()?;
            Some(Format { payload_type, name, clock_hz, fmtp })
        })
        .collect()
}

/// A remote candidate that this engine can use, as `foundation 1 udp priority address port typ type …`, cut down
/// to what matters; `None` for TCP, RTCP (component 2), names (`.local`, mDNS is not asked) and garbage.
pub fn usable_candidate(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("a=").unwrap_or(text);
    let text = text.strip_prefix("candidate:").unwrap_or(text);
    if text.len() > 512 {
        return None;
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [foundation, component, protocol, priority, address, port, typ, kind, extensions @ ..] = words.as_slice()
    else {
        return None;
    };
    let foundation = foundation.get(..foundation.len().min(32))?;
    if *component != "1" || !protocol.eq_ignore_ascii_case("udp") || *typ != "typ" || !foundation.is_ascii() {
        return None;
    }
    let priority: u32 = priority.parse().ok()?;
    let address: std::net::IpAddr = address.parse().ok()?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    if address.is_unspecified() || address.is_multicast() {
        return None;
    }
    if !matches!(*kind, "host" | "srflx" | "prflx" | "relay") {
        return None;
    }
    let mut usable = format!("{foundation} 1 udp {priority} {address} {port} typ {kind}");
    let related =
        |name: &str| extensions.windows(2).find(|pair| pair.first() == Some(&name)).and_then(|pair| pair.get(1));
    if let (Some(address), Some(port)) = (related("raddr"), related("rport")) {
        let address: std::net::IpAddr = address.parse().ok()?;
        let port: u16 = port.parse().ok()?;
        write!(usable, " raddr {address} rport {port}").ok()?;
    }
    Some(usable)
}

/// What goes into a description of ours.
#[derive(Clone, Debug)]
pub struct Local<'a> {
    pub session_id: u64,
    /// Grows with every description of the session (RFC 3264 §5).
    pub version: u64,
    pub ice: &'a IceCredentials,
    pub fingerprint: &'a Fingerprint,
    pub setup: Setup,
    pub mid: &'a str,
    pub direction: Direction,
    pub agreed: &'a Agreed,
    /// None where it is better not said; the receiver then takes the one that comes.
    pub ssrc: Option<u32>,
    pub cname: &'a str,
    /// The text after `candidate:`.
    pub candidates: &'a [String],
    pub end_of_candidates: bool,
    /// The offer this answers.
    pub answers: Option<&'a Remote>,
}

impl fmt::Display for Local<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no=- {} {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", self.session_id, self.version)?;
        if self.answers.is_none_or(|offer| offer.bundled) {
            write!(f, "a=group:BUNDLE {}\r\n", self.mid)?;
        }
        write!(f, "a=msid-semantic: WMS audio\r\n")?;
        let Some(offer) = self.answers else { return self.audio(f, "UDP/TLS/RTP/SAVPF", true) };
        for (index, section) in offer.sections.iter().enumerate() {
            if index == offer.audio {
                self.audio(f, &section.protocol, offer.named || offer.bundled)?;
            } else {
                // RFC 3264 §6: an answer has as many sections as the offer, rejected ones with port 0.
                let Section { media, protocol, formats, mid } = section;
                write!(f, "m={media} 0 {protocol} {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=inactive\r\n")?;
            }
        }
        Ok(())
    }
}

impl Local<'_> {
    fn audio(&self, f: &mut fmt::Formatter<'_>, protocol: &str, named: bool) -> fmt::Result {
        write!(f, "m=audio 9 {protocol}")?;
        for (_, payload_type) in &self.agreed.codecs {
            write!(f, " {payload_type}")?;
        }
        for (payload_type, _) in &self.agreed.events {
            write!(f, " {payload_type}")?;
        }
        write!(f, "\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n")?;
        for candidate in self.candidates {
            write!(f, "a=candidate:{candidate}\r\n")?;
        }
        if self.end_of_candidates {
            write!(f, "a=end-of-candidates\r\n")?;
        }
        write!(f, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=ice-options:trickle\r\n", self.ice.ufrag, self.ice.pwd)?;
        let Fingerprint { algorithm, value } = self.fingerprint;
        write!(f, "a=fingerprint:{algorithm} {value}\r\na=setup:{}\r\n", self.setup)?;
        if named {
            write!(f, "a=mid:{}\r\n", self.mid)?;
        }
        write!(f, "a={}\r\n", direction_word(self.direction))?;
        let may_send = may_send(self.direction);
        if may_send {
            write!(f, "a=msid:audio audio\r\n")?;
        }
        write!(f, "a=rtcp-mux\r\n")?;
        for (codec, payload_type) in &self.agreed.codecs {
            let facts = codec_facts(*codec);
            write!(f, "a=rtpmap:{payload_type} {}\r\n", facts.rtpmap)?;
            if !facts.fmtp.is_empty() {
                write!(f, "a=fmtp:{payload_type} {}\r\n", facts.fmtp)?;
            }
        }
        for (payload_type, clock) in &self.agreed.events {
            write!(f, "a=rtpmap:{payload_type} telephone-event/{clock}\r\na=fmtp:{payload_type} 0-16\r\n")?;
        }
        write!(f, "a=ptime:20\r\na=maxptime:60\r\n")?;
        if let Some(ssrc) = self.ssrc.filter(|_| may_send) {
            write!(f, "a=ssrc:{ssrc} cname:{}\r\n", self.cname)?;
        }
        Ok(())
    }
}

/// The body of the fuzz target for descriptions and candidates: reads, agrees, answers, and reads the answer.
///
/// # Panics
///
/// When our own answer cannot be read again, which is what the fuzzer looks for.
pub fn fuzz(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop(usable_candidate(&text));
    let Ok(remote) = Remote::parse(&text) else { return };
    let Some(agreed) = remote.agree(&Codec::ALL) else { return };
    let answer = Local {
        session_id: 1,
        version: 1,
        ice: &remote.ice,
        fingerprint: &remote.fingerprint,
        setup: Setup::Active,
        mid: &remote.mid,
        direction: mirrored(remote.direction),
        agreed: &agreed,
        ssrc: Some(1),
        cname: "fuzz",
        candidates: &remote.candidates,
        end_of_candidates: remote.end_of_candidates,
        answers: Some(&remote),
    };
    let reread = Remote::parse(&answer.to_string());
    assert!(reread.is_ok(), "our own answer cannot be read: {reread:?}\n{answer}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the vendor's SDK received in a recorded call (Chromium writes it), shortened candidates.
    const BROWSER: &str = "v=0\r\no=- 3949799258108273896 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        a=extmap-allow-mixed\r\na=msid-semantic: WMS e9901bdb\r\nm=audio 40271 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n\
        c=IN IP4 127.0.0.1\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
        a=candidate:445758902 1 udp 2122194687 127.0.0.1 40271 typ host generation 0 network-id 3 network-cost 50\r\n\
        a=candidate:3017690762 1 udp 2122134271 2001:db8::2 36939 typ host generation 0 network-id 2\r\n\
        a=candidate:1683906350 1 tcp 1518214911 127.0.0.1 9 typ host tcptype active generation 0\r\n\
        a=candidate:1 1 udp 2122134271 8f3a1c.local 36939 typ host\r\n\
        a=ice-ufrag:y4cX\r\na=ice-pwd:rX+MebvgXSGJL6lFhJzMrizF\r\na=ice-options:trickle\r\n\
        a=fingerprint:sha-256 0A:6D:EE:DC:B9:67:A3:C5:58:0F:8F:D7:A1:AF:6A:45:5E:82:41:21:5F:8B:2A:65:EA:F5:0C:12:18:8F:D7:F0\r\n\
        a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\n\
        a=msid:e9901bdb 7db3246e\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
        a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n\
        a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
        a=rtpmap:126 telephone-event/8000\r\na=ssrc:3022030106 cname:DknW9ohjAfFKyACo\r\n";

    /// As a SIP server writes it: no mid, no BUNDLE, session-level fingerprint, own payload types, bare line ends.
    const SIP: &str = "v=0\no=root 1 1 IN IP4 192.0.2.1\ns=call\nc=IN IP4 192.0.2.1\nt=0 0\na=ice-lite\n\
        a=fingerprint:SHA-256 AA:BB\na=setup:active\na=sendonly\nm=audio 14000 RTP/SAVPF 97 9 101\n\
        a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=candidate:H1 1 UDP 2130706431 192.0.2.1 14000 typ host\n\
        a=candidate:H1 2 UDP 2130706430 192.0.2.1 14001 typ host\na=rtpmap:97 OPUS/48000/2\na=rtpmap:101 telephone-event/8000\n\
        a=ptime:20\nm=video 0 RTP/SAVPF 96\n";

    fn local<'a>(remote: &'a Remote, agreed: &'a Agreed, candidates: &'a [String]) -> Local<'a> {
        Local {
            session_id: 42,
            version: 3,
            ice: &remote.ice,
            fingerprint: &remote.fingerprint,
            setup: Setup::Active,
            mid: &remote.mid,
            direction: mirrored(remote.direction),
            agreed,
            ssrc: Some(7),
            cname: "name",
            candidates,
            end_of_candidates: false,
            answers: Some(remote),
        }
    }

    #[test]
    fn a_browsers_offer_is_read() {
        let offer = Remote::parse(BROWSER).unwrap();
        assert_eq!((offer.ice.ufrag.as_str(), offer.setup, offer.mid.as_str()), ("y4cX", Setup::ActPass, "0"));
        assert_eq!(offer.candidates.len(), 2, "TCP and .local candidates are left out: {:?}", offer.candidates);
        let agreed = offer.agree(&[Codec::Opus, Codec::Pcma]).unwrap();
        assert_eq!(agreed.codecs, [(Codec::Opus, 111), (Codec::Pcma, 8)]);
        assert_eq!(agreed.events, [(110, 48_000), (126, 8_000)]);
        assert_eq!(agreed.event_for(48_000), Some((110, 48_000)));
        assert!(!offer.end_of_candidates);
    }

    #[test]
    fn a_bare_sip_offer_is_read_and_answered_in_its_own_shape() {
        let offer = Remote::parse(SIP).unwrap();
        assert_eq!((offer.setup, offer.direction, offer.ice_lite), (Setup::Active, Direction::SendOnly, true));
        assert_eq!(offer.fingerprint.algorithm, "sha-256");
        assert_eq!((offer.candidates.len(), offer.end_of_candidates, offer.ptime_ms), (1, true, Some(20)));
        let agreed = offer.agree(&[Codec::Opus]).unwrap();
        assert_eq!((agreed.sending(), agreed.event_for(48_000)), (Some((Codec::Opus, 97)), Some((101, 8_000))));
        let answer = local(&offer, &agreed, &[]).to_string();
        assert!(!answer.contains("BUNDLE") && !answer.contains("a=mid:0\r\n"), "{answer}");
        assert!(answer.contains("m=audio 9 RTP/SAVPF 97 101\r\n") && answer.contains("a=recvonly\r\n"), "{answer}");
        assert!(answer.contains("m=video 0 RTP/SAVPF 96\r\n"), "{answer}");
    }

    #[test]
    fn the_codecs_of_the_telephone_and_comfort_noise_are_answered() {
        let offer = Remote::parse(BROWSER).unwrap();
        let agreed = offer.agree(&Codec::ALL).unwrap();
        assert_eq!(agreed.sending(), Some((Codec::Opus, 111)));
        let answer = local(&offer, &agreed, &[]).to_string();
        assert!(answer.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 13 110 126\r\n"), "{answer}");
        assert!(answer.contains("a=rtpmap:13 CN/8000\r\n"), "{answer}");

        let bare = Remote::parse(&SIP.replace("97 9 101", "13 8 0 101")).unwrap();
        let agreed = bare.agree(&Codec::ALL).unwrap();
        assert_eq!((agreed.sending(), agreed.codec_of(13)), (Some((Codec::Pcmu, 0)), Some(Codec::ComfortNoise)));
        let noise = Remote::parse(&SIP.replace("97 9 101", "13 101")).unwrap();
        assert_eq!(noise.agree(&Codec::ALL), None);
    }

    #[test]
    fn our_answer_has_both_event_clocks_and_the_packet_time() {
        let offer = Remote::parse(BROWSER).unwrap();
        let agreed = offer.agree(&[Codec::Opus]).unwrap();
        let candidates = ["1 1 udp 2130706431 10.0.0.1 5000 typ host".to_owned()];
        let answer = local(&offer, &agreed, &candidates).to_string();
        for line in [
            "a=group:BUNDLE 0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 110 126",
            "a=fmtp:111 minptime=10;useinbandfec=1",
            "a=rtpmap:110 telephone-event/48000",
            "a=fmtp:126 0-16",
            "a=ptime:20",
            "a=candidate:1 1 udp 2130706431 10.0.0.1 5000 typ host",
            "a=sendrecv",
        ] {
            assert!(answer.lines().any(|candidate| candidate == line), "no {line} in\n{answer}");
        }
        let reread = Remote::parse(&answer).unwrap();
        assert_eq!((reread.agree(&[Codec::Opus]).unwrap(), reread.candidates), (agreed, candidates.to_vec()));
    }

    #[test]
    fn what_makes_a_call_impossible_is_named() {
        let check = |text: &str, expected: &str| assert_eq!(Remote::parse(text).unwrap_err().to_string(), expected);
        check("hello", "it is not SDP");
        check("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96", "it has no audio section");
        check(&BROWSER.replace("ice-pwd", "x-pwd"), "it lacks ice-pwd");
        check(&BROWSER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "it uses RTP/AVP, which is not supported");
        check(&BROWSER.replace("sha-256", "sha-512"), "it uses the fingerprint sha-512, which is not supported");
        check(&"v=0\r\n".repeat(20_000), "it is longer than 65536 bytes");
        let offer = Remote::parse(&BROWSER.replace("opus", "speex")).unwrap();
        assert_eq!(offer.agree(&[Codec::Opus]), None);
        assert!(offer.offered().starts_with("speex/48000, red/48000"), "{}", offer.offered());
    }

    #[test]
    fn candidates_are_cut_down_to_what_is_used() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(usable_candidate(text).as_deref(), expected);
        check(
            "candidate:1 1 UDP 41885439 198.51.100.7 50000 typ relay raddr 0.0.0.0 rport 9 generation 0 ufrag Vtpd",
            Some("1 1 udp 41885439 198.51.100.7 50000 typ relay raddr 0.0.0.0 rport 9"),
        );
        check("a=candidate:1 1 udp 1 ::1 5 typ host tcptype x", Some("1 1 udp 1 ::1 5 typ host"));
        check("1 2 udp 1 10.0.0.1 5 typ host", None);
        check("1 1 udp 1 0.0.0.0 5 typ host", None);
        check("1 1 udp 1 10.0.0.1 0 typ host", None);
        check("1 1 udp 99999999999 10.0.0.1 5 typ host", None);
        check("", None);
    }

    #[test]
    fn directions_mirror_and_narrow() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        for direction in [SendRecv, SendOnly, RecvOnly, Inactive] {
            assert_eq!(mirrored(mirrored(direction)), direction);
            assert_eq!(narrowed(SendRecv, direction), direction);
            assert_eq!(narrowed(Inactive, direction), Inactive);
        }
        assert_eq!(narrowed(SendOnly, RecvOnly), Inactive);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,400}") {
            fuzz(text.as_bytes());
        }

        /// Real descriptions with lines dropped, doubled, swapped and cut.
        #[test]
        fn damaged_descriptions_are_read_without_panic(
            which in 0..2_usize,
            edits in prop::collection::vec((0..4_u8, 0..60_usize, 0..60_usize), 0..12),
        ) {
            let mut lines: Vec<String> = [BROWSER, SIP][which].lines().map(str::to_owned).collect();
            for (edit, at, to) in edits {
                if lines.is_empty() { break }
                let (at, to) = (at % lines.len(), to % lines.len());
                match edit {
                    0 => drop(lines.remove(at)),
                    1 => { let line = lines[at].clone(); lines.insert(to, line) }
                    2 => lines.swap(at, to),
                    _ => { let cut = to.min(lines[at].len()); lines[at].truncate(cut) }
                }
            }
            fuzz(lines.join("\r\n").as_bytes());
        }
    }
}
