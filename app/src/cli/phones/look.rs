//! What `offhook phones` shows: lists, one object, what holds for a phone, findings, number plans, firewall rules.

use std::path::Path;

use phone_core::policy::{Effective, Setting, Trouble};
use phone_core::provisioning::effective::EffectivePhone;
use phone_core::provisioning::store::differences;
use phone_core::provisioning::{
    Day, Field, Finding, Kind, Object, Objects, Severity, check, effective, field, read, region,
};
use phone_io::provisioning::{Folder, FolderError};
use serde_json::{Value, json};

use super::{Now, PhonesTask, Told};
use crate::cli::config::Settings;
use crate::cli::exit::{Exit, Failure};
use crate::cli::policy::to_json;

pub(super) fn look(task: &PhonesTask, active: bool, folder: &Path, now: &Now) -> Result<Told, Failure> {
    let (store, damage) = Folder::reading(folder).load().map_err(|error| folder_failure(&error))?;
    let objects = if active { &store.active } else { store.working() };
    if matches!(task, PhonesTask::Changes) {
        let changes = store.draft.as_ref().map(|draft| differences(&store.active, draft)).unwrap_or_default();
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        let text = if lines.is_empty() { "The draft changes nothing.".to_owned() } else { lines.join("\n") };
        return Ok(Told::fine(text, json!({ "changes": lines })));
    }
    look_at(task, objects, damage, now.day)
}

/// The same at a folder's objects and a service's. `damage`: what could not be read of them.
pub(super) fn look_at(task: &PhonesTask, objects: &Objects, damage: Vec<Finding>, today: Day) -> Result<Told, Failure> {
    match task {
        PhonesTask::List { kind } => Ok(list(objects, *kind)),
        PhonesTask::Show { kind, name } => {
            let object = find(objects, *kind, name.as_deref().unwrap_or_default())?;
            Ok(Told::fine(in_detail(&object), with_kind(&object)))
        }
        PhonesTask::Fields { kind } => Ok(fields(*kind)),
        PhonesTask::Effective { phone } => effective_phone(objects, phone.as_deref().unwrap_or_default()),
        PhonesTask::Validate => {
            let findings: Vec<Finding> = damage.into_iter().chain(check::all(objects, today)).collect();
            Ok(validated(&findings, objects))
        }
        PhonesTask::Export { file } => {
            let text = read::to_text(objects);
            if let Some(file) = file {
                std::fs::write(file, &text).map_err(|error| {
                    let text = format!("{} cannot be written: {error}.", file.display());
                    Failure::usage("export-failed", text, "Name a file that can be written.")
                })?;
                let count = objects.iter().count();
                let said = format!("{count} objects were written to {}.", file.display());
                return Ok(Told::fine(said, json!({ "objects": count })));
            }
            Ok(Told::fine(text.trim_end(), read::to_json(objects)))
        }
        PhonesTask::Topology => {
            let text = effective::topology(objects);
            Ok(Told::fine(if text.is_empty() { "There is no site yet." } else { &text }, json!({ "topology": text })))
        }
        PhonesTask::TestNumber { site, number } => {
            let site = find(objects, Kind::Site, site)?;
            let (text, exit) = match check::test_number(objects, &site, number) {
                Ok(text) => (text, Exit::Fine),
                Err(text) => (text, Exit::Failed),
            };
            let json = json!({ "result": text, "reachable": exit == Exit::Fine });
            Ok(Told::new(text, json, exit))
        }
        PhonesTask::Firewall { site } => Ok(firewall(&find(objects, Kind::Site, site)?, today)),
        _ => Err(Failure::usage("no-task", "There is nothing to look at.", "See offhook phones --help.")),
    }
}

pub(super) fn folder_failure(error: &FolderError) -> Failure {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::usage(
        "folder-unusable",
        format!("{error}{cause}."),
        "Check the folder and who may use it, or name another with --folder.",
    )
}

