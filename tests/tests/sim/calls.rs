//! Calls on a good network.

use std::sync::Arc;
use std::time::Duration;

use phone_core::Command;
use phone_core::event::{CallDirection, EndReason, EndedBy, Event};
use phone_core::media::MediaPath;
use phone_core::snapshot::{CallState, PersistentView};
use phone_tests::signal;
use phone_tests::world::{Recipe, Voice, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_echo_call_is_heard_and_reported() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    assert!(matches!(world.state(0, call), Some(CallState::Connected)), "{}", world.story(0));
    let heard = world.hear(0, 4 * SECOND);
    let heard = signal::between(&heard, SECOND, 4 * SECOND);
    signal::assert_tone("the echo", heard, 440.0, -24.0..=-16.0);
    let report = world.hang_up(0, call);
    assert_eq!((report.direction, report.path), (CallDirection::Out, Some(MediaPath::Direct)), "{report:#?}");
    assert_eq!((report.ended_by, report.end_reason), (EndedBy::Local, EndReason::Hangup), "{report:#?}");
    assert!((180..=240).contains(&report.packets.sent), "{report:#?}");
    assert_eq!((report.packets.lost, report.packets.blocked_by_relay_fence), (0, 0), "{report:#?}");
    // Two times 5 ms on the way.
    let rtt = report.network.rtt_ms.unwrap();
    assert!((9.0..14.0).contains(&rtt), "{report:#?}");
    assert!(report.setup_ms.total.is_some_and(|ms| ms < 1_000.0), "{report:#?}");
    world.advance(2 * SECOND);
    assert!(!world.devices(0).microphone_open(), "{}", world.story(0));
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn speech_comes_back_as_the_same_speech() {
    let spoken = Arc::new(signal::speech(3, 8 * SECOND));
    let mut world = World::new(Recipe::default());
    world.sign_in("ana", Voice::Silence);
    world.call(0, "echo");
    world.devices(0).say(Voice::Samples(Arc::clone(&spoken)));
    let heard = world.hear(0, 9 * SECOND);
    let likeness = signal::likeness(signal::between(&spoken, SECOND, 8 * SECOND), &heard[48_000..], SECOND);
    assert!(likeness.found > 0.85 && likeness.waveform > 0.65, "{likeness:?}");
    assert!(likeness.delay < Duration::from_millis(250), "{likeness:?}");
}

#[test]
fn an_incoming_call_rings_is_answered_and_heard() {
    let mut world = World::with_ana(Recipe::default());
    let ben = world.sign_in("ben", Voice::Tone(700.0));
    world.command(0, Command::Dial { to: "ben".into() });
    let Event::Alerting { call } = world.wait(ben, "alerting", |e| matches!(e, Event::Alerting { .. })) else {
        unreachable!("only this event fits")
    };
    world.advance(3 * SECOND);
    assert!(matches!(world.state(ben, call), Some(CallState::Alerting { .. })), "{}", world.story(ben));
    assert!(world.devices(ben).rang(), "nothing rang: {}", world.story(ben));
    assert!(!world.devices(ben).microphone_open(), "the microphone is open before the answer");
    world.command(ben, Command::Answer(call));
    world.wait(ben, "media", |event| matches!(event, Event::Media { .. }));
    world.wait(0, "connected", |event| matches!(event, Event::Connected { .. }));
    world.assert_hears(0, 700.0);
    world.assert_hears(ben, 440.0);
    let report = world.hang_up(ben, call);
    assert_eq!(report.direction, CallDirection::In);
    let there = world.wait(0, "ended", |event| matches!(event, Event::Ended { .. }));
    assert!(matches!(there, Event::Ended { report, .. } if report.ended_by == EndedBy::Remote));
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn a_declined_call_is_over_on_both_sides_without_media() {
    let mut world = World::with_ana(Recipe::default());
    let ben = world.sign_in("ben", Voice::Silence);
    world.command(0, Command::Dial { to: "ben".into() });
    let Event::Alerting { call } = world.wait(ben, "alerting", |e| matches!(e, Event::Alerting { .. })) else {
        unreachable!("only this event fits")
    };
    world.command(ben, Command::Decline(call));
    let report = world.ended(ben, call);
    assert_eq!((report.packets.sent, report.ended_by), (0, EndedBy::Local), "{report:#?}");
    world.wait(0, "ended", |event| matches!(event, Event::Ended { .. }));
    assert_eq!(world.devices(ben).microphone_opened(), 0);
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let mut world = World::with_ana(Recipe::default());
    let ben = world.sign_in("ben", Voice::Silence);
    world.command(0, Command::Dial { to: "ben".into() });
    let ringing = world.wait(ben, "alerting", |event| matches!(event, Event::Alerting { .. }));
    let Event::Alerting { call } = ringing else { unreachable!("only this event fits") };
    let ours = world.snapshot(0).calls[0].id;
    world.command(0, Command::HangUp(ours));
    world.ended(ben, call);
    world.advance(2 * SECOND);
    world.devices(ben).rang();
    world.advance(5 * SECOND);
    assert!(!world.devices(ben).rang(), "it still rings: {}", world.story(ben));
}

#[test]
fn nothing_of_a_muted_microphone_is_heard() {
    let mut world = World::with_ana(Recipe::default());
    world.call(0, "echo");
    world.assert_hears(0, 440.0);
    world.command(0, Command::Mute { muted: true });
    world.wait(0, "muted", |event| matches!(event, Event::Muted { muted: true }));
    world.advance(Duration::from_millis(200));
    let heard = world.hear(0, 5 * SECOND);
    // Piece by piece: a second of a word that rings on would not show in the whole.
    let levels: Vec<f64> = heard.chunks_exact(4_800).map(|piece| signal::tone_dbfs(piece, 440.0)).collect();
    assert!(levels.iter().all(|level| *level < -70.0), "heard at {levels:?} dBFS");
    world.command(0, Command::Mute { muted: false });
    world.wait(0, "unmuted", |event| matches!(event, Event::Muted { muted: false }));
    world.assert_hears(0, 440.0);
}

#[test]
fn a_held_call_is_silent_and_resumes() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    for _ in 0..3 {
        world.command(0, Command::Hold { call, held: true });
        world.wait(0, "held", |event| matches!(event, Event::Held { .. }));
        assert!(matches!(world.state(0, call), Some(CallState::Held { .. })), "{}", world.story(0));
        world.advance(SECOND);
        let heard = world.hear(0, 2 * SECOND);
        assert!(signal::tone_dbfs(&heard, 440.0) < -60.0, "our own voice comes back while on hold");
        world.command(0, Command::Hold { call, held: false });
        world.wait(0, "resumed", |event| matches!(event, Event::Resumed { .. }));
        world.assert_hears(0, 440.0);
    }
    assert_eq!(world.hang_up(0, call).end_reason, EndReason::Hangup);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn digits_arrive_in_order_and_are_confirmed() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.command(0, Command::SendDigits { call, digits: "0123456789*#".to_owned() });
    world.advance(6 * SECOND);
    assert_eq!(world.far_digits(), "0123456789*#");
    let sent: String = world
        .events(0)
        .filter_map(|event| if let Event::DigitSent { digit, .. } = event { Some(*digit) } else { None })
        .collect();
    assert_eq!(sent, "0123456789*#");
}

#[test]
fn five_minutes_of_talk_stay_clean() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.advance(Duration::from_mins(5));
    world.assert_hears(0, 440.0);
    let report = world.hang_up(0, call);
    assert_eq!((report.packets.lost, report.packets.late), (0, 0), "{report:#?}");
    assert!(report.audio.concealed_ms.is_some_and(|ms| ms < 200.0), "{report:#?}");
    assert_eq!(world.events(0).filter(|event| matches!(event, Event::Unregistered)).count(), 0);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn signing_out_in_a_call_ends_it_and_forgets_the_session() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.command(0, Command::SignOut);
    world.ended(0, call);
    world.advance(5 * SECOND);
    let snapshot = world.snapshot(0);
    assert_eq!(snapshot.standing, phone_core::snapshot::Standing::SignedOut, "{}", world.story(0));
    assert!(matches!(snapshot.persistent, PersistentView::Off | PersistentView::Closed), "{:?}", snapshot.persistent);
    assert!(!world.devices(0).microphone_open());
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn a_call_of_half_a_second_reports_what_it_sent_and_heard() {
    let mut world = World::with_ana(Recipe::default());
    let call = world.call(0, "echo");
    world.advance(Duration::from_millis(500));
    let report = world.hang_up(0, call);
    assert!((20..=40).contains(&report.packets.sent), "{report:#?}");
    assert!((20..=40).contains(&report.packets.received), "{report:#?}");
    assert!(report.audio.level_in_dbfs.is_some_and(|level| (-22.0..=-18.0).contains(&level)), "{report:#?}");
}

#[test]
fn a_call_hung_up_at_once_is_over_at_once_and_the_next_one_works() {
    for delay_ms in [0, 3, 6, 11, 16, 22, 30, 45, 70] {
        let mut world = World::with_ana(Recipe { seed: delay_ms + 1, ..Recipe::default() });
        world.command(0, Command::Dial { to: "echo".into() });
        world.advance(Duration::from_millis(delay_ms));
        let call = world.snapshot(0).calls[0].id;
        let report = world.hang_up(0, call);
        assert_eq!(report.ended_by, EndedBy::Local, "after {delay_ms} ms: {report:#?}");
        world.advance(30 * SECOND);
        let problems = world.events(0).filter(|event| matches!(event, Event::Problem(_))).count();
        assert_eq!(problems, 0, "after {delay_ms} ms: {}", world.story(0));
        assert_eq!(world.violations(), Vec::<String>::new(), "after {delay_ms} ms");
        assert!(!world.devices(0).microphone_open(), "after {delay_ms} ms");
        let call = world.call(0, "echo");
        world.assert_hears(0, 440.0);
        world.hang_up(0, call);
    }
}

#[test]
fn digits_pressed_before_the_answer_arrive_after_it() {
    let mut world = World::with_ana(Recipe::default());
    let ben = world.sign_in("ben", Voice::Silence);
    world.command(0, Command::Dial { to: "ben".into() });
    let call = world.snapshot(0).calls[0].id;
    world.command(0, Command::SendDigits { call, digits: "12".into() });
    let ringing = world.wait(ben, "alerting", |event| matches!(event, Event::Alerting { .. }));
    let Event::Alerting { call: there } = ringing else { unreachable!("only this event fits") };
    world.command(0, Command::SendDigits { call, digits: "3#".into() });
    world.advance(3 * SECOND);
    assert_eq!(world.far_digits(), "");
    world.command(ben, Command::Answer(there));
    world.wait(0, "connected", |event| matches!(event, Event::Connected { .. }));
    world.advance(3 * SECOND);
    assert_eq!(world.far_digits(), "123#");
}
