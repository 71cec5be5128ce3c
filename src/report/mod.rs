//! The logger, and the wording of every line. heartbeat.py's lines where it has one.

pub mod logfile;
pub mod logger;
pub mod stderr;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use log::{Level, debug, error, info, log, warn};

use crate::action::{Ending, Finished, Job};
use crate::check::{Check, Failure, Outcome};
use crate::config::Config;
use crate::converge::Place;
use crate::decision::Transition;
use crate::file;
use crate::health::Health;
use crate::maintenance::Maintenance;
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
    /// The check at `place` has answered: ERROR when it begins to fail or fails for a new reason, INFO when it has
    /// recovered, WARNING once an hour while it goes on failing, DEBUG otherwise. On the way to a threshold, `count` says
    /// how far it has come, and every step is told.
    pub fn outcome(&mut self, place: usize, check: &Check, outcome: &Outcome, count: Option<&str>) {
        let line = || service_check(check, outcome, count);
        match (&outcome.result, self.failing.get_mut(&place)) {
            (Ok(_), None) if count.is_none() => debug!("{}", line()),
            (Ok(_), _) => {
                self.failing.remove(&place);
                info!("{}", line());
            }
            (Err(failure), Some(known)) if known.failure == *failure => {
                if count.is_some() {
                    warn!("{}", line());
                } else if known.recalled.elapsed() < RECALL {
                    debug!("{}", line());
                } else {
                    known.recalled = Instant::now();
                    let since = known.since.elapsed().as_secs();
                    warn!("{}, Failing for: {since}s", line());
                }
            }
            (Err(failure), _) => {
                error!("{}", line());
                self.remember(place, failure.clone());
            }
        }
    }

    /// The checks have got other places; `None` for one that is gone.
    pub fn moved(&mut self, new: impl Fn(usize) -> Option<usize>) {
        let failing = std::mem::take(&mut self.failing).into_iter();
        self.failing = failing
            .filter_map(|(old, known)| Some((new(old)?, known)))
            .collect();
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

fn service_check(check: &Check, outcome: &Outcome, count: Option<&str>) -> String {
    let count = count.map(|count| format!(" ({count})")).unwrap_or_default();
    let status = match &outcome.result {
        Ok(None) => format!("Healthy{count}"),
        Ok(Some(note)) => format!("Healthy{count}, Note: {note}"),
        Err(failure) => format!("Unhealthy{count}, Reason: {failure}"),
    };
    format!(
        "[Service Check] Name: {}, Endpoint: {}, Type: {}, Timeout: {}, Status: {status}, Took: {:.3}s",
        check.name,
        check.endpoint,
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

/// The verdict has changed. `names`: the checks that caused it; `action`: the one that follows it, where that is not all;
/// `in_force`: what the operator has said, which comes first.
pub fn transition(
    transition: &Transition,
    names: &[&str],
    action: Option<&str>,
    in_force: Option<&Maintenance>,
) {
    let Transition { from, to, .. } = transition;
    let names = names.join(", ");
    let of = action
        .map(|action| format!(" of {action}"))
        .unwrap_or_default();
    let follows = |usual: &str| match in_force {
        Some(maintenance) => format!("But the node is {maintenance}."),
        None => usual.to_owned(),
    };
    match to {
        Health::Unhealthy => {
            let follows = follows("Running node demotion actions.");
            warn!(
                "One or more critical services{of} detected down. {follows} \
                 Health: {from} -> {to}, Failed: {names}."
            );
        }
        Health::Healthy => {
            let follows = follows("Running healthy node promotion actions.");
            let recovered = match names.as_str() {
                "" => String::new(),
                names => format!(", Recovered: {names}"),
            };
            info!("All critical services{of} are up. {follows} Health: {from} -> {to}{recovered}.");
        }
        Health::Unknown => {}
    }
}

/// heartbeat itself did not run for so long.
pub fn stalled(late: Duration) {
    let late = late.as_secs_f64();
    warn!(
        "heartbeat was not scheduled for {late:.1}s (suspended, stopped or starved). \
         That says nothing about the services: this round is thrown away, and a new one begins."
    );
}

/// Maintenance has begun, changed or ended.
pub fn maintenance(before: Option<&Maintenance>, now: Option<&Maintenance>) {
    match (before, now) {
        (_, Some(now)) => warn!("Maintenance: {now}."),
        (Some(before), None) => info!("Maintenance has ended (it was {before})."),
        (None, None) => {}
    }
}

/// The maintenance file cannot be understood.
pub fn damaged(path: &Path, how: &str, in_force: Option<&Maintenance>) {
    let path = path.display();
    let in_force = in_force.map_or_else(|| "no maintenance".to_owned(), ToString::to_string);
    error!(
        "The maintenance file {path} is damaged ({how}). What was in force still is: {in_force}."
    );
}

/// A new configuration is not in force.
pub fn refused(problems: &str) {
    error!("The configuration is refused, and the old one stays in force:");
    for problem in problems.lines() {
        error!("{problem}");
    }
}

/// A new configuration is in force.
pub fn reloaded(generation: u64, changes: &str, warnings: &[&String]) {
    info!("Configuration reloaded (generation {generation}). {changes}");
    for warning in warnings {
        warn!("{warning}");
    }
}

/// The guard is about to be asked, or would be in a rehearsal. `was_held`: it has held before, and is asked again.
pub fn asking(job: &Job, action: Option<&str>, was_held: bool, is_rehearsal: bool) {
    let verb = if is_rehearsal { "Would ask" } else { "Asking" };
    let of = action
        .map(|action| format!(" of {action}"))
        .unwrap_or_default();
    let level = if was_held { Level::Debug } else { Level::Info };
    log!(
        level,
        "{verb}: {} (demotion guard{of})",
        shown(&job.command)
    );
}

/// The guard has ended. `was_held`: it has held before, which is no news.
pub fn guard(finished: &Finished, command: &str, action: Option<&str>, was_held: bool) {
    let of = action
        .map(|action| format!(" of {action}"))
        .unwrap_or_default();
    let line = ended(finished, command);
    match finished.ending {
        Ending::Exited(0) => info!("Demotion guard{of}: go. {line}"),
        Ending::Exited(1) if was_held => debug!("Demotion guard{of}: still holds. {line}"),
        Ending::Exited(1) => {
            warn!("Demotion guard{of}: holds, and is asked again next round. {line}");
        }
        Ending::Interrupted => info!("Demotion guard{of}: interrupted. {line}"),
        _ => error!("Demotion guard{of}: broken, so the demotion goes on. {line}"),
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

/// A command is about to run, or would be in a rehearsal.
pub fn running(job: &Job, place: Place, action: &str, is_rehearsal: bool) {
    let verb = if is_rehearsal { "Would run" } else { "Running" };
    let what = place.command();
    info!("{verb}: {} ({what} of {action})", shown(&job.command));
}

/// A command outlives SIGKILL: that of this action, or the guard's.
pub fn cannot_be_killed(action: Option<&str>) {
    let whose = action.map_or_else(
        || "Demotion guard".to_owned(),
        |name| format!("Action {name}"),
    );
    error!("{whose}: its command cannot be killed. {NO_OTHER}");
}

/// The same of the process group of a command that an earlier heartbeat has left.
pub fn leftover_cannot_be_killed(group: i32) {
    error!("What an earlier run has left ({group}) cannot be killed. {NO_OTHER}");
}

/// An action is gone from the configuration, and nobody will move it again.
pub fn left_behind(action: &str, place: Option<Place>) {
    match place {
        Some(place) => warn!("Action {action} is gone, and is left {place}."),
        None => warn!("Action {action} is gone, and nobody knows where it has been left."),
    }
}

/// Two at once would let the older one have the last word.
const NO_OTHER: &str = "No other command is run until it has ended.";

/// A command has ended.
pub fn finished(finished: &Finished, command: &str, place: Place, action: &str) {
    let line = format!(
        "Name: {action}, Type: {}, {}",
        place.command(),
        ended(finished, command)
    );
    match &finished.ending {
        Ending::Exited(0) => info!("Action done: {line}"),
        _ => error!("Action failed: {line}"),
    }
}

fn ended(finished: &Finished, command: &str) -> String {
    let output = match finished.output.as_str() {
        "" => String::new(),
        output => format!(", Output: {output}"),
    };
    format!(
        "Command: {}, Took: {:.3}s, Status: {}{output}",
        shown(command),
        finished.took.as_secs_f64(),
        finished.ending,
    )
}

fn shown(command: &str) -> String {
    let mut shown: String = command.chars().take(COMMAND_SHOWN).collect();
    if shown.len() < command.len() {
        shown.push('…');
    }
    shown
}
