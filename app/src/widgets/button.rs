//! Buttons of every kind, and tiles.

use eframe::egui::{Align, Color32, Rect, Role, Ui, pos2, vec2};

use super::control::{Control, Touch};
use super::icon::Icon;
use super::paint;
use crate::theme::{self, IconWeight, Palette, Type, palette, size};

/// How a button is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// The one main thing to do here.
    Primary,
    Quiet,
    Outline,
    Answer,
    End,
    Decline,
    /// Resume, in the colour of hold.
    Resume,
    /// Nothing until the pointer comes.
    Bare,
}

/// A button in the making.
#[must_use]
pub struct Button<'a> {
    control: Control<'a>,
    text: &'a str,
    face: Face,
    icon: Option<(Icon, f32, IconWeight)>,
    kind: Type,
    enabled: bool,
    padding: f32,
}

impl<'a> Button<'a> {
    /// `text` is its name for screen readers too.
    pub fn new(id: impl std::hash::Hash + std::fmt::Debug, face: Face, text: &'a str) -> Self {
        Self {
            control: Control::new(id, text),
            text,
            face,
            icon: None,
            kind: Type::Label,
            enabled: true,
            padding: 16.0,
        }
    }

    /// An icon alone, with a name that is only spoken and shown in the tooltip.
    pub fn icon_only(id: impl std::hash::Hash + std::fmt::Debug, face: Face, name: &'a str, icon: Icon) -> Self {
        let mut button = Self::new(id, face, name).icon(icon, 20.0, IconWeight::Bold);
        button.control = button.control.hint(name);
        button.text = "";
        button
    }

    pub fn icon(mut self, icon: Icon, size: f32, weight: IconWeight) -> Self {
        self.icon = Some((icon, size, weight));
        self
    }

    pub fn title(mut self) -> Self {
        self.kind = Type::Title;
        self
    }

    pub fn kind(mut self, kind: Type) -> Self {
        self.kind = kind;
        self
    }

    pub fn padding(mut self, padding: f32) -> Self {
        self.padding = padding;
        self
    }

    pub fn refused(mut self, reason: Option<&'a str>) -> Self {
        self.enabled = reason.is_none();
        self.control = self.control.refused(reason);
        self
    }

    pub fn hint(mut self, hint: &'a str) -> Self {
        self.control = self.control.hint(hint);
        self
    }

    pub fn role(mut self, role: Role) -> Self {
        self.control = self.control.role(role);
        self
    }

    pub fn selected(mut self, selected: bool) -> Self {
        self.control = self.control.selected(selected);
        self
    }

    pub fn on_solid(mut self, on_solid: bool) -> Self {
        self.control = self.control.on_solid(on_solid);
        self
    }

    /// Width that shows everything.
    pub fn width(&self, ui: &Ui) -> f32 {
        let icon = self.icon.map_or(0.0, |(_, size, _)| size);
        let text = if self.text.is_empty() { 0.0 } else { paint::width(ui, self.text, self.kind) };
        let gap = if icon > 0.0 && text > 0.0 { 8.0 } else { 0.0 };
        (icon + gap + text + 2.0 * self.padding).ceil()
    }

    /// Draws it into the rectangle.
    pub fn add(self, ui: &Ui, rect: Rect) -> Touch {
        let Self { control, text, face, icon, kind, enabled, .. } = self;
        let colors = palette(ui);
        let radius = if face == Face::Decline { rect.height() / 2.0 } else { size::RADIUS_M };
        let on_solid_color = colors.info.on;
        let touch = control.radius(radius).add(ui, rect);
        let dim = |color: Color32| if enabled { color } else { color.gamma_multiply(0.5) };

        let (fill, edge, mut ink) = face_colors(face, colors, &touch, touch.warmth(ui));
        if touch.response.rect.is_positive() {
            paint::block(ui, rect, radius, dim(fill), edge.map(|(width, color)| (width, dim(color))));
        }
        if face == Face::Bare && ui.visuals().override_text_color == Some(on_solid_color) {
            ink = on_solid_color;
        }
        content(ui, rect, icon, text, kind, dim(ink));
        touch
    }
}

