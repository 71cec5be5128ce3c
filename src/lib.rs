//! heartbeat watches the services that a node depends on, and takes the node into and out of rotation by running
//! promotion and demotion commands when their health changes. The node's place is a goal to reach, not an event to
//! fire: what is wanted and what has been applied are two things, and a command is run until it has worked.
//!
//! # What to read first
//!
//! 1. [`daemon`]: THE loop. One channel ([`event`]) brings all news; everything else is a call away.
//! 2. The rules it feeds, pure values in and out: [`decision`], which is [`health`] (outcomes to a verdict) and
//!    [`converge`] (wanted and applied to the command that is due), and [`schedule`] (when the next round is).
//! 3. What touches the world for it: [`check`] (one file per kind), [`pool`] (who runs them), [`runner`] and [`action`]
//!    (one command, a check's or an action's), [`ledger`] and [`state`] (what outlives a run), [`maintenance`] (what the
//!    operator has said), [`report`] (every line of the log).
//! 4. How it gets that far: [`start`], a checklist over [`cli`], [`config`] and [`process`].
//! 5. What an operator can ask beside running it: [`operator`], over [`status`], [`simulate`], [`timing`] and [`machine`].
//!
//! # Who may know whom
//!
//! Arrows point down, and a test holds it:
//!
//! ```text
//! main, start
//!   daemon    operator
//!     pool    ledger    runner    simulate    status    machine
//!       process
//!       event    report    state    reload    timing
//!         config
//!           check    decision    maintenance
//!             action    converge    cli
//!               health    schedule    output
//!                 clock    settings    file    group    mutex    fingerprint
//! ```
//!
//! Checks never log, the pure part never looks at a clock, and only [`pool`] knows rayon.

pub mod action;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod converge;
pub mod daemon;
pub mod decision;
pub mod event;
pub mod file;
pub mod fingerprint;
pub mod group;
pub mod health;
pub mod ledger;
pub mod machine;
pub mod maintenance;
pub mod mutex;
pub mod operator;
pub mod output;
pub mod pool;
pub mod process;
pub mod reload;
pub mod report;
pub mod runner;
pub mod schedule;
pub mod settings;
pub mod simulate;
pub mod start;
pub mod state;
pub mod status;
pub mod timing;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Every module may know those in the lines below its own, and nobody else.
    const LAYERS: &[&[&str]] = &[
        &["main"],
        &["start", "lib"],
        &["daemon", "operator"],
        &["pool", "ledger", "runner", "simulate", "status", "machine"],
        &["process"],
        &["event", "report", "state", "reload", "timing"],
        &["config"],
        &["check", "decision", "maintenance"],
        &["action", "converge", "cli"],
        &["health", "schedule", "output"],
        &["clock", "settings", "file", "group", "mutex", "fingerprint"],
    ];

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("the sources are there");
        let paths = entries.map(|entry| entry.expect("readable").path());
        let (folders, mut files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
        files.extend(folders.iter().flat_map(|folder| sources(folder)));
        files
    }

    /// Each source's module and what of it is not a test.
    fn modules() -> Vec<(String, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let module = |path: PathBuf| {
            let below = path.strip_prefix(&root).expect("below src").to_owned();
            let first = below.iter().next().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("readable");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            (first.trim_end_matches(".rs").to_owned(), code.to_owned())
        };
        sources(&root).into_iter().map(module).collect()
    }

    fn layer(module: &str) -> usize {
        let layer = LAYERS.iter().position(|layer| layer.contains(&module));
        layer.unwrap_or_else(|| panic!("{module} is in no layer"))
    }

    #[test]
    fn arrows_point_down() {
        let mut arrows = 0;
        for (module, code) in modules() {
            for used in code.split("crate::").skip(1) {
                let end = used.find(|c: char| !c.is_alphanumeric() && c != '_');
                let used = &used[..end.unwrap_or(used.len())];
                if used == module || used.is_empty() || used == "critical" {
                    continue;
                }
                arrows += 1;
                assert!(
                    layer(&module) < layer(used),
                    "{module} must not know {used}"
                );
            }
        }
        assert!(arrows > 40, "only {arrows} arrows were found");
    }

    #[test]
    fn the_core_is_pure_and_checks_never_log() {
        let world = [
            "Instant::now",
            "Moment::now",
            "log::",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
        ];
        for (module, code) in modules() {
            let forbidden: &[&str] = match module.as_str() {
                "health" | "converge" | "schedule" | "decision" => &world,
                "check" => &["log::"],
                "pool" => continue,
                _ => &["rayon"],
            };
            for word in forbidden {
                let line = code
                    .lines()
                    .find(|line| line.contains(word) && !line.trim_start().starts_with("//"));
                assert_eq!(line, None, "{module} must not use {word}");
            }
        }
    }
}
