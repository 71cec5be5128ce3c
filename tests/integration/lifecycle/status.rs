//! Exit statuses that are not of one mode alone, and a command line that is no good.

use super::{MODES, node};
use crate::support::heartbeat::Heartbeat;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

tests![
    stopped_cleanly,
    a_command_line_that_is_no_good,
    a_configuration_that_is_no_good,
    a_configuration_that_is_not_there,
    help_and_version,
];

/// Healthy or not: for one that was asked to run until stopped, being stopped is success.
fn stopped_cleanly() {
    for peer in [Peer::silent(), Peer::down()] {
        let dir = Workdir::with(&node(&peer));
        let heartbeat = dir.heartbeat().start();
        dir.wait_for_log("Action done: ");
        let run = heartbeat.stop().expect(0);
        assert_eq!((run.stdout, run.stderr), (String::new(), String::new()));
    }
}

fn a_command_line_that_is_no_good() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let lines: [&[&str]; 4] = [
        &["--no-such-flag"],
        &["operand"],
        &["--once", "--daemonize"],
        &["--once", "--test-config"],
    ];
    for line in lines {
        let run = dir.heartbeat().args(line).run().expect(2);
        assert!(!run.stderr.is_empty());
        assert_eq!(dir.files(), ["heartbeat.conf"]);
    }
}

fn a_configuration_that_is_no_good() {
    for mode in MODES {
        let dir = Workdir::new();
        dir.write("heartbeat.conf", "[web]\nport = none\n");
        let run = dir.heartbeat().args(mode).run().expect(2);
        assert!(run.stderr.starts_with("heartbeat.conf:"), "{}", run.stderr);
        assert_eq!(dir.files(), ["heartbeat.conf"]);
    }
}

fn a_configuration_that_is_not_there() {
    for mode in MODES {
        let dir = Workdir::new();
        let run = dir.heartbeat().args(mode).run().expect(2);
        assert!(run.stderr.contains("heartbeat.conf"), "{}", run.stderr);
        assert_eq!(dir.files(), [""; 0]);
    }
}

fn help_and_version() {
    let dir = Workdir::new();
    let version = Heartbeat::bare(&dir).arg("-V").run().expect(0);
    let expected = concat!("heartbeat ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(version.stdout, expected);
    let help = Heartbeat::bare(&dir).arg("-h").run().expect(0);
    for flag in [
        "--config",
        "--daemonize",
        "--once",
        "--test-config",
        "--dry-run",
    ] {
        assert!(help.stdout.contains(flag), "{}", help.stdout);
    }
    assert_eq!(dir.files(), [""; 0]);
}
