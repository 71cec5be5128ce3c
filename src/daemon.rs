//! THE loop, and one-shot on the same pieces.
//!
//! One channel brings all news: outcomes, the end of a command, signals. The loop waits on it until the next round is
//! due, feeds the pure parts (`health`, `converge`, `schedule`) and starts what they call for. It alone speaks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use log::{error, info, warn};
use signal_hook::consts::SIGHUP;

use crate::action::{self, Finished, GRACE, Job, Running};
use crate::check::{Check, Outcome};
use crate::cli::{Exit, Mode};
use crate::config::Action;
use crate::converge::{Due, Goal, Place};
use crate::event::Event;
use crate::file::reason;
use crate::group::Process;
use crate::health::{Health, Judge};
use crate::pool::Pool;
use crate::report::{self, Report, logger::Logger};
use crate::schedule::Schedule;
use crate::state::{State, StateFile};

/// Two signals within this time are one wish: timeout(1) and other wrappers signal their child and then its group.
const ONE_WISH: Duration = Duration::from_millis(10);

/// More checks in flight than this are a burst.
const BURST: usize = 32;

/// How long outcomes of a burst are gathered.
const BREATH: Duration = Duration::from_micros(250);

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
    /// Where the state is kept.
    pub file: StateFile,
    /// What the last run has left; a daemon knows nothing.
    pub state: State,
    /// To be reopened.
    pub logger: Logger,
    /// For the ends of commands.
    pub sender: Sender<Event>,
    /// All news.
    pub events: Receiver<Event>,
}

/// A run.
#[derive(Debug)]
pub struct Daemon {
    parts: Parts,
    judge: Judge,
    goal: Goal,
    schedule: Schedule,
    report: Report,
    /// Checks that are with a worker, or wait for one.
    in_flight: Vec<bool>,
    in_flight_now: usize,
    round: u64,
    round_begun: Instant,
    round_told: bool,
    /// Checks that have failed since all were up.
    unwell: BTreeSet<usize>,
    /// The first failure since all were up.
    cause: String,
    command: Option<Running>,
    /// Since when it has been told to stop.
    stopping: Option<Instant>,
    state_kept: bool,
}

