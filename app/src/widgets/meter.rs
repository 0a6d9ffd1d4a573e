//! Level meters: how a level moves, and how it looks.

use std::time::Instant;

use eframe::egui::{Color32, Rect, Shape, Stroke, Ui, pos2, vec2};

use crate::theme::{palette, size};

/// Lower end of every meter in dBFS.
const FLOOR_DB: f32 = -60.0;
/// Below this a voice is hardly there.
const LOW_DB: f32 = -45.0;
/// Where a voice should be.
pub const TARGET_DB: (f32, f32) = (-30.0, -12.0);
/// From here on samples are cut.
const CLIP_DB: f32 = -0.5;
const ATTACK_S: f32 = 0.010;
const RELEASE_S: f32 = 0.300;
const HOLD_S: f32 = 1.5;
const FALL_DB_PER_S: f32 = 12.0;
const CLIP_LIGHT_S: f32 = 2.0;

/// A level that rises at once and falls slowly, with a peak that stays for a moment.
#[derive(Clone, Copy, Debug)]
pub struct Needle {
    level_db: f32,
    peak_db: f32,
    peak_at: Instant,
    clipped_at: Option<Instant>,
    last: Instant,
}

impl Needle {
    pub fn new(now: Instant) -> Self {
        Self { level_db: FLOOR_DB, peak_db: FLOOR_DB, peak_at: now, clipped_at: None, last: now }
    }

    /// Takes the level of this frame.
    pub fn follow(&mut self, now: Instant, dbfs: f32) {
        let elapsed = now.saturating_duration_since(self.last).as_secs_f32().min(1.0);
        self.last = now;
        let target = if dbfs.is_finite() { dbfs.clamp(FLOOR_DB, 0.0) } else { FLOOR_DB };
        let time = if target > self.level_db { ATTACK_S } else { RELEASE_S };
        self.level_db += (target - self.level_db) * (1.0 - (-elapsed / time).exp());
        if dbfs >= CLIP_DB {
            self.clipped_at = Some(now);
        }
        if self.level_db >= self.peak_db {
            self.peak_db = self.level_db;
            self.peak_at = now;
        } else if now.saturating_duration_since(self.peak_at).as_secs_f32() > HOLD_S {
            self.peak_db = (self.peak_db - FALL_DB_PER_S * elapsed).max(self.level_db);
        }
    }

    pub fn level_db(&self) -> f32 {
        self.level_db
    }

    /// Nothing on the meter is going to move.
    pub fn rests(&self) -> bool {
        self.level_db < FLOOR_DB + 0.5 && self.peak_db < FLOOR_DB + 0.5 && !self.clips()
    }

    pub fn clips(&self) -> bool {
        self.clipped_at.is_some_and(|at| self.last.saturating_duration_since(at).as_secs_f32() < CLIP_LIGHT_S)
    }
}

/// Notices a voice behind a closed gate: louder than a room for about half a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct TalkDetector {
    voiced_s: f32,
    last: Option<Instant>,
}

impl TalkDetector {
    const VOICE_DB: f32 = -38.0;
    const NEEDED_S: f32 = 0.5;
    /// It forgets this much more slowly than it learns, so that the note stays between two words.
    const FORGETS: f32 = 0.25;

    /// Takes the level of this frame; tells whether somebody talks.
    pub fn follow(&mut self, now: Instant, dbfs: f32) -> bool {
        let elapsed = self.last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f32().min(0.25));
        self.last = Some(now);
        let change = if dbfs > Self::VOICE_DB { elapsed } else { -elapsed * Self::FORGETS };
        self.voiced_s = (self.voiced_s + change).clamp(0.0, 2.0 * Self::NEEDED_S);
        self.talks()
    }

    pub fn talks(&self) -> bool {
        self.voiced_s >= Self::NEEDED_S
    }
}

fn share(db: f32) -> f32 {
    ((db - FLOOR_DB) / -FLOOR_DB).clamp(0.0, 1.0)
}

