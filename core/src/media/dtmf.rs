//! Digits as telephone-events (RFC 4733): sending with three end packets, receiving each digit once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::rtp::{RtpPacket, RtpSender, ticks};

/// How long one digit sounds. RFC 4733 §2.5.2.1 names 40 ms as the least a gateway must detect.
const TONE: Duration = Duration::from_millis(100);
/// Silence between two digits.
const GAP: Duration = Duration::from_millis(70);
/// One update per packet of audio.
const STEP: Duration = Duration::from_millis(20);
/// The last packet is sent three times, because nothing else repeats the end (RFC 4733 §2.5.1.4).
const ENDS: u8 = 3;
/// −10 dBm0: what browsers send.
const VOLUME: u8 = 10;
/// Digits waiting at most; when full, new ones are dropped.
const QUEUE: usize = 64;
const DIGITS: &str = "0123456789*#ABCD";

/// Sends queued digits.
#[derive(Debug, Default)]
pub(super) struct DigitSender {
    queue: VecDeque<char>,
    active: Option<Tone>,
    /// The next digit may start then.
    free: Option<Instant>,
}

#[derive(Debug)]
struct Tone {
    digit: char,
    event: u8,
    timestamp: u32,
    started: Instant,
    next: Instant,
    ends: u8,
    first: bool,
}

/// One packet of an event, and the digit that it completed.
#[derive(Debug)]
pub(super) struct DigitStep {
    pub packet: RtpPacket,
    pub sent: Option<char>,
}

impl DigitSender {
    /// Queues digits; characters that are no digits are left out (`-`, spaces).
    pub fn push(&mut self, digits: &str) {
        let digits = digits.chars().map(|c| c.to_ascii_uppercase()).filter(|c| DIGITS.contains(*c));
        self.queue.extend(digits.take(QUEUE.saturating_sub(self.queue.len())));
    }

