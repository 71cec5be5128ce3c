//! dns: up when a name server answers a query with at least one record.
//!
//! Asked over UDP, and over TCP where the answer was too long for that. An alias counts only if what it leads to is in the
//! answer, too.

use std::io::{self, Read, Write};

use domain::base::iana::{Class, Opcode, OptRcode, Rcode, Rtype};
use domain::base::name::{Name, ToName};
use domain::base::wire::ParseError;
use domain::base::{Message, MessageBuilder};
use ring::rand::{SecureRandom, SystemRandom};

use super::pattern::{Pattern, TooLate};
use super::route::Route;
use super::{Deadline, Failure, Kind, Note, Phase, Probe, connect, datagram, resolve};
use crate::file::reason;
use crate::settings::{Settings, short};

mod records;

use records::{Its, Records, text};

/// `type = dns`
pub const DNS: Kind = Kind {
    name: "dns",
    has_route: true,
    has_tls: false,
    default_port: Some(53),
    keys: &["query", "record", "expect"],
    read,
};

/// The records that can be asked for.
const RECORDS: [(&str, Rtype); 9] = [
    ("A", Rtype::A),
    ("AAAA", Rtype::AAAA),
    ("CNAME", Rtype::CNAME),
    ("MX", Rtype::MX),
    ("NS", Rtype::NS),
    ("PTR", Rtype::PTR),
    ("SOA", Rtype::SOA),
    ("SRV", Rtype::SRV),
    ("TXT", Rtype::TXT),
];

#[derive(Debug)]
struct Dns {
    query: Name<Vec<u8>>,
    record: Rtype,
    /// Each has to be found in one of the records.
    expect: Vec<Pattern>,
}

fn read(settings: &mut Settings, _: &Route) -> Option<Box<dyn Probe>> {
    if settings.value("query").is_none() {
        settings.note("query", "missing; give the name to ask for");
    }
    let query = settings.optional("query", name);
    let record = settings.or("record", Rtype::A, record);
    let expect = settings.or("expect", Vec::new(), |text| {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let patterns: Vec<_> = lines.map(Pattern::parse).collect::<Result<_, _>>()?;
        match patterns[..] {
            [] => Err("is empty; leave it out to take any record".to_owned()),
            _ => Ok(patterns),
        }
    });
    Some(Box::new(Dns {
        query: query?,
        record,
        expect,
    }))
}

fn name(text: &str) -> Result<Name<Vec<u8>>, String> {
    let wrong = |why: &str| format!("is not a name that can be asked for ({why})");
    if text.is_empty() {
        return Err(wrong("it is empty; the root is ."));
    }
    if !text.is_ascii() {
        return Err(wrong("write an international name in its xn-- form"));
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong("it holds a blank"));
    }
    text.parse()
        .map_err(|error: domain::base::name::FromStrError| wrong(&error.to_string()))
}

fn record(text: &str) -> Result<Rtype, String> {
    let found = RECORDS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, record)| *record).ok_or_else(|| {
        let names = RECORDS.map(|(name, _)| name);
        format!("is not a type of record ({})", names.join(", "))
    })
}

impl Probe for Dns {
    fn probe(&self, route: &Route, deadline: Deadline) -> Result<Note, Failure> {
        let question = self.question()?;
        let mut addresses = resolve::in_turns(&route.addresses(deadline)?);
        addresses.truncate(connect::MOST_RACED);
        let is_answer = |bytes: &[u8]| is_answer(bytes, &question);
        let (address, mut answer) =
            datagram::ask(&addresses, route.source, deadline, &question, &is_answer)?;
        if is_cut(&answer) {
            answer = over_tcp(&route.by(address), deadline, &question).map_err(|failure| {
                let text = format!("over TCP, as UDP was too short: {}", failure.reason);
                Failure::new(failure.phase, &text)
            })?;
        }
        self.judge(&answer, deadline)
    }
}

impl Dns {
    /// The query under a number that nobody can guess.
    fn question(&self) -> Result<Vec<u8>, Failure> {
        let failed = |_| Failure::new(Phase::Send, "no random number for the query");
        let mut id = [0; 2];
        SystemRandom::new().fill(&mut id).map_err(failed)?;
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_id(u16::from_be_bytes(id));
        builder.header_mut().set_rd(true);
        let mut builder = builder.question();
        let pushed = builder.push((&self.query, self.record));
        pushed.map_err(|_| Failure::new(Phase::Send, "the query is too long"))?;
        Ok(builder.finish())
    }

