//! The log: its lines and levels, what may stand in it, and that it outlives full disks and vanished folders.

use libtest_mimic::Trial;

use crate::support::config::Config;
use crate::support::peer::Peer;

mod forged;
mod full;
mod levels;
mod lost;
mod places;
mod rotation;

pub fn tests() -> Vec<Trial> {
    [
        forged::tests(),
        full::tests(),
        levels::tests(),
        lost::tests(),
        places::tests(),
        rotation::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One check of `peer`, the action `node`, and rounds in quick succession.
fn node(peer: &Peer) -> Config {
    Config::new()
        .general("interval", "0.1")
        .action("node")
        .check("web", "tcp", peer.addr(), "node")
}
