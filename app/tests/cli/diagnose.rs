//! `offhook diagnose` against faults that are made for real: each one puts the right cause first, and a healthy
//! computer raises nothing.

use std::time::Duration;

use phone_core::media::TurnTransport;
use phone_exchange::{ExchangeOptions, ExternalTurn, Fault, TurnChoice};
use phone_tests::coturn::{Coturn, CoturnOptions};
use phone_tests::offhook::{Offhook, Outcome};
use phone_tests::process::{Scratch, free_port};
use phone_tests::pulse::Pulse;
use serde_json::Value;

use crate::{LIMIT, exchange, offhook};

/// Spoken sentences as loud as they should be, with their pauses.
fn speech() -> Vec<f32> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../exchange/assets/speech.wav");
    phone_device::wav::read(file.as_ref()).unwrap()
}

fn audio(pulse: &Pulse) -> Offhook {
    offhook().args(["diagnose", "quick", "--json"]).envs(pulse.environment())
}

/// The rules of the report, the likeliest first.
fn causes(outcome: &Outcome) -> Vec<String> {
    let report = outcome.event("report");
    let causes = report["causes"].as_array().cloned().unwrap_or_default();
    causes.iter().map(|cause| cause["rule"].as_str().unwrap_or_default().to_owned()).collect()
}

fn line(outcome: &Outcome, id: &str) -> Value {
    let found = outcome.events().into_iter().find(|event| event["event"] == "check" && event["id"] == id);
    found.unwrap_or_else(|| panic!("no check {id}\n{outcome}"))
}

#[track_caller]
fn assert_first(outcome: &Outcome, rule: &str) {
    let causes = causes(outcome);
    assert_eq!(causes.first().map(String::as_str), Some(rule), "{causes:?}\n{outcome}");
}

#[test]
fn row_59_sound_that_is_broken_for_real_is_told_by_its_cause_and_healthy_sound_is_not() {
    let pulse = Pulse::start();
    let voice = pulse.play_forever("micfeed", &speech());

    let healthy = audio(&pulse).finish(LIMIT);
    assert_eq!(causes(&healthy), Vec::<String>::new(), "{healthy}");
    assert!(healthy.code.is_some_and(|code| code <= 1), "{healthy}");
    let took = healthy.event("report")["took_ms"].as_u64().unwrap();
    assert!(took <= 20_000, "the quick check took {took} ms");
    let open = healthy.event("report")["facts"]["microphone"]["open_ms"].as_u64().unwrap();
    assert!(open <= 3_000, "the microphone was open for {open} ms");

    pulse.pactl(&["set-source-mute", "mic", "1"]);
    let muted = audio(&pulse).finish(LIMIT);
    assert_first(&muted, "DX-02b");
    muted.assert_code(2);
    pulse.pactl(&["set-source-mute", "mic", "0"]);

    pulse.pactl(&["set-sink-mute", "spk", "1"]);
    assert_first(&audio(&pulse).finish(LIMIT), "DX-02e");
    pulse.pactl(&["set-sink-mute", "spk", "0"]);

    // The default is a microphone that hears nothing, while another one hears the user.
    pulse.set_default_source("mic2");
    let wrong = audio(&pulse).finish(LIMIT);
    assert_first(&wrong, "DX-02d");
    let report = wrong.event("report");
    assert_eq!(report["causes"][0]["remedy"]["id"], "pulseaudio:mic", "{wrong}");
    let open = report["facts"]["microphone"]["open_ms"].as_u64().unwrap();
    assert!(open <= 3_000, "the microphones were open for {open} ms");
    drop(voice);

    // Nobody hears anything anywhere.
    pulse.set_default_source("mic");
    let silent = audio(&pulse).finish(LIMIT);
    assert!(["DX-02a", "DX-02c"].contains(&causes(&silent)[0].as_str()), "{silent}");
}

#[test]
fn a_voice_that_clips_and_a_room_that_roars_are_told_apart() {
    let pulse = Pulse::start();
    let loud: Vec<f32> = speech().iter().map(|sample| (sample * 40.0).clamp(-0.98, 0.98)).collect();
    let voice = pulse.play_forever("micfeed", &loud);
    let clipped = audio(&pulse).finish(LIMIT);
    assert_first(&clipped, "DX-A2");
    assert_eq!(line(&clipped, "A4c")["verdict"], "warn", "{clipped}");
    drop(voice);

    let mut seed = 7_u32;
    let noise: Vec<f32> = (0..96_000)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed as f32 / u32::MAX as f32 - 0.5) * 0.2
        })
        .collect();
    let _roar = pulse.play_forever("micfeed", &noise);
    assert_first(&audio(&pulse).finish(LIMIT), "DX-A3");
}

