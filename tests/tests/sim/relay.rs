//! Force TURN in simulated time, audited: every datagram of the phone is on record.

use std::time::Duration;

use phone_core::event::{EndReason, Event};
use phone_core::media::{MediaPath, RelayPolicy, TurnTransport};
use phone_core::policy::{Layer, Layers, Setting, Source, Value};
use phone_core::{Command, PhoneConfig};
use phone_exchange::{ExchangeOptions, Fault};
use phone_tests::world::{Recipe, World};

const SECOND: Duration = Duration::from_secs(1);

fn forced(turn: Option<TurnTransport>) -> Recipe {
    let phone = PhoneConfig { relay: RelayPolicy::ForceRelay, ..PhoneConfig::default() };
    Recipe { phone, turn, ..Recipe::default() }
}

#[test]
fn a_forced_relay_call_is_heard_and_sends_to_the_turn_server_only() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls] {
        let mut world = World::with_ana(forced(Some(transport)));
        let call = world.call(0, "echo");
        world.assert_hears(0, 440.0);
        world.advance(20 * SECOND);
        let report = world.hang_up(0, call);
        world.advance(5 * SECOND);
        assert_eq!(report.path, Some(MediaPath::RelayForced), "{transport:?}: {report:#?}");
        assert_eq!(report.packets.blocked_by_relay_fence, 0, "{transport:?}: {report:#?}");
        assert_eq!(report.packets.lost, 0, "{transport:?}: {report:#?}");
        assert_eq!(report.relay.as_ref().map(|relay| relay.transport), Some(transport), "{report:#?}");
        let elsewhere = world.sent_elsewhere(world.host(0), world.turn_address());
        assert_eq!(elsewhere, 0, "{transport:?}: {elsewhere} packets went elsewhere");
        assert_eq!(world.violations(), Vec::<String>::new());
    }
}

#[test]
fn a_site_that_forces_turn_needs_no_local_setting() {
    let exchange = ExchangeOptions { force_turn: true, ..ExchangeOptions::default() };
    let mut world = World::with_ana(Recipe { exchange, ..Recipe::default() });
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    assert!(world.snapshot(0).relay_forced);
    assert_eq!(world.hang_up(0, call).path, Some(MediaPath::RelayForced));
    assert_eq!(world.sent_elsewhere(world.host(0), world.turn_address()), 0);
}

#[test]
fn where_no_direct_way_works_the_relay_is_used_and_said_to_be_needed() {
    let mut world = World::new(Recipe { turn: Some(TurnTransport::Tcp), ..Recipe::default() });
    let who = world.add_phone(phone_tests::world::Voice::Tone(440.0));
    let host = world.host(who);
    world.net.block_udp(host, true);
    world.command(
        who,
        phone_core::SignIn::Practice { origin: phone_tests::world::origin().to_owned(), user: "ana".into() },
    );
    world.wait(who, "registered", |event| matches!(event, Event::Registered { .. }));
    let call = world.call(who, "echo");
    world.assert_hears(who, 440.0);
    assert_eq!(world.hang_up(who, call).path, Some(MediaPath::RelayNeeded));
}

#[test]
fn twelve_minutes_outlive_every_nonce_of_a_minute() {
    let mut world = World::with_ana(Recipe { nonce: Duration::from_mins(1), ..forced(Some(TurnTransport::Udp)) });
    let call = world.call(0, "echo");
    world.advance(Duration::from_mins(12));
    world.assert_hears(0, 440.0);
    let report = world.hang_up(0, call);
    assert_eq!(report.packets.lost, 0, "{report:#?}");
    assert!(report.packets.received > 35_000, "{report:#?}");
    assert!(world.stale_nonces() >= 2, "no nonce went stale, so nothing was shown");
}

