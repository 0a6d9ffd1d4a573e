//! Handing a call on, at once and after asking, with the sound that each party hears; and classifying it.

use std::time::Duration;

use phone_core::Command;
use phone_core::command::SpeakWith;
use phone_core::event::{EndReason, Event};
use phone_core::ids::CallId;
use phone_core::snapshot::CallState;
use phone_exchange::ExchangeOptions;
use phone_tests::signal;
use phone_tests::world::{Recipe, Voice, Who, World};

const SECOND: Duration = Duration::from_secs(1);
const ANA: Who = 0;
const BEN: Who = 1;
const CARLA: Who = 2;
const BEN_HZ: f64 = 600.0;
const CARLA_HZ: f64 = 800.0;

/// Ana speaks with Ben; Carla is there.
fn talking() -> (World, CallId, CallId) {
    let mut world = World::with_ana(Recipe::default());
    world.sign_in("ben", Voice::Tone(BEN_HZ));
    world.sign_in("carla", Voice::Tone(CARLA_HZ));
    world.command(ANA, Command::Dial { to: "ben".into() });
    let bens = takes(&mut world, BEN);
    let Event::Dialling { call } = world.wait(ANA, "dialling", |e| matches!(e, Event::Dialling { .. })) else {
        unreachable!("only this event fits")
    };
    world.assert_hears(ANA, BEN_HZ);
    (world, call, bens)
}

/// It rings, and the call is taken.
#[track_caller]
fn takes(world: &mut World, who: Who) -> CallId {
    let call = rings(world, who);
    world.command(who, Command::Answer(call));
    world.wait(who, "media", |event| matches!(event, Event::Media { .. }));
    call
}

#[track_caller]
fn rings(world: &mut World, who: Who) -> CallId {
    match world.wait(who, "alerting", |event| matches!(event, Event::Alerting { .. })) {
        Event::Alerting { call } => call,
        _ => unreachable!("only this event fits"),
    }
}

#[track_caller]
fn asked_target_answered(world: &mut World, call: CallId) {
    let answered = |world: &World| world.view(ANA, call).and_then(|view| view.consult).is_some_and(|c| c.answered);
    assert!(world.run_until(10 * SECOND, answered), "{}", world.story(ANA));
}

