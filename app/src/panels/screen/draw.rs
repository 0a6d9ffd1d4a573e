//! Where everything stands.

use std::time::{Duration, Instant};

use eframe::egui::{Rect, Ui, Vec2, pos2, vec2};
use phone_core::Command;
use phone_core::snapshot::{SignInStep, Standing};
use phone_core::sound::SoundRole;

use super::act::{hold_for_answer, not_ready};
use super::{Models, Scene, Screen, needle};
use crate::diagnose::Ask;
use crate::model;
use crate::model::calls::Calls;
use crate::model::findings::{self, Shape};
use crate::model::strip::Strip;
use crate::panels::banner::Banner;
use crate::panels::diagnostics::{DiagnoseAction, View};
use crate::panels::quality;
use crate::panels::{
    Action, Metrics, Page, Popup, calls, card, devices, diagnostics, diagnostics_result, diagnostics_wizard, incoming,
    leave, menu, phones, problem, rules, settings, signed_out, sound_bar, sound_page, strip, tabs, toast, wrap_up,
};
use crate::text;
use crate::theme::{self, palette, size};
use crate::widgets::{Icon, control, paint, popup};

impl Screen {
    pub(super) fn draw(
        &mut self,
        ui: &mut Ui,
        window: Rect,
        scene: &Scene<'_>,
        models: &Models,
        actions: &mut Vec<Action>,
    ) {
        let Models { strip, calls, .. } = models;
        let mut rest = window;
        if window.width() >= size::TWO_COLUMNS {
            let rail = paint::cut_left(&mut rest, size::RAIL, 0.0);
            let mut column = paint::cut_left(&mut rest, size::CALLS_COLUMN, 0.0);
            let metrics = Metrics::of(column.width().max(size::SMALL_WIDTH), window.height());
            let top = paint::cut_top(&mut column, size::STRIP, 0.0);
            self.draw_strip(ui, top, scene, strip, actions);
            self.draw_calls(ui, column, scene, models, &metrics, actions);
            let edge = Rect::from_min_size(rest.min, vec2(size::STROKE, rest.height()));
            ui.painter().rect_filled(edge, 0.0, palette(ui).border_soft);
            rest.min.x += size::STROKE;
            let page = if self.page == Page::Calls { Page::Sound } else { self.page };
            let metrics = Metrics::of(rest.width(), window.height());
            if page == Page::Quality {
                self.draw_quality(ui, rest, scene, models, &metrics, actions);
            } else if page == Page::Diagnostics {
                self.draw_diagnostics(ui, rest, scene, &metrics, actions);
            } else {
                self.draw_page(ui, rest, (page, true), scene, &metrics, actions);
            }
            actions.extend(tabs::rail_ui(ui, rail, self.page));
            return;
        }

        let metrics = Metrics::of(window.width(), window.height());
        let at_rest = calls.card.is_none() && calls.incoming.is_empty();
        let signed_out = scene.snapshot.account.is_none() && at_rest;
        let ready = scene.snapshot.standing == Standing::Ready && at_rest && strip.chip.is_none();
        let home = self.page == Page::Diagnostics && self.diagnostics == View::Home;
        if matches!(self.page, Page::Calls | Page::Quality) || home || !ready {
            let top = paint::cut_top(&mut rest, size::STRIP, 0.0);
            self.draw_strip(ui, top, scene, strip, actions);
        }
        let show_tabs = !(signed_out && self.page == Page::Calls);
        let tabs = show_tabs.then(|| paint::cut_bottom(&mut rest, metrics.tabs(), 0.0));
        match self.page {
            Page::Calls => self.draw_calls(ui, rest, scene, models, &metrics, actions),
            Page::Diagnostics => self.draw_diagnostics(ui, rest, scene, &metrics, actions),
            Page::Quality => self.draw_quality(ui, rest, scene, models, &metrics, actions),
            page => self.draw_page(ui, rest, (page, ready), scene, &metrics, actions),
        }
        if let Some(tabs) = tabs {
            actions.extend(tabs::ui(ui, tabs, self.page, &metrics));
        }
    }

