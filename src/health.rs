//! Outcomes to health: pure. Values in, values out; no clock, no log.
//!
//! A check is unknown, up or down: it takes `rise` passes in a row to be up and `fall` failures in a row to be down. What
//! is judged as one, the system or the checks of one action, is a scope: unhealthy as soon as one of its checks is down,
//! healthy when a round is complete and all are up. Until either is the case, nothing changes.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What is known of a scope.
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

impl Health {
    /// `unknown`, `healthy` or `unhealthy`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Neither threshold has been reached yet.
    #[default]
    Unknown,
    /// It has passed often enough in a row.
    Up,
    /// It has failed often enough in a row.
    Down,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// How many results in a row change a check's standing; at least 1 each. The words are those of `HAProxy` and keepalived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Passes that make it up.
    pub rise: u32,
    /// Failures that make it down.
    pub fall: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { rise: 1, fall: 1 }
    }
}

/// A check's standing and its last results, of which all are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Track {
    /// What the results have made of it.
    pub standing: Standing,
    /// Passes since the last failure.
    pub passes: u32,
    /// Failures since the last pass.
    pub failures: u32,
}

impl Track {
    fn record(&mut self, up: bool, thresholds: Thresholds) {
        if up {
            (self.passes, self.failures) = (self.passes.saturating_add(1), 0);
            if self.passes >= thresholds.rise {
                self.standing = Standing::Up;
            }
        } else {
            (self.passes, self.failures) = (0, self.failures.saturating_add(1));
            if self.failures >= thresholds.fall {
                self.standing = Standing::Down;
            }
        }
    }

    /// Whether it is unknown, or its last result contradicts its standing.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        match self.standing {
            Standing::Unknown => true,
            Standing::Up => self.failures > 0,
            Standing::Down => self.passes > 0,
        }
    }

    /// How far its last results have come toward a threshold of more than one: `failed 2 of 3`. `None` where there is
    /// nothing to count, or the threshold was reached before.
    #[must_use]
    pub fn count(&self, thresholds: Thresholds) -> Option<String> {
        let Thresholds { rise, fall } = thresholds;
        let counted = |count: u32, of: u32| of > 1 && (1..=of).contains(&count);
        if counted(self.failures, fall) {
            return Some(format!("failed {} of {fall}", self.failures));
        }
        counted(self.passes, rise).then(|| format!("passed {} of {rise}", self.passes))
    }
}

/// The scope that every check belongs to.
pub const SYSTEM: usize = 0;

/// A check, as a judge sees it.
#[derive(Debug, Clone)]
pub struct Member {
    /// When its standing changes.
    pub thresholds: Thresholds,
    /// What is known of it already.
    pub track: Track,
    /// The scopes it belongs to, beside [`SYSTEM`].
    pub scopes: Vec<usize>,
}

/// Follows the outcomes of all checks.
#[derive(Debug)]
pub struct Judge {
    checks: Vec<Judged>,
    scopes: Vec<Scope>,
    /// How many checks are in doubt.
    doubtful: usize,
}

#[derive(Debug)]
struct Judged {
    thresholds: Thresholds,
    track: Track,
    /// What its scopes count it as: unknown until it has answered, however it stood in an earlier run.
    counted: Standing,
    /// [`SYSTEM`] first.
    seats: Vec<Seat>,
}

/// A check's place in a scope.
#[derive(Debug)]
struct Seat {
    scope: usize,
    /// It has not answered since all of the scope had.
    awaited: bool,
}

/// Counts, so that an outcome need not look at a thousand checks.
#[derive(Debug, Clone, Default)]
struct Scope {
    members: usize,
    down: usize,
    up: usize,
    awaited: usize,
    health: Health,
}

impl Scope {
    fn count(&mut self, standing: Standing, step: fn(usize, usize) -> usize) {
        match standing {
            Standing::Unknown => {}
            Standing::Up => self.up = step(self.up, 1),
            Standing::Down => self.down = step(self.down, 1),
        }
    }

    fn judge(&mut self) {
        if self.down > 0 {
            self.health = Health::Unhealthy;
        } else if self.awaited == 0 && self.up == self.members {
            self.health = Health::Healthy;
        }
    }
}

impl Judge {
    /// A judge of these checks, in the order of the file, and of `scopes` scopes, [`SYSTEM`] included.
    #[must_use]
    pub fn new(members: Vec<Member>, scopes: usize) -> Self {
        let mut judge = Self {
            checks: Vec::with_capacity(members.len()),
            scopes: vec![Scope::default(); scopes],
            doubtful: 0,
        };
        for member in members {
            let Member {
                thresholds, track, ..
            } = member;
            let places = [SYSTEM].into_iter().chain(member.scopes);
            let seats: Vec<Seat> = places.map(Seat::new).collect();
            for seat in &seats {
                judge.scopes[seat.scope].members += 1;
            }
            judge.doubtful += usize::from(track.is_in_doubt());
            judge.checks.push(Judged {
                thresholds,
                track,
                counted: Standing::Unknown,
                seats,
            });
        }
        judge
    }

