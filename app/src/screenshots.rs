//! Pictures of the window from made-up snapshots, for the documentation and to compare with the design.
//! The real window is opened and scripted, so they show what users see, to the pixel.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use eframe::egui::{self, ColorImage, IconData, Vec2, ViewportCommand};
use eframe::icon_data::IconDataExt as _;

use crate::app::{native_options, prepare};
use crate::model::made_up::{
    self,
    scenes::{self, Shot},
};
use crate::os::preferences::Preferences;
use crate::panels::screen::{Scene, Screen, apply_preferences};
use crate::theme::ThemeChoice;

/// Frames drawn before a picture is taken: pop-ups are laid out and meters have risen by then.
const FRAMES: u32 = 12;
/// Frames to wait for a size that the display does not give.
const PATIENCE: u32 = 600;

/// Writes every picture, or those whose name contains `only`, and tells how many.
pub fn screenshots(folder: &Path, only: Option<&str>) -> anyhow::Result<usize> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let shots: Vec<Shot> =
        scenes::all().into_iter().filter(|shot| only.is_none_or(|only| shot.file_name().contains(only))).collect();
    // One result: the number of pictures, or why it stopped.
    let (done, result) = sync_channel(1);
    let studio = Studio::new(shots, folder.to_owned(), done);
    let mut options = native_options();
    options.viewport = options.viewport.with_min_inner_size([160.0, 160.0]);
    eframe::run_native(
        "Offhook pictures",
        options,
        Box::new(move |creation| {
            prepare(&creation.egui_ctx, &calm(ThemeChoice::Light));
            Ok(Box::new(studio))
        }),
    )
    .map_err(|error| anyhow::anyhow!("{error}"))
    .context("the window for the pictures could not be opened")?;
    result.recv().context("the window was closed before the last picture")?
}

/// Nothing moves, so that every run draws the same.
fn calm(theme: ThemeChoice) -> Preferences {
    Preferences { theme, reduce_motion: true, ..Preferences::default() }
}

struct Studio {
    /// Still to do, the next one last.
    shots: Vec<Shot>,
    folder: PathBuf,
    screen: Option<Screen>,
    frame: u32,
    waited: u32,
    taken: usize,
    /// A picture on its way from the renderer.
    picture: Option<Receiver<Arc<ColorImage>>>,
    done: SyncSender<anyhow::Result<usize>>,
    /// Far enough in the future that every moment before it can be told.
    now: Instant,
}

impl Studio {
    fn new(mut shots: Vec<Shot>, folder: PathBuf, done: SyncSender<anyhow::Result<usize>>) -> Self {
        shots.reverse();
        Self {
            shots,
            folder,
            screen: None,
            frame: 0,
            waited: 0,
            taken: 0,
            picture: None,
            done,
            now: Instant::now() + scenes::HEAD_START,
        }
    }

    fn finish(&self, ctx: &egui::Context, result: anyhow::Result<usize>) {
        // A second result is not wanted: the first one stopped the work.
        if self.done.try_send(result).is_ok() {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Draws the current shot; true once it stands still.
    fn draw(&mut self, ui: &mut egui::Ui) -> bool {
        let Some(shot) = self.shots.last() else { return false };
        let preferences = Preferences { text_size: shot.text_size, ..calm(shot.theme) };
        let wanted = Vec2::from(shot.size) / preferences.zoom();
        if self.screen.is_none() {
            apply_preferences(ui.ctx(), &preferences);
            ui.ctx().send_viewport_cmd(ViewportCommand::InnerSize(wanted));
        }
        let now = self.now + Duration::from_millis(33) * self.frame;
        let history = shot.history(self.now);
        let snapshot = (shot.snapshot)(self.now);
        let diagnosis = (shot.diagnosis)(now);
        let (ignored, update) = ((shot.ignored)(), shot.update.then(made_up::newer_version));
        let scene = Scene {
            ignored: &ignored,
            snapshot: &snapshot,
            history: &history,
            levels: shot.levels,
            practice: &shot.practice,
            diagnosis: &diagnosis,
            update: update.as_ref(),
            now,
        };
        let screen = self.screen.get_or_insert_with(|| Screen::new(preferences, now));
        if self.frame == 2 {
            for action in shot.press.clone() {
                screen.perform(action, &scene);
            }
            if let Some(words) = shot.tell {
                screen.tell(words, now);
            }
        }
        screen.ui(ui, &scene);
        ui.ctx().request_repaint();

        let fits = (ui.ctx().content_rect().size() - wanted).length() < 1.0;
        if fits {
            self.frame += 1;
        } else {
            self.waited += 1;
            if self.waited.is_multiple_of(60) {
                ui.ctx().send_viewport_cmd(ViewportCommand::InnerSize(wanted));
            }
        }
        self.frame >= FRAMES
    }

    fn write_png(&self, image: &ColorImage) -> anyhow::Result<()> {
        let Some(shot) = self.shots.last() else { return Ok(()) };
        let [width, height] = image.size.map(u32::try_from);
        let rgba = image.pixels.iter().flat_map(egui::Color32::to_array).collect();
        let icon = IconData { rgba, width: width?, height: height? };
        let png = icon.to_png_bytes().map_err(|error| anyhow::anyhow!(error)).context("a picture cannot be encoded")?;
        let file = self.folder.join(format!("{}.png", shot.file_name()));
        std::fs::write(&file, png).with_context(|| format!("{} cannot be written", file.display()))
    }

    fn next(&mut self) {
        self.shots.pop();
        self.screen = None;
        self.frame = 0;
        self.waited = 0;
    }
}

impl eframe::App for Studio {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        if self.shots.is_empty() {
            self.finish(ui.ctx(), Ok(self.taken));
            return;
        }
        let still = self.draw(ui);
        if self.waited > PATIENCE {
            self.finish(ui.ctx(), Err(anyhow::anyhow!("the display does not give the window the size of the picture")));
        }
        match self.picture.as_ref().map(Receiver::try_recv) {
            None if still => {
                let (send, picture) = sync_channel(1);
                self.picture = Some(picture);
                ui.ctx().request_screenshot(move |image| {
                    // The studio may be closed by now.
                    if send.send(image).is_err() {
                        tracing::debug!("a picture came too late");
                    }
                });
            }
            Some(Ok(image)) => {
                self.picture = None;
                match self.write_png(&image) {
                    Ok(()) => {
                        self.taken += 1;
                        self.next();
                    }
                    Err(error) => self.finish(ui.ctx(), Err(error)),
                }
            }
            Some(Err(TryRecvError::Disconnected)) => self.picture = None,
            None | Some(Err(TryRecvError::Empty)) => {}
        }
    }
}
