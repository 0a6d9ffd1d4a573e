//! The menus behind the dots, and what stands behind the strip.

use std::time::Instant;

use eframe::egui::{Align, Id, Rect, Role, Ui, pos2, vec2};
use phone_core::Command;
use phone_core::diagnose::Plan;

use super::diagnostics::DiagnoseAction;
use super::{Action, Page};
use crate::diagnose::Scope;
use crate::model::calls::Card;
use crate::model::history::History;
use crate::model::since;
use crate::model::strip::{Problem, Strip};
use crate::text;
use crate::theme::{Type, palette, size};
use crate::widgets::{Button, Control, Face, paint};

/// One line of a menu: words, shortcut, what it does, why not.
struct Item {
    words: &'static str,
    keys: &'static str,
    action: Action,
    refused: Option<&'static str>,
}

impl Item {
    const fn new(words: &'static str, keys: &'static str, action: Action) -> Self {
        Self { words, keys, action, refused: None }
    }
}

fn main_items(signed_in: bool, card: Option<&Card>) -> Vec<Item> {
    let mut items = vec![
        Item::new(text::SAY_STATUS, "Ctrl+Shift+S", Action::SayStatus),
        Item::new(text::PAGE_SOUND, "", Action::Go(Page::Sound)),
        Item::new(text::DIAG_QUICK, "F8", Action::Diagnose(DiagnoseAction::Start(Scope::Plan(Plan::Quick)))),
        Item::new(text::PAGE_SETTINGS, "Ctrl+2", Action::Go(Page::Settings)),
    ];
    if let Some(card) = card {
        items.push(Item {
            refused: card.keypad_refused,
            ..Item::new(text::KEYPAD, "Ctrl+Shift+K", Action::ToggleCallKeys(card.id))
        });
    }
    if signed_in {
        items.push(Item {
            refused: card.is_some().then_some(text::SIGN_OUT_IN_CALL),
            ..Item::new(text::SIGN_OUT, "", Action::Send(Command::SignOut))
        });
    }
    items.push(Item::new(text::QUIT, "Ctrl+Q", Action::Quit));
    items
}

fn call_items(card: &Card) -> Vec<Item> {
    let mut items = vec![Item::new(text::SAY_STATUS, "Ctrl+Shift+S", Action::SayStatus)];
    if let Some(number) = &card.number {
        items.insert(0, Item::new(text::COPY_NUMBER, "", Action::Copy(number.clone())));
    }
    items
}

fn items_height(count: usize) -> f32 {
    count as f32 * size::ROW_MENU + 16.0
}

pub fn main_height(signed_in: bool, card: Option<&Card>) -> f32 {
    items_height(main_items(signed_in, card).len())
}

pub fn call_height(card: &Card) -> f32 {
    items_height(call_items(card).len())
}

/// The first line of either menu.
pub fn first_focus() -> Id {
    Id::unique(("menu-item", 0_usize))
}

pub fn main_ui(ui: &mut Ui, rect: Rect, signed_in: bool, card: Option<&Card>) -> Option<Action> {
    items_ui(ui, rect, main_items(signed_in, card))
}

pub fn call_ui(ui: &mut Ui, rect: Rect, card: &Card) -> Option<Action> {
    items_ui(ui, rect, call_items(card))
}

fn items_ui(ui: &mut Ui, rect: Rect, items: Vec<Item>) -> Option<Action> {
    let colors = palette(ui);
    let mut rest = rect.shrink2(vec2(8.0, 8.0));
    let mut action = None;
    for (index, item) in items.into_iter().enumerate() {
        let row = paint::cut_top(&mut rest, size::ROW_MENU, 0.0);
        let touch = Control::new(("menu-item", index), item.words)
            .role(Role::MenuItem)
            .refused(item.refused)
            .add(ui, row.shrink(1.0));
        if touch.hovered {
            paint::block(ui, row, size::RADIUS_M, colors.quiet, None);
        }
        let ink = if item.refused.is_some() { colors.text.gamma_multiply(0.5) } else { colors.text };
        let mut line = row.shrink2(vec2(12.0, 0.0));
        let used = paint::glyphs(ui, line, Align::Max, item.keys, Type::Small, colors.muted);
        line.max.x -= used + 8.0;
        paint::glyphs(ui, line, Align::Min, item.words, Type::Body, ink);
        if touch.clicked {
            action = Some(item.action);
        }
    }
    action
}

const EVENT: f32 = 24.0;

pub fn why_height(ui: &Ui, width: f32, strip: &Strip, problem: Option<&Problem>, history: &History) -> f32 {
    let room = width - 32.0;
    let remedy = problem.map_or(0.0, |p| paint::text_height(ui, room, &p.remedy, Type::Body) + 12.0 + size::CONTROL_M);
    let events = history.events().count().max(1) as f32 * EVENT;
    12.0 + paint::text_height(ui, room, &strip.why, Type::Label) + remedy + 12.0 + 24.0 + events + 12.0
}

/// Why the strip says what it says, and the last ten events.
pub fn why_ui(
    ui: &mut Ui,
    rect: Rect,
    strip: &Strip,
    problem: Option<&Problem>,
    history: &History,
    now: Instant,
) -> Option<Action> {
    let colors = palette(ui);
    let mut rest = rect.shrink2(vec2(16.0, 12.0));
    rest.min.y += paint::text(ui, rest.min, rest.width(), &strip.why, Type::Label, colors.text);
    let mut action = None;
    if let Some(problem) = problem {
        rest.min.y += paint::text(ui, rest.min, rest.width(), &problem.remedy, Type::Body, colors.text) + 12.0;
        let row = paint::cut_top(&mut rest, size::CONTROL_M, 0.0);
        let again = Button::new("why-try-again", Face::Primary, text::TRY_AGAIN);
        let button = Rect::from_min_size(row.min, vec2(again.width(ui), row.height()));
        if again.add(ui, button).clicked {
            action = Some(Action::Send(Command::Reconnect));
        }
    }
    rest.min.y += 12.0;
    let head = paint::cut_top(&mut rest, 24.0, 0.0);
    paint::label(ui, head, Align::Min, text::LAST_EVENTS, Type::SmallStrong, colors.muted);
    let mut any = false;
    for (at, words) in history.events() {
        if rest.height() < EVENT {
            break;
        }
        any = true;
        let mut line = paint::cut_top(&mut rest, EVENT, 0.0);
        let used = paint::label(ui, line, Align::Max, &text::ago(since(now, at)), Type::Small, colors.muted);
        line.max.x -= used + 8.0;
        paint::label(ui, line, Align::Min, words, Type::Body, colors.text);
    }
    if !any {
        let line = Rect::from_min_size(pos2(rest.left(), rest.top()), vec2(rest.width(), EVENT));
        paint::label(ui, line, Align::Min, text::NO_EVENTS, Type::Body, colors.muted);
    }
    action
}
