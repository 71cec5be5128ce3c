//! The configuration: keys, defaults, rules, cross-references; every problem of a file in one run.
//!
//! [`Config::load`] reads a file once and gives ready values: nothing behind it sees a raw string.

mod canonical;
mod general;
pub mod ini;
pub mod interpolate;
mod sections;
mod source;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::check::Check;
use crate::converge::{Place, Rules};
use crate::decision::Plan;
use crate::health::SYSTEM;
use crate::schedule::Pace;
use crate::settings::Problem;

/// Every key that a configuration may have, but for the names of actions.
#[must_use]
pub fn keys() -> BTreeSet<&'static str> {
    crate::check::keys().chain(general::GENERAL_KEYS).collect()
}

/// Most problems that are told of one file; the rest is counted.
const MOST_TOLD: usize = 50;

/// So many more problems are not counted.
const MANY: usize = 900;

/// A file that can be run.
#[derive(Debug)]
pub struct Config {
    /// The `[general]` section.
    pub general: General,
    /// The actions that some check names, in the order of `[promotions]`.
    pub actions: Vec<Action>,
    /// The checks in the order of the file. At least one.
    pub checks: Arc<[Check]>,
    /// Legal but unwise, one line each, with file and line.
    pub warnings: Vec<String>,
}

/// `[general]`: how heartbeat runs.
#[derive(Debug, Clone)]
pub struct General {
    /// Run as this user; `None` = as started.
    pub user: Option<String>,
    /// Run as this group; `None` = the user's login group.
    pub group: Option<String>,
    /// Where the log goes.
    pub logfile: LogTarget,
    /// The least level that is logged.
    pub loglevel: LogLevel,
    /// Names the process and is the lock.
    pub pidfile: PathBuf,
    /// Holds wanted and applied between runs.
    pub statefile: PathBuf,
    /// Checks in flight at once; `None` = as many as there are, at most 64.
    pub threads: Option<usize>,
    /// Detach without `-d`.
    pub daemonize: bool,
    /// From the start of one round to the start of the next.
    pub pace: Pace,
    /// A command that runs longer is killed, and has failed.
    pub action_timeout: Duration,
    /// Which checks an action follows.
    pub scope: Scope,
    /// What is done on SIGTERM and SIGINT.
    pub on_exit: OnExit,
    /// An action that was applied this long ago is applied again.
    pub reassert: Option<Duration>,
    /// Asked before demotions are run; goes to `/bin/sh -c`.
    pub demotion_guard: Option<String>,
}

impl General {
    /// Files that would be written over one another, or over the configuration at `config`: key, and which other one.
    #[must_use]
    pub fn clashes(&self, config: &Path) -> Vec<(&'static str, String)> {
        general::clashes(config, self)
    }

    /// Every key with a text that differs where its value does.
    #[must_use]
    pub fn shown(&self) -> [(&'static str, String); general::GENERAL_KEYS.len()] {
        let text = |value: &dyn fmt::Debug| format!("{value:?}");
        [
            ("action_timeout", text(&self.action_timeout)),
            ("daemonize", text(&self.daemonize)),
            ("demotion_guard", text(&self.demotion_guard)),
            ("fast_interval", text(&self.pace.fast)),
            ("group", text(&self.group)),
            ("interval", text(&self.pace.interval)),
            ("logfile", text(&self.logfile)),
            ("loglevel", text(&self.loglevel)),
            ("on_exit", text(&self.on_exit)),
            ("pidfile", text(&self.pidfile)),
            ("reassert", text(&self.reassert)),
            ("scope", text(&self.scope)),
            ("statefile", text(&self.statefile)),
            ("threads", text(&self.threads)),
            ("user", text(&self.user)),
        ]
    }
}

/// Which checks an action follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    System,
    /// Those that name it.
    Action,
}

/// What becomes of the node when heartbeat is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExit {
    /// It stays where it is.
    Keep,
    /// It is taken out of rotation.
    Demote,
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// A file, rotated.
    File(PathBuf),
    /// Standard error: the terminal, journald, a container's log.
    Stderr,
}

/// The levels of Python's logging, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Every check and round.
    Debug,
    /// Recoveries, promotions, commands.
    Info,
    /// Demotions, oddities.
    Warning,
    /// Checks and commands that failed.
    Error,
    /// heartbeat itself is at fault.
    Critical,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        })
    }
}

/// A name with both commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The key, in lower case.
    pub name: String,
    /// Takes the node into rotation; goes to `/bin/sh -c`.
    pub promotion: String,
    /// Takes the node out of rotation; goes to `/bin/sh -c`.
    pub demotion: String,
    /// Its place in the order of `[demotions]`, which may differ from that of `[promotions]`.
    pub demotion_rank: usize,
}

impl Action {
    /// The command that leads there.
    #[must_use]
    pub fn command(&self, place: Place) -> &str {
        match place {
            Place::Promoted => &self.promotion,
            Place::Demoted => &self.demotion,
        }
    }
}

