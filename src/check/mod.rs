//! What is tested and what came of it.
//!
//! A [`Check`] is a name, a deadline and a [`Probe`]; its run gives an [`Outcome`]. A new kind of check is one file
//! beside this one and one line in [`KINDS`].

pub mod connect;
mod datagram;
pub mod dns;
pub mod exec;
pub mod http;
pub mod outcome;
pub mod pattern;
pub mod resolve;
pub mod route;
pub mod tcp;
pub mod tls;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use crate::fingerprint;
use crate::health::Thresholds;
use crate::settings::{self, Settings};

use resolve::MOST_ADDRESSES;
use route::{ROUTE_KEYS, Route};
use tls::TLS_KEYS;

pub use outcome::{Deadline, Failure, Outcome, Phase};
pub use route::Target;

/// Every kind of check.
pub const KINDS: &[&Kind] = &[
    &tcp::TCP,
    &http::HTTP,
    &http::HTTPS,
    &tls::TLS,
    &dns::DNS,
    &exec::EXEC,
];

/// The keys that every kind has.
const COMMON_KEYS: [&str; 5] = ["action", "fall", "rise", "timeout", "type"];

/// heartbeat.py's configurations have it on checks of every type.
const HARMLESS_KEY: &str = "path";

/// The timeout where the file gives none.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One kind of check: its name in the file, and how its probe is read.
#[derive(Debug)]
pub struct Kind {
    /// The value of `type`, in lower case.
    pub name: &'static str,
    /// It goes somewhere, and has the keys of a route.
    pub has_route: bool,
    /// It shakes hands, and has the keys of TLS.
    pub has_tls: bool,
    /// The port where the file gives none; `None` = the file must give one, if there is a route.
    pub default_port: Option<u16>,
    /// The keys it has beside the common ones.
    pub keys: &'static [&'static str],
    /// Reads its own keys and makes the probe. `None`: something is wrong, and noted.
    pub read: fn(&mut Settings, &Route) -> Option<Box<dyn Probe>>,
}

impl Kind {
    fn has(&self, key: &str) -> bool {
        let own = self.keys.contains(&key) || COMMON_KEYS.contains(&key);
        own || self.has_route && ROUTE_KEYS.contains(&key)
            || self.has_tls && TLS_KEYS.contains(&key)
    }
}

/// What is worth saying of a check that has passed, such as the days that its certificate has left.
pub type Note = Option<String>;

/// Something of this machine that a probe cannot do without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A file that is read with the configuration.
    File {
        /// The key that names it.
        key: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What is worth saying of its content, such as when its certificates end.
        says: Option<String>,
    },
    /// A command for `/bin/sh -c`.
    Command(String),
}

/// One way to test an endpoint.
pub trait Probe: fmt::Debug + Send + Sync {
    /// Tests once, and is back by the deadline. `route` is the check's own, or leads to one address of it.
    ///
    /// # Errors
    /// Why the endpoint is down.
    fn probe(&self, route: &Route, deadline: Deadline) -> Result<Note, Failure>;

    /// What it needs of this machine.
    fn needs(&self) -> &[Need] {
        &[]
    }

    /// What is tested, for the log, where that is not where the route leads.
    fn endpoint(&self) -> Option<String> {
        None
    }
}

/// A thing that is tested.
#[derive(Debug)]
pub struct Check {
    /// The section's name.
    pub name: String,
    /// `tcp`, `http`, …
    pub kind: &'static str,
    /// What is tested, for the log: `localhost:80`.
    pub endpoint: String,
    /// The whole check must be over after this long.
    pub timeout: Duration,
    /// When its standing changes.
    pub thresholds: Thresholds,
    /// The actions it names, in lower case. At least one.
    pub actions: Vec<String>,
    /// Tells whether it is still the same probe after the file has been read again.
    pub identity: String,
    route: Route,
    probe: Box<dyn Probe>,
}

impl Check {
    /// Reads a section. `None`: something is wrong, and noted in `settings`.
    pub fn read(settings: &mut Settings) -> Option<Self> {
        let kind = read_kind(settings);
        let timeout = settings.or("timeout", TIMEOUT, settings::duration);
        let thresholds = Thresholds {
            rise: settings.or("rise", 1, settings::results),
            fall: settings.or("fall", 1, settings::results),
        };
        let actions = read_actions(settings);
        note_foreign_keys(settings, kind);
        let route = Route::read(settings, kind.filter(|kind| kind.has_route));
        let probe = (kind?.read)(settings, &route)?;
        if settings.has_problems() {
            return None;
        }
        Some(Self {
            name: settings.section().to_owned(),
            kind: kind?.name,
            endpoint: probe.endpoint().unwrap_or_else(|| endpoint(&route)),
            timeout,
            thresholds,
            actions: actions?,
            identity: identity(settings, kind?),
            route,
            probe,
        })
    }

