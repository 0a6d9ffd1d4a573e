//! `offhook policy`: which value holds, who decided it, and what was ignored.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Args, Subcommand};
use phone_core::policy::{
    Effective, Finding, Ignored, Layer, Layers, Lock, Platform, Resolved, Setting, Source, Trouble, read,
};
use serde_json::{Map, Value, json};

use super::config::Settings;
use super::exit::{Exit, Failure};
use super::human::{Ink, Paint};
use super::voice::Voice;

/// Longest file that is looked at.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Show and check settings and policies
///
/// Every setting has one value that holds, and somebody who decided it: the program itself, the administrator, the
/// service, or you.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  offhook policy show                    every setting, its value, and where it comes from
  offhook policy show \"Force TURN\"       one setting with all who had a say
  offhook policy show --changed          only what somebody decided
  offhook policy validate 10-all.json    check a policy file before it is rolled out
  offhook policy export > managed.json   what holds here, as a policy file
  offhook policy report                  what was ignored or overruled, and why

Exit codes: 0 fine, 1 something was ignored (report, validate with warnings), 2 not valid, 3 could not run.")]
pub struct PolicyArgs {
    #[command(subcommand)]
    pub task: PolicyTask,
}

#[derive(Debug, Subcommand)]
pub enum PolicyTask {
    /// Every setting that holds, or one with all its layers
    Show {
        /// Key, policy name or title
        setting: Option<String>,
        /// Only what somebody decided
        #[arg(long)]
        changed: bool,
    },
    /// Check policy files; unknown keys and bad values are errors here
    Validate {
        /// JSON files as they stand in policies/managed
        #[arg(required = true)]
        files: Vec<std::path::PathBuf>,
    },
    /// Print what holds as a policy file
    Export {
        /// Also what nobody decided
        #[arg(long)]
        all: bool,
    },
    /// Tell what was read, and what was ignored, refused or overruled
    Report,
}

pub fn policy(args: &PolicyArgs, settings: &Settings, voice: &mut Voice) -> Result<Exit, Failure> {
    match &args.task {
        PolicyTask::Show { setting: None, changed } => {
            let paint = voice.paint();
            let chosen: Vec<&Resolved> =
                settings.effective.iter().filter(|resolved| !changed || resolved.is_changed()).collect();
            if voice.is_json() {
                let all: Vec<Value> = chosen.iter().map(|resolved| to_json(resolved)).collect();
                voice.document(&json!({ "settings": all }).to_string());
            } else {
                voice.document(&table(&chosen, paint));
            }
            Ok(Exit::Fine)
        }
        PolicyTask::Show { setting: Some(name), .. } => {
            let resolved = find(name, &settings.effective)?;
            let text = if voice.is_json() { to_json(resolved).to_string() } else { in_detail(resolved, voice.paint()) };
            voice.document(&text);
            Ok(Exit::Fine)
        }
        PolicyTask::Validate { files } => validate(files, voice),
        PolicyTask::Export { all } => {
            voice.document(&export(&settings.effective, *all));
            Ok(Exit::Fine)
        }
        PolicyTask::Report => Ok(report(settings, voice)),
    }
}

fn find<'a>(name: &str, effective: &'a Effective) -> Result<&'a Resolved, Failure> {
    Setting::by_any_name(name).and_then(|setting| effective.get(setting)).ok_or_else(|| {
        let found: Vec<&str> =
            Setting::ALL.into_iter().filter(|setting| setting.matches(name)).map(|s| s.entry().key).collect();
        let similar = Setting::similar(name).map(|entry| entry.key);
        let hint = match (found.as_slice(), similar) {
            ([], None) => "`offhook policy show` lists them all.".to_owned(),
            ([], Some(key)) => format!("Is `{key}` meant?"),
            (found, _) => format!("It is among what is said of: {}.", found.join(", ")),
        };
        Failure::usage("no-such-setting", format!("No setting is called `{name}`."), hint)
    })
}

/// One setting for scripts.
pub fn to_json(resolved: &Resolved) -> Value {
    let entry = resolved.setting.entry();
    let lock = resolved.lock.as_ref().map(|lock| match lock {
        Lock::Policy(_) => "policy",
        Lock::Provisioned(_) => "provisioned",
        Lock::Organisation => "organisation",
        Lock::CommandLine => "command-line",
    });
    let given: Vec<Value> = resolved
        .given
        .iter()
        .map(|given| {
            json!({
                "layer": given.source.layer.word(),
                "place": given.source.place,
                "value": given.value,
                "ignored": given.ignored.map(Ignored::words),
            })
        })
        .collect();
    json!({
        "key": entry.key,
        "policy": entry.policy,
        "title": entry.title,
        "value": resolved.value,
        "unit": entry.unit,
        "origin": { "layer": resolved.origin.layer.word(), "place": resolved.origin.place },
        "locked": lock,
        "change": entry.change.word(),
        "given": given,
    })
}

