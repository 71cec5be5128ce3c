//! For programs: one object. Fields may be added; those below keep their names and meanings as long as `version` does.
//!
//! Times are local with their offset (RFC 3339), in whole seconds; one that no calendar has is `null`. Control
//! characters are escaped, in strings as everywhere. Without a state, what is known of one is `null` or empty.
//!
//! | field | type | meaning |
//! | --- | --- | --- |
//! | `version` | number | 1 |
//! | `health` | `healthy`, `unhealthy`, `unknown` | the system's health; `unknown` also while `stale` is not `null` |
//! | `since` | time, `null` | since when `last_health` is what it is |
//! | `stale` | text, `null` | why the state says nothing about the present: too old, its heartbeat gone, none there, not understood; all below is then what was last known |
//! | `last_health` | as `health` | the system's health when the state was written |
//! | `applied` | boolean | every action is where it is wanted; one of which nothing is wanted does not count; `false` without a state |
//! | `written` | time, `null` | when the state was written |
//! | `valid_until` | time, `null` | later than this it says nothing about the present |
//! | `mode` | `daemon`, `once`, `null` | what has written it; `once` is expected to be gone |
//! | `pid` | number, `null` | the process that has written it |
//! | `configuration` | object, `null` | |
//! | `configuration.generation` | number | how often a configuration has come into force since the start |
//! | `configuration.loaded` | time | when the last one did |
//! | `configuration.refused` | object, `null` | why a newer one did not |
//! | `configuration.refused.at` | time | when it was refused |
//! | `configuration.refused.problems` | list of texts | the first of its problems |
//! | `maintenance` | object, `null` | what the operator has ordered, while it is in force |
//! | `maintenance.kind` | `drain`, `hold` | out of rotation whatever the checks say; no command at all |
//! | `maintenance.reason` | text | in the operator's words, of which the first 300 characters are kept |
//! | `maintenance.since` | time | when it was ordered |
//! | `maintenance.until` | time, `null` | when it ends by itself |
//! | `maintenance_pending` | boolean | the daemon has not taken it, or its end, up yet; `applied` is false until then |
//! | `maintenance_damage` | text, `null` | what is wrong with the maintenance file, which then changes nothing |
//! | `guard` | object, `null` | what `demotion_guard` has said last |
//! | `guard.status` | text | how it ended: `exit status 1` |
//! | `guard.answer` | `go`, `hold`, `broken`, `interrupted` | what that means; a broken one holds nothing back, and a drain does not wait for one that is being asked |
//! | `guard.at` | time | when it ended |
//! | `guard.output` | text | the end of what it wrote |
//! | `checks` | list of objects | in the order of the configuration |
//! | `checks[].name` | text | its section |
//! | `checks[].type` | text | `tcp`, `http`, … |
//! | `checks[].endpoint` | text | `localhost:80` |
//! | `checks[].standing` | `up`, `down`, `unknown` | what its results have made of it |
//! | `checks[].since` | time | since when |
//! | `checks[].passes`, `checks[].failures` | number | in a row, up to the last result; one of them is 0 |
//! | `checks[].rise`, `checks[].fall` | number | how many of them it takes to be up, and to be down |
//! | `checks[].last` | object, `null` | its last result |
//! | `checks[].last.at` | time | when |
//! | `checks[].last.age_seconds` | number | how long ago |
//! | `checks[].last.took_seconds` | number | how long it took |
//! | `checks[].last.up` | boolean | it passed |
//! | `checks[].last.phase`, `checks[].last.reason` | text, `null` | where it failed, and why |
//! | `checks[].last.note` | text, `null` | what is worth saying of it, such as the days that a certificate has left |
//! | `actions` | list of objects | in the order of `[promotions]` |
//! | `actions[].name` | text | its key |
//! | `actions[].wanted` | `promoted`, `demoted`, `null` | where it is to be; `null`: nothing is decided yet |
//! | `actions[].applied` | `promoted`, `demoted`, `null` | where its last command has brought it; `null`: nobody knows |
//! | `actions[].applied_at` | time, `null` | when |
//! | `actions[].health` | as `health` | the verdict that it follows, when the state was written |
//! | `actions[].tries` | number | how often its command has been begun since another place is wanted |
//! | `actions[].held` | boolean | the guard keeps it from being demoted |
//! | `actions[].last` | object, `null` | its last command |
//! | `actions[].last.command` | `promotion`, `demotion` | which |
//! | `actions[].last.status` | text | how it ended: `exit status 0` |
//! | `actions[].last.worked` | boolean | it has done what it is for |
//! | `actions[].last.at` | time | when it ended |
//! | `actions[].last.took_seconds` | number | how long it ran |
//! | `actions[].last.output` | text | the end of what it wrote |

