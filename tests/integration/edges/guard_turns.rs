//! What happens while the guard runs: the verdict turns, the configuration changes, heartbeat is stopped.

use std::time::Duration;

use super::{node, quick};
use crate::support::config::Config;
use crate::support::player::Player;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;

tests![
    recovered_before_it_says_go,
    recovered_before_it_says_hold,
    recovered_and_died_again,
    a_drain_while_it_runs,
    a_reload_while_it_runs,
    a_reload_takes_it_away,
    stopped_while_it_runs,
    stopped_twice_while_it_runs,
    a_crash_while_it_runs,
];

/// The guard waits at the gate, and then gives this exit status.
fn waiting(status: i32) -> Config {
    let guard = format!(
        "echo '?(' >> words; until [ -e gate ]; do sleep 0.02; done; echo ')?' >> words; exit {status}"
    );
    quick().general("demotion_guard", guard)
}

/// Promoted, dead, and asked about.
fn asked<'a>(dir: &'a Workdir, player: &Player) -> crate::support::heartbeat::Running<'a> {
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.wait_for_log("Action done: ");
    player.go_on('f');
    dir.wait_for_words(&["+node", "?("]);
    heartbeat
}

fn recover(dir: &Workdir, player: &Player) {
    player.go_on('p');
    dir.wait_for_log("Health: unhealthy -> healthy");
}

/// The node is not demoted. The guard may have taken a place that only a promotion gives back, so there is one.
fn recovered_before_it_says_go() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(waiting(0), &player));
    let heartbeat = asked(&dir, &player);
    recover(&dir, &player);
    dir.open_gate();
    dir.assert_settles_at(&["+node", "?(", ")?", "+node"]);
    heartbeat.stop().expect(0);
}

/// Nothing has been taken, and nothing has changed.
fn recovered_before_it_says_hold() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(waiting(1), &player));
    let heartbeat = asked(&dir, &player);
    recover(&dir, &player);
    dir.open_gate();
    dir.assert_settles_at(&["+node", "?(", ")?"]);
    heartbeat.stop().expect(0);
}

fn recovered_and_died_again() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(waiting(0), &player));
    let heartbeat = asked(&dir, &player);
    recover(&dir, &player);
    player.go_on('f');
    dir.wait_for_log_times("-> unhealthy", 2);
    dir.open_gate();
    wait_for("the demotion", || {
        dir.words().last().is_some_and(|word| word == "-node")
    });
    dir.wait_for_rounds(4);
    heartbeat.stop().expect(0);
    let words = dir.words();
    let moves: Vec<_> = words.iter().filter(|word| word.ends_with("node")).collect();
    assert_eq!(moves, ["+node", "-node"]);
}

fn a_drain_while_it_runs() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(waiting(1), &player));
    let heartbeat = asked(&dir, &player);
    dir.ask(&["drain", "kernel update"]).expect(0);
    // Nobody waits for its answer.
    dir.assert_settles_at(&["+node", "?(", "-node"]);
    heartbeat.stop().expect(0);
}

fn a_reload_while_it_runs() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(waiting(0), &player));
    let heartbeat = asked(&dir, &player);
    dir.reload(&heartbeat, &node(waiting(0), &player).key("timeout", 29));
    dir.open_gate();
    dir.assert_settles_at(&["+node", "?(", ")?", "-node"]);
    heartbeat.stop().expect(0);
}

fn a_reload_takes_it_away() {
    let player = Player::always('p');
    let config = quick().general("demotion_guard", "echo ? >> words; exit 1");
    let dir = Workdir::with(&node(config, &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    player.go_on('f');
    wait_for("questions", || dir.words().len() >= 3);
    dir.reload(&heartbeat, &node(quick(), &player));
    dir.wait_for_log("Changed: [general] demotion_guard.");
    wait_for("the demotion", || {
        dir.words().last().is_some_and(|word| word == "-node")
    });
    let words = dir.words().len();
    dir.wait_for_rounds(4);
    assert_eq!(dir.words().len(), words);
    heartbeat.stop().expect(0);
}

/// It may end, as a command may; what it has allowed is not begun any more.
fn stopped_while_it_runs() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(waiting(0), &player));
    let heartbeat = asked(&dir, &player);
    heartbeat.signal(Signal::SIGTERM);
    dir.wait_for_log("Stopping.");
    dir.open_gate();
    heartbeat.wait().expect(0);
    assert_eq!(dir.words(), ["+node", "?(", ")?"]);
}

fn stopped_twice_while_it_runs() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(waiting(0), &player));
    let heartbeat = asked(&dir, &player);
    heartbeat.signal(Signal::SIGTERM);
    dir.wait_for_log("Stopping.");
    wait_for("more than a wrapper's haste", || {
        heartbeat.signal(Signal::SIGTERM);
        dir.log().says("Stopping at once.")
    });
    heartbeat.wait_within(Duration::from_secs(5)).expect(0);
    assert_eq!(dir.words(), ["+node", "?("]);
}

/// Whether it has taken a place nobody knows: a one-shot runs what is wanted.
fn a_crash_while_it_runs() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(waiting(0), &player));
    let heartbeat = asked(&dir, &player);
    heartbeat.crash();
    player.go_on('p');
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node", "?(", "+node"]);
}
