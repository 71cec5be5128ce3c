//! Times and days: from when to when a certificate is good.

use chrono::DateTime;
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Tag, Tagged};
use rustls::pki_types::UnixTime;

const DAY: u64 = 24 * 3600;

/// The time in which a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub begins: UnixTime,
    /// The last moment.
    pub ends: UnixTime,
}

/// A time as certificates write it (RFC 5280, 4.1.2.5).
///
/// # Errors
/// It is none.
pub fn time(value: AnyRef<'_>) -> der::Result<UnixTime> {
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
