//! What is tested and what came of it.
//!
//! A [`Check`] is a name, a deadline and a [`Probe`]; its run gives an [`Outcome`]. A new kind of check is one file
//! beside this one and one line in [`KINDS`].

mod buffers;
pub mod connect;
pub mod http;
mod redirect;
pub mod resolve;
pub mod tcp;
pub mod tls;
mod wire;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::health::Thresholds;
use crate::settings::{self, Settings};

use resolve::Host;

/// Every kind of check.
pub const KINDS: &[&Kind] = &[&tcp::TCP, &http::HTTP, &http::HTTPS];

/// The keys that every kind has.
const COMMON_KEYS: [&str; 7] = [
    "action", "fall", "hostname", "port", "rise", "timeout", "type",
];

/// Longest reason that is kept, in characters: a peer may send megabytes.
const LONGEST_REASON: usize = 300;

/// One kind of check: its name in the file, and how its probe is read.
#[derive(Debug)]
pub struct Kind {
    /// The value of `type`, in lower case.
    pub name: &'static str,
    /// The port where the file gives none; `None` = the file must give one.
    pub default_port: Option<u16>,
    /// The keys it has beside the common ones.
    pub keys: &'static [&'static str],
    /// Reads its own keys and makes the probe. `None`: something is wrong, and noted.
    pub read: fn(&mut Settings, Target) -> Option<Box<dyn Probe>>,
}

/// Where a check goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name or address.
    pub host: Host,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host.bracketed(), self.port)
    }
}

/// One way to test an endpoint.
pub trait Probe: fmt::Debug + Send + Sync {
    /// Tests once, and is back by the deadline.
    ///
    /// # Errors
    /// Why the endpoint is down.
    fn probe(&self, deadline: Deadline) -> Result<(), Failure>;
}

/// A thing that is tested.
#[derive(Debug)]
pub struct Check {
    /// The section's name.
    pub name: String,
    /// `tcp`, `http`, …
    pub kind: &'static str,
    /// Where it goes, for the log.
    pub target: Target,
    /// The whole check must be over after this long.
    pub timeout: Duration,
    /// When its standing changes.
    pub thresholds: Thresholds,
    /// The actions it names, in lower case. At least one.
    pub actions: Vec<String>,
    /// Tells whether it is still the same probe after the file has been read again.
    pub identity: String,
    probe: Box<dyn Probe>,
}

impl Check {
    /// Reads a section. `None`: something is wrong, and noted in `settings`.
    pub fn read(settings: &mut Settings) -> Option<Self> {
        let kind = read_kind(settings);
        let host = settings.or("hostname", Host::default(), Host::parse);
        let timeout = Duration::from_secs(5);
        let timeout = settings.or("timeout", timeout, settings::duration);
        let thresholds = Thresholds {
            rise: settings.or("rise", 1, settings::results),
            fall: settings.or("fall", 1, settings::results),
        };
        let actions = read_actions(settings);
        let port = read_port(settings, kind);
        // A wrong port is noted; the kind's own keys are read all the same, so that they are judged too.
        let target = Target {
            port: port.unwrap_or(1),
            host,
        };
        let probe = (kind?.read)(settings, target.clone());
        port?;
        Some(Self {
            name: settings.section().to_owned(),
            kind: kind?.name,
            identity: identity(settings, kind?, &target),
            target,
            timeout,
            thresholds,
            actions: actions?,
            probe: probe?,
        })
    }

    /// Runs the check once; takes its timeout at the longest.
    ///
    /// # Errors
    /// Why the endpoint is down. A probe that panics has failed, too.
    pub fn run(&self) -> Result<(), Failure> {
        let deadline = Deadline::after(self.timeout);
        // A probe shares nothing that a panic could leave half changed: its connection is dropped on the way.
        let result = catch_unwind(AssertUnwindSafe(|| self.probe.probe(deadline)));
        result.unwrap_or_else(|panic| {
            let words = panic.downcast_ref::<&str>().copied();
            let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let text = format!("heartbeat's own fault: {}", words.unwrap_or("?"));
            Err(Failure::new(Phase::Panic, &text))
        })
    }
}

/// All keys that some kind of check has.
pub fn keys() -> impl Iterator<Item = &'static str> {
    let own = KINDS.iter().flat_map(|kind| kind.keys.iter().copied());
    own.chain(COMMON_KEYS)
}

