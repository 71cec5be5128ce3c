//! Text to sections and entries, each with its line: `ConfigParser`'s dialect, read by rust-ini.
//!
//! rust-ini keeps no line numbers, takes a backslash at the end of a line for a continuation, glues a line of junk to
//! the next key and lets doubled keys pass. So a pre-pass follows Python's own `configparser` line by line, notes where
//! each thing stands and what is wrong, and writes the same content down in a form that rust-ini reads exactly: one
//! line per key, the value quoted and escaped.

use std::collections::HashMap;

use super::canonical::through_rust_ini;
use crate::settings::{Problem, quote, short};

/// Longest line that is read; Linux takes no longer argument than twice this, so no command is lost.
const LONGEST_LINE: usize = 64 * 1024;

/// A section and its keys, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name as written, without the blanks around it.
    pub name: String,
    /// The line of its header, from 1.
    pub line: usize,
    /// Its keys.
    pub entries: Vec<Entry>,
}

/// Keys whose values are commands, in whatever section they stand.
const COMMAND_KEYS: [&str; 2] = ["command", "demotion_guard"];

/// Keys whose values are said to a peer or looked for in its answer.
const DIALOGUE_KEYS: [&str; 5] = ["body", "expect", "expect_body", "reject_body", "send"];

/// The same of headers, whose lines can be told from comments.
const HEADER_KEYS: [&str; 2] = ["expect_header", "header"];

/// Whether the value of a key, in lower case, is taken byte for byte: without comments in it, and with every `%` as it is.
#[must_use]
pub fn is_verbatim_key(key: &str) -> bool {
    let verbatim = [&COMMAND_KEYS[..], &DIALOGUE_KEYS, &HEADER_KEYS];
    verbatim.iter().any(|keys| keys.contains(&key))
}

/// What a line belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Text {
    Plain,
    Command,
    Dialogue,
    Header,
}

impl Section {
    /// Whether its values are commands, which reach the shell byte for byte.
    #[must_use]
    pub fn holds_commands(&self) -> bool {
        matches!(self.name.as_str(), "promotions" | "demotions")
    }
}

/// One key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key in lower case.
    pub key: String,
    /// The value; continuation lines are joined by `\n`.
    pub value: String,
    /// The line of the key, from 1.
    pub line: usize,
}

/// What was read: sections, what is wrong, what is only odd, and how many lines there were.
#[derive(Debug, Default)]
pub struct Document {
    /// The sections in order. A doubled one is there twice, and noted as a problem.
    pub sections: Vec<Section>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is legal and looks like a slip.
    pub warnings: Vec<Problem>,
    /// Number of lines.
    pub lines: usize,
}

/// After so many problems a file is something else than a configuration.
const MOST_PROBLEMS: usize = 1000;

impl Document {
    /// Notes a problem; of those that are too many, only that there are more.
    fn note(&mut self, problem: Problem) {
        match self.problems.len() {
            0..MOST_PROBLEMS => self.problems.push(problem),
            MOST_PROBLEMS => {
                let text = format!("more than {MOST_PROBLEMS} problems; the rest is not told");
                self.problems.push(Problem::new(problem.line, "", text));
            }
            _ => {}
        }
    }
}

/// Reads a whole file. Never fails: what cannot be read is among the problems.
#[must_use]
pub fn read(text: &str) -> Document {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut scan = Scan::default();
    for (index, line) in text.lines().enumerate() {
        scan.line(index + 1, line);
    }
    scan.end_value();
    let mut document = scan.document;
    document.lines = text.lines().count();
    note_doubled(&mut document);
    match through_rust_ini(&document.sections) {
        Ok(sections) => document.sections = sections,
        Err(text) => document.problems.push(Problem::new(1, "", text)),
    }
    document
}

/// What an indented line would belong to.
#[derive(Default, PartialEq)]
enum Open {
    /// Nothing: the next line is a header or a key.
    #[default]
    Nothing,
    /// The last entry, whose key is indented this much.
    Value(usize),
    /// A line that could not be read, indented this much: its continuation is passed over with it.
    Unreadable(usize),
}