fn table(all: &[&Resolved], paint: Paint) -> String {
    let rows: Vec<[String; 3]> = all
        .iter()
        .map(|resolved| {
            let entry = resolved.setting.entry();
            let lock = match resolved.lock {
                Some(Lock::Policy(_) | Lock::Provisioned(_)) => " (locked)",
                _ => "",
            };
            [entry.key.to_owned(), entry.words(resolved.value.as_ref()), format!("{}{lock}", resolved.origin)]
        })
        .collect();
    let width = |column: usize, head: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).clamp(head.len(), 60)
    };
    let (key, value) = (width(0, "Setting"), width(1, "Value"));
    let head = format!("{:key$}  {:value$}  {}", "Setting", "Value", "Comes from");
    let mut text = paint.text(Ink::Strong, &head);
    for ([name, shown, origin], resolved) in rows.iter().zip(all) {
        let line = format!("{name:key$}  {shown:value$}  {origin}");
        text.push('\n');
        text.push_str(&if resolved.is_changed() { line } else { paint.text(Ink::Faint, &line) });
    }
    text
}

/// One setting with all who had a say, strongest first.
fn in_detail(resolved: &Resolved, paint: Paint) -> String {
    let entry = resolved.setting.entry();
    let mut text = format!(
        "{}: {}\n{}\n\nComes from      {}\n",
        paint.text(Ink::Strong, entry.title),
        paint.text(Ink::Strong, &entry.words(resolved.value.as_ref())),
        entry.text,
        resolved.origin,
    );
    if let Some(lock) = &resolved.lock {
        _ = writeln!(text, "Locked          {}", crate::text::lock_sentence(lock));
    }
    _ = writeln!(text, "A change holds  {}", entry.change.word());
    _ = writeln!(text, "Key             {} (policy {})", entry.key, entry.policy);
    if !entry.also.is_empty() {
        _ = writeln!(text, "Also called     {}", entry.also.join(", "));
    }
    text.push_str("\nWho said what, strongest first\n");
    for given in resolved.given.iter().rev() {
        let holds = given.source == resolved.origin;
        let mark = if holds { "> " } else { "  " };
        let why = given.ignored.map(|ignored| format!("   ignored: {}", ignored.words())).unwrap_or_default();
        let line = format!("{mark}{}: {}{why}", given.source, entry.words(Some(&given.value)));
        text.push_str(&if holds { paint.text(Ink::Strong, &line) } else { line });
        text.push('\n');
    }
    let built_in = entry.words(entry.built_in().as_ref());
    let mark = if resolved.is_changed() { "  " } else { "> " };
    _ = write!(text, "{mark}built in: {built_in}");
    text
}

/// What holds as a policy file.
fn export(effective: &Effective, all: bool) -> String {
    let values: Map<String, Value> = effective
        .iter()
        .filter(|resolved| all || resolved.is_changed())
        .filter(|resolved| resolved.setting.entry().mandatory)
        .filter_map(|resolved| Some((resolved.setting.entry().policy.to_owned(), json!(resolved.value.as_ref()?))))
        .collect();
    serde_json::to_string_pretty(&Value::Object(values)).unwrap_or_default()
}

fn validate(files: &[std::path::PathBuf], voice: &mut Voice) -> Result<Exit, Failure> {
    let mut findings = Vec::new();
    let mut layers = Layers::default();
    for path in files {
        let text = read_file(path)?;
        let source = Source::new(Layer::MandatoryMachine, path.display().to_string());
        let before = findings.len();
        read::policy_text(&text, &source, Platform::HERE, &mut layers, &mut findings);
        if findings.len() == before {
            let count = layers.iter().filter(|(_, _, from)| from.place == source.place).count();
            voice.print(&format!("{}: valid, {count} settings", path.display()));
        }
    }
    // Whatever else is in force counts for nothing here; a conflict or another system's key is worth a look.
    let only_warnings =
        findings.iter().all(|finding| matches!(finding.trouble, Trouble::Conflict | Trouble::OtherPlatform));
    tell(&findings, voice);
    if voice.is_json() {
        voice.document(&json!({ "valid": only_warnings, "findings": findings }).to_string());
    }
    Ok(match (findings.is_empty(), only_warnings) {
        (true, _) => Exit::Fine,
        (_, true) => Exit::Warned,
        _ => Exit::Failed,
    })
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let read = || {
        let facts = std::fs::metadata(path)?;
        if !facts.is_file() || facts.len() > FILE_LIMIT {
            return Err(std::io::Error::other("it is no policy file"));
        }
        std::fs::read(path)
    };
    match read() {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(Failure::usage(
            "policy-unreadable",
            format!("{} cannot be read: {error}.", path.display()),
            "Check its path and who may read it.",
        )),
    }
}

