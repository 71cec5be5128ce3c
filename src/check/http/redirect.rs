//! Where an answer of HTTP sends us (RFC 9110, 15.4; RFC 3986, 5).

use iri_string::types::{UriAbsoluteStr, UriReferenceStr};
use percent_encoding::{AsciiSet, utf8_percent_encode};
use ureq::http::{Response, Uri, header::LOCATION};

use super::TO_ENCODE;
use crate::check::{Failure, Phase};

/// The next place to ask, if `answer`, which came from `from`, is a redirect.
///
/// # Errors
/// [`Phase::Status`]: a redirect to nowhere.
pub fn target<B>(answer: &Response<B>, from: &Uri) -> Result<Option<Uri>, Failure> {
    let status = answer.status();
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let wrong = |what: &str| Failure::new(Phase::Status, &format!("{}: {what}", status.as_str()));
    let location = answer.headers().get(LOCATION);
    let location = location.ok_or_else(|| wrong("redirect without a location"))?;
    let location = String::from_utf8_lossy(location.as_bytes());
    let next = resolve(from, location.trim());
    let next = next.ok_or_else(|| wrong(&format!("redirect to {location}, which is no URL")))?;
    let next = without_user(next);
    match next.scheme_str() {
        Some("http" | "https") => Ok(Some(next)),
        _ => Err(wrong(&format!("redirect to {next}, which is not HTTP"))),
    }
}

fn resolve(from: &Uri, location: &str) -> Option<Uri> {
    let (base, location) = (encode(&from.to_string()), encode(location));
    let base = UriAbsoluteStr::new(&base).ok()?;
    let reference = UriReferenceStr::new(&location).ok()?;
    reference.resolve_against(base).to_string().parse().ok()
}

/// Without the name and password that a peer would have us use: ureq takes their colon for that of the port.
fn without_user(uri: Uri) -> Uri {
    let host = uri.authority().and_then(|authority| {
        let (_, host) = authority.as_str().rsplit_once('@')?;
        host.parse().ok()
    });
    let Some(host) = host else {
        return uri;
    };
    let mut parts = uri.into_parts();
    parts.authority = Some(host);
    // Only the authority is another one, and it is there as before.
    Uri::from_parts(parts).unwrap_or_default()
}

const BLANKS_AND_BRACKETS: &AsciiSet = &TO_ENCODE.add(b' ').add(b'[').add(b']');

/// A text as it stands in the address that a redirect with it in its path leads to.
pub fn in_url(text: &str) -> String {
    encode(&format!("?{text}"))[1..].to_owned()
}

/// Servers send what a URL may not hold, and everybody encodes it for them: blanks, brackets behind the host, and a `%`
/// that begins no octet.
fn encode(reference: &str) -> String {
    let (host, rest) = reference.split_at(end_of_authority(reference));
    let mut pieces = rest.split('%');
    let mut encoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let hex = piece.as_bytes().get(..2);
        let is_octet = hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        encoded.push_str(if is_octet { "%" } else { "%25" });
        encoded.push_str(piece);
    }
    format!(
        "{host}{}",
        utf8_percent_encode(&encoded, BLANKS_AND_BRACKETS)
    )
}

/// Where the scheme and the authority of a reference end (RFC 3986, 4.1): at its beginning if it has none. What looks like one
/// may be a part of its path or query.
fn end_of_authority(reference: &str) -> usize {
    let behind_scheme = reference.find("//").filter(|at| {
        let scheme = &reference[..*at];
        scheme.is_empty()
            || scheme.find([':', '/', '?', '#']) == Some(scheme.len() - 1) && scheme.ends_with(':')
    });
    behind_scheme.map_or(0, |at| {
        let from = at + 2;
        let length = reference[from..].find(['/', '?', '#']);
        length.map_or(reference.len(), |length| from + length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986, 5.4: a part of its examples, and what servers send beside the rules.
    #[test]
    fn references_are_resolved_against_the_page_they_came_from() {
        let from = "http://a:81/b/c/d?q".parse().expect("a URL");
        for (location, expected) in [
            ("https://x.y/z", "https://x.y/z"),
            ("//g/h", "http://g/h"),
            ("/g", "http://a:81/g"),
            ("g", "http://a:81/b/c/g"),
            ("../g", "http://a:81/b/g"),
            ("../../../g", "http://a:81/g"),
            ("?y", "http://a:81/b/c/d?y"),
            ("", "http://a:81/b/c/d?q"),
            ("/g#part", "http://a:81/g"),
            ("/ü x|", "http://a:81/%C3%BC%20x%7C"),
            ("http://g", "http://g/"),
            ("/ok?a[]=1", "http://a:81/ok?a%5B%5D=1"),
            ("/ok?d=100%&e=%41", "http://a:81/ok?d=100%25&e=%41"),
            ("http://[::1]:8/x", "http://[::1]:8/x"),
            ("/a b//c", "http://a:81/a%20b//c"),
            (
                "/login?q=a b&next=http://x/[1]",
                "http://a:81/login?q=a%20b&next=http://x/%5B1%5D",
            ),
            ("/x?d=100%&n=//y", "http://a:81/x?d=100%25&n=//y"),
        ] {
            let next = resolve(&from, location).map(|next| next.to_string());
            assert_eq!(next.as_deref(), Some(expected), "{location}");
        }
        assert_eq!(resolve(&from, "http://[::1"), None);
        let from = "http://a/items?filter[a]=1".parse().expect("a URL");
        let next = resolve(&from, "/ok").map(|next| next.to_string());
        assert_eq!(next.as_deref(), Some("http://a/ok"));
    }

    #[test]
    fn nobody_is_named_to_the_next_place() {
        for (uri, expected) in [
            ("http://x:y@a:81/b", "http://a:81/b"),
            ("http://x@a/b?c@d", "http://a/b?c@d"),
            ("https://@[::1]:8/", "https://[::1]:8/"),
            ("http://a/x@y", "http://a/x@y"),
        ] {
            let uri: Uri = uri.parse().expect("a URL");
            assert_eq!(without_user(uri).to_string(), expected);
        }
    }

    #[test]
    fn only_redirects_lead_on() {
        let from = "http://a/".parse().expect("a URL");
        let answer = |status: u16, location: &str| {
            let answer = Response::builder()
                .status(status)
                .header(LOCATION, location);
            target(&answer.body(()).expect("valid"), &from)
        };
        assert_eq!(answer(200, "/x"), Ok(None));
        assert_eq!(answer(304, "/x"), Ok(None));
        assert_eq!(
            answer(302, "/x"),
            Ok(Some("http://a/x".parse().expect("a URL")))
        );
        let failure = answer(302, "ftp://b/").expect_err("not HTTP");
        assert_eq!(
            failure.to_string(),
            "status: 302: redirect to ftp://b/, which is not HTTP"
        );
    }
}
