//! Rounds of 1,000 endpoints of one kind.
//!
//! The cost of one check is what a run over 1,000 endpoints used more than a run over one, divided by 999: starting up,
//! reading the trust store and the like fall out. Reading 999 more sections of the configuration and starting more
//! workers do not, though a daemon does both once and not every round: the reading is measured alone, and `later` has
//! the daemon.

use std::time::Duration;

use anyhow::Result;

use crate::Plan;
use crate::endpoint::{COUNT, Kind};
use crate::measure::{self, Usage};
use crate::{bare, heartbeat, later, table};

/// Threads of the bare loop that waits for many endpoints at once, as heartbeat does: that alone has its price.
pub const MANY: u16 = 16;

/// Threads of the bare loops. The fastest is compared by its wall time.
const THREADS: [u16; 5] = [1, 2, 4, MANY, 64];

/// The interval where there is one round only.
const MINUTE: Duration = Duration::from_secs(60);

/// What the programs used, medians.
struct Usages {
    /// heartbeat with one endpoint and with all.
    ours: [Usage; 2],
    /// heartbeat only reading those two configurations.
    reading: [Usage; 2],
    /// The bare loop over one endpoint, one thread.
    bare_one: Usage,
    /// The bare loop over all, for each of `THREADS`.
    bare: Vec<Usage>,
}

impl Usages {
    /// CPU time per check of the bare loop.
    fn bare_cpu(&self, threads: u16) -> Duration {
        let mut loops = self.bare.iter().zip(THREADS);
        let found = loops.find(|(_, number)| *number == threads);
        found.map_or(Duration::ZERO, |(bare, _)| {
            per_check(self.bare_one.cpu, bare.cpu)
        })
    }
}

/// Measures one kind and prints its table.
pub fn print(plan: &Plan, kind: Kind) -> Result<()> {
    table::head(&format!("{}, 1,000 endpoints", kind.name()));
    let usages = usages(plan, kind)?;
    print_cpu(kind, &usages);
    print_wall(&usages);
    let [ours, bare] = [usages.ours[1].peak, usages.bare[0].peak].map(table::mebibytes);
    table::row("peak memory", &ours, &bare, "", "16 MiB");
    later::print(plan, kind, usages.ours[1].wall)
}

/// Runs every program in turn.
fn usages(plan: &Plan, kind: Kind) -> Result<Usages> {
    let port = plan.server.port(kind);
    let [one, all] = [1, COUNT].map(|count| heartbeat::configure(plan, kind, port, count, MINUTE));
    let (one, all) = (one?, all?);
    let mut lines = vec![heartbeat::once(&one), heartbeat::once(&all)];
    lines.extend([heartbeat::test_config(&one), heartbeat::test_config(&all)]);
    lines.push(bare::once(kind, port, 1, 1)?);
    for threads in THREADS {
        lines.push(bare::once(kind, port, COUNT, threads)?);
    }
    let medians = measure::in_turn(&lines, plan.server.authority(), plan.runs)?;
    let bare = medians[5..].to_vec();
    Ok(Usages {
        ours: [medians[0], medians[1]],
        reading: [medians[2], medians[3]],
        bare_one: medians[4],
        bare,
    })
}

/// CPU time per check, beside the bare loop on one thread and on `MANY`.
pub fn print_checks(name: &str, kind: Kind, ours: Duration, bare: [Duration; 2]) {
    table::times(name, table::micros, ours, bare[0], kind.goal());
    let many = format!("  beside the bare loop x{MANY}");
    table::times(&many, table::micros, ours, bare[1], "");
}

/// CPU time per check, and how much of it is reading the configuration.
fn print_cpu(kind: Kind, usages: &Usages) {
    let ours = per_check(usages.ours[0].cpu, usages.ours[1].cpu);
    print_checks(
        "CPU per check, --once",
        kind,
        ours,
        [1, MANY].map(|threads| usages.bare_cpu(threads)),
    );
    let reading = per_check(usages.reading[0].cpu, usages.reading[1].cpu);
    table::figure(
        "  of it reading the configuration",
        &table::micros(reading),
        "",
    );
}

/// Wall time of a round, beside the bare loop on the number of threads that suits it best.
fn print_wall(usages: &Usages) {
    let ours = usages.ours[1].wall.saturating_sub(usages.ours[0].wall);
    let walls = usages
        .bare
        .iter()
        .map(|bare| bare.wall.saturating_sub(usages.bare_one.wall));
    let (bare, threads) = walls.zip(THREADS).min().unwrap_or_default();
    let name = format!("wall of a round (bare loop x{threads})");
    table::times(&name, table::millis, ours, bare, "");
}

/// The cost of one check, from runs with one and with all of them.
fn per_check(one: Duration, all: Duration) -> Duration {
    all.saturating_sub(one) / u32::from(COUNT - 1)
}
