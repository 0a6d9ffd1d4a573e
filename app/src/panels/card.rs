//! The call in front: who, how good, and every control in its place. Controls never move.

use eframe::egui::{Align, Color32, Id, Rect, Role, Ui, pos2, vec2};
use phone_core::Command;
use phone_core::event::Quality;
use phone_core::ids::CallId;

use super::incoming::tag;
use super::strip::tone;
use super::{Action, Metrics, Page, Popup, transfer};
use crate::model::calls::{Card, Held, HoldTile, Note, NoteKind};
use crate::model::quality::Verdict;
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::button::{self, Button, Face};
use crate::widgets::control::{self, Control, Touch};
use crate::widgets::{Icon, paint, quality};

/// A call on hold beside the main one. `swap_with`: the live call that goes on hold for it.
pub fn held_ui(ui: &mut Ui, rect: Rect, model: &Held, swap_with: Option<CallId>, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    paint::card(ui, rect);
    let mut rest = Rect::from_min_max(
        pos2(rect.left() + metrics.pad + 1.0, rect.top() + 10.0),
        pos2(rect.right() - 9.0, rect.bottom() - 10.0),
    );
    let icon = paint::cut_left(&mut rest, 20.0, 12.0);
    Icon::PAUSE.paint(ui.painter(), icon.center(), 20.0, IconWeight::Fill, colors.warn.text);
    let words = if swap_with.is_some() { text::SWAP } else { text::RESUME };
    let button = Button::new(("swap", model.id), Face::Quiet, words)
        .icon(if swap_with.is_some() { Icon::SWAP } else { Icon::PLAY }, 16.0, IconWeight::Bold)
        .padding(12.0);
    let width = button.width(ui);
    let button_rect =
        Rect::from_center_size(pos2(rest.right() - width / 2.0, rect.center().y), vec2(width, size::CONTROL_S));
    rest.max.x = button_rect.left() - 8.0;
    let top = Rect::from_min_size(rest.min, vec2(rest.width(), 20.0));
    paint::label(ui, top, Align::Min, &model.name, Type::Label, colors.text);
    let mut below = Rect::from_min_size(pos2(rest.left(), rest.top() + 20.0), vec2(rest.width(), 16.0));
    below.min.x += paint::label(ui, below, Align::Min, &model.since, Type::Small, colors.warn.text);
    if let Some(queue) = &model.queue {
        paint::label(ui, below, Align::Min, &format!(" · {queue}"), Type::Small, colors.muted);
    }
    let touch = button.add(ui, button_rect);
    touch.clicked.then_some(match swap_with {
        Some(hold) => Action::Swap { hold, resume: model.id },
        None => Action::Send(Command::Hold { call: model.id, held: false }),
    })
}

/// One line that stands for all calls on hold while there is little room.
pub fn folded_ui(ui: &mut Ui, rect: Rect, count: usize) {
    let colors = palette(ui);
    let mut rest = rect;
    let icon = paint::cut_left(&mut rest, 20.0, 8.0);
    Icon::PAUSE.paint(ui.painter(), icon.center(), 16.0, IconWeight::Fill, colors.warn.text);
    paint::label(ui, rest, Align::Min, &text::more_held(count), Type::Small, colors.warn.text);
}

/// Where "More" stands, for its pop-up.
pub struct Drawn {
    pub action: Option<Action>,
    pub tools: Rect,
}

/// What is open in the middle of the card.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    pub keys: bool,
    /// Digits typed so far, sent or not.
    pub asked: &'a str,
    /// What stands in the field of the transfer sheet, while that is open.
    pub transfer: Option<&'a str>,
}

