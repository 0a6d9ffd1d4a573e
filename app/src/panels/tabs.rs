//! The tabs at the bottom, or the rail at the left of a wide window.

use eframe::egui::{Align, Rect, Role, Ui, pos2, vec2};

use super::{Action, Metrics, Page};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::control::{self, Control, Region};
use crate::widgets::{Icon, icon, paint};

/// In the order of Ctrl+1, Ctrl+2 and so on. Screens to come take their place here.
pub const TABS: [(Page, Icon, &str); 3] = [
    (Page::Calls, Icon::PHONE, text::TAB_CALLS),
    (Page::Diagnostics, Icon::STETHOSCOPE, text::TAB_DIAGNOSTICS),
    (Page::Settings, Icon::GEAR, text::TAB_SETTINGS),
];

/// The tab that a page belongs to.
const fn tab_of(page: Page) -> Page {
    match page {
        Page::Calls | Page::Quality => Page::Calls,
        Page::Diagnostics => Page::Diagnostics,
        Page::Settings | Page::Sound | Page::Rules => Page::Settings,
    }
}

pub fn ui(ui: &mut Ui, rect: Rect, page: Page, metrics: &Metrics) -> Option<Action> {
    control::enter(ui.ctx(), Region::Tabs);
    let colors = palette(ui);
    ui.painter().rect_filled(rect, 0.0, colors.card);
    paint::hairline(ui, rect.left(), rect.right(), rect.top());
    let width = (rect.width() - 8.0) / TABS.len() as f32;
    let mut action = None;
    for (index, (target, icon, name)) in TABS.into_iter().enumerate() {
        let left = rect.left() + 4.0 + width * index as f32;
        let tab = Rect::from_min_size(pos2(left.round(), rect.top()), vec2(width.round(), rect.height()));
        let chosen = tab_of(page) == target;
        let hint = format!("{name} (Ctrl+{})", index + 1);
        let touch =
            Control::new(("tab", name), name).role(Role::Tab).selected(chosen).hint(&hint).add(ui, tab.shrink(4.0));
        let ink = if chosen { colors.text } else { colors.muted };
        if touch.hovered {
            paint::block(ui, tab.shrink(4.0), size::RADIUS_M, colors.quiet, None);
        }
        if chosen {
            let mark = Rect::from_min_size(tab.min, vec2(tab.width(), 2.0));
            ui.painter().rect_filled(mark, 0.0, colors.ink);
        }
        let weight = if chosen { IconWeight::Fill } else { IconWeight::Regular };
        if metrics.tiny {
            icon.paint(ui.painter(), tab.center(), 20.0, weight, ink);
        } else {
            icon.paint(ui.painter(), pos2(tab.center().x, tab.top() + 19.0), 20.0, weight, ink);
            let kind = if chosen { Type::SmallStrong } else { Type::Small };
            let line = Rect::from_min_size(pos2(tab.left(), tab.top() + 33.0), vec2(tab.width(), kind.line()));
            paint::glyphs(ui, line, Align::Center, name, kind, ink);
        }
        if touch.clicked {
            action = Some(Action::Go(target));
        }
    }
    action
}

/// The rail: mark on top, tabs below each other.
pub fn rail_ui(ui: &mut Ui, rect: Rect, page: Page) -> Option<Action> {
    control::enter(ui.ctx(), Region::Tabs);
    let colors = palette(ui);
    ui.painter().rect_filled(rect, 0.0, colors.card);
    let edge = Rect::from_min_max(pos2(rect.right() - size::STROKE, rect.top()), rect.max);
    ui.painter().rect_filled(edge, 0.0, colors.border_soft);
    let mark = Rect::from_center_size(pos2(rect.center().x, rect.top() + 12.0 + 16.0), vec2(32.0, 32.0));
    icon::mark(ui.painter(), mark, colors.ink, colors.ink_on);
    let mut action = None;
    for (index, (target, icon, name)) in TABS.into_iter().enumerate() {
        let top = rect.top() + 60.0 + (size::TABS + 4.0) * index as f32;
        let tab = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width() - size::STROKE, size::TABS));
        let chosen = tab_of(page) == target;
        let touch = Control::new(("tab", name), name).role(Role::Tab).selected(chosen).add(ui, tab.shrink(4.0));
        if touch.hovered {
            paint::block(ui, tab.shrink(4.0), size::RADIUS_M, colors.quiet, None);
        }
        if chosen {
            ui.painter().rect_filled(Rect::from_min_size(tab.min, vec2(2.0, tab.height())), 0.0, colors.ink);
        }
        let ink = if chosen { colors.text } else { colors.muted };
        let weight = if chosen { IconWeight::Fill } else { IconWeight::Regular };
        icon.paint(ui.painter(), pos2(tab.center().x, tab.top() + 18.0), 20.0, weight, ink);
        let kind = if chosen { Type::SmallStrong } else { Type::Small };
        let line = Rect::from_min_size(pos2(tab.left(), tab.top() + 32.0), vec2(tab.width(), kind.line()));
        paint::glyphs(ui, line, Align::Center, name, kind, ink);
        if touch.clicked {
            action = Some(Action::Go(target));
        }
    }
    action
}
