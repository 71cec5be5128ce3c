//! A configuration that is wrong, or cannot be put into force: the old one stays, untouched.

use std::fs;

use super::{node, played, quick};
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::{REFUSED, RELOADED};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    all_problems_are_in_the_log,
    the_old_one_stays_in_force,
    counts_go_on,
    a_file_that_is_gone,
    a_good_one_after_it_is_taken,
    a_bad_one_while_a_good_one_waits,
    a_log_that_cannot_be_opened,
    a_state_that_cannot_be_kept,
    a_file_in_the_place_of_the_pidfile,
    a_daemon_has_no_stderr,
    a_one_shot_only_reopens_its_log,
];

fn all_problems_are_in_the_log() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    let bad = node(&peer).key("rise", "often").key("colour", "red");
    let bad = bad.check("db", "ftp", "127.0.0.1:0", "nodes").text();
    dir.reload_refused(&heartbeat, &bad);
    let tested = dir.heartbeat().test_config().expect(2);
    dir.wait_for_log("is not an action; did you mean node?");
    let errors = dir.log();
    let errors = errors.messages("ERROR");
    let problems: Vec<&str> = tested.stderr.lines().collect();
    assert!(problems.len() >= 5, "{problems:#?}");
    assert_eq!(
        errors[0],
        format!("{REFUSED}, and the old one stays in force:")
    );
    assert_eq!(errors[1..], problems);
    heartbeat.stop().expect(0);
}

fn the_old_one_stays_in_force() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    let other = quick()
        .general("interval", 60)
        .general("loglevel", "CRITICAL");
    let bad = other.check("db", "tcp", "127.0.0.1:0", "node").text();
    dir.reload_refused(&heartbeat, &bad);
    dir.assert_settles_at(&["+node"]);
    peer.go_down();
    dir.assert_settles_at(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    assert!(!dir.log().says(RELOADED));
}

fn counts_go_on() {
    let player = Player::new();
    let config = played(quick(), "web", &player).key("fall", 3);
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    player.play_out("pff");
    dir.reload_refused(&heartbeat, &config.key("rise", 0).text());
    player.play_out("f");
    dir.wait_for_words(&["+node", "-node"]);
    assert!(dir.log().says("(failed 3 of 3)"));
    heartbeat.stop().expect(0);
}

fn a_file_that_is_gone() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    fs::remove_file(dir.file("heartbeat.conf")).expect("remove the configuration");
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log(REFUSED);
    dir.wait_for_log("heartbeat.conf: ");
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
}

fn a_good_one_after_it_is_taken() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.reload_refused(&heartbeat, "nonsense");
    dir.reload(&heartbeat, &node(&peer).key("timeout", 4));
    let reloaded = format!("{RELOADED}2). Changed: check web.");
    assert!(dir.log().says(&reloaded), "{:#?}", dir.log().lines);
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
}

/// It waits for the end of a round; what the operator has said last counts.
fn a_bad_one_while_a_good_one_waits() {
    let player = Player::new();
    let config = || played(quick().general("interval", 60), "web", &player);
    let dir = Workdir::with(&config());
    let heartbeat = dir.heartbeat().start();
    player.wait_until_asked();
    dir.configure(&config().key("timeout", 29));
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("Log reopened.");
    dir.reload_refused(&heartbeat, &config().key("timeout", "x").text());
    player.go_on('p');
    dir.wait_for_words(&["+node"]);
    dir.wait_for_log("Action done: ");
    heartbeat.stop().expect(0);
    assert!(!dir.log().says(RELOADED), "{:#?}", dir.log().lines);
}

fn a_log_that_cannot_be_opened() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let elsewhere = node(&peer).general("logfile", "nowhere/heartbeat.log");
    let elsewhere = elsewhere
        .general("statefile", "other.state")
        .key("timeout", 1);
    dir.reload_refused(&heartbeat, &elsewhere.text());
    dir.wait_for_log("nowhere/heartbeat.log");
    dir.assert_settles_at(&["+node"]);
    assert!(dir.has("heartbeat.state") && !dir.has("other.state"));
    let both = elsewhere.general("statefile", "nowhere/else.state");
    dir.reload_refused(&heartbeat, &both.text());
    dir.wait_for_log("nowhere/else.state");
    heartbeat.stop().expect(0);
    assert!(!dir.log().says(", Timeout: 1, "), "half of it is in force");
}

fn a_state_that_cannot_be_kept() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let elsewhere = node(&peer).general("logfile", "other.log");
    let elsewhere = elsewhere
        .general("statefile", "nowhere/heartbeat.state")
        .key("timeout", 1);
    dir.reload_refused(&heartbeat, &elsewhere.text());
    dir.assert_settles_at(&["+node"]);
    assert!(
        dir.log().says("nowhere/heartbeat.state"),
        "it does not say what cannot be kept"
    );
    heartbeat.stop().expect(0);
    assert!(!dir.log().says(", Timeout: 1, "), "half of it is in force");
}

/// Another pidfile needs a restart: until then this one is the lock.
fn a_file_in_the_place_of_the_pidfile() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    for key in ["logfile", "statefile"] {
        let config = node(&peer).general("pidfile", "other.pid");
        dir.reload_refused(&heartbeat, &config.general(key, "heartbeat.pid").text());
    }
    dir.assert_settles_at(&["+node"]);
    assert_eq!(dir.pid(), Some(heartbeat.pid()));
    heartbeat.stop().expect(0);
}

fn a_daemon_has_no_stderr() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().daemonize().expect(0);
    let daemon = dir.pid().expect("a daemon's pidfile");
    dir.wait_for_words(&["+node"]);
    dir.configure(&node(&peer).general("logfile", "stderr"));
    kill(daemon, Signal::SIGHUP).expect("signal the daemon");
    dir.wait_for_log(REFUSED);
    dir.wait_for_log("logfile = stderr");
    dir.configure(&node(&peer).key("timeout", 4));
    kill(daemon, Signal::SIGHUP).expect("signal the daemon");
    dir.wait_for_log(RELOADED);
    dir.assert_settles_at(&["+node"]);
    kill(daemon, Signal::SIGTERM).expect("stop the daemon");
    wait_for("its end", || !dir.has("heartbeat.pid"));
}

fn a_one_shot_only_reopens_its_log() {
    let player = Player::new();
    let dir = Workdir::with(&played(quick(), "web", &player));
    let once = dir.heartbeat().arg("--once").start();
    player.wait_until_asked();
    dir.write("heartbeat.conf", "nonsense");
    once.signal(Signal::SIGHUP);
    dir.wait_for_log("Log reopened.");
    player.play("p");
    once.wait().expect(0);
    assert_eq!(dir.words(), ["+node"]);
    assert!(!dir.log().says(REFUSED));
}
