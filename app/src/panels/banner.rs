//! Settings of the service changed: what, and one button that takes them over.

use eframe::egui::{Rect, Ui, pos2, vec2};
use phone_core::Command;
use phone_core::snapshot::{SettingsChanged, Snapshot};

use super::Action;
use crate::model::calls::in_call;
use crate::text;
use crate::theme::{Type, palette, size};
use crate::widgets::{Button, Face, paint};

const PAD: f32 = 16.0;

pub fn height(ui: &Ui, width: f32, model: &SettingsChanged) -> f32 {
    let words = text::settings_changed(&model.changes);
    12.0 + paint::text_height(ui, width - 2.0 * PAD, &words, Type::Body) + 8.0 + size::CONTROL_S + 12.0
}

pub fn ui(ui: &Ui, rect: Rect, model: &SettingsChanged, snapshot: &Snapshot) -> Option<Action> {
    let colors = palette(ui);
    paint::block(ui, rect, size::RADIUS_L, colors.info.tint, None);
    let inner = rect.shrink2(vec2(PAD, 12.0));
    let words = text::settings_changed(&model.changes);
    let used = paint::text(ui, inner.min, inner.width(), &words, Type::Body, colors.text);
    let words = if in_call(snapshot) { text::SIGN_IN_AFTER_CALL } else { text::SIGN_IN_AGAIN };
    let button = Button::new("apply-settings", Face::Primary, words)
        .padding(12.0)
        .refused(model.after_call.then_some(text::SIGN_IN_COMES));
    let place =
        Rect::from_min_size(pos2(inner.left(), inner.top() + used + 8.0), vec2(button.width(ui), size::CONTROL_S));
    button.add(ui, place).clicked.then_some(Action::Send(Command::ApplySettings))
}
