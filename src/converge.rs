//! Wanted and applied to the command that is due: pure. Values in, values out; no clock, no log, no process.
//!
//! The node's place is a goal to reach, not an event to fire. Each action remembers the place that was last *applied*,
//! that is, whose command ended with status 0. While it differs from the place that is *wanted*, the command is due.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::health::Health;

/// Where the node can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In rotation.
    Promoted,
    /// Out of rotation.
    Demoted,
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
        f.write_str(match self {
            Self::Promoted => "promoted",
            Self::Demoted => "demoted",
        })
    }
}

/// A command that is to be run: which action's, and where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The action, by its place in the configuration.
    pub action: usize,
    /// Where its command leads.
    pub place: Place,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    applied: Option<Place>,
    /// Its command has failed in this round, and is due again in the next.
    failed: bool,
    /// How often its command has been begun since the verdict.
    tries: u32,
    demotion_rank: usize,
}

/// Brings every action to the wanted place, one command at a time.
#[derive(Debug)]
pub struct Goal {
    wanted: Option<Place>,
    actions: Vec<Progress>,
    running: Option<Due>,
}

impl Goal {
    /// A goal for actions in the order of `[promotions]`. `demotion_ranks` is their order in `[demotions]`, `applied`
    /// what is known of each.
    #[must_use]
    pub fn new(demotion_ranks: &[usize], applied: &[Option<Place>]) -> Self {
        let progress = |(&demotion_rank, &applied)| Progress {
            applied,
            failed: false,
            tries: 0,
            demotion_rank,
        };
        Self {
            wanted: None,
            actions: demotion_ranks.iter().zip(applied).map(progress).collect(),
            running: None,
        }
    }

    /// Takes a verdict. A command that is running goes on; the opposite one follows it.
    pub fn want(&mut self, place: Place) {
        if self.wanted != Some(place) {
            self.wanted = Some(place);
            for action in &mut self.actions {
                action.failed = false;
                action.tries = 0;
            }
        }
    }

    /// A round begins: what has failed is tried again.
    pub fn begin_round(&mut self) {
        for action in &mut self.actions {
            action.failed = false;
        }
    }

    /// The command to run now; none while one is running. Those that have been tried less come first, so that one that
    /// hangs does not hold up the others round after round.
    #[must_use]
    pub fn due(&self) -> Option<Due> {
        let place = self.wanted?;
        if self.running.is_some() {
            return None;
        }
        let open =
            |(_, action): &(usize, &Progress)| action.applied != Some(place) && !action.failed;
        let rank = |(index, action): &(usize, &Progress)| match place {
            Place::Promoted => (action.tries, *index),
            Place::Demoted => (action.tries, action.demotion_rank),
        };
        let next = self
            .actions
            .iter()
            .enumerate()
            .filter(open)
            .min_by_key(rank);
        next.map(|(action, _)| Due { action, place })
    }

    /// The command is about to run: until it has worked, nothing is known of its action.
    pub fn begin(&mut self, due: Due) {
        self.actions[due.action].applied = None;
        self.actions[due.action].tries += 1;
        self.running = Some(due);
    }

    /// The running command has ended.
    pub fn end(&mut self, worked: bool) {
        let Some(due) = self.running.take() else {
            return;
        };
        let action = &mut self.actions[due.action];
        action.applied = worked.then_some(due.place);
        // What failed on the way to a place that is no longer wanted holds nothing up.
        action.failed = !worked && self.wanted == Some(due.place);
    }

    /// The command that is running.
    #[must_use]
    pub fn running(&self) -> Option<Due> {
        self.running
    }

    /// What has been applied, by action.
    #[must_use]
    pub fn applied(&self) -> Vec<Option<Place>> {
        self.actions.iter().map(|action| action.applied).collect()
    }

