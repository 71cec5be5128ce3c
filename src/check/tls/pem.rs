//! Certificates and keys from the files that a configuration names.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use nix::libc::O_NONBLOCK;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;

use super::validity::{day, in_days};
use super::x509::Certificate;
use crate::file::reason;

/// Largest file: the authorities of all the world take a quarter of a MiB.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A file that a key names, open.
#[derive(Debug)]
pub struct Source {
    file: File,
    path: PathBuf,
    /// Tells whether it is still the same.
    pub stamp: Stamp,
}

/// A file as it was when it was opened: device, inode, size, and the last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(PathBuf, [u64; 3], [i64; 2]);

impl Source {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or is no file; to stand after the quoted path.
    pub fn open(path: &str) -> Result<Self, String> {
        let path = PathBuf::from(path);
        let cannot = |error: io::Error| format!("cannot be read: {}", reason(&error));
        // A FIFO is refused, not waited for.
        let mut options = OpenOptions::new();
        let options = options.read(true).custom_flags(O_NONBLOCK);
        let file = options.open(&path).map_err(cannot)?;
        let meta = file.metadata().map_err(cannot)?;
        if !meta.is_file() {
            return Err("is not a file".to_owned());
        }
        if meta.len() > LARGEST {
            return Err(format!("has more than {LARGEST} bytes"));
        }
        let stamp = Stamp(
            path.clone(),
            [meta.dev(), meta.ino(), meta.size()],
            [meta.ctime(), meta.ctime_nsec()],
        );
        Ok(Self { file, path, stamp })
    }

    /// The same for a secret.
    ///
    /// # Errors
    /// Also: everybody may read or write it.
    pub fn open_secret(path: &str) -> Result<Self, String> {
        let source = Self::open(path)?;
        let mode = source.file.metadata().map_or(0, |meta| meta.mode());
        if mode & 0o007 != 0 {
            return Err(format!(
                "can be read or written by everybody (mode {:o}; chmod o= makes it a secret)",
                mode & 0o777
            ));
        }
        Ok(source)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn read(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let result = (&self.file).take(LARGEST).read_to_end(&mut bytes);
        result.map_err(|error| format!("cannot be read: {}", reason(&error)))?;
        Ok(bytes)
    }

    /// All certificates in it, at least one.
    ///
    /// # Errors
    /// There is none, or one cannot be understood.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let bytes = self.read()?;
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&bytes) {
            let number = certificates.len() + 1;
            let wrong = |why: &str| format!("holds a certificate that is none ({number}.): {why}");
            let certificate = certificate.map_err(|error| wrong(&pem_reason(&error)))?;
            // What an authority's certificate must be, a client's must, too.
            let readable = RootCertStore::empty().add(certificate.clone());
            readable.map_err(|error| wrong(&error.to_string()))?;
            Certificate::read(&certificate).ok_or_else(|| wrong("it does not say when it ends"))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            let text = "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)";
            return Err(text.to_owned());
        }
        Ok(certificates)
    }

    /// The first private key in it.
    ///
    /// # Errors
    /// There is none, it is encrypted, or it cannot be understood.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, String> {
        let bytes = self.read()?;
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
            // PKCS #8 (RFC 7468, 11) and OpenSSL's own way before it.
            let marks = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
            let has = |mark: &&[u8]| bytes.windows(mark.len()).any(|part| part == *mark);
            if marks.iter().any(has) {
                return "is encrypted, and nobody is there to give the passphrase (openssl pkey -in … -out … takes it off)".to_owned();
            }
            match error {
                PemError::NoItemsFound => "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned(),
                error => format!("holds a private key that is none: {}", pem_reason(&error)),
            }
        })
    }
}

/// rustls-pki-types shows bytes as numbers.
fn pem_reason(error: &PemError) -> String {
    match error {
        PemError::MissingSectionEnd { .. } => "its -----END line is missing".to_owned(),
        PemError::IllegalSectionStart { .. } => "its -----BEGIN line is wrong".to_owned(),
        error => error.to_string(),
    }
}

/// A certificate with its key.
///
/// # Errors
/// They do not belong together, or the key is of a kind that is not known; to stand after the key's quoted path.
pub fn pair(
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, String> {
    let key = provider.key_provider.load_private_key(key);
    let unknown = "is of a kind that is not known (RSA from 2048 bits on, ECDSA with P-256 or P-384, Ed25519)";
    let key = key.map_err(|_| unknown.to_owned())?;
    let first = certificates.first().and_then(Certificate::read);
    // rustls looks at this, too, but takes only the third version of X.509, and peers take others.
    if first.map(|first| first.key) != key.public_key() {
        return Err("is not the key of the certificate in cert_file".to_owned());
    }
    Ok(CertifiedKey::new(certificates, key))
}

/// The first of them that is over: `holds a certificate that expired on 2026-11-24 (2.)`
#[must_use]
pub fn over(certificates: &[CertificateDer<'_>], now: UnixTime) -> Option<String> {
    let read = certificates.iter().filter_map(Certificate::read);
    let mut ends = read.map(|read| read.validity.ends).enumerate();
    let (place, end) = ends.find(|(_, end)| *end < now)?;
    let (number, day) = (place + 1, day(end));
    Some(format!(
        "holds a certificate that expired on {day} ({number}.)"
    ))
}

/// When certificates end, for `-t`: `2 certificates, the first ends on 2027-01-05, in 44 days`.
#[must_use]
pub fn ends(certificates: &[CertificateDer<'_>]) -> Option<String> {
    let ends = certificates
        .iter()
        .filter_map(|certificate| Some(Certificate::read(certificate)?.validity.ends));
    let first = ends.min()?;
    let what = match certificates.len() {
        1 => "certificate".to_owned(),
        count => format!("{count} certificates, the first"),
    };
    Some(match in_days(UnixTime::now(), first) {
        Some(left) => format!("{what} ends on {}, {left}", day(first)),
        None => format!("{what} expired on {}", day(first)),
    })
}
