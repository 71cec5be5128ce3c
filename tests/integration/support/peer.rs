//! Servers on loopback: each accepts connections and treats them as its behaviour says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::conn::{Conn, Transport};
use super::port::Port;
use super::tls::TlsServer;

/// An HTTP answer that makes a check healthy.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// IPv4 loopback, where peers live unless a test asks for another place.
pub const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server on a port of its own that can go down and come up again; it goes down when dropped.
pub struct Peer {
    port: Port,
    service: Arc<Service>,
    listening: Option<(TcpListener, JoinHandle<()>)>,
}

/// What a peer does with a connection. It may consume it (`conn.reset()`); else its end is in good order.
type Behaviour = dyn Fn(Conn) -> io::Result<()> + Send + Sync;

struct Service {
    tls: Option<TlsServer>,
    behaviour: Box<Behaviour>,
    requests: Arc<Mutex<Vec<String>>>,
    arrivals: Mutex<Vec<Instant>>,
}

impl Peer {
    /// Accepts, says nothing and holds the connection.
    pub fn silent() -> Self {
        Self::serve(|mut conn| conn.hold())
    }

    /// Reads a request and gives this answer, then holds the connection as a keep-alive server does.
    pub fn answering(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::serve(move |mut conn| {
            conn.request()?;
            conn.send(answer.as_ref())?;
            conn.hold()
        })
    }

    /// Answers every request with 200.
    pub fn healthy() -> Self {
        Self::answering(OK)
    }

    /// Refuses connections, until `go_up`; then accepts and says nothing.
    pub fn down() -> Self {
        let mut peer = Self::silent();
        peer.go_down();
        peer
    }

    /// Treats every connection on a port of 127.0.0.1 as `behaviour` says.
    pub fn serve(behaviour: impl Fn(Conn) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::serve_on(Port::reserve(LOCALHOST), None, behaviour)
    }

    /// The same behind TLS.
    pub fn tls(
        tls: TlsServer,
        behaviour: impl Fn(Conn) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::serve_on(Port::reserve(LOCALHOST), Some(tls), behaviour)
    }

    /// The same on a port of the test's choice, plain or TLS.
    pub fn serve_on(
        port: Port,
        tls: Option<TlsServer>,
        behaviour: impl Fn(Conn) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let service = Service {
            tls,
            behaviour: Box::new(behaviour),
            requests: Arc::default(),
            arrivals: Mutex::default(),
        };
        let mut peer = Self {
            port,
            service: Arc::new(service),
            listening: None,
        };
        peer.go_up();
        peer
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// Its address by another name of the same machine: `peer.at("localhost")` is `localhost:PORT`.
    pub fn at(&self, host: &str) -> String {
        format!("{host}:{}", self.addr().port())
    }

    /// The heads of the requests that its behaviour has read.
    pub fn requests(&self) -> Vec<String> {
        self.service.requests.lock().unwrap().clone()
    }

    /// When each connection was accepted.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.service.arrivals.lock().unwrap().clone()
    }

    /// Refuses connections from now on; those that are open stay open.
    pub fn go_down(&mut self) {
        if let Some((listener, accepting)) = self.listening.take() {
            // Closing a descriptor does not wake the thread that waits in accept() on it; this does.
            SockRef::from(&listener)
                .shutdown(std::net::Shutdown::Both)
                .expect("stop listening");
            accepting.join().expect("a peer's accept loop");
        }
    }

    /// Accepts connections again, on the same port.
    pub fn go_up(&mut self) {
        assert!(self.listening.is_none(), "the peer is up already");
        let listener = self.port.listen(1024);
        let accepting = {
            let listener = listener.try_clone().expect("clone a listener");
            let service = Arc::clone(&self.service);
            thread::spawn(move || service.accept(&listener))
        };
        self.listening = Some((listener, accepting));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.go_down();
    }
}

impl Service {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        while let Ok((socket, _)) = listener.accept() {
            self.arrivals.lock().unwrap().push(Instant::now());
            let service = Arc::clone(&self);
            // Its error is that heartbeat has hung up, which every test's peer has to live with.
            thread::spawn(move || service.treat(socket).ok());
        }
    }

    fn treat(&self, socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let stream = socket.try_clone()?;
        let transport: Box<dyn Transport> = match &self.tls {
            Some(tls) => tls.accept(stream)?,
            None => Box::new(stream),
        };
        (self.behaviour)(Conn::new(transport, socket, Arc::clone(&self.requests)))
    }
}

/// A port that swallows connection requests: its queue is full and nobody accepts.
pub struct Swallower {
    port: Port,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Swallower {
    /// On 127.0.0.1.
    pub fn new() -> Self {
        Self::on(Port::reserve(LOCALHOST))
    }

    /// On a port of the test's choice.
    pub fn on(port: Port) -> Self {
        let listener = port.listen(0);
        let patience = Duration::from_millis(200);
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&port.addr(), patience) {
            queue.push(stream);
            assert!(queue.len() < 100, "a queue of length 0 never gets full");
        }
        Self {
            port,
            _listener: listener,
            _queue: queue,
        }
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }
}
