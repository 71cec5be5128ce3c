//! Records to lines, and lines to the log and the terminal.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use chrono::Local;
use log::{LevelFilter, Record};

use super::logfile::{LogFile, Trouble};
use super::stderr;
use crate::config::{LogLevel, LogTarget};
use crate::mutex::lock;
use crate::settings::plain;

/// Records with this target are CRITICAL.
pub const CRITICAL: &str = "critical";

/// The running logger, to be reopened and changed.
#[derive(Debug, Clone)]
pub struct Logger {
    sink: Arc<Mutex<Sink>>,
    /// CRITICAL is no level of the log crate: it is what is left when everything else is not wanted.
    is_critical_only: Arc<AtomicBool>,
    on_terminal: bool,
}

/// Where lines go.
#[derive(Debug)]
pub struct Sink {
    file: Option<LogFile>,
    on_stderr: bool,
    /// stderr is the log, and goes to journald.
    is_journal: bool,
    /// Lines that stderr did not take.
    lost: stderr::Backlog,
}

impl Logger {
    /// Opens the log and takes every record from here on. `terminal`: show it on stderr too, if that is one.
    ///
    /// # Errors
    /// The log cannot be opened: where, and why not.
    pub fn install(target: &LogTarget, level: LogLevel, terminal: bool) -> anyhow::Result<Self> {
        let on_terminal = terminal && io::stderr().is_terminal();
        let logger = Self {
            sink: Arc::new(Mutex::new(Sink::open(target, on_terminal)?)),
            is_critical_only: Arc::default(),
            on_terminal,
        };
        let (sink, is_critical_only) = (
            Arc::clone(&logger.sink),
            Arc::clone(&logger.is_critical_only),
        );
        fern::Dispatch::new()
            .level(LevelFilter::Debug)
            // The libraries' own talk repeats what a failure says, and names what it should not.
            .level_for("ureq", LevelFilter::Off)
            .level_for("ureq_proto", LevelFilter::Off)
            .filter(move |meta| {
                !is_critical_only.load(Ordering::Relaxed) || meta.target() == CRITICAL
            })
            .chain(fern::Output::call(move |record| {
                lock(&sink).write(record);
            }))
            .apply()?;
        logger.set_level(level);
        Ok(logger)
    }

    /// Opens the log file again, as after it has been moved away.
    ///
    /// # Errors
    /// The old file goes on.
    pub fn reopen(&self) -> io::Result<()> {
        match &mut lock(&self.sink).file {
            Some(file) => file.reopen(),
            None => Ok(()),
        }
    }

    /// Opens another place.
    ///
    /// # Errors
    /// It cannot be opened: where, and why not.
    pub fn open(&self, target: &LogTarget) -> anyhow::Result<Sink> {
        Sink::open(target, self.on_terminal)
    }

    /// Lines go there from here on.
    pub fn move_to(&self, sink: Sink) {
        *lock(&self.sink) = sink;
    }

    /// Another least level from here on.
    pub fn set_level(&self, level: LogLevel) {
        let is_critical_only = level == LogLevel::Critical;
        self.is_critical_only
            .store(is_critical_only, Ordering::Relaxed);
        log::set_max_level(filter(level));
    }
}

impl Sink {
    fn open(target: &LogTarget, on_terminal: bool) -> anyhow::Result<Self> {
        let file = match target {
            LogTarget::File(path) => Some(open(path)?),
            LogTarget::Stderr => None,
        };
        Ok(Self {
            on_stderr: file.is_none() || on_terminal,
            is_journal: file.is_none() && stderr::is_journal(),
            file,
            lost: stderr::Backlog::default(),
        })
    }

    fn write(&mut self, record: &Record) {
        let (level, message) = (level(record), record.args().to_string());
        if let Some(file) = &mut self.file {
            file.write(&formatted(level, &message), |trouble| {
                formatted(LogLevel::Error, &told(trouble))
            });
        }
        if self.on_stderr {
            let form = if self.is_journal {
                for_journal
            } else {
                formatted
            };
            stderr::offer(&form(level, &message), &mut self.lost, |lost| {
                form(LogLevel::Error, &lost_lines(lost))
            });
        }
    }
}

fn open(path: &Path) -> anyhow::Result<LogFile> {
    LogFile::open(path).map_err(|error| {
        let refusal = crate::file::refusal(path, &error);
        anyhow::anyhow!("logfile {}: {refusal}", path.display())
    })
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Error | LogLevel::Critical => LevelFilter::Error,
    }
}

fn told(trouble: Trouble) -> String {
    match trouble {
        Trouble::Lost(lost) => lost_lines(lost),
        Trouble::NotRotated(why) => format!("The log cannot be rotated, and grows: {why}."),
    }
}

fn lost_lines(lost: u64) -> String {
    let lines = if lost == 1 { "line" } else { "lines" };
    format!("{lost} {lines} of the log could not be written.")
}

fn level(record: &Record) -> LogLevel {
    match record.level() {
        log::Level::Error if record.target() == CRITICAL => LogLevel::Critical,
        log::Level::Error => LogLevel::Error,
        log::Level::Warn => LogLevel::Warning,
        log::Level::Info => LogLevel::Info,
        log::Level::Debug | log::Level::Trace => LogLevel::Debug,
    }
}

/// `<3>message`: journald takes the level from there, and the time from its own clock (`sd-daemon(3)`).
fn for_journal(level: LogLevel, message: &str) -> String {
    let severity = match level {
        LogLevel::Critical => 2,
        LogLevel::Error => 3,
        LogLevel::Warning => 4,
        LogLevel::Info => 6,
        LogLevel::Debug => 7,
    };
    format!("<{severity}>{}\n", plain(message))
}

/// `2026-11-22 15:04:05 INFO     message`, local time; whatever the message holds stays on one line.
fn formatted(level: LogLevel, message: &str) -> String {
    let now = Local::now().format("%Y-%m-%d %H:%M:%S");
    format!("{now} {level:<8} {}\n", plain(message))
}
