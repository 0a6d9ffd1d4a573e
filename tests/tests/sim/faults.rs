//! An exchange that refuses, stalls, lies and restarts.

use std::time::Duration;

use phone_audio::sound::Role;
use phone_core::event::{EndReason, Event};
use phone_core::media::Codec;
use phone_core::snapshot::{CallState, Standing};
use phone_core::{Command, SignIn};
use phone_exchange::Fault;
use phone_tests::world::{Recipe, Voice, World, origin};

const SECOND: Duration = Duration::from_secs(1);

fn practice(user: &str) -> SignIn {
    SignIn::Practice { origin: origin().to_owned(), user: user.into() }
}

#[track_caller]
fn assert_works(world: &mut World, who: usize) {
    assert!(world.run_until(Duration::from_mins(3), |world| world.is_ready(who)), "{}", world.story(who));
    let call = world.call(who, "echo");
    world.assert_hears(who, 440.0);
    world.hang_up(who, call);
}

#[test]
fn a_stalled_exchange_is_noticed_left_and_found_again() {
    let mut world = World::with_ana(Recipe::default());
    world.inject(Fault::Stall(true));
    let noticed = world.run_until(Duration::from_mins(2), |world| !world.is_ready(0));
    assert!(noticed, "nobody noticed: {}", world.story(0));
    world.inject(Fault::Stall(false));
    assert_works(&mut world, 0);
}

#[test]
fn expired_tokens_are_renewed_or_the_user_is_asked() {
    let mut world = World::with_ana(Recipe::default());
    world.inject(Fault::ExpireTokens);
    world.inject(Fault::DropSockets);
    world.advance(Duration::from_mins(3));
    let standing = world.snapshot(0).standing;
    assert!(matches!(standing, Standing::Ready | Standing::Problem { .. }), "{}", world.story(0));
    if standing != Standing::Ready {
        world.command(0, practice("ana"));
    }
    assert_works(&mut world, 0);
}

#[test]
fn a_refused_login_is_not_repeated_for_ever_and_can_be_tried_again() {
    let mut world = World::new(Recipe::default());
    let who = world.add_phone(Voice::Tone(440.0));
    world.inject(Fault::RefuseLogin(true));
    world.command(who, practice("ana"));
    let notice = world.problem(who);
    assert!(notice.remedy.len() > 10, "{notice:?}");
    world.inject(Fault::RefuseLogin(false));
    world.command(who, practice("ana"));
    assert_works(&mut world, who);
}

#[test]
fn rest_that_answers_500_is_told_and_heals() {
    let mut world = World::with_ana(Recipe::default());
    world.inject(Fault::RestStatus(Some(500)));
    world.command(0, Command::Dial { to: "echo".into() });
    let notice = world.problem(0);
    assert!(notice.text.len() > 15 && notice.remedy.len() > 10, "{notice:?}");
    world.inject(Fault::RestStatus(None));
    assert_works(&mut world, 0);
}

#[test]
fn rest_that_asks_for_patience_is_not_hammered() {
    let mut world = World::with_ana(Recipe::default());
    world.inject(Fault::RestStatus(Some(429)));
    world.command(0, Command::Dial { to: "echo".into() });
    world.advance(Duration::from_mins(1));
    world.inject(Fault::RestStatus(None));
    world.advance(Duration::from_mins(1));
    let calls: Vec<_> = world.snapshot(0).calls.iter().map(|call| call.id).collect();
    for call in calls {
        world.command(0, Command::HangUp(call));
    }
    world.advance(10 * SECOND);
    assert_works(&mut world, 0);
}

#[test]
fn garbage_from_the_exchange_does_no_harm() {
    let mut world = World::with_ana(Recipe::default());
    let deep = "<a>".repeat(3_000);
    for text in ["", "<", "<message", "</stream:stream>", "<message><event", "\u{0}", "{", "<a b='", &deep] {
        world.inject(Fault::SendGarbage(text.to_owned()));
        world.advance(SECOND);
    }
    assert_works(&mut world, 0);
}

#[test]
fn garbage_in_a_call_keeps_the_call() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.inject(Fault::SendGarbage("<message><<<".to_owned()));
    world.advance(20 * SECOND);
    assert!(matches!(world.state(0, call), Some(CallState::Connected)), "{}", world.story(0));
    world.assert_hears(0, 440.0);
    world.hang_up(0, call);
}

