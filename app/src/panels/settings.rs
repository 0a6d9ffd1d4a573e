//! The header of a page, and the Settings page.

use eframe::egui::{Align, Rect, Role, ScrollArea, Ui, UiBuilder, pos2, vec2};
use phone_core::Command;
use phone_core::policy::{Lock, Setting};
use phone_core::snapshot::Snapshot;

use super::strip::disc;
use super::{Action, Metrics, Page};
use crate::model::calls::in_call;
use crate::os::preferences::Preferences;
use crate::shortcuts;
use crate::text;
use crate::theme::{IconWeight, ThemeChoice, Type, palette, size};
use crate::widgets::button::{self, Button, Face};
use crate::widgets::control::{self, Control, Region};
use crate::widgets::{Icon, paint};

/// Beside a note that has the width of the row.
const NOTE_MARGIN: f32 = 28.0;

/// Text sizes in percent.
pub const TEXT_SIZES: [u16; 4] = [100, 125, 150, 200];

/// Title, way back, and the state at the right while all is well.
pub fn header_ui(ui: &mut Ui, rect: Rect, title: &str, back: Option<Page>, ready: bool) -> Option<Action> {
    control::enter(ui.ctx(), Region::Content);
    let colors = palette(ui);
    ui.painter().rect_filled(rect, 0.0, colors.card);
    paint::hairline(ui, rect.left(), rect.right(), rect.bottom() - size::STROKE);
    let mut rest = rect.shrink2(vec2(8.0, 0.0));
    let mut action = None;
    if let Some(page) = back {
        let place = paint::cut_left(&mut rest, 32.0, 8.0);
        let button = Rect::from_center_size(place.center(), vec2(32.0, 32.0));
        if Button::icon_only("back", Face::Bare, text::BACK, Icon::ARROW_LEFT).add(ui, button).clicked {
            action = Some(Action::Go(page));
        }
    } else {
        rest.min.x += 8.0;
    }
    if ready {
        let width = paint::width(ui, text::READY, Type::Label);
        let right = rest.right() - 8.0;
        let word = Rect::from_min_max(pos2(right - width, rest.top()), pos2(right, rest.bottom()));
        paint::label(ui, word, Align::Max, text::READY, Type::Label, colors.text);
        disc(ui, pos2(word.left() - 18.0, rest.center().y));
    }
    paint::label(ui, rest, Align::Min, title, Type::Title, colors.text);
    action
}

/// A column of groups: heads and cards of rows, laid out from top to bottom.
pub(super) struct Column {
    pub(super) left: f32,
    pub(super) width: f32,
    pub(super) y: f32,
}

impl Column {
    pub(super) fn head(&mut self, ui: &Ui, words: &str) {
        let line = Rect::from_min_size(pos2(self.left, self.y), vec2(self.width, 24.0));
        paint::label(ui, line, Align::Min, words, Type::SmallStrong, palette(ui).muted);
        self.y += 24.0;
    }

    pub(super) fn card(&mut self, ui: &Ui, heights: &[f32]) -> Vec<Rect> {
        let total = heights.iter().sum::<f32>() + 2.0;
        let card = Rect::from_min_size(pos2(self.left, self.y), vec2(self.width, total));
        paint::card(ui, card);
        let mut y = card.top() + 1.0;
        let mut rows = Vec::with_capacity(heights.len());
        for (index, height) in heights.iter().enumerate() {
            rows.push(Rect::from_min_size(pos2(card.left() + 1.0, y), vec2(card.width() - 2.0, *height)));
            y += height;
            if index + 1 < heights.len() {
                paint::hairline(ui, card.left() + 1.0, card.right() - 1.0, y - size::STROKE);
            }
        }
        self.y = card.bottom() + 12.0;
        rows
    }
}

/// Name and origin at the left of a row; gives what is left for the control. A tall row has the note below both.
pub(super) fn words(ui: &Ui, row: Rect, name: &str, note: &str, control_width: f32) -> Rect {
    let colors = palette(ui);
    if row.height() > size::ROW_LIST && !note.is_empty() {
        let (first, below) = row.split_top_bottom_at_y(row.top() + size::ROW_LIST - 8.0);
        let control = words(ui, first, name, "", control_width);
        paint::text(
            ui,
            pos2(row.left() + 16.0, below.top()),
            row.width() - NOTE_MARGIN,
            note,
            Type::Small,
            colors.muted,
        );
        return control;
    }
    let mut rest = Rect::from_min_max(pos2(row.left() + 16.0, row.top()), pos2(row.right() - 12.0, row.bottom()));
    let control_width = control_width.min(rest.width());
    let control = paint::cut_right(&mut rest, control_width, 12.0);
    let block = if note.is_empty() { 20.0 } else { 36.0 };
    let top = rest.center().y - block / 2.0;
    let line = Rect::from_min_size(pos2(rest.left(), top), vec2(rest.width(), 20.0));
    paint::label(ui, line, Align::Min, name, Type::Body, colors.text);
    if !note.is_empty() {
        let line = Rect::from_min_size(pos2(rest.left(), top + 20.0), vec2(rest.width(), 16.0));
        paint::label(ui, line, Align::Min, note, Type::Small, colors.muted);
    }
    control
}

