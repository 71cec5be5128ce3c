//! From arguments to the loop: a checklist. Whatever can go wrong at the start is told on stderr, in every mode.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::channel;

use log::warn;
use signal_hook::iterator::Signals;

use crate::cli::{Args, Exit, Mode};
use crate::config::{Config, General, LogTarget};
use crate::critical;
use crate::daemon::{Daemon, Parts};
use crate::file::refusal;
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::process::detach::{self, Side, Starter};
use crate::process::{self, identity::Identity, lock::Lock};
use crate::report::{self, logger::Logger};
use crate::state::{State, StateFile};

/// Does what the arguments ask for.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => {
            tell(&problems.to_string());
            return Exit::Usage;
        }
    };
    if args.test_config {
        return test(args, &config);
    }
    // Not earlier: the configuration may be an inherited descriptor, as in `-c <(…)`.
    process::clean_up_inheritance();
    let mode = args.mode(config.general.daemonize);
    if mode == Mode::Daemon && config.general.logfile == LogTarget::Stderr {
        tell("heartbeat: logfile = stderr does not go with --daemonize: a daemon has no stderr");
        return Exit::Usage;
    }
    start(args, config, mode).unwrap_or_else(|error| {
        tell(&format!("heartbeat: {error:#}"));
        Exit::Failed
    })
}

/// To stderr, and on when nobody listens: `eprintln!` would panic.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn test(args: &Args, config: &Config) -> Exit {
    for warning in &config.warnings {
        tell(warning);
    }
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let checks = counted(config.checks.len(), "check");
    let actions = counted(config.actions.len(), "action");
    let file = args.config.display();
    let _ = writeln!(io::stdout(), "{file}: good: {checks}, {actions}");
    Exit::Good
}

fn start(args: &Args, config: Config, mode: Mode) -> anyhow::Result<Exit> {
    let identity = Identity::wanted(&config.general)?;
    if let Some(identity) = &identity {
        identity.assume()?;
    }
    // Whoever finds the pidfile may send a signal at once.
    let signals = process::catch_signals()?;
    let lock = Lock::take(&config.general.pidfile)?;
    let environment = identity.map(|identity| identity.environment());
    let prepared = match prepare(args, &config, mode) {
        Ok(prepared) => prepared,
        Err(error) => {
            lock.release();
            return Err(error);
        }
    };
    let starter = match go_to(mode) {
        Ok(Side::Started) => return Ok(Exit::Good),
        Ok(Side::Working(starter)) => starter,
        Err(error) => {
            lock.release();
            return Err(error);
        }
    };
    if let Err(error) = lock.write_pid() {
        starter.failed(&error);
        lock.release();
        return Err(error);
    }
    report::started(&config, mode.name());
    let environment = environment.unwrap_or_default();
    match assemble(args, config, mode, environment, signals, prepared, lock) {
        Ok(daemon) => {
            starter.ready();
            Ok(daemon.run())
        }
        Err(error) => {
            critical!("{error:#}");
            starter.failed(&error);
            Err(error)
        }
    }
}

/// To the background, where the mode asks for it.
fn go_to(mode: Mode) -> anyhow::Result<Side> {
    match mode {
        Mode::Daemon => detach::detach(),
        Mode::Foreground | Mode::Once => Ok(Side::Working(Starter::nobody())),
    }
}

/// What is opened while there is a terminal to complain on.
struct Prepared {
    logger: Logger,
    ledger: Ledger,
}

/// Opens what is written later, while errors still reach the terminal.
fn prepare(args: &Args, config: &Config, mode: Mode) -> anyhow::Result<Prepared> {
    let General {
        logfile,
        loglevel,
        statefile,
        ..
    } = &config.general;
    let logger = Logger::install(logfile, *loglevel, mode != Mode::Daemon)?;
    // A panic is told in the log; a check's is its failure, and the daemon goes on.
    std::panic::set_hook(Box::new(|panic| critical!("{panic}")));
    let file = StateFile::new(statefile, &config.actions);
    let failed = |error: io::Error| {
        let refusal = refusal(statefile, &error);
        anyhow::anyhow!("statefile {}: {refusal}", statefile.display())
    };
    let (left, odd) = file.load().map_err(failed)?;
    if let Some(odd) = odd {
        let path = statefile.display();
        warn!("statefile {path}: not understood ({odd}); what has been applied is unknown.");
    }
    let state = match mode {
        Mode::Once => left,
        // A daemon always asserts the first verdict anew.
        Mode::Foreground | Mode::Daemon => State {
            running: left.running,
            ..file.unknown()
        },
    };
    if !args.dry_run {
        save_first(&file, &state).map_err(failed)?;
    }
    Ok(Prepared {
        logger,
        ledger: Ledger::new(file, state, args.dry_run),
    })
}

/// Whether the state can be kept is found out before it matters. A full disk alone is no reason to leave a dead service
/// in rotation: that is told when it matters, and tried again.
fn save_first(file: &StateFile, state: &State) -> io::Result<()> {
    match file.save(state) {
        Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(error),
        _ => Ok(()),
    }
}

fn assemble(
    args: &Args,
    config: Config,
    mode: Mode,
    environment: Vec<(String, String)>,
    signals: Signals,
    prepared: Prepared,
    lock: Lock,
) -> anyhow::Result<Daemon> {
    let workers = config.workers();
    let checks: Arc<[_]> = config.checks.into();
    let (sender, events) = channel();
    process::forward_signals(signals, sender.clone())?;
    let pool = Pool::new(workers, &checks, &sender)?;
    Ok(Daemon::new(Parts {
        mode,
        dry_run: args.dry_run,
        checks,
        actions: config.actions,
        interval: config.general.interval,
        action_timeout: config.general.action_timeout,
        environment,
        pool,
        ledger: prepared.ledger,
        lock,
        logger: prepared.logger,
        sender,
        events,
    }))
}
