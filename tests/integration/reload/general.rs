//! The keys of `[general]`: what changes in effect, and what needs a restart.

use super::{node, played, quick};
use crate::support::config::Config;
use crate::support::log::Log;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::{RELOADED, begun_rounds};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;

tests![
    another_interval,
    more_threads,
    fewer_threads,
    another_level,
    another_log,
    the_log_on_stderr,
    another_state,
    maintenance_moves_with_the_state,
    what_was_ordered_just_before_moves_too,
    what_is_ordered_at_the_new_place_goes_before,
    a_rehearsal_moves_nothing,
    a_shorter_patience_with_commands,
    what_needs_a_restart,
    warnings_are_told_when_they_are_new,
    everything_is_told_at_once,
];

/// With the first keys of `[general]` replaced.
fn every(interval: &str) -> Config {
    Config::new().general("interval", interval)
}

fn another_interval() {
    let peer = Peer::silent();
    let config = |interval| {
        every(interval)
            .action("node")
            .check("web", "tcp", peer.addr(), "node")
    };
    let dir = Workdir::with(&config("60"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.reload(&heartbeat, &config("61"));
    assert_eq!(begun_rounds(&dir.log()), [1], "a reload is no round");
    dir.reload(&heartbeat, &config("0.1"));
    dir.assert_settles_at(&["+node"]);
    assert!(dir.log().says("[general] interval."));
    heartbeat.stop().expect(0);
}

fn more_threads() {
    let (first, second) = (Player::new(), Player::new());
    let config = |threads| {
        let config = quick().general("threads", threads);
        played(played(config, "first", &first), "second", &second)
    };
    let dir = Workdir::with(&config(1));
    let heartbeat = dir.heartbeat().start();
    first.wait_until_asked();
    dir.wait_for_log("Round 4 started");
    assert_eq!(second.peer().arrivals().len(), 0);
    dir.reload(&heartbeat, &config(2));
    second.wait_until_asked();
    assert!(first.is_asked());
    first.play("p");
    second.play("p");
    dir.wait_for_words(&["+node"]);
    assert_eq!(dir.log().checks("first").len(), 1);
    heartbeat.stop().expect(0);
}

fn fewer_threads() {
    let (first, second) = (Player::new(), Player::new());
    let config = |threads| {
        let config = quick().general("threads", threads);
        played(played(config, "first", &first), "second", &second)
    };
    let dir = Workdir::with(&config(2));
    let heartbeat = dir.heartbeat().start();
    first.wait_until_asked();
    second.wait_until_asked();
    dir.reload(&heartbeat, &config(1));
    first.play("p");
    second.play("p");
    dir.wait_for_words(&["+node"]);
    wait_for("one that hangs", || first.is_asked() || second.is_asked());
    let round = begun_rounds(&dir.log()).len();
    dir.wait_for_log(&format!("Round {} started", round + 4));
    assert!(first.is_asked() != second.is_asked(), "both are in flight");
    heartbeat.stop().expect(0);
}

fn another_level() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("loglevel", "INFO"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    assert!(dir.log().messages("DEBUG").is_empty());
    dir.reload(&heartbeat, &node(&peer));
    wait_for("DEBUG", || !dir.log().messages("DEBUG").is_empty());
    dir.configure(&node(&peer).general("loglevel", "ERROR"));
    heartbeat.signal(Signal::SIGHUP);
    let seen = |count: usize| peer.arrivals().len() > count + 3;
    let now = peer.arrivals().len();
    wait_for("some rounds", || seen(now));
    let lines = dir.log().lines.len();
    let now = peer.arrivals().len();
    wait_for("more rounds", || seen(now));
    assert_eq!(dir.log().lines.len(), lines);
    heartbeat.stop().expect(0);
}

fn another_log() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.configure(&node(&peer).general("logfile", "other.log"));
    heartbeat.signal(Signal::SIGHUP);
    let other = || Log::parse(&dir.read("other.log"));
    wait_for("rounds in the other log", || other().rounds().len() > 3);
    let old = dir.read("heartbeat.log");
    assert!(other().says("Changed: [general] logfile."));
    let seen = other().rounds().len();
    wait_for("more rounds", || other().rounds().len() > seen + 2);
    assert_eq!(dir.read("heartbeat.log"), old);
    let rounds = [begun_rounds(&dir.log()), begun_rounds(&other())].concat();
    let expected: Vec<usize> = (1..=rounds.len()).collect();
    assert_eq!(rounds, expected);
    heartbeat.stop().expect(0);
}

fn the_log_on_stderr() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    assert_eq!(heartbeat.stderr(), "");
    dir.configure(&node(&peer).general("logfile", "stderr"));
    heartbeat.signal(Signal::SIGHUP);
    let log = || Log::parse(&heartbeat.stderr());
    wait_for("rounds on stderr", || log().rounds().len() > 3);
    heartbeat.stop().expect(0);
}

