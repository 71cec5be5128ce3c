//! Checks that run a command: what its end means, what surrounds it, and that nothing of it is left.

use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use super::{assert_down, assert_up};
use crate::support::accounts::{ALICE, Accounts};
use crate::support::config::Config;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    status_0_is_up,
    every_other_end_is_down_with_its_reason,
    #[alone]
    one_that_runs_too_long_is_killed_with_its_children,
    #[alone]
    on_a_busy_machine_the_reason_is_the_same,
    one_that_takes_a_sigterm_may_clean_up,
    its_surroundings_are_those_of_an_action,
    #[root]
    its_account_is_the_users,
    none_outlives_heartbeat,
    what_is_left_each_time_takes_no_more_and_more,
    one_that_a_reload_replaces_does_not_run_beside_the_new_one,
    #[alone]
    a_flood_that_is_left_costs_no_processor,
    the_file_is_judged,
    a_program_that_is_not_there_is_told_before,
];

fn status_0_is_up() {
    let config = Config::new()
        .action("node")
        .exec("silent", "true", "node")
        .exec(
            "plugin",
            "echo 'DISK OK - free space: / 99%;| /=1MB'; echo more",
            "node",
        )
        .exec(
            "script",
            "set -e\nfor word in a b; do\n  # why ; not\n  test $word\ndone ; exit 0",
            "node",
        )
        .exec("leaves", "sleep 30 & echo started", "node")
        .exec(
            "wordy",
            "head -c 1000000 /dev/zero | tr '\\0' x; exit 0",
            "node",
        );
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_up(
        &dir,
        run,
        &["silent", "plugin", "script", "leaves", "wordy"],
    );
    let notes = ["silent", "plugin", "leaves"].map(|name| dir.log().check(name).note);
    let plugin = "DISK OK - free space: / 99%;| /=1MB";
    assert_eq!(notes, ["", plugin, "started"]);
    assert_eq!(dir.log().check("wordy").note.len(), 200);
}

fn every_other_end_is_down_with_its_reason() {
    let config = Config::new()
        .action("node")
        .exec(
            "warning",
            "echo first; echo 'DISK WARNING - full: / 1%' >&2; exit 1",
            "node",
        )
        .exec(
            "critical",
            "printf 'a\\nPROCS CRITICAL: 0 processes\\n\\n'; exit 2",
            "node",
        )
        .exec("unknown", "echo 'UNKNOWN - no such unit'; exit 3", "node")
        .exec("silent", "exit 7", "node")
        .exec("missing", "/no/such/plugin -w 1", "node")
        .exec("no-program", "exec /etc", "node")
        .exec("killed", "kill -SEGV $$", "node")
        .exec("harmless", "printf 'a\\033[31m\\377b\\r'; exit 2", "node");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    let table = [
        (
            "warning",
            "status",
            "exit status 1: disk warning - full: / 1%",
        ),
        (
            "critical",
            "status",
            "exit status 2: procs critical: 0 processes",
        ),
        (
            "unknown",
            "status",
            "exit status 3 (unknown): unknown - no such unit",
        ),
        ("silent", "status", "exit status 7"),
        (
            "missing",
            "exec",
            "exit status 127 (the shell found no such command): ",
        ),
        (
            "no-program",
            "exec",
            "exit status 126 (the shell may not run it): ",
        ),
        ("killed", "exec", "killed by sigsegv"),
        ("harmless", "status", "exit status 2: a\\u{1b}[31m\u{fffd}b"),
    ];
    assert_down(&dir, run, &table);
    let check = dir.log().check("missing");
    assert_eq!(
        (check.kind.as_str(), check.endpoint.as_str()),
        ("exec", "/no/such/plugin -w 1")
    );
}

fn one_that_runs_too_long_is_killed_with_its_children() {
    let deaf = "trap '' TERM\necho waiting\nsleep 60 & sleep 60; sleep 60";
    let config = Config::new()
        .action("node")
        .exec("slow", "echo $$ > slow; sleep 60 & sleep 60", "node")
        .key("timeout", "0.5")
        .exec("deaf", deaf, "node")
        .key("timeout", "0.5");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    let table = [
        ("slow", "exec", "not done within 0.5s"),
        ("deaf", "exec", "not done within 0.5s: waiting"),
    ];
    assert_down(&dir, run, &table);
    for name in ["slow", "deaf"] {
        let took = dir.log().check(name).took;
        assert!((0.5..0.7).contains(&took), "{name}: {took}");
    }
    assert_eq!(dir.processes(), [], "something of them is left");
}

/// What has been killed needs a processor to end.
fn on_a_busy_machine_the_reason_is_the_same() {
    let names: Vec<String> = (0..24).map(|number| format!("loop-{number}")).collect();
    let mut config = Config::new().action("node");
    for name in &names {
        let check = config.exec(name, "while :; do :; done", "node");
        config = check.key("timeout", "0.3");
    }
    let dir = Workdir::with(&config);
    dir.heartbeat().once().expect(1);
    for name in &names {
        let check = dir.log().check(name);
        assert_eq!(check.reason, "not done within 0.3s", "{check:#?}");
    }
    wait_for("all of them to end", || dir.processes().is_empty());
}

fn one_that_takes_a_sigterm_may_clean_up() {
    let tidy = "trap 'rm file; exit 0' TERM\ntouch file\nwhile :; do sleep 0.01; done";
    let config = Config::new()
        .action("node")
        .exec("tidy", tidy, "node")
        .key("timeout", "0.5");
    let dir = Workdir::with(&config);
    let run = dir.heartbeat().once();
    assert_down(&dir, run, &[("tidy", "exec", "not done within 0.5s")]);
    assert!(
        !dir.files().contains(&"file".to_owned()),
        "{:?}",
        dir.files()
    );
}

