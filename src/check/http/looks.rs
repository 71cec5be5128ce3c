//! Looks for the patterns of a check in a body while it comes, so that no body is kept.

use super::secret::Secrets;
use crate::check::pattern::{Pattern, Search};
use crate::check::{Deadline, Failure, Phase};
use crate::settings::{quote, short};

/// How much of what has come is kept for an excerpt.
const EXCERPT: usize = 256;

/// How much an excerpt shows before the end of what was found.
const BEFORE: usize = 20;

/// A pattern that is looked for in one body.
pub struct Look<'a> {
    pattern: &'a Pattern,
    search: Search<'a>,
    secrets: &'a Secrets,
    /// How the body begins, or its last bytes.
    seen: Vec<u8>,
}

impl<'a> Look<'a> {
    /// Before the body comes.
    pub fn new(pattern: &'a Pattern, secrets: &'a Secrets) -> Self {
        Self {
            pattern,
            search: pattern.search(),
            secrets,
            seen: Vec::new(),
        }
    }

    /// Goes on with what must be found. Gives whether it is.
    ///
    /// # Errors
    /// There was no time left to look.
    pub fn finds(&mut self, piece: &[u8], deadline: Deadline) -> Result<bool, Failure> {
        let room = self.kept().saturating_sub(self.seen.len());
        self.seen.extend_from_slice(&piece[..room.min(piece.len())]);
        Ok(self.feed(piece, deadline)?.is_some())
    }

    /// Goes on with what must not be found.
    ///
    /// # Errors
    /// It is found, or there was no time left to look.
    pub fn misses(&mut self, piece: &[u8], deadline: Deadline) -> Result<(), Failure> {
        let before = self.seen.len();
        self.seen.extend_from_slice(piece);
        if let Some(at) = self.feed(piece, deadline)? {
            return Err(self.unwanted(before + at));
        }
        let old = self.seen.len().saturating_sub(self.kept());
        self.seen.drain(..old);
        Ok(())
    }

    /// Nothing more comes, and it must have been found.
    ///
    /// # Errors
    /// It has not.
    pub fn must_end(&mut self) -> Result<(), Failure> {
        if self.search.is_at_end() {
            return Ok(());
        }
        let pattern = short(&self.pattern.to_string());
        Err(failure(&match self.seen[..] {
            [] => format!("{pattern} not found, the body is empty"),
            _ => format!(
                "{pattern} not found in {}",
                excerpt(&self.seen, self.secrets)
            ),
        }))
    }

    /// Nothing more comes, and it must not have been found.
    ///
    /// # Errors
    /// It has.
    pub fn must_not_end(&mut self) -> Result<(), Failure> {
        if self.search.is_at_end() {
            return Err(self.unwanted(self.seen.len()));
        }
        Ok(())
    }

    fn feed(&mut self, piece: &[u8], deadline: Deadline) -> Result<Option<usize>, Failure> {
        let found = self.search.feed(piece, deadline);
        found.map_err(|_| {
            let pattern = short(&self.pattern.to_string());
            let within = deadline.within();
            failure(&format!(
                "{pattern} not looked for to the end {within}: it makes too much work"
            ))
        })
    }

    fn unwanted(&mut self, end: usize) -> Failure {
        self.secrets.mask(&mut self.seen);
        let from = end.saturating_sub(BEFORE);
        let to = self.seen.len().min(end + EXCERPT);
        let pattern = short(&self.pattern.to_string());
        let came = shown(&self.seen[from..to]);
        failure(&format!("{pattern} found in {came}"))
    }

    /// As much as an excerpt needs, and a secret that reaches into it.
    fn kept(&self) -> usize {
        EXCERPT + self.secrets.longest()
    }
}

fn failure(text: &str) -> Failure {
    Failure::new(Phase::Body, text)
}

/// How these bytes begin, without secrets, in quotation marks.
pub fn excerpt(bytes: &[u8], secrets: &Secrets) -> String {
    let most = bytes.len().min(EXCERPT + secrets.longest());
    let mut bytes = bytes[..most].to_vec();
    secrets.mask(&mut bytes);
    shown(&bytes)
}

fn shown(bytes: &[u8]) -> String {
    quote(String::from_utf8_lossy(bytes).trim())
}
