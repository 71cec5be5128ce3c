//! The text of a `heartbeat.conf`, put together line by line.

use std::fmt::{Display, Write};

/// A configuration in the making. Its log is as talkative as can be; everything else is heartbeat's default.
pub struct Config {
    general: String,
    promotions: String,
    demotions: String,
    checks: String,
}

impl Config {
    /// One without actions and checks.
    pub fn new() -> Self {
        Self {
            general: "[general]\nloglevel = DEBUG\n".to_owned(),
            promotions: "[promotions]\n".to_owned(),
            demotions: "[demotions]\n".to_owned(),
            checks: String::new(),
        }
    }

    /// A key of `[general]`, or another value for one that it has.
    pub fn general(mut self, key: &str, value: impl Display) -> Self {
        set(&mut self.general, 0, key, value);
        self
    }

    /// An action that leaves the word `+name` when it promotes and `-name` when it demotes (`Workdir::words`).
    pub fn action(self, name: &str) -> Self {
        let promotion = format!("echo +{name} >> words");
        let demotion = format!("echo -{name} >> words");
        self.commands(name, &promotion, &demotion)
    }

    /// An action with commands of its own. They may have several lines.
    pub fn commands(mut self, name: &str, promotion: &str, demotion: &str) -> Self {
        let script = |command: &str| command.replace('\n', "\n    ");
        writeln!(self.promotions, "{name} = {}", script(promotion)).unwrap();
        writeln!(self.demotions, "{name} = {}", script(demotion)).unwrap();
        self
    }

    /// A check of `endpoint`, a `host:port` or socket address, which `action` depends on.
    pub fn check(mut self, name: &str, kind: &str, endpoint: impl Display, action: &str) -> Self {
        let endpoint = endpoint.to_string();
        let (host, port) = endpoint.rsplit_once(':').expect("a host and a port");
        let host = host.trim_matches(['[', ']']);
        write!(
            self.checks,
            "[{name}]\ntype = {kind}\nhostname = {host}\nport = {port}\naction = {action}\n"
        )
        .unwrap();
        self
    }

    /// A check that runs `command`, which may have several lines, and which `action` depends on.
    pub fn exec(mut self, name: &str, command: &str, action: &str) -> Self {
        let script = command.replace('\n', "\n    ");
        write!(
            self.checks,
            "[{name}]\ntype = exec\ncommand = {script}\naction = {action}\n"
        )
        .unwrap();
        self
    }

    /// One more key for the check that was added last, or another value for one that it has.
    pub fn key(mut self, key: &str, value: impl Display) -> Self {
        let section = self.checks.rfind("\n[").map_or(0, |end| end + 1);
        set(&mut self.checks, section, key, value);
        self
    }

    /// The whole file.
    pub fn text(&self) -> String {
        format!(
            "{}{}{}{}",
            self.general, self.promotions, self.demotions, self.checks
        )
    }
}

/// Sets a key of the section that begins at `start` and is the last one of the text.
fn set(text: &mut String, start: usize, key: &str, value: impl Display) {
    let line = format!("\n{key} = ");
    match text[start..].find(&line) {
        Some(found) => {
            let begin = start + found + line.len();
            let end = begin + text[begin..].find('\n').expect("the end of a line");
            text.replace_range(begin..end, &value.to_string());
        }
        None => writeln!(text, "{key} = {value}").unwrap(),
    }
}
