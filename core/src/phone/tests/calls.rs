//! Calls on sessions of their own.

use super::*;
use crate::event::AudioStats;
use crate::snapshot::CallState;
use crate::sound::{SoundEvent, SoundProblem};

#[test]
fn an_inbound_call_is_answered_held_muted_and_ended() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    sim.propose("S1", "C1", "");
    let view = &sim.phone.snapshot().calls[0];
    assert_eq!((view.peer_name.reveal().as_str(), view.peer_address.reveal().as_str()), ("Ben", "+13175550100"));
    let call = sim.last_call();
    sim.advance_ms(2_000);
    sim.command(Command::Answer(call));
    sim.offer("S1", "C1");
    sim.up(1);
    sim.event("C1", "connected", "inbound");
    sim.advance_ms(1_000);
    sim.command(Command::Mute { muted: true });
    sim.event_with("C1", "connected", "inbound", &serde_json::json!({"muted": true}));
    sim.command(Command::Mute { muted: false });
    sim.event("C1", "connected", "inbound");
    sim.command(Command::Hold { call, held: true });
    sim.event_with("C1", "connected", "inbound", &serde_json::json!({"held": true}));
    sim.advance_ms(1_000);
    sim.command(Command::Hold { call, held: false });
    sim.event("C1", "connected", "inbound");
    sim.command(Command::SendDigits { call, digits: "1a#x".into() });
    sim.command(Command::HangUp(call));
    sim.event_with("C1", "disconnected", "inbound", &serde_json::json!({"disconnectType": "client"}));
    let terminate = sim.service.terminate("S1", "success");
    sim.says(terminate);
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  Alerting 1
        0.0  tone Ring
        2.0  send proceed S1
        2.0  tone off
        2.0  send accept S1
        2.0  media accept 1
        2.0  send answer S1
        2.0  send info S1 active
        2.0  Connected 1
        2.0  microphone 1 open
        2.0  ear 1 open
        3.0  sound Mute { muted: true }
        3.0  Muted { muted: true }
        3.0  PATCH /conversations/calls/C1/participants/P-C1 {"muted":true}
        3.0  sound Mute { muted: false }
        3.0  Muted { muted: false }
        3.0  PATCH /conversations/calls/C1/participants/P-C1 {"muted":false}
        3.0  PATCH /conversations/calls/C1/participants/P-C1 {"held":true}
        3.0  microphone 1 closed
        3.0  ear 1 closed
        3.0  Held 1
        4.0  PATCH /conversations/calls/C1/participants/P-C1 {"held":false}
        4.0  Resumed 1
        4.0  microphone 1 open
        4.0  ear 1 open
        4.0  sound DigitTone('1')
        4.0  sound DigitTone('A')
        4.0  sound DigitTone('#')
        4.0  POST /conversations/C1/participants/P-C1/digits {"digits":"1A#"}
        4.0  DigitSent 1 1
        4.0  DigitSent 1 A
        4.0  DigitSent 1 #
        4.0  PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}
        4.0  microphone 1 closed
        4.0  ear 1 closed
        4.0  ended 1: Hangup by Local
        4.0  media close 1
    "#);
    let recent = &sim.phone.snapshot().recent[0];
    assert_eq!((recent.connected_s, recent.reason), (Some(2), EndReason::Hangup));
}

#[test]
fn the_proposal_may_come_before_the_event() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.propose("S1", "C1", "");
    assert_eq!(sim.phone.snapshot().calls.len(), 1);
    sim.event("C1", "alerting", "inbound");
    assert_eq!(sim.phone.snapshot().calls.len(), 1);
    assert_eq!(sim.phone.snapshot().calls[0].peer_name.reveal(), "Ben");
}

#[test]
fn an_answer_before_the_proposal_takes_it_when_it_comes() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    let call = sim.last_call();
    sim.command(Command::Answer(call));
    sim.advance_ms(500);
    sim.propose("S1", "C1", "");
    assert!(sim.transcript.contains("send proceed S1"), "{}", sim.transcript);
}