    /// A round begins: every check is awaited anew in each scope where all have answered. While some are slower than the
    /// interval, the round before goes on: two slow ones would otherwise never answer in the same one. Gives whether it
    /// is a new one for the system.
    pub fn begin_round(&mut self) -> bool {
        let is_new: Vec<bool> = self.scopes.iter().map(|s| s.awaited == 0).collect();
        self.await_all(|scope| is_new[scope]);
        is_new[SYSTEM]
    }

    /// The round is thrown away, and a new one begins in every scope.
    pub fn restart_round(&mut self) {
        self.await_all(|_| true);
    }

    fn await_all(&mut self, is_new: impl Fn(usize) -> bool) {
        for (index, scope) in self.scopes.iter_mut().enumerate() {
            if is_new(index) {
                scope.awaited = scope.members;
            }
        }
        for seat in self.checks.iter_mut().flat_map(|check| &mut check.seats) {
            seat.awaited |= is_new(seat.scope);
        }
    }

    /// Takes the outcome of a check. Gives its track after it.
    pub fn record(&mut self, check: usize, up: bool) -> Track {
        let check = &mut self.checks[check];
        let before = check.track;
        check.track.record(up, check.thresholds);
        self.doubtful -= usize::from(before.is_in_doubt());
        self.doubtful += usize::from(check.track.is_in_doubt());
        for seat in &mut check.seats {
            let scope = &mut self.scopes[seat.scope];
            scope.count(check.counted, usize::wrapping_sub);
            scope.count(check.track.standing, usize::wrapping_add);
            scope.awaited -= usize::from(std::mem::take(&mut seat.awaited));
            scope.judge();
        }
        check.counted = check.track.standing;
        check.track
    }

    /// The newest verdict of a scope.
    #[must_use]
    pub fn health(&self, scope: usize) -> Health {
        self.scopes[scope].health
    }

    /// The scopes that a check belongs to, [`SYSTEM`] first.
    pub fn scopes_of(&self, check: usize) -> impl Iterator<Item = usize> {
        self.checks[check].seats.iter().map(|seat| seat.scope)
    }

    /// What is known of a check.
    #[must_use]
    pub fn track(&self, check: usize) -> Track {
        self.checks[check].track
    }

    /// When a check's standing changes.
    #[must_use]
    pub fn thresholds(&self, check: usize) -> Thresholds {
        self.checks[check].thresholds
    }

    /// Whether some check is unknown, or its last result contradicts its standing.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.doubtful > 0
    }

    /// Whether every check has answered in this round.
    #[must_use]
    pub fn is_round_complete(&self) -> bool {
        self.scopes[SYSTEM].awaited == 0
    }

    /// The checks of a scope that are down, in the order of the file.
    pub fn down(&self, scope: usize) -> impl Iterator<Item = usize> {
        let is_meant = move |check: &Judged| {
            check.track.standing == Standing::Down && check.seats.iter().any(|s| s.scope == scope)
        };
        let checks = self.checks.iter().enumerate();
        checks.filter_map(move |(index, check)| is_meant(check).then_some(index))
    }
}

impl Seat {
    fn new(scope: usize) -> Self {
        Self {
            scope,
            awaited: false,
        }
    }
}

/// What has gone down since all checks of a scope were up, for whoever asks why.
#[derive(Debug, Clone, Default)]
pub struct Episode {
    failed: BTreeSet<usize>,
    cause: String,
}

impl Episode {
    /// A check is down; `cause` says how, and is kept if it is the first.
    pub fn enter(&mut self, check: usize, cause: impl FnOnce() -> String) {
        if self.failed.is_empty() {
            self.cause = cause();
        }
        self.failed.insert(check);
    }

    /// The checks that have been down, in the order of the file.
    pub fn failed(&self) -> impl Iterator<Item = usize> {
        self.failed.iter().copied()
    }

