//! Call quality while it lasts: a sentence, both directions over the last minute, and the figures behind it.

use eframe::egui::{Align, Rect, Ui, pos2, vec2};
use phone_core::event::Quality;

use super::strip::tone;
use super::{Action, Metrics, Page};
use crate::model::quality::{Table, Verdict};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::button::{Button, Face};
use crate::widgets::control::{self, Region};
use crate::widgets::{Icon, paint, quality};

pub fn header_ui(ui: &mut Ui, rect: Rect) -> Option<Action> {
    control::enter(ui.ctx(), Region::Content);
    let colors = palette(ui);
    ui.painter().rect_filled(rect, 0.0, colors.card);
    paint::hairline(ui, rect.left(), rect.right(), rect.bottom() - size::STROKE);
    let mut rest = rect.shrink2(vec2(8.0, 0.0));
    let place = paint::cut_left(&mut rest, 32.0, 8.0);
    let back = Rect::from_center_size(place.center(), vec2(32.0, 32.0));
    let pressed = Button::icon_only("quality-back", Face::Bare, text::BACK, Icon::ARROW_LEFT).add(ui, back).clicked;
    paint::label(ui, rest, Align::Min, text::QUALITY, Type::Title, colors.text);
    pressed.then_some(Action::Go(Page::Calls))
}

/// `seconds`: the last minute, oldest first.
pub fn ui<'a>(
    ui: &mut Ui,
    rect: Rect,
    verdict: &Verdict,
    table: &Table,
    seconds: &(impl ExactSizeIterator<Item = &'a Quality> + Clone),
    metrics: &Metrics,
) {
    control::enter(ui.ctx(), Region::Content);
    let mut rest = rect.shrink2(vec2(metrics.edge, 0.0));
    rest.min.y += 12.0;
    let row = if metrics.small { 24.0 } else { 28.0 };
    let table_height = 8.0 + row * (table.rows.len() + 1) as f32;
    let chart_height = (rest.height() - table_height - 24.0).clamp(96.0, 186.0);
    let card = paint::cut_top(&mut rest, chart_height, 12.0);
    chart_ui(ui, card, verdict, seconds, metrics);
    if rest.height() < row * 3.0 {
        return;
    }
    let shown = ((rest.height() - 8.0) / row).floor() as usize;
    let count = table.rows.len().min(shown.saturating_sub(1));
    let card = paint::cut_top(&mut rest, 8.0 + row * (count + 1) as f32, 0.0);
    table_ui(ui, card, table, count, row, metrics);
}

fn chart_ui<'a>(
    ui: &Ui,
    card: Rect,
    verdict: &Verdict,
    seconds: &(impl ExactSizeIterator<Item = &'a Quality> + Clone),
    metrics: &Metrics,
) {
    let colors = palette(ui);
    paint::card(ui, card);
    let mut rest = card.shrink2(vec2(metrics.pad + 1.0, 13.0));
    let ink = match verdict.state {
        Some(state) => tone(ui, state).text,
        None if verdict.bars == 0 => colors.muted,
        None => colors.meter,
    };
    let head = paint::cut_top(&mut rest, 24.0, 0.0);
    quality::bars(ui, pos2(head.left(), head.center().y), verdict.bars, ink);
    let mut line = head;
    line.min.x += quality::BARS + 12.0;
    paint::label(ui, line, Align::Min, verdict.word, Type::Title, colors.text);
    let room = rest.width();
    let used = paint::text(ui, rest.min, room, &verdict.sentence, Type::Body, colors.muted);
    rest.min.y += used + 8.0;
    if rest.height() < 40.0 {
        return;
    }
    let legend = paint::cut_top(&mut rest, 16.0, 4.0);
    paint::glyphs(ui, legend, Align::Min, text::QUALITY_CHART, Type::Small, colors.muted);
    paint::glyphs(ui, legend, Align::Max, text::QUALITY_LEGEND, Type::Small, colors.muted);
    let mut chart = rest;
    let axis = paint::cut_left(&mut chart, 24.0, 4.0);
    let mut free_from = f32::NEG_INFINITY;
    for mos in [4.0, 3.5, 2.5] {
        let y = quality::height_of(chart, mos);
        paint::hairline(ui, chart.left(), chart.right(), y);
        // In a low chart the lines are nearer than their figures are high.
        if y < free_from {
            continue;
        }
        free_from = y + 14.0;
        let place = Rect::from_center_size(pos2(axis.center().x, y), vec2(24.0, 16.0));
        paint::glyphs(ui, place, Align::Max, &format!("{mos:.1}"), Type::Small, colors.muted);
    }
    quality::sparkline(ui, chart, seconds, if verdict.state.is_some() { ink } else { colors.text });
}

fn table_ui(ui: &Ui, card: Rect, table: &Table, count: usize, row: f32, metrics: &Metrics) {
    let colors = palette(ui);
    paint::card(ui, card);
    let left = card.left() + metrics.pad + 1.0;
    let right = card.right() - metrics.pad - 1.0;
    let column = ((right - left) * 0.34).floor();
    let place = |index: usize, y: f32| {
        let x = right - column * (2 - index) as f32;
        Rect::from_min_size(pos2(x, y), vec2(column, row))
    };
    let mut y = card.top() + 4.0;
    for (index, head) in [text::YOU_TO_THEM, text::THEM_TO_YOU].into_iter().enumerate() {
        paint::label(ui, place(index, y), Align::Max, head, Type::Label, colors.text);
    }
    for line in table.rows.iter().take(count) {
        y += row;
        paint::hairline(ui, left, right, y);
        let name = Rect::from_min_size(pos2(left, y), vec2(right - left - 2.0 * column, row));
        paint::label(ui, name, Align::Min, line.name, Type::Body, colors.text);
        for (index, value) in line.values.iter().enumerate() {
            let cell = place(index, y);
            let used = paint::label(ui, cell, Align::Max, &value.words, Type::Body, colors.text);
            if value.beyond {
                let center = pos2(cell.right() - used - 12.0, cell.center().y);
                Icon::WARNING.paint(ui.painter(), center, 16.0, IconWeight::Fill, colors.warn.text);
            }
        }
    }
}