/// The card itself. `seconds`: the last minute, oldest first.
pub fn ui<'a>(
    ui: &mut Ui,
    rect: Rect,
    model: &Card,
    seconds: &(impl ExactSizeIterator<Item = &'a Quality> + Clone),
    open: Open<'_>,
    metrics: &Metrics,
) -> Drawn {
    let Open { keys, asked, transfer } = open;
    let colors = palette(ui);
    let (edge_width, edge) = match (model.muted, model.held) {
        (_, true) => (size::STROKE_STATE, colors.warn.solid),
        (true, false) => (size::STROKE_STATE, colors.danger.solid),
        (false, false) => (size::STROKE, colors.border_soft),
    };
    paint::block(ui, rect, size::RADIUS_L, colors.card, Some((edge_width, edge)));
    let gap = if metrics.small { 8.0 } else { 12.0 };
    let mut rest = rect.shrink2(if metrics.tiny { vec2(metrics.pad, 9.0) } else { vec2(metrics.pad + 1.0, 13.0) });

    let keys = keys && model.keypad_refused.is_none();
    let head_rect = paint::cut_top(&mut rest, if metrics.tiny { 24.0 } else { 48.0 }, gap);
    let end_rect = paint::cut_bottom(&mut rest, size::CONTROL_L, gap);
    let tiles_height = metrics.tile();
    let with_tools = !metrics.tiny && rest.height() >= tiles_height + 8.0 + size::TOOL;
    // Keys smaller than a finger are no keys: in a small window they take the place of the tools.
    let wanted = if transfer.is_some() { transfer::HEIGHT } else { KEYPAD };
    let room = rest.height() - tiles_height - size::TOOL - 8.0 - gap;
    let crowded = keys && room < KEYPAD;
    let tools_give_way = crowded || transfer.is_some() && room < wanted;
    if crowded {
        rest.min.y -= gap - 4.0;
    }
    let tools_rect = (with_tools && !tools_give_way).then(|| paint::cut_bottom(&mut rest, size::TOOL, 8.0));
    let tiles_rect = paint::cut_bottom(&mut rest, tiles_height, gap);
    let mut middle = rest;

    // The order of the keyboard: Mute, Hold, tools, End, then what comes and goes.
    let mut action = tiles(ui, tiles_rect, model, metrics);
    let mut tools_anchor = Rect::NOTHING;
    if let Some(row) = tools_rect {
        let (asked_for, anchor) = tools(ui, row, model, keys, transfer.is_some());
        action = action.or(asked_for);
        tools_anchor = anchor;
    }
    let end = Button::new("end", Face::End, if model.ending { text::ENDING } else { text::END })
        .icon(Icon::PHONE_DISCONNECT, 20.0, IconWeight::Fill)
        .title()
        .hint("Ctrl+Shift+E");
    if end.add(ui, end_rect).clicked && !model.ending {
        action = Some(Action::Send(Command::HangUp(model.id)));
    }

    if keys && crowded {
        action = crowded_head(ui, head_rect, model, asked).or(action);
        action = button::keypad(ui, middle, None).map(|digit| Action::SendDigit(model.id, digit)).or(action);
        return Drawn { action, tools: tools_anchor };
    }
    head(ui, head_rect, model, metrics);
    if let Some(note) = &model.note {
        let height = note_height(ui, middle.width(), note);
        if middle.height() >= height {
            note_ui(ui, paint::cut_top(&mut middle, height, 8.0), note);
        }
    }
    if let Some(typed) = transfer {
        if tools_give_way && !crowded {
            // Without the tools there is no other way back.
            let close = Rect::from_min_size(pos2(head_rect.right() - 32.0, head_rect.top()), vec2(32.0, 32.0));
            if Button::icon_only("close-transfer", Face::Quiet, text::CANCEL, Icon::X).add(ui, close).clicked {
                action = Some(Action::ToggleTransfer(model.id));
            }
        }
        action = transfer::ui(ui, middle, model, typed).or(action);
    } else if keys {
        action = keypad_ui(ui, middle, model, asked).or(action);
    } else if let Some((title, detail)) = model.calling {
        calling_ui(ui, middle, title, detail);
    } else if let Some(verdict) = &model.verdict
        && middle.height() >= 40.0
    {
        quality_ui(ui, middle, verdict, seconds);
    }
    Drawn { action, tools: tools_anchor }
}

/// Four rows of the smallest key.
const KEYPAD: f32 = 4.0 * 32.0 + 3.0 * 4.0;

fn head(ui: &Ui, rect: Rect, model: &Card, metrics: &Metrics) {
    let colors = palette(ui);
    if metrics.tiny {
        paint::label(ui, rect, Align::Min, &model.name, Type::Title, colors.text);
        return;
    }
    let tag_width = model.queue.as_deref().map_or(0.0, |queue| tag(ui, rect.right_top(), queue) + 8.0);
    let name = Rect::from_min_size(rect.min, vec2(rect.width() - tag_width, 28.0));
    paint::label(ui, name, Align::Min, &model.name, Type::Headline, colors.text);
    let line = Rect::from_min_size(pos2(rect.left(), rect.top() + 28.0), vec2(rect.width(), 20.0));
    paint::label(ui, line, Align::Min, &model.detail, Type::Body, colors.muted);
}

