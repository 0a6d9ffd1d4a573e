//! A week of shifts: calls, lost links, sleep, tokens that age, sessions that idle out.

use serde_json::json;

use super::*;
use crate::event::EndReason;

/// Numbers that look random and are the same in every run (an LCG of Knuth's).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

struct Shift {
    sim: Sim,
    dice: Dice,
    offered: u32,
    answered: u32,
    next: u32,
}

impl Shift {
    fn pass(&mut self, from_s: u64, to_s: u64) {
        let by = from_s + self.dice.below(to_s - from_s);
        self.sim.advance(Duration::from_secs(by));
    }

    /// Unless the phone has let go of it already.
    fn lose_link(&mut self) {
        if self.sim.link.is_some() {
            self.sim.drop_link();
        }
    }

    fn ready(&mut self) {
        for _ in 0..20 {
            if self.sim.phone.snapshot().standing == Standing::Ready {
                return;
            }
            self.sim.advance(Duration::from_secs(10));
        }
        panic!("never ready again: {}\n{}", self.sim.standing_word(), self.sim.transcript);
    }

    /// The service ends the session that nobody used for ten minutes.
    fn idle(&mut self, session: &str) {
        let gone = json!({"persistentState": "DISCONNECTED"});
        let text = self.sim.service.notification("persistentconnection", &gone);
        self.sim.says(text);
        let end = self.sim.service.terminate(session, "success");
        self.sim.says(end);
        assert!(self.sim.media.is_empty(), "a session leaks: {}", self.sim.transcript);
    }

    /// What may happen between calls, and in them.
    fn bad_luck(&mut self, in_call: bool) {
        match self.dice.below(8) {
            0 => {
                self.lose_link();
                self.pass(3, 20);
            }
            1 if !in_call => {
                // Asleep: no tick comes, and the socket is gone when the computer wakes.
                self.sim.now += Duration::from_secs(600 + self.dice.below(3_600));
                self.sim.input(Input::Tick);
                self.lose_link();
                self.sim.input(Input::NetworkChanged);
            }
            2 => self.sim.service.expire_tokens(),
            3 => self.sim.input(Input::NetworkChanged),
            _ => {}
        }
    }

    fn call(&mut self, warm: &mut Option<String>) {
        let id = format!("C{}", self.next);
        self.next += 1;
        self.offered += 1;
        self.sim.event(&id, "alerting", "inbound");
        let session = if let Some(session) = warm.clone() {
            session
        } else {
            let session = format!("S{}", self.next);
            self.sim.propose(&session, &id, "");
            *warm = Some(session.clone());
            session
        };
        let cold = self.sim.media.is_empty();
        let call = self.sim.last_call();
        self.pass(1, 8);
        self.sim.command(Command::Answer(call));
        if cold {
            self.sim.offer(&session, &id);
            let media = self.sim.media.last().expect("a session").0;
            self.sim.up(media);
        }
        assert!(self.sim.link.is_some(), "{id}: {}\n{}", self.sim.standing_word(), self.sim.transcript);
        self.sim.event(&id, "connected", "inbound");
        let connected = self.sim.phone.snapshot().calls.iter().any(|view| view.id == call && view.connected.is_some());
        assert!(connected, "{id} was missed: {}", self.sim.transcript);
        self.answered += 1;
        self.pass(20, 240);
        self.bad_luck(true);
        self.ready();
        if self.dice.below(2) == 0 {
            self.sim.command(Command::HangUp(call));
        }
        self.sim.event(&id, "disconnected", "inbound");
        self.sim.event(&id, "terminated", "inbound");
        let snapshot = self.sim.phone.snapshot();
        assert!(snapshot.calls.is_empty(), "{id} stays: {}", self.sim.transcript);
        assert_eq!(snapshot.recent[0].reason, EndReason::Hangup);
        assert!(self.sim.microphones.values().all(|open| !open), "the microphone is open after {id}");
        assert_eq!(self.sim.media.len(), 1, "one session, kept warm");
    }
}

#[test]
fn a_week_of_shifts_misses_no_call_leaks_no_session_and_hears_nothing_while_idle() {
    let service = persistent().with(|service| service.token_life = 3_600);
    let mut sim = Sim::ready(PhoneConfig::default(), service);
    sim.quiet = true;
    let mut shift = Shift { sim, dice: Dice(7), offered: 0, answered: 0, next: 0 };
    for day in 0..7 {
        let mut warm: Option<String> = None;
        for _ in 0..60 {
            let gap = shift.dice.below(720);
            shift.sim.advance(Duration::from_secs(gap));
            shift.bad_luck(false);
            shift.ready();
            if shift.sim.media.is_empty() {
                // We let go of it ourselves, after a long sleep for instance.
                warm = None;
            } else if gap > 600
                && let Some(session) = warm.take()
            {
                shift.idle(&session);
            }
            shift.call(&mut warm);
            shift.sim.transcript.clear();
        }
        if let Some(session) = warm.take() {
            shift.sim.advance(Duration::from_mins(10));
            shift.ready();
            shift.idle(&session);
        }
        // The night.
        shift.sim.now += Duration::from_hours(14);
        shift.sim.input(Input::Tick);
        shift.lose_link();
        shift.ready();
        assert!(shift.sim.media.is_empty(), "day {day}");
    }
    assert_eq!((shift.offered, shift.answered), (420, 420));
    assert!(shift.sim.service.pings > 5_000, "{} pings: time did pass", shift.sim.service.pings);
}