#[test]
fn an_answer_that_gets_no_session_rings_again_and_says_why() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    let call = sim.last_call();
    sim.command(Command::Answer(call));
    sim.advance(Duration::from_secs(6));
    assert!(sim.transcript.contains("problem no-session"), "{}", sim.transcript);
    assert!(matches!(sim.phone.snapshot().calls[0].state, CallState::Alerting { .. }));
    assert_eq!(sim.phone.snapshot().calls[0].pending, None);
}

#[test]
fn an_outbound_call_answers_its_own_leg_and_rings_there() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.command(dial());
    sim.event("C-dialled", "contacting", "outbound");
    sim.propose("S1", "C-dialled", r#"inin-autoanswer="true""#);
    sim.advance_ms(100);
    sim.offer("S1", "C-dialled");
    sim.up(1);
    sim.event("C-dialled", "dialing", "outbound");
    sim.advance_ms(2_000);
    sim.event("C-dialled", "connected", "outbound");
    sim.advance_ms(20);
    sim.input(Input::Media(MediaEvent::FirstMedia { session: SessionId(1) }));
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  Dialling 1
        0.0  POST /conversations/calls {"phoneNumber":"+13175550123"}
        0.0  send proceed S1
        0.1  send accept S1
        0.1  media accept 1
        0.1  ear 1 open
        0.1  send answer S1
        0.1  send info S1 active
        0.1  Ringing 1
        0.1  tone Ringback
        2.1  Connected 1
        2.1  microphone 1 open
        2.1  tone off
        2.1  Media 1
    "#);
}

#[test]
fn a_dial_that_is_refused_ends_with_a_sentence() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.service.refuse.insert("conversations/calls", 400);
    sim.command(dial());
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  Dialling 1
        0.0  POST /conversations/calls {"phoneNumber":"+13175550123"}
        0.0  problem request-failed
        0.0  ended 1: NotFound by System
    "#);
}

#[test]
fn a_busy_number_is_heard_as_busy() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.command(dial());
    sim.event("C-dialled", "contacting", "outbound");
    let busy = serde_json::json!({"disconnectReasons": [{"type": "sip", "code": 486}]});
    sim.event_with("C-dialled", "disconnected", "outbound", &busy);
    sim.advance(Duration::from_secs(5));
    assert!(sim.transcript.contains("ended 1: Busy by Remote"), "{}", sim.transcript);
    assert!(sim.transcript.contains("tone Busy") && sim.transcript.ends_with("3.0  tone off\n"), "{}", sim.transcript);
}

#[test]
fn a_declined_call_goes_by_rest_alone() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    sim.propose("S1", "C1", "");
    let call = sim.last_call();
    sim.command(Command::Decline(call));
    let retract = sim.service.retract("S1");
    sim.says(retract);
    sim.event("C1", "disconnected", "inbound");
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  Alerting 1
        0.0  tone Ring
        0.0  PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}
        0.0  tone off
        0.0  ended 1: Declined by Local
    "#);
}

#[test]
fn a_call_taken_elsewhere_stops_ringing() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    sim.propose("S1", "C1", "");
    sim.says(Service::accept_by_other("S1"));
    assert!(sim.transcript.contains("ended 1: AnsweredElsewhere by System"), "{}", sim.transcript);
    sim.event("C2", "alerting", "inbound");
    sim.event("C2", "connected", "inbound");
    assert!(sim.transcript.contains("ended 2: AnsweredElsewhere by System"), "{}", sim.transcript);
    assert!(sim.transcript.ends_with("tone off\n"));
}

#[test]
fn a_caller_who_gives_up_stops_the_ring() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.propose("S1", "C1", "");
    let retract = sim.service.retract("S1");
    sim.says(retract);
    assert!(sim.transcript.ends_with("ended 1: Cancelled by Remote\n    0.0  tone off\n"), "{}", sim.transcript);
}

