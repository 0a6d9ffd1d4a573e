//! Sentences of the phone itself, whatever the line: cause, then remedy.

use crate::event::Notice;
use crate::media::{MediaError, TurnTransport};
use crate::policy::{Lock, Setting};
use crate::snapshot::PendingRequest;
use crate::sound::{SoundProblem, SoundRole};

fn notice(id: &'static str, text: String, remedy: &str) -> Notice {
    Notice { id, text, remedy: remedy.to_owned() }
}

pub fn no_secret() -> Notice {
    notice(
        "no-randomness",
        "The operating system gave no random numbers, so a sign-in would not be safe.".into(),
        "Restart the computer. If it stays so, tell your IT.",
    )
}

pub fn nothing_to_dial() -> Notice {
    notice("nothing-to-dial", "There is no number to dial.".into(), "Type a number or the name of a user.")
}

pub fn not_possible(what: &str, why: &str) -> Notice {
    notice("not-possible", format!("You cannot {what} now: {why}."), "Wait until the phone is ready, then try again.")
}

pub fn unconfirmed(request: PendingRequest) -> Notice {
    let what = match request {
        PendingRequest::Answer => "answer",
        PendingRequest::Decline => "decline",
        PendingRequest::HangUp => "hang-up",
        PendingRequest::Hold => "hold",
        PendingRequest::Resume => "resume",
    };
    notice(
        "request-unconfirmed",
        format!("The service took the {what} but did not carry it out."),
        "Try again. If it stays so, reconnect.",
    )
}

pub fn session_in_use() -> Notice {
    notice(
        "session-in-use",
        "The persistent connection carries a call; ending it would end the call.".into(),
        "End the call first.",
    )
}

pub fn session_not_opened() -> Notice {
    notice(
        "persistent-not-opened",
        "The persistent connection did not come up.".into(),
        "Nothing to do: the next call opens one of its own. If calls have no sound, run a network check.",
    )
}

pub fn setting_locked(setting: Setting, lock: &Lock) -> Notice {
    let title = setting.entry().title;
    let (who, remedy) = match lock {
        Lock::Policy(source) | Lock::Provisioned(source) => {
            (format!("is managed by your organisation ({source})"), "Ask your administrator if it should be otherwise.")
        }
        Lock::Organisation => {
            ("is for your organisation to set".to_owned(), "Ask your administrator if it should be otherwise.")
        }
        Lock::CommandLine => {
            ("was set on the command line of this start".to_owned(), "Start Offhook without that option to change it.")
        }
    };
    notice("setting-managed", format!("“{title}” {who}."), remedy)
}

pub fn setting_refused(setting: Setting, why: &str) -> Notice {
    let title = setting.entry().title;
    notice("setting-refused", format!("“{title}” cannot be that: {why}."), "Choose another value.")
}

/// The site's list, or the region that is pinned, leaves none of the service's relays.
pub fn no_allowed_relay() -> Notice {
    notice(
        "no-allowed-relay",
        "The service names relay servers, and none of them is of a media region that this phone may use.".to_owned(),
        "Ask your administrator to check the media regions of the site, or the relay region that is pinned.",
    )
}

/// `during` says whether a call was up already.
pub fn media_failed(error: &MediaError, during: bool) -> Notice {
    let id = match error {
        MediaError::BadDescription(_) => "bad-description",
        MediaError::NoCommonCodec { .. } => "no-common-codec",
        MediaError::NoTurnServer => "no-turn-server",
        MediaError::TurnSilent { .. } => "turn-silent",
        MediaError::TurnRefused { .. } => "turn-refused",
        MediaError::NoPath { .. } => "no-path",
        MediaError::Handshake(_) => "handshake-failed",
        MediaError::ConsentLost => "media-lost",
        MediaError::Engine(_) => "media-engine",
    };
    let remedy = match error {
        MediaError::BadDescription(_) | MediaError::Engine(_) => {
            "Call again. If it happens twice, send a report: this is a fault of Offhook or of the service."
        }
        MediaError::NoCommonCodec { .. } => "Ask your administrator to allow Opus in the settings of the phone.",
        MediaError::NoTurnServer => {
            "Ask your administrator to check the site's TURN settings, or switch off Force TURN in Offhook."
        }
        MediaError::TurnSilent { transport: TurnTransport::Udp, .. } => {
            "A firewall may block UDP. Ask your IT to allow UDP and TCP to the TURN servers on port 3478."
        }
        MediaError::TurnSilent { .. } => "Ask your IT to allow TCP and TLS to the TURN servers.",
        // No code: the refusal is ours, of its certificate.
        MediaError::TurnRefused { code: 0, .. } => {
            "Ask your IT to install the certificate authority that signed it, or to check what intercepts the connection."
        }
        MediaError::TurnRefused { .. } => {
            "Sign in again: the credentials may have expired. If it stays so, tell your IT."
        }
        MediaError::NoPath { .. } => {
            "A firewall may block UDP. Ask your IT to allow the media ports, or to allow TURN over TCP."
        }
        MediaError::Handshake(_) => "A firewall may change packets on the way. Try another network, and tell your IT.",
        MediaError::ConsentLost if during => "Check the network connection. Offhook tries to get the call back.",
        MediaError::ConsentLost => "Check the network connection.",
    };
    let mut text = match error {
        MediaError::TurnRefused { server, code: 0, reason } => {
            format!("the certificate of the TURN server {server} is not trusted: {reason}")
        }
        error => error.to_string(),
    };
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    notice(id, format!("{text}."), remedy)
}

/// The stable word of an error, as the code in a call's record.
pub fn media_code(error: &MediaError) -> &'static str {
    media_failed(error, false).id
}

pub fn sound_failed(role: SoundRole, problem: &SoundProblem) -> Notice {
    let (id, loss) = match (problem, role) {
        (SoundProblem::NoSoundServer, _) => ("no-sound-server", "calls work, but nothing is heard on either side"),
        (_, SoundRole::Microphone) => ("no-microphone", "the other side does not hear you"),
        (_, SoundRole::Speaker) => ("no-speaker", "you do not hear the other side"),
        (_, SoundRole::Ringer) => ("no-ringer", "calls do not ring aloud"),
    };
    let remedy = match problem {
        SoundProblem::NoSoundServer => "Start the sound service of this computer (PulseAudio or PipeWire).",
        SoundProblem::NoDevice => "Plug in a headset.",
        SoundProblem::Missing(_) => "Plug the device in again, or choose another one.",
        SoundProblem::Busy(_) => "Close the program that uses the device, or choose another one.",
        SoundProblem::NoPermission => "Allow Offhook to use the microphone in the privacy settings of the system.",
        SoundProblem::Failed(_) => "Plug the device out and in again, or choose another one.",
    };
    let mut text = problem.to_string();
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    notice(id, format!("{text}: {loss}."), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_reads_like_a_sentence() {
        let error = MediaError::TurnSilent { server: "turn.example:3478".into(), transport: TurnTransport::Udp };
        let notice = media_failed(&error, false);
        assert_eq!(notice.text, "The TURN server turn.example:3478 does not answer over Udp.");
        let notice = sound_failed(SoundRole::Microphone, &SoundProblem::NoDevice);
        assert_eq!(notice.text, "No device is plugged in: the other side does not hear you.");
        assert_eq!((notice.id, notice.remedy.as_str()), ("no-microphone", "Plug in a headset."));
    }
}