/// Everything that is wrong with a file, ready to be shown.
#[derive(Debug)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.0.len().min(MOST_TOLD);
        f.write_str(&self.0[..told].join("\n"))?;
        match self.0.len() - told {
            0 => Ok(()),
            more @ ..MANY => write!(f, "\n… and {more} more problems"),
            // The reader of the file has not counted them all.
            _ => write!(f, "\n… and more than {MANY} more problems"),
        }
    }
}

impl std::error::Error for Problems {}

impl Config {
    /// Reads and judges the file at `path`.
    ///
    /// # Errors
    /// Every problem of the file, sorted by line, as `heartbeat.conf:12: [web] port: "80a" is not a port (1 to 65535)`.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Self::read(path, false)
    }

    /// The same to be asked about and not run: the files that checks name, as those of passwords, are left alone, for
    /// whoever asks need not be able to read them.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_to_ask(path: &Path) -> Result<Self, Problems> {
        Self::read(path, true)
    }

    fn read(path: &Path, skips_files: bool) -> Result<Self, Problems> {
        let text = source::read(path).map_err(|problem| Problems(vec![problem]))?;
        Self::judge(path, &text, skips_files)
    }

    /// Judges `text` as the content of `path`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        Self::judge(path, text, false)
    }

    fn judge(path: &Path, text: &str, skips_files: bool) -> Result<Self, Problems> {
        let name = path.display();
        let lines = |mut problems: Vec<Problem>, mark: &str| -> Vec<String> {
            problems.sort();
            problems.dedup();
            let line = |p: Problem| format!("{name}:{}: {mark}{p}", p.line);
            problems.into_iter().map(line).collect()
        };
        let (draft, problems) = sections::judge(path, text, skips_files);
        match draft {
            Some(draft) if problems.is_empty() => Ok(Self {
                general: draft.general,
                actions: draft.actions,
                checks: draft.checks.into(),
                warnings: lines(draft.warnings, "warning: "),
            }),
            _ => Err(Problems(lines(problems, ""))),
        }
    }

    /// What there is to decide.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let scope_of = |action: usize| match self.general.scope {
            Scope::System => SYSTEM,
            Scope::Action => SYSTEM + 1 + action,
        };
        let places: HashMap<&str, usize> = self
            .actions
            .iter()
            .enumerate()
            .map(|(place, action)| (action.name.as_str(), place))
            .collect();
        let scopes = |check: &Check| {
            let actions = check
                .actions
                .iter()
                .filter_map(|name| places.get(name.as_str()));
            let scopes = actions.map(|action| scope_of(*action));
            scopes.filter(|scope| *scope != SYSTEM).collect()
        };
        let actions = self.actions.iter().enumerate();
        let actions: Vec<_> = actions
            .map(|(place, action)| (scope_of(place), action.demotion_rank))
            .collect();
        Plan {
            checks: self
                .checks
                .iter()
                .map(|check| (check.thresholds, scopes(check)))
                .collect(),
            scopes: actions
                .iter()
                .map(|(scope, _)| scope + 1)
                .max()
                .unwrap_or(SYSTEM + 1),
            actions,
            rules: Rules {
                is_guarded: self.general.demotion_guard.is_some(),
                reassert: self.general.reassert,
            },
        }
    }

    /// Where the state of the configuration at `path` is, as long as it can be read: whoever asks how things are must not be
    /// sent away because of a slip in it.
    ///
    /// # Errors
    /// The file cannot be read: one line.
    pub fn statefile(path: &Path) -> Result<PathBuf, String> {
        let text = source::read(path)?;
        Ok(general::statefile(&ini::read(&text)))
    }

    /// How many checks may be in flight at once.
    #[must_use]
    pub fn workers(&self) -> usize {
        /// Waking more threads than this for short jobs costs more than it gains.
        const DEFAULT_MOST: usize = 64;
        let wished = self.general.threads.unwrap_or(DEFAULT_MOST);
        wished.min(self.checks.len()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACTIONS: &str = "[promotions]\nx = on\n[demotions]\nx = off\n";

    fn problems(text: &str) -> Vec<String> {
        match Config::parse(Path::new("c"), text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
        }
    }

    /// The problems of a file that is good but for a check with these lines, which begin at line 6.
    fn problems_of_check(lines: &str) -> Vec<String> {
        problems(&format!("{ACTIONS}[web]\n{lines}\n"))
    }

    #[test]
    fn the_example_of_heartbeat_py_loads() {
        let text = "[promotions]\nnginx = service nginx start\n[demotions]\nnginx = service nginx stop\n\
                    [webapp]\ntype = http\nhostname = localhost\nport = 8080\npath = /app/login\naction = nginx\n";
        let config = Config::parse(Path::new("c"), text).expect("it is good");
        let check = &config.checks[0];
        assert_eq!((check.name.as_str(), check.kind), ("webapp", "http"));
        assert_eq!(check.timeout, Duration::from_secs(5));
        assert_eq!(config.actions[0].demotion, "service nginx stop");
        assert_eq!(config.workers(), 1);
    }

    #[test]
    fn every_wrong_value_is_told_with_its_line_and_what_would_be_right() {
        for (lines, expected) in [
            (
                "action = x",
                "c:5: [web] port: missing; type tcp must give one (1 to 65535)",
            ),
            (
                "port = 80a\naction = x",
                "c:6: [web] port: \"80a\" is not a port (1 to 65535)",
            ),
            (
                "port = 1",
                "c:5: [web] action: missing; name a key of [promotions] and [demotions]",
            ),
            (
                "port = 1\naction = y",
                "c:7: [web] action: \"y\" is not an action (defined: x)",
            ),
            (
                "port = 1\naction = x\ntimout = 3",
                "c:8: [web] timout: unknown key; did you mean timeout?",
            ),
            (
                "type = htp\naction = x",
                "c:6: [web] type: \"htp\" is not a type of check (tcp, http, https, tls, dns, exec)",
            ),
            (
                "type = http\npath = a\naction = x",
                "c:7: [web] path: \"a\" does not begin with /",
            ),
            (
                "port = 1\ntimeout = 0\naction = x",
                "c:7: [web] timeout: \"0\" is too short (at least 1ms)",
            ),
        ] {
            assert_eq!(problems_of_check(lines), [expected], "{lines}");
        }
    }

    #[test]
    fn all_problems_are_told_in_one_run_sorted_by_line() {
        let text = "[general]\nthreads = 0\nuser =\n[promotions]\na = on\n[demotions]\nb = off\nc =\n\
                    [DEFAULT]\ntimeout = never\n[w]\nport = 0\naction = a\n[v]\nport = 1\naction = b\n";
        let lines: Vec<_> = problems(text)
            .iter()
            .map(|p| p[..p.find("] ").expect("a place")].to_owned())
            .collect();
        assert_eq!(
            lines,
            [
                "c:2: [general",
                "c:3: [general",
                "c:5: [promotions",
                "c:7: [demotions",
                "c:8: [demotions",
                "c:8: [demotions",
                "c:10: [DEFAULT",
                "c:12: [w",
            ]
        );
    }

    #[test]
    fn what_is_unwise_is_a_warning() {
        let text =
            format!("{ACTIONS}z = off\n[general]\ninterval = 1\n[web]\nport = 1\naction = X\n")
                .replace("x = on\n", "x = on\nz = on\n");
        let config = Config::parse(Path::new("c"), &text).expect("it is good");
        assert_eq!(config.actions.len(), 1);
        assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
        assert!(config.warnings[0].starts_with("c:3: warning: [promotions] z:"));
        assert!(config.warnings[1].starts_with("c:9: warning: [web] timeout:"));
    }

    #[test]
    fn files_that_would_destroy_one_another_are_refused() {
        let text = format!(
            "{ACTIONS}[general]\nlogfile = ./c\npidfile = p\nstatefile = p\n[w]\nport=1\naction=x\n"
        );
        assert_eq!(
            problems(&text),
            [
                "c:6: [general] logfile: the same file as this configuration",
                "c:7: [general] pidfile: the same file as statefile",
            ]
        );
    }

    #[test]
    fn a_file_of_junk_is_told_in_a_few_lines() {
        let told = problems(&"junk\n".repeat(100_000));
        assert_eq!(told.len(), MOST_TOLD + 1);
        assert_eq!(told[MOST_TOLD], "… and more than 900 more problems");
    }

    proptest! {
        /// Pieces of configurations in any order: never a panic, and always either a configuration or problems whose
        /// lines exist and whose text is one short line each.
        #[test]
        fn any_text_is_judged(pieces in prop::collection::vec(
            prop_oneof![
                "(?s).{0,24}",
                "\\[(general|promotions|demotions|DEFAULT|web|General|a b)\\]",
                "(type|hostname|port|path|timeout|action|x|user|interval|threads|logfile|daemonize) ?[=:] ?(.{0,12}|http|x|80|%\\(x\\)s)",
                "[ \t]{1,3}.{0,12}",
            ], 0..24,
        )) {
            let text = pieces.join("\n");
            match Config::parse(Path::new("c"), &text) {
                Ok(config) => prop_assert!(!config.checks.is_empty()),
                Err(problems) => for problem in problems.to_string().lines() {
                    let line = problem.split(':').nth(1).and_then(|line| line.parse::<usize>().ok());
                    prop_assert!(line.is_some_and(|line| (1..=pieces.len() + 24).contains(&line)), "{}", problem);
                    prop_assert!(problem.len() < 1000, "{}", problem);
                },
            }
        }
    }
}
