//! rustls's client: whom it believes and what it shows of itself.
//!
//! Checks with the same settings share one, and those without any share the system's trust store, which is read at the
//! first handshake. Resumption is off: a resumed session shows no certificate, so one that has been replaced by a bad
//! one would go unnoticed.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ClientConfig, SignatureScheme};

use super::pem::Stamp;
use super::verify::{Anyone, Authorities};
use crate::check::Need;
use crate::mutex::lock;

/// Whose certificate is believed.
#[derive(Debug, Default)]
pub enum Belief {
    /// One of the system's trust store.
    #[default]
    System,
    /// One of `ca_file`.
    Of(Arc<Authorities>),
    /// Anyone's.
    Anyone,
}

/// What handshakes are done with.
#[derive(Debug, Default)]
pub struct Client {
    belief: Belief,
    /// What is shown to a peer that asks for it.
    own: Option<Arc<CertifiedKey>>,
    /// The files that it was read from.
    needs: Vec<Need>,
    at_home: OnceLock<Arc<ClientConfig>>,
    elsewhere: OnceLock<Arc<ClientConfig>>,
}

/// Whether a peer is the one that a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is.
    Home,
    /// A redirect has led there.
    Elsewhere,
}

/// What makes two clients the same one: `verify`, and the files as they were.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whether certificates are verified at all.
    pub verify: bool,
    /// `ca_file`, `cert_file`, `key_file`.
    pub files: [Option<Stamp>; 3],
}

/// The clients that are in use.
static KNOWN: Mutex<Vec<(Wanted, Weak<Client>)>> = Mutex::new(Vec::new());

/// The client of checks that ask for nothing.
static USUAL: LazyLock<Arc<Client>> = LazyLock::new(Arc::default);

/// The system's trust store. One that could not be read is tried again.
static SYSTEM: OnceLock<Arc<Authorities>> = OnceLock::new();

/// The cryptography of all clients.
pub static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    // A check sends a few hundred bytes: the hash of the handshake is what costs, and AES-128's SHA-256 is the fastest.
    let aes_128 = CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite() != aes_128);
    Arc::new(provider)
});

impl Client {
    /// The one of checks that ask for nothing.
    #[must_use]
    pub fn usual() -> Arc<Self> {
        Arc::clone(&USUAL)
    }

    /// One with this belief, that shows `own`, and was read from these files.
    #[must_use]
    pub fn new(belief: Belief, own: Option<CertifiedKey>, needs: Vec<Need>) -> Self {
        Self {
            belief,
            own: own.map(Arc::new),
            needs,
            at_home: OnceLock::new(),
            elsewhere: OnceLock::new(),
        }
    }

    /// Who is believed, once a handshake has been tried; `None`: anyone.
    #[must_use]
    pub fn authorities(&self) -> Option<&Authorities> {
        match &self.belief {
            Belief::System => SYSTEM.get().map(AsRef::as_ref),
            Belief::Of(authorities) => Some(authorities),
            Belief::Anyone => None,
        }
    }

    /// The files that it was read from.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// The one that is wanted, if a check has it already; else what `read` gives.
    pub fn shared(wanted: Wanted, read: impl FnOnce() -> Option<Self>) -> Option<Arc<Self>> {
        let mut known = lock(&KNOWN);
        let found = known.iter().find(|(other, _)| *other == wanted);
        if let Some(client) = found.and_then(|(_, client)| client.upgrade()) {
            return Some(client);
        }
        let client = Arc::new(read()?);
        known.retain(|(_, client)| client.strong_count() > 0);
        known.push((wanted, Arc::downgrade(&client)));
        Some(client)
    }

    /// rustls's own configuration, made at the first handshake. Our certificate is shown at home alone.
    ///
    /// # Errors
    /// The system's trust store cannot be read, or is empty.
    pub fn config(&self, place: Place) -> Result<&Arc<ClientConfig>, String> {
        let (made, own) = match (place, &self.own) {
            (Place::Elsewhere, Some(_)) => (&self.elsewhere, None),
            (_, own) => (&self.at_home, own.clone()),
        };
        if let Some(config) = made.get() {
            return Ok(config);
        }
        let config = self.build(own)?;
        Ok(made.get_or_init(|| config))
    }

    fn build(&self, own: Option<Arc<CertifiedKey>>) -> Result<Arc<ClientConfig>, String> {
        let verifier: Arc<dyn ServerCertVerifier> = match &self.belief {
            Belief::System => system()?,
            Belief::Of(authorities) => Arc::clone(authorities) as _,
            Belief::Anyone => Arc::new(Anyone),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(Own(own)));
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

fn system() -> Result<Arc<Authorities>, String> {
    // By the first who needs it, while the others wait.
    static READING: Mutex<()> = Mutex::new(());
    let _reading = lock(&READING);
    if let Some(authorities) = SYSTEM.get() {
        return Ok(Arc::clone(authorities));
    }
    // It would be read until whoever has the other end closes it.
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    if let Some(named) = named.filter(|named| named.exists() && !named.is_file()) {
        return Err(format!("SSL_CERT_FILE: {} is not a file", named.display()));
    }
    let loaded = rustls_native_certs::load_native_certs();
    let authorities = Authorities::new(&loaded.certs).map_err(|empty| {
        let why = loaded.errors.first().map(ToString::to_string);
        let why = why.unwrap_or(empty);
        format!("no trusted authority on this machine: {why}")
    })?;
    Ok(Arc::clone(SYSTEM.get_or_init(|| Arc::new(authorities))))
}

/// Whether the peer of a handshake has asked for a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It has not.
    No,
    /// It has, and there was none to show.
    InVain,
    /// It has been shown ours.
    Shown,
}

thread_local! {
    /// Of this thread's last handshake. A check stays on its thread.
    static ASKED: Cell<Asked> = const { Cell::new(Asked::No) };
}

/// Whether this thread's last handshake was asked for a certificate.
#[must_use]
pub fn asked() -> Asked {
    ASKED.get()
}

/// A new handshake begins.
pub fn forget_asked() {
    ASKED.set(Asked::No);
}

/// Shows our certificate if there is one, and notes that it was asked for.
#[derive(Debug)]
struct Own(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Own {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let asked = self.0.as_ref().map_or(Asked::InVain, |_| Asked::Shown);
        ASKED.set(asked);
        self.0.clone()
    }

    /// Only whoever may have one is asked.
    fn has_certs(&self) -> bool {
        true
    }
}
