//! Force TURN against real and embedded TURN servers. (What left the process is audited in the program's own tests.)

use std::time::{Duration, Instant};

use phone_core::Command;
use phone_core::event::Event;
use phone_core::media::{RelayPolicy, TurnTransport};
use phone_exchange::{ExchangeOptions, TurnChoice};
use phone_tests::coturn::{Coturn, CoturnOptions};
use phone_tests::phone::{Setup, TestPhone, assert_good, assert_helpful, assert_relay_forced};
use phone_tests::signal;

const SECOND: Duration = Duration::from_secs(1);

fn forced() -> Setup {
    Setup { relay: RelayPolicy::ForceRelay, ..Setup::default() }
}

/// A relayed echo call with the tone heard; the port of the TURN server it went through.
#[track_caller]
fn relayed_echo(turn: TurnChoice) -> phone_core::event::CallReport {
    let exchange = phone_exchange::start(ExchangeOptions { turn, ..ExchangeOptions::default() }).unwrap();
    let mut phone = TestPhone::signed_in(&exchange, "ana", forced());
    assert!(phone.snapshot().relay_forced, "{}", phone.story());
    let call = phone.call("echo");
    phone.listen(2 * SECOND);
    let report = phone.hang_up(call);
    assert_good(&report);
    let heard = phone.finish();
    let heard = signal::between(signal::after_onset(&heard, -40.0), SECOND / 2, 2 * SECOND);
    signal::assert_tone("the relayed echo", heard, 440.0, -25.0..=-15.0);
    report
}

#[test]
fn a_forced_relay_call_goes_through_coturn_over_udp() {
    let coturn = Coturn::start(CoturnOptions::default());
    let report = relayed_echo(coturn.choice(TurnTransport::Udp));
    assert_relay_forced(&report, coturn.address(TurnTransport::Udp).1);
    assert_eq!(report.relay.map(|relay| relay.transport), Some(TurnTransport::Udp));
}

#[test]
fn a_forced_relay_call_goes_through_coturn_over_tcp() {
    let coturn = Coturn::start(CoturnOptions::default());
    let report = relayed_echo(coturn.choice(TurnTransport::Tcp));
    assert_relay_forced(&report, coturn.address(TurnTransport::Tcp).1);
    assert_eq!(report.relay.map(|relay| relay.transport), Some(TurnTransport::Tcp));
}

#[test]
fn the_exchange_has_a_turn_server_of_its_own() {
    let report = relayed_echo(TurnChoice::Embedded);
    assert!(report.relay.is_some(), "{report:#?}");
}

#[test]
fn a_site_with_force_turn_forces_the_relay_without_a_local_setting() {
    let options = ExchangeOptions { force_turn: true, ..ExchangeOptions::default() };
    let exchange = phone_exchange::start(options).unwrap();
    let mut phone = TestPhone::signed_in(&exchange, "ana", Setup::default());
    let call = phone.call("echo");
    assert!(phone.snapshot().relay_forced, "{}", phone.story());
    phone.listen(SECOND);
    let report = phone.hang_up(call);
    assert_eq!(report.path, Some(phone_core::media::MediaPath::RelayForced), "{report:#?}");
}

#[test]
fn a_turn_server_that_vanished_is_named_within_ten_seconds() {
    let mut coturn = Coturn::start(CoturnOptions::default());
    let turn = coturn.choice(TurnTransport::Udp);
    let exchange = phone_exchange::start(ExchangeOptions { turn, ..ExchangeOptions::default() }).unwrap();
    coturn.stop();
    failing_call(&exchange, &coturn);
}

#[test]
fn a_turn_server_that_hangs_is_named_within_ten_seconds() {
    let coturn = Coturn::start(CoturnOptions::default());
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        let turn = coturn.choice(transport);
        let exchange = phone_exchange::start(ExchangeOptions { turn, ..ExchangeOptions::default() }).unwrap();
        coturn.freeze();
        failing_call(&exchange, &coturn);
    }
}

#[test]
fn a_turn_server_that_refuses_is_named_within_ten_seconds() {
    let coturn = Coturn::start(CoturnOptions { refuse: true, ..CoturnOptions::default() });
    let turn = coturn.choice(TurnTransport::Udp);
    let exchange = phone_exchange::start(ExchangeOptions { turn, ..ExchangeOptions::default() }).unwrap();
    failing_call(&exchange, &coturn);
}

#[track_caller]
fn failing_call(exchange: &phone_exchange::RunningExchange, coturn: &Coturn) {
    let mut phone = TestPhone::signed_in(exchange, "ana", forced());
    let start = Instant::now();
    phone.send(Command::Dial { to: "echo".into() });
    let notice = phone.problem(Duration::from_secs(15));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "said only after {took:?}: {notice:?}");
    assert_helpful(&notice);
    let (_, port) = coturn.address(TurnTransport::Udp);
    assert!(notice.text.contains(&port.to_string()), "the server is not named: {notice:?}");
    let ended = phone.wait("ended", |event| matches!(event, Event::Ended { .. }));
    let Event::Ended { report, .. } = ended else { unreachable!("only this event fits") };
    assert_eq!((report.packets.sent, report.packets.received), (0, 0), "{report:#?}");
    phone.wait_snapshot("the phone is ready again", |s| {
        s.calls.iter().all(|call| matches!(call.state, phone_core::snapshot::CallState::Ended { .. }))
    });
}
