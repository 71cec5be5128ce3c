//! Tells whether texts have changed, without showing what may be secret in them, whoever has compiled heartbeat.

use ring::digest;

/// Of these texts in this order; `None` is another one than the empty text.
#[must_use]
pub fn of<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for text in texts {
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        context.update(&length.to_le_bytes());
        context.update(text.unwrap_or_default().as_bytes());
    }
    let hash = context.finish();
    let half = hash.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn other_texts_have_other_fingerprints() {
        let all = [
            of([]),
            of([None]),
            of([Some("")]),
            of([Some("ab"), Some("c")]),
            of([Some("a"), Some("bc")]),
            of([Some("bc"), Some("a")]),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "{place}");
        }
        assert_eq!(of([Some("a")]), of([Some("a")]));
    }
}
