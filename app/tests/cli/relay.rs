//! Force TURN, audited on the wire: nothing of the program's media goes to anybody but the TURN server.

use std::time::{Duration, Instant};

use phone_core::media::TurnTransport;
use phone_exchange::ExchangeOptions;
use phone_tests::capture::{Capture, Ports, Seen, Transport};
use phone_tests::coturn::{Coturn, CoturnOptions};
use phone_tests::offhook::Outcome;
use phone_tests::process::Scratch;
use phone_tests::signal;

use crate::{LIMIT, SECOND, call, exchange};

/// What the process sent, other than to the exchange and to the name server.
fn sent_by<'a>(ports: &'a Ports, seen: &'a [Seen], exchange: u16) -> impl Iterator<Item = &'a Seen> {
    seen.iter()
        .filter(|packet| ports.has(packet.transport, packet.from.port()))
        .filter(move |packet| packet.to.port() != exchange && packet.to.port() != 53)
}

fn port_of(origin: &str) -> u16 {
    origin.rsplit(':').next().unwrap().parse().unwrap()
}

#[track_caller]
fn audited_call(coturn: &Coturn, transport: TurnTransport) -> Outcome {
    let scratch = Scratch::new("relay");
    let output = scratch.file("heard.wav");
    let turn = coturn.choice(transport);
    let exchange = exchange(ExchangeOptions { turn, ..ExchangeOptions::default() });
    let capture = Capture::start();
    let mut ports = Ports::default();
    let run = call(&exchange, "echo")
        .args(["--force-relay", "--duration", "4s", "--input", "tone:600", "--output"])
        .arg(&output)
        .env("SSL_CERT_FILE", coturn.ca_file());
    let outcome = run.start().finish_audited(LIMIT, &mut ports);
    let seen = capture.finish();
    outcome.assert_code(0);

    let (_, server) = coturn.address(transport);
    let sent: Vec<&Seen> = sent_by(&ports, &seen, port_of(exchange.origin())).collect();
    let elsewhere: Vec<&&Seen> = sent.iter().filter(|packet| packet.to.port() != server).collect();
    assert!(elsewhere.is_empty(), "{} packets went elsewhere: {elsewhere:?}\n{outcome}", elsewhere.len());
    let wanted = if transport == TurnTransport::Udp { Transport::Udp } else { Transport::Tcp };
    let media = sent.iter().filter(|packet| packet.transport == wanted && packet.payload > 40).count();
    assert!(media > 100, "only {media} packets went to the TURN server\n{outcome}");
    let marked = sent.iter().filter(|packet| packet.transport == wanted && packet.dscp == 46).count();
    assert!(marked * 10 > media * 8, "{marked} of {media} packets carry DSCP 46\n{outcome}");

    let first = &outcome.summary()["calls"][0];
    assert_eq!(first["path"], "relay-forced", "{outcome}");
    assert_eq!(first["packets"]["blocked_by_relay_fence"], 0, "{outcome}");
    let heard = signal::read_wav(&output);
    let heard = signal::between(signal::after_onset(&heard, -40.0), SECOND / 2, 2 * SECOND);
    signal::assert_tone("the relayed echo", heard, 600.0, -25.0..=-15.0);
    outcome
}

#[test]
fn a_relayed_call_over_udp_sends_to_the_turn_server_only() {
    let coturn = Coturn::start(CoturnOptions::default());
    let outcome = audited_call(&coturn, TurnTransport::Udp);
    assert_eq!(outcome.summary()["calls"][0]["relay"]["transport"], "udp", "{outcome}");
}

#[test]
fn a_relayed_call_over_tcp_sends_to_the_turn_server_only() {
    let coturn = Coturn::start(CoturnOptions::default());
    let outcome = audited_call(&coturn, TurnTransport::Tcp);
    assert_eq!(outcome.summary()["calls"][0]["relay"]["transport"], "tcp", "{outcome}");
}

#[test]
fn a_relayed_call_over_tls_with_a_private_ca_sends_to_the_turn_server_only() {
    let coturn = Coturn::start(CoturnOptions::default());
    let outcome = audited_call(&coturn, TurnTransport::Tls);
    assert_eq!(outcome.summary()["calls"][0]["relay"]["transport"], "tls", "{outcome}");
}

