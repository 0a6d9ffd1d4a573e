//! Rooms: everybody in one hears everybody else. What comes in is decoded, added up without one's own part, and coded
//! anew for each listener in his own codec.
//!
//! Pure: the caller passes the time and sends what comes out.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use phone_audio::codec::{Coding, Decoder, Encoder, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES};
use phone_audio::{FRAME_SAMPLES, Frame};
use phone_core::ids::SessionId;
use phone_core::media::Codec;

use crate::bots::{Player, Route};

/// One frame.
const TICK: Duration = Duration::from_millis(10);
/// A room that was kept from running this long leaves out the frames in between.
const LATE: Duration = Duration::from_millis(200);
/// Samples that are waited for before somebody is heard, and what is kept at most (the oldest go): packets do not come
/// as regularly as they are played.
const BEGIN: usize = 4 * FRAME_SAMPLES;
const MOST: usize = 20 * FRAME_SAMPLES;

/// A place in a room, as signalling gives it to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    pub room: u64,
    /// Not muted.
    pub speaks: bool,
    pub guests: Guests,
}

/// Services that are in the room too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guests {
    pub music: bool,
    pub speech: bool,
    pub echo: bool,
}

/// Sound of one party on its way into the sum.
#[derive(Default)]
struct Queue {
    samples: VecDeque<f32>,
    flows: bool,
}

impl Queue {
    fn push(&mut self, samples: &[f32]) {
        self.samples.extend(samples);
        let extra = self.samples.len().saturating_sub(MOST);
        self.samples.drain(..extra);
    }

    /// The next frame; silence where there is none yet, or not any more.
    fn frame(&mut self) -> [f32; FRAME_SAMPLES] {
        let mut frame = [0.0; FRAME_SAMPLES];
        self.flows |= self.samples.len() >= BEGIN;
        if !self.flows || self.samples.len() < FRAME_SAMPLES {
            self.flows = false;
            return frame;
        }
        for (to, from) in frame.iter_mut().zip(self.samples.drain(..FRAME_SAMPLES)) {
            *to = from;
        }
        frame
    }
}

struct Member {
    seat: Seat,
    decoder: Box<dyn Decoder>,
    encoder: Box<dyn Encoder>,
    queue: Queue,
}

/// A service with a voice of its own.
struct Voice {
    player: Player,
    decoder: Box<dyn Decoder>,
    queue: Queue,
}

#[derive(Default)]
struct Room {
    members: BTreeMap<SessionId, Member>,
    voices: Vec<(Route, Voice)>,
    echo: Option<Queue>,
    due: Option<Instant>,
}

/// All rooms.
#[derive(Default)]
pub struct Mixer {
    rooms: BTreeMap<u64, Room>,
}

fn coding(codec: Codec) -> Option<Coding> {
    match codec {
        Codec::Opus => Some(Coding::Opus),
        Codec::G722 => Some(Coding::G722),
        Codec::Pcmu => Some(Coding::Pcmu),
        Codec::Pcma => Some(Coding::Pcma),
        Codec::ComfortNoise => None,
    }
}

/// Samples of a packet; none where it is no packet of this codec.
fn decode(decoder: &mut dyn Decoder, payload: &[u8]) -> Vec<f32> {
    let mut samples = vec![0.0; MAX_PACKET_SAMPLES];
    let length = decoder.decode(payload, &mut samples).unwrap_or(0);
    samples.truncate(length);
    samples
}

impl Mixer {
    /// Gives a session its place; whoever has one keeps his sound.
    pub fn seat(&mut self, now: Instant, session: SessionId, seat: Seat, codec: Codec) {
        let kept = self.leave_all_but(session, Some(seat.room));
        let room = self.rooms.entry(seat.room).or_default();
        let made = || {
            let coding = coding(codec)?;
            Some(Member {
                seat,
                decoder: coding.decoder().ok()?,
                encoder: coding.encoder().ok()?,
                queue: Queue::default(),
            })
        };
        if let Some(member) = kept.map(|member| Member { seat, ..member }).or_else(made) {
            room.members.insert(session, member);
        }
        room.due.get_or_insert(now);
        room.invite(now, seat.guests);
    }

    /// The session hears something else.
    pub fn leave(&mut self, session: SessionId) {
        self.leave_all_but(session, None);
    }

