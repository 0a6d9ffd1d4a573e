//! One media session from its first description to its end: negotiation, the peer connection, RTP, digits, facts.
//!
//! It transmits nothing itself: the engine asks [`Session::poll_transmit`] and routes by the local address.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::dtmf::{DigitReceiver, DigitSender};
use super::gather::Fence;
use super::mobility::Mobility;
use super::rtp::{Report, RtpPacket, RtpSender, random_u32};
use super::stats::{FarReception, Reception};
use super::types::{
    AudioPacket, Codec, DescriptionKind, Direction, EngineOutput, MediaError, MediaEvent, MediaStats, SessionConfig,
};
use super::webrtc::{Peer, PeerError, PeerEvent, PeerTransmit, SelectedPair, TransportDescription};
use crate::event::millis;
use crate::ids::SessionId;
use crate::sdp::{self, Agreed, Local, Remote, Setup};

/// Longest time from both descriptions to a nominated pair.
const PATH_LIMIT: Duration = Duration::from_secs(15);
/// Longest time from there to the finished handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const STATS_INTERVAL: Duration = Duration::from_secs(1);
/// First bytes of an answer to a connectivity check (RFC 8489 §5).
const STUN_SUCCESS: [u8; 2] = [0x01, 0x01];
/// Remote candidates that come before the description they belong to; more are dropped.
const EARLY_CANDIDATES: usize = sdp::MAX_CANDIDATES;

impl From<PeerError> for MediaError {
    fn from(error: PeerError) -> Self {
        Self::Engine(error.to_string())
    }
}

impl From<sdp::SdpError> for MediaError {
    fn from(error: sdp::SdpError) -> Self {
        Self::BadDescription(error.to_string())
    }
}

/// An offer of ours that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OfferOut {
    /// The first, or an ICE restart: its answer carries new credentials.
    Transport,
    /// Only the direction changes.
    Direction,
}

/// How far the transport has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// A description is missing.
    Negotiating,
    Checking {
        since: Instant,
    },
    Securing {
        since: Instant,
        ice: Duration,
    },
    Up {
        ice: Duration,
        dtls: Duration,
    },
    /// Was up, and a restart looks for a new path.
    Restarting {
        since: Instant,
        dtls: Duration,
    },
}

/// What the engine has to do for a session.
#[derive(Debug)]
pub(super) enum SessionEvent {
    Output(EngineOutput),
    /// It came up, or came back, over this pair.
    Up {
        pair: Option<SelectedPair>,
        ice: Duration,
        dtls: Duration,
        security: String,
        codec: Codec,
    },
    /// The far end, which talked, has been silent for a second: perhaps our relay is gone.
    Quiet,
    Failed(MediaError),
}

#[derive(Debug)]
pub(super) struct Session {
    pub id: SessionId,
    pub config: SessionConfig,
    pub fence: Fence,
    peer: Peer,
    phase: Phase,
    local: Option<TransportDescription>,
    remote: Option<Remote>,
    agreed: Option<Agreed>,
    offer_out: Option<OfferOut>,
    /// What we want to flow; [`Session::direction`] is what both want.
    wanted: Direction,
    direction: Direction,
    mid: String,
    /// Of the current ICE generation, the text after `candidate:`.
    candidates: Vec<String>,
    candidates_ended: bool,
    remote_candidates: usize,
    /// Addresses that the far end may send from, the likely ones first.
    peers: Vec<IpAddr>,
    mobility: Mobility,
    early_candidates: Vec<String>,
    description_id: u64,
    description_version: u64,
    cname: String,
    /// Our SSRC as our descriptions tell it; none once one of them has stopped our stream.
    announced: Option<u32>,
    sender: RtpSender,
    reception: Reception,
    far: FarReception,
    check_rtt_ms: Option<f64>,
    digits_out: DigitSender,
    digits_in: DigitReceiver,
    heard: bool,
    interrupted: bool,
    /// The silence that was reported last, by its beginning.
    quiet: Option<Instant>,
    next_stats: Option<Instant>,
    events: VecDeque<SessionEvent>,
}

