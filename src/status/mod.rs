//! What the state file says about the node, for people, programs and Prometheus.
//!
//! From the file alone: nobody is asked, so nothing hangs. What it says about the present ends where its validity ends,
//! or with the process that has written it; from then on the node's health is unknown, and the rest is what was last
//! known. A file that was written by hand may hold anything, so every form of output guards itself against its text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike, Local, Utc};

use crate::action::Ending;
use crate::cli::Exit;
use crate::clock::Moment;
use crate::converge::Place;
use crate::file::reason;
use crate::health::Health;
use crate::maintenance::{self, Maintenance};
use crate::state::{ActionState, Ran, Refused, State, StateFile, Writer};

pub use crate::cli::Format;

mod json;
mod page;
mod prometheus;
mod text;
mod wait;

pub use wait::wait;

/// What is known of the node, and whether it still holds.
#[derive(Debug)]
pub struct Status {
    state: Option<State>,
    /// Why it says nothing about the present.
    doubt: Option<String>,
    /// What the operator has ordered since it was written, which may be an end, is still to be taken up.
    is_pending: bool,
    now: Moment,
    wall: SystemTime,
}

/// What the file says now. One that cannot be read says nothing, and why.
#[must_use]
pub fn read(file: &StateFile) -> Status {
    let (mut state, odd) = match file.load() {
        Ok((None, None)) => (
            None,
            Some(format!(
                "there is none of this boot at {}",
                file.path().display()
            )),
        ),
        Ok((state, odd)) => (state, odd.map(|odd| format!("it is not understood: {odd}"))),
        Err(error) => (None, Some(reason(&error))),
    };
    let wall = SystemTime::now();
    let ordered = maintenance::read(&maintenance::path_beside(file.path()));
    let is_new = state
        .as_mut()
        .is_some_and(|state| hear(state, ordered, wall));
    let writer = state.as_ref().map(|state| &state.writer);
    let is_there = writer.is_some_and(Writer::is_there);
    // A one-shot is not there to take anything up.
    let is_pending = is_new && is_there && writer.is_some_and(|writer| !writer.is_once);
    Status {
        is_pending,
        ..Status::of(state, odd, Moment::now(), wall, is_there)
    }
}

/// Puts into the state what the maintenance file says now, and gives whether that is something new. A daemon says itself
/// what it thinks of a damaged file.
fn hear(state: &mut State, ordered: Result<Option<Maintenance>, String>, wall: SystemTime) -> bool {
    let in_force = |maintenance: &Maintenance| maintenance.is_in_force(wall);
    match ordered {
        Ok(ordered) => {
            let ordered = ordered.filter(in_force);
            let before = state.maintenance.take().filter(in_force);
            let is_new = before != ordered;
            (state.maintenance, state.damage) = (ordered, None);
            is_new
        }
        Err(how) if state.writer.is_once => {
            state.damage = Some(how);
            false
        }
        Err(_) => false,
    }
}

impl Status {
    /// What `state` and what is `odd` about it, as [`StateFile::load`] gives them, say at the moment `now`, when it is
    /// `wall` on the wall. `is_there`: the process that has written it still runs.
    #[must_use]
    pub fn of(
        state: Option<State>,
        odd: Option<String>,
        now: Moment,
        wall: SystemTime,
        is_there: bool,
    ) -> Self {
        let doubt = match (&state, odd) {
            (_, Some(odd)) => Some(format!("no state: {odd}")),
            (Some(state), None) => doubt(state, now, is_there),
            (None, None) => Some("no state: heartbeat has not run since boot".to_owned()),
        };
        Self {
            state,
            doubt,
            is_pending: false,
            now,
            wall,
        }
    }

    /// What is shown on standard output: whole lines, the last one ended. `colour`: text may be coloured.
    #[must_use]
    pub fn show(&self, format: Format, colour: bool) -> String {
        match format {
            Format::Text => text::show(self, colour),
            Format::Json => json::show(self),
            Format::Prometheus => prometheus::show(self),
        }
    }

