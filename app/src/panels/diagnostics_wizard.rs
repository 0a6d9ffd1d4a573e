//! The sound check step by step: one thing at a time, by mouse or keys, to be left at any time.

use std::time::Instant;

use eframe::egui::{Align, Id, Pos2, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, pos2, vec2};
use phone_core::diagnose::report::{compare, moment};
use phone_core::snapshot::Snapshot;
use phone_core::sound::SoundRole;

use super::diagnostics::{DiagnoseAction, rows_ui, shape_ui};
use super::{Action, Metrics, sound_page};
use crate::diagnose::Ask;
use crate::model::findings::Shape;
use crate::model::sound::role_card;
use crate::model::wizard::{Act, Doing, Step, Try, WAVE_STEP, Walk};
use crate::text;
use crate::theme::{self, IconWeight, Type, palette, size};
use crate::widgets::button::{Button, Face};
use crate::widgets::control::{self, Region};
use crate::widgets::{Icon, paint, quality};

const FOOT: f32 = 64.0;
const WAVE: f32 = 88.0;
/// Bars of a wave that is whole.
const BARS: usize = 100;

fn ask(ask: Ask) -> Action {
    Action::Diagnose(DiagnoseAction::Wizard(ask))
}

/// Takes the focus when a step begins.
pub fn first_focus(step: Step) -> Id {
    Id::unique(match step {
        Step::Sentence | Step::Echo | Step::Call => "wizard-main",
        Step::Sides => "wizard-play-0",
        Step::Devices | Step::Buttons | Step::Summary => "wizard-done",
    })
}

/// Takes the focus when a tone is over.
pub fn answer_focus(what: Try) -> Id {
    Id::unique(("wizard-yes", what as usize))
}

/// Takes the focus when it was said whether a tone was heard: the next tone, or the way on.
pub fn after_answer(what: Try) -> Id {
    Id::unique(match what {
        Try::Left => "wizard-play-1",
        Try::Right => "wizard-play-2",
        Try::Ring => "wizard-done",
    })
}

/// Where the device fields stand, for their pop-ups.
pub type Anchors = Option<[Rect; 3]>;

pub fn ui(
    ui: &mut Ui,
    rect: Rect,
    walk: &Walk,
    snapshot: &Snapshot,
    now: Instant,
    turn: f32,
    metrics: &Metrics,
) -> (Option<Action>, Anchors) {
    control::enter(ui.ctx(), Region::Content);
    let mut rest = rect;
    let foot = paint::cut_bottom(&mut rest, FOOT, 0.0);
    let mut place = Place { left: rect.left() + metrics.edge, width: rect.width() - 2.0 * metrics.edge, y: 0.0 };
    let mut child = ui.new_child(UiBuilder::new().max_rect(rest).id_salt(("wizard", walk.step.number())));
    let (mut action, mut anchors) = (None, None);
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let start = ui.cursor().min;
        place.y = start.y;
        head_ui(ui, &mut place, walk);
        action = match walk.step {
            Step::Devices => {
                let (asked, fields) = devices_ui(ui, &mut place, snapshot, metrics);
                anchors = Some(fields);
                asked
            }
            Step::Sentence => sentence_ui(ui, &mut place, walk, now, metrics),
            Step::Sides => sides_ui(ui, &mut place, walk, snapshot, metrics),
            Step::Echo => echo_ui(ui, &mut place, walk, now, metrics),
            Step::Buttons => {
                buttons_ui(ui, &mut place, walk, metrics);
                None
            }
            Step::Call => call_ui(ui, &mut place, walk, now, metrics),
            Step::Summary => {
                summary_ui(ui, &mut place, walk, turn);
                None
            }
        };
        if let Act::Failed(why) = &walk.act {
            let colors = palette(ui);
            place.y +=
                paint::text(ui, pos2(place.left, place.y), place.width, why, Type::Body, colors.danger.text) + 8.0;
        }
        let rows = walk.rows(walk.step);
        // What is told by shapes above needs no lines.
        if !rows.is_empty() && !matches!(walk.step, Step::Buttons | Step::Summary) {
            place.y = rows_ui(ui, pos2(place.left, place.y + 4.0), place.width, &rows, turn);
        }
        ui.allocate_rect(Rect::from_min_max(start, pos2(rect.right(), place.y + 12.0)), Sense::hover());
    });
    action = foot_ui(ui, foot, walk, metrics).or(action);
    if walk.busy().is_some() {
        let pause = if theme::moves(ui) { 33 } else { 200 };
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(pause));
    }
    (action, anchors)
}

