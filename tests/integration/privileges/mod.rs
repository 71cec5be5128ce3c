//! `user` and `group`: heartbeat gives up being root, for good. Nearly all of it needs root.

use libtest_mimic::Trial;

use crate::support::config::Config;
use crate::support::peer::Peer;

mod assume;
mod files;
mod ordinary;
mod stuck;

pub fn tests() -> Vec<Trial> {
    [
        assume::tests(),
        files::tests(),
        ordinary::tests(),
        stuck::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The arguments of all modes of running.
const MODES: [&[&str]; 3] = [&[], &["--daemonize"], &["--once"]];

/// One check of `peer`, an action whose promotion is `command`, and one key of `[general]`.
fn promoting(peer: &Peer, command: &str) -> Config {
    Config::new()
        .commands("node", command, "true")
        .check("web", "tcp", peer.addr(), "node")
}
