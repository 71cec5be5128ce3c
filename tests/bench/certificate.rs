//! An authority and a certificate for each endpoint, as a thousand real services would have.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::endpoint;

/// Makes the authority, writes its certificate to `file`, and returns a TLS configuration for each endpoint.
pub fn make(file: &Path) -> Result<Vec<Arc<ServerConfig>>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "benchmark authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(file, authority.pem())?;
    let key = KeyPair::generate()?;
    (0..endpoint::COUNT)
        .map(|index| configuration(index, &key, &authority))
        .collect()
}

/// The TLS configuration of one endpoint. They share a key, which the client cannot tell.
fn configuration(
    index: u16,
    key: &KeyPair,
    authority: &CertifiedIssuer<KeyPair>,
) -> Result<Arc<ServerConfig>> {
    let params = CertificateParams::new([endpoint::address(index).to_string()])?;
    let certificate = params.signed_by(key, authority)?;
    Ok(Arc::new(server(
        certificate.der().clone(),
        PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?,
    )?))
}

/// rustls's server side with its own defaults.
fn server(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig> {
    Ok(
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?,
    )
}
