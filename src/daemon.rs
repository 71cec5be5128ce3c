//! THE loop, and one-shot on the same pieces.
//!
//! One channel brings all news: outcomes, the end of a command, signals. The loop waits on it until the next round is
//! due, feeds the pure parts (`health`, `converge`, `schedule`) and starts what they call for. It alone speaks.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use log::info;
use signal_hook::consts::SIGHUP;

use crate::action::{self, Finished, Job, News, Running};
use crate::check::{Check, Outcome};
use crate::cli::{Exit, Mode};
use crate::config::Action;
use crate::converge::{Due, Goal, Place};
use crate::event::Event;
use crate::health::{Episode, Health, Judge};
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::process::lock::Lock;
use crate::report::{self, Report, logger::Logger};
use crate::schedule::Schedule;
use crate::state::RUN;

/// Two signals within this time are one wish: timeout(1) and other wrappers signal their child and then its group.
const ONE_WISH: Duration = Duration::from_millis(10);

/// More checks in flight than this are a burst.
const BURST: usize = 32;

/// How long outcomes of a burst are gathered.
const BREATH: Duration = Duration::from_millis(1);

/// What a run is made of; everything that can fail at the start has been opened.
#[derive(Debug)]
pub struct Parts {
    /// Rounds for ever, or one.
    pub mode: Mode,
    /// Actions are logged instead of run.
    pub dry_run: bool,
    /// What is checked.
    pub checks: Arc<[Check]>,
    /// What is run.
    pub actions: Vec<Action>,
    /// From round to round.
    pub interval: Duration,
    /// For each command.
    pub action_timeout: Duration,
    /// Set for each command, beside what it is told.
    pub environment: Vec<(String, String)>,
    /// Runs the checks.
    pub pool: Pool,
    /// What is known, and where it is kept.
    pub ledger: Ledger,
    /// Keeps a second heartbeat out.
    pub lock: Lock,
    /// To be reopened.
    pub logger: Logger,
    /// Given to every command, to send its end.
    pub sender: Sender<Event>,
    /// All news: outcomes, ends of commands, signals.
    pub events: Receiver<Event>,
}

/// A run: what is known (judge, goal, episode), when the next round is due, and what is under way.
#[derive(Debug)]
pub struct Daemon {
    parts: Parts,
    judge: Judge,
    goal: Goal,
    schedule: Schedule,
    report: Report,
    round: u64,
    round_begun: Instant,
    round_told: bool,
    episode: Episode,
    command: Option<Running>,
    /// It has been killed, and is still there.
    is_stuck: bool,
    /// Since when it has been told to stop.
    stopping: Option<Instant>,
}

