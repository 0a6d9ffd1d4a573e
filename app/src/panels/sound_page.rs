//! Devices and volume: choose and check, also during a call.

use std::time::Duration;

use eframe::egui::{Align, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use phone_core::Command;
use phone_core::measurement::{Measurement, MeasurementId, Side};
use phone_core::sound::{DeviceClass, NoiseReduction, Processing, SoundRole};

use super::settings::{Column, segments, words};
use super::{Action, Metrics, Popup};
use crate::model::sound::{ProcessingCard, RoleCard};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::control::{self, Control, Region};
use crate::widgets::meter::{self, Needle, TARGET_DB};
use crate::widgets::{Button, Face, Icon, button, paint, slider};

/// What the page asks to be played and recorded; the checks have small numbers.
pub const TRIES: MeasurementId = MeasurementId(u64::MAX);
const HEAR_MYSELF: Duration = Duration::from_secs(5);

/// Where the three device fields stand, for their pop-ups.
pub type Anchors = [Rect; 3];

pub fn ui(
    ui: &mut Ui,
    rect: Rect,
    models: &[RoleCard; 3],
    processing: Option<ProcessingCard>,
    needle_of: impl Fn(SoundRole) -> Needle,
    metrics: &Metrics,
) -> (Option<Action>, Anchors) {
    control::enter(ui.ctx(), Region::Content);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("sound"));
    let mut action = None;
    let mut anchors = [Rect::NOTHING; 3];
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let start = ui.cursor().min;
        let left = rect.left() + metrics.edge;
        let width = rect.width() - 2.0 * metrics.edge;
        let mut y = start.y + 8.0;
        for (model, anchor) in models.iter().zip(&mut anchors) {
            let height = card_height(ui, width - 2.0 * metrics.pad - 2.0, model);
            let card = Rect::from_min_size(pos2(left, y), vec2(width, height));
            let (asked, at) = card_ui(ui, card, model, needle_of(model.role), metrics);
            action = asked.or(action.take());
            *anchor = at;
            y += height + 8.0;
        }
        let colors = palette(ui);
        // Row 57: the built-in pair is what makes echo.
        let [microphone, speaker, _] = models;
        let built_in = text::device_class(DeviceClass::BuiltIn);
        let echoes = microphone.badge == built_in && speaker.badge == built_in;
        let note = if echoes { text::HEADSET_AVOIDS_ECHO } else { text::SOUND_NOTE };
        y += paint::text(ui, pos2(left, y), width, note, Type::Small, colors.muted) + 12.0;
        if let Some(processing) = processing {
            let mut column = Column { left, width, y };
            action = processing_ui(ui, &mut column, &processing, metrics).or(action.take());
            y = column.y;
        }
        ui.allocate_rect(Rect::from_min_max(start, pos2(rect.right(), y)), Sense::hover());
    });
    (action, anchors)
}

/// Meter, bracket and the line of words under it.
const METER_BLOCK: f32 = 12.0 + size::METER_LARGE + 8.0 + 16.0;

fn card_height(ui: &Ui, width: f32, model: &RoleCard) -> f32 {
    let problem = model.problem.as_ref().map_or(0.0, |words| 8.0 + paint::text_height(ui, width, words, Type::Body));
    let meter = if model.role == SoundRole::Microphone { METER_BLOCK } else { 0.0 };
    13.0 + 20.0 + 8.0 + size::CONTROL_M + problem + meter + 8.0 + size::CONTROL_S + 13.0
}

fn card_ui(ui: &mut Ui, rect: Rect, model: &RoleCard, needle: Needle, metrics: &Metrics) -> (Option<Action>, Rect) {
    let colors = palette(ui);
    paint::card(ui, rect);
    let mut rest = rect.shrink2(vec2(metrics.pad + 1.0, 13.0));
    let head = paint::cut_top(&mut rest, 20.0, 8.0);
    paint::label(ui, head, Align::Min, text::role(model.role), Type::Label, colors.text);
    if model.role != SoundRole::Microphone {
        let words = if model.open { text::OPEN } else { text::CLOSED };
        paint::label(ui, head, Align::Max, words, Type::Small, colors.muted);
    }

    let field = paint::cut_top(&mut rest, size::CONTROL_M, 0.0);
    let mut action = field_ui(ui, field, model);

    if let Some(problem) = &model.problem {
        let used =
            paint::text(ui, pos2(rest.left(), rest.top() + 8.0), rest.width(), problem, Type::Body, colors.danger.text);
        rest.min.y += 8.0 + used;
    }
    if model.role == SoundRole::Microphone {
        let block = paint::cut_top(&mut rest, METER_BLOCK, 0.0);
        meter_ui(ui, block, model, needle);
    }
    rest.min.y += 8.0;
    let row = Rect::from_min_size(rest.min, vec2(rest.width(), size::CONTROL_S));
    action = volume_ui(ui, row, model).or(action);
    (action, field)
}

