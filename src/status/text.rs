//! For people: a few lines that say what is wrong, and a table each of checks and actions, in 80 columns.
//!
//! Whatever comes from the file is made harmless and cut to its place; colour only repeats what the words say.

use std::time::{Duration, UNIX_EPOCH};

use super::page::{BAD, Cell, GOOD, LABEL, ODD, PLAIN, Page, Row, Table, Tone, WIDTH, wrap};
use super::{Status, answer, brief, is_at_rest, mode, place, precise, problems, stamp};
use crate::converge::Place;
use crate::health::{Health, Standing, Thresholds};
use crate::maintenance::Maintenance;
use crate::settings::plain;
use crate::state::{ActionState, CheckState, Ran, State};

/// Most problems of a refused configuration; the log has them all.
const MOST_PROBLEMS: usize = 4;

/// The status as text; coloured if `colour`.
pub(super) fn show(status: &Status, colour: bool) -> String {
    let text = String::new();
    let mut page = Page { text, colour };
    page.health(status);
    if let Some(state) = &status.state {
        page.orders(status, state);
        page.origin(status, state);
        page.tables(status, state);
    }
    page.text
}

impl Page {
    fn health(&mut self, status: &Status) {
        let health = status.health();
        let since = status.state.as_ref().map(|state| state.system.since);
        let last = since.map(|since| {
            let ago = brief(status.age(since));
            let time = stamp(status.time(since)).unwrap_or_else(|| "?".to_owned());
            format!("{} since {time} ({ago})", status.last_health())
        });
        let Some(doubt) = &status.doubt else {
            let last = last.unwrap_or_else(|| health.to_string());
            return self.fact("health", &last, tone(health));
        };
        self.fact("health", &health.to_string(), tone(health));
        self.fact("why", doubt, ODD);
        if let Some(last) = last {
            self.fact("last known", &format!("{last}, and all below"), ODD);
        }
    }

    /// What keeps the node from its place, or heartbeat from what it was told.
    fn orders(&mut self, status: &Status, state: &State) {
        let open: Vec<&str> = status.open().map(|action| action.name.as_str()).collect();
        if !open.is_empty() {
            let (count, of) = (open.len(), state.actions.len());
            let text = format!("{count} of {of} actions: {}", open.join(", "));
            self.fact("not applied", &text, ODD);
        }
        if let Some(maintenance) = status.maintenance() {
            self.fact("maintenance", &ordered(maintenance, status), ODD);
        }
        if status.is_pending {
            let what = status.maintenance().map_or("its end", |_| "it");
            let text = format!("the daemon has not taken {what} up yet");
            self.fact("maintenance", &text, ODD);
        }
        if let Some(damage) = &state.damage {
            let text = format!("its file is damaged, so what was said before holds: {damage}");
            self.fact("maintenance", &text, ODD);
        }
        if let Some(text) = guarded(status, state) {
            self.fact("guard", &text, ODD);
        }
    }

    /// Where the state comes from.
    fn origin(&mut self, status: &Status, state: &State) {
        let loaded = brief(status.age(state.loaded));
        let loaded = format!("number {}, loaded {loaded} ago", state.generation);
        self.fact("configuration", &loaded, PLAIN);
        if let Some(refused) = &state.refused {
            let ago = brief(status.age(refused.at));
            self.fact("", &format!("a newer one was refused {ago} ago:"), ODD);
            self.problems(&problems(refused));
        }
        let ago = brief(status.age(state.written));
        let written = format!(
            "{ago} ago by process {} ({})",
            state.writer.pid,
            mode(state)
        );
        self.fact("written", &written, PLAIN);
    }

    fn problems(&mut self, problems: &[&str]) {
        for problem in problems.iter().take(MOST_PROBLEMS) {
            for line in wrap(&plain(problem), WIDTH - LABEL - 2, 2) {
                self.line(&format!("{:LABEL$}  {line}", ""));
            }
        }
        if problems.len() > MOST_PROBLEMS {
            self.fact("", "  … and more, which the log has", PLAIN);
        }
    }

    fn tables(&mut self, status: &Status, state: &State) {
        let titles = ["check", "standing", "count", "took", "ago", "endpoint"];
        let rows = state.checks.iter().map(|check| check_row(check, status));
        self.table(&Table::new(titles, rows.collect()));
        let titles = ["action", "wanted", "applied", "for", "tries", "last run"];
        let rows = state.actions.iter();
        let rows = rows.map(|action| action_row(action, status));
        self.table(&Table::new(titles, rows.collect()));
    }
}

