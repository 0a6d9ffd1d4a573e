//! The window's checks: the run under way, the last results, and the buttons that need the system's help.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use eframe::egui;
use phone_core::diagnose::{Remedy, RemedyRole, Report};
use phone_core::snapshot::Snapshot;
use phone_core::{Command, Event, SignIn};
use phone_io::Meters;

use crate::diagnose::{Checker, Scope, Targets};
use crate::model::findings::{Diagnosis, RunView};
use crate::text;

/// Sentences on their way to the notice line. Full-policy: dropped; there is room for one at a time anyway.
const NEWS: usize = 8;

pub struct Checks {
    checker: Option<Checker>,
    view: Diagnosis,
    targets: Targets,
    news: Receiver<String>,
    outbox: SyncSender<String>,
}

impl Default for Checks {
    fn default() -> Self {
        let (outbox, news) = sync_channel(NEWS);
        Self { checker: None, view: Diagnosis::default(), targets: Targets::default(), news, outbox }
    }
}

impl Checks {
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

    pub fn event(&mut self, event: &Event) {
        if let Some(checker) = &mut self.checker {
            checker.event(event);
        }
    }

    /// Goes on with the run; what the phone is asked to do.
    pub fn follow(&mut self, now: Instant, snapshot: &Snapshot) -> Vec<Command> {
        let Some(checker) = &mut self.checker else { return Vec::new() };
        let commands = checker.poll(now, snapshot);
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
            self.view.previous = self.view.report.take().map(|(report, _)| report);
            self.view.report = Some((report, now));
            self.view.run = None;
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

/// Into the folder of downloads, else the home folder.
fn save(report: &Report) -> std::io::Result<PathBuf> {
    let folders = directories::UserDirs::new();
    let folder = folders
        .as_ref()
        .map(|folders| folders.download_dir().unwrap_or(folders.home_dir()).to_owned())
        .ok_or_else(|| std::io::Error::other("this user has no folder"))?;
    std::fs::create_dir_all(&folder)?;
    let (year, month, day, hour, minute) = phone_core::diagnose::report::utc(report.began_s);
    let name = format!("offhook-check-{year}-{month:02}-{day:02}-{hour:02}{minute:02}");
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