use std::time::Duration;

use chrono::{DateTime, Local, SecondsFormat};
use serde::Serialize;

use super::{Status, answer, local, local_seconds, mode, place, problems};
use crate::clock::Moment;
use crate::converge::Place;
use crate::health::{Health, Standing};
use crate::maintenance::{Kind, Maintenance};
use crate::settings::plain;
use crate::state::{ActionState, Answered, CheckState, Ran, State};

/// What [`Object::version`] says.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Object<'a> {
    version: u32,
    health: Health,
    since: Option<String>,
    stale: Option<&'a str>,
    last_health: Health,
    applied: bool,
    written: Option<String>,
    valid_until: Option<String>,
    mode: Option<&'static str>,
    pid: Option<i32>,
    configuration: Option<Configuration<'a>>,
    maintenance: Option<Ordered<'a>>,
    maintenance_pending: bool,
    maintenance_damage: Option<&'a str>,
    guard: Option<Guard<'a>>,
    checks: Vec<Check<'a>>,
    actions: Vec<Action<'a>>,
}

#[derive(Serialize)]
struct Configuration<'a> {
    generation: u64,
    loaded: Option<String>,
    refused: Option<Refusal<'a>>,
}

#[derive(Serialize)]
struct Refusal<'a> {
    at: Option<String>,
    problems: Vec<&'a str>,
}

#[derive(Serialize)]
struct Ordered<'a> {
    kind: Kind,
    reason: &'a str,
    since: Option<String>,
    until: Option<String>,
}

#[derive(Serialize)]
struct Guard<'a> {
    status: &'a str,
    answer: &'static str,
    at: Option<String>,
    output: &'a str,
}

#[derive(Serialize)]
struct Check<'a> {
    name: &'a str,
    r#type: &'a str,
    endpoint: &'a str,
    standing: Standing,
    since: Option<String>,
    passes: u32,
    failures: u32,
    rise: u32,
    fall: u32,
    last: Option<Outcome<'a>>,
}

#[derive(Serialize)]
struct Outcome<'a> {
    at: Option<String>,
    age_seconds: f64,
    took_seconds: f64,
    up: bool,
    phase: Option<&'a str>,
    reason: Option<&'a str>,
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct Action<'a> {
    name: &'a str,
    wanted: Option<Place>,
    applied: Option<Place>,
    applied_at: Option<String>,
    health: Health,
    tries: u32,
    held: bool,
    last: Option<Finished<'a>>,
}

#[derive(Serialize)]
struct Finished<'a> {
    command: &'a str,
    status: &'a str,
    worked: bool,
    at: Option<String>,
    took_seconds: f64,
    output: &'a str,
}

/// The status as one object, and a line end.
pub(super) fn show(status: &Status) -> String {
    // Structures of texts and numbers always have a form; an error would be one of memory.
    let text = serde_json::to_string_pretty(&object(status)).unwrap_or_default();
    harmless(&text) + "\n"
}

