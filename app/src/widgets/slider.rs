//! A slider in percent: arrows move it by one step, Page keys by ten, Home and End to its ends.

use eframe::egui::{EventFilter, Id, Key, Rect, Role, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::control;
use crate::theme::palette;

/// Draws it; gives the new value when the user changed it.
pub fn slider(ui: &Ui, rect: Rect, id: &str, name: &str, value: u8) -> Option<u8> {
    let id = Id::unique(id);
    let response = ui.interact(rect, id, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::slider(true, f64::from(value), name));
    ui.ctx().accesskit_node_builder(id, |node| {
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(100.0);
        node.set_numeric_value_step(1.0);
        node.set_role(Role::Slider);
        node.add_action(accesskit::Action::Increment);
        node.add_action(accesskit::Action::Decrement);
        node.add_action(accesskit::Action::SetValue);
    });
    control::remember(ui, id);

    let mut wanted = i32::from(value);
    if response.clicked() || response.dragged() {
        response.request_focus();
        if let Some(pointer) = response.interact_pointer_pos() {
            let share = (pointer.x - rect.left() - 8.0) / (rect.width() - 16.0).max(1.0);
            wanted = (share.clamp(0.0, 1.0) * 100.0).round() as i32;
        }
    }
    if response.has_focus() {
        ui.memory_mut(|memory| {
            let keys = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            memory.set_focus_lock_filter(id, keys);
        });
        wanted += ui.input(|input| {
            let presses = |key| i32::try_from(input.num_presses(key)).unwrap_or(0);
            presses(Key::ArrowRight) + presses(Key::ArrowUp) - presses(Key::ArrowLeft) - presses(Key::ArrowDown)
                + 10 * (presses(Key::PageUp) - presses(Key::PageDown))
                + 100 * (presses(Key::End) - presses(Key::Home))
        });
    }
    wanted += ui.input(|input| {
        let requests = |action| i32::try_from(input.num_accesskit_action_requests(id, action)).unwrap_or(0);
        requests(accesskit::Action::Increment) - requests(accesskit::Action::Decrement)
    });
    let set = ui.input(|input| {
        input.accesskit_action_requests(id, accesskit::Action::SetValue).find_map(|request| match request.data {
            Some(accesskit::ActionData::NumericValue(value)) => Some(value.round() as i32),
            _ => None,
        })
    });
    let wanted = u8::try_from(set.unwrap_or(wanted).clamp(0, 100)).unwrap_or(value);

    let colors = palette(ui);
    let y = rect.center().y;
    let track = Rect::from_min_max(pos2(rect.left(), y - 2.0), pos2(rect.right(), y + 2.0));
    let x = rect.left() + 8.0 + f32::from(wanted) / 100.0 * (rect.width() - 16.0);
    super::paint::bar(ui, track, (x - rect.left()) / rect.width(), colors.track, colors.ink);
    let fill = if response.hovered() { colors.quiet } else { colors.card };
    ui.painter().circle(pos2(x, y), 7.0, fill, eframe::egui::Stroke::new(2.0, colors.ink));
    if response.has_focus() {
        let knob = Rect::from_center_size(pos2(x, y), vec2(16.0, 16.0));
        control::ring(ui, knob, 8.0, false);
    }
    (wanted != value).then_some(wanted)
}