/// A choice of a few words side by side. Gives the index pressed.
pub(super) fn segments(ui: &Ui, rect: Rect, id: &'static str, names: &[String], chosen: usize) -> Option<usize> {
    let colors = palette(ui);
    let well = Rect::from_center_size(rect.center(), vec2(rect.width(), size::CONTROL_S));
    paint::block(ui, well, size::RADIUS_M, colors.quiet, None);
    let width = (well.width() - 4.0) / names.len() as f32;
    let mut pressed = None;
    for (index, name) in names.iter().enumerate() {
        let left = well.left() + 2.0 + width * index as f32;
        let part = Rect::from_min_size(pos2(left, well.top() + 2.0), vec2(width, 28.0));
        let is_chosen = index == chosen;
        let target = Rect::from_center_size(part.center(), vec2(part.width(), size::CONTROL_S));
        let touch =
            Control::new((id, index), name).role(Role::RadioButton).selected(is_chosen).radius(6.0).add(ui, target);
        if is_chosen {
            paint::block(ui, part, 6.0, colors.card, Some((size::STROKE, colors.border_soft)));
        } else if touch.hovered {
            paint::block(ui, part, 6.0, colors.track, None);
        }
        let (kind, ink) = if is_chosen { (Type::Label, colors.text) } else { (Type::Body, colors.muted) };
        paint::glyphs(ui, part, Align::Center, name, kind, ink);
        if touch.clicked && !is_chosen {
            pressed = Some(index);
        }
    }
    pressed
}

pub fn ui(
    ui: &mut Ui,
    rect: Rect,
    snapshot: &Snapshot,
    preferences: &Preferences,
    rules: &str,
    metrics: &Metrics,
) -> Option<Action> {
    control::enter(ui.ctx(), Region::Content);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("settings"));
    let mut action = None;
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let start = ui.cursor().min;
        let mut column =
            Column { left: rect.left() + metrics.edge, width: rect.width() - 2.0 * metrics.edge, y: start.y + 8.0 };
        action = account(ui, &mut column, snapshot);
        column.head(ui, text::DURING_CALLS);
        action = link(ui, &mut column, text::SOUND_ROW, text::SOUND_ROW_NOTE, Page::Sound).or(action.take());
        action = appearance(ui, &mut column, snapshot, preferences, metrics).or(action.take());
        column.head(ui, text::ORGANISATION);
        action = link(ui, &mut column, text::PAGE_RULES, rules, Page::Rules).or(action.take());
        keyboard(ui, &mut column);
        about(ui, &mut column);
        ui.allocate_rect(Rect::from_min_max(start, pos2(rect.right(), column.y + 4.0)), eframe::egui::Sense::hover());
    });
    action
}

fn account(ui: &Ui, column: &mut Column, snapshot: &Snapshot) -> Option<Action> {
    let account = snapshot.account.as_ref()?;
    column.head(ui, text::ACCOUNT);
    let row = *column.card(ui, &[size::ROW_LIST]).first()?;
    let refused = in_call(snapshot).then_some(text::SIGN_OUT_IN_CALL);
    let button = Button::new("sign-out", Face::Quiet, text::SIGN_OUT).padding(12.0).refused(refused);
    let width = button.width(ui);
    let note = if account.practice { text::PRACTICE_ACCOUNT } else { account.organisation.reveal() };
    let place = words(ui, row, account.user.reveal(), note, width);
    let clicked = button.add(ui, Rect::from_center_size(place.center(), vec2(width, size::CONTROL_S))).clicked;
    clicked.then_some(Action::Send(Command::SignOut))
}

/// A row that leads to another page.
fn link(ui: &Ui, column: &mut Column, name: &'static str, note: &str, page: Page) -> Option<Action> {
    let row = *column.card(ui, &[size::ROW_LIST]).first()?;
    let colors = palette(ui);
    let touch = Control::new(("link", name), name).radius(size::RADIUS_L).add(ui, row.shrink(2.0));
    if touch.hovered {
        paint::block(ui, row, size::RADIUS_L - 1.0, colors.quiet, None);
    }
    let place = words(ui, row, name, note, 16.0);
    Icon::CARET_RIGHT.paint(ui.painter(), place.center(), 16.0, IconWeight::Bold, colors.muted);
    touch.clicked.then_some(Action::Go(page))
}