/// Where the next part stands.
struct Place {
    left: f32,
    width: f32,
    y: f32,
}

impl Place {
    fn card(&mut self, ui: &Ui, height: f32) -> Rect {
        let card = Rect::from_min_size(pos2(self.left, self.y), vec2(self.width, height));
        paint::card(ui, card);
        self.y = card.bottom() + 12.0;
        card
    }
}

fn head_ui(ui: &Ui, place: &mut Place, walk: &Walk) {
    let colors = palette(ui);
    place.y += 12.0;
    let each = (place.width - 6.0 * 4.0) / 7.0;
    for step in Step::ALL {
        let x = place.left + (each + 4.0) * (step.number() - 1) as f32;
        let bar = Rect::from_min_size(pos2(x, place.y), vec2(each, size::COUNTDOWN));
        let fill = if step <= walk.step { colors.ink } else { colors.track };
        ui.painter().rect_filled(bar, 2.0, fill);
    }
    place.y += 10.0;
    let line = Rect::from_min_size(pos2(place.left, place.y), vec2(place.width, 20.0));
    paint::label(ui, line, Align::Min, &text::wizard_step(walk.step.number()), Type::Small, colors.muted);
    if let Some(next) = walk.step.next() {
        paint::label(ui, line, Align::Max, &text::wizard_next(text::wizard_short(next)), Type::Small, colors.muted);
    }
    place.y += 28.0;
    let at = pos2(place.left, place.y);
    place.y += paint::text(ui, at, place.width, text::wizard_title(walk.step), Type::Headline, colors.text) + 4.0;
    let at = pos2(place.left, place.y);
    place.y += paint::text(ui, at, place.width, text::wizard_note(walk.step), Type::Body, colors.muted) + 16.0;
}

fn devices_ui(ui: &mut Ui, place: &mut Place, snapshot: &Snapshot, metrics: &Metrics) -> (Option<Action>, [Rect; 3]) {
    let roles = [SoundRole::Microphone, SoundRole::Speaker, SoundRole::Ringer];
    let card = place.card(ui, 72.0 * 3.0 + 12.0);
    let mut rest = card.shrink2(vec2(metrics.pad + 1.0, 12.0));
    let (mut action, mut fields) = (None, [Rect::NOTHING; 3]);
    for (role, field) in roles.into_iter().zip(&mut fields) {
        let line = paint::cut_top(&mut rest, 20.0, 4.0);
        paint::label(ui, line, Align::Min, text::role(role), Type::Label, palette(ui).text);
        *field = paint::cut_top(&mut rest, size::CONTROL_M, 8.0);
        action = sound_page::field_ui(ui, *field, &role_card(snapshot, role)).or(action);
    }
    (action, fields)
}

