//! Regular expressions on what a peer sends: in linear time whatever the pattern and the text, in pieces as they come,
//! and over by the deadline.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use regex_automata::Anchored;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::hybrid::{BuildError, LazyStateID};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};

use super::Deadline;
use crate::settings::plain;

/// Largest compiled pattern, in bytes: a few hundred are usual. A byte of text costs up to a step for every few of them.
const LARGEST: usize = 64 * 1024;

/// Most memory that one search takes.
const WORKING_MEMORY: usize = 512 * 1024;

/// How many bytes are searched between two looks at the clock.
const STRETCH: usize = 256;

/// A regular expression in the syntax of the regex crate, without Unicode classes: a peer's bytes need be no text.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    /// Elsewhere, for it is large, and most checks have none.
    dfa: Arc<DFA>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, to stand after the quoted value.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::build(text, false)
    }

    /// Reads a pattern for text that comes in lines: `^` and `$` are the bounds of a line, which ends in LF or CRLF.
    ///
    /// # Errors
    /// As [`Pattern::parse`].
    pub fn of_lines(text: &str) -> Result<Self, String> {
        Self::build(text, true)
    }

    fn build(text: &str, lines: bool) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is an empty pattern, which matches everything".to_owned());
        }
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let nfa = thompson::Config::new().utf8(false);
        let dfa = DFA::builder()
            .syntax(syntax.multi_line(lines).crlf(lines))
            .thompson(nfa.nfa_size_limit(Some(LARGEST)))
            .configure(DFA::config().cache_capacity(WORKING_MEMORY))
            .build(text)
            .map_err(|error| wrong(&error))?;
        let text = text.to_owned();
        let dfa = Arc::new(dfa);
        Ok(Self { text, dfa })
    }

    /// Whether it is in these bytes, which are all there are.
    ///
    /// # Errors
    /// The deadline has come first.
    pub fn is_in(&self, bytes: &[u8], deadline: Deadline) -> Result<bool, TooLate> {
        if deadline.left().is_zero() {
            return Err(TooLate);
        }
        let mut search = self.search();
        Ok(search.feed(bytes, deadline)?.is_some() || search.is_at_end())
    }

    /// Begins to look for it in bytes that are yet to come.
    #[must_use]
    pub fn search(&self) -> Search<'_> {
        self.search_behind(None)
    }

    /// The same behind a byte that tells whether a line begins there.
    #[must_use]
    pub fn search_behind(&self, byte: Option<u8>) -> Search<'_> {
        let mut cache = self.dfa.create_cache();
        let start = start::Config::new().anchored(Anchored::No);
        let start = start.look_behind(byte);
        let state = self.dfa.start_state(&mut cache, &start).ok();
        Search {
            dfa: &self.dfa,
            cache,
            state,
        }
    }
}

/// A pattern that is being looked for.
#[derive(Debug)]
pub struct Search<'a> {
    dfa: &'a DFA,
    cache: Cache,
    /// `None`: it can no longer be found.
    state: Option<LazyStateID>,
}

impl Search<'_> {
    /// Goes on through what has come. Gives how many of these bytes it took until it was found.
    ///
    /// # Errors
    /// The deadline has come first.
    pub fn feed(&mut self, bytes: &[u8], deadline: Deadline) -> Result<Option<usize>, TooLate> {
        for (stretch, bytes) in bytes.chunks(STRETCH).enumerate() {
            // A short piece is looked at in any case: it is not the search that is late then.
            if stretch > 0 && deadline.left().is_zero() {
                return Err(TooLate);
            }
            if let Some(at) = self.step(bytes) {
                return Ok(Some(stretch * STRETCH + at));
            }
        }
        Ok(None)
    }

    fn step(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            let state = self.dfa.next_state(&mut self.cache, self.state?, *byte);
            self.state = state.ok().filter(|state| !state.is_dead());
            // It is known with the byte behind it, which may be the bound that it needs.
            if self.state?.is_match() {
                return Some(at);
            }
        }
        None
    }

    /// Whether it is found by now, whatever comes next: `\b` and `$` have to wait for what stands behind them. A byte counts
    /// as one of a word, of a line end, or neither.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        let Some(state) = self.state else {
            return false;
        };
        // A copy: a full cache is cleared, and the state would be lost with it.
        let mut cache = self.cache.clone();
        let kinds = [b'a', b' ', b'\r', b'\n', 0xff];
        let mut behind = |byte| self.dfa.next_state(&mut cache, state, byte);
        kinds
            .into_iter()
            .all(|byte| behind(byte).is_ok_and(|state| state.is_match()))
    }

    /// Whether it is found now that nothing more comes.
    #[must_use]
    pub fn is_at_end(&mut self) -> bool {
        let end = |state| self.dfa.next_eoi_state(&mut self.cache, state).ok();
        self.state.and_then(end).is_some_and(|end| end.is_match())
    }
}

/// A search that is not over by the deadline.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLate;

