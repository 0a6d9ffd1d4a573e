//! Names to addresses on helper threads: the system's resolver blocks, sometimes for half a minute.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use mio::Waker;
use phone_core::ids::LegId;
use rustls::ClientConfig;

use super::tls::Trust;

/// Look-ups at the same time. One more fails at once: a name server that hangs would else collect threads.
const LOOKUPS: usize = 8;

/// What a leg needs before it can connect.
pub(super) struct Resolved {
    pub(super) leg: LegId,
    /// IPv4 first: media over it passes more home routers. Empty: there is no such name.
    pub(super) addresses: Vec<SocketAddr>,
    /// With TLS: loaded here, since reading the system's certificates takes tens of milliseconds.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

pub(super) struct Resolver {
    sender: SyncSender<Resolved>,
    receiver: Receiver<Resolved>,
    running: usize,
    waker: Arc<Waker>,
}

impl Resolver {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        // As many places as look-ups: a helper never waits to hand its answer in.
        let (sender, receiver) = sync_channel(LOOKUPS);
        Self { sender, receiver, running: 0, waker }
    }

    /// Starts a look-up; `false` when too many run already or no thread could be started.
    pub(super) fn start(&mut self, leg: LegId, host: &str, port: u16, tls: Option<Trust>) -> bool {
        if self.running >= LOOKUPS {
            return false;
        }
        let (sender, waker, host) = (self.sender.clone(), Arc::clone(&self.waker), host.to_owned());
        let started = std::thread::Builder::new().name("offhook-names".to_owned()).spawn(move || {
            let addresses = look_up(&host, port);
            let tls = tls.map(|trust| trust.config());
            // Both fail only when the media thread is gone, and then nobody waits.
            drop(sender.send(Resolved { leg, addresses, tls }));
            drop(waker.wake());
        });
        self.running += usize::from(started.is_ok());
        started.is_ok()
    }

    pub(super) fn poll(&mut self) -> Option<Resolved> {
        let resolved = self.receiver.try_recv().ok()?;
        self.running -= 1;
        Some(resolved)
    }
}

fn look_up(host: &str, port: u16) -> Vec<SocketAddr> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses: Vec<SocketAddr> = (name, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses
}
