//! Keys and what they ask for.

use eframe::egui::{Context, Event, Key, KeyboardShortcut, Modifiers};

/// What a key asks for, before it is known which call it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Answer,
    /// Declines a call that rings.
    Decline,
    /// Ends the call; declines when only one rings.
    End,
    Mute,
    Hold,
    Keypad,
    SayStatus,
    Phones,
    Devices,
    QuickCheck,
    Louder,
    Quieter,
    Quality,
    NextPart,
    PreviousPart,
    Tab(usize),
    Quit,
}

pub struct Shortcut {
    pub keys: KeyboardShortcut,
    pub asked: Asked,
    pub name: &'static str,
}

const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

const fn shortcut(modifiers: Modifiers, key: Key, asked: Asked, name: &'static str) -> Shortcut {
    Shortcut { keys: KeyboardShortcut::new(modifiers, key), asked, name }
}

/// In the order of the Settings page. Those with more modifiers stand before those with fewer.
pub const TABLE: &[Shortcut] = &[
    shortcut(CTRL_SHIFT, Key::A, Asked::Answer, "Answer"),
    shortcut(CTRL_SHIFT, Key::X, Asked::Decline, "Decline"),
    shortcut(CTRL_SHIFT, Key::E, Asked::End, "End call"),
    shortcut(CTRL_SHIFT, Key::M, Asked::Mute, "Mute"),
    shortcut(CTRL_SHIFT, Key::H, Asked::Hold, "Hold or resume"),
    shortcut(CTRL_SHIFT, Key::K, Asked::Keypad, "Keypad"),
    shortcut(CTRL_SHIFT, Key::S, Asked::SayStatus, "Say status"),
    shortcut(CTRL_SHIFT, Key::Q, Asked::Quality, "Call quality"),
    shortcut(Modifiers::ALT, Key::P, Asked::Phones, "Choose a phone"),
    shortcut(Modifiers::ALT, Key::D, Asked::Devices, "Choose a microphone"),
    shortcut(CTRL_SHIFT, Key::ArrowUp, Asked::Louder, "Louder"),
    shortcut(CTRL_SHIFT, Key::ArrowDown, Asked::Quieter, "Quieter"),
    shortcut(Modifiers::NONE, Key::F8, Asked::QuickCheck, "Quick check"),
    shortcut(Modifiers::SHIFT, Key::F6, Asked::PreviousPart, "Previous part of the window"),
    shortcut(Modifiers::NONE, Key::F6, Asked::NextPart, "Next part of the window"),
    shortcut(Modifiers::COMMAND, Key::Num1, Asked::Tab(0), "Calls"),
    shortcut(Modifiers::COMMAND, Key::Num2, Asked::Tab(1), "Diagnostics"),
    shortcut(Modifiers::COMMAND, Key::Num3, Asked::Tab(2), "Settings"),
    shortcut(Modifiers::COMMAND, Key::Q, Asked::Quit, "Close Offhook"),
];

/// Takes the shortcuts of this frame out of the input.
pub fn take(ctx: &Context) -> Vec<Asked> {
    ctx.input_mut(|input| {
        TABLE.iter().filter(|shortcut| input.consume_shortcut(&shortcut.keys)).map(|shortcut| shortcut.asked).collect()
    })
}

/// Takes the digits typed in this frame out of the input; only while no text field has the focus.
pub fn take_digits(ctx: &Context) -> Vec<char> {
    if ctx.text_edit_focused() {
        return Vec::new();
    }
    let mut digits = Vec::new();
    ctx.input_mut(|input| {
        input.events.retain(|event| match event {
            Event::Text(text) => {
                let before = digits.len();
                digits.extend(text.chars().filter(|typed| typed.is_ascii_digit() || matches!(typed, '*' | '#')));
                digits.len() == before
            }
            _ => true,
        });
    });
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_shortcuts_are_the_same() {
        for (index, one) in TABLE.iter().enumerate() {
            for other in TABLE.iter().skip(index + 1) {
                assert_ne!(one.keys, other.keys, "{} and {}", one.name, other.name);
            }
        }
    }
}
