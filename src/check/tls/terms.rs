//! What a check's keys ask of its handshakes.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;

use super::client::{Belief, Client, PROVIDER, Place, Wanted};
use super::handshake::tls_name;
use super::pem::{self, Source};
use super::validity::{day, days_between, in_days};
use super::verify::Authorities;
use super::x509::Certificate;
use crate::check::resolve::Host;
use crate::check::{Need, Note};
use crate::settings::{self, Settings};

/// The keys of every kind that speaks TLS.
pub const TLS_KEYS: [&str; 6] = [
    "ca_file",
    "cert_file",
    "key_file",
    "min_cert_days",
    "server_name",
    "verify",
];

/// What handshakes are done with, and what is demanded of the peer's certificate.
#[derive(Debug, Clone)]
pub struct Terms {
    client: Arc<Client>,
    server_name: Option<Host>,
    min_days: Option<u32>,
}

/// Of a check that asks for nothing.
impl Default for Terms {
    fn default() -> Self {
        Self {
            client: Client::usual(),
            server_name: None,
            min_days: None,
        }
    }
}

impl Terms {
    /// Reads the keys, and the files that they name. `None`: something is wrong, and noted.
    pub fn read(settings: &mut Settings) -> Option<Self> {
        let client = read_client(settings);
        let server_name = settings.optional("server_name", |text| {
            let host = Host::parse(text)?;
            tls_name(&host)?;
            Ok(host)
        });
        Some(Self {
            client: client?,
            server_name,
            min_days: settings.optional("min_cert_days", settings::days),
        })
    }

    /// What handshakes are done with.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The files that they name.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        self.client.needs()
    }

    /// The name for SNI and the certificate of `host`: `server_name` is meant for home alone.
    #[must_use]
    pub fn name<'a>(&'a self, host: &'a Host, place: Place) -> &'a Host {
        match place {
            Place::Home => self.server_name.as_ref().unwrap_or(host),
            Place::Elsewhere => host,
        }
    }

    /// Judges how long the certificates that a peer has shown are still good, and the authority behind them.
    ///
    /// # Errors
    /// One of them ends too soon.
    pub fn judge(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Note, String> {
        let Some((end, what)) = self.first_end(chain) else {
            return match self.min_days {
                Some(_) => Err("certificate does not say when it ends".to_owned()),
                None => Ok(None),
            };
        };
        let left = days_between(now, end);
        match self.min_days {
            Some(_) if left.is_none() => Err(format!("{what} expired on {}", day(end))),
            // The days that are left change daily, and a reason is the same as long as its cause is.
            Some(days) if left < Some(days.into()) => Err(format!(
                "{what} ends on {}, in less than {days} days",
                day(end)
            )),
            _ => Ok(Some(match in_days(now, end) {
                Some(left) => format!("{what} ends {left}"),
                None => format!("{what} expired on {}", day(end)),
            })),
        }
    }

    /// What ends first, and when. Of several that end together it is the nearest to the peer.
    fn first_end(&self, chain: &[CertificateDer<'_>]) -> Option<(UnixTime, &'static str)> {
        let what = |place| match place {
            0 => "certificate",
            _ => "intermediate certificate",
        };
        let shown = chain.iter().map(Certificate::read).enumerate();
        let shown = shown.filter_map(|(place, read)| Some((read?.validity.ends, what(place))));
        let root = self.client.authorities();
        let root = root.and_then(|root| root.end_of_root(chain));
        let root = root.map(|end| (end, "root certificate"));
        shown.chain(root).min_by_key(|(end, _)| *end)
    }
}

/// The files that are named.
struct Files {
    authorities: Option<Source>,
    certificate: Option<Source>,
    key: Option<Source>,
    is_complete: bool,
}

fn read_client(settings: &mut Settings) -> Option<Arc<Client>> {
    let verify = settings.or("verify", true, settings::yes_no);
    if !verify {
        settings.warn("verify", "any certificate will do, whoever shows it");
    }
    if settings.reader().skips_files {
        return Some(Client::usual());
    }
    let files = open(settings);
    if !files.is_complete {
        return make(settings, verify, &files).map(Arc::new);
    }
    if let (true, None, None, None) = (verify, &files.authorities, &files.certificate, &files.key) {
        return Some(Client::usual());
    }
    let stamp = |source: &Option<Source>| source.as_ref().map(|source| source.stamp.clone());
    let wanted = Wanted {
        verify,
        files: [&files.authorities, &files.certificate, &files.key].map(stamp),
    };
    Client::shared(wanted, || make(settings, verify, &files))
}

/// Opens what is named. `is_complete`: all of it is open, and no half of a pair is missing.
fn open(settings: &mut Settings) -> Files {
    let files = Files {
        authorities: settings.optional("ca_file", Source::open),
        certificate: settings.optional("cert_file", Source::open),
        key: settings.optional("key_file", Source::open_secret),
        is_complete: true,
    };
    let mut is_complete = true;
    for (one, other) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
        if settings.value(one).is_some() && settings.value(other).is_none() {
            settings.note(
                one,
                format!("{other} is missing; a client certificate needs both"),
            );
            is_complete = false;
        }
    }
    let is_open =
        |key: &str, source: &Option<Source>| source.is_some() == settings.value(key).is_some();
    Files {
        is_complete: is_complete
            && is_open("ca_file", &files.authorities)
            && is_open("cert_file", &files.certificate)
            && is_open("key_file", &files.key),
        ..files
    }
}

