//! Everything that acts for the phone: sockets, TLS, WebSocket, HTTP, the engine thread and the media thread.

pub mod administration;
pub mod clock;
pub mod desk;
mod engine;
pub mod handle;
mod mailbox;
mod media_loop;
pub mod net;
pub mod policy;
mod priority;
pub mod probe;
pub mod provisioning;
pub mod secrets;
mod store;
mod watch;

pub use handle::{Meters, OpenBrowser, PhoneHandle, StartError, StartOptions, start, system_browser};
pub use store::{chosen, replace_file, selected_phone};