fn check_row(check: &CheckState, status: &Status) -> Row<6> {
    let CheckState { rise, fall, .. } = *check;
    let is_in_doubt = check.track.is_in_doubt();
    let count = check.track.count(Thresholds { rise, fall });
    let last = check.last.as_ref();
    let took = last.map(|last| precise(Duration::from_micros(last.took)));
    let ago = last.map_or_else(|| "never".to_owned(), |last| brief(status.age(last.at)));
    let failure = last.and_then(|last| last.failure.as_ref());
    let failure = failure.map(|(phase, reason)| format!("{phase}: {reason}"));
    let note = last.and_then(|last| last.note.clone());
    let tone = match check.track.standing {
        Standing::Up => GOOD,
        Standing::Unknown => ODD,
        Standing::Down => BAD,
    };
    Row {
        cells: [
            Cell::new(&check.name, PLAIN),
            Cell::new(&check.track.standing.to_string(), tone),
            Cell::new(&count.filter(|_| is_in_doubt).unwrap_or_default(), ODD),
            Cell::new(&took.unwrap_or_default(), PLAIN),
            Cell::new(&ago, PLAIN),
            Cell::new(&format!("{} {}", check.kind, check.endpoint), PLAIN),
        ],
        notes: failure.into_iter().chain(note).collect(),
    }
}

fn action_row(action: &ActionState, status: &Status) -> Row<6> {
    let name = |place: Option<Place>, none: &str| place.map_or(none.into(), |at| at.to_string());
    let tone = match is_at_rest(action) {
        Some(true) => GOOD,
        Some(false) => ODD,
        None => PLAIN,
    };
    let since = action.applied.map(|applied| brief(status.age(applied.at)));
    let last = action.last.as_ref();
    let ended = last.map(|last| ended(last, status)).unwrap_or_default();
    let held = action.is_held.then(|| "held back by the guard".to_owned());
    let failure = last.into_iter().flat_map(failure);
    Row {
        cells: [
            Cell::new(&action.name, PLAIN),
            Cell::new(&name(action.wanted, "nothing"), PLAIN),
            Cell::new(&name(place(action), "unknown"), tone),
            Cell::new(&since.unwrap_or_default(), PLAIN),
            Cell::new(&action.tries.to_string(), PLAIN),
            Cell::new(&ended, PLAIN),
        ],
        notes: held.into_iter().chain(failure).collect(),
    }
}

fn tone(health: Health) -> Tone {
    match health {
        Health::Healthy => GOOD,
        Health::Unknown => ODD,
        Health::Unhealthy => BAD,
    }
}

/// `demotion failed 4s ago`
fn ended(ran: &Ran, status: &Status) -> String {
    let how = if ran.worked { "worked" } else { "failed" };
    format!("{} {how} {} ago", ran.what, brief(status.age(ran.at)))
}

/// How a command has failed, and its last words.
pub(super) fn failure(ran: &Ran) -> Vec<String> {
    let last = ran.output.lines().rfind(|line| !line.trim().is_empty());
    let texts = [Some(ran.status.as_str()), last];
    let texts = texts.into_iter().flatten().filter(|_| !ran.worked);
    texts.map(str::to_owned).collect()
}

/// What the guard has to do with it: it holds, or cannot be asked.
fn guarded(status: &Status, state: &State) -> Option<String> {
    let holds = state.actions.iter().any(|action| action.is_held);
    let guard = state.guard.as_ref();
    let is_broken = guard.is_some_and(|guard| answer(guard) == "broken");
    let what = match (holds, is_broken) {
        (true, _) => "holds back what is to be demoted",
        (false, true) => "broken, so it holds nothing back",
        (false, false) => return None,
    };
    let told = guard.filter(|guard| !guard.worked).map(|guard| {
        let said = failure(guard).join(": ");
        format!(": {said} ({} ago)", brief(status.age(guard.at)))
    });
    Some(format!("{what}{}", told.unwrap_or_default()))
}

