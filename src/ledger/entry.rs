//! What the state says of one thing.

use std::time::Duration;

use crate::action::Finished;
use crate::check::Check;
use crate::clock::Moment;
use crate::config::Action;
use crate::decision::Verdict;
use crate::state::{ActionState, CheckState, Judged, Ran, fingerprint};

/// A check that has not answered.
pub fn blank(check: &Check, now: Moment) -> CheckState {
    CheckState {
        name: check.name.clone(),
        probe: check.identity.clone(),
        kind: check.kind.to_owned(),
        endpoint: check.endpoint.clone(),
        rise: check.thresholds.rise,
        fall: check.thresholds.fall,
        since: now,
        ..CheckState::default()
    }
}

/// An action of which nothing is known.
pub fn idle(action: &Action, now: Moment) -> ActionState {
    ActionState {
        name: action.name.clone(),
        commands: fingerprint(action),
        verdict: Judged::unknown(now),
        ..ActionState::default()
    }
}

/// A command that has just ended.
pub fn ran(what: &str, finished: &Finished) -> Ran {
    Ran {
        what: what.to_owned(),
        at: Moment::now(),
        took: microseconds(finished.took),
        status: finished.ending.to_string(),
        worked: finished.worked(),
        output: finished.output.clone(),
    }
}

/// As the file has them.
pub fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Judged {
    /// Nothing has been decided.
    #[must_use]
    pub fn unknown(now: Moment) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }
}

impl From<&Verdict> for Judged {
    fn from(verdict: &Verdict) -> Self {
        Self {
            health: verdict.health,
            previous: verdict.previous,
            since: verdict.since,
        }
    }
}

impl From<Judged> for Verdict {
    fn from(judged: Judged) -> Self {
        Self {
            health: judged.health,
            previous: judged.previous,
            since: judged.since,
            ..Self::default()
        }
    }
}