/// Name, digits and a way back, while the keys take all the room.
fn crowded_head(ui: &Ui, rect: Rect, model: &Card, asked: &str) -> Option<Action> {
    let colors = palette(ui);
    let mut rest = rect;
    let close = paint::cut_right(&mut rest, 32.0, 8.0);
    let close = Rect::from_center_size(close.center(), vec2(32.0, 32.0));
    let clicked = Button::icon_only("close-keys", Face::Quiet, "Close the keypad", Icon::X).add(ui, close).clicked;
    let name = paint::cut_top(&mut rest, 24.0, 0.0);
    paint::label(ui, name, Align::Min, &model.name, Type::Title, colors.text);
    digits_ui(ui, Rect::from_min_size(rest.min, vec2(rest.width(), 20.0)), &model.digits, asked);
    clicked.then_some(Action::ToggleCallKeys(model.id))
}

/// Mute and Hold, side by side.
fn tiles(ui: &Ui, rect: Rect, model: &Card, metrics: &Metrics) -> Option<Action> {
    let shares = if metrics.tiny { (1.0, 2.0) } else { (1.6, 2.6) };
    let unit = (rect.width() - 8.0) / shares.1;
    let mute = Rect::from_min_size(rect.min, vec2((shares.0 * unit).round(), rect.height()));
    let hold = Rect::from_min_max(pos2(mute.right() + 8.0, rect.top()), rect.max);
    let mut action = None;
    if mute_tile(ui, mute, model, metrics) {
        action = Some(Action::Send(Command::Mute { muted: !model.muted }));
    }
    let (word, icon, weight) = match model.hold {
        HoldTile::Hold => (text::HOLD, Icon::PAUSE, IconWeight::Regular),
        HoldTile::Holding => (text::HOLDING, Icon::PAUSE, IconWeight::Regular),
        HoldTile::Resume => (text::RESUME, Icon::PLAY, IconWeight::Fill),
        HoldTile::Resuming => (text::RESUMING, Icon::PLAY, IconWeight::Fill),
    };
    let face = if model.held { Face::Resume } else { Face::Quiet };
    let fits = paint::width(ui, word, Type::Title) + 28.0 + 16.0 <= hold.width();
    let mut button = Button::new("hold", face, word);
    if fits || !metrics.tiny {
        button = button.icon(icon, 20.0, weight);
    }
    let touch = button
        .kind(if fits { Type::Title } else { Type::Label })
        .refused(model.hold_refused)
        .selected(model.held)
        .hint("Ctrl+Shift+H")
        .add(ui, hold);
    let waiting = matches!(model.hold, HoldTile::Holding | HoldTile::Resuming);
    if touch.clicked && !waiting {
        action = Some(Action::Send(Command::Hold { call: model.id, held: !model.held }));
    }
    action
}

fn mute_tile(ui: &Ui, rect: Rect, model: &Card, metrics: &Metrics) -> bool {
    let colors = palette(ui);
    if !model.muted {
        let mut button = Button::new("mute", Face::Quiet, text::MUTE);
        if !metrics.tiny {
            button = button.icon(Icon::MICROPHONE, 20.0, IconWeight::Regular);
        }
        return button.title().role(Role::Switch).selected(false).hint("Ctrl+Shift+M").add(ui, rect).clicked;
    }
    let touch = Control::new("mute", text::MUTE)
        .role(Role::Switch)
        .selected(true)
        .hint("Muted in Offhook. Press to speak. Ctrl+Shift+M")
        .add(ui, rect);
    let fill = colors.danger.tint.lerp_to_gamma(colors.card, 0.5 * touch.warmth(ui));
    paint::block(ui, rect, size::RADIUS_M, fill, Some((size::STROKE_STATE, colors.danger.solid)));
    let ink = colors.danger.text;
    if metrics.tiny {
        paint::glyphs(ui, rect, Align::Center, text::MUTED, Type::Label, ink);
        return touch.clicked;
    }
    let room = rect.width() - 20.0 - 12.0 - 20.0;
    let long = paint::width(ui, text::UNMUTE_HINT, Type::Small) <= room;
    let hint = if long { text::UNMUTE_HINT } else { text::UNMUTE_SHORT };
    let second = paint::one_line(ui, hint, Type::Small, ink, room);
    let first = paint::width(ui, text::MUTED, Type::Title);
    let column = second.size().x.max(first);
    let left = (rect.center().x - (20.0 + 12.0 + column) / 2.0).max(rect.left() + 10.0).round();
    Icon::MICROPHONE_SLASH.paint(ui.painter(), pos2(left + 10.0, rect.center().y), 20.0, IconWeight::Fill, ink);
    let x = left + 32.0;
    let title = Rect::from_min_size(pos2(x, rect.center().y - 20.0), vec2(room, 24.0));
    paint::glyphs(ui, title, Align::Min, text::MUTED, Type::Title, ink);
    ui.painter().galley(pos2(x, rect.center().y + 3.0), second, Color32::PLACEHOLDER);
    touch.clicked
}

