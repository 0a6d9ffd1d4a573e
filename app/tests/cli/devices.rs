//! Sound devices that come, go and change in the middle of a call, on a real sound server of the test's own.

use std::time::{Duration, Instant};

use phone_exchange::ExchangeOptions;
use phone_tests::offhook::Session;
use phone_tests::pulse::{Pulse, Recording};
use phone_tests::signal;

use crate::{LIMIT, SECOND, call, exchange, offhook};

/// A device must be back within this time: the acceptance says one second.
const BACK: Duration = Duration::from_secs(1);

fn hears_music(sound: &[f32]) -> bool {
    signal::level_dbfs(sound) > -50.0
}

/// How long until this sink plays something, measured in what it recorded.
#[track_caller]
fn time_to_sound(ear: &Recording, from: usize, run: &Session) -> Duration {
    let block = 4_800;
    for index in 0..80 {
        let wanted = from + (index + 1) * block;
        let there = phone_tests::process::wait_for(5 * SECOND, || (ear.len() >= wanted).then_some(()));
        assert!(there.is_some(), "the sink stands still\n{}", run.story());
        if hears_music(&ear.so_far()[wanted - block..wanted]) {
            return Duration::from_millis(100) * index as u32;
        }
    }
    panic!("no sound within 8 s\n{}", run.story())
}

#[track_caller]
fn told(run: &mut Session, role: &str, why: &str) -> serde_json::Value {
    let event =
        run.until_some(5 * SECOND, |event| event["event"] == "device" && event["role"] == role && event["why"] == why);
    event.unwrap_or_else(|| panic!("no event tells that the {role} {why}\n{}", run.story()))
}

#[test]
fn a_speaker_unplugged_in_a_call_is_replaced_within_a_second_and_the_user_is_told() {
    let mut pulse = Pulse::start();
    pulse.plug_in_speaker("headset");
    let exchange = exchange(ExchangeOptions::default());
    let fallback = pulse.record("spk");
    let run = call(&exchange, "music").args(["--duration", "15s", "--output", "device:pulseaudio:headset"]);
    let mut run = run.envs(pulse.environment()).start();
    run.until("media", LIMIT);
    let headset = pulse.record("headset");
    time_to_sound(&headset, 0, &run);
    assert!(!hears_music(&fallback.next(SECOND / 2)), "both devices play");
    drop(headset);

    let (from, start) = (fallback.len(), Instant::now());
    pulse.unplug("headset");
    let unplugged = start.elapsed();
    let back = time_to_sound(&fallback, from, &run);
    assert!(back < BACK + unplugged, "sound was back after {back:?}");
    let event = told(&mut run, "speaker", "fell-back");
    assert!(event["name"].as_str().is_some_and(|name| !name.is_empty()), "{event}");

    // Plugged in again, the chosen device is taken again.
    pulse.plug_in_speaker("headset");
    told(&mut run, "speaker", "came-back");
    let headset = pulse.record("headset");
    time_to_sound(&headset, 0, &run);
    run.interrupt();
    run.finish(LIMIT).assert_code(130);
}

#[test]
fn a_new_default_speaker_is_followed_in_a_call() {
    let pulse = Pulse::start();
    let exchange = exchange(ExchangeOptions::default());
    let (first, second) = (pulse.record("spk"), pulse.record("spare"));
    let mut run = call(&exchange, "music").args(["--duration", "15s"]).envs(pulse.environment()).start();
    run.until("media", LIMIT);
    time_to_sound(&first, first.len(), &run);
    let from = second.len();
    pulse.set_default_sink("spare");
    let took = time_to_sound(&second, from, &run);
    assert!(took < BACK + SECOND, "sound followed after {took:?}");
    told(&mut run, "speaker", "followed-system");
    first.next(SECOND / 2);
    assert!(!hears_music(&first.next(SECOND / 2)), "the old device still plays");
    run.interrupt();
    run.finish(LIMIT).assert_code(130);
}

