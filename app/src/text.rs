//! All words the user reads. Plain, second person, cause then action; never only a number, never blame.

use std::time::Duration;

use phone_core::command::SpeakWith;
use phone_core::event::{CallDirection, EndReason, Event};
use phone_core::measurement::NotMeasured;
use phone_core::snapshot::{SettingChange, SignInStep};
use phone_core::sound::{DeviceClass, OpenedBecause, SoundProblem, SoundRole};

mod older;
mod wizard;

pub use older::*;
pub use wizard::*;

pub const PRODUCT: &str = "Offhook";

// The strip
pub const SIGNED_OUT: &str = "Signed out";
pub const CANNOT_TAKE: &str = "Cannot take calls";
pub const SIGNING_IN: &str = "Signing in";
pub const READY: &str = "Ready";
pub const RECONNECTING: &str = "Reconnecting";
pub const CALLS_WAIT: &str = "calls wait";
pub const PROBLEM: &str = "Cannot receive calls";
pub const FIX: &str = "Fix";
pub const INCOMING: &str = "Incoming call";
pub const CALLING: &str = "Calling…";
pub const ON_CALL: &str = "On call";
pub const ON_HOLD: &str = "On hold";
pub const REPAIRING: &str = "Repairing the call";
pub const MUTED: &str = "MUTED";
pub const MORE: &str = "More";
pub const WHY: &str = "Why, and what happened last";
pub const LAST_EVENTS: &str = "What happened last";
pub const NO_EVENTS: &str = "Nothing yet.";

// Why the strip says what it says
pub const WHY_SIGNED_OUT: &str = "You are signed out, so nobody can call you.";
pub const WHY_READY: &str = "You can take calls.";
pub const WHY_READY_WARM: &str = "You can take calls. The connection is already open, so the next call starts at once.";
pub const WHY_RECONNECTING: &str = "The connection to the service is lost. Offhook tries again by itself.";
pub const WHY_RINGING: &str = "Somebody is calling you.";
pub const WHY_CALLING: &str = "You are calling somebody.";
pub const WHY_ON_CALL: &str = "You are in a call.";
pub const WHY_ON_HOLD: &str = "The call is on hold. The other side cannot hear you.";
pub const WHY_REPAIRING: &str =
    "The sound connection of this call broke. Offhook is building a new one; the call goes on.";

// Calls
pub const PHONE: &str = "Phone";
pub const NO_PHONE: &str = "No phone is assigned to you";
pub const CHOOSE_PHONE: &str = "Choose a phone";
pub const SEARCH_PHONES: &str = "Search phones";
pub const NO_SUCH_PHONE: &str = "No phone is called that.";
pub const IN_USE: &str = "In use now";
pub const AVAILABLE: &str = "Available";
pub const OFF: &str = "Off";
pub const DIAL_HINT: &str = "Number, name or link";
pub const CALL: &str = "Call";
pub const KEYPAD: &str = "Keypad";
pub const DELETE_DIGIT: &str = "Delete the last character";
pub const RECENT: &str = "Recent";
pub const NO_RECENT: &str = "No calls yet.";
pub const NO_RECENT_PRACTICE: &str = "No calls yet. Press “Echo test” to hear yourself.";
pub const ECHO_TEST: &str = "Echo test";
pub const CALL_ME: &str = "Call me";
pub const NOTHING_TO_DIAL: &str = "Type a number or a name first.";
pub const NOT_READY_TO_DIAL: &str = "You can call as soon as the strip says Ready.";
pub const HIDDEN_NUMBER: &str = "Hidden number";
pub const MISSED: &str = "Missed";

// Persistent connection
pub const PERSISTENT: &str = "Persistent connection";
pub const STOP: &str = "Stop";
pub const WHY_PERSISTENT: &str = "Improves subsequent call handling speed";

