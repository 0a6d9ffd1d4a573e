//! The window as a whole: which page, which pop-up, what the keyboard does. Holds what only the window knows.

mod act;
mod draw;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use eframe::egui::{Id, Rect, Ui};
use phone_core::Command;
use phone_core::diagnose::Remedy;
use phone_core::ids::CallId;
use phone_core::policy::Finding;
use phone_core::snapshot::{CallState, Snapshot};
use phone_core::sound::SoundRole;
use phone_core::update::Offer;

use super::signed_out::{Form, Practice};
use super::toast::Toast;
use super::{Action, Page, Popup, card, diagnostics, diagnostics_result, diagnostics_wizard, leave, strip};
use crate::diagnose::{Ask, Scope};
use crate::model::calls::Calls;
use crate::model::findings::Diagnosis;
use crate::model::history::History;
use crate::model::sound::SoundBar;
use crate::model::strip::{Shape, Strip};
use crate::model::wizard::{Doing, Try, Walk};
use crate::model::{self, Levels, sooner};
use crate::os::preferences::Preferences;
use crate::theme::{self, palette, size};
use crate::widgets::control;
use crate::widgets::meter::{Needle, TalkDetector};

/// Meters move at 30 frames a second.
const FRAME: Duration = Duration::from_millis(33);
/// Where motion is reduced, at five.
const CALM_FRAME: Duration = Duration::from_millis(200);
/// In silence, and where the processor draws, at ten.
const SLOW_FRAME: Duration = Duration::from_millis(100);

/// What one frame is drawn from.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub snapshot: &'a Snapshot,
    pub history: &'a History,
    pub levels: Levels,
    pub practice: &'a Practice,
    pub diagnosis: &'a Diagnosis,
    /// A newer version that is to be told.
    pub update: Option<&'a Offer>,
    /// What was ignored in policies and files.
    pub ignored: &'a [Finding],
    pub now: Instant,
}

/// What the parts of one frame are drawn from.
struct Models {
    strip: Strip,
    calls: Calls,
    bar: SoundBar,
}

/// What leaves the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Send(Command),
    StartPractice,
    /// The user changed how the window looks.
    Keep(Preferences),
    Copy(String),
    OpenPage(String),
    PutOffUpdate,
    Check(Scope),
    StopCheck,
    Wizard(Ask),
    /// The button of a cause that the system has to help with.
    Remedy(Remedy),
    SaveReport,
    /// Shows results of before, or puts them away.
    ShowOlder(bool),
    /// The one of them at this place.
    CompareWith(usize),
    Quit,
}

/// Where pop-ups open from, as drawn last.
#[derive(Clone, Copy, Debug)]
struct Anchors {
    strip: strip::Anchors,
    phones: Rect,
    lanes: [(SoundRole, Rect); 2],
    fields: [Rect; 3],
    tools: Rect,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own; no two exclude each other")]
pub struct Screen {
    pub preferences: Preferences,
    /// The processor draws: fewer frames, so that the sound keeps its share.
    pub slow_display: bool,
    page: Page,
    popup: Option<Popup>,
    popup_is_new: bool,
    /// What had the focus when the pop-up opened.
    focus_before: Option<Id>,
    /// Takes the focus in the next frame.
    focus_next: Option<Id>,
    dial: String,
    dial_keys: bool,
    call_keys: Option<CallId>,
    /// Digits typed in this call, sent or not.
    asked_digits: Option<(CallId, String)>,
    phone_search: String,
    /// What the sign-in page shows; its first values come from the settings.
    pub form: Form,
    /// The call whose transfer sheet is open, and what is typed there.
    transfer_open: Option<CallId>,
    transfer_to: String,
    toast: Option<Toast>,
    dead_until: Option<Instant>,
    /// Microphone, speaker, ringer.
    needles: [Needle; 3],
    talk: TalkDetector,
    live_call: Option<CallId>,
    anchors: Anchors,
    born: Instant,
    /// The dial field has had the focus.
    greeted: bool,
    diagnostics: diagnostics::View,
    /// Which cause shows its proof, and whether all lines are shown.
    open_cause: usize,
    all_lines: bool,
    /// Of the sound check, while it plays.
    tone: Option<Try>,
}

impl Screen {
    /// The Calls panel with this in the dial field, from a link or another start.
    pub fn fill_dial(&mut self, text: String) {
        self.page = Page::Calls;
        self.dial = text;
        self.focus_next = Some(Id::unique("dial"));
    }

