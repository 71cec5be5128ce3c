//! One-shots obey too.

use super::node;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    a_drain_takes_the_node_out,
    a_drain_that_nobody_has_seen,
    a_drain_that_ends_by_itself,
    a_hold_runs_nothing,
    a_daemon_and_one_shots_agree,
];

/// The exit status is still the verdict on the services.
fn a_drain_takes_the_node_out() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().once().expect(0);
    dir.drain();
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node", "-node"]);
    assert!(dir.log().says("Maintenance: drained: kernel update."));
    peer.go_down();
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["+node", "-node"]);
    peer.go_up();
    dir.resume();
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node", "-node", "+node"]);
}

fn a_drain_that_nobody_has_seen() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().once().expect(0);
    dir.drain();
    dir.resume();
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
}

fn a_drain_that_ends_by_itself() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.ask(&["drain", "--for", "1h", "kernel update"])
        .expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["-node"]);
    let over = dir.read(super::FILE);
    let (start, _) = over.split_once("\"until\":").expect("an end");
    dir.write(super::FILE, format!("{start}\"until\":1}}"));
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["-node", "+node"]);
}

fn a_hold_runs_nothing() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().once().expect(0);
    dir.hold();
    dir.heartbeat().once().expect(0);
    peer.go_down();
    dir.heartbeat().once();
    dir.heartbeat().once();
    assert_eq!(dir.words(), ["+node"]);
    dir.resume();
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

fn a_daemon_and_one_shots_agree() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    dir.wait_for_log_times("Action done: ", 2);
    heartbeat.stop().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node", "-node"]);
    dir.resume();
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node", "-node", "+node"]);
}