pub fn field_ui(ui: &Ui, rect: Rect, model: &RoleCard) -> Option<Action> {
    let colors = palette(ui);
    let name = format!("{}: {}", text::role(model.role), model.device);
    let touch = Control::new(("device-field", model.role), &name).add(ui, rect);
    let fill = colors.card.lerp_to_gamma(colors.quiet, touch.warmth(ui));
    paint::block(ui, rect, size::RADIUS_M, fill, Some((size::STROKE, colors.border_control)));
    let mut rest = rect.shrink2(vec2(12.0, 0.0));
    let icon = match model.role {
        SoundRole::Microphone => Icon::MICROPHONE,
        SoundRole::Speaker => Icon::HEADPHONES,
        SoundRole::Ringer => Icon::BELL,
    };
    let place = paint::cut_left(&mut rest, 20.0, 8.0);
    icon.paint(ui.painter(), place.center(), 20.0, IconWeight::Regular, colors.muted);
    let caret = paint::cut_right(&mut rest, 16.0, 8.0);
    Icon::CARET_DOWN.paint(ui.painter(), caret.center(), 16.0, IconWeight::Bold, colors.muted);
    if let Some(badge) = model.badge {
        rest.max.x -= button::badge(ui, rest.right_center(), badge, badge == "Headset") + 8.0;
    }
    paint::glyphs(ui, rest, Align::Min, &model.device, Type::Body, colors.text);
    touch.clicked.then_some(Action::Toggle(Popup::Devices(model.role)))
}

fn meter_ui(ui: &Ui, rect: Rect, model: &RoleCard, needle: Needle) {
    let colors = palette(ui);
    let meter_rect = Rect::from_min_size(pos2(rect.left(), rect.top() + 12.0), vec2(rect.width(), size::METER_LARGE));
    let line = Rect::from_min_size(pos2(rect.left(), meter_rect.bottom() + 8.0), vec2(rect.width(), 16.0));
    if !model.open {
        meter::empty(ui, meter_rect);
        paint::label(ui, line, Align::Min, text::CLOSED, Type::Small, colors.muted);
        return;
    }
    meter::live(ui, meter_rect, &needle);
    meter::target(ui, meter_rect);
    let level = needle.level_db();
    let (words, ink) = match level {
        db if db <= -55.0 => (text::LEVEL_SILENT, colors.muted),
        db if db < TARGET_DB.0 => (text::LEVEL_LOW, colors.muted),
        db if db > TARGET_DB.1 + 6.0 => (text::LEVEL_HIGH, colors.warn.text),
        _ => (text::LEVEL_RIGHT, colors.success.text),
    };
    paint::glyphs(ui, line, Align::Min, "−60", Type::Small, colors.muted);
    let told = format!("{words}  {}", text::dbfs(level));
    paint::glyphs(ui, line, Align::Center, &told, Type::SmallStrong, ink);
    let clip_width = paint::width(ui, text::CLIP, Type::Small);
    let light = pos2(line.right() - clip_width - 10.0, line.center().y);
    let stroke = eframe::egui::Stroke::new(size::STROKE, colors.border_control);
    if needle.clips() {
        ui.painter().circle_filled(light, 4.0, colors.danger.solid);
    } else {
        ui.painter().circle_stroke(light, 4.0, stroke);
    }
    paint::glyphs(ui, line, Align::Max, text::CLIP, Type::Small, colors.muted);
}

