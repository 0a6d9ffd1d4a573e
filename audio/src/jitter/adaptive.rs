//! The jitter buffer calls use: adaptive delay, loss hidden by redundancy or the codec, time stretched by the pitch.
//!
//! | Situation at a pull | What happens |
//! |---|---|
//! | the next packet is there | decoded |
//! | it is missing, a later one is there and carries it | recovered from that one |
//! | it is missing, a later one is there | made up by the codec until the later one's turn |
//! | it comes after all, a little late | faded into what was made up and is not heard yet, where their waves agree |
//! | nothing is there | made up, and time stands still: the delay grows when the packet comes after all |
//! | nothing for [`STARVED`] | silence, and filling again when packets come |
//! | the delay is above the target | a pitch period is left out |
//! | the delay is below the target | a pitch period is played twice |
//! | the delay is hopeless | packets are dropped up to the present |
//!
//! The delay is not the fill level: it is how much later than the stream's fastest packet sound is played, so a burst
//! or a pause does not look like a change of delay.

use std::time::{Duration, Instant};

use super::delay::{DelayEstimator, samples};
use super::slots::{PAYLOAD_LIMIT, SLOTS, Slots, Waiting};
use super::stretch::{self, Care, LAG_MAX};
use super::{JitterBuffer, JitterStatistics, Packet, Pulled};
use crate::codec::{Decoder, MAX_PACKET_SAMPLES};
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

const MS: i64 = SAMPLE_RATE_HZ as i64 / 1000;
const FRAME: i64 = FRAME_SAMPLES as i64;
/// Made-up sound that a late packet is joined to: the longest period, and the fade.
const JOIN_ROOM: usize = LAG_MAX + stretch::FADE;
/// Without packets for this long the stream is taken for paused.
const STARVED: i64 = 2 * SAMPLE_RATE_HZ as i64;
/// The same in a pause that the sender announced: telephone exchanges send comfort noise only when it changes.
const STARVED_IN_PAUSE: i64 = 30 * SAMPLE_RATE_HZ as i64;
/// Made-up sound fades from here on, and is silent from there on.
const FADE_START: i64 = 120 * MS;
const FADE_END: i64 = 1000 * MS;
/// Above the target by this much, sound is shortened, never to less than the target, so that it does not swing.
const TOO_LATE: i64 = 10 * MS;
/// Below the target by this much, sound is lengthened.
const TOO_EARLY: i64 = 4 * MS;
/// Below it by this much, the next packet is about to be missed: a slight roughness is better.
const FAR_TOO_EARLY: i64 = 5 * MS;
/// Above the target by this much, every frame may be shortened, and with less care.
const FAR_TOO_LATE: i64 = 60 * MS;
const UNBEARABLE: i64 = 200 * MS;
/// Beyond this, packets are dropped.
const HOPELESS: i64 = 1000 * MS;
/// Between two careful changes.
const REST: Duration = Duration::from_millis(50);
/// A sender that is this much ahead of its own clock has moved its clock.
const CLOCK_JUMP: i64 = 500 * MS;
/// Packets of a source that was just replaced are strays for this long.
const STRAY: Duration = Duration::from_secs(1);
/// A jump in the sequence beyond this is another stream (RFC 3550 appendix A.1, `MAX_DROPOUT`).
const SEQUENCE_JUMP: i64 = 3000;
/// How many packets loss and redundancy are remembered for: 5 s, so that single losses add up.
const MEMORY: f32 = 250.0;
/// From this loss on it is worth waiting for redundancy; a single loss is less.
const LOSSY: f32 = 0.005;
/// A packet of at most this many bytes says "silence goes on" (RFC 7587 §3.1.3).
const DTX_BYTES: usize = 2;

/// Bounds of the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub least: Duration,
    pub start: Duration,
    pub most: Duration,
}

