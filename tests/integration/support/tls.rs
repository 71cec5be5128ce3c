//! The server's side of TLS, with the certificate that a test wants it to show.

use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::crypto::ring::default_provider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

use super::authority::{Authority, Certificate};
use super::conn::Transport;

/// A TLS server: sessions can be resumed, as real servers let them.
pub struct TlsServer {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
}

/// The certificate for the first connection, the second, and so on; the last one stays.
#[derive(Debug)]
struct Certificates {
    keys: Vec<Arc<CertifiedKey>>,
    connections: AtomicUsize,
    shown: AtomicUsize,
    asked_for: Mutex<Vec<String>>,
}

impl TlsServer {
    /// Shows one certificate.
    pub fn new(certificate: Certificate) -> Self {
        Self::changing(vec![certificate])
    }

    /// Shows the first certificate to the first connection, and so on; the last one stays.
    pub fn changing(certificates: Vec<Certificate>) -> Self {
        Self::build(certificates, rustls::DEFAULT_VERSIONS, None)
    }

    /// Shows one certificate, in one version of TLS alone.
    pub fn speaking(certificate: Certificate, version: &'static SupportedProtocolVersion) -> Self {
        Self::build(vec![certificate], &[version], None)
    }

    /// Tells how many handshakes have shown a certificate so far; a resumed session shows none.
    pub fn full_handshakes(&self) -> impl Fn() -> usize + use<> {
        let certificates = Arc::clone(&self.certificates);
        move || certificates.shown.load(Ordering::SeqCst)
    }

    /// Tells the names that have been asked for so far (SNI).
    pub fn names(&self) -> impl Fn() -> Vec<String> + use<> {
        let certificates = Arc::clone(&self.certificates);
        move || certificates.asked_for.lock().unwrap().clone()
    }

    /// Wants a certificate of the client, in the given version of TLS.
    pub fn demanding_certificate(
        certificate: Certificate,
        of: &Authority,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut anchors = RootCertStore::empty();
        anchors.add(of.anchor()).expect("a trust anchor");
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(anchors), provider)
            .build()
            .expect("a verifier of clients");
        Self::build(vec![certificate], &[version], Some(verifier))
    }

    /// Gives no session to resume: in TLS 1.3 nothing follows the handshake then.
    pub fn without_tickets(mut self) -> Self {
        let config = Arc::get_mut(&mut self.config).expect("not in use yet");
        config.send_tls13_tickets = 0;
        self
    }

    /// Handshakes on an accepted connection.
    pub fn accept(&self, mut socket: TcpStream) -> io::Result<Box<dyn Transport>> {
        self.certificates.connections.fetch_add(1, Ordering::SeqCst);
        let mut connection =
            ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Box::new(StreamOwned::new(connection, socket)))
    }

    fn build(
        certificates: Vec<Certificate>,
        versions: &[&'static SupportedProtocolVersion],
        verifier: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Self {
        let keys = certificates.into_iter().map(|c| Arc::new(c.key)).collect();
        let certificates = Arc::new(Certificates {
            keys,
            connections: AtomicUsize::new(0),
            shown: AtomicUsize::new(0),
            asked_for: Mutex::default(),
        });
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .expect("versions of TLS");
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_cert_resolver(Arc::clone(&certificates) as _);
        Self {
            config: Arc::new(config),
            certificates,
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default().to_owned();
        self.asked_for.lock().unwrap().push(name);
        self.shown.fetch_add(1, Ordering::SeqCst);
        let connection = self.connections.load(Ordering::SeqCst);
        self.keys
            .get(connection - 1)
            .or(self.keys.last())
            .map(Arc::clone)
    }
}

impl Transport for StreamOwned<ServerConnection, TcpStream> {
    fn finish(&mut self) {
        self.conn.send_close_notify();
        // Heartbeat may have hung up already: then nobody needs the goodbye.
        self.conn.complete_io(&mut self.sock).ok();
    }
}
