//! Until when a state says something about the present.

use super::node;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;
use serde_json::Value;

tests![
    one_that_was_killed,
    one_that_was_stopped,
    one_that_hangs,
    a_one_shot_of_long_ago,
    a_slow_check_is_no_silence,
    long_intervals_are_valid_long,
    after_a_restart_nothing_is_known,
    a_state_of_another_process,
];

fn assert_last_known(status: &Value, why: &str) {
    assert_eq!(status["health"], "unknown", "{status:#}");
    assert_eq!(status["last_health"], "healthy");
    assert_eq!(status["checks"][0]["standing"], "up");
    let stale = status["stale"].as_str().expect("why");
    assert!(stale.contains(why), "{stale}");
}

fn one_that_was_killed() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", 60));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    heartbeat.crash();
    let (status, code) = dir.status();
    assert_eq!(code, 3);
    assert_last_known(&status, "gone");
    let text = dir.status_text(3);
    assert!(
        text.starts_with("health         unknown\nwhy            "),
        "{text}"
    );
    assert!(text.contains("last known     healthy since 2"), "{text}");
}

fn one_that_was_stopped() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", 60));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    heartbeat.stop().expect(0);
    let (status, code) = dir.status();
    assert_eq!(code, 3);
    assert_last_known(&status, "gone");
}

fn one_that_hangs() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", "0.2"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    heartbeat.signal(Signal::SIGSTOP);
    let status = dir.wait_for_status("its silence to be told", |_, code| code == 3);
    assert_last_known(&status, "stale");
    assert!(dir.status_text(3).contains("stale"));
    heartbeat.signal(Signal::SIGCONT);
    let status = dir.wait_for_status("its return", |_, code| code == 0);
    assert!(status["stale"].is_null());
    heartbeat.stop().expect(0);
}

/// Its interval says how often it is to be expected.
fn a_one_shot_of_long_ago() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", "0.1"));
    dir.heartbeat().once().expect(0);
    let status = dir.wait_for_status("its age", |_, code| code == 3);
    assert_last_known(&status, "stale");
}

/// The round lasts longer than a state is valid.
fn a_slow_check_is_no_silence() {
    let (player, peer) = (Player::playing("p"), Peer::silent());
    let config = node(&player).general("interval", "0.1");
    let dir = Workdir::with(&config.check("db", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    player.wait_until_asked();
    dir.wait_for_log("Round 25 started");
    assert!(player.is_asked());
    let (status, code) = dir.status();
    assert_eq!(code, 0, "{status:#}");
    let age = status["checks"][0]["last"]["age_seconds"].as_f64();
    assert!(age > Some(1.2), "{age:?}");
    heartbeat.stop().expect(0);
}

fn long_intervals_are_valid_long() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", "1h"));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("health", |_, code| code == 0);
    let time = |key: &str| {
        let text = status[key].as_str().expect("a time");
        chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339")
    };
    let valid = time("valid_until") - time("written");
    assert!((7200..=7202).contains(&valid.num_seconds()), "{valid}");
    heartbeat.stop().expect(0);
}

/// A daemon asserts everything anew.
fn after_a_restart_nothing_is_known() {
    let player = Player::playing("p");
    let dir = Workdir::with(&node(&player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    heartbeat.crash();
    let heartbeat = dir.heartbeat().start();
    player.wait_until_asked();
    let status = dir.wait_for_status("the new one", |status, _| status["stale"].is_null());
    assert_eq!(status["health"], "unknown");
    assert_eq!(status["pid"], heartbeat.pid().as_raw());
    assert_eq!(status["checks"][0]["standing"], "unknown");
    heartbeat.stop().expect(0);
}

/// Its number may be that of another process by now.
fn a_state_of_another_process() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", 60));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    let pid = heartbeat.pid();
    heartbeat.crash();
    let state = dir.read("heartbeat.state");
    let mine = std::process::id();
    let taken = state.replace(&format!("\"pid\":{pid}"), &format!("\"pid\":{mine}"));
    assert_ne!(taken, state);
    dir.write("heartbeat.state", taken);
    assert_eq!(dir.status().1, 3);
}
