//! The probes of the network, on threads of their own, beside the checks of sound.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use phone_core::diagnose::Facts;
use phone_core::diagnose::facts::RegionFacts;
use phone_core::line::ServiceAddresses;
use phone_core::media::{IceServer, TurnTransport};
use phone_io::net::tls::Trust;
use phone_io::probe;
use tokio::sync::watch;

/// A piece of the facts, and the checks that it completes.
pub struct Patch {
    pub done: &'static [&'static str],
    pub apply: Box<dyn FnOnce(&mut Facts) + Send>,
}

/// Where patches go. Full-policy: the probe waits; the checker takes them at every look.
#[derive(Clone)]
pub struct Outbox {
    pub patches: SyncSender<Patch>,
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    pub fn send(&self, done: &'static [&'static str], apply: impl FnOnce(&mut Facts) + Send + 'static) {
        // Fails when the run was stopped, and then nobody wants it.
        if self.patches.send(Patch { done, apply: Box::new(apply) }).is_ok() {
            (self.wake)();
        }
    }
}

/// Runs work on a thread with a runtime until it is done or the run is stopped.
pub fn on_thread<F>(name: &str, stopped: watch::Receiver<bool>, work: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut stopped = stopped;
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            tokio::select! {
                () = work => {}
                // The sender is gone, or says so.
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        });
        // A look-up that hangs must not hold up the end.
        runtime.shutdown_background();
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "the checks of the network could not be started");
    }
}

/// Names, proxy, service, certificate, clock, IPv6.
pub async fn service(addresses: Option<ServiceAddresses>, media_hosts: Vec<String>, out: Outbox) {
    out.send(&["N22"], |facts| facts.ipv6 = Some(probe::ipv6()));
    let Some(addresses) = addresses else {
        out.send(&["N1", "N4", "N2", "N3", "N19"], |_| {});
        return;
    };
    let trust = Trust::system();
    let mut hosts: Vec<String> =
        addresses.requests.iter().chain([&addresses.websocket]).filter_map(|url| host_of(url)).collect();
    hosts.extend(media_hosts.iter().cloned());
    hosts.sort();
    hosts.dedup();
    let srv = media_hosts.first().map(String::as_str);
    let names = async {
        let names = probe::names(&hosts, srv).await;
        // Nothing but literal addresses: there is nothing to look up.
        out.send(&["N1"], move |facts| facts.names = (!names.lookups.is_empty()).then_some(names));
    };
    let proxy = async {
        let url = addresses.requests.first().cloned().unwrap_or_default();
        let proxy = probe::proxy(&url).await;
        out.send(&["N4"], move |facts| facts.proxy = Some(proxy));
    };
    let reach = async {
        let mut reached = Vec::new();
        for url in &addresses.requests {
            reached.push(probe::reach(url, None, &trust).await);
        }
        reached.push(probe::reach(&addresses.websocket, Some(addresses.subprotocol), &trust).await);
        out.send(&["N2", "N3", "N19"], move |facts| facts.reach = reached);
    };
    tokio::join!(names, proxy, reach);
}

fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next()?;
    let host = match authority.rfind(']') {
        Some(end) => authority.get(..=end)?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_owned())
}

/// How much of the media probes is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    pub call: Duration,
    pub nat: bool,
    /// Whether the router remembers a quiet connection for so long.
    pub binding: Option<Duration>,
}

/// STUN, router, relays, regions, test media, mark, tunnel.
pub async fn media(servers: Vec<IceServer>, dscp: u8, depth: Depth, out: Outbox) {
    let trust = Trust::system();
    let mut stun: Vec<(String, u16)> = servers
        .iter()
        .filter_map(|server| match server {
            IceServer::Stun { host, port } | IceServer::Turn { host, port, transport: TurnTransport::Udp, .. } => {
                Some((host.clone(), *port))
            }
            IceServer::Turn { .. } => None,
        })
        .collect();
    stun.dedup();
    stun.truncate(4);
    route_of(&servers, &out).await;

    let questions = async {
        let mut answers = Vec::new();
        for (host, port) in &stun {
            answers.push(probe::stun(host, *port).await);
        }
        let regions = regions(&answers);
        out.send(&["N5", "N9"], move |facts| {
            facts.stun = answers;
            facts.regions = regions;
        });
        let nat = match stun.split_first() {
            Some(((host, port), others)) if depth.nat => probe::nat(host, *port, others).await,
            _ => None,
        };
        out.send(&["N6"], move |facts| facts.nat = nat);
    };
    let relays = async {
        let mut tries = Vec::new();
        for server in servers.iter().take(12) {
            let (server, trust) = (server.clone(), trust.clone());
            tries.push(tokio::spawn(async move { probe::relay(&server, &trust).await }));
        }
        let mut found = Vec::new();
        for task in tries {
            if let Ok(Some(facts)) = task.await {
                found.push(facts);
            }
        }
        let working: Vec<TurnTransport> =
            found.iter().filter(|relay| relay.allocate_ms.is_some()).map(|relay| relay.transport).collect();
        out.send(&["N7u", "N7t", "N7s"], move |facts| facts.relays = found);
        let best = [TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls]
            .into_iter()
            .find(|transport| working.contains(transport));
        let carrier = servers
            .iter()
            .find(|server| matches!(server, IceServer::Turn { transport, .. } if Some(*transport) == best));
        let Some(carrier) = carrier else {
            out.send(&["N10", "N15", "N12"], |_| {});
            return;
        };
        let call = async {
            let (call, mark) = probe::call(carrier, depth.call, dscp, &trust).await;
            out.send(&["N10", "N15"], move |facts| {
                facts.call = Some(call);
                facts.mark = mark;
            });
        };
        let binding = async {
            // A stream is kept open by itself.
            let udp = servers
                .iter()
                .find(|server| matches!(server, IceServer::Turn { transport: TurnTransport::Udp, .. }))
                .filter(|_| best == Some(TurnTransport::Udp));
            let found = match (udp, depth.binding) {
                (Some(server), Some(quiet)) => probe::binding(server, quiet, &trust).await,
                _ => None,
            };
            out.send(&["N12"], move |facts| facts.binding = found);
        };
        tokio::join!(call, binding);
    };
    tokio::join!(questions, relays);
}

async fn route_of(servers: &[IceServer], out: &Outbox) {
    let mut route = None;
    if let Some(IceServer::Stun { host, port } | IceServer::Turn { host, port, .. }) = servers.first() {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let address: Option<SocketAddr> =
            tokio::net::lookup_host((name, *port)).await.ok().and_then(|mut addresses| addresses.next());
        route = address.and_then(probe::route);
    }
    out.send(&["N18"], move |facts| facts.route = route);
}

/// Every server that answered is a region by its name; the service's first one is used. One alone is no choice.
fn regions(answers: &[phone_core::diagnose::facts::StunFacts]) -> Vec<RegionFacts> {
    if answers.len() < 2 {
        return Vec::new();
    }
    answers
        .iter()
        .enumerate()
        .map(|(index, answer)| RegionFacts {
            name: answer.server.clone(),
            round_trip_ms: answer.round_trip_ms,
            in_use: index == 0,
            allowed: true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_out_of_addresses() {
        for (url, host) in [
            ("https://api.example.org/x", Some("api.example.org")),
            ("ws://127.0.0.1:8443/stream?a", Some("127.0.0.1")),
            ("https://[::1]:8443/", Some("[::1]")),
            ("https://", None),
        ] {
            assert_eq!(host_of(url).as_deref(), host, "{url}");
        }
    }
}