impl Default for Limits {
    /// 16 ms, 40 ms, 400 ms. The delay counts from the stream's fastest packet, so on a network with much jitter a packet
    /// waits about half of it on average.
    fn default() -> Self {
        Self { least: Duration::from_millis(16), start: Duration::from_millis(40), most: Duration::from_millis(400) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No packet yet, or none for long.
    Quiet,
    /// Packets wait for the delay to build up.
    Filling,
    Playing,
}

/// See the module.
pub struct AdaptiveBuffer {
    decoder: Box<dyn Decoder>,
    limits: Limits,
    slots: Slots,
    delay: DelayEstimator,
    queue: Queue,
    scratch: Vec<f32>,
    phase: Phase,

    ssrc: Option<u32>,
    replaced: Option<(u32, Instant)>,
    /// Extended sequence number and timestamp (in samples), and arrival, of the newest packet.
    newest: Option<(i64, i64, Instant)>,
    /// The sequence number whose turn is next, and the timestamp that follows the last decoded sample.
    next_sequence: i64,
    next_timestamp: i64,
    /// Samples made up since the last decoded one.
    held: i64,
    /// Length of the stream's packets.
    packet_samples: i64,
    in_dtx: bool,
    concealing: bool,
    /// In the pull that goes on.
    made_up_now: bool,
    /// Samples that were counted as concealed and then not heard: the packet came after all.
    unheard: u64,
    last_stretch: Option<Instant>,
    /// Shares of lost packets and of packets that carry their predecessor (0–1), smoothed over [`MEMORY`].
    loss: f32,
    redundancy: f32,
    statistics: JitterStatistics,
}

impl AdaptiveBuffer {
    pub fn new(decoder: Box<dyn Decoder>) -> Self {
        Self::with_limits(decoder, Limits::default())
    }

    pub fn with_limits(decoder: Box<dyn Decoder>, limits: Limits) -> Self {
        Self {
            decoder,
            limits,
            slots: Slots::new(),
            delay: DelayEstimator::new(limits.start),
            queue: Queue::new(),
            scratch: vec![0.0; MAX_PACKET_SAMPLES],
            phase: Phase::Quiet,
            ssrc: None,
            replaced: None,
            newest: None,
            next_sequence: 0,
            next_timestamp: 0,
            held: 0,
            packet_samples: 2 * FRAME,
            in_dtx: false,
            concealing: false,
            made_up_now: false,
            unheard: 0,
            last_stretch: None,
            loss: 0.0,
            redundancy: 0.0,
            statistics: JitterStatistics::default(),
        }
    }

    /// The delay to aim at, in samples. When packets are lost and carry their predecessor, it is worth waiting for the
    /// next one.
    fn target(&self) -> i64 {
        let wait_for_redundancy = if self.loss > LOSSY && self.redundancy > 0.2 { self.packet_samples } else { 0 };
        (self.delay.target() + wait_for_redundancy).clamp(samples(self.limits.least), samples(self.limits.most))
    }

    /// How late the next sample is played, in samples.
    fn lateness(&mut self, now: Instant) -> i64 {
        let playing = self.next_timestamp + self.held - self.queue.len() as i64;
        self.delay.delay_of(playing, now)
    }

    fn restart(&mut self) {
        self.statistics.restarts += 1;
        self.statistics.packets_flushed += self.slots.drop_below(i64::MAX);
        self.slots.clear();
        self.delay.restart();
        self.newest = None;
        self.in_dtx = false;
        self.phase = Phase::Quiet;
    }

    /// Extends the 16 bits of the sequence number and the 32 of the timestamp by what was newest.
    fn extend(&self, packet: &Packet<'_>) -> (i64, i64) {
        let clock = i64::from(self.decoder.clock_hz().max(1));
        let to_samples = |ticks: i64| ticks * i64::from(SAMPLE_RATE_HZ) / clock;
        match self.newest {
            None => (i64::from(packet.sequence), to_samples(i64::from(packet.timestamp))),
            Some((sequence, timestamp, _)) => {
                let ahead = packet.sequence.wrapping_sub(sequence as u16).cast_signed();
                let ticks = timestamp * clock / i64::from(SAMPLE_RATE_HZ);
                let later = packet.timestamp.wrapping_sub(ticks as u32).cast_signed();
                (sequence + i64::from(ahead), to_samples(ticks + i64::from(later)))
            }
        }
    }

    /// Whether this cannot be the continuation of the stream.
    fn jumped(&self, sequence: i64, timestamp: i64, now: Instant) -> bool {
        let Some((newest, newest_timestamp, arrival)) = self.newest else { return false };
        if (sequence - newest).abs() > SEQUENCE_JUMP {
            return true;
        }
        let elapsed = samples(now.saturating_duration_since(arrival));
        let later = timestamp - newest_timestamp;
        if sequence > newest { later <= 0 || later > elapsed + CLOCK_JUMP } else { later.abs() > 20 * CLOCK_JUMP }
    }

    /// Starts to play when the oldest packet has waited long enough.
    fn start_if_ready(&mut self, now: Instant) -> bool {
        let Some(oldest) = self.slots.oldest() else {
            self.phase = Phase::Quiet;
            return false;
        };
        // Between two frames the delay is reached half-way on average.
        if self.delay.delay_of(oldest.timestamp, now) + FRAME / 2 < self.target() {
            return false;
        }
        self.next_sequence = oldest.sequence;
        self.next_timestamp = oldest.timestamp;
        self.held = 0;
        self.queue.clear();
        self.phase = Phase::Playing;
        true
    }

    /// Puts more sound into the queue: decoded, recovered or made up.
    fn fetch(&mut self, now: Instant) {
        let Some(waiting) = self.slots.first_from(self.next_sequence) else {
            self.conceal(FRAME);
            return;
        };
        let remaining = waiting.timestamp - self.next_timestamp - self.held;
        if waiting.sequence == self.next_sequence {
            if remaining > 0 {
                // A pause of the sender: nothing is lost.
                self.conceal(remaining.min(FRAME));
            } else {
                self.decode(&waiting, now);
            }
            return;
        }
        if remaining <= 0 {
            self.skip_to(&waiting);
            self.decode(&waiting, now);
            return;
        }
        let to_recover = remaining - self.packet_samples;
        let carries = self.decoder.carries_previous(self.slots.payload(&waiting));
        if carries && to_recover > 0 {
            self.conceal(to_recover.min(FRAME));
        } else if carries && to_recover >= -FRAME && self.recover(&waiting) {
            self.skip_to(&waiting);
            self.next_timestamp = waiting.timestamp;
            self.held = 0;
        } else {
            self.conceal(remaining.min(FRAME));
        }
    }

    /// Gives up the packets before this one.
    fn skip_to(&mut self, waiting: &Waiting) {
        let lost = (waiting.sequence - self.next_sequence).max(0);
        for _ in 0..lost.min(50) {
            self.loss += (1.0 - self.loss) / MEMORY;
        }
        self.statistics.packets_lost += lost as u64;
        self.next_sequence = waiting.sequence;
    }

    /// Its turn has come, or is past.
    fn decode(&mut self, waiting: &Waiting, now: Instant) {
        let payload = self.slots.payload(waiting);
        if waiting.noise {
            self.in_dtx = self.decoder.comfort_noise(payload).is_ok();
            self.statistics.packets_damaged += u64::from(!self.in_dtx);
            self.slots.done(waiting.sequence);
            self.next_sequence = waiting.sequence + 1;
            self.next_timestamp = waiting.timestamp;
            self.held = 0;
            self.concealing = false;
            self.conceal(FRAME);
            return;
        }
        // No packet was given up for this one: it is only late, and some of what was made up for it is not heard yet.
        // A little more of it leaves a choice of where to join the two.
        let late = self.concealing && waiting.timestamp == self.next_timestamp;
        while late && self.queue.len().min(self.held.max(0) as usize) < JOIN_ROOM {
            self.conceal(FRAME);
        }
        let made_up = self.held.max(0) as usize;
        let payload = self.slots.payload(waiting);
        let carries = self.decoder.carries_previous(payload);
        self.in_dtx = payload.len() <= DTX_BYTES;
        let decoded = self.decoder.decode(payload, &mut self.scratch);
        self.slots.done(waiting.sequence);
        self.next_sequence = waiting.sequence + 1;
        self.next_timestamp = waiting.timestamp;
        self.held = 0;
        let Some(sound) = decoded.ok().filter(|count| *count > 0).and_then(|count| self.scratch.get(..count)) else {
            self.statistics.packets_damaged += 1;
            self.conceal(self.packet_samples);
            return;
        };
        let count = sound.len();
        let waited = now.saturating_duration_since(waiting.arrival).as_secs_f64()
            + (self.queue.len() + count / 2) as f64 / f64::from(SAMPLE_RATE_HZ);
        if late {
            self.unheard += self.queue.merge(sound, made_up) as u64;
        } else {
            self.queue.push(sound);
        }
        self.packet_samples = count as i64;
        self.next_timestamp += count as i64;
        self.concealing = false;
        self.loss -= self.loss / MEMORY;
        self.redundancy += (f32::from(u8::from(carries)) - self.redundancy) / MEMORY;

        let target = Duration::from_secs_f64(self.target() as f64 / f64::from(SAMPLE_RATE_HZ));
        let statistics = &mut self.statistics;
        statistics.fec_packets_received += u64::from(carries);
        statistics.jitter_buffer_delay_s += waited * count as f64;
        statistics.jitter_buffer_target_delay_s += target.as_secs_f64() * count as f64;
        let first = statistics.jitter_buffer_emitted_count == 0;
        statistics.jitter_buffer_emitted_count += count as u64;
        let share = if first { 1.0 } else { (count as f64 / f64::from(SAMPLE_RATE_HZ)).min(1.0) };
        let current = statistics.current_delay.as_secs_f64();
        statistics.current_delay = Duration::from_secs_f64((current + (waited - current) * share).max(0.0));
    }

    /// Plays the packet before `next` from the redundancy in it.
    fn recover(&mut self, next: &Waiting) -> bool {
        let Some(room) = self.scratch.get_mut(..self.packet_samples as usize) else { return false };
        if self.decoder.recover(self.slots.payload(next), room).is_err() {
            return false;
        }
        self.queue.push(room);
        self.statistics.recovered_samples += room.len() as u64;
        self.concealing = false;
        true
    }

    /// Makes up about `count` samples, in steps a codec can do.
    fn conceal(&mut self, count: i64) {
        let count = ((count.max(1) as usize).next_multiple_of(120)).min(MAX_PACKET_SAMPLES);
        let Some(room) = self.scratch.get_mut(..count) else { return };
        self.decoder.conceal(room);
        // Comfort noise in a pause of the sender is what the sender wants to be heard.
        if self.in_dtx {
            self.queue.push(room);
            self.held += count as i64;
            return;
        }
        // A codec takes steady sound for background noise and would go on with it for ever.
        for sample in room.iter_mut() {
            let over = self.held.clamp(FADE_START, FADE_END) - FADE_START;
            *sample *= 1.0 - over as f32 / (FADE_END - FADE_START) as f32;
            self.held += 1;
        }
        let quiet = room.iter().all(|x| x.abs() < 1e-4);
        self.queue.push(room);
        let counted = (count as u64).saturating_sub(self.unheard);
        self.unheard = self.unheard.saturating_sub(count as u64);
        self.statistics.concealed_samples += counted;
        if quiet {
            self.statistics.silent_concealed_samples += counted;
        }
        self.made_up_now = true;
        if !self.concealing {
            self.concealing = true;
            self.statistics.concealment_events += 1;
        }
    }

    /// After a stall of seconds: drops everything that is older than the target.
    fn drop_the_past(&mut self, now: Instant) {
        let target = self.target();
        let mut keep: Option<Waiting> = None;
        for waiting in self.slots.each() {
            let fits = self.delay.delay_of(waiting.timestamp, now) <= target + 2 * FRAME;
            if fits && keep.is_none_or(|kept| waiting.sequence < kept.sequence) {
                keep = Some(waiting);
            }
        }
        let Some(keep) = keep.filter(|keep| keep.sequence > self.next_sequence) else { return };
        self.statistics.packets_flushed += self.slots.drop_below(keep.sequence);
        self.next_sequence = keep.sequence;
        self.next_timestamp = keep.timestamp;
        self.held = 0;
    }

    /// Moves the delay towards the target by one pitch period, if it is time.
    fn stretch(&mut self, now: Instant) {
        let excess = self.lateness(now) - self.target();
        let rested = self.last_stretch.is_none_or(|last| now.saturating_duration_since(last) >= REST);
        if excess > FAR_TOO_LATE || (excess > TOO_LATE && rested) {
            // Two of the longest periods are needed to leave out one.
            while self.queue.len() < 2 * LAG_MAX && self.next_is_ready() {
                self.fetch(now);
            }
            let care = match excess {
                UNBEARABLE.. => Care::Any,
                FAR_TOO_LATE.. => Care::Fast,
                _ => Care::Fine,
            };
            if let Some(removed) = stretch::shorten(self.queue.pending_mut(), excess as usize, care) {
                self.queue.drop_front(removed);
                self.statistics.removed_samples_for_acceleration += removed as u64;
                self.last_stretch = Some(now);
            }
        } else if excess < -TOO_EARLY && rested {
            let limit = (TOO_EARLY - excess) as usize;
            let care = if excess < -FAR_TOO_EARLY { Care::Fast } else { Care::Fine };
            let (sound, head) = self.queue.with_history();
            if let Some(added) = stretch::lengthen(sound, head, limit, care, &mut self.scratch)
                && let Some(extra) = self.scratch.get(..added)
            {
                self.queue.push_front(extra);
                self.statistics.inserted_samples_for_deceleration += added as u64;
                self.last_stretch = Some(now);
            }
        }
    }

    fn next_is_ready(&self) -> bool {
        self.slots.first_from(self.next_sequence).is_some_and(|waiting| {
            waiting.sequence == self.next_sequence && waiting.timestamp <= self.next_timestamp + self.held
        })
    }
}

impl JitterBuffer for AdaptiveBuffer {
    fn insert(&mut self, packet: Packet<'_>, now: Instant) {
        self.statistics.packets_received += 1;
        let readable = packet.noise || self.decoder.samples_in(packet.payload).is_some_and(|count| count > 0);
        if packet.payload.is_empty() || packet.payload.len() > PAYLOAD_LIMIT || !readable {
            self.statistics.packets_damaged += 1;
            return;
        }
        if self.ssrc != Some(packet.ssrc) {
            if self.replaced.is_some_and(|(ssrc, at)| ssrc == packet.ssrc && now.saturating_duration_since(at) < STRAY)
            {
                self.statistics.packets_damaged += 1;
                return;
            }
            if let Some(before) = self.ssrc.replace(packet.ssrc) {
                self.replaced = Some((before, now));
                self.restart();
                self.decoder.reset();
            }
        }
        let (mut sequence, mut timestamp) = self.extend(&packet);
        if self.jumped(sequence, timestamp, now) {
            self.restart();
            (sequence, timestamp) = self.extend(&packet);
        }
        if self.slots.knows(sequence) {
            self.statistics.packets_duplicate += 1;
            return;
        }
        self.delay.arrived(timestamp, now);
        if self.phase == Phase::Playing && sequence < self.next_sequence {
            self.statistics.packets_late += 1;
            self.statistics.packets_lost = self.statistics.packets_lost.saturating_sub(1);
            self.slots.done(sequence);
            return;
        }
        if self.newest.is_none_or(|(newest, ..)| sequence > newest) {
            self.newest = Some((sequence, timestamp, now));
        }
        // More than fits: the oldest go.
        let lowest = self.newest.map_or(sequence, |(newest, ..)| newest) - (SLOTS as i64 - 1);
        if sequence < lowest {
            self.statistics.packets_late += 1;
            return;
        }
        self.statistics.packets_flushed += self.slots.drop_below(lowest);
        if self.phase == Phase::Playing && self.next_sequence < lowest {
            self.next_sequence = lowest;
        }
        self.slots.insert(sequence, timestamp, now, packet.noise, packet.payload);
        if self.phase == Phase::Quiet {
            self.phase = Phase::Filling;
        }
    }

    fn pull(&mut self, now: Instant, frame: &mut Frame) -> Pulled {
        if self.phase == Phase::Quiet || (self.phase == Phase::Filling && !self.start_if_ready(now)) {
            *frame = Frame::SILENCE;
            return Pulled::Nothing;
        }
        self.made_up_now = false;
        if self.lateness(now) - self.target() > HOPELESS {
            self.drop_the_past(now);
        }
        while self.queue.len() < FRAME_SAMPLES {
            self.fetch(now);
        }
        if !self.made_up_now {
            self.stretch(now);
            while self.queue.len() < FRAME_SAMPLES {
                self.fetch(now);
            }
        }
        self.queue.pop(frame);
        self.statistics.total_samples_received += FRAME_SAMPLES as u64;
        let starved = if self.in_dtx { STARVED_IN_PAUSE } else { STARVED };
        if self.held > starved && self.slots.is_empty() {
            for (n, sample) in frame.0.iter_mut().enumerate() {
                *sample *= 1.0 - (n as f32 + 1.0) / FRAME_SAMPLES as f32;
            }
            self.phase = Phase::Quiet;
        }
        if self.made_up_now { Pulled::Concealed } else { Pulled::Played }
    }

    fn set_decoder(&mut self, decoder: Box<dyn Decoder>) {
        self.restart();
        self.decoder = decoder;
        self.ssrc = None;
        self.replaced = None;
        self.queue.clear();
        self.packet_samples = 2 * FRAME;
    }

    fn statistics(&self) -> JitterStatistics {
        let recovered_packets = self.statistics.recovered_samples / self.packet_samples.max(1) as u64;
        JitterStatistics {
            fec_packets_discarded: self.statistics.fec_packets_received.saturating_sub(recovered_packets),
            target_delay: Duration::from_secs_f64(self.target() as f64 / f64::from(SAMPLE_RATE_HZ)),
            jitter: self.delay.jitter(),
            ..self.statistics
        }
    }
}

/// Decoded sound before it is played, behind the last 15 ms that were.
struct Queue {
    /// Always starts with [`LAG_MAX`] samples of history. Never grows beyond its first capacity.
    sound: Vec<f32>,
}

impl Queue {
    /// A queue of less than a frame, or of two of the longest periods, takes at most one packet and one period more.
    const CAPACITY: usize = LAG_MAX + 2 * LAG_MAX + MAX_PACKET_SAMPLES + LAG_MAX;

    fn new() -> Self {
        let mut sound = Vec::with_capacity(Self::CAPACITY);
        sound.resize(LAG_MAX, 0.0);
        Self { sound }
    }

    fn len(&self) -> usize {
        self.sound.len() - LAG_MAX
    }

    fn clear(&mut self) {
        self.sound.truncate(LAG_MAX);
    }

    /// What would not fit is left out; see [`Self::CAPACITY`] for why nothing is.
    fn push(&mut self, more: &[f32]) {
        let room = Self::CAPACITY - self.sound.len();
        self.sound.extend_from_slice(more.get(..room.min(more.len())).unwrap_or_default());
    }

    /// Adds sound that came late, in place of a part of the last `made_up` samples: it begins where it fits best into
    /// them, as early as may be, and is faded in. Gives how many of them will not be heard.
    fn merge(&mut self, sound: &[f32], made_up: usize) -> usize {
        let made_up = self.len().min(made_up);
        let from = self.sound.len() - made_up;
        let tail = self.sound.get_mut(from..).unwrap_or_default();
        let Some(place) = stretch::place(tail, sound) else {
            self.push(sound);
            return 0;
        };
        let fade = stretch::FADE.min(made_up - place);
        for (n, (old, new)) in tail.iter_mut().skip(place).zip(sound).take(fade).enumerate() {
            let mix = (n as f32 + 0.5) / fade as f32;
            *old = *old * (1.0 - mix) + new * mix;
        }
        self.sound.truncate(from + place + fade);
        self.push(sound.get(fade..).unwrap_or_default());
        made_up - place
    }

    fn push_front(&mut self, more: &[f32]) {
        let length = self.sound.len();
        let count = more.len().min(Self::CAPACITY - length);
        self.sound.resize(length + count, 0.0);
        self.sound.copy_within(LAG_MAX..length, LAG_MAX + count);
        if let (Some(to), Some(from)) = (self.sound.get_mut(LAG_MAX..LAG_MAX + count), more.get(..count)) {
            to.copy_from_slice(from);
        }
    }

    /// Leaves out what comes next; history stays as it was.
    fn drop_front(&mut self, count: usize) {
        let count = count.min(self.len());
        self.sound.copy_within(LAG_MAX + count.., LAG_MAX);
        self.sound.truncate(self.sound.len() - count);
    }

    fn pending_mut(&mut self) -> &mut [f32] {
        self.sound.get_mut(LAG_MAX..).unwrap_or_default()
    }

    /// Everything, and where the past ends.
    fn with_history(&self) -> (&[f32], usize) {
        (&self.sound, LAG_MAX)
    }

    fn pop(&mut self, frame: &mut Frame) {
        let Some(next) = self.sound.get(LAG_MAX..LAG_MAX + FRAME_SAMPLES) else {
            *frame = Frame::SILENCE;
            return;
        };
        frame.0.copy_from_slice(next);
        self.sound.copy_within(FRAME_SAMPLES.., 0);
        self.sound.truncate(self.sound.len() - FRAME_SAMPLES);
    }
}
