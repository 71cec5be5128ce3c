//! Where the log goes: a file, stderr, a terminal. And that stderr is quiet otherwise, so that cron sends no mail.

use super::node;
use crate::support::config::Config;
use crate::support::log::Log;
use crate::support::peer::Peer;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::Signal;

tests![
    cron_gets_no_mail,
    stderr_is_the_log,
    stderr_is_the_log_of_a_one_shot,
    a_terminal_sees_the_log_too,
    a_terminal_sees_nothing_of_a_daemon,
];

/// Up, down, with a failing command, with warnings: all of it is in the log alone.
fn cron_gets_no_mail() {
    let (up, down) = (Peer::silent(), Peer::down());
    for (peer, demotion, status) in [(&up, "exit 1", 0), (&down, "true", 1), (&down, "exit 1", 3)] {
        let dir = Workdir::with(
            &Config::new()
                .action("unused")
                .commands("node", "echo noise; echo noise >&2", demotion)
                .check("web", "tcp", peer.addr(), "node"),
        );
        dir.write("heartbeat.state", "damaged");
        let run = dir.heartbeat().once().expect(status);
        assert_eq!((run.stdout, run.stderr), (String::new(), String::new()));
        assert!(!dir.log().lines.is_empty());
    }
}

fn stderr_is_the_log() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("logfile", "stderr"));
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_words(&["+node"]);
    heartbeat.signal(Signal::SIGHUP);
    wait_for("the answer to SIGHUP", || {
        Log::parse(&heartbeat.stderr()).says("Received SIGHUP")
    });
    peer.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    let run = heartbeat.stop().expect(0);
    assert_eq!(run.stdout, "");
    let log = Log::parse(&run.stderr);
    assert!(
        log.says("Mode: Foreground.") && log.says("Goodbye."),
        "{}",
        run.stderr
    );
    assert_eq!(log.messages("WARNING").len(), 2, "{}", run.stderr);
    assert!(!dir.has("heartbeat.log") && !dir.has("stderr"));
}

fn stderr_is_the_log_of_a_one_shot() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("logfile", "stderr"));
    let run = dir.heartbeat().once().expect(0);
    assert_eq!(run.stdout, "");
    assert!(
        Log::parse(&run.stderr).says("Mode: Run Once."),
        "{}",
        run.stderr
    );
    let files = ["heartbeat.conf", "heartbeat.state", "words"];
    assert_eq!(dir.files(), files);
}

fn a_terminal_sees_the_log_too() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let seen = dir.on_a_terminal("--once");
    assert_eq!(seen, dir.read("heartbeat.log"));
    assert!(Log::parse(&seen).says("Action done: "), "{seen}");
}

fn a_terminal_sees_nothing_of_a_daemon() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer));
    let seen = dir.on_a_terminal("--daemonize");
    dir.wait_for_words(&["+node"]);
    assert_eq!(seen, "");
}
