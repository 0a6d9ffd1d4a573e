//! A simulated network for media engines: seeded delay, loss and reordering, no socket, no waiting.
//!
//! [`SimNet`] carries datagrams between legs of engines that somebody else owns (a whole phone in a simulation
//! drives its own engine); [`Sim`] owns the engines too and does the signalling, for tests of the media engine.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::MediaEngine;
use super::types::{
    AudioPacket, Codec, DescriptionKind, EngineOutput, LegAddresses, LegError, LegKind, MediaError, MediaEvent,
    MediaUp, SessionConfig,
};
use crate::ids::{LegId, SessionId};

/// The one door to a clock in tests: where simulated time starts.
pub fn epoch() -> Instant {
    Instant::now()
}

/// A small generator of repeatable randomness (xorshift64*).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }
}

/// How datagrams travel; the same for all paths.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// One way.
    pub delay: Duration,
    /// Up to so much more, drawn for each datagram; more than their distance reorders them.
    pub jitter: Duration,
    /// Share of datagrams lost, 0–1.
    pub loss: f64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { delay: Duration::from_millis(10), jitter: Duration::ZERO, loss: 0.0 }
    }
}

/// One computer in the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub usize);

#[derive(Debug)]
struct Parcel {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// Bytes that arrived at a leg of a node.
#[derive(Debug)]
pub struct Delivery {
    pub node: NodeId,
    pub leg: LegId,
    pub from: SocketAddr,
    pub bytes: Vec<u8>,
}

/// Datagrams under way, sockets, and what is broken.
#[derive(Debug)]
pub struct SimNet {
    pub weather: Weather,
    dice: Dice,
    under_way: BTreeMap<(Instant, u64), Parcel>,
    order: u64,
    sockets: BTreeMap<SocketAddr, (NodeId, LegId)>,
    next_port: u16,
    cut: Vec<IpAddr>,
    walls: Vec<(IpAddr, IpAddr)>,
    /// Every datagram that left a node: from, to, length.
    pub sent: Vec<(NodeId, SocketAddr, SocketAddr, usize)>,
    pub record: bool,
}

impl SimNet {
    pub fn new(seed: u64) -> Self {
        Self {
            weather: Weather::default(),
            dice: Dice::new(seed),
            under_way: BTreeMap::new(),
            order: 0,
            sockets: BTreeMap::new(),
            next_port: 10_000,
            cut: Vec::new(),
            walls: Vec::new(),
            sent: Vec::new(),
            record: false,
        }
    }

    /// Nothing reaches or leaves this address any more (`false`: it works again).
    pub fn cut(&mut self, address: IpAddr, is_cut: bool) {
        self.cut.retain(|known| *known != address);
        if is_cut {
            self.cut.push(address);
        }
    }

    /// Nothing passes between these two addresses directly.
    pub fn wall(&mut self, one: IpAddr, other: IpAddr) {
        self.walls.push((one, other));
    }

    /// Takes all outputs of an engine, does what concerns the network, and gives the rest back.
    pub fn pump(&mut self, now: Instant, node: NodeId, engine: &mut MediaEngine) -> Vec<EngineOutput> {
        let mut rest = Vec::new();
        while let Some(output) = engine.poll() {
            match output {
                EngineOutput::OpenLeg { leg, kind, dscp, .. } => match kind {
                    LegKind::Host { bind } => {
                        let local = self.socket(bind, node, leg);
                        engine.leg_opened(now, leg, LegAddresses { local, server: None, dscp: Some(dscp) });
                    }
                    LegKind::Turn { host, .. } => engine.leg_failed(now, leg, &LegError::Unresolved { host }),
                },
                EngineOutput::CloseLeg { leg } => self.sockets.retain(|_, owner| *owner != (node, leg)),
                EngineOutput::Transmit { leg, to, bytes } => self.transmit(now, node, leg, to, bytes),
                other => rest.push(other),
            }
        }
        rest
    }

