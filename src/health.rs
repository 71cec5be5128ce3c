//! Outcomes to health: pure. Values in, values out; no clock, no log.
//!
//! The system is unhealthy as soon as one check is down, and healthy when a round is complete and all are up. Until
//! either is the case, nothing changes.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What is known of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Nothing has been decided yet.
    #[default]
    Unknown,
    /// All checks are up.
    Healthy,
    /// At least one check is down.
    Unhealthy,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// What is known of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Up,
    Down,
}

/// Follows the outcomes of all checks.
#[derive(Debug)]
pub struct Judge {
    standings: Vec<Standing>,
    /// Checks that have not answered since all had.
    awaited: Vec<bool>,
    /// How many of either, so that an outcome need not count a thousand checks.
    down_now: usize,
    awaited_now: usize,
    health: Health,
}

impl Judge {
    /// A judge of `checks` checks, none of which has answered.
    #[must_use]
    pub fn new(checks: usize) -> Self {
        Self {
            standings: vec![Standing::Unknown; checks],
            awaited: vec![false; checks],
            down_now: 0,
            awaited_now: 0,
            health: Health::Unknown,
        }
    }

    /// A round begins: every check is awaited anew, if all have answered. While some are slower than the interval, the
    /// round before goes on: two slow ones would otherwise never answer in the same one. Gives whether it is a new one.
    pub fn begin_round(&mut self) -> bool {
        if self.awaited_now > 0 {
            return false;
        }
        self.awaited.fill(true);
        self.awaited_now = self.awaited.len();
        true
    }

    /// Takes the outcome of a check and gives the health after it.
    pub fn record(&mut self, check: usize, up: bool) -> Health {
        let standing = if up { Standing::Up } else { Standing::Down };
        let before = std::mem::replace(&mut self.standings[check], standing);
        self.down_now -= usize::from(before == Standing::Down);
        self.down_now += usize::from(!up);
        self.awaited_now -= usize::from(std::mem::take(&mut self.awaited[check]));
        if self.down_now > 0 {
            self.health = Health::Unhealthy;
        } else if self.is_round_complete() {
            self.health = Health::Healthy;
        }
        self.health
    }

    /// The newest verdict.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// Whether every check has answered in this round.
    #[must_use]
    pub fn is_round_complete(&self) -> bool {
        self.awaited_now == 0
    }

    /// The checks that are down, in the order of the file.
    pub fn down(&self) -> impl Iterator<Item = usize> {
        let standings = self.standings.iter().enumerate();
        standings.filter_map(|(check, standing)| (*standing == Standing::Down).then_some(check))
    }
}

/// What has failed since all checks were up, for whoever asks why.
#[derive(Debug, Default)]
pub struct Episode {
    failed: BTreeSet<usize>,
    cause: String,
}

impl Episode {
    /// A check has failed; `cause` says how, and is kept if it is the first.
    pub fn enter(&mut self, check: usize, cause: impl FnOnce() -> String) {
        if self.failed.is_empty() {
            self.cause = cause();
        }
        self.failed.insert(check);
    }

    /// The checks that have failed, in the order of the file.
    pub fn failed(&self) -> impl Iterator<Item = usize> {
        self.failed.iter().copied()
    }

    /// The first failure; empty while all are up.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Plays outcomes such as `a+ b- |` (`|` begins a round) and lists the health after each outcome.
    fn play(checks: usize, script: &str) -> String {
        let mut judge = Judge::new(checks);
        let mut seen = Vec::new();
        for word in script.split(' ') {
            let Some(check) = word.bytes().next().filter(u8::is_ascii_lowercase) else {
                judge.begin_round();
                continue;
            };
            let health = judge.record(usize::from(check - b'a'), word.ends_with('+'));
            seen.push(health.to_string());
        }
        seen.join(" ")
    }

    #[test]
    fn a_promotion_waits_for_the_slowest_check() {
        assert_eq!(play(2, "| a+ b+"), "unknown healthy");
        assert_eq!(
            play(2, "| a+ b+ | a+ b+"),
            "unknown healthy healthy healthy"
        );
    }

    #[test]
    fn a_demotion_does_not_wait() {
        assert_eq!(play(2, "| a- b+"), "unhealthy unhealthy");
        assert_eq!(
            play(2, "| a+ b+ | a- b+"),
            "unknown healthy unhealthy unhealthy"
        );
    }

    #[test]
    fn all_must_be_up_in_the_same_round() {
        assert_eq!(
            play(2, "| a- b+ | a+ b+"),
            "unhealthy unhealthy unhealthy healthy"
        );
        assert_eq!(
            play(2, "| a- b+ | a+ | a- b+"),
            "unhealthy unhealthy unhealthy unhealthy unhealthy"
        );
    }

    #[test]
    fn a_round_lasts_until_the_slowest_has_answered() {
        assert_eq!(play(2, "| a+ | a+ b+"), "unknown unknown healthy");
        assert_eq!(
            play(2, "| a+ | b+ | a+ | b+"),
            "unknown healthy healthy healthy"
        );
        assert_eq!(
            play(3, "| a+ b+ | a+ b- | c+ | a+ b+ c+"),
            "unknown unknown unknown unhealthy unhealthy unhealthy unhealthy healthy"
        );
    }

    proptest! {
        /// Health follows from nothing but the newest outcome of each check, once all have answered in a round.
        #[test]
        fn complete_rounds_decide(rounds in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 1..6)) {
            let mut judge = Judge::new(3);
            for round in rounds {
                judge.begin_round();
                let healths: Vec<_> = round.iter().enumerate().map(|(check, up)| judge.record(check, *up)).collect();
                let expected = if round.contains(&false) { Health::Unhealthy } else { Health::Healthy };
                prop_assert_eq!(healths[2], expected);
                prop_assert!(judge.is_round_complete());
                prop_assert_eq!(judge.down().count(), round.iter().filter(|up| !**up).count());
                prop_assert_eq!(judge.down().count(), judge.down_now);
            }
        }

        /// However slow some are, and though a round begins between any two answers: once all are up and have said so
        /// twice, the system is healthy.
        #[test]
        fn checks_that_are_up_make_it_healthy(
            before in prop::collection::vec((0..4_usize, any::<bool>()), 0..20),
            order in Just([0, 1, 2]).prop_shuffle(),
        ) {
            let mut judge = Judge::new(3);
            // The fourth is no check: there a round begins.
            for (check, up) in before {
                match check {
                    3 => { judge.begin_round(); }
                    _ => { judge.record(check, up); }
                }
            }
            for check in order.into_iter().chain(order) {
                judge.record(check, true);
                judge.begin_round();
            }
            prop_assert_eq!(judge.health(), Health::Healthy);
        }
    }
}
