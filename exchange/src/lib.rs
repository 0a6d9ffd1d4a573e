//! The practice exchange: Genesys-shaped REST and streaming, a media peer (echo, music, a speaking caller, calls
//! between users) and a TURN server. A practice ground and a test peer, not a server for production.

mod admin;
mod bots;
mod calls;
mod chance;
mod channels;
mod clock;
mod conversations;
mod directory;
mod edge;
mod faults;
mod machine;
mod media;
mod media_thread;
mod mixer;
mod oauth;
mod rest;
mod rules;
mod sdp;
mod server;
#[cfg(test)]
mod sim;
mod stream;
mod transfers;
mod turn;
mod users;
mod xml;

use std::net::SocketAddr;
use std::time::Duration;

pub use bots::Route;
pub use machine::{EdgeCommand, Exchange, HttpReply, HttpRequest, Input, Output, RequestId, SocketId, Surroundings};
pub use media::EdgeMedia;

/// How the exchange runs.
#[derive(Clone, Debug)]
pub struct ExchangeOptions {
    /// Address of REST, streaming and sign-in; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Log-in names of the made-up users.
    pub users: Vec<String>,
    /// Log-in names of those who may administer phones by REST, with the permission `Telephony > Plugin > All`.
    pub administrators: Vec<String>,
    /// Whether the base settings of office phones say persistent connection, and after how much idle time the exchange
    /// ends the session. This, Force TURN and the number of calls hold at the start; administrators change them.
    pub persistent: Option<Duration>,
    /// Whether base settings say Force TURN: ICE discovery is then answered with TURN servers only.
    pub force_turn: bool,
    pub turn: TurnChoice,
    /// Calls that a station shows at once (`webRtcCallAppearances`): with 1 all calls share one media session.
    pub call_appearances: u32,
    /// Open the persistent connection at sign-in, before the first call.
    pub eager: bool,
    /// Calls from a queue must be classified when they have ended.
    pub wrap_up: bool,
    /// How long an access token holds.
    pub token_life: Duration,
}

/// Which TURN servers clients are told of.
#[derive(Clone, Debug)]
pub enum TurnChoice {
    None,
    /// The exchange's own, on `listen`'s address, over UDP and TCP.
    Embedded,
    /// For instance a coturn: `(host, port, transport, username, password)`.
    External(Vec<ExternalTurn>),
}

#[derive(Clone, Debug)]
pub struct ExternalTurn {
    pub host: String,
    pub port: u16,
    pub transport: phone_core::media::TurnTransport,
    pub username: String,
    pub password: String,
}

impl Default for ExchangeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            users: ["ana", "ben", "carla", "dev"].map(str::to_owned).to_vec(),
            administrators: vec!["ana".to_owned()],
            persistent: Some(Duration::from_mins(10)),
            force_turn: false,
            turn: TurnChoice::Embedded,
            call_appearances: 1,
            eager: false,
            wrap_up: false,
            token_life: Duration::from_hours(24),
        }
    }
}

/// Faults to inject while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Cut every WebSocket.
    DropSockets,
    /// Answer REST with this status from now on; `None` heals.
    RestStatus(Option<u16>),
    /// Refuse SASL.
    RefuseLogin(bool),
    /// Stop answering on WebSockets without closing them.
    Stall(bool),
    /// Every token issued so far is refused from now on.
    ExpireTokens,
    /// Lose this share of media packets, 0–1.
    LoseMedia(f64),
    /// Send this text on every WebSocket.
    SendGarbage(String),
    /// Offer only a codec that no phone has.
    OfferUnknownCodec(bool),
    /// Offer only these codecs, and speak with the best of them; empty heals.
    OfferOnly(Vec<phone_core::media::Codec>),
    /// Stop the embedded TURN server, or start it again.
    StopTurn(bool),
    /// Declare every notification channel dead; clients must make new ones and subscribe again.
    LoseChannels,
    /// Ask every client to move to a new connection, as the platform does before maintenance (XEP-0051).
    AskReconnect,
    /// Offer every session in a call anew, with new ICE credentials, as an edge does after a restart.
    Reinvite,
}

#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error("{address} cannot be listened on")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
}

/// A running exchange; dropping it stops it.
pub struct RunningExchange {
    server: server::Server,
}

impl RunningExchange {
    /// `http://127.0.0.1:PORT`: what clients use as their environment.
    pub fn origin(&self) -> &str {
        &self.server.origin
    }

    /// Takes effect at once, in the order of the calls.
    pub fn inject(&self, fault: Fault) {
        self.server.inject(fault);
    }

    /// Rules that clients broke so far, one sentence each, oldest first.
    pub fn violations(&self) -> Vec<String> {
        self.server.violations()
    }
}

/// Starts the exchange on its own threads.
pub fn start(options: ExchangeOptions) -> Result<RunningExchange, ExchangeError> {
    server::Server::start(options).map(|server| RunningExchange { server })
}
