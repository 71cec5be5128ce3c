//! heartbeat as process 1 of a PID namespace, as in a container.

use std::process::Command;

use nix::sys::signal::{Signal, kill};

use crate::support::config::Config;
use crate::support::heartbeat::{Heartbeat, Running, binary};
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::{wait_for, wait_for_some};
use crate::support::workdir::Workdir;

tests![
    #[root]
    orphans_leave_no_zombies,
    #[root]
    a_command_that_failed_is_told_with_its_own_status,
    #[root]
    it_stops_on_a_signal_and_says_how_it_ended,
    #[root]
    a_wrong_configuration_ends_it,
    #[root]
    it_does_not_detach,
    #[root]
    blocked_signals_do_not_hold_it,
];

fn first(dir: &Workdir) -> Heartbeat<'_> {
    let mut launcher = Command::new("unshare");
    launcher
        .args(["-pf", "--mount-proc", "--kill-child"])
        .arg(binary());
    Heartbeat::launched_by(dir, launcher).args(["-c", "heartbeat.conf"])
}

fn config(peer: &Peer, promotion: &str) -> Config {
    let config = Config::new().general("interval", "0.2");
    let config = config.commands("node", promotion, "exit 7");
    config.check("web", "tcp", peer.addr(), "node")
}

/// Process 1 of the namespace that `unshare` has made.
fn process_one(unshare: &Running) -> Process {
    wait_for_some("process 1", || {
        let children = format!("/proc/{0}/task/{0}/children", unshare.pid());
        let children = std::fs::read_to_string(children).ok()?;
        let pid = children.split_whitespace().next()?.parse().ok()?;
        Some(Process(nix::unistd::Pid::from_raw(pid)))
    })
}

/// How many zombies process 1 has.
fn zombies(one: Process) -> usize {
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let is_zombie = |stat: &String| {
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.to_owned());
        let fields = fields.unwrap_or_default();
        let mut fields = fields.split_whitespace();
        let (letter, parent) = (fields.next(), fields.next());
        letter == Some("Z") && parent == Some(&one.0.to_string())
    };
    stats.filter(is_zombie).count()
}

fn orphans_leave_no_zombies() {
    let peer = Peer::silent();
    // Each ends when its parent has gone: only process 1 can wait for it.
    let orphans = "for i in $(seq 100); do (sh -c 'echo $$ >> orphans' &) ; done; echo + >> words";
    let dir = Workdir::with(&config(&peer, orphans));
    let heartbeat = first(&dir).start();
    let one = process_one(&heartbeat);
    dir.wait_for_words(&["+"]);
    wait_for("a hundred orphans", || {
        dir.read("orphans").lines().count() == 100
    });
    wait_for("no zombie", || zombies(one) == 0);
    kill(one.0, Signal::SIGTERM).expect("signal process 1");
    heartbeat.wait().expect(0);
}

fn a_command_that_failed_is_told_with_its_own_status() {
    let peer = Peer::down();
    let dir = Workdir::with(&config(&peer, "true"));
    let heartbeat = first(&dir).start();
    dir.wait_for_log("Status: exit status 7");
    kill(process_one(&heartbeat).0, Signal::SIGINT).expect("signal process 1");
    heartbeat.wait().expect(0);
}

fn it_stops_on_a_signal_and_says_how_it_ended() {
    let peer = Peer::silent();
    let dir = Workdir::with(&config(&peer, "true").general("on_exit", "demote"));
    let heartbeat = first(&dir).start();
    let one = process_one(&heartbeat);
    dir.wait_for_log("Action done: ");
    kill(one.0, Signal::SIGHUP).expect("signal process 1");
    dir.wait_for_log("Received SIGHUP. Log reopened.");
    kill(one.0, Signal::SIGTERM).expect("signal process 1");
    // The demotion has failed.
    heartbeat.wait().expect(3);
    assert!(!dir.has("heartbeat.pid"));
}

fn a_wrong_configuration_ends_it() {
    let dir = Workdir::new();
    dir.write("heartbeat.conf", "nonsense");
    let run = first(&dir).run().expect(2);
    assert!(run.stderr.contains("heartbeat.conf:1: "), "{}", run.stderr);
}

/// With process 1 everything would end.
fn it_does_not_detach() {
    let peer = Peer::silent();
    let config = config(&peer, "true").general("daemonize", "yes");
    let dir = Workdir::with(&config);
    let heartbeat = first(&dir).start();
    dir.wait_for_log("Action done: ");
    assert!(dir.log().says("Mode: Foreground."));
    kill(process_one(&heartbeat).0, Signal::SIGTERM).expect("signal process 1");
    heartbeat.wait().expect(0);
}

fn blocked_signals_do_not_hold_it() {
    let peer = Peer::silent();
    let dir = Workdir::with(&config(&peer, "true"));
    let mut launcher = Command::new("unshare");
    launcher
        .args(["-pf", "--mount-proc", "--kill-child", "env"])
        .arg("--block-signal=TERM,CHLD")
        .arg(binary());
    let heartbeat = Heartbeat::launched_by(&dir, launcher).args(["-c", "heartbeat.conf"]);
    let heartbeat = heartbeat.start();
    dir.wait_for_log("Action done: ");
    kill(process_one(&heartbeat).0, Signal::SIGTERM).expect("signal process 1");
    heartbeat.wait().expect(0);
}