#[test]
fn a_turn_server_that_is_silent_is_told_within_ten_seconds_and_no_media_leaves() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        let mut world = World::with_ana(forced(Some(transport)));
        world.inject(Fault::StopTurn(true));
        world.advance(Duration::from_mins(11));
        let asked = world.now;
        world.command(0, Command::Dial { to: "echo".into() });
        let notice = world.problem(0);
        let took = world.now - asked;
        assert!(took < 10 * SECOND, "{transport:?}: told after {took:?}: {notice:?}");
        assert!(notice.text.contains("192.0.2.20"), "the server is not named: {notice:?}");
        let ended = world.wait(0, "ended", |event| matches!(event, Event::Ended { .. }));
        let Event::Ended { report, .. } = ended else { unreachable!("only this event fits") };
        assert_eq!((report.packets.sent, report.end_reason), (0, EndReason::MediaFailed), "{report:#?}");
        assert_eq!(world.sent_elsewhere(world.host(0), world.turn_address()), 0);
        // It comes back, and so does the phone.
        world.inject(Fault::StopTurn(false));
        world.advance(Duration::from_mins(2));
        let call = world.call(0, "echo");
        world.assert_hears(0, 440.0);
        world.hang_up(0, call);
    }
}

/// A phone whose site lists this server, which may use relays only.
fn listing(server: &str, pin: &str) -> Recipe {
    let mut settings = Layers::default();
    let site = || Source::new(Layer::Site, "Madrid");
    settings.set(Setting::RelayServers, Value::List(vec![server.to_owned()]), site());
    settings.set(Setting::RelayChoice, Value::Text("listed".to_owned()), site());
    if !pin.is_empty() {
        settings.set(Setting::RelayRegion, Value::Text(pin.to_owned()), site());
    }
    let phone = PhoneConfig { settings, relay: RelayPolicy::ForceRelay, ..PhoneConfig::default() };
    Recipe { phone, ..Recipe::default() }
}

#[test]
fn row_39_a_relay_that_the_site_does_not_list_is_never_contacted() {
    for (listed, pin, allowed) in [
        ("eu-west-1=turn:192.0.2.20:3478", "", true),
        ("eu-west-1=turn:192.0.2.20", "eu-west-1", true),
        ("eu-west-1=turn:198.51.100.7:3478", "", false),
        ("eu-west-1=turn:192.0.2.20:3478?transport=tcp", "", false),
        ("eu-west-1=turn:192.0.2.20:3478", "eu-central-1", false),
    ] {
        let mut world = World::with_ana(listing(listed, pin));
        let relay = world.turn_address();
        let contacted = |world: &World| world.net.sent().iter().any(|sent| sent.to == relay);
        if allowed {
            let call = world.call(0, "echo");
            world.assert_hears(0, 440.0);
            assert_eq!(world.hang_up(0, call).path, Some(MediaPath::RelayForced), "{listed}");
            assert!(contacted(&world));
        } else {
            world.command(0, Command::Dial { to: "echo".into() });
            world.advance(20 * SECOND);
            assert!(!contacted(&world), "{listed}, pinned {pin}");
            assert!(world.story(0).contains("no-allowed-relay"), "{}", world.story(0));
        }
    }
}

#[test]
fn without_any_turn_server_a_forced_relay_says_so_at_once() {
    let mut world = World::with_ana(forced(None));
    let asked = world.now;
    world.command(0, Command::Dial { to: "echo".into() });
    let notice = world.problem(0);
    assert!(world.now - asked < 10 * SECOND, "{notice:?}");
    assert!(notice.remedy.len() > 10, "{notice:?}");
    world.advance(10 * SECOND);
    assert_eq!(world.net.sent().iter().filter(|sent| sent.from.ip() == world.host(0)).count(), 0);
}

#[test]
fn a_turn_server_that_vanishes_in_a_call_is_survived_once_it_is_back() {
    let mut world = World::with_ana(forced(Some(TurnTransport::Udp)));
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.inject(Fault::StopTurn(true));
    world.advance(8 * SECOND);
    world.inject(Fault::StopTurn(false));
    world.advance(20 * SECOND);
    world.assert_hears(0, 440.0);
    assert_eq!(world.hang_up(0, call).end_reason, EndReason::Hangup);
    assert_eq!(world.sent_elsewhere(world.host(0), world.turn_address()), 0);
}
