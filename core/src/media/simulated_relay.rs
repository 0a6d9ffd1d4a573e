//! Relayed calls in simulated time, against a TURN server that is not ours.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::testing::{NodeId, SESSION, Sim, SimTurn, TurnOptions, Weather};
use super::types::{IceServer, MediaError, MediaEvent, MediaPath, RelayInUse, RelayOrder, RelayPolicy, TurnTransport};

const EDGE: NodeId = NodeId(0);
const PHONE: NodeId = NodeId(1);
const SECOND: Duration = Duration::from_secs(1);
const ALL: [TurnTransport; 3] = [TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls];

/// Two engines that may reach each other through relays only.
fn forced(seed: u64, transport: TurnTransport, options: TurnOptions) -> Sim {
    let mut sim = Sim::new(seed, 2);
    let server = sim.net.add_turn(options);
    sim.config.servers = vec![SimTurn::as_ice_server(server, transport)];
    sim.config.relay = RelayPolicy::ForceRelay;
    sim
}

/// Both sides heard every packet of a talk of `seconds`.
fn assert_all_heard(sim: &Sim, seconds: usize, about: &str) {
    for node in [EDGE, PHONE] {
        assert_eq!(sim.engines[node.0].audio.len(), seconds * 50, "{about}, node {}", node.0);
    }
}

#[test]
fn a_forced_call_is_relayed_over_every_transport_and_nothing_else_leaves() {
    for transport in ALL {
        let mut sim = forced(1, transport, TurnOptions::default());
        sim.net.record = true;
        let took =
            sim.call(EDGE, PHONE, 5 * SECOND).unwrap_or_else(|| panic!("{transport:?}: {:?}", sim.failure(PHONE)));
        assert!(took < Duration::from_millis(700), "{transport:?}: {took:?}");
        sim.talk(EDGE, PHONE, 5 * SECOND);
        sim.run(SECOND);
        assert_all_heard(&sim, 5, &format!("{transport:?}"));
        for node in [EDGE, PHONE] {
            let facts = sim.facts(node).unwrap();
            assert_eq!(facts.path, MediaPath::RelayForced);
            assert_eq!(facts.relay, Some(RelayInUse { transport, server: "turn0:3478".to_owned() }));
            assert_eq!(facts.dscp.effective, Some(46));
            assert_eq!(sim.engines[node.0].engine.stats(SESSION).unwrap().blocked_by_relay_fence, 0);
        }
        let server: SocketAddr = "203.0.113.1:3478".parse().unwrap();
        assert!(sim.net.sent.iter().all(|(_, _, to, _)| *to == server));
        for node in [EDGE, PHONE] {
            sim.with(node, |engine, now| engine.close(now, SESSION));
        }
        sim.run(SECOND);
        assert_eq!((sim.net.open_sockets(), sim.net.allocations()), (0, 0));
    }
}

#[test]
fn a_prepared_relay_makes_the_next_call_as_quick_as_a_direct_one() {
    let mut cold = forced(2, TurnTransport::Tcp, TurnOptions::default());
    let cold = cold.call(EDGE, PHONE, 5 * SECOND).unwrap();
    let mut sim = forced(2, TurnTransport::Tcp, TurnOptions::default());
    let config = sim.config.clone();
    for node in [EDGE, PHONE] {
        sim.with(node, |engine, now| engine.prepare(now, &config));
    }
    sim.run(2 * SECOND);
    let warm = sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    assert!(warm + Duration::from_millis(40) < cold, "warm {warm:?}, cold {cold:?}");
    sim.run(2 * SECOND);
    assert_eq!(sim.net.allocations(), 4, "another one is kept ready for the next call");
}

#[test]
fn twelve_minutes_with_nonces_of_60_s_lose_no_packet() {
    for transport in [TurnTransport::Udp, TurnTransport::Tls] {
        let options = TurnOptions { nonce_life: Duration::from_mins(1), ..TurnOptions::default() };
        let mut sim = forced(3, transport, options);
        sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
        sim.talk(EDGE, PHONE, Duration::from_mins(12));
        sim.run(SECOND);
        assert_all_heard(&sim, 720, &format!("{transport:?}"));
    }
}

