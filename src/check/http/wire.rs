//! ureq on heartbeat's own connections: the same race, handshake and deadline as every other kind, so that the phase
//! of a failure is known and not guessed.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::buffers::Growing;
use crate::check::connect::{self, Stream};
use crate::check::resolve::Host;
use crate::check::route::Route;
use crate::check::tls::{self, Place, Terms, TlsStream};
use crate::check::{Deadline, Failure, Note, Phase, Target};
use crate::file::reason;
use crate::mutex::lock;

/// Largest headers of an answer.
pub const LARGEST_HEADERS: usize = 16 * 1024;

/// Room for an answer's headers and a piece of its body. Must be more than the largest headers, or ureq takes those for
/// a closed connection.
const INPUT_BUFFER: usize = LARGEST_HEADERS + 1024;

/// Room for a request beside its path and what is its own.
const OUTPUT_BUFFER: usize = 1024;

/// How much of an answer is kept to show what the peer speaks when it is not HTTP.
const FIRST_WORDS: usize = 60;

/// Where a check is sent; a redirect may lead elsewhere.
#[derive(Debug)]
pub struct Home {
    /// As it is asked for.
    pub uri: Uri,
    /// As it is connected to.
    pub route: Route,
    /// Room for what the check's own request has beside its path: headers, and a body or a piece of it.
    pub room: usize,
    /// Whether the request has a body.
    pub sends_body: bool,
    /// What its keys ask of every handshake, elsewhere too.
    pub terms: Terms,
}

/// One execution of a check, across redirects.
#[derive(Debug)]
pub struct Run {
    /// Where it begins.
    pub home: Arc<Home>,
    /// When it must be over.
    pub deadline: Deadline,
    /// The first bytes of the last connection's answer.
    pub first_words: Vec<u8>,
    /// What is worth saying of the last handshake.
    pub note: Note,
}

/// The execution that is under way on a worker.
pub type CurrentRun = Arc<Mutex<Run>>;

/// Makes the connections of a run. ureq resolves nothing and knows no time: both are ours.
#[derive(Debug)]
pub struct Wire {
    /// For its home and its deadline, and to note what is seen.
    pub run: CurrentRun,
}

/// A failure on its way through ureq; [`failure_in`] finds it again.
fn carried(failure: Failure) -> Error {
    Error::Io(io::Error::other(failure))
}

/// The failure that one of our connections met, if this is one.
pub fn failure_in(error: &Error) -> Option<Failure> {
    match error {
        Error::Io(error) => failure_in_io(error),
        _ => None,
    }
}

/// As [`failure_in`], for an error that came from a body's reader.
pub fn failure_in_io(error: &io::Error) -> Option<Failure> {
    let inner = error.get_ref()?;
    if let Some(error) = inner.downcast_ref::<Error>() {
        return failure_in(error);
    }
    inner.downcast_ref::<Failure>().cloned()
}

impl Connector for Wire {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let (home, deadline) = {
            let mut run = lock(&self.run);
            run.first_words.clear();
            (Arc::clone(&run.home), run.deadline)
        };
        let length = details
            .uri
            .path_and_query()
            .map_or(0, |path| path.as_str().len());
        let route = home.route_to(details.uri).map_err(carried)?;
        let stream = connect::connect(&route, deadline).map_err(carried)?;
        if home.sends_body {
            // It follows the headers, and would wait until those are acknowledged.
            stream.send_at_once();
        }
        let stream = if details.needs_tls() {
            let place = if home.is_origin_of(details.uri) {
                Place::Home
            } else {
                Place::Elsewhere
            };
            let shaken = tls::handshake(stream, &route.name, place, &home.terms, deadline);
            let (tls, note) = shaken.map_err(carried)?;
            lock(&self.run).note = note;
            Channel::Tls(Box::new(tls))
        } else {
            Channel::Tcp(stream)
        };
        Ok(Some(Connection {
            stream,
            deadline,
            run: Arc::clone(&self.run),
            buffers: Growing::new(INPUT_BUFFER, OUTPUT_BUFFER + length + home.room),
        }))
    }
}

impl Home {
    /// The same, connected to on another way.
    pub fn by(self: &Arc<Self>, route: &Route) -> Arc<Self> {
        if self.route == *route {
            return Arc::clone(self);
        }
        Arc::new(Self {
            uri: self.uri.clone(),
            route: route.clone(),
            terms: self.terms.clone(),
            ..**self
        })
    }

    /// Whether it is asked there: at the same origin (RFC 9110, 4.3.1).
    pub fn is_origin_of(&self, uri: &Uri) -> bool {
        let hosts = uri.host().zip(self.uri.host());
        uri.scheme() == self.uri.scheme()
            && hosts.is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
            && port(uri) == port(&self.uri)
    }