    /// Takes the session out of every room; gives what it had in this one.
    fn leave_all_but(&mut self, session: SessionId, keep: Option<u64>) -> Option<Member> {
        let mut kept = None;
        for (id, room) in &mut self.rooms {
            let member = room.members.remove(&session);
            if Some(*id) == keep {
                kept = member;
            }
        }
        self.rooms.retain(|id, room| !room.members.is_empty() || Some(*id) == keep);
        kept
    }

    /// What a member said.
    pub fn hear(&mut self, session: SessionId, payload: &[u8]) {
        for room in self.rooms.values_mut() {
            let Some(member) = room.members.get_mut(&session) else { continue };
            // Also what is not passed on: the decoder remembers what came before.
            let samples = decode(member.decoder.as_mut(), payload);
            if member.seat.speaks {
                member.queue.push(&samples);
            }
        }
    }

    pub fn due(&self) -> Option<Instant> {
        self.rooms.values().filter_map(|room| room.due).min()
    }

    /// The packets that are due: for whom, the payload, and the ticks it stands for.
    pub fn play(&mut self, now: Instant) -> Vec<(SessionId, Vec<u8>, u32)> {
        let mut packets = Vec::new();
        for room in self.rooms.values_mut() {
            room.play(now, &mut packets);
        }
        packets
    }
}

impl Room {
    fn invite(&mut self, now: Instant, guests: Guests) {
        for (wanted, route) in [(guests.music, Route::Music), (guests.speech, Route::Speech)] {
            let here = self.voices.iter().any(|(known, _)| *known == route);
            if !wanted {
                self.voices.retain(|(known, _)| *known != route);
            } else if !here
                && let (Some(player), Ok(decoder)) = (Player::new(now, route, Codec::Opus), Coding::Opus.decoder())
            {
                self.voices.push((route, Voice { player, decoder, queue: Queue::default() }));
            }
        }
        self.echo = guests.echo.then(|| self.echo.take().unwrap_or_default());
    }

    fn play(&mut self, now: Instant, packets: &mut Vec<(SessionId, Vec<u8>, u32)>) {
        let Some(mut due) = self.due.filter(|due| *due <= now) else { return };
        if now.saturating_duration_since(due) > LATE {
            due = now;
        }
        while due <= now {
            self.frame(due, packets);
            due += TICK;
        }
        self.due = Some(due);
    }

