//! `offhook phones --service`: the objects of the service, read and changed by REST. A change is in force at once.

use std::path::Path;

use phone_core::command::{KeptToken, ServiceSignIn, SignIn};
use phone_core::event::Notice;
use phone_core::line::genesys::{Administration, Inventory};
use phone_core::output::Asker;
use phone_core::provisioning::effective::phone_of_user;
use phone_core::provisioning::{Field, Finding, Kind, Object, Objects, edit};
use phone_exchange::RunningExchange;
use phone_io::administration::administration;
use phone_io::provisioning::Folder;
use phone_io::secrets::{kept_token, saved_accounts};
use serde_json::{Value, json};

use super::look::{find, folder_failure, look_at};
use super::{Now, PhonesArgs, PhonesTask, Told, typed};
use crate::cli::config::{Settings, data_dir};
use crate::cli::exit::{Exit, Failure};
use crate::cli::station::{checked_origin, practice_options, start_practice};

/// `folder`: where the audit log is.
pub(super) fn act(args: &PhonesArgs, settings: &Settings, folder: &Path, now: &Now) -> Result<Told, Failure> {
    if matches!(args.task, PhonesTask::Changes | PhonesTask::Activate | PhonesTask::Discard | PhonesTask::Rollback) {
        return Err(Failure::usage(
            "no-draft-there",
            "The service has no drafts: what is changed there is in force at once.",
            "Keep a copy with `offhook phones export` before a change, and `import` it to go back.",
        ));
    }
    if matches!(args.task, PhonesTask::Fields { .. }) {
        return look_at(&args.task, &Objects::default(), Vec::new(), now.day);
    }
    let (sign_in, exchange) = sign_in(settings)?;
    let mut administration = administration(&sign_in, settings.ca.as_deref()).map_err(failure)?;
    let inventory = administration.read().map_err(failure)?;
    let told = match &args.task {
        PhonesTask::Create { .. } | PhonesTask::Edit { .. } | PhonesTask::Delete { .. } | PhonesTask::Import { .. } => {
            if let Some(refused) = administration.refused() {
                return Err(failure(refused));
            }
            let folder = Folder::writing(folder).map_err(|error| folder_failure(&error))?;
            let mut desk = Desk { administration, inventory, folder, now };
            desk.change(args)
        }
        PhonesTask::Effective { phone: None } => {
            let phone = phone_of_user(&inventory.objects, administration.who(), None).map_err(|missing| {
                Failure::new(
                    Exit::Failed,
                    "phone-missing",
                    missing.sentence(),
                    "Name a phone, or create one for this user.",
                )
            })?;
            let task = PhonesTask::Effective { phone: Some(phone.name.clone()) };
            seen(&task, &administration, &inventory, now)
        }
        task => seen(task, &administration, &inventory, now),
    };
    drop(exchange);
    told
}

/// Looks, and says what of it is hidden.
fn seen<A: Asker>(
    task: &PhonesTask,
    administration: &Administration<A>,
    inventory: &Inventory,
    now: &Now,
) -> Result<Told, Failure> {
    let missing = administration.missing_permission();
    let hidden = missing.map(|missing| {
        format!(
            "{} sees sites and phones only, without their base settings, and may change nothing: the permission {missing} is \
             missing.",
            administration.who()
        )
    });
    let mut told = look_at(task, &inventory.objects, inventory.findings.clone(), now.day).map_err(|mut failed| {
        if let Some(hidden) = &hidden {
            failed.notice.text = format!("{} {hidden}", failed.notice.text);
        }
        failed
    })?;
    // `validate` tells them with its own.
    if !matches!(task, PhonesTask::Validate) {
        told.remarks.extend(inventory.findings.iter().map(|finding| format!("warning  {finding}")));
    }
    told.remarks.extend(hidden);
    let whole = matches!(task, PhonesTask::Export { file: None });
    if let (false, Some(missing), Value::Object(map)) = (whole, missing, &mut told.json) {
        map.insert("missing_permission".to_owned(), missing.into());
    }
    if !told.remarks.is_empty() && told.exit == Exit::Fine {
        told.exit = Exit::Warned;
    }
    Ok(told)
}

