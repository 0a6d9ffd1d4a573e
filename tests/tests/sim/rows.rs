//! Lines of the feature list that a whole phone shows.

use std::time::{Duration, Instant};

use phone_core::event::{EndReason, Event};
use phone_core::snapshot::{CallState, PersistentView, Standing};
use phone_core::{Command, Input, SignIn};
use phone_exchange::{ExchangeOptions, Fault};
use phone_tests::world::{Recipe, Voice, World, origin};

const SECOND: Duration = Duration::from_secs(1);

/// Datagrams that the first phone has sent.
fn datagrams(world: &World) -> usize {
    let host = world.host(0);
    world.net.sent().iter().filter(|sent| sent.from.ip() == host && !sent.stream).count()
}

fn until(world: &World) -> Instant {
    match world.snapshot(0).persistent {
        PersistentView::Warm { until: Some(until) } => until,
        other => panic!("{other:?}\n{}", world.story(0)),
    }
}

#[test]
fn row_28_without_persistence_the_transport_is_closed_a_second_after_the_hang_up() {
    let exchange = ExchangeOptions { persistent: None, ..ExchangeOptions::default() };
    let mut world = World::with_ana(Recipe { exchange, ..Recipe::default() });
    let call = world.call(0, "echo");
    world.advance(2 * SECOND);
    world.hang_up(0, call);
    world.advance(SECOND);
    assert!(matches!(world.snapshot(0).persistent, PersistentView::Off), "{}", world.story(0));
    let sent = datagrams(&world);
    world.advance(Duration::from_mins(1));
    assert_eq!(datagrams(&world), sent, "something still leaves: {}", world.story(0));
    let call = world.call(0, "echo");
    let report = world.hang_up(0, call);
    assert!(!report.warm && report.setup_ms.dtls.is_some(), "{report:#?}");
}

#[test]
fn row_29_and_138_the_countdown_starts_anew_with_each_call_and_the_next_one_is_faster() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    let cold = world.hang_up(0, call);
    world.advance(SECOND);
    let first = until(&world);
    let sent = datagrams(&world);
    world.advance(Duration::from_mins(4));
    assert_eq!(until(&world), first, "it runs down while nothing happens");
    assert!(datagrams(&world) > sent, "nothing keeps the binding of a NAT");
    let call = world.call(0, "echo");
    assert!(matches!(world.snapshot(0).persistent, PersistentView::InCall), "{}", world.story(0));
    let warm = world.hang_up(0, call);
    world.advance(SECOND);
    let second = until(&world);
    assert!(second >= first + Duration::from_mins(4), "the countdown did not start anew");
    assert!(warm.warm && warm.setup_ms.total < cold.setup_ms.total, "{cold:#?} {warm:#?}");
}

#[test]
fn row_135_under_force_turn_no_address_but_the_relays_is_signalled_or_used() {
    let exchange = ExchangeOptions { force_turn: true, ..ExchangeOptions::default() };
    let mut world = World::with_ana(Recipe { exchange, ..Recipe::default() });
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
    let (host, relay) = (world.host(0), world.turn_address());
    assert_eq!(world.sent_elsewhere(host, relay), 0);
    // The exchange notes every candidate that is no relay.
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn a_socket_dropped_in_a_call_leaves_the_sound_alone_and_control_is_back_in_two_seconds() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.inject(Fault::DropSockets);
    assert!(world.run_until(2 * SECOND, |world| world.is_ready(0)), "{}", world.story(0));
    world.assert_hears(0, 440.0);
    world.command(0, Command::Hold { call, held: true });
    let held = |world: &World| matches!(world.state(0, call), Some(CallState::Held { .. }));
    assert!(world.run_until(SECOND, held), "{}", world.story(0));
    assert_eq!(world.hang_up(0, call).end_reason, EndReason::Hangup);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn control_is_back_two_seconds_after_a_network_that_was_away_for_a_minute() {
    let mut world = World::with_ana(Recipe::default());
    let host = world.host(0);
    world.cut(host, true);
    world.advance(Duration::from_mins(1));
    assert!(!world.is_ready(0), "{}", world.story(0));
    world.cut(host, false);
    world.input(0, Input::NetworkChanged);
    assert!(world.run_until(2 * SECOND, |world| world.is_ready(0)), "{}", world.story(0));
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
}

#[test]
fn a_token_that_expires_in_a_call_leaves_the_call_and_is_renewed() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.inject(Fault::ExpireTokens);
    world.command(0, Command::Hold { call, held: true });
    let held = |world: &World| matches!(world.state(0, call), Some(CallState::Held { .. }));
    assert!(world.run_until(5 * SECOND, held), "{}", world.story(0));
    world.command(0, Command::Hold { call, held: false });
    world.advance(SECOND);
    world.assert_hears(0, 440.0);
    assert_eq!(world.hang_up(0, call).end_reason, EndReason::Hangup);
}

#[test]
fn a_token_that_cannot_be_renewed_is_asked_for_and_the_call_goes_on() {
    let mut world = World::new(Recipe::default());
    let who = world.add_phone(Voice::Tone(440.0));
    let token = world.fresh_token();
    world.command(who, SignIn::Token { environment: origin().to_owned(), token: token.into() });
    world.wait(who, "registered", |event| matches!(event, Event::Registered { .. }));
    let call = world.call(who, "echo");
    world.inject(Fault::ExpireTokens);
    world.command(who, Command::Hold { call, held: true });
    let asked = |world: &World| matches!(world.snapshot(who).standing, Standing::Problem { .. });
    let told = |world: &World| world.events(who).any(|event| matches!(event, Event::Problem(_)));
    assert!(world.run_until(10 * SECOND, |world| asked(world) || told(world)), "{}", world.story(who));
    assert!(matches!(world.state(who, call), Some(CallState::Connected)), "{}", world.story(who));
    world.assert_hears(who, 440.0);
}
