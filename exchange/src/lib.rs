//! The practice exchange: Genesys-shaped REST and streaming, a media peer (echo, music, a speaking caller, calls
//! between users) and a TURN server. A practice ground and a test peer, not a server for production.

use std::net::SocketAddr;
use std::time::Duration;

/// How the exchange runs.
#[derive(Clone, Debug)]
pub struct ExchangeOptions {
    /// Address of REST, streaming and sign-in; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Log-in names of the made-up users.
    pub users: Vec<String>,
    /// Whether stations say persistent connection, and after how much idle time the exchange ends the session.
    pub persistent: Option<Duration>,
    /// Answer ICE discovery with TURN servers only, as a site with Force TURN does.
    pub force_turn: bool,
    pub turn: TurnChoice,
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
            persistent: Some(Duration::from_mins(10)),
            force_turn: false,
            turn: TurnChoice::Embedded,
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
    /// Stop the embedded TURN server, or start it again.
    StopTurn(bool),
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
    origin: String,
}

impl RunningExchange {
    /// `http://127.0.0.1:PORT`: what clients use as their environment.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn inject(&self, _fault: Fault) {}

    /// Rules that clients broke so far, one sentence each, oldest first.
    pub fn violations(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Starts the exchange on its own threads.
pub fn start(_options: ExchangeOptions) -> Result<RunningExchange, ExchangeError> {
    Ok(RunningExchange { origin: String::new() })
}
