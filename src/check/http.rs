//! http, https: `GET path` on a fresh connection, up when the final answer is 200 and its body arrives.

use std::cell::OnceCell;
use std::io::Read;
use std::sync::{Arc, LazyLock, Mutex};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use ureq::config::Config;
use ureq::http::Response;
use ureq::{Agent, Body, Error};

use super::resolve::Host;
use super::route::Route;
use super::tls::Terms;
use super::wire::{self, CurrentRun, Home, LARGEST_HEADERS, NoResolver, Run, Wire};
use super::{Deadline, Failure, Kind, Need, Note, Phase, Probe, redirect};
use crate::settings::Settings;

/// `type = http`
pub const HTTP: Kind = Kind {
    name: "http",
    has_route: true,
    has_tls: false,
    default_port: Some(80),
    keys: &["path"],
    read: |settings, route| read("http", settings, route),
};

/// `type = https`
pub const HTTPS: Kind = Kind {
    name: "https",
    has_route: true,
    has_tls: true,
    default_port: Some(443),
    keys: &["path"],
    read: |settings, route| read("https", settings, route),
};

/// How much of a body is read: enough to know that it comes, whatever follows.
const BODY_READ: u64 = 1024 * 1024;

/// Redirects that are followed.
const MOST_REDIRECTS: u32 = 10;

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
}

/// One of ureq's agents, and what it is at.
struct Client {
    agent: Agent,
    run: CurrentRun,
}

thread_local! {
    /// Each worker's own, for all checks: to make one costs as much as to send a request, and a thousand of them would
    /// not fit into a processor's cache. It holds no connection.
    static CLIENT: OnceCell<Client> = const { OnceCell::new() };
}

fn read(scheme: &str, settings: &mut Settings, route: &Route) -> Option<Box<dyn Probe>> {
    let path = settings.or("path", "/".to_owned(), path);
    let terms = match scheme {
        "https" => Terms::read(settings),
        _ => Some(Terms::default()),
    };
    let uri = uri(scheme, &route.name, route.to.port, &path);
    match uri.parse() {
        Ok(uri) => {
            let route = route.clone();
            let terms = terms?;
            let home = Arc::new(Home { uri, route, terms });
            Some(Box::new(Http { home }))
        }
        Err(error) => {
            settings.note("path", format!("{uri} is not a URL: {error}"));
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

impl Client {
    fn new(run: Run) -> Self {
        let run = Arc::new(Mutex::new(run));
        let wire = Wire {
            run: Arc::clone(&run),
        };
        let agent = Agent::with_parts(CONFIG.clone(), wire, NoResolver);
        Self { agent, run }
    }

    /// What is worth saying of the last connection.
    fn note(&self) -> Note {
        wire::lock(&self.run).note.take()
    }

    /// Asks, and follows where it is sent.
    fn visit(&self, run: Run) -> Result<Note, Failure> {
        let (mut uri, deadline) = (run.home.uri.clone(), run.deadline);
        *wire::lock(&self.run) = run;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.agent.get(&uri).call().map_err(|error| {
                let first_words = &wire::lock(&self.run).first_words;
                head_failure(&error, first_words)
            })?;
            match redirect::target(&answer, &uri)? {
                Some(next) => uri = next,
                None => return judge(answer, deadline).map(|()| self.note()),
            }
        }
        let text = format!("more than {MOST_REDIRECTS} redirects");
        Err(Failure::new(Phase::Status, &text))
    }
}

impl Probe for Http {
    fn probe(&self, route: &Route, deadline: Deadline) -> Result<Note, Failure> {
        let run = || Run {
            home: self.home.by(route),
            deadline,
            first_words: Vec::new(),
            note: None,
        };
        CLIENT.with(|client| client.get_or_init(|| Client::new(run())).visit(run()))
    }

    fn needs(&self) -> &[Need] {
        self.home.terms.needs()
    }
}

/// The final answer: up when it is 200 and its body comes.
fn judge(mut answer: Response<Body>, deadline: Deadline) -> Result<(), Failure> {
    let status = answer.status();
    if status.as_u16() == 200 {
        return read_body(answer.body_mut().as_reader(), deadline);
    }
    let words = status.canonical_reason().unwrap_or("");
    let text = format!("{} {words}", status.as_str());
    Err(Failure::new(Phase::Status, text.trim_end()))
}

/// Made once: ureq looks through the environment for a proxy each time, even where none is wanted.
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        // Followed by us: ureq would read a redirect's body, which may have no end.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .max_response_header_size(LARGEST_HEADERS)
        .user_agent(concat!("heartbeat/", env!("CARGO_PKG_VERSION")))
        .build()
});

fn read_body(body: impl Read, deadline: Deadline) -> Result<(), Failure> {
    let mut body = body.take(BODY_READ);
    let mut piece = [0; 4096];
    loop {
        match body.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(body_failure(&error, deadline)),
        }
    }
}

fn body_failure(error: &std::io::Error, deadline: Deadline) -> Failure {
    let text = match wire::failure_in_io(error) {
        Some(failure) if failure.phase != Phase::Receive => return failure,
        Some(_) if deadline.left().is_zero() => {
            format!("body not complete {}", deadline.within())
        }
        Some(failure) => failure.reason,
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "connection closed before the body was complete".to_owned()
        }
        None => error.to_string(),
    };
    Failure::new(Phase::Body, &text)
}

/// A failure before the body. `first_words`: how the last answer began.
fn head_failure(error: &Error, first_words: &[u8]) -> Failure {
    if let Some(failure) = wire::failure_in(error) {
        return failure;
    }
    let is_http = first_words.starts_with(b"HTTP/");
    let (phase, text) = match error {
        Error::Io(_) if first_words.is_empty() => {
            let text = "connection closed without an answer";
            (Phase::Receive, text.to_owned())
        }
        Error::BadUri(_) | Error::Http(_) => (Phase::Status, format!("redirect: {error}")),
        Error::Protocol(_) if is_http => {
            // ureq does not name the type of these errors, only their words.
            let text = error.to_string();
            let text = text.strip_prefix("protocol: ").unwrap_or(&text);
            (Phase::Receive, format!("not valid HTTP: {text}"))
        }
        Error::Protocol(_) | Error::Io(_) if !is_http => (Phase::Receive, not_http(first_words)),
        Error::Io(_) => {
            let text = "connection closed before the answer was complete";
            (Phase::Receive, text.to_owned())
        }
        Error::LargeResponseHeader(..) => {
            let text = format!("headers of more than {LARGEST_HEADERS} bytes");
            (Phase::Receive, text)
        }
        error => (Phase::Receive, error.to_string()),
    };
    Failure::new(phase, &text)
}

fn not_http(first_words: &[u8]) -> String {
    // A TLS record that carries an alert (RFC 8446, 5.1): a TLS server's answer to a plain request.
    if first_words.starts_with(&[0x15, 0x03]) {
        return "not HTTP: the peer speaks TLS (type = https?)".to_owned();
    }
    let words = String::from_utf8_lossy(first_words);
    let line = words.lines().next().unwrap_or_default();
    format!("not HTTP: the peer says {}", crate::settings::quote(line))
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
