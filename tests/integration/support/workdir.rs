//! A temporary directory in which one heartbeat lives with its configuration, log, pidfile and state.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::config::Config;
use super::heartbeat::Heartbeat;
use super::log::Log;
use super::wait::wait_for;
use super::wait::{LIMIT, poll_until};

/// The directory. When it is dropped, whatever still runs in it (a daemon, a command) is killed.
pub struct Workdir(TempDir);

impl Workdir {
    /// An empty one.
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    /// One with a `heartbeat.conf`.
    pub fn with(config: &Config) -> Self {
        let dir = Self::new();
        dir.configure(config);
        dir
    }

    /// Writes or replaces `heartbeat.conf`.
    pub fn configure(&self, config: &Config) {
        self.write("heartbeat.conf", config.text());
    }

    /// The directory's own path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, readable by everybody and writable by its owner.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.file(name);
        let mut file = File::create(&path).expect("create a file");
        file.write_all(contents.as_ref()).expect("write a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set a mode");
    }

    /// The text of a file; empty when there is none.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.file(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).symlink_metadata().is_ok()
    }

    /// The names of all files in it, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("list the directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// What `heartbeat.log` says so far.
    pub fn log(&self) -> Log {
        Log::parse(&self.read("heartbeat.log"))
    }

    /// Waits until a line of the log contains `text`; panics with the log if none ever does.
    pub fn wait_for_log(&self, text: &str) {
        self.wait_for_log_times(text, 1);
    }

    /// Waits until so many lines of the log contain `text`.
    pub fn wait_for_log_times(&self, text: &str, times: usize) {
        let deadline = std::time::Instant::now() + LIMIT;
        let seen = poll_until(deadline, || (self.log().count(text) >= times).then_some(()));
        assert!(
            seen.is_some(),
            "the log does not say {text:?} {times} times within {LIMIT:?}:\n{}",
            self.read("heartbeat.log")
        );
    }

    /// The words that commands have appended to the file `words`.
    pub fn words(&self) -> Vec<String> {
        let words = self.read("words");
        words.split_whitespace().map(str::to_owned).collect()
    }

    /// The process that `heartbeat.pid` names.
    pub fn pid(&self) -> Option<Pid> {
        let text = self.read("heartbeat.pid");
        text.trim().parse().ok().map(Pid::from_raw)
    }

    /// The processes whose working directory it is: heartbeats and the commands they have started.
    pub fn processes(&self) -> Vec<Pid> {
        let processes = fs::read_dir("/proc").expect("list the processes");
        processes
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let pid = path.file_name()?.to_str()?.parse().ok()?;
                let cwd = fs::read_link(path.join("cwd")).ok()?;
                (cwd == self.path()).then_some(Pid::from_raw(pid))
            })
            .collect()
    }

    /// Waits until a file is there and says something.
    pub fn wait_for_file(&self, name: &str) {
        wait_for(name, || self.has(name) && !self.read(name).is_empty());
    }

    /// A heartbeat to be started in this directory with its `heartbeat.conf`.
    pub fn heartbeat(&self) -> Heartbeat<'_> {
        Heartbeat::new(self)
    }
}

impl Drop for Workdir {
    fn drop(&mut self) {
        for pid in self.processes() {
            // It may have ended by itself meanwhile.
            kill(pid, Signal::SIGKILL).ok();
        }
    }
}
