//! `drain` takes the node out, whatever the checks say.

use std::time::{Duration, Instant};

use super::{node, played};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::{at_gate, tell, transitions};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    takes_the_node_out_until_resumed,
    #[alone]
    is_seen_within_a_second,
    checks_go_on,
    before_there_is_a_verdict,
    while_the_node_is_out_already,
    a_node_that_has_died_meanwhile_stays_out,
    commands_are_told,
    a_demotion_that_fails_is_tried_again,
    a_promotion_that_runs_is_followed_by_the_demotion,
    in_place_of_a_hold,
    every_action_is_drained,
    is_only_told_in_a_rehearsal,
];

fn takes_the_node_out_until_resumed() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    let drained = dir.ask(&["drain", "kernel", "update"]).expect(0);
    assert_eq!(drained.stdout, "Maintenance: drained: kernel update.\n");
    dir.assert_settles_at(&["+node", "-node"]);
    let resumed = dir.ask(&["resume"]).expect(0);
    assert_eq!(
        resumed.stdout,
        "Maintenance has ended (it was drained: kernel update).\n"
    );
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    let resumed = dir.ask(&["resume"]).expect(0);
    assert_eq!(resumed.stdout, "No maintenance was in force.\n");
    heartbeat.stop().expect(0);
    let log = dir.log();
    assert_eq!(
        log.messages("WARNING").last(),
        Some(&"Maintenance: drained: kernel update.")
    );
    assert!(log.says("Maintenance has ended (it was drained: kernel update)."));
    assert_eq!(transitions(&log), ["INFO unknown -> healthy."]);
}

/// Whatever the interval. Each order is given when the one before has just been seen, so that none is seen by luck.
fn is_seen_within_a_second() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("interval", 600));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let mut quickest = Duration::MAX;
    let mut words = vec!["+node"];
    for _ in 0..3 {
        let given = Instant::now();
        dir.drain();
        words.push("-node");
        dir.wait_for_words(&words);
        quickest = quickest.min(given.elapsed());
        dir.resume();
        words.push("+node");
        dir.wait_for_words(&words);
    }
    assert!(quickest < Duration::from_secs(1), "{quickest:?}");
    heartbeat.stop().expect(0);
}

fn checks_go_on() {
    let player = Player::always('p');
    let dir = Workdir::with(&played(&player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    player.go_on('f');
    dir.wait_for_log("Health: healthy -> unhealthy, Failed: web.");
    player.go_on('p');
    dir.wait_for_log("Health: unhealthy -> healthy, Recovered: web.");
    dir.assert_settles_at(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    // It does not say that commands are run which are not.
    let log = dir.log();
    assert_eq!(
        log.count("But the node is drained: kernel update. Health: "),
        2
    );
    assert_eq!(transitions(&log).len(), 1);
}

/// The node is not in rotation for a moment.
fn before_there_is_a_verdict() {
    let player = Player::new();
    let dir = Workdir::with(&played(&player));
    let heartbeat = dir.heartbeat().start();
    player.wait_until_asked();
    dir.drain();
    dir.wait_for_words(&["-node"]);
    assert!(dir.log().checks("web").is_empty());
    player.go_on('p');
    dir.wait_for_log("Health: unknown -> healthy.");
    dir.assert_settles_at(&["-node"]);
    dir.resume();
    dir.assert_settles_at(&["-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn while_the_node_is_out_already() {
    let mut peer = Peer::down();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["-node"]);
    dir.drain();
    dir.wait_for_log("Maintenance: drained");
    dir.assert_settles_at(&["-node"]);
    peer.go_up();
    dir.wait_for_log("Health: unhealthy -> healthy");
    dir.assert_settles_at(&["-node"]);
    dir.resume();
    dir.assert_settles_at(&["-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn a_node_that_has_died_meanwhile_stays_out() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    peer.go_down();
    dir.wait_for_log("Health: healthy -> unhealthy");
    dir.resume();
    dir.wait_for_log("Maintenance has ended");
    dir.assert_settles_at(&["+node", "-node"]);
    peer.go_up();
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn commands_are_told() {
    let peer = Peer::silent();
    let config = Config::new().general("interval", "0.1");
    let config = config.commands("node", &tell("up"), &tell("down"));
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("Action done: ", 1);
    dir.drain();
    dir.wait_for_log_times("Action done: ", 2);
    let down = dir.read("down");
    let drained = "STATE=drained;\nPREVIOUS=healthy;\nACTION=node;\nFAILED=;\n";
    assert!(down.starts_with(drained), "{down}");
    let (_, reason) = down.split_once("REASON=").expect("a reason");
    assert!(reason.contains("kernel update"), "{reason}");
    let before = dir.read("up").len();
    dir.resume();
    dir.wait_for_log_times("Action done: ", 3);
    heartbeat.stop().expect(0);
    let up = dir.read("up").split_off(before);
    assert!(up.starts_with("STATE=healthy;\n"), "{up}");
    assert!(!up.contains("kernel"), "{up}");
}

fn a_demotion_that_fails_is_tried_again() {
    let peer = Peer::silent();
    let config = Config::new().general("interval", "0.1");
    let config = config.commands("node", "true", "echo - >> words; test -e repaired");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action done: ");
    dir.drain();
    wait_for("three tries", || dir.words().len() >= 3);
    dir.write("repaired", "");
    dir.wait_for_log_times("Action done: ", 2);
    let tries = dir.words().len();
    dir.wait_for_rounds(4);
    assert_eq!(dir.words().len(), tries);
    heartbeat.stop().expect(0);
}

fn a_promotion_that_runs_is_followed_by_the_demotion() {
    let peer = Peer::silent();
    let config = Config::new().general("interval", "0.1");
    let config = config.commands("node", &at_gate("+"), "echo - >> words");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    dir.drain();
    dir.wait_for_log("Maintenance: drained");
    dir.open_gate();
    dir.assert_settles_at(&["+(", ")+", "-"]);
    heartbeat.stop().expect(0);
}

fn in_place_of_a_hold() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.hold();
    dir.wait_for_log("Maintenance: held: hands off.");
    dir.assert_settles_at(&["+node"]);
    dir.drain();
    dir.assert_settles_at(&["+node", "-node"]);
    dir.hold();
    dir.wait_for_log_times("Maintenance: held: hands off.", 2);
    dir.assert_settles_at(&["+node", "-node"]);
    dir.resume();
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn every_action_is_drained() {
    let (web, smtp) = (Peer::silent(), Peer::down());
    let config = Config::new()
        .general("interval", "0.1")
        .general("scope", "action");
    let config = config.action("nginx").action("mail").action("idle");
    let config = config.check("web", "tcp", web.addr(), "nginx, idle");
    let dir = Workdir::with(&config.check("smtp", "tcp", smtp.addr(), "mail"));
    let heartbeat = dir.heartbeat().start();
    wait_for("all", || dir.words().len() == 3);
    dir.drain();
    wait_for("those that were in", || dir.words().len() == 5);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[3..], ["-nginx", "-idle"]);
    dir.resume();
    wait_for("the same", || dir.words().len() == 7);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[5..], ["+nginx", "+idle"]);
    heartbeat.stop().expect(0);
}

fn is_only_told_in_a_rehearsal() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().arg("--dry-run").start();
    dir.wait_for_log("Would run: echo +node >> words (promotion of node)");
    dir.drain();
    dir.wait_for_log("Would run: echo -node >> words (demotion of node)");
    dir.resume();
    dir.wait_for_log_times("Would run: echo +node >> words (promotion of node)", 2);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), [""; 0]);
}
