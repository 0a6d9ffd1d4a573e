//! Calls without a window that go well, and the summary they print.

use std::time::Duration;

use phone_exchange::ExchangeOptions;
use phone_tests::process::{Scratch, wait_for};
use phone_tests::pulse::{Pulse, Recording};
use phone_tests::signal;
use serde_json::Value;

use crate::{LIMIT, SECOND, call, exchange, offhook};

/// Every field of the summary that product.md promises.
#[track_caller]
fn assert_complete(summary: &Value) {
    for pointer in [
        "/calls/0/id",
        "/calls/0/direction",
        "/calls/0/peer",
        "/calls/0/warm",
        "/calls/0/setup_ms/signalling",
        "/calls/0/setup_ms/ice",
        "/calls/0/setup_ms/dtls",
        "/calls/0/setup_ms/first_media",
        "/calls/0/setup_ms/total",
        "/calls/0/path",
        "/calls/0/relay",
        "/calls/0/codec",
        "/calls/0/security",
        "/calls/0/dscp/configured",
        "/calls/0/dscp/effective",
        "/calls/0/packets/sent",
        "/calls/0/packets/received",
        "/calls/0/packets/lost",
        "/calls/0/packets/late",
        "/calls/0/packets/blocked_by_relay_fence",
        "/calls/0/audio/concealed_ms",
        "/calls/0/audio/stretched_ms",
        "/calls/0/audio/jitter_ms",
        "/calls/0/audio/buffer_ms",
        "/calls/0/audio/level_in_dbfs",
        "/calls/0/audio/level_out_dbfs",
        "/calls/0/network/rtt_ms",
        "/calls/0/network/loss",
        "/calls/0/network/jitter_ms",
        "/calls/0/mos/listening",
        "/calls/0/mos/far",
        "/calls/0/ended_by",
        "/calls/0/end_reason",
        "/calls/0/code",
        "/registration/reconnects",
        "/microphone/open_ms",
        "/microphone/open_while_idle_ms",
    ] {
        assert!(summary.pointer(pointer).is_some(), "{pointer} is missing in {summary:#}");
    }
}

#[test]
fn speech_sent_to_the_practice_echo_is_heard_again_and_the_summary_is_complete() {
    let scratch = Scratch::new("echo");
    let (input, output) = (scratch.file("speech.wav"), scratch.file("heard.wav"));
    let sent = signal::speech(21, 9 * SECOND);
    signal::write_wav(&input, &sent);
    let run = offhook()
        .args(["call", "echo", "--demo", "--duration", "10s", "--json", "--input"])
        .arg(&input)
        .arg("--output")
        .arg(&output);
    let outcome = run.finish(LIMIT);
    outcome.assert_code(0);
    let summary = outcome.summary();
    assert_complete(&summary);
    let first = &summary["calls"][0];
    assert_eq!((&first["path"], &first["codec"]), (&"direct".into(), &"opus/48000/2".into()), "{outcome}");
    assert_eq!((&first["ended_by"], &first["direction"]), (&"local".into(), &"out".into()), "{outcome}");
    // Ten seconds of 20 ms packets, give or take a busy machine.
    assert!((400..=560).contains(&first["packets"]["sent"].as_u64().unwrap()), "{outcome}");
    assert!(first["packets"]["received"].as_u64().unwrap() > 400, "{outcome}");
    assert!(first["mos"]["listening"].as_f64().is_some_and(|mos| mos > 3.5), "{outcome}");
    for name in ["registered", "dialling", "connected", "media", "quality", "ended"] {
        assert!(outcome.count(name) > 0, "no event `{name}`\n{outcome}");
    }
    let times: Vec<f64> = outcome.events().iter().filter_map(|event| event["t_ms"].as_f64()).collect();
    assert!(times.len() > 5 && times.is_sorted(), "{times:?}");

    let heard = signal::read_wav(&output);
    let heard = signal::after_onset(&heard, -50.0);
    let likeness = signal::likeness(signal::between(&sent, SECOND, 8 * SECOND), heard, 3 * SECOND);
    assert!(likeness.found > 0.6 && likeness.waveform > 0.5, "{likeness:?}\n{outcome}");
}

