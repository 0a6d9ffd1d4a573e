//! How long a sound takes from one person's microphone to the other's speaker: two phones, each with its own sound
//! server, in a call through the exchange; chirps found again by a matched filter.

use std::time::Duration;

use phone_audio::measure;
use phone_exchange::ExchangeOptions;
use phone_tests::pulse::Pulse;
use phone_tests::signal;

use crate::{Bench, figure, median_and_max, p95};

const SECOND: Duration = Duration::from_secs(1);
const CHIRPS: usize = 24;

pub fn run(bench: &Bench) {
    let (mouth, ear) = (Pulse::start(), Pulse::start());
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let mut ben = bench
        .offhook()
        .envs(ear.environment())
        .args(["listen", "--json", "--exchange", exchange.origin(), "--account", "ben", "--calls", "1"])
        .start();
    ben.until("registered", 30 * SECOND);
    let mut ana = bench
        .offhook()
        .envs(mouth.environment())
        .args(["call", "ben", "--json", "--exchange", exchange.origin(), "--account", "ana", "--duration", "60s"])
        .start();
    ana.until("media", 30 * SECOND);
    std::thread::sleep(4 * SECOND);

    // What the microphone hears and what the speaker plays, both recorded in the same way.
    let (said, heard) = (mouth.record("micfeed"), ear.record("spk"));
    let mut second = measure::chirp();
    second
        .extend(signal::silence(SECOND.checked_sub(Duration::from_secs_f64(second.len() as f64 / 48_000.0)).unwrap()));
    let speaking = mouth.play_forever("micfeed", &second);
    std::thread::sleep((CHIRPS as u32 + 3) * SECOND);
    drop(speaking);
    std::thread::sleep(SECOND);
    let times = |recording: &phone_tests::pulse::Recording| {
        let began = recording.began();
        let at = move |index: usize| Some(began? + Duration::from_secs_f64(index as f64 / 48_000.0));
        measure::chirps_in(&recording.so_far()).into_iter().filter_map(at).collect::<Vec<_>>()
    };
    let (said, heard) = (times(&said), times(&heard));
    let delays: Vec<f64> = said
        .iter()
        .filter_map(|start| heard.iter().find(|end| *end > start).map(|end| *end - *start))
        .filter(|delay| *delay < SECOND)
        .map(|delay| delay.as_secs_f64() * 1_000.0)
        .collect();
    let count = delays.len();
    match (median_and_max(delays.clone()), p95(delays)) {
        (Some((median, _)), Some(p95)) => {
            let note = format!("aim 110 ms; p95 {p95:.1} ms of {count} chirps");
            figure("mouth to ear, two sound servers", format!("{median:.1} ms"), &note);
        }
        _ => figure("mouth to ear, two sound servers", "not measured", "aim 110 ms"),
    }
    ana.interrupt();
    ana.finish(30 * SECOND);
    ben.interrupt();
    ben.finish(30 * SECOND);
}