    /// The first failure; empty while all are up.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// The same after the checks have got other places; `None` for one that is gone.
    #[must_use]
    pub fn moved(&self, place: impl Fn(usize) -> Option<usize>) -> Self {
        Self {
            failed: self.failed().filter_map(place).collect(),
            cause: self.cause.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judge_with(checks: usize, thresholds: Thresholds) -> Judge {
        let member = Member {
            thresholds,
            track: Track::default(),
            scopes: Vec::new(),
        };
        Judge::new(vec![member; checks], 1)
    }

    /// Plays outcomes such as `a+ b- |` (`|` begins a round) and lists the health after each outcome.
    fn play_in(judge: &mut Judge, script: &str) -> String {
        let mut seen = Vec::new();
        for word in script.split(' ') {
            let Some(check) = word.bytes().next().filter(u8::is_ascii_lowercase) else {
                judge.begin_round();
                continue;
            };
            judge.record(usize::from(check - b'a'), word.ends_with('+'));
            seen.push(judge.health(SYSTEM).to_string());
        }
        seen.join(" ")
    }

    fn play(checks: usize, script: &str) -> String {
        play_in(&mut judge_with(checks, Thresholds::default()), script)
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

    #[test]
    fn thresholds_count_what_comes_in_a_row() {
        let thresholds = Thresholds { rise: 2, fall: 3 };
        let play = |script| play_in(&mut judge_with(1, thresholds), script);
        assert_eq!(play("| a+ | a+"), "unknown healthy");
        assert_eq!(
            play("| a+ | a- | a+ | a+"),
            "unknown unknown unknown healthy"
        );
        assert_eq!(play("| a- | a- | a-"), "unknown unknown unhealthy");
        assert_eq!(
            play("| a+ | a+ | a- | a- | a+ | a- | a- | a-"),
            "unknown healthy healthy healthy healthy healthy healthy unhealthy"
        );
        assert_eq!(
            play("| a- | a- | a- | a+ | a- | a+ | a+"),
            "unknown unknown unhealthy unhealthy unhealthy unhealthy healthy"
        );
    }

    #[test]
    fn counts_and_doubt() {
        let thresholds = Thresholds { rise: 2, fall: 3 };
        let mut judge = judge_with(1, thresholds);
        let mut seen = Vec::new();
        for up in [
            true, true, true, false, false, true, false, false, false, false, true,
        ] {
            let track = judge.record(0, up);
            let count = track.count(thresholds).unwrap_or_default();
            let doubt = if judge.is_in_doubt() { "?" } else { "" };
            seen.push(format!("{} {count}{doubt}", track.standing));
        }
        let expected = [
            "unknown passed 1 of 2?",
            "up passed 2 of 2",
            "up ",
            "up failed 1 of 3?",
            "up failed 2 of 3?",
            "up passed 1 of 2",
            "up failed 1 of 3?",
            "up failed 2 of 3?",
            "down failed 3 of 3",
            "down ",
            "down passed 1 of 2?",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_scope_follows_its_own_checks() {
        let member = |scopes: &[usize]| Member {
            thresholds: Thresholds::default(),
            track: Track::default(),
            scopes: scopes.to_vec(),
        };
        let mut judge = Judge::new(vec![member(&[1]), member(&[1, 2])], 3);
        let healths = |judge: &Judge| [0, 1, 2].map(|scope| judge.health(scope).to_string());
        judge.begin_round();
        judge.record(1, true);
        assert_eq!(healths(&judge), ["unknown", "unknown", "healthy"]);
        judge.record(0, false);
        assert_eq!(healths(&judge), ["unhealthy", "unhealthy", "healthy"]);
        assert_eq!(judge.down(1).collect::<Vec<_>>(), [0]);
        assert_eq!(judge.down(2).count(), 0);
    }

    proptest! {
        /// Health follows from nothing but the newest outcome of each check, once all have answered in a round.
        #[test]
        fn complete_rounds_decide(rounds in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 1..6)) {
            let mut judge = judge_with(3, Thresholds::default());
            for round in rounds {
                judge.begin_round();
                for (check, up) in round.iter().enumerate() {
                    judge.record(check, *up);
                }
                let expected = if round.contains(&false) { Health::Unhealthy } else { Health::Healthy };
                prop_assert_eq!(judge.health(SYSTEM), expected);
                prop_assert!(judge.is_round_complete());
                prop_assert_eq!(judge.down(SYSTEM).count(), round.iter().filter(|up| !**up).count());
            }
        }

        /// However slow some are, and though a round begins between any two answers: once all are up and have said so
        /// twice, the system is healthy.
        #[test]
        fn checks_that_are_up_make_it_healthy(
            before in prop::collection::vec((0..4_usize, any::<bool>()), 0..20),
            order in Just([0, 1, 2]).prop_shuffle(),
        ) {
            let mut judge = judge_with(3, Thresholds::default());
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
            prop_assert_eq!(judge.health(SYSTEM), Health::Healthy);
        }

        /// A check changes its standing exactly when the last results, as many as the threshold asks for, are all against
        /// it.
        #[test]
        fn a_standing_follows_from_the_last_results(
            results in prop::collection::vec(any::<bool>(), 1..40),
            rise in 1..5_u32,
            fall in 1..5_u32,
        ) {
            let mut judge = judge_with(1, Thresholds { rise, fall });
            let mut expected = Standing::Unknown;
            for (index, up) in results.iter().enumerate() {
                let seen = &results[..=index];
                let in_row = seen.iter().rev().take_while(|result| *result == up).count();
                match up {
                    true if in_row >= rise as usize => expected = Standing::Up,
                    false if in_row >= fall as usize => expected = Standing::Down,
                    _ => {}
                }
                prop_assert_eq!(judge.record(0, *up).standing, expected);
                let last = if *up { Standing::Up } else { Standing::Down };
                prop_assert_eq!(judge.is_in_doubt(), expected != last);
            }
        }
    }
}