    fn route_to(&self, uri: &Uri) -> Result<Route, Failure> {
        let wrong = |what: &str| Failure::new(Phase::Status, &format!("redirect to {uri}: {what}"));
        if self.is_origin_of(uri) {
            return Ok(self.route.clone());
        }
        let host = uri.host().ok_or_else(|| wrong("no host"))?;
        let port = port(uri).ok_or_else(|| wrong("neither http nor https, or no port"))?;
        let host = Host::parse(host).map_err(|text| wrong(&text))?;
        Ok(self.route.elsewhere(Target { host, port }))
    }
}

/// The one it names, or its scheme's own.
fn port(uri: &Uri) -> Option<u16> {
    let usual = match uri.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return None,
    };
    // One that is out of range is no port at all to `Uri`.
    let authority = uri.authority()?.as_str();
    let named = authority.strip_prefix(uri.host()?).unwrap_or_default();
    match named.strip_prefix(':') {
        Some("") | None => Some(usual),
        Some(digits) => digits.parse().ok(),
    }
}

/// ureq asks for addresses before it connects; ours are found while connecting.
#[derive(Debug)]
pub struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

#[derive(Debug)]
enum Channel {
    Tcp(Stream),
    Tls(Box<TlsStream>),
}

/// One connection as ureq uses it.
#[derive(Debug)]
pub struct Connection {
    stream: Channel,
    deadline: Deadline,
    run: CurrentRun,
    buffers: Growing,
}

impl Connection {
    fn send(&mut self, amount: usize) -> io::Result<()> {
        let bytes = &self.buffers.output()[..amount];
        match &mut self.stream {
            Channel::Tcp(stream) => stream.write_all(bytes),
            Channel::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let buffer = self.buffers.input_append_buf();
        let result = match &mut self.stream {
            Channel::Tcp(stream) => stream.read(buffer),
            Channel::Tls(tls) => tls.read(buffer),
        };
        match result {
            Ok(amount) => {
                let first_words = &mut lock(&self.run).first_words;
                let room = FIRST_WORDS.saturating_sub(first_words.len());
                first_words.extend_from_slice(&buffer[..amount.min(room)]);
                self.buffers.input_appended(amount);
                Ok(amount)
            }
            // TLS that ends without its own goodbye: whether anything is missing, the length or the chunks tell.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn send_failure(&mut self, error: &io::Error) -> Failure {
        let last_words = match &mut self.stream {
            Channel::Tls(tls) if error.kind() != io::ErrorKind::TimedOut => tls::last_words(tls),
            _ => None,
        };
        if let Some(text) = last_words.or_else(|| tls::alert(error)) {
            return Failure::new(Phase::Tls, &text);
        }
        let text = match error.kind() {
            io::ErrorKind::TimedOut => format!("request not taken {}", self.deadline.within()),
            _ => reason(error),
        };
        Failure::new(Phase::Send, &text)
    }

    fn receive_failure(&self, error: &io::Error) -> Failure {
        if let Some(text) = tls::alert(error) {
            return Failure::new(Phase::Tls, &text);
        }
        let started = !lock(&self.run).first_words.is_empty();
        let text = match error.kind() {
            io::ErrorKind::TimedOut if started => {
                format!("answer not complete {}", self.deadline.within())
            }
            io::ErrorKind::TimedOut => format!("no answer {}", self.deadline.within()),
            _ => reason(error),
        };
        Failure::new(Phase::Receive, &text)
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        self.send(amount)
            .map_err(|error| carried(self.send_failure(&error)))
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        match self.receive() {
            Ok(amount) => Ok(amount > 0),
            Err(error) => Err(carried(self.receive_failure(&error))),
        }
    }

    /// No connection is used twice.
    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        matches!(self.stream, Channel::Tls(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let uri = |text: &str| text.parse().expect("a URL");
        let home = |text: &str| Home {
            uri: uri(text),
            route: Route::to(Target {
                host: Host::default(),
                port: 1,
            }),
            room: 0,
            terms: Terms::default(),
            sends_body: false,
        };
        let same = ["http://a/x", "http://A:80/", "http://user@a/"];
        for other in same {
            assert!(home("http://a/").is_origin_of(&uri(other)), "{other}");
        }
        for other in ["https://a/", "http://b/", "http://a:81/", "http://a.b/"] {
            assert!(!home("http://a/").is_origin_of(&uri(other)), "{other}");
        }
        assert!(home("https://[::1]:443/").is_origin_of(&uri("https://[::1]/")));
    }
}