/// The last line of an error, which is what it comes down to; syntax errors show the pattern before.
fn wrong(error: &BuildError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let limit = error.downcast_ref::<thompson::BuildError>();
        if limit.is_some_and(|error| error.size_limit().is_some()) {
            return "is too large a pattern (repetitions of repetitions?)".to_owned();
        }
        text = error.to_string();
        cause = error.source();
    }
    let last = text.lines().last().unwrap_or_default();
    let words = last.strip_prefix("error: ").unwrap_or(last);
    format!("is not a regular expression ({})", plain(words))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", plain(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn patterns() {
        let pattern = Pattern::parse("^PONG\\b|ok$").expect("a pattern");
        let deadline = Deadline::after(Duration::from_secs(60));
        let is_in = |text: &[u8]| pattern.is_in(text, deadline).expect("in time");
        assert!(is_in(b"PONG\xff") && is_in(b"all ok") && !is_in(b"PONGO"));
        assert_eq!(pattern.to_string(), "/^PONG\\b|ok$/");
        let umlaut = Pattern::parse("gr\u{fc}n").expect("UTF-8");
        assert_eq!(umlaut.is_in("grün".as_bytes(), deadline), Ok(true));
        let passed = Deadline::after(Duration::ZERO);
        assert_eq!(pattern.is_in(b"PONG", passed), Err(TooLate));
    }

    #[test]
    fn patterns_of_lines() {
        let pattern = Pattern::of_lines("^2[0-9]+$").expect("a pattern");
        let deadline = Deadline::after(Duration::from_secs(60));
        let found = |before, bytes: &[u8]| {
            let mut search = pattern.search_behind(before);
            let found = search.feed(bytes, deadline).expect("in time");
            found.or(search.is_at_end().then_some(bytes.len()))
        };
        assert_eq!(found(None, b"x\r\n250\r\n"), Some(6));
        assert_eq!(found(Some(b'2'), b"20 2\r\n"), None, "no line begins there");
        assert_eq!(found(Some(b'\n'), b"220"), Some(3));
    }

    /// Whether it is found in these pieces, and how many bytes of the last one it took.
    fn found_in(pattern: &str, pieces: &[&str]) -> Option<usize> {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        let deadline = Deadline::after(Duration::from_secs(60));
        let mut search = pattern.search();
        for piece in pieces {
            let found = search.feed(piece.as_bytes(), deadline).expect("in time");
            if found.is_some() {
                return found;
            }
        }
        let last = pieces.last().map_or(0, |piece| piece.len());
        search.is_at_end().then_some(last)
    }

    #[test]
    fn what_comes_in_pieces_is_searched_as_one() {
        let long = "x".repeat(3 * STRETCH);
        for (pattern, pieces, expected) in [
            ("ready", &["rea", "dy!"][..], Some(2)),
            ("ready", &["rea", "dy"], Some(2)),
            ("ready", &["rea", "l"], None),
            ("ready", &[], None),
            ("^ready", &["not ", "ready"], None),
            ("ready$", &["ready", "\n"], None),
            ("ready\\b", &["ready", "."], Some(0)),
            ("ready\\b", &["ready", "2"], None),
            ("y$", &[&long, "y"], Some(1)),
            ("x{700}x", &[&long], Some(701)),
            ("^$", &[], Some(0)),
        ] {
            assert_eq!(found_in(pattern, pieces), expected, "{pattern}");
        }
    }

    #[test]
    fn what_depends_on_the_next_byte_is_not_certain() {
        for (pattern, piece, expected) in [
            ("PONG", "+PONG", true),
            ("^.PO", "+PO", true),
            ("PONG", "+PON", false),
            ("PONG$", "+PONG", false),
            ("PONG\\b", "+PONG", false),
            ("PONG\\B", "+PONG", false),
            ("PONG(?-m:$)", "+PONG", false),
        ] {
            let pattern = Pattern::of_lines(pattern).expect("a pattern");
            let mut search = pattern.search();
            let deadline = Deadline::after(Duration::from_secs(10));
            assert_eq!(search.feed(piece.as_bytes(), deadline), Ok(None));
            assert_eq!(search.is_certain(), expected, "{pattern}");
        }
    }

    /// A text and a pattern that would keep a backtracking engine busy for ever, and any engine for too long.
    #[test]
    fn a_search_is_over_by_the_deadline() {
        let pattern = Pattern::parse("[ab]*a[ab]{800}c").expect("a pattern");
        let text: Vec<u8> = (0..1u32 << 20)
            .map(|place| b'a' + u8::from(place.wrapping_mul(2_654_435_761) >> 31 == 1))
            .collect();
        let (begun, deadline) = (Instant::now(), Deadline::after(Duration::from_millis(50)));
        assert_eq!(pattern.search().feed(&text, deadline), Err(TooLate));
        assert!(begun.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn what_is_wrong_is_told_in_a_line() {
        for (text, words) in [
            ("", "empty"),
            ("a(b", "unclosed group"),
            ("a{9999999}{9999}", "too large"),
            ("(?u)\\b", "Unicode"),
        ] {
            let error = Pattern::parse(text).expect_err(text);
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
    }
}
