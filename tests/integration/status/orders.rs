//! What keeps the node from where the checks say: maintenance and the guard.

use super::node;
use crate::support::player::Player;
use crate::support::workdir::Workdir;

tests![
    a_drained_node,
    a_held_node,
    a_maintenance_that_ends_by_itself,
    a_damaged_maintenance,
    what_the_guard_holds,
    a_broken_guard,
];

/// All is as it was ordered to be.
fn a_drained_node() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    dir.ask(&["drain", "kernel update"]).expect(0);
    let status = dir.wait_for_status("the drain", |status, code| {
        status["actions"][0]["applied"] == "demoted" && code == 0
    });
    let maintenance = &status["maintenance"];
    assert_eq!(
        (&maintenance["kind"], &maintenance["reason"]),
        (&"drain".into(), &"kernel update".into())
    );
    assert!(maintenance["until"].is_null());
    assert_eq!(status["health"], "healthy");
    assert_eq!(status["actions"][0]["wanted"], "demoted");
    let text = dir.status_text(0);
    assert!(text.contains("maintenance    drained for "), "{text}");
    assert!(text.contains(": kernel update\n"), "{text}");
    dir.ask(&["resume"]).expect(0);
    dir.wait_for_status("its end", |status, code| {
        status["maintenance"].is_null() && code == 0
    });
    heartbeat.stop().expect(0);
}

fn a_held_node() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    dir.ask(&["hold", "hands off"]).expect(0);
    dir.wait_for_status("the hold", |status, code| {
        status["maintenance"]["kind"] == "hold" && code == 0
    });
    player.go_on('f');
    let status = dir.wait_for_status("what is not applied", |_, code| code == 3);
    assert_eq!(status["health"], "unhealthy");
    assert_eq!(status["actions"][0]["wanted"], "demoted");
    assert_eq!(status["actions"][0]["applied"], "promoted");
    let text = dir.status_text(3);
    assert!(text.contains("maintenance    held for "), "{text}");
    assert!(
        text.contains("not applied    1 of 1 actions: node\n"),
        "{text}"
    );
    heartbeat.stop().expect(0);
}

/// It is over at its time, whether or not somebody is there to see it.
fn a_maintenance_that_ends_by_itself() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", 60));
    dir.ask(&["drain", "--for", "1s", "soon over"]).expect(0);
    dir.heartbeat().once().expect(0);
    let (status, _) = dir.status();
    if !status["maintenance"].is_null() {
        let until = status["maintenance"]["until"].as_str().expect("an end");
        chrono::DateTime::parse_from_rfc3339(until).expect("RFC 3339");
    }
    dir.wait_for_status("its end", |status, _| status["maintenance"].is_null());
    assert!(!dir.status_text(0).contains("soon over"));
}

fn a_damaged_maintenance() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player));
    dir.write("heartbeat.state.maintenance", "{");
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("health", |_, code| code == 0);
    assert!(status["maintenance"].is_null());
    assert!(status["maintenance_damage"].is_string());
    assert!(
        dir.status_text(0)
            .contains("maintenance    its file is damaged")
    );
    dir.ask(&["resume"]).expect(0);
    dir.wait_for_status("its end", |status, _| {
        status["maintenance_damage"].is_null()
    });
    heartbeat.stop().expect(0);
}

fn what_the_guard_holds() {
    let player = Player::always('p');
    let guard = "echo 'the last node'; test -e gate";
    let dir = Workdir::with(&node(&player).general("demotion_guard", guard));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("health", |_, code| code == 0);
    assert!(status["guard"].is_null());
    player.go_on('f');
    let status = dir.wait_for_status("its answer", |status, _| {
        status["actions"][0]["held"] == true && !status["guard"].is_null()
    });
    assert_eq!(status["guard"]["answer"], "hold");
    assert_eq!(status["guard"]["status"], "exit status 1");
    assert_eq!(status["guard"]["output"], "the last node");
    assert_eq!(status["actions"][0]["applied"], "promoted");
    let text = dir.status_text(3);
    assert!(
        text.contains("guard          holds back what is to be demoted"),
        "{text}"
    );
    assert!(text.contains("held back by the guard"), "{text}");
    assert!(text.contains("the last node"), "{text}");
    dir.open_gate();
    let status = dir.wait_for_status("the demotion", |_, code| code == 1);
    assert_eq!(status["actions"][0]["held"], false);
    assert_eq!(status["guard"]["answer"], "go");
    heartbeat.stop().expect(0);
}

fn a_broken_guard() {
    let player = Player::always('f');
    let dir = Workdir::with(&node(&player).general("demotion_guard", "exit 2"));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("the demotion", |_, code| code == 1);
    assert_eq!(status["guard"]["answer"], "broken");
    assert!(dir.status_text(1).contains("guard          broken"));
    heartbeat.stop().expect(0);
}