    fn judge(&self, answer: &[u8], deadline: Deadline) -> Result<Note, Failure> {
        let answer = Message::from_octets(answer)
            .map_err(|_| Failure::new(Phase::Receive, "an answer that is damaged"))?;
        let query = self.query.fmt_with_dot();
        let rcode = answer.opt_rcode();
        if rcode != OptRcode::NOERROR {
            return Err(Failure::new(Phase::Status, &format!("{rcode} for {query}")));
        }
        let records = self.records(&answer, deadline)?;
        if records.is_empty() {
            let text = format!("no {} record for {query} (NODATA)", self.record);
            return Err(Failure::new(Phase::Status, &text));
        }
        let shown = records.shown();
        match records.unmet() {
            None => Ok(Some(shown)),
            Some(pattern) => {
                let pattern = short(&pattern.to_string());
                let text = format!("expected {pattern}, got {shown}");
                Err(Failure::new(Phase::Expect, &text))
            }
        }
    }

    /// What the name, or what it is an alias of, has of the asked type.
    fn records(&self, answer: &Message<&[u8]>, deadline: Deadline) -> Result<Records<'_>, Failure> {
        let damaged = |_: ParseError| Failure::new(Phase::Receive, "an answer that is damaged");
        let late = |TooLate| {
            let why = format!("not looked through {}", deadline.within());
            Failure::new(Phase::Expect, &why)
        };
        let alias = self.alias(answer)?;
        let mut found = Records::new(&self.expect);
        for record in answer.answer().map_err(damaged)? {
            let record = record.map_err(damaged)?;
            let is_asked = record.rtype() == self.record && record.class() == Class::IN;
            let is_owner = match &alias {
                Some(alias) => record.owner().name_eq(alias),
                None => record.owner().name_eq(&self.query),
            };
            if is_asked
                && is_owner
                && let Some(text) = text(&record).map_err(damaged)?
            {
                found.take(&text, deadline).map_err(late)?;
            }
        }
        Ok(found)
    }

    /// The name at the end of the aliases; `None` where an alias itself is asked for. Nobody who resolves the name follows
    /// a circle, whatever else is in the answer.
    fn alias<'a>(&self, answer: &Message<&'a [u8]>) -> Result<Option<Its<'a>>, Failure> {
        if self.record == Rtype::CNAME {
            return Ok(None);
        }
        let query = self.query.fmt_with_dot();
        let text = || format!("{query} has no end of aliases (CNAME): a circle, or 20 and more");
        let name = answer.canonical_name();
        name.map(Some)
            .ok_or_else(|| Failure::new(Phase::Status, &text()))
    }
}

/// Whether a message answers the question; the error says what it is instead.
fn is_answer(bytes: &[u8], question: &[u8]) -> Result<(), String> {
    let no_message = |_| "what is no DNS message".to_owned();
    let answer = Message::from_octets(bytes).map_err(no_message)?;
    let question = Message::from_octets(question).map_err(no_message)?;
    let header = answer.header();
    if !header.qr() || header.opcode() != Opcode::QUERY {
        return Err("what is no answer".to_owned());
    }
    if header.id() != question.header().id() {
        return Err("an answer with another number".to_owned());
    }
    // Some servers leave the question out of an error (RFC 2181 does not forbid it).
    let is_bare = header.rcode() != Rcode::NOERROR && answer.header_counts().qdcount() == 0;
    if !is_bare && !answer.is_answer(&question) {
        return Err("an answer to another question".to_owned());
    }
    Ok(())
}

fn is_cut(answer: &[u8]) -> bool {
    Message::from_octets(answer).is_ok_and(|answer| answer.header().tc())
}

/// Asks again over TCP, where a message has its length before it (RFC 1035, 4.2.2), 64 KiB at most.
fn over_tcp(route: &Route, deadline: Deadline, question: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |phase: Phase, error: &io::Error| {
        let words = match error.kind() {
            io::ErrorKind::TimedOut => format!("no answer {}", deadline.within()),
            io::ErrorKind::UnexpectedEof => "connection closed before the answer".to_owned(),
            _ => reason(error),
        };
        Failure::new(phase, &words)
    };
    let mut stream = connect::connect(route, deadline)?;
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    let framed = [&length.to_be_bytes(), question].concat();
    let sent = stream.write_all(&framed);
    sent.map_err(|error| failed(Phase::Send, &error))?;
    let receive = |stream: &mut connect::Stream| {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut answer).map(|()| answer)
    };
    let answer = receive(&mut stream).map_err(|error| failed(Phase::Receive, &error))?;
    match is_answer(&answer, question) {
        Ok(()) if is_cut(&answer) => Err(Failure::new(Phase::Receive, "an answer that is cut off")),
        Ok(()) => Ok(answer),
        Err(odd) => Err(Failure::new(Phase::Receive, &odd)),
    }
}
