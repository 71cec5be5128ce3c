//! What is known and wanted, kept in the state file step by step.

use std::io;

use log::error;

use crate::converge::{Due, Place};
use crate::file::reason;
use crate::group::Process;
use crate::health::Health;
use crate::state::{State, StateFile};

/// The state and its file. In a rehearsal the file is left alone.
#[derive(Debug)]
pub struct Ledger {
    file: StateFile,
    state: State,
    is_rehearsal: bool,
    is_kept: bool,
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

    /// A verdict that differs from the last one.
    pub fn enter_health(&mut self, health: Health) {
        self.state.previous = self.state.health;
        self.state.health = health;
        self.save();
    }

    /// A command has been started. Should we die, the next run must not start a second one beside it.
    pub fn enter_running(&mut self, pid: i32) {
        self.state.running = Process::of(pid);
        self.save();
    }

    /// The command has ended; `applied` is what has been applied now.
    pub fn enter_applied(&mut self, applied: Vec<Option<Place>>) {
        self.state.running = None;
        self.state.applied = applied;
        self.save();
    }

    /// The command that an earlier run has left running.
    pub fn take_leftover(&mut self) -> Option<Process> {
        self.state
            .running
            .take()
            .filter(|process| process.is_alive())
    }

    /// A command is about to run, `applied` no longer says where its action's node is. Gives whether the file does not
    /// either. If neither writing nor removing it works, a demotion may run all the same: at worst it will be run
    /// again. A promotion may not: a file that went on saying "demoted" would make the next run believe a node to be
    /// out that is in.
    pub fn may_run(&mut self, due: Due, applied: Vec<Option<Place>>) -> bool {
        self.state.applied = applied;
        if self.save() || self.file.forget().is_ok() || due.place == Place::Demoted {
            return true;
        }
        error!("No promotion is run while the state file can be neither written nor removed.");
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
