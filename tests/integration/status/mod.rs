//! `heartbeat status`: what the state file says of the node, for people, programs and Prometheus.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::config::Config;
use crate::support::player::Player;
use crate::support::wait::wait_for_some;
use crate::support::workdir::Workdir;

mod fields;
mod hostile;
mod orders;
mod outcome;
mod prometheus;
mod stale;
mod text;

pub fn tests() -> Vec<Trial> {
    [
        fields::tests(),
        hostile::tests(),
        orders::tests(),
        outcome::tests(),
        prometheus::tests(),
        stale::tests(),
        text::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The action `node`, and a patient check of the player on which it depends.
fn node(player: &Player) -> Config {
    watched(quick().action("node"), player)
}

fn quick() -> Config {
    Config::new().general("interval", "0.5")
}

fn watched(config: Config, player: &Player) -> Config {
    let config = config.check("web", "http", player.addr(), "node");
    config.key("timeout", 30)
}

impl Workdir {
    /// What `status` says as JSON, and its exit status.
    fn status(&self) -> (Value, i32) {
        let asked = self.ask(&["status", "--format", "json"]);
        let code = asked.code().expect("an exit status");
        let value = serde_json::from_str(&asked.stdout);
        (
            value.unwrap_or_else(|error| panic!("{error}: {asked:#?}")),
            code,
        )
    }

    /// Waits until what `status` says is as expected, and gives it.
    fn wait_for_status(&self, what: &str, is_it: impl Fn(&Value, i32) -> bool) -> Value {
        wait_for_some(what, || {
            let (status, code) = self.status();
            is_it(&status, code).then_some(status)
        })
    }

    /// What `status` says to people, if it ends with this exit status.
    fn status_text(&self, code: i32) -> String {
        let asked = self.ask(&["status"]).expect(code);
        assert_eq!(asked.stderr, "");
        asked.stdout
    }
}
