//! How long it lasts: until resumed, until its time, over restarts, for a daemon that is somebody else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{FILE, node};
use crate::support::accounts::{ALICE, Accounts};
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    a_drain_ends_by_itself,
    a_hold_ends_by_itself,
    a_longer_one_takes_its_place,
    one_whose_end_has_passed_is_none,
    a_drain_survives_a_restart,
    a_drain_survives_a_crash,
    a_hold_survives_a_restart,
    it_ends_while_nobody_is_there,
    a_reload_changes_nothing,
    #[root]
    root_drains_a_daemon_that_is_somebody_else,
];

fn a_drain_ends_by_itself() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("interval", 600));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let drained = dir
        .ask(&["drain", "--for", "1s", "kernel update"])
        .expect(0);
    let told = drained.stdout.trim_end();
    assert!(told.starts_with("Maintenance: drained until 2"), "{told}");
    assert!(told.ends_with(": kernel update."), "{told}");
    dir.wait_for_words(&["+node", "-node", "+node"]);
    dir.wait_for_log("Maintenance has ended (it was drained until 2");
    // Should the clock be set back, nobody believes that it is in force.
    assert!(!dir.has(super::FILE));
    heartbeat.stop().expect(0);
    assert!(dir.log().says(told), "{told}");
}

fn a_hold_ends_by_itself() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.ask(&["hold", "--for", "1500ms", "hands off"]).expect(0);
    dir.wait_for_log("Maintenance: held until ");
    peer.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    let lines = dir.log().lines;
    let at = |text: &str| lines.iter().position(|line| line.message.contains(text));
    assert!(at("Maintenance has ended").expect("its end") < at("(demotion of node)").unwrap());
}

fn a_longer_one_takes_its_place() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.ask(&["drain", "--for", "1s", "short"]).expect(0);
    dir.ask(&["drain", "--for", "1h", "long"]).expect(0);
    dir.ask(&["hold", "--for", "500ms", "for a moment"])
        .expect(0);
    dir.ask(&["drain", "--for", "1h", "long"]).expect(0);
    dir.wait_for_words(&["+node", "-node"]);
    dir.wait_for_log("Maintenance: drained until ");
    dir.wait_for_rounds(15);
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    assert!(!dir.log().says("has ended"));
}

fn one_whose_end_has_passed_is_none() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let over =
        "{\"heartbeat\":1,\"kind\":\"drain\",\"reason\":\"long ago\",\"since\":1,\"until\":2}";
    dir.write(FILE, over);
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    assert!(!dir.log().says("aintenance"));
    let resumed = dir.ask(&["resume"]).expect(0);
    assert_eq!(resumed.stdout, "No maintenance was in force.\n");
    heartbeat.stop().expect(0);
}

/// The node is not promoted for a moment.
fn a_drain_survives_a_restart() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    dir.wait_for_log_times("Action done: ", 2);
    heartbeat.stop().expect(0);
    let heartbeat = dir.heartbeat().start();
    // A daemon asserts anew what is wanted.
    dir.assert_settles_at(&["+node", "-node", "-node"]);
    dir.wait_for_log_times("Maintenance: drained: kernel update.", 2);
    dir.resume();
    dir.assert_settles_at(&["+node", "-node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn a_drain_survives_a_crash() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.crash();
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node", "-node", "-node"]);
    heartbeat.stop().expect(0);
}

fn a_hold_survives_a_restart() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.hold();
    dir.wait_for_log("Maintenance: held");
    heartbeat.stop().expect(0);
    peer.go_down();
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Health: unknown -> unhealthy");
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
}

fn it_ends_while_nobody_is_there() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.ask(&["drain", "--for", "1s", "soon over"]).expect(0);
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.crash();
    let until = until(&dir);
    wait_for("its end", || SystemTime::now() >= until);
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

/// When the maintenance of a directory ends.
fn until(dir: &Workdir) -> SystemTime {
    let text = dir.read(FILE);
    let (_, until) = text.split_once("\"until\":").expect("an end");
    let digits = until.trim_end_matches(|c: char| !c.is_ascii_digit());
    let seconds = digits.parse().expect("seconds since 1970");
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn a_reload_changes_nothing() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    dir.reload(
        &heartbeat,
        &node(&peer).action("new").key("action", "node, new"),
    );
    dir.assert_settles_at(&["+node", "-node"]);
    dir.resume();
    dir.assert_settles_at(&["+node", "-node", "+node", "+new"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.log().count("Maintenance: drained"), 1);
}

fn daemon_of_alice(dir: &Workdir, accounts: &Accounts) -> Process {
    ALICE.own(dir);
    accounts.heartbeat(dir).daemonize().expect(0);
    let daemon = Process(dir.pid().expect("a daemon's pidfile"));
    assert!(daemon.status("Uid").starts_with(&ALICE.uid.to_string()));
    daemon
}

fn root_drains_a_daemon_that_is_somebody_else() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("user", "alice"));
    let accounts = Accounts::new();
    let daemon = daemon_of_alice(&dir, &accounts);
    dir.wait_for_words(&["+node"]);
    accounts
        .heartbeat(&dir)
        .args(["drain", "kernel update"])
        .run()
        .expect(0);
    dir.assert_settles_at(&["+node", "-node"]);
    accounts.heartbeat(&dir).arg("resume").run().expect(0);
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    // A strict umask of root's must not keep it from the daemon.
    let strict = "umask 077; exec \"$@\"";
    let hold = accounts.started_by(&dir, strict);
    hold.args(["drain", "once more"]).run().expect(0);
    dir.assert_settles_at(&["+node", "-node", "+node", "-node"]);
    assert!(!dir.log().says("damaged"));
    kill(daemon.0, Signal::SIGTERM).expect("stop the daemon");
    wait_for("its end", || !daemon.is_alive());
}
