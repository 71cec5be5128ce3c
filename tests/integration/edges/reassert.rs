//! `reassert`: what has been applied long ago is applied again.

use super::{node, quick};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::tell;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    promotions_and_demotions_are_run_again,
    by_default_nothing_is,
    not_before_its_time,
    between_rounds_too,
    one_that_fails_is_tried_again,
    not_while_it_is_held,
    a_drained_node_is_drained_again,
    one_shots_too,
    the_guard_is_not_asked_again,
    the_command_is_told_what_is_so,
    what_is_wrong,
];

/// Often enough to be seen, more seldom than rounds.
fn often() -> Config {
    quick().general("reassert", "300ms")
}

/// Waits for so many more words, which must all be this one.
fn wait_for_more(dir: &Workdir, word: &str, times: usize) {
    let before = dir.words().len();
    wait_for("a reassertion", || dir.words().len() >= before + times);
    let words = dir.words();
    assert!(
        words[before..].iter().all(|other| other == word),
        "{words:?}"
    );
}

fn promotions_and_demotions_are_run_again() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(often(), &player));
    let heartbeat = dir.heartbeat().start();
    wait_for_more(&dir, "+node", 3);
    player.go_on('f');
    wait_for("the demotion", || {
        dir.words().last().is_some_and(|word| word == "-node")
    });
    wait_for_more(&dir, "-node", 2);
    player.go_on('p');
    wait_for("the promotion", || {
        dir.words().last().is_some_and(|word| word == "+node")
    });
    wait_for_more(&dir, "+node", 2);
    heartbeat.stop().expect(0);
    // A transition is told once.
    assert_eq!(dir.log().count(" actions. Health: "), 3);
}

fn by_default_nothing_is() {
    let player = Player::always('p');
    for config in [quick(), quick().general("reassert", "off")] {
        let dir = Workdir::with(&node(config, &player));
        let heartbeat = dir.heartbeat().start();
        dir.wait_for_words(&["+node"]);
        dir.wait_for_rounds(8);
        dir.wait_for_words(&["+node"]);
        heartbeat.stop().expect(0);
    }
}

fn not_before_its_time() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(quick().general("reassert", "1h"), &player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.wait_for_rounds(8);
    dir.wait_for_words(&["+node"]);
    heartbeat.stop().expect(0);
}

fn between_rounds_too() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(often().general("interval", 600), &player));
    let heartbeat = dir.heartbeat().start();
    wait_for_more(&dir, "+node", 3);
    assert_eq!(player.peer().arrivals().len(), 1);
    heartbeat.stop().expect(0);
}

fn one_that_fails_is_tried_again() {
    let peer = Peer::silent();
    let config = often().commands("node", "echo + >> words; test ! -e broken", "true");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    wait_for_more(&dir, "+", 2);
    dir.write("broken", "");
    dir.wait_for_log_times("Action failed: ", 3);
    std::fs::remove_file(dir.file("broken")).expect("repair it");
    let done = dir.log().count("Action done: ");
    dir.wait_for_log_times("Action done: ", done + 2);
    heartbeat.stop().expect(0);
}

fn not_while_it_is_held() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(often(), &player));
    let heartbeat = dir.heartbeat().start();
    wait_for_more(&dir, "+node", 2);
    dir.ask(&["hold", "hands off"]).expect(0);
    dir.wait_for_log("Maintenance: held");
    // One may have been begun before it was seen.
    dir.wait_for_rounds(1);
    let words = dir.words().len();
    dir.wait_for_rounds(8);
    assert_eq!(dir.words().len(), words);
    dir.ask(&["resume"]).expect(0);
    wait_for_more(&dir, "+node", 2);
    heartbeat.stop().expect(0);
}

fn a_drained_node_is_drained_again() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(often(), &player));
    let heartbeat = dir.heartbeat().start();
    wait_for_more(&dir, "+node", 1);
    dir.ask(&["drain", "kernel update"]).expect(0);
    wait_for("the demotion", || {
        dir.words().last().is_some_and(|word| word == "-node")
    });
    wait_for_more(&dir, "-node", 2);
    heartbeat.stop().expect(0);
}

/// What was applied by another run was applied, too.
fn one_shots_too() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(quick().general("reassert", "1h"), &player));
    dir.heartbeat().once().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
    dir.configure(&node(quick().general("reassert", "300ms"), &player));
    wait_for("its time", || {
        dir.heartbeat().once().expect(0);
        dir.words().len() == 2
    });
}

/// It has allowed the demotion once.
fn the_guard_is_not_asked_again() {
    let player = Player::always('f');
    let config = often().general("demotion_guard", "echo ? >> words");
    let dir = Workdir::with(&node(config, &player));
    let heartbeat = dir.heartbeat().start();
    wait_for("three demotions", || dir.words().len() >= 4);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words()[..4], ["?", "-node", "-node", "-node"]);
}

fn the_command_is_told_what_is_so() {
    let peer = Peer::silent();
    let config = often().commands("node", &tell("up"), "true");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("Action done: ", 3);
    heartbeat.stop().expect(0);
    let one = "STATE=healthy;\nPREVIOUS=unknown;\nACTION=node;\nFAILED=;\nREASON=;\n";
    assert_eq!(dir.read("up")[..2 * one.len()], one.repeat(2));
}

fn what_is_wrong() {
    let player = Player::new();
    let dir = Workdir::with(&node(quick().general("reassert", "sometimes"), &player));
    let tested = dir.heartbeat().test_config().expect(2);
    let told = "heartbeat.conf:4: [general] reassert: \"sometimes\" is not a duration";
    assert!(tested.stderr.starts_with(told), "{}", tested.stderr);
    assert!(tested.stderr.ends_with(", or off\n"), "{}", tested.stderr);
}
