//! An emulated network of datagrams and byte streams on a clock that moves only when told to.
//!
//! [`Net::send`] and [`Net::send_stream`] take what a host sends; [`Net::deliver`] gives what has arrived by a
//! time; [`Net::next_arrival`] says when to ask again. What happens on the way is decided by the [`Path`] between
//! the two hosts and a seed, so a run can be repeated exactly.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::random::Random;

/// What the way from one host to another does to a datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// One way.
    pub delay: Duration,
    /// Up to this much more, uniformly; on its own it reorders.
    pub jitter: Duration,
    /// Share of datagrams lost on their own, 0–1.
    pub loss: f64,
    /// Chance that a burst of loss begins with this datagram (Gilbert model).
    pub burst_begin: f64,
    /// Mean length of a burst in datagrams.
    pub burst_length: f64,
    /// Share of datagrams that come another 30 ms late, behind their successors.
    pub late: f64,
    /// Share of datagrams that come twice.
    pub twice: f64,
}

impl Path {
    /// 5 ms one way and nothing else.
    pub const GOOD: Self = Self {
        delay: Duration::from_millis(5),
        jitter: Duration::ZERO,
        loss: 0.0,
        burst_begin: 0.0,
        burst_length: 0.0,
        late: 0.0,
        twice: 0.0,
    };

    /// A bad Wi-Fi: delay, jitter, single losses, bursts, reordering and doubles.
    pub const BAD_WIFI: Self = Self {
        delay: Duration::from_millis(25),
        jitter: Duration::from_millis(15),
        loss: 0.02,
        burst_begin: 0.003,
        burst_length: 3.0,
        late: 0.01,
        twice: 0.005,
    };
}

/// What a NAT does (RFC 4787): how it maps, and whom it lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// One outer port for each inner one, and everybody may answer.
    FullCone,
    /// One outer port for each inner one; only addresses and ports that were sent to may answer.
    PortRestricted,
    /// A new outer port for each destination; hole punching does not work.
    Symmetric,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Translator {
    kind: Nat,
    outer: IpAddr,
    next_port: u16,
    /// Inner address and, for a symmetric one, destination, to the outer port.
    ports: BTreeMap<(SocketAddr, Option<SocketAddr>), u16>,
    /// Outer port and who was sent to from it.
    opened: BTreeSet<(u16, SocketAddr)>,
}

/// Something that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// A piece of a byte stream; `None` is its end.
    Stream {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Option<Vec<u8>>,
    },
}

/// One datagram or piece as it was sent, for audits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub at: Instant,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: usize,
    pub stream: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Travelling {
    due: Instant,
    order: u64,
    arrival: Arrival,
}

impl Ord for Travelling {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl PartialOrd for Travelling {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The network. Hosts are addresses; they need no introduction.
#[derive(Debug)]
pub struct Net {
    random: Random,
    usual: Path,
    paths: BTreeMap<(IpAddr, IpAddr), Path>,
    bursting: BTreeMap<(IpAddr, IpAddr), bool>,
    cut: BTreeSet<IpAddr>,
    no_udp: BTreeSet<IpAddr>,
    nats: BTreeMap<IpAddr, Translator>,
    stream_clear: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    travelling: BinaryHeap<Reverse<Travelling>>,
    count: u64,
    sent: Vec<Sent>,
    lost: u64,
}

impl Net {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            usual: Path::GOOD,
            paths: BTreeMap::new(),
            bursting: BTreeMap::new(),
            cut: BTreeSet::new(),
            no_udp: BTreeSet::new(),
            nats: BTreeMap::new(),
            stream_clear: BTreeMap::new(),
            travelling: BinaryHeap::new(),
            count: 0,
            sent: Vec::new(),
            lost: 0,
        }
    }

    /// The path between hosts that have none of their own.
    pub fn set_usual(&mut self, path: Path) {
        self.usual = path;
    }

    /// The path between two hosts, both ways.
    pub fn set_path(&mut self, a: IpAddr, b: IpAddr, path: Path) {
        self.paths.insert((a, b), path);
        self.paths.insert((b, a), path);
    }

