//! What goes wrong at the start reaches the terminal, in every mode and before anything is run.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{MODES, node};
use crate::support::heartbeat::Finished;
use crate::support::peer::Peer;
use crate::support::workdir::Workdir;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

tests![
    a_folder_that_does_not_exist,
    a_folder_that_may_not_be_written,
    a_folder_instead_of_a_file,
    a_fifo_instead_of_a_file,
    a_link_instead_of_a_file,
    users_and_groups_that_do_not_exist,
    a_daemon_has_no_terminal_to_log_to,
    nobody_listens_to_the_reason,
];

/// The files that heartbeat writes.
const FILES: [&str; 3] = ["logfile", "pidfile", "statefile"];

/// Status 3, one line on stderr that names the culprit, and nothing has been run or left behind.
fn assert_refused(dir: &Workdir, run: Finished, culprit: &str) {
    let run = run.expect(3);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with("heartbeat: "), "{}", run.stderr);
    assert!(run.stderr.contains(culprit), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert_eq!(dir.words(), [""; 0]);
    assert!(!dir.has("heartbeat.pid"), "the pidfile was left");
    assert!(dir.processes().is_empty(), "a process was left");
}

/// In every mode, with every file, where `prepare` has made a place that cannot be used.
fn refused_in_every_mode(place: &str, prepare: impl Fn(&Workdir)) {
    let peer = Peer::silent();
    for key in FILES {
        let dir = Workdir::with(&node(&peer).general(key, place));
        prepare(&dir);
        for mode in MODES {
            assert_refused(&dir, dir.heartbeat().args(mode).run(), place);
        }
    }
}

fn a_folder_that_does_not_exist() {
    refused_in_every_mode("no/such/folder/file", |_| {});
}

/// Root may write everywhere: there it is a file system of the kernel's that takes no new file.
fn a_folder_that_may_not_be_written() {
    if nix::unistd::geteuid().is_root() {
        return refused_in_every_mode("/proc/sys/file", |_| {});
    }
    refused_in_every_mode("closed/file", |dir| {
        let folder = dir.file("closed");
        fs::create_dir(&folder).expect("a folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).expect("close it");
    });
}

fn a_folder_instead_of_a_file() {
    refused_in_every_mode("folder", |dir| {
        fs::create_dir(dir.file("folder")).expect("a folder");
    });
}

/// Nobody reads from it: whoever opens it for writing waits for ever.
fn a_fifo_instead_of_a_file() {
    refused_in_every_mode("fifo", |dir| {
        mkfifo(&dir.file("fifo"), Mode::S_IRWXU).expect("a FIFO");
    });
}

fn a_link_instead_of_a_file() {
    let peer = Peer::silent();
    for key in FILES {
        for target in ["precious", "not-there"] {
            let dir = Workdir::with(&node(&peer).general(key, "link"));
            dir.write("precious", "precious\n");
            std::os::unix::fs::symlink(target, dir.file("link")).expect("a link");
            for mode in MODES {
                assert_refused(&dir, dir.heartbeat().args(mode).run(), "link");
            }
            assert_eq!(dir.read("precious"), "precious\n");
            assert!(!dir.has("not-there"), "the target was made");
        }
    }
}

fn users_and_groups_that_do_not_exist() {
    let peer = Peer::silent();
    for key in ["user", "group"] {
        let dir = Workdir::with(&node(&peer).general(key, "no-such-name"));
        for mode in MODES {
            assert_refused(&dir, dir.heartbeat().args(mode).run(), "no-such-name");
        }
        assert_eq!(dir.files(), ["heartbeat.conf"]);
    }
}

/// It is the configuration that is at fault: whether the flag or the file asks for a daemon.
fn a_daemon_has_no_terminal_to_log_to() {
    let peer = Peer::silent();
    let on_stderr = || node(&peer).general("logfile", "stderr");
    let dir = Workdir::with(&on_stderr());
    let run = dir.heartbeat().daemonize().expect(2);
    assert!(run.stderr.contains("logfile"), "{}", run.stderr);
    let dir = Workdir::with(&on_stderr().general("daemonize", "yes"));
    let run = dir.heartbeat().run().expect(2);
    assert!(run.stderr.contains("logfile"), "{}", run.stderr);
    assert_eq!(dir.files(), ["heartbeat.conf"]);
}

/// The status is the same when stderr is closed, or cannot take a word.
fn nobody_listens_to_the_reason() {
    let peer = Peer::silent();
    let dir = Workdir::with(&node(&peer).general("logfile", "no/such/folder/file"));
    for redirection in ["2>&-", "2>/dev/full", ">&- 2>&- <&-"] {
        for mode in MODES {
            let run = dir
                .through(&format!("exec \"$@\" {redirection}"))
                .args(mode)
                .run();
            run.expect(3);
        }
    }
}
