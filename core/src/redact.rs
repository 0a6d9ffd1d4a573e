//! What is private stays out of logs: [`Private`] prints a mask unless its value is asked for by name.

use std::fmt;

/// A number, name, address or token. `Debug` and `Display` print a mask; [`Private::reveal`] gives the value
/// where it has to go on a wire or on the screen. Deliberately not `Serialize`: what is written out says so.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Private<T>(T);

impl<T> Private<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for a wire, a key store or the screen; never for a log.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Private<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Private<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹private›")
    }
}

impl<T> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹private›")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_value_prints_a_mask() {
        let token: Private<String> = "secret-token".into();
        assert_eq!(format!("{token} {token:?}"), "‹private› ‹private›");
        assert_eq!(token.reveal(), "secret-token");
    }
}
