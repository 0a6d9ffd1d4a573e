//! The screens. Each panel draws a model into a rectangle and returns what was asked for; none changes anything.

pub mod banner;
pub mod calls;
pub mod card;
pub mod devices;
pub mod diagnostics;
pub mod diagnostics_result;
pub mod diagnostics_wizard;
pub mod incoming;
pub mod leave;
pub mod menu;
pub mod phones;
pub mod problem;
pub mod quality;
pub mod rules;
pub mod screen;
pub mod settings;
pub mod signed_out;
pub mod sound_bar;
pub mod sound_page;
pub mod strip;
pub mod tabs;
pub mod toast;
pub mod transfer;
pub mod wrap_up;

use phone_core::Command;
use phone_core::ids::CallId;
use phone_core::sound::SoundRole;

use crate::theme::{ThemeChoice, size};

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Send(Command),
    /// Put one call on hold and take the other.
    Swap {
        hold: CallId,
        resume: CallId,
    },
    /// Put the live call on hold and take the one that rings.
    AnswerAndHold {
        hold: CallId,
        answer: CallId,
    },
    /// What stands in the dial field; empty: the last number dialled.
    Dial,
    /// Put a number into the dial field.
    FillDial(String),
    TypeDial(char),
    DeleteDial,
    ToggleDialKeys,
    ToggleCallKeys(CallId),
    SendDigit(CallId, char),
    Go(Page),
    Toggle(Popup),
    ClosePopup,
    SearchPhones(String),
    StartPractice,
    /// Show the regions, or hide them.
    ToggleRegions,
    ChooseRegion(&'static str),
    TypeClientId(String),
    /// Show where to hand the call on, or hide it.
    ToggleTransfer(CallId),
    TypeTransfer(String),
    SetTheme(ThemeChoice),
    SetTextSize(u16),
    SetReducedMotion(bool),
    SayStatus,
    Copy(String),
    /// In the browser of the system.
    OpenPage(String),
    /// Not to be told of this newer version again.
    PutOffUpdate,
    /// One line, which is said.
    CopyLine(String),
    Diagnose(diagnostics::DiagnoseAction),
    DismissToast,
    /// Close the window; asks first while in a call.
    Quit,
    /// Close it, whatever goes on.
    QuitNow,
}

/// A page of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Calls,
    Diagnostics,
    /// Of the call in front.
    Quality,
    Settings,
    Sound,
    /// Settings in force, and who decided them.
    Rules,
}

/// The one pop-up that may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popup {
    Phones,
    Devices(SoundRole),
    Menu,
    Tools,
    Why,
    Leave,
}

/// What the window's size changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Page edge.
    pub edge: f32,
    /// Card padding at the sides.
    pub pad: f32,
    pub small: bool,
    /// 200 % text in the smallest window: only what a call needs.
    pub tiny: bool,
}

impl Metrics {
    pub fn of(width: f32, height: f32) -> Self {
        let small = width < size::SMALL_WIDTH || height < size::SMALL_HEIGHT;
        let tiny = width < size::TINY_WIDTH || height < size::TINY_HEIGHT;
        Self { edge: if small { 8.0 } else { 16.0 }, pad: if small { 12.0 } else { 16.0 }, small, tiny }
    }

    pub fn sound_bar(&self) -> f32 {
        match (self.tiny, self.small) {
            (true, _) => 0.0,
            (_, true) => size::SOUND_BAR_SMALL,
            _ => size::SOUND_BAR,
        }
    }

    pub fn tabs(&self) -> f32 {
        if self.tiny { 40.0 } else { size::TABS }
    }

    pub fn tile(&self) -> f32 {
        if self.small { 48.0 } else { size::TILE }
    }
}
