//! What the operator changes while heartbeat runs: maintenance, and the configuration.

use std::path::Path;
use std::time::SystemTime;

use nix::unistd::{AccessFlags, access};

use super::{Daemon, LOOK};
use crate::cli::Mode;
use crate::clock::Moment;
use crate::config::{Config, General, LogTarget};
use crate::converge::Order;
use crate::file;
use crate::maintenance::{self, Maintenance, Watch};
use crate::reload::Change;
use crate::report;
use crate::state::StateFile;

impl Daemon {
    /// Looks now and then whether the operator has said something new.
    pub(super) fn look_at_maintenance(&mut self) {
        let now = Moment::now();
        if self.looked.is_none_or(|last| now.since(last) >= LOOK / 2) {
            self.heed_maintenance();
        }
    }

    fn heed_maintenance(&mut self) {
        let is_first = self.looked.replace(Moment::now()).is_none();
        let is_read = self.parts.watch.look();
        let in_force = self.parts.watch.in_force(SystemTime::now()).cloned();
        if in_force.is_none() && self.in_force.is_some() && !self.parts.dry_run {
            self.parts.watch.clear_away();
        }
        if let Some(damage) = self.parts.watch.damage().filter(|_| is_read) {
            report::damaged(self.parts.watch.path(), damage, in_force.as_ref());
        }
        // What has ended while nobody looked is told by whoever looks first.
        let left = self.parts.ledger.maintenance().filter(|_| is_first);
        let before = left.or(self.in_force.as_ref());
        if in_force != self.in_force || before != in_force.as_ref() {
            report::maintenance(before, in_force.as_ref());
        }
        let has_changed = in_force != self.in_force;
        if has_changed {
            self.obey(in_force);
        }
        if has_changed || is_read {
            let damage = self.parts.watch.damage();
            let ledger = &mut self.parts.ledger;
            ledger.enter_maintenance(self.in_force.as_ref(), damage);
            self.save();
        }
    }

    fn obey(&mut self, in_force: Option<Maintenance>) {
        let order = in_force.as_ref().map(Maintenance::order);
        let order = order.unwrap_or(Order::None);
        self.in_force = in_force;
        self.parts.decision.obey(order);
        if order == Order::Drain {
            self.parts.runner.interrupt_guard();
        }
        self.tell_manager();
    }

    /// Reads the configuration anew; it comes into force between two rounds.
    pub(super) fn read_again(&mut self) {
        // A pipe would keep the loop waiting for whoever writes to it.
        if !self.parts.path.is_file() {
            let path = self.parts.path.display().to_string();
            self.refuse(&format!("{path}: is not there, or not a file"));
            return;
        }
        match Config::load(&self.parts.path) {
            Ok(config) => self.newer = Some(config),
            Err(problems) => self.refuse(&problems.to_string()),
        }
    }

    fn refuse(&mut self, problems: &str) {
        report::refused(problems);
        self.newer = None;
        self.parts.ledger.enter_refusal(problems);
        self.parts.manager.reloaded();
        self.save();
    }

    pub(super) fn swap_between_rounds(&mut self) {
        let is_between = self.parts.decision.judge().is_round_complete() || self.is_round_due();
        if self.stopping.is_none()
            && let Some(config) = self.newer.take_if(|_| is_between)
            && let Err(error) = self.swap(config)
        {
            self.refuse(&format!("{error:#}"));
        }
    }

