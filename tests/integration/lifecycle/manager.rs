//! systemd, played by a datagram socket; and its journal.

use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::config::Config;
use crate::support::heartbeat::Heartbeat;
use crate::support::peer::Peer;
use crate::support::script::RELOADED;
use crate::support::wait::wait_for;
use crate::support::workdir::Workdir;

tests![
    it_hears_of_the_first_round_of_a_reload_and_of_the_end,
    a_name_in_no_folder_will_do,
    it_is_not_ready_before_the_first_round,
    it_hears_who_is_down,
    it_hears_of_a_drain_at_once,
    a_refused_reload_ends_too,
    the_loop_is_heard_while_a_check_hangs,
    commands_do_not_know_of_it,
    one_that_does_not_read_holds_nobody_up,
    one_shots_say_nothing,
    the_journal_gets_levels_and_no_time,
    what_stops_a_start_is_an_error_in_the_journal,
    another_streams_name_is_not_believed,
];

/// The manager's end of the socket, and how its name is written.
struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    fn in_folder(dir: &Workdir) -> Self {
        let path = dir.file("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self::listening(socket, path.display().to_string())
    }

    fn abstract_one(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        Self::listening(socket, format!("@{name}"))
    }

    fn listening(socket: UnixDatagram, name: String) -> Self {
        let limit = Some(Duration::from_secs(20));
        socket.set_read_timeout(limit).expect("a limit");
        Self { socket, name }
    }

    fn hear(&self) -> String {
        let mut bytes = [0; 4096];
        let length = loop {
            match self.socket.recv(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result.expect("a word from heartbeat"),
            }
        };
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// The next word that is none of these.
    fn hear_but(&self, passed_over: &[&str]) -> String {
        loop {
            let word = self.hear();
            if !passed_over.iter().any(|start| word.starts_with(start)) {
                return word;
            }
        }
    }
}

fn quick(peer: &Peer) -> Config {
    let config = Config::new().general("interval", "0.2").action("node");
    config.check("web", "tcp", peer.addr(), "node")
}

const NOT_STATUS: [&str; 1] = ["STATUS="];

fn tells_its_life(dir: &Workdir, manager: &Manager) {
    let heartbeat = dir.heartbeat().env("NOTIFY_SOCKET", &manager.name).start();
    assert_eq!(manager.hear_but(&NOT_STATUS), "READY=1");
    heartbeat.signal(Signal::SIGHUP);
    let word = manager.hear_but(&NOT_STATUS);
    let time = word.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    let time = time.and_then(|time| time.parse::<u64>().ok());
    assert!(time.is_some_and(|time| time > 0), "{word}");
    assert_eq!(manager.hear_but(&NOT_STATUS), "READY=1");
    dir.wait_for_log(RELOADED);
    heartbeat.signal(Signal::SIGTERM);
    assert_eq!(manager.hear_but(&NOT_STATUS), "STOPPING=1");
    heartbeat.wait().expect(0);
}

fn it_hears_of_the_first_round_of_a_reload_and_of_the_end() {
    let peer = Peer::silent();
    let dir = Workdir::with(&quick(&peer));
    tells_its_life(&dir, &Manager::in_folder(&dir));
}

fn a_name_in_no_folder_will_do() {
    let peer = Peer::silent();
    let dir = Workdir::with(&quick(&peer));
    let name = format!("heartbeat-test-{}", std::process::id());
    tells_its_life(&dir, &Manager::abstract_one(&name));
}

fn it_is_not_ready_before_the_first_round() {
    let (peer, hanging) = (Peer::silent(), Peer::silent());
    let config = quick(&peer).check("slow", "http", hanging.addr(), "node");
    let dir = Workdir::with(&config.key("timeout", "1"));
    let manager = Manager::in_folder(&dir);
    let heartbeat = dir.heartbeat().env("NOTIFY_SOCKET", &manager.name).start();
    wait_for("the round", || !hanging.arrivals().is_empty());
    heartbeat.signal(Signal::SIGHUP);
    dir.wait_for_log(RELOADED);
    assert_eq!(manager.hear(), "STATUS=unknown");
    assert_eq!(manager.hear(), "STATUS=unhealthy, down: slow");
    assert_eq!(manager.hear(), "READY=1");
    assert!(dir.log().says("Name: slow, "));
    heartbeat.stop().expect(0);
}

fn it_hears_who_is_down() {
    let mut peer = Peer::silent();
    let dir = Workdir::with(&quick(&peer));
    let manager = Manager::in_folder(&dir);
    let heartbeat = dir.heartbeat().env("NOTIFY_SOCKET", &manager.name).start();
    assert_eq!(manager.hear(), "STATUS=healthy");
    assert_eq!(manager.hear(), "READY=1");
    peer.go_down();
    assert_eq!(manager.hear(), "STATUS=unhealthy, down: web");
    peer.go_up();
    assert_eq!(manager.hear(), "STATUS=healthy");
    heartbeat.stop().expect(0);
}

/// It does not have to wait for the end of a round.
fn it_hears_of_a_drain_at_once() {
    let peer = Peer::silent();
    let dir = Workdir::with(&quick(&peer).general("interval", "1h"));
    let manager = Manager::in_folder(&dir);
    let heartbeat = dir.heartbeat().env("NOTIFY_SOCKET", &manager.name).start();
    assert_eq!(manager.hear_but(&NOT_STATUS), "READY=1");
    dir.ask(&["drain", "kernel", "update"]).expect(0);
    assert_eq!(manager.hear(), "STATUS=drained: kernel update; healthy");
    heartbeat.stop().expect(0);
}

fn a_refused_reload_ends_too() {
    let peer = Peer::silent();
    let dir = Workdir::with(&quick(&peer));
    let manager = Manager::in_folder(&dir);
    let heartbeat = dir.heartbeat().env("NOTIFY_SOCKET", &manager.name).start();
    assert_eq!(manager.hear_but(&NOT_STATUS), "READY=1");
    dir.write("heartbeat.conf", "nonsense");
    heartbeat.signal(Signal::SIGHUP);
    assert!(manager.hear_but(&NOT_STATUS).starts_with("RELOADING=1"));
    assert_eq!(manager.hear_but(&NOT_STATUS), "READY=1");
    heartbeat.stop().expect(0);
}

fn the_loop_is_heard_while_a_check_hangs() {
    let hanging = Peer::silent();
    let config = Config::new().action("node");
    let config = config.check("slow", "http", hanging.addr(), "node");
    let dir = Workdir::with(&config.key("timeout", "30"));
    let manager = Manager::in_folder(&dir);
    let heartbeat = dir
        .heartbeat()
        .env("NOTIFY_SOCKET", &manager.name)
        .env("WATCHDOG_USEC", "400000")
        .start();
    for _ in 0..5 {
        assert_eq!(manager.hear(), "WATCHDOG=1");
    }
    heartbeat.stop().expect(0);
}

fn commands_do_not_know_of_it() {
    let peer = Peer::silent();
    let config = Config::new().commands("node", "env > environment; echo + >> words", "true");
    let dir = Workdir::with(&config.check("web", "tcp", peer.addr(), "node"));
    let manager = Manager::in_folder(&dir);
    let heartbeat = dir
        .heartbeat()
        .env("NOTIFY_SOCKET", &manager.name)
        .env("WATCHDOG_USEC", "60000000")
        .start();
    dir.wait_for_words(&["+"]);
    let environment = dir.read("environment");
    assert!(environment.contains("HEARTBEAT_STATE=healthy"));
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC"] {
        assert!(!environment.contains(name), "{environment}");
    }
    heartbeat.stop().expect(0);
}

