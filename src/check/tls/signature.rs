//! Whether a peer has the key of the certificate that it shows.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError};
use webpki::{EndEntityCert, RawPublicKeyEntity};

use super::client::PROVIDER;
use super::x509::Certificate;

/// A signature of TLS 1.2 over `message`.
///
/// # Errors
/// It is not of the certificate's key.
pub fn of_tls_1_2(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, TlsError> {
    match key_alone(certificate) {
        Some(key) => by_key(message, &key, signature),
        None => verify_tls12_signature(message, certificate, signature, algorithms()),
    }
}

/// The same of TLS 1.3.
///
/// # Errors
/// It is not of the certificate's key.
pub fn of_tls_1_3(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, TlsError> {
    match key_alone(certificate) {
        Some(key) => verify_tls13_signature_with_raw_key(message, &key, signature, algorithms()),
        None => verify_tls13_signature(message, certificate, signature, algorithms()),
    }
}

fn algorithms() -> &'static WebPkiSupportedAlgorithms {
    &PROVIDER.signature_verification_algorithms
}

/// The key of a certificate that webpki does not look into: older than the third version of X.509, as `openssl x509 -req` has
/// made them for years, or with an extension that it does not know. Whoever is believed nevertheless has been named, or
/// nobody is asked who it is.
fn key_alone<'a>(certificate: &'a CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'a>> {
    match EndEntityCert::try_from(certificate) {
        Ok(_) => None,
        Err(_) => Some(Certificate::read(certificate)?.key),
    }
}

/// TLS 1.2 does not say which algorithm of several with one name is meant (rustls tries them all, too).
fn by_key(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, TlsError> {
    let key = RawPublicKeyEntity::try_from(key).map_err(|_| CertificateError::BadEncoding)?;
    let is_scheme = |(scheme, _): &&(_, _)| *scheme == signature.scheme;
    let known = algorithms().mapping.iter().find(is_scheme);
    let mut known = known.into_iter().flat_map(|(_, algorithms)| *algorithms);
    let is_signed = known.any(|algorithm| {
        let checked = key.verify_signature(*algorithm, message, signature.signature());
        checked.is_ok()
    });
    if is_signed {
        return Ok(HandshakeSignatureValid::assertion());
    }
    Err(CertificateError::BadSignature.into())
}
