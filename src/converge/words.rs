//! What is said of places, and to the goal.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::health::Health;

/// Where the node can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Out of rotation.
    Demoted,
    /// In rotation.
    Promoted,
}

impl Place {
    /// The place that a health calls for; `None` while nothing is known.
    #[must_use]
    pub fn wanted_for(health: Health) -> Option<Self> {
        match health {
            Health::Unknown => None,
            Health::Healthy => Some(Self::Promoted),
            Health::Unhealthy => Some(Self::Demoted),
        }
    }

    /// The name of the command that leads there: `promotion` or `demotion`.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::Promoted => "promotion",
            Self::Demoted => "demotion",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Promoted => "promoted",
            Self::Demoted => "demoted",
        })
    }
}

/// What the operator has said, over the verdicts' heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Nothing: the verdicts decide.
    #[default]
    None,
    /// Out of rotation, whatever the verdicts.
    Drain,
    /// No command at all.
    Hold,
}

/// What is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The guard: may the actions of this scope be demoted?
    Guard(usize),
    /// An action's command.
    Command {
        /// The action, by its place in the configuration.
        action: usize,
        /// Where its command leads.
        place: Place,
    },
}

/// What a guard has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Demote; also that of a guard that is broken.
    Go,
    /// Not now.
    Hold,
}

/// A place that was reached, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Whose command has worked.
    pub place: Place,
    /// When it ended.
    pub at: Moment,
    /// It was demoted by an order, without asking the guard. If the checks still want it out after the order has ended, the
    /// guard must be asked then.
    #[serde(default)]
    pub by_order: bool,
}

/// An action, as a goal sees it.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The scope whose verdict it follows.
    pub scope: usize,
    /// Its place in the order of `[demotions]`; that in the order of `[promotions]` is its own.
    pub demotion_rank: usize,
    /// What is known of it.
    pub applied: Option<Applied>,
    /// How often an earlier run has begun its command since this place was wanted.
    pub tried: Option<(Place, u32)>,
}

/// How the actions are brought to their places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// There is a guard to be asked before demotions.
    pub is_guarded: bool,
    /// What was applied this long ago is applied again.
    pub reassert: Option<Duration>,
}
