//! A full disk: a small one, mounted where heartbeat alone sees it, with a filler that the test takes away again.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use crate::support::config::Config;
use crate::support::heartbeat::Running;
use crate::support::log::Log;
use crate::support::peer::Peer;
use crate::support::script::begun_rounds;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

tests![
    #[root]
    while_it_runs,
    #[root]
    it_ends_on_a_full_disk,
    #[root]
    it_starts_on_a_full_disk,
    #[root]
    one_shots_on_a_full_disk,
];

/// Everything that heartbeat writes is in `full`; the words are not.
fn on_small_disk(peer: &Peer) -> Workdir {
    let dir = Workdir::with(
        &Config::new()
            .general("interval", "0.05")
            .general("logfile", "full/heartbeat.log")
            .general("pidfile", "full/heartbeat.pid")
            .general("statefile", "full/heartbeat.state")
            .action("node")
            .check("web", "tcp", peer.addr(), "node"),
    );
    fs::create_dir(dir.file("full")).expect("a folder");
    dir
}

/// Mounts the disk, does something, runs heartbeat, and writes down what is left on the disk after its end.
fn script(first: &str) -> String {
    format!(
        "mount -t tmpfs -o size=64k,mode=755 none full && {first}\n\
         \"$@\"; status=$?\nls full > left\nexit $status"
    )
}

/// Leaves no room on the disk.
const FILL: &str = "cat /dev/zero > full/filler 2> /dev/null;";

/// A heartbeat whose disk it is; what runs is the shell around it.
struct OnDisk<'a> {
    dir: &'a Workdir,
    running: Running<'a>,
}

impl<'a> OnDisk<'a> {
    fn start(dir: &'a Workdir) -> Self {
        let running = dir.through_mounts(&script("true;")).start();
        Self { dir, running }
    }

    /// A file on the disk, by the way that leads into the mount namespace.
    fn file(&self, name: &str) -> PathBuf {
        let disk = self.dir.file("full");
        let inside = format!("/proc/{}/root{}", self.running.pid(), disk.display());
        PathBuf::from(inside).join(name)
    }

    fn log(&self) -> Log {
        let bytes = fs::read(self.file("heartbeat.log")).unwrap_or_default();
        Log::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        let mut options = fs::OpenOptions::new();
        let options = options.append(true).create(true);
        let mut filler = options.open(self.file("filler")).expect("a filler");
        while filler.write(&[0; 512]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.file("filler")).expect("make room");
    }

    /// Tells heartbeat to stop, and gives the files that are left on the disk.
    fn stop(self) -> Vec<String> {
        let text = fs::read_to_string(self.file("heartbeat.pid")).expect("a pidfile");
        let pid = text.trim().parse().expect("a process number");
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("stop heartbeat");
        self.running.wait().expect(0);
        self.dir.read("left").lines().map(str::to_owned).collect()
    }
}

/// Checks and actions go on; when there is room again, the log goes on with whole lines, and says what it has lost.
fn while_it_runs() {
    let mut peer = Peer::silent();
    let dir = on_small_disk(&peer);
    let heartbeat = OnDisk::start(&dir);
    dir.wait_for_words(&["+node"]);
    heartbeat.fill();
    peer.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    peer.go_up();
    dir.wait_for_words(&["+node", "-node", "+node"]);
    let arrivals = peer.arrivals().len();
    wait_for("rounds", || peer.arrivals().len() > arrivals + 50);
    let before = begun_rounds(&heartbeat.log()).len();
    heartbeat.make_room();
    wait_for("the log to go on", || {
        begun_rounds(&heartbeat.log()).len() > before + 3
    });
    let log = heartbeat.log();
    assert!(log.says("could not be written"), "{:#?}", log.lines);
    let rounds = begun_rounds(&log);
    let lost = rounds[before] - rounds[before - 1];
    assert!(lost > 30 && rounds.is_sorted(), "{rounds:?}");
    assert_eq!(heartbeat.stop(), ["heartbeat.log", "heartbeat.state"]);
}

fn it_ends_on_a_full_disk() {
    let mut peer = Peer::silent();
    let dir = on_small_disk(&peer);
    let heartbeat = OnDisk::start(&dir);
    dir.wait_for_words(&["+node"]);
    heartbeat.fill();
    peer.go_down();
    dir.wait_for_words(&["+node", "-node"]);
    let left = heartbeat.stop();
    assert!(left.contains(&"filler".to_owned()), "{left:?}");
    assert!(!left.contains(&"heartbeat.pid".to_owned()), "{left:?}");
}

/// A dead service is not to stay in rotation for want of a few bytes: what cannot be kept is told by the status.
fn it_starts_on_a_full_disk() {
    let mut peer = Peer::silent();
    let dir = on_small_disk(&peer);
    dir.through_mounts(&script(FILL)).once().expect(3);
    assert_eq!(dir.words(), ["+node"]);
    peer.go_down();
    dir.through_mounts(&script(FILL)).once().expect(3);
    assert_eq!(dir.words(), ["+node", "-node"]);
}

/// A disk that fills up while the command runs: what the command has done cannot be kept, and is told as that.
fn one_shots_on_a_full_disk() {
    let peer = Peer::silent();
    let dir = on_small_disk(&peer);
    let text = dir.read("heartbeat.conf");
    let command = "echo +node >> words";
    let filling = format!("cat /dev/zero > full/filler; {command}");
    dir.write("heartbeat.conf", text.replace(command, &filling));
    let again = "\"$@\"; echo $? >> words; rm full/filler;";
    dir.through_mounts(&script(again)).once().expect(3);
    // Unknown it was when the command started, and unknown it is: it has been run again.
    assert_eq!(dir.words(), ["+node", "3", "+node"]);
}
