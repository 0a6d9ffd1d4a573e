//! Everything that touches the network.

pub(crate) mod cause;
pub(crate) mod http;
pub mod legs;
pub(crate) mod proxy;
pub(crate) mod redirect;
mod resolve;
mod tcp_stream;
#[cfg(test)]
pub(crate) mod testing;
pub mod tls;
pub(crate) mod udp;
pub(crate) mod websocket;
