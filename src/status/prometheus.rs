//! For Prometheus: the text exposition format, as the node exporter's textfile collector reads it.
//!
//! All are gauges: the state knows how things are, not how often they were. While `heartbeat_up` is 0, health is unknown
//! and all else is what was last known. Times are whole seconds since 1970, so that they are the same whenever they are
//! asked for.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Status, is_at_rest, place};
use crate::converge::Place;
use crate::health::{Health, Standing};
use crate::maintenance::Kind;
use crate::settings::plain;
use crate::state::{ActionState, CheckState, State};

/// One value, and what it is one of.
struct Sample {
    labels: String,
    value: String,
}

impl Sample {
    fn new(labels: &[(&str, &str)], value: impl Display) -> Self {
        let label = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
        let labels: Vec<String> = labels.iter().map(label).collect();
        Self {
            labels: match labels.len() {
                0 => String::new(),
                _ => format!("{{{}}}", labels.join(",")),
            },
            value: value.to_string(),
        }
    }
}

/// The metrics that have been written.
struct Exposition(String);

impl Exposition {
    /// A metric with all its samples; nothing where there is none. A file that was written by hand may name two things
    /// alike: the second one is left out, as the collector would refuse the whole.
    fn enter(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        let mut seen = BTreeSet::new();
        for Sample { labels, value } in samples {
            if seen.is_empty() {
                let head =
                    format!("# HELP heartbeat_{name} {help}\n# TYPE heartbeat_{name} gauge\n");
                self.0 += &head;
            }
            if seen.insert(labels.clone()) {
                let line = format!("heartbeat_{name}{labels} {value}\n");
                self.0 += &line;
            }
        }
    }

    fn one(&mut self, name: &str, help: &str, value: impl Display) {
        self.enter(name, help, [Sample::new(&[], value)]);
    }
}

/// The status as metrics.
pub(super) fn show(status: &Status) -> String {
    let mut exposition = Exposition(String::new());
    system(&mut exposition, status);
    if let Some(state) = &status.state {
        daemon(&mut exposition, status, state);
        maintenance(&mut exposition, status, state);
        checks(&mut exposition, status, &state.checks);
        actions(&mut exposition, &state.actions);
    }
    exposition.0
}

fn system(out: &mut Exposition, status: &Status) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.enter(
        "info",
        "The heartbeat that tells this.",
        [Sample::new(&version, 1)],
    );
    out.one(
        "up",
        "Whether the state is fresh and the heartbeat that keeps it is there.",
        u8::from(status.doubt.is_none()),
    );
    let all = [Health::Healthy, Health::Unhealthy, Health::Unknown];
    out.enter(
        "health",
        "The health of the system: 1 for what it is.",
        set(&[], "state", &all, &status.health()),
    );
}

fn daemon(out: &mut Exposition, status: &Status, state: &State) {
    out.one(
        "health_since_timestamp_seconds",
        "Since when the system has had the health that was last known.",
        unix(status.time(state.system.since)),
    );
    out.one(
        "state_written_timestamp_seconds",
        "When the state was written.",
        unix(status.time(state.written)),
    );
    out.one(
        "configuration_generation",
        "How often a configuration has come into force since the start.",
        state.generation,
    );
    out.one(
        "configuration_loaded_timestamp_seconds",
        "When the configuration came into force.",
        unix(status.time(state.loaded)),
    );
    out.one(
        "configuration_refused",
        "Whether a newer configuration was refused.",
        u8::from(state.refused.is_some()),
    );
}

