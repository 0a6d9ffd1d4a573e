//! The packets of a call through the relay and back, without a call: two allocations, one sends to the other's
//! relayed address and gets everything back.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use phone_core::diagnose::facts::{BindingFacts, CallFacts, MarkFacts};
use phone_core::media::{IceServer, RelayProbeEvent};
use phone_core::quality;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{MissedTickBehavior, interval};

use super::limited;
use super::relay::Relay;
use super::route::{gateway, source_towards};
use crate::clock;
use crate::net::tls::Trust;

/// A packet every 20 ms with 160 bytes, as a call has them.
const SPACING: Duration = Duration::from_millis(20);
const PAYLOAD: usize = 160;
/// Packets in a second.
const PER_SECOND: u32 = 50;
/// For what is still on the way after the last one was sent.
const REST: Duration = Duration::from_millis(600);
/// Marks our packets.
const MAGIC: [u8; 4] = *b"OFFH";
/// The gateway is asked this often; an answer later than this counts as bad.
const GATEWAY_EVERY: Duration = Duration::from_millis(250);
const GATEWAY_SLOW: Duration = Duration::from_millis(150);

/// Sends the packets of a call of this length, and says what mark the socket carries.
pub async fn call(server: &IceServer, length: Duration, dscp: u8, trust: &Trust) -> (CallFacts, Option<MarkFacts>) {
    watched_call(server, length, dscp, trust, |_| {}).await
}

/// The same, and tells each second as soon as its packets had time to come back.
pub async fn watched_call(
    server: &IceServer,
    length: Duration,
    dscp: u8,
    trust: &Trust,
    mut second: impl FnMut(CallFacts),
) -> (CallFacts, Option<MarkFacts>) {
    let transport = match server {
        IceServer::Turn { transport, .. } => Some(*transport),
        IceServer::Stun { .. } => None,
    };
    let mut facts = CallFacts { transport, ..CallFacts::default() };
    let (near, far) = tokio::join!(Relay::open(server, dscp, trust), Relay::open(server, dscp, trust));
    let (Ok(mut near), Ok(mut far)) = (near, far) else {
        facts.failed = Some("the relay gave no two addresses".to_owned());
        return (facts, None);
    };
    let mark = MarkFacts { configured: dscp, effective: near.dscp, echoed: None };
    near.permit(far.relayed.ip());
    far.permit(near.relayed.ip());
    let (result, gateway) = tokio::join!(talk(&mut near, &mut far, length, &mut second), watch_gateway(length));
    match result {
        Ok(tally) => tally.write(&mut facts),
        Err(why) => facts.failed = Some(why),
    }
    facts.gateway_bad = gateway;
    near.close().await;
    far.close().await;
    (facts, Some(mark))
}

/// What came back, and when.
#[derive(Debug, Default)]
struct Tally {
    sent: BTreeMap<u32, Instant>,
    back: BTreeMap<u32, Duration>,
    highest: Option<u32>,
    reordered: u64,
    duplicates: u64,
    /// RFC 3550 A.8, in seconds.
    jitter: f64,
    last: Option<f64>,
    took: Duration,
}

impl Tally {
    fn returned(&mut self, now: Instant, number: u32) {
        let Some(sent) = self.sent.get(&number) else { return };
        let time = now.saturating_duration_since(*sent);
        if self.back.insert(number, time).is_some() {
            self.duplicates += 1;
            return;
        }
        match self.highest {
            Some(highest) if number < highest => self.reordered += 1,
            _ => self.highest = Some(number),
        }
        let transit = time.as_secs_f64();
        if let Some(last) = self.last.replace(transit) {
            self.jitter += ((transit - last).abs() - self.jitter) / 16.0;
        }
    }

    /// The figures of the second that begins with this packet.
    fn second(&self, first: u32) -> CallFacts {
        let range = first..first + PER_SECOND;
        let back: Vec<Duration> = self.back.range(range.clone()).map(|(_, time)| *time).collect();
        let (sent, received) = (self.sent.range(range).count() as u64, back.len() as u64);
        let loss = (sent > 0).then(|| 1.0 - received as f64 / sent as f64);
        let mean = back.iter().sum::<Duration>().as_secs_f64() * 1_000.0 / received.max(1) as f64;
        let round_trip_ms = (received > 0).then_some(mean);
        let jitter_ms = (received > 0).then_some(self.jitter * 1_000.0);
        let mos = quality::mos(round_trip_ms, jitter_ms, loss);
        CallFacts { seconds: 1.0, sent, received, loss, round_trip_ms, jitter_ms, mos, ..CallFacts::default() }
    }

    fn write(&self, facts: &mut CallFacts) {
        let (sent, received) = (self.sent.len() as u64, self.back.len() as u64);
        facts.seconds = self.took.as_secs_f64();
        facts.sent = sent;
        facts.received = received;
        facts.reordered = self.reordered;
        facts.duplicates = self.duplicates;
        if sent == 0 {
            return;
        }
        let loss = 1.0 - received as f64 / sent as f64;
        facts.loss = Some(loss);
        if received > 0 {
            let mean = self.back.values().sum::<Duration>().as_secs_f64() * 1_000.0 / received as f64;
            facts.round_trip_ms = Some(mean);
            facts.jitter_ms = Some(self.jitter * 1_000.0);
            facts.mos = quality::mos(facts.round_trip_ms, facts.jitter_ms, facts.loss);
        }
    }
}

