//! The result of a run: one sentence, the causes in order, one button that does what it says.

use eframe::egui::{Align, Id, Pos2, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use phone_core::diagnose::{Remedy, RemedyRole, Sign};

use super::diagnostics::{DiagnoseAction, link, sections_ui, shape_ui};
use super::{Action, Metrics};
use crate::diagnose::older::Older;
use crate::model::findings::{self, CauseCard, Outcome, Shape};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::button::{Button, Face};
use crate::widgets::control::{self, Control, Region};
use crate::widgets::{Icon, paint};

/// The main button, which takes the focus when a result comes.
pub fn main_id() -> Id {
    Id::unique(("diag-fix", 0_usize))
}

/// Which parts are open.
pub struct Open<'a> {
    /// The cause that shows its proof.
    pub cause: usize,
    /// The lines of every check are shown.
    pub all: bool,
    /// Results of before, to compare with one of them.
    pub older: Option<&'a [Older]>,
}

pub fn ui(ui: &mut Ui, rect: Rect, model: &Outcome, open: &Open<'_>, metrics: &Metrics) -> Option<Action> {
    control::enter(ui.ctx(), Region::Content);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("diagnostics-result"));
    let mut action = None;
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let start = ui.cursor().min;
        let (left, width) = (rect.left() + metrics.edge, rect.width() - 2.0 * metrics.edge);
        let mut y = start.y + 14.0;
        y = verdict_ui(ui, pos2(left, y), width, model) + 14.0;
        for (index, cause) in model.causes.iter().enumerate() {
            let (asked, bottom) = cause_ui(ui, pos2(left, y), width, index, cause, index == open.cause, metrics);
            action = asked.or(action.take());
            y = bottom + 8.0;
        }
        let (asked, bottom) = foot_ui(ui, pos2(left, y + 2.0), width, model, open.all);
        action = asked.or(action.take());
        y = bottom;
        if let Some((when, changes)) = &model.changes {
            y = changes_ui(ui, pos2(left, y + 4.0), width, when, changes) + 4.0;
        }
        let (asked, bottom) = older_ui(ui, pos2(left, y + 4.0), width, open.older);
        action = asked.or(action.take());
        y = bottom + 4.0;
        if open.all {
            y = sections_ui(ui, pos2(left, y), width, &model.sections, 0.0);
        }
        ui.allocate_rect(Rect::from_min_max(start, pos2(rect.right(), y + 12.0)), Sense::hover());
    });
    action
}

fn verdict_ui(ui: &Ui, at: Pos2, width: f32, model: &Outcome) -> f32 {
    let colors = palette(ui);
    let room = width - 40.0;
    let height = paint::text_height(ui, room, &model.sentence, Type::Headline);
    let center = pos2(at.x + 14.0, at.y + 14.0);
    if model.shape == Shape::Failed {
        Icon::WARNING.paint(ui.painter(), center, 28.0, IconWeight::Fill, colors.danger.solid);
    } else {
        shape_ui(ui, center, model.shape, 28.0, 0.0);
    }
    paint::text(ui, pos2(at.x + 40.0, at.y), room, &model.sentence, Type::Headline, colors.text);
    at.y + height.max(28.0)
}

