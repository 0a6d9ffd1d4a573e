//! What went wrong, in sentences: cause, then remedy.

use crate::event::Notice;
use crate::input::{BrowserError, HttpError, LinkClosed};
use crate::snapshot::PhoneMissing;

fn notice(id: &'static str, text: String, remedy: &str) -> Notice {
    Notice { id, text, remedy: remedy.to_owned() }
}

pub fn bad_environment() -> Notice {
    notice(
        "bad-address",
        "The address of the service is not an address.".into(),
        "Check the address in the sign-in settings, for instance mypurecloud.de or http://127.0.0.1:8443.",
    )
}

pub fn unreachable(host: &str, why: &str) -> Notice {
    notice(
        "exchange-unreachable",
        format!("The service at {host} cannot be reached: {why}."),
        "Check the network connection. Offhook tries again by itself.",
    )
}

pub fn untrusted(host: &str, why: &str) -> Notice {
    notice(
        "certificate-untrusted",
        format!("The certificate of {host} is not trusted: {why}."),
        "A proxy may be reading the connection. Ask your IT to allow the service or to install its certificate.",
    )
}

pub fn silent(host: &str) -> Notice {
    notice(
        "exchange-silent",
        format!("The service at {host} accepts the connection but does not answer."),
        "Nothing to do: Offhook tries again by itself. If it stays so, a firewall may hold the connection open.",
    )
}

pub fn failing(host: &str, status: u16) -> Notice {
    notice(
        "exchange-failing",
        format!("The service at {host} answers with an error (HTTP {status})."),
        "Nothing to do: Offhook tries again by itself. If it stays so, look at the status page of the service.",
    )
}

pub fn garbage(host: &str) -> Notice {
    notice(
        "server-garbage",
        format!("{host} sent an answer that Offhook does not understand."),
        "Check that the address is that of the service and that no proxy or sign-in page of the network answers \
         in its place.",
    )
}

pub fn token_refused(host: &str) -> Notice {
    notice(
        "token-refused",
        format!("{host} does not accept the sign-in: it has expired or was withdrawn."),
        "Sign in again.",
    )
}

pub fn sign_in_refused(why: &str) -> Notice {
    notice("sign-in-refused", format!("The sign-in was refused: {why}."), "Check the user name, then sign in again.")
}

/// A token that no refresh token can follow comes to its end while a call is on.
pub fn sign_in_ends() -> Notice {
    notice(
        "sign-in-ends",
        "Your sign-in ends soon.".into(),
        "Nothing to do during the call: your browser opens when it has ended, or press Sign in again.",
    )
}

pub fn no_browser() -> Notice {
    notice(
        "no-browser",
        "No browser could be opened for the sign-in.".into(),
        "Copy the sign-in page's address from Offhook into a browser on this computer.",
    )
}

pub fn browser_failed(why: BrowserError) -> Notice {
    match why {
        BrowserError::NoPort => notice(
            "no-redirect-port",
            "Another program uses every port that the browser could be sent back to.".into(),
            "Close other copies of Offhook, or ask your IT to register more ports.",
        ),
        BrowserError::NoBrowser => no_browser(),
        BrowserError::TimedOut => notice(
            "sign-in-timed-out",
            "The sign-in page was not finished in time.".into(),
            "Press Sign in to open it again.",
        ),
    }
}

pub fn sign_in_forged() -> Notice {
    notice(
        "sign-in-forged",
        "The answer to the sign-in does not belong to our question.".into(),
        "Sign in again. If it happens twice, do not go on and tell your IT.",
    )
}

pub fn forbidden(host: &str) -> Notice {
    notice(
        "not-permitted",
        format!("{host} does not let this user use a phone."),
        "Ask your administrator for the permissions of a phone user.",
    )
}

pub fn stream_refused(condition: &str) -> Notice {
    notice(
        "stream-refused",
        format!("The service closed the connection: {condition}."),
        "Nothing to do: Offhook connects again by itself.",
    )
}

pub fn duplicate_session() -> Notice {
    notice(
        "duplicate-session",
        "Another program took over this phone's connection to the service.".into(),
        "Close the other phone (a browser tab, or Offhook on another computer) if calls go astray.",
    )
}

