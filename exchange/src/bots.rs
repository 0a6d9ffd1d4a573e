//! What a session hears: packets reflected, packets of another session, or packets made here.
//!
//! Pure: the caller passes the time and sends what comes out. Reflected and forwarded payloads keep their bytes; the
//! media engine gives them new sequence numbers and time stamps.

use std::io::Cursor;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use opus::{Application, Bitrate, Channels, Encoder};
use phone_audio::codec::{Coding, Encoder as FrameEncoder, MAX_PAYLOAD_BYTES};
use phone_audio::resample::IntoFrames;
use phone_audio::{FRAME_SAMPLES, Frame};
use phone_core::ids::SessionId;
use phone_core::media::{Codec, RTP_CLOCK_HZ};

use crate::mixer::Seat;

/// One packet.
const PACKET: Duration = Duration::from_millis(20);
const PACKET_TICKS: u32 = RTP_CLOCK_HZ / 50;
/// When the loop was kept from running this long, the packets in between are left out instead of sent in a burst.
const LATE: Duration = Duration::from_millis(200);
/// Longest Opus packet we make, in bytes.
const LONGEST_PACKET: usize = 400;
/// 20 ms of silence: a CELT full-band frame without content (RFC 6716 §3.1).
pub const SILENT_PACKET: [u8; 3] = [0xf8, 0xff, 0xfe];
/// 5 ms of the same.
pub const SHORT_SILENT_PACKET: [u8; 3] = [0xe8, 0xff, 0xfe];
/// Between short packets, and how many there are before the far side's own packets must do.
const SHORT: Duration = Duration::from_millis(5);
const MOST_SHORT: u32 = 12;

/// Where what a session hears comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// Nothing is sent.
    #[default]
    Silence,
    /// Its own packets.
    Echo,
    Music,
    /// A few sentences, then nothing.
    Speech,
    Ringback,
    /// The packets of this other session.
    Peer(SessionId),
    /// Everybody else in a room.
    Room(Seat),
}

/// Short packets of silence at the start of what is reflected or forwarded, until its first own packet: a phone that
/// begins to listen a moment later than we begin to send hears that media flows without waiting for 20 ms.
pub struct LeadIn {
    due: Instant,
    left: u32,
}

impl LeadIn {
    pub fn new(now: Instant) -> Self {
        Self { due: now, left: MOST_SHORT }
    }

    pub fn due(&self) -> Option<Instant> {
        (self.left > 0).then_some(self.due)
    }

    /// Whether a [`SHORT_SILENT_PACKET`] is to be sent now.
    pub fn play(&mut self, now: Instant) -> bool {
        if self.left == 0 || now < self.due {
            return false;
        }
        self.left -= 1;
        self.due = now.max(self.due) + SHORT;
        true
    }
}

/// Makes the packets of one route.
pub struct Player {
    clip: Clip,
    voice: Voice,
    /// Samples played so far.
    position: usize,
    due: Instant,
    samples: Vec<i16>,
}

/// How a player codes what it plays.
enum Voice {
    Opus(Encoder),
    /// From the clip's rate to frames, and frames to packets.
    Telephone {
        frames: Box<IntoFrames>,
        encoder: Box<dyn FrameEncoder>,
    },
}

impl Voice {
    fn telephone(codec: Codec, rate_hz: u32) -> Option<Self> {
        let encoder = telephone(codec)?.encoder().ok()?;
        Some(Self::Telephone { frames: Box::new(IntoFrames::new(rate_hz).ok()?), encoder })
    }

    /// 20 ms to a packet with its ticks.
    fn encode(&mut self, samples: &[i16]) -> Option<(Vec<u8>, u32)> {
        match self {
            Self::Opus(encoder) => Some((encoder.encode_vec(samples, LONGEST_PACKET).ok()?, PACKET_TICKS)),
            Self::Telephone { frames, encoder } => {
                let mut payload = [0; MAX_PAYLOAD_BYTES];
                let mut frame = Frame::SILENCE;
                let mut packet = None;
                for half in samples.chunks(samples.len().div_ceil(2).max(1)) {
                    let half: Vec<f32> = half.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
                    frames.process(&half, &mut frame);
                    if let Some(length) = encoder.push(&frame, &mut payload).ok()? {
                        packet = payload.get(..length).map(<[u8]>::to_vec);
                    }
                }
                Some((packet?, encoder.packet_ticks()))
            }
        }
    }
}