#[test]
fn a_blind_transfer_leaves_the_other_two_in_the_call_and_they_hear_each_other() {
    let (mut world, call, bens) = talking();
    world.command(ANA, Command::Transfer { call, to: "carla".into() });
    let carlas = takes(&mut world, CARLA);
    assert_eq!(world.ended(ANA, call).end_reason, EndReason::Transferred);
    world.assert_hears(BEN, CARLA_HZ);
    world.assert_hears(CARLA, BEN_HZ);
    world.advance(SECOND);
    assert!(!world.devices(ANA).microphone_open(), "{}", world.story(ANA));
    world.hang_up(CARLA, carlas);
    world.ended(BEN, bens);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn a_consultation_swaps_between_the_two_and_hands_over_when_ana_leaves() {
    let (mut world, call, bens) = talking();
    world.command(ANA, Command::Consult { call, to: "carla".into() });
    let carlas = takes(&mut world, CARLA);
    asked_target_answered(&mut world, call);
    world.assert_hears(ANA, CARLA_HZ);
    world.assert_hears(CARLA, 440.0);

    world.command(ANA, Command::Speak { call, with: SpeakWith::Waiting });
    world.assert_hears(ANA, BEN_HZ);
    world.assert_hears(BEN, 440.0);

    world.command(ANA, Command::CompleteTransfer(call));
    assert_eq!(world.ended(ANA, call).end_reason, EndReason::Transferred);
    world.assert_hears(BEN, CARLA_HZ);
    world.assert_hears(CARLA, BEN_HZ);
    world.hang_up(BEN, bens);
    world.ended(CARLA, carlas);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn in_a_conference_each_hears_both_others_and_who_leaves_is_not_heard_any_more() {
    let (mut world, call, bens) = talking();
    world.command(ANA, Command::Consult { call, to: "carla".into() });
    let carlas = takes(&mut world, CARLA);
    asked_target_answered(&mut world, call);
    world.command(ANA, Command::Speak { call, with: SpeakWith::All });
    let together =
        |world: &World| world.view(ANA, call).and_then(|view| view.consult).is_some_and(|c| c.with == SpeakWith::All);
    assert!(world.run_until(5 * SECOND, together), "{}", world.story(ANA));
    world.advance(2 * SECOND);
    let shares = |world: &mut World, who: Who| {
        let heard = world.hear(who, 2 * SECOND);
        [440.0, BEN_HZ, CARLA_HZ].map(|hz| signal::tone_dbfs(&heard, hz))
    };
    for (who, own) in [(ANA, 0), (BEN, 1), (CARLA, 2)] {
        let heard = shares(&mut world, who);
        for (tone, level) in heard.into_iter().enumerate() {
            let fits = if tone == own { level < -45.0 } else { (-30.0..-6.0).contains(&level) };
            assert!(fits, "phone {who}, tone {tone}: {heard:?}\n{}", world.story(who));
        }
    }
    world.command(BEN, Command::Mute { muted: true });
    world.advance(2 * SECOND);
    let heard = shares(&mut world, CARLA);
    assert!(heard[0] > -30.0 && heard[1] < -45.0, "{heard:?}");
    world.command(BEN, Command::Mute { muted: false });

    // Back to one side, and together again; then Ana leaves the two alone.
    world.command(ANA, Command::Speak { call, with: SpeakWith::Waiting });
    world.assert_hears(ANA, BEN_HZ);
    world.command(ANA, Command::Speak { call, with: SpeakWith::All });
    world.advance(2 * SECOND);
    world.command(ANA, Command::CompleteTransfer(call));
    assert_eq!(world.ended(ANA, call).end_reason, EndReason::Transferred);
    world.assert_hears(BEN, CARLA_HZ);
    world.assert_hears(CARLA, BEN_HZ);
    world.hang_up(BEN, bens);
    world.ended(CARLA, carlas);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn a_target_that_declines_gives_the_call_back() {
    let (mut world, call, _) = talking();
    world.command(ANA, Command::Consult { call, to: "carla".into() });
    let carlas = rings(&mut world, CARLA);
    world.command(CARLA, Command::Decline(carlas));
    world.ended(CARLA, carlas);
    assert!(world.run_until(5 * SECOND, |world| world.view(ANA, call).is_some_and(|view| view.consult.is_none())));
    assert!(matches!(world.state(ANA, call), Some(CallState::Connected)), "{}", world.story(ANA));
    world.assert_hears(ANA, BEN_HZ);
    world.assert_hears(BEN, 440.0);
}

#[test]
fn a_consultation_is_taken_back_and_the_target_is_let_go() {
    let (mut world, call, _) = talking();
    world.command(ANA, Command::Consult { call, to: "carla".into() });
    let carlas = takes(&mut world, CARLA);
    asked_target_answered(&mut world, call);
    world.command(ANA, Command::CancelTransfer(call));
    world.ended(CARLA, carlas);
    world.assert_hears(ANA, BEN_HZ);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn an_unknown_target_is_refused_and_the_call_goes_on() {
    let (mut world, call, _) = talking();
    world.command(ANA, Command::Transfer { call, to: "nobody at all".into() });
    world.advance(2 * SECOND);
    assert!(matches!(world.state(ANA, call), Some(CallState::Connected)), "{}", world.story(ANA));
    world.assert_hears(ANA, BEN_HZ);
}

#[test]
fn a_call_from_a_queue_is_classified_with_one_of_its_codes() {
    let exchange = ExchangeOptions { wrap_up: true, ..ExchangeOptions::default() };
    let mut world = World::with_ana(Recipe { exchange, ..Recipe::default() });
    world.command(ANA, Command::CallMe);
    let call = takes(&mut world, ANA);
    world.advance(2 * SECOND);
    world.hang_up(ANA, call);
    let codes = |world: &World| world.snapshot(ANA).wrap_ups.first().map(|due| due.codes.clone()).unwrap_or_default();
    assert!(world.run_until(5 * SECOND, |world| codes(world).len() == 3), "{}", world.story(ANA));
    let code = codes(&world).into_iter().find(|(_, name)| name == "Resolved").unwrap().0;
    world.command(ANA, Command::WrapUp { call, code, notes: "paid".to_owned().into() });
    assert!(world.run_until(5 * SECOND, |world| world.snapshot(ANA).wrap_ups.is_empty()), "{}", world.story(ANA));
    assert_eq!(world.violations(), Vec::<String>::new());
}
