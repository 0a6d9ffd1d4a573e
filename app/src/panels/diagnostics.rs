//! The Diagnostics page: three ways in, the run, and what its lines look like.

use eframe::egui::{Align, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use phone_core::diagnose::{Plan, Readiness, Symptom};

use super::{Action, Metrics};
use crate::diagnose::{Ask, Scope};
use crate::model::findings::{Diagnosis, Row, Running, Section, Shape};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::button::{Button, Face};
use crate::widgets::control::{self, Control, Region};
use crate::widgets::{Icon, paint};

/// What the user asked for on this page.
#[derive(Clone, Debug, PartialEq)]
pub enum DiagnoseAction {
    Start(Scope),
    /// Of the sound check step by step.
    Wizard(Ask),
    Stop,
    Home,
    /// The last result.
    Open,
    OpenCause(usize),
    ShowAll(bool),
    /// Press the main button of this cause.
    Fix(usize),
    Again,
    CopyForIt,
    Save,
    /// Shows results of before to compare with, or puts them away.
    Older(bool),
    /// Compare with the one at this place.
    CompareWith(usize),
}

/// Which part of the page is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    Home,
    Running,
    Wizard,
    Result,
}

fn ask(action: DiagnoseAction) -> Action {
    Action::Diagnose(action)
}

/// Title, way back to the home, one button, and the state at the right.
pub fn header_ui(
    ui: &mut Ui,
    rect: Rect,
    title: &str,
    button: Option<(&str, Icon, DiagnoseAction)>,
    state: Option<(Shape, &str)>,
) -> Option<Action> {
    header_to_ui(ui, rect, title, button, state, DiagnoseAction::Home)
}

/// The same, where the way back does something else.
pub fn header_to_ui(
    ui: &mut Ui,
    rect: Rect,
    title: &str,
    button: Option<(&str, Icon, DiagnoseAction)>,
    state: Option<(Shape, &str)>,
    back_asks: DiagnoseAction,
) -> Option<Action> {
    control::enter(ui.ctx(), Region::Content);
    let colors = palette(ui);
    ui.painter().rect_filled(rect, 0.0, colors.card);
    paint::hairline(ui, rect.left(), rect.right(), rect.bottom() - size::STROKE);
    let mut rest = rect.shrink2(vec2(8.0, 0.0));
    let mut action = None;
    let place = paint::cut_left(&mut rest, 32.0, 8.0);
    let back = Rect::from_center_size(place.center(), vec2(32.0, 32.0));
    if Button::icon_only("diagnostics-back", Face::Bare, text::BACK, Icon::ARROW_LEFT).add(ui, back).clicked {
        action = Some(ask(back_asks));
    }
    rest.max.x -= 8.0;
    if let Some((shape, word)) = state {
        let width = paint::width(ui, word, Type::Label);
        let ink = match shape {
            Shape::Passed => colors.text,
            Shape::Failed | Shape::Warning => colors.warn.text,
            _ => colors.muted,
        };
        let place = paint::cut_right(&mut rest, width, 8.0);
        paint::label(ui, place, Align::Max, word, Type::Label, ink);
        let place = paint::cut_right(&mut rest, 24.0, 12.0);
        // A cause that is open is a triangle, whatever its weight.
        let shape = if shape == Shape::Failed { Shape::Warning } else { shape };
        shape_ui(ui, place.center(), shape, 24.0, 0.0);
    }
    if let Some((words, icon, asked)) = button {
        // A filled cross is a square.
        let weight = if icon == Icon::X { IconWeight::Bold } else { IconWeight::Fill };
        let quiet = Button::new("diagnostics-head", Face::Quiet, words).icon(icon, 16.0, weight).padding(12.0);
        let wide = quiet.width(ui);
        let alone = wide > rest.width() - 80.0;
        let button = if alone { Button::icon_only("diagnostics-head", Face::Quiet, words, icon) } else { quiet };
        let width = if alone { 32.0 } else { wide };
        let place = paint::cut_right(&mut rest, width, 8.0);
        if button.add(ui, Rect::from_center_size(place.center(), vec2(width, 32.0))).clicked {
            action = Some(ask(asked));
        }
    }
    paint::label(ui, rest, Align::Min, title, Type::Title, colors.text);
    action
}

