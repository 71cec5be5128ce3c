//! From the start to the end: exit statuses, the lock, going to the background, signals, the clock.

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

mod clock;
mod daemon;
mod first;
mod lock;
mod manager;
mod pidfile;
mod reopen;
mod start;
mod status;
mod stop;

pub fn tests() -> Vec<Trial> {
    [
        clock::tests(),
        daemon::tests(),
        first::tests(),
        lock::tests(),
        manager::tests(),
        pidfile::tests(),
        reopen::tests(),
        start::tests(),
        status::tests(),
        stop::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The arguments of all modes of running.
const MODES: [&[&str]; 3] = [&[], &["--daemonize"], &["--once"]];

/// One check of `peer`, and the action `node` that depends on it.
fn node(peer: &Peer) -> Config {
    Config::new()
        .action("node")
        .check("web", "tcp", peer.addr(), "node")
}

/// Starts a daemon and gives its process.
fn daemonized(dir: &Workdir) -> Process {
    dir.heartbeat().daemonize().expect(0);
    Process(dir.pid().expect("a daemon's pidfile"))
}

/// Sends a signal to a daemon and waits until it has gone.
fn end(daemon: Process, signal: Signal) {
    kill(daemon.0, signal).expect("signal a daemon");
    wait_for("a daemon's end", || !daemon.is_alive());
}

/// The process that a message names as the holder of the lock.
fn holder(message: &str) -> Option<Pid> {
    let (_, rest) = message.split_once("locked by process ")?;
    let (number, _) = rest.split_once(": is another heartbeat running?")?;
    number.parse().ok().map(Pid::from_raw)
}