impl Daemon {
    /// A run that has yet to begin.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let ranks: Vec<usize> = parts.actions.iter().map(|a| a.demotion_rank).collect();
        let now = Instant::now();
        Self {
            judge: Judge::new(parts.checks.len()),
            goal: Goal::new(&ranks, &parts.state.applied),
            schedule: Schedule::new(now, parts.interval),
            report: Report::default(),
            in_flight: vec![false; parts.checks.len()],
            in_flight_now: 0,
            round: 0,
            round_begun: now,
            round_told: false,
            unwell: BTreeSet::new(),
            cause: String::new(),
            command: None,
            stopping: None,
            state_kept: true,
            parts,
        }
    }

    /// Runs until stopped, or for one round.
    #[must_use]
    pub fn run(mut self) -> Exit {
        self.end_leftover();
        loop {
            if self.is_round_due() {
                self.begin_round();
            }
            self.start_what_is_due();
            if self.is_finished() {
                return self.exit();
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
            Event::ActionDone(finished) => self.take_finished(&finished),
            Event::Signal(signal) => self.take_signal(signal),
        }
    }

    /// While outcomes pour in they are taken in handfuls: to be woken for each would cost as much as a check. What calls
    /// for a command is not left waiting.
    fn take_more(&mut self) {
        if self.in_flight_now > BURST {
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
        done && self.goal.running().is_none()
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
        self.round_begun = now;
        self.round_told = false;
        report::round_started(self.round);
        self.judge.begin_round();
        self.goal.begin_round();
        let idle = |check: &usize| !self.in_flight[*check];
        let due: Vec<usize> = (0..self.in_flight.len()).filter(idle).collect();
        for check in &due {
            self.in_flight[*check] = true;
        }
        self.in_flight_now += due.len();
        self.parts.pool.run(&due);
    }

    fn take_outcome(&mut self, outcome: &Outcome) {
        self.in_flight[outcome.check] = false;
        self.in_flight_now -= 1;
        self.report
            .outcome(&self.parts.checks[outcome.check], outcome);
        if self.stopping.is_some() {
            return;
        }
        if let Err(failure) = &outcome.result {
            if self.unwell.is_empty() {
                let name = &self.parts.checks[outcome.check].name;
                self.cause = format!("{name}: {failure}");
            }
            self.unwell.insert(outcome.check);
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
        let before = self.parts.state.health;
        if health != before {
            report::transition(before, health, &self.names(&self.unwell));
            self.parts.state.previous = before;
            self.parts.state.health = health;
            self.save();
        }
        if health == Health::Healthy {
            self.unwell.clear();
            self.cause.clear();
        }
    }

    fn names(&self, checks: &BTreeSet<usize>) -> Vec<&str> {
        let name = |check: &usize| self.parts.checks[*check].name.as_str();
        checks.iter().map(name).collect()
    }

    fn start_what_is_due(&mut self) {
        while let Some(due) = self.goal.due().filter(|_| self.stopping.is_none()) {
            let job = self.job(due);
            let name = &self.parts.actions[due.action].name;
            self.goal.begin(due);
            if self.parts.dry_run {
                report::would_run(&job, due, name);
                self.goal.end(true);
            } else if self.is_forgotten(due) {
                self.start(&job, due);
            } else {
                self.goal.end(false);
            }
        }
    }

    fn start(&mut self, job: &Job, due: Due) {
        report::running(job, due, &self.parts.actions[due.action].name);
        let sender = self.parts.sender.clone();
        let done = move |finished| {
            // The loop is gone only when heartbeat is.
            let _ = sender.send(Event::ActionDone(finished));
        };
        match action::start(job, done) {
            Ok(running) => {
                // Should we die, the next run must not start a second command beside this one.
                self.parts.state.running = Process::of(running.pid);
                self.command = Some(running);
                self.save();
            }
            Err(finished) => self.take_finished(&finished),
        }
    }

    fn take_finished(&mut self, finished: &Finished) {
        let Some(due) = self.goal.running() else {
            return;
        };
        let action = &self.parts.actions[due.action];
        report::finished(finished, action.command(due.place), due.place, &action.name);
        self.goal.end(finished.worked());
        self.command = None;
        self.parts.state.running = None;
        self.save();
    }

    /// What a command is told (DESIGN: a command's environment).
    fn job(&self, due: Due) -> Job {
        let action = &self.parts.actions[due.action];
        let down: BTreeSet<usize> = self.judge.down().collect();
        let own = [
            ("STATE", self.parts.state.health.to_string()),
            ("PREVIOUS", self.parts.state.previous.to_string()),
            ("ACTION", action.name.clone()),
            ("FAILED", lines(&self.names(&down))),
            ("REASON", self.cause.clone()),
        ];
        let own = own.map(|(name, value)| (format!("HEARTBEAT_{name}"), value));
        Job {
            command: action.command(due.place).to_owned(),
            environment: self.parts.environment.iter().cloned().chain(own).collect(),
            timeout: self.parts.action_timeout,
        }
    }

    /// Whether the state file no longer says where this action's node is. If neither writing nor removing it works, a
    /// demotion is run all the same: at worst it will be run again. A promotion is not: a file that went on saying
    /// "demoted" would make the next run believe a node to be out that is in.
    fn is_forgotten(&mut self, due: Due) -> bool {
        if self.save() || self.parts.file.forget().is_ok() || due.place == Place::Demoted {
            return true;
        }
        error!("No promotion is run while the state file can be neither written nor removed.");
        false
    }

    /// Writes the state; the first of several failures is told.
    fn save(&mut self) -> bool {
        if self.parts.dry_run {
            return true;
        }
        self.parts.state.applied = self.goal.applied();
        let result = self.parts.file.save(&self.parts.state);
        if let Err(error) = &result
            && self.state_kept
        {
            error!("The state could not be kept: {}.", reason(error));
        }
        self.state_kept = result.is_ok();
        result.is_ok()
    }

    /// A command that outlived the heartbeat that started it is ended before another one is run.
    fn end_leftover(&mut self) {
        let leftover = self.parts.state.running.take();
        if let Some(process) = leftover.filter(|process| !self.parts.dry_run && process.is_alive())
        {
            warn!(
                "Ending the command that an earlier run has left ({}).",
                process.pid
            );
            process.end_group(GRACE);
        }
    }

    fn take_signal(&mut self, signal: i32) {
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
        if signal == SIGHUP {
            match self.parts.logger.reopen() {
                Ok(()) => info!("Received {name}. Log reopened."),
                Err(error) => error!(
                    "Received {name}. The log cannot be reopened: {}.",
                    reason(&error)
                ),
            }
            return;
        }
        let Some(since) = self.stopping else {
            info!("Received {name}. Stopping.");
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

    fn exit(self) -> Exit {
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
        info!("One-time run-through complete. Goodbye.");
        if self.goal.is_reached() && self.state_kept {
            return verdict;
        }
        Exit::Failed
    }
}

/// Names, one a line, as many as fit where Linux takes no variable of 128 KiB.
fn lines(names: &[&str]) -> String {
    const LONGEST: usize = 64 * 1024;
    let mut text = String::new();
    for name in names {
        if text.len() + name.len() > LONGEST {
            break;
        }
        text.push_str(name);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}