fn tools(ui: &Ui, rect: Rect, model: &Card, keys: bool, transfer: bool) -> (Option<Action>, Rect) {
    let width = ((rect.width() - 24.0) / 4.0).round();
    let at = |index: u8| {
        let left = rect.left() + f32::from(index) * (width + 8.0);
        Rect::from_min_max(pos2(left, rect.top()), pos2((left + width).min(rect.right()), rect.bottom()))
    };
    let mut action = None;
    let keypad = Control::new("keypad", text::KEYPAD).refused(model.keypad_refused).selected(keys).hint("Ctrl+Shift+K");
    if button::tool(ui, at(0), keypad, Icon::NUMPAD, text::KEYPAD, keys && model.keypad_refused.is_none()).clicked {
        action = Some(Action::ToggleCallKeys(model.id));
    }
    let hand_on = Control::new("transfer", text::TRANSFER).refused(model.transfer_refused).selected(transfer);
    if button::tool(ui, at(1), hand_on, Icon::SWAP, text::TRANSFER, transfer).clicked {
        action = Some(Action::ToggleTransfer(model.id));
    }
    let sound = Control::new("sound-tool", text::ALL_SOUND).hint(text::ALL_SOUND);
    if button::tool(ui, at(2), sound, Icon::HEADPHONES, text::SOUND_TOOL, false).clicked {
        action = Some(Action::Go(Page::Sound));
    }
    let more = Control::new("tools", "More for this call").hint("More for this call");
    let touch: Touch = button::tool(ui, at(3), more, Icon::DOTS_THREE, text::MORE, false);
    if touch.clicked {
        action = Some(Action::Toggle(Popup::Tools));
    }
    (action, at(3))
}

fn note_height(ui: &Ui, width: f32, note: &Note) -> f32 {
    let room = width - 24.0 - 28.0;
    20.0 + paint::text_height(ui, room, &note.title, Type::Label)
        + paint::text_height(ui, room, note.action, Type::Body)
}

fn note_ui(ui: &Ui, rect: Rect, note: &Note) {
    let colors = palette(ui);
    let tone = tone(ui, note.state);
    paint::block(ui, rect, size::RADIUS_M, tone.tint, None);
    let icon = match note.kind {
        NoteKind::Talking => Icon::WARNING,
        NoteKind::Hold => Icon::PAUSE_CIRCLE,
        NoteKind::Repairing => Icon::ARROWS_CLOCKWISE,
    };
    let left = rect.left() + 12.0;
    let weight = if note.kind == NoteKind::Repairing { IconWeight::Bold } else { IconWeight::Fill };
    icon.paint(ui.painter(), pos2(left + 10.0, rect.top() + 20.0), 20.0, weight, tone.text);
    let x = left + 28.0;
    let room = rect.right() - 12.0 - x;
    let used = paint::text(ui, pos2(x, rect.top() + 10.0), room, &note.title, Type::Label, tone.text);
    paint::text(ui, pos2(x, rect.top() + 10.0 + used), room, note.action, Type::Body, colors.text);
}

fn calling_ui(ui: &Ui, rect: Rect, title: &str, detail: &str) {
    let colors = palette(ui);
    if rect.height() < 40.0 {
        return;
    }
    paint::block(ui, rect, size::RADIUS_M, colors.quiet, None);
    let room = rect.width() - 24.0;
    let height = 20.0 + paint::text_height(ui, room, detail, Type::Body);
    let top = (rect.center().y - height / 2.0).max(rect.top() + 10.0);
    let line = Rect::from_min_size(pos2(rect.left() + 12.0, top), vec2(room, 20.0));
    paint::label(ui, line, Align::Center, title, Type::Label, colors.info.text);
    let line = line.translate(vec2(0.0, 20.0));
    if line.bottom() <= rect.bottom() {
        paint::label(ui, line, Align::Center, detail, Type::Body, colors.text);
    }
}

