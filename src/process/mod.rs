//! What surrounds the work: what was inherited, who we are, the lock, going to the background.

pub mod detach;
pub mod identity;
pub mod init;
pub mod lock;
pub mod notify;

use std::fs;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

use anyhow::Context;
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::close;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::event::Event;

/// Puts right what the caller may have left us, so that commands start from a clean state: no descriptors beside stdin,
/// stdout and stderr, no blocked or ignored signals, no umask that lets others write. To be called before anything is
/// opened that is to stay open.
pub fn clean_up_inheritance() {
    close_inherited_files();
    // Can only fail for a set that is not one.
    let _ = SigSet::empty().thread_set_mask();
    handle_ignored_signals();
    let inherited = umask(Mode::empty());
    umask(inherited | Mode::S_IWGRP | Mode::S_IWOTH);
}

/// A daemon that kept what it inherited would hold up whoever waits for the end of a pipe, or for a lock.
fn close_inherited_files() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let inherited: Vec<RawFd> = names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect();
    for file in inherited.into_iter().filter(|file| *file > 2) {
        // The folder's own has been closed in the meantime.
        let _ = close(file);
    }
}

/// An ignored signal (nohup, a parent that ignores SIGCHLD) would be ignored by every command too. A signal with a
/// handler is not: exec gives it back its default. So those get a handler that does nothing.
fn handle_ignored_signals() {
    let Some(ignored) = ignored_signals() else {
        return;
    };
    for signal in (1..=64).filter(|signal| ignored & (1 << (signal - 1)) != 0) {
        let theirs = signal_hook::consts::FORBIDDEN.contains(&signal);
        // std ignores SIGPIPE for us, and resets it for children by itself.
        if !theirs && signal != signal_hook::consts::SIGPIPE {
            let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
        }
    }
}

/// The mask of ignored signals: proc(5), `SigIgn`.
fn ignored_signals() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Catches the signals that are meant for us, from here on and through a fork. They are caught by handlers and not
/// blocked, as a mask would be inherited by every command.
///
/// # Errors
/// The system's.
pub fn catch_signals() -> anyhow::Result<Signals> {
    Signals::new([SIGHUP, SIGINT, SIGTERM]).context("signals")
}

/// Sends what has been caught to the loop. There must be no fork after it.
///
/// # Errors
/// The thread cannot be started.
pub fn forward_signals(mut signals: Signals, events: Sender<Event>) -> anyhow::Result<()> {
    let forward = move || {
        for signal in signals.forever() {
            // The loop is gone only when heartbeat is.
            let _ = events.send(Event::Signal(signal, Instant::now()));
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(forward).context("the thread for signals")?;
    Ok(())
}