#[test]
fn a_repeated_proposal_is_taken_again_and_a_renamed_one_too() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    sim.propose("S1", "C1", "");
    let call = sim.last_call();
    sim.command(Command::Answer(call));
    sim.propose("S1", "C1", "");
    sim.propose("S2", "C1", "");
    let proceeds: Vec<_> = sim.transcript.lines().filter_map(|line| line.split("send ").nth(1)).collect();
    assert_eq!(proceeds, ["proceed S1", "proceed S1", "proceed S2"]);
    assert_eq!(sim.phone.snapshot().calls.len(), 1);
}

#[test]
fn a_re_invite_moves_the_call_to_a_new_session() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    let offer = sim.service.offer("S2", "C1", "new", true);
    sim.says(offer.clone());
    sim.says(offer);
    sim.up(2);
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  send accept S2
        0.0  media close 1
        0.0  media accept 2
        0.0  ear 2 open
        0.0  send terminate S1 alternative-session
        0.0  send answer S2
        0.0  send info S2 active
        0.0  microphone 2 open
    ");
}

#[test]
fn a_renegotiation_keeps_the_session() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.offer("S1", "C1");
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  media accept 1
        0.0  send answer S1
    ");
}

#[test]
fn candidates_before_their_offer_are_kept() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.propose("S1", "C1", r#"inin-autoanswer="true""#);
    let candidate = sim.service.candidate("S1");
    sim.says(candidate);
    sim.offer("S1", "C1");
    let at = |text: &str| sim.transcript.find(text).unwrap();
    assert!(at("media accept 1") < at("media candidate 1"));
}

#[test]
fn an_offer_nobody_took_is_refused() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.offer("S9", "C9");
    insta::assert_snapshot!(sim.transcript, @"    0.0  send terminate S9 gone");
}

#[test]
fn a_second_call_waits_and_the_first_is_held_by_the_service() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.event("C2", "alerting", "inbound");
    sim.advance_ms(1_000);
    let second = sim.last_call();
    sim.command(Command::Answer(second));
    sim.event_with("C1", "connected", "inbound", &serde_json::json!({"held": true}));
    sim.event("C2", "connected", "inbound");
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  Alerting 2
        0.0  tone CallWaiting
        1.0  PATCH /conversations/calls/C2/participants/P-C2 {"state":"connected"}
        1.0  tone off
        1.0  Held 1
        1.0  microphone 1 closed
        1.0  ear 1 closed
        1.0  Connected 2
        1.0  microphone 1 open
        1.0  ear 1 open
    "#);
}

#[test]
fn with_a_session_for_each_call_the_others_are_held_by_us() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new().with(|service| service.appearances = 10));
    sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.event("C2", "alerting", "inbound");
    sim.propose("S2", "C2", "");
    let second = sim.last_call();
    sim.command(Command::Answer(second));
    assert!(
        sim.transcript.contains(r#"PATCH /conversations/calls/C1/participants/P-C1 {"held":true}"#),
        "{}",
        sim.transcript
    );
    sim.event_with("C1", "connected", "inbound", &serde_json::json!({"held": true}));
    sim.offer("S2", "C2");
    sim.up(2);
    sim.event("C2", "connected", "inbound");
    assert_eq!(sim.microphones.iter().map(|(id, open)| (id.0, *open)).collect::<Vec<_>>(), [(1, false), (2, true)]);
    // Where every call has its session, its end may be all that is told.
    let terminate = sim.service.terminate("S2", "success");
    sim.says(terminate);
    assert!(sim.transcript.contains("ended 2: Hangup by Remote"), "{}", sim.transcript);
}

#[test]
fn without_a_path_the_call_ends_with_cause_and_remedy() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    sim.propose("S1", "C1", "");
    let call = sim.last_call();
    sim.command(Command::Answer(call));
    sim.offer("S1", "C1");
    sim.transcript.clear();
    let error = crate::media::MediaError::NoPath { waited: Duration::from_secs(15) };
    sim.input(Input::Media(MediaEvent::Failed { session: SessionId(1), error }));
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  problem no-path
        0.0  media close 1
        0.0  ended 1: MediaFailed by System
        0.0  send terminate S1 failed-transport
        0.0  PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}
    "#);
}

