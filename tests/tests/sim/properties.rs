//! Whatever the user, the exchange and the network do, in whatever order: what must hold, holds.

use std::time::Duration;

use phone_core::Command;
use phone_core::snapshot::CallState;
use phone_exchange::Fault;
use phone_tests::net::Path;
use phone_tests::world::{EXCHANGE, Recipe, Voice, World};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
enum Step {
    Dial(u8),
    CallMe,
    Answer,
    Decline,
    HangUp,
    Hold(bool),
    Mute(bool),
    Digits,
    StopPersistent,
    Reconnect,
    Inject(u8),
    CutExchange(bool),
    BlockUdp(bool),
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_u8).prop_map(Step::Dial),
        2 => Just(Step::CallMe),
        3 => Just(Step::Answer),
        1 => Just(Step::Decline),
        3 => Just(Step::HangUp),
        2 => any::<bool>().prop_map(Step::Hold),
        2 => any::<bool>().prop_map(Step::Mute),
        1 => Just(Step::Digits),
        1 => Just(Step::StopPersistent),
        1 => Just(Step::Reconnect),
        2 => (0..10_u8).prop_map(Step::Inject),
        1 => any::<bool>().prop_map(Step::CutExchange),
        1 => any::<bool>().prop_map(Step::BlockUdp),
        8 => (0..8_000_u16).prop_map(Step::Wait),
    ]
}

fn take(world: &mut World, step: &Step) {
    let calls = world.snapshot(0).calls;
    // The newest call; a stale id is a valid input too.
    let call = calls.last().map_or(phone_core::ids::CallId(77), |call| call.id);
    let command = match step {
        Step::Dial(which) => {
            let to = ["echo", "music", "ben", "no-such-user", ""][usize::from(*which)];
            Command::Dial { to: to.into() }
        }
        Step::CallMe => Command::CallMe,
        Step::Answer => Command::Answer(call),
        Step::Decline => Command::Decline(call),
        Step::HangUp => Command::HangUp(call),
        Step::Hold(held) => Command::Hold { call, held: *held },
        Step::Mute(muted) => Command::Mute { muted: *muted },
        Step::Digits => Command::SendDigits { call, digits: "1x#".to_owned() },
        Step::StopPersistent => Command::StopPersistentConnection,
        Step::Reconnect => Command::Reconnect,
        Step::Inject(which) => {
            world.inject(match which {
                0 => Fault::DropSockets,
                1 => Fault::RestStatus(Some(500)),
                2 => Fault::RestStatus(None),
                3 => Fault::Stall(true),
                4 => Fault::Stall(false),
                5 => Fault::LoseMedia(0.2),
                6 => Fault::Reinvite,
                7 => Fault::LoseChannels,
                8 => Fault::AskReconnect,
                _ => Fault::SendGarbage("<message".to_owned()),
            });
            return;
        }
        Step::CutExchange(cut) => {
            world.cut(EXCHANGE, *cut);
            return;
        }
        Step::BlockUdp(blocked) => {
            let host = world.host(0);
            world.net.block_udp(host, *blocked);
            return;
        }
        Step::Wait(ms) => {
            world.advance(Duration::from_millis(u64::from(*ms)));
            return;
        }
    };
    world.command(0, command);
}

/// What must hold at any moment.
fn check(world: &World) -> Result<(), TestCaseError> {
    let snapshot = world.snapshot(0);
    let talking = snapshot
        .calls
        .iter()
        .any(|call| matches!(call.state, CallState::Connected | CallState::Held { .. } | CallState::Recovering { .. }));
    if world.devices(0).microphone_open() {
        prop_assert!(talking, "the microphone is open without a call\n{}", world.story(0));
    }
    let connected = snapshot.calls.iter().filter(|call| matches!(call.state, CallState::Connected)).count();
    prop_assert!(connected <= 1 || snapshot.calls.len() > 1);
    for call in &snapshot.calls {
        prop_assert!(call.connected.is_none_or(|connected| connected >= call.started), "{call:#?}");
    }
    Ok(())
}

proptest! {
    // Each case is a whole world that lives for minutes; the nightly fuzz target runs many more.
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_phone_is_ready_again_after_any_trouble_and_never_listens_in(
        seed in 1..10_000_u64,
        bad in any::<bool>(),
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let path = if bad { Path::BAD_WIFI } else { Path::GOOD };
        let mut world = World::with_ana(Recipe { seed, path, ..Recipe::default() });
        world.sign_in("ben", Voice::Silence);
        for step in &steps {
            take(&mut world, step);
            check(&world)?;
        }
        // Everything outside is well again, and everybody hangs up.
        for fault in [Fault::RestStatus(None), Fault::Stall(false), Fault::LoseMedia(0.0)] {
            world.inject(fault);
        }
        world.cut(EXCHANGE, false);
        world.net.set_usual(Path::GOOD);
        let host = world.host(0);
        world.net.block_udp(host, false);
        prop_assert!(
            world.run_until(Duration::from_mins(4), |world| world.is_ready(0)),
            "not ready again after {steps:?}\n{}", world.story(0)
        );
        for _ in 0..3 {
            for call in world.snapshot(0).calls {
                world.command(0, if matches!(call.state, CallState::Alerting { .. }) {
                    Command::Decline(call.id)
                } else {
                    Command::HangUp(call.id)
                });
            }
            world.advance(20 * SECOND);
        }
        check(&world)?;
        prop_assert!(!world.devices(0).microphone_open(), "{}", world.story(0));
        world.command(0, Command::Mute { muted: false });
        world.advance(SECOND);
        let call = world.call(0, "echo");
        world.assert_hears(0, 440.0);
        world.hang_up(0, call);
    }
}
