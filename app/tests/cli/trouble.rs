//! Wrong words, missing services and curious logs.

use phone_core::media::TurnTransport;
use phone_exchange::{ExchangeOptions, Fault};
use phone_tests::capture::{Capture, Ports, words_after};
use phone_tests::coturn::{Coturn, CoturnOptions};
use phone_tests::offhook::Session;
use phone_tests::process::dead_port;
use phone_tests::random::Random;

use crate::{LIMIT, SECOND, call, exchange, offhook};

#[test]
fn wrong_usage_ends_with_3_and_a_sentence() {
    for arguments in [
        &["call"][..],
        &["call", "echo", "--demo", "--duration", "soon"],
        &["call", "echo", "--demo", "--input", "tone:high"],
        &["no-such-command"],
        &["call", "echo", "--no-such-option"],
    ] {
        let outcome = offhook().args(arguments.iter().copied()).finish(LIMIT);
        assert_eq!(outcome.code, Some(3), "{arguments:?}\n{outcome}");
        assert!(outcome.log.len() > 20, "{arguments:?}\n{outcome}");
    }
}

#[test]
fn a_missing_input_file_ends_with_3_and_is_named() {
    let outcome = offhook().args(["call", "echo", "--demo", "--json", "--input", "/no/such.wav", "--output", "null"]);
    let outcome = outcome.args(["--duration", "1s"]).finish(LIMIT);
    outcome.assert_code(3);
    assert!(format!("{outcome}").contains("/no/such.wav"), "{outcome}");
}

#[test]
fn an_exchange_that_is_not_there_ends_with_3_and_a_remedy() {
    let origin = format!("http://127.0.0.1:{}", dead_port());
    let run = offhook().args(["call", "echo", "--json", "--exchange", &origin]);
    let outcome = run.args(["--duration", "1s", "--input", "tone:440", "--output", "null"]).finish(LIMIT);
    assert!(matches!(outcome.code, Some(2 | 3)), "{outcome}");
    let error = outcome.event("error");
    assert!(error["text"].as_str().is_some_and(|text| text.contains("127.0.0.1")), "{error}");
    assert!(error["remedy"].as_str().is_some_and(|text| text.len() > 10), "{error}");
}

#[test]
fn a_refused_token_ends_with_an_error_and_a_remedy() {
    let exchange = exchange(ExchangeOptions::default());
    exchange.inject(Fault::RefuseLogin(true));
    let run = call(&exchange, "echo").args(["--duration", "1s", "--input", "tone:440", "--output", "null"]);
    let outcome = run.finish(LIMIT);
    assert!(matches!(outcome.code, Some(2 | 3)), "{outcome}");
    assert!(outcome.event("error")["remedy"].as_str().is_some_and(|text| text.len() > 10), "{outcome}");
}

#[test]
fn nothing_secret_is_in_a_log_even_when_everything_is_logged() {
    let coturn = Coturn::start(CoturnOptions::default());
    let exchange = exchange(ExchangeOptions { turn: coturn.choice(TurnTransport::Udp), ..ExchangeOptions::default() });
    let capture = Capture::start();
    let run = call(&exchange, "echo").args(["--account", "carla", "--log", "trace", "--force-relay"]);
    let run = run.args(["--duration", "3s", "--input", "tone:440", "--output", "null"]).start();
    let outcome = run.finish(LIMIT);
    let wire = capture.finish_raw();
    outcome.assert_code(0);
    // A log that says little would prove little.
    for step in
        ["http 1 ", "received", "ICE has a pair", "DTLS is done", "media is up", "an audio packet came", "event"]
    {
        assert!(outcome.log.contains(step), "--log trace does not tell of `{step}`\n{outcome}");
    }

    // What this very run sent in clear over loopback, taken from the wire.
    let mut secrets = vec![("TURN password", coturn.password().to_owned())];
    for (kind, needle) in [
        ("bearer token", "Bearer "),
        ("access token", "\"access_token\":\""),
        ("authorization code", "code="),
        ("code verifier", "code_verifier="),
        ("SASL answer", "mechanism=\"PLAIN\">"),
        ("ICE password", "a=ice-pwd:"),
    ] {
        let words = words_after(&wire, needle);
        secrets.extend(words.into_iter().filter(|word| word.len() > 12).map(|word| (kind, word)));
    }
    assert!(secrets.len() > 3, "the wire gave only {secrets:?}");
    for (kind, secret) in &secrets {
        // Escapes end a word early; its beginning is telling enough.
        let secret = secret.split(['\\', '&']).next().unwrap();
        for (place, text) in [("log", outcome.log.clone()), ("stdout", outcome.stdout.join("\n"))] {
            assert!(!text.contains(secret), "the {kind} is in the {place}: {secret}");
        }
    }
    // Who it was is nobody's business either who reads the log for a cause.
    let telling: Vec<&str> = outcome.log.lines().filter(|line| line.contains("carla")).collect();
    assert!(telling.is_empty(), "{telling:#?}");
}