    /// Nothing reaches or leaves this host, or everything does again.
    pub fn cut(&mut self, host: IpAddr, cut: bool) {
        if cut {
            self.cut.insert(host);
        } else {
            self.cut.remove(&host);
        }
    }

    /// A firewall lets no datagram of this host through; streams pass.
    pub fn block_udp(&mut self, host: IpAddr, blocked: bool) {
        if blocked {
            self.no_udp.insert(host);
        } else {
            self.no_udp.remove(&host);
        }
    }

    /// Puts a host behind a NAT with this outer address.
    pub fn behind_nat(&mut self, host: IpAddr, outer: IpAddr, kind: Nat) {
        let translator = Translator { kind, outer, next_port: 40_000, ports: BTreeMap::new(), opened: BTreeSet::new() };
        self.nats.insert(host, translator);
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is sent is given away")]
    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.sent.push(Sent { at: now, from, to, bytes: bytes.len(), stream: false });
        let barred = [from.ip(), to.ip()].iter().any(|host| self.cut.contains(host) || self.no_udp.contains(host));
        if barred {
            self.lost += 1;
            return;
        }
        let from_outside = self.translate_out(from, to);
        let Some(to_inside) = self.translate_in(from_outside, to) else {
            self.lost += 1;
            return;
        };
        let ends = (from.ip(), to.ip());
        let path = self.path(ends);
        if self.loses(ends, &path) {
            self.lost += 1;
            return;
        }
        let copies = if self.random.chance(path.twice) { 2 } else { 1 };
        for _ in 0..copies {
            let mut delay = path.delay + path.jitter.mul_f64(self.random.unit());
            if self.random.chance(path.late) {
                delay += Duration::from_millis(30);
            }
            let arrival = Arrival::Datagram { from: from_outside, to: to_inside, bytes: bytes.clone() };
            self.put(now + delay, arrival);
        }
    }

    /// Bytes of a stream: in order and never lost, only delayed, unless a host is cut off; `None` ends it.
    pub fn send_stream(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: Option<Vec<u8>>) {
        self.sent.push(Sent { at: now, from, to, bytes: bytes.as_ref().map_or(0, Vec::len), stream: true });
        if self.cut.contains(&from.ip()) || self.cut.contains(&to.ip()) {
            self.lost += 1;
            return;
        }
        let path = self.path((from.ip(), to.ip()));
        let earliest = now + path.delay + path.jitter.mul_f64(self.random.unit());
        let clear = self.stream_clear.entry((from, to)).or_insert(earliest);
        *clear = earliest.max(*clear);
        let due = *clear;
        self.put(due, Arrival::Stream { from, to, bytes });
    }

    fn put(&mut self, due: Instant, arrival: Arrival) {
        self.count += 1;
        self.travelling.push(Reverse(Travelling { due, order: self.count, arrival }));
    }

    fn path(&self, ends: (IpAddr, IpAddr)) -> Path {
        self.paths.get(&ends).copied().unwrap_or(self.usual)
    }

    fn loses(&mut self, ends: (IpAddr, IpAddr), path: &Path) -> bool {
        let bursting = self.bursting.entry(ends).or_insert(false);
        *bursting = if *bursting {
            !self.random.chance(1.0 / path.burst_length.max(1.0))
        } else {
            self.random.chance(path.burst_begin)
        };
        let single = self.random.chance(path.loss);
        *bursting || single
    }

    fn translate_out(&mut self, from: SocketAddr, to: SocketAddr) -> SocketAddr {
        let Some(nat) = self.nats.get_mut(&from.ip()) else { return from };
        let key = (from, (nat.kind == Nat::Symmetric).then_some(to));
        let port = *nat.ports.entry(key).or_insert_with(|| {
            nat.next_port += 1;
            nat.next_port
        });
        nat.opened.insert((port, to));
        SocketAddr::new(nat.outer, port)
    }