#[test]
fn row_1_a_call_is_placed_and_answered_where_there_is_no_browser() {
    let exchange = exchange(ExchangeOptions::default());
    let nothing = Scratch::new("no-programs");
    let alone = || vec![("PATH", nothing.path().display().to_string()), ("BROWSER", String::new())];
    let output = nothing.file("heard.wav");
    let ben = offhook().args(["listen", "--json", "--account", "ben", "--exchange", exchange.origin()]);
    let ben = ben.args(["--answer", "auto", "--calls", "1", "--input", "tone:600", "--output", "null"]);
    let mut ben = ben.envs(alone()).start();
    ben.until("registered", LIMIT);
    let ana = call(&exchange, "ben").args(["--duration", "3s", "--input", "tone:440", "--output"]).arg(&output);
    let ana = ana.envs(alone()).finish(LIMIT);
    ana.assert_code(0);
    let heard = signal::read_wav(&output);
    let heard = signal::between(signal::after_onset(&heard, -40.0), SECOND / 2, SECOND);
    let pitch = signal::loudest_hz(heard).unwrap_or_default();
    assert!((pitch - 600.0).abs() < 5.0, "{pitch} Hz\n{ana}");
    ben.finish(LIMIT).assert_code(0);
    // Nor does one hide inside.
    let lock = include_str!("../../../Cargo.lock");
    for engine in ["wry", "webview", "webview2-com", "webkit2gtk", "cef", "servo", "tauri"] {
        assert!(!lock.contains(&format!("name = \"{engine}\"")), "{engine} is a web view");
    }
}

#[test]
fn a_tone_sent_to_the_echo_comes_back_with_its_frequency_and_level() {
    let scratch = Scratch::new("tone");
    let output = scratch.file("heard.wav");
    let exchange = exchange(ExchangeOptions::default());
    let run = call(&exchange, "echo").args(["--duration", "4s", "--input", "tone:1000", "--output"]).arg(&output);
    let outcome = run.finish(LIMIT);
    outcome.assert_code(0);
    let heard = signal::read_wav(&output);
    let heard = signal::between(signal::after_onset(&heard, -40.0), SECOND / 2, 2 * SECOND);
    signal::assert_tone("the echo", heard, 1_000.0, -25.0..=-15.0);
    assert_eq!(exchange.violations(), Vec::<String>::new());
}

#[test]
fn ten_calls_in_a_row_on_a_persistent_connection_are_one_cold_and_nine_warm() {
    let outcome = ten_calls(ExchangeOptions::default());
    let summary = outcome.summary();
    let calls = summary["calls"].as_array().unwrap();
    let set_up = calls.iter().filter(|call| !call["setup_ms"]["dtls"].is_null()).count();
    let warm = calls.iter().filter(|call| call["warm"] == true).count();
    assert_eq!((calls.len(), set_up, warm), (10, 1, 9), "{outcome}");
}

#[test]
fn ten_calls_in_a_row_without_a_persistent_connection_are_ten_set_ups() {
    let outcome = ten_calls(ExchangeOptions { persistent: None, ..ExchangeOptions::default() });
    let summary = outcome.summary();
    let calls = summary["calls"].as_array().unwrap();
    let set_up = calls.iter().filter(|call| !call["setup_ms"]["dtls"].is_null()).count();
    let warm = calls.iter().filter(|call| call["warm"] == true).count();
    assert_eq!((calls.len(), set_up, warm), (10, 10, 0), "{outcome}");
}

fn ten_calls(options: ExchangeOptions) -> phone_tests::offhook::Outcome {
    let exchange = exchange(options);
    let run = call(&exchange, "echo").args([
        "--repeat",
        "10",
        "--gap",
        "500ms",
        "--duration",
        "1s",
        "--input",
        "tone:440",
        "--output",
        "null",
    ]);
    let outcome = run.finish(LIMIT);
    outcome.assert_code(0);
    let microphone = &outcome.summary()["microphone"];
    let (open, idle) = (microphone["open_ms"].as_u64().unwrap(), microphone["open_while_idle_ms"].as_u64().unwrap());
    assert!(open > 8_000, "{outcome}");
    // It may take a moment to close, but the nine gaps are 4 500 ms.
    assert!(idle < 1_500, "the microphone was open for {idle} ms between calls\n{outcome}");
    outcome
}