fn packet(number: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PAYLOAD);
    bytes.extend(MAGIC);
    bytes.extend(number.to_be_bytes());
    bytes.resize(PAYLOAD, 0);
    bytes
}

fn number_of(bytes: &[u8]) -> Option<u32> {
    let number = bytes.strip_prefix(&MAGIC)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*number))
}

async fn talk(
    near: &mut Relay,
    far: &mut Relay,
    length: Duration,
    second: &mut impl FnMut(CallFacts),
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    // The first packets wait for their permissions; they open the way and are not counted.
    for warm in 0..3_u32 {
        near.send(far.relayed, packet(u32::MAX - warm)).await?;
        far.send(near.relayed, packet(u32::MAX - warm)).await?;
        limited(Duration::from_millis(60), pump(near, far, &mut tally)).await.transpose()?;
    }
    let start = clock::now();
    let count = u32::try_from(length.as_millis() / SPACING.as_millis()).unwrap_or(u32::MAX);
    let mut due = interval(SPACING);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = 0;
    while next < count {
        tokio::select! {
            biased;
            _ = due.tick() => {
                tally.sent.insert(next, clock::now());
                near.send(far.relayed, packet(next)).await?;
                next += 1;
                // A second is told when the one after it is over.
                if next.is_multiple_of(PER_SECOND) && next > PER_SECOND {
                    second(tally.second(next - 2 * PER_SECOND));
                }
            }
            result = pump(near, far, &mut tally) => result?,
        }
    }
    let end = clock::now() + REST;
    while tally.back.len() < tally.sent.len() {
        let left = end.saturating_duration_since(clock::now());
        if left.is_zero() {
            break;
        }
        limited(left, pump(near, far, &mut tally)).await.transpose()?;
    }
    tally.took = clock::now().saturating_duration_since(start);
    if let Some(last) = count.checked_sub(PER_SECOND) {
        second(tally.second(last));
    }
    Ok(tally)
}

/// Handles one packet on either side.
async fn pump(near: &mut Relay, far: &mut Relay, tally: &mut Tally) -> Result<(), String> {
    let peer = near.relayed;
    let arrived = tokio::select! {
        event = near.next() => (true, event?),
        event = far.next() => (false, event?),
    };
    match arrived {
        (true, RelayProbeEvent::Data { bytes, .. }) => {
            if let Some(number) = number_of(&bytes) {
                tally.returned(clock::now(), number);
            }
        }
        (false, RelayProbeEvent::Data { from, bytes }) => {
            if from.ip() == peer.ip() && number_of(&bytes).is_some_and(|number| number < u32::MAX - 8) {
                far.send(peer, bytes).await?;
            }
        }
        (_, RelayProbeEvent::Lost | RelayProbeEvent::Refused { .. }) => return Err("the relay was lost".to_owned()),
        (_, RelayProbeEvent::Ready(_)) => {}
    }
    Ok(())
}

/// Whether the way to the gateway is bad meanwhile. `None`: it answers nothing at all, or there is none.
async fn watch_gateway(length: Duration) -> Option<bool> {
    let gateway: IpAddr = gateway()?;
    judge_gateway(length, || knock(gateway)).await
}

/// A closed port of the gateway refuses, which takes a round trip: whether that was quick. `None`: it cannot be asked.
async fn knock(gateway: IpAddr) -> Option<bool> {
    let start = clock::now();
    match limited(Duration::from_secs(1), TcpStream::connect((gateway, 9))).await {
        // Accepted or refused: it answered.
        Some(Ok(_)) => Some(true),
        Some(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Some(clock::now().saturating_duration_since(start) <= GATEWAY_SLOW)
        }
        Some(Err(_)) => None,
        None => Some(false),
    }
}

