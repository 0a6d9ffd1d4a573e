//! `offhook diagnose`: the checks of the Diagnostics screen without a window.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use phone_audio::sound::{Choice, Role};
use phone_core::diagnose::catalogue::{Group, RULES};
use phone_core::diagnose::finding::{Sign, Verdict};
use phone_core::diagnose::report::compare;
use phone_core::diagnose::{Line as Result_, Plan, Report};
use phone_core::snapshot::Snapshot;
use phone_core::{Command, Event, SignIn};
use phone_io::PhoneHandle;

use super::args::{DiagnoseArgs, DiagnosePlan};
use super::config::Settings;
use super::exit::{Exit, Failure};
use super::human::{Ink, Paint};
use super::interrupt::Interrupt;
use super::lines::{Changed, Checked, Line};
use super::sound::Devices;
use super::station::{Station, start_phone, stopped};
use super::voice::Voice;
use crate::diagnose::{Checker, Progress, Scope, State, Targets, baseline};

/// How often it is looked whether something is new.
const SLICE: Duration = Duration::from_millis(50);
/// Longer than the longest plan takes.
const LIMIT: Duration = Duration::from_mins(4);
/// For the devices to close at the end.
const END: Duration = Duration::from_secs(3);

pub fn diagnose(
    args: &DiagnoseArgs,
    settings: &Settings,
    voice: &mut Voice,
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    if args.rules {
        list_rules(voice);
        return Ok(Exit::Fine);
    }
    let plan = args.plan.plan();
    let old = args.compare.as_deref().map(read_report).transpose()?;
    if let Some(file) = &args.report {
        check_report_file(file)?;
    }
    let has_service = settings.demo || settings.exchange.is_some();
    if plan == Plan::Network && !has_service {
        return Err(Failure::usage(
            "no-service",
            "It is not said which service the network check is about.",
            "Add --demo for a practice exchange inside this program, or --exchange URL for one that runs.",
        ));
    }
    let devices = Devices::choose(&args.sound, settings, true, settings.demo)?;
    if let Some(text) = &devices.note {
        voice.say(&Line::Note { text: text.clone() });
    }
    let phone = Phone::start(settings, &devices.choices, has_service)?;
    let scope = Scope::Plan(plan);
    let result = run(&phone, scope, voice, interrupt);
    phone.stop();
    let (report, interrupted) = result?;
    tell(&report, old.as_ref(), voice);
    if let Some(file) = &args.report {
        write_report(file, &report)?;
        voice.print(&format!("Written to {}", file.display()));
    }
    voice.say(&Line::Report(Box::new(report.clone())));
    Ok(if interrupted {
        Exit::Interrupted
    } else {
        match report.readiness.exit_code() {
            0 => Exit::Fine,
            1 => Exit::Warned,
            2 => Exit::Failed,
            _ => Exit::CouldNotRun,
        }
    })
}

/// The catalogue, a cause after the other.
fn list_rules(voice: &mut Voice) {
    let paint = voice.paint();
    for rule in RULES {
        let head = paint.text(Ink::Strong, &format!("{:<8} {}", rule.id, rule.cause));
        let lines = [rule.verdict, &format!("Proof: {}", rule.evidence), &format!("→ {}", rule.remedy)];
        let small = paint.text(Ink::Faint, &format!("{} · {}", rule.owner.words(), rule.source));
        voice.print(&format!("{head}\n         {}\n         {small}\n", lines.join("\n         ")));
        voice.say(&Line::Rule(rule));
    }
}

/// A phone that is signed in, or one that only has sound.
enum Phone {
    SignedIn(Station),
    Alone(PhoneHandle),
}

impl Phone {
    fn start(settings: &Settings, choices: &[(Role, Choice)], has_service: bool) -> Result<Self, Failure> {
        if has_service {
            return Station::start(settings, choices, false).map(Self::SignedIn);
        }
        start_phone(settings, choices, false, true, Arc::new(|| {}), None).map(Self::Alone)
    }

    fn handle(&self) -> &PhoneHandle {
        match self {
            Self::SignedIn(station) => &station.handle,
            Self::Alone(handle) => handle,
        }
    }

    fn targets(&self) -> Targets {
        let sign_in = match self {
            Self::SignedIn(station) => {
                Some(SignIn::Practice { origin: station.origin.clone(), user: station.account.clone().into() })
            }
            Self::Alone(_) => None,
        };
        Targets { sign_in }
    }

