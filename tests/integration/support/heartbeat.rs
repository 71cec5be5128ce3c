//! Starting the binary, and what comes of it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempfile;

use super::authority::Authority;
use super::names::Names;
use super::wait::{LIMIT, poll_until, wait_for_some};
use super::workdir::Workdir;

/// A call of heartbeat that can still be changed. Its working directory is the `Workdir`.
pub struct Heartbeat<'a> {
    dir: &'a Workdir,
    command: Command,
}

impl<'a> Heartbeat<'a> {
    /// `heartbeat -c heartbeat.conf`.
    pub fn new(dir: &'a Workdir) -> Self {
        Self::launched_by(dir, Command::new(env!("CARGO_BIN_EXE_heartbeat")))
            .args(["-c", "heartbeat.conf"])
    }

    /// `heartbeat` without any argument.
    pub fn bare(dir: &'a Workdir) -> Self {
        Self::launched_by(dir, Command::new(env!("CARGO_BIN_EXE_heartbeat")))
    }

    /// `heartbeat -c heartbeat.conf` in a mount namespace of its own, with these names for hosts. Needs root.
    pub fn knowing(dir: &'a Workdir, names: &Names) -> Self {
        let mut launcher = names.launcher();
        launcher.arg(env!("CARGO_BIN_EXE_heartbeat"));
        Self::launched_by(dir, launcher).args(["-c", "heartbeat.conf"])
    }

    /// Whatever `launcher` starts, which must end in heartbeat's own path.
    pub fn launched_by(dir: &'a Workdir, mut launcher: Command) -> Self {
        launcher
            .current_dir(dir.path())
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR");
        Self {
            dir,
            command: launcher,
        }
    }

    /// One more argument.
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// More arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Trusts this authority, and no other.
    pub fn trusting(self, authority: &Authority) -> Self {
        self.env("SSL_CERT_FILE", authority.file())
    }

    /// Starts it and leaves it running; it is killed when dropped.
    pub fn start(mut self) -> Running<'a> {
        let stdout = tempfile().expect("a file for stdout");
        let stderr = tempfile().expect("a file for stderr");
        let started = Instant::now();
        let child = self
            .command
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().expect("clone a file"))
            .stderr(stderr.try_clone().expect("clone a file"))
            .spawn()
            .expect("start heartbeat");
        Running {
            dir: self.dir,
            child,
            stdout,
            stderr,
            started,
        }
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.start().wait()
    }

    /// Runs one round (`--once`) to its end.
    pub fn once(self) -> Finished {
        self.arg("--once").run()
    }

    /// Runs `--test-config` to its end.
    pub fn test_config(self) -> Finished {
        self.arg("--test-config").run()
    }

    /// Runs `--daemonize` until it returns; the daemon is killed when the `Workdir` is dropped.
    pub fn daemonize(self) -> Finished {
        self.arg("--daemonize").run()
    }
}

/// A heartbeat at work.
pub struct Running<'a> {
    dir: &'a Workdir,
    child: Child,
    stdout: File,
    stderr: File,
    started: Instant,
}

impl Running<'_> {
    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a pid"))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("signal heartbeat");
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("ask for its end").is_none()
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        contents(&self.stderr)
    }

    /// A line of its `/proc/PID/status`, as `VmHWM`: what follows the colon.
    pub fn status_line(&self, key: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("read the status of a running heartbeat");
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let value = line.and_then(|line| line.strip_prefix(':'));
        value.expect("a line of its status").trim().to_owned()
    }

    /// Waits for its end.
    pub fn wait(self) -> Finished {
        self.wait_within(LIMIT)
    }

    /// Waits for its end; panics if it has not come within `limit`.
    pub fn wait_within(mut self, limit: Duration) -> Finished {
        let status = poll_until(Instant::now() + limit, || {
            self.child.try_wait().expect("ask for its end")
        });
        let Some(status) = status else {
            panic!(
                "heartbeat has not ended within {limit:?}\nstderr: {}\nlog: {}",
                self.stderr(),
                self.dir.read("heartbeat.log")
            );
        };
        Finished {
            status,
            stdout: contents(&self.stdout),
            stderr: contents(&self.stderr),
            ran: self.started.elapsed(),
        }
    }

    /// Sends SIGTERM and waits for its end.
    pub fn stop(self) -> Finished {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Kills it as a crash would.
    pub fn crash(self) {
        self.signal(Signal::SIGKILL);
        self.wait();
    }

    /// Waits until it holds the lock, that is until its pidfile names it.
    pub fn wait_until_locked(&mut self) {
        wait_for_some("the pidfile to name heartbeat", || {
            assert!(self.is_running(), "it has ended: {}", self.stderr());
            (self.dir.pid() == Some(self.pid())).then_some(())
        });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Both fail when it has ended, as it should have.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A heartbeat that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    /// From its start to its end.
    pub ran: Duration,
}

impl Finished {
    /// Its exit status, if no signal has ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Panics with what it said unless it ended with this status.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "unexpected end: {self:#?}");
        self
    }
}

/// Reads without moving the offset, which the running process shares.
fn contents(file: &File) -> String {
    let length = file.metadata().expect("length of an output").len();
    let mut bytes = vec![0; usize::try_from(length).expect("an output that fits")];
    file.read_exact_at(&mut bytes, 0).expect("read an output");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path of the binary, for tests that start it in a way of their own.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_heartbeat"))
}
