//! Everything that touches the network.

pub(crate) mod cause;
pub(crate) mod http;
pub mod legs;
mod proxy;
pub(crate) mod redirect;
mod resolve;
mod tcp_stream;
#[cfg(test)]
mod testing;
pub mod tls;
mod udp;
pub(crate) mod websocket;
