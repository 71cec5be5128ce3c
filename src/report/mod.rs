//! The logger, and the wording of every line. heartbeat.py's lines where it has one.

pub mod logfile;
pub mod logger;

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use log::{debug, error, info, warn};

use crate::action::{Ending, Finished, Job};
use crate::check::{Check, Failure, Outcome};
use crate::config::Config;
use crate::converge::{Due, Place};
use crate::file;
use crate::health::Health;
use crate::settings::bare_seconds;

/// A lasting failure is recalled this often.
const RECALL: Duration = Duration::from_secs(3600);

/// How much of a command the log repeats, in characters.
const COMMAND_SHOWN: usize = 300;

/// A line at Python's level CRITICAL, which the log crate does not have.
#[macro_export]
macro_rules! critical {
    ($($arg:tt)+) => { log::error!(target: $crate::report::logger::CRITICAL, $($arg)+) };
}

/// Speaks of checks, and remembers what it has said, so that only news is loud.
#[derive(Debug, Default)]
pub struct Report {
    failing: HashMap<usize, Failing>,
}

#[derive(Debug)]
struct Failing {
    failure: Failure,
    since: Instant,
    recalled: Instant,
}

impl Report {
    /// One check has answered: ERROR when it begins to fail or fails for a new reason, INFO when it has recovered,
    /// WARNING once an hour while it goes on failing, DEBUG otherwise.
    pub fn outcome(&mut self, check: &Check, outcome: &Outcome) {
        let line = || service_check(check, outcome);
        match (&outcome.result, self.failing.get_mut(&outcome.check)) {
            (Ok(()), None) => debug!("{}", line()),
            (Ok(()), Some(_)) => {
                self.failing.remove(&outcome.check);
                info!("{}", line());
            }
            (Err(failure), Some(known)) if known.failure == *failure => {
                if known.recalled.elapsed() < RECALL {
                    debug!("{}", line());
                } else {
                    known.recalled = Instant::now();
                    let since = known.since.elapsed().as_secs();
                    warn!("{}, Failing for: {since}s", line());
                }
            }
            (Err(failure), _) => {
                error!("{}", line());
                self.remember(outcome.check, failure.clone());
            }
        }
    }

    fn remember(&mut self, check: usize, failure: Failure) {
        let now = Instant::now();
        let known = self.failing.entry(check).or_insert_with(|| Failing {
            failure: failure.clone(),
            since: now,
            recalled: now,
        });
        known.failure = failure;
        known.recalled = now;
    }
}

fn service_check(check: &Check, outcome: &Outcome) -> String {
    let status = match &outcome.result {
        Ok(()) => "Healthy".to_owned(),
        Err(failure) => format!("Unhealthy, Reason: {failure}"),
    };
    format!(
        "[Service Check] Name: {}, Endpoint: {}, Type: {}, Timeout: {}, Status: {status}, Took: {:.3}s",
        check.name,
        check.target,
        check.kind,
        bare_seconds(check.timeout),
        outcome.took.as_secs_f64(),
    )
}

/// The first lines of a run.
pub fn started(config: &Config, mode: &str) {
    info!("Heartbeat started ({}). Mode: {mode}.", std::process::id());
    info!("Log level: {}.", config.general.loglevel);
    for warning in &config.warnings {
        warn!("{warning}");
    }
}

/// A round has begun.
pub fn round_started(round: u64) {
    debug!("Round {round} started.");
}

/// All checks of a round have answered.
pub fn round_complete(round: u64, checks: usize, failed: usize, took: Duration) {
    let took = took.as_secs_f64();
    debug!("Round {round} complete: {checks} checks, {failed} failed, took {took:.3}s.");
}

/// The verdict has changed. `names`: the checks that caused it.
pub fn transition(from: Health, to: Health, names: &[&str]) {
    let names = names.join(", ");
    match to {
        Health::Unhealthy => warn!(
            "One or more critical services detected down. Running node demotion actions. \
             Health: {from} -> {to}, Failed: {names}."
        ),
        Health::Healthy => {
            let recovered = match names.as_str() {
                "" => String::new(),
                names => format!(", Recovered: {names}"),
            };
            info!(
                "All critical services are up. Running healthy node promotion actions. \
                 Health: {from} -> {to}{recovered}."
            );
        }
        Health::Unknown => {}
    }
}

/// The log has been opened again, or not, because of the signal `name`.
pub fn reopened(name: &str, result: io::Result<()>) {
    match result {
        Ok(()) => info!("Received {name}. Log reopened."),
        Err(error) => {
            let reason = file::reason(&error);
            error!("Received {name}. The log cannot be reopened: {reason}.");
        }
    }
}

/// The pidfile had been removed, or is another's.
pub fn lock_restored(result: anyhow::Result<bool>) {
    match result {
        Ok(false) => {}
        Ok(true) => warn!("The pidfile had been removed. It has been made again."),
        Err(error) => error!("The pidfile has been removed, and cannot be made again: {error:#}"),
    }
}

/// A command is about to run.
pub fn running(job: &Job, due: Due, action: &str) {
    info!(
        "Running: {} ({} of {action})",
        shown(&job.command),
        due.place.command()
    );
}

/// A command is not run, as this is a rehearsal.
pub fn would_run(job: &Job, due: Due, action: &str) {
    info!(
        "Would run: {} ({} of {action})",
        shown(&job.command),
        due.place.command()
    );
}

/// A command outlives SIGKILL.
pub fn cannot_be_killed(action: &str) {
    error!(
        "Action {action}: its command cannot be killed. No other command is run until it has ended."
    );
}

/// A command has ended.
pub fn finished(finished: &Finished, command: &str, place: Place, action: &str) {
    let output = match finished.output.as_str() {
        "" => String::new(),
        output => format!(", Output: {output}"),
    };
    let line = format!(
        "Name: {action}, Type: {}, Command: {}, Took: {:.3}s, Status: {}{output}",
        place.command(),
        shown(command),
        finished.took.as_secs_f64(),
        finished.ending,
    );
    match &finished.ending {
        Ending::Exited(0) => info!("Action done: {line}"),
        _ => error!("Action failed: {line}"),
    }
}

fn shown(command: &str) -> String {
    let mut shown: String = command.chars().take(COMMAND_SHOWN).collect();
    if shown.len() < command.len() {
        shown.push('…');
    }
    shown
}
