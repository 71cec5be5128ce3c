//! http, https: one request on a fresh connection, up when the final answer is what is expected of it.
//!
//! `request` is what is asked, `expected` what is demanded of the answer; each reads its own keys. `client` goes
//! there and follows redirects, over `wire`, which is how ureq gets connections of ours.

mod buffers;
mod client;
mod credentials;
mod expected;
mod looks;
mod redirect;
mod request;
mod secret;
mod wire;

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use ureq::http::Uri;

use super::resolve::Host;
use super::route::Route;
use super::tls::Terms;
use super::{Deadline, Failure, Kind, Need, Note, Probe};
use crate::settings::{self, Settings};

use expected::Expected;
use request::Request;
use secret::Secrets;
use wire::Home;

/// `type = http`
pub const HTTP: Kind = Kind {
    name: "http",
    has_route: true,
    has_tls: false,
    default_port: Some(80),
    keys: &KEYS,
    read: |settings, route| read("http", settings, route),
};

/// `type = https`
pub const HTTPS: Kind = Kind {
    name: "https",
    has_route: true,
    has_tls: true,
    default_port: Some(443),
    keys: &KEYS,
    read: |settings, route| read("https", settings, route),
};

/// The keys that both have.
const KEYS: [&str; 12] = [
    "body",
    "expect_body",
    "expect_header",
    "expect_status",
    "follow_redirects",
    "header",
    "max_time",
    "method",
    "password_file",
    "path",
    "reject_body",
    "username",
];

/// What a URL's path and query cannot hold as it is (RFC 3986, 3.3 and 3.4). `%` stays: the operator has encoded it.
pub const TO_ENCODE: &AsciiSet = &CONTROLS
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[derive(Debug)]
struct Http {
    home: Arc<Home>,
    request: Request,
    expected: Expected,
    follows_redirects: bool,
    secrets: Secrets,
    needs: Vec<Need>,
}

impl Probe for Http {
    fn probe(&self, route: &Route, deadline: Deadline) -> Result<Note, Failure> {
        let result = client::visit(self, &self.home.by(route), deadline);
        result.map_err(|failure| self.secrets.kept_out_of(failure))
    }

    fn needs(&self) -> &[Need] {
        &self.needs
    }
}

fn read(scheme: &str, settings: &mut Settings, route: &Route) -> Option<Box<dyn Probe>> {
    let uri = read_uri(scheme, settings, route);
    let (request, secrets) = Request::read(settings);
    let expected = Expected::read(settings, &request);
    let terms = match scheme {
        "https" => Terms::read(settings),
        _ => Some(Terms::default()),
    };
    let follows_redirects = settings.or("follow_redirects", true, settings::yes_no);
    let (uri, terms) = (uri?, terms?);
    let mut needs = terms.needs().to_vec();
    needs.extend(credentials::need(settings));
    let home = Home {
        uri,
        route: route.clone(),
        room: request.room(),
        sends_body: request.has_body(),
        terms,
    };
    Some(Box::new(Http {
        home: Arc::new(home),
        request,
        expected,
        follows_redirects,
        secrets,
        needs,
    }))
}

fn read_uri(scheme: &str, settings: &mut Settings, route: &Route) -> Option<Uri> {
    let path = settings.or("path", "/".to_owned(), path);
    let text = uri(scheme, &route.name, route.to.port, &path);
    match text.parse() {
        Ok(uri) => Some(uri),
        Err(error) => {
            settings.note("path", format!("{text} is not a URL: {error}"));
            None
        }
    }
}

/// The path as it goes on the wire. What follows a `#` never would (RFC 3986, 3.5).
fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("does not begin with /".to_owned());
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(
            "holds a blank, a line break or a control character (write %20 for a blank)".to_owned(),
        );
    }
    if text.contains('#') {
        return Err("holds a #, and what follows one is never sent (write %23)".to_owned());
    }
    Ok(utf8_percent_encode(text, TO_ENCODE).to_string())
}

/// Without the scheme's own port, which a `Host` header leaves out (RFC 9110, 4.2.3).
fn uri(scheme: &str, host: &Host, port: u16, path: &str) -> String {
    let usual = match scheme {
        "https" => 443,
        _ => 80,
    };
    // A zone is this machine's business and in no URL (RFC 9844, 4).
    let shown = host.bracketed();
    let host = match shown.split_once('%') {
        Some((address, _)) => format!("{address}]"),
        None => shown,
    };
    if port == usual {
        return format!("{scheme}://{host}{path}");
    }
    format!("{scheme}://{host}:{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (given, sent) in [
            ("/", "/"),
            ("/a?b=c&d=%20", "/a?b=c&d=%20"),
            ("/grün|{x}", "/gr%C3%BCn%7C%7Bx%7D"),
        ] {
            assert_eq!(path(given).as_deref(), Ok(sent));
        }
        for wrong in ["", "a", "/a b", "/a\nb", "http://a/", "/a\u{7f}", "/a#b"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_usual_port_is_not_named() {
        let url = |scheme, host, port| {
            let host = Host::parse(host).expect("a host");
            uri(scheme, &host, port, "/p")
        };
        assert_eq!(url("http", "a.b", 80), "http://a.b/p");
        assert_eq!(url("https", "a.b", 80), "https://a.b:80/p");
        assert_eq!(url("https", "::1", 443), "https://[::1]/p");
        assert_eq!(url("http", "fe80::1%eth0", 8080), "http://[fe80::1]:8080/p");
    }
}
