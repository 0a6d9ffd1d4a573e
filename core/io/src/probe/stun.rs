//! STUN over UDP: does it answer, how long does it take, and how does the router behave (RFC 5780).

use std::net::SocketAddr;
use std::time::Duration;

use phone_core::diagnose::facts::{NatFacts, NatKind, StunFacts};
use phone_core::diagnose::stun::{AnswerFrom, Reply, filtering, mapping, reply, request};
use tokio::net::UdpSocket;

use super::route::source_towards;
use super::{limited, ms_since, resolve, words};
use crate::clock;

/// Questions to one server; each waits this long for its answer.
const QUESTIONS: u32 = 3;
const ANSWER: Duration = Duration::from_millis(700);
/// For answers from elsewhere, which a router may drop.
const ELSEWHERE: Duration = Duration::from_millis(900);

/// Asks one server a few times from one socket.
pub async fn stun(host: &str, port: u16) -> StunFacts {
    let mut facts = StunFacts {
        server: format!("{host}:{port}"),
        sent: 0,
        answered: 0,
        round_trip_ms: None,
        translated: None,
        failed: None,
    };
    if let Err(why) = ask_often(&mut facts, host, port).await {
        facts.failed = Some(why);
    }
    facts
}

async fn ask_often(facts: &mut StunFacts, host: &str, port: u16) -> Result<(), String> {
    let server = *resolve(host, port).await?.first().ok_or("its name is not found")?;
    let (socket, local) = socket_towards(server).await?;
    for _ in 0..QUESTIONS {
        facts.sent += 1;
        let start = clock::now();
        match ask(&socket, server, AnswerFrom::Here, ANSWER).await {
            Ok(Some(reply)) => {
                let ms = ms_since(start);
                facts.answered += 1;
                facts.round_trip_ms = Some(facts.round_trip_ms.map_or(ms, |best| best.min(ms)));
                facts.translated = Some(reply.mapped != local);
            }
            Ok(None) => {}
            Err(error) => facts.failed = Some(error),
        }
    }
    if facts.answered == 0 {
        return Err(facts.failed.clone().unwrap_or_else(|| "no answer".to_owned()));
    }
    facts.failed = None;
    Ok(())
}

/// A socket bound to the address that leads there, so that its own address is known.
async fn socket_towards(server: SocketAddr) -> Result<(UdpSocket, SocketAddr), String> {
    let source = source_towards(server).ok_or("there is no way to it from this network")?;
    let socket = UdpSocket::bind((source, 0)).await.map_err(|error| words(&error))?;
    let local = socket.local_addr().map_err(|error| words(&error))?;
    Ok((socket, local))
}

/// One question. The answer may come from anywhere: whose it is tells its transaction.
async fn ask(
    socket: &UdpSocket,
    server: SocketAddr,
    from: AnswerFrom,
    limit: Duration,
) -> Result<Option<Reply>, String> {
    let (bytes, transaction) = request(from);
    socket.send_to(&bytes, server).await.map_err(|error| words(&error))?;
    let mut buffer = [0; 2_048];
    let answer = limited(limit, async {
        loop {
            match socket.recv_from(&mut buffer).await {
                Ok((count, _)) => {
                    if let Some(reply) = buffer.get(..count).and_then(|bytes| reply(bytes, transaction)) {
                        return Ok(reply);
                    }
                }
                Err(error) => return Err(words(&error)),
            }
        }
    });
    match answer.await {
        None => Ok(None),
        Some(Ok(reply)) => Ok(Some(reply)),
        Some(Err(why)) => Err(why),
    }
}

/// How the router maps and filters. `others`: further servers, which tell something of the mapping where the first one
/// has no second address. `None`: nobody answered.
pub async fn nat(host: &str, port: u16, others: &[(String, u16)]) -> Option<NatFacts> {
    let server = *resolve(host, port).await.ok()?.first()?;
    let (socket, local) = socket_towards(server).await.ok()?;
    let first = ask(&socket, server, AnswerFrom::Here, ANSWER).await.ok()??;
    let Some(other) = first.other.filter(|other| *other != server && !other.ip().is_unspecified()) else {
        let mut second = None;
        for (host, port) in others {
            let Some(address) = resolve(host, *port).await.ok().and_then(|all| all.first().copied()) else { continue };
            if address.ip() == server.ip() {
                continue;
            }
            second = ask(&socket, address, AnswerFrom::Here, ANSWER).await.ok().flatten();
            if second.is_some() {
                break;
            }
        }
        let mapping = mapping(local, first.mapped, second.map(|reply| reply.mapped), None);
        return Some(NatFacts { mapping, filtering: NatKind::Unknown });
    };
    // RFC 5780 §4.3: tests II and III.
    let second =
        ask(&socket, SocketAddr::new(other.ip(), server.port()), AnswerFrom::Here, ANSWER).await.ok().flatten();
    let third = ask(&socket, other, AnswerFrom::Here, ANSWER).await.ok().flatten();
    let mapping = mapping(local, first.mapped, second.map(|reply| reply.mapped), third.map(|reply| reply.mapped));
    // §4.4, on a socket that has sent to the first address only.
    let (socket, _) = socket_towards(server).await.ok()?;
    let here = ask(&socket, server, AnswerFrom::Here, ANSWER).await.ok().flatten();
    let from_address = ask(&socket, server, AnswerFrom::OtherAddress, ELSEWHERE).await.ok().flatten();
    let from_port = ask(&socket, server, AnswerFrom::OtherPort, ELSEWHERE).await.ok().flatten();
    let filtering = filtering(here.is_some(), from_address.is_some(), from_port.is_some());
    Some(NatFacts { mapping, filtering })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_says_nothing_is_reported_as_silent() {
        let mute = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let facts = stun("127.0.0.1", mute.local_addr().unwrap().port()).await;
        assert_eq!((facts.sent, facts.answered), (3, 0));
        assert!(facts.failed.is_some() && facts.round_trip_ms.is_none(), "{facts:?}");
    }

    #[tokio::test]
    async fn nonsense_is_no_answer() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut buffer = [0; 1_500];
            while let Ok((count, from)) = server.recv_from(&mut buffer).await {
                // An echo has the right transaction and is still no answer.
                server.send_to(&buffer[..count], from).await.ok();
                server.send_to(b"hello", from).await.ok();
            }
        });
        assert_eq!(stun("127.0.0.1", port).await.answered, 0);
    }
}
