//! tcp: up when a connection is established and the dialogue, if there is one, goes as it should.
//!
//! A dialogue is two keys read side by side: line k of `send` is sent, then line k of `expect` is waited for. A line `-`
//! stands where nothing is sent or nothing waited for, so that who speaks first is written down and both keys have as
//! many lines as the dialogue has steps: a line that was lost is an error in the file, not a check that tests less.

use std::io::{self, Read, Write};

use super::connect::{self, Stream};
use super::pattern::{Pattern, TooLate};
use super::route::Route;
use super::{Deadline, Failure, Kind, Note, Phase, Probe};
use crate::file::reason;
use crate::settings::{Settings, quote, short};

/// `type = tcp`
pub const TCP: Kind = Kind {
    name: "tcp",
    has_route: true,
    has_tls: false,
    default_port: None,
    keys: &["send", "expect"],
    read,
};

/// A line of `send` or `expect` without a counterpart.
const NOTHING: &str = "-";

/// How much is searched for one pattern.
const MOST_RECEIVED: usize = 64 * 1024;

/// How much of an answer a failure repeats, in bytes.
const EXCERPT: usize = 60;

#[derive(Debug)]
struct Tcp {
    steps: Vec<Step>,
}

/// Something said, and what has to come of it.
#[derive(Debug)]
struct Step {
    send: Option<Vec<u8>>,
    expect: Option<Pattern>,
}

fn read(settings: &mut Settings, _: &Route) -> Option<Box<dyn Probe>> {
    let mut sends = read_lines(settings, "send", unescaped);
    let mut expects = read_lines(settings, "expect", Pattern::of_lines);
    let steps = sends.len().max(expects.len());
    if sends.len() != expects.len() && !sends.is_empty() && !expects.is_empty() {
        let text = format!(
            "{} lines, and send has {}; write {NOTHING} where nothing is sent or expected",
            expects.len(),
            sends.len()
        );
        settings.note("expect", text);
        return None;
    }
    sends.resize_with(steps, || None);
    expects.resize_with(steps, || None);
    let pairs = sends.into_iter().zip(expects);
    let steps = pairs.map(|(send, expect)| Step { send, expect }).collect();
    Some(Box::new(Tcp { steps }))
}