impl Session {
    fn new(now: Instant, id: SessionId, config: &SessionConfig, dtls: Option<Setup>) -> Result<Self, MediaError> {
        let sender = RtpSender::new(now);
        let fence = Fence::new(config.relay);
        Ok(Self {
            id,
            config: config.clone(),
            peer: Peer::new(now, fence.up(), dtls, sender.ssrc)?,
            fence,
            phase: Phase::Negotiating,
            local: None,
            remote: None,
            agreed: None,
            offer_out: None,
            wanted: Direction::SendRecv,
            direction: Direction::SendRecv,
            mid: "0".to_owned(),
            candidates: Vec::new(),
            candidates_ended: false,
            remote_candidates: 0,
            peers: Vec::new(),
            mobility: Mobility::default(),
            early_candidates: Vec::new(),
            // Positive as a signed 64-bit number (RFC 9429 §5.2.1).
            description_id: (u64::from(random_u32()) << 31) | u64::from(random_u32()),
            description_version: 0,
            cname: format!("{:08x}{:08x}", random_u32(), random_u32()),
            announced: Some(sender.ssrc),
            sender,
            reception: Reception::default(),
            far: FarReception::default(),
            check_rtt_ms: None,
            digits_out: DigitSender::default(),
            digits_in: DigitReceiver::default(),
            heard: false,
            interrupted: false,
            quiet: None,
            next_stats: None,
            events: VecDeque::new(),
        })
    }

    /// The offering side; the offer is among the events.
    pub fn offering(now: Instant, id: SessionId, config: &SessionConfig) -> Result<Self, MediaError> {
        if config.codecs.is_empty() {
            return Err(MediaError::NoCommonCodec { offered: "nothing".to_owned() });
        }
        let mut session = Self::new(now, id, config, None)?;
        session.agreed = Some(Agreed::proposal(&config.codecs));
        session.local = Some(session.peer.offer(now, false)?);
        session.offer_out = Some(OfferOut::Transport);
        session.describe(DescriptionKind::Offer);
        Ok(session)
    }

    /// The answering side; the answer is among the events.
    pub fn answering(now: Instant, id: SessionId, offer: &str, config: &SessionConfig) -> Result<Self, MediaError> {
        let remote = Remote::parse(offer)?;
        let agreed = Self::agree(&remote, config)?;
        let role = if remote.setup == Setup::Active { Setup::Passive } else { Setup::Active };
        let mut session = Self::new(now, id, config, Some(role))?;
        session.answer_transport(now, remote, agreed)?;
        Ok(session)
    }

    fn agree(remote: &Remote, config: &SessionConfig) -> Result<Agreed, MediaError> {
        remote.agree(&config.codecs).ok_or_else(|| MediaError::NoCommonCodec { offered: remote.offered() })
    }

    /// A further offer of the far end: a change of direction, an ICE restart, or a new secure connection.
    pub fn accept_offer(&mut self, now: Instant, offer: &str, config: &SessionConfig) -> Result<(), MediaError> {
        let remote = Remote::parse(offer)?;
        let agreed = Self::agree(&remote, config)?;
        if self.offer_out.take() == Some(OfferOut::Transport) {
            // Both offered at once; theirs is the one that gets answered.
            self.peer.roll_back(now)?;
        }
        let same = |known: &Remote| (known.ice == remote.ice, known.fingerprint == remote.fingerprint);
        match self.remote.as_ref().map(same) {
            Some((true, true)) => {
                self.apply(now, remote, agreed);
                self.describe(DescriptionKind::Answer);
                Ok(())
            }
            Some((_, true)) | None => self.answer_transport(now, remote, agreed),
            Some((_, false)) => {
                let role = if remote.setup == Setup::Active { Setup::Passive } else { Setup::Active };
                self.peer = Peer::new(now, self.fence.up(), Some(role), self.sender.ssrc)?;
                self.phase = Phase::Negotiating;
                self.local = None;
                self.answer_transport(now, remote, agreed)
            }
        }
    }

