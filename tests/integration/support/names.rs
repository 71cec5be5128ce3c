//! Host names of the test's choice, by files mounted over /etc/hosts and its kin for one heartbeat alone.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

/// What heartbeat finds when it looks up a name. Needs root.
pub struct Names {
    files: TempDir,
    hosts: String,
    resolv: String,
}

impl Names {
    /// Only localhost is known, and no name server.
    pub fn new() -> Self {
        Self {
            files: TempDir::new().expect("a temporary directory"),
            hosts: "127.0.0.1 localhost\n".to_owned(),
            resolv: String::new(),
        }
    }

    /// A name with all its addresses.
    pub fn host(mut self, name: &str, addrs: &[IpAddr]) -> Self {
        for addr in addrs {
            writeln!(self.hosts, "{addr} {name}").unwrap();
        }
        self
    }

    /// Other names are asked of this server, once and with a patience that outlasts every test.
    pub fn server(mut self, server: &SilentNameServer) -> Self {
        let ip = server.ip;
        self.resolv = format!("nameserver {ip}\noptions timeout:30 attempts:1\n");
        self
    }

    /// `unshare` with the files mounted, to which the program and its arguments are yet to be added.
    pub fn launcher(&self) -> Command {
        let hosts = if self.resolv.is_empty() {
            "files"
        } else {
            "files dns"
        };
        let files = [
            ("hosts", self.hosts.clone()),
            ("resolv.conf", self.resolv.clone()),
            (
                "nsswitch.conf",
                format!("passwd: files\ngroup: files\nhosts: {hosts}\n"),
            ),
        ];
        let mut script = String::new();
        for (name, text) in files {
            std::fs::write(self.files.path().join(name), text).expect("write a file of names");
            write!(script, "mount --bind \"$1/{name}\" /etc/{name} && ").unwrap();
        }
        script.push_str("shift && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]);
        command.arg(self.files.path());
        command
    }
}

/// A name server that receives questions and never answers. Needs root, for port 53.
pub struct SilentNameServer {
    ip: IpAddr,
    questions: Arc<AtomicUsize>,
}

impl SilentNameServer {
    /// On a free address of loopback.
    pub fn new() -> Self {
        let (socket, ip) = (1..=254)
            .find_map(|last| {
                let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 53, last));
                let socket = UdpSocket::bind(SocketAddr::new(ip, 53)).ok()?;
                Some((socket, ip))
            })
            .expect("an address of loopback with a free port 53");
        let questions = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&questions);
        // Lives until the test runner ends: nothing wakes it before.
        thread::spawn(move || {
            while socket.recv(&mut [0; 512]).is_ok() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { ip, questions }
    }

    /// How many questions it has received.
    pub fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}
