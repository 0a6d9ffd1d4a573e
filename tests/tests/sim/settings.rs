//! What an administrator changes at the service while a phone is signed in.

use std::time::Duration;

use phone_core::Command;
use phone_core::output::Method;
use phone_exchange::ExchangeOptions;
use phone_tests::world::{Recipe, Voice, World};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
const EDGES: &str = "/api/v2/telephony/providers/edges";

/// Reads one object, changes it, and puts it back.
#[track_caller]
fn edit(world: &mut World, shelf: &str, name: &str, change: impl Fn(&mut Value)) {
    let (status, list) = world.administer(Method::Get, &format!("{EDGES}/{shelf}?name={name}"), &Value::Null);
    assert_eq!(status, 200, "{list}");
    let mut object = list["entities"][0].clone();
    change(&mut object);
    let path = format!("{EDGES}/{shelf}/{}", object["id"].as_str().expect("an object of this name"));
    let (status, answer) = world.administer(Method::Put, &path, &object);
    assert_eq!(status, 200, "{answer}");
}

fn property(value: impl Into<Value>) -> Value {
    json!({ "value": { "instance": value.into() } })
}

fn told(world: &World) -> Vec<(&'static str, String, String)> {
    let changed = world.snapshot(0).settings_changed;
    changed.map(|c| c.changes.into_iter().map(|c| (c.name, c.used, c.new)).collect()).unwrap_or_default()
}

#[test]
fn row_30_48_63_129_changed_base_settings_raise_the_banner_and_one_command_applies_them() {
    let mut world = World::with_ana(Recipe::default());
    edit(&mut world, "phonebasesettings", "Office_WebRTC_Standard", |base| {
        base["properties"]["phone_media_dscp"] = property(34);
        base["properties"]["phone_media_force_turn"] = property(true);
        base["lines"][0]["properties"]["station_persistent_webrtc_enabled"] = property(false);
    });
    world.advance(30 * SECOND);
    let words = |name, used: &str, new: &str| (name, used.to_owned(), new.to_owned());
    assert_eq!(
        told(&world),
        [
            words("persistent connection", "on", "off"),
            words("Force TURN", "off", "on"),
            words("media DSCP", "46", "34")
        ],
        "{}",
        world.story(0)
    );
    let call = world.call(0, "echo");
    assert!(!world.snapshot(0).relay_forced, "this session keeps what it was opened with");
    world.hang_up(0, call);
    world.command(0, Command::ApplySettings);
    assert!(world.run_until(20 * SECOND, |world| world.is_ready(0) && world.snapshot(0).relay_forced));
    assert_eq!(told(&world), []);
    let call = world.call(0, "echo");
    world.assert_hears(0, 440.0);
    let (host, relay) = (world.host(0), world.turn_address());
    let before = world.sent_elsewhere(host, relay);
    world.advance(5 * SECOND);
    assert_eq!(world.sent_elsewhere(host, relay), before, "media goes through the relay only");
    assert!(!world.hang_up(0, call).warm);
    world.advance(10 * SECOND);
    let call = world.call(0, "echo");
    assert!(!world.hang_up(0, call).warm, "no persistent connection any more");
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn row_63_the_phone_overrules_its_base_settings_and_another_site_is_told_too() {
    let mut world = World::with_ana(Recipe::default());
    edit(&mut world, "phones", "AnaK_WebRTC", |phone| {
        phone["properties"]["phone_media_dscp"] = property(26);
    });
    edit(&mut world, "sites", "Madrid", |site| site["name"] = "Sevilla".into());
    world.advance(30 * SECOND);
    let names: Vec<_> = told(&world).into_iter().map(|(name, _, new)| (name, new)).collect();
    assert_eq!(names, [("media DSCP", "26".to_owned()), ("site", "Sevilla".to_owned())]);
    edit(&mut world, "phones", "AnaK_WebRTC", |phone| phone["properties"] = json!({}));
    edit(&mut world, "sites", "Sevilla", |site| site["name"] = "Madrid".into());
    world.advance(30 * SECOND);
    assert_eq!(told(&world), [], "what changed back needs no banner");
}

#[test]
fn row_30_one_agents_phone_may_keep_its_connection_while_anothers_does_not() {
    let mut world = World::new(Recipe::default());
    world.sign_in("ana", Voice::Tone(440.0));
    edit(&mut world, "phones", "BenO_WebRTC", |phone| {
        phone["lines"][0]["properties"]["station_persistent_webrtc_enabled"] = property(false);
    });
    world.sign_in("ben", Voice::Tone(600.0));
    for who in [0, 1] {
        for round in 0..2 {
            let call = world.call(who, "echo");
            world.advance(SECOND);
            assert_eq!(world.hang_up(who, call).warm, who == 0 && round == 1, "{}", world.story(who));
            world.advance(5 * SECOND);
        }
    }
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[test]
fn row_27_a_phone_that_is_disabled_is_taken_from_its_user_and_comes_back() {
    let mut world = World::with_ana(Recipe::default());
    edit(&mut world, "phones", "AnaK_WebRTC", |phone| phone["state"] = "inactive".into());
    world.advance(5 * SECOND);
    assert!(!world.snapshot(0).phones.iter().any(|phone| phone.selected), "{}", world.story(0));
    edit(&mut world, "phones", "AnaK_WebRTC", |phone| phone["state"] = "active".into());
    let back = world.snapshot(0).phones.into_iter().find(|phone| phone.name == "AnaK_WebRTC");
    world.command(0, Command::SelectPhone { id: back.expect("it is still listed").id });
    assert!(world.run_until(10 * SECOND, |world| world.snapshot(0).phones.iter().any(|phone| phone.selected)));
    let call = world.call(0, "echo");
    world.hang_up(0, call);
}

#[test]
fn row_9_who_has_not_the_permission_may_look_at_sites_and_nothing_else() {
    let exchange = ExchangeOptions { administrators: vec!["ben".to_owned()], ..ExchangeOptions::default() };
    let mut world = World::with_ana(Recipe { exchange, ..Recipe::default() });
    assert_eq!(world.administer(Method::Get, &format!("{EDGES}/sites"), &Value::Null).0, 200);
    let (status, refusal) = world.administer(Method::Get, &format!("{EDGES}/phones"), &Value::Null);
    assert_eq!(status, 403);
    assert_eq!(refusal["messageParams"]["permissions"], "telephony:plugin:all");
    let site = json!({ "name": "Porto" });
    assert_eq!(world.administer(Method::Post, &format!("{EDGES}/sites"), &site).0, 403);
}
