//! The Calls panel at rest: phone selector, dial field, recent calls.

use eframe::egui::{Align, Id, Key, Rect, Response, ScrollArea, Ui, UiBuilder, pos2, vec2};
use phone_core::Command;

use super::{Action, Metrics, Popup};
use crate::model::phones::Selector;
use crate::model::recent::{Kind, Row};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::button::{self, Button, Face};
use crate::widgets::control::Control;
use crate::widgets::{Field, Icon, paint};

/// The dial row and what unfolds under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    pub text: String,
    pub keys: bool,
    /// Why nothing can be called at all; `None` when it can.
    pub not_ready: Option<&'static str>,
    /// Why the Call button cannot be pressed.
    pub refused: Option<&'static str>,
    /// Echo test and Call me exist here.
    pub practice: bool,
}

/// The phone selector; gives its rectangle for the pop-up.
pub fn selector_ui(ui: &mut Ui, rect: Rect, model: &Selector) -> (Option<Action>, Rect) {
    let colors = palette(ui);
    let name = format!("{}: {}", text::PHONE, model.name);
    let touch = Control::new("phone", &name).hint("Alt+P").add(ui, rect);
    let fill = colors.quiet.lerp_to_gamma(colors.track, touch.warmth(ui));
    paint::block(ui, rect, size::RADIUS_M, fill, None);
    let mut rest = rect.shrink2(vec2(12.0, 0.0));
    let caret = paint::cut_right(&mut rest, 16.0, 8.0);
    Icon::CARET_DOWN.paint(ui.painter(), caret.center(), 16.0, IconWeight::Bold, colors.muted);
    let used = paint::glyphs(ui, rest, Align::Min, text::PHONE, Type::Small, colors.muted);
    rest.min.x += used + 8.0;
    let icon = paint::cut_left(&mut rest, 20.0, 8.0);
    Icon::HEADSET.paint(ui.painter(), icon.center(), 20.0, IconWeight::Regular, colors.muted);
    let used = paint::glyphs(ui, rest, Align::Min, &model.name, Type::Label, colors.text);
    rest.min.x += used + 8.0;
    if rest.width() > 24.0 && !model.site.is_empty() {
        paint::glyphs(ui, rest, Align::Min, &model.site, Type::Body, colors.muted);
    }
    (touch.clicked.then_some(Action::Toggle(Popup::Phones)), rect)
}

/// Draws the field over a copy of its text; the text typed is the second value when it changed.
fn field(ui: &mut Ui, rect: Rect, typed: &str) -> (Response, Option<String>, bool) {
    let field = Field::new(Id::unique("dial"), text::DIAL_HINT).longest(256).inset(40.0);
    let (response, changed) = field.add(ui, rect, typed);
    let icon = pos2(rect.left() + 12.0 + 10.0, rect.center().y);
    let muted = palette(ui).muted;
    Icon::MAGNIFYING_GLASS.paint(ui.painter(), icon, 20.0, IconWeight::Regular, muted);
    let enter = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    (response, changed, enter)
}

/// What the dial row asks for, and the text now in the field.
pub fn dial_ui(ui: &mut Ui, rest: &mut Rect, model: &Dial, metrics: &Metrics) -> (Option<Action>, Option<String>) {
    let mut action = None;
    let mut row = paint::cut_top(rest, size::CONTROL_M, 12.0);
    let call = if metrics.tiny {
        Button::icon_only("call", Face::Primary, text::CALL, Icon::PHONE).padding(10.0)
    } else {
        Button::new("call", Face::Primary, text::CALL).icon(Icon::PHONE, 20.0, IconWeight::Fill).hint("Enter")
    };
    let call = call.refused(model.refused);
    let call_rect = paint::cut_right(&mut row, call.width(ui), 8.0);
    let (response, changed, enter) = field(ui, row, &model.text);

    let keys_rect = Rect::from_center_size(pos2(row.right() - 4.0 - 16.0, row.center().y), vec2(32.0, 32.0));
    let colors = palette(ui);
    let touch = Control::new("dial-keys", text::KEYPAD).hint(text::KEYPAD).selected(model.keys).add(ui, keys_rect);
    let (fill, ink) = match (model.keys, touch.hovered) {
        (true, _) => (Some(colors.ink), colors.ink_on),
        (false, true) => (Some(colors.quiet), colors.muted),
        (false, false) => (None, colors.muted),
    };
    if let Some(fill) = fill {
        paint::block(ui, keys_rect, size::RADIUS_M, fill, None);
    }
    Icon::NUMPAD.paint(ui.painter(), keys_rect.center(), 20.0, IconWeight::Regular, ink);
    if touch.clicked {
        action = Some(Action::ToggleDialKeys);
    }

    if call.add(ui, call_rect).clicked {
        action = Some(Action::Dial);
    }
    if enter {
        // The caret stays: a refused call leaves the number there to be corrected.
        response.request_focus();
        if model.refused.is_none() {
            action = Some(Action::Dial);
        }
    }

    if model.keys {
        let key = if metrics.small { 36.0 } else { size::CONTROL_M };
        let height = 4.0 * key + 12.0;
        let pad = paint::cut_top(rest, height, 8.0);
        if let Some(digit) = button::keypad(ui, pad, None) {
            action = Some(Action::TypeDial(digit));
        }
        let delete = Button::new("delete-digit", Face::Quiet, text::DELETE_DIGIT)
            .icon(Icon::BACKSPACE, 20.0, IconWeight::Regular)
            .refused(model.text.is_empty().then_some(text::NOTHING_TO_DIAL));
        let row = paint::cut_top(rest, size::CONTROL_S, 12.0);
        if delete.add(ui, row).clicked {
            action = Some(Action::DeleteDial);
        }
    }

    if model.practice {
        let row = paint::cut_top(rest, size::CONTROL_M, 12.0);
        let half = ((row.width() - 8.0) / 2.0).floor();
        let left = Rect::from_min_size(row.min, vec2(half, row.height()));
        let right = Rect::from_min_max(pos2(row.right() - half, row.top()), row.max);
        let echo = Button::new("echo", Face::Quiet, text::ECHO_TEST)
            .icon(Icon::WAVEFORM, 20.0, IconWeight::Regular)
            .refused(model.not_ready)
            .hint("Calls a service that sends back what you say");
        if echo.add(ui, left).clicked {
            action = Some(Action::Send(Command::Dial { to: "echo".into() }));
        }
        let call_me = Button::new("call-me", Face::Quiet, text::CALL_ME)
            .icon(Icon::PHONE_INCOMING, 20.0, IconWeight::Regular)
            .refused(model.not_ready)
            .hint("The practice exchange calls you, and somebody speaks");
        if call_me.add(ui, right).clicked {
            action = Some(Action::Send(Command::CallMe));
        }
    }
    (action, changed)
}

