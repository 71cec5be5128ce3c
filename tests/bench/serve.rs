//! The endpoints' side, a process of its own: what it costs must not be counted.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::certificate;
use crate::endpoint::{self, Kind};

/// Threads that answer on one port.
const WORKERS: usize = 8;

/// Connections that may wait to be accepted: more than a round ever opens.
const BACKLOG: i32 = 4096;

/// What a web server says to a health check.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Sun, 22 Nov 2026 15:04:05 GMT\r\nContent-Type: text/plain\r\n\
                        Content-Length: 3\r\nConnection: close\r\n\r\nok\n";

/// The running endpoints; they end with this value.
pub struct Server {
    /// The process that answers.
    child: Child,
    /// A port for each kind, in the order of `Kind::ALL`.
    ports: Vec<u16>,
    /// The certificate to trust.
    authority: PathBuf,
}

impl Server {
    /// Starts the process and learns its ports.
    pub fn start(folder: &Path) -> Result<Server> {
        let authority = folder.join("authority.pem");
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command
            .arg("serve")
            .arg(&authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().context("no pipe")?).read_line(&mut line)?;
        let ports = line
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok(Server {
            child,
            ports,
            authority,
        })
    }

    /// The port that serves a kind.
    pub fn port(&self, kind: Kind) -> u16 {
        self.ports[kind as usize]
    }

    /// The file with the certificate to trust.
    pub fn authority(&self) -> &Path {
        &self.authority
    }
}

impl Drop for Server {
    /// Its standard input ends, and so does it.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// `serve AUTHORITY`: prints the ports and answers until standard input ends.
pub fn role(arguments: &[String]) -> Result<()> {
    let configurations = certificate::make(Path::new(&arguments[0]))?;
    let ports = [
        answer_on_a_port(drop)?,
        answer_on_a_port(|stream| {
            let _ = answer(stream);
        })?,
        answer_on_a_port(move |stream| {
            let _ = answer_tls(stream, &configurations);
        })?,
    ];
    println!("{} {} {}", ports[0], ports[1], ports[2]);
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Listens on all of the loopback network and hands every connection to `answer`.
fn answer_on_a_port(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> Result<u16> {
    let listener = listen()?;
    let port = listener.local_addr()?.port();
    let shared = Arc::new((listener, answer));
    for _ in 0..WORKERS {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let (listener, answer) = &*shared;
            listener.incoming().flatten().for_each(answer);
        });
    }
    Ok(port)
}

/// A listener for every loopback address; std's own backlog of 128 is too short.
pub fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Reads a request up to its blank line, answers, closes.
fn answer(mut stream: impl Read + Write) -> io::Result<()> {
    let mut request = [0; 2048];
    let mut length = 0;
    while !request[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut request[length..])? {
            0 => return Ok(()),
            read => length += read,
        }
    }
    stream.write_all(ANSWER)?;
    stream.flush()
}

/// The same over TLS, with the certificate of the address that was called.
fn answer_tls(stream: TcpStream, configurations: &[Arc<ServerConfig>]) -> Result<()> {
    let index = endpoint::index(stream.local_addr()?.ip()).context("not an endpoint")?;
    let connection = ServerConnection::new(Arc::clone(&configurations[usize::from(index)]))?;
    let mut stream = StreamOwned::new(connection, stream);
    answer(&mut stream)?;
    stream.conn.send_close_notify();
    Ok(stream.flush()?)
}
