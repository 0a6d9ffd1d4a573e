//! A line to type into. Its edge shows the focus, and F6 finds its region.

use eframe::egui::{Align2, Frame, Id, Margin, Rect, Response, TextEdit, Ui, vec2};

use super::{control, paint};
use crate::theme::{palette, size};

const LONGEST: usize = 64;
const INSET: f32 = 12.0;

pub struct Field<'a> {
    id: Id,
    hint: &'a str,
    longest: usize,
    inset: f32,
}

impl<'a> Field<'a> {
    /// `hint` stands in the empty field, and is its name for screen readers.
    pub fn new(id: Id, hint: &'a str) -> Self {
        Self { id, hint, longest: LONGEST, inset: INSET }
    }

    /// Letters that can be typed at most.
    #[must_use]
    pub fn longest(mut self, letters: usize) -> Self {
        self.longest = letters;
        self
    }

    /// Room left free at both ends, for an icon or a button.
    #[must_use]
    pub fn inset(mut self, inset: f32) -> Self {
        self.inset = inset;
        self
    }

    /// Draws over a copy of the text; what was typed is the second value when it changed.
    pub fn add(self, ui: &mut Ui, rect: Rect, typed: &str) -> (Response, Option<String>) {
        let colors = palette(ui);
        let focused = ui.memory(|memory| memory.has_focus(self.id));
        let (width, edge) =
            if focused { (size::STROKE_STATE, colors.focus) } else { (size::STROKE, colors.border_control) };
        paint::block(ui, rect, size::RADIUS_M, colors.card, Some((width, edge)));
        let inner = rect.shrink2(vec2(self.inset, 0.0));
        let mut buffer = typed.to_owned();
        let response = ui.put(
            inner,
            TextEdit::singleline(&mut buffer)
                .id(self.id)
                .frame(Frame::NONE)
                .margin(Margin::ZERO)
                .align(Align2::LEFT_CENTER)
                .min_size(inner.size())
                .desired_width(inner.width())
                .char_limit(self.longest)
                .hint_text(self.hint),
        );
        control::remember(ui, self.id);
        (response.accessible_name(self.hint), (buffer != typed).then_some(buffer))
    }
}
