//! What is told of checks, actions and the configuration.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{node, quick, watched};
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::workdir::Workdir;

use serde_json::{Value, json};

tests![
    of_a_check,
    of_an_action,
    of_each_scope,
    a_refused_reload,
    a_reload,
    exactly_those_that_are_documented,
];

fn of_a_check() {
    let (player, peer) = (Player::new(), Peer::silent());
    let config = node(&player)
        .general("interval", "0.1")
        .key("rise", 2)
        .key("fall", 3);
    let dir = Workdir::with(&config.check("db", "tcp", peer.addr(), "node"));
    let heartbeat = dir.heartbeat().start();
    player.play_out("pp");
    dir.wait_for_status("health", |_, code| code == 0);
    player.play_out("ff");
    let status = dir.wait_for_status("two failures", |status, _| {
        status["checks"][0]["failures"] == 2
    });
    let web = &status["checks"][0];
    let expected = json!({
        "name": "web", "type": "http", "endpoint": player.addr().to_string(), "standing": "up",
        "passes": 0, "failures": 2, "rise": 2, "fall": 3,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&web[key], value, "{key}");
    }
    let last = &web["last"];
    assert_eq!(
        (&last["up"], &last["phase"]),
        (&false.into(), &"status".into())
    );
    assert_eq!(last["reason"], "500 Internal Server Error");
    assert!(
        last["age_seconds"].as_f64() >= Some(0.0) && last["took_seconds"].as_f64() < Some(30.0)
    );
    assert_eq!(status["health"], "healthy");
    let db = &status["checks"][1];
    assert_eq!(
        (&db["name"], &db["type"], &db["last"]["up"]),
        (&"db".into(), &"tcp".into(), &true.into())
    );
    assert!(db["last"]["phase"].is_null() && db["last"]["reason"].is_null());
    assert!(dir.status_text(0).contains("failed 2 of 3"));
    player.play_out("f");
    let status = dir.wait_for_status("the third", |status, _| {
        status["checks"][0]["failures"] == 3
    });
    assert_eq!(status["checks"][0]["standing"], "down");
    heartbeat.stop().expect(0);
}

fn of_an_action() {
    let player = Player::always('p');
    let dir = Workdir::with(&watched(
        quick().commands("node", "echo hello", "true"),
        &player,
    ));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("health", |_, code| code == 0);
    let action = &status["actions"][0];
    let expected = json!({
        "name": "node", "wanted": "promoted", "applied": "promoted", "health": "healthy",
        "tries": 1, "held": false,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&action[key], value, "{key}");
    }
    assert_eq!(action["last"]["command"], "promotion");
    assert_eq!(action["last"]["worked"], true);
    assert_eq!(action["last"]["output"], "hello");
    assert_eq!(status["mode"], "daemon");
    assert_eq!(status["pid"], heartbeat.pid().as_raw());
    player.go_on('f');
    let status = dir.wait_for_status("the demotion", |_, code| code == 1);
    assert_eq!(status["actions"][0]["last"]["command"], "demotion");
    heartbeat.stop().expect(0);
}

fn of_each_scope() {
    let (player, down) = (Player::always('p'), Peer::down());
    let config = node(&player).general("scope", "action").action("mail");
    let dir = Workdir::with(&config.check("smtp", "tcp", down.addr(), "mail"));
    let heartbeat = dir.heartbeat().start();
    let status = dir.wait_for_status("both", |status, code| {
        code == 1 && status["actions"][0]["applied"] == "promoted"
    });
    assert_eq!(status["health"], "unhealthy");
    let health = |action: usize| status["actions"][action]["health"].clone();
    assert_eq!(
        (health(0), health(1)),
        ("healthy".into(), "unhealthy".into())
    );
    assert_eq!(status["actions"][1]["applied"], "demoted");
    heartbeat.stop().expect(0);
}

fn a_refused_reload() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    let bad = node(&player)
        .key("rise", "often")
        .key("colour", "red")
        .text();
    dir.reload_refused(&heartbeat, &bad);
    dir.configure(&node(&player));
    let status = dir.wait_for_status("the refusal", |status, _| {
        !status["configuration"]["refused"].is_null()
    });
    let configuration = &status["configuration"];
    assert_eq!(configuration["generation"], 1);
    let problems = configuration["refused"]["problems"]
        .as_array()
        .expect("problems");
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(
        problems[0]
            .as_str()
            .unwrap()
            .contains("[web] rise: \"often\"")
    );
    let text = dir.status_text(0);
    assert!(text.contains("a newer one was refused "), "{text}");
    assert!(text.contains("[web] rise: \"often\""), "{text}");
    dir.reload(&heartbeat, &node(&player));
    let status = dir.wait_for_status("the end of it", |status, _| {
        status["configuration"]["refused"].is_null()
    });
    assert_eq!(status["configuration"]["generation"], 2);
    heartbeat.stop().expect(0);
}

/// What is new is there at once, unknown; what is gone is not.
fn a_reload() {
    let (player, new) = (Player::always('p'), Player::new());
    let dir = Workdir::with(&node(&player));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    let config = node(&player).general("interval", "0.2").action("new");
    let config = config
        .check("db", "http", new.addr(), "new")
        .key("timeout", 30);
    dir.reload(&heartbeat, &config);
    let (status, _) = dir.status();
    assert_eq!(status["configuration"]["generation"], 2);
    assert_eq!(status["checks"][1]["name"], "db");
    assert_eq!(status["checks"][1]["standing"], "unknown");
    assert_eq!(status["checks"][0]["standing"], "up");
    assert_eq!(status["actions"][0]["applied"], "promoted");
    assert!(status["actions"][1]["applied"].is_null());
    dir.reload(&heartbeat, &node(&player));
    let (status, _) = dir.status();
    assert_eq!(status["checks"].as_array().map(Vec::len), Some(1));
    assert_eq!(status["actions"].as_array().map(Vec::len), Some(1));
    heartbeat.stop().expect(0);
}

/// The paths of all fields of an object, as the README writes them.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{name}");
                found.insert(path.clone());
                paths(value, &path, found);
            }
        }
        Value::Array(values) => {
            for value in values {
                paths(value, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

fn documented() -> BTreeSet<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let (_, table) = readme
        .split_once("| field | type | meaning |\n")
        .expect("the table of fields");
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("| "));
    let names = rows.flat_map(|row| {
        let cell = row[2..].split_once(" | ").expect("a cell").0;
        cell.split(", ")
            .map(|name| name.trim_matches('`').to_owned())
    });
    names.collect()
}

/// With everything that there can be.
fn exactly_those_that_are_documented() {
    let player = Player::always('p');
    let dir = Workdir::with(&node(&player).general("demotion_guard", "exit 1"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_status("health", |_, code| code == 0);
    player.go_on('f');
    dir.wait_for_status("the guard", |status, _| !status["guard"].is_null());
    dir.ask(&["hold", "--for", "1h", "hands off"]).expect(0);
    let good = dir.read("heartbeat.conf");
    dir.reload_refused(&heartbeat, "nonsense\n");
    dir.write("heartbeat.conf", good);
    let status = dir.wait_for_status("all of it", |status, _| {
        !status["maintenance"].is_null() && !status["configuration"]["refused"].is_null()
    });
    heartbeat.stop().expect(0);
    let mut found = BTreeSet::new();
    paths(&status, "", &mut found);
    assert_eq!(found, documented());
}
