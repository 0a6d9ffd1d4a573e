//! Signed out: one button to work. Also the progress of signing in.

use eframe::egui::{Align, Rect, Ui, pos2, vec2};
use phone_core::snapshot::SignInStep;

use super::{Action, Metrics};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::{Button, Face, Icon, icon, paint};

/// Whether the practice exchange can be started from here.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Practice {
    /// This start of the program has none.
    #[default]
    None,
    Ready,
    Starting,
    Failed(String),
}

/// Mark, name and claim. Gives the y below them.
fn heading(ui: &Ui, rect: Rect, metrics: &Metrics) -> f32 {
    let colors = palette(ui);
    let mut top = rect.top() + if metrics.small { 12.0 } else { 24.0 };
    let center = rect.center().x;
    let mark = Rect::from_min_size(pos2(center - 28.0, top), vec2(56.0, 56.0));
    icon::mark(ui.painter(), mark, colors.ink, colors.ink_on);
    top += 56.0 + 12.0;
    let line = |top: f32, kind: Type| Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), kind.line()));
    paint::label(ui, line(top, Type::Display), Align::Center, text::PRODUCT, Type::Display, colors.text);
    top += 36.0 + 12.0;
    paint::label(ui, line(top, Type::Body), Align::Center, text::CLAIM, Type::Body, colors.muted);
    top + 20.0
}

pub fn ui(ui: &mut Ui, rect: Rect, practice: &Practice, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    let width = rect.width().min(388.0) - 32.0;
    let column = Rect::from_center_size(rect.center(), vec2(width, rect.height()));
    let top = heading(ui, column, metrics) + 24.0;

    let words = match practice {
        Practice::Failed(why) => format!("{} {why}", text::PRACTICE_FAILED),
        Practice::None => text::NO_PRACTICE.to_owned(),
        Practice::Ready | Practice::Starting => text::PRACTICE_TEXT.to_owned(),
    };
    let room = width - 34.0 - 52.0;
    let words_height = paint::text_height(ui, room, &words, Type::Small).max(20.0);
    let card =
        Rect::from_min_size(pos2(column.left(), top), vec2(width, 17.0 + 20.0 + words_height + 16.0 + 48.0 + 17.0));
    paint::card(ui, card);
    let mut rest = card.shrink(17.0);
    let tile = Rect::from_min_size(rest.min, vec2(40.0, 40.0));
    paint::block(ui, tile, size::RADIUS_M, colors.quiet, None);
    Icon::WAVEFORM.paint(ui.painter(), tile.center(), 20.0, IconWeight::Regular, colors.text);
    let left = tile.right() + 12.0;
    let title = Rect::from_min_size(pos2(left, rest.top()), vec2(room, 20.0));
    paint::label(ui, title, Align::Min, text::PRACTICE_TITLE, Type::Label, colors.text);
    let ink = if matches!(practice, Practice::Failed(_)) { colors.danger.text } else { colors.muted };
    paint::text(ui, pos2(left, rest.top() + 20.0), room, &words, Type::Small, ink);

    let button_rect = paint::cut_bottom(&mut rest, size::CONTROL_L, 0.0);
    let starting = *practice == Practice::Starting;
    let button = Button::new(
        "start-practice",
        Face::Primary,
        if starting { text::STARTING_PRACTICE } else { text::START_PRACTICE },
    )
    .title()
    .refused((*practice == Practice::None).then_some(text::NO_PRACTICE));
    let clicked = button.add(ui, button_rect).clicked && !starting;

    let foot = Rect::from_min_size(pos2(column.left(), rect.bottom() - 32.0), vec2(width, 16.0));
    if foot.top() > card.bottom() + 8.0 {
        let version = format!("{} {}", text::PRODUCT, env!("CARGO_PKG_VERSION"));
        paint::label(ui, foot, Align::Min, &version, Type::Small, colors.muted);
    }
    clicked.then_some(Action::StartPractice)
}

const STEPS: [SignInStep; 5] = [
    SignInStep::Contacting,
    SignInStep::Authorising,
    SignInStep::Identity,
    SignInStep::Connecting,
    SignInStep::Subscribing,
];

/// The five steps of signing in.
pub fn progress_ui(ui: &mut Ui, rect: Rect, step: SignInStep, metrics: &Metrics) {
    let colors = palette(ui);
    let width = rect.width().min(388.0) - 32.0;
    let column = Rect::from_center_size(rect.center(), vec2(width, rect.height()));
    let top = heading(ui, column, metrics) + 32.0;
    let done = STEPS.iter().position(|candidate| *candidate == step).unwrap_or(0);
    let part = (width - 4.0 * 4.0) / 5.0;
    for index in 0..STEPS.len() {
        let left = column.left() + index as f32 * (part + 4.0);
        let bar = Rect::from_min_size(pos2(left, top), vec2(part, size::COUNTDOWN));
        ui.painter().rect_filled(bar, 2.0, if index <= done { colors.ink } else { colors.track });
    }
    let line = Rect::from_min_size(pos2(column.left(), top + 16.0), vec2(width, 20.0));
    paint::label(ui, line, Align::Center, text::sign_in_step(step), Type::Label, colors.text);
}
