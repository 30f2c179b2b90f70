//! TCP options: RFC 9293, section 3.2; RFC 7323 (window scale, timestamps); RFC 2018 (SACK).
//!
//! Parsing is total and forgiving, as Linux is: an option of unknown kind is skipped by its length;
//! one of known kind with a wrong length is skipped too; a length of 0 or 1, or past the end of the
//! header, ends the list there, and what stood before the fault counts. The segment itself is
//! processed in every case, because a sender that garbles an option may still send good bytes.
//!
//! What only a SYN may carry (maximum segment size, window scale, SACK permitted) is ignored
//! elsewhere: RFC 9293, section 3.7.1; RFC 7323, section 2.2; RFC 2018, section 2.

use super::seq::SeqNumber;

/// Room for options: a data offset of 15 words, less the fixed header.
pub const OPTIONS_LEN_MAX: usize = 40;

/// Largest shift that counts. RFC 7323, section 2.3: a greater one is used as 14.
pub const WINDOW_SCALE_MAX: u8 = 14;

/// Blocks of a SACK option: what fits into 40 bytes of options beside nothing else. RFC 2018,
/// section 3.
pub const SACK_BLOCKS_MAX: usize = 4;

const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// The options of one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size in bytes, on a SYN. Zero is read as absent.
    pub mss: Option<u16>,
    /// Shift of the sender's later windows, on a SYN; at most [`WINDOW_SCALE_MAX`] when parsed.
    pub window_scale: Option<u8>,
    /// Whether the sender takes selective acknowledgements, on a SYN.
    pub sack_permitted: bool,
    /// TSval and TSecr of RFC 7323.
    pub timestamps: Option<Timestamps>,
    /// Ranges received out of order, in the order in which they were listed.
    pub sack: SackBlocks,
}

/// The timestamps option: RFC 7323, section 3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the clock value that the sender saw last from the other side.
    pub echo: u32,
}

/// At most four ranges `[left, right)` of a SACK option, kept inline.
///
/// As on the wire: nothing says yet that a range is inside any window, or even that its left edge
/// is before its right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlocks {
    blocks: [(SeqNumber, SeqNumber); SACK_BLOCKS_MAX],
    count: usize,
}

impl SackBlocks {
    /// No ranges.
    #[must_use]
    pub const fn new() -> Self {
        Self { blocks: [(SeqNumber::new(0), SeqNumber::new(0)); SACK_BLOCKS_MAX], count: 0 }
    }

    /// Appends the range `[left, right)`; false if all four places are taken.
    pub fn push(&mut self, left: SeqNumber, right: SeqNumber) -> bool {
        let Some(place) = self.blocks.get_mut(self.count) else { return false };
        *place = (left, right);
        self.count += 1;
        true
    }

    /// The ranges in their order.
    pub fn iter(&self) -> impl Iterator<Item = (SeqNumber, SeqNumber)> + '_ {
        self.blocks.iter().copied().take(self.count)
    }

    /// How many ranges there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl FromIterator<(SeqNumber, SeqNumber)> for SackBlocks {
    /// Takes the first four ranges.
    fn from_iter<I: IntoIterator<Item = (SeqNumber, SeqNumber)>>(ranges: I) -> Self {
        let mut blocks = Self::new();
        for (left, right) in ranges.into_iter().take(SACK_BLOCKS_MAX) {
            blocks.push(left, right);
        }
        blocks
    }
}

impl Options {
    /// Reads the options of a header; `syn` says whether the segment may carry those of a SYN.
    ///
    /// Of an option that occurs twice the last one counts, as in Linux.
    #[must_use]
    pub fn parse(bytes: &[u8], syn: bool) -> Self {
        let mut options = Self::default();
        let mut rest = bytes;
        while let Some((option, after)) = split_option(rest) {
            options.take(option, syn);
            rest = after;
        }
        options
    }

    /// Takes in one option, kind and length included.
    fn take(&mut self, option: &[u8], syn: bool) {
        match *option {
            [MSS, 4, high, low] if syn => {
                let mss = u16::from_be_bytes([high, low]);
                self.mss = (mss != 0).then_some(mss);
            }
            [WINDOW_SCALE, 3, shift] if syn => {
                self.window_scale = Some(shift.min(WINDOW_SCALE_MAX));
            }
            [SACK_PERMITTED, 2] if syn => self.sack_permitted = true,
            [TIMESTAMPS, 10, v0, v1, v2, v3, e0, e1, e2, e3] => {
                self.timestamps = Some(Timestamps {
                    value: u32::from_be_bytes([v0, v1, v2, v3]),
                    echo: u32::from_be_bytes([e0, e1, e2, e3]),
                });
            }
            [SACK, _, ref ranges @ ..] if ranges.len().is_multiple_of(8) => {
                self.sack = ranges.chunks_exact(8).filter_map(sack_range).collect();
            }
            _ => {}
        }
    }