    pub(super) fn draw_strip(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        scene: &Scene<'_>,
        strip: &Strip,
        actions: &mut Vec<Action>,
    ) {
        let (action, anchors) =
            strip::ui(ui, rect, strip, self.turn(ui, scene.now), self.pulse(ui, scene.now), self.page);
        actions.extend(action);
        self.anchors.strip = anchors;
    }

    /// Share of a turn, in eight steps a second.
    pub(super) fn turn(&self, ui: &Ui, now: Instant) -> f32 {
        if !theme::moves(ui) {
            return 0.0;
        }
        let eighths = now.saturating_duration_since(self.born).as_millis() / 125 % 8;
        eighths as f32 / 8.0
    }

    /// 0.7–1, once a second.
    pub(super) fn pulse(&self, ui: &Ui, now: Instant) -> f32 {
        if !theme::moves(ui) {
            return 1.0;
        }
        let phase = now.saturating_duration_since(self.born).as_secs_f32().fract();
        0.85 + 0.15 * (phase * std::f32::consts::TAU).cos()
    }

    pub(super) fn draw_page(
        &mut self,
        ui: &mut Ui,
        mut rest: Rect,
        (page, ready): (Page, bool),
        scene: &Scene<'_>,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let header = paint::cut_top(&mut rest, size::HEADER, 0.0);
        let (title, back) = match page {
            Page::Sound => (text::PAGE_SOUND, (self.page == Page::Sound).then_some(Page::Settings)),
            Page::Rules => (text::PAGE_RULES, (self.page == Page::Rules).then_some(Page::Settings)),
            Page::Settings | Page::Calls | Page::Diagnostics | Page::Quality => (text::PAGE_SETTINGS, None),
        };
        let shows_ready = ready && self.page == page && ui.max_rect().width() < size::TWO_COLUMNS;
        actions.extend(settings::header_ui(ui, header, title, back, shows_ready));
        if page == Page::Sound {
            let models = [SoundRole::Microphone, SoundRole::Speaker, SoundRole::Ringer]
                .map(|role| model::sound::role_card(scene.snapshot, role));
            // Beside another page there is room for the devices only.
            let processing = (self.page == Page::Sound).then(|| model::sound::processing_card(scene.snapshot));
            let needles = self.needles;
            let (action, fields) =
                sound_page::ui(ui, rest, &models, processing, |role| needle(&needles, role), metrics);
            actions.extend(action);
            self.anchors.fields = fields;
        } else if page == Page::Rules {
            actions.extend(rules::ui(ui, rest, &model::rules::rules(scene.snapshot, scene.ignored), metrics));
        } else {
            let summary = model::rules::summary(&scene.snapshot.settings, scene.ignored);
            actions.extend(settings::ui(ui, rest, scene.snapshot, &self.preferences, &summary, metrics));
        }
    }

    /// The figures of the call in front, and the sound bar.
    fn draw_quality(
        &mut self,
        ui: &mut Ui,
        mut rest: Rect,
        scene: &Scene<'_>,
        models: &Models,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let desk = model::calls::desk(&scene.snapshot.calls);
        let Some(call) = desk.main else { return };
        let header = paint::cut_top(&mut rest, size::HEADER, 0.0);
        actions.extend(quality::header_ui(ui, header));
        let wide = ui.max_rect().width() >= size::TWO_COLUMNS;
        let bar = (metrics.sound_bar() > 0.0 && !wide).then(|| paint::cut_bottom(&mut rest, metrics.sound_bar(), 0.0));
        let table = model::quality::table(call);
        let seconds = scene.history.seconds(call.id);
        quality::ui(ui, rest, &scene.history.verdict(call), &table, &seconds, metrics);
        if let Some(bar) = bar {
            let needles = self.needles;
            let (action, anchors) = sound_bar::ui(ui, bar, &models.bar, |role| needle(&needles, role), metrics);
            actions.extend(action);
            for ((slot, lane), anchor) in self.anchors.lanes.iter_mut().zip(&models.bar.lanes).zip(anchors) {
                *slot = (lane.role, anchor);
            }
        }
    }

