//! The list of devices of one role.

use eframe::egui::{Align, Id, Rect, Role, ScrollArea, Ui, UiBuilder, vec2};
use phone_core::Command;
use phone_core::sound::SoundRole;

use super::{Action, Page};
use crate::model::sound::DeviceRow;
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::{Button, Control, Face, Icon, button, paint};

const HEAD: f32 = 40.0;
const FOOT: f32 = size::CONTROL_S + 16.0;

pub fn height(rows: &[DeviceRow], with_link: bool) -> f32 {
    HEAD + rows.len() as f32 * size::ROW_MENU + if with_link { FOOT } else { 8.0 }
}

pub fn first_focus(rows: &[DeviceRow]) -> Id {
    let index = rows.iter().position(|row| row.chosen).unwrap_or(0);
    Id::unique(("device-row", index))
}

/// `with_link`: a button leads to the Sound page.
pub fn ui(ui: &mut Ui, rect: Rect, role: SoundRole, rows: &[DeviceRow], with_link: bool) -> Option<Action> {
    let colors = palette(ui);
    let mut action = None;
    let mut rest = rect;
    let head = paint::cut_top(&mut rest, HEAD, 0.0).shrink2(vec2(16.0, 0.0));
    paint::label(ui, head, Align::Min, text::role(role), Type::SmallStrong, colors.muted);
    let foot = if with_link { paint::cut_bottom(&mut rest, FOOT, 0.0) } else { paint::cut_bottom(&mut rest, 8.0, 0.0) };

    let mut child = ui.new_child(UiBuilder::new().max_rect(rest).id_salt("devices"));
    child.spacing_mut().item_spacing = vec2(0.0, 0.0);
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        for (index, row) in rows.iter().enumerate() {
            let (_, rect) = ui.allocate_space(vec2(rest.width(), size::ROW_MENU));
            let rect = rect.shrink2(vec2(4.0, 0.0));
            let touch = Control::new(("device-row", index), &row.name)
                .role(Role::ListBoxOption)
                .selected(row.chosen)
                .add(ui, rect.shrink2(vec2(0.0, 1.0)));
            if row.chosen || touch.hovered {
                paint::block(ui, rect, size::RADIUS_M, colors.quiet, None);
            }
            let mut line = rect.shrink2(vec2(12.0, 0.0));
            let tick = paint::cut_left(&mut line, 20.0, 8.0);
            if row.chosen {
                Icon::CHECK.paint(ui.painter(), tick.center(), 16.0, IconWeight::Bold, colors.text);
            }
            if let Some(badge) = row.badge {
                let used = button::badge(ui, line.right_center(), badge, badge == "Headset");
                line.max.x -= used + 8.0;
            }
            let kind = if row.chosen { Type::Label } else { Type::Body };
            let used = paint::glyphs(ui, line, Align::Min, &row.name, kind, colors.text);
            line.min.x += used + 8.0;
            if let Some(note) = row.note.as_deref().filter(|_| line.width() > 40.0) {
                paint::glyphs(ui, line, Align::Max, note, Type::Small, colors.muted);
            }
            if touch.clicked {
                action = Some(Action::Send(Command::ChooseDevice { role, choice: row.choice.clone() }));
            }
        }
    });

    if with_link {
        let row = foot.shrink2(vec2(12.0, 8.0));
        if Button::new("all-sound", Face::Quiet, text::ALL_SOUND).add(ui, row).clicked {
            action = Some(Action::Go(Page::Sound));
        }
    }
    action
}