/// Sound that is always fine, so that only the network speaks.
fn network(origin: &str) -> Offhook {
    offhook().args(["diagnose", "network", "--json", "--exchange", origin])
}

#[test]
fn a_good_network_raises_nothing_and_its_report_is_read_back() {
    let exchange = exchange(ExchangeOptions::default());
    let scratch = Scratch::new("diagnose");
    let file = scratch.file("first.json");
    let first = network(exchange.origin()).arg("--report").arg(&file).finish(LIMIT);
    assert_eq!(causes(&first), Vec::<String>::new(), "{first}");
    first.assert_code(0);
    for id in ["N2", "N5", "N7u", "N7t", "N10", "S1", "S2"] {
        assert_eq!(line(&first, id)["verdict"], "pass", "{id}\n{first}");
    }
    assert_eq!(first.event("report")["schema"], "offhook-diagnosis/1");

    exchange.inject(Fault::StopTurn(true));
    let second = network(exchange.origin()).arg("--compare").arg(&file).finish(LIMIT);
    assert_first(&second, "DX-N9");
    second.assert_code(2);
    let changed: Vec<Value> = second.events().into_iter().filter(|event| event["event"] == "change").collect();
    assert!(changed.iter().any(|change| change["id"] == "N7u" && change["worse"] == true), "{second}");
}

#[test]
fn a_relay_that_is_forced_and_unreachable_is_named_and_blocked_udp_is_told_apart() {
    let dead = |transport| ExternalTurn {
        host: "127.0.0.1".to_owned(),
        port: free_port(),
        transport,
        username: "u".to_owned(),
        password: "p".to_owned(),
    };
    let turn = TurnChoice::External(vec![dead(TurnTransport::Udp), dead(TurnTransport::Tcp)]);
    let options = ExchangeOptions { turn, force_turn: true, ..ExchangeOptions::default() };
    let forced = exchange(options);
    let none = network(forced.origin()).finish(LIMIT);
    assert_first(&none, "DX-F3");
    none.assert_code(2);

    let coturn = Coturn::start(CoturnOptions::default());
    let turn = TurnChoice::External(vec![dead(TurnTransport::Udp), coturn.external(TurnTransport::Tcp)]);
    let exchange = exchange(ExchangeOptions { turn, force_turn: true, ..ExchangeOptions::default() });
    let blocked = network(exchange.origin()).finish(LIMIT);
    assert_first(&blocked, "DX-N1");
    blocked.assert_code(1);
}

#[test]
fn an_exchange_that_is_not_there_is_the_cause_and_not_the_missing_sign_in() {
    let origin = format!("http://127.0.0.1:{}", free_port());
    let outcome = network(&origin).finish(LIMIT);
    assert_first(&outcome, "DX-N7");
    outcome.assert_code(2);
}

#[test]
fn row_131_the_command_line_lists_every_rule_with_its_remedy_and_source() {
    let outcome = offhook().args(["diagnose", "--rules", "--json"]).finish(LIMIT);
    outcome.assert_code(0);
    let told: Vec<Value> = outcome.events().into_iter().filter(|event| event["event"] == "rule").collect();
    let ids: Vec<&str> = told.iter().filter_map(|rule| rule["id"].as_str()).collect();
    let rules: Vec<&str> = phone_core::diagnose::catalogue::RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids, rules);
    for rule in &told {
        for field in ["cause", "evidence", "remedy", "source", "verified"] {
            assert!(rule[field].as_str().is_some_and(|words| !words.is_empty()), "{field}: {rule}");
        }
    }
    let text = offhook().args(["diagnose", "--rules"]).finish(LIMIT).stdout.join("\n");
    assert!(rules.iter().all(|id| text.contains(id)), "{text}");
}

#[test]
fn what_cannot_run_says_so_before_it_starts() {
    offhook().args(["diagnose", "network", "--json"]).finish(LIMIT).assert_code(3);
    let outcome = offhook().args(["diagnose", "--demo", "--json", "--report", "x.pdf"]).finish(LIMIT);
    outcome.assert_code(3);
    assert_eq!(outcome.event("error")["id"], "report-format", "{outcome}");
}

#[test]
fn an_interrupted_run_keeps_what_is_done() {
    let mut run = offhook().args(["diagnose", "full", "--demo", "--json"]).start();
    run.until("check", LIMIT);
    run.interrupt();
    let outcome = run.finish(Duration::from_secs(20));
    outcome.assert_code(130);
    assert_eq!(outcome.event("report")["stopped"], true, "{outcome}");
}