fn sentence_ui(ui: &Ui, place: &mut Place, walk: &Walk, now: Instant, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    let inner = place.width - 2.0 * (metrics.pad + 1.0);
    let words = paint::text_height(ui, inner, text::WIZARD_SENTENCE, Type::Title);
    let card = place.card(ui, 16.0 + words + 16.0 + WAVE + 8.0 + 20.0 + 8.0 + 40.0 + 16.0);
    let mut rest = card.shrink2(vec2(metrics.pad + 1.0, 16.0));
    let line = paint::cut_top(&mut rest, words, 16.0);
    paint::text(ui, line.min, inner, text::WIZARD_SENTENCE, Type::Title, colors.text);
    let wave = paint::cut_top(&mut rest, WAVE, 8.0);
    wave_ui(ui, wave, walk, now);
    let times = paint::cut_top(&mut rest, 20.0, 8.0);
    let length = WAVE_STEP.as_secs_f32() * walk.wave.len() as f32;
    let doing = walk.busy();
    let at = match doing {
        Some(Doing::Playing) => walk.share(now) * length,
        _ => length,
    };
    let state = match doing {
        Some(Doing::Recording) => text::WIZARD_RECORDING,
        Some(Doing::Playing) => text::THIS_IS_YOU,
        Some(Doing::Opening) => text::OPENING,
        _ => "",
    };
    paint::label(ui, times, Align::Min, &text::wizard_time(at), Type::Small, colors.muted);
    paint::label(ui, times, Align::Center, state, Type::Small, colors.text);
    paint::label(ui, times, Align::Max, &text::wizard_time(length.max(5.0)), Type::Small, colors.muted);
    let busy = doing.map(|_| text::WIZARD_BUSY);
    if walk.facts.microphone.is_none() || !walk.recorded {
        let words = if walk.facts.microphone.is_none() { text::WIZARD_RECORD } else { text::WIZARD_RECORD_AGAIN };
        let button = Button::new("wizard-main", Face::Primary, words).icon(Icon::MICROPHONE, 20.0, IconWeight::Bold);
        return button.refused(busy).add(ui, rest).clicked.then(|| ask(Ask::Record));
    }
    let half = ((rest.width() - 8.0) / 2.0).floor();
    let left = paint::cut_left(&mut rest, half, 8.0);
    let again = Button::new("wizard-main", Face::Primary, text::WIZARD_HEAR).icon(Icon::PLAY, 20.0, IconWeight::Fill);
    let again = again.padding(8.0).refused(busy).add(ui, left).clicked;
    let record = Button::new("wizard-again", Face::Quiet, text::WIZARD_RECORD_AGAIN);
    let record = record.padding(8.0).refused(busy).add(ui, rest).clicked;
    again.then(|| ask(Ask::HearAgain)).or_else(|| record.then(|| ask(Ask::Record)))
}

/// Bars as high as the voice was loud, and where it is being heard.
fn wave_ui(ui: &Ui, rect: Rect, walk: &Walk, now: Instant) {
    let colors = palette(ui);
    paint::block(ui, rect, size::RADIUS_M, colors.quiet, None);
    let inner = rect.shrink2(vec2(8.0, 8.0));
    if walk.wave.is_empty() {
        let y = inner.center().y;
        let line = Rect::from_min_max(pos2(inner.left(), y), pos2(inner.right(), y + 1.0));
        ui.painter().rect_filled(line, 0.0, colors.border_control);
        if walk.busy().is_none() {
            let words = Rect::from_min_max(pos2(inner.left(), y + 8.0), inner.max);
            paint::label(ui, words, Align::Center, text::WIZARD_PRESS_RECORD, Type::Small, colors.muted);
        }
        return;
    }
    let pitch = inner.width() / BARS as f32;
    let playing = (walk.busy() == Some(Doing::Playing)).then(|| walk.share(now));
    let count = walk.wave.len().max(1) as f32;
    for (index, level) in walk.wave.iter().take(BARS).enumerate() {
        let height = (((level + 60.0) / 54.0).clamp(0.0, 1.0) * inner.height()).max(2.0);
        let center = pos2(inner.left() + pitch * (index as f32 + 0.5), inner.center().y);
        let heard = playing.is_none_or(|share| index as f32 / count <= share);
        let ink = if heard { colors.text } else { colors.border_control };
        ui.painter().rect_filled(Rect::from_center_size(center, vec2((pitch - 1.5).max(1.5), height)), 1.0, ink);
    }
    if let Some(share) = playing {
        let x = inner.left() + pitch * share * count.min(BARS as f32);
        let line = [pos2(x, rect.top() + 8.0), pos2(x, rect.bottom() - 4.0)];
        ui.painter().line_segment(line, Stroke::new(2.0, colors.focus));
        ui.painter().circle_filled(line[0], 4.0, colors.focus);
    }
}

