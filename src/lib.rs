//! heartbeat watches the services that a node depends on, and takes the node into and out of rotation by running
//! promotion and demotion commands when their health changes. The node's place is a goal to reach, not an event to
//! fire: what is wanted and what has been applied are two things, and a command is run until it has worked.
//!
//! # What to read first
//!
//! 1. [`daemon`]: THE loop. One channel ([`event`]) brings all news; everything else is a call away.
//! 2. The rules it feeds, pure values in and out: [`health`] (outcomes to a verdict), [`converge`] (wanted and applied
//!    to the command that is due), [`schedule`] (when the next round is).
//! 3. What touches the world for it: [`check`] (one file per kind), [`pool`] (who runs them), [`action`] (one command),
//!    [`state`] (what outlives a run), [`report`] (every line of the log).
//! 4. How it gets that far: [`start`], a checklist over [`cli`], [`config`] and [`process`].
//!
//! # Who may know whom
//!
//! Arrows point down, and a test holds it:
//!
//! ```text
//! main, start
//!   daemon
//!     report        state        pool        action
//!       config        event: what pool and action tell the daemon
//!         check    converge    health    schedule
//!           settings    file    group
//! ```
//!
//! Checks never log, the pure part never looks at a clock, and only [`pool`] knows rayon.

pub mod action;
pub mod check;
pub mod cli;
pub mod config;
pub mod converge;
pub mod daemon;
pub mod event;
pub mod file;
pub mod group;
pub mod health;
pub mod pool;
pub mod process;
pub mod report;
pub mod schedule;
pub mod settings;
pub mod start;
pub mod state;