fn quality_ui<'a>(
    ui: &Ui,
    rect: Rect,
    verdict: &Verdict,
    seconds: &(impl ExactSizeIterator<Item = &'a Quality> + Clone),
) {
    let colors = palette(ui);
    let fill = verdict.state.map_or(colors.quiet, |state| tone(ui, state).tint);
    let ink = match verdict.state {
        Some(state) => tone(ui, state).text,
        None if verdict.bars == 0 => colors.muted,
        None => colors.success.text,
    };
    paint::block(ui, rect, size::RADIUS_M, fill, None);
    let mut rest = rect.shrink2(vec2(12.0, 10.0));
    let mut line = paint::cut_top(&mut rest, 20.0, 8.0);
    let bar_ink = if verdict.state.is_none() && verdict.bars > 0 { colors.meter } else { ink };
    quality::bars(ui, pos2(line.left(), line.center().y), verdict.bars, bar_ink);
    line.min.x += quality::BARS + 9.0;
    let word_ink = if verdict.state.is_some() { ink } else { colors.text };
    line.min.x += paint::label(ui, line, Align::Min, verdict.word, Type::Label, word_ink) + 8.0;
    if verdict.state.is_some() {
        // A verdict that asks for something is never cut: it gets its own lines.
        let used = paint::text(ui, rest.min, rest.width(), &verdict.sentence, Type::Body, colors.text);
        rest.min.y += used + 6.0;
    } else {
        paint::label(ui, line, Align::Min, &verdict.sentence, Type::Body, colors.muted);
    }
    if rest.height() < 16.0 + 4.0 + 16.0 {
        return;
    }
    let axis = paint::cut_bottom(&mut rest, 16.0, 4.0);
    paint::glyphs(ui, axis, Align::Min, text::AGO_60, Type::Small, colors.muted);
    paint::glyphs(ui, axis, Align::Max, text::NOW, Type::Small, colors.muted);
    quality::sparkline(ui, rest, seconds, ink);
}

fn keypad_ui(ui: &Ui, rect: Rect, model: &Card, asked: &str) -> Option<Action> {
    let mut rest = rect;
    if rect.height() > 4.0 * 32.0 + 12.0 + 24.0 {
        let line = paint::cut_top(&mut rest, 20.0, 8.0);
        digits_ui(ui, line, &model.digits, asked);
    }
    button::keypad(ui, rest, model.keypad_refused).map(|digit| Action::SendDigit(model.id, digit))
}

/// Width of one digit with its tick.
const DIGIT_STEP: f32 = 32.0;

/// The digits of this call: a tick behind each one that went out.
fn digits_ui(ui: &Ui, rect: Rect, sent: &str, asked: &str) {
    let colors = palette(ui);
    if asked.is_empty() && sent.is_empty() {
        paint::label(ui, rect, Align::Min, text::DIGITS_HINT, Type::Small, colors.muted);
        return;
    }
    let total = asked.chars().count().max(sent.chars().count());
    let all: Vec<(char, bool)> = sent
        .chars()
        .map(|digit| (digit, true))
        .chain(asked.chars().skip(sent.chars().count()).map(|digit| (digit, false)))
        .collect();
    let note = paint::width(ui, text::SENT_BY_RTP, Type::Small);
    let room = ((rect.width() - note - 12.0) / DIGIT_STEP).floor().max(1.0) as usize;
    let mut x = rect.left();
    for (digit, done) in all.iter().skip(total.saturating_sub(room)) {
        let cell = Rect::from_min_size(pos2(x, rect.top()), vec2(DIGIT_STEP, rect.height()));
        let ink = if *done { colors.text } else { colors.muted };
        let used = paint::glyphs(ui, cell, Align::Min, &digit.to_string(), Type::Label, ink);
        if *done {
            let tick = pos2(x + used + 9.0, rect.center().y);
            Icon::CHECK.paint(ui.painter(), tick, 12.0, IconWeight::Bold, colors.success.text);
        }
        x += DIGIT_STEP;
    }
    paint::label_node(ui, Rect::from_min_max(rect.min, pos2(x, rect.bottom())), &format!("Digits sent: {sent}"));
    if sent.chars().count() == total {
        paint::label(ui, rect, Align::Max, text::SENT_BY_RTP, Type::Small, colors.muted);
    }
}

/// The id that the focus goes to when a call is answered.
pub fn mute_id() -> Id {
    Id::unique("mute")
}

/// Controls from here on belong to the content.
pub fn enter(ui: &Ui) {
    control::enter(ui.ctx(), control::Region::Content);
}
