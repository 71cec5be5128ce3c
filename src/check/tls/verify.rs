//! Who is believed: an authority, an exact certificate, or anyone.

use std::collections::HashMap;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::client::PROVIDER;
use super::reason::Refused;
use super::roots::Roots;
use super::signature;
use super::validity::Validity;
use super::x509::Certificate;

/// rustls's own verifier; certificates that were named themselves go past it, and its reasons are looked at more closely.
#[derive(Debug)]
pub struct Authorities {
    roots: Roots,
    /// Taken as they are, whatever name they are for: each was put into `ca_file` on purpose.
    named: Vec<CertificateDer<'static>>,
    /// When authorities end, by their names.
    ends: HashMap<Vec<u8>, UnixTime>,
}

impl Authorities {
    /// Believes these authorities.
    ///
    /// # Errors
    /// There is none.
    pub fn new(authorities: &[CertificateDer<'_>]) -> Result<Self, String> {
        let roots = Roots::new(authorities);
        if roots.is_empty() {
            return Err("the store is empty".to_owned());
        }
        Ok(Self {
            roots,
            named: Vec::new(),
            ends: ends(authorities),
        })
    }

    /// Believes these certificates, should a peer show one of them, and whatever the authorities among them vouch for. To
    /// name a server's certificate is not to believe its owner what others are called.
    #[must_use]
    pub fn named(named: Vec<CertificateDer<'static>>) -> Self {
        let is_authority = |certificate: &&CertificateDer<'_>| {
            Certificate::read(certificate).is_some_and(|read| read.is_authority)
        };
        let authorities: Vec<_> = named.iter().filter(is_authority).cloned().collect();
        Self {
            roots: Roots::new(&authorities),
            ends: ends(&authorities),
            named,
        }
    }