#[test]
fn a_call_whose_media_broke_waits_for_another_session_and_then_gives_up() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.input(Input::Media(MediaEvent::Interrupted { session: SessionId(1) }));
    assert!(matches!(sim.phone.snapshot().calls[0].state, CallState::Recovering { .. }));
    sim.up(1);
    assert_eq!(sim.phone.snapshot().calls[0].state, CallState::Connected);
    let error = crate::media::MediaError::ConsentLost;
    sim.input(Input::Media(MediaEvent::Failed { session: SessionId(1), error }));
    assert!(matches!(sim.phone.snapshot().calls[0].state, CallState::Recovering { .. }));
    sim.propose("S2", "C1", "");
    sim.offer("S2", "C1");
    sim.up(2);
    assert_eq!(sim.phone.snapshot().calls[0].state, CallState::Connected, "{}", sim.transcript);
    let error = crate::media::MediaError::ConsentLost;
    sim.input(Input::Media(MediaEvent::Failed { session: SessionId(2), error }));
    sim.advance(Duration::from_secs(16));
    assert!(sim.transcript.contains("ended 1: MediaFailed by System"), "{}", sim.transcript);
}

#[test]
fn a_hang_up_the_service_refuses_ends_the_call_all_the_same() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.transcript.clear();
    sim.service.refuse.insert("participants", 500);
    sim.command(Command::HangUp(call));
    insta::assert_snapshot!(sim.transcript, @r#"
        0.0  PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}
        0.0  microphone 1 closed
        0.0  ear 1 closed
        0.0  PATCH /conversations/calls/C1/participants/P-C1 {"state":"disconnected"}
        0.0  problem request-failed
        0.0  send terminate S1 success
        0.0  media close 1
        0.0  ended 1: Hangup by Local
    "#);
}

#[test]
fn a_hang_up_that_is_never_confirmed_ends_the_session() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.command(Command::HangUp(call));
    sim.transcript.clear();
    sim.advance(Duration::from_secs(16));
    insta::assert_snapshot!(sim.transcript, @r"
       15.0  media close 1
       15.0  send terminate S1 success
       15.0  ended 1: Hangup by Local
    ");
}

#[test]
fn digits_the_service_refuses_go_as_telephone_events() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.service.refuse.insert("digits", 404);
    sim.transcript.clear();
    sim.command(Command::SendDigits { call, digits: "5".into() });
    assert!(sim.transcript.contains("media SendDigits"), "{}", sim.transcript);
    sim.input(Input::Media(MediaEvent::DigitSent { session: SessionId(1), digit: '5' }));
    assert_eq!(sim.phone.snapshot().calls[0].digits, "5");
}

#[test]
fn listening_answers_by_itself_and_does_not_ring() {
    let mut sim = Sim::ready(PhoneConfig { auto_answer: true, ..PhoneConfig::default() }, Service::new());
    sim.event("C1", "alerting", "inbound");
    sim.propose("S1", "C1", "");
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  Alerting 1
        0.0  send proceed S1
    ");
}