// A call
pub const ANSWER: &str = "Answer";
pub const ANSWER_AND_HOLD: &str = "Answer and hold";
pub const ANSWERING: &str = "Answering…";
pub const DECLINE: &str = "Decline";
pub const DECLINING: &str = "Declining…";
pub const RINGS: &str = "Ringing";
pub const MUTE: &str = "Mute";
pub const UNMUTE_HINT: &str = "in Offhook · press to speak";
pub const UNMUTE_SHORT: &str = "press to speak";
pub const HOLD: &str = "Hold";
pub const HOLDING: &str = "Holding…";
pub const RESUME: &str = "Resume";
pub const RESUMING: &str = "Resuming…";
pub const SWAP: &str = "Swap";
pub const SOUND_TOOL: &str = "Sound";
pub const END: &str = "End call";
pub const ENDING: &str = "Ending…";
pub const COPY_NUMBER: &str = "Copy the number";
pub const CALLED_YOU: &str = "called you";
pub const YOU_CALLED: &str = "you called";
pub const NOT_CONNECTED_HOLD: &str = "Hold works once the call is connected.";
pub const NOT_CONNECTED_KEYS: &str = "The keypad works once the call is connected.";
pub const HELD_KEYS: &str = "Resume the call first. Keys are not sent while it is on hold.";
pub const TALKING_WHILE_MUTED: &str = "You are talking while muted.";
pub const PRESS_MUTE: &str = "Press Mute to be heard.";
pub const HOLD_NOTE_ACTION: &str = "Press Resume to go on talking.";
pub const REPAIR_NOTE: &str = "The sound broke off.";
pub const REPAIR_NOTE_ACTION: &str = "Offhook is building a new connection. Stay on the line.";
pub const RINGING_THERE: &str = "Their phone is ringing";
pub const SETTING_UP: &str = "Setting up the call";
pub const WAITING_FOR_ANSWER: &str = "The call starts when they answer.";
pub const SETTING_UP_DETAIL: &str = "Looking for them and for a way to send sound.";
pub const SENT_BY_RTP: &str = "Sent · RFC 4733";
pub const DIGITS_HINT: &str = "Type digits, or press the keys";
pub const AGO_60: &str = "60 s ago";
pub const NOW: &str = "now";
pub const QUALITY: &str = "Call quality";
pub const QUALITY_CHART: &str = "Listening quality, 60 s";
pub const QUALITY_LEGEND: &str = "thick: them → you · thin: you → them";
pub const YOU_TO_THEM: &str = "You → them";
pub const THEM_TO_YOU: &str = "Them → you";
pub const NOT_REPORTED: &str = "–";

// Sound
pub const CLOSED: &str = "Closed until a call";
pub const OPENS_ON_ANSWER: &str = "Opens when you answer";
pub const OPENS_ON_CONNECT: &str = "Opens when they answer";
pub const OPENING: &str = "Opening…";
pub const OPEN: &str = "Open";
pub const PAUSED: &str = "Paused";
pub const THEY_HEAR: &str = "They hear you";
pub const THEY_DONT_HEAR: &str = "They don’t hear you";
pub const THEY_MAY_NOT_HEAR: &str = "They may not hear you";
pub const WAITING_FOR_PROOF: &str = "Waiting for proof";
pub const RINGING_ALOUD: &str = "Ringing aloud";
pub const NOBODY_HEARS_RING: &str = "Nobody hears the ring";
pub const QUIETER: &str = "Quieter";
pub const LOUDER: &str = "Louder";
pub const FOLLOW_SYSTEM: &str = "Follow the system";
pub const NO_DEVICE: &str = "No device";
pub const ALL_SOUND: &str = "All sound settings";
/// An order of preference in the list of devices.
pub fn preferred(count: usize) -> String {
    format!("The best of {count} you prefer")
}

pub const HEAR_MYSELF: &str = "Hear myself";
pub const SPEAK_NOW: &str = "Speak now. In 5 seconds you hear yourself.";
pub const THIS_IS_YOU: &str = "This is how others hear you.";
pub const LEFT: &str = "Left";
pub const RIGHT: &str = "Right";
pub const PREVIEW: &str = "Preview";
pub const YOUR_VOICE: &str = "Your voice, before it is sent";
pub const CANCEL_ECHO: &str = "Cancel echo";
pub const ECHO_AUTOMATIC: &str = "Automatic";
pub const ECHO_ALWAYS: &str = "Always";
pub const ECHO_NEVER: &str = "Never";
pub const REDUCE_NOISE: &str = "Reduce noise";
pub const NOISE_OFF: &str = "Off";
pub const NOISE_NORMAL: &str = "Normal";
pub const NOISE_STRONG: &str = "Strong";
pub const EVEN_OUT: &str = "Automatic level";
pub const EVEN_OUT_NOTE: &str = "Quiet and loud voices arrive alike";
pub const HEADSET_AVOIDS_ECHO: &str = "Laptop microphone and speakers together cause echo. A headset avoids it.";

