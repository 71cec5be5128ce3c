//! Every id changed, the user's own groups, no capability, no way back.

use super::{MODES, promoting};
use crate::support::accounts::{ALICE, Accounts, BOB, OTHERS, User};
use crate::support::config::Config;
use crate::support::heartbeat::Heartbeat;
use crate::support::peer::Peer;
use crate::support::process::{Process, status_line};
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};

tests![
    #[root]
    a_user_with_groups,
    #[root]
    a_user_without_groups,
    #[root]
    a_user_in_another_group,
    #[root]
    a_group_alone,
    #[root]
    nobody,
    #[root]
    nobody_in_particular,
    #[root]
    there_is_no_way_back,
    #[root]
    inheritable_capabilities,
    #[root]
    capabilities_kept_by_securebits,
];

/// Writes who the command is, and what it is told of its account.
const WHO: &str = "cat /proc/self/status > who\n\
                   echo \"$HOME $USER $LOGNAME\" > account\nmv account told";

/// Who somebody is expected to be.
struct Expected {
    uid: u32,
    gid: u32,
    groups: String,
    account: String,
}

impl Expected {
    fn new(user: &User, gid: u32) -> Self {
        Self {
            uid: user.uid,
            gid,
            groups: user.group_line(gid),
            account: format!("{} {} {}\n", user.home, user.name, user.name),
        }
    }

    /// Real, effective, saved and file system ids, groups, capabilities.
    fn assert_is(&self, status: impl Fn(&str) -> String) {
        assert_eq!(status("Uid"), four(self.uid));
        assert_eq!(status("Gid"), four(self.gid));
        let mut groups: Vec<u32> = numbers(&status("Groups"));
        groups.sort_unstable();
        assert_eq!(groups, numbers(&self.groups));
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(set), "0".repeat(16), "{set}");
        }
    }

    fn assert_command_is(&self, dir: &Workdir) {
        wait_for("the command", || dir.has("told"));
        let who = dir.read("who");
        self.assert_is(|key| status_line(&who, key));
        assert_eq!(dir.read("told"), self.account);
    }
}

/// The same number for real, effective, saved and file system id.
fn four(id: u32) -> String {
    [id; 4].map(|id| id.to_string()).join(" ")
}

fn numbers(line: &str) -> Vec<u32> {
    let numbers = line.split_whitespace();
    numbers.map(|n| n.parse().expect("a number")).collect()
}

/// In all three modes, heartbeat itself and the command that it runs.
fn assert_becomes(
    expected: &Expected,
    configure: impl Fn(Config) -> Config,
    own: impl Fn(&Workdir),
    start: impl for<'a> Fn(&'a Workdir) -> Heartbeat<'a>,
) {
    for mode in MODES {
        let peer = Peer::silent();
        let dir = Workdir::with(&configure(promoting(&peer, WHO)));
        own(&dir);
        if mode.contains(&"--once") {
            start(&dir).args(mode).run().expect(0);
            expected.assert_command_is(&dir);
            continue;
        }
        // In the foreground it is left to the daemon's test to end it: that the pidfile names it is enough.
        let started = start(&dir).args(mode).start();
        expected.assert_command_is(&dir);
        let process = Process(dir.pid().expect("a pidfile"));
        expected.assert_is(|key| process.status(key));
        kill(process.0, Signal::SIGTERM).expect("stop it");
        wait_for("its end", || !process.is_alive());
        started.wait().expect(0);
        assert!(!dir.has("heartbeat.pid"), "the pidfile was left");
    }
}

fn a_user_with_groups() {
    let accounts = Accounts::new();
    assert_becomes(
        &Expected::new(&ALICE, ALICE.gid),
        |config| config.general("user", "alice"),
        |dir| ALICE.own(dir),
        |dir| accounts.heartbeat(dir),
    );
}

fn a_user_without_groups() {
    let accounts = Accounts::new();
    assert_becomes(
        &Expected::new(&BOB, BOB.gid),
        |config| config.general("user", "bob"),
        |dir| BOB.own(dir),
        |dir| accounts.heartbeat(dir),
    );
}