/// Reads what has been opened. `None`: something is wrong, and noted.
fn make(settings: &mut Settings, verify: bool, files: &Files) -> Option<Client> {
    let mut needs = Vec::new();
    // All of them, before the first that is wrong ends it.
    let authorities = files.authorities.as_ref();
    let authorities =
        authorities.map(|source| certificates(settings, "ca_file", source, &mut needs));
    let chain = files.certificate.as_ref();
    let chain = chain.map(|source| certificates(settings, "cert_file", source, &mut needs));
    let key = files.key.as_ref();
    let key = key.map(|source| key_in(settings, source, &mut needs));
    let own = match chain.zip(key) {
        Some((chain, key)) => Some(pair(settings, chain?, key?)?),
        None => None,
    };
    let belief = match authorities {
        Some(None) => return None,
        _ if !verify => Belief::Anyone,
        Some(Some(certificates)) => Belief::Of(Arc::new(Authorities::named(certificates))),
        None => Belief::System,
    };
    files.is_complete.then(|| Client::new(belief, own, needs))
}

fn certificates(
    settings: &mut Settings,
    key: &'static str,
    source: &Source,
    needs: &mut Vec<Need>,
) -> Option<Vec<CertificateDer<'static>>> {
    let certificates = settings.optional(key, |_| source.certificates())?;
    if let Some(text) = pem::over(&certificates, UnixTime::now()) {
        settings.warn(key, text);
    }
    needs.push(Need::File {
        key,
        path: source.path(),
        says: pem::ends(&certificates),
    });
    Some(certificates)
}

fn key_in(
    settings: &mut Settings,
    source: &Source,
    needs: &mut Vec<Need>,
) -> Option<PrivateKeyDer<'static>> {
    needs.push(Need::File {
        key: "key_file",
        path: source.path(),
        says: None,
    });
    settings.optional("key_file", |_| source.key())
}

