//! A daemon's later rounds: everything has been read and started, but the pause between two rounds has cooled the caches
//! and put the workers to sleep. The bare loop pauses as well.

use std::time::Duration;

use anyhow::Result;

use crate::Plan;
use crate::endpoint::{COUNT, Kind};
use crate::round::{self, MANY};
use crate::{bare, heartbeat, measure, table};

/// Rounds after the first.
const LATER: u16 = 3;

/// The shortest interval that leaves a pause.
const SHORTEST: Duration = Duration::from_millis(200);

/// Measures one kind, whose round takes about `wall`, and prints its lines.
pub fn print(plan: &Plan, kind: Kind, wall: Duration) -> Result<()> {
    let interval = (wall * 2).max(SHORTEST);
    let port = plan.server.port(kind);
    let file = heartbeat::configure(plan, kind, port, COUNT, interval)?;
    let pause = interval / 2;
    // Half an interval into the last round: it is over by then.
    let time = |more: u16| pause + interval * u32::from(more);
    let mut programs = vec![
        heartbeat::foreground(&file, time(0)),
        heartbeat::foreground(&file, time(LATER)),
    ];
    for threads in [1, MANY] {
        for rounds in [1, 1 + LATER] {
            programs.push(bare::rounds(kind, [port, COUNT, threads, rounds], pause)?);
        }
    }
    let medians = measure::in_turn(&programs, plan.server.authority(), plan.runs.div_ceil(2))?;
    // They come in pairs: one round, and so many more.
    let per_check = |first: usize| {
        let more = medians[first + 1].cpu.saturating_sub(medians[first].cpu);
        more / u32::from(LATER) / u32::from(COUNT)
    };
    round::print_checks(
        "CPU per check, later rounds",
        kind,
        per_check(0),
        [per_check(2), per_check(4)],
    );
    let name = format!("resident after {} rounds", 1 + LATER);
    table::figure(&name, &table::mebibytes(medians[1].resident), "16 MiB");
    Ok(())
}