fn sides_ui(ui: &Ui, place: &mut Place, walk: &Walk, snapshot: &Snapshot, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    let row = 60.0;
    let card = place.card(ui, row * 3.0 + 2.0);
    let mut action = None;
    for (index, what) in Try::ALL.into_iter().enumerate() {
        let line = Rect::from_min_size(
            pos2(card.left() + 1.0, card.top() + 1.0 + row * index as f32),
            vec2(card.width() - 2.0, row),
        );
        if index > 0 {
            paint::hairline(ui, line.left(), line.right(), line.top());
        }
        let mut rest = line.shrink2(vec2(metrics.pad, 0.0));
        let heard = walk.heard(what);
        let playing = walk.busy() == Some(Doing::Trying(what));
        let shape = match heard {
            Some(true) => Shape::Passed,
            Some(false) => Shape::Failed,
            None if playing => Shape::Running,
            None => Shape::Waiting,
        };
        let mark = paint::cut_left(&mut rest, 20.0, 12.0);
        shape_ui(ui, mark.center(), shape, 20.0, 0.0);
        let (name, question) = text::wizard_try(what);
        let role = if what == Try::Ring { SoundRole::Ringer } else { SoundRole::Speaker };
        let asks = walk.was_played(what) && heard.is_none() && !playing;
        let words = if asks { text::WIZARD_HEARD } else { name };
        let busy = walk.busy().map(|_| text::WIZARD_BUSY);
        let at = |x: f32, width: f32| Rect::from_center_size(pos2(x + width / 2.0, line.center().y), vec2(width, 32.0));
        if asks {
            let no = Button::new(("wizard-no", index), Face::Quiet, text::NO).padding(12.0);
            let width = no.width(ui).max(52.0);
            let spot = paint::cut_right(&mut rest, width, 8.0);
            if no.hint(question).add(ui, at(spot.left(), width)).clicked {
                action = Some(ask(Ask::Heard(what, false)));
            }
            let yes = Button::new(("wizard-yes", index), Face::Primary, text::YES).padding(12.0);
            let width = yes.width(ui).max(52.0);
            let spot = paint::cut_right(&mut rest, width, 8.0);
            if yes.hint(question).add(ui, at(spot.left(), width)).clicked {
                action = Some(ask(Ask::Heard(what, true)));
            }
        } else {
            let id = ["wizard-play-0", "wizard-play-1", "wizard-play-2"].get(index).copied().unwrap_or_default();
            let face = if heard.is_none() { Face::Primary } else { Face::Quiet };
            let button = Button::new(id, face, question).padding(12.0);
            let width = button.width(ui);
            let spot = paint::cut_right(&mut rest, width, 8.0);
            if button.refused(busy).add(ui, at(spot.left(), width)).clicked {
                action = Some(ask(Ask::Play(what)));
            }
        }
        let top = Rect::from_min_size(pos2(rest.left(), line.center().y - 18.0), vec2(rest.width(), 20.0));
        paint::label(ui, top, Align::Min, words, Type::Label, colors.text);
        let under = Rect::from_min_size(pos2(rest.left(), line.center().y + 2.0), vec2(rest.width(), 16.0));
        let device = role_card(snapshot, role).device;
        paint::label(ui, under, Align::Min, &device, Type::Small, colors.muted);
    }
    action
}

fn echo_ui(ui: &Ui, place: &mut Place, walk: &Walk, now: Instant, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    let card = place.card(ui, 16.0 + 24.0 + 12.0 + 8.0 + 16.0 + 40.0 + 16.0);
    let mut rest = card.shrink2(vec2(metrics.pad + 1.0, 16.0));
    let line = paint::cut_top(&mut rest, 24.0, 12.0);
    let words = match walk.busy() {
        Some(Doing::Judging) => text::WIZARD_JUDGING,
        Some(_) => text::WIZARD_QUIET,
        None if walk.facts.echo.is_some() => text::WIZARD_MEASURED,
        None => text::WIZARD_QUIET_SOON,
    };
    paint::label(ui, line, Align::Center, words, Type::Title, colors.text);
    let bar = paint::cut_top(&mut rest, 8.0, 16.0);
    let done = walk.facts.echo.is_some() && walk.busy().is_none();
    paint::bar(ui, bar, if done { 1.0 } else { walk.share(now) }, colors.track, colors.ink);
    let words = if walk.facts.echo.is_some() { text::WIZARD_MEASURE_AGAIN } else { text::WIZARD_MEASURE };
    let face = if walk.facts.echo.is_some() { Face::Quiet } else { Face::Primary };
    let button = Button::new("wizard-main", face, words).icon(Icon::WAVEFORM, 20.0, IconWeight::Bold);
    let busy = walk.busy().map(|_| text::WIZARD_BUSY);
    button.refused(busy).add(ui, rest).clicked.then(|| ask(Ask::MeasureEcho))
}

