//! Checks that are kept, new, changed or gone.

use nix::sys::signal::Signal;

use super::{node, played, quick};
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::transitions;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    one_that_is_kept_keeps_its_standing,
    one_that_is_kept_keeps_its_failures,
    one_that_is_kept_keeps_its_passes,
    other_thresholds_apply_to_the_next_result,
    a_result_on_the_way_still_counts,
    one_in_flight_is_not_begun_twice,
    a_new_one_does_not_demote_while_it_is_unknown,
    a_new_one_does_not_promote_while_it_is_unknown,
    a_new_one_that_is_down_demotes,
    one_with_another_probe_is_new,
    a_key_of_other_types_changes_nothing,
    one_that_is_down_vanishes,
    one_in_flight_vanishes,
    their_order_is_nothing,
    one_that_changes_its_action,
];

fn one_that_is_kept_keeps_its_standing() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).key("rise", 3).key("fall", 3));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.reload(&heartbeat, &node(&peer).key("rise", 3).key("fall", 4));
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
    let log = dir.log();
    assert_eq!(transitions(&log), ["INFO unknown -> healthy."]);
    // Had it been unknown, it would have been counted up again.
    assert_eq!(log.count("(passed 1 of 3)"), 1);
}

fn one_that_is_kept_keeps_its_failures() {
    let player = Player::new();
    let config = || played(quick(), "web", &player).key("fall", 3);
    let dir = Workdir::with(&config());
    let heartbeat = dir.heartbeat().start();
    player.play_out("pff");
    dir.wait_for_words(&["+node"]);
    dir.reload(&heartbeat, &config().action("other"));
    assert_eq!(dir.words(), ["+node"]);
    player.play_out("f");
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
    assert!(dir.log().says("(failed 3 of 3)"));
}

