//! Basic authentication: the password comes from a file that is nobody else's, and goes to the peer and nowhere else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{assert_down, assert_up};
use crate::support::accounts::{ALICE, Accounts, BOB};
use crate::support::config::Config;
use crate::support::peer::{OK, Peer};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    the_password_is_sent,
    a_wrong_password,
    password_files_that_are_refused,
    a_reload_reads_the_password_again,
    who_asks_needs_no_password,
    #[root]
    the_user_reads_it_again_after_root_has,
    #[root]
    a_password_of_root_is_said_to_block_reloads,
    #[root]
    a_password_of_somebody_else,
];

/// base64 of `probe:hunter22`.
const TOKEN: &str = "cHJvYmU6aHVudGVyMjI=";

/// A working directory with a password that only its owner can read.
pub(super) fn with_password(config: &Config, password: &str) -> Workdir {
    let dir = Workdir::with(config);
    write_password(&dir, password, 0o600);
    dir
}

fn write_password(dir: &Workdir, password: &str, mode: u32) {
    dir.write("password", password);
    fs::set_permissions(dir.file("password"), Permissions::from_mode(mode)).expect("set a mode");
}

/// A peer that lets in whoever has this token.
fn guarded(token: &'static str) -> Peer {
    Peer::serve(move |mut conn| {
        let request = conn.request()?;
        if request.contains(&format!("\r\nauthorization: Basic {token}\r\n")) {
            return conn.send(OK);
        }
        conn.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    })
}

pub(super) fn asking(peer: &Peer) -> Config {
    Config::new()
        .action("node")
        .check("web", "http", peer.addr(), "node")
        .key("username", "probe")
        .key("password_file", "password")
}

fn the_password_is_sent() {
    let peer = guarded(TOKEN);
    for password in ["hunter22", "hunter22\n", "hunter22\r\n"] {
        let dir = with_password(&asking(&peer), password);
        let run = dir.heartbeat().once();
        assert_up(&dir, run, &["web"]);
    }
    let dir = with_password(&asking(&peer), "hunter22");
    fs::rename(dir.file("password"), dir.file("real")).expect("rename");
    symlink("real", dir.file("password")).expect("a link, as a mounted secret has");
    let run = dir.heartbeat().once();
    assert_up(&dir, run, &["web"]);
}

fn a_wrong_password() {
    let peer = guarded(TOKEN);
    let dir = with_password(&asking(&peer), "hunter23\n");
    let run = dir.heartbeat().once();
    assert_down(&dir, run, &[("web", "status", "401 unauthorized")]);
    assert_nowhere(&dir, &["hunter23", "cHJvYmU6aHVudGVy"]);
}

/// None of these words is in any file but the password's own.
pub(super) fn assert_nowhere(dir: &Workdir, words: &[&str]) {
    for name in dir.files().iter().filter(|name| *name != "password") {
        let text = dir.read(name);
        for word in words {
            assert!(!text.contains(word), "{word} in {name}:\n{text}");
        }
    }
}

fn password_files_that_are_refused() {
    let peer = guarded(TOKEN);
    let refused = |dir: &Workdir, words: &str| {
        let run = dir.heartbeat().test_config().expect(2);
        let told = run.stderr;
        let place = "[web] password_file: \"password\" ";
        assert!(told.contains(place) && told.contains(words), "{told}");
        assert!(!told.contains("hunter22"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    };
    for (content, mode, words) in [
        (
            "hunter22",
            0o640,
            "has mode 0640, which lets others at it (chmod 0600)",
        ),
        ("hunter22", 0o604, "has mode 0604"),
        ("hunter22", 0o620, "has mode 0620"),
        ("", 0o600, "is empty"),
        ("\n", 0o400, "is empty"),
        ("hunter22\nhunter22\n", 0o600, "more than one line"),
        ("hunter22\0", 0o600, "control character"),
        (&"hunter22".repeat(200), 0o600, "more than 1024 bytes"),
    ] {
        let dir = Workdir::with(&asking(&peer));
        write_password(&dir, content, mode);
        refused(&dir, words);
    }
    let dir = Workdir::with(&asking(&peer));
    refused(&dir, "cannot be read: No such file or directory");
    mkfifo(&dir.file("password"), Mode::S_IRUSR).expect("a pipe");
    refused(&dir, "is not a file");
    fs::remove_file(dir.file("password")).expect("remove");
    fs::create_dir(dir.file("password")).expect("a folder");
    refused(&dir, "is not a file");
}

fn a_reload_reads_the_password_again() {
    let peer = guarded(TOKEN);
    let config = asking(&peer).general("interval", "0.1");
    let dir = with_password(&config, "before\n");
    let heartbeat = dir.heartbeat().start();
    dir.wait_for_log("401 Unauthorized");
    write_password(&dir, "hunter22\n", 0o644);
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("has mode 0644");
    write_password(&dir, "hunter22\n", 0o600);
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("Configuration reloaded");
    wait_for("the new password to work", || {
        dir.log().check("web").status == "Healthy"
    });
    heartbeat.stop().expect(0);
    assert_nowhere(&dir, &["hunter", "before"]);
}

/// `status` and its kin are for people who need not be able to read what only heartbeat may.
fn who_asks_needs_no_password() {
    let peer = guarded(TOKEN);
    let dir = with_password(&asking(&peer), "hunter22");
    dir.heartbeat().once().expect(0);
    fs::remove_file(dir.file("password")).expect("remove");
    dir.heartbeat().arg("status").run().expect(0);
    dir.heartbeat().args(["simulate", "web=pf"]).run().expect(0);
    dir.heartbeat().args(["drain", "kernel"]).run().expect(0);
    dir.heartbeat().test_config().expect(2);
}

fn the_user_reads_it_again_after_root_has() {
    let accounts = Accounts::new();
    let peer = guarded(TOKEN);
    let config = asking(&peer)
        .general("interval", "0.1")
        .general("user", "alice");
    let dir = with_password(&config, "hunter22\n");
    ALICE.own(&dir);
    let heartbeat = accounts.heartbeat(&dir).start();
    dir.wait_for_log("Action done: ");
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("Configuration reloaded");
    chown(dir.file("password"), Some(0), Some(0)).expect("give it to root");
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log("password_file: \"password\" cannot be read: Permission denied");
    heartbeat.stop().expect(0);
}

fn a_password_of_root_is_said_to_block_reloads() {
    let accounts = Accounts::new();
    let peer = guarded(TOKEN);
    let dir = with_password(&asking(&peer).general("user", "alice"), "hunter22\n");
    ALICE.own(&dir);
    chown(dir.file("password"), Some(0), Some(0)).expect("give it to root");
    chown(dir.file("heartbeat.conf"), Some(0), Some(0)).expect("give it to root");
    let run = accounts.heartbeat(&dir).test_config().expect(0);
    let words = "password_file \"password\" cannot be read by user alice (Permission denied)";
    assert!(run.stdout.contains(words), "{}", run.stdout);
}

fn a_password_of_somebody_else() {
    let accounts = Accounts::new();
    let peer = guarded(TOKEN);
    let dir = with_password(&asking(&peer).general("user", "alice"), "hunter22\n");
    BOB.own(&dir);
    chown(dir.file("heartbeat.conf"), Some(0), Some(0)).expect("give it to root");
    let run = accounts.heartbeat(&dir).test_config().expect(2);
    let words = "\"password\" belongs to user 61002; it must belong to root or to whom";
    assert!(run.stderr.contains(words), "{}", run.stderr);
}
