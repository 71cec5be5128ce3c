//! The configuration: keys, defaults, rules, cross-references; every problem of a file in one run.
//!
//! [`Config::load`] reads a file once and gives ready values: nothing behind it sees a raw string.

pub mod ini;
pub mod interpolate;
mod sections;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::check::Check;
use crate::converge::Place;
use crate::settings::Problem;

/// Most problems that are told of one file; the rest is counted.
const MOST_TOLD: usize = 50;

/// A file that can be run.
#[derive(Debug)]
pub struct Config {
    /// The `[general]` section.
    pub general: General,
    /// The actions that some check names, in the order of `[promotions]`.
    pub actions: Vec<Action>,
    /// The checks in the order of the file. At least one.
    pub checks: Vec<Check>,
    /// Legal but unwise, one line each, with file and line.
    pub warnings: Vec<String>,
}

/// `[general]`: how heartbeat runs.
#[derive(Debug, Clone)]
pub struct General {
    /// Run as this user; `None` = as started.
    pub user: Option<String>,
    /// Run as this group; `None` = the user's login group.
    pub group: Option<String>,
    /// Where the log goes.
    pub logfile: LogTarget,
    /// The least level that is logged.
    pub loglevel: LogLevel,
    /// Names the process and is the lock.
    pub pidfile: PathBuf,
    /// Holds wanted and applied between runs.
    pub statefile: PathBuf,
    /// Checks in flight at once; `None` = as many as there are, at most 64.
    pub threads: Option<usize>,
    /// Detach without `-d`.
    pub daemonize: bool,
    /// From the start of one round to the start of the next.
    pub interval: Duration,
    /// A command that runs longer is killed, and has failed.
    pub action_timeout: Duration,
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// A file, rotated.
    File(PathBuf),
    /// Standard error: the terminal, journald, a container's log.
    Stderr,
}

/// The levels of Python's logging, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Every check and round.
    Debug,
    /// Recoveries, promotions, commands.
    Info,
    /// Demotions, oddities.
    Warning,
    /// Checks and commands that failed.
    Error,
    /// heartbeat itself is at fault.
    Critical,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        })
    }
}

/// A name with both commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The key, in lower case.
    pub name: String,
    /// Takes the node into rotation; goes to `/bin/sh -c`.
    pub promotion: String,
    /// Takes the node out of rotation; goes to `/bin/sh -c`.
    pub demotion: String,
    /// Its place in the order of `[demotions]`, which may differ from that of `[promotions]`.
    pub demotion_rank: usize,
}

impl Action {
    /// The command that leads there.
    #[must_use]
    pub fn command(&self, place: Place) -> &str {
        match place {
            Place::Promoted => &self.promotion,
            Place::Demoted => &self.demotion,
        }
    }
}

/// Everything that is wrong with a file, ready to be shown.
#[derive(Debug)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.0.len().min(MOST_TOLD);
        f.write_str(&self.0[..told].join("\n"))?;
        match self.0.len() - told {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more problems"),
        }
    }
}

impl std::error::Error for Problems {}

impl Config {
    /// Reads and judges the file at `path`.
    ///
    /// # Errors
    /// Every problem of the file, sorted by line, as `heartbeat.conf:12: [web] port: "80a" is not a port (1 to 65535)`.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let text = source::read(path).map_err(|problem| Problems(vec![problem]))?;
        Self::parse(path, &text)
    }

    /// Judges `text` as the content of `path`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        let name = path.display();
        let lines = |mut problems: Vec<Problem>, mark: &str| -> Vec<String> {
            problems.sort();
            problems.dedup();
            let line = |p: Problem| format!("{name}:{}: {mark}{p}", p.line);
            problems.into_iter().map(line).collect()
        };
        let (draft, problems) = sections::judge(path, text);
        match draft {
            Some(draft) if problems.is_empty() => Ok(Self {
                general: draft.general,
                actions: draft.actions,
                checks: draft.checks,
                warnings: lines(draft.warnings, "warning: "),
            }),
            _ => Err(Problems(lines(problems, ""))),
        }
    }

    /// How many checks may be in flight at once.
    #[must_use]
    pub fn workers(&self) -> usize {
        /// Waking more threads than this for short jobs costs more than it gains.
        const DEFAULT_MOST: usize = 64;
        let wished = self.general.threads.unwrap_or(DEFAULT_MOST);
        wished.min(self.checks.len()).max(1)
    }
}