/// The moving meter.
pub fn live(ui: &Ui, rect: Rect, needle: &Needle) {
    let colors = palette(ui);
    let fill = if needle.level_db < LOW_DB { colors.meter_low } else { colors.meter };
    super::paint::bar(ui, rect, share(needle.level_db), colors.track, fill);
    if needle.peak_db > FLOOR_DB + 0.5 {
        let x = (rect.left() + share(needle.peak_db) * rect.width() - 2.0).max(rect.left()).round();
        ui.painter().rect_filled(Rect::from_min_size(pos2(x, rect.top()), vec2(2.0, rect.height())), 0.0, colors.text);
    }
}

/// The track of a closed device.
pub fn empty(ui: &Ui, rect: Rect) {
    ui.painter().rect_filled(rect, rect.height() / 2.0, palette(ui).track);
}

/// No sound can flow.
pub fn dashes(ui: &Ui, rect: Rect, color: Color32) {
    let y = rect.center().y;
    let line = [pos2(rect.left(), y), pos2(rect.right(), y)];
    ui.painter().extend(Shape::dashed_line(&line, Stroke::new(2.0, color), 8.0, 6.0));
}

/// The bracket that shows where a voice should be.
pub fn target(ui: &Ui, meter: Rect) {
    let colors = palette(ui);
    let left = meter.left() + share(TARGET_DB.0) * meter.width();
    let right = meter.left() + share(TARGET_DB.1) * meter.width();
    let (top, bottom) = (meter.bottom() + 3.0, meter.bottom() + 6.0);
    let stroke = Stroke::new(size::STROKE_STATE, colors.meter);
    ui.painter().line(vec![pos2(left, top), pos2(left, bottom), pos2(right, bottom), pos2(right, top)], stroke);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_needle_rises_at_once_and_falls_slowly() {
        let start = Instant::now();
        let mut needle = Needle::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        needle.follow(at(33), -20.0);
        assert!(needle.level_db() > -23.0, "after one frame it is there: {}", needle.level_db());
        needle.follow(at(66), -60.0);
        assert!(needle.level_db() > -30.0, "one frame later it has hardly fallen: {}", needle.level_db());
        needle.follow(at(900), -60.0);
        assert!(needle.level_db() < -50.0, "after a second it is down: {}", needle.level_db());
        assert!(!needle.rests(), "its peak still falls");
        for ms in (1_000..9_000).step_by(33) {
            needle.follow(at(ms), -60.0);
        }
        assert!(needle.rests());
    }

    #[test]
    fn the_peak_stays_then_falls() {
        let start = Instant::now();
        let mut needle = Needle::new(start);
        needle.follow(start + Duration::from_millis(100), -10.0);
        let peak = needle.peak_db;
        for ms in (133..1_500).step_by(33) {
            needle.follow(start + Duration::from_millis(ms), -60.0);
        }
        assert!((needle.peak_db - peak).abs() < 1e-3);
        for ms in (1_500..3_000).step_by(33) {
            needle.follow(start + Duration::from_millis(ms), -60.0);
        }
        assert!(needle.peak_db < peak - 10.0);
    }

    #[test]
    fn nonsense_from_a_device_reads_as_silence() {
        let start = Instant::now();
        let mut needle = Needle::new(start);
        for (ms, level) in [(10, f32::NAN), (20, f32::NEG_INFINITY), (30, f32::INFINITY)] {
            needle.follow(start + Duration::from_millis(ms), level);
            assert!(needle.level_db().is_finite());
        }
    }

    #[test]
    fn a_cough_is_not_talking_but_a_sentence_is() {
        let start = Instant::now();
        let mut detector = TalkDetector::default();
        let feed = |detector: &mut TalkDetector, from: u64, to: u64, db: f32| {
            (from..to).step_by(100).fold(false, |_, ms| detector.follow(start + Duration::from_millis(ms), db))
        };
        assert!(!feed(&mut detector, 0, 300, -20.0));
        assert!(!feed(&mut detector, 300, 2_000, -70.0));
        assert!(feed(&mut detector, 2_000, 3_000, -25.0));
        assert!(!feed(&mut detector, 3_000, 9_000, -70.0));
    }
}
