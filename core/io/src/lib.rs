//! Everything that acts for the phone: sockets, TLS, WebSocket, HTTP, the engine thread and the media thread.

pub mod handle;

pub use handle::{Meters, PhoneHandle, StartError, StartOptions, start};
