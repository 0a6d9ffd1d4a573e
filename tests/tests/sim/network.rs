//! Bad networks: loss, jitter, cuts, moves, NATs.

use std::net::IpAddr;
use std::time::Duration;

use phone_core::event::{EndReason, Event};
use phone_core::media::MediaPath;
use phone_core::snapshot::CallState;
use phone_tests::net::{Nat, Path};
use phone_tests::signal;
use phone_tests::world::{EXCHANGE, Recipe, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_bad_wifi_is_heard_through_with_any_luck() {
    for seed in 1..=6 {
        let mut world = World::with_ana(Recipe { seed, path: Path::BAD_WIFI, ..Recipe::default() });
        let call = world.call(0, "echo");
        world.advance(2 * SECOND);
        let heard = world.hear(0, 10 * SECOND);
        let share = signal::tone_present(&heard, 440.0);
        assert!(share > 0.65, "seed {seed}: the tone is heard only {share} of the time");
        let report = world.hang_up(0, call);
        assert!(report.packets.lost > 0 && report.packets.received > 400, "seed {seed}: {report:#?}");
        assert!(report.audio.concealed_ms.is_some_and(|ms| ms > 0.0), "seed {seed}: {report:#?}");
        assert!(report.network.jitter_ms.is_some_and(|ms| ms > 1.0), "seed {seed}: {report:#?}");
        assert_eq!(report.end_reason, EndReason::Hangup);
    }
}

#[test]
fn the_same_seed_makes_the_same_call() {
    let run = || {
        let mut world = World::with_ana(Recipe { seed: 9, path: Path::BAD_WIFI, ..Recipe::default() });
        let call = world.call(0, "echo");
        world.advance(5 * SECOND);
        let report = world.hang_up(0, call);
        (report.packets, world.when(0, |event| matches!(event, Event::Media { .. })))
    };
    assert_eq!(run(), run());
}

#[test]
fn losing_the_signalling_link_keeps_the_call_talking() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.inject(phone_exchange::Fault::DropSockets);
    world.wait(0, "unregistered", |event| matches!(event, Event::Unregistered));
    world.assert_hears(0, 440.0);
    world.wait(0, "registered again", |event| matches!(event, Event::Registered { again: true }));
    assert!(matches!(world.state(0, call), Some(CallState::Connected)), "{}", world.story(0));
    world.assert_hears(0, 440.0);
    let report = world.hang_up(0, call);
    assert_eq!(report.end_reason, EndReason::Hangup);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn a_short_media_outage_is_shown_and_recovers() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    let host = world.host(0);
    world.net.block_udp(host, true);
    let shown = world.run_until(10 * SECOND, |w| matches!(w.state(0, call), Some(CallState::Recovering { .. })));
    assert!(shown, "the outage is not shown: {}", world.story(0));
    world.net.block_udp(host, false);
    let back = world.run_until(10 * SECOND, |w| matches!(w.state(0, call), Some(CallState::Connected)));
    assert!(back, "{}", world.story(0));
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
}

#[test]
fn media_that_is_lost_for_good_ends_the_call_and_the_phone_is_ready_again() {
    let mut world = World::with_ana(Recipe { turn: None, ..Recipe::default() });
    let call = world.call(0, "echo");
    world.advance(2 * SECOND);
    let host = world.host(0);
    world.net.block_udp(host, true);
    let report = world.ended(0, call);
    assert_eq!(report.end_reason, EndReason::MediaFailed, "{report:#?}");
    world.net.block_udp(host, false);
    world.advance(Duration::from_mins(1));
    assert!(world.is_ready(0), "{}", world.story(0));
    assert!(!world.devices(0).microphone_open());
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
}

#[test]
fn everything_cut_for_ten_seconds_heals_by_itself() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.advance(2 * SECOND);
    world.cut(EXCHANGE, true);
    world.advance(10 * SECOND);
    world.cut(EXCHANGE, false);
    world.advance(20 * SECOND);
    assert!(world.is_ready(0), "{}", world.story(0));
    assert!(matches!(world.state(0, call), Some(CallState::Connected)), "{}", world.story(0));
    world.assert_hears(0, 440.0);
    assert_eq!(world.hang_up(0, call).end_reason, EndReason::Hangup);
}

#[test]
fn an_exchange_gone_for_five_minutes_is_found_again() {
    let mut world = World::with_ana(Recipe::default());
    world.cut(EXCHANGE, true);
    world.wait(0, "unregistered", |event| matches!(event, Event::Unregistered));
    world.advance(Duration::from_mins(5));
    assert!(!world.is_ready(0));
    world.cut(EXCHANGE, false);
    assert!(world.run_until(Duration::from_mins(2), |world| world.is_ready(0)), "{}", world.story(0));
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
}

#[test]
fn a_phone_that_moves_to_another_network_keeps_its_call() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    let old = world.host(0);
    let new: IpAddr = "10.77.0.5".parse().unwrap();
    world.cut(old, true);
    world.move_phone(0, new);
    let back = world.run_until(Duration::from_secs(40), |world| {
        matches!(world.state(0, call), Some(CallState::Connected)) && world.is_ready(0)
    });
    assert!(back, "{}", world.story(0));
    world.advance(5 * SECOND);
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
}

#[test]
fn a_phone_behind_a_nat_of_any_kind_is_heard_without_a_relay() {
    for nat in [Nat::FullCone, Nat::PortRestricted, Nat::Symmetric] {
        // With a relay on offer the far end may nominate it: the offering side decides.
        let mut world = World::new(Recipe { turn: None, ..Recipe::default() });
        let who = world.add_phone(phone_tests::world::Voice::Tone(440.0));
        let host = world.host(who);
        world.net.behind_nat(host, "198.51.100.7".parse().unwrap(), nat);
        world.command(
            who,
            phone_core::SignIn::Practice { origin: phone_tests::world::origin().to_owned(), user: "ana".into() },
        );
        world.wait(who, "registered", |event| matches!(event, Event::Registered { .. }));
        let call = world.call(who, "echo");
        world.assert_hears(who, 440.0);
        let report = world.hang_up(who, call);
        assert_eq!(report.path, Some(MediaPath::Direct), "{nat:?}: {report:#?}");
    }
}
