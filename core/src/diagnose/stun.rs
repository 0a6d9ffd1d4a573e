//! Questions about the router (RFC 5780): which address a server sees, and from where it can answer.
//!
//! One question and its answer at a time; sending and waiting is the probe's.

use std::net::SocketAddr;

use stun_proto::types::attribute::{AttributeType, MappedSocketAddr, RawAttribute, XorMappedAddress};
use stun_proto::types::message::{BINDING, Message, MessageClass, MessageHeader, MessageWriteVec, TransactionId};
use stun_proto::types::prelude::{MessageWrite, MessageWriteExt};

use super::facts::NatKind;

/// RFC 5780 §7.2.
const CHANGE_REQUEST: u16 = 0x0003;
/// RFC 5780 §7.4: address and port of the server's other socket.
const OTHER_ADDRESS: u16 = 0x802c;

/// From where the server is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFrom {
    Here,
    /// The same address, another port.
    OtherPort,
    /// Another address and another port.
    OtherAddress,
}

/// What a server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Our address as it saw it.
    pub mapped: SocketAddr,
    /// Where its second address is, if it has one.
    pub other: Option<SocketAddr>,
}

/// A question with a new transaction, and the transaction.
pub fn request(from: AnswerFrom) -> (Vec<u8>, u128) {
    let mut message = Message::builder_request(BINDING, MessageWriteVec::new());
    let bits = match from {
        AnswerFrom::Here => None,
        AnswerFrom::OtherPort => Some(2_u32),
        AnswerFrom::OtherAddress => Some(6_u32),
    };
    if let Some(bits) = bits {
        let value = bits.to_be_bytes();
        let attribute = RawAttribute::new(AttributeType::new(CHANGE_REQUEST), &value);
        if message.add_attribute(&attribute).is_err() {
            tracing::debug!("a question to a STUN server cannot be written");
        }
    }
    let transaction = u128::from(message.transaction_id());
    (message.finish(), transaction)
}

/// The answer to this transaction; `None`: something else.
pub fn reply(bytes: &[u8], transaction: u128) -> Option<Reply> {
    // Looked at first, because foreign bytes are the rule on a socket.
    let header = MessageHeader::from_bytes(bytes).ok()?;
    if header.transaction_id() != TransactionId::from(transaction) {
        return None;
    }
    let message = Message::from_bytes(bytes).ok()?;
    if !message.has_class(MessageClass::Success) || !message.has_method(BINDING) {
        return None;
    }
    let mapped = message.attribute::<XorMappedAddress>().ok()?.addr(message.transaction_id());
    let other = message
        .raw_attribute(AttributeType::new(OTHER_ADDRESS))
        .and_then(|raw| MappedSocketAddr::from_raw(&raw).ok())
        .map(|address| address.addr());
    Some(Reply { mapped, other })
}

/// How the router maps (RFC 5780 §4.3), from what the server's addresses saw of one socket: the primary address, the
/// other address at the primary port, the other address at the other port.
pub fn mapping(local: SocketAddr, first: SocketAddr, second: Option<SocketAddr>, third: Option<SocketAddr>) -> NatKind {
    if first == local {
        return NatKind::None;
    }
    match (second, third) {
        (None, _) => NatKind::Unknown,
        (Some(second), _) if second == first => NatKind::EndpointIndependent,
        (Some(second), Some(third)) if second == third => NatKind::AddressDependent,
        (Some(_), Some(_)) => NatKind::AddressAndPortDependent,
        // It depends on something; on what was not seen.
        (Some(_), None) => NatKind::AddressDependent,
    }
}

/// How the router filters (RFC 5780 §4.4), from which answers came through. `first`: one came from the address asked.
pub fn filtering(first: bool, from_other_address: bool, from_other_port: bool) -> NatKind {
    match (first, from_other_address, from_other_port) {
        (false, _, _) => NatKind::Unknown,
        (_, true, _) => NatKind::EndpointIndependent,
        (_, false, true) => NatKind::AddressDependent,
        (_, false, false) => NatKind::AddressAndPortDependent,
    }
}

/// The body of the fuzz target: any bytes are an answer or none.
pub fn fuzz(bytes: &[u8]) {
    let transaction = bytes.get(4..20).and_then(|id| <[u8; 16]>::try_from(id).ok()).map_or(0, u128::from_be_bytes);
    // The magic cookie is no part of the transaction.
    let replies = [transaction & ((1 << 96) - 1), 1].map(|transaction| reply(bytes, transaction));
    std::hint::black_box(replies);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stun_proto::types::message::MessageType;

    use super::*;

    fn answer(transaction: u128, mapped: SocketAddr, other: Option<SocketAddr>) -> Vec<u8> {
        let kind = MessageType::from_class_method(MessageClass::Success, BINDING);
        let mut message = Message::builder(kind, TransactionId::from(transaction), MessageWriteVec::new());
        message.add_attribute(&XorMappedAddress::new(mapped, TransactionId::from(transaction))).unwrap();
        if let Some(SocketAddr::V4(other)) = other {
            let mut value = vec![0, 1];
            value.extend(other.port().to_be_bytes());
            value.extend(other.ip().octets());
            message.add_attribute(&RawAttribute::new(AttributeType::new(OTHER_ADDRESS), &value)).unwrap();
        }
        message.finish()
    }

    #[test]
    fn an_answer_tells_our_address_and_the_server_s_other_one() {
        let (question, transaction) = request(AnswerFrom::OtherAddress);
        assert_eq!(&question[20..28], &[0, 3, 0, 4, 0, 0, 0, 6]);
        let (mapped, other) = ("203.0.113.9:4000".parse().unwrap(), "198.51.100.2:3479".parse().unwrap());
        let bytes = answer(transaction, mapped, Some(other));
        assert_eq!(reply(&bytes, transaction), Some(Reply { mapped, other: Some(other) }));
        assert_eq!(reply(&bytes, transaction ^ 1), None);
        assert_eq!(reply(&question, transaction), None);
    }

    #[test]
    fn routers_are_told_apart_as_rfc_5780_says() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let local = at("10.0.0.2:5000");
        let (a, b, c) = (at("203.0.113.1:1"), at("203.0.113.1:2"), at("203.0.113.1:3"));
        assert_eq!(mapping(local, local, None, None), NatKind::None);
        assert_eq!(mapping(local, a, Some(a), None), NatKind::EndpointIndependent);
        assert_eq!(mapping(local, a, Some(b), Some(b)), NatKind::AddressDependent);
        assert_eq!(mapping(local, a, Some(b), Some(c)), NatKind::AddressAndPortDependent);
        assert_eq!(mapping(local, a, None, None), NatKind::Unknown);
        assert_eq!(filtering(true, true, true), NatKind::EndpointIndependent);
        assert_eq!(filtering(true, false, true), NatKind::AddressDependent);
        assert_eq!(filtering(true, false, false), NatKind::AddressAndPortDependent);
        assert_eq!(filtering(false, false, false), NatKind::Unknown);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            fuzz(&bytes);
        }

        #[test]
        fn a_broken_answer_never_panics(cut in 0_usize..80, at in 0_usize..60, value in any::<u8>()) {
            let mut bytes = answer(7, "203.0.113.9:4000".parse().unwrap(), Some("198.51.100.2:1".parse().unwrap()));
            bytes.truncate(bytes.len().saturating_sub(cut % 40));
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            std::hint::black_box(reply(&bytes, 7));
            fuzz(&bytes);
        }
    }
}
