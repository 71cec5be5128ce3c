//! A question over UDP, under a deadline.
//!
//! All addresses of a name are asked, each a short start after the one before it, and again at a third and at two thirds
//! of the time: a datagram that is lost is no failure. The first that answers is believed. Each socket is connected, so
//! that nothing from another address gets through; what comes and is no answer is passed over, as anyone may send it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::connect::{HEAD_START, all_reasons, poll_for};
use super::{Deadline, Failure, Phase};
use crate::file::reason;

/// How often each address is asked.
const TIMES: u32 = 3;

/// Longest datagram that is looked at. Nobody sends more than 512 bytes unless asked to (RFC 1035, 4.2.1).
const LONGEST: usize = 4096;

/// Asks until one of the addresses answers with what `is_answer` takes; its error says what came instead.
///
/// # Errors
/// [`Phase::Connect`] where every address is known to be dead, [`Phase::Receive`] where one of them is silent.
pub fn ask(
    addresses: &[SocketAddr],
    source: Option<IpAddr>,
    deadline: Deadline,
    question: &[u8],
    is_answer: &dyn Fn(&[u8]) -> Result<(), String>,
) -> Result<(SocketAddr, Vec<u8>), Failure> {
    let (begun, whole) = (Instant::now(), deadline.left());
    let mut exchange = Exchange {
        source,
        question,
        is_answer,
        asked: Vec::new(),
        failed: Vec::new(),
        odd: None,
    };
    for (after, address) in turns(addresses, whole) {
        if let Some(found) = exchange.wait(begun + after) {
            return Ok(found);
        }
        exchange.ask(address);
    }
    exchange
        .wait(begun + whole)
        .ok_or_else(|| exchange.failure(deadline))
}

/// Who is asked after how long.
fn turns(
    addresses: &[SocketAddr],
    whole: Duration,
) -> impl Iterator<Item = (Duration, SocketAddr)> {
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let head_start = HEAD_START.min(whole / TIMES / count);
    let round = move |time: u32| {
        let places = (0..count).zip(addresses);
        places.map(move |(place, address)| (whole / TIMES * time + head_start * place, *address))
    };
    (0..TIMES).flat_map(round)
}

/// Who has been asked, and who has turned out to be dead.
struct Exchange<'a> {
    source: Option<IpAddr>,
    question: &'a [u8],
    is_answer: &'a dyn Fn(&[u8]) -> Result<(), String>,
    asked: Vec<(SocketAddr, UdpSocket)>,
    failed: Vec<(SocketAddr, String)>,
    /// What came last and was no answer.
    odd: Option<String>,
}

