//! Loss, jitter, round trip and an estimate of what they do to speech.

use std::time::Instant;

use super::rtp::{ReportBlock, RtpPacket, SenderInfo, middle_bits};

/// A jump of the sequence number this large is a restarted stream, not a loss (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3_000;
/// A packet this far behind is late or repeated; further behind it is a restarted stream.
const MAX_MISORDER: u16 = 100;

/// The incoming side of one session. A change of SSRC, as a server makes it on transfer, starts a new source and
/// keeps the sums.
#[derive(Debug, Default)]
pub(super) struct Reception {
    source: Option<Source>,
    pub packets: u64,
    pub octets: u64,
    /// Of sources that are gone.
    lost_before: u64,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    first: u32,
    /// Highest sequence number with its count of wraps above bit 16.
    highest: u32,
    received: u64,
    expected_before: u64,
    received_before: u64,
    clock_hz: u32,
    arrival: Option<(Instant, u32)>,
    /// RFC 3550 A.8, in clock ticks.
    jitter: f64,
    /// NTP middle bits and arrival of the last sender report.
    last_report: Option<(u32, Instant)>,
}

impl Source {
    fn new(ssrc: u32, sequence: u16, clock_hz: u32) -> Self {
        let first = u32::from(sequence);
        Self {
            ssrc,
            first,
            highest: first,
            received: 0,
            expected_before: 0,
            received_before: 0,
            clock_hz,
            arrival: None,
            jitter: 0.0,
            last_report: None,
        }
    }

    fn expected(&self) -> u64 {
        u64::from(self.highest.wrapping_sub(self.first)) + 1
    }

    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }
}

impl Reception {
    /// Notes one packet of audio or of telephone-events, whose clock is `clock_hz`.
    pub fn packet(&mut self, now: Instant, packet: &RtpPacket, clock_hz: u32) {
        self.packets += 1;
        self.octets += packet.payload.len() as u64;
        let restarted = match &mut self.source {
            Some(source) if source.ssrc == packet.ssrc => {
                let step = packet.sequence.wrapping_sub(source.highest as u16);
                if step < MAX_DROPOUT {
                    source.highest = source.highest.wrapping_add(u32::from(step));
                    false
                } else {
                    step < u16::MAX - MAX_MISORDER
                }
            }
            _ => true,
        };
        if restarted {
            self.lost_before += self.source.as_ref().map_or(0, Source::lost);
            self.source = Some(Source::new(packet.ssrc, packet.sequence, clock_hz));
        }
        let Some(source) = &mut self.source else { return };
        source.received += 1;
        // Events repeat the timestamp of their start and say nothing about jitter.
        if source.clock_hz != clock_hz {
            return;
        }
        if let Some((arrived, timestamp)) = source.arrival {
            if timestamp == packet.timestamp {
                return;
            }
            let spacing = now.saturating_duration_since(arrived).as_secs_f64() * f64::from(clock_hz);
            let sent = packet.timestamp.wrapping_sub(timestamp).cast_signed();
            let difference = (spacing - f64::from(sent)).abs();
            // A jump of more than a second is a pause of the talker, not jitter.
            if difference < f64::from(clock_hz) {
                source.jitter += (difference - source.jitter) / 16.0;
            }
        }
        source.arrival = Some((now, packet.timestamp));
    }

    /// Notes a sender report of `ssrc`.
    pub fn sender_report(&mut self, now: Instant, ssrc: u32, info: &SenderInfo) {
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == ssrc) {
            source.last_report = Some((middle_bits(info.ntp), now));
        }
    }

    /// The block for our next report (RFC 3550 A.3); `None` before the first packet.
    pub fn block(&mut self, now: Instant) -> Option<ReportBlock> {
        let source = self.source.as_mut()?;
        let expected = source.expected();
        let expected_now = expected.saturating_sub(source.expected_before);
        let received_now = source.received.saturating_sub(source.received_before);
        source.expected_before = expected;
        source.received_before = source.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255);
        let (last, delay) = source.last_report.map_or((0, 0), |(middle, arrived)| {
            (middle, super::rtp::ticks(now.saturating_duration_since(arrived), 65_536))
        });
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost: fraction as u8,
            total_lost: source.lost().min(0x7f_ffff) as u32,
            highest_sequence: source.highest,
            jitter: source.jitter as u32,
            last_sender_report: last,
            delay_since: delay,
        })
    }

    pub fn lost(&self) -> u64 {
        self.lost_before + self.source.as_ref().map_or(0, Source::lost)
    }

    /// In milliseconds; `None` before two packets have come.
    pub fn jitter_ms(&self) -> Option<f64> {
        let source = self.source.as_ref().filter(|source| source.received > 1)?;
        Some(source.jitter / f64::from(source.clock_hz) * 1_000.0)
    }
}

/// What the far end reports about what we send.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FarReception {
    pub rtt_ms: Option<f64>,
    pub loss: Option<f64>,
    pub jitter_ms: Option<f64>,
    /// How many came.
    pub reports: u64,
}

