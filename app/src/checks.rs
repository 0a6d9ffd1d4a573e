//! The window's checks: the run under way, the last results, and the buttons that need the system's help.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use eframe::egui;
use phone_core::diagnose::{Remedy, RemedyRole, Report};
use phone_core::snapshot::Snapshot;
use phone_core::{Command, Event, SignIn};
use phone_io::Meters;

use crate::diagnose::baseline::Baselines;
use crate::diagnose::older::{self, Older};
use crate::diagnose::{Ask, Checker, Scope, Targets, Wizard, baseline};
use crate::model::findings::{Diagnosis, RunView};
use crate::text;

/// Sentences on their way to the notice line. Full-policy: dropped; there is room for one at a time anyway.
const NEWS: usize = 8;

/// What was read from files.
enum Found {
    /// Results that can be compared with.
    Older(Vec<Older>),
    /// The one to compare with.
    Chosen(Box<Report>),
}

pub struct Checks {
    checker: Option<Checker>,
    wizard: Option<Wizard>,
    view: Diagnosis,
    targets: Targets,
    baselines: Baselines,
    news: Receiver<String>,
    outbox: SyncSender<String>,
    found: Receiver<Found>,
    finder: SyncSender<Found>,
}

impl Default for Checks {
    fn default() -> Self {
        let (outbox, news) = sync_channel(NEWS);
        let (finder, found) = sync_channel(NEWS);
        Self {
            checker: None,
            wizard: None,
            view: Diagnosis::default(),
            targets: Targets::default(),
            baselines: Baselines::default(),
            news,
            outbox,
            found,
            finder,
        }
    }
}

impl Checks {
    /// Keeps baselines there.
    pub fn keeping(baselines: Baselines) -> Self {
        Self { baselines, ..Self::default() }
    }

    /// As if this had just been found.
    #[cfg(test)]
    pub fn showing(report: Report) -> Self {
        let mut checks = Self::default();
        checks.show(report, Instant::now(), None);
        checks
    }

    pub fn view(&self) -> &Diagnosis {
        &self.view
    }

    /// What the checks of the network are about.
    pub fn signed_in_by(&mut self, sign_in: &SignIn) {
        self.targets.sign_in = Some(sign_in.clone());
    }

    pub fn start(
        &mut self,
        scope: Scope,
        snapshot: &Snapshot,
        meters: Option<Arc<Meters>>,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) {
        self.view.scope = Some(scope);
        let checker = Checker::start(scope, self.targets.clone(), snapshot, meters, wake);
        self.view.run = Some(picture(&checker));
        self.checker = Some(checker);
    }

