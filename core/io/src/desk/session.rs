//! The sound of one session at the desk, over all calls that ride on it.

use std::time::{Duration, Instant};

use phone_audio::Frame;
use phone_audio::codec::Coding;
use phone_audio::session::SessionAudio;
use phone_core::event::AudioStats;
use phone_core::media::{AudioPacket, Codec};

/// How often a session without a call sends one packet of silence, so that nothing on the way forgets the stream: as
/// often as Opus does in its pauses (RFC 7587 §3.1.3).
const KEEP_WARM: Duration = Duration::from_millis(400);
/// How often figures are reported.
const FIGURES: Duration = Duration::from_secs(1);

/// Hands a finished payload on, with the ticks of the RTP clock that it stands for.
pub(super) type Send<'a> = &'a mut dyn FnMut(&[u8], u32);

#[derive(Default)]
pub(super) struct DeskSession {
    /// `None` until media is up.
    audio: Option<SessionAudio>,
    coding: Option<Coding>,
    /// What earlier audio of this session measured.
    before: AudioStats,
    microphone: bool,
    heard: bool,
    /// The first packet of the session, or of a call on it, has arrived.
    first_seen: bool,
    warm_at: Option<Instant>,
    figures_at: Option<Instant>,
}

impl DeskSession {
    /// Media is up. Again after an ICE restart, which changes nothing here.
    pub(super) fn up(&mut self, now: Instant, codec: Codec) {
        let coding = coding(codec);
        if coding.is_none() {
            tracing::error!(%codec, "there is no coder for the negotiated codec");
        }
        if self.coding != coding || self.audio.is_none() {
            self.coding = coding;
            self.renew();
        }
        self.warm_at.get_or_insert(now + KEEP_WARM);
    }

    /// Starts afresh: what the last call left in the buffers is no part of the next one.
    fn renew(&mut self) {
        self.before = self.figures();
        self.audio = self.coding.and_then(|coding| match SessionAudio::new(coding) {
            Ok(audio) => Some(audio),
            Err(error) => {
                tracing::error!(%error, "a session has no sound");
                None
            }
        });
    }

    pub(super) fn set_microphone(&mut self, now: Instant, open: bool) {
        self.microphone = open;
        self.figures_at.get_or_insert(now + FIGURES);
        self.warm_at = Some(now + KEEP_WARM);
    }

    pub(super) fn set_heard(&mut self, now: Instant, heard: bool) {
        if heard && !self.heard {
            self.first_seen = false;
            if self.audio.as_ref().is_some_and(SessionAudio::heard_anything) {
                self.renew();
            }
        }
        self.heard = heard;
        self.figures_at.get_or_insert(now + FIGURES);
        self.warm_at = Some(now + KEEP_WARM);
    }

    /// The microphone's sound goes to this session.
    pub(super) fn microphone(&self) -> bool {
        self.microphone
    }

    /// In a call: sound flows at least one way.
    pub(super) fn in_call(&self) -> bool {
        self.microphone || self.heard
    }

    pub(super) fn set_loss(&mut self, share: f64) {
        if let Some(audio) = &mut self.audio {
            audio.set_loss(share as f32);
        }
    }

    /// A packet arrived; whether it was the first.
    pub(super) fn insert(&mut self, now: Instant, packet: &AudioPacket) -> bool {
        // Between calls nobody listens, and a buffer that nobody empties only gets old.
        if self.heard {
            if self.audio.is_none() {
                self.up(now, packet.codec);
            }
            if let Some(audio) = &mut self.audio {
                let AudioPacket { codec, sequence, timestamp, marker, ssrc, ref payload } = *packet;
                match coding(codec) {
                    Some(coding) => {
                        // Any codec that was agreed may come at any time (RFC 3264 §7).
                        if let Err(error) = audio.set_decoding(coding) {
                            tracing::error!(%error, %codec, "what arrives cannot be decoded");
                        }
                        audio.insert(payload, sequence, timestamp, marker, ssrc, now);
                    }
                    None => audio.insert_noise(payload, sequence, timestamp, ssrc, now),
                }
            }
        }
        !std::mem::replace(&mut self.first_seen, true)
    }

    /// Encodes 10 ms, from the microphone or silence in its place.
    pub(super) fn push(&mut self, frame: &Frame, send: Send<'_>) {
        let Some(audio) = &mut self.audio else { return };
        let ticks = audio.packet_ticks();
        if let Some(payload) = audio.push_capture(frame) {
            send(payload, ticks);
        }
    }

    /// Adds the next 10 ms to what is heard.
    pub(super) fn mix_into(&mut self, now: Instant, mix: &mut Frame, scratch: &mut Frame) {
        if let Some(audio) = self.audio.as_mut().filter(|_| self.heard) {
            audio.pull(now, scratch);
            for (sum, sample) in mix.0.iter_mut().zip(&scratch.0) {
                *sum += sample;
            }
        }
    }

    /// One packet of silence now and then while there is no call.
    pub(super) fn keep_warm(&mut self, now: Instant, send: Send<'_>) {
        if self.in_call() || self.audio.is_none() || self.warm_at.is_none_or(|at| now < at) {
            return;
        }
        self.warm_at = Some(now + KEEP_WARM);
        // A packet is two frames; it ends with the call's leftover frame, should there be one.
        let mut sent = false;
        for _ in 0..2 {
            if !sent {
                self.push(&Frame::SILENCE, &mut |payload, ticks| {
                    sent = true;
                    send(payload, ticks);
                });
            }
        }
    }

    /// The figures, when they are due.
    pub(super) fn due_figures(&mut self, now: Instant) -> Option<AudioStats> {
        if !self.in_call() || self.figures_at.is_none_or(|at| now < at) {
            return None;
        }
        self.figures_at = Some(now + FIGURES);
        Some(self.figures())
    }

    /// What was measured so far, of all audio of this session.
    pub(super) fn figures(&self) -> AudioStats {
        let Some(audio) = &self.audio else { return self.before };
        let now = audio.stats();
        AudioStats {
            concealed_ms: self.before.concealed_ms + now.concealed_ms,
            stretched_ms: self.before.stretched_ms + now.stretched_ms,
            buffer_ms: now.buffer_ms,
            late_packets: self.before.late_packets + now.late_packets,
            spoken_ms: self.before.spoken_ms + now.spoken_ms,
            level_in_dbfs: now.level_in_dbfs,
            level_out_dbfs: now.level_out_dbfs,
        }
    }

    /// When [`keep_warm`](Self::keep_warm) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.warm_at.filter(|_| self.audio.is_some() && !self.in_call())
    }
}

/// `None`: it is no codec to speak with.
fn coding(codec: Codec) -> Option<Coding> {
    match codec {
        Codec::Opus => Some(Coding::Opus),
        Codec::G722 => Some(Coding::G722),
        Codec::Pcmu => Some(Coding::Pcmu),
        Codec::Pcma => Some(Coding::Pcma),
        Codec::ComfortNoise => None,
    }
}
