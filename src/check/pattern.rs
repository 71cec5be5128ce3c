//! Regular expressions on what a peer sends: in linear time, whatever the pattern and the text.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use crate::settings::plain;

/// Largest compiled pattern, in bytes: a few hundred are usual.
const LARGEST: usize = 1 << 20;

/// A regular expression in the syntax of the regex crate, without Unicode classes: a peer's bytes need be no text.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

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
        let built = RegexBuilder::new(text)
            .unicode(false)
            .multi_line(lines)
            .crlf(lines)
            .size_limit(LARGEST)
            .build();
        built.map(Self).map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            let words = last.strip_prefix("error: ").unwrap_or(last);
            format!("is not a regular expression ({})", plain(words))
        })
    }

    /// Whether it is found anywhere in the bytes.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// Where the first match at or behind `from` ends. What stands before `from` tells whether a line begins there.
    #[must_use]
    pub fn end_in(&self, bytes: &[u8], from: usize) -> Option<usize> {
        self.0.find_at(bytes, from).map(|found| found.end())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", plain(self.0.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let pattern = Pattern::parse("^PONG\\b|ok$").expect("a pattern");
        assert!(pattern.is_in(b"PONG\xff") && pattern.is_in(b"all ok") && !pattern.is_in(b"PONGO"));
        assert_eq!(pattern.to_string(), "/^PONG\\b|ok$/");
        assert!(
            Pattern::parse("gr\u{fc}n")
                .expect("UTF-8")
                .is_in("grün".as_bytes())
        );
    }

    #[test]
    fn patterns_of_lines() {
        let pattern = Pattern::of_lines("^2[0-9]+$").expect("a pattern");
        assert_eq!(pattern.end_in(b"x\r\n250\r\n", 0), Some(6));
        assert_eq!(
            pattern.end_in(b"220 2\r\n", 1),
            None,
            "no line begins there"
        );
        assert_eq!(pattern.end_in(b"\n220", 1), Some(4));
    }

    #[test]
    fn what_is_wrong_is_told_in_a_line() {
        for (text, words) in [
            ("", "empty"),
            ("a(b", "unclosed group"),
            ("a{9999999}{9999}", "size"),
        ] {
            let error = Pattern::parse(text).expect_err(text);
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
    }
}
