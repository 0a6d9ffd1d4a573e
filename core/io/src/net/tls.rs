//! Which certificates are trusted: the operating system's, and any that were added by name.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// A cheap handle; all copies share what was loaded.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    extra: Vec<CertificateDer<'static>>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Trust {
    /// The operating system's roots. `SSL_CERT_FILE` and `SSL_CERT_DIR` take their place where they are set.
    pub fn system() -> Self {
        Self::default()
    }

    /// The operating system's roots and these.
    pub fn with_roots(extra: Vec<CertificateDer<'static>>) -> Self {
        Self { inner: Arc::new(Inner { extra, config: OnceLock::new() }) }
    }

    /// The operating system's roots and those in a PEM file.
    pub fn with_file(path: &Path) -> Result<Self, String> {
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
        let extra = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        if extra.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        Ok(Self::with_roots(extra))
    }

    /// The client side of TLS. The first call reads the system's store, which takes tens of milliseconds: never on
    /// the media thread.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(self.inner.config.get_or_init(|| Arc::new(client_config(self.roots()))))
    }

    /// The roots themselves, read anew.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let loaded = rustls_native_certs::load_native_certs();
        for error in &loaded.errors {
            tracing::warn!(%error, "a system certificate cannot be read");
        }
        // What cannot be parsed is left out: a store may hold ancient certificates that no one needs.
        roots.add_parsable_certificates(loaded.certs);
        roots.add_parsable_certificates(self.inner.extra.iter().cloned());
        roots
    }
}

/// A configuration that trusts nobody, for connections without TLS.
pub(crate) fn trusting_nobody() -> ClientConfig {
    client_config(RootCertStore::empty())
}

fn client_config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    #[expect(clippy::expect_used, reason = "the ring provider has cipher suites for both TLS 1.2 and 1.3")]
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions");
    builder.with_root_certificates(roots).with_no_client_auth()
}
