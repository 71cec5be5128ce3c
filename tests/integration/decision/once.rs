//! One-shots, as cron runs them: exit statuses, and what is carried from one to the next.

use std::thread;
use std::time::Duration;

use super::{node, node_with, quick};
use crate::support::config::Config;
use crate::support::peer::{OK, Peer};
use crate::support::script::at_gate;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;

tests![
    the_exit_status_is_the_verdict,
    they_act_on_transitions_only,
    a_failed_action_is_tried_by_the_next_one,
    an_action_that_failed_weighs_more_than_the_verdict,
    they_run_once_whatever_the_file_says,
    a_daemon_asserts_its_first_verdict_anew,
    a_one_shot_goes_on_where_a_daemon_ended,
    only_actions_that_are_new_or_changed_are_run_again,
    what_was_down_is_asked_before_anything_is_done_about_it,
    stopped_before_there_is_a_verdict,
    stopped_while_its_command_runs,
    two_at_once,
];

fn the_exit_status_is_the_verdict() {
    let (up, down) = (Peer::silent(), Peer::down());
    for (peer, status) in [(&up, 0), (&down, 1)] {
        let dir = Workdir::with(&node(peer));
        dir.heartbeat().once().expect(status);
        let log = dir.log();
        assert!(log.says("Mode: Run Once."));
        let last = log.lines.last().expect("a line");
        assert_eq!(last.message, "One-time run-through complete. Goodbye.");
        assert!(!dir.has("heartbeat.pid"));
    }
}

fn they_act_on_transitions_only() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node_with(
        &peer,
        "echo +$HEARTBEAT_PREVIOUS >> words",
        "echo -$HEARTBEAT_PREVIOUS >> words",
    ));
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+unknown"]);
    peer.go_down();
    dir.heartbeat().once().expect(1);
    dir.heartbeat().once().expect(1);
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["+unknown", "-healthy"]);
    peer.go_up();
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+unknown", "-healthy", "+unhealthy"]);
    assert_eq!(dir.log().count(" actions. Health: "), 3);
}

fn a_failed_action_is_tried_by_the_next_one() {
    let peer = Peer::silent();
    let dir = Workdir::with(
        &quick()
            .commands("a", "echo +a >> words; test -e repaired", "true")
            .action("b")
            .check("web", "tcp", peer.addr(), "a")
            .check("db", "tcp", peer.addr(), "b"),
    );
    dir.heartbeat().once().expect(3);
    dir.heartbeat().once().expect(3);
    assert_eq!(dir.words(), ["+a", "+b", "+a"]);
    dir.write("repaired", "");
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+a", "+b", "+a", "+a"]);
}

fn an_action_that_failed_weighs_more_than_the_verdict() {
    let peer = Peer::down();
    let dir = Workdir::with(&node_with(&peer, "true", "exit 1"));
    dir.heartbeat().once().expect(3);
}

fn they_run_once_whatever_the_file_says() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("daemonize", "yes"));
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
    assert!(dir.processes().is_empty(), "a daemon was left");
}

fn a_daemon_asserts_its_first_verdict_anew() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node", "+node"]);
    heartbeat.stop().expect(0);
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node", "+node", "+node"]);
    heartbeat.stop().expect(0);
}

fn a_one_shot_goes_on_where_a_daemon_ended() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
    peer.go_down();
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

fn only_actions_that_are_new_or_changed_are_run_again() {
    let peer = Peer::silent();
    let check = |config: Config, name: &str| config.check(name, "tcp", peer.addr(), name);
    let dir = Workdir::with(&check(check(quick().action("a").action("b"), "a"), "b"));
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+a", "+b"]);

    // Another way to demote `a`: who knows what its promotion has to undo now.
    let other_demotion = quick().commands("a", "echo +a >> words", "echo other >> words");
    dir.configure(&check(check(other_demotion.action("b"), "a"), "b"));
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+a", "+b", "+a"]);

    // The order is none of their commands; `c` is new, `a` is gone.
    let with_new = quick().action("c").action("b");
    dir.configure(&check(check(with_new, "b"), "c"));
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+a", "+b", "+a", "+c"]);
}

/// 0 would be taken for healthy.
/// Another check answers first, and the demotion of the last time has yet to work.
fn what_was_down_is_asked_before_anything_is_done_about_it() {
    let (quick, mut slow) = (
        Peer::silent(),
        Peer::serve(|mut conn| {
            conn.request()?;
            thread::sleep(Duration::from_millis(500));
            conn.send(OK)
        }),
    );
    let config = Config::new()
        .commands("node", "echo + >> words", "echo - >> words; exit 1")
        .check("quick", "tcp", quick.addr(), "node")
        .check("slow", "http", slow.addr(), "node");
    let dir = Workdir::with(&config);
    slow.go_down();
    dir.heartbeat().once().expect(3);
    slow.go_up();
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["-", "+"]);
}

fn stopped_before_there_is_a_verdict() {
    let peer = Peer::silent();
    let dir = Workdir::with(
        &quick()
            .action("node")
            .check("web", "http", peer.addr(), "node")
            .key("timeout", 15),
    );
    let heartbeat = dir.heartbeat().arg("--once").start();
    wait_for("the check", || !peer.arrivals().is_empty());
    heartbeat.signal(Signal::SIGTERM);
    heartbeat.wait().expect(3);
    assert_eq!(dir.words(), [""; 0]);
}

fn stopped_while_its_command_runs() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node_with(&peer, &at_gate("+"), "true"));
    let heartbeat = dir.heartbeat().arg("--once").start();
    dir.wait_for_words(&["+("]);
    heartbeat.signal(Signal::SIGTERM);
    dir.wait_for_log("Received SIGTERM");
    dir.open_gate();
    heartbeat.wait().expect(0);
    assert_eq!(dir.words(), ["+(", ")+"]);
}

/// Cron starts the next one while a command of the last one still runs.
fn two_at_once() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node_with(&peer, &at_gate("+"), "true"));
    let first = dir.heartbeat().arg("--once").start();
    dir.wait_for_words(&["+("]);
    let second = dir.heartbeat().once().expect(3);
    let holder = format!("locked by process {}:", first.pid());
    assert!(second.stderr.contains(&holder), "{}", second.stderr);
    dir.open_gate();
    first.wait().expect(0);
    assert_eq!(dir.words(), ["+(", ")+"]);
}
