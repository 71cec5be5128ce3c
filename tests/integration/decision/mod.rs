//! From results to commands: what is wanted, what has been applied, and what is kept of it.

use libtest_mimic::Trial;

use crate::support::config::Config;
use crate::support::peer::Peer;

mod crash;
mod dry_run;
mod once;
mod order;
mod retry;
mod state;
mod verdict;

pub fn tests() -> Vec<Trial> {
    [
        crash::tests(),
        dry_run::tests(),
        once::tests(),
        order::tests(),
        retry::tests(),
        state::tests(),
        verdict::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Rounds in quick succession.
fn quick() -> Config {
    Config::new().general("interval", "0.1")
}

/// One check of `peer`, and the action `node` that depends on it.
fn node(peer: &Peer) -> Config {
    quick()
        .action("node")
        .check("web", "tcp", peer.addr(), "node")
}

/// The same with commands of the test's choice.
fn node_with(peer: &Peer, promotion: &str, demotion: &str) -> Config {
    quick()
        .commands("node", promotion, demotion)
        .check("web", "tcp", peer.addr(), "node")
}