    fn stop(self) {
        match self {
            Self::SignedIn(station) => station.stop(),
            Self::Alone(handle) => handle.shut_down(END),
        }
    }
}

/// Until the report is there; whether it was interrupted.
fn run(phone: &Phone, scope: Scope, voice: &mut Voice, interrupt: &Interrupt) -> Result<(Report, bool), Failure> {
    let handle = phone.handle();
    let start = Instant::now();
    let meters = Some(handle.meters());
    let mut checker = Checker::start(scope, phone.targets(), &handle.snapshot(), meters, Arc::new(|| {}));
    let mut teller = Teller::default();
    let mut interrupted = false;
    loop {
        if interrupt.came() || voice.is_closed() || start.elapsed() > LIMIT {
            interrupted = interrupt.came() || voice.is_closed();
            send(handle, checker.stop())?;
        }
        let before = Instant::now();
        match handle.wait_event(SLICE) {
            Some(event) => checker.event(&event),
            // A phone that has stopped answers at once.
            None => std::thread::sleep(SLICE.saturating_sub(before.elapsed())),
        }
        while let Some(event) = handle.try_event() {
            pass(&mut checker, &event);
        }
        let snapshot: Arc<Snapshot> = handle.snapshot();
        send(handle, checker.poll(Instant::now(), &snapshot))?;
        teller.tell(checker.progress(), voice);
        if let Some(report) = checker.report() {
            return Ok((report.clone(), interrupted));
        }
        if let Some(running) = checker.progress().iter().find(|entry| entry.state == State::Running) {
            voice.waiting(running.check.group.doing(), start);
        }
    }
}

fn pass(checker: &mut Checker, event: &Event) {
    checker.event(event);
}

fn send(handle: &PhoneHandle, commands: Vec<Command>) -> Result<(), Failure> {
    for command in commands {
        if !handle.send(command) {
            return Err(stopped());
        }
    }
    Ok(())
}

/// Tells each line once, as soon as it is done.
#[derive(Default)]
struct Teller {
    told: Vec<&'static str>,
    group: Option<Group>,
}

impl Teller {
    fn tell(&mut self, progress: &[Progress], voice: &mut Voice) {
        for entry in progress {
            let State::Done(line) = &entry.state else { continue };
            if self.told.contains(&entry.check.id) {
                continue;
            }
            self.told.push(entry.check.id);
            if self.group != Some(entry.check.group) && !voice.is_json() {
                self.group = Some(entry.check.group);
                let head = voice.paint().text(Ink::Strong, entry.check.group.words());
                voice.print(&head);
            }
            let text = one_line(line, voice.paint());
            voice.print(&text);
            voice.say(&Line::Check(Checked {
                id: entry.check.id,
                name: entry.check.name,
                group: entry.check.group,
                verdict: line.verdict,
                words: line.words.clone(),
                value: line.value.clone(),
                limit: line.limit.clone(),
            }));
        }
    }
}

fn one_line(line: &Result_, paint: Paint) -> String {
    let (sign, ink) = match line.verdict {
        Verdict::Pass => ("✓", Ink::Good),
        Verdict::Warn => ("!", Ink::Warn),
        Verdict::Fail => ("✗", Ink::Bad),
        Verdict::Skipped => ("–", Ink::Faint),
    };
    let limit = if line.limit.is_empty() || line.verdict <= Verdict::Pass {
        String::new()
    } else {
        format!(" (limit {})", line.limit)
    };
    let text = format!("{:<24} {:<44} {:>9}{limit}", line.name(), line.words, line.value);
    let text = text.trim_end();
    let text = if line.verdict == Verdict::Skipped { paint.text(Ink::Faint, text) } else { text.to_owned() };
    format!("  {} {text}", paint.text(ink, sign))
}

