//! A certificate authority made for one test.

use std::path::Path;

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

/// A server's certificate and its key.
pub struct Certificate(pub CertifiedKey);

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
        let params_of_authority = authority_params("An intermediate authority");
        let between = CertifiedIssuer::signed_by(params_of_authority, new_key(), &self.issuer);
        let between = between.expect("sign an authority");
        let key = new_key();
        let certificate = params(&NAMES).signed_by(&key, &between).expect("sign");
        let chain = vec![certificate.der().clone(), between.as_ref().der().clone()];
        Certificate::new(chain, &key)
    }

    /// The certificate as a trust anchor for what demands certificates of clients.
    pub fn anchor(&self) -> CertificateDer<'static> {
        self.issuer.as_ref().der().clone()
    }

    fn issue(&self, params: &CertificateParams) -> Certificate {
        let key = new_key();
        let certificate = params.signed_by(&key, &self.issuer).expect("sign");
        Certificate::new(vec![certificate.der().clone()], &key)
    }
}

impl Certificate {
    /// One that vouches for itself.
    pub fn self_signed() -> Self {
        let key = new_key();
        let certificate = params(&NAMES).self_signed(&key).expect("sign itself");
        Self::new(vec![certificate.der().clone()], &key)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = any_supported_type(&key).expect("a usable key");
        Self(CertifiedKey::new(chain, key))
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("generate a key")
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
