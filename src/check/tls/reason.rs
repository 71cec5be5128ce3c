//! What TLS finds wrong, in words that stay the same from one check to the next: rustls's own name the time of the check.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as TlsError, OtherError};

use super::client::{Asked, asked};
use super::validity::day;

/// Why a certificate is refused, where webpki does not say it well.
#[derive(Debug)]
pub enum Refused {
    /// Nobody but itself vouches for it.
    SelfSigned,
    /// Its version of X.509 has no names that it is for.
    TooOld,
    /// One above it, which, is over since then.
    Over(&'static str, UnixTime),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfSigned => f.write_str("certificate is self-signed"),
            Self::TooOld => f.write_str("certificate is not of X.509 version 3"),
            Self::Over(what, end) => write!(f, "{what} expired on {}", day(*end)),
        }
    }
}

impl From<Refused> for CertificateError {
    fn from(refused: Refused) -> Self {
        Self::Other(OtherError(Arc::new(refused)))
    }
}

impl std::error::Error for Refused {}

/// An error of TLS in our words.
#[must_use]
pub fn tls_reason(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(error) => certificate_reason(error),
        TlsError::AlertReceived(alert) => alert_reason(*alert),
        TlsError::InvalidMessage(_) => format!("the peer does not speak TLS: {error}"),
        error => error.to_string(),
    }
}

fn alert_reason(alert: AlertDescription) -> String {
    match (alert, asked()) {
        (AlertDescription::ProtocolVersion, _) => {
            "the peer speaks no version of TLS that is safe (1.2 or 1.3)".to_owned()
        }
        (alert, Asked::Shown) if is_about_certificates(alert) => {
            format!("the peer refuses our certificate: {alert:?}")
        }
        (AlertDescription::CertificateRequired, _)
        // TLS 1.2 has no alert of its own for it.
        | (AlertDescription::HandshakeFailure, Asked::InVain) => {
            "the peer demands a client certificate".to_owned()
        }
        (alert, _) => format!("the peer's alert: {alert:?}"),
    }
}

/// RFC 8446, 6.2, and the catch-all of TLS 1.2.
fn is_about_certificates(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::HandshakeFailure
    )
}

/// `DnsName("a.example")` and `IpAddress(192.0.2.1)`, as webpki shows them, to what is inside.
fn bare_name(name: &str) -> &str {
    let inside = name
        .split_once('(')
        .and_then(|(_, name)| name.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

fn certificate_reason(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired => "certificate expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("certificate expired on {}", day(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate not valid before {}", day(*not_before))
        }
        CertificateError::NotValidForName => "certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            if presented.is_empty() {
                return "certificate is for no name (it has no subjectAltName)".to_owned();
            }
            let names: Vec<_> = presented.iter().map(|name| bare_name(name)).collect();
            let names = names.join(", ");
            format!(
                "certificate is not for {} (it is for: {names})",
                expected.to_str()
            )
        }
        CertificateError::UnknownIssuer => "certificate of an unknown authority".to_owned(),
        CertificateError::Other(other) => match other.0.downcast_ref::<Refused>() {
            Some(refused) => refused.to_string(),
            None => format!("certificate refused: {}", other.0),
        },
        error => format!("certificate refused: {error}"),
    }
}
