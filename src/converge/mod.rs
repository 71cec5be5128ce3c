//! Wanted and applied to what is due: pure. Values in, values out; no clock, no log, no process.
//!
//! The node's place is a goal to reach, not an event to fire. Each action remembers the place that was last *applied*,
//! that is, whose command ended with status 0. While it differs from the place that is *wanted*, the command is due.
//! What is wanted follows the verdict on the action's scope, unless the operator has said otherwise.

mod progress;
mod words;

use std::time::Duration;

use crate::clock::Moment;

use progress::{Permit, Running, Scope};

pub use progress::Progress;
pub use words::{Answer, Applied, Due, Order, Part, Place, Rules};

/// Brings every action to the wanted place, one command at a time.
#[derive(Debug)]
pub struct Goal {
    rules: Rules,
    scopes: Vec<Scope>,
    actions: Vec<Progress>,
    order: Order,
    /// heartbeat is leaving, and takes the node out.
    is_leaving: bool,
    running: Option<Running>,
}

impl Goal {
    /// A goal for actions in the order of `[promotions]`, in `scopes` scopes.
    #[must_use]
    pub fn new(parts: Vec<Part>, scopes: usize, rules: Rules) -> Self {
        Self {
            rules,
            scopes: vec![Scope::default(); scopes],
            actions: parts.into_iter().map(Progress::new).collect(),
            order: Order::None,
            is_leaving: false,
            running: None,
        }
    }

    /// Takes a verdict on a scope. A command that is running goes on; the opposite one follows it.
    pub fn want(&mut self, scope: usize, place: Place) {
        if self.scopes[scope].wanted != Some(place) {
            self.scopes[scope] = Scope {
                wanted: Some(place),
                permit: Permit::Unasked,
            };
            self.aim();
        }
    }

    /// Takes what the operator has said.
    pub fn obey(&mut self, order: Order) {
        if self.order != order {
            // The guard's go may have been long ago.
            for scope in &mut self.scopes {
                if scope.permit == Permit::Granted {
                    scope.permit = Permit::Unasked;
                }
            }
        }
        self.order = order;
        self.aim();
    }

    /// heartbeat leaves, and takes the node out: every demotion is tried once more.
    pub fn leave(&mut self) {
        self.is_leaving = true;
        for action in &mut self.actions {
            (action.failed, action.rests) = (false, false);
        }
        self.aim();
    }

    /// Works out where each action is to be. What failed on the way to another place holds nothing up.
    fn aim(&mut self) {
        for index in 0..self.actions.len() {
            let part = self.actions[index].part;
            let wanted = self.wanted(part.scope);
            if self.actions[index].wanted != wanted {
                let tried = part.tried.filter(|(place, _)| Some(*place) == wanted);
                self.actions[index] = Progress {
                    wanted,
                    tries: tried.map_or(0, |(_, tries)| tries),
                    ..Progress::new(part)
                };
            }
        }
    }

    fn wanted(&self, scope: usize) -> Option<Place> {
        if self.is_out() {
            return Some(Place::Demoted);
        }
        self.scopes[scope].wanted
    }

    /// Whether the node is to be out, whatever the verdicts and the guard.
    fn is_out(&self) -> bool {
        self.is_leaving || self.order == Order::Drain
    }

    /// A round begins: what has failed is tried again, and a guard that has held is asked again.
    pub fn begin_round(&mut self) {
        for action in &mut self.actions {
            action.failed = false;
        }
        for scope in &mut self.scopes {
            if scope.permit == Permit::Held {
                scope.permit = Permit::Unasked;
            }
        }
    }

    /// What to run now; nothing while something is running. Those that have been tried less come first, so that one that
    /// hangs does not hold up the others round after round; of those, demotions.
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<Due> {
        if self.running.is_some() || self.order == Order::Hold {
            return None;
        }
        let open = self.actions.iter().enumerate();
        let open =
            open.filter_map(|(index, action)| Some((index, action, self.next(action, now)?)));
        let first = open.min_by_key(|(index, action, place)| match place {
            Place::Demoted => (action.tries, *place, action.part.demotion_rank),
            Place::Promoted => (action.tries, *place, *index),
        });
        first.map(|(index, action, place)| {
            if self.must_ask(action) {
                Due::Guard(action.part.scope)
            } else {
                Due::Command {
                    action: index,
                    place,
                }
            }
        })
    }

