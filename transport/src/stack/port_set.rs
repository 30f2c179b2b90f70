//! A set of places in the range of ports, in which the next member and the next gap are found in a
//! bounded number of steps, however full it is.
//!
//! A few members are a sorted list of two bytes each. Many are a bit each for the whole range,
//! which is 8 KiB at most: then a step looks at 64 places.

/// Members up to which the set is a list: one of 1 KiB.
const LIST_MAX: usize = 512;

/// Members below which a bitmap is a list again: half as many, so that a set at the border is not
/// made anew each time.
const LIST_AGAIN: usize = LIST_MAX / 2;

/// Numbers below a size that is fixed.
#[derive(Debug)]
pub(super) struct PortSet {
    /// At most 2^16.
    size: u32,
    members: Members,
}

#[derive(Debug)]
enum Members {
    /// In order, each once.
    List(Vec<u16>),
    /// How many, and a bit for each number.
    Bits(usize, Box<[u64]>),
}

impl PortSet {
    /// No member yet, and room for the numbers below `size`.
    pub(super) fn new(size: u32) -> Self {
        Self { size, members: Members::List(Vec::new()) }
    }

    pub(super) fn len(&self) -> usize {
        match &self.members {
            Members::List(list) => list.len(),
            Members::Bits(len, _) => *len,
        }
    }

    pub(super) fn contains(&self, number: u16) -> bool {
        match &self.members {
            Members::List(list) => list.binary_search(&number).is_ok(),
            Members::Bits(_, words) => {
                let (word, bit) = place(number);
                words.get(word).is_some_and(|word| word & bit != 0)
            }
        }
    }

    /// Takes in `number`, which is below the size; does nothing if it is a member.
    pub(super) fn insert(&mut self, number: u16) {
        debug_assert!(u32::from(number) < self.size, "beyond the range");
        match &mut self.members {
            Members::List(list) => {
                let Err(at) = list.binary_search(&number) else { return };
                list.insert(at, number);
                if list.len() > LIST_MAX {
                    self.members = bits(list, self.size);
                }
            }
            Members::Bits(len, words) => {
                let (word, bit) = place(number);
                let Some(word) = words.get_mut(word) else { return };
                *len += usize::from(*word & bit == 0);
                *word |= bit;
            }
        }
    }

    /// Lets go of `number`; does nothing if it is no member.
    pub(super) fn remove(&mut self, number: u16) {
        match &mut self.members {
            Members::List(list) => {
                if let Ok(at) = list.binary_search(&number) {
                    list.remove(at);
                }
            }
            Members::Bits(len, words) => {
                let (word, bit) = place(number);
                let Some(word) = words.get_mut(word) else { return };
                *len -= usize::from(*word & bit != 0);
                *word &= !bit;
                if *len < LIST_AGAIN {
                    self.members = Members::List(self.iter().collect());
                }
            }
        }
    }

    /// The first member at `from` or after it, and after the last place the first again.
    pub(super) fn next_member(&self, from: u16) -> Option<u16> {
        match &self.members {
            Members::List(list) => {
                let at = list.partition_point(|member| *member < from);
                list.get(at).or(list.first()).copied()
            }
            Members::Bits(_, words) => {
                first_bit(words, from, |word| word).or_else(|| first_bit(words, 0, |word| word))
            }
        }
    }

    /// The first number that is no member, at `from` or after it, and after the last place the first
    /// again. None if all are members.
    pub(super) fn next_gap(&self, from: u16) -> Option<u16> {
        if u32::try_from(self.len()).is_ok_and(|len| len >= self.size) {
            return None;
        }
        let gap = |from| {
            match &self.members {
                Members::List(list) => first_not_in(list, from),
                Members::Bits(_, words) => first_bit(words, from, |word| !word),
            }
            .filter(|gap| u32::from(*gap) < self.size)
        };
        gap(from).or_else(|| gap(0))
    }

    /// All members, in order.
    fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let mut next = self.next_member(0);
        core::iter::from_fn(move || {
            let number = next?;
            let after = number.checked_add(1).and_then(|after| self.next_member(after));
            next = after.filter(|after| *after > number);
            Some(number)
        })
    }
}

