//! Process groups as `/proc` shows them (proc(5), `/proc/pid/stat`).

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A process, told apart from a later one with the same number by when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since boot.
    pub started: u64,
}

impl Process {
    /// The process that has this number now.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let started = stat(&pid.to_string())?.started;
        Some(Self { pid, started })
    }

    /// Whether it is still there, and more than an entry that its parent has yet to remove.
    #[must_use]
    pub fn is_alive(self) -> bool {
        let stat = stat(&self.pid.to_string());
        stat.is_some_and(|stat| stat.started == self.started && !stat.is_dead)
    }

    /// Ends the group that this process leads: SIGTERM, and SIGKILL after `grace`.
    pub fn end_group(self, grace: Duration) {
        let group = Pid::from_raw(self.pid);
        let _ = killpg(group, Signal::SIGTERM);
        let end = Instant::now() + grace;
        while Instant::now() < end && !is_empty(self.pid) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if self.is_alive() || !is_empty(self.pid) {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// Whether a process group has no member that runs.
#[must_use]
pub fn is_empty(group: i32) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else {
        // Without /proc it must be taken for alive: it is waited for and killed all the same.
        return false;
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut processes = names.filter_map(|name| stat(name.to_str()?));
    !processes.any(|process| process.group == group && !process.is_dead)
}

struct Stat {
    group: i32,
    started: u64,
    is_dead: bool,
}

/// `pid (name) state parent group …`. The name may hold blanks and brackets, so it is read from the last bracket on.
fn stat(pid: &str) -> Option<Stat> {
    pid.parse::<u32>().ok()?;
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    Some(Stat {
        is_dead: matches!(*fields.first()?, "Z" | "X"),
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_in_a_group() {
        let pid = nix::unistd::getpid().as_raw();
        let process = Process::of(pid).expect("this process");
        assert!(process.is_alive());
        assert!(!is_empty(nix::unistd::getpgrp().as_raw()));
        let other = Process {
            started: process.started + 1,
            ..process
        };
        assert!(!other.is_alive(), "the same number, another process");
        assert!(is_empty(i32::MAX));
    }
}