pub(super) fn find(objects: &Objects, kind: Kind, name: &str) -> Result<Object, Failure> {
    if kind == Kind::Global {
        return Ok(objects.global());
    }
    objects.find(kind, name).cloned().ok_or_else(|| {
        let names: Vec<&str> = objects.of(kind).map(|object| object.name.as_str()).take(20).collect();
        let hint = if names.is_empty() {
            "There is none yet.".to_owned()
        } else {
            format!("There are: {}.", names.join(", "))
        };
        Failure::new(Exit::Failed, "no-such-object", format!("No {} is called `{name}`.", kind.noun()), hint)
    })
}

fn with_kind(object: &Object) -> Value {
    let mut json = read::object_json(object);
    if let Some(map) = json.as_object_mut() {
        map.insert("kind".to_owned(), object.kind.word().into());
    }
    json
}

/// Columns as wide as they have to be, two spaces between.
fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let lines = rows.iter().map(|row| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:0$}", width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn list(objects: &Objects, kind: Kind) -> Told {
    let json = json!({ "objects": objects.of(kind).map(with_kind).collect::<Vec<_>>() });
    if objects.of(kind).next().is_none() {
        let hint = match kind {
            Kind::Phone if objects.of(Kind::BaseSettings).next().is_none() => " Create base settings first.",
            _ => "",
        };
        return Told::fine(format!("There is no {} yet.{hint}", kind.noun()), json);
    }
    let shown: Vec<&field::Entry> =
        kind.fields().filter(|e| !matches!(e.field, Field::Name | Field::ServiceId)).take(4).collect();
    let head = std::iter::once("Name".to_owned()).chain(shown.iter().map(|entry| entry.title.to_owned())).collect();
    let row = |object: &Object| {
        let cells = shown.iter().map(|entry| match object.fields.get(&entry.field) {
            Some(stated) => read::stated_words(stated),
            None => entry.default.to_owned(),
        });
        std::iter::once(object.name.clone()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(objects.of(kind).map(row)).collect();
    Told::fine(columns(&rows), json)
}

fn in_detail(object: &Object) -> String {
    let mut text = format!("{}\n{}", object.title(), object.kind.path());
    let fields = object.kind.fields().filter(|entry| entry.field != Field::Name);
    let mut rows: Vec<Vec<String>> = fields
        .map(|entry| {
            let (words, note) = match object.fields.get(&entry.field) {
                Some(stated) => (read::stated_words(stated), ""),
                None if entry.default.is_empty() => ("–".to_owned(), ""),
                None => (entry.default.to_owned(), "default"),
            };
            vec![entry.key.to_owned(), words, note.to_owned()]
        })
        .collect();
    rows.extend(object.kind.settings().map(|setting| {
        let entry = setting.entry();
        let (words, note) = match object.settings.get(&setting) {
            Some(value) => (entry.words(Some(value)), ""),
            None => ("inherit".to_owned(), ""),
        };
        vec![entry.key.to_owned(), words, note.to_owned()]
    }));
    text.push('\n');
    text.push_str(&columns(&rows));
    text
}

fn fields(kind: Kind) -> Told {
    let mut rows = Vec::new();
    let mut list = Vec::new();
    for entry in kind.fields() {
        let must = if entry.required { "required" } else { "" };
        rows.push(vec![entry.key.to_owned(), entry.section.to_owned(), must.to_owned(), entry.text.to_owned()]);
        list.push(
            json!({ "key": entry.key, "title": entry.title, "section": entry.section, "required": entry.required,
            "default": entry.default, "text": entry.text }),
        );
    }
    for setting in kind.settings() {
        let (entry, section) = (setting.entry(), field::section_of(setting));
        let default = entry.words(entry.built_in().as_ref());
        rows.push(vec![entry.key.to_owned(), section.to_owned(), default.clone(), entry.text.to_owned()]);
        list.push(
            json!({ "key": entry.key, "title": entry.title, "section": section, "default": default, "unit": entry.unit,
            "change": entry.change.word(), "text": entry.text }),
        );
    }
    Told::fine(format!("{}\n{}", kind.path(), columns(&rows)), json!({ "kind": kind.word(), "fields": list }))
}

fn effective_phone(objects: &Objects, name: &str) -> Result<Told, Failure> {
    let found = effective::of_phone(objects, name).map_err(|missing| {
        Failure::new(Exit::Failed, "phone-missing", missing.sentence(), "Create what is missing, or correct the phone.")
    })?;
    Ok(decided(&found, &found.settings))
}

/// The phone that this user gets, with all that was said elsewhere than in the folder too.
pub(super) fn own_phone(settings: &Settings) -> Result<Told, Failure> {
    let Some(found) = &settings.phone else {
        let why = settings.findings.iter().find(|finding| finding.trouble == Trouble::NoPhone);
        let why = why.map_or_else(|| "The folder has no phone for who is here.".to_owned(), |why| format!("{why}."));
        let remedy = "Name a phone, or create one with `offhook phones create phone` for this user and activate it.";
        return Err(Failure::new(Exit::Failed, "phone-missing", why, remedy));
    };
    Ok(decided(found, &settings.effective))
}

fn decided(found: &EffectivePhone, settings: &Effective) -> Told {
    let shown: Vec<Setting> = Kind::Phone.settings().collect();
    let decided: Vec<_> = settings.iter().filter(|resolved| shown.contains(&resolved.setting)).collect();
    let mut rows = vec![["Setting", "Value", "Comes from"].map(str::to_owned).to_vec()];
    rows.extend(decided.iter().map(|resolved| {
        let entry = resolved.setting.entry();
        vec![entry.key.to_owned(), entry.words(resolved.value.as_ref()), resolved.origin.to_string()]
    }));
    let regions: Vec<&str> = found.regions.iter().map(|region| region.name.as_str()).collect();
    let site = format!("site {}", found.site);
    let words = if regions.is_empty() { "–".to_owned() } else { regions.join(", ") };
    rows.push(vec!["media_regions".to_owned(), words, site.clone()]);
    rows.push(vec!["relay".to_owned(), found.relay.word().to_owned(), site]);
    rows.push(vec!["model".to_owned(), found.model.clone(), format!("base settings {}", found.base_settings)]);
    let json = json!({
        "phone": found.phone, "user": found.user, "site": found.site, "base_settings": found.base_settings,
        "model": found.model, "media_regions": regions, "relay": found.relay.word(),
        "settings": decided.iter().map(|resolved| to_json(resolved)).collect::<Vec<_>>(),
    });
    Told::fine(columns(&rows), json)
}

fn validated(findings: &[Finding], objects: &Objects) -> Told {
    let mut lines: Vec<String> = findings
        .iter()
        .map(|finding| match finding.severity {
            Severity::Error => format!("error    {finding}"),
            Severity::Warning => format!("warning  {finding}"),
        })
        .collect();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let count = objects.iter().count();
    lines.push(match (errors, findings.len()) {
        (0, 0) => format!("{count} objects, nothing to object to."),
        (0, warnings) => format!("{count} objects hold together; warnings: {warnings}."),
        (errors, _) => format!("{count} objects do not hold together; errors: {errors}."),
    });
    let exit = match (errors, findings.is_empty()) {
        (0, true) => Exit::Fine,
        (0, false) => Exit::Warned,
        _ => Exit::Failed,
    };
    Told::new(lines.join("\n"), json!({ "valid": errors == 0, "findings": findings }), exit)
}

fn firewall(site: &Object, today: Day) -> Told {
    let rules = region::firewall(site.regions(), today);
    let from = |rule: &region::FirewallRule| rule.from.map(|day| format!("active from {day}")).unwrap_or_default();
    let mut rows = vec![["Region", "Addresses", ""].map(str::to_owned).to_vec()];
    rows.extend(rules.iter().map(|rule| vec![rule.region.clone(), rule.range.to_string(), from(rule)]));
    let list: Vec<Value> = rules
        .iter()
        .map(|rule| json!({ "region": rule.region, "range": rule.range.to_string(), "from": rule.from.map(|day| day.to_string()) }))
        .collect();
    let text = if rules.is_empty() {
        format!("The media regions of {} name no pool of addresses.", site.title())
    } else {
        format!("Outwards, both ways: {}\n{}", region::FIREWALL_PORTS, columns(&rows))
    };
    Told::fine(text, json!({ "ports": region::FIREWALL_PORTS, "rules": list }))
}
