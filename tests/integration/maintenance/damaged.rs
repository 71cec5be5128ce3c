//! A damaged maintenance file is reported, and does not move the node.

use std::fs;
use std::os::unix::fs::symlink;

use super::{FILE, node};
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    it_does_not_take_the_node_out,
    it_does_not_bring_the_node_in,
    it_does_not_end_a_hold,
    every_kind_of_damage,
    after_a_restart_too,
    a_new_order_is_obeyed,
    of_a_one_shot,
];

const DAMAGE: &str = "{\"heartbeat\":1,\"kind\":\"drain\"";

fn it_does_not_take_the_node_out() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.write(FILE, DAMAGE);
    dir.wait_for_log(FILE);
    dir.wait_for_rounds(10);
    dir.wait_for_words(&["+node"]);
    // Otherwise all goes on.
    peer.go_down();
    dir.assert_settles_at(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    let log = dir.log();
    let told = log.messages("ERROR");
    let told: Vec<_> = told.iter().filter(|line| line.contains(FILE)).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("is damaged ("), "{told:#?}");
    assert!(told[0].ends_with("What was in force still is: no maintenance."));
}

fn it_does_not_bring_the_node_in() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    dir.write(FILE, DAMAGE);
    dir.wait_for_log("What was in force still is: drained: kernel update.");
    dir.wait_for_rounds(10);
    dir.wait_for_words(&["+node", "-node"]);
    let resumed = dir.ask(&["resume"]).expect(0);
    assert!(resumed.stdout.contains("damaged"), "{}", resumed.stdout);
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.log().count("is damaged ("), 1);
}

fn it_does_not_end_a_hold() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.hold();
    dir.wait_for_log("Maintenance: held");
    dir.write(FILE, "");
    dir.wait_for_log("What was in force still is: held: hands off.");
    peer.go_down();
    dir.wait_for_log("Health: healthy -> unhealthy");
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
}

fn every_kind_of_damage() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let good = "{\"heartbeat\":1,\"kind\":\"drain\",\"reason\":\"x\",\"since\":1,\"until\":null}";
    let texts = [
        String::new(),
        "\0\0\0\0".to_owned(),
        "drain".to_owned(),
        "[]".to_owned(),
        good.replace(":1,\"kind", ":9,\"kind"),
        good.replace("drain", "drown"),
        good.replace("null", "-1"),
        good.replace("\"x\"", "7"),
        good[..good.len() - 1].to_owned(),
        " ".repeat(100_000),
    ];
    for (times, text) in texts.iter().enumerate() {
        dir.write("new", text);
        fs::rename(dir.file("new"), dir.file(FILE)).expect("replace it");
        dir.wait_for_log_times("is damaged (", times + 1);
    }
    fs::remove_file(dir.file(FILE)).expect("remove it");
    fs::create_dir(dir.file(FILE)).expect("a folder in its place");
    dir.wait_for_log_times("is damaged (", texts.len() + 1);
    fs::remove_dir(dir.file(FILE)).expect("remove it");
    dir.write("elsewhere", good);
    symlink(dir.file("elsewhere"), dir.file(FILE)).expect("a link in its place");
    dir.wait_for_log_times("is damaged (", texts.len() + 2);
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.log().count("is damaged ("), texts.len() + 2);
}

/// What was in force is in the state, too.
fn after_a_restart_too() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.drain();
    dir.wait_for_words(&["+node", "-node"]);
    dir.write(FILE, DAMAGE);
    dir.wait_for_log("is damaged (");
    heartbeat.stop().expect(0);
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node", "-node", "-node"]);
    heartbeat.stop().expect(0);
}

fn a_new_order_is_obeyed() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.write(FILE, DAMAGE);
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    dir.drain();
    dir.assert_settles_at(&["+node", "-node"]);
    dir.resume();
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn of_a_one_shot() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    dir.write(FILE, DAMAGE);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node"]);
    dir.drain();
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node", "-node"]);
    dir.write(FILE, DAMAGE);
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.words(), ["+node", "-node"]);
    assert_eq!(dir.log().count("is damaged ("), 2);
}
