//! The bare loop: the least that a program can do to check the same endpoints. No deadline, no reason, no decision.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::endpoint::{self, Kind};
use crate::measure::Program;

/// A call: one round of the first `count` endpoints.
pub fn once(kind: Kind, port: u16, count: u16, threads: u16) -> Result<Program> {
    rounds(kind, [port, count, threads, 1], Duration::ZERO)
}

/// A call with all of the role's numbers but the pause.
pub fn rounds(kind: Kind, numbers: [u16; 4], pause: Duration) -> Result<Program> {
    let mut words: Vec<OsString> = vec![std::env::current_exe()?.into(), "bare".into()];
    words.push(kind.name().into());
    words.extend(numbers.map(|number| number.to_string().into()));
    words.push(pause.as_millis().to_string().into());
    Ok(Program { words, stop: None })
}

/// `bare KIND PORT COUNT THREADS ROUNDS PAUSE`: visits the first `COUNT` endpoints in each round. `PAUSE`:
/// milliseconds between the rounds.
pub fn role(arguments: &[String]) -> Result<()> {
    let kind = Kind::named(&arguments[0]).context("no such kind")?;
    let (port, count, threads) = (
        arguments[1].parse()?,
        arguments[2].parse()?,
        arguments[3].parse()?,
    );
    let (rounds, pause) = (arguments[4].parse::<u16>()?, arguments[5].parse()?);
    let tls = if kind == Kind::Https {
        Some(client()?)
    } else {
        None
    };
    for round in 0..rounds {
        if round > 0 {
            thread::sleep(Duration::from_millis(pause));
        }
        let next = AtomicU16::new(0);
        on_threads(threads, || {
            visit_all(kind, port, count, tls.as_ref(), &next)
        })?;
    }
    Ok(())
}

/// Does the same on every one of some threads; a single one is this one.
fn on_threads(threads: u16, visit: impl Fn() -> Result<()> + Sync) -> Result<()> {
    if threads == 1 {
        return visit();
    }
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(&visit)).collect();
        handles
            .into_iter()
            .try_for_each(|handle| handle.join().expect("a bare loop does not panic"))
    })
}

/// Takes the next endpoint until there is none; every thread does the same.
fn visit_all(
    kind: Kind,
    port: u16,
    count: u16,
    tls: Option<&Arc<ClientConfig>>,
    next: &AtomicU16,
) -> Result<()> {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= count {
            return Ok(());
        }
        visit(kind, IpAddr::V4(endpoint::address(index)), port, tls)?;
    }
}

/// One check at its barest.
fn visit(kind: Kind, address: IpAddr, port: u16, tls: Option<&Arc<ClientConfig>>) -> Result<()> {
    let stream = TcpStream::connect((address, port))?;
    match (kind, tls) {
        (Kind::Tcp, _) => Ok(()),
        (_, None) => exchange(stream, address, port),
        (_, Some(config)) => {
            let connection = ClientConnection::new(Arc::clone(config), address.into())?;
            exchange(StreamOwned::new(connection, stream), address, port)
        }
    }
}

/// A hand-written request, and the answer read to its end.
fn exchange(mut stream: impl Read + Write, address: IpAddr, port: u16) -> Result<()> {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}:{port}\r\nUser-Agent: bare\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 4096];
    let mut length = 0;
    while !is_whole(&answer[..length]) {
        let read = stream.read(&mut answer[length..])?;
        ensure!(read > 0, "{address}: the answer breaks off");
        length += read;
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "{address}: not 200");
    Ok(())
}

/// Whether headers and the announced body are there.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return false;
    };
    let headers = String::from_utf8_lossy(&answer[..head]);
    let announced = headers
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    answer.len() >= head + 4 + announced.unwrap_or(0)
}

/// One configuration for all: the authority trusted, nothing resumed.
fn client() -> Result<Arc<ClientConfig>> {
    let file = std::env::var_os("SSL_CERT_FILE").context("SSL_CERT_FILE is not set")?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file)?)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
