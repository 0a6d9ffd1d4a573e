//! Settings in force: every setting, its value, who decided it, what was ignored. A row is pressed to copy it for IT.

use eframe::egui::{Align, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};

use super::settings::Column;
use super::{Action, Metrics};
use crate::model::rules::{Row, Rules};
use crate::text;
use crate::theme::{Type, palette, size};
use crate::widgets::control::{self, Control, Region};
use crate::widgets::paint;

/// Above and below the words of a row.
const MARGIN: f32 = 8.0;
/// At the sides.
const SIDE: f32 = 16.0;
/// Most of a row's width that a value takes before it is cut.
const VALUE_SHARE: f32 = 0.5;

pub fn ui(ui: &mut Ui, rect: Rect, model: &Rules, metrics: &Metrics) -> Option<Action> {
    control::enter(ui.ctx(), Region::Content);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("rules"));
    let mut action = None;
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let start = ui.cursor().min;
        let width = rect.width() - 2.0 * metrics.edge;
        let mut column = Column { left: rect.left() + metrics.edge, width, y: start.y + 8.0 };
        let inner = width - 2.0 - 2.0 * SIDE;
        if model.waiting {
            let height = paint::text_height(ui, inner, text::RULES_WAIT, Type::Small) + 2.0 * MARGIN;
            if let Some(row) = column.card(ui, &[height]).first() {
                let at = pos2(row.left() + SIDE, row.top() + MARGIN);
                paint::text(ui, at, inner, text::RULES_WAIT, Type::Small, palette(ui).text);
            }
        }
        if !model.ignored.is_empty() {
            column.head(ui, text::RULES_IGNORED);
            let line = |words: &str| paint::text_height(ui, inner, words, Type::Small) + 2.0 * MARGIN;
            let heights: Vec<f32> = model.ignored.iter().map(|words| line(words).max(size::CONTROL_S)).collect();
            for (index, (row, words)) in column.card(ui, &heights).into_iter().zip(&model.ignored).enumerate() {
                let touch = pressable(ui, row, ("ignored", index), words);
                let at = pos2(row.left() + SIDE, row.top() + MARGIN);
                paint::text(ui, at, inner, words, Type::Small, palette(ui).text);
                action = touch.then(|| Action::CopyLine(words.clone())).or(action.take());
            }
        }
        for (title, rows) in &model.groups {
            column.head(ui, title);
            let heights: Vec<f32> = rows.iter().map(|row| height(ui, row, inner)).collect();
            for (place, row) in column.card(ui, &heights).into_iter().zip(rows) {
                action = row_ui(ui, place, row, inner).or(action.take());
            }
        }
        ui.allocate_rect(Rect::from_min_max(start, pos2(rect.right(), column.y + 4.0)), Sense::hover());
    });
    action
}

fn height(ui: &Ui, row: &Row, width: f32) -> f32 {
    let small = std::iter::once(&row.from).chain(&row.notes);
    20.0 + small.map(|words| paint::text_height(ui, width, words, Type::Small)).sum::<f32>() + 2.0 * MARGIN
}

fn row_ui(ui: &Ui, place: Rect, row: &Row, width: f32) -> Option<Action> {
    let line = row.line();
    let clicked = pressable(ui, place, ("rule", row.setting.entry().key), &line);
    let colors = palette(ui);
    let mut first = Rect::from_min_size(pos2(place.left() + SIDE, place.top() + MARGIN), vec2(width, 20.0));
    let wanted = paint::width(ui, &row.value, Type::Label).min(width * VALUE_SHARE);
    let value = paint::cut_right(&mut first, wanted, 12.0);
    paint::glyphs(ui, first, Align::Min, row.name, Type::Body, colors.text);
    paint::glyphs(ui, value, Align::Max, &row.value, Type::Label, colors.text);
    let mut y = place.top() + MARGIN + 20.0;
    let ink = if row.locked { colors.text } else { colors.muted };
    y += paint::text(ui, pos2(place.left() + SIDE, y), width, &row.from, Type::Small, ink);
    for note in &row.notes {
        y += paint::text(ui, pos2(place.left() + SIDE, y), width, note, Type::Small, colors.muted);
    }
    clicked.then_some(Action::CopyLine(line))
}

/// Takes the focus, so that it can be read, and is copied when it is pressed.
fn pressable(ui: &Ui, place: Rect, id: impl std::hash::Hash + std::fmt::Debug, line: &str) -> bool {
    let touch = Control::new(id, line).hint(text::RULES_COPY).radius(size::RADIUS_L).add(ui, place.shrink(1.0));
    if touch.hovered {
        paint::block(ui, place, size::RADIUS_L - 1.0, palette(ui).quiet, None);
    }
    touch.clicked
}
