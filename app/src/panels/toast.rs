//! A notice at the bottom that goes by itself.

use std::time::{Duration, Instant};

use eframe::egui::{Id, Rect, Role, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::{Action, Metrics};
use crate::theme::{IconWeight, Type, motion, palette, size};
use crate::widgets::{Control, Icon, paint};

#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    pub words: String,
    /// Goes after this; put off while the pointer is on it.
    pub until: Instant,
}

impl Toast {
    pub fn new(words: impl Into<String>, now: Instant) -> Self {
        Self { words: words.into(), until: now + Duration::from_secs_f32(motion::TOAST) }
    }
}

/// Draws it at the bottom of `area`. Gives the action, and whether the pointer keeps it.
pub fn ui(ui: &mut Ui, area: Rect, toast: &Toast, metrics: &Metrics) -> (Option<Action>, bool) {
    let colors = palette(ui);
    let width = area.width() - 2.0 * metrics.edge;
    let room = width - 16.0 - 12.0 - 32.0;
    let height = (paint::text_height(ui, room, &toast.words, Type::Body) + 20.0).max(size::CONTROL_M);
    let rect = Rect::from_min_size(pos2(area.left() + metrics.edge, area.bottom() - 8.0 - height), vec2(width, height));
    let id = Id::unique("toast");
    let response = ui.interact(rect, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &toast.words));
    ui.ctx().accesskit_node_builder(id, |node| node.set_live(accesskit::Live::Polite));
    paint::block(ui, rect, size::RADIUS_M, colors.ink, None);
    let galley = paint::paragraph(ui, &toast.words, Type::Body, colors.ink_on, room);
    let pos = pos2(rect.left() + 16.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(pos, galley, colors.ink_on);
    let close = Rect::from_center_size(pos2(rect.right() - 4.0 - 16.0, rect.center().y), vec2(32.0, 32.0));
    let touch = Control::new("toast-close", "Dismiss").add(ui, close);
    Icon::X.paint(ui.painter(), close.center(), 16.0, IconWeight::Bold, colors.ink_on);
    let kept = response.contains_pointer() || touch.response.has_focus();
    (touch.clicked.then_some(Action::DismissToast), kept)
}
