//! A simulated network for media engines: seeded delay, loss and reordering, no socket, no waiting.
//!
//! [`SimNet`] carries datagrams between legs of engines that somebody else owns (a whole phone in a simulation
//! drives its own engine); [`Sim`] owns the engines too and does the signalling, for tests of the media engine.

mod net;
mod turn;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::MediaEngine;
use super::types::{
    AudioPacket, Codec, DescriptionKind, EngineOutput, IceServer, MediaError, MediaEvent, MediaUp, RelayPolicy,
    SessionConfig,
};
use crate::ids::SessionId;

pub use net::{Arrival, Delivery, NodeId, SimNet, Weather};
pub use turn::{SimTurn, TurnOptions};

/// The one door to a clock in tests: where simulated time starts.
#[allow(clippy::disallowed_methods, reason = "the one door to a clock in tests")]
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

    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.roll() % limit }
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
    /// In place of what the [`Sim`]'s configuration says.
    pub servers: Option<(Vec<IceServer>, RelayPolicy)>,
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
    /// What signalling makes of a description on its way.
    pub rewrite: fn(&str) -> String,
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
            rewrite: str::to_owned,
            signalling: Duration::from_millis(20),
            signals: BTreeMap::new(),
            order: 0,
        };
        for index in 0..engines {
            let mut engine = MediaEngine::new();
            engine.set_local_addresses(start, &[Self::address(NodeId(index.into()))]);
            sim.engines.push(SimEngine { engine, events: Vec::new(), audio: Vec::new(), peer: None, servers: None });
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
        let config = self.config_of(from);
        self.engines[from.0].engine.create_offer(self.now, SESSION, &config).ok()?;
        self.pump(from);
        let up = self.run_until(limit, |sim| sim.facts(from).is_some() && sim.facts(to).is_some());
        up.then(|| self.now - begun)
    }

    fn config_of(&self, node: NodeId) -> SessionConfig {
        let own = self.engines.get(node.0).and_then(|side| side.servers.clone());
        let (servers, relay) = own.unwrap_or_else(|| (self.config.servers.clone(), self.config.relay));
        SessionConfig { relay, servers, ..self.config.clone() }
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
        let config = self.config_of(signal.to);
        let Some(side) = self.engines.get_mut(signal.to.0) else { return };
        let now = self.now;
        let result = match signal.event {
            MediaEvent::Description { session, kind: DescriptionKind::Offer, sdp } => {
                side.engine.accept_offer(now, session, &(self.rewrite)(&sdp), &config)
            }
            MediaEvent::Description { session, kind: DescriptionKind::Answer, sdp } => {
                side.engine.accept_answer(now, session, &(self.rewrite)(&sdp))
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
            if let Some(delivery) = self.net.deliver(self.now) {
                self.with(delivery.node, |engine, now| delivery.hand_to(engine, now));
            }
        } else if signal == Some(next) {
            if let Some((_, signal)) = self.signals.pop_first() {
                self.signal(signal);
            }
        } else if let Some((_, node)) = engine {
            self.with(NodeId(node), MediaEngine::tick);
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
