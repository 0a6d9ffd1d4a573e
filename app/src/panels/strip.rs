//! The status strip on top.

use eframe::egui::{Align, Color32, Id, Rect, Role, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};
use phone_core::Command;

use super::{Action, Page, Popup};
use crate::model::State;
use crate::model::strip::{Chip, Fill, Shape, Strip};
use crate::text;
use crate::theme::{IconWeight, Tone, Type, palette, size};
use crate::widgets::control::{self, Control, Region};
use crate::widgets::{Button, Face, Icon, paint, quality};

/// The colours of a state.
pub fn tone(ui: &Ui, state: State) -> Tone {
    let colors = palette(ui);
    match state {
        State::Success => colors.success,
        State::Warn => colors.warn,
        State::Danger => colors.danger,
        State::Info => colors.info,
    }
}

/// Where things stand that pop-ups open from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchors {
    pub why: Rect,
    pub menu: Rect,
}

/// `turn`: share of a full turn that the arrows have made; `pulse`: 0–1, how strong the bell is.
pub fn ui(ui: &mut Ui, rect: Rect, model: &Strip, turn: f32, pulse: f32, page: Page) -> (Option<Action>, Anchors) {
    control::enter(ui.ctx(), Region::Strip);
    let colors = palette(ui);
    let (fill, ink, detail_ink, solid) = match model.fill {
        Fill::Paper => (colors.card, colors.text, colors.muted, false),
        Fill::Tint(state) => (tone(ui, state).tint, tone(ui, state).text, colors.muted, false),
        Fill::Solid(state) => (tone(ui, state).solid, tone(ui, state).on, tone(ui, state).on, true),
    };
    ui.painter().rect_filled(rect, 0.0, fill);
    if !solid {
        paint::hairline(ui, rect.left(), rect.right(), rect.bottom() - size::STROKE);
    }
    announce(ui, rect, model);

    let mut action = None;
    let middle = rect.center().y;
    let more = Rect::from_center_size(pos2(rect.right() - 8.0 - 16.0, middle), vec2(32.0, 32.0));
    let mut right = more.left() - 8.0;

    // Word and timer are never cut: chip and detail take what is left. Where even they do not fit (large text in a
    // small window) they shrink, and a timer that still does not fit stands on the card alone.
    let mut x = rect.left() + 16.0;
    let mut kinds = (Type::Title, Type::Headline);
    let mut timer = model.timer.as_deref();
    let gap = if rect.width() < size::TINY_WIDTH { 6.0 } else { 12.0 };
    let end_of = |x: f32, kinds: (Type, Type), timer: Option<&str>| {
        let timer_width = timer.map_or(0.0, |timer| gap + paint::width(ui, timer, kinds.1));
        x + 32.0 + paint::width(ui, &model.word, kinds.0) + timer_width
    };
    if end_of(x, kinds, timer) > right {
        x = rect.left() + 8.0;
        kinds = (Type::Label, Type::Label);
        if end_of(x, kinds, timer) > right {
            kinds = (Type::SmallStrong, Type::SmallStrong);
        }
        timer = timer.filter(|timer| end_of(x, kinds, Some(timer)) <= right);
    }
    let words_end = end_of(x, kinds, timer);

    let chip = model.chip.as_ref().filter(|chip| right - chip_width(ui, chip) >= words_end + 8.0);
    let chip_rect = chip.map(|chip| {
        let width = chip_width(ui, chip);
        let chip_rect = Rect::from_min_max(pos2(right - width, middle - 16.0), pos2(right, middle + 16.0));
        right -= width + 8.0;
        chip_rect
    });
    // On the Calls page the remedy stands right below.
    let fix_rect = (model.fix && page != Page::Calls).then(|| {
        let width = paint::width(ui, text::FIX, Type::Label) + 24.0;
        let fix_rect = Rect::from_min_max(pos2(right - width, middle - 16.0), pos2(right, middle + 16.0));
        right -= width + 8.0;
        fix_rect
    });

    let why_rect = Rect::from_min_max(pos2(rect.left() + 8.0, rect.top() + 4.0), pos2(right, rect.bottom() - 4.0));
    let why_name = format!("{}. {}", model.spoken, text::WHY);
    let why = Control::new("why", &why_name).hint(text::WHY).on_solid(solid).add(ui, why_rect);
    if why.hovered && !solid {
        paint::block(ui, why_rect, size::RADIUS_M, colors.quiet.gamma_multiply(0.6), None);
    }
    if why.clicked {
        action = Some(Action::Toggle(Popup::Why));
    }

    let bell = if model.shape == Shape::Bell { pulse } else { 1.0 };
    shape(ui, pos2(x + 12.0, middle), model, ink.gamma_multiply(bell), turn);
    x += 32.0;
    let line = |x: f32| Rect::from_min_max(pos2(x, rect.top()), pos2(right.max(words_end), rect.bottom()));
    x += paint::glyphs(ui, line(x), Align::Min, &model.word, kinds.0, ink);
    if let Some(timer) = timer {
        x += gap;
        x += paint::glyphs(ui, line(x), Align::Min, timer, kinds.1, ink);
    }
    if let Some(detail) = &model.detail {
        x += 12.0;
        let icon = if model.warm { 20.0 } else { 0.0 };
        let room = right - x - icon;
        if room >= paint::width(ui, detail, Type::Body).min(64.0) {
            if model.warm {
                Icon::LINK.paint(ui.painter(), pos2(x + 8.0, middle), 16.0, IconWeight::Bold, colors.success.text);
            }
            let space = Rect::from_min_max(pos2(x + icon, rect.top()), pos2(right, rect.bottom()));
            paint::glyphs(ui, space, Align::Min, detail, Type::Body, detail_ink);
        }
    }

    if let Some(fix_rect) = fix_rect
        && Button::new("fix", Face::Primary, text::FIX).padding(12.0).add(ui, fix_rect).clicked
    {
        action = Some(Action::Go(Page::Calls));
    }
    if let (Some(chip), Some(chip_rect)) = (chip, chip_rect) {
        action = self::chip(ui, chip_rect, chip, solid).or(action);
    }
    if menu(ui, more, ink_of_menu(ink, colors.text, solid), solid) {
        action = Some(Action::Toggle(Popup::Menu));
    }
    (action, Anchors { why: why_rect, menu: more })
}

