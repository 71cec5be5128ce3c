//! `hold` freezes the actions.

use super::{node, played};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::at_gate;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    no_command_is_run_until_resumed,
    a_change_that_has_gone_by_is_none,
    before_there_is_a_verdict,
    a_command_that_runs_may_end,
    what_has_failed_waits,
    in_place_of_a_drain,
];

fn no_command_is_run_until_resumed() {
    let player = Player::always('p');
    let dir = Workdir::with(&played(&player));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    let held = dir.ask(&["hold", "hands off"]).expect(0);
    assert_eq!(held.stdout, "Maintenance: held: hands off.\n");
    dir.wait_for_log("Maintenance: held: hands off.");
    player.go_on('f');
    dir.wait_for_log("Health: healthy -> unhealthy, Failed: web.");
    dir.assert_settles_at(&["+node"]);
    dir.resume();
    dir.assert_settles_at(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    assert!(
        dir.log()
            .says("Maintenance has ended (it was held: hands off).")
    );
}

fn a_change_that_has_gone_by_is_none() {
    let player = Player::always('p');
    let dir = Workdir::with(&played(&player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.wait_for_log("Action done: ");
    dir.hold();
    dir.wait_for_log("Maintenance: held");
    player.go_on('f');
    dir.wait_for_log("Health: healthy -> unhealthy");
    player.go_on('p');
    dir.wait_for_log("Health: unhealthy -> healthy");
    dir.resume();
    dir.wait_for_log("Maintenance has ended");
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
}

fn before_there_is_a_verdict() {
    let peer = Peer::down();
    let dir = Workdir::with(&node(&peer));
    dir.hold();
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("Health: unknown -> unhealthy");
    dir.assert_settles_at(&[]);
    dir.resume();
    dir.assert_settles_at(&["-node"]);
    heartbeat.stop().expect(0);
}

fn a_command_that_runs_may_end() {
    let mut peer = Peer::silent();
    let config = Config::new().general("interval", "0.1");
    let config = config.commands("node", &at_gate("+"), "echo - >> words");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    dir.hold();
    dir.wait_for_log("Maintenance: held");
    peer.go_down();
    dir.wait_for_log("Health: healthy -> unhealthy");
    dir.open_gate();
    dir.assert_settles_at(&["+(", ")+"]);
    assert!(dir.log().says("Action done: "));
    dir.resume();
    dir.assert_settles_at(&["+(", ")+", "-"]);
    heartbeat.stop().expect(0);
}

fn what_has_failed_waits() {
    let peer = Peer::silent();
    let config = Config::new().general("interval", "0.1");
    let config = config.commands("node", "echo + >> words; test -e repaired", "true");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    wait_for("two tries", || dir.words().len() >= 2);
    dir.hold();
    dir.wait_for_log("Maintenance: held");
    // One may have been begun before it was seen.
    dir.wait_for_rounds(1);
    let tries = dir.words().len();
    dir.wait_for_rounds(4);
    assert_eq!(dir.words().len(), tries);
    dir.write("repaired", "");
    dir.resume();
    wait_for("the last try", || dir.words().len() == tries + 1);
    dir.wait_for_log("Action done: ");
    heartbeat.stop().expect(0);
}

fn in_place_of_a_drain() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    let held = dir.ask(&["hold", "stay there"]).expect(0);
    assert_eq!(held.stdout, "Maintenance: held: stay there.\n");
    dir.wait_for_log("Maintenance: held: stay there.");
    dir.assert_settles_at(&["+node", "-node"]);
    dir.resume();
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}
