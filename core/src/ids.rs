//! Identities. Each is a newtype, so that a call can never be mistaken for the session it rides on.

use serde::Serialize;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(
    /// One account on one service: what rings and dials.
    LineId
);
id!(
    /// One conversation as the user sees it.
    CallId
);
id!(
    /// One media session (ICE, DTLS, SRTP). Several calls may share it, one after the other.
    SessionId
);
id!(
    /// One signalling connection, for instance a WebSocket.
    LinkId
);
id!(
    /// One HTTP request on its way.
    RequestId
);
id!(
    /// One transport address of ours: a UDP socket, or a stream to a TURN server.
    LegId
);

/// Hands out fresh numbers for any kind of id.
#[derive(Debug, Default)]
pub struct IdSource(u64);

impl IdSource {
    /// Numbers above `last`, so that two sources never meet.
    pub const fn starting_after(last: u64) -> Self {
        Self(last)
    }

    /// The next number, starting from 1.
    #[expect(clippy::should_implement_trait, reason = "ids never end, so it is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