fn maintenance(out: &mut Exposition, status: &Status, state: &State) {
    let in_force = status.maintenance();
    let kinds = [("drain", Kind::Drain), ("hold", Kind::Hold)];
    out.enter(
        "maintenance",
        "Whether this is ordered: drain, out of rotation; hold, no command.",
        kinds.map(|(name, kind)| {
            let is = in_force.is_some_and(|maintenance| maintenance.kind == kind);
            Sample::new(&[("kind", name)], u8::from(is))
        }),
    );
    let until = in_force.and_then(|maintenance| maintenance.until);
    out.enter(
        "maintenance_end_timestamp_seconds",
        "When the maintenance ends by itself; left out where it does not.",
        until.map(|until| Sample::new(&[], until)),
    );
    out.one(
        "maintenance_pending",
        "Whether the daemon has yet to take up what is ordered, or its end.",
        u8::from(status.is_pending),
    );
    out.one(
        "maintenance_damaged",
        "Whether the maintenance file cannot be understood.",
        u8::from(state.damage.is_some()),
    );
}

fn checks(out: &mut Exposition, status: &Status, checks: &[CheckState]) {
    let each = |value: &dyn Fn(&CheckState) -> Option<String>| -> Vec<Sample> {
        let sample =
            |check: &CheckState| Some(Sample::new(&[("check", &check.name)], value(check)?));
        checks.iter().filter_map(sample).collect()
    };
    let all = [Standing::Up, Standing::Down, Standing::Unknown];
    out.enter(
        "check_standing",
        "What the results of the check have made of it: 1 for what it is.",
        checks.iter().flat_map(|check| {
            let label = [("check", check.name.as_str())];
            set(&label, "standing", &all, &check.track.standing)
        }),
    );
    out.enter(
        "check_failures",
        "Failures of the check in a row.",
        each(&|check| Some(check.track.failures.to_string())),
    );
    out.enter(
        "check_passes",
        "Passes of the check in a row.",
        each(&|check| Some(check.track.passes.to_string())),
    );
    out.enter(
        "check_duration_seconds",
        "How long the check took last.",
        each(&|check| check.last.as_ref().map(|last| seconds(last.took))),
    );
    out.enter(
        "check_last_timestamp_seconds",
        "When the check answered last.",
        each(&|check| {
            let last = check.last.as_ref()?;
            Some(unix(status.time(last.at)).to_string())
        }),
    );
}

fn actions(out: &mut Exposition, actions: &[ActionState]) {
    let each = |value: fn(&ActionState) -> Option<u32>| -> Vec<Sample> {
        let sample =
            |action: &ActionState| Some(Sample::new(&[("action", &action.name)], value(action)?));
        actions.iter().filter_map(sample).collect()
    };
    out.enter(
        "action_applied",
        "Whether the action is where it is wanted; left out while nothing is wanted.",
        each(|action| is_at_rest(action).map(u32::from)),
    );
    let all = ["promoted", "demoted", "unknown"];
    out.enter(
        "action_place",
        "Where the action has been brought: 1 for where it is.",
        actions.iter().flat_map(|action| {
            let label = [("action", action.name.as_str())];
            set(&label, "place", &all, &name(place(action)))
        }),
    );
    out.enter(
        "action_tries",
        "How often the command has been begun since another place is wanted.",
        each(|action| Some(action.tries)),
    );
    out.enter(
        "action_held",
        "Whether the guard keeps the action from being demoted.",
        each(|action| Some(u32::from(action.is_held))),
    );
}

fn name(place: Option<Place>) -> &'static str {
    match place {
        Some(Place::Promoted) => "promoted",
        Some(Place::Demoted) => "demoted",
        None => "unknown",
    }
}

/// A sample for each of `all` that something may be: 1 for what it is.
fn set<T: Display + PartialEq>(
    labels: &[(&str, &str)],
    name: &str,
    all: &[T],
    is: &T,
) -> Vec<Sample> {
    let sample = |one: &T| {
        let text = one.to_string();
        let labels = [labels, &[(name, text.as_str())]].concat();
        Sample::new(&labels, u8::from(one == is))
    };
    all.iter().map(sample).collect()
}

/// The value of a label: the format escapes three characters, and others that would move a terminal are replaced.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            '"' => shown.push_str("\\\""),
            '\n' => shown.push_str("\\n"),
            c if plain(c.encode_utf8(&mut [0; 4])).starts_with(c) => shown.push(c),
            _ => shown.push(char::REPLACEMENT_CHARACTER),
        }
    }
    shown
}

