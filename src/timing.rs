//! How fast a configuration is, at worst: from a death to the demotion, and from a recovery to the promotion.

use std::time::Duration;

use crate::check::Check;
use crate::config::{Config, Scope};
use crate::schedule::slowest;
use crate::settings::{plain, seconds};

/// A line for each check: how long it takes at most until the command that follows its death or recovery is begun, if a
/// thread is free for it and no other command is running.
#[must_use]
pub fn lines(config: &Config) -> String {
    let line = |check: &Check| {
        let name = plain(&check.name);
        let (fall, rise) = (check.thresholds.fall, check.thresholds.rise);
        let demoted = seconds(to_demotion(config, check));
        let promoted = seconds(to_promotion(config, check));
        format!(
            "  {name}: at most {demoted} from death to demotion (fall {fall}), {promoted} from recovery to promotion (rise {rise})"
        )
    };
    let lines: Vec<_> = config.checks.iter().map(line).collect();
    lines.join("\n")
}

/// It dies just after it has passed; each failure takes its whole timeout.
fn to_demotion(config: &Config, check: &Check) -> Duration {
    let pace = config.general.pace;
    slowest(pace, check.timeout, check.thresholds.fall, false)
}

/// It recovers just after a result has begun that still fails; each pass takes its whole timeout, and so does the last
/// answer that the round waits for.
fn to_promotion(config: &Config, check: &Check) -> Duration {
    let pace = config.general.pace;
    let passed = slowest(pace, check.timeout, check.thresholds.rise, true);
    passed.saturating_sub(check.timeout) + longest_timeout_beside(config, check)
}

fn longest_timeout_beside(config: &Config, check: &Check) -> Duration {
    let is_beside = |other: &&Check| match config.general.scope {
        Scope::System => true,
        Scope::Action => other
            .actions
            .iter()
            .any(|name| check.actions.contains(name)),
    };
    let timeouts = config
        .checks
        .iter()
        .filter(is_beside)
        .map(|other| other.timeout);
    timeouts.max().unwrap_or(check.timeout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn lines_of(general: &str, checks: &str) -> String {
        let actions = "[promotions]\nx = on\ny = on\n[demotions]\nx = off\ny = off\n";
        let text = format!("[general]\n{general}\n{actions}{checks}");
        lines(&Config::parse(Path::new("c"), &text).expect("a good one"))
    }

    #[test]
    fn by_default_it_takes_a_turn_and_the_timeout() {
        assert_eq!(
            lines_of("", "[web]\nport = 1\naction = x\n"),
            "  web: at most 65s from death to demotion (fall 1), 65s from recovery to promotion (rise 1)"
        );
    }

    #[test]
    fn a_promotion_waits_for_the_slowest_check_of_its_scope() {
        let checks = "[a]\nport = 1\naction = x\ntimeout = 1\nrise = 2\nfall = 3\n\
                      [b]\nport = 1\naction = y\ntimeout = 4\n";
        let system = lines_of("interval = 10\nfast_interval = 2", checks);
        let of_a = "  a: at most 15s from death to demotion (fall 3), 16s from recovery to promotion (rise 2)";
        assert_eq!(system.lines().next(), Some(of_a));
        let action = lines_of("interval = 10\nfast_interval = 2\nscope = action", checks);
        assert_eq!(
            action.lines().next(),
            Some(of_a.replace("16s", "13s").as_str())
        );
    }
}
