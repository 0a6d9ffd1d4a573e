//! The body of the fuzz target for everything that arrives on legs.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::engine::MediaEngine;
use super::types::{EngineOutput, IceServer, LegAddresses, LegKind, SessionConfig, TurnTransport};
use crate::ids::{LegId, SessionId};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 126\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n\
    a=ice-ufrag:fuzz\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
    a=fingerprint:sha-256 0A:6D:EE:DC:B9:67:A3:C5:58:0F:8F:D7:A1:AF:6A:45:5E:82:41:21:5F:8B:2A:65:EA:F5:0C:12:18:8F:D7:F0\r\n\
    a=candidate:1 1 udp 2130706431 192.0.2.9 5000 typ host\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n";

/// Hands `bytes`, cut into pieces by their own values, to every leg of an engine with one session, lets time pass
/// in between, and drains. Nothing may panic or hang.
pub fn fuzz_receive(now: Instant, bytes: &[u8]) {
    super::turn::fuzz(now, bytes);
    let turn = |transport| IceServer::Turn {
        host: "turn.test".to_owned(),
        port: 3_478,
        transport,
        username: "user".into(),
        password: "password".into(),
    };
    let config =
        SessionConfig { servers: vec![turn(TurnTransport::Udp), turn(TurnTransport::Tcp)], ..SessionConfig::default() };
    let mut now = now;
    let mut engine = MediaEngine::new();
    engine.set_local_addresses(now, &[IpAddr::from([192, 0, 2, 1])]);
    if engine.accept_offer(now, SessionId(1), OFFER, &config).is_err() {
        return;
    }
    let server = SocketAddr::from(([192, 0, 2, 2], 3_478));
    let far = SocketAddr::from(([192, 0, 2, 9], 5_000));
    let mut legs: Vec<(LegId, SocketAddr)> = Vec::new();
    let mut rest = bytes;
    loop {
        while let Some(output) = engine.poll() {
            if let EngineOutput::OpenLeg { leg, kind, dscp, .. } = output {
                let local = SocketAddr::from(([192, 0, 2, 1], 10_000 + legs.len() as u16));
                let (from, server) = match kind {
                    LegKind::Host { .. } => (far, None),
                    LegKind::Turn { .. } => (server, Some(server)),
                };
                legs.push((leg, from));
                engine.leg_opened(now, leg, LegAddresses { local, server, dscp: Some(dscp) });
            }
        }
        let [which, length, after @ ..] = rest else { return };
        let (piece, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        if let Some((leg, from)) = legs.get(usize::from(*which) % legs.len().max(1)) {
            engine.receive(now, *leg, *from, piece);
        }
        engine.add_remote_candidate(now, SessionId(1), &String::from_utf8_lossy(piece));
        now += Duration::from_millis(u64::from(*which));
        engine.tick(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn garbage_on_any_leg_is_taken_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            super::fuzz_receive(super::super::testing::epoch(), &bytes);
        }

        /// Datagrams that look like STUN, DTLS, RTP, RTCP and channel data at their beginning.
        #[test]
        fn half_right_datagrams_are_taken_without_panic(
            parts in prop::collection::vec((0..3_u8, 0..6_usize, prop::collection::vec(any::<u8>(), 0..80)), 0..20),
        ) {
            const HEADS: [&[u8]; 6] = [
                &[0x00, 0x01, 0x00, 0x08, 0x21, 0x12, 0xa4, 0x42],
                &[0x01, 0x01, 0x00, 0x0c, 0x21, 0x12, 0xa4, 0x42],
                &[0x16, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20],
                &[0x80, 0x6f, 0, 1],
                &[0x80, 0xc8, 0, 6],
                &[0x40, 0x00, 0x00, 0x10],
            ];
            let mut bytes = Vec::new();
            for (leg, head, tail) in parts {
                bytes.push(leg);
                bytes.push((HEADS[head].len() + tail.len()) as u8);
                bytes.extend_from_slice(HEADS[head]);
                bytes.extend(tail);
            }
            super::fuzz_receive(super::super::testing::epoch(), &bytes);
        }
    }
}