#[test]
fn a_record_tells_set_up_counts_and_quality() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    sim.propose("S1", "C1", "");
    let call = sim.last_call();
    sim.command(Command::Answer(call));
    sim.advance_ms(40);
    sim.offer("S1", "C1");
    sim.advance_ms(20);
    sim.up(1);
    sim.event("C1", "connected", "inbound");
    sim.advance_ms(10);
    sim.input(Input::Media(MediaEvent::FirstMedia { session: SessionId(1) }));
    let stats = MediaStats {
        packets_sent: 50,
        packets_received: 49,
        packets_lost: 1,
        rtt_ms: Some(20.0),
        jitter_ms: Some(1.0),
        far_loss: Some(0.0),
        ..MediaStats::default()
    };
    let audio = AudioStats { buffer_ms: 40.0, spoken_ms: 400.0, level_in_dbfs: Some(-26.0), ..AudioStats::default() };
    sim.input(Input::AudioStats { session: SessionId(1), stats: audio });
    sim.input(Input::Media(MediaEvent::Stats { session: SessionId(1), stats: Box::new(stats.clone()) }));
    let view = sim.phone.snapshot().calls[0].clone();
    assert_eq!(view.far_hears, Some(true));
    assert_eq!(view.quality.as_ref().unwrap().loss, Some(0.02));
    sim.counters = stats;
    sim.command(Command::HangUp(call));
    sim.event("C1", "disconnected", "inbound");
    let report = sim.reports.pop().unwrap();
    let close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 0.01;
    assert!(close(report.setup_ms.signalling, 40.0) && close(report.setup_ms.ice, 12.0));
    assert!(close(report.setup_ms.first_media, 10.0) && close(report.setup_ms.total, 70.0));
    assert_eq!((report.packets.sent, report.packets.received, report.packets.lost), (50, 49, 1));
    assert_eq!(report.network.loss, Some(0.02));
    assert!(report.mos.listening.unwrap() < report.mos.far.unwrap());
    assert_eq!(report.codec.as_deref(), Some("opus/48000/2"));
    assert_eq!((report.peer.as_str(), report.warm), ("Ben", false));
}

#[test]
fn a_missing_microphone_is_told_once_and_the_call_goes_on() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.transcript.clear();
    for role in [SoundRole::Microphone, SoundRole::Speaker, SoundRole::Microphone] {
        sim.input(Input::Sound(SoundEvent::Failed { role, problem: SoundProblem::NoDevice }));
    }
    for role in [SoundRole::Microphone, SoundRole::Speaker, SoundRole::Ringer] {
        sim.input(Input::Sound(SoundEvent::Failed { role, problem: SoundProblem::NoSoundServer }));
    }
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  problem no-microphone
        0.0  problem no-speaker
        0.0  problem no-sound-server
    ");
    let snapshot = sim.phone.snapshot();
    assert_eq!(snapshot.calls[0].state, CallState::Connected);
    assert_eq!(snapshot.sound.microphone.problem, Some(SoundProblem::NoSoundServer));
}

#[test]
fn the_service_may_mute_us_and_unmute_only_what_it_muted() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    let muted = |muted| serde_json::json!({"muted": muted});
    sim.event_with("C1", "connected", "inbound", &muted(true));
    assert!(sim.phone.snapshot().muted);
    sim.event_with("C1", "connected", "inbound", &muted(false));
    assert!(!sim.phone.snapshot().muted);
    sim.command(Command::Mute { muted: true });
    sim.event_with("C1", "connected", "inbound", &muted(true));
    sim.event_with("C1", "connected", "inbound", &muted(false));
    assert!(sim.phone.snapshot().muted, "only the user opens what the user closed");
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let tell = || {
        let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
        sim.connected("C1", "S1");
        sim.drop_link();
        sim.advance(Duration::from_secs(30));
        let journal: Vec<_> = sim.phone.journal().entries().map(ToString::to_string).collect();
        (sim.transcript, journal)
    };
    assert_eq!(tell(), tell());
}

