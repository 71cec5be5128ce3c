//! The exit status: 0 healthy and everything applied, 1 unhealthy, 3 unknown or not applied.

use nix::sys::signal::Signal;

use super::{node, quick, watched};
use crate::support::heartbeat::binary;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::script::{at_gate, limited};
use crate::support::workdir::Workdir;

tests![
    healthy_and_applied,
    unhealthy_and_applied,
    before_there_is_a_verdict,
    while_a_command_runs,
    a_promotion_that_fails,
    a_demotion_that_fails,
    without_a_state,
    a_state_that_is_damaged,
    a_state_that_cannot_be_read,
    of_one_shots,
    a_command_line_that_is_no_good,
    a_slip_in_the_configuration_does_not_send_anybody_away,
    of_a_daemon_that_has_detached,
    nobody_listens,
    nothing_is_written,
];

fn healthy_and_applied() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("health", |_, code| code == 0);
    assert_eq!(status["health"], "healthy");
    assert_eq!(status["applied"], true);
    let text = dir.status_text(0);
    assert!(text.starts_with("health         healthy since 2"), "{text}");
    heartbeat.stop().expect(0);
}

fn unhealthy_and_applied() {
    let player = Player::always('f');
    let dir = Workdir::with(&node(&player));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("ill health", |_, code| code == 1);
    assert_eq!(status["health"], "unhealthy");
    assert_eq!(status["applied"], true);
    let text = dir.status_text(1);
    assert!(
        text.starts_with("health         unhealthy since 2"),
        "{text}"
    );
    heartbeat.stop().expect(0);
}

fn before_there_is_a_verdict() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player));
    let heartbeat = dir.heartbeat().start();
    player.wait_until_asked();
    let (status, code) = dir.status();
    assert_eq!(code, 3);
    assert_eq!(status["health"], "unknown");
    assert!(status["stale"].is_null(), "{status:#}");
    assert!(status["checks"][0]["last"].is_null());
    assert!(status["actions"][0]["wanted"].is_null());
    assert!(dir.status_text(3).starts_with("health         unknown"));
    heartbeat.stop().expect(0);
}

/// What is wanted has not been reached yet.
fn while_a_command_runs() {
    let peer = Peer::silent();
    let config = quick().commands("node", &at_gate("+"), "true");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+("]);
    let (status, code) = dir.status();
    assert_eq!((code, &status["applied"]), (3, &false.into()));
    dir.open_gate();
    dir.wait_for_status("its end", |_, code| code == 0);
    heartbeat.stop().expect(0);
}

fn a_promotion_that_fails() {
    let player = Player::always('p');
    let failing = "echo first; echo 'no such neighbour'; test -e repaired";
    let config = watched(quick().commands("node", failing, "true"), &player);
    let dir = Workdir::with(&config.general("interval", "0.1"));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("tries", |status, _| {
        status["actions"][0]["tries"].as_u64() >= Some(2)
    });
    let action = &status["actions"][0];
    assert_eq!(action["wanted"], "promoted");
    assert!(action["applied"].is_null());
    assert_eq!(action["last"]["command"], "promotion");
    assert_eq!(action["last"]["status"], "exit status 1");
    assert_eq!(action["last"]["worked"], false);
    let output = action["last"]["output"].as_str().expect("its output");
    assert!(output.contains("no such neighbour"), "{output}");
    let text = dir.status_text(3);
    assert!(
        text.contains("not applied    1 of 1 actions: node\n"),
        "{text}"
    );
    assert!(text.contains("promotion failed"), "{text}");
    assert!(text.contains("exit status 1"), "{text}");
    assert!(text.contains("no such neighbour"), "{text}");
    dir.write("repaired", "");
    dir.wait_for_status("the promotion", |_, code| code == 0);
    assert!(!dir.status_text(0).contains("neighbour"));
    heartbeat.stop().expect(0);
}

/// More than that it is unhealthy: it is still in rotation.
fn a_demotion_that_fails() {
    let player = Player::always('f');
    let dir = Workdir::with(&watched(
        quick().commands("node", "true", "exit 7"),
        &player,
    ));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("a try", |status, _| !status["actions"][0]["last"].is_null());
    assert_eq!(status["health"], "unhealthy");
    assert_eq!(dir.status().1, 3);
    heartbeat.stop().expect(0);
}

fn without_a_state() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player));
    let (status, code) = dir.status();
    assert_eq!(code, 3);
    assert_eq!(status["health"], "unknown");
    assert!(
        status["stale"]
            .as_str()
            .expect("why")
            .starts_with("no state")
    );
    assert!(status["pid"].is_null() && status["configuration"].is_null());
    assert_eq!(status["checks"], serde_json::json!([]));
    assert!(dir.status_text(3).contains("no state: there is none"));
    dir.ask(&["status", "--format", "prometheus"]).expect(3);
}

