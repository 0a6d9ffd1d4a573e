//! A real TURN server (coturn) on private ports of 127.0.0.1, over UDP, TCP and TLS with a self-made CA.

use std::io::Read;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use phone_core::media::TurnTransport;
use phone_exchange::{ExternalTurn, TurnChoice};

use crate::process::{Running, Scratch, free_port, program, wait_for};

const USER: &str = "practice";
const PASSWORD: &str = "turn-secret-1f0c";

/// How the server behaves.
#[derive(Clone, Copy, Debug)]
pub struct CoturnOptions {
    /// Seconds until a nonce is stale (RFC 8489 §9.2.4).
    pub nonce_s: u32,
    /// The longest lifetime it gives to an allocation, in seconds.
    pub lifetime_s: u32,
    /// Knows the user under another password: every allocation is refused with 401.
    pub refuse: bool,
}

impl Default for CoturnOptions {
    fn default() -> Self {
        Self { nonce_s: 600, lifetime_s: 3_600, refuse: false }
    }
}

/// A running server; it ends when dropped.
#[derive(Debug)]
pub struct Coturn {
    port: u16,
    tls_port: u16,
    server: Running,
    scratch: Scratch,
}

impl Coturn {
    pub fn start(options: CoturnOptions) -> Self {
        let scratch = Scratch::new("coturn");
        let (port, tls_port) = (free_port(), free_port());
        write_certificates(&scratch);
        let password = if options.refuse { "another" } else { PASSWORD };
        let mut command = Command::new(program("turnserver", "coturn"));
        command
            .args(["-n", "--no-cli", "--no-dtls", "--lt-cred-mech", "--allow-loopback-peers", "--verbose"])
            .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--log-file=stdout"])
            .arg(format!("--listening-port={port}"))
            .arg(format!("--tls-listening-port={tls_port}"))
            // A realm of its own: an answer with it can only be this server's.
            .arg(format!("--realm=offhook-test-{port}"))
            .arg(format!("--user={USER}:{password}"))
            .arg(format!("--stale-nonce={}", options.nonce_s))
            .arg(format!("--max-allocate-lifetime={}", options.lifetime_s))
            .arg(format!("--cert={}", scratch.file("server.pem").display()))
            .arg(format!("--pkey={}", scratch.file("server.key").display()))
            .arg(format!("--pidfile={}", scratch.file("pid").display()))
            .arg(format!("--userdb={}", scratch.file("turndb").display()))
            .current_dir(scratch.path());
        let server = Running::start(&mut command, &scratch.file("coturn.log"));
        let coturn = Self { port, tls_port, server, scratch };
        let up = wait_for(Duration::from_secs(20), || {
            let open = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            (open(port) && open(tls_port) && answers_binding(port)).then_some(())
        });
        assert!(up.is_some(), "coturn did not start:\n{}", coturn.log());
        coturn
    }

    /// Where this transport is served. TLS is named `localhost`, because its certificate is.
    pub fn address(&self, transport: TurnTransport) -> (&'static str, u16) {
        match transport {
            TurnTransport::Udp | TurnTransport::Tcp => ("127.0.0.1", self.port),
            TurnTransport::Tls => ("localhost", self.tls_port),
        }
    }

    /// As `host:port:transport:user:password` of the command line, and as the exchange's option.
    pub fn external(&self, transport: TurnTransport) -> ExternalTurn {
        let (host, port) = self.address(transport);
        ExternalTurn {
            host: host.to_owned(),
            port,
            transport,
            username: USER.to_owned(),
            password: PASSWORD.to_owned(),
        }
    }

    pub fn choice(&self, transport: TurnTransport) -> TurnChoice {
        TurnChoice::External(vec![self.external(transport)])
    }

    /// Both ports, for an audit of what went where.
    pub fn ports(&self) -> [u16; 2] {
        [self.port, self.tls_port]
    }

    pub const fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The CA that signed the TLS certificate, as PEM: for `SSL_CERT_FILE`.
    pub fn ca_file(&self) -> PathBuf {
        self.scratch.file("ca.pem")
    }

    pub fn log(&self) -> String {
        let mut text = String::new();
        let read = std::fs::File::open(self.scratch.file("coturn.log")).and_then(|mut f| f.read_to_string(&mut text));
        read.map(|_| text).unwrap_or_default()
    }

    /// It is gone, as after a crash: ports refuse.
    pub fn stop(&mut self) {
        self.server.kill();
    }

    /// It hangs: nothing is refused and nothing is answered.
    pub fn freeze(&self) {
        self.server.freeze();
    }
}

/// Whether a STUN binding request (RFC 8489 §6) over UDP is answered: the UDP side is up later than the TCP side.
fn answers_binding(port: u16) -> bool {
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    request.extend([7; 12]);
    let mut answer = [0; 200];
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| {
            socket.set_read_timeout(Some(Duration::from_millis(200)))?;
            socket.send_to(&request, (Ipv4Addr::LOCALHOST, port))?;
            socket.recv(&mut answer)
        })
        .is_ok_and(|count| count >= 20 && answer[..2] == [1, 1] && answer[8..20] == [7; 12])
}

/// A CA, and a certificate of `localhost` and 127.0.0.1 that it signed.
fn write_certificates(scratch: &Scratch) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Offhook test CA");
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(scratch.file("ca.pem"), ca_certificate.pem()).unwrap();
    std::fs::write(scratch.file("server.pem"), certificate.pem()).unwrap();
    std::fs::write(scratch.file("server.key"), key.serialize_pem()).unwrap();
}