#[test]
fn digits_pressed_before_the_answer_are_sent_with_it() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.command(dial());
    let call = sim.last_call();
    sim.command(Command::SendDigits { call, digits: "12".into() });
    sim.event("C-dialled", "contacting", "outbound");
    sim.propose("S1", "C-dialled", r#"inin-autoanswer="true""#);
    sim.offer("S1", "C-dialled");
    sim.up(1);
    sim.event("C-dialled", "dialing", "outbound");
    sim.command(Command::SendDigits { call, digits: "3".into() });
    assert!(!sim.transcript.contains("/digits"), "{}", sim.transcript);
    sim.advance_ms(2_000);
    sim.event("C-dialled", "connected", "outbound");
    sim.event("C-dialled", "connected", "outbound");
    let sent: Vec<_> = sim.transcript.lines().filter(|line| line.contains("/digits")).collect();
    assert_eq!(sent.len(), 1, "{}", sim.transcript);
    assert!(sent[0].contains(r#"{"digits":"123"}"#) && sent[0].contains("2.0"), "{}", sim.transcript);
}

#[test]
fn digits_pressed_early_are_bounded_and_those_of_a_call_that_ends_are_forgotten() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.command(dial());
    let call = sim.last_call();
    for _ in 0..10 {
        sim.command(Command::SendDigits { call, digits: "0123456789ABCDEF".repeat(4) });
    }
    sim.event("C-dialled", "contacting", "outbound");
    sim.propose("S1", "C-dialled", r#"inin-autoanswer="true""#);
    sim.offer("S1", "C-dialled");
    sim.up(1);
    sim.event("C-dialled", "connected", "outbound");
    let sent = sim.transcript.matches("DigitSent").count();
    assert_eq!(sent, call::MAX_DIGITS, "{}", sim.transcript);

    sim.event("C2", "alerting", "inbound");
    let ringing = sim.last_call();
    sim.transcript.clear();
    sim.command(Command::SendDigits { call: ringing, digits: "1".into() });
    assert_eq!(sim.transcript, "", "a call that rings here takes no digits");
}

#[test]
fn a_call_hung_up_at_once_takes_no_session_and_ends_cleanly() {
    for service in [Service::new(), persistent()] {
        let mut sim = Sim::ready(PhoneConfig::default(), service);
        sim.command(dial());
        let call = sim.last_call();
        sim.command(Command::HangUp(call));
        sim.propose("S1", "C-dialled", r#"inin-autoanswer="true""#);
        sim.event("C-dialled", "contacting", "outbound");
        sim.event("C-dialled", "disconnected", "outbound");
        let retract = sim.service.retract("S1");
        sim.says(retract);
        sim.advance(Duration::from_mins(1));
        assert!(!sim.transcript.contains("proceed"), "{}", sim.transcript);
        assert!(!sim.transcript.contains("problem"), "{}", sim.transcript);
        assert!(sim.transcript.contains("ended 1: Cancelled by Local"), "{}", sim.transcript);
        assert!(sim.phone.snapshot().calls.is_empty() && sim.media.is_empty());
        let persistent = sim.phone.snapshot().persistent;
        assert!(
            matches!(persistent, crate::snapshot::PersistentView::Off | crate::snapshot::PersistentView::Closed),
            "{persistent:?}"
        );
    }
}

#[test]
fn a_session_announced_after_the_end_of_its_call_starts_nothing() {
    for auto in ["", r#"inin-autoanswer="true""#] {
        let mut sim = Sim::ready(PhoneConfig::default(), persistent());
        sim.command(dial());
        let call = sim.last_call();
        sim.event("C-dialled", "contacting", "outbound");
        sim.command(Command::HangUp(call));
        sim.event("C-dialled", "disconnected", "outbound");
        sim.transcript.clear();
        sim.propose("S1", "C-dialled", auto);
        sim.advance(Duration::from_mins(1));
        assert_eq!(sim.transcript, "");
        assert!(sim.phone.snapshot().calls.is_empty());
    }
}

#[test]
fn a_call_that_comes_back_to_us_rings_though_its_session_was_announced_before_the_event() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.event("C1", "alerting", "inbound");
    sim.event("C1", "disconnected", "inbound");
    sim.transcript.clear();
    sim.propose("S2", "C1", "");
    sim.event("C1", "alerting", "inbound");
    let call = sim.last_call();
    sim.command(Command::Answer(call));
    assert!(sim.transcript.contains("send proceed S2"), "{}", sim.transcript);
}

#[test]
fn what_is_heard_while_it_rings_is_told_when_the_call_is_connected() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.command(dial());
    sim.event("C-dialled", "contacting", "outbound");
    sim.propose("S1", "C-dialled", r#"inin-autoanswer="true""#);
    sim.offer("S1", "C-dialled");
    sim.up(1);
    sim.event("C-dialled", "dialing", "outbound");
    sim.input(Input::Media(MediaEvent::FirstMedia { session: SessionId(1) }));
    assert!(!sim.transcript.contains("Media 1"), "{}", sim.transcript);
    sim.advance_ms(3_000);
    sim.event("C-dialled", "connected", "outbound");
    let (connected, media) = (sim.transcript.find("Connected 1"), sim.transcript.find("Media 1"));
    assert!(connected.is_some() && connected < media, "{}", sim.transcript);
    sim.input(Input::Media(MediaEvent::FirstMedia { session: SessionId(1) }));
    assert_eq!(sim.transcript.matches("Media 1").count(), 1, "{}", sim.transcript);
}

/// Counters that stand at this many packets each way.
fn counters(packets: u64) -> MediaStats {
    MediaStats { packets_sent: packets, packets_received: packets, ..MediaStats::default() }
}

#[test]
fn a_call_shorter_than_a_second_reports_its_packets() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.advance_ms(400);
    sim.counters = counters(20);
    sim.command(Command::HangUp(call));
    sim.event("C1", "disconnected", "inbound");
    let report = sim.reports.last().expect("a report");
    assert_eq!((report.packets.sent, report.packets.received), (20, 20));
}

#[test]
fn a_call_whose_session_goes_first_reports_its_packets() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    sim.counters = counters(30);
    let terminate = sim.service.terminate("S1", "success");
    sim.says(terminate);
    sim.event("C1", "disconnected", "inbound");
    assert_eq!(sim.reports.last().expect("a report").packets.sent, 30);
}

