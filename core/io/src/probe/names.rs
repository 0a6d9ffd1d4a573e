//! Names: looked up through the system as programs do, and at each name server by itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use phone_core::diagnose::facts::{Lookup, NameFacts, NameServerFacts};
use simple_dns::{CLASS, Name, Packet, Question, TYPE};
use tokio::net::{UdpSocket, lookup_host};

use super::{limited, ms_since};
use crate::clock;

/// For one name through the system, which asks several servers in turn.
const SYSTEM_LIMIT: Duration = Duration::from_secs(6);
/// For one question at one server.
const SERVER_LIMIT: Duration = Duration::from_millis(1_500);
/// Name servers that are asked; systems name at most three.
const SERVERS: usize = 3;

/// Looks all hosts up. Literal addresses need no look-up and are left out; `srv` is asked for services (RFC 5928).
pub async fn names(hosts: &[String], srv: Option<&str>) -> NameFacts {
    let mut facts = NameFacts::default();
    let named: Vec<&String> = hosts.iter().filter(|host| !is_literal(host)).collect();
    for host in &named {
        facts.lookups.push(look_up(host).await);
    }
    // This computer's own name comes from no server.
    let outside = named.iter().find(|host| !host.eq_ignore_ascii_case("localhost"));
    if let Some(host) = outside {
        for server in system_servers().into_iter().take(SERVERS) {
            facts.servers.push(ask_server(server, host, srv.filter(|name| !is_literal(name))).await);
        }
    }
    facts
}

fn is_literal(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

async fn look_up(host: &str) -> Lookup {
    let start = clock::now();
    let answer = limited(SYSTEM_LIMIT, lookup_host((host, 0))).await;
    let ms = ms_since(start);
    let (mut v4, mut v6, mut failed) = (0, 0, None);
    match answer {
        None => failed = Some(format!("no answer within {} s", SYSTEM_LIMIT.as_secs())),
        Some(Err(_)) => failed = Some("no such name".to_owned()),
        Some(Ok(addresses)) => {
            for address in addresses {
                *(if address.is_ipv4() { &mut v4 } else { &mut v6 }) += 1;
            }
            if v4 + v6 == 0 {
                failed = Some("no address".to_owned());
            }
        }
    }
    Lookup { host: host.to_owned(), v4, v6, ms, failed }
}

async fn ask_server(server: IpAddr, host: &str, srv: Option<&str>) -> NameServerFacts {
    let mut facts = NameServerFacts { server: server.to_string(), ms: None, code: None, srv: 0, naptr: 0 };
    let start = clock::now();
    if let Some((code, _)) = ask(server, host, TYPE::A).await {
        facts.ms = Some(ms_since(start));
        facts.code = Some(code);
        if let Some(name) = srv {
            facts.srv = ask(server, &format!("_turn._udp.{name}"), TYPE::SRV).await.map_or(0, |(_, count)| count);
            facts.naptr = ask(server, name, TYPE::NAPTR).await.map_or(0, |(_, count)| count);
        }
    }
    facts
}

/// Response code and number of answers; `None`: silence.
async fn ask(server: IpAddr, name: &str, kind: TYPE) -> Option<(u8, u32)> {
    let id = (ms_since(clock::now()) * 1e6) as u16
        ^ name.bytes().fold(0x5a5a, |id: u16, b| id.rotate_left(3) ^ u16::from(b));
    let question = question(id, name, kind)?;
    let local: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(local).await.ok()?;
    socket.connect((server, 53)).await.ok()?;
    socket.send(&question).await.ok()?;
    limited(SERVER_LIMIT, async {
        let mut buffer = vec![0; 4_096];
        loop {
            let count = socket.recv(&mut buffer).await.ok()?;
            if let Some(answer) = answer(id, buffer.get(..count)?) {
                return Some(answer);
            }
        }
    })
    .await
    .flatten()
}

fn question(id: u16, name: &str, kind: TYPE) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(simple_dns::PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(Name::new(name).ok()?, kind.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().ok()
}

/// `None`: not an answer to this question.
fn answer(id: u16, bytes: &[u8]) -> Option<(u8, u32)> {
    let packet = Packet::parse(bytes).ok()?;
    if packet.id() != id || !packet.has_flags(simple_dns::PacketFlag::RESPONSE) {
        return None;
    }
    Some((
        u8::try_from(packet.rcode() as u16).unwrap_or(u8::MAX),
        u32::try_from(packet.answers.len()).unwrap_or(u32::MAX),
    ))
}

/// The body of the fuzz target: any bytes are an answer or none.
pub fn fuzz(bytes: &[u8]) {
    let id = bytes.first_chunk::<2>().map_or(0, |id| u16::from_be_bytes(*id));
    std::hint::black_box((answer(id, bytes), servers_in(&String::from_utf8_lossy(bytes))));
}

/// The name servers that the system uses; none where it does not tell by file.
fn system_servers() -> Vec<IpAddr> {
    if cfg!(windows) {
        return Vec::new();
    }
    std::fs::read_to_string("/etc/resolv.conf").map(|text| servers_in(&text)).unwrap_or_default()
}

/// resolv.conf(5).
fn servers_in(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.split_whitespace().next()?.split('%').next()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_the_system_does() {
        let text = "# x\nnameserver 192.0.2.1\n nameserver fe80::1%eth0 \nsearch example.org\nnameserver nonsense\n";
        assert_eq!(servers_in(text), ["192.0.2.1".parse::<IpAddr>().unwrap(), "fe80::1".parse().unwrap()]);
    }

    #[test]
    fn an_answer_is_told_from_a_question_and_from_a_stranger_s() {
        let mut reply = Packet::new_reply(7);
        reply.answers.push(simple_dns::ResourceRecord::new(
            Name::new_unchecked("example.org"),
            CLASS::IN,
            10,
            simple_dns::rdata::RData::A(simple_dns::rdata::A { address: 1 }),
        ));
        let bytes = reply.build_bytes_vec().unwrap();
        assert_eq!(answer(7, &bytes), Some((0, 1)));
        assert_eq!(answer(8, &bytes), None);
        assert_eq!(answer(7, &question(7, "example.org", TYPE::A).unwrap()), None);
        for cut in 0..bytes.len() {
            fuzz(&bytes[..cut]);
        }
    }

    #[tokio::test]
    async fn addresses_are_not_looked_up() {
        let facts = names(&["127.0.0.1".to_owned(), "[::1]".to_owned()], None).await;
        assert_eq!(facts, NameFacts::default());
    }
}
