//! A process as `/proc` shows it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use nix::unistd::Pid;

/// Any process of this machine. What is asked of one that has gone makes the test fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(pub Pid);

impl Process {
    /// Whether it still runs; an entry that its parent has yet to remove does not.
    pub fn is_alive(self) -> bool {
        let stat = fs::read_to_string(self.path("stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
        state.is_some_and(|state| !["Z", "X"].contains(&state))
    }

    /// A line of its `status`: what follows the colon, with single blanks.
    pub fn status(self, key: &str) -> String {
        status_line(&self.read("status"), key)
    }

    /// Its open descriptors, and what each of them is.
    pub fn descriptors(self) -> BTreeMap<i32, String> {
        let entries = fs::read_dir(self.path("fd")).expect("list the descriptors of a process");
        entries
            .filter_map(|entry| {
                let path = entry.expect("list a descriptor").path();
                // One that is closed meanwhile is none.
                let target = fs::read_link(&path).ok()?;
                let number = path.file_name()?.to_str()?.parse().ok()?;
                Some((number, target.to_string_lossy().into_owned()))
            })
            .collect()
    }

    /// Its working directory.
    pub fn directory(self) -> PathBuf {
        fs::read_link(self.path("cwd")).expect("the directory of a process")
    }

    /// Its process group.
    pub fn group(self) -> Pid {
        Pid::from_raw(self.stat(2))
    }

    /// Its session.
    pub fn session(self) -> Pid {
        Pid::from_raw(self.stat(3))
    }

    /// Whether a terminal controls it.
    pub fn has_terminal(self) -> bool {
        self.stat(4) != 0
    }

    /// A number of its `stat`, counted from what follows the name: state, parent, group, session, terminal.
    fn stat(self, index: usize) -> i32 {
        let stat = self.read("stat");
        let (_, numbers) = stat.rsplit_once(") ").expect("a stat line");
        let number = numbers.split(' ').nth(index).expect("a field of stat");
        number.parse().expect("a number in stat")
    }

    fn read(self, file: &str) -> String {
        let bytes = fs::read(self.path(file)).expect("read about a process that runs");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn path(self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.0))
    }
}

/// A line of a `/proc/PID/status`, as `Uid`: what follows the colon, with single blanks.
pub fn status_line(status: &str, key: &str) -> String {
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter_map(|(name, value)| (name == key).then_some(value));
    let value = values.next().expect("a line of the status");
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