    /// Home, the run, or its result.
    fn draw_diagnostics(
        &mut self,
        ui: &mut Ui,
        mut rest: Rect,
        scene: &Scene<'_>,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let Scene { diagnosis, now, .. } = *scene;
        let ready = (scene.snapshot.standing == Standing::Ready).then_some((Shape::Passed, text::READY));
        match (self.diagnostics, &diagnosis.run, &diagnosis.report) {
            (View::Running, Some(run), _) => {
                let model = findings::running(run, now);
                let header = paint::cut_top(&mut rest, size::HEADER, 0.0);
                let stop = Some((text::DIAG_STOP, Icon::STOP, DiagnoseAction::Stop));
                let narrow = ui.max_rect().width() >= size::TWO_COLUMNS;
                let state = ready.filter(|_| !narrow);
                actions.extend(diagnostics::header_ui(ui, header, model.title, stop, state));
                actions.extend(diagnostics::running_ui(ui, rest, &model, self.turn(ui, now), metrics));
                // The time that is left, and what turns.
                ui.ctx().request_repaint_after(Duration::from_millis(if theme::moves(ui) { 125 } else { 1_000 }));
            }
            (View::Wizard, _, _) if diagnosis.walk.is_some() => {
                let Some(walk) = &diagnosis.walk else { return };
                let header = paint::cut_top(&mut rest, size::HEADER, 0.0);
                let leave = Some((text::WIZARD_LEAVE, Icon::X, DiagnoseAction::Wizard(Ask::Leave)));
                let back = DiagnoseAction::Wizard(Ask::Leave);
                actions.extend(diagnostics::header_to_ui(ui, header, text::WIZARD, leave, ready, back));
                let turn = self.turn(ui, now);
                let (action, fields) = diagnostics_wizard::ui(ui, rest, walk, scene.snapshot, now, turn, metrics);
                actions.extend(action);
                if let Some(fields) = fields {
                    self.anchors.fields = fields;
                }
            }
            (View::Result, _, Some((report, _))) => {
                let model = findings::outcome(report, diagnosis.scope, diagnosis.previous.as_ref());
                let header = paint::cut_top(&mut rest, size::HEADER, 0.0);
                let save = Some((text::DIAG_EXPORT, Icon::EXPORT, DiagnoseAction::Save));
                actions.extend(diagnostics::header_ui(ui, header, model.title, save, Some((model.shape, model.state))));
                let older = diagnosis.older.as_deref();
                let open = diagnostics_result::Open { cause: self.open_cause, all: self.all_lines, older };
                actions.extend(diagnostics_result::ui(ui, rest, &model, &open, metrics));
            }
            _ => actions.extend(diagnostics::home_ui(ui, rest, diagnosis, now, metrics)),
        }
    }

    pub(super) fn draw_calls(
        &mut self,
        ui: &mut Ui,
        mut rest: Rect,
        scene: &Scene<'_>,
        models: &Models,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let Models { calls, bar, .. } = models;
        let at_rest = calls.card.is_none() && calls.incoming.is_empty();
        if at_rest && scene.snapshot.account.is_none() {
            card::enter(ui);
            self.draw_signed_out(ui, rest, scene, metrics, actions);
            return;
        }
        let bar_rect = (metrics.sound_bar() > 0.0).then(|| paint::cut_bottom(&mut rest, metrics.sound_bar(), 0.0));
        card::enter(ui);
        if calls.card.is_some() {
            self.draw_card(ui, rest, scene, calls, metrics, actions);
        } else {
            self.draw_idle(ui, rest, scene, calls, metrics, actions);
        }
        if let Some(bar_rect) = bar_rect {
            let needles = self.needles;
            let (action, anchors) = sound_bar::ui(ui, bar_rect, bar, |role| needle(&needles, role), metrics);
            actions.extend(action);
            for ((slot, lane), anchor) in self.anchors.lanes.iter_mut().zip(&bar.lanes).zip(anchors) {
                *slot = (lane.role, anchor);
            }
        }
    }

