//! Black-box tests: the binary, its files and its exit status, against real peers on loopback.
//!
//! Each module tests one part of what heartbeat promises. `support` holds what they share.

use std::process::ExitCode;

use libtest_mimic::Arguments;

/// Makes `fn tests()` of a module from the names of its test functions; one that is left out is dead code.
///
/// Marks before a name: `#[root]`, it needs root; its name gets a `root::`, and for anyone else it is reported as
/// ignored. `#[alone]`, no other test may run beside it, because it measures time or memory or burns them.
macro_rules! tests {
    ($($(#[$mark:ident])* $name:ident),+ $(,)?) => {
        pub fn tests() -> Vec<libtest_mimic::Trial> {
            vec![$(crate::support::trial(
                module_path!(),
                stringify!($name),
                &[$(stringify!($mark)),*],
                $name,
            )),+]
        }
    };
}

mod checks;
mod commands;
mod config;
mod decision;
mod edges;
mod lifecycle;
mod log;
mod maintenance;
mod privileges;
mod reload;
mod scope;
mod shipped;
mod simulate;
mod stall;
mod status;
mod support;
mod thresholds;

fn main() -> ExitCode {
    let trials = [
        checks::tests(),
        config::tests(),
        log::tests(),
        privileges::tests(),
        lifecycle::tests(),
        commands::tests(),
        decision::tests(),
        thresholds::tests(),
        scope::tests(),
        reload::tests(),
        maintenance::tests(),
        edges::tests(),
        stall::tests(),
        status::tests(),
        simulate::tests(),
        shipped::tests(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut arguments = Arguments::from_args();
    // The tests wait for processes and clocks more than they compute.
    arguments.test_threads.get_or_insert(8);
    libtest_mimic::run(&arguments, trials).exit_code()
}
