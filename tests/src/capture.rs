//! What really went over the loopback interface, and which process sent it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::{Running, Scratch, program, wait_for};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
}

/// One packet on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub transport: Transport,
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    /// Differentiated services code point, 0–63.
    pub dscp: u8,
    /// Bytes above UDP or TCP.
    pub payload: usize,
}

/// A running tcpdump on the loopback interface.
pub struct Capture {
    tcpdump: Running,
    file: PathBuf,
    scratch: Scratch,
}

impl Capture {
    pub fn start() -> Self {
        let scratch = Scratch::new("capture");
        let file = scratch.file("loopback.pcap");
        let mut command = Command::new(program("tcpdump", "tcpdump"));
        // As root it would drop to another user, who may not write here.
        command.args(["-i", "lo", "-n", "-U", "-s", "0", "-Z", "root", "-w"]).arg(&file).arg("ip and (udp or tcp)");
        let mut tcpdump = Running::start(&mut command, &scratch.file("tcpdump.log"));
        let up = wait_for(Duration::from_secs(10), || {
            let log = std::fs::read_to_string(scratch.file("tcpdump.log")).unwrap_or_default();
            log.contains("listening on").then_some(()).or_else(|| tcpdump.ended().map(|_| ()))
        });
        let log = std::fs::read_to_string(scratch.file("tcpdump.log")).unwrap_or_default();
        assert!(
            up.is_some() && tcpdump.ended().is_none(),
            "tcpdump cannot listen on the loopback interface (it needs root or cap_net_raw): {log}"
        );
        Self { tcpdump, file, scratch }
    }

    /// Ends the capture and reads it.
    pub fn finish(self) -> Vec<Seen> {
        parse_pcap(&self.finish_raw())
    }

    /// Ends the capture; everything that was on the wire, as tcpdump wrote it.
    pub fn finish_raw(mut self) -> Vec<u8> {
        // tcpdump reads its ring once a second; let the last packets in.
        std::thread::sleep(Duration::from_millis(1_200));
        self.tcpdump.interrupt();
        self.tcpdump.wait(Duration::from_secs(5));
        std::fs::read(&self.file).unwrap_or_else(|e| panic!("{}: {e}", self.scratch.path().display()))
    }
}

/// The texts between a needle and the next quote, blank or angle bracket: tokens that went over the wire in clear.
pub fn words_after(bytes: &[u8], needle: &str) -> BTreeSet<String> {
    let needle = needle.as_bytes();
    let mut found = BTreeSet::new();
    for start in bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).map(|(at, _)| at) {
        let word: String = bytes[start + needle.len()..]
            .iter()
            .take_while(|byte| byte.is_ascii_graphic() && !b"\"'<>&".contains(byte))
            .map(|byte| char::from(*byte))
            .collect();
        found.insert(word);
    }
    found
}

fn parse_pcap(bytes: &[u8]) -> Vec<Seen> {
    let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let mut seen = Vec::new();
    let mut at = 24;
    while let Some(length) = word(at + 8) {
        let start = at + 16;
        let Some(packet) = bytes.get(start..start + length as usize) else { break };
        // The loopback interface has an Ethernet header of 14 bytes.
        seen.extend(packet.get(14..).and_then(parse_ip));
        at = start + length as usize;
    }
    seen
}

fn parse_ip(ip: &[u8]) -> Option<Seen> {
    let header = usize::from(ip.first()? & 0x0F) * 4;
    let total = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
    let address = |at: usize| Some(Ipv4Addr::new(*ip.get(at)?, *ip.get(at + 1)?, *ip.get(at + 2)?, *ip.get(at + 3)?));
    let port = |at: usize| Some(u16::from_be_bytes([*ip.get(at)?, *ip.get(at + 1)?]));
    let (transport, above) = match ip.get(9)? {
        17 => (Transport::Udp, 8),
        6 => (Transport::Tcp, usize::from(ip.get(header + 12)? >> 4) * 4),
        _ => return None,
    };
    Some(Seen {
        transport,
        from: SocketAddrV4::new(address(12)?, port(header)?),
        to: SocketAddrV4::new(address(16)?, port(header + 2)?),
        dscp: ip.get(1)? >> 2,
        payload: total.saturating_sub(header + above),
    })
}

/// Collects every local port that a process has, as long as it runs: ports of sockets that were open only for a
/// moment between two looks are missed, so look often.
#[derive(Debug, Default)]
pub struct Ports {
    ports: BTreeMap<Transport, BTreeSet<u16>>,
}

impl Ports {
    pub fn look(&mut self, process: u32) {
        let Ok(folder) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return };
        let inodes: BTreeSet<String> = folder
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .filter_map(|link| Some(link.to_string_lossy().strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        for (transport, table) in
            [(Transport::Udp, "udp"), (Transport::Udp, "udp6"), (Transport::Tcp, "tcp"), (Transport::Tcp, "tcp6")]
        {
            let text = std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
            for line in text.lines().skip(1) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let (Some(local), Some(inode)) = (words.get(1), words.get(9)) else { continue };
                let port = local.rsplit(':').next().and_then(|hex| u16::from_str_radix(hex, 16).ok());
                if let Some(port) = port.filter(|_| inodes.contains(*inode)) {
                    self.ports.entry(transport).or_default().insert(port);
                }
            }
        }
    }

    pub fn has(&self, transport: Transport, port: u16) -> bool {
        self.ports.get(&transport).is_some_and(|ports| ports.contains(&port))
    }

    pub fn udp_ports(&self) -> Vec<u16> {
        self.ports.get(&Transport::Udp).into_iter().flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_datagram_of_this_process_is_seen_with_its_ports() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap().port();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let from = sender.local_addr().unwrap().port();
        let mut ports = Ports::default();
        ports.look(std::process::id());
        assert!(ports.has(Transport::Udp, from) && ports.has(Transport::Udp, to));
        assert!(!ports.has(Transport::Tcp, from));

        let capture = Capture::start();
        sender.send_to(&[7; 33], ("127.0.0.1", to)).unwrap();
        let seen = capture.finish();
        let ours: Vec<&Seen> = seen.iter().filter(|packet| packet.from.port() == from).collect();
        assert_eq!(ours.len(), 1, "{ours:?}");
        assert_eq!((ours[0].to.port(), ours[0].payload, ours[0].transport), (to, 33, Transport::Udp));
    }
}