    fn draw_signed_out(
        &self,
        ui: &mut Ui,
        rect: Rect,
        scene: &Scene<'_>,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let mut rest = rect;
        if let Some(model) = model::strip::problem(scene.snapshot, scene.now) {
            rest.min.y += 12.0;
            let width = rest.width() - 2.0 * metrics.edge;
            let height = problem::height(ui, width, &model);
            let block = paint::cut_top(&mut rest, height, 12.0).shrink2(vec2(metrics.edge, 0.0));
            actions.extend(problem::ui(ui, block, &model));
        }
        match scene.snapshot.standing {
            Standing::SigningIn { step: SignInStep::Browser, .. } => {
                let page = scene.snapshot.sign_in_page.as_ref();
                actions.extend(signed_out::browser_ui(ui, rest, page, metrics));
            }
            Standing::SigningIn { step, .. } => signed_out::progress_ui(ui, rest, step, metrics),
            _ => actions.extend(signed_out::ui(ui, rest, scene.practice, &self.form, metrics)),
        }
    }

    pub(super) fn draw_idle(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        scene: &Scene<'_>,
        calls: &Calls,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let mut rest = rect.shrink2(vec2(metrics.edge, 0.0));
        rest.min.y += if metrics.small { 8.0 } else { 12.0 };
        let alert = self.pulse(ui, scene.now);
        for (index, call) in calls.incoming.iter().enumerate() {
            let height = incoming::height(call, metrics);
            if rest.height() >= height || index == 0 {
                let card = paint::cut_top(&mut rest, height, 12.0);
                actions.extend(incoming::ui(ui, card, call, alert, metrics));
            }
        }
        let changed = scene.snapshot.settings_changed.as_ref().map(Banner::Settings);
        if let Some(banner) = changed.or_else(|| scene.update.map(Banner::Update)) {
            let height = banner.height(ui, rest.width(), scene.snapshot);
            if rest.height() >= height {
                let block = paint::cut_top(&mut rest, height, 12.0);
                actions.extend(banner.ui(ui, block, scene.snapshot));
            }
        }
        if let Some(model) = scene.snapshot.wrap_ups.first() {
            let height = wrap_up::height(ui, rest.width(), model);
            if rest.height() >= height {
                let block = paint::cut_top(&mut rest, height, 12.0);
                actions.extend(wrap_up::ui(ui, block, model));
            }
        }
        if let Some(model) = model::strip::problem(scene.snapshot, scene.now) {
            let height = problem::height(ui, rest.width(), &model);
            let block = paint::cut_top(&mut rest, height, 12.0);
            actions.extend(problem::ui(ui, block, &model));
        }
        let selector = model::phones::selector(scene.snapshot, scene.now);
        if rest.height() >= size::CONTROL_M {
            let row = paint::cut_top(&mut rest, size::CONTROL_M, 12.0);
            let (action, anchor) = calls::selector_ui(ui, row, &selector);
            actions.extend(action);
            self.anchors.phones = anchor;
        }
        let practice = scene.snapshot.account.as_ref().is_some_and(|account| account.practice);
        if calls.incoming.is_empty() && rest.height() >= size::CONTROL_M {
            let model = calls::Dial {
                text: self.dial.clone(),
                keys: self.dial_keys,
                not_ready: not_ready(scene),
                refused: self.dial_refused(scene),
                practice,
            };
            let (action, changed) = calls::dial_ui(ui, &mut rest, &model, metrics);
            if let Some(changed) = changed {
                self.dial = changed;
            }
            actions.extend(action);
        }
        let rows = model::recent::rows(scene.snapshot, scene.now);
        actions.extend(calls::recent_ui(ui, rest, &rows, practice));
    }

