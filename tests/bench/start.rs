//! Ten checks, the usual size: memory at rest, and how soon after its start the first connection arrives.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use socket2::SockRef;

use crate::Plan;
use crate::endpoint::Kind;
use crate::measure::{self, Program};
use crate::{bare, heartbeat, serve, table};

/// How many checks.
const CHECKS: u16 = 10;

/// Rounds before the memory is looked at.
const ROUNDS: u32 = 5;

/// Between the rounds.
const INTERVAL: Duration = Duration::from_millis(200);

/// In the middle between the last of those rounds and the next.
const STOP: Duration = Duration::from_millis(900);

/// A program that has not connected by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures each kind and prints the table.
pub fn print(plan: &Plan) -> Result<()> {
    table::head("10 endpoints");
    for kind in &plan.kinds {
        let resident = table::mebibytes(resident(plan, *kind)?);
        table::figure(
            &format!("{}: resident after {ROUNDS} rounds", kind.name()),
            &resident,
            "6 MiB",
        );
        let (ours, bare) = first_connects(plan, *kind)?;
        let name = format!("{}: start to first connect", kind.name());
        table::times(&name, table::millis, ours, bare, "6 ms");
    }
    Ok(())
}

/// heartbeat's resident memory in the foreground, in KiB.
fn resident(plan: &Plan, kind: Kind) -> Result<u32> {
    let file = heartbeat::configure(plan, kind, plan.server.port(kind), CHECKS, INTERVAL)?;
    Ok(measure::measure(&heartbeat::foreground(&file, STOP), plan.server.authority())?.resident)
}

/// The medians of heartbeat's and the bare loop's time to the first connection, taken in turn.
fn first_connects(plan: &Plan, kind: Kind) -> Result<(Duration, Duration)> {
    let (mut ours, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..plan.starts {
        ours.push(first_connect(plan, |port| {
            Ok(heartbeat::once(&heartbeat::configure(
                plan, kind, port, CHECKS, INTERVAL,
            )?))
        })?);
        bares.push(first_connect(plan, |port| {
            bare::once(kind, port, CHECKS, 1)
        })?);
    }
    Ok((measure::median(ours), measure::median(bares)))
}

/// From just before a program is started to the moment its first connection arrives; nobody answers it, and it is
/// ended.
fn first_connect(plan: &Plan, program: impl FnOnce(u16) -> Result<Program>) -> Result<Duration> {
    let listener = serve::listen()?;
    SockRef::from(&listener).set_read_timeout(Some(PATIENCE))?;
    let words = program(listener.local_addr()?.port())?.words;
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .env("SSL_CERT_FILE", plan.server.authority())
        .env_remove("SSL_CERT_DIR");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let _connection = listener.accept().context("no connection came")?;
    let time = start.elapsed();
    child.kill()?;
    child.wait()?;
    Ok(time)
}
