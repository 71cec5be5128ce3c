//! A certificate authority made for one test.

use std::iter;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine};
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair,
    SigningKey, date_time_ymd,
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
        Self::with(authority_params(name))
    }

    /// One that ends in a little more than so many days.
    pub fn ending_in(days: u64) -> Self {
        let mut params = authority_params("An authority that ends");
        end_in(&mut params, days);
        Self::with(params)
    }

    /// One that was an authority until 2001.
    pub fn that_is_over() -> Self {
        let mut params = authority_params("An authority of the past");
        until_2001(&mut params);
        Self::with(params)
    }

    /// A server's certificate that vouches for others, though it must not.
    pub fn that_is_none() -> Self {
        let mut params = params(&NAMES);
        let name = "A server that signs";
        params.distinguished_name.push(DnType::CommonName, name);
        Self::with(params)
    }

    fn with(params: CertificateParams) -> Self {
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
        until_2001(&mut params);
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

    /// A lasting one, signed by an intermediate authority that was one until 2001.
    pub fn certificate_by_intermediate_that_is_over(&self) -> Certificate {
        let mut params = authority_params("An intermediate authority of the past");
        until_2001(&mut params);
        self.certificate_by(params)
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

    /// One of the first version of X.509, for no name in particular, as `openssl x509 -req` made them until 3.2.
    pub fn certificate_of_version_1(&self) -> Certificate {
        let key = new_key();
        let certificate = params(&NAMES).signed_by(&key, &self.issuer).expect("sign");
        Certificate::of_version_1(&certificate, self.issuer.key(), &key)
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
        until_2001(&mut params);
        Self::by_itself(&params)
    }

    /// One of the first version of X.509 that vouches for itself.
    pub fn self_signed_of_version_1() -> Self {
        let key = new_key();
        let certificate = params(&NAMES).self_signed(&key).expect("sign itself");
        Self::of_version_1(&certificate, &key, &key)
    }

    /// One that vouches for itself, and asks for more than we know.
    pub fn self_signed_with_a_critical_extension() -> Self {
        let mut params = params(&NAMES);
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
        Self::by_itself(&params)
    }

    /// The same certificate, in the hands of one who has not got its key.
    pub fn stolen(self) -> Self {
        let chain = self.key.cert.clone();
        Self::with(chain, &new_key())
    }

    fn of_version_1(certificate: &rcgen::Certificate, signer: &KeyPair, key: &KeyPair) -> Self {
        Self::with(vec![version_1(certificate.der(), signer)], key)
    }

    fn by_itself(params: &CertificateParams) -> Self {
        let key = new_key();
        let certificate = params.self_signed(&key).expect("sign itself");
        Self::new(&[&certificate], &key)
    }

    fn new(chain: &[&rcgen::Certificate], key: &KeyPair) -> Self {
        let ders = chain.iter().map(|certificate| certificate.der().clone());
        Self::with(ders.collect(), key)
    }

    fn with(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let usable = any_supported_type(&der).expect("a usable key");
        Self {
            pem: chain.iter().map(pem).collect(),
            key: CertifiedKey::new(chain, usable),
            key_pem: key.serialize_pem(),
        }
    }
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64_STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// The same certificate in the first version of X.509: without its number in front and the extensions at the end.
fn version_1(certificate: &CertificateDer<'_>, by: &KeyPair) -> CertificateDer<'static> {
    let [content, algorithm, _] = parts(certificate)[..] else {
        panic!("a certificate has three parts");
    };
    let fields = parts(content);
    let content = tagged(0x30, &fields[1..fields.len() - 1].concat());
    let signature = [&[0][..], &by.sign(&content).expect("sign")].concat();
    let parts = [&content, algorithm, &*tagged(0x03, &signature)];
    tagged(0x30, &parts.concat()).into()
}

/// The values inside a value of DER, whole.
fn parts(value: &[u8]) -> Vec<&[u8]> {
    let inside = AnyRef::from_der(value).expect("a value").value();
    let mut reader = SliceReader::new(inside).expect("values");
    let next = || (!reader.is_finished()).then(|| reader.tlv_bytes().expect("a value"));
    iter::from_fn(next).collect()
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("not that much");
    let [high, low] = length.to_be_bytes();
    let head: &[u8] = match length {
        0..128 => &[tag, low],
        128..256 => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [head, content].concat()
}
fn until_2001(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2001, 1, 1);
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
