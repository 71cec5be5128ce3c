//! A name server whose answers are the test's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use domain::base::iana::{Class, Opcode, OptRcode, Rcode};
use domain::base::rdata::ComposeRecordData;
use domain::base::{Message, MessageBuilder, Name, ToName, Ttl};

/// A server on one port of 127.0.0.1 for UDP and, where the test wants it, TCP. It serves until the tests end.
pub struct NameServer {
    addr: SocketAddr,
    questions: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// What is sent in answer to a question, of which so many have come before.
pub type Answers = Vec<Vec<u8>>;

impl NameServer {
    /// One that answers over UDP.
    pub fn new(udp: impl Fn(&[u8], usize) -> Answers + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        Self::on(socket, udp)
    }

    /// One that answers over TCP, too; no answer there closes the connection.
    pub fn with_tcp(
        udp: impl Fn(&[u8], usize) -> Answers + Send + 'static,
        tcp: impl Fn(&[u8]) -> Answers + Send + 'static,
    ) -> Self {
        let both = (0..50).find_map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
            let listener = TcpListener::bind(socket.local_addr().ok()?).ok()?;
            Some((socket, listener))
        });
        let (socket, listener) = both.expect("a port that is free for both");
        thread::spawn(move || {
            for mut conn in listener.incoming().flatten() {
                let mut length = [0; 2];
                if conn.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut question = vec![0; u16::from_be_bytes(length).into()];
                conn.read_exact(&mut question).expect("a whole question");
                for answer in tcp(&question) {
                    // heartbeat may have hung up.
                    conn.write_all(&answer).ok();
                }
            }
        });
        Self::on(socket, udp)
    }

    fn on(socket: UdpSocket, udp: impl Fn(&[u8], usize) -> Answers + Send + 'static) -> Self {
        let addr = socket.local_addr().expect("its address");
        let questions: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let asked = Arc::clone(&questions);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((amount, from)) = socket.recv_from(&mut buffer) {
                let question = buffer[..amount].to_vec();
                let before = asked.lock().unwrap().len();
                asked.lock().unwrap().push(question.clone());
                for answer in udp(&question, before) {
                    // heartbeat may have closed its socket.
                    socket.send_to(&answer, from).ok();
                }
            }
        });
        Self { addr, questions }
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has been asked over UDP.
    pub fn questions(&self) -> Vec<Vec<u8>> {
        self.questions.lock().unwrap().clone()
    }
}

/// An answer in the making.
pub struct Answer(domain::base::message_builder::AnswerBuilder<Vec<u8>>);

impl Answer {
    /// To this question, with this code.
    pub fn to(question: &[u8], rcode: Rcode) -> Self {
        let question = Message::from_octets(question).expect("a DNS message");
        let builder = MessageBuilder::new_vec().start_answer(&question, rcode);
        Self(builder.expect("it fits"))
    }

    /// One more record.
    pub fn with(mut self, owner: &str, data: impl ComposeRecordData) -> Self {
        let owner = name(owner);
        let record = (owner.to_name::<Vec<u8>>(), Class::IN, Ttl::HOUR, data);
        self.0.push(record).expect("it fits");
        self
    }

    /// Says that there is more.
    pub fn cut(mut self) -> Self {
        self.0.header_mut().set_tc(true);
        self
    }

    /// To something else than a query, such as a notice (RFC 1996).
    pub fn answering_a_notice(mut self) -> Self {
        self.0.header_mut().set_opcode(Opcode::NOTIFY);
        self
    }

    /// Has a code that takes more bits than the header has (RFC 6891, 6.1.3).
    pub fn extended(self, rcode: OptRcode) -> Vec<u8> {
        let mut answer = self.0.additional();
        let set = answer.opt(|opt| {
            opt.set_rcode(rcode);
            Ok(())
        });
        set.expect("it fits");
        answer.finish()
    }

    /// Has another number.
    pub fn misnumbered(mut self) -> Self {
        let id = self.0.header().id();
        self.0.header_mut().set_id(!id);
        self
    }

    /// Its bytes.
    pub fn bytes(self) -> Vec<u8> {
        self.0.finish()
    }

    /// Its bytes as TCP has them.
    pub fn framed(self) -> Vec<u8> {
        let bytes = self.bytes();
        let length = u16::try_from(bytes.len()).expect("it fits");
        [length.to_be_bytes().as_slice(), &bytes].concat()
    }
}

/// A domain name.
pub fn name(text: &str) -> Name<Vec<u8>> {
    text.parse().expect("a name")
}
