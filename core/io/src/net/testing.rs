//! Small servers on loopback for tests, each with one trait of a bad one.

#![allow(clippy::disallowed_methods, reason = "a test without its server fails anyway")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Reads one request, writes this, hangs up.
pub(crate) fn answer_once(text: String) -> u16 {
    let (listener, port) = listener();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
                _ => return,
            }
        }
        // Whoever has read enough hangs up in between.
        stream.write_all(text.as_bytes()).ok();
    });
    port
}

/// Nobody listens here.
pub(crate) fn closed_port() -> u16 {
    listener().1
}

/// Accepts, and says nothing as long as the listener lives.
pub(crate) fn silent_port() -> (TcpListener, u16) {
    listener()
}

/// Speaks TLS as `localhost` with a certificate of its own making, once.
pub(crate) fn tls_port() -> (CertificateDer<'static>, u16) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let (listener, port) = listener();
    std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        rustls::Stream::new(&mut tls, &mut tcp).read_to_end(&mut Vec::new()).ok();
    });
    (certificate, port)
}
