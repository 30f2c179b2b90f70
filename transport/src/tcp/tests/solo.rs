//! One connection, and a hand that writes the peer's segments.
//!
//! Numbers are relative: the peer's and our own SYN are 0, the first byte of text is 1.

use crate::stack::stats::Stats;
use crate::tcp::{Config, Connection, Event, Read, State};
use crate::time::{Duration, Instant};
use crate::wire::{Flags, Options, Segment, SeqNumber, Text};

use super::{Owned, bytes, start};

pub(super) struct Solo {
    pub(super) now: Instant,
    pub(super) connection: Connection,
    pub(super) stats: Stats,
    pub(super) iss: SeqNumber,
    pub(super) irs: SeqNumber,
}

/// A segment of the peer, to be filled in.
pub(super) fn seg(flags: Flags) -> Segment<'static> {
    Segment { flags, window: 65_535, ..Segment::default() }
}

impl Solo {
    /// In SYN-SENT, the SYN taken off.
    pub(super) fn connecting(config: Config, isn: u32) -> Self {
        let now = Instant::from_millis(1_000);
        let mut solo = Self {
            now,
            connection: Connection::connect(now, &config, start(isn)),
            stats: Stats::default(),
            iss: SeqNumber::new(isn),
            irs: SeqNumber::new(isn ^ 0x4000_0000),
        };
        let sent = solo.transmit();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].header.flags, Flags::SYN);
        solo
    }

    /// Open, by our own SYN; the peer offers what `options` says and `window`. Quick
    /// acknowledgements are used up, so that ordinary rules hold.
    pub(super) fn established_with(
        config: Config,
        isn: u32,
        options: Options,
        window: u16,
    ) -> Self {
        let mut solo = Self::connecting(config, isn);
        let syn_ack = Segment { options, window, ..seg(Flags::SYN_ACK) };
        let sent = solo.arrive(0, 1, syn_ack);
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(solo.connection.state(), State::Established);
        solo
    }

    pub(super) fn established(isn: u32) -> Self {
        let options = Options { mss: Some(1000), ..Options::default() };
        Self::established_with(super::plain(), isn, options, 65_535)
    }

    /// Takes 16 segments of one byte from the peer and reads them: what is acknowledged at once at
    /// the start is over. Returns the peer's next number.
    pub(super) fn use_up_quick_acks(&mut self) -> u32 {
        for place in 0..16u32 {
            let text = bytes(0, 1);
            let one = Segment { text: Text::from(text.as_slice()), ..seg(Flags::ACK) };
            assert_eq!(self.arrive(1 + place, 1, one).len(), 1, "a quick acknowledgement");
        }
        self.read();
        17
    }

    /// The peer's segment with relative numbers arrives; what leaves in answer.
    pub(super) fn arrive(&mut self, seq: u32, ack: u32, segment: Segment<'_>) -> Vec<Owned> {
        let segment = Segment { seq: self.irs + seq, ack: self.iss + ack, ..segment };
        self.connection.handle_segment(self.now, &segment, &mut self.stats);
        self.transmit()
    }

    /// `len` bytes of the peer's stream arrive, from relative number `seq` on.
    pub(super) fn text(&mut self, seq: u32, len: usize, ack: u32) -> Vec<Owned> {
        let text = bytes(usize::try_from(seq).unwrap(), len);
        self.arrive(seq, ack, Segment { text: Text::from(text.as_slice()), ..seg(Flags::ACK) })
    }

    /// A pure acknowledgement with `window` arrives.
    pub(super) fn ack(&mut self, seq: u32, ack: u32, window: u16) -> Vec<Owned> {
        self.arrive(seq, ack, Segment { window, ..seg(Flags::ACK) })
    }

    /// As if so many numbers more had been carried, all of them acknowledged. The caller's relative
    /// numbers go on from where they were.
    pub(super) fn skip(&mut self, numbers: u32) {
        let snd = &mut self.connection.snd;
        assert_eq!(snd.flight(), 0, "what is out cannot be moved");
        for number in [&mut snd.una, &mut snd.nxt, &mut snd.max, &mut snd.wl2, &mut self.iss] {
            *number += numbers;
        }
    }

    pub(super) fn transmit(&mut self) -> Vec<Owned> {
        let mut sent = Vec::new();
        while let Some(seg) = self.connection.poll_transmit(self.now, &mut self.stats) {
            sent.push(Owned::of(&seg));
            assert!(sent.len() < 10_000, "transmits for ever");
        }
        self.connection.assert_invariants();
        super::assert_will_go_on(&self.connection, self.now);
        sent
    }

    /// Writes `len` bytes; what leaves.
    pub(super) fn write(&mut self, len: usize) -> Vec<Owned> {
        let taken = self.connection.write(self.now, &bytes(0, len)).unwrap();
        assert_eq!(taken, len);
        self.transmit()
    }

    /// Everything that can be read.
    pub(super) fn read(&mut self) -> Vec<u8> {
        let mut out = vec![0; self.connection.readable_bytes()];
        match self.connection.read(self.now, &mut out) {
            Ok(Read::Bytes(count)) => assert_eq!(count, out.len()),
            Ok(Read::Empty | Read::Eof) | Err(_) => assert!(out.is_empty()),
        }
        out
    }

    /// Time passes without a timer.
    pub(super) fn wait(&mut self, span: Duration) {
        self.now += span;
    }

    /// Goes on to the next timer, after at most `limit`; what leaves.
    pub(super) fn next_timer(&mut self, limit: Duration) -> Vec<Owned> {
        let due = self.connection.poll_timeout().expect("a timer is armed");
        assert!(
            due <= self.now + limit,
            "the next timer is due only at {due:?}, now {:?}",
            self.now
        );
        self.now = self.now.max(due);
        self.connection.handle_timeout(self.now, &mut self.stats);
        self.transmit()
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// Sequence numbers of `owned`, relative: of its first byte, of what follows its last, of its
    /// acknowledgement.
    pub(super) fn numbers(&self, owned: &Owned) -> (u32, u32, u32) {
        let seq = owned.header.seq.offset_from(self.iss);
        let end = seq + owned.segment().len();
        (seq, end, owned.header.ack.offset_from(self.irs))
    }

    /// Asserts that exactly one segment left: a pure acknowledgement of `ack`.
    pub(super) fn assert_ack(&self, sent: &[Owned], ack: u32) {
        assert_eq!(sent.len(), 1, "{sent:?}");
        let (seq, end, acked) = self.numbers(&sent[0]);
        assert_eq!(sent[0].header.flags, Flags::ACK, "{sent:?}");
        assert_eq!((seq, acked), (end, ack), "{sent:?}");
    }
}
