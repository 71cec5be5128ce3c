//! The keys of one section, read one by one into ready values.
//!
//! A section's reader (the general part, a kind of check) asks for a key with the function that parses it. What is
//! wrong becomes a [`Problem`] that names the place and what would be right, and reading goes on, so that one run
//! tells everything that is wrong in a file.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How much of a wrong value is repeated in a problem, in characters.
const QUOTED: usize = 60;

/// Longest duration that a file may ask for: one year keeps every deadline within the clock's range.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Longest command: Linux takes no argument of 128 KiB or more.
const LONGEST_COMMAND: usize = 120_000;

/// One thing wrong, or unwise, in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: usize,
    /// `[section] key`, `[section]`, or nothing where neither is known.
    pub place: String,
    /// What is wrong and what would be right.
    pub text: String,
}

impl Problem {
    /// A problem of a whole line or section.
    pub fn new(line: usize, place: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            line,
            place: place.into(),
            text: text.into(),
        }
    }

    /// A problem of one key.
    #[must_use]
    pub fn of_key(line: usize, section: &str, key: &str, text: impl Into<String>) -> Self {
        let place = format!("[{}] {}", short(section), short(key));
        Self::new(line, place, text)
    }

    /// A problem of a section as a whole.
    #[must_use]
    pub fn of_section(line: usize, section: &str, text: impl Into<String>) -> Self {
        Self::new(line, format!("[{}]", short(section)), text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            return f.write_str(&self.text);
        }
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// A value as the file gives it, after `%(name)s` has been replaced.
#[derive(Debug, Clone)]
pub struct Value {
    /// The text; continuation lines are joined by `\n`.
    pub text: String,
    /// The line of its key.
    pub line: usize,
    /// Whether it comes from `[DEFAULT]`.
    pub inherited: bool,
}

/// Who reads the files that a section names, such as a password's.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// The user that heartbeat will run as; `None`: as started.
    pub user: Option<String>,
    /// They are left alone: nothing is going to be run, and whoever asks how it stands need not be able to read them.
    pub skips_files: bool,
}

/// The keys of one section, and the problems found while they are read.
#[derive(Debug)]
pub struct Settings {
    section: String,
    line: usize,
    values: BTreeMap<String, Value>,
    reader: Reader,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Settings {
    /// The section `section`, whose header is on `line`, with its own and inherited keys (lower case).
    #[must_use]
    pub fn new(section: &str, line: usize, values: BTreeMap<String, Value>) -> Self {
        Self {
            section: section.to_owned(),
            line,
            values,
            reader: Reader::default(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The same, for this reader of files.
    #[must_use]
    pub fn read_by(self, reader: Reader) -> Self {
        Self { reader, ..self }
    }

    /// Who reads the files that are named here.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The section's name.
    #[must_use]
    pub fn section(&self) -> &str {
        &self.section
    }

    /// The keys of the section itself.
    pub fn own_keys(&self) -> impl Iterator<Item = &str> {
        let own = self.values.iter().filter(|(_, value)| !value.inherited);
        own.map(|(key, _)| key.as_str())
    }

    /// The raw value of a key, its own or inherited.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// Reads `key` with `parse`, whose error says what would be right. `None`: not there, or wrong and noted.
    pub fn optional<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.secret(key, |text| {
            parse(text).map_err(|wrong| format!("{} {wrong}", quote(text)))
        })
    }

    /// The same of a value that may hold a secret: it is not shown.
    pub fn secret<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&self.values.get(key)?.text) {
            Ok(ready) => Some(ready),
            Err(text) => {
                self.note(key, text);
                None
            }
        }
    }

    /// Reads `key`, or takes `default` where it is not there (or wrong and noted).
    pub fn or<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        self.optional(key, parse).unwrap_or(default)
    }

    /// Notes a problem at `key`, or at the section where the key is not there. An inherited value is the fault of
    /// `[DEFAULT]`, told once for all who inherit it.
    pub fn note(&mut self, key: &str, text: impl Into<String>) {
        let problem = self.at(key, text);
        self.problems.push(problem);
    }

    /// Notes what is legal but unwise, in the same way.
    pub fn warn(&mut self, key: &str, text: impl Into<String>) {
        let warning = self.at(key, text);
        self.warnings.push(warning);
    }

    fn at(&self, key: &str, text: impl Into<String>) -> Problem {
        match self.values.get(key) {
            Some(value) if value.inherited => Problem::of_key(value.line, "DEFAULT", key, text),
            Some(value) => Problem::of_key(value.line, &self.section, key, text),
            None => Problem::of_key(self.line, &self.section, key, text),
        }
    }