    fn socket(&mut self, bind: IpAddr, node: NodeId, leg: LegId) -> SocketAddr {
        self.next_port += 1;
        let local = SocketAddr::new(bind, self.next_port);
        self.sockets.insert(local, (node, leg));
        local
    }

    fn transmit(&mut self, now: Instant, node: NodeId, leg: LegId, to: SocketAddr, bytes: Vec<u8>) {
        let Some(from) = self.sockets.iter().find(|(_, owner)| **owner == (node, leg)).map(|(local, _)| *local) else {
            return;
        };
        if self.record {
            self.sent.push((node, from, to, bytes.len()));
        }
        self.post(now, Parcel { from, to, bytes });
    }

    fn post(&mut self, now: Instant, parcel: Parcel) {
        let (from, to) = (parcel.from.ip(), parcel.to.ip());
        let walled = self.walls.iter().any(|wall| *wall == (from, to) || *wall == (to, from));
        if walled || self.cut.contains(&from) || self.cut.contains(&to) || self.dice.share() < self.weather.loss {
            return;
        }
        let extra = Duration::from_nanos(self.dice.below(self.weather.jitter.as_nanos() as u64));
        self.order += 1;
        self.under_way.insert((now + self.weather.delay + extra, self.order), parcel);
    }

    /// When the next datagram arrives.
    pub fn due(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(due, _)| *due)
    }

    /// The next datagram that has arrived by `now`.
    pub fn deliver(&mut self, now: Instant) -> Option<Delivery> {
        loop {
            let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
            let Parcel { from, to, bytes } = entry.remove();
            if self.cut.contains(&to.ip()) {
                continue;
            }
            if let Some((node, leg)) = self.sockets.get(&to) {
                return Some(Delivery { node: *node, leg: *leg, from, bytes });
            }
        }
    }
}

/// One engine with what it reported.
#[derive(Debug)]
pub struct SimEngine {
    pub engine: MediaEngine,
    pub events: Vec<(Instant, MediaEvent)>,
    pub audio: Vec<(Instant, AudioPacket)>,
    /// Descriptions and candidates are carried to this one, as signalling would.
    peer: Option<NodeId>,
}

/// Signalling under way: an event of one engine that concerns the other.
#[derive(Debug)]
struct Signal {
    to: NodeId,
    event: MediaEvent,
}

/// Engines, network and signalling in one simulated time.
#[derive(Debug)]
pub struct Sim {
    pub now: Instant,
    pub start: Instant,
    pub net: SimNet,
    pub engines: Vec<SimEngine>,
    pub config: SessionConfig,
    /// One way, for descriptions and candidates.
    pub signalling: Duration,
    signals: BTreeMap<(Instant, u64), Signal>,
    order: u64,
}

/// All sessions in a [`Sim`] have this number on both sides.
pub const SESSION: SessionId = SessionId(1);

impl Sim {
    /// Engines with one address each: 10.0.0.1, 10.0.1.1 and so on.
    pub fn new(seed: u64, engines: u8) -> Self {
        let start = epoch();
        let mut sim = Self {
            now: start,
            start,
            net: SimNet::new(seed),
            engines: Vec::new(),
            config: SessionConfig::default(),
            signalling: Duration::from_millis(20),
            signals: BTreeMap::new(),
            order: 0,
        };
        for index in 0..engines {
            let mut engine = MediaEngine::new();
            engine.set_local_addresses(start, &[Self::address(NodeId(index.into()))]);
            sim.engines.push(SimEngine { engine, events: Vec::new(), audio: Vec::new(), peer: None });
        }
        sim
    }

    pub fn address(node: NodeId) -> IpAddr {
        IpAddr::from([10, 0, node.0 as u8, 1])
    }

    /// `from` offers, `to` answers; runs until both are up or `limit` has passed. Gives the time it took.
    pub fn call(&mut self, from: NodeId, to: NodeId, limit: Duration) -> Option<Duration> {
        let begun = self.now;
        self.engines[from.0].peer = Some(to);
        self.engines[to.0].peer = Some(from);
        let config = self.config.clone();
        self.engines[from.0].engine.create_offer(self.now, SESSION, &config).ok()?;
        self.pump(from);
        let up = self.run_until(limit, |sim| sim.facts(from).is_some() && sim.facts(to).is_some());
        up.then(|| self.now - begun)
    }