    pub fn new(preferences: Preferences, now: Instant) -> Self {
        Self {
            preferences,
            slow_display: false,
            page: Page::Calls,
            popup: None,
            popup_is_new: false,
            focus_before: None,
            focus_next: None,
            dial: String::new(),
            dial_keys: false,
            call_keys: None,
            asked_digits: None,
            phone_search: String::new(),
            form: Form::default(),
            transfer_open: None,
            transfer_to: String::new(),
            toast: None,
            dead_until: None,
            needles: [Needle::new(now); 3],
            talk: TalkDetector::default(),
            live_call: None,
            anchors: Anchors {
                strip: strip::Anchors { why: Rect::NOTHING, menu: Rect::NOTHING },
                phones: Rect::NOTHING,
                lanes: [(SoundRole::Microphone, Rect::NOTHING), (SoundRole::Speaker, Rect::NOTHING)],
                fields: [Rect::NOTHING; 3],
                tools: Rect::NOTHING,
            },
            born: now,
            greeted: false,
            diagnostics: diagnostics::View::Home,
            open_cause: 0,
            all_lines: false,
            tone: None,
        }
    }

    /// A notice at the bottom for five seconds.
    pub fn tell(&mut self, words: impl Into<String>, now: Instant) {
        self.toast = Some(Toast::new(words, now));
    }

    /// Opens the question whether to leave a call.
    pub fn ask_to_leave(&mut self) {
        self.open(Popup::Leave, None);
        self.focus_next = Some(leave::first_focus());
    }

    /// Comes to the last result of a check, if there is one and nothing else goes on there.
    pub fn show_result(&mut self, diagnosis: &Diagnosis) {
        if diagnosis.report.is_some() && diagnosis.run.is_none() && diagnosis.walk.is_none() {
            self.close();
            (self.page, self.diagnostics) = (Page::Diagnostics, diagnostics::View::Result);
        }
    }

    /// Does something as if it had been pressed; for pictures of the window.
    pub fn perform(&mut self, action: Action, scene: &Scene<'_>) -> Vec<Order> {
        let mut orders = Vec::new();
        self.apply(action, scene, None, &mut orders);
        orders
    }

    /// Draws everything and says what was asked for.
    pub fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<Order> {
        let ctx = ui.ctx().clone();
        control::begin_frame(&ctx);
        let now = scene.now;
        let window = ui.max_rect();
        self.follow(scene);
        if self.preferences.obey(&scene.snapshot.settings) {
            apply_preferences(&ctx, &self.preferences);
        }

        let models = Models {
            strip: model::strip::strip(scene.snapshot, scene.history, now),
            calls: model::calls::calls(scene.snapshot, scene.history, self.talk.talks(), now),
            bar: model::sound::sound_bar(scene.snapshot),
        };
        self.keep_focus(ui, &models.calls, scene.snapshot.account.is_some());

        let mut actions: Vec<Action> = Vec::new();
        if self.popup.is_none() {
            actions.extend(self.keys(ui, scene, &models.calls));
        }
        ui.painter().rect_filled(window, 0.0, palette(ui).window);
        self.draw(ui, window, scene, &models, &mut actions);
        let busy = models.calls.card.is_some() || !models.calls.incoming.is_empty();
        let redraw = self.draw_toast(ui, window, now, busy, &mut actions);
        self.draw_popup(ui, window, scene, &models, &mut actions);

        let mut orders = Vec::new();
        let focused = ctx.memory(eframe::egui::Memory::focused);
        for action in actions {
            self.apply(action, scene, focused, &mut orders);
        }
        if self.popup_is_new || self.focus_next.is_some() {
            ctx.request_repaint();
        }
        for order in &orders {
            if let Order::Keep(preferences) = order {
                apply_preferences(&ctx, preferences);
            }
        }
        self.plan_redraw(ui, scene, &models, redraw);
        orders
    }

    /// Meters and what is known of calls follow the snapshot.
    /// When a tone of the sound check is over, the answer takes the focus.
    fn follow_tone(&mut self, scene: &Scene<'_>) {
        let walk = scene.diagnosis.walk.as_ref();
        match walk.and_then(Walk::busy) {
            Some(Doing::Trying(what)) => self.tone = Some(what),
            Some(_) => {}
            None => {
                let asks = |what: &Try| walk.is_some_and(|walk| walk.was_played(*what) && walk.heard(*what).is_none());
                if let Some(what) = self.tone.take().filter(asks)
                    && self.page == Page::Diagnostics
                {
                    self.focus_next = Some(diagnostics_wizard::answer_focus(what));
                }
            }
        }
    }