fn one_that_does_not_read_holds_nobody_up() {
    let peer = Peer::silent();
    let dir = Workdir::with(&quick(&peer));
    let manager = Manager::in_folder(&dir);
    // Linux queues no more than some hundred datagrams for whoever does not read.
    let full = UnixDatagram::unbound().expect("a socket");
    full.set_nonblocking(true).expect("not to wait");
    while full.send_to(b"x", dir.file("notify")).is_ok() {}
    let heartbeat = dir.heartbeat().env("NOTIFY_SOCKET", &manager.name).start();
    dir.wait_for_rounds(3);
    // What counts is not lost.
    assert_eq!(manager.hear_but(&["x", "WATCHDOG"]), "READY=1");
    assert_eq!(manager.hear(), "STATUS=healthy");
    heartbeat.stop().expect(0);
}

fn one_shots_say_nothing() {
    let peer = Peer::silent();
    let dir = Workdir::with(&quick(&peer));
    let manager = Manager::in_folder(&dir);
    let once = dir.heartbeat().env("NOTIFY_SOCKET", &manager.name).once();
    once.expect(0);
    manager.socket.set_nonblocking(true).expect("not to wait");
    assert!(manager.socket.recv(&mut [0; 64]).is_err());
}

/// What a one-shot leaves in a file on stderr that the environment calls the journal, truly or not.
fn journal_lines(is_true: bool) -> String {
    let peer = Peer::down();
    let dir = Workdir::with(&quick(&peer).general("logfile", "stderr"));
    with_journal(&dir, is_true).once().expect(1);
    dir.read("journal")
}

fn with_journal(dir: &Workdir, is_true: bool) -> Heartbeat<'_> {
    let named = if is_true { "%d:%i" } else { "1%d:%i" };
    let script = format!("exec 2> journal; JOURNAL_STREAM=$(stat -c {named} journal) exec \"$@\"");
    dir.through(&script)
}

fn the_journal_gets_levels_and_no_time() {
    let lines = journal_lines(true);
    for start in [
        "<6>Heartbeat started (",
        "<7>Round 1 started.",
        "<3>[Service Check] Name: web, ",
        "<4>One or more critical services detected down.",
    ] {
        assert!(
            lines.lines().any(|line| line.starts_with(start)),
            "{start} in {lines}"
        );
    }
    assert!(lines.lines().all(|line| line.starts_with('<')), "{lines}");
}

fn what_stops_a_start_is_an_error_in_the_journal() {
    let dir = Workdir::new();
    dir.write(
        "heartbeat.conf",
        "[general]\nthreads = many\ninterval = soon\n",
    );
    with_journal(&dir, true).once().expect(2);
    let lines = dir.read("journal");
    let begins = "<3>heartbeat.conf:";
    assert!(lines.lines().count() > 1, "{lines}");
    assert!(
        lines.lines().all(|line| line.starts_with(begins)),
        "{lines}"
    );
    let peer = Peer::down();
    dir.configure(&quick(&peer).general("pidfile", "/no/such/folder/pid"));
    with_journal(&dir, true).once().expect(3);
    let lines = dir.read("journal");
    assert!(lines.starts_with("<3>heartbeat: pidfile "), "{lines}");
}

fn another_streams_name_is_not_believed() {
    let lines = journal_lines(false);
    assert!(lines.contains(" INFO     Heartbeat started ("), "{lines}");
    let mut quiet = lines.lines();
    wait_for("no line with a level", || {
        quiet.all(|line| !line.starts_with('<'))
    });
}