    fn answer_transport(&mut self, now: Instant, remote: Remote, agreed: Agreed) -> Result<(), MediaError> {
        let mut local = self.peer.answer(now, &transport_of(&remote))?;
        if let Some(known) = self.local.as_ref().filter(|known| known.setup != Setup::ActPass) {
            // The DTLS connection survives an ICE restart, and with it its roles (RFC 8842 §5.3).
            local.setup = known.setup;
        }
        self.local = Some(local);
        self.start_checks(now);
        self.add_remote_candidates(&remote.candidates);
        self.apply(now, remote, agreed);
        self.readd_local_candidates();
        self.describe(DescriptionKind::Answer);
        Ok(())
    }

    pub fn accept_answer(&mut self, now: Instant, answer: &str) -> Result<(), MediaError> {
        let remote = Remote::parse(answer)?;
        let agreed = Self::agree(&remote, &self.config)?;
        match self.offer_out.take() {
            // A repeated answer changes nothing.
            None => return Ok(()),
            Some(OfferOut::Direction) => {}
            Some(OfferOut::Transport) => {
                self.peer.accept_answer(now, &transport_of(&remote))?;
                if let Some(local) = self.local.as_mut().filter(|local| local.setup == Setup::ActPass) {
                    local.setup = if remote.setup == Setup::Active { Setup::Passive } else { Setup::Active };
                }
                self.start_checks(now);
                self.add_remote_candidates(&remote.candidates);
            }
        }
        self.apply(now, remote, agreed);
        Ok(())
    }

    /// Offers new ICE credentials.
    pub fn restart_ice(&mut self, now: Instant) -> Result<(), MediaError> {
        if self.remote.is_none() {
            return Err(MediaError::Engine("nothing to restart yet".to_owned()));
        }
        let mut local = self.peer.offer(now, true)?;
        local.setup = Setup::ActPass;
        if let Some(known) = &self.local {
            local.fingerprint = known.fingerprint.clone();
        }
        let setup = self.local.as_ref().map_or(Setup::ActPass, |known| known.setup);
        self.local = Some(local);
        self.offer_out = Some(OfferOut::Transport);
        self.readd_local_candidates();
        self.describe(DescriptionKind::Offer);
        if let Some(local) = &mut self.local {
            local.setup = setup;
        }
        Ok(())
    }

    /// Offers another direction, as for hold.
    pub fn set_direction(&mut self, direction: Direction) -> Result<(), MediaError> {
        if self.remote.is_none() {
            return Err(MediaError::Engine("nothing to renegotiate yet".to_owned()));
        }
        self.wanted = direction;
        self.offer_out.get_or_insert(OfferOut::Direction);
        let setup = self.local.as_ref().map(|local| local.setup);
        if let Some(local) = &mut self.local {
            local.setup = Setup::ActPass;
        }
        self.describe(DescriptionKind::Offer);
        if let (Some(local), Some(setup)) = (&mut self.local, setup) {
            local.setup = setup;
        }
        Ok(())
    }

    fn start_checks(&mut self, now: Instant) {
        tracing::debug!(session = self.id.0, "ICE checks begin");
        self.remote_candidates = 0;
        self.mobility.set_pair(None);
        self.phase = match self.phase {
            Phase::Up { dtls, .. } | Phase::Restarting { dtls, .. } => Phase::Restarting { since: now, dtls },
            _ => Phase::Checking { since: now },
        };
    }

    fn apply(&mut self, now: Instant, remote: Remote, agreed: Agreed) {
        self.mid.clone_from(&remote.mid);
        let direction = sdp::narrowed(self.wanted, sdp::mirrored(remote.direction));
        if let Some((codec, _)) = agreed.sending() {
            self.sender.set_clock(codec.clock_hz());
        }
        let known = self.remote.is_some();
        self.agreed = Some(agreed);
        self.remote = Some(remote);
        for candidate in std::mem::take(&mut self.early_candidates) {
            self.add_remote_candidate(&candidate);
        }
        if direction != self.direction {
            self.direction = direction;
            if known || direction != Direction::SendRecv {
                self.event(MediaEvent::RemoteDirection { session: self.id, direction });
            }
        }
        self.next_stats.get_or_insert(now + STATS_INTERVAL);
    }

