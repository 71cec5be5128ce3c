//! A command that has not worked has not been applied.

use super::{node_with, quick};
use crate::support::peer::Peer;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    a_failed_command_is_tried_every_round_until_it_works,
    a_failed_command_is_not_tried_when_it_is_no_longer_wanted,
    a_command_that_never_ends_is_tried_again,
];

/// The others run all the same, once.
fn a_failed_command_is_tried_every_round_until_it_works() {
    let peer = Peer::silent();
    let dir = Workdir::with(
        &quick()
            .commands("a", "echo +a >> words; test -e repaired", "true")
            .action("b")
            .check("web", "tcp", peer.addr(), "a")
            .check("db", "tcp", peer.addr(), "b"),
    );
    let heartbeat = dir.heartbeat().start();
    wait_for("some attempts", || dir.words().len() >= 5);
    dir.write("repaired", "");
    dir.wait_for_log("Action done: Name: a");
    dir.wait_for_rounds(4);
    heartbeat.stop().expect(0);
    let words = dir.words();
    assert_eq!(words[..2], ["+a", "+b"]);
    assert!(words[2..].iter().all(|word| word == "+a"), "{words:?}");
    assert_one_attempt_a_round(&dir, "a");
    let log = dir.log();
    assert_eq!(log.count("Action failed: Name: a"), words.len() - 2);
    assert_eq!(log.count("Action done: Name: a"), 1);
}

/// Between two attempts a round begins; and no round begins, while none is under way, that does not bring one.
fn assert_one_attempt_a_round(dir: &Workdir, action: &str) {
    let log = dir.log();
    let ended = [
        format!("Action failed: Name: {action},"),
        format!("Action done: Name: {action},"),
    ];
    let story: String = log
        .lines
        .iter()
        .filter_map(|line| {
            let message = line.message.as_str();
            let begins = message.starts_with("Running: ")
                && message.ends_with(&format!("(promotion of {action})"));
            let ends = ended.iter().any(|ended| message.starts_with(ended));
            let round = message.starts_with("Round ") && message.ends_with(" started.");
            [(begins, '('), (ends, ')'), (round, 'r')]
                .iter()
                .find_map(|(is_it, letter)| is_it.then_some(*letter))
        })
        .collect();
    let attempts = story.trim_end_matches('r');
    assert!(attempts.starts_with("r("), "{story}");
    assert!(!attempts.contains(")("), "two attempts in a round: {story}");
    assert!(!attempts.contains(")rr"), "a round without: {story}");
}

fn a_failed_command_is_not_tried_when_it_is_no_longer_wanted() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node_with(
        &peer,
        "echo + >> words; exit 1",
        "echo - >> words",
    ));
    let heartbeat = dir.heartbeat().start();
    wait_for("two attempts", || dir.words().len() >= 2);
    peer.go_down();
    wait_for("the demotion", || {
        dir.words().last().is_some_and(|last| last == "-")
    });
    dir.wait_for_rounds(4);
    heartbeat.stop().expect(0);
    let words = dir.words();
    let demotions = words.iter().filter(|word| *word == "-").count();
    assert!(words.ends_with(&["-".to_owned()]), "{words:?}");
    assert_eq!(demotions, 1, "{words:?}");
}

fn a_command_that_never_ends_is_tried_again() {
    let peer = Peer::silent();
    let promotion = "echo + >> words; test -e repaired || sleep 1000";
    let dir = Workdir::with(&node_with(&peer, promotion, "true").general("action_timeout", "0.2"));
    let heartbeat = dir.heartbeat().start();
    wait_for("two attempts", || dir.words().len() >= 2);
    dir.write("repaired", "");
    dir.wait_for_log("Action done: Name: node");
    let attempts = dir.words().len();
    dir.wait_for_rounds(4);
    heartbeat.stop().expect(0);
    assert_eq!(dir.words().len(), attempts);
    assert_eq!(dir.log().count("timed out"), attempts - 1);
}
