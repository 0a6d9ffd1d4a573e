//! Ids and secrets from one key: unpredictable outside, the same in every run of a simulation.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Hands out ids and secrets. With a random key nobody can guess them; with a fixed key a simulation repeats.
#[derive(Debug)]
pub struct Chance {
    key: [u8; 32],
    count: u64,
}

impl Chance {
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key, count: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        self.count += 1;
        Sha256::new().chain_update(self.key).chain_update(self.count.to_be_bytes()).finalize().into()
    }

    /// A version 4 UUID (RFC 9562 §5.4).
    pub fn uuid(&mut self) -> String {
        uuid_from(self.block())
    }

    /// An opaque secret of 256 bits.
    pub fn secret(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.block())
    }
}

/// The id that belongs to these words, the same in every run, so that clients may keep it.
pub fn stable_uuid(kind: &str, name: &str) -> String {
    uuid_from(stable(kind, name))
}

/// 24 hexadecimal digits that belong to these words, the form of the local part of a JID.
pub fn stable_hex(kind: &str, name: &str) -> String {
    uuid_from(stable(kind, name)).chars().filter(|c| *c != '-').take(24).collect()
}

fn stable(kind: &str, name: &str) -> [u8; 32] {
    Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize().into()
}

fn uuid_from(block: [u8; 32]) -> String {
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(block.first_chunk::<16>().unwrap_or(&[0; 16]));
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_ids_and_no_id_twice() {
        let (mut a, mut b) = (Chance::new([7; 32]), Chance::new([7; 32]));
        let first = a.uuid();
        assert_eq!(first, b.uuid());
        assert_ne!(first, a.uuid());
        assert_eq!(first.len(), 36);
        assert_eq!(first.chars().nth(14), Some('4'));
    }
}
