//! Why a connection could not be made, in words for people. Both HTTP and WebSocket map their errors here.

use std::error::Error;
use std::io;

/// What a connection failed of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The certificate, with the reason.
    Untrusted(String),
    Unreachable(String),
}

impl Cause {
    /// Looks through an error and all its sources for the one that says something.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        let mut last = error;
        while let Some(error) = next {
            last = error;
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Self::of_tls(tls);
            }
            next = match error.downcast_ref::<io::Error>() {
                // What an `io::Error` wraps is not its `source()`: that is already the wrapped one's.
                Some(io) => match io.get_ref() {
                    Some(inner) => Some(inner),
                    None => return Self::Unreachable(io_in_words(io)),
                },
                None => error.source(),
            };
        }
        Self::Unreachable(last.to_string())
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(why) => Self::Untrusted(certificate_in_words(why)),
            rustls::Error::NoCertificatesPresented => Self::Untrusted("it shows none".to_owned()),
            other => Self::Unreachable(format!("no secure connection: {other}")),
        }
    }
}

pub(crate) fn certificate_in_words(why: &rustls::CertificateError) -> String {
    use rustls::CertificateError as C;
    match why {
        C::Expired | C::ExpiredContext { .. } => "it has expired".to_owned(),
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "it is not valid yet; is this computer's clock right?".to_owned()
        }
        C::Revoked => "it was revoked".to_owned(),
        C::UnknownIssuer => "its issuer is not known to this computer".to_owned(),
        C::NotValidForName | C::NotValidForNameContext { .. } => "it belongs to another name".to_owned(),
        other => other.to_string(),
    }
}

/// Any error of a connection as a clause.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    match Cause::of(error) {
        Cause::Untrusted(why) => format!("its certificate is not trusted: {why}"),
        Cause::Unreachable(why) => why,
    }
}

/// An operating system's error as a clause.
pub(crate) fn io_in_words(error: &io::Error) -> String {
    use io::ErrorKind as K;
    match error.kind() {
        K::ConnectionRefused => "it refused the connection".to_owned(),
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => "it cut the connection".to_owned(),
        K::UnexpectedEof => "it hung up".to_owned(),
        K::TimedOut => "it does not answer".to_owned(),
        K::NetworkUnreachable | K::NetworkDown => "this computer has no network".to_owned(),
        K::HostUnreachable => "there is no way to it from this network".to_owned(),
        K::PermissionDenied => "the system does not allow the connection".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_is_said_in_words() {
        let error = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(Cause::of(&error), Cause::Unreachable("it refused the connection".to_owned()));
    }

    #[test]
    fn a_bad_certificate_is_found_inside_an_io_error() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(Cause::of(&error), Cause::Untrusted("its issuer is not known to this computer".to_owned()));
    }
}
