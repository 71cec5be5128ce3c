//! What the loop waits for: one channel, three kinds of news.

use crate::action::Finished;
use crate::check::Outcome;

/// News for the loop.
#[derive(Debug)]
pub enum Event {
    /// A check has answered.
    Outcome(Outcome),
    /// The running command has ended.
    ActionDone(Finished),
    /// A signal has come, by its number.
    Signal(i32),
}