    /// What the caller is told: good only if the node is healthy, unhealthy only if it is known to be, and neither while
    /// an action is not where it is wanted.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.health() {
            _ if !self.is_applied() => Exit::Failed,
            Health::Unknown => Exit::Failed,
            Health::Unhealthy => Exit::Unhealthy,
            Health::Healthy => Exit::Good,
        }
    }

    /// The system's health now.
    fn health(&self) -> Health {
        match self.doubt {
            Some(_) => Health::Unknown,
            None => self.last_health(),
        }
    }

    /// The system's health when the state was written.
    fn last_health(&self) -> Health {
        let state = self.state.as_ref();
        state.map_or(Health::Unknown, |state| state.system.health)
    }

    /// Whether every action is, or was last known to be, where it is wanted, and nothing new is wanted.
    fn is_applied(&self) -> bool {
        self.state.is_some() && !self.is_pending && self.open().next().is_none()
    }

    /// Whether there is a place where every action is wanted.
    fn is_decided(&self) -> bool {
        let mut actions = self.state.iter().flat_map(|state| &state.actions);
        actions.all(|action| action.wanted.is_some())
    }

    /// The actions that are not where they are wanted.
    fn open(&self) -> impl Iterator<Item = &ActionState> {
        let actions = self.state.iter().flat_map(|state| &state.actions);
        actions.filter(|action| is_at_rest(action) == Some(false))
    }

    /// The maintenance that is in force.
    fn maintenance(&self) -> Option<&Maintenance> {
        let maintenance = self.state.as_ref()?.maintenance.as_ref()?;
        maintenance.is_in_force(self.wall).then_some(maintenance)
    }

    fn age(&self, moment: Moment) -> Duration {
        self.now.since(moment)
    }

    /// The time on the wall at a moment.
    fn time(&self, moment: Moment) -> SystemTime {
        moment.on_the_wall(self.now, self.wall)
    }
}

/// Why a state says nothing about the present. A one-shot is expected to be gone.
fn doubt(state: &State, now: Moment, is_there: bool) -> Option<String> {
    if !is_there && !state.writer.is_once {
        return Some("the heartbeat that wrote it is gone".to_owned());
    }
    let is_stale = now > state.valid_until;
    is_stale.then(|| "stale: it should have been written again by now".to_owned())
}

/// Whether an action is where it is wanted; `None` while nothing is wanted of it.
fn is_at_rest(action: &ActionState) -> Option<bool> {
    action.wanted.map(|wanted| place(action) == Some(wanted))
}

/// Where an action has been brought; `None`: nobody knows.
fn place(action: &ActionState) -> Option<Place> {
    action.applied.map(|applied| applied.place)
}

/// What a guard's end has meant, in the words of the documentation.
fn answer(guard: &Ran) -> &'static str {
    if guard.worked {
        "go"
    } else if guard.status == Ending::Exited(1).to_string() {
        "hold"
    } else if guard.status == Ending::Interrupted.to_string() {
        "interrupted"
    } else {
        "broken"
    }
}

/// What has written a state, in the words of the documentation.
fn mode(state: &State) -> &'static str {
    if state.writer.is_once {
        "once"
    } else {
        "daemon"
    }
}

/// Why a configuration was refused, one by one.
fn problems(refused: &Refused) -> Vec<&str> {
    let lines = refused.why.lines();
    lines.filter(|line| !line.is_empty()).collect()
}

/// A time that a calendar has: other ones come from a file that was written by hand, or from a clock that was never set.
fn local(time: SystemTime) -> Option<DateTime<Local>> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    let time: DateTime<Utc> = DateTime::from_timestamp(seconds, since.subsec_nanos())?;
    // RFC 3339 has years of four digits, and a time zone may add one.
    (time.year() < 9999).then(|| time.with_timezone(&Local))
}

/// The same from seconds since 1970.
fn local_seconds(seconds: u64) -> Option<DateTime<Local>> {
    UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds))
        .and_then(local)
}