    fn describe(&mut self, kind: DescriptionKind) {
        let (Some(local), Some(agreed)) = (&self.local, &self.agreed) else { return };
        self.description_version += 1;
        let direction = match kind {
            DescriptionKind::Offer => self.wanted,
            DescriptionKind::Answer => self.direction,
        };
        self.announced = self.announced.filter(|_| sdp::may_send(direction));
        let sdp = Local {
            session_id: self.description_id,
            version: self.description_version,
            ice: &local.ice,
            fingerprint: &local.fingerprint,
            setup: local.setup,
            mid: &self.mid,
            direction,
            agreed,
            // Chromium (seen with 156) never plays a stream that a hold has stopped and that comes back announced with
            // the same SSRC; unannounced it does.
            ssrc: self.announced,
            cname: &self.cname,
            candidates: &self.candidates,
            end_of_candidates: self.candidates_ended,
            answers: self.remote.as_ref().filter(|_| kind == DescriptionKind::Answer),
        }
        .to_string();
        self.event(MediaEvent::Description { session: self.id, kind, sdp });
    }

    fn event(&mut self, event: MediaEvent) {
        self.events.push_back(SessionEvent::Output(EngineOutput::Event(event)));
    }

    /// One more local candidate, which the far end is told of.
    pub fn add_local_candidate(&mut self, candidate: String) {
        if self.candidates.contains(&candidate) {
            return;
        }
        if let Err(error) = self.peer.add_local_candidate(&candidate) {
            tracing::warn!(%error, "a local candidate was refused");
            return;
        }
        self.event(MediaEvent::LocalCandidate {
            session: self.id,
            mid: self.mid.clone(),
            candidate: format!("candidate:{candidate}"),
        });
        self.candidates.push(candidate);
    }

    /// A leg is gone; its candidates must not be offered again.
    pub fn forget_local_candidates(&mut self, address: SocketAddr) {
        let marks = [
            format!(" {} {} typ ", address.ip(), address.port()),
            format!(" raddr {} rport {}", address.ip(), address.port()),
        ];
        self.candidates.retain(|candidate| !marks.iter().any(|mark| candidate.contains(mark.as_str())));
    }

    pub fn end_candidates(&mut self) {
        if !self.candidates_ended {
            self.candidates_ended = true;
            self.event(MediaEvent::EndOfCandidates { session: self.id });
        }
    }

    pub fn candidates_ended(&self) -> bool {
        self.candidates_ended
    }

    /// A restart threw them away inside the peer connection.
    fn readd_local_candidates(&mut self) {
        for candidate in &self.candidates {
            if let Err(error) = self.peer.add_local_candidate(candidate) {
                tracing::warn!(%error, "a local candidate was refused");
            }
        }
    }

    fn add_remote_candidates(&mut self, candidates: &[String]) {
        for candidate in candidates {
            self.use_remote_candidate(candidate);
        }
    }

    /// A line of the far end. Unreadable and surplus ones are ignored.
    pub fn add_remote_candidate(&mut self, line: &str) {
        let Some(candidate) = sdp::usable_candidate(line) else { return };
        if self.remote.is_some() && self.offer_out != Some(OfferOut::Transport) {
            self.use_remote_candidate(&candidate);
        } else if self.early_candidates.len() < EARLY_CANDIDATES {
            self.early_candidates.push(candidate);
        }
    }

    fn use_remote_candidate(&mut self, candidate: &str) {
        if self.remote_candidates >= sdp::MAX_CANDIDATES {
            return;
        }
        self.remote_candidates += 1;
        if let Some(ip) = candidate.split(' ').nth(4).and_then(|address| address.parse().ok())
            && !self.peers.contains(&ip)
        {
            // A relay of ours reaches a relay of theirs almost always, their host addresses hardly ever.
            if candidate.contains(" typ host") { self.peers.push(ip) } else { self.peers.insert(0, ip) }
        }
        if let Err(error) = self.peer.add_remote_candidate(candidate) {
            tracing::debug!(%error, "a remote candidate was refused");
        }
    }

