//! A call that rings: the large card, and the row above a call that goes on.

use eframe::egui::{Align, Color32, Rect, Ui, pos2, vec2};
use phone_core::Command;
use phone_core::ids::CallId;

use super::{Action, Metrics};
use crate::model::calls::Incoming;
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::button::{self, Button, Face};
use crate::widgets::{Icon, paint};

/// Space between Answer and Decline; less only where there is no room, and never under 16.
fn apart(width: f32) -> f32 {
    if width < 320.0 { 16.0 } else { 24.0 }
}

/// Height of the large card in a tiny window: name, countdown, Answer above Decline.
const TINY: f32 = 8.0 + 24.0 + 4.0 + size::COUNTDOWN + 8.0 + 44.0 + 16.0 + 44.0 + 8.0;

pub fn height(model: &Incoming, metrics: &Metrics) -> f32 {
    if metrics.tiny {
        return TINY;
    }
    let countdown = if model.countdown.is_some() { 24.0 + 12.0 } else { 0.0 };
    let keys = if metrics.small { 0.0 } else { 12.0 + 16.0 };
    2.0 * 17.0 + 48.0 + 12.0 + countdown + 4.0 + size::CONTROL_L + keys
}

/// The card. `alert`: 0–1, how strong its edge is now.
pub fn ui(ui: &mut Ui, rect: Rect, model: &Incoming, alert: f32, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    let edge = colors.card.lerp_to_gamma(colors.info.solid, alert);
    paint::block(ui, rect, size::RADIUS_L, colors.card, Some((size::STROKE_STATE, edge)));
    if metrics.tiny {
        return tiny_ui(ui, rect.shrink2(vec2(metrics.pad, 8.0)), model);
    }
    let mut rest = rect.shrink2(vec2(metrics.pad + 1.0, 17.0));

    let head = paint::cut_top(&mut rest, 48.0, 12.0);
    let tag_width = model.queue.as_deref().map_or(0.0, |queue| tag(ui, head.right_top(), queue) + 8.0);
    let name = Rect::from_min_size(head.min, vec2(head.width() - tag_width, 28.0));
    paint::label(ui, name, Align::Min, &model.name, Type::Headline, colors.text);
    if let Some(number) = &model.number {
        let line = Rect::from_min_size(pos2(head.left(), head.top() + 28.0), vec2(head.width(), 20.0));
        paint::label(ui, line, Align::Min, number, Type::Body, colors.muted);
    }

    if let Some(countdown) = model.countdown {
        let block = paint::cut_top(&mut rest, 24.0, 12.0);
        let line = Rect::from_min_size(block.min, vec2(block.width(), 16.0));
        paint::label(ui, line, Align::Min, &text::rings_for(countdown.left), Type::Small, colors.text);
        paint::label(ui, line, Align::Max, &text::rings_of(countdown.total), Type::Small, colors.muted);
        let bar = Rect::from_min_size(pos2(block.left(), block.top() + 20.0), vec2(block.width(), size::COUNTDOWN));
        paint::bar(ui, bar, countdown.share, colors.track, colors.info.solid);
    }

    rest.min.y += 4.0;
    let buttons = paint::cut_top(&mut rest, size::CONTROL_L, 12.0);
    let action = buttons_ui(ui, buttons, model, None, metrics);

    if !metrics.small {
        let y = rest.top() + 8.0;
        let mut x = rest.left();
        for key in ["Ctrl", "Shift", "A"] {
            x += button::key_cap(ui, pos2(x, y), key) + 4.0;
        }
        let word = Rect::from_min_size(pos2(x, y - 8.0), vec2(rest.right() - x, 16.0));
        paint::glyphs(ui, word, Align::Min, "answer", Type::Small, colors.muted);
        let caps: f32 = ["Ctrl", "Shift", "X"].iter().map(|key| paint::width(ui, key, Type::Small) + 16.0).sum();
        let mut x = rest.right() - caps - paint::width(ui, "decline", Type::Small);
        for key in ["Ctrl", "Shift", "X"] {
            x += button::key_cap(ui, pos2(x, y), key) + 4.0;
        }
        let word = Rect::from_min_size(pos2(x, y - 8.0), vec2(rest.right() - x, 16.0));
        paint::glyphs(ui, word, Align::Min, "decline", Type::Small, colors.muted);
    }
    action
}

fn tiny_ui(ui: &mut Ui, mut rest: Rect, model: &Incoming) -> Option<Action> {
    let colors = palette(ui);
    let name = paint::cut_top(&mut rest, 24.0, 4.0);
    paint::label(ui, name, Align::Min, &model.name, Type::Title, colors.text);
    let bar = paint::cut_top(&mut rest, size::COUNTDOWN, 8.0);
    if let Some(countdown) = model.countdown {
        paint::bar(ui, bar, countdown.share, colors.track, colors.info.solid);
    }
    let answer_rect = paint::cut_top(&mut rest, 44.0, 16.0);
    let decline_rect = paint::cut_top(&mut rest, 44.0, 0.0);
    press(ui, answer_rect, decline_rect, model, None, Type::Title)
}

