//! Settings of the service that change under a session, and phones that are missing.

use serde_json::json;

use super::*;
use crate::snapshot::PhoneMissing;

#[test]
fn row_30_48_63_129_a_changed_setting_is_told_within_30_s_and_applied_by_one_command() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.command(Command::SetVolume { role: crate::sound::SoundRole::Speaker, percent: 40 });
    sim.service.persistent = true;
    sim.service.force_turn = true;
    sim.advance(Duration::from_secs(30));
    let changed = sim.phone.snapshot().settings_changed.unwrap();
    let names: Vec<_> = changed.changes.iter().map(|c| (c.name, c.used.as_str(), c.new.as_str())).collect();
    assert_eq!(names, [("persistent connection", "off", "on"), ("Force TURN", "off", "on")]);
    assert!(!sim.phone.snapshot().relay_forced, "this session uses what it was opened with");
    sim.command(Command::ApplySettings);
    assert_eq!(sim.standing_word(), "Ready", "{}", sim.transcript);
    assert_eq!(sim.phone.snapshot().settings_changed, None);
    assert!(sim.phone.snapshot().relay_forced);
    assert_eq!(sim.phone.snapshot().sound.speaker.volume_percent, 40, "the sound set-up stays");
    sim.advance(Duration::from_mins(2));
    assert_eq!(sim.phone.snapshot().settings_changed, None);
}

#[test]
fn row_30_in_a_call_the_new_sign_in_waits_for_its_end() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.connected("C1", "S1");
    sim.service.persistent = true;
    sim.advance(Duration::from_secs(30));
    sim.command(Command::ApplySettings);
    assert!(sim.phone.snapshot().settings_changed.unwrap().after_call);
    sim.advance(Duration::from_mins(1));
    assert_eq!(sim.phone.snapshot().calls.len(), 1);
    sim.event("C1", "disconnected", "inbound");
    assert_eq!(sim.phone.snapshot().settings_changed, None, "{}", sim.transcript);
    assert_eq!(sim.standing_word(), "Ready");
    assert!(sim.transcript.contains("send terminate S1 success"), "{}", sim.transcript);
}

#[test]
fn row_30_a_setting_that_changes_back_needs_no_banner() {
    let mut sim = Sim::ready(PhoneConfig::default(), Service::new());
    sim.service.persistent = true;
    sim.advance(Duration::from_secs(30));
    assert!(sim.phone.snapshot().settings_changed.is_some());
    sim.service.persistent = false;
    sim.advance(Duration::from_secs(30));
    assert_eq!(sim.phone.snapshot().settings_changed, None);
}

#[test]
fn row_27_61_four_reasons_for_a_missing_phone_have_four_messages() {
    let phone = |state: &str, base: serde_json::Value, user: &str| json!({"entities": [{"name": "Ana_WebRTC", "state": state, "phoneBaseSettings": base, "webRtcUser": {"id": user}}]});
    let base = json!({"id": "B1"});
    let name = || "Ana_WebRTC".to_owned();
    let cases = [
        (Some(json!({"entities": []})), PhoneMissing::NotCreated),
        (Some(phone("active", base.clone(), "U9")), PhoneMissing::OtherUser { name: name() }),
        (Some(phone("inactive", base, "U1")), PhoneMissing::Disabled { name: name() }),
        (Some(phone("active", json!(null), "U1")), PhoneMissing::NoBaseSettings { name: name() }),
        // Without the permission to look at phones, the station of last time tells.
        (None, PhoneMissing::NotCreated),
    ];
    let mut texts = std::collections::BTreeSet::new();
    for (phones, expected) in cases {
        let sim = Sim::with(
            PhoneConfig::default(),
            Service::new().with(|service| {
                service.stations = 0;
                service.admin_phones = phones;
            }),
        );
        let mut sim = sim;
        sim.sign_in();
        assert_eq!(sim.phone.snapshot().phone_missing, Some(expected), "{}", sim.transcript);
        let Standing::Problem { notice, .. } = sim.phone.snapshot().standing else { panic!() };
        texts.insert(notice.text);
    }
    assert_eq!(texts.len(), 4, "{texts:?}");
}

#[test]
fn row_27_a_phone_that_went_to_somebody_else_is_told_without_any_permission() {
    let mut sim = Sim::with(
        PhoneConfig::default(),
        Service::new().with(|service| {
            service.stations = 0;
            service.last_station = true;
            service.station_user = "U9";
        }),
    );
    sim.sign_in();
    assert!(matches!(sim.phone.snapshot().phone_missing, Some(PhoneMissing::OtherUser { .. })), "{}", sim.transcript);
}

#[test]
fn what_a_program_that_died_left_is_ended_by_the_next_one() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    assert!(sim.left.contains("S1"), "{}", sim.left);
    let left = Some(sim.left.clone().into());
    let mut next = Sim::with(PhoneConfig { left_sessions: left.clone(), ..PhoneConfig::default() }, persistent());
    next.sign_in();
    assert!(next.transcript.contains("send terminate S1 gone"), "{}", next.transcript);
    // Once only, and not for another user or a forged peer.
    next.drop_link();
    next.advance(Duration::from_secs(5));
    assert_eq!(next.transcript.matches("send terminate S1").count(), 1);
    for forged in ["org1.orgspan.com", "gjoll"] {
        let text: String = left.clone().map(Private::into_inner).unwrap_or_default();
        let text: Private<String> = text.replace(forged, "other.example").into();
        let mut other = Sim::with(PhoneConfig { left_sessions: Some(text), ..PhoneConfig::default() }, persistent());
        other.sign_in();
        assert!(!other.transcript.contains("terminate"), "{}", other.transcript);
    }
}

#[test]
fn a_clean_end_leaves_nothing() {
    let mut sim = Sim::ready(PhoneConfig::default(), persistent());
    sim.connected("C1", "S1");
    sim.command(Command::Quit);
    assert_eq!(sim.left, "");
}

#[test]
fn where_the_server_pings_we_do_not_and_its_silence_is_noticed_in_35_s() {
    let config = PhoneConfig { server_pings: true, ..PhoneConfig::default() };
    let mut sim = Sim::ready(config, Service::new());
    let ping = || r#"<iq type="get" id="p" from="org1.orgspan.com"><ping xmlns="urn:xmpp:ping"/></iq>"#.to_owned();
    for _ in 0..5 {
        sim.advance(Duration::from_secs(30));
        sim.says(ping());
        assert_eq!(sim.standing_word(), "Ready");
    }
    assert_eq!(sim.service.pings, 0, "ours are not needed");
    sim.service.silent = true;
    sim.advance(Duration::from_secs(36));
    assert_eq!(sim.standing_word(), "reconnecting, waits true");
}
