//! `on_exit`: what becomes of the node when heartbeat is stopped.

use std::time::Duration;

use super::{node, quick};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::process::Process;
use crate::support::script::{at_gate, tell};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    the_node_is_left_where_it_is,
    the_demotions_are_run,
    of_a_daemon,
    a_node_that_is_out_is_left_alone,
    before_there_is_a_verdict,
    the_commands_are_told,
    one_that_fails_is_the_exit_status,
    one_that_hangs_is_bounded,
    a_promotion_that_runs_may_end_first,
    a_second_signal_ends_the_wait,
    a_one_shot_takes_nothing_out,
    a_one_shot_that_is_stopped_takes_nothing_out,
    not_while_it_is_held,
    a_drained_node_is_out_already,
    a_crash_runs_nothing,
    one_that_has_just_failed_is_tried_once_more,
    what_is_wrong,
];

const SIGNALS: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

fn leaving() -> Config {
    quick().general("on_exit", "demote")
}

fn the_node_is_left_where_it_is() {
    let player = Player::always('p');
    for config in [quick(), quick().general("on_exit", "keep")] {
        let dir = Workdir::with(&node(config, &player));
        let heartbeat = dir.heartbeat().start();
        dir.wait_for_words(&["+node"]);
        heartbeat.stop().expect(0);
        assert_eq!(dir.words(), ["+node"]);
    }
}

fn the_demotions_are_run() {
    let player = Player::always('p');
    for signal in SIGNALS {
        let config = node(leaving().action("mail"), &player).key("action", "node, mail");
        let dir = Workdir::with(&config);
        let heartbeat = dir.heartbeat().start();
        dir.wait_for_words(&["+mail", "+node"]);
        heartbeat.signal(signal);
        heartbeat.wait().expect(0);
        assert_eq!(dir.words(), ["+mail", "+node", "-mail", "-node"]);
        assert!(!dir.has("heartbeat.pid"));
        let log = dir.log();
        let last = &log.lines.last().expect("a line").message;
        assert!(last.starts_with("Heartbeat stopped ("), "{last}");
    }
}

fn of_a_daemon() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(leaving(), &player));
    dir.heartbeat().daemonize().expect(0);
    let daemon = Process(dir.pid().expect("a daemon's pidfile"));
    dir.wait_for_words(&["+node"]);
    kill(daemon.0, Signal::SIGTERM).expect("stop the daemon");
    wait_for("its end", || !daemon.is_alive());
    assert_eq!(dir.words(), ["+node", "-node"]);
}

fn a_node_that_is_out_is_left_alone() {
    let player = Player::always('f');
    let dir = Workdir::with(&node(leaving(), &player));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["-node"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["-node"]);
}

/// Nobody knows where the node is.
fn before_there_is_a_verdict() {
    let player = Player::new();
    let dir = Workdir::with(&node(leaving(), &player));
    let heartbeat = dir.heartbeat().start();
    player.wait_until_asked();
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["-node"]);
}

fn the_commands_are_told() {
    let peer = Peer::silent();
    let config = leaving().commands("node", "true", &tell("down"));
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action done: ");
    heartbeat.stop().expect(0);
    let told = dir.read("down");
    assert!(
        told.starts_with("STATE=stopping;\nPREVIOUS=healthy;\nACTION=node;\nFAILED=;\n"),
        "{told}"
    );
}

/// The others are taken out all the same, and nothing is tried again and again.
fn one_that_fails_is_the_exit_status() {
    let peer = Peer::silent();
    let config = leaving()
        .commands("mail", "true", "echo -mail >> words; exit 7")
        .action("node");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node, mail"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("Action done: ", 2);
    heartbeat.stop().expect(3);
    assert_eq!(dir.words(), ["+node", "-mail", "-node"]);
    assert!(dir.log().says("exit status 7"));
    assert!(!dir.has("heartbeat.pid"));
}

fn one_that_hangs_is_bounded() {
    let peer = Peer::silent();
    let config = leaving()
        .general("action_timeout", "0.3")
        .commands("mail", "true", "sleep 60");
    let dir = Workdir::with(
        &config
            .action("node")
            .check("web", "tcp", peer.addr(), "node, mail"),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("Action done: ", 2);
    heartbeat.signal(Signal::SIGTERM);
    heartbeat.wait_within(Duration::from_secs(10)).expect(3);
    assert_eq!(dir.words(), ["+node", "-node"]);
    assert!(dir.log().says("timed out after 0.3s"));
}

fn a_promotion_that_runs_may_end_first() {
    let peer = Peer::silent();
    let config = leaving().commands("node", &at_gate("+"), "echo - >> words");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    heartbeat.signal(Signal::SIGTERM);
    dir.wait_for_log("Stopping.");
    dir.open_gate();
    heartbeat.wait().expect(0);
    assert_eq!(dir.words(), ["+(", ")+", "-"]);
}

fn a_second_signal_ends_the_wait() {
    let peer = Peer::silent();
    let config = leaving()
        .commands("mail", "true", &at_gate("-"))
        .action("node");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node, mail"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("Action done: ", 2);
    heartbeat.signal(Signal::SIGTERM);
    dir.wait_for_words(&["+node", "-("]);
    // A person's pace: two at one stroke are one wish.
    std::thread::sleep(Duration::from_millis(100));
    heartbeat.signal(Signal::SIGTERM);
    heartbeat.wait_within(Duration::from_secs(5));
    assert_eq!(dir.words(), ["+node", "-("]);
    assert!(dir.log().says("interrupted, killed with its children"));
    assert!(!dir.has("heartbeat.pid"));
}

fn a_one_shot_takes_nothing_out() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(leaving(), &player));
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
}

fn a_one_shot_that_is_stopped_takes_nothing_out() {
    let player = Player::new();
    let dir = Workdir::with(&node(leaving(), &player));
    let once = dir.heartbeat().arg("--once").start();
    player.wait_until_asked();
    once.stop().expect(3);
    assert_eq!(dir.words(), [""; 0]);
}

fn not_while_it_is_held() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(leaving(), &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.ask(&["hold", "hands off"]).expect(0);
    dir.wait_for_log("Maintenance: held");
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["+node"]);
}

fn a_drained_node_is_out_already() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(leaving(), &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.ask(&["drain", "kernel update"]).expect(0);
    dir.wait_for_log_times("Action done: ", 2);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

/// The next one asserts its first verdict anew.
fn a_crash_runs_nothing() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(leaving(), &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    heartbeat.crash();
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node", "+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["+node", "+node", "-node"]);
}

fn one_that_has_just_failed_is_tried_once_more() {
    let peer = Peer::down();
    let config = leaving().general("interval", 600);
    let config = config.commands("node", "true", "echo - >> words; test -e repaired");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Action failed: ");
    dir.write("repaired", "");
    heartbeat.stop().expect(0);
    assert_eq!(dir.words(), ["-", "-"]);
}

fn what_is_wrong() {
    let player = Player::new();
    let dir = Workdir::with(&node(quick().general("on_exit", "promote"), &player));
    let tested = dir.heartbeat().test_config().expect(2);
    let told = "heartbeat.conf:4: [general] on_exit: \"promote\" is not what to do on exit (keep, demote)\n";
    assert_eq!(tested.stderr, told);
}