/// Where a key would go.
#[derive(Default, PartialEq)]
enum Home {
    /// Before the first section: every key is a problem.
    #[default]
    None,
    /// The last section of the document.
    Section,
    /// A section whose header could not be read: its keys are passed over, its header has been noted.
    Unreadable,
}

/// The pre-pass: the state of Python's `RawConfigParser._read` between two lines.
#[derive(Default)]
struct Scan {
    document: Document,
    open: Open,
    home: Home,
}

impl Scan {
    fn line(&mut self, number: usize, raw: &str) {
        if raw.len() > LONGEST_LINE {
            let text = format!("line of {} bytes (at most {LONGEST_LINE})", raw.len());
            self.unreadable(number, 0, text);
            return;
        }
        let trimmed = raw.trim();
        let indent = raw.len() - raw.trim_start().len();
        let continues = match self.open {
            Open::Value(of) | Open::Unreadable(of) => !trimmed.is_empty() && indent > of,
            Open::Nothing => false,
        };
        let belongs = self.belongs(trimmed, continues);
        if is_comment(trimmed, if continues { belongs } else { Text::Plain }) {
            return;
        }
        let content = match belongs {
            Text::Plain => without_inline_comment(raw),
            Text::Command | Text::Dialogue | Text::Header => trimmed,
        };
        if content.is_empty() {
            self.extend_value("");
        } else if continues {
            self.extend_value(content);
        } else if content.starts_with('[') {
            self.end_value();
            self.header(number, indent, trimmed);
        } else {
            self.end_value();
            self.key(number, indent, content);
        }
    }

    /// What a line is, or continues.
    fn belongs(&self, line: &str, continues: bool) -> Text {
        let last = self.document.sections.last();
        let Some(section) = last.filter(|_| self.home == Home::Section) else {
            return Text::Plain;
        };
        let key = match section.entries.last().filter(|_| continues) {
            Some(entry) => entry.key.clone(),
            None => key_of(line).unwrap_or_default(),
        };
        if section.holds_commands() || COMMAND_KEYS.contains(&key.as_str()) {
            Text::Command
        } else if DIALOGUE_KEYS.contains(&key.as_str()) {
            Text::Dialogue
        } else if HEADER_KEYS.contains(&key.as_str()) {
            Text::Header
        } else {
            Text::Plain
        }
    }

    fn header(&mut self, number: usize, indent: usize, line: &str) {
        let Some((name, rest)) = line[1..].split_once(']') else {
            self.home = Home::Unreadable;
            let text = format!("section {} is not closed by ]", quote(line));
            self.unreadable(number, indent, text);
            return;
        };
        let name = name.trim();
        if name.is_empty() {
            self.home = Home::Unreadable;
            self.unreadable(number, indent, "section without a name".to_owned());
            return;
        }
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with(['#', ';']) {
            let text = format!("{} after the section's name is passed over", quote(rest));
            let warning = Problem::of_section(number, name, text);
            self.document.warnings.push(warning);
        }
        self.home = Home::Section;
        self.open = Open::Nothing;
        self.document.sections.push(Section {
            name: name.to_owned(),
            line: number,
            entries: Vec::new(),
        });
    }

    fn key(&mut self, number: usize, indent: usize, content: &str) {
        let value = content.split_once(['=', ':']).map(|(_, value)| value);
        let Some((key, value)) = key_of(content).zip(value) else {
            let text = format!(
                "{} is neither a [section], nor key = value, nor a comment",
                quote(content)
            );
            self.unreadable(number, indent, text);
            return;
        };
        let entry = Entry {
            key,
            value: value.trim().to_owned(),
            line: number,
        };
        match (&self.home, self.document.sections.last_mut()) {
            (Home::Section, Some(section)) => {
                section.entries.push(entry);
                self.open = Open::Value(indent);
            }
            (Home::Unreadable, _) => self.open = Open::Unreadable(indent),
            _ => {
                let text = format!(
                    "key {} stands before the first [section]",
                    quote(&entry.key)
                );
                self.unreadable(number, indent, text);
            }
        }
    }

    fn unreadable(&mut self, number: usize, indent: usize, text: String) {
        self.end_value();
        self.open = Open::Unreadable(indent);
        let place = match (&self.home, self.document.sections.last()) {
            (Home::Section, Some(section)) => {
                format!("[{}]", short(&section.name))
            }
            _ => String::new(),
        };
        self.document.note(Problem::new(number, place, text));
    }