#[test]
fn people_get_sentences_and_scripts_get_json() {
    let exchange = exchange(ExchangeOptions::default());
    let run = offhook().args(["call", "echo", "--exchange", exchange.origin(), "--duration", "1s"]);
    let outcome = run.args(["--input", "tone:440", "--output", "null"]).finish(LIMIT);
    outcome.assert_code(0);
    let text = outcome.stdout.join("\n");
    assert!(!text.trim_start().starts_with('{') && text.contains("echo"), "{outcome}");
}

#[test]
fn the_practice_exchange_runs_alone_and_takes_calls_from_another_process() {
    let port = phone_tests::process::free_port();
    let listen = format!("127.0.0.1:{port}");
    let server = offhook().args(["exchange", "--listen", &listen]).start();
    let up = phone_tests::process::wait_for(20 * SECOND, || std::net::TcpStream::connect(&listen).ok());
    assert!(up.is_some(), "{}", server.story());
    let origin = format!("http://{listen}");
    let run = offhook().args(["call", "echo", "--json", "--exchange", &origin, "--duration", "2s"]);
    let outcome = run.args(["--input", "tone:440", "--output", "null"]).finish(LIMIT);
    outcome.assert_code(0);
    assert!(outcome.summary()["calls"][0]["packets"]["received"].as_u64().unwrap() > 20, "{outcome}");
    server.interrupt();
    let ended = server.finish(10 * SECOND);
    assert!(matches!(ended.code, Some(0 | 130)), "{ended}");
}

#[test]
fn garbage_on_every_media_socket_does_no_harm() {
    let exchange = exchange(ExchangeOptions::default());
    for extra in [&[][..], &["--force-relay"]] {
        let run = call(&exchange, "echo").args(["--duration", "4s", "--input", "tone:440", "--output", "null"]);
        let mut run = run.args(extra.iter().copied()).start();
        run.until("media", LIMIT);
        pelt(&run);
        let outcome = run.finish(LIMIT);
        outcome.assert_code(0);
        let first = &outcome.summary()["calls"][0];
        assert_eq!(first["end_reason"], "hangup", "{outcome}");
        assert!(first["packets"]["received"].as_u64().unwrap() > 120, "{outcome}");
        // What strangers send is no breach of the relay fence.
        assert_eq!(first["packets"]["blocked_by_relay_fence"], 0, "{outcome}");
    }
}

/// Sends garbage to every UDP port of this program.
fn pelt(run: &Session) {
    let mut ports = Ports::default();
    ports.look(run.id());
    let ports = ports.udp_ports();
    assert!(!ports.is_empty(), "{}", run.story());
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut random = Random::new(5);
    for round in 0..200_usize {
        for port in &ports {
            let mut bytes = random.bytes(round * 7 % 1_400);
            // Every kind of first byte: STUN, DTLS, TURN channel, RTP (RFC 7983 §7).
            if let Some(first) = bytes.first_mut() {
                *first = [0, 1, 20, 22, 64, 127, 128, 191][round % 8];
            }
            if let Err(error) = socket.send_to(&bytes, ("127.0.0.1", *port)) {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{error}");
            }
        }
    }
}
