//! Calls that go well.

use std::time::Duration;

use phone_audio::sound::Choice;
use phone_core::Command;
use phone_core::event::{CallDirection, EndReason, EndedBy, Event};
use phone_core::media::MediaPath;
use phone_core::snapshot::CallState;
use phone_exchange::ExchangeOptions;
use phone_tests::phone::{Setup, TestPhone, assert_good};
use phone_tests::process::Scratch;
use phone_tests::signal;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_tone_sent_to_the_echo_is_heard_with_its_frequency_and_level() {
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let call = phone.call("echo");
    phone.listen(3 * SECOND);
    let report = phone.hang_up(call);
    assert_good(&report);
    assert_eq!((report.direction, report.path), (CallDirection::Out, Some(MediaPath::Direct)));
    assert_eq!((report.ended_by, report.end_reason), (EndedBy::Local, EndReason::Hangup));
    assert!(report.network.rtt_ms.is_some_and(|ms| ms < 100.0), "{report:#?}");
    assert!(report.mos.listening.is_some_and(|mos| mos > 3.5), "{report:#?}");
    assert!(report.dscp.is_some_and(|dscp| dscp.configured == 46), "{report:#?}");
    assert_eq!(exchange.violations(), Vec::<String>::new());

    let heard = phone.finish();
    let heard = signal::after_onset(&heard, -40.0);
    let heard = signal::between(heard, SECOND / 2, 2 * SECOND);
    signal::assert_tone("the echo", heard, 440.0, -25.0..=-15.0);
}

#[test]
fn speech_sent_to_the_echo_is_heard_as_the_same_speech() {
    let scratch = Scratch::new("speech");
    let sent = signal::speech(11, 8 * SECOND);
    signal::write_wav(&scratch.file("sent.wav"), &sent);
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let setup = Setup { microphone: Choice::WavFile(scratch.file("sent.wav")), ..Setup::default() };
    let mut phone = TestPhone::signed_in(&exchange, "ana", setup);
    let call = phone.call("echo");
    phone.listen(9 * SECOND);
    let report = phone.hang_up(call);
    assert_good(&report);
    let heard = phone.finish();
    // The first sound may be gone before the far end listens: where it begins is not given.
    let heard_from = signal::after_onset(&heard, -50.0);
    let likeness = signal::likeness(signal::between(&sent, SECOND, 7 * SECOND), heard_from, 3 * SECOND);
    assert!(likeness.found > 0.6 && likeness.waveform > 0.5, "{likeness:?}");
    let (before, after) = (signal::level_dbfs(&sent), signal::level_dbfs(heard_from));
    assert!((before - after).abs() < 6.0, "sent at {before:.1} dBFS, heard at {after:.1} dBFS");
}

#[test]
fn ten_calls_on_a_persistent_connection_set_media_up_once_and_close_the_microphone_between() {
    let reports = ten_calls(ExchangeOptions::default());
    let warm: Vec<bool> = reports.iter().map(|report| report.warm).collect();
    assert_eq!(warm.iter().filter(|warm| !**warm).count(), 1, "{warm:?}");
    assert!(!warm[0], "{warm:?}");
}

#[test]
fn ten_calls_without_a_persistent_connection_set_media_up_ten_times() {
    let reports = ten_calls(ExchangeOptions { persistent: None, ..ExchangeOptions::default() });
    assert!(reports.iter().all(|report| !report.warm && report.setup_ms.dtls.is_some()), "{reports:#?}");
}

fn ten_calls(options: ExchangeOptions) -> Vec<phone_core::event::CallReport> {
    let exchange = phone_exchange::start(options).unwrap();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let mut reports = Vec::new();
    for _ in 0..10 {
        let call = phone.call("echo");
        phone.wait_snapshot("the microphone is open", |snapshot| snapshot.sound.microphone.open);
        // Packet counts are told once a second.
        phone.listen(Duration::from_millis(1_500));
        let report = phone.hang_up(call);
        assert_good(&report);
        reports.push(report);
        phone.wait_snapshot("the microphone is closed", |snapshot| !snapshot.sound.microphone.open);
    }
    let ups = phone.events().iter().filter(|event| matches!(event, Event::Media { .. })).count();
    assert_eq!(ups, 10);
    assert_eq!(exchange.violations(), Vec::<String>::new());
    reports
}

