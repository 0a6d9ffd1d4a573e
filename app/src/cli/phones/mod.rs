//! `offhook phones`: objects that an administrator of phones edits, in a local folder (list, change, check, activate,
//! roll back) or at the service.

mod look;
mod service;
#[cfg(test)]
mod tests;
mod typed;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use phone_core::policy::Setting;
use phone_core::provisioning::store::{Done, Refused, in_business_hours};
use phone_core::provisioning::{Day, Kind, Objects, Severity, Store, check, edit};
use phone_io::provisioning::{Folder, is_damaged};
use serde_json::{Value, json};

use look::{find, folder_failure, look};

use super::config::{Settings, provisioning_folder, user_of_computer};
use super::exit::{Exit, Failure};
use super::voice::Voice;

/// List and change phones, base settings and sites
///
/// The objects stand in a folder. A change goes to a draft; `activate` checks the draft, says who must sign in again,
/// and puts it in force; `rollback` puts back what was in force before. Every value of a phone says who decided it.
///
/// With --service they are the ones of the service that --region, --exchange or the settings name, for the user who is
/// signed in on this computer or whose token is given. There a change is in force at once, and needs the permission
/// Telephony > Plugin > All; without it sites and phones can be looked at.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Kinds: global, trunk, site, base-settings, user, phone

Examples:
  offhook phones create site Madrid media_regions=eu-west-1,eu-central-1
  offhook phones create base-settings Support_WebRTC_Standard persistent_connection=on dscp=46
  offhook phones create user \"Ana Kovacs\" login=ana
  offhook phones create phone AnaK_WebRTC site=Madrid base_settings=Support_WebRTC_Standard user=\"Ana Kovacs\"
  offhook phones edit phone AnaK_WebRTC force_relay=on --yes
  offhook phones validate
  offhook phones activate
  offhook phones effective AnaK_WebRTC           every setting, and who decided it
  offhook phones effective                       the same of your own phone, with policies, files and choices
  offhook phones test-number Madrid 915550142    which number plan matches
  offhook phones firewall Madrid                 what a firewall has to let through
  offhook phones export > phones.json
  offhook phones rollback

At the service:
  offhook phones list --service                          of the account that was signed in to last
  offhook phones edit phone AnaK_WebRTC dscp=34 --service --region mypurecloud.de
  offhook phones import phones.json --service --exchange http://127.0.0.1:8443

Exit codes: 0 fine, 1 done with warnings, 2 not valid or refused, 3 could not run.")]
pub struct PhonesArgs {
    /// At the service, not in a folder
    #[arg(long, global = true, conflicts_with_all = ["folder", "active", "by"])]
    pub service: bool,

    /// The folder [default: the setting `provisioning`, else provisioning in the data folder of this user]
    #[arg(long, global = true, value_name = "DIR")]
    pub folder: Option<PathBuf>,

    /// Look at what is in force, also where there is a draft
    #[arg(long, global = true)]
    pub active: bool,

    /// Agree to what a change asks to be agreed to
    #[arg(long, global = true)]
    pub yes: bool,

    /// Who is at work, for permissions and the audit log [default: the user of this computer]
    #[arg(long, global = true, value_name = "LOGIN")]
    pub by: Option<String>,

    #[command(subcommand)]
    pub task: PhonesTask,
}

#[derive(Debug, Subcommand)]
pub enum PhonesTask {
    /// Objects of a kind [default: phones]
    List {
        #[arg(value_parser = kind, default_value = "phone")]
        kind: Kind,
    },
    /// One object with its fields
    Show {
        #[arg(value_parser = kind)]
        kind: Kind,
        /// Not for the global settings
        name: Option<String>,
    },
    /// The fields and settings that a kind of object has
    Fields {
        #[arg(value_parser = kind, default_value = "phone")]
        kind: Kind,
    },
    /// Make an object, in the draft
    Create {
        #[arg(value_parser = kind)]
        kind: Kind,
        name: String,
        /// KEY=VALUE
        edits: Vec<String>,
    },
    /// Change an object, in the draft; KEY=inherit takes back what was said
    Edit {
        #[arg(value_parser = kind)]
        kind: Kind,
        /// The name (not for the global settings), then KEY=VALUE
        #[arg(required = true)]
        name_and_edits: Vec<String>,
    },
    /// Remove an object, in the draft
    Delete {
        #[arg(value_parser = kind)]
        kind: Kind,
        name: String,
    },
    /// Every setting of a phone, and who decided it
    Effective {
        /// Without a name: the phone of who is here, with policies, files and choices
        phone: Option<String>,
    },
    /// Check everything
    Validate,
    /// What the draft changes
    Changes,
    /// Check the draft and put it in force
    Activate,
    /// Forget the draft
    Discard,
    /// Put back what was in force before
    Rollback,
    /// Take objects from a JSON file into the draft; - reads stdin
    Import {
        file: PathBuf,
        /// Instead of what is there, not beside it
        #[arg(long)]
        replace: bool,
    },
    /// Write everything as JSON, to a file or to stdout
    Export { file: Option<PathBuf> },
    /// Sites with their regions, trunks and phones
    Topology,
    /// Which number plan of a site matches a number, and where the call leaves
    TestNumber { site: String, number: String },
    /// Addresses and ports that a firewall has to let through for a site
    Firewall { site: String },
}

