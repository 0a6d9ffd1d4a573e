//! Packets waiting for their turn, by extended sequence number. All memory is taken when made.

use std::time::Instant;

/// How many packets may wait: 2.5 s of 20 ms packets. Full: the oldest are dropped, the present matters more.
pub(super) const SLOTS: usize = 128;
/// Longest payload kept. Opus frames end at 1275 bytes; anything longer is not audio of a phone.
pub(super) const PAYLOAD_LIMIT: usize = 1280;

/// A waiting packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) sequence: i64,
    /// In samples at 48 kHz, extended.
    pub(super) timestamp: i64,
    pub(super) arrival: Instant,
    pub(super) noise: bool,
    length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Never,
    Waiting(Waiting),
    /// Played or recovered; kept to know duplicates.
    Done(i64),
}

pub(super) struct Slots {
    states: Vec<Slot>,
    bytes: Vec<u8>,
    waiting: usize,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self { states: vec![Slot::Never; SLOTS], bytes: vec![0; SLOTS * PAYLOAD_LIMIT], waiting: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.states.fill(Slot::Never);
        self.waiting = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Keeps a packet. The caller has made sure that it is less than [`SLOTS`] ahead of the next one to play, and new.
    pub(super) fn insert(&mut self, sequence: i64, timestamp: i64, arrival: Instant, noise: bool, payload: &[u8]) {
        let index = index(sequence);
        let length = payload.len().min(PAYLOAD_LIMIT);
        let start = index * PAYLOAD_LIMIT;
        let Some(slot) = self.states.get_mut(index) else { return };
        if !matches!(slot, Slot::Waiting(_)) {
            self.waiting += 1;
        }
        *slot = Slot::Waiting(Waiting { sequence, timestamp, arrival, noise, length });
        if let (Some(to), Some(from)) = (self.bytes.get_mut(start..start + length), payload.get(..length)) {
            to.copy_from_slice(from);
        }
    }

    /// Whether exactly this packet is waiting or was played.
    pub(super) fn knows(&self, sequence: i64) -> bool {
        match self.states.get(index(sequence)) {
            Some(Slot::Waiting(waiting)) => waiting.sequence == sequence,
            Some(Slot::Done(done)) => *done == sequence,
            Some(Slot::Never) | None => false,
        }
    }

    /// The first waiting packet at or after `sequence`.
    pub(super) fn first_from(&self, sequence: i64) -> Option<Waiting> {
        if self.waiting == 0 {
            return None;
        }
        (sequence..sequence + SLOTS as i64).find_map(|sequence| match self.states.get(index(sequence)) {
            Some(Slot::Waiting(waiting)) if waiting.sequence == sequence => Some(*waiting),
            _ => None,
        })
    }

    /// The waiting packet with the lowest sequence number.
    pub(super) fn oldest(&self) -> Option<Waiting> {
        self.each().min_by_key(|waiting| waiting.sequence)
    }

    pub(super) fn each(&self) -> impl Iterator<Item = Waiting> + '_ {
        self.states.iter().filter_map(|slot| match slot {
            Slot::Waiting(waiting) => Some(*waiting),
            Slot::Never | Slot::Done(_) => None,
        })
    }

    pub(super) fn payload(&self, waiting: &Waiting) -> &[u8] {
        let start = index(waiting.sequence) * PAYLOAD_LIMIT;
        self.bytes.get(start..start + waiting.length).unwrap_or_default()
    }

    /// Its turn is over.
    pub(super) fn done(&mut self, sequence: i64) {
        if let Some(slot) = self.states.get_mut(index(sequence)) {
            if matches!(slot, Slot::Waiting(waiting) if waiting.sequence == sequence) {
                self.waiting -= 1;
            }
            *slot = Slot::Done(sequence);
        }
    }

    /// Drops what waits below `sequence`; returns how many.
    pub(super) fn drop_below(&mut self, sequence: i64) -> u64 {
        let mut dropped = 0;
        for slot in &mut self.states {
            if matches!(slot, Slot::Waiting(waiting) if waiting.sequence < sequence) {
                *slot = Slot::Never;
                self.waiting -= 1;
                dropped += 1;
            }
        }
        dropped
    }
}

fn index(sequence: i64) -> usize {
    (sequence.rem_euclid(SLOTS as i64)) as usize
}