#[test]
fn a_warm_call_counts_from_its_first_packet_to_its_last() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    let call = sim.connected("C1", "S1");
    sim.command(Command::HangUp(call));
    sim.event("C1", "disconnected", "inbound");
    sim.event("C2", "alerting", "inbound");
    let call = sim.last_call();
    sim.command(Command::Answer(call));
    // The figures of the last full second are older than the call.
    sim.input(Input::Media(MediaEvent::Stats { session: SessionId(1), stats: Box::new(counters(100)) }));
    sim.counters = counters(140);
    sim.event("C2", "connected", "inbound");
    sim.advance_ms(2_000);
    sim.counters = counters(240);
    sim.command(Command::HangUp(call));
    sim.event("C2", "disconnected", "inbound");
    assert_eq!(sim.reports.last().expect("a report").packets.sent, 100);
}

#[test]
fn a_media_side_that_does_not_answer_keeps_no_call_from_its_end() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    let call = sim.connected("C1", "S1");
    sim.counts = false;
    sim.command(Command::HangUp(call));
    sim.event("C1", "disconnected", "inbound");
    assert!(sim.phone.snapshot().calls.is_empty(), "the picture does not wait");
    assert!(!sim.transcript.contains("ended 1"), "{}", sim.transcript);
    sim.advance(Duration::from_secs(3));
    assert!(sim.transcript.contains("ended 1: Hangup by Local"), "{}", sim.transcript);
}

#[test]
fn they_hear_you_is_not_lit_while_the_microphone_is_silent() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    let mut second = |spoken_ms: f64, n: u64| {
        sim.advance_ms(1_000);
        let audio = AudioStats { spoken_ms, ..AudioStats::default() };
        sim.input(Input::AudioStats { session: SessionId(1), stats: audio });
        let stats = MediaStats { packets_sent: 50 * n, far_loss: Some(0.0), far_reports: n, ..MediaStats::default() };
        sim.input(Input::Media(MediaEvent::Stats { session: SessionId(1), stats: Box::new(stats) }));
        sim.phone.snapshot().calls[0].far_hears
    };
    assert_eq!(second(0.0, 1), None, "nothing was said");
    assert_eq!(second(300.0, 2), Some(true));
    for n in 3..13 {
        second(300.0, n);
    }
    assert_eq!(second(300.0, 13), None, "nothing was said for long");
    assert_eq!(second(310.0, 14), Some(true));
}
