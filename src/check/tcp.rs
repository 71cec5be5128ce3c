//! tcp: up when a connection is established. What the service would say is not waited for.

use super::route::Route;
use super::{Deadline, Failure, Kind, Note, Probe, connect};

/// `type = tcp`
pub const TCP: Kind = Kind {
    name: "tcp",
    has_route: true,
    has_tls: false,
    default_port: None,
    keys: &[],
    read: |_, _| Some(Box::new(Tcp)),
};

#[derive(Debug)]
struct Tcp;

impl Probe for Tcp {
    fn probe(&self, route: &Route, deadline: Deadline) -> Result<Note, Failure> {
        connect::connect(route, deadline).map(|_| None)
    }
}