    /// A datagram that arrived at the local candidate `local`.
    pub fn receive(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, bytes: &[u8]) {
        let (believed_local, believed_from) = self.mobility.inbound(now, local, from);
        let decrypted = self.peer.receive(now, believed_local, believed_from, bytes);
        if decrypted && believed_from == from {
            self.mobility.prove(now, local, from);
        }
    }

    /// Addresses that the far end may send from, for the permissions of a relay.
    pub fn peers(&self) -> &[IpAddr] {
        &self.peers
    }

    pub fn is_up(&self) -> bool {
        self.up()
    }

    fn up(&self) -> bool {
        matches!(self.phase, Phase::Up { .. } | Phase::Restarting { .. })
    }

    /// The codec in use, while media may be sent.
    pub fn sending(&self) -> Option<Codec> {
        let (codec, _) = self.agreed.as_ref()?.sending()?;
        (self.up() && sdp::may_send(self.direction)).then_some(codec)
    }

    pub fn send_audio(&mut self, now: Instant, payload: &[u8], samples: u32) {
        let Some((_, payload_type)) = self.agreed.as_ref().and_then(Agreed::sending) else { return };
        if self.sending().is_none() {
            return;
        }
        if self.digits_out.sounding() {
            self.sender.skip(now, samples);
            return;
        }
        let packet = self.sender.audio(now, payload_type, payload, samples);
        self.peer.send_rtp(now, packet);
    }

    pub fn send_digits(&mut self, digits: &str) {
        self.digits_out.push(digits);
    }

    fn send_due_digits(&mut self, now: Instant) {
        let Some(codec) = self.sending() else { return };
        let Some((payload_type, clock_hz)) = self.agreed.as_ref().and_then(|agreed| agreed.event_for(codec.clock_hz()))
        else {
            self.digits_out.clear();
            return;
        };
        while let Some(step) = self.digits_out.poll(now, &mut self.sender, payload_type, clock_hz) {
            self.peer.send_rtp(now, step.packet);
            if let Some(digit) = step.sent {
                self.event(MediaEvent::DigitSent { session: self.id, digit });
            }
        }
    }

    pub fn stats(&self) -> MediaStats {
        MediaStats {
            packets_sent: self.sender.packets,
            packets_received: self.reception.packets,
            packets_lost: self.reception.lost(),
            bytes_sent: self.sender.octets,
            bytes_received: self.reception.octets,
            jitter_ms: self.reception.jitter_ms(),
            rtt_ms: self.far.rtt_ms.or(self.check_rtt_ms),
            far_loss: self.far.loss,
            far_jitter_ms: self.far.jitter_ms,
            far_reports: self.far.reports,
            blocked_by_relay_fence: self.fence.blocked(),
        }
    }

    /// Runs what is due at `now` and takes what the peer connection has to say. True: something happened.
    pub fn drain(&mut self, now: Instant) -> bool {
        let mut busy = false;
        if self.peer.deadline().is_some_and(|due| due <= now) {
            self.peer.tick(now);
            busy = true;
        }
        while let Some(event) = self.peer.poll_event(now) {
            busy = true;
            self.peer_event(now, event);
        }
        if self.up() {
            self.send_due_digits(now);
            if let Some(report) = self.sender.report(now, &mut self.reception) {
                self.peer.send_report(now, &report, &self.cname, false);
            }
            if self.next_stats.is_some_and(|due| due <= now) {
                self.next_stats = Some(now + STATS_INTERVAL);
                self.check_rtt_ms = self.peer.check_round_trip(now).map(millis);
                let stats = Box::new(self.stats());
                self.event(MediaEvent::Stats { session: self.id, stats });
            }
        }
        self.mobility.settle(now);
        if let Some(quiet) = self.mobility.quiet_at().filter(|quiet| *quiet <= now && self.quiet != Some(*quiet)) {
            self.quiet = Some(quiet);
            self.events.push_back(SessionEvent::Quiet);
        }
        match self.phase {
            Phase::Checking { since } | Phase::Restarting { since, .. } if now >= since + PATH_LIMIT => {
                self.fail(MediaError::NoPath { waited: PATH_LIMIT });
            }
            Phase::Securing { since, .. } if now >= since + HANDSHAKE_LIMIT => {
                self.fail(MediaError::Handshake(format!("no answer for {} s", HANDSHAKE_LIMIT.as_secs())));
            }
            _ => {}
        }
        busy
    }

