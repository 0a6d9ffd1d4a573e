//! Names and code points of the icons (Phosphor), and the mark of Offhook.

use eframe::egui::{Color32, Painter, Pos2, Rect, Stroke, epaint::PathStroke, pos2, vec2};

use crate::theme::{self, IconWeight};

/// One icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icon(pub char);

impl Icon {
    pub const ARROW_BEND_UP_RIGHT: Self = Self('\u{E026}');
    pub const ARROW_LEFT: Self = Self('\u{E058}');
    pub const ARROWS_CLOCKWISE: Self = Self('\u{E094}');
    pub const ARROW_CLOCKWISE: Self = Self('\u{E036}');
    pub const ARROW_RIGHT: Self = Self('\u{E06C}');
    pub const BACKSPACE: Self = Self('\u{E0AE}');
    pub const BELL: Self = Self('\u{E0CE}');
    pub const BELL_RINGING: Self = Self('\u{E5E8}');
    pub const CARET_DOWN: Self = Self('\u{E136}');
    pub const CARET_RIGHT: Self = Self('\u{E13A}');
    pub const CHECK: Self = Self('\u{E182}');
    pub const CHECK_CIRCLE: Self = Self('\u{E184}');
    pub const CIRCLE: Self = Self('\u{E18A}');
    pub const CLIPBOARD_TEXT: Self = Self('\u{E198}');
    pub const CLOCK: Self = Self('\u{E19A}');
    pub const COPY: Self = Self('\u{E1CA}');
    pub const DOTS_THREE: Self = Self('\u{E1FE}');
    pub const DOTS_THREE_VERTICAL: Self = Self('\u{E208}');
    pub const EXPORT: Self = Self('\u{EAF0}');
    pub const GEAR: Self = Self('\u{E272}');
    pub const HEADPHONES: Self = Self('\u{E2A6}');
    pub const HEADSET: Self = Self('\u{E584}');
    pub const LIGHTNING: Self = Self('\u{E2DE}');
    pub const LINK: Self = Self('\u{E2E6}');
    pub const MAGNIFYING_GLASS: Self = Self('\u{E30C}');
    pub const MICROPHONE: Self = Self('\u{E326}');
    pub const MICROPHONE_SLASH: Self = Self('\u{E328}');
    pub const MINUS: Self = Self('\u{E32A}');
    pub const MINUS_CIRCLE: Self = Self('\u{E32C}');
    pub const NUMPAD: Self = Self('\u{E3C8}');
    pub const PAUSE: Self = Self('\u{E39E}');
    pub const PAUSE_CIRCLE: Self = Self('\u{E3A0}');
    pub const PHONE: Self = Self('\u{E3B8}');
    pub const PHONE_CALL: Self = Self('\u{E3BA}');
    pub const PHONE_DISCONNECT: Self = Self('\u{E3BC}');
    pub const PHONE_INCOMING: Self = Self('\u{E3BE}');
    pub const PHONE_OUTGOING: Self = Self('\u{E3C0}');
    pub const PHONE_X: Self = Self('\u{E3C4}');
    pub const PLAY: Self = Self('\u{E3D0}');
    pub const PLUS: Self = Self('\u{E3D4}');
    pub const PROHIBIT: Self = Self('\u{E3DE}');
    pub const QUESTION: Self = Self('\u{E3E8}');
    pub const SPEAKER: Self = Self('\u{E44A}');
    pub const STETHOSCOPE: Self = Self('\u{E7EA}');
    pub const STOP: Self = Self('\u{E46C}');
    pub const SWAP: Self = Self('\u{E83C}');
    pub const USERS: Self = Self('\u{E4D6}');
    pub const WARNING: Self = Self('\u{E4E0}');
    pub const WAVEFORM: Self = Self('\u{E802}');
    pub const X: Self = Self('\u{E4F6}');

    /// Draws it centred on a point.
    pub fn paint(self, painter: &Painter, center: Pos2, size: f32, weight: IconWeight, color: Color32) {
        let galley = painter.layout_no_wrap(self.0.to_string(), theme::icon_font(weight, size), color);
        let pos = center - galley.size() / 2.0;
        painter.galley(pos, galley, color);
    }

    /// Draws it turned by a share of a full turn, clockwise.
    pub fn paint_turned(
        self,
        painter: &Painter,
        center: Pos2,
        size: f32,
        weight: IconWeight,
        color: Color32,
        turn: f32,
    ) {
        let galley = painter.layout_no_wrap(self.0.to_string(), theme::icon_font(weight, size), color);
        let angle = turn * std::f32::consts::TAU;
        let half = galley.size() / 2.0;
        let rotated = vec2(half.x * angle.cos() - half.y * angle.sin(), half.x * angle.sin() + half.y * angle.cos());
        let mut shape = eframe::egui::epaint::TextShape::new(center - rotated, galley, color);
        shape.angle = angle;
        painter.add(shape);
    }
}

/// The mark: an O whose upper right arc is lifted off, on a square of 32 units.
pub fn mark(painter: &Painter, rect: Rect, fill: Color32, line: Color32) {
    let unit = rect.width() / 32.0;
    painter.rect_filled(rect, 8.0 * unit, fill);
    let arc = |center: Pos2, from: f32, to: f32| {
        let points: Vec<Pos2> = (0..=48_u8)
            .map(|step| {
                let angle = (from + (to - from) * f32::from(step) / 48.0).to_radians();
                center + 7.5 * unit * vec2(angle.cos(), angle.sin())
            })
            .collect();
        let stroke = Stroke::new(3.5 * unit, line);
        for end in [points.first(), points.last()].into_iter().flatten() {
            painter.circle_filled(*end, 1.75 * unit, line);
        }
        painter.line(points, PathStroke::from(stroke));
    };
    let at = |x: f32, y: f32| pos2(rect.left() + x * unit, rect.top() + y * unit);
    arc(at(14.5, 17.5), 8.0, 262.0);
    arc(at(17.5, 14.5), -78.0, -12.0);
}
