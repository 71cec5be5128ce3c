//! Runs one command, of an action or of a check: with a deadline, killed with all its children, its output bounded, its
//! end told as an event.
//!
//! The end of a command is the end of its shell. A service that it leaves in the background may hold our pipe open for
//! years: it keeps nobody waiting, and is not killed by a closed pipe, as what it writes is read and dropped.

use std::fmt;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::file::reason;
use crate::group;
use crate::output::Output;
use crate::settings::seconds;

/// From SIGTERM to SIGKILL, for an action.
pub const GRACE: Duration = Duration::from_secs(5);

/// A command that is there this long after SIGKILL is told to be one that cannot be killed.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// `HOME`, `USER` and `LOGNAME` of the account that heartbeat has become. The account is the process's, and so is this.
static ACCOUNT: OnceLock<Vec<(String, String)>> = OnceLock::new();

/// Gives these variables to every command from here on; only the first call counts.
pub fn give_to_all(environment: Vec<(String, String)>) {
    let _ = ACCOUNT.set(environment);
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Job {
    /// Goes to `/bin/sh -c`.
    pub command: String,
    /// Set beside the variables that heartbeat was started with. A value of more than 64 KiB is cut after a line.
    pub environment: Vec<(String, String)>,
    /// Longer than this it may not run.
    pub timeout: Duration,
    /// From SIGTERM, which it gets then, to SIGKILL.
    pub grace: Duration,
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
    /// It was no longer wanted, and heartbeat killed it with its group: heartbeat was told twice to stop, or it was a guard
    /// whose answer does not matter any more.
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

    /// One that is not even begun, as nobody wants it any more.
    #[must_use]
    pub fn interrupted() -> Self {
        Self {
            ending: Ending::Interrupted,
            took: Duration::ZERO,
            output: String::new(),
        }
    }

    fn not_started(error: &io::Error) -> Self {
        Self {
            ending: Ending::NotStarted(reason(error)),
            took: Duration::ZERO,
            output: String::new(),
        }
    }
}

/// What becomes of a command.
#[derive(Debug)]
pub enum News {
    /// It runs: the process group that it leads.
    Begun(i32),
    /// It has been killed and is still there. Its end will be told when it comes.
    CannotBeKilled,
    /// It has ended.
    Ended(Finished),
}

/// What the watcher of a running command waits for.
enum Wake {
    /// Its shell has ended; `by_signal`: killed by somebody.
    Exited {
        by_signal: bool,
    },
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

/// Starts a command; `news` is called with its group and its end, and between them with word that it will not end, on another
/// thread.
///
/// # Errors
/// There is no thread to be had: nothing has been started, and `news` will not be called.
pub fn start(job: Job, news: impl Fn(News) + Send + 'static) -> Result<Running, Finished> {
    let begun = Instant::now();
    let (wake, woken) = channel();
    let exited = wake.clone();
    let run = move || {
        let finished = run(&job, exited, woken, &news).unwrap_or_else(|error| Finished {
            took: begun.elapsed(),
            ..Finished::not_started(&error)
        });
        news(News::Ended(finished));
    };
    in_thread("action", run).map_err(|error| Finished::not_started(&error))?;
    Ok(Running { wake })
}

fn run(
    job: &Job,
    exited: Sender<Wake>,
    woken: Receiver<Wake>,
    news: &dyn Fn(News),
) -> io::Result<Finished> {
    let begun = Instant::now();
    let (mut child, output) = spawn(job)?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let exit = in_thread("exit", move || {
        let by_signal = await_exit(pid);
        // Nobody listens to the end of a command that was killed.
        let _ = exited.send(Wake::Exited { by_signal });
    });
    if let Err(error) = exit {
        abort(&mut child);
        return Err(error);
    }
    news(News::Begun(pid.as_raw()));
    let ending = Watcher { child, pid, woken }.watch(begun, job, news);
    Ok(Finished {
        ending,
        output: output.end(),
        took: begun.elapsed(),
    })
}

/// Ends a command that nobody can watch.
fn abort(child: &mut Child) {
    let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
    // Its group may have ended by itself.
    let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    let _ = child.wait();
}

fn in_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map(drop)
}

fn spawn(job: &Job) -> io::Result<(Child, Output)> {
    let (reader, writer) = io::pipe()?;
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(&job.command)
        .envs(ACCOUNT.get().into_iter().flatten().cloned())
        // Between systemd and heartbeat: a command's word would be taken for ours.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
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
            abort(&mut child);
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
/// ours until the group has been dealt with. Gives whether a signal has ended it.
fn await_exit(pid: Pid) -> bool {
    loop {
        match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Err(nix::errno::Errno::EINTR) => {}
            end => return matches!(end, Ok(WaitStatus::Signaled(..))),
        }
    }
}

struct Watcher {
    child: Child,
    pid: Pid,
    woken: Receiver<Wake>,
}

impl Watcher {
    fn watch(mut self, begun: Instant, job: &Job, news: &dyn Fn(News)) -> Ending {
        let left = job.timeout.saturating_sub(begun.elapsed());
        match self.woken.recv_timeout(left) {
            Ok(Wake::Exited { by_signal: false }) => return self.reap(),
            // What it was about to do is not done, and may be done still by what it has started.
            Ok(Wake::Exited { by_signal: true }) => {
                self.terminate(job.grace);
                self.kill(news);
                return self.reap();
            }
            Ok(Wake::Interrupt) => {
                self.kill(news);
                return Ending::Interrupted;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        // It may have ended at this very moment: then its status is the truth, and its number no longer ours to kill.
        if let Ok(Some(status)) = self.child.try_wait() {
            return ending(status);
        }
        self.terminate(job.grace);
        self.kill(news);
        Ending::TimedOut(job.timeout)
    }

    /// SIGTERM to the group, and time to end.
    fn terminate(&mut self, grace: Duration) {
        // What it does not reach is dealt with when the group is killed.
        let _ = killpg(self.pid, Signal::SIGTERM);
        let end = Instant::now() + grace;
        while Instant::now() < end && !group::is_empty(self.pid.as_raw()) {
            let step = Duration::from_millis(20);
            if let Ok(Wake::Interrupt) = self.woken.recv_timeout(step) {
                break;
            }
        }
    }

    /// SIGKILL to the group until it is empty. A member may have taken another user's ids (sudo), or be in the kernel's
    /// hands (a dead network file system): then it is still at work, and nothing else may run beside it.
    fn kill(&mut self, news: &dyn Fn(News)) {
        let told = Instant::now() + LAST_WAIT;
        let mut is_told = false;
        let mut pause = Duration::from_millis(5);
        loop {
            let _ = killpg(self.pid, Signal::SIGKILL);
            if group::is_empty(self.pid.as_raw()) {
                break;
            }
            if Instant::now() > told && !is_told {
                is_told = true;
                pause = Duration::from_secs(1);
                news(News::CannotBeKilled);
            }
            thread::sleep(pause);
        }
        // Its entry in the process table.
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
