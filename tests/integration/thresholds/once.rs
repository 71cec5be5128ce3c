//! One-shots carry the counts in the state file.

use super::node;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::workdir::Workdir;

tests![
    failures_are_counted_from_one_to_the_next,
    passes_are_counted_from_one_to_the_next,
    unknown_is_no_verdict,
    a_pass_between_begins_anew,
    another_probe_begins_anew,
    a_damaged_state_begins_anew,
];

/// Plays one letter to each of several one-shots, and gives their exit statuses.
fn statuses(dir: &Workdir, player: &Player, letters: &str) -> Vec<i32> {
    let once = |letter: char| {
        player.play(&letter.to_string());
        dir.heartbeat().once().code().expect("an exit status")
    };
    letters.chars().map(once).collect()
}

fn failures_are_counted_from_one_to_the_next() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 1, 3));
    assert_eq!(statuses(&dir, &player, "pff"), [0, 0, 0]);
    assert_eq!(dir.words(), ["+node"]);
    assert!(dir.log().says("Unhealthy (failed 2 of 3)"));
    assert_eq!(statuses(&dir, &player, "ff"), [1, 1]);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

fn passes_are_counted_from_one_to_the_next() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 3, 1));
    assert_eq!(statuses(&dir, &player, "fpp"), [1, 1, 1]);
    assert_eq!(dir.words(), ["-node"]);
    assert!(dir.log().says("Healthy (passed 2 of 3)"));
    assert_eq!(statuses(&dir, &player, "pp"), [0, 0]);
    assert_eq!(dir.words(), ["-node", "+node"]);
}

/// 0 would be taken for healthy, 1 for unhealthy.
fn unknown_is_no_verdict() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 2, 3));
    assert_eq!(statuses(&dir, &player, "ffpff"), [3, 3, 3, 3, 3]);
    assert_eq!(dir.words(), [""; 0]);
    assert_eq!(statuses(&dir, &player, "f"), [1]);
    assert_eq!(dir.words(), ["-node"]);
}

fn a_pass_between_begins_anew() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 1, 2));
    assert_eq!(statuses(&dir, &player, "pfpfpf"), [0; 6]);
    assert_eq!(dir.words(), ["+node"]);
}

fn another_probe_begins_anew() {
    let (player, other) = (Player::new(), Player::new());
    let dir = Workdir::with(&node(&player, 1, 2));
    assert_eq!(statuses(&dir, &player, "pf"), [0, 0]);
    dir.configure(&node(&other, 1, 2));
    assert_eq!(statuses(&dir, &other, "f")[0], 3);
    assert_eq!(dir.words(), ["+node"]);
    assert_eq!(statuses(&dir, &other, "f"), [1]);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

fn a_damaged_state_begins_anew() {
    let down = Peer::down();
    let player = Player::new();
    let dir = Workdir::with(&node(&player, 1, 2).check("db", "tcp", down.addr(), "node"));
    player.go_on('f');
    dir.heartbeat().once().expect(1);
    dir.write("heartbeat.state", "{\"heartbeat\":2,");
    player.go_on('p');
    dir.heartbeat().once().expect(1);
    player.go_on('f');
    dir.heartbeat().once().expect(1);
    assert_eq!(dir.log().check("web").status, "Unhealthy (failed 1 of 2)");
}
