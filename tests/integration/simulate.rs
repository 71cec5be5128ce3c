//! `simulate`: a rehearsal through the real decisions, in which nothing is run.

use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    a_line_for_each_round,
    the_last_letter_goes_on,
    those_that_are_not_mentioned_pass,
    until_there_is_a_verdict_nothing_runs,
    by_scope,
    the_guard_would_be_asked,
    what_is_long_ago_would_be_run_again,
    nothing_is_run_or_written,
    what_is_wrong,
    a_configuration_that_is_wrong,
    a_name_with_blanks_and_an_equals_sign,
    without_anything_to_play,
    a_configuration_in_a_pipe,
];

/// `web` falls at the third failure and rises at the second pass; `db` at once. Both would be refused.
fn two() -> Config {
    Config::new()
        .action("nginx")
        .action("mail")
        .check("web", "tcp", "127.0.0.1:9", "nginx")
        .key("rise", 2)
        .key("fall", 3)
        .check("db", "tcp", "127.0.0.1:9", "mail")
}

/// The lines of a rehearsal, their blanks made single.
fn played(config: &Config, words: &[&str]) -> Vec<String> {
    let dir = Workdir::with(config);
    let simulated = dir.ask(&[&["simulate"], words].concat()).expect(0);
    assert_eq!(simulated.stderr, "");
    let single = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    simulated.stdout.lines().map(single).collect()
}

fn a_line_for_each_round() {
    let expected = [
        "1 web unknown (passed 1 of 2), db up; unknown; -",
        "2 web up, db up; healthy; promotion of nginx, promotion of mail",
        "3 web up (failed 1 of 3), db up; healthy; -",
        "4 web up (failed 2 of 3), db up; healthy; -",
        "5 web down, db up; unhealthy; demotion of nginx, demotion of mail",
        "6 web down (passed 1 of 2), db up; unhealthy; -",
        "7 web up, db up; healthy; promotion of nginx, promotion of mail",
        "8 web up, db down; unhealthy; demotion of nginx, demotion of mail",
    ];
    assert_eq!(played(&two(), &["web=ppfffppp", "db=pppppppf"]), expected);
}

fn the_last_letter_goes_on() {
    let lines = played(&two(), &["web=pppp", "db=pf"]);
    assert_eq!(lines.len(), 4);
    for line in &lines[1..] {
        assert!(line.contains("web up, db down; unhealthy;"), "{line}");
    }
}

fn those_that_are_not_mentioned_pass() {
    let lines = played(&two(), &["web=pp"]);
    let last = "2 web up, db up; healthy; promotion of nginx, promotion of mail";
    assert_eq!(lines[1], last);
}

fn until_there_is_a_verdict_nothing_runs() {
    let expected = [
        "1 web unknown (passed 1 of 2), db up; unknown; -",
        "2 web unknown (failed 1 of 3), db up; unknown; -",
        "3 web unknown (passed 1 of 2), db up; unknown; -",
    ];
    assert_eq!(played(&two(), &["web=pfp"]), expected);
}

fn by_scope() {
    let config = two().general("scope", "action");
    let expected = [
        "1 web unknown (passed 1 of 2), db up; unknown; promotion of mail",
        "2 web up, db down; unhealthy; demotion of mail, promotion of nginx",
        "3 web up, db up; healthy; promotion of mail",
    ];
    assert_eq!(played(&config, &["web=ppp", "db=pfp"]), expected);
}

fn the_guard_would_be_asked() {
    let config = two().general("demotion_guard", "touch asked; exit 1");
    let lines = played(&config, &["db=fp", "web=pp"]);
    let first = "1 web unknown (passed 1 of 2), db down; unhealthy; \
                 asks the guard, demotion of nginx, demotion of mail";
    assert_eq!(lines[0], first);
    assert!(lines[1].ends_with("; healthy; promotion of nginx, promotion of mail"));
}

