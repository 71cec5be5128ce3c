//! Connections under a deadline, shared by all kinds.
//!
//! All addresses of a name are raced (RFC 8305, "happy eyeballs"): each gets a short start over the next one, and none
//! is given up while time is left. So a dead address costs a fraction of a second, and a live one never loses its time
//! to it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, sockopt};

use super::route::Route;
use super::{Deadline, Failure, Phase, resolve};
use crate::file::reason;

/// The start an address gets over the next one: RFC 8305, 8.
pub const HEAD_START: Duration = Duration::from_millis(250);

/// The lowest port that the system may pick for the near end of a connection.
const LOWEST_EPHEMERAL: u16 = 1024;

/// A timeout that was set no longer ago than this, or than a twentieth of the check's, is not set anew: it may last that
/// much longer.
const NEAR_ENOUGH: Duration = Duration::from_millis(50);

/// A connection whose reads and writes are over by the deadline.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    deadline: Deadline,
    /// The timeouts for reading and writing as they were last set.
    set: [Option<Duration>; 2],
}

/// Addresses of a name that are tried at once; each takes a socket.
pub const MOST_RACED: usize = 16;

/// Looks the route's target up and connects to the first of its addresses that answers.
///
/// # Errors
/// [`Phase::Resolve`] or [`Phase::Connect`], the latter with a reason for each address.
pub fn connect(route: &Route, deadline: Deadline) -> Result<Stream, Failure> {
    let addresses = route.addresses(deadline)?;
    if let [only] = addresses[..] {
        return alone(only, route.source, deadline);
    }
    let mut addresses = resolve::in_turns(&addresses);
    addresses.truncate(MOST_RACED);
    let socket = race(&addresses, route.source, deadline)?;
    Ok(Stream::new(socket, deadline))
}

/// One address needs no race: the kernel waits for it, which spares asking it for news.
fn alone(
    address: SocketAddr,
    source: Option<IpAddr>,
    deadline: Deadline,
) -> Result<Stream, Failure> {
    // Linux's word for a connect that ran out of SO_SNDTIMEO (socket(7)).
    const TIMED_OUT: i32 = Errno::EINPROGRESS as i32;
    let failed = |error: io::Error| match error.raw_os_error() {
        Some(TIMED_OUT) => silence(deadline),
        _ if error.kind() == io::ErrorKind::TimedOut => silence(deadline),
        _ => Failure::new(Phase::Connect, &reason(&error)),
    };
    let socket = open(address, source, SockFlag::SOCK_CLOEXEC).map_err(failed)?;
    let mut stream = Stream::new(socket, deadline);
    // It limits the connect, too.
    stream.set_timeout(Way::Out).map_err(failed)?;
    match connect_to(&stream.socket, address) {
        Ok(()) | Err(Errno::ECONNRESET) => {}
        // A signal does not end it; it goes on by itself (POSIX, connect).
        Err(Errno::EINTR) => {
            let socket = stream.socket;
            let race = Race::of_one(Attempt { address, socket });
            return Ok(Stream::new(race.or_failure(deadline)?, deadline));
        }
        Err(error) => return Err(failed(error.into())),
    }
    meets_itself(&stream.socket, address).map_err(failed)?;
    Ok(stream)
}

fn silence(deadline: Deadline) -> Failure {
    Failure::new(Phase::Connect, &format!("no answer {}", deadline.within()))
}

/// Connects to the first address that answers.
fn race(
    addresses: &[SocketAddr],
    source: Option<IpAddr>,
    deadline: Deadline,
) -> Result<TcpStream, Failure> {
    let parts = u32::try_from(2 * addresses.len())
        .unwrap_or(u32::MAX)
        .max(1);
    let head_start = HEAD_START.min(deadline.left() / parts);
    let mut race = Race::default();
    for (index, &address) in addresses.iter().enumerate() {
        race.enter(address, source);
        let is_last = index + 1 == addresses.len();
        let patience = if is_last { deadline.left() } else { head_start };
        if let Some(socket) = race.winner(patience) {
            return Ok(socket);
        }
    }
    Err(race.failure(deadline))
}

/// Connections that are being established, and those that failed.
#[derive(Default)]
struct Race {
    running: Vec<Attempt>,
    failed: Vec<(SocketAddr, String)>,
}

struct Attempt {
    address: SocketAddr,
    socket: TcpStream,
}

impl Race {
    fn of_one(attempt: Attempt) -> Self {
        Self {
            running: vec![attempt],
            failed: Vec::new(),
        }
    }

