//! Runs what is due, one command at a time: what it is told, and what is said of it.

use std::sync::mpsc::Sender;
use std::time::Duration;

use log::info;

use crate::action::{self, Ending, Finished, GRACE, Job, Running};
use crate::config::{Action, Config};
use crate::converge::{Answer, Due, Place};
use crate::event::Event;
use crate::report;
use crate::state::{RUN, fingerprint};

/// What a command is told, beside its name.
#[derive(Debug)]
pub struct Context {
    /// `HEARTBEAT_STATE`
    pub state: String,
    /// `HEARTBEAT_PREVIOUS`
    pub previous: String,
    /// `HEARTBEAT_FAILED`
    pub failed: String,
    /// `HEARTBEAT_REASON`
    pub reason: String,
    /// `HEARTBEAT_RUN`
    pub run: String,
    /// The only action that a guard is asked about; `None`: all.
    pub subject: Option<String>,
}

/// What a command is for. It outlives a reload, after which its action may be another one, or gone.
#[derive(Debug, Clone)]
pub struct Task {
    /// The action's name; that of a guard's only subject.
    pub name: Option<String>,
    /// Where it leads; `None`: it is the guard.
    pub place: Option<Place>,
    /// By what the action's commands are known again.
    pub commands: String,
    command: String,
}

impl Task {
    /// What the guard's end means. One that is broken must not keep a dead service in rotation, and one that was killed may
    /// have taken what a promotion gives back.
    #[must_use]
    pub fn answer(finished: &Finished) -> Answer {
        match finished.ending {
            Ending::Exited(1) => Answer::Hold,
            _ => Answer::Go,
        }
    }
}

/// Starts commands, and follows the one that runs.
#[derive(Debug)]
pub struct Runner {
    actions: Vec<Action>,
    guard: String,
    timeout: Duration,
    is_rehearsal: bool,
    /// Given to every command, to send its end.
    events: Sender<Event>,
    running: Option<(Task, Running)>,
    /// It has been killed, and is still there.
    is_stuck: bool,
    /// What the guard was asked about when it held last.
    held: Vec<Option<String>>,
}

impl Runner {
    /// One for the actions of a configuration.
    #[must_use]
    pub fn new(config: &Config, events: Sender<Event>, is_rehearsal: bool) -> Self {
        let mut runner = Self {
            actions: Vec::new(),
            guard: String::new(),
            timeout: Duration::ZERO,
            is_rehearsal,
            events,
            running: None,
            is_stuck: false,
            held: Vec::new(),
        };
        runner.change(config);
        runner
    }

    /// Other commands from here on; what runs goes on.
    pub fn change(&mut self, config: &Config) {
        self.actions.clone_from(&config.actions);
        self.guard = config.general.demotion_guard.clone().unwrap_or_default();
        self.timeout = config.general.action_timeout;
    }

    /// The actions, in the order of the configuration.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Starts what is due; its end will be an event. In a rehearsal it is only told. Gives what could not be started, and
    /// has ended by that.
    pub fn start(&mut self, due: Due, context: Context) -> Option<(Task, Finished)> {
        let task = self.task(due, &context);
        let job = self.job(&task, context);
        match (task.place, &task.name) {
            (Some(place), Some(name)) => report::running(&job, place, name, self.is_rehearsal),
            (_, subject) => {
                let was_held = self.held.contains(subject);
                report::asking(&job, subject.as_deref(), was_held, self.is_rehearsal);
            }
        }
        if self.is_rehearsal {
            return None;
        }
        let events = self.events.clone();
        let news = move |news| {
            // The loop is gone only when heartbeat is.
            let _ = events.send(Event::Action(news));
        };
        match action::start(job, news) {
            Ok(running) => {
                self.running = Some((task, running));
                None
            }
            Err(finished) => {
                self.say(&task, &finished);
                Some((task, finished))
            }
        }
    }

    fn task(&self, due: Due, context: &Context) -> Task {
        match due {
            Due::Guard(_) => Task {
                name: context.subject.clone(),
                place: None,
                commands: String::new(),
                command: self.guard.clone(),
            },
            Due::Command { action, place } => {
                let action = &self.actions[action];
                Task {
                    name: Some(action.name.clone()),
                    place: Some(place),
                    commands: fingerprint(action),
                    command: action.command(place).to_owned(),
                }
            }
        }
    }

    fn job(&self, task: &Task, context: Context) -> Job {
        let own = [
            ("HEARTBEAT_STATE", context.state),
            ("HEARTBEAT_PREVIOUS", context.previous),
            ("HEARTBEAT_ACTION", task.name.clone().unwrap_or_default()),
            ("HEARTBEAT_FAILED", context.failed),
            ("HEARTBEAT_REASON", context.reason),
            (RUN, context.run),
        ];
        Job {
            command: task.command.clone(),
            environment: own.map(|(name, value)| (name.to_owned(), value)).into(),
            timeout: self.timeout,
            grace: GRACE,
        }
    }

    /// The verdict has changed: what the guard says next of this subject is news, whatever it said before.
    pub fn forget_hold(&mut self, subject: Option<&str>) {
        self.held.retain(|held| held.as_deref() != subject);
    }

    /// The command has ended: says so, and gives what it was for.
    pub fn take(&mut self, finished: &Finished) -> Option<Task> {
        let (task, _) = self.running.take()?;
        self.is_stuck = false;
        self.say(&task, finished);
        Some(task)
    }

    /// What is said of the end of a command.
    fn say(&mut self, task: &Task, finished: &Finished) {
        if let (Some(place), Some(name)) = (task.place, &task.name) {
            report::finished(finished, &task.command, place, name);
            return;
        }
        let was_held = self.held.contains(&task.name);
        report::guard(finished, &task.command, task.name.as_deref(), was_held);
        self.held.retain(|name| *name != task.name);
        if Task::answer(finished) == Answer::Hold {
            self.held.push(task.name.clone());
        }
    }

    /// The command outlives SIGKILL. It keeps its place, as two at once would let the older one have the last word; only
    /// heartbeat's own end does not wait for it.
    pub fn take_stuck(&mut self) {
        if let Some((task, _)) = &self.running {
            report::cannot_be_killed(task.place.and(task.name.as_deref()));
        }
        self.is_stuck = true;
    }

    /// Whether there is a command whose end heartbeat's own end must wait for.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.running.is_some() && !self.is_stuck
    }

    /// Kills the running command, if there is one.
    pub fn interrupt(&self) {
        if let Some((_, running)) = &self.running {
            info!("Killing the running command.");
            running.interrupt();
        }
    }
}