fn its_surroundings_are_those_of_an_action() {
    let look = "ls /proc/self/fd | tr '\\n' ' '; umask; readlink /proc/self/fd/0; pwd; \
                grep -E 'Sig(Blk|Ign)' /proc/self/status; echo $HOME $USER $LOGNAME $KEPT";
    let config = Config::new()
        .commands("node", &format!("({look}) > by-action"), "true")
        .exec(
            "look",
            &format!("({look}) > by-check; echo $HEARTBEAT_CHECK > name"),
            "node",
        )
        .exec("group", "test $$ = $(ps -o pgid= -p $$)", "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().env("KEPT", "as it was");
    heartbeat.once().expect(0);
    assert_eq!(dir.read("by-check"), dir.read("by-action"));
    assert!(dir.read("by-check").contains("as it was"));
    assert_eq!(dir.read("name"), "look\n");
}

fn its_account_is_the_users() {
    let config = Config::new().general("user", "alice").action("node").exec(
        "who",
        "echo \"$(id -u) $HOME $USER $LOGNAME\"",
        "node",
    );
    let dir = Workdir::with(&config);
    ALICE.own(&dir);
    Accounts::new().heartbeat(&dir).once().expect(0);
    let expected = format!("{} {} alice alice", ALICE.uid, ALICE.home);
    assert_eq!(dir.log().check("who").note, expected);
}

fn none_outlives_heartbeat() {
    let config = Config::new()
        .action("node")
        .exec(
            "slow",
            "trap '' TERM\ntouch begun; sleep 60 & sleep 60",
            "node",
        )
        .key("timeout", 50);
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    wait_for("the command to begin", || {
        dir.files().contains(&"begun".to_owned())
    });
    heartbeat.stop().expect(0);
    assert_eq!(dir.processes(), [], "its command is left");
}

/// Each of them holds its check's output open.
fn what_is_left_each_time_takes_no_more_and_more() {
    let config = Config::new()
        .general("interval", "0.01")
        .action("node")
        .exec("leaves", "sleep 20 & echo started", "node");
    let dir = Workdir::with(&config);
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_rounds(120);
    let proc = format!("/proc/{}", heartbeat.pid());
    let count = |what: &str| fs::read_dir(format!("{proc}/{what}")).unwrap().count();
    let (descriptors, threads) = (count("fd"), count("task"));
    assert!((64..90).contains(&descriptors), "{descriptors} descriptors");
    assert!(threads < 12, "{threads} threads");
    assert_eq!(dir.log().check("leaves").status, "Healthy");
    heartbeat.stop().expect(0);
    for pid in dir.processes() {
        kill(pid, Signal::SIGKILL).unwrap();
    }
}

fn one_that_a_reload_replaces_does_not_run_beside_the_new_one() {
    let alone = "exec 9>>only-one; flock -n 9 || exit 2";
    let config = |end: &str| {
        let config = Config::new()
            .general("interval", "0.1")
            .action("node")
            .exec("other", "true", "node");
        let config = config.exec(
            "one",
            &format!("{alone}\necho begun > begun; {end}"),
            "node",
        );
        // The old one keeps its thread until it has ended.
        config.key("timeout", 30)
    };
    let dir = Workdir::with(&config("sleep 60"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_file("begun");
    dir.configure(&config("exit 0"));
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_words(&["+node"]);
    let checks = dir.log().checks("one");
    assert!(
        checks.iter().all(|check| check.status == "Healthy"),
        "{checks:#?}"
    );
    heartbeat.stop().expect(0);
}

fn a_flood_that_is_left_costs_no_processor() {
    let config = Config::new().general("interval", 60).action("node");
    let dir = Workdir::with(&config.exec("floods", "yes & exit 0", "node"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    let used = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", heartbeat.pid())).unwrap();
        let fields: Vec<_> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        fields[11..13]
            .iter()
            .map(|ticks| ticks.parse::<u64>().unwrap())
            .sum::<u64>()
    };
    let before = used();
    thread::sleep(Duration::from_secs(2));
    // Of 200 ticks.
    let ticks = used() - before;
    heartbeat.stop().expect(0);
    for pid in dir.processes() {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    assert!(ticks < 40, "{ticks} ticks in two seconds");
}

fn the_file_is_judged() {
    let config = Config::new()
        .action("node")
        .exec("none", "", "node")
        .exec("where", "true %(word)s", "node")
        .key("hostname", "db")
        .key("word", "x")
        .key("send", "x");
    let dir = Workdir::with(&config);
    dir.write(
        "heartbeat.conf",
        format!("{}[lost]\ntype = exec\naction = node\n", config.text()),
    );
    let told = dir.heartbeat().test_config().expect(2).stderr;
    for words in [
        "[none] command: \"\" no command (write true to do nothing)",
        "[where] command: %(word)s is not replaced here",
        "[where] hostname: a check of type exec has no such key (tcp, ",
        "[where] send: a check of type exec has no such key (tcp",
        "[lost] command: missing; give what is to end with status 0",
    ] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
}

fn a_program_that_is_not_there_is_told_before() {
    let config = Config::new()
        .action("node")
        .exec("disk", "/no/such/check_disk -w 1", "node");
    let dir = Workdir::with(&config);
    let told = dir.heartbeat().test_config().expect(0).stdout;
    let expected = "command of disk: no program \"/no/such/check_disk\" here";
    assert!(told.contains(expected), "{told}");
}
