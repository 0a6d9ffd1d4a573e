//! Unpredictable names from one secret drawn at the start, so that a phone with the same secret and the same
//! inputs does the same again: tests and replays need no other door.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A stream of values nobody else can guess: SHA-256 over a secret and a counter.
#[derive(Clone)]
pub struct Entropy {
    secret: [u8; 32],
    counter: u64,
}

impl Entropy {
    /// From the operating system's generator. Where that fails (it does not on the systems we support) sign-in
    /// would be predictable, so the reason is handed up.
    pub fn from_system() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self::from_secret(secret))
    }

    pub const fn from_secret(secret: [u8; 32]) -> Self {
        Self { secret, counter: 0 }
    }

    /// An independent stream, so that one user of it cannot shift the names of another.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::from_secret(self.bytes())
    }

    fn bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        Sha256::new().chain_update(self.secret).chain_update(self.counter.to_be_bytes()).finalize().into()
    }

    /// A random UUID (RFC 9562 §5.4).
    pub fn uuid(&mut self) -> String {
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(self.bytes()) {
            *to = from;
        }
        uuid::Builder::from_random_bytes(id).into_uuid().to_string()
    }

    /// 43 characters of `A-Z a-z 0-9 - _`: a PKCE verifier (RFC 7636 §4.1) or a `state`.
    pub fn url_safe(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(‹private›)")
    }
}

/// The PKCE challenge of a verifier: base64url(SHA-256(verifier)) without padding (RFC 7636 §4.2).
pub fn pkce_challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636 appendix B.
        assert_eq!(
            pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn the_same_secret_gives_the_same_names_and_never_one_twice() {
        let mut one = Entropy::from_secret([7; 32]);
        let mut two = Entropy::from_secret([7; 32]);
        let names: Vec<_> = (0..100).map(|_| one.uuid()).collect();
        assert_eq!(names, (0..100).map(|_| two.uuid()).collect::<Vec<_>>());
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), 100);
        assert!(!format!("{one:?}").contains('7'));
        assert_eq!(one.url_safe().len(), 43);
    }
}