fn a_state_that_is_damaged() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player));
    for text in ["", "{", "[]", "{\"heartbeat\":99}", "\0\0\0"] {
        dir.write("heartbeat.state", text);
        let (status, code) = dir.status();
        assert_eq!(code, 3);
        let why = status["stale"].as_str().expect("why");
        assert!(why.contains("not understood"), "{text:?}: {why}");
        assert!(dir.status_text(3).contains("not understood"));
        assert_eq!(dir.read("heartbeat.state"), text);
    }
}

fn a_state_that_cannot_be_read() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player).general("statefile", "folder"));
    std::fs::create_dir(dir.file("folder")).expect("a folder");
    let (status, code) = dir.status();
    let why = status["stale"].as_str().expect("why");
    assert_eq!((code, why), (3, "no state: is not a file"));
    // Whoever collects metrics gets some all the same.
    let metrics = dir.ask(&["status", "--format", "prometheus"]).expect(3);
    assert!(metrics.stdout.contains("\nheartbeat_up 0\n"));
}

/// They are expected to be gone.
fn of_one_shots() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", 60));
    dir.heartbeat().once().expect(0);
    let (status, code) = dir.status();
    assert_eq!((code, &status["mode"]), (0, &"once".into()));
    assert_eq!(status["checks"][0]["standing"], "up");
    player.go_on('f');
    dir.heartbeat().once().expect(1);
    let (status, code) = dir.status();
    assert_eq!(
        (code, &status["actions"][0]["applied"]),
        (1, &"demoted".into())
    );
    dir.status_text(1);
}

fn a_command_line_that_is_no_good() {
    let player = Player::new();
    let dir = Workdir::with(&node(&player));
    for words in [
        &["status", "--format", "xml"][..],
        &["status", "--format"],
        &["status", "now"],
        &["--once", "status"],
        &["--daemonize", "status"],
    ] {
        let refused = dir.ask(words).expect(2);
        assert_eq!(refused.stdout, "", "{words:?}");
    }
    std::fs::remove_file(dir.file("heartbeat.conf")).expect("there");
    let refused = dir.ask(&["status"]).expect(2);
    assert!(refused.stderr.starts_with("heartbeat.conf: cannot be read"));
}

/// Just when a reload has been refused, one wants to know how things are.
fn a_slip_in_the_configuration_does_not_send_anybody_away() {
    let player = Player::always('p');
    let config = node(&player).general("statefile", "elsewhere.state");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    dir.write("heartbeat.conf", format!("{}port = 80a\n", config.text()));
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("The configuration is refused");
    dir.wait_for_status("the refusal", |status, code| {
        code == 0 && !status["configuration"]["refused"].is_null()
    });
    dir.ask(&["drain", "all hands"]).expect(0);
    dir.wait_for_words(&["+node", "-node"]);
    heartbeat.stop().expect(0);
}

fn of_a_daemon_that_has_detached() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player));
    dir.heartbeat().daemonize().expect(0);
    dir.wait_for_words(&["+node"]);
    dir.wait_for_status("a healthy daemon", |status, code| {
        code == 0 && status["pid"] == dir.pid().expect("a pid").as_raw()
    });
}

/// A pipe that is closed is no reason to panic, and none to tell another status.
fn nobody_listens() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", 60));
    dir.heartbeat().once().expect(0);
    let script = "{ sleep 0.1; \"$0\" -c heartbeat.conf status; echo $? > code; } | true; \
                  until [ -s code ]; do sleep 0.02; done";
    let mut shell = limited("sh");
    let shell = shell
        .args(["-c", script])
        .arg(binary())
        .current_dir(dir.path());
    let output = shell.output().expect("start a shell");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(dir.read("code"), "0\n");
}

fn nothing_is_written() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("interval", 60));
    dir.heartbeat().once().expect(0);
    let (files, state) = (dir.files(), dir.read("heartbeat.state"));
    let log = dir.read("heartbeat.log");
    for format in ["text", "json", "prometheus"] {
        dir.ask(&["status", "--format", format]).expect(0);
    }
    assert_eq!((dir.files(), dir.read("heartbeat.state")), (files, state));
    assert_eq!(dir.read("heartbeat.log"), log);
}
