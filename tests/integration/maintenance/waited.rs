//! What is ordered is waited for, and until it is taken up `status` does not say that all is as it is wanted.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{node, played};
use crate::support::config::Config;
use crate::support::heartbeat::Running;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::at_gate;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    a_drain_and_its_end,
    a_demotion_that_fails,
    one_that_ends_before_it_is_done,
    the_end_of_one_before_there_is_a_verdict,
    nobody_who_would_do_it,
    another_order_meanwhile,
    a_daemon_that_is_killed_meanwhile,
    an_order_that_is_not_taken_up_yet,
    what_makes_no_sense,
];

/// A node whose demotion takes what is given.
fn demoted_by(peer: &Peer, demotion: &str) -> Config {
    let config = Config::new().general("interval", "0.1");
    let config = config.commands("node", "echo +node >> words", demotion);
    config.check("web", "tcp", peer.addr(), "node")
}

fn a_drain_and_its_end() {
    let peer = Peer::silent();
    let slow = "sleep 0.3; echo -node >> words";
    let dir = Workdir::with(&demoted_by(&peer, slow));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let drained = dir.ask(&["drain", "--wait", "30s", "kernel"]).expect(0);
    assert_eq!(dir.words(), ["+node", "-node"]);
    let (order, done) = drained.stdout.split_once('\n').unwrap();
    assert_eq!(order, "Maintenance: drained: kernel.");
    assert!(done.starts_with("Done after "), "{done}");
    dir.ask(&["resume", "--wait", "30s"]).expect(0);
    assert_eq!(dir.words(), ["+node", "-node", "+node"]);
    dir.ask(&["resume", "--wait", "30s"]).expect(0);
    heartbeat.stop().expect(0);
}

fn a_demotion_that_fails() {
    let peer = Peer::silent();
    let dir = Workdir::with(&demoted_by(&peer, "echo no such route; exit 4"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let drained = dir.ask(&["drain", "--wait", "2s", "kernel"]).expect(3);
    let why =
        "heartbeat: not done: not within 2s: node is not demoted (exit status 4: no such route)\n";
    assert_eq!(drained.stderr, why);
    let status = dir.ask(&["status"]).expect(3).stdout;
    assert!(status.contains("maintenance    drained for"), "{status}");
    heartbeat.stop().expect(0);
}

/// The node is on its way back then, and all is as it is wanted.
fn one_that_ends_before_it_is_done() {
    let peer = Peer::silent();
    let dir = Workdir::with(&demoted_by(&peer, "sleep 2.5"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let words = ["drain", "--for", "1s", "--wait", "30s", "kernel"];
    let drained = dir.ask(&words).expect(3);
    let why = "heartbeat: not done: it has ended by itself before it was done\n";
    assert_eq!(drained.stderr, why);
    heartbeat.stop().expect(0);
}

fn the_end_of_one_before_there_is_a_verdict() {
    let player = Player::new();
    let dir = Workdir::with(&played(&player));
    let heartbeat = dir.heartbeat().start();
    player.wait_until_asked();
    dir.ask(&["drain", "--wait", "30s", "x"]).expect(0);
    let resumed = dir.ask(&["resume", "--wait", "1s"]).expect(3);
    let why = "heartbeat: not done: not within 1s: there is no verdict yet\n";
    assert_eq!(resumed.stderr, why);
    player.play("p");
    dir.ask(&["resume", "--wait", "30s"]).expect(0);
    assert_eq!(dir.words(), ["-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn nobody_who_would_do_it() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    for words in [
        &["drain", "--wait", "30s", "x"][..],
        &["resume", "--wait", "30s"],
    ] {
        let asked = dir.ask(words).expect(3);
        assert!(
            asked.stdout.contains("No heartbeat that runs keeps "),
            "{}",
            asked.stdout
        );
    }
    dir.heartbeat().once().expect(0);
    // Its state is there, and nobody who will look.
    dir.ask(&["drain", "--wait", "30s", "x"]).expect(3);
}

/// What the one is told who waits for a drain, while something happens to the daemon, which is given back if it is still there.
fn told_when(
    happens: impl for<'a> FnOnce(&'a Workdir, Running<'a>) -> Option<Running<'a>>,
) -> String {
    let peer = Peer::silent();
    let dir = Workdir::with(&demoted_by(&peer, &at_gate("-node")));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let words = ["drain", "--wait", "60s", "x"];
    let waiting = dir.heartbeat().args(words).start();
    dir.wait_for_log("Maintenance: drained: x");
    let left = happens(&dir, heartbeat);
    let told = waiting.wait().expect(3).stderr;
    dir.open_gate();
    if let Some(left) = left {
        left.stop().expect(0);
    }
    told
}

fn another_order_meanwhile() {
    let told = told_when(|dir, heartbeat| {
        dir.resume();
        Some(heartbeat)
    });
    let why = "heartbeat: not done: something else has been ordered meanwhile\n";
    assert_eq!(told, why);
}

fn a_daemon_that_is_killed_meanwhile() {
    let told = told_when(|_, heartbeat| {
        heartbeat.crash();
        None
    });
    let why = "heartbeat: not done: the heartbeat that wrote it is gone\n";
    assert_eq!(told, why);
}

fn an_order_that_is_not_taken_up_yet() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("interval", 600));
    let heartbeat = dir.heartbeat().start();
    let is_well = || dir.ask(&["status"]).code() == Some(0);
    wait_for("the node to be in rotation", is_well);
    heartbeat.signal(Signal::SIGSTOP);
    dir.ask(&["drain", "x"]).expect(0);
    let status = dir.ask(&["status"]).expect(3).stdout;
    let pending = "maintenance    the daemon has not taken it up yet\n";
    assert!(status.contains("maintenance    drained for"), "{status}");
    assert!(status.contains(pending), "{status}");
    let json = dir.ask(&["status", "--format", "json"]).expect(3).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let told = (
        &json["maintenance"]["kind"],
        &json["maintenance_pending"],
        &json["applied"],
    );
    assert_eq!(told, (&json!("drain"), &json!(true), &json!(false)));
    heartbeat.signal(Signal::SIGCONT);
    wait_for("it to be taken up", is_well);
    assert_eq!(dir.words(), ["+node", "-node"]);

    heartbeat.signal(Signal::SIGSTOP);
    dir.resume();
    let status = dir.ask(&["status"]).expect(3).stdout;
    let pending = "maintenance    the daemon has not taken its end up yet\n";
    assert!(status.contains(pending), "{status}");
    assert!(!status.contains("drained"), "{status}");
    heartbeat.signal(Signal::SIGCONT);
    dir.wait_for_words(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn what_makes_no_sense() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    for words in [
        &["drain", "--wait", "soon", "x"][..],
        &["drain", "--wait", "x"],
        &["resume", "--wait"],
        &["hold", "--wait", "5s", "x"],
    ] {
        dir.ask(words).expect(2);
    }
    assert_eq!(dir.files(), ["heartbeat.conf"]);
}
