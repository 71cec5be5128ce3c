//! From when to when a certificate is good.

use chrono::DateTime;
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode, SliceReader, Tag, Tagged};
use rustls::pki_types::{CertificateDer, UnixTime};

const DAY: u64 = 24 * 3600;

/// The time in which a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub begins: UnixTime,
    /// The last moment.
    pub ends: UnixTime,
}

impl Validity {
    /// What a certificate says of itself; `None`: it is none, or says it in no way that X.509 knows.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        read(certificate).ok()
    }
}

/// Certificate, `TBSCertificate`, Validity (RFC 5280, 4.1). The rest is webpki's to judge.
fn read(certificate: &[u8]) -> der::Result<Validity> {
    let mut to_be_signed = inside(inside(SliceReader::new(certificate)?)?)?;
    let first = AnyRef::decode(&mut to_be_signed)?;
    // The first version of X.509 does not say that it is.
    let has_version = first.tag() != Tag::Integer;
    // Serial number, algorithm, issuer.
    for _ in 0..if has_version { 3 } else { 2 } {
        AnyRef::decode(&mut to_be_signed)?;
    }
    let mut validity = inside(to_be_signed)?;
    Ok(Validity {
        begins: time(AnyRef::decode(&mut validity)?)?,
        ends: time(AnyRef::decode(&mut validity)?)?,
    })
}

/// A reader of what the next value holds.
fn inside(mut reader: SliceReader<'_>) -> der::Result<SliceReader<'_>> {
    SliceReader::new(AnyRef::decode(&mut reader)?.value())
}

fn time(value: AnyRef<'_>) -> der::Result<UnixTime> {
    let since = match value.tag() {
        Tag::UtcTime => value.decode_as::<UtcTime>()?.to_unix_duration(),
        _ => value.decode_as::<GeneralizedTime>()?.to_unix_duration(),
    };
    Ok(UnixTime::since_unix_epoch(since))
}

/// The whole days from one moment to a later one; `None`: it is not later.
#[must_use]
pub fn days_between(from: UnixTime, to: UnixTime) -> Option<u64> {
    let seconds = to.as_secs().checked_sub(from.as_secs())?;
    Some(seconds / DAY)
}

/// `in 12 days`; `None`: it is over.
#[must_use]
pub fn in_days(from: UnixTime, to: UnixTime) -> Option<String> {
    Some(match days_between(from, to)? {
        0 => "in less than a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    })
}

/// The day of a moment, in UTC as certificates have it.
#[must_use]
pub fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = DateTime::from_timestamp(seconds, 0);
    time.map_or_else(
        || "?".to_owned(),
        |time| time.format("%Y-%m-%d").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn validity(begins: i32, ends: i32) -> Option<Validity> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(begins, 1, 1);
        params.not_after = date_time_ymd(ends, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signs itself");
        Validity::of(certificate.der())
    }

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        for (begins, ends) in [(1999, 2049), (2050, 9999)] {
            let validity = validity(begins, ends).expect("readable");
            let shown = (day(validity.begins), day(validity.ends));
            assert_eq!(shown, (format!("{begins}-01-01"), format!("{ends}-12-31")));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        for junk in [
            &b""[..],
            b"\x30",
            b"\x30\x03\x02\x01\x01",
            b"-----BEGIN",
            &[0x30; 64],
        ] {
            assert_eq!(Validity::of(&CertificateDer::from(junk)), None, "{junk:?}");
        }
    }

    #[test]
    fn days_are_whole() {
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let from = at(1000);
        for (to, expected) in [
            (at(999), None),
            (at(1000), Some("in less than a day")),
            (at(1000 + DAY), Some("in 1 day")),
            (at(1000 + 13 * DAY - 1), Some("in 12 days")),
        ] {
            assert_eq!(in_days(from, to).as_deref(), expected);
        }
    }
}