#[test]
fn a_peer_without_opus_is_heard_through_each_codec_of_the_telephone() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        let mut world = World::with_ana(Recipe::default());
        world.inject(Fault::OfferOnly(vec![codec, Codec::ComfortNoise]));
        let call = world.call(0, "echo");
        world.advance(3 * SECOND);
        assert!(world.story(0).contains(&format!("codec: {codec:?}")), "{codec}: {}", world.story(0));
        world.assert_hears(0, 440.0);
        world.hang_up(0, call);
        let call = world.call(0, "music");
        world.advance(SECOND);
        assert!(world.loudest(0, 2 * SECOND) > -40.0, "the exchange plays its music in {codec}");
        world.hang_up(0, call);
    }
}

#[test]
fn a_codec_nobody_has_ends_the_call_with_a_sentence() {
    let mut world = World::with_ana(Recipe::default());
    world.inject(Fault::OfferUnknownCodec(true));
    world.command(0, Command::Dial { to: "echo".into() });
    let notice = world.problem(0);
    assert!(notice.text.contains("codec") && notice.remedy.len() > 10, "{notice:?}");
    let ended = world.wait(0, "ended", |event| matches!(event, Event::Ended { .. }));
    assert!(matches!(ended, Event::Ended { report, .. } if report.end_reason == EndReason::MediaFailed));
    world.inject(Fault::OfferUnknownCodec(false));
    assert_works(&mut world, 0);
}

#[test]
fn lost_channels_are_replaced_and_calls_still_come_in() {
    let mut world = World::with_ana(Recipe::default());
    world.inject(Fault::LoseChannels);
    world.advance(30 * SECOND);
    assert!(world.run_until(Duration::from_mins(2), |world| world.is_ready(0)), "{}", world.story(0));
    let ben = world.sign_in("ben", Voice::Silence);
    world.command(ben, Command::Dial { to: "ana".into() });
    world.wait(0, "alerting", |event| matches!(event, Event::Alerting { .. }));
}

#[test]
fn a_move_to_another_server_keeps_the_call() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.inject(Fault::AskReconnect);
    world.advance(20 * SECOND);
    assert!(world.is_ready(0), "{}", world.story(0));
    world.assert_hears(0, 440.0);
    assert_eq!(world.hang_up(0, call).end_reason, EndReason::Hangup);
}

#[test]
fn a_new_offer_in_a_call_swaps_the_session_without_ending_the_call() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.inject(Fault::Reinvite);
    world.advance(5 * SECOND);
    assert!(matches!(world.state(0, call), Some(CallState::Connected)), "{}", world.story(0));
    world.assert_hears(0, 440.0);
    assert_eq!(world.hang_up(0, call).end_reason, EndReason::Hangup);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn a_call_without_a_microphone_hears_and_tells() {
    let mut world = World::with_ana(Recipe::default());
    world.devices(0).break_device(Role::Microphone);
    world.call(0, "music");
    assert!(world.loudest(0, 3 * SECOND) > -50.0, "no music: {}", world.story(0));
    assert!(world.snapshot(0).sound.microphone.problem.is_some(), "{}", world.story(0));
}

#[test]
fn without_any_device_calls_still_work_and_say_so() {
    let mut world = World::with_ana(Recipe::default());
    for role in [Role::Microphone, Role::Speaker, Role::Ringer] {
        world.devices(0).break_device(role);
    }
    let call = world.call(0, "echo");
    world.advance(3 * SECOND);
    let report = world.hang_up(0, call);
    assert_eq!(report.end_reason, EndReason::Hangup);
    assert!(world.snapshot(0).sound.speaker.problem.is_some(), "{}", world.story(0));
}

#[test]
fn a_number_nobody_has_ends_with_a_reason() {
    let mut world = World::with_ana(Recipe::default());
    world.command(0, Command::Dial { to: "nobody-at-all".into() });
    let fits = |event: &Event| matches!(event, Event::Ended { .. } | Event::Problem(_));
    world.wait(0, "an end", fits);
    assert_works(&mut world, 0);
}
