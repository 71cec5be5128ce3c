//! Basic authentication (RFC 7617).

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderMap, HeaderValue};

use super::secret::{self, Secrets};
use crate::check::Need;
use crate::settings::Settings;

/// Reads `username` and `password_file`, and puts what they say among the headers.
pub fn read(settings: &mut Settings, headers: &mut HeaderMap, secrets: &mut Secrets) {
    let is_given = |key| settings.value(key).is_some();
    let (has_name, has_password) = (is_given("username"), is_given("password_file"));
    if let Some((key, text)) = misfit(has_name, has_password, headers) {
        settings.note(key, text);
        return;
    }
    if !has_name {
        return;
    }
    let name = settings.secret("username", username);
    let Some((name, password)) = name.zip(secret::read(settings, "password_file")) else {
        return;
    };
    let token = BASE64_STANDARD.encode([name.as_bytes(), b":", &password].concat());
    if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {token}")) {
        value.set_sensitive(true);
        secrets.add(token.as_bytes());
        secrets.add(&password);
        headers.insert(AUTHORIZATION, value);
    }
}

/// The file that the password is in, if there is one.
pub fn need(settings: &Settings) -> Option<Need> {
    let path = settings.value("password_file")?;
    Some(Need::File {
        key: "password_file",
        path: PathBuf::from(&path.text),
        says: None,
    })
}

/// The key and what is wrong about it where not all of them fit together.
fn misfit(
    has_name: bool,
    has_password: bool,
    headers: &HeaderMap,
) -> Option<(&'static str, &'static str)> {
    match (has_name, has_password) {
        (true, false) => Some(("username", "password_file must go with it")),
        (false, true) => Some(("password_file", "username must go with it")),
        (true, true) if headers.contains_key(AUTHORIZATION) => {
            Some(("username", "header gives an Authorization already"))
        }
        _ => None,
    }
}

fn username(text: &str) -> Result<String, String> {
    match text {
        "" => Err("is no name".to_owned()),
        _ if text.contains(':') => Err("holds a colon, which would end the name".to_owned()),
        _ if text.contains(|c: char| c.is_control()) => Err("holds a control character".to_owned()),
        _ => Ok(text.to_owned()),
    }
}
