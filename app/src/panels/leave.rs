//! The question before a call is lost by closing the window.

use eframe::egui::{Align, Id, Rect, Ui, pos2, vec2};

use super::Action;
use crate::text;
use crate::theme::{Type, palette, size};
use crate::widgets::{Button, Face, paint};

pub const SIZE: [f32; 2] = [320.0, 16.0 + 24.0 + 20.0 + 16.0 + 48.0 + 8.0 + 40.0 + 16.0];

/// Staying is what Enter does.
pub fn first_focus() -> Id {
    Id::unique("stay")
}

pub fn ui(ui: &mut Ui, rect: Rect) -> Option<Action> {
    let colors = palette(ui);
    let mut rest = rect.shrink(16.0);
    let title = paint::cut_top(&mut rest, 24.0, 0.0);
    paint::label(ui, title, Align::Min, text::LEAVE_TITLE, Type::Title, colors.text);
    let line = paint::cut_top(&mut rest, 20.0, 16.0);
    paint::label(ui, line, Align::Min, text::LEAVE_TEXT, Type::Body, colors.text);
    let stay = paint::cut_top(&mut rest, size::CONTROL_L, 8.0);
    let leave = Rect::from_min_size(pos2(rest.left(), rest.top()), vec2(rest.width(), size::CONTROL_M));
    if Button::new("stay", Face::Primary, text::LEAVE_NO).title().add(ui, stay).clicked {
        return Some(Action::ClosePopup);
    }
    Button::new("leave", Face::Decline, text::LEAVE_YES).add(ui, leave).clicked.then_some(Action::QuitNow)
}
