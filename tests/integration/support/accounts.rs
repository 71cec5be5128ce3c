//! Users and groups of the test's choice, by files mounted over `/etc/passwd` and `/etc/group` for one heartbeat alone.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use tempfile::TempDir;

use super::heartbeat::{Heartbeat, binary};
use super::workdir::Workdir;

/// An ordinary user with two groups beside the login group.
pub const ALICE: User = User {
    name: "alice",
    uid: 61_001,
    gid: 61_001,
    groups: &[("web", 61_010), ("db", 61_020)],
    home: "/home/of/alice",
};

/// One who has the login group alone.
pub const BOB: User = User {
    name: "bob",
    uid: 61_002,
    gid: 61_002,
    groups: &[],
    home: "/home/of/bob",
};

/// A group that none of them is in.
pub const OTHERS: (&str, u32) = ("others", 61_030);

/// A user who is known to the heartbeats that `Accounts` start.
pub struct User {
    pub name: &'static str,
    pub uid: u32,
    pub gid: u32,
    pub groups: &'static [(&'static str, u32)],
    pub home: &'static str,
}

impl User {
    /// Gives this user a directory with everything in it, but for the configuration: root runs none that is another's.
    pub fn own(&self, dir: &Workdir) {
        let give = |path| chown(path, Some(self.uid), Some(self.gid)).expect("give a file away");
        give(dir.path().to_owned());
        for name in dir.files().iter().filter(|name| *name != "heartbeat.conf") {
            give(dir.file(name));
        }
    }

    /// All groups, as the `Groups` line of a status shows them when `gid` is the first of them.
    pub fn group_line(&self, gid: u32) -> String {
        let mut groups: Vec<u32> = self.groups.iter().map(|(_, gid)| *gid).collect();
        groups.push(gid);
        groups.sort_unstable();
        groups.dedup();
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        groups.join(" ")
    }
}

/// The files. Needs root.
pub struct Accounts(TempDir);

impl Accounts {
    /// Root, alice, bob and their groups.
    pub fn new() -> Self {
        let mut passwd = "root:x:0:0:root:/root:/bin/sh\n".to_owned();
        let mut group = "root:x:0:\n".to_owned();
        let (name, gid) = OTHERS;
        writeln!(group, "{name}:x:{gid}:").unwrap();
        for user in [ALICE, BOB] {
            let (name, uid, gid, home) = (user.name, user.uid, user.gid, user.home);
            writeln!(passwd, "{name}:x:{uid}:{gid}::{home}:/bin/sh").unwrap();
            writeln!(group, "{name}:x:{gid}:").unwrap();
            for (group_name, gid) in user.groups {
                writeln!(group, "{group_name}:x:{gid}:{name}").unwrap();
            }
        }
        let files = TempDir::new().expect("a temporary directory");
        let nsswitch = "passwd: files\ngroup: files\nhosts: files\n".to_owned();
        for (name, text) in [
            ("passwd", passwd),
            ("group", group),
            ("nsswitch.conf", nsswitch),
        ] {
            fs::write(files.path().join(name), text).expect("write a file of accounts");
        }
        Self(files)
    }

    /// `heartbeat -c heartbeat.conf`, started by root who has groups and variables of its own.
    pub fn heartbeat<'a>(&self, dir: &'a Workdir) -> Heartbeat<'a> {
        self.started_by(dir, "exec setpriv --groups 0,4,27 \"$@\"")
    }

    /// The same, started in the shell script's way, in which it is `"$@"`.
    pub fn started_by<'a>(&self, dir: &'a Workdir, script: &str) -> Heartbeat<'a> {
        let mounts = "for name in passwd group nsswitch.conf\n\
                      do mount --bind \"$1/$name\" /etc/$name || exit 99; done\nshift\n";
        let mut launcher = Command::new("unshare");
        launcher.args(["--mount", "sh", "-c", &format!("{mounts}{script}"), "sh"]);
        launcher.arg(self.0.path()).arg(binary());
        Heartbeat::launched_by(dir, launcher).args(["-c", "heartbeat.conf"])
    }

    /// The same, started by an ordinary user, with a copy of the binary that anybody can run: the original may lie
    /// where only root can go.
    pub fn started_as<'a>(&self, user: &User, dir: &'a Workdir) -> Heartbeat<'a> {
        user.own(dir);
        let (uid, gid) = (user.uid, user.gid);
        // Copied by a process of its own: while another test forks, a file that this one has open for writing is open in
        // the child too, and cannot be executed.
        let script = format!(
            "cp \"$1\" heartbeat && chmod 755 heartbeat && shift || exit 99\n\
             exec setpriv --reuid {uid} --regid {gid} --init-groups ./heartbeat \"$@\""
        );
        self.started_by(dir, &script)
    }
}
