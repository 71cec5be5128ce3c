//! `[general]`: how heartbeat runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ini::{Document, Section};
use super::interpolate::{self, DEFAULT};
use super::sections::sections;
use super::{General, LogLevel, LogTarget, OnExit, Scope};
use crate::schedule::Pace;
use crate::settings::{self, Problem, Settings};

/// The section's name.
pub const GENERAL: &str = "general";

/// Where the state is by default.
const STATEFILE: &str = "heartbeat.state";

/// The keys of `[general]`.
pub const GENERAL_KEYS: [&str; 15] = [
    "action_timeout",
    "daemonize",
    "demotion_guard",
    "fast_interval",
    "group",
    "interval",
    "logfile",
    "loglevel",
    "on_exit",
    "pidfile",
    "reassert",
    "scope",
    "statefile",
    "threads",
    "user",
];

/// Where the state is, whatever else is wrong with the file.
pub fn statefile(document: &Document) -> PathBuf {
    let section = sections(document, GENERAL).next();
    let absent = absent();
    let defaults: Vec<_> = sections(document, DEFAULT).collect();
    let values = interpolate::resolve(section.unwrap_or(&absent), &defaults, &mut Vec::new());
    let mut settings = Settings::new(GENERAL, 1, values);
    settings.or("statefile", STATEFILE.into(), file)
}

/// What stands where nothing is written.
fn absent() -> Section {
    Section {
        name: GENERAL.to_owned(),
        line: 1,
        entries: Vec::new(),
    }
}

/// Reads `[general]` of the file at `path`; where there is none, everything has its default.
pub fn read(path: &Path, document: &Document, problems: &mut Vec<Problem>) -> Option<General> {
    let absent = absent();
    let before = problems.len();
    let section = sections(document, GENERAL).next().unwrap_or(&absent);
    let defaults: Vec<_> = sections(document, DEFAULT).collect();
    let values = interpolate::resolve(section, &defaults, problems);
    let mut settings = Settings::new(GENERAL, section.line, values);
    let general = read_general(&mut settings);
    if general.pace.fast > general.pace.interval {
        let interval = settings::seconds(general.pace.interval);
        let text = format!("longer than the interval of {interval}; it is the pace while in doubt");
        settings.note("fast_interval", text);
    }
    for (key, text) in clashes(path, &general) {
        settings.note(key, text);
    }
    if general.daemonize && general.logfile == LogTarget::Stderr {
        settings.note(
            "logfile",
            "a daemon has no stderr; name a file, or leave out daemonize",
        );
    }
    problems.extend(settings.into_problems());
    (problems.len() == before).then_some(general)
}

fn read_general(settings: &mut Settings) -> General {
    let log = |text: &str| match text {
        "stderr" => Ok(LogTarget::Stderr),
        _ => file(text).map(LogTarget::File),
    };
    let minute = Duration::from_secs(60);
    let interval = settings.or("interval", minute, settings::duration);
    General {
        user: settings.or("user", None, |text| account(text, "user")),
        group: settings.or("group", None, |text| account(text, "group")),
        logfile: settings.or("logfile", LogTarget::File("heartbeat.log".into()), log),
        loglevel: settings.or("loglevel", LogLevel::Info, level),
        pidfile: settings.or("pidfile", "heartbeat.pid".into(), file),
        statefile: settings.or("statefile", STATEFILE.into(), file),
        threads: settings.optional("threads", settings::threads),
        daemonize: settings.or("daemonize", false, settings::yes_no),
        pace: Pace {
            interval,
            fast: settings.or("fast_interval", interval, settings::duration),
        },
        action_timeout: settings.or("action_timeout", minute, settings::duration),
        scope: settings.or("scope", Scope::System, scope),
        on_exit: settings.or("on_exit", OnExit::Keep, on_exit),
        reassert: settings.or("reassert", None, reassert),
        demotion_guard: settings.or("demotion_guard", None, guard),
    }
}

fn file(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("is not the name of a file".to_owned()),
        _ => Ok(PathBuf::from(text)),
    }
}

fn account(text: &str, what: &str) -> Result<Option<String>, String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == ':' || c == '/';
    if text.eq_ignore_ascii_case("none") {
        Ok(None)
    } else if text.is_empty() || text.contains(odd) {
        Err(format!("is not a {what}'s name (None: as started)"))
    } else {
        Ok(Some(text.to_owned()))
    }
}

fn scope(text: &str) -> Result<Scope, String> {
    match text.to_ascii_lowercase().as_str() {
        "system" => Ok(Scope::System),
        "action" => Ok(Scope::Action),
        _ => Err("is not a scope (system, action)".to_owned()),
    }
}

fn on_exit(text: &str) -> Result<OnExit, String> {
    match text.to_ascii_lowercase().as_str() {
        "keep" => Ok(OnExit::Keep),
        "demote" => Ok(OnExit::Demote),
        _ => Err("is not what to do on exit (keep, demote)".to_owned()),
    }
}

fn reassert(text: &str) -> Result<Option<Duration>, String> {
    match text.to_ascii_lowercase().as_str() {
        "off" | "none" | "no" => Ok(None),
        _ => settings::duration(text)
            .map(Some)
            .map_err(|wrong| format!("{wrong}, or off")),
    }
}

fn guard(text: &str) -> Result<Option<String>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    settings::command(text).map(|()| Some(text.to_owned()))
}

fn level(text: &str) -> Result<LogLevel, String> {
    match text.to_ascii_uppercase().as_str() {
        "DEBUG" => Ok(LogLevel::Debug),
        "INFO" => Ok(LogLevel::Info),
        "WARNING" => Ok(LogLevel::Warning),
        "ERROR" => Ok(LogLevel::Error),
        "CRITICAL" => Ok(LogLevel::Critical),
        _ => Err("is not a level (DEBUG, INFO, WARNING, ERROR, CRITICAL)".to_owned()),
    }
}

/// heartbeat writes log, pidfile and state, their backups and what will replace them; two in one file, or one over the
/// configuration at `config`, would destroy it. Gives the key of each such file, and which other one it is.
pub fn clashes(config: &Path, general: &General) -> Vec<(&'static str, String)> {
    let mut seen = vec![("this configuration".to_owned(), absolute(config))];
    let mut clashes = Vec::new();
    for (key, own) in files(general) {
        for (_, path) in &own {
            if let Some((other, _)) = seen.iter().find(|(_, seen)| seen == path) {
                clashes.push((key, format!("the same file as {other}")));
            }
        }
        seen.extend(own);
    }
    clashes
}

/// By key, everything that heartbeat writes: names and places.
fn files(general: &General) -> Vec<(&'static str, Vec<(String, PathBuf)>)> {
    let log = match &general.logfile {
        LogTarget::File(path) => Some(path.as_path()),
        LogTarget::Stderr => None,
    };
    let state = [".new", ".maintenance", ".maintenance.new"].as_slice();
    let files = [
        ("logfile", log, [".new", ".1", ".2", ".3", ".4"].as_slice()),
        ("statefile", Some(general.statefile.as_path()), state),
        ("pidfile", Some(general.pidfile.as_path()), &[]),
    ];
    let with_endings = |(key, path, endings): (&'static str, Option<&Path>, &[&str])| {
        let path = absolute(path?);
        let mut own = vec![(key.to_owned(), path.clone())];
        own.extend(endings.iter().map(|end| {
            let mut name = path.clone().into_os_string();
            name.push(end);
            (format!("{key}{end}"), name.into())
        }));
        Some((key, own))
    };
    files.into_iter().filter_map(with_endings).collect()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