/// Answer at the left, Decline at the right.
fn buttons_ui(ui: &mut Ui, mut row: Rect, model: &Incoming, hold: Option<CallId>, metrics: &Metrics) -> Option<Action> {
    let gap = apart(row.width());
    let padding = if metrics.small { 12.0 } else { 20.0 };
    let words = if model.declining { text::DECLINING } else { text::DECLINE };
    let wanted = paint::width(ui, words, Type::Label) + 28.0 + 2.0 * padding;
    let decline_rect = paint::cut_right(&mut row, wanted.ceil(), gap);
    press(ui, row, decline_rect, model, hold, if hold.is_some() { Type::Label } else { Type::Title })
}

/// The two buttons, never the same shape.
fn press(
    ui: &mut Ui,
    answer_rect: Rect,
    decline_rect: Rect,
    model: &Incoming,
    hold: Option<CallId>,
    kind: Type,
) -> Option<Action> {
    let mut action = None;
    let decline = Button::new(
        ("decline", model.id),
        Face::Decline,
        if model.declining { text::DECLINING } else { text::DECLINE },
    )
    .icon(Icon::X, 20.0, IconWeight::Bold)
    .hint("Ctrl+Shift+X");
    let words = match (model.answering, hold) {
        (true, _) => text::ANSWERING,
        (false, Some(_)) => text::ANSWER_AND_HOLD,
        (false, None) => text::ANSWER,
    };
    let answer = Button::new(("answer", model.id), Face::Answer, words)
        .icon(Icon::CHECK, if kind == Type::Title { 24.0 } else { 20.0 }, IconWeight::Bold)
        .kind(kind)
        .hint("Ctrl+Shift+A");
    if answer.add(ui, answer_rect).clicked && !model.answering {
        action = Some(match hold {
            Some(hold) => Action::AnswerAndHold { hold, answer: model.id },
            None => Action::Send(Command::Answer(model.id)),
        });
    }
    if decline.add(ui, decline_rect).clicked && !model.declining {
        action = Some(Action::Send(Command::Decline(model.id)));
    }
    action
}

/// Height of [`row_ui`].
pub const ROW: f32 = 12.0 + 20.0 + 8.0 + 44.0 + 12.0;

/// A second call, above the one that goes on. `hold`: the call to put on hold for it.
pub fn row_ui(
    ui: &mut Ui,
    rect: Rect,
    model: &Incoming,
    hold: Option<CallId>,
    alert: f32,
    metrics: &Metrics,
) -> Option<Action> {
    let colors = palette(ui);
    let edge = colors.card.lerp_to_gamma(colors.info.solid, alert);
    paint::block(ui, rect, size::RADIUS_L, colors.card, Some((size::STROKE_STATE, edge)));
    let mut rest = rect.shrink2(vec2(metrics.pad + 1.0, 12.0));
    let mut line = paint::cut_top(&mut rest, 20.0, 8.0);
    let bell = paint::cut_left(&mut line, 20.0, 8.0);
    Icon::BELL_RINGING.paint(ui.painter(), bell.center(), 20.0, IconWeight::Fill, colors.info.text);
    if let Some(countdown) = model.countdown {
        let left = text::seconds(countdown.left);
        let used = paint::label(ui, line, Align::Max, &left, Type::Label, colors.info.text);
        line.max.x -= used + 8.0;
    }
    let words = text::is_calling(&model.name);
    let used = paint::label(ui, line, Align::Min, &words, Type::Label, colors.text);
    line.min.x += used;
    if let Some(queue) = &model.queue
        && line.width() > 40.0
    {
        paint::label(ui, line, Align::Min, &format!(" · {queue}"), Type::Body, colors.muted);
    }
    buttons_ui(ui, rest, model, hold, metrics)
}

/// The queue a call came through. Gives its width; `right_top` is its corner.
pub fn tag(ui: &Ui, right_top: eframe::egui::Pos2, queue: &str) -> f32 {
    let colors = palette(ui);
    let galley = paint::one_line(ui, queue, Type::Body, colors.text, 140.0);
    let width = 10.0 + 16.0 + 6.0 + galley.size().x + 10.0;
    let rect = Rect::from_min_size(right_top - vec2(width, 0.0), vec2(width, size::TAG));
    paint::block(ui, rect, size::TAG / 2.0, colors.quiet, None);
    let icon = pos2(rect.left() + 18.0, rect.center().y);
    Icon::USERS.paint(ui.painter(), icon, 16.0, IconWeight::Regular, colors.muted);
    paint::label_node(ui, rect, queue);
    ui.painter().galley(
        pos2(rect.left() + 32.0, rect.center().y - galley.size().y / 2.0),
        galley,
        Color32::PLACEHOLDER,
    );
    width
}
