//! Runs one command: with a deadline, killed with all its children, its output bounded, its end told as an event.
//!
//! The end of a command is the end of its shell. A service that it leaves in the background may hold our pipe open for
//! years: it keeps nobody waiting, and is not killed by a closed pipe, as what it writes is read and dropped.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::file::reason;
use crate::group;
use crate::settings::seconds;

/// From SIGTERM to SIGKILL.
pub const GRACE: Duration = Duration::from_secs(5);

/// After SIGKILL nothing of a command runs any more, but a process in the kernel's hands (a dead network file system)
/// may stay in the table. It is waited for this long.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// How much of the end of the output is kept.
const OUTPUT_KEPT: usize = 4096;

/// How long the output of a command that has ended is waited for, while something else goes on writing to it.
const DRAIN: Duration = Duration::from_millis(100);

/// What to run, and as whom.
#[derive(Debug, Clone)]
pub struct Job {
    /// Goes to `/bin/sh -c`.
    pub command: String,
    /// Set beside the variables that heartbeat was started with. A value of more than 64 KiB is cut after a line.
    pub environment: Vec<(String, String)>,
    /// Longer than this it may not run.
    pub timeout: Duration,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status. Only 0 means that it has worked.
    Exited(i32),
    /// By a signal that was not ours.
    Killed(i32),
    /// It ran out of this time, and was killed with its group.
    TimedOut(Duration),
    /// heartbeat was told twice to stop, and killed it with its group.
    Interrupted,
    /// It could not be started.
    NotStarted(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(127) => f.write_str("exit status 127 (the shell found no such command)"),
            Self::Exited(126) => f.write_str("exit status 126 (the shell may not run it)"),
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Killed(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Self::TimedOut(timeout) => {
                write!(
                    f,
                    "timed out after {}, killed with its children",
                    seconds(*timeout)
                )
            }
            Self::Interrupted => f.write_str("interrupted, killed with its children"),
            Self::NotStarted(why) => write!(f, "not started: {why}"),
        }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// How long it ran.
    pub took: Duration,
    /// The last 4 KiB of what it wrote to stdout and stderr.
    pub output: String,
}

impl Finished {
    /// Whether what the command is for has been reached.
    #[must_use]
    pub fn worked(&self) -> bool {
        self.ending == Ending::Exited(0)
    }

    fn not_started(error: &io::Error) -> Self {
        Self {
            ending: Ending::NotStarted(reason(error)),
            took: Duration::ZERO,
            output: String::new(),
        }
    }
}

/// What the watcher of a running command waits for.
enum Wake {
    Exited,
    Interrupt,
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    wake: Sender<Wake>,
}

impl Running {
    /// Kills it with its group at once. Its end is told as any other.
    pub fn interrupt(&self) {
        // Its watcher is gone only when it has ended.
        let _ = self.wake.send(Wake::Interrupt);
    }
}

/// Starts a command; `done` is called with its end, on another thread.
///
/// # Errors
/// It could not be started, and `done` will not be called.
pub fn start(job: &Job, done: impl FnOnce(Finished) + Send + 'static) -> Result<Running, Finished> {
    let begun = Instant::now();
    let (child, output) = spawn(job).map_err(|error| Finished::not_started(&error))?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let (wake, woken) = channel();
    let exited = wake.clone();
    let timeout = job.timeout;
    let watch = move || {
        let watcher = Watcher { child, pid, woken };
        let ending = watcher.watch(begun, timeout);
        let output = output.end();
        let took = begun.elapsed();
        done(Finished {
            ending,
            took,
            output,
        });
    };
    let threads = in_thread("action", watch).and_then(|()| {
        in_thread("exit", move || {
            await_exit(pid);
            let _ = exited.send(Wake::Exited);
        })
    });
    threads.map_err(|error| {
        // Without its watcher nobody would ever stop it.
        let _ = killpg(pid, Signal::SIGKILL);
        Finished::not_started(&error)
    })?;
    Ok(Running { wake })
}

fn in_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map(drop)
}

fn spawn(job: &Job) -> io::Result<(Child, Output)> {
    let (reader, writer) = io::pipe()?;
    let child = Command::new("/bin/sh")
        .arg("-c")
        .arg(&job.command)
        .envs(
            job.environment
                .iter()
                .map(|(name, value)| (name, cut(value))),
        )
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    match Output::follow(reader) {
        Ok(output) => Ok((child, output)),
        Err(error) => {
            let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            Err(error)
        }
    }
}

/// Linux starts no process with a variable of 128 KiB: a thousand failed checks may have long names.
fn cut(value: &str) -> &str {
    const LONGEST: usize = 64 * 1024;
    let cut = value
        .as_bytes()
        .get(..LONGEST)
        .map(|cut| cut.iter().rposition(|&b| b == b'\n'));
    match cut {
        Some(line) => value.get(..line.unwrap_or_default()).unwrap_or_default(),
        None => value,
    }
}