    /// Whether a problem has been noted.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// What is unwise, as far as the section has been read.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The problems noted so far; the reading is done.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// A duration: seconds with decimals, or a number with `ms`, `s`, `m` or `h`. More than zero, at most a year.
///
/// # Errors
/// What would be right, to stand after the quoted value.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "is not a duration (seconds such as 5 or 0.5, or 500ms, 30s, 5m, 1h)".to_owned();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from_secs_f64(number * seconds).unwrap_or(Duration::MAX);
    if duration < Duration::from_millis(1) {
        return Err("is too short (at least 1ms)".to_owned());
    }
    if duration > LONGEST {
        return Err("is too long (at most 8760h)".to_owned());
    }
    Ok(duration)
}

/// A port number.
///
/// # Errors
/// What would be right.
pub fn port(text: &str) -> Result<u16, String> {
    match decimal(text) {
        Some(port @ 1..=65535) => Ok(u16::try_from(port).unwrap_or(u16::MAX)),
        _ => Err("is not a port (1 to 65535)".to_owned()),
    }
}

/// A number of threads.
///
/// # Errors
/// What would be right.
pub fn threads(text: &str) -> Result<usize, String> {
    match decimal(text) {
        Some(threads @ 1..=1024) => Ok(threads as usize),
        _ => Err("is not a number of threads (1 to 1024)".to_owned()),
    }
}

/// How many results in a row it takes.
///
/// # Errors
/// What would be right.
pub fn results(text: &str) -> Result<u32, String> {
    match decimal(text) {
        Some(results @ 1..=1000) => Ok(results),
        _ => Err("is not a number of results in a row (1 to 1000)".to_owned()),
    }
}

/// A number of days.
///
/// # Errors
/// What would be right.
pub fn days(text: &str) -> Result<u32, String> {
    match decimal(text) {
        Some(days @ 1..=3650) => Ok(days),
        _ => Err("is not a number of days (1 to 3650)".to_owned()),
    }
}

/// Whether a value can go to the shell.
///
/// # Errors
/// What would be right.
pub fn command(value: &str) -> Result<(), String> {
    if value.trim().is_empty() {
        return Err("no command (write true to do nothing)".to_owned());
    }
    if value.len() > LONGEST_COMMAND {
        return Err(format!(
            "command of {} bytes (at most {LONGEST_COMMAND})",
            value.len()
        ));
    }
    Ok(())
}

/// A yes or no in `ConfigParser`'s words.
///
/// # Errors
/// What would be right.
pub fn yes_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err("is neither yes nor no (yes, no, true, false, on, off, 1, 0)".to_owned()),
    }
}

/// Digits and nothing else: `u32::from_str` would take `+80`.
fn decimal(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A value in quotation marks, its control characters escaped, cut to a length that a terminal can show.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("\"{}\"", short(text))
}

/// A text cut to a length that a terminal can show, its control characters escaped.
#[must_use]
pub fn short(text: &str) -> String {
    let cut: String = text.chars().take(QUOTED).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", plain(&cut))
}

/// A text that stays on one line and moves no terminal: control characters, and the marks that reorder or hide
/// text (Unicode's bidirectional controls and line separators), are written as escapes.
#[must_use]
pub fn plain(text: &str) -> String {
    if !text.contains(unsafe_to_show) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if unsafe_to_show(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

fn unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A duration as the file would give it: `5s`, `0.5s`.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    format!("{}s", bare_seconds(duration))
}

/// The same without its unit, as heartbeat.py logs a timeout: `5`, `0.5`.
#[must_use]
pub fn bare_seconds(duration: Duration) -> String {
    let text = format!("{:.3}", duration.as_secs_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let ms = |text: &str| duration(text).map(|d| d.as_millis());
        for (text, expected) in [
            ("5", 5000),
            ("0.5", 500),
            (".5", 500),
            ("500ms", 500),
            ("30s", 30_000),
            ("5M", 300_000),
            ("1 h", 3_600_000),
        ] {
            assert_eq!(ms(text), Ok(expected), "{text}");
        }
        for text in [
            "", "0", "0.0", "-1", "soon", "1d", "1e3", "inf", "nan", "1.2.3", "5 5", "8761h", ".",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers() {
        assert_eq!(port("65535"), Ok(65535));
        for text in ["0", "65536", "-1", "+80", "80a", "", "99999999999"] {
            assert!(port(text).is_err(), "{text}");
        }
        assert_eq!(threads("1024"), Ok(1024));
        assert!(threads("1025").is_err());
    }

    #[test]
    fn shown_text_is_one_harmless_line() {
        assert_eq!(plain("a\nb\u{1b}[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
        assert_eq!(plain("grün"), "grün");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), 63);
    }

    #[test]
    fn durations_are_shown_as_written() {
        assert_eq!(seconds(Duration::from_millis(500)), "0.5s");
        assert_eq!(bare_seconds(Duration::from_secs(5)), "5");
        assert_eq!(bare_seconds(Duration::from_secs(60)), "60");
    }
}