/// The shape of a state, told apart without colour. `turn`: share of a turn, for what runs.
pub fn shape_ui(ui: &Ui, center: eframe::egui::Pos2, shape: Shape, height: f32, turn: f32) {
    let colors = palette(ui);
    let radius = height * 0.42;
    let mark = height * 0.6;
    let painter = ui.painter();
    match shape {
        Shape::Passed => {
            painter.circle_filled(center, radius, colors.success.solid);
            Icon::CHECK.paint(painter, center, mark, IconWeight::Bold, colors.success.on);
        }
        Shape::Warning => Icon::WARNING.paint(painter, center, height, IconWeight::Fill, colors.warn.text),
        Shape::Failed => {
            painter.circle_filled(center, radius, colors.danger.solid);
            Icon::X.paint(painter, center, mark, IconWeight::Bold, colors.danger.on);
        }
        Shape::Skipped => Icon::PROHIBIT.paint(painter, center, height * 0.9, IconWeight::Regular, colors.muted),
        Shape::Running => {
            // Three quarters of a ring, which turns.
            let points: Vec<_> = (0..=36_u8)
                .map(|step| {
                    let angle = (turn + f32::from(step) / 48.0) * std::f32::consts::TAU;
                    center + (radius - 1.0) * vec2(angle.cos(), angle.sin())
                })
                .collect();
            painter.line(points, eframe::egui::Stroke::new(2.0, colors.text));
        }
        Shape::Waiting => {
            painter.circle_stroke(center, radius - 1.0, eframe::egui::Stroke::new(1.5, colors.border_control));
        }
    }
}

/// Lays a column out in a scroll area; gives what was asked for.
fn column(
    ui: &mut Ui,
    rect: Rect,
    metrics: &Metrics,
    id: &str,
    content: impl FnOnce(&mut Ui, f32, f32, f32) -> (Option<Action>, f32),
) -> Option<Action> {
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(id));
    let mut action = None;
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let start = ui.cursor().min;
        let left = rect.left() + metrics.edge;
        let width = rect.width() - 2.0 * metrics.edge;
        let (asked, bottom) = content(ui, left, start.y, width);
        action = asked;
        ui.allocate_rect(Rect::from_min_max(start, pos2(rect.right(), bottom + 12.0)), Sense::hover());
    });
    action
}

/// Three ways in, and the last result.
pub fn home_ui(
    ui: &mut Ui,
    rect: Rect,
    diagnosis: &Diagnosis,
    now: std::time::Instant,
    metrics: &Metrics,
) -> Option<Action> {
    control::enter(ui.ctx(), Region::Content);
    column(ui, rect, metrics, "diagnostics-home", |ui, left, top, width| {
        let colors = palette(ui);
        let mut y = top + 12.0;
        let line = Rect::from_min_size(pos2(left, y), vec2(width, 28.0));
        paint::label(ui, line, Align::Min, text::TAB_DIAGNOSTICS, Type::Headline, colors.text);
        y += 28.0;
        y += paint::text(ui, pos2(left, y), width, text::DIAG_CLAIM, Type::Body, colors.muted) + 10.0;
        let mut action = None;

        let card = Rect::from_min_size(pos2(left, y), vec2(width, 78.0));
        let words = (text::DIAG_QUICK, text::DIAG_QUICK_NOTE, text::DIAG_QUICK_TIME);
        if way_ui(ui, card, "diag-quick", Icon::LIGHTNING, words, true) {
            action = Some(ask(DiagnoseAction::Start(Scope::Plan(Plan::Quick))));
        }
        y = card.bottom() + 12.0;

        let (asked, height) = symptoms_ui(ui, pos2(left, y), width, metrics);
        action = asked.or(action);
        y += height + 12.0;

        let card = Rect::from_min_size(pos2(left, y), vec2(width, 78.0));
        let words = (text::WIZARD_NAME, text::WIZARD_ABOUT, text::WIZARD_LENGTH);
        if way_ui(ui, card, "diag-wizard", Icon::HEADSET, words, false) {
            action = Some(ask(DiagnoseAction::Wizard(Ask::Start)));
        }
        y = card.bottom() + 12.0;

        let card = Rect::from_min_size(pos2(left, y), vec2(width, 78.0));
        let words = (text::DIAG_FULL, text::DIAG_FULL_NOTE, text::DIAG_FULL_TIME);
        if way_ui(ui, card, "diag-full", Icon::CLIPBOARD_TEXT, words, false) {
            action = Some(ask(DiagnoseAction::Start(Scope::Plan(Plan::Full))));
        }
        y = card.bottom() + 12.0;

        let last = Rect::from_min_size(pos2(left, y), vec2(width, 44.0));
        action = last_ui(ui, last, diagnosis, now).or(action);
        (action, last.bottom())
    })
}