/// The same JSON for every reader, in which nothing moves a terminal. Outside of strings there is none of it but the
/// line ends of the layout.
fn harmless(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        let is_odd = c != '\n' && !c.is_ascii_graphic() && c != ' ';
        let text = c.encode_utf8(&mut [0; 4]).to_owned();
        if is_odd && plain(&text) != text {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            shown.extend(units.map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

fn object(status: &Status) -> Object<'_> {
    let state = status.state.as_ref();
    let time = |moment: fn(&State) -> Moment| state.and_then(|state| status.at(moment(state)));
    Object {
        version: VERSION,
        health: status.health(),
        since: time(|state| state.system.since),
        stale: status.doubt.as_deref(),
        last_health: status.last_health(),
        applied: status.is_applied(),
        written: time(|state| state.written),
        valid_until: time(|state| state.valid_until),
        mode: state.map(mode),
        pid: state.map(|state| state.writer.pid),
        configuration: state.map(|state| configuration(state, status)),
        maintenance: status.maintenance().map(ordered),
        maintenance_pending: status.is_pending,
        maintenance_damage: state.and_then(|state| state.damage.as_deref()),
        guard: state
            .and_then(|state| state.guard.as_ref())
            .map(|guard| guarded(guard, status)),
        checks: state.map_or_else(Vec::new, |state| {
            let checks = state.checks.iter();
            checks.map(|check| check_of(check, status)).collect()
        }),
        actions: state.map_or_else(Vec::new, |state| {
            let actions = state.actions.iter();
            actions.map(|action| action_of(action, status)).collect()
        }),
    }
}

fn configuration<'a>(state: &'a State, status: &Status) -> Configuration<'a> {
    let refused = state.refused.as_ref().map(|refused| Refusal {
        at: status.at(refused.at),
        problems: problems(refused),
    });
    Configuration {
        generation: state.generation,
        loaded: status.at(state.loaded),
        refused,
    }
}

fn ordered(maintenance: &Maintenance) -> Ordered<'_> {
    Ordered {
        kind: maintenance.kind,
        reason: &maintenance.reason,
        since: local_seconds(maintenance.since).map(written),
        until: maintenance.until.and_then(local_seconds).map(written),
    }
}

fn guarded<'a>(guard: &'a Ran, status: &Status) -> Guard<'a> {
    Guard {
        status: &guard.status,
        answer: answer(guard),
        at: status.at(guard.at),
        output: &guard.output,
    }
}

fn check_of<'a>(check: &'a CheckState, status: &Status) -> Check<'a> {
    Check {
        name: &check.name,
        r#type: &check.kind,
        endpoint: &check.endpoint,
        standing: check.track.standing,
        since: status.at(check.since),
        passes: check.track.passes,
        failures: check.track.failures,
        rise: check.rise,
        fall: check.fall,
        last: check.last.as_ref().map(|last| outcome(last, status)),
    }
}

fn outcome<'a>(last: &'a Answered, status: &Status) -> Outcome<'a> {
    let failure = last.failure.as_ref();
    Outcome {
        at: status.at(last.at),
        age_seconds: seconds(status.age(last.at)),
        took_seconds: seconds(Duration::from_micros(last.took)),
        up: failure.is_none(),
        phase: failure.map(|(phase, _)| phase.as_str()),
        reason: failure.map(|(_, reason)| reason.as_str()),
        note: last.note.as_deref(),
    }
}

fn action_of<'a>(action: &'a ActionState, status: &Status) -> Action<'a> {
    Action {
        name: &action.name,
        wanted: action.wanted,
        applied: place(action),
        applied_at: action.applied.and_then(|applied| status.at(applied.at)),
        health: action.verdict.health,
        tries: action.tries,
        held: action.is_held,
        last: action.last.as_ref().map(|last| finished(last, status)),
    }
}

fn finished<'a>(ran: &'a Ran, status: &Status) -> Finished<'a> {
    Finished {
        command: &ran.what,
        status: &ran.status,
        worked: ran.worked,
        at: status.at(ran.at),
        took_seconds: seconds(Duration::from_micros(ran.took)),
        output: &ran.output,
    }
}

/// In milliseconds: what is finer is noise.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

impl Status {
    /// A moment as a time.
    fn at(&self, moment: Moment) -> Option<String> {
        local(self.time(moment)).map(written)
    }
}

