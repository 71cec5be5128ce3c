//! SIGHUP: the configuration is read again, and comes into force between two rounds.

use libtest_mimic::Trial;

use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;

mod actions;
mod checks;
mod general;
mod refused;
mod times;
mod user;

pub fn tests() -> Vec<Trial> {
    [
        actions::tests(),
        checks::tests(),
        general::tests(),
        refused::tests(),
        times::tests(),
        user::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Rounds in quick succession, and an action `node`.
fn quick() -> Config {
    Config::new().general("interval", "0.1").action("node")
}

/// A check of `peer`, on which `node` depends.
fn node(peer: &Peer) -> Config {
    quick().check("web", "tcp", peer.addr(), "node")
}

/// A patient check of the player, on which `node` depends.
fn played(config: Config, name: &str, player: &Player) -> Config {
    config
        .check(name, "http", player.addr(), "node")
        .key("timeout", 30)
}