#[test]
fn two_phones_call_each_other_through_one_exchange_and_hear_each_other() {
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let tone = |hz| Setup { microphone: Choice::Tone(hz), ..Setup::default() };
    let mut ana = TestPhone::signed_in(&exchange, "ana", tone(400.0));
    let mut ben = TestPhone::signed_in(&exchange, "ben", tone(620.0));
    ana.send(Command::Dial { to: "ben".into() });
    let Event::Alerting { call: ringing } = ben.wait("alerting", |e| matches!(e, Event::Alerting { .. })) else {
        unreachable!("only this event fits")
    };
    ben.wait_snapshot("it rings", |snapshot| {
        snapshot.calls.iter().any(|call| call.id == ringing && matches!(call.state, CallState::Alerting { .. }))
    });
    ana.wait("ringing", |event| matches!(event, Event::Ringing { .. }));
    ben.send(Command::Answer(ringing));
    let Event::Connected { call } = ana.wait("connected", |e| matches!(e, Event::Connected { .. })) else {
        unreachable!("only this event fits")
    };
    ben.wait("media", |event| matches!(event, Event::Media { .. }));
    ana.listen(3 * SECOND);
    ana.send(Command::HangUp(call));
    let (there, here) = (ben.ended(ringing), ana.ended(call));
    assert_eq!((here.ended_by, there.ended_by), (EndedBy::Local, EndedBy::Remote));
    assert_eq!(there.direction, CallDirection::In);
    for (name, phone, hz) in [("ana", ana, 620.0), ("ben", ben, 400.0)] {
        let heard = phone.finish();
        let heard = signal::between(signal::after_onset(&heard, -40.0), SECOND / 2, 2 * SECOND);
        signal::assert_tone(name, heard, hz, -26.0..=-15.0);
    }
    assert_eq!(exchange.violations(), Vec::<String>::new());
}

#[test]
fn an_incoming_caller_is_answered_and_heard_and_digits_go_out() {
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let setup = Setup { microphone: Choice::Silence, auto_answer: true, ..Setup::default() };
    let mut phone = TestPhone::signed_in(&exchange, "carla", setup);
    phone.send(Command::CallMe);
    let Event::Media { call } = phone.wait("media", |event| matches!(event, Event::Media { .. })) else {
        unreachable!("only this event fits")
    };
    phone.wait_snapshot("connected", |snapshot| {
        snapshot.calls.iter().any(|view| matches!(view.state, CallState::Connected))
    });
    phone.send(Command::SendDigits { call, digits: "12#".to_owned() });
    for expected in ['1', '2', '#'] {
        phone.wait("digit", |event| matches!(event, Event::DigitSent { digit, .. } if *digit == expected));
    }
    phone.listen(2 * SECOND);
    let report = phone.hang_up(call);
    assert_eq!(report.direction, CallDirection::In);
    let heard = phone.finish();
    assert!(signal::level_dbfs(signal::after_onset(&heard, -50.0)) > -45.0, "the caller's voice was not heard");
}

#[test]
fn nothing_of_a_muted_microphone_is_heard_and_unmuting_brings_it_back() {
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let call = phone.call("echo");
    phone.listen(2 * SECOND);
    for muted in [true, false] {
        phone.send(Command::Mute { muted });
        phone.wait("muted", |event| matches!(event, Event::Muted { muted: now } if *now == muted));
        phone.listen(2 * SECOND);
    }
    phone.hang_up(call);
    let heard = phone.finish();
    let heard = signal::after_onset(&heard, -40.0);
    let levels: Vec<f64> = heard.chunks_exact(4_800).map(|chunk| signal::tone_dbfs(chunk, 440.0)).collect();
    let silent = levels.iter().filter(|level| **level < -70.0).count();
    assert!((10..=25).contains(&silent), "about 20 of these tenths of a second should be silent: {levels:?}");
    assert!(levels.iter().rev().take(12).any(|level| *level > -26.0), "not heard again: {levels:?}");
}

#[test]
fn a_held_call_is_silent_both_ways_and_comes_back() {
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let call = phone.call("echo");
    phone.listen(2 * SECOND);
    phone.send(Command::Hold { call, held: true });
    phone.wait("held", |event| matches!(event, Event::Held { .. }));
    phone.wait_snapshot("it is held", |snapshot| {
        snapshot.calls.iter().any(|call| matches!(call.state, CallState::Held { .. }))
    });
    phone.listen(2 * SECOND);
    phone.send(Command::Hold { call, held: false });
    phone.wait("resumed", |event| matches!(event, Event::Resumed { .. }));
    phone.listen(2 * SECOND);
    let report = phone.hang_up(call);
    assert_eq!(report.end_reason, EndReason::Hangup);
    let heard = phone.finish();
    let heard = signal::after_onset(&heard, -40.0);
    let levels: Vec<f64> = heard.chunks_exact(4_800).map(|chunk| signal::tone_dbfs(chunk, 440.0)).collect();
    let silent = levels.iter().filter(|level| **level < -60.0).count();
    assert!(silent >= 10, "the hold is not heard: {levels:?}");
    assert!(levels.iter().rev().take(12).any(|level| *level > -26.0), "not heard again: {levels:?}");
}