/// Asks for so long and no longer, however slow the answers are: the call does not wait for its gateway.
async fn judge_gateway<F>(length: Duration, mut knock: impl FnMut() -> F) -> Option<bool>
where
    F: Future<Output = Option<bool>>,
{
    let (mut good, mut bad) = (0_u32, 0_u32);
    let asking = async {
        let mut due = interval(GATEWAY_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while good > 0 || bad < 3 {
            due.tick().await;
            match knock().await {
                Some(true) => good += 1,
                Some(false) => bad += 1,
                None => return,
            }
        }
    };
    if limited(length, asking).await.is_some() {
        return None;
    }
    (good > 0).then_some(bad * 10 > good)
}

/// Whether a UDP connection that is quiet for `quiet` still lets packets in. A socket of its own opens the way to the
/// relayed address, and afterwards the relay sends to it. `None`: that could not be tried.
pub async fn binding(server: &IceServer, quiet: Duration, trust: &Trust) -> Option<BindingFacts> {
    let mut relay = Relay::open(server, 0, trust).await.ok()?;
    let source = source_towards(relay.relayed)?;
    let socket = UdpSocket::bind((source, 0)).await.ok()?;
    // Who we are outside is not known before the first packet; the relay lets in whom it was told of.
    let outside = {
        let (bytes, transaction) = phone_core::diagnose::stun::request(phone_core::diagnose::stun::AnswerFrom::Here);
        let mut buffer = [0; 1_024];
        socket.send_to(&bytes, relay.server).await.ok()?;
        let (count, _) = limited(Duration::from_secs(2), socket.recv_from(&mut buffer)).await?.ok()?;
        phone_core::diagnose::stun::reply(buffer.get(..count)?, transaction)?.mapped
    };
    relay.permit(outside.ip());
    limited(Duration::from_millis(500), relay.next()).await;
    let mut seen = None;
    for _ in 0..3 {
        socket.send_to(&packet(1), relay.relayed).await.ok()?;
        if let Some(Ok(RelayProbeEvent::Data { from, .. })) = limited(Duration::from_millis(700), relay.next()).await {
            seen = Some(from);
            break;
        }
    }
    let seen = seen?;
    // The allocation is kept alive meanwhile; only the other socket is quiet.
    let end = clock::now() + quiet;
    while clock::now() < end {
        limited(end.saturating_duration_since(clock::now()), relay.next()).await;
    }
    let mut survived = false;
    let mut buffer = [0; 1_024];
    for _ in 0..3 {
        relay.send(seen, packet(2)).await.ok()?;
        let heard = tokio::select! {
            heard = limited(Duration::from_millis(700), socket.recv_from(&mut buffer)) => heard,
            _ = relay.next() => None,
        };
        if heard.is_some_and(|heard| heard.is_ok()) {
            survived = true;
            break;
        }
    }
    relay.close().await;
    Some(BindingFacts { quiet_s: u32::try_from(quiet.as_secs()).unwrap_or(u32::MAX), survived })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_counted_once_and_in_order() {
        let start = clock::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut tally = Tally::default();
        for number in 0..10_u32 {
            tally.sent.insert(number, at(u64::from(number) * 20));
        }
        for (number, ms) in [(0, 30), (1, 50), (3, 90), (2, 95), (3, 96), (77, 99)] {
            tally.returned(at(ms), number);
        }
        let mut facts = CallFacts::default();
        tally.write(&mut facts);
        assert_eq!((facts.sent, facts.received, facts.reordered, facts.duplicates), (10, 4, 1, 1));
        assert!((facts.loss.unwrap() - 0.6).abs() < 1e-9);
        assert!(facts.round_trip_ms.unwrap() > 29.0 && facts.mos.unwrap() < 2.5, "{facts:?}");
    }

    #[test]
    fn each_second_has_its_own_figures() {
        let start = clock::now();
        let mut tally = Tally::default();
        for number in 0..100_u32 {
            let sent = start + SPACING * number;
            tally.sent.insert(number, sent);
            // Half of the first second is lost, and the other one is slow.
            if number >= 50 || number.is_multiple_of(2) {
                let time = if number < 50 { 10 } else { 200 };
                tally.returned(sent + Duration::from_millis(time), number);
            }
        }
        let (first, second) = (tally.second(0), tally.second(50));
        assert_eq!((first.sent, first.received, first.loss), (50, 25, Some(0.5)));
        assert_eq!((second.received, second.loss), (50, Some(0.0)));
        assert!((second.round_trip_ms.unwrap() - 200.0).abs() < 1e-6, "{second:?}");
        assert!(first.mos < second.mos, "{first:?} {second:?}");
    }

    #[test]
    fn a_gateway_that_is_slow_to_answer_does_not_hold_up_the_call() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let length = Duration::from_secs(15);
        let watch = |every: u32, answer: Option<bool>| {
            runtime.block_on(async {
                let start = tokio::time::Instant::now();
                let mut asked = 0_u32;
                let knock = || {
                    asked += 1;
                    let slow = !asked.is_multiple_of(every);
                    async move {
                        if slow {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                        if slow { Some(false) } else { answer }
                    }
                };
                let bad = judge_gateway(length, knock).await;
                (bad, start.elapsed())
            })
        };
        assert_eq!(watch(1, Some(true)), (Some(false), length));
        // It answers every other time, and is silent for a second in between.
        assert_eq!(watch(2, Some(true)), (Some(true), length));
        let (never, took) = watch(u32::MAX, Some(true));
        assert!(never.is_none() && took < length, "{never:?} {took:?}");
        assert_eq!(watch(1, None), (None, Duration::ZERO));
    }

    #[test]
    fn strangers_packets_are_not_ours() {
        assert_eq!(number_of(&packet(77)), Some(77));
        for junk in [&b""[..], b"OFF", b"OFFH", b"OFFH\x00\x00", b"\x80\x00\x00\x00\x00\x00\x00\x00"] {
            assert_eq!(number_of(junk), None);
        }
    }
}