fn volume_ui(ui: &Ui, row: Rect, model: &RoleCard) -> Option<Action> {
    let colors = palette(ui);
    let mut rest = row;
    let (words, id) = match model.role {
        SoundRole::Microphone => (text::LEVEL_MIC, "level-microphone"),
        SoundRole::Speaker => (text::LEVEL_CALLS, "level-speaker"),
        SoundRole::Ringer => (text::LEVEL_RING, "level-ringer"),
    };
    let label = paint::cut_left(&mut rest, 48.0, 8.0);
    paint::label(ui, label, Align::Min, words, Type::Body, colors.text);
    let value = paint::cut_right(&mut rest, 52.0, 8.0);
    paint::label(ui, value, Align::Max, &text::percent(model.volume), Type::Body, colors.text);
    let tried = tries_ui(ui, &mut rest, model.role);
    let name = format!("{} volume", text::role(model.role));
    slider::slider(ui, rest, id, &name, model.volume)
        .map(|percent| Action::Send(Command::SetVolume { role: model.role, percent }))
        .or(tried)
}

/// The buttons that let the user hear a device; cut off the right of the row.
fn tries_ui(ui: &Ui, row: &mut Rect, role: SoundRole) -> Option<Action> {
    let tone = |side| Measurement::Tone { role, side };
    let tries: &[(&str, Measurement)] = &match role {
        SoundRole::Microphone => vec![(text::HEAR_MYSELF, Measurement::HearMyself { length: HEAR_MYSELF })],
        SoundRole::Speaker => vec![(text::RIGHT, tone(Side::Right)), (text::LEFT, tone(Side::Left))],
        SoundRole::Ringer => vec![(text::PREVIEW, tone(Side::Both))],
    };
    let mut action = None;
    for (words, what) in tries {
        let button = Button::new(("try", *words), Face::Quiet, words);
        let place = paint::cut_right(row, button.width(ui), 8.0);
        if button.add(ui, place).clicked {
            action = Some(Action::Send(Command::Measure { id: TRIES, what: *what }));
        }
    }
    action
}

/// The switches of what is done to the microphone's sound; they act at once, also during a call.
fn processing_ui(ui: &Ui, column: &mut Column, card: &ProcessingCard, metrics: &Metrics) -> Option<Action> {
    column.head(ui, text::YOUR_VOICE);
    let rows = column.card(ui, &[size::ROW_LIST; 3]);
    let [echo, noise, level] = rows.as_slice() else { return None };
    let wide = if metrics.small { 204.0 } else { 240.0 };
    let asked = card.asked;
    let [echo_lock, noise_lock, level_lock] = card.locks.each_ref().map(Option::as_deref);
    let mut wanted: Option<Processing> = None;

    let choices = [None, Some(true), Some(false)];
    let names = [text::ECHO_AUTOMATIC, text::ECHO_ALWAYS, text::ECHO_NEVER].map(str::to_owned);
    let chosen = choices.iter().position(|choice| *choice == asked.cancel_echo).unwrap_or(0);
    let place = words(ui, *echo, text::CANCEL_ECHO, echo_lock.unwrap_or_default(), wide);
    if let Some(choice) = segments(ui, place, "cancel-echo", &names, chosen).and_then(|pressed| choices.get(pressed)) {
        wanted = Some(Processing { cancel_echo: *choice, ..asked });
    }

    let choices = [NoiseReduction::Off, NoiseReduction::Normal, NoiseReduction::Strong];
    let names = [text::NOISE_OFF, text::NOISE_NORMAL, text::NOISE_STRONG].map(str::to_owned);
    let chosen = choices.iter().position(|choice| *choice == card.noise).unwrap_or(0);
    let place = words(ui, *noise, text::REDUCE_NOISE, noise_lock.unwrap_or_default(), wide);
    if let Some(choice) = segments(ui, place, "reduce-noise", &names, chosen).and_then(|pressed| choices.get(pressed)) {
        wanted = Some(Processing { reduce_noise: Some(*choice), ..asked });
    }

    let place = words(ui, *level, text::EVEN_OUT, level_lock.unwrap_or(text::EVEN_OUT_NOTE), 36.0);
    let knob = Rect::from_center_size(place.center(), vec2(36.0, 20.0));
    if button::switch(ui, knob, "even-out", text::EVEN_OUT, asked.even_out) {
        wanted = Some(Processing { even_out: !asked.even_out, ..asked });
    }
    wanted.map(|processing| Action::Send(Command::SetProcessing(processing)))
}
