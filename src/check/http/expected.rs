//! What is demanded of the final answer: its status, headers, body, and the time it took.

use std::fmt;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use ureq::{Body, BodyReader};

use super::looks::{Look, excerpt};
use super::request::{Request, header_line, lines};
use super::secret::Secrets;
use super::wire;
use crate::check::pattern::{Pattern, TooLate};
use crate::check::{Deadline, Failure, Phase, TIMEOUT};
use crate::settings::{self, Settings, quote, short};

/// How much of a body is read: enough to know that it comes, whatever follows.
const BODY_READ: u64 = 1024 * 1024;

/// What an answer must be.
#[derive(Debug)]
pub struct Expected {
    statuses: Statuses,
    headers: Vec<(String, HeaderName, Pattern)>,
    body: Option<Pattern>,
    not_body: Option<Pattern>,
    max_time: Option<Duration>,
}

impl Expected {
    /// Reads `expect_status`, `expect_header`, `expect_body`, `reject_body` and `max_time`.
    pub fn read(settings: &mut Settings, request: &Request) -> Self {
        if request.is_head() {
            for key in ["expect_body", "reject_body"] {
                if settings.value(key).is_some() {
                    settings.note(key, "the answer to HEAD has no body");
                }
            }
        }
        Self {
            statuses: settings.or("expect_status", Statuses::default(), statuses),
            headers: settings
                .optional("expect_header", headers)
                .unwrap_or_default(),
            body: settings.optional("expect_body", Pattern::parse),
            not_body: settings.optional("reject_body", Pattern::parse),
            max_time: read_max_time(settings),
        }
    }

    /// Whether an answer may have this status.
    pub fn takes_status(&self, status: StatusCode) -> bool {
        self.statuses.has(status)
    }

    /// Reads the answer to its end, or its first MiB.
    ///
    /// # Errors
    /// The first demand that it does not meet, with an excerpt of what came.
    pub fn judge(
        &self,
        mut answer: Response<Body>,
        deadline: Deadline,
        secrets: &Secrets,
    ) -> Result<(), Failure> {
        self.judge_status(answer.status())?;
        self.judge_headers(answer.headers(), deadline, secrets)?;
        self.judge_body(answer.body_mut().as_reader(), deadline, secrets)?;
        self.judge_time(deadline)
    }

    fn judge_status(&self, status: StatusCode) -> Result<(), Failure> {
        if self.takes_status(status) {
            return Ok(());
        }
        let words = status.canonical_reason().unwrap_or("");
        let text = format!("{} {words}", status.as_str());
        let text = text.trim_end();
        let text = if self.statuses == Statuses::default() {
            text.to_owned()
        } else {
            format!("{text}, expected {}", self.statuses)
        };
        Err(Failure::new(Phase::Status, &text))
    }

    fn judge_headers(
        &self,
        answer: &HeaderMap,
        deadline: Deadline,
        secrets: &Secrets,
    ) -> Result<(), Failure> {
        for (name, key, pattern) in &self.headers {
            let shown = short(&pattern.to_string());
            let late = |TooLate| {
                let text = format!("{name}: {shown} not looked for {}", deadline.within());
                Failure::new(Phase::Header, &text)
            };
            if is_in_any(pattern, answer.get_all(key).iter(), deadline).map_err(late)? {
                continue;
            }
            let text = match answer.get(key) {
                Some(value) => {
                    let came = excerpt(value.as_bytes(), secrets);
                    format!("{name}: {shown} not found in {came}")
                }
                None => format!("{name}: missing, {shown} was expected"),
            };
            return Err(Failure::new(Phase::Header, &text));
        }
        Ok(())
    }

    /// Reads the body to its end, or its first MiB. What the patterns are looked for in is not kept.
    fn judge_body(
        &self,
        body: BodyReader,
        deadline: Deadline,
        secrets: &Secrets,
    ) -> Result<(), Failure> {
        let look = |pattern| Look::new(pattern, secrets);
        let mut wanted = self.body.as_ref().map(look);
        let mut unwanted = self.not_body.as_ref().map(look);
        let mut body = body.take(BODY_READ);
        let mut piece = [0; 4096];
        loop {
            let amount = body.read(&mut piece);
            let amount = amount.map_err(|error| body_failure(&error, deadline))?;
            if amount == 0 {
                break;
            }
            if let Some(look) = &mut wanted
                && look.finds(&piece[..amount], deadline)?
            {
                wanted = None;
            }
            if let Some(look) = &mut unwanted {
                look.misses(&piece[..amount], deadline)?;
            }
        }
        wanted.as_mut().map_or(Ok(()), Look::must_end)?;
        unwanted.as_mut().map_or(Ok(()), Look::must_not_end)
    }

