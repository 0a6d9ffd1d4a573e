//! From dialling to the first sound heard: the first call of a process, and the next ones on its warm session.

use std::time::Duration;

use phone_core::media::TurnTransport;
use phone_exchange::{ExchangeOptions, TurnChoice};
use phone_tests::coturn::{Coturn, CoturnOptions};
use serde_json::Value;

use crate::{Bench, figure, median_and_max};

const PROCESSES: usize = 7;

pub fn run(bench: &Bench) {
    let coturn = Coturn::start(CoturnOptions::default());
    measure(bench, "direct", TurnChoice::Embedded, None, &coturn);
    for (name, transport) in [
        ("relayed over UDP", TurnTransport::Udp),
        ("relayed over TCP", TurnTransport::Tcp),
        ("relayed over TLS", TurnTransport::Tls),
    ] {
        measure(bench, name, coturn.choice(transport), Some(transport), &coturn);
    }
}

fn measure(bench: &Bench, name: &str, turn: TurnChoice, relay: Option<TurnTransport>, coturn: &Coturn) {
    let exchange = phone_exchange::start(ExchangeOptions { turn, ..ExchangeOptions::default() }).unwrap();
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..PROCESSES {
        let mut run = bench
            .offhook()
            .args(["call", "echo", "--json", "--exchange", exchange.origin()])
            .args(["--repeat", "4", "--gap", "300ms", "--duration", "600ms", "--input", "tone:440", "--output", "null"])
            .env("SSL_CERT_FILE", coturn.ca_file());
        if relay.is_some() {
            run = run.arg("--force-relay");
        }
        let summary = run.finish(Duration::from_mins(1)).summary();
        for call in summary["calls"].as_array().unwrap_or(&Vec::new()) {
            let Some(total) = call["setup_ms"]["total"].as_f64() else { continue };
            let path = if relay.is_some() { "relay-forced" } else { "direct" };
            assert_eq!(call["path"], Value::from(path), "the call took another path");
            if call["warm"] == Value::Bool(true) { warm.push(total) } else { first.push(total) }
        }
    }
    let aim = if relay.is_some() { "aim 180 ms" } else { "aim 80 ms" };
    print(&format!("first call, {name}"), first, aim);
    print(&format!("warm call, {name}"), warm, "aim 25 ms");
}

fn print(what: &str, values: Vec<f64>, aim: &str) {
    let count = values.len();
    match median_and_max(values) {
        Some((median, largest)) => {
            figure(what, format!("{median:.1} ms"), &format!("{aim}; largest of {count}: {largest:.1} ms"));
        }
        None => figure(what, "not measured", aim),
    }
}
