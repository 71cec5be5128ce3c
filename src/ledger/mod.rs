//! What is known and wanted, kept in the state file step by step.

mod entry;

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use log::{error, info, warn};

use crate::action::{Finished, GRACE};
use crate::check::{Check, Outcome};
use crate::clock::Moment;
use crate::config::{Action, Config};
use crate::converge::{Due, Place};
use crate::decision::{Decision, Known, Origin, Plan};
use crate::file::reason;
use crate::group;
use crate::health::{SYSTEM, Standing};
use crate::maintenance::Maintenance;
use crate::state::{Answered, CheckState, Judged, RUN, Refused, State, StateFile, Writer};

use entry::{blank, idle, microseconds, ran};

/// How much of a refused configuration's problems is kept, in characters.
const PROBLEMS_KEPT: usize = 2000;

/// The state and its file. In a rehearsal the file is left alone.
#[derive(Debug)]
pub struct Ledger {
    file: StateFile,
    state: State,
    validity: Duration,
    is_rehearsal: bool,
    is_kept: bool,
    /// When this heartbeat began, and how many runs of commands it has named.
    begun: u128,
    runs: u64,
}

impl Ledger {
    /// Begins with what the last run has left: a one-shot goes on where the last one ended, a daemon asserts everything
    /// anew.
    #[must_use]
    pub fn new(
        file: StateFile,
        config: &Config,
        left: Option<State>,
        is_once: bool,
        is_rehearsal: bool,
    ) -> Self {
        let now = Moment::now();
        let mut ledger = Self {
            file,
            state: State {
                writer: Writer::this(is_once),
                generation: 1,
                loaded: now,
                system: Judged::unknown(now),
                checks: config
                    .checks
                    .iter()
                    .map(|check| blank(check, now))
                    .collect(),
                actions: config
                    .actions
                    .iter()
                    .map(|action| idle(action, now))
                    .collect(),
                ..State::default()
            },
            validity: validity(config),
            is_rehearsal,
            is_kept: true,
            begun: UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos()),
            runs: 0,
        };
        if let Some(left) = left {
            ledger.inherit(left, is_once);
        }
        ledger
    }

    fn inherit(&mut self, left: State, is_once: bool) {
        (self.state.running, self.state.running_group) = (left.running, left.running_group);
        if !is_once {
            return;
        }
        self.state.system = left.system;
        for check in &mut self.state.checks {
            let same = |old: &&CheckState| old.name == check.name && old.probe == check.probe;
            if let Some(old) = left.checks.iter().find(same) {
                (check.track, check.since) = (old.track, old.since);
                check.last.clone_from(&old.last);
            }
        }
        for action in &mut self.state.actions {
            if let Some(old) = left.actions.iter().find(|old| old.name == action.name) {
                let is_same = old.commands == action.commands;
                action.applied = old.applied.filter(|_| is_same);
                (action.verdict, action.wanted) = (old.verdict, old.wanted);
                action.tries = old.tries;
                action.last.clone_from(&old.last);
            }
        }
    }

    /// The process that stays has begun: what it writes is its own. One that has detached is not the one that was started.
    pub fn sign(&mut self) {
        self.state.writer = Writer::this(self.state.writer.is_once);
    }

    /// What is known, for a decision about this plan.
    #[must_use]
    pub fn known(&self, plan: &Plan) -> Known {
        let mut known = Known::nothing(plan, Moment::now());
        known.verdicts[SYSTEM] = self.state.system.into();
        for (place, action) in self.state.actions.iter().enumerate() {
            let scope = plan.actions[place].0;
            if scope != SYSTEM {
                known.verdicts[scope] = action.verdict.into();
            }
            known.applied[place] = action.applied;
            known.tried[place] = action.wanted.map(|wanted| (wanted, action.tries));
        }
        known.tracks = self.state.checks.iter().map(|check| check.track).collect();
        known
    }

    /// The last maintenance that was known of.
    #[must_use]
    pub fn maintenance(&self) -> Option<&Maintenance> {
        self.state.maintenance.as_ref()
    }

    /// How often the configuration has been read with success.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state.generation
    }

    /// Whether the file says what is known.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// A check has answered, and stands there now.
    pub fn enter_outcome(&mut self, check: usize, outcome: &Outcome, now: Standing) {
        let check = &mut self.state.checks[check];
        let at = Moment::now();
        if check.track.standing != now {
            (check.track.standing, check.since) = (now, at);
        }
        let failure = outcome.result.as_ref().err();
        check.last = Some(Answered {
            at,
            took: microseconds(outcome.took),
            note: outcome.result.as_ref().ok().cloned().flatten(),
            failure: failure.map(|f| (f.phase.to_string(), f.reason.clone())),
        });
    }

    /// A command has ended. `commands`: the fingerprint of its action's commands when it began.
    pub fn enter_command(&mut self, name: &str, place: Place, finished: &Finished, commands: &str) {
        (self.state.running, self.state.running_group) = (None, None);
        let action = self
            .state
            .actions
            .iter_mut()
            .find(|action| action.name == name);
        if let Some(action) = action {
            commands.clone_into(&mut action.commands);
            action.last = Some(ran(place.command(), finished));
        }
    }

    /// The guard has ended.
    pub fn enter_guard(&mut self, finished: &Finished) {
        (self.state.running, self.state.running_group) = (None, None);
        self.state.guard = Some(ran("guard", finished));
    }

    /// What the operator has said last, and what is wrong with the file that says so.
    pub fn enter_maintenance(&mut self, last: Option<&Maintenance>, damage: Option<&str>) {
        self.state.maintenance = last.cloned();
        self.state.damage = damage.map(str::to_owned);
    }

    /// A newer configuration is not in force.
    pub fn enter_refusal(&mut self, problems: &str) {
        let why = problems.chars().take(PROBLEMS_KEPT).collect();
        let at = Moment::now();
        self.state.refused = Some(Refused { at, why });
    }

    /// Another configuration is in force, whose things are those of the old one that `origin` says.
    pub fn succeed(&mut self, config: &Config, origin: Origin) {
        let now = Moment::now();
        let old = std::mem::take(&mut self.state.checks);
        let kept = |(check, from): (&Check, &Option<usize>)| {
            let new = blank(check, now);
            match from.map(|from| &old[from]) {
                Some(old) => CheckState {
                    track: old.track,
                    since: old.since,
                    last: old.last.clone(),
                    ..new
                },
                None => new,
            }
        };
        self.state.checks = config.checks.iter().zip(origin.checks).map(kept).collect();
        let old = std::mem::take(&mut self.state.actions);
        let kept = |(action, from): (&Action, &Option<usize>)| {
            from.map_or_else(|| idle(action, now), |from| old[from].clone())
        };
        self.state.actions = config
            .actions
            .iter()
            .zip(origin.actions)
            .map(kept)
            .collect();
        self.validity = validity(config);
        self.state.generation += 1;
        (self.state.loaded, self.state.refused) = (now, None);
    }

    /// Another file from here on, if it can be written; the old one is removed then.
    ///
    /// # Errors
    /// The system's; the old one goes on.
    pub fn move_to(&mut self, file: StateFile) -> io::Result<()> {
        if file.path() == self.file.path() || self.is_rehearsal {
            return Ok(());
        }
        file.save(&self.state)?;
        let old = std::mem::replace(&mut self.file, file);
        // At worst it is there until it is no longer valid.
        let _ = old.forget();
        Ok(())
    }

    /// Ends the command that an earlier heartbeat has left running, before another one is run. Takes as long as a command
    /// may that is told to end. Gives its process groups that are still there.
    pub fn end_leftover(&mut self) -> Vec<i32> {
        if self.is_rehearsal {
            return Vec::new();
        }
        let run = self.state.running.take().map(|run| format!("{RUN}={run}"));
        let group = self.state.running_group.take();
        let mut left = run.map_or_else(Vec::new, |run| group::all_with(&run));
        left.extend(
            group
                .filter(|(group, begun)| group::is_still(*group, *begun))
                .map(|(group, _)| group),
        );
        left.sort_unstable();
        left.dedup();
        left.retain(|group| {
            warn!("Ending the command that an earlier run has left ({group}).");
            !group::end(*group, GRACE)
        });
        left
    }

    /// The command that runs leads this process group.
    pub fn enter_group(&mut self, group: i32) {
        self.state.running_group = group::begun(group).map(|begun| (group, begun));
    }

    /// A name for one run of a command that no other run has, of this or another heartbeat.
    pub fn name_run(&mut self) -> String {
        self.runs += 1;
        format!("{}-{}-{}", std::process::id(), self.begun, self.runs)
    }

    /// A command is about to run, as `run`, and the decision no longer knows where its action's node is: should we die,
    /// the next heartbeat will run it again, but not beside this one. Gives whether it may run. If the file can be neither
    /// written, removed nor emptied, what leads out may: at worst the next one-shot believes a node to be in that is out.
    /// A promotion may not: it would believe a node to be out that is in.
    pub fn may_run(&mut self, due: Due, decision: &Decision, run: &str) -> bool {
        (self.state.running, self.state.running_group) = (Some(run.to_owned()), None);
        let leads_in = matches!(
            due,
            Due::Command {
                place: Place::Promoted,
                ..
            }
        );
        if self.save(decision) || self.file.forget().is_ok() || !leads_in {
            return true;
        }
        error!("No promotion is run while the state file can be neither written nor removed.");
        (self.state.running, self.state.running_group) = (None, None);
        false
    }

    /// Writes what is known, and gives whether that could be done. The first of several failures is told, and that it works
    /// again.
    pub fn save(&mut self, decision: &Decision) -> bool {
        self.draw(decision);
        self.write().is_ok()
    }

    /// The same at the start, where only a full disk is no reason not to begin: it must not leave a dead service in
    /// rotation.
    ///
    /// # Errors
    /// The system's.
    pub fn save_first(&mut self, decision: &Decision) -> io::Result<()> {
        self.draw(decision);
        match self.write() {
            Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if self.is_rehearsal {
            return Ok(());
        }
        let result = self.file.save(&self.state);
        match &result {
            Ok(()) if !self.is_kept => info!("The state is kept again."),
            Err(error) if self.is_kept => {
                error!("The state could not be kept: {}.", reason(error));
            }
            _ => {}
        }
        self.is_kept = result.is_ok();
        result
    }

    /// Takes over what has been decided.
    fn draw(&mut self, decision: &Decision) {
        self.state.written = Moment::now();
        self.state.valid_until = self.state.written + self.validity;
        self.state.system = decision.verdict(SYSTEM).into();
        for (place, check) in self.state.checks.iter_mut().enumerate() {
            check.track = decision.judge().track(place);
        }
        for (place, action) in self.state.actions.iter_mut().enumerate() {
            let progress = &decision.goal().actions()[place];
            action.applied = progress.applied();
            (action.wanted, action.tries) = (progress.wanted, progress.tries);
            action.is_held = decision.goal().is_held(place);
            action.verdict = decision.verdict(decision.scope_of(place)).into();
        }
    }
}

/// How long a state says something about the present: until the round after the next.
fn validity(config: &Config) -> Duration {
    config.general.pace.interval * 2 + Duration::from_secs(1)
}