    /// When the authority ends that vouches for what a peer has shown, its own certificate first. Of several that do, as
    /// where one has been renewed or has signed another, it is the last to end.
    #[must_use]
    pub fn end_of_root(&self, chain: &[CertificateDer<'_>]) -> Option<UnixTime> {
        if self.named.contains(chain.first()?) {
            return None;
        }
        let chain: Vec<_> = chain.iter().filter_map(Certificate::read).collect();
        let mut names: Vec<_> = chain.first().map(|own| own.issuer).into_iter().collect();
        let mut place = 0;
        while let Some(name) = names.get(place).copied() {
            let above = chain.iter().filter(|above| above.subject == name);
            for issuer in above.map(|above| above.issuer) {
                if !names.contains(&issuer) {
                    names.push(issuer);
                }
            }
            place += 1;
        }
        names
            .iter()
            .filter_map(|name| self.ends.get(*name))
            .max()
            .copied()
    }

    /// An authority that is over is an unknown one to webpki.
    fn or_root_is_over(
        &self,
        error: CertificateError,
        end_entity: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> CertificateError {
        let chain: Vec<_> = [end_entity].into_iter().chain(above).cloned().collect();
        match self.end_of_root(&chain) {
            Some(end) if end < now && error == CertificateError::UnknownIssuer => {
                Refused::Over("root certificate", end).into()
            }
            _ => error,
        }
    }
}

fn ends(authorities: &[CertificateDer<'_>]) -> HashMap<Vec<u8>, UnixTime> {
    let mut ends = HashMap::new();
    for authority in authorities.iter().filter_map(Certificate::read) {
        let end = authority.validity.ends;
        let known = ends.entry(authority.subject.to_owned()).or_insert(end);
        *known = end.max(*known);
    }
    ends
}

/// A certificate that was named itself is good in its time.
fn is_in_time(validity: Validity, now: UnixTime) -> Result<(), CertificateError> {
    if now < validity.begins {
        return Err(CertificateError::NotValidYetContext {
            time: now,
            not_before: validity.begins,
        });
    }
    if now > validity.ends {
        return Err(CertificateError::ExpiredContext {
            time: now,
            not_after: validity.ends,
        });
    }
    Ok(())
}

/// The first of these that is over, and when it was.
fn over<'a>(
    certificates: impl IntoIterator<Item = &'a CertificateDer<'a>>,
    now: UnixTime,
) -> Option<UnixTime> {
    let mut read = certificates.into_iter().filter_map(Certificate::read);
    read.find_map(|read| Some(read.validity.ends).filter(|end| *end < now))
}

/// What can be said of a certificate that webpki refuses without saying all: its `Other` is "an authority's certificate used
/// as a server's", as `openssl req -x509` makes it, or an old version of X.509, and one of those above may be what is over.
fn looked_at_closely(
    error: CertificateError,
    certificate: &Certificate<'_>,
    above: &[CertificateDer<'_>],
    now: UnixTime,
) -> CertificateError {
    let is_over = matches!(
        error,
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
    );
    let is_vague = matches!(
        error,
        CertificateError::UnknownIssuer | CertificateError::Other(_)
    );
    if is_vague && certificate.is_self_signed() {
        Refused::SelfSigned.into()
    } else if !certificate.is_version_3 {
        Refused::TooOld.into()
    } else if is_over
        && now <= certificate.validity.ends
        && let Some(end) = over(above, now)
    {
        Refused::Over("intermediate certificate", end).into()
    } else {
        error
    }
}

impl ServerCertVerifier for Authorities {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let certificate = Certificate::read(end_entity).ok_or(CertificateError::BadEncoding)?;
        if self.named.contains(end_entity) {
            is_in_time(certificate.validity, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        let verified = match self.roots.verifier(now) {
            Some(webpki) => {
                let (name, ocsp) = (server_name, ocsp_response);
                webpki.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        verified.map_err(|error| match error {
            TlsError::InvalidCertificate(error) => {
                let error = looked_at_closely(error, &certificate, intermediates, now);
                self.or_root_is_over(error, end_entity, intermediates, now)
                    .into()
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
        signature::of_tls_1_2(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        signature::of_tls_1_3(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// `verify = no`: any certificate will do. That the peer has its key is still seen: the handshake is a whole one.
#[derive(Debug)]
pub struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        signature::of_tls_1_2(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        signature::of_tls_1_3(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
    };

    fn params(name: &str, until: i32) -> CertificateParams {
        let mut params = CertificateParams::new(vec![]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(until, 1, 1);
        params
    }

    fn root(name: &str, until: i32) -> CertifiedIssuer<'static, KeyPair> {
        let key = KeyPair::generate().expect("a key");
        CertifiedIssuer::self_signed(params(name, until), key).expect("signs itself")
    }

    fn der(issuer: &CertifiedIssuer<'static, KeyPair>) -> CertificateDer<'static> {
        issuer.as_ref().der().clone()
    }

    /// One intermediate authority, signed by an authority that is over and by one that is not.
    #[test]
    fn one_of_two_ways_to_a_root_will_do() {
        let (over, lasting) = (root("over", 2001), root("lasting", 2090));
        let between = || params("between", 2080);
        let key = KeyPair::generate().expect("a key");
        let own = params("own", 2070)
            .signed_by(&key, &lasting)
            .expect("signed");
        let by = |root| {
            let key = KeyPair::generate().expect("a key");
            der(&CertifiedIssuer::signed_by(between(), key, root).expect("signed"))
        };
        let (by_over, by_lasting) = (by(&over), by(&lasting));
        let believed = Authorities::new(&[der(&over), der(&lasting)]).expect("two");
        let own_between = CertifiedIssuer::signed_by(between(), key, &over).expect("signed");
        let key = KeyPair::generate().expect("a key");
        let leaf = params("leaf", 2060)
            .signed_by(&key, &own_between)
            .expect("signed");
        let leaf = leaf.der().clone();
        let year = |chain: &[CertificateDer<'static>]| {
            let end = believed.end_of_root(chain);
            end.map(|end| crate::check::tls::validity::day(end)[..4].to_owned())
        };
        let (over, lasting) = (Some("2001".to_owned()), Some("2090".to_owned()));
        assert_eq!(year(&[own.der().clone()]), lasting);
        assert_eq!(year(&[leaf.clone(), by_over.clone()]), over);
        assert_eq!(year(&[leaf.clone(), by_lasting.clone()]), lasting);
        assert_eq!(year(&[leaf.clone(), by_over, by_lasting]), lasting);
        assert_eq!(year(&[leaf]), None);
    }

    /// Of two with one name, that which has signed has to be in its time.
    #[test]
    fn a_root_is_believed_in_its_time() {
        let (over, lasting) = (root("same", 2001), root("same", 2090));
        let believed = Authorities::new(&[der(&over), der(&lasting)]).expect("two");
        let verify = |root: &CertifiedIssuer<'static, KeyPair>, year: i32| {
            let mut own = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
            own.not_before = date_time_ymd(1980, 1, 1);
            let key = KeyPair::generate().expect("a key");
            let own = own.signed_by(&key, root).expect("signed");
            let name = ServerName::try_from("a.example").expect("a name");
            let year = u64::try_from(year - 1970).expect("later") * 31_557_600;
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(year + 40_000));
            let verified = believed.verify_server_cert(own.der(), &[], &name, &[], now);
            verified.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(verify(&lasting, 2030), Ok(()));
        assert!(verify(&over, 2030).is_err());
        assert_eq!(verify(&over, 2000), Ok(()), "the clock goes back");
        assert_eq!(verify(&lasting, 2030), Ok(()));
        assert!(verify(&lasting, 2091).is_err());
    }
}