fn a_user_in_another_group() {
    let accounts = Accounts::new();
    let (name, gid) = OTHERS;
    assert_becomes(
        &Expected::new(&ALICE, gid),
        |config| config.general("user", "alice").general("group", name),
        |dir| ALICE.own(dir),
        |dir| accounts.heartbeat(dir),
    );
}

/// Root stays root, and keeps what only root has; the groups are root's own in that group.
fn a_group_alone() {
    let accounts = Accounts::new();
    let (name, gid) = OTHERS;
    let peer = Peer::silent();
    let dir = Workdir::with(&promoting(&peer, WHO).general("group", name));
    accounts.heartbeat(&dir).once().expect(0);
    let who = dir.read("who");
    assert_eq!(status_line(&who, "Uid"), "0 0 0 0");
    assert_eq!(status_line(&who, "Gid"), four(gid));
    assert_eq!(status_line(&who, "Groups"), gid.to_string());
}

/// A real account of this machine.
fn nobody() {
    let user = nix::unistd::User::from_name("nobody")
        .expect("ask for nobody")
        .expect("nobody");
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    let expected = Expected {
        uid,
        gid,
        groups: gid.to_string(),
        account: format!("{} nobody nobody\n", user.dir.display()),
    };
    assert_becomes(
        &expected,
        |config| config.general("user", "nobody"),
        |dir| std::os::unix::fs::chown(dir.path(), Some(uid), Some(gid)).expect("give it away"),
        Workdir::heartbeat,
    );
}

/// Without `user` and `group` nothing changes, whatever groups and variables root has.
fn nobody_in_particular() {
    let accounts = Accounts::new();
    for none in ["", "user = None\ngroup = none\n"] {
        let peer = Peer::silent();
        let dir = Workdir::with(&promoting(&peer, WHO));
        let text = dir.read("heartbeat.conf");
        let text = text.replacen("[general]\n", &format!("[general]\n{none}"), 1);
        dir.write("heartbeat.conf", text);
        let heartbeat = accounts
            .heartbeat(&dir)
            .env("HOME", "/a/home")
            .env("USER", "me");
        heartbeat.env("LOGNAME", "myself").once().expect(0);
        let who = dir.read("who");
        assert_eq!(status_line(&who, "Uid"), "0 0 0 0");
        assert_eq!(status_line(&who, "Groups"), "0 4 27");
        assert_eq!(dir.read("told"), "/a/home me myself\n");
    }
}

fn there_is_no_way_back() {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    let back = "setpriv --reuid 0 true && echo root >> words\n\
                setpriv --regid 0 --clear-groups true && echo group >> words\n\
                echo tried >> words";
    let dir = Workdir::with(&promoting(&peer, back).general("user", "alice"));
    ALICE.own(&dir);
    accounts.heartbeat(&dir).once().expect(0);
    assert_eq!(dir.words(), ["tried"]);
}

/// A parent can have heartbeat keep capabilities when it changes the user: it must give them up all the same, or refuse
/// to run.
fn assert_no_capability_stays(careless: &str) {
    let accounts = Accounts::new();
    let peer = Peer::silent();
    let dir = Workdir::with(&promoting(&peer, WHO).general("user", "alice"));
    ALICE.own(&dir);
    let run = accounts
        .started_by(&dir, &format!("exec setpriv {careless} \"$@\""))
        .once();
    if run.code() == Some(3) {
        assert!(run.stderr.starts_with("heartbeat: user alice"), "{run:#?}");
        assert!(!dir.has("who"), "a command was run");
    } else {
        run.expect(0);
        Expected::new(&ALICE, ALICE.gid).assert_command_is(&dir);
    }
}

/// As container runtimes have handed them out.
fn inheritable_capabilities() {
    assert_no_capability_stays("--inh-caps +net_raw,+sys_admin");
    assert_no_capability_stays("--inh-caps +net_raw,+sys_admin --ambient-caps +net_raw,+sys_admin");
}

fn capabilities_kept_by_securebits() {
    assert_no_capability_stays("--securebits +no_setuid_fixup");
}