#[test]
fn two_programs_on_two_sound_servers_hear_each_other() {
    let (ana_sound, ben_sound) = (Pulse::start(), Pulse::start());
    let exchange = exchange(ExchangeOptions::default());
    let tone = |hz| signal::tone(hz, -20.0, SECOND);
    let _ana_voice = ana_sound.play_forever("micfeed", &tone(440.0));
    let _ben_voice = ben_sound.play_forever("micfeed", &tone(700.0));
    let (ana_ear, ben_ear) = (ana_sound.record("spk"), ben_sound.record("spk"));

    let ben = offhook().args(["listen", "--json", "--account", "ben", "--exchange", exchange.origin()]);
    let mut ben = ben.args(["--answer", "auto", "--calls", "1"]).envs(ben_sound.environment()).start();
    ben.until("registered", LIMIT);
    let ana = call(&exchange, "ben").args(["--account", "ana", "--duration", "8s"]);
    let mut ana = ana.envs(ana_sound.environment()).start();
    ana.until("media", LIMIT);
    ben.until("media", LIMIT);
    for (name, ear, hz) in [("ana", &ana_ear, 700.0), ("ben", &ben_ear, 440.0)] {
        let mut last = Vec::new();
        let heard = (0..10).any(|_| {
            last = ear.next(SECOND / 2);
            signal::loudest_hz(&last).is_some_and(|found| (found - hz).abs() < 3.0)
                && signal::tone_dbfs(&last, hz) > -35.0
        });
        assert!(
            heard,
            "{name} does not hear {hz} Hz but {:?}\n{}\n{}",
            signal::loudest_hz(&last),
            ana.story(),
            ben.story()
        );
    }
    let (ana, ben) = (ana.finish(LIMIT), ben.finish(LIMIT));
    ana.assert_code(0);
    ben.assert_code(0);
    assert_eq!(ben.summary()["calls"][0]["direction"], "in", "{ben}");
    assert_eq!(ben.summary()["calls"][0]["ended_by"], "remote", "{ben}");
    let closed = wait_for(5 * SECOND, || (ana_sound.recorders_of("mic") == 0).then_some(()));
    assert!(closed.is_some(), "the microphone is still open");
    assert_eq!(exchange.violations(), Vec::<String>::new());
}

/// Echo safety from mouth to ear: a microphone that hears its speaker at full level, 60 ms later.
#[test]
fn what_a_microphone_hears_of_its_speaker_does_not_go_back() {
    let (ana_sound, ben_sound) = (Pulse::start(), Pulse::start());
    ana_sound.loop_back(Duration::from_millis(60));
    let exchange = exchange(ExchangeOptions::default());
    let (ana_microphone, ben_ear) = (ana_sound.record("micfeed"), ben_sound.record("spk"));
    let ben = offhook().args(["listen", "--json", "--account", "ben", "--exchange", exchange.origin()]);
    let mut ben = ben.args(["--answer", "auto", "--calls", "1"]).envs(ben_sound.environment()).start();
    ben.until("registered", LIMIT);
    // By itself it leaves virtual devices alone.
    let ana = call(&exchange, "ben").args(["--account", "ana", "--duration", "60s", "--cancel-echo", "always"]);
    let mut ana = ana.envs(ana_sound.environment()).start();
    ana.until("media", LIMIT);
    ben.until("media", LIMIT);

    let words = signal::speech(3, 10 * SECOND);
    let said = signal::level_dbfs(&words);
    let ben_voice = ben_sound.play_forever("micfeed", &words);
    let latest = |recording: &Recording, length: Duration| {
        let mut sound = recording.so_far();
        sound.split_off(sound.len().saturating_sub((length.as_secs_f64() * 48_000.0) as usize))
    };
    let begun =
        wait_for(LIMIT, || (signal::level_dbfs(&latest(&ana_microphone, SECOND / 4)) > said - 10.0).then_some(()));
    assert!(begun.is_some(), "the microphone does not hear its speaker\n{}\n{}", ana.story(), ben.story());
    let _learning = ben_ear.next(2 * SECOND);
    // A machine that stands still for a moment moves the echo, which then has to be found again: three tries.
    let mut back = Vec::new();
    while back.len() < 3 && back.last().is_none_or(|level| *level > said - 40.0) {
        back.push(signal::level_dbfs(&ben_ear.next(4 * SECOND)));
    }
    let echo = signal::level_dbfs(&latest(&ana_microphone, 4 * SECOND));
    drop(ben_voice);
    println!("said {said:.1} dBFS, at the other microphone {echo:.1}, back {back:.1?}");
    assert!(echo > said - 6.0, "the echo is only at {echo} dBFS of {said}");
    let told = || format!("of {said} dBFS {back:.1?} come back\n{}\n{}", ana.story(), ben.story());
    assert!(back.last().is_some_and(|level| *level < said - 40.0), "{}", told());

    // And the way back is open: what is said there comes through.
    let _ana_voice = ana_sound.play_forever("micfeed", &signal::speech(4, 10 * SECOND));
    let heard = (0..10).any(|_| signal::level_dbfs(&ben_ear.next(SECOND / 2)) > said - 20.0);
    assert!(heard, "ben does not hear ana\n{}\n{}", ana.story(), ben.story());
    ana.interrupt();
    ana.finish(LIMIT).assert_code(130);
    ben.finish(LIMIT).assert_code(0);
}

#[test]
fn control_c_in_a_call_hangs_up_prints_the_summary_and_ends_with_130() {
    let exchange = exchange(ExchangeOptions::default());
    let mut run =
        call(&exchange, "echo").args(["--duration", "60s", "--input", "tone:440", "--output", "null"]).start();
    run.until("media", LIMIT);
    run.interrupt();
    let outcome = run.finish(20 * SECOND);
    outcome.assert_code(130);
    assert_eq!(outcome.summary()["calls"][0]["ended_by"], "local", "{outcome}");
}
