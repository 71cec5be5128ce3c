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
            return "Nothing has changed in the file.".to_owned();
        }
        let is_new = self.added.iter().any(|thing| thing.starts_with("action "));
        let note = if is_new {
            " A new action waits for the next transition, or a restart."
        } else {
            ""
        };
        texts.join(" ") + note
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config(general: &str, actions: &[(&str, &str)], checks: &str) -> Config {
        let lines = |with: &str| -> String {
            let lines = actions
                .iter()
                .map(|(name, command)| format!("{name} = {command} {with}\n"));
            lines.collect()
        };
        let (on, off) = (lines("on"), lines("off"));
        let text = format!("[general]\n{general}\n[promotions]\n{on}[demotions]\n{off}{checks}");
        Config::parse(Path::new("c"), &text).expect("a good one")
    }

    fn check(name: &str, port: u16, rest: &str) -> String {
        format!("[{name}]\nport = {port}\n{rest}\n")
    }

    #[test]
    fn the_same_is_nothing() {
        let one = || config("", &[("x", "x")], &check("web", 1, "action = x"));
        let (old, mut new) = (one(), one());
        let change = Change::between(&old, &mut new);
        assert_eq!(change.text, "Nothing has changed in the file.");
        assert_eq!(
            (change.checks, change.actions),
            (vec![Some(0)], vec![Some(0)])
        );
    }

    #[test]
    fn things_are_known_by_their_names() {
        let old_checks = check("a", 1, "action = x")
            + &check("b", 2, "action = y")
            + &check("c", 3, "action = x");
        let new_checks = check("c", 3, "action = z\nfall = 2")
            + &check("b", 7, "action = y")
            + &check("d", 4, "action = y");
        let old = config("interval = 1", &[("x", "x"), ("y", "y")], &old_checks);
        let mut new = config(
            "interval = 2\nfast_interval = 1",
            &[("y", "other"), ("z", "z")],
            &new_checks,
        );
        let change = Change::between(&old, &mut new);
        assert_eq!(
            change.checks,
            [Some(2), None, None],
            "another port is another probe"
        );
        assert_eq!(change.actions, [Some(1), None]);
        assert_eq!(
            change.text,
            "Added: check d, action z. Removed: check a, action x. \
             Changed: check c, check b, action y, [general] interval. \
             A new action waits for the next transition, or a restart."
        );
    }

    #[test]
    fn what_was_decided_at_the_start_stays() {
        let checks = check("web", 1, "action = x");
        let old = config("pidfile = a", &[("x", "x")], &checks);
        let mut new = config("pidfile = b\ndaemonize = yes", &[("x", "x")], &checks);
        let change = Change::between(&old, &mut new);
        assert_eq!(change.text, "Needs a restart: daemonize, pidfile.");
        assert_eq!(new.general.pidfile, old.general.pidfile);
        assert!(!new.general.daemonize);
    }
}
