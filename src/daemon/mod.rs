//! THE loop, and one-shot on the same pieces.
//!
//! One channel brings all news: outcomes, the end of a command, signals. The loop waits on it until the next round is
//! due, feeds the pure parts (`decision`, `schedule`) and starts what they call for. It alone speaks.

mod change;
mod command;
mod round;

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use log::info;
use signal_hook::consts::SIGHUP;

use crate::action::News;
use crate::check::exec;
use crate::cli::{Exit, Mode};
use crate::clock::Moment;
use crate::config::{Config, OnExit};
use crate::converge::Due;
use crate::decision::Decision;
use crate::event::Event;
use crate::group;
use crate::health::{Health, SYSTEM};
use crate::ledger::Ledger;
use crate::maintenance::{Kind, Maintenance, Watch};
use crate::pool::Pool;
use crate::process::lock::Lock;
use crate::process::notify::Manager;
use crate::report::{self, Report, logger::Logger};
use crate::runner::Runner;
use crate::schedule::Schedule;

/// Two signals within this time are one wish: timeout(1) and other wrappers signal their child and then its group.
const ONE_WISH: Duration = Duration::from_millis(10);

/// More checks in flight than this are a burst.
const BURST: usize = 32;

/// How long outcomes of a burst are gathered.
const BREATH: Duration = Duration::from_millis(1);

/// The loop looks up at least this often: at the maintenance file, and whether it has been asleep.
const LOOK: Duration = Duration::from_millis(400);

/// What a run is made of; everything that can fail at the start has been opened.
#[derive(Debug)]
pub struct Parts {
    /// Rounds for ever, or one.
    pub mode: Mode,
    /// Actions are logged instead of run.
    pub dry_run: bool,
    /// Where the configuration is.
    pub path: PathBuf,
    /// What it says.
    pub config: Config,
    /// What is decided by it.
    pub decision: Decision,
    /// Runs the checks.
    pub pool: Pool,
    /// Runs the commands.
    pub runner: Runner,
    /// What is known, and where it is kept.
    pub ledger: Ledger,
    /// What the operator has said.
    pub watch: Watch,
    /// Keeps a second heartbeat out.
    pub lock: Lock,
    /// To be reopened.
    pub logger: Logger,
    /// systemd, if it is listening.
    pub manager: Manager,
    /// All news: outcomes, ends of commands, signals.
    pub events: Receiver<Event>,
}

/// A run: when the next round is due, and what is under way.
#[derive(Debug)]
pub struct Daemon {
    parts: Parts,
    schedule: Schedule,
    report: Report,
    round: u64,
    round_begun: Moment,
    round_told: bool,
    in_force: Option<Maintenance>,
    looked: Option<Moment>,
    /// When the loop has come round last, and how many rounds have been thrown away since one was complete.
    awake: Moment,
    stalls: u32,
    /// The process groups of a command that an earlier heartbeat has left, and that cannot be killed.
    leftover: Vec<i32>,
    /// Why the pidfile cannot be made again, as it was told.
    lost_lock: Option<String>,
    /// A configuration that waits for the end of the round.
    newer: Option<Config>,
    /// Since when it has been told to stop.
    stopping: Option<Instant>,
    /// It has been, and takes the node out before it does.
    is_leaving: bool,
}

