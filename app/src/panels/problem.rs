//! Cause, effect and remedy, while calls cannot be taken.

use eframe::egui::{Align, Rect, Ui, pos2, vec2};
use phone_core::Command;

use super::Action;
use crate::model::strip::Problem;
use crate::text;
use crate::theme::{Type, palette, size};
use crate::widgets::{Button, Face, paint};

const PAD: f32 = 16.0;

pub fn height(ui: &Ui, width: f32, model: &Problem) -> f32 {
    let room = width - 2.0 * PAD;
    12.0 + paint::text_height(ui, room, &model.text, Type::Label)
        + paint::text_height(ui, room, &remedy(model), Type::Body)
        + 12.0
        + size::CONTROL_M
        + 8.0
        + 16.0
        + 12.0
}

fn remedy(model: &Problem) -> String {
    match &model.retry {
        Some(retry) => format!("{} {retry}", model.remedy),
        None => model.remedy.clone(),
    }
}

pub fn ui(ui: &mut Ui, rect: Rect, model: &Problem) -> Option<Action> {
    let colors = palette(ui);
    paint::block(ui, rect, size::RADIUS_L, colors.danger.tint, None);
    let mut rest = rect.shrink2(vec2(PAD, 12.0));
    rest.min.y += paint::text(ui, rest.min, rest.width(), &model.text, Type::Label, colors.danger.text);
    rest.min.y += paint::text(ui, rest.min, rest.width(), &remedy(model), Type::Body, colors.text) + 12.0;
    let row = paint::cut_top(&mut rest, size::CONTROL_M, 8.0);
    let again = Button::new("try-again", Face::Primary, text::TRY_AGAIN);
    let again_rect = Rect::from_min_size(row.min, vec2(again.width(ui), row.height()));
    let clicked = again.add(ui, again_rect).clicked;
    let line = Rect::from_min_max(pos2(rest.left(), rest.top()), pos2(rest.right(), rest.top() + 16.0));
    paint::label(ui, line, Align::Min, model.id, Type::Small, colors.muted);
    clicked.then_some(Action::Send(Command::Reconnect))
}
