//! What a command finds when it starts, how it can end, and what is told of it.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use nix::unistd::Pid;

use crate::support::config::Config;
use crate::support::heartbeat::Running;
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

mod background;
mod ending;
mod environment;
mod output;
mod surroundings;
mod timeout;

pub fn tests() -> Vec<Trial> {
    [
        background::tests(),
        ending::tests(),
        environment::tests(),
        output::tests(),
        surroundings::tests(),
        timeout::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A directory in which `command` is the promotion of the action `node`, which depends on a check of `peer`.
fn promoting(peer: &Peer, command: &str) -> Workdir {
    Workdir::with(&promotion(peer, command))
}

fn promotion(peer: &Peer, command: &str) -> Config {
    Config::new()
        .commands("node", command, "true")
        .check("web", "tcp", peer.addr(), "node")
}

/// What the log tells of a command that has ended.
#[derive(Debug)]
struct Told {
    /// `INFO Action done` or `ERROR Action failed`.
    verdict: String,
    name: String,
    kind: String,
    command: String,
    took: Duration,
    status: String,
    output: Option<String>,
}

impl Told {
    /// The only one that the log tells of.
    fn only(dir: &Workdir) -> Self {
        let mut all = Self::all(dir);
        assert_eq!(all.len(), 1, "{all:#?} in {:#?}", dir.log().lines);
        all.remove(0)
    }

    fn all(dir: &Workdir) -> Vec<Self> {
        let lines = dir.log().lines;
        let told = lines.iter().filter(|line| {
            line.message.starts_with("Action done: ") || line.message.starts_with("Action failed: ")
        });
        told.map(|line| {
            let told = Self::parse(&line.level, &line.message);
            told.unwrap_or_else(|| panic!("not as promised: {:?}", line.message))
        })
        .collect()
    }

    fn parse(level: &str, message: &str) -> Option<Self> {
        let (verdict, rest) = message.split_once(": Name: ")?;
        let (name, rest) = rest.split_once(", Type: ")?;
        let (kind, rest) = rest.split_once(", Command: ")?;
        let (command, rest) = rest.split_once(", Took: ")?;
        let (took, rest) = rest.split_once(", Status: ")?;
        let (status, output) = match rest.split_once(", Output: ") {
            Some((status, output)) => (status, Some(output.to_owned())),
            None => (rest, None),
        };
        Some(Self {
            verdict: format!("{level} {verdict}"),
            name: name.to_owned(),
            kind: kind.to_owned(),
            command: command.to_owned(),
            took: Duration::from_secs_f64(took.strip_suffix('s')?.parse().ok()?),
            status: status.to_owned(),
            output,
        })
    }
}

/// Runs `command` as a promotion in a one-shot that must end with `status`, and gives what the log tells of it.
fn told_of(command: &str, status: i32) -> Told {
    let peer = Peer::silent();
    let dir = promoting(&peer, command);
    dir.heartbeat().once().expect(status);
    Told::only(&dir)
}

/// Waits until nothing but heartbeat itself runs in the directory.
fn assert_nothing_left(dir: &Workdir, heartbeat: &Running) {
    let others = || -> Vec<Pid> {
        let alive = dir.processes().into_iter();
        let others = alive.filter(|pid| *pid != heartbeat.pid());
        others.filter(|pid| Process(*pid).is_alive()).collect()
    };
    wait_for("the end of every process of a command", || {
        others().is_empty()
    });
}

/// How long something takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let value = work();
    (value, begun.elapsed())
}
