//! What a call costs this computer, through a real sound server and without a window: processor time and memory.

use std::time::{Duration, Instant};

use phone_exchange::ExchangeOptions;
use phone_tests::pulse::Pulse;
use phone_tests::signal;

use crate::{Bench, figure};

const SECOND: Duration = Duration::from_secs(1);

pub fn run(bench: &Bench) {
    let pulse = Pulse::start();
    let _speaking = pulse.play_forever("micfeed", &signal::speech(1, 10 * SECOND));
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let mut session = bench
        .offhook()
        .envs(pulse.environment())
        .args(["call", "echo", "--json", "--exchange", exchange.origin(), "--duration", "30s"])
        .start();
    session.until("media", 30 * SECOND);
    std::thread::sleep(3 * SECOND);
    let rate = processor_share(session.id(), 20 * SECOND);
    figure("processor time, s per minute of call, no window", format!("{:.2} s", rate * 60.0), "");
    figure("memory (PSS) in a call, no window", format!("{:.1} MiB", pss_mib(session.id())), "aim 20 MiB");
    session.interrupt();
    session.finish(30 * SECOND);

    let session = bench
        .offhook()
        .envs(pulse.environment())
        .args(["listen", "--json", "--exchange", exchange.origin(), "--answer", "never"])
        .start();
    std::thread::sleep(4 * SECOND);
    let rate = processor_share(session.id(), 20 * SECOND);
    figure("processor time, s per idle minute, no window", format!("{:.2} s", rate * 60.0), "aim 0.1 s");
    figure("memory (PSS) idle, no window", format!("{:.1} MiB", pss_mib(session.id())), "");
    session.interrupt();
    session.finish(30 * SECOND);
}

/// Seconds of processor time a second, over this long.
pub fn processor_share(process: u32, over: Duration) -> f64 {
    let (start, before) = (Instant::now(), processor_seconds(process));
    std::thread::sleep(over);
    (processor_seconds(process) - before) / start.elapsed().as_secs_f64()
}

fn processor_seconds(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // After the name in brackets: fields 14 and 15 of proc(5), in ticks of 10 ms.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = |number: usize| rest.split_whitespace().nth(number).and_then(|word| word.parse::<f64>().ok());
    (field(11).unwrap_or(0.0) + field(12).unwrap_or(0.0)) / 100.0
}

/// Proportional set size: shared pages count once among all who share them.
pub fn pss_mib(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
