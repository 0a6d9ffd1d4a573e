//! The sound bar: microphone and speaker, open or closed, and do they hear you.

use eframe::egui::{Align, Rect, Ui, pos2, vec2};
use phone_core::Command;
use phone_core::sound::SoundRole;

use super::strip::tone;
use super::{Action, Metrics, Popup};
use crate::model::sound::{Lane, LaneEnd, LaneIcon, MeterLook, Sign, SoundBar};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::control::{self, Control, Region};
use crate::widgets::meter::{self, Needle};
use crate::widgets::{Icon, paint};

/// One press on quieter or louder, in percent.
pub const STEP: u8 = 5;

/// Rectangles of the device names, for the pop-up.
pub type Anchors = [Rect; 2];

pub fn ui(
    ui: &mut Ui,
    rect: Rect,
    model: &SoundBar,
    needle_of: impl Fn(SoundRole) -> Needle,
    metrics: &Metrics,
) -> (Option<Action>, Anchors) {
    control::enter(ui.ctx(), Region::Sound);
    let colors = palette(ui);
    ui.painter().rect_filled(rect, 0.0, colors.card);
    paint::hairline(ui, rect.left(), rect.right(), rect.top());
    let mut action = None;
    let mut anchors = [Rect::NOTHING; 2];
    let mut top = rect.top() + if metrics.small { 1.0 } else { 5.0 };
    for (lane, anchor) in model.lanes.iter().zip(&mut anchors) {
        let space = Rect::from_min_max(
            pos2(rect.left() + metrics.edge, top),
            pos2(rect.right() - metrics.edge, top + size::LANE),
        );
        let (asked, at) = lane_ui(ui, space, lane, needle_of(lane.role));
        action = action.or(asked);
        *anchor = at;
        top += size::LANE;
    }
    (action, anchors)
}

fn lane_ui(ui: &mut Ui, rect: Rect, lane: &Lane, needle: Needle) -> (Option<Action>, Rect) {
    let colors = palette(ui);
    let mut action = None;
    let (icon, ink) = match lane.icon {
        LaneIcon::Microphone => (Icon::MICROPHONE, colors.text),
        LaneIcon::MicrophoneOff => (Icon::MICROPHONE_SLASH, colors.danger.text),
        LaneIcon::Speaker => (Icon::SPEAKER, colors.text),
        LaneIcon::Bell => (Icon::BELL_RINGING, colors.text),
    };
    icon.paint(ui.painter(), pos2(rect.left() + 10.0, rect.center().y), 20.0, IconWeight::Regular, ink);

    let column = Rect::from_min_max(pos2(rect.left() + 32.0, rect.top() + 7.0), rect.max);
    let line = Rect::from_min_size(column.min, vec2(column.width(), 24.0));
    let end_width = end_width(ui, &lane.end);
    let end = Rect::from_min_max(pos2(line.right() - end_width, line.top()), line.max);

    let room = end.left() - 12.0 - line.left() - 18.0;
    let name = format!("{}: {}", text::role(lane.role), lane.device);
    let shown = paint::width(ui, &lane.device, Type::Body).min(room);
    // The press target is 32 high, higher than the line it stands in.
    let target = Rect::from_center_size(
        pos2(line.left() + 0.5 * (shown + 18.0), line.center().y),
        vec2(shown + 18.0 + 16.0, 32.0),
    );
    let touch = Control::new(("device", lane.role), &name).hint(&lane.detail).add(ui, target);
    if touch.hovered {
        paint::block(ui, target, size::RADIUS_M, colors.quiet, None);
    }
    let text_rect = Rect::from_min_size(line.min, vec2(room, line.height()));
    let used = paint::glyphs(ui, text_rect, Align::Min, &lane.device, Type::Body, colors.text);
    let caret = pos2(line.left() + used + 12.0, line.center().y);
    Icon::CARET_DOWN.paint(ui.painter(), caret, 12.0, IconWeight::Bold, colors.muted);
    if touch.clicked {
        action = Some(Action::Toggle(Popup::Devices(lane.role)));
    }

    action = end_ui(ui, end, lane).or(action);

    let meter_rect = Rect::from_min_size(pos2(column.left(), column.top() + 24.0), vec2(column.width(), size::METER));
    match lane.meter {
        MeterLook::Empty => meter::empty(ui, meter_rect),
        MeterLook::Live => meter::live(ui, meter_rect, &needle),
        MeterLook::Dashes(state) => meter::dashes(ui, meter_rect, tone(ui, state).text),
    }
    (action, target)
}