/// Why a sound that was asked for on the Sound page did not play; `None` when the user wanted it so.
pub fn not_tried(why: &NotMeasured) -> Option<String> {
    Some(match why {
        NotMeasured::Cancelled => return None,
        NotMeasured::Busy => "Something is being measured already. Wait until it is done.".to_owned(),
        NotMeasured::InCall => "Not during a call: the other side would hear it.".to_owned(),
        NotMeasured::NoRecording => "The recording is erased already. Record again.".to_owned(),
        NotMeasured::DeviceChanged => "The device changed meanwhile. Try again.".to_owned(),
        NotMeasured::NoDevice { problem, .. } => sound_problem(problem),
        NotMeasured::Stuck { role: stuck } => {
            format!("{} is open, but no sound flows. Plug it in again, or choose another.", role(*stuck))
        }
        NotMeasured::Failed(why) => format!("It did not work: {why}."),
    })
}

pub const LEVEL_RIGHT: &str = "Level is right";
pub const LEVEL_LOW: &str = "Too quiet";
pub const LEVEL_HIGH: &str = "Too loud";
pub const LEVEL_SILENT: &str = "Silent";
pub const CLIP: &str = "Clip";
pub const LEVEL_MIC: &str = "Level";
pub const LEVEL_CALLS: &str = "Calls";
pub const LEVEL_RING: &str = "Ring";
pub const SOUND_NOTE: &str = "Changes apply at once, also during a call.";
pub const NO_MICROPHONE: &str = "No microphone found. Plug one in; it appears here at once.";
pub const NO_SPEAKER: &str = "No speaker found. Plug one in; it appears here at once.";

// Pages
pub const TAB_CALLS: &str = "Calls";
pub const TAB_SETTINGS: &str = "Settings";
pub const TAB_DIAGNOSTICS: &str = "Diagnostics";

// Diagnostics
pub const DIAG_CLAIM: &str = "Finds the cause, shows the proof, and says who can fix it.";
pub const DIAG_QUICK: &str = "Quick check";
pub const DIAG_QUICK_NOTE: &str = "Sound, network and service";
pub const DIAG_QUICK_TIME: &str = "20 s";
pub const DIAG_PROBLEM: &str = "I have a problem";
pub const DIAG_PROBLEM_NOTE: &str = "Pick what you notice";
pub const DIAG_FULL: &str = "Full check for IT";
pub const DIAG_FULL_NOTE: &str = "Everything, with a report";
pub const DIAG_FULL_TIME: &str = "1 min";
pub const DIAG_NEVER: &str = "Not checked yet";
pub const DIAG_OPEN: &str = "Open";
pub const DIAG_STARTING: &str = "Starting";
pub const DIAG_WAITING: &str = "waiting";
pub const DIAG_MEASURING: &str = "Measuring";
pub const DIAG_STOP: &str = "Stop";
pub const DIAG_NOT_CHECKED: &str = "not checked";
pub const DIAG_CHECK: &str = "Look below";
pub const DIAG_CHECK_SOUND: &str = "Check sound";
pub const DIAG_CHECK_NETWORK: &str = "Check network";
pub const DIAG_CHECK_SERVICE: &str = "Check sign-in";
pub const DIAG_CHECK_COMPUTER: &str = "Check computer";
pub const DIAG_COPY: &str = "Copy message for IT";
pub const DIAG_COPY_SHORT: &str = "Copy for IT";
pub const DIAG_AGAIN: &str = "Check again";
pub const DIAG_SHOW_ALL: &str = "Show all";
pub const DIAG_SHOW_LESS: &str = "Show less";
pub const DIAG_EXPORT: &str = "Save the result";
pub const DIAG_COPIED: &str = "Copied. Paste it into a chat with IT.";
pub const DIAG_UNMUTING: &str = "Switched on in the system.";
pub const DIAG_UNMUTE_FAILED: &str = "The system did not let Offhook switch it on. Open the sound settings.";
pub const DIAG_CANNOT_OPEN: &str = "The system’s settings could not be opened from here.";
pub const DIAG_SIGNING_IN: &str = "Trying to connect again.";
pub const PAGE_SOUND: &str = "Sound";
pub const PAGE_SETTINGS: &str = "Settings";
pub const BACK: &str = "Back";