    /// Bytes that [`Options::emit`] writes: a multiple of four, at most [`OPTIONS_LEN_MAX`].
    #[must_use]
    pub fn len(&self) -> usize {
        let fixed = self.fixed_len();
        match self.sack_blocks_that_fit(fixed) {
            0 => fixed,
            blocks => fixed + 4 + 8 * blocks,
        }
    }

    /// Whether there are no options to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the options, padded to whole words, and returns how many bytes that took.
    ///
    /// The layout is the one that most hosts send, which middleboxes know: segment size first, then
    /// SACK permitted beside the timestamps, then the window scale; every long option begins its
    /// numbers on a word. SACK ranges that no longer fit are left off from the end, for RFC 2018,
    /// section 4 puts the newest first.
    ///
    /// # Panics
    ///
    /// If `out` is shorter than [`Options::len`].
    pub fn emit(&self, out: &mut [u8]) -> usize {
        let fixed = self.fixed_len();
        let mut writer = Writer { out, at: 0 };
        if let Some(mss) = self.mss {
            writer.put(&[MSS, 4]);
            writer.put(&mss.to_be_bytes());
        }
        if self.sack_permitted {
            let padding = if self.timestamps.is_some() { [].as_slice() } else { &[NOP, NOP] };
            writer.put(padding);
            writer.put(&[SACK_PERMITTED, 2]);
        }
        if let Some(timestamps) = self.timestamps {
            let padding = if self.sack_permitted { [].as_slice() } else { &[NOP, NOP] };
            writer.put(padding);
            writer.put(&[TIMESTAMPS, 10]);
            writer.put(&timestamps.value.to_be_bytes());
            writer.put(&timestamps.echo.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            writer.put(&[NOP, WINDOW_SCALE, 3, shift]);
        }
        self.emit_sack(self.sack_blocks_that_fit(fixed), &mut writer);
        writer.at
    }

    /// Writes the first `blocks` SACK ranges.
    fn emit_sack(&self, blocks: usize, writer: &mut Writer<'_>) {
        let length = match blocks {
            0 => return,
            1 => 10,
            2 => 18,
            3 => 26,
            _ => 34,
        };
        writer.put(&[NOP, NOP, SACK, length]);
        for (left, right) in self.sack.iter().take(blocks) {
            writer.put(&left.value().to_be_bytes());
            writer.put(&right.value().to_be_bytes());
        }
    }

    /// Bytes of all options but SACK ranges; 20 at most.
    fn fixed_len(&self) -> usize {
        let mss = if self.mss.is_some() { 4 } else { 0 };
        let pair = match (self.sack_permitted, self.timestamps.is_some()) {
            (false, false) => 0,
            (true, false) => 4,
            (_, true) => 12,
        };
        let scale = if self.window_scale.is_some() { 4 } else { 0 };
        mss + pair + scale
    }

    /// How many SACK ranges fit beside `fixed` bytes of other options.
    fn sack_blocks_that_fit(&self, fixed: usize) -> usize {
        self.sack.len().min((OPTIONS_LEN_MAX - fixed - 4) / 8)
    }
}

/// Cuts the first option off a list: itself, and what follows. `None` at the end of the list, and
/// at a length that makes no sense.
fn split_option(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match *bytes {
        [] | [END, ..] => None,
        [NOP, ..] => bytes.split_at_checked(1),
        [_, length, ..] if length >= 2 => bytes.split_at_checked(usize::from(length)),
        _ => None,
    }
}

/// One range of a SACK option.
fn sack_range(bytes: &[u8]) -> Option<(SeqNumber, SeqNumber)> {
    let (left, right) = bytes.split_at_checked(4)?;
    let left = u32::from_be_bytes(left.try_into().ok()?);
    let right = u32::from_be_bytes(right.try_into().ok()?);
    Some((SeqNumber::new(left), SeqNumber::new(right)))
}

/// Writes one piece after another.
struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        let room = self.out.get_mut(self.at..end).expect("the caller gave room for the options");
        room.copy_from_slice(bytes);
        self.at = end;
    }
}

#[cfg(test)]
pub(in crate::wire) mod tests;