const fn ink_of_menu(ink: Color32, text: Color32, solid: bool) -> Color32 {
    if solid { ink } else { text }
}

fn menu(ui: &Ui, rect: Rect, ink: Color32, solid: bool) -> bool {
    let touch = Control::new("menu", text::MORE).hint(text::MORE).on_solid(solid).add(ui, rect);
    if touch.hovered {
        paint::block(ui, rect, size::RADIUS_M, ink.gamma_multiply(0.12), None);
    }
    Icon::DOTS_THREE_VERTICAL.paint(ui.painter(), rect.center(), 20.0, IconWeight::Bold, ink);
    touch.clicked
}

/// A live region: a screen reader speaks when its text changes.
fn announce(ui: &Ui, rect: Rect, model: &Strip) {
    let id = Id::unique("status");
    let node = Rect::from_min_size(rect.min, vec2(1.0, rect.height()));
    let response = ui.interact(node, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &model.spoken));
    let live = if model.urgent { accesskit::Live::Assertive } else { accesskit::Live::Polite };
    ui.ctx().accesskit_node_builder(id, |node| node.set_live(live));
}

fn shape(ui: &Ui, center: eframe::egui::Pos2, model: &Strip, ink: Color32, turn: f32) {
    let colors = palette(ui);
    let painter = ui.painter();
    match model.shape {
        Shape::Tick => disc(ui, center),
        Shape::Ring => Icon::CIRCLE.paint(painter, center, 24.0, IconWeight::Bold, colors.muted),
        Shape::Arrows => {
            Icon::ARROWS_CLOCKWISE.paint_turned(painter, center, 24.0, IconWeight::Bold, ink, turn);
        }
        Shape::Triangle => Icon::WARNING.paint(painter, center, 24.0, IconWeight::Fill, ink),
        Shape::Bell => Icon::BELL_RINGING.paint(painter, center, 24.0, IconWeight::Fill, ink),
        Shape::PhoneOut => Icon::PHONE_OUTGOING.paint(painter, center, 24.0, IconWeight::Fill, ink),
        Shape::PhoneWaves => Icon::PHONE_CALL.paint(painter, center, 24.0, IconWeight::Fill, ink),
        Shape::Pause => Icon::PAUSE_CIRCLE.paint(painter, center, 24.0, IconWeight::Fill, ink),
    }
}

/// The green disc with the tick.
pub fn disc(ui: &Ui, center: eframe::egui::Pos2) {
    let colors = palette(ui);
    ui.painter().circle_filled(center, 12.0, colors.success.solid);
    Icon::CHECK.paint(ui.painter(), center, 16.0, IconWeight::Bold, colors.success.on);
}

fn chip_width(ui: &Ui, chip: &Chip) -> f32 {
    match chip {
        Chip::Muted => 20.0 + 16.0 + 6.0 + paint::width(ui, text::MUTED, Type::Label),
        Chip::Quality(verdict) => 20.0 + quality::BARS + 8.0 + paint::width(ui, verdict.word, Type::Label),
    }
}

fn chip(ui: &Ui, rect: Rect, chip: &Chip, solid: bool) -> Option<Action> {
    let colors = palette(ui);
    let left = rect.left() + 10.0;
    let middle = rect.center().y;
    match chip {
        Chip::Muted => {
            let touch = Control::new("muted-chip", "Muted. Press to be heard").on_solid(solid).add(ui, rect);
            let edge = Some((size::STROKE_STATE, colors.danger.solid));
            paint::block(ui, rect, size::RADIUS_M, colors.danger.tint, edge);
            let ink = colors.danger.text;
            Icon::MICROPHONE_SLASH.paint(ui.painter(), pos2(left + 8.0, middle), 16.0, IconWeight::Fill, ink);
            let line = Rect::from_min_max(pos2(left + 22.0, rect.top()), rect.max);
            paint::glyphs(ui, line, Align::Min, text::MUTED, Type::Label, ink);
            touch.clicked.then_some(Action::Send(Command::Mute { muted: false }))
        }
        Chip::Quality(verdict) => {
            let tone = tone(ui, verdict.state.unwrap_or(State::Warn));
            paint::block(ui, rect, size::RADIUS_M, tone.tint, None);
            quality::bars(ui, pos2(left, middle), verdict.bars, tone.text);
            let line = Rect::from_min_max(pos2(left + quality::BARS + 8.0, rect.top()), rect.max);
            paint::label(ui, line, Align::Min, verdict.word, Type::Label, tone.text);
            None
        }
    }
}
