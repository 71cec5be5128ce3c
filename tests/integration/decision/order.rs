//! Which actions are run, in which order, and that they never overlap.

use super::{node, node_with, quick};
use crate::support::peer::Peer;
use crate::support::script::{at_gate, transitions};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    actions_once_each_in_the_order_of_their_section,
    an_action_that_no_check_names_is_never_run,
    a_verdict_that_turns_while_a_command_runs_follows_it,
    a_verdict_that_turns_and_turns_back_changes_nothing,
    a_command_that_is_no_longer_wanted_is_not_run,
];

/// Three actions, which four checks name in a third order. Each command shows when it begins and when it ends.
fn three_actions(peer: &Peer) -> String {
    let step = |word: &str| format!("echo '{word}(' >> words; sleep 0.05; echo '){word}' >> words");
    let section = |sign: &str, names: [&str; 3]| {
        let lines = names.map(|name| format!("{name} = {}\n", step(&format!("{sign}{name}"))));
        lines.concat()
    };
    let port = peer.addr().port();
    let check = |name: &str, action: &str| {
        format!("[{name}]\nhostname = 127.0.0.1\nport = {port}\naction = {action}\n")
    };
    [
        "[general]\nloglevel = DEBUG\ninterval = 0.1\n[promotions]\n",
        &section("+", ["c", "a", "b"]),
        "[demotions]\n",
        &section("-", ["b", "c", "a"]),
        &check("first", "b"),
        &check("second", "a"),
        &check("third", "c"),
        &check("fourth", "a"),
    ]
    .concat()
}

fn actions_once_each_in_the_order_of_their_section() {
    let mut peer = Peer::silent();
    let dir = Workdir::new();
    dir.write("heartbeat.conf", three_actions(&peer));
    let heartbeat = dir.heartbeat().start();
    let promotions = ["+c(", ")+c", "+a(", ")+a", "+b(", ")+b"];
    let demotions = ["-b(", ")-b", "-c(", ")-c", "-a(", ")-a"];
    dir.assert_settles_at(&promotions);
    peer.go_down();
    dir.assert_settles_at(&[promotions, demotions].concat());
    peer.go_up();
    dir.assert_settles_at(&[promotions, demotions, promotions].concat());
    heartbeat.stop().expect(0);
}

fn an_action_that_no_check_names_is_never_run() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).action("spare"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    peer.go_down();
    dir.assert_settles_at(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    let log = dir.log();
    let warnings = log.messages("WARNING");
    assert!(
        warnings.iter().any(|warning| warning.contains("spare")),
        "{warnings:#?}"
    );
}

/// Checks go on meanwhile: that is how the verdict can turn.
fn a_verdict_that_turns_while_a_command_runs_follows_it() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node_with(&peer, &at_gate("+"), "echo - >> words"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    dir.wait_for_rounds(2);
    peer.go_down();
    dir.wait_for_log("healthy -> unhealthy");
    dir.assert_settles_at(&["+("]);
    dir.open_gate();
    dir.assert_settles_at(&["+(", ")+", "-"]);
    heartbeat.stop().expect(0);
}

fn a_verdict_that_turns_and_turns_back_changes_nothing() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node_with(&peer, &at_gate("+"), "echo - >> words"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    peer.go_down();
    dir.wait_for_log("healthy -> unhealthy");
    peer.go_up();
    dir.wait_for_log("unhealthy -> healthy");
    dir.open_gate();
    dir.assert_settles_at(&["+(", ")+"]);
    heartbeat.stop().expect(0);
    assert_eq!(transitions(&dir.log()).len(), 3);
}

/// The first of two promotions runs when the verdict turns: the second one is passed over.
fn a_command_that_is_no_longer_wanted_is_not_run() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(
        &quick()
            .commands("a", &at_gate("+a"), "echo -a >> words")
            .action("b")
            .check("web", "tcp", peer.addr(), "a")
            .check("db", "tcp", peer.addr(), "b"),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+a("]);
    peer.go_down();
    dir.wait_for_log("healthy -> unhealthy");
    dir.open_gate();
    dir.assert_settles_at(&["+a(", ")+a", "-a", "-b"]);
    heartbeat.stop().expect(0);
    wait_for("the end of its commands", || dir.processes().is_empty());
}
