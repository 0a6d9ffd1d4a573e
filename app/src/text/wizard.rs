//! Words of the sound check step by step.

use crate::model::wizard::{Step, Try};

pub const WIZARD: &str = "Sound check";
pub const WIZARD_NAME: &str = "Set up your sound";
pub const WIZARD_ABOUT: &str = "Step by step, with a test call";
pub const WIZARD_LENGTH: &str = "2 min";
pub const WIZARD_LEAVE: &str = "Leave";
pub const WIZARD_SKIP: &str = "Skip";
pub const WIZARD_SENTENCE: &str = "“Good morning, thank you for calling. How can I help you today?”";
pub const WIZARD_PRESS_RECORD: &str = "Press Record and read the sentence";
pub const WIZARD_RECORD: &str = "Record";
pub const WIZARD_RECORD_AGAIN: &str = "Record again";
pub const WIZARD_RECORDING: &str = "Recording: read the sentence";
pub const WIZARD_HEAR: &str = "Hear it back";
pub const WIZARD_HEARD_NOTHING: &str =
    "We heard nothing. Is the microphone muted? Unmute it, or go back and choose another.";
pub const WIZARD_BUSY: &str = "Wait until this is over, or skip.";
pub const WIZARD_RECORD_FIRST: &str = "Record the sentence first, or skip.";
pub const WIZARD_LISTEN_FIRST: &str = "Play one of them first and say whether you heard it, or skip.";
pub const WIZARD_MEASURE_FIRST: &str = "Measure first, or skip.";
pub const WIZARD_CALL_FIRST: &str = "Start the test call first, or skip.";
pub const WIZARD_HEARD: &str = "Did you hear it?";
pub const YES: &str = "Yes";
pub const NO: &str = "No";
pub const WIZARD_QUIET_SOON: &str = "Then be quiet for 3 seconds";
pub const WIZARD_QUIET: &str = "Quiet, please";
pub const WIZARD_JUDGING: &str = "Looking at it";
pub const WIZARD_MEASURED: &str = "Measured";
pub const WIZARD_MEASURE: &str = "Measure";
pub const WIZARD_MEASURE_AGAIN: &str = "Measure again";
pub const WIZARD_VOLUME: &str = "Volume up or down";
pub const WIZARD_MUTE: &str = "Mute";
pub const WIZARD_PRESS_NOW: &str = "press it now";
pub const WIZARD_ARRIVED: &str = "arrived";
pub const WIZARD_NO_ANSWER_BUTTON: &str = "The answer button of a headset is not used by this version.";
pub const WIZARD_CALL: &str = "Start the test call";
pub const WIZARD_CALL_AGAIN: &str = "Call again";
pub const WIZARD_IN_CALL: &str = "You are in a call. Make the test call when it has ended.";
pub const WIZARD_NO_RELAY: &str = "The test call needs a media server, and none is known. Sign in first, or skip.";
pub const WIZARD_KEEP: &str = "Save as baseline";
pub const WIZARD_KEPT: &str = "Saved as the baseline of this headset. Later checks are compared with it.";
pub const WIZARD_NO_BASELINE: &str =
    "This headset has no baseline yet. Save this result as one when you are content with it.";
pub const WIZARD_NOTHING_TO_KEEP: &str = "Nothing was measured that could be saved as a baseline.";

pub fn wizard_step(number: usize) -> String {
    format!("Step {number} of 7")
}

/// Under the graph; `last`: mean opinion score of the last second, 1–5.
pub fn wizard_chart(last: Option<f64>) -> String {
    last.map_or_else(|| "Quality of each second".to_owned(), |mos| format!("Quality of each second: {mos:.1} of 5"))
}

pub fn wizard_next(name: &str) -> String {
    format!("Next: {name}")
}

/// A step in few words, in the middle of a line.
pub fn wizard_short(step: Step) -> &'static str {
    match step {
        Step::Devices => "devices",
        Step::Sentence => "your voice",
        Step::Sides => "left and right",
        Step::Echo => "echo",
        Step::Buttons => "headset buttons",
        Step::Call => "test call",
        Step::Summary => "summary",
    }
}

pub fn wizard_title(step: Step) -> &'static str {
    match step {
        Step::Devices => "Choose your devices",
        Step::Sentence => "Say a sentence, then hear it back",
        Step::Sides => "Left, right and the ring",
        Step::Echo => "Does your microphone hear your speaker?",
        Step::Buttons => "Press your headset’s buttons",
        Step::Call => "A test call of 15 seconds",
        Step::Summary => "Summary",
    }
}

pub fn wizard_note(step: Step) -> &'static str {
    match step {
        Step::Devices => "What you choose here is used for calls, too.",
        Step::Sentence => "The recording stays on this computer and is erased when you leave.",
        Step::Sides => "Play each of them and say whether you heard it.",
        Step::Echo => "Offhook plays a short chirp and looks for it in the microphone.",
        Step::Buttons => "Each press that reaches this computer gets a tick. Without a headset, skip this step.",
        Step::Call => "The packets of a call go through the relay and back. Nobody is called.",
        Step::Summary => "What was found, and how it compares with the last good time.",
    }
}

/// The main button at the foot.
pub fn wizard_done(step: Step, pressed: bool) -> &'static str {
    match step {
        Step::Devices => "These are right",
        Step::Sentence => "Sounds right",
        Step::Buttons if !pressed => "Nothing arrives",
        Step::Sides | Step::Echo | Step::Buttons | Step::Call => "Next",
        Step::Summary => "Finish",
    }
}

/// Name, and what the button says.
pub fn wizard_try(what: Try) -> (&'static str, &'static str) {
    match what {
        Try::Left => ("Left ear", "Play left"),
        Try::Right => ("Right ear", "Play right"),
        Try::Ring => ("Ring", "Play the ring"),
    }
}

/// `0:02.4`.
pub fn wizard_time(seconds: f32) -> String {
    format!("0:{seconds:04.1}")
}

pub fn no_test_call(why: &str) -> String {
    format!("The test call broke off: {why}. Try again, or skip.")
}

pub fn not_kept(why: &str) -> String {
    format!("The baseline could not be saved: {why}.")
}

/// How this result is, against the one that was kept.
pub fn against_baseline(when: &str, changes: usize, worse: &[&str]) -> String {
    match (changes, worse) {
        (0, _) => format!("As good as your baseline of {when}."),
        (_, []) => format!("Nothing is worse than in your baseline of {when}."),
        (_, worse) => format!("Worse than in your baseline of {when}: {}.", worse.join(", ")),
    }
}
