//! The persistent connection: one set-up, many calls, and never an open microphone between them.

use std::time::Duration;

use phone_core::Command;
use phone_core::event::Event;
use phone_core::snapshot::{CallState, PersistentView};
use phone_exchange::ExchangeOptions;
use phone_tests::world::{Recipe, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn ten_calls_share_one_set_up() {
    let mut world = World::with_ana(Recipe::default());
    for index in 0..10 {
        let call = world.call(0, "echo");
        world.assert_hears(0, 440.0);
        let report = world.hang_up(0, call);
        assert_eq!(report.warm, index > 0, "call {index}: {report:#?}");
        assert_eq!(report.setup_ms.dtls.is_some(), index == 0, "call {index}: {report:#?}");
        world.advance(20 * SECOND);
        assert!(!world.devices(0).microphone_open(), "after call {index}");
        assert!(matches!(world.snapshot(0).persistent, PersistentView::Warm { .. }), "{}", world.story(0));
    }
    assert_eq!(world.devices(0).microphone_opened(), 10);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn without_it_every_call_is_set_up_anew() {
    let exchange = ExchangeOptions { persistent: None, ..ExchangeOptions::default() };
    let mut world = World::with_ana(Recipe { exchange, ..Recipe::default() });
    for index in 0..10 {
        let call = world.call(0, "echo");
        world.advance(2 * SECOND);
        let report = world.hang_up(0, call);
        assert!(!report.warm && report.setup_ms.dtls.is_some(), "call {index}: {report:#?}");
        world.advance(2 * SECOND);
    }
    assert_eq!(world.devices(0).microphone_opened(), 10);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn it_ends_after_its_idle_time_and_the_next_call_is_cold_again() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.advance(2 * SECOND);
    world.hang_up(0, call);
    world.advance(SECOND);
    assert!(matches!(world.snapshot(0).persistent, PersistentView::Warm { .. }), "{}", world.story(0));
    world.advance(Duration::from_mins(13));
    assert!(matches!(world.snapshot(0).persistent, PersistentView::Closed), "{}", world.story(0));
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    assert!(!world.hang_up(0, call).warm);
}

#[test]
fn a_user_can_end_it_between_calls() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.advance(2 * SECOND);
    world.hang_up(0, call);
    world.advance(SECOND);
    world.command(0, Command::StopPersistentConnection);
    world.advance(2 * SECOND);
    assert!(matches!(world.snapshot(0).persistent, PersistentView::Closed), "{}", world.story(0));
    let call = world.call(0, "echo");
    assert!(!world.hang_up(0, call).warm);
}

#[test]
fn an_eager_one_is_up_before_the_first_call_and_no_microphone_was_opened() {
    let exchange = ExchangeOptions { eager: true, ..ExchangeOptions::default() };
    let mut world = World::with_ana(Recipe { exchange, ..Recipe::default() });
    world.advance(5 * SECOND);
    assert!(matches!(world.snapshot(0).persistent, PersistentView::Warm { .. }), "{}", world.story(0));
    assert_eq!(world.devices(0).microphone_opened(), 0);
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    assert!(world.hang_up(0, call).warm);
}

#[test]
fn a_warm_session_that_died_unnoticed_does_not_block_the_next_call() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.advance(2 * SECOND);
    world.hang_up(0, call);
    world.advance(SECOND);
    let host = world.host(0);
    world.net.block_udp(host, true);
    world.advance(Duration::from_mins(2));
    world.net.block_udp(host, false);
    world.advance(20 * SECOND);
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
    assert_eq!(world.events(0).filter(|event| matches!(event, Event::Unregistered)).count(), 0);
}

#[test]
fn a_warm_call_of_two_seconds_sends_all_its_packets() {
    let mut world = World::with_ana(Recipe::default());
    for index in 0..5 {
        let call = world.call(0, "echo");
        world.advance(2 * SECOND);
        let report = world.hang_up(0, call);
        // One every 20 ms, from the answer to the hang-up, and no more than a keep-alive beside them.
        assert!((99..=110).contains(&report.packets.sent), "call {index}: {report:#?}");
        assert_eq!(report.packets.lost, 0, "call {index}: {report:#?}");
        // Not a multiple of a second, so that counters of full seconds would show.
        world.advance(Duration::from_millis(3_370));
    }
}

/// Row 34: the microphone is closed while the connection is kept, and silence keeps the path open.
#[test]
fn row_34_the_microphone_is_closed_while_the_connection_is_warm_and_the_path_stays_open() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.advance(2 * SECOND);
    world.hang_up(0, call);
    let host = world.host(0);
    let sent = |world: &World| world.net.sent().iter().filter(|sent| sent.from.ip() == host).count();
    for _ in 0..30 {
        let before = sent(&world);
        world.advance(2 * SECOND);
        assert!(matches!(world.snapshot(0).persistent, PersistentView::Warm { .. }), "{}", world.story(0));
        assert!(!world.devices(0).microphone_open(), "{}", world.story(0));
        assert!(sent(&world) > before, "nothing keeps the path open");
    }
    assert_eq!(world.devices(0).microphone_opened(), 1);
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    assert!(world.hang_up(0, call).warm);
}

/// Row 33: a connection that died in an outage is known as dead and is rebuilt soon after the network is back.
#[test]
fn row_33_a_call_on_a_half_dead_connection_is_rebuilt_within_five_seconds_of_recovery() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    let host = world.host(0);
    world.net.block_udp(host, true);
    world.advance(20 * SECOND);
    let state = world.state(0, call);
    assert!(matches!(state, Some(CallState::Recovering { .. })), "the outage went unnoticed: {}", world.story(0));
    world.net.block_udp(host, false);
    let back = world.run_until(5 * SECOND, |world| matches!(world.state(0, call), Some(CallState::Connected)));
    assert!(back, "not rebuilt within 5 s: {}", world.story(0));
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
}