// Settings
pub const ACCOUNT: &str = "Account";
pub const PRACTICE_ACCOUNT: &str = "Practice exchange on this computer";
pub const SIGN_OUT: &str = "Sign out";
pub const SIGN_OUT_IN_CALL: &str = "End the call first.";
pub const APPEARANCE: &str = "Appearance";
pub const THEME: &str = "Theme";
pub const THEME_SYSTEM: &str = "System";
pub const THEME_LIGHT: &str = "Light";
pub const THEME_DARK: &str = "Dark";
pub const TEXT_SIZE: &str = "Text size";
pub const REDUCE_MOTION: &str = "Reduce motion";
pub const REDUCE_MOTION_NOTE: &str = "Nothing pulses or turns";
pub const SOUND_ROW: &str = "Devices and volume";
pub const SOUND_ROW_NOTE: &str = "Microphone, speaker, ringer";
pub const DURING_CALLS: &str = "Sound";
pub const SHORTCUTS: &str = "Keyboard";
pub const ABOUT: &str = "About";
pub const VERSION: &str = "Version";
pub const LICENCES: &str = "Licences";
pub const LICENCES_NOTE: &str = "Offhook: MIT or Apache 2.0 · Inter: OFL 1.1 · Phosphor: MIT";
pub const SAY_STATUS: &str = "Say status";
pub const QUIT: &str = "Quit Offhook";

// Signed out
pub const CLAIM: &str = "Your phone for Genesys Cloud and SIP.";
pub const PRACTICE_TITLE: &str = "Practise without an account";
pub const PRACTICE_TEXT: &str =
    "A practice exchange in this computer: echo, music, a caller who talks. Nothing leaves it.";
pub const START_PRACTICE: &str = "Start practice";
pub const STARTING_PRACTICE: &str = "Starting…";
pub const NO_PRACTICE: &str = "This start of Offhook has no practice exchange.";
pub const PRACTICE_FAILED: &str = "The practice exchange did not start.";

// Problem
pub const TRY_AGAIN: &str = "Try again";

// Leaving
pub const LEAVE_TITLE: &str = "You are in a call.";
pub const LEAVE_TEXT: &str = "Closing Offhook ends it.";
pub const LEAVE_YES: &str = "End call and close";
pub const LEAVE_NO: &str = "Stay in the call";
pub const PHONE_BUSY: &str = "The phone is busy and did not take this. Try again.";

