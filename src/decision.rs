//! The pure core as one: outcomes in, what is due out. The daemon drives it, and so does a rehearsal.

use crate::clock::Moment;
use crate::converge::{Answer, Applied, Due, Goal, Order, Part, Place, Rules};
use crate::health::{Episode, Health, Judge, Member, SYSTEM, Standing, Thresholds, Track};

/// What a configuration has to say about deciding.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The checks in the order of the file: when their standing changes, and the scopes beside [`SYSTEM`] that they
    /// belong to.
    pub checks: Vec<(Thresholds, Vec<usize>)>,
    /// The actions in the order of `[promotions]`: the scope that each follows, and its place in `[demotions]`.
    pub actions: Vec<(usize, usize)>,
    /// How many scopes there are: [`SYSTEM`], and one for each action that follows only its own checks.
    pub scopes: usize,
    /// How the actions are brought to their places.
    pub rules: Rules,
}

/// The verdict on a scope.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// The newest one that was one.
    pub health: Health,
    /// The one before it.
    pub previous: Health,
    /// Since when it is what it is.
    pub since: Moment,
    /// What has gone down since all were up.
    pub episode: Episode,
}

/// What was known before.
#[derive(Debug, Clone)]
pub struct Known {
    /// By check.
    pub tracks: Vec<Track>,
    /// By action.
    pub applied: Vec<Option<Applied>>,
    /// By action: how often its command had been begun since that place was wanted.
    pub tried: Vec<Option<(Place, u32)>>,
    /// By scope.
    pub verdicts: Vec<Verdict>,
}

impl Known {
    /// Nothing was.
    #[must_use]
    pub fn nothing(plan: &Plan, now: Moment) -> Self {
        let verdict = Verdict {
            since: now,
            ..Verdict::default()
        };
        Self {
            tracks: vec![Track::default(); plan.checks.len()],
            applied: vec![None; plan.actions.len()],
            tried: vec![None; plan.actions.len()],
            verdicts: vec![verdict; plan.scopes],
        }
    }
}

/// A verdict that differs from the last one.
#[derive(Debug, PartialEq, Eq)]
pub struct Transition {
    /// On which scope.
    pub scope: usize,
    /// What it was.
    pub from: Health,
    /// What it is.
    pub to: Health,
    /// The checks that caused it.
    pub checks: Vec<usize>,
}

/// Where a successor's things were; `None` for what is new.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// By check.
    pub checks: &'a [Option<usize>],
    /// By action.
    pub actions: &'a [Option<usize>],
}

/// Everything that is decided.
#[derive(Debug)]
pub struct Decision {
    plan: Plan,
    judge: Judge,
    goal: Goal,
    verdicts: Vec<Verdict>,
}

impl Decision {
    /// Begins with what is known.
    #[must_use]
    pub fn new(plan: Plan, known: Known) -> Self {
        let member = |((thresholds, scopes), track): (&(Thresholds, Vec<usize>), Track)| Member {
            thresholds: *thresholds,
            track,
            scopes: scopes.clone(),
        };
        let members = plan.checks.iter().zip(known.tracks).map(member).collect();
        let part = |((&(scope, demotion_rank), applied), tried)| Part {
            scope,
            demotion_rank,
            applied,
            tried,
        };
        let parts = plan.actions.iter().zip(known.applied).zip(known.tried);
        let parts = parts.map(part).collect();
        Self {
            judge: Judge::new(members, plan.scopes),
            goal: Goal::new(parts, plan.scopes, plan.rules),
            verdicts: known.verdicts,
            plan,
        }
    }

    /// A round begins. Gives whether it is a new one, and not one more turn of a round that has slow checks.
    pub fn begin_round(&mut self) -> bool {
        self.goal.begin_round();
        self.judge.begin_round()
    }

    /// The round is thrown away, and a new one begins.
    pub fn restart_round(&mut self) {
        self.goal.begin_round();
        self.judge.restart_round();
    }

