//! What goes wrong outside: the user is told cause and remedy, the state is right, and it heals by itself.

use std::time::{Duration, Instant};

use phone_audio::sound::Choice;
use phone_core::Command;
use phone_core::event::{EndReason, Event};
use phone_core::snapshot::{CallState, Standing};
use phone_exchange::{ExchangeOptions, Fault};
use phone_tests::phone::{PATIENCE, Setup, TestPhone, assert_good, assert_helpful};
use phone_tests::process::dead_port;

const SECOND: Duration = Duration::from_secs(1);

fn exchange() -> phone_exchange::RunningExchange {
    phone_exchange::start(ExchangeOptions::default()).unwrap()
}

#[test]
fn an_exchange_that_cannot_be_reached_is_named_and_tried_again() {
    let mut phone = TestPhone::start(Setup::default());
    let origin = format!("http://127.0.0.1:{}", dead_port());
    phone.sign_in(&origin, "ana");
    let notice = phone.problem(PATIENCE);
    assert_helpful(&notice);
    assert!(!phone.is_ready());
    assert!(
        matches!(
            phone.snapshot().standing,
            Standing::Problem { .. } | Standing::Reconnecting { .. } | Standing::SigningIn { .. }
        ),
        "{}",
        phone.story()
    );
}

#[test]
fn a_refused_login_is_told_and_the_next_sign_in_works() {
    let exchange = exchange();
    exchange.inject(Fault::RefuseLogin(true));
    let mut phone = TestPhone::start(Setup::default());
    phone.sign_in(exchange.origin(), "ana");
    let notice = phone.problem(PATIENCE);
    assert_helpful(&notice);
    assert!(!phone.is_ready());
    exchange.inject(Fault::RefuseLogin(false));
    phone.sign_in(exchange.origin(), "ana");
    phone.wait_snapshot("ready", |snapshot| snapshot.standing == Standing::Ready);
}

#[test]
fn a_user_nobody_knows_is_refused_with_a_sentence() {
    let exchange = exchange();
    let mut phone = TestPhone::start(Setup::default());
    phone.sign_in(exchange.origin(), "nobody");
    assert_helpful(&phone.problem(PATIENCE));
    assert!(!phone.is_ready());
}

#[test]
fn a_call_survives_a_cut_of_signalling_and_can_be_ended_afterwards() {
    let exchange = exchange();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let call = phone.call("echo");
    exchange.inject(Fault::DropSockets);
    phone.wait("unregistered", |event| matches!(event, Event::Unregistered));
    assert!(matches!(phone.state(call), Some(CallState::Connected)), "{}", phone.story());
    phone.wait("registered", |event| matches!(event, Event::Registered { again: true }));
    phone.listen(SECOND);
    assert!(matches!(phone.state(call), Some(CallState::Connected)), "{}", phone.story());
    let report = phone.hang_up(call);
    assert_good(&report);
    assert_eq!(report.end_reason, EndReason::Hangup);
}

#[test]
fn garbage_on_the_web_socket_does_no_harm() {
    let exchange = exchange();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let deep = "<a>".repeat(5_000);
    let long = "x".repeat(200_000);
    for text in [
        "",
        "<",
        "<message",
        "</stream:stream>",
        "{\"a\":",
        "\u{0}\u{1}",
        "<!DOCTYPE a [<!ENTITY b \"c\">]>",
        &deep,
        &long,
    ] {
        exchange.inject(Fault::SendGarbage(text.to_owned()));
        phone.listen(Duration::from_millis(50));
    }
    phone.wait_snapshot("ready again", |snapshot| snapshot.standing == Standing::Ready);
    let call = phone.call("echo");
    phone.listen(SECOND);
    assert_good(&phone.hang_up(call));
}

#[test]
fn a_peer_without_a_common_codec_ends_the_call_with_a_sentence() {
    let exchange = exchange();
    exchange.inject(Fault::OfferUnknownCodec(true));
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    phone.send(Command::Dial { to: "echo".into() });
    let notice = phone.problem(PATIENCE);
    assert_helpful(&notice);
    let ended = phone.wait("ended", |event| matches!(event, Event::Ended { .. }));
    assert!(matches!(ended, Event::Ended { report, .. } if report.packets.sent == 0));
    exchange.inject(Fault::OfferUnknownCodec(false));
    let call = phone.call("echo");
    assert_eq!(phone.hang_up(call).end_reason, EndReason::Hangup);
}

#[test]
fn a_service_that_answers_500_is_told_and_recovers() {
    let exchange = exchange();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    exchange.inject(Fault::RestStatus(Some(500)));
    phone.send(Command::Dial { to: "echo".into() });
    assert_helpful(&phone.problem(PATIENCE));
    exchange.inject(Fault::RestStatus(None));
    phone.wait_snapshot("ready", |snapshot| snapshot.standing == Standing::Ready);
    let call = phone.call("echo");
    phone.hang_up(call);
}

#[test]
fn a_number_nobody_has_ends_as_not_found() {
    let exchange = exchange();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    phone.send(Command::Dial { to: "no-such-user".into() });
    let fits = |event: &Event| matches!(event, Event::Ended { .. } | Event::Problem(_));
    match phone.wait("an end", fits) {
        Event::Problem(notice) => assert_helpful(&notice),
        Event::Ended { report, .. } => assert_eq!(report.end_reason, EndReason::NotFound),
        _ => unreachable!("only these fit"),
    }
    assert!(phone.is_ready());
}

#[test]
fn a_microphone_file_that_is_missing_is_told_and_the_call_still_hears() {
    let exchange = exchange();
    let setup = Setup { microphone: Choice::WavFile("/nowhere/at/all.wav".into()), ..Setup::default() };
    let mut phone = TestPhone::signed_in(&exchange, "ana", setup);
    phone.send(Command::Dial { to: "music".into() });
    phone.wait("media", |event| matches!(event, Event::Media { .. }));
    let snapshot = phone.wait_snapshot("the problem is shown", |s| s.sound.microphone.problem.is_some());
    let call = snapshot.calls.first().unwrap().id;
    phone.listen(2 * SECOND);
    phone.hang_up(call);
    let heard = phone.finish();
    assert!(phone_tests::signal::level_dbfs(&heard) > -60.0, "no music was heard");
}

#[test]
fn lost_media_packets_are_concealed_and_counted() {
    let exchange = exchange();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let call = phone.call("echo");
    exchange.inject(Fault::LoseMedia(0.1));
    phone.listen(4 * SECOND);
    exchange.inject(Fault::LoseMedia(0.0));
    phone.listen(SECOND);
    let report = phone.hang_up(call);
    assert!(report.packets.lost > 3, "{report:#?}");
    assert!(report.audio.concealed_ms.is_some_and(|ms| ms > 20.0), "{report:#?}");
    assert!(report.mos.listening.is_some_and(|mos| mos < 4.3), "{report:#?}");
}

#[test]
fn leaving_in_the_middle_of_a_call_is_quick_and_clean() {
    let exchange = exchange();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    phone.call("echo");
    let start = Instant::now();
    phone.finish();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // A forgotten session would block the next call.
    let mut again = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let call = again.call("echo");
    assert_good_or_short(&again.hang_up(call));
}

fn assert_good_or_short(report: &phone_core::event::CallReport) {
    assert_eq!(report.end_reason, EndReason::Hangup, "{report:#?}");
}
