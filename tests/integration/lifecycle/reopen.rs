//! SIGHUP: the log is reopened, as logrotate wants it.

use std::fs;

use super::{daemonized, end, node};
use crate::support::config::Config;
use crate::support::log::Log;
use crate::support::peer::Peer;
use crate::support::script::{at_gate, begun_rounds};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    a_log_that_was_moved_away,
    a_log_that_was_moved_away_from_a_daemon,
    a_log_that_cannot_be_reopened,
    during_a_command,
];

const AGAIN: &str = "Received SIGHUP. Log reopened.";

fn move_log_away(dir: &Workdir) {
    fs::rename(dir.file("heartbeat.log"), dir.file("moved.log")).expect("move the log");
}

/// Together they hold every round, and the old one is left alone.
fn assert_moved(dir: &Workdir) {
    dir.wait_for_log(AGAIN);
    let moved = dir.read("moved.log");
    dir.wait_for_rounds(3);
    assert_eq!(dir.read("moved.log"), moved);
    let (moved, log) = (Log::parse(&moved), dir.log());
    let rounds = [begun_rounds(&moved), begun_rounds(&log)].concat();
    let expected: Vec<usize> = (1..=rounds.len()).collect();
    assert_eq!(rounds, expected);
    assert!(!log.says("Heartbeat started"), "{:#?}", log.lines);
}

fn a_log_that_was_moved_away() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("interval", "0.1"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Round 3 started");
    move_log_away(&dir);
    heartbeat.signal(Signal::SIGHUP);
    assert_moved(&dir);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["+node"]);
}

fn a_log_that_was_moved_away_from_a_daemon() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("interval", "0.1"));
    let daemon = daemonized(&dir);
    dir.wait_for_log("Round 3 started");
    move_log_away(&dir);
    kill(daemon.0, Signal::SIGHUP).expect("signal the daemon");
    assert_moved(&dir);
    end(daemon, Signal::SIGTERM);
}

/// It goes on in the old one, and says so there; with the next SIGHUP all is well again.
fn a_log_that_cannot_be_reopened() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("interval", "0.1"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Round 2 started");
    move_log_away(&dir);
    fs::create_dir(dir.file("heartbeat.log")).expect("a folder in its way");
    heartbeat.signal(Signal::SIGHUP);
    let moved = || Log::parse(&dir.read("moved.log"));
    wait_for("the complaint", || moved().says("SIGHUP"));
    let complaint = moved().messages("ERROR").join("\n");
    assert!(complaint.contains("SIGHUP"), "{complaint}");
    let rounds = moved().rounds().len();
    wait_for("more rounds", || moved().rounds().len() > rounds + 2);
    fs::remove_dir(dir.file("heartbeat.log")).expect("clear the way");
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log(AGAIN);
    heartbeat.stop().expect(0);
}

/// The command is not told.
fn during_a_command() {
    let peer = Peer::silent();
    let config = Config::new().commands("node", &at_gate("+"), "true").check(
        "web",
        "tcp",
        peer.addr(),
        "node",
    );
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log(AGAIN);
    dir.open_gate();
    dir.wait_for_words(&["+(", ")+"]);
    dir.wait_for_log("Action done: ");
    heartbeat.stop().expect(0);
}
