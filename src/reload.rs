//! A configuration beside the one before it: what is the same thing, and what has changed.

use crate::check::Check;
use crate::config::{Action, Config, General};
use crate::decision::Origin;

/// From one configuration to the next.
#[derive(Debug)]
pub struct Change {
    /// For each check, which one of the old it is. One whose probe is another one is new.
    checks: Vec<Option<usize>>,
    /// For each action, which one of the old it is.
    actions: Vec<Option<usize>>,
    /// `Added: check c. Removed: …`, for the log.
    pub text: String,
}

impl Change {
    /// Compares `new` with `old`. What needs a restart is put back in `new`, and said.
    #[must_use]
    pub fn between(old: &Config, new: &mut Config) -> Self {
        let restart = keep(&old.general, &mut new.general);
        let mut lists = Lists::default();
        for check in new.checks.iter() {
            let before = old.checks.iter().find(|old| old.name == check.name);
            lists.enter(
                "check",
                &check.name,
                before.map(|old| is_same_check(old, check)),
            );
        }
        for action in &new.actions {
            let before = old.actions.iter().find(|old| old.name == action.name);
            lists.enter(
                "action",
                &action.name,
                before.map(|old| is_same_action(old, action)),
            );
        }
        let gone = |name: &&String, names: &[&String]| !names.contains(name);
        let checks: Vec<_> = new.checks.iter().map(|check| &check.name).collect();
        let actions: Vec<_> = new.actions.iter().map(|action| &action.name).collect();
        let old_checks = old.checks.iter().map(|check| &check.name);
        let old_actions = old.actions.iter().map(|action| &action.name);
        let removed = old_checks
            .filter(|name| gone(name, &checks))
            .map(|name| format!("check {name}"));
        lists.removed.extend(removed);
        let removed = old_actions
            .filter(|name| gone(name, &actions))
            .map(|name| format!("action {name}"));
        lists.removed.extend(removed);
        lists
            .changed
            .extend(changed_keys(&old.general, &new.general));
        Self {
            checks: new
                .checks
                .iter()
                .map(|check| same_probe(old, check))
                .collect(),
            actions: new
                .actions
                .iter()
                .map(|action| same_name(old, action))
                .collect(),
            text: lists.text(&restart),
        }
    }

    /// Where the new configuration's things were.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            checks: &self.checks,
            actions: &self.actions,
        }
    }
}

/// Tells them apart by name; a name whose probe is another one is another check.
fn same_probe(old: &Config, check: &Check) -> Option<usize> {
    let is_same = |old: &Check| old.name == check.name && old.identity == check.identity;
    old.checks.iter().position(is_same)
}

fn same_name(old: &Config, action: &Action) -> Option<usize> {
    old.actions.iter().position(|old| old.name == action.name)
}

fn is_same_check(old: &Check, new: &Check) -> bool {
    let shown = |check: &Check| {
        let Check {
            timeout,
            thresholds,
            ..
        } = *check;
        (
            check.identity.clone(),
            timeout,
            thresholds,
            check.actions.clone(),
        )
    };
    shown(old) == shown(new)
}

fn is_same_action(old: &Action, new: &Action) -> bool {
    (&old.promotion, &old.demotion) == (&new.promotion, &new.demotion)
}

/// Puts back what was decided at the start. Gives the keys that would have changed.
fn keep(old: &General, new: &mut General) -> Vec<&'static str> {
    let kept = General {
        user: old.user.clone(),
        group: old.group.clone(),
        pidfile: old.pidfile.clone(),
        daemonize: old.daemonize,
        ..new.clone()
    };
    let keys = differences(new, &kept);
    *new = kept;
    keys
}

fn changed_keys(old: &General, new: &General) -> Vec<String> {
    let keys = differences(old, new).into_iter();
    keys.map(|key| format!("[general] {key}")).collect()
}

fn differences(one: &General, other: &General) -> Vec<&'static str> {
    let both = one.shown().into_iter().zip(other.shown());
    both.filter(|(one, other)| one.1 != other.1)
        .map(|(one, _)| one.0)
        .collect()
}

#[derive(Default)]
struct Lists {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
}

impl Lists {
    /// `same`: whether it is what it was; `None`: there was none.
    fn enter(&mut self, what: &str, name: &str, same: Option<bool>) {
        let thing = format!("{what} {name}");
        match same {
            None => self.added.push(thing),
            Some(false) => self.changed.push(thing),
            Some(true) => {}
        }
    }

    fn text(&self, restart: &[&str]) -> String {
        let restart: Vec<String> = restart.iter().map(|key| (*key).to_owned()).collect();
        let lists = [
            ("Added", &self.added),
            ("Removed", &self.removed),
            ("Changed", &self.changed),
            ("Needs a restart", &restart),
        ];
        let full = lists.iter().filter(|(_, list)| !list.is_empty());
        let texts: Vec<_> = full
            .map(|(word, list)| format!("{word}: {}.", list.join(", ")))
            .collect();
        if texts.is_empty() {
            return "Nothing has changed.".to_owned();
        }
        texts.join(" ")
    }
}