    /// The facts of the last time this engine's session came up.
    pub fn facts(&self, node: NodeId) -> Option<&MediaUp> {
        self.engines[node.0].events.iter().rev().find_map(|(_, event)| match event {
            MediaEvent::Up { facts, .. } => Some(&**facts),
            _ => None,
        })
    }

    pub fn failure(&self, node: NodeId) -> Option<&MediaError> {
        self.engines[node.0].events.iter().find_map(|(_, event)| match event {
            MediaEvent::Failed { error, .. } => Some(error),
            _ => None,
        })
    }

    pub fn count(&self, node: NodeId, matches: impl Fn(&MediaEvent) -> bool) -> usize {
        self.engines[node.0].events.iter().filter(|(_, event)| matches(event)).count()
    }

    /// Runs `action` on one engine and carries out what it wants.
    pub fn with<T>(&mut self, node: NodeId, action: impl FnOnce(&mut MediaEngine, Instant) -> T) -> T {
        let result = action(&mut self.engines[node.0].engine, self.now);
        self.pump(node);
        result
    }

    fn pump(&mut self, node: NodeId) {
        let Some(side) = self.engines.get_mut(node.0) else { return };
        for output in self.net.pump(self.now, node, &mut side.engine) {
            match output {
                EngineOutput::Event(event) => {
                    if let Some(to) = side.peer
                        && matches!(event, MediaEvent::Description { .. } | MediaEvent::LocalCandidate { .. })
                    {
                        self.order += 1;
                        let signal = Signal { to, event: event.clone() };
                        self.signals.insert((self.now + self.signalling, self.order), signal);
                    }
                    side.events.push((self.now, event));
                }
                EngineOutput::Audio { packet, .. } => side.audio.push((self.now, packet)),
                _ => {}
            }
        }
        let due = side.engine.deadline();
        assert!(due.is_none_or(|due| due > self.now), "the deadline is in the past after a drain");
    }