    /// Where it ends up; `None` when a NAT drops it, or when it is sent to an address behind one.
    fn translate_in(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        if let Some(nat) = self.nats.values().find(|nat| nat.outer == to.ip()) {
            let ((inner, _), _) = nat.ports.iter().find(|(_, port)| **port == to.port())?;
            let open = nat.kind == Nat::FullCone || nat.opened.contains(&(to.port(), from));
            return open.then_some(*inner);
        }
        (!self.nats.contains_key(&to.ip())).then_some(to)
    }

    /// The next thing that has arrived by `now`.
    pub fn deliver(&mut self, now: Instant) -> Option<Arrival> {
        if self.travelling.peek().is_none_or(|Reverse(next)| next.due > now) {
            return None;
        }
        let Reverse(next) = self.travelling.pop()?;
        let (Arrival::Datagram { to, .. } | Arrival::Stream { to, .. }) = &next.arrival;
        if self.cut.contains(&to.ip()) {
            self.lost += 1;
            return self.deliver(now);
        }
        Some(next.arrival)
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.travelling.peek().map(|Reverse(next)| next.due)
    }

    /// Everything that was sent so far, whether it arrived or not.
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }

    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "10.0.0.1:1000";
    const B: &str = "192.0.2.1:2000";
    const C: &str = "192.0.2.2:3000";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Drains everything; where from, to and when.
    fn drain(net: &mut Net, start: Instant) -> Vec<(SocketAddr, SocketAddr, Duration, u8)> {
        let mut out = Vec::new();
        while let Some(at) = net.next_arrival() {
            while let Some(Arrival::Datagram { from, to, bytes }) = net.deliver(at) {
                out.push((from, to, at - start, bytes[0]));
            }
        }
        out
    }

    #[test]
    fn a_good_path_keeps_order_and_a_seed_repeats_a_bad_one() {
        let now = Instant::now();
        let run = |path: Path, seed| {
            let mut net = Net::new(seed);
            net.set_usual(path);
            for i in 0..200_u64 {
                net.send(now + Duration::from_millis(20 * i), address(A), address(B), vec![i as u8]);
            }
            drain(&mut net, now)
        };
        let good: Vec<u8> = run(Path::GOOD, 1).iter().map(|arrival| arrival.3).collect();
        assert_eq!(good, (0..200).collect::<Vec<u8>>());
        let bad = run(Path::BAD_WIFI, 1);
        assert_eq!(bad, run(Path::BAD_WIFI, 1));
        assert_ne!(bad, run(Path::BAD_WIFI, 2));
        assert!(bad.len() < 200, "{} arrived", bad.len());
    }

    #[test]
    fn a_port_restricted_nat_lets_in_only_who_was_sent_to() {
        let now = Instant::now();
        let mut net = Net::new(1);
        let outer = address("198.51.100.7:0").ip();
        net.behind_nat(address(A).ip(), outer, Nat::PortRestricted);
        net.send(now, address(A), address(B), vec![1]);
        let seen = drain(&mut net, now)[0].0;
        assert_eq!(seen.ip(), outer);
        net.send(now, address(B), seen, vec![2]);
        net.send(now, address(C), seen, vec![3]);
        net.send(now, address(C), address(A), vec![4]);
        let arrived = drain(&mut net, now);
        assert_eq!(arrived.iter().map(|a| (a.1, a.3)).collect::<Vec<_>>(), [(address(A), 2)]);
    }

    #[test]
    fn a_cut_host_gets_nothing_not_even_what_was_on_its_way() {
        let now = Instant::now();
        let mut net = Net::new(1);
        net.send(now, address(A), address(B), vec![1]);
        net.cut(address(B).ip(), true);
        net.send(now, address(A), address(B), vec![2]);
        assert_eq!(drain(&mut net, now), []);
        net.cut(address(B).ip(), false);
        net.send(now, address(A), address(B), vec![3]);
        assert_eq!(drain(&mut net, now).len(), 1);
        assert_eq!(net.lost(), 2);
    }
}