/// `04:12`, `1:02:09`.
pub fn timer(lasted: Duration) -> String {
    let s = lasted.as_secs();
    if s < 3_600 {
        format!("{:02}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
    }
}

/// `1:10`, `12:05`: for what only accompanies a state.
pub fn short_timer(lasted: Duration) -> String {
    let s = lasted.as_secs();
    if s < 3_600 { format!("{}:{:02}", s / 60, s % 60) } else { timer(lasted) }
}

/// `12 s`, `6 min 12 s`, `1 h 3 min`.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// `just now`, `5 min ago`, `2 h ago`.
pub fn ago(age: Duration) -> String {
    match age.as_secs() / 60 {
        0 => "just now".to_owned(),
        minutes @ 1..60 => format!("{minutes} min ago"),
        minutes => format!("{} h ago", minutes / 60),
    }
}

/// How long the warm connection stays, for the strip: whole minutes, so that nothing is redrawn each second.
pub fn warm(left: Option<Duration>) -> String {
    match left.map(|left| left.as_secs()) {
        None => "warm".to_owned(),
        Some(seconds) if seconds < 60 => format!("warm {seconds} s"),
        Some(seconds) => format!("warm {} min", seconds.div_ceil(60)),
    }
}

pub fn warm_left(left: Option<Duration>) -> String {
    left.map_or_else(
        || "Stays open until you sign out.".to_owned(),
        |left| format!("Stays open {} more", short_timer(left)),
    )
}

/// Why the persistent connection is worth having; set-up without and with it in milliseconds, and of how many calls.
pub fn why_persistent(saving: Option<(f64, f64, usize)>) -> String {
    match saving {
        None => format!("{WHY_PERSISTENT}."),
        Some((cold, warm, calls)) => {
            format!("{WHY_PERSISTENT}: {:.1} s → {:.1} s over your last {calls} calls.", cold / 1_000.0, warm / 1_000.0)
        }
    }
}

pub fn rings_for(left: u64) -> String {
    format!("Rings for {left} more second{}", if left == 1 { "" } else { "s" })
}

pub fn rings_of(total: u64) -> String {
    format!("of {total}")
}

pub fn is_calling(name: &str) -> String {
    format!("{name} is calling")
}

pub fn seconds_left(count: u64) -> String {
    format!("{count} s left")
}

/// `11 other checks passed`; without a cause they are not “other”.
pub fn checks_passed(count: usize, alone: bool) -> String {
    match (count, alone) {
        (1, true) => "1 check passed".to_owned(),
        (1, false) => "1 other check passed".to_owned(),
        (count, true) => format!("{count} checks passed"),
        (count, false) => format!("{count} other checks passed"),
    }
}

/// The line under the three ways in: `Ready · quick check 5 min ago`.
pub fn last_check(title: &str, age: Duration) -> String {
    format!(" · {} {}", title.to_lowercase(), ago(age))
}

pub fn saved_to(folder: &str) -> String {
    format!("Saved to {folder}: a page, a text and a file to compare with.")
}

pub fn not_saved(why: &str) -> String {
    format!("The result could not be saved: {why}.")
}

/// The main button of a cause.
pub fn remedy(remedy: &phone_core::diagnose::Remedy) -> String {
    use phone_core::diagnose::Remedy;
    match remedy {
        Remedy::UseDevice { name, .. } => format!("Use {name}"),
        Remedy::Unmute { name, .. } => format!("Switch {name} on"),
        Remedy::OpenPermissions => "Open microphone settings".to_owned(),
        Remedy::OpenSystemSound => "Open sound settings".to_owned(),
        Remedy::OpenDevices => "Choose devices".to_owned(),
        Remedy::SignInAgain => "Try to connect again".to_owned(),
        Remedy::CopyForIt => DIAG_COPY.to_owned(),
        Remedy::CheckAgain => DIAG_AGAIN.to_owned(),
    }
}

pub fn seconds(count: u64) -> String {
    format!("{count} s")
}

/// After a key made it louder or quieter.
pub fn volume_is(what: SoundRole, value: u8) -> String {
    let what = if what == SoundRole::Ringer { LEVEL_RING } else { LEVEL_CALLS };
    format!("{what}: {}", percent(value))
}

pub fn percent(value: u8) -> String {
    format!("{value} %")
}

pub fn dbfs(level: f32) -> String {
    format!("{level:.0} dB").replace('-', "−")
}

pub fn on_hold_for(lasted: Duration) -> String {
    format!("On hold {}", short_timer(lasted))
}

pub fn holds_note(name: &str) -> String {
    format!("{name} is on hold and cannot hear you.")
}

pub fn call_lasted(lasted: Duration) -> String {
    format!("call {}", timer(lasted))
}

pub fn more_held(count: usize) -> String {
    if count == 1 { "1 more call on hold".to_owned() } else { format!("{count} more calls on hold") }
}

pub fn retries_in(left: u64) -> String {
    format!("Offhook tries again by itself in {left} s.")
}

pub const SIGN_IN_BROWSER: &str = "Sign in with your browser";
pub const SIGN_IN_OTHER: &str = "Sign in as somebody else";
pub const REGION: &str = "Region";
pub const CLIENT_ID: &str = "Client ID, from your administrator";
pub const CLIENT_ID_MISSING: &str = "Enter the client ID first";
pub const NEVER_SEES_PASSWORD: &str = "Offhook never sees your password.";
pub const WAITING_FOR_BROWSER: &str = "Waiting for your browser…";
pub const OPEN_PAGE: &str = "Open the page again";
pub const COPY_PAGE: &str = "Copy its address";
pub const CANCEL: &str = "Cancel";

pub fn continue_as(account: &str) -> String {
    format!("Continue as {account}")
}

pub const TRANSFER: &str = "Transfer";
pub const TRANSFER_TO: &str = "Name or number to hand the call to";
pub const TRANSFER_NOW: &str = "Transfer now";
pub const ASK_FIRST: &str = "Ask first";
pub const COMPLETE: &str = "Complete";
pub const CONFERENCE: &str = "Conference";
pub const BACK_TO_CALLER: &str = "Back to the caller";
pub const NOT_ANSWERED_YET: &str = "Nobody has answered there yet";
pub const NOBODY_TO_TRANSFER_TO: &str = "Type whom to hand the call to";

/// Where a transfer stands that is being talked over.
pub fn consulting(target: &str, caller: &str, answered: bool, with: SpeakWith) -> String {
    match (answered, with) {
        (false, _) => format!("Calling {target}. {caller} waits."),
        (true, SpeakWith::Target) => format!("You talk to {target}. {caller} waits."),
        (true, SpeakWith::Waiting) => format!("You talk to {caller}. {target} waits."),
        (true, SpeakWith::All) => format!("You, {caller} and {target} talk together."),
    }
}

pub const SIGN_IN_AGAIN: &str = "Sign in again";
pub const SIGN_IN_AFTER_CALL: &str = "Sign in again after this call";
pub const SIGN_IN_COMES: &str = "Comes after this call";

/// What changed on the service, in one sentence.
pub fn settings_changed(changes: &[SettingChange]) -> String {
    let list: Vec<String> = changes
        .iter()
        .map(|change| format!("{} {} (this session: {})", change.name, change.new, change.used))
        .collect();
    format!("Your settings changed: {}. Sign in again to use them; devices and volume stay.", list.join(", "))
}

pub const UPDATE_NOTES: &str = "What is new";
pub const UPDATE_LATER: &str = "Not now";
pub const UPDATE_LATER_HINT: &str = "You are told again of the version after this one";

/// There is a newer version, which the package manager installs.
pub fn newer_version(version: &str, required: bool) -> String {
    if required {
        format!("Offhook {version} has to replace this version, which is too old. Ask your IT, or install it now.")
    } else {
        format!("Offhook {version} is out. It comes as your programs do: from your IT or your package manager.")
    }
}

/// The system has no browser, or it did not start.
pub fn no_browser(url: &str) -> String {
    format!("No browser could be opened. The page is {url}")
}

pub const WRAP_UP_SENT: &str = "Sent; waiting for the service";

/// What a call that waits to be classified says.
pub fn wrap_up(name: &str, required: bool) -> String {
    if required {
        format!("What was the call with {name} about? The next call waits for this.")
    } else {
        format!("What was the call with {name} about?")
    }
}

pub const WRAP_UP_LOADING: &str = "Fetching the codes…";

pub fn sign_in_step(step: SignInStep) -> &'static str {
    match step {
        SignInStep::Contacting => "Reaching the service",
        SignInStep::Browser => "Waiting for your browser",
        SignInStep::Authorising => "Asking for permission",
        SignInStep::Identity => "Reading who you are",
        SignInStep::Connecting => "Opening the connection",
        SignInStep::Subscribing => "Waiting for calls",
    }
}

