//! A call that has ended and waits to be classified: one press on a code does it.

use eframe::egui::{Align, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};
use phone_core::Command;
use phone_core::snapshot::WrapUpView;

use super::Action;
use crate::model::calls::first_of;
use crate::text;
use crate::theme::{Type, palette, size};
use crate::widgets::{Button, Face, paint};

const PAD: f32 = 16.0;
/// Codes seen without scrolling.
const ROWS: usize = 4;

fn words(model: &WrapUpView) -> String {
    text::wrap_up(&first_of(model.peer_name.reveal(), ""), model.required)
}

pub fn height(ui: &Ui, width: f32, model: &WrapUpView) -> f32 {
    let rows = model.codes.len().clamp(1, ROWS) as f32;
    12.0 + paint::text_height(ui, width - 2.0 * PAD, &words(model), Type::Label)
        + 8.0
        + rows * (size::CONTROL_S + 4.0)
        + 12.0
}

pub fn ui(ui: &mut Ui, rect: Rect, model: &WrapUpView) -> Option<Action> {
    let colors = palette(ui);
    paint::block(ui, rect, size::RADIUS_L, colors.info.tint, None);
    let mut inner = rect.shrink2(vec2(PAD, 12.0));
    inner.min.y += paint::text(ui, inner.min, inner.width(), &words(model), Type::Label, colors.text) + 8.0;
    if model.codes.is_empty() {
        let line = Rect::from_min_size(inner.min, vec2(inner.width(), size::CONTROL_S));
        paint::label(ui, line, Align::Min, text::WRAP_UP_LOADING, Type::Body, colors.muted);
        return None;
    }
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).id_salt(("wrap-up", model.call)));
    child.spacing_mut().item_spacing = vec2(0.0, 4.0);
    let mut action = None;
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        for (index, (code, name)) in model.codes.iter().enumerate() {
            let (_, row) = ui.allocate_space(vec2(inner.width(), size::CONTROL_S));
            let row = Rect::from_min_max(row.min, pos2(row.right() - 12.0, row.bottom()));
            let button = Button::new(("wrap-up-code", model.call, index), Face::Quiet, name);
            let button = button.refused(model.sent.then_some(text::WRAP_UP_SENT));
            if button.add(ui, row).clicked {
                let notes = String::new().into();
                action = Some(Action::Send(Command::WrapUp { call: model.call, code: code.clone(), notes }));
            }
        }
    });
    action
}