/// One way in: icon, name, note, time, caret.
fn way_ui(ui: &Ui, card: Rect, id: &str, icon: Icon, (name, note, time): (&str, &str, &str), main: bool) -> bool {
    let colors = palette(ui);
    let label = format!("{name}. {note}. {time}");
    let touch = Control::new(id, &label).radius(size::RADIUS_L).add(ui, card);
    let fill = colors.card.lerp_to_gamma(colors.quiet, touch.warmth(ui));
    paint::block(ui, card, size::RADIUS_L, fill, Some((size::STROKE, colors.border_soft)));
    let mut rest = card.shrink2(vec2(17.0, 0.0));
    let place = paint::cut_left(&mut rest, 40.0, 16.0);
    let tile = Rect::from_center_size(place.center(), vec2(40.0, 40.0));
    let (tile_fill, ink) = if main { (colors.ink, colors.ink_on) } else { (colors.quiet, colors.text) };
    paint::block(ui, tile, size::RADIUS_M, tile_fill, None);
    icon.paint(ui.painter(), tile.center(), 20.0, IconWeight::Regular, ink);
    let caret = paint::cut_right(&mut rest, 16.0, 12.0);
    Icon::CARET_RIGHT.paint(ui.painter(), caret.center(), 16.0, IconWeight::Bold, colors.muted);
    let time_width = paint::width(ui, time, Type::Small);
    let place = paint::cut_right(&mut rest, time_width, 8.0);
    paint::glyphs(ui, place, Align::Max, time, Type::Small, colors.muted);
    let top = card.center().y - 22.0;
    let line = Rect::from_min_size(pos2(rest.left(), top), vec2(rest.width(), 24.0));
    paint::glyphs(ui, line, Align::Min, name, Type::Title, colors.text);
    let line = Rect::from_min_size(pos2(rest.left(), top + 24.0), vec2(rest.width(), 20.0));
    paint::glyphs(ui, line, Align::Min, note, Type::Body, colors.muted);
    touch.clicked
}

/// The card of symptoms; gives its height.
fn symptoms_ui(ui: &Ui, at: eframe::egui::Pos2, width: f32, metrics: &Metrics) -> (Option<Action>, f32) {
    let colors = palette(ui);
    let inner = width - 2.0 * (metrics.pad + 1.0);
    // Chips flow like words; first where they stand, so that the card is drawn below them.
    let mut places = Vec::new();
    let (mut x, mut y) = (0.0, 0.0);
    for symptom in Symptom::ALL {
        let wide = (paint::width(ui, symptom.words(), Type::Body) + 24.0).min(inner);
        if x > 0.0 && x + wide > inner {
            (x, y) = (0.0, y + 40.0);
        }
        places.push((symptom, x, y, wide));
        x += wide + 8.0;
    }
    let height = 78.0 + y + 32.0 + 16.0;
    let card = Rect::from_min_size(at, vec2(width, height));
    paint::card(ui, card);
    let mut head = Rect::from_min_size(at, vec2(width, 78.0)).shrink2(vec2(17.0, 0.0));
    let place = paint::cut_left(&mut head, 40.0, 16.0);
    let tile = Rect::from_center_size(place.center(), vec2(40.0, 40.0));
    paint::block(ui, tile, size::RADIUS_M, colors.quiet, None);
    Icon::QUESTION.paint(ui.painter(), tile.center(), 20.0, IconWeight::Regular, colors.text);
    let top = head.center().y - 22.0;
    let line = Rect::from_min_size(pos2(head.left(), top), vec2(head.width(), 24.0));
    paint::label(ui, line, Align::Min, text::DIAG_PROBLEM, Type::Title, colors.text);
    let line = Rect::from_min_size(pos2(head.left(), top + 24.0), vec2(head.width(), 20.0));
    paint::label(ui, line, Align::Min, text::DIAG_PROBLEM_NOTE, Type::Body, colors.muted);
    let mut action = None;
    let origin = pos2(at.x + metrics.pad + 1.0, at.y + 78.0);
    for (symptom, x, y, wide) in places {
        let chip = Rect::from_min_size(pos2(origin.x + x, origin.y + y), vec2(wide, 32.0));
        let touch = Control::new(("symptom", symptom.words()), symptom.words()).radius(16.0).add(ui, chip);
        let fill = colors.quiet.lerp_to_gamma(colors.track, touch.warmth(ui));
        paint::block(ui, chip, 16.0, fill, None);
        paint::glyphs(ui, chip, Align::Center, symptom.words(), Type::Body, colors.text);
        if touch.clicked {
            action = Some(ask(DiagnoseAction::Start(Scope::Symptom(symptom))));
        }
    }
    (action, height)
}