/// `drained for 12m, until 2026-11-22 15:04:05: kernel update`
fn ordered(maintenance: &Maintenance, status: &Status) -> String {
    let wall = status.wall.duration_since(UNIX_EPOCH);
    let wall = wall.map_or(0, |wall| wall.as_secs());
    let lasts = brief(Duration::from_secs(wall.saturating_sub(maintenance.since)));
    let until = maintenance.until.map_or_else(String::new, |until| {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(until));
        let time = time.and_then(stamp).unwrap_or_else(|| format!("@{until}"));
        format!(", until {time}")
    });
    let kind = maintenance.kind.state();
    format!("{kind} for {lasts}{until}: {}", maintenance.reason)
}

#[cfg(test)]
mod tests {
    use super::super::page::length;
    use super::super::samples::{HOSTILE, NOW, healthy, hostile, second, status, unhealthy, wall};
    use super::*;
    use crate::clock::Moment;
    use proptest::prelude::*;

    fn is_tame(text: &str) -> bool {
        let is_tame = |line: &str| length(line) <= WIDTH && plain(line) == line;
        text.ends_with('\n') && text.lines().all(is_tame)
    }

    #[test]
    fn a_good_node_in_a_few_lines() {
        let text = show(&status(healthy()), false);
        let time = stamp(wall() - Duration::from_secs(11_520)).expect("a time");
        let expected = format!(
            "\
health         healthy since {time} (3h12m)
configuration  number 3, loaded 5h33m ago
written        2s ago by process 1234 (daemon)

check     standing  took  ago  endpoint
web       up        12ms  2s   http localhost:8080
database  up        12ms  2s   http localhost:8080

action   wanted    applied   for    tries  last run
address  promoted  promoted  3h11m  1      promotion worked 4s ago
"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_bad_node_says_what_is_wrong() {
        let text = show(&status(unhealthy()), false);
        for words in [
            "health         unhealthy since ",
            "not applied    2 of 2 actions: address, announcement\n",
            "maintenance    held for 10m, until ",
            ": kernel update\n",
            "its file is damaged, so what was said before holds: it is empty\n",
            "guard          holds back what is to be demoted: exit status 1: the other node",
            "               a newer one was refused 5m ago:\n",
            "                 [general] checks: unknown key\n",
            "web       down                     12ms  2s   http localhost:8080\n",
            "\n    status: 503 Service Unavailable\n",
            "database  up        failed 2 of 3  12ms  2s ",
            "held back by the guard\n",
            "demotion failed 4s ago",
            "\n    bgpctl: no such peer\n",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        assert!(is_tame(&text), "{text}");
    }

    #[test]
    fn what_is_no_longer_known_says_so() {
        let of = |state, odd| Status::of(state, odd, second(NOW), wall(), false);
        let gone = show(&of(Some(healthy()), None), false);
        let begin = "health         unknown\nwhy            the heartbeat that wrote it is gone\n";
        assert!(gone.starts_with(begin), "{gone}");
        let last = gone
            .lines()
            .find(|line| line.starts_with("last known     healthy since "));
        assert!(
            last.is_some_and(|line| line.ends_with(", and all below")),
            "{gone}"
        );
        let none = show(&of(None, None), false);
        assert_eq!(none.lines().count(), 2, "{none}");
        let odd = show(&of(None, Some(HOSTILE.to_owned())), false);
        assert!(is_tame(&odd), "{odd}");
    }

    #[test]
    fn colour_only_where_it_is_wanted() {
        let status = status(unhealthy());
        let coloured = show(&status, true);
        let mut bare = coloured.clone();
        for code in [0, 31, 32, 33] {
            bare = bare.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_ne!(coloured, bare);
        assert_eq!(bare, show(&status, false));
    }

    proptest! {
        /// Whatever is in the file, and whatever time it is.
        #[test]
        fn no_line_is_too_wide_or_moves_a_terminal(
            text in prop_oneof![any::<String>(), "[a-z ]{0,400}", Just(HOSTILE.to_owned())],
            number in prop_oneof![any::<u64>(), 0..200_000_000_000_000u64],
            now in any::<u64>(),
            is_there in any::<bool>(),
        ) {
            let now = Moment::after_boot(Duration::from_nanos(now));
            let state = Some(hostile(&text, number));
            let shown = show(&Status::of(state, None, now, wall(), is_there), false);
            prop_assert!(is_tame(&shown), "{}", shown);
        }
    }
}
