//! What is known and wanted, kept in the state file step by step.

use std::io;
use std::time::UNIX_EPOCH;

use log::{error, info, warn};

use crate::action::GRACE;
use crate::converge::{Due, Place};
use crate::file::reason;
use crate::group;
use crate::health::Health;
use crate::state::{RUN, State, StateFile};

/// The state and its file. In a rehearsal the file is left alone.
#[derive(Debug)]
pub struct Ledger {
    file: StateFile,
    state: State,
    is_rehearsal: bool,
    is_kept: bool,
    /// When this heartbeat began, and how many runs of commands it has named.
    begun: u128,
    runs: u64,
}

impl Ledger {
    /// Begins with what the last run has left.
    #[must_use]
    pub fn new(file: StateFile, state: State, is_rehearsal: bool) -> Self {
        Self {
            file,
            state,
            is_rehearsal,
            is_kept: true,
            begun: UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos()),
            runs: 0,
        }
    }

    /// What is known.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether the file says what is known.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Tries again to write what could not be written, and says when that has worked.
    pub fn retry(&mut self) {
        if !self.is_kept && self.save() {
            info!("The state is kept again.");
        }
    }

    /// A verdict that differs from the last one.
    pub fn enter_health(&mut self, health: Health) {
        self.state.previous = self.state.health;
        self.state.health = health;
        self.save();
    }

    /// The command has ended; `applied` is what has been applied now.
    pub fn enter_applied(&mut self, applied: Vec<Option<Place>>) {
        self.state.running = None;
        self.state.applied = applied;
        self.save();
    }

    /// Ends the command that an earlier heartbeat has left running, before another one is run. Takes as long as a command
    /// may that is told to end.
    pub fn end_leftover(&mut self) {
        if self.is_rehearsal {
            return;
        }
        let run = self.state.running.take().map(|run| format!("{RUN}={run}"));
        if let Some(leftover) = run.and_then(|run| group::leader_with(&run)) {
            warn!("Ending the command that an earlier run has left ({leftover}).");
            group::end(leftover, GRACE);
        }
    }

    /// A name for one run of a command that no other run has, of this or another heartbeat.
    pub fn name_run(&mut self) -> String {
        self.runs += 1;
        format!("{}-{}-{}", std::process::id(), self.begun, self.runs)
    }

    /// A command is about to run, as `run`, and `applied` no longer says where its action's node is: should we die, the
    /// next heartbeat will run it again, but not beside this one. Gives whether it may run. If the file can be neither
    /// written, removed nor emptied, a demotion may: at worst the next one-shot believes a node to be in that is out. A
    /// promotion may not: it would believe a node to be out that is in.
    pub fn may_run(&mut self, due: Due, applied: Vec<Option<Place>>, run: &str) -> bool {
        self.state.applied = applied;
        self.state.running = Some(run.to_owned());
        if self.save() || self.file.forget().is_ok() || due.place == Place::Demoted {
            return true;
        }
        error!("No promotion is run while the state file can be neither written nor removed.");
        self.state.running = None;
        false
    }

    /// Writes the state; the first of several failures is told.
    fn save(&mut self) -> bool {
        if self.is_rehearsal {
            return true;
        }
        let result = self.file.save(&self.state);
        if let Err(error) = &result {
            self.tell(error);
        }
        self.is_kept = result.is_ok();
        self.is_kept
    }

    fn tell(&self, error: &io::Error) {
        if self.is_kept {
            error!("The state could not be kept: {}.", reason(error));
        }
    }
}
