//! Everything that acts for the phone: sockets, TLS, WebSocket, HTTP, the engine thread and the media thread.

pub mod clock;
pub mod desk;
mod engine;
pub mod handle;
mod mailbox;
mod media_loop;
pub mod net;
mod priority;
mod store;
mod watch;

pub use handle::{Meters, PhoneHandle, StartError, StartOptions, start};
pub use store::chosen_devices;