impl Daemon {
    /// A run that has yet to begin.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let now = Moment::now();
        Self {
            schedule: Schedule::new(now, parts.config.general.pace),
            report: Report::default(),
            round: 0,
            round_begun: now,
            round_told: false,
            in_force: None,
            looked: None,
            awake: now,
            stalls: 0,
            leftover: Vec::new(),
            lost_lock: None,
            newer: None,
            stopping: None,
            is_leaving: false,
            parts,
        }
    }

    /// Runs until stopped, or for one round, and gives up the lock.
    #[must_use]
    pub fn run(mut self) -> Exit {
        self.parts.ledger.sign();
        self.save();
        self.leftover = self.parts.ledger.end_leftover();
        for group in &self.leftover {
            report::leftover_cannot_be_killed(*group);
        }
        self.turn();
        exec::end_all();
        let exit = self.exit();
        self.parts.lock.release();
        exit
    }

    /// The loop.
    fn turn(&mut self) {
        self.awake = Moment::now();
        loop {
            self.look_at_maintenance();
            // All processes are looked at, but only while there is one.
            self.leftover.retain(|group| !group::is_empty(*group));
            self.swap_between_rounds();
            if self.is_round_due() {
                self.begin_round();
            }
            self.start_what_is_due();
            if self.is_finished() {
                return;
            }
            self.parts.manager.feed(Moment::now());
            let patience = self.patience();
            // From the last time on: it may have been stopped while it was at work, too.
            let expected = self.awake + patience;
            // The channel never closes, as the runner holds a sender: no news means that time is up.
            let event = self.parts.events.recv_timeout(patience);
            self.notice_stall(expected);
            if let Ok(event) = event {
                self.take(event);
                self.take_more();
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Outcome(outcome) => self.take_outcome(&outcome),
            Event::Action(News::Begun(group)) => {
                self.parts.ledger.enter_group(group);
                self.save();
            }
            Event::Action(News::Ended(finished)) => self.take_finished(&finished),
            Event::Action(News::CannotBeKilled) => self.parts.runner.take_stuck(),
            Event::Signal(signal, at) => self.take_signal(signal, at),
        }
    }

    /// While outcomes pour in they are taken in handfuls: to be woken for each would cost as much as a check. What calls
    /// for a command is not left waiting.
    fn take_more(&mut self) {
        if self.due().is_none() && self.parts.pool.in_flight() > BURST {
            thread::sleep(BREATH);
        }
        while self.due().is_none()
            && let Ok(event) = self.parts.events.try_recv()
        {
            self.take(event);
        }
    }

    fn is_once(&self) -> bool {
        self.parts.mode == Mode::Once
    }

    fn is_in_doubt(&self) -> bool {
        self.parts.decision.judge().is_in_doubt()
    }

    fn is_round_due(&self) -> bool {
        let more = self.stopping.is_none() && (self.round == 0 || !self.is_once());
        more && self
            .schedule
            .wait(Moment::now(), self.is_in_doubt())
            .is_zero()
    }

    fn may_run_commands(&self) -> bool {
        (self.stopping.is_none() || self.is_leaving) && self.leftover.is_empty()
    }

    fn due(&self) -> Option<Due> {
        // A one-shot asserts again what was old when it began, and not what has grown old while it ran.
        let now = if self.is_once() {
            self.round_begun
        } else {
            Moment::now()
        };
        let due = self.parts.decision.due(now);
        due.filter(|_| self.may_run_commands())
    }

    fn is_finished(&self) -> bool {
        let is_complete = self.parts.decision.judge().is_round_complete();
        let done = self.stopping.is_some() || self.is_once() && is_complete;
        done && !self.parts.runner.is_busy()
    }

    /// How long there is nothing to do unless something happens.
    fn patience(&mut self) -> Duration {
        let now = Moment::now();
        // A stall of an interval is only noticed by whoever looks up more often.
        let look = LOOK.min(self.parts.config.general.pace.interval / 4);
        let waits = [
            (self.stopping.is_none() && !self.is_once())
                .then(|| self.schedule.wait(now, self.is_in_doubt())),
            // A one-shot does not stay for what grows old.
            (self.may_run_commands() && !self.is_once())
                .then(|| self.parts.decision.goal().next_reassertion(now))
                .flatten(),
            self.parts.manager.patience(),
            self.parts.pool.press_on(),
        ];
        waits.into_iter().flatten().fold(look, Duration::min)
    }

    fn save(&mut self) {
        self.parts.ledger.save(&self.parts.decision);
    }

    fn take_signal(&mut self, signal: i32, at: Instant) {
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
        match self.stopping {
            _ if signal == SIGHUP => self.begin_anew(name),
            None => self.begin_to_stop(name, at),
            Some(since) if at.saturating_duration_since(since) > ONE_WISH => {
                self.stop_at_once(name);
            }
            Some(_) => {}
        }
    }

    /// The log may have been moved away, and the configuration may be another.
    fn begin_anew(&mut self, signal: &str) {
        report::reopened(signal, self.parts.logger.reopen());
        if !self.is_once() && self.stopping.is_none() {
            self.parts.manager.reloading();
            self.read_again();
        }
    }

    fn begin_to_stop(&mut self, signal: &str, at: Instant) {
        info!("Received {signal}. Stopping.");
        self.parts.manager.stopping();
        self.parts.pool.abandon();
        self.stopping = Some(at);
        self.is_leaving = self.parts.config.general.on_exit == OnExit::Demote && !self.is_once();
        if self.is_leaving {
            self.parts.decision.leave();
            // It has no say in it.
            self.parts.runner.interrupt_guard();
        }
    }

    fn stop_at_once(&mut self, signal: &str) {
        info!("Received {signal} again. Stopping at once.");
        self.is_leaving = false;
        self.parts.runner.interrupt();
    }

    fn exit(&mut self) -> Exit {
        let is_reached = self.parts.decision.goal().is_reached();
        if !self.is_once() {
            let is_held = self.in_force.as_ref().is_some_and(|m| m.kind == Kind::Hold);
            info!("Heartbeat stopped ({}). Goodbye.", std::process::id());
            let was_to_leave =
                self.stopping.is_some() && self.parts.config.general.on_exit == OnExit::Demote;
            return if was_to_leave && !is_reached && !is_held {
                Exit::Failed
            } else {
                Exit::Good
            };
        }
        // Stopped before there was a verdict, 0 would be taken for one.
        let verdict = match self.parts.decision.judge().health(SYSTEM) {
            Health::Healthy => Exit::Good,
            Health::Unhealthy => Exit::Unhealthy,
            Health::Unknown => Exit::Failed,
        };
        if self.stopping.is_none() {
            info!("One-time run-through complete. Goodbye.");
        }
        if is_reached && self.parts.ledger.is_kept() {
            return verdict;
        }
        Exit::Failed
    }
}
