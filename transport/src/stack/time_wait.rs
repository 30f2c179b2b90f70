//! Connections in TIME-WAIT, without the rest of the connection: RFC 9293, section 3.6.
//!
//! What an entry does with a segment is decided in `tcp::time_wait` (RFC 1337, RFC 6191); this is
//! the table. All entries wait equally long, so the queue they stand in is ordered by when they
//! end; one whose timer starts again moves to its end. The table is bounded: a newcomer to a full
//! one evicts the oldest entry, which is counted, and the tuple is then free early.

use std::collections::VecDeque;

use super::Stack;
use super::tuple::FourTuple;
use super::tuple_index::TupleIndex;
use crate::tcp::TimeWait;
use crate::time::Instant;

/// A record, and the hash under which the index has its tuple.
#[derive(Clone, Debug)]
struct Entry {
    record: TimeWait,
    hash: u64,
}

/// What TIME-WAIT costs, beside the index.
const _: () = assert!(size_of::<Option<Entry>>() <= 64, "a TIME-WAIT entry stays compact");

/// All that is in TIME-WAIT, by tuple and by age.
#[derive(Debug)]
pub(super) struct TimeWaitTable {
    /// The numbers of the queue's places, by tuple.
    index: TupleIndex,
    /// In the order of their ends; an entry taken out of the middle leaves a gap, never in front.
    queue: VecDeque<Option<Entry>>,
    /// The number of the queue's first place; numbers wrap.
    first: u32,
    max: usize,
}

impl TimeWaitTable {
    pub(super) fn new(max: usize, key: [u8; 16]) -> Self {
        Self { index: TupleIndex::new(key), queue: VecDeque::new(), first: 0, max }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn contains(&self, tuple: &FourTuple) -> bool {
        self.index.contains(tuple)
    }

    /// Takes a connection in. Returns the tuple that had to go for it: the oldest entry's if the
    /// table is full, the connection's own if the table may have none.
    pub(super) fn insert(&mut self, tuple: FourTuple, record: TimeWait) -> Option<FourTuple> {
        if self.max == 0 {
            return Some(tuple);
        }
        let evicted = if self.index.len() >= self.max { self.pop_front() } else { None };
        self.close_gaps();
        self.push_back(tuple, record);
        evicted
    }

    /// The record of `tuple`.
    pub(super) fn record(&self, tuple: &FourTuple) -> Option<&TimeWait> {
        let place = self.place(self.index.find(tuple)?);
        self.queue.get(place)?.as_ref().map(|entry| &entry.record)
    }

    /// The record of `tuple`, to be shown a segment.
    pub(super) fn record_mut(&mut self, tuple: &FourTuple) -> Option<&mut TimeWait> {
        let place = self.place(self.index.find(tuple)?);
        self.queue.get_mut(place)?.as_mut().map(|entry| &mut entry.record)
    }

    /// Takes `tuple` out of the table.
    pub(super) fn remove(&mut self, tuple: &FourTuple) -> Option<TimeWait> {
        let number = self.index.find(tuple)?;
        let place = self.place(number);
        let entry = self.queue.get_mut(place)?.take()?;
        self.index.remove(tuple, number);
        self.drop_gaps_in_front();
        Some(entry.record)
    }

    /// Puts `tuple` behind all others, after its timer has started again.
    pub(super) fn restarted(&mut self, tuple: &FourTuple) {
        if let Some(record) = self.remove(tuple) {
            self.insert(*tuple, record);
        }
    }

    /// Lets go of an entry that has waited long enough, and says which; call it until there is none.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<FourTuple> {
        self.earliest().filter(|end| *end <= now).and_then(|_| self.pop_front())
    }

    /// When the next entry ends.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.queue.front()?.as_ref().map(|entry| entry.record.expires())
    }

    /// All tuples in the table, in no order.
    pub(super) fn tuples(&self) -> impl Iterator<Item = FourTuple> + '_ {
        self.index.tuples()
    }

    fn push_back(&mut self, tuple: FourTuple, record: TimeWait) {
        let hash = self.index.insert(tuple, self.number(self.queue.len()));
        self.queue.push_back(Some(Entry { record, hash }));
    }

    fn pop_front(&mut self) -> Option<FourTuple> {
        let entry = self.queue.pop_front()?;
        let tuple = entry.and_then(|entry| self.index.remove_number(entry.hash, self.first));
        self.first = self.first.wrapping_add(1);
        self.drop_gaps_in_front();
        tuple
    }

    /// The first place is an entry, or the queue is empty: `earliest` need not search.
    fn drop_gaps_in_front(&mut self) {
        while matches!(self.queue.front(), Some(None)) {
            self.queue.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    /// Moves all entries together, once there are a quarter as many gaps as entries may be: the
    /// queue stays bounded, and each gap pays for the move of four entries.
    fn close_gaps(&mut self) {
        if self.queue.len() - self.index.len() <= self.max / 4 {
            return;
        }
        let mut to = 0;
        for from in 0..self.queue.len() {
            let Some(entry) = self.queue.get_mut(from).and_then(Option::take) else { continue };
            self.index.renumber(entry.hash, self.number(from), self.number(to));
            if let Some(place) = self.queue.get_mut(to) {
                *place = Some(entry);
            }
            to += 1;
        }
        self.queue.truncate(to);
    }

    fn number(&self, place: usize) -> u32 {
        let place = u32::try_from(place).expect("fewer than 2^32 entries");
        self.first.wrapping_add(place)
    }

    fn place(&self, number: u32) -> usize {
        usize::try_from(number.wrapping_sub(self.first)).expect("an index fits")
    }
}

impl Stack {
    /// A connection that nobody holds any more stays in TIME-WAIT as a record of its own.
    pub(super) fn enter_time_wait(&mut self, tuple: FourTuple, record: TimeWait) {
        if record.has_timestamps() {
            self.ports.wait(&tuple);
        }
        if let Some(evicted) = self.time_waits.insert(tuple, record) {
            self.stats.time_wait_overflows += 1;
            self.ports.release(&evicted);
        }
    }

    /// Lets go of the records that have waited long enough.
    pub(super) fn expire_time_waits(&mut self, now: Instant) {
        while let Some(tuple) = self.time_waits.pop_expired(now) {
            self.ports.release(&tuple);
        }
    }

    /// Another connection of `tuple` has begun, which the peer has opened.
    pub(super) fn forget_time_wait(&mut self, tuple: &FourTuple) {
        if self.time_waits.remove(tuple).is_some() {
            self.ports.release(tuple);
        }
    }
}