/// One cause; gives its bottom.
fn cause_ui(
    ui: &Ui,
    at: Pos2,
    width: f32,
    index: usize,
    cause: &CauseCard,
    open: bool,
    metrics: &Metrics,
) -> (Option<Action>, f32) {
    let colors = palette(ui);
    let pad = metrics.pad + 1.0;
    let advice_height = paint::text_height(ui, width - 2.0 * pad, &cause.advice, Type::Body);
    let body =
        if open { 24.0 * cause.evidence.len() as f32 + 4.0 + advice_height + 10.0 + 40.0 + 8.0 + 20.0 } else { 0.0 };
    let card = Rect::from_min_size(at, vec2(width, 60.0 + body + if open { 8.0 } else { 0.0 }));
    let mut action = None;
    let head = Rect::from_min_size(at, vec2(width, 60.0));
    paint::card(ui, card);
    let name = format!("{}. {}. {}. {}", index + 1, cause.title, cause.likelihood, cause.owner);
    let touch = Control::new(("cause", index), &name).selected(open).radius(size::RADIUS_L).add(ui, head.shrink(2.0));
    if touch.hovered && !open {
        paint::block(ui, card.shrink(1.0), size::RADIUS_L - 1.0, colors.quiet, None);
    }
    if touch.clicked {
        action = Some(Action::Diagnose(DiagnoseAction::OpenCause(index)));
    }
    let mut rest = head.shrink2(vec2(pad, 0.0));
    let place = paint::cut_left(&mut rest, 24.0, 12.0);
    ui.painter().circle_filled(place.center(), 12.0, colors.quiet);
    let number = Rect::from_center_size(place.center(), vec2(24.0, 20.0));
    paint::glyphs(ui, number, Align::Center, &(index + 1).to_string(), Type::Label, colors.text);
    let mut right = paint::cut_right(&mut rest, 84.0, 8.0);
    right.min.y = head.center().y - 18.0;
    right.max.y = right.min.y + 16.0;
    paint::glyphs(ui, right, Align::Max, cause.likelihood, Type::Small, colors.text);
    let bar = Rect::from_min_size(pos2(right.right() - 64.0, right.bottom() + 6.0), vec2(64.0, 6.0));
    paint::bar(ui, bar, cause.share, colors.track, colors.text);
    let line = Rect::from_min_size(pos2(rest.left(), head.center().y - 18.0), vec2(rest.width(), 20.0));
    paint::glyphs(ui, line, Align::Min, &cause.title, Type::Label, colors.text);
    let line = Rect::from_min_size(pos2(rest.left(), head.center().y + 2.0), vec2(rest.width(), 16.0));
    paint::glyphs(ui, line, Align::Min, cause.owner, Type::Small, colors.muted);
    if !open {
        return (action, card.bottom());
    }
    let left = at.x + pad;
    let inner = width - 2.0 * pad;
    let mut y = head.bottom();
    for (sign, fact, value) in &cause.evidence {
        let row = Rect::from_min_size(pos2(left, y), vec2(inner, 24.0));
        evidence_ui(ui, row, *sign, fact, value);
        y += 24.0;
    }
    y += 4.0;
    paint::text(ui, pos2(left, y), inner, &cause.advice, Type::Body, colors.muted);
    y += advice_height + 10.0;
    let words = text::remedy(&cause.remedy);
    let face = if index == 0 { Face::Primary } else { Face::Quiet };
    let place = Rect::from_min_size(pos2(left, y), vec2(inner, 40.0));
    let button = Button::new(("diag-fix", index), face, &words).icon(icon_of(&cause.remedy), 20.0, IconWeight::Bold);
    if button.add(ui, place).clicked {
        action = Some(Action::Diagnose(DiagnoseAction::Fix(index)));
    }
    y += 48.0;
    let row = Rect::from_min_size(pos2(left, y), vec2(inner, 20.0));
    paint::label(ui, row, Align::Min, &cause.rule, Type::Small, colors.muted);
    (action, card.bottom())
}

fn evidence_ui(ui: &Ui, row: Rect, sign: Sign, fact: &str, value: &str) {
    let colors = palette(ui);
    let mut rest = row;
    let place = paint::cut_left(&mut rest, 16.0, 8.0);
    let (icon, ink) = match sign {
        Sign::Bad => (Icon::X, colors.danger.text),
        Sign::Good => (Icon::CHECK, colors.success.text),
        Sign::Note => (Icon::CLOCK, colors.muted),
    };
    icon.paint(ui.painter(), place.center(), 16.0, IconWeight::Bold, ink);
    // The fact is read first; a long figure gives way.
    let most = rest.width() * 0.55;
    let width = paint::width(ui, value, Type::Body).min(most);
    let place = paint::cut_right(&mut rest, width, 8.0);
    paint::label(ui, place, Align::Max, value, Type::Body, colors.text);
    paint::label(ui, rest, Align::Min, fact, Type::Body, colors.text);
}

fn icon_of(remedy: &Remedy) -> Icon {
    match remedy {
        Remedy::UseDevice { role, .. } | Remedy::Unmute { role, .. } => match role {
            RemedyRole::Microphone => Icon::MICROPHONE,
            RemedyRole::Speaker => Icon::SPEAKER,
            RemedyRole::Ringer => Icon::BELL,
        },
        Remedy::OpenPermissions | Remedy::OpenSystemSound | Remedy::OpenDevices => Icon::GEAR,
        Remedy::SignInAgain => Icon::ARROWS_CLOCKWISE,
        Remedy::CopyForIt => Icon::COPY,
        Remedy::CheckAgain => Icon::ARROW_CLOCKWISE,
    }
}

