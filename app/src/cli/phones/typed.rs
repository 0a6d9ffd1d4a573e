//! Objects as somebody types or imports them, for a folder and for a service alike.

use std::path::Path;

use phone_core::provisioning::{Finding, Kind, Object, Objects, check, edit, read};
use phone_io::provisioning::file_text;

use super::look::{find, folder_failure};
use crate::cli::exit::{Exit, Failure};

/// An object, and the consent that was given for it.
pub(super) type Agreed = (Object, Option<&'static str>);

/// A new object.
pub(super) fn new(objects: &Objects, kind: Kind, name: &str, edits: &[String], yes: bool) -> Result<Agreed, Failure> {
    if kind == Kind::Global || objects.find(kind, name).is_some() {
        let text = format!("There is a {} called `{name}` already.", kind.noun());
        let remedy = "Take another name, or use `offhook phones edit`.";
        return Err(Failure::new(Exit::Failed, "name-taken", text, remedy));
    }
    if kind == Kind::Phone && objects.of(Kind::BaseSettings).next().is_none() {
        let remedy = "Create base settings first: offhook phones create base-settings NAME.";
        let text = "A phone needs base settings, and there are none.";
        return Err(Failure::new(Exit::Failed, "no-base-settings", text, remedy));
    }
    edited(None, Object::new(kind, name.trim()), edits, yes)
}

/// An object that is there, changed. Of the global settings no name is written.
pub(super) fn changed(objects: &Objects, kind: Kind, words: &[String], yes: bool) -> Result<Agreed, Failure> {
    let (name, edits) = match (kind, words) {
        (Kind::Global, edits) => ("", edits),
        (_, [name, edits @ ..]) => (name.as_str(), edits),
        (_, []) => ("", words),
    };
    let before = find(objects, kind, name)?;
    edited(Some(&before), before.clone(), edits, yes)
}

fn edited(
    before: Option<&Object>,
    mut object: Object,
    edits: &[String],
    yes: bool,
) -> Result<(Object, Option<&'static str>), Failure> {
    for edit in edits {
        let Some((key, value)) = edit.split_once('=') else {
            return Err(Failure::usage(
                "bad-edit",
                format!("`{edit}` is no KEY=VALUE."),
                "See `offhook phones fields`.",
            ));
        };
        edit::set(&mut object, key, value).map_err(|why| {
            let remedy = format!("`offhook phones fields {}` lists what there is.", object.kind.word());
            Failure::new(Exit::Failed, "bad-value", format!("{key} cannot be `{value}`: {why}."), remedy)
        })?;
    }
    let consent = edit::consent(before, &object);
    agree(consent, yes)?;
    Ok((object, consent))
}

pub(super) fn agree(consent: Option<&'static str>, yes: bool) -> Result<(), Failure> {
    match consent {
        Some(text) if !yes => {
            Err(Failure::new(Exit::Failed, "needs-consent", text, "Say --yes if that is what you want."))
        }
        _ => Ok(()),
    }
}

/// Objects of a JSON file, with what is odd in it; `-` is stdin.
pub(super) fn imported(file: &Path) -> Result<(Objects, Vec<Finding>), Failure> {
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).map_err(|error| {
            Failure::usage("import-unreadable", format!("Stdin cannot be read: {error}."), "Name a file instead.")
        })?
    } else {
        file_text(file).map_err(|error| folder_failure(&error))?.ok_or_else(|| {
            Failure::usage("import-unreadable", format!("{} is not there.", file.display()), "Check its path.")
        })?
    };
    let (objects, findings) = read::text(&text);
    if check::has_errors(&findings) {
        let told: Vec<String> = findings.iter().take(10).map(ToString::to_string).collect();
        let text = format!("Nothing was imported:\n  {}", told.join("\n  "));
        return Err(Failure::new(Exit::Failed, "import-refused", text, "Mend that in the file and import it again."));
    }
    Ok((objects, findings))
}
