//! From arguments to the loop: a checklist. Whatever can go wrong at the start is told on stderr, in every mode.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

use log::warn;
use signal_hook::iterator::Signals;

use crate::action;
use crate::cli::{Args, Exit, Mode};
use crate::config::{Config, General, LogTarget};
use crate::critical;
use crate::daemon::{Daemon, Parts};
use crate::decision::Decision;
use crate::event::Event;
use crate::file::refusal;
use crate::ledger::Ledger;
use crate::machine;
use crate::maintenance::{self, Watch};
use crate::operator;
use crate::pool::Pool;
use crate::process::detach::{self, Side, Starter};
use crate::process::lock::{Held, Lock};
use crate::process::notify::Manager;
use crate::process::{self, identity::Identity, init};
use crate::report::{self, logger::Logger, stderr::claim_terminal, stderr::complain};
use crate::runner::Runner;
use crate::state::StateFile;
use crate::timing;

/// Does what the arguments ask for.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let runs_commands = !args.test_config && args.ask.is_none();
    if runs_commands && init::is_first() {
        return as_first_process();
    }
    if let Some(ask) = &args.ask {
        return operator::answer(&args.config, ask);
    }
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => {
            complain(&problems.to_string());
            return Exit::Usage;
        }
    };
    if args.test_config {
        return test(args, &config);
    }
    // Not earlier: the configuration may be an inherited descriptor, as in `-c <(…)`.
    process::clean_up_inheritance();
    let mode = mode(args, &config);
    if mode == Mode::Daemon && config.general.logfile == LogTarget::Stderr {
        complain(
            "heartbeat: logfile = stderr does not go with --daemonize: a daemon has no stderr",
        );
        return Exit::Usage;
    }
    start(args, config, mode).unwrap_or_else(|error| {
        if !args.quiet || error.downcast_ref::<Held>().is_none() {
            complain(&format!("heartbeat: {error:#}"));
        }
        Exit::Failed
    })
}

fn mode(args: &Args, config: &Config) -> Mode {
    match args.mode(config.general.daemonize) {
        Mode::Daemon if init::is_below() => {
            complain("heartbeat: not detached, as process 1 would end, and everything with it");
            Mode::Foreground
        }
        mode => mode,
    }
}

/// heartbeat itself is a child then.
fn as_first_process() -> Exit {
    match init::run() {
        Ok(status) => Exit::of_child(status),
        Err(error) => {
            complain(&format!("heartbeat: {error:#}"));
            Exit::Failed
        }
    }
}

fn test(args: &Args, config: &Config) -> Exit {
    for warning in &config.warnings {
        let _ = writeln!(io::stderr(), "{warning}");
    }
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let checks = counted(config.checks.len(), "check");
    let actions = counted(config.actions.len(), "action");
    let file = args.config.display();
    let mut lines = vec![timing::lines(config)];
    lines.extend(machine::lines(config, &args.config));
    let lines = lines.join("\n  ");
    let _ = writeln!(io::stdout(), "{file}: good: {checks}, {actions}\n{lines}");
    Exit::Good
}

fn start(args: &Args, config: Config, mode: Mode) -> anyhow::Result<Exit> {
    if mode != Mode::Daemon {
        claim_terminal();
    }
    let identity = Identity::wanted(&config.general)?;
    if let Some(identity) = &identity {
        identity.assume()?;
        action::give_to_all(identity.environment());
    }
    // Whoever finds the pidfile may send a signal at once.
    let signals = process::catch_signals()?;
    let lock = Lock::take(&config.general.pidfile)?;
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
    let works = match Works::new(&config, signals) {
        Ok(works) => works,
        Err(error) => {
            critical!("{error:#}");
            starter.failed(&error);
            lock.release();
            return Err(error);
        }
    };
    starter.ready();
    Ok(assemble(args, config, mode, works, prepared, lock).run())
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
    decision: Decision,
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
    let file = StateFile::new(statefile);
    let failed = |error: io::Error| {
        let refusal = refusal(statefile, &error);
        anyhow::anyhow!("statefile {}: {refusal}", statefile.display())
    };
    let (left, odd) = file.load().map_err(failed)?;
    if let Some(odd) = odd {
        let path = statefile.display();
        warn!("statefile {path}: not understood ({odd}); what has been applied is unknown.");
    }
    let ordered = file.ordered();
    let mut ledger = Ledger::new(file, config, left, mode == Mode::Once, args.dry_run);
    ledger.enter_maintenance(ordered.as_ref(), None);
    let plan = config.plan();
    let known = ledger.known(&plan);
    let decision = Decision::new(plan, known);
    // Whether the state can be kept is found out before it matters.
    ledger.save_first(&decision).map_err(failed)?;
    Ok(Prepared {
        logger,
        ledger,
        decision,
    })
}

/// What runs on threads of its own, and how they are heard.
struct Works {
    pool: Pool,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Works {
    /// Fails where there are no threads to be had.
    fn new(config: &Config, signals: Signals) -> anyhow::Result<Self> {
        let (sender, events) = channel();
        process::forward_signals(signals, sender.clone())?;
        let pool = Pool::new(config.workers(), config.checks.clone(), sender.clone())?;
        Ok(Self {
            pool,
            sender,
            events,
        })
    }
}

fn assemble(
    args: &Args,
    config: Config,
    mode: Mode,
    works: Works,
    prepared: Prepared,
    lock: Lock,
) -> Daemon {
    let maintenance = maintenance::path_beside(&config.general.statefile);
    let last = prepared.ledger.maintenance().cloned();
    Daemon::new(Parts {
        mode,
        dry_run: args.dry_run,
        path: args.config.clone(),
        decision: prepared.decision,
        pool: works.pool,
        runner: Runner::new(&config, works.sender, args.dry_run),
        ledger: prepared.ledger,
        watch: Watch::new(maintenance, last),
        lock,
        logger: prepared.logger,
        manager: match mode {
            Mode::Foreground => Manager::from_environment(),
            Mode::Daemon | Mode::Once => Manager::default(),
        },
        events: works.events,
        config,
    })
}
