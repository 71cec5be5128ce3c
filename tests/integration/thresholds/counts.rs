//! Passes and failures in a row, and what the log says of them.

use super::{node, web};
use crate::support::config::Config;
use crate::support::log::Log;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::{tell, transitions};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    from_unknown_it_takes_as_many_passes,
    from_unknown_it_takes_as_many_failures,
    a_pass_begins_the_failures_anew,
    a_failure_begins_the_passes_anew,
    what_goes_up_and_down_is_neither,
    each_step_is_in_the_log,
    without_thresholds_nothing_is_counted,
    only_those_that_are_down_have_failed,
    unknown_is_neither_up_nor_down,
    one_that_is_down_is_enough_while_others_are_unknown,
];

const NOTHING: [&str; 0] = [];

/// `LEVEL Status` of each result of `web`, without the reason.
fn steps(log: &Log) -> Vec<String> {
    let checks = log.checks("web").into_iter();
    let step = |check: crate::support::log::CheckLine| format!("{} {}", check.level, check.status);
    checks.map(step).collect()
}

fn from_unknown_it_takes_as_many_passes() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 3, 1));
    let heartbeat = dir.heartbeat().start();
    player.play_out("pp");
    assert_eq!(dir.words(), NOTHING);
    player.play_out("p");
    dir.wait_for_words(&["+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(transitions(&dir.log()), ["INFO unknown -> healthy."]);
}

fn from_unknown_it_takes_as_many_failures() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 1, 3));
    let heartbeat = dir.heartbeat().start();
    player.play_out("ff");
    assert_eq!(dir.words(), NOTHING);
    player.play_out("f");
    dir.wait_for_words(&["-node"]);
    heartbeat.stop().expect(0);
    let expected = ["WARNING unknown -> unhealthy, Failed: web."];
    assert_eq!(transitions(&dir.log()), expected);
}

fn a_pass_begins_the_failures_anew() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 1, 3));
    let heartbeat = dir.heartbeat().start();
    player.play_out("p");
    dir.wait_for_words(&["+node"]);
    player.play_out("ffpff");
    dir.wait_for_words(&["+node"]);
    player.play_out("f");
    dir.wait_for_words(&["+node", "-node"]);
    player.play_out("fffp");
    dir.wait_for_words(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn a_failure_begins_the_passes_anew() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 3, 1));
    let heartbeat = dir.heartbeat().start();
    player.play_out("f");
    dir.wait_for_words(&["-node"]);
    player.play_out("ppfpp");
    dir.wait_for_words(&["-node"]);
    player.play_out("p");
    dir.wait_for_words(&["-node", "+node"]);
    player.play_out("f");
    dir.wait_for_words(&["-node", "+node", "-node"]);
    heartbeat.stop().expect(0);
}

fn what_goes_up_and_down_is_neither() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 2, 2));
    let heartbeat = dir.heartbeat().start();
    player.play_out("pfpfpfpf");
    assert_eq!(dir.words(), NOTHING);
    assert_eq!(transitions(&dir.log()), NOTHING);
    player.play_out("f");
    dir.wait_for_words(&["-node"]);
    heartbeat.stop().expect(0);
}

fn each_step_is_in_the_log() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 2, 3));
    let heartbeat = dir.heartbeat().start();
    player.play_out("pppfpffffppp");
    heartbeat.stop().expect(0);
    let expected = [
        "INFO Healthy (passed 1 of 2)",
        "INFO Healthy (passed 2 of 2)",
        "DEBUG Healthy",
        "ERROR Unhealthy (failed 1 of 3)",
        "INFO Healthy",
        "ERROR Unhealthy (failed 1 of 3)",
        "WARNING Unhealthy (failed 2 of 3)",
        "WARNING Unhealthy (failed 3 of 3)",
        "DEBUG Unhealthy",
        "INFO Healthy (passed 1 of 2)",
        "INFO Healthy (passed 2 of 2)",
        "DEBUG Healthy",
    ];
    assert_eq!(steps(&dir.log()), expected);
}

fn without_thresholds_nothing_is_counted() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 1, 1));
    let heartbeat = dir.heartbeat().start();
    player.play_out("pffpp");
    heartbeat.stop().expect(0);
    let expected = [
        "DEBUG Healthy",
        "ERROR Unhealthy",
        "DEBUG Unhealthy",
        "INFO Healthy",
        "DEBUG Healthy",
    ];
    assert_eq!(steps(&dir.log()), expected);
}

/// A command is not told of a check that has failed, but not often enough.
fn only_those_that_are_down_have_failed() {
    let (player, down) = (Player::new(), Peer::down());
    let config = Config::new()
        .general("interval", "0.1")
        .commands("node", "true", &tell("down"));
    let config = web(config, &player, 1, 3).check("db", "tcp", down.addr(), "node");
    let dir = Workdir::with(&config.key("fall", 2));
    let heartbeat = dir.heartbeat().start();
    player.play("f");
    dir.wait_for_log("Action done: ");
    heartbeat.stop().expect(0);
    let told = dir.read("down");
    assert!(told.contains("STATE=unhealthy;\n"), "{told}");
    assert!(told.contains("FAILED=db;\nREASON=db: connect: "), "{told}");
}

fn unknown_is_neither_up_nor_down() {
    let (player, up) = (Player::new(), Peer::silent());
    let config = node(&player, 3, 3).check("db", "tcp", up.addr(), "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    player.play_out("ppff");
    wait_for("the other check", || dir.log().checks("db").len() > 3);
    assert_eq!(dir.words(), NOTHING);
    player.play("ppp");
    dir.wait_for_words(&["+node"]);
    heartbeat.stop().expect(0);
}

fn one_that_is_down_is_enough_while_others_are_unknown() {
    let (player, down) = (Player::new(), Peer::down());
    let config = node(&player, 3, 3).check("db", "tcp", down.addr(), "node");
    let dir = Workdir::with(&config.key("fall", 2));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["-node"]);
    assert_eq!(dir.log().checks("web").len(), 0);
    heartbeat.stop().expect(0);
}
