//! tcp: up when a connection is established. What the service would say is not waited for.

use super::{Deadline, Failure, Kind, Probe, Target, connect};

/// `type = tcp`
pub const TCP: Kind = Kind {
    name: "tcp",
    default_port: None,
    keys: &[],
    read: |_, target| Some(Box::new(Tcp { target })),
};

#[derive(Debug)]
struct Tcp {
    target: Target,
}

impl Probe for Tcp {
    fn probe(&self, deadline: Deadline) -> Result<(), Failure> {
        connect::connect(&self.target, deadline).map(drop)
    }
}
