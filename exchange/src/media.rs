//! [`EdgeMedia`]: the media peer as a pure machine, the media engine with the bots behind it.
//!
//! Feed it one input with its time, drain [`EdgeMedia::poll`], wait until [`EdgeMedia::deadline`] or the next input.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use phone_core::ids::{LegId, SessionId};
use phone_core::media::{
    AudioPacket, Codec, EngineOutput, LegAddresses, LegError, MediaEngine, MediaError, MediaEvent,
};

use crate::bots::{LeadIn, Player, Route, SHORT_SILENT_PACKET, opus_ticks, silent_packet};
use crate::machine::EdgeCommand;
use crate::mixer::Mixer;

/// See the module's contract.
pub struct EdgeMedia {
    engine: MediaEngine,
    feeds: BTreeMap<SessionId, Feed>,
    mixer: Mixer,
    /// Share of media packets lost, 0–1.
    lose: f64,
    dice: u64,
    /// Drained after every input, so it holds what one input causes.
    out: VecDeque<EngineOutput>,
}

/// What one session hears.
#[derive(Default)]
struct Feed {
    route: Route,
    up: bool,
    codec: Option<Codec>,
    player: Option<Player>,
    lead: Option<LeadIn>,
    /// Source and sequence number of the newest packet that came in.
    newest: Option<(u32, u16)>,
}

impl EdgeMedia {
    /// `addresses` are those that host candidates may use.
    pub fn new(now: Instant, addresses: &[IpAddr]) -> Self {
        let mut engine = MediaEngine::new();
        engine.set_local_addresses(now, addresses);
        Self {
            engine,
            feeds: BTreeMap::new(),
            mixer: Mixer::default(),
            lose: 0.0,
            dice: 0x9e37_79b9_7f4a_7c15,
            out: VecDeque::new(),
        }
    }