/// Rule DX-04: why there is none, where that is known.
pub fn no_phone(why: Option<&PhoneMissing>) -> Notice {
    let (text, remedy) = match why {
        None => (
            "No phone is selected, so no call can come here.".to_owned(),
            "Select a phone. If the list is empty, ask your administrator to create a WebRTC phone for you.",
        ),
        Some(PhoneMissing::NotCreated) => (
            "No WebRTC phone was created for you, so no call can come here.".to_owned(),
            "Ask your administrator to create a WebRTC phone with you as its user.",
        ),
        Some(PhoneMissing::OtherUser { name }) => (
            format!("The phone {name} is assigned to another user, so no call can come here."),
            "Ask your administrator to assign it to you, or to create a WebRTC phone for you.",
        ),
        Some(PhoneMissing::Disabled { name }) => (
            format!("Your phone {name} is disabled, so no call can come here."),
            "Ask your administrator to enable it.",
        ),
        Some(PhoneMissing::NoBaseSettings { name }) => (
            format!("Your phone {name} has lost its base settings, so no call can come here."),
            "Ask your administrator to assign base settings to it.",
        ),
    };
    notice("no-phone", text, remedy)
}

pub fn no_client_id() -> Notice {
    notice(
        "no-client-id",
        "It is not said which OAuth client Offhook is at your organisation.".into(),
        "Ask your administrator for the client ID of Offhook, and enter it below the region.",
    )
}

/// A topic that the user may not have.
pub fn topic_rejected(topic: &str, why: &str) -> Notice {
    notice(
        "topic-rejected",
        format!("The service does not send news of {topic}: {why}."),
        "Ask your administrator for the permissions of a phone user.",
    )
}

pub fn phone_refused(status: Option<u16>, why: &str) -> Notice {
    let why = if why.is_empty() { status.map_or("no answer".into(), |s| format!("HTTP {s}")) } else { why.into() };
    notice(
        "phone-refused",
        format!("The phone could not be selected: {why}."),
        "Try another phone, or ask your administrator.",
    )
}

pub fn request_failed(what: &str, why: &str) -> Notice {
    notice(
        "request-failed",
        format!("The service did not {what}: {why}."),
        "Try again. If it stays so, reconnect or tell your IT.",
    )
}

pub fn no_session_for_answer() -> Notice {
    notice(
        "no-session",
        "The service announced the call but offers no sound for it: it still believes in an older connection of \
         this phone."
            .into(),
        "Nothing to do: Offhook makes the service forget the older connection. The caller may have to call again.",
    )
}

pub fn target_did_not_answer(name: &str) -> Notice {
    let name = if name.is_empty() { "The target" } else { name };
    notice(
        "transfer-not-answered",
        format!("{name} did not answer; the call is back with you."),
        "Try somebody else, or go on with the call.",
    )
}

/// `what` is a main clause.
pub fn foreign(what: &str) -> Notice {
    notice(
        "foreign-message",
        format!("A message was refused because it does not belong to this phone: {what}."),
        "Nothing to do: no call was touched. If it happens again, tell your IT.",
    )
}

pub fn held_session_failed(text: &str) -> Notice {
    notice(
        "persistent-connection-failed",
        format!("The service reports a problem with the persistent connection: {text}."),
        "Nothing to do: the next call opens a new connection.",
    )
}

/// No HTTP answer came.
pub fn of_http(error: &HttpError) -> Notice {
    match error {
        HttpError::Unresolved { host } => unreachable(host, "its name is not known"),
        HttpError::Unreachable { host, why } => unreachable(host, why),
        HttpError::Untrusted { host, why } => untrusted(host, why),
        HttpError::Silent { host, .. } => silent(host),
        HttpError::TooLarge { host } => garbage(host),
    }
}

/// The stream could not be opened, or is no more. `None`: part of life, nothing to tell.
pub fn of_link(host: &str, why: &LinkClosed) -> Option<Notice> {
    match why {
        LinkClosed::Unresolved { host } => Some(unreachable(host, "its name is not known")),
        LinkClosed::Unreachable { host, why } => Some(unreachable(host, why)),
        LinkClosed::Untrusted { host, why } => Some(untrusted(host, why)),
        LinkClosed::Refused { code, .. } => Some(failing(host, *code)),
        LinkClosed::Garbage => Some(garbage(host)),
        LinkClosed::ByServer | LinkClosed::Lost(_) => None,
    }
}