/// The recent calls, which scroll when there are more than fit.
pub fn recent_ui(ui: &mut Ui, mut rest: Rect, rows: &[Row], practice: bool) -> Option<Action> {
    if rest.height() < 24.0 + size::ROW_LIST {
        return None;
    }
    let colors = palette(ui);
    let head = paint::cut_top(&mut rest, 24.0, 4.0);
    paint::label(ui, head, Align::Min, text::RECENT, Type::SmallStrong, colors.muted);
    if rows.is_empty() {
        let words = if practice { text::NO_RECENT_PRACTICE } else { text::NO_RECENT };
        paint::text(ui, pos2(rest.left(), rest.top()), rest.width(), words, Type::Body, colors.muted);
        return None;
    }

    let full = rows.len() as f32 * size::ROW_LIST + 2.0;
    // Whole rows only: a row cut in half looks like a mistake, so the card ends between two.
    let fitting = ((rest.height() - 12.0 - 2.0) / size::ROW_LIST).floor().max(1.0) * size::ROW_LIST + 2.0;
    let card = Rect::from_min_size(rest.min, vec2(rest.width(), full.min(fitting)));
    paint::card(ui, card);
    let inner = card.shrink(size::STROKE);
    let mut action = None;
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).id_salt("recent"));
    child.spacing_mut().item_spacing = vec2(0.0, 0.0);
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        for (index, row) in rows.iter().enumerate() {
            let (_, rect) = ui.allocate_space(vec2(inner.width(), size::ROW_LIST));
            action = row_ui(ui, rect, index, row, inner.bottom()).or(action.take());
        }
    });
    action
}

fn row_ui(ui: &mut Ui, rect: Rect, index: usize, row: &Row, bottom: f32) -> Option<Action> {
    let colors = palette(ui);
    let missed = if row.missed { text::MISSED } else { "" };
    let separator = if row.missed && !row.detail.is_empty() { " · " } else { "" };
    let name = format!("{}, {missed}{separator}{}, {}", row.name, row.detail, row.when);
    let refused = row.dial.is_none().then_some(text::HIDDEN_NUMBER);
    let touch = Control::new(("recent", index), &name)
        .refused(refused)
        .hint("Puts the number into the dial field")
        .add(ui, rect.shrink(2.0));
    if touch.hovered {
        paint::block(ui, rect.shrink(2.0), size::RADIUS_M, colors.quiet, None);
    }
    // Not along the edge of the card, where it would square off the round corners.
    if index > 0 && rect.top() < bottom - 1.0 {
        paint::hairline(ui, rect.left(), rect.right(), rect.top());
    }
    let (icon, ink) = match row.kind {
        Kind::In => (Icon::PHONE_INCOMING, colors.muted),
        Kind::Out => (Icon::PHONE_OUTGOING, colors.muted),
        Kind::Missed => (Icon::PHONE_X, colors.danger.text),
        Kind::Elsewhere => (Icon::ARROW_BEND_UP_RIGHT, colors.muted),
    };
    let mut rest = rect.shrink2(vec2(12.0, 8.0));
    let icon_rect = paint::cut_left(&mut rest, 20.0, 12.0);
    icon.paint(ui.painter(), icon_rect.center(), 20.0, IconWeight::Regular, ink);
    let when = paint::glyphs(ui, rest, Align::Max, &row.when, Type::Small, colors.muted);
    rest.max.x -= when + 12.0;
    let top = Rect::from_min_size(rest.min, vec2(rest.width(), 20.0));
    paint::glyphs(ui, top, Align::Min, &row.name, Type::Label, colors.text);
    let mut below = Rect::from_min_size(pos2(rest.left(), rest.top() + 20.0), vec2(rest.width(), 16.0));
    if row.missed {
        below.min.x += paint::glyphs(ui, below, Align::Min, text::MISSED, Type::Small, colors.danger.text);
    }
    let detail = format!("{separator}{}", row.detail);
    paint::glyphs(ui, below, Align::Min, &detail, Type::Small, colors.muted);
    if touch.clicked { row.dial.clone().map(Action::FillDial) } else { None }
}
