//! Gathers facts about the way to the service and to its media servers. Facts only; judging is
//! [`phone_core::diagnose`]'s.
//!
//! Every probe is bounded in time, answers with what it saw when its time is over, and leaves nothing open. They run
//! on any tokio runtime with time and IO.

mod call;
mod computer;
mod names;
mod reach;
mod relay;
mod route;
mod stun;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;

pub use call::{binding, call, watched_call};
pub use computer::{Load, other_phones};
pub use names::names;
pub use reach::{proxy, reach};
pub use relay::relay;
pub use route::{ipv6, route};
pub use stun::{nat, stun};

use crate::clock;
use crate::net::cause::io_in_words;

/// The body of the fuzz target: answers of name servers, heads of HTTP answers, certificates.
pub fn fuzz(bytes: &[u8]) {
    names::fuzz(bytes);
    reach::fuzz(bytes);
}

/// The first addresses of a name, IPv4 first; why there is none in words.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = limited(Duration::from_secs(5), lookup_host((name, port))).await;
    match found {
        None => Err("its name is not found in time".to_owned()),
        Some(Err(_)) => Err("its name is not found".to_owned()),
        Some(Ok(addresses)) => {
            let mut addresses: Vec<SocketAddr> = addresses.collect();
            addresses.sort_by_key(SocketAddr::is_ipv6);
            if addresses.is_empty() { Err("its name is not found".to_owned()) } else { Ok(addresses) }
        }
    }
}

/// `None`: it took longer.
async fn limited<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// Milliseconds since then.
fn ms_since(start: std::time::Instant) -> f64 {
    clock::now().saturating_duration_since(start).as_secs_f64() * 1_000.0
}

fn words(error: &std::io::Error) -> String {
    io_in_words(error)
}
