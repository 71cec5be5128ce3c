//! What the records of an answer say.

use std::collections::BTreeSet;

use domain::base::iana::Rtype;
use domain::base::name::{ParsedName, ToName};
use domain::base::wire::ParseError;
use domain::base::{ParseRecordData, ParsedRecord, RecordData};
use domain::rdata::{A, Aaaa, Cname, Mx, Ns, Ptr, Soa, Srv, Txt};

use crate::check::Deadline;
use crate::check::pattern::{Pattern, TooLate};
use crate::settings;

/// How much of the records is shown, in characters.
const LONGEST_SHOWN: usize = 200;

/// Records, each looked at as it comes: of a thousand long ones no more is kept than is shown.
#[derive(Debug)]
pub struct Records<'a> {
    /// The first ones in the order of their texts, as servers turn them from answer to answer.
    first: BTreeSet<Vec<u8>>,
    /// What none of them has held so far.
    unmet: Vec<&'a Pattern>,
}

impl<'a> Records<'a> {
    /// None yet; each of the patterns has to be found in one of them.
    pub fn new(expect: &'a [Pattern]) -> Self {
        Self {
            first: BTreeSet::new(),
            unmet: expect.iter().collect(),
        }
    }

    /// Takes the text of one.
    ///
    /// # Errors
    /// The deadline has come first.
    pub fn take(&mut self, text: &[u8], deadline: Deadline) -> Result<(), TooLate> {
        if deadline.left().is_zero() {
            return Err(TooLate);
        }
        for pattern in std::mem::take(&mut self.unmet) {
            if !pattern.is_in(text, deadline)? {
                self.unmet.push(pattern);
            }
        }
        let most = text.len().min(LONGEST_SHOWN * char::MAX.len_utf8());
        self.first.insert(text[..most].to_vec());
        if self.first.len() > LONGEST_SHOWN {
            self.first.pop_last();
        }
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The first pattern that none of them holds.
    pub fn unmet(&self) -> Option<&Pattern> {
        self.unmet.first().copied()
    }

    /// How they begin.
    pub fn shown(&self) -> String {
        let texts = self
            .first
            .iter()
            .map(|record| String::from_utf8_lossy(record));
        let all = texts.collect::<Vec<_>>().join(", ");
        let cut: String = all.chars().take(LONGEST_SHOWN).collect();
        settings::plain(&cut)
    }
}

/// A name in an answer.
pub type Its<'a> = ParsedName<&'a [u8]>;

/// A record as a zone file would have it, but for TXT, whose strings are joined.
pub fn text(record: &ParsedRecord<'_, &[u8]>) -> Result<Option<Vec<u8>>, ParseError> {
    match record.rtype() {
        Rtype::A => of(record, |a: A| a.addr().to_string()),
        Rtype::AAAA => of(record, |aaaa: Aaaa| aaaa.addr().to_string()),
        Rtype::CNAME => of(record, |name: Cname<Its>| dotted(name.cname())),
        Rtype::NS => of(record, |name: Ns<Its>| dotted(name.nsdname())),
        Rtype::PTR => of(record, |name: Ptr<Its>| dotted(name.ptrdname())),
        Rtype::MX => of(record, |mx: Mx<Its>| {
            format!("{} {}", mx.preference(), dotted(mx.exchange()))
        }),
        Rtype::SRV => of(record, |srv: Srv<Its>| {
            let (priority, weight, port) = (srv.priority(), srv.weight(), srv.port());
            format!("{priority} {weight} {port} {}", dotted(srv.target()))
        }),
        Rtype::SOA => of(record, |soa: Soa<Its>| soa.to_string()),
        Rtype::TXT => of(record, |txt: Txt<&[u8]>| txt.text::<Vec<u8>>()),
        _ => Ok(None),
    }
}

/// What a record of one type shows.
fn of<'a, Data, Text>(
    record: &ParsedRecord<'a, &'a [u8]>,
    show: impl FnOnce(Data) -> Text,
) -> Result<Option<Vec<u8>>, ParseError>
where
    Data: RecordData + ParseRecordData<'a, &'a [u8]>,
    Text: Into<Vec<u8>>,
{
    let record = record.to_record::<Data>()?;
    Ok(record.map(|record| show(record.into_data()).into()))
}

fn dotted(name: &impl ToName) -> String {
    name.fmt_with_dot().to_string()
}