fn read_kind(settings: &mut Settings) -> Option<&'static Kind> {
    if settings.value("type").is_none() {
        return Some(&tcp::TCP);
    }
    settings.optional("type", |text| {
        let found = KINDS
            .iter()
            .find(|kind| kind.name.eq_ignore_ascii_case(text));
        let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        let wrong = || format!("is not a type of check ({})", names.join(", "));
        found.copied().ok_or_else(wrong)
    })
}

fn read_port(settings: &mut Settings, kind: Option<&Kind>) -> Option<u16> {
    if settings.value("port").is_some() {
        return settings.optional("port", settings::port);
    }
    let kind = kind?;
    if kind.default_port.is_none() {
        settings.note(
            "port",
            format!("missing; type {} must give one (1 to 65535)", kind.name),
        );
    }
    kind.default_port
}

/// The actions that a check names, in lower case.
#[must_use]
pub fn action_names(settings: &Settings) -> Vec<String> {
    let text = settings
        .value("action")
        .map(|value| value.text.to_lowercase());
    let text = text.unwrap_or_default();
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

fn read_actions(settings: &mut Settings) -> Option<Vec<String>> {
    let names = action_names(settings);
    let distinct: BTreeSet<&String> = names.iter().collect();
    let wrong = if names.iter().all(String::is_empty) {
        "missing; name a key of [promotions] and [demotions]"
    } else if names.iter().any(String::is_empty) {
        "a name is missing beside a comma"
    } else if distinct.len() < names.len() {
        "names an action twice"
    } else {
        return Some(names);
    };
    settings.note("action", wrong);
    None
}

/// What makes a probe the same one: where it goes, and what its kind asks for.
fn identity(settings: &Settings, kind: &Kind, target: &Target) -> String {
    let mut hasher = DefaultHasher::new();
    (kind.name, target.to_string()).hash(&mut hasher);
    for key in kind.keys {
        settings
            .value(key)
            .map(|value| &value.text)
            .hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// What a check was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking up the name.
    Resolve,
    /// Establishing the connection.
    Connect,
    /// The TLS handshake and the certificate.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the answer, up to the end of its headers.
    Receive,
    /// Judging the status.
    Status,
    /// Reading the body.
    Body,
    /// Nothing of the peer's: the check itself broke.
    Panic,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Status => "status",
            Self::Body => "body",
            Self::Panic => "panic",
        })
    }
}

/// Why an endpoint is down: one line without control characters, the same as long as the cause is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was being done.
    pub phase: Phase,
    /// The peer's or the system's words.
    pub reason: String,
}

impl Failure {
    /// A failure for a reason that may come from a peer: cut to 300 characters and made harmless.
    #[must_use]
    pub fn new(phase: Phase, reason: &str) -> Self {
        let cut: String = reason.chars().take(LONGEST_REASON).collect();
        Self {
            phase,
            reason: settings::plain(&cut),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, self.reason)
    }
}

impl std::error::Error for Failure {}

/// One execution of a check.
#[derive(Debug)]
pub struct Outcome {
    /// Which check, by its place in the configuration that it was begun with.
    pub check: usize,
    /// The pool's era that it was begun in.
    pub era: u64,
    /// Up, or why not.
    pub result: Result<(), Failure>,
    /// How long it took.
    pub took: Duration,
}

/// The one moment by which everything in a check must be over.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    /// The whole time there was.
    pub timeout: Duration,
}

impl Deadline {
    /// A deadline `timeout` from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        let at = Instant::now() + timeout;
        Self { at, timeout }
    }

    /// What is left; zero when it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// `within 5s`, for the reason of a failure.
    #[must_use]
    pub fn within(&self) -> String {
        format!("within {}", settings::seconds(self.timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Panics;

    impl Probe for Panics {
        fn probe(&self, _: Deadline) -> Result<(), Failure> {
            panic!("out of\nluck");
        }
    }

    #[test]
    fn a_check_that_panics_is_a_failed_check() {
        let check = Check {
            name: "a".to_owned(),
            kind: "tcp",
            target: Target {
                host: Host::default(),
                port: 1,
            },
            timeout: Duration::from_secs(1),
            thresholds: Thresholds::default(),
            actions: vec!["x".to_owned()],
            identity: String::new(),
            probe: Box::new(Panics),
        };
        let failure = check.run().expect_err("a panic is a failure");
        assert_eq!(
            failure.to_string(),
            "panic: heartbeat's own fault: out of\\nluck"
        );
    }

    #[test]
    fn kinds_are_found_by_their_name_alone() {
        let mut names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
        assert!(names.iter().all(|name| *name == name.to_lowercase()));
    }
}