    /// Where a command of this action is to lead now.
    fn next(&self, action: &Progress, now: Moment) -> Option<Place> {
        let wanted = action.wanted.filter(|_| self.may_begin(action))?;
        let is_open = !action.is_at(wanted) || self.must_ask(action) || self.is_stale(action, now);
        is_open.then_some(wanted)
    }

    /// Whether nothing puts it off: it has not failed in this round, is not new since a reload, and the guard does not hold it.
    fn may_begin(&self, action: &Progress) -> bool {
        let is_held = || self.must_ask(action) && self.permit(action) == Permit::Held;
        !action.failed && !action.rests && !is_held()
    }

    fn is_stale(&self, action: &Progress, now: Moment) -> bool {
        match (self.rules.reassert, action.part.applied) {
            (Some(after), Some(applied)) if Some(applied.place) == action.wanted => {
                now.since(applied.at) >= after
            }
            _ => false,
        }
    }

    /// How long it is until something that is applied is to be applied again. What is put off until the next round does not
    /// count.
    #[must_use]
    pub fn next_reassertion(&self, now: Moment) -> Option<Duration> {
        let after = self.rules.reassert.filter(|_| self.order != Order::Hold)?;
        let free = self.actions.iter().filter(|action| self.may_begin(action));
        let settled = free.filter_map(|action| {
            let applied = action
                .part
                .applied
                .filter(|a| Some(a.place) == action.wanted)?;
            Some((applied.at + after).since(now))
        });
        settled.min().filter(|_| self.running.is_none())
    }

    /// Whether the guard has a say in what is wanted of the action.
    fn must_ask(&self, action: &Progress) -> bool {
        let leads_out = action.wanted == Some(Place::Demoted) && !action.is_out_with_permit();
        let may_say_no = self.rules.is_guarded && !self.is_out();
        may_say_no && leads_out && self.permit(action) != Permit::Granted
    }

    fn permit(&self, action: &Progress) -> Permit {
        self.scopes[action.part.scope].permit
    }

    /// Whether the guard keeps this action from being demoted.
    #[must_use]
    pub fn is_held(&self, action: usize) -> bool {
        let action = &self.actions[action];
        let is_in = !action.is_at(Place::Demoted);
        is_in
            && self.must_ask(action)
            && (self.permit(action) == Permit::Held || self.is_asked(action))
    }

    /// Whether the guard is being asked about it at this moment.
    fn is_asked(&self, action: &Progress) -> bool {
        matches!(&self.running, Some(Running::Guard(Some(scope), _)) if *scope == action.part.scope)
    }

    /// It is about to run: until it has worked, nothing is known of its action. A guard may take a lock that only a
    /// promotion frees, so once it has been asked nothing is known of what it was asked for.
    pub fn begin(&mut self, due: Due) {
        self.running = Some(match due {
            Due::Guard(scope) => {
                let before = self.actions.iter().map(Progress::applied).collect();
                let own = self.actions.iter_mut().filter(|a| a.part.scope == scope);
                for action in own.filter(|action| !action.is_at(Place::Demoted)) {
                    action.part.applied = None;
                }
                Running::Guard(Some(scope), before)
            }
            Due::Command { action, place } => {
                self.actions[action].part.applied = None;
                self.actions[action].tries += 1;
                self.actions[action].part.tried = None;
                Running::Command(Some(action), place, self.is_out())
            }
        });
    }

    /// The running command has ended, and has worked or not.
    pub fn end(&mut self, worked: bool, now: Moment) {
        let is_meant = |running: &mut Running| matches!(running, Running::Command(..));
        let Some(Running::Command(action, place, is_ordered)) = self.running.take_if(is_meant)
        else {
            return;
        };
        let Some(action) = action.and_then(|action| self.actions.get_mut(action)) else {
            return;
        };
        let by_order = is_ordered && place == Place::Demoted;
        action.part.applied = worked.then_some(Applied {
            place,
            at: now,
            by_order,
        });
        // What failed on the way to a place that is no longer wanted holds nothing up.
        action.failed = !worked && action.wanted == Some(place);
    }

