//! A block above the calls that tells what changed elsewhere, with the buttons that do something about it: settings of
//! the service, a newer version.

use eframe::egui::{Rect, Ui, pos2, vec2};
use phone_core::Command;
use phone_core::snapshot::{SettingsChanged, Snapshot};
use phone_core::update::Offer;

use super::Action;
use crate::model::calls::in_call;
use crate::text;
use crate::theme::{Type, palette, size};
use crate::widgets::{Button, Face, paint};

const PAD: f32 = 16.0;
const GAP: f32 = 8.0;

/// What is told.
pub enum Banner<'a> {
    Settings(&'a SettingsChanged),
    Update(&'a Offer),
}

impl Banner<'_> {
    fn words(&self) -> String {
        match self {
            Self::Settings(model) => text::settings_changed(&model.changes),
            Self::Update(offer) => text::newer_version(&offer.version.to_string(), offer.required),
        }
    }

    fn buttons(&self, snapshot: &Snapshot) -> Vec<(Button<'static>, Action)> {
        match self {
            Self::Settings(model) => {
                let words = if in_call(snapshot) { text::SIGN_IN_AFTER_CALL } else { text::SIGN_IN_AGAIN };
                let button = Button::new("apply-settings", Face::Primary, words)
                    .refused(model.after_call.then_some(text::SIGN_IN_COMES));
                vec![(button, Action::Send(Command::ApplySettings))]
            }
            Self::Update(offer) => {
                let notes = offer
                    .notes
                    .clone()
                    .map(|url| (Button::new("update-notes", Face::Primary, text::UPDATE_NOTES), Action::OpenPage(url)));
                let later = (!offer.required).then(|| {
                    let button = Button::new("update-later", Face::Quiet, text::UPDATE_LATER);
                    (button.hint(text::UPDATE_LATER_HINT), Action::PutOffUpdate)
                });
                notes.into_iter().chain(later).collect()
            }
        }
    }

    pub fn height(&self, ui: &Ui, width: f32, snapshot: &Snapshot) -> f32 {
        let row = if self.buttons(snapshot).is_empty() { 0.0 } else { GAP + size::CONTROL_S };
        12.0 + paint::text_height(ui, width - 2.0 * PAD, &self.words(), Type::Body) + row + 12.0
    }

    pub fn ui(&self, ui: &Ui, rect: Rect, snapshot: &Snapshot) -> Option<Action> {
        let colors = palette(ui);
        paint::block(ui, rect, size::RADIUS_L, colors.info.tint, None);
        let inner = rect.shrink2(vec2(PAD, 12.0));
        let used = paint::text(ui, inner.min, inner.width(), &self.words(), Type::Body, colors.text);
        let mut at = pos2(inner.left(), inner.top() + used + GAP);
        let mut asked = None;
        for (button, action) in self.buttons(snapshot) {
            let button = button.padding(12.0);
            let width = button.width(ui);
            if button.add(ui, Rect::from_min_size(at, vec2(width, size::CONTROL_S))).clicked {
                asked = Some(action);
            }
            at.x += width + GAP;
        }
        asked
    }
}
