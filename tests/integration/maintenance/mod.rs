//! `drain`, `hold` and `resume`: what the operator says over the verdicts' heads.

use libtest_mimic::Trial;

use crate::support::config::Config;
use crate::support::peer::Peer;
use crate::support::player::Player;
use crate::support::workdir::Workdir;

mod arguments;
mod damaged;
mod drain;
mod hold;
mod lasting;
mod once;
mod waited;

pub fn tests() -> Vec<Trial> {
    [
        arguments::tests(),
        damaged::tests(),
        drain::tests(),
        hold::tests(),
        lasting::tests(),
        once::tests(),
        waited::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One check of `peer`, and the action `node` that depends on it.
fn node(peer: &Peer) -> Config {
    let config = Config::new().general("interval", "0.1").action("node");
    config.check("web", "tcp", peer.addr(), "node")
}

/// The same with a check of the player.
fn played(player: &Player) -> Config {
    let config = Config::new().general("interval", "0.1").action("node");
    let config = config.check("web", "http", player.addr(), "node");
    config.key("timeout", 30)
}

const FILE: &str = "heartbeat.state.maintenance";

impl Workdir {
    fn drain(&self) {
        self.ask(&["drain", "kernel update"]).expect(0);
    }

    fn hold(&self) {
        self.ask(&["hold", "hands off"]).expect(0);
    }

    fn resume(&self) {
        self.ask(&["resume"]).expect(0);
    }
}
