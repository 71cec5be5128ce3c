//! What comes of a check, and by when it must.

use std::fmt;
use std::time::{Duration, Instant};

use super::Note;
use crate::settings;

/// Longest reason that is kept, in characters: a peer may send megabytes.
const LONGEST_REASON: usize = 300;

/// What a check was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking up the name.
    Resolve,
    /// Establishing the connection.
    Connect,
    /// The TLS handshake and the certificate.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the answer, up to the end of its headers.
    Receive,
    /// Judging the status.
    Status,
    /// Judging the headers.
    Header,
    /// Reading the body, and judging it.
    Body,
    /// Waiting for what the answer should hold.
    Expect,
    /// Running a command.
    Exec,
    /// Judging the time that it took.
    Time,
    /// Nothing of the peer's: the check itself broke.
    Panic,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Status => "status",
            Self::Header => "header",
            Self::Body => "body",
            Self::Expect => "expect",
            Self::Exec => "exec",
            Self::Time => "time",
            Self::Panic => "panic",
        })
    }
}

/// Why an endpoint is down: one line without control characters, the same as long as the cause is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was being done.
    pub phase: Phase,
    /// The peer's or the system's words.
    pub reason: String,
}

impl Failure {
    /// A failure for a reason that may come from a peer: cut to 300 characters and made harmless.
    #[must_use]
    pub fn new(phase: Phase, reason: &str) -> Self {
        let cut: String = reason.chars().take(LONGEST_REASON).collect();
        Self {
            phase,
            reason: settings::plain(&cut),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, self.reason)
    }
}

impl std::error::Error for Failure {}

/// One execution of a check.
#[derive(Debug)]
pub struct Outcome {
    /// Which check, by its place in the configuration that it was begun with.
    pub check: usize,
    /// The pool's era that it was begun in.
    pub era: u64,
    /// Up, or why not.
    pub result: Result<Note, Failure>,
    /// How long it took.
    pub took: Duration,
}

/// The one moment by which everything in a check must be over.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    /// The whole time there was.
    pub timeout: Duration,
}

impl Deadline {
    /// A deadline `timeout` from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        let at = Instant::now() + timeout;
        Self { at, timeout }
    }

    /// What is left; zero when it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// What has passed since the check began.
    #[must_use]
    pub fn spent(&self) -> Duration {
        self.timeout.saturating_sub(self.left())
    }

    /// How long it was from the beginning.
    #[must_use]
    pub fn whole(&self) -> Duration {
        self.timeout
    }

    /// `within 5s`, for the reason of a failure.
    #[must_use]
    pub fn within(&self) -> String {
        format!("within {}", settings::seconds(self.timeout))
    }
}
