//! TLS from PEM files: the server's certificate, which can be reloaded after a renewal, and the authorities
//! that a client trusts.
//!
//! No error quotes a file, since it may hold a key.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Enough for every certificate chain, and for the authorities of an operating system.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The permission that lets every user of the machine read a file.
const OTHERS_READ: u32 = 0o004;

/// A certificate and its key, as last read from their files.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    acceptor: RwLock<TlsAcceptor>,
}

impl Tls {
    /// Reads a certificate, followed by its intermediates, and its private key: PEM, the key as PKCS#8,
    /// PKCS#1 or SEC1. One file may hold both.
    ///
    /// # Errors
    /// One line: which file cannot be used, and why.
    pub fn read(certificate: &Path, key: &Path) -> Result<Tls, String> {
        let acceptor = RwLock::new(acceptor(certificate, key)?);
        Ok(Tls { certificate: certificate.to_owned(), key: key.to_owned(), acceptor })
    }

    /// Reads the files again. New connections use the result.
    ///
    /// # Errors
    /// As for [`Tls::read`]; the earlier certificate then stays in use.
    pub(crate) fn read_again(&self) -> Result<(), String> {
        let fresh = acceptor(&self.certificate, &self.key)?;
        *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The acceptor for new connections.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads the certificates of a file; at least one.
///
/// # Errors
/// One line: why the file cannot be used.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unusable = |why: &str| format!("the certificate file {} {why}", path.display());
    let (bytes, _) = read(path).map_err(|why| unusable(&why))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates.map_err(|error| unusable(words(&error)))? {
        none if none.is_empty() => Err(unusable("has no certificate in it (PEM)")),
        certificates => Ok(certificates),
    }
}

/// Reads the certificates of a file as trusted authorities.
///
/// # Errors
/// One line: why the file cannot be used.
pub(crate) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = certificates(path)?;
    for certificate in &certificates {
        RootCertStore::empty().add(certificate.clone()).map_err(|error| {
            format!("the certificate file {} cannot be used: {error}", path.display())
        })?;
    }
    Ok(certificates)
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let provider = ring::default_provider();
    let certified = certified(certificate, key, &provider)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Session tickets are sent unasked. If a client sends its request and closes without reading them, the
    // connection is reset, and the request could be lost before it is recorded.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config).into())
}

fn certified(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, String> {
    let chain = certificates(certificate)?;
    let unusable = |why: &str| format!("the key file {} {why}", key.display());
    let (bytes, metadata) = read(key).map_err(|why| unusable(&why))?;
    let private = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        unusable(match error {
            pem::Error::NoItemsFound => {
                "has no private key in it (PEM; PKCS#8, PKCS#1 or SEC1, without a passphrase)"
            }
            error => words(&error),
        })
    })?;
    let private = provider.key_provider.load_private_key(private).map_err(|_| {
        unusable(
            "has a key that cannot be used (RSA of 2,048 to 4,096 bits, P-256, P-384, Ed25519)",
        )
    })?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        // A key that does not reveal its public key cannot be compared.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            let certificate = certificate.display();
            return Err(unusable(&format!("does not fit the first certificate of {certificate}")));
        }
        Err(error) => {
            let certificate = certificate.display();
            return Err(format!("the certificate file {certificate} cannot be used: {error}"));
        }
    }
    if metadata.permissions().mode() & OTHERS_READ != 0 {
        tracing::warn!(path = %key.display(), "everybody on this machine can read the TLS key");
    }
    Ok(certified)
}

/// The content of a file, and its metadata.
fn read(path: &Path) -> Result<(Vec<u8>, Metadata), String> {
    let cannot = |error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    let mut bytes = vec![];
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is longer than {FILE_BYTES_MAX} bytes"));
    }
    Ok((bytes, metadata))
}

/// What is wrong with a PEM file. The error's own text may quote the file, so it is not used.
fn words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "is no PEM: a section has no END line",
        pem::Error::IllegalSectionStart { .. } => "is no PEM: a BEGIN line is not whole",
        pem::Error::Base64Decode(_) => "is no PEM: a section is no Base64",
        _ => "is no PEM",
    }
}
