//! One peer connection: ICE, DTLS and SRTP. The only file that names the WebRTC engine crate.
//!
//! The crate is used for its transport alone. Codecs, payload types, directions, reports and every line of SDP
//! that goes on a wire are ours: the crate is always shown one fixed description, in `sendrecv`, and an
//! interceptor next to the wire takes received packets out before the crate looks for tracks. This keeps its
//! weaker parts (docs/decisions/0001-media-engine.md) away from calls.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::{Interceptor, Packet, Registry, Slot, StreamInfo, TaggedPacket};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::MediaEngine as RtcMediaEngine;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::configuration::{RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy};
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::peer_connection::transport::{RTCDtlsRole, RTCIceCandidateInit, RTCIceCandidateType};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtcp::goodbye::Goodbye;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc::statistics::StatsSelector;

use super::flight::{LastFlight, is_handshake};
use super::rtp::{Report, ReportBlock, RtpPacket, SenderInfo};
use crate::sdp::{Fingerprint, IceCredentials, Setup};

/// Between two rounds of connectivity checks. 5 ms would save 15 ms and send four times the packets.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// Rounds before a pair counts as failed: 30 s, longer than any start-up.
const CHECK_ATTEMPTS: u16 = 1_500;
/// How long a relay that answers at once waits for a direct path. A peer's address not yet signalled may be its
/// relay's, so it waits as well.
const DIRECT_FIRST: Duration = Duration::from_millis(60);
/// Without an answer to consent checks for so long the path is interrupted.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(5);
/// And after so much more consent has expired (RFC 7675 §5.1).
const FAILED_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(2);
/// DTLS datagrams kept while no pair is nominated yet; more are dropped, DTLS repeats them.
const EARLY: usize = 8;
/// Received packets waiting for the next drain; when full, new ones are dropped. A drain follows every input.
const TAPPED: usize = 64;
/// The crate insists on a TURN server before it accepts the policy "relay only"; it never uses it.
const PLACEHOLDER: &str = "turn:placeholder.invalid:3478";
const MID: &str = "0";

/// Where one side of the transport stands, as descriptions carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TransportDescription {
    pub ice: IceCredentials,
    pub ice_lite: bool,
    pub fingerprint: Fingerprint,
    pub setup: Setup,
}

/// What happened inside.
#[derive(Debug)]
pub(super) enum PeerEvent {
    /// A pair was nominated (or works again).
    IceConnected,
    IceDisconnected,
    IceFailed,
    /// ICE and DTLS are done.
    Secured,
    HandshakeFailed(String),
    Rtp(RtpPacket),
    Rtcp(Vec<Report>),
}

/// A datagram to send from a local candidate's base.
#[derive(Clone, Debug)]
pub(super) struct PeerTransmit {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// The nominated pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SelectedPair {
    pub relayed: bool,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// The crate refused something it was given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct PeerError(String);

impl<E: Into<Error>> From<E> for PeerError {
    fn from(error: E) -> Self {
        Self(error.into().to_string())
    }
}

pub(super) struct Peer {
    pc: RTCPeerConnection,
    sender: RTCRtpSenderId,
    tap: Arc<Mutex<VecDeque<Packet>>>,
    events: VecDeque<PeerEvent>,
    early: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    flight: LastFlight,
    /// Datagrams of a lost flight, to be sent again.
    again: VecDeque<PeerTransmit>,
    nominated: bool,
    secured: bool,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("nominated", &self.nominated)
            .field("secured", &self.secured)
            .finish_non_exhaustive()
    }
}

