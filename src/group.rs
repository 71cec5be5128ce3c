//! Process groups as `/proc` shows them (proc(5), `/proc/pid/stat`).

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The process groups that hold a living process with `entry` (`NAME=value`) in its environment, be their leaders dead. A
/// service that has been started with it and has a session of its own is not meant.
#[must_use]
pub fn all_with(entry: &str) -> Vec<i32> {
    let group = |pid: i32| {
        let stat = stat(pid).filter(|stat| stat.group != stat.session && !stat.is_dead)?;
        let environment = environment(pid);
        let mut lines = environment.split(|byte| *byte == 0);
        lines
            .any(|line| line == entry.as_bytes())
            .then_some(stat.group)
    };
    let mut groups: Vec<i32> = processes().into_iter().filter_map(group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Whether the group whose leader began then still has a living member. Its number is nobody else's while it has one; where
/// it has none, another process may have got it.
#[must_use]
pub fn is_still(group: i32, begun: u64) -> bool {
    let leader = stat(group);
    let is_another = leader.is_some_and(|leader| leader.begun != begun);
    !is_another && !is_empty(group)
}

/// Ends a group: SIGTERM, and SIGKILL where that has not emptied it after `grace`. Gives whether it has gone two seconds
/// later.
#[must_use]
pub fn end(group: i32, grace: Duration) -> bool {
    let id = Pid::from_raw(group);
    // An empty group is no error.
    let _ = killpg(id, Signal::SIGTERM);
    let end = Instant::now() + grace;
    while Instant::now() < end && !is_empty(group) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = killpg(id, Signal::SIGKILL);
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end && !is_empty(group) {
        std::thread::sleep(Duration::from_millis(5));
    }
    is_empty(group)
}

/// Whether a process group has no member that runs.
#[must_use]
pub fn is_empty(group: i32) -> bool {
    let runs = |pid: i32| stat(pid).is_some_and(|stat| stat.group == group && !stat.is_dead);
    !processes().into_iter().any(runs)
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// Empty for a process that is not ours to look at.
fn environment(pid: i32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
}

struct Stat {
    group: i32,
    session: i32,
    is_dead: bool,
    begun: u64,
}

/// When a process began, in clock ticks since boot; `None`: it is not there. With its number this is a name that no
/// other process of the same boot has.
#[must_use]
pub fn begun(pid: i32) -> Option<u64> {
    let stat = stat(pid).filter(|stat| !stat.is_dead);
    stat.map(|stat| stat.begun)
}

/// `pid (name) state parent group session …`. The name may hold blanks and brackets, so it is read from the last bracket on.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    Some(Stat {
        is_dead: matches!(fields.next()?, "Z" | "X"),
        group: fields.nth(1)?.parse().ok()?,
        session: fields.next()?.parse().ok()?,
        // The 22nd field; the session is the 6th.
        begun: fields.nth(15)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    fn a_group_is_found_by_what_its_leader_was_given_and_ended() {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "sleep 100 & sleep 100"])
            .env("GROUP_TEST", "here it is")
            .process_group(0)
            .spawn()
            .expect("a shell");
        let pid = i32::try_from(child.id()).expect("a process number");
        let found = || all_with("GROUP_TEST=here it is");
        // The environment is written last when a program is begun: vfork(2) lets us go on before.
        let begun = Instant::now();
        while found().is_empty() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
        assert_eq!(found(), [pid]);
        let since = super::begun(pid).expect("it is there");
        assert!(!is_empty(pid) && is_still(pid, since) && !is_still(pid, since + 1));
        assert!(end(pid, Duration::from_secs(5)));
        child.wait().expect("it has ended");
        assert!(is_empty(pid) && !is_still(pid, since));
        assert_eq!(found(), [0; 0]);
    }
}
