//! One allocation on a TURN server (RFC 8656). The only file that names the TURN client crate.
//!
//! What the crate does not do is done here: frames on streams are cut and padded, peers are permitted once,
//! datagrams wait for their permission, refusals are reported at once, and allocations that live shorter than the
//! protocol's default of 600 s are refreshed (the crate ignores such lifetimes and would close at expiry).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use stun_proto::auth::{LongTermClientAuth, LongTermClientValidation};
use stun_proto::types::TransportType;
use stun_proto::types::attribute::ErrorCode;
use stun_proto::types::message::{LongTermCredentials, Message, MessageClass, MessageWriteVec, TransactionId};
use stun_proto::types::prelude::{MessageWrite, MessageWriteExt};
use turn_client_proto::api::{Transmit, TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::types::TurnCredentials;
use turn_client_proto::types::attribute::Lifetime;
use turn_client_proto::types::message::{ALLOCATE, REFRESH};
use turn_client_proto::udp::TurnClientUdp;

use super::types::TurnTransport;

/// Peers with a permission at most; more are not relayed.
const MAX_PEERS: usize = 32;
/// Destinations with a datagram waiting for their permission; each keeps the newest one only, because what waits
/// are connectivity checks, which repeat.
const MAX_HELD: usize = 16;
/// A refused permission is asked for again after this long.
const RETRY_PERMISSION: Duration = Duration::from_secs(5);
/// Lifetimes from here on the crate refreshes itself.
const CRATE_REFRESHES_FROM: u32 = 600;
/// What is asked for, in seconds; the server may give less.
const REQUESTED_LIFETIME: u32 = 1_800;
/// What the crate is told in place of a shorter lifetime, in seconds.
const TOLD_LIFETIME: u32 = 3_600;
/// Unanswered refreshes of ours are repeated after this long.
const REPEAT_REFRESH: Duration = Duration::from_millis(500);
/// A probe without any answer for this long means that the server, or the way to it, is gone.
const PROBE_LIMIT: Duration = Duration::from_millis(1_500);
const REPEAT_PROBE: Duration = Duration::from_millis(250);
/// The crate leaves 50 ms between two requests, which would add 100 ms to every cold start. Its clock is set ahead
/// by what it would wait, at most by so much in the life of an allocation; 100 requests at 50 ms.
const MAX_AHEAD: Duration = Duration::from_secs(5);
/// Longest wait that can only be that pause.
const PAUSE: Duration = Duration::from_millis(50);
/// Rounds of one run; a defect of the crate must not hang the thread.
const MAX_ROUNDS: usize = 32;

/// What became of the allocation.
#[derive(Debug, PartialEq, Eq)]
pub enum AllocationEvent {
    Ready(SocketAddr),
    Data {
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    /// The server said no.
    Refused {
        code: u16,
        reason: String,
    },
    /// It is gone, or never came to be.
    Lost,
}

/// Our own refreshes of a short-lived allocation.
#[derive(Debug)]
struct Keeper {
    expires: Instant,
    next: Instant,
    pending: Vec<TransactionId>,
}

/// Refreshes sent only to see whether they are answered.
#[derive(Debug)]
struct Probe {
    begun: Instant,
    next: Instant,
    pending: Vec<TransactionId>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Permission {
    Pending,
    Granted,
    Refused { until: Instant },
}

#[derive(Debug)]
pub(super) struct Allocation {
    base: Instant,
    /// How far the crate's clock is set ahead.
    ahead: Duration,
    client: TurnClientUdp,
    /// Sees every message that the client sees, so that it can sign in the client's name.
    auth: LongTermClientAuth,
    cutter: Option<FrameCutter>,
    local: SocketAddr,
    server: SocketAddr,
    relayed: Option<SocketAddr>,
    permissions: BTreeMap<IpAddr, Permission>,
    /// Peers to permit as soon as there is an allocation, the likely ones first.
    wanted: Vec<IpAddr>,
    /// A question whether the allocation still lives.
    probe: Option<Probe>,
    /// Asked for once; asking again while one is pending would take a second number.
    channels: BTreeSet<SocketAddr>,
    held: BTreeMap<SocketAddr, Vec<u8>>,
    keeper: Option<Keeper>,
    unauthorized: u8,
    first_sent: Option<Instant>,
    round_trip: Option<Duration>,
    wake: Instant,
    over: bool,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<AllocationEvent>,
}

impl Allocation {
    pub fn new(
        now: Instant,
        (local, server): (SocketAddr, SocketAddr),
        transport: TurnTransport,
        username: &str,
        password: &str,
    ) -> Self {
        let mut config = TurnConfig::new(TurnCredentials::new(username, password));
        let stream = transport != TurnTransport::Udp;
        // On a stream nothing is lost, so nothing is repeated. The crate's own stream client is not used: it
        // neither pads nor skips the padding of channel data.
        if stream {
            config.set_request_retransmits(
                Duration::from_secs(10),
                Duration::from_secs(10),
                0,
                Duration::from_secs(10),
            );
        } else {
            config.set_request_retransmits(
                Duration::from_millis(300),
                Duration::from_secs(3),
                6,
                Duration::from_secs(3),
            );
        }
        let mut auth = LongTermClientAuth::new();
        auth.set_credentials(LongTermCredentials::new(username.to_owned(), password.to_owned()));
        Self {
            base: now,
            ahead: Duration::ZERO,
            client: TurnClientUdp::allocate(local, server, config),
            auth,
            cutter: stream.then(FrameCutter::default),
            local,
            server,
            relayed: None,
            permissions: BTreeMap::new(),
            wanted: Vec::new(),
            probe: None,
            channels: BTreeSet::new(),
            held: BTreeMap::new(),
            keeper: None,
            unauthorized: 0,
            first_sent: None,
            round_trip: None,
            wake: now,
            over: false,
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// `now` on the crate's own scale.
    fn at(&self, now: Instant) -> stun_proto::Instant {
        let elapsed = (now.saturating_duration_since(self.base) + self.ahead).as_nanos();
        stun_proto::Instant::from_nanos(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }

    /// From the first request to its answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Lets `peer` send to us and us to it. Asks at most once while an answer is awaited.
    pub fn permit(&mut self, now: Instant, peer: IpAddr) {
        if self.relayed.is_none() {
            if self.wanted.len() < MAX_PEERS && !self.wanted.contains(&peer) {
                self.wanted.push(peer);
            }
            return;
        }
        let asks = match self.permissions.get(&peer) {
            None => self.permissions.len() < MAX_PEERS,
            Some(Permission::Refused { until }) => now >= *until,
            Some(_) => false,
        };
        if !asks {
            return;
        }
        let at = self.at(now);
        let asked = self.client.create_permission(TransportType::Udp, peer, at).is_ok();
        let state = if asked { Permission::Pending } else { Permission::Refused { until: now + RETRY_PERMISSION } };
        self.permissions.insert(peer, state);
    }

    /// Makes packets to and from `peer` 32 bytes shorter, once it is known that this is the one.
    pub fn bind(&mut self, now: Instant, peer: SocketAddr) {
        let granted = self.permissions.get(&peer.ip()) == Some(&Permission::Granted);
        if granted && self.channels.len() < MAX_PEERS && self.channels.insert(peer) {
            let at = self.at(now);
            if self.client.bind_channel(TransportType::Udp, peer, at).is_err() {
                // Send indications do the same at a few bytes more.
                tracing::debug!("a TURN channel could not be asked for");
            }
            self.run(now);
        }
    }

    /// Relays one datagram, now or as soon as its peer is permitted.
    pub fn send(&mut self, now: Instant, to: SocketAddr, bytes: Vec<u8>) {
        if self.over || self.relayed.is_none() {
            return;
        }
        let at = self.at(now);
        match self.client.send_to(TransportType::Udp, to, bytes.as_slice(), at) {
            Ok(Some(transmit)) => {
                let data = transmit.build().data;
                self.push(now, data);
            }
            Ok(None) => {}
            Err(_) => {
                if self.permissions.get(&to.ip()) == Some(&Permission::Granted) {
                    // It ran out between two refreshes.
                    self.permissions.remove(&to.ip());
                }
                self.permit(now, to.ip());
                if self.held.len() < MAX_HELD || self.held.contains_key(&to) {
                    self.held.insert(to, bytes);
                }
                self.run(now);
            }
        }
    }

    fn push(&mut self, now: Instant, mut data: Vec<u8>) {
        if self.cutter.is_some() {
            pad(&mut data);
        }
        self.first_sent.get_or_insert(now);
        self.out.push_back(data);
    }

    /// Bytes from the server: a datagram, or a piece of the stream.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(cutter) = &mut self.cutter {
            let Ok(frames) = cutter.push(bytes) else {
                self.lose();
                return;
            };
            for frame in frames {
                self.frame(now, &frame);
            }
        } else {
            self.frame(now, bytes);
        }
        self.run(now);
    }

    fn frame(&mut self, now: Instant, frame: &[u8]) {
        if self.over {
            return;
        }
        if let Some(sent) = self.first_sent
            && self.round_trip.is_none()
        {
            self.round_trip = Some(now.saturating_duration_since(sent));
        }
        let rewritten = match Message::from_bytes(frame) {
            Ok(message) if message.is_response() => match self.inspect(now, &message) {
                Inspected::Pass => None,
                Inspected::Replace(replacement) => Some(replacement),
                Inspected::Ours => return,
            },
            _ => None,
        };
        let data = rewritten.as_deref().unwrap_or(frame);
        let at = self.at(now);
        let transmit = Transmit::new(data, TransportType::Udp, self.server, self.local);
        if let TurnRecvRet::PeerData(peer) = self.client.recv(transmit, at) {
            self.events.push_back(AllocationEvent::Data { from: peer.peer, bytes: peer.data().to_vec() });
        }
    }

    /// Looks at an answer of the server before the crate does.
    fn inspect(&mut self, now: Instant, message: &Message<'_>) -> Inspected {
        let validation = self.auth.validate_incoming_message(message);
        let valid = matches!(validation, Ok(LongTermClientValidation::Validated(_)));
        let stale = matches!(validation, Ok(LongTermClientValidation::ResendRequest(_)));
        let probed = self.probe.as_ref().is_some_and(|probe| probe.pending.contains(&message.transaction_id()));
        let kept = self.keeper.as_ref().is_some_and(|keeper| keeper.pending.contains(&message.transaction_id()));
        let ours = kept || probed;
        if message.has_class(MessageClass::Error) {
            let (code, reason) = message
                .attribute::<ErrorCode>()
                .map_or((0, String::new()), |error| (error.code(), error.reason().to_owned()));
            if message.has_method(REFRESH) && code == ErrorCode::ALLOCATION_MISMATCH && (valid || ours) {
                self.lose();
                return Inspected::Ours;
            }
            if kept {
                if stale && let Some(keeper) = &mut self.keeper {
                    keeper.next = now;
                }
                return Inspected::Ours;
            }
            if probed {
                match &mut self.probe {
                    // Asked again with the new nonce.
                    Some(probe) if stale => probe.next = now,
                    // It does not know us any more.
                    _ => self.lose(),
                }
                return Inspected::Ours;
            }
            if message.has_method(ALLOCATE) {
                self.unauthorized += u8::from(code == ErrorCode::UNAUTHORIZED);
                let asks_for_credentials = code == ErrorCode::UNAUTHORIZED && self.unauthorized < 2;
                if !asks_for_credentials && code != ErrorCode::STALE_NONCE {
                    self.over = true;
                    self.events.push_back(AllocationEvent::Refused { code, reason });
                    return Inspected::Ours;
                }
            }
            return Inspected::Pass;
        }
        if probed {
            self.probe = None;
        }
        let lifetime = message.attribute::<Lifetime>().map_or(0, |lifetime| lifetime.seconds());
        let short = (1..CRATE_REFRESHES_FROM).contains(&lifetime);
        if !valid || !short || !(message.has_method(ALLOCATE) || message.has_method(REFRESH)) {
            return if ours { Inspected::Ours } else { Inspected::Pass };
        }
        let lifetime_left = Duration::from_secs(lifetime.into());
        self.keeper = Some(Keeper { expires: now + lifetime_left, next: now + lifetime_left / 2, pending: Vec::new() });
        if ours {
            return Inspected::Ours;
        }
        if message.has_method(ALLOCATE) {
            // The crate takes a short lifetime here, and asks for its first refresh in time.
            return Inspected::Pass;
        }
        let mut replacement = Message::builder(message.get_type(), message.transaction_id(), MessageWriteVec::new());
        let written = replacement.add_attribute(&Lifetime::new(TOLD_LIFETIME)).is_ok();
        match self.auth.sign_outgoing_message(replacement) {
            Ok(replacement) if written => Inspected::Replace(replacement.finish()),
            _ => Inspected::Pass,
        }
    }

    /// Sends our own refresh when it is due.
    fn keep(&mut self, now: Instant) {
        let Some(keeper) = &mut self.keeper else { return };
        if now >= keeper.expires {
            self.lose();
            return;
        }
        if now < keeper.next || self.over {
            return;
        }
        keeper.next = now + REPEAT_REFRESH;
        if let Some(transaction) = self.refresh(now)
            && let Some(keeper) = &mut self.keeper
        {
            // As many as are sent in the second half of the longest lifetime that is ours to keep.
            keeper.pending.truncate(600);
            keeper.pending.push(transaction);
        }
    }

    /// Sends a refresh of our own, beside the crate's.
    fn refresh(&mut self, now: Instant) -> Option<TransactionId> {
        let mut request = Message::builder_request(REFRESH, MessageWriteVec::new());
        // Asking for the crate's own 1800 s leaves the choice to the server.
        request.add_attribute(&Lifetime::new(REQUESTED_LIFETIME)).ok()?;
        let transaction = request.transaction_id();
        let request = self.auth.sign_outgoing_message(request).ok()?.finish();
        self.push(now, request);
        Some(transaction)
    }

    /// Asks the server whether the allocation still lives; [`AllocationEvent::Lost`] if not.
    pub fn probe(&mut self, now: Instant) {
        if self.probe.is_none() && self.relayed.is_some() && !self.over {
            self.probe = Some(Probe { begun: now, next: now, pending: Vec::new() });
            self.run(now);
        }
    }

    fn ask(&mut self, now: Instant) {
        let Some(probe) = &mut self.probe else { return };
        if now >= probe.begun + PROBE_LIMIT {
            self.lose();
        } else if now >= probe.next {
            probe.next = now + REPEAT_PROBE;
            if let Some(transaction) = self.refresh(now)
                && let Some(probe) = &mut self.probe
            {
                probe.pending.push(transaction);
            }
        }
    }

    fn lose(&mut self) {
        if !self.over {
            self.over = true;
            self.events.push_back(AllocationEvent::Lost);
        }
    }

    pub fn tick(&mut self, now: Instant) {
        self.run(now);
    }

    fn run(&mut self, now: Instant) {
        self.keep(now);
        self.ask(now);
        for _ in 0..MAX_ROUNDS {
            if self.over {
                return;
            }
            let at = self.at(now);
            let mut busy = false;
            match self.client.poll(at) {
                TurnPollRet::Closed => {
                    self.lose();
                    return;
                }
                TurnPollRet::WaitUntil(until) => {
                    let wait = until.saturating_duration_since(at);
                    self.wake = now + wait.min(Duration::from_hours(24));
                    if wait > Duration::ZERO && wait <= PAUSE && self.ahead < MAX_AHEAD {
                        self.ahead += wait;
                        busy = true;
                    }
                }
                _ => {}
            }
            let at = self.at(now);
            while let Some(transmit) = self.client.poll_transmit(at) {
                busy = true;
                self.push(now, transmit.data.to_vec());
            }
            while let Some(event) = self.client.poll_event() {
                busy = true;
                self.event(now, &event);
            }
            if !busy {
                return;
            }
        }
    }

    fn event(&mut self, now: Instant, event: &TurnEvent) {
        match event {
            TurnEvent::AllocationCreated(_, relayed) => {
                self.relayed = Some(*relayed);
                self.events.push_back(AllocationEvent::Ready(*relayed));
                for peer in std::mem::take(&mut self.wanted) {
                    self.permit(now, peer);
                }
            }
            TurnEvent::AllocationCreateFailed(_) => self.lose(),
            TurnEvent::PermissionCreated(_, peer) => {
                self.permissions.insert(*peer, Permission::Granted);
                let ready: Vec<SocketAddr> = self.held.keys().filter(|to| to.ip() == *peer).copied().collect();
                for to in ready {
                    if let Some(bytes) = self.held.remove(&to) {
                        self.send(now, to, bytes);
                    }
                }
            }
            TurnEvent::PermissionCreateFailed(_, peer) => {
                self.permissions.insert(*peer, Permission::Refused { until: now + RETRY_PERMISSION });
                self.held.retain(|to, _| to.ip() != *peer);
            }
            TurnEvent::ChannelCreateFailed(_, peer) => {
                // The crate remembers an expired channel for 5 minutes; indications carry on meanwhile.
                self.channels.insert(*peer);
            }
            _ => {}
        }
    }

    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<AllocationEvent> {
        self.events.pop_front()
    }

    pub fn deadline(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        let kept = self.keeper.as_ref().map(|keeper| keeper.next.min(keeper.expires));
        let asked = self.probe.as_ref().map(|probe| probe.next.min(probe.begun + PROBE_LIMIT));
        kept.into_iter().chain(asked).chain([self.wake]).min()
    }

    /// Gives the allocation back; the last message is in [`poll_transmit`](Self::poll_transmit).
    pub fn release(&mut self, now: Instant) {
        if self.over || self.relayed.is_none() {
            return;
        }
        self.over = true;
        let at = self.at(now);
        if self.client.delete(at).is_ok() {
            // The crate spaces requests 50 ms apart; nobody will ask it again then.
            let later = self.at(now + Duration::from_millis(60));
            while let Some(transmit) = self.client.poll_transmit(later) {
                self.push(now, transmit.data.to_vec());
            }
        }
    }
}

enum Inspected {
    /// The crate may see it.
    Pass,
    /// The crate sees this instead.
    Replace(Vec<u8>),
    /// It was not for the crate.
    Ours,
}

/// Channel data on a stream is padded to 4 bytes (RFC 8656 §12.5); STUN messages are aligned anyway.
fn pad(frame: &mut Vec<u8>) {
    frame.resize(frame.len().next_multiple_of(4), 0);
}

/// The stream does not carry TURN.
#[derive(Debug, PartialEq, Eq)]
struct NotTurn;

/// Cuts a stream into STUN messages and channel data without its padding (RFC 8656 §12.5).
#[derive(Debug, Default)]
struct FrameCutter {
    /// Less than one whole frame, so at most 64 KiB and the piece just received.
    rest: Vec<u8>,
}

impl FrameCutter {
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, NotTurn> {
        self.rest.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut at = 0;
        while let Some([kind, _, high, low]) = self.rest.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (frame, step) = match kind {
                0x00..=0x3f if length % 4 == 0 => (20 + length, 20 + length),
                0x40..=0x7f => (4 + length, (4 + length).next_multiple_of(4)),
                _ => return Err(NotTurn),
            };
            if self.rest.len() < at + step {
                break;
            }
            if let Some(frame) = self.rest.get(at..at + frame) {
                frames.push(frame.to_vec());
            }
            at += step;
        }
        self.rest.drain(..at);
        Ok(frames)
    }
}

/// The body of the fuzz target for streams: any bytes in any pieces, given to an allocation.
pub(super) fn fuzz(now: Instant, bytes: &[u8]) {
    let local = SocketAddr::from(([10, 0, 0, 1], 5_000));
    let server = SocketAddr::from(([10, 0, 0, 2], 3_478));
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        let mut allocation = Allocation::new(now, (local, server), transport, "user", "password");
        allocation.tick(now);
        for piece in bytes.chunks(7) {
            allocation.receive(now, piece);
        }
        allocation.receive(now, bytes);
        while allocation.poll_event().is_some() || allocation.poll_transmit().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: bool, data: &[u8]) -> Vec<u8> {
        let mut frame = if kind { vec![0x40, 0x00] } else { vec![0x01, 0x01] };
        let length = if kind { data.len() } else { data.len() / 4 * 4 };
        frame.extend((length as u16).to_be_bytes());
        if !kind {
            frame.extend([0; 16]);
        }
        frame.extend(&data[..length]);
        frame
    }

    proptest! {
        #[test]
        fn frames_come_out_of_a_stream_as_they_went_in_whatever_the_pieces(
            parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
            cuts in prop::collection::vec(1..50_usize, 1..40),
        ) {
            let frames: Vec<Vec<u8>> = parts.iter().map(|(kind, data)| frame(*kind, data)).collect();
            let mut stream = Vec::new();
            for frame in &frames {
                let mut padded = frame.clone();
                pad(&mut padded);
                stream.extend(padded);
            }
            let mut cutter = FrameCutter::default();
            let mut seen = Vec::new();
            let mut cuts = cuts.iter().cycle();
            let mut rest = stream.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                seen.extend(cutter.push(piece).unwrap());
                rest = after;
            }
            prop_assert_eq!(seen, frames);
            prop_assert!(cutter.rest.is_empty());
        }

        #[test]
        fn any_bytes_are_taken_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            fuzz(super::super::testing::epoch(), &bytes);
        }
    }

    #[test]
    fn what_is_not_turn_is_refused() {
        assert_eq!(FrameCutter::default().push(b"HTTP/1.1 400 Bad Request"), Ok(Vec::new()));
        assert_eq!(FrameCutter::default().push(&[0x80, 0, 0, 0]), Err(NotTurn));
        assert_eq!(FrameCutter::default().push(&[0x00, 1, 0, 3]), Err(NotTurn));
    }
}