    /// Takes the outcome of a check; `cause` says how it has failed. Gives what has changed by it.
    pub fn record(
        &mut self,
        check: usize,
        up: bool,
        now: Moment,
        cause: impl Fn() -> String,
    ) -> Vec<Transition> {
        let track = self.judge.record(check, up);
        let mut transitions = Vec::new();
        for scope in self.judge.scopes_of(check) {
            let verdict = &mut self.verdicts[scope];
            if !up && track.standing == Standing::Down {
                verdict.episode.enter(check, &cause);
            }
            let to = self.judge.health(scope);
            let Some(place) = Place::wanted_for(to) else {
                continue;
            };
            self.goal.want(scope, place);
            transitions.extend(verdict.turn(scope, to, now));
        }
        transitions
    }

    /// Takes what the operator has said.
    pub fn obey(&mut self, order: Order) {
        self.goal.obey(order);
    }

    /// heartbeat leaves, and takes the node out.
    pub fn leave(&mut self) {
        self.goal.leave();
    }

    /// What to run now.
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<Due> {
        self.goal.due(now)
    }

    /// It is about to run.
    pub fn begin(&mut self, due: Due) {
        self.goal.begin(due);
    }

    /// The running command has ended, and has worked or not.
    pub fn end(&mut self, worked: bool, now: Moment) {
        self.goal.end(worked, now);
    }

    /// The running guard has answered.
    pub fn answer(&mut self, answer: Answer) {
        self.goal.answer(answer);
    }

    /// Takes over from another configuration's: what is known of checks and actions goes on, and nothing becomes due by
    /// the change.
    pub fn succeed(&mut self, plan: Plan, origin: Origin, now: Moment) {
        let scopes = self.origin_of_scopes(&plan, origin.actions);
        let new_place = |old| origin.checks.iter().position(|from| *from == Some(old));
        let mut known = Known::nothing(&plan, now);
        for (track, from) in known.tracks.iter_mut().zip(origin.checks) {
            *track = from.map_or_else(Track::default, |from| self.judge.track(from));
        }
        for (verdict, from) in known.verdicts.iter_mut().zip(&scopes) {
            if let Some(old) = from.map(|from| &self.verdicts[from]) {
                *verdict = Verdict {
                    episode: old.episode.moved(new_place),
                    ..*old
                };
            }
        }
        let old = std::mem::replace(self, Self::new(plan, known));
        self.goal.succeed(old.goal, origin.actions, &scopes);
    }

    /// The scopes whose verdicts go on: the system's if `scope` is what it was, an action's if it had one of its own before.
    /// All others begin with nothing known, so that no command becomes due by the change.
    fn origin_of_scopes(&self, plan: &Plan, actions: &[Option<usize>]) -> Vec<Option<usize>> {
        let mut scopes = vec![None; plan.scopes];
        let is_split = |plan: &Plan| plan.scopes > SYSTEM + 1;
        scopes[SYSTEM] = Some(SYSTEM).filter(|_| is_split(plan) == is_split(&self.plan));
        for (&(scope, _), from) in plan.actions.iter().zip(actions) {
            let old = from.map(|from| self.plan.actions[from].0);
            scopes[scope] = old
                .filter(|old| (*old == SYSTEM) == (scope == SYSTEM))
                .or(scopes[scope]);
        }
        scopes
    }

    /// What is known of the checks.
    #[must_use]
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// What is known of the actions.
    #[must_use]
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The verdict on a scope.
    #[must_use]
    pub fn verdict(&self, scope: usize) -> &Verdict {
        &self.verdicts[scope]
    }

    /// The scope whose verdict an action follows.
    #[must_use]
    pub fn scope_of(&self, action: usize) -> usize {
        self.plan.actions[action].0
    }

    /// The actions that follow a scope's verdict.
    pub fn followers(&self, scope: usize) -> impl Iterator<Item = usize> {
        let actions = self.plan.actions.iter().enumerate();
        actions.filter_map(move |(action, part)| (part.0 == scope).then_some(action))
    }
}

impl Verdict {
    /// Takes the newest verdict. Gives what has changed.
    fn turn(&mut self, scope: usize, to: Health, now: Moment) -> Option<Transition> {
        let from = self.health;
        let transition = (from != to).then(|| Transition {
            scope,
            from,
            to,
            checks: self.episode.failed().collect(),
        });
        if transition.is_some() {
            (self.previous, self.health, self.since) = (from, to, now);
        }
        if to == Health::Healthy {
            self.episode = Episode::default();
        }
        transition
    }
}
