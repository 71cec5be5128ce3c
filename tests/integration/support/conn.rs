//! The server's side of one connection, plain or TLS, and the words in which behaviours are written.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// A byte stream that can tell the other side that it ends in good order.
pub trait Transport: Read + Write + Send {
    /// Says goodbye (`close_notify`) where the protocol has a word for it.
    fn finish(&mut self) {}
}

impl Transport for TcpStream {}

/// One accepted connection. Errors mean that heartbeat has hung up: a behaviour passes them on with `?` and ends.
pub struct Conn {
    transport: Box<dyn Transport>,
    socket: TcpStream,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Conn {
    /// A connection whose requests are recorded in `requests`.
    pub fn new(
        transport: Box<dyn Transport>,
        socket: TcpStream,
        requests: Arc<Mutex<Vec<String>>>,
    ) -> Self {
        Self {
            transport,
            socket,
            requests,
        }
    }

    /// Reads and records a request's head, up to and with the empty line.
    pub fn request(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if self.transport.read(&mut byte)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        self.requests.lock().unwrap().push(head.clone());
        Ok(head)
    }

    /// Reads the body that a request's head announces.
    pub fn body(&mut self, head: &str) -> io::Result<String> {
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        self.transport.read_exact(&mut body)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Reads and drops whatever comes first, whole or in part.
    pub fn read_some(&mut self) -> io::Result<()> {
        self.transport.read(&mut [0; 4096]).map(drop)
    }

    /// Reads as many bytes as these, which have to be these.
    pub fn hear(&mut self, expected: &[u8]) -> io::Result<()> {
        let mut heard = vec![0; expected.len()];
        self.transport.read_exact(&mut heard)?;
        if heard != expected {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(())
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.transport.write_all(bytes.as_ref())?;
        self.transport.flush()
    }

    /// Sends bytes one at a time, with a pause after each.
    pub fn drip(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) -> io::Result<()> {
        for byte in bytes.as_ref() {
            self.send([*byte])?;
            thread::sleep(pause);
        }
        Ok(())
    }

    /// Sends the same bytes over and over, until heartbeat hangs up.
    pub fn repeat(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        loop {
            self.send(bytes.as_ref())?;
        }
    }

    /// Reads and drops whatever comes, says nothing, until heartbeat hangs up.
    pub fn hold(&mut self) -> io::Result<()> {
        io::copy(&mut self.transport, &mut io::sink()).map(drop)
    }

    /// Makes the end of the connection a reset instead of an end of file.
    pub fn reset(self) -> io::Result<()> {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
    }

    /// Ends the connection in good order.
    pub fn finish(mut self) {
        self.transport.finish();
    }
}
