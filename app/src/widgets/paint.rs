//! Text and shapes. Every piece of text is a label that a screen reader finds.

use std::sync::Arc;

use eframe::egui::{
    Align, Color32, FontSelection, Galley, Id, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2,
    text::{LayoutJob, TextFormat, TextWrapping},
};

use crate::theme::{Type, size};

/// Lays out one line that ends in an ellipsis when it is too long.
pub fn one_line(ui: &Ui, text: &str, kind: Type, color: Color32, max_width: f32) -> Arc<Galley> {
    layout(
        ui,
        text,
        kind,
        color,
        TextWrapping {
            max_width: max_width.max(0.0),
            max_rows: 1,
            break_anywhere: true,
            overflow_character: Some('…'),
        },
    )
}

/// Lays out a paragraph of any number of lines.
pub fn paragraph(ui: &Ui, text: &str, kind: Type, color: Color32, width: f32) -> Arc<Galley> {
    layout(ui, text, kind, color, TextWrapping { max_width: width.max(1.0), ..TextWrapping::default() })
}

fn layout(ui: &Ui, text: &str, kind: Type, color: Color32, wrap: TextWrapping) -> Arc<Galley> {
    let format = TextFormat {
        font_id: FontSelection::from(kind.font()).resolve(ui.style()),
        line_height: Some(kind.line()),
        color,
        valign: Align::Center,
        ..TextFormat::default()
    };
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap = wrap;
    ui.painter().layout_job(job)
}

/// Width of a line that is not cut.
pub fn width(ui: &Ui, text: &str, kind: Type) -> f32 {
    one_line(ui, text, kind, Color32::PLACEHOLDER, f32::INFINITY).size().x
}

/// Where a line stands in its rectangle; vertically always in the middle.
fn place(rect: Rect, galley: &Galley, align: Align) -> Pos2 {
    let x = match align {
        Align::Min => rect.left(),
        Align::Center => rect.center().x - galley.size().x / 2.0,
        Align::Max => rect.right() - galley.size().x,
    };
    pos2(x, rect.center().y - galley.size().y / 2.0)
}

/// Paints a line without a label of its own, inside a control that has one. Gives the width used.
pub fn glyphs(ui: &Ui, rect: Rect, align: Align, text: &str, kind: Type, color: Color32) -> f32 {
    let galley = one_line(ui, text, kind, color, rect.width());
    let used = galley.size().x;
    ui.painter().galley(place(rect, &galley, align), galley, color);
    used
}

/// Paints a line of text as a label; cut text is whole in the tooltip. Gives the width used.
pub fn label(ui: &Ui, rect: Rect, align: Align, text: &str, kind: Type, color: Color32) -> f32 {
    let galley = one_line(ui, text, kind, color, rect.width());
    let pos = place(rect, &galley, align);
    let used = galley.size();
    let response = label_node(ui, Rect::from_min_size(pos, used), text);
    if galley.elided {
        response.on_hover_text(text);
    }
    ui.painter().galley(pos, galley, color);
    used.x
}

/// Paints a paragraph as a label, from its top left corner. Gives the height used.
pub fn text(ui: &Ui, top_left: Pos2, width: f32, text: &str, kind: Type, color: Color32) -> f32 {
    let galley = paragraph(ui, text, kind, color, width);
    let used = galley.size();
    label_node(ui, Rect::from_min_size(top_left, used), text);
    ui.painter().galley(top_left, galley, color);
    used.y
}

/// Height that [`text`] will use.
pub fn text_height(ui: &Ui, width: f32, text: &str, kind: Type) -> f32 {
    paragraph(ui, text, kind, Color32::PLACEHOLDER, width).size().y
}

/// A label for screen readers and tests, where something else is painted.
pub fn label_node(ui: &Ui, rect: Rect, text: &str) -> Response {
    // The place is the identity: a text that changes where it stands stays the same label.
    let id = Id::unique(("label", ui.layer_id(), rect.left() as i32, rect.center().y as i32));
    let response = ui.interact(rect, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    response
}

/// A card or any other block with an edge inside its rectangle.
pub fn block(ui: &Ui, rect: Rect, radius: f32, fill: Color32, edge: Option<(f32, Color32)>) {
    let stroke = edge.map_or(Stroke::NONE, |(width, color)| Stroke::new(width, color));
    ui.painter().rect(rect, radius, fill, stroke, StrokeKind::Inside);
}

/// A card with the soft edge.
pub fn card(ui: &Ui, rect: Rect) {
    let colors = crate::theme::palette(ui);
    block(ui, rect, size::RADIUS_L, colors.card, Some((size::STROKE, colors.border_soft)));
}

/// Horizontal hairline.
pub fn hairline(ui: &Ui, left: f32, right: f32, y: f32) {
    let colors = crate::theme::palette(ui);
    let rect = Rect::from_min_max(pos2(left, y), pos2(right, y + size::STROKE));
    ui.painter().rect_filled(rect, 0.0, colors.border_soft);
}

/// A rounded bar filled from the left by `share`.
pub fn bar(ui: &Ui, rect: Rect, share: f32, track: Color32, fill: Color32) {
    let radius = rect.height() / 2.0;
    ui.painter().rect_filled(rect, radius, track);
    let width = rect.width() * share.clamp(0.0, 1.0);
    if width > 0.5 {
        ui.painter().rect_filled(Rect::from_min_size(rect.min, eframe::egui::vec2(width, rect.height())), radius, fill);
    }
}

/// Cuts a strip off the top and leaves a gap under it.
pub fn cut_top(rest: &mut Rect, height: f32, gap: f32) -> Rect {
    let cut = Rect::from_min_max(rest.min, pos2(rest.right(), rest.top() + height));
    rest.min.y += height + gap;
    cut
}

/// Cuts a strip off the bottom and leaves a gap above it.
pub fn cut_bottom(rest: &mut Rect, height: f32, gap: f32) -> Rect {
    let cut = Rect::from_min_max(pos2(rest.left(), rest.bottom() - height), rest.max);
    rest.max.y -= height + gap;
    cut
}

/// Cuts a strip off the left side.
pub fn cut_left(rest: &mut Rect, width: f32, gap: f32) -> Rect {
    let cut = Rect::from_min_max(rest.min, pos2(rest.left() + width, rest.bottom()));
    rest.min.x += width + gap;
    cut
}

/// Cuts a strip off the right side.
pub fn cut_right(rest: &mut Rect, width: f32, gap: f32) -> Rect {
    let cut = Rect::from_min_max(pos2(rest.right() - width, rest.top()), rest.max);
    rest.max.x -= width + gap;
    cut
}