pub fn role(role: SoundRole) -> &'static str {
    match role {
        SoundRole::Microphone => "Microphone",
        SoundRole::Speaker => "Speaker",
        SoundRole::Ringer => "Ringer",
    }
}

/// The badge of a device; `None` when the class says nothing useful.
pub fn device_class(class: DeviceClass) -> Option<&'static str> {
    match class {
        DeviceClass::Headset => Some("Headset"),
        DeviceClass::BuiltIn => Some("Built in"),
        DeviceClass::Speaker => Some("Speaker"),
        DeviceClass::BluetoothNarrowband => Some("Narrow Bluetooth"),
        DeviceClass::Virtual => Some("Virtual"),
        DeviceClass::Unknown => None,
    }
}

/// Short, for the lane of the sound bar.
pub fn sound_problem_short(problem: &SoundProblem) -> &'static str {
    match problem {
        SoundProblem::NoSoundServer => "No sound service",
        SoundProblem::NoDevice => "Nothing plugged in",
        SoundProblem::Missing(_) => "Not plugged in",
        SoundProblem::Busy(_) => "Held by another program",
        SoundProblem::NoPermission => "Blocked by the system",
        SoundProblem::Failed(_) => "Device failed",
    }
}

/// Cause, then action.
pub fn sound_problem(problem: &SoundProblem) -> String {
    match problem {
        SoundProblem::NoSoundServer => {
            "This computer has no sound service, so calls are silent. Start one; Offhook notices by itself.".to_owned()
        }
        SoundProblem::NoDevice => "No device is plugged in. Plug one in; it is used at once.".to_owned(),
        SoundProblem::Missing(name) => format!("{name} is not plugged in. Plug it in, or choose another device."),
        SoundProblem::Busy(name) => {
            format!("Another program holds {name}. Close it there, or choose another device.")
        }
        SoundProblem::NoPermission => {
            "The system does not let Offhook use the microphone. Allow it in the privacy settings.".to_owned()
        }
        SoundProblem::Failed(why) => format!("The device failed ({why}). Unplug it and plug it in, or choose another."),
    }
}