    fn follow(&mut self, scene: &Scene<'_>) {
        let Levels { microphone, speaker, ringer } = scene.levels;
        let sound = &scene.snapshot.sound;
        let levels = [(microphone, sound.microphone.open), (speaker, sound.speaker.open), (ringer, sound.ringer.open)];
        for (needle, (level, open)) in self.needles.iter_mut().zip(levels) {
            needle.follow(scene.now, if open { level } else { Levels::SILENCE.microphone });
        }
        if self.diagnostics == diagnostics::View::Running
            && scene.diagnosis.run.is_none()
            && scene.diagnosis.report.is_some()
        {
            self.diagnostics = diagnostics::View::Result;
            // Without a cause there is room for the lines.
            let alone = scene.diagnosis.report.as_ref().is_some_and(|(report, _)| report.causes.is_empty());
            (self.open_cause, self.all_lines) = (0, alone);
            if self.page == Page::Diagnostics {
                self.focus_next = Some(diagnostics_result::main_id());
            }
        }
        self.follow_tone(scene);
        let desk = model::calls::desk(&scene.snapshot.calls);
        let live = desk.main.filter(|call| matches!(call.state, CallState::Connected));
        if live.is_some() && scene.snapshot.muted && sound.microphone.open {
            self.talk.follow(scene.now, microphone);
        } else {
            self.talk = TalkDetector::default();
        }
        let main = desk.main.map(|call| call.id);
        if self.call_keys.is_some_and(|call| main != Some(call)) {
            self.call_keys = None;
        }
        if self.transfer_open.is_some_and(|call| main != Some(call)) {
            self.transfer_open = None;
        }
        if self.asked_digits.as_ref().is_some_and(|(call, _)| main != Some(*call)) {
            self.asked_digits = None;
        }
        if self.page == Page::Quality && main.is_none() {
            self.page = Page::Calls;
        }
        if self.popup == Some(Popup::Tools) && main.is_none() || self.popup == Some(Popup::Leave) && main.is_none() {
            self.popup = None;
        }
        let live = live.map(|call| call.id);
        if live.is_some() && live != self.live_call && self.popup.is_none() {
            self.page = Page::Calls;
            self.focus_next = Some(card::mute_id());
        }
        self.live_call = live;
    }

    fn keep_focus(&mut self, ui: &Ui, calls: &Calls, signed_in: bool) {
        if self.popup_is_new {
            // A pop-up is measured in its first frame, and can take the focus in its second.
            return;
        }
        if let Some(id) = self.focus_next.take() {
            ui.memory_mut(|memory| memory.request_focus(id));
            return;
        }
        // Once, when there is something to work with. Not again after a call: a second Enter meant for End would redial.
        let at_rest = calls.card.is_none() && calls.incoming.is_empty() && self.page == Page::Calls;
        if signed_in && !self.greeted && at_rest && ui.memory(eframe::egui::Memory::focused).is_none() {
            self.greeted = true;
            ui.memory_mut(|memory| memory.request_focus(Id::unique("dial")));
        }
    }

    /// Asks for the next frame at the moment something on screen changes, and not before.
    fn plan_redraw(&self, ui: &Ui, scene: &Scene<'_>, models: &Models, toast: Option<Duration>) {
        let Models { strip, calls, bar } = models;
        let silent = self.needles.iter().all(Needle::rests);
        let frame = match (theme::moves(ui), silent || self.slow_display) {
            (false, _) => CALM_FRAME,
            (true, true) => SLOW_FRAME,
            (true, false) => FRAME,
        };
        let mut next = sooner(strip.redraw, sooner(calls.redraw, toast));
        let sound = &scene.snapshot.sound;
        let meters = match self.page {
            Page::Calls | Page::Quality => bar.live(),
            Page::Sound => sound.microphone.open,
            Page::Settings | Page::Rules | Page::Diagnostics => false,
        };
        let wide = ui.max_rect().width() >= size::TWO_COLUMNS;
        if meters || wide && (bar.live() || sound.microphone.open) {
            next = sooner(next, Some(frame));
        }
        if self.live_call.is_some() && scene.snapshot.muted && sound.microphone.open {
            next = sooner(next, Some(Duration::from_millis(100)));
        }
        if theme::moves(ui) {
            let turns = (strip.shape == Shape::Arrows).then_some(Duration::from_millis(125));
            let pulses = (!calls.incoming.is_empty()).then_some(Duration::from_millis(50));
            next = sooner(next, sooner(turns, pulses));
        }
        match self.popup {
            Some(Popup::Phones) => {
                next = sooner(next, model::phones::selector(scene.snapshot, scene.now).persistent.redraw);
            }
            Some(Popup::Why) => next = sooner(next, Some(Duration::from_mins(1))),
            _ => {}
        }
        if self.page == Page::Calls && calls.card.is_none() {
            next = sooner(next, model::recent::redraw(scene.snapshot, scene.now));
        }
        if let Some(next) = next {
            // A little late rather than a little early: an early frame would show the old second again.
            ui.ctx().request_repaint_after(next + Duration::from_millis(5));
        }
    }
}

/// Theme, size and motion as the user wants them.
pub fn apply_preferences(ctx: &eframe::egui::Context, preferences: &Preferences) {
    ctx.set_theme(preferences.theme);
    ctx.set_zoom_factor(preferences.zoom());
    theme::set_reduced_motion(ctx, preferences.reduce_motion);
}

fn needle(needles: &[Needle; 3], role: SoundRole) -> Needle {
    match role {
        SoundRole::Microphone => needles[0],
        SoundRole::Speaker => needles[1],
        SoundRole::Ringer => needles[2],
    }
}