    /// Runs the check once; takes its timeout at the longest.
    ///
    /// # Errors
    /// Why the endpoint is down. A probe that panics has failed, too.
    pub fn run(&self) -> Result<Note, Failure> {
        let deadline = Deadline::after(self.timeout);
        // A probe shares nothing that a panic could leave half changed: its connection is dropped on the way.
        let result = catch_unwind(AssertUnwindSafe(|| self.probe(deadline)));
        result.unwrap_or_else(|panic| {
            let words = panic.downcast_ref::<&str>().copied();
            let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let text = format!("heartbeat's own fault: {}", words.unwrap_or("?"));
            Err(Failure::new(Phase::Panic, &text))
        })
    }

    /// What it needs of this machine.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        self.probe.needs()
    }

    fn probe(&self, deadline: Deadline) -> Result<Note, Failure> {
        if self.route.all {
            return self.probe_all(deadline);
        }
        self.probe.probe(&self.route, deadline)
    }

    /// One address after the other; the first that fails is named.
    fn probe_all(&self, deadline: Deadline) -> Result<Note, Failure> {
        let mut note = None;
        let addresses = self.route.addresses(deadline)?;
        if addresses.len() >= MOST_ADDRESSES {
            let text =
                format!("the name has {MOST_ADDRESSES} addresses or more, too many to ask all");
            return Err(Failure::new(Phase::Resolve, &text));
        }
        for address in addresses {
            let result = self.probe.probe(&self.route.by(address), deadline);
            note = result.map_err(|failure| {
                let reason = format!("{} ({})", failure.reason, address.ip());
                Failure::new(failure.phase, &reason)
            })?;
        }
        Ok(note)
    }
}

/// All keys that some kind of check has.
pub fn keys() -> impl Iterator<Item = &'static str> {
    let own = KINDS.iter().flat_map(|kind| kind.keys.iter().copied());
    own.chain(COMMON_KEYS).chain(ROUTE_KEYS).chain(TLS_KEYS)
}

/// What belongs to another kind is a slip where it stands in the check's own section; inherited, it is meant for others.
fn note_foreign_keys(settings: &mut Settings, kind: Option<&'static Kind>) {
    let Some(kind) = kind else {
        return;
    };
    let is_foreign = |key: &&str| !kind.has(key) && *key != HARMLESS_KEY;
    let foreign: Vec<String> = settings
        .own_keys()
        .filter(is_foreign)
        .map(str::to_owned)
        .collect();
    for key in foreign {
        let owners = KINDS.iter().filter(|other| other.has(&key));
        let owners: Vec<_> = owners.map(|other| other.name).collect();
        // A key that nobody has is told as such, or is there for `%(…)s`.
        if !owners.is_empty() {
            let owners = owners.join(", ");
            let text = format!("a check of type {} has no such key ({owners})", kind.name);
            settings.note(&key, text);
        }
    }
}

/// Where it goes, and by which address if that is another one.
fn endpoint(route: &Route) -> String {
    if route.to.host == route.name {
        return route.to.to_string();
    }
    format!(
        "{}:{} at {}",
        route.name.bracketed(),
        route.to.port,
        route.to.host
    )
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
fn identity(settings: &Settings, kind: &Kind) -> String {
    let keys = kind.keys.iter().chain(&ROUTE_KEYS).chain(&TLS_KEYS);
    // What is inherited and of no use to this kind changes nothing.
    let keys = keys.filter(|key| kind.has(key));
    let texts = keys.map(|key| Some(settings.value(key)?.text.as_str()));
    fingerprint::of([Some(kind.name)].into_iter().chain(texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Panics;

    impl Probe for Panics {
        fn probe(&self, _: &Route, _: Deadline) -> Result<Note, Failure> {
            panic!("out of\nluck");
        }
    }

    #[test]
    fn a_check_that_panics_is_a_failed_check() {
        let check = Check {
            name: "a".to_owned(),
            kind: "tcp",
            endpoint: String::new(),
            route: Route::to(Target {
                host: resolve::Host::default(),
                port: 1,
            }),
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