/// Waits until the shell has ended, and leaves it in the process table: its number, which is that of the group, stays
/// ours until the group has been dealt with.
fn await_exit(pid: Pid) {
    while let Err(nix::errno::Errno::EINTR) =
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
    {}
}

struct Watcher {
    child: Child,
    pid: Pid,
    woken: Receiver<Wake>,
}

impl Watcher {
    fn watch(mut self, begun: Instant, timeout: Duration) -> Ending {
        let left = timeout.saturating_sub(begun.elapsed());
        match self.woken.recv_timeout(left) {
            Ok(Wake::Exited) => return self.reap(),
            Ok(Wake::Interrupt) => {
                self.kill();
                return Ending::Interrupted;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        // It may have ended at this very moment: then its status is the truth, and its number no longer ours to kill.
        if let Ok(Some(status)) = self.child.try_wait() {
            return ending(status);
        }
        self.terminate();
        Ending::TimedOut(timeout)
    }

    /// SIGTERM to the group, and SIGKILL when that has not emptied it.
    fn terminate(&mut self) {
        let _ = killpg(self.pid, Signal::SIGTERM);
        let end = Instant::now() + GRACE;
        while Instant::now() < end && !group::is_empty(self.pid.as_raw()) {
            let step = Duration::from_millis(20);
            if let Ok(Wake::Interrupt) = self.woken.recv_timeout(step) {
                break;
            }
        }
        self.kill();
    }

    fn kill(&mut self) {
        // An empty group is no error.
        let _ = killpg(self.pid, Signal::SIGKILL);
        let end = Instant::now() + LAST_WAIT;
        while Instant::now() < end && !group::is_empty(self.pid.as_raw()) {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.try_wait();
    }

    fn reap(&mut self) -> Ending {
        match self.child.wait() {
            Ok(status) => ending(status),
            Err(error) => Ending::NotStarted(format!("its status was lost: {}", reason(&error))),
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, signal) => Ending::Killed(signal.unwrap_or_default()),
    }
}

/// The end of what a command has written.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    /// The command has ended: what still comes is dropped.
    closed: bool,
    /// Nobody can write any more.
    ended: bool,
}

/// Follows the output of a command on a thread of its own, as long as anyone holds it open.
struct Output {
    tail: Arc<Mutex<Tail>>,
    reader: io::PipeReader,
}

impl Output {
    fn follow(reader: io::PipeReader) -> io::Result<Self> {
        let tail = Arc::new(Mutex::new(Tail::default()));
        let mut followed = reader.try_clone()?;
        let shared = Arc::clone(&tail);
        in_thread("output", move || while take(&mut followed, &shared) {})?;
        Ok(Self { tail, reader })
    }

    /// The command has ended: everything it wrote is in the pipe or has been taken.
    fn end(self) -> String {
        let end = Instant::now() + DRAIN;
        while Instant::now() < end
            && !lock(&self.tail).ended
            && has_input(&self.reader, PollTimeout::ZERO)
        {
            thread::sleep(Duration::from_millis(1));
        }
        let mut tail = lock(&self.tail);
        tail.closed = true;
        let bytes = std::mem::take(&mut tail.bytes);
        let kept = &bytes[bytes.len().saturating_sub(OUTPUT_KEPT)..];
        String::from_utf8_lossy(kept).trim().to_owned()
    }
}

/// Takes a piece of output. It is read under the lock, so that whoever finds the pipe empty and holds the lock has it
/// all. `false`: there will be no more.
fn take(reader: &mut io::PipeReader, tail: &Mutex<Tail>) -> bool {
    if !has_input(reader, PollTimeout::NONE) {
        return true;
    }
    let mut piece = [0; 8192];
    let mut tail = lock(tail);
    match reader.read(&mut piece) {
        Ok(0) => {
            tail.ended = true;
            return false;
        }
        Ok(amount) if !tail.closed => tail.bytes.extend_from_slice(&piece[..amount]),
        Ok(_) => {}
        Err(error) => return error.kind() == io::ErrorKind::Interrupted,
    }
    let excess = tail.bytes.len().saturating_sub(OUTPUT_KEPT);
    if excess > OUTPUT_KEPT {
        tail.bytes.drain(..excess);
    }
    true
}

fn has_input(reader: &io::PipeReader, wait: PollTimeout) -> bool {
    poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], wait).is_ok_and(|ready| ready > 0)
}

/// Nothing is left half done under this lock.
fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_linux_would_refuse_is_cut_after_a_line() {
        assert_eq!(cut("a\nb"), "a\nb");
        let names = vec!["grün-123456"; 10_000].join("\n");
        let cut = cut(&names);
        assert!(
            cut.len() > 65_000 && cut.len() < 65_536 && cut.ends_with("-123456"),
            "{}",
            cut.len()
        );
    }
}