/// `2026-11-22 15:04:05`, local.
fn stamp(time: SystemTime) -> Option<String> {
    Some(local(time)?.format("%Y-%m-%d %H:%M:%S").to_string())
}

/// A duration in its two greatest units: `45s`, `5m12s`, `3h`, `2d4h`.
fn brief(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| seconds >= *size);
    let first = first.unwrap_or(units.len() - 1);
    let (unit, size) = units[first];
    let rest = units
        .get(first + 1)
        .map(|(unit, smaller)| (seconds % size / smaller, unit));
    let rest = rest.filter(|(rest, _)| *rest > 0);
    let rest = rest.map(|(rest, unit)| format!("{rest}{unit}"));
    format!("{}{unit}{}", seconds / size, rest.unwrap_or_default())
}

/// How long something took: `12ms`, `1.5s`, `5m12s`.
#[must_use]
pub fn precise(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "<1ms".to_owned(),
        millis @ 1..1000 => format!("{millis}ms"),
        millis @ 1000..60_000 => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
        _ => brief(duration),
    }
}

/// States for the tests of all forms.
#[cfg(test)]
mod samples {
    use super::*;
    use crate::converge::Applied;
    use crate::health::{Standing, Track};
    use crate::maintenance::Kind;
    use crate::state::{Answered, CheckState, Judged, Writer};

    /// In seconds since boot.
    pub const NOW: u64 = 100_000;

    /// What is no text of ours: a terminal's escapes, line ends of all kinds, quotation marks, letters of more than a byte.
    pub const HOSTILE: &str = "\u{1b}[31m\"ü\\\n\r\t\u{7f}\u{9b}2J\u{202e}\u{2028}…";

    pub fn second(second: u64) -> Moment {
        Moment::after_boot(Duration::from_secs(second))
    }