/// An administrator at work.
struct Desk<'a, A> {
    administration: Administration<A>,
    inventory: Inventory,
    /// Held, so that one change at a time is made from this computer; its audit log says who agreed to what.
    folder: Folder,
    now: &'a Now,
}

impl<A: Asker> Desk<'_, A> {
    fn change(&mut self, args: &PhonesArgs) -> Result<Told, Failure> {
        let objects = &self.inventory.objects;
        match &args.task {
            PhonesTask::Create { kind, name, edits } => {
                let (object, agreed) = typed::new(objects, *kind, name, edits, args.yes)?;
                self.put(&object)?;
                let station = if *kind == Kind::Phone && object.fields.contains_key(&Field::User) {
                    " It may take a minute until its user can choose it."
                } else {
                    ""
                };
                let title = object.title();
                Ok(self.done(&format!("{title} is created.{station}"), &format!("create {title}"), agreed))
            }
            PhonesTask::Edit { kind, name_and_edits } => {
                let (object, agreed) = typed::changed(objects, *kind, name_and_edits, args.yes)?;
                self.put(&object)?;
                let title = object.title();
                let text = format!("{title} is changed. Who uses it may have to sign in again; Offhook says so there.");
                let edits: Vec<&str> =
                    name_and_edits.iter().map(String::as_str).filter(|word| word.contains('=')).collect();
                Ok(self.done(&text, &format!("edit {title}: {}", edits.join(" ")), agreed))
            }
            PhonesTask::Delete { kind, name } => {
                let object = find(objects, *kind, name)?;
                self.administration.remove(&object).map_err(failure)?;
                let title = object.title();
                Ok(self.done(&format!("{title} is removed."), &format!("delete {title}"), None))
            }
            PhonesTask::Import { file, replace } => self.import(file, *replace, args.yes),
            _ => Err(Failure::usage("no-task", "There is nothing to change.", "See offhook phones --help.")),
        }
    }

    fn put(&mut self, object: &Object) -> Result<(), Failure> {
        self.administration.put(&mut self.inventory, object).map_err(failure)
    }

    /// Tells it, and writes it to the audit log. It was done, so a log that cannot be written is a warning.
    fn done(&self, text: &str, did: &str, agreed: Option<&'static str>) -> Told {
        let mut told = Told::fine(text, json!({ "did": did }));
        self.audit(&mut told, did, agreed);
        told
    }

    fn audit(&self, told: &mut Told, did: &str, agreed: Option<&'static str>) {
        let Now { day, minute, .. } = self.now;
        let line = json!({ "day": day.to_string(), "minute_utc": minute, "by": self.administration.who(),
            "at": self.administration.place(), "did": did, "agreed_to": agreed });
        if let Err(error) = self.folder.audit(&line) {
            told.remarks.push(format!("warning  It is done, and the audit log does not say so: {error}."));
            told.exit = Exit::Warned;
        }
    }

    /// Each object that differs from the service's, referred-to kinds first. What is refused ends it; what was done
    /// before stays, and is told.
    fn import(&mut self, file: &Path, replace: bool, yes: bool) -> Result<Told, Failure> {
        if replace {
            return Err(Failure::usage(
                "no-replace-there",
                "At the service nothing is removed because a file does not have it.",
                "Import without --replace, and remove single objects with `offhook phones delete`.",
            ));
        }
        let (objects, mut findings) = typed::imported(file)?;
        let mut wanted = Vec::new();
        for object in objects.iter() {
            let (fitted, left_out) = self.inventory.fitted(object);
            findings.extend(left_out);
            let known = |fitted: &Object| self.inventory.objects.get(fitted.kind, &fitted.name).cloned();
            wanted.extend(fitted.filter(|fitted| known(fitted).as_ref() != Some(fitted)));
        }
        let before = |object: &Object| self.inventory.objects.get(object.kind, &object.name);
        let consent = wanted.iter().find_map(|object| edit::consent(before(object), object));
        typed::agree(consent, yes)?;
        let mut done = Vec::new();
        let mut stopped = None;
        for object in &wanted {
            if let Err(failed) = self.put(object) {
                stopped = Some(failed);
                break;
            }
            done.push(object.title());
        }
        let did = format!("import {} objects: {}", done.len(), done.join(", "));
        let mut told = imported(&done, objects.iter().count(), &findings);
        if !done.is_empty() {
            self.audit(&mut told, &did, consent);
        }
        match stopped {
            None => Ok(told),
            Some(mut failed) => {
                let left = wanted.len() - done.len();
                let so_far = format!("{} objects were imported, {left} were not.", done.len());
                failed.notice.text = format!("{so_far} {}", failed.notice.text);
                Err(failed)
            }
        }
    }
}