    fn signal(&mut self, signal: Signal) {
        let config = self.config.clone();
        let Some(side) = self.engines.get_mut(signal.to.0) else { return };
        let now = self.now;
        let result = match signal.event {
            MediaEvent::Description { session, kind: DescriptionKind::Offer, sdp } => {
                side.engine.accept_offer(now, session, &sdp, &config)
            }
            MediaEvent::Description { session, kind: DescriptionKind::Answer, sdp } => {
                side.engine.accept_answer(now, session, &sdp)
            }
            MediaEvent::LocalCandidate { session, candidate, .. } => {
                side.engine.add_remote_candidate(now, session, &candidate);
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(error) = result {
            side.events.push((now, MediaEvent::Failed { session: SESSION, error }));
        }
        self.pump(signal.to);
    }

    /// Does the next thing that is due, at its time; `false` when that is after `end`.
    fn step(&mut self, end: Instant) -> bool {
        let engine =
            self.engines.iter().enumerate().filter_map(|(node, side)| Some((side.engine.deadline()?, node))).min();
        let signal = self.signals.keys().next().map(|(due, _)| *due);
        let parcel = self.net.due();
        let Some(next) = [engine.map(|(due, _)| due), signal, parcel].into_iter().flatten().min() else {
            return false;
        };
        if next > end {
            return false;
        }
        self.now = self.now.max(next);
        if parcel == Some(next) {
            if let Some(Delivery { node, leg, from, bytes }) = self.net.deliver(self.now) {
                self.with(node, |engine, now| engine.receive(now, leg, from, &bytes));
            }
        } else if signal == Some(next) {
            if let Some((_, signal)) = self.signals.pop_first() {
                self.signal(signal);
            }
        } else if let Some((_, node)) = engine {
            self.with(NodeId(node), |engine, now| engine.tick(now));
        }
        true
    }

    /// Lets `time` pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until `done`, at most `limit`.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                self.now = end;
                return done(self);
            }
        }
    }

    /// Both sides talk for `time`, a packet each 20 ms; each packet carries its number.
    pub fn talk(&mut self, one: NodeId, other: NodeId, time: Duration) {
        let end = self.now + time;
        let mut number = 0_u32;
        while self.now < end {
            for node in [one, other] {
                let mut payload = number.to_be_bytes().to_vec();
                payload.resize(80, 0x55);
                self.with(node, |engine, now| {
                    let samples = engine.sending(SESSION).map_or(960, |codec: Codec| codec.clock_hz() / 50);
                    engine.send_audio(now, SESSION, &payload, samples);
                });
            }
            number += 1;
            self.run(Duration::from_millis(20));
        }
    }

    /// The longest time without audio at `node` between `from` and `to`.
    pub fn longest_gap(&self, node: NodeId, from: Instant, to: Instant) -> Duration {
        let arrivals = self.engines[node.0].audio.iter().map(|(at, _)| *at).filter(|at| *at >= from && *at <= to);
        let mut longest = Duration::ZERO;
        let mut last = from;
        for at in arrivals.chain([to]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::{Direction, MediaPath, RelayPolicy};
    use super::*;

    const EDGE: NodeId = NodeId(0);
    const PHONE: NodeId = NodeId(1);
    const SECOND: Duration = Duration::from_secs(1);

    /// A call between two engines that is up.
    fn call(seed: u64) -> Sim {
        let mut sim = Sim::new(seed, 2);
        sim.call(EDGE, PHONE, 5 * SECOND).expect("the call comes up");
        sim
    }

    #[test]
    fn a_direct_call_comes_up_quickly_and_carries_every_packet_both_ways() {
        let mut sim = Sim::new(1, 2);
        sim.net.weather.delay = Duration::from_millis(1);
        sim.signalling = Duration::from_millis(1);
        let took = sim.call(EDGE, PHONE, 5 * SECOND).expect("the call comes up");
        assert!(took < Duration::from_millis(60), "{took:?}");
        sim.talk(EDGE, PHONE, 10 * SECOND);
        sim.run(SECOND);
        for node in [EDGE, PHONE] {
            let facts = sim.facts(node).unwrap();
            assert_eq!((facts.path, facts.security.as_str()), (MediaPath::Direct, "dtls-srtp AEAD_AES_256_GCM"));
            assert_eq!((facts.dscp.configured, facts.dscp.effective), (46, Some(46)));
            assert_eq!(sim.engines[node.0].audio.len(), 500);
            let stats = sim.engines[node.0].engine.stats(SESSION).unwrap();
            assert_eq!((stats.packets_sent, stats.packets_received, stats.packets_lost), (500, 500, 0));
            let rtt = stats.rtt_ms.unwrap();
            assert!((rtt - 2.0).abs() < 0.5, "{rtt}");
            assert_eq!((stats.far_loss, sim.failure(node)), (Some(0.0), None));
            assert_eq!(sim.count(node, |event| matches!(event, MediaEvent::FirstMedia { .. })), 1);
        }
    }

    #[test]
    fn a_bad_network_still_connects_and_is_measured() {
        for seed in 1..=5 {
            let mut sim = Sim::new(seed, 2);
            sim.net.weather =
                Weather { delay: Duration::from_millis(40), jitter: Duration::from_millis(30), loss: 0.1 };
            sim.call(EDGE, PHONE, 10 * SECOND).unwrap_or_else(|| panic!("seed {seed}: {:?}", sim.failure(PHONE)));
            sim.talk(EDGE, PHONE, 20 * SECOND);
            let stats = sim.engines[PHONE.0].engine.stats(SESSION).unwrap();
            let loss = stats.packets_lost as f64 / 1_000.0;
            assert!((loss - 0.1).abs() < 0.04, "seed {seed}: {loss}");
            assert!(stats.jitter_ms.unwrap() > 5.0, "seed {seed}: {stats:?}");
            let rtt = stats.rtt_ms.unwrap();
            assert!((80.0..160.0).contains(&rtt), "seed {seed}: {rtt}");
        }
    }

    #[test]
    fn digits_go_both_ways_and_audio_waits_for_them() {
        let mut sim = call(2);
        sim.with(EDGE, |engine, now| engine.send_digits(now, SESSION, "12#"));
        sim.with(PHONE, |engine, now| engine.send_digits(now, SESSION, "A0"));
        sim.talk(EDGE, PHONE, SECOND);
        let digits = |sim: &Sim, node: NodeId, sent: bool| -> String {
            let events = sim.engines[node.0].events.iter();
            events
                .filter_map(|(_, event)| match event {
                    MediaEvent::Digit { digit, .. } if !sent => Some(*digit),
                    MediaEvent::DigitSent { digit, .. } if sent => Some(*digit),
                    _ => None,
                })
                .collect()
        };
        assert_eq!((digits(&sim, PHONE, false), digits(&sim, EDGE, false)), ("12#".to_owned(), "A0".to_owned()));
        assert_eq!((digits(&sim, EDGE, true), digits(&sim, PHONE, true)), ("12#".to_owned(), "A0".to_owned()));
        let heard = sim.engines[PHONE.0].audio.len();
        assert!((30..=38).contains(&heard), "{heard} of 50 packets: three tones of 100 ms are no audio");
        assert_eq!(sim.engines[PHONE.0].engine.stats(SESSION).unwrap().packets_lost, 0);
    }

    #[test]
    fn hold_and_resume_by_renegotiation_keep_the_connection() {
        let mut sim = call(3);
        for (direction, seen) in [
            (Direction::Inactive, Direction::Inactive),
            (Direction::SendRecv, Direction::SendRecv),
            (Direction::SendOnly, Direction::RecvOnly),
            (Direction::SendRecv, Direction::SendRecv),
        ] {
            sim.with(EDGE, |engine, now| engine.set_direction(now, SESSION, direction)).unwrap();
            sim.run(SECOND);
            let last = sim.engines[PHONE.0].events.iter().rev().find_map(|(_, event)| match event {
                MediaEvent::RemoteDirection { direction, .. } => Some(*direction),
                _ => None,
            });
            assert_eq!(last, Some(seen));
            let before = (sim.engines[EDGE.0].audio.len(), sim.engines[PHONE.0].audio.len());
            sim.talk(EDGE, PHONE, SECOND);
            sim.run(SECOND);
            let heard = (sim.engines[EDGE.0].audio.len() - before.0, sim.engines[PHONE.0].audio.len() - before.1);
            let expected = match direction {
                Direction::Inactive => (0, 0),
                Direction::SendOnly => (0, 50),
                _ => (50, 50),
            };
            assert_eq!(heard, expected, "{direction:?}");
        }
        assert_eq!(sim.count(PHONE, |event| matches!(event, MediaEvent::Up { .. })), 1);
    }

    #[test]
    fn an_ice_restart_takes_the_call_to_a_new_address() {
        let mut sim = call(4);
        sim.talk(EDGE, PHONE, SECOND);
        let new: IpAddr = "10.9.9.9".parse().unwrap();
        sim.net.cut(Sim::address(PHONE), true);
        let moved = sim.now;
        sim.with(PHONE, |engine, now| engine.set_local_addresses(now, &[new]));
        sim.with(EDGE, |engine, now| engine.restart_ice(now, SESSION)).unwrap();
        sim.talk(EDGE, PHONE, 3 * SECOND);
        for node in [EDGE, PHONE] {
            assert_eq!(sim.failure(node), None);
            assert_eq!(sim.count(node, |event| matches!(event, MediaEvent::Up { .. })), 2);
            let gap = sim.longest_gap(node, moved, sim.now);
            assert!(gap < Duration::from_millis(400), "{gap:?}");
        }
    }

    #[test]
    fn a_dead_connection_is_interrupted_after_5_s_and_lost_after_30_more() {
        let mut sim = call(5);
        sim.talk(EDGE, PHONE, 3 * SECOND);
        sim.net.cut(Sim::address(EDGE), true);
        let dead = sim.now;
        sim.talk(EDGE, PHONE, 60 * SECOND);
        let at = |wanted: fn(&MediaEvent) -> bool| {
            sim.engines[PHONE.0].events.iter().find(|(_, event)| wanted(event)).map(|(at, _)| at.duration_since(dead))
        };
        let interrupted = at(|event| matches!(event, MediaEvent::Interrupted { .. })).unwrap();
        let failed = at(|event| matches!(event, MediaEvent::Failed { error: MediaError::ConsentLost, .. })).unwrap();
        assert!((3..=6).contains(&interrupted.as_secs()), "{interrupted:?}");
        assert!((30..=37).contains(&failed.as_secs()), "{failed:?}");
        assert_eq!(sim.engines[PHONE.0].engine.sending(SESSION), None);
    }

    #[test]
    fn an_interrupted_connection_that_comes_back_is_up_again() {
        let mut sim = call(6);
        sim.net.cut(Sim::address(EDGE), true);
        sim.talk(EDGE, PHONE, 10 * SECOND);
        sim.net.cut(Sim::address(EDGE), false);
        sim.talk(EDGE, PHONE, 5 * SECOND);
        assert_eq!(sim.count(PHONE, |event| matches!(event, MediaEvent::Interrupted { .. })), 1);
        assert_eq!(sim.count(PHONE, |event| matches!(event, MediaEvent::Up { .. })), 2);
        assert_eq!(sim.failure(PHONE), None);
    }

    #[test]
    fn no_path_is_told_after_15_s_and_everything_is_let_go() {
        let mut sim = Sim::new(7, 2);
        sim.net.wall(Sim::address(EDGE), Sim::address(PHONE));
        assert_eq!(sim.call(EDGE, PHONE, 20 * SECOND), None);
        for node in [EDGE, PHONE] {
            assert!(matches!(sim.failure(node), Some(MediaError::NoPath { .. })), "{:?}", sim.failure(node));
            assert_eq!(sim.engines[node.0].engine.deadline(), None);
        }
        assert!(sim.net.sockets.is_empty());
    }

    #[test]
    fn without_a_common_codec_the_offer_is_refused_by_name() {
        let mut sim = Sim::new(8, 2);
        sim.config.codecs = vec![Codec::Pcma];
        sim.with(EDGE, |engine, now| {
            engine.create_offer(now, SESSION, &SessionConfig { codecs: vec![Codec::Pcma], ..SessionConfig::default() })
        })
        .unwrap();
        let offer = sim.engines[EDGE.0].events.iter().find_map(|(_, event)| match event {
            MediaEvent::Description { sdp, .. } => Some(sdp.clone()),
            _ => None,
        });
        let config = SessionConfig::default();
        let result = sim.with(PHONE, |engine, now| engine.accept_offer(now, SESSION, &offer.unwrap(), &config));
        let expected = MediaError::NoCommonCodec { offered: "PCMA/8000, telephone-event/8000".to_owned() };
        assert_eq!(result, Err(expected));
    }

    #[test]
    fn ten_idle_minutes_keep_the_connection() {
        let mut sim = call(9);
        sim.run(Duration::from_mins(10));
        sim.talk(EDGE, PHONE, SECOND);
        sim.run(SECOND);
        assert_eq!((sim.engines[EDGE.0].audio.len(), sim.engines[PHONE.0].audio.len()), (50, 50));
        assert_eq!(sim.count(PHONE, |event| matches!(event, MediaEvent::Interrupted { .. })), 0);
    }

    #[test]
    fn force_relay_opens_no_host_leg() {
        let mut sim = Sim::new(10, 2);
        sim.net.record = true;
        sim.config.relay = RelayPolicy::ForceRelay;
        assert_eq!(sim.call(EDGE, PHONE, 20 * SECOND), None);
        assert!(sim.net.sent.is_empty() && sim.net.sockets.is_empty());
    }
}
