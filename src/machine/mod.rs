//! What `-t` can know of the machine without running or asking anything: files that the user heartbeat runs as cannot
//! read, programs that are not there, the end of certificates.

pub mod word;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access, geteuid};

use crate::check::{Check, Need};
use crate::config::Config;
use crate::file::reason;
use crate::process::identity::Identity;
use crate::settings::quote;

/// Where a shell looks beside `PATH`, or a service that is started with another one.
const USUAL_FOLDERS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A line for each thing that is worth knowing. Becomes the user that heartbeat would run as, so that the kernel says
/// what that one may do; there is no way back, so nothing but `-t` can call it.
#[must_use]
pub fn lines(config: &Config, path: &Path) -> Vec<String> {
    // One that came through a pipe is not there a second time, and needs no second look.
    let own = path.is_file().then(|| path.to_owned());
    let mut lines = Vec::new();
    match become_user(config) {
        Ok(Some(user)) => lines.extend(unreadable(config, own, &user)),
        Ok(None) => {}
        Err(why) => lines.push(format!("{why}; what that user may read is not known")),
    }
    lines.extend(ends(config));
    lines.extend(missing_programs(config));
    distinct(lines)
}

/// Files and commands are shared by many checks.
fn distinct(mut lines: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    lines
}

/// The name of the user that this process has become; `None`: it stays who it is.
fn become_user(config: &Config) -> Result<Option<String>, String> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let became = Identity::wanted(&config.general).and_then(|identity| match identity {
        Some(identity) => identity.assume().map(|()| true),
        None => Ok(false),
    });
    let name = config
        .general
        .user
        .clone()
        .unwrap_or_else(|| "root".to_owned());
    match became {
        Ok(became) => Ok(became.then_some(name)),
        Err(error) => Err(format!("{error:#}")),
    }
}

fn needs(config: &Config) -> impl Iterator<Item = &Need> {
    config.checks.iter().flat_map(Check::needs)
}

/// They have been read by root already: it is the reload that cannot.
fn unreadable(config: &Config, own: Option<PathBuf>, user: &str) -> Vec<String> {
    let line = |what: &str, path: &Path| {
        let error = File::open(path).err()?;
        let shown = quote(&path.display().to_string());
        let why = reason(&error);
        Some(format!(
            "{what} {shown} cannot be read by user {user} ({why}): a start by root can, a reload will be refused"
        ))
    };
    let named = needs(config).filter_map(|need| match need {
        Need::File { key, path, .. } => line(key, path),
        Need::Command(_) => None,
    });
    let own = own.and_then(|path| line("configuration", &path));
    own.into_iter().chain(named).collect()
}

fn ends(config: &Config) -> impl Iterator<Item = String> {
    needs(config).filter_map(|need| match need {
        Need::File { key, path, says } => {
            let shown = quote(&path.display().to_string());
            says.as_ref().map(|says| format!("{key} {shown}: {says}"))
        }
        Need::Command(_) => None,
    })
}

fn missing_programs(config: &Config) -> Vec<String> {
    let actions = config.actions.iter().flat_map(|action| {
        let named = |kind: &str| format!("{kind} of {}", action.name);
        [
            (named("promotion"), &action.promotion),
            (named("demotion"), &action.demotion),
        ]
    });
    let guard = config.general.demotion_guard.iter();
    let guard = guard.map(|command| ("demotion_guard".to_owned(), command));
    let checks = config.checks.iter().flat_map(|check| {
        let commands = check.needs().iter().filter_map(|need| match need {
            Need::Command(command) => Some(command),
            Need::File { .. } => None,
        });
        commands.map(|command| (format!("command of {}", check.name), command))
    });
    let commands = actions.chain(guard).chain(checks);
    let missing = commands.flat_map(|(name, command)| {
        let programs = word::programs(command).into_iter();
        let missing = programs.filter(|program| !is_there(program));
        let line = move |program: &str| {
            let shown = quote(program);
            // One without a folder is looked for in many.
            if program.starts_with('/') && Path::new(program).exists() {
                format!("{name}: {shown} is there, and cannot be run")
            } else {
                format!("{name}: no program {shown} here")
            }
        };
        missing.map(line).collect::<Vec<_>>()
    });
    missing.collect()
}

/// Whether the shell would find it, by `PATH` or in a usual folder. Where a relative path leads to is only known when
/// heartbeat is started.
fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return !program.starts_with('/') || is_program(Path::new(program));
    }
    let own = std::env::var("PATH").unwrap_or_default();
    let mut folders = own.split(':').chain(USUAL_FOLDERS.split(':'));
    folders.any(|folder| is_program(&Path::new(folder).join(program)))
}

fn is_program(path: &Path) -> bool {
    let is_file = fs::metadata(path).is_ok_and(|meta| meta.is_file());
    is_file && access(path, AccessFlags::X_OK).is_ok()
}