/// The lines of a key, `None` for each that says nothing. One that is wrong is noted.
fn read_lines<T>(
    settings: &mut Settings,
    key: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Vec<Option<T>> {
    let Some(text) = settings.value(key).map(|value| value.text.clone()) else {
        return Vec::new();
    };
    // Lines are indented in the file, and may stand apart.
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let lines = lines.into_iter().filter(|line| !line.is_empty());
    let mut ready = Vec::new();
    for line in lines {
        let parsed = (line != NOTHING).then(|| parse(line)).transpose();
        ready.push(parsed.unwrap_or_else(|wrong| {
            settings.note(key, format!("{} {wrong}", quote(line)));
            None
        }));
    }
    if ready.is_empty() {
        settings.note(key, "empty; leave it out to say nothing");
    }
    ready
}

/// The bytes that a line of `send` stands for.
fn unescaped(line: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match byte {
            b'\\' => escape(after)?,
            _ => (byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    Ok(bytes)
}

/// What stands behind a backslash, and what follows it.
fn escape(rest: &[u8]) -> Result<(u8, &[u8]), String> {
    let hex = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok()?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)
    };
    let found = match rest {
        [b'r', rest @ ..] => Some((b'\r', rest)),
        [b'n', rest @ ..] => Some((b'\n', rest)),
        [b't', rest @ ..] => Some((b'\t', rest)),
        [b'\\', rest @ ..] => Some((b'\\', rest)),
        [b'x', high, low, rest @ ..] => hex(&[*high, *low]).map(|byte| (byte, rest)),
        _ => None,
    };
    found.ok_or_else(|| r"holds a \ that begins no escape (\r, \n, \t, \\, \xHH)".to_owned())
}

impl Probe for Tcp {
    fn probe(&self, route: &Route, deadline: Deadline) -> Result<Note, Failure> {
        let stream = connect::connect(route, deadline)?;
        let mut dialogue = Dialogue {
            stream,
            deadline,
            received: Vec::new(),
            before: None,
        };
        for step in &self.steps {
            if let Some(bytes) = &step.send {
                dialogue.send(bytes)?;
            }
            if let Some(pattern) = &step.expect {
                dialogue.expect(pattern)?;
            }
        }
        Ok(None)
    }
}

/// A connection on which both sides have something to say.
struct Dialogue {
    stream: Stream,
    deadline: Deadline,
    /// What has come since the last match.
    received: Vec<u8>,
    /// The byte before it, which tells whether a line begins there.
    before: Option<u8>,
}

impl Dialogue {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(bytes).map_err(|error| {
            let words = match error.kind() {
                io::ErrorKind::TimedOut => format!("not taken {}", self.deadline.within()),
                _ => reason(&error),
            };
            Failure::new(Phase::Send, &words)
        })
    }

    /// Waits until the pattern is found in what has come since the last match.
    fn expect(&mut self, pattern: &Pattern) -> Result<(), Failure> {
        let mut search = pattern.search_behind(self.before);
        let mut searched = 0;
        loop {
            let news = &self.received[searched..];
            let found = match search.feed(news, self.deadline) {
                Ok(Some(at)) => Some(searched + at),
                Ok(None) if search.is_certain() => Some(self.received.len()),
                Ok(None) => None,
                Err(TooLate) => return Err(self.missed(pattern, &self.deadline.within(), "")),
            };
            if let Some(end) = found {
                self.pass(end);
                return Ok(());
            }
            searched = self.received.len();
            if self.room() == 0 {
                return Err(self.missed(pattern, "in 64 KiB", ""));
            }
            match self.receive() {
                // What was waited for is the end.
                Ok(0) if search.is_at_end() => {
                    self.pass(self.received.len());
                    return Ok(());
                }
                Ok(0) => return Err(self.missed(pattern, "before the connection was closed", "")),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(self.missed(pattern, &self.deadline.within(), ""));
                }
                Err(error) => {
                    let words = format!(" ({})", reason(&error));
                    return Err(self.missed(pattern, "before the connection broke", &words));
                }
            }
        }
    }

    /// A match ends there: the next one is looked for behind it.
    fn pass(&mut self, end: usize) {
        self.before = self.received.drain(..end).next_back().or(self.before);
    }

    fn room(&self) -> usize {
        MOST_RECEIVED.saturating_sub(self.received.len())
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut piece = [0; 4096];
        let most = self.room().min(piece.len());
        let amount = self.stream.read(&mut piece[..most])?;
        self.received.extend_from_slice(&piece[..amount]);
        Ok(amount)
    }

    fn missed(&self, pattern: &Pattern, how: &str, words: &str) -> Failure {
        let expected = short(&pattern.to_string());
        let text = format!("expected {expected} {how}, got {}{words}", self.excerpt());
        Failure::new(Phase::Expect, &text)
    }

    /// The beginning of what has come, in the escapes of `send`, without the rest of the line that was matched last.
    fn excerpt(&self) -> String {
        let mut came = &self.received[..];
        let line_end = came.iter().position(|byte| *byte == b'\n');
        if self.before.is_some_and(|byte| byte != b'\n') {
            came = &came[line_end.map_or(came.len(), |end| end + 1)..];
        }
        if came.is_empty() {
            let more = if self.before.is_some() { " more" } else { "" };
            return format!("nothing{more}");
        }
        let dots = if came.len() > EXCERPT { "…" } else { "" };
        let shown = came[..came.len().min(EXCERPT)].escape_ascii();
        format!("\"{shown}{dots}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Value;
    use std::collections::BTreeMap;

    /// The problems of a section with these two keys; what is empty is left out.
    fn problems(send: &str, expect: &str) -> Vec<String> {
        let keys = [("send", send), ("expect", expect)].into_iter();
        let value = |(key, text): (&str, &str)| {
            let value = Value {
                text: text.to_owned(),
                line: 1,
                inherited: false,
            };
            (key.to_owned(), value)
        };
        let values: BTreeMap<_, _> = keys
            .filter(|(_, text)| *text != "leave")
            .map(value)
            .collect();
        let mut settings = Settings::new("a", 1, values);
        let route = Route::to(super::super::Target {
            host: super::super::resolve::Host::default(),
            port: 1,
        });
        let probe = read(&mut settings, &route);
        assert!(probe.is_some() || settings.has_problems());
        let problems = settings.into_problems();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn escapes() {
        for (line, bytes) in [
            ("PING\\r\\n", b"PING\r\n".as_slice()),
            ("\\x00\\xfF\\t\\\\x00", b"\x00\xff\t\\x00"),
            ("gr\u{fc}n ; # %(a)s", "gr\u{fc}n ; # %(a)s".as_bytes()),
        ] {
            assert_eq!(unescaped(line).as_deref(), Ok(bytes), "{line}");
        }
        for line in ["\\", "a\\q", "\\x", "\\x1", "\\xg0", "\\x+1"] {
            assert!(unescaped(line).is_err(), "{line}");
        }
    }

    #[test]
    fn both_keys_have_a_line_for_each_step() {
        let good: [(&str, &str); 5] = [
            ("leave", "leave"),
            ("leave", "\n^220\n^250"),
            ("QUIT\\r\\n", "leave"),
            ("\n-\n\nEHLO a\\r\\n\nQUIT\\r\\n", "^220\n^250\n-"),
            ("PING", "\nPONG"),
        ];
        for (send, expect) in good {
            assert_eq!(problems(send, expect), [""; 0], "{send} {expect}");
        }
        let lost = problems("EHLO a\nQUIT", "^220\n^250\n^221");
        let expected =
            "[a] expect: 3 lines, and send has 2; write - where nothing is sent or expected";
        assert_eq!(lost, [expected]);
    }

    #[test]
    fn a_wrong_line_is_told_with_what_would_be_right() {
        for (send, expect, expected) in [
            ("", "leave", "[a] send: empty; leave it out to say nothing"),
            (
                "a\nb\\q",
                "leave",
                r#"[a] send: "b\q" holds a \ that begins no escape (\r, \n, \t, \\, \xHH)"#,
            ),
            (
                "leave",
                "a\nb(",
                "[a] expect: \"b(\" is not a regular expression (unclosed group)",
            ),
        ] {
            assert_eq!(problems(send, expect), [expected]);
        }
    }
}
