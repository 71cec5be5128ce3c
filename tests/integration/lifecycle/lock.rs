//! One heartbeat at a time.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::{MODES, daemonized, end, holder, node};
use crate::support::heartbeat::Running;
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;

tests![
    a_second_one_is_refused_and_leaves_everything_as_it_was,
    a_daemon_holds_the_lock_when_its_start_returns,
    the_lock_ends_with_its_holder,
    commands_do_not_hold_the_lock,
    twelve_at_once,
    twelve_daemons_at_once,
    a_quiet_one_shot_says_nothing_of_the_other_one,
];

fn a_second_one_is_refused_and_leaves_everything_as_it_was() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let mut first = dir.heartbeat().start();
    first.wait_until_locked();
    dir.wait_for_log("Action done: ");
    let files = || {
        ["heartbeat.pid", "heartbeat.log"].map(|name| {
            let meta = fs::metadata(dir.file(name)).expect(name);
            (dir.read(name), meta.ino(), meta.mtime(), meta.mtime_nsec())
        })
    };
    let before = files();
    for mode in MODES {
        let run = dir.heartbeat().args(mode).run().expect(3);
        assert!(run.stderr.starts_with("heartbeat: "), "{}", run.stderr);
        assert!(run.stderr.contains("heartbeat.pid"), "{}", run.stderr);
        assert_eq!(holder(&run.stderr), Some(first.pid()), "{}", run.stderr);
        assert_eq!(files(), before);
    }
    assert!(first.is_running());
    first.stop().expect(0);
    // The state is still the one's own, too: there is nothing to do.
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
}

fn a_daemon_holds_the_lock_when_its_start_returns() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let daemon = daemonized(&dir);
    for mode in MODES {
        let run = dir.heartbeat().args(mode).run().expect(3);
        assert_eq!(holder(&run.stderr), Some(daemon.0), "{}", run.stderr);
    }
    end(daemon, Signal::SIGTERM);
    dir.heartbeat().once().expect(0);
}

/// However it ends: the file that a crash leaves behind is no obstacle.
fn the_lock_ends_with_its_holder() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let first = dir.heartbeat().start();
    dir.wait_for_log("Action done: ");
    first.crash();
    assert!(dir.has("heartbeat.pid"));
    let mut second = dir.heartbeat().start();
    second.wait_until_locked();
    dir.wait_for_log_times("Action done: ", 2);
    second.stop().expect(0);
    assert!(!dir.has("heartbeat.pid"));
}

/// A service that a command has left would hold it for years.
fn commands_do_not_hold_the_lock() {
    let peer = Peer::silent();
    let config = crate::support::config::Config::new()
        .commands("node", "sleep 1000 &", "true")
        .check("web", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config);
    let first = dir.heartbeat().start();
    dir.wait_for_log("Action done: ");
    first.crash();
    assert!(!dir.processes().is_empty(), "the service is gone");
    let second = dir.heartbeat().start();
    dir.wait_for_log_times("Action done: ", 2);
    second.stop().expect(0);
}

fn twelve_at_once() {
    let peer = Peer::silent();
    for stale in ["", "999999\n"] {
        let dir = Workdir::with(&node(&peer));
        if !stale.is_empty() {
            dir.write("heartbeat.pid", stale);
        }
        let mut running: Vec<Running> = (0..12).map(|_| dir.heartbeat().start()).collect();
        let mut losers = Vec::new();
        wait_for("eleven to give up", || {
            while let Some(index) = running.iter_mut().position(|one| !one.is_running()) {
                losers.push(running.remove(index).wait());
            }
            losers.len() >= 11
        });
        assert_eq!(running.len(), 1, "nobody has won: {losers:#?}");
        let winner = running.remove(0);
        dir.wait_for_words(&["+node"]);
        for loser in losers {
            let loser = loser.expect(3);
            assert_eq!(holder(&loser.stderr), Some(winner.pid()), "{loser:#?}");
        }
        assert_eq!(dir.pid(), Some(winner.pid()));
        winner.stop().expect(0);
        assert!(!dir.has("heartbeat.pid"));
        assert_eq!(dir.log().count("Heartbeat started"), 1);
    }
}

fn twelve_daemons_at_once() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let starts = (0..12).map(|_| dir.heartbeat().arg("--daemonize").start());
    let starts: Vec<Running> = starts.collect();
    let ends: Vec<_> = starts.into_iter().map(Running::wait).collect();
    let (winners, losers): (Vec<_>, Vec<_>) =
        ends.into_iter().partition(|end| end.code() == Some(0));
    assert_eq!(winners.len(), 1, "{winners:#?} {losers:#?}");
    for loser in losers {
        let loser = loser.expect(3);
        assert!(holder(&loser.stderr).is_some(), "{loser:#?}");
    }
    let daemon = Process(dir.pid().expect("a pidfile"));
    assert!(daemon.is_alive());
    assert_eq!(dir.processes(), [daemon.0]);
    dir.wait_for_words(&["+node"]);
    end(daemon, Signal::SIGTERM);
}

/// Nor does it say nothing of anything else.
fn a_quiet_one_shot_says_nothing_of_the_other_one() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let mut first = dir.heartbeat().start();
    first.wait_until_locked();
    let run = dir.heartbeat().arg("--quiet").once().expect(3);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    first.stop().expect(0);
    dir.configure(&node(&peer).general("statefile", "nowhere/state"));
    let run = dir.heartbeat().arg("--quiet").once().expect(3);
    assert!(run.stderr.contains("nowhere/state"), "{}", run.stderr);
}
