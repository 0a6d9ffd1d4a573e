//! RTP and RTCP bookkeeping of one audio stream (RFC 3550): what the next packet carries, what was received.
//!
//! Encryption, and the packets as bytes, belong to the peer connection. Nothing here reads a clock.

use std::time::{Duration, Instant};

use super::stats::Reception;

/// After this long without a packet the timestamp follows the clock, not the count of samples (RFC 3550 §5.1).
const TALK_PAUSE: Duration = Duration::from_millis(200);
/// The same for the start of an event, which nothing sends late.
const EVENT_PAUSE: Duration = Duration::from_millis(60);
/// How often reports leave. RFC 3550 §6.2 allows shorter intervals than 5 s on a link of this bandwidth.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// One RTP packet, in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RtpPacket {
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

/// One reception report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReportBlock {
    /// Whose packets it is about.
    pub ssrc: u32,
    /// Loss since the report before, in 1/256.
    pub fraction_lost: u8,
    pub total_lost: u32,
    pub highest_sequence: u32,
    /// In units of the RTP clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report.
    pub last_sender_report: u32,
    /// Since that report, in 1/65536 s.
    pub delay_since: u32,
}

/// What a sender report says about its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SenderInfo {
    pub ntp: u64,
    pub rtp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// A sender report (`sender` is set) or a receiver report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub ssrc: u32,
    pub sender: Option<SenderInfo>,
    pub blocks: Vec<ReportBlock>,
}

/// Numbers that must not be guessed by others (RFC 3550 §8, §9.1).
pub(super) fn random_u32() -> u32 {
    // Without the system's randomness there is no DTLS key either, so this cannot be the weakest part.
    getrandom::u32().unwrap_or(0x5eed_0ff1)
}

/// The outgoing side: sequence numbers, timestamps, counters.
#[derive(Debug)]
pub(super) struct RtpSender {
    pub ssrc: u32,
    sequence: u16,
    /// Of the next packet.
    timestamp: u32,
    /// When the last packet was made, and how much sound from then on it stands for.
    last: Option<(Instant, Duration)>,
    pub packets: u64,
    pub octets: u64,
    epoch: Instant,
    next_report: Instant,
    clock_hz: u32,
}

impl RtpSender {
    pub fn new(now: Instant) -> Self {
        Self {
            ssrc: random_u32(),
            // Below 2^15, so that a receiver that starts late cannot mistake the first wrap (libsrtp's advice).
            sequence: (random_u32() & 0x7fff) as u16,
            timestamp: random_u32(),
            last: None,
            packets: 0,
            octets: 0,
            epoch: now,
            next_report: now + REPORT_INTERVAL,
            clock_hz: super::types::RTP_CLOCK_HZ,
        }
    }

    /// The RTP clock of the codec in use, in Hz.
    pub fn set_clock(&mut self, clock_hz: u32) {
        self.clock_hz = clock_hz;
    }

    /// The next audio packet, which stands for `samples` ticks of the RTP clock.
    pub fn audio(&mut self, now: Instant, payload_type: u8, payload: &[u8], samples: u32) -> RtpPacket {
        let marker = self.follow_clock(now, TALK_PAUSE);
        let packet = self.packet(payload_type, self.timestamp, marker, payload);
        self.cover(now, samples);
        packet
    }

    /// Lets time pass as if a packet had been sent: audio is silent while a digit sounds.
    pub fn skip(&mut self, now: Instant, samples: u32) {
        self.follow_clock(now, TALK_PAUSE);
        self.cover(now, samples);
    }

    /// A packet with a timestamp of its own: every packet of one telephone-event carries the time of its start.
    pub fn event(&mut self, payload_type: u8, timestamp: u32, marker: bool, payload: &[u8]) -> RtpPacket {
        self.packet(payload_type, timestamp, marker, payload)
    }

    /// The timestamp that audio sent at `now` would carry.
    pub fn timestamp(&mut self, now: Instant) -> u32 {
        // Two digits must differ in time even when no audio flows between them.
        if self.follow_clock(now, EVENT_PAUSE) {
            self.last = Some((now, Duration::ZERO));
        }
        self.timestamp
    }

    /// Moves the timestamp on over a pause longer than `limit`; whether `now` is the start after one.
    fn follow_clock(&mut self, now: Instant, limit: Duration) -> bool {
        let Some((last, covered)) = self.last else { return true };
        let pause = now.saturating_duration_since(last);
        if pause <= limit {
            return false;
        }
        // The last packet has moved it already over the sound that it stands for.
        self.timestamp = self.timestamp.wrapping_add(ticks(pause.saturating_sub(covered), self.clock_hz));
        true
    }

    fn cover(&mut self, now: Instant, samples: u32) {
        self.timestamp = self.timestamp.wrapping_add(samples);
        let covered = Duration::from_secs_f64(f64::from(samples) / f64::from(self.clock_hz.max(1)));
        self.last = Some((now, covered));
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, marker: bool, payload: &[u8]) -> RtpPacket {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += payload.len() as u64;
        RtpPacket { payload_type, sequence, timestamp, marker, ssrc: self.ssrc, payload: payload.to_vec() }
    }

