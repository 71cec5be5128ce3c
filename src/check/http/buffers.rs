//! What a connection of ureq's reads into and writes from.
//!
//! ureq's own buffers begin as large as they may ever become, and to clear that much costs more than to parse an answer.
//! What answers a health check is mostly small: this begins small, and grows for a peer that fills it.

use std::ops::Range;

use ureq::unversioned::transport::Buffers;

/// Room for an answer, at first.
const FIRST_ROOM: usize = 2048;

/// By how much the room grows.
const GROWTH: usize = 8;

/// The buffers of one connection.
#[derive(Debug)]
pub struct Growing {
    input: Vec<u8>,
    /// What of it has been received and not yet used.
    waiting: Range<usize>,
    most: usize,
    output: Vec<u8>,
    /// ureq could use something of what waited the last time: so it may use more without another read.
    progress: bool,
}

impl Growing {
    /// Room for `output` bytes of a request, and for up to `most` of an answer that wait to be used.
    pub fn new(most: usize, output: usize) -> Self {
        Self {
            input: Vec::new(),
            waiting: 0..0,
            most,
            output: vec![0; output],
            progress: false,
        }
    }

    fn make_room(&mut self) {
        if self.waiting.end == self.input.len() {
            let room = (self.input.len() * GROWTH).clamp(FIRST_ROOM, self.most);
            self.input.resize(room, 0);
        }
        self.input.copy_within(self.waiting.clone(), 0);
        self.waiting = 0..self.waiting.len();
    }
}

impl Buffers for Growing {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.waiting.clone()]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room();
        &mut self.input[self.waiting.end..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.waiting.end += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.waiting.start += amount;
    }

    /// For the body of a request, which has none here.
    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut [], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.progress && !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives as many of `bytes` as there is room for.
    fn receive(buffers: &mut Growing, bytes: &[u8]) -> usize {
        let room = buffers.input_append_buf();
        let amount = room.len().min(bytes.len());
        room[..amount].copy_from_slice(&bytes[..amount]);
        buffers.input_appended(amount);
        amount
    }

    #[test]
    fn nothing_is_lost_while_the_room_grows() {
        let sent: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
        let (mut buffers, mut used, mut received) = (Growing::new(17_000, 10), 0, 0);
        while used < sent.len() {
            received += receive(&mut buffers, &sent[received..]);
            assert_eq!(buffers.input(), &sent[used..received]);
            let some = buffers.input().len().div_ceil(3);
            buffers.input_consume(some);
            used += some;
        }
    }

    #[test]
    fn the_room_has_an_end() {
        let mut buffers = Growing::new(17_000, 10);
        let received: usize = (0..10).map(|_| receive(&mut buffers, &[0; 5000])).sum();
        assert_eq!(received, 17_000);
        assert!(buffers.input_append_buf().is_empty());
    }

    #[test]
    fn what_could_not_be_used_is_not_offered_again() {
        let mut buffers = Growing::new(17_000, 10);
        receive(&mut buffers, b"HTTP/1.1 200");
        buffers.input_consume(0);
        assert!(!buffers.can_use_input());
        receive(&mut buffers, b" OK");
        buffers.input_consume(1);
        assert!(buffers.can_use_input());
        assert_eq!(buffers.input(), b"TTP/1.1 200 OK");
    }
}
