//! What holds where the file says nothing.

use super::dir_with;
use crate::support::peer::Peer;

tests![
    files_beside_the_working_directory,
    ports_of_the_kinds,
    host_timeout_and_level,
    files_of_the_operators_choice,
];

const ACTIONS: &str = "[promotions]\nnode = true\n[demotions]\nnode = true\n";

fn files_beside_the_working_directory() {
    let peer = Peer::silent();
    let dir = dir_with(format!(
        "{ACTIONS}[db]\nhostname = 127.0.0.1\nport = {}\naction = node\n",
        peer.addr().port()
    ));
    dir.heartbeat().once().expect(0);
    let expected = ["heartbeat.conf", "heartbeat.log", "heartbeat.state"];
    let files: Vec<String> = dir
        .files()
        .into_iter()
        .filter(|name| name != "heartbeat.pid")
        .collect();
    assert_eq!(files, expected);
    let running = dir.heartbeat().start();
    dir.wait_for_log("Mode: Foreground");
    assert_eq!(dir.pid(), Some(running.pid()));
    running.stop().expect(0);
}

/// Whether somebody listens there does not matter.
fn ports_of_the_kinds() {
    let dir = dir_with(format!(
        "[general]\nloglevel = DEBUG\n[DEFAULT]\nhostname = 127.0.0.1\ntimeout = 1\naction = node\n{ACTIONS}\
         [web]\ntype = http\n[secure]\ntype = https\n"
    ));
    let run = dir.heartbeat().once();
    assert!(matches!(run.code(), Some(0 | 1)), "{run:#?}");
    assert_eq!(dir.log().check("web").endpoint, "127.0.0.1:80");
    assert_eq!(dir.log().check("secure").endpoint, "127.0.0.1:443");
}

fn host_timeout_and_level() {
    let peer = Peer::down();
    let dir = dir_with(format!(
        "{ACTIONS}[db]\nport = {}\naction = node\n",
        peer.addr().port()
    ));
    dir.heartbeat().once().expect(1);
    let log = dir.log();
    let check = log.check("db");
    assert_eq!(
        (check.kind.as_str(), check.endpoint),
        ("tcp", peer.at("localhost"))
    );
    assert!(log.says("Timeout: 5, "), "{:#?}", log.lines);
    assert!(
        log.messages("DEBUG").is_empty() && log.says("Log level: INFO."),
        "{:#?}",
        log.lines
    );
}

fn files_of_the_operators_choice() {
    let peer = Peer::silent();
    let dir = dir_with(format!(
        "[general]\nlogfile = var/my log\npidfile = var/pid\nstatefile = var/state\n\
         {ACTIONS}[db]\nhostname = 127.0.0.1\nport = {}\naction = node\n",
        peer.addr().port()
    ));
    std::fs::create_dir(dir.file("var")).unwrap();
    dir.heartbeat().once().expect(0);
    assert_eq!(dir.files(), ["heartbeat.conf", "var"]);
    assert!(dir.read("var/my log").contains("Mode: Run Once."));
    assert!(dir.has("var/state"));
}
