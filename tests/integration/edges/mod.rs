//! `on_exit`, `reassert` and `demotion_guard`.

use libtest_mimic::Trial;

use crate::support::config::Config;
use crate::support::player::Player;

mod exit;
mod guard;
mod guard_scopes;
mod guard_turns;
mod reassert;

pub fn tests() -> Vec<Trial> {
    [
        exit::tests(),
        guard::tests(),
        guard_scopes::tests(),
        guard_turns::tests(),
        reassert::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Rounds in quick succession.
fn quick() -> Config {
    Config::new().general("interval", "0.1")
}

/// The action `node`, and a patient check of the player on which it depends.
fn node(config: Config, player: &Player) -> Config {
    let config = config.action("node");
    let config = config.check("web", "http", player.addr(), "node");
    config.key("timeout", 30)
}