fn another_state() {
    let mut peer = Peer::silent();
    let moved = node(&peer).general("statefile", "other.state");
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.wait_for_log("Action done: ");
    dir.reload(&heartbeat, &moved);
    assert!(dir.has("other.state") && !dir.has("heartbeat.state"));
    peer.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    dir.wait_for_log_times("Action done: ", 2);
    heartbeat.stop().expect(0);
    assert!(!dir.has("heartbeat.state"));
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

/// The commands of the operator go where the new configuration says.
fn maintenance_moves_with_the_state() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.reload(&heartbeat, &node(&peer).general("statefile", "other.state"));
    dir.ask(&["drain", "kernel update"]).expect(0);
    assert!(dir.has("other.state.maintenance"));
    dir.wait_for_words(&["+node", "-node"]);
    dir.ask(&["resume"]).expect(0);
    dir.wait_for_words(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

/// Orders are looked for now and then: one may be given and a new configuration come before the next look.
fn what_was_ordered_just_before_moves_too() {
    let peer = Peer::silent();
    let config = |number: u32| node(&peer).general("statefile", format!("{number}.state"));
    let dir = Workdir::with(&config(0));
    let heartbeat = dir.heartbeat().start();
    for number in 1..8 {
        wait_for("the node to be in", || {
            dir.words().last().is_some_and(|word| word == "+node")
        });
        dir.ask(&["drain", "kernel update"]).expect(0);
        dir.reload(&heartbeat, &config(number));
        assert!(dir.has(&format!("{number}.state.maintenance")), "{number}");
        dir.ask(&["resume", "--wait", "20s"]).expect(0);
    }
    heartbeat.stop().expect(0);
}

/// Whoever orders has the new configuration as soon as it is written.
fn what_is_ordered_at_the_new_place_goes_before() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.ask(&["hold", "old"]).expect(0);
    dir.wait_for_log("Maintenance: held: old.");
    let other = node(&peer).general("statefile", "other.state");
    dir.configure(&other);
    dir.ask(&["drain", "new"]).expect(0);
    dir.reload(&heartbeat, &other);
    dir.wait_for_log("Maintenance: drained: new.");
    dir.wait_for_words(&["+node", "-node"]);
    assert!(!dir.has("heartbeat.state.maintenance"));
    heartbeat.stop().expect(0);
}

fn a_rehearsal_moves_nothing() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.ask(&["drain", "kernel update"]).expect(0);
    let heartbeat = dir.heartbeat().arg("--dry-run").start();
    dir.wait_for_log("Maintenance: drained");
    dir.reload(&heartbeat, &node(&peer).general("statefile", "other.state"));
    assert!(dir.has("heartbeat.state.maintenance"));
    assert!(!dir.has("other.state.maintenance"));
    heartbeat.stop().expect(0);
}

fn a_shorter_patience_with_commands() {
    let mut peer = Peer::silent();
    let config = |patience: &str| {
        let config = every("0.1").general("action_timeout", patience);
        config
            .commands("node", "true", "sleep 60")
            .check("web", "tcp", peer.addr(), "node")
    };
    let (long, short) = (config("60"), config("0.3"));
    let dir = Workdir::with(&long);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action done: ");
    dir.reload(&heartbeat, &short);
    peer.go_down();
    dir.wait_for_log("timed out after 0.3s");
    heartbeat.stop().expect(0);
}

fn what_needs_a_restart() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let mut heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let other = node(&peer)
        .general("user", "nobody")
        .general("group", "nogroup")
        .general("pidfile", "other.pid")
        .general("daemonize", "yes")
        .key("timeout", 4);
    dir.reload(&heartbeat, &other);
    let text = format!(
        "{RELOADED}2). Changed: check web. Needs a restart: daemonize, group, pidfile, user."
    );
    dir.wait_for_log(&text);
    dir.wait_for_rounds(2);
    assert!(heartbeat.is_running());
    assert_eq!(dir.pid(), Some(heartbeat.pid()));
    assert!(!dir.has("other.pid"));
    // It is said again, as it is still so.
    dir.reload(&heartbeat, &other.key("rise", 2));
    dir.wait_for_log_times("Needs a restart: daemonize, group, pidfile, user.", 2);
    heartbeat.stop().expect(0);
}

fn warnings_are_told_when_they_are_new() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).key("timeout", "0.05"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let unwise = || node(&peer).key("timeout", 5);
    dir.reload(&heartbeat, &unwise());
    dir.wait_for_log("5s is longer than the interval of 0.1s");
    dir.reload(&heartbeat, &unwise().key("rise", 2));
    dir.wait_for_rounds(1);
    assert_eq!(dir.log().count("5s is longer than the interval"), 1);
    heartbeat.stop().expect(0);
}

fn everything_is_told_at_once() {
    let peer = Peer::silent();
    let old = quick().action("old").action("kept");
    let old = old.check("web", "tcp", peer.addr(), "node, old, kept");
    let dir = Workdir::with(&old.check("gone", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node", "+old", "+kept"]);
    let new = Config::new()
        .general("interval", "0.2")
        .general("fast_interval", "0.1")
        .general("threads", 7);
    let new = new
        .commands("node", "true", "true")
        .action("kept")
        .action("new");
    let new = new.check("web", "tcp", peer.addr(), "node, kept, new");
    dir.reload(&heartbeat, &new.check("come", "tcp", peer.addr(), "new"));
    heartbeat.stop().expect(0);
    let told = format!(
        "{RELOADED}2). Added: check come, action new. Removed: check gone, action old. \
         Changed: check web, action node, [general] interval, [general] threads."
    );
    assert!(dir.log().says(&told), "{:#?}", dir.log().messages("INFO"));
    assert_eq!(dir.words(), ["+node", "+old", "+kept"]);
}