    /// Whether every action is where it is wanted.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        let there = |action: &Progress| action.applied == self.wanted;
        self.wanted.is_none() || self.actions.iter().all(there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Place::{Demoted, Promoted};
    use proptest::prelude::*;

    /// Runs everything that is due; the actions in `broken` fail. Lists the commands as `+0`, `-1`.
    fn run(goal: &mut Goal, broken: &[usize]) -> String {
        let mut commands = Vec::new();
        while let Some(due) = goal.due() {
            goal.begin(due);
            let sign = if due.place == Promoted { '+' } else { '-' };
            commands.push(format!("{sign}{}", due.action));
            goal.end(!broken.contains(&due.action));
        }
        commands.join(" ")
    }

    fn two() -> Goal {
        Goal::new(&[1, 0], &[None, None])
    }

    #[test]
    fn once_each_in_the_order_of_their_section() {
        let mut goal = two();
        assert_eq!(run(&mut goal, &[]), "");
        goal.want(Promoted);
        assert_eq!(run(&mut goal, &[]), "+0 +1");
        goal.begin_round();
        goal.want(Promoted);
        assert_eq!(run(&mut goal, &[]), "");
        goal.want(Demoted);
        assert_eq!(run(&mut goal, &[]), "-1 -0");
        assert!(goal.is_reached());
    }

    #[test]
    fn a_failed_one_is_tried_every_round_and_the_others_run() {
        let mut goal = two();
        goal.want(Promoted);
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
        let mut goal = Goal::new(&[0, 1, 2], &[None; 3]);
        goal.want(Promoted);
        let mut order = Vec::new();
        for _ in 0..4 {
            let due = goal.due().expect("something is due");
            goal.begin(due);
            order.push(due.action);
            goal.begin_round();
            goal.end(due.action != 0);
            goal.begin_round();
        }
        assert_eq!(order, [0, 1, 2, 0]);
    }

    #[test]
    fn the_newest_verdict_has_the_last_word() {
        let mut goal = Goal::new(&[0], &[None]);
        goal.want(Demoted);
        let due = goal.due().expect("a demotion");
        goal.begin(due);
        goal.want(Promoted);
        assert_eq!(goal.due(), None, "one at a time");
        goal.end(true);
        assert_eq!(run(&mut goal, &[]), "+0");
    }

    #[test]
    fn a_failure_that_is_overtaken_holds_nothing_up() {
        let mut goal = Goal::new(&[0], &[None]);
        goal.want(Promoted);
        let due = goal.due().expect("a promotion");
        goal.begin(due);
        goal.want(Demoted);
        goal.end(false);
        assert_eq!(run(&mut goal, &[]), "-0", "in the same round");
    }

    #[test]
    fn what_failed_may_have_half_happened() {
        let mut goal = Goal::new(&[0], &[Some(Promoted)]);
        goal.want(Demoted);
        assert_eq!(run(&mut goal, &[0]), "-0");
        goal.want(Promoted);
        assert_eq!(run(&mut goal, &[]), "+0", "it is no longer known to be in");
    }

    #[test]
    fn what_is_known_to_be_applied_is_not_run() {
        let mut goal = Goal::new(&[0, 1], &[Some(Promoted), None]);
        goal.want(Promoted);
        assert_eq!(run(&mut goal, &[]), "+1");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Verdict(bool),
        Round,
        Start,
        End(bool),
        Crash,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            any::<bool>().prop_map(Step::Verdict),
            Just(Step::Round),
            Just(Step::Start),
            any::<bool>().prop_map(Step::End),
            Just(Step::Crash),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        /// Whatever the order of verdicts, results, crashes and restarts: a command that runs is the wanted one, there
        /// is never a second one, what is believed to be applied really was the last thing that worked, and once the
        /// verdicts hold still everything ends applied.
        #[test]
        fn every_action_ends_where_it_is_wanted(steps in steps(), last in any::<bool>()) {
            const ACTIONS: usize = 3;
            let ranks = [2, 0, 1];
            let place = |up: bool| if up { Promoted } else { Demoted };
            let mut goal = Goal::new(&ranks, &[None; ACTIONS]);
            let mut wanted = None;
            // The world outside: what the last command of each action did; `None` where it broke off half way.
            let mut world: [Option<Place>; ACTIONS] = [None; ACTIONS];
            let mut kept = goal.applied();
            for step in steps {
                match step {
                    Step::Verdict(up) => { wanted = Some(place(up)); goal.want(place(up)); }
                    Step::Round => goal.begin_round(),
                    Step::Start => if let Some(due) = goal.due() {
                        prop_assert!(goal.running().is_none());
                        prop_assert_eq!(Some(due.place), wanted);
                        prop_assert_ne!(kept[due.action], wanted);
                        goal.begin(due);
                        world[due.action] = None;
                        kept = goal.applied();
                    },
                    Step::End(worked) => if let Some(due) = goal.running() {
                        if worked { world[due.action] = Some(due.place); }
                        goal.end(worked);
                        kept = goal.applied();
                    },
                    Step::Crash => { goal = Goal::new(&ranks, &kept); wanted = None; }
                }
                for (believed, real) in goal.applied().iter().zip(world) {
                    prop_assert!(believed.is_none() || *believed == real, "{:?} {:?}", believed, real);
                }
            }
            goal.want(place(last));
            goal.end(false);
            goal.begin_round();
            run(&mut goal, &[]);
            prop_assert!(goal.is_reached());
            prop_assert_eq!(goal.applied(), vec![Some(place(last)); ACTIONS]);
        }
    }
}
