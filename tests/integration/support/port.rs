//! A port that stays ours whether or not somebody listens on it.

use std::net::{IpAddr, SocketAddr, TcpListener};

use socket2::{Domain, SockAddr, Socket, Type};

/// An address on loopback, reserved until dropped: it refuses connections until `listen`.
pub struct Port {
    addr: SocketAddr,
    /// Bound, never listening: the kernel hands the port to nobody else while it is held, and (by `SO_REUSEADDR`)
    /// lets listeners of ours come and go on it.
    _reserved: Socket,
}

impl Port {
    /// Reserves a free port of `ip`.
    pub fn reserve(ip: IpAddr) -> Self {
        Self::reserve_at(SocketAddr::new(ip, 0)).expect("reserve a port")
    }

    /// Reserves exactly this address, if it is free.
    pub fn reserve_at(addr: SocketAddr) -> std::io::Result<Self> {
        let reserved = bound(addr)?;
        let addr = reserved
            .local_addr()?
            .as_socket()
            .expect("an internet address");
        Ok(Self {
            addr,
            _reserved: reserved,
        })
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Starts to listen: connections are established from now until the listener is dropped.
    pub fn listen(&self, backlog: i32) -> TcpListener {
        let socket = bound(self.addr).expect("bind a reserved port again");
        socket.listen(backlog).expect("listen on a reserved port");
        socket.into()
    }
}

fn bound(addr: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(addr))?;
    Ok(socket)
}