impl Peer {
    /// `dtls`: the role when answering; it is fixed from here on, so the offer has to be read first.
    pub fn new(now: Instant, relay_only: bool, dtls: Option<Setup>, ssrc: u32) -> Result<Self, PeerError> {
        let configuration = RTCConfigurationBuilder::new();
        let configuration = if relay_only {
            configuration.with_ice_transport_policy(RTCIceTransportPolicy::Relay).with_ice_servers(vec![RTCIceServer {
                urls: vec![PLACEHOLDER.to_owned()],
                username: "none".to_owned(),
                credential: "none".to_owned(),
            }])
        } else {
            configuration
        };
        let role = match dtls {
            Some(Setup::Passive) => RTCDtlsRole::Server,
            Some(Setup::Active) => RTCDtlsRole::Client,
            _ => RTCDtlsRole::Auto,
        };
        let patience = if relay_only { Duration::ZERO } else { DIRECT_FIRST };
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECK_ATTEMPTS))
            .with_ice_timeouts(Some(DISCONNECTED_AFTER), Some(FAILED_AFTER), Some(KEEPALIVE))
            .with_host_acceptance_min_wait(Some(Duration::ZERO))
            .with_srflx_acceptance_min_wait(Some(Duration::ZERO))
            .with_prflx_acceptance_min_wait(Some(patience))
            .with_relay_acceptance_min_wait(Some(patience))
            .with_discard_local_candidates_during_ice_restart(true)
            .with_include_loopback_candidate(true)
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .with_answering_dtls_role(role)
            .build();
        let codec = RTCRtpCodec {
            mime_type: "audio/opus".to_owned(),
            clock_rate: 48_000,
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
            rtcp_feedback: Vec::new(),
        };
        let mut media = RtcMediaEngine::default();
        media.register_codec(
            RTCRtpCodecParameters { rtp_codec: codec.clone(), payload_type: 111 },
            RtpCodecKind::Audio,
        )?;
        let tap = Arc::new(Mutex::new(VecDeque::new()));
        let registry = Registry::new().with(Slot::from(100), Tap { received: Arc::clone(&tap), sent: VecDeque::new() });
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_configuration(configuration.build())
            .with_setting_engine(settings)
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .build(now)?;
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec,
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            "audio".to_owned(),
            "audio".to_owned(),
            "audio".to_owned(),
            RtpCodecKind::Audio,
            vec![coding],
        );
        let sender = pc.add_track(track)?;
        Ok(Self {
            pc,
            sender,
            tap,
            events: VecDeque::new(),
            early: VecDeque::new(),
            flight: LastFlight::default(),
            again: VecDeque::new(),
            nominated: false,
            secured: false,
        })
    }

    /// Makes an offer and applies it. `restart`: with new ICE credentials; candidates must be added again after.
    pub fn offer(&mut self, now: Instant, restart: bool) -> Result<TransportDescription, PeerError> {
        if restart {
            self.pc.restart_ice();
            self.nominated = false;
        }
        let offer = self.pc.create_offer(None)?;
        let local = read_local(&offer.sdp)?;
        self.pc.set_local_description(now, offer)?;
        Ok(TransportDescription { setup: Setup::ActPass, ..local })
    }

    /// Applies a remote offer and answers it. With new remote ICE credentials on a connection that lives this is
    /// a restart: candidates must be added again after.
    pub fn answer(&mut self, now: Instant, remote: &TransportDescription) -> Result<TransportDescription, PeerError> {
        self.nominated = false;
        self.pc.set_remote_description(now, RTCSessionDescription::offer(fixed_description(remote))?)?;
        let answer = self.pc.create_answer(None)?;
        let local = read_local(&answer.sdp)?;
        self.pc.set_local_description(now, answer)?;
        let setup = if remote.setup == Setup::Active { Setup::Passive } else { Setup::Active };
        Ok(TransportDescription { setup, ..local })
    }

    /// Applies the remote answer to our offer.
    pub fn accept_answer(&mut self, now: Instant, remote: &TransportDescription) -> Result<(), PeerError> {
        self.pc.set_remote_description(now, RTCSessionDescription::answer(fixed_description(remote))?)?;
        Ok(())
    }

    /// Takes back an offer that will not be answered.
    pub fn roll_back(&mut self, now: Instant) -> Result<(), PeerError> {
        self.pc.set_local_description(now, RTCSessionDescription::rollback(None)?)?;
        Ok(())
    }

    /// `candidate` is the text after `candidate:`.
    pub fn add_local_candidate(&mut self, candidate: &str) -> Result<(), PeerError> {
        self.pc.add_local_candidate(candidate_init(candidate))?;
        Ok(())
    }

    pub fn add_remote_candidate(&mut self, candidate: &str) -> Result<(), PeerError> {
        self.pc.add_remote_candidate(candidate_init(candidate))?;
        Ok(())
    }

    /// A datagram that arrived at the local candidate `local`. True: it was media that decrypted.
    pub fn receive(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, bytes: &[u8]) -> bool {
        let Some(first) = bytes.first() else { return false };
        // RFC 7983: 0–3 is STUN. Anything else may overtake the check that nominates its pair; the crate would
        // drop it and DTLS would wait a second before it tries again.
        if *first > 3 && !self.nominated {
            if self.early.len() < EARLY {
                self.early.push_back((local, from, bytes.to_vec()));
            }
            return false;
        }
        self.flight.end();
        self.again.extend(self.flight.asked(bytes).iter().cloned());
        let before = self.tapped();
        let transport = TransportContext {
            local_addr: local,
            peer_addr: from,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        // A packet that does not decrypt or parse is a packet that never came.
        drop(self.pc.handle_read(TaggedBytesMut { now, transport, message: BytesMut::from(bytes) }));
        self.tapped() > before
    }

    fn tapped(&self) -> usize {
        self.tap.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn send_rtp(&mut self, now: Instant, packet: RtpPacket) {
        if !self.secured {
            return;
        }
        let header = rtc::rtp::header::Header {
            version: 2,
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            ..Default::default()
        };
        let packet = rtc::rtp::Packet { header, payload: Bytes::from(packet.payload) };
        let message = RTCMessage::RtpPacket(String::new(), packet);
        // Refused only after close.
        drop(self.pc.handle_write(TaggedRTCMessage { now, message }));
    }

    /// A compound packet: the report, our name, and `goodbye` when the stream ends (RFC 3550 §6.1).
    pub fn send_report(&mut self, now: Instant, report: &Report, cname: &str, goodbye: bool) {
        if !self.secured {
            return;
        }
        let blocks = report.blocks.iter().map(write_block).collect();
        let mut packets: Vec<Box<dyn rtc::rtcp::Packet>> = vec![match report.sender {
            Some(info) => Box::new(SenderReport {
                ssrc: report.ssrc,
                ntp_time: info.ntp,
                rtp_time: info.rtp,
                packet_count: info.packets,
                octet_count: info.octets,
                reports: blocks,
                profile_extensions: Bytes::new(),
            }),
            None => Box::new(ReceiverReport { ssrc: report.ssrc, reports: blocks, profile_extensions: Bytes::new() }),
        }];
        let name =
            SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: Bytes::copy_from_slice(cname.as_bytes()) };
        packets.push(Box::new(SourceDescription {
            chunks: vec![SourceDescriptionChunk { source: report.ssrc, items: vec![name] }],
        }));
        if goodbye {
            packets.push(Box::new(Goodbye { sources: vec![report.ssrc], reason: Bytes::new() }));
        }
        let message = RTCMessage::RtcpPacket(String::new(), packets);
        drop(self.pc.handle_write(TaggedRTCMessage { now, message }));
    }

    /// The pair that carries media, or none yet.
    pub fn selected(&mut self) -> Option<SelectedPair> {
        let sender = self.pc.rtp_sender(self.sender)?;
        let pair = sender.transport()?.ice_transport().get_selected_candidate_pair()?;
        let address = |candidate: &rtc::peer_connection::transport::RTCIceCandidate| {
            Some(SocketAddr::new(candidate.address.parse().ok()?, candidate.port))
        };
        Some(SelectedPair {
            relayed: pair.local().typ == RTCIceCandidateType::Relay,
            local: address(pair.local())?,
            remote: address(pair.remote())?,
        })
    }

    /// The negotiated SRTP profile with its registered name (RFC 5764 §4.1.2, RFC 7714 §14.2).
    pub fn srtp_profile(&mut self, now: Instant) -> String {
        let report = self.pc.get_stats(now, StatsSelector::None);
        let name = report.transport().map(|transport| transport.srtp_cipher.clone()).unwrap_or_default();
        let name = name.strip_prefix("SRTP_").unwrap_or(&name);
        match name {
            "AES128_CM_HMAC_SHA1_80" => "AES128_CM_SHA1_80".to_owned(),
            other => other.to_owned(),
        }
    }

    /// Round trip of the connectivity and consent checks on the nominated pair.
    pub fn check_round_trip(&mut self, now: Instant) -> Option<Duration> {
        let report = self.pc.get_stats(now, StatsSelector::None);
        let pair = report.candidate_pairs().find(|pair| pair.nominated)?;
        let seconds = pair.current_round_trip_time;
        (seconds > 0.0 && seconds < 60.0).then(|| Duration::from_secs_f64(seconds))
    }

    /// Runs what is due. To be called again until [`deadline`](Self::deadline) lies ahead.
    pub fn tick(&mut self, now: Instant) {
        self.again.extend(self.flight.repeat(now).iter().cloned());
        if let Err(error) = self.pc.handle_timeout(now)
            && !self.secured
        {
            let why = match error {
                // What the crate says when it has repeated a flight as often as it may.
                Error::ErrInvalidFsmTransition => "the other side stopped answering".to_owned(),
                error => error.to_string(),
            };
            self.events.push_back(PeerEvent::HandshakeFailed(why));
        }
    }

    pub fn deadline(&mut self) -> Option<Instant> {
        [self.pc.poll_timeout(), self.flight.deadline()].into_iter().flatten().min()
    }

    pub fn poll_transmit(&mut self, now: Instant) -> Option<PeerTransmit> {
        if let Some(again) = self.again.pop_front() {
            return Some(again);
        }
        let message = self.pc.poll_write()?;
        let datagram = PeerTransmit {
            from: message.transport.local_addr,
            to: message.transport.peer_addr,
            bytes: message.message.to_vec(),
        };
        if is_handshake(&datagram.bytes) {
            let round_trip = self.check_round_trip(now);
            self.flight.note(now, &datagram, round_trip);
        }
        Some(datagram)
    }

    pub fn poll_event(&mut self, now: Instant) -> Option<PeerEvent> {
        while let Some(event) = self.pc.poll_event() {
            self.note(now, &event);
        }
        // What reaches the crate's own exit (nothing should, the tap is before it) must not pile up there.
        while self.pc.poll_read().is_some() {}
        let mut tapped = self.tap.lock().unwrap_or_else(PoisonError::into_inner);
        self.events.extend(tapped.drain(..).filter_map(read_packet));
        drop(tapped);
        self.events.pop_front()
    }

    fn note(&mut self, now: Instant, event: &RTCPeerConnectionEvent) {
        match event {
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => match state {
                RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => {
                    self.nominated = true;
                    self.events.push_back(PeerEvent::IceConnected);
                    for (local, from, bytes) in std::mem::take(&mut self.early) {
                        self.receive(now, local, from, &bytes);
                    }
                    // The client's first flight waits for a timer that is due at once.
                    self.tick(now);
                }
                RTCIceConnectionState::Disconnected => self.events.push_back(PeerEvent::IceDisconnected),
                RTCIceConnectionState::Failed => self.events.push_back(PeerEvent::IceFailed),
                _ => {}
            },
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected)
                if !self.secured =>
            {
                self.secured = true;
                self.flight.done();
                self.events.push_back(PeerEvent::Secured);
            }
            _ => {}
        }
    }

    /// Says goodbye; [`poll_transmit`](Self::poll_transmit) has the last datagrams.
    pub fn close(&mut self) {
        drop(self.pc.close());
    }
}

