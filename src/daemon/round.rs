//! Rounds of checks, and what their outcomes change.

use std::time::Duration;

use super::Daemon;
use crate::check::Outcome;
use crate::clock::Moment;
use crate::decision::Transition;
use crate::health::{SYSTEM, Standing};
use crate::report;
use crate::settings::plain;

/// A busy machine keeps everybody waiting for a while.
const USUAL_DELAY: Duration = Duration::from_millis(250);

/// Rounds that are thrown away in a row.
const MOST_STALLS: u32 = 3;

impl Daemon {
    pub(super) fn begin_round(&mut self) {
        let now = Moment::now();
        self.schedule.begun(now, self.is_in_doubt());
        if self.parts.decision.begin_round() {
            (self.round_begun, self.round_told) = (now, false);
        } else {
            // What is written at the end of a round must not grow old while it lasts.
            self.save();
        }
        self.run_checks();
    }

    fn run_checks(&mut self) {
        self.round += 1;
        report::round_started(self.round);
        self.parts.pool.run_all();
        self.restore_lock();
    }

    /// Says once why the lock cannot be restored, and not in every round.
    fn restore_lock(&mut self) {
        let restored = self.parts.lock.restore();
        let lost = restored.as_ref().err().map(|error| format!("{error:#}"));
        if lost.is_none() || lost != self.lost_lock {
            report::lock_restored(restored);
        }
        self.lost_lock = lost;
    }

    /// Whoever was not scheduled for longer than an interval, or than a check may take, has seen checks time out that nobody
    /// ran: that is no evidence against the services.
    pub(super) fn notice_stall(&mut self, expected: Moment) {
        let now = Moment::now();
        self.awake = now;
        let late = now.since(expected);
        if late <= USUAL_DELAY || late <= self.harmless_delay() || self.stopping.is_some() {
            return;
        }
        // On a machine that is always late, evidence that may be wrong is better than none.
        self.stalls += 1;
        if self.stalls > MOST_STALLS {
            return;
        }
        report::stalled(late);
        self.parts.pool.give_up();
        self.parts.decision.restart_round();
        self.schedule.restart(now);
        self.schedule.begun(now, false);
        (self.round_begun, self.round_told) = (now, false);
        self.run_checks();
    }

    fn harmless_delay(&self) -> Duration {
        let checks = self.parts.config.checks.iter();
        let shortest = checks.map(|check| check.timeout).min();
        let interval = self.parts.config.general.pace.interval;
        interval.min(shortest.unwrap_or(interval))
    }

    pub(super) fn take_outcome(&mut self, outcome: &Outcome) {
        let Some(place) = self.parts.pool.take_back(outcome) else {
            return;
        };
        if self.stopping.is_some() {
            let check = &self.parts.config.checks[place];
            self.report.outcome(place, check, outcome, None);
            return;
        }
        let before = self.parts.decision.judge().track(place).standing;
        let transitions = self.record(place, outcome);
        self.tell_outcome(place, outcome, before);
        for transition in &transitions {
            self.tell_transition(transition);
        }
        let has_turned = !transitions.is_empty();
        if has_turned {
            self.tell_manager();
        }
        if self.tell_end_of_round() || has_turned {
            self.save();
        }
    }

    fn record(&mut self, place: usize, outcome: &Outcome) -> Vec<Transition> {
        let parts = &mut self.parts;
        let name = &parts.config.checks[place].name;
        let failure = outcome.result.as_ref().err();
        let cause = || failure.map_or_else(String::new, |failure| format!("{name}: {failure}"));
        let now = Moment::now();
        let transitions = parts.decision.record(place, failure.is_none(), now, cause);
        let standing = parts.decision.judge().track(place).standing;
        parts.ledger.enter_outcome(place, outcome, standing);
        transitions
    }

    fn tell_outcome(&mut self, place: usize, outcome: &Outcome, before: Standing) {
        let judge = self.parts.decision.judge();
        let is_for = if outcome.result.is_ok() {
            Standing::Up
        } else {
            Standing::Down
        };
        let count = judge.track(place).count(judge.thresholds(place));
        let count = count.filter(|_| is_for != before);
        let check = &self.parts.config.checks[place];
        self.report.outcome(place, check, outcome, count.as_deref());
    }

    /// Says once that every check of the round has answered; gives whether it was now.
    fn tell_end_of_round(&mut self) -> bool {
        let judge = self.parts.decision.judge();
        if self.round_told || !judge.is_round_complete() {
            return false;
        }
        (self.round_told, self.stalls) = (true, 0);
        let failed = judge.down(SYSTEM).count();
        let took = Moment::now().since(self.round_begun);
        report::round_complete(self.round, self.parts.config.checks.len(), failed, took);
        self.tell_manager();
        self.parts.manager.ready_once();
        true
    }

    /// Tells the service manager how things are now.
    pub(super) fn tell_manager(&mut self) {
        if self.parts.manager.is_there() {
            let summary = self.summary();
            self.parts.manager.status(summary);
        }
    }

    /// `unhealthy, down: web, db`
    fn summary(&self) -> String {
        let health = self.parts.decision.verdict(SYSTEM).health;
        let down = self.names(self.parts.decision.judge().down(SYSTEM));
        let maintenance = self.in_force.as_ref();
        let maintenance = maintenance.map(|m| format!("{m}; ")).unwrap_or_default();
        match down[..] {
            [] => format!("{maintenance}{health}"),
            _ => format!("{maintenance}{health}, down: {}", plain(&down.join(", "))),
        }
    }

    fn tell_transition(&mut self, transition: &Transition) {
        let scope = transition.scope;
        if self.parts.decision.followers(scope).next().is_none() {
            return;
        }
        let names = self.names(transition.checks.iter().copied());
        let action = self.subject(scope);
        report::transition(transition, &names, action, self.in_force.as_ref());
        let subject = action.map(str::to_owned);
        self.parts.runner.forget_hold(subject.as_deref());
    }
}
