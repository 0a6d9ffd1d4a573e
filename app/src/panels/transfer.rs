//! The transfer sheet in the card: whom to hand the call to, and steering a transfer that is being talked over.

use eframe::egui::{Align, Id, Rect, Ui, pos2, vec2};
use phone_core::Command;
use phone_core::command::SpeakWith;

use super::Action;
use crate::model::calls::{Card, Consult};
use crate::text;
use crate::theme::{Type, palette, size};
use crate::widgets::{Button, Face, Field, paint};

/// Height of the sheet: a line or field, and two rows of buttons.
pub const HEIGHT: f32 = size::CONTROL_M + 8.0 + size::CONTROL_M + 8.0 + size::CONTROL_M;

/// The field's id, which has the focus when the sheet opens.
pub fn first_focus() -> Id {
    Id::unique("transfer-to")
}

pub fn ui(ui: &mut Ui, rect: Rect, model: &Card, typed: &str) -> Option<Action> {
    match &model.consult {
        Some(consult) => consult_ui(ui, rect, model, consult),
        None => target_ui(ui, rect, model, typed),
    }
}

fn halves(rect: Rect) -> (Rect, Rect) {
    let width = ((rect.width() - 8.0) / 2.0).round();
    let left = Rect::from_min_size(rect.min, vec2(width, rect.height()));
    (left, Rect::from_min_max(pos2(left.right() + 8.0, rect.top()), rect.max))
}

fn target_ui(ui: &mut Ui, rect: Rect, model: &Card, typed: &str) -> Option<Action> {
    let mut rest = rect;
    let mut action = None;
    let field = paint::cut_top(&mut rest, size::CONTROL_M, 8.0);
    if let (_, Some(typed)) = Field::new(first_focus(), text::TRANSFER_TO).longest(128).add(ui, field, typed) {
        action = Some(Action::TypeTransfer(typed));
    }
    let nobody = typed.trim().is_empty().then_some(text::NOBODY_TO_TRANSFER_TO).or(model.transfer_refused);
    let (now, ask) = halves(paint::cut_top(&mut rest, size::CONTROL_M, 8.0));
    let to = || typed.trim().into();
    if Button::new("transfer-now", Face::Primary, text::TRANSFER_NOW).refused(nobody).add(ui, now).clicked {
        action = Some(Action::Send(Command::Transfer { call: model.id, to: to() }));
    }
    if Button::new("ask-first", Face::Quiet, text::ASK_FIRST).refused(nobody).add(ui, ask).clicked {
        action = Some(Action::Send(Command::Consult { call: model.id, to: to() }));
    }
    action
}

fn consult_ui(ui: &Ui, rect: Rect, model: &Card, consult: &Consult) -> Option<Action> {
    let colors = palette(ui);
    let mut rest = rect;
    let mut action = None;
    let line = paint::cut_top(&mut rest, size::CONTROL_M, 8.0);
    paint::label(ui, line, Align::Min, &consult.sentence, Type::Label, colors.text);
    let waiting = (!consult.answered).then_some(text::NOT_ANSWERED_YET);
    let (complete, swap) = halves(paint::cut_top(&mut rest, size::CONTROL_M, 8.0));
    if Button::new("complete", Face::Primary, text::COMPLETE).refused(waiting).add(ui, complete).clicked {
        action = Some(Action::Send(Command::CompleteTransfer(model.id)));
    }
    let with = if consult.with == SpeakWith::Waiting { SpeakWith::Target } else { SpeakWith::Waiting };
    if Button::new("swap-consult", Face::Quiet, text::SWAP).refused(waiting).add(ui, swap).clicked {
        action = Some(Action::Send(Command::Speak { call: model.id, with }));
    }
    let (all, back) = halves(paint::cut_top(&mut rest, size::CONTROL_M, 0.0));
    if Button::new("conference", Face::Quiet, text::CONFERENCE).refused(waiting).add(ui, all).clicked {
        action = Some(Action::Send(Command::Speak { call: model.id, with: SpeakWith::All }));
    }
    if Button::new("back-to-caller", Face::Quiet, text::BACK_TO_CALLER).add(ui, back).clicked {
        action = Some(Action::Send(Command::CancelTransfer(model.id)));
    }
    action
}