    fn or_failure(mut self, deadline: Deadline) -> Result<TcpStream, Failure> {
        self.winner(deadline.left())
            .ok_or_else(|| self.failure(deadline))
    }

    fn enter(&mut self, address: SocketAddr, source: Option<IpAddr>) {
        match begin(address, source) {
            Ok(socket) => self.running.push(Attempt { address, socket }),
            Err(error) => self.failed.push((address, reason(&error))),
        }
    }

    /// The first that is established; none while `patience` lasts, or none any more.
    fn winner(&mut self, patience: Duration) -> Option<TcpStream> {
        let end = Instant::now() + patience;
        while !self.running.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            if let Some(socket) = self.first_established(left) {
                return Some(socket);
            }
        }
        None
    }

    /// Waits once for news of the running attempts.
    fn first_established(&mut self, wait: Duration) -> Option<TcpStream> {
        let mut sockets: Vec<_> = self
            .running
            .iter()
            .map(|attempt| PollFd::new(attempt.socket.as_fd(), PollFlags::POLLOUT))
            .collect();
        if poll_for(&mut sockets, wait) == 0 {
            return None;
        }
        let news: Vec<bool> = sockets.iter().map(|s| s.any().unwrap_or(true)).collect();
        let mut established = None;
        // From the end, so that the indices that are still to come stay right.
        for index in (0..news.len()).rev().filter(|index| news[*index]) {
            let attempt = self.running.swap_remove(index);
            match verdict(&attempt) {
                Ok(()) => established = Some(attempt.socket),
                Err(error) => self.failed.push((attempt.address, reason(&error))),
            }
        }
        established
    }

    fn failure(mut self, deadline: Deadline) -> Failure {
        let silence = silence(deadline).reason;
        let silent = self.running.iter().map(|attempt| attempt.address);
        self.failed
            .extend(silent.map(|address| (address, silence.clone())));
        // In an order that stays the same while the resolver turns its answers.
        self.failed
            .sort_by_key(|(address, reason)| (address.ip(), reason.clone()));
        Failure::new(Phase::Connect, &all_reasons(&self.failed))
    }
}

/// One reason stands alone; of several, each names its address.
#[must_use]
pub fn all_reasons(failed: &[(SocketAddr, String)]) -> String {
    if let [(_, only)] = failed {
        return only.clone();
    }
    let each: Vec<_> = failed
        .iter()
        .map(|(address, reason)| format!("{reason} ({})", address.ip()))
        .collect();
    each.join(", ")
}