fn kind(word: &str) -> Result<Kind, String> {
    Kind::parse(word)
        .ok_or_else(|| Kind::ALL.map(Kind::word).join(", "))
        .map_err(|words| format!("it is one of {words}"))
}

/// When and by whom.
struct Now {
    day: Day,
    /// Of the day, UTC.
    minute: u16,
    by: String,
}

/// What is told: the same for people and for scripts.
#[derive(Debug)]
struct Told {
    text: String,
    json: Value,
    exit: Exit,
    /// What limits it, on stderr.
    remarks: Vec<String>,
}

impl Told {
    fn fine(text: impl Into<String>, json: Value) -> Self {
        Self::new(text, json, Exit::Fine)
    }

    fn new(text: impl Into<String>, json: Value, exit: Exit) -> Self {
        Self { text: text.into(), json, exit, remarks: Vec::new() }
    }
}

pub fn phones(args: &PhonesArgs, settings: &Settings, voice: &mut Voice) -> Result<Exit, Failure> {
    let named = || settings.effective.text(Setting::Provisioning).map(PathBuf::from);
    let folder = args.folder.clone().or_else(named).or_else(provisioning_folder).ok_or_else(|| {
        Failure::usage("no-folder", "This computer has no home folder for this user.", "Name one with --folder DIR.")
    })?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = Now {
        day: Day::of_unix(seconds),
        minute: (seconds % 86_400 / 60) as u16,
        by: args.by.clone().or_else(user_of_computer).unwrap_or_default(),
    };
    let told = if matches!(args.task, PhonesTask::Effective { phone: None }) && !args.service {
        look::own_phone(settings)?
    } else if args.service {
        service::act(args, settings, &folder, &now)?
    } else {
        act(args, &folder, &now)?
    };
    for remark in &told.remarks {
        voice.remark(remark);
    }
    let text = if voice.is_json() { told.json.to_string() } else { told.text };
    voice.document(&text);
    Ok(told.exit)
}

fn act(args: &PhonesArgs, folder: &Path, now: &Now) -> Result<Told, Failure> {
    match &args.task {
        PhonesTask::Create { .. }
        | PhonesTask::Edit { .. }
        | PhonesTask::Delete { .. }
        | PhonesTask::Activate
        | PhonesTask::Discard
        | PhonesTask::Rollback
        | PhonesTask::Import { .. } => change(args, folder, now),
        task => look(task, args.active, folder, now),
    }
}

fn change(args: &PhonesArgs, folder: &Path, now: &Now) -> Result<Told, Failure> {
    let folder = Folder::writing(folder).map_err(|error| folder_failure(&error))?;
    let (mut store, damage) = folder.load().map_err(|error| folder_failure(&error))?;
    if is_damaged(&damage) {
        let first = damage.first().map(ToString::to_string).unwrap_or_default();
        let text = format!("The folder has a file that cannot be read whole: {first}.");
        return Err(Failure::new(
            Exit::Failed,
            "folder-damaged",
            text,
            "Mend or remove that file; `offhook phones validate` lists everything.",
        ));
    }
    // What is in force decides who may change it: nobody gives himself the permission in a draft.
    if let Some(missing) = check::refused(&store.active, &now.by) {
        let text =
            format!("`{}` may look at these objects and not change them: the permission {missing} is missing.", now.by);
        return Err(Failure::new(
            Exit::Failed,
            "no-permission",
            text,
            "Ask somebody who has it, or name who you are with --by.",
        ));
    }
    let (told, agreed) = changed(args, &mut store, now)?;
    folder.save(&store).map_err(|error| folder_failure(&error))?;
    let line = json!({ "day": now.day.to_string(), "minute_utc": now.minute, "by": now.by, "did": told.json["did"], "agreed_to": agreed });
    folder.audit(&line).map_err(|error| folder_failure(&error))?;
    Ok(told)
}

