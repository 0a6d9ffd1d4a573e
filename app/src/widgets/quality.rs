//! Quality bars and the sparkline of the last minute.

use eframe::egui::{Color32, Pos2, Rect, Stroke, Ui, pos2, vec2};
use phone_core::event::Quality;

use crate::model::history::SECONDS;
use crate::theme::palette;

/// Four bars, the first `filled` of them in `color`.
pub fn bars(ui: &Ui, left_center: Pos2, filled: u8, color: Color32) {
    let empty = palette(ui).track;
    for index in 0..4_u8 {
        let height = 4.0 * f32::from(index + 1);
        let min = pos2(left_center.x + 5.0 * f32::from(index), left_center.y + 8.0 - height);
        let fill = if index < filled { color } else { empty };
        ui.painter().rect_filled(Rect::from_min_size(min, vec2(4.0, height)), 1.0, fill);
    }
}

/// Width of [`bars`].
pub const BARS: f32 = 19.0;

/// Opinion scores that the line spans.
const RANGE: (f64, f64) = (1.5, 4.6);

/// Where a score stands in the chart.
pub fn height_of(rect: Rect, score: f64) -> f32 {
    let share = ((score - RANGE.0) / (RANGE.1 - RANGE.0)).clamp(0.0, 1.0) as f32;
    rect.bottom() - 2.0 - share * (rect.height() - 4.0)
}

/// Them to you, thick in `color`; you to them, thin. One point a second, newest right.
pub fn sparkline<'a>(
    ui: &Ui,
    rect: Rect,
    seconds: &(impl ExactSizeIterator<Item = &'a Quality> + Clone),
    color: Color32,
) {
    let colors = palette(ui);
    let base = Rect::from_min_size(pos2(rect.left(), rect.bottom() - 1.0), vec2(rect.width(), 1.0));
    ui.painter().rect_filled(base, 0.0, colors.track);
    let step = rect.width() / (SECONDS - 1) as f32;
    let start = SECONDS.saturating_sub(seconds.len());
    let line = |score: fn(&Quality) -> Option<f64>, stroke: Stroke| {
        let mut points: Vec<Pos2> = Vec::with_capacity(SECONDS);
        let flush = |points: &mut Vec<Pos2>| {
            if points.len() > 1 {
                ui.painter().line(std::mem::take(points), stroke);
            } else {
                points.clear();
            }
        };
        for (index, second) in seconds.clone().enumerate() {
            // A second without a figure leaves a gap: never a guess.
            let Some(score) = score(second) else {
                flush(&mut points);
                continue;
            };
            let x = rect.left() + step * (start + index) as f32;
            points.push(pos2(x, height_of(rect, score)));
        }
        flush(&mut points);
    };
    line(|q| q.far_mos, Stroke::new(1.5, colors.muted));
    line(|q| q.mos, Stroke::new(2.0, color));
}
