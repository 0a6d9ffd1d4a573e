//! The persistent connection: one set-up, many calls, and never an open microphone between them.

use std::time::Duration;

use phone_core::Command;
use phone_core::event::Event;
use phone_core::snapshot::PersistentView;
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