/// Copy, check again, and the way to all lines; gives the bottom.
fn foot_ui(ui: &Ui, at: Pos2, width: f32, model: &Outcome, all: bool) -> (Option<Action>, f32) {
    let colors = palette(ui);
    let mut action = None;
    // The cause's own button may say one of these already; nobody needs it twice.
    let main = model.causes.first().map(|cause| &cause.remedy);
    let mut buttons = Vec::new();
    if main != Some(&Remedy::CopyForIt) {
        buttons.push(("diag-copy", Icon::COPY, DiagnoseAction::CopyForIt));
    }
    if main != Some(&Remedy::CheckAgain) {
        buttons.push(("diag-again", Icon::ARROW_CLOCKWISE, DiagnoseAction::Again));
    }
    let count = buttons.len().max(1) as f32;
    let each = ((width - 8.0 * (count - 1.0)) / count).floor();
    for (n, (id, icon, asked)) in buttons.into_iter().enumerate() {
        let place = Rect::from_min_size(pos2(at.x + (each + 8.0) * n as f32, at.y), vec2(each, 40.0));
        let words = match asked {
            DiagnoseAction::CopyForIt if paint::width(ui, text::DIAG_COPY, Type::Label) + 44.0 > each => {
                text::DIAG_COPY_SHORT
            }
            DiagnoseAction::CopyForIt => text::DIAG_COPY,
            _ => text::DIAG_AGAIN,
        };
        let button = Button::new(id, Face::Quiet, words).icon(icon, 16.0, IconWeight::Bold);
        if button.padding(8.0).add(ui, place).clicked {
            action = Some(Action::Diagnose(asked));
        }
    }
    let row = Rect::from_min_size(pos2(at.x, at.y + 48.0), vec2(width, 32.0));
    let words = if all { text::DIAG_SHOW_LESS } else { text::DIAG_SHOW_ALL };
    let passed = format!("{} · ", model.passed);
    let (first, second) = (paint::width(ui, &passed, Type::Body), paint::width(ui, words, Type::Body));
    let x = row.center().x - f32::midpoint(first, second);
    let place = Rect::from_min_size(pos2(x, row.top()), vec2(first, 32.0));
    paint::label(ui, place, Align::Min, &passed, Type::Body, colors.muted);
    let place = Rect::from_min_size(pos2(x + first, row.top()), vec2(second, 32.0));
    let touch = Control::new("diag-all", words).add(ui, place.expand2(vec2(6.0, 0.0)));
    link(ui, place, words, touch.hovered);
    if touch.clicked {
        action = Some(Action::Diagnose(DiagnoseAction::ShowAll(!all)));
    }
    (action, row.bottom() + 4.0)
}

/// The way to results of before, or the list of them; gives the bottom.
fn older_ui(ui: &Ui, at: Pos2, width: f32, older: Option<&[Older]>) -> (Option<Action>, f32) {
    let colors = palette(ui);
    let words = if older.is_some() { text::DIAG_COMPARE_NOT } else { text::DIAG_COMPARE };
    let room = paint::width(ui, words, Type::Body);
    let row = Rect::from_center_size(pos2(at.x + width / 2.0, at.y + 16.0), vec2(room, 32.0));
    let touch = Control::new("diag-older", words).add(ui, row.expand2(vec2(6.0, 0.0)));
    link(ui, row, words, touch.hovered);
    let mut action = touch.clicked.then_some(Action::Diagnose(DiagnoseAction::Older(older.is_none())));
    let Some(older) = older else { return (action, row.bottom()) };
    let mut y = row.bottom() + 4.0;
    let rows = findings::older_rows(older);
    if !rows.is_empty() {
        let card = Rect::from_min_size(pos2(at.x, y), vec2(width, 53.0 * rows.len() as f32 + 1.0));
        paint::card(ui, card);
        for (index, (shape, words, kind)) in rows.iter().enumerate() {
            let line = Rect::from_min_size(
                pos2(card.left() + 1.0, card.top() + 1.0 + 53.0 * index as f32),
                vec2(width - 2.0, 52.0),
            );
            if index > 0 {
                paint::hairline(ui, line.left(), line.right(), line.top() - 1.0);
            }
            let touch = Control::new(("diag-older-row", index), &format!("{words}. {kind}")).add(ui, line.shrink(2.0));
            if touch.hovered {
                paint::block(ui, line.shrink(1.0), size::RADIUS_L - 1.0, colors.quiet, None);
            }
            if touch.clicked {
                action = Some(Action::Diagnose(DiagnoseAction::CompareWith(index)));
            }
            let mut rest = line.shrink2(vec2(16.0, 0.0));
            let mark = paint::cut_left(&mut rest, 20.0, 12.0);
            shape_ui(ui, mark.center(), *shape, 20.0, 0.0);
            let top = Rect::from_min_size(pos2(rest.left(), line.center().y - 18.0), vec2(rest.width(), 20.0));
            paint::label(ui, top, Align::Min, words, Type::Label, colors.text);
            let under = Rect::from_min_size(pos2(rest.left(), line.center().y + 2.0), vec2(rest.width(), 16.0));
            paint::label(ui, under, Align::Min, kind, Type::Small, colors.muted);
        }
        y = card.bottom() + 8.0;
    }
    let words = if rows.is_empty() { text::DIAG_NO_OLDER } else { text::DIAG_OR_DROP };
    y += paint::text(ui, pos2(at.x, y), width, words, Type::Small, colors.muted) + 4.0;
    (action, y)
}

fn changes_ui(ui: &Ui, at: Pos2, width: f32, when: &str, changes: &[(bool, String)]) -> f32 {
    let colors = palette(ui);
    let head = Rect::from_min_size(at, vec2(width, 24.0));
    let words = if changes.is_empty() { text::unchanged_since(when) } else { text::changed_since(when) };
    paint::label(ui, head, Align::Min, &words, Type::SmallStrong, colors.muted);
    let mut y = at.y + 24.0;
    for (worse, words) in changes.iter().take(6) {
        let ink = if *worse { colors.danger.text } else { colors.text };
        y += paint::text(ui, pos2(at.x, y), width, words, Type::Small, ink) + 2.0;
    }
    y
}
