//! exec: up when a command ends with status 0, as every monitoring plugin does.
//!
//! The command is run as an action's is, and killed with its group when the time is up. What cannot be killed (it has
//! become another user, or is in the hands of a dead file system) is left to the thread that watches it: the check fails,
//! and fails until it has gone, so that no second one is put beside it every round.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::route::Route;
use super::{Deadline, Failure, Kind, Need, Note, Phase, Probe};
use crate::action::{self, Ending, Finished, Job, News, Running};
use crate::mutex::lock;
use crate::settings::{self, Settings};

/// `type = exec`
pub const EXEC: Kind = Kind {
    name: "exec",
    has_route: false,
    has_tls: false,
    default_port: None,
    keys: &["command"],
    read,
};

/// From SIGTERM at the deadline to SIGKILL.
const GRACE: Duration = Duration::from_millis(100);

/// How long after the deadline the end of a killed command is waited for.
const PATIENCE: Duration = Duration::from_millis(160);

/// How much of the output's line is kept for the status, in characters.
const LONGEST_NOTE: usize = 200;

#[derive(Debug)]
struct Exec {
    name: String,
    command: String,
    needs: [Need; 1],
}

/// The news of commands that were still there when their checks had to answer, by the checks' names: a reload makes a new
/// check of it.
static LEFT: LazyLock<Mutex<HashMap<String, Receiver<News>>>> = LazyLock::new(Mutex::default);

fn read(settings: &mut Settings, _: &Route) -> Option<Box<dyn Probe>> {
    if settings.value("command").is_none() {
        settings.note("command", "missing; give what is to end with status 0");
    }
    let command = settings.optional("command", |text| {
        settings::command(text).map(|()| text.to_owned())
    });
    Some(Box::new(Exec::new(settings.section(), command?)))
}

impl Probe for Exec {
    fn probe(&self, _: &Route, deadline: Deadline) -> Result<Note, Failure> {
        if !end_disowned(&self.name) || self.is_one_left(deadline) {
            let text = "not started: the last one was killed and is still there";
            return Err(Failure::new(Phase::Exec, text));
        }
        let news =
            start(&self.name, self.job(deadline)).map_err(|finished| said(&finished, deadline))?;
        match news.recv_timeout(deadline.left() + PATIENCE) {
            Ok(News::Ended(finished)) if finished.worked() => Ok(first_line(&finished.output)),
            Ok(News::Ended(finished)) => Err(said(&finished, deadline)),
            // On a busy machine a killed process takes its time to end: whether this one does is known to the next check.
            Ok(News::Begun(_) | News::CannotBeKilled) | Err(_) => {
                lock(&LEFT).insert(self.name.clone(), news);
                Err(Failure::new(Phase::Exec, &not_done(deadline)))
            }
        }
    }

    fn needs(&self) -> &[Need] {
        &self.needs
    }

    fn endpoint(&self) -> Option<String> {
        Some(settings::short(&self.command))
    }
}

impl Exec {
    fn new(name: &str, command: String) -> Self {
        Self {
            name: name.to_owned(),
            needs: [Need::Command(command.clone())],
            command,
        }
    }

    fn job(&self, deadline: Deadline) -> Job {
        Job {
            command: self.command.clone(),
            environment: vec![("HEARTBEAT_CHECK".to_owned(), self.name.clone())],
            timeout: deadline.left(),
            grace: GRACE,
        }
    }