    fn fail(&mut self, error: MediaError) {
        self.phase = Phase::Negotiating;
        self.events.push_back(SessionEvent::Failed(error));
    }

    fn peer_event(&mut self, now: Instant, event: PeerEvent) {
        match &event {
            PeerEvent::Rtp(packet) => tracing::trace!(
                session = self.id.0,
                sequence = packet.sequence,
                bytes = packet.payload.len(),
                "an audio packet came"
            ),
            PeerEvent::Rtcp(reports) => tracing::trace!(session = self.id.0, count = reports.len(), "reports came"),
            PeerEvent::IceConnected => tracing::debug!(session = self.id.0, phase = ?self.phase, "ICE has a pair"),
            PeerEvent::IceDisconnected => tracing::debug!(session = self.id.0, "ICE has lost its pair"),
            PeerEvent::IceFailed => tracing::debug!(session = self.id.0, "ICE has given up"),
            PeerEvent::Secured => tracing::debug!(session = self.id.0, "DTLS is done"),
            PeerEvent::HandshakeFailed(why) => tracing::debug!(session = self.id.0, %why, "DTLS failed"),
        }
        match event {
            PeerEvent::IceConnected => match self.phase {
                Phase::Checking { since } => {
                    self.phase = Phase::Securing { since: now, ice: now.saturating_duration_since(since) };
                }
                Phase::Restarting { since, dtls } => {
                    self.come_up(now, now.saturating_duration_since(since), dtls);
                }
                Phase::Up { ice, dtls } if self.interrupted => self.come_up(now, ice, dtls),
                _ => {}
            },
            PeerEvent::Secured => {
                if let Phase::Securing { since, ice } = self.phase {
                    self.come_up(now, ice, now.saturating_duration_since(since));
                }
            }
            PeerEvent::IceDisconnected => {
                if self.up() && !self.interrupted {
                    self.interrupted = true;
                    self.event(MediaEvent::Interrupted { session: self.id });
                    self.events.push_back(SessionEvent::Quiet);
                }
            }
            PeerEvent::IceFailed => match self.phase {
                Phase::Up { .. } => self.fail(MediaError::ConsentLost),
                Phase::Checking { since } | Phase::Restarting { since, .. } => {
                    self.fail(MediaError::NoPath { waited: now.saturating_duration_since(since) });
                }
                _ => {}
            },
            PeerEvent::HandshakeFailed(why) => {
                if matches!(self.phase, Phase::Securing { .. }) {
                    self.fail(MediaError::Handshake(why));
                }
            }
            PeerEvent::Rtp(packet) => self.rtp(now, packet),
            PeerEvent::Rtcp(reports) => self.rtcp(now, &reports),
        }
    }

    fn come_up(&mut self, now: Instant, ice: Duration, dtls: Duration) {
        self.phase = Phase::Up { ice, dtls };
        self.interrupted = false;
        let Some((codec, _)) = self.agreed.as_ref().and_then(Agreed::sending) else { return };
        let security = format!("dtls-srtp {}", self.peer.srtp_profile(now));
        let pair = self.peer.selected();
        tracing::debug!(
            session = self.id.0,
            relayed = pair.is_some_and(|pair| pair.relayed),
            %codec,
            ice_ms = ice.as_millis(),
            dtls_ms = dtls.as_millis(),
            "media is up"
        );
        self.mobility.set_pair(pair);
        self.events.push_back(SessionEvent::Up { pair, ice, dtls, security, codec });
    }

