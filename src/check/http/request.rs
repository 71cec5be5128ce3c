//! What is asked: method, headers, body, credentials; and what of it a redirect may take elsewhere.

use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, PROXY_AUTHORIZATION};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request as Wire, StatusCode, Uri};
use ureq::{Agent, Body, Error, SendBody, http::Response};

use super::credentials;
use super::secret::Secrets;
use super::wire::Home;
use crate::settings::{Settings, quote};

/// The methods that a check may use. `CONNECT` asks for a tunnel, and `TRACE` for our own secrets.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// What belongs to the connection and to the framing of the body, and is heartbeat's to say.
const OURS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What says nothing that another origin must not know.
const HARMLESS: [&str; 7] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "pragma",
    "user-agent",
];

/// Header lines that one check may have.
const MOST_HEADERS: usize = 100;

/// How much of a body is sent at once.
const PIECE: usize = 8 * 1024;

/// What a check asks.
#[derive(Debug, Default)]
pub struct Request {
    method: Method,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// One request of a check: its own, or the one that a redirect has made of it.
#[derive(Debug)]
pub struct Step {
    /// Where it goes.
    pub uri: Uri,
    method: Method,
    /// A redirect has made a GET of it, and what it carried is gone.
    is_emptied: bool,
}

impl Request {
    /// Reads `method`, `header`, `body`, `username` and `password_file`. What must not be shown comes beside.
    pub fn read(settings: &mut Settings) -> (Self, Secrets) {
        let body = settings.optional("body", body).unwrap_or_default();
        // As curl has it: who sends data means to post it.
        let usual = if body.is_empty() {
            Method::GET
        } else {
            Method::POST
        };
        let method = settings.or("method", usual, method);
        if method == Method::HEAD && !body.is_empty() {
            settings.note("body", "a HEAD request has none");
        }
        let mut headers = settings.secret("header", headers).unwrap_or_default();
        let mut secrets = Secrets::default();
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            if let Some(value) = headers.get_mut(name) {
                value.set_sensitive(true);
                secrets.add_header(value);
            }
        }
        credentials::read(settings, &mut headers, &mut secrets);
        let request = Self {
            method,
            headers,
            body,
        };
        (request, secrets)
    }

    /// Whether answers have no body.
    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether there is a body to send.
    pub fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// How many bytes its headers, and as much of its body as is sent at once, take.
    pub fn room(&self) -> usize {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + ": \r\n".len() + value.len()
        };
        let headers: usize = self.headers.iter().map(line).sum();
        headers + self.body.len().min(PIECE)
    }

    /// The first request, to the check's own place.
    pub fn first(&self, uri: &Uri) -> Step {
        Step {
            uri: uri.clone(),
            method: self.method.clone(),
            is_emptied: false,
        }
    }

    /// Asks once. Where that is not at `home`, it holds nothing that is meant for `home` alone.
    ///
    /// # Errors
    /// ureq's, among them those of our own connections.
    pub fn send(&self, agent: &Agent, step: &Step, home: &Home) -> Result<Response<Body>, Error> {
        let mut headers = self.headers(step, home);
        let mut body: &[u8] = if step.is_emptied { &[] } else { &self.body };
        // Where a body is usual, a length of 0 says that none is coming (RFC 9110, 8.6).
        let is_usual = [Method::POST, Method::PUT, Method::PATCH].contains(&step.method);
        if is_usual || !body.is_empty() {
            headers.insert(CONTENT_LENGTH, body.len().into());
        }
        if body.is_empty() {
            return agent.run(step.request(headers, SendBody::none()));
        }
        agent.run(step.request(headers, SendBody::from_reader(&mut body)))
    }

    fn headers(&self, step: &Step, home: &Home) -> HeaderMap {
        if self.headers.is_empty() {
            return HeaderMap::new();
        }
        let is_home = home.is_origin_of(&step.uri);
        let may_go = |name: &HeaderName| {
            let describes_body = name.as_str().starts_with("content-");
            let is_known = is_home || describes_body || HARMLESS.contains(&name.as_str());
            is_known && !(describes_body && step.is_emptied)
        };
        let lines = self.headers.iter().filter(|(name, _)| may_go(name));
        lines
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

impl Step {
    /// What a redirect of this status makes of it (RFC 9110, 15.4).
    pub fn redirected(self, status: StatusCode, to: Uri) -> Self {
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        Self {
            uri: to,
            method: if becomes_get {
                Method::GET
            } else {
                self.method
            },
            is_emptied: self.is_emptied || becomes_get,
        }
    }

    fn request<'a>(&self, headers: HeaderMap, body: SendBody<'a>) -> Wire<SendBody<'a>> {
        let mut request = Wire::new(body);
        *request.uri_mut() = self.uri.clone();
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = headers;
        request
    }
}

fn method(text: &str) -> Result<Method, String> {
    let mut methods = METHODS.into_iter();
    let found = methods.find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let names: Vec<_> = METHODS.iter().map(ToString::to_string).collect();
        format!("is not a method ({})", names.join(", "))
    })
}

fn body(text: &str) -> Result<Vec<u8>, String> {
    match text.trim() {
        "" => Err("is no body; leave it out".to_owned()),
        text => Ok(text.as_bytes().to_vec()),
    }
}

/// The lines of a value that has several.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// `Name: value` into both; the name is a token (RFC 9110, 5.6.2).
///
/// # Errors
/// What is wrong with the line, which is not shown: it may be the rest of a secret.
pub fn header_line(line: &str) -> Result<(HeaderName, &str), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| "has a line that is not Name: value".to_owned())?;
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        "has a line that does not begin with the name of a header (letters, digits and hyphens)"
    })?;
    Ok((key, value.trim()))
}

fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for line in lines(text) {
        let (name, value) = header_line(line)?;
        let shown = quote(line.split(':').next().unwrap_or_default());
        if OURS.contains(&name.as_str()) {
            return Err(format!("has {shown}, which is heartbeat's own to say"));
        }
        let ascii = HeaderValue::from_str(value).ok();
        let value = ascii.filter(|_| value.is_ascii()).ok_or_else(|| {
            format!("has {shown} with a value of other characters than ASCII's printable ones")
        })?;
        if headers.insert(name, value).is_some() {
            return Err(format!(
                "has {shown} twice; join what it says in one line, with commas"
            ));
        }
        if headers.len() > MOST_HEADERS {
            return Err(format!("has more than {MOST_HEADERS} headers"));
        }
    }
    if headers.is_empty() {
        return Err("has no line Name: value".to_owned());
    }
    Ok(headers)
}