fn last_ui(ui: &Ui, rect: Rect, diagnosis: &Diagnosis, now: std::time::Instant) -> Option<Action> {
    let colors = palette(ui);
    paint::block(ui, rect, size::RADIUS_L, colors.window, Some((size::STROKE, colors.border_soft)));
    let mut rest = rect.shrink2(vec2(17.0, 0.0));
    let Some((report, when)) = &diagnosis.report else {
        paint::label(ui, rest, Align::Min, text::DIAG_NEVER, Type::Body, colors.muted);
        return None;
    };
    let shape = match report.readiness {
        Readiness::Ready => Shape::Passed,
        Readiness::ReadyWithWarnings => Shape::Warning,
        Readiness::NotReady => Shape::Failed,
        Readiness::CouldNotRun => Shape::Skipped,
    };
    let place = paint::cut_left(&mut rest, 20.0, 12.0);
    shape_ui(ui, place.center(), shape, 20.0, 0.0);
    let width = paint::width(ui, text::DIAG_OPEN, Type::Body);
    let place = paint::cut_right(&mut rest, width, 12.0);
    let target = Rect::from_center_size(place.center(), vec2(width + 12.0, 32.0));
    let touch = Control::new("diag-open", text::DIAG_OPEN).add(ui, target);
    link(ui, place, text::DIAG_OPEN, touch.hovered);
    let outcome = crate::model::findings::outcome(report, diagnosis.scope, None);
    let word = outcome.causes.first().map_or(outcome.state, |cause| cause.title.as_str()).to_owned();
    let used = paint::label(ui, rest, Align::Min, &word, Type::Label, colors.text);
    rest.min.x += used;
    let line = text::last_check(report.plan.title(), now.saturating_duration_since(*when));
    paint::label(ui, rest, Align::Min, &line, Type::Body, colors.muted);
    touch.clicked.then(|| ask(DiagnoseAction::Open))
}

/// Underlined words in the colour of links.
pub fn link(ui: &Ui, rect: Rect, words: &str, hovered: bool) {
    let colors = palette(ui);
    let width = paint::glyphs(ui, rect, Align::Max, words, Type::Body, colors.accent);
    let y = rect.center().y + 9.0;
    let stroke = if hovered { 2.0 } else { 1.0 };
    let line = Rect::from_min_size(pos2(rect.right() - width, y), vec2(width, stroke));
    ui.painter().rect_filled(line, 0.0, colors.accent);
}

/// The run: progress, groups, one line per check.
pub fn running_ui(ui: &mut Ui, rect: Rect, model: &Running, turn: f32, metrics: &Metrics) -> Option<Action> {
    control::enter(ui.ctx(), Region::Content);
    let colors = palette(ui);
    let mut rest = rect;
    let head = paint::cut_top(&mut rest, 48.0, 0.0).shrink2(vec2(metrics.edge, 0.0));
    let line = Rect::from_min_size(pos2(head.left(), head.top() + 12.0), vec2(head.width(), 20.0));
    let used = paint::label(ui, line, Align::Max, &model.count, Type::Body, colors.muted);
    let mut left = line;
    left.max.x -= used + 8.0;
    paint::label(ui, left, Align::Min, model.doing, Type::Label, colors.text);
    let bar = Rect::from_min_size(pos2(head.left(), head.top() + 40.0), vec2(head.width(), size::COUNTDOWN));
    paint::bar(ui, bar, model.share, colors.track, colors.ink);
    column(ui, rest, metrics, "diagnostics-run", |ui, left, top, width| {
        let bottom = sections_ui(ui, pos2(left, top + 4.0), width, &model.sections, turn);
        (None, bottom)
    })
}