/// A row that says who decided it has the whole sentence below its control.
fn row_height(ui: &Ui, width: f32, snapshot: &Snapshot, setting: Setting) -> f32 {
    match snapshot.settings.lock(setting) {
        Some(lock @ Lock::Policy(_)) => {
            size::ROW_LIST + paint::text_height(ui, width - NOTE_MARGIN, &text::lock_sentence(lock), Type::Small)
        }
        _ => size::ROW_LIST,
    }
}

/// Who decided a row that the user cannot change; else what is said of it anyway.
fn lock_note(snapshot: &Snapshot, setting: Setting, otherwise: &'static str) -> String {
    match snapshot.settings.lock(setting) {
        Some(lock @ Lock::Policy(_)) => text::lock_sentence(lock),
        _ => otherwise.to_owned(),
    }
}

fn appearance(
    ui: &Ui,
    column: &mut Column,
    snapshot: &Snapshot,
    preferences: &Preferences,
    metrics: &Metrics,
) -> Option<Action> {
    column.head(ui, text::APPEARANCE);
    let settings = [Setting::WindowTheme, Setting::WindowTextSize, Setting::WindowReduceMotion];
    let rows = column.card(ui, &settings.map(|setting| row_height(ui, column.width - 2.0, snapshot, setting)));
    let [theme, zoom, motion] = rows.as_slice() else { return None };
    let mut action = None;
    let wide = if metrics.small { 204.0 } else { 228.0 };

    let themes = [ThemeChoice::System, ThemeChoice::Light, ThemeChoice::Dark];
    let names = [text::THEME_SYSTEM, text::THEME_LIGHT, text::THEME_DARK].map(str::to_owned);
    let chosen = themes.iter().position(|theme| *theme == preferences.theme).unwrap_or(0);
    let place = words(ui, *theme, text::THEME, &lock_note(snapshot, Setting::WindowTheme, ""), wide);
    if let Some(pressed) = segments(ui, place, "theme", &names, chosen) {
        action = themes.get(pressed).map(|theme| Action::SetTheme(*theme));
    }

    let names = TEXT_SIZES.map(|percent| format!("{percent} %"));
    let chosen = TEXT_SIZES.iter().position(|percent| *percent == preferences.text_size).unwrap_or(0);
    let place = words(ui, *zoom, text::TEXT_SIZE, &lock_note(snapshot, Setting::WindowTextSize, ""), wide);
    if let Some(pressed) = segments(ui, place, "text-size", &names, chosen) {
        action = TEXT_SIZES.get(pressed).map(|percent| Action::SetTextSize(*percent));
    }

    let place = words(
        ui,
        *motion,
        text::REDUCE_MOTION,
        &lock_note(snapshot, Setting::WindowReduceMotion, text::REDUCE_MOTION_NOTE),
        36.0,
    );
    let knob = Rect::from_center_size(place.center(), vec2(36.0, 20.0));
    if button::switch(ui, knob, "reduce-motion", text::REDUCE_MOTION, preferences.reduce_motion) {
        action = Some(Action::SetReducedMotion(!preferences.reduce_motion));
    }
    action
}

fn keyboard(ui: &Ui, column: &mut Column) {
    column.head(ui, text::SHORTCUTS);
    let rows = column.card(ui, &vec![32.0; shortcuts::TABLE.len()]);
    let colors = palette(ui);
    for (row, shortcut) in rows.iter().zip(shortcuts::TABLE) {
        let keys = ui.ctx().format_shortcut(&shortcut.keys);
        let width = paint::width(ui, &keys, Type::Small);
        let place = words(ui, *row, shortcut.name, "", width);
        paint::label(ui, place, Align::Max, &keys, Type::Small, colors.muted);
    }
}

fn about(ui: &Ui, column: &mut Column) {
    column.head(ui, text::ABOUT);
    let rows = column.card(ui, &[40.0, size::ROW_LIST]);
    let colors = palette(ui);
    if let Some(row) = rows.first() {
        let version = env!("CARGO_PKG_VERSION");
        let place = words(ui, *row, text::VERSION, "", paint::width(ui, version, Type::Label));
        paint::label(ui, place, Align::Max, version, Type::Label, colors.text);
    }
    if let Some(row) = rows.get(1) {
        words(ui, *row, text::LICENCES, text::LICENCES_NOTE, 0.0);
    }
}