    /// The running guard has answered. If the verdict has turned meanwhile, its answer is to a question of the past.
    pub fn answer(&mut self, answer: Answer) {
        let is_meant = |running: &mut Running| matches!(running, Running::Guard(..));
        let Some(Running::Guard(scope, before)) = self.running.take_if(is_meant) else {
            return;
        };
        if answer == Answer::Hold {
            for (action, applied) in self.actions.iter_mut().zip(before) {
                action.part.applied = applied;
            }
        }
        let Some(scope) = scope.filter(|s| self.scopes[*s].wanted == Some(Place::Demoted)) else {
            return;
        };
        self.scopes[scope].permit = match answer {
            Answer::Go => Permit::Granted,
            Answer::Hold => Permit::Held,
        };
        if answer == Answer::Go {
            let own = self.actions.iter_mut().filter(|a| a.part.scope == scope);
            for applied in own.filter_map(|action| action.part.applied.as_mut()) {
                applied.by_order = false;
            }
        }
    }

    /// Whether something is running.
    #[cfg(test)]
    fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// How far the actions have come.
    #[must_use]
    pub fn actions(&self) -> &[Progress] {
        &self.actions
    }

    /// Whether every action is where it is wanted.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        let there = |action: &Progress| action.wanted.is_none_or(|place| action.is_at(place));
        self.actions.iter().all(there)
    }

    /// Takes over from the goal of another configuration. `actions` and `scopes` say for each of ours which one of the
    /// old goal's it was. Nothing becomes due by that: an action that is new rests until another place is wanted.
    pub fn succeed(&mut self, old: Self, actions: &[Option<usize>], scopes: &[Option<usize>]) {
        (self.order, self.is_leaving) = (old.order, old.is_leaving);
        for (scope, from) in self.scopes.iter_mut().zip(scopes) {
            *scope = from.map_or_else(Scope::default, |from| old.scopes[from]);
        }
        for (index, from) in actions.iter().enumerate() {
            let part = self.actions[index].part;
            self.actions[index] = match from {
                Some(from) => Progress {
                    part: Part {
                        applied: old.actions[*from].applied(),
                        ..part
                    },
                    ..old.actions[*from]
                },
                None => Progress {
                    wanted: self.wanted(part.scope),
                    rests: true,
                    ..Progress::new(part)
                },
            };
        }
        let new = |place| actions.iter().position(|from| *from == Some(place));
        self.running = old.running.map(|running| match running {
            Running::Command(action, place, by_order) => {
                Running::Command(action.and_then(new), place, by_order)
            }
            Running::Guard(scope, before) => {
                let before = |from: &Option<usize>| from.and_then(|from| before[from]);
                let is_it = |from: &Option<usize>| from.is_some() && *from == scope;
                let scope = scopes.iter().position(is_it);
                Running::Guard(scope, actions.iter().map(before).collect())
            }
        });
        self.aim();
        if self.rules != old.rules {
            // A guard that is gone, or another reassertion: what is due by that is due in the next round.
            for action in &mut self.actions {
                action.failed = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Place::{Demoted, Promoted};
    use proptest::prelude::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_boot(Duration::from_secs(seconds))
    }

    fn start() -> Moment {
        at(100)
    }

    fn worked(place: Place) -> Applied {
        let (at, by_order) = (start(), false);
        Applied {
            place,
            at,
            by_order,
        }
    }

    /// Actions in one scope, with their ranks in `[demotions]`.
    fn goal_of(parts: &[(usize, Option<Applied>)], rules: Rules) -> Goal {
        let part = |&(demotion_rank, applied): &(usize, Option<Applied>)| Part {
            scope: 0,
            demotion_rank,
            applied,
            tried: None,
        };
        Goal::new(parts.iter().map(part).collect(), 1, rules)
    }

    fn two() -> Goal {
        goal_of(&[(1, None), (0, None)], Rules::default())
    }

    fn one(applied: Option<Place>, rules: Rules) -> Goal {
        goal_of(&[(0, applied.map(worked))], rules)
    }

    const GUARDED: Rules = Rules {
        is_guarded: true,
        reassert: None,
    };

    /// Runs everything that is due; the actions in `broken` fail, and a guard gives the answer. Lists the commands as
    /// `+0`, `-1`, and the guard as `?`.
    fn run_with(goal: &mut Goal, now: Moment, broken: &[usize], answer: Answer) -> String {
        let mut commands = Vec::new();
        while let Some(due) = goal.due(now) {
            goal.begin(due);
            commands.push(match due {
                Due::Guard(_) => "?".to_owned(),
                Due::Command { action, place } => {
                    let sign = if place == Promoted { '+' } else { '-' };
                    format!("{sign}{action}")
                }
            });
            match due {
                Due::Guard(_) => goal.answer(answer),
                Due::Command { action, .. } => goal.end(!broken.contains(&action), now),
            }
        }
        commands.join(" ")
    }

    fn run(goal: &mut Goal, broken: &[usize]) -> String {
        run_with(goal, start(), broken, Answer::Go)
    }

    fn places(goal: &Goal) -> Vec<Option<Place>> {
        let actions = goal.actions().iter();
        actions
            .map(|action| Some(action.applied()?.place))
            .collect()
    }

    #[test]
    fn once_each_in_the_order_of_their_section() {
        let mut goal = two();
        assert_eq!(run(&mut goal, &[]), "");
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[]), "+0 +1");
        goal.begin_round();
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[]), "");
        goal.want(0, Demoted);
        assert_eq!(run(&mut goal, &[]), "-1 -0");
        assert!(goal.is_reached());
    }

    #[test]
    fn a_failed_one_is_tried_every_round_and_the_others_run() {
        let mut goal = two();
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[0]), "+0 +1");
        assert_eq!(run(&mut goal, &[0]), "");
        goal.begin_round();
        assert_eq!(run(&mut goal, &[0]), "+0");
        assert!(!goal.is_reached());
        goal.begin_round();
        assert_eq!(run(&mut goal, &[]), "+0");
        assert!(goal.is_reached());
    }

    #[test]
    fn one_that_hangs_for_rounds_does_not_hold_up_the_others() {
        let mut goal = goal_of(&[(0, None), (1, None), (2, None)], Rules::default());
        goal.want(0, Promoted);
        let mut order = Vec::new();
        for _ in 0..4 {
            let due = goal.due(start()).expect("something is due");
            let Due::Command { action, .. } = due else {
                panic!("there is no guard")
            };
            goal.begin(due);
            order.push(action);
            goal.begin_round();
            goal.end(action != 0, start());
            goal.begin_round();
        }
        assert_eq!(order, [0, 1, 2, 0]);
    }

    #[test]
    fn the_newest_verdict_has_the_last_word() {
        let mut goal = one(None, Rules::default());
        goal.want(0, Demoted);
        let due = goal.due(start()).expect("a demotion");
        goal.begin(due);
        goal.want(0, Promoted);
        assert_eq!(goal.due(start()), None, "one at a time");
        goal.end(true, start());
        assert_eq!(run(&mut goal, &[]), "+0");
    }

    #[test]
    fn a_failure_that_is_overtaken_holds_nothing_up() {
        let mut goal = one(None, Rules::default());
        goal.want(0, Promoted);
        let due = goal.due(start()).expect("a promotion");
        goal.begin(due);
        goal.want(0, Demoted);
        goal.end(false, start());
        assert_eq!(run(&mut goal, &[]), "-0", "in the same round");
    }

    #[test]
    fn what_failed_may_have_half_happened() {
        let mut goal = one(Some(Promoted), Rules::default());
        goal.want(0, Demoted);
        assert_eq!(run(&mut goal, &[0]), "-0");
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[]), "+0", "it is no longer known to be in");
    }

    #[test]
    fn what_is_known_to_be_applied_is_not_run() {
        let mut goal = goal_of(&[(0, Some(worked(Promoted))), (1, None)], Rules::default());
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[]), "+1");
    }

    #[test]
    fn each_action_follows_its_scope_and_demotions_come_first() {
        let part = |scope| Part {
            scope,
            demotion_rank: scope,
            applied: None,
            tried: None,
        };
        let mut goal = Goal::new(vec![part(1), part(2)], 3, Rules::default());
        goal.want(1, Promoted);
        goal.want(2, Demoted);
        assert_eq!(run(&mut goal, &[]), "-1 +0");
        goal.want(1, Demoted);
        assert_eq!(run(&mut goal, &[]), "-0");
    }

    #[test]
    fn a_drain_takes_the_node_out_whatever_the_verdict() {
        let mut goal = one(None, GUARDED);
        goal.obey(Order::Drain);
        assert_eq!(
            run(&mut goal, &[]),
            "-0",
            "nothing is known yet, and no guard is asked"
        );
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[]), "");
        goal.obey(Order::None);
        assert_eq!(run(&mut goal, &[]), "+0");
    }

    #[test]
    fn a_hold_freezes_everything() {
        let mut goal = one(Some(Promoted), Rules::default());
        goal.want(0, Promoted);
        goal.obey(Order::Hold);
        goal.want(0, Demoted);
        assert_eq!(run(&mut goal, &[]), "");
        assert!(!goal.is_reached());
        goal.leave();
        assert_eq!(run(&mut goal, &[]), "", "on the way out too");
        goal.obey(Order::None);
        assert_eq!(run(&mut goal, &[]), "-0");
    }

    #[test]
    fn one_that_leaves_tries_every_demotion_once() {
        let mut goal = two();
        goal.want(0, Promoted);
        run(&mut goal, &[]);
        goal.leave();
        assert_eq!(run(&mut goal, &[0]), "-1 -0");
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[]), "");
    }

    #[test]
    fn what_was_applied_long_ago_is_applied_again() {
        let rules = Rules {
            reassert: Some(Duration::from_secs(10)),
            ..Rules::default()
        };
        let mut goal = one(None, rules);
        goal.want(0, Promoted);
        assert_eq!(goal.next_reassertion(start()), None);
        assert_eq!(run(&mut goal, &[]), "+0");
        assert_eq!(goal.next_reassertion(at(104)), Some(Duration::from_secs(6)));
        assert_eq!(run_with(&mut goal, at(109), &[], Answer::Go), "");
        assert_eq!(run_with(&mut goal, at(110), &[0], Answer::Go), "+0");
        goal.begin_round();
        assert_eq!(
            run_with(&mut goal, at(111), &[], Answer::Go),
            "+0",
            "until it works"
        );
        assert_eq!(run_with(&mut goal, at(120), &[], Answer::Go), "");
        goal.obey(Order::Hold);
        assert_eq!(goal.next_reassertion(at(130)), None);
        assert_eq!(run_with(&mut goal, at(130), &[], Answer::Go), "");
    }

    /// Else the loop, which sleeps until then, would not sleep at all.
    #[test]
    fn what_is_put_off_is_not_waited_for() {
        let reassert = Some(Duration::from_secs(10));
        let rules = Rules {
            reassert,
            ..GUARDED
        };
        let mut old = one(Some(Demoted), Rules::default());
        old.want(0, Demoted);
        let mut goal = one(None, rules);
        goal.succeed(old, &[Some(0)], &[Some(0)]);
        assert_eq!(
            (goal.due(at(150)), goal.next_reassertion(at(150))),
            (None, None)
        );
        goal.begin_round();
        assert_eq!(goal.next_reassertion(at(150)), Some(Duration::ZERO));
        assert_eq!(run_with(&mut goal, at(150), &[], Answer::Go), "-0");

        let mut goal = one(Some(Promoted), rules);
        goal.obey(Order::Drain);
        assert_eq!(run(&mut goal, &[]), "-0");
        goal.want(0, Demoted);
        goal.obey(Order::None);
        assert_eq!(run_with(&mut goal, at(150), &[], Answer::Hold), "?");
        assert_eq!(
            (goal.due(at(150)), goal.next_reassertion(at(150))),
            (None, None)
        );
    }

    #[test]
    fn a_guard_is_asked_once_and_again_every_round_while_it_holds() {
        let mut goal = goal_of(
            &[(0, Some(worked(Promoted))), (1, Some(worked(Promoted)))],
            GUARDED,
        );
        goal.want(0, Demoted);
        assert_eq!(run_with(&mut goal, start(), &[], Answer::Hold), "?");
        assert!(goal.is_held(0) && goal.is_held(1) && !goal.is_reached());
        assert_eq!(
            places(&goal),
            [Some(Promoted); 2],
            "they are where they were"
        );
        goal.begin_round();
        assert_eq!(run_with(&mut goal, start(), &[1], Answer::Go), "? -0 -1");
        goal.begin_round();
        assert_eq!(
            run_with(&mut goal, start(), &[], Answer::Hold),
            "-1",
            "it has said go"
        );
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[]), "+0 +1", "it has no say in promotions");
        goal.want(0, Demoted);
        assert_eq!(
            run(&mut goal, &[]),
            "? -0 -1",
            "nor is a permit kept for the next time"
        );
    }

    /// The guard counts those that are out: it has to hear of one that an order has taken out, and that stays there.
    #[test]
    fn what_an_order_has_taken_out_is_asked_about_when_the_order_has_ended() {
        let mut goal = one(Some(Promoted), GUARDED);
        goal.obey(Order::Drain);
        assert_eq!(run(&mut goal, &[]), "-0");
        goal.want(0, Demoted);
        goal.obey(Order::None);
        assert_eq!(run_with(&mut goal, start(), &[], Answer::Hold), "?");
        assert_eq!(places(&goal), [Some(Demoted)], "it is out all the same");
        assert!(!goal.is_held(0) && goal.is_reached());
        goal.begin_round();
        assert_eq!(run_with(&mut goal, start(), &[], Answer::Go), "?");
        goal.begin_round();
        assert_eq!(run(&mut goal, &[]), "", "once it has said go");
        goal.obey(Order::Hold);
        goal.obey(Order::None);
        assert_eq!(run(&mut goal, &[]), "");
    }

    /// It may have taken a lock, which a promotion gives back.
    #[test]
    fn a_permit_that_comes_too_late_is_followed_by_a_promotion() {
        for (answer, expected) in [(Answer::Go, "+0"), (Answer::Hold, "")] {
            let mut goal = one(Some(Promoted), GUARDED);
            goal.want(0, Demoted);
            let due = goal.due(start()).expect("the guard");
            goal.begin(due);
            assert_eq!(places(&goal), [None], "should we die now");
            goal.want(0, Promoted);
            goal.answer(answer);
            assert_eq!(run(&mut goal, &[]), expected);
        }
    }

    #[test]
    fn a_successor_runs_nothing_by_itself() {
        let mut old = two();
        old.want(0, Promoted);
        assert_eq!(run(&mut old, &[]), "+0 +1");
        // The second one is the first now, the other one is new.
        let mut goal = two();
        goal.succeed(old, &[Some(1), None], &[Some(0)]);
        goal.begin_round();
        goal.want(0, Promoted);
        assert_eq!(run(&mut goal, &[]), "");
        assert_eq!(places(&goal), [Some(Promoted), None]);
        goal.want(0, Demoted);
        assert_eq!(run(&mut goal, &[]), "-1 -0");
    }

    #[test]
    fn a_successor_takes_over_what_runs() {
        for from in [Some(0), None] {
            let mut old = one(None, Rules::default());
            old.want(0, Promoted);
            let due = old.due(start()).expect("a promotion");
            old.begin(due);
            let mut goal = one(None, Rules::default());
            goal.succeed(old, &[from], &[Some(0)]);
            assert!(goal.is_running());
            goal.end(true, start());
            assert_eq!(places(&goal), [from.map(|_| Promoted)]);
            assert_eq!(run(&mut goal, &[]), "");
            goal.want(0, Demoted);
            assert_eq!(run(&mut goal, &[]), "-0");
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Verdict(usize, bool),
        Order(Order),
        Round,
        Start,
        End(bool),
        Crash,
        Reload,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let order = prop_oneof![Just(Order::None), Just(Order::Drain), Just(Order::Hold)];
        let step = prop_oneof![
            (0..2_usize, any::<bool>()).prop_map(|(scope, up)| Step::Verdict(scope, up)),
            order.prop_map(Step::Order),
            Just(Step::Round),
            Just(Step::Start),
            any::<bool>().prop_map(Step::End),
            Just(Step::Crash),
            Just(Step::Reload),
        ];
        prop::collection::vec(step, 0..60)
    }

    fn place(up: bool) -> Place {
        if up { Promoted } else { Demoted }
    }

    /// Three actions in two scopes.
    fn three(applied: &[Option<Applied>], rules: Rules) -> Goal {
        let place = |(action, scope, rank): (usize, usize, usize)| Part {
            scope,
            demotion_rank: rank,
            applied: applied[action],
            tried: None,
        };
        let parts = [(0, 0, 2), (1, 1, 0), (2, 0, 1)].map(place);
        Goal::new(parts.into(), 2, rules)
    }

    fn applied(goal: &Goal) -> Vec<Option<Applied>> {
        goal.actions().iter().map(Progress::applied).collect()
    }

    proptest! {
        /// The loop sleeps until the next reassertion: were that now with nothing due, it would not sleep at all.
        #[test]
        fn what_is_to_be_applied_again_now_is_due(steps in steps(), is_guarded in any::<bool>()) {
            let rules = Rules { is_guarded, reassert: Some(Duration::from_secs(10)) };
            let unhurried = Rules { reassert: None, ..rules };
            let mut goal = three(&[None; 3], rules);
            for (step, second) in steps.into_iter().zip((100..).step_by(5)) {
                let now = at(second);
                match step {
                    Step::Verdict(scope, up) => goal.want(scope, place(up)),
                    Step::Order(order) => goal.obey(order),
                    Step::Round => goal.begin_round(),
                    Step::Start => if let Some(due) = goal.due(now) { goal.begin(due) },
                    Step::End(worked) => {
                        goal.end(worked, now);
                        goal.answer(if worked { Answer::Go } else { Answer::Hold });
                    }
                    Step::Crash => goal = three(&applied(&goal), rules),
                    Step::Reload => {
                        let other = if goal.rules == rules { unhurried } else { rules };
                        let old = std::mem::replace(&mut goal, three(&[None; 3], other));
                        goal.succeed(old, &[Some(0), None, Some(2)], &[Some(0), Some(1)]);
                    }
                }
                let is_now = goal.next_reassertion(now) == Some(Duration::ZERO);
                prop_assert!(!is_now || goal.due(now).is_some());
            }
        }

        /// Whatever the order of verdicts, orders, results, crashes, restarts and reloads: a command that runs is a wanted
        /// one, there is never a second one, nothing runs while it is held, what is believed to be applied really was
        /// the last thing that worked, and once the verdicts hold still everything ends applied.
        #[test]
        fn every_action_ends_where_it_is_wanted(
            steps in steps(),
            last in any::<[bool; 2]>(),
            is_guarded in any::<bool>(),
        ) {
            let rules = Rules { is_guarded, reassert: None };
            let now = start();
            let mut goal = three(&[None; 3], rules);
            let (mut wanted, mut order) = ([None; 2], Order::None);
            // The world outside: what the last command of each action did; `None` where it broke off half way.
            let mut world: [Option<Place>; 3] = [None; 3];
            let mut kept = applied(&goal);
            let mut running = None;
            for step in steps {
                match step {
                    Step::Verdict(scope, up) => {
                        wanted[scope] = Some(place(up));
                        goal.want(scope, place(up));
                    }
                    Step::Order(new) => { order = new; goal.obey(new); }
                    Step::Round => goal.begin_round(),
                    Step::Start => if let Some(due) = goal.due(now) {
                        prop_assert!(running.is_none() && order != Order::Hold);
                        if let Due::Command { action, place } = due {
                            let by_verdict = wanted[[0, 1, 0][action]];
                            let wanted = if order == Order::Drain { Some(Demoted) } else { by_verdict };
                            prop_assert_eq!(Some(place), wanted);
                            prop_assert_ne!(kept[action].map(|a| a.place), wanted);
                            world[action] = None;
                        } else {
                            prop_assert!(is_guarded && order == Order::None);
                        }
                        goal.begin(due);
                        running = Some(due);
                        kept = applied(&goal);
                    },
                    Step::End(worked) => if let Some(due) = running.take() {
                        match due {
                            Due::Command { action, place } => {
                                if worked { world[action] = Some(place); }
                                goal.end(worked, now);
                            }
                            Due::Guard(_) => goal.answer(if worked { Answer::Go } else { Answer::Hold }),
                        }
                        kept = applied(&goal);
                    },
                    Step::Crash => {
                        goal = three(&kept, rules);
                        goal.obey(order);
                        (wanted, running) = ([None; 2], None);
                    }
                    Step::Reload => {
                        let old = std::mem::replace(&mut goal, three(&[None; 3], rules));
                        goal.succeed(old, &[Some(0), Some(1), Some(2)], &[Some(0), Some(1)]);
                        prop_assert_eq!(applied(&goal), kept.clone());
                    }
                }
                prop_assert_eq!(goal.is_running(), running.is_some());
                for (believed, real) in places(&goal).iter().zip(world) {
                    prop_assert!(believed.is_none() || *believed == real, "{:?} {:?}", believed, real);
                }
            }
            goal.obey(Order::None);
            goal.end(false, now);
            goal.answer(Answer::Hold);
            for (scope, up) in last.into_iter().enumerate() {
                goal.want(scope, place(up));
            }
            goal.begin_round();
            run(&mut goal, &[]);
            prop_assert!(goal.is_reached());
            let expected = [last[0], last[1], last[0]].map(|up| Some(place(up)));
            prop_assert_eq!(places(&goal), expected);
        }
    }
}