#[test]
fn allocations_of_120_s_go_on_without_a_gap() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        let options = TurnOptions { lifetime: Some(120), nonce_life: Duration::from_mins(1), ..TurnOptions::default() };
        let mut sim = forced(4, transport, options);
        sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
        let begun = sim.now;
        sim.talk(EDGE, PHONE, Duration::from_mins(10));
        for node in [EDGE, PHONE] {
            let gap = sim.longest_gap(node, begun + SECOND, sim.now);
            assert!(gap < Duration::from_millis(100), "{transport:?}: {gap:?}");
            assert_eq!(sim.failure(node), None);
        }
    }
}

#[test]
fn a_short_allocation_survives_loss_of_refreshes() {
    let options = TurnOptions { lifetime: Some(30), nonce_life: Duration::from_secs(30), ..TurnOptions::default() };
    let mut sim = forced(5, TurnTransport::Udp, options);
    sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    sim.net.weather.loss = 0.2;
    let begun = sim.now;
    sim.talk(EDGE, PHONE, Duration::from_mins(5));
    for node in [EDGE, PHONE] {
        assert!(sim.longest_gap(node, begun, sim.now) < SECOND);
        assert_eq!(sim.failure(node), None);
    }
}

#[test]
fn a_restart_brings_back_a_call_whose_relays_both_broke() {
    for transport in [TurnTransport::Tcp, TurnTransport::Tls] {
        let mut sim = forced(6, transport, TurnOptions::default());
        sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
        sim.talk(EDGE, PHONE, 5 * SECOND);
        // The worst case: neither end can tell the other by media where it is now, so signalling has to.
        sim.net.restart_turn(sim.now, 0);
        sim.talk(EDGE, PHONE, SECOND);
        let restarted = sim.now;
        sim.with(EDGE, |engine, now| engine.restart_ice(now, SESSION)).unwrap();
        sim.talk(EDGE, PHONE, 3 * SECOND);
        for node in [EDGE, PHONE] {
            let gap = sim.longest_gap(node, restarted, sim.now);
            assert!(gap < SECOND, "{transport:?}: {gap:?}");
            assert_eq!(sim.failure(node), None);
        }
    }
}

#[test]
fn a_phone_that_loses_its_relay_keeps_the_call_with_a_gap_below_a_second() {
    for transport in ALL {
        // Only the phone is relayed; the edge is direct.
        let mut sim = Sim::new(7, 2);
        let server = sim.net.add_turn(TurnOptions::default());
        let turn = vec![SimTurn::as_ice_server(server, transport)];
        sim.engines[PHONE.0].servers = Some((turn, RelayPolicy::ForceRelay));
        sim.call(EDGE, PHONE, 5 * SECOND).unwrap_or_else(|| panic!("{transport:?}: {:?}", sim.failure(PHONE)));
        assert_eq!(sim.facts(EDGE).unwrap().path, MediaPath::Direct);
        sim.talk(EDGE, PHONE, 5 * SECOND);
        let broken = sim.now;
        sim.net.restart_turn(sim.now, server);
        sim.talk(EDGE, PHONE, 10 * SECOND);
        let gaps = [EDGE, PHONE].map(|node| sim.longest_gap(node, broken, sim.now));
        // A server that forgets an allocation over UDP does so silently: a second passes before that is checked.
        let limit = if transport == TurnTransport::Udp { 2 * SECOND } else { SECOND };
        assert!(gaps.iter().all(|gap| *gap < limit), "{transport:?}: {gaps:?}");
        assert_eq!((sim.failure(EDGE), sim.failure(PHONE)), (None, None));
        sim.talk(EDGE, PHONE, 60 * SECOND);
        assert_eq!(sim.count(PHONE, |event| matches!(event, MediaEvent::Interrupted { .. })), 0);
    }
}

