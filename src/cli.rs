//! Arguments and exit statuses.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

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

    /// Judge the configuration, print every problem, run and write nothing
    #[arg(short, long)]
    pub test_config: bool,

    /// Log the actions instead of running them; the state file is not changed
    #[arg(long, conflicts_with = "test_config")]
    pub dry_run: bool,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  healthy, stopped cleanly, or a good configuration
  1  unhealthy (--once)
  2  usage or configuration; nothing was run
  3  heartbeat could not do its work: the lock is held, the log cannot be opened,
     privileges cannot be changed, an action failed, the state could not be kept

Signals: SIGTERM and SIGINT stop it, a second one also kills a running command;
SIGHUP reopens the log.";

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
        use clap::CommandFactory;
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
    fn the_greater_status_wins() {
        assert_eq!(Exit::Unhealthy.max(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Good.max(Exit::Unhealthy), Exit::Unhealthy);
    }
}