    fn extend_value(&mut self, line: &str) {
        if matches!(self.open, Open::Value(_))
            && let Some(entry) = self.open_entry()
        {
            entry.value.push('\n');
            entry.value.push_str(line);
        }
    }

    /// Blank lines at the end of a value are not part of it.
    fn end_value(&mut self) {
        if matches!(self.open, Open::Value(_))
            && let Some(entry) = self.open_entry()
        {
            entry.value.truncate(entry.value.trim_end().len());
        }
        self.open = Open::Nothing;
    }

    fn open_entry(&mut self) -> Option<&mut Entry> {
        self.document.sections.last_mut()?.entries.last_mut()
    }
}

/// The key of a line, in lower case.
fn key_of(line: &str) -> Option<String> {
    let (key, _) = line.split_once(['=', ':'])?;
    let key = key.trim().to_lowercase();
    (!key.is_empty()).then_some(key)
}

/// A line that begins with `#` or `;`. Inside a command two of them belong to the shell: `#` lines, which it passes
/// over itself or finds in a here-document, and the `;;` of a case. Inside a dialogue both are text: it would go on with
/// a line less, and nobody would know.
fn is_comment(trimmed: &str, continues: Text) -> bool {
    let is_text = match continues {
        Text::Plain | Text::Header => false,
        Text::Command => trimmed.starts_with('#') || trimmed.starts_with(";;"),
        Text::Dialogue => true,
    };
    !is_text && trimmed.starts_with(['#', ';'])
}

/// The line without a comment that begins with a blank and `;`, and without the blanks around it.
fn without_inline_comment(line: &str) -> &str {
    let comment = line.match_indices(';').map(|(at, _)| at).find(|&at| {
        let before = line[..at].chars().next_back();
        before.is_some_and(char::is_whitespace)
    });
    line[..comment.unwrap_or(line.len())].trim()
}

