//! Commands: what they are told, and what their ends change.

use super::Daemon;
use crate::action::Finished;
use crate::clock::Moment;
use crate::converge::{Answer, Due};
use crate::health::SYSTEM;
use crate::maintenance::Kind;
use crate::runner::{Context, Task};

impl Daemon {
    pub(super) fn start_what_is_due(&mut self) {
        while let Some(due) = self.due() {
            let run = self.parts.ledger.name_run();
            let context = self.context(due, run.clone());
            self.parts.decision.begin(due);
            if !self.parts.ledger.may_run(due, &self.parts.decision, &run) {
                self.parts.decision.end(false, Moment::now());
                continue;
            }
            if let Some((task, finished)) = self.parts.runner.start(due, context) {
                self.settle(&task, &finished);
            }
            if self.parts.dry_run {
                self.parts.decision.end(true, Moment::now());
                self.parts.decision.answer(Answer::Go);
            }
        }
    }

    /// What a command is told.
    fn context(&self, due: Due, run: String) -> Context {
        let decision = &self.parts.decision;
        let scope = match due {
            Due::Guard(scope) => scope,
            Due::Command { action, .. } => decision.scope_of(action),
        };
        let verdict = decision.verdict(scope);
        let drain = self.in_force.as_ref().filter(|m| m.kind == Kind::Drain);
        let cause = verdict.episode.cause().to_owned();
        // What stands over the verdict comes after it, too.
        let (state, previous, reason) = match drain {
            _ if self.is_leaving => ("stopping", verdict.health, "heartbeat stops".to_owned()),
            Some(drain) => (drain.kind.state(), verdict.health, drain.to_string()),
            None => (verdict.health.name(), verdict.previous, cause),
        };
        Context {
            state: state.to_owned(),
            previous: previous.to_string(),
            failed: self.names(decision.judge().down(scope)).join("\n"),
            reason,
            run,
            subject: self.subject(scope).map(str::to_owned),
        }
    }

    pub(super) fn take_finished(&mut self, finished: &Finished) {
        if let Some(task) = self.parts.runner.take(finished) {
            self.settle(&task, finished);
        }
    }

    /// Enters what has come of a command.
    fn settle(&mut self, task: &Task, finished: &Finished) {
        let parts = &mut self.parts;
        if let (Some(place), Some(name)) = (task.place, &task.name) {
            parts.decision.end(finished.worked(), Moment::now());
            let commands = &task.commands;
            parts.ledger.enter_command(name, place, finished, commands);
        } else {
            parts.decision.answer(Task::answer(finished));
            parts.ledger.enter_guard(finished);
        }
        self.save();
    }

    /// The action that a scope is of; `None`: it is the system's.
    pub(super) fn subject(&self, scope: usize) -> Option<&str> {
        let action = self.parts.decision.followers(scope).next();
        let action = action.filter(|_| scope != SYSTEM)?;
        Some(&self.parts.runner.actions()[action].name)
    }

    pub(super) fn names(&self, checks: impl Iterator<Item = usize>) -> Vec<&str> {
        let name = |check: usize| self.parts.config.checks[check].name.as_str();
        checks.map(name).collect()
    }
}
