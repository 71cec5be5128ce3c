//! Actions that are kept, new, changed or gone; commands that run meanwhile.

use super::{node, quick};
use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::script::at_gate;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    a_reload_runs_nothing,
    changed_commands_wait_for_the_next_transition,
    a_changed_command_that_had_failed_is_tried_as_it_is_now,
    a_new_action_rests_until_the_next_transition,
    an_action_that_is_gone_is_left_where_it_is,
    one_that_comes_back_is_new,
    a_command_that_runs_has_been_applied,
    a_command_that_runs_while_its_action_is_changed,
    a_command_that_runs_while_its_action_vanishes,
    another_scope_runs_nothing_by_itself,
    what_is_applied_reaches_the_next_one_shot,
];

fn quick_with(promotion: &str, demotion: &str) -> Config {
    let config = Config::new().general("interval", "0.1");
    config.commands("node", promotion, demotion)
}

fn a_reload_runs_nothing() {
    for peer in [Peer::silent(), Peer::down()] {
        let dir = Workdir::with(&node(&peer));
        let heartbeat = dir.heartbeat().start();
        wait_for("the first verdict", || !dir.words().is_empty());
        let words = dir.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        dir.reload(&heartbeat, &node(&peer));
        dir.reload(&heartbeat, &node(&peer).key("timeout", 4));
        dir.assert_settles_at(&words);
        heartbeat.stop().expect(0);
    }
}

fn changed_commands_wait_for_the_next_transition() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    let other = quick_with("echo up >> words", "echo down >> words");
    dir.reload(&heartbeat, &other.check("web", "tcp", peer.addr(), "node"));
    dir.wait_for_log("Changed: action node.");
    dir.assert_settles_at(&["+node"]);
    peer.go_down();
    dir.assert_settles_at(&["+node", "down"]);
    peer.go_up();
    dir.assert_settles_at(&["+node", "down", "up"]);
    heartbeat.stop().expect(0);
}

/// It is wanted and was not applied: that it is run again every round is none of the reload's doing.
fn a_changed_command_that_had_failed_is_tried_as_it_is_now() {
    let peer = Peer::silent();
    let check = |config: Config| config.check("web", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&check(quick_with("exit 7", "true")));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log_times("exit status 7", 2);
    dir.reload(&heartbeat, &check(quick()));
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
}

fn a_new_action_rests_until_the_next_transition() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    let config = quick().action("new");
    dir.reload(
        &heartbeat,
        &config.check("web", "tcp", peer.addr(), "node, new"),
    );
    dir.wait_for_log("Added: action new.");
    dir.assert_settles_at(&["+node"]);
    peer.go_down();
    dir.assert_settles_at(&["+node", "-node", "-new"]);
    peer.go_up();
    dir.assert_settles_at(&["+node", "-node", "-new", "+node", "+new"]);
    heartbeat.stop().expect(0);
}

fn an_action_that_is_gone_is_left_where_it_is() {
    let mut peer = Peer::silent();
    let both = quick().action("old");
    let dir = Workdir::with(&both.check("web", "tcp", peer.addr(), "node, old"));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node", "+old"]);
    dir.reload(&heartbeat, &node(&peer));
    dir.wait_for_log("Removed: action old.");
    peer.go_down();
    dir.assert_settles_at(&["+node", "+old", "-node"]);
    heartbeat.stop().expect(0);
    assert!(
        dir.log().says("Action old is gone, and is left promoted."),
        "{:#?}",
        dir.log().lines
    );
}

fn one_that_comes_back_is_new() {
    let mut peer = Peer::silent();
    let both = || {
        quick()
            .action("old")
            .check("web", "tcp", peer.addr(), "node, old")
    };
    let (first, again) = (both(), both());
    let dir = Workdir::with(&first);
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node", "+old"]);
    dir.reload(&heartbeat, &node(&peer));
    dir.reload(&heartbeat, &again);
    dir.assert_settles_at(&["+node", "+old"]);
    peer.go_down();
    dir.assert_settles_at(&["+node", "+old", "-node", "-old"]);
    heartbeat.stop().expect(0);
}

fn a_command_that_runs_has_been_applied() {
    let peer = Peer::silent();
    let config = || {
        let config = quick_with(&at_gate("+"), "echo - >> words");
        config.check("web", "tcp", peer.addr(), "node")
    };
    let dir = Workdir::with(&config());
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    dir.reload(&heartbeat, &config().key("timeout", 4));
    dir.open_gate();
    dir.assert_settles_at(&["+(", ")+"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.log().count("Action done: "), 1);
}

/// It has been applied as it was; the new one is used from the next transition on.
fn a_command_that_runs_while_its_action_is_changed() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&quick_with(&at_gate("+"), "echo - >> words").check(
        "web",
        "tcp",
        peer.addr(),
        "node",
    ));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    let other = quick_with("echo up >> words", "echo down >> words");
    dir.reload(&heartbeat, &other.check("web", "tcp", peer.addr(), "node"));
    dir.open_gate();
    dir.assert_settles_at(&["+(", ")+"]);
    peer.go_down();
    dir.assert_settles_at(&["+(", ")+", "down"]);
    heartbeat.stop().expect(0);
}

fn a_command_that_runs_while_its_action_vanishes() {
    let mut peer = Peer::silent();
    let config = Config::new().general("interval", "0.1");
    let dir = Workdir::with(
        &config
            .commands("old", &at_gate("+"), "echo - >> words")
            .check("web", "tcp", peer.addr(), "old"),
    );
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    dir.reload(&heartbeat, &node(&peer));
    dir.wait_for_rounds(2);
    dir.open_gate();
    dir.assert_settles_at(&["+(", ")+"]);
    peer.go_down();
    dir.assert_settles_at(&["+(", ")+", "-node"]);
    heartbeat.stop().expect(0);
}

/// What one action follows is another thing then; it is judged by the rounds that come.
fn another_scope_runs_nothing_by_itself() {
    let (up, mut down) = (Peer::silent(), Peer::down());
    let config = |scope: &str| {
        let config = quick().general("scope", scope).action("other");
        let config = config.check("web", "tcp", up.addr(), "node");
        config.check("db", "tcp", down.addr(), "other")
    };
    let (system, action) = (config("system"), config("action"));
    let dir = Workdir::with(&action);
    let heartbeat = dir.heartbeat().start();
    wait_for("both", || dir.words().len() == 2);
    let mut words = dir.words();
    words.sort();
    assert_eq!(words, ["+node", "-other"]);
    dir.reload(&heartbeat, &action);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words().len(), 2);
    dir.reload(&heartbeat, &system);
    dir.wait_for_log("Changed: [general] scope.");
    wait_for("the system's verdict", || dir.words().len() == 3);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[2..], ["-node"]);
    dir.reload(&heartbeat, &action);
    wait_for("each by itself", || dir.words().len() == 4);
    assert_eq!(dir.words()[3], "+node");
    down.go_up();
    wait_for("the other", || dir.words().len() == 5);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[4..], ["+other"]);
    heartbeat.stop().expect(0);
}

fn what_is_applied_reaches_the_next_one_shot() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    dir.reload(
        &heartbeat,
        &node(&peer).key("rise", 2).general("threads", 2),
    );
    dir.wait_for_rounds(2);
    heartbeat.stop().expect(0);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
}