impl FarReception {
    /// Takes one block about our stream, whose clock is `clock_hz`.
    pub fn note(&mut self, block: &ReportBlock, round_trip: Option<std::time::Duration>, clock_hz: u32) {
        self.reports += 1;
        self.loss = Some(f64::from(block.fraction_lost) / 256.0);
        self.jitter_ms = Some(f64::from(block.jitter) / f64::from(clock_hz) * 1_000.0);
        if let Some(round_trip) = round_trip {
            self.rtt_ms = Some(round_trip.as_secs_f64() * 1_000.0);
        }
    }
}

/// Estimate of listening and conversational quality on the scale of ITU-T P.800.1 (1–4.5), by the E-model
/// (ITU-T G.107) for Opus at 24 kbit/s and more with its packet loss concealment.
///
/// `rtt_ms`: round trip on the network. `buffer_ms`: what the receiver's buffer and codec add. `loss`: share of
/// packets that were concealed or lost, 0–1.
pub fn mos_estimate(rtt_ms: f64, buffer_ms: f64, loss: f64) -> f64 {
    /// G.107 default with all other impairments at their defaults, for a wideband codec mapped to this scale.
    const BASE: f64 = 93.2;
    /// Equipment impairment of Opus without loss, and its robustness against loss (with in-band FEC).
    const CODEC_IMPAIRMENT: f64 = 0.0;
    const LOSS_ROBUSTNESS: f64 = 10.0;
    let delay = rtt_ms.max(0.0) / 2.0 + buffer_ms.max(0.0);
    // G.107's approximation for the impairment by pure delay.
    let by_delay = 0.024 * delay + if delay > 177.3 { 0.11 * (delay - 177.3) } else { 0.0 };
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let by_loss = CODEC_IMPAIRMENT + (95.0 - CODEC_IMPAIRMENT) * percent / (percent + LOSS_ROBUSTNESS);
    let rating = (BASE - by_delay - by_loss).clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7.0e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn packet(sequence: u16, timestamp: u32, ssrc: u32) -> RtpPacket {
        RtpPacket { payload_type: 111, sequence, timestamp, marker: false, ssrc, payload: vec![0; 80] }
    }

    /// Feeds packets of 20 ms, those for which `arrives` says so, `jitter` ms late on every second.
    fn receive(count: u16, first: u16, arrives: impl Fn(u16) -> bool, jitter: u64) -> Reception {
        let start = super::super::testing::epoch();
        let mut reception = Reception::default();
        for i in (0..count).filter(|i| arrives(*i)) {
            let late = if i % 2 == 0 { 0 } else { jitter };
            let at = start + Duration::from_millis(u64::from(i) * 20 + late);
            reception.packet(at, &packet(first.wrapping_add(i), u32::from(i) * 960, 7), 48_000);
        }
        reception
    }

    #[test]
    fn gaps_are_lost_and_a_wrap_of_the_sequence_number_is_not() {
        let reception = receive(1_000, 65_000, |i| i % 10 != 5, 0);
        assert_eq!((reception.lost(), reception.packets), (100, 900));
        assert_eq!(receive(1_000, 65_000, |_| true, 0).lost(), 0);
    }

    #[test]
    fn a_late_packet_fills_its_gap() {
        let start = super::super::testing::epoch();
        let mut reception = Reception::default();
        for sequence in [1_u16, 2, 4, 3, 5] {
            reception.packet(start, &packet(sequence, u32::from(sequence) * 960, 7), 48_000);
        }
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn a_new_source_is_no_loss() {
        let start = super::super::testing::epoch();
        let mut reception = Reception::default();
        reception.packet(start, &packet(100, 0, 7), 48_000);
        reception.packet(start, &packet(102, 1_920, 7), 48_000);
        reception.packet(start, &packet(40_000, 0, 8), 48_000);
        reception.packet(start, &packet(40_001, 960, 8), 48_000);
        assert_eq!(reception.lost(), 1);
    }

    #[test]
    fn jitter_approaches_the_spread_of_arrivals() {
        let jitter = receive(2_000, 0, |_| true, 8).jitter_ms().unwrap();
        assert!((jitter - 8.0).abs() < 0.5, "{jitter}");
        assert!(receive(2_000, 0, |_| true, 0).jitter_ms().unwrap() < 0.01);
    }

    #[test]
    fn the_report_block_carries_the_loss_since_the_last_one() {
        let start = super::super::testing::epoch();
        let mut reception = receive(100, 0, |i| i % 4 != 1, 0);
        let block = reception.block(start).unwrap();
        assert_eq!((block.fraction_lost, block.total_lost, block.highest_sequence), (64, 25, 99));
        let block = reception.block(start).unwrap();
        assert_eq!((block.fraction_lost, block.total_lost), (0, 25));
    }

    #[test]
    fn the_estimate_falls_with_delay_and_loss() {
        let good = mos_estimate(20.0, 40.0, 0.0);
        assert!(good > 4.3, "{good}");
        assert!(mos_estimate(20.0, 40.0, 0.05) < good - 0.8);
        assert!(mos_estimate(600.0, 100.0, 0.0) < good - 0.8);
        assert!(mos_estimate(f64::from(u16::MAX), 0.0, 1.0) >= 1.0);
    }
}