    pub(super) fn draw_card(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        scene: &Scene<'_>,
        calls: &Calls,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let Some(model) = &calls.card else { return };
        let mut rest = rect.shrink2(vec2(metrics.edge, 8.0));
        let alert = self.pulse(ui, scene.now);
        for call in &calls.incoming {
            let row = paint::cut_top(&mut rest, incoming::ROW, 8.0);
            actions.extend(incoming::row_ui(ui, row, call, hold_for_answer(calls), alert, metrics));
        }
        let keys = self.call_keys == Some(model.id) && model.keypad_refused.is_none();
        // The card needs its height more than the held calls need theirs.
        let room = rest.height() - calls.held.len() as f32 * (size::HELD_CALL + 8.0);
        let sheet = self.transfer_open == Some(model.id) || model.consult.is_some();
        let fold = !calls.held.is_empty() && (keys || sheet || metrics.small || room < 340.0);
        let swap_with = (!model.held && model.hold_refused.is_none()).then_some(model.id);
        if fold {
            let row = paint::cut_top(&mut rest, 32.0, 8.0);
            card::folded_ui(ui, row, calls.held.len());
        } else {
            for held in &calls.held {
                let row = paint::cut_top(&mut rest, size::HELD_CALL, 8.0);
                actions.extend(card::held_ui(ui, row, held, swap_with, metrics));
            }
        }
        let asked = self.asked_digits.as_ref().map_or("", |(_, digits)| digits.as_str());
        let transfer = (self.transfer_open == Some(model.id) || model.consult.is_some())
            .then_some(self.transfer_to.as_str())
            .filter(|_| !keys);
        let open = card::Open { keys, asked, transfer };
        let drawn = card::ui(ui, rest, model, &scene.history.seconds(model.id), open, metrics);
        actions.extend(drawn.action);
        self.anchors.tools = drawn.tools;
    }

    /// Gives when the notice has to go. It never covers the controls of a call: then it lies over the sound bar.
    pub(super) fn draw_toast(
        &mut self,
        ui: &mut Ui,
        window: Rect,
        now: Instant,
        busy: bool,
        actions: &mut Vec<Action>,
    ) -> Option<Duration> {
        let toast = self.toast.as_mut()?;
        if now >= toast.until {
            self.toast = None;
            return None;
        }
        let metrics = Metrics::of(window.width(), window.height());
        let mut area = window;
        if window.width() >= size::TWO_COLUMNS {
            area = Rect::from_min_size(
                pos2(window.left() + size::RAIL, window.top()),
                vec2(size::CALLS_COLUMN, window.height()),
            );
            area.max.y -= if busy { 0.0 } else { metrics.sound_bar() };
        } else {
            let above_bar = self.page == Page::Calls && !busy;
            area.max.y -= metrics.tabs() + if above_bar { metrics.sound_bar() } else { 0.0 };
        }
        control::leave(ui.ctx());
        let (action, kept) = toast::ui(ui, area, toast, &metrics);
        if kept {
            toast.until = now + Duration::from_secs_f32(theme::motion::TOAST);
        }
        actions.extend(action);
        Some(toast.until.saturating_duration_since(now))
    }