    /// A tone is on the wire, so audio has to wait.
    pub fn sounding(&self) -> bool {
        self.active.is_some()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The packet that is due at `now`. `clock_hz` is the clock of the event's payload type.
    pub fn poll(&mut self, now: Instant, sender: &mut RtpSender, payload_type: u8, clock_hz: u32) -> Option<DigitStep> {
        if self.active.is_none() {
            if self.free.is_some_and(|free| now < free) {
                return None;
            }
            self.free = None;
            let digit = self.queue.pop_front()?;
            let event = DIGITS.find(digit)? as u8;
            let timestamp = sender.timestamp(now);
            self.active = Some(Tone { digit, event, timestamp, started: now, next: now, ends: 0, first: true });
        }
        let tone = self.active.as_mut().filter(|tone| tone.next <= now)?;
        let sounded = now.saturating_duration_since(tone.started).min(TONE);
        let ended = sounded >= TONE;
        // The first packet says how long it has sounded by the time it is played: one step.
        let duration = ticks(sounded.max(STEP), clock_hz).min(u32::from(u16::MAX)) as u16;
        let [high, low] = duration.to_be_bytes();
        let payload = [tone.event, if ended { 0x80 | VOLUME } else { VOLUME }, high, low];
        let packet = sender.event(payload_type, tone.timestamp, tone.first, &payload);
        tone.first = false;
        tone.next = if ended { now } else { (tone.next + STEP).max(now) };
        tone.ends += u8::from(ended);
        let sent = (tone.ends == ENDS).then_some(tone.digit);
        if sent.is_some() {
            self.active = None;
            self.free = Some(now + GAP);
        }
        Some(DigitStep { packet, sent })
    }

    pub fn deadline(&self) -> Option<Instant> {
        match (&self.active, self.free) {
            (Some(tone), _) => Some(tone.next),
            (None, Some(free)) if !self.queue.is_empty() => Some(free),
            _ => None,
        }
    }

    /// Digits wait and none sounds: a tick now would start one.
    pub fn ready(&self) -> bool {
        self.active.is_none() && self.free.is_none() && !self.queue.is_empty()
    }
}

/// Recognises received digits.
#[derive(Debug, Default)]
pub(super) struct DigitReceiver {
    last: Option<(u32, u32)>,
}

impl DigitReceiver {
    /// The digit that this packet of a telephone-event payload type begins; `None` when it goes on, repeats, or
    /// is no digit.
    pub fn packet(&mut self, packet: &RtpPacket) -> Option<char> {
        let [event, _, _, _] = *packet.payload.first_chunk::<4>()?;
        let digit = DIGITS.chars().nth(usize::from(event))?;
        if let Some((ssrc, timestamp)) = self.last {
            let step = packet.timestamp.wrapping_sub(timestamp).cast_signed();
            if ssrc == packet.ssrc && step <= 0 {
                return None;
            }
        }
        self.last = Some((packet.ssrc, packet.timestamp));
        Some(digit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends digits to the end at one tick per deadline; gives all packets with their time in milliseconds.
    fn send(digits: &str, clock_hz: u32) -> (Vec<(u64, RtpPacket)>, String) {
        let start = super::super::testing::epoch();
        let mut now = start;
        let mut sender = RtpSender::new(start);
        let mut digit_sender = DigitSender::default();
        digit_sender.push(digits);
        let (mut packets, mut sent) = (Vec::new(), String::new());
        loop {
            while let Some(step) = digit_sender.poll(now, &mut sender, 101, clock_hz) {
                packets.push((now.duration_since(start).as_millis() as u64, step.packet));
                sent.extend(step.sent);
            }
            let Some(due) = digit_sender.deadline() else { return (packets, sent) };
            assert!(due > now, "the deadline is in the past after a drain");
            now = due;
        }
    }

    #[test]
    fn a_digit_is_five_updates_and_three_ends() {
        for (clock, full) in [(48_000, 4_800), (8_000, 800)] {
            let (packets, sent) = send("5", clock);
            assert_eq!(sent, "5");
            let ends = packets.iter().filter(|(_, packet)| packet.payload[1] & 0x80 != 0);
            assert_eq!(ends.clone().count(), 3);
            assert!(ends.clone().all(|(_, p)| u16::from_be_bytes([p.payload[2], p.payload[3]]) == full));
            assert_eq!(packets.iter().filter(|(_, packet)| packet.marker).count(), 1);
            let stamp = packets[0].1.timestamp;
            assert!(packets.iter().all(|(_, packet)| packet.timestamp == stamp && packet.payload[0] == 5));
            assert_eq!(packets.len(), 8);
        }
    }

    #[test]
    fn digits_follow_each_other_with_a_gap_and_are_received_once_each() {
        let (packets, sent) = send("1 2-2#d", 48_000);
        assert_eq!(sent, "122#D");
        let starts: Vec<u64> = packets.iter().filter(|(_, p)| p.marker).map(|(at, _)| *at).collect();
        assert_eq!(starts, [0, 170, 340, 510, 680]);
        let mut receiver = DigitReceiver::default();
        let heard: String = packets.iter().filter_map(|(_, packet)| receiver.packet(packet)).collect();
        assert_eq!(heard, "122#D");
    }

    #[test]
    fn a_digit_survives_the_loss_of_all_but_one_packet() {
        let (packets, _) = send("7", 8_000);
        for (_, only) in &packets {
            assert_eq!(DigitReceiver::default().packet(only), Some('7'));
        }
    }

    #[test]
    fn what_is_no_digit_is_not_received() {
        let packet = |payload: &[u8]| RtpPacket {
            payload_type: 1,
            sequence: 1,
            timestamp: 1,
            marker: true,
            ssrc: 1,
            payload: payload.to_vec(),
        };
        let mut receiver = DigitReceiver::default();
        assert_eq!(receiver.packet(&packet(&[16, 10, 0, 160])), None);
        assert_eq!(receiver.packet(&packet(&[1, 10])), None);
        assert_eq!(receiver.packet(&packet(&[])), None);
    }
}