/// How a call ended, for the notice and for the list; `None` when there is nothing to explain.
pub fn end_reason(reason: EndReason) -> Option<&'static str> {
    match reason {
        EndReason::Hangup => None,
        EndReason::Declined => Some("declined"),
        EndReason::Busy => Some("busy"),
        EndReason::NoAnswer => Some("no answer"),
        EndReason::NotFound => Some("number not found"),
        EndReason::Transferred => Some("transferred"),
        EndReason::AnsweredElsewhere => Some("answered by a colleague"),
        EndReason::Cancelled => Some("cancelled"),
        EndReason::MediaFailed => Some("no sound connection"),
        EndReason::ServiceFailed => Some("the service failed"),
        EndReason::SignedOut => Some("signed out"),
    }
}

/// The sentence after a call that did not go as wished; `None` after a normal one.
pub fn end_sentence(reason: EndReason, direction: CallDirection) -> Option<&'static str> {
    match (reason, direction) {
        (EndReason::Hangup | EndReason::Transferred | EndReason::SignedOut, _)
        | (EndReason::Declined | EndReason::Cancelled, CallDirection::In) => None,
        (EndReason::Declined, CallDirection::Out) => Some("They declined the call."),
        (EndReason::Cancelled, CallDirection::Out) => Some("The call was cancelled."),
        (EndReason::Busy, _) => Some("They are in another call. Try again later."),
        (EndReason::NoAnswer, CallDirection::Out) => Some("They did not answer."),
        (EndReason::NoAnswer, CallDirection::In) => Some("You missed a call."),
        (EndReason::NotFound, _) => Some("This number is not in service. Check it and dial again."),
        (EndReason::AnsweredElsewhere, _) => Some("A colleague answered this call."),
        (EndReason::MediaFailed, _) => Some("No sound connection could be made. Check your network, then dial again."),
        (EndReason::ServiceFailed, _) => Some("The service ended the call. Try again."),
    }
}

/// One line in “What happened last”; `None` for what is not worth one.
pub fn event(event: &Event) -> Option<String> {
    Some(match event {
        Event::Registered { again: false } => "Signed in".to_owned(),
        Event::Registered { again: true } => "Connected again".to_owned(),
        Event::Unregistered => "Lost the connection to the service".to_owned(),
        Event::Dialling { .. } => "You dialled".to_owned(),
        Event::Alerting { .. } => "A call came in".to_owned(),
        Event::Ringing { .. } => "It rang there".to_owned(),
        Event::Connected { .. } => "Call connected".to_owned(),
        Event::Held { .. } => "Call put on hold".to_owned(),
        Event::Resumed { .. } => "Call resumed".to_owned(),
        Event::Muted { muted: true } => "Muted".to_owned(),
        Event::Muted { muted: false } => "No longer muted".to_owned(),
        Event::Device { role: which, name, why } => device_changed(*which, name, *why),
        Event::Ended { report, .. } => match end_reason(report.end_reason) {
            Some(reason) => format!("Call ended: {reason}"),
            None => "Call ended".to_owned(),
        },
        Event::Problem(notice) => notice.text.clone(),
        Event::Media { .. }
        | Event::Quality { .. }
        | Event::DigitSent { .. }
        | Event::DigitReceived { .. }
        | Event::Measuring { .. }
        | Event::Measured(_) => return None,
    })
}

