//! Made-up pictures of a phone, for tests and for the screenshots.

pub mod diagnosis;
pub mod scenes;

use std::time::Instant;

use phone_core::event::CallDirection;
use phone_core::ids::CallId;
use phone_core::snapshot::{AccountView, CallState, CallView, Snapshot, Standing};
use phone_core::update::Offer;
use semver::Version;

/// A call that started at `started`, and was connected then if its state says so.
pub fn call(id: u64, name: &str, state: CallState, started: Instant) -> CallView {
    let connected = matches!(state, CallState::Connected | CallState::Held { .. } | CallState::Recovering { .. });
    CallView {
        id: CallId(id),
        direction: CallDirection::In,
        peer_name: name.into(),
        peer_address: "+44 7700 900142".into(),
        queue: None,
        state,
        muted: false,
        pending: None,
        hold_refused: None,
        transfer_refused: None,
        consult: None,
        started,
        connected: connected.then_some(started),
        quality: None,
        media: None,
        far_hears: None,
        digits: String::new(),
    }
}

/// A newer version is out.
pub fn newer_version() -> Offer {
    let notes = Some("https://example.org/offhook/0.2.0".to_owned());
    Offer { version: Version::new(0, 2, 0), notes, required: false }
}

/// Signed in to the practice exchange and ready.
pub fn snapshot(calls: Vec<CallView>) -> Snapshot {
    let mut snapshot = Snapshot {
        standing: Standing::Ready,
        account: Some(AccountView { user: "Ana Kovač".into(), organisation: "Practice".into(), practice: true }),
        calls,
        revision: 1,
        ..Snapshot::default()
    };
    snapshot.sound.speaker.volume_percent = 70;
    snapshot
}