/// Heads and cards of lines; gives the bottom.
pub fn sections_ui(ui: &Ui, at: eframe::egui::Pos2, width: f32, sections: &[Section], turn: f32) -> f32 {
    let colors = palette(ui);
    let mut y = at.y;
    for section in sections {
        let head = Rect::from_min_size(pos2(at.x, y), vec2(width, 24.0));
        paint::label(ui, head, Align::Min, section.head, Type::SmallStrong, colors.muted);
        paint::label(ui, head, Align::Max, &section.count, Type::Small, colors.muted);
        y = rows_ui(ui, pos2(at.x, y + 24.0), width, &section.rows, turn);
    }
    y
}

/// A card of lines; gives the bottom.
pub fn rows_ui(ui: &Ui, at: eframe::egui::Pos2, width: f32, rows: &[Row], turn: f32) -> f32 {
    let card = Rect::from_min_size(at, vec2(width, 45.0 * rows.len() as f32 + 1.0));
    paint::card(ui, card);
    for (index, row) in rows.iter().enumerate() {
        let line = Rect::from_min_size(
            pos2(card.left() + 1.0, card.top() + 1.0 + 45.0 * index as f32),
            vec2(card.width() - 2.0, 44.0),
        );
        if index > 0 {
            paint::hairline(ui, line.left(), line.right(), line.top() - 1.0);
        }
        row_ui(ui, line, row, turn);
    }
    card.bottom() + 8.0
}

/// Shape, name, plain result; number and limit at the right.
fn row_ui(ui: &Ui, rect: Rect, row: &Row, turn: f32) {
    let colors = palette(ui);
    if row.shape == Shape::Running {
        // What goes on comes into sight once; from then on the user scrolls.
        let key = eframe::egui::Id::unique("diagnostics-running");
        let is_new = ui.data_mut(|data| {
            let last = data.get_temp_mut_or_default::<String>(key);
            let is_new = *last != row.id;
            last.clone_from(&row.id);
            is_new
        });
        if is_new {
            ui.scroll_to_rect(rect, Some(Align::Center));
        }
        ui.painter().rect_filled(rect, 0.0, colors.quiet);
    }
    let mut rest = rect.shrink2(vec2(12.0, 0.0));
    let place = paint::cut_left(&mut rest, 20.0, 12.0);
    shape_ui(ui, place.center(), row.shape, 20.0, turn);
    let spoken = format!("{}: {} {}", row.name, row.words, row.value);
    paint::label_node(ui, rect, spoken.trim());
    let limit = if row.limit.is_empty() { "" } else { row.limit.as_str() };
    let value_width = paint::width(ui, &row.value, Type::Body);
    let limit_width = paint::width(ui, limit, Type::Small);
    let waits = row.shape == Shape::Waiting;
    let ink = if waits { colors.muted } else { colors.text };
    let two = !row.words.is_empty();
    let top = if two { rect.center().y - 18.0 } else { rect.center().y - 10.0 };
    let value_top = if limit.is_empty() { rect.center().y - 10.0 } else { rect.center().y - 18.0 };
    let place = Rect::from_min_size(pos2(rest.left(), value_top), vec2(rest.width(), 20.0));
    paint::glyphs(ui, place, Align::Max, &row.value, Type::Body, ink);
    if !limit.is_empty() {
        let place = Rect::from_min_size(pos2(rest.left(), value_top + 20.0), vec2(rest.width(), 16.0));
        paint::glyphs(ui, place, Align::Max, limit, Type::Small, colors.muted);
    }
    // Each line ends before the figure beside it.
    let name_room = (rest.width() - value_width - 8.0).max(60.0);
    let line = Rect::from_min_size(pos2(rest.left(), top), vec2(name_room, 20.0));
    paint::glyphs(ui, line, Align::Min, &row.name, Type::Body, colors.text);
    if two {
        let beside = if limit.is_empty() { value_width } else { limit_width };
        let room = (rest.width() - beside - 8.0).max(60.0);
        let line = Rect::from_min_size(pos2(rest.left(), top + 20.0), vec2(room, 16.0));
        paint::glyphs(ui, line, Align::Min, &row.words, Type::Small, colors.muted);
    }
}
