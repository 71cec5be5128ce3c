//! What a command inherits, and what it does not: descriptors, signals, umask, directory, process group.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{promoting, promotion};
use crate::support::heartbeat::Heartbeat;
use crate::support::peer::Peer;
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    a_clean_start_in_the_foreground,
    a_clean_start_in_a_one_shot,
    a_clean_start_in_a_daemon,
    nothing_on_stdin,
    the_reopening_of_the_log_works_although_sighup_was_ignored,
    without_any_descriptor,
];

/// Writes its umask and its process number, and stops itself, to be looked at: a program that is being loaded has its
/// libraries open, and a shell that starts one has signals blocked.
const EXPOSED: &str = "umask > umask; echo $$ > shell; kill -STOP $$";

/// Signals that the C library keeps for its threads. Its `posix_spawn` has them ignored, and nobody else can use them.
const OF_THE_LIBRARY: u64 = 1 << (32 - 1) | 1 << (33 - 1);

/// heartbeat as a careless parent would start it: signals ignored and blocked, a descriptor left open, no umask.
fn careless(dir: &Workdir) -> Heartbeat<'_> {
    dir.through(
        "trap '' HUP QUIT CHLD PIPE USR1; umask 0; exec 9> left-open < heartbeat.conf; \
         exec env --block-signal=TERM,USR2,ALRM \"$@\"",
    )
}

/// The command's shell.
fn exposed(dir: &Workdir) -> Process {
    wait_for("the command", || dir.read("shell").ends_with('\n'));
    let number = dir.read("shell");
    let process = Process(Pid::from_raw(number.trim().parse().expect("a number")));
    wait_for("the command to stop", || {
        process.status("State").starts_with('T')
    });
    process
}

/// Looks at the command, and ends it.
fn assert_clean(dir: &Workdir) {
    let command = exposed(dir);
    let descriptors = command.descriptors();
    let numbers: Vec<i32> = descriptors.keys().copied().collect();
    assert_eq!(numbers, [0, 1, 2], "{descriptors:#?}");
    assert_eq!(descriptors[&0], "/dev/null");
    assert!(descriptors[&1].starts_with("pipe:"), "{descriptors:#?}");
    assert!(descriptors[&2].starts_with("pipe:"), "{descriptors:#?}");
    for mask in ["SigBlk", "SigIgn"] {
        let signals = u64::from_str_radix(&command.status(mask), 16).expect("a mask");
        assert_eq!(signals & !OF_THE_LIBRARY, 0, "{mask} is {signals:x}");
    }
    assert_eq!(dir.read("umask"), "0022\n");
    assert_eq!(command.directory(), dir.path());
    assert_eq!(command.group(), command.0);
    for signal in [Signal::SIGTERM, Signal::SIGCONT] {
        kill(command.0, signal).expect("end the command");
    }
}

fn a_clean_start_in_the_foreground() {
    let peer = Peer::silent();
    let dir = promoting(&peer, EXPOSED);
    let heartbeat = careless(&dir).start();
    assert_clean(&dir);
    dir.wait_for_log("killed by SIGTERM");
    // Blocked as it was, it must still be heard.
    heartbeat.stop().expect(0);
}

fn a_clean_start_in_a_one_shot() {
    let peer = Peer::silent();
    let dir = promoting(&peer, EXPOSED);
    let heartbeat = careless(&dir).arg("--once").start();
    assert_clean(&dir);
    heartbeat.wait().expect(3);
}

fn a_clean_start_in_a_daemon() {
    let peer = Peer::silent();
    let dir = promoting(&peer, EXPOSED);
    careless(&dir).daemonize().expect(0);
    assert_clean(&dir);
    dir.wait_for_log("killed by SIGTERM");
    kill(dir.pid().expect("a daemon"), Signal::SIGTERM).expect("stop the daemon");
    dir.wait_for_log("Goodbye");
}

fn nothing_on_stdin() {
    let peer = Peer::silent();
    let dir = promoting(&peer, "cat > input && echo read >> words");
    dir.through("exec \"$@\" < heartbeat.conf").once().expect(0);
    assert_eq!(
        (dir.words(), dir.read("input")),
        (vec!["read".into()], String::new())
    );
}

/// As under nohup.
fn the_reopening_of_the_log_works_although_sighup_was_ignored() {
    let peer = Peer::silent();
    let dir = Workdir::with(&promotion(&peer, "true"));
    let heartbeat = careless(&dir).start();
    dir.wait_for_log("Action done: ");
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("Received SIGHUP");
    heartbeat.stop().expect(0);
}

/// Started with stdin, stdout and stderr closed, none of its own files may take their numbers: a command would write
/// into them.
fn without_any_descriptor() {
    let peer = Peer::silent();
    let dir = promoting(&peer, "echo to stdout; echo to stderr >&2");
    dir.through("exec \"$@\" <&- >&- 2>&-").once().expect(0);
    let told = super::Told::only(&dir);
    assert_eq!(told.output.as_deref(), Some("to stdout\\nto stderr"));
    let files = ["heartbeat.conf", "heartbeat.log", "heartbeat.state"];
    assert_eq!(dir.files(), files);
}
