//! A pop-up: its own layer above everything, the only thing that reacts until it is closed.

use eframe::egui::{Area, Context, Frame, Id, Key, Modifiers, Order, Pos2, Rect, Sense, Stroke, Ui, Vec2, pos2, vec2};

use super::control;
use crate::theme::{Palette, size};

/// Where and how large.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub top_left: Pos2,
    pub width: f32,
    pub height: f32,
}

impl Place {
    /// Below a control, or above it where there is more room; never outside the window.
    pub fn at(anchor: Rect, wanted: Vec2, window: Rect) -> Self {
        let width = wanted.x.min(window.width() - 16.0);
        let below = window.bottom() - anchor.bottom() - 16.0;
        let above = anchor.top() - window.top() - 16.0;
        let under = wanted.y <= below || below >= above;
        let height = wanted.y.min(if under { below } else { above }).max(0.0);
        let top = if under { anchor.bottom() + 8.0 } else { anchor.top() - 8.0 - height };
        let left = anchor.left().min(window.right() - 8.0 - width).max(window.left() + 8.0);
        Self { top_left: pos2(left, top), width, height }
    }
}

/// Draws the pop-up. True when the user wants it closed: Escape, or a press beside it.
pub fn show(ctx: &Context, name: &str, place: Place, just_opened: bool, content: impl FnOnce(&mut Ui, Rect)) -> bool {
    let colors = Palette::of(ctx.global_style().visuals.dark_mode);
    let rect = Rect::from_min_size(place.top_left, vec2(place.width, place.height));
    let id = Id::unique(("popup", name));
    let area = Area::new(id)
        .order(Order::Foreground)
        .fixed_pos(place.top_left)
        .constrain(false)
        .fade_in(ctx.global_style().animation_time > 0.0)
        .accessible_name(name);
    ctx.memory_mut(|memory| memory.set_modal_layer(area.layer()));
    control::leave(ctx);
    area.show(ctx, |ui| {
        // Takes every press beside the pop-up, so that closing it never presses what lies under the pointer.
        ui.interact(ctx.content_rect(), id.with("backdrop"), Sense::CLICK | Sense::DRAG);
        ui.allocate_rect(rect, Sense::hover());
        let frame = Frame::NONE
            .fill(colors.card)
            .stroke(Stroke::new(size::STROKE, colors.border_soft))
            .corner_radius(size::RADIUS_L as u8)
            .shadow(ui.visuals().popup_shadow);
        ui.painter().add(frame.paint(rect));
        content(ui, rect);
    });
    let pressed_beside = ctx.input(|input| {
        input.pointer.any_pressed() && input.pointer.interact_pos().is_some_and(|pos| !rect.contains(pos))
    });
    let escape = ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
    !just_opened && (escape || pressed_beside)
}