impl Daemon {
    /// A run that has yet to begin.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let ranks: Vec<usize> = parts.actions.iter().map(|a| a.demotion_rank).collect();
        let now = Instant::now();
        Self {
            judge: Judge::new(parts.checks.len()),
            goal: Goal::new(&ranks, &parts.ledger.state().applied),
            schedule: Schedule::new(now, parts.interval),
            report: Report::default(),
            round: 0,
            round_begun: now,
            round_told: false,
            episode: Episode::default(),
            command: None,
            is_stuck: false,
            stopping: None,
            parts,
        }
    }

    /// Runs until stopped, or for one round, and gives up the lock.
    #[must_use]
    pub fn run(mut self) -> Exit {
        self.parts.ledger.end_leftover();
        self.turn();
        let exit = self.exit();
        self.parts.lock.release();
        exit
    }

    /// The loop.
    fn turn(&mut self) {
        loop {
            if self.is_round_due() {
                self.begin_round();
            }
            self.start_what_is_due();
            if self.is_finished() {
                return;
            }
            // The channel never closes, as `self` holds a sender: no news means that time is up.
            let patience = self.patience();
            if let Ok(event) = self.parts.events.recv_timeout(patience) {
                self.take(event);
                self.take_more();
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Outcome(outcome) => self.take_outcome(&outcome),
            Event::Action(News::Ended(finished)) => self.take_finished(&finished),
            Event::Action(News::CannotBeKilled) => self.take_stuck(),
            Event::Signal(signal) => self.take_signal(signal),
        }
    }

    /// While outcomes pour in they are taken in handfuls: to be woken for each would cost as much as a check. What calls
    /// for a command is not left waiting.
    fn take_more(&mut self) {
        if self.goal.due().is_none() && self.parts.pool.in_flight() > BURST {
            thread::sleep(BREATH);
        }
        while self.goal.due().is_none()
            && let Ok(event) = self.parts.events.try_recv()
        {
            self.take(event);
        }
    }

    fn is_once(&self) -> bool {
        self.parts.mode == Mode::Once
    }

    fn is_round_due(&self) -> bool {
        let more = self.stopping.is_none() && (self.round == 0 || !self.is_once());
        more && self.schedule.wait(Instant::now()).is_zero()
    }

    fn is_finished(&self) -> bool {
        let done = self.stopping.is_some() || self.is_once() && self.judge.is_round_complete();
        done && (self.goal.running().is_none() || self.is_stuck)
    }

    /// How long there is nothing to do unless something happens.
    fn patience(&mut self) -> Duration {
        let next_round = if self.stopping.is_some() || self.is_once() {
            Duration::from_secs(3600)
        } else {
            self.schedule.wait(Instant::now())
        };
        let workers = self.parts.pool.press_on();
        workers.map_or(next_round, |wait| wait.min(next_round))
    }

    fn begin_round(&mut self) {
        let now = Instant::now();
        self.schedule.begun(now);
        self.round += 1;
        report::round_started(self.round);
        if self.judge.begin_round() {
            self.round_begun = now;
            self.round_told = false;
        }
        self.goal.begin_round();
        self.parts.pool.run_all();
        self.parts.ledger.retry();
        report::lock_restored(self.parts.lock.restore());
    }

    fn take_outcome(&mut self, outcome: &Outcome) {
        self.parts.pool.take_back(outcome.check);
        self.report
            .outcome(&self.parts.checks[outcome.check], outcome);
        if self.stopping.is_some() {
            return;
        }
        if let Err(failure) = &outcome.result {
            let name = &self.parts.checks[outcome.check].name;
            self.episode
                .enter(outcome.check, || format!("{name}: {failure}"));
        }
        let health = self.judge.record(outcome.check, outcome.result.is_ok());
        self.take_health(health);
        if self.judge.is_round_complete() && !self.round_told {
            self.round_told = true;
            let failed = self.judge.down().count();
            let took = self.round_begun.elapsed();
            report::round_complete(self.round, self.parts.checks.len(), failed, took);
        }
    }

    fn take_health(&mut self, health: Health) {
        let Some(place) = Place::wanted_for(health) else {
            return;
        };
        self.goal.want(place);
        let before = self.parts.ledger.state().health;
        if health != before {
            report::transition(before, health, &self.names(self.episode.failed()));
            self.parts.ledger.enter_health(health);
        }
        if health == Health::Healthy {
            self.episode = Episode::default();
        }
    }

    fn names(&self, checks: impl Iterator<Item = usize>) -> Vec<&str> {
        let name = |check: usize| self.parts.checks[check].name.as_str();
        checks.map(name).collect()
    }

    fn start_what_is_due(&mut self) {
        while let Some(due) = self.goal.due().filter(|_| self.stopping.is_none()) {
            let run = self.parts.ledger.name_run();
            let job = self.job(due, &run);
            let name = &self.parts.actions[due.action].name;
            self.goal.begin(due);
            if self.parts.dry_run {
                report::would_run(&job, due, name);
                self.goal.end(true);
            } else if self.parts.ledger.may_run(due, self.goal.applied(), &run) {
                self.start(job, due);
            } else {
                self.goal.end(false);
            }
        }
    }

    fn start(&mut self, job: Job, due: Due) {
        report::running(&job, due, &self.parts.actions[due.action].name);
        let sender = self.parts.sender.clone();
        let news = move |news| {
            // The loop is gone only when heartbeat is.
            let _ = sender.send(Event::Action(news));
        };
        match action::start(job, news) {
            Ok(running) => {
                self.command = Some(running);
            }
            Err(finished) => self.take_finished(&finished),
        }
    }

    /// A command that outlives SIGKILL keeps its place, as two at once would let the older one have the last word. Only
    /// heartbeat's own end does not wait for it.
    fn take_stuck(&mut self) {
        let due = self.goal.running();
        let name = due.map(|due| self.parts.actions[due.action].name.as_str());
        report::cannot_be_killed(name.unwrap_or_default());
        self.is_stuck = true;
    }

    fn take_finished(&mut self, finished: &Finished) {
        let Some(due) = self.goal.running() else {
            return;
        };
        let action = &self.parts.actions[due.action];
        report::finished(finished, action.command(due.place), due.place, &action.name);
        self.goal.end(finished.worked());
        self.command = None;
        self.is_stuck = false;
        self.parts.ledger.enter_applied(self.goal.applied());
    }

    /// A command and what it is told.
    fn job(&self, due: Due, run: &str) -> Job {
        let action = &self.parts.actions[due.action];
        let state = self.parts.ledger.state();
        let own = [
            ("STATE", state.health.to_string()),
            ("PREVIOUS", state.previous.to_string()),
            ("ACTION", action.name.clone()),
            ("FAILED", self.names(self.judge.down()).join("\n")),
            ("REASON", self.episode.cause().to_owned()),
        ];
        let own = own.map(|(name, value)| (format!("HEARTBEAT_{name}"), value));
        let run = (RUN.to_owned(), run.to_owned());
        Job {
            command: action.command(due.place).to_owned(),
            environment: self
                .parts
                .environment
                .iter()
                .cloned()
                .chain(own)
                .chain([run])
                .collect(),
            timeout: self.parts.action_timeout,
        }
    }

    fn take_signal(&mut self, signal: i32) {
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
        if signal == SIGHUP {
            report::reopened(name, self.parts.logger.reopen());
            return;
        }
        let Some(since) = self.stopping else {
            info!("Received {name}. Stopping.");
            self.parts.pool.abandon();
            self.stopping = Some(Instant::now());
            return;
        };
        if since.elapsed() > ONE_WISH
            && let Some(command) = &self.command
        {
            info!("Received {name} again. Killing the running command.");
            command.interrupt();
        }
    }

    fn exit(&self) -> Exit {
        if !self.is_once() {
            info!("Heartbeat stopped ({}). Goodbye.", std::process::id());
            return Exit::Good;
        }
        // Stopped before there was a verdict, 0 would be taken for one.
        let verdict = match self.judge.health() {
            Health::Healthy => Exit::Good,
            Health::Unhealthy => Exit::Unhealthy,
            Health::Unknown => Exit::Failed,
        };
        if self.stopping.is_none() {
            info!("One-time run-through complete. Goodbye.");
        }
        if self.goal.is_reached() && self.parts.ledger.is_kept() {
            return verdict;
        }
        Exit::Failed
    }
}
