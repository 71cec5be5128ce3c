//! tls: up when the handshake succeeds and the certificate is as it is wanted. Nothing of what is inside is asked for.
//!
//! The handshake is shared by every kind that speaks TLS: [`Terms`] says how it is done, [`handshake()`] does it.

mod client;
mod handshake;
mod pem;
mod reason;
mod roots;
mod signature;
mod terms;
mod validity;
mod verify;
mod x509;

use super::route::Route;
use super::{Deadline, Failure, Kind, Need, Note, Probe, connect};

pub use client::Place;
pub use handshake::{TlsStream, alert, handshake, last_words};
pub use terms::{TLS_KEYS, Terms};

/// `type = tls`
pub const TLS: Kind = Kind {
    name: "tls",
    has_route: true,
    has_tls: true,
    default_port: None,
    keys: &[],
    read: |settings, _| Some(Box::new(Tls(Terms::read(settings)?))),
};

#[derive(Debug)]
struct Tls(Terms);

impl Probe for Tls {
    fn probe(&self, route: &Route, deadline: Deadline) -> Result<Note, Failure> {
        let stream = connect::connect(route, deadline)?;
        let (mut tls, note) = handshake(stream, &route.name, Place::Home, &self.0, deadline)?;
        handshake::finish(&mut tls, deadline)?;
        Ok(note)
    }

    fn needs(&self) -> &[Need] {
        self.0.needs()
    }
}
