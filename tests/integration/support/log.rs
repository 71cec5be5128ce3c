//! Reading heartbeat's log: every line must be in its format, or the test fails.

/// The complete lines of a log.
pub struct Log {
    pub lines: Vec<Line>,
}

/// `2026-11-22 15:04:05 INFO     message`.
#[derive(Debug, Clone)]
pub struct Line {
    pub level: String,
    pub message: String,
}

/// A `[Service Check]` line.
#[derive(Debug, Clone)]
pub struct CheckLine {
    pub level: String,
    pub name: String,
    pub endpoint: String,
    pub kind: String,
    /// `Healthy` or `Unhealthy`.
    pub status: String,
    /// Of an unhealthy one: the word before the colon of the reason, and what follows it.
    pub phase: String,
    pub reason: String,
    /// Of a healthy one: what is worth saying of it.
    pub note: String,
    /// Seconds.
    pub took: f64,
}

/// A `Round N complete` line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    pub number: usize,
    pub checks: usize,
    pub failed: usize,
    /// Seconds.
    pub took: f64,
}

impl Log {
    /// Reads the text of a log; a last line without line end is still being written and left out.
    pub fn parse(text: &str) -> Self {
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = complete.lines().map(Line::parse).collect();
        Self { lines }
    }

    /// How many lines contain `text`.
    pub fn count(&self, text: &str) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| line.message.contains(text)).count()
    }

    /// Whether a line contains `text`.
    pub fn says(&self, text: &str) -> bool {
        self.count(text) > 0
    }

    /// The messages of one level, in order.
    pub fn messages(&self, level: &str) -> Vec<&str> {
        let lines = self.lines.iter().filter(|line| line.level == level);
        lines.map(|line| line.message.as_str()).collect()
    }

    /// All results of one check, in order.
    pub fn checks(&self, name: &str) -> Vec<CheckLine> {
        let lines = self.lines.iter().filter_map(CheckLine::parse);
        lines.filter(|check| check.name == name).collect()
    }

    /// The last result of one check.
    pub fn check(&self, name: &str) -> CheckLine {
        let last = self.checks(name).pop();
        last.unwrap_or_else(|| panic!("no result of {name} in the log: {:#?}", self.lines))
    }

    /// All completed rounds, in order.
    pub fn rounds(&self) -> Vec<Round> {
        self.lines.iter().filter_map(Round::parse).collect()
    }
}

impl Line {
    fn parse(line: &str) -> Self {
        let parts = (line.is_char_boundary(20) && line.len() >= 29)
            .then(|| (&line[..20], line[20..].split_once(' ')));
        let Some((time, Some((level, message)))) = parts else {
            panic!("not a line of a log: {line:?}");
        };
        let digits_masked: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(digits_masked, "0000-00-00 00:00:00 ", "in {line:?}");
        let levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
        assert!(levels.contains(&level), "no level in {line:?}");
        let padding = 8 - level.len();
        assert!(message.len() >= padding, "no message in {line:?}");
        let (blanks, message) = message.split_at(padding);
        assert!(
            blanks.trim().is_empty() && !message.starts_with(' '),
            "the level is not padded to eight in {line:?}"
        );
        Self {
            level: level.to_owned(),
            message: message.to_owned(),
        }
    }
}

impl CheckLine {
    fn parse(line: &Line) -> Option<Self> {
        let rest = line.message.strip_prefix("[Service Check] Name: ")?;
        let fields = || {
            let (name, rest) = rest.split_once(", Endpoint: ")?;
            let (endpoint, rest) = rest.split_once(", Type: ")?;
            let (kind, rest) = rest.split_once(", Timeout: ")?;
            let (_, rest) = rest.split_once(", Status: ")?;
            let (rest, took) = rest.rsplit_once(", Took: ")?;
            let (status, reason) = rest.split_once(", Reason: ").unwrap_or((rest, ""));
            let (status, note) = status.split_once(", Note: ").unwrap_or((status, ""));
            let (phase, reason) = reason.split_once(": ").unwrap_or(("", reason));
            Some(Self {
                level: line.level.clone(),
                name: name.to_owned(),
                endpoint: endpoint.to_owned(),
                kind: kind.to_owned(),
                status: status.to_owned(),
                phase: phase.to_owned(),
                reason: reason.to_owned(),
                note: note.to_owned(),
                took: took.strip_suffix('s')?.parse().ok()?,
            })
        };
        Some(fields().unwrap_or_else(|| panic!("not a result of a check: {:?}", line.message)))
    }
}

impl Round {
    fn parse(line: &Line) -> Option<Self> {
        let rest = line.message.strip_prefix("Round ")?;
        let (number, rest) = rest.split_once(" complete: ")?;
        let fields = || {
            let (checks, rest) = rest.split_once(" check")?;
            let (_, rest) = rest.split_once(", ")?;
            let (failed, rest) = rest.split_once(" failed, took ")?;
            Some(Self {
                number: number.parse().ok()?,
                checks: checks.parse().ok()?,
                failed: failed.parse().ok()?,
                took: rest.strip_suffix("s.")?.parse().ok()?,
            })
        };
        Some(fields().unwrap_or_else(|| panic!("not a round: {:?}", line.message)))
    }
}