#[test]
fn a_turn_server_whose_certificate_nobody_signed_is_not_used() {
    let coturn = Coturn::start(CoturnOptions::default());
    let outcome = failed_call(&coturn, TurnTransport::Tls);
    assert!(outcome.log.contains("certificate") || outcome.stdout.join("").contains("certificate"), "{outcome}");
}

#[test]
fn a_stopped_turn_server_is_told_in_ten_seconds_and_no_media_leaves() {
    let mut coturn = Coturn::start(CoturnOptions::default());
    coturn.stop();
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        failed_call(&coturn, transport);
    }
}

/// A call that cannot have a relay: a clear error in time, and nothing leaves.
#[track_caller]
fn failed_call(coturn: &Coturn, transport: TurnTransport) -> Outcome {
    let turn = coturn.choice(transport);
    let exchange = exchange(ExchangeOptions { turn, ..ExchangeOptions::default() });
    let capture = Capture::start();
    let mut ports = Ports::default();
    let run = call(&exchange, "echo");
    let run = run.args(["--force-relay", "--duration", "4s", "--input", "tone:600", "--output", "null"]);
    let mut run = run.start();
    run.until("dialling", LIMIT);
    let start = Instant::now();
    let error = run.until("error", LIMIT);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "told only after {took:?}: {error}");
    let outcome = run.finish_audited(LIMIT, &mut ports);
    assert!(matches!(outcome.code, Some(2 | 3)), "{outcome}");
    let (_, server) = coturn.address(transport);
    assert!(error.to_string().contains(&server.to_string()), "the server is not named: {error}");
    let seen = capture.finish();
    let sent: Vec<&Seen> = sent_by(&ports, &seen, port_of(exchange.origin())).collect();
    let elsewhere: Vec<&&Seen> = sent.iter().filter(|packet| packet.to.port() != server).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}\n{outcome}");
    assert_eq!(outcome.summary()["calls"][0]["packets"]["sent"], 0, "{outcome}");
    outcome
}

/// A call of twelve minutes on a relay that expires meanwhile: no packet is lost. Such a call is made only when asked
/// for: `cargo test -p phone_app --test cli -- --ignored`.
#[track_caller]
fn twelve_minutes(transport: TurnTransport, options: CoturnOptions, expired: &str) {
    let coturn = Coturn::start(options);
    let exchange = exchange(ExchangeOptions { turn: coturn.choice(transport), ..ExchangeOptions::default() });
    let outcome = call(&exchange, "echo")
        .args(["--force-relay", "--duration", "720s", "--input", "tone:600", "--output", "null"])
        .env("SSL_CERT_FILE", coturn.ca_file())
        .finish(Duration::from_mins(14));
    outcome.assert_code(0);
    let call = &outcome.summary()["calls"][0];
    let count = |what: &str| call["packets"][what].as_u64().unwrap();
    eprintln!("{transport:?}: {call:#}");
    assert!(count("sent") > 35_000 && count("received") + 50 > count("sent"), "{outcome}");
    assert_eq!(count("lost"), 0, "{outcome}");
    assert!(outcome.events().iter().all(|event| event["event"] != "error"), "{outcome}");
    let log = coturn.log();
    assert!(log.contains(expired), "{expired} is not in the log of the server: {}", &log[..log.len().min(4_000)]);
}

#[test]
#[ignore = "takes twelve minutes; cargo xtask ci --full runs it"]
fn a_relayed_call_over_udp_outlives_twelve_nonces_of_a_minute() {
    let options = CoturnOptions { nonce_s: 60, ..CoturnOptions::default() };
    twelve_minutes(TurnTransport::Udp, options, "Stale nonce");
}

#[test]
#[ignore = "takes twelve minutes; cargo xtask ci --full runs it"]
fn a_relayed_call_over_tls_outlives_twelve_nonces_of_a_minute() {
    let options = CoturnOptions { nonce_s: 60, ..CoturnOptions::default() };
    twelve_minutes(TurnTransport::Tls, options, "Stale nonce");
}

#[test]
#[ignore = "takes twelve minutes; cargo xtask ci --full runs it"]
fn a_relayed_call_outlives_six_allocations_of_two_minutes() {
    let options = CoturnOptions { nonce_s: 60, lifetime_s: 120, ..CoturnOptions::default() };
    twelve_minutes(TurnTransport::Udp, options, "lifetime=120");
}
