//! What one program used, from its start to its end.
//!
//! A process of its own starts it, so that `getrusage` knows of no other child. That process is kept small: until
//! `exec` the child is its copy, and what the copy held counts as the child's peak memory (about 2 MiB, less than
//! anything that is measured here).

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;

/// A program to be measured.
pub struct Program {
    /// The file and its arguments.
    pub words: Vec<OsString>,
    /// When it is told to stop; `None`: it ends by itself.
    pub stop: Option<Duration>,
}

/// What one run used.
#[derive(Clone, Copy)]
pub struct Usage {
    /// From before its start to after its end.
    pub wall: Duration,
    /// User and system time of all its threads.
    pub cpu: Duration,
    /// The most memory it ever had resident, in KiB.
    pub peak: u32,
    /// The memory it had resident when it was stopped, in KiB; 0 when it ended by itself.
    pub resident: u32,
}

/// Runs a program once.
pub fn measure(program: &Program, authority: &Path) -> Result<Usage> {
    let stop = program.stop.unwrap_or_default().as_millis();
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("measure")
        .arg(stop.to_string())
        .args(&program.words);
    command
        .env("SSL_CERT_FILE", authority)
        .env_remove("SSL_CERT_DIR");
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse);
    let mut next = || -> Result<u32> { Ok(numbers.next().context("a number is missing")??) };
    Ok(Usage {
        wall: micros(next()?),
        cpu: micros(next()?),
        peak: next()?,
        resident: next()?,
    })
}

/// Runs every program in turn, again and again, so that a noisy moment falls on all of them; returns their medians.
pub fn in_turn(programs: &[Program], authority: &Path, runs: usize) -> Result<Vec<Usage>> {
    let mut usages = vec![Vec::new(); programs.len()];
    for _ in 0..runs {
        for (program, usages) in programs.iter().zip(&mut usages) {
            usages.push(measure(program, authority)?);
        }
    }
    Ok(usages.iter().map(|usages| median_usage(usages)).collect())
}

/// The median of each figure.
fn median_usage(usages: &[Usage]) -> Usage {
    Usage {
        wall: median(usages.iter().map(|usage| usage.wall).collect()),
        cpu: median(usages.iter().map(|usage| usage.cpu).collect()),
        peak: median(usages.iter().map(|usage| usage.peak).collect()),
        resident: median(usages.iter().map(|usage| usage.resident).collect()),
    }
}

/// The middle one.
pub fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// `measure MILLISECONDS PROGRAM ARGUMENT…`: prints what the program used.
pub fn role(arguments: &[String]) -> Result<()> {
    let stop: u64 = arguments[0].parse()?;
    let start = Instant::now();
    let child = Command::new(&arguments[1])
        .args(&arguments[2..])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let resident = if stop > 0 {
        stop_after(&child, Duration::from_millis(stop))?
    } else {
        0
    };
    let output = child.wait_with_output()?;
    let wall = start.elapsed();
    ensure!(output.status.success(), "{}", complaint(arguments, &output));
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = duration(usage.user_time()) + duration(usage.system_time());
    println!(
        "{} {} {} {resident}",
        wall.as_micros(),
        cpu.as_micros(),
        usage.max_rss()
    );
    Ok(())
}

/// Looks at the resident memory after some time, and tells the program to stop.
fn stop_after(child: &Child, time: Duration) -> Result<u32> {
    thread::sleep(time);
    let resident = resident(child.id())?;
    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
    Ok(resident)
}

/// The resident memory of a process, in KiB.
fn resident(process: u32) -> Result<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("ended too early")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Why there are no figures.
fn complaint(arguments: &[String], output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!(
        "{}: {}\n{out}{err}",
        arguments[1..].join(" "),
        output.status
    )
}

/// nix's time as std's.
fn duration(time: TimeVal) -> Duration {
    Duration::from_micros(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0))
}

/// A number of microseconds.
fn micros(number: u32) -> Duration {
    Duration::from_micros(number.into())
}