    /// Puts another configuration into force. What can fail comes first.
    fn swap(&mut self, mut config: Config) -> anyhow::Result<()> {
        let change = Change::between(&self.parts.config, &mut config);
        self.fits(&config.general)?;
        // What the operator has said last goes along.
        self.heed_maintenance();
        let in_force = self.in_force.clone();
        let (parts, new) = (&mut self.parts, &config.general);
        let threads = parts.pool.threads_for(config.workers())?;
        let is_other = parts.config.general.logfile != new.logfile;
        let sink = is_other
            .then(|| parts.logger.open(&new.logfile))
            .transpose()
            .map_err(|error| also(error, may_write_beside(&new.statefile)))?;
        let place = maintenance::path_beside(&new.statefile);
        let has_moved = place != parts.watch.path();
        let is_carried = has_moved && !parts.dry_run;
        let is_put = is_carried && carry(in_force.as_ref(), &place)?;
        let moved = parts.ledger.move_to(StateFile::new(&new.statefile));
        moved.map_err(|error| {
            if is_put {
                // It would be obeyed by whoever comes there next.
                let _ = maintenance::resume(&place);
            }
            let refusal = file::refusal(&new.statefile, &error);
            anyhow::anyhow!("statefile {}: {refusal}", new.statefile.display())
        })?;
        if let Some(sink) = sink {
            parts.logger.move_to(sink);
        }
        parts.logger.set_level(new.loglevel);
        if is_carried {
            // At worst it is there for whoever goes back to it.
            let _ = maintenance::resume(parts.watch.path());
        }
        if has_moved {
            parts.watch = Watch::new(place, in_force);
        }
        let checks = config.checks.clone();
        parts.pool.replace(checks, change.origin().checks, threads);
        self.succeed(config, &change);
        Ok(())
    }

    /// Whether it goes with what was decided at the start: the pidfile, which is the lock, is still the old one.
    fn fits(&self, new: &General) -> anyhow::Result<()> {
        if new.logfile == LogTarget::Stderr && self.parts.mode == Mode::Daemon {
            anyhow::bail!("logfile = stderr: a daemon has no stderr");
        }
        match new.clashes(&self.parts.path).first() {
            Some((key, other)) => {
                anyhow::bail!("[general] {key}: {other}, which stays until the next restart")
            }
            None => Ok(()),
        }
    }

    /// What is known goes on with the new configuration, which cannot fail any more.
    fn succeed(&mut self, config: Config, change: &Change) {
        let (parts, origin) = (&mut self.parts, change.origin());
        let actions = parts
            .config
            .actions
            .iter()
            .zip(parts.decision.goal().actions());
        for (place, (action, progress)) in actions.enumerate() {
            if !origin.actions.contains(&Some(place)) {
                report::left_behind(
                    &action.name,
                    progress.applied().map(|applied| applied.place),
                );
            }
        }
        parts.decision.succeed(config.plan(), origin, Moment::now());
        parts.ledger.succeed(&config, origin);
        parts.runner.change(&config);
        self.schedule.change(config.general.pace);
        let new_place = |old| origin.checks.iter().position(|from| *from == Some(old));
        self.report.moved(new_place);
        let is_new = |warning: &&String| !parts.config.warnings.contains(warning);
        let warnings: Vec<_> = config.warnings.iter().filter(is_new).collect();
        report::reloaded(parts.ledger.generation(), &change.text, &warnings);
        parts.config = config;
        // Of a round that the swap has cut short there is nothing to tell.
        self.round_told = true;
        parts.manager.reloaded();
        self.tell_manager();
        self.save();
    }
}

/// Two problems are told at once. Whether a state can be kept is only known when it has been; that it cannot is known
/// before.
fn also(error: anyhow::Error, other: anyhow::Result<()>) -> anyhow::Error {
    match other {
        Ok(()) => error,
        Err(other) => anyhow::anyhow!("{error:#}\n{other:#}"),
    }
}

fn may_write_beside(statefile: &Path) -> anyhow::Result<()> {
    let folder = statefile.parent().filter(|path| *path != Path::new(""));
    let rights = AccessFlags::W_OK | AccessFlags::X_OK;
    access(folder.unwrap_or(Path::new(".")), rights).map_err(|error| {
        let refusal = file::refusal(statefile, &error.into());
        anyhow::anyhow!("statefile {}: {refusal}", statefile.display())
    })
}

/// What is in force stays so beside a state file that has moved, unless something has been ordered there already, as by an
/// operator who had the new configuration before we had. Gives whether it was put there.
fn carry(in_force: Option<&Maintenance>, to: &Path) -> anyhow::Result<bool> {
    let is_free =
        !matches!(maintenance::read(to), Ok(Some(there)) if there.is_in_force(SystemTime::now()));
    match in_force.filter(|_| is_free) {
        Some(in_force) => maintenance::enter(to, in_force)
            .map(|()| true)
            .map_err(|error| anyhow::anyhow!("maintenance: {}", file::reason(&error))),
        None => Ok(false),
    }
}
