//! A desk of an administrator: lines typed, what they say, what they refuse.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    phones: PhonesArgs,
}

struct Desk {
    folder: PathBuf,
    minute: u16,
    by: &'static str,
}

impl Desk {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("offhook-phones-{}-{name}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        Self { folder, minute: 22 * 60, by: "ana" }
    }

    /// With a site, base settings, a user and a phone in force.
    fn furnished(name: &str) -> Self {
        let desk = Self::new(name);
        for line in [
            "create site Madrid media_regions=eu-west-1,eu-central-1 verified=2026-05-01",
            "create base-settings Support_WebRTC_Standard persistent_connection=on dscp=34",
            "create user Ana login=ana",
            "create phone AnaK_WebRTC site=Madrid base_settings=Support_WebRTC_Standard user=Ana",
            "activate",
        ] {
            desk.does(line);
        }
        desk
    }

    fn run(&self, line: &str) -> Result<Told, Failure> {
        let words = std::iter::once("phones").chain(line.split_whitespace());
        let args = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).phones;
        let now = Now { day: Day::new(2026, 6, 1).unwrap_or_default(), minute: self.minute, by: self.by.to_owned() };
        act(&args, &self.folder, &now)
    }

    #[track_caller]
    fn does(&self, line: &str) -> Told {
        self.run(line).unwrap_or_else(|failure| panic!("{line}: {failure:?}"))
    }

    #[track_caller]
    fn refuses(&self, line: &str, id: &str, words: &str) {
        let failure = self.run(line).expect_err(line);
        let said = format!("{} {}", failure.notice.text, failure.notice.remedy);
        assert_eq!(failure.notice.id, id, "{line}: {said}");
        assert!(said.contains(words), "{line}: {said}");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

#[test]
fn row_3_and_23_a_phone_needs_base_settings_first_and_all_four_fields() {
    let desk = Desk::new("order");
    desk.refuses("create phone A_WebRTC site=S", "no-base-settings", "Create base settings first");
    assert!(desk.does("list").text.contains("Create base settings first"));
    desk.does("create base-settings Support_WebRTC_Standard");
    desk.does("create phone A_WebRTC site=S base_settings=gone");
    desk.refuses("activate", "draft-invalid", "phone A_WebRTC: base_settings: there is no base settings called gone");
    let told = desk.does("validate");
    assert_eq!(told.exit, Exit::Failed);
    assert!(told.text.contains("phone A_WebRTC: user: User is missing"), "{}", told.text);
}

#[test]
fn row_4_every_setting_of_a_phone_is_shown_with_who_decided_it() {
    let desk = Desk::furnished("effective");
    desk.does("edit phone AnaK_WebRTC transport_dscp=26");
    let told = desk.does("effective AnaK_WebRTC");
    let line = |key: &str| told.text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert!(
        line("dscp").contains("34") && line("dscp").ends_with("base settings Support_WebRTC_Standard"),
        "{}",
        told.text
    );
    assert!(line("transport_dscp").ends_with("phone AnaK_WebRTC"), "{}", told.text);
    assert!(line("force_relay").ends_with("built in"), "{}", told.text);
    assert!(line("media_regions").ends_with("site Madrid"), "{}", told.text);
    assert_eq!(told.json["settings"].as_array().map(Vec::len), Some(Kind::Phone.settings().count()));
    let active = desk.does("effective AnaK_WebRTC --active").text;
    assert!(active.lines().any(|line| line.starts_with("transport_dscp") && line.ends_with("built in")), "{active}");
}

#[test]
fn row_21_and_31_activating_says_who_must_sign_in_again_and_asks_within_business_hours() {
    let mut desk = Desk::furnished("hours");
    desk.does("edit global business_hours=09:00-18:00");
    desk.does("activate");
    desk.does("edit base-settings Support_WebRTC_Standard persistent_connection=off");
    desk.minute = 9 * 60;
    desk.refuses("activate", "business-hours", "1 user must sign in again: Ana.");
    desk.minute = 22 * 60;
    assert!(desk.does("activate").text.ends_with("1 user must sign in again: Ana."));
    assert!(desk.does("rollback").text.contains("persistent_connection changes from Off to On"));
    desk.does("rollback");
    desk.does("rollback");
    desk.refuses("rollback", "no-history", "Nothing was in force before");
}

#[test]
fn row_42_and_136_force_turn_asks_for_consent_and_the_audit_log_keeps_who_gave_it() {
    let desk = Desk::furnished("consent");
    desk.refuses("edit phone AnaK_WebRTC force_relay=on", "needs-consent", "resiliency");
    desk.does("edit phone AnaK_WebRTC force_relay=on --yes");
    let log = std::fs::read_to_string(desk.folder.join("audit.jsonl")).expect("there is one");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("\"by\":\"ana\"") && last.contains("resiliency") && last.contains("2026-06-01"), "{last}");
}

#[test]
fn row_9_without_the_permission_one_may_look_and_not_change() {
    let mut desk = Desk::furnished("permission");
    desk.does("edit user Ana permissions=telephony:plugin:all");
    desk.does("activate");
    desk.by = "ben";
    desk.does("list");
    desk.refuses("edit user Ana login=eve", "no-permission", "Telephony > Plugin > All");
    desk.by = "ana";
    desk.does("edit user Ana login=eve");
}

#[test]
fn row_106_what_is_exported_can_be_imported_again_and_twice() {
    let desk = Desk::furnished("export");
    let file = desk.folder.join("out.json");
    desk.does(&format!("export {}", file.display()));
    let other = Desk::new("import");
    for _ in 0..2 {
        other.does(&format!("import {}", file.display()));
    }
    other.does("activate");
    assert_eq!(other.does("export").text, desk.does("export").text);
    std::fs::write(&file, r#"{"base_settings": [{"name": "A", "relay": "x"}]}"#).expect("it can be written");
    other.refuses(&format!("import {}", file.display()), "import-refused", "set it on the Site");
}

#[test]
fn what_cannot_be_says_why_and_what_there_is() {
    let desk = Desk::furnished("nonsense");
    desk.refuses("edit phone Nobody site=Madrid", "no-such-object", "There are: AnaK_WebRTC.");
    desk.refuses("edit phone AnaK_WebRTC dscp=64", "bad-value", "from 0 to 63");
    desk.refuses("edit phone AnaK_WebRTC dscp", "bad-edit", "KEY=VALUE");
    desk.refuses("create site Madrid", "name-taken", "already");
    desk.refuses("activate", "no-draft", "no draft");
    desk.refuses("effective Nobody", "phone-missing", "No phone was created");
    assert!(Line::try_parse_from(["phones", "list", "elephants"]).is_err());
}

#[test]
fn a_damaged_folder_is_not_written_again() {
    let desk = Desk::furnished("damaged");
    std::fs::write(desk.folder.join("active.json"), "{").expect("it can be written");
    desk.refuses("create site Porto", "folder-damaged", "active.json");
    assert_eq!(desk.does("validate").exit, Exit::Failed);
}