impl Exchange<'_> {
    fn ask(&mut self, address: SocketAddr) {
        if self.failed.iter().any(|(failed, _)| *failed == address) {
            return;
        }
        let known = self.asked.iter().position(|(asked, _)| *asked == address);
        let place = known.map_or_else(|| self.open(address), Ok);
        let sent = place.and_then(|place| match self.asked[place].1.send(self.question) {
            // There is another try; a full queue is as good as a lost datagram.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(reason(&error)),
            _ => Ok(()),
        });
        if let Err(words) = sent {
            self.give_up(address, words);
        }
    }

    /// A socket of its own, on a port that the system picks at random.
    fn open(&mut self, address: SocketAddr) -> Result<usize, String> {
        let anywhere = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((self.source.unwrap_or(anywhere), 0)).map_err(|error| {
            let source = self.source.map(|source| format!("source {source}: "));
            source.unwrap_or_default() + &reason(&error)
        })?;
        let connected = socket.connect(address);
        let ready = connected.and_then(|()| socket.set_nonblocking(true));
        ready.map_err(|error| reason(&error))?;
        self.asked.push((address, socket));
        Ok(self.asked.len() - 1)
    }

    fn give_up(&mut self, address: SocketAddr, words: String) {
        self.asked.retain(|(asked, _)| *asked != address);
        self.failed.push((address, words));
    }

    /// The first answer; none until then, or nobody left who could give one.
    fn wait(&mut self, until: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        while !self.asked.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let sockets = self.asked.iter();
            let mut sockets: Vec<_> = sockets
                .map(|(_, socket)| PollFd::new(socket.as_fd(), PollFlags::POLLIN))
                .collect();
            if poll_for(&mut sockets, left) > 0
                && let Some(found) = self.receive()
            {
                return Some(found);
            }
            if Instant::now() >= until {
                return None;
            }
        }
        None
    }

    /// Takes one datagram of each that has one.
    fn receive(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let mut bytes = [0; LONGEST];
        let mut dead = Vec::new();
        for (address, socket) in &self.asked {
            match socket.recv(&mut bytes) {
                Ok(amount) => match (self.is_answer)(&bytes[..amount]) {
                    Ok(()) => return Some((*address, bytes[..amount].to_vec())),
                    Err(odd) => self.odd = Some(odd),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => dead.push((*address, reason(&error))),
            }
        }
        for (address, words) in dead {
            self.give_up(address, words);
        }
        None
    }

    fn failure(&mut self, deadline: Deadline) -> Failure {
        let phase = match self.asked[..] {
            [] => Phase::Connect,
            _ => Phase::Receive,
        };
        let odd = self.odd.take().map(|odd| format!(", only {odd}"));
        let silence = format!("no answer {}{}", deadline.within(), odd.unwrap_or_default());
        let silent = self
            .asked
            .iter()
            .map(|(address, _)| (*address, silence.clone()));
        self.failed.extend(silent);
        // In an order that stays the same while the resolver turns its answers.
        self.failed
            .sort_by_key(|(address, words)| (address.ip(), words.clone()));
        Failure::new(phase, &all_reasons(&self.failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("its address");
        (socket, address)
    }

    fn anything(bytes: &[u8]) -> Result<(), String> {
        let empty = || "nothing".to_owned();
        bytes.first().map(drop).ok_or_else(empty)
    }

    #[test]
    fn each_has_its_turn_three_times() {
        let [a, b] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let ms = |(after, address): (Duration, SocketAddr)| (after.as_millis(), address.port());
        let turns: Vec<_> = turns(&[a, b], Duration::from_millis(300)).map(ms).collect();
        assert_eq!(
            turns,
            [(0, 1), (50, 2), (100, 1), (150, 2), (200, 1), (250, 2)]
        );
    }

    #[test]
    fn a_dead_and_a_silent_one_do_not_hide_one_that_answers() {
        let (closed, dead) = server();
        drop(closed);
        let (_silent, silence) = server();
        let (socket, live) = server();
        let answering = std::thread::spawn(move || {
            let (_, from) = socket.recv_from(&mut [0; 9]).expect("a question");
            socket.send_to(b"answer", from).expect("it is there");
        });
        let deadline = Deadline::after(Duration::from_secs(20));
        let found = ask(
            &[dead, silence, live],
            None,
            deadline,
            b"question",
            &anything,
        );
        assert_eq!(found, Ok((live, b"answer".to_vec())));
        assert!(
            deadline.left() > Duration::from_secs(18),
            "one was waited for"
        );
        answering.join().expect("it has answered");
    }

    #[test]
    fn every_address_has_its_reason() {
        let (closed, dead) = server();
        drop(closed);
        let (_silent, silence) = server();
        let deadline = Deadline::after(Duration::from_millis(200));
        let failure = ask(&[silence, dead], None, deadline, b"question", &anything);
        let failure = failure.expect_err("none answers").to_string();
        let expected = "receive: Connection refused (127.0.0.1), no answer within 0.2s (127.0.0.1)";
        assert_eq!(failure, expected);
    }

    #[test]
    fn what_comes_from_elsewhere_is_not_heard() {
        let (socket, address) = server();
        let (stranger, _) = server();
        let answering = std::thread::spawn(move || {
            let (_, from) = socket.recv_from(&mut [0; 9]).expect("a question");
            stranger.send_to(b"answer", from).expect("it is sent");
            socket
        });
        let deadline = Deadline::after(Duration::from_millis(300));
        let failure = ask(&[address], None, deadline, b"question", &anything);
        let _open = answering.join().expect("it has answered");
        assert_eq!(
            failure.expect_err("none answers").to_string(),
            "receive: no answer within 0.3s"
        );
    }
}
