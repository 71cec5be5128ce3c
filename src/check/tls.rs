//! The TLS handshake under a deadline, and the reasons for which a certificate is refused.
//!
//! One client configuration serves all checks. Resumption is off: a resumed session shows no certificate, so one that
//! has been replaced by a bad one would go unnoticed.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use chrono::DateTime;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, CipherSuite, ClientConfig, ClientConnection,
    DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore, SignatureScheme,
    StreamOwned,
};

use super::connect::Stream;
use super::resolve::Host;
use super::{Deadline, Failure, Phase};
use crate::file::reason;

/// A connection inside TLS.
pub type TlsStream = StreamOwned<ClientConnection, Stream>;

/// The client configuration, made at the first handshake: the system's trust store is read once, not per check. A store
/// that could not be read is tried again.
static CLIENT: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// Shakes hands with `host` and verifies its certificate.
///
/// # Errors
/// [`Phase::Tls`]: what is wrong with the certificate, the peer's alert, or no handshake by the deadline.
pub fn handshake(stream: Stream, host: &Host, deadline: Deadline) -> Result<TlsStream, Failure> {
    let failed = |text: &str| Failure::new(Phase::Tls, text);
    let config = shared_client().map_err(|text| failed(&text))?;
    let name = server_name(host).map_err(|text| failed(&text))?;
    let connection = ClientConnection::new(Arc::clone(config), name)
        .map_err(|error| failed(&tls_reason(&error)))?;
    stream.send_at_once();
    ASKED.set(false);
    let mut tls = StreamOwned::new(connection, stream);
    while tls.conn.is_handshaking() {
        if let Err(error) = tls.conn.complete_io(&mut tls.sock).map(drop) {
            let text = match error.kind() {
                io::ErrorKind::TimedOut => format!("no handshake {}", deadline.within()),
                io::ErrorKind::UnexpectedEof => "connection closed during the handshake".to_owned(),
                _ => alert(&error)
                    .or_else(|| last_words(&mut tls))
                    .unwrap_or_else(|| reason(&error)),
            };
            return Err(failed(&text));
        }
    }
    Ok(tls)
}

/// The reason for which TLS itself broke off, if it did: an alert that came after the handshake, as TLS 1.3 sends when
/// it wants a client certificate.
#[must_use]
pub fn alert(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    inner.downcast_ref::<TlsError>().map(tls_reason)
}

/// What the peer had to say when it stopped listening: it sends its alert and closes, and our write fails first.
pub fn last_words(tls: &mut TlsStream) -> Option<String> {
    while tls
        .conn
        .read_tls(&mut tls.sock)
        .is_ok_and(|amount| amount > 0)
    {
        if let Err(error) = tls.conn.process_new_packets() {
            return Some(tls_reason(&error));
        }
    }
    None
}

fn server_name(host: &Host) -> Result<ServerName<'static>, String> {
    let name = match host {
        Host::Address(address) => return Ok(ServerName::from(*address)),
        Host::Name(name) => name.split('%').next().unwrap_or(name),
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(ServerName::from(address));
    }
    // A trailing dot makes a name absolute for the resolver; no certificate has one (RFC 6066, 3).
    let name = name.trim_end_matches('.').to_owned();
    ServerName::try_from(name).map_err(|_| "no certificate can be for this host name".to_owned())
}

fn shared_client() -> Result<&'static Arc<ClientConfig>, String> {
    if let Some(config) = CLIENT.get() {
        return Ok(config);
    }
    let config = client()?;
    Ok(CLIENT.get_or_init(|| config))
}

fn client() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let loaded = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let why = loaded.errors.first().map(ToString::to_string);
        let why = why.unwrap_or_else(|| "the store is empty".to_owned());
        return Err(format!("no trusted authority on this machine: {why}"));
    }
    let mut provider = ring::default_provider();
    // A check sends a few hundred bytes: the hash of the handshake is what costs, and AES-128's SHA-256 is the fastest.
    let aes_128 = CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite() != aes_128);
    let provider = Arc::new(provider);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
        .build()
        .map_err(|error| error.to_string())?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier(verifier)))
        .with_client_cert_resolver(Arc::new(NoCertificate));
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

thread_local! {
    /// Whether the peer of this thread's handshake has asked for a client certificate. A check stays on its thread.
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// We have no client certificate, and note that one was asked for.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        ASKED.set(true);
        None
    }

    /// Only whoever may have one is asked.
    fn has_certs(&self) -> bool {
        true
    }
}

/// rustls's own verifier; only its "unknown issuer" is looked at more closely.
#[derive(Debug)]
struct Verifier(Arc<WebPkiServerVerifier>);

/// A certificate that nobody but itself vouches for.
#[derive(Debug)]
struct SelfSigned;

impl fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("certificate is self-signed")
    }
}

impl std::error::Error for SelfSigned {}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| match error {
                // `Other` is webpki's "an authority's certificate used as a server's", as `openssl req -x509` makes it.
                TlsError::InvalidCertificate(
                    CertificateError::UnknownIssuer | CertificateError::Other(_),
                ) if is_self_signed(end_entity) => {
                    CertificateError::Other(OtherError(Arc::new(SelfSigned))).into()
                }
                error => error,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

/// An error of TLS in words that stay the same from one check to the next: rustls's own name the time of the check.
fn tls_reason(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(error) => certificate_reason(error),
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            "the peer demands a client certificate".to_owned()
        }
        TlsError::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the peer speaks no version of TLS that is safe (1.2 or 1.3)".to_owned()
        }
        // TLS 1.2 has no alert of its own for it.
        TlsError::AlertReceived(AlertDescription::HandshakeFailure) if ASKED.get() => {
            "the peer demands a client certificate".to_owned()
        }
        TlsError::AlertReceived(alert) => format!("the peer's alert: {alert:?}"),
        TlsError::InvalidMessage(_) => format!("the peer does not speak TLS: {error}"),
        error => error.to_string(),
    }
}

/// `DnsName("a.example")`, as webpki shows it, to `a.example`.
fn bare_name(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

fn certificate_reason(error: &CertificateError) -> String {
    let day = |time: &UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let time = DateTime::from_timestamp(seconds, 0);
        time.map_or_else(
            || "?".to_owned(),
            |time| time.format("%Y-%m-%d").to_string(),
        )
    };
    match error {
        CertificateError::Expired => "certificate expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("certificate expired on {}", day(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate not valid before {}", day(not_before))
        }
        CertificateError::NotValidForName => "certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names: Vec<_> = presented.iter().map(|name| bare_name(name)).collect();
            let names = names.join(", ");
            format!(
                "certificate is not for {} (it is for: {names})",
                expected.to_str()
            )
        }
        CertificateError::UnknownIssuer => "certificate of an unknown authority".to_owned(),
        CertificateError::Other(other) => match other.0.downcast_ref::<SelfSigned>() {
            Some(self_signed) => self_signed.to_string(),
            None => format!("certificate refused: {}", other.0),
        },
        error => format!("certificate refused: {error}"),
    }
}
