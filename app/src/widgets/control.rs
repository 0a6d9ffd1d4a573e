//! What every control has in common: a name, a place in the focus order, a focus ring, a reason when it is off.

use eframe::egui::{Context, Id, Key, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo};

use crate::theme;

/// The four parts that F6 walks through, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    Strip,
    Content,
    Sound,
    Tabs,
}

/// Which control is where, of this frame and of the last.
#[derive(Clone, Debug, Default)]
struct FocusMap {
    now: Option<Region>,
    ids: Vec<(Id, Region)>,
    last: Vec<(Id, Region)>,
    /// Focus came, or moved, by key: buttons show their ring only then.
    by_key: bool,
}

fn map<R>(ctx: &Context, change: impl FnOnce(&mut FocusMap) -> R) -> R {
    ctx.data_mut(|data| change(data.get_temp_mut_or_default::<FocusMap>(Id::unique("focus-map"))))
}

/// At the start of a frame.
pub fn begin_frame(ctx: &Context) {
    let (key, pointer) = ctx.input(|input| {
        let keys = [Key::Tab, Key::ArrowUp, Key::ArrowDown, Key::ArrowLeft, Key::ArrowRight, Key::F6];
        let alt = input.modifiers.alt || input.modifiers.command;
        (
            keys.into_iter().any(|key| input.key_pressed(key)) || (alt && !input.keys_down.is_empty()),
            input.pointer.any_pressed(),
        )
    });
    map(ctx, |map| {
        map.last = std::mem::take(&mut map.ids);
        map.now = None;
        map.by_key = (map.by_key || key) && !pointer;
    });
}

/// Controls from here on belong to this region.
pub fn enter(ctx: &Context, region: Region) {
    map(ctx, |map| map.now = Some(region));
}

/// Controls from here on belong to no region (pop-ups).
pub fn leave(ctx: &Context) {
    map(ctx, |map| map.now = None);
}

/// The focus is moved by the program on behalf of a key.
pub fn show_focus(ctx: &Context) {
    map(ctx, |map| map.by_key = true);
}

/// The first control of the region after (or before) the one that has the focus.
pub fn neighbour(ctx: &Context, backwards: bool) -> Option<Id> {
    const ORDER: [Region; 4] = [Region::Strip, Region::Content, Region::Sound, Region::Tabs];
    let focused = ctx.memory(eframe::egui::Memory::focused);
    map(ctx, |map| {
        let here = focused
            .and_then(|focused| map.last.iter().find(|(id, _)| *id == focused))
            .and_then(|(_, region)| ORDER.iter().position(|r| r == region));
        let count = ORDER.len();
        let start = match (here, backwards) {
            (Some(here), false) => here + 1,
            (Some(here), true) => here + count - 1,
            (None, false) => 0,
            (None, true) => count - 1,
        };
        (0..count).find_map(|step| {
            let index = if backwards { start + count - step } else { start + step } % count;
            let region = ORDER.get(index)?;
            map.last.iter().find(|(_, r)| r == region).map(|(id, _)| *id)
        })
    })
}

/// A control in the making.
#[must_use]
pub struct Control<'a> {
    id: Id,
    name: &'a str,
    role: Role,
    refused: Option<&'a str>,
    hint: Option<&'a str>,
    selected: Option<bool>,
    radius: f32,
    on_solid: bool,
}

impl<'a> Control<'a> {
    /// `name` is what a screen reader says and a test looks for.
    pub fn new(id: impl std::hash::Hash + std::fmt::Debug, name: &'a str) -> Self {
        Self {
            id: Id::unique(id),
            name,
            role: Role::Button,
            refused: None,
            hint: None,
            selected: None,
            radius: theme::size::RADIUS_M,
            on_solid: false,
        }
    }

    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Why it cannot be used now; shown in the tooltip and told to screen readers.
    pub fn refused(mut self, reason: Option<&'a str>) -> Self {
        self.refused = reason;
        self
    }

    /// Tooltip, for instance the shortcut.
    pub fn hint(mut self, hint: &'a str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub fn selected(mut self, selected: bool) -> Self {
        self.selected = Some(selected);
        self
    }

    pub fn radius(mut self, radius: f32) -> Self {
        self.radius = radius;
        self
    }

    /// On a filled strip the ring is white.
    pub fn on_solid(mut self, on_solid: bool) -> Self {
        self.on_solid = on_solid;
        self
    }

    /// Registers it. A refused control takes the focus, so that its reason can be read, and never reports a click.
    pub fn add(self, ui: &Ui, rect: Rect) -> Touch {
        let Self { id, name, role, refused, hint, selected, radius, on_solid } = self;
        let response = ui.interact(rect, id, Sense::click());
        let enabled = refused.is_none();
        response.widget_info(|| WidgetInfo { selected, ..WidgetInfo::labeled(role, enabled, name) });
        if let Some(told) = refused.or(hint) {
            ui.ctx().accesskit_node_builder(id, |node| node.set_description(told));
        }
        map(ui.ctx(), |map| {
            if let Some(region) = map.now {
                map.ids.push((id, region));
            }
        });
        let by_key = map(ui.ctx(), |map| map.by_key);
        if response.has_focus() && by_key {
            ring(ui, rect, radius, on_solid);
        }
        let response = match refused.or(hint) {
            Some(told) => response.on_hover_text(told),
            None => response,
        };
        Touch {
            clicked: enabled && response.clicked(),
            hovered: enabled && response.hovered(),
            pressed: enabled && response.is_pointer_button_down_on(),
            enabled,
            response,
        }
    }
}

/// What happened to a control in this frame.
#[expect(clippy::struct_excessive_bools, reason = "four facts of one frame, in any combination")]
pub struct Touch {
    pub clicked: bool,
    pub hovered: bool,
    pub pressed: bool,
    pub enabled: bool,
    pub response: Response,
}

impl Touch {
    /// 0 to 1 while the pointer comes, for a soft change of colour.
    pub fn warmth(&self, ui: &Ui) -> f32 {
        let time = if theme::moves(ui) { theme::motion::FAST } else { 0.0 };
        ui.ctx().animate_bool_with_time(self.response.id, self.hovered, time)
    }
}

/// Two pixels of ring, two of gap.
pub fn ring(ui: &Ui, rect: Rect, radius: f32, on_solid: bool) {
    let colors = theme::palette(ui);
    let color = if on_solid { colors.info.on } else { colors.focus };
    ui.painter().rect_stroke(rect.expand(2.0), radius + 2.0, Stroke::new(2.0, color), StrokeKind::Outside);
}

/// A field that takes the focus by mouse too shows the ring in place of its edge.
pub fn remember(ui: &Ui, id: Id) {
    map(ui.ctx(), |map| {
        if let Some(region) = map.now {
            map.ids.push((id, region));
        }
    });
}