#[test]
fn an_unreachable_turn_server_does_not_delay_a_direct_call() {
    let mut sim = Sim::new(8, 2);
    let reference = Sim::new(8, 2).call(EDGE, PHONE, 5 * SECOND).unwrap();
    let server = sim.net.add_turn(TurnOptions::default());
    sim.net.cut(IpAddr::from([203, 0, 113, 1]), true);
    sim.config.servers = ALL.map(|transport| SimTurn::as_ice_server(server, transport)).to_vec();
    let took = sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    assert_eq!(took, reference);
    sim.talk(EDGE, PHONE, 20 * SECOND);
    assert_eq!((sim.failure(EDGE), sim.failure(PHONE)), (None, None));
    assert_eq!(sim.facts(PHONE).unwrap().path, MediaPath::Direct);
}

#[test]
fn a_silent_turn_server_fails_a_forced_call_in_8_s() {
    for transport in ALL {
        let mut sim = forced(9, transport, TurnOptions::default());
        sim.net.cut(IpAddr::from([203, 0, 113, 1]), true);
        sim.net.record = true;
        let begun = sim.now;
        assert_eq!(sim.call(EDGE, PHONE, 8 * SECOND), None);
        let failed = sim.engines[PHONE.0].events.iter().find(|(_, event)| matches!(event, MediaEvent::Failed { .. }));
        assert!(failed.unwrap().0 - begun < 8 * SECOND);
        let silent = MediaError::TurnSilent { server: "turn0:3478".to_owned(), transport };
        assert_eq!(sim.failure(PHONE), Some(&silent));
        let server: SocketAddr = "203.0.113.1:3478".parse().unwrap();
        assert!(sim.net.sent.iter().all(|(_, _, to, _)| *to == server));
        assert_eq!(sim.net.open_sockets(), 0);
    }
}

#[test]
fn a_wrong_password_is_told_with_the_servers_code() {
    let mut sim = forced(10, TurnTransport::Udp, TurnOptions::default());
    if let Some(IceServer::Turn { password, .. }) = sim.config.servers.first_mut() {
        *password = "wrong".into();
    }
    let begun = sim.now;
    assert_eq!(sim.call(EDGE, PHONE, 8 * SECOND), None);
    assert!(matches!(sim.failure(EDGE), Some(MediaError::TurnRefused { code: 401, .. })), "{:?}", sim.failure(EDGE));
    let failed = sim.engines[EDGE.0].events.iter().find(|(_, event)| matches!(event, MediaEvent::Failed { .. }));
    assert!(failed.unwrap().0 - begun < SECOND);
}

#[test]
fn without_a_direct_path_the_relay_is_used_and_said_to_be_needed() {
    let mut sim = Sim::new(11, 2);
    sim.net.wall(Sim::address(EDGE), Sim::address(PHONE));
    let server = sim.net.add_turn(TurnOptions::default());
    sim.config.servers = vec![SimTurn::as_ice_server(server, TurnTransport::Udp)];
    sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    sim.talk(EDGE, PHONE, 5 * SECOND);
    sim.run(SECOND);
    assert_all_heard(&sim, 5, "relay needed");
    let paths = [EDGE, PHONE].map(|node| sim.facts(node).unwrap().path);
    assert!(paths.contains(&MediaPath::RelayNeeded), "{paths:?}");
}

/// Found in a test run on a busy machine: the relay had answered first and the call was held over it.
#[test]
fn a_relay_that_answers_first_is_not_taken_where_a_direct_path_is_a_moment_later() {
    for seed in 0..100 {
        let mut sim = Sim::new(200 + seed, 2);
        sim.net.weather = Weather { delay: Duration::from_millis(1), jitter: Duration::from_millis(2), loss: 0.0 };
        sim.signalling = Duration::from_millis(seed % 10);
        let server = sim.net.add_turn(TurnOptions::default());
        sim.config.servers = vec![SimTurn::as_ice_server(server, TurnTransport::Udp)];
        let config = sim.config.clone();
        for node in [EDGE, PHONE] {
            sim.with(node, |engine, now| engine.prepare(now, &config));
        }
        sim.run(2 * SECOND);
        sim.net.weather.loss = 0.08;
        assert!(sim.call(EDGE, PHONE, 10 * SECOND).is_some(), "seed {seed}");
        let paths = [EDGE, PHONE].map(|node| sim.facts(node).unwrap().path);
        assert_eq!(paths, [MediaPath::Direct; 2], "seed {seed}");
    }
}

