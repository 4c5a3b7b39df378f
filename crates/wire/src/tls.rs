//! What the listener proves itself with.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key.
pub struct Tls(TlsAcceptor);

/// Why a certificate can't be used. Nothing of the key's file is told.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate can't be read.
    #[error("`{0}` holds no certificate that can be read: it must be PEM, the server's own certificate first")]
    Certificate(String),
    /// The key can't be read.
    #[error("`{0}` holds no private key that can be read: it must be PEM, without a password")]
    Key(String),
    /// They don't go together.
    #[error("the certificate and the key do not go together: {0}")]
    Pair(rustls::Error),
}

impl Tls {
    /// Reads a certificate, with those that vouch for it, and its key.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let shown = |path: &Path| path.display().to_string();
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::Certificate(shown(certificate)))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|_| TlsError::Key(shown(key)))?;
        let config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).map_err(TlsError::Pair)?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) fn acceptor(self) -> TlsAcceptor {
        self.0
    }
}
