//! A media peer on real UDP sockets of 127.0.0.1: the phone's own media engine and audio chain without signalling,
//! for talks with foreign peers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use phone_audio::codec::Coding;
use phone_audio::session::SessionAudio;
use phone_audio::{FRAME_SAMPLES, Frame};
use phone_core::ids::{LegId, SessionId};
use phone_core::media::{
    DescriptionKind, EngineOutput, LegAddresses, LegError, LegKind, MediaEngine, MediaEvent, MediaUp, SessionConfig,
};

use crate::signal::RATE_HZ;

const SESSION: SessionId = SessionId(1);
const FRAME: Duration = Duration::from_millis(10);

/// One session with sound.
pub struct Peer {
    engine: MediaEngine,
    sockets: BTreeMap<LegId, UdpSocket>,
    audio: SessionAudio,
    /// Frequency that it says, in Hz.
    voice_hz: f64,
    said: u64,
    heard: Vec<f32>,
    up: Option<MediaUp>,
    description: Option<String>,
    candidates: Vec<String>,
    complete: bool,
    failed: Option<String>,
    digits: String,
    next_frame: Instant,
}

impl Peer {
    pub fn new(voice_hz: f64) -> Self {
        let now = Instant::now();
        let mut engine = MediaEngine::new();
        engine.set_local_addresses(now, &[IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        Self {
            engine,
            sockets: BTreeMap::new(),
            audio: SessionAudio::new(Coding::Opus).unwrap(),
            voice_hz,
            said: 0,
            heard: Vec::new(),
            up: None,
            description: None,
            candidates: Vec::new(),
            complete: false,
            failed: None,
            digits: String::new(),
            next_frame: now,
        }
    }

    /// Answers an offer; the answer with all candidates in it.
    #[track_caller]
    pub fn answer(&mut self, offer: &str) -> String {
        let config = SessionConfig::default();
        self.engine.accept_offer(Instant::now(), SESSION, offer, &config).unwrap();
        self.gathered()
    }

    /// Offers; the offer with all candidates in it.
    #[track_caller]
    pub fn offer(&mut self) -> String {
        self.engine.create_offer(Instant::now(), SESSION, &SessionConfig::default()).unwrap();
        self.gathered()
    }

    pub fn accept_answer(&mut self, answer: &str) {
        self.engine.accept_answer(Instant::now(), SESSION, answer).unwrap();
    }

    #[track_caller]
    fn gathered(&mut self) -> String {
        let start = Instant::now();
        // One host candidate on 127.0.0.1 is all there can be, whether or not the end of them is told.
        while self.description.is_none() || !self.complete && self.candidates.is_empty() {
            self.turn();
            assert!(
                start.elapsed() < Duration::from_secs(5) && self.failed.is_none(),
                "no description: {:?}",
                self.failed
            );
        }
        let mut sdp = self.description.take().unwrap();
        for candidate in &self.candidates {
            if !sdp.contains(candidate.as_str()) {
                sdp.extend(["a=", candidate, "\r\n"]);
            }
        }
        sdp
    }

    pub fn add_remote_candidate(&mut self, candidate: &str) {
        self.engine.add_remote_candidate(Instant::now(), SESSION, candidate);
    }

    pub fn send_digits(&mut self, digits: &str) {
        self.engine.send_digits(Instant::now(), SESSION, digits);
    }

    /// One look at everything, about 1 ms long. Call it all the time: nobody else moves this peer.
    pub fn turn(&mut self) {
        let mut buffer = [0_u8; 2_048];
        let mut idle = true;
        let legs: Vec<LegId> = self.sockets.keys().copied().collect();
        for leg in legs {
            while let Some((count, from)) = self.sockets.get(&leg).and_then(|s| s.recv_from(&mut buffer).ok()) {
                idle = false;
                self.engine.receive(Instant::now(), leg, from, &buffer[..count]);
                self.drain();
            }
        }
        let now = Instant::now();
        if self.engine.deadline().is_some_and(|due| due <= now) {
            self.engine.tick(now);
        }
        while self.next_frame <= now {
            self.next_frame += FRAME;
            self.frame(now);
        }
        self.drain();
        if idle {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn frame(&mut self, now: Instant) {
        let mut frame = Frame::SILENCE;
        for sample in &mut frame.0 {
            let angle = std::f64::consts::TAU * self.voice_hz * self.said as f64 / f64::from(RATE_HZ);
            *sample = (0.1 * angle.sin()) as f32;
            self.said += 1;
        }
        let ticks = self.audio.packet_ticks();
        if let Some(payload) = self.audio.push_capture(&frame) {
            self.engine.send_audio(now, SESSION, payload, ticks);
        }
        self.audio.pull(now, &mut frame);
        debug_assert_eq!(frame.0.len(), FRAME_SAMPLES);
        if self.up.is_some() {
            self.heard.extend_from_slice(&frame.0);
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll() {
            let now = Instant::now();
            match output {
                EngineOutput::OpenLeg { leg, kind: LegKind::Host { bind }, dscp, .. } => {
                    let socket = UdpSocket::bind((bind, 0)).unwrap();
                    socket.set_nonblocking(true).unwrap();
                    let local = socket.local_addr().unwrap();
                    self.sockets.insert(leg, socket);
                    self.engine.leg_opened(now, leg, LegAddresses { local, server: None, dscp: Some(dscp) });
                }
                EngineOutput::OpenLeg { leg, .. } => {
                    self.engine.leg_failed(now, leg, &LegError::Io("this peer has no TURN".to_owned()));
                }
                EngineOutput::CloseLeg { leg } => {
                    self.sockets.remove(&leg);
                }
                EngineOutput::Transmit { leg, to, bytes } => {
                    // What a full socket drops, the network might have dropped as well.
                    let sent = self.sockets.get(&leg).map(|socket| socket.send_to(&bytes, to));
                    debug_assert!(sent.is_some(), "sent on a leg that is closed");
                }
                EngineOutput::Audio { packet, .. } => {
                    let p = &packet;
                    self.audio.insert(&p.payload, p.sequence, p.timestamp, p.marker, p.ssrc, now);
                }
                EngineOutput::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Description { sdp, kind, .. } => {
                debug_assert!(matches!(kind, DescriptionKind::Offer | DescriptionKind::Answer));
                self.description = Some(sdp);
            }
            MediaEvent::LocalCandidate { candidate, .. } => self.candidates.push(candidate),
            MediaEvent::EndOfCandidates { .. } => self.complete = true,
            MediaEvent::Up { facts, .. } => self.up = Some(*facts),
            MediaEvent::Digit { digit, .. } => self.digits.push(digit),
            MediaEvent::Failed { error, .. } => self.failed = Some(error.to_string()),
            _ => {}
        }
    }

    /// Talks and listens this long; what was heard.
    pub fn talk(&mut self, length: Duration) -> Vec<f32> {
        let from = self.heard.len();
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.turn();
        }
        self.heard[from..].to_vec()
    }

    /// Waits for ICE and DTLS.
    #[track_caller]
    pub fn wait_up(&mut self, limit: Duration) -> MediaUp {
        let end = Instant::now() + limit;
        loop {
            if let Some(up) = &self.up {
                return up.clone();
            }
            assert!(Instant::now() < end && self.failed.is_none(), "media is not up: {:?}", self.failed);
            self.turn();
        }
    }

    pub fn digits(&self) -> &str {
        &self.digits
    }

    pub fn stats(&self) -> phone_core::media::MediaStats {
        self.engine.stats(SESSION).unwrap_or_default()
    }

    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }
}
