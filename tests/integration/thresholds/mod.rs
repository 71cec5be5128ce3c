//! How many results in a row it takes to be up or down.

use libtest_mimic::Trial;

use crate::support::config::Config;
use crate::support::player::Player;

mod counts;
mod once;
mod pace;
mod settings;

pub fn tests() -> Vec<Trial> {
    [
        counts::tests(),
        once::tests(),
        pace::tests(),
        settings::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Rounds as quick as the answers are played: `web` rises and falls as said, and `node` depends on it.
fn node(player: &Player, rise: u32, fall: u32) -> Config {
    let config = Config::new().general("interval", "0.2").action("node");
    web(config, player, rise, fall)
}

/// A check of the player that is patient.
fn web(config: Config, player: &Player, rise: u32, fall: u32) -> Config {
    config
        .check("web", "http", player.addr(), "node")
        .key("timeout", 30)
        .key("rise", rise)
        .key("fall", fall)
}