fn imported(done: &[String], of: usize, findings: &[Finding]) -> Told {
    let mut lines: Vec<String> = findings.iter().map(|finding| format!("warning  {finding}")).collect();
    let same = if done.is_empty() { "Nothing had to be changed".to_owned() } else { format!("{} changed", done.len()) };
    lines.push(format!("{of} objects were read. {same}."));
    let exit = if findings.is_empty() { Exit::Fine } else { Exit::Warned };
    let json = json!({ "did": format!("import {} objects", done.len()), "objects": done, "findings": findings });
    Told::new(lines.join("\n"), json, exit)
}

/// How to sign in without a browser, and the exchange inside this program if that is where.
fn sign_in(settings: &Settings) -> Result<(SignIn, Option<RunningExchange>), Failure> {
    if settings.demo {
        let exchange = start_practice(practice_options(settings))?;
        let user = settings.account.clone();
        return Ok((SignIn::Practice { origin: exchange.origin().to_owned(), user: user.into() }, Some(exchange)));
    }
    let folder = data_dir();
    let saved = folder.as_deref().map(saved_accounts).unwrap_or_default();
    let given = settings.token.clone().map(|token| KeptToken { token, refresh: None, life: None });
    let sign_in = match (&settings.service, &settings.exchange) {
        (None, Some(origin)) => match given {
            Some(given) => SignIn::Token { environment: checked_origin(origin)?, token: given.token },
            None => SignIn::Practice { origin: checked_origin(origin)?, user: settings.account.clone().into() },
        },
        (service, _) => {
            let same = |found: &&phone_io::secrets::SavedAccount| {
                service.as_ref().is_none_or(|service| found.service.environment == service.environment)
            };
            let found = saved.iter().find(same);
            let Some(service) = service.clone().or_else(|| found.map(|found| found.service.clone())) else {
                return Err(Failure::usage(
                    "no-service",
                    "It is not said at which service, and nobody was signed in on this computer.",
                    "Add --region, or --exchange URL for a practice exchange, or sign in with the window first.",
                ));
            };
            let load = || kept_token(folder.as_deref()?, &found?.key);
            SignIn::Service(Box::new(ServiceSignIn { service, kept: given.or_else(load), ..ServiceSignIn::default() }))
        }
    };
    Ok((sign_in, None))
}

/// What cannot even be asked, and what is refused, end with different codes.
fn failure(notice: Notice) -> Failure {
    let asked = !matches!(
        notice.id,
        "no-token"
            | "token-ended"
            | "cannot-ask"
            | "bad-address"
            | "service-unreachable"
            | "service-silent"
            | "server-garbage"
    );
    Failure { exit: if asked { Exit::Failed } else { Exit::CouldNotRun }, notice }
}