const STEPPER: f32 = 32.0 + 44.0 + 24.0;

fn end_width(ui: &Ui, end: &LaneEnd) -> f32 {
    match end {
        LaneEnd::Quiet(words) => paint::width(ui, words, Type::Body),
        LaneEnd::Word(_, _, words) => 20.0 + paint::width(ui, words, Type::Label),
        LaneEnd::Waiting(words) => 20.0 + paint::width(ui, words, Type::Body),
        LaneEnd::Volume(_) => STEPPER,
    }
}

fn end_ui(ui: &Ui, rect: Rect, lane: &Lane) -> Option<Action> {
    let colors = palette(ui);
    let icon_at = pos2(rect.left() + 8.0, rect.center().y);
    let words_rect = Rect::from_min_max(pos2(rect.left() + 20.0, rect.top()), rect.max);
    match &lane.end {
        LaneEnd::Quiet(words) => {
            paint::label(ui, rect, Align::Max, words, Type::Body, colors.muted);
            None
        }
        LaneEnd::Waiting(words) => {
            Icon::CIRCLE.paint(ui.painter(), icon_at, 16.0, IconWeight::Bold, colors.muted);
            paint::label(ui, words_rect, Align::Min, words, Type::Body, colors.muted);
            None
        }
        LaneEnd::Word(state, sign, words) => {
            let ink = tone(ui, *state).text;
            let (icon, weight) = match sign {
                Sign::Tick => (Icon::CHECK_CIRCLE, IconWeight::Fill),
                Sign::Triangle => (Icon::WARNING, IconWeight::Fill),
                Sign::CrossedMicrophone => (Icon::MICROPHONE_SLASH, IconWeight::Fill),
                Sign::Pause => (Icon::PAUSE, IconWeight::Fill),
                Sign::Barred => (Icon::PROHIBIT, IconWeight::Bold),
            };
            icon.paint(ui.painter(), icon_at, 16.0, weight, ink);
            paint::label(ui, words_rect, Align::Min, words, Type::Label, ink);
            None
        }
        LaneEnd::Volume(percent) => stepper(ui, rect, lane.role, *percent),
    }
}

fn stepper(ui: &Ui, rect: Rect, role: SoundRole, percent: u8) -> Option<Action> {
    let colors = palette(ui);
    let middle = rect.center().y;
    let quieter = Rect::from_center_size(pos2(rect.left() + 16.0, middle), vec2(32.0, 32.0));
    let louder = Rect::from_center_size(pos2(rect.right() - 8.0, middle), vec2(32.0, 32.0));
    let mut wanted = None;
    for (rect, icon, name, target) in [
        (quieter, Icon::MINUS, text::QUIETER, percent.saturating_sub(STEP)),
        (louder, Icon::PLUS, text::LOUDER, percent.saturating_add(STEP).min(100)),
    ] {
        let touch = Control::new((name, role), name).hint(name).add(ui, rect);
        if touch.hovered {
            paint::block(ui, rect, size::RADIUS_M, colors.quiet, None);
        }
        icon.paint(ui.painter(), rect.center(), 16.0, IconWeight::Bold, colors.muted);
        if touch.clicked && target != percent {
            wanted = Some(target);
        }
    }
    let value = Rect::from_min_max(quieter.right_top(), louder.left_bottom());
    paint::label(ui, value, Align::Center, &text::percent(percent), Type::Body, colors.text);
    wanted.map(|percent| Action::Send(Command::SetVolume { role, percent }))
}