/// What was done, and the consent that was given for it.
fn changed(args: &PhonesArgs, store: &mut Store, now: &Now) -> Result<(Told, Option<&'static str>), Failure> {
    let said = |text: String, did: String| Told::fine(text, json!({ "did": did }));
    match &args.task {
        PhonesTask::Create { kind, name, edits } => {
            let (object, agreed) = typed::new(store.working(), *kind, name, edits, args.yes)?;
            let title = object.title();
            store.edit().put(object);
            Ok((
                said(
                    format!("{title} is in the draft. `offhook phones activate` puts it in force."),
                    format!("create {title}"),
                ),
                agreed,
            ))
        }
        PhonesTask::Edit { kind, name_and_edits } => {
            let (object, agreed) = typed::changed(store.working(), *kind, name_and_edits, args.yes)?;
            let title = object.title();
            store.edit().put(object);
            let edits = name_and_edits.iter().filter(|word| word.contains('=')).cloned().collect::<Vec<_>>();
            let did = format!("edit {title}: {}", edits.join(" "));
            Ok((
                said(format!("{title} is changed in the draft. `offhook phones activate` puts it in force."), did),
                agreed,
            ))
        }
        PhonesTask::Delete { kind, name } => {
            let object = find(store.working(), *kind, name)?;
            store.edit().remove(*kind, &object.name);
            Ok((
                said(format!("{} is removed in the draft.", object.title()), format!("delete {}", object.title())),
                None,
            ))
        }
        PhonesTask::Discard => {
            store.draft = None;
            Ok((said("The draft is forgotten.".to_owned(), "discard".to_owned()), None))
        }
        PhonesTask::Import { file, replace } => import(store, file, *replace, args.yes),
        PhonesTask::Activate => {
            let preview = store.preview(now.day).map_err(refused)?;
            let hours = in_business_hours(&store.active, now.minute) && !preview.sign_in_again.is_empty();
            if hours && !args.yes {
                let text = format!("{} It is within the business hours.", again(&preview));
                return Err(Failure::new(Exit::Failed, "business-hours", text, "Activate it later, or say --yes."));
            }
            let done = store.activate(now.day).map_err(refused)?;
            let agreed = hours.then_some("a change within the business hours");
            Ok((finished("activate", "The draft is in force.", &done), agreed))
        }
        PhonesTask::Rollback => {
            let done = store.roll_back(now.day).map_err(refused)?;
            Ok((finished("rollback", "What was in force before is in force again.", &done), None))
        }
        _ => Err(Failure::usage("no-task", "There is nothing to change.", "See offhook phones --help.")),
    }
}

fn import(store: &mut Store, file: &Path, replace: bool, yes: bool) -> Result<(Told, Option<&'static str>), Failure> {
    let (objects, findings) = typed::imported(file)?;
    let consent = objects.iter().find_map(|new| edit::consent(store.working().get(new.kind, &new.name), new));
    typed::agree(consent, yes)?;
    let count = objects.iter().count();
    let draft = store.edit();
    if replace {
        *draft = Objects::default();
    }
    for object in objects.iter() {
        draft.put(object.clone());
    }
    let mut lines: Vec<String> = findings.iter().map(|finding| format!("warning  {finding}")).collect();
    lines.push(format!("{count} objects are in the draft. `offhook phones activate` puts them in force."));
    let exit = if findings.is_empty() { Exit::Fine } else { Exit::Warned };
    let json = json!({ "did": format!("import {count} objects"), "findings": findings });
    Ok((Told::new(lines.join("\n"), json, exit), consent))
}

fn refused(why: Refused) -> Failure {
    match why {
        Refused::NoDraft => {
            Failure::new(Exit::Failed, "no-draft", "There is no draft.", "Create, edit or import something first.")
        }
        Refused::NothingBefore => Failure::new(
            Exit::Failed,
            "no-history",
            "Nothing was in force before.",
            "There is nothing to roll back to.",
        ),
        Refused::Invalid(findings) => {
            let errors = findings.iter().filter(|f| f.severity == Severity::Error).take(10).map(ToString::to_string);
            let text = format!("The draft is not valid:\n  {}", errors.collect::<Vec<_>>().join("\n  "));
            Failure::new(
                Exit::Failed,
                "draft-invalid",
                text,
                "Mend that in the draft; `offhook phones validate` lists everything.",
            )
        }
    }
}

/// "3 users must sign in again: …".
fn again(done: &Done) -> String {
    match done.sign_in_again.as_slice() {
        [] => "Nobody has to sign in again.".to_owned(),
        [one] => format!("1 user must sign in again: {one}."),
        users => format!("{} users must sign in again: {}.", users.len(), users.join(", ")),
    }
}

fn finished(did: &str, head: &str, done: &Done) -> Told {
    let changes: Vec<String> = done.differences.iter().map(ToString::to_string).collect();
    let warnings = done.warnings.iter().map(|finding| format!("warning  {finding}"));
    let lines = std::iter::once(head.to_owned()).chain(changes.iter().cloned()).chain(warnings);
    let text = lines.chain([again(done)]).collect::<Vec<_>>().join("\n");
    let exit = if done.warnings.is_empty() { Exit::Fine } else { Exit::Warned };
    let json =
        json!({ "did": did, "changes": changes, "sign_in_again": done.sign_in_again, "findings": done.warnings });
    Told::new(text, json, exit)
}