fn written(time: DateTime<Local>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{HOSTILE, NOW, healthy, hostile, second, status, unhealthy, wall};
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;
    use std::time::SystemTime;

    fn parsed(status: &Status) -> Value {
        serde_json::from_str(&show(status)).expect("JSON")
    }

    /// The paths of all fields: `checks[].last.at`.
    fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    let path = format!("{path}.{key}");
                    found.insert(path.trim_start_matches('.').to_owned());
                    fields(value, &path, found);
                }
            }
            Value::Array(list) => {
                for value in list {
                    fields(value, &format!("{path}[]"), found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_field_is_documented_and_nothing_else() {
        let rows = include_str!("json.rs").lines();
        let rows = rows.filter_map(|line| line.strip_prefix("//! | `"));
        let names = rows.filter_map(|row| row.split(" | ").next());
        let documented = names.flat_map(|names| names.split(", "));
        let documented: BTreeSet<String> = documented.map(|name| name.replace('`', "")).collect();
        let mut found = BTreeSet::new();
        fields(&parsed(&status(unhealthy())), "", &mut found);
        assert_eq!(found, documented);
    }

    #[test]
    fn a_bad_node() {
        let object = parsed(&status(unhealthy()));
        for (path, expected) in [
            ("/version", json!(1)),
            ("/health", json!("unhealthy")),
            ("/stale", Value::Null),
            ("/applied", json!(false)),
            ("/mode", json!("daemon")),
            ("/pid", json!(1234)),
            ("/configuration/generation", json!(3)),
            (
                "/configuration/refused/problems/1",
                json!("[general] checks: unknown key"),
            ),
            ("/maintenance/kind", json!("hold")),
            ("/maintenance_damage", json!("it is empty")),
            ("/guard/answer", json!("hold")),
            ("/checks/0/type", json!("http")),
            ("/checks/0/standing", json!("down")),
            ("/checks/0/last/phase", json!("status")),
            ("/checks/1/failures", json!(2)),
            ("/checks/1/last/age_seconds", json!(2.0)),
            ("/checks/1/last/took_seconds", json!(0.012)),
            ("/actions/0/wanted", json!("demoted")),
            ("/actions/0/applied", json!("promoted")),
            ("/actions/0/held", json!(true)),
            ("/actions/1/applied", Value::Null),
            ("/actions/1/last/command", json!("demotion")),
        ] {
            assert_eq!(object.pointer(path), Some(&expected), "{path}");
        }
    }

    #[test]
    fn times_are_those_of_the_wall() {
        let object = parsed(&status(healthy()));
        let time = object["written"].as_str().expect("a time");
        let time = DateTime::parse_from_rfc3339(time).expect("RFC 3339");
        assert_eq!(SystemTime::from(time), wall() - Duration::from_secs(2));
    }

    #[test]
    fn what_is_no_longer_known_says_so() {
        let of = |state, odd| parsed(&Status::of(state, odd, second(NOW), wall(), false));
        let gone = of(Some(healthy()), None);
        assert_eq!(
            (&gone["health"], &gone["last_health"]),
            (&json!("unknown"), &json!("healthy"))
        );
        assert_eq!(gone["stale"], "the heartbeat that wrote it is gone");
        assert_eq!(gone["checks"][0]["standing"], "up");
        let none = of(None, None);
        assert_eq!(
            (&none["health"], &none["since"]),
            (&json!("unknown"), &Value::Null)
        );
        assert_eq!(
            (&none["configuration"], &none["checks"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(of(None, Some(HOSTILE.to_owned()))["applied"], false);
    }

    #[test]
    fn hostile_text_is_kept_and_moves_nothing() {
        for number in [0, 1, 1 << 40, u64::MAX] {
            let status = status(hostile(HOSTILE, number));
            let shown = show(&status);
            assert!(shown.lines().all(|line| plain(line) == line), "{shown}");
            let object = parsed(&status);
            assert_eq!(object["checks"][0]["name"], HOSTILE);
            assert_eq!(object["maintenance"]["until"], Value::Null);
        }
    }
}