    pub(super) fn draw_popup(
        &mut self,
        ui: &mut Ui,
        window: Rect,
        scene: &Scene<'_>,
        models: &Models,
        actions: &mut Vec<Action>,
    ) {
        let Models { strip, calls, .. } = models;
        let Some(open) = self.popup else { return };
        let is_new = std::mem::take(&mut self.popup_is_new);
        let ctx = ui.ctx().clone();
        let snapshot = scene.snapshot;
        let signed_in = snapshot.account.is_some();
        let card = calls.card.as_ref();
        let mut asked: Option<Action> = None;
        let dismissed = match open {
            Popup::Phones => {
                let model = model::phones::selector(snapshot, scene.now);
                let anchor = self.anchors.phones;
                let place = popup::Place::at(anchor, vec2(anchor.width(), phones::height(&model)), window);
                popup::show(&ctx, "Phones", place, is_new, |ui, rect| {
                    asked = phones::ui(ui, rect, &model, &self.phone_search);
                })
            }
            Popup::Devices(role) => {
                let rows = model::sound::device_rows(snapshot, role);
                let with_link = self.page != Page::Sound;
                let anchor = self.device_anchor(role, window);
                let wanted = vec2(anchor.width().max(320.0), devices::height(&rows, with_link));
                let place = popup::Place::at(anchor, wanted, window);
                popup::show(&ctx, text::role(role), place, is_new, |ui, rect| {
                    asked = devices::ui(ui, rect, role, &rows, with_link);
                })
            }
            Popup::Menu => {
                let wanted = vec2(240.0, menu::main_height(signed_in, card));
                let place = popup::Place::at(self.anchors.strip.menu, wanted, window);
                popup::show(&ctx, text::MORE, place, is_new, |ui, rect| {
                    asked = menu::main_ui(ui, rect, signed_in, card);
                })
            }
            Popup::Tools => {
                let Some(card) = &calls.card else { return };
                let wanted = vec2(240.0, menu::call_height(card));
                let place = popup::Place::at(self.anchors.tools, wanted, window);
                popup::show(&ctx, "More for this call", place, is_new, |ui, rect| {
                    asked = menu::call_ui(ui, rect, card);
                })
            }
            Popup::Why => {
                let problem = model::strip::problem(snapshot, scene.now);
                let width = (window.width() - 32.0).min(388.0);
                let height = menu::why_height(ui, width, strip, problem.as_ref(), scene.history);
                let place = popup::Place::at(self.anchors.strip.why, vec2(width, height), window);
                popup::show(&ctx, text::WHY, place, is_new, |ui, rect| {
                    asked = menu::why_ui(ui, rect, strip, problem.as_ref(), scene.history, scene.now);
                })
            }
            Popup::Leave => {
                let wanted = Vec2::from(leave::SIZE).min(window.size() - vec2(16.0, 16.0));
                let corner = window.center() - wanted / 2.0;
                let place = popup::Place {
                    top_left: pos2(corner.x.round(), corner.y.round()),
                    width: wanted.x,
                    height: wanted.y,
                };
                popup::show(&ctx, text::LEAVE_TITLE, place, is_new, |ui, rect| asked = leave::ui(ui, rect))
            }
        };
        if let Some(action) = asked {
            let stays = matches!(action, Action::SearchPhones(_) | Action::Send(Command::StopPersistentConnection));
            actions.push(action);
            if !stays {
                actions.push(Action::ClosePopup);
            }
        } else if dismissed {
            actions.push(Action::ClosePopup);
        }
    }

    pub(super) fn device_anchor(&self, role: SoundRole, window: Rect) -> Rect {
        let field = match role {
            SoundRole::Microphone => self.anchors.fields[0],
            SoundRole::Speaker => self.anchors.fields[1],
            SoundRole::Ringer => self.anchors.fields[2],
        };
        let lane = self.anchors.lanes.iter().find(|(lane, _)| *lane == role).map(|(_, rect)| *rect);
        let on_page = self.page == Page::Sound || self.page == Page::Diagnostics && self.diagnostics == View::Wizard;
        let anchor = if on_page { field } else { lane.unwrap_or(Rect::NOTHING) };
        if anchor.is_positive() { anchor } else { Rect::from_min_size(window.center(), vec2(1.0, 1.0)) }
    }
}