/// Rounds are ten seconds apart.
fn what_is_long_ago_would_be_run_again() {
    let config = Config::new()
        .general("interval", 10)
        .general("reassert", "25s")
        .action("node")
        .check("web", "tcp", "127.0.0.1:9", "node");
    let lines = played(&config, &["web=pppppppp"]);
    let runs = lines.iter().map(|line| line.ends_with("promotion of node"));
    let expected = [true, false, false, true, false, false, true, false];
    assert_eq!(runs.collect::<Vec<_>>(), expected);
}

/// Not even where a daemon is at work in the same place.
fn nothing_is_run_or_written() {
    let peer = Peer::silent();
    let config = Config::new()
        .general("interval", "0.1")
        .action("node")
        .check("web", "tcp", peer.addr(), "node");
    let dir = Workdir::with(&config);
    dir.ask(&["simulate", "web=pf"]).expect(0);
    assert_eq!(dir.files(), ["heartbeat.conf"]);
    assert_eq!(peer.arrivals().len(), 0);
    let heartbeat = dir.heartbeat().start();
    dir.assert_settles_at(&["+node"]);
    dir.ask(&["simulate", "web=ffff"]).expect(0);
    dir.assert_settles_at(&["+node"]);
    heartbeat.stop().expect(0);
    let left = dir.read("heartbeat.state");
    dir.ask(&["simulate", "web=ffff"]).expect(0);
    assert_eq!(dir.read("heartbeat.state"), left);
}

/// Everything at once, and not a line of a rehearsal.
fn what_is_wrong() {
    let dir = Workdir::with(&two());
    let words = ["simulate", "web=ppx", "dc=p", "db=", "web", "db=p", "db=f"];
    let simulated = dir.ask(&words).expect(2);
    assert_eq!(simulated.stdout, "");
    let lines: Vec<&str> = simulated.stderr.lines().collect();
    assert_eq!(lines.len(), 5, "{lines:#?}");
    for (line, words) in lines.iter().zip([
        "\"web=ppx\": \"x\" is neither p",
        "\"dc\": there is no such check (there are: \"web\", \"db\")",
        "\"db=\"",
        "\"web\"",
        "\"db=f\": check \"db\" is played twice",
    ]) {
        assert!(line.contains(words), "{line:?} should say {words:?}");
    }
    assert_eq!(dir.files(), ["heartbeat.conf"]);
}

fn a_configuration_that_is_wrong() {
    let dir = Workdir::with(&two().key("port", "80a"));
    let simulated = dir.ask(&["simulate", "web=p"]).expect(2);
    assert_eq!(simulated.stdout, "");
    assert!(simulated.stderr.starts_with("heartbeat.conf:"));
}

fn a_name_with_blanks_and_an_equals_sign() {
    let config = Config::new().action("node");
    let config = config.check("the a=b one", "tcp", "127.0.0.1:9", "node");
    let expected = ["1 the a=b one down; unhealthy; demotion of node"];
    assert_eq!(played(&config, &["the a=b one=f"]), expected);
}

fn without_anything_to_play() {
    let dir = Workdir::with(&two());
    let simulated = dir.ask(&["simulate"]).expect(2);
    assert!(simulated.stderr.contains("CHECK=ppffp"));
    for flag in ["--once", "--dry-run", "-d", "-t"] {
        dir.ask(&[flag, "simulate", "web=p"]).expect(2);
    }
    assert_eq!(dir.files(), ["heartbeat.conf"]);
}

/// As in `-c <(…)`: it can be read once.
fn a_configuration_in_a_pipe() {
    let dir = Workdir::with(&two());
    let script = "cat heartbeat.conf | \"$1\" -c /dev/stdin simulate db=f";
    let simulated = dir.through(script).run().expect(0);
    assert!(
        simulated.stdout.contains("demotion of mail"),
        "{}",
        simulated.stdout
    );
}
