//! Records to lines, and lines to the log and the terminal.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Local;
use log::{LevelFilter, Record};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::logfile::LogFile;
use crate::config::{LogLevel, LogTarget};
use crate::settings::plain;

/// Records with this target are CRITICAL.
pub const CRITICAL: &str = "critical";

/// The running logger, to be reopened.
#[derive(Debug, Clone)]
pub struct Logger {
    file: Option<Arc<Mutex<LogFile>>>,
}

impl Logger {
    /// Opens the log and takes every record from here on. `terminal`: show it on stderr too, if that is one.
    ///
    /// # Errors
    /// The log cannot be opened: where, and why not.
    pub fn install(target: &LogTarget, level: LogLevel, terminal: bool) -> anyhow::Result<Self> {
        let file = match target {
            LogTarget::File(path) => Some(Arc::new(Mutex::new(open(path)?))),
            LogTarget::Stderr => None,
        };
        let on_stderr = file.is_none() || terminal && io::stderr().is_terminal();
        let mut dispatch = fern::Dispatch::new()
            .level(filter(level))
            // The libraries' own talk repeats what a failure says, and names what it should not.
            .level_for("ureq", LevelFilter::Off)
            .level_for("ureq_proto", LevelFilter::Off)
            .filter(move |meta| level < LogLevel::Critical || meta.target() == CRITICAL);
        if let Some(file) = file.clone() {
            dispatch = dispatch.chain(fern::Output::call(move |record| to_file(&file, record)));
        }
        if on_stderr {
            let lost = AtomicU64::new(0);
            let show = move |record: &Record| to_stderr(&line(record), &lost);
            dispatch = dispatch.chain(fern::Output::call(show));
        }
        dispatch.apply()?;
        Ok(Self { file })
    }

    /// Opens the log file again, as after it has been moved away.
    ///
    /// # Errors
    /// The old file goes on.
    pub fn reopen(&self) -> io::Result<()> {
        match &self.file {
            Some(file) => file.lock().unwrap_or_else(PoisonError::into_inner).reopen(),
            None => Ok(()),
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

fn to_file(file: &Mutex<LogFile>, record: &Record) {
    file.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .write(&line(record), lost_lines);
}

fn lost_lines(lost: u64) -> String {
    let lines = if lost == 1 { "line" } else { "lines" };
    let text = format!("{lost} {lines} of the log could not be written.");
    formatted(LogLevel::Error, &text)
}

/// Writes a line if that can be done at once: a terminal that has been stopped, or a pipe that nobody reads, must not
/// hold up the loop. fern's own output to stderr would wait, and panic when it cannot write at all.
fn to_stderr(line: &str, lost: &AtomicU64) {
    /// What a pipe that is ready takes without waiting: `PIPE_BUF`, pipe(7).
    const PIECE: usize = 4096;
    let before = lost.load(Ordering::Relaxed);
    let notice = if before > 0 {
        lost_lines(before)
    } else {
        String::new()
    };
    for piece in [notice.as_bytes(), line.as_bytes()].concat().chunks(PIECE) {
        let stderr = io::stderr();
        let mut news = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
        let is_ready = poll(&mut news, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
        if !is_ready || io::stderr().write_all(piece).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }
    lost.fetch_sub(before, Ordering::Relaxed);
}

fn line(record: &Record) -> String {
    let level = match record.level() {
        log::Level::Error if record.target() == CRITICAL => LogLevel::Critical,
        log::Level::Error => LogLevel::Error,
        log::Level::Warn => LogLevel::Warning,
        log::Level::Info => LogLevel::Info,
        log::Level::Debug | log::Level::Trace => LogLevel::Debug,
    };
    formatted(level, &record.args().to_string())
}

/// `2026-11-22 15:04:05 INFO     message`, local time; whatever the message holds stays on one line.
fn formatted(level: LogLevel, message: &str) -> String {
    let now = Local::now().format("%Y-%m-%d %H:%M:%S");
    format!("{now} {level:<8} {}\n", plain(message))
}
