//! Policies and broken files, seen from outside: the program starts, does what the organisation says, and tells.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use phone_exchange::ExchangeOptions;
use phone_tests::offhook::{Offhook, Outcome};
use serde_json::Value;

use crate::{LIMIT, exchange, offhook};

/// A stand-in for the machine's policy folder and a home of one's own.
pub struct Fleet(PathBuf);

impl Fleet {
    pub fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("offhook-fleet-{}-{name}", std::process::id()));
        fs::remove_dir_all(&root).ok();
        let fleet = Self(root);
        for folder in [
            "",
            "machine",
            "machine/policies",
            "machine/policies/managed",
            "machine/policies/recommended",
            "home/config/offhook",
        ] {
            fs::create_dir_all(fleet.path(folder)).unwrap();
            fs::set_permissions(fleet.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fleet
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub fn offhook(&self, arguments: &[&str]) -> Offhook {
        let path = |path: &str| self.path(path).display().to_string();
        offhook().args(arguments.iter().copied()).envs(vec![
            ("OFFHOOK_TEST_MACHINE_POLICIES", path("machine")),
            ("XDG_CONFIG_HOME", path("home/config")),
            ("XDG_DATA_HOME", path("home/data")),
        ])
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.offhook(arguments).finish(LIMIT)
    }

    /// A second of an echo call.
    fn call(&self, options: &[&str]) -> Outcome {
        let call = ["call", "echo", "--json", "--duration", "1s", "--input", "tone:440", "--output", "null"];
        self.run(&[&call, options].concat())
    }

    /// The JSON document that this prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let outcome = self.run(arguments);
        serde_json::from_str(&outcome.stdout.join("\n"))
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{outcome}"))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn a_mandatory_value_withstands_file_window_and_command_line() {
    let fleet = Fleet::new("mandatory");
    fleet.write("machine/policies/managed/10.json", r#"{"ForceTurn": false, "Account": "ben"}"#);
    fleet.write("home/config/offhook/offhook.toml", "account = 'eve'\nforce_relay = true\n");
    fs::create_dir_all(fleet.path("home/data/offhook")).unwrap();
    fleet.write("home/data/offhook/settings.toml", "[chosen]\nforce_relay = true\naccount = 'zoe'\n");
    let common = ["policy", "show", "--json", "--account", "dev", "--force-relay"];
    for (key, value) in [("force_relay", Value::from(false)), ("account", Value::from("ben"))] {
        let shown = fleet.json(&[&common[..2], &[key], &common[2..]].concat());
        assert_eq!(shown["value"], value, "{shown:#}");
        assert_eq!(shown["origin"]["layer"], "mandatory-machine", "{shown:#}");
        assert_eq!(shown["locked"], "policy", "{shown:#}");
        assert_eq!(shown["given"].as_array().map(Vec::len), Some(4), "{shown:#}");
    }
    // A call obeys, and says at once what was asked for in vain.
    let run = fleet.call(&["--demo", "--force-relay", "--account", "dev"]);
    run.assert_code(0);
    let text = format!("{run}");
    assert!(text.contains("--force-relay has no effect"), "{text}");
    assert_ne!(run.event("ended")["path"], "relay-forced", "{text}");
    assert_eq!(run.event("registered")["account"], "ben", "{text}");
}

#[test]
fn row_2_a_clean_computer_that_is_managed_is_ready_without_a_question() {
    let fleet = Fleet::new("clean");
    let exchange = exchange(ExchangeOptions::default());
    let managed = serde_json::json!({ "ServerUrl": exchange.origin(), "Account": "ben" });
    fleet.write("machine/policies/managed/10.json", &managed.to_string());
    assert!(!fleet.path("home/data").exists() && !fleet.path("home/config/offhook/offhook.toml").exists());
    // No address, account, phone or device is named: the phone of the user is found and a call is heard.
    let run = fleet.call(&[]);
    run.assert_code(0);
    assert_eq!(run.event("registered")["account"], "ben", "{run}");
    assert_eq!(run.count("connected"), 1, "{run}");
    assert!(run.event("ended")["packets"]["received"].as_u64().is_some_and(|received| received > 20), "{run}");
    assert_eq!(run.count("error") + run.count("note"), 0, "nothing was asked for or ignored\n{run}");
}

#[test]
fn whatever_is_broken_the_start_succeeds_and_the_report_says_what_was_ignored() {
    let fleet = Fleet::new("broken");
    fleet.write("machine/policies/managed/10.json", r#"{"ForceTurn": "perhaps", "MediaDscp": 34, "Elephant": 1}"#);
    fleet.write("machine/policies/managed/20.json", r#"{"Account": "be"#);
    fleet.write("machine/policies/recommended/10.json", r#"{"Theme": "dark"}"#);
    fs::set_permissions(fleet.path("machine/policies/recommended"), fs::Permissions::from_mode(0o777)).unwrap();
    fleet.write("home/config/offhook/offhook.toml", "account = 'carla'\ndscp = 3\nexchange = \"http://127.0");
    fs::create_dir_all(fleet.path("home/data/offhook")).unwrap();
    fleet.write("home/data/offhook/settings.toml", "phone = \"p\"\n[chos");
    let report = fleet.json(&["policy", "report", "--json"]);
    let told: Vec<String> = report["findings"].as_array().unwrap().iter().map(Value::to_string).collect();
    for part in [
        "ForceTurn",
        "Elephant",
        "20.json",
        "bad-value",
        "unknown-key",
        "unsafe",
        "can be written by everybody",
        "offhook.toml",
    ] {
        assert!(told.iter().any(|text| text.contains(part)), "{part}: {told:#?}");
    }
    let shown = fleet.json(&["policy", "show", "dscp", "--json"]);
    assert_eq!((&shown["value"], &shown["origin"]["layer"]), (&Value::from(34), &Value::from("mandatory-machine")));
    let shown = fleet.json(&["policy", "show", "window.theme", "--json"]);
    assert_eq!(shown["value"], "system", "a folder that everybody may write was trusted");

    let exchange = exchange(ExchangeOptions::default());
    let run = fleet.call(&["--exchange", exchange.origin()]);
    run.assert_code(0);
    assert_eq!(run.event("registered")["account"], "carla", "{run}");
    assert_eq!(run.event("ended")["dscp"]["configured"], 34, "{run}");
    let kept = fs::read_to_string(fleet.path("home/config/offhook/offhook.toml")).unwrap();
    assert!(kept.ends_with("http://127.0"), "the user's file is as it was");
}

#[test]
fn row_4_and_130_a_phone_obeys_the_provisioning_folder_and_says_which_object_decided() {
    let fleet = Fleet::new("provisioning");
    let folder = fleet.path("shared").display().to_string();
    let phones = |line: &[&str]| fleet.run(&[&["phones", "--folder", folder.as_str()], line].concat()).assert_code(0);
    phones(&[
        "create",
        "site",
        "Madrid",
        "verified=2026-05-01",
        r#"media_regions=[{"region": "eu-west-1", "servers": ["turn:192.0.2.7:3478"]}]"#,
    ]);
    phones(&["create", "base-settings", "Support_WebRTC_Standard", "transport_dscp=26", "persistent_timeout=300"]);
    phones(&["create", "user", "Carla", "login=carla"]);
    phones(&["create", "phone", "CarlaM_WebRTC", "site=Madrid", "base_settings=Support_WebRTC_Standard", "user=Carla"]);
    phones(&["edit", "phone", "CarlaM_WebRTC", "force_relay=on", "--yes"]);
    phones(&["edit", "global", "auto_answer=on"]);
    fleet.run(&["phones", "--folder", &folder, "activate", "--yes"]);
    fleet.write(
        "machine/policies/managed/10.json",
        &format!(r#"{{"ProvisioningFolder": "{folder}", "TransportDscp": 10}}"#),
    );
    let exchange = exchange(ExchangeOptions::default());
    let who = ["--account", "carla", "--exchange", exchange.origin()];
    for (key, value, layer) in [
        ("auto_answer", Value::from(true), "global"),
        ("relay_choice", Value::from("listed"), "site"),
        ("persistent_timeout", Value::from(300), "base-settings"),
        ("force_relay", Value::from(true), "phone"),
        ("transport_dscp", Value::from(10), "mandatory-machine"),
    ] {
        let shown = fleet.json(&[&["policy", "show", key, "--json"][..], &who].concat());
        assert_eq!((&shown["value"], &shown["origin"]["layer"]), (&value, &Value::from(layer)), "{shown:#}");
    }
    let own = fleet.json(&[&["phones", "effective", "--json"][..], &who].concat());
    assert_eq!((&own["phone"], &own["site"]), (&Value::from("CarlaM_WebRTC"), &Value::from("Madrid")), "{own:#}");
    // Another user of the same folder has no phone in it, and is not held to it.
    let other =
        fleet.json(&["policy", "show", "auto_answer", "--json", "--account", "dev", "--exchange", exchange.origin()]);
    assert_eq!(other["value"], false, "{other:#}");
    // Relays only, and none of the exchange's is in the site's list: no media leaves.
    let run = fleet.call(&who);
    assert!(format!("{run}").contains("none of them is of a media region"), "{run}");
    assert_eq!(run.count("connected"), 0, "{run}");
    // Without the list the exchange's own relay carries the call.
    phones(&["edit", "site", "Madrid", "media_regions=eu-west-1"]);
    fleet.run(&["phones", "--folder", &folder, "activate", "--yes"]);
    let run = fleet.call(&who);
    run.assert_code(0);
    assert_eq!(run.event("ended")["path"], "relay-forced", "{run}");
}

#[test]
fn a_policy_file_is_checked_before_it_is_rolled_out() {
    let fleet = Fleet::new("validate");
    fleet.write("good.json", r#"{"ForceTurn": true}"#);
    fleet.write("bad.json", r#"{"ForceTurn": true, "MediaDscp": 64}"#);
    let path = |name: &str| fleet.path(name).display().to_string();
    fleet.run(&["policy", "validate", &path("good.json")]).assert_code(0);
    let bad = fleet.run(&["policy", "validate", &path("bad.json")]);
    bad.assert_code(2);
    assert!(format!("{bad}").contains("from 0 to 63"), "{bad}");
    fleet.run(&["policy", "validate", "/no/such.json"]).assert_code(3);
}

#[test]
fn what_is_exported_is_a_valid_policy_file() {
    let fleet = Fleet::new("export");
    fleet.write("home/config/offhook/offhook.toml", "dscp = 34\n");
    let exported = fleet.json(&["policy", "export"]);
    assert_eq!(exported, serde_json::json!({"MediaDscp": 34}));
    fleet.write("exported.json", &fleet.json(&["policy", "export", "--all"]).to_string());
    fleet.run(&["policy", "validate", &fleet.path("exported.json").display().to_string()]).assert_code(0);
}