    /// Does what was asked for in the sound check step by step.
    pub fn wizard(
        &mut self,
        asked: Ask,
        now: Instant,
        snapshot: &Snapshot,
        meters: Option<Arc<Meters>>,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Vec<Command> {
        let commands = match (asked, &mut self.wizard) {
            (Ask::Start, _) => {
                let mut commands = self.leave_wizard(now);
                commands.extend(self.stop());
                self.wizard = Some(Wizard::start(snapshot, meters, self.baselines.clone(), wake));
                commands
            }
            (Ask::Leave, _) => self.leave_wizard(now),
            (Ask::Keep, Some(wizard)) => {
                let words = match wizard.to_keep(snapshot) {
                    None => text::WIZARD_NOTHING_TO_KEEP.to_owned(),
                    Some((baselines, device, report)) => match baselines.keep(&device, &report) {
                        Ok(()) => {
                            wizard.kept(true);
                            text::WIZARD_KEPT.to_owned()
                        }
                        Err(error) => text::not_kept(&error.to_string()),
                    },
                };
                // Full: there is room for one at a time anyway.
                self.outbox.try_send(words).ok();
                Vec::new()
            }
            (asked, Some(wizard)) => wizard.ask(asked, now, snapshot),
            (_, None) => Vec::new(),
        };
        self.view.walk = self.wizard.as_ref().map(|wizard| wizard.walk().clone());
        commands
    }

    fn leave_wizard(&mut self, now: Instant) -> Vec<Command> {
        let Some(wizard) = self.wizard.take() else { return Vec::new() };
        let (commands, found) = wizard.leave();
        if let Some((report, baseline)) = found {
            self.show(report, now, baseline);
            self.view.scope = Some(Scope::Plan(phone_core::diagnose::Plan::Audio));
        }
        self.view.walk = None;
        commands
    }

    pub fn event(&mut self, event: &Event, now: Instant, snapshot: &Snapshot) {
        if let Some(wizard) = &mut self.wizard {
            wizard.event(event, now, snapshot);
        }
        if let Some(checker) = &mut self.checker {
            checker.event(event);
        }
    }

    /// Goes on with the run; what the phone is asked to do.
    pub fn follow(&mut self, now: Instant, snapshot: &Snapshot) -> Vec<Command> {
        self.take_found();
        let mut commands = Vec::new();
        if let Some(wizard) = &mut self.wizard {
            commands = wizard.poll(now, snapshot);
            self.view.walk = Some(wizard.walk().clone());
        }
        let Some(checker) = &mut self.checker else { return commands };
        commands.extend(checker.poll(now, snapshot));
        self.view.run = Some(picture(checker));
        self.take_report(now);
        commands
    }

    /// Ends it; the lines that are done stay.
    pub fn stop(&mut self) -> Vec<Command> {
        let Some(checker) = &mut self.checker else { return Vec::new() };
        let commands = checker.stop();
        self.take_report(Instant::now());
        commands
    }

    fn take_report(&mut self, now: Instant) {
        if self.checker.as_ref().is_some_and(|checker| checker.report().is_some())
            && let Some(report) = self.checker.take().and_then(Checker::into_report)
        {
            // The one just before says whether a remedy helped; without one, how it was when all was well.
            let last = self.view.report.take().map(|(report, _)| report);
            let previous = last.or_else(|| self.baselines.load(&report.facts.microphone.as_ref()?.id));
            self.show(report, now, previous);
            self.view.run = None;
        }
    }

    fn show(&mut self, report: Report, now: Instant, previous: Option<Report>) {
        self.view.report = Some((report, now));
        self.view.previous = previous;
        self.view.older = None;
    }

    /// Looks for results of before, or puts the list away.
    pub fn show_older(&mut self, shown: bool, ctx: &egui::Context) {
        if !shown {
            self.view.older = None;
            return;
        }
        let baselines = self.baselines.clone();
        self.read("older-results", ctx, move || Ok(Found::Older(older::find(&baselines, downloads().as_deref()))));
    }

    /// Compares the result with one of the list.
    pub fn compare_with(&mut self, index: usize) {
        if let Some(older) = self.view.older.take().and_then(|older| older.into_iter().nth(index)) {
            self.view.previous = Some(older.report);
        }
    }

    /// Compares the result with the one of a file.
    pub fn compare_with_file(&mut self, file: &Path, ctx: &egui::Context) {
        if self.view.report.is_none() {
            // Full: there is room for one at a time anyway.
            self.outbox.try_send(text::DIAG_CHECK_FIRST.to_owned()).ok();
            return;
        }
        let file = file.to_owned();
        self.read("older-result", ctx, move || match baseline::read(&file) {
            Ok(report) => Ok(Found::Chosen(Box::new(report))),
            Err(error) => Err(text::not_compared(&file.display().to_string(), &error.to_string())),
        });
    }

    /// Reads files on a thread of its own; what is wrong with them becomes a notice.
    fn read(&self, name: &str, ctx: &egui::Context, work: impl FnOnce() -> Result<Found, String> + Send + 'static) {
        let finder = self.finder.clone();
        self.in_background(name, ctx, move || match work() {
            // Full: the user has asked many times, and one answer is enough.
            Ok(found) => finder.try_send(found).map_or_else(|_| String::new(), |()| String::new()),
            Err(words) => words,
        });
    }

    fn take_found(&mut self) {
        for found in self.found.try_iter() {
            match found {
                Found::Older(older) => self.view.older = Some(older),
                Found::Chosen(report) => (self.view.previous, self.view.older) = (Some(*report), None),
            }
        }
    }

    /// What is worth a notice.
    pub fn news(&mut self) -> Vec<String> {
        self.news.try_iter().filter(|words| !words.is_empty()).collect()
    }

    /// Does what the main button of a cause says, on a thread of its own: the system may take its time.
    pub fn remedy(&mut self, remedy: Remedy, ctx: &egui::Context) {
        self.in_background("remedy", ctx, move || match remedy {
            Remedy::Unmute { role, id, .. } => {
                let done = phone_device::mixer::unmute(&id, role == RemedyRole::Microphone);
                if done { text::DIAG_UNMUTING } else { text::DIAG_UNMUTE_FAILED }.to_owned()
            }
            Remedy::OpenPermissions => settings(PERMISSIONS),
            _ => settings(SOUND),
        });
    }

    /// Writes the result as a page, a text and a file to compare with.
    pub fn save(&mut self, ctx: &egui::Context) {
        let Some((report, _)) = self.view.report.clone() else { return };
        self.in_background("save-report", ctx, move || match save(&report) {
            Ok(folder) => text::saved_to(&folder.display().to_string()),
            Err(error) => text::not_saved(&error.to_string()),
        });
    }

    fn in_background(&self, name: &str, ctx: &egui::Context, work: impl FnOnce() -> String + Send + 'static) {
        let (outbox, ctx) = (self.outbox.clone(), ctx.clone());
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if outbox.try_send(work()).is_ok() {
                ctx.request_repaint();
            }
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "a thread could not be started");
        }
    }
}

