//! Whole calls between two engines in simulated time.

use std::net::IpAddr;
use std::time::Duration;

use super::testing::{NodeId, SESSION, Sim, Weather};
use super::types::{Codec, Direction, MediaError, MediaEvent, MediaPath, RelayPolicy, SessionConfig};

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
        sim.net.weather = Weather { delay: Duration::from_millis(40), jitter: Duration::from_millis(30), loss: 0.1 };
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

/// The engine underneath let both sides wait for each other once a flight of the handshake was lost.
#[test]
fn lost_flights_of_the_handshake_are_repeated_until_the_call_is_up() {
    let mut times: Vec<Duration> = (0..60)
        .map(|seed| {
            let mut sim = Sim::new(300 + seed, 2);
            sim.net.weather = Weather { delay: Duration::from_millis(20), jitter: Duration::from_millis(5), loss: 0.2 };
            sim.call(EDGE, PHONE, 10 * SECOND)
                .unwrap_or_else(|| panic!("seed {seed}: {:?} {:?}", sim.failure(EDGE), sim.failure(PHONE)))
        })
        .collect();
    times.sort();
    assert!(times[30] < SECOND && times[59] < 3 * SECOND, "{times:?}");
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
    let announced: Vec<bool> = (sim.engines[PHONE.0].events.iter())
        .filter_map(|(_, event)| match event {
            MediaEvent::Description { sdp, .. } => Some(sdp.contains("a=ssrc:")),
            _ => None,
        })
        .collect();
    // What a hold has stopped comes back unannounced: Chromium would not play it otherwise.
    assert_eq!(announced, [true, false, false, false, false]);
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
        // Up again after the restart; the phone also when it went on from its new address before that.
        assert!(sim.count(node, |event| matches!(event, MediaEvent::Up { .. })) >= 2);
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
    assert_eq!(sim.net.open_sockets(), 0);
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
    let config = SessionConfig { codecs: vec![Codec::Opus, Codec::ComfortNoise], ..SessionConfig::default() };
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
fn force_relay_without_a_turn_server_is_refused_and_opens_nothing() {
    let mut sim = Sim::new(10, 2);
    sim.net.record = true;
    sim.config.relay = RelayPolicy::ForceRelay;
    let config = sim.config.clone();
    let refused = sim.with(EDGE, |engine, now| engine.create_offer(now, SESSION, &config));
    assert_eq!(refused, Err(MediaError::NoTurnServer));
    assert_eq!((sim.net.sent.len(), sim.net.open_sockets()), (0, 0));
}

#[test]
fn an_offer_that_wants_to_open_the_handshake_itself_is_let_do_so() {
    let mut sim = Sim::new(11, 2);
    sim.rewrite = |sdp| sdp.replace("a=setup:actpass", "a=setup:active");
    sim.call(EDGE, PHONE, 5 * SECOND).expect("the call comes up");
    let answer = sim.engines[PHONE.0].events.iter().find_map(|(_, event)| match event {
        MediaEvent::Description { sdp, .. } => Some(sdp.clone()),
        _ => None,
    });
    assert!(answer.unwrap().contains("a=setup:passive\r\n"));
    sim.talk(EDGE, PHONE, SECOND);
    sim.run(SECOND);
    assert_eq!((sim.engines[EDGE.0].audio.len(), sim.engines[PHONE.0].audio.len()), (50, 50));
}

#[test]
fn descriptions_as_bare_as_sip_servers_write_them_connect() {
    let mut sim = Sim::new(12, 2);
    sim.rewrite = |sdp| {
        let dull = ["a=mid", "a=group", "a=msid", "a=ssrc", "a=sendrecv", "a=rtcp", "a=ice-options", "a=ptime"];
        let kept = sdp.lines().filter(|line| !dull.iter().any(|start| line.starts_with(start)));
        kept.map(|line| line.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF") + "\n").collect()
    };
    sim.call(EDGE, PHONE, 5 * SECOND).expect("the call comes up");
    sim.talk(EDGE, PHONE, SECOND);
    sim.run(SECOND);
    assert_eq!((sim.engines[EDGE.0].audio.len(), sim.engines[PHONE.0].audio.len()), (50, 50));
}

#[test]
fn digits_use_the_8000_clock_when_the_far_end_has_no_other() {
    let mut sim = Sim::new(13, 2);
    sim.rewrite = |sdp| {
        let lines = sdp.lines().filter(|line| !line.contains(":110 "));
        lines.map(|line| line.replace(" 110", "") + "\r\n").collect()
    };
    sim.call(EDGE, PHONE, 5 * SECOND).expect("the call comes up");
    sim.with(PHONE, |engine, now| engine.send_digits(now, SESSION, "7*"));
    sim.talk(EDGE, PHONE, SECOND);
    let digits: String = sim.engines[EDGE.0]
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            MediaEvent::Digit { digit, .. } => Some(*digit),
            _ => None,
        })
        .collect();
    assert_eq!(digits, "7*");
}

#[test]
fn a_far_end_that_starts_over_takes_the_session_with_it() {
    let mut sim = Sim::new(14, 3);
    sim.call(EDGE, PHONE, 5 * SECOND).expect("the call comes up");
    sim.talk(EDGE, PHONE, SECOND);
    // Another server takes over: other certificate, other credentials, same session for the phone.
    let other = NodeId(2);
    sim.call(other, PHONE, 5 * SECOND);
    sim.run(SECOND);
    let before = sim.engines[PHONE.0].audio.len();
    sim.talk(other, PHONE, SECOND);
    sim.run(SECOND);
    assert_eq!(sim.engines[other.0].audio.len(), 50);
    assert_eq!(sim.engines[PHONE.0].audio.len() - before, 50);
}

#[test]
fn a_session_that_is_closed_leaves_nothing_and_is_missed_by_the_far_end() {
    let mut sim = call(15);
    sim.talk(EDGE, PHONE, SECOND);
    sim.with(PHONE, |engine, now| engine.close(now, SESSION));
    sim.run(6 * SECOND);
    assert_eq!(sim.count(EDGE, |event| matches!(event, MediaEvent::Interrupted { .. })), 1);
    sim.with(EDGE, |engine, now| engine.close(now, SESSION));
    sim.run(SECOND);
    assert_eq!(sim.net.open_sockets(), 0);
    for side in &sim.engines {
        assert_eq!((side.engine.deadline(), side.engine.stats(SESSION)), (None, None));
    }
}