fn candidate_init(candidate: &str) -> RTCIceCandidateInit {
    RTCIceCandidateInit { candidate: candidate.to_owned(), ..Default::default() }
}

/// The one shape of description that the crate is ever shown.
fn fixed_description(remote: &TransportDescription) -> String {
    let lite = if remote.ice_lite { "a=ice-lite\r\n" } else { "" };
    let TransportDescription { ice, fingerprint, setup, .. } = remote;
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {MID}\r\n{lite}\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:{MID}\r\na=sendrecv\r\na=rtcp-mux\r\n\
         a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=ice-options:trickle\r\na=fingerprint:{} {}\r\na=setup:{setup}\r\n\
         a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n",
        ice.ufrag, ice.pwd, fingerprint.algorithm, fingerprint.value,
    )
}

/// Takes credentials and fingerprint out of a description that the crate wrote.
fn read_local(sdp: &str) -> Result<TransportDescription, PeerError> {
    let attribute = |name: &str| {
        sdp.lines()
            .find_map(|line| line.trim().strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
            .map(str::to_owned)
            .ok_or_else(|| PeerError(format!("no {name} in the local description")))
    };
    let fingerprint = attribute("fingerprint")?;
    let (algorithm, value) = fingerprint.split_once(' ').unwrap_or(("", &fingerprint));
    Ok(TransportDescription {
        ice: IceCredentials { ufrag: attribute("ice-ufrag")?, pwd: attribute("ice-pwd")? },
        ice_lite: false,
        fingerprint: Fingerprint { algorithm: algorithm.to_owned(), value: value.to_owned() },
        setup: Setup::ActPass,
    })
}

fn read_packet(packet: Packet) -> Option<PeerEvent> {
    match packet {
        Packet::Rtp(packet) => Some(PeerEvent::Rtp(RtpPacket {
            payload_type: packet.header.payload_type,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            ssrc: packet.header.ssrc,
            payload: packet.payload.to_vec(),
        })),
        Packet::Rtcp(packets) => {
            Some(PeerEvent::Rtcp(packets.iter().filter_map(|packet| read_report(&**packet)).collect()))
        }
        _ => None,
    }
}

fn read_report(packet: &dyn rtc::rtcp::Packet) -> Option<Report> {
    if let Some(report) = packet.as_any().downcast_ref::<SenderReport>() {
        return Some(Report {
            ssrc: report.ssrc,
            sender: Some(SenderInfo {
                ntp: report.ntp_time,
                rtp: report.rtp_time,
                packets: report.packet_count,
                octets: report.octet_count,
            }),
            blocks: report.reports.iter().map(read_block).collect(),
        });
    }
    let report = packet.as_any().downcast_ref::<ReceiverReport>()?;
    Some(Report { ssrc: report.ssrc, sender: None, blocks: report.reports.iter().map(read_block).collect() })
}

fn read_block(block: &ReceptionReport) -> ReportBlock {
    ReportBlock {
        ssrc: block.ssrc,
        fraction_lost: block.fraction_lost,
        total_lost: block.total_lost,
        highest_sequence: block.last_sequence_number,
        jitter: block.jitter,
        last_sender_report: block.last_sender_report,
        delay_since: block.delay,
    }
}

fn write_block(block: &ReportBlock) -> ReceptionReport {
    ReceptionReport {
        ssrc: block.ssrc,
        fraction_lost: block.fraction_lost,
        total_lost: block.total_lost,
        last_sequence_number: block.highest_sequence,
        jitter: block.jitter,
        last_sender_report: block.last_sender_report,
        delay: block.delay_since,
    }
}

/// Takes every received packet out of the chain and lets every sent one through.
struct Tap {
    /// Shared with the [`Peer`] of the same thread only, so the lock never waits.
    received: Arc<Mutex<VecDeque<Packet>>>,
    sent: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if received.len() < TAPPED {
            received.push_back(packet.message.packet);
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        self.sent.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.sent.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