#[test]
fn a_microphone_unplugged_in_a_call_is_replaced_and_the_far_end_hears_the_new_one() {
    let mut pulse = Pulse::start();
    let exchange = exchange(ExchangeOptions::default());
    let _first = pulse.play_forever("micfeed", &signal::tone(440.0, -20.0, SECOND));
    let _second = pulse.play_forever("mic2feed", &signal::tone(700.0, -20.0, SECOND));
    let ear = pulse.record("spk");
    let run = call(&exchange, "echo").args(["--duration", "20s", "--input", "device:pulseaudio:mic"]);
    let mut run = run.envs(pulse.environment()).start();
    run.until("media", LIMIT);
    let hears = |hz: f64| {
        (0..20).any(|_| {
            let sound = ear.next(SECOND / 4);
            signal::loudest_hz(&sound).is_some_and(|found| (found - hz).abs() < 4.0)
        })
    };
    assert!(hears(440.0), "the first microphone is not heard\n{}", run.story());
    assert_eq!(pulse.recorders_of("mic"), 1);
    pulse.set_default_source("mic2");
    pulse.unplug("mic");
    assert!(hears(700.0), "the second microphone is not heard\n{}", run.story());
    told(&mut run, "microphone", "fell-back");
    run.interrupt();
    run.finish(LIMIT).assert_code(130);
    assert_eq!(pulse.recorders_of("mic2"), 0, "the microphone is still open");
}

#[test]
fn a_sound_server_that_dies_in_a_call_is_told_and_the_call_goes_on() {
    let mut pulse = Pulse::start();
    let exchange = exchange(ExchangeOptions::default());
    let mut run = call(&exchange, "music").args(["--duration", "6s"]).envs(pulse.environment()).start();
    run.until("media", LIMIT);
    pulse.crash();
    let outcome = run.finish(LIMIT);
    assert!(matches!(outcome.code, Some(0 | 1)), "{outcome}");
    assert_eq!(outcome.summary()["calls"][0]["end_reason"], "hangup", "{outcome}");
    assert!(outcome.count("error") > 0, "nobody was told\n{outcome}");
}

#[test]
fn without_a_sound_server_a_call_with_files_works_and_one_with_devices_says_why_not() {
    let exchange = exchange(ExchangeOptions::default());
    let files = call(&exchange, "echo").args(["--duration", "2s", "--input", "tone:440", "--output", "null"]);
    files.finish(LIMIT).assert_code(0);
    let devices = call(&exchange, "music").args(["--duration", "2s"]).finish(LIMIT);
    assert_ne!(devices.code, Some(0), "{devices}");
    let text = format!("{devices}");
    assert!(text.contains("sound service"), "{devices}");
}

#[test]
fn a_missing_microphone_is_replaced_and_told_and_the_caller_is_heard() {
    let pulse = Pulse::start();
    let exchange = exchange(ExchangeOptions::default());
    let ear = pulse.record("spk");
    let run = call(&exchange, "music").args(["--duration", "6s", "--input", "device:pulseaudio:no-such-microphone"]);
    let mut run = run.envs(pulse.environment()).start();
    run.until("media", LIMIT);
    time_to_sound(&ear, 0, &run);
    let outcome = run.finish(LIMIT);
    // Another microphone took its place, and the user was told.
    let fell_back = |event: &serde_json::Value| event["role"] == "microphone" && event["why"] == "fell-back";
    assert!(outcome.events().iter().any(fell_back), "{outcome}");
}

#[test]
fn devices_are_listed_with_stable_ids_and_the_default_is_marked() {
    let pulse = Pulse::start();
    let outcome = offhook().args(["devices", "--json"]).envs(pulse.environment()).finish(LIMIT);
    outcome.assert_code(0);
    let text = outcome.stdout.join("\n");
    for id in ["pulseaudio:spk", "pulseaudio:ringer", "pulseaudio:mic"] {
        assert!(text.contains(id), "{id} is missing\n{outcome}");
    }
    assert!(!text.contains(".monitor"), "a monitor is no microphone\n{outcome}");
}

#[test]
fn a_sound_server_that_made_itself_a_new_cookie_knows_its_user() {
    let pulse = Pulse::start();
    let environment = pulse.environment_with_a_foreign_cookie();
    // Whether a server saw who asks was a matter of luck: about every second time.
    for _ in 0..20 {
        let outcome = offhook().args(["devices", "--json"]).envs(environment.clone()).finish(LIMIT);
        outcome.assert_code(0);
        assert!(outcome.stdout.join("\n").contains("pulseaudio:mic"), "{outcome}");
    }
}