fn tell(findings: &[Finding], voice: &mut Voice) {
    let paint = voice.paint();
    for finding in findings {
        voice.print(&paint.text(Ink::Warn, &finding.to_string()));
    }
}

fn report(settings: &Settings, voice: &mut Voice) -> Exit {
    let Settings { findings, sources, effective, .. } = settings;
    let decided = effective.iter().filter(|resolved| resolved.is_changed()).count();
    if voice.is_json() {
        let report = json!({ "sources": sources, "findings": findings, "decided": decided });
        voice.document(&report.to_string());
    } else {
        match sources.as_slice() {
            [] => voice.print("No policy and no settings file was found; what holds is built in."),
            sources => {
                voice.print("Read, in this order:");
                for source in sources {
                    voice.print(&format!("  {source}"));
                }
            }
        }
        voice.print(&format!("{decided} of {} settings are not as built in.", Setting::ALL.len()));
        match findings.len() {
            0 => voice.print("Nothing was ignored or overruled."),
            1 => voice.print("\nOne thing was ignored or overruled:"),
            count => voice.print(&format!("\n{count} things were ignored or overruled:")),
        }
        tell(findings, voice);
    }
    if findings.is_empty() { Exit::Fine } else { Exit::Warned }
}

#[cfg(test)]
mod tests {
    use phone_core::policy::{Value as Given, resolve};

    use super::*;

    fn effective() -> Effective {
        let mut layers = Layers::default();
        let policy = Source::new(Layer::MandatoryMachine, "/etc/xdg/offhook/policies/managed/10.json");
        layers.set(Setting::ForceRelay, Given::Bool(true), policy);
        layers.set(Setting::ForceRelay, Given::Bool(false), Source::new(Layer::Chosen, ""));
        layers.set(Setting::Dscp, Given::Integer(34), Source::new(Layer::BaseSettings, "Support_WebRTC_Standard"));
        resolve(&layers)
    }

    #[test]
    fn the_table_names_value_and_origin() {
        let effective = effective();
        let all: Vec<&Resolved> = effective.iter().filter(|resolved| resolved.is_changed()).collect();
        assert_eq!(
            table(&all, Paint(false)),
            "Setting      Value  Comes from\n\
            force_relay  On     policy for this computer /etc/xdg/offhook/policies/managed/10.json (locked)\n\
            dscp         34     base settings Support_WebRTC_Standard"
        );
    }

    #[test]
    fn one_setting_shows_all_who_had_a_say() {
        let effective = effective();
        let text = in_detail(find("force turn", &effective).expect("it is one"), Paint(false));
        assert!(text.contains("> policy for this computer"), "{text}");
        assert!(text.contains("  you, in the window: Off"), "{text}");
        assert!(text.contains("Managed by your organisation"), "{text}");
        assert!(text.ends_with("  built in: Off"), "{text}");
    }

    #[test]
    fn what_is_exported_can_be_read_again_and_gives_the_same() {
        let before = effective();
        let (mut layers, mut findings) = (Layers::default(), Vec::new());
        let source = Source::new(Layer::MandatoryMachine, "x");
        read::policy_text(&export(&before, true), &source, Platform::HERE, &mut layers, &mut findings);
        assert_eq!(findings, []);
        let after = resolve(&layers);
        for setting in Setting::ALL {
            assert_eq!(before.value(setting), after.value(setting), "{setting:?}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_a_guess() {
        let effective = effective();
        let hint = |name: &str| find(name, &effective).err().map(|failure| failure.notice.remedy).unwrap_or_default();
        assert!(hint("force_rely").contains("force_relay"));
        assert!(hint("relay only").contains("force_relay"));
        assert!(hint("elephant").contains("lists them all"));
    }
}