    fn frame(&mut self, now: Instant, packets: &mut Vec<(SessionId, Vec<u8>, u32)>) {
        let mut sum = [0.0; FRAME_SAMPLES];
        let mut add = |frame: &[f32; FRAME_SAMPLES]| {
            for (to, from) in sum.iter_mut().zip(frame) {
                *to += from;
            }
        };
        for (_, voice) in &mut self.voices {
            while let Some((packet, _)) = voice.player.play(now) {
                voice.queue.push(&decode(voice.decoder.as_mut(), &packet));
            }
            add(&voice.queue.frame());
        }
        let mut own = Vec::with_capacity(self.members.len());
        for member in self.members.values_mut() {
            let frame = member.queue.frame();
            add(&frame);
            own.push(frame);
        }
        // The echo hears all but itself, and says it a moment later.
        let said = self.echo.as_mut().map(|echo| {
            let said = echo.frame();
            echo.push(&sum);
            said
        });
        for ((session, member), own) in self.members.iter_mut().zip(own) {
            let mut heard = Frame::SILENCE;
            for (index, sample) in heard.0.iter_mut().enumerate() {
                let at = |frame: &[f32; FRAME_SAMPLES]| frame.get(index).copied().unwrap_or_default();
                *sample = (at(&sum) - at(&own) + said.as_ref().map_or(0.0, at)).clamp(-1.0, 1.0);
            }
            let mut payload = [0; MAX_PAYLOAD_BYTES];
            if let Ok(Some(length)) = member.encoder.push(&heard, &mut payload) {
                let packet = payload.get(..length).unwrap_or_default().to_vec();
                packets.push((*session, packet, member.encoder.packet_ticks()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A party that says one tone, and what it hears.
    struct Party {
        session: SessionId,
        hz: f32,
        said: usize,
        encoder: Box<dyn Encoder>,
        decoder: Box<dyn Decoder>,
        heard: Vec<f32>,
    }

    impl Party {
        fn new(number: u64, hz: f32, codec: Codec) -> Self {
            let coding = coding(codec).unwrap();
            let (encoder, decoder) = (coding.encoder().unwrap(), coding.decoder().unwrap());
            Self { session: SessionId(number), hz, said: 0, encoder, decoder, heard: Vec::new() }
        }

        fn speak(&mut self, mixer: &mut Mixer) {
            let mut frame = Frame::SILENCE;
            for sample in &mut frame.0 {
                *sample = 0.2 * (std::f32::consts::TAU * self.hz * self.said as f32 / 48_000.0).sin();
                self.said += 1;
            }
            let mut payload = [0; MAX_PAYLOAD_BYTES];
            if let Some(length) = self.encoder.push(&frame, &mut payload).unwrap() {
                mixer.hear(self.session, &payload[..length]);
            }
        }
    }

    /// Share of this tone in what was heard, by correlation.
    fn tone(heard: &[f32], hz: f32) -> f32 {
        let part = |shift: f32| -> f32 {
            let wave = |at: usize| (std::f32::consts::TAU * hz * at as f32 / 48_000.0 + shift).sin();
            heard.iter().enumerate().map(|(at, sample)| sample * wave(at)).sum::<f32>() / heard.len() as f32 * 2.0
        };
        part(0.0).hypot(part(std::f32::consts::FRAC_PI_2))
    }

    fn talk(mixer: &mut Mixer, parties: &mut [Party], seconds: u32, start: Instant) {
        for tick in 0..seconds * 100 {
            for party in parties.iter_mut() {
                party.speak(mixer);
            }
            for (session, packet, _) in mixer.play(start + TICK * tick) {
                let party = parties.iter_mut().find(|party| party.session == session).unwrap();
                party.heard.extend(decode(party.decoder.as_mut(), &packet));
            }
        }
    }

    fn seat(speaks: bool) -> Seat {
        Seat { room: 7, speaks, guests: Guests::default() }
    }

    #[test]
    fn three_parties_with_three_codecs_hear_each_other_and_not_themselves() {
        let start = Instant::now();
        let mut mixer = Mixer::default();
        let mut parties =
            [Party::new(1, 440.0, Codec::Opus), Party::new(2, 640.0, Codec::Pcmu), Party::new(3, 840.0, Codec::G722)];
        for (party, codec) in parties.iter().zip([Codec::Opus, Codec::Pcmu, Codec::G722]) {
            mixer.seat(start, party.session, seat(true), codec);
        }
        talk(&mut mixer, &mut parties, 3, start);
        for party in &parties {
            let heard = &party.heard[48_000..96_000];
            for (number, hz) in [(1, 440.0), (2, 640.0), (3, 840.0)] {
                let level = tone(heard, hz);
                if party.session == SessionId(number) {
                    assert!(level < 0.02, "{} hears itself: {level}", party.hz);
                } else {
                    assert!((0.12..0.28).contains(&level), "{} hears {hz} at {level}", party.hz);
                }
            }
        }
    }

    #[test]
    fn who_is_muted_or_left_is_heard_by_nobody() {
        let start = Instant::now();
        let mut mixer = Mixer::default();
        let mut parties = [Party::new(1, 440.0, Codec::Opus), Party::new(2, 640.0, Codec::Opus)];
        mixer.seat(start, SessionId(1), seat(true), Codec::Opus);
        mixer.seat(start, SessionId(2), seat(false), Codec::Opus);
        talk(&mut mixer, &mut parties, 2, start);
        assert!(tone(&parties[0].heard[48_000..72_000], 640.0) < 0.005);
        assert!(tone(&parties[1].heard[48_000..72_000], 440.0) > 0.12);
        mixer.leave(SessionId(1));
        mixer.leave(SessionId(2));
        assert_eq!((mixer.due(), mixer.rooms.len()), (None, 0));
    }

    #[test]
    fn a_room_that_stood_still_sends_no_burst_and_bytes_of_another_codec_no_harm() {
        let start = Instant::now();
        let mut mixer = Mixer::default();
        mixer.seat(
            start,
            SessionId(1),
            Seat { guests: Guests { music: true, speech: true, echo: true }, ..seat(true) },
            Codec::Opus,
        );
        mixer.play(start);
        assert!(mixer.play(start + Duration::from_mins(1)).len() <= 1);
        for first in 0..=255 {
            mixer.hear(SessionId(1), &[first, 3, 200, 17]);
        }
        mixer.hear(SessionId(1), &[]);
        mixer.hear(SessionId(9), &[1]);
    }
}