    pub fn handle(&mut self, now: Instant, command: EdgeCommand) {
        match command {
            EdgeCommand::Offer { session, config } => {
                self.feeds.insert(session, Feed::default());
                if let Err(error) = self.engine.create_offer(now, session, &config) {
                    self.fail(session, error);
                }
            }
            EdgeCommand::Answer { session, sdp } => {
                if let Err(error) = self.engine.accept_answer(now, session, &sdp) {
                    self.engine.close(now, session);
                    self.fail(session, error);
                }
            }
            EdgeCommand::Candidate { session, candidate } => self.engine.add_remote_candidate(now, session, &candidate),
            EdgeCommand::Route { session, route } => {
                if let Some(feed) = self.feeds.get_mut(&session) {
                    feed.route = route;
                    self.start_feed(now, session);
                }
            }
            EdgeCommand::Digits { session, digits } => self.engine.send_digits(now, session, &digits),
            EdgeCommand::Close { session } => {
                self.feeds.remove(&session);
                self.mixer.leave(session);
                self.engine.close(now, session);
            }
            EdgeCommand::Lose { share } => self.lose = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 },
        }
        self.drain(now);
    }

    pub fn set_local_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        self.engine.set_local_addresses(now, addresses);
        self.drain(now);
    }

    pub fn leg_opened(&mut self, now: Instant, leg: LegId, addresses: LegAddresses) {
        self.engine.leg_opened(now, leg, addresses);
        self.drain(now);
    }

    pub fn leg_failed(&mut self, now: Instant, leg: LegId, error: &LegError) {
        self.engine.leg_failed(now, leg, error);
        self.drain(now);
    }

    pub fn receive(&mut self, now: Instant, leg: LegId, from: SocketAddr, bytes: &[u8]) {
        if is_media(bytes) && self.is_lost() {
            return;
        }
        self.engine.receive(now, leg, from, bytes);
        self.drain(now);
    }

    /// `OpenLeg`, `CloseLeg`, `Transmit` and `Event`; audio stays inside.
    pub fn poll(&mut self) -> Option<EngineOutput> {
        self.out.pop_front()
    }

    pub fn deadline(&self) -> Option<Instant> {
        let players = self.feeds.values().filter_map(|feed| feed.player.as_ref()).map(Player::due).min();
        let leads = self.feeds.values().filter_map(|feed| feed.lead.as_ref()).filter_map(LeadIn::due).min();
        [players, leads, self.mixer.due(), self.engine.deadline()].into_iter().flatten().min()
    }

    pub fn tick(&mut self, now: Instant) {
        if self.engine.deadline().is_some_and(|at| at <= now) {
            self.engine.tick(now);
        }
        for (session, feed) in &mut self.feeds {
            if feed.lead.as_mut().is_some_and(|lead| lead.play(now)) {
                self.engine.send_audio(now, *session, &SHORT_SILENT_PACKET, opus_ticks(&SHORT_SILENT_PACKET));
            }
            let Some(player) = &mut feed.player else { continue };
            while let Some((packet, ticks)) = player.play(now) {
                self.engine.send_audio(now, *session, &packet, ticks);
            }
            if player.ended() {
                feed.player = None;
            }
        }
        for (session, packet, ticks) in self.mixer.play(now) {
            self.engine.send_audio(now, session, &packet, ticks);
        }
        self.drain(now);
    }

    fn fail(&mut self, session: SessionId, error: MediaError) {
        self.feeds.remove(&session);
        self.mixer.leave(session);
        self.out.push_back(EngineOutput::Event(MediaEvent::Failed { session, error }));
    }

    /// Begins what the session is to hear, with a packet at once: the phone learns that media flows before anybody
    /// speaks.
    fn start_feed(&mut self, now: Instant, session: SessionId) {
        let Some(feed) = self.feeds.get_mut(&session).filter(|feed| feed.up) else { return };
        feed.newest = None;
        let codec = feed.codec.unwrap_or(Codec::Opus);
        feed.player = Player::new(now, feed.route, codec);
        feed.lead = None;
        if let Route::Room(seat) = feed.route {
            return self.mixer.seat(now, session, seat, codec);
        }
        self.mixer.leave(session);
        // Silence is said, not only kept: a phone that merely hears nothing more goes on with the last word for a second.
        if feed.route == Route::Silence || (codec != Codec::Opus && feed.player.is_none()) {
            let (packet, ticks) = silent_packet(codec);
            self.engine.send_audio(now, session, &packet, ticks);
        } else if feed.player.is_none() {
            let mut lead = LeadIn::new(now);
            if lead.play(now) {
                self.engine.send_audio(now, session, &SHORT_SILENT_PACKET, opus_ticks(&SHORT_SILENT_PACKET));
            }
            feed.lead = Some(lead);
        } else if let Some((packet, ticks)) = feed.player.as_mut().and_then(|player| player.play(now)) {
            self.engine.send_audio(now, session, &packet, ticks);
        }
    }

    /// Takes all the engine has, feeding audio back into it until it is quiet.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.engine.poll() {
            match output {
                EngineOutput::Audio { session, packet } => self.audio(now, session, &packet),
                EngineOutput::Event(event) => {
                    match &event {
                        MediaEvent::Up { session, facts } => self.up(now, *session, facts.codec),
                        MediaEvent::Failed { session, .. } => {
                            self.feeds.remove(session);
                            self.mixer.leave(*session);
                        }
                        _ => {}
                    }
                    self.out.push_back(EngineOutput::Event(event));
                }
                EngineOutput::Transmit { ref bytes, .. } if is_media(bytes) && self.is_lost() => {}
                EngineOutput::OpenLeg { .. } | EngineOutput::CloseLeg { .. } | EngineOutput::Transmit { .. } => {
                    self.out.push_back(output);
                }
            }
        }
    }

    fn up(&mut self, now: Instant, session: SessionId, codec: Codec) {
        let Some(feed) = self.feeds.get_mut(&session) else { return };
        feed.codec = Some(codec);
        if std::mem::replace(&mut feed.up, true) {
            // Up again after an ICE restart: what it hears goes on.
            return;
        }
        if feed.route == Route::Silence {
            // The route follows when signalling has heard of it; the first packet need not wait for that.
            let (packet, ticks) = silent_packet(codec);
            self.engine.send_audio(now, session, &packet, ticks);
        } else {
            self.start_feed(now, session);
        }
    }

    fn audio(&mut self, now: Instant, session: SessionId, packet: &AudioPacket) {
        let Some(feed) = self.feeds.get_mut(&session) else { return };
        // New time stamps follow arrival, so a packet that was overtaken would be heard in the wrong place.
        let old = feed.newest.is_some_and(|(ssrc, newest)| {
            ssrc == packet.ssrc && packet.sequence.wrapping_sub(newest).cast_signed() <= 0
        });
        let ticks = match packet.codec {
            Codec::Opus => opus_ticks(&packet.payload),
            // One byte each 125 µs.
            Codec::G722 | Codec::Pcmu | Codec::Pcma => u32::try_from(packet.payload.len()).unwrap_or(0),
            // Our phones send none; what it stands for would be known only afterwards.
            Codec::ComfortNoise => 0,
        };
        if old || ticks == 0 {
            return;
        }
        feed.newest = Some((packet.ssrc, packet.sequence));
        if matches!(feed.route, Route::Room(_)) {
            self.mixer.hear(session, &packet.payload);
        }
        if feed.route == Route::Echo {
            feed.lead = None;
            self.engine.send_audio(now, session, &packet.payload, ticks);
        }
        // Nothing here changes the codec: two phones with different ones do not hear each other.
        let codec = feed.codec;
        let hears = |feed: &Feed| feed.route == Route::Peer(session) && feed.codec == codec;
        for listener in self.feeds.iter().filter(|(_, feed)| hears(feed)).map(|(id, _)| *id).collect::<Vec<_>>() {
            self.engine.send_audio(now, listener, &packet.payload, ticks);
            if let Some(feed) = self.feeds.get_mut(&listener) {
                feed.lead = None;
            }
        }
    }

    /// Rolls the dice for one packet (xorshift64; repeatable in simulations).
    fn is_lost(&mut self) -> bool {
        if self.lose <= 0.0 {
            return false;
        }
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        ((self.dice >> 11) as f64 / (1_u64 << 53) as f64) < self.lose
    }
}

/// RTP or RTCP by its first byte (RFC 7983 §7); ICE and DTLS are left alone by the loss of media.
fn is_media(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| (128..192).contains(first))
}
