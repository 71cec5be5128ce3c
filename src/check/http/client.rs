//! Goes where a check is sent, and on where that sends it.

use std::cell::OnceCell;
use std::sync::{Arc, LazyLock, Mutex};

use ureq::config::Config;
use ureq::http::header::LOCATION;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body, Error};

use super::Http;
use super::redirect;
use super::request::Step;
use super::wire::{self, CurrentRun, Home, LARGEST_HEADERS, NoResolver, Run, Wire};
use crate::check::{Deadline, Failure, Note, Phase};
use crate::mutex::lock;
use crate::settings;

/// Redirects that are followed.
const MOST_REDIRECTS: u32 = 10;

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

/// Asks at `home`, follows where it is sent, and judges the final answer.
///
/// # Errors
/// Why it is down. The reason may hold what the peer has made of a secret.
pub fn visit(http: &Http, home: &Arc<Home>, deadline: Deadline) -> Result<Note, Failure> {
    let run = || Run {
        home: Arc::clone(home),
        deadline,
        first_words: Vec::new(),
        note: None,
    };
    CLIENT.with(|client| {
        let client = client.get_or_init(|| Client::new(run()));
        *lock(&client.run) = run();
        client.visit(http, home, deadline)?;
        // Of the last connection.
        Ok(lock(&client.run).note.take())
    })
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

    fn visit(&self, http: &Http, home: &Home, deadline: Deadline) -> Result<(), Failure> {
        let mut step = http.request.first(&home.uri);
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask(http, &step, home)?;
            match next(http, &answer, &step.uri)? {
                Some(next) => step = step.redirected(answer.status(), next),
                None => return http.expected.judge(answer, deadline, &http.secrets),
            }
        }
        let text = format!("more than {MOST_REDIRECTS} redirects");
        Err(Failure::new(Phase::Status, &text))
    }

    fn ask(&self, http: &Http, step: &Step, home: &Home) -> Result<Response<Body>, Failure> {
        let answer = http.request.send(&self.agent, step, home);
        answer.map_err(|error| {
            let mut first_words = lock(&self.run).first_words.clone();
            http.secrets.mask(&mut first_words);
            head_failure(&error, &first_words)
        })
    }
}

/// Where a redirect leads that is to be followed. One that leads nowhere is an answer as any other, if it is expected.
fn next(http: &Http, answer: &Response<Body>, from: &Uri) -> Result<Option<Uri>, Failure> {
    let is_answer =
        || !answer.headers().contains_key(LOCATION) && http.expected.takes_status(answer.status());
    if !http.follows_redirects || is_answer() {
        return Ok(None);
    }
    redirect::target(answer, from)
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
    format!("not HTTP: the peer says {}", settings::quote(line))
}