fn picture(checker: &Checker) -> RunView {
    RunView { scope: checker.scope, progress: checker.progress().to_vec(), began: checker.began() }
}

/// The folder of downloads, else the home folder.
fn downloads() -> Option<PathBuf> {
    let folders = directories::UserDirs::new()?;
    Some(folders.download_dir().unwrap_or(folders.home_dir()).to_owned())
}

/// Where saved results lie.
fn save(report: &Report) -> std::io::Result<PathBuf> {
    let folder = downloads().ok_or_else(|| std::io::Error::other("this user has no folder"))?;
    std::fs::create_dir_all(&folder)?;
    let (year, month, day, hour, minute) = phone_core::diagnose::report::utc(report.began_s);
    let name = format!("{}{year}-{month:02}-{day:02}-{hour:02}{minute:02}", older::SAVED);
    for (end, text) in [("html", report.to_html()), ("txt", report.to_text()), ("json", report.to_json())] {
        std::fs::write(folder.join(format!("{name}.{end}")), text)?;
    }
    Ok(folder)
}

/// Programs that open a page of the system's settings, the first that starts is it.
type Pages = &'static [(&'static str, &'static [&'static str])];

#[cfg(target_os = "macos")]
const PERMISSIONS: Pages = &[("open", &["x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone"])];
#[cfg(target_os = "macos")]
const SOUND: Pages = &[("open", &["x-apple.systempreferences:com.apple.preference.sound"])];
#[cfg(windows)]
const PERMISSIONS: Pages = &[("explorer.exe", &["ms-settings:privacy-microphone"])];
#[cfg(windows)]
const SOUND: Pages = &[("explorer.exe", &["ms-settings:sound"])];
#[cfg(not(any(windows, target_os = "macos")))]
const PERMISSIONS: Pages = &[("gnome-control-center", &["microphone"]), ("pavucontrol", &["--tab=4"])];
#[cfg(not(any(windows, target_os = "macos")))]
const SOUND: Pages =
    &[("pavucontrol", &["--tab=4"]), ("gnome-control-center", &["sound"]), ("systemsettings", &["kcm_pulseaudio"])];

fn settings(pages: Pages) -> String {
    let opened = pages.iter().any(|(program, arguments)| {
        std::process::Command::new(program)
            .args(*arguments)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .is_ok()
    });
    if opened { String::new() } else { text::DIAG_CANNOT_OPEN.to_owned() }
}
