//! The list of phones, and the persistent connection below it.

use eframe::egui::{Align, Id, Rect, Role, ScrollArea, Ui, UiBuilder, pos2, vec2};
use phone_core::Command;

use super::Action;
use crate::model::phones::{Row, Selector, matching};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::{Button, Control, Face, Field, Icon, paint};

const FOOT: f32 = 64.0;
const SEARCH: f32 = 8.0 + size::CONTROL_M + 8.0;

/// Height the list wants.
pub fn height(model: &Selector) -> f32 {
    let rows = model.rows.len().max(1) as f32 * size::ROW_PHONE;
    let search = if model.searchable { SEARCH } else { 0.0 };
    let refused = if model.refused.is_some() { 44.0 } else { 0.0 };
    search + rows + refused + FOOT
}

/// The id of the row that the focus goes to when the list opens.
pub fn first_focus(model: &Selector) -> Id {
    let index = model.rows.iter().position(|row| row.selected).unwrap_or(0);
    Id::unique(("phone-row", index))
}

pub fn ui(ui: &mut Ui, rect: Rect, model: &Selector, typed: &str) -> Option<Action> {
    let colors = palette(ui);
    let mut action = None;
    let mut rest = rect;

    if model.searchable {
        let row = paint::cut_top(&mut rest, SEARCH, 0.0).shrink(8.0);
        let field = Field::new(Id::unique("phone-search"), text::SEARCH_PHONES);
        if let (_, Some(typed)) = field.add(ui, row, typed) {
            action = Some(Action::SearchPhones(typed));
        }
    }

    let foot = paint::cut_bottom(&mut rest, FOOT, 0.0);
    if let Some(reason) = model.refused {
        let line = paint::cut_top(&mut rest, 44.0, 0.0).shrink2(vec2(16.0, 8.0));
        paint::text(ui, line.min, line.width(), reason, Type::Small, colors.warn.text);
    }
    let rows = matching(&model.rows, if model.searchable { typed } else { "" });
    if rows.is_empty() {
        let words = if model.rows.is_empty() { text::NO_PHONE } else { text::NO_SUCH_PHONE };
        let line = Rect::from_min_size(rest.min, vec2(rest.width(), size::ROW_PHONE)).shrink2(vec2(16.0, 0.0));
        paint::label(ui, line, Align::Min, words, Type::Body, colors.muted);
    }
    let mut child = ui.new_child(UiBuilder::new().max_rect(rest).id_salt("phones"));
    child.spacing_mut().item_spacing = vec2(0.0, 0.0);
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        for (index, row) in rows.iter().enumerate() {
            let (_, rect) = ui.allocate_space(vec2(rest.width(), size::ROW_PHONE));
            let chosen = row_ui(ui, rect, index, row, model.refused);
            action = chosen.or(action.take());
        }
    });
    persistent_ui(ui, foot, model).or(action)
}

fn row_ui(ui: &mut Ui, rect: Rect, index: usize, row: &Row, refused: Option<&str>) -> Option<Action> {
    let colors = palette(ui);
    let usable = row.refused.is_none();
    let reason = row.refused.as_deref().or(if row.selected { None } else { refused });
    let name = format!("{}, {}", row.name, row.detail);
    let touch = Control::new(("phone-row", index), &name)
        .role(Role::ListBoxOption)
        .selected(row.selected)
        .refused(reason)
        .add(ui, rect.shrink(2.0));
    if row.selected || touch.hovered {
        paint::block(ui, rect.shrink(1.0), size::RADIUS_L - 1.0, colors.quiet, None);
    }
    paint::hairline(ui, rect.left() + 1.0, rect.right() - 1.0, rect.bottom() - size::STROKE);
    let mut rest = rect.shrink2(vec2(12.0, 12.0));
    let tick = paint::cut_left(&mut rest, 20.0, 12.0);
    if row.selected {
        Icon::CHECK.paint(ui.painter(), tick.center(), 20.0, IconWeight::Bold, colors.text);
    }
    let (icon, weight, ink, word, below) = match (usable, row.selected) {
        (false, _) => (
            Icon::MINUS_CIRCLE,
            IconWeight::Fill,
            colors.danger.text,
            text::OFF,
            row.refused.as_deref().unwrap_or_default(),
        ),
        (true, true) => (Icon::CHECK_CIRCLE, IconWeight::Fill, colors.success.text, text::READY, text::IN_USE),
        (true, false) => (Icon::CIRCLE, IconWeight::Regular, colors.text, text::AVAILABLE, ""),
    };
    // The reason may be long; the name keeps at least half of the row.
    let wanted = paint::width(ui, below, Type::Small).max(22.0 + paint::width(ui, word, Type::SmallStrong));
    let wanted = wanted.min(rest.width() / 2.0);
    let right = paint::cut_right(&mut rest, wanted, 8.0);
    let word_width = paint::width(ui, word, Type::SmallStrong);
    let state = Rect::from_min_size(pos2(right.right() - word_width, rest.top()), vec2(word_width, 20.0));
    paint::glyphs(ui, state, Align::Max, word, Type::SmallStrong, ink);
    icon.paint(ui.painter(), pos2(state.left() - 12.0, state.center().y), 16.0, weight, ink);
    let second = Rect::from_min_size(pos2(right.left(), rest.top() + 20.0), vec2(right.width(), 16.0));
    paint::glyphs(ui, second, Align::Max, below, Type::Small, colors.muted);

    let top = Rect::from_min_size(rest.min, vec2(rest.width(), 20.0));
    let name_ink = if usable { colors.text } else { colors.muted };
    paint::glyphs(ui, top, Align::Min, &row.name, Type::Label, name_ink);
    let under = Rect::from_min_size(pos2(rest.left(), rest.top() + 20.0), vec2(rest.width(), 16.0));
    paint::glyphs(ui, under, Align::Min, &row.detail, Type::Small, colors.muted);
    match (touch.clicked, row.selected) {
        (true, true) => Some(Action::ClosePopup),
        (true, false) => Some(Action::Send(Command::SelectPhone { id: row.id.clone() })),
        (false, _) => None,
    }
}

fn persistent_ui(ui: &mut Ui, rect: Rect, model: &Selector) -> Option<Action> {
    let colors = palette(ui);
    let mut rest = rect.shrink2(vec2(16.0, 14.0));
    let icon = paint::cut_left(&mut rest, 20.0, 12.0);
    Icon::LINK.paint(ui.painter(), icon.center(), 20.0, IconWeight::Regular, colors.text);
    let mut clicked = false;
    if model.persistent.can_stop {
        let stop = Button::new("stop-persistent", Face::Quiet, text::STOP).padding(12.0);
        let width = stop.width(ui);
        let right = paint::cut_right(&mut rest, width, 8.0);
        let button = Rect::from_center_size(right.center(), vec2(width, size::CONTROL_S));
        clicked = stop.add(ui, button).clicked;
    }
    // Takes the focus, so that its tooltip is read also without a mouse.
    let name = format!("{}. {}", text::PERSISTENT, model.persistent.line);
    Control::new("persistent", &name).role(Role::Label).hint(&model.persistent.why).add(ui, rest.expand(4.0));
    let top = Rect::from_min_size(rest.min, vec2(rest.width(), 20.0));
    paint::glyphs(ui, top, Align::Min, text::PERSISTENT, Type::Body, colors.text);
    let under = Rect::from_min_size(pos2(rest.left(), rest.top() + 20.0), vec2(rest.width(), 16.0));
    paint::glyphs(ui, under, Align::Min, &model.persistent.line, Type::Small, colors.muted);
    clicked.then_some(Action::Send(Command::StopPersistentConnection))
}
