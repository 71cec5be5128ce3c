//! Where an answer of HTTP sends us (RFC 9110, 15.4; RFC 3986, 5).

use iri_string::types::{UriAbsoluteStr, UriReferenceStr};
use percent_encoding::utf8_percent_encode;
use ureq::http::{Response, Uri, header::LOCATION};

use super::{Failure, Phase, http::TO_ENCODE};

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
    match next.scheme_str() {
        Some("http" | "https") => Ok(Some(next)),
        _ => Err(wrong(&format!("redirect to {next}, which is not HTTP"))),
    }
}

fn resolve(from: &Uri, location: &str) -> Option<Uri> {
    let base = from.to_string();
    let base = UriAbsoluteStr::new(&base).ok()?;
    // Servers send what a URL may not hold; everybody encodes it for them.
    let location = utf8_percent_encode(location, TO_ENCODE).to_string();
    let location = location.replace(' ', "%20");
    let reference = UriReferenceStr::new(&location).ok()?;
    reference.resolve_against(base).to_string().parse().ok()
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
        ] {
            let next = resolve(&from, location).map(|next| next.to_string());
            assert_eq!(next.as_deref(), Some(expected), "{location}");
        }
        assert_eq!(resolve(&from, "http://[::1"), None);
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