/// Starts a connection and does not wait for it: std's `connect_timeout` can only wait for one.
fn begin(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = open(
        address,
        source,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
    )?;
    match connect_to(&socket, address) {
        Ok(()) | Err(Errno::EINPROGRESS | Errno::EINTR) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

fn open(address: SocketAddr, source: Option<IpAddr>, flags: SockFlag) -> io::Result<TcpStream> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let socket = socket::socket(family, SockType::Stream, flags, None)?;
    if let Some(source) = source {
        leave_from(&socket, source).map_err(|error| {
            let text = format!("source {source}: {}", error.desc());
            io::Error::other(text)
        })?;
    }
    Ok(TcpStream::from(socket))
}

/// The near end's port is left for the connect to choose: bound here, it would be kept from every other connection.
fn leave_from(socket: &OwnedFd, source: IpAddr) -> nix::Result<()> {
    socket::setsockopt(socket, sockopt::IpBindAddressNoPort, &true)?;
    let socket = socket.as_raw_fd();
    match source {
        IpAddr::V4(from) => socket::bind(socket, &SockaddrIn::from(SocketAddrV4::new(from, 0))),
        IpAddr::V6(from) => {
            let from = SocketAddrV6::new(from, 0, 0, 0);
            socket::bind(socket, &SockaddrIn6::from(from))
        }
    }
}

fn connect_to(socket: &TcpStream, address: SocketAddr) -> nix::Result<()> {
    match address {
        SocketAddr::V4(to) => socket::connect(socket.as_raw_fd(), &SockaddrIn::from(to)),
        SocketAddr::V6(to) => socket::connect(socket.as_raw_fd(), &SockaddrIn6::from(to)),
    }
}

/// What has become of an attempt. A good one waits by itself from here on.
fn verdict(attempt: &Attempt) -> io::Result<()> {
    match attempt.socket.take_error()? {
        // Only what has been established can be reset; a refusal is another error.
        Some(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Some(error) => return Err(error),
        None => {}
    }
    meets_itself(&attempt.socket, attempt.address)?;
    attempt.socket.set_nonblocking(false)
}

/// A port that nobody listens on can be picked as the near end of the very connection to it, which then meets itself
/// (TCP simultaneous open, RFC 9293, 3.5) and would look like a live service. It is refused.
fn meets_itself(socket: &TcpStream, address: SocketAddr) -> io::Result<()> {
    if address.port() >= LOWEST_EPHEMERAL && socket.local_addr()? == address {
        return Err(Errno::ECONNREFUSED.into());
    }
    Ok(())
}

/// The number of sockets with news after at most `wait`.
pub fn poll_for(sockets: &mut [PollFd], wait: Duration) -> i32 {
    // Rounded up, or the last millisecond would be spent spinning.
    let millis = wait.as_micros().div_ceil(1000);
    let timeout = i32::try_from(millis).unwrap_or(i32::MAX);
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
    // An interrupted wait is no news; the caller looks at its clock and comes back.
    poll(sockets, timeout).unwrap_or(0)
}

impl Stream {
    fn new(socket: TcpStream, deadline: Deadline) -> Self {
        Self {
            socket,
            deadline,
            set: [None; 2],
        }
    }

    /// Sends small pieces at once: the end of a TLS handshake would otherwise hold up the request behind it.
    pub fn send_at_once(&self) {
        // Without it the check is slower and no less right.
        let _ = self.socket.set_nodelay(true);
    }

    /// Tells the peer that nothing more comes.
    pub fn send_end(&self) {
        // One that is gone already need not be told.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Sets the timeout for the next read or write to what is left.
    fn set_timeout(&mut self, way: Way) -> io::Result<()> {
        let left = self.deadline.left();
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let set = &mut self.set[way as usize];
        let near_enough = NEAR_ENOUGH.min(self.deadline.whole() / 20);
        if set.is_none_or(|set| set > left + near_enough) {
            match way {
                Way::In => self.socket.set_read_timeout(Some(left))?,
                Way::Out => self.socket.set_write_timeout(Some(left))?,
            }
            *set = Some(left);
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.set_timeout(Way::In)?;
            match self.socket.read(buffer) {
                Err(error) if is_no_news(&error) => {}
                result => return result,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.set_timeout(Way::Out)?;
            match self.socket.write(bytes) {
                Err(error) if is_no_news(&error) => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The wait is over or was interrupted; the clock tells which.
fn is_no_news(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        (listener, address)
    }

    /// An address that swallows packets: a listener whose queue is full, which lasts as long as the returned sockets.
    fn swallowing() -> (Vec<TcpStream>, socket2::Socket, SocketAddr) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).expect("a free port");
        socket.listen(0).expect("listens");
        let address = socket
            .local_addr()
            .expect("bound")
            .as_socket()
            .expect("IPv4");
        let brief = Duration::from_millis(200);
        let fill = (0..4).map_while(|_| TcpStream::connect_timeout(&address, brief).ok());
        (fill.collect(), socket, address)
    }

    #[test]
    fn a_refusing_address_does_not_hide_a_live_one() {
        let (_listener, live) = listener();
        let (closed, dead) = listener();
        drop(closed);
        let socket = race(&[dead, live], None, Deadline::after(Duration::from_secs(5)));
        assert_eq!(socket.expect("live").peer_addr().expect("connected"), live);
    }

    #[test]
    fn a_swallowing_address_does_not_use_up_the_time_of_a_live_one() {
        let (_queue, _socket, dead) = swallowing();
        let (_listener, live) = listener();
        let deadline = Deadline::after(Duration::from_secs(10));
        let socket = race(&[dead, live], None, deadline).expect("live");
        assert_eq!(socket.peer_addr().expect("connected"), live);
        assert!(
            deadline.left() > Duration::from_secs(5),
            "the dead one was waited for"
        );
    }

    #[test]
    fn every_address_has_its_reason() {
        let (_queue, _socket, silent) = swallowing();
        let (closed, dead) = listener();
        drop(closed);
        let deadline = Deadline::after(Duration::from_millis(300));
        let failure = race(&[silent, dead], None, deadline).expect_err("both are dead");
        let expected = "Connection refused (127.0.0.1), no answer within 0.3s (127.0.0.1)";
        assert_eq!(
            (failure.phase, failure.reason.as_str()),
            (Phase::Connect, expected)
        );
    }

    #[test]
    fn a_connection_that_meets_itself_is_refused() {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).expect("a free port");
        let own = socket
            .local_addr()
            .expect("bound")
            .as_socket()
            .expect("IPv4");
        socket
            .connect(&own.into())
            .expect("TCP connects a socket to itself");
        let attempt = Attempt {
            address: own,
            socket: socket.into(),
        };
        let error = verdict(&attempt).expect_err("nobody listens there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
