//! What systemd is told of the service: `sd_notify(3)`.
//!
//! Written out here, as the libraries for it wait until the manager reads: one that hangs must not hold up the loop.

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::clock::Moment;

/// The service manager, if one is listening.
#[derive(Debug, Default)]
pub struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// It wants to hear of the loop this often.
    watchdog: Option<Duration>,
    fed: Option<Moment>,
    is_ready: bool,
    status: String,
    /// What did not fit into the manager's queue, and is said again.
    owed: Owed,
}

/// The last one said of each kind is the one that counts.
#[derive(Debug, Default)]
struct Owed {
    ready: bool,
    status: bool,
}

impl Manager {
    /// The one that the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        let name = env::var_os("NOTIFY_SOCKET");
        let socket = name.and_then(|name| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, address(&name)?))
        });
        let watchdog = socket.as_ref().and_then(|_| watchdog());
        Self {
            socket,
            watchdog,
            ..Self::default()
        }
    }

    /// Gives whether it has been taken. Nobody waits for whoever does not listen.
    fn tell(&self, text: &str) -> bool {
        let sent = |(socket, address): &(UnixDatagram, SocketAddr)| {
            socket.send_to_addr(text.as_bytes(), address).is_ok()
        };
        self.socket.as_ref().is_none_or(sent)
    }

    /// The work goes on as configured.
    fn ready(&mut self) {
        self.is_ready = true;
        self.owed.ready = !self.tell("READY=1");
    }

    /// The first round is over.
    pub fn ready_once(&mut self) {
        if !self.is_ready {
            self.ready();
        }
    }

    /// A reload is over, well or not. Before the end of the first round there is nothing to be ready with.
    pub fn reloaded(&mut self) {
        if self.is_ready {
            self.ready();
        }
    }

    /// The configuration is being read again; [`Manager::reloaded`] ends it.
    pub fn reloading(&self) {
        if !self.is_ready {
            return;
        }
        // systemd compares it with the time at which it has sent the signal.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// How things are, in a line. What has been said is not repeated.
    pub fn status(&mut self, text: String) {
        if self.socket.is_some() && text != self.status {
            self.status = text;
            self.tell_status();
        }
    }

    fn tell_status(&mut self) {
        // What is waited for goes first: there may be room for one again since it was tried.
        self.owed.status = self.owed.ready || !self.tell(&format!("STATUS={}", self.status));
    }

    /// Whether somebody is listening.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// The loop has come round. Said often enough for the manager to believe it.
    pub fn feed(&mut self, now: Moment) {
        if self.owed.ready {
            self.ready();
        }
        if self.owed.status {
            self.tell_status();
        }
        let Some(watchdog) = self.watchdog else {
            return;
        };
        if self.fed.is_none_or(|fed| now.since(fed) >= watchdog / 4) {
            self.tell("WATCHDOG=1");
            self.fed = Some(now);
        }
    }

    /// The loop must come round this often.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.watchdog.map(|watchdog| watchdog / 4)
    }
}

/// A path, or `@` and a name in no folder (`unix(7)`, abstract).
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(name).ok(),
        _ => None,
    }
}

/// `sd_watchdog_enabled(3)`: how often, if it is this process that is watched.
fn watchdog() -> Option<Duration> {
    let number = |name: &str| {
        env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let time = number("WATCHDOG_USEC").filter(|time| *time > 0 && is_ours);
    time.map(Duration::from_micros)
}