fn buttons_ui(ui: &Ui, place: &mut Place, walk: &Walk, metrics: &Metrics) {
    let colors = palette(ui);
    let seen = walk.facts.buttons.unwrap_or_default();
    let card = place.card(ui, 2.0 * 52.0 + 2.0);
    for (index, (name, arrived)) in
        [(text::WIZARD_VOLUME, seen.volume), (text::WIZARD_MUTE, seen.mute)].into_iter().enumerate()
    {
        let line = Rect::from_min_size(
            pos2(card.left() + 1.0, card.top() + 1.0 + 52.0 * index as f32),
            vec2(card.width() - 2.0, 52.0),
        );
        if index > 0 {
            paint::hairline(ui, line.left(), line.right(), line.top());
        }
        let mut rest = line.shrink2(vec2(metrics.pad, 0.0));
        let mark = paint::cut_left(&mut rest, 20.0, 12.0);
        shape_ui(ui, mark.center(), if arrived { Shape::Passed } else { Shape::Waiting }, 20.0, 0.0);
        let word = if arrived { text::WIZARD_ARRIVED } else { text::WIZARD_PRESS_NOW };
        let width = paint::width(ui, word, Type::Body);
        let spot = paint::cut_right(&mut rest, width, 8.0);
        paint::label(ui, spot, Align::Max, word, Type::Body, colors.muted);
        paint::label(ui, rest, Align::Min, name, Type::Label, colors.text);
    }
    let at = pos2(place.left, place.y);
    place.y += paint::text(ui, at, place.width, text::WIZARD_NO_ANSWER_BUTTON, Type::Small, colors.muted);
}

fn call_ui(ui: &Ui, place: &mut Place, walk: &Walk, now: Instant, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    let card = place.card(ui, 16.0 + WAVE + 8.0 + 20.0 + 8.0 + 40.0 + 16.0);
    let mut rest = card.shrink2(vec2(metrics.pad + 1.0, 16.0));
    let chart = paint::cut_top(&mut rest, WAVE, 8.0);
    paint::block(ui, chart, size::RADIUS_M, colors.quiet, None);
    chart_ui(ui, chart.shrink2(vec2(8.0, 8.0)), walk);
    let times = paint::cut_top(&mut rest, 20.0, 8.0);
    let calling = walk.busy() == Some(Doing::Calling);
    let left = if calling { text::wizard_time(walk.share(now) * 15.0) } else { text::wizard_time(0.0) };
    paint::label(ui, times, Align::Min, &left, Type::Small, colors.muted);
    let last = walk.seconds.last().and_then(|second| second.mos);
    paint::label(ui, times, Align::Center, &text::wizard_chart(last), Type::Small, colors.muted);
    paint::label(ui, times, Align::Max, &text::wizard_time(15.0), Type::Small, colors.muted);
    let done = walk.facts.call.is_some();
    let (words, face) = if done { (text::WIZARD_CALL_AGAIN, Face::Quiet) } else { (text::WIZARD_CALL, Face::Primary) };
    let button = Button::new("wizard-main", face, words).icon(Icon::PHONE_CALL, 20.0, IconWeight::Bold);
    button.refused(calling.then_some(text::WIZARD_BUSY)).add(ui, rest).clicked.then(|| ask(Ask::TestCall))
}