/// `Microphone: now Laptop, the other one is gone`.
pub fn device_changed(which: SoundRole, name: &str, why: OpenedBecause) -> String {
    let role = role(which);
    match why {
        OpenedBecause::Asked => format!("{role}: {name}"),
        OpenedBecause::FellBack => format!("{role}: now {name}, the other one is gone"),
        OpenedBecause::FollowedSystem => format!("{role}: now {name}, as the system chose"),
        OpenedBecause::CameBack => format!("{role}: {name} is back"),
        OpenedBecause::Preferred => format!("{role}: now {name}, which you prefer"),
    }
}

/// Why a setting cannot be changed here.
pub fn lock_sentence(lock: &phone_core::policy::Lock) -> String {
    use phone_core::policy::Lock;
    match lock {
        Lock::Policy(source) | Lock::Provisioned(source) => format!("{MANAGED}: {source}"),
        Lock::Organisation => "Your organisation sets this".to_owned(),
        Lock::CommandLine => "Set on the command line of this start".to_owned(),
    }
}

/// Who decided a setting that the user may change.
pub fn comes_from(source: &phone_core::policy::Source) -> String {
    format!("From: {source}")
}

/// A wish that does not hold.
pub fn overruled(source: &phone_core::policy::Source, wish: &str, why: Option<&str>) -> String {
    match why {
        Some(why) => format!("Ignored: {wish}, from {source}: {why}"),
        None => format!("Ignored: {wish}, from {source}"),
    }
}

/// Beside the row that leads to the settings in force.
pub fn rules_summary(managed: usize, ignored: usize) -> String {
    let managed = match managed {
        0 => "Nothing is managed by your organisation".to_owned(),
        1 => "One is managed by your organisation".to_owned(),
        count => format!("{count} are managed by your organisation"),
    };
    match ignored {
        0 => managed,
        count => format!("{managed} · {count} ignored"),
    }
}

pub const ORGANISATION: &str = "Organisation";
pub const PAGE_RULES: &str = "Settings in force";
pub const RULES_IGNORED: &str = "Ignored in policies and files";
pub const RULES_WAIT: &str = "Settings were changed. They count when the call has ended.";
pub const RULES_AFTER_SIGN_IN: &str = "Counts after the next sign-in";
pub const RULES_COPY: &str = "Press to copy it for IT";
pub const RULES_COPIED: &str = "Copied.";
pub const MANAGED: &str = "Managed by your organisation";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        assert_eq!(timer(Duration::from_secs(252)), "04:12");
        assert_eq!(timer(Duration::from_secs(3_729)), "1:02:09");
        assert_eq!(short_timer(Duration::from_secs(70)), "1:10");
        assert_eq!(span(12), "12 s");
        assert_eq!(span(372), "6 min 12 s");
        assert_eq!(span(3_800), "1 h 3 min");
        assert_eq!(ago(Duration::from_secs(59)), "just now");
        assert_eq!(ago(Duration::from_mins(1)), "1 min ago");
        assert_eq!(ago(Duration::from_secs(7_300)), "2 h ago");
    }

    #[test]
    fn warm_time_is_in_minutes_until_the_last_one() {
        assert_eq!(warm(None), "warm");
        assert_eq!(warm(Some(Duration::from_secs(462))), "warm 8 min");
        assert_eq!(warm(Some(Duration::from_mins(1))), "warm 1 min");
        assert_eq!(warm(Some(Duration::from_secs(59))), "warm 59 s");
    }

    #[test]
    fn levels_carry_a_true_minus_sign() {
        assert_eq!(dbfs(-22.4), "−22 dB");
    }
}