/// The word of a number, and its bit in there.
fn place(number: u16) -> (usize, u64) {
    (usize::from(number / 64), 1 << (number % 64))
}

/// A list as a bitmap.
fn bits(list: &[u16], size: u32) -> Members {
    let words = usize::try_from(size.div_ceil(64)).expect("1024 at most");
    let mut set = vec![0u64; words].into_boxed_slice();
    for number in list {
        let (word, bit) = place(*number);
        if let Some(word) = set.get_mut(word) {
            *word |= bit;
        }
    }
    Members::Bits(list.len(), set)
}

/// The first bit from `from` on that `view` of its word shows.
fn first_bit(words: &[u64], from: u16, view: impl Fn(u64) -> u64) -> Option<u16> {
    let (first, bit) = place(from);
    // The bits of the first word that lie before `from` do not count.
    let mut mask = !(bit - 1);
    for (index, word) in words.iter().enumerate().skip(first) {
        let shown = view(*word) & mask;
        mask = u64::MAX;
        if shown != 0 {
            let number = index * 64 + usize::try_from(shown.trailing_zeros()).ok()?;
            return u16::try_from(number).ok();
        }
    }
    None
}

/// The first number from `from` on that a sorted list lacks.
fn first_not_in(list: &[u16], from: u16) -> Option<u16> {
    let at = list.partition_point(|member| *member < from);
    let mut next = Some(from);
    for member in list.iter().skip(at) {
        if next != Some(*member) {
            break;
        }
        next = member.checked_add(1);
    }
    next
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::device::simulated::prng::Prng;

    /// What the set should say.
    fn next(size: u32, from: u16, is_wanted: impl Fn(u16) -> bool) -> Option<u16> {
        let numbers = (0..size).map(|it| u16::try_from(it).unwrap());
        let (before, after): (Vec<u16>, Vec<u16>) = numbers.partition(|it| *it < from);
        after.into_iter().chain(before).find(|it| is_wanted(*it))
    }

    #[test]
    fn it_says_what_a_plain_set_says_whatever_its_form() {
        let mut dice = Prng::new(7);
        for size in [1u32, 63, 64, 65, 1_000, 1 << 16] {
            let mut set = PortSet::new(size);
            let mut plain = BTreeSet::new();
            let number = |dice: &mut Prng| u16::try_from(dice.below(u64::from(size))).unwrap();
            for step in 0..6_000 {
                // It fills up, empties, and fills up again.
                let fills = step / 2_000 != 1;
                let at = number(&mut dice);
                if fills == (dice.below(10) < 9) {
                    set.insert(at);
                    plain.insert(at);
                } else {
                    let at = set.next_member(at).unwrap_or(at);
                    set.remove(at);
                    plain.remove(&at);
                }
                assert_eq!((set.len(), set.contains(at)), (plain.len(), plain.contains(&at)));
                if step % 97 == 0 {
                    let from = number(&mut dice);
                    let member = next(size, from, |it| plain.contains(&it));
                    let gap = next(size, from, |it| !plain.contains(&it));
                    assert_eq!(
                        (set.next_member(from), set.next_gap(from)),
                        (member, gap),
                        "{size}"
                    );
                    assert!(set.iter().eq(plain.iter().copied()));
                }
            }
        }
    }

    #[test]
    fn the_last_gap_of_all_ports_is_found_from_anywhere() {
        let mut set = PortSet::new(1 << 16);
        (0..=u16::MAX).filter(|it| *it != 777).for_each(|it| set.insert(it));
        for from in [0, 776, 777, 778, u16::MAX] {
            assert_eq!(set.next_gap(from), Some(777));
        }
        set.insert(777);
        assert_eq!((set.next_gap(9), set.next_member(9)), (None, Some(9)));
    }

    #[test]
    fn an_emptied_set_is_small_again() {
        let mut set = PortSet::new(1 << 16);
        (0..2_000).for_each(|it| set.insert(it));
        assert!(matches!(set.members, Members::Bits(2_000, _)));
        (0..1_900).for_each(|it| set.remove(it));
        assert!(matches!(set.members, Members::List(_)));
        assert!(set.iter().eq(1_900..2_000));
    }
}