#[test]
fn of_two_servers_the_one_that_answers_first_is_used() {
    let mut sim = Sim::new(12, 2);
    let dead = sim.net.add_turn(TurnOptions::default());
    let alive = sim.net.add_turn(TurnOptions::default());
    sim.net.cut(IpAddr::from([203, 0, 113, 1 + dead as u8]), true);
    sim.config.relay = RelayPolicy::ForceRelay;
    sim.config.servers = [dead, alive]
        .into_iter()
        .flat_map(|server| ALL.map(|transport| SimTurn::as_ice_server(server, transport)))
        .collect();
    let took = sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    assert!(took < Duration::from_millis(700), "{took:?}");
    let relay = sim.facts(PHONE).unwrap().relay.clone();
    assert_eq!(relay, Some(RelayInUse { transport: TurnTransport::Udp, server: "turn1:3478".to_owned() }));
    assert_eq!(sim.net.allocations(), 2, "the others were given back");
}

/// Regions at these round trips in ms, each with one server over UDP, for a phone that may use relays only.
fn regions(seed: u64, round_trips_ms: &[u64]) -> Sim {
    let mut sim = Sim::new(seed, 2);
    sim.config.relay = RelayPolicy::ForceRelay;
    for ms in round_trips_ms {
        let server = sim.net.add_turn(TurnOptions::default());
        sim.config.servers.push(SimTurn::as_ice_server(server, TurnTransport::Udp));
        put_at(&mut sim, server, *ms);
    }
    sim
}

fn region_at(server: usize) -> IpAddr {
    IpAddr::from([203, 0, 113, 1 + server as u8])
}

/// The network itself takes 20 ms there and back.
fn put_at(sim: &mut Sim, server: usize, round_trip_ms: u64) {
    sim.net.move_away(region_at(server), Duration::from_millis(round_trip_ms.saturating_sub(20) / 2));
}

fn relay_of(sim: &Sim, node: NodeId) -> String {
    sim.facts(node).and_then(|facts| facts.relay.clone()).map(|relay| relay.server).unwrap_or_default()
}

#[test]
fn row_40_the_nearest_of_three_regions_is_taken_and_on_another_network_the_nearest_there() {
    let mut sim = regions(31, &[80, 20, 50]);
    sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    assert_eq!(relay_of(&sim, PHONE), "turn1:3478");
    sim.with(PHONE, |engine, now| engine.close(now, SESSION));
    sim.with(EDGE, |engine, now| engine.close(now, SESSION));
    sim.run(5 * SECOND);
    for side in &mut sim.engines {
        side.events.clear();
    }

    // The relay kept ready for the next call was measured on the old network.
    let config = sim.config.clone();
    sim.with(PHONE, |engine, now| engine.prepare(now, &config));
    sim.run(2 * SECOND);
    for (server, ms) in [(0, 30), (1, 90), (2, 60)] {
        put_at(&mut sim, server, ms);
    }
    let new: IpAddr = "10.7.7.7".parse().unwrap();
    sim.net.cut(Sim::address(PHONE), true);
    sim.net.set_home(PHONE, new);
    sim.with(PHONE, |engine, now| engine.set_local_addresses(now, &[new]));
    sim.run(5 * SECOND);
    sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    assert_eq!(relay_of(&sim, PHONE), "turn0:3478");
}

#[test]
fn row_38_and_39_in_the_listed_order_the_first_region_that_answers_is_used_though_others_are_nearer() {
    for (cut, used) in [(&[][..], "turn0:3478"), (&[0], "turn1:3478"), (&[0, 1], "turn2:3478")] {
        for prepared in [false, true] {
            let mut sim = regions(32, &[120, 60, 20]);
            sim.config.order = RelayOrder::Listed;
            let stranger = sim.net.add_turn(TurnOptions::default());
            sim.net.record = true;
            for server in cut {
                sim.net.cut(region_at(*server), true);
            }
            if prepared {
                let config = sim.config.clone();
                sim.with(PHONE, |engine, now| engine.prepare(now, &config));
                sim.run(10 * SECOND);
            }
            let took = sim.call(EDGE, PHONE, 5 * SECOND).unwrap_or_else(|| panic!("{used}: {:?}", sim.failure(PHONE)));
            assert_eq!(relay_of(&sim, PHONE), used, "prepared: {prepared}");
            assert!(took < 3 * SECOND, "{used}: {took:?}");
            assert!(sim.net.sent.iter().all(|(_, _, to, _)| to.ip() != region_at(stranger)), "{used}");
        }
    }
}

