//! A certificate authority made for one test.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tempfile::NamedTempFile;

/// The names and addresses under which tests reach a TLS peer.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// An authority; heartbeat trusts it when started with `.trusting(&authority)`.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

/// A server's or a client's certificate and its key.
pub struct Certificate {
    pub key: CertifiedKey,
    /// All that is shown, in PEM.
    pub pem: String,
    /// The key in PEM.
    pub key_pem: String,
}

impl Authority {
    /// An authority that nobody knows yet.
    pub fn new() -> Self {
        Self::named("An authority of heartbeat's tests")
    }

    /// One of another name. (Two of one name and different keys are something else: a forgery.)
    pub fn named(name: &str) -> Self {
        let params = authority_params(name);
        let issuer = CertifiedIssuer::self_signed(params, new_key()).expect("sign itself");
        let file = NamedTempFile::new().expect("a file for the authority");
        std::fs::write(file.path(), issuer.pem()).expect("write the authority's certificate");
        Self { issuer, file }
    }

    /// Its own certificate in PEM, for `SSL_CERT_FILE`.
    pub fn file(&self) -> &Path {
        self.file.path()
    }

    /// A good certificate for localhost, 127.0.0.1 and `::1`.
    pub fn certificate(&self) -> Certificate {
        self.issue(&params(&NAMES))
    }

    /// One for other names than those of this machine.
    pub fn certificate_for(&self, names: &[&str]) -> Certificate {
        self.issue(&params(names))
    }

    /// One that was good until 2001.
    pub fn expired(&self) -> Certificate {
        let mut params = params(&NAMES);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.issue(&params)
    }

    /// One that is good from 4000 on.
    pub fn not_yet_valid(&self) -> Certificate {
        let mut params = params(&NAMES);
        params.not_before = date_time_ymd(4000, 1, 1);
        self.issue(&params)
    }

    /// A good one, signed by an authority that this one has signed; the server shows both.
    pub fn certificate_by_intermediate(&self) -> Certificate {
        self.certificate_by(authority_params("An intermediate authority"))
    }

    /// One that ends in a little more than so many days.
    pub fn certificate_ending_in(&self, days: u64) -> Certificate {
        let mut params = params(&NAMES);
        end_in(&mut params, days);
        self.issue(&params)
    }

    /// A lasting one, signed by an intermediate authority that ends in a little more than so many days.
    pub fn certificate_by_intermediate_ending_in(&self, days: u64) -> Certificate {
        let mut params = authority_params("An intermediate authority");
        end_in(&mut params, days);
        self.certificate_by(params)
    }

    fn certificate_by(&self, params_of_authority: CertificateParams) -> Certificate {
        let between = CertifiedIssuer::signed_by(params_of_authority, new_key(), &self.issuer);
        let between = between.expect("sign an authority");
        let key = new_key();
        let certificate = params(&NAMES).signed_by(&key, &between).expect("sign");
        Certificate::new(&[&certificate, between.as_ref()], &key)
    }

    /// The certificate as a trust anchor for what demands certificates of clients.
    pub fn anchor(&self) -> CertificateDer<'static> {
        self.issuer.as_ref().der().clone()
    }

    fn issue(&self, params: &CertificateParams) -> Certificate {
        let key = new_key();
        let certificate = params.signed_by(&key, &self.issuer).expect("sign");
        Certificate::new(&[&certificate], &key)
    }
}

impl Certificate {
    /// One that vouches for itself.
    pub fn self_signed() -> Self {
        Self::by_itself(&params(&NAMES))
    }

    /// The same as an authority's, as `openssl req -x509` makes it.
    pub fn self_signed_authority() -> Self {
        let mut params = params(&NAMES);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::by_itself(&params)
    }

    /// One that vouched for itself until 2001.
    pub fn self_signed_and_expired() -> Self {
        let mut params = params(&NAMES);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        Self::by_itself(&params)
    }

    fn by_itself(params: &CertificateParams) -> Self {
        let key = new_key();
        let certificate = params.self_signed(&key).expect("sign itself");
        Self::new(&[&certificate], &key)
    }

    fn new(chain: &[&rcgen::Certificate], key: &KeyPair) -> Self {
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let usable = any_supported_type(&der).expect("a usable key");
        let ders = chain.iter().map(|certificate| certificate.der().clone());
        Self {
            key: CertifiedKey::new(ders.collect(), usable),
            pem: chain.iter().map(|certificate| certificate.pem()).collect(),
            key_pem: key.serialize_pem(),
        }
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("generate a key")
}

/// An hour more than the days, so that they are whole while a test runs.
fn end_in(params: &mut CertificateParams, days: u64) {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    let left = Duration::from_secs(days * 24 * 3600 + 3600);
    params.not_after = date_time_ymd(1970, 1, 1) + now + left;
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names for a certificate");
    let common_name = "A server of heartbeat's tests";
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).expect("an authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