fn note_doubled(document: &mut Document) {
    let mut doubled = Vec::new();
    let mut sections: HashMap<&str, usize> = HashMap::new();
    for section in &document.sections {
        if let Some(first) = sections.get(section.name.as_str()) {
            let text = format!("section already begun on line {first}");
            let problem = Problem::of_section(section.line, &section.name, text);
            doubled.push(problem);
        } else {
            sections.insert(&section.name, section.line);
        }
        let mut keys: HashMap<&str, usize> = HashMap::new();
        for entry in &section.entries {
            if let Some(first) = keys.get(entry.key.as_str()) {
                let text = format!("key already given on line {first}");
                let problem = Problem::of_key(entry.line, &section.name, &entry.key, text);
                doubled.push(problem);
            } else {
                keys.insert(&entry.key, entry.line);
            }
        }
    }
    for problem in doubled {
        document.note(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The entries of the only section, as `key=value@line`.
    fn entries(text: &str) -> Vec<String> {
        let document = read(text);
        assert_eq!(document.problems, [], "{text}");
        let entries = document.sections.iter().flat_map(|s| &s.entries);
        entries
            .map(|e| format!("{}={}@{}", e.key, e.value, e.line))
            .collect()
    }

    fn problems(text: &str) -> Vec<String> {
        let problems = read(text).problems;
        problems
            .iter()
            .map(|p| format!("{}: {p}", p.line))
            .collect()
    }

    #[test]
    fn keys_and_values() {
        for (line, expected) in [
            ("k = v", "k=v@2"),
            ("K: v", "k=v@2"),
            ("k=v=w:x", "k=v=w:x@2"),
            ("k =", "k=@2"),
            ("k = v ; comment", "k=v@2"),
            ("k = ; comment", "k=@2"),
            ("k = a;b#c # d", "k=a;b#c # d@2"),
            ("k = \"q\" 'r' \\", "k=\"q\" 'r' \\@2"),
            ("  k = indented", "k=indented@2"),
        ] {
            assert_eq!(entries(&format!("[s]\n{line}\n")), [expected], "{line}");
        }
    }

    #[test]
    fn commands_reach_the_shell_byte_for_byte() {
        for command in [
            r#"printf "a\tb\n" 'c'"#,
            "a ; b # c",
            "date +%F %% %(x)s",
            "echo $(id) ${x#y} [a]",
            "ends in \\",
        ] {
            let text = format!("[promotions]\nk = {command}\nl = next\n");
            let expected = [format!("k={command}@2"), "l=next@3".to_owned()];
            assert_eq!(entries(&text), expected, "{command}");
        }
    }

    #[test]
    fn continuation_lines() {
        let text = "[s]\r\nk = a\r\n  b ; comment\r\n  # comment\r\n\r\n  c\r\n\r\nl = d\r\n";
        assert_eq!(entries(text), ["k=a\nb\n\nc@2", "l=d@8"]);
        assert_eq!(entries("[s]\n  k = a\n  l = b\n"), ["k=a@2", "l=b@3"]);
        assert_eq!(entries("[s]\nk =\n  a\n  [b]\n"), ["k=\na\n[b]@2"]);
    }

    #[test]
    fn a_command_may_be_a_small_script() {
        let text =
            "[demotions]\nk = case x in\n  x) # yes\n  # why\n  ;;\n  ; gone\n  esac\n# gone\n";
        assert_eq!(entries(text), ["k=case x in\nx) # yes\n# why\n;;\nesac@2"]);
    }

    #[test]
    fn a_dialogue_loses_no_text() {
        let text = "[s]\nsend = a ; b\n  # c\n  ; d %(x)s\n; gone\nexpect =\n  e ;f\nk = g ; h\n\
                    header = A: b ; c\n  # gone\n  D: e\n";
        let expected = [
            "send=a ; b\n# c\n; d %(x)s@2",
            "expect=\ne ;f@6",
            "k=g@8",
            "header=A: b ; c\nD: e@9",
        ];
        assert_eq!(entries(text), expected);
    }

    #[test]
    fn unreadable_lines_are_told_with_their_number() {
        assert_eq!(
            problems("k = 1\n[a\nk = 2\n[]\n[b]\njunk\n  more junk\n= 3\n[b]\nx=1\nX=2\n"),
            [
                "1: key \"k\" stands before the first [section]",
                "2: section \"[a\" is not closed by ]",
                "4: section without a name",
                "6: [b]: \"junk\" is neither a [section], nor key = value, nor a comment",
                "8: [b]: \"= 3\" is neither a [section], nor key = value, nor a comment",
                "9: [b]: section already begun on line 5",
                "11: [b] x: key already given on line 10",
            ]
        );
    }

    #[test]
    fn a_long_line_is_a_problem_of_sensible_length() {
        let text = format!("[s]\nk = {}\n", "x".repeat(10_000_000));
        assert_eq!(
            problems(&text),
            ["2: [s]: line of 10000004 bytes (at most 65536)"]
        );
    }

    proptest! {
        /// rust-ini gives back what the pre-pass found, whatever that is.
        #[test]
        fn nothing_is_lost_on_the_way_through_rust_ini(
            sections in prop::collection::vec(
                ("[^\\s\\x00](.{0,8}[^\\s\\x00])?", prop::collection::vec(("[^\\s=:\\x00][^\\s=:\\x00]{0,6}", "(?s).{0,40}"), 0..4)), 0..4),
        ) {
            let sections: Vec<Section> = sections.into_iter().map(|(name, keys)| Section {
                name: name.trim().to_owned(), line: 1,
                entries: keys.into_iter().map(|(key, value)| Entry { key, value, line: 2 }).collect(),
            }).collect();
            let read = through_rust_ini(&sections);
            prop_assert_eq!(read, Ok(sections));
        }

        /// Lines that look like a configuration, in any order, never panic, and every line number exists.
        #[test]
        fn any_text_is_read(lines in prop::collection::vec(
            prop_oneof![
                "(?s).{0,30}", Just("[promotions]".to_owned()), Just("[a]".to_owned()), "[a-c] ?[=:].{0,12}",
                "[ \t]{1,3}.{0,12}", "[#;].{0,8}", "\\[.{0,6}\\]?",
            ], 0..24,
        )) {
            let text = lines.join("\n");
            let document = read(&text);
            for problem in document.problems.iter().chain(&document.warnings) {
                prop_assert!((1..=document.lines).contains(&problem.line), "{:?} of {:?}", problem, text);
            }
        }
    }
}