    /// Media goes from `local` now, because the nominated address is gone: tells the facts again.
    pub fn moved(&mut self, now: Instant, local: SocketAddr, relayed: bool) {
        let Phase::Up { ice, dtls } = self.phase else { return };
        let Some((codec, _)) = self.agreed.as_ref().and_then(Agreed::sending) else { return };
        let security = format!("dtls-srtp {}", self.peer.srtp_profile(now));
        let pair = self.peer.selected().map(|pair| SelectedPair { relayed, local, ..pair });
        self.events.push_back(SessionEvent::Up { pair, ice, dtls, security, codec });
    }

    fn rtp(&mut self, now: Instant, packet: RtpPacket) {
        let Some(agreed) = &self.agreed else { return };
        if let Some(clock_hz) = agreed.event_clock(packet.payload_type) {
            self.reception.packet(now, &packet, clock_hz);
            if let Some(digit) = self.digits_in.packet(&packet) {
                self.event(MediaEvent::Digit { session: self.id, digit });
            }
            return;
        }
        let Some(codec) = agreed.codec_of(packet.payload_type) else { return };
        self.reception.packet(now, &packet, codec.clock_hz());
        if !self.heard {
            self.heard = true;
            self.event(MediaEvent::FirstMedia { session: self.id });
        }
        let RtpPacket { sequence, timestamp, marker, ssrc, payload, .. } = packet;
        let packet = AudioPacket { codec, sequence, timestamp, marker, ssrc, payload };
        self.events.push_back(SessionEvent::Output(EngineOutput::Audio { session: self.id, packet }));
    }

    fn rtcp(&mut self, now: Instant, reports: &[Report]) {
        let clock_hz = self.sending_clock();
        for report in reports {
            if let Some(info) = &report.sender {
                self.reception.sender_report(now, report.ssrc, info);
            }
            for block in report.blocks.iter().filter(|block| block.ssrc == self.sender.ssrc) {
                let round_trip = self.sender.round_trip(now, block);
                self.far.note(block, round_trip, clock_hz);
            }
        }
    }

    fn sending_clock(&self) -> u32 {
        self.agreed.as_ref().and_then(Agreed::sending).map_or(super::types::RTP_CLOCK_HZ, |(codec, _)| codec.clock_hz())
    }

    pub fn poll_transmit(&mut self, now: Instant) -> Option<PeerTransmit> {
        let PeerTransmit { from, to, bytes } = self.peer.poll_transmit(now)?;
        let (real_from, real_to) = self.mobility.outbound(from, to);
        if bytes.starts_with(&STUN_SUCCESS) && real_to == to {
            // The engine underneath answers only checks that carry the session's credentials.
            self.mobility.prove(now, from, to);
        }
        Some(PeerTransmit { from: real_from, to: real_to, bytes })
    }

    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let limit = match self.phase {
            Phase::Checking { since } | Phase::Restarting { since, .. } => Some(since + PATH_LIMIT),
            Phase::Securing { since, .. } => Some(since + HANDSHAKE_LIMIT),
            _ => None,
        };
        let mut due = [self.peer.deadline(), limit, None, None, None, self.mobility.deadline(), None];
        due[6] = self.mobility.quiet_at().filter(|quiet| self.quiet != Some(*quiet));
        if self.up() {
            due[2] = Some(self.sender.next_report());
            due[3] = self.next_stats;
            if self.sending().is_some() {
                due[4] = if self.digits_out.ready() { Some(now) } else { self.digits_out.deadline() };
            }
        }
        due.into_iter().flatten().min()
    }

    /// Says goodbye to the far end; the last datagrams are in [`poll_transmit`](Self::poll_transmit).
    pub fn close(&mut self, now: Instant) {
        if self.up() {
            let report = Report { ssrc: self.sender.ssrc, sender: None, blocks: Vec::new() };
            self.peer.send_report(now, &report, &self.cname, true);
        }
        self.peer.close();
        self.phase = Phase::Negotiating;
    }
}

fn transport_of(remote: &Remote) -> TransportDescription {
    TransportDescription {
        ice: remote.ice.clone(),
        ice_lite: remote.ice_lite,
        fingerprint: remote.fingerprint.clone(),
        setup: remote.setup,
    }
}