    /// The time that was taken is in the log beside; it is not in the reason, which would be a new one each time.
    fn judge_time(&self, deadline: Deadline) -> Result<(), Failure> {
        match self.max_time.filter(|most| deadline.spent() > *most) {
            Some(most) => {
                let text = format!("answered after more than {}", settings::seconds(most));
                Err(Failure::new(Phase::Time, &text))
            }
            None => Ok(()),
        }
    }
}

fn body_failure(error: &io::Error, deadline: Deadline) -> Failure {
    let text = match wire::failure_in_io(error) {
        Some(failure) if failure.phase != Phase::Receive => return failure,
        Some(_) if deadline.left().is_zero() => {
            format!("body not complete {}", deadline.within())
        }
        Some(failure) => failure.reason,
        None if is_stalled(error) => "the chunks of the body cannot be told apart".to_owned(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "connection closed before the body was complete".to_owned()
        }
        None => error.to_string(),
    };
    Failure::new(Phase::Body, &text)
}

/// ureq's word for chunks that it cannot make sense of, such as one with an endless extension.
fn is_stalled(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(ureq::Error::BodyStalled))
}

/// Ranges of statuses.
#[derive(Debug, PartialEq)]
struct Statuses(Vec<RangeInclusive<u16>>);

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![200..=200])
    }
}

impl Statuses {
    fn has(&self, status: StatusCode) -> bool {
        self.0.iter().any(|range| range.contains(&status.as_u16()))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{}", range.start())?;
            if range.start() != range.end() {
                write!(f, "-{}", range.end())?;
            }
        }
        Ok(())
    }
}

fn statuses(text: &str) -> Result<Statuses, String> {
    let wrong = || {
        "is not a list of statuses such as 200-299, 401 (100 to 999, and not only what begins with a 1)".to_owned()
    };
    let one = |text: &str| -> Option<u16> {
        let is_status = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        let status = text.parse().ok().filter(|_| is_status)?;
        (status >= 100).then_some(status)
    };
    let range = |text: &str| -> Option<RangeInclusive<u16>> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let range = one(from.trim())?..=one(to.trim())?;
        // What begins with a 1 is no final answer (RFC 9110, 15.2).
        (!range.is_empty() && *range.end() >= 200).then_some(range)
    };
    let ranges = text.split(',').map(range).collect::<Option<Vec<_>>>();
    ranges.map(Statuses).ok_or_else(wrong)
}

fn headers(text: &str) -> Result<Vec<(String, HeaderName, Pattern)>, String> {
    let mut headers = Vec::new();
    for line in lines(text) {
        let (key, pattern) = header_line(line)?;
        let name = line.split(':').next().unwrap_or_default().to_owned();
        let pattern = Pattern::parse(pattern).map_err(|wrong| {
            format!(
                "has {}, whose pattern {} {wrong}",
                quote(&name),
                quote(pattern)
            )
        })?;
        headers.push((name, key, pattern));
    }
    if headers.is_empty() {
        return Err("has no line Name: pattern".to_owned());
    }
    Ok(headers)
}

fn read_max_time(settings: &mut Settings) -> Option<Duration> {
    let most = settings.optional("max_time", settings::duration)?;
    // A wrong timeout has been noted already.
    let timeout = settings.value("timeout");
    let timeout = timeout.and_then(|value| settings::duration(&value.text).ok());
    let timeout = timeout.unwrap_or(TIMEOUT);
    if most >= timeout {
        let (most, timeout) = (settings::seconds(most), settings::seconds(timeout));
        let text =
            format!("{most} says nothing beside a timeout of {timeout}, which ends the check");
        settings.warn("max_time", text);
    }
    Some(most)
}

/// Whether one of a header's values holds the pattern.
fn is_in_any<'a>(
    pattern: &Pattern,
    values: impl Iterator<Item = &'a HeaderValue>,
    deadline: Deadline,
) -> Result<bool, TooLate> {
    for value in values {
        if pattern.is_in(value.as_bytes(), deadline)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_not_looked_at_after_the_deadline() {
        let expected = Expected {
            statuses: Statuses::default(),
            headers: headers("X-Role: primary").expect("a header"),
            body: None,
            not_body: None,
            max_time: None,
        };
        let mut answer = HeaderMap::new();
        answer.insert("x-role", HeaderValue::from_static("primary"));
        let judge = |deadline| expected.judge_headers(&answer, deadline, &Secrets::default());
        assert_eq!(judge(Deadline::after(Duration::from_secs(60))), Ok(()));
        let failure = judge(Deadline::after(Duration::ZERO)).expect_err("it is late");
        let text = "header: X-Role: /primary/ not looked for within 0s";
        assert_eq!(failure.to_string(), text);
    }
}