/// Icon and text side by side in the middle.
fn content(ui: &Ui, rect: Rect, icon: Option<(Icon, f32, IconWeight)>, text: &str, kind: Type, color: Color32) {
    let icon_size = icon.map_or(0.0, |(_, size, _)| size);
    let gap = if icon.is_some() && !text.is_empty() { 8.0 } else { 0.0 };
    let room = rect.width() - icon_size - gap - 8.0;
    let galley = paint::one_line(ui, text, kind, color, room);
    let total = icon_size + gap + galley.size().x;
    let mut x = (rect.center().x - total / 2.0).round();
    if let Some((icon, size, weight)) = icon {
        icon.paint(ui.painter(), pos2(x + size / 2.0, rect.center().y), size, weight, color);
        x += size + gap;
    }
    let pos = pos2(x, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(pos, galley, color);
}

fn face_colors(face: Face, colors: &Palette, touch: &Touch, warmth: f32) -> (Color32, Option<(f32, Color32)>, Color32) {
    let darker = |color: Color32| {
        let black = if touch.pressed { 0.16 } else { 0.08 * warmth };
        color.lerp_to_gamma(theme::SHADE, black)
    };
    match face {
        Face::Primary => {
            let fill = if touch.pressed { colors.ink } else { colors.ink.lerp_to_gamma(colors.ink_hover, warmth) };
            (fill, None, colors.ink_on)
        }
        Face::Quiet => {
            let edge = touch.pressed.then_some((size::STROKE, colors.border_control));
            (colors.quiet.lerp_to_gamma(colors.track, warmth), edge, colors.text)
        }
        Face::Outline => {
            let fill = colors.card.lerp_to_gamma(colors.quiet, warmth);
            (fill, Some((size::STROKE, colors.border_control)), colors.text)
        }
        Face::Answer => (darker(colors.success.solid), None, colors.success.on),
        Face::End => (darker(colors.danger.solid), None, colors.danger.on),
        Face::Resume => (darker(colors.warn.solid), None, colors.warn.on),
        Face::Decline => {
            let fill = colors.card.lerp_to_gamma(colors.danger.tint, if touch.pressed { 1.0 } else { warmth });
            (fill, Some((size::STROKE_STATE, colors.danger.solid)), colors.danger.text)
        }
        Face::Bare => (colors.quiet.gamma_multiply(warmth), None, colors.text),
    }
}

/// A tool: icon above a small word. `open` turns it to ink.
pub fn tool(ui: &Ui, rect: Rect, control: Control<'_>, icon: Icon, word: &str, open: bool) -> Touch {
    let colors = palette(ui);
    let touch = control.add(ui, rect);
    let warmth = touch.warmth(ui);
    let (fill, ink) = if open {
        (colors.ink.lerp_to_gamma(colors.ink_hover, warmth), colors.ink_on)
    } else {
        (colors.quiet.lerp_to_gamma(colors.track, warmth), colors.text)
    };
    let dim = |color: Color32| if touch.enabled { color } else { color.gamma_multiply(0.5) };
    let edge = (touch.pressed && !open).then_some((size::STROKE, colors.border_control));
    paint::block(ui, rect, size::RADIUS_M, dim(fill), edge);
    let column = 20.0 + 2.0 + Type::Small.line();
    let top = rect.center().y - column / 2.0;
    icon.paint(ui.painter(), pos2(rect.center().x, top + 10.0), 20.0, IconWeight::Regular, dim(ink));
    let line = Rect::from_min_size(pos2(rect.left(), top + 22.0), vec2(rect.width(), Type::Small.line()));
    paint::glyphs(ui, line.shrink2(vec2(4.0, 0.0)), Align::Center, word, Type::Small, dim(ink));
    touch
}

/// A key of the keypad.
pub fn key(ui: &Ui, rect: Rect, digit: char, letters: &str, refused: Option<&str>) -> Touch {
    let colors = palette(ui);
    let name = key_name(digit);
    let touch = Control::new(("key", digit), &name).refused(refused).add(ui, rect);
    let fill = if touch.pressed { colors.track } else { colors.quiet.lerp_to_gamma(colors.track, touch.warmth(ui)) };
    let edge = touch.pressed.then_some((size::STROKE, colors.border_control));
    let dim = |color: Color32| if touch.enabled { color } else { color.gamma_multiply(0.5) };
    paint::block(ui, rect, size::RADIUS_M, dim(fill), edge);
    // Digit and letters stand in columns, so that keys line up below each other.
    let left = rect.center().x - 30.0;
    let digit_rect = Rect::from_min_max(pos2(left, rect.top()), pos2(left + 16.0, rect.bottom()));
    paint::glyphs(ui, digit_rect, Align::Max, &digit.to_string(), Type::Headline, dim(colors.text));
    let letters_rect = Rect::from_min_max(pos2(left + 24.0, rect.top()), rect.right_bottom());
    paint::glyphs(ui, letters_rect, Align::Min, letters, Type::Small, dim(colors.muted));
    touch
}

fn key_name(digit: char) -> String {
    match digit {
        '*' => "Star".to_owned(),
        '#' => "Hash".to_owned(),
        digit => digit.to_string(),
    }
}

/// The keys in reading order with the letters under them (ITU-T E.161).
pub const KEYS: [(char, &str); 12] = [
    ('1', ""),
    ('2', "ABC"),
    ('3', "DEF"),
    ('4', "GHI"),
    ('5', "JKL"),
    ('6', "MNO"),
    ('7', "PQRS"),
    ('8', "TUV"),
    ('9', "WXYZ"),
    ('*', ""),
    ('0', "+"),
    ('#', ""),
];

/// Draws three columns of keys into the rectangle and tells which was pressed.
pub fn keypad(ui: &Ui, rect: Rect, refused: Option<&str>) -> Option<char> {
    const GAP: f32 = 4.0;
    let cell = vec2((rect.width() - 2.0 * GAP) / 3.0, (rect.height() - 3.0 * GAP) / 4.0);
    let mut pressed = None;
    for (index, (digit, letters)) in KEYS.into_iter().enumerate() {
        let (column, row) = ((index % 3) as f32, (index / 3) as f32);
        let min = pos2(rect.left() + column * (cell.x + GAP), rect.top() + row * (cell.y + GAP));
        let min = pos2(min.x.round(), min.y.round());
        if key(ui, Rect::from_min_size(min, vec2(cell.x.round(), cell.y.round())), digit, letters, refused).clicked {
            pressed = Some(digit);
        }
    }
    pressed
}

/// A small cap that shows one key of a shortcut. Gives the width used.
pub fn key_cap(ui: &Ui, left_center: eframe::egui::Pos2, name: &str) -> f32 {
    let colors = palette(ui);
    let galley = paint::one_line(ui, name, Type::Small, colors.muted, f32::INFINITY);
    let rect = Rect::from_min_size(left_center - vec2(0.0, 9.0), vec2(galley.size().x + 12.0, 18.0));
    paint::block(ui, rect, size::RADIUS_S, colors.card, Some((size::STROKE, colors.border_soft)));
    let pos = pos2(rect.left() + 6.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(pos, galley, colors.muted);
    rect.width()
}

/// A badge: quiet text in a small box. Gives the width used; `right_center` is its right end.
pub fn badge(ui: &Ui, right_center: eframe::egui::Pos2, text: &str, good: bool) -> f32 {
    let colors = palette(ui);
    let (fill, ink) = if good { (colors.success.tint, colors.success.text) } else { (colors.quiet, colors.muted) };
    let galley = paint::one_line(ui, text, Type::Small, ink, f32::INFINITY);
    let width = galley.size().x + 12.0;
    let rect = Rect::from_min_size(right_center - vec2(width, 10.0), vec2(width, 20.0));
    paint::block(ui, rect, size::RADIUS_S, fill, None);
    paint::label_node(ui, rect, text);
    ui.painter().galley(pos2(rect.left() + 6.0, rect.center().y - galley.size().y / 2.0), galley, ink);
    width
}

/// A switch; gives true when it was pressed.
pub fn switch(ui: &Ui, rect: Rect, id: &str, name: &str, on: bool) -> bool {
    let colors = palette(ui);
    let target = Rect::from_center_size(rect.center(), vec2(rect.width(), size::CONTROL_S));
    let touch = Control::new(id, name).role(Role::Switch).selected(on).radius(rect.height() / 2.0).add(ui, target);
    let time = if theme::moves(ui) { theme::motion::FAST } else { 0.0 };
    let how_on = ui.ctx().animate_bool_with_time(touch.response.id.with("knob"), on, time);
    let (fill, edge) = if on { (colors.ink, colors.ink) } else { (colors.card, colors.border_control) };
    paint::block(ui, rect, rect.height() / 2.0, fill, Some((2.0, edge)));
    let radius = if touch.hovered { 7.0 } else { 6.0 };
    let x = rect.left() + 10.0 + how_on * (rect.width() - 20.0);
    let knob = if on { colors.ink_on } else { colors.border_control };
    ui.painter().circle_filled(pos2(x, rect.center().y), radius, knob);
    touch.clicked
}
