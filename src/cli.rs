//! Arguments and exit statuses.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::settings;

/// Watches the services a node depends on, and takes the node into and out of rotation when their health changes.
#[derive(Debug, Parser)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[command(version, after_help = EXIT_STATUS)]
pub struct Args {
    /// Configuration file
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/heartbeat/heartbeat.conf"
    )]
    pub config: PathBuf,

    /// Detach: own session, no terminal; returns when the daemon runs
    #[arg(short, long, conflicts_with_all = ["once", "test_config"])]
    pub daemonize: bool,

    /// One round, the actions it calls for, exit status = verdict (for cron)
    #[arg(long, conflicts_with = "test_config")]
    pub once: bool,

    /// With --once: say nothing when another heartbeat is running
    #[arg(short, long, requires = "once")]
    pub quiet: bool,

    /// Judge the configuration, print every problem, run and write nothing
    #[arg(short, long)]
    pub test_config: bool,

    /// Log the actions instead of running them; the state file is not changed
    #[arg(long, conflicts_with = "test_config")]
    pub dry_run: bool,

    /// Asked instead of running.
    #[command(subcommand)]
    pub ask: Option<Ask>,
}

/// What can be asked of heartbeat instead of running it.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Ask {
    /// Say how it stands: checks, actions, maintenance
    #[command(after_help = STATUS_EXIT)]
    Status {
        /// For people, programs, or the node exporter's textfile collector
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Take the node out of rotation, whatever the checks say
    #[command(after_help = WAIT_EXIT)]
    Drain {
        /// How long it lasts, and why
        #[command(flatten)]
        pause: Pause,
        /// How long it is waited for
        #[command(flatten)]
        patience: Patience,
    },
    /// Run no commands, whatever the checks say
    Hold(Pause),
    /// End drain or hold
    #[command(after_help = WAIT_EXIT)]
    Resume(Patience),
    /// Play results through the decisions, and show what would be run
    Simulate {
        /// Passes and failures of a check, round by round; its last one goes on, and other checks pass
        #[arg(required = true, value_name = "CHECK=ppffp")]
        results: Vec<String>,
    },
}

/// How long, and why.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Pause {
    /// End by itself after this long: 90s, 30m, 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = settings::duration)]
    pub lasts: Option<Duration>,

    /// Shown in status and log, and to commands
    #[arg(required = true, value_parser = NonEmptyStringValueParser::new())]
    pub reason: Vec<String>,
}

/// How long the daemon is waited for.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Patience {
    /// Return when the daemon has done it, at most this long: 30s, 5m
    #[arg(long, value_name = "DURATION", value_parser = settings::duration)]
    pub wait: Option<Duration>,
}

/// How the status is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables that fit 80 columns.
    Text,
    /// One object, described in README and manual.
    Json,
    /// The text exposition format.
    Prometheus,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  healthy, stopped cleanly, or a good configuration
  1  unhealthy (--once, status)
  2  usage or configuration; nothing was run
  3  heartbeat could not do its work: the lock is held, the log cannot be opened,
     privileges cannot be changed, an action failed, the state could not be kept;
     status: unknown, out of date, or something wanted is not applied;
     --wait: what was ordered is not done by then

Signals: SIGTERM and SIGINT stop it, a second one also kills a running command;
SIGHUP reopens the log and reads the configuration again.";

const STATUS_EXIT: &str = "\
Exit status: 0 healthy and everything applied; 1 unhealthy;
3 unknown, out of date, or something wanted is not applied.";

const WAIT_EXIT: &str = "\
Exit status: 0 ordered, and with --wait done;
3 not ordered, or with --wait not done by then (the order stays).";

/// How heartbeat runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Rounds until stopped, on the terminal.
    Foreground,
    /// Rounds until stopped, detached.
    Daemon,
    /// One round.
    Once,
}

impl Mode {
    /// As heartbeat.py's log calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Foreground => "Foreground",
            Self::Daemon => "Daemon",
            Self::Once => "Run Once",
        }
    }
}

impl Args {
    /// The arguments of this process, or its end with what is wrong with them.
    #[must_use]
    pub fn of_process() -> Self {
        let args = Self::parse();
        if let Some(error) = args.contradiction() {
            error.exit();
        }
        args
    }

    /// How to run does not go with a question, and clap has no word for that beside a global argument.
    fn contradiction(&self) -> Option<clap::Error> {
        let flags = [
            ("--daemonize", self.daemonize),
            ("--once", self.once),
            ("--quiet", self.quiet),
            ("--test-config", self.test_config),
            ("--dry-run", self.dry_run),
        ];
        let (flag, _) = flags
            .into_iter()
            .find(|(_, is_set)| *is_set && self.ask.is_some())?;
        let text = format!("{flag} is for running heartbeat, not for asking it");
        Some(Self::command().error(ErrorKind::ArgumentConflict, text))
    }

    /// The mode that arguments and configuration call for: `--once` wins over `daemonize = yes`.
    #[must_use]
    pub fn mode(&self, daemonize: bool) -> Mode {
        if self.once {
            Mode::Once
        } else if self.daemonize || daemonize {
            Mode::Daemon
        } else {
            Mode::Foreground
        }
    }
}

/// What heartbeat tells its caller; the greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Healthy, stopped cleanly, or a good configuration.
    Good = 0,
    /// Unhealthy.
    Unhealthy = 1,
    /// Usage or configuration: nothing was run.
    Usage = 2,
    /// heartbeat could not do its work.
    Failed = 3,
}

impl Exit {
    /// Of a heartbeat that ran as a child.
    #[must_use]
    pub fn of_child(status: u8) -> Self {
        let all = [Self::Good, Self::Unhealthy, Self::Usage];
        let same = all.into_iter().find(|exit| *exit as u8 == status);
        same.unwrap_or(Self::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn once_wins() {
        let mode = |line: &str, daemonize| {
            let args = Args::try_parse_from(line.split(' ')).expect(line);
            args.mode(daemonize)
        };
        assert_eq!(mode("heartbeat", false), Mode::Foreground);
        assert_eq!(mode("heartbeat", true), Mode::Daemon);
        assert_eq!(mode("heartbeat -d", false), Mode::Daemon);
        assert_eq!(mode("heartbeat --once", true), Mode::Once);
        assert!(Args::try_parse_from(["heartbeat", "--once", "-d"]).is_err());
    }

    #[test]
    fn questions() {
        let read = |line: &str| Args::try_parse_from(line.split(' '));
        let drain = read("heartbeat drain --for 30m kernel update -c x").expect("a drain");
        let pause = Pause {
            lasts: Some(Duration::from_secs(1800)),
            reason: vec!["kernel".to_owned(), "update".to_owned()],
        };
        let patience = Patience { wait: None };
        assert_eq!(drain.ask, Some(Ask::Drain { pause, patience }));
        assert_eq!(drain.config, PathBuf::from("x"));
        for wrong in [
            "drain",
            "hold --for x y",
            "simulate",
            "status --format xml",
            "resume x",
        ] {
            assert!(read(&format!("heartbeat {wrong}")).is_err(), "{wrong}");
        }
        let both = read("heartbeat --once status").expect("it is parsed");
        assert!(both.contradiction().is_some());
        let alone = read("heartbeat -c x status").expect("it is parsed");
        assert!(alone.contradiction().is_none());
    }

    #[test]
    fn the_greater_status_wins() {
        assert_eq!(Exit::Unhealthy.max(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Good.max(Exit::Unhealthy), Exit::Unhealthy);
    }
}