    /// The report that is due at `now`, if one is.
    pub fn report(&mut self, now: Instant, reception: &mut Reception) -> Option<Report> {
        if now < self.next_report {
            return None;
        }
        self.next_report = now + REPORT_INTERVAL;
        // Only a sender that sent since the last two reports sends sender reports (RFC 3550 §6.4).
        let sending = self.last.is_some_and(|(last, _)| now.saturating_duration_since(last) < 2 * REPORT_INTERVAL);
        let sender = sending.then(|| SenderInfo {
            ntp: ntp(now.saturating_duration_since(self.epoch)),
            rtp: self.timestamp,
            packets: self.packets as u32,
            octets: self.octets as u32,
        });
        Some(Report { ssrc: self.ssrc, sender, blocks: reception.block(now).into_iter().collect() })
    }

    pub fn next_report(&self) -> Instant {
        self.next_report
    }

    /// Round trip from a report block about our packets (RFC 3550 §6.4.1): now − LSR − DLSR.
    pub fn round_trip(&self, now: Instant, block: &ReportBlock) -> Option<Duration> {
        if block.last_sender_report == 0 {
            return None;
        }
        let middle = middle_bits(ntp(now.saturating_duration_since(self.epoch)));
        let units = middle.wrapping_sub(block.last_sender_report).wrapping_sub(block.delay_since);
        // A negative result, by clock drift on a very short path, wraps to a huge one.
        (units < 0x8000_0000).then(|| Duration::from_secs_f64(f64::from(units) / 65_536.0))
    }
}

/// `duration` in ticks of a clock.
pub(super) fn ticks(duration: Duration, clock_hz: u32) -> u32 {
    (duration.as_secs_f64() * f64::from(clock_hz)).round() as u64 as u32
}

/// Elapsed time as an NTP timestamp. There is no wall clock in here; RFC 3550 §4 lets a sender count from any
/// start as long as the high bit stays 0.
fn ntp(elapsed: Duration) -> u64 {
    // From 1 s on, so that the middle bits are never 0, which means "no report yet".
    let elapsed = elapsed + Duration::from_secs(1);
    (elapsed.as_secs() << 32) | ((u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000)
}

/// The middle 32 bits of an NTP timestamp, as LSR carries them.
pub(super) const fn middle_bits(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_count_samples_while_talking_and_follow_the_clock_after_a_pause() {
        let start = super::super::testing::epoch();
        let mut sender = RtpSender::new(start);
        let first = sender.audio(start, 111, b"a", 960);
        let second = sender.audio(start + Duration::from_millis(23), 111, b"b", 960);
        let third = sender.audio(start + Duration::from_millis(2_043), 111, b"c", 960);
        assert!(first.marker && !second.marker && third.marker);
        assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 960);
        assert_eq!(third.timestamp.wrapping_sub(second.timestamp), 2_020 * 48);
        assert_eq!(third.sequence, first.sequence.wrapping_add(2));
    }

    /// 400 ms is the pace of silence on a warm session.
    #[test]
    fn timestamps_of_packets_with_pauses_between_them_keep_pace_with_the_clock() {
        let start = super::super::testing::epoch();
        let mut sender = RtpSender::new(start);
        let first = sender.audio(start, 111, b"a", 960).timestamp;
        for n in 1..=100_u32 {
            let packet = sender.audio(start + n * Duration::from_millis(400), 111, b"a", 960);
            assert_eq!(packet.timestamp.wrapping_sub(first), n * 400 * 48);
        }
        assert_eq!(sender.timestamp(start + Duration::from_secs(41)).wrapping_sub(first), 41_000 * 48);
    }

    #[test]
    fn round_trip_is_what_is_left_after_the_far_ends_delay() {
        let start = super::super::testing::epoch();
        let sender = RtpSender::new(start);
        let sent = ntp(Duration::from_secs(5));
        let block =
            ReportBlock { last_sender_report: middle_bits(sent), delay_since: 65_536 / 2, ..ReportBlock::default() };
        let measured = sender.round_trip(start + Duration::from_millis(5_540), &block).unwrap();
        assert!((measured.as_secs_f64() - 0.04).abs() < 0.001, "{measured:?}");
        assert_eq!(sender.round_trip(start, &ReportBlock::default()), None);
    }

    #[test]
    fn a_silent_sender_sends_receiver_reports() {
        let start = super::super::testing::epoch();
        let mut sender = RtpSender::new(start);
        let mut reception = Reception::default();
        assert_eq!(sender.report(start, &mut reception), None);
        let report = sender.report(start + REPORT_INTERVAL, &mut reception).unwrap();
        assert_eq!((report.sender, report.blocks.len()), (None, 0));
        sender.audio(start + REPORT_INTERVAL, 111, b"abc", 960);
        let report = sender.report(start + 2 * REPORT_INTERVAL, &mut reception).unwrap();
        assert_eq!(report.sender.unwrap().packets, 1);
    }
}
