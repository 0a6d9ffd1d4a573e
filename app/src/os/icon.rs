//! The mark of Offhook as pixels, for the title bar and the task bar.

use eframe::egui::IconData;

const SIDE: u32 = 64;
/// The mark is drawn in a box of 32 units.
const UNITS: f32 = 32.0;
const INK: [f32; 3] = [0x23 as f32, 0x29 as f32, 0x35 as f32];
const WHITE: [f32; 3] = [255.0; 3];

/// An O whose upper right arc is lifted off, white on an ink square with round corners.
pub fn window_icon() -> IconData {
    let pixel = UNITS / SIDE as f32;
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let at = ((x as f32 + 0.5) * pixel, (y as f32 + 0.5) * pixel);
            // Distance to an edge in pixels gives smooth edges without a rasteriser.
            let cover = |distance: f32| (0.5 - distance / pixel).clamp(0.0, 1.0);
            let line = cover(arc(at, (14.5, 17.5), 8.0, 262.0)).max(cover(arc(at, (17.5, 14.5), -78.0, -12.0)));
            for (ink, white) in INK.into_iter().zip(WHITE) {
                rgba.push((ink + (white - ink) * line).round() as u8);
            }
            rgba.push((cover(square(at)) * 255.0).round() as u8);
        }
    }
    IconData { rgba, width: SIDE, height: SIDE }
}

/// Distance to a stroke of 3.5 with round ends along an arc of radius 7.5; negative inside.
fn arc((x, y): (f32, f32), (cx, cy): (f32, f32), from: f32, to: f32) -> f32 {
    const RADIUS: f32 = 7.5;
    const HALF: f32 = 1.75;
    let (dx, dy) = (x - cx, y - cy);
    let angle = dy.atan2(dx).to_degrees();
    let on_arc = [-360.0, 0.0, 360.0].iter().any(|turn| (from..=to).contains(&(angle + turn)));
    if on_arc {
        return (dx.hypot(dy) - RADIUS).abs() - HALF;
    }
    let to_end = |end: f32| {
        let (sin, cos) = end.to_radians().sin_cos();
        (dx - RADIUS * cos).hypot(dy - RADIUS * sin)
    };
    to_end(from).min(to_end(to)) - HALF
}

/// Distance to the square with corners of radius 8.
fn square((x, y): (f32, f32)) -> f32 {
    let (half, radius) = (UNITS / 2.0, 8.0);
    let (qx, qy) = ((x - half).abs() - half + radius, (y - half).abs() - half + radius);
    qx.max(0.0).hypot(qy.max(0.0)) + qx.max(qy).min(0.0) - radius
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_has_a_ring_in_a_square_with_clear_corners() {
        let icon = window_icon();
        let at = |x: u32, y: u32| {
            let start = ((y * SIDE + x) * 4) as usize;
            [icon.rgba[start], icon.rgba[start + 1], icon.rgba[start + 2], icon.rgba[start + 3]]
        };
        assert_eq!(at(0, 0)[3], 0, "the corner is clear");
        assert_eq!(at(30, 34), [0x23, 0x29, 0x35, 255], "the middle of the ring is ink");
        assert_eq!(at(14, 34), [255, 255, 255, 255], "the ring is white at its left");
    }
}