#[test]
fn where_udp_is_blocked_tcp_carries_the_call() {
    let mut sim = Sim::new(13, 2);
    let server = sim.net.add_turn(TurnOptions { udp: false, ..TurnOptions::default() });
    sim.config.relay = RelayPolicy::ForceRelay;
    sim.config.servers = ALL.map(|transport| SimTurn::as_ice_server(server, transport)).to_vec();
    sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    let relay = sim.facts(PHONE).unwrap().relay.clone();
    assert_eq!(relay.map(|relay| relay.transport), Some(TurnTransport::Tcp));
}

#[test]
fn a_relayed_call_on_a_bad_network_goes_on() {
    for seed in 20..23 {
        let mut sim = forced(seed, TurnTransport::Udp, TurnOptions::default());
        sim.net.weather = Weather { delay: Duration::from_millis(30), jitter: Duration::from_millis(40), loss: 0.03 };
        sim.call(EDGE, PHONE, 10 * SECOND).unwrap_or_else(|| panic!("seed {seed}: {:?}", sim.failure(PHONE)));
        sim.talk(EDGE, PHONE, Duration::from_mins(2));
        assert_eq!((sim.failure(EDGE), sim.failure(PHONE)), (None, None), "seed {seed}");
        assert!(sim.engines[PHONE.0].audio.len() > 4_000, "seed {seed}");
    }
}

#[test]
fn a_phone_that_changes_its_network_keeps_a_direct_call_without_a_restart() {
    let mut sim = Sim::new(14, 2);
    sim.call(EDGE, PHONE, 5 * SECOND).unwrap();
    sim.talk(EDGE, PHONE, 5 * SECOND);
    let moved = sim.now;
    let new: IpAddr = "10.7.7.7".parse().unwrap();
    sim.net.cut(Sim::address(PHONE), true);
    sim.with(PHONE, |engine, now| engine.set_local_addresses(now, &[new]));
    sim.talk(EDGE, PHONE, 60 * SECOND);
    for node in [EDGE, PHONE] {
        let gap = sim.longest_gap(node, moved, sim.now);
        assert!(gap < Duration::from_millis(600), "{gap:?}");
        assert_eq!(sim.failure(node), None);
        assert_eq!(sim.count(node, |event| matches!(event, MediaEvent::Interrupted { .. })), 0);
    }
}

#[test]
fn two_phones_behind_routers_meet_through_what_a_stun_server_saw() {
    for named in ["203.0.113.1", "turn0"] {
        let mut sim = Sim::new(15, 2);
        sim.net.add_turn(TurnOptions::default());
        sim.config.servers = vec![IceServer::Stun { host: named.to_owned(), port: 3_478 }];
        for node in [EDGE, PHONE] {
            let public = IpAddr::from([198, 51, 100, node.0 as u8 + 1]);
            sim.net.put_behind_nat(Sim::address(node), public);
        }
        sim.call(EDGE, PHONE, 5 * SECOND).unwrap_or_else(|| panic!("{named}: {:?}", sim.failure(PHONE)));
        sim.talk(EDGE, PHONE, 5 * SECOND);
        sim.run(SECOND);
        assert_all_heard(&sim, 5, named);
        assert_eq!(sim.facts(PHONE).unwrap().path, MediaPath::Direct);
        assert_eq!(sim.facts(PHONE).unwrap().dscp.effective, Some(46));
        let ends = sim.count(PHONE, |event| matches!(event, MediaEvent::EndOfCandidates { .. }));
        assert_eq!(ends, 1);
    }
}
