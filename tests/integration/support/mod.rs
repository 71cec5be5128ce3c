//! What the tests share: a working directory, the binary, peers that behave and misbehave, certificates, waiting.

use std::sync::{PoisonError, RwLock};

use libtest_mimic::Trial;

pub mod accounts;
pub mod authority;
pub mod config;
pub mod conn;
pub mod heartbeat;
pub mod log;
pub mod names;
pub mod nameserver;
pub mod peer;
pub mod player;
pub mod port;
pub mod process;
pub mod script;
pub mod tls;
pub mod wait;
pub mod workdir;

/// Held by every test while it runs: shared, or exclusively by one that must be alone.
static MACHINE: RwLock<()> = RwLock::new(());

/// A test for the runner: `integration::checks::up` and `tcp` become `checks::up::tcp`.
pub fn trial(module: &str, name: &str, marks: &[&str], body: fn()) -> Trial {
    let known = marks.iter().all(|mark| ["root", "alone"].contains(mark));
    assert!(known, "{module}::{name} has an unknown mark: {marks:?}");
    let module = module.trim_start_matches("integration::");
    let needs_root = marks.contains(&"root");
    let alone = marks.contains(&"alone");
    let root = if needs_root { "root::" } else { "" };
    Trial::test(format!("{module}::{root}{name}"), move || {
        // A test that has panicked leaves nothing behind in there.
        let _alone = alone.then(|| MACHINE.write().unwrap_or_else(PoisonError::into_inner));
        let _shared = (!alone).then(|| MACHINE.read().unwrap_or_else(PoisonError::into_inner));
        body();
        Ok(())
    })
    .with_ignored_flag(needs_root && !nix::unistd::geteuid().is_root())
}
