//! A promotion, a failure, a demotion and a recovery on real sockets, in ten seconds: `cargo run --example quickstart`.
//!
//! It plays the service: a listener that it closes and opens again. heartbeat watches it as it would any other, in a
//! process of its own (this program again, called with heartbeat's arguments).

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use clap::Parser;
use heartbeat::{cli::Args, start};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than this no step takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if env::args().len() > 1 {
        return Ok(start::run(&Args::parse()).into());
    }
    let folder = env::temp_dir().join(format!("heartbeat-quickstart-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let result = play(&folder);
    fs::remove_dir_all(&folder)?;
    result.map(|()| ExitCode::SUCCESS)
}

fn play(folder: &Path) -> Result<(), Box<dyn Error>> {
    let service = TcpListener::bind("127.0.0.1:0")?;
    let address = service.local_addr()?;
    let text = configuration(address);
    fs::write(folder.join("heartbeat.conf"), &text)?;
    println!("# heartbeat.conf\n{text}");
    let mut heartbeat = Command::new(env::current_exe()?)
        .args(["-c", "heartbeat.conf"])
        .current_dir(folder)
        .spawn()?;
    let result = up_down_up(service, address, &folder.join("in-rotation"));
    stop(&mut heartbeat)?;
    result
}

fn up_down_up(
    service: TcpListener,
    address: SocketAddr,
    sign: &Path,
) -> Result<(), Box<dyn Error>> {
    println!("# The service is up.");
    wait_until(|| sign.exists())?;
    thread::sleep(Duration::from_secs(1));
    println!("# The service dies.");
    drop(service);
    wait_until(|| !sign.exists())?;
    thread::sleep(Duration::from_secs(1));
    println!("# The service is back.");
    let _service = TcpListener::bind(address)?;
    wait_until(|| sign.exists())?;
    println!("# Enough seen.");
    Ok(())
}

fn configuration(address: SocketAddr) -> String {
    format!(
        "\
[general]
logfile = stderr
interval = 0.5

[promotions]
rotation = touch in-rotation

[demotions]
rotation = rm in-rotation; echo \"because of $HEARTBEAT_REASON\"

[service]
type = tcp
hostname = {}
port = {}
timeout = 0.5
action = rotation
",
        address.ip(),
        address.port()
    )
}

fn wait_until(done: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let end = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() > end {
            return Err("heartbeat did not do what was expected of it".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn stop(heartbeat: &mut Child) -> Result<(), Box<dyn Error>> {
    kill(Pid::from_raw(heartbeat.id().try_into()?), Signal::SIGTERM)?;
    heartbeat.wait()?;
    Ok(())
}