fn one_that_is_kept_keeps_its_passes() {
    let player = Player::new();
    let config = || played(quick(), "web", &player).key("rise", 3);
    let dir = Workdir::with(&config());
    let heartbeat = dir.heartbeat().start();
    player.play_out("fpp");
    dir.wait_for_words(&["-node"]);
    dir.reload(&heartbeat, &config().key("timeout", 29));
    player.play_out("p");
    dir.wait_for_words(&["-node", "+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(dir.log().count("(passed "), 3);
}

fn other_thresholds_apply_to_the_next_result() {
    let player = Player::new();
    let config = |fall| played(quick(), "web", &player).key("fall", fall);
    let dir = Workdir::with(&config(5));
    let heartbeat = dir.heartbeat().start();
    player.play_out("pff");
    dir.reload(&heartbeat, &config(2));
    assert_eq!(dir.words(), ["+node"], "the reload itself has demoted");
    player.play_out("f");
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
}

fn a_result_on_the_way_still_counts() {
    let player = Player::new();
    let config = || played(quick(), "web", &player);
    let dir = Workdir::with(&config());
    let heartbeat = dir.heartbeat().start();
    player.play_out("p");
    dir.wait_for_words(&["+node"]);
    let before = player.peer().arrivals().len();
    dir.reload(&heartbeat, &config().general("threads", 3));
    dir.reload(&heartbeat, &config());
    player.play("f");
    dir.wait_for_words(&["+node", "-node"]);
    assert_eq!(dir.log().checks("web").len(), 2);
    player.wait_until_asked();
    assert_eq!(player.peer().arrivals().len(), before + 1);
    heartbeat.stop().expect(0);
}

fn one_in_flight_is_not_begun_twice() {
    let (slow, fast) = (Player::new(), Peer::silent());
    let config = || played(quick(), "slow", &slow).check("fast", "tcp", fast.addr(), "node");
    let dir = Workdir::with(&config());
    let heartbeat = dir.heartbeat().start();
    slow.wait_until_asked();
    for interval in ["0.11", "0.12", "0.13"] {
        dir.reload(&heartbeat, &config().general("interval", interval));
        let seen = fast.arrivals().len();
        wait_for("more rounds", || fast.arrivals().len() > seen + 2);
    }
    assert_eq!(slow.peer().arrivals().len(), 1);
    heartbeat.stop().expect(0);
}

fn a_new_one_does_not_demote_while_it_is_unknown() {
    let (peer, new) = (Peer::silent(), Player::new());
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    dir.reload(
        &heartbeat,
        &played(node(&peer), "db", &new)
            .key("fall", 3)
            .key("rise", 2),
    );
    dir.wait_for_log("Added: check db.");
    new.play_out("ffpf");
    assert_eq!(dir.log().checks("db").len(), 4);
    dir.wait_for_words(&["+node"]);
    new.play("pp");
    new.go_on('p');
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
    assert_eq!(transitions(&dir.log()), ["INFO unknown -> healthy."]);
}

fn a_new_one_does_not_promote_while_it_is_unknown() {
    let (mut peer, new) = (Peer::down(), Player::new());
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["-node"]);
    dir.reload(&heartbeat, &played(node(&peer), "db", &new).key("rise", 3));
    peer.go_up();
    new.play_out("pp");
    wait_for("the old one", || dir.log().check("web").status == "Healthy");
    dir.wait_for_words(&["-node"]);
    new.go_on('p');
    dir.assert_settles_at(&["-node", "+node"]);
    heartbeat.stop().expect(0);
}

fn a_new_one_that_is_down_demotes() {
    let (peer, new) = (Peer::silent(), Player::new());
    let dir = Workdir::with(&node(&peer));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    dir.reload(&heartbeat, &played(node(&peer), "db", &new).key("fall", 2));
    new.play_out("f");
    dir.wait_for_words(&["+node"]);
    new.play_out("f");
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
}

/// Its standing is that of another endpoint.
fn one_with_another_probe_is_new() {
    let (old, other) = (Peer::silent(), Player::new());
    let dir = Workdir::with(&node(&old));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    let config = |path: &str| {
        played(quick(), "web", &other)
            .key("fall", 2)
            .key("path", path)
    };
    dir.reload(&heartbeat, &config("/"));
    dir.wait_for_log("Changed: check web.");
    other.play_out("f");
    dir.reload(&heartbeat, &config("/other"));
    // What was asked for by the old path says nothing; the new one has failed once.
    other.play_out("f");
    other.play_out("p");
    other.play_out("f");
    dir.wait_for_words(&["+node"]);
    other.play_out("f");
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
}

/// It is inherited from `[DEFAULT]`, for those that have it.
fn a_key_of_other_types_changes_nothing() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let with_days =
        |days: u32| format!("[DEFAULT]\nmin_cert_days = {days}\n{}", node(&peer).text());
    dir.write("heartbeat.conf", with_days(7));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.write("heartbeat.conf", with_days(8));
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("Configuration reloaded (generation 2). Nothing has changed in the file.");
    heartbeat.stop().expect(0);
}

fn one_that_is_down_vanishes() {
    let (up, down) = (Peer::silent(), Peer::down());
    let dir = Workdir::with(&node(&up).check("db", "tcp", down.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["-node"]);
    dir.reload(&heartbeat, &node(&up));
    dir.wait_for_log("Removed: check db.");
    dir.assert_settles_at(&["-node", "+node"]);
    heartbeat.stop().expect(0);
    let lines = dir.log().lines;
    let at = |text: &str| lines.iter().position(|line| line.message.contains(text));
    let reloaded = at("Configuration reloaded").expect("the reload");
    let promoted = at("(promotion of node)").expect("the promotion");
    let since: Vec<_> = lines[reloaded..promoted]
        .iter()
        .map(|line| &line.message)
        .collect();
    assert!(
        since.iter().any(|line| line.contains("Name: web, ")),
        "{since:#?}"
    );
    assert!(
        !since.iter().any(|line| line.contains("Name: db, ")),
        "{since:#?}"
    );
}

fn one_in_flight_vanishes() {
    let (up, hanging) = (Peer::silent(), Player::new());
    let dir = Workdir::with(&played(node(&up), "db", &hanging));
    let heartbeat = dir.heartbeat().start();
    hanging.wait_until_asked();
    dir.wait_for_log_times("Name: web, ", 3);
    assert_eq!(dir.words(), [""; 0]);
    dir.reload(&heartbeat, &node(&up));
    dir.wait_for_words(&["+node"]);
    hanging.go_on('f');
    dir.assert_settles_at(&["+node"]);
    assert_eq!(dir.log().checks("db").len(), 0);
    heartbeat.stop().expect(0);
}

fn their_order_is_nothing() {
    let (a, mut b) = (Peer::silent(), Peer::silent());
    let check = |config: crate::support::config::Config, name: &str, peer: &Peer| {
        config
            .check(name, "tcp", peer.addr(), "node")
            .key("rise", 2)
    };
    let dir = Workdir::with(&check(check(quick(), "a", &a), "b", &b));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    b.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    dir.reload(&heartbeat, &check(check(quick(), "b", &b), "a", &a));
    dir.assert_settles_at(&["+node", "-node"]);
    b.go_up();
    dir.assert_settles_at(&["+node", "-node", "+node"]);
    heartbeat.stop().expect(0);
    let told = transitions(&dir.log());
    assert_eq!(
        told.last().unwrap(),
        "INFO unhealthy -> healthy, Recovered: b."
    );
    assert!(dir.log().says("Nothing has changed in the file."));
}

fn one_that_changes_its_action() {
    let (web, mut db) = (Peer::silent(), Peer::silent());
    let config = |action: &str| {
        let config = quick().general("scope", "action").action("other");
        let config = config.check("web", "tcp", web.addr(), "node, other");
        config.check("db", "tcp", db.addr(), action)
    };
    let dir = Workdir::with(&config("node"));
    let moved = config("other");
    let heartbeat = dir.heartbeat().start();
    wait_for("both", || dir.words().len() == 2);
    dir.reload(&heartbeat, &moved);
    dir.wait_for_log("Changed: check db.");
    dir.wait_for_rounds(3);
    assert_eq!(dir.words().len(), 2);
    db.go_down();
    wait_for("the other", || dir.words().len() == 3);
    dir.wait_for_rounds(3);
    assert_eq!(dir.words()[2..], ["-other"]);
    heartbeat.stop().expect(0);
}
