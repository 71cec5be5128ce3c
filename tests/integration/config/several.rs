//! All problems in one run, in every mode; warnings; what a good file gets.

use super::{assert_refused, dir_with, refused, with_line};
use crate::support::peer::Peer;

tests![
    every_problem_is_told_in_one_run,
    every_mode_refuses_in_the_same_words,
    a_daemon_has_no_terminal_to_log_to,
    what_is_legal_but_unwise_is_a_warning,
    a_good_file_is_counted_and_nothing_runs,
    a_long_value_is_told_in_short,
];

const WRONG: &str = "\
[general]
loglevel = LOUD
interval = 0
colour = blue
[promotions]
nginx = touch promoted
spare = touch spare
[demotions]
nginx = touch demoted
[web]
type = gopher
hostname = http://localhost
port = 80a
path = login
timeout = never
action = nginx
[db]
port = 0
action = postgres
junk
[cache]
hostname = %(nothing)s
port = 6379
port = 6380
action = nginx
";

/// The lines of `WRONG` with something wrong, in order.
const WRONG_LINES: [usize; 14] = [2, 3, 4, 7, 11, 12, 13, 14, 15, 18, 19, 20, 22, 24];

fn every_problem_is_told_in_one_run() {
    let told = refused(WRONG);
    let lines: Vec<usize> = told
        .iter()
        .map(|line| {
            let rest = line
                .strip_prefix("heartbeat.conf:")
                .expect("the file's name");
            rest.split(':')
                .next()
                .unwrap()
                .parse()
                .expect("a line number")
        })
        .collect();
    assert!(lines.is_sorted(), "{told:#?}");
    let mut distinct = lines;
    distinct.dedup();
    // The path of a check of unknown type cannot be judged.
    let required: Vec<usize> = WRONG_LINES.into_iter().filter(|line| *line != 14).collect();
    assert_eq!(
        distinct
            .into_iter()
            .filter(|line| *line != 14)
            .collect::<Vec<_>>(),
        required,
        "{told:#?}"
    );
}

fn every_mode_refuses_in_the_same_words() {
    let dir = dir_with(WRONG);
    let told = dir.heartbeat().test_config().stderr;
    for args in [
        &[][..],
        &["-t"],
        &["--once"],
        &["-d"],
        &["--daemonize"],
        &["--dry-run"],
        &["--once", "--dry-run"],
    ] {
        let run = dir.heartbeat().args(args).run();
        assert_refused(&dir, &run);
        assert_eq!(run.stderr, told, "with {args:?}");
    }
}

fn a_daemon_has_no_terminal_to_log_to() {
    let dir = dir_with(with_line(2, "logfile = stderr"));
    let run = dir.heartbeat().daemonize();
    assert_refused(&dir, &run);
    assert!(run.stderr.contains("logfile"), "{run:#?}");
    let dir = dir_with(with_line(2, "daemonize = yes\nlogfile = stderr"));
    let run = dir.heartbeat().run();
    assert_refused(&dir, &run);
    assert!(
        run.stderr.contains("heartbeat.conf:3: [general] logfile: "),
        "{run:#?}"
    );
}

fn what_is_legal_but_unwise_is_a_warning() {
    let unused = with_line(4, "spare = touch a\nnginx = touch b")
        .replace("nginx = touch demoted", "nginx = touch c\nspare = touch d");
    let slow = with_line(12, "timeout = 90");
    for (conf, start, words) in [
        (
            unused,
            "heartbeat.conf:4: warning: [promotions] spare: ",
            "",
        ),
        (
            slow,
            "heartbeat.conf:12: warning: [web] timeout: ",
            "interval",
        ),
    ] {
        let dir = dir_with(conf);
        let run = dir.heartbeat().test_config().expect(0);
        let told: Vec<&str> = run.stderr.lines().collect();
        let as_expected = told.len() == 1 && told[0].starts_with(start) && told[0].contains(words);
        assert!(as_expected, "no {start:?} in {told:#?}");
    }
}

fn a_good_file_is_counted_and_nothing_runs() {
    let peer = Peer::healthy();
    let second = format!(
        "action = nginx\n[db]\nport = {}\naction = nginx\n[cache]\nhostname = 127.0.0.1\nport = {0}\naction = nginx",
        peer.addr().port()
    );
    let dir = dir_with(with_line(13, &second));
    for flag in ["-t", "--test-config"] {
        let run = dir.heartbeat().arg(flag).run().expect(0);
        assert!(
            run.stdout
                .starts_with("heartbeat.conf: good: 3 checks, 1 action"),
            "{}",
            run.stdout
        );
        assert_eq!(run.stdout.lines().count(), 4, "{}", run.stdout);
        assert_eq!(run.stderr, "");
    }
    assert_eq!(dir.files(), ["heartbeat.conf"], "something was written");
    assert_eq!(peer.arrivals().len(), 0, "a check was run");
}

fn a_long_value_is_told_in_short() {
    for (line, key) in [
        (10, "port"),
        (9, "hostname"),
        (13, "action"),
        (2, "loglevel"),
    ] {
        let long = "y".repeat(50_000);
        let told = refused(with_line(line, &format!("{key} = {long}")));
        assert!(
            told[0].starts_with(&format!("heartbeat.conf:{line}: ")),
            "{told:#?}"
        );
        assert!(told[0].len() < 500 && told.len() == 1, "{told:#?}");
    }
    let key = "k".repeat(50_000);
    let told = refused(with_line(10, &format!("{key} = 1")));
    assert!(told.join("\n").len() < 1000, "{told:#?}");
    let told = refused(with_line(7, &format!("[{key}]\ncolour = blue")));
    assert!(
        told.join("\n").len() < 1000 && told[0].starts_with("heartbeat.conf:8: "),
        "{told:#?}"
    );
}