/// Quality of each second, from the left; a lost second is a gap.
fn chart_ui(ui: &Ui, rect: Rect, walk: &Walk) {
    let colors = palette(ui);
    let step = rect.width() / 14.0;
    let mut last: Option<Pos2> = None;
    for (index, second) in walk.seconds.iter().take(15).enumerate() {
        let point = second.mos.map(|mos| pos2(rect.left() + step * index as f32, quality::height_of(rect, mos)));
        if let (Some(last), Some(point)) = (last, point) {
            ui.painter().line_segment([last, point], Stroke::new(2.0, colors.success.text));
        }
        if let Some(point) = point {
            ui.painter().circle_filled(point, 3.0, colors.success.text);
        }
        last = point;
    }
    if walk.seconds.is_empty() {
        let y = rect.center().y;
        let line = Rect::from_min_max(pos2(rect.left(), y), pos2(rect.right(), y + 1.0));
        ui.painter().rect_filled(line, 0.0, colors.border_control);
    }
}

fn summary_ui(ui: &mut Ui, place: &mut Place, walk: &Walk, turn: f32) {
    let colors = palette(ui);
    let Some(report) = &walk.report else { return };
    let outcome = crate::model::findings::outcome(report, None, None);
    let room = place.width - 40.0;
    let sentence = paint::text_height(ui, room, &report.sentence, Type::Title);
    shape_ui(ui, pos2(place.left + 14.0, place.y + 12.0), outcome.shape, 24.0, 0.0);
    paint::text(ui, pos2(place.left + 40.0, place.y), room, &report.sentence, Type::Title, colors.text);
    place.y += sentence.max(24.0) + 12.0;
    for cause in outcome.causes.iter().take(3) {
        let words = format!("{}: {}", cause.title, cause.advice);
        let at = pos2(place.left + 40.0, place.y);
        place.y += paint::text(ui, at, room, &words, Type::Body, colors.muted) + 8.0;
    }
    let rows: Vec<_> = Step::ALL.into_iter().flat_map(|step| walk.rows(step)).collect();
    if !rows.is_empty() {
        place.y = rows_ui(ui, pos2(place.left, place.y), place.width, &rows, turn) + 8.0;
    }
    let words = match &walk.baseline {
        _ if walk.kept => text::WIZARD_KEPT.to_owned(),
        None => text::WIZARD_NO_BASELINE.to_owned(),
        Some(old) => {
            let changes = compare(old, report);
            let worse: Vec<&str> = changes.iter().filter(|c| c.worse).map(|change| change.name.as_str()).collect();
            text::against_baseline(&moment(old.began_s), changes.len(), &worse)
        }
    };
    let at = pos2(place.left, place.y);
    place.y += paint::text(ui, at, place.width, &words, Type::Small, colors.muted);
}

/// Back, skip, and the main button.
fn foot_ui(ui: &Ui, rect: Rect, walk: &Walk, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    ui.painter().rect_filled(rect, 0.0, colors.card);
    paint::hairline(ui, rect.left(), rect.right(), rect.top());
    let mut rest = rect.shrink2(vec2(metrics.edge, 12.0));
    let mut action = None;
    if walk.step.previous().is_some() {
        let back = Button::new("wizard-back", Face::Quiet, text::BACK);
        let place = paint::cut_left(&mut rest, back.width(ui), 8.0);
        if back.add(ui, place).clicked {
            action = Some(ask(Ask::Back));
        }
    }
    let last = walk.step == Step::Summary;
    let words = text::wizard_done(walk.step, walk.facts.buttons.is_some());
    let done = Button::new("wizard-done", Face::Primary, words).icon(
        if last { Icon::CHECK } else { Icon::ARROW_RIGHT },
        16.0,
        IconWeight::Bold,
    );
    let place = paint::cut_right(&mut rest, done.width(ui), 8.0);
    if done.refused(walk.unfinished()).add(ui, place).clicked {
        action = Some(ask(if last { Ask::Leave } else { Ask::Done }));
    }
    let (id, words, asked) = if last {
        ("wizard-keep", text::WIZARD_KEEP, Ask::Keep)
    } else {
        ("wizard-skip", text::WIZARD_SKIP, Ask::Skip)
    };
    if !(last && walk.kept) {
        let other = Button::new(id, Face::Outline, words).padding(12.0);
        let place = paint::cut_right(&mut rest, other.width(ui), 8.0);
        if other.add(ui, place).clicked {
            action = Some(ask(asked));
        }
    }
    action
}
