//! The authorities that vouch for others, each in its time: webpki believes a root for ever.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};

use super::client::PROVIDER;
use super::validity::Validity;
use super::x509::Certificate;
use crate::mutex::lock;

/// Roots, and a verifier of those that are in their time.
#[derive(Debug)]
pub struct Roots {
    all: Vec<(Validity, TrustAnchor<'static>)>,
    /// Made anew when the next one begins or ends.
    in_time: Mutex<InTime>,
}

/// `None`: there is none then.
type Verifier = Option<Arc<WebPkiServerVerifier>>;

#[derive(Debug)]
struct InTime {
    verifier: Verifier,
    /// What is in its time is the same from here on,
    from: UnixTime,
    /// and before this moment.
    until: UnixTime,
}

impl Roots {
    /// Those that can be read.
    #[must_use]
    pub fn new(certificates: &[CertificateDer<'_>]) -> Self {
        let root = |certificate: &CertificateDer<'_>| {
            let anchor = webpki::anchor_from_trusted_cert(certificate).ok()?;
            Some((Certificate::read(certificate)?.validity, anchor.to_owned()))
        };
        let never = UnixTime::since_unix_epoch(Duration::ZERO);
        Self {
            all: certificates.iter().filter_map(root).collect(),
            in_time: Mutex::new(InTime {
                verifier: None,
                from: never,
                until: never,
            }),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A verifier that believes those that are in their time now.
    pub fn verifier(&self, now: UnixTime) -> Verifier {
        let mut in_time = lock(&self.in_time);
        if now < in_time.from || now >= in_time.until {
            *in_time = self.in_time(now);
        }
        in_time.verifier.clone()
    }

    fn in_time(&self, now: UnixTime) -> InTime {
        let turns = self.all.iter().flat_map(|(validity, _)| {
            // The last moment still counts.
            [validity.begins.as_secs(), validity.ends.as_secs() + 1]
        });
        let (past, to_come): (Vec<_>, Vec<_>) = turns.partition(|turn| *turn <= now.as_secs());
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let roots = self.all.iter();
        let roots = roots.filter(|(validity, _)| validity.begins <= now && now <= validity.ends);
        InTime {
            verifier: verifier(roots.map(|(_, anchor)| anchor.clone()).collect()),
            from: at(past.into_iter().max().unwrap_or(0)),
            until: at(to_come.into_iter().min().unwrap_or(u64::MAX)),
        }
    }
}

fn verifier(roots: Vec<TrustAnchor<'static>>) -> Verifier {
    let roots = Arc::new(RootCertStore { roots });
    let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&PROVIDER));
    // It fails without a root, and with lists of revoked certificates, which nobody has given it.
    builder.build().ok()
}
