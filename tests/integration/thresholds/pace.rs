//! `fast_interval`: the pace of rounds while some check is in doubt.

use std::time::Duration;

use super::web;
use crate::support::config::Config;
use crate::support::player::Player;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    rounds_come_faster_only_in_doubt,
    in_doubt_after_one_that_recovers,
    without_it_doubt_changes_nothing,
];

/// More than ten rounds in doubt take, far less than one without.
const SLOW: Duration = Duration::from_millis(1500);

fn at_two_paces(player: &Player, rise: u32, fall: u32) -> Workdir {
    let config = Config::new()
        .general("interval", 2)
        .general("fast_interval", "0.05")
        .action("node");
    Workdir::with(&web(config, player, rise, fall))
}

/// How long it was from the check number `from` to number `to`, counted from one.
fn between(player: &Player, from: usize, to: usize) -> Duration {
    wait_for("the checks", || player.peer().arrivals().len() >= to);
    let arrivals = player.peer().arrivals();
    arrivals[to - 1] - arrivals[from - 1]
}

fn rounds_come_faster_only_in_doubt() {
    let player = Player::new();
    let dir = at_two_paces(&player, 4, 3);
    let heartbeat = dir.heartbeat().start();
    // Unknown until the fourth pass, and after it no longer in doubt.
    player.play("pppp");
    assert!(between(&player, 1, 4) < SLOW);
    assert!(between(&player, 4, 5) > Duration::from_secs(1));
    dir.wait_for_words(&["+node"]);
    // Up, but the last result says otherwise; down after the third.
    player.play("fff");
    assert!(between(&player, 5, 7) < SLOW);
    dir.wait_for_words(&["+node", "-node"]);
    assert!(between(&player, 7, 8) > Duration::from_secs(1));
    heartbeat.stop().expect(0);
}

fn in_doubt_after_one_that_recovers() {
    let player = Player::playing("f");
    let dir = at_two_paces(&player, 4, 1);
    let heartbeat = dir.heartbeat().start();
    assert!(between(&player, 1, 2) > Duration::from_secs(1));
    player.play("pppp");
    assert!(between(&player, 2, 5) < SLOW);
    dir.wait_for_words(&["-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn without_it_doubt_changes_nothing() {
    let player = Player::playing("pppp");
    let dir = Workdir::with(&web(
        Config::new().general("interval", "0.5").action("node"),
        &player,
        4,
        1,
    ));
    let heartbeat = dir.heartbeat().start();
    let taken = between(&player, 1, 4);
    assert!(taken > Duration::from_secs(1), "{taken:?}");
    heartbeat.stop().expect(0);
}
