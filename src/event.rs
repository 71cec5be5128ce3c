//! What the loop waits for: one channel, three kinds of news.

use std::time::Instant;

use crate::action::News;
use crate::check::Outcome;

/// News for the loop.
#[derive(Debug)]
pub enum Event {
    /// A check has answered.
    Outcome(Outcome),
    /// Something has become of the running command.
    Action(News),
    /// A signal has come, by its number, and when.
    Signal(i32, Instant),
}