fn telephone(codec: Codec) -> Option<Coding> {
    match codec {
        Codec::G722 => Some(Coding::G722),
        Codec::Pcmu => Some(Coding::Pcmu),
        Codec::Pcma => Some(Coding::Pcma),
        Codec::Opus | Codec::ComfortNoise => None,
    }
}

/// 20 ms of silence, and the ticks it stands for.
pub fn silent_packet(codec: Codec) -> (Vec<u8>, u32) {
    let made = || {
        let mut encoder = telephone(codec)?.encoder().ok()?;
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        encoder.push(&Frame([0.0; FRAME_SAMPLES]), &mut payload).ok()?;
        let length = encoder.push(&Frame::SILENCE, &mut payload).ok()??;
        Some((payload.get(..length)?.to_vec(), encoder.packet_ticks()))
    };
    made().unwrap_or_else(|| (SILENT_PACKET.to_vec(), opus_ticks(&SILENT_PACKET)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clip {
    Music,
    Speech,
    Ringback,
}

impl Clip {
    const fn rate_hz(self) -> usize {
        match self {
            Self::Music => 48_000,
            Self::Speech | Self::Ringback => 16_000,
        }
    }
}

impl Player {
    /// A player whose first packet is due at once; `None` for routes that need none.
    pub fn new(now: Instant, route: Route, codec: Codec) -> Option<Self> {
        let clip = match route {
            Route::Music => Clip::Music,
            Route::Speech => Clip::Speech,
            Route::Ringback => Clip::Ringback,
            Route::Silence | Route::Echo | Route::Peer(_) | Route::Room(_) => return None,
        };
        let (application, bits) = match clip {
            Clip::Music => (Application::Audio, 48_000),
            Clip::Speech | Clip::Ringback => (Application::Voip, 32_000),
        };
        let rate = u32::try_from(clip.rate_hz()).unwrap_or(RTP_CLOCK_HZ);
        let voice = if codec == Codec::Opus {
            let mut encoder = Encoder::new(rate, Channels::Mono, application).ok()?;
            encoder.set_bitrate(Bitrate::Bits(bits)).ok()?;
            encoder.set_complexity(5).ok()?;
            Voice::Opus(encoder)
        } else {
            Voice::telephone(codec, rate)?
        };
        Some(Self { clip, voice, position: 0, due: now, samples: vec![0; clip.rate_hz() / 50] })
    }

    pub fn due(&self) -> Instant {
        self.due
    }

    /// The packet that is due and how many ticks it stands for; `None` when it is too early or the clip has ended.
    pub fn play(&mut self, now: Instant) -> Option<(Vec<u8>, u32)> {
        if now < self.due || self.ended() {
            return None;
        }
        if now.saturating_duration_since(self.due) > LATE {
            self.due = now;
        }
        self.due += PACKET;
        for (offset, sample) in self.samples.iter_mut().enumerate() {
            *sample = match self.clip {
                Clip::Music => music(self.position + offset),
                Clip::Speech => SPEECH.get(self.position + offset).copied().unwrap_or_default(),
                Clip::Ringback => ringback(self.position + offset),
            };
        }
        self.position += self.samples.len();
        self.voice.encode(&self.samples)
    }

    pub fn ended(&self) -> bool {
        self.clip == Clip::Speech && self.position >= SPEECH.len()
    }
}

/// The spoken sentences, 16 kHz.
static SPEECH: LazyLock<Vec<i16>> = LazyLock::new(|| {
    let reader = hound::WavReader::new(Cursor::new(include_bytes!("../assets/speech.wav")));
    reader.map(|mut reader| reader.samples::<i16>().map_while(Result::ok).collect()).unwrap_or_default()
});

/// Semitones above A3, two bars of a broken chord, repeated; `None` rests.
const MELODY: [Option<i32>; 16] = [
    Some(0),
    Some(4),
    Some(7),
    Some(12),
    Some(7),
    Some(4),
    Some(0),
    None, //
    Some(5),
    Some(9),
    Some(12),
    Some(17),
    Some(12),
    Some(9),
    Some(5),
    None,
];
/// One note, in samples of 48 kHz.
const NOTE: usize = 48_000 * 3 / 10;

/// One sample of the melody: a decaying note with one overtone, at about −18 dBFS.
fn music(position: usize) -> i16 {
    let (note, offset) = (position / NOTE, position % NOTE);
    let Some(Some(semitones)) = MELODY.get(note % MELODY.len()) else { return 0 };
    let seconds = offset as f32 / 48_000.0;
    let hz = 220.0 * 2_f32.powf(*semitones as f32 / 12.0);
    // Soft at both ends, so that no note clicks.
    let edge = (offset as f32 / 480.0).min((NOTE - offset) as f32 / 960.0).min(1.0);
    let phase = std::f32::consts::TAU * hz * seconds;
    let tone = phase.sin() + 0.3 * (2.0 * phase).sin();
    (tone * edge * (-2.5 * seconds).exp() * 6000.0) as i16
}

/// European ringing tone, 425 Hz, one second in five (ITU-T E.180), 16 kHz.
fn ringback(position: usize) -> i16 {
    let in_cycle = position % (16_000 * 5);
    if in_cycle >= 16_000 {
        return 0;
    }
    let phase = std::f32::consts::TAU * 425.0 * in_cycle as f32 / 16_000.0;
    (phase.sin() * 3000.0) as i16
}

/// How many ticks of 48 kHz an Opus packet stands for (RFC 6716 §3.1); 0 when it is none.
pub fn opus_ticks(packet: &[u8]) -> u32 {
    let Some(toc) = packet.first() else { return 0 };
    let frame = match toc >> 3 {
        config @ 0..12 => [480, 960, 1920, 2880].get(usize::from(config & 3)).copied(),
        config @ 12..16 => [480, 960].get(usize::from(config & 1)).copied(),
        config => [120, 240, 480, 960].get(usize::from(config & 3)).copied(),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u32::from(count & 0x3f)),
    };
    // A packet is at most 120 ms long (RFC 6716 §3.2.5).
    Some(frame.unwrap_or_default() * frames).filter(|ticks| *ticks <= 5760).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use opus::Decoder;

    use super::*;

    fn level_dbfs(samples: &[f32]) -> f32 {
        let mean = samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32;
        10.0 * mean.max(1e-12).log10()
    }

    /// Everything a route plays in `seconds`, decoded.
    fn heard(route: Route, seconds: u64) -> Vec<f32> {
        let start = Instant::now();
        let mut player = Player::new(start, route, Codec::Opus).unwrap();
        let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
        let mut out = Vec::new();
        for packet in 0..seconds * 50 {
            if let Some((packet, ticks)) = player.play(start + PACKET * u32::try_from(packet).unwrap()) {
                assert_eq!(opus_ticks(&packet), ticks);
                let mut frame = vec![0.0; 960];
                decoder.decode_float(&packet, &mut frame, false).unwrap();
                out.extend(frame);
            }
        }
        out
    }

    #[test]
    fn music_is_heard_all_the_time_and_speech_ends() {
        let music = heard(Route::Music, 6);
        assert_eq!(music.len(), 6 * 48_000);
        assert!((-40.0..-12.0).contains(&level_dbfs(&music)), "{}", level_dbfs(&music));
        let speech = heard(Route::Speech, 12);
        assert!((7 * 48_000..10 * 48_000).contains(&speech.len()), "{}", speech.len());
        assert!(level_dbfs(&speech) > -32.0, "{}", level_dbfs(&speech));
    }

    #[test]
    fn packets_missed_while_the_loop_stood_still_are_left_out() {
        let start = Instant::now();
        let mut player = Player::new(start, Route::Music, Codec::Opus).unwrap();
        assert!(player.play(start).is_some());
        assert!(player.play(start).is_none());
        let late = start + Duration::from_secs(5);
        assert!(player.play(late).is_some());
        assert!(player.play(late).is_none());
    }

    #[test]
    fn the_lead_in_ends_by_itself() {
        let start = Instant::now();
        let mut lead = LeadIn::new(start);
        let mut sent = 0;
        for ms in 0..200 {
            sent += u32::from(lead.play(start + Duration::from_millis(ms)));
        }
        assert_eq!((sent, lead.due()), (MOST_SHORT, None));
    }

    #[test]
    fn the_duration_of_any_bytes_is_bounded() {
        assert_eq!(opus_ticks(&SILENT_PACKET), 960);
        assert_eq!(opus_ticks(&SHORT_SILENT_PACKET), 240);
        assert_eq!(opus_ticks(&[]), 0);
        for first in 0..=255 {
            for second in [0, 1, 48, 255] {
                assert!(opus_ticks(&[first, second]) <= 5760);
            }
        }
    }
}
