//! heartbeat as process 1 of a container.
//!
//! Whoever is process 1 inherits the children of all that ends, and must wait for them, or they stay as zombies. Waiting for
//! any child would take the ends of our own commands from those that wait for them. So process 1 does nothing else, and
//! heartbeat is its child.

use std::fs;
use std::process::Command;

use anyhow::Context;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getppid};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether this process is the first of its namespace.
#[must_use]
pub fn is_first() -> bool {
    std::process::id() == 1
}

/// Whether this process is the child that [`run`] has made. It has to stay in the foreground: when it ends, so does process
/// 1, and everything with it.
#[must_use]
pub fn is_below() -> bool {
    let program = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok();
    getppid().as_raw() == 1 && program("1").is_some() && program("1") == program("self")
}

/// Runs heartbeat with the same arguments as a child, hands signals on to it, and waits for whatever ends, until it has
/// ended itself. Gives its exit status; as a shell does, 128 and the signal's number for one that was killed.
///
/// # Errors
/// The child cannot be started.
pub fn run() -> anyhow::Result<u8> {
    // Whoever blocked them would keep us from waiting, and from being stopped. Can only fail for a set that is not one.
    let _ = SigSet::empty().thread_set_mask();
    let mut signals = Signals::new([SIGCHLD, SIGHUP, SIGINT, SIGTERM]).context("signals")?;
    let own = std::env::current_exe().context("heartbeat's own file")?;
    let child = Command::new(own)
        .args(std::env::args_os().skip(1))
        .spawn()
        .context("heartbeat as a child of process 1")?;
    let child = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    for signal in signals.forever() {
        if let Ok(signal) = Signal::try_from(signal)
            && signal != Signal::SIGCHLD
        {
            // It may have ended at this very moment.
            let _ = kill(child, signal);
        }
        if let Some(status) = reap(child) {
            return Ok(status);
        }
    }
    Ok(0)
}

/// Waits for everything that has ended. Gives the exit status of `child` if it is among them.
fn reap(child: Pid) -> Option<u8> {
    let mut ended = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == child => {
                ended = Some(u8::try_from(status).unwrap_or(u8::MAX));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                ended = Some(128_u8.saturating_add(signal as u8));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return ended,
            Ok(_) | Err(_) => {}
        }
    }
}