/// The result for people, and what changed.
fn tell(report: &Report, old: Option<&Report>, voice: &mut Voice) {
    let paint = voice.paint();
    let mut text = String::from("\n");
    let ink = match report.readiness.exit_code() {
        0 => Ink::Good,
        1 => Ink::Warn,
        _ => Ink::Bad,
    };
    text.push_str(&paint.text(ink, &report.sentence));
    for (number, cause) in report.causes.iter().enumerate() {
        let head = format!("{}. {}", number + 1, cause.title());
        let small = format!("{} · {} · {}", cause.likelihood(), cause.owner().words(), cause.rule);
        text.push_str("\n\n  ");
        text.push_str(&[paint.text(Ink::Strong, &head), paint.text(Ink::Faint, &small)].join("  "));
        for evidence in &cause.evidence {
            let (sign, ink) = match evidence.sign {
                Sign::Bad => ("✗", Ink::Bad),
                Sign::Good => ("✓", Ink::Good),
                Sign::Note => ("·", Ink::Faint),
            };
            let line = format!("{:<46} {}", evidence.fact, evidence.value);
            text.push_str("\n     ");
            text.push_str(&[paint.text(ink, sign).as_str(), line.trim_end()].join(" "));
        }
        text.push_str("\n     → ");
        text.push_str(cause.advice());
    }
    voice.print(&text);
    if let Some(old) = old {
        let changes = compare(old, report);
        let when = phone_core::diagnose::report::moment(old.began_s);
        voice.print(&format!(
            "\n{}",
            if changes.is_empty() { format!("Nothing changed since {when}.") } else { format!("Since {when}:") }
        ));
        for change in changes {
            let show = |line: &Option<Result_>| {
                line.as_ref().map_or_else(
                    || "not checked".to_owned(),
                    |line| format!("{} {}", line.words, line.value).trim().to_owned(),
                )
            };
            let ink = if change.worse { Ink::Bad } else { Ink::Good };
            let words = format!("  {}: {} → {}", change.name, show(&change.before), show(&change.after));
            voice.print(&paint.text(ink, &words));
            voice.say(&Line::Change(Changed::from(change)));
        }
    }
}

fn read_report(file: &Path) -> Result<Report, Failure> {
    let unusable = |why: String| {
        Failure::usage(
            "no-report",
            format!("{} cannot be compared with: {why}.", file.display()),
            "Name a file that `offhook diagnose --report FILE.json` has written.",
        )
    };
    baseline::read(file).map_err(|error| unusable(error.to_string()))
}

/// Which form the name asks for.
fn written(file: &Path, report: &Report) -> Option<String> {
    match file.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("html" | "htm") => Some(report.to_html()),
        Some("txt" | "text") => Some(report.to_text()),
        Some("json") => Some(report.to_json()),
        _ => None,
    }
}

/// Before minutes are spent on it.
fn check_report_file(file: &Path) -> Result<(), Failure> {
    let end = file.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase);
    if !matches!(end.as_deref(), Some("html" | "htm" | "txt" | "text" | "json")) {
        return Err(Failure::usage(
            "report-format",
            format!("{} does not say what kind of report is wanted.", file.display()),
            "End its name in .html, .txt or .json.",
        ));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(Failure::usage(
            "report-unwritable",
            format!("The folder of {} does not exist.", file.display()),
            "Name a file in a folder that exists.",
        ));
    }
    Ok(())
}

fn write_report(file: &Path, report: &Report) -> Result<(), Failure> {
    let text = written(file, report).unwrap_or_default();
    std::fs::write(file, text).map_err(|error| {
        Failure::new(
            Exit::Failed,
            "report-unwritable",
            format!("The report cannot be written to {}: {error}.", file.display()),
            "Name a file in a folder that may be written.",
        )
    })
}

impl DiagnosePlan {
    pub const fn plan(self) -> Plan {
        match self {
            Self::Quick => Plan::Quick,
            Self::Audio => Plan::Audio,
            Self::Network => Plan::Network,
            Self::Full => Plan::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_file_says_by_its_name_what_it_is() {
        for name in ["a.html", "a.TXT", "a.json"] {
            assert!(check_report_file(Path::new(name)).is_ok(), "{name}");
        }
        for name in ["a", "a.pdf", "/no/such/folder/a.json"] {
            assert!(check_report_file(Path::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_no_report_is_named() {
        let failure = read_report(Path::new("/no/such/old.json")).expect_err("it does not exist");
        assert!(failure.notice.text.contains("/no/such/old.json"));
        assert_eq!(failure.exit, Exit::CouldNotRun);
    }

    #[test]
    fn every_check_fits_its_line() {
        for check in phone_core::diagnose::catalogue::CHECKS {
            assert!(check.name.chars().count() <= 24, "{}", check.name);
        }
    }
}