    pub fn wall() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_000_000)
    }

    pub fn applied(place: Place, ago: u64) -> Applied {
        let at = second(NOW - ago);
        let by_order = false;
        Applied {
            place,
            at,
            by_order,
        }
    }

    pub fn status(state: State) -> Status {
        Status::of(Some(state), None, second(NOW), wall(), true)
    }

    pub fn check(name: &str, standing: Standing, failure: Option<(&str, &str)>) -> CheckState {
        CheckState {
            name: name.to_owned(),
            probe: "p".to_owned(),
            kind: "http".to_owned(),
            endpoint: "localhost:8080".to_owned(),
            rise: 2,
            fall: 3,
            track: Track {
                standing,
                passes: if failure.is_none() { 40 } else { 0 },
                failures: if failure.is_none() { 0 } else { 2 },
            },
            since: second(NOW - 11_520),
            last: Some(Answered {
                at: second(NOW - 2),
                took: 12_345,
                note: None,
                failure: failure.map(|(phase, reason)| (phase.to_owned(), reason.to_owned())),
            }),
        }
    }

    pub fn ran(what: &str, status: &str, output: &str) -> Ran {
        Ran {
            what: what.to_owned(),
            at: second(NOW - 4),
            took: 1_500_000,
            status: status.to_owned(),
            worked: status == "exit status 0",
            output: output.to_owned(),
        }
    }

    pub fn healthy() -> State {
        let system = Judged {
            health: Health::Healthy,
            previous: Health::Unknown,
            since: second(NOW - 11_520),
        };
        State {
            writer: Writer {
                pid: 1234,
                begun: 5,
                is_once: false,
            },
            written: second(NOW - 2),
            valid_until: second(NOW + 9),
            generation: 3,
            loaded: second(NOW - 20_000),
            system,
            checks: vec![
                check("web", Standing::Up, None),
                check("database", Standing::Up, None),
            ],
            actions: vec![ActionState {
                name: "address".to_owned(),
                applied: Some(applied(Place::Promoted, 11_519)),
                wanted: Some(Place::Promoted),
                verdict: system,
                tries: 1,
                last: Some(ran("promotion", "exit status 0", "")),
                ..ActionState::default()
            }],
            ..State::default()
        }
    }

    /// A bad night: a check is down and another in doubt, the guard holds, the other demotion fails, a configuration is
    /// refused, the maintenance file is damaged.
    pub fn unhealthy() -> State {
        let mut state = healthy();
        state.system.health = Health::Unhealthy;
        state.checks[0] = check(
            "web",
            Standing::Down,
            Some(("status", "503 Service Unavailable")),
        );
        state.checks[1] = check(
            "database",
            Standing::Up,
            Some(("connect", "Connection refused")),
        );
        state.actions[0].wanted = Some(Place::Demoted);
        state.actions[0].is_held = true;
        state.actions.push(ActionState {
            name: "announcement".to_owned(),
            wanted: Some(Place::Demoted),
            tries: 7,
            last: Some(ran(
                "demotion",
                "exit status 1",
                "asking\nbgpctl: no such peer",
            )),
            ..ActionState::default()
        });
        state.guard = Some(ran("guard", "exit status 1", "the other node is out"));
        state.maintenance = Some(Maintenance::new(
            Kind::Hold,
            "kernel update",
            wall() - Duration::from_secs(600),
            Some(Duration::from_secs(3600)),
        ));
        state.damage = Some("it is empty".to_owned());
        state.refused = Some(Refused {
            at: second(NOW - 300),
            why: "[web] timeout: \"5x\" is not a duration\n[general] checks: unknown key"
                .to_owned(),
        });
        state
    }

    /// The same with hostile text and numbers wherever there may be some.
    pub fn hostile(text: &str, number: u64) -> State {
        let mut state = unhealthy();
        let moment = Moment::after_boot(Duration::from_nanos(number));
        let small = u32::try_from(number).unwrap_or(u32::MAX);
        (state.written, state.loaded, state.system.since) = (moment, moment, moment);
        state.generation = number;
        state.damage = Some(text.to_owned());
        state.refused = Some(Refused {
            at: moment,
            why: format!("{text}\n").repeat(9),
        });
        if let Some(maintenance) = &mut state.maintenance {
            text.clone_into(&mut maintenance.reason);
            (maintenance.since, maintenance.until) = (number, Some(u64::MAX));
        }
        for check in &mut state.checks {
            for field in [&mut check.name, &mut check.kind, &mut check.endpoint] {
                text.clone_into(field);
            }
            (check.rise, check.fall, check.track.failures) = (small, u32::MAX, small);
            check.last = Some(Answered {
                at: moment,
                took: number,
                note: None,
                failure: Some((text.to_owned(), text.to_owned())),
            });
        }
        for action in &mut state.actions {
            text.clone_into(&mut action.name);
            (action.tries, action.applied) = (small, None);
            action.last = Some(Ran {
                at: moment,
                took: number,
                ..ran(text, text, text)
            });
        }
        state.guard.clone_from(&state.actions[0].last);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{NOW, applied, healthy, ran, second, status, wall};
    use super::*;
    use crate::health::Health::{Healthy, Unhealthy, Unknown};

    #[test]
    fn exit_statuses() {
        use Place::{Demoted, Promoted};
        for (health, wanted, reached, expected) in [
            (Healthy, Some(Promoted), Some(Promoted), Exit::Good),
            (Healthy, Some(Demoted), Some(Demoted), Exit::Good),
            (Healthy, None, None, Exit::Good),
            (Healthy, Some(Promoted), Some(Demoted), Exit::Failed),
            (Healthy, Some(Promoted), None, Exit::Failed),
            (Unhealthy, Some(Demoted), Some(Demoted), Exit::Unhealthy),
            (Unhealthy, Some(Demoted), Some(Promoted), Exit::Failed),
            (Unknown, None, None, Exit::Failed),
        ] {
            let mut state = healthy();
            state.system.health = health;
            state.actions[0].wanted = wanted;
            state.actions[0].applied = reached.map(|place| applied(place, 1));
            let exit = status(state).exit();
            assert_eq!(exit, expected, "{health} {wanted:?} {reached:?}");
        }
    }

    #[test]
    fn what_says_nothing_about_the_present() {
        let valid_until = healthy().valid_until;
        let later = valid_until + Duration::from_nanos(1);
        for (is_once, is_there, now, expected) in [
            (false, true, second(NOW), None),
            (false, true, valid_until, None),
            (false, true, later, Some("stale")),
            (false, false, second(NOW), Some("gone")),
            (false, false, later, Some("gone")),
            (true, false, second(NOW), None),
            (true, true, second(NOW), None),
            (true, false, later, Some("stale")),
        ] {
            let mut state = healthy();
            state.writer.is_once = is_once;
            let status = Status::of(Some(state), None, now, wall(), is_there);
            let doubt = status.doubt.as_deref();
            assert_eq!(doubt.is_some(), expected.is_some(), "{doubt:?}");
            assert!(doubt.is_none_or(|doubt| doubt.contains(expected.unwrap_or_default())));
            let health = expected.map_or(Healthy, |_| Unknown);
            assert_eq!((status.health(), status.last_health()), (health, Healthy));
            assert_eq!(status.exit() == Exit::Failed, expected.is_some());
        }
    }

    #[test]
    fn no_state_is_unknown() {
        for (odd, expected) in [(None, "not run since boot"), (Some("form 1"), "form 1")] {
            let odd = odd.map(str::to_owned);
            let status = Status::of(None, odd, second(NOW), wall(), false);
            assert_eq!((status.health(), status.exit()), (Unknown, Exit::Failed));
            let doubt = status.doubt.unwrap_or_default();
            assert!(doubt.contains(expected), "{doubt}");
        }
    }

    #[test]
    fn a_file_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = StateFile::new(&folder.path().join("state"));
        assert_eq!(read(&file).exit(), Exit::Failed);
        let mut state = healthy();
        state.writer = crate::state::Writer::this(false);
        state.valid_until = Moment::now() + Duration::from_secs(60);
        file.save(&state).expect("saved");
        assert_eq!(read(&file).exit(), Exit::Good);
        state.writer.begun += 1;
        file.save(&state).expect("saved");
        assert_eq!(read(&file).exit(), Exit::Failed);
    }

    #[test]
    fn what_a_guard_has_said() {
        for (status, expected) in [
            ("exit status 0", "go"),
            ("exit status 1", "hold"),
            ("interrupted, killed with its children", "interrupted"),
            ("exit status 2", "broken"),
            ("timed out after 5s, killed with its children", "broken"),
            ("", "broken"),
        ] {
            assert_eq!(answer(&ran("guard", status, "")), expected, "{status}");
        }
    }

    #[test]
    fn only_what_a_calendar_has_is_a_time() {
        for (seconds, is_time) in [
            (0, true),
            (1_795_000_000, true),
            (253_300_000_000, true),
            (253_500_000_000, false),
            (u64::MAX / 2, false),
            (u64::MAX, false),
        ] {
            assert_eq!(local_seconds(seconds).is_some(), is_time, "{seconds}");
        }
        assert_eq!(local(UNIX_EPOCH - Duration::from_secs(1)), None);
    }

    #[test]
    fn durations_are_short() {
        for (seconds, expected) in [
            (0, "0s"),
            (45, "45s"),
            (312, "5m12s"),
            (10_800, "3h"),
            (11_520, "3h12m"),
            (187_200, "2d4h"),
            (86_430, "1d"),
        ] {
            assert_eq!(brief(Duration::from_secs(seconds)), expected);
        }
        for (micros, expected) in [(7, "<1ms"), (12_345, "12ms"), (1_567_000, "1.5s")] {
            assert_eq!(precise(Duration::from_micros(micros)), expected);
        }
        assert_eq!(precise(Duration::from_secs(312)), "5m12s");
    }
}