    /// Whether the last command is still there. It is waited for: if heartbeat has just been asleep, the last check may
    /// have had to answer before anyone could kill its command.
    fn is_one_left(&self, deadline: Deadline) -> bool {
        // Not under the lock, where other checks would wait with it.
        let Some(news) = lock(&LEFT).remove(&self.name) else {
            return false;
        };
        let end = Instant::now() + PATIENCE.max(deadline.left() / 2);
        loop {
            match news.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(News::Begun(_) | News::CannotBeKilled) => {}
                Ok(News::Ended(_)) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        lock(&LEFT).insert(self.name.clone(), news);
        true
    }
}

/// The commands that run, with the names of their checks, so that none outlives heartbeat.
static AT_WORK: LazyLock<Mutex<HashMap<u64, (String, Running)>>> = LazyLock::new(Mutex::default);

/// heartbeat ends: no other command begins.
static IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Ends the command of this check that nobody waits for any more, as after a reload or a sleep of heartbeat's: its result
/// would not count, and two at once might see each other. Gives whether it has gone.
fn end_disowned(name: &str) -> bool {
    let is_its = |(of, _): &&(String, Running)| of == name;
    let count = || lock(&AT_WORK).values().filter(is_its).count();
    for (_, running) in lock(&AT_WORK).values().filter(is_its) {
        running.interrupt();
    }
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && count() > 0 {
        thread::sleep(Duration::from_millis(2));
    }
    count() == 0
}

fn start(name: &str, job: Job) -> Result<Receiver<News>, Finished> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let (sender, news) = channel();
    let tell = move |news| {
        match news {
            News::Begun(_) => return,
            News::Ended(_) => drop(lock(&AT_WORK).remove(&number)),
            News::CannotBeKilled => {}
        }
        // The check may have had to answer without it.
        let _ = sender.send(news);
    };
    // The lock is held until it is in: a command that ends at once is taken out by its end, which waits for the lock.
    let mut at_work = lock(&AT_WORK);
    if IS_CLOSED.load(Ordering::Relaxed) {
        return Err(Finished::interrupted());
    }
    at_work.insert(number, (name.to_owned(), action::start(job, tell)?));
    Ok(news)
}

/// Kills the commands of all checks that are under way. Waits for a moment until they have gone.
pub fn end_all() {
    let at_work = lock(&AT_WORK);
    IS_CLOSED.store(true, Ordering::Relaxed);
    for (_, running) in at_work.values() {
        running.interrupt();
    }
    drop(at_work);
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && !lock(&AT_WORK).is_empty() {
        thread::sleep(Duration::from_millis(2));
    }
}

/// Why a command that has ended is a failure: it said no ([`Phase::Status`]), or could not be asked ([`Phase::Exec`]).
fn said(finished: &Finished, deadline: Deadline) -> Failure {
    let (phase, what) = match &finished.ending {
        Ending::TimedOut(_) => (Phase::Exec, not_done(deadline)),
        // What plugins say when they could not find out.
        Ending::Exited(3) => (Phase::Status, "exit status 3 (unknown)".to_owned()),
        Ending::Exited(126 | 127) => (Phase::Exec, finished.ending.to_string()),
        Ending::Exited(_) => (Phase::Status, finished.ending.to_string()),
        _ => (Phase::Exec, finished.ending.to_string()),
    };
    match finished.output.lines().next_back() {
        Some(last) => Failure::new(phase, &format!("{what}: {}", last.trim())),
        None => Failure::new(phase, &what),
    }
}

fn not_done(deadline: Deadline) -> String {
    format!("not done {}", deadline.within())
}

fn first_line(output: &str) -> Note {
    let line = output.lines().next()?.trim();
    let cut: String = line.chars().take(LONGEST_NOTE).collect();
    Some(settings::plain(&cut)).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(exec: &Exec, timeout: Duration) -> Result<Note, String> {
        let route = Route::to(super::super::Target {
            host: super::super::resolve::Host::default(),
            port: 1,
        });
        let result = exec.probe(&route, Deadline::after(timeout));
        result.map_err(|failure| failure.to_string())
    }

    #[test]
    fn one_that_is_left_holds_up_those_behind_it_until_it_has_gone() {
        let (sender, news) = channel();
        lock(&LEFT).insert("a".to_owned(), news);
        let second = Duration::from_millis(400);
        sender.send(News::CannotBeKilled).expect("it is waited for");
        for _ in 0..2 {
            // A new one each time, as a reload makes it.
            let exec = Exec::new("a", "true".to_owned());
            let failure = run(&exec, second).expect_err("one is left");
            assert!(failure.starts_with("exec: not started: the last one"));
        }
        drop(sender);
        let exec = Exec::new("a", "true".to_owned());
        assert_eq!(run(&exec, Duration::from_secs(10)), Ok(None));
        assert!(lock(&AT_WORK).is_empty(), "what has ended is not at work");
    }
}