/// In whole seconds since 1970.
fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{HOSTILE, NOW, healthy, hostile, second, status, unhealthy, wall};
    use super::*;
    use proptest::prelude::*;

    /// What is wrong with an exposition, by the words of the format.
    fn flaw(text: &str) -> Option<String> {
        let mut heads = BTreeSet::new();
        let mut series = BTreeSet::new();
        for line in text.split_terminator('\n') {
            if let Some(head) = line.strip_prefix("# ") {
                let two: Vec<&str> = head.splitn(3, ' ').take(2).collect();
                if !heads.insert(two.join(" ")) {
                    return Some(format!("twice: {head}"));
                }
                continue;
            }
            let (labels, value) = line.rsplit_once(' ')?;
            let name = labels.split('{').next()?;
            let is_headed = ["HELP", "TYPE"].map(|word| heads.contains(&format!("{word} {name}")));
            let is_new = series.insert(labels.to_owned());
            if is_headed != [true, true] || !is_new || value.parse::<f64>().is_err() {
                return Some(line.to_owned());
            }
        }
        let is_whole = text.ends_with('\n') && text.lines().all(|line| plain(line) == line);
        (!is_whole).then(|| text.to_owned())
    }

    #[test]
    fn a_bad_node() {
        let text = show(&status(unhealthy()));
        for line in [
            "heartbeat_up 1",
            "heartbeat_health{state=\"healthy\"} 0",
            "heartbeat_health{state=\"unhealthy\"} 1",
            "heartbeat_health_since_timestamp_seconds 1794988480",
            "heartbeat_state_written_timestamp_seconds 1794999998",
            "heartbeat_configuration_generation 3",
            "heartbeat_configuration_refused 1",
            "heartbeat_maintenance{kind=\"drain\"} 0",
            "heartbeat_maintenance{kind=\"hold\"} 1",
            "heartbeat_maintenance_end_timestamp_seconds 1795003000",
            "heartbeat_check_standing{check=\"web\",standing=\"down\"} 1",
            "heartbeat_check_standing{check=\"web\",standing=\"up\"} 0",
            "heartbeat_check_failures{check=\"database\"} 2",
            "heartbeat_check_duration_seconds{check=\"web\"} 0.012345",
            "heartbeat_action_applied{action=\"address\"} 0",
            "heartbeat_action_place{action=\"announcement\",place=\"unknown\"} 1",
            "heartbeat_action_tries{action=\"announcement\"} 7",
            "heartbeat_action_held{action=\"address\"} 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        assert_eq!(flaw(&text), None);
    }

    #[test]
    fn what_is_no_longer_known_says_so() {
        for state in [Some(healthy()), None] {
            let text = show(&Status::of(state, None, second(NOW), wall(), false));
            assert!(text.contains("heartbeat_up 0\n"));
            assert!(text.contains("heartbeat_health{state=\"unknown\"} 1\n"));
            assert_eq!(flaw(&text), None);
        }
    }

    #[test]
    fn an_action_of_which_nothing_is_wanted_is_left_out() {
        let mut state = healthy();
        state.actions[0].wanted = None;
        assert!(!show(&status(state)).contains("action_applied"));
    }

    #[test]
    fn labels_are_escaped() {
        for (text, expected) in [
            ("a\\b\"c\nd", "a\\\\b\\\"c\\nd"),
            ("grün {x=\"1\"} 5", "grün {x=\\\"1\\\"} 5"),
            ("\u{1b}[0m\r", "\u{fffd}[0m\u{fffd}"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    proptest! {
        /// Whatever is in the file, and though all checks have the same name.
        #[test]
        fn every_exposition_is_one(
            text in prop_oneof![any::<String>(), Just(HOSTILE.to_owned())],
            number in any::<u64>(),
        ) {
            let shown = show(&status(hostile(&text, number)));
            prop_assert_eq!(flaw(&shown), None);
        }
    }
}