fn pair(
    settings: &mut Settings,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Option<CertifiedKey> {
    settings.optional("key_file", |_| pem::pair(chain, key, &PROVIDER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use crate::settings::Value;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    /// The keys as a section, with what is wrong with them.
    fn read(keys: &[(&str, &str)]) -> (Option<Terms>, Vec<String>) {
        let value = |text: &str| Value {
            text: text.to_owned(),
            line: 1,
            inherited: false,
        };
        let values = keys
            .iter()
            .map(|(key, text)| ((*key).to_owned(), value(text)));
        let mut settings = Settings::new("web", 1, values.collect::<BTreeMap<_, _>>());
        let terms = Terms::read(&mut settings);
        let problems = settings.into_problems();
        (terms, problems.iter().map(ToString::to_string).collect())
    }

    fn certificate_until(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        params
            .self_signed(&key)
            .expect("signs itself")
            .der()
            .clone()
    }

    fn file(dir: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> String {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        path.display().to_string()
    }

    #[test]
    fn checks_that_ask_for_nothing_share_one_client() {
        let clients = [
            read(&[]),
            read(&[("verify", "yes"), ("min_cert_days", "3")]),
        ];
        let clients = clients.map(|(terms, _)| terms.expect("right").client);
        assert!(Arc::ptr_eq(&clients[0], &clients[1]));
        assert!(Arc::ptr_eq(&clients[0], &Terms::default().client));
    }

    #[test]
    fn the_same_files_are_read_once_until_they_change() {
        let dir = tempfile::tempdir().expect("a folder");
        let pem = |name: &str| {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            params.self_signed(&key).expect("signs itself").pem()
        };
        let path = file(&dir, "ca.pem", &pem("a.example"), 0o644);
        let client = || read(&[("ca_file", &path)]).0.expect("right").client;
        let (one, same) = (client(), client());
        assert!(Arc::ptr_eq(&one, &same));
        file(&dir, "ca.pem", &pem("another.example"), 0o644);
        assert!(!Arc::ptr_eq(&one, &client()));
    }

    /// What is wrong with one key beside a good certificate and its key, of which it may be one.
    fn wrong(key: &str, text: &str) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
        let certificate = params.self_signed(&pair).expect("signs itself").pem();
        let certificate = file(&dir, "cert.pem", &certificate, 0o644);
        let pair = file(&dir, "key.pem", &pair.serialize_pem(), 0o600);
        let mut keys = BTreeMap::from([("cert_file", &*certificate), ("key_file", &*pair)]);
        assert_eq!(
            read(&keys.clone().into_iter().collect::<Vec<_>>()).1,
            [""; 0]
        );
        keys.insert(key, text);
        let (_, problems) = read(&keys.into_iter().collect::<Vec<_>>());
        let [problem] = &problems[..] else {
            panic!("{key}, {text}: {problems:#?}");
        };
        assert!(problem.starts_with(&format!("[web] {key}: ")), "{problem}");
        problem.clone()
    }

    #[test]
    fn a_wrong_value_is_told_at_its_key() {
        for (key, text, expected) in [
            (
                "ca_file",
                "/missing",
                "\"/missing\" cannot be read: No such file or directory",
            ),
            ("ca_file", "/dev/null", "is not a file"),
            ("cert_file", "/", "is not a file"),
            (
                "min_cert_days",
                "0",
                "\"0\" is not a number of days (1 to 3650)",
            ),
            ("server_name", "a b", "\"a b\""),
            ("verify", "maybe", "\"maybe\" is neither yes nor no"),
        ] {
            assert!(wrong(key, text).contains(expected), "{}", wrong(key, text));
        }
    }

    #[test]
    fn a_wrong_file_is_told_at_its_key() {
        let dir = tempfile::tempdir().expect("a folder");
        let other = KeyPair::generate().expect("a key").serialize_pem();
        let encrypted = other.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let junk = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nMAMC";
        for (key, text, mode, expected) in [
            ("ca_file", "", 0o600, "holds no certificate in PEM"),
            (
                "ca_file",
                junk,
                0o600,
                "holds a certificate that is none (1.)",
            ),
            ("ca_file", cut, 0o600, "its -----END line is missing"),
            (
                "cert_file",
                junk,
                0o600,
                "holds a certificate that is none (1.)",
            ),
            (
                "key_file",
                &other,
                0o600,
                "is not the key of the certificate in cert_file",
            ),
            ("key_file", &encrypted, 0o600, "is encrypted"),
            ("key_file", "-", 0o600, "holds no private key in PEM"),
            ("key_file", &other, 0o644, "everybody (mode 644; chmod o="),
        ] {
            let path = file(&dir, "file", text, mode);
            let problem = wrong(key, &path);
            assert!(problem.contains(expected), "{problem}, not {expected}");
        }
    }

    #[test]
    fn every_file_is_judged_at_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key").serialize_pem();
        let open = file(&dir, "open.key", &key, 0o644);
        let junk = file(&dir, "junk.pem", "junk", 0o644);
        let keys = [
            ("ca_file", &*junk),
            ("cert_file", &junk),
            ("key_file", &open),
        ];
        let (terms, problems) = read(&keys);
        assert!(terms.is_none());
        let told = |key: &str| {
            problems
                .iter()
                .any(|one| one.starts_with(&format!("[web] {key}: ")))
        };
        assert!(
            problems.len() == 3 && keys.iter().all(|(key, _)| told(key)),
            "{problems:#?}"
        );
    }

    #[test]
    fn a_client_certificate_needs_both() {
        for (key, other) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
            let (terms, problems) = read(&[(key, "/dev/null")]);
            let missing =
                format!("[web] {key}: {other} is missing; a client certificate needs both");
            assert!(
                terms.is_none() && problems.contains(&missing),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn the_certificate_that_ends_first_counts() {
        let (early, late) = (certificate_until(2031), certificate_until(2041));
        // 2030-12-22, ten days before the first ends.
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_924_128_000));
        let judge = |min_days, chain: &[CertificateDer<'static>]| {
            let terms = Terms {
                min_days,
                ..Terms::default()
            };
            terms.judge(chain, now)
        };
        let ends = Ok(Some("certificate ends in 10 days".to_owned()));
        assert_eq!(judge(None, &[early.clone(), late.clone()]), ends);
        assert_eq!(judge(Some(10), &[early.clone(), late.clone()]), ends);
        let between = Ok(Some("intermediate certificate ends in 10 days".to_owned()));
        assert_eq!(judge(None, &[late.clone(), early.clone()]), between);
        let soon = "intermediate certificate ends on 2031-01-01, in less than 11 days";
        assert_eq!(judge(Some(11), &[late, early]), Err(soon.to_owned()));
        let over = [certificate_until(2030)];
        let expired = "certificate expired on 2030-01-01".to_owned();
        assert_eq!(judge(None, &over), Ok(Some(expired.clone())));
        assert_eq!(judge(Some(1), &over), Err(expired));
        let junk = [CertificateDer::from(vec![0])];
        assert_eq!(judge(None, &junk), Ok(None));
        assert!(judge(Some(1), &junk).is_err());
    }
}
