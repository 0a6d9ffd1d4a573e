//! Why an administrator does not get what he asked for, in sentences: cause, then remedy.

use serde_json::Value as Json;

use super::super::calls::sentence;
use super::super::wire::{self, Failure};
use super::objects::text;
use super::plural;
use crate::event::Notice;
use crate::input::{HttpError, HttpResponse};
use crate::provisioning::{ADMINISTRATION, Kind, Permission};

fn notice(id: &'static str, text: String, remedy: impl Into<String>) -> Notice {
    Notice { id, text, remedy: remedy.into() }
}

pub(super) fn no_token(host: &str) -> Notice {
    notice(
        "no-token",
        format!("Nobody is signed in to {host} on this computer."),
        "Sign in with the window first, or give a token with --token.",
    )
}

pub(super) fn token_ended(host: &str) -> Notice {
    notice(
        "token-ended",
        format!("The sign-in to {host} that is kept on this computer has ended."),
        "Open Offhook, which renews it, or give a token with --token.",
    )
}

pub(super) fn elsewhere(kind: Kind) -> Notice {
    notice(
        "not-at-the-service",
        format!("The service's phone administration has no {} to change.", plural(kind)),
        format!("Use {} there, or a local folder with --folder.", kind.path()),
    )
}

pub(super) fn not_possible(title: &str, why: &str) -> Notice {
    notice("not-possible", format!("{title} stays as it is: {why}."), "Mend that, and do it again; nothing was sent.")
}

pub(super) fn not_permitted(host: &str, doing: &str, missing: &str) -> Notice {
    notice(
        "no-permission",
        format!("At {host} {doing}: the permission {missing} is missing."),
        "Ask an administrator of the organisation for it, then sign in again.",
    )
}

pub(super) fn garbage(host: &str, doing: &str) -> Notice {
    notice(
        "server-garbage",
        format!("At {host} {doing}: the answer is not one of the service."),
        "Check the address, and that no proxy or sign-in page of the network answers in its place.",
    )
}

pub(super) fn lost(host: &str, doing: &str, error: &HttpError, change: bool) -> Notice {
    let id = if matches!(error, HttpError::Silent { .. }) { "service-silent" } else { "service-unreachable" };
    let remedy = match error {
        // The request may have arrived.
        HttpError::Silent { .. } if change => {
            "It is not known whether the change arrived. Look with `offhook phones show` before you do it again."
        }
        HttpError::Untrusted { .. } => "Ask your IT, or name the certificate in the settings (`ca`).",
        _ => "Check the address and the network, and do it again.",
    };
    notice(id, format!("At {host} {doing}: {error}."), remedy)
}

/// An answer that is no success, by what its reader can do.
pub(super) fn refused(host: &str, doing: &str, answer: &HttpResponse) -> Notice {
    let failure: Failure = wire::parse(&answer.body).unwrap_or_default();
    let said = if failure.message.is_empty() { failure.code.clone() } else { failure.message.clone() };
    let said = sentence(&said);
    let said = if said.is_empty() { format!("it answered with HTTP {}", answer.status) } else { said };
    let told = |id: &'static str, why: &str, remedy: &str| {
        notice(id, format!("At {host} {doing}: {}.", why.trim_end_matches('.')), remedy)
    };
    match answer.status {
        401 => told(
            "token-refused",
            "the sign-in has expired or was withdrawn",
            "Sign in again, or give a fresh token with --token.",
        ),
        403 => not_permitted(host, doing, &missing_permissions(&answer.body)),
        404 => told("not-there", &said, "Look again with `offhook phones list`: somebody may have removed it."),
        409 => told(
            "conflict",
            &said,
            "Look at it with `offhook phones show`, and then do it again if it is still wanted.",
        ),
        429 => {
            let wait = answer.retry_after_s.map(|s| format!(" for {s} s")).unwrap_or_default();
            told("too-many-requests", &format!("the service asks for patience{wait}"), "Wait, and do it again.")
        }
        500.. => told(
            "service-failing",
            &format!("it answered with HTTP {}", answer.status),
            "Do it again later; if it stays so, look at the status page of the service.",
        ),
        _ => told("refused-by-service", &said, "Mend that, and do it again."),
    }
}

/// The permissions that a refusal names, in the words of the service's administration.
fn missing_permissions(body: &[u8]) -> String {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let named = body.get("messageParams").map(|params| text(params, "permissions")).unwrap_or_default();
    let mut words: Vec<String> = named
        .split(',')
        .filter_map(|word| word.trim_matches([' ', '[', ']', '"']).parse::<Permission>().ok())
        .map(|permission| permission.to_string())
        .collect();
    words.dedup();
    if words.is_empty() { ADMINISTRATION.to_owned() } else { words.join(" or ") }
}
